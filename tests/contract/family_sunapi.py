# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of SUNAPI (Hanwha) in the driver contract suite.

The raw looks take the device's own state: nothing of the toolkit takes part.
"""

from __future__ import annotations

from typing import Any

from family_row import Family, Write


def _value(cgi: str, menu: str, field: str) -> Any:
    return lambda device: device.state[cgi][menu][field]


def _users(device: Any) -> dict[str, str]:
    """Accounts that are in use: a place that is switched off and has its factory name is none."""
    rows = [row for row in device.state["security"]["users"] if row["Enable"]]
    return {
        row["UserID"]: "admin" if row["AdminAccess"] else "control" if row["PTZAccess"] else "view" for row in rows
    }


def _has_password(device: Any, name: str, password: str) -> bool:
    rows = device.state["security"]["users"]
    return any(row["UserID"] == name and row["Enable"] and row["Password"] == password for row in rows)


def _beyond(device: Any) -> None:
    device.force("system", "deviceinfo", device.state["system"]["deviceinfo"] | {"Memo": "something else"})


ROW = Family(
    name="sunapi",
    pauses={"sunapi_session.BUSY_PAUSE": 0.05},
    model="sunapi-modern",
    login=("admin", "Lab-Wisenet-7"),
    reading=12,
    paths=("/stw-cgi", "/init-cgi"),
    beyond=_beyond,
    users=_users,
    has_password=_has_password,
    https_at_start=False,
    with_https={"menus": {"security": {"ssl": {"Policy": "HTTPandHTTPSProprietary"}}}},
    ports={"telnet": [23, 2323], "ftp": [21, 2121]},
    cosmetic=("identity.name", "cam-7", lambda d: [_value("system", "deviceinfo", "DeviceName")(d)]),
    unsupported={"cloud": {"enabled": True}},
    characters=("sunapi-old",),
    liar="H01",
    forgetful="H16",
    intruder="new-account",
    keeps_password="H12",
    error_in_ok=("H12", {"identity.name": "cam-8"}, "identity.name"),
    writes=(
        Write("bool", {"ddns": {"enabled": False}}, "ddns.enabled", _value("network", "dynamicdns", "Type"), "Off"),
        Write("str", {"identity": {"name": "cam-7"}}, "identity.name", _value("system", "deviceinfo", "DeviceName"),
              "cam-7"),
        Write("str", {"identity": {"location": "B1"}}, "identity.location",
              _value("system", "deviceinfo", "DeviceLocation"), "B1"),
        Write("enum", {"time": {"sync": "ntp"}}, "time.sync", _value("system", "date", "SyncType"), "NTP"),
        Write("zone", {"time": {"zone": "Asia/Tokyo"}}, "time.zone", _value("system", "date", "POSIXTimeZone"),
              "JST-9"),
        Write("list", {"time": {"servers": ["192.0.2.1", "ntp.example.jp"]}}, "time.servers",
              _value("system", "date", "NTPURLList"), ["192.0.2.1", "ntp.example.jp"]),
        Write("service", {"services": {"snmp_v2c": {"enabled": False}}}, "services.snmp_v2c.enabled",
              _value("network", "snmp", "Version2"), False),
        Write("upnp", {"services": {"upnp": {"enabled": False}}}, "services.upnp.enabled",
              _value("network", "upnpdiscovery", "Enable"), False),
        Write("video", {"video": {"authentication": True}}, "video.authentication",
              _value("security", "rtsp", "RTSPAuthentication"), "Protected"),
        Write("account", {"accounts": {"ops": {"role": "operator"}}}, 'accounts."ops".role',
              lambda d: _users(d).get("ops"), "control"),
        Write("removal", {"accounts": {"viewer": "absent"}}, 'accounts."viewer".role',
              lambda d: _users(d).get("viewer"), None),
        Write("filter", {"access": {"mode": "allow", "sources": ["127.0.0.0/8", "192.0.2.0/24"]}}, "access.mode",
              _value("security", "ipfilter", "AccessType"), "Allow"),
    ),
)  # fmt: skip

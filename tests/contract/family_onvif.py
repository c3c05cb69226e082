# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of ONVIF in the driver contract suite.

The raw looks take the device's own state: nothing of the toolkit takes part.
"""

from __future__ import annotations

from typing import Any

from family_row import Family, Write


def _protocol(device: Any, name: str) -> dict[str, Any]:
    return next(row for row in device.state["protocols"] if row["Name"] == name)


def _scope(device: Any, kind: str) -> list[str]:
    mark = f"onvif://www.onvif.org/{kind}/"
    return [row["ScopeItem"][len(mark) :] for row in device.state["scopes"] if row["ScopeItem"].startswith(mark)]


def _onvif_ntp(device: Any) -> list[str]:
    fields = ("DNSname", "IPv4Address", "IPv6Address")
    return [next(row[f] for f in fields if row.get(f)) for row in device.state["ntp"]["NTPManual"]]


def _onvif_users(device: Any) -> dict[str, str]:
    return {user["Username"]: user["UserLevel"] for user in device.state["users"]}


def _onvif_password(device: Any, name: str, password: str) -> bool:
    return any(user["Username"] == name and user["Password"] == password for user in device.state["users"])


def _beyond(device: Any) -> None:
    for state in (device.state, device.stored):
        state["dns"]["SearchDomain"] = ["evil.example"]


ROW = Family(
    name="onvif",
    model="onvif-complete",
    login=("admin", "12345"),
    reading=20,
    paths=("/onvif",),
    beyond=_beyond,
    users=_onvif_users,
    has_password=_onvif_password,
    https_at_start=False,
    with_https={"protocols": [{"Name": name, "Enabled": True} for name in ("HTTP", "HTTPS", "RTSP")]},
    ports={"telnet": [23, 2323], "ftp": [21, 2121]},
    cosmetic=("identity.name", "cam-7", lambda d: _scope(d, "name")),
    unsupported={"cloud": {"enabled": True}},
    characters=("onvif-sha256", "onvif-strict", "onvif-one-namespace", "onvif-poor", "onvif-lying", "onvif-restart",
                "onvif-recorder"),
    liar="H01",
    forgetful="H16",
    intruder="new-account",
    keeps_password="H01",
    error_in_ok=("H12", {"time": {"servers": ["192.0.2.1", "192.0.2.2", "192.0.2.3"]}}, "time.servers"),
    writes=(
        Write("bool", {"ddns": {"enabled": False}}, "ddns.enabled", lambda d: d.state["dynamic_dns"]["Type"],
              "NoUpdate"),
        Write("str", {"identity": {"hostname": "cam-7"}}, "identity.hostname", lambda d: d.state["hostname"]["Name"],
              "cam-7"),
        Write("scope", {"identity": {"name": "North Gate"}}, "identity.name", lambda d: _scope(d, "name"),
              ["North%20Gate"]),
        Write("enum", {"time": {"sync": "ntp"}}, "time.sync", lambda d: d.state["datetime"]["DateTimeType"], "NTP"),
        Write("zone", {"time": {"zone": "Asia/Tokyo"}}, "time.zone", lambda d: d.state["datetime"]["TZ"], "JST-9"),
        Write("list", {"time": {"servers": ["192.0.2.1", "ntp.example.jp"]}}, "time.servers", _onvif_ntp,
              ["192.0.2.1", "ntp.example.jp"]),
        Write("service", {"services": {"rtsp": {"enabled": False}}}, "services.rtsp.enabled",
              lambda d: _protocol(d, "RTSP")["Enabled"], False),
        Write("account", {"accounts": {"ops": {"role": "operator"}}}, 'accounts."ops".role',
              lambda d: _onvif_users(d).get("ops"), "Operator"),
        Write("removal", {"accounts": {"service": "absent"}}, 'accounts."service".role',
              lambda d: _onvif_users(d).get("service"), None),
        Write("filter", {"access": {"mode": "allow", "sources": ["192.0.2.0/24"]}}, "access.mode",
              lambda d: d.state["ip_filter"]["Type"], "Allow"),
        Write("dns", {"network": {"dns_servers": ["192.0.2.53"]}}, "network.dns_servers",
              lambda d: [row["IPv4Address"] for row in d.state["dns"]["DNSManual"]], ["192.0.2.53"]),
    ),
)  # fmt: skip

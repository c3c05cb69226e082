# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of Dahua in the driver contract suite.

The raw looks take the device's own state: nothing of the toolkit takes part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from family_row import Family, Write


def _table(*path: Any) -> Callable[[Any], Any]:
    """A value in the tables of the simulated device: _table("DDNS", 0, "Enable")."""

    def look(device: Any) -> Any:
        value = device.tables
        for part in path:
            value = value[part]
        return value

    return look


def _users(device: Any) -> dict[str, str]:
    return {row["Name"]: row["Group"] for row in device.users.all}


def _has_password(device: Any, name: str, password: str) -> bool:
    return any(row["Name"] == name and row["Password"] == password for row in device.users.all)


def _beyond(device: Any) -> None:
    device.force("AutoMaintain.AutoRebootDay", 3)


ROW = Family(
    name="dahua",
    model="dahua-camera",
    login=("admin", "Factory-1234"),
    reading=6,
    paths=("/cgi-bin", "/RPC2"),
    beyond=_beyond,
    users=_users,
    has_password=_has_password,
    https_at_start=False,
    with_https={"tables": {"Https": {"Enable": True}}},
    ports={"telnet": [23, 2323], "ssh": [22, 2222], "http": [8080]},
    cosmetic=("identity.name", "cam-7", lambda device: [device.tables["General"]["MachineName"]]),
    unsupported={"log": {"remote": ["192.0.2.9"]}},
    characters=("dahua-camera-old", "dahua-nvr"),
    slower={"dahua-camera-old": 45},  # it tells its tables one by one only
    liar="H01",
    forgetful="H16",
    intruder="new-account",
    keeps_password="H01",
    error_in_ok=("H12", {"identity": {"hostname": "cam-7"}}, "identity.hostname"),
    writes=(
        Write("bool", {"services": {"upnp": {"enabled": False}}}, "services.upnp.enabled", _table("UPnP", "Enable"),
              False),
        Write("str", {"identity": {"hostname": "cam-7"}}, "identity.hostname", _table("Network", "Hostname"), "cam-7"),
        Write("name", {"identity": {"name": "North Gate"}}, "identity.name", _table("General", "MachineName"),
              "North Gate"),
        Write("int", {"auth": {"lockout_attempts": 3}}, "auth.lockout_attempts", _table("General", "LockLoginTimes"),
              3),
        Write("minutes", {"auth": {"lockout_minutes": 45}}, "auth.lockout_minutes",
              _table("General", "LoginFailLockTime"), 2700),
        Write("enum", {"time": {"sync": "ntp"}}, "time.sync", _table("NTP", "Enable"), True),
        Write("zone", {"time": {"zone": "Asia/Tokyo"}}, "time.zone", _table("NTP", "TimeZone"), 14),
        Write("list", {"time": {"servers": ["ntp.example.jp"]}}, "time.servers", _table("NTP", "Address"),
              "ntp.example.jp"),
        Write("cloud", {"cloud": {"enabled": False}}, "cloud.enabled",
              lambda device: (device.tables["T2UServer"]["Enable"], device.tables["VSP_PaaS"]["Enable"]),
              (False, False)),
        Write("multicast", {"services": {"multicast": {"enabled": False}}}, "services.multicast.enabled",
              _table("Multicast", "DHII", 0, "Enable"), False),
        Write("account", {"accounts": {"ops": {"role": "viewer"}}}, 'accounts."ops".role',
              lambda device: _users(device).get("ops"), "user"),
        Write("removal", {"accounts": {"viewer": "absent"}}, 'accounts."viewer".role',
              lambda device: _users(device).get("viewer"), None),
        Write("filter", {"access": {"mode": "allow", "sources": ["127.0.0.1", "192.0.2.9"]}}, "access.mode",
              lambda device: (device.tables["AccessFilter"]["Type"], device.tables["AccessFilter"]["Enable"]),
              ("TrustList", True)),
        Write("dns", {"network": {"dns_servers": ["192.0.2.53"]}}, "network.dns_servers",
              _table("Network", "eth0", "DnsServers", 0), "192.0.2.53"),
        Write("rows", {"events": {"tamper": True}}, "events.tamper", _table("BlindDetect", 0, "Enable"), True),
        Write("recording", {"storage": {"edge_recording": False}}, "storage.edge_recording",
              _table("RecordMode", 0, "Mode"), 2),
    ),
)  # fmt: skip

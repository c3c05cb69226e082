# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of ISAPI in the driver contract suite.

The raw looks take the device's own documents: nothing of the toolkit takes part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from family_row import Family, Write


def _at(path: str, inner: str) -> Callable[[Any], Any]:
    return lambda device: device.value(path, inner)


def _users(device: Any) -> dict[str, str]:
    return {row["userName"]: row["userLevel"] for row in device.users.rows}


def _password(device: Any, name: str, password: str) -> bool:
    return any(row["userName"] == name and row["password"] == password for row in device.users.rows)


def _servers(device: Any) -> list[str]:
    return [
        row.get("hostName") or row.get("ipAddress", "") for row in device.rows("System/time/ntpServers", "NTPServer")
    ]


def _log_server(device: Any) -> list[str]:
    return [device.value("System/logServer", name) for name in ("enabled", "ipAddress", "portNo")]


ROW = Family(
    name="isapi",
    model="isapi-camera",
    login=("admin", "Camera-12345"),
    reading=20,
    paths=("/ISAPI",),
    beyond=lambda device: device.edit("System/deviceInfo", "telecontrolID", "99"),
    users=_users,
    has_password=_password,
    ports={"telnet": [23, 2323], "ftp": [21, 2121]},
    cosmetic=("identity.name", "cam-7", _at("System/deviceInfo", "deviceName")),
    volatile=("recording.state",),
    unsupported={"dot1x": {"enabled": True}},
    characters=("isapi-camera-old", "isapi-nvr"),
    liar="H01",
    forgetful="H16",
    intruder="new-account",
    keeps_password="H12",
    error_in_ok=("H12", {"identity": {"name": "cam-7"}}, "identity.name"),
    writes=(
        Write("bool", {"cloud": {"enabled": False}}, "cloud.enabled", _at("System/Network/EZVIZ", "enabled"), "false"),
        Write("str", {"identity": {"name": "North Gate"}}, "identity.name", _at("System/deviceInfo", "deviceName"),
              "North Gate"),
        Write("enum", {"time": {"sync": "ntp"}}, "time.sync", _at("System/time", "timeMode"), "NTP"),
        Write("zone", {"time": {"zone": "Asia/Tokyo"}}, "time.zone", _at("System/time", "timeZone"), "CST-9:00:00"),
        Write("list", {"time": {"servers": ["192.0.2.1"]}}, "time.servers", _servers, ["192.0.2.1"]),
        Write("service", {"services": {"rtsp": {"enabled": False}}}, "services.rtsp.enabled",
              lambda device: device.protocol("RTSP")["enabled"], "false"),
        Write("account", {"accounts": {"ops": {"role": "operator"}}}, 'accounts."ops".role',
              lambda device: _users(device).get("ops"), "Operator"),
        Write("removal", {"accounts": {"service": "absent"}}, 'accounts."service".role',
              lambda device: _users(device).get("service"), None),
        Write("log", {"log": {"remote": ["192.0.2.9"]}}, "log.remote", _log_server, ["true", "192.0.2.9", "514"]),
        Write("lock", {"auth": {"lockout_attempts": 3}}, "auth.lockout_attempts",
              _at("Security/illegalLoginLock", "maxIllegalLoginTimes"), "3"),
        Write("filter", {"access": {"mode": "allow", "sources": ["192.0.2.7"]}}, "access.mode",
              lambda d: [d.value("System/Network/ipFilter", name) for name in ("enabled", "permissionType")],
              ["true", "allow"]),
        Write("dns", {"network": {"dns_servers": ["192.0.2.53"]}}, "network.dns_servers",
              _at("System/Network/interfaces", "NetworkInterface/IPAddress/PrimaryDNS/ipAddress"), "192.0.2.53"),
        Write("tamper", {"events": {"tamper": True}}, "events.tamper",
              _at("System/Video/inputs/channels/1/tamperDetection", "enabled"), "true"),
    ),
)  # fmt: skip

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of VAPIX (AXIS) in the driver contract suite.

The raw looks take the device's own state: nothing of the toolkit takes part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from family_row import Family, Write


def _parameter(*names: str) -> Callable[[Any], Any]:
    def look(device: Any) -> Any:
        found = [device.tree.get(name) for name in names]
        return found if len(found) > 1 else found[0]

    return look


def _users(device: Any) -> dict[str, str]:
    return {name: user.role for name, user in device.accounts.users.items()}


def _has_password(device: Any, name: str, password: str) -> bool:
    return device.accounts.password(name) == password


def _rules(device: Any) -> tuple[bool, str, list[str]]:
    firewall = device.firewall
    return firewall.activated, firewall.policy, [str(rule.get("ip")) for rule in firewall.rules]


def _beyond(device: Any) -> None:
    device.tree.put("Network.RTP.StartPort", "50500")


ROW = Family(
    name="vapix",
    pauses={"vapix_firewall.POLL_SECONDS": 0.1},
    model="vapix-modern",
    login=("admin", "Axis-Old-1"),
    reading=6,
    paths=("/axis-cgi", "/config"),
    speaks=("onvif",),
    beyond=_beyond,
    users=_users,
    has_password=_has_password,
    ports={"telnet": [23, 2323], "ftp": [21, 2121], "ssh": [2222]},
    cosmetic=("identity.name", "cam-7", lambda device: [device.tree.get("Network.UPnP.FriendlyName")]),
    unsupported={"auth": {"lockout_attempts": 3}},
    characters=("vapix-9", "vapix-old"),
    liar="H01",
    forgetful="H16",
    intruder="new-account",
    keeps_password="H12",
    error_in_ok=("H12", {"identity": {"hostname": "cam-7"}}, "identity.hostname"),
    writes=(
        Write("bool", {"services": {"zeroconf": {"enabled": False}}}, "services.zeroconf.enabled",
              _parameter("Network.ZeroConf.Enabled"), "no"),
        Write("asked for", {"services": {"lldp": {"enabled": False}}}, "services.lldp.enabled",
              lambda device: device.rest["lldp"]["activated"], False),
        Write("str", {"identity": {"hostname": "cam-7"}}, "identity.hostname", _parameter("Network.HostName"), "cam-7"),
        Write("name", {"identity": {"name": "North Gate"}}, "identity.name",
              _parameter("Network.Bonjour.FriendlyName", "Network.UPnP.FriendlyName"), ["North Gate", "North Gate"]),
        Write("words", {"services": {"ws_discovery": {"enabled": False}}}, "services.ws_discovery.enabled",
              _parameter("WebService.DiscoveryMode.Discoverable"), "No"),
        Write("on-off", {"log": {"auth_events": True}}, "log.auth_events", _parameter("System.AccessLog"), "On"),
        Write("cloud", {"cloud": {"enabled": False}}, "cloud.enabled", _parameter("RemoteService.Enabled"), "no"),
        Write("enum", {"auth": {"basic_login": True}}, "auth.basic_login",
              _parameter("Network.HTTP.AuthenticationPolicy"), "basic_digest"),
        Write("zone", {"time": {"zone": "Asia/Tokyo"}}, "time.zone",
              _parameter("Time.POSIXTimeZone", "Time.DST.Enabled"), ["JST-9", "no"]),
        Write("list", {"time": {"servers": ["192.0.2.1", "ntp.example.jp"]}}, "time.servers",
              lambda device: device.ntp["staticServers"], ["192.0.2.1", "ntp.example.jp"]),
        Write("account", {"accounts": {"ops": {"role": "operator"}}}, 'accounts."ops".role',
              lambda device: _users(device).get("ops"), "operator"),
        Write("removal", {"accounts": {"guest": "absent"}}, 'accounts."guest".role',
              lambda device: _users(device).get("guest"), None),
        Write("filter", {"access": {"mode": "allow", "sources": ["127.0.0.1", "192.0.2.0/24"]}}, "access.mode", _rules,
              (True, "DROP", ["127.0.0.1", "192.0.2.0/24"])),
        Write("dns", {"network": {"dns_servers": ["192.0.2.53"]}}, "network.dns_servers",
              _parameter("Network.DNSServer1", "Network.Resolver.ObtainFromDHCP"), ["192.0.2.53", "no"]),
        Write("log", {"log": {"remote": ["tls://192.0.2.9:6514"]}}, "log.remote",
              _parameter("API.RemoteSyslog1.Enabled", "API.RemoteSyslog1.Server1.Address"), ["true", "192.0.2.9"]),
    ),
)  # fmt: skip

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of OpenWrt in the driver contract suite.

The raw looks take the router's own state: nothing of the toolkit takes part.
"""

from __future__ import annotations

from typing import Any

from family_row import Family, Write


def uci(device: Any, package: str, section_type: str, option: str) -> list[Any]:
    """The committed values of one option in all sections of a type; None where it is not set."""
    return [section.options.get(option) for section in device.store.peek(package).of_type(section_type)]


def _logins(device: Any) -> dict[str, str]:
    rows = device.store.peek("rpcd").of_type("login")
    return {row.options["username"]: "all" if "*" in row.options.get("write", ()) else "read" for row in rows}


def _router_password(device: Any, name: str, password: str) -> bool:
    from ansible_collections.nwcs.hardening.lab.openwrt.sessions import find_login

    return find_login(device.store.peek("rpcd"), device.shadow, name, password) is not None


def _beyond(device: Any) -> None:
    with device.edit("system") as stage:
        stage.set(stage.package.of_type("system")[0], "ttylogin", "1")


ROW = Family(
    name="openwrt",
    model="openwrt-full-acl",
    login=("root", "Router-Old-1"),
    overrides={"passwords": {"root": "Router-Old-1"}},
    reading=5,
    paths=("/ubus",),
    beyond=_beyond,
    users=_logins,
    has_password=_router_password,
    ports={"telnet": [23, 2323]},
    cosmetic=("identity.hostname", "router-7", lambda d: uci(d, "system", "system", "hostname")),
    volatile=("network.leases",),
    unsupported={"cloud": {"enabled": True}},
    characters=("openwrt-factory",),
    liar="reverted-by-device",
    forgetful="H16",
    intruder="new-login",
    keeps_password="H12",
    error_in_ok=("H12", {"identity.hostname": "router-7"}, "identity.hostname"),
    writes=(
        Write("bool", {"nat": {"upnp": True}}, "nat.upnp", lambda d: uci(d, "upnpd", "upnpd", "enabled"), ["1"]),
        Write("str", {"identity": {"hostname": "gate-7"}}, "identity.hostname",
              lambda d: uci(d, "system", "system", "hostname"), ["gate-7"]),
        Write("enum", {"time": {"sync": "manual"}}, "time.sync",
              lambda d: uci(d, "system", "timeserver", "enabled"), ["0"]),
        Write("zone", {"time": {"zone": "Asia/Tokyo"}}, "time.zone",
              lambda d: uci(d, "system", "system", "timezone"), ["JST-9"]),
        Write("list", {"time": {"servers": ["192.0.2.1", "ntp.example.jp"]}}, "time.servers",
              lambda d: uci(d, "system", "timeserver", "server"), [["192.0.2.1", "ntp.example.jp"]]),
        Write("service", {"services": {"ssh": {"enabled": False}}}, "services.ssh.enabled",
              lambda d: d.running("dropbear"), False),
        Write("account", {"accounts": {"ops": {"role": "viewer"}}}, 'accounts."ops".role',
              lambda d: _logins(d).get("ops"), "read"),
        Write("log", {"log": {"remote": ["192.0.2.9"]}}, "log.remote", lambda d: uci(d, "system", "system", "log_ip"),
              ["192.0.2.9"]),
        Write("firewall", {"nat": {"wan_input": "drop"}}, "nat.wan_input",
              lambda d: [s.options["input"] for s in d.store.peek("firewall").of_type("zone")
                         if s.options["name"] == "wan"], ["DROP"]),
    ),
)  # fmt: skip

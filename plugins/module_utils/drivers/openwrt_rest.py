# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no binding models, per document: it is digested, so that a change outside the model is seen as well.

No secrets (masked when read), no volatile values, no ids of anonymous sections (H46).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import openwrt_firewall as firewall
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import openwrt_uci as uci

# (package, section type): options that bindings model.
_MODELLED: dict[tuple[str, str], frozenset[str]] = {
    ("system", "system"): frozenset(
        "hostname description timezone zonename log_ip log_port log_proto log_remote".split()
    ),
    ("system", "timeserver"): frozenset("enabled enable_server server".split()),
    ("dropbear", "dropbear"): frozenset("enable PasswordAuth RootPasswordAuth Port Interface".split()),
    ("uhttpd", "uhttpd"): frozenset("listen_http listen_https redirect_https".split()),
    ("firewall", "forwarding"): frozenset("src dest enabled".split()),
    ("upnpd", "upnpd"): frozenset(["enabled"]),
    ("ddns", "service"): frozenset("enabled service_name domain lookup_host".split()),
    ("dhcp", "domain"): frozenset("name ip".split()),
    ("dhcp", "cname"): frozenset("cname target".split()),
    ("dhcp", "dhcp"): frozenset("dhcp_option ignore".split()),
    ("rpcd", "login"): frozenset("username read write".split()),
    ("wireless", "wifi-iface"): frozenset(
        "disabled ssid hidden encryption macfilter maclist wps_pushbutton wps_label ext_registrar ap_pin".split()
    ),
    ("wireless", "wifi-device"): frozenset(["disabled"]),
}
_UPLINK = frozenset("dns peerdns".split())
_RULE = frozenset("name src proto dest_port dest dest_ip src_ip target enabled".split())
_REDIRECT = frozenset("name src src_dport dest_ip dest_port proto src_ip target enabled".split())


def _package(package: str, tree: uci.Tree) -> list[Any]:
    outside = {id(s) for s in firewall.accepts(tree)} if package == "firewall" else set()
    forwards = {id(s) for s in firewall.redirects(tree)} if package == "firewall" else set()
    zones = firewall.wan_zones(tree) if package == "firewall" else []
    rest: dict[str, list[Any]] = {}
    for name, section in tree.items():
        type_ = section[".type"]
        modelled = _MODELLED.get((package, type_), frozenset())
        if id(section) in outside and firewall.enabled(section):
            modelled = _RULE
        elif id(section) in forwards and firewall.enabled(section):
            modelled = _REDIRECT
        elif type_ == "zone" and uci.text(section, "name") in zones:
            modelled = frozenset(["input"])
        elif package == "network" and type_ == "interface" and name.startswith("wan"):
            modelled = _UPLINK
        elif package == "firewall" and type_ == "forwarding" and not firewall.enabled(section):
            modelled = frozenset()
        options = {
            option: value if isinstance(value, list) else str(value)
            for option, value in sorted(section.items())
            if not option.startswith(".") and option not in modelled and value != []
        }
        if others := [o for o in uci.items(section, "dhcp_option") if not uci.is_dns_option(o)]:
            options["dhcp_option"] = others
        label = "" if section[".anonymous"] else name
        if options or label:
            rest.setdefault(type_, []).append([label, options])
    return sorted(rest.items())


def _rc(tree: dict[str, Any]) -> Any:
    """Which init scripts are there and start at boot; `running` comes and goes."""
    return sorted((name, bool(row.get("enabled"))) for name, row in tree.items() if isinstance(row, dict))


def _board(tree: dict[str, Any]) -> Any:
    return {name: tree.get(name) for name in ("kernel", "system", "board_name", "rootfs_type", "release")}


REST: dict[str, Callable[[Any], Any]] = {
    name: functools.partial(_package, name)
    for name in ("system", "dropbear", "uhttpd", "firewall", "upnpd", "ddns", "network", "dhcp", "wireless", "rpcd")
} | {
    "rc": _rc, "board": _board, "passwd": lambda tree: tree, "shadow": lambda tree: tree,
    "packages": lambda tree: tree.get("packages"), "acls": lambda tree: tree.get("groups"),
}  # fmt: skip

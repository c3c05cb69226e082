# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bindings of the network, dhcp and wireless packages. Fact sheet section 8."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import NOT_OFFERED, Reading
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_uci import (
    Section,
    Tree,
    add,
    first,
    flag,
    is_dns_option,
    items,
    of_type,
    put_flag,
    put_items,
    put_text,
    row,
    text,
)


# -- the internet side and name servers --------------------------------------------------------------------------------
def uplinks(network: Tree) -> list[Section]:
    """Interfaces to the internet: wan*, else those with a gateway, else the LAN (an access point)."""
    interfaces = [(n, s) for n, s in of_type(network, "interface") if n != "loopback"]
    named = [s for n, s in interfaces if n.startswith(("wan", "wwan"))]
    return named or [s for _n, s in interfaces if text(s, "gateway")] or [s for n, s in interfaces if n == "lan"]


def _plain(server: str) -> bool:
    """A server for all names, not "/domain/address"."""
    return not server.startswith("/")


def _dnsmasq(dhcp: Tree) -> Section:
    return first(dhcp, "dnsmasq") or {}


def _upstream(network: Tree, dhcp: Tree) -> list[str]:
    own = [server for server in items(_dnsmasq(dhcp), "server") if _plain(server)]
    if flag(_dnsmasq(dhcp), "noresolv", False):
        return own
    return list(dict.fromkeys(own + [server for section in uplinks(network) for server in items(section, "dns")]))


def _put_upstream(network: Tree, dhcp: Tree, value: list[str]) -> None:
    if _upstream(network, dhcp) == value:
        return
    section = _dnsmasq(dhcp)
    for_domains = [server for server in items(section, "server") if not _plain(server)]
    only_own = flag(section, "noresolv", False)
    if section:
        put_items(section, "server", [*value, *for_domains] if only_own else for_domains)
    if not only_own:
        for number, uplink in enumerate(uplinks(network)):
            put_items(uplink, "dns", value if number == 0 else [])


def _from_provider(network: Tree) -> bool:
    return any(text(s, "proto") != "static" and flag(s, "peerdns", True) for s in uplinks(network))


def _put_from_provider(network: Tree, value: bool) -> None:
    for section in uplinks(network):
        if text(section, "proto") != "static":
            put_flag(section, "peerdns", value)


def _from_provider_limit(_ctx: Any, network: Tree, _item: str, value: bool) -> str | None:
    fixed = all(text(section, "proto") == "static" for section in uplinks(network))
    return "the internet side has a fixed address: no provider tells name servers" if value and fixed else None


def _pools(dhcp: Tree) -> list[Section]:
    return [section for _n, section in of_type(dhcp, "dhcp") if not flag(section, "ignore", False)]


def _handed_out(dhcp: Tree) -> list[str]:
    found = []
    for section in _pools(dhcp):
        for entry in items(section, "dhcp_option"):
            if is_dns_option(entry):
                found += [server for server in entry.split(",")[1:] if server]
        found += items(section, "dns")
    return list(dict.fromkeys(found))


def _put_handed_out(dhcp: Tree, value: list[str]) -> None:
    """The DHCP option carries IPv4 servers, `dns` the IPv6 ones; none: the router itself."""
    four, six = [v for v in value if ":" not in v], [v for v in value if ":" in v]
    for section in _pools(dhcp):
        kept = [entry for entry in items(section, "dhcp_option") if not is_dns_option(entry)]
        put_items(section, "dhcp_option", kept + ([",".join(["6", *four])] if four else []))
        put_items(section, "dns", six)


def _static_names(dhcp: Tree) -> list[str]:
    found = [f"{text(s, 'name')}={text(s, 'ip')}" for _n, s in of_type(dhcp, "domain")]
    found += [f"{text(s, 'cname')}={text(s, 'target')}" for _n, s in of_type(dhcp, "cname")]
    return found + items(_dnsmasq(dhcp), "address")


def _put_static_names(dhcp: Tree, value: list[str]) -> None:
    """name=address, name=other.name (an alias), or dnsmasq's own /domain/address."""
    section = _dnsmasq(dhcp)
    if section:
        put_items(section, "address", [entry for entry in value if entry.startswith("/")])
    left = [entry for entry in value if not entry.startswith("/")]
    for type_, name, goal in (("domain", "name", "ip"), ("cname", "cname", "target")):
        for key, entry in list(of_type(dhcp, type_)):
            words = f"{text(entry, name)}={text(entry, goal)}"
            if words in left:
                left.remove(words)
            elif words not in value:
                del dhcp[key]
    for words in left:
        name, _equals, goal = words.partition("=")
        if _is_address(goal):
            add(dhcp, "domain", {"name": name, "ip": goal})
        else:
            add(dhcp, "cname", {"cname": name, "target": goal})


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _static_names_limit(_ctx: Any, dhcp: Tree, _item: str, value: list[str]) -> str | None:
    if not first(dhcp, "dnsmasq") and value:
        return "dnsmasq has no settings on this router"
    wrong = [v for v in value if not re.fullmatch(r"/\S+/\S*|[^=\s/]+=[^=\s/]+", v)]
    return f"expected name=address or /domain/address, got {wrong[0]!r}" if wrong else None


# -- addresses ---------------------------------------------------------------------------------------------------------
def _lan(network: Tree) -> Section:
    return network.get("lan") or next((s for n, s in of_type(network, "interface") if n != "loopback"), {})


def _address(network: Tree) -> list[str]:
    section = _lan(network)
    mask = text(section, "netmask")
    four = [a if "/" in a or not mask else f"{a}/{mask}" for a in items(section, "ipaddr")]
    return four + items(section, "ip6addr")


def _addresses(section: dict[str, Any]) -> Iterator[str]:
    for family in ("ipv4-address", "ipv6-address"):
        for entry in section.get(family) or ():
            yield f"{entry['address']}/{entry['mask']}"


def _wan_address(dump: dict[str, Any]) -> list[str]:
    """Addresses of the interfaces that hold a default route."""
    found = []
    for interface in dump.get("interface") or ():
        if any(r.get("mask") == 0 and r.get("target") in ("0.0.0.0", "::") for r in interface.get("route") or ()):
            found += list(_addresses(interface))
    return found


def _served(dhcp: Tree, rc: dict[str, Any]) -> bool:
    on = bool(rc.get("dnsmasq", {}).get("enabled"))
    return on and any(text(s, "dhcpv4", "server") != "disabled" for s in _pools(dhcp))


NETWORK = (
    row("network.dns_servers", "network dhcp", _upstream, _put_upstream),
    row("network.dns_from_provider", "network", _from_provider, _put_from_provider, limits=_from_provider_limit),
    row("network.dns_handed_out", "dhcp", _handed_out, _put_handed_out,
        limits=lambda ctx, t, i, v: None if _pools(t) or not v else "the router hands out no addresses"),
    row("network.static_names", "dhcp", _static_names, _put_static_names, limits=_static_names_limit),
    row("network.address", "network", _address),
    row("network.addressing", "network", lambda t: "dhcp" if text(_lan(t), "proto") == "dhcp" else "static"),
    row("network.gateway", "network", lambda t: [a for s in uplinks(t) for a in items(s, "gateway")]),
    row("network.wan_address", "interfaces", _wan_address),
    row("network.leases", "leases", lambda t: t["leases"]),
    row("services.dhcp.enabled", "dhcp rc", _served),
    row("services.dns.enabled", "dhcp rc",
        lambda t, rc: bool(rc.get("dnsmasq", {}).get("enabled")) and text(_dnsmasq(t), "port", "53") != "0"),
)  # fmt: skip


# -- wireless ----------------------------------------------------------------------------------------------------------
# encryption word -> our word; the longest fitting prefix counts. Ciphers follow after "+".
_SECURITY = {
    "none": "none", "open": "none", "": "none", "wep": "wep", "psk": "wpa", "psk2": "wpa2", "psk-mixed": "wpa-mixed",
    "sae": "wpa3", "sae-mixed": "wpa2-wpa3", "psk3": "wpa3", "psk3-mixed": "wpa2-wpa3", "owe": "owe",
    "wpa": "enterprise", "wpa2": "enterprise", "wpa3": "enterprise", "wpa-mixed": "enterprise",
    "wpa3-mixed": "enterprise", "wpa3-192": "enterprise",
}  # fmt: skip
_ENCRYPTION = {
    "none": "none", "owe": "owe", "wpa": "psk+ccmp", "wpa-mixed": "psk-mixed+ccmp", "wpa2": "psk2+ccmp",
    "wpa2-wpa3": "sae-mixed", "wpa3": "sae",
}  # fmt: skip


def _networks(tree: Tree) -> dict[str, Section]:
    """Access points by name: the section's where it has one, else the network name (a second one gets #2, H46)."""
    found: dict[str, Section] = {}
    for name, section in of_type(tree, "wifi-iface"):
        if text(section, "mode", "ap") == "ap":
            label = text(section, "ssid") if section[".anonymous"] else name
            number = next(n for n in range(1, 10_000) if (label if n == 1 else f"{label}#{n}") not in found)
            found[label if number == 1 else f"{label}#{number}"] = section
    return found


def _on(tree: Tree, name: str) -> bool:
    section = _networks(tree)[name]
    radio = tree.get(text(section, "device"))
    return not flag(section, "disabled", False) and not flag(radio, "disabled", False)


def _put_on(tree: Tree, name: str, value: bool) -> None:
    section = _networks(tree)[name]
    put_flag(section, "disabled", not value)
    radio = tree.get(text(section, "device"))
    if value and radio is not None and flag(radio, "disabled", False):
        put_flag(radio, "disabled", False)


def _on_limit(ctx: Any, tree: Tree, name: str, value: bool) -> str | None:
    if not value:
        return None
    radio = text(_networks(tree)[name], "device")
    others = [n for n, s in _networks(tree).items() if n != name and text(s, "device") == radio]
    asleep = flag(tree.get(radio), "disabled", False)
    woken = [n for n in others if asleep and not flag(_networks(tree)[n], "disabled", False)]
    return f"switching its radio on would also switch on {', '.join(woken)}" if woken else None


def _security(tree: Tree, name: str) -> str:
    word = text(_networks(tree)[name], "encryption", "none").partition("+")[0].lower()
    return _SECURITY.get(word, "wep" if word.startswith("wep") else word)


def _security_limit(_ctx: Any, tree: Tree, name: str, value: str) -> str | None:
    if value not in _ENCRYPTION:
        return f"{value} needs more than one setting; set it up on the router"
    if value not in ("none", "owe") and not text(_networks(tree)[name], "key"):
        return "the network has no key yet; a key is never set here"
    return None


def _put_security(tree: Tree, name: str, value: str) -> None:
    if _security(tree, name) != value:
        _networks(tree)[name]["encryption"] = _ENCRYPTION[value]


def _tkip(tree: Tree, name: str) -> bool:
    return "tkip" in text(_networks(tree)[name], "encryption").lower()


def _put_tkip(tree: Tree, name: str, value: bool) -> None:
    section = _networks(tree)[name]
    if _tkip(tree, name) != value:
        base = text(section, "encryption").partition("+")[0]
        section["encryption"] = f"{base}+tkip+ccmp" if value else f"{base}+ccmp"


def _mac_filter(tree: Tree, name: str) -> list[str]:
    section = _networks(tree)[name]
    return items(section, "maclist") if text(section, "macfilter") == "allow" else []


def _put_mac_filter(tree: Tree, name: str, value: list[str]) -> None:
    section = _networks(tree)[name]
    if value:
        put_text(section, "macfilter", "allow")
        put_items(section, "maclist", value)
    elif text(section, "macfilter") == "allow":
        put_text(section, "macfilter", "")


_WPS = ("wps_pushbutton", "wps_label", "ext_registrar")


def _wps(tree: Tree, name: str) -> bool:
    section = _networks(tree)[name]
    return any(flag(section, option, False) for option in _WPS) or bool(text(section, "ap_pin"))


def _put_wps(tree: Tree, name: str, value: bool) -> None:
    section = _networks(tree)[name]
    if value:
        put_flag(section, "wps_pushbutton", True)
        return
    section.pop("ap_pin", None)
    for option in _WPS:
        if option in section:
            put_flag(section, option, False)


def _put_ssid(tree: Tree, name: str, value: str) -> None:
    put_text(_networks(tree)[name], "ssid", value)


def _ssid_limit(_ctx: Any, tree: Tree, name: str, value: str) -> str | None:
    if _networks(tree)[name][".anonymous"]:
        return "this network is known by this name only; rename it on the router"
    return None if 1 <= len(value.encode()) <= 32 else "a network name has 1 to 32 bytes"


_NO_WIFI = Reading(NOT_OFFERED, None, "no wireless network is set up", "wireless")
WIRELESS = tuple(
    row(f"wireless.*.{name}", "wireless", get, put, items=_networks, absent=_NO_WIFI, limits=limit)
    for name, get, put, limit in (
        ("enabled", _on, _put_on, _on_limit),
        ("ssid", lambda t, i: text(_networks(t)[i], "ssid"), _put_ssid, _ssid_limit),
        ("hidden", lambda t, i: flag(_networks(t)[i], "hidden", False),
         lambda t, i, v: put_flag(_networks(t)[i], "hidden", v), None),
        ("security", _security, _put_security, _security_limit),
        ("tkip", _tkip, _put_tkip,
         lambda ctx, t, i, v: "the network has no WPA" if _security(t, i) in ("none", "wep", "owe") else None),
        ("mac_filter", _mac_filter, _put_mac_filter, None),
        ("wps", _wps, _put_wps, None),
    )
)  # fmt: skip

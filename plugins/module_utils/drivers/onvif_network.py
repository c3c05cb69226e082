# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network documents of an ONVIF device: answer to tree, changed tree to request (onvif.md 2.3)."""

from __future__ import annotations

import ipaddress
from typing import Any
from xml.etree.ElementTree import Element

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Stored, Tree
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif_soap import (
    boolean,
    el,
    integer,
    kid,
    kids,
    more,
    need,
    text,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import Refused, Unsupported

UNSET = frozenset(("", "0.0.0.0", "::"))  # "not set", in the words of the device test specification


def address(text_: str) -> str:
    """An IP address in its one form; anything else stays as it is."""
    try:
        return str(ipaddress.ip_address(text_.strip()))
    except ValueError:
        return text_.strip()


def hosts(parent: Element, path: str) -> list[str]:
    """NetworkHost or IPAddress elements: whichever child is filled counts, Type may lie (DVC, SUNBA: onvif.md 2.4)."""
    found = []
    for host in kids(parent, path):
        values = (address(text(host, name)) for name in ("IPv4Address", "IPv6Address", "DNSname"))
        found += [value for value in values if value not in UNSET][:1]
    return found


def host(tag: str, value: str) -> Element:
    """The same the other way: Type and child agree."""
    try:
        version = ipaddress.ip_address(value).version
    except ValueError:
        return el(tag, el("tt:Type", "DNS"), el("tt:DNSname", value))
    return el(tag, el("tt:Type", f"IPv{version}"), el(f"tt:IPv{version}Address", value))


# -- protocols: HTTP, HTTPS, RTSP --------------------------------------------------------------------------------------
def protocols(response: Element) -> Tree:
    """{"protocols": {"HTTP": {"enabled", "ports"}}}; names as the device writes them, repeated entries merged."""
    found: dict[str, dict[str, Any]] = {}
    for entry in kids(response, "NetworkProtocols"):
        name = text(entry, "Name")
        ports = [integer(port, "", 0, 65535) for port in kids(entry, "Port")]
        row = found.setdefault(name, {"enabled": False, "ports": []})
        row["enabled"] = boolean(entry, "Enabled") or row["enabled"]
        row["ports"] = sorted({*row["ports"], *ports} - {0})  # AXIS lists 80 and 0: none
    if not found:
        raise Unsupported("GetNetworkProtocols: the device lists no protocol, not even the one we came by.")
    return {"protocols": found, "more": more(response, ("Name", "Enabled", "Port"))}


def store_protocols(ctx: Any, old: Tree, new: Tree) -> Stored:
    """Always the full list: some devices replace, others merge (H06)."""
    return ctx.send(
        "tds:SetNetworkProtocols",
        [
            el(
                "tds:NetworkProtocols",
                el("tt:Name", name),
                el("tt:Enabled", row["enabled"]),
                [el("tt:Port", port) for port in row["ports"] or [0]],  # at least one is mandatory
            )
            for name, row in new["protocols"].items()
        ],
    )


# -- host name ---------------------------------------------------------------------------------------------------------
def hostname(response: Element) -> Tree:
    info = need(response, "HostnameInformation")
    return {
        "from_dhcp": boolean(info, "FromDHCP"),
        "name": text(info, "Name"),
        "more": more(response, ("FromDHCP", "Name")),
    }


def store_hostname(ctx: Any, old: Tree, new: Tree) -> Stored:
    restart = False
    if old["from_dhcp"] and not new["from_dhcp"]:
        restart = ctx.send("tds:SetHostnameFromDHCP", el("tds:FromDHCP", False)).restart
    return Stored(restart=ctx.send("tds:SetHostname", el("tds:Name", new["name"])).restart or restart)


# -- DNS, gateway, interfaces ------------------------------------------------------------------------------------------
def dns(response: Element) -> Tree:
    info = need(response, "DNSInformation")
    return {
        "from_dhcp": boolean(info, "FromDHCP"),
        "search": [text(domain) for domain in kids(info, "SearchDomain") if text(domain)],
        "dhcp": hosts(info, "DNSFromDHCP"),
        "manual": hosts(info, "DNSManual"),
        "more": more(response, ("FromDHCP", "DNSFromDHCP", "DNSManual")),
    }


def store_dns(ctx: Any, old: Tree, new: Tree) -> Stored:
    return ctx.send(
        "tds:SetDNS",
        el("tds:FromDHCP", new["from_dhcp"]),
        [el("tds:SearchDomain", domain) for domain in new["search"]],
        [host("tds:DNSManual", server) for server in new["manual"]],
    )


def gateway(response: Element) -> Tree:
    info = need(response, "NetworkGateway")
    found = [address(text(node)) for name in ("IPv4Address", "IPv6Address") for node in kids(info, name)]
    return {
        "gateways": [value for value in found if value not in UNSET],
        "more": more(response, ("IPv4Address", "IPv6Address")),
    }


def interfaces(response: Element) -> Tree:
    """{token: {"mac", "addresses", "dhcp"}} under "interfaces". Link-local addresses and link speed are no settings."""
    found: dict[str, Any] = {}
    for entry in kids(response, "NetworkInterfaces"):
        addresses, dhcp = [], False
        for family in ("IPv4", "IPv6"):
            config = kid(entry, f"{family}/Config")
            if config is None:
                continue
            dhcp = dhcp or text(config, "DHCP").lower() in ("true", "1", "auto", "stateful", "stateless")
            for name in ("Manual", "FromDHCP"):
                for node in kids(config, name):
                    value = text(node, "Address")
                    if value not in UNSET and not value.lower().startswith(("fe80:", "169.254.")):
                        addresses.append(f"{address(value)}/{text(node, 'PrefixLength')}".rstrip("/"))
        token = entry.get("token") or next((v for k, v in entry.attrib.items() if k.endswith("token")), "")
        found[token] = {"mac": text(entry, "Info/HwAddress"), "addresses": sorted(set(addresses)), "dhcp": dhcp}
    if not found:
        raise Unsupported("GetNetworkInterfaces: the device lists no interface, not even the one we came by.")
    skip = ("HwAddress", "Manual", "FromDHCP", "LinkLocal", "FromRA", "Link", "DHCP")
    return {"interfaces": found, "more": more(response, skip)}


# -- discovery, zero configuration, dynamic DNS ------------------------------------------------------------------------
def discovery(response: Element) -> Tree:
    return {"mode": text(need(response, "DiscoveryMode"))}


def store_discovery(ctx: Any, old: Tree, new: Tree) -> Stored:
    return ctx.send("tds:SetDiscoveryMode", el("tds:DiscoveryMode", new["mode"]))


def zero_configuration(response: Element) -> Tree:
    """{"interfaces": {token: enabled}}; the addresses come and go."""
    first = need(response, "ZeroConfiguration")
    entries = [first, *kids(first, "Extension/Additional")]
    return {
        "interfaces": {text(entry, "InterfaceToken"): boolean(entry, "Enabled") for entry in entries},
        "more": more(response, ("InterfaceToken", "Enabled", "Addresses")),
    }


def store_zero_configuration(ctx: Any, old: Tree, new: Tree) -> Stored:
    restart = False
    for token, enabled in new["interfaces"].items():
        if old["interfaces"].get(token) != enabled:
            content = (el("tds:InterfaceToken", token), el("tds:Enabled", enabled))
            restart |= ctx.send("tds:SetZeroConfiguration", *content).restart
    return Stored(restart=restart)


def dynamic_dns(response: Element) -> Tree:
    info = need(response, "DynamicDNSInformation")  # xsi:nil (DVC) counts as missing
    return {
        "type": text(need(info, "Type")),
        "name": text(info, "Name"),
        "ttl": text(info, "TTL"),
        "more": more(response, ("Type", "Name")),
    }


def store_dynamic_dns(ctx: Any, old: Tree, new: Tree) -> Stored:
    return ctx.send(
        "tds:SetDynamicDNS",
        el("tds:Type", new["type"]),
        el("tds:Name", new["name"]) if new["name"] else None,
        el("tds:TTL", new["ttl"]) if new["ttl"] else None,
    )


# -- the address filter ------------------------------------------------------------------------------------------------
def ip_filter(response: Element) -> Tree:
    """{"mode": off | allow | deny, "sources": [address/prefix]}. ONVIF has no off: Deny and an empty list is it."""
    info = need(response, "IPAddressFilter")
    kind = text(need(info, "Type"))
    sources = []
    for name in ("IPv4Address", "IPv6Address"):
        for entry in kids(info, name):
            value = address(text(entry, "Address"))
            if value not in UNSET or text(entry, "PrefixLength") not in ("", "0"):
                sources.append(f"{value}/{text(entry, 'PrefixLength')}".rstrip("/"))
    mode = "off" if kind == "Deny" and not sources else kind.lower()
    return {"mode": mode, "sources": sources, "more": more(response, ("Type", "Address", "PrefixLength"))}


def store_ip_filter(ctx: Any, old: Tree, new: Tree) -> Stored:
    """Refused before it is sent: an empty list to allow, and a filter that would lock ourselves out (H41)."""
    mode, sources = new["mode"], new["sources"]
    if mode == "off":
        if sources and sources != old["sources"]:
            raise Refused(f"{ctx.name}: a filter that is off keeps no addresses.", "Set access.mode with the sources.")
        sources = []
    elif not sources:
        raise Refused(f"{ctx.name}: access.mode {mode} wants at least one address in access.sources.")
    try:
        networks = [ipaddress.ip_network(source, strict=False) for source in sources]
    except ValueError:
        raise Refused(f"{ctx.name}: the address filter takes addresses and networks, no names.") from None
    if mode != "off":
        _stay_in(ctx, mode, networks)
    entries = {4: [], 6: []}
    for network in networks:
        content = (el("tt:Address", network.network_address), el("tt:PrefixLength", network.prefixlen))
        entries[network.version].append(el(f"tt:IPv{network.version}Address", *content))
    kind = el("tt:Type", "Allow" if mode == "allow" else "Deny")
    return ctx.send("tds:SetIPAddressFilter", el("tds:IPAddressFilter", kind, entries[4], entries[6]))


def _stay_in(ctx: Any, mode: str, networks: list[Any]) -> None:
    try:
        ours = ipaddress.ip_address(ctx.transport.local_address() or "")
    except ValueError:
        raise Refused(f"{ctx.name}: our own address is not known, so no filter is switched on.") from None
    inside = any(ours.version == network.version and ours in network for network in networks)
    if inside == (mode == "deny"):
        raise Refused(f"{ctx.name}: this filter would shut out our own address {ours}.")

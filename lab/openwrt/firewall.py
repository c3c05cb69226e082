# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What firewall4 lets in from one of the zones to the router itself.

Like firewall4, nothing here looks at established connections: those pass whatever the rules say now.
"""

from __future__ import annotations

import ipaddress

from .uci import Package, Section

TRUE, FALSE = ("1", "on", "true", "yes"), ("0", "off", "false", "no")  # the only words firewall4 knows


def lets_in(firewall: Package, peer: str, port: int, network: str = "wan") -> bool:
    """True when TCP `port` of the router answers a source in the zone of `network`. port 0 asks for any port at all."""
    zone = _zone(firewall, network)
    name = zone.get("name", network) if zone else network
    for rule in firewall.of_type("rule"):
        if not _in_force(rule) or rule.get("src") not in (name, "*") or rule.get("dest"):
            continue
        protocols = rule.list("proto") or ["tcp", "udp"]
        if not {"tcp", "tcpudp", "all", "any", "*"} & set(protocols) or rule.get("family") == "ipv6":
            continue
        if not _source(rule, peer):
            continue
        target = rule.get("target", "DROP").upper()
        if port == 0:
            if target == "ACCEPT":
                return True
        elif _ports(rule, port):
            return target == "ACCEPT"
    fallback = next((d.get("input", "DROP") for d in firewall.of_type("defaults")), "DROP")
    return (zone.get("input", fallback) if zone else fallback).upper() == "ACCEPT"


def _zone(firewall: Package, network: str) -> Section | None:
    """The zone that `network` belongs to, else the one of that name."""
    zones = [zone for zone in firewall.of_type("zone") if _in_force(zone)]
    listed = [zone for zone in zones if network in zone.list("network")]
    return next(iter(listed or [zone for zone in zones if zone.get("name") == network]), None)


def _in_force(section: Section) -> bool:
    """An absent `enabled` means on (H51); a word firewall4 does not know makes it leave the whole section out."""
    value = section.get("enabled", "1").lower()
    return value in TRUE


def _source(rule: Section, peer: str) -> bool:
    wanted = rule.list("src_ip")
    if not wanted:
        return True
    for text in wanted:
        try:
            inside = ipaddress.ip_address(peer) in ipaddress.ip_network(text.lstrip("!"), strict=False)
        except ValueError:
            continue
        if inside != text.startswith("!"):
            return True
    return False


def _ports(rule: Section, port: int) -> bool:
    wanted = rule.list("dest_port")
    for text in wanted:
        first, _unused, last = text.replace(":", "-").partition("-")
        if first.isdigit() and int(first) <= port <= int(last if last.isdigit() else first):
            return True
    return not wanted

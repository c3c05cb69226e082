# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall package in vendor-neutral words: forwards, rules that accept from the internet, defaults of zones.

Sections are matched by content, never by id (H46). What is no longer wanted is switched off (`enabled 0`), not deleted:
its other options stay, an undo switches it on again, and other sections and their order are never touched.
Facts: fact sheet section 8. firewall4 knows fewer words for true than the shell scripts; a word it does not know counts
here as the default "on", so that an open door is never taken for closed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import openwrt_uci as uci

FORWARDS, WAN_OPEN = ("nat", "forwards"), ("nat", "wan_open")
_WAN = re.compile(r"w?wan[0-9_]*.*|internet|modem|lte|ppp.*", re.I)
_OFF = ("0", "off", "false", "no")
Map = dict[str, Any]


def enabled(section: uci.Section) -> bool:
    return str(section.get("enabled", "1")).strip().lower() not in _OFF


def _switch(section: uci.Section, on: bool) -> None:
    if enabled(section) != on:
        section["enabled"] = "1" if on else "0"


def wan_zones(tree: uci.Tree) -> list[str]:
    """Zones on the internet side: called so, holding a network called so, or masqueraded and forwarded to."""
    goals = {uci.text(s, "dest") for _n, s in uci.of_type(tree, "forwarding") if enabled(s)}
    found = []
    for _name, zone in uci.of_type(tree, "zone"):
        label = uci.text(zone, "name")
        outward = uci.flag(zone, "masq", False) and label in goals and label != "lan"
        if _WAN.fullmatch(label) or outward or any(_WAN.fullmatch(n) for n in uci.items(zone, "network")):
            found.append(label)
    return found


def _from_wan(tree: uci.Tree, section: uci.Section) -> bool:
    source = uci.text(section, "src")
    return source == "*" or source in wan_zones(tree)


def protocols(section: Mapping[str, Any]) -> list[str]:
    """tcp and udp where nothing is said (fact sheet 8); "tcpudp" and numbers are other spellings."""
    words: set[str] = set()
    for word in uci.items(section, "proto") or ["tcp", "udp"]:
        word = {"6": "tcp", "17": "udp", "1": "icmp", "any": "all", "*": "all"}.get(word.lower(), word.lower())
        words |= {"tcp", "udp"} if word == "tcpudp" else {word}
    return sorted(words)


def _proto(text: str) -> str | list[str]:
    words = [word for word in re.split(r"[+,\s]+", text.lower()) if word] or ["tcp", "udp"]
    return words[0] if len(words) == 1 else words


# -- port forwards -----------------------------------------------------------------------------------------------------
def redirects(tree: uci.Tree) -> Iterator[uci.Section]:
    """DNAT redirects from the internet side, on or off. `target` says DNAT where it is absent."""
    for _name, section in uci.of_type(tree, "redirect"):
        if uci.text(section, "target", "DNAT").upper() == "DNAT" and _from_wan(tree, section):
            yield section


def forward_map(section: uci.Section) -> Map:
    return settings.normalise(FORWARDS, [{
        "protocol": "+".join(protocols(section)), "port": uci.text(section, "src_dport"),
        "to": uci.text(section, "dest_ip"), "to_port": uci.text(section, "dest_port"),
        "sources": uci.items(section, "src_ip"), "name": uci.text(section, "name"),
    }])[0]  # fmt: skip


def get_forwards(tree: uci.Tree) -> list[Map]:
    return [forward_map(section) for section in redirects(tree) if enabled(section)]


def put_forwards(tree: uci.Tree, value: list[Map]) -> None:
    missing = _keep(list(redirects(tree)), value, forward_map)
    for wanted in missing:
        options = {
            "name": wanted.get("name", ""), "src": _wan(tree), "src_dport": wanted.get("port", ""),
            "dest": _inside(tree) if wanted.get("to") else "", "dest_ip": wanted.get("to", ""),
            "dest_port": wanted.get("to_port", ""), "proto": _proto(wanted.get("protocol", "")),
            "src_ip": " ".join(wanted.get("sources", [])), "target": "DNAT",
        }  # fmt: skip
        uci.add(tree, "redirect", options)


def limit_forwards(_ctx: Any, tree: uci.Tree, _item: str, value: list[Map]) -> str | None:
    if not wan_zones(tree):
        return "the firewall has no zone for the internet side"
    if any(len(wanted.get("sources", [])) > 1 for wanted in value):
        return "a port forward of this router takes one source address; make one forward per source"
    if any("port" not in wanted and wanted.get("protocol", "") in ("", "tcp", "udp", "tcp+udp") for wanted in value):
        return "a port forward needs a port"
    return None


# -- rules that let something in ---------------------------------------------------------------------------------------
def accepts(tree: uci.Tree) -> Iterator[uci.Section]:
    """Rules of the internet side that accept, on or off."""
    for _name, section in uci.of_type(tree, "rule"):
        if uci.text(section, "target").upper() == "ACCEPT" and _from_wan(tree, section):
            yield section


def rule_map(section: uci.Section) -> Map:
    """`to`: an address, else the zone (* is any); nothing: the router itself."""
    return settings.normalise(WAN_OPEN, [{
        "protocol": "+".join(protocols(section)), "ports": uci.items(section, "dest_port"),
        "to": " ".join(uci.items(section, "dest_ip")) or uci.text(section, "dest"),
        "sources": uci.items(section, "src_ip"), "name": uci.text(section, "name"),
    }])[0]  # fmt: skip


def get_wan_open(tree: uci.Tree) -> list[Map]:
    return [rule_map(section) for section in accepts(tree) if enabled(section)]


def put_wan_open(tree: uci.Tree, value: list[Map]) -> None:
    zones = {uci.text(zone, "name").lower(): uci.text(zone, "name") for _n, zone in uci.of_type(tree, "zone")}
    zones["*"] = "*"
    for wanted in _keep(list(accepts(tree)), value, rule_map):
        to = wanted.get("to", "")
        options = {
            "name": wanted.get("name", ""), "src": _wan(tree), "proto": _proto(wanted.get("protocol", "")),
            "dest_port": " ".join(wanted.get("ports", [])), "src_ip": wanted.get("sources", []), "target": "ACCEPT",
            "dest": zones.get(to) or (_inside(tree) if to else ""), "dest_ip": "" if to in zones else to,
        }  # fmt: skip
        uci.add(tree, "rule", options)


def limit_wan_open(_ctx: Any, tree: uci.Tree, _item: str, value: list[Map]) -> str | None:
    return None if wan_zones(tree) else "the firewall has no zone for the internet side"


def _keep(sections: list[uci.Section], value: list[Map], describe: Any) -> list[Map]:
    """Switch on what is wanted, off what is not; returns what no section matches."""
    have = [(section, describe(section)) for section in sections]
    for section, described in have:
        if described not in value:
            _switch(section, False)
    missing = []
    for wanted in value:
        fitting = [section for section, described in have if described == wanted]
        if not fitting:
            missing.append(wanted)
        elif not any(enabled(section) for section in fitting):
            _switch(fitting[0], True)
    return missing


def _wan(tree: uci.Tree) -> str:
    zones = wan_zones(tree)
    return "wan" if "wan" in zones or not zones else zones[0]


def _inside(tree: uci.Tree) -> str:
    outside = wan_zones(tree)
    names = [uci.text(zone, "name") for _n, zone in uci.of_type(tree, "zone") if uci.text(zone, "name") not in outside]
    return "lan" if "lan" in names or not names else names[0]


# -- management from outside -------------------------------------------------------------------------------------------
def admin_ports(uhttpd: uci.Tree, dropbear: uci.Tree) -> set[int]:
    """The ports of web administration and SSH, and telnet's; the usual ones count even when nothing listens now."""
    found = {22, 23, 80, 443}
    for _name, section in uci.of_type(uhttpd, "uhttpd"):
        for listen in uci.items(section, "listen_http") + uci.items(section, "listen_https"):
            port = listen.rpartition(":")[2]
            found |= {int(port)} if port.isdigit() else set()
    for _name, section in uci.of_type(dropbear, "dropbear"):
        port = uci.text(section, "Port", "22")
        found |= {int(port)} if port.isdigit() else set()
    return found


def _covers(element: str, ports: set[int]) -> bool:
    """Does "80", "1000-2000" or "1000:2000" hold one of `ports`? What cannot be read is taken to."""
    match = re.fullmatch(r"(\d{1,5})(?:[-:](\d{1,5}))?", element)
    if not match:
        return True
    low = int(match[1])
    high = int(match[2] or low)
    return any(low <= port <= high for port in ports)


def _own_addresses(network: uci.Tree) -> set[str]:
    return {
        address.partition("/")[0] for _n, section in uci.of_type(network, "interface")
        for option in ("ipaddr", "ip6addr") for address in uci.items(section, option)
    }  # fmt: skip


def _reaching_redirects(tree: uci.Tree, ports: set[int], own: set[str]) -> Iterator[uci.Section]:
    for section in redirects(tree):
        to_us = uci.text(section, "dest_ip") in own | {""}
        inner = uci.text(section, "dest_port") or uci.text(section, "src_dport")
        if enabled(section) and to_us and {"tcp", "all"} & set(protocols(section)):
            if not inner or any(_covers(element, ports) for element in inner.split()):
                yield section


def _reaching_rules(tree: uci.Tree, ports: set[int]) -> Iterator[tuple[uci.Section, list[str]]]:
    """(rule to the router itself, the elements of its port list that reach an admin port; empty: it has no list)."""
    for section in accepts(tree):
        if enabled(section) and not uci.text(section, "dest") and {"tcp", "all"} & set(protocols(section)):
            elements = uci.items(section, "dest_port")
            hits = [element for element in elements if _covers(element, ports)]
            if hits or not elements:
                yield section, hits


def get_wan_admin(tree: uci.Tree, uhttpd: uci.Tree, dropbear: uci.Tree, network: uci.Tree) -> bool:
    ports = admin_ports(uhttpd, dropbear)
    return (
        get_wan_input(tree) == "accept"
        or next(_reaching_rules(tree, ports), None) is not None
        or next(_reaching_redirects(tree, ports, _own_addresses(network)), None) is not None
    )


def put_wan_admin(tree: uci.Tree, uhttpd: uci.Tree, dropbear: uci.Tree, network: uci.Tree, value: bool) -> None:
    """False closes every way to an admin port: port lists lose it, rules and forwards of nothing else are switched off,
    and a zone that accepts everything rejects. True is refused by `limit_wan_admin`."""
    if value:
        return
    ports = admin_ports(uhttpd, dropbear)
    if get_wan_input(tree) == "accept":
        put_wan_input(tree, "reject")
    for section, hits in list(_reaching_rules(tree, ports)):
        left = [element for element in uci.items(section, "dest_port") if element not in hits]
        if left:
            section["dest_port"] = left if isinstance(section["dest_port"], list) else " ".join(left)
        else:
            _switch(section, False)
    for section in list(_reaching_redirects(tree, ports, _own_addresses(network))):
        _switch(section, False)


def limit_wan_admin(_ctx: Any, _tree: uci.Tree, *rest: Any) -> str | None:
    why = "management from the internet is only ever closed here; open it with a rule in nat.wan_open"
    return why if rest[-1] else None


# -- defaults and zones ------------------------------------------------------------------------------------------------
_OPENNESS = ("accept", "reject", "drop")


def _input(tree: uci.Tree, zone: uci.Section) -> str:
    word = uci.text(zone, "input") or uci.text(uci.first(tree, "defaults"), "input", "DROP")
    return word.lower() if word.lower() in _OPENNESS else "accept" if not word else word.lower()


def get_wan_input(tree: uci.Tree) -> Any:
    """The most open of the internet zones; a router without such a zone has no answer."""
    from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT

    names = wan_zones(tree)
    words = [_input(tree, zone) for _n, zone in uci.of_type(tree, "zone") if uci.text(zone, "name") in names]
    return min(words, key=lambda w: _OPENNESS.index(w) if w in _OPENNESS else -1) if words else ABSENT


def put_wan_input(tree: uci.Tree, value: str) -> None:
    names = wan_zones(tree)
    for _name, zone in uci.of_type(tree, "zone"):
        if uci.text(zone, "name") in names and uci.text(zone, "input").lower() != value:
            zone["input"] = value.upper()


def get_forwarding(tree: uci.Tree) -> list[str]:
    """ "from>to" per zone pair."""
    return [f"{uci.text(s, 'src')}>{uci.text(s, 'dest')}" for _n, s in uci.of_type(tree, "forwarding") if enabled(s)]


def put_forwarding(tree: uci.Tree, value: list[str]) -> None:
    def pair(section: uci.Section) -> str:
        return f"{uci.text(section, 'src')}>{uci.text(section, 'dest')}"

    for wanted in _keep([s for _n, s in uci.of_type(tree, "forwarding")], value, pair):
        source, _arrow, goal = wanted.partition(">")
        uci.add(tree, "forwarding", {"src": source, "dest": goal})


def limit_forwarding(_ctx: Any, tree: uci.Tree, _item: str, value: list[str]) -> str | None:
    zones = {uci.text(zone, "name") for _n, zone in uci.of_type(tree, "zone")} | {"*"}
    for wanted in value:
        source, arrow, goal = wanted.partition(">")
        if not arrow or source not in zones or goal not in zones:
            return f'expected "from>to" with zones of this router ({", ".join(sorted(zones))}), got {wanted!r}'
    return None

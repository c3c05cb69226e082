# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bindings of OpenWrt: what each setting is in uci, with the consumer's own default. Fact sheet section 8.

`get` and `put` work on trees alone (openwrt_uci.py); defaults stand beside the option they belong to.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import zones
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    NOT_OFFERED,
    Binding,
    Reading,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import openwrt_firewall as fw
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_accounts import ACCOUNTS
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_network import NETWORK, WIRELESS
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_services import SERVICES
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_uci import (
    Section,
    Tree,
    add,
    first,
    flag,
    items,
    of_type,
    put_flag,
    put_items,
    put_text,
    row,
    text,
)


# -- facts and names ---------------------------------------------------------------------------------------------------
def _release(board: dict[str, Any], *parts: str) -> Any:
    release = board.get("release") or {}
    return " ".join(str(release[part]) for part in parts if release.get(part)) or ABSENT


def _system(tree: Tree) -> Section:
    return first(tree, "system") or {}


def _system_option(option: str, default: str = "") -> tuple[Any, Any]:
    def get(tree: Tree) -> Any:
        return text(first(tree, "system"), option, default) if first(tree, "system") else ABSENT

    def put(tree: Tree, value: str) -> None:
        put_text(first(tree, "system") or add(tree, "system", {}), option, value)

    return get, put


def _hostname_limit(_ctx: Any, _tree: Tree, _item: str, value: str) -> str | None:
    good = re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9-]{1,63})*", value or "", re.I)
    return None if good and len(value) <= 253 else "a host name has letters, digits, hyphens and dots only"


# -- time, log ---------------------------------------------------------------------------------------------------------
_ZONE_NAMES = {"JST-9": "Asia/Tokyo", "UTC0": "UTC", "UTC": "UTC", "GMT0": "UTC"}


def _ntp(tree: Tree) -> Section:
    section = tree.get("ntp")
    return section if section is not None and section[".type"] == "timeserver" else first(tree, "timeserver") or {}


def _ntp_to_edit(tree: Tree) -> Section:
    return _ntp(tree) or add(tree, "timeserver", {}, "ntp")


def _put_servers(tree: Tree, value: list[str]) -> None:
    section = _ntp_to_edit(tree)
    put_items(section, "server", value)
    put_flag(section, "use_dhcp", False)  # else the provider's DHCP adds servers to the list


def _put_zone(tree: Tree, value: str) -> None:
    section = _system(tree)
    posix = zones.canonical(value)
    put_text(section, "timezone", posix)
    old = text(section, "zonename")
    if not zones.same(zones.canonical(old) if old else "", posix):
        put_text(section, "zonename", value if "/" in value else _ZONE_NAMES.get(posix, ""))


def _log_servers(tree: Tree) -> Any:
    section = _system(tree)
    host, port = text(section, "log_ip"), text(section, "log_port", "514")
    if not host or not flag(section, "log_remote", True):
        return []
    place = host if port == "514" else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return [place if text(section, "log_proto", "udp") != "tcp" else f"tcp://{place}"]


def _put_log_servers(tree: Tree, value: list[str]) -> None:
    section = _system(tree)
    if not value:
        put_text(section, "log_ip", "")
        return
    host, port, proto = _log_place(value[0]) or (value[0], "514", "udp")
    put_text(section, "log_ip", host)
    for option, word, default in (("log_port", port, "514"), ("log_proto", proto, "udp")):
        if text(section, option, default) != word:
            put_text(section, option, word)
    if not flag(section, "log_remote", True):
        put_flag(section, "log_remote", True)


def _log_place(value: str) -> tuple[str, str, str] | None:
    match = re.fullmatch(r"(?:(tcp|udp)://)?(?:\[([0-9A-Fa-f:]+)\]|([^:\s/\[\]]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:]*))"
                         r"(?::(\d{1,5}))?", value)  # fmt: skip
    return (match[2] or match[3], match[4] or "514", match[1] or "udp") if match else None


def _log_limit(_ctx: Any, _tree: Tree, _item: str, value: list[str]) -> str | None:
    if len(value) > 1:
        return "this router sends its log to one server only"
    return None if not value or _log_place(value[0]) else "expected host, host:port or tcp://host:port"


# -- dynamic DNS -------------------------------------------------------------------------------------------------------
def _ddns_on(tree: Tree) -> list[Section]:
    return [section for _n, section in of_type(tree, "service") if flag(section, "enabled", False)]


def _put_ddns(tree: Tree, value: bool) -> None:
    for _name, section in of_type(tree, "service"):
        if value or flag(section, "enabled", False):
            put_flag(section, "enabled", value)


def _ddns_limit(_ctx: Any, tree: Tree, _item: str, value: bool) -> str | None:
    if value and len(list(of_type(tree, "service"))) != 1:
        return "there is not exactly one service to switch on"
    return None


def _ddns_provider(tree: Tree) -> str:
    def server(section: Section) -> str:
        return text(section, "update_url").partition("://")[2].partition("/")[0]

    names = {text(section, "service_name") or server(section) for section in _ddns_on(tree)}
    return ", ".join(sorted(names))


_NO_DDNS = Reading(NOT_OFFERED, None, "the dynamic DNS client is not installed", "uci")
_host_get, _host_put = _system_option("hostname", "OpenWrt")
_name_get, _name_put = _system_option("description")

_FACTS = (
    row("facts.manufacturer", "board", lambda b: _release(b, "distribution")),
    row("facts.model", "board", lambda b: b.get("model") or ABSENT),
    row("facts.firmware", "board", lambda b: _release(b, "version", "revision")),
    row("firmware.version", "board", lambda b: _release(b, "version", "revision")),
    row("facts.api", "board", lambda b: "ubus over HTTP"),
    row("identity.hostname", "system", _host_get, _host_put, limits=_hostname_limit),
    row("identity.name", "system", _name_get, _name_put),
)
_TIME_LOG = (
    row("time.sync", "system", lambda t: "ntp" if _ntp(t) and flag(_ntp(t), "enabled", True) else "manual",
        lambda t, v: put_flag(_ntp_to_edit(t), "enabled", v == "ntp")),
    row("time.servers", "system", lambda t: items(_ntp(t), "server"), _put_servers,
        moves=(("time", "servers_from_provider"),)),
    row("time.servers_from_provider", "system", lambda t: flag(_ntp(t), "use_dhcp", True),
        lambda t, v: put_flag(_ntp_to_edit(t), "use_dhcp", v)),
    row("time.serve", "system", lambda t: flag(_ntp(t), "enable_server", False),
        lambda t, v: put_flag(_ntp_to_edit(t), "enable_server", v)),
    row("time.zone", "system", lambda t: text(_system(t), "timezone", "UTC"), _put_zone,
        limits=lambda ctx, t, i, v: None if zones.key(v) else "not a time zone known here"),
    row("log.local", "system", lambda t: text(_system(t), "log_size", "64") != "0",
        lambda t, v: put_text(_system(t), "log_size", "128"),
        limits=lambda ctx, t, i, v: None if v else "the log in memory cannot be switched off"),
    row("log.remote", "system", _log_servers, _put_log_servers, limits=_log_limit),
    row("ddns.enabled", "ddns", lambda t: bool(_ddns_on(t)) if t else ABSENT, _put_ddns, limits=_ddns_limit,
        absent=_NO_DDNS),
    row("ddns.hostname", "ddns", lambda t: ", ".join(sorted(text(s, "domain") or text(s, "lookup_host")
                                                            for s in _ddns_on(t))) if t else ABSENT, absent=_NO_DDNS),
    row("ddns.provider", "ddns", lambda t: _ddns_provider(t) if t else ABSENT, absent=_NO_DDNS),
)  # fmt: skip
# What closing management from the internet changes; an undo opens it by these.
_WAN_WAYS = (("nat", "forwards"), ("nat", "wan_open"), ("nat", "wan_input"))
_BY_WAYS = "it comes back with nat.forwards, nat.wan_open and nat.wan_input"
_NAT = (
    row("nat.forwards", "firewall", fw.get_forwards, fw.put_forwards, limits=fw.limit_forwards),
    # Before nat.wan_open: what is wanted open by name is opened again after the general closing.
    row("nat.wan_admin", "firewall uhttpd dropbear network", fw.get_wan_admin, fw.put_wan_admin,
        limits=fw.limit_wan_admin, moves=_WAN_WAYS, restorable=_BY_WAYS),
    row("nat.wan_admin", "firewall", lambda t: fw.get_wan_admin(t, {}, {}, {}),
        lambda t, v: fw.put_wan_admin(t, {}, {}, {}, v), limits=fw.limit_wan_admin,
        moves=_WAN_WAYS, restorable=_BY_WAYS),
    row("nat.wan_open", "firewall", fw.get_wan_open, fw.put_wan_open, limits=fw.limit_wan_open),
    row("nat.wan_input", "firewall", fw.get_wan_input, fw.put_wan_input),
    row("nat.forwarding", "firewall", fw.get_forwarding, fw.put_forwarding, limits=fw.limit_forwarding),
)  # fmt: skip
BINDINGS: tuple[Binding, ...] = (*_FACTS, *ACCOUNTS, *SERVICES, *_TIME_LOG, *_NAT, *NETWORK, *WIRELESS)

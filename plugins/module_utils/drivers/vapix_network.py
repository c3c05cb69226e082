# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time, log servers, network, what reaches out, and storage (fact sheet 13, 14, 16, 18, 19 and 22)."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import zones
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, Reading, Tree
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.vapix_apis import (
    MOST_LOG_SERVERS,
    MOST_TIME_SERVERS,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.vapix_param import MISSING, flag, put_flag, unknown

_UNSET = ("", "0.0.0.0")


# -- time --------------------------------------------------------------------------------------------------------------
OLD_NTP = ("Time.NTP.Server", "Time.NTP.VolatileServer", "Time.ObtainFromDHCP")
_HOST = re.compile(r"[A-Za-z0-9.:-]{1,253}")


def without_ntp(ctx: Any, tree: Tree) -> bool:
    """Where ntp.cgi is listed it holds all servers; the parameter shows one of them at most."""
    return ctx.apis is not None and not ctx.has("ntp")


def get_sync(tree: Tree) -> str:
    return "ntp" if tree["enabled"] else "manual"


def put_sync(tree: Tree, value: str) -> None:
    tree["enabled"] = value == "ntp"


def get_servers(tree: Tree) -> list[str]:
    return tree["advertised"] if tree["dhcp"] and tree["advertised"] else tree["static"]


def put_servers(tree: Tree, value: list[str]) -> None:
    tree.update(static=list(value), dhcp=False)


def _hosts(value: list[str], most: int) -> str | None:
    if len(value) > most:
        return f"the device takes at most {most} time server{'s' if most > 1 else ''}"
    return None if all(_HOST.fullmatch(host) for host in value) else "a time server is a name or an address"


def servers_limits(ctx: Any, tree: Tree, item: str, value: list[str]) -> str | None:
    return _hosts(value, MOST_TIME_SERVERS)


def get_old_sync(tree: Tree) -> Any:
    word = tree.get("Time.SyncSource")
    known = {"NTP": "ntp", "None": "manual", "PC": "manual"}
    return ABSENT if word is None else known.get(word) or unknown("Time.SyncSource", word)


def put_old_sync(tree: Tree, value: str) -> None:
    if get_old_sync(tree) != value:
        tree["Time.SyncSource"] = "NTP" if value == "ntp" else "None"


def get_old_servers(tree: Tree) -> Any:
    if OLD_NTP[0] not in tree:
        return ABSENT
    lease = tree.get(OLD_NTP[1], "").strip()
    server = lease if flag(tree, OLD_NTP[2]) is True and lease not in _UNSET else tree[OLD_NTP[0]].strip()
    return [] if server in _UNSET else [server]


def put_old_servers(tree: Tree, value: list[str]) -> None:
    tree[OLD_NTP[0]] = value[0] if value else "0.0.0.0"
    put_flag(tree, OLD_NTP[2], False)


def old_servers_limits(ctx: Any, tree: Tree, item: str, value: list[str]) -> str | None:
    return _hosts(value, 1) if OLD_NTP[0] in tree else MISSING


def get_zone(tree: Tree) -> Any:
    """Where summer time is switched off, only the standard offset of the zone counts."""
    zone = tree.get("Time.POSIXTimeZone", "")
    standard = re.match(r"(<[^>]+>|[A-Za-z]+)[+-]?[\d:]+", zone)
    if standard and flag(tree, "Time.DST.Enabled") is False:
        return standard.group().rstrip(":")
    return zone or ABSENT


def put_zone(tree: Tree, value: str) -> None:
    text = zones.posix(value) or value
    tree["Time.POSIXTimeZone"] = text
    known = zones.key(text)
    put_flag(tree, "Time.DST.Enabled", bool(known and known[1] is not None))


def zone_limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    if "Time.POSIXTimeZone" not in tree:
        return MISSING
    return None if zones.key(value) is not None else "a time zone is a name (Asia/Tokyo) or a POSIX rule (JST-9)"


# -- log servers -------------------------------------------------------------------------------------------------------
_LOG = re.compile(r"(udp|tcp|tls)://(\[[0-9a-f:.]+\]|[a-z0-9.-]+):(\d{1,5})")


def get_log_servers(tree: Tree) -> list[str]:
    """What is switched off sends nowhere."""
    rows = tree["servers"] if tree["enabled"] else []
    return [f"{row['Protocol'].lower() or 'udp'}://{_bracket(row['Address'])}:{row['Port'] or 514}" for row in rows]


def put_log_servers(tree: Tree, value: list[str]) -> None:
    before = {_place(row): row for row in tree["servers"]}
    if value:
        rows = []
        for text in value:
            protocol, host, number_ = _LOG.fullmatch(text).groups()  # type: ignore[union-attr]  # limits() has looked
            row = {"Address": host.strip("[]"), "Port": number_, "Protocol": protocol.upper(),
                   "Severity": "", "SyslogFormat": ""}  # fmt: skip
            rows.append(before.get(_place(row), row))
        tree["servers"] = rows
    tree["enabled"] = bool(value)


def _place(row: dict[str, str]) -> tuple[str, str, str]:
    return row["Protocol"].upper(), row["Address"].lower(), row["Port"]


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def log_limits(ctx: Any, tree: Tree, item: str, value: list[str]) -> str | None:
    if len(value) > MOST_LOG_SERVERS:
        return f"the device takes at most {MOST_LOG_SERVERS} log servers"
    fits = all((found := _LOG.fullmatch(text)) and 0 < int(found[3]) < 65536 for text in value)
    return None if fits else "a log server is udp://, tcp:// or tls:// with a host and a port"


# -- network -----------------------------------------------------------------------------------------------------------
DNS = ("Network.DNSServer1", "Network.DNSServer2", "Network.Resolver.ObtainFromDHCP", "Network.Resolver.NameServerList")
DDNS = ("Network.DNSUpdate.Enabled", "Network.AxisNS.Enabled")


def addressing(tree: Tree) -> Any:
    word = tree.get("Network.BootProto")
    return ABSENT if word is None else {"dhcp": "dhcp", "none": "static"}.get(word) or unknown("BootProto", word)


def address(tree: Tree) -> Any:
    found = tree.get("Network.eth0.IPAddress", "")
    if found in _UNSET:
        return ABSENT
    mask = tree.get("Network.eth0.SubnetMask", "")
    try:
        return [str(ipaddress.ip_interface(f"{found}/{mask}" if mask else found))]
    except ValueError:
        return [found]


def gateway(tree: Tree) -> Any:
    found = tree.get("Network.Routing.DefaultRouter")
    return ABSENT if found is None else [] if found in _UNSET else [found]


def get_dns(tree: Tree) -> Any:
    if flag(tree, DNS[2]) is True and DNS[3] in tree:
        return re.split(r"[\s,]+", tree[DNS[3]].strip()) if tree[DNS[3]].strip() else []
    return [tree[name] for name in DNS[:2] if tree.get(name, "") not in _UNSET] if DNS[0] in tree else ABSENT


def put_dns(tree: Tree, value: list[str]) -> None:
    for name, server in zip(DNS[:2], [*value, "0.0.0.0", "0.0.0.0"], strict=False):
        tree[name] = server
    put_flag(tree, DNS[2], False)


def dns_limits(ctx: Any, tree: Tree, item: str, value: list[str]) -> str | None:
    if not all(name in tree for name in DNS[:2]):
        return MISSING
    return "the device takes at most 2 DNS servers" if len(value) > 2 else None


def get_ddns(tree: Tree) -> Any:
    found = [flag(tree, name) for name in DDNS if name in tree]
    odd = next((value for value in found if isinstance(value, Reading)), None)
    return odd or (True in found if found else ABSENT)


def put_ddns(tree: Tree, value: bool) -> None:
    if get_ddns(tree) is value:
        return
    for name in DDNS[:1] if value else DDNS:
        put_flag(tree, name, value)


def ddns_limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    return None if DDNS[0] in tree or (not value and DDNS[1] in tree) else MISSING


def ddns_provider(tree: Tree) -> Any:
    if flag(tree, DDNS[1]) is True:
        return "axis"
    return "rfc2136" if flag(tree, DDNS[0]) is True else "" if get_ddns(tree) is False else ABSENT


def get_cloud(tree: Tree) -> Any:
    """`oneclick` waits for a press of the button: it is on."""
    word = tree.get("RemoteService.Enabled")
    known = {"oneclick": True, "yes": True, "no": False}
    return ABSENT if word is None else known.get(word, unknown("RemoteService.Enabled", word))


def put_cloud(tree: Tree, value: bool) -> None:
    if get_cloud(tree) is not value:
        tree["RemoteService.Enabled"] = "yes" if value else "no"


# -- storage -----------------------------------------------------------------------------------------------------------
def storage_state(tree: Tree) -> Any:
    """Of the cards and shares that are there; a slot without one says so with its status."""
    words = {disk["status"].lower() for disk in tree.values()} - {"disconnected", "notpresent", ""}
    if not words:
        return "none"
    return "ok" if words == {"ok"} else "error" if words & {"failed", "error", "corrupt"} else "degraded"

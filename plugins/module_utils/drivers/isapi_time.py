# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clock, time servers and log server of an ISAPI device (fact sheet 12, 15)."""

from __future__ import annotations

import datetime
import ipaddress
import re
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import zones
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, Stored
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_xml as xml
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi_session import IsapiContext

Tree = dict[str, str]

# -- time (sheet 12) ---------------------------------------------------------------------------------------------------
_ZONE = re.compile(r"([A-Za-z]+)([+-]?\d{1,2}(?::\d{2}){0,2})(?:DST(\d{1,2}(?::\d{2}){0,2}))?(,.*)?")
_FULL = re.compile(r"/0?(\d{1,2}):00:00")


def keep_time(ctx: IsapiContext, tree: Tree) -> None:
    ctx.told_time = (xml.get(tree, "localTime", ""), xml.get(tree, "timeZone", ""), datetime.datetime.now(datetime.UTC))


def _seconds(word: str) -> int:
    parts = [int(part) for part in word.lstrip("+-").split(":")]
    total = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    return -total if word.startswith("-") else total


def _clock(seconds: int, short: bool = False) -> str:
    sign, seconds = "-" if seconds < 0 else "", abs(seconds)
    if short and seconds % 3600 == 0:
        return f"{sign}{seconds // 3600}"
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def zone_from_device(word: str) -> str:
    """CST-9:00:00 is CST-9; DST01:00:00 says how much is added in summer, where POSIX has the summer's own offset."""
    match = _ZONE.fullmatch(word.strip())
    if not match:
        return word
    name, standard, added, rule = match.groups()
    base = f"{name}{_clock(_seconds(standard), short=True)}"
    if not added:
        return base
    rule = _FULL.sub(lambda m: "" if int(m[1]) == 2 else f"/{int(m[1])}", rule or "")
    summer = "" if _seconds(added) == 3600 else _clock(_seconds(standard) - _seconds(added), short=True)
    return f"{base}DST{summer}{rule}"


def zone_to_device(value: str) -> str | None:
    """The device's form of a zone; None where it has none. The letters say nothing there."""
    known = zones.key(value)
    if known is None:
        return None
    east, summer, rule = known
    word = f"CST+{_clock(-east)}" if east <= 0 else f"CST-{_clock(east)}"
    if summer is None:
        return word
    if summer <= east or not re.fullmatch(r"(,M\d{1,2}\.\d\.\d(/\d{1,2})?){2}", rule):
        return None
    times = ",".join(
        f"{day}/{int(hour or 2):02d}:00:00"
        for day, _slash, hour in (part.partition("/") for part in rule[1:].split(","))
    )
    return f"{word}DST{_clock(summer - east).zfill(8)},{times}"


def zone_limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    return None if zone_to_device(value) and xml.has(tree, "timeZone") else "the device has no form for this zone"


def put_zone(tree: Tree, value: str) -> None:
    if not zones.same(zones.canonical(zone_from_device(xml.get(tree, "timeZone", ""))), value):
        xml.put(tree, "timeZone", zone_to_device(value))


def sync(tree: Tree) -> str:
    return xml.get(tree, "timeMode").lower()


def put_sync(tree: Tree, value: str) -> None:
    if sync(tree) != value:
        xml.put(tree, "timeMode", "NTP" if value == "ntp" else "manual")


def device_moment(told: str, zone: str) -> datetime.datetime | None:
    """UTC of the device's wall clock. Its own offset is unreliable in summer; it is used only where the zone has a
    summer time, or is unknown (sheet 12)."""
    try:
        moment = datetime.datetime.fromisoformat(told.strip())
    except ValueError:
        return None
    known = zones.key(zone_from_device(zone)) if zone else None
    if known is not None and (known[1] is None or moment.tzinfo is None):
        moment = moment.replace(tzinfo=datetime.timezone(datetime.timedelta(seconds=known[0])))
    return moment.astimezone(datetime.UTC) if moment.tzinfo is not None else None


def store_time(ctx: IsapiContext, old: Tree, new: Tree) -> Stored:
    """A document with timeMode manual sets the clock to its localTime. So that is made to say this very moment, in the
    zone that will be in force: neither the way of the document nor a new zone moves the clock."""
    told = ctx.told_time
    moment = device_moment(*told[:2]) if told else None
    zone = zones.key(zone_from_device(xml.get(new, "timeZone", "")))
    if sync(new) == "manual" and told and moment is not None and zone is not None and xml.has(new, "localTime"):
        then = datetime.datetime.fromisoformat(told[0].strip())
        before = zones.key(zone_from_device(told[1]))
        east = zone[0]
        if before is not None and then.tzinfo is not None and before[1] is not None and zone[1] is not None:
            east += round((then.utcoffset() or datetime.timedelta()).total_seconds()) - before[0]  # it is summer there
        now = moment + (datetime.datetime.now(datetime.UTC) - told[2])
        wall = now.astimezone(datetime.timezone(datetime.timedelta(seconds=east))).replace(microsecond=0)
        new = dict(new)
        xml.put(new, "localTime", (wall if then.tzinfo is not None else wall.replace(tzinfo=None)).isoformat())
    return ctx.send("PUT", "System/time", new, "time")


def _ntp_rows(tree: Tree) -> list[str]:
    return xml.rows(tree, "NTPServer")


def _host_at(tree: Tree, row: str) -> str:
    """Host of a row with addressingFormatType: the element that this names, else the one that is filled."""
    by_name = xml.get(tree, f"{row}addressingFormatType", "").lower() == "hostname"
    order = ("hostName", "ipAddress") if by_name else ("ipAddress", "ipv6Address", "hostName")
    words = [xml.get(tree, f"{row}{name}", "") for name in order]
    return next((word for word in words if word not in ("", "0.0.0.0", "::")), "")


def _put_host_at(tree: Tree, row: str, host: str) -> None:
    """Sets the type, and the element that goes with it; the other one becomes it where the row has only one."""
    name = "ipAddress" if _is_address(host) else "hostName"
    other = "hostName" if name == "ipAddress" else "ipAddress"
    if xml.has(tree, f"{row}addressingFormatType"):
        xml.put(tree, f"{row}addressingFormatType", name.lower())
    if xml.has(tree, f"{row}{name}"):
        xml.put(tree, f"{row}{name}", host)
    else:
        xml.replace(tree, xml.find(tree, f"{row}{other}")[0], xml.element(tree, name, xml.escape(host)))


def _is_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 4
    except ValueError:
        return False


def _host_limit(host: str) -> str | None:
    if ":" in host or not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", host):
        return "expected an IPv4 address or a host name of at most 64 characters"
    return None


def servers(tree: Tree) -> list[str]:
    return [host for row in _ntp_rows(tree) if (host := _host_at(tree, row))]


def put_servers(tree: Tree, value: list[str]) -> None:
    """As many rows as there are servers; new ones are copies of the first, with their own id."""
    if servers(tree) == value:
        return
    rows = xml.find(tree, "NTPServer")
    first = tree["text"][rows[0].start : rows[0].end]
    for node in reversed(rows[max(1, len(value)) :]):
        xml.replace(tree, node, "")
    for _extra in range(len(rows), len(value)):
        last = xml.find(tree, "NTPServer")[-1]
        tree["text"] = tree["text"][: last.end] + first + tree["text"][last.end :]
    for index, host in enumerate(value, 1):
        row = f"NTPServer[{index}]/"
        if index > len(rows) and xml.has(tree, f"{row}id"):
            xml.put(tree, f"{row}id", index)
        if _host_at(tree, row) != host:
            _put_host_at(tree, row, host)


def servers_limits(ctx: Any, tree: Tree, item: str, value: list[str]) -> str | None:
    if not value:
        return "the device keeps at least one time server"
    if not xml.find(tree, "NTPServer"):
        return "the device lists no place for a time server"
    return next((why for host in value if (why := _host_limit(host))), None)


# -- log server (sheet 15) ---------------------------------------------------------------------------------------------
def log_servers(tree: Tree) -> Any:
    on = xml.flag(tree, "enabled")
    host = _host_at(tree, "")
    if on not in (True, False):
        return on if on is ABSENT else xml.odd("the log server", on)
    if not on or not host:
        return []
    scheme = "tls" if xml.flag(tree, "transmissionEncryption") is True else "udp"
    return [f"{scheme}://{host}:{xml.get(tree, 'portNo', '514')}"]


def _log_place(value: str) -> tuple[str, str, str] | None:
    match = re.fullmatch(r"(udp|tls)://([^:\s/\[\]]+):(\d{1,5})", value)
    return (match[1], match[2], match[3]) if match else None


def put_log_servers(tree: Tree, value: list[str]) -> None:
    if log_servers(tree) == value:
        return
    xml.put_flag(tree, "enabled", bool(value))
    if not value:
        return
    scheme, host, port = _log_place(value[0])
    if _host_at(tree, "") != host:
        _put_host_at(tree, "", host)
    xml.put(tree, "portNo", port)
    if xml.has(tree, "transmissionEncryption"):
        xml.put_flag(tree, "transmissionEncryption", scheme == "tls")


def log_limits(ctx: Any, tree: Tree, item: str, value: list[str]) -> str | None:
    if len(value) > 1:
        return "the device sends its log to one server only"
    if not value:
        return None
    place = _log_place(value[0])
    if place is None or not 0 < int(place[2]) < 65536:
        return "expected udp://host:port, or tls://host:port where the device can encrypt"
    if place[0] == "tls" and not xml.has(tree, "transmissionEncryption"):
        return "this device cannot encrypt what it sends to the log server"
    there = xml.has(tree, "portNo") and (xml.has(tree, "ipAddress") or xml.has(tree, "hostName"))
    return _host_limit(place[1]) if there else "the device lists no place for a log server"

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lock, time, log, video, events and storage of an ISAPI device (fact sheet 6, 11, 12, 15, 16, 18, 20)."""

from __future__ import annotations

import datetime
import ipaddress
import re
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import zones
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    UNSUPPORTED,
    UNVERIFIABLE,
    VALUE,
    Reading,
    Stored,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_xml as xml
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi_session import IsapiContext, number

Tree = dict[str, str]

# -- lock after refused logins (sheet 6) -------------------------------------------------------------------------------
ATTEMPTS, DURATION = "maxIllegalLoginTimes", "maxIllegalLoginLockTime"


def keep_lock(ctx: IsapiContext, tree: Tree) -> Any:
    """The unit of the lock time goes into the tree: `range` is the most that the device takes, "" where not told."""
    most = ctx.told(DURATION, "max")
    ctx.lock = {"enabled": xml.get(tree, "enabled", ""), "attempts": xml.get(tree, ATTEMPTS, ""),
                "time": xml.get(tree, DURATION, ""), "most": str(most or "")}  # fmt: skip
    return {**tree, "most": str(most or "")}


def seconds_per_unit(tree: Tree) -> int | None:
    """60: the lock time is in minutes (cameras: at most 120). 1: in seconds (terminals: 1800). None: unclear."""
    told = number(tree.get("most", "")) or number(xml.get(tree, DURATION, ""))
    if told is None or 120 < told < 300:
        return None
    return 60 if told <= 120 else 1


def attempts(tree: Tree) -> Any:
    """0: it does not lock. The oldest devices have the switch alone."""
    on, most = xml.flag(tree, "enabled"), xml.get(tree, ATTEMPTS)
    if on is False:
        return 0
    if on is True and most is ABSENT:
        return Reading(UNVERIFIABLE, None, "the lock is on, but the device does not tell after how many failures")
    return most if on is True else on


def put_attempts(tree: Tree, value: int) -> None:
    xml.put_flag(tree, "enabled", value > 0)
    if value:
        xml.put(tree, ATTEMPTS, value)


def attempts_limits(ctx: IsapiContext, tree: Tree, item: str, value: int) -> str | None:
    if value == 0:
        return None
    if not xml.has(tree, ATTEMPTS):
        return "this device has a switch only, and a number of its own"
    least, most = ctx.lock_range(ATTEMPTS, "min") or 3, ctx.lock_range(ATTEMPTS, "max") or 20
    return None if least <= value <= most else f"the device takes {least} to {most}"


def minutes(tree: Tree) -> Any:
    told = number(xml.get(tree, DURATION))
    if told is None:
        return ABSENT
    unit = seconds_per_unit(tree)
    if unit is None or (unit == 1 and told % 60):
        return Reading(UNVERIFIABLE, None, f"the lock time is {told}, in minutes or seconds: the device does not tell")
    return told * unit // 60


def put_minutes(tree: Tree, value: int) -> None:
    xml.put(tree, DURATION, value * 60 // (seconds_per_unit(tree) or 60))


def minutes_limits(ctx: IsapiContext, tree: Tree, item: str, value: int) -> str | None:
    unit = seconds_per_unit(tree)
    if unit is None or not xml.has(tree, DURATION):
        return "the unit of the lock time is not known on this device"
    # Below 300 seconds the next reading could take the number for minutes.
    least = max(1, ctx.lock_range(DURATION, "min") or 1) if unit == 60 else 5
    most = ctx.lock_range(DURATION, "max") or (120 if unit == 60 else 1800)
    most = most * unit // 60
    return None if least <= value <= most else f"the device takes {least} to {most} minutes"


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
    return None if zone_to_device(value) else "the device has no form for this zone"


def put_zone(tree: Tree, value: str) -> None:
    if not zones.same(zones.canonical(zone_from_device(xml.get(tree, "timeZone", ""))), value):
        xml.put(tree, "timeZone", zone_to_device(value))


def sync(tree: Tree) -> str:
    return xml.get(tree, "timeMode").lower()


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
    return [f"NTPServer[{index}]" for index in range(1, len(xml.find(tree, "NTPServer")) + 1)]


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
    return [host for row in _ntp_rows(tree) if (host := _host_at(tree, f"{row}/"))]


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
        return on
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


# -- video (sheet 11) --------------------------------------------------------------------------------------------------
_SECURITY = "Transport/Security/enabled"


def _streams(tree: Tree) -> list[str]:
    rows = [f"StreamingChannel[{index}]/" for index in range(1, len(xml.find(tree, "StreamingChannel")) + 1)]
    return [row for row in rows if xml.has(tree, f"{row}{_SECURITY}")]


def stream_login(tree: Tree) -> Any:
    states = [xml.flag(tree, f"{row}{_SECURITY}") for row in _streams(tree)]
    return next((s for s in states if s not in (True, False)), all(states)) if states else ABSENT


def put_stream_login(tree: Tree, value: bool) -> None:
    for row in _streams(tree):
        xml.put_flag(tree, f"{row}{_SECURITY}", value)


def stream_limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    return None if _streams(tree) else "the device does not list this switch"


def store_streams(ctx: IsapiContext, old: Tree, new: Tree) -> Stored:
    """One document per stream: each is read by itself, changed and sent (sheet 11: per stream)."""
    restart = False
    for row in _streams(new):
        wanted = xml.flag(new, f"{row}{_SECURITY}")
        if xml.flag(old, f"{row}{_SECURITY}") is not wanted:
            path = f"Streaming/channels/{xml.get(new, f'{row}id')}"
            tree = ctx.fetch(path, path)
            xml.put_flag(tree, _SECURITY, wanted)
            restart |= ctx.send("PUT", path, tree, path).restart
    return Stored(restart)


def rtsp_login(tree: Tree) -> Any:
    """Recorders say the kind of login only; every kind that is known asks for one."""
    kind = xml.get(tree, "certificateType", xml.get(tree, "CertificateType"))
    if kind is ABSENT or kind.lower() in ("digest", "digest/basic", "basic"):
        return ABSENT if kind is ABSENT else True
    return Reading(UNVERIFIABLE, None, f"the recorder holds the kind of login {kind[:40]!r}")


# -- events (sheet 16, 20) ---------------------------------------------------------------------------------------------
_REGION = "TamperDetectionRegionList/TamperDetectionRegion"


def tamper(tree: Tree) -> Any:
    """On only when it is on as a whole and in a region, where it has regions."""
    on = xml.flag(tree, "enabled")
    regions = [xml.flag(tree, f"{_REGION}[{i}]/enabled") for i in range(1, len(xml.find(tree, _REGION)) + 1)]
    regions = [state for state in regions if state is not ABSENT]
    return on if on is not True or not regions else any(state is True for state in regions)


def put_tamper(tree: Tree, value: bool) -> None:
    """The switch, and the first region when it goes on; regions stay as they are when it goes off."""
    if tamper(tree) is value:
        return
    xml.put_flag(tree, "enabled", value)
    if value and tamper(tree) is not True:
        xml.put_flag(tree, f"{_REGION}[1]/enabled", True)


def _triggers(tree: Tree, kind: str) -> list[tuple[str, bool]]:
    """(id, does it notify anybody) of all triggers of a kind."""
    found = []
    for node in xml.every(tree, "EventTrigger"):
        name, type_ = (xml.child(tree, node, part) for part in ("id", "eventType"))
        if type_.lower() == kind or name.lower().rpartition("-")[0] == kind:
            found.append(
                (name, bool(xml.child(tree, node, "EventTriggerNotificationList/EventTriggerNotification/id")))
            )
    return found


def keep_triggers(ctx: IsapiContext, tree: Tree) -> Any:
    return {"videoloss": dict(_triggers(tree, "videoloss")), "wanted": None,
            "all": sorted({xml.child(tree, node, "id") for node in xml.every(tree, "EventTrigger")})}  # fmt: skip


def video_loss(tree: Any) -> Any:
    return ABSENT if not tree["videoloss"] else all(tree["videoloss"].values())


def put_video_loss(tree: Any, value: bool) -> None:
    tree["videoloss"] = dict.fromkeys(tree["videoloss"], value)


def video_loss_limits(ctx: Any, tree: Any, item: str, value: bool) -> str | None:
    if not tree["videoloss"]:
        return "the device lists no trigger for it"
    return None if value else "notifications are only added from here, never taken away"


def store_triggers(ctx: IsapiContext, old: Any, new: Any) -> Stored:
    """Triggers that notify nobody get the notification of the surveillance center. 503 means: no such trigger."""
    restart = False
    for name, wanted in new["videoloss"].items():
        if not wanted or old["videoloss"].get(name):
            continue
        path = f"Event/triggers/{name}"
        tree = ctx.fetch(path, path)
        inner = xml.element(tree, "id", "center") + xml.element(tree, "notificationMethod", "center")
        entry = xml.element(tree, "EventTriggerNotification", inner)
        if xml.has(tree, "EventTriggerNotificationList"):
            xml.append(tree, "EventTriggerNotificationList", entry)
        else:
            xml.append(tree, "", xml.element(tree, "EventTriggerNotificationList", entry))
        restart |= ctx.send("PUT", path, tree, path).restart
    return Stored(restart)


# -- storage and recording (sheet 18) ----------------------------------------------------------------------------------
def disks(tree: Tree) -> list[str]:
    """The states of all disks and network stores."""
    return [xml.child(tree, node, "status").lower() for kind in ("hdd", "nas") for node in xml.every(tree, kind)]


def storage_state(tree: Tree) -> str:
    states = disks(tree)
    good = [state for state in states if state == "ok"]
    if not states:
        return "none"
    return "ok" if len(good) == len(states) else "degraded" if good else "error"


def storage_rest(tree: Tree) -> Any:
    return xml.rest_of("freeSpace", "status", "installationTime")(tree)


def array(flags: dict[str, Any]) -> Any:
    """What is known of a disk array: that the recorder has none. The endpoints for arrays are not published."""
    if flags.get("issupportraid") == "false":
        return "none"
    return Reading(UNSUPPORTED, None, "how this recorder tells of its disk array is not published; look at its pages")


def channels(tree: Tree) -> dict[str, dict[str, str]]:
    """The cameras of a recorder by the id of their channel: address, whether it is connected, its password's state."""
    found = {}
    for node in xml.every(tree, "InputProxyChannelStatus"):
        place = "sourceInputPortDescriptor"
        found[xml.child(tree, node, "id")] = {
            "address": xml.child(tree, node, f"{place}/ipAddress") or xml.child(tree, node, f"{place}/hostName"),
            "online": xml.child(tree, node, "online").lower(),
            "password": xml.child(tree, node, "SecurityStatus/PasswordStatus").lower(),
        }
    return found


def job_state(tree: Tree, item: str) -> Any:
    """A recorder tells whether it is connected to its cameras; a camera that is not connected is not recorded."""
    row = channels(tree)[item]
    if row["online"] not in ("true", "false"):
        return Reading(UNVERIFIABLE, None, "the recorder does not tell whether this channel is connected")
    if row["online"] == "false" or row["password"] == "invalid":
        why = "the recorder's login to the camera is refused" if row["password"] == "invalid" else "not connected"
        return Reading(VALUE, "error", why)
    return Reading(VALUE, "active", "the recorder is connected to the camera; what it stores is not told")


def recording_state(tree: Tree) -> Any:
    states = [job_state(tree, item) for item in channels(tree)]
    if not states:
        return "idle"
    words = {reading.value for reading in states}
    return "error" if words == {"error"} else "active" if words == {"active"} else "partial"


def _tracks(tree: Tree) -> list[str]:
    rows = [f"Track[{index}]/" for index in range(1, len(xml.find(tree, "Track")) + 1)]
    return [row for row in rows if xml.has(tree, f"{row}Enable")]


def edge_recording(tree: Tree) -> Any:
    states = [xml.flag(tree, f"{row}Enable") for row in _tracks(tree)]
    return any(state is True for state in states) if states else ABSENT


def put_edge_recording(tree: Tree, value: bool) -> None:
    if edge_recording(tree) is value:
        return
    for row in _tracks(tree)[: 1 if value else None]:
        xml.put_flag(tree, f"{row}Enable", value)


def edge_limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    return None if _tracks(tree) else "the device lists no recording"


def store_tracks(ctx: IsapiContext, old: Tree, new: Tree) -> Stored:
    """The form of this write is not published: it is tried, and the reading decides."""
    restart = False
    for row in _tracks(new):
        wanted = xml.flag(new, f"{row}Enable")
        if xml.flag(old, f"{row}Enable") is not wanted:
            path = f"ContentMgmt/record/tracks/{xml.get(new, f'{row}id')}"
            tree = ctx.fetch(path, path)
            xml.put_flag(tree, "Enable", wanted)
            restart |= ctx.send("PUT", path, tree, path).restart
    return Stored(restart)

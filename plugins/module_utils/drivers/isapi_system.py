# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lock, video, events and storage of an ISAPI device (fact sheet 6, 11, 16, 18, 20)."""

from __future__ import annotations

from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    UNSUPPORTED,
    UNVERIFIABLE,
    VALUE,
    Reading,
    Stored,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_xml as xml
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi_answers import number
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi_session import IsapiContext

Tree = dict[str, str]

# -- lock after refused logins (sheet 6) -------------------------------------------------------------------------------
ATTEMPTS, DURATION = "maxIllegalLoginTimes", "maxIllegalLoginLockTime"


def keep_lock(ctx: IsapiContext, tree: Tree) -> Any:
    """What tells the unit of the lock time goes into the tree: `most`, the most that the device takes ("": not told),
    and `kind`."""
    ctx.ask_capabilities()
    most = str(ctx.told(DURATION, "max") or "")
    kept = {**tree, "most": most, "kind": "recorder" if ctx.recorder else "camera"}
    ctx.lock = {"enabled": xml.get(tree, "enabled", ""), "attempts": xml.get(tree, ATTEMPTS, "")}
    told = minutes(kept)
    if not isinstance(told, Reading) and told is not ABSENT:
        ctx.lock["seconds"] = str(told * 60)
    return kept


def seconds_per_unit(tree: Tree) -> int | None:
    """60: the lock time is in minutes (cameras: at most 120). 1: in seconds (terminals: 1800). None: unclear; no
    recorder was seen that tells, so a small number of one may be either."""
    most, told = number(tree.get("most", "")), number(xml.get(tree, DURATION, ""))
    for value in filter(None, (most, told)):
        if 120 < value < 300:
            return None
        if value >= 300:
            return 1
        return 60 if most or tree.get("kind") == "camera" else None
    return None


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
    if not xml.has(tree, "enabled"):
        return "the device does not list this switch"
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


# -- video (sheet 11) --------------------------------------------------------------------------------------------------
_SECURITY = "Transport/Security/enabled"


def _streams(tree: Tree) -> list[str]:
    return [row for row in xml.rows(tree, "StreamingChannel") if xml.has(tree, f"{row}{_SECURITY}")]


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
        if xml.flag(old, f"{row}{_SECURITY}") != wanted:
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
    anywhere = xml.any_on(regions)
    return on if on is not True or anywhere is ABSENT else anywhere


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
    return [row for row in xml.rows(tree, "Track") if xml.has(tree, f"{row}Enable")]


def edge_recording(tree: Tree) -> Any:
    return xml.any_on(xml.flag(tree, f"{row}Enable") for row in _tracks(tree))


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
        if xml.flag(old, f"{row}Enable") != wanted:
            path = f"ContentMgmt/record/tracks/{xml.get(new, f'{row}id')}"
            tree = ctx.fetch(path, path)
            xml.put_flag(tree, "Enable", wanted)
            restart |= ctx.send("PUT", path, tree, path).restart
    return Stored(restart)

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transaction "uci": stage, apply with the router's own rollback, confirm or take back. Fact sheet section 6.

What can go wrong here (H45) and what is done about it:
- a foreign stage or a waiting apply: found in prepare, Busy
- `rollback` as a number is a commit for good: always JSON true
- the file changed under the stage (anonymous ids mean other sections now): the staged result is read back before apply
- the timer is forgotten (rpcd reload) or its snapshot wiped (another session's plain apply): confirm says so in a note,
  abandon compares what the router holds with what it held and puts the rest back itself
- a change that the timer took back is staged again: the stage is cleaned, or its session dropped
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Stored, secret_name
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import openwrt_uci as uci
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_crypt import sha512_crypt
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_ubus import (
    DENIED,
    NO_DATA,
    NO_OBJECT,
    NO_PERMISSION,
    PROOF_SECONDS,
    SESSION_SECONDS,
    Call,
    Reply,
    Ubus,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    InputError,
    Refused,
    Unreachable,
)

_FORGOTTEN = (
    "The router had no apply waiting for our confirm (its timer was forgotten by a reload, or another session applied "
    "meanwhile); the change is in force and stays."
)


@dataclass
class Stage:
    """What this run has staged; `old` and `new` hold whole packages, `session` is the one that may confirm."""

    session: str = field(repr=False)
    old: dict[str, uci.Tree] = field(default_factory=dict, repr=False)
    new: dict[str, uci.Tree] = field(default_factory=dict, repr=False)
    seconds: int = 0
    applied_at: float | None = None  # monotonic

    @property
    def deadline(self) -> float:
        return (self.applied_at or 0.0) + self.seconds


def _expect(ctx: Any, reply: Reply, what: str) -> Reply:
    if not reply.ok:
        raise reply.error(f"{ctx.ubus.name}: {what}")
    return reply


def _changes(ctx: Any) -> dict[str, Any]:
    """What is staged in our session: {package: [...]}; empty ones left out."""
    data = _expect(ctx, ctx.ubus.call("uci", "changes"), "uci.changes").data
    changes = data.get("changes") if isinstance(data, dict) else None
    return {name: ops for name, ops in changes.items() if ops} if isinstance(changes, dict) else {}


def _live(ctx: Any, names: Any) -> dict[str, uci.Tree]:
    """The packages as our session sees them (with what it has staged)."""
    names = list(names)
    replies = ctx.ubus.batch([Call("uci", "get", {"config": name}) for name in names])
    return {name: _package(ctx, name, reply) for name, reply in zip(names, replies, strict=True)}


def _package(ctx: Any, name: str, reply: Reply) -> uci.Tree:
    data = _expect(ctx, reply, f"uci.get {name}").data or {}
    if not isinstance(data, dict):
        raise BadAnswer(f"{ctx.ubus.name}: uci.get {name}: the answer has another shape.")
    return uci.parse(name, data.get("values"))


def _differs(one: dict[str, uci.Tree], other: dict[str, uci.Tree]) -> list[str]:
    return [name for name in one if uci.content(one[name]) != uci.content(other.get(name, {}))]


# -- the four steps ----------------------------------------------------------------------------------------------------
def prepare(ctx: Any) -> None:
    """Nothing of anybody may be staged or waiting, else Busy. Opens a fresh stage."""
    ubus = ctx.ubus
    staged = _changes(ctx)
    if staged:
        raise Busy(f"{ubus.name}: changes of {', '.join(sorted(staged))} are already staged in this session.",
                   "Apply or revert them in the router's own pages, then run again.")  # fmt: skip
    if ubus.shared or waiting(ctx):
        raise Busy(f"{ubus.name}: somebody's apply is waiting to be confirmed.", "Run again in a few minutes.")
    ctx.stage = Stage(ubus.session)


def waiting(ctx: Any) -> bool:
    """Is an apply pending? Reverting nothing is refused while one is; without that right, a second login is handed the
    applying session's id instead of its own."""
    ubus = ctx.ubus
    writable = next((name for name in ("system", "network", "uhttpd") if ubus.granted("uci", name, "write")), None)
    if ubus.may("uci", "revert") and writable:
        return ubus.call("uci", "revert", {"config": writable}).code == NO_PERMISSION
    second = Ubus(ubus.transport, ubus.credential)
    second.login(PROOF_SECONDS)
    return second.shared


def store(ctx: Any, package: str, old: uci.Tree, new: uci.Tree) -> Stored | None:
    """Stage the fewest edits. Refused names package and call; what this package had staged is for abandon to clean."""
    if ctx.stage is None:
        prepare(ctx)
    stage: Stage = ctx.stage
    calls = uci.edits(package, old, new, lambda section: _hash(ctx, new, section))
    if not calls:
        return None
    if not ctx.ubus.granted("uci", package, "write"):
        raise Refused(f"{ctx.ubus.name}: this login may not write the uci package {package}.", ctx.missing(package))
    stage.old.setdefault(package, old)
    stage.new[package] = new
    for call, reply in zip(calls, ctx.ubus.batch(calls), strict=True):
        if reply.code == DENIED:
            _session_ended(ctx)
        if not reply.ok or (isinstance(reply.data, dict) and "error" in reply.data):
            _unstage(ctx, package)
            _expect(ctx, reply, f"{call.name} {package}")
            raise Refused(f"{ctx.ubus.name}: {call.name} {package}: the router answered with an error.")  # H12
    return None


def _unstage(ctx: Any, package: str) -> None:
    """A package that was refused in part must not be applied in part; without the right to revert, apply sees it."""
    if ctx.ubus.may("uci", "revert") and ctx.ubus.call("uci", "revert", {"config": package}).ok:
        ctx.stage.old.pop(package)
        ctx.stage.new.pop(package)


def _hash(ctx: Any, tree: uci.Tree, section: str) -> str:
    """rpcd logins hold a crypt(3) hash; plain text would never match."""
    return sha512_crypt(ctx.secret(secret_name(uci.text(tree[section], "username"))))


def _session_ended(ctx: Any) -> None:
    ctx.stage = None
    raise DeviceError(f"{ctx.ubus.name}: the session ended while changes were staged; nothing was applied.")


def apply(ctx: Any, seconds: int) -> Stored | None:
    """Put the stage into force with the rollback timer armed. Busy when another apply is pending."""
    stage, ubus = ctx.stage, ctx.ubus
    if stage is None or not stage.new:
        return Stored(note="nothing was staged")
    if seconds < 1 or seconds + 60 > SESSION_SECONDS:
        raise InputError(f"{ubus.name}: the rollback time must be 1 to {SESSION_SECONDS - 60} seconds, not {seconds}.")
    differing = _differs(stage.new, _live(ctx, stage.new))
    if ubus.session != stage.session:
        _session_ended(ctx)
    if differing:
        raise Busy(f"{ubus.name}: what is staged of {', '.join(differing)} is not what was meant; nothing was applied.",
                   "Somebody else changed the router at the same time, or it altered a value.")  # fmt: skip
    stage.seconds, stage.applied_at = seconds, time.monotonic()
    ubus.patient_until = stage.deadline - min(5.0, seconds / 4)
    try:
        reply = ubus.call("uci", "apply", {"rollback": True, "timeout": seconds})  # an integer 1 would commit for good
    except (Unreachable, BadAnswer):
        if _changes(ctx):  # asked again until the web server is back
            raise
        return Stored(note="the answer to apply was lost; the router holds the change")
    if reply.code == NO_DATA:
        stage.applied_at, stage.new = None, {}
        return Stored(note="the router saw no difference")
    if not reply.ok:
        stage.applied_at = None
        if reply.code == NO_PERMISSION:
            raise Busy(f"{ubus.name}: uci.apply refused: somebody's apply is waiting to be confirmed.",
                       "Run again in a few minutes.")  # fmt: skip
        raise reply.error(f"{ubus.name}: uci.apply")
    return None


def confirm(ctx: Any) -> None:
    """Keep it. DeviceError when the router has taken it back; a note when it stays without our confirm."""
    stage, ubus = ctx.stage, ctx.ubus
    if stage is None or stage.applied_at is None:
        ctx.stage = None
        return
    lost: list[bool] = []
    reply = _patient(lambda: ubus.call("uci", "confirm"), stage.deadline, lost)
    if ubus.session != stage.session or reply.code == DENIED:
        raise DeviceError(f"{ubus.name}: the session ended before the change was confirmed; the router takes it back.")
    if reply.code == NO_PERMISSION:
        raise DeviceError(f"{ubus.name}: the apply that waits for a confirm is not ours any more.")
    if reply.code == NO_DATA:
        if _changes(ctx) or _differs(stage.new, _live(ctx, stage.new)):
            raise DeviceError(f"{ubus.name}: the router took the change back before it was confirmed.")
        if not lost:  # else the first confirm arrived, only its answer did not
            ctx.notes.append(_FORGOTTEN)
    else:
        _expect(ctx, reply, "uci.confirm")
        again = _patient(lambda: ubus.call("uci", "confirm"), time.monotonic() + 5)
        if again.code != NO_DATA:
            ctx.notes.append("After the confirm the router still had an apply pending that is not ours.")
    ubus.patient_until = 0.0
    ctx.stage = None


def abandon(ctx: Any) -> None:
    """Bring the old state back and leave nothing staged. DeviceError says what the router still holds."""
    stage, ubus = ctx.stage, ctx.ubus
    ctx.stage = None
    if stage is None:
        return
    if stage.applied_at is not None:
        _take_back(ctx, stage)
    ubus.patient_until = 0.0
    _drop(ctx, stage)
    if stage.applied_at is not None:
        _restore(ctx, stage)


# -- taking back -------------------------------------------------------------------------------------------------------
def _patient(ask: Callable[[], Reply], deadline: float, lost: list[bool] | None = None) -> Reply:
    """Ask until there is an answer of rpcd: it is away for a moment when it is reloaded. `lost` notes lost answers."""
    while True:
        try:
            reply = ask()
            if reply.code != NO_OBJECT or time.monotonic() > deadline:
                return reply
        except (Unreachable, BadAnswer, Busy) as error:
            gone = isinstance(error, (Unreachable, Busy)) or getattr(error, "reason", "") in ("closed", "truncated")
            if not gone or time.monotonic() > deadline:
                raise
            if lost is not None and isinstance(error, BadAnswer):
                lost.append(True)
        time.sleep(0.3)


def _take_back(ctx: Any, stage: Stage) -> None:
    ubus = ctx.ubus
    ubus.patient_until = stage.deadline + 10
    if ubus.may("uci", "rollback"):
        reply = _patient(lambda: ubus.call("uci", "rollback"), stage.deadline + 10)
        if reply.code not in (0, NO_DATA, DENIED, NO_PERMISSION):
            raise reply.error(f"{ubus.name}: uci.rollback")
        return
    # No right to roll back: the timer does it, and shows that by staging the change again.
    while time.monotonic() < stage.deadline + 5 and ubus.session == stage.session and not _changes(ctx):
        time.sleep(0.5)


def _drop(ctx: Any, stage: Stage) -> None:
    """Empty the stage so that no later apply pushes it: revert, or leave the session for a new one."""
    ubus = ctx.ubus
    staged = _changes(ctx)
    if staged and ubus.session == stage.session and ubus.may("uci", "revert"):
        for name in staged:
            _expect(ctx, ubus.call("uci", "revert", {"config": name}), f"uci.revert {name}")
        staged = _changes(ctx)
    if staged:
        if ubus.may("session", "destroy"):
            ubus.call("session", "destroy")
        before = ubus.session
        ubus.login()
        if ubus.session == before:
            names = ", ".join(sorted(staged))
            raise DeviceError(f"{ubus.name}: changes of {names} could not be unstaged: an apply is pending.")


def _restore(ctx: Any, stage: Stage) -> None:
    """The net may have had a hole (timer forgotten, snapshot wiped): put back ourselves what is not as it was."""
    ubus = ctx.ubus
    now = _live(ctx, stage.old)
    wrong = _differs(stage.old, now)
    if not wrong:
        return
    for name in wrong:
        calls = uci.edits(name, now[name], uci.align(stage.old[name], now[name]))
        for call, reply in zip(calls, ubus.batch(calls), strict=True):
            _expect(ctx, reply, f"{call.name} {name}")
    ubus.patient_until = time.monotonic() + 30
    reply = ubus.call("uci", "apply", {"rollback": True, "timeout": 60})
    if reply.ok:
        reply = _patient(lambda: ubus.call("uci", "confirm"), time.monotonic() + 30)
    ubus.patient_until = 0.0
    wrong = _differs(stage.old, _live(ctx, stage.old))
    if wrong:
        raise DeviceError(f"{ubus.name}: the router did not take the change of {', '.join(wrong)} back.",
                          "It still holds values of this run; look at it before the next one.")  # fmt: skip
    ctx.notes.append("The router's own rollback did not work; the old settings were written back instead.")

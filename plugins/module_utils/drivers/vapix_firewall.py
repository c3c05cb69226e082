# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall of AXIS OS 11.11 and newer, with its own rollback as a transaction (section 12; before: vapix_filter).

Tree: {"activated", "policy": "ACCEPT" | "DROP", "rules": [...], "pending": is a trial or a draft of somebody there,
"left": seconds until the trial ends by itself}.
`setRules` replaces all rules; with a fallbackTime it is a trial that ends by itself unless confirmRules comes. A trial
on a firewall that is off is refused (error 103), so it is switched on first, with rules that let everything in and that
were read again: no trial would end what a dormant rule does then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import UNVERIFIABLE, Reading, Stored, Tree
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.vapix_http import RELEASED_REST
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    NwcsError,
    Refused,
    TlsError,
    Unreachable,
    Unsupported,
)

BASE = "/firewall/v1"
POLL_SECONDS = 0.5
TRIAL_SECONDS = 100.0  # how long somebody's trial may be waited for; ours takes 60 s (as with a router's apply)
_POLICIES = ("ACCEPT", "DROP")


@dataclass
class Stage:
    """What this run puts into force. `deadline`: until when the device's own trial runs (monotonic), 0.0: none."""

    old: Tree
    new: Tree
    deadline: float = 0.0
    applied: bool = False


# -- reading -----------------------------------------------------------------------------------------------------------
def fetch(ctx: Any) -> Tree:
    """What stays. Rules on trial that are not ours are waited for: the device may take them back by itself, also those
    of a run that was cut off before it confirmed them."""
    if ctx.version < RELEASED_REST:
        raise Unsupported(f"{ctx.name}: the firewall API is released with AXIS OS 11.11.")
    deadline = time.monotonic() + TRIAL_SECONDS
    tree = _live(ctx)
    trial = bool(tree["left"]) and not (ctx.stage and ctx.stage.applied)
    while trial and tree["pending"]:  # the seconds are whole ones: at 0 it may still run
        if time.monotonic() + tree["left"] > deadline:
            raise _in_the_way(ctx)
        time.sleep(POLL_SECONDS)
        tree = _live(ctx)
    return tree


def _in_the_way(ctx: Any) -> Busy:
    return Busy(f"{ctx.name}: firewall rules of somebody else are on trial or drafted.",
                "Confirm or drop them in the device's own pages, or run again in a few minutes.")  # fmt: skip


def _live(ctx: Any) -> Tree:
    root = ctx.rest("GET", BASE)
    conf = root.get("conf") if isinstance(root, dict) else None
    rules = conf.get("rules") if isinstance(conf, dict) else root
    if not isinstance(rules, dict) or "activeRules" not in rules:
        rules = ctx.rest("GET", f"{BASE}/conf/rules")
    tree = parse(root, rules)
    if tree is None:
        raise BadAnswer(f"{ctx.name}: {BASE}: the answer has another shape.")
    return tree


def parse(root: Any, rules: Any) -> Tree | None:
    """While a trial runs, the pending rules are those in force. Members of a rule that are null are left away."""
    if not isinstance(root, dict) or not isinstance(rules, dict):
        return None
    activated = {"true": True, "false": False}.get(str(root.get("activated")).lower())
    left = rules.get("testTimeLeft") or 0
    trial = isinstance(left, (int, float)) and left > 0
    kind = "pending" if trial else "active"
    policy, listed = rules.get(f"{kind}DefaultPolicy"), rules.get(f"{kind}Rules")
    if activated is None or policy not in _POLICIES or not isinstance(listed, list):
        return None
    if not all(isinstance(rule, dict) for rule in listed):
        return None
    return {
        "activated": activated, "policy": policy, "pending": trial or bool(rules.get("pendingRules")),
        "left": left if trial else 0,
        "rules": [{name: value for name, value in rule.items() if value is not None} for rule in listed],
    }  # fmt: skip


def _filters(tree: Tree) -> list[dict[str, Any]]:
    return [rule for rule in tree["rules"] if rule.get("ruleType") != "LIMIT"]


def _odd(tree: Tree) -> Reading | None:
    """Rules beyond addresses (ports, ranges, hardware addresses, mixed order) have no word in the model."""
    other = "DROP" if tree["policy"] == "ACCEPT" else "ACCEPT"
    for rule in _filters(tree):
        known = set(rule) <= {"ruleType", "ip", "filter"} and isinstance(rule.get("ip"), str)
        if not known or (rule.get("filter") or {}).get("policy") != other:
            why = "the firewall has rules for ports, ranges or hardware addresses; look at it in the device's own pages"
            return Reading(UNVERIFIABLE, None, why, "firewall")
    return None


def get_mode(tree: Tree) -> Any:
    if not tree["activated"]:
        return "off"
    return _odd(tree) or ("allow" if tree["policy"] == "DROP" else "deny")


def get_sources(tree: Tree) -> Any:
    return _odd(tree) or [rule["ip"] for rule in _filters(tree)]


def put_mode(tree: Tree, value: str) -> None:
    tree["activated"] = value != "off"
    if value != "off":
        sources = [rule["ip"] for rule in _filters(tree)]
        tree["policy"] = "DROP" if value == "allow" else "ACCEPT"
        put_sources(tree, sources)


def put_sources(tree: Tree, value: list[str]) -> None:
    policy = "DROP" if tree["policy"] == "ACCEPT" else "ACCEPT"
    limits_ = [rule for rule in tree["rules"] if rule.get("ruleType") == "LIMIT"]
    tree["rules"] = limits_ + [{"ruleType": "FILTER", "ip": ip, "filter": {"policy": policy}} for ip in value]


def limits(ctx: Any, tree: Tree, item: str, value: Any) -> str | None:
    return "the firewall has rules that the model has no word for; they would be lost" if _odd(tree) else None


# -- the transaction ---------------------------------------------------------------------------------------------------
def prepare(ctx: Any) -> None:
    if _live(ctx)["pending"]:
        raise _in_the_way(ctx)
    ctx.stage = None


def store(ctx: Any, old: Tree, new: Tree) -> Stored | None:
    ctx.stage = Stage(old, new)
    return None


def apply(ctx: Any, seconds: int) -> Stored | None:
    stage = ctx.stage
    if stage is None:
        return Stored(note="nothing was staged")
    stage.applied = True
    if not stage.new["activated"]:
        ctx.rest("PATCH", f"{BASE}/activated", False)
        return None
    if not stage.old["activated"]:
        _set(ctx, [], "ACCEPT", 0)
        live = _live(ctx)
        if live["rules"] or live["policy"] != "ACCEPT":
            raise Refused(f"{ctx.name}: the firewall still holds rules of before, which would come into force with it; "
                          "it was not switched on.")  # fmt: skip
        ctx.rest("PATCH", f"{BASE}/activated", True)
    stage.deadline = time.monotonic() + seconds
    _set(ctx, stage.new["rules"], stage.new["policy"], seconds)
    return None


def _set(ctx: Any, rules: list[Any], policy: str, seconds: int) -> None:
    ctx.rest("POST", f"{BASE}/conf/setRules", {"rules": rules, "defaultPolicy": policy, "fallbackTime": seconds})


def _same(one: Tree, other: Tree) -> bool:
    return all(one[name] == other[name] for name in ("activated", "policy", "rules"))


def confirm(ctx: Any) -> None:
    """Keep it. DeviceError when the device has taken it back before."""
    stage, ctx.stage = ctx.stage, None
    if stage is None or not stage.applied:
        return
    failed: NwcsError | None = None
    if stage.deadline:
        try:
            ctx.rest("POST", f"{BASE}/conf/confirmRules", {})
        except (Refused, BadAnswer, Unreachable) as error:
            failed = error  # what the device holds now decides
    live = _live(ctx)
    if live["pending"] or not _same(live, stage.new):
        raise failed or DeviceError(f"{ctx.name}: the device took the firewall rules back before they were confirmed.")


def abandon(ctx: Any) -> None:
    """The trial is dropped or runs out; what is not as it was then is written back."""
    stage, ctx.stage = ctx.stage, None
    if stage is None or not stage.applied:
        return
    until = max(stage.deadline, time.monotonic()) + 5
    if stage.deadline:
        try:
            _patient(lambda: ctx.rest("POST", f"{BASE}/conf/clearPendingRules", {}), until)
        except (Refused, Unsupported):
            pass  # nothing was pending any more
    live = _patient(lambda: _live(ctx), until)
    if _same(live, stage.old) and not live["pending"]:
        return
    if live["activated"] and not stage.old["activated"]:
        ctx.rest("PATCH", f"{BASE}/activated", False)
    _set(ctx, stage.old["rules"], stage.old["policy"], 0)
    if stage.old["activated"] and not live["activated"]:
        ctx.rest("PATCH", f"{BASE}/activated", True)
    if not _same(_live(ctx), stage.old):
        raise DeviceError(f"{ctx.name}: the device did not take the firewall rules back.",
                          "It still holds rules of this run; look at it before the next one.")  # fmt: skip


def _patient(ask: Callable[[], Any], deadline: float) -> Any:
    """Ask until there is an answer: our own address may be shut out until the trial runs out."""
    while True:
        try:
            return ask()
        except (Unreachable, BadAnswer, Busy, TlsError) as error:
            strange = isinstance(error, TlsError) and getattr(error, "reason", "") == "certificate"
            if strange or time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)

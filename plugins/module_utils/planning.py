# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change on a device, and what cannot: judged before anything is sent.

A plan is plain data. An unknown is never turned into a compliant value, and a key whose reading is not credible is
never written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import compare, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    NOT_OFFERED,
    UNSUPPORTED,
    VALUE,
    WRITE_ONLY,
    Binding,
    Key,
    PasswordRules,
    Reading,
    secret_name,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.design import Want
from ansible_collections.nwcs.hardening.plugins.module_utils.guarding import Guards
from ansible_collections.nwcs.hardening.plugins.module_utils.reading import (
    Readings,
    fetch_wanted,
    fitting,
    list_unknown,
    may_write,
    plain,
    trees_of,
    way_to_write,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session
from ansible_collections.nwcs.hardening.plugins.module_utils.settings import Phase

REVOKED = "revoked"  # origin of the wish that a person's account goes
MANAGED = "managed"  # the wanted "value" of a password: one that we made, stored and proved


@dataclass
class Change:
    """One key that has to become `new`. `old` is the reading it was planned from, None where there was no item."""

    key: Key
    old: Reading | None
    new: Any
    want: Want
    phase: Phase

    def to_plain(self) -> dict[str, Any]:
        return {
            "key": settings.key_text(self.key),
            "old": plain(self.old) if self.old else None,
            "new": value_to_plain(self.new),
            "want": want_to_plain(self.want),
            "phase": int(self.phase),
        }

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Change:
        old = data["old"]
        return cls(
            settings.parse_key(data["key"]),
            Reading(old["state"], old.get("value"), old.get("why", ""), old.get("source", "")) if old else None,
            value_from_plain(data["new"]),
            want_from_plain(data["want"]),
            Phase(data["phase"]),
        )


def value_to_plain(value: Any) -> dict[str, Any]:
    return {"absent": True} if value is ABSENT else {"value": value}


def value_from_plain(data: Mapping[str, Any]) -> Any:
    return ABSENT if data.get("absent") else data["value"]


def want_to_plain(want: Want) -> dict[str, Any]:
    return {**value_to_plain(want.value), "mode": want.mode, "origin": want.origin}


def want_from_plain(data: Mapping[str, Any]) -> Want:
    return Want(value_from_plain(data), data.get("mode", "strict"), data.get("origin", ""))


def shown(key: Key, value: Any) -> Any:
    """A value as results show it: ABSENT in words, a secret never."""
    if value is ABSENT:
        return "absent"
    return "set" if settings.setting_of(key).secret else value


def outcome(
    key: Key, name: str, want: Any = None, old: Reading | None = None, read: Any = None, why: str = "",
    proof: str = "", guard: str = "",
) -> dict[str, Any]:  # fmt: skip
    """One line of a result (DESIGN 4). `wanted`, `old` and `read` are values, never secrets.

    guard  what kept us from losing the device, or a way in (docs/what-can-go-wrong.md): it stands in the text as well
    """
    data: dict[str, Any] = {"key": settings.key_text(key), "outcome": name}
    if want is not None:
        data["wanted"] = shown(key, want)
    if old is not None:
        data["old"] = old.value if old.state == VALUE else old.state
    if isinstance(read, Reading):
        data["read"] = read.value if read.state == VALUE else read.state
    if guard:
        data["guard"] = guard
        why = f"{why} [guard: {guard}]"
    if why:
        data["why"] = why
    if proof:
        data["proof"] = proof
    return data


class Planner(Guards):
    """Compares what is wanted with what is there. `changes` and `outcomes` are the result."""

    def __init__(self, session: Session, trees: Mapping[str, Any], readings: Readings, memory: Mapping[str, Any]):
        self.session = session
        self.driver, self.ctx = session.driver, session.ctx
        self.trees, self.readings, self.memory = trees, readings, memory
        self.changes: list[Change] = []
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.needs: dict[str, dict[str, Any]] = {}
        self.findings: list[dict[str, Any]] = []

    def run(self, wanted: Mapping[Key, Want]) -> Planner:
        # A filter is judged by who is let in: where the device lives has to be known for that.
        filtered = [("network", "address")] if any(key[0] == "access" for key in wanted) else []
        fetch_wanted(self.session, self.trees, self.readings, [*wanted, *filtered])
        wanted = self._with_accounts(self._with_revoked(self._for_every_item(self._with_own_password(wanted))))
        wanted = self._with_ways_in(wanted)
        for key, want in wanted.items():
            self._judge(key, want)
        self._guard()
        self.changes.sort(key=lambda change: (change.phase, change.key))
        return self

    def _for_every_item(self, wanted: Mapping[Key, Want]) -> dict[Key, Want]:
        """The item "*" stands for every item that is there and not switched off; a named one goes before it."""
        result = {key: want for key, want in wanted.items() if "*" not in key}
        for key, want in wanted.items():
            if "*" not in key:
                continue
            place = key.index("*")
            for known, reading in self.readings.items():
                if settings.pattern_of(known) != key or known == key or reading.state not in (VALUE, WRITE_ONLY):
                    continue
                switch = self.readings.get((*known[: place + 1], "enabled"))
                if switch is None or switch.value is not False or key[-1] == "enabled":
                    result.setdefault(known, want)
        return result

    # -- accounts --------------------------------------------------------------------------------------------------
    def own_account(self) -> str:
        """The account that is ours at the end: the declared one where it can be made, else the one in use."""
        declared = self.session.spec.get("own_account") or ""
        in_use = self.session.credential.username
        if not declared or declared == in_use or ("accounts", declared, "role") in self.readings:
            return declared or in_use
        binding = fitting(self.driver, self.ctx, self.trees, ("accounts", "*", "role"), write=True)
        return declared if binding is not None and binding.create else in_use

    def _with_own_password(self, wanted: Mapping[Key, Want]) -> dict[Key, Want]:
        """A rotation that names no account means the one by which we come in at the end (H49: never none at all)."""
        if self.session.spec.get("rotation") != "own":
            return dict(wanted)
        own = self.own_account()
        if ("accounts", own, "role") not in self.readings:
            own = self.session.credential.username
        ours = (own, *(name for name in self.driver.own_accounts(self.ctx) if "@" in name))
        return {**wanted, **{("accounts", name, "password"): Want(MANAGED, "strict", "rotation") for name in ours}}

    def _with_accounts(self, wanted: dict[Key, Want]) -> dict[Key, Want]:
        spec, credential = self.session.spec, self.session.credential
        if not spec.get("manage_accounts"):
            return wanted
        own = self.own_account()
        there = [k[1] for k in self.readings if k[:1] == ("accounts",) and k[2:] == ("role",) and k[1] != "*"]
        if fitting(self.driver, self.ctx, self.trees, ("accounts", "*", "role"), write=True):
            key, there_now = ("accounts", own, "role"), self.readings.get(("accounts", own, "role"))
            asked = wanted.get(key)
            # A design that takes it away from us is left as it is asked, so that the refusal is told.
            if asked is None or there_now is None or not self._takes_rights_away(key, asked.value):
                wanted[key] = Want("administrator", "strict", "own account")
        ours_proven = credential.username == own and credential.label != "bootstrap"
        listed = self.readings.get(("accounts", "*", "role"))
        if not ours_proven and (own == credential.username or listed is None or listed.state == VALUE):
            wanted[("accounts", own, "password")] = Want(MANAGED, "strict", "own account")
        for name in self.driver.factory_logins(self.ctx):  # of other APIs of the device
            wanted[("accounts", name, "password")] = Want(MANAGED, "strict", "own account")
        declared = {key[1] for key in wanted if key[0] == "accounts" and len(key) == 3}
        declared |= {own, *(name for name in self.driver.own_accounts(self.ctx) if name != credential.username)}
        remove = spec.get("undeclared_accounts") == "remove" or (
            self.driver.factory_new(self.ctx, self.trees) is True or spec.get("origin") == "factory"
        )
        for name in there:
            if name in declared:
                continue
            role = self.readings[("accounts", name, "role")]
            if remove:
                wanted[("accounts", name, "role")] = Want(ABSENT, "strict", "undeclared account")
                if why := self._cannot_remove(name):
                    # A built-in account stays; then at least its factory password must not.
                    del wanted[("accounts", name, "role")]
                    wanted[("accounts", name, "password")] = Want(MANAGED, "strict", f"undeclared account: {why}")
            else:
                self.findings.append(
                    {
                        "kind": "undeclared_account",
                        "key": settings.key_text(("accounts", name, "role")),
                        "old": None,
                        "new": role.value,
                        "severity": "high" if role.value == "administrator" else "medium",
                        "args": {"item": name, "role": role.value},
                        "explained": None,
                    }
                )
        return wanted

    def _with_revoked(self, wanted: dict[Key, Want]) -> dict[Key, Want]:
        """A revoked account that the device does not let go gets a password that nobody has."""
        for key, want in list(wanted.items()):
            if want.origin != REVOKED or key not in self.readings or key[1] == self.own_account():
                continue
            if why := self._cannot_remove(key[1]):
                del wanted[key]
                self._note(key, "refused", want, self.readings[key], f"{why}; its password is replaced instead")
                wanted[("accounts", key[1], "password")] = Want(MANAGED, "strict", REVOKED)
        return wanted

    def _cannot_remove(self, name: str) -> str | None:
        """Why the device keeps this account whatever we do; our own way in is not looked at here (it moves first)."""
        realm = name.rpartition("@")[2] if name.rpartition("@")[2] in self.driver.realms else ""
        rows = [b for b in self.driver.bindings if b.removes and b.key[:1] == ("accounts",) and b.realm == realm]
        if not rows:
            return "the device offers no way to remove an account"
        readable = [row for row in rows if not isinstance(trees_of(row, self.trees), Exception)]
        if name == self.session.credential.username or not readable:
            return None
        return self._limits(readable[0], ("accounts", name, "role"), None)

    # -- one key ---------------------------------------------------------------------------------------------------
    def _judge(self, key: Key, want: Want) -> None:
        reading = self.readings.get(key)
        binding = self._binding(key)
        if settings.setting_of(key).secret:
            self._judge_secret(key, want, reading, binding)
            return
        if reading is None and key[0] == "accounts" and (closed := self._closed_realm(key)) is not None:
            self._note(key, "not_checked", want, closed, why=closed.why)
        elif reading is None and (unknown := self.readings.get(settings.pattern_of(key))) is not None:
            if unknown.state == UNSUPPORTED:
                self._unsupported(key, want, unknown.why, unknown)
            else:
                self._note(key, "not_checked", want, unknown, why=unknown.why)
        elif reading is None:
            if want.value is ABSENT:
                self._note(key, "ok", want)
            elif binding is None:
                self._unsupported(key, want, "the API has no such setting")
            elif binding.domain is not None and settings.item_of(key) not in binding.domain:
                self._unsupported(key, want, "the API has no such setting")
            elif not binding.create:
                self._unsupported(key, want, "it is not there, and cannot be made")
            else:
                self._change(key, None, want, binding)
        elif reading.state == NOT_OFFERED:
            if want.value in (False, ABSENT, [], "off") and not self._answers(key):
                self._note(key, "ok", want, reading, why=reading.why or "the model does not have it")
            else:
                self._unsupported(key, want, reading.why or "the model does not have it", reading)
        elif reading.state == UNSUPPORTED:
            self._unsupported(key, want, reading.why, reading)
        elif reading.state != VALUE:
            self._note(key, "not_checked", want, reading, why=reading.why)
        elif compare.difference(key, want, reading) is None:
            self._note(key, "ok", want, reading)
            contradict(self.outcomes, self.readings)
        elif binding is None or not may_write(binding, self.trees, key):
            self._note(key, "read_only", want, reading, why="the API shows this, but offers no way to set it")
        else:
            self._change(key, reading, want, binding)

    def _closed_realm(self, key: Key) -> Reading | None:
        """Why the accounts of the API that an account belongs to are not known."""
        realm = settings.item_of(key).rpartition("@")[2]
        if realm not in self.driver.realms or not list_unknown(key, self.readings):
            return None
        return self.readings.get(("apis", realm, "accounts")) or self.readings.get(("apis", realm, "open"))

    def _judge_secret(self, key: Key, want: Want, reading: Reading | None, binding: Binding | None) -> None:
        if binding is None:
            self._note(key, "unsupported", want, reading, why="the API offers no way to set a password")
            return
        if self.session.spec.get("rotation") and not self._account_is_there(key, want):
            return
        if self._remembered(key, MANAGED, want, reading):
            return
        self.changes.append(Change(key, reading, MANAGED, want, Phase.OPEN))
        self._need(binding, key, reading, MANAGED)

    def _account_is_there(self, key: Key, want: Want) -> bool:
        """A rotation makes no account: some devices create one from a password alone (H11)."""
        if ("accounts", key[1], "role") in self.readings:
            return True
        listed = self.readings.get(("accounts", "*", "role"))
        if listed is None:
            self._note(key, "ok", want, why="there is no such account on this device")
        elif key[1] == self.session.credential.username:
            return True  # the list is not to be believed, but we are logged in as this one
        else:
            self._note(key, "not_checked", want, listed, why=f"the accounts are not known: {listed.why}")
        return False

    def _remembered(self, key: Key, new: Any, want: Want, reading: Reading | None) -> bool:
        """The same wanted value did not take on this firmware: said again, not written again (a liar, H01, H05)."""
        known = self.memory.get(settings.key_text(key))
        if not known or known.get("again") or self.session.spec.get("retry"):
            return False
        if known["outcome"] == "pending_restart" and self.session.spec.get("restart"):
            return False  # the site allows the restart now: write once more, restart, judge
        if known["wanted"] != compare.digest(value_to_plain(new)) or known["firmware"] != self.ctx.identity.firmware:
            return False
        why = f"{known.get('why', '')} (since {known['since']}; not written again)".strip()
        self._note(key, known["outcome"], want, reading, why=why)
        return True

    def _binding(self, key: Key) -> Binding | None:
        return way_to_write(self.driver, self.ctx, self.trees, key)

    def restorable(self, change: Change) -> bool | str:
        """True, or a sentence why an undo cannot bring the old value back."""
        binding = self._binding(change.key)
        if binding is None:
            return "the API offers no way to set it"
        if change.old is None and change.new is not ABSENT and not binding.removes:
            return "it goes with the item that it belongs to"
        if callable(binding.restorable):
            return binding.restorable(*(self.trees[name] for name in binding.documents))
        return binding.restorable

    def moved_along(self) -> list[Change]:
        """What nobody asked for, and what moves with a change: an undo has to bring it back as well."""
        planned = {change.key for change in self.changes}
        found: dict[Key, Change] = {}
        for change in self.changes:
            binding = self._binding(change.key)
            for key in binding.moves if binding else ():
                reading = self.readings.get(key)
                if key not in planned and reading is not None and reading.state == VALUE:
                    found[key] = Change(key, reading, reading.value, change.want, change.phase)
        return list(found.values())

    def _answers(self, key: Key) -> bool:
        """A service that the model is said not to have, and that answers all the same (H07)."""
        seen = self.readings.get(("services", key[1], "open")) if key[0] == "services" and len(key) == 3 else None
        return key[-1] == "enabled" and seen is not None and seen.state == VALUE and seen.value is True

    def _unsupported(self, key: Key, want: Want, why: str, reading: Reading | None = None) -> None:
        """No switch in this API; what is seen from outside still counts (H07)."""
        if key[0] == "services" and key[-1] == "enabled" and want.value is False:
            seen = self.readings.get(("services", key[1], "open"))
            if seen and seen.state == VALUE and seen.value:
                self._note(key, "failed", want, seen, why=f"{why}, and the service answers ({seen.source})")
                return
            if seen and seen.state == VALUE:
                self._note(key, "unsupported", want, reading, why=f"{why}; nothing answers ({seen.source})")
                return
        self._note(key, "unsupported", want, reading, why=why)

    def _change(self, key: Key, reading: Reading | None, want: Want, binding: Binding) -> None:
        new = want.value
        if want.mode == "at_least" and reading is not None and isinstance(reading.value, list):
            new = settings.normalise(key, [*reading.value, *want.value])
        if new is ABSENT and not binding.removes:
            self._note(key, "unsupported", want, reading, why="the API offers no way to remove it")
            return
        if key[0] == "accounts" and key[1] == self.own_account() and self._takes_rights_away(key, new):
            why = "this is our own account: it stays, and stays administrator"
            self._note(key, "guarded", want, reading, why, guard="own-account")
            return
        moves_out = new is ABSENT and settings.item_of(key) == self.session.credential.username != self.own_account()
        # The account in use may go, but only after we have moved to our own: its limits are asked again then.
        if not moves_out and (why := self._limits(binding, key, None if new is ABSENT else new)):
            self._note(key, "refused", want, reading, why=why)
            return
        old = reading.value if reading is not None and reading.state == VALUE else ABSENT
        if self._remembered(key, new, want, reading):
            return
        self.changes.append(Change(key, reading, new, want, settings.phase_of(key, old, new)))
        if new is not ABSENT:
            self._need(binding, key, reading, new)
        elif key[0] == "accounts":
            # A built-in account may refuse to go; then its password is replaced instead.
            self.needs.setdefault(secret_name(key[1]), {"name": secret_name(key[1]), "generate": True})

    @staticmethod
    def _takes_rights_away(key: Key, new: Any) -> bool:
        return new is ABSENT or new is False or (key[2:] == ("role",) and new != "administrator")

    def _limits(self, binding: Binding, key: Key, value: Any) -> str | None:
        if binding.limits is None:
            return None
        found = [self.trees[name] for name in binding.documents]
        return binding.limits(self.ctx, *found, settings.item_of(key), value)

    def _need(self, binding: Binding, key: Key, reading: Reading | None, new: Any) -> None:
        item = settings.item_of(key)
        names = binding.needs(self.ctx, item, reading.value if reading else ABSENT, new) if binding.needs else ()
        for name in names:
            fresh = reading is None or reading.state == WRITE_ONLY
            entry = self.needs.setdefault(name, {"name": name, "generate": False})
            entry["generate"] = entry["generate"] or fresh

    def _note(
        self, key: Key, name: str, want: Want, reading: Reading | None = None, why: str = "", guard: str = ""
    ) -> None:
        line = outcome(key, name, want.value, reading, reading, why, guard=guard)
        self.outcomes[line["key"]] = line


def contradict(outcomes: dict[str, dict[str, Any]], readings: Readings) -> None:
    """Where another API of the device says otherwise, a good outcome is none (DESIGN 4: conflict)."""
    for key, reading in readings.items():
        if key[0] != "conflicts" or reading.state != VALUE:
            continue
        text, _mark, api = key[1].rpartition("@")
        line = outcomes.get(text)
        if line is not None and line["outcome"] in ("ok", "changed"):
            line.update(outcome="conflict", why=f"{api} says {reading.value}")
            line.pop("proof", None)


def plan_result(planner: Planner, snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """The plan as plain data: what apply() works from, and all that check mode shows."""
    driver, ctx = planner.driver, planner.ctx
    # Some devices must be asked for their rules: only where a password may be made.
    rules = driver.password_rules(ctx) if planner.needs else PasswordRules(source="not asked: no password is needed")
    lock = driver.lock_rules(ctx)

    def told(changes: list[Change]) -> list[dict[str, Any]]:
        return [{**change.to_plain(), "restorable": planner.restorable(change)} for change in changes]

    return {
        "snapshot": dict(snapshot),
        "own_account": planner.own_account(),
        "changes": told(planner.changes),
        "moved_along": told(planner.moved_along()),
        "outcomes": planner.outcomes,
        "findings": planner.findings,
        "needs": sorted(planner.needs.values(), key=lambda need: need["name"]),
        "password_rules": {
            "min_length": rules.min_length,
            "max_length": rules.max_length,
            "alphabet": rules.alphabet,
            "source": rules.source,
            "forbidden": list(rules.forbidden),
            "classes": dict(rules.classes),
        },
        "lock_rules": {
            "attempts": lock.attempts,
            "seconds": lock.seconds,
            "source": lock.source,
            "locks": lock.locks,
        },
        "credential": {"username": planner.session.credential.username, "label": planner.session.credential.label},
        "clear_text": planner.session.way["scheme"] == "http",
        "https_ways": [
            {"scheme": "https", "port": endpoint.port}
            for endpoint in driver.endpoints(ctx, planner.trees)
            if endpoint.scheme == "https" or (endpoint.scheme == "tcp" and endpoint.service == "https")
        ],
    }


def would_change(change: Change) -> dict[str, Any]:
    return outcome(change.key, "would_change", change.new, change.old, change.old)


__all__ = [
    "MANAGED", "Change", "Planner", "outcome", "plan_result", "secret_name", "shown", "value_from_plain",
    "value_to_plain", "want_from_plain", "want_to_plain", "would_change",
]  # fmt: skip

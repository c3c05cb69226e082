# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a write: read again, looked at from outside, and said in one outcome per key (DESIGN 4)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import compare, probes, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    NOT_OFFERED,
    UNKNOWN,
    VALUE,
    Binding,
    Credential,
    Document,
    Key,
    Reading,
    Stored,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.design import Want
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    Refused,
    Unreachable,
    Unsupported,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.planning import Change, outcome
from ansible_collections.nwcs.hardening.plugins.module_utils.reading import (
    Readings,
    decode,
    fetch,
    list_unknown,
    way_to_write,
    ways_to_write,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session

PASSING = (Unreachable, BadAnswer, Busy)  # says that the way or the moment was bad, nothing of the value
SETTLE = (0.0, 0.3, 1.0)  # seconds between the readings after a store
LOGIN_PROOF = "login on a new connection"


@dataclass
class Written:
    """What a step's store operations said, by document."""

    stored: dict[str, Stored] = field(default_factory=dict)
    errors: dict[str, DeviceError] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    order: list[Document] = field(default_factory=list)


class Judge:
    """The state of one run over one device, and how its outcomes are found. `proved` and `sent` name the secrets."""

    def __init__(self, session: Session, changes: list[Change], hook: Callable[[str], None] | None = None) -> None:
        self.session, self.driver = session, session.driver
        self.changes = changes
        session.wanted |= {change.key for change in changes}
        self.hook = hook or (lambda _name: None)
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.proved: list[str] = []
        # Changes of accounts that were not let in by the way in use, and what was said of each before that.
        self.unproven: list[tuple[Change, dict[str, Any] | None]] = []
        self.nos: dict[str, DeviceError] = {}  # of passwords that may be in force all the same: a login tells
        self.sent: list[str] = []
        self.clear_text = False  # did a new password travel over plain HTTP?
        self.notes: list[str] = []
        self.old_logins: list[Credential] = []  # what must be refused at the end
        self.writes = 0  # store operations tried
        self.trees: dict[str, Any] = {}  # the newest of every document
        self.documents = {document.name: document for document in self.driver.documents}
        self.transactions = {transaction.name: transaction for transaction in self.driver.transactions}
        self.lost: DeviceError | None = None
        self.first_login: Credential = session.credential
        self.again: list[str] = []  # keys that failed for a reason that passes: the next run writes them once more
        self.refusals = 0  # logins that were refused in this run: the lock budget (H44)

    def _fetch(self, names: Iterable[str]) -> dict[str, Any]:
        trees = fetch(self.session, names)
        self.trees.update(trees)
        return trees

    def _binding(self, key: Key, trees: Mapping[str, Any]) -> Binding | None:
        return way_to_write(self.driver, self.session.ctx, trees, key)

    def _documents_of(self, change: Change) -> tuple[str, ...]:
        """Every document that a way of writing this key touches, in the order of the table."""
        chosen = self._binding(change.key, self.trees)
        ways = ways_to_write(self.driver, change.key, chosen.api) if chosen else []
        return tuple(dict.fromkeys(name for binding in ways for name in binding.documents))

    def _read_until(
        self, changes: list[Change], names: Iterable[str], seen: Callable[[Change, Readings], bool] | None = None
    ) -> Readings:
        """Read, at most three times, until every change is seen."""
        readings: Readings = {}
        seen = seen or self._seen
        for pause in SETTLE:
            time.sleep(pause)  # a settling time with a bound, not a wait for a state: the last reading is judged
            readings = decode(self.driver, self.session.ctx, self._fetch(names))
            if all(seen(change, readings) for change in changes):
                break
        return readings

    @staticmethod
    def _seen(change: Change, readings: Readings) -> bool:
        if settings.setting_of(change.key).secret:
            return True
        reading = readings.get(change.key)
        if change.new is ABSENT:
            return not list_unknown(change.key, readings) and (reading is None or reading.state == NOT_OFFERED)
        return reading is not None and compare.difference(change.key, Want(change.new), reading) is None

    def _judge(self, change: Change, readings: Readings, written: Written) -> None:
        if settings.setting_of(change.key).secret:
            return  # proven by login
        reading = readings.get(change.key)
        documents = self._documents_of(change)
        if self._seen(change, readings):
            announced = any(written.stored.get(name, Stored()).restart for name in documents)
            self._judge_effect(change, reading, announced)
            return
        error = next((written.errors[name] for name in documents if name in written.errors), None)
        if isinstance(error, Unsupported):
            self._note(change, "unsupported", reading, str(error))
        elif isinstance(error, Refused):
            self._note(change, "refused", reading, str(error))
        elif any(written.stored.get(name, Stored()).restart for name in documents):
            self._note(change, "pending_restart", reading, "the device says that it shows after a restart")
        elif self._restart_by_table(documents):
            self._note(change, "pending_restart", reading, "on this model it shows after a restart (model table)")
        elif reading is not None and reading.state != VALUE and change.new is not ABSENT:
            self._note(change, "not_checked", reading, reading.why)
        elif reading is None and change.new is ABSENT:
            self._note(change, "not_checked", why="the list that it was in could not be read")
        elif error is not None:
            self._note(change, "failed", reading, f"the device answered with an error: {error.message}")
            self._pass_over(change, error)
        else:
            self._note(change, "failed", reading, "accepted but not applied")

    def _restart_by_table(self, documents: Iterable[str]) -> bool:
        odd = self.session.ctx.facts.get("oddities", {}).get("restart", set())
        return any(name in odd or self.documents[name].restart == "always" for name in documents)

    def _judge_effect(self, change: Change, reading: Reading | None, announced: bool) -> None:
        """A service that reads off must not answer, one that reads on must (H07, H40). `announced`: the device said
        that it needs a restart for this, so the other state may be the one until then."""
        if change.key[0] != "services" or change.key[-1] != "enabled":
            self._note(change, "changed", reading, proof="read")
            return
        seen = self._look(change.key[1], change.new is False)
        for pause in SETTLE[1:]:
            if seen is None or seen.value is change.new:
                break
            time.sleep(pause)
            seen = self._look(change.key[1], change.new is False)
        if seen is None:
            self._note(change, "changed", reading, proof="read")
        elif seen.value is change.new:
            self._note(change, "changed", reading, proof=f"read, {seen.source}")
        else:
            later = announced or (change.new and self._restart_by_table(self._documents_of(change)))
            why = "it reads on, but nothing answers" if change.new else "it reads off, but it still answers"
            self._note(change, "pending_restart" if later else "failed", reading, f"{why} ({seen.source})")

    def _judge_back(
        self, changes: list[Change], written: Written, failure: DeviceError, why: str, guard: str, problem: str = "",
        taken_back: bool = False, otherwise: str = "failed",
    ) -> bool:  # fmt: skip
        """After a proof that failed: `undone` only where it reads as before. True when all of it does.

        why         how it was undone; problem: what went wrong with that
        taken_back  the device's own rollback has said so: counts for what cannot be read
        otherwise   the outcome of what does not read as before
        """
        before = decode(self.driver, self.session.ctx, written.before)
        not_undone = f"not proven: {failure.message}; "
        if problem:
            not_undone += f"and it could not be undone: {problem}; "

        def back(change: Change, now: Readings) -> bool:
            return as_before(change.key, before, now) is not False

        try:
            now = self._read_until(changes, written.before, back)
        except DeviceError as error:
            for change in changes:
                name = "failed" if problem else "not_checked"
                self._pass_over(change, failure)
                self._note(change, name, why=f"{not_undone}it could not be read afterwards: {error.message}")
            raise failure from None
        whole = True
        for change in changes:
            reading, known = now.get(change.key), self._outcome_of(change)
            same = as_before(change.key, before, now)
            if same is None and taken_back:
                same = True
            elif same and problem and known == "pending_restart":
                same = None  # it read as before all the time
            whole = whole and same is True
            if same and known in ("refused", "unsupported"):
                continue  # said at once, and so it is
            self._pass_over(change, failure)
            if same:
                self._note(change, "undone", reading, f"{why}: {failure.message}", guard=guard)
            elif same is None:
                self._note(change, "not_checked", reading, f"{not_undone}whether it is as before cannot be read")
            else:
                self._note(change, otherwise, reading, f"{not_undone}it does not read as it did")
        return whole

    def _look(self, service: str, off: bool = False) -> Reading | None:
        endpoints = self.driver.endpoints(self.session.ctx, self.trees)
        mine = [endpoint for endpoint in endpoints if endpoint.service == service]
        if off and service == "http" and mine:  # what it must not give there any more
            web = [endpoint for endpoint in endpoints if endpoint.scheme in ("http", "https") and endpoint.path]
            mine += [replace(one, purpose="service", scheme="http", port=mine[0].port, service="") for one in web]
        ports = {service: (self.session.spec.get("ports") or {}).get(service, [])}
        found = probes.look(self.session.ctx.transport, mine, ports, http_off=off and service == "http")
        seen = found.get(("services", service, "open"))
        return seen if seen is not None and seen.state == VALUE else None

    def _note(
        self, change: Change, name: str, reading: Any = None, why: str = "", proof: str = "", guard: str = ""
    ) -> None:
        line = outcome(change.key, name, change.new, change.old, reading, why, proof, guard)
        self.outcomes[line["key"]] = line

    def _pass_over(self, change: Change, error: DeviceError | None) -> None:
        if isinstance(error, PASSING):
            self.again.append(settings.key_text(change.key))

    def _outcome_of(self, change: Change) -> str:
        return self.outcomes.get(settings.key_text(change.key), {}).get("outcome", "")


def side_effects(before: Readings, after: Readings, touched: Iterable[Key]) -> list[dict[str, Any]]:
    """Keys that nobody asked for and that are different now."""
    asked = set(touched)
    found = []
    for key in sorted(set(before) | set(after)):
        setting = settings.setting_of(key)
        if key in asked or setting.volatile or setting.secret or any(settings.together(key, one) for one in asked):
            continue
        if setting.observed and (key[0] in ("services", "tls", "auth") or key[0] == "accounts"):
            continue  # seen from outside: it follows the settings, and is judged with them
        old, new = before.get(key), after.get(key)
        if "*" in key or _unknown(old) or _unknown(new):
            continue
        if (old is None and list_unknown(key, before)) or (new is None and list_unknown(key, after)):
            continue  # the list it belongs to was not read: nobody knows whether it is there
        if old is not None and new is not None and VALUE not in (old.state, new.state):
            continue
        if old is None or new is None or old.state != new.state or not compare.same(key, old.value, new.value):
            shown = new.value if new is not None and new.state == VALUE else (new.state if new else "gone")
            line = outcome(key, "side_effect", None, old, new, "nobody asked for this")
            found.append({**line, "read": shown})
    return found


def as_before(key: Key, before: Readings, now: Readings) -> bool | None:
    """Does a key read as it did? None: it cannot be told (a secret, not read, not to be believed)."""
    old, new = before.get(key), now.get(key)
    if settings.setting_of(key).secret or _unknown(old) or _unknown(new):
        return None
    if (old is None and list_unknown(key, before)) or (new is None and list_unknown(key, now)):
        return None
    there = [reading is not None and reading.state == VALUE and reading.value is not ABSENT for reading in (old, new)]
    return compare.same(key, old.value, new.value) if all(there) else not any(there)  # type: ignore[union-attr]


def _unknown(reading: Reading | None) -> bool:
    """Not read, or not to be believed: no difference can be told from it."""
    return reading is not None and reading.state in UNKNOWN

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying a plan out: steps in the order of DESIGN 6, each proven before the next, undone where it cannot be."""

from __future__ import annotations

import copy
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import compare, probes, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    NOT_OFFERED,
    UNREADABLE,
    UNVERIFIABLE,
    VALUE,
    Binding,
    Credential,
    Document,
    Key,
    Reading,
    Stored,
    secret_name,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.design import Want
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    Busy,
    DeviceError,
    LoginRefused,
    Refused,
    Unsupported,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.planning import MANAGED, Change, outcome
from ansible_collections.nwcs.hardening.plugins.module_utils.reading import (
    Readings,
    decode,
    fetch,
    fitting,
    patterns_for,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session
from ansible_collections.nwcs.hardening.plugins.module_utils.settings import Phase

SETTLE = (0.0, 0.3, 1.0)  # seconds between the readings after a store
ROLLBACK_SECONDS = 60  # the device's own rollback, where it has one
RESTART_SECONDS = 180.0  # how long a restarting device is waited for
DOWN_SECONDS = 60.0  # how long a device that was told to restart may still answer
POLL_SECONDS = 1.0


@contextmanager
def uninterrupted() -> Iterator[None]:
    """From the first store to proof or undo SIGINT and SIGTERM wait."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


@dataclass
class Step:
    """Documents stored together: one transaction, or the rest of a phase; `own` moves the login in use."""

    phase: Phase
    transaction: str
    changes: list[Change]
    own: bool = False

    @property
    def name(self) -> str:
        return f"{self.phase.name.lower()}{':' + self.transaction if self.transaction else ''}{':own' * self.own}"


@dataclass
class Written:
    """What a step's store operations said, by document."""

    stored: dict[str, Stored] = field(default_factory=dict)
    errors: dict[str, DeviceError] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    order: list[Document] = field(default_factory=list)


class Applier:
    """One run over one device. `outcomes` by key text; `proved` and `sent` name the secrets."""

    def __init__(self, session: Session, changes: list[Change], hook: Callable[[str], None] | None = None) -> None:
        self.session, self.driver = session, session.driver
        self.changes = changes
        self.hook = hook or (lambda _name: None)
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.proved: list[str] = []
        self.sent: list[str] = []
        self.notes: list[str] = []
        self.old_logins: list[Credential] = []  # what must be refused at the end
        self.writes = 0  # store operations tried
        self.trees: dict[str, Any] = {}  # the newest of every document
        self.documents = {document.name: document for document in self.driver.documents}
        self.transactions = {transaction.name: transaction for transaction in self.driver.transactions}
        self.lost: DeviceError | None = None
        self.first_login: Credential = session.credential
        self.refusals = 0  # logins that were refused in this run: the lock budget (H44)

    # -- the run ---------------------------------------------------------------------------------------------------
    def run(self) -> Applier:
        self.trees = fetch(self.session)
        self._use_https()
        for step in self._steps(self.trees):
            if self.lost is not None:
                for change in step.changes:
                    self._note(change, "not_checked", why=f"not tried: {self.lost.message}")
                continue
            try:
                self._guarded_step(step)
            except DeviceError as error:
                self.lost = error
                for change in step.changes:
                    if settings.key_text(change.key) not in self.outcomes:
                        self._note(change, "failed", why=f"the device was lost in this step: {error.message}")
        return self

    def _steps(self, trees: Mapping[str, Any]) -> list[Step]:
        """Group the changes: by phase; within it each transaction, then the rest, then our own login by itself."""
        groups: dict[tuple[int, int, str], Step] = {}
        in_use = self.session.credential.username
        for change in self.changes:
            binding = self._binding(change.key, trees)
            if binding is None:
                self._note(change, "unsupported", why="the device no longer offers it")
                continue
            transaction = next((t for name in binding.documents if (t := self.documents[name].transaction)), "")
            own = change.key[:2] == ("accounts", in_use) and change.new is not ABSENT
            rank = 2 if own else (0 if transaction else 1)
            step = Step(change.phase, transaction, [], own)
            groups.setdefault((int(change.phase), rank, transaction), step).changes.append(change)
        return [groups[key] for key in sorted(groups)]

    def _binding(self, key: Key, trees: Mapping[str, Any]) -> Binding | None:
        for pattern in patterns_for(self.driver, key):
            if binding := fitting(self.driver, self.session.ctx, trees, pattern, write=True):
                return binding
        return None

    # -- the way in ------------------------------------------------------------------------------------------------
    def _fetch(self, names: Iterable[str]) -> dict[str, Any]:
        trees = fetch(self.session, names)
        self.trees.update(trees)
        return trees

    def _use_https(self) -> None:
        """Go on over HTTPS as soon as the device has it and a login over it works on a new connection."""
        if self.session.way["scheme"] == "https":
            return
        for endpoint in self.driver.endpoints(self.session.ctx, self.trees):
            if endpoint.purpose != "manage" or endpoint.scheme != "https":
                continue
            way = {"scheme": "https", "port": endpoint.port}
            try:
                self.session.prove(way)
                self.session.reopen(way)
                return
            except DeviceError as error:
                note = f"HTTPS on port {endpoint.port} could not be used: {error.message}"
                if note not in self.notes:
                    self.notes.append(note)

    # -- one step --------------------------------------------------------------------------------------------------
    def _guarded_step(self, step: Step) -> None:
        self.hook(f"{step.name}:begin")
        with uninterrupted():
            self._step(step)
        self.hook(f"{step.name}:end")

    def _step(self, step: Step) -> None:
        changes = [change for change in step.changes if not self._cuts_us_off(change)]
        names = {name for change in changes for name in self._documents_of(change)}
        names |= {other for name in names for other in self.documents[name].affects}
        if not names:
            return
        trees = self._fetch(names)
        changes = self._still_needed(changes, trees)
        if not changes:
            return
        written = Written(before=copy.deepcopy(trees), after=copy.deepcopy(trees))
        changes = [change for change in changes if self._put(change, written.after)]
        transaction = self.transactions.get(step.transaction)
        if transaction and transaction.prepare:
            try:
                transaction.prepare(self.session.ctx)
            except (Busy, Refused) as error:
                for change in changes:
                    self._note(change, "refused", why=str(error))
                return
        self._store(changes, written)
        if transaction:
            self._transact(step, changes, written, names)
        else:
            self._settle(step, changes, written, names)

    def _documents_of(self, change: Change) -> tuple[str, ...]:
        for pattern in patterns_for(self.driver, change.key):
            for binding in self.driver.bindings:
                if binding.key == pattern and binding.put is not None:
                    return tuple(dict.fromkeys(self._all_documents(pattern)))
        return ()

    def _all_documents(self, pattern: Key) -> Iterable[str]:
        for binding in self.driver.bindings:
            if binding.key == pattern and binding.put is not None:
                yield from binding.documents

    def _cuts_us_off(self, change: Change) -> bool:
        """Closing plain HTTP while we still come in by it: HTTPS could not be proven (H40)."""
        closes = (change.key == ("services", "http", "enabled") and change.new is False) or (
            change.key == ("tls", "https_only") and change.new is True
        )
        if closes and self.session.way["scheme"] == "http":
            self._use_https()
            if self.session.way["scheme"] == "http":
                self._note(change, "guarded", why="no login over HTTPS could be proven, so HTTP stays open")
                return True
        return False

    def _still_needed(self, changes: list[Change], trees: Mapping[str, Any]) -> list[Change]:
        """Read again before writing: what became right by itself is left alone, foreign changes are seen."""
        now = decode(self.driver, self.session.ctx, trees)
        needed = []
        for change in changes:
            if settings.setting_of(change.key).secret:
                needed.append(change)
                continue
            reading = now.get(change.key)
            want = Want(change.new)
            if reading is not None and reading.state == VALUE and compare.difference(change.key, want, reading) is None:
                self._note(change, "changed", reading, "it changed together with another setting", "read")
            elif reading is None and change.new is ABSENT:
                self._note(change, "changed", None, "it went together with another setting", "read")
            else:
                needed.append(change)
        return needed

    def _put(self, change: Change, trees: dict[str, Any]) -> bool:
        binding = self._binding(change.key, trees)
        if binding is None:
            self._note(change, "unsupported", why="the device no longer offers it")
            return False
        found = [trees[name] for name in binding.documents]
        item = settings.item_of(change.key)
        value = None if change.new is ABSENT else change.new
        if binding.limits and (why := binding.limits(self.session.ctx, *found, item, value)):
            self._note(change, "refused", why=why)
            return False
        for name in binding.needs(self.session.ctx, item, ABSENT, change.new) if binding.needs and value else ():
            if name not in self.session.secrets:
                self._note(change, "not_checked", why=f"needs the password {name!r}, which nobody told; nothing sent")
                return False
        if settings.setting_of(change.key).secret:
            value = "set"
        binding.put(*found, *([item] if binding.has_items else []), value)
        return True

    def _store(self, changes: list[Change], written: Written) -> None:
        touched = {name for change in changes for name in self._documents_of(change)}
        touched = {n for n in touched if not isinstance(written.after.get(n), (Exception, type(None)))}
        written.order = _ordered([self.documents[name] for name in touched if self.documents[name].store])
        for change in changes:
            if change.key[0] == "accounts" and len(change.key) == 3 and change.new is not ABSENT:
                self.sent.append(secret_name(change.key[1]))
        for document in written.order:
            old, new = written.before[document.name], written.after[document.name]
            if old == new:
                continue
            self.hook(f"store:{document.name}:before")
            self.writes += 1
            try:
                written.stored[document.name] = document.store(self.session.ctx, old, new) or Stored()
            except DeviceError as error:
                # Refused and Unsupported are answers; anything else leaves the fate unknown: the reading decides (H30)
                written.errors[document.name] = error
            self.hook(f"store:{document.name}:after")

    # -- judging -----------------------------------------------------------------------------------------------------
    def _settle(self, step: Step, changes: list[Change], written: Written, names: set[str]) -> None:
        if step.own:
            self._move_login(changes, written)
        try:
            readings = self._read_until(changes, names)
        except LoginRefused:
            self.session.reopen()  # some devices end the session with the change; the same login, once
            readings = self._read_until(changes, names)
        for change in changes:
            self._judge(change, readings, written)
        self._prove_accounts(changes)
        self._replace_what_stays(step, changes)
        if step.phase is Phase.TRANSPORT:
            self._use_https()
        if step.phase is Phase.PATH:
            self._prove_or_undo(changes, written)

    def _read_until(self, changes: list[Change], names: Iterable[str]) -> Readings:
        """Read, at most three times, until every change is seen."""
        readings: Readings = {}
        for pause in SETTLE:
            time.sleep(pause)  # a settling time with a bound, not a wait for a state: the last reading is judged
            readings = decode(self.driver, self.session.ctx, self._fetch(names))
            if all(self._seen(change, readings) for change in changes):
                break
        return readings

    @staticmethod
    def _seen(change: Change, readings: Readings) -> bool:
        if settings.setting_of(change.key).secret:
            return True
        reading = readings.get(change.key)
        if change.new is ABSENT:
            return reading is None or reading.state == NOT_OFFERED
        return reading is not None and compare.difference(change.key, Want(change.new), reading) is None

    def _judge(self, change: Change, readings: Readings, written: Written) -> None:
        if settings.setting_of(change.key).secret:
            return  # proven by login
        reading = readings.get(change.key)
        documents = self._documents_of(change)
        if self._seen(change, readings):
            self._judge_effect(change, reading)
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
        elif error is not None:
            self._note(change, "failed", reading, f"the device answered with an error: {error.message}")
        else:
            self._note(change, "failed", reading, "accepted but not applied")

    def _restart_by_table(self, documents: Iterable[str]) -> bool:
        odd = self.session.ctx.facts.get("oddities", {}).get("restart", set())
        return any(name in odd or self.documents[name].restart == "always" for name in documents)

    def _judge_effect(self, change: Change, reading: Reading | None) -> None:
        """A service that reads off must not answer, one that reads on must (H07, H40)."""
        if change.key[0] != "services" or change.key[-1] != "enabled":
            self._note(change, "changed", reading, proof="read")
            return
        seen = self._look(change.key[1])
        for pause in SETTLE[1:]:
            if seen is None or seen.value is change.new:
                break
            time.sleep(pause)
            seen = self._look(change.key[1])
        if seen is None:
            self._note(change, "changed", reading, proof="read")
        elif seen.value is change.new:
            self._note(change, "changed", reading, proof=f"read, {seen.source}")
        elif change.new:
            why = f"it reads on, but nothing answers ({seen.source})"
            self._note(change, "pending_restart" if self._restart_by_table(self._documents_of(change)) else "failed",
                       reading, why)  # fmt: skip
        else:
            self._note(change, "failed", reading, f"it reads off, but it still answers ({seen.source})")

    def _look(self, service: str) -> Reading | None:
        endpoints = self.driver.endpoints(self.session.ctx, self.trees)
        mine = [endpoint for endpoint in endpoints if endpoint.service == service]
        ports = {service: (self.session.spec.get("ports") or {}).get(service, [])}
        seen = probes.look(self.session.ctx.transport, mine, ports).get(("services", service, "open"))
        return seen if seen is not None and seen.state == VALUE else None

    # -- logins ------------------------------------------------------------------------------------------------------
    def _move_login(self, changes: list[Change], written: Written) -> None:
        """The password of the account in use was sent: go on with the new one, or with the old where it still holds."""
        change = next((change for change in changes if settings.setting_of(change.key).secret), None)
        if change is None:
            return
        said = [written.errors[name] for name in self._documents_of(change) if name in written.errors]
        if said and isinstance(said[0], (Refused, Unsupported)):
            # A clear no: the old one is in force, and a login with the new one would only spend the lock budget.
            self._note(change, said[0].code, why=str(said[0]))
            return
        old = self.session.credential
        new = Credential(old.username, self.session.secrets[secret_name(old.username)], "pending")
        try:
            self.session.reopen(credential=new)
        except LoginRefused:
            self.refusals += 1
            self._note(change, "failed", why="the new password is not accepted; the old one is still in force")
            self.session.reopen(credential=old)
            return
        self.proved.append(secret_name(old.username))
        self.old_logins.append(old)
        self._note(change, "changed", proof="login on a new connection")

    def _prove_accounts(self, changes: list[Change]) -> None:
        """A new account or password counts when a login with it works on a new connection."""
        names = {
            change.key[1]
            for change in changes
            if change.key[0] == "accounts" and len(change.key) == 3 and change.new is not ABSENT
        }
        for name in sorted(names - {self.session.credential.username}):
            mine = [change for change in changes if change.key[:2] == ("accounts", name)]
            if secret_name(name) not in self.session.secrets:
                continue
            if secret_name(name) in self.proved or not any(self._sent_password(change) for change in mine):
                continue
            said = [self._outcome_of(change) for change in mine]
            if any(word in ("refused", "unsupported", "not_checked", "guarded", "undone") for word in said):
                for change in mine:
                    if not self._outcome_of(change):
                        self._note(change, "not_checked", why="the device did not take the account; no login was tried")
                continue
            if self.refusals:
                for change in mine:
                    self._note(change, "not_checked", why="not proven: a login was refused already, and one more wrong "
                               "one could lock the device")  # fmt: skip
                continue
            credential = Credential(name, self.session.secrets[secret_name(name)], "pending")
            try:
                self.session.prove(credential=credential)
            except LoginRefused as error:
                self.refusals += 1
                for change in mine:
                    self._note(change, "failed", why=f"the login with it is refused: {error.message}")
                continue
            self.proved.append(secret_name(name))
            for change in mine:
                known = self.outcomes.get(settings.key_text(change.key), {})
                if settings.setting_of(change.key).secret or known.get("outcome") == "changed":
                    self._note(change, "changed", proof="login on a new connection")
                elif known.get("outcome") == "failed":
                    why = f"{known.get('why', '')}; a login with it works, though"
                    self.outcomes[known["key"]]["why"] = why
            if name == self.session.spec.get("own_account"):
                self.session.reopen(credential=credential)

    @staticmethod
    def _sent_password(change: Change) -> bool:
        return settings.setting_of(change.key).secret or change.key[2] == "role"

    def _replace_what_stays(self, step: Step, changes: list[Change]) -> None:
        """A built-in account that did not go gets a password that nobody has."""
        for change in changes:
            known = self.outcomes.get(settings.key_text(change.key), {})
            if change.key[0] != "accounts" or change.new is not ABSENT or known.get("outcome") in ("changed", None):
                continue
            key = ("accounts", change.key[1], "password")
            if secret_name(change.key[1]) not in self.session.secrets:
                continue
            again = Change(key, None, MANAGED, Want(MANAGED, "strict", "account that cannot be removed"), Phase.CLOSE)
            self._step(Step(Phase.CLOSE, "", [again]))

    def refuse_old(self) -> None:
        """The one deliberate wrong login of a run (H62): the replaced password must be refused; then a right one."""
        gone = settings.key_text(("accounts", self.first_login.username, "role"))
        if self.outcomes.get(gone, {}).get("wanted") == "absent" and self.outcomes[gone]["outcome"] == "changed":
            self.old_logins.append(self.first_login)
        if self.refusals:
            self.notes.append("the refusal of the old password was not tried: a login was refused already in this run")
            return
        for old in self.old_logins[:1]:
            key = settings.key_text(("accounts", old.username, "password"))
            key = key if key in self.outcomes else gone
            try:
                self.session.prove(credential=old)
            except LoginRefused:
                proof = self.outcomes[key].get("proof", "read")
                self.outcomes[key]["proof"] = f"{proof}; the old login is refused"
                self.session.prove()
                continue
            except DeviceError as error:
                self.notes.append(f"the refusal of the old password could not be tried: {error.message}")
                continue
            self.outcomes[key] = {"key": key, "outcome": "failed", "why": "the old login is still accepted"}

    # -- transactions --------------------------------------------------------------------------------------------------
    def _transact(self, step: Step, changes: list[Change], written: Written, names: set[str]) -> None:
        """Apply with the device's own rollback armed; confirm only after reading back and a new login (H45)."""
        transaction = self.transactions[step.transaction]
        ctx = self.session.ctx
        refused = dict(written.errors)
        if not written.stored:
            for change in changes:
                error = next((refused[name] for name in self._documents_of(change) if name in refused), None)
                self._note(change, "refused" if isinstance(error, Refused) else "failed",
                           why=str(error) if error else "the device took nothing of it")  # fmt: skip
            transaction.abandon(ctx)
            return
        try:
            self.hook(f"apply:{step.transaction}:before")
            said = transaction.apply(ctx, ROLLBACK_SECONDS)
            if said is not None and said.restart:
                written.stored = {name: said for name in written.stored}
            readings = self._read_until(changes, names)
            for change in changes:
                self._judge(change, readings, written)
            self.hook(f"apply:{step.transaction}:read")
            if not any(self._seen(change, readings) for change in changes):
                raise Refused("nothing of it is in force")
            self.session.prove(credential=self._own_new(step, changes))
        except DeviceError as error:
            self.refusals += isinstance(error, LoginRefused)
            for change in changes:
                self._note(change, "undone", why=f"rolled back: {error.message}")
            transaction.abandon(ctx)
            return
        self.hook(f"confirm:{step.transaction}:before")
        transaction.confirm(ctx)
        self.notes += [note for note in ctx.notes if note not in self.notes]
        if step.own:
            self._move_login(changes, written)
        self._prove_accounts(changes)

    def _own_new(self, step: Step, changes: list[Change]) -> Credential | None:
        """What proves a step: the login in use, with its new password when the step sets one."""
        name = self.session.credential.username
        if not step.own or not any(settings.setting_of(change.key).secret for change in changes):
            return None
        return Credential(name, self.session.secrets[secret_name(name)], "pending")

    # -- undo ----------------------------------------------------------------------------------------------------------
    def _prove_or_undo(self, changes: list[Change], written: Written) -> None:
        try:
            self.session.prove()
        except DeviceError as error:
            for document in reversed(written.order):
                if document.name not in written.stored:
                    continue
                try:
                    document.store(self.session.ctx, written.after[document.name], written.before[document.name])
                except DeviceError as second:
                    why = f"{error.message}; and it could not be undone: {second.message}"
                    for change in changes:
                        self._note(change, "failed", why=why)
                    raise error from None
            for change in changes:
                self._note(change, "undone", why=f"a new connection was not possible: {error.message}")

    # -- after a restart ---------------------------------------------------------------------------------------------
    def restart_if_pending(self) -> None:
        """Restart the device (the site allowed it), wait for its return, and judge what was pending."""
        pending = [c for c in self.changes if self._outcome_of(c) == "pending_restart"]
        if not pending or self.lost is not None:
            return
        self.driver.restart(self.session.ctx)
        readings, restarted = self._after_restart(pending)
        for change in pending:
            if self._seen(change, readings):
                self._note(change, "changed", readings.get(change.key), proof="read after a restart")
            elif restarted:
                self._note(change, "failed", readings.get(change.key), "not applied, also after a restart")
            else:
                why = f"told to restart, the device stayed up for {DOWN_SECONDS:g} s"
                self._note(change, "pending_restart", readings.get(change.key), why)

    def _after_restart(self, pending: list[Change]) -> tuple[Readings, bool]:
        """Poll until the values show, or the device was gone and came back: (readings, whether it was gone).

        A device answers for a while before it goes down; what it says until then is no verdict.
        """
        names = {name for change in pending for name in self._documents_of(change)}
        ways = [{"scheme": "https", "port": port} for port in self._https_ports()]
        ways.append(dict(self.session.way))
        started, gone = time.monotonic(), False
        while True:
            time.sleep(POLL_SECONDS)
            try:
                self._come_in(ways)
                readings = (
                    self._read_until(pending, names)
                    if gone
                    else decode(self.driver, self.session.ctx, self._fetch(names))
                )
            except LoginRefused:
                raise
            except DeviceError:
                gone = True
                if time.monotonic() - started > RESTART_SECONDS:
                    raise
                continue
            if gone or all(self._seen(change, readings) for change in pending):
                return readings, True
            if time.monotonic() - started > DOWN_SECONDS:
                return readings, False

    def _come_in(self, ways: list[dict[str, Any]]) -> None:
        """By the first way that works: what waited for the restart may have closed the old one."""
        for way in ways[:-1]:
            try:
                self.session.reopen(way)
                return
            except LoginRefused:
                raise
            except DeviceError:
                continue
        self.session.reopen(ways[-1])

    def _https_ports(self) -> list[int]:
        """Ports at which the device has HTTPS, or will have it after its restart."""
        endpoints = self.driver.endpoints(self.session.ctx, self.trees)
        return [e.port for e in endpoints if e.scheme == "https" or (e.scheme == "tcp" and e.service == "https")]

    def _outcome_of(self, change: Change) -> str:
        return self.outcomes.get(settings.key_text(change.key), {}).get("outcome", "")

    def _note(self, change: Change, name: str, reading: Any = None, why: str = "", proof: str = "") -> None:
        line = outcome(change.key, name, change.new, change.old, reading, why, proof)
        self.outcomes[line["key"]] = line


def _ordered(documents: list[Document]) -> list[Document]:
    """By `after`; the tables have no circles (a test looks)."""
    result: list[Document] = []
    waiting = sorted(documents, key=lambda document: document.name)
    while waiting:
        names = {document.name for document in waiting}
        ready = [document for document in waiting if not names & set(document.after)] or waiting[:1]
        result += ready
        waiting = [document for document in waiting if document not in ready]
    return result


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
        whole = settings.pattern_of(key) or key
        if (old is None and _unknown(before.get(whole))) or (new is None and _unknown(after.get(whole))):
            continue  # the list it belongs to was not read: nobody knows whether it is there
        if old is not None and new is not None and VALUE not in (old.state, new.state):
            continue
        if old is None or new is None or old.state != new.state or not compare.same(key, old.value, new.value):
            shown = new.value if new is not None and new.state == VALUE else (new.state if new else "gone")
            line = outcome(key, "side_effect", None, old, new, "nobody asked for this")
            found.append({**line, "read": shown})
    return found


def _unknown(reading: Reading | None) -> bool:
    """Not read, or not to be believed: no difference can be told from it."""
    return reading is not None and reading.state in (UNREADABLE, UNVERIFIABLE)

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying a plan out: steps in the order of DESIGN 6, each proven before the next, undone where it cannot be."""

from __future__ import annotations

import copy
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import compare, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    VALUE,
    Binding,
    Document,
    Reading,
    Stored,
    Transaction,
    secret_name,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.design import Want
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    Busy,
    DeviceError,
    LoginRefused,
    NwcsError,
    Refused,
    Unsupported,
    WrongDevice,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.judging import LOGIN_PROOF, Written
from ansible_collections.nwcs.hardening.plugins.module_utils.planning import MANAGED, Change
from ansible_collections.nwcs.hardening.plugins.module_utils.proving import Prover
from ansible_collections.nwcs.hardening.plugins.module_utils.reading import (
    decode,
    fetch,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.settings import Phase

ROLLBACK_SECONDS = 60  # the device's own rollback, where it has one


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


class Applier(Prover):
    """One run over one device: the steps, their stores, their undo."""

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

    def _guarded_step(self, step: Step) -> None:
        self.hook(f"{step.name}:begin")
        with uninterrupted():
            self._step_or_doubt(step)
            self._replace_what_stays(step.changes)
        self.hook(f"{step.name}:end")

    def _step_or_doubt(self, step: Step) -> None:
        """A step; when the device is lost in it, only what a login has proven is told as changed."""
        try:
            self._step(step)
        except DeviceError as error:
            for change in step.changes:
                line = self.outcomes.get(settings.key_text(change.key))
                if line is None:
                    self._note(change, "failed", why=f"the device was lost in this step: {error.message}")
                elif line["outcome"] == "changed" and LOGIN_PROOF not in line.get("proof", ""):
                    line.pop("proof", None)
                    line.update(outcome="not_checked", why=f"not proven: {error.message}")
            raise

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
        changes = [change for change in self._moved_last(changes, trees) if self._put(change, written.after)]
        transaction = self.transactions.get(step.transaction)
        if transaction and transaction.prepare:
            try:
                transaction.prepare(self.session.ctx)
            except (Busy, Refused) as error:
                # Busy is no answer: the next run asks again.
                name = "not_checked" if isinstance(error, Busy) else "refused"
                for change in changes:
                    self._note(change, name, why=str(error))
                return
        self._store(changes, written)
        if transaction:
            self._transact(step, changes, written, names)
        else:
            self._settle(step, changes, written, names)

    def _cuts_us_off(self, change: Change) -> bool:
        """Closing the way we come in by, before a login over the other one could be proven (H40)."""
        closed = ""
        if settings.closes_http(change.key, change.new):
            closed = "http"
        elif change.key == ("services", "https", "enabled") and change.new is False:
            closed = "https"
        if not closed or self.session.way["scheme"] != closed:
            return False
        other = "https" if closed == "http" else "http"
        if other == "https" or self.session.spec.get("plain_http"):
            self._use(other)
        if self.session.way["scheme"] == other:
            return False
        why = f"no login over {other.upper()} could be proven, so {closed.upper()} stays open"
        self._note(change, "guarded", why=why, guard="way-in")
        return True

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
            elif reading is None and change.new is ABSENT and self._seen(change, now):
                self._note(change, "changed", None, "it went together with another setting", "read")
            else:
                needed.append(change)
        return needed

    def _moved_last(self, changes: list[Change], trees: Mapping[str, Any]) -> list[Change]:
        """What another change moves along is put after it, where both are wanted."""
        moved = {key for change in changes if (row := self._binding(change.key, trees)) for key in row.moves}
        return sorted(changes, key=lambda change: change.key in moved)

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
        needed = binding.needs(self.session.ctx, item, _old(binding, found, item), change.new) if binding.needs else ()
        for name in needed if value else ():
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
                name = secret_name(change.key[1])
                self.sent += [name] if name in self.session.secrets else []  # a role goes without, where we know none
                binding = self._binding(change.key, written.after)
                self.clear_text |= self.session.ctx.scheme_of(binding.api if binding else "") == "http"
        for name in dict.fromkeys(self.sent):
            self.hook(f"send:{name}")  # from here on it may be in force
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
        self._believe_a_clear_no(changes, written)
        self._prove_accounts(changes, written)
        if step.phase is Phase.TRANSPORT:
            self._use_https()
        if step.phase in (Phase.TRANSPORT, Phase.CLOSE, Phase.PATH):
            self._prove_or_undo(changes, written)

    def _believe_a_clear_no(self, changes: list[Change], written: Written) -> None:
        """A password that alone was sent and was refused is not in force: a login with it would only be a wrong one.

        Of several in one document some drivers know whose it was (`items` of the error: {account: error}); where nobody
        does, a login tells. So it does where an earlier run, cut off, may have set this password while it still could.
        """
        perhaps = self.session.spec.get("perhaps_in_force") or ()
        alone = len({change.key[1] for change in changes if change.key[0] == "accounts"}) == 1
        for change in changes:
            if not settings.setting_of(change.key).secret or self._outcome_of(change):
                continue
            said = next((written.errors[n] for n in self._documents_of(change) if n in written.errors), None)
            by_account = getattr(said, "items", None)  # some drivers know whose it was
            mine = by_account.get(change.key[1]) if isinstance(by_account, Mapping) else said if alone else None
            if isinstance(mine, Unsupported) and secret_name(change.key[1]) in perhaps:
                self.nos[settings.key_text(change.key)] = mine
                continue
            if isinstance(mine, (Refused, Unsupported)):
                self._note(change, mine.code, why=str(mine))

    def _replace_what_stays(self, changes: list[Change]) -> None:
        """A built-in account that did not go gets a password that nobody has."""
        for change in changes:
            known = self.outcomes.get(settings.key_text(change.key), {})
            if change.key[0] != "accounts" or change.new is not ABSENT or known.get("outcome") in ("changed", None):
                continue
            key = ("accounts", change.key[1], "password")
            in_use = change.key[1] == self.session.credential.username
            if in_use or secret_name(change.key[1]) not in self.session.secrets:
                continue
            again = Change(key, None, MANAGED, Want(MANAGED, "strict", "account that cannot be removed"), Phase.CLOSE)
            documents = [self.documents[name] for name in self._documents_of(again)]
            transaction = next((document.transaction for document in documents if document.transaction), "")
            self._step_or_doubt(Step(Phase.CLOSE, transaction, [again]))

    def _transact(self, step: Step, changes: list[Change], written: Written, names: set[str]) -> None:
        """Apply with the device's own rollback armed; confirm only after reading back and a new login (H45)."""
        transaction = self.transactions[step.transaction]
        ctx = self.session.ctx
        if not written.stored:
            for change in changes:
                error = next((written.errors[n] for n in self._documents_of(change) if n in written.errors), None)
                self._note(change, "refused" if isinstance(error, Refused) else "failed",
                           why=str(error) if error else "the device took nothing of it")  # fmt: skip
                self._pass_over(change, error)
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
            self._roll_back(transaction, changes, written, error)
            if isinstance(error, WrongDevice):
                raise
            return
        self.hook(f"confirm:{step.transaction}:before")
        try:
            transaction.confirm(ctx)
        except DeviceError as error:
            # What still reads new may be kept, or be taken back by the device's timer: nobody knows yet.
            self._judge_back(changes, written, error, "not confirmed", "commit-confirm", otherwise="not_checked")
            raise
        self.notes += [note for note in ctx.notes if note not in self.notes]
        if step.own:
            self._move_login(changes, written)
        self._prove_accounts(changes)

    def _roll_back(
        self, transaction: Transaction, changes: list[Change], written: Written, failure: DeviceError
    ) -> None:
        try:
            transaction.abandon(self.session.ctx)
        except DeviceError as second:
            for change in changes:
                self._note(change, "failed", why=f"{failure.message}; and it was not taken back: {second.message}")
                self._pass_over(change, failure)
            raise
        self._judge_back(changes, written, failure, "rolled back", "commit-confirm", taken_back=True)

    def _prove_or_undo(self, changes: list[Change], written: Written) -> None:
        """A new connection must get in after this step; else what it sent is put back, newest first."""
        try:
            self.session.prove()
            return
        except DeviceError as error:
            failure = error
        self.refusals += isinstance(failure, LoginRefused)
        problem = "; ".join(self._put_back(written))
        why = "a new connection was not possible, so this step was put back"
        whole = self._judge_back(changes, written, failure, why, "proof", problem)
        if isinstance(failure, WrongDevice) or (problem and not whole):
            raise failure
        self.session.prove()  # the state that was put back must let us in again; else the device is told as lost

    def _put_back(self, written: Written) -> list[str]:
        """Store what was there before, also where the answer was an error: the device may have done it (H30).

        Gives what went wrong. A document that fails does not keep the others back.
        """
        problems = []
        for document in reversed(written.order):
            error = written.errors.get(document.name)
            if error is None and document.name not in written.stored:
                continue  # nothing was sent
            old, new = written.after[document.name], written.before[document.name]
            try:
                if isinstance(error, (Refused, Unsupported)):
                    # A clear no to all of it, or to a part (one account of several): only what is there can tell.
                    old = self._fetch([document.name]).get(document.name, new)
                    if old == new:
                        continue
                    if isinstance(old, Exception):
                        raise old
                self.hook(f"restore:{document.name}:before")
                document.store(self.session.ctx, old, new)
            except NwcsError as second:  # also a password that nobody knows any more
                problems.append(second.message)
        return problems


def _old(binding: Binding, found: list[Any], item: str) -> Any:
    """What the device has now: who is there already may be changed without a password."""
    try:
        value = binding.get(*found, *([item] if binding.has_items else []))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return ABSENT
    return value.value if isinstance(value, Reading) else value


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

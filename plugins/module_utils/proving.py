# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways in: every new one is proven on a new connection before an old one is closed (DESIGN 6)."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    Credential,
    secret_name,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    DeviceError,
    LoginRefused,
    Refused,
    Unsupported,
    WrongDevice,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.judging import LOGIN_PROOF, Judge, Written
from ansible_collections.nwcs.hardening.plugins.module_utils.planning import Change
from ansible_collections.nwcs.hardening.plugins.module_utils.reading import (
    Readings,
    decode,
)

RESTART_SECONDS = 180.0  # how long a restarting device is waited for
DOWN_SECONDS = 60.0  # how long a device that was told to restart may still answer
POLL_SECONDS = 1.0


class Prover(Judge):
    """Logins, passwords, HTTPS, and the return after a restart."""

    def _use_https(self) -> None:
        """Go on over HTTPS as soon as the device has it and a login over it works on a new connection."""
        if self.session.way["scheme"] != "https":
            self._use("https")

    def _use(self, scheme: str) -> None:
        """Go on over `scheme` where a login over it works on a new connection; else a note says why not."""
        for endpoint in self.driver.endpoints(self.session.ctx, self.trees):
            if endpoint.purpose != "manage" or endpoint.scheme != scheme:
                continue
            way = {"scheme": scheme, "port": endpoint.port}
            try:
                self.session.prove(way)
                self.session.reopen(way)
                return
            except WrongDevice:
                raise
            except DeviceError as error:
                note = f"{scheme.upper()} on port {endpoint.port} could not be used: {error.message}"
                if note not in self.notes:
                    self.notes.append(note)

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
        self._note(change, "changed", proof=LOGIN_PROOF)

    def _prove_accounts(self, changes: list[Change], written: Written | None = None) -> None:
        """A new account or password counts when a login with it works on a new connection.

        An account that is not let in by the way in use is tried again after each later step, which may open it.
        """
        changes = [*self._taken_up(), *changes]
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
                    self._note_refused(change, error, written)
                continue
            except Unsupported as error:  # nothing was said of its password, so this is no wrong login
                for change in mine:
                    self.unproven.append((change, self.outcomes.get(settings.key_text(change.key))))
                    self._note(change, "not_checked", why=f"not proven: {error.message}")
                continue
            self.proved.append(secret_name(name))
            for change in mine:
                known = self.outcomes.get(settings.key_text(change.key), {})
                if settings.setting_of(change.key).secret or known.get("outcome") == "changed":
                    self._note(change, "changed", proof=LOGIN_PROOF)
                elif known.get("outcome") == "failed":
                    why = f"{known.get('why', '')}; a login with it works, though"
                    self.outcomes[known["key"]]["why"] = why
            if name == self.session.spec.get("own_account"):
                self.session.reopen(credential=credential)

    def _note_refused(self, change: Change, error: LoginRefused, written: Written | None) -> None:
        """What the device said of the write itself, if that was clear. A write that broke off is done once more."""
        if (no := self.nos.get(settings.key_text(change.key))) is not None:
            self._note(change, no.code, why=str(no))
            return
        self._note(change, "failed", why=f"the login with it is refused: {error.message}")
        errors = written.errors if written else {}
        self._pass_over(change, next((errors[name] for name in self._documents_of(change) if name in errors), None))

    def _taken_up(self) -> list[Change]:
        """What could not be proven in earlier steps, with what was said of it before."""
        waiting, self.unproven = self.unproven, []
        for change, line in waiting:
            key = settings.key_text(change.key)
            if line is None:
                self.outcomes.pop(key, None)
            else:
                self.outcomes[key] = line
        return [change for change, _line in waiting]

    @staticmethod
    def _sent_password(change: Change) -> bool:
        return settings.setting_of(change.key).secret or change.key[2] == "role"

    def _own_new(self, step: Any, changes: list[Change]) -> Credential | None:
        """What proves a step: the login in use, with its new password when the step sets one."""
        name = self.session.credential.username
        if not step.own or not any(settings.setting_of(change.key).secret for change in changes):
            return None
        return Credential(name, self.session.secrets[secret_name(name)], "pending")

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
            self.hook("negative-test:before")
            try:
                self.session.prove(credential=old, deliberate=True)
            except LoginRefused:
                proof = self.outcomes[key].get("proof", "read")
                self.outcomes[key]["proof"] = f"{proof}; the old login is refused"
                self.session.prove()
                continue
            except WrongDevice:
                raise
            except DeviceError as error:
                self.notes.append(f"the refusal of the old password could not be tried: {error.message}")
                continue
            self.outcomes[key] = {"key": key, "outcome": "failed", "why": "the old login is still accepted"}

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
            except (LoginRefused, WrongDevice):
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
            except (LoginRefused, WrongDevice):
                raise
            except DeviceError:
                continue
        self.session.reopen(ways[-1])

    def _https_ports(self) -> list[int]:
        """Ports at which the device has HTTPS, or will have it after its restart."""
        endpoints = self.driver.endpoints(self.session.ctx, self.trees)
        return [e.port for e in endpoints if e.scheme == "https" or (e.scheme == "tcp" and e.service == "https")]

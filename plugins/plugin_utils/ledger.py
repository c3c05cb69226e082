# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock budget of a device: which logins may still be wrong before it locks us out (DESIGN 6, H21, H44, H62).

Shared by all processes that share nwcs_state_dir; every change is made under a file lock and written whole.

- A login that worked last time, and was not refused since, is no guess: it is tried alone, and always allowed once.
- A guess (a pending password after a crash, another password after a refusal) needs room: the refusals of the last lock
  time must stay below the device's own limit, where it tells one. Where it does not, MOST_UNKNOWN wrong attempts are
  allowed within LOCK_SECONDS: the smallest limit seen on any device is three (H44), so that the pair "pending, current"
  of an interrupted change can be told apart, and nothing more. Of the two at most one is wrong, unless somebody else
  changed the password at that very time.
- A deliberate wrong login (the refusal of an old password) needs that none at all was wrong within the lock time, and
  that the device allows one more after it.
- A refused secret is not tried again within the lock time, unless it changes. Afterwards those that were never refused
  come first, then the one whose refusal is oldest, so that each login that could work gets its turn (H49).
- A guess is written down before it is made, under the file lock, and settled when it is known what came of it. One of a
  process that died counts like a refusal until the lock time is over.
- A device that says it is locked is left alone until its time is over.
"""

from __future__ import annotations

import contextlib
import copy
import datetime
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import LoginRefused, StateError
from ansible_collections.nwcs.hardening.plugins.module_utils.session import MOST_CREDENTIALS
from ansible_collections.nwcs.hardening.plugins.plugin_utils import files

LOCK_SECONDS = 1800  # how long a wrong login counts, where the device does not tell its own lock time
MOST_UNKNOWN = 2  # wrong logins within that time, where the device does not tell its limit
KEEP = 20  # refusals that are remembered, for the order also beyond the lock time, until a login works


class Ledger:
    """One device's account of refused logins."""

    def __init__(self, folder: str, device: str) -> None:
        self.folder, self.device = folder, device
        self.path = os.path.join(folder, "ledger.json")
        self._guesses = ""  # what marks our own guesses in the file, until note() settles them
        self._unwritten = 0  # guesses of check mode, which writes no file: for other APIs of the device

    # -- what may be tried -------------------------------------------------------------------------------------------
    def check_locked(self) -> None:
        """LoginRefused while the device is known to be locked."""
        until = self._read().get("locked_until")
        if isinstance(until, (int, float)) and 0 < until - time.time() < 86400:
            raise _alone(self.device, "it locked us out", until)

    def choose(
        self, credentials: Sequence[Mapping[str, str]], known_good: str, retry: bool, check: bool = False
    ) -> list[dict[str, str]]:
        """Of the logins that could work, those that are tried now, in order; LoginRefused says until when none may.

        Guesses among them are counted from now on, until note() says what came of them.
        known_good: the label that worked last time ("" where unknown). retry: the user says to try once more.
        check: check mode, which writes no file while all goes well: only what was refused is counted, afterwards.
        """
        if not credentials:
            return []
        before = self._read()
        good = next((c for c in credentials if c["label"] == known_good), None)
        if good and self._refused_at(before, good) is None:
            return [dict(good)]
        with contextlib.nullcontext(before) if check else self._changing() as ledger:
            recent = self._recent(ledger)
            known = [(self._refused_at(ledger, credential), dict(credential)) for credential in credentials]
            known.sort(key=lambda pair: -1.0 if pair[0] is None else pair[0])
            now, seconds = time.time(), self._seconds(ledger)
            fresh = [credential for at, credential in known if retry or at is None or abs(now - at) >= seconds]
            if not fresh:
                raise _alone(
                    self.device, "this login was refused before and is not tried again", recent[-1]["until"],
                    "Correct nwcs_username or nwcs_password, or run once with -e nwcs_retry=true.",
                )  # fmt: skip
            room = self._limit(ledger) - len(recent) - self._unwritten
            if room < 1 and (recent or self._unwritten) and not retry:
                guesses = self._unwritten or any(wrong.get("guess") for wrong in recent)
                tried = " or are being tried" if guesses else ""
                counted = len(recent) + self._unwritten
                why = f"{counted} logins were refused{tried}, one more could lock it"
                raise _alone(self.device, why, recent[0]["until"] if recent else time.time() + seconds)
            # Who insists gets a login that was never refused, and one that was.
            chosen = fresh[: MOST_CREDENTIALS if retry else min(max(1, room), MOST_CREDENTIALS)]
            if check:
                self._unwritten += len(chosen)
            else:
                self._guesses = self._guesses or os.urandom(8).hex()
                for _guess in chosen:
                    self._add(ledger, "", guess=self._guesses)
            return chosen

    def may_test_refusal(self) -> bool:
        """Is there room for a deliberate wrong login? None was wrong within the lock time, and one more may fail."""
        ledger = self._read()
        if ledger.get("rules", {}).get("locks") is False:
            return True
        return not self._recent(ledger) and self._limit(ledger) >= 2

    def note_test(self) -> None:
        """A deliberate wrong login is about to be made; it counts, whatever comes of it."""
        with self._changing() as ledger:
            self._add(ledger, "")

    # -- what came of it -----------------------------------------------------------------------------------------------
    def learn(self, rules: Mapping[str, Any]) -> None:
        """The device's own lock rules (contract.LockRules as plain data), for this and the next runs."""
        known = {name: rules.get(name) for name in ("attempts", "seconds", "locks")}
        if self._read().get("rules", {}) != known and any(value is not None for value in known.values()):
            with self._changing() as ledger:
                ledger["rules"] = known

    def note(self, logins: Sequence[Mapping[str, Any]], passwords: Mapping[tuple[str, str], str]) -> None:
        """Write down what was tried. passwords: {(user name, label): password}; they are kept as slow salted marks.

        A deliberate wrong login was written down before it was made.
        """
        refused = [line for line in logins if line.get("refused") and not line.get("deliberate")]
        accepted = [line for line in logins if not line.get("refused")]
        before = self._read()
        self._unwritten = 0
        if not (refused or self._guesses or (accepted and (before.get("wrong") or before.get("locked_until")))):
            return
        with self._changing() as ledger:
            wrong = ledger.get("wrong", [])
            ledger["wrong"] = [w for w in wrong if not self._guesses or w.get("guess") != self._guesses]
            for line in refused:
                if line.get("locked"):
                    # It refuses right logins too, so this one is not marked; its count begins anew after that time.
                    ledger["locked_until"] = time.time() + (line.get("seconds") or self._seconds(ledger))
                    ledger["wrong"] = [{**wrong, "at": 0.0} for wrong in ledger["wrong"]]  # only for the order
                    continue
                password = passwords.get((line["username"], line["label"]))
                self._add(ledger, "" if password is None else self._mark(ledger, line["username"], password))
            if accepted:
                ledger.pop("locked_until", None)
                # What works now is not refused any more: somebody set it back, or the device was only late.
                ledger["wrong"] = [{n: v for n, v in w.items() if n != "until"} for w in self._recent(ledger)]
                if any(wrong["mark"] for wrong in ledger["wrong"]):
                    pairs = [(a["username"], passwords.get((a["username"], a["label"]))) for a in accepted]
                    marks = {self._mark(ledger, name, password) for name, password in pairs if password is not None}
                    ledger["wrong"] = [wrong for wrong in ledger["wrong"] if wrong["mark"] not in marks]
        self._guesses = ""

    def refused(self, credential: Mapping[str, str]) -> bool:
        """Was this login refused, and none accepted since? However long ago that is."""
        return self._refused_at(self._read(), credential) is not None

    # -- inside ----------------------------------------------------------------------------------------------------
    def _read(self) -> dict[str, Any]:
        """What the ledger holds. One that cannot be read is no empty one: it guards against lock-outs."""
        ledger = files.read_json(self.path)
        if ledger is not None and not (isinstance(ledger, dict) and _whole(ledger)):
            raise StateError(f"{self.path} is no ledger.", "Delete it after the device's lock time.")
        return ledger or {}

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        files.private_folder(self.folder)
        try:
            handle = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(f"cannot open {self.path}.lock: {error.strerror}.", "Check its owner.") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            before = self._read()
            ledger = copy.deepcopy(before)
            yield ledger
            if ledger != before:
                files.write_json(self.path, ledger)
        finally:
            os.close(handle)

    def _recent(self, ledger: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The refusals within the lock time. A time in the near future counts too: the clock was set back meanwhile."""
        seconds = self._seconds(ledger)
        recent = [w for w in ledger.get("wrong", ()) if abs(time.time() - w["at"]) < seconds]
        return [{**wrong, "until": wrong["at"] + seconds} for wrong in recent]

    @staticmethod
    def _seconds(ledger: Mapping[str, Any]) -> float:
        return ledger.get("rules", {}).get("seconds") or LOCK_SECONDS

    @staticmethod
    def _limit(ledger: Mapping[str, Any]) -> int:
        """How many logins may be wrong within the lock time."""
        rules = ledger.get("rules", {})
        if rules.get("locks") is False:
            return 1000  # it does not lock at all; what is refused is still not repeated
        return MOST_UNKNOWN if rules.get("attempts") is None else max(0, rules["attempts"] - 1)

    @staticmethod
    def _add(ledger: dict[str, Any], mark: str, **more: str) -> None:
        ledger["wrong"] = [*ledger.get("wrong", ()), {"at": time.time(), "mark": mark, **more}][-KEEP:]

    def _refused_at(self, ledger: dict[str, Any], credential: Mapping[str, str]) -> float | None:
        """When this login was refused last, as far as it is remembered."""
        times = {wrong["mark"]: wrong["at"] for wrong in ledger.get("wrong", ()) if wrong["mark"]}
        return times.get(self._mark(ledger, credential["username"], credential["password"])) if times else None

    @staticmethod
    def _mark(ledger: dict[str, Any], username: str, password: str) -> str:
        """A slow salted mark of a login: enough to know it again, useless to find it out."""
        salt = ledger.setdefault("salt", os.urandom(16).hex())
        return hashlib.scrypt(f"{username}\0{password}".encode(), salt=salt.encode(), n=2**14, r=8, p=1).hex()


def _whole(ledger: Mapping[str, Any]) -> bool:
    wrong, rules = ledger.get("wrong", []), ledger.get("rules", {})
    return (
        isinstance(wrong, list)
        and all(isinstance(w, dict) and isinstance(w.get("at"), (int, float)) and "mark" in w for w in wrong)
        and isinstance(rules, dict)
        and all(value is None or isinstance(value, (bool, int, float)) for value in rules.values())
    )


def _alone(device: str, why: str, until: float, advice: str = "") -> LoginRefused:
    when = datetime.datetime.fromtimestamp(until, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    text = f"{device}: {why}; it is left alone until {when} [guard: lock-budget]."
    return LoginRefused(text, advice or "Nothing was sent to it. Run again after that time.")

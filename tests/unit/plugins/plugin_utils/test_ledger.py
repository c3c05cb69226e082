# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock budget: which logins may be tried, over all processes (H21, H44, H62)."""

from __future__ import annotations

import multiprocessing
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Credential
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, LoginRefused, StateError
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session
from ansible_collections.nwcs.hardening.plugins.plugin_utils import ledger as ledger_module
from ansible_collections.nwcs.hardening.plugins.plugin_utils.ledger import LOCK_SECONDS, Ledger

PENDING = {"username": "admin", "password": "pending-password", "label": "pending"}
CURRENT = {"username": "admin", "password": "current-password", "label": "current"}
BOOTSTRAP = {"username": "admin", "password": "factory-password", "label": "bootstrap"}
BOTH = [PENDING, CURRENT]
KNOWN = {(c["username"], c["label"]): c["password"] for c in BOTH}
NO, YES = {"refused": True}, {"refused": False}


class Clock:
    now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(ledger_module.time, "time", made.time)
    return made


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Ledger:
    return Ledger(str(tmp_path / "cam"), "cam")


def tried(credential: dict[str, str], came: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"username": credential["username"], "label": credential["label"], **came, **more}


def tried_ok(label: str) -> dict[str, Any]:
    return {"username": "admin", "label": label, **YES}


def known(credentials: list[dict[str, str]]) -> dict[tuple[str, str], str]:
    return {(c["username"], c["label"]): c["password"] for c in credentials}


def labels(credentials: list[dict[str, str]]) -> list[str]:
    return [credential["label"] for credential in credentials]


class TestChoosing:
    def test_nothing_was_refused_so_all_may_be_tried(self, ledger: Ledger) -> None:
        assert ledger.choose(BOTH, "", False) == BOTH
        assert ledger.choose([], "", False) == []

    def test_what_was_refused_is_not_tried_again_but_what_works_is(self, ledger: Ledger) -> None:
        ledger.note([tried(PENDING, NO), tried(CURRENT, YES)], KNOWN)
        assert labels(ledger.choose(BOTH, "current", False)) == ["current"]
        assert labels(ledger.choose([CURRENT, {**PENDING, "password": "a new one"}], "current", False)) == ["current"]
        assert labels(ledger.choose([{**PENDING, "password": "a new one"}, CURRENT], "", False)) == ["pending"]

    def test_both_refused_is_left_alone_and_says_until_when(self, ledger: Ledger, clock: Clock) -> None:
        ledger.note([tried(PENDING, NO), tried(CURRENT, NO)], KNOWN)
        with pytest.raises(LoginRefused) as caught:
            ledger.choose(BOTH, "current", False)
        until = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(clock.now + LOCK_SECONDS))
        assert until in str(caught.value) and "[guard: lock-budget]" in str(caught.value)
        with pytest.raises(LoginRefused, match="2 logins were refused"):  # also a third password is too much now
            ledger.choose([{**CURRENT, "password": "third", "label": "bootstrap"}], "", False)
        clock.now += LOCK_SECONDS + 1
        assert ledger.choose(BOTH, "current", False) == BOTH

    def test_the_user_may_insist_once(self, ledger: Ledger) -> None:
        ledger.note([tried(CURRENT, NO)], KNOWN)
        with pytest.raises(LoginRefused):
            ledger.choose([CURRENT], "current", False)
        assert ledger.choose([CURRENT], "current", True) == [CURRENT]

    @pytest.mark.parametrize(
        ("rules", "refused", "room"),
        [
            ({"attempts": 5, "seconds": 300, "locks": True}, 1, 2),
            ({"attempts": 3, "seconds": 300, "locks": True}, 1, 1),
            ({"attempts": 2, "seconds": 300, "locks": True}, 1, 0),
            ({"attempts": None, "seconds": None, "locks": None}, 1, 1),
            ({"attempts": None, "seconds": None, "locks": None}, 2, 0),
            ({"attempts": None, "seconds": None, "locks": False}, 5, 2),
        ],
    )
    def test_guesses_stay_below_the_limit_of_the_device(
        self, ledger: Ledger, rules: dict[str, Any], refused: int, room: int
    ) -> None:
        ledger.learn(rules)
        ledger.note([tried({**CURRENT, "label": f"x{n}"}, NO) for n in range(refused)], {})
        if room:
            assert ledger.choose(BOTH, "", False) == BOTH[:room]
        else:
            with pytest.raises(LoginRefused):
                ledger.choose(BOTH, "", False)

    def test_the_lock_time_of_the_device_counts(self, ledger: Ledger, clock: Clock) -> None:
        ledger.learn({"attempts": 3, "seconds": 60, "locks": True})
        ledger.note([tried(PENDING, NO), tried({**PENDING, "label": "x"}, NO)], KNOWN)
        with pytest.raises(LoginRefused):
            ledger.choose(BOTH, "", False)
        clock.now += 61
        assert labels(ledger.choose(BOTH, "", False)) == ["current", "pending"]

    def test_a_login_that_worked_last_time_is_no_guess(self, ledger: Ledger) -> None:
        ledger.learn({"attempts": 2, "seconds": 60, "locks": True})
        ledger.note([tried(PENDING, NO)], KNOWN)
        assert labels(ledger.choose(BOTH, "current", False)) == ["current"]

    def test_a_late_device_is_believed_when_it_takes_the_password_after_all(self, ledger: Ledger) -> None:
        ledger.note([tried(PENDING, NO)], KNOWN)
        assert ledger.refused(PENDING) and not ledger.refused(CURRENT)
        ledger.note([tried(PENDING, YES)], KNOWN)
        assert not ledger.refused(PENDING)


class TestTurns:
    """Each login that could work gets its turn, however often others are refused (H49)."""

    @pytest.mark.parametrize("retry", [False, True])
    def test_a_login_that_was_never_refused_comes_before_those_that_were(
        self, ledger: Ledger, clock: Clock, retry: bool
    ) -> None:
        ledger.note([tried(PENDING, NO), tried(CURRENT, NO)], KNOWN)
        clock.now += LOCK_SECONDS + 1
        assert labels(ledger.choose([*BOTH, BOOTSTRAP], "", retry)) == ["bootstrap", "pending"]

    def test_then_the_one_whose_refusal_is_oldest(self, ledger: Ledger, clock: Clock) -> None:
        everything = [*BOTH, BOOTSTRAP]
        seen = []
        for _period in range(3):
            chosen = ledger.choose(everything, "current", False)
            ledger.note([tried(credential, NO) for credential in chosen], known(chosen))
            seen.append(labels(chosen))
            clock.now += LOCK_SECONDS + 1
        assert seen == [["current"], ["pending", "bootstrap"], ["current", "pending"]]

    def test_a_login_that_worked_last_time_and_was_refused_since_is_a_guess(
        self, ledger: Ledger, clock: Clock
    ) -> None:
        ledger.learn({"attempts": 2, "seconds": LOCK_SECONDS, "locks": True})
        ledger.note([tried(CURRENT, NO)], KNOWN)
        clock.now += LOCK_SECONDS + 1
        ledger.note([tried(PENDING, NO)], KNOWN)
        with pytest.raises(LoginRefused):
            ledger.choose(BOTH, "current", False)

    def test_a_clock_that_was_set_back_keeps_no_login_out_for_ever(self, ledger: Ledger, clock: Clock) -> None:
        ledger.note([tried(PENDING, NO), tried(CURRENT, NO)], KNOWN)
        clock.now -= 86400
        assert ledger.choose(BOTH, "current", False) == BOTH

    def test_who_insists_gets_one_of_each_kind(self, ledger: Ledger) -> None:
        ledger.note([tried(PENDING, NO), tried(CURRENT, NO)], KNOWN)
        assert labels(ledger.choose([*BOTH, BOOTSTRAP], "current", True)) == ["bootstrap", "pending"]

    def test_what_is_remembered_ends_with_a_login_that_works(self, ledger: Ledger, clock: Clock) -> None:
        ledger.note([tried(PENDING, NO)], KNOWN)
        clock.now += LOCK_SECONDS + 1
        assert ledger.refused(PENDING)
        ledger.note([tried(CURRENT, YES)], KNOWN)
        assert not ledger.refused(PENDING) and ledger._read()["wrong"] == []


class TestGuesses:
    """They are counted before they are made, over all processes (H44)."""

    def test_two_at_the_same_time_share_the_room(self, ledger: Ledger) -> None:
        assert ledger.choose(BOTH, "", False) == BOTH
        other = Ledger(ledger.folder, "cam")
        with pytest.raises(LoginRefused, match="2 logins were refused or are being tried"):
            other.choose(BOTH, "", False)
        assert labels(other.choose(BOTH, "current", False)) == ["current"], "no guess"
        ledger.note([tried(PENDING, NO), tried(CURRENT, YES)], KNOWN)
        assert labels(other.choose(BOTH, "", False)) == ["current"]

    def test_many_processes_together_stay_below_the_limit(self, tmp_path: Path) -> None:
        fork = multiprocessing.get_context("fork")
        counts = fork.SimpleQueue()
        workers = [fork.Process(target=_choose_some, args=(str(tmp_path / "cam"), counts)) for _number in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(30)
        assert sum(counts.get() for _worker in workers) == 2

    def test_those_of_a_process_that_died_count_until_the_lock_time_is_over(self, ledger: Ledger, clock: Clock) -> None:
        ledger.choose(BOTH, "", False)
        again = Ledger(ledger.folder, "cam")
        with pytest.raises(LoginRefused):
            again.choose(BOTH, "", False)
        clock.now += LOCK_SECONDS + 1
        assert again.choose(BOTH, "", False) == BOTH, "nothing is known to be refused"

    @pytest.mark.parametrize("came", [[], [tried_ok("pending")]], ids=["no answer", "accepted"])
    def test_what_was_not_refused_is_taken_back(self, ledger: Ledger, came: list[dict[str, Any]]) -> None:
        ledger.choose(BOTH, "", False)
        ledger.note(came, KNOWN)
        assert ledger._read()["wrong"] == []

    def test_a_login_that_works_costs_nothing(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ledger_module.hashlib, "scrypt", None)
        for credentials in ([CURRENT], [CURRENT, PENDING]):
            assert not ledger.refused(CURRENT)
            assert ledger.choose(credentials, "current", False) == [CURRENT]
            ledger.note([tried(CURRENT, YES)], KNOWN)
        assert not Path(ledger.folder).exists()

    def test_check_mode_keeps_to_the_room_and_writes_only_what_was_refused(self, ledger: Ledger) -> None:
        assert ledger.choose(BOTH, "", False, check=True) == BOTH
        assert not Path(ledger.folder).exists()
        Ledger(ledger.folder, "cam").choose(BOTH, "", False)
        with pytest.raises(LoginRefused):
            ledger.choose(BOTH, "", False, check=True)


def test_the_password_that_a_job_sets_has_a_label_of_its_own() -> None:
    """A job may have come in with an older pending password: the two must not be taken for each other."""
    session = Session({"name": "cam", "family": "onvif", "secrets": {"accounts.admin": "new"}})
    for password in ("old", "new"):
        with session._counted(Credential("admin", password, "pending")):
            pass
    assert [line["label"] for line in session.logins] == ["pending", "new"]


class TestLocked:
    def test_a_lock_that_is_over_begins_the_count_anew(self, ledger: Ledger, clock: Clock) -> None:
        """It refused the right login as well, so that one is no wrong login (H21)."""
        ledger.note([tried(PENDING, NO)], KNOWN)
        ledger.note([tried(CURRENT, NO, locked=True, seconds=90)], KNOWN)
        clock.now += 91
        ledger.check_locked()
        assert labels(ledger.choose(BOTH, "", False)) == ["current", "pending"]
        ledger.note([tried(CURRENT, NO)], KNOWN)
        assert labels(ledger.choose(BOTH, "", False)) == ["pending"], "a refusal by an open device counts"

    def test_a_locked_device_is_left_alone_until_its_time_is_over(self, ledger: Ledger, clock: Clock) -> None:
        ledger.check_locked()
        ledger.note([tried(CURRENT, NO, locked=True, seconds=90)], KNOWN)
        with pytest.raises(LoginRefused, match=r"locked us out; it is left alone until 19.*lock-budget"):
            ledger.check_locked()
        clock.now += 91
        ledger.check_locked()

    def test_a_lock_without_a_time_lasts_as_long_as_the_rules_say(self, ledger: Ledger, clock: Clock) -> None:
        ledger.note([tried(CURRENT, NO, locked=True, seconds=None)], KNOWN)
        clock.now += LOCK_SECONDS - 1
        with pytest.raises(LoginRefused):
            ledger.check_locked()
        clock.now += 2
        ledger.check_locked()

    def test_a_login_that_works_ends_it(self, ledger: Ledger) -> None:
        ledger.note([tried(CURRENT, NO, locked=True, seconds=90)], KNOWN)
        ledger.note([tried(CURRENT, YES)], KNOWN)
        ledger.check_locked()


class TestDeliberate:
    def test_one_within_the_lock_time(self, ledger: Ledger, clock: Clock) -> None:
        assert ledger.may_test_refusal()
        ledger.note_test()
        assert not Ledger(ledger.folder, "cam").may_test_refusal()
        clock.now += LOCK_SECONDS - 1
        assert not ledger.may_test_refusal()
        clock.now += 2
        assert ledger.may_test_refusal()

    def test_none_after_a_wrong_one(self, ledger: Ledger) -> None:
        ledger.note([tried(PENDING, NO), tried(CURRENT, YES)], KNOWN)
        assert not ledger.may_test_refusal()

    def test_it_was_written_down_before_it_was_made_and_counts_once(self, ledger: Ledger) -> None:
        ledger.note_test()
        ledger.note([tried(CURRENT, NO, deliberate=True), tried(PENDING, YES)], KNOWN)
        assert not ledger.refused(CURRENT)
        assert len(ledger._read()["wrong"]) == 1

    def test_a_clock_that_was_set_back_allows_no_second_one(self, ledger: Ledger, clock: Clock) -> None:
        ledger.note_test()
        clock.now -= 300
        assert not ledger.may_test_refusal()
        clock.now -= 86400
        assert ledger.may_test_refusal()  # nor does it forbid one for ever

    @pytest.mark.parametrize(("attempts", "may"), [(1, False), (2, False), (3, True)])
    def test_not_on_a_device_that_would_lock_at_the_next(self, ledger: Ledger, attempts: int, may: bool) -> None:
        ledger.learn({"attempts": attempts, "seconds": 60, "locks": True})
        assert ledger.may_test_refusal() is may

    def test_always_on_a_device_that_does_not_lock(self, ledger: Ledger) -> None:
        ledger.learn({"attempts": None, "seconds": None, "locks": False})
        ledger.note_test()
        assert ledger.may_test_refusal()


class TestFile:
    def test_no_password_is_in_it_and_it_is_private(self, ledger: Ledger) -> None:
        ledger.note([tried(CURRENT, NO)], KNOWN)
        path = Path(ledger.path)
        assert CURRENT["password"] not in path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_the_same_password_has_another_mark_on_another_device(self, ledger: Ledger, tmp_path: Path) -> None:
        other = Ledger(str(tmp_path / "other"), "other")
        for one in (ledger, other):
            one.note([tried(CURRENT, NO)], KNOWN)
        assert ledger._read()["wrong"][0]["mark"] != other._read()["wrong"][0]["mark"]

    def test_what_works_leaves_no_file(self, ledger: Ledger) -> None:
        ledger.note([tried(CURRENT, YES)], KNOWN)
        assert not Path(ledger.folder).exists()

    @pytest.mark.parametrize("content", ["{", "[1]", '"text"', '{"wrong": [1]}', '{"rules": {"attempts": "5"}}'])
    def test_a_broken_ledger_is_no_empty_one(self, ledger: Ledger, content: str) -> None:
        ledger.note([tried(CURRENT, NO)], KNOWN)
        Path(ledger.path).write_text(content)
        looks = (
            ledger.check_locked, ledger.may_test_refusal, lambda: ledger.choose(BOTH, "", False),
            lambda: ledger.note([tried(PENDING, NO)], KNOWN),
        )  # fmt: skip
        for look in looks:
            with pytest.raises((InputError, StateError), match=r"ledger\.json"):
                look()
        assert Path(ledger.path).read_text() == content

    def test_processes_do_not_overwrite_each_other(self, tmp_path: Path) -> None:
        fork = multiprocessing.get_context("fork")
        folder = str(tmp_path / "cam")
        workers = [fork.Process(target=_note_some, args=(folder, number)) for number in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(30)
        assert len(Ledger(folder, "cam")._read()["wrong"]) == 12


def _choose_some(folder: str, counts: Any) -> None:
    try:
        counts.put(len(Ledger(folder, "cam").choose(BOTH, "", False)))
    except LoginRefused:
        counts.put(0)


def _note_some(folder: str, number: int) -> None:
    for turn in range(3):
        Ledger(folder, "cam").note([{"username": "a", "label": f"{number}-{turn}", "refused": True}], {})


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(st.none(), st.integers(2, 8)),
    st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 400), st.booleans()), max_size=25),
)
def test_the_limit_of_the_device_is_never_reached(
    tmp_path_factory: pytest.TempPathFactory, attempts: int | None, runs: list[tuple[bool, bool, int, bool]]
) -> None:
    """Whatever happens to the passwords, and whenever we run, also when we test a refusal on purpose.

    The device counts as the strictest that was seen: it locks at the third failure where it does not tell; a login that
    works starts its count again.
    """
    limit, now, failures = attempts or 3, [1_000_000.0], list[float]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger_module.time, "time", lambda: now[0])
        patch.setattr(Ledger, "_mark", staticmethod(lambda _ledger, user, password: f"{user} {password}"))
        ledger = Ledger(str(tmp_path_factory.mktemp("ledger")), "cam")
        ledger.learn({"attempts": attempts, "seconds": 1000, "locks": True})
        known_good = ""
        for pending_works, current_works, wait, test in runs:
            now[0] += wait
            order = sorted(BOTH, key=lambda c: c["label"] != known_good)
            try:
                chosen = ledger.choose(order, known_good, False)
            except LoginRefused:
                continue
            seen = []
            for credential in chosen:
                works = pending_works if credential["label"] == "pending" else current_works
                seen.append(tried(credential, YES if works else NO))
                if works:
                    known_good = credential["label"]
                    failures.clear()
                    break
                failures.append(now[0])
            ledger.note(seen, KNOWN)
            if test and seen[-1]["refused"] is False and ledger.may_test_refusal():
                ledger.note_test()
                failures.append(now[0])
            assert len([moment for moment in failures if now[0] - moment < 1000]) < limit, seen

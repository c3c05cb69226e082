# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is done in whatever order, the way in is kept: sequences that hypothesis draws, on one device each.

Runs are harden, rotate (also a named rotation), undo, hold and release; they are killed (SIGKILL, in processes of their
own) at drawn boundaries. The device is restarted, loses its power at a drawn write, and its password is changed by
somebody else and set back. After each step the device is looked at from inside.

The sequences are the same each time. NWCS_FAULTS=all draws more of them.
"""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fault_sites as sites
import pytest
from fault_bench import Bench, accepts, bench, settled
from fault_cases import CONSTANTS, GOOD, MOST_WRONG_LOGINS, Case, Play
from fault_worker import vault
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from ansible_collections.nwcs.hardening.lab.openwrt import crypt
from ansible_collections.nwcs.hardening.plugins.plugin_utils import secret_store, undo_sets
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import Documents, open_documents

pytestmark = pytest.mark.long

MORE = 12 if os.environ.get("NWCS_FAULTS") == "all" else 1
FOREIGN = "Foreign-Password-6204"
DAY = 86400.0
OWN = {"onvif": "admin", "openwrt": "root"}
LOCKING = {"lockout_attempts": MOST_WRONG_LOGINS + 1, "lockout_seconds": 600}
# A router does not lock (rpcd): there each of the pending, the current and the first password may be tried once, beside
# the deliberate wrong login.
MOST_IN_A_ROW = {"onvif": MOST_WRONG_LOGINS, "openwrt": 4}
DESIGNS: dict[str, dict[str, Any]] = {
    "onvif": {
        "accounts": {"nvr": {"role": "operator"}},
        "services": {"http": {"enabled": False}},
        "identity": {"hostname": "cam"},
    },
    "openwrt": {"accounts": {"watch": {"role": "viewer"}}, "identity": {"hostname": "router"}},
}
ANYWHERE = st.sampled_from([number / 60 for number in range(60)])
SETTINGS = settings(
    derandomize=True, deadline=None, database=None, max_examples=4 * MORE, stateful_step_count=12,
    suppress_health_check=list(HealthCheck), report_multiple_bugs=False, print_blob=False,
)  # fmt: skip


@dataclass
class Undisturbed:
    """What runs that nobody disturbs do: job -> (boundary, occurrence), outcomes of harden, the device after it."""

    boundaries: dict[str, list[tuple[str, int]]]
    outcomes: dict[str, str]
    state: str


PLACE: dict[str, Bench] = {}
UNDISTURBED: dict[str, Undisturbed] = {}  # character ->


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("stateful")) as made:
        PLACE["bench"] = made
        for machine in (CameraSequence, RouterSequence):
            UNDISTURBED[machine.character] = look(machine)
        yield made
        PLACE.clear()


class Sequence(RuleBasedStateMachine):
    """One device, its controller's files, and what is known of both beside them."""

    character = ""
    broken: dict[str, Any] = {}  # noqa: RUF012 - what is broken on purpose: constants of the toolkit
    sabotage = ""

    def __init__(self) -> None:
        super().__init__()
        self.place = PLACE["bench"]
        self.folder = Path(tempfile.mkdtemp(prefix="nwcs-stateful-"))
        self.stack = contextlib.ExitStack()
        self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.runs = 0
        self.kept: Any = None  # what the device held before somebody else changed our password
        self.since = 0  # lines of the device's log that are older than the lock time
        self.rotations = 1
        self.passed: list[str] = []  # boundaries of the last run that was not killed

    def teardown(self) -> None:
        self.stack.close()

    @initialize(where=st.one_of(st.none(), ANYWHERE))
    def plug(self, where: float | None) -> None:
        """A fresh device, with a factory password that the inventory knows; its first run may be killed."""
        overrides = sites.overrides(self.character, "commission")
        if self.family == "onvif":
            overrides |= LOCKING
        self.play = Play(self.place, self.folder / "site", 1, Case(self.character, "commission", "", 1, ""))
        self.device = self.stack.enter_context(self.place.device(1, self.character, overrides))
        self.device.boot_seconds = 0.05
        self.play.start(self.device)
        self.play.variables |= {"nwcs_design": DESIGNS[self.family], "nwcs_profiles": []}
        if where is None:
            self.harden()
        else:
            self.killed("harden", where)

    # -- looking -------------------------------------------------------------------------------------------------------
    @property
    def family(self) -> str:
        return sites.family_of(self.character)

    @property
    def own(self) -> str:
        return OWN[self.family]

    def documents(self) -> Documents:
        return open_documents(self.play.variables["nwcs_secret_store"], "default", vault())

    def entry(self) -> dict[str, Any]:
        """What the store keeps of our own account."""
        return self.play.store().entries().get(f"accounts.{self.own}", {})

    def ledger(self) -> Path | None:
        return next(iter(self.folder.rglob("ledger.json")), None)

    def wrong(self) -> list[dict[str, Any]]:
        """Wrong logins that the ledger counts now."""
        path = self.ledger()
        return [] if path is None else json.loads(path.read_text(encoding="utf-8")).get("wrong", [])

    def log(self) -> list[Any]:
        return list(self.device.log)

    def kept_files(self) -> dict[str, bytes]:
        below = Path(self.play.variables["nwcs_secret_store"])
        return {str(path): path.read_bytes() for path in below.rglob("*") if path.is_file()}

    # -- runs ----------------------------------------------------------------------------------------------------------
    def run(self, job: str, kill: tuple[str, int] | None = None, **arguments: Any) -> dict[str, Any]:
        self.runs += 1
        order = {
            "folder": str(self.play.folder), "variables": self.play.variables, "job": job, "arguments": arguments,
            "constants": {**CONSTANTS, "module_utils.applying.ROLLBACK_SECONDS": 2, **self.broken},
            "sabotage": self.sabotage, "run": f"20261121T00{self.runs // 60:02d}{self.runs % 60:02d}Z-1",
        }  # fmt: skip
        if kill is not None:
            order["kill"] = list(kill)
        answer = self.place.workers.run(order)
        assert "result" in answer or "killed" in answer, answer
        self.passed = answer.get("passed", [])
        self.place.bring_back(self.device)
        return answer

    def ended(self, job: str, known_wrong: int, answer: dict[str, Any], cut: bool = False) -> dict[str, Any]:
        """A run that was not killed: what it says is so."""
        result = answer["result"]
        assert self.documents().read(("leases", sites.NAME))[0] is None, "the lease is not given back"
        error = result["error"]
        if error is None:
            assert self.kept is None, f"{job} says that it got in with a password that is not in force"
            self.is_whole(job, result)
        elif not cut:
            # Only for a password that nobody told us, or while the budget of wrong logins leaves no room for a guess.
            assert error["code"] == "login_refused" and (self.kept is not None or known_wrong), error
            assert result["writes"] == 0, error
        return result

    def is_whole(self, job: str, result: dict[str, Any]) -> None:
        entry = self.entry()
        said = {line["key"]: line["outcome"] for line in result["outcomes"]}
        own = said.get(f'accounts."{self.own}".password')
        if entry.get("current"):
            assert accepts(self.device, self.own, entry["current"]["value"]), f"{job}: the current password is refused"
        if job == "rotate" and own == "changed":
            assert entry["pending"] is None, "a finished rotation leaves a pending password"

    def change(self, job: str, **arguments: Any) -> dict[str, Any]:
        known_wrong, boots = len(self.wrong()), self.device.boots
        answer = self.run(job, **arguments)
        return self.ended(job, known_wrong, answer, self.device.boots > boots)

    # -- what is done --------------------------------------------------------------------------------------------------
    @precondition(lambda self: self.kept is not None)  # else: finish
    @rule()
    def harden(self) -> None:
        self.change("harden")

    @rule()
    def rotate(self) -> None:
        self.change("rotate")

    @rule()
    def rotate_once(self) -> None:
        """A named rotation: done once, however often it is run."""
        done, before = self.is_rotated(), self.entry().get("current")
        result = self.change("rotate", rotation=f"rotation {self.rotations}")
        if done and result["error"] is None:
            assert result["writes"] == 0 and self.entry()["current"] == before, "a finished rotation was done again"

    def is_rotated(self) -> bool:
        """Has the rotation of this name been done, as far as the store knows?"""
        return (self.entry().get("current") or {}).get("why") == f"rotate rotation {self.rotations}"

    @rule(where=ANYWHERE)
    def rotate_is_killed(self, where: float) -> None:
        self.killed("rotate", where, rotation="")

    @precondition(lambda self: self.kept is None)
    @rule(where=ANYWHERE)
    def a_named_rotation_is_killed(self, where: float) -> None:
        if self.is_rotated():
            self.rotations += 1
        self.killed("rotate", where, rotation=f"rotation {self.rotations}")

    @precondition(lambda self: self.kept is None)
    @rule(where=ANYWHERE)
    def harden_is_killed(self, where: float) -> None:
        """With much to do: what the design asks for was taken back."""
        known = undo_sets.runs(self.documents(), sites.NAME)
        if known:
            self.change("undo", run_id=known[-1], weaker=True)
        self.killed("harden", where)

    @precondition(lambda self: self.kept is None)
    @rule(where=ANYWHERE, again=ANYWHERE)
    def two_runs_are_killed(self, where: float, again: float) -> None:
        self.killed("rotate", where, rotation="")
        self.killed("rotate", again, rotation="")

    def killed(self, job: str, where: float, **arguments: Any) -> None:
        """SIGKILL at one of the boundaries of an undisturbed run; not every run comes by there."""
        boundaries = UNDISTURBED[self.character].boundaries[job]
        known_wrong = len(self.wrong())
        kill = boundaries[int(where * len(boundaries))]
        answer = self.run(job, kill, **arguments)
        if "result" in answer:
            self.ended(job, known_wrong, answer)
            return
        assert self.documents().read(("leases", sites.NAME))[0] is not None, "the killed run had no lease"
        assert self.kept is None, "it went on with a password that is not in force"

    @precondition(lambda self: self.kept is None)
    @rule(job=st.sampled_from(("rotate", "harden")), nth=st.integers(1, 6), when=st.sampled_from(("before", "after")))
    def power_cut(self, job: str, nth: int, when: str) -> None:
        """The device loses its power at a write, and is back at once."""
        moment = {"nth": nth, "of": "writes", "when": when, "what": "power", "back_after": 0.1}
        self.place.act(self.device, lambda: self.device.cut_at(**moment))
        self.change(job)

    @rule()
    def restart(self) -> None:
        self.place.act(self.device, lambda: self.device.restart(0.05))
        self.place.bring_back(self.device)

    @precondition(lambda self: self.kept is None)
    @rule()
    def somebody_changes_the_password(self) -> None:
        self.kept = self.set_password(FOREIGN)

    @precondition(lambda self: self.kept is None)
    @rule(where=ANYWHERE)
    def somebody_changes_it_while_a_run_is_killed(self, where: float) -> None:
        """None of the pending, the current and the first password gets in: they must not all be tried."""
        self.killed("rotate", where, rotation="")
        self.somebody_changes_the_password()
        for _again in range(3):
            self.harden()

    @precondition(lambda self: self.kept is not None)
    @rule()
    def the_password_is_set_back(self) -> None:
        self.set_password(None)
        self.kept = None

    def set_password(self, password: str | None) -> Any:
        """In the device itself; None sets back what was kept. What was there before."""
        if self.family == "openwrt":
            shadow = self.device.shadow
            before, shadow[self.own] = shadow[self.own], crypt.new_hash(password) if password else self.kept
            return before
        before = ""
        for users in (self.device.state["users"], self.device.stored["users"]):
            (user,) = (user for user in users if user["Username"] == self.own)
            before, user["Password"] = user["Password"], password or self.kept
        return before

    @precondition(lambda self: self.kept is None)
    @rule(earlier=st.integers(0, 2))
    def undo(self, earlier: int) -> None:
        known = undo_sets.runs(self.documents(), sites.NAME)
        if known:
            self.change("undo", run_id=known[min(earlier, len(known) - 1)], weaker=True)

    @rule(job=st.sampled_from(("harden", "rotate", "undo")))
    def on_hold(self, job: str) -> None:
        """Held, refused, released."""
        assert self.run("set_hold", reason="an incident", release="", by="Tester")["result"]["error"] is None
        seen, files, known = len(self.device.log), self.kept_files(), undo_sets.runs(self.documents(), sites.NAME)
        result = self.run(job, **({"run_id": known[0], "weaker": True} if job == "undo" else {}))["result"]
        assert result["error"]["code"] == "on_hold", result["error"]
        assert len(self.device.log) == seen and self.kept_files() == files, "something was written while on hold"
        assert self.run("set_hold", reason="", release="it is over", by="Tester")["result"]["error"] is None

    @rule()
    def time_passes(self) -> None:
        """The lock time is over, for us and for the device."""
        if (path := self.ledger()) is not None:
            ledger = json.loads(path.read_text(encoding="utf-8"))
            for wrong in ledger.get("wrong", ()):
                wrong["at"] -= DAY
            ledger["locked_until"] = 0
            path.write_text(json.dumps(ledger), encoding="utf-8")
        if self.family == "onvif":
            self.place.act(self.device, self.device.lockout.forget)
        self.since = len(self.device.log)

    @precondition(lambda self: self.kept is None)
    @rule()
    def finish(self) -> None:
        """The next run that nobody disturbs gets in and does all: at once, or when the lock time is over."""
        result = self.change("harden")
        if result["error"] is not None:
            self.time_passes()
            result = self.change("harden")
        assert result["error"] is None, result["error"]
        known = UNDISTURBED[self.character]
        left = {line["key"]: line["outcome"] for line in result["outcomes"]
                if line["outcome"] not in {*GOOD, known.outcomes.get(line["key"])}}  # fmt: skip
        assert not left, left
        assert settled(self.device) == known.state

    # -- what must always be so ----------------------------------------------------------------------------------------
    @invariant()
    def some_known_password_gets_in(self) -> None:
        if not hasattr(self, "device"):
            return
        if self.kept is None:
            lost = self.play.lost_secrets()
            assert not lost, lost
            tried = [password for _label, password in self.play.store().candidates(f"accounts.{self.own}")]
            tried.append(self.play.variables["nwcs_password"])
            assert any(accepts(self.device, self.own, password) for password in tried), "nothing we would try gets in"

    @invariant()
    def it_was_not_locked(self) -> None:
        if not hasattr(self, "device"):
            return
        in_a_row = 0
        for line in self.log()[self.since :]:
            assert line.login != "locked", "locked out by us"
            in_a_row = 0 if line.login == "ok" else in_a_row + (line.login == "refused")
            assert in_a_row <= MOST_IN_A_ROW[self.family], f"{in_a_row} wrong logins in a row"
        assert self.device.locked() == {}

    @invariant()
    def the_store_is_whole_and_shows_nothing(self) -> None:
        if not hasattr(self, "device"):
            return
        documents = self.documents()
        for name in documents.names():
            documents.read(name)
        for name, entry in self.play.store().entries().items():
            # A pending one may be an older one that the site gives again.
            proven = [part["value"] for part in (entry["current"], *entry["previous"]) if part]
            assert len(entry["previous"]) <= secret_store.KEEP, name
            assert len(set(proven)) == len(proven), f"{name}: a password is kept twice"
            assert not (entry["pending"] and entry["current"]) or entry["pending"]["value"] != entry["current"]["value"]
        assert self.play.leaks() == []


class CameraSequence(Sequence):
    """A camera that locks at the third wrong login and does not say so (H44)."""

    character = "onvif-complete"


class RouterSequence(Sequence):
    character = "openwrt-full-acl"


def look(machine: type[Sequence]) -> Undisturbed:
    """A first harden, a rotation, and a harden that finds all done."""
    looked = machine()
    try:
        looked.plug(None)
        boundaries = {"harden": numbered(looked.passed)}
        looked.time_passes()
        looked.rotate()
        boundaries["rotate"] = numbered(looked.passed)
        last = looked.change("harden")
        return Undisturbed(boundaries, {line["key"]: line["outcome"] for line in last["outcomes"]},
                           settled(looked.device))  # fmt: skip
    finally:
        looked.teardown()


def numbered(names: list[str]) -> list[tuple[str, int]]:
    counted: Counter[str] = Counter()
    found = []
    for name in names:
        counted[name] += 1
        found.append((name, counted[name]))
    return found


class TestCamera(CameraSequence.TestCase):  # type: ignore[name-defined, misc]
    settings = SETTINGS


class TestRouter(RouterSequence.TestCase):  # type: ignore[name-defined, misc]
    settings = SETTINGS


# -- the judgement itself: broken on purpose, the toolkit must be found out --------------------------------------------
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    # New passwords are kept in memory only.
    "forget": ({"sabotage": "forget"}, "is known to nobody"),
    # Three wrong logins before the right one.
    "guess": ({"sabotage": "guess"}, "login_refused"),
    "no budget": ({"broken": {"plugin_utils.ledger.MOST_UNKNOWN": 50}}, "wrong logins in a row|locked out"),
    "no memory": ({"broken": {"plugin_utils.ledger.LOCK_SECONDS": 0.001}}, "wrong logins in a row|locked out"),
}


def worst(machine: type[Sequence]) -> None:
    """A run is killed when its password was sent, and when it was stored; then somebody changes it."""
    played = machine()
    try:
        played.plug(None)
        for name in ("send:accounts.admin", "store:users:after"):
            boundaries = UNDISTURBED[machine.character].boundaries["rotate"]
            played.time_passes()
            played.killed("rotate", boundaries.index((name, 1)) / len(boundaries) + 1e-6, rotation="")
            played.some_known_password_gets_in()
            played.it_was_not_locked()
        played.time_passes()
        played.somebody_changes_it_while_a_run_is_killed(boundaries.index((name, 1)) / len(boundaries) + 1e-6)
        played.it_was_not_locked()
        played.the_password_is_set_back()
        played.finish()
        played.it_was_not_locked()
        played.the_store_is_whole_and_shows_nothing()
    finally:
        played.teardown()


def test_the_worst_sequence_keeps_the_way_in() -> None:
    worst(CameraSequence)


@pytest.mark.parametrize("how", BROKEN)
def test_a_toolkit_that_is_broken_is_found_out(how: str) -> None:
    what, found = BROKEN[how]
    with pytest.raises(AssertionError, match=found):
        worst(type("Broken", (CameraSequence,), what))

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run lock: one writer per device over processes and hosts. Who is gone blocks nobody."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from memory_documents import MemoryDocuments

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import lease as leases
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import Conflict, VaultFiles
from ansible_collections.nwcs.hardening.plugins.plugin_utils.lease import (
    LEASE_SECONDS,
    LIVE,
    OVER,
    STALE,
    Lease,
    Place,
    hold_device,
    lock_device,
)

fork = multiprocessing.get_context("fork")
NAME = ("leases", "cam-1")
NOON = 1_800_000_000.0
PASSWORD = b"seventeen-grey-herons-read-the-tide-tables"


class At(Place):
    """A process on some machine. `gone`: pairs (pid, start) that no longer run."""

    def __init__(self, host: str = "host-a", boot: str = "", pid: int = 100, gone: Any = ()) -> None:
        super().__init__()
        self.host, self.machine, self.boot_id, self.pid_ns = (
            host,
            f"machine of {host}",
            boot or f"boot of {host}",
            "pid:[1]",
        )
        self.pid, self.pid_started, self.gone = pid, pid * 10, set(gone)

    def runs(self, pid: int, started: int) -> bool:
        return (pid, started) not in self.gone


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


def hold(documents: Any, folder: Any, place: Place | None = None, now: float = NOON, takeover: bool = False) -> Any:
    return hold_device(
        documents, "cam-1", "harden", "run-1", folder=str(folder), takeover=takeover, now=lambda: now, place=place
    )


def left_by(documents: MemoryDocuments, place: Place, now: float = NOON) -> None:
    """What a killed process leaves behind."""
    lease = Lease.of("harden", "run-0", place, now)
    documents.write(NAME, asdict(lease), documents.version(NAME))


class TestOneRun:
    def test_the_document_says_who_holds_the_device_and_goes_at_the_end(
        self, documents: MemoryDocuments, tmp_path: Path
    ) -> None:
        with hold(documents, tmp_path, At()) as notes:
            content, _version = documents.read(NAME)
            assert content == {
                "job": "harden", "run": "run-1", "host": "host-a", "machine": "machine of host-a",
                "boot_id": "boot of host-a", "pid_ns": "pid:[1]", "pid": 100, "pid_started": 1000,
                "since": "2027-01-15T08:00:00Z", "until": "2027-01-15T08:30:00Z",
            }  # fmt: skip
            assert (
                (tmp_path / "lease").read_text().startswith(f"harden on {os.uname().nodename}, process {os.getpid()}")
            )
        assert documents.read(NAME) == (None, "")
        assert notes == []

    def test_it_is_given_back_after_an_error(self, documents: MemoryDocuments, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError), hold(documents, tmp_path):
            raise RuntimeError("in between")
        assert documents.names() == []
        with hold(documents, tmp_path) as notes:
            assert notes == []

    def test_another_device_is_free(self, documents: MemoryDocuments, tmp_path: Path) -> None:
        with (
            hold(documents, tmp_path / "1"),
            hold_device(documents, "cam-2", "harden", "r", folder=str(tmp_path / "2")),
        ):
            assert documents.names("leases") == [("leases", "cam-1"), ("leases", "cam-2")]

    def test_the_file_lock_alone_keeps_a_second_one_out(self, documents: MemoryDocuments, tmp_path: Path) -> None:
        documents.refusal = StateError("there is no vault password")
        with hold(documents, tmp_path):
            assert documents.writes == 0
            with pytest.raises(StateError, match="cam-1 is being changed by another run"), hold(documents, tmp_path):
                pytest.fail("two at once")

    def test_without_a_vault_password_a_live_lease_that_can_be_read_still_counts(
        self, documents: MemoryDocuments, tmp_path: Path
    ) -> None:
        left_by(documents, At("host-b"))
        documents.refusal = StateError("the vault password is too weak")
        with pytest.raises(StateError, match="harden on host-b"), hold(documents, tmp_path, At()):
            pytest.fail("pushed aside")
        with hold(documents, tmp_path, At(), NOON + LEASE_SECONDS):
            pass
        documents.damaged.add(NAME)
        with hold(documents, tmp_path, At()):
            pass

    def test_a_store_that_breaks_lets_nobody_start(self, documents: MemoryDocuments, tmp_path: Path) -> None:
        documents.broken = StateError("cannot write secrets: No space left on device.")
        for takeover in (False, True):
            with pytest.raises(StateError, match="No space left"), hold(documents, tmp_path, takeover=takeover):
                pytest.fail("started without a lease")

    def test_a_store_that_breaks_meanwhile_is_told(self, documents: MemoryDocuments, tmp_path: Path) -> None:
        with hold(documents, tmp_path, At()) as notes:
            documents.broken = StateError("cannot delete it: Read-only file system.")
        assert "The lease of cam-1 stays: cannot delete it: Read-only" in notes[0]
        documents.broken = None
        with hold(documents, tmp_path, At(pid=101, gone=[(100, 1000)])) as notes:
            assert len(notes) == 1


class TestWhoIsGone:
    @pytest.mark.parametrize(
        "place",
        [At(pid=200, gone=[(100, 1000)]), At(boot="boot-2")],
        ids=["its process is gone", "the machine was started anew"],
    )
    def test_on_this_machine_the_next_run_goes_on_by_itself(
        self, documents: MemoryDocuments, tmp_path: Path, place: At
    ) -> None:
        left_by(documents, At())
        with hold(documents, tmp_path, place) as notes:
            assert len(notes) == 1
            assert "cut off" in notes[0]
            assert "harden on host-a, process 100, since 2027-01-15T08:00:00Z, run run-0" in notes[0]
        assert documents.names() == []

    def test_a_process_that_runs_here_is_never_stale(self, documents: MemoryDocuments, tmp_path: Path) -> None:
        left_by(documents, At())
        for takeover in (False, True):
            place = At(pid=200)
            with pytest.raises(StateError) as caught, hold(documents, tmp_path, place, NOON + 10**6, takeover):
                pytest.fail("pushed aside")
            assert "nwcs_take_over" not in str(caught.value)
        assert documents.read(NAME)[0]["pid"] == 100  # type: ignore[index]

    @pytest.mark.parametrize("takeover", [False, True])
    def test_on_another_machine_it_counts_until_its_time_is_over(
        self, documents: MemoryDocuments, tmp_path: Path, takeover: bool
    ) -> None:
        left_by(documents, At("host-b"))
        before = documents.read(NAME)
        with pytest.raises(StateError) as caught, hold(documents, tmp_path, At(), NOON + LEASE_SECONDS - 1, takeover):
            pytest.fail("pushed aside")
        assert "harden on host-b, process 100, since 2027-01-15T08:00:00Z" in str(caught.value)
        assert "from 2027-01-15T08:30:00Z on, with -e nwcs_take_over=true" in str(caught.value)
        assert documents.read(NAME) == before

    def test_then_it_is_taken_over_only_knowingly(self, documents: MemoryDocuments, tmp_path: Path) -> None:
        left_by(documents, At("host-b"))
        with pytest.raises(StateError) as caught, hold(documents, tmp_path, At(), NOON + LEASE_SECONDS):
            pytest.fail("taken unasked")
        assert "harden on host-b" in str(caught.value)
        assert "stale since 2027-01-15T08:30:00Z" in str(caught.value)
        assert "Make sure on host-b" in str(caught.value)
        assert "-e nwcs_take_over=true" in str(caught.value)
        with hold(documents, tmp_path, At(), NOON + LEASE_SECONDS, takeover=True) as notes:
            assert documents.read(NAME)[0]["host"] == "host-a"  # type: ignore[index]
            assert "taken over, as told (harden on host-b" in notes[0]

    @pytest.mark.parametrize(("attribute", "value"), [("machine", "a clone"), ("machine", ""), ("boot_id", "")])
    def test_a_machine_that_cannot_be_told_from_ours_counts_as_another(self, attribute: str, value: str) -> None:
        theirs = At(boot="boot-2")
        setattr(theirs, attribute, value)
        lease = Lease.of("harden", "run-0", theirs, NOON)
        assert lease.judged(At(gone=[(100, 1000)]), NOON) == LIVE
        assert lease.judged(At(gone=[(100, 1000)]), NOON + LEASE_SECONDS) == STALE

    def test_two_machines_without_an_identity_are_not_one(self) -> None:
        ours, theirs = At(), At(boot="boot-2")
        ours.machine = theirs.machine = ""
        assert Lease.of("harden", "run-0", theirs, NOON).judged(ours, NOON) == LIVE

    def test_a_pid_of_another_container_says_nothing(self) -> None:
        theirs = At()
        theirs.pid_ns = "pid:[2]"
        lease = Lease.of("harden", "run-0", theirs, NOON)
        assert lease.judged(At(gone=[(100, 1000)]), NOON) == LIVE


class TestLost:
    def test_who_was_taken_over_is_told_at_the_end(self, documents: MemoryDocuments, tmp_path: Path) -> None:
        with hold(documents, tmp_path / "a", At()) as notes:
            taker = hold(documents, tmp_path / "b", At("host-b", pid=7), NOON + LEASE_SECONDS, takeover=True)
            taker.__enter__()
            assert notes == []
        assert "taken over by another run" in notes[0]
        assert "harden on host-b, process 7" in notes[0]
        assert documents.read(NAME)[0]["host"] == "host-b"  # type: ignore[index]
        taker.__exit__(None, None, None)
        assert documents.names() == []

    def test_one_that_somebody_removed_is_told(self, documents: MemoryDocuments, tmp_path: Path) -> None:
        with hold(documents, tmp_path) as notes:
            documents.held.clear()
        assert "somebody removed it" in notes[0]

    def test_of_two_that_take_over_at_once_one_wins(self, documents: MemoryDocuments, tmp_path: Path) -> None:
        left_by(documents, At("host-b"))
        later = NOON + LEASE_SECONDS
        winner = hold(documents, tmp_path / "c", At("host-c", pid=3), later, takeover=True)

        class Slow(MemoryDocuments):
            def read(self, name: Any) -> Any:
                found = documents.read(name)
                if not documents.writes > 1:
                    winner.__enter__()  # between our reading and our writing
                return found

        slow = Slow()
        slow.held = documents.held
        with pytest.raises(Conflict), hold(slow, tmp_path / "a", At(), later, takeover=True):
            pytest.fail("both won")
        assert documents.read(NAME)[0]["host"] == "host-c"  # type: ignore[index]
        winner.__exit__(None, None, None)


class TestUnreadable:
    def test_it_is_refused_with_what_to_do_and_replaced_knowingly(
        self, documents: MemoryDocuments, tmp_path: Path
    ) -> None:
        left_by(documents, At("host-b"))
        documents.damaged.add(NAME)
        with pytest.raises(StateError) as caught, hold(documents, tmp_path, At()):
            pytest.fail("an unreadable lease is no free device")
        assert "cannot be decrypted, or was altered" in str(caught.value)
        assert "Give the password." in str(caught.value)
        assert "-e nwcs_take_over=true" in str(caught.value)
        with hold(documents, tmp_path, At(), takeover=True) as notes:
            assert documents.read(NAME)[0]["host"] == "host-a"  # type: ignore[index]
            assert "could not be read was replaced" in notes[0]

    def test_of_two_that_replace_it_at_once_one_wins(self, documents: MemoryDocuments, tmp_path: Path) -> None:
        left_by(documents, At("host-b"))
        documents.damaged.add(NAME)
        winner = hold(documents, tmp_path / "c", At("host-c"), takeover=True)

        class Slow(MemoryDocuments):
            def read(self, name: Any) -> Any:
                winner.__enter__()
                raise StateError("as it was a moment ago: altered.")

        slow = Slow()
        slow.held = documents.held
        with pytest.raises(Conflict), hold(slow, tmp_path / "a", At(), takeover=True):
            pytest.fail("both won")
        winner.__exit__(None, None, None)

    @pytest.mark.parametrize(
        "change",
        [
            {"pid": "100"}, {"pid": True}, {"pid": 0}, {"pid": 2**31}, {"pid_started": -1}, {"until": "soon"},
            {"since": 5}, {"since": "2027-13-01T00:00:00Z"}, {"host": "x" * 301}, {"job": None}, {"more": 1},
        ],
        ids=str,
    )  # fmt: skip
    def test_one_of_another_shape_is_unreadable(
        self, documents: MemoryDocuments, tmp_path: Path, change: dict[str, Any]
    ) -> None:
        plain = asdict(Lease.of("harden", "run-0", At(), NOON))
        assert asdict(Lease.from_plain(plain, "x")) == plain
        documents.write(NAME, {**plain, **change}, "")
        with pytest.raises(StateError, match="memory/leases/cam-1 holds no lease"), hold(documents, tmp_path, At()):
            pytest.fail("taken for free")

    @pytest.mark.parametrize("field", list(asdict(Lease.of("j", "r", At(), NOON))))
    def test_none_of_its_fields_may_lack(self, field: str) -> None:
        plain = asdict(Lease.of("harden", "run-0", At(), NOON))
        del plain[field]
        with pytest.raises(StateError):
            Lease.from_plain(plain, "x")


# -- the table as a property, and the whole as a machine of states -----------------------------------------------------
@given(
    host=st.sampled_from(["host-a", "host-b"]), boot=st.sampled_from(["boot-1", "boot-2"]), runs=st.booleans(),
    passed=st.booleans(), takeover=st.booleans(),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_who_may_take_a_lease(host: str, boot: str, runs: bool, passed: bool, takeover: bool) -> None:
    boot = f"{host} {boot}"  # two machines never share one
    documents = MemoryDocuments()
    left_by(documents, At("host-a", "host-a boot-1"))
    place = At(host, boot, pid=200, gone=[] if runs else [(100, 1000)])
    later = NOON + (LEASE_SECONDS if passed else LEASE_SECONDS - 1)
    if host == "host-a":
        may = boot != "host-a boot-1" or not runs
    else:
        may = passed and takeover
    with tempfile.TemporaryDirectory() as folder:
        try:
            with hold(documents, folder, place, later, takeover) as notes:
                taken = True
                assert len(notes) == 1
        except StateError:
            taken = False
    assert taken == may
    assert bool(documents.names()) != may


class _Worker(MemoryDocuments):
    """One process's view of the shared store. A killed one does nothing more."""

    def __init__(self, shared: MemoryDocuments) -> None:
        super().__init__()
        self.shared, self.killed = shared, False

    def read(self, name: Any) -> Any:
        return self.shared.read(name)

    def version(self, name: Any) -> str:
        return self.shared.version(name)

    def write(self, name: Any, content: Any, version: str) -> str:
        return self.shared.write(name, content, version)

    def delete(self, name: Any, version: str) -> None:
        if not self.killed:
            self.shared.delete(name, version)


class Site(RuleBasedStateMachine):
    """Two machines, one store. Processes come, end, are killed; machines start anew; time passes."""

    @initialize()
    def begin(self) -> None:
        self.shared = MemoryDocuments()
        self.folder = tempfile.TemporaryDirectory()
        self.now, self.pids = NOON, 100
        self.boots = {"host-a": 1, "host-b": 1}
        self.gone: set[tuple[int, int]] = set()
        self.at_work: dict[int, tuple[Any, _Worker, At, float, list[str]]] = {}
        self.left: tuple[At, float] | None = None  # whose document lies there

    @rule(host=st.sampled_from(["host-a", "host-b"]), takeover=st.booleans())
    def take(self, host: str, takeover: bool) -> None:
        self.pids += 1
        place = At(host, f"{host} {self.boots[host]}", self.pids, self.gone)
        worker = _Worker(self.shared)
        # A folder of its own each: the document alone has to do it, as between hosts.
        folder = os.path.join(self.folder.name, str(self.pids))
        manager = hold(worker, folder, place, self.now, takeover)
        may = True
        if self.left is not None:
            other, since = self.left
            if other.host == host:
                may = other.boot_id != place.boot_id or (other.pid, other.pid_started) in self.gone
            else:
                may = takeover and self.now >= since + LEASE_SECONDS
        try:
            notes = manager.__enter__()
        except StateError:
            assert not may
            return
        assert may
        assert bool(notes) == (self.left is not None)
        self.at_work[self.pids] = (manager, worker, place, self.now, notes)
        self.left = (place, self.now)

    @precondition(lambda self: self.at_work)
    @rule(data=st.data())
    def end(self, data: Any) -> None:
        pid = data.draw(st.sampled_from(sorted(self.at_work)))
        manager, _worker, place, _since, notes = self.at_work.pop(pid)
        known = len(notes)
        manager.__exit__(None, None, None)
        self.gone.add((place.pid, place.pid_started))
        ours = self.left is not None and self.left[0] is place
        assert (len(notes) == known) == ours, "a lost lease is told, a kept one is not"
        if ours:
            self.left = None

    @precondition(lambda self: self.at_work)
    @rule(data=st.data())
    def kill(self, data: Any) -> None:
        self._kill(data.draw(st.sampled_from(sorted(self.at_work))))

    @rule(host=st.sampled_from(["host-a", "host-b"]))
    def start_anew(self, host: str) -> None:
        for pid in [pid for pid, work in self.at_work.items() if work[2].host == host]:
            self._kill(pid)
        self.boots[host] += 1

    @rule(seconds=st.sampled_from([1, LEASE_SECONDS - 1, LEASE_SECONDS]))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    def _kill(self, pid: int) -> None:
        manager, worker, place, _since, _notes = self.at_work.pop(pid)
        worker.killed = True
        manager.__exit__(None, None, None)
        self.gone.add((place.pid, place.pid_started))

    @invariant()
    def only_a_knowing_takeover_makes_two(self) -> None:
        if len(getattr(self, "at_work", {})) < 2:
            return
        # All but the newest were stale when they were taken over, which only another machine may do.
        work = sorted(self.at_work.values(), key=lambda entry: entry[2].pid)
        for older, newer in zip(work, work[1:], strict=False):
            assert newer[3] >= older[3] + LEASE_SECONDS

    def teardown(self) -> None:
        for manager, _worker, _place, _since, _notes in getattr(self, "at_work", {}).values():
            manager.__exit__(None, None, None)
        if hasattr(self, "folder"):
            self.folder.cleanup()


Site.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestSite = Site.TestCase


# -- real processes, real files ----------------------------------------------------------------------------------------
def vault_files(folder: Path, password: bytes = PASSWORD) -> VaultFiles:
    return VaultFiles(str(folder / "secrets"), "plant", VaultLib([("default", VaultSecret(password))]))


def work(folder: Path, state: str, told: Any) -> None:
    with hold_device(vault_files(folder), "cam-1", "harden", "run-1", folder=str(folder / state)):
        told.send(os.getpid())
        told.recv()


@contextlib.contextmanager
def a_worker(folder: Path, state: str) -> Iterator[tuple[Any, Any, int]]:
    here, there = fork.Pipe()
    worker = fork.Process(target=work, args=(folder, state, there))
    worker.start()
    try:
        assert here.poll(20)
        yield worker, here, here.recv()
    finally:
        worker.kill()
        worker.join()


@pytest.mark.parametrize("state", ["state", "another folder for the state"])
def test_two_processes(tmp_path: Path, state: str) -> None:
    """Both layers on their own: the file lock where the folder is shared, the document where it is not."""
    documents = vault_files(tmp_path)
    with a_worker(tmp_path, "state") as (worker, pipe, pid):
        with pytest.raises(StateError) as caught:
            with hold_device(documents, "cam-1", "harden", "run-2", folder=str(tmp_path / state), takeover=True):
                pytest.fail("two processes write to one device")
        assert f"harden on {os.uname().nodename}, process {pid}, since 20" in str(caught.value)
        pipe.send("go")
        worker.join(20)
        with hold_device(documents, "cam-1", "harden", "run-2", folder=str(tmp_path / state)) as notes:
            assert notes == []
    assert documents.names("leases") == []


@pytest.mark.parametrize("reaped", [True, False], ids=["reaped", "not yet reaped"])
def test_the_next_run_goes_on_after_a_kill(tmp_path: Path, reaped: bool) -> None:
    documents = vault_files(tmp_path)
    with a_worker(tmp_path, "state") as (worker, _pipe, pid):
        os.kill(pid, signal.SIGKILL)
        if reaped:
            worker.join(20)
        else:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert documents.names("leases") == [NAME]
        with hold_device(documents, "cam-1", "harden", "run-2", folder=str(tmp_path / "state")) as notes:
            assert f"process {pid}" in notes[0]
    assert documents.names("leases") == []


def test_the_document_is_private_and_authenticated(tmp_path: Path) -> None:
    documents = vault_files(tmp_path)
    with hold_device(documents, "cam-1", "harden", "run-1", folder=str(tmp_path / "state")):
        path = Path(documents.where(NAME))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"harden" not in path.read_bytes()
        other = vault_files(tmp_path, b"twelve-blue-lanterns-under-the-old-stone-bridge")
        with pytest.raises(StateError, match="lease cannot be read"):
            with hold_device(other, "cam-1", "harden", "run-2", folder=str(tmp_path / "b")):
                pytest.fail("another vault password opens no lease")


def test_this_process_is_seen_and_one_that_never_was_is_not() -> None:
    place = Place()
    assert place.runs(place.pid, place.pid_started)
    assert not place.runs(place.pid, place.pid_started + 1)
    assert not place.runs(2**22 + 5, 1)  # above the greatest pid of Linux
    assert place.runs(1, 0)
    lease = Lease.of("harden", "run", place, NOON)
    assert lease.judged(Place(), NOON + 10**6) == LIVE
    assert Lease.from_plain(asdict(lease), "x") == lease


def test_a_start_is_read_whatever_the_program_is_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fields = " ".join(str(number) for number in range(4, 53))
    fake = tmp_path / "stat"
    fake.write_text(f"7 (a) Z (b) S {fields}")
    real = open
    monkeypatch.setattr("builtins.open", lambda path, *a, **k: real(fake if path == "/proc/7/stat" else path, *a, **k))
    assert leases._started(7) == (22, "S")


def test_the_states_have_their_names() -> None:
    lease = Lease.of("harden", "run", At(), NOON)
    assert lease.judged(At(), NOON) == LIVE
    assert lease.judged(At(boot="boot-2"), NOON) == OVER
    assert lease.judged(At("host-b"), NOON + LEASE_SECONDS) == STALE


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(leases.os, "pwrite", full)
    with pytest.raises(StateError, match="cannot write .*lease: No space left"), lock_device(str(tmp_path), "c", "j"):
        pytest.fail("went on")

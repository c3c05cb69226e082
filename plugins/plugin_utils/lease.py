# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run lock: one writer per device, over all processes and hosts that share the secret store.

Two layers. A file lock in the state folder: the kernel frees it when its process dies, but it reaches no further than
the folder. And a document ("leases", device) in the secret store, which all hosts of a site share: written by compare
and set, so of two at once one loses, and authenticated like a secret. It is removed at the end; a killed process
leaves it behind. What a document of another run means:

    over    it ended without giving the device back: this machine was started anew since, or its process is gone here
    live    its process runs here, or it was taken on another machine not yet LEASE_SECONDS ago
    stale   it was taken on another machine longer ago than that; nobody here can see whether it still runs

An over one is taken with a note, a stale one only by who says so (nwcs_take_over), a live one never.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import files
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import Conflict, Documents

# A change of one device is a few steps, and every wait in it has a deadline: 60 s for a rollback, four minutes for a
# restart (proving.py), seconds for a request. Half an hour is several times the longest one that can be, and leaves
# room for clocks of two hosts that differ by minutes.
LEASE_SECONDS = 1800
TAKE_OVER = "-e nwcs_take_over=true"
OVER, LIVE, STALE = "over", "live", "stale"
TEXT_LIMIT = 300  # characters of one field; a longer one was not written by us

_TIME = "%Y-%m-%dT%H:%M:%SZ"


class Place:
    """A process on a machine: what tells whether the holder of a lease still runs.

    machine  digest of /etc/machine-id: two machines may have one name ("" where there is none)
    boot_id  of the kernel; pid_ns: the namespace in which the pid counts (containers have their own)
    pid_started  clock ticks from the start of the kernel to that of the process: a pid is used again, this pair is not
    """

    def __init__(self) -> None:
        self.host = socket.gethostname()[:TEXT_LIMIT]
        identity = _line("/etc/machine-id")
        self.machine = hashlib.sha256(f"nwcs lease {identity}".encode()).hexdigest()[:16] if identity else ""
        self.boot_id = _line("/proc/sys/kernel/random/boot_id")
        try:
            self.pid_ns = os.readlink("/proc/self/ns/pid")
        except OSError:
            self.pid_ns = ""
        self.pid = os.getpid()
        self.pid_started = _started(self.pid)[0]

    def runs(self, pid: int, started: int) -> bool:
        """Does the process with this pid and start still run? Where that cannot be seen: yes."""
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass  # another user's: it is there
        now, state = _started(pid)
        return state not in ("Z", "X") and (not now or not started or now == started)


@dataclass(frozen=True)
class Lease:
    """What the document holds. Times are UTC texts."""

    job: str
    run: str
    host: str
    machine: str
    boot_id: str
    pid_ns: str
    pid: int
    pid_started: int
    since: str
    until: str

    @classmethod
    def of(cls, job: str, run: str, place: Place, now: float) -> Lease:
        return cls(
            job, run, place.host, place.machine, place.boot_id, place.pid_ns, place.pid, place.pid_started,
            _text(now), _text(now + LEASE_SECONDS),
        )  # fmt: skip

    @classmethod
    def from_plain(cls, data: Mapping[str, Any], where: str) -> Lease:
        """StateError when it is no lease."""
        wanted = {field.name: int if field.name in ("pid", "pid_started") else str for field in fields(cls)}
        good = set(data) == set(wanted) and all(_is_a(data[name], kind) for name, kind in wanted.items())
        good = good and all(len(data[name]) <= TEXT_LIMIT for name, kind in wanted.items() if kind is str)
        good = good and 0 < data["pid"] < 2**31 and data["pid_started"] >= 0
        if not good or _seconds(data["since"]) is None or _seconds(data["until"]) is None:
            raise StateError(f"{where} holds no lease as this version writes it.")
        return cls(**data)

    def holder(self) -> str:
        return f"{self.job} on {self.host}, process {self.pid}, since {self.since}, run {self.run}"

    def same_kernel(self, place: Place) -> bool:
        """Can `place` see the holder's process?"""
        return bool(self.boot_id and self.pid_ns) and (self.boot_id, self.pid_ns) == (place.boot_id, place.pid_ns)

    def judged(self, place: Place, now: float) -> str:
        """OVER, LIVE or STALE, as seen from `place` at `now`."""
        if self.same_kernel(place):
            return LIVE if place.runs(self.pid, self.pid_started) else OVER
        same_machine = bool(self.machine) and (self.host, self.machine) == (place.host, place.machine)
        if same_machine and self.boot_id and place.boot_id and self.boot_id != place.boot_id:
            return OVER
        return STALE if now >= (_seconds(self.until) or 0.0) else LIVE


# -- both layers -------------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def hold_device(
    documents: Documents, device: str, job: str, run: str, *, folder: str, takeover: bool = False,
    now: Callable[[], float] = time.time, place: Place | None = None,
) -> Iterator[list[str]]:  # fmt: skip
    """Hold `device` for writing; StateError says who else does. Yields notes for the result; the end may add one.

    folder    the device's folder in nwcs_state_dir, for the file lock
    takeover  the user knows that a stale holder no longer runs
    Where the store cannot be written, the file lock is all there is, and a live lease that can be read still counts.
    """
    notes: list[str] = []
    place = place or Place()
    with lock_device(folder, device, job):
        if documents.refuses() is not None:
            _respect(documents, device, place, now())
            yield notes
            return
        lease = Lease.of(job, run, place, now())
        version = _take(documents, device, lease, place, takeover, now(), notes)
        try:
            yield notes
        finally:
            notes += _give_back(documents, device, lease, version)


@contextlib.contextmanager
def lock_device(folder: str, device: str, job: str) -> Iterator[None]:
    """The file lock alone. The kernel frees it when a process dies."""
    import fcntl

    files.private_folder(folder)
    path = os.path.join(folder, "lease")
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StateError(f"cannot open {path}: {error.strerror}.", "Check its owner and rights.") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 500).decode("utf-8", "replace").strip()
            raise _busy(device, holder or "unknown") from None
        except OSError as error:
            advice = "Give nwcs_state_dir a folder on a file system with locks."
            raise StateError(f"cannot lock {path}: {error.strerror}.", advice) from None
        try:
            os.ftruncate(handle, 0)
            line = f"{job} on {socket.gethostname()}, process {os.getpid()}, since {_text(time.time())}\n"
            os.pwrite(handle, line.encode(), 0)
        except OSError as error:
            raise StateError(f"cannot write {path}: {error.strerror}.", "Check free space.") from None
        yield
    finally:
        os.close(handle)


# -- the document ------------------------------------------------------------------------------------------------------
def _take(
    documents: Documents, device: str, lease: Lease, place: Place, takeover: bool, now: float, notes: list[str]
) -> str:
    """Write our lease; its version. StateError while somebody else's counts."""
    name = ("leases", device)
    # Asked before reading: whoever replaces an unreadable lease between the two makes our write a Conflict.
    version = documents.version(name) if takeover else ""
    try:
        content, version = documents.read(name)
        known = None if content is None else Lease.from_plain(content, documents.where(name))
    except StateError as error:
        if not takeover:
            advice = f"If you know that no other run is changing it: once {TAKE_OVER} replaces it."
            problem = f"{device}: its lease cannot be read, so another run may be changing it: {error.message}"
            raise StateError(problem, f"{error.advice} {advice}".strip()) from None
        known = None
        notes.append(f"A lease of {device} that could not be read was replaced ({error.message})")
    if known is not None:
        _judge(device, known, place, takeover, now, notes)
    return documents.write(name, asdict(lease), version)


def _judge(device: str, known: Lease, place: Place, takeover: bool, now: float, notes: list[str]) -> None:
    found = known.judged(place, now)
    if found == LIVE:
        advice = "Wait for it to end; reading is possible meanwhile."
        if not known.same_kernel(place):
            advice += f" If it was killed: it can be taken over from {known.until} on, with {TAKE_OVER}."
        raise _busy(device, known.holder(), advice)
    if found == STALE and not takeover:
        raise StateError(
            f"{device}: another run did not give it back ({known.holder()}); its lease is stale since {known.until}.",
            f"Make sure on {known.host} that it no longer runs, then run once with {TAKE_OVER}.",
        )
    if found == STALE:
        notes.append(f"The stale lease of another run was taken over, as told ({known.holder()}).")
    else:
        notes.append(f"An earlier run was cut off before it gave the device back ({known.holder()}).")


def _respect(documents: Documents, device: str, place: Place, now: float) -> None:
    """Without a vault password no lease can be written; one that can be read and is live is still obeyed."""
    name = ("leases", device)
    try:
        content, _version = documents.read(name)
        known = None if content is None else Lease.from_plain(content, documents.where(name))
    except StateError:
        return
    if known is not None and known.judged(place, now) == LIVE:
        raise _busy(device, known.holder())


def _give_back(documents: Documents, device: str, lease: Lease, version: str) -> list[str]:
    """Remove our lease. Notes when it is no longer ours, or stays."""
    name = ("leases", device)
    try:
        documents.delete(name, version)
        return []
    except Conflict:
        pass
    except StateError as error:
        return [f"The lease of {device} stays: {error.message} The next run on {lease.host} goes on all the same."]
    try:
        content, _version = documents.read(name)
        taker = Lease.from_plain(content, documents.where(name)).holder() if content else "somebody removed it"
    except StateError as error:
        taker = error.message
    return [f"{device} was taken over by another run while this one was at work ({taker}): look at both results."]


def _busy(device: str, holder: str, advice: str = "Wait for it to end; reading is possible meanwhile.") -> StateError:
    return StateError(f"{device} is being changed by another run ({holder}).", advice)


def _is_a(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)  # True is an int for Python


# -- time and processes ------------------------------------------------------------------------------------------------
def _text(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime(_TIME)


def _seconds(text: str) -> float | None:
    try:
        return datetime.datetime.strptime(text, _TIME).replace(tzinfo=datetime.UTC).timestamp()
    except ValueError:
        return None


def _line(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(TEXT_LIMIT).strip()
    except OSError:
        return ""


def _started(pid: int) -> tuple[int, str]:
    """(start in clock ticks since the kernel's, state letter) of a process; (0, "") where it cannot be seen. proc(5)"""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            # The name of the program stands in brackets and may hold anything: the fields after it count.
            parts = file.read(4096).rpartition(")")[2].split()
        return int(parts[19]), parts[0]
    except (OSError, ValueError, IndexError):
        return 0, ""

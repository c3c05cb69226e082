# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run: its folder, its note to nwcs-drift, and what the kernel says of the clock."""

from __future__ import annotations

import ctypes
import datetime
import json
import os
import re
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.nwcs.hardening.plugins.plugin_utils import report, run


def test_the_folder_is_named_by_job_time_and_process(tmp_path: Path) -> None:
    path = Path(run.folder(str(tmp_path / "reports"), "drift"))
    match = re.fullmatch(r"drift-(\d{8}T\d{6}Z)-(\d+)", path.name)
    assert match
    made = datetime.datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    assert abs((datetime.datetime.now(datetime.UTC) - made).total_seconds()) < 3600  # UTC, not local time
    assert int(match[2]) == os.getpid()
    assert run.folder(str(tmp_path / "reports"), "drift") == str(path)
    for folder in (path.parent, path, path / "devices"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_no_job_name_leaves_the_report_folder(tmp_path: Path) -> None:
    path = Path(run.folder(str(tmp_path / "reports"), "../../x"))
    assert path.parent == tmp_path / "reports"


def test_one_file_per_device_and_never_outside(tmp_path: Path) -> None:
    folder = run.folder(str(tmp_path), "drift")
    for host in ("cam-1", "../../evil", "カメラ 1", "CON"):
        report.write_device(folder, {"host": host})
    written = list(tmp_path.rglob("*.json"))
    assert {path.parent for path in written} == {Path(folder) / "devices"}
    assert {json.loads(path.read_text())["host"] for path in written} == {"cam-1", "../../evil", "カメラ 1", "CON"}
    assert (Path(folder) / "devices" / "cam-1.json").is_file()


def test_the_starter_is_told_where_the_result_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = tmp_path / "note"
    monkeypatch.delenv(run.RUN_FILE, raising=False)
    run.tell("reports/result.json")
    assert not note.exists()
    monkeypatch.setenv(run.RUN_FILE, str(note))
    monkeypatch.chdir(tmp_path)
    run.tell("reports/result.json")
    assert note.read_text() == str(tmp_path / "reports" / "result.json")


class Kernel:
    def __init__(self, state: int) -> None:
        self.state = state

    def adjtimex(self, _pointer: object) -> int:
        return self.state


@pytest.mark.parametrize(
    ("state", "container", "expected"),
    [
        (0, False, "synchronised"),
        (1, False, "synchronised"),  # a leap second is coming
        (5, False, "unsynchronised"),
        (5, True, "unknown"),
        (0, True, "synchronised"),
        (-1, False, "unknown"),
    ],
)
def test_clock_state(monkeypatch: pytest.MonkeyPatch, state: int, container: bool, expected: str) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_args, **_named: Kernel(state))
    monkeypatch.setattr(run.os.path, "exists", lambda path: container and path == "/.dockerenv")
    assert run.clock_state() == expected


def test_a_system_that_cannot_tell_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_args, **_named: object())
    assert run.clock_state() == "unknown"


def test_the_real_kernel_gives_one_of_three_answers() -> None:
    assert run.clock_state() in ("synchronised", "unsynchronised", "unknown")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT interrupts, also where the tests were started in the background and ignore it."""
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, kept)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_waits_for_the_end_of_what_must_not_be_interrupted() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt):
        with run.uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            done.append("to its end")
        done.append("and not further")
    assert done == ["to its end"]
    with pytest.raises(KeyboardInterrupt):  # as before
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    ("text", "known"),
    [("20260102T030405Z-77", "20260102T030405Z-77"), ("harden-20260102T030405Z-77", "20260102T030405Z-77"),
     (" rotate_passwords-20260102T030405Z-77/ ", "20260102T030405Z-77"), ("", ""), ("latest", "latest"),
     ("../20260102T030405Z-77", "../20260102T030405Z-77"), ("harden-20260102T030405Z", "harden-20260102T030405Z")],
)  # fmt: skip
def test_a_run_is_known_by_its_folder_too(text: str, known: str) -> None:
    assert run.id_of(text) == known

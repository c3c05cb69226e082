# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of a device: the lease between processes, the ledger of wrong logins, the memory."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
from pathlib import Path

import pytest

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils.state import DeviceState

fork = multiprocessing.get_context("fork")


@pytest.fixture
def state(tmp_path: Path) -> DeviceState:
    return DeviceState(str(tmp_path / "state"), "plant", "cam-1")


def hold(folder: str, told: object) -> None:
    with DeviceState(folder, "plant", "cam-1").lease("harden"):
        told.send(os.getpid())
        told.recv()


class TestLease:
    def test_a_second_process_is_told_who_holds_the_device(self, state: DeviceState, tmp_path: Path) -> None:
        here, there = fork.Pipe()
        holder = fork.Process(target=hold, args=(str(tmp_path / "state"), there))
        holder.start()
        try:
            assert here.poll(10)
            pid = here.recv()
            with pytest.raises(StateError) as caught, state.lease("harden"):
                pytest.fail("two processes write to one device")
            assert "cam-1" in str(caught.value)
            assert f"harden on {os.uname().nodename}, process {pid}, since 20" in str(caught.value)
            other = DeviceState(str(tmp_path / "state"), "plant", "cam-2")
            with other.lease("harden"):
                pass  # another device is free
            here.send("go")
            holder.join(10)
            with state.lease("harden"):
                pass
        finally:
            holder.kill()
            holder.join()

    def test_a_killed_holder_holds_nothing(self, state: DeviceState, tmp_path: Path) -> None:
        here, there = fork.Pipe()
        holder = fork.Process(target=hold, args=(str(tmp_path / "state"), there))
        holder.start()
        assert here.poll(10)
        os.kill(here.recv(), signal.SIGKILL)
        holder.join(10)
        with state.lease("harden"):
            pass

    def test_it_is_given_back_after_an_error(self, state: DeviceState) -> None:
        with pytest.raises(RuntimeError), state.lease("harden"):
            raise RuntimeError("in between")
        with state.lease("harden"):
            pass

    def test_a_link_in_place_of_the_file_is_not_followed(self, state: DeviceState, tmp_path: Path) -> None:
        victim = tmp_path / "victim"
        victim.write_text("precious")
        os.makedirs(state.folder)
        os.symlink(victim, os.path.join(state.folder, "lease"))
        with pytest.raises(StateError, match="cannot open .*lease"), state.lease("harden"):
            pass
        assert victim.read_text() == "precious"


class TestMemory:
    def test_it_keeps_what_it_is_told(self, state: DeviceState) -> None:
        assert state.memory() == {}
        state.remember(way={"scheme": "https", "port": 443})
        state.remember(keys={"identity.name": {"outcome": "failed"}})
        assert state.memory() == {
            "way": {"scheme": "https", "port": 443},
            "keys": {"identity.name": {"outcome": "failed"}},
        }

    def test_nothing_new_writes_nothing(self, state: DeviceState) -> None:
        state.remember(way={"scheme": "https", "port": 443})
        before = os.stat(os.path.join(state.folder, "memory.json"))
        state.remember(way={"scheme": "https", "port": 443})
        assert os.stat(os.path.join(state.folder, "memory.json")).st_ino == before.st_ino

    def test_a_broken_file_is_told(self, state: DeviceState) -> None:
        state.remember(keys={})
        (Path(state.folder) / "memory.json").write_text('{"keys": ')
        with pytest.raises(InputError, match=r"memory\.json is not valid JSON \(line 1\)"):
            state.memory()


def test_everything_is_private_and_no_name_leaves_the_folder(tmp_path: Path) -> None:
    root = tmp_path / "state"
    for name in ("cam-1", "../../etc/passwd", "/etc/passwd", "カメラ", ""):
        state = DeviceState(str(root), "../site", name)
        state.remember(way=1)
        with state.lease("harden"):
            pass
    found = list(root.rglob("*"))
    assert len({path.parent for path in found if path.is_file()}) == 5
    assert list(tmp_path.iterdir()) == [root]
    for path in found:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path

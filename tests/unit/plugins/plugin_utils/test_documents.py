# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private documents in files: never half, never somebody else's, never over newer ones."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import documents, files
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import Conflict, VaultFiles, open_documents
from ansible_collections.nwcs.hardening.plugins.plugin_utils.secret_store import SecretStore

STRONG = b"k7Qz-mP2x-Lw9v-Rt4b"
LEASE = ("leases", "cam-1")


def opened(folder: Path, password: bytes = STRONG, site: str = "plant") -> VaultFiles:
    found = open_documents(str(folder / "store"), site, VaultLib([("default", VaultSecret(password))]))
    assert isinstance(found, VaultFiles)
    return found


def in_child(work: Callable[[], Any]) -> int:
    """Run `work` in a process of its own; its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            code = work() or 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class TestInterface:
    def test_write_read_delete(self, tmp_path: Path) -> None:
        store = opened(tmp_path)
        assert store.read(LEASE) == (None, "")
        first = store.write(LEASE, {"by": "a", "n": [1, 2.5, None, True]}, "")
        assert opened(tmp_path).read(LEASE) == ({"by": "a", "n": [1, 2.5, None, True]}, first)
        second = store.write(LEASE, {"by": "b"}, first)
        assert store.version(LEASE) == second != first
        store.delete(LEASE, second)
        assert store.read(LEASE) == (None, "")

    def test_who_has_read_something_older_is_refused(self, tmp_path: Path) -> None:
        store = opened(tmp_path)
        first = store.write(LEASE, {"by": "a"}, "")
        newest = opened(tmp_path).write(LEASE, {"by": "b"}, first)
        for wrong in ("", first, "0" * 64):
            with pytest.raises(Conflict, match="nothing was written over it"):
                store.write(LEASE, {"by": "mine"}, wrong)
            with pytest.raises(Conflict):
                store.delete(LEASE, wrong)
        assert store.read(LEASE) == ({"by": "b"}, newest)
        store.delete(LEASE, newest)
        with pytest.raises(Conflict):
            store.write(LEASE, {"by": "renewed"}, newest)

    def test_names_and_places(self, tmp_path: Path) -> None:
        store = opened(tmp_path)
        names = [("leases", "cam 1/x"), ("secrets", "cam-1"), ("undo", "cam-1", "run-1"), ("undo", "cam-2", "run-1")]
        for name in names:
            store.write(name, {"x": 1}, "")
        opened(tmp_path, site="other").write(("secrets", "cam-9"), {"x": 1}, "")
        assert store.names() == names
        assert store.names("undo") == names[2:]
        assert store.names("undo", "cam-2") == names[3:]
        assert store.names("leases", "cam 1/x") == names[:1]
        assert store.names("hold") == []
        assert store.where(names[1]) == str(tmp_path / "store/plant/cam-1.vault.yml")
        assert store.where(names[2]) == str(tmp_path / "store/plant/.undo/cam-1/run-1.vault.yml")
        for path in (tmp_path / "store").rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)

    @pytest.mark.parametrize("name", [("secrets",), ("", "x"), ("secrets", ""), ("../x", "y"), ("lock", "x")])
    def test_what_is_no_name(self, tmp_path: Path, name: tuple[str, ...]) -> None:
        with pytest.raises(StateError, match="no name of a document"):
            opened(tmp_path).read(name)

    @settings(max_examples=30, deadline=None)
    @given(st.dictionaries(st.text(max_size=8), st.text(max_size=20) | st.integers() | st.booleans(), max_size=4))
    def test_what_is_written_is_what_is_read(
        self, tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
    ) -> None:
        folder = tmp_path_factory.mktemp("any")
        content.pop(documents.MARK, None)
        try:
            opened(folder).write(LEASE, content, "")
        except StateError as error:
            assert "could not be read back" in str(error)
            assert opened(folder).read(LEASE) == (None, "")
        else:
            assert opened(folder).read(LEASE)[0] == content

    def test_one_read_is_one_decryption(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store = opened(tmp_path)
        store.write(("secrets", "cam-1"), {"secrets": {}}, "")
        count, honest = [], store.seal.vault.decrypt
        monkeypatch.setattr(store.seal.vault, "decrypt", lambda data: (count.append(1), honest(data))[1])
        secrets = SecretStore(store, "cam-1")
        secrets.values(), secrets.candidates("x"), secrets.value("x")
        assert len(count) == 1


class TestForeign:
    def test_a_file_under_another_name_is_refused(self, tmp_path: Path) -> None:
        store = opened(tmp_path)
        store.write(("secrets", "cam-1"), {"device": "cam-1", "secrets": {}}, "")
        data = Path(store.where(("secrets", "cam-1"))).read_bytes()
        other = opened(tmp_path, site="other")
        other.write(("secrets", "cam-1"), {"secrets": {}}, "")
        for place, name in ((store, ("secrets", "cam-2")), (other, ("secrets", "cam-1")), (store, LEASE)):
            store.write(LEASE, {"x": 1}, "") if name == LEASE else None
            path = Path(place.where(name))
            path.touch(0o600)
            path.write_bytes(data)
            with pytest.raises(StateError, match="the file of plant/secrets/cam-1, not of"):
                place.read(name)

    def test_only_secrets_may_lack_their_name(self, tmp_path: Path) -> None:
        store = opened(tmp_path)
        for name, content in ((("secrets", "cam-1"), "a: 1"), (LEASE, "a: 1"), (("secrets", "cam-2"), "device: x")):
            store.write(name, {"x": 1}, "")
            Path(store.where(name)).write_bytes(store.seal.vault.encrypt(content))
        assert store.read(("secrets", "cam-1"))[0] == {"a": 1}
        for name in (LEASE, ("secrets", "cam-2")):
            with pytest.raises(StateError, match="somebody copied or renamed it"):
                store.read(name)

    @pytest.mark.parametrize("part", ["store/plant/.leases/cam-1.vault.yml", "store/plant/.leases", "store/plant"])
    def test_links_inside_the_store_are_refused(self, tmp_path: Path, part: str) -> None:
        store = opened(tmp_path)
        version = store.write(LEASE, {"by": "a"}, "")
        (tmp_path / part).rename(tmp_path / "elsewhere")
        (tmp_path / part).symlink_to(tmp_path / "elsewhere")
        for work in (lambda: store.read(LEASE), lambda: store.write(LEASE, {"by": "b"}, version)):
            with pytest.raises(StateError, match="is a symbolic link"):
                work()

    def test_a_linked_lock_is_refused(self, tmp_path: Path) -> None:
        store = opened(tmp_path)
        version = store.write(LEASE, {"by": "a"}, "")
        lock = tmp_path / "store/plant/.leases/.lock"
        lock.unlink()
        lock.symlink_to(tmp_path / "victim")
        with pytest.raises(StateError, match="cannot open"):
            store.write(LEASE, {"by": "b"}, version)
        assert not (tmp_path / "victim").exists()

    def test_the_store_itself_may_lie_behind_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "store").symlink_to(tmp_path / "real")
        opened(tmp_path).write(LEASE, {"by": "a"}, "")
        assert opened(tmp_path).read(LEASE)[0] == {"by": "a"}

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
    def test_files_that_others_can_read_are_refused(self, tmp_path: Path, mode: int) -> None:
        store = opened(tmp_path)
        store.write(LEASE, {"by": "a"}, "")
        os.chmod(store.where(LEASE), mode)
        with pytest.raises(StateError, match="other users can get at it") as caught:
            store.read(LEASE)
        assert f"chmod 600 {store.where(LEASE)}" in caught.value.advice

    def test_folders_that_others_can_write_to_are_refused(self, tmp_path: Path) -> None:
        store = opened(tmp_path)
        store.write(LEASE, {"by": "a"}, "")
        (tmp_path / "store/plant").chmod(0o770)
        with pytest.raises(StateError, match="chmod 700"):
            store.read(LEASE)

    def test_other_peoples_files_are_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store = opened(tmp_path)
        store.write(LEASE, {"by": "a"}, "")
        monkeypatch.setattr(documents.os, "geteuid", lambda: 4711)
        with pytest.raises(StateError, match="belongs to the user number"):
            store.read(LEASE)

    def test_no_ordinary_file(self, tmp_path: Path) -> None:
        store = opened(tmp_path)
        store.write(LEASE, {"by": "a"}, "")
        os.unlink(store.where(LEASE))
        os.mkfifo(store.where(LEASE), 0o600)
        with pytest.raises(StateError, match="not an ordinary file"):
            store.read(LEASE)

    def test_too_large(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store = opened(tmp_path)
        monkeypatch.setattr(files, "MAX_BYTES", 2000)
        with pytest.raises(StateError, match="larger than 2000 bytes; nothing was written"):
            store.write(LEASE, {"x": "y" * 2000}, "")
        store.write(LEASE, {"x": 1}, "")
        with open(store.where(LEASE), "ab") as file:
            file.write(b"0" * 3000)
        with pytest.raises(StateError, match="larger than 2000 bytes"):
            store.read(LEASE)

    def test_one_changed_bit_is_told(self, tmp_path: Path) -> None:
        store = opened(tmp_path)
        store.write(LEASE, {"by": "a"}, "")
        path = Path(store.where(LEASE))
        lines = path.read_bytes().splitlines()
        lines[3] = lines[3][:10] + (b"1" if lines[3][10:11] != b"1" else b"2") + lines[3][11:]
        path.write_bytes(b"\n".join(lines))
        with pytest.raises(StateError, match="cannot be decrypted, or was altered"):
            store.read(LEASE)

    def test_what_killed_processes_left_goes_after_an_hour(self, tmp_path: Path) -> None:
        store = opened(tmp_path)
        version = store.write(LEASE, {"by": "a"}, "")
        folder = tmp_path / "store/plant/.leases"
        for name, age in ((".tmp-old", 3700), (".tmp-new", 60)):
            (folder / name).touch(0o600)
            os.utime(folder / name, (time.time() - age,) * 2)
        store.write(LEASE, {"by": "b"}, version)
        assert sorted(os.listdir(folder)) == [".lock", ".tmp-new", "cam-1.vault.yml"]


class TestWeak:
    def test_it_reads_and_does_not_write(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(documents, "weakness", lambda _password: None)
            version = opened(tmp_path, b"password1").write(LEASE, {"by": "a"}, "")
        weak = opened(tmp_path, b"password1")
        assert weak.read(LEASE) == ({"by": "a"}, version)
        with pytest.raises(StateError, match="too weak to keep secrets with: it has only 9 characters") as caught:
            weak.write(LEASE, {"by": "b"}, version)
        assert "openssl rand -base64 24" in caught.value.advice and "password1" not in str(caught.value)
        assert opened(tmp_path, STRONG).refuses() is None


class TestFaults:
    POINTS = ("open", "fdopen", "fsync", "rename", "fstat", "listdir", "mkdir")

    def counting(self, patch: Any, act: Callable[[int], None]) -> list[int]:
        """Each call of a system function by documents.py is counted; `act(n)` happens before the n-th."""
        count = [0]

        def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
            def called(*given: Any, **named: Any) -> Any:
                count[0] += 1
                act(count[0])
                return real(*given, **named)

            return called

        for name in self.POINTS:
            patch.setattr(documents.os, name, wrap(getattr(os, name)))
        return count

    @pytest.mark.parametrize("fresh", [True, False])
    def test_killed_at_every_point_of_a_write(self, tmp_path: Path, fresh: bool) -> None:
        store = opened(tmp_path)
        number, seen = 0, set()
        while True:
            number += 1
            name = ("leases", f"cam-{number}" if fresh else "cam")
            old, version = store.read(name)

            def die(count: int, at: int = number) -> None:
                if count == at:
                    os.kill(os.getpid(), signal.SIGKILL)

            def write(name: Any = name, version: str = version, number: int = number, die: Any = die) -> None:
                with pytest.MonkeyPatch.context() as patch:
                    self.counting(patch, die)
                    opened(tmp_path).write(name, {"new": number}, version)

            code = in_child(write)
            now, after = store.read(name)
            assert now in (old, {"new": number})
            seen.add(now == old)
            if code == 0:
                break
            assert code == -signal.SIGKILL
            store.write(name, {"again": number}, after)  # nothing holds up the next run
        assert number > 10 and seen == {True, False}

    @pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EROFS, errno.EIO])
    def test_the_disk_fails_at_every_point_of_a_write(self, tmp_path: Path, reason: int) -> None:
        store = opened(tmp_path)
        version = store.write(LEASE, {"n": 0}, "")
        number = 0
        while True:
            number += 1

            def fail(count: int, at: int = number) -> None:
                if count == at:
                    raise OSError(reason, os.strerror(reason))

            try:
                with pytest.MonkeyPatch.context() as patch:
                    count = self.counting(patch, fail)
                    store.write(LEASE, {"n": number}, version)
            except (StateError, OSError) as error:
                assert os.strerror(reason) in str(error)
                assert isinstance(error, StateError)
                now, version = store.read(LEASE)
                assert now in ({"n": number - 1}, {"n": number})
                assert sorted(os.listdir(tmp_path / "store/plant/.leases")) == [".lock", "cam-1.vault.yml"]
                version = store.write(LEASE, {"n": number}, version)
            else:
                if count[0] < number:  # every point was met
                    break
                version = store.version(LEASE)
        assert number > 10

    def test_no_room_in_the_middle_of_the_file(self, tmp_path: Path) -> None:
        store = opened(tmp_path)
        version = store.write(LEASE, {"by": "a"}, "")

        def write() -> int:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
            try:
                store.write(LEASE, {"by": "b" * 500}, version)
            except StateError as error:
                return 3 if "cannot write" in str(error) else 4
            return 5

        assert in_child(write) == 3
        assert store.read(LEASE) == ({"by": "a"}, version)
        assert sorted(os.listdir(tmp_path / "store/plant/.leases")) == [".lock", "cam-1.vault.yml"]

    def test_many_processes_lose_nothing(self, tmp_path: Path) -> None:
        def count() -> None:
            store = opened(tmp_path)
            for _unused in range(6):
                while True:
                    content, version = store.read(LEASE)
                    try:
                        store.write(LEASE, {"n": (content or {"n": 0})["n"] + 1}, version)
                        break
                    except Conflict:
                        continue

        children = []
        for _unused in range(4):
            child = os.fork()
            if child == 0:
                try:
                    count()
                finally:
                    os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
        assert opened(tmp_path).read(LEASE)[0] == {"n": 24}


class TestPutBack:
    """Whatever is put back, there is a document under the name at every moment."""

    PUT = ("hold", "cam-1")

    def damaged(self, folder: Path) -> tuple[VaultFiles, Path]:
        store = opened(folder)
        store.write(self.PUT, {"by": "a"}, "")
        path = Path(store.where(self.PUT))
        path.write_bytes(b"$ANSIBLE_VAULT;1.1;AES256\n00\n")
        return store, path

    def test_the_old_one_is_kept_beside(self, tmp_path: Path) -> None:
        store, path = self.damaged(tmp_path)
        kept = Path(store.put_back(self.PUT, {"by": "b"}))
        assert kept.parent == path.parent and kept.read_bytes().endswith(b"\n00\n")
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert store.read(self.PUT)[0] == {"by": "b"}
        assert store.names() == store.names("hold") == [self.PUT]  # what is kept beside is no document
        assert store.put_back(("hold", "cam-2"), {"by": "c"}) == ""

    @pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
    def test_there_is_one_at_every_moment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
        store, path = self.damaged(tmp_path)
        seen: list[bool] = []

        def watched(name: str) -> None:
            honest = getattr(os, name)

            def call(*given: Any, **named: Any) -> Any:
                if name == "link" and not links:
                    raise OSError(errno.EPERM, os.strerror(errno.EPERM))  # as FAT and some network drives say it
                try:
                    return honest(*given, **named)
                finally:
                    seen.append(path.is_file())

            monkeypatch.setattr(os, name, call)

        for name in ("rename", "replace", "link", "unlink", "fsync"):
            watched(name)
        kept = Path(store.put_back(self.PUT, {"by": "b"}))
        assert len(seen) >= 4 and all(seen)
        assert kept.read_bytes().endswith(b"\n00\n") and stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert store.read(self.PUT)[0] == {"by": "b"}

    def test_a_full_disk_leaves_the_old_one(self, tmp_path: Path) -> None:
        store, path = self.damaged(tmp_path)
        before = path.read_bytes()

        def work() -> int:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
            try:
                store.put_back(self.PUT, {"by": "b"})
            except StateError:
                return 7
            return 0

        assert in_child(work) == 7
        assert path.read_bytes() == before

    def test_a_kill_leaves_the_old_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store, path = self.damaged(tmp_path)
        before = path.read_bytes()
        monkeypatch.setattr(documents, "_replace", lambda *_given: os.kill(os.getpid(), signal.SIGKILL))
        assert in_child(lambda: store.put_back(self.PUT, {"by": "b"}) and 0) == -signal.SIGKILL
        assert path.read_bytes() == before

    def test_a_link_is_not_followed(self, tmp_path: Path) -> None:
        store, path = self.damaged(tmp_path)
        victim = tmp_path / "victim"
        path.rename(victim)
        before = victim.read_bytes()
        path.symlink_to(victim)
        kept = Path(store.put_back(self.PUT, {"by": "b"}))
        assert kept.is_symlink() and not path.is_symlink() and victim.read_bytes() == before
        assert store.read(self.PUT)[0] == {"by": "b"}

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared passwords are found, over all processes and after a cut; a broken index is told; no password is kept."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import files, reuse
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import Conflict, VaultFiles
from ansible_collections.nwcs.hardening.plugins.plugin_utils.reuse import KEY, ReuseIndex

SECRET = "Correct-Horse-7"


class Shelf:
    """Documents in one file each, as far as the index uses them; versions are the content's length and text."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def where(self, name: tuple[str, ...]) -> str:
        return str(self.folder / "-".join(name))

    def read(self, name: tuple[str, ...]) -> tuple[dict[str, Any] | None, str]:
        try:
            text = Path(self.where(name)).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None, ""
        return json.loads(text), text

    def write(self, name: tuple[str, ...], content: dict[str, Any], version: str) -> str:
        assert version == "", "the key is made once, and never written over"
        temporary = f"{self.where(name)}.{os.getpid()}"
        Path(temporary).write_text(json.dumps(content), encoding="utf-8")
        try:
            os.link(temporary, self.where(name))  # fails where there is one, and is whole where there was none
        except FileExistsError:
            raise Conflict(self.where(name)) from None
        finally:
            os.unlink(temporary)
        return self.read(name)[1]


@pytest.fixture
def index(tmp_path: Path) -> ReuseIndex:
    return ReuseIndex(Shelf(tmp_path / "documents"), str(tmp_path / "site"))


def again(index: ReuseIndex) -> ReuseIndex:
    """Another process of the same site."""
    return ReuseIndex(index.documents, os.path.dirname(index.folder))


def paths(index: ReuseIndex) -> list[Path]:
    return [path for path in Path(index.folder).rglob("*") if path.is_file()]


def test_sharing_is_found_across_devices_and_accounts(index: ReuseIndex) -> None:
    assert index.claim("cam-1", "admin", SECRET) == []
    assert index.claim("cam-1", "admin", SECRET) == [], "not with itself"
    assert again(index).claim("cam-2", "admin", SECRET) == [("cam-1", "admin")]
    assert again(index).claim("cam-2", "viewer", SECRET) == [("cam-1", "admin"), ("cam-2", "admin")]
    assert index.others(SECRET, "cam-1", "admin") == [("cam-2", "admin"), ("cam-2", "viewer")]
    assert index.others(SECRET + " ", "cam-1", "admin") == [] == index.others(SECRET.lower(), "x", "y")
    assert index.others(SECRET, "new", "admin") == [("cam-1", "admin"), ("cam-2", "admin"), ("cam-2", "viewer")]


def test_a_new_password_ends_the_old_claim_and_release_ends_all(index: ReuseIndex) -> None:
    index.claim("cam-1", "admin", SECRET)
    index.claim("cam-1", "admin", "another 1")
    assert index.others(SECRET, "cam-2", "admin") == []
    assert index.others("another 1", "cam-2", "admin") == [("cam-1", "admin")]
    index.claim("cam-2", "admin", "another 1")
    index.release("cam-1", "admin")
    index.release("cam-1", "admin")
    assert index.others("another 1", "cam-3", "x") == [("cam-2", "admin")]
    index.release("cam-2", "admin")
    assert {path.name for path in paths(index)} == {"lock", "key"}, "nothing is left behind"


def test_no_password_and_no_plain_digest_of_one_is_in_the_files(index: ReuseIndex) -> None:
    import hashlib

    index.claim("cam-1", "admin", SECRET)
    plain = {hashlib.new(kind, SECRET.encode()).hexdigest() for kind in ("md5", "sha1", "sha256", "sha512")}
    key = index.documents.read(KEY)[0]["key"]
    for path in paths(index):
        text = path.read_text(encoding="utf-8") + str(path)
        assert SECRET not in text and key not in text and not any(digest in text for digest in plain)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    folders = [path for path in Path(index.folder).rglob("*") if path.is_dir()]
    assert all(stat.S_IMODE(folder.stat().st_mode) == 0o700 for folder in (*folders, Path(index.folder)))


def test_the_key_is_among_the_encrypted_documents_of_the_site(tmp_path: Path) -> None:
    from ansible.parsing.vault import VaultLib, VaultSecret

    vault = VaultLib([("default", VaultSecret(b"x7-quite-long-and-odd-93-Zk"))])
    for device, others in (("cam-1", []), ("cam-2", [("cam-1", "admin")])):
        documents = VaultFiles(str(tmp_path / "secrets"), "plant", vault)
        assert ReuseIndex(documents, str(tmp_path / "state")).claim(device, "admin", SECRET) == others
    key = documents.read(KEY)[0]["key"]
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) > 4 and not any(key.encode() in path.read_bytes() for path in kept)
    refused = ReuseIndex(VaultFiles(str(tmp_path / "none"), "plant", VaultLib([])), str(tmp_path / "state-2"))
    with pytest.raises(StateError, match="vault password"):
        refused.claim("cam-1", "admin", SECRET)


def test_two_sites_have_different_keys(tmp_path: Path) -> None:
    digests = set()
    for site in "ab":
        index = ReuseIndex(Shelf(tmp_path / f"documents-{site}"), str(tmp_path / site))
        index.claim("cam-1", "admin", SECRET)
        digests |= {path.name for path in paths(index) if len(path.name) == 64}
    assert len(digests) == 2


@pytest.mark.parametrize("name", ["../../x", "a/b", "", ".", "owners", "CON", "カメラ", "a\nb", "x" * 300])
def test_hostile_names_stay_in_the_folder(index: ReuseIndex, tmp_path: Path, name: str) -> None:
    index.claim(name, name, SECRET)
    assert index.others(SECRET, "cam-1", "admin") == [(name, name)]
    here = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert all(path.is_relative_to(index.folder) or path.parent.name == "documents" for path in here)


# -- what is broken is told --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"owners": 7, "digest": 7, "mark": 7}', '{"owners": [["a"]], "digest": "x"}', "\x00\x00"],
)
@pytest.mark.parametrize("which", ["digest", "owner", "key"])
def test_a_broken_file_is_told_with_its_path(index: ReuseIndex, which: str, text: str) -> None:
    index.claim("cam-1", "admin", SECRET)
    path = next(
        path for path in paths(index)
        if (which == "digest" and len(path.name) == 64) or (which == "owner" and path.name == "admin")
        or (which == "key" and path.name == "key")
    )  # fmt: skip
    path.write_text(text, encoding="utf-8")
    for use in (lambda: again(index).claim("cam-2", "admin", SECRET), lambda: again(index).others(SECRET, "x", "y")):
        with pytest.raises(StateError, match="shared ones are not found") as error:
            use()
        assert str(path) in error.value.message and index.folder in error.value.advice
        assert SECRET not in str(error.value)


def test_a_link_in_the_place_of_a_file_is_told(index: ReuseIndex, tmp_path: Path) -> None:
    index.claim("cam-1", "admin", SECRET)
    path = next(path for path in paths(index) if len(path.name) == 64)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="symbolic link"):
        index.claim("cam-2", "admin", SECRET)


def test_another_key_is_told_and_not_taken_for_nothing_shared(index: ReuseIndex) -> None:
    index.claim("cam-1", "admin", SECRET)
    os.unlink(index.documents.where(KEY))
    with pytest.raises(StateError, match="another key"):
        again(index).claim("cam-2", "admin", SECRET)
    os.unlink(os.path.join(index.folder, "key"))
    with pytest.raises(StateError, match="missing"):
        again(index).claim("cam-2", "admin", SECRET)


@pytest.mark.parametrize("content", [{}, {"key": ""}, {"key": 5}, {"key": "zz" * 32}, {"key": "ab" * 31}])
def test_a_key_that_is_none_is_told(index: ReuseIndex, content: dict[str, Any]) -> None:
    Path(index.documents.where(KEY)).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(StateError, match="no key"):
        index.claim("cam-1", "admin", SECRET)


def test_a_store_that_cannot_be_written_is_told(index: ReuseIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any) -> str:
        raise StateError("there is no vault password")

    monkeypatch.setattr(index.documents, "write", refuse)
    with pytest.raises(StateError, match="no vault password"):
        index.claim("cam-1", "admin", SECRET)


# -- cut off at any write ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cut", range(4))
def test_a_run_cut_off_at_any_write_leaves_no_false_claim(
    index: ReuseIndex, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the cut cam-1 holds "old"; afterwards it is known with one of both, never with both, and goes on."""
    index.claim("cam-1", "admin", "old pass 1")
    index.claim("cam-9", "admin", "old pass 1")
    count, real = 0, files.write_json

    def write(path: str, content: Any) -> None:
        nonlocal count
        count += 1
        if count > cut:
            raise KeyboardInterrupt
        real(path, content)

    monkeypatch.setattr(files, "write_json", write)
    try:
        index.claim("cam-1", "admin", SECRET)
    except KeyboardInterrupt:
        assert cut < 3
    monkeypatch.undo()
    holds = [word for word in ("old pass 1", SECRET) if ("cam-1", "admin") in again(index).others(word, "x", "y")]
    assert holds == (["old pass 1"] if cut < 2 else [SECRET])
    for word, other in ((SECRET, "old pass 1"), ("old pass 1", SECRET)):
        again(index).claim("cam-1", "admin", word)
        assert ("cam-1", "admin") in index.others(word, "x", "y")
        assert ("cam-1", "admin") not in index.others(other, "x", "y")


# -- many at once ------------------------------------------------------------------------------------------------------
def _work(folder: str, number: int, barrier: Any, queue: Any) -> None:
    index = ReuseIndex(Shelf(Path(folder) / "documents"), os.path.join(folder, "site"))
    barrier.wait(30)
    found = [index.claim(f"cam-{number}", account, "shared 1" if account == "ops" else f"own {number} {account}")
             for account in ("admin", "ops", "viewer")]  # fmt: skip
    queue.put((number, found))


def test_processes_at_once_make_one_key_and_lose_no_claim(tmp_path: Path) -> None:
    many, context = 6, multiprocessing.get_context("fork")
    barrier, queue = context.Barrier(many), context.Queue()
    (tmp_path / "documents").mkdir()
    work = [context.Process(target=_work, args=(str(tmp_path), n, barrier, queue)) for n in range(many)]
    for process in work:
        process.start()
    results = dict(queue.get(timeout=60) for _unused in work)
    for process in work:
        process.join(30)
        assert process.exitcode == 0
    index = ReuseIndex(Shelf(tmp_path / "documents"), str(tmp_path / "site"))
    assert index.others("shared 1", "x", "y") == [(f"cam-{n}", "ops") for n in range(many)]
    # Each saw exactly those that came before: 0, 1, 2, … others.
    assert sorted(len(found[1]) for found in results.values()) == list(range(many))
    assert all(found[0] == found[2] == [] for found in results.values())


def test_a_lock_that_is_never_freed_is_told(index: ReuseIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reuse, "LOCK_SECONDS", 0.05)
    with index._locked(), pytest.raises(StateError, match="locked by another run"):
        again(index).claim("cam-1", "admin", SECRET)
    assert again(index).claim("cam-1", "admin", SECRET) == []


# -- against the plain truth -------------------------------------------------------------------------------------------
NAMES, WORDS = st.sampled_from(["a", "b", "c"]), st.sampled_from(["p1", "p2", "p3"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(NAMES, NAMES, st.one_of(st.none(), WORDS)), max_size=15))
def test_it_knows_what_a_simple_table_knows(tmp_path_factory: Any, moves: list[tuple[str, str, str | None]]) -> None:
    folder = tmp_path_factory.mktemp("reuse")
    index = ReuseIndex(Shelf(folder / "documents"), str(folder / "site"))
    truth: dict[tuple[str, str], str] = {}
    for device, account, password in moves:
        if password is None:
            truth.pop((device, account), None)
            index.release(device, account)
        else:
            truth[device, account] = password
            expected = sorted(o for o, held in truth.items() if held == password and o != (device, account))
            assert index.claim(device, account, password) == expected
    for password in ("p1", "p2", "p3"):
        assert index.others(password, "x", "y") == sorted(o for o, held in truth.items() if held == password)


def test_the_work_does_not_grow_with_the_site(index: ReuseIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    for number in range(60):
        index.claim(f"cam-{number}", "admin", f"own {number}")
    read: list[str] = []
    real = files.read_json
    monkeypatch.setattr(files, "read_json", lambda path: read.append(path) or real(path))
    index.claim("cam-new", "admin", "own new")
    assert len(read) <= 5

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second copy: kept before anything is sent, equal or told, and good enough to come back from."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils.copies import CommandCopy
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import open_documents
from ansible_collections.nwcs.hardening.plugins.plugin_utils.secret_store import SecretStore

NAME = "accounts.admin"
DOCUMENT = ("secrets", "cam-1")
# Keeps each document in a file of its folder, as a command of a site would; argument and environment are noted.
KEEPER = """
import os, sys
folder, what, site, name = sys.argv[1:5]
path = os.path.join(folder, site + "." + name)
with open(os.path.join(folder, "seen"), "a") as seen:
    seen.write(repr(sys.argv) + repr(dict(os.environ)))
if os.path.exists(os.path.join(folder, "broken")):
    sys.exit("no tape in the \\x1b[31mdrive")
if what == "put":
    data = sys.stdin.buffer.read()
    with open(path, "wb") as file:
        file.write(data[:-1] if os.path.exists(os.path.join(folder, "cuts")) else data)
elif os.path.exists(path):
    with open(path, "rb") as file:
        sys.stdout.buffer.write(file.read())
"""


def store_in(folder: Path, copy: Any) -> SecretStore:
    vault = VaultLib([("default", VaultSecret(b"k7Qz-mP2x-Lw9v-Rt4b"))])
    return SecretStore(open_documents(str(folder / "store"), "plant", vault, None, {"copy": copy}), "cam-1")


@pytest.fixture
def keeper(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    (tmp_path / "keeper.py").write_text(KEEPER)
    return folder


def command(keeper: Path) -> list[str]:
    return [sys.executable, str(keeper.parent / "keeper.py"), str(keeper)]


class TestFolder:
    def test_it_is_equal_before_anything_is_sent(self, tmp_path: Path) -> None:
        (tmp_path / "copy").mkdir(0o700)
        store = store_in(tmp_path, str(tmp_path / "copy"))
        store.prepare({NAME: "First-1"}, "harden")
        for _unused in range(2):
            assert (tmp_path / "copy/plant/cam-1.vault.yml").read_bytes() == Path(store.path).read_bytes()
            store.promote([NAME])
        assert store.notes == []

    def test_a_drive_that_is_not_there_is_no_copy(self, tmp_path: Path) -> None:
        store = store_in(tmp_path, str(tmp_path / "copy"))
        with pytest.raises(StateError, match="second copy of the secrets failed, so nothing was sent") as caught:
            store.prepare({NAME: "First-1"}, "harden")
        assert "Mount its drive" in caught.value.advice
        assert not (tmp_path / "copy").exists()
        assert store.candidates(NAME) == []  # what was not sent is not tried by the next run
        assert not os.path.exists(store.path)

    def test_the_state_before_comes_back(self, tmp_path: Path) -> None:
        (tmp_path / "copy").mkdir(0o700)
        store = store_in(tmp_path, str(tmp_path / "copy"))
        store.prepare({NAME: "First-1"}, "harden")
        store.promote([NAME])
        (tmp_path / "copy").rename(tmp_path / "away")
        with pytest.raises(StateError, match="nothing was sent"):
            store.prepare({NAME: "Second-2"}, "harden")
        assert store_in(tmp_path, None).candidates(NAME) == [("current", "First-1")]
        (tmp_path / "away").rename(tmp_path / "copy")
        store.prepare({NAME: "Third-3"}, "harden")
        assert store.candidates(NAME)[0] == ("pending", "Third-3")

    def test_after_sending_it_is_a_note_and_tried_again(self, tmp_path: Path) -> None:
        (tmp_path / "copy").mkdir(0o700)
        store = store_in(tmp_path, str(tmp_path / "copy"))
        store.prepare({NAME: "First-1"}, "harden")
        (tmp_path / "copy").rename(tmp_path / "away")
        store.promote([NAME])
        assert store.value(NAME) == "First-1"
        assert len(store.notes) == 1 and "nwcs-secrets copy" in store.notes[0] and "First-1" not in store.notes[0]
        (tmp_path / "away").rename(tmp_path / "copy")
        store.prepare({NAME: "Second-2"}, "harden")
        assert (tmp_path / "copy/plant/cam-1.vault.yml").read_bytes() == Path(store.path).read_bytes()

    @pytest.mark.parametrize("same", ["store", "./store/../store"])
    def test_the_same_folder_is_no_copy(self, tmp_path: Path, same: str) -> None:
        with pytest.raises(InputError, match="the same folder"):
            store_in(tmp_path, str(tmp_path / same))

    @pytest.mark.parametrize("given", [["x", 5], {"a": 1}, 7, [""]])
    def test_what_is_neither(self, tmp_path: Path, given: Any) -> None:
        with pytest.raises(InputError, match="nwcs_secret_copy is"):
            store_in(tmp_path, given)


class TestCommand:
    def test_it_keeps_encrypted_bytes_and_sees_no_secret(
        self, tmp_path: Path, keeper: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VAULT_TOKEN", "hvs.Recognisable-Token")
        store = store_in(tmp_path, command(keeper))
        store.prepare({NAME: "Recognisable-Secret-77"}, "harden")
        assert (keeper / "plant.cam-1").read_bytes() == Path(store.path).read_bytes()
        assert "Recognisable" not in (keeper / "seen").read_text()
        assert store.documents.copy.get(("secrets", "cam-2")) is None

    def test_one_that_keeps_something_else_is_told(self, tmp_path: Path, keeper: Path) -> None:
        (keeper / "cuts").touch()
        with pytest.raises(StateError, match="nothing was sent: .* is not equal to what was written"):
            store_in(tmp_path, command(keeper)).prepare({NAME: "First-1"}, "harden")

    def test_one_that_fails_is_told_with_its_words(self, tmp_path: Path, keeper: Path) -> None:
        (keeper / "broken").touch()
        with pytest.raises(StateError, match="exit code 1.*no tape in the") as caught:
            store_in(tmp_path, command(keeper)).prepare({NAME: "First-1"}, "harden")
        assert "\x1b" not in str(caught.value)

    def test_one_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(StateError, match="cannot be started"):
            store_in(tmp_path, [str(tmp_path / "none")]).prepare({NAME: "First-1"}, "harden")

    def test_one_that_never_ends_is_ended(self) -> None:
        copy = CommandCopy([sys.executable, "-c", "import signal; signal.pause()"], "plant", seconds=0.5)
        with pytest.raises(StateError, match="did not end within"):
            copy.put(DOCUMENT, b"x")

    def test_names_are_safe_for_it(self, keeper: Path) -> None:
        copy = CommandCopy(command(keeper), "../x")
        copy.put(("secrets", "--help/../y"), b"data")
        assert copy.get(("secrets", "--help/../y")) == b"data"
        assert sorted(path.parent for path in keeper.parent.rglob("*~*")) == [keeper]


class TestTheStoreIsLost:
    """A store that lacks what the copy holds (not mounted, deleted) never goes over the last copy."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> SecretStore:
        (tmp_path / "copy").mkdir(0o700)
        store = store_in(tmp_path, str(tmp_path / "copy"))
        store.prepare({NAME: "First-1", "accounts.nvr": "Nvr-1"}, "harden")
        store.promote([NAME, "accounts.nvr"])
        return store

    def refused(self, folder: Path, store: SecretStore, names: str) -> None:
        kept = folder / "copy/plant/cam-1.vault.yml"
        before = kept.read_bytes()
        first = Path(store.path).read_bytes() if os.path.exists(store.path) else None
        with pytest.raises(StateError, match=f"nothing was sent: .*{names}") as caught:
            store_in(folder, str(folder / "copy")).prepare({NAME: "Second-2"}, "harden")
        assert "nwcs-secrets restore cam-1" in caught.value.advice and str(kept) in caught.value.advice
        assert not any(secret in str(caught.value) for secret in ("First-1", "Nvr-1", "Second-2"))
        assert kept.read_bytes() == before
        assert (Path(store.path).read_bytes() if os.path.exists(store.path) else None) == first

    def test_the_whole_folder(self, tmp_path: Path, store: SecretStore) -> None:
        (tmp_path / "store").rename(tmp_path / "lost")
        self.refused(tmp_path, store, "admin, nvr")

    def test_only_of_the_account_that_is_written(self, tmp_path: Path) -> None:
        (tmp_path / "copy").mkdir(0o700)
        store = store_in(tmp_path, str(tmp_path / "copy"))
        store.prepare({NAME: "First-1"}, "harden")
        os.unlink(store.path)
        self.refused(tmp_path, store, "admin")

    def test_a_part(self, tmp_path: Path, store: SecretStore) -> None:
        os.unlink(store.path)
        alone = store_in(tmp_path, None)
        alone.prepare({NAME: "Other-1"}, "harden")
        self.refused(tmp_path, store, "nvr")
        alone.promote([NAME])
        behind = store_in(tmp_path, str(tmp_path / "copy"))
        kept = (tmp_path / "copy/plant/cam-1.vault.yml").read_bytes()
        behind._confirm(lambda entries: bool(entries[NAME]["current"].update(why="x")) or True)
        assert "restore cam-1" in behind.notes[0]
        assert (tmp_path / "copy/plant/cam-1.vault.yml").read_bytes() == kept

    def test_a_copy_that_cannot_be_read_may_be_the_last(self, tmp_path: Path, store: SecretStore) -> None:
        kept = tmp_path / "copy/plant/cam-1.vault.yml"
        kept.write_bytes(b"$ANSIBLE_VAULT;1.1;AES256\n00\n")
        os.rename(store.path, tmp_path / "away")
        with pytest.raises(StateError, match="nothing was sent: .*may hold the only") as caught:
            store_in(tmp_path, str(tmp_path / "copy")).prepare({NAME: "Second-2"}, "harden")
        assert str(kept) in caught.value.advice and kept.read_bytes().endswith(b"\n00\n")
        os.rename(tmp_path / "away", store.path)  # with the secrets in the store, a broken copy is written anew
        store_in(tmp_path, str(tmp_path / "copy")).prepare({NAME: "Second-2"}, "harden")
        assert kept.read_bytes() == Path(store.path).read_bytes()

    def test_knowingly_by_moving_the_copy_aside(self, tmp_path: Path, store: SecretStore) -> None:
        os.unlink(store.path)
        os.rename(tmp_path / "copy/plant/cam-1.vault.yml", tmp_path / "aside")
        again = store_in(tmp_path, str(tmp_path / "copy"))
        again.prepare({NAME: "Second-2"}, "harden")
        assert again.documents.copy.get(DOCUMENT) == Path(again.path).read_bytes()

    def test_one_that_is_merely_older_is_written_over(self, tmp_path: Path, store: SecretStore) -> None:
        kept = tmp_path / "copy/plant/cam-1.vault.yml"
        old = kept.read_bytes()
        store.prepare({NAME: "Second-2", "accounts.new": "New-1"}, "rotate")
        store.promote([NAME])
        kept.write_bytes(old)
        again = store_in(tmp_path, str(tmp_path / "copy"))
        again.prepare({"accounts.nvr": "Nvr-2"}, "rotate")
        assert kept.read_bytes() == Path(store.path).read_bytes()
        assert again.notes == []

    def test_what_never_left_is_no_loss(self, tmp_path: Path) -> None:
        (tmp_path / "copy").mkdir(0o700)
        store = store_in(tmp_path, str(tmp_path / "copy"))
        store.prepare({NAME: "Unsent-1"}, "harden", sent=False)
        os.unlink(store.path)  # as when the copy was kept, but could not be compared, and the store was set back
        store_in(tmp_path, str(tmp_path / "copy")).prepare({NAME: "Second-2"}, "harden", sent=False)

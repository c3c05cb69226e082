# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secret store: never readable, never lost, never overwritten by mistake."""

from __future__ import annotations

import copy
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import documents
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import VaultFiles, open_documents
from ansible_collections.nwcs.hardening.plugins.plugin_utils.secret_store import KEEP, SecretStore

NAME = "accounts.admin"


def vault(password: bytes | None = b"k7Qz-mP2x-Lw9v-Rt4b", label: str = "default") -> VaultLib:
    return VaultLib([(label, VaultSecret(password))] if password else [])


def store_in(folder: Path, key: VaultLib | None = None, vault_id: str | None = None) -> SecretStore:
    return SecretStore(open_documents(str(folder / "secrets"), "plant", key or vault(), vault_id), "cam-1")


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    return store_in(tmp_path)


class TestLife:
    def test_a_new_password_is_pending_until_it_is_proven(self, store: SecretStore, tmp_path: Path) -> None:
        store.prepare({NAME: "First-Pass-1"}, "harden run-1")
        assert store.value(NAME) is None
        assert store.value(NAME, "pending") == "First-Pass-1"
        store.promote([NAME])
        again = store_in(tmp_path)
        assert again.value(NAME) == "First-Pass-1"
        assert again.value(NAME, "pending") is None

    def test_a_password_that_is_given_again_pushes_no_older_one_out(self, store: SecretStore) -> None:
        for number in range(KEEP):
            store.prepare({NAME: f"Own-Pass-{number}"}, "rotate")
            store.promote([NAME])
        for _again in range(3):  # the site gives it, it is sent, and does not get into force
            store.prepare({NAME: "Given-Pass-1"}, "harden")
            store.drop_pending([NAME])
        store.prepare({NAME: "Given-Pass-1"}, "harden")
        store.prepare({NAME: "Own-Pass-9"}, "rotate")
        previous = [part["value"] for part in store.entries()[NAME]["previous"]]
        assert previous == ["Given-Pass-1", *(f"Own-Pass-{number}" for number in (3, 2, 1, 0))]

    def test_the_one_that_was_sent_last_is_tried_first(self, store: SecretStore, tmp_path: Path) -> None:
        assert store.candidates(NAME) == []
        store.prepare({NAME: "First-Pass-1"}, "harden")
        store.promote([NAME])
        store.prepare({NAME: "Second-Pass-2"}, "harden")
        # A crash here: the next run finds both.
        assert store_in(tmp_path).candidates(NAME) == [("pending", "Second-Pass-2"), ("current", "First-Pass-1")]
        store.promote([NAME])
        assert store_in(tmp_path).candidates(NAME) == [("current", "Second-Pass-2")]

    def test_one_that_was_never_in_force_goes_to_the_older_ones(self, store: SecretStore, tmp_path: Path) -> None:
        store.prepare({NAME: "First-Pass-1"}, "harden")
        store.promote([NAME])
        store.prepare({NAME: "Second-Pass-2"}, "harden")
        store.drop_pending([NAME, "accounts.nobody"])
        again = store_in(tmp_path)
        assert again.candidates(NAME) == [("current", "First-Pass-1")]
        assert "Second-Pass-2" in again.values()  # dropped is not forgotten

    def test_one_that_the_site_gives_again_is_in_force_again(self, store: SecretStore, tmp_path: Path) -> None:
        for password in ("Given-Pass-1", "Given-Pass-2", "Given-Pass-1", "Given-Pass-1"):
            store.prepare({NAME: password}, "harden")
            store.promote([NAME])
        again = store_in(tmp_path)
        assert again.candidates(NAME) == [("current", "Given-Pass-1")]
        assert [part["value"] for part in again.entries()[NAME]["previous"]] == ["Given-Pass-2"]

    def test_a_pending_one_that_may_be_in_force_survives_the_next(self, store: SecretStore) -> None:
        for number in range(3):
            store.prepare({NAME: f"Try-{number}"}, "harden")
        assert set(store.values()) == {"Try-0", "Try-1", "Try-2"}
        assert store.value(NAME, "pending") == "Try-2"

    def test_the_last_five_stay(self, store: SecretStore, tmp_path: Path) -> None:
        for number in range(9):
            store.prepare({NAME: f"Pass-{number}"}, "harden")
            store.promote([NAME])
        again = store_in(tmp_path)
        older = [entry["value"] for entry in again.entries()[NAME]["previous"]]
        assert older == [f"Pass-{number}" for number in range(7, 7 - KEEP, -1)]
        assert again.value(NAME) == "Pass-8"

    def test_other_accounts_stay_as_they_are(self, store: SecretStore, tmp_path: Path) -> None:
        store.prepare({NAME: "Admin-1", "accounts.nvr": "Nvr-1"}, "harden")
        store.promote(["accounts.nvr", "accounts.nobody"])
        again = store_in(tmp_path)
        assert again.value("accounts.nvr") == "Nvr-1"
        assert again.value(NAME) is None

    def test_nothing_to_do_writes_nothing(self, store: SecretStore) -> None:
        store.prepare({}, "harden")
        store.promote([NAME])
        store.drop_pending([NAME])
        assert not os.path.exists(store.path)

    @settings(max_examples=25)
    @given(name=st.text(max_size=30), password=st.text(min_size=1, max_size=40))
    def test_any_text_comes_back_or_is_refused_before_it_is_sent(
        self, tmp_path_factory: pytest.TempPathFactory, name: str, password: str
    ) -> None:
        folder = tmp_path_factory.mktemp("any")
        try:
            store_in(folder).prepare({name: password}, "harden")
        except StateError:
            assert not os.path.exists(store_in(folder).path)
            return
        assert store_in(folder).value(name, "pending") == password


class TestFile:
    def test_private_and_unreadable(self, store: SecretStore, tmp_path: Path) -> None:
        store.prepare({"accounts.secretname": "Recognisable-Secret-77"}, "harden")
        store.promote(["accounts.secretname"])
        found = list((tmp_path / "secrets").rglob("*"))
        assert sorted(path.name for path in found if path.is_file()) == [".lock", "cam-1.vault.yml"]
        for path in [tmp_path / "secrets", *found]:
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
        data = Path(store.path).read_bytes()
        assert data.startswith(b"$ANSIBLE_VAULT;1.1;AES256\n")
        for hidden in ("Recognisable-Secret-77", "secretname"):
            assert hidden.encode() not in data
            assert hidden.encode().hex().encode() not in data

    def test_ansible_vault_reads_it(self, store: SecretStore) -> None:
        store.prepare({NAME: "First-Pass-1"}, "harden")
        content = yaml.safe_load(vault().decrypt(Path(store.path).read_bytes()))
        assert content["device"] == "cam-1"
        assert content["secrets"][NAME]["pending"]["value"] == "First-Pass-1"

    def test_a_vault_id_is_used_and_named(self, tmp_path: Path) -> None:
        other = b"o2Hc-vG7t-Rm4q-Jx9w"
        both = VaultLib([("plant", VaultSecret(b"p3Wd-zX8n-Yb5s-Kf6j")), ("other", VaultSecret(other))])
        store = store_in(tmp_path, both, "other")
        store.prepare({NAME: "First-Pass-1"}, "harden")
        assert Path(store.path).read_bytes().startswith(b"$ANSIBLE_VAULT;1.2;AES256;other\n")
        assert store_in(tmp_path, vault(other, "other")).value(NAME, "pending") == "First-Pass-1"

    def test_an_unknown_vault_id_is_one_sentence(self, tmp_path: Path) -> None:
        store = store_in(tmp_path, vault(), "plant")
        with pytest.raises(StateError, match="no vault password with the id 'plant'"):
            store.prepare({NAME: "First-Pass-1"}, "harden")
        assert not os.path.exists(store.path)

    def test_no_device_chooses_the_place(self, tmp_path: Path) -> None:
        store = SecretStore(open_documents(str(tmp_path / "secrets"), "../..", vault()), "../../etc/cron.d/x")
        store.prepare({NAME: "First-Pass-1"}, "harden")
        assert Path(store.path).resolve().is_relative_to(tmp_path / "secrets")


class TestNoKey:
    @pytest.mark.parametrize("key", [None, VaultLib([])])
    def test_without_a_vault_password_nothing_is_made(self, tmp_path: Path, key: VaultLib | None) -> None:
        store = SecretStore(open_documents(str(tmp_path / "secrets"), "plant", key), "cam-1")
        assert not store.can_write()
        with pytest.raises(StateError, match="no vault password, so no new password is made or sent") as caught:
            store.prepare({NAME: "Recognisable-Secret-77"}, "harden")
        assert "Recognisable" not in str(caught.value)
        assert not (tmp_path / "secrets").exists()
        assert store.candidates(NAME) == []  # what was not kept is not used

    @pytest.mark.parametrize("key", [vault(b"wrong-k7Qz-mP2x-Lw9v"), VaultLib([]), None])
    def test_the_wrong_one_reads_and_overwrites_nothing(
        self, store: SecretStore, tmp_path: Path, key: VaultLib | None
    ) -> None:
        store.prepare({NAME: "First-Pass-1"}, "harden")
        before = Path(store.path).read_bytes()
        other = SecretStore(open_documents(str(tmp_path / "secrets"), "plant", key), "cam-1")
        with pytest.raises(StateError, match="cannot be decrypted") as caught:
            other.candidates(NAME)
        assert "--vault-password-file" in caught.value.advice
        with pytest.raises(StateError):
            other.prepare({NAME: "Second-Pass-2"}, "harden")
        assert Path(store.path).read_bytes() == before


class TestBroken:
    def write(self, store: SecretStore, text: str) -> None:
        os.makedirs(os.path.dirname(store.path), 0o700)
        Path(store.path).touch(0o600)
        Path(store.path).write_bytes(vault().encrypt(text))

    @pytest.mark.parametrize(
        "text",
        [
            "just text",
            "[1, 2]",
            "secrets: 5",
            "secrets: {accounts.admin: plain}",
            "secrets: {accounts.admin: {current: plain}}",
            "secrets: {accounts.admin: {current: {value: 12345}}}",
            "secrets: {accounts.admin: {current: {at: today}}}",
            "secrets: {accounts.admin: {previous: 5}}",
            "secrets: {accounts.admin: !!python/object/apply:os.getpid []}",
            "a: b: c",
        ],
    )
    def test_another_content_is_told_and_kept(self, store: SecretStore, text: str) -> None:
        self.write(store, text)
        before = Path(store.path).read_bytes()
        for use in (lambda: store.value(NAME), lambda: store.prepare({NAME: "x"}, "harden"), store.values):
            with pytest.raises(StateError, match="another shape") as caught:
                use()
            assert store.path in str(caught.value)
        assert Path(store.path).read_bytes() == before

    @pytest.mark.parametrize("spoil", [lambda d: b"", lambda d: d[: len(d) // 2], lambda d: d[:40] + b"zz" + d[42:]])
    def test_a_damaged_file_is_told_and_kept(self, store: SecretStore, tmp_path: Path, spoil: object) -> None:
        store.prepare({NAME: "First-Pass-1"}, "harden")
        damaged = spoil(Path(store.path).read_bytes())
        Path(store.path).write_bytes(damaged)
        again = store_in(tmp_path)
        with pytest.raises(StateError, match="cannot be decrypted"):
            again.value(NAME)
        with pytest.raises(StateError):
            again.prepare({NAME: "Second-Pass-2"}, "harden")
        assert Path(store.path).read_bytes() == damaged

    def test_fewer_parts_are_no_error(self, store: SecretStore) -> None:
        """Somebody wrote the file by hand with ansible-vault."""
        self.write(store, "secrets: {accounts.admin: {current: {value: By-Hand-1}}}")
        assert store.candidates(NAME) == [("current", "By-Hand-1")]
        store.prepare({NAME: "Next-2"}, "harden")
        store.promote([NAME])
        assert store.value(NAME) == "Next-2"


class TestCrash:
    @pytest.mark.parametrize("step", ["open", "fsync", "rename"])
    def test_the_old_file_or_the_new_one(
        self, store: SecretStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        store.prepare({NAME: "First-Pass-1"}, "harden")
        store.promote([NAME])
        before = Path(store.path).read_bytes()

        def cut(*_args: object, **_named: object) -> None:
            raise OSError(28, "No space left on device")

        real_open = os.open

        def cut_making(path: str, flags: int, *more: object, **named: object) -> int:
            if flags & os.O_EXCL:
                cut()
            return real_open(path, flags, *more, **named)

        with monkeypatch.context() as patch:
            patch.setattr(documents.os, step, cut_making if step == "open" else cut)
            with pytest.raises(StateError, match="No space left"):
                store.prepare({NAME: "Second-Pass-2"}, "harden")
        assert Path(store.path).read_bytes() == before
        assert sorted(os.listdir(os.path.dirname(store.path))) == [".lock", "cam-1.vault.yml"]
        # Nor does the object in memory offer what is not kept.
        assert store.candidates(NAME) == [("current", "First-Pass-1")]
        store.prepare({NAME: "Third-Pass-3"}, "harden")
        assert store_in(tmp_path).value(NAME, "pending") == "Third-Pass-3"

    def test_killed_between_writing_and_renaming(self, store: SecretStore, tmp_path: Path) -> None:
        store.prepare({NAME: "First-Pass-1"}, "harden")
        store.promote([NAME])
        child = os.fork()
        if child == 0:  # the child ends the hard way, as by a power cut
            documents.os.rename = lambda *_names, **_handles: os._exit(9)
            store.prepare({NAME: "Second-Pass-2"}, "harden")
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        again = store_in(tmp_path)
        assert again.candidates(NAME) == [("current", "First-Pass-1")]
        again.prepare({NAME: "Third-Pass-3"}, "harden")
        assert store_in(tmp_path).value(NAME, "pending") == "Third-Pass-3"

    def test_what_cannot_be_read_back_is_not_kept(self, store: SecretStore, monkeypatch: pytest.MonkeyPatch) -> None:
        store.prepare({NAME: "First-Pass-1"}, "harden")
        before = Path(store.path).read_bytes()
        key = store.documents.seal.vault
        honest = key.encrypt
        monkeypatch.setattr(key, "encrypt", lambda text, **named: honest("secrets: {}", **named))
        with pytest.raises(StateError, match="could not be read back; nothing was sent"):
            store.prepare({NAME: "Second-Pass-2"}, "harden")
        assert Path(store.path).read_bytes() == before


class TestSteps:
    def test_what_was_not_sent_is_not_tried(self, store: SecretStore, tmp_path: Path) -> None:
        store.prepare({NAME: "First-Pass-1"}, "rotate", {NAME: 71.234}, sent=False)
        assert store_in(tmp_path).candidates(NAME) == []
        assert store_in(tmp_path).value(NAME, "pending") == "First-Pass-1"
        store.mark_sent([NAME, "accounts.nobody"])
        again = store_in(tmp_path)
        assert again.candidates(NAME) == [("pending", "First-Pass-1")]
        part = again.entries()[NAME]["pending"]
        assert (part["why"], part["bits"], part["at"][-1]) == ("rotate", 71.2, "Z")
        again.prepare({NAME: "First-Pass-1"}, "rotate", sent=False)  # the same again: it was sent, and stays so
        assert again.candidates(NAME) == [("pending", "First-Pass-1")]

    def test_what_never_left_pushes_nothing_out(self, store: SecretStore) -> None:
        store.prepare({NAME: "Sent-0"}, "rotate")
        for number in range(9):
            store.prepare({NAME: f"Unsent-{number}"}, "rotate", sent=False)
            store.drop_pending([NAME])
        assert store.values() == ["Sent-0"]

    def test_somebody_elses_change_is_told_and_kept(self, store: SecretStore, tmp_path: Path) -> None:
        store.entries()
        store_in(tmp_path).prepare({NAME: "Theirs-1"}, "harden")
        with pytest.raises(StateError, match="another run changed this meanwhile") as caught:
            store.prepare({NAME: "Ours-2"}, "harden")
        assert "Run again" in caught.value.advice
        assert store.values() == ["Theirs-1"]  # the next look is at what is there

    def test_a_proof_is_kept_whatever_others_wrote(self, store: SecretStore, tmp_path: Path) -> None:
        store.prepare({NAME: "Ours-1"}, "harden")
        other = store_in(tmp_path)
        other.prepare({NAME: "Theirs-2", "accounts.nvr": "Nvr-1"}, "rotate")
        store.promote([NAME])
        again = store_in(tmp_path)
        assert again.candidates(NAME) == [("pending", "Theirs-2"), ("current", "Ours-1")]
        assert again.value("accounts.nvr", "pending") == "Nvr-1"
        other.promote([NAME])
        store.promote([NAME])
        assert store_in(tmp_path).candidates(NAME) == [("current", "Theirs-2")]

    def test_a_late_proof_brings_nothing_old_back(self, store: SecretStore, tmp_path: Path) -> None:
        store.prepare({NAME: "Ours-1"}, "harden")
        other = store_in(tmp_path)
        other.promote([NAME])  # the other one found it in force, and went on
        other.prepare({NAME: "Theirs-2"}, "rotate")
        other.promote([NAME])
        store.promote([NAME])
        assert store_in(tmp_path).value(NAME) == "Theirs-2"

    def test_what_others_replaced_is_not_marked_as_sent(self, store: SecretStore, tmp_path: Path) -> None:
        store.prepare({NAME: "Ours-1"}, "harden", sent=False)
        store_in(tmp_path).prepare({NAME: "Theirs-2"}, "rotate")
        with pytest.raises(StateError, match="another run"):
            store.mark_sent([NAME])

    def test_several_processes_lose_nothing(self, tmp_path: Path) -> None:
        def work(number: int) -> None:
            for turn in range(3):
                name, password = f"accounts.user{number}", f"Pass-{number}-{turn}"
                while True:
                    store = store_in(tmp_path)
                    try:
                        store.prepare({name: password}, "rotate")
                        break
                    except documents.Conflict:
                        continue
                while True:
                    try:
                        store.promote([name])
                        break
                    except documents.Conflict:
                        continue

        children = []
        for number in range(4):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    work(number)
                    code = 0
                finally:
                    os._exit(code)
            children.append(child)
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
        store = store_in(tmp_path)
        for number in range(4):
            assert store.value(f"accounts.user{number}") == f"Pass-{number}-2"
            older = [part["value"] for part in store.entries()[f"accounts.user{number}"]["previous"]]
            assert older == [f"Pass-{number}-1", f"Pass-{number}-0"]


class Memory(VaultFiles):
    """Documents without a disk: the transitions are what is looked at."""

    def __init__(self) -> None:
        self.content: dict[str, object] | None = None
        self.number = 0

    def read(self, name: tuple[str, ...]) -> tuple[dict | None, str]:
        return copy.deepcopy(self.content), str(self.number) if self.content else ""

    def write(self, name: tuple[str, ...], content: Mapping, version: str) -> str:
        if version != self.read(name)[1]:
            raise documents.Conflict("memory")
        self.content, self.number = copy.deepcopy(dict(content)), self.number + 1
        return str(self.number)

    def where(self, name: tuple[str, ...]) -> str:
        return "memory"


ACTIONS = ("prepare", "prepare unsent", "mark", "promote", "drop", "crash")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(ACTIONS)), max_size=25))
def test_what_was_sent_last_is_never_lost(steps: list[tuple[int, str]]) -> None:
    """Two processes in any order, each with its own, perhaps old, view; a crash is a new process."""
    place = Memory()
    stores = [SecretStore(place, "cam-1"), SecretStore(place, "cam-1")]
    sent, proven, number = "", "", 0
    for who, action in steps:
        store = stores[who]
        number += 1
        try:
            if action.startswith("prepare"):
                store.prepare({NAME: f"P{number}"}, "x", sent=action == "prepare")
                sent = f"P{number}" if action == "prepare" else sent
            elif action == "mark":
                unsent = store.value(NAME, "pending")
                store.mark_sent([NAME])
                sent = unsent or sent
            elif action == "promote":
                store.promote([NAME])
                proven = SecretStore(place, "cam-1").value(NAME) or proven
            elif action == "drop":
                store.drop_pending([NAME])
            else:
                stores[who] = SecretStore(place, "cam-1")
        except documents.Conflict:
            pass
        now = SecretStore(place, "cam-1")
        entry = now.entries().get(NAME, {})
        assert not sent or sent in now.values()
        assert not proven or now.value(NAME) == proven
        assert len(entry.get("previous", ())) <= KEEP
        assert len(set(now.values())) == len(now.values())
        assert all(label == "current" or entry["pending"]["sent"] for label, _value in now.candidates(NAME))

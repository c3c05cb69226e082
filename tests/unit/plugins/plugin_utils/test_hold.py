# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A device on hold: nothing is changed on it, whatever can or cannot be read, until it is released by name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from memory_documents import MemoryDocuments

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import documents as documents_module
from ansible_collections.nwcs.hardening.plugins.plugin_utils import hold
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import VaultFiles
from ansible_collections.nwcs.hardening.plugins.plugin_utils.hold import KEEP, OnHold

NAME = ("hold", "cam-1")
JOBS = ("harden", "rotate", "restart", "undo", "accept")


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


def test_a_device_that_nobody_held_is_free(documents: MemoryDocuments) -> None:
    hold.check(documents, "cam-1", "harden")
    found = hold.state(documents, "cam-1")
    assert (found.on, found.held, found.history) == (False, None, ())
    assert documents.writes == 0


@pytest.mark.parametrize("job", JOBS)
def test_a_hold_refuses_and_says_who_since_when_why_and_how_to_release(documents: MemoryDocuments, job: str) -> None:
    assert "cam-1 is on hold" in hold.put(documents, "cam-1", "intrusion, case 17", "M. Sato")
    with pytest.raises(OnHold) as caught:
        hold.check(documents, "cam-1", job)
    text = str(caught.value)
    assert caught.value.code == "on_hold"
    assert re.search(
        rf"cam-1: {job} is refused: on hold by M\. Sato since 20..-..-..T..:..:..Z: intrusion, case 17", text
    )
    assert "hold.yml -l cam-1 -e \"nwcs_release='REASON' nwcs_by='NAME'\"" in text  # spaces need the inner quotes
    hold.check(documents, "cam-2", job)  # another device is free
    assert hold.state(documents, "cam-1").on


def test_a_release_frees_it_and_both_are_remembered(documents: MemoryDocuments) -> None:
    hold.put(documents, "cam-1", "intrusion", "Sato")
    said = hold.release(documents, "cam-1", "evidence secured", "Ito")
    assert "released by Ito: evidence secured" in said
    assert "on hold by Sato" in said
    hold.check(documents, "cam-1", "harden")
    found = hold.state(documents, "cam-1")
    assert not found.on
    assert [(line["what"], line["by"], line["reason"]) for line in found.history] == [
        ("hold", "Sato", "intrusion"),
        ("release", "Ito", "evidence secured"),
    ]


def test_a_release_of_nothing_is_told_and_writes_nothing(documents: MemoryDocuments) -> None:
    assert hold.release(documents, "cam-1", "done", "Ito") == "cam-1 was not on hold; nothing was changed."
    assert documents.writes == 0


def test_the_first_hold_stays_whoever_adds_another(documents: MemoryDocuments) -> None:
    hold.put(documents, "cam-1", "intrusion", "Sato")
    assert "on hold already: on hold by Sato" in hold.put(documents, "cam-1", "me too", "Ito")
    found = hold.state(documents, "cam-1")
    assert found.held is not None
    assert found.held["by"] == "Sato"
    assert [line["by"] for line in found.history] == ["Sato", "Ito"]


def test_the_history_has_an_end(documents: MemoryDocuments) -> None:
    for number in range(KEEP):
        hold.put(documents, "cam-1", f"reason {number}", "Sato")
        hold.release(documents, "cam-1", "over", "Sato")
    hold.put(documents, "cam-1", "the last", "Sato")
    found = hold.state(documents, "cam-1")
    assert len(found.history) == KEEP
    assert found.history[-1]["reason"] == "the last"
    assert found.on


@pytest.mark.parametrize(
    ("reason", "by", "names"),
    [
        ("", "Sato", "nwcs_hold"), ("  \n", "Sato", "nwcs_hold"), ("x" * 501, "Sato", "nwcs_hold"),
        (None, "Sato", "nwcs_hold"), ("intrusion", "", "nwcs_by"), ("intrusion", "\u202e\u200b", "nwcs_by"),
        ("intrusion", 5, "nwcs_by"),
    ],
)  # fmt: skip
def test_both_need_a_reason_and_a_name(documents: MemoryDocuments, reason: Any, by: Any, names: str) -> None:
    with pytest.raises(InputError, match=names):
        hold.put(documents, "cam-1", reason, by)
    assert documents.writes == 0
    hold.put(documents, "cam-1", "intrusion", "Sato")
    with pytest.raises(InputError, match=names.replace("hold", "release")):
        hold.release(documents, "cam-1", reason, by)
    assert hold.state(documents, "cam-1").on


def test_a_reason_is_one_line_of_printable_text(documents: MemoryDocuments) -> None:
    hold.put(documents, "cam-1", " case\r\n17\x1b[2J  \u202eevil ", "佐藤")
    found = hold.state(documents, "cam-1")
    assert found.held is not None
    assert found.held["reason"] == "case 17 [2J evil"
    assert found.held["by"] == "佐藤"


class TestUnreadable:
    def test_it_counts_as_a_hold_until_it_was_put_on_hold_again_and_released(self, documents: MemoryDocuments) -> None:
        hold.put(documents, "cam-1", "intrusion", "Sato")
        hold.release(documents, "cam-1", "over", "Sato")
        documents.damaged.add(NAME)
        assert hold.state(documents, "cam-1").on
        with pytest.raises(OnHold, match="cannot be decrypted, or was altered") as caught:
            hold.check(documents, "cam-1", "harden")
        assert "hold.yml" in str(caught.value)
        with pytest.raises(OnHold, match="cannot be released"):
            hold.release(documents, "cam-1", "let me", "Ito")
        assert "kept as memory/hold/cam-1.replaced" in hold.put(documents, "cam-1", "lost document", "Ito")
        with pytest.raises(OnHold, match="on hold by Ito"):
            hold.check(documents, "cam-1", "harden")
        hold.release(documents, "cam-1", "looked at", "Ito")
        hold.check(documents, "cam-1", "harden")

    def test_a_store_out_of_reach_counts_as_a_hold(self, documents: MemoryDocuments) -> None:
        documents.broken = StateError("the secret store does not answer.")
        with pytest.raises(OnHold, match="does not answer"):
            hold.check(documents, "cam-1", "harden")

    @pytest.mark.parametrize(
        "change",
        [
            {"held": False}, {"held": {}}, {"held": "Sato"}, {"history": None}, {"history": [{}]}, {"schema": 2},
            {"more": 1}, {"history": [{"what": "hold", "by": "a", "at": "b", "reason": "c"}] * (KEEP + 1)},
            {"held": {"what": "release", "by": "a", "at": "b", "reason": "c"}},
            {"history": [{"what": "other", "by": "a", "at": "b", "reason": "c"}]},
            {"history": [{"what": "hold", "by": 1, "at": "b", "reason": "c"}]},
            {"history": [{"what": "hold", "by": "", "at": "b", "reason": "c"}]},
        ],
        ids=str,
    )  # fmt: skip
    def test_one_of_another_shape_counts_as_a_hold(self, documents: MemoryDocuments, change: dict[str, Any]) -> None:
        good = {"schema": 1, "held": None, "history": []}
        version = documents.write(NAME, good, "")
        hold.check(documents, "cam-1", "harden")
        documents.write(NAME, {**good, **change}, version)
        with pytest.raises(OnHold, match="another shape"):
            hold.check(documents, "cam-1", "harden")


def test_what_cannot_be_written_is_no_hold(documents: MemoryDocuments) -> None:
    documents.refusal = StateError("there is no vault password.")
    with pytest.raises(StateError, match="no vault password"):
        hold.put(documents, "cam-1", "intrusion", "Sato")
    assert not hold.state(documents, "cam-1").on


def test_in_real_files(tmp_path: Path) -> None:
    """Without the right vault password the device stays on hold; the document of another device is no release."""

    def files(password: bytes | None) -> VaultFiles:
        vault = VaultLib([("default", VaultSecret(password))] if password else [])
        return VaultFiles(str(tmp_path / "secrets"), "plant", vault)

    ours = files(b"seventeen-grey-herons-read-the-tide-tables")
    hold.put(ours, "cam-1", "intrusion", "Sato")
    hold.put(ours, "cam-2", "intrusion", "Sato")
    hold.release(ours, "cam-2", "over", "Sato")
    with pytest.raises(OnHold, match="on hold by Sato"):
        hold.check(ours, "cam-1", "harden")
    for other in (files(None), files(b"twelve-blue-lanterns-under-the-old-stone-bridge")):
        with pytest.raises(OnHold, match="cannot be read"):
            hold.check(other, "cam-1", "harden")
        hold.check(other, "cam-3", "harden")
    Path(ours.where(NAME)).write_bytes(Path(ours.where(("hold", "cam-2"))).read_bytes())
    with pytest.raises(OnHold, match="copied or renamed"):
        hold.check(ours, "cam-1", "harden")


def test_replacing_an_unreadable_one_never_frees_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = VaultLib([("default", VaultSecret(b"seventeen-grey-herons-read-the-tide-tables"))])
    ours = VaultFiles(str(tmp_path / "secrets"), "plant", vault)
    hold.put(ours, "cam-1", "intrusion", "Sato")
    Path(ours.where(NAME)).write_bytes(b"$ANSIBLE_VAULT;1.1;AES256\n00\n")

    def full(*_given: Any) -> None:
        with pytest.raises(OnHold):  # another process looks at this very moment
            hold.check(ours, "cam-1", "harden")
        raise StateError("the disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(documents_module, "_replace", full)
        with pytest.raises(StateError, match="disk is full"):
            hold.put(ours, "cam-1", "lost document", "Ito")
    assert hold.state(ours, "cam-1").on
    hold.put(ours, "cam-1", "lost document", "Ito")
    with pytest.raises(OnHold, match="on hold by Ito"):
        hold.check(ours, "cam-1", "harden")

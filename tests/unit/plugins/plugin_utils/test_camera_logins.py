# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""New camera logins wait for their recorder in its own document, until it has taken them or a person has."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from memory_documents import MemoryDocuments

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Driver
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import StateError, Unreachable
from ansible_collections.nwcs.hardening.plugins.plugin_utils import camera_logins
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import open_documents
from ansible_collections.nwcs.hardening.plugins.plugin_utils.secret_store import SecretStore

ONE, TWO = "cameras.192.0.2.11/nvr", "cameras.192.0.2.12/nvr"


@pytest.fixture
def documents() -> MemoryDocuments:
    made = MemoryDocuments()
    camera_logins.leave(made, "nvr-1", "cam-1", "192.0.2.11", "nvr", "New-Login-11")
    camera_logins.leave(made, "nvr-1", "cam-2", "192.0.2.12", "nvr", "New-Login-12")
    return made


def told_by(answers: dict[tuple[str, str], str], seen: list[Any], sees: bool = True, clear_text: bool = False) -> Any:
    """A recorder that answers with `why` to (address, user name); "" is done."""

    def send(cameras: list[dict[str, Any]]) -> dict[str, Any]:
        seen.extend(cameras)
        said = [answers[(camera["address"], camera["username"])] for camera in cameras]
        return {"told": [{"done": not why, "seen": sees, "why": why} for why in said], "clear_text": clear_text}

    return send


def test_what_the_recorder_took_becomes_current_and_is_not_told_again(documents: MemoryDocuments) -> None:
    seen: list[Any] = []
    send = told_by({("192.0.2.11", "nvr"): "", ("192.0.2.12", "nvr"): "it has no camera at this address"}, seen)
    found, notes = camera_logins.tell(SecretStore(documents, "nvr-1"), send, "nvr-1", False)
    assert notes == ["The recorder was given the new logins of 1 cameras."]
    assert {camera["password"] for camera in seen} == {"New-Login-11", "New-Login-12"}
    assert [(f["args"]["camera"], f["args"]["secret"]) for f in found] == [("cam-2", TWO)]
    assert "no camera" in found[0]["args"]["why"] and "New-Login" not in str(found)
    store = SecretStore(documents, "nvr-1")
    assert store.value(ONE) == "New-Login-11" and list(camera_logins.waiting(store)) == [TWO]
    camera_logins.leave(documents, "nvr-1", "cam-1", "192.0.2.11", "nvr", "New-Login-11")
    assert list(camera_logins.waiting(SecretStore(documents, "nvr-1"))) == [TWO], "it has that one"
    camera_logins.leave(documents, "nvr-1", "cam-1", "192.0.2.11", "nvr", "Newer-Login-11")
    assert list(camera_logins.waiting(SecretStore(documents, "nvr-1"))) == [ONE, TWO]


def test_a_recorder_that_cannot_be_told_has_the_list_until_a_person_says_so(documents: MemoryDocuments) -> None:
    store = SecretStore(documents, "nvr-1")
    found, notes = camera_logins.tell(store, None, "nvr-1", False)
    assert notes == [] and [f["kind"] for f in found] == ["recorder_login_waits"] * 2
    assert camera_logins.tell(SecretStore(documents, "nvr-1"), None, "nvr-1", True) == ([], [])
    assert camera_logins.waiting(SecretStore(documents, "nvr-1")) == {}


def test_a_bad_way_leaves_everything_waiting(documents: MemoryDocuments) -> None:
    def send(_cameras: Any) -> Any:
        raise Unreachable("nvr-1: no answer")

    found, notes = camera_logins.tell(SecretStore(documents, "nvr-1"), send, "nvr-1", False)
    assert notes == [] and {f["args"]["why"] for f in found} == {"nvr-1: no answer"}
    assert len(camera_logins.waiting(SecretStore(documents, "nvr-1"))) == 2


def test_what_nobody_could_see_and_what_travelled_in_clear_is_told(documents: MemoryDocuments) -> None:
    send = told_by({("192.0.2.11", "nvr"): "", ("192.0.2.12", "nvr"): ""}, [], sees=False, clear_text=True)
    found, notes = camera_logins.tell(SecretStore(documents, "nvr-1"), send, "nvr-1", False)
    assert found == [] and any("Nobody could see" in note and "cam-1, cam-2" in note for note in notes), notes
    assert any("travelled over plain HTTP" in note for note in notes) and "New-Login" not in str(notes)


def test_many_cameras_at_the_same_moment_lose_none(tmp_path: Path) -> None:
    vault = VaultLib([("default", VaultSecret(b"k7Qz-mP2x-Lw9v-Rt4b"))])
    failed: list[StateError] = []

    def leave(number: int) -> None:
        place = open_documents(str(tmp_path), "plant", vault, None)
        try:
            camera_logins.leave(place, "nvr-1", f"cam-{number}", f"192.0.2.{number}", "nvr", f"Login-{number}")
        except StateError as error:
            failed.append(error)

    threads = [threading.Thread(target=leave, args=(number,)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = SecretStore(open_documents(str(tmp_path), "plant", vault, None), "nvr-1")
    assert failed == [] and len(camera_logins.waiting(store)) == 6


def test_only_a_driver_with_the_verb_can_be_told() -> None:
    class Able(Driver):
        def tell_camera_login(self, ctx: Any, address: str, username: str, password: str, port: int = 0) -> list[str]:
            return []

    assert camera_logins.can_be_told(Able()) and not camera_logins.can_be_told(Driver())

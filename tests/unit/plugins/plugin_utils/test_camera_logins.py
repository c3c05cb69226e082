# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""New camera logins wait for their recorder in its own document, until it has taken them or a person has."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from memory_documents import MemoryDocuments

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Driver
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import StateError, Unreachable
from ansible_collections.nwcs.hardening.plugins.plugin_utils import camera_logins
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import open_documents
from ansible_collections.nwcs.hardening.plugins.plugin_utils.new_passwords import NewPasswords
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


def test_of_a_camera_one_login_waits_and_the_newest_is_it(documents: MemoryDocuments) -> None:
    for account, password in (("new-nvr", "Renamed-11"), ("nvr", "Back-Again-11"), ("new-nvr", "Renamed-11b")):
        camera_logins.leave(documents, "nvr-1", "cam-1", "192.0.2.11", account, password)
        waits = camera_logins.waiting(SecretStore(documents, "nvr-1"))
        assert list(waits) == [f"cameras.192.0.2.11/{account}", TWO]
        assert waits[f"cameras.192.0.2.11/{account}"]["password"] == password
    camera_logins.leave(documents, "nvr-1", "cam-1", "192.0.2.111", "nvr", "Moved-11")
    assert list(camera_logins.waiting(SecretStore(documents, "nvr-1"))) == ["cameras.192.0.2.111/nvr", TWO]
    camera_logins.leave(documents, "nvr-1", "cam-0", "192.0.2.111", "nvr", "Renamed-Camera-11")
    assert len(camera_logins.waiting(SecretStore(documents, "nvr-1"))) == 2


def test_two_that_wait_for_one_camera_are_never_both_told(documents: MemoryDocuments) -> None:
    """As a run leaves it that was cut off before the older one was dropped."""
    late = MemoryDocuments()
    store = SecretStore(late, "nvr-1")
    store.prepare({"cameras.192.0.2.11/new-nvr": "Newest-11", ONE: "Old-11"}, "login at cam-1", sent=False)
    content, version = late.read(store.name)
    assert content is not None
    content["secrets"][ONE]["pending"]["at"] = "2020-01-01T00:00:00Z"
    late.write(store.name, content, version)
    seen: list[Any] = []
    found, notes = camera_logins.tell(
        SecretStore(late, "nvr-1"), told_by({("192.0.2.11", "new-nvr"): ""}, seen), "nvr-1", False
    )
    assert [camera["password"] for camera in seen] == ["Newest-11"] and found == [] and "1 cameras" in notes[0]
    store = SecretStore(late, "nvr-1")
    assert camera_logins.waiting(store) == {} and store.value(ONE) is None and store.value(ONE, "pending") is None


def test_a_login_that_the_recorder_had_before_another_is_told_again(documents: MemoryDocuments) -> None:
    every = told_by({(row, user): "" for row in ("192.0.2.11", "192.0.2.12") for user in ("nvr", "new-nvr")}, [])
    for account, password in (("nvr", "New-Login-11"), ("new-nvr", "Renamed-11"), ("nvr", "New-Login-11")):
        camera_logins.leave(documents, "nvr-1", "cam-1", "192.0.2.11", account, password)
        assert f"cameras.192.0.2.11/{account}" in camera_logins.waiting(SecretStore(documents, "nvr-1")), account
        found, notes = camera_logins.tell(SecretStore(documents, "nvr-1"), every, "nvr-1", False)
        assert found == [] and notes and camera_logins.waiting(SecretStore(documents, "nvr-1")) == {}


def test_what_a_camera_leaves_while_the_recorder_is_told_still_waits(documents: MemoryDocuments) -> None:
    told = told_by({("192.0.2.11", "nvr"): "", ("192.0.2.12", "nvr"): ""}, [])

    def send(cameras: list[dict[str, Any]]) -> dict[str, Any]:
        camera_logins.leave(documents, "nvr-1", "cam-1", "192.0.2.11", "nvr", "Newer-Login-11")
        return told(cameras)

    camera_logins.tell(SecretStore(documents, "nvr-1"), send, "nvr-1", False)
    store = SecretStore(documents, "nvr-1")
    assert store.value(ONE) == "New-Login-11" and camera_logins.waiting(store)[ONE]["password"] == "Newer-Login-11"


@pytest.mark.parametrize("address", ["192.0.2.20", "2001:db8::20", "cam.example"])
def test_cameras_behind_one_address_have_a_login_each(address: str) -> None:
    place = MemoryDocuments()
    for port in (0, 8001, 8002):
        camera_logins.leave(place, "nvr-1", f"cam-{port}", address, "nvr", f"Login-{port}", port)
    rows = camera_logins.waiting(SecretStore(place, "nvr-1")).values()
    assert {(row["camera"], row["address"], row["port"], row["password"]) for row in rows} == {
        (f"cam-{port}", address, port, f"Login-{port}") for port in (0, 8001, 8002)
    }


@pytest.mark.parametrize(("named", "known", "changed", "left", "by_hand"), [
    pytest.param("nvr", ["nvr"], "nvr", "nvr", [], id="plain"),
    pytest.param("nvr@onvif", ["nvr@onvif"], "nvr@onvif", "nvr", [], id="its realm is no part of the name"),
    pytest.param("nvr", ["nvr@onvif"], "nvr@onvif", "nvr", [], id="the only one of that name"),
    pytest.param("nvr", ["nvr", "nvr@onvif"], "nvr", "nvr", [], id="named exactly"),
    pytest.param("nvr", ["nvr", "nvr@onvif"], "nvr@onvif", None, ["nvr@onvif"], id="perhaps it is the other one"),
    pytest.param("nvr@onvif", ["nvr", "nvr@onvif"], "nvr", None, [], id="certainly the other one"),
    pytest.param("nvr@site", ["nvr@site"], "nvr@site", "nvr@site", [], id="no family: part of the name"),
    pytest.param("nvr", ["nvr@site"], "nvr@site", None, [], id="another name"),
])  # fmt: skip
def test_a_recorder_is_told_the_bare_name(
    named: str, known: list[str], changed: str, left: str | None, by_hand: list[str]
) -> None:
    """Accounts of another API carry its family here; the camera, and so its recorder, knows the name alone."""
    place = MemoryDocuments()
    store = SecretStore(place, "cam-1")
    store.prepare({f"accounts.{name}": f"Password-of-{name}" for name in known}, "test")
    store.promote([f"accounts.{name}" for name in known])
    options = {"recorder_account": named, "recorders": ["nvr-1"], "in_inventory": ["nvr-1"], "tellable": ["nvr-1"]}
    device = SimpleNamespace(options=options, apis={"onvif": {}}, passwords={}, name="cam-1", host="192.0.2.11",
                             spec={"ways": [{"scheme": "https", "port": 8443}]})  # fmt: skip
    run: Any = SimpleNamespace(device=device, store=store, documents=place, result={"notes": [], "findings": []})
    run._known_secret = lambda name: NewPasswords._known_secret(run, name)
    NewPasswords._tell_recorders(run, {}, [f"accounts.{changed}"])
    NewPasswords._leave_for_recorders(run, [f"accounts.{changed}"])
    rows = list(camera_logins.waiting(SecretStore(place, "nvr-1")).values())
    assert [(row["username"], row["password"], row["port"]) for row in rows] == (
        [(left, f"Password-of-{changed}", 8443)] if left else []
    )
    assert [found["args"]["item"] for found in run.result["findings"]] == by_hand and run.result["notes"] == []


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

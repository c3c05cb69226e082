# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A device on hold, from the command line: what is refused and why, what goes on, and who may end it.

Also what was kept for later (holds, undo sets) and was touched meanwhile: altered, taken from another device, a link.
"""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from e2e_box import Run, Workplace, device_login, every_secret

from ansible_collections.nwcs.hardening.lab.testing import running_lab

pytestmark = pytest.mark.long

FACTORY = "Planted-Factory-6140"
WHY = "break-in seen in the log"
HELD = ("cam", "router")
REFUSED = {"harden": (), "rotate_passwords": (), "undo": (), "record": ("-e", "nwcs_accept=true"),
           "restart": ("-e", "nwcs_restart=true")}  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, module_loopback_network: str) -> Iterator[SimpleNamespace]:
    place = Workplace(tmp_path_factory.mktemp("hold"))
    admin = {"Username": "admin", "Password": FACTORY, "UserLevel": "Administrator", "fixed": True}
    root = {"passwords": {"root": FACTORY}}
    devices = [{"name": "cam", "model": "onvif-complete", "overrides": {"users": [admin]}},
               {"name": "cam-2", "model": "onvif-complete", "overrides": {"users": [admin]}},
               {"name": "router", "model": "openwrt-full-acl", "overrides": root}]  # fmt: skip
    with running_lab(devices, network=module_loopback_network) as lab:
        hosts = {
            name: device_login(lab.device(name).address, nwcs_password=FACTORY, nwcs_seen_as=["127.0.0.1"])
            for name in ("cam", "cam-2", "router")
        }
        hosts["router"] |= {"nwcs_family": "openwrt", "nwcs_username": "root"}
        place.write_inventory(hosts, nwcs_tls_verify=str(lab.ca))
        seen = SimpleNamespace(place=place, lab=lab, runs={})
        runs = seen.runs
        runs["first"] = place.play("harden")
        first = runs["first"].result["run_id"]
        on = ("-l", "cam,router", "-e", json.dumps({"nwcs_hold": WHY, "nwcs_by": "A. Watch"}))
        runs["no reason"] = place.play("hold", "-l", "cam", "-e", json.dumps({"nwcs_by": "A. Watch"}))
        runs["checked"] = place.play("hold", "--check", *on)
        runs["not yet"] = place.play("record", "-l", "cam", "-e", "nwcs_accept=true")
        runs["hold"] = place.play("hold", *on)
        writes = {name: len(lab.writes(name)) for name in hosts}
        requests = {name: len(lab.log(name)) for name in HELD}
        for name, arguments in REFUSED.items():
            playbook = {"restart": "harden"}.get(name, name)
            more = ("-e", f"run={first}") if name == "undo" else ()
            runs[name] = place.play(playbook, "-l", "cam,router", *arguments, *more)
        seen.asked = {name: len(lab.log(name)) - requests[name] for name in HELD}
        runs["japanese"] = place.play("harden", "-l", "cam", "-e", "nwcs_language=ja")
        runs["dry"] = place.play("harden", "--check", "-l", "cam")
        runs["reading"] = place.play("record", "-l", "cam,router")
        runs["drift"] = place.play("drift", "-l", "cam,router")
        runs["second"] = place.play(
            "hold", "-l", "cam", "-e", json.dumps({"nwcs_hold": "again", "nwcs_by": "B. Other"})
        )
        runs["no name"] = place.play("hold", "-l", "cam", "-e", json.dumps({"nwcs_release": "over", "nwcs_by": " "}))
        seen.written = {name: len(lab.writes(name)) - writes[name] for name in HELD}
        over = json.dumps({"nwcs_release": "cleaned", "nwcs_by": "C. Chief"})
        runs["release"] = place.play("hold", "-l", "cam,router", "-e", over)
        runs["again"] = place.play("rotate_passwords", "-l", "cam,router")
        _touch(seen, first)
        yield seen


def _touch(seen: SimpleNamespace, first: str) -> None:
    """Documents that were altered, belong to another device, or are links; each is put right again afterwards."""
    place, runs = seen.place, seen.runs
    undo = {name: _one(place, "undo", name, first) for name in ("cam", "cam-2")}
    seen.undo_set = undo["cam"]
    kept = undo["cam"].read_bytes()
    seen.mode = stat.S_IMODE(undo["cam"].stat().st_mode), stat.S_IMODE(undo["cam"].parent.stat().st_mode)
    arguments = ("-l", "cam", "-e", f"run={first}")
    lines = kept.splitlines()
    lines[3] = lines[3][:10] + (b"0" if lines[3][10:11] != b"0" else b"1") + lines[3][11:]
    undo["cam"].write_bytes(b"\n".join(lines) + b"\n")
    runs["altered"] = place.play("undo", *arguments)
    undo["cam"].write_bytes(undo["cam-2"].read_bytes())
    runs["foreign"] = place.play("undo", *arguments)
    undo["cam"].unlink()
    aside = place.folder / "aside.yml"
    aside.write_bytes(kept)
    aside.chmod(0o600)
    undo["cam"].symlink_to(aside)
    runs["linked"] = place.play("undo", *arguments)
    undo["cam"].unlink()
    undo["cam"].write_bytes(kept)
    undo["cam"].chmod(0o600)
    hold = _one(place, "hold", "cam")
    shutil.copy(hold, aside)
    hold.write_bytes(hold.read_bytes()[:-40] + b"\n")
    runs["hold altered"] = place.play("harden", "-l", "cam")
    os.replace(aside, hold)
    runs["whole"] = place.play("undo", *arguments, "-e", "nwcs_weaker=true")


def _one(place: Workplace, kind: str, *words: str) -> Path:
    """The one file of a kind whose path holds these names."""
    found = [path for path in (place.work / "secrets").rglob("*.yml") if f"/.{kind}" in str(path)]
    found = [path for path in found if all(_holds(path, word) for word in words)]
    assert len(found) == 1, (kind, words, found)
    return found[0]


def _holds(path: Path, word: str) -> bool:
    return any(part.removesuffix(".vault.yml") == word for part in path.parts)


def refused(run: Run, name: str) -> dict[str, str]:
    error = run.device(name)["error"]
    assert error is not None, run.said()
    return error


@pytest.mark.parametrize("device", HELD)
@pytest.mark.parametrize("what", REFUSED)
def test_what_changes_is_refused_with_who_why_and_since(told: SimpleNamespace, what: str, device: str) -> None:
    run = told.runs[what]
    error = refused(run, device)
    assert error["code"] == "on_hold", error
    for word in ("A. Watch", WHY, "since 20", device):
        assert word in error["message"], error
    assert "nwcs_release" in error["advice"] and run.code != 0
    assert run.device(device)["status"] == "not_checked" and run.result["exit_code"] == 3
    assert WHY in run.out


def test_nothing_was_sent_for_it(told: SimpleNamespace) -> None:
    # An accept reads the device before it is refused; nothing else contacts it.
    assert told.written == dict.fromkeys(HELD, 0)


def test_reading_goes_on(told: SimpleNamespace) -> None:
    for name in ("reading", "drift", "dry"):
        for device in told.runs[name].result["devices"]:
            assert device["error"] is None, told.runs[name].said()


def test_reason_and_name_are_asked_for_and_check_mode_holds_nothing(told: SimpleNamespace) -> None:
    for name, variable in (("no reason", "nwcs_hold"), ("no name", "nwcs_by")):
        error = refused(told.runs[name], "cam")
        assert error["code"] == "input" and variable in error["message"] + error["advice"], error
        assert told.runs[name].code != 0
    assert told.runs["checked"].code == 0, told.runs["checked"].said()
    assert told.runs["not yet"].device("cam")["error"] is None
    assert told.runs["hold"].code == 0 and "on hold" in told.runs["hold"].out


def test_a_second_hold_leaves_the_first_in_force(told: SimpleNamespace) -> None:
    notes = " ".join(told.runs["second"].device("cam")["notes"])
    assert "already" in notes and "A. Watch" in notes and WHY in notes


def test_a_release_by_name_ends_it(told: SimpleNamespace) -> None:
    for device in HELD:
        notes = " ".join(told.runs["release"].device(device)["notes"])
        assert "released by C. Chief" in notes and "cleaned" in notes and WHY in notes
        assert told.runs["again"].device(device)["status"] == "changed", told.runs["again"].said()
    assert told.runs["release"].code == 0


def test_japanese_says_it_in_japanese(told: SimpleNamespace) -> None:
    run = told.runs["japanese"]
    assert run.device("cam")["error"]["code"] == "on_hold"
    assert "機器は保全中です" in run.out + (run.folder / "report.html").read_text(encoding="utf-8"), run.out[-3000:]


@pytest.mark.parametrize(
    ("what", "words"),
    [("altered", ("cam",)), ("foreign", ("cam",)), ("linked", ("symbolic link",)), ("hold altered", ("cam", "hold"))],
)
def test_a_document_that_was_touched_is_refused(told: SimpleNamespace, what: str, words: tuple[str, ...]) -> None:
    run = told.runs[what]
    error = refused(run, "cam")
    assert error["code"] in ("state", "on_hold"), error
    for word in words:
        assert word in error["message"], error
    assert "the toolkit itself failed" not in error["message"] and "Traceback" not in run.out + run.err
    assert error["advice"] and run.code != 0
    assert run.device("cam")["writes"] == 0


def test_the_undo_set_is_private_and_works_when_it_is_whole(told: SimpleNamespace) -> None:
    assert told.mode == (0o600, 0o700)
    done = told.runs["whole"]
    assert done.device("cam")["error"] is None, done.said()
    assert done.device("cam")["writes"] > 0


def test_no_secret_in_anything_that_was_shown_or_written(told: SimpleNamespace) -> None:
    secrets = {FACTORY, *every_secret(told.place.secrets())}
    shown = "".join(run.out + run.err for run in told.runs.values())
    files = {path: path.read_bytes() for path in told.place.files()}
    for secret in secrets:
        assert secret not in shown
        assert not [path for path, content in files.items() if secret.encode() in content]

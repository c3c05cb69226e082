# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""New passwords are proven and kept private, a hold stops everything, and an undo leaves the devices as delivered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BUILD = ROOT / "build" / "molecule"
SITE = BUILD / "change"
DEVICES = ("cam-poor", "nvr-1")
PASSWORD = 'accounts."admin".password'


def devices(host, name):
    """The devices of a kept result, by name."""
    content = json.loads(host.file(str(SITE / name)).content_string)
    found = {device["host"]: device for device in content["devices"]}
    assert set(found) == set(DEVICES)
    return found


def outcomes(device):
    return {line["key"]: line for line in device["outcomes"]}


@pytest.fixture
def lab(host):
    """What the simulated devices say of themselves, by name."""
    told = host.check_output(f"nwcs-lab status --json --dir '{BUILD}/lab'")
    return {device["name"]: device for device in json.loads(told)["devices"]}


@pytest.fixture
def secrets(host):
    """The passwords in force, shown with a reason."""
    options = f"-i '{ROOT}/molecule/inventory' --vault-password-file '{BUILD}/vault-password' --site change"
    return [
        host.check_output(f"nwcs-secrets show {name} admin --reason 'a test' --pipe {options}") for name in DEVICES
    ]


def test_every_password_was_replaced_and_proven(host):
    for name, device in devices(host, "rotate.json").items():
        assert outcomes(device)[PASSWORD]["outcome"] == "changed", name
        assert outcomes(device)[PASSWORD]["bits"] > 64


def test_the_same_rotation_sends_nothing_more(host):
    for name, device in devices(host, "again.json").items():
        assert outcomes(device)[PASSWORD]["outcome"] == "ok", name
        assert device["writes"] == 0


def test_on_hold_nothing_was_sent_and_who_holds_it_was_said(host):
    for device in devices(host, "held.json").values():
        assert device["error"]["code"] == "on_hold"
        assert "Sato" in device["error"]["message"] and "an unknown account" in device["error"]["message"]
        assert (device["requests"], device["writes"]) == (0, 0)


def test_the_undo_brought_back_what_harden_changed(host, lab):
    hardened = devices(host, "harden.json")
    undone = devices(host, "reports/latest/result.json")
    for name in DEVICES:
        assert undone[name]["error"] is None
        then, now = outcomes(hardened[name]), outcomes(undone[name])
        changed = {key for key, line in then.items() if line["outcome"] == "changed" and key != PASSWORD}
        assert {"time.sync", "time.zone"} <= changed
        assert {now[key]["outcome"] for key in changed} == {"changed"}
        for key in changed:
            assert now[key]["read"] == then[key]["old"], key
        assert now[PASSWORD]["outcome"] == "ok"  # it stays ours
    sockets = {tuple(socket) for socket in lab["nvr-1"]["sockets"]}
    assert ("http", 8080) in sockets
    assert ("https", 8443) not in sockets
    assert ("discovery", 3702) in sockets


def test_all_files_are_private_and_the_store_is_encrypted(host):
    assert host.check_output(f"find '{SITE}' -type f ! -perm 600") == ""
    folders = f"'{SITE}'/secrets '{SITE}'/state '{SITE}'/reports '{SITE}'/parameter_sheets"
    assert host.check_output(f"find {folders} -type d ! -perm 700") == ""
    documents = host.check_output(f"find '{SITE}/secrets' -name '*.yml'").split()
    kinds = {Path(path).relative_to(SITE / "secrets" / "change").parts[0] for path in documents}
    assert {".undo", ".hold", *(f"{name}.vault.yml" for name in DEVICES)} <= kinds
    for path in documents:
        assert host.file(path).content_string.startswith("$ANSIBLE_VAULT"), path
    assert not [path for path in documents if "/.leases/" in path]  # every run has given its devices back


def test_no_password_stands_anywhere_in_clear(host, secrets):
    assert len(set(secrets)) == len(DEVICES)
    for password in secrets:
        assert len(password) >= 12
        assert host.run(f"grep -rqF -e '{password}' '{SITE}'").rc == 1
    audit = host.file(str(SITE / "state" / "secrets-audit.jsonl"))
    assert audit.mode == 0o600
    assert audit.contains("a test")

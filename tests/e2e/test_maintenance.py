# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before and after a maintenance, with something changed in between; the new login tried without the toolkit.

All runs are verbose, and what they leave (snapshots, findings of an attack) is searched for planted secrets as well.
"""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
import requests
from e2e_box import ROOT, Run, Workplace, device_login, every_secret
from test_secrets import NOBODY, Tap, forms

from ansible_collections.nwcs.hardening.lab.testing import RunningLab, running_lab

pytestmark = pytest.mark.slow

FACTORY = "Planted-Factory-2264"
VAULT = "Planted-k7Qz-mP2x-Lw9v-6613"
GET_USERS = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    '<GetUsers xmlns="http://www.onvif.org/ver10/device/wsdl"/></s:Body></s:Envelope>'
)
JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, module_loopback_network: str) -> Iterator[SimpleNamespace]:
    place = Workplace(tmp_path_factory.mktemp("maintenance"))
    place.vault_file.write_text(f"{VAULT}\n")
    users = [{"Username": "admin", "Password": FACTORY, "UserLevel": "Administrator", "fixed": True}]
    closed = {"telnet": False, "ftp": False}  # nothing is left that no API can close
    devices: list[dict[str, Any]] = [
        {"name": "cam", "host": 11, "model": "onvif-complete", "overrides": {"users": users, "extra_services": closed}},
        {"name": "router", "host": 1, "model": "openwrt-factory"},
    ]
    with running_lab(site={"name": "maintenance", "devices": devices}, network=module_loopback_network) as lab:
        tap = Tap()
        for device in lab.devices:
            tap.put_on(device)
        router = {"nwcs_family": "openwrt", "nwcs_username": "root", "nwcs_password": ""}
        hosts = {
            "cam": device_login(lab.device("cam").address, nwcs_password=FACTORY),
            "router": device_login(lab.device("router").address, **router),
        }
        place.write_inventory(hosts, nwcs_tls_verify=str(lab.ca), nwcs_profiles=["d"])
        told = SimpleNamespace(place=place, lab=lab, runs={})

        def play(name: str, *arguments: str) -> None:
            told.runs[name] = place.play(*arguments, "-vvv")

        play("too_soon", "maintenance_after")
        play("harden", "harden")
        told.wrong_logins = {d.name: [e for e in lab.log(d.name) if e.login in ("refused", "locked")] for d in
                             lab.devices}  # fmt: skip
        told.logins = _logins(lab, place)
        play("single", "drift", "--limit", "cam")
        play("before", "maintenance_before", "-e", "nwcs_snapshot=switch swap")
        told.left = [path.name for path in place.files() if "snapshot" in path.name]
        play("nothing", "maintenance_after", "-e", "nwcs_snapshot=switch swap")
        told.writes_before = sum(len(lab.writes(device.name)) for device in lab.devices)
        lab.attack("cam", "new-account")
        lab.attack("router", "port-forward")
        play("after", "maintenance_after", "-e", "nwcs_snapshot=switch swap")
        play("other", "maintenance_after", "-e", "nwcs_snapshot=misspelt")
        play("japanese", "maintenance_after", "-e", "nwcs_snapshot=switch swap", "-e", "nwcs_language=ja")
        play("drift", "drift")
        told.writes = sum(len(lab.writes(device.name)) for device in lab.devices)
        told.passwords = {FACTORY, VAULT} | every_secret(place.secrets())
        told.wire = {text for text in tap.heard if text != NOBODY}
        yield told


def _logins(lab: RunningLab, place: Workplace) -> dict[str, bool]:
    """Who gets in, asked by a client that knows nothing of the toolkit."""
    cam, router = lab.device("cam"), lab.device("router")

    def camera(password: str) -> bool:
        url = f"https://{cam.address}:8443/onvif/device_service"
        auth = requests.auth.HTTPDigestAuth("admin", password)
        kind = {"Content-Type": "application/soap+xml"}
        answer = requests.post(url, GET_USERS, headers=kind, auth=auth, verify=str(lab.ca), timeout=10)
        return answer.status_code == 200 and "<tt:Username>admin<" in answer.text

    def openwrt(password: str) -> bool:
        call = [NOBODY, "session", "login", {"username": "root", "password": password}]
        body = {"jsonrpc": "2.0", "id": 1, "method": "call", "params": call}
        way = f"https://{router.address}:{router.ports['https']}/ubus"
        return requests.post(way, json=body, verify=str(lab.ca), timeout=10).json()["result"][0] == 0

    return {
        "camera, ours": camera(place.password("cam")),
        "camera, factory": camera(FACTORY),
        "router, ours": openwrt(place.password("router", "root")),
        "router, factory": openwrt(""),
    }


def _findings(run: Run, name: str) -> dict[str, dict[str, Any]]:
    """By kind, without what this router never lets anybody read: that is told each time, and is no change."""
    found = [f for f in run.device(name)["findings"] if f["explained"] is None]
    return {f["kind"]: f for f in found if f["kind"] != "still_not_readable"}


# -- hardened ----------------------------------------------------------------------------------------------------------
def test_our_password_opens_and_the_factory_s_does_not(played: SimpleNamespace) -> None:
    assert played.logins == {
        "camera, ours": True,
        "camera, factory": False,
        "router, ours": True,
        "router, factory": False,
    }


@pytest.mark.parametrize("name", ["cam", "router"])
def test_the_old_password_was_tried_exactly_once(played: SimpleNamespace, name: str) -> None:
    assert len(played.wrong_logins[name]) == 1


def test_a_single_clean_device_ends_with_zero(played: SimpleNamespace) -> None:
    run = played.runs["single"]
    assert run.code == 0, run.said()
    assert run.result["exit_code"] == 0
    assert [device["host"] for device in run.result["devices"]] == ["cam"]
    assert run.device("cam")["findings"] == []


# -- maintenance -------------------------------------------------------------------------------------------------------
def test_without_a_snapshot_it_says_what_to_do(played: SimpleNamespace) -> None:
    for job, name in (("too_soon", "maintenance"), ("other", "misspelt")):
        run = played.runs[job]
        for host in ("cam", "router"):
            error = run.device(host)["error"]
            assert error["code"] == "state"
            assert error["message"] == f"{host}: there is no snapshot '{name}' from before the maintenance."
            assert "maintenance_before" in error["advice"]
            assert run.device(host)["status"] == "not_checked"
        assert run.code != 0


def test_the_snapshot_is_kept_below_the_state_folder(played: SimpleNamespace) -> None:
    assert len(played.left) == 2
    assert played.runs["before"].code == 0, played.runs["before"].said()
    assert all("/" not in name and ".." not in name for name in played.left)


def test_nothing_changed_is_nothing_found(played: SimpleNamespace) -> None:
    run = played.runs["nothing"]
    assert {name: _findings(run, name) for name in ("cam", "router")} == {"cam": {}, "router": {}}
    assert run.device("cam")["status"] == "ok"
    assert run.device("router")["status"] == "not_checked"  # its SSH keys cannot be read: never called clean
    assert run.result["exit_code"] == 3


def test_what_changed_meanwhile_is_told_with_where_it_was_compared(played: SimpleNamespace) -> None:
    run = played.runs["after"]
    camera, router = _findings(run, "cam"), _findings(run, "router")
    assert set(camera) == {"account_appeared"}
    assert camera["account_appeared"]["key"] == 'accounts."support".role'
    assert set(router) <= {"member_appeared", "document_changed"}
    assert router["member_appeared"]["key"] == "nat.forwards"
    assert camera["account_appeared"]["args"]["since"] == "maintenance_before"
    # The same change is told once, although it differs from the snapshot and from the sheet.
    whole = [(f["kind"], f["key"], json.dumps(f["new"])) for f in run.device("cam")["findings"]]
    assert len(whole) == len(set(whole))
    assert run.result["exit_code"] == 4
    assert run.code != 0
    assert "account `support` appeared" in run.out


def test_the_drift_check_finds_the_same(played: SimpleNamespace) -> None:
    for name in ("cam", "router"):
        after, drift = _findings(played.runs["after"], name), _findings(played.runs["drift"], name)
        assert {(kind, f["key"]) for kind, f in after.items()} == {(kind, f["key"]) for kind, f in drift.items()}


def test_maintenance_and_drift_write_nothing(played: SimpleNamespace) -> None:
    assert played.writes == played.writes_before
    for job in ("single", "before", "nothing", "after", "japanese", "drift"):
        assert all(device["writes"] == 0 for device in played.runs[job].result["devices"]), job


def test_japanese_runs_speak_japanese(played: SimpleNamespace) -> None:
    run = played.runs["japanese"]
    page = (run.folder / "report.html").read_text()
    assert '<html lang="ja"' in page
    assert "「support」" in page
    assert run.result["language"] == "ja"
    table = run.out.partition("SIMULATED")[2]
    about = [line for line in table.splitlines() if "support" in line and "{" not in line and ":" not in line[:12]]
    assert about
    assert all(JAPANESE.search(line) for line in about), about
    assert not JAPANESE.search(played.runs["after"].out)  # and English ones English


def test_all_results_fit_the_schema(played: SimpleNamespace) -> None:
    schema = json.loads((ROOT / "docs" / "result.schema.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    for name, run in played.runs.items():
        assert [error.message for error in validator.iter_errors(run.result)] == [], name


# -- secrets -----------------------------------------------------------------------------------------------------------
def _leaks(told: SimpleNamespace, text: str) -> set[str]:
    found = {form for password in told.passwords for form, secret in forms(password).items() if secret in text}
    return found | {f"on the wire: {secret[:4]}…" for secret in told.wire if secret in text}


def test_the_search_would_find_something(played: SimpleNamespace) -> None:
    assert len(played.passwords) >= 4
    assert any(re.fullmatch("[0-9a-f]{32}", text) for text in played.wire)
    for secret in (*played.passwords, *list(played.wire)[:3]):
        assert _leaks(played, json.dumps({"note": f"<{secret}>"}))


def test_no_secret_after_an_attack_or_in_a_snapshot(played: SimpleNamespace) -> None:
    for name, run in played.runs.items():
        assert len(run.out) > 3000, name  # it was a verbose run
        assert _leaks(played, run.out + run.err) == set(), name
    snapshots = 0
    for path in played.place.files():
        assert _leaks(played, path.read_text(errors="replace")) == set(), path
        snapshots += path.name in played.left
    assert snapshots == 2


def test_no_secret_in_what_the_lab_keeps(played: SimpleNamespace) -> None:
    for device in played.lab.devices:
        kept = "\n".join(map(repr, played.lab.log(device.name)))
        assert "GetUsers" in kept or "session.login" in kept
        assert _leaks(played, kept) == set()


def test_the_folders_of_private_things_are_private(played: SimpleNamespace) -> None:
    for name in ("secrets", "state", "reports"):
        folders = [path for path in (played.place.work / name).rglob("*") if path.is_dir() and not path.is_symlink()]
        for folder in (played.place.work / name, *folders):
            assert folder.stat().st_mode & 0o077 == 0, folder
    stores = list((played.place.work / "secrets").glob("*/*.vault.yml"))
    assert len(stores) == 2
    for path in stores:
        assert path.read_bytes().startswith(b"$ANSIBLE_VAULT;")
        assert path.stat().st_mode & 0o777 == 0o600

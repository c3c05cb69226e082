# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rotate_passwords.yml as an administrator runs it: a hundred cameras of which some fail, one account, one person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from e2e_box import Run, Workplace, device_login

from ansible_collections.nwcs.hardening.lab.testing import RunningLab, is_open, running_lab

# pylint: disable=contextmanager-generator-missing-cleanup

pytestmark = pytest.mark.long

FACTORY = "12345"
OWN = 'accounts."admin".password'
# One write of a password per camera: the first write of a device is the one that matters.
QUICK = {"nwcs_timeouts": {"connect_seconds": 2, "read_seconds": 3, "total_seconds": 6}}


def in_force(lab: RunningLab, name: str, account: str = "admin") -> str | None:
    users = lab.device(name).state["users"]
    return next((user["Password"] for user in users if user["Username"] == account), None)


def known(secrets: dict[str, Any], name: str, account: str = "admin") -> set[str]:
    """Every password of the account that the (decrypted) store holds, or the inventory."""
    entry = secrets.get(name, {}).get(f"accounts.{account}") or {}
    parts = [entry.get("current"), entry.get("pending"), *entry.get("previous", ())]
    return {part["value"] for part in parts if part} | {FACTORY}


def password_writes(lab: RunningLab, name: str) -> int:
    return len([entry for entry in lab.writes(name) if "SetUser" in entry.operation])


# -- a hundred cameras -------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def hundred(tmp_path_factory: pytest.TempPathFactory, module_loopback_network: str) -> Iterator[SimpleNamespace]:
    """Ten of them fail at a random point of their password's way, each in its own manner; then the same once more."""
    place = Workplace(tmp_path_factory.mktemp("hundred"))
    site = [{"name": "cam", "host": 1, "count": 100, "model": "onvif-complete"}]
    with running_lab(site, network=module_loopback_network) as lab:
        hosts = {device.name: device_login(device.address) for device in lab.devices}
        place.write_inventory(hosts, nwcs_tls_verify=str(lab.ca), **QUICK)
        place.extra = ["-f", "16"]
        broken = lab.break_some(0.1, writes=1, seed=20261121, back_after=None)
        first = place.play("rotate_passwords", "-e", "nwcs_rotation=autumn", "-e", "nwcs_stop_after=50")
        secrets = place.secrets()
        after_first = {device.name: (in_force(lab, device.name), known(secrets, device.name)) for device in lab.devices}
        struck = {name for name in broken if lab.has_struck(name)}
        for name in broken:
            lab.power(name, True)
            lab.link(name, True)
        lab.wait(lambda: all(is_open(device.address, 8080) for device in lab.devices), 20)
        writes = {device.name: password_writes(lab, device.name) for device in lab.devices}
        second = place.play("rotate_passwords", "-e", "nwcs_rotation=autumn", "-e", "nwcs_stop_after=50")
        yield SimpleNamespace(place=place, lab=lab, broken=broken, struck=struck, first=first, second=second,
                              after_first=after_first, writes=writes)  # fmt: skip


def test_no_device_is_lost(hundred: SimpleNamespace) -> None:
    assert len(hundred.after_first) == 100 and len(hundred.broken) == len(hundred.struck) == 10
    lost = [name for name, (password, secrets) in hundred.after_first.items() if password not in secrets]
    assert lost == []


def test_the_result_lists_exactly_what_is_open(hundred: SimpleNamespace) -> None:
    """What the report calls done is done, and nothing else: compared with the devices and the store themselves."""
    done, open_ends = set(), set()
    for device in hundred.first.result["devices"]:
        lines = {line["key"]: line["outcome"] for line in device["outcomes"]}
        (done if device["error"] is None and lines.get(OWN) == "changed" else open_ends).add(device["host"])
    assert done | open_ends == set(hundred.after_first)
    assert open_ends == set(hundred.broken), hundred.first.said()
    for name in done:
        assert hundred.after_first[name][0] != FACTORY
    assert hundred.first.result["exit_code"] in (2, 3, 4)
    for name in open_ends:
        assert hundred.first.device(name)["status"] in ("failed", "not_checked")


def test_the_second_run_completes_and_leaves_the_finished_alone(hundred: SimpleNamespace) -> None:
    assert hundred.second.result["exit_code"] == 0, hundred.second.said()
    secrets = hundred.place.secrets()
    for device in hundred.lab.devices:
        entry = secrets[device.name]["accounts.admin"]
        assert entry["pending"] is None
        assert entry["current"]["value"] == in_force(hundred.lab, device.name) != FACTORY
        if device.name not in hundred.broken:
            assert password_writes(hundred.lab, device.name) == hundred.writes[device.name] == 1
    assert len({entry["accounts.admin"]["current"]["value"] for entry in secrets.values()}) == 100


def test_no_camera_saw_more_than_one_wrong_login_beside_the_deliberate_one(hundred: SimpleNamespace) -> None:
    for device in hundred.lab.devices:
        assert len(hundred.lab.logins(device.name, "refused")) <= 2, device.name


def test_passwords_stand_in_no_output(hundred: SimpleNamespace) -> None:
    secrets = hundred.place.secrets()
    values = {value for name in hundred.after_first for value in known(secrets, name)} - {FACTORY}
    for run in (hundred.first, hundred.second):
        assert not [value for value in values if value in run.said()]
    for path in hundred.place.files():
        if not path.name.endswith(".vault.yml"):
            text = path.read_text(encoding="utf-8", errors="replace")
            assert not [value for value in values if value in text], path


# -- accounts, persons, limits -----------------------------------------------------------------------------------------
USERS = [{"Username": "admin", "Password": FACTORY, "UserLevel": "Administrator"}]
TANAKA = {"Username": "tanaka", "Password": "Sommer-9931-x", "UserLevel": "Operator"}


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    (tmp_path / "place").mkdir()
    return Workplace(tmp_path / "place")


def declare(place: Workplace, lab: RunningLab, **common: Any) -> None:
    hosts = {device.name: device_login(device.address) for device in lab.devices}
    place.write_inventory(hosts, nwcs_tls_verify=str(lab.ca), **QUICK, **common)


def cameras(**users: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": name.replace("_", "-"), "model": "onvif-complete", "overrides": {"users": listed}}
            for name, listed in users.items()]  # fmt: skip


def lines(run: Run, name: str) -> dict[str, str]:
    return {line["key"]: line["outcome"] for line in run.device(name)["outcomes"]}


def test_a_person_is_revoked_everywhere_and_where_not_is_told(place: Workplace, loopback_network: str) -> None:
    built_in = [*USERS, {**TANAKA, "fixed": True}]
    devices = [*cameras(cam_has=[*USERS, TANAKA], cam_none=USERS, cam_fixed=built_in),
               {"name": "cam-lying", "model": "onvif-lying"}]  # fmt: skip
    with running_lab(devices, network=loopback_network) as lab:
        declare(place, lab)
        run = place.play("rotate_passwords", "-e", "nwcs_revoke=tanaka")
        role = 'accounts."tanaka".role'
        assert lines(run, "cam-has")[role] == "changed" and in_force(lab, "cam-has", "tanaka") is None
        assert lines(run, "cam-none")[role] == "ok"
        assert lines(run, "cam-lying")[role] == "not_checked"
        assert run.device("cam-lying")["status"] == "not_checked"
        # The built-in account stays; its password is one that only the store knows.
        assert in_force(lab, "cam-fixed", "tanaka") not in (None, TANAKA["Password"])
        assert in_force(lab, "cam-fixed", "tanaka") in known(place.secrets(), "cam-fixed", "tanaka")
        assert all(in_force(lab, name) == FACTORY for name in ("cam-has", "cam-none")), "nobody asked for these"
        assert run.result["exit_code"] != 0 and "cam-lying" in run.out


def test_one_account_by_name_where_it_exists(place: Workplace, loopback_network: str) -> None:
    with running_lab(cameras(cam_has=[*USERS, TANAKA], cam_none=USERS), network=loopback_network) as lab:
        declare(place, lab)
        run = place.play("rotate_passwords", "-e", '{"nwcs_accounts": ["tanaka"]}')
        key = 'accounts."tanaka".password'
        assert lines(run, "cam-has") == {key: "changed"} and lines(run, "cam-none") == {key: "ok"}
        assert in_force(lab, "cam-none", "tanaka") is None, "a rotation makes no account"
        assert in_force(lab, "cam-has", "tanaka") == place.password("cam-has", "tanaka") != TANAKA["Password"]
        line = next(line for line in run.device("cam-has")["outcomes"] if line["key"] == key)
        assert line["bits"] >= 80


def test_on_suspicion_every_password_goes_and_the_recorder_s_is_named(place: Workplace, loopback_network: str) -> None:
    with running_lab(cameras(cam=[*USERS, TANAKA]), network=loopback_network) as lab:
        declare(place, lab, nwcs_recorders=["nvr-9"], nwcs_recorder_account="tanaka")
        run = place.play("rotate_passwords", "-e", "nwcs_suspicion=true")
        for account, old in (("admin", FACTORY), ("tanaka", TANAKA["Password"])):
            assert in_force(lab, "cam", account) == place.password("cam", account) != old
        told = [finding for finding in run.device("cam")["findings"] if finding["kind"] == "recorder_login"]
        assert [(f["args"]["recorder"], f["args"]["item"], f["args"]["camera"]) for f in told] == [
            ("nvr-9", "tanaka", "cam")]  # fmt: skip
        assert "nvr-9" in run.out


def test_the_stop_rule_ends_a_run_that_goes_wrong(place: Workplace, loopback_network: str) -> None:
    site = [{"name": "cam", "host": 1, "count": 8, "model": "onvif-complete"}]
    with running_lab(site, network=loopback_network) as lab:
        declare(place, lab)
        for number in range(1, 5):
            lab.power(f"cam-{number:03}", False)
        place.extra = ["-f", "1"]
        run = place.play("rotate_passwords", "-e", "nwcs_stop_after=2")
        errors = {device["host"]: (device["error"] or {}).get("code") for device in run.result["devices"]}
        assert [errors[f"cam-{n:03}"] for n in (1, 2, 3)] == ["unreachable"] * 3
        assert {errors[f"cam-{n:03}"] for n in (5, 6, 7, 8)} == {"stopped"}
        assert all(in_force(lab, f"cam-{n:03}") == FACTORY for n in range(1, 9))
        assert "[guard: stop-rule]" in run.device("cam-008")["error"]["message"]
        assert run.result["exit_code"] in (3, 4)


def test_one_camera_of_a_recorder_at_a_time(place: Workplace, loopback_network: str) -> None:
    site = [{"name": "cam", "host": 1, "count": 4, "model": "onvif-complete"}]
    with running_lab(site, network=loopback_network) as lab:
        declare(place, lab, nwcs_recorders=["nvr-9"])
        place.extra = ["-f", "4"]
        run = place.play("rotate_passwords", "-e", "nwcs_per_recorder=1")
        assert run.result["exit_code"] == 0, run.said()
        spans = sorted((min(e.at for e in lab.log(d.name)), max(e.at for e in lab.log(d.name))) for d in lab.devices)
        assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:], strict=False)), spans


def test_a_given_password_that_another_device_has_is_refused(place: Workplace, loopback_network: str) -> None:
    with running_lab(cameras(cam_one=[*USERS, TANAKA], cam_two=[*USERS, TANAKA]), network=loopback_network) as lab:
        declare(place, lab, nwcs_passwords={"tanaka": "Given-Kiri-8842-yama"})
        place.extra = ["-f", "1", "-e", '{"nwcs_accounts": ["tanaka"]}']
        run = place.play("rotate_passwords")
        said = [lines(run, name)['accounts."tanaka".password'] for name in ("cam-one", "cam-two")]
        assert sorted(said) == ["changed", "refused"]
        assert sorted(in_force(lab, n, "tanaka") == TANAKA["Password"] for n in ("cam-one", "cam-two")) == [False, True]
        again = place.play("rotate_passwords", "-e", "nwcs_password_reuse=allow")
        kinds = {f["kind"] for d in again.result["devices"] for f in d["findings"]}
        assert "password_reused" in kinds

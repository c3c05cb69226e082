# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes in the inventory and on the command line: told in a sentence before anything is sent to the device."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from e2e_box import Run, Workplace, device_login

from ansible_collections.nwcs.hardening.lab.testing import running_lab

pytestmark = pytest.mark.slow

# name: (what the inventory says of it, words of sentence and advice). All describe the same, reachable camera.
MISTAKES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "port-word": ({"nwcs_port": "eighty"}, ("nwcs_port", "'eighty'", "65535")),
    "port-list": ({"nwcs_port": [8080]}, ("nwcs_port", "65535")),
    "port-high": ({"nwcs_port": 70000}, ("nwcs_port", "70000")),
    "password-bool": ({"nwcs_password": False}, ("nwcs_password", "quotes")),
    "password-date": ({"nwcs_password": "2026-01-02"}, ()),  # see below: written without quotes
    "passwords-list": ({"nwcs_passwords": ["nvr", "secret-word"]}, ("nwcs_passwords", "table")),
    "passwords-number": ({"nwcs_passwords": {"nvr": 987654321}}, ("nwcs_passwords.nvr", "quotes")),
    "tls-file": ({"nwcs_tls_verify": "nowhere.pem"}, ("nwcs_tls_verify", "nowhere.pem")),
    "profile": ({"nwcs_profiles": ["d", "z"]}, ("nwcs_profiles", "'z'")),
    "profile-map": ({"nwcs_profiles": {"d": True, "q": 1}}, ("nwcs_profiles",)),
    "address-url": ({"nwcs_host": "http://192.0.2.1/"}, ("nwcs_host", "nwcs_scheme")),
    "scheme": ({"nwcs_scheme": "htps"}, ("nwcs_scheme", "'htps'", "https, http")),
    "flag": ({"nwcs_restart": "maybe"}, ("nwcs_restart", "'maybe'")),
    "timeouts-number": ({"nwcs_timeouts": 5}, ("nwcs_timeouts", "table")),
    "timeouts-key": ({"nwcs_timeouts": {"conect_seconds": 5}}, ("nwcs_timeouts", "'conect_seconds'")),
    "timeouts-text": ({"nwcs_timeouts": {"read_seconds": "soon"}}, ("nwcs_timeouts.read_seconds", "'soon'")),
    "tolerance": ({"nwcs_clock_tolerance": "a bit"}, ("nwcs_clock_tolerance", "'a bit'")),
    "models": ({"nwcs_models": {"model": "IPC-1"}}, ("nwcs_models", "list")),
    "kind": ({"nwcs_kind": "webcam"}, ("nwcs_kind", "'webcam'", "recorder")),
    "design-text": ({"nwcs_design": "time.sync"}, ("nwcs_design",)),
    "design-list": ({"nwcs_design": {"time": ["ntp"]}}, ("nwcs_design", "time")),
    "design-value": ({"nwcs_design": {"time": {"sync": "sometimes"}}}, ("time.sync", "sometimes")),
    "design-bool": ({"nwcs_design": {"services": {"http": {"enabled": "perhaps"}}}}, ("services.http.enabled",)),
    "design-role": ({"nwcs_design": {"accounts": {"nvr": {"role": "boss"}}}}, ("role", "boss")),
    "template": ({"nwcs_username": "{{ no_such_variable }}"}, ("nwcs_username", "'no_such_variable'")),
    "template-within": ({"nwcs_passwords": {"nvr": "{{ nowhere.nvr }}"}}, ("nwcs_passwords", "'nowhere'")),
    "template-broken": ({"nwcs_password": "{{ 'secret-word' | nosuch }}"}, ("nwcs_password", "template")),
    # Encrypted with another vault password than the run's: the commonest mistake of all.
    "vaulted": ({"nwcs_password": "VAULTED"}, ("nwcs_password", "cannot be decrypted", "--vault-password-file")),
}
ASYNC = [
    {
        "hosts": "cam-async",
        "gather_facts": False,
        "tasks": [{"nwcs.hardening.device_settings": {}, "async": 30, "poll": 1}],
    }
]


def _as_people_write(inventory: str) -> str:
    """What yaml.safe_dump does not write: dates without quotes, and an encrypted value."""
    cipher = VaultLib([("default", VaultSecret(b"another vault password"))]).encrypt("12345").decode()
    block = "!vault |\n" + "".join(f"            {line}\n" for line in cipher.splitlines())
    assert inventory.count("'2026-01-02'") == 1 and inventory.count("VAULTED\n") == 1
    return inventory.replace("'2026-01-02'", "2026-01-02").replace("VAULTED\n", block)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, module_loopback_network: str) -> Iterator[SimpleNamespace]:
    place = Workplace(tmp_path_factory.mktemp("refusals"))
    with running_lab([{"name": "cam", "model": "onvif-complete"}], network=module_loopback_network) as lab:
        address = lab.device("cam").address
        hosts = {name: device_login(address, **case[0]) for name, case in MISTAKES.items()}
        hosts["cam-async"] = device_login(address)
        place.write_inventory(hosts, nwcs_tls_verify=str(lab.ca))
        path = place.inventory / "hosts.yml"
        path.write_text(_as_people_write(path.read_text()))
        told = SimpleNamespace(place=place)
        told.wrong = place.play("harden", "--limit", "all,!cam-async")
        told.requests_wrong = list(lab.log("cam"))
        task = place.folder / "async.yml"
        task.write_text(yaml.safe_dump(ASYNC))
        told.asynchronous = place.play(str(task))
        told.no_folder = place.play("drift", "--limit", "cam-async", "-e", "nwcs_report_dir={{ nowhere }}")
        told.nobody = place.play("drift", "--limit", "no-such-camera")
        told.no_target = place.play("drift", "-e", "nwcs_targets=no-such-group")
        told.requests = list(lab.log("cam"))
        # A file where the store's folder should be: the new password cannot be kept, so it must not be sent.
        (place.work / "store").write_text("a file\n")
        told.unwritable = place.play("harden", "--limit", "cam-async", "-e", f"nwcs_secret_store={place.work}/store")
        blocked = f"{place.work}/store/reports"
        told.untold = place.play("harden", "--limit", "cam-async", "-e", f"nwcs_report_dir={blocked}")
        told.writes = lab.writes("cam")
        told.still_factory = lab.device("cam").public_state()["users"]
        yield told


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence(site: SimpleNamespace, name: str) -> None:
    device = site.wrong.device(name)
    error = device["error"]
    assert error, device
    assert error["code"] == "input", error
    assert name in error["message"]
    assert "the toolkit itself failed" not in error["message"]
    assert "\n" not in error["message"] and len(error["message"]) < 300
    for word in MISTAKES[name][1] or ("nwcs_password", "quotes"):
        assert word in f"{error['message']} {error['advice']}", error
    assert error["message"].endswith((".", "!", "?"))
    assert device["status"] == "not_checked"


def test_nothing_was_sent_for_any_of_them(site: SimpleNamespace) -> None:
    assert site.requests_wrong == []


def test_passwords_are_not_told_with_the_mistake(site: SimpleNamespace) -> None:
    for secret in ("987654321", "secret-word", "2026-01-02"):
        assert secret not in site.wrong.out + site.wrong.err
        assert secret not in (site.wrong.folder / "report.html").read_text()


def test_the_run_fails(site: SimpleNamespace) -> None:
    assert site.wrong.code != 0
    assert site.wrong.result["exit_code"] == 3
    assert {device["host"] for device in site.wrong.result["devices"]} == set(MISTAKES)


def test_async_is_refused_in_a_sentence(site: SimpleNamespace) -> None:
    run = site.asynchronous
    assert run.code != 0
    assert "async" in run.out + run.err
    said = " ".join((run.out + run.err).split())
    assert "cannot run with async: a change must be followed to its proof" in said, run.said()


def test_a_limit_that_matches_nothing_is_no_success(site: SimpleNamespace) -> None:
    for run in (site.nobody, site.no_target):
        assert run.result == {}
        assert "no hosts matched" in (run.out + run.err).lower() or "no-such" in run.out + run.err
    assert site.nobody.code != 0
    assert site.requests == []


def test_without_a_place_for_the_report_it_says_so(site: SimpleNamespace) -> None:
    run = site.no_folder
    assert run.code != 0
    said = " ".join((run.out + run.err).split())
    assert "cam-async: nwcs_report_dir has no value: the variable 'nowhere' in it is not defined." in said, run.said()
    assert "Unexpected" not in said


def test_what_cannot_be_kept_is_not_sent(site: SimpleNamespace) -> None:
    error = site.unwritable.device("cam-async")["error"]
    # Whether it is on hold lies in the same store: what cannot be looked up counts as a hold.
    assert error["code"] in ("state", "input", "on_hold"), error
    assert "cam-async" in error["message"]
    assert "store" in error["message"]
    assert site.unwritable.code != 0
    assert not [entry.operation for entry in site.writes if entry.operation in ("SetUser", "CreateUsers")]
    assert len(site.writes) == 0
    assert [user["Username"] for user in site.still_factory] == ["admin", "service"]


def test_what_cannot_be_told_is_not_done(site: SimpleNamespace) -> None:
    """A file where the report folder should be: the same lab has seen no write (above)."""
    said = " ".join((site.untold.out + site.untold.err).split())
    assert "cannot make the folder" in said, site.untold.said()
    assert site.untold.code != 0
    assert site.writes == []


def test_no_traceback_anywhere(site: SimpleNamespace) -> None:
    runs = [value for value in vars(site).values() if isinstance(value, Run)]
    assert len(runs) == 7
    assert not [run.said() for run in runs if "Traceback" in run.out + run.err]

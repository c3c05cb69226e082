# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong on a real site, all in one inventory: one sentence each says where and what; the others go on."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from e2e_box import Run, Workplace, device_login

from ansible_collections.nwcs.hardening.lab.testing import running_lab

pytestmark = pytest.mark.slow

CAMERA = "onvif-complete"
FACTORY = "12345"
# name: (what the lab has, what the inventory says of it, error code, words of the sentence)
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str, tuple[str, ...]]] = {
    "wrong-port": ({}, {"nwcs_port": 9}, "unreachable", (":9",)),
    "wrong-family": ({}, {"nwcs_family": "openwrt"}, "wrong_family", ()),
    "wrong-password": ({}, {"nwcs_password": "not-this-one"}, "login_refused", ("refused",)),
    "wrong-name": (
        {
            "overrides": {
                "certificate": "name-mismatch",
                "protocols": [{"Name": "HTTP", "Enabled": True}, {"Name": "HTTPS", "Enabled": True}],
            }
        },
        {"nwcs_scheme": "https", "nwcs_port": 8443},
        "tls",
        ("certificate",),
    ),
    "switched-off": ({"faults": ["down"]}, {}, "unreachable", ()),
    "truncated": ({"faults": ["H31-short"]}, {}, "", ()),
    "misspelt": ({}, {"nwcs_hots": "192.0.2.1"}, "input", ("nwcs_hots", "nwcs_host")),
    "unknown-design": ({}, {"nwcs_design": {"service": {"telnet": {"enabled": False}}}}, "input", ("service",)),
    "no-family": ({}, {"nwcs_family": None}, "input", ("nwcs_family",)),
    "unknown-family": ({}, {"nwcs_family": "onvfi"}, "input", ("onvfi",)),
    "other-vault": ({}, {"nwcs_vault_id": "nobody"}, "state", ("vault", "nobody")),
    "no-folder": ({}, {"nwcs_sheet_dir": "{{ inventory_dir }}/hosts.yml/sheets"}, "", ("hosts.yml", "no-folder")),
    "number": ({}, {"nwcs_password": 12345}, "input", ("nwcs_password",)),
}
# Of these drift needs nothing that is wrong.
NOT_READ = [name for name in CASES if name not in ("unknown-design", "other-vault", "no-folder")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, module_loopback_network: str) -> Iterator[SimpleNamespace]:
    place = Workplace(tmp_path_factory.mktemp("errors"))
    devices: list[dict[str, Any]] = [{"name": "good", "host": 10, "model": CAMERA}]
    devices += [{"name": n, "host": i, "model": CAMERA, **case[0]} for i, (n, case) in enumerate(CASES.items(), 11)]
    with running_lab(site={"name": "errors", "devices": devices}, network=module_loopback_network) as lab:
        hosts = {"good": device_login(lab.device("good").address)}
        hosts |= {name: device_login(lab.device(name).address, **case[1]) for name, case in CASES.items()}
        place.write_inventory(
            hosts,
            nwcs_tls_verify=str(lab.ca),
            nwcs_profiles=["d"],
            nwcs_timeouts={"connect_seconds": 2, "read_seconds": 3, "total_seconds": 20},
        )
        told = SimpleNamespace(place=place)
        told.harden = place.play("harden")
        told.writes = {name: len(lab.writes(name)) for name in CASES}
        told.logins = [entry.login for entry in lab.log("wrong-password") if entry.login in ("refused", "locked")]
        told.drift = place.play("drift")
        told.logins_again = [entry.login for entry in lab.log("wrong-password") if entry.login in ("refused", "locked")]
        told.no_vault = place.play("harden", "--limit", "good,switched-off", "-e", "nwcs_retry=true", vault=False)
        told.writes_good = len(lab.writes("good"))
        yield told


def _sentence(run: Run, name: str) -> str:
    return " ".join((run.device(name)["error"]["message"] + " " + run.device(name)["error"]["advice"]).split())


@pytest.mark.parametrize("name", CASES)
def test_one_sentence_says_where_and_what(site: SimpleNamespace, name: str) -> None:
    _lab, _inventory, code, words = CASES[name]
    device = site.harden.device(name)
    assert device["error"], device
    message = device["error"]["message"]
    assert name in message
    assert device["status"] == "not_checked"
    assert device["error"]["code"] != "internal"
    assert "the toolkit itself failed" not in message
    if code:
        assert device["error"]["code"] == code, device["error"]
    for word in words:
        assert word in _sentence(site.harden, name)
    assert "\n" not in message
    assert len(message) < 400
    assert message in " ".join(site.harden.out.split()) or message[:120] in " ".join(site.harden.out.split())


@pytest.mark.parametrize("name", CASES)
def test_nothing_was_written_where_something_was_wrong(site: SimpleNamespace, name: str) -> None:
    assert site.writes[name] == 0


@pytest.mark.parametrize("name", NOT_READ)
def test_drift_says_the_same_and_never_clean(site: SimpleNamespace, name: str) -> None:
    device = site.drift.device(name)
    assert device["status"] == "not_checked"
    assert device["error"]["message"]


def test_the_good_device_goes_on(site: SimpleNamespace) -> None:
    lines = site.harden.outcomes("good")
    assert lines['accounts."admin".password']["outcome"] == "changed"
    assert lines["services.http.enabled"]["outcome"] == "changed"
    assert site.harden.device("good")["error"] is None
    assert site.drift.device("good")["error"] is None
    assert not [f for f in site.drift.device("good")["findings"] if f["explained"] is None]


def test_the_run_does_not_end_well(site: SimpleNamespace) -> None:
    assert site.harden.code != 0
    assert site.drift.code != 0
    assert site.harden.result["exit_code"] == 4  # the good one has a telnet that nobody can close
    assert site.drift.result["exit_code"] == 3


def test_a_refused_password_is_tried_once_and_not_again(site: SimpleNamespace) -> None:
    assert len(site.logins) <= 2  # one challenge scheme at most answers to more than one kind of login
    assert site.logins_again == site.logins
    assert "not tried again" in site.drift.device("wrong-password")["error"]["message"]


def test_without_a_vault_password_nothing_is_sent(site: SimpleNamespace) -> None:
    """The store of `good` exists by now and cannot be opened."""
    device = site.no_vault.device("good")
    assert "vault" in _sentence(site.no_vault, "good").lower()
    assert device["error"]["code"] == "state"
    assert site.no_vault.code != 0


def test_a_fresh_device_without_a_vault_password_keeps_its_state(tmp_path: Path, loopback_network: str) -> None:
    (tmp_path / "place").mkdir()
    place = Workplace(tmp_path / "place")
    with running_lab([{"name": "cam", "model": CAMERA}], network=loopback_network) as lab:
        place.write_inventory({"cam": device_login(lab.device("cam").address)}, nwcs_tls_verify=str(lab.ca))
        run = place.play("harden", vault=False)
        assert len(lab.writes("cam")) == 0
    assert "cam: there is no vault password" in run.device("cam")["error"]["message"]
    assert run.code != 0


def test_no_traceback_anywhere(site: SimpleNamespace) -> None:
    for run in (site.harden, site.drift, site.no_vault):
        assert "Traceback" not in run.out + run.err
        assert FACTORY not in run.out + run.err

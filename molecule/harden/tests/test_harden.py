# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After the second converge: nothing was left to do, and the devices show it from outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

BUILD = Path(__file__).resolve().parents[3] / "build" / "molecule"
CAMERAS = ("cam-entrance", "cam-strict")


@pytest.fixture
def result(host):
    file = host.file(str(BUILD / "harden" / "reports" / "latest" / "result.json"))
    assert file.exists
    assert file.mode == 0o600
    return json.loads(file.content_string)


@pytest.fixture
def lab(host):
    """What the simulated devices say of themselves, by name."""
    told = host.check_output(f"nwcs-lab status --json --dir '{BUILD}/lab'")
    return {device["name"]: device for device in json.loads(told)["devices"]}


def test_every_device_was_worked_on(result):
    assert {device["host"] for device in result["devices"]} == {*CAMERAS, "router"}
    assert [device["error"] for device in result["devices"]] == [None] * 3


def test_nothing_was_left_to_change(result):
    for device in result["devices"]:
        assert device["writes"] == 0
        assert "changed" not in {line["outcome"] for line in device["outcomes"]}


def test_the_wanted_settings_hold(result):
    for device in result["devices"]:
        lines = {line["key"]: line for line in device["outcomes"]}
        assert lines["time.servers"]["outcome"] == "ok"
        assert device["way"] == {"scheme": "https", "port": 8443}


@pytest.mark.parametrize("name", CAMERAS)
def test_plain_http_is_closed_and_https_open(lab, name):
    sockets = {tuple(socket) for socket in lab[name]["sockets"]}
    assert ("http", 8080) not in sockets
    assert ("https", 8443) in sockets


@pytest.mark.parametrize("name", CAMERAS)
def test_the_port_refuses_from_outside(host, lab, name):
    address = lab[name]["address"]
    assert host.run(f"timeout 3 bash -c '</dev/tcp/{address}/8443'").rc == 0
    assert host.run(f"timeout 3 bash -c '</dev/tcp/{address}/8080'").rc != 0


def test_sheets_and_secrets_are_there_and_the_secrets_encrypted(host):
    for name in (*CAMERAS, "router"):
        assert host.file(str(BUILD / "harden" / "parameter_sheets" / "harden" / f"{name}.yml")).exists
        store = host.file(str(BUILD / "harden" / "secrets" / "harden" / f"{name}.vault.yml"))
        assert store.content_string.startswith("$ANSIBLE_VAULT")
        assert store.mode == 0o600

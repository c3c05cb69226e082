# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before the intrusion clean, after it exactly what was played; nothing was written to a device."""

from __future__ import annotations

import json
from pathlib import Path

BUILD = Path(__file__).resolve().parents[3] / "build" / "molecule"


def findings(host, path):
    content = json.loads(host.file(str(BUILD / "drift" / path)).content_string)
    found = {
        (device["host"], finding["kind"], finding["key"])
        for device in content["devices"]
        for finding in device["findings"]
        if finding["explained"] is None
    }
    return content, found


def test_before_the_intrusion_nothing_is_found(host):
    content, found = findings(host, "before.json")
    assert content["exit_code"] == 0
    assert found == set()
    assert {device["status"] for device in content["devices"]} == {"ok"}


def test_after_it_exactly_what_was_played(host):
    content, found = findings(host, "reports/latest/result.json")
    assert content["exit_code"] == 2
    assert found == {
        ("cam-garage", "account_appeared", 'accounts."support".role'),
        ("cam-corridor", "value_changed", "identity.hostname"),
        ("cam-corridor", "value_changed", "identity.name"),
    }


def test_no_device_was_written_to(host):
    for name in ("cam-garage", "cam-corridor"):
        told = host.check_output(f"nwcs-lab log {name} --writes --json --dir '{BUILD}/lab'")
        assert json.loads(told)["log"] == []


def test_there_is_a_report_to_read(host):
    page = host.file(str(BUILD / "drift" / "reports" / "latest" / "report.html"))
    assert page.contains("support")
    assert page.contains("SIMULATED")

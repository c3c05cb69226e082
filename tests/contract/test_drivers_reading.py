# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver contract, part 1: a whole reading. The same tests for every family and every character of the lab."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

from typing import Any

import pytest
from driver_cases import Family, every_family, every_model, families_with, rig, short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.plugins.module_utils import jobs, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import STATES, VALUE, WRITE_ONLY


def lasting(readings: dict[str, Any], family: Family) -> dict[str, Any]:
    """Without what is not configuration (H56)."""
    return {
        text: reading
        for text, reading in readings.items()
        if not settings.setting_of(settings.parse_key(text)).volatile and text not in family.volatile
    }


@every_model
def test_every_key_of_the_tables_gets_a_reading_with_a_state(family: Family, model: str) -> None:
    everything = [settings.key_text(binding.key) for binding in family.driver.bindings]  # also what is read on demand
    with rig(family, model=model) as run:
        readings = {settings.parse_key(k): v for k, v in run.readings(wanted=everything).items()}
        for binding in family.driver.bindings:
            mine = [key for key in readings if key == binding.key or settings.pattern_of(key) == binding.key]
            if "*" not in binding.key:
                assert binding.key in readings, binding.key
            for item in binding.domain or ():
                assert tuple(item if part == "*" else part for part in binding.key) in readings
            if binding.key[:1] in (("accounts",), ("services",)) and "*" in binding.key:
                assert mine, f"nothing at all is known of {binding.key}"
        for key, reading in readings.items():
            assert reading["state"] in STATES, key
            if reading["state"] == VALUE:
                assert "value" in reading and settings.normalise(key, reading["value"]) == reading["value"], key
            elif reading["state"] != WRITE_ONLY:
                assert reading.get("why"), f"{key} is {reading['state']} and nobody says why"
                assert "value" not in reading, key


@every_model
def test_a_reading_takes_few_requests_one_login_and_no_write(family: Family, model: str) -> None:
    with rig(family, model=model) as run:
        run.read()
        answered = [entry for entry in run.log() if entry.status < 400 and entry.path.startswith(family.paths)]
        # The looks from outside that need no login are not counted, nor are challenges.
        ours = [entry for entry in answered if entry.user or entry.login or not family.https_at_start]
        most = family.slower.get(model, family.reading)
        most += 1 + len(run.device.channels) if getattr(run.device, "channels", None) else 0
        assert 0 < len(ours) <= most, [entry.operation for entry in ours]
        assert run.logins("refused") == 0 and run.logins("locked") == 0
        assert run.writes() == []


@every_model
def test_a_second_reading_is_equal_but_for_what_is_volatile(family: Family, model: str) -> None:
    with rig(family, model=model) as run:
        first, second = run.read()["snapshot"], run.read()["snapshot"]
        assert lasting(first["readings"], family) == lasting(second["readings"], family)
        assert first["documents"] == second["documents"] and first["identity"] == second["identity"]


@every_family
def test_a_change_outside_the_model_changes_a_digest_only(family: Family) -> None:
    with rig(family) as run:
        before = run.read()["snapshot"]
        run.lab.call(lambda: family.beyond(run.device))
        after = run.read()["snapshot"]
        assert lasting(before["readings"], family) == lasting(after["readings"], family)
        changed = [name for name in before["documents"] if before["documents"][name] != after["documents"][name]]
        assert len(changed) == 1, changed


@families_with("https")
def test_the_same_over_https(family: Family) -> None:
    """The certificate is that of the socket, and no value depends on the way."""
    with rig(family) as run:
        if not family.https_at_start:
            run.harden({"services": {"https": {"enabled": True}}})
        plain = lasting(run.readings(), family)
        safe = jobs.read(run.https())["snapshot"]
        for key, reading in plain.items():
            if reading["state"] == VALUE and not key.startswith("tls.certificate"):
                assert safe["readings"][key].get("value") == reading["value"], key
        assert safe["readings"]["tls.certificate.trusted"]["value"] is True
        assert safe["way"] == {"scheme": "https", "port": run.device.ports["https"]}


@every_family
def test_no_secret_is_in_a_reading(family: Family) -> None:
    with rig(family) as run:
        told = repr(run.read())
        assert run.login[1] not in told.replace(run.device.address, "")
        for state in (getattr(run.device, "shadow", {}), getattr(run.device, "files", {})):
            assert all(value not in told for name, value in state.items() if name == "root" and value)


@every_family
def test_what_is_not_offered_is_never_a_value(family: Family) -> None:
    """A wish for something that the family has no switch for is `unsupported`, and nothing is sent."""
    with rig(family) as run:
        plan = run.plan(dict(family.unsupported))
        assert [line["outcome"] for line in plan["outcomes"].values()] == ["unsupported"]
        assert plan["changes"] == [] and run.writes() == []


@pytest.mark.parametrize("model", ["openwrt-bare"])
def test_a_login_without_rights_reads_states_never_empty_values(model: str) -> None:
    from driver_cases import OPENWRT

    with rig(OPENWRT, model=model) as run:
        run.login = ("root", "")
        readings = run.readings()
        for key in ("nat.forwards", "nat.wan_admin", "network.dns_servers", "services.ssh.enabled", "time.servers"):
            assert readings[key]["state"] == "unreadable" and readings[key]["why"], key

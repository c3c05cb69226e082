# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recording a device and playing the recording back: every family's simulated device is the real one here."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

from typing import Any

from driver_cases import Family, Rig, every_model, rig, short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.lab.testing import running_lab
from ansible_collections.nwcs.hardening.plugins.module_utils import jobs
from ansible_collections.nwcs.hardening.plugins.plugin_utils import recording


def recorded(run: Rig) -> tuple[recording.Recording, dict[str, Any]]:
    found = recording.record(run.spec())
    return found, recording.fixture(found, run.family.name, "0.1.0")


@every_model
def test_a_replayed_recording_reads_as_the_device_did(family: Family, model: str) -> None:
    with rig(family, model=model) as run:
        spec = run.spec()
        wanted = recording.states(jobs.read(spec)["snapshot"]["readings"])
        _raw, fixture = recorded(run)
        assert run.writes() == []
    with running_lab([{"name": "dev", "model": {"family": "replay", "fixture": fixture}}]) as lab:
        spec["target"] = {**spec["target"], "host": lab.device("dev").address, "tls_verify": lab.ca.read_text()}
        found = jobs.read(spec)["snapshot"]["readings"]
        assert recording.states(found) == wanted

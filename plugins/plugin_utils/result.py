# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a run: status of each device, counts, exit code (docs/result.schema.json). Pure.

A run folder holds run.json {job, run_id, started, site, language, simulated, controller, hosts [names]} and
devices/<safe name>.json, one per device. A host without a file is not_checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.plugin_utils import drift

SCHEMA = 1
# Worst first: a device shows the first that fits. Exit codes look at everything, not only at the status shown.
STATUSES = ("failed", "drift", "not_checked", "pending", "attention", "changed", "would_change", "ok")
OUTCOMES = {  # outcome of a key -> status of its device
    "failed": "failed",
    "undone": "failed",
    "not_checked": "not_checked",
    "pending_restart": "pending",
    "conflict": "attention",
    "side_effect": "attention",
    "guarded": "attention",
    "refused": "attention",
    "read_only": "attention",
    "unsupported": "attention",
    "changed": "changed",
    "would_change": "would_change",
    "ok": "ok",
}
# Jobs that change a device tell about findings; they are no drift there: nothing was compared with a baseline.
_CHANGING = ("harden", "check", "rotate", "undo", "hold")


def _signs(device: Mapping[str, Any], job: str) -> set[str]:
    """Every status that something in this device result asks for."""
    signs = {OUTCOMES.get(o["outcome"], "not_checked") for o in device["outcomes"]}
    if job == "rotate" and "attention" in signs:
        signs.add("failed")  # this one thing was asked for, and it was not done
    for found in device["findings"]:
        if drift.is_not_checked(found):
            signs.add("not_checked")
        elif found["explained"] == "pending":
            signs.add("pending")
        elif found["explained"] is not None or job in _CHANGING:
            signs.add("attention")
        else:
            signs.add("drift")
    if device["error"]:
        signs.add("not_checked")
    if device["status"] in STATUSES:
        signs.add(device["status"])
    return signs or {"ok"}


def device_status(device: Mapping[str, Any], job: str) -> str:
    """The worst of what the engine said and what outcomes, findings and error ask for."""
    return min(_signs(device, job), key=STATUSES.index)


def empty_device(host: str, status: str = "not_checked", error: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A device result with every field, to fill or to stand for a device of which nothing is known."""
    return {
        "host": host, "family": "", "address": "", "status": status, "error": dict(error) if error else None,
        "identity": {}, "simulated": False, "outcomes": [], "findings": [], "notes": [], "way": None, "seconds": 0.0,
        "requests": 0, "writes": 0, "sheet": None,
    }  # fmt: skip


def exit_code(devices: Sequence[Mapping[str, Any]], job: str) -> int:
    """0 nothing unexplained · 2 unexplained drift, or a change that failed · 3 something not checked · 4 both."""
    signs = set().union(*(_signs(device, job) for device in devices))
    wrong, unknown = bool(signs & {"drift", "failed"}), "not_checked" in signs or not devices
    return 4 if wrong and unknown else 2 if wrong else 3 if unknown else 0


def build(run: Mapping[str, Any], devices: Sequence[Mapping[str, Any]], finished: str) -> dict[str, Any]:
    """result.json as data. Devices worst first, then by name."""
    job = str(run.get("job") or "unknown")
    judged = [{**device, "status": device_status(device, job)} for device in devices]
    judged.sort(key=lambda device: (STATUSES.index(device["status"]), device["host"]))
    for device in judged:
        device["findings"] = drift.worst_first(device["findings"])
    counts = {status: sum(device["status"] == status for device in judged) for status in STATUSES}
    controller = run.get("controller") or {}
    clock = controller.get("clock")
    return {
        "schema": SCHEMA,
        "job": job,
        "run_id": str(run.get("run_id", "")),
        "started": str(run.get("started", "")),
        "finished": finished,
        "site": str(run.get("site") or ""),
        "language": "ja" if run.get("language") == "ja" else "en",
        "simulated": bool(run.get("simulated")) or any(device["simulated"] for device in judged),
        "controller": {
            "clock": clock if clock in ("synchronised", "unsynchronised") else "unknown",
            "version": str(controller.get("version") or ""),
        },
        "counts": counts,
        "exit_code": exit_code(judged, job),
        "devices": judged,
    }

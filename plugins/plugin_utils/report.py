# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a run: reads the run folder, writes result.json and report.html, says what to print."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import NwcsError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import console, drift, files, messages, report_html
from ansible_collections.nwcs.hardening.plugins.plugin_utils import result as results

# Fields of a device result and of its parts: (name, type, value when it is missing or of another type).
_DEVICE = results.empty_device("")
_OUTCOME = {
    "key": "", "outcome": "not_checked", "wanted": None, "old": None, "read": None, "why": "", "proof": "",
    "guard": "", "bits": None,
}  # fmt: skip
_IDENTITY = ("manufacturer", "model", "serial", "mac", "firmware", "endpoint")
_FINDING = {"kind": "other", "key": "", "old": None, "new": None, "severity": "medium", "args": {}, "explained": None}


def device_file(run_dir: str, host: str) -> str:
    """Where the result of a host lies: <run>/devices/<safe name>.json."""
    return os.path.join(run_dir, "devices", files.safe_name(host) + ".json")


def write_device(run_dir: str, device: Mapping[str, Any]) -> str:
    """Write one device result (0600 in a 0700 folder) and return its path."""
    path = device_file(run_dir, device["host"])
    files.private_folder(os.path.dirname(path))
    files.write_json(path, device)
    return path


def read_run(run_dir: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(run.json, device results). Expected hosts without a readable file are there as not_checked."""
    run = files.read_json(os.path.join(run_dir, "run.json"))
    if not isinstance(run, dict):
        run = {}
    folder = os.path.join(run_dir, "devices")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    devices: dict[str, dict[str, Any]] = {}
    broken: dict[str, str] = {}
    for name in names:
        if not name.endswith(".json") or name.startswith("."):
            continue
        try:
            device = _complete(files.read_json(os.path.join(folder, name)))
        except (NwcsError, ValueError) as error:
            broken[name] = str(error)
            continue
        devices[device["host"]] = device
    for host in run.get("hosts") or []:
        name = files.safe_name(str(host)) + ".json"
        if str(host) not in devices:
            problem = broken.pop(name, None)
            devices[str(host)] = _lost(str(host), run, problem)
    for name, problem in broken.items():
        host = name.removesuffix(".json")
        devices.setdefault(host, _lost(host, run, problem))
    return run, list(devices.values())


def _lost(host: str, run: Mapping[str, Any], problem: str | None) -> dict[str, Any]:
    language = "ja" if run.get("language") == "ja" else "en"
    message = problem or messages.text("report.not_in_run", language)
    error = {"code": "state" if problem else "no_result", "message": message, "advice": ""}
    return results.empty_device(host, error=error)


def _complete(device: Any) -> dict[str, Any]:
    """Every field there and of its type; a part that is not readable never makes a device look better."""
    if not isinstance(device, dict) or not isinstance(device.get("host"), str):
        raise ValueError("not a device result")
    full = {**_DEVICE, **{k: v for k, v in device.items() if k in _DEVICE}}
    for name in ("outcomes", "findings", "notes"):
        if not isinstance(full[name], list):
            raise ValueError(f"{name} is not a list")
    full["outcomes"] = [{**_OUTCOME, **{k: v for k, v in o.items() if k in _OUTCOME}} for o in full["outcomes"]]
    full["findings"] = [{**_FINDING, **{k: v for k, v in f.items() if k in _FINDING}} for f in full["findings"]]
    for outcome in full["outcomes"]:
        for name in ("why", "proof", "guard"):
            outcome[name] = outcome[name] or ""
        if outcome["outcome"] not in results.OUTCOMES:
            outcome["why"], outcome["outcome"] = f"{outcome['outcome']} {outcome['why']}".strip(), "not_checked"
    for found in full["findings"]:
        if found["severity"] not in drift.SEVERITIES:
            found["severity"] = "high"
    identity = full["identity"] if isinstance(full["identity"], dict) else {}
    full["identity"] = {name: str(identity[name]) for name in _IDENTITY if identity.get(name)}
    way = full["way"]
    full["way"] = {"scheme": str(way.get("scheme") or ""), "port": way.get("port")} if isinstance(way, dict) else None
    for name in ("family", "address"):
        full[name] = str(full[name] or "")
    for name in ("seconds", "requests", "writes"):
        if isinstance(full[name], bool) or not isinstance(full[name], (int, float)):
            full[name] = 0
    full["notes"] = [str(note) for note in full["notes"]]
    if full["error"] is not None:
        error = full["error"] if isinstance(full["error"], dict) else {"message": str(full["error"])}
        full["error"] = {name: str(error.get(name) or "") for name in ("code", "message", "advice")}
        full["error"]["code"] = full["error"]["code"] or "error"
    full["simulated"] = bool(full["simulated"])
    return full


def write_run(run_dir: str, language: str | None = None, finished: str | None = None) -> dict[str, Any]:
    """Judge the run folder, write result.json and report.html (0600), let `latest` beside the folder point to it.

    language  en | ja; default: what run.json says
    finished  UTC time of the end, ISO 8601; default: now
    Returns {"counts", "exit_code", "console" (text to print), "result" (path), "report" (path), "data" (result.json)}.
    """
    run, devices = read_run(run_dir)
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    chosen = language or run.get("language")
    data = results.build({**run, "language": chosen}, devices, finished or run.get("finished") or now)
    paths = {name: os.path.join(run_dir, file) for name, file in (("result", "result.json"), ("report", "report.html"))}
    files.private_folder(run_dir)
    files.write_json(paths["result"], data)
    files.write_private(paths["report"], report_html.page(data, data["language"]))
    folder = os.path.dirname(os.path.abspath(run_dir))
    files.point(os.path.join(folder, "latest"), os.path.basename(os.path.abspath(run_dir)))
    shown = console.summary(data, data["language"], {messages.text("report.file", data["language"]): paths["report"]})
    return {"counts": data["counts"], "exit_code": data["exit_code"], "console": shown, **paths, "data": data}

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`nwcs-record-device`: reads one device of the inventory and writes what it answered, redacted, for the project.

Exit codes: 0 the recording is written, 1 it is not (one sentence says why). The device is only read. Where it is, who
logs in and how often that may be tried comes from the inventory and the site's ledger, as for the playbooks.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, NwcsError, StateError
from ansible_collections.nwcs.hardening.plugins.module_utils.registry import driver_for
from ansible_collections.nwcs.hardening.plugins.plugin_utils import files, inventory_device, messages, recording
from ansible_collections.nwcs.hardening.plugins.plugin_utils.controller import DeviceRun
from ansible_collections.nwcs.hardening.plugins.plugin_utils.inventory import Device
from ansible_collections.nwcs.hardening.plugins.plugin_utils.record_texts import TEXTS

OK, FAILED, INTERRUPTED = 0, 1, 130
JOB = "record-device"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(getattr(stream, "errors", None), str):
            stream.reconfigure(errors="backslashreplace")
    language = options.language or "en"
    try:
        return _run(options)
    except NwcsError as error:
        _complain(str(error))
    except OSError as error:
        _complain(f"{error.filename or JOB}: {error.strerror}")
    except KeyboardInterrupt:
        _complain(_text("interrupted", language))
        return INTERRUPTED
    return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nwcs-record-device",
        description="Reads one device of the inventory, writes nothing to it, and keeps its answers in a redacted "
        "file from which the project can build a simulated device.",
    )
    add = parser.add_argument
    add("host", help="inventory name of the device")
    add("-i", "--inventory", action="append", default=[], help="inventory file or folder (default: Ansible's)")
    add("--out", default=".", metavar="FOLDER", help="where the file is written (default: here)")
    add("--keep-model", action=argparse.BooleanOptionalAction, default=True,
        help="keep manufacturer, model and firmware as they are (default: yes)")  # fmt: skip
    add("--vault-password-file", action="append", default=[], metavar="FILE", help="as in ansible-playbook")
    add("--vault-id", action="append", default=[], metavar="LABEL@FILE", help="as in ansible-playbook")
    add("--language", choices=("en", "ja"), help="language of the answers (default: the inventory's)")
    return parser


def _run(options: argparse.Namespace) -> int:
    for source in options.inventory:
        if "," not in source and not os.path.exists(source):
            raise InputError(_text("no_inventory", options.language, path=source))
    found = inventory_device.find(options.host, options.inventory, options.vault_password_file, options.vault_id)
    device, vault, told = found
    language = options.language or told
    if device is None:
        raise InputError(_text("no_host", language, host=options.host))
    if not driver_for(device.family).needs_login:
        raise InputError(_text("no_api", language, host=device.name, family=device.family))
    if device.apis:
        _say("one_api", language, host=device.name, family=device.family)
    folder = _folder(options.out, language)
    _say("reading", language, host=device.name, family=device.family)
    recorded = read(device, vault)
    fixture = recording.fixture(recorded, device.family, _version(), options.keep_model)
    if device.simulated:
        fixture["simulated"] = True
    path = write(folder, fixture)
    _tell(language, device, recorded, fixture, path)
    return OK


def read(device: Device, vault: Any) -> recording.Recording:
    """Read the device as a job does: with the store's passwords and within the lock budget. Raises what stopped it."""
    kept: list[recording.Recording] = []

    def send(job: dict[str, Any]) -> dict[str, Any]:
        spec = {**job["spec"], "beside": {}, "manual": {}}
        try:
            kept.append(recording.record(spec))
        except NwcsError as error:
            told = {"code": error.code, "message": error.message, "advice": error.advice}
            return {"error": told, "logins": list(getattr(error, "logins", ()))}
        one = kept[0]
        label = one.logins[-1]["label"] if one.logins else ""
        return {"snapshot": one.snapshot, "login": label, "logins": one.logins, "requests": one.requests}

    device.apis, device.spec["beside"] = {}, {}
    work = DeviceRun(device, send, vault, JOB, check=True)
    result = work.info()
    if result["error"] is not None or not kept:
        error = result["error"] or {"message": f"{device.name}: it was not read.", "advice": ""}
        raise InputError(error["message"], error.get("advice") or "")
    kept[0].secrets += work.secrets()
    return kept[0]


# -- the file ----------------------------------------------------------------------------------------------------------
def file_name(fixture: dict[str, Any]) -> str:
    """FAMILY-MODEL-DATE, of harmless characters."""
    model = re.sub(r"[^A-Za-z0-9]+", "_", fixture["device"].get("model", "")).strip("_")[:40] or "device"
    return f"{fixture['family']}-{model}-{fixture['recorded'].replace('-', '')}"


def write(folder: str, fixture: dict[str, Any]) -> str:
    """Write the fixture, 0600, whole or not at all, never over another file; its path."""
    text = json.dumps(fixture, indent=1, ensure_ascii=True) + "\n"
    handle, temporary = tempfile.mkstemp(prefix=".tmp-", dir=folder)  # mkstemp: 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        for number in range(1, 1000):
            path = os.path.join(folder, file_name(fixture) + (f"-{number}" if number > 1 else "") + ".json")
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)  # unlike a rename, this never replaces
                return path
        raise StateError(f"{folder} holds too many recordings of this device.", "Move them away.")
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _folder(given: str, language: str) -> str:
    try:
        return files.private_folder(os.path.abspath(os.path.expanduser(given)))
    except NwcsError as error:
        raise StateError(_text("exists", language, path=given, reason=str(error))) from None


# -- saying it ---------------------------------------------------------------------------------------------------------
def _tell(
    language: str, device: Device, recorded: recording.Recording, fixture: dict[str, Any], path: str
) -> None:
    exchanges = fixture["exchanges"]
    _say("read", language, host=device.name, requests=recorded.requests, exchanges=len(exchanges))
    counted: Counter[str] = Counter()
    for states in fixture["states"].values():
        counted.update(states)
    _say("states", language, states=", ".join(f"{name} {count}" for name, count in sorted(counted.items())))
    _say("redacted", language, counts=", ".join(f"{kind} {count}" for kind, count in fixture["redacted"].items()) or 0)
    if dropped := sum("dropped" in (one.get("answer") or {}) for one in exchanges):
        _say("dropped", language, count=dropped)
    if fixture["device"]:
        _say("kept_model", language, model=" ".join(fixture["device"].values()))
    _say("file", language, path=path)
    _say("look", language, path=path)
    _say("send", language)


def _text(name: str, language: str | None, **facts: Any) -> str:
    template = TEXTS[name][language == "ja"]
    return template.format(**{key: messages.safe(str(value), 600) for key, value in facts.items()})


def _say(name: str, language: str, **facts: Any) -> None:
    print(_text(name, language, **facts), flush=True)


def _complain(sentence: str) -> None:
    print(f"nwcs-record-device: {messages.safe(sentence, 1000)}", file=sys.stderr, flush=True)


def _version() -> str:
    with contextlib.suppress(OSError):
        text = (Path(__file__).parents[2] / "galaxy.yml").read_text(encoding="utf-8")
        return next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("version:")), "")
    return ""


if __name__ == "__main__":
    sys.exit(main())

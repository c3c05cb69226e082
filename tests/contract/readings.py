# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a driver reads on each simulated model, key by key: `readings/MODEL.yml`, made once and looked at by people.

    {key: value}              what it reads
    {key: {state: why}}       what it does not, and what changes by itself: {volatile: state}
    documents: [names]        what holds more than the model, or could not be read

    clock, identity           does it tell its time; who it says it is

Addresses and ports of the lab are replaced by words, because they differ in every run. What is seen from outside is
left out: other tests look at that.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from driver_cases import Family, Rig, rig

from ansible_collections.nwcs.hardening.plugins.module_utils import reading, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session

FOLDER = Path(__file__).parent / "readings"
_ADDRESS = re.compile(r"127\.\d+\.\d+\.")
_PORT = re.compile(r"(LAB\.\d+):\d{4,5}\b")


def models(family: Family) -> tuple[str, ...]:
    return (family.model, *family.characters)


def plain(readings: dict[Any, Any]) -> dict[str, Any]:
    """Readings as they stand in the file."""
    found: dict[str, Any] = {}
    for key, one in sorted(readings.items()):
        volatile = settings.setting_of(key).volatile and one.state == "value"
        value = {"volatile": one.state} if volatile else one.value if one.state == "value" else {one.state: one.why}
        found[settings.key_text(key)] = _replaced(value)
    return found


def _replaced(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _replaced(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner) for inner in value]
    if isinstance(value, str):
        return _PORT.sub(r"\1:PORT", _ADDRESS.sub("LAB.", value))
    return value


def read(run: Rig) -> dict[str, Any]:
    """Everything that the driver reads of the device, now."""
    spec = run.spec() if "http" in {one.kind for one in run.device.listeners()} else run.https()
    with Session(spec) as session:
        session.wanted |= {binding.key for binding in session.driver.bindings}  # also what is read on demand only
        trees = reading.fetch(session)
        told = {
            "documents": sorted(reading.digests(session.driver, trees)),
            "clock": session.driver.clock(session.ctx, trees) is not None,
            "identity": _replaced(vars(session.ctx.identity)),
        }
        return {**plain(reading.decode(session.driver, session.ctx, trees)), **told}


def now(family: Family, model: str) -> dict[str, Any]:
    with rig(family, model=model) as run:
        return read(run)


def path(model: str) -> Path:
    return FOLDER / f"{model}.yml"


def kept(model: str) -> dict[str, Any]:
    return yaml.safe_load(path(model).read_text(encoding="utf-8"))


class _Indented(yaml.SafeDumper):
    """Lists are indented below their key, as everywhere in this project."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def keep(model: str, found: dict[str, Any]) -> None:
    FOLDER.mkdir(exist_ok=True)
    head = f"---\n# What the driver reads on the simulated model {model}; see readings.py before you accept a change.\n"
    text = yaml.dump(found, Dumper=_Indented, allow_unicode=True, width=110, sort_keys=True)
    path(model).write_text(head + text, encoding="utf-8")

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be read and written where: build/capabilities.json and docs/capabilities.md.

    python tools/capabilities.py [FAMILY ...]

Nothing here is typed in: every simulated model is read by its driver, and every key that can be written is written with
another value, one by one, on a fresh device. `write` is said of a key whose change was read back (outcome `changed`),
`proven` where an effect was seen from outside too (a socket, a login). What a claim rests on beyond our own simulated
device stands in tests/contract/evidence.yml.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "capabilities.md"
DATA = ROOT / "build" / "capabilities.json"
EVIDENCE = ("real software", "third-party client", "capture", "schema", "document only")  # the strongest first
SIGNS = {
    "proven": "P", "write": "W", "read": "R", "not_offered": "–", "unsupported": "✗", "manual": "M", "unreadable": "?",
}  # fmt: skip
OTHER = {  # another value, by the setting's normaliser or type
    "host": ["192.0.2.7"], "address": ["192.0.2.7"], "log_server": ["192.0.2.9"], "interface": ["192.0.2.7/24"],
    "mac": ["02:00:00:00:00:07"], "port": [18080], "zone": "Asia/Tokyo", "name": "nwcs-test",
}  # fmt: skip


# Keys that are only sensible together.
FILTER = {"access.mode": "allow", "access.sources": ["192.0.2.7"]}  # some devices take single addresses only
WHOLE = {"access.mode": FILTER, "access.sources": FILTER}


HEAD = """# What can be read and written where

<!-- Made by tools/capabilities.py (make capabilities) from the drivers' tables and runs on the simulated models. -->

Every cell was found by running: the driver read the simulated model, and each key that it can write was written with
another value on a fresh device. No real hardware was there; what a row rests on beyond our own simulation stands in its
last column but one.

| Sign | Means |
|---|---|
| P | written, read back, and its effect seen from outside (socket, login) |
| W | written and read back |
| R | read; it cannot be written there, or the device refused our other value |
| – | the model does not have the switch: off |
| ✗ | the API has nothing for it, or not on this model |
| ? | not readable there, or not credible |
| M | a person has to look: the maker publishes no call for it |
| (empty) | the driver does not look for it on this model |

Rests on: *real software* (driven for real by `make test-real`), *third-party client* (a public client library makes the
same calls against our simulated device), *capture* (recorded answers of real devices), *schema* (official schemas),
*document only* (the maker's or other public documents), *the lab* (seen from outside, on simulated devices).
"""


def paths() -> None:
    for name in ("tests/contract", "tests/unit"):
        if str(ROOT / name) not in sys.path:
            sys.path.insert(0, str(ROOT / name))


def another(setting: Any, value: Any) -> Any:
    """A value of the setting that is not the present one; None where none is known."""
    if setting.type == "bool":
        return not value
    if setting.type == "enum":
        return next((choice for choice in setting.choices if choice != value), None)
    if setting.type == "int":
        return (value or 0) + 1 if isinstance(value, int) else 5
    if setting.type == "list":
        return OTHER.get(setting.normal) if setting.of != "map" else ([] if value else None)
    if setting.normal in OTHER:
        made = OTHER[setting.normal]
        return made[0] if isinstance(made, list) else made
    return "nwcs-test" if setting.type == "str" else None


def of_model(family: Any, model: str) -> dict[str, dict[str, Any]]:
    """{key text: {"state", "why", "outcome", "proof"}} of one model."""
    from driver_cases import rig

    from ansible_collections.nwcs.hardening.plugins.module_utils import judging, proving, settings
    from ansible_collections.nwcs.hardening.plugins.module_utils.reading import fetch, way_to_write
    from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session

    judging.SETTLE, proving.POLL_SECONDS, proving.RESTART_SECONDS = (0.0, 0.05, 0.15), 0.05, 3.0
    found: dict[str, dict[str, Any]] = {}
    with rig(family, model=model) as run:
        wanted = [settings.key_text(binding.key) for binding in family.driver.bindings]  # also what is read on demand
        found_now = run.readings(wanted=wanted)
        spec = run.spec(wanted=wanted)
        with Session(spec) as session:
            trees = fetch(session)
            writable = {
                text for text in found_now
                if way_to_write(session.driver, session.ctx, trees, settings.parse_key(text)) is not None
            }  # fmt: skip
    for text, reading in found_now.items():
        key = settings.parse_key(text)
        setting = settings.setting_of(key)
        state = reading["state"]
        line = found.setdefault(
            text, {"state": state, "why": reading.get("why", ""), "source": reading.get("source", "")}
        )
        if text not in writable or setting.observed:
            continue
        if setting.secret:
            if key[1] == run.login[0]:
                line.update(_password(family, model, text))
            continue
        design = WHOLE.get(text) or {text: another(setting, reading.get("value"))}
        if state != "value" or None in design.values():
            continue
        line.update(_written(family, model, design, text))
    if any(text.startswith("accounts.") and text.endswith(".role") for text in writable):
        design, text = {"accounts": {"opsnew": {"role": "viewer"}}}, 'accounts."opsnew".role'
        found[text] = {
            "state": "value",
            "why": "",
            "source": _source_of(found),
            **_written(family, model, design, text),
        }
    return found


def _source_of(found: dict[str, dict[str, Any]]) -> str:
    return next(line["source"] for text, line in found.items() if text.endswith(".role"))


def _written(family: Any, model: str, design: dict[str, Any], text: str) -> dict[str, Any]:
    """What came of another value on a fresh device."""
    from driver_cases import rig

    from ansible_collections.nwcs.hardening.plugins.module_utils.errors import NwcsError

    # HTTP is closed only where HTTPS is there to go on with.
    more = dict(family.with_https) if text == "services.http.enabled" and model == family.model else {}
    with rig(family, model=model, **more) as run:
        try:
            outcome = run.harden(design)["outcomes"].get(text, {})
        except NwcsError as error:
            outcome = {"outcome": error.code, "why": error.message}
    return {"outcome": outcome.get("outcome", ""), "told": outcome.get("why", ""), "proof": outcome.get("proof", "")}


def _password(family: Any, model: str, text: str) -> dict[str, Any]:
    """The first contact replaces the password of the login in use: a login with the new one is its effect."""
    from driver_cases import rig

    with rig(family, model=model) as run:
        user, old = run.login
        bootstrap = [{"username": user, "password": old, "label": "bootstrap"}]
        outcome = run.harden({}, manage_accounts=True, credentials=bootstrap)["outcomes"].get(text, {})
    return {"outcome": outcome.get("outcome", ""), "told": outcome.get("why", ""), "proof": outcome.get("proof", "")}


def grade(line: dict[str, Any], secret: bool) -> str:
    """One word for one key of one model."""
    if line["state"] == "manual" or "no documented call reaches it" in line["why"]:
        return "manual"
    if line["state"] in ("unsupported", "not_offered"):
        return line["state"]
    if line["state"] != "value" and not secret:
        return "unreadable"
    if line.get("outcome") not in ("changed", "pending_restart"):
        return "read"
    proof = line.get("proof") or ""
    return "proven" if proof.replace("read", "").strip(", ") else "write"


def of_family(name: str) -> dict[str, Any]:
    paths()
    import readings
    from driver_cases import FAMILIES

    from ansible_collections.nwcs.hardening.plugins.module_utils import settings

    family = FAMILIES[name]
    models: dict[str, dict[str, Any]] = {}
    for model in readings.models(family):
        lines = of_model(family, model)
        table: dict[str, Any] = {}
        for text, line in lines.items():
            key = settings.parse_key(text)
            pattern = ".".join(settings.pattern_of(key) or key) if key[0] != "services" else text
            graded = grade(line, settings.setting_of(key).secret)
            known = table.get(pattern)
            if known is None or list(SIGNS).index(graded) < list(SIGNS).index(known["grade"]):
                why = line["why"] or line.get("told", "")
                found = {"grade": graded, "outcome": line.get("outcome", ""), "why": why, "document": line["source"]}
                table[pattern] = found
        models[model] = dict(sorted(table.items()))
    return {"models": models, "sources": _sources(family), "evidence": _evidence(name)}


def _sources(family: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for binding in family.driver.bindings:
        found.setdefault(".".join(binding.key), binding.source)
    return found


def _evidence(name: str) -> dict[str, Any]:
    known = yaml.safe_load((ROOT / "tests" / "contract" / "evidence.yml").read_text(encoding="utf-8"))
    return known.get(name) or {"default": "document only", "documents": {}}


def rests_on(entry: dict[str, Any], documents: list[str]) -> str:
    """The weakest evidence of the documents that a key was read from."""
    names = [part for document in documents for part in document.split("+") if part]
    kinds = [entry["evidence"]["documents"].get(name, entry["evidence"]["default"]) for name in names]
    return max(kinds, key=EVIDENCE.index) if kinds else entry["evidence"]["default"]


def page(data: dict[str, Any]) -> str:
    lines = [*HEAD.splitlines(), ""]
    for name, entry in data.items():
        models = list(entry["models"])
        keys = sorted({key for table in entry["models"].values() for key in table})
        lines += [
            f"## {name}",
            "",
            f"| Key | {' | '.join(models)} | Rests on | Source |",
            "|---" * (len(models) + 3) + "|",
        ]
        for key in keys:
            cells = [SIGNS[table[key]["grade"]] if key in (table := entry["models"][model]) else "" for model in models]
            documents = [table[key]["document"] for table in entry["models"].values() if key in table]
            source = entry["sources"].get(key) or entry["sources"].get(_open(key)) or "seen from outside"
            told = source.replace("|", "/").replace("\n", " ")
            rests = rests_on(entry, documents) if told != "seen from outside" else "the lab"
            lines.append(f"| `{key}` | {' | '.join(cells)} | {rests} | {told} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _open(key: str) -> str:
    parts = key.split(".")
    return ".".join([parts[0], "*", *parts[2:]]) if len(parts) > 2 else key


def main() -> int:
    parser = argparse.ArgumentParser(description="Find out what can be read and written where.")
    parser.add_argument("family", nargs="*")
    given = parser.parse_args()
    paths()
    from driver_cases import FAMILIES

    names = given.family or list(FAMILIES)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        data = dict(zip(names, pool.map(of_family, names), strict=True))
    DATA.parent.mkdir(exist_ok=True)
    if given.family and DATA.exists():
        known = {**json.loads(DATA.read_text(encoding="utf-8")), **data}
        data = {name: known[name] for name in FAMILIES if name in known}
    DATA.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(data), encoding="utf-8")
    failed = [(model, key, cell) for entry in data.values() for model, table in entry["models"].items()
              for key, cell in table.items() if cell["outcome"] in ("failed", "undone", "not_checked")]  # fmt: skip
    for model, key, cell in failed:
        print(f"{model}: {key}: {cell['outcome']}: {cell['why'][:150]}")
    counts = {name: {sign: sum(cell["grade"] == sign for table in entry["models"].values() for cell in table.values())
                     for sign in SIGNS} for name, entry in data.items()}  # fmt: skip
    for name, signs in counts.items():
        print(f"{name:12} {', '.join(f'{sign} {count}' for sign, count in signs.items() if count)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

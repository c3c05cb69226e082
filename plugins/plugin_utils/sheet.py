# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameter sheets: one YAML file per device, `<folder>/<site>/<device>.yml` (SSAJ cp-1: factory, wanted, recorded).

    schema simulated site device family way
    identity                    who the device is, as of the accepted baseline
    factory                     PART at first contact, and its origin: factory | unknown
    wanted      {key: {value | absent, mode, origin}}
    recorded                    PART, the accepted baseline; null until something was recorded
    pending     {key: {value}}  written, shows only after a restart
    observed                    PART seen by a later recording that differs and that nobody accepted; null
    deviations  [{key, wanted, recorded, why}]     wanted against recorded
    history     [{at, job, what, digest}]          the last 200

    PART = {at, job, identity, settings {key: value}, without_value {key: {state, why}}, volatile {key: value},
            documents {name: {digest} | {state, why}}}

A sheet is data: it is read with a safe loader here and never given to Ansible as variables.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import compare, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    STATES,
    VALUE,
    WRITE_ONLY,
    Key,
    Reading,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.design import Want
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, NwcsError, StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import files

SCHEMA = 1
HISTORY = 200
_IDENTITY = ("manufacturer", "model", "serial", "mac", "firmware", "endpoint")
_COMMENTS = {
    "identity": "Who the device is. Another serial number or MAC address means another device.",
    "factory": "What it held at first contact. origin: factory = it was in factory state, unknown = it was in use.",
    "wanted": "What the profiles and the design of the site ask for.",
    "recorded": "The accepted baseline that drift compares with.",
    "pending": "Written to the device, shows only after its restart.",
    "observed": "Seen by a later recording, different from the baseline, and not accepted by anyone yet.",
    "deviations": "Where the baseline is not what is wanted.",
    "history": "What was recorded when.",
}
_HEAD = "# Parameter sheet, written by the toolkit: for people and for comparison. Never load it as variables.\n"


# -- files -------------------------------------------------------------------------------------------------------------
def path(folder: str, site: str, device: str) -> str:
    """Where the sheet of a device lies. Any text is a safe name: it never leaves the folder (H34)."""
    return os.path.join(folder, files.safe_name(site or "default"), files.safe_name(device) + ".yml")


def load(folder: str, site: str, device: str) -> dict[str, Any] | None:
    """The sheet, checked; None when there is none. InputError names file and key."""
    place = path(folder, site, device)
    data = files.read_yaml(place)
    if data is None and not os.path.exists(place):
        return None
    return check(data, place, device)


def save(folder: str, sheet: Mapping[str, Any]) -> str:
    """Write the sheet (0600, whole or not at all) and return its path. StateError when the file is another device's."""
    place = path(folder, sheet["site"], sheet["device"])
    files.private_folder(os.path.dirname(place))
    try:
        there = files.read_yaml(place)
    except NwcsError:
        there = None  # a broken file is replaced; load() has told about it before
    if isinstance(there, dict) and there.get("device", sheet["device"]) != sheet["device"]:
        raise StateError(f"{place} is the sheet of another device.", "Two names differ only in case: rename one.")
    head = _HEAD + ("# SIMULATED: this device is a simulation.\n" if sheet.get("simulated") else "")
    files.write_private(place, head + files.to_yaml(dict(sheet), _COMMENTS) + "\n")
    return place


def check(data: Any, place: str, device: str = "") -> dict[str, Any]:
    """Shape and values of a sheet that came from a file. InputError names file and key."""

    def fail(where: str, what: str) -> InputError:
        return InputError(f"{place}: {where}: {what}.", "Restore the sheet from a copy, or record the device again.")

    if not isinstance(data, dict):
        raise fail("top", "expected a map")
    if data.get("schema") != SCHEMA:
        raise fail("schema", f"expected {SCHEMA}, got {data.get('schema')!r}")
    if device and data.get("device") != device:
        raise fail("device", f"this sheet belongs to {data.get('device')!r}, not to {device!r}")
    for name in ("site", "device", "family"):
        if not isinstance(data.get(name), str):
            raise fail(name, "expected text")
    for name in ("identity", "wanted", "pending"):
        if not isinstance(data.setdefault(name, {}), dict):
            raise fail(name, "expected a map")
    for name in ("deviations", "history"):
        if not isinstance(data.setdefault(name, []), list):
            raise fail(name, "expected a list")
    for name in ("factory", "recorded", "observed"):
        part = data.setdefault(name, None)
        if part is not None:
            _check_part(part, name, fail)
    for key, want in data["wanted"].items():
        if not isinstance(want, dict) or not ("value" in want or want.get("absent") is True):
            raise fail(f"wanted.{key}", "expected value or absent")
    for key, wait in data["pending"].items():
        if not isinstance(wait, dict) or "value" not in wait:
            raise fail(f"pending.{key}", "expected value")
    return data


def _check_part(part: Any, name: str, fail: Any) -> None:
    if not isinstance(part, dict):
        raise fail(name, "expected a map")
    for inner in ("settings", "without_value", "volatile", "documents", "identity"):
        if not isinstance(part.setdefault(inner, {}), dict):
            raise fail(f"{name}.{inner}", "expected a map")
    for key, value in part["settings"].items():
        try:
            parsed = settings.parse_key(str(key))
            if settings.pattern_of(parsed):
                settings.normalise(parsed, value)
        except (InputError, ValueError) as error:
            raise fail(f"{name}.settings.{key}", str(error)) from None
    for key, reading in part["without_value"].items():
        if not isinstance(reading, dict) or reading.get("state") not in STATES or reading["state"] == VALUE:
            raise fail(f"{name}.without_value.{key}", "expected a state")
    for document, state in part["documents"].items():
        if not isinstance(state, dict) or not ({"digest", "state"} & set(state)):
            raise fail(f"{name}.documents.{document}", "expected digest or state")


# -- parts -------------------------------------------------------------------------------------------------------------
def clean(value: Any) -> Any:
    """Plain data that a file can hold: lone surrogates become their escape as text, tuples lists."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {clean(str(name)): clean(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(inner) for inner in value]
    return value


def part_of(snapshot: Mapping[str, Any], job: str = "") -> dict[str, Any]:
    """A snapshot in the form of a sheet: values, keys without a value, volatile values apart, sorted by key."""
    part: dict[str, Any] = {
        "at": str(snapshot.get("at", "")),
        "job": job,
        "identity": {k: clean(v) for k, v in snapshot.get("identity", {}).items() if k in _IDENTITY and v},
        "settings": {},
        "without_value": {},
        "volatile": {},
        "documents": clean(dict(sorted(snapshot.get("documents", {}).items()))),
    }
    for text, reading in sorted(snapshot.get("readings", {}).items()):
        key = settings.parse_key(text)
        pattern = settings.pattern_of(key)
        setting = settings.SETTINGS[pattern] if pattern else None
        name = clean(text)
        if reading["state"] == WRITE_ONLY or (setting and setting.secret):
            part["without_value"][name] = {"state": WRITE_ONLY}  # never a value, whatever the reading brought
        elif reading["state"] != VALUE:
            why = clean(reading.get("why") or "")
            part["without_value"][name] = {"state": reading["state"], **({"why": why} if why else {})}
        elif setting and setting.volatile:
            part["volatile"][name] = clean(reading.get("value"))
        else:
            part["settings"][name] = clean(reading.get("value"))
    return part


def readings(part: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """{key text: {"state", "value", "why"}} of a part, volatile values left out."""
    if not part:
        return {}
    result = {key: {"state": VALUE, "value": value, "why": ""} for key, value in part["settings"].items()}
    for key, reading in part["without_value"].items():
        result[key] = {"state": reading["state"], "value": None, "why": reading.get("why", "")}
    return result


def belongs(key: Key, keys: Iterable[Key]) -> bool:
    """Is `key` one of `keys`, or does it follow one of them (services.telnet.open its switch, a certificate HTTPS)?"""
    return any(key == other or settings.together(key, other) for other in keys)


# -- writing a sheet ---------------------------------------------------------------------------------------------------
def first_contact(snapshot: Mapping[str, Any], site: str, simulated: bool = False, job: str = "") -> dict[str, Any]:
    """A new sheet that holds the state before anything was changed, and no baseline yet."""
    part = part_of(snapshot, job)
    sheet: dict[str, Any] = {
        "schema": SCHEMA,
        "simulated": bool(simulated),
        "site": site or "default",
        "device": snapshot["device"],
        "family": snapshot["family"],
        "way": clean(dict(snapshot.get("way") or {})),
        "identity": dict(part["identity"]),
        "factory": {"origin": "factory" if snapshot.get("factory_new") is True else "unknown", **part},
        "wanted": {},
        "recorded": None,
        "pending": {},
        "observed": None,
        "deviations": [],
        "history": [],
    }
    _remember(sheet, part, job, "first contact")
    return sheet


def want(sheet: dict[str, Any], wanted: Mapping[Key, Want]) -> None:
    """Put what is wanted into the sheet (replaces the column) and judge the deviations again."""
    column = {}
    for key, wish in sorted(wanted.items()):
        entry: dict[str, Any] = {"absent": True} if wish.value is ABSENT else {"value": clean(wish.value)}
        if isinstance(wish.value, list):
            entry["mode"] = wish.mode
        if wish.origin:
            entry["origin"] = clean(wish.origin)
        column[clean(settings.key_text(key))] = entry
    sheet["wanted"] = column
    sheet["deviations"] = deviations(sheet)


def record(
    sheet: dict[str, Any] | None,
    snapshot: Mapping[str, Any],
    *,
    site: str = "",
    job: str = "record",
    simulated: bool = False,
    wanted: Mapping[Key, Want] | None = None,
    proven: Iterable[str] = (),
    pending: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    accept: bool = False,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Record a snapshot. Returns (sheet, findings: what differs from the accepted baseline and was not taken over).

    Without a baseline the snapshot becomes it. With one, only keys in `proven` (key texts that this run wrote and
    proved, with the other keys of their item) go into the baseline; anything else that differs stays a finding and is
    kept in `observed` until `accept`. So an account that an intruder made is not accepted by hardening again.
    pending   {key text: wanted value} that shows only after a restart
    before    `documents` of the snapshot from before this run wrote: a document that was as in the baseline then, and
              is not now, was changed by our own writes
    """
    from ansible_collections.nwcs.hardening.plugins.plugin_utils import drift

    if sheet is None:
        sheet = first_contact(snapshot, site, simulated, job)
    part = part_of(snapshot, job)
    sheet["way"] = clean(dict(snapshot.get("way") or sheet.get("way") or {}))
    waiting = {clean(key): {"value": clean(value)} for key, value in (pending or {}).items()}
    for text, wait in list(waiting.items()):  # the socket follows its switch, so it waits too
        key = settings.parse_key(text)
        if key[0] == "services" and key[-1] == "enabled":
            waiting.setdefault(settings.key_text((*key[:-1], "open")), dict(wait))
    arrived = [key for key, wait in sheet["pending"].items() if _arrived(key, wait, part)]
    sheet["pending"] = {k: v for k, v in sheet["pending"].items() if k not in arrived} | waiting
    found: list[dict[str, Any]] = []
    if sheet["recorded"] is None or accept:
        sheet["recorded"], sheet["observed"] = part, None
        sheet["identity"] = dict(part["identity"])
        _remember(sheet, part, job, "accepted" if accept else "baseline")
    else:
        keys = [settings.parse_key(clean(text)) for text in (*proven, *arrived, *waiting)]
        if keys:
            _take_over(sheet["recorded"], part, keys)
            for name, digest in (before or {}).items():
                if sheet["recorded"]["documents"].get(name) == digest and name in part["documents"]:
                    sheet["recorded"]["documents"][name] = part["documents"][name]
        found = [f for f in drift.findings(sheet, snapshot) if drift.is_drift(f)]
        if found or sheet["observed"]:
            _remember(sheet, part, job, "differs" if found else "same again")
        sheet["observed"] = part if found else None
    if wanted is not None:
        want(sheet, wanted)
    else:
        sheet["deviations"] = deviations(sheet)
    return sheet, found


def _arrived(text: str, wait: Mapping[str, Any], part: Mapping[str, Any]) -> bool:
    return text in part["settings"] and compare.same(settings.parse_key(text), wait["value"], part["settings"][text])


def _take_over(baseline: dict[str, Any], part: Mapping[str, Any], keys: list[Key]) -> None:
    for column in ("settings", "without_value"):
        kept = {k: v for k, v in baseline[column].items() if not belongs(settings.parse_key(k), keys)}
        new = {k: v for k, v in part[column].items() if belongs(settings.parse_key(k), keys)}
        merged = dict(sorted({**kept, **new}.items()))
        if merged != baseline[column]:
            baseline[column], baseline["at"], baseline["job"] = merged, part["at"], part["job"]


def _remember(sheet: dict[str, Any], part: Mapping[str, Any], job: str, what: str) -> None:
    mark = compare.digest({k: part[k] for k in ("identity", "settings", "without_value", "documents")})
    sheet["history"] = [*sheet["history"], {"at": part["at"], "job": job, "what": what, "digest": mark}][-HISTORY:]


def wants(sheet: Mapping[str, Any]) -> dict[Key, Want]:
    """The wanted column as design.Want."""
    return {
        settings.parse_key(text): Want(ABSENT if entry.get("absent") else entry["value"], entry.get("mode", "strict"),
                                       entry.get("origin", ""))
        for text, entry in sheet["wanted"].items()
    }  # fmt: skip


def deviations(sheet: Mapping[str, Any]) -> list[dict[str, Any]]:
    """[{key, wanted, recorded, why}] where the baseline is not what is wanted; why: missing, extra, changed, pending,
    or the state of a reading without a value."""
    baseline, result = readings(sheet["recorded"]), []
    if sheet["recorded"] is None:
        return []
    for key, wish in wants(sheet).items():
        text = clean(settings.key_text(key))
        known = baseline.get(text)
        if known is None:
            have = Reading.of(ABSENT) if settings.item_of(key) else Reading("unsupported", why="never read")
        else:
            have = Reading(known["state"], known["value"], known["why"])
        if have.state != WRITE_ONLY:
            gap = compare.difference(key, wish, have)
            if gap:
                why = "pending" if text in sheet["pending"] else gap.why or gap.kind
                there = have.value if have.state == VALUE and have.value is not ABSENT else None
                told = None if wish.value is ABSENT else clean(wish.value)
                result.append({"key": text, "wanted": told, "recorded": there, "why": why})
    return result

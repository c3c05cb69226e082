# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparison: pure, aware of type and order, never by substring. No file, no device, no state."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import settings, zones
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, NOT_OFFERED, VALUE, Key, Reading
from ansible_collections.nwcs.hardening.plugins.module_utils.design import Want

# What "the switch does not exist on this model" satisfies (DESIGN 3: not_offered means off).
_OFF_WORDS = ("off", "none")


@dataclass(frozen=True)
class Difference:
    """How a reading misses what is wanted.

    kind     missing (not there, or members missing) | extra (more than wanted) | changed (another value)
             | unknown: the reading is no value, so nothing can be said. Never take it for compliant
    missing  wanted members of a list that are not there; extra: members that nobody wants
    why      for unknown: the state and reason of the reading
    """

    kind: str
    missing: list[Any] = field(default_factory=list)
    extra: list[Any] = field(default_factory=list)
    why: str = ""


def canonical(obj: Any) -> str:
    """One text per value: sorted keys, no spaces, true is not 1. Bytes and ABSENT have marked forms of their own."""
    return json.dumps(_plain(obj), sort_keys=True, separators=(",", ":"), allow_nan=True)


def digest(obj: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of `obj` (dicts, lists, tuples, str, int, float, bool, None, bytes)."""
    return hashlib.sha256(canonical(obj).encode("ascii")).hexdigest()


def _plain(obj: Any) -> Any:
    if isinstance(obj, Mapping):
        return {str(name): _plain(value) for name, value in obj.items()}
    if isinstance(obj, (list, tuple)):
        return [_plain(value) for value in obj]
    if isinstance(obj, (set, frozenset)):
        return sorted((_plain(value) for value in obj), key=canonical)
    if isinstance(obj, (bytes, bytearray)):
        return {"$bytes": bytes(obj).hex()}
    if obj is ABSENT:
        return {"$absent": True}
    return obj


def _normal(key: Key, value: Any) -> Any:
    """The normal form, or the value itself when it has none (a lie of the device, a key of a newer version)."""
    if value is ABSENT or settings.pattern_of(key) is None:
        return value
    try:
        return settings.normalise(key, value)
    except ValueError:
        return value


def same(key: Key, left: Any, right: Any) -> bool:
    """Do both values mean the same for this key? Unordered lists as sets, zones by offset and rule, true is not 1."""
    if type(left) is type(right) and isinstance(left, (str, int)) and left == right:
        return True
    one, two = _normal(key, left), _normal(key, right)
    pattern = settings.pattern_of(key)
    if pattern and isinstance(one, str) and isinstance(two, str):
        if settings.SETTINGS[pattern].normal == "zone":
            return zones.same(one, two)
        if settings.SETTINGS[pattern].normal == "name":
            return one.lower() == two.lower()
    return canonical(one) == canonical(two)


def members(key: Key, left: Any, right: Any) -> tuple[list[Any], list[Any]]:
    """(members only in `left`, members only in `right`) of two lists, each in its own order."""
    one, two = _normal(key, left), _normal(key, right)
    seen_one, seen_two = {canonical(m) for m in one}, {canonical(m) for m in two}
    return [m for m in one if canonical(m) not in seen_two], [m for m in two if canonical(m) not in seen_one]


def difference(key: Key, want: Want, have: Reading) -> Difference | None:
    """None when `have` is what is wanted. A reading in state VALUE may hold ABSENT: the item is not there."""
    if have.state == NOT_OFFERED:
        value = want.value
        off = value is ABSENT or value is False or value == [] or value in _OFF_WORDS
        return None if off else Difference("missing", missing=list(value) if isinstance(value, list) else [])
    if have.state != VALUE:
        return Difference("unknown", why=f"{have.state}: {have.why}" if have.why else have.state)
    if want.value is ABSENT or have.value is ABSENT:
        if want.value is have.value:
            return None
        return Difference("extra" if want.value is ABSENT else "missing")
    if isinstance(want.value, list) and isinstance(have.value, (list, tuple)):
        missing, extra = members(key, want.value, have.value)
        if want.mode == "at_least":
            return Difference("missing", missing) if missing else None
        if missing or extra:
            return Difference("changed" if missing and extra else "missing" if missing else "extra", missing, extra)
    return None if same(key, want.value, have.value) else Difference("changed")


# -- names -------------------------------------------------------------------------------------------------------------
# Letters of other scripts that look like Latin ones (Unicode TS 39 "confusables", the part that reads as a-z, 0-9).
_LOOKS_LIKE = {
    **str.maketrans("авсԁеɡнһіјкӏмпорԛгѕтѵԝхуьзб", "abcdeghhijklmnopqrstvwxyb36"),  # Cyrillic
    **str.maketrans("αβεηικνορτυχγσω", "abenikvoptuxyow"),  # Greek
    **str.maketrans("10ı", "loi"),
}


def _skeleton(name: str) -> str:
    """What a person sees: compatibility forms folded, invisible characters dropped, case and spaces ignored."""
    text = unicodedata.normalize("NFKC", name).casefold()
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Mn", "Cn", "Cs") and c not in "ㅤᅟᅠ⠀")
    return " ".join(text.translate(_LOOKS_LIKE).split())


def look_alikes(names: Iterable[str]) -> list[list[str]]:
    """Groups of different names that a person cannot tell apart (H35), sorted; names are compared byte for byte."""
    groups: dict[str, set[str]] = {}
    for name in names:
        groups.setdefault(_skeleton(name), set()).add(name)
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


def content_names(names: Sequence[str]) -> list[str]:
    """Unique item names from contents: the second "a" becomes "a#2", unless an item is really called so."""
    taken, result = set(names), []
    seen: set[str] = set()
    for name in names:
        unique, number = name, 1
        while unique in seen or (number > 1 and unique in taken):
            number += 1
            unique = f"{name}#{number}"
        seen.add(unique)
        result.append(unique)
    return result

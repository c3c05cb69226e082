# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration tables as the devices keep them: JSON trees by table name, and their line form.

A key of the line form names table, members and list places: `AccessFilter.TrustList[0]`, `VideoColor[0][0].Brightness`.
Reading answers `table.KEY=value` lines; writing takes `KEY=value` and keeps the kind of value that is there.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

LIST_LIMIT = 256  # places of a list (the source filter's lists have 0 to 255)
# Lists that grow when their next place is written; every other list has the places it has.
GROWING = ("AccessFilter.TrustList", "AccessFilter.BannedList", "NTP.ServerList")
SECRET = re.compile(r"Password|Pwd|Keys?(\[|$)")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class NoSuchKey(Exception):
    """The key names nothing in these tables."""


class BadValue(Exception):
    """The value does not fit what the key holds."""


def steps(key: str) -> list[str | int]:
    """`A.B[0]` as ["A", "B", 0]; raises NoSuchKey for a text that is no key."""
    found: list[str | int] = []
    place = 0
    while place < len(key):
        if found and key[place] == ".":
            place += 1
        match = _STEP.match(key, place)
        if match is None:
            raise NoSuchKey(key)
        found.append(match[1] if match[1] is not None else int(match[2]))
        place = match.end()
    if not found or not isinstance(found[0], str):
        raise NoSuchKey(key)
    return found


def find(tables: dict[str, Any], key: str) -> Any:
    """What the key names; raises NoSuchKey."""
    here: Any = tables
    for step in steps(key):
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            raise NoSuchKey(key) from None
    return here


def text(value: Any) -> str:
    """A single value as the line form shows it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def lines(prefix: str, value: Any) -> Iterator[str]:
    """`prefix.A.B[0]=v` for each single value below."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from lines(f"{prefix}.{name}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from lines(f"{prefix}[{index}]", inner)
    else:
        yield f"{prefix}={text(value)}"


def fitted(old: Any, given: str, lenient: bool = False) -> Any:
    """The written text as the kind of value that is there. `lenient`: any other text is false, or the old number."""
    if isinstance(old, bool):
        if given.lower() in ("true", "false"):
            return given.lower() == "true"
        if lenient:
            return False
        raise BadValue(given)
    if isinstance(old, int):
        if re.fullmatch(r"-?\d{1,9}", given):
            return int(given)
        if lenient:
            return old
        raise BadValue(given)
    if isinstance(old, dict | list):
        raise BadValue(given)
    return given


def put(tables: dict[str, Any], key: str, value: Any) -> None:
    """Store a single value; a growing list takes its next place. Raises NoSuchKey."""
    way = steps(key)
    holder = find(tables, _joined(way[:-1])) if len(way) > 1 else tables
    last = way[-1]
    if isinstance(holder, list) and isinstance(last, int) and last == len(holder):
        holder.append(value)
        return
    try:
        holder[last]
        holder[last] = value
    except (KeyError, IndexError, TypeError):
        raise NoSuchKey(key) from None


def current(tables: dict[str, Any], key: str) -> Any:
    """What stands where `key` would be written: "" for the next place of a growing list. Raises NoSuchKey."""
    try:
        return find(tables, key)
    except NoSuchKey:
        way = steps(key)
        above = _joined(way[:-1])
        if above in GROWING and isinstance(way[-1], int):
            holder = find(tables, above)
            if way[-1] == len(holder) < LIST_LIMIT:
                return ""
        raise


def replaced(old: Any, new: Any, path: str) -> Any:
    """A table's new tree as the device takes it over JSON: members it does not know are dropped, missing ones stay.

    Lists of single values are replaced, lists of members keep their length. Raises BadValue for another kind of value.
    """
    if isinstance(old, dict):
        if not isinstance(new, dict):
            raise BadValue(path)
        return {name: replaced(inner, new.get(name, inner), f"{path}.{name}") for name, inner in old.items()}
    if isinstance(old, list):
        if not isinstance(new, list) or len(new) > LIST_LIMIT:
            raise BadValue(path)
        if path in GROWING or not old:
            if any(not isinstance(item, str) for item in new):
                raise BadValue(path)
            return list(new)
        if len(new) != len(old):
            raise BadValue(path)
        return [replaced(inner, new[index], f"{path}[{index}]") for index, inner in enumerate(old)]
    if isinstance(old, bool) != isinstance(new, bool) or not isinstance(new, type(old)):
        raise BadValue(path)
    return new


def merged(base: Any, over: Any) -> Any:
    """`over` laid upon `base`, mapping by mapping; a fresh copy."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {name: merged(base.get(name), over.get(name, base.get(name))) for name in [*base, *over]}
    return copy.deepcopy(base if over is None else over)


def masked(value: Any, name: str = "") -> Any:
    """The tree without its secrets."""
    if isinstance(value, dict):
        return {key: masked(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, name) for inner in value]
    return "***" if SECRET.search(name) and value not in ("", None) and not isinstance(value, bool | int) else value


def _joined(way: list[str | int]) -> str:
    out = ""
    for step in way:
        out += f"[{step}]" if isinstance(step, int) else f"{'.' if out else ''}{step}"
    return out

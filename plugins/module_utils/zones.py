# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time zones: devices speak POSIX ("JST-9"), people speak IANA ("Asia/Tokyo"); compared by offset and rule, not text.

Sources: POSIX TZ syntax (sign is reversed: JST-9 is UTC+9); malformed forms seen on devices: onvif.md 2.4 (H15).
"""

from __future__ import annotations

import os
import re
import zoneinfo
from functools import lru_cache

_OFFSET = r"(?P<{0}>[+-]?\d{{1,2}}(?::\d{{1,2}}){{0,2}})"
_NAME = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]+>)"
_POSIX = re.compile(
    rf"^(?P<name>{_NAME}){_OFFSET.format('std')}:?(?:(?P<dst>{_NAME}){_OFFSET.format('dsto')}?)?(?P<rule>,.*)?$"
)


def _seconds(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    parts = [int(part) for part in text.lstrip("+-").split(":")]
    return sign * sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))


@lru_cache(maxsize=256)
def posix(name: str) -> str | None:
    """The POSIX form of an IANA zone ("Asia/Tokyo" -> "JST-9"), from the last line of its data; None if unknown."""
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}", name):
        return None
    for folder in zoneinfo.TZPATH:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                return _footer(file.read())
    try:
        from importlib import resources  # the tzdata package, on machines without system data

        return _footer(resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes())
    except (ImportError, FileNotFoundError, OSError):
        return None


def _footer(data: bytes) -> str | None:
    if not data.startswith(b"TZif"):
        return None
    line = data.rstrip(b"\n").rpartition(b"\n")[2]
    return line.decode("ascii", "replace") or None


@lru_cache(maxsize=1024)
def key(text: str) -> tuple[int, int | None, str] | None:
    """(seconds east of UTC, the same in summer or None, rule) for comparing; None when the text says no zone."""
    text = text.strip()
    if text.upper() in ("UTC", "GMT", "Z", "UTC0", "GMT0"):
        return (0, None, "")
    match = _POSIX.match(text)
    if not match:
        converted = posix(text)
        match = _POSIX.match(converted) if converted else None
        if not match:
            return None
    east = -_seconds(match["std"])
    if not match["dst"]:
        return (east, None, "")
    summer = -_seconds(match["dsto"]) if match["dsto"] else east + 3600
    return (east, summer, (match["rule"] or "").upper())


def same(left: str, right: str) -> bool:
    """Do both mean the same offset and rule? Texts that are no zone are equal only when identical."""
    one, two = key(left), key(right)
    return left.strip() == right.strip() if one is None or two is None else one == two


def canonical(text: str) -> str:
    """IANA names become their POSIX form where it is known; everything else stays as it is."""
    text = text.strip()
    return (posix(text) if "/" in text else None) or text

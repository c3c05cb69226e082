# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device's own log: who logged in from where, what was saved; found by token as CGI clients do."""

from __future__ import annotations

import datetime
import secrets
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

FORM = "%Y-%m-%d %H:%M:%S"
KEPT = 1024
AT_ONCE = 100


@dataclass
class Search:
    rows: list[dict[str, Any]]
    given: int = 0


@dataclass
class DeviceLog:
    rows: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT))
    searches: dict[str, Search] = field(default_factory=dict)
    number: int = 0

    def add(self, at: datetime.datetime, kind: str, user: str, detail: dict[str, str]) -> None:
        """One line; `at` is the device's local time."""
        self.number += 1
        self.rows.append(
            {"RecNo": self.number, "Time": at.strftime(FORM), "Type": kind, "User": user, "Level": 0, "Detail": detail}
        )

    def between(self, start: str, end: str, kind: str = "") -> list[dict[str, Any]]:
        """Rows from start to end (text of the device's local time; "" is open), of one kind ("" is any)."""
        return [
            row
            for row in self.rows
            if (not start or row["Time"] >= start) and (not end or row["Time"] <= end) and kind in ("", row["Type"])
        ]

    def start(self, start: str, end: str, kind: str = "") -> tuple[str, int]:
        rows = self.between(start, end, kind)
        token = str(secrets.randbelow(10**9) + 1)
        self.searches[token] = Search(rows)
        while len(self.searches) > 8:
            self.searches.pop(next(iter(self.searches)))
        return token, len(rows)

    def next(self, token: str, count: int) -> list[dict[str, Any]] | None:
        """The next rows of a search, none at its end; None when there is no such search."""
        search = self.searches.get(token)
        if search is None:
            return None
        rows = search.rows[search.given : search.given + max(0, min(count, AT_ONCE))]
        search.given += len(rows)
        return rows

    def stop(self, token: str) -> bool:
        return self.searches.pop(token, None) is not None


def item_lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    """`items[i].Field=value` of found rows."""
    for index, row in enumerate(rows):
        for name, value in row.items():
            if isinstance(value, dict):
                for inner, shown in value.items():
                    yield f"items[{index}].{name}.{inner}={shown}"
            else:
                yield f"items[{index}].{name}={value}"


def export(rows: list[dict[str, Any]]) -> str:
    """The text of a log export: one block for each row."""
    blocks = []
    for row in rows:
        detail = "\r\n".join(f"    {name}: {shown}" for name, shown in row["Detail"].items())
        blocks.append(f"[{row['Time']}]\r\nType: {row['Type']}\r\nUser: {row['User']}\r\n{detail}\r\n")
    return "\r\n".join(blocks)

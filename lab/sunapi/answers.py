# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two forms of an answer: `Key=Value` lines, and JSON for who asks for it."""

from __future__ import annotations

import json
from typing import Any

from ..device import Request, Response
from .schema import Refused, Submenu

TEXT, JSON = "text/plain; charset=utf-8", "application/json"


def wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


def done(as_json: bool, extra: dict[str, Any] | None = None) -> Response:
    """A write that was taken: `OK`, sometimes with the number of the new row."""
    if as_json:
        return _json({"Response": "Success"})
    return _text("OK" + "".join(f"\r\n{key}={_word(value)}" for key, value in (extra or {}).items()))


def refused(as_json: bool, error: Refused) -> Response:
    """NG: the status is 200 all the same."""
    if as_json:
        return _json({"Response": "Fail", "Error": {"Code": error.code, "Details": error.text}})
    return _text(f"NG\r\nError Code: {error.code}\r\n{error.text}")


def view(as_json: bool, menu: Submenu, values: dict[str, Any] | list[dict[str, Any]]) -> Response:
    """An answer with values: one mapping, or a list of them where the submenu has rows."""
    rows = values if isinstance(values, list) else [values]
    if as_json:
        return _json({menu.wrap: rows} if menu.wrap else rows[0])
    lines = []
    for row in rows:
        head = f"{menu.row}.{row[menu.row]}." if menu.row else ""
        lines += [f"{head}{key}={_word(value)}" for key, value in row.items() if key != menu.row or not menu.row]
    return _text("\r\n".join(lines))


def plain(as_json: bool, tree: dict[str, Any], lines: list[str]) -> Response:
    """An answer whose two forms differ in shape."""
    return _json(tree) if as_json else _text("\r\n".join(lines))


def xml(text: str) -> Response:
    return Response(200, [("Content-Type", "text/xml; charset=utf-8")], text.encode())


def _word(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _json(tree: Any) -> Response:
    return Response(200, [("Content-Type", JSON)], json.dumps(tree, indent=2).encode())


def _text(text: str) -> Response:
    return Response(200, [("Content-Type", TEXT)], (text + "\r\n").encode("utf-8", "replace"))

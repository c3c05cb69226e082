# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every part of the simulated AXIS device knows of a request, and its way from URL to function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from ..device import Request, Response

if TYPE_CHECKING:
    from .device import VapixDevice

ANYONE, VIEWER, OPERATOR, ADMIN = 0, 1, 4, 6
TEXT = "text/plain"
HTML = "text/html"
FORMS = ("application/x-www-form-urlencoded", "text/plain", "")  # public clients send forms as text/plain too
NOT_FOUND = (
    "<HTML><HEAD><TITLE>404 Not Found</TITLE></HEAD>\n<BODY><H1>404 Not Found</H1>\n"
    "The requested URL {path} was not found on this server.\n</BODY></HTML>\n"
)


@dataclass
class Ask:
    """One request, taken apart. `pairs` are the query's and the form's fields in their order."""

    request: Request
    path: str
    pairs: list[tuple[str, str]] = field(default_factory=list)
    user: str = ""
    level: int = 0

    @classmethod
    def of(cls, request: Request) -> Ask:
        path, _unused, query = request.path.partition("?")
        pairs = parse_qsl(query, keep_blank_values=True)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() in FORMS:
            pairs += parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        return cls(request, path, pairs)

    @property
    def fields(self) -> dict[str, str]:
        return dict(self.pairs)


@dataclass(frozen=True)
class Route:
    """Who may ask (level), who answers, the operation's name in the log and whether it changes something."""

    level: int
    answer: Callable[[VapixDevice, Ask], Response]
    operation: Callable[[Ask], str]
    writes: Callable[[Ask], bool] = lambda ask: False
    refusal: Callable[[VapixDevice, Ask], Response] | None = None  # H12: the error inside a good status
    taken: Callable[[VapixDevice, Ask], Response] | None = None  # H01: what it says when nothing happens


def page(body: str, kind: str = TEXT, status: int = 200) -> Response:
    return Response(status, [("Content-Type", kind)], body.encode("utf-8", "replace"))


def not_found(path: str) -> Response:
    kind = "text/html; charset=ISO-8859-1"
    return page(NOT_FOUND.format(path=path.replace("<", "&lt;").replace(">", "&gt;")), kind, 404)


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` laid over `base`, mapping by mapping; None takes the place of what was there."""
    out = dict(base)
    for key, value in over.items():
        same = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if same else value
    return out

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What i-PRO cameras and recorders share: how their answers look, and their lock-out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from urllib.parse import unquote

from ..device import Response
from ..onvif.lockout import Lockout

TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 500: "Internal Server Error"}
BOM = b"\xef\xbb\xbf"


class WindowLockout(Lockout):
    """Locks a source address after so many failures within `window` seconds; older ones are forgotten."""

    def __init__(self, attempts: int, seconds: float, window: float) -> None:
        super().__init__(attempts, seconds, "address")
        self.window = window
        self._times: dict[str, deque[float]] = {}

    def failed(self, key: str) -> None:
        now = time.monotonic()
        times = self._times.setdefault(key, deque())
        while times and now - times[0] > self.window:
            times.popleft()
        times.append(now)
        self._failed[key] = len(times) - 1
        super().failed(key)
        if self.is_locked(key):
            times.clear()

    def succeeded(self, key: str) -> None:
        super().succeeded(key)
        self._times.pop(key, None)

    def forget(self) -> None:
        super().forget()
        self._times.clear()


def arguments(query: str) -> dict[str, str]:
    """The arguments of a request, percent-decoded; the first of each name counts."""
    found: dict[str, str] = {}
    for part in query.split("&"):
        name, _unused, value = part.partition("=")
        if name:
            found.setdefault(unquote(name), unquote(value, errors="surrogateescape"))
    return found


def text(lines: Iterable[str], head: bytes = BOM, html: bool = False) -> Response:
    """Lines as the devices send them: a byte order mark or a blank line first, getinfo's wrapped in <HTML>."""
    body = "".join(f"{line}\r\n" for line in lines)
    body = f"<HTML>\r\n{body}</HTML>\r\n" if html else body
    return Response(200, [("Content-Type", "text/plain")], head + body.encode("utf-8", "surrogateescape"))


def page(status: int, shown: int = 0) -> Response:
    """An error: a plain page with its title; `shown` is the error of an answer whose status says otherwise."""
    title = TITLES[shown or status]
    body = f"<HTML><HEAD><TITLE>{shown or status} {title}</TITLE></HEAD><BODY>{title}</BODY></HTML>\r\n"
    return Response(status, [("Content-Type", "text/html")], body.encode())

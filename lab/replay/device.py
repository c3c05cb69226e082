# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A device made of a recording: it answers the requests that were recorded, read-only, and knows nothing else.

Model data: `fixture`, a path of a file that `nwcs-record-device` wrote, or its content. Logins are checked for their
form only (a recording holds no password): whoever sends credentials is let in, whoever does not gets the challenge.
"""

from __future__ import annotations

import email.utils
import html
import json
import time
from pathlib import Path
from typing import Any

from ..base import LabError
from ..device import Device, Listener, LogEntry, Request, Response
from .matching import Asked, best, echoed

KINDS = ("http", "https", "rtsp", "rtsps")


class ReplayDevice(Device):
    """The recorded device at an address of the lab, with the ports it had, or as `ports` says ({80: 8080})."""

    family = "replay"
    faults_known: dict[str, str] = {}
    attacks: dict[str, str] = {}

    def __init__(self, name: str, address: str, model: dict[str, Any], ports: dict[str, int] | None = None) -> None:
        super().__init__(name, address, model, ports)
        self.fixture = _load(model.get("fixture"), name)
        self.moved = {int(port): int(to) for port, to in (model.get("moved") or {}).items()}
        self.sockets = [(one["kind"], self.moved.get(one["port"], one["port"]), one.get("login", True))
                        for one in self.fixture["sockets"]]  # fmt: skip
        for kind, port, _login in reversed(self.sockets):
            self.ports[kind] = port
        self.speaks = str(self.fixture.get("family") or self.family)  # the driver that it was recorded with
        self.exchanges = self.fixture["exchanges"]
        self.asked = [Asked.of_recorded(one) for one in self.exchanges]
        self.used: dict[int, int] = {}

    @property
    def bootstrap_login(self) -> tuple[str, str] | None:
        return "admin", "any"

    def listeners(self) -> set[Listener]:
        if self.is_down():
            return set()
        return {Listener(kind, port) for kind, port, _login in self.sockets if kind in KINDS}

    def rtsp_open(self) -> bool:
        return any(kind.startswith("rtsp") and not login for kind, _port, login in self.sockets)

    async def handle(self, request: Request) -> Response:
        given = request.headers.get("authorization") or request.headers.get("cookie")
        port = next((old for old, new in self.moved.items() if new == request.port), request.port)
        asked = Asked.of_live(request.method, request.path, request.body, bool(given), request.scheme, port)
        number = best(asked, self.asked, self.used)
        if number is None:
            return self._answer(request, asked, Response(404, [("Content-Type", "text/plain")], b"not recorded\n"))
        one, wants = self.exchanges[number], self.asked[number]
        if wants.login and not asked.login:
            return self._answer(request, asked, self._challenge())
        self.used[number] = self.used.get(number, 0) + 1
        return self._answer(request, asked, self._recorded(one, request.body))

    def _recorded(self, one: dict[str, Any], asked: bytes = b"") -> Response:
        if one.get("error"):
            return Response(cut="close")
        body = echoed(one["answer"].get("text", ""), one["request"].get("text", ""), asked).encode()
        if one["answer"].get("dropped") == "html":
            title = one["answer"].get("title", "")
            body = f"<html><head><title>{html.escape(title)}</title></head></html>".encode()
        elif "dropped" in one["answer"]:
            body = b"\0" * min(int(one["answer"]["bytes"]), 4096)
        headers = one["headers"]
        sent = [(name.title(), text) for name, text in headers.items() if isinstance(text, str) and name != "date"]
        if "date" in headers:
            sent.append(("Date", email.utils.format_datetime(self.now(), usegmt=True)))
        sent += [("Set-Cookie", f"{cookie}=recorded; Path=/") for cookie in headers.get("cookies") or ()]
        sent += _challenges(headers.get("www-authenticate") or ())
        return Response(one["status"], sent, body)

    def _challenge(self) -> Response:
        """The challenge that the recorded device gave, wherever it gave one."""
        for one in self.exchanges:
            if one.get("status") == 401 and one["headers"].get("www-authenticate"):
                return self._recorded(one)
        return Response(401, _challenges([{"scheme": "basic", "realm": "replay"}]))

    def _answer(self, request: Request, asked: Asked, response: Response) -> Response:
        login = "ok" if asked.login and response.status != 401 else ""
        path = request.path.partition("?")[0]
        self.log.append(
            LogEntry(time.time(), request.peer, request.scheme, request.method, path, f"{request.method} {path}",
                     False, response.status, "recorded" if login else "", login)
        )  # fmt: skip
        return response


def _challenges(found: Any) -> list[tuple[str, str]]:
    made = []
    for one in found:
        parts = [f'realm="{one.get("realm", "replay")}"']
        if one["scheme"] == "digest":
            parts += ['nonce="recorded"'] + [f'{name}="{one[name]}"' for name in ("algorithm", "qop") if name in one]
        made.append(("WWW-Authenticate", f"{one['scheme'].title()} {', '.join(parts)}"))
    return made


def _load(source: Any, name: str) -> dict[str, Any]:
    content = source
    if isinstance(source, str):
        try:
            content = json.loads(Path(source).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise LabError(f"{name}: the recording {source} cannot be read ({type(error).__name__})") from None
    if not isinstance(content, dict) or content.get("kind") != "nwcs-record-device" or content.get("schema") != 1:
        raise LabError(f"{name}: the model's `fixture` is no recording of nwcs-record-device")
    return content

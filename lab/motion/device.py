# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated motion 4.5: web control in text mode and the stream port, over one set of keys.

Model keys: `config` (what differs from Debian's file), `cameras` (names), `version`, `hides_all` (webcontrol_parms 0),
`own` ({number: what differs from the main settings}: cameras with files of their own; their keys are "NUMBER/key").
Shaped after motion itself: tests/real sends the same requests to both.
"""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import unquote

from ..cuts import Sight
from ..device import Listener, LogEntry, Request, Response
from ..onvif.auth import Digest, Login
from ..program import FAULTS, HOSTILE, Program
from .keys import AT_START, CAMERA, DEFAULTS, HIDDEN, SWITCHES

BAD = b"Bad Request \nThe server did not understand your request. \n"
DENIED = b"<html><head><title>Access denied</title></head><body>Access denied</body></html>"
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
_WRITES = {"/0/config/set": "set", "/0/config/write": "write", "/0/action/restart": "restart"}


class MotionDevice(Program):
    family = "motion"
    faults_known = FAULTS | {"camera-lost": "the first camera's connection is gone"}
    attacks = {
        "commands": "a command runs at every film",
        "stream-open": "the streams ask for no login any more",
        "rename": "the camera has another name",
    }

    def __init__(self, name: str, address: str, model: dict[str, Any], ports: dict[str, int] | None = None) -> None:
        super().__init__(name, address, {**model, "ports": {"stream": 8081, **model.get("ports", {})}}, ports)
        self.digests = {port: Digest("Motion", ["MD5"]) for port in (self.ports["http"], self.ports["stream"])}
        self.failed: dict[str, int] = {}
        self._start()

    def _start(self) -> None:
        self.at_start = {key: value for key, value in self.state.items() if key.rpartition("/")[2] in AT_START}

    @property
    def own(self) -> dict[str, dict[str, Any]]:
        return {str(number): dict(given) for number, given in self.model.get("own", {}).items()}

    def at_first(self) -> dict[str, Any]:
        own = {"webcontrol_port": str(self.ports["http"]), "stream_port": str(self.ports["stream"])}
        main = {**DEFAULTS, **own, **{key: str(value) for key, value in self.model.get("config", {}).items()}}
        for number, given in self.own.items():
            camera = {**{key: main[key] for key in CAMERA}, "stream_port": "0", **given}
            main.update({f"{number}/{key}": value for key, value in camera.items()})
        return main

    def prepare(self, fault: str) -> None:
        if fault == "H34":
            self.force(camera_name=HOSTILE)

    def attack(self, name: str) -> str:
        if name == "commands":
            self.force(on_movie_end="/tmp/x")
            return "A command runs at the end of every film."
        if name == "stream-open":
            self.force(stream_auth_method="0")
            return "The streams ask for no login any more."
        self.force(camera_name="owned")
        return "The camera is called owned."

    def restarted(self) -> None:
        super().restarted()
        for key, value in self.state.items():
            if value is not None and not value.strip():  # a line without a value in its file
                self.state[key] = None
        self.failed.clear()
        self._start()
        for digest in self.digests.values():
            digest.forget()

    def listeners(self) -> set[Listener]:
        found = super().listeners()
        ports = [value for key, value in self.at_start.items() if key.rpartition("/")[2] == "stream_port"]
        return found | {Listener("http", int(port)) for port in ports if port != "0"} if found else found

    def has_password(self, key: str, user: str, password: str) -> bool:
        return self.state[key] == f"{user}:{password}"

    def sight(self, request: Request) -> Sight:
        path = request.path.partition("?")[0]
        return Sight((_WRITES.get(path, path),), path in _WRITES, "authorization" in request.headers)

    # -- requests ----------------------------------------------------------------------------------------------------
    def answer(self, request: Request, entry: LogEntry) -> Response:
        if request.method != "GET":
            return Response(cut="close")
        stream = request.port != self.ports["http"] and request.scheme == "http"
        entry.operation = "stream" if stream else _WRITES.get(entry.path, entry.path)
        entry.write = not stream and (entry.path in _WRITES or entry.path.endswith("/config/set"))
        refused = self._login(request, entry, "stream" if stream else "webcontrol")
        if refused is not None:
            return refused
        if stream:
            return Response(200, [("Content-Type", "image/jpeg")], JPEG)
        body = self._control(entry.path, request.path.partition("?")[2])
        return Response(200, [("Content-Type", "text/plain;")], body)

    def _login(self, request: Request, entry: LogEntry, side: str) -> Response | None:
        limit = int(self.at_start["webcontrol_lock_attempts"] or 0)
        if self.failed.get(request.peer, 0) > limit:
            entry.login = "locked" if "authorization" in request.headers else ""
            return Response(200, [("Content-Type", "text/plain;")], BAD)
        method = self._method(request) if side == "stream" else self.state["webcontrol_auth_method"]
        if method == "0" or self.state[f"{side}_authentication"] is None:  # no account: everybody is let in
            return None
        user, _colon, password = self.state[f"{side}_authentication"].partition(":")
        digest, given = self.digests[self.ports["stream" if side == "stream" else "http"]], Login()
        header = request.headers.get("authorization", "")
        if method == "1" and header:
            right = base64.b64encode(f"{user}:{password}".encode()).decode()
            given = Login(user, "ok" if header == f"Basic {right}" else "refused")
        elif header:
            given = digest.check(header, request.method, request.path, lambda name: password if name == user else None)
        entry.login = given.outcome
        if given.outcome == "ok":
            entry.user = given.user
            self.failed.pop(request.peer, None)
            return None
        if given.outcome == "refused":
            self.failed[request.peer] = self.failed.get(request.peer, 0) + 1
        basic = [("WWW-Authenticate", 'Basic realm="Motion"')]
        return Response(401, basic if method == "1" else digest.challenges(given.stale), DENIED)

    def _method(self, request: Request) -> str:
        """A camera's own, at the shared port and at one of its own."""
        number = request.path.split("/")[1]
        if request.port != self.ports["stream"]:
            number = next((n for n in self.own if self.at_start[f"{n}/stream_port"] == str(request.port)), number)
        return str(self.state.get(f"{number}/stream_auth_method", self.state["stream_auth_method"]))

    def _camera(self, number: str, what: str, query: str) -> bytes:
        """The same questions about one camera."""
        if what == "list":
            mine = {key.rpartition("/")[2]: value for key, value in self.state.items() if key.startswith(f"{number}/")}
            return "".join(f"  {key} = {value or '(null)'} \n" for key, value in mine.items()).encode()
        return self._set(f"{number}/{query.partition('=')[0]}", query.partition("=")[2]) if what == "set" else BAD

    def _control(self, path: str, query: str) -> bytes:
        state, cameras = self.state, self.model.get("cameras") or ["cam-01"]
        name = state["camera_name"] or ""
        if path == "/":
            version, count = self.model.get("version", "4.5.1"), len(self.own or cameras)
            numbers = "".join(f"{number} \n" for number in self.own)
            return f"Motion {version} Running [{count}] Camera{'s' if count > 1 else ''} \n{numbers}".encode()
        if path.startswith("/0/config/") and self.model.get("hides_all"):
            return BAD
        if (about := re.fullmatch(r"/(\d+)/config/(\w+)", path)) and about[1] in self.own:
            return self._camera(about[1], about[2], query)
        if path == "/0/config/list":
            lines = [f"  {key} = {value if value is not None else '(null)'} \n" for key, value in state.items()
                     if "/" not in key]  # fmt: skip
            return "".join(line for line in lines if line.split()[0] not in HIDDEN).encode()
        if path == "/0/detection/connection":
            word = "Lost connection" if "camera-lost" in self.faults else "Connection OK"
            known = {number: state[f"{number}/camera_name"] for number in self.own} or {"0": name}
            lines = [f"Camera {number} -- {own} {word} \n" for number, own in known.items()]
            return f"Camera {name} \n{''.join(lines)}".encode()
        if path == "/0/config/get":
            key = query.removeprefix("query=")
            value = state.get(key, ABSENT)
            if key in HIDDEN or value is ABSENT:
                return BAD
            return f"Camera {name} \n{key} = {'(null)' if value is None else value} \nDone \n".encode()
        if path == "/0/config/set":
            return self._set(*query.partition("=")[::2])
        if path == "/0/config/write":
            if "H01" not in self.faults:
                self.keep()
            return b"Camera 0 write \nDone \n"
        if path == "/0/action/restart":
            self.restart()
            return b"Restart in progress ...\nDone \n"
        return BAD

    def _set(self, key: str, text: str) -> bytes:
        value = unquote(text)
        if key not in self.state or key in HIDDEN or "H12" in self.faults:
            return BAD
        if not value:
            return f"Camera 0 \n<form action=set?>\n{key} <input type=text name='{key}'>\n".encode()
        said = f"{key.rpartition('/')[2]} = {value} \nDone \n".encode()
        if "H01" not in self.faults:
            if key.rpartition("/")[2] in SWITCHES:  # every other word is off, also where off is the open one (H13)
                value = "on" if value in ("on", "1", "yes") else "off"
            self.state[key] = value
        return said


ABSENT = object()

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated motionEye 0.44: two accounts, sessions in a cookie, cameras as whole objects.

Model keys: `passwords` ({admin, normal}, "" for none), `usernames`, `cameras` (what differs from a new one), `version`.
What it shows for a password, "*****", becomes the password when it is sent back. Shaped after motionEye itself:
tests/real sends the same requests to both. There is no /power/ here.
"""

from __future__ import annotations

import copy
import json
import re
import secrets
from typing import Any

from ..cuts import Sight
from ..device import Listener, LogEntry, Request, Response
from ..program import FAULTS, HOSTILE, Program
from .camera import CAMERA

MASK = "*****"
ROLES = ("admin", "normal")
NOBODY = {"error": "unauthorized", "prompt": True}
_CAMERA_PATH = re.compile(r"/config/(\d+)/(get|set)|/picture/(\d+)/current")


class MotionEyeDevice(Program):
    family = "motioneye"
    faults_known = FAULTS | {"keeps-password": "a new password is answered well and not taken"}
    attacks = {
        "commands": "a command runs at every film",
        "stream-open": "the streams are given to the network without a login",
        "no-password": "the viewer's password is gone",
        "rename": "the first camera has another name",
    }

    def __init__(self, name: str, address: str, model: dict[str, Any], ports: dict[str, int] | None = None) -> None:
        self.sessions: dict[str, str] = {}  # cookie -> role
        super().__init__(name, address, model, ports)

    def at_first(self) -> dict[str, Any]:
        names = {"admin": "admin", "normal": "user"} | self.model.get("usernames", {})
        cameras = [CAMERA | {"id": number} | one for number, one in enumerate(self.model.get("cameras", ()), 1)]
        return {
            "usernames": names, "passwords": {"admin": "", "normal": ""} | self.model.get("passwords", {}),
            "lang": "en", "cameras": {str(one["id"]): copy.deepcopy(one) for one in cameras},
            "secret": secrets.token_hex(32),
        }  # fmt: skip

    def force_camera(self, **changes: Any) -> None:
        for state in (self.state, self.stored):
            for camera in state["cameras"].values():
                camera.update(changes)

    def prepare(self, fault: str) -> None:
        if fault == "H34":
            self.force_camera(name=HOSTILE)

    def attack(self, name: str) -> str:
        if name == "commands":
            self.force_camera(command_storage_enabled=True)
            return "A command runs at the end of every film."
        if name == "stream-open":
            self.force_camera(video_streaming=True, streaming_auth_mode="disabled")
            return "The streams are open to the network."
        if name == "no-password":
            for state in (self.state, self.stored):
                state["passwords"]["normal"] = ""
            return "The viewer has no password any more."
        self.force_camera(name="owned")
        return "The first camera is called owned."

    def listeners(self) -> set[Listener]:
        found = super().listeners()
        for camera in self.state["cameras"].values() if found else ():
            if camera["video_streaming"]:
                found.add(Listener("http", int(camera["streaming_port"])))
        return found

    def sight(self, request: Request) -> Sight:
        path = request.path.partition("?")[0]
        return Sight((path,), path.startswith("/config/") and path.endswith("/set"), "cookie" in request.headers)

    # -- requests ----------------------------------------------------------------------------------------------------
    def answer(self, request: Request, entry: LogEntry) -> Response:
        entry.operation, entry.write = entry.path, self.sight(request).write
        if request.port not in (self.ports["http"], self.ports["https"]):
            return self._stream(request.port)
        role = self.sessions.get(request.headers.get("cookie", ""), "")
        entry.user = self.state["usernames"].get(role, "")
        if entry.path == "/login":
            return self._login(request, entry, role)
        if entry.path == "/":
            return Response(200, [("Content-Type", "text/html")], b"<!DOCTYPE html>\n<html></html>")
        try:
            body = json.loads(request.body) if "json" in request.headers.get("content-type", "") else None
        except ValueError:
            return self._say(500, {"error": "internal server error"})
        return self._page(entry.path, role, body)

    def _say(self, status: int, value: Any, *headers: tuple[str, str]) -> Response:
        server = ("Server", f"motionEye/{self.model.get('version', '0.44.0')}")
        body = b"" if value is None else json.dumps(value).encode()
        return Response(status, [server, ("Content-Type", "application/json"), *headers], body)

    def _stream(self, port: int) -> Response:
        camera = next(one for one in self.state["cameras"].values() if int(one["streaming_port"]) == port)
        if camera["streaming_auth_mode"] != "disabled":
            return Response(401, [("WWW-Authenticate", 'Basic realm="Motion"')], b"")
        return Response(200, [("Content-Type", "image/jpeg")], b"\xff\xd8\xff\xd9")

    def _login(self, request: Request, entry: LogEntry, role: str) -> Response:
        if request.method == "GET":
            if not role:
                return self._say(403, NOBODY)
            return self._say(200, {"user": role, "username": self.state["usernames"][role]})
        try:
            given = json.loads(request.body or b"{}")
        except ValueError:
            return self._say(500, {"error": "internal server error"})
        user, password = given.get("username") or "", given.get("password") or ""
        if not user:
            return self._say(400, {"error": "username is required"})
        role = next((one for one in ROLES if self.state["usernames"][one] == user), "")
        if not role or self.state["passwords"][role] != password:
            entry.login = "refused"
            return self._say(401, {"error": "invalid credentials"})
        entry.login, entry.user = "ok", user
        cookie = f'user="{secrets.token_hex(30)}"'
        self.sessions[cookie] = role
        said = {"user": role} | ({} if password else {"force_password_change": True})
        return self._say(200, said, ("Set-Cookie", f"{cookie}; HttpOnly; Path=/; SameSite=Strict"))

    def _page(self, path: str, role: str, body: Any) -> Response:
        if path in ("/config/main/get", "/config/main/set") and role != "admin":
            return self._say(403, NOBODY)
        if path == "/config/main/get":
            return self._say(200, self._main())
        if path == "/config/main/set":
            return self._set_main(body)
        if path == "/config/list":
            return self._say(200, {"cameras": self._cameras()}) if role else self._say(403, NOBODY)
        found = _CAMERA_PATH.fullmatch(path)
        if found is None:
            return self._say(404, {"error": "not found"})
        number, verb = found[1] or found[3], found[2] or "picture"
        if verb != "picture" and role != "admin":
            return self._say(403, NOBODY)
        if number not in self.state["cameras"]:
            return self._say(404, {"error": "no such camera"})
        if verb == "picture":
            if not role:
                return self._say(403, NOBODY | {"prompt": False})
            return Response(200, [("Content-Type", "image/jpeg")], b"\xff\xd8\xff\xd9")
        if verb == "get":
            return self._say(200, self._cameras()[list(self.state["cameras"]).index(number)])
        return self._set_camera(number, body)

    def _main(self) -> dict[str, Any]:
        state = self.state
        return {
            **{f"{role}_username": state["usernames"][role] for role in ROLES}, "lang": state["lang"],
            **{f"{role}_password": MASK if state["passwords"][role] else "" for role in ROLES},
            "_client_secret": state["secret"],
        }  # fmt: skip

    def _cameras(self) -> list[dict[str, Any]]:
        rows = copy.deepcopy(list(self.state["cameras"].values()))
        for row in rows:
            row["streaming_password"] = MASK if row["streaming_password"] else ""
        return rows

    def _set_main(self, body: Any) -> Response:
        if not isinstance(body, dict) or not all(f"{role}_username" in body for role in ROLES):
            return self._say(500, {"error": "internal server error"})
        if "H01" in self.faults:
            return self._say(200, None)
        self.state["lang"] = body.get("lang") or self.state["lang"]
        for role in ROLES:
            self.state["usernames"][role] = body[f"{role}_username"]
            password = body.get(f"{role}_password")
            if password is None or "keeps-password" in self.faults:
                continue
            self.state["passwords"][role] = password
            if password:
                self.sessions = {cookie: one for cookie, one in self.sessions.items() if one != role}
        self.keep()
        return self._say(200, None)

    def _set_camera(self, number: str, body: Any) -> Response:
        if not isinstance(body, dict) or not {"name", "upload_password", "video_streaming"} <= body.keys():
            return self._say(500, {"error": "internal server error"})
        if "H12" in self.faults:
            return self._say(200, {"reload": False, "reboot": False, "error": "camera could not be set"})
        if "H01" not in self.faults:
            camera = self.state["cameras"][number]
            changed = {name: value for name, value in body.items() if name in camera and name != "id"}
            if not changed.get("streaming_password"):
                changed.pop("streaming_password", None)  # as it was
            camera.update(changed)
            self.keep()
        return self._say(200, {"reload": False, "reboot": False, "error": None})

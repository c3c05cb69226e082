# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated ZoneMinder 1.36: configs, users and monitors behind its REST API.

Model keys: `configs` (name -> value, over Debian's), `users` (Username, Password and what differs from a user without
rights), `monitors` (Name, Path, Function, Status), `version`. Shaped after ZoneMinder itself: tests/real sends the same
requests to both.
"""

from __future__ import annotations

import json
import secrets
from typing import Any
from urllib.parse import parse_qsl, unquote

from ..cuts import Sight
from ..device import LogEntry, Request, Response
from ..program import FAULTS, HOSTILE, Program
from .tables import AREAS, CONFIGS, MONITOR, USER

API = "/zm/api"


class Error(Exception):
    """An answer in the form of the API: status, words, class of the exception."""

    def __init__(self, status: int, words: str, kind: str) -> None:
        super().__init__(words)
        self.status, self.words, self.kind = status, words, kind


def unauthorized(words: str = "Insufficient Privileges") -> Error:
    return Error(401, words, "UnauthorizedException")


class ZoneMinderDevice(Program):
    family = "zoneminder"
    faults_known = FAULTS | {"keeps-password": "a new password is answered well and not taken"}
    attacks = {
        "new-account": "an administrator called support is made in the database",
        "triggers": "the trigger service, which asks for no login, is switched on",
        "rename": "the web page has another title",
    }

    def __init__(self, name: str, address: str, model: dict[str, Any], ports: dict[str, int] | None = None) -> None:
        self.tokens: dict[str, str] = {}  # token -> user
        super().__init__(name, address, model, ports)

    def at_first(self) -> dict[str, Any]:
        users = [{**USER, "Id": number, **user} for number, user in enumerate(self.model.get("users", ()), 1)]
        monitors = [{**MONITOR, "Id": number, **one} for number, one in enumerate(self.model.get("monitors", ()), 1)]
        configs = {name: str(value) for name, value in (CONFIGS | self.model.get("configs", {})).items()}
        return {"configs": configs, "users": users, "monitors": monitors, "next": len(users) + 1}

    def prepare(self, fault: str) -> None:
        if fault == "H34":
            self.force_config("ZM_WEB_TITLE", HOSTILE)

    def force_config(self, name: str, value: str) -> None:
        for state in (self.state, self.stored):
            state["configs"][name] = value

    def attack(self, name: str) -> str:
        if name == "triggers":
            self.force_config("ZM_OPT_TRIGGERS", "1")
            return "The trigger service was switched on."
        if name == "rename":
            self.force_config("ZM_WEB_TITLE", "owned")
            return "The web page is called owned."
        new = {**USER, **{area: "Edit" for area in AREAS}, "Username": "support", "Password": "support-1234"}
        for state in (self.state, self.stored):
            state["users"].append({**new, "Id": state["next"], "APIEnabled": 1})
            state["next"] += 1
        return "There is an administrator called support."

    # -- state -------------------------------------------------------------------------------------------------------
    def user(self, name: str) -> dict[str, Any] | None:
        return next((user for user in self.state["users"] if user["Username"] == name), None)

    def roles(self) -> dict[str, str]:
        return {user["Username"]: user["System"] for user in self.state["users"]}

    def has_password(self, name: str, password: str) -> bool:
        user = self.user(name)
        return user is not None and user["Password"] == password

    @property
    def asks(self) -> bool:
        return self.state["configs"]["ZM_OPT_USE_AUTH"] == "1"

    # -- requests ----------------------------------------------------------------------------------------------------
    def sight(self, request: Request) -> Sight:
        path = request.path.partition("?")[0]
        write = request.method in ("PUT", "DELETE") or (request.method == "POST" and "login" not in path)
        write = write and path.startswith(API)
        return Sight((self._operation(request.method, path),), write, "token=" in request.path or "login" in path)

    @staticmethod
    def _operation(method: str, path: str) -> str:
        return f"{method} {path.removeprefix(API)}"

    def answer(self, request: Request, entry: LogEntry) -> Response:
        path, _mark, query = request.path.partition("?")
        entry.operation, entry.write = self._operation(request.method, path), self.sight(request).write
        if path.startswith("/zm/cgi-bin/"):
            if self.asks and not self._session(query, entry):
                return Response(200, [("Content-Type", "text/html"), ("Status", "403")], b"")
            return Response(200, [("Content-Type", "image/jpeg")], b"\xff\xd8\xff\xd9")
        if path == "/zm/":
            return Response(302, [("Location", "/zm/?view=login")])
        if not path.startswith(API + "/"):
            return Response(404, [("Content-Type", "text/html")], b"<html><body>404 Not Found</body></html>")
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        try:
            value = self._call(request.method, unquote(path.removeprefix(API)), query, form, entry)
        except Error as error:
            return self._error(error, request.path)
        if entry.write:
            self.keep()
        body = b"" if value is None else json.dumps(value).encode()
        return Response(200, [("Content-Type", "application/json; charset=UTF-8")], body)

    @staticmethod
    def _error(error: Error, path: str) -> Response:
        thrown = {"class": error.kind, "code": error.status, "message": error.words}
        data = {"name": error.words, "message": error.words, "url": path, "exception": thrown}
        body = json.dumps({"success": False, "data": data}).encode()
        return Response(error.status, [("Content-Type", "application/json; charset=UTF-8")], body)

    def _session(self, query: str, entry: LogEntry) -> dict[str, Any] | None:
        name = self.tokens.get(dict(parse_qsl(query)).get("token", ""))
        user = self.user(name) if name is not None else None
        entry.user = user["Username"] if user else ""
        return user

    def _login(self, form: dict[str, str], entry: LogEntry) -> Any:
        name, password = form.get("user", ""), form.get("pass", "")
        told = {"version": self.model.get("version", "1.36.33"), "apiversion": "2.0"}
        names = ("access_token", "access_token_expires", "refresh_token", "refresh_token_expires", "credentials",
                 "append_password")  # fmt: skip
        if not self.asks:
            return {key: None for key in names} | told
        entry.login, user = "refused", self.user(name)
        if user is None:
            raise unauthorized(f"Could not retrieve user {name} details")
        if user["Password"] != password or not int(user["Enabled"]):
            raise unauthorized(f'Login denied for user "{name}"')
        if not int(user["APIEnabled"]):
            entry.login = "ok"  # the password was right
            raise unauthorized(f"API disabled for: {name}")
        entry.login, entry.user = "ok", name
        token = secrets.token_urlsafe(60)
        self.tokens[token] = name
        return dict(zip(names, (token, 7200, secrets.token_urlsafe(60), 86400, "auth=x", 0), strict=True)) | told

    def _call(self, method: str, path: str, query: str, form: dict[str, str], entry: LogEntry) -> Any:
        if path == "/host/login.json" and method == "POST":
            return self._login(form, entry)
        user = self._session(query, entry)
        if self.asks and user is None:
            token = dict(parse_qsl(query)).get("token")
            void = "Signature verification failed" if token in self.tokens else "Wrong number of segments"
            raise unauthorized("Not Authenticated" if token is None else void)
        if "H12" in self.faults and entry.write and path.startswith("/configs"):
            return {"success": False, "data": {"name": "Database error"}}
        if "H01" in self.faults and entry.write:
            return {"message": "Saved"} if path.startswith("/users") else None
        first, *rest = path.removesuffix(".json").strip("/").split("/")
        call = getattr(self, f"_{first}", None)
        if call is None:
            raise Error(404, "Controller class could not be found.", "MissingControllerException")
        return call(method, rest, form, user)

    def _host(self, _method: str, rest: list[str], _form: dict[str, str], _user: Any) -> Any:
        if rest == ["getVersion"]:
            return {"version": self.model.get("version", "1.36.33"), "apiversion": "2.0"}
        if rest == ["getTimeZone"]:
            return {"tz": "UTC"}
        raise Error(404, "Action does not exist", "MissingActionException")

    def _configs(self, method: str, rest: list[str], form: dict[str, str], _user: Any) -> Any:
        configs = self.state["configs"]
        if not rest:
            return {"configs": [{"Config": {"Id": n, "Name": name, "Value": value, "Type": "string", "Readonly": 0}}
                                for n, (name, value) in enumerate(configs.items())]}  # fmt: skip
        action, name = rest[0], rest[-1]
        if name not in configs:
            raise Error(404, "Invalid config", "NotFoundException")
        if action == "viewByName":
            return {"config": {"Value": configs[name]}}
        if action == "edit" and method == "PUT":
            configs[name] = form.get("Config[Value]", "")
            if name == "ZM_AUTH_HASH_SECRET":
                self.tokens = dict.fromkeys(self.tokens, "")  # what the old key has signed
            return None
        return {"config": {"Config": {"Name": name, "Value": configs[name]}}}

    def _users(self, method: str, rest: list[str], form: dict[str, str], user: Any) -> Any:
        users = self.state["users"]
        fields = {key[5:-1]: value for key, value in form.items() if key.startswith("User[")}
        if method == "GET":
            page = next((int(part[5:]) for part in rest if part.startswith("page:")), 1)
            shown = [{"User": {key: value for key, value in one.items() if key != "Password"}} for one in users]
            return {"users": shown, "pagination": {"page": page, "count": len(users), "nextPage": False}}
        if user is None or user["System"] != "Edit":
            raise unauthorized()
        if method == "POST" and not rest:
            users.append({**USER, **fields, "Id": self.state["next"]})
            self.state["next"] += 1
            return {"message": "Saved"}
        one = next((row for row in users if str(row["Id"]) == rest[0]), None)
        if one is None:
            raise Error(404, "Invalid user", "NotFoundException")
        if method == "DELETE":
            if one is user:
                raise unauthorized()
            users.remove(one)
            return {"message": "The user has been deleted."}
        if "keeps-password" in self.faults:
            fields.pop("Password", None)
        one.update(fields)
        return {"message": "Saved"}

    def _monitors(self, method: str, rest: list[str], form: dict[str, str], _user: Any) -> Any:
        def shown(monitor: dict[str, Any]) -> dict[str, Any]:
            own = {key: value for key, value in monitor.items() if key != "Status"}
            return {"Monitor": own, "Monitor_Status": {"Status": monitor["Status"], "CaptureFPS": "5.00"}}

        if not rest:
            return {"monitors": [shown(one) for one in self.state["monitors"]]}
        monitor = next((one for one in self.state["monitors"] if str(one["Id"]) == rest[0]), None)
        if monitor is None:
            raise Error(404, "Invalid monitor", "NotFoundException")
        if method == "PUT":
            monitor.update({key[8:-1]: value for key, value in form.items() if key.startswith("Monitor[")})
            return {"message": "Saved"}
        return {"monitor": shown(monitor)}

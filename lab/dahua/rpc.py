# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON calls at /RPC2 and their login at /RPC2_Login, as the web pages of the devices use them."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import math
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..device import LogEntry, Request, Response
from . import cgi, tables
from .logs import FORM
from .users import Refused

if TYPE_CHECKING:
    from .device import DahuaDevice

# Codes of the login, seen on devices; the sentences are the devices' own.
CHALLENGE, LOCKED, WRONG, NOT_INITIALISED = 268632079, 268632081, 268632085, 268632086
BAD_SESSION, NO_INTERFACE, NO_METHOD, FAILED = 287637505, 268894209, 268894210, 268959743
NOT_ALLOWED = 268894212  # no source names the code of a denied call
SENTENCES = {
    CHALLENGE: "Component error: login challenge!",
    LOCKED: "Component error: User is locked!",
    WRONG: "Component error: User or password not valid!",
    NOT_INITIALISED: "Component error: Device is not initialised!",
    BAD_SESSION: "Invalid session in request data!",
    NO_INTERFACE: "Interface not found!",
    NO_METHOD: "Method not found!",
    FAILED: "Unknown error! error code was not set in service!",
    NOT_ALLOWED: "Request is out of authority!",
}
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
WRITES = {
    "configManager.setConfig", "userManager.addUser", "userManager.deleteUser", "userManager.modifyUser",
    "userManager.modifyPassword", "global.setCurrentTime", "magicBox.reboot", "magicBox.shutdown",
}  # fmt: skip
OPEN_TO_ALL = ("magicBox.get", "global.")


class RpcError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(SENTENCES[code])
        self.code = code


@dataclass
class Session:
    user: str
    random: str = ""
    ready: bool = False
    deadline: float = 0.0
    cookie: str = ""
    admin: bool = False  # as it was at the login (H42)


@dataclass
class Sessions:
    alive: dict[Any, Session] = field(default_factory=dict)

    def end(self, user: str) -> None:
        for key in [key for key, session in self.alive.items() if session.user == user]:
            del self.alive[key]


def md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest().upper()


def first_generation(password: str) -> str:
    """The eight characters that old devices keep of a password."""
    digest = hashlib.md5(password.encode(), usedforsecurity=False).digest()
    return "".join(_ALPHABET[(digest[i] + digest[i + 1]) % 62] for i in range(0, 16, 2))


def methods_of(body: bytes) -> list[str]:
    """The methods that a body asks for; a batch counts its members."""
    try:
        given = json.loads(body)
        method = str(given["method"])
        if method == "system.multicall":
            return [str(one["method"]) for one in given["params"]]
        return [method]
    except (ValueError, KeyError, TypeError):
        return []


class Rpc:
    """The JSON side of one device."""

    def __init__(self, device: DahuaDevice) -> None:
        self.device = device
        self.sessions = Sessions()

    def handle(self, request: Request, entry: LogEntry) -> Response:
        if self.device.model.get("rpc") is False:
            return cgi.plain("Error\r\nNot Found!", 404)
        if request.method != "POST":
            return cgi.plain("Error\r\nBad Request!", 400)
        try:
            given = json.loads(request.body)
            method, params = str(given["method"]), given.get("params")
        except (ValueError, KeyError, TypeError):
            return cgi.plain("Error\r\nBad Request!", 400)
        names = methods_of(request.body)
        entry.operation = ",".join(dict.fromkeys(names))
        entry.count = len(names)
        entry.write = any(name in WRITES for name in names)
        if request.path.partition("?")[0] == "/RPC2_Login":
            return self._login(request, given, params if isinstance(params, dict) else {}, entry)
        session = self._session(given.get("session"), request)
        if session is None:
            return self._answer(given, code=BAD_SESSION)
        entry.user = session.user
        if method == "system.multicall":
            members = params if isinstance(params, list) else []
            done = [json.loads(self._one(one, session, request).body) for one in members if isinstance(one, dict)]
            return self._answer(given, done)
        return self._one(given, session, request)

    # -- login -------------------------------------------------------------------------------------------------------
    def _login(self, request: Request, given: dict[str, Any], params: dict[str, Any], entry: LogEntry) -> Response:
        device, user = self.device, str(params.get("userName", ""))
        if given["method"] != "global.login":
            return self._answer(given, code=NO_METHOD)
        password = str(params.get("password", ""))
        if not password:
            key = secrets.randbelow(2**31)
            fresh = Session(user, str(secrets.randbelow(2**31)))
            self.sessions.alive[key] = fresh
            while len(self.sessions.alive) > 256:
                self.sessions.alive.pop(next(iter(self.sessions.alive)))
            asked = {"realm": device.realm, "random": fresh.random, "encryption": self._encryption()}
            return self._answer(given | {"session": key}, asked, CHALLENGE)
        waiting = self.sessions.alive.pop(given.get("session"), None) if _hashable(given.get("session")) else None
        if waiting is None or waiting.ready or waiting.user != user:
            return self._answer(given, code=BAD_SESSION)
        if not device.initialised:
            return self._answer(given, code=NOT_INITIALISED)
        known = device.users.password(user)
        right = known is not None and hmac.compare_digest(
            self._expected(user, known, waiting.random).encode(), password.encode("utf-8", "surrogatepass")
        )
        outcome = device.judge(user, request.peer, "ok" if right else "refused")
        entry.login = outcome
        if outcome != "ok":
            left = math.ceil(device.lockout.left(device.lockout.key(request.peer, user)))
            rest = {"remainLockSecond": left, "remainLoginTimes": device.tries_left(user, request.peer)}
            return self._answer(given, rest, LOCKED if outcome == "locked" else WRONG)
        entry.user = user
        key = secrets.token_hex(16)
        cookie = secrets.token_hex(16)
        admin = device.users.is_admin(user)
        self.sessions.alive[key] = Session(user, ready=True, deadline=self._deadline(), cookie=cookie, admin=admin)
        device.logged_in(user, request.peer, "Web")
        answer = self._answer(given | {"session": key}, {"keepAliveInterval": self._interval()})
        answer.headers.append(("Set-Cookie", f"WebClientHttpSessionID={cookie}; Path=/; HttpOnly"))
        return answer

    def _encryption(self) -> str:
        return "Plain" if "H24-plain" in self.device.faults else self.device.model.get("rpc_encryption", "Default")

    def _expected(self, user: str, password: str, random: str) -> str:
        encryption = self._encryption()
        if encryption == "Plain":
            return password
        if encryption == "OldDigest":
            return first_generation(password)
        return md5(user, random, md5(user, self.device.realm, password))

    def _interval(self) -> int:
        return int(self.device.model.get("keepalive_seconds", 60))

    def _deadline(self) -> float:
        return time.monotonic() + 2 * self._interval()

    def _session(self, key: Any, request: Request) -> Session | None:
        session = self.sessions.alive.get(key) if _hashable(key) else None
        if session is None or not session.ready or session.deadline < time.monotonic():
            return None
        wants_cookie = self.device.model.get("rpc_cookie")
        if wants_cookie and f"WebClientHttpSessionID={session.cookie}" not in request.headers.get("cookie", ""):
            return None
        session.deadline = self._deadline()
        return session

    # -- calls -------------------------------------------------------------------------------------------------------
    def _one(self, given: dict[str, Any], session: Session, request: Request) -> Response:
        method, params = str(given.get("method", "")), given.get("params")
        params = params if isinstance(params, dict) else {}
        device = self.device
        try:
            self._admit(method, session, params)
            if method in WRITES and "H01" in device.faults:
                return self._answer(given, None)
            return self._answer(given, self._do(method, params, session, request, given))
        except RpcError as error:
            return self._answer(given, code=error.code)
        except (Refused, cgi.Denied, tables.BadValue, tables.NoSuchKey, KeyError, TypeError, ValueError):
            return self._answer(given, code=FAILED)

    def _admit(self, method: str, session: Session, params: dict[str, Any]) -> None:
        device = self.device
        if device.may_all(session.user) or ("H42" in device.faults and session.admin):
            return
        reads = method == "configManager.getConfig" and device.may_read(session.user, str(params.get("name", "")))
        if method in WRITES or not (method.startswith(OPEN_TO_ALL) or reads):
            raise RpcError(NOT_ALLOWED)

    def _do(
        self, method: str, params: dict[str, Any], session: Session, request: Request, given: dict[str, Any]
    ) -> Any:
        device = self.device
        call = cgi.Call(method, [], request, session.user)
        if method == "global.keepAlive":
            return {"timeout": self._interval()}
        if method == "global.logout":
            self.sessions.alive.pop(given.get("session"), None)
            return None
        if method == "configManager.getConfig":
            name = str(params["name"])
            if name not in device.tables:
                raise RpcError(NOT_ALLOWED if device.model.get("unknown_table") == cgi.DENIED else FAILED)
            return {"table": device.tables[name]}
        if method == "configManager.setConfig":
            device.replace_table(str(params["name"]), params["table"])
            device.note("SaveConfig", call, {"Name": str(params["name"])})
            return {"options": None}
        if method.startswith("userManager."):
            return self._accounts(method, params, call)
        if method == "global.getCurrentTime":
            return {"time": f"{device.local_time():%Y-%m-%d %H:%M:%S}"}
        if method == "global.setCurrentTime":
            device.set_local_time(datetime.datetime.strptime(str(params["time"]), FORM))
            return None
        if method == "magicBox.getSoftwareVersion":
            shown = device.identity
            return {"version": {"Version": shown["version"], "BuildDate": str(shown["build"]).partition(" ")[0]}}
        if method == "magicBox.getSystemInfo":
            return device.system_info()
        if method == "magicBox.needReboot":
            return {"needReboot": int(device.waits_for_restart())}
        if method == "LogicDeviceManager.getCameraAll" and device.channels:
            return {"camera": device.camera_list()}
        if method == "LogicDeviceManager.getCameraState" and device.channels:
            return {"states": device.camera_states(params.get("uniqueChannels", [-1]))}
        if method == "SecurityScan.getReport" and "security_scan" in device.model:
            return device.model["security_scan"]
        if method.startswith("magicBox.") and method in cgi.ROUTES:
            out = cgi.ROUTES[method].handler(device, call)
            found = (line.partition("=") for line in ([out] if isinstance(out, str) else []))
            return {name: value for name, mark, value in found if mark} or None
        known = {name.partition(".")[0] for name in cgi.ROUTES}
        raise RpcError(NO_METHOD if method.partition(".")[0] in known else NO_INTERFACE)

    def _accounts(self, method: str, params: dict[str, Any], call: cgi.Call) -> Any:
        device, action = self.device, method.partition(".")[2]
        name = str(params.get("name", ""))
        if action == "getUserInfoAll":
            return {"users": [device.users.shown(user) for user in device.users.all]}
        if action == "getGroupInfoAll":
            return {"groups": device.users.groups()}
        if action == "getActiveUserInfoAll":
            return {"users": device.active_users(call)}
        if action == "addUser":
            device.users.add(params["user"])
            name = str(params["user"]["Name"])
        elif action == "deleteUser":
            device.users.remove(name)
        elif action == "modifyUser":
            device.users.modify(name, params["user"])
        elif action == "modifyPassword":
            device.users.change_password(name, params["pwd"], params["pwdOld"])
        else:
            raise RpcError(NO_METHOD)
        device.accounts_changed(f"{action[0].upper()}{action[1:]}", call, name)
        return None

    @staticmethod
    def _answer(given: dict[str, Any], params: Any = None, code: int = 0) -> Response:
        body: dict[str, Any] = {"id": given.get("id"), "result": not code, "session": given.get("session")}
        if params is not None:
            body["params"] = params
        if code:
            body["error"] = {"code": code, "message": SENTENCES[code]}
        text = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return Response(200, [("Content-Type", "application/json")], text)


def _hashable(key: Any) -> bool:
    return isinstance(key, str | int)

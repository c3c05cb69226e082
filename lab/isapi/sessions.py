# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login of the web pages: a challenge, a salted and iterated hash, then a cookie (fact sheet 1)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from typing import Any

from ..device import LogEntry, Request, Response
from ..onvif.auth import Login
from .answers import XML, Refused
from .xmldoc import HEAD, VER20, BadXml, local, parse, text

ITERATIONS = 100
KINDS = ("2", "2.1", "reversible")
COOKIE = "WebSession"
_KEPT = 256  # challenges and sessions


def hashed(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


class WebSessions:
    """Challenges given out and sessions that are open. `kind` is one of KINDS."""

    def __init__(self, kind: str) -> None:
        if kind not in KINDS:
            raise ValueError(f"session_login {kind!r} is none of {', '.join(KINDS)}")
        self.kind = kind
        self._secret = secrets.token_hex(16)
        self._offers: OrderedDict[str, tuple[str, str]] = OrderedDict()  # session id -> (user, challenge)
        self._open: OrderedDict[str, tuple[str, str]] = OrderedDict()  # cookie -> (user, password at login)

    def salts(self, user: str) -> tuple[str, str]:
        """Always the same for one name, known or not."""
        return hashed(f"1{self._secret}{user}"), hashed(f"2{self._secret}{user}")

    def offer(self, user: str) -> tuple[str, str]:
        """(session id, challenge) for one login."""
        number, challenge = secrets.token_hex(32), secrets.token_hex(32)
        self._offers[number] = (user, challenge)
        while len(self._offers) > _KEPT:
            self._offers.popitem(last=False)
        return number, challenge

    def expected(self, user: str, password: str, challenge: str) -> str:
        """What the client must send."""
        first, second = self.salts(user)
        if self.kind == "reversible":
            value, rounds = hashed(password) + challenge, range(1, ITERATIONS)
        else:
            value = hashed(user + first + password)
            value = hashed(user + second + value) if self.kind != "2" else value
            value, rounds = hashed(value + challenge), range(2, ITERATIONS)
        for _unused in rounds:
            value = hashed(value)
        return value

    def check(self, number: str, user: str, given: str, password: str | None) -> bool:
        """One try for each challenge."""
        offered, challenge = self._offers.pop(number, ("", ""))
        if not challenge or offered != user or password is None:
            return False
        return hmac.compare_digest(self.expected(user, password, challenge), given.lower())

    def start(self, user: str, password: str) -> str:
        """The cookie's value of a new session."""
        value = secrets.token_hex(32)
        self._open[value] = (user, password)
        while len(self._open) > _KEPT:
            self._open.popitem(last=False)
        return value

    def user(self, cookie: str) -> tuple[str, str]:
        """(user, his password when he logged in), ("", "") without a session."""
        found = (part.strip().partition("=") for part in cookie.split(";"))
        return next((self._open[v] for name, _unused, v in found if name == COOKIE and v in self._open), ("", ""))

    def forget(self) -> None:
        self._offers.clear()
        self._open.clear()


class SessionLogin:
    """Mixed into the device. Model key `session_login`: the kind; without it there is no such login."""

    web: WebSessions | None

    def session_pages(self, request: Request, path: str, query: str, entry: LogEntry) -> Response | None:
        """The answer to the two pages of this login, None for everything else."""
        if self.web is None:
            return None
        if path == "/ISAPI/Security/sessionLogin/capabilities" and request.method == "GET":
            return self._offer(query)
        if path == "/ISAPI/Security/sessionLogin" and request.method == "POST":
            return self._start(request, entry)
        return None

    def _offer(self, query: str) -> Response:
        web: Any = self.web
        name, _unused, user = query.partition("=")
        if name != "username" or not user:
            raise Refused("badParameters")
        number, challenge = web.offer(user)
        salt, salt2 = web.salts(user)
        rows = {"sessionID": number, "challenge": challenge, "iterations": ITERATIONS}
        rows |= {"isIrreversible": str(web.kind != "reversible").lower(), "salt": salt}
        rows |= {"salt2": salt2} if web.kind == "2.1" else {}
        rows |= {"sessionIDVersion": "2" if web.kind == "reversible" else web.kind}
        lines = "".join(f"<{key}>{value}</{key}>\n" for key, value in rows.items())
        body = f'{HEAD}<SessionLoginCap version="2.0" xmlns="{VER20}">\n{lines}</SessionLoginCap>\n'
        return Response(200, [XML], body.encode())

    def _start(self, request: Request, entry: LogEntry) -> Response:
        device: Any = self
        try:
            root = parse(request.body)
        except BadXml:
            raise Refused("badXmlFormat") from None
        if local(root) != "SessionLogin":
            raise Refused("badXmlFormat")
        user = text(root, "userName")
        password = device.password_of(user)
        right = device.web.check(text(root, "sessionID"), user, text(root, "password"), password)
        outcome = device.lock.judge(request.peer, user, "ok" if right else "refused", *device.lock_limits())
        entry.login = outcome
        if outcome != "ok":
            device.note("Exception", "illegalAccess")
            return device.refuse(Login(user, outcome), request.peer)
        entry.user = user
        device.note("Operation", "remoteLogin")
        cookie = ("Set-Cookie", f"{COOKIE}={device.web.start(user, password)}; path=/; HttpOnly")
        body = f'{HEAD}<SessionLogin version="2.0" xmlns="{VER20}">\n<statusValue>200</statusValue>\n'
        body += "<statusString>OK</statusString>\n</SessionLogin>\n"
        return Response(200, [XML, cookie], body.encode())

    def session_user(self, request: Request) -> str:
        """Whose session the cookie is; a changed password ends it, unless H42."""
        device: Any = self
        cookie = request.headers.get("cookie", "")
        user, password = self.web.user(cookie) if self.web is not None and cookie else ("", "")
        return user if user and ("H42" in device.faults or device.password_of(user) == password) else ""

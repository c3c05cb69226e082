# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to an AXIS device and what its answers mean: text CGIs, JSON CGIs, REST (fact sheet sections 1 to 5, 23).

An error may come inside HTTP 200 in three forms (H12): a line `# Error…`, a line `Error: …`, JSON with `error`.
"""

from __future__ import annotations

import datetime
import email.utils
import json as _json
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import decode
from ansible_collections.nwcs.hardening.plugins.module_utils.auth import Auth, Basic, Digest, challenges
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer, Context, Credential
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    LoginRefused,
    Refused,
    Unsupported,
)

PARAM = "/axis-cgi/param.cgi"
PWDGRP = "/axis-cgi/pwdgrp.cgi"
USERGROUP = "/axis-cgi/usergroup.cgi"
REST = "/config/rest"
RELEASED_REST = (11, 11)  # from here on set is PATCH and action is POST; before, both were PUT (section 5)
_FORM = "application/x-www-form-urlencoded"
_NO_ADMIN_YET = b"initial admin user must be created"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class EitherAuth(Auth):
    """Digest or Basic, as the device asks: the usual policy wants Digest over HTTP and Basic over HTTPS (section 2).

    Basic is answered inside TLS only, or where the inventory allows it. Changing to the scheme that alone is offered is
    no second guess: the other one was not looked at.
    """

    def __init__(self, credential: Credential, may_basic: bool) -> None:
        self._digest = Digest(credential.username, credential.password)
        self._basic = Basic(credential.username, credential.password)
        self._may_basic = may_basic
        self._use: Auth | None = None
        self.tried = False
        self.basic_only = False  # the device offered nothing but Basic, and it was not allowed

    @property
    def clear_text(self) -> bool:  # type: ignore[override]
        return self._use is self._basic

    def headers(self, method: str, path: str, body: bytes) -> dict[str, str]:
        made = self._use.headers(method, path, body) if self._use else {}
        self.tried = self.tried or bool(made)
        return made

    def challenged(self, answer: Answer) -> bool:
        if answer.status != 401:
            return self._digest.challenged(answer) if self._use is self._digest else False
        offered = {scheme for scheme, _params in challenges(answer.headers.get("www-authenticate", ""))}
        if "digest" in offered and self._digest.challenged(answer):
            self._use = self._digest
            return True
        if "basic" in offered and "digest" not in offered and self._use is not self._basic:
            self.basic_only = not self._may_basic
            if self._may_basic:
                self._use = self._basic
            return self._may_basic
        return False


class VapixContext(Context):
    """An open device. `version` is () when unknown, `apis` {id: version} what it lists (None: it has no list).

    `fresh` holds trees that open() has read anyway: the first reading takes them from here. Any write empties it.
    """

    def __init__(self, transport: Any, credential: Credential | None, secrets: Mapping[str, str] | None = None) -> None:
        super().__init__(transport, credential, secrets)
        self.name: str = transport.target.name
        self.version: tuple[int, ...] = ()
        self.json_age = False  # it answered basicdeviceinfo.cgi
        self.apis: dict[str, str] | None = None
        self.setup: dict[str, Any] | None = None  # what systemready.cgi said
        self.fresh: dict[str, Any] = {}
        self.users: frozenset[str] = frozenset()
        self.params: dict[str, str] = {}
        self.date: tuple[datetime.datetime, datetime.datetime] | None = None  # (Date header, our clock)
        self.stage: Any = None

    @property
    def factory(self) -> bool:
        """No account yet: nothing answers until the first administrator was made (section 2)."""
        return self.facts.get("factory") is True

    def has(self, api: str) -> bool:
        return self.apis is not None and api in self.apis

    def use(self, credential: Credential) -> None:
        """New requests log in with this one, on a new connection."""
        self.credential = credential
        target = self.transport.target
        self.transport.auth = EitherAuth(credential, target.scheme == "https" or target.basic_over_http)
        self.transport.close()

    # -- one request ---------------------------------------------------------------------------------------------------
    def ask(
        self, method: str, path: str, body: bytes = b"", content: str = "", write: bool = False, login: bool = True
    ) -> Answer:
        if write:
            self.fresh.clear()
        headers = {"Content-Type": content} if content else {}
        answer = self.transport.request(method, path, body=body, headers=headers, login=login, idempotent=not write)
        stamp = email_date(answer.headers.get("date", ""))
        if stamp is not None:
            self.date = stamp, datetime.datetime.now(datetime.UTC)
        return answer

    def text(self, path: str, fields: Mapping[str, str], write: bool = False, login: bool = True) -> str:
        """The text of a CGI. A reading goes in the query; a write in the body, because queries land in logs (H36)."""
        form = urllib.parse.urlencode(fields)
        if write:
            answer = self.ask("POST", path, form.encode(), _FORM, True, login)
        else:
            answer = self.ask("GET", f"{path}?{form}" if form else path, login=login)
        self.check(answer, path)
        return text_of(answer)

    def json(
        self, path: str, method: str, params: Mapping[str, Any] | None = None, *, write: bool = False,
        login: bool = True, version: str = "1.0",
    ) -> dict[str, Any]:  # fmt: skip
        """`data` of a JSON CGI; {} where the answer has none."""
        request: dict[str, Any] = {"apiVersion": version, "context": "nwcs", "method": method}
        if params is not None:
            request["params"] = dict(params)
        answer = self.ask("POST", path, _json.dumps(request).encode(), "application/json", write, login)
        where = f"{path} {method}"
        self.check(answer, where)
        reply = decode.json(answer.body, self.transport.target.limits)
        if not isinstance(reply, dict):
            raise BadAnswer(f"{self.name}: {where}: the answer has another shape.")
        if "error" in reply:
            raise self._error(where, reply["error"])
        data = reply.get("data")
        if data is None and not write:
            raise BadAnswer(f"{self.name}: {where}: the answer has neither data nor an error.")
        return data if isinstance(data, dict) else {}

    def rest(self, method: str, path: str, data: Any = None) -> Any:
        """`data` of a REST answer. The verb of old firmware is PUT for everything that writes."""
        write = method != "GET"
        body = _json.dumps({"data": data}).encode() if write else b""
        if write and self.version and self.version < RELEASED_REST:
            method = "PUT"
        answer = self.ask(method, REST + path, body, "application/json" if write else "", write)
        if answer.status == 405 and write and method != "PUT":
            answer = self.ask("PUT", REST + path, body, "application/json", write)
        where = f"{method} {REST}{path}"
        reply: Any = None
        if answer.body.lstrip()[:1] == b"{":
            reply = decode.json(answer.body, self.transport.target.limits)
        if isinstance(reply, dict) and reply.get("status") == "error" and answer.status not in (401, 404, 429, 503):
            raise self._error(where, reply.get("error"))
        self.check(answer, where)
        if not isinstance(reply, dict) or reply.get("status") != "success":
            raise BadAnswer(f"{self.name}: {where}: the answer has another shape.")
        return reply.get("data")

    # -- what went wrong -----------------------------------------------------------------------------------------------
    def check(self, answer: Answer, where: str) -> None:
        """Raise what an HTTP status means; the path says more than the status where it is a text CGI."""
        status, place = answer.status, f"{self.name}: {where}"
        if 200 <= status < 300:
            return
        if status == 401:
            raise self.unauthorized(answer, where)
        if 300 <= status < 400:
            raise Refused(f"{place}: it points elsewhere (HTTP {status}).", "Set nwcs_scheme to https.")
        if status == 403:
            raise Refused(f"{place}: HTTP 403.", "The account must be an administrator.")
        if status in (404, 405, 501):
            raise Unsupported(f"{place}: not on this device (HTTP {status}).")
        if status in (408, 429, 503):
            raise Busy(f"{place}: HTTP {status}.")
        raise BadAnswer(f"{place}: HTTP {status}.")

    def unauthorized(self, answer: Answer, where: str) -> DeviceError:
        place = f"{self.name}: {where.partition(' ')[0]}"
        if _NO_ADMIN_YET in answer.body:
            return Refused(f"{place}: the device is factory-new; its first administrator has to be made first.")
        auth = self.transport.auth
        if getattr(auth, "basic_only", False):
            return LoginRefused(f"{place}: the device offers Basic login only, over plain HTTP; nothing was sent.",
                                "Use https.")  # fmt: skip
        if where.startswith((PARAM, PWDGRP, USERGROUP)):
            who = repr(self.credential.username) if self.credential else "the login"
            return LoginRefused(
                f"{place}: account {who} was refused (HTTP 401).",
                "The name or the password is wrong, or the account is no administrator. AXIS slows repeated failures "
                "down, it does not lock the account.",
            )
        return Refused(f"{place}: this login may not use it (HTTP 401).", "The account must be an administrator.")

    def _error(self, where: str, error: Any) -> DeviceError:
        code = error.get("code") if isinstance(error, Mapping) else None
        message = _CONTROL.sub(" ", str(error.get("message", "")))[:200] if isinstance(error, Mapping) else ""
        text = f"{self.name}: {where}: error {code}: {message}"
        made: DeviceError
        if code in (4000, 4001, "4000", "4001"):
            made = Unsupported(text)
        elif code in (100, 423):
            made = Busy(text)
        else:
            made = Refused(text)
        return made


def text_of(answer: Answer) -> str:
    try:
        return answer.body.decode("utf-8")
    except UnicodeDecodeError:
        return answer.body.decode("latin-1")


def email_date(header: str) -> datetime.datetime | None:
    """A Date header as UTC (RFC 9110 6.6.1: what the device's own clock says)."""
    try:
        made = email.utils.parsedate_to_datetime(header)
    except (TypeError, ValueError, IndexError):
        return None
    return made.astimezone(datetime.UTC) if made.tzinfo else None


def version_of(text: str) -> tuple[int, ...]:
    """"11.8.61" -> (11, 8, 61); () when it does not begin with a number."""
    found = re.match(r"\d+(\.\d+)*", str(text).strip())
    return tuple(int(part) for part in found.group().split(".")) if found else ()

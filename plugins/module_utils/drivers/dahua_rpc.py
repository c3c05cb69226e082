# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RPC2, the JSON side of the web page: the login in two steps, tables, nothing that the fact sheet does not know.

The password never travels: the device gives a realm and a number, and gets MD5(user:number:MD5(user:realm:password)).
Encryptions that would send it as it is (Plain, Basic) are refused.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import decode
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Credential
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    LoginRefused,
    NwcsError,
    Refused,
    Unsupported,
)

LOGIN_PATH, PATH = "/RPC2_Login", "/RPC2"
CHALLENGE, CHALLENGE_OLD = 268632079, 401
LOCKED, NOT_INITIALISED = 268632081, 268632086
# What says that a method or a name is not there; all others are refusals.
_UNKNOWN = frozenset({268894209, 268894210, 268894211, 268959743, 285409284})
_CLIENT = "Web3.0"
_HEADERS = {"Content-Type": "application/json"}


def answer_hash(username: str, password: str, realm: str, random: str) -> str:
    """What the device wants to see in the second step, 32 upper-case hex digits."""

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()

    return md5(f"{username}:{random}:{md5(f'{username}:{realm}:{password}')}")


class Rpc:
    """One session. `challenge()` needs no login and costs no attempt; `login()` is one attempt."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self.name = transport.target.name
        self.session: Any = None
        self._cookie = ""
        self._id = 0

    def _post(self, path: str, method: str, params: Any, **more: Any) -> dict[str, Any]:
        self._id += 1
        body = {"method": method, "params": params, "id": self._id, **more}
        if self.session is not None:
            body["session"] = self.session
        headers = {**_HEADERS, **({"Cookie": self._cookie} if self._cookie else {})}
        answer = self.transport.request(
            "POST", path, body=json.dumps(body).encode(), headers=headers, login=False,
            idempotent=method.rpartition(".")[2].startswith("get"),
        )  # fmt: skip
        what = f"{self.name}: RPC2 {method}"
        if answer.status in (404, 405, 501):
            raise Unsupported(f"{what}: there is no RPC2 on this device (HTTP {answer.status}).")
        if answer.status != 200:
            raise Refused(f"{what}: refused (HTTP {answer.status}).")
        cookie = answer.headers.get("set-cookie", "").partition(";")[0]
        self._cookie = cookie if "=" in cookie else self._cookie
        try:
            reply = decode.json(answer.body, self.transport.target.limits)
        except BadAnswer as error:
            raise BadAnswer(f"{what}: {error.message}") from None
        if not isinstance(reply, dict):
            raise BadAnswer(f"{what}: no usable answer.")
        return reply

    def challenge(self, username: str) -> dict[str, Any]:
        """{"code", "realm", "random", "encryption"} of the first step: no password is sent, no attempt is counted."""
        params = {"userName": username, "password": "", "clientType": _CLIENT}
        reply = self._post(LOGIN_PATH, "global.login", params)
        self.session = reply.get("session", self.session)
        told = reply.get("params")
        told = told if isinstance(told, dict) else {}
        return {"code": _code(reply), **{name: str(told.get(name, "")) for name in ("realm", "random", "encryption")}}

    def login(self, credential: Credential) -> None:
        """One attempt. LoginRefused (locked where the device says so), Refused for what is not sent."""
        username = credential.username
        first = self.challenge(username)
        if why := refusal(first["code"]):
            raise LoginRefused(f"{self.name}: {why[0]}.", why[1], locked=first["code"] == LOCKED)
        if first["code"] not in (CHALLENGE, CHALLENGE_OLD) or not first["random"]:
            raise BadAnswer(f"{self.name}: RPC2: the device gives no challenge to log in with.")
        if first["encryption"] not in ("", "Default"):
            raise Refused(f"{self.name}: RPC2 wants a weaker form of the password ({first['encryption'][:20]!r}).")
        hashed = answer_hash(username, credential.password, first["realm"], first["random"])
        params = {"userName": username, "password": hashed, "clientType": _CLIENT, "loginType": "Direct",
                  "authorityType": "Default", "passwordType": "Default"}  # fmt: skip
        reply = self._post(LOGIN_PATH, "global.login", params)
        if reply.get("result") is not True:
            code = _code(reply)
            why = refusal(code) or ("the login was refused", "Check nwcs_username and nwcs_password.")
            raise LoginRefused(f"{self.name}: RPC2: {why[0]}.", why[1], locked=code == LOCKED)
        self.session = reply.get("session", self.session)  # the first one is of no use from here on

    def call(self, method: str, params: Any = None) -> dict[str, Any]:
        """The reply's params. Unsupported, Refused as the device says."""
        reply = self._post(PATH, method, params)
        if reply.get("result") in (True, 1) or (reply.get("result") and isinstance(reply.get("params"), dict)):
            told = reply.get("params")
            return told if isinstance(told, dict) else {}
        kind = Unsupported if _code(reply) in _UNKNOWN else Refused
        raise kind(f"{self.name}: RPC2 {method}: not there, or this login may not use it.")

    def logout(self) -> None:
        """Never raises."""
        if self.session is None:
            return
        try:
            self._post(PATH, "global.logout", None)
        except NwcsError:
            pass
        self.session = None


def refusal(code: int) -> tuple[str, str] | None:
    """(why, advice) where the code says more than "wrong"."""
    if code == LOCKED:
        return (
            "the device has locked the account or this address",
            "Wait until the lock has passed; nothing is tried again.",
        )
    if code == NOT_INITIALISED:
        return (
            "the device has no administrator password yet",
            "Set the first one in its own page or with the maker's tool, then run again.",
        )
    return None


def _code(reply: dict[str, Any]) -> int:
    error = reply.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and not isinstance(code, bool) else 0

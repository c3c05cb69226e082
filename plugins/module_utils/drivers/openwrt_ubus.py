# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ubus over HTTP: the JSON-RPC client (legacy dialect, batches, one new login, error words). Fact sheet 2 to 4.

HTTP says 200 for everything, so a reply is classified by `error.code` (negative) or `result[0]` (positive). -32002
means "no permission" and "session gone" alike (H22): the rights told at login decide which of the two it was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Credential
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    LoginRefused,
    Refused,
    Unreachable,
    Unsupported,
    WrongFamily,
)

PATH = "/ubus"
NULL_SESSION = "0" * 32
SESSION_SECONDS = 307  # idle time-out asked for; odd, so that a session with another one is known to be not ours
BUSY_TRIES = 2
PROOF_SECONDS = 10  # of a login that is only to show that it works
BODY_BYTES = 48 * 1024  # uhttpd refuses 64 KiB and more
DENIED, NO_OBJECT, TIMED_OUT = -32002, -32000, -32003
OK, BAD_ARGUMENT, NO_METHOD, NOT_FOUND, NO_DATA, NO_PERMISSION, TIMEOUT = 0, 2, 3, 4, 5, 6, 7
_WORDS = {
    1: "invalid command", 2: "invalid argument", 3: "method not found", 4: "not found", 5: "no data",
    6: "permission denied", 7: "timed out", 8: "not supported", 9: "unknown error", 10: "connection failed",
    11: "out of memory", 12: "parse error", 13: "system error", -32000: "object not found", -32002: "access denied",
    -32003: "timed out", -32600: "invalid request", -32601: "method not found", -32602: "invalid parameters",
    -32603: "internal error", -32700: "parse error",
}  # fmt: skip
# Objects that rpcd itself always has: "not found" means that rpcd is down or starting again.
_OF_RPCD = ("session", "uci")
# Methods that may be sent a second time when the connection broke, the session ended or the web server was busy; a
# second login does no harm where nothing locks.
_READS = frozenset(
    "login access get changes configs state list board info dump status read stat getDHCPLeases getNetworkDevices "
    "getUnixtime packagelist".split()
)


@dataclass(frozen=True)
class Call:
    object: str
    method: str
    args: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.object}.{self.method}"

    @property
    def reads(self) -> bool:
        return self.method in _READS


@dataclass(frozen=True)
class Reply:
    """`code` 0: done; positive: the object's answer; negative: uhttpd's. `data` only with code 0, or None."""

    code: int
    data: Any = None

    @property
    def ok(self) -> bool:
        return self.code == OK

    def error(self, what: str) -> DeviceError:
        """The error this reply stands for; `what` names device and call."""
        text = f"{what}: {_WORDS.get(self.code, f'error {self.code}')}"
        if self.code in (DENIED, NO_PERMISSION):
            return Refused(text + ".", "The ACL of this login does not allow it.")
        if self.code in (TIMED_OUT, TIMEOUT):
            return Busy(text + ".")
        if self.code == NO_OBJECT and what.split(": ")[-1].split(".")[0] in _OF_RPCD:
            return Busy(text + ".", "rpcd is not running or is starting again.")
        if self.code in (NO_OBJECT, NO_METHOD, NOT_FOUND, 8, -32601):
            return Unsupported(text + ".")
        if self.code == BAD_ARGUMENT:
            return Refused(text + ".")
        return BadAnswer(text + ".")


class Ubus:
    """One session on one router. Keeps one request in flight; never puts the session id into a message."""

    def __init__(self, transport: Any, credential: Credential | None = None) -> None:
        self.transport = transport
        self.credential = credential
        self.session = NULL_SESSION
        self.acls: dict[str, dict[str, list[str]]] = {}
        self._denied: set[str] = set()  # refused by a fresh session, whatever its rights say
        self.shared = False  # the router handed us the session of an apply that waits for its confirm (section 3)
        self.patient_until = 0.0  # monotonic time until which an unreachable device is asked again (it restarts uhttpd)

    @property
    def name(self) -> str:
        return str(self.transport.target.name)

    # -- rights ---------------------------------------------------------------------------------------------------
    def granted(self, scope: str, item: str, function: str) -> bool:
        """What the login reply says: scope "ubus", "uci" or "file"; names there may be shell patterns."""
        for pattern, functions in self.acls.get(scope, {}).items():
            if fnmatchcase(item, pattern) and any(fnmatchcase(function, known) for known in functions):
                return True
        return False

    def may(self, object_: str, method: str) -> bool:
        return self.granted("ubus", object_, method)

    # -- requests -------------------------------------------------------------------------------------------------
    def login(self, seconds: int = SESSION_SECONDS) -> dict[str, Any]:
        """One attempt. LoginRefused for [6]; the reply holds the rights."""
        if self.credential is None:
            raise LoginRefused(f"{self.name}: no credential is known.")
        args = {"username": self.credential.username, "password": self.credential.password, "timeout": seconds}
        reply = self._send([Call("session", "login", args)], NULL_SESSION)[0]
        if reply.code in (NO_PERMISSION, DENIED):
            raise LoginRefused(f"{self.name}: the router refused the login of {self.credential.username!r}.",
                               "Check user name and password; this API has no lock-out.")  # fmt: skip
        data = reply.data
        if not reply.ok:
            raise reply.error(f"{self.name}: session.login")
        if not isinstance(data, dict) or not isinstance(data.get("ubus_rpc_session"), str):
            raise BadAnswer(f"{self.name}: session.login: the answer holds no session.")
        self.session = data["ubus_rpc_session"]
        self.shared = data.get("timeout") != seconds
        self.acls = _rights(data.get("acls"))
        return data

    def batch(self, calls: Sequence[Call], session: str | None = None) -> list[Reply]:
        """Send calls in as few requests as fit; replies in order. Renews a lost session once, for readings only."""
        replies = self._all(calls, session or self.session)
        if session is not None or self.credential is None:
            return replies
        lost = [i for i, reply in enumerate(replies) if reply.code == DENIED and self._surprising(calls[i])]
        if lost and all(calls[i].reads for i in lost):
            self.login()
            for i, reply in zip(lost, self._all([calls[i] for i in lost], self.session), strict=True):
                replies[i] = reply
                if reply.code == DENIED:
                    self._denied.add(calls[i].name)
        return replies

    def _surprising(self, call: Call) -> bool:
        return self.may(call.object, call.method) and call.name not in self._denied

    def call(self, object_: str, method: str, args: Mapping[str, Any] | None = None) -> Reply:
        return self.batch([Call(object_, method, args or {})])[0]

    def objects(self) -> list[str]:
        """The names of all objects; needs no login. WrongFamily when this is not ubus."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "list"}).encode()
        answer = self._post(body)
        if not isinstance(answer, dict) or not isinstance(answer.get("result"), list):
            raise WrongFamily(f"{self.name}: {PATH} answers, but not with a list of ubus objects.")
        return [str(name) for name in answer["result"]]

    def _all(self, calls: Sequence[Call], session: str) -> list[Reply]:
        replies: list[Reply] = []
        group: list[Call] = []
        size = 0
        for call in calls:
            length = len(json.dumps(call.args)) + 160
            if group and size + length > BODY_BYTES:
                replies += self._send(group, session)
                group, size = [], 0
            group.append(call)
            size += length
        return replies + (self._send(group, session) if group else [])

    def _send(self, calls: Sequence[Call], session: str) -> list[Reply]:
        bodies = [
            {"jsonrpc": "2.0", "id": i, "method": "call", "params": [session, c.object, c.method, dict(c.args)]}
            for i, c in enumerate(calls, 1)
        ]
        answer = self._post(
            json.dumps(bodies[0] if len(bodies) == 1 else bodies).encode(), all(call.reads for call in calls)
        )
        members = [answer] if len(bodies) == 1 and isinstance(answer, dict) else answer
        if not isinstance(members, list) or len(members) != len(calls):
            raise BadAnswer(f"{self.name}: POST {PATH}: the answer does not hold as many replies as there were calls.")
        return [self._reply(member, call) for member, call in zip(members, calls, strict=True)]

    def _reply(self, member: Any, call: Call) -> Reply:
        if isinstance(member, dict):
            error, result = member.get("error"), member.get("result")
            if isinstance(error, dict) and isinstance(error.get("code"), int):
                return Reply(error["code"])
            if isinstance(result, list) and result and isinstance(result[0], int):
                return Reply(result[0], result[1] if len(result) > 1 and result[0] == OK else None)
        raise BadAnswer(f"{self.name}: {call.name}: the answer is not JSON-RPC.")

    def _post(self, body: bytes, again: bool = True) -> Any:
        """POST and decode. While the router restarts its web server a reading is repeated until `patient_until`."""
        from ansible_collections.nwcs.hardening.plugins.module_utils import decode

        busy = 0
        while True:
            try:
                answer = self.transport.request(
                    "POST", PATH, body=body, headers={"Content-Type": "application/json"}, login=False, idempotent=again
                )
                if answer.status != 503 or not again or busy == BUSY_TRIES:
                    break
                busy += 1
            except (Unreachable, BadAnswer) as error:
                gone = isinstance(error, Unreachable) or getattr(error, "reason", "") in ("closed", "truncated")
                if not (again and gone) or time.monotonic() > self.patient_until:
                    raise
                time.sleep(0.3)
        if answer.status in (301, 302, 307, 308):
            raise Refused(f"{self.name}: the router answers on HTTP only with a redirect to HTTPS.",
                          "Set nwcs_scheme to https.")  # fmt: skip
        if answer.status == 403:
            raise Refused(f"{self.name}: POST {PATH}: HTTP 403.", "Its address filter refuses this controller.")
        if answer.status in (500, 502, 503, 504):
            raise Busy(f"{self.name}: POST {PATH}: HTTP {answer.status}.")
        if answer.status != 200:
            raise WrongFamily(f"{self.name}: POST {PATH}: HTTP {answer.status}; here is no ubus.",
                              "uhttpd-mod-ubus and rpcd must be installed.")  # fmt: skip
        return decode.json(answer.body, self.transport.target.limits)


def _rights(acls: Any) -> dict[str, dict[str, list[str]]]:
    """The acls of a login reply, with anything unexpected left out."""
    if not isinstance(acls, dict):
        return {}
    return {
        str(scope): {str(k): [str(f) for f in v] for k, v in table.items() if isinstance(v, list)}
        for scope, table in acls.items()
        if isinstance(table, dict)
    }

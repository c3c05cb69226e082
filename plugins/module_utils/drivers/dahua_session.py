# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An open Dahua device: login by Digest, tables in one request, writes key by key (dahua-cgi.md).

The CGI wants secrets in the address of the request: no message of this driver or of the transport holds a query (H36).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ansible_collections.nwcs.hardening.plugins.module_utils import auth, decode
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    Answer,
    Context,
    Credential,
    Stored,
    Tree,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import dahua_text as text
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.dahua_rpc import Rpc, refusal
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    LoginRefused,
    NwcsError,
    Refused,
    Unsupported,
)

INFO = "/cgi-bin/magicBox.cgi?action=getSystemInfo"
USERS = "/cgi-bin/userManager.cgi?action=getUserInfoAll"
BACKUP = "/cgi-bin/Config.backup?action=All"
# Tables that speak for one thing together: the one means little while it is not known whether the other is there.
_SIBLINGS = (("T2UServer", "VSP_PaaS"), ("AutoUpgrade", "CloudUpgrade"), ("NTP", "Locales"))
_MANY = 4  # so many tables at once are worth asking for all of them


def path_of(cgi: str, action: str, values: Mapping[str, str] | Sequence[tuple[str, str]] = ()) -> str:
    """Path and query of a request: "userManager", "deleteUser", {"name": "ops"} -> …deleteUser&name=ops."""
    more = values.items() if isinstance(values, Mapping) else values
    query = "".join(f"&{quote(key, safe='[]._:-')}={quote(value, safe='')}" for key, value in more)
    return f"/cgi-bin/{cgi}.cgi?action={action}{query}"


class DahuaContext(Context):
    """facts: anonymous, http_schemes. `information` is the answer that proved the login, good for one reading."""

    def __init__(self, transport: Any, credential: Credential | None, secrets: Mapping[str, str] | None = None) -> None:
        super().__init__(transport, credential, secrets)
        self.information: dict[str, str] | None = None
        self.previous: Credential | None = None  # before a change of our own password
        self.lock: dict[str, str] = {}  # table General as last read: its lock rules
        self.offset: int | None = None  # seconds east of UTC, of table NTP as last read
        self.recorder: bool | None = None  # is it one, by table RemoteDevice; None: not asked yet
        self.withheld: set[str] = set()  # tables that were refused: they may be there (H23)
        self._seen: set[str] = set()  # tables asked for on this connection
        self._rpc_refused = False
        self._at_once: Callable[[], dict[str, text.Table]] | None = None  # what gave all tables in one answer

    @property
    def name(self) -> str:
        return self.transport.target.name

    # -- login ---------------------------------------------------------------------------------------------------------
    def open(self) -> None:
        """One question without a login, which brings the challenge, then the login exactly once."""
        seen = getattr(self.transport, "dahua_challenge", None)
        answer = seen or self.transport.request("GET", INFO, login=False)
        self.transport.dahua_challenge = None
        self.facts.update(anonymous=False, http_schemes=auth.schemes(answer))
        if answer.status == 200:
            self.facts["anonymous"] = True
            self.notes.append("The device gives out its settings without a login.")
            self.information = self._information(answer)
            return
        self._log_in(answer)

    def _log_in(self, challenge: Answer) -> None:
        if challenge.status != 401 or self.credential is None:
            raise self._refused(challenge)
        if not self._digest and "basic" not in self.facts["http_schemes"]:
            raise Refused(f"{self.name}: the device offers neither a Digest nor a Basic login.")
        if not self._digest:
            self.notes.append("The device offers a Basic login only: the password itself travels.")
        self._use(self.credential)
        self.transport.auth.challenged(challenge)
        answer = self.transport.request("GET", INFO)
        if answer.status != 200:
            raise self._refused(answer)
        self.information = self._information(answer)

    def _information(self, answer: Answer) -> dict[str, str]:
        if why := text.failure(f"{self.name}: getSystemInfo", answer):
            raise why
        found = dict(text.pairs(answer.body))
        if not found:
            raise BadAnswer(f"{self.name}: getSystemInfo: no usable answer.")
        return found

    def _refused(self, answer: Answer) -> DeviceError:
        """What a refused login was; RPC2's first step tells more and costs no attempt."""
        user = self.credential.username if self.credential else ""
        if answer.status not in (401, 403):
            return text.failure(f"{self.name}: getSystemInfo", answer) or BadAnswer(f"{self.name}: no usable answer.")
        why = None
        try:
            why = refusal(Rpc(self.transport).challenge(user)["code"])
        except NwcsError:
            pass
        if why is not None:
            return LoginRefused(f"{self.name}: {why[0]}.", why[1], locked="locked" in why[0])
        said = re.search(rb"locked", answer.body[:500], re.I) is not None
        if said or answer.status == 403:
            advice = "It may be locked after failed logins; nothing is tried again."
            message = f"{self.name}: account {user!r} is not let in now (HTTP {answer.status})."
            return LoginRefused(message, advice, locked=said)
        return LoginRefused(
            f"{self.name}: account {user!r} was refused (HTTP {answer.status}).",
            "Check nwcs_username and nwcs_password; the toolkit does not try again by itself.",
        )

    @property
    def _digest(self) -> bool:
        return any(scheme.startswith("digest-") for scheme in self.facts["http_schemes"])

    def _use(self, credential: Credential) -> None:
        """Digest wherever it is offered; the transport sends Basic over HTTPS only, unless the inventory says so."""
        self.credential = credential
        kind = auth.Digest if self._digest else auth.Basic
        self.transport.auth = kind(credential.username, credential.password)

    def own_password_changed(self, name: str, password: str) -> None:
        """Our own password was just set: new requests use it; the old one comes back if it was not taken (H01)."""
        if self.credential is None or self.credential.username != name:
            return
        self.previous = self.credential
        self._use(Credential(name, password, self.credential.label))

    # -- requests ------------------------------------------------------------------------------------------------------
    def get(self, path: str, read: bool = True) -> Answer:
        """With our login. One that stopped working after we changed our own password falls back once (H01)."""
        answer = self.transport.request("GET", path, idempotent=read)
        if answer.status == 401 and self.previous is not None:
            previous, self.previous = self.previous, None
            self._use(previous)
            self.notes.append("The device said that it took a new password, and still wants the old one.")
            answer = self.transport.request("GET", path, idempotent=read)
        elif answer.status == 200:
            self.previous = None
        return answer

    def ask(self, cgi: str, action: str, values: Mapping[str, str] | Sequence[tuple[str, str]] = ()) -> bytes:
        """The body of a question. Unsupported, Refused, Busy or BadAnswer as the device says."""
        answer = self.get(path_of(cgi, action, values))
        if why := text.failure(f"{self.name}: {action}", answer):
            raise why
        return answer.body

    def send(self, cgi: str, action: str, values: Sequence[tuple[str, str]], what: str) -> Stored:
        """A write; `what` names it in messages, which never hold the values."""
        answer = self.get(path_of(cgi, action, values), read=False)
        if why := text.failure(f"{self.name}: {what}", answer):
            raise why
        if not text.is_ok(answer):
            raise BadAnswer(f"{self.name}: {what}: the answer says neither yes nor no.")
        return Stored()

    @staticmethod
    def now() -> float:
        return time.time()

    def api(self, path: str, tree: Any, what: str) -> Any:
        """A question in JSON under /cgi-bin/api; the decoded answer."""
        body, headers = json.dumps(tree).encode(), {"Content-Type": "application/json"}
        answer = self.transport.request("POST", f"/cgi-bin/api/{path}", body=body, headers=headers, idempotent=True)
        if why := text.failure(f"{self.name}: {what}", answer):
            raise why
        try:
            return decode.json(answer.body, self.transport.target.limits)
        except BadAnswer as error:
            raise BadAnswer(f"{self.name}: {what}: {error.message}") from None

    def rpc(self, method: str, params: Any) -> dict[str, Any]:
        """A question by RPC2. A login that it refuses ends this question only; it counts, and is not tried again."""
        if self._rpc_refused or self.credential is None:
            raise Refused(f"{self.name}: RPC2 {method}: RPC2 refused the login.")
        client = Rpc(self.transport)
        try:
            client.login(self.credential)
            return client.call(method, params)
        except LoginRefused as error:
            self._rpc_refused = True
            line = {"username": f"{self.credential.username}@rpc2", "label": self.credential.label, "refused": True}
            self.facts.setdefault("logins", []).append({**line, "locked": error.locked, "seconds": error.seconds})
            raise Refused(error.message, error.advice) from None
        finally:
            client.logout()

    # -- tables --------------------------------------------------------------------------------------------------------
    def tables(self, names: Sequence[str]) -> dict[str, Tree | Exception]:
        """The tables: all in one answer where the device has one, else one after the other.

        What an answer for everything does not hold is unsupported. Where the device tells single tables only, a table
        that is refused may be there all the same, and its error says so (H23).
        """
        told = self._everything() if len(names) >= _MANY else None
        if told is None:
            found = {name: self._single(name) for name in names}
            learnt = self._siblings(names)
        else:
            found = {name: told[name] if name in told else self._untold(name) for name in names}
            learnt = self._siblings(told) if self._at_once == self._all_by_config else {}
            if any(isinstance(table, dict) for table in learnt.values()):  # so that answer was cut short
                found |= {name: self._single(name) for name in names if name not in told and name not in learnt}
            found |= {name: table for name, table in learnt.items() if name in names}
        self._seen |= {*found, *learnt}
        for name, table in (*found.items(), *learnt.items()):
            refused = isinstance(table, Exception) and not isinstance(table, Unsupported)
            self.withheld = self.withheld | {name} if refused else self.withheld - {name}
        general = found.get("General")
        if isinstance(general, dict):
            self.lock = dict(general)
        if "RemoteDevice" in found:
            # Refused says neither: then it is asked for its cameras all the same (H23).
            self.recorder = not isinstance(found["RemoteDevice"], Unsupported)
        return found

    def _siblings(self, told: Container[str]) -> dict[str, Tree | Exception]:
        """The tables beside those that were told, where nobody knows yet whether they are there."""
        pairs = [pair for one, other in _SIBLINGS for pair in ((one, other), (other, one))]
        unknown = [other for one, other in pairs if one in told and other not in told and other not in self._seen]
        return {name: self._single(name) for name in unknown}

    def _untold(self, name: str) -> Unsupported:
        """Nothing says that an answer in lines is complete."""
        if self._at_once == self._all_by_config:
            return Unsupported(f"{self.name}: the device does not tell a table {name} in its answer for everything.")
        return self.absent(name)

    def _everything(self) -> dict[str, text.Table] | None:
        """All tables by getConfig name=All, else by the backup that is JSON; None where there is neither."""
        for way in (self._all_by_config, self._all_by_backup) if self._at_once is None else (self._at_once,):
            try:
                told = way()
            except (Unsupported, Refused, BadAnswer):
                continue
            if len(told) >= _MANY:
                self._at_once = way
                return told
        return None

    def _all_by_config(self) -> dict[str, text.Table]:
        return text.tables(self.ask("configManager", "getConfig", [("name", text.ALL)]))

    def _all_by_backup(self) -> dict[str, text.Table]:
        answer = self.get(BACKUP)
        if why := text.failure(f"{self.name}: Config.backup", answer):
            raise why
        tree = decode.json(answer.body, self.transport.target.limits)
        return {str(name): text.flat(table) for name, table in tree.items()} if isinstance(tree, dict) else {}

    def absent(self, name: str) -> Unsupported:
        return Unsupported(f"{self.name}: the device has no table {name}.")

    def _single(self, name: str) -> Tree | Exception:
        try:
            told = text.tables(self.ask("configManager", "getConfig", [("name", name)]))
        except (Unsupported, Refused, Busy, BadAnswer) as error:
            if getattr(error, "reason", ""):
                raise  # the connection itself broke: the next table would do no better
            error.message = f"{error.message[:-1]} (table {name})."
            return error
        return told.get(name) or self.absent(name)

    def set_table(self, table: str, changes: Iterable[tuple[str, str]]) -> Stored:
        """One key in each request: some firmware takes no more (fact sheet, Transport). Masked values are not sent."""
        for key, value in changes:
            if value == text.MASK or text.is_secret(key):
                continue
            name = f"{table}{key}" if key.startswith("[") else f"{table}.{key}"
            self.send("configManager", "setConfig", [(name, value)], f"setConfig {name}")
        return Stored()

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An open SUNAPI device: login, first password, calls (hanwha-sunapi.md, Transport, First password, Passwords).

Secrets travel encrypted in a POST body where the device has a key for it. An older one takes them in the URL only; then
no message may hold the query (H36), which the transport keeps to as well.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ansible_collections.nwcs.hardening.plugins.module_utils import auth, decode
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer, Context, Credential, Stored
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_answers as answers
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_rsa as rsa
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_schema as schema
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    DeviceError,
    LoginRefused,
    Refused,
    Unsupported,
)

STATUS_PATH = "/init-cgi/pw_init.cgi?msubmenu=statuscheck&action=view"
FIRST_PATH = "/init-cgi/pw_init.cgi?msubmenu=setinitpassword&action=set&IsPasswordEncrypted=True"
SCHEMA_PATH = "/stw-cgi/attributes.cgi/cgis"
ATTRIBUTES_PATH = "/stw-cgi/attributes.cgi/attributes"
INFO = "system/deviceinfo"
FIRST_ACCOUNT = "admin"
BUSY_TRIES, BUSY_PAUSE = 3, 0.5  # HTTP 490: asked again up to three times
_JSON = (("Accept", "application/json"),)


def path_of(path: str, action: str, values: Mapping[str, str]) -> str:
    """"security/rtsp", "set", {"RTSPAuthentication": "Protected"} -> the request's path and query."""
    cgi, _slash, submenu = path.partition("/")
    query = [("msubmenu", submenu), ("action", action), *values.items()]
    return f"/stw-cgi/{cgi}.cgi?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query)


def ask(transport: Any, path: str, login: bool = True, body: bytes | None = None, plain: bool = False,
        idempotent: bool | None = None) -> Answer:  # fmt: skip
    """One request, once more where the device has too many sessions at the moment (it did nothing then)."""
    method, headers = ("GET", {}) if body is None else ("POST", {"Content-Type": "application/x-www-form-urlencoded"})
    headers.update({} if plain else _JSON)
    for attempt in range(BUSY_TRIES):
        answer = transport.request(
            method, path, body=body or b"", headers=headers, login=login, idempotent=idempotent
        )
        if answer.status != 490 or attempt + 1 == BUSY_TRIES:
            break
        time.sleep(BUSY_PAUSE)
    return answer


def status_of(transport: Any) -> dict[str, Any]:
    """What the device says of its first password, without a login; {} where it has no such page (before 2.5.5)."""
    answer = ask(transport, STATUS_PATH, login=False)
    if answer.status != 200:
        return {}
    try:
        found = answers.parse(answer, transport.target.limits)
    except BadAnswer:
        return {}
    return {**found, "key": answer.body.decode("utf-8", "replace")} if "Initialized" in found else {}


class SunapiContext(Context):
    """facts: anonymous, http_schemes, factory (True: there is no administrator password yet)."""

    def __init__(self, transport: Any, credential: Credential | None, secrets: Mapping[str, str] | None = None) -> None:
        super().__init__(transport, credential, secrets)
        self.status: dict[str, Any] = {}  # of the first password; its public key is under "key"
        self.information: answers.Parsed | None = None  # the answer that proved the login, good for one reading
        self.previous: Credential | None = None  # before a change of our own password
        self._schema: schema.Schema | DeviceError | None = None
        self._schema_told = False
        self._sent: set[str] = set()  # passwords that were made for a request

    @property
    def name(self) -> str:
        return self.transport.target.name

    @property
    def factory(self) -> bool:
        return bool(self.facts.get("factory"))

    # -- login ---------------------------------------------------------------------------------------------------------
    def open(self) -> None:
        """Find the challenge without credentials, then send them exactly once."""
        seen = getattr(self.transport, "sunapi_status", None)
        self.status = status_of(self.transport) if seen is None else seen
        path = path_of(INFO, "view", {})
        answer = ask(self.transport, path, login=False)
        if answer.status == 403 and "www-authenticate" not in answer.headers:
            # Only the device's own word counts: a locked address is refused in the same way.
            if str(self.status.get("Initialized")).lower() == "false":
                self.facts.update(factory=True, anonymous=False, http_schemes=[])
                self.notes.append("The device has no administrator password yet: all but that is closed until then.")
                return
            raise LoginRefused(f"{self.name}: the device admits no login now (HTTP 403): not set up yet, or locked.",
                               "Set its first password in its own page, or wait: it may have locked this address "
                               "after failed logins.", locked=True)  # fmt: skip
        self.facts.update(factory=False, anonymous=False, http_schemes=auth.schemes(answer))
        if answer.status == 200:
            self.information = self.parsed(answer, INFO)
            self.facts["anonymous"] = True
            self.notes.append("The device gives out its settings without a login.")
            return
        self._log_in(answer, path)

    def _log_in(self, challenge: Answer, path: str) -> None:
        why = answers.failure(f"{self.name}: {INFO}", challenge, None)
        if challenge.status != 401 or self.credential is None:
            raise why or BadAnswer(f"{self.name}: {INFO}: no usable answer.")
        if not any(scheme.startswith("digest-") for scheme in self.facts["http_schemes"]):
            raise Refused(f"{self.name}: the device offers no Digest login, which SUNAPI is documented to have.")
        self._use(self.credential)
        self.transport.auth.challenged(challenge)
        answer = ask(self.transport, path)
        said = f"HTTP {answer.status}"
        try:
            self.information = self.parsed(answer, INFO) if answer.status not in (401, 403) else None
        except Refused as error:  # status 200, and NG in the body
            said = error.message
        if self.information is None:
            user = self.credential.username
            raise LoginRefused(f"{self.name}: account {user!r} was refused ({said}).",
                               "Check nwcs_username and nwcs_password; the toolkit does not try again by itself.",
                               locked=answers.locked(answer))  # fmt: skip

    def _use(self, credential: Credential) -> None:
        self.credential = credential
        self.transport.auth = auth.Digest(credential.username, credential.password)

    def own_password_changed(self, name: str, password: str) -> None:
        """Our own password was just set: new requests use it; the old one comes back if it was not taken (H01)."""
        if self.credential is None or self.credential.username != name:
            return
        self.previous = self.credential
        self._use(Credential(name, password, self.credential.label))

    # -- calls ---------------------------------------------------------------------------------------------------------
    def parsed(self, answer: Answer, what: str) -> answers.Parsed:
        """The tree of an answer. Raises what is wrong with it, in our terms."""
        where = f"{self.name}: {what}"
        tree = None
        if answer.status == 200:
            try:
                tree = answers.parse(answer, self.transport.target.limits)
            except BadAnswer as error:
                raise BadAnswer(f"{where}: {error.message}") from None
        why = answers.failure(where, answer, tree, self._known_secrets())
        if why is not None or tree is None:
            raise why or BadAnswer(f"{where}: no usable answer.")
        return tree

    def _known_secrets(self) -> list[str]:
        logins = (self.credential, self.previous)
        return [*self._secrets.values(), *self._sent, *(login.password for login in logins if login is not None)]

    def exchange(self, path: str, body: bytes | None = None, plain: bool = False, read: bool = True) -> Answer:
        """With our login. A login that stopped working after we changed our own password falls back once (H01)."""
        answer = ask(self.transport, path, body=body, plain=plain, idempotent=read)
        if answer.status == 401 and self.previous is not None:
            previous, self.previous = self.previous, None
            self._use(previous)
            self.notes.append("The device said that it took a new password, and still wants the old one.")
            answer = ask(self.transport, path, body=body, plain=plain, idempotent=read)
        elif answer.status == 200:
            self.previous = None
        return answer

    def view(self, path: str, **values: str) -> answers.Parsed:
        """A submenu as the device shows it ("security/users"). Unsupported where its own schema does not have it."""
        if self.factory:
            raise Refused(f"{self.name}: {path} is closed until the device has an administrator password.")
        if path == INFO and self.information is not None:
            found, self.information = self.information, None
            return found
        known = self.schema()
        if known is not None and "view" not in known.get(path, {}):
            raise Unsupported(f"{self.name}: the device's own schema has no {path}.")
        return self.parsed(self.exchange(path_of(path, "view", values)), path)

    def send(
        self, path: str, action: str, values: Mapping[str, str], body: bytes | None = None, secret: str = ""
    ) -> Stored:
        """A write, asked of the schema first. `secret` is a parameter that goes into the URL, its value is never told.

        Unsupported, Refused or Busy when the device says so; BadAnswer when it says neither yes nor no.
        """
        if why := schema.refusal(self.schema(), path, action, values):
            raise Unsupported(f"{self.name}: {why}.")
        everything = {**values, **({"Password": secret} if secret else {})}
        tree = self.parsed(self.exchange(path_of(path, action, everything), body, read=False), f"{path} {action}")
        if tree.get("Response") != "Success":
            raise BadAnswer(f"{self.name}: {path} {action}: the answer says neither yes nor no.")
        return Stored()

    # -- what the device says of itself --------------------------------------------------------------------------------
    def schema(self) -> schema.Schema | None:
        """The device's own schema, asked for once; None where it could not be had (why: schema_or_why)."""
        found = self.schema_or_why()
        return None if isinstance(found, DeviceError) else found

    def schema_or_why(self) -> schema.Schema | DeviceError:
        if self._schema is None:
            try:
                answer = self.exchange(SCHEMA_PATH, plain=True)
                where = f"{self.name}: attributes.cgi"
                if answer.status != 200:
                    raise answers.failure(where, answer, None) or BadAnswer(f"{where}: no usable answer.")
                self._schema = schema.parse(decode.xml(answer.body, self.transport.target.limits))
            except (Unsupported, Refused, BadAnswer) as error:
                self._schema = error
        return self._schema

    def schema_again(self) -> schema.Schema | DeviceError:
        """For a reading: what was asked for on the way counts once, then the device is asked again."""
        if self._schema_told:
            self._schema = None
        self._schema_told = True
        return self.schema_or_why()

    def refuses(self, path: str, action: str, values: Mapping[str, str]) -> str | None:
        """For limits(): why the device would not take these values; None when it would."""
        return schema.refusal(self.schema(), path, action, values)

    # -- passwords -----------------------------------------------------------------------------------------------------
    def send_account(self, action: str, values: Mapping[str, str], password: str, own: bool) -> None:
        """Add or update an account with its password: encrypted where the device can, else in the URL."""
        self._sent.add(password)
        known = self.schema() or {}
        path = "security/users"
        takes = "IsPasswordEncrypted" in known.get(path, {}).get(action, {})
        if not takes or "view" not in known.get("security/rsa", {}):
            self.send(path, action, values, secret=password)
            return
        answer = self.exchange(path_of("security/rsa", "view", {}))
        self.parsed(answer, "security/rsa")
        text = password
        if own and self.credential is not None and self._asks_for_current():
            text = json.dumps({"CurrentPassword": self.credential.password, "NewPassword": password})
        body = rsa.encrypt(answer.body.decode("utf-8", "replace"), text)
        self.send(path, action, {**values, "IsPasswordEncrypted": "True"}, body=body)

    def _asks_for_current(self) -> bool:
        """Attribute CurrentPasswordVerification: Optional or Mandatory. Not told: it is not asked for."""
        answer = self.exchange(ATTRIBUTES_PATH, plain=True)
        if answer.status != 200:
            return False
        try:
            root = decode.xml(answer.body, self.transport.target.limits)
        except BadAnswer:
            return False
        return any(
            item.get("value") in ("Optional", "Mandatory")
            for item in root.iter()
            if item.get("name") == "CurrentPasswordVerification"
        )

    def set_first_password(self, password: str) -> None:
        """The one password that can be set without a login; it works once. Refused where the device shows no key."""
        if not self.status.get("PublicKey"):
            raise Refused(
                f"{self.name}: the device offers no way to set its first password over the network.",
                "Set it in the camera's own page, or with the maker's tool, then run again.",
            )
        body = rsa.encrypt(self.status["key"], password)
        answer = ask(self.transport, FIRST_PATH, login=False, body=body, idempotent=False)
        tree = self.parsed(answer, "setinitpassword")
        if tree.get("Response", "Success") != "Success":
            raise BadAnswer(f"{self.name}: setinitpassword: the answer says neither yes nor no.")

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SUNAPI driver: Hanwha Vision (Wisenet, once Samsung Techwin) cameras and recorders (hanwha-sunapi.md)."""

from __future__ import annotations

import datetime
import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    Answer,
    Credential,
    Driver,
    Endpoint,
    Identity,
    LockRules,
    PasswordRules,
    Tree,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_network as net
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.one_by_one import each
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.sunapi_answers import BUSY, failure, parse
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.sunapi_filter import client_address
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.sunapi_session import (
    FIRST_ACCOUNT,
    INFO,
    SunapiContext,
    ask,
    path_of,
    status_of,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.sunapi_tables import BINDINGS, DOCUMENTS
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    LoginRefused,
    Unsupported,
    WrongFamily,
)

_ELSEWHERE = "/nwcs-no-such-page"
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", string.digits, string.ascii_lowercase)
OUR_CLASSES = {"upper": 1, "lower": 1, "digit": 1, "special": 1}
ALPHABET = "".join(c for c in string.ascii_letters + string.digits + "!#$%()*+-./=?@^_{}~" if c not in ":\\,")


def _triples() -> tuple[str, ...]:
    """Three equal, consecutive or neighbouring characters, which the camera's own page refuses (Passwords)."""
    runs = [row[i : i + 3] for row in _ROWS for i in range(len(row) - 2)]
    return (*dict.fromkeys(runs), *(3 * char for char in dict.fromkeys(ALPHABET.lower())))


class SunapiDriver(Driver):
    """Tables are in sunapi_tables; the device's own schema says which of them it has."""

    family = "sunapi"
    documents = DOCUMENTS
    bindings = BINDINGS
    default_ports = {"https": 443, "http": 80}

    # -- who is there --------------------------------------------------------------------------------------------------
    def identify(self, transport: Any) -> Identity:
        """Without credentials: the page of the first password (from SUNAPI 2.5.5 on), else how a login is asked for."""
        status = status_of(transport)
        transport.sunapi_status = status
        if not status:
            self._check_family(transport)
        return Identity(manufacturer=_words(status, "Manufacturer"))

    @staticmethod
    def _check_family(transport: Any) -> None:
        where = f"{transport.target.name}: no SUNAPI at {transport.target.host}:{transport.target.port}"
        answer = ask(transport, path_of(INFO, "view", {}), login=False)
        if answer.status in BUSY:
            raise Busy(f"{where}: it is busy (HTTP {answer.status}).")
        if answer.status == 200:
            try:
                found = parse(answer, transport.target.limits)
            except BadAnswer:
                found = {}
            if "Model" in found:
                return
        if answer.status in (401, 403):
            # Some devices ask for a login, or refuse, whatever the page: that says nothing of this API.
            elsewhere = ask(transport, _ELSEWHERE, login=False)
            if elsewhere.status != answer.status:
                return
        raise WrongFamily(f"{where}: another device answers (HTTP {answer.status}).",
                          "Is nwcs_family right, and nwcs_port?")  # fmt: skip

    def open(self, transport: Any, credential: Credential, secrets: Mapping[str, str]) -> SunapiContext:
        """Log in with exactly one attempt. facts["factory"]: there is no password yet, so nobody can log in."""
        ctx = SunapiContext(transport, credential, secrets)
        ctx.open()
        found, identity = ctx.information or {}, ctx.identity
        identity.manufacturer = _words(ctx.status, "Manufacturer")
        identity.model = _words(found, "Model")
        identity.serial = _words(found, "SerialNumber")
        identity.firmware = _words(found, "FirmwareVersion")
        digits = "".join(c for c in _words(found, "ConnectedMACAddress").lower() if c in string.hexdigits)
        identity.mac = ":".join(digits[i : i + 2] for i in range(0, 12, 2)) if len(digits) == 12 else ""
        return ctx

    def login(self, transport: Any, credential: Credential) -> None:
        ctx = self.open(transport, credential, {})
        try:
            if ctx.factory:
                raise LoginRefused(f"{ctx.name}: the device has no administrator password yet, nobody can log in.")
            if ctx.facts.get("anonymous"):
                raise Unsupported(f"{ctx.name}: the device answers without a login, so no password can be proven.")
        finally:
            ctx.close()

    # -- reading -------------------------------------------------------------------------------------------------------
    def fetch(self, ctx: SunapiContext, names: Sequence[str]) -> dict[str, Tree | Exception]:
        """Each submenu on its own (SUNAPI has no batch). Two silences in a row: the device is gone."""
        known = {document.name: document for document in self.documents}

        def read(name: str) -> Tree:
            try:
                return known[name].fetch(ctx)
            except (KeyError, AttributeError, TypeError, ValueError):
                raise BadAnswer(f"{ctx.name}: {name}: the answer has another shape.") from None

        return each(names, read)

    # -- what can be seen from outside ---------------------------------------------------------------------------------
    def endpoints(self, ctx: SunapiContext, trees: Mapping[str, Tree]) -> list[Endpoint]:
        target = ctx.transport.target
        ports, ssl = trees.get("ports"), trees.get("ssl")
        numbers = {name: int(ports[field]) for name, field in net.PORTS.items()
                   if isinstance(ports, dict) and re.fullmatch("[0-9]{1,5}", str(ports.get(field)))
                   and 0 < int(ports[field]) < 65536}  # fmt: skip
        ways = [(target.scheme, target.port)]  # the one in use counts also behind address translation
        if isinstance(ssl, dict) and isinstance(ssl.get("Policy"), str):
            on = {"https": net.https_on(ssl), "http": net.http_on(ssl)}
            ways += [(name, numbers[name]) for name, there in on.items() if there and name in numbers]
        found = [_anonymous("manage", *way, INFO, "Model") for way in dict.fromkeys(ways)]
        found.append(_anonymous("users", target.scheme, target.port, "security/users", "Users"))
        found += [Endpoint("service", "tcp", number, service=name) for name, number in numbers.items()]
        return found

    def clock(
        self, ctx: SunapiContext, trees: Mapping[str, Tree]
    ) -> tuple[datetime.datetime, datetime.datetime] | None:
        tree = trees.get("date")
        device = net.moment(tree.get("UTCTime")) if isinstance(tree, dict) else None
        return (device, datetime.datetime.fromisoformat(tree["controller"])) if device else None

    # -- verbs ---------------------------------------------------------------------------------------------------------
    def own_accounts(self, ctx: SunapiContext) -> tuple[str, ...]:
        if ctx.factory:
            return (FIRST_ACCOUNT,)
        return (ctx.credential.username,) if ctx.credential and not ctx.facts.get("anonymous") else ()

    def seen_address(self, ctx: SunapiContext) -> str | None:
        return client_address(ctx)

    def password_rules(self, ctx: SunapiContext) -> PasswordRules:
        """The rule that the camera's own page applies; the longest as the page of the first password tells."""
        told = str(ctx.status.get("MaxPasswordLength", ""))
        longest = int(told) if re.fullmatch("[0-9]{1,4}", told) and int(told) >= 10 else 15
        source = f"MaxPasswordLength {longest}" if told else "no MaxPasswordLength is told, which means 15"
        return PasswordRules(10, min(longest, 64), ALPHABET, f"{source}; the rule of the camera's own page",
                             _triples(), dict(OUR_CLASSES))  # fmt: skip

    def lock_rules(self, ctx: SunapiContext) -> LockRules:
        return LockRules(source="built into the firmware; number and time are not documented", locks=True)

    def restart(self, ctx: SunapiContext) -> None:
        known = (ctx.schema() or {}).get("system/power", {}).get("control", {}).get("Type", {})
        kind = next((word for word in ("Reboot", "Restart") if word in known.get("values", ())), None)
        if kind is None:
            raise Unsupported(f"{ctx.name}: the device's own schema has no restart.")
        ctx.send("system/power", "control", {"Type": kind})

    def factory_new(self, ctx: SunapiContext, trees: Mapping[str, Tree]) -> bool | None:
        return ctx.factory


def _words(tree: Mapping[str, Any], name: str) -> str:
    value = tree.get(name)
    return value if isinstance(value, str) else ""


def _anonymous(purpose: str, scheme: str, port: int, path: str, field: str) -> Endpoint:
    def judge(answer: Answer) -> bool | None:
        """True: the settings were given to a stranger. None when the answer says neither."""
        if answer.status in (401, 403):
            return False
        if answer.status != 200:
            return None
        found = parse(answer, _Limits)
        if failure("", answer, found) is not None:
            return False
        return True if any(name.startswith(field) for name in found) else None

    headers = (("Accept", "application/json"),)
    return Endpoint(purpose, scheme, port, path_of(path, "view", {}), "", "GET", headers, judge=judge)


class _Limits:
    """For a judge: the body was already limited when it was received."""

    body_bytes = 4 << 20
    depth = 64

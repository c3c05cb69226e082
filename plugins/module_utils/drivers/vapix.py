# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AXIS devices over VAPIX, firmware 5.51 to AXIS OS 12: discovery first, version second (fact sheet section 1).

param.cgi in one request, accounts by pwdgrp.cgi, and beside them only what a device lists: ntp.cgi, the firewall with
its own rollback, disks. Before the login only what needs none: basicdeviceinfo.cgi and systemready.cgi.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import decode
from ansible_collections.nwcs.hardening.plugins.module_utils.auth import challenges
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
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_accounts as accounts
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_apis as apis
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_param as param
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.vapix_http import (
    PARAM,
    PWDGRP,
    USERGROUP,
    VapixContext,
    text_of,
    version_of,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.vapix_tables import (
    BINDINGS,
    DOCUMENTS,
    TRANSACTIONS,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    LoginRefused,
    Refused,
    Unsupported,
    WrongFamily,
)

BASIC_INFO = "/axis-cgi/basicdeviceinfo.cgi"
DISCOVERY_PORT = 3702
_NOT_YET = "The device is factory-new: only its first administrator can be made now; run again for everything else."
_PRINCIPAL = ("param", "users")  # without them nothing is known of the device


class VapixDriver(Driver):
    """A whole reading of a modern device takes six requests with a login, and two without."""

    family = "vapix"
    documents = DOCUMENTS
    bindings = BINDINGS
    transactions = TRANSACTIONS

    # -- who is there --------------------------------------------------------------------------------------------------
    def identify(self, transport: Any) -> Identity:
        """Without credentials. Older firmware tells nothing but that param.cgi asks for a login."""
        ctx = VapixContext(transport, None)
        answer = ctx.ask("POST", BASIC_INFO, b'{"apiVersion":"1.0","context":"nwcs",'
                         b'"method":"getAllUnrestrictedProperties"}', "application/json", login=False)  # fmt: skip
        where = f"{ctx.name}: no AXIS device at {transport.target.host}:{transport.target.port}"
        if answer.status == 200:
            self._read_basic_info(ctx, answer, where)
        elif 300 <= answer.status < 400:
            location = answer.headers.get("location", "").lower()
            https = transport.target.scheme == "http" and location.startswith("https:")
            raise WrongFamily(f"{where}: it points elsewhere (HTTP {answer.status}).",
                              "Set nwcs_scheme: https." if https else "")  # fmt: skip
        elif answer.status in (408, 429, 503):
            raise Busy(f"{where}: it is busy (HTTP {answer.status}).")
        elif answer.status in (401, 403, 404, 405):
            self._probe_param(ctx, where)
        else:
            raise WrongFamily(f"{where}: HTTP {answer.status}.")
        transport.vapix_seen = ctx  # what open() on the same connection need not ask again
        return ctx.identity

    @staticmethod
    def _read_basic_info(ctx: VapixContext, answer: Answer, where: str) -> None:
        try:
            reply = decode.json(answer.body, ctx.transport.target.limits)
        except BadAnswer as error:
            raise WrongFamily(f"{where}: {BASIC_INFO}: {error.message}") from None
        data = reply.get("data") if isinstance(reply, dict) else None
        listed = data.get("propertyList") if isinstance(data, dict) else None
        if not isinstance(listed, dict) or "Version" not in listed:
            raise WrongFamily(f"{where}: {BASIC_INFO} answers, but not as AXIS devices do.")
        told = {key: str(value) for key, value in listed.items() if isinstance(value, str)}
        identity = ctx.identity
        identity.manufacturer = told.get("Brand", "")
        identity.model = told.get("ProdShortName") or told.get("ProdNbr", "")
        identity.firmware = told.get("Version", "")
        identity.serial = identity.endpoint = told.get("SerialNumber", "")
        identity.mac = _mac(identity.serial)
        ctx.version, ctx.json_age = version_of(identity.firmware), True

    @staticmethod
    def _probe_param(ctx: VapixContext, where: str) -> None:
        """param.cgi asks for a login on every AXIS device; on one without an account it says so."""
        answer = ctx.ask("GET", f"{PARAM}?action=list&group=Brand", login=False)
        if answer.status in (408, 429, 503):
            raise Busy(f"{where}: it is busy (HTTP {answer.status}).")
        if answer.status == 401:
            if b"initial admin user" in answer.body or challenges(answer.headers.get("www-authenticate", "")):
                return
        elif answer.status == 200 and param.parse(text_of(answer))[0].get("Brand.Brand"):
            return
        raise WrongFamily(f"{where}: {PARAM} answers with HTTP {answer.status}, not as AXIS devices do.")

    # -- login ---------------------------------------------------------------------------------------------------------
    def open(self, transport: Any, credential: Credential, secrets: Mapping[str, str]) -> VapixContext:
        """Log in with one attempt, at a resource for administrators: an open viewer would hide a wrong password (10).

        What it reads (accounts, parameters, the list of APIs) is not asked again by the first fetch().
        """
        ctx = VapixContext(transport, credential, secrets)
        seen = getattr(transport, "vapix_seen", None)
        if seen is None:
            self.identify(transport)
            seen = transport.vapix_seen
        ctx.identity, ctx.version, ctx.json_age, ctx.setup = seen.identity, seen.version, seen.json_age, seen.setup
        if ctx.json_age and ctx.setup is None:
            try:
                ctx.setup = apis.ask_setup(ctx)
            except (Unsupported, Refused, Busy, BadAnswer):
                ctx.setup = {}
        if (ctx.setup or {}).get("needsetup") == "yes":
            return self._factory(ctx)
        ctx.use(credential)
        try:
            ctx.fresh["users"] = accounts.fetch(ctx)
        except Refused:
            if ctx.transport.auth.tried or not self._says_factory(ctx):
                raise
            return self._factory(ctx)
        ctx.fresh["param"] = tree = param.fetch(ctx)
        if ctx.setup:
            ctx.fresh["setup"] = ctx.setup
        self._identify_by(ctx, tree)
        ctx.fresh["apis"] = self._discover(ctx)
        if isinstance(ctx.fresh["apis"], Exception):
            del ctx.fresh["apis"]
        if transport.target.scheme != "https" and ctx.transport.auth.clear_text:
            ctx.notes.append("The login went over plain HTTP: the password travelled in clear.")
        ctx.facts["rights"] = "administrator"
        return ctx

    @staticmethod
    def _says_factory(ctx: VapixContext) -> bool:
        answer = ctx.ask("GET", f"{PWDGRP}?action=get", login=False)
        return answer.status == 401 and b"initial admin user" in answer.body

    @staticmethod
    def _factory(ctx: VapixContext) -> VapixContext:
        ctx.facts["factory"] = ctx.facts["anonymous"] = True
        ctx.notes.append(_NOT_YET)
        return ctx

    @staticmethod
    def _identify_by(ctx: VapixContext, tree: Tree) -> None:
        """What only the parameters tell on old firmware; WrongFamily when they do not tell a maker and a firmware."""
        identity = ctx.identity
        if not tree.get("Brand.Brand") or not tree.get("Properties.Firmware.Version"):
            raise WrongFamily(f"{ctx.name}: {PARAM} answers, but tells neither a brand nor a firmware.")
        identity.manufacturer = identity.manufacturer or tree["Brand.Brand"]
        identity.model = identity.model or tree.get("Brand.ProdShortName") or tree.get("Brand.ProdNbr", "")
        identity.firmware = identity.firmware or tree["Properties.Firmware.Version"]
        identity.serial = identity.serial or tree.get("Properties.System.SerialNumber", "")
        identity.mac = identity.mac or _mac(tree.get("Network.eth0.MACAddress", "")) or _mac(identity.serial)
        ctx.version = ctx.version or version_of(identity.firmware)

    @staticmethod
    def _discover(ctx: VapixContext) -> Tree | Exception:
        try:
            return apis.fetch_apis(ctx)
        except Unsupported:
            ctx.apis = {}
            return {}  # firmware without the list has none of these APIs
        except (Refused, Busy, BadAnswer) as error:
            return error

    def login(self, transport: Any, credential: Credential) -> None:
        """usergroup.cgi answers any account with its name; without that CGI only an administrator can be proven.

        Older firmware lets operators and viewers in by HTTP only, until their connection policy says otherwise (8).
        """
        ctx = VapixContext(transport, credential)
        ctx.use(credential)
        try:
            answer = ctx.ask("GET", USERGROUP)
            if answer.status == 403:
                raise Unsupported(f"{ctx.name}: {USERGROUP}: HTTP 403: the account is not let in by "
                                  f"{transport.target.scheme.upper()}.")  # fmt: skip
            try:
                ctx.check(answer, USERGROUP)
                if text_of(answer).lstrip().splitlines()[:1] == [credential.username] and transport.auth.tried:
                    return
            except Unsupported:
                pass
            accounts.fetch(ctx)
        except Refused as error:
            raise LoginRefused(error.message, error.advice) from None
        finally:
            transport.close()

    # -- reading -------------------------------------------------------------------------------------------------------
    def fetch(self, ctx: VapixContext, names: Sequence[str]) -> dict[str, Tree | Exception]:
        """One request each; the documents that are told by the parameters need none of their own."""
        known = {document.name: document for document in self.documents}
        found: dict[str, Tree | Exception] = {}
        order = sorted(names, key=lambda name: (name not in _PRINCIPAL, name == "clock"))
        if "syslog" in names and "param" not in names:
            order.insert(0, "param")
        for name in order:
            found[name] = self._one(ctx, known[name].fetch, name)
        return {name: found[name] for name in names}

    @staticmethod
    def _one(ctx: VapixContext, fetch: Any, name: str) -> Tree | Exception:
        if name in ctx.fresh:
            return ctx.fresh.pop(name)
        if ctx.factory and name not in ("users", "setup"):
            return Refused(f"{ctx.name}: {_NOT_YET}")
        try:
            return fetch(ctx)
        except (Unsupported, Refused, Busy) as error:
            if name == "apis" and isinstance(error, Unsupported):
                ctx.apis = {}
                return {}
            return error
        except BadAnswer as error:
            if getattr(error, "reason", "") and name in _PRINCIPAL:
                raise  # the connection broke: the device is gone, not the document
            return error

    # -- what can be seen from outside ---------------------------------------------------------------------------------
    def endpoints(self, ctx: VapixContext, trees: Mapping[str, Tree]) -> list[Endpoint]:
        target = ctx.transport.target
        tree = trees.get("param")
        values: Mapping[str, str] = tree if isinstance(tree, dict) else {}
        ways = [(target.scheme, target.port)]
        for scheme, name in (("https", "HTTPS.Port"), ("http", "System.BoaPort")):
            off = scheme == "https" and param.flag(dict(values), "HTTPS.Enabled") is False
            if (number := param.number(dict(values), name)) and not off:
                ways.append((scheme, number))
        found = [
            Endpoint("manage", *way, f"{PARAM}?action=list&group=Network", judge=_given) for way in dict.fromkeys(ways)
        ]
        found.append(Endpoint("users", target.scheme, target.port, f"{PWDGRP}?action=get", judge=_given_users))
        found.append(Endpoint("snapshot", target.scheme, target.port, "/axis-cgi/jpg/image.cgi"))
        for service, scheme, name in (("rtsp", "rtsp", "Network.RTSP"), ("rtsps", "rtsps", "Network.RTSPS")):
            number = param.number(dict(values), f"{name}.Port")
            if number:
                found.append(Endpoint("service", "tcp", number, service=service))
                if scheme == "rtsp" and param.flag(dict(values), f"{name}.Enabled") is True:
                    found.append(Endpoint("stream", scheme, number, "/axis-media/media.amp"))
        sockets = {"http": "System.BoaPort", "https": "HTTPS.Port"}
        found += [Endpoint("service", "tcp", number, service=service) for service, name in sockets.items()
                  if (number := param.number(dict(values), name))]  # fmt: skip
        found.append(Endpoint("service", "udp", DISCOVERY_PORT, service="ws_discovery"))
        return found

    def clock(
        self, ctx: VapixContext, trees: Mapping[str, Tree]
    ) -> tuple[datetime.datetime, datetime.datetime] | None:
        tree = trees.get("clock")
        if not isinstance(tree, dict):
            return None
        device, controller = apis.moment(tree["device"]), apis.moment(tree["controller"])
        return (device, controller) if device and controller else None

    # -- verbs ---------------------------------------------------------------------------------------------------------
    def own_accounts(self, ctx: VapixContext) -> tuple[str, ...]:
        return (ctx.credential.username,) if ctx.credential and not ctx.factory else ()

    def password_rules(self, ctx: VapixContext) -> PasswordRules:
        """What OS 12 asks for by its policy; any printable ASCII of up to 64 characters before (section 6)."""
        policy = (ctx.setup or {}).get("passphrasepolicy", "")
        if policy == "complex":
            classes = {"upper": 1, "lower": 1, "digit": 1, "special": 1}
            return PasswordRules(min_length=12, max_length=64, classes=classes, source="its policy: complex")
        if policy == "length":
            return PasswordRules(min_length=15, max_length=64, source="its policy: length")
        return PasswordRules(max_length=64, source="fact sheet 6: strict_pwd")

    def lock_rules(self, ctx: VapixContext) -> LockRules:
        """It throttles: more failures per interval than allowed block for a while, and no account is ever locked."""
        return LockRules(locks=False, source="AXIS slows failures down and never locks an account (fact sheet 7)")

    def restart(self, ctx: VapixContext) -> None:
        if ctx.has("fwmgr"):
            ctx.json("/axis-cgi/firmwaremanagement.cgi", "reboot", write=True)
        else:
            ctx.check(ctx.ask("GET", "/axis-cgi/restart.cgi", write=True), "/axis-cgi/restart.cgi")

    def factory_new(self, ctx: VapixContext, trees: Mapping[str, Tree]) -> bool | None:
        """No account yet. An account that is there says that somebody has set the device up."""
        if ctx.factory:
            return True
        tree = trees.get("users")
        return False if isinstance(tree, dict) and tree["users"] else None


def _mac(text: str) -> str:
    digits = text.replace(":", "").lower()
    hexadecimal = len(digits) == 12 and all(char in "0123456789abcdef" for char in digits)
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2)) if hexadecimal else ""


def _given(answer: Answer) -> bool | None:
    """Parameters were given to a stranger. An error line says that none of these is for strangers."""
    if answer.status in (401, 403):
        return False
    values, errors = param.parse(text_of(answer)) if answer.status == 200 else ({}, [])
    return True if values else False if errors else None


def _given_users(answer: Answer) -> bool | None:
    if answer.status in (401, 403):
        return False
    return True if answer.status == 200 and accounts.parse(text_of(answer)) else None

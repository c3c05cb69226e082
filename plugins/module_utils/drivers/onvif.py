# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ONVIF driver: cameras, encoders and recorders by the ONVIF device service."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.nwcs.hardening.plugins.module_utils import decode
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
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import onvif_system as system
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.one_by_one import each
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif_accounts import (
    FACTORY_NAMES,
    password_policy,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif_session import (
    OnvifContext,
    now,
    path_of,
    port_of,
    post,
    read_services,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif_soap import (
    DEVICE_PATH,
    NotAuthorized,
    body_of,
    content_type,
    el,
    envelope,
    failure,
    kid,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif_tables import (
    BINDINGS,
    DOCUMENTS,
    PROTOCOLS,
    oddities_of,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    LoginRefused,
    Refused,
    Unsupported,
    WrongFamily,
)

DISCOVERY_PORT = 3702
_PORTS_SEEN = "ONVIF may be switched off, or on another port (80, 8000, 8080, 8899 and 2020 were seen); see nwcs_port."


class OnvifDriver(Driver):
    """Tables are in onvif_tables; a whole reading of a camera takes at most 20 requests with everything around it."""

    family = "onvif"
    documents = DOCUMENTS
    bindings = BINDINGS
    default_ports = {"https": 443, "http": 80}

    # -- who is there --------------------------------------------------------------------------------------------------
    def identify(self, transport: Any) -> Identity:
        """Without credentials: clock, services, endpoint reference. WrongFamily says what answers instead."""
        ctx = OnvifContext(transport, None)
        before = now()
        answer, body, why = post(transport, "tds:GetSystemDateAndTime", login=False)
        after = now()
        if body is None:
            self._check_family(transport, answer, why)
        elif why is None:
            ctx.learn_clock(kid(body, "GetSystemDateAndTimeResponse"), before, after)
        identity = ctx.identity

        def call(operation: str, *content: Any) -> Any:
            _answer, inner, failed = post(transport, operation, *content, login=False)
            if failed is not None or inner is None:
                raise failed or BadAnswer(f"{transport.target.name}: {operation}: no usable answer")
            return kid(inner, f"{operation.partition(':')[2]}Response")

        try:
            ctx.services = read_services(transport, call)
            ctx.endpoint_asked = True
            identity.endpoint = system.endpoint_of(call("tds:GetEndpointReference"))
        except (Unsupported, Refused, Busy, BadAnswer, LoginRefused):
            pass  # it wants a login for these; open() asks again where it must
        transport.onvif_seen = ctx  # what open() on the same connection need not ask again
        return identity

    @staticmethod
    def _check_family(transport: Any, answer: Answer, why: DeviceError | None) -> None:
        """No SOAP came back: raise what it is, except for a plain 401, which many cameras give before anything else."""
        where = f"{transport.target.name}: no ONVIF device at {transport.target.host}:{transport.target.port}"
        start = answer.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
        html = start.startswith((b"<!doctype html", b"<html")) or b"<html" in start
        if answer.status in range(300, 400):
            location = answer.headers.get("location", "")
            https = transport.target.scheme == "http" and location.lower().startswith("https:")
            raise WrongFamily(f"{where}: it points elsewhere (HTTP {answer.status}).",
                              "Set nwcs_scheme: https." if https else _PORTS_SEEN)  # fmt: skip
        if answer.status in (429, 503):
            raise Busy(f"{where}: it is busy (HTTP {answer.status}).")
        if answer.status == 401:
            return
        if start.startswith((b"{", b"[")):
            raise WrongFamily(f"{where}: a JSON API answers (HTTP {answer.status}).",
                              "Is nwcs_family right? A router may be 'openwrt'.")  # fmt: skip
        if isinstance(why, BadAnswer) and not html:
            raise why
        if html:
            raise WrongFamily(f"{where}: a web page answers (HTTP {answer.status}).", _PORTS_SEEN)
        what = "nothing is there" if answer.status in (404, 405) else "the answer is no SOAP message"
        raise WrongFamily(f"{where}: {what} (HTTP {answer.status}).", _PORTS_SEEN)

    # -- login ---------------------------------------------------------------------------------------------------------
    def open(self, transport: Any, credential: Credential, secrets: Mapping[str, str]) -> OnvifContext:
        """Log in with exactly one attempt (onvif.md 1.4). facts["anonymous"] True: it answered without any."""
        ctx = OnvifContext(transport, credential, secrets)
        seen = getattr(transport, "onvif_seen", None)
        if seen is not None:
            ctx.clock_asked, ctx.offset = seen.clock_asked, seen.offset
            ctx.time_answer, ctx.services = seen.time_answer, seen.services
            ctx.identity.endpoint, ctx.endpoint_asked = seen.identity.endpoint, seen.endpoint_asked
        ctx.open()
        try:
            information = system.information(ctx.information) if ctx.information is not None else {}
        except Unsupported:
            information = {}
        identity = ctx.identity
        for name in ("manufacturer", "model", "serial", "firmware"):
            setattr(identity, name, information.get(name, ""))
        ctx.facts["known_oddities"] = oddities_of(identity.model, identity.firmware)
        fixed = {name for oddity in ctx.facts["known_oddities"] for name in oddity.fixed_users}
        ctx.facts["oddities"] = {"fixed_users": fixed}
        ctx.notes += [oddity.say for oddity in ctx.facts["known_oddities"] if oddity.say]
        return ctx

    def login(self, transport: Any, credential: Credential) -> None:
        """Unsupported when nothing on the device asks for a login: then no password proves anything."""
        ctx = self.open(transport, credential, {})
        try:
            try:
                if not ctx.mode:
                    ctx.call("tds:GetUsers")  # open for reading only? This one logs in when it is asked to
            except (Unsupported, Refused, BadAnswer):
                pass  # logged in without the right to see accounts, or not logged in at all
            if not ctx.mode:
                raise Unsupported(
                    f"{ctx.name}: the device answers everything without a login, so no password can be proven."
                )
        finally:
            ctx.close()

    # -- reading -------------------------------------------------------------------------------------------------------
    def fetch(self, ctx: OnvifContext, names: Sequence[str]) -> dict[str, Tree | Exception]:
        """Each document on its own; an error of one is its value. Two silences in a row: the device is gone."""
        known = {document.name: document for document in self.documents}
        return each(names, lambda name: known[name].fetch(ctx))

    # -- what can be seen from outside ---------------------------------------------------------------------------------
    def endpoints(self, ctx: OnvifContext, trees: Mapping[str, Tree]) -> list[Endpoint]:
        target = ctx.transport.target
        tree = trees.get("protocols")
        rows = tree["protocols"] if isinstance(tree, dict) else {}
        listed = {name.lower(): row for name, row in rows.items() if name.lower() in PROTOCOLS}
        ways = [(target.scheme, target.port)]  # the one in use counts also behind address translation
        for scheme in ("https", "http"):
            if scheme in listed and listed[scheme]["enabled"]:
                ways += [(scheme, port) for port in listed[scheme]["ports"] if 0 < port < 65536]
        found = [_anonymous("manage", *way, "tds:GetDeviceInformation") for way in dict.fromkeys(ways)]
        found.append(_anonymous("users", target.scheme, target.port, "tds:GetUsers"))
        sockets = {(name, port) for name, row in listed.items() for port in row["ports"] if 0 < port < 65536}
        found += [Endpoint("service", "tcp", port, service=name) for name, port in sorted(sockets)]
        found.append(Endpoint("service", "udp", DISCOVERY_PORT, service="ws_discovery"))
        media = trees.get("media")
        if isinstance(media, dict):
            found += _media_endpoint("snapshot", media["snapshot"], ("http", "https"), target)
            found += _media_endpoint("stream", media["stream"], ("rtsp", "rtsps"), target)
        return found

    def clock(self, ctx: OnvifContext, trees: Mapping[str, Tree]) -> tuple[datetime.datetime, datetime.datetime] | None:
        tree = trees.get("clock")
        if not isinstance(tree, dict) or not tree["device"]:
            return None
        device, controller = system.moment(tree["device"]), system.moment(tree["controller"])
        return (device, controller) if device and controller else None

    # -- verbs ---------------------------------------------------------------------------------------------------------
    def own_accounts(self, ctx: OnvifContext) -> tuple[str, ...]:
        return (ctx.credential.username,) if ctx.credential and ctx.mode else ()

    def password_rules(self, ctx: OnvifContext) -> PasswordRules:
        """From the security capabilities, else from the table of models, else the general rules."""
        rules = PasswordRules(source="no limit is told by the device")
        told = ctx.limit("MaxPasswordLength")
        known = [o.max_password for o in ctx.facts.get("known_oddities", ()) if o.max_password]
        if told:
            rules.max_length, rules.source = min(told, rules.max_length), f"MaxPasswordLength {told}"
        elif known:
            rules.max_length, rules.source = min(known), "table of models"
        else:  # 15 and 16 were seen as limits (onvif.md 2.3); 16 characters are strong enough, and rarely refused
            rules.max_length, rules.source = 16, "the device does not tell its limit"
        rules.min_length = min(rules.min_length, rules.max_length)
        least, rules.classes, source = password_policy(ctx)
        rules.min_length = max(rules.min_length, least)
        if not (told or known):  # 16 is only our guess
            rules.max_length = max(rules.max_length, rules.min_length)
        rules.source += source and f"; {source}"
        return rules

    def lock_rules(self, ctx: OnvifContext) -> LockRules:
        """Unknown. The authentication failure warning of ONVIF 21.12 has a number of failures and a period, but it only
        sends an event: it neither locks nor says when the device does (onvif.md 2.2), so it is not asked."""
        return LockRules(source="ONVIF has no lock-out setting; its failure warning locks nothing (onvif.md 2.2, 2.7)")

    def restart(self, ctx: OnvifContext) -> None:
        ctx.call("tds:SystemReboot")

    def factory_new(self, ctx: OnvifContext, trees: Mapping[str, Tree]) -> bool | None:
        """Open and without a single account: new. An account of a name that no factory gives: not new."""
        tree = trees.get("users")
        if not isinstance(tree, dict):
            return None
        names = {user["name"].lower() for user in tree["users"].values()}
        if names - FACTORY_NAMES:
            return False
        return True if not names and ctx.facts.get("anonymous") and not ctx.mode else None


def _anonymous(purpose: str, scheme: str, port: int, operation: str) -> Endpoint:
    def judge(answer: Answer) -> bool | None:
        """True: the settings were given to a stranger. None when the answer says neither."""
        try:
            body = body_of(decode.xml(answer.body, _Limits)) if answer.body.lstrip().startswith(b"<") else None
        except BadAnswer:
            body = None
        why = failure("", operation, answer, body)
        if why is None and body is not None:
            response = kid(body, f"{operation.partition(':')[2]}Response")
            return True if response is not None and len(response) else None  # empty: answers all, says nothing (H02)
        if isinstance(why, (NotAuthorized, Refused)) or answer.status in (401, 403):
            return False
        return None

    headers = (("Content-Type", content_type(operation)),)
    return Endpoint(purpose, scheme, port, DEVICE_PATH, "onvif", "POST", headers, envelope(el(operation)), judge)


class _Limits:
    """For a judge: the body was already limited when it was received."""

    body_bytes = 4 << 20
    depth = 64


def _media_endpoint(purpose: str, uri: str, schemes: tuple[str, ...], target: Any) -> list[Endpoint]:
    """Path, query and port of the URI; the host is always the inventory's (onvif.md 1.3)."""
    try:
        scheme = urlsplit(uri.strip()).scheme.lower()
    except ValueError:
        return []
    if scheme not in schemes:
        return []
    usual = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}[scheme]
    fallback = target.port if scheme == target.scheme and port_of(uri) is None and usual != target.port else usual
    return [Endpoint(purpose, scheme, port_of(uri) or fallback, path_of(uri) or "/")]

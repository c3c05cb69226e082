# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ISAPI driver: Hikvision cameras, recorders and their OEM names. Facts: ISAPI fact sheet, by section."""

from __future__ import annotations

import datetime
import re
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
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_accounts as accounts
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_network as network
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_time as clock
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_xml as xml
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.camera_rows import one_camera
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi_answers import number, status_of, user_check
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi_session import (
    ACTIVATE_STATUS,
    DEVICE_INFO,
    ROOT,
    IsapiContext,
    Source,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi_tables import BINDINGS, DOCUMENTS
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.one_by_one import each
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    LoginRefused,
    Refused,
    Unsupported,
    WrongFamily,
)

_SERVER = re.compile(r"App-webs|DNVRS-Webs|DVRDVS-Webs|Hikvision", re.I)
_REALM = re.compile(r'realm="(IP Camera|DVRDVS|DS-|IPCamera)', re.I)
_INPUTS = "ContentMgmt/InputProxy/channels"


class IsapiDriver(Driver):
    """Tables are in isapi_tables; a whole reading takes at most 20 answered requests (each after its own challenge)."""

    family = "isapi"
    documents = DOCUMENTS
    bindings = BINDINGS
    default_ports = {"https": 443, "http": 80}

    # -- who is there --------------------------------------------------------------------------------------------------
    def identify(self, transport: Any) -> Identity:
        """By the question for the activation, which needs no login; devices older than that by the way they refuse."""
        ctx = IsapiContext(transport, None)
        where = f"{transport.target.name}: no ISAPI device at {transport.target.host}:{transport.target.port}"
        answer = transport.request("GET", ACTIVATE_STATUS, login=False)
        if not ctx.learn_activation(answer):
            self._check_family(where, transport, answer)
        transport.isapi_seen = ctx
        return Identity()

    @staticmethod
    def _check_family(where: str, transport: Any, first: Answer) -> None:
        if 300 <= first.status < 400:
            https = transport.target.scheme == "http" and first.headers.get("location", "").lower().startswith("https:")
            raise WrongFamily(f"{where}: it points elsewhere (HTTP {first.status}).",
                              "Set nwcs_scheme: https." if https else "Is nwcs_host right?")  # fmt: skip
        if first.status in (429, 503):
            raise Busy(f"{where}: it is busy (HTTP {first.status}).")
        answer = transport.request("GET", ROOT + DEVICE_INFO, login=False)
        if answer.status in (429, 503):
            raise Busy(f"{where}: it is busy (HTTP {answer.status}).")
        marked = (
            _SERVER.search(answer.headers.get("server", ""))
            or _REALM.search(answer.headers.get("www-authenticate", ""))
            or user_check(answer)
            or (answer.body[:1] != b"{" and status_of(answer))
        )
        # A stranger that wants a login for everything would have wanted one for the first question, too.
        guarded = answer.status == 401 and (marked or first.status == 404)
        if guarded or (answer.status == 403 and marked):
            return
        if answer.status == 200 and b"DeviceInfo" in answer.body[:2000]:
            return
        raise WrongFamily(f"{where}: {ROOT}{DEVICE_INFO} is answered with HTTP {answer.status}.",
                          "Some models sold under other names have no ISAPI; try nwcs_family: onvif.")  # fmt: skip

    # -- login ---------------------------------------------------------------------------------------------------------
    def open(self, transport: Any, credential: Credential, secrets: Mapping[str, str]) -> IsapiContext:
        """Log in with exactly one attempt. A device that is not activated is open without a login: nothing is there to
        log in to, and the first account is made with the first password that is set (sheet 4)."""
        ctx = IsapiContext(transport, credential, secrets)
        seen = getattr(transport, "isapi_seen", None)
        if seen is not None:
            ctx.activated, ctx.versions = seen.activated, seen.versions
        else:
            ctx.ask_activation()
        ctx.open()
        return ctx

    def login(self, transport: Any, credential: Credential) -> None:
        ctx = self.open(transport, credential, {})
        try:
            if ctx.activated is False:
                raise LoginRefused(f"{ctx.name}: the device is not activated, so no password can be in force.")
            if not ctx.logged_in:
                raise Unsupported(f"{ctx.name}: the device answers without a login, so no password can be proven.")
        finally:
            ctx.close()

    # -- reading -------------------------------------------------------------------------------------------------------
    def fetch(self, ctx: IsapiContext, names: Sequence[str]) -> dict[str, Tree | Exception]:
        """Each document on its own; an error of one is its value. Two silences in a row: the device is gone."""
        known = {document.name: document for document in self.documents}
        before = [
            source.instead
            for name in names
            if isinstance(source := known[name].fetch, Source) and source.instead and source.instead not in ctx.asked
        ]
        order = sorted(dict.fromkeys([*before, *names]), key=lambda name: name != "capabilities")  # what need be asked
        ctx.asked.update(order)

        def read(name: str) -> Tree:
            source = known[name].fetch
            try:
                if isinstance(source, Source) and source.flag and ctx.activated is not False:
                    ctx.ask_capabilities()
                return source(ctx, name)
            except ValueError:
                raise BadAnswer(f"{ctx.name}: {name}: the document cannot be read.") from None
            except Unsupported:
                ctx.missing.add(name)
                raise

        trees = each(order, read)
        return {name: trees[name] for name in names}

    # -- what can be seen from outside ---------------------------------------------------------------------------------
    def endpoints(self, ctx: IsapiContext, trees: Mapping[str, Tree]) -> list[Endpoint]:
        target, tree = ctx.transport.target, trees.get("admin_accesses")
        listed = network.ports_of(tree) if isinstance(tree, dict) else []
        listed = [(word, port) for word, port in listed if 0 < port < 65536]
        on = {word: port for word, port in listed if network.get_enabled(tree, word) is True}
        ways = [(target.scheme, target.port)]  # the one in use counts also behind address translation
        ways += [(scheme, on[scheme]) for scheme in ("https", "http") if scheme in on]
        path = f"{ROOT}{accounts.PATH}"
        found = [Endpoint("manage", *way, path, judge=_given) for way in dict.fromkeys(ways)]
        found += [Endpoint("service", "tcp", port, service=word) for word, port in listed]
        found.append(Endpoint("snapshot", target.scheme, target.port, f"{ROOT}Streaming/channels/101/picture"))
        if "rtsp" in on:
            found.append(Endpoint("stream", "rtsp", on["rtsp"], "/Streaming/Channels/101"))
        return found

    def clock(self, ctx: IsapiContext, trees: Mapping[str, Tree]) -> tuple[datetime.datetime, datetime.datetime] | None:
        if not ctx.told_time:
            return None
        device = clock.device_moment(*ctx.told_time[:2])
        return (device, ctx.told_time[2]) if device else None

    # -- verbs ---------------------------------------------------------------------------------------------------------
    def own_accounts(self, ctx: IsapiContext) -> tuple[str, ...]:
        return (ctx.credential.username,) if ctx.credential and ctx.logged_in else ()

    def password_rules(self, ctx: IsapiContext) -> PasswordRules:
        return accounts.password_rules(ctx)

    def lock_rules(self, ctx: IsapiContext) -> LockRules:
        """What the device's own lock is set to (sheet 6)."""
        source = "Security/illegalLoginLock"
        if not ctx.lock:
            return LockRules(source=f"{source} was not read")
        if ctx.lock["enabled"].lower() == "false":
            return LockRules(source=source, locks=False)
        return LockRules(number(ctx.lock["attempts"]), number(ctx.lock.get("seconds")), source, True)

    def restart(self, ctx: IsapiContext) -> None:
        ctx.send("PUT", "System/reboot")

    def factory_new(self, ctx: IsapiContext, trees: Mapping[str, Tree]) -> bool | None:
        """Not activated: new. An activated one has had a password given to it."""
        return None if ctx.activated is None else not ctx.activated

    def tell_camera_login(
        self, ctx: IsapiContext, address: str, username: str, password: str, port: int = 0
    ) -> Sequence[str] | None:
        """Tell a recorder the login of the camera at `address` (sheet 18).

        Refused when the recorder does not read back what it was told; Unsupported where it is no recorder."""
        if not ctx.recorder:
            raise Unsupported(f"{ctx.name}: this device is no recorder.")
        listed = ctx.fetch(_INPUTS, "inputs")
        place = "sourceInputPortDescriptor"
        rows: dict[str, tuple[str, ...]] = {}
        for node in xml.every(listed, "InputProxyChannel"):
            here = {xml.child(listed, node, f"{place}/{name}").lower() for name in ("ipAddress", "hostName")}
            if address.lower() in here:
                rows[xml.child(listed, node, "id")] = (xml.child(listed, node, f"{place}/managePortNo"),)
        mine = one_camera(ctx.name, address, rows, port)
        for row in mine:
            path = f"{_INPUTS}/{row}"
            tree = ctx.fetch(path, path)
            if not xml.has(tree, f"{place}/userName"):
                raise Unsupported(f"{ctx.name}: the recorder does not list the login of this camera.")
            xml.put(tree, f"{place}/userName", username)
            secret = xml.element(tree, "password", xml.escape(password))
            if there := xml.find(tree, f"{place}/password"):
                xml.replace(tree, there[0], secret)
            else:
                user = xml.find(tree, f"{place}/userName")[0]
                xml.replace(tree, user, tree["text"][user.start : user.end] + secret)
            ctx.send("PUT", path, tree, path)
            if xml.get(ctx.fetch(path, path), f"{place}/userName") != username:
                raise Refused(f"{ctx.name}: the recorder took the login of the camera and does not hold it.")
        return mine or None


def _given(answer: Answer) -> bool | None:
    """Was the list of accounts given to a stranger? A redirection gives nothing; where it leads is looked at, too."""
    if answer.status in (401, 403) or 300 <= answer.status < 400:
        return False
    if answer.status != 200:
        return None
    return True if b"<User" in answer.body else None

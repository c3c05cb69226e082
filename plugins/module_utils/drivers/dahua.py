# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dahua and its other names (Amcrest, Lorex, Intelbras, Empiretech…) by the HTTP CGI, and RPC2 where that tells more.

Facts: dahua-cgi.md. The CGI is read and written with one Digest login; an OK proves nothing, what was written is read
again. RPC2's first step says without a password why a login was refused.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import contract, zones
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    Answer,
    Context,
    Credential,
    Endpoint,
    Identity,
    LockRules,
    PasswordRules,
    Tree,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import dahua_edit as edit
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import dahua_recorder as recorder
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import dahua_text as text
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.dahua_session import INFO, USERS, DahuaContext
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.dahua_tables import (
    BINDINGS,
    DOCUMENTS,
    QUESTIONS,
    TABLES,
    is_old,
    version,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    NwcsError,
    Refused,
    TlsError,
    Unreachable,
    Unsupported,
    WrongFamily,
)

_PORTS_SEEN = "Is nwcs_family right, and nwcs_port? On some models the CGI can be switched off."
_STREAM = "/cam/realmonitor?channel=1&subtype=0"
_TCP = {"telnet": 23, "ssh": 22, "http": 80}


class DahuaDriver(contract.Driver):
    family = "dahua"
    documents = DOCUMENTS
    bindings = BINDINGS
    default_ports = {"https": 443, "http": 80}

    # -- coming in -----------------------------------------------------------------------------------------------------
    def identify(self, transport: Any) -> Identity:
        """By a question that wants a login: the challenge is kept for open(). WrongFamily for what else answers."""
        answer = transport.request("GET", INFO, login=False)
        where = f"{transport.target.name}: no Dahua CGI at {transport.target.host}:{transport.target.port}"
        if answer.status in (429, 503):
            raise Busy(f"{where}: it is busy (HTTP {answer.status}).")
        if 300 <= answer.status < 400:
            to_https = answer.headers.get("location", "").lower().startswith("https:")
            raise WrongFamily(f"{where}: it points elsewhere (HTTP {answer.status}).",
                              "Set nwcs_scheme: https." if to_https else _PORTS_SEEN)  # fmt: skip
        if answer.status == 200 and not dict(text.pairs(answer.body)).keys() & {"serialNumber", "deviceType"}:
            raise WrongFamily(f"{where}: something else answers (HTTP 200).", _PORTS_SEEN)
        if answer.status not in (200, 401, 403):
            raise WrongFamily(f"{where}: nothing is there (HTTP {answer.status}).", _PORTS_SEEN)
        transport.dahua_challenge = answer
        return Identity()

    def open(self, transport: Any, credential: Credential, secrets: Mapping[str, str]) -> DahuaContext:
        ctx = DahuaContext(transport, credential, secrets)
        ctx.open()
        found = ctx.information or {}
        ctx.identity = Identity("", found.get("deviceType", ""), found.get("serialNumber", ""))
        return ctx

    def login(self, transport: Any, credential: Credential) -> None:
        ctx = self.open(transport, credential, {})
        try:
            if ctx.facts["anonymous"]:
                raise Unsupported(f"{ctx.name}: the device answers without a login, so no password can be proven.")
        finally:
            ctx.close()

    # -- reading -------------------------------------------------------------------------------------------------------
    def fetch(self, ctx: DahuaContext, names: Sequence[str]) -> dict[str, Tree | Exception]:
        """All tables in one request where the device allows it; each question on its own."""
        wanted = [name for name in names if name in TABLES or name == "AccessFilter"]
        found = ctx.tables(wanted) if wanted else {}
        if isinstance(found.get("AccessFilter"), dict):
            try:
                found["AccessFilter"] = edit.filter_tree(found["AccessFilter"])
            except Refused as error:
                found["AccessFilter"] = Refused(f"{ctx.name}: {error.message}")
        if isinstance(network := found.get("Network"), dict):
            ctx.identity.mac = ctx.identity.mac or edit.mac(network)
        silent = False
        for name in names:
            if name not in QUESTIONS:
                continue
            try:
                found[name] = QUESTIONS[name](ctx)
            except TlsError:
                raise
            except Unreachable as error:
                if silent:
                    raise
                found[name], silent = Refused(error.message, "The device did not answer this request."), True
                continue
            except (Unsupported, Refused, Busy, BadAnswer) as error:
                found[name] = error
            silent = False
        told = found.get("version")
        if isinstance(told, dict):
            ctx.identity.firmware = str(version(told) or "")
            if (built := is_old(told)) and not any(built in note for note in ctx.notes):
                ctx.notes.append(f"The firmware was built on {built}, before the login bypasses CVE-2021-33044 and "
                                 "CVE-2021-33045 were mended: bring it up to date.")  # fmt: skip
        return found

    # -- what can be seen from outside ---------------------------------------------------------------------------------
    def endpoints(self, ctx: DahuaContext, trees: Mapping[str, Tree]) -> list[Endpoint]:
        target = ctx.transport.target
        ways = [(target.scheme, target.port)]
        sockets = {*_TCP.items(), (target.scheme, target.port)}
        for table, service in (("Https", "https"), ("RTSP", "rtsp")):
            tree = trees.get(table)
            number = tree.get("Port", "") if isinstance(tree, dict) else ""
            if number.isdecimal() and len(number) < 6 and 0 < int(number) < 65536:
                sockets.add((service, int(number)))
                if service != "rtsp" and service != target.scheme and edit.truth(tree.get("Enable", "")):
                    ways.append((service, int(number)))
        found = []
        for scheme, port in ways:
            found.append(Endpoint("manage", scheme, port, INFO, scheme, judge=judge_anonymous))
            found.append(Endpoint("web", scheme, port, "/", scheme, open_ok=True))
        found.append(Endpoint("users", target.scheme, target.port, USERS, target.scheme, judge=judge_anonymous))
        found.append(Endpoint("snapshot", target.scheme, target.port, "/cgi-bin/snapshot.cgi?channel=1", target.scheme))
        found += [Endpoint("stream", "rtsp", port, _STREAM, name) for name, port in sorted(sockets) if name == "rtsp"]
        found += [Endpoint("service", "tcp", port, "", name) for name, port in sorted(sockets)]
        return found

    def clock(self, ctx: DahuaContext, trees: Mapping[str, Tree]) -> tuple[datetime.datetime, datetime.datetime] | None:
        """The device tells its local time without an offset; table NTP has the zone, table Locales summer time."""
        tree, ntp, locales = trees.get("clock"), trees.get("NTP"), trees.get("Locales")
        if not isinstance(tree, dict) or not isinstance(ntp, dict):
            return None
        zone = edit.zone(ntp)
        known = zones.key(zone) if isinstance(zone, str) else None
        match = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})[ T](\d{1,2}):(\d{1,2}):(\d{1,2})", tree["result"].strip())
        if known is None or match is None:
            return None
        received = datetime.datetime.fromtimestamp(tree["received"], datetime.UTC)
        try:
            local = datetime.datetime(*(int(part) for part in match.groups()), tzinfo=datetime.UTC)
            moments = [local - datetime.timedelta(seconds=known[0])]
            if isinstance(locales, dict) and edit.truth(locales.get("DSTEnable", "")):
                moments.append(moments[0] - datetime.timedelta(hours=1))  # summer or not: whichever fits better
        except (ValueError, OverflowError):
            return None
        return min(moments, key=lambda moment: abs(moment - received)), received

    # -- verbs ---------------------------------------------------------------------------------------------------------
    def password_rules(self, ctx: Context) -> PasswordRules:
        """No key says what the firmware asks for; what goes through an address unharmed and is long is what we make."""
        alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_.!@*"
        return PasswordRules(8, 32, alphabet, "no limit is told by the device (dahua-cgi.md); the limits are ours",
                             (), {"upper": 1, "lower": 1, "digit": 1})  # fmt: skip

    def lock_rules(self, ctx: DahuaContext) -> LockRules:
        """Table General as last read; asked for where it was not."""
        if not ctx.lock:
            try:
                ctx.tables(["General"])
            except NwcsError:
                pass
        attempts = edit.attempts(ctx.lock) if ctx.lock else None
        if not isinstance(attempts, int):
            return LockRules(source="the device does not show its lock-out (table General)")
        if attempts == 0:
            return LockRules(None, None, "table General: LockLoginEnable is false", locks=False)
        seconds = ctx.lock.get("LoginFailLockTime", "")
        known = int(seconds) if seconds.isdecimal() and len(seconds) < 8 else None
        return LockRules(attempts, known, "table General", locks=True)

    def restart(self, ctx: DahuaContext) -> None:
        ctx.send("magicBox", "reboot", [], "reboot")

    def tell_camera_login(
        self, ctx: Context, address: str, username: str, password: str, port: int = 0
    ) -> Sequence[str] | None:
        return recorder.tell_camera_login(ctx, address, username, password, port)


def judge_anonymous(answer: Answer) -> bool | None:
    """Were settings given without a login?"""
    if answer.status in (401, 403) or 300 <= answer.status < 400:
        return False
    given = answer.status == 200 and text.failure("", answer) is None and text.pairs(answer.body)
    return True if given else None

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenWrt over ubus (uhttpd-mod-ubus, rpcd): documents are uci packages and a few status objects, read in one batch.

Facts: fact sheet "OpenWrt: ubus over HTTP"; the section is named where a rule rests on it. The rights come from the
login reply and decide the path taken; what a login may not read is Refused, naming the access group that would give it.
"""

from __future__ import annotations

import datetime
import functools
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import contract, zones
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    Answer,
    Context,
    Credential,
    Document,
    Endpoint,
    Identity,
    LockRules,
    PasswordRules,
    Stored,
    Transaction,
    Tree,
    secret_name,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import openwrt_stage as stage
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import openwrt_uci as uci
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_rest import REST
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_services import listens
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_status import STATUS, decode
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_tables import BINDINGS
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_ubus import (
    NO_DATA,
    NO_OBJECT,
    NOT_FOUND,
    NULL_SESSION,
    PATH,
    PROOF_SECONDS,
    SESSION_SECONDS,
    Call,
    Reply,
    Ubus,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    NwcsError,
    Refused,
    Unsupported,
    WrongFamily,
)

PACKAGES = ("system", "dropbear", "uhttpd", "firewall", "upnpd", "ddns", "network", "dhcp", "wireless", "rpcd")
# LuCI's groups that grant a package; rpcd is granted by none of them (section 4).
_GROUPS = {
    "system": "luci-mod-system-config", "dropbear": "luci-mod-system-ssh", "uhttpd": "luci-mod-system-uhttpd",
    "network": "luci-mod-network-config", "wireless": "luci-mod-network-config", "dhcp": "luci-mod-network-dhcp",
    "firewall": "luci-app-firewall", "upnpd": "luci-app-upnp", "ddns": "luci-app-ddns",
}  # fmt: skip
PENDING_SECONDS = 100.0  # how long somebody's apply may wait for its confirm: 60 s of ours, 90 s of the router's pages
POLL_SECONDS = 1.0
RETURN_SECONDS = 3.0  # how long the web server may be away when it restarts after an apply
_LOCAL = ("acls", "password")  # known without asking
_BOARD_CALL = json.dumps(
    {"jsonrpc": "2.0", "id": 1, "method": "call", "params": [NULL_SESSION, "system", "board", {}]}
).encode()
_JSON = (("Content-Type", "application/json"),)
_TCP = {"telnet": 23, "ftp": 21, "smb": 445}


class OpenWrtContext(Context):
    """An open router. `rights` are the ACLs of the login; `stage` is the transaction under way."""

    def __init__(self, ubus: Ubus, secrets: Mapping[str, str] | None) -> None:
        super().__init__(ubus.transport, ubus.credential, secrets)
        self.ubus = ubus
        self.rights = ubus.acls
        self.stage: stage.Stage | None = None

    @staticmethod
    def missing(package: str) -> str:
        group = _GROUPS.get(package)
        where = f"LuCI grants it with {group}, or add it to" if group else "No LuCI group grants it; add it to"
        return f"The uci scope {package!r} is missing. {where} an own file in /usr/share/rpcd/acl.d."

    def close(self) -> None:
        """Ends the session where that is granted; else it times out by itself, with anything left staged in it."""
        try:
            ours = self.ubus.session != NULL_SESSION and not self.ubus.shared  # else somebody's apply would be undone
            if ours and self.ubus.may("session", "destroy"):
                self.ubus.batch([Call("session", "destroy", {})], self.ubus.session)
        except NwcsError:
            pass
        finally:
            self.ubus.session = NULL_SESSION
            self.transport.close()


def _await_settled(ubus: Ubus, secrets: Mapping[str, str] | None) -> None:
    """What an apply shows that waits for its confirm may be taken back: wait until it is settled, one way or the other.

    A run that was cut off leaves such an apply; so does a person at the router's pages. The router hands a login of the
    same account the session that applied; for another account only a password that is not proven yet makes us ask.
    """
    deadline = time.monotonic() + PENDING_SECONDS
    unproven = ubus.credential is not None and ubus.credential.label == "pending"
    handed = ""
    while (
        ubus.shared
        or ubus.session == handed
        or (unproven and ubus.may("uci", "revert") and stage.waiting(OpenWrtContext(ubus, secrets)))
    ):
        handed = ubus.session if ubus.shared else handed
        if time.monotonic() > deadline:
            raise Busy(f"{ubus.name}: somebody's apply is waiting to be confirmed.", "Run again in a few minutes.")
        time.sleep(POLL_SECONDS)
        ubus.login(_session_seconds())  # anew: the account itself may have been taken back


def _session_seconds() -> int:
    """A time-out by which our own session is told from one that we are handed, also an earlier run's (section 3)."""
    return SESSION_SECONDS + int(time.time() * 4) % 600  # comes again after 150 s: by then an apply of ours is settled


# -- storing outside the transaction -----------------------------------------------------------------------------------
def _store_password(ctx: OpenWrtContext, _old: Tree, new: Tree) -> Stored | None:
    """`new` is {system account: "set"}. passwd(1) takes anything: there is no policy on this device (section 7)."""
    for user, mark in new.items():
        if mark != uci.SET:
            continue
        password = ctx.secret(secret_name(user))
        if ctx.ubus.may("rpc-sys", "password_set"):
            what = "rpc-sys.password_set"
            reply = ctx.ubus.call("rpc-sys", "password_set", {"user": user, "password": password})
        elif ctx.ubus.may("luci", "setPassword"):
            what = "luci.setPassword"
            reply = ctx.ubus.call("luci", "setPassword", {"username": user, "password": password})
        else:
            raise Refused(f"{ctx.ubus.name}: this login may not set passwords.",
                          "It needs rpc-sys.password_set or luci.setPassword.")  # fmt: skip
        if not reply.ok:
            raise reply.error(f"{ctx.ubus.name}: {what}")
        if isinstance(reply.data, dict) and reply.data.get("result") is False:
            raise Refused(f"{ctx.ubus.name}: {what} failed.")
        if ctx.credential and ctx.credential.username == user:
            # A session lost from now on is renewed with the password that is in force.
            ctx.ubus.credential = Credential(user, password, ctx.credential.label)
    return None


def _store_rc(ctx: OpenWrtContext, old: Tree, new: Tree) -> Stored | None:
    """Enable, disable, start, stop. The reply is [0] whatever the script did; only the next rc.list counts."""
    calls = []
    for name, row in new.items():
        before = old.get(name, {})
        for field, yes, no in (("enabled", "enable", "disable"), ("running", "start", "stop")):
            if row.get(field) is not None and row.get(field) != before.get(field):
                calls.append(Call("rc", "init", {"name": name, "action": yes if row[field] else no}))
    if calls and not ctx.ubus.may("rc", "init"):
        raise Refused(f"{ctx.ubus.name}: this login may not switch services.", "It needs rc.init.")
    for call, reply in zip(calls, ctx.ubus.batch(calls), strict=True):
        if not reply.ok:
            raise reply.error(f"{ctx.ubus.name}: rc.init {call.args['action']}")
    return None


def _login_listed(ctx: OpenWrtContext, tree: Tree) -> str | None:
    """H03: the list must hold the login in use."""
    name = ctx.credential.username if ctx.credential else ""
    if any(uci.text(section, "username") == name for _n, section in uci.of_type(tree, "login")):
        return None
    return f"the login in use, {name!r}, is not in the list of logins"


def _documents() -> tuple[Document, ...]:
    affects = {"system": ("board",), "upnpd": ("rc",), "dropbear": ("rc",), "network": ("interfaces",)}
    packages = [
        Document(
            name, fetch=name, store=functools.partial(_store_package, name), transaction="uci",
            affects=affects.get(name, ()), rest=REST.get(name), credible=_login_listed if name == "rpcd" else None,
        )
        for name in PACKAGES
    ]  # fmt: skip
    status = [
        Document(name, fetch=name, rest=REST.get(name)) for name in (*STATUS, "acls") if name not in ("rc", "devices")
    ]  # fmt: skip
    rc = Document("rc", fetch="rc", store=_store_rc, after=("upnpd", "dropbear", "uhttpd", "ddns"), rest=REST["rc"])
    password = Document("password", fetch="password", store=_store_password, affects=("shadow",))
    return (*packages, *status, rc, password)


def _store_package(name: str, ctx: OpenWrtContext, old: Tree, new: Tree) -> Stored | None:
    return stage.store(ctx, name, old, new)


class OpenWrtDriver(contract.Driver):
    family = "openwrt"
    kind = "router"
    documents = _documents()
    bindings = BINDINGS
    transactions = (Transaction("uci", stage.apply, stage.confirm, stage.abandon, stage.prepare),)

    # -- coming in ------------------------------------------------------------------------------------------------
    def identify(self, transport: Any) -> Identity:
        """By the list of ubus objects, which needs no login. WrongFamily for anything else that answers."""
        ubus = Ubus(transport)
        try:
            objects = ubus.objects()
        except BadAnswer as error:
            if getattr(error, "reason", ""):
                raise  # the connection broke: that says nothing about the family
            raise WrongFamily(f"{ubus.name}: POST {PATH} is answered, but not by ubus.") from None
        if not {"session", "uci"} <= set(objects):
            if {"system", "network"} & set(objects):
                raise DeviceError(f"{ubus.name}: ubus answers without rpcd: no login is possible now.",
                                  "rpcd is not installed, not running, or is starting again.")  # fmt: skip
            raise WrongFamily(f"{ubus.name}: ubus answers, but has no OpenWrt objects (session, uci).")
        return Identity(manufacturer="OpenWrt")

    def open(self, transport: Any, credential: Credential, secrets: Mapping[str, str]) -> OpenWrtContext:
        ubus = Ubus(transport, credential)
        clear = transport.target.scheme != "https"
        if clear:
            ubus.objects()  # a redirect to HTTPS shows here, before the password is sent in clear
        ubus.login(_session_seconds())
        _await_settled(ubus, secrets)
        ctx = OpenWrtContext(ubus, secrets)
        if clear:
            ctx.notes.append("The login went over plain HTTP: the password travelled in clear.")
        if credential.password == "":
            # Only an empty hash lets an empty password in (H47); the same hash accepts every other one.
            ctx.facts["anonymous"] = True
            ctx.notes.append("At login the account had no password: the router took any.")
        ctx.facts["clear"] = clear
        try:
            found = self.fetch(ctx, ["board", "devices"])
        except NwcsError:
            ctx.close()
            raise
        board, devices = found["board"], found["devices"]
        if not isinstance(board, Exception):
            release = board.get("release") or {}
            ctx.identity = Identity(
                str(release.get("distribution", "OpenWrt")), str(board.get("model", "")), "",
                "" if isinstance(devices, Exception) else _mac(devices), _version(release),
            )  # fmt: skip
        ctx.facts["rights"] = sorted(ubus.acls.get("access-group", {}))
        return ctx

    def login(self, transport: Any, credential: Credential) -> None:
        """A session and nothing more. It is left to end by itself: while an apply waits for its confirm, a login of the
        same account is handed the very session that applied, and ending that one would undo the change (section 3)."""
        ubus = Ubus(transport, credential)
        ubus.patient_until = time.monotonic() + RETURN_SECONDS
        try:
            ubus.objects()  # also a redirect to HTTPS shows here, before the password is sent in clear
            ubus.login(PROOF_SECONDS)
        finally:
            transport.close()

    # -- reading --------------------------------------------------------------------------------------------------
    def fetch(self, ctx: OpenWrtContext, names: Sequence[str]) -> dict[str, Tree | Exception]:
        """All in one batch; what the rights exclude is not asked."""
        found: dict[str, Tree | Exception] = {}
        calls: dict[str, Call] = {}
        for name in names:
            if name == "acls":
                found[name] = {"groups": ctx.ubus.acls.get("access-group", {})}
            elif name in _LOCAL:
                found[name] = {}
            elif (chosen := self._call(ctx, name)) is not None:
                calls[name] = chosen
            else:
                found[name] = self._not_granted(ctx, name)
        if calls:
            replies = ctx.ubus.batch(list(calls.values()))
            found.update({n: self._tree(ctx, n, c, r) for (n, c), r in zip(calls.items(), replies, strict=True)})
        return found

    @staticmethod
    def _call(ctx: OpenWrtContext, name: str) -> Call | None:
        ubus = ctx.ubus
        if name in PACKAGES:
            allowed = ubus.may("uci", "get") and ubus.granted("uci", name, "read")
            return Call("uci", "get", {"config": name}) if allowed else None
        for object_, method, args in STATUS[name]:
            readable = object_ != "file" or ubus.granted("file", args["path"], "read")
            if name == "shadow" and ctx.facts.get("clear"):
                readable = False  # not worth sending hashes in clear
            if readable and ubus.may(object_, method):
                return Call(object_, method, args)
        return None

    @staticmethod
    def _not_granted(ctx: OpenWrtContext, name: str) -> DeviceError:
        if name in PACKAGES:
            return Refused(f"{ctx.ubus.name}: this login may not read the uci package {name}.", ctx.missing(name))
        needed = " or ".join(f"{o}.{m}" + (f" on {a['path']}" if "path" in a else "") for o, m, a in STATUS[name])
        return Refused(f"{ctx.ubus.name}: this login may not read {name}.", f"It needs {needed}.")

    @staticmethod
    def _tree(ctx: OpenWrtContext, name: str, call: Call, reply: Reply) -> Tree | Exception:
        what = f"{ctx.ubus.name}: {call.name}"
        if name in PACKAGES:
            if reply.ok:
                return uci.parse(name, (reply.data or {}).get("values") if isinstance(reply.data, dict) else None)
            if reply.code == NOT_FOUND:
                return {}  # the package is not installed
            return reply.error(what)
        if reply.ok:
            return decode(name, reply.data)
        if call.object == "file" and reply.code in (NOT_FOUND, NO_DATA):
            return decode(name, {})  # no such file: no key, no lease
        if reply.code == NO_OBJECT:
            return Unsupported(f"{what}: not on this router.")
        error = reply.error(what)
        return error if isinstance(error, (Unsupported, Refused, Busy)) else Unsupported(str(error))

    # -- looking from outside ---------------------------------------------------------------------------------------
    def endpoints(self, ctx: OpenWrtContext, trees: Mapping[str, Tree]) -> list[Endpoint]:
        """Ways to manage (asked without a session), start pages, and the sockets of services."""
        target = ctx.transport.target
        web = trees.get("uhttpd")
        ports = {"https": {target.port} if target.scheme == "https" else set(),
                 "http": {target.port} if target.scheme == "http" else set()}  # fmt: skip
        if isinstance(web, dict):
            for scheme, known in ports.items():
                # A port that we do not come in by may be mapped on the way; the one that works is the better knowledge.
                known |= {port for _host, port in listens(web, scheme)} if not known else set()
        found = []
        for scheme in ("https", "http"):
            for port in sorted(ports[scheme]):
                found.append(
                    Endpoint("manage", scheme, port, PATH, scheme, "POST", _JSON, _BOARD_CALL, judge_anonymous)
                )
                found.append(Endpoint("web", scheme, port, "/", scheme, open_ok=True))
        for package, type_, option, default, service in (
            ("dropbear", "dropbear", "Port", "22", "ssh"), ("upnpd", "upnpd", "port", "5000", "upnp"),
        ):  # fmt: skip
            tree = trees.get(package)
            if isinstance(tree, dict):
                numbers = {uci.text(section, option, default) for _n, section in uci.of_type(tree, type_)}
                for port in sorted(int(number) for number in numbers if number.isdigit()):
                    found.append(Endpoint("service", "tcp", port, "", service))
        rc = trees.get("rc")
        if isinstance(rc, dict):
            found += [Endpoint("service", "tcp", _TCP[n], "", n) for n in _TCP if any(n in name for name in rc)]
        return found

    def clock(
        self, ctx: OpenWrtContext, trees: Mapping[str, Tree]
    ) -> tuple[datetime.datetime, datetime.datetime] | None:
        """From luci.getUnixtime where granted; else system.info, whose `localtime` is UTC plus the zone's offset."""
        info, system, epoch = trees.get("info"), trees.get("system"), trees.get("epoch")
        if not isinstance(info, dict) or not isinstance(info.get("received"), float):
            return None
        received = info["received"]
        told = epoch.get("result") if isinstance(epoch, dict) else None
        if isinstance(told, int) and not isinstance(told, bool):
            moment = float(told)
        elif isinstance(info.get("localtime"), int) and isinstance(system, dict):
            zone = zones.key(uci.text(uci.first(system, "system"), "timezone", "UTC"))
            if zone is None:
                return None
            offsets = [zone[0]] if zone[1] is None else [zone[0], zone[1]]  # summer or not: whichever fits better
            moment = min((float(info["localtime"] - o) for o in offsets), key=lambda m: abs(m - received))
        else:
            return None
        utc = datetime.UTC
        try:
            return datetime.datetime.fromtimestamp(moment, utc), datetime.datetime.fromtimestamp(received, utc)
        except (ValueError, OverflowError, OSError):
            return None

    # -- rules and verbs --------------------------------------------------------------------------------------------
    def password_rules(self, ctx: Context) -> PasswordRules:
        return PasswordRules(8, 64, None, "passwd and rpcd ask for nothing (fact sheet 7); the limits are ours")

    def lock_rules(self, ctx: Context) -> LockRules:
        return LockRules(None, None, "rpcd has no lock-out (fact sheet 3)", locks=False)

    def restart(self, ctx: OpenWrtContext) -> None:
        for object_ in ("system", "rpc-sys"):
            if ctx.ubus.may(object_, "reboot"):
                reply = ctx.ubus.call(object_, "reboot")
                if not reply.ok:
                    raise reply.error(f"{ctx.ubus.name}: {object_}.reboot")
                return
        raise Unsupported(f"{ctx.ubus.name}: this login may not restart the router.", "It needs system.reboot.")

    def factory_new(self, ctx: Context, trees: Mapping[str, Tree]) -> bool | None:
        """By the root password: none yet means factory state (section 3). No login is tried for this."""
        shadow = trees.get("shadow")
        if isinstance(shadow, dict) and shadow.get("root"):
            return shadow["root"] == "empty"
        return True if ctx.facts.get("anonymous") else None


def judge_anonymous(answer: Answer) -> bool | None:
    """Did the router answer a call without a session (uhttpd's no_ubusauth, or an access group for nobody)?"""
    if answer.status in (301, 302, 307, 308, 401, 403):
        return False
    try:
        reply = json.loads(answer.body)
        if isinstance(reply.get("result"), list) and reply["result"]:
            return reply["result"][0] == 0
        return False if reply["error"]["code"] == -32002 else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _version(release: Mapping[str, Any]) -> str:
    return " ".join(str(release[part]) for part in ("version", "revision") if release.get(part))


def _mac(devices: Mapping[str, Any]) -> str:
    """One address that stays: of the wan device, else eth0, else the lowest name that has one."""
    addresses = {
        name: str(row.get("macaddr") or row.get("mac") or "")
        for name, row in devices.items()
        if isinstance(row, dict) and name != "lo"
    }
    for name in ("wan", "eth0", *sorted(addresses)):
        if addresses.get(name) and addresses[name] != "00:00:00:00:00:00":
            return addresses[name].lower()
    return ""

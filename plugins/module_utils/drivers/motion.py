# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""motion 4.5 (Debian 12) over its web control in text mode: the settings are one document, written key by key.

Facts: fact sheet "software recorders", section 1. Every error is HTTP 200 with a text of its own (H12), and a value
that motion does not understand becomes its default (H13): success is the word "Done" and the value that reads back.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ansible_collections.nwcs.hardening.plugins.module_utils.auth import Basic, Digest, schemes
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    Answer,
    Context,
    Credential,
    Document,
    Driver,
    Endpoint,
    Identity,
    LockRules,
    PasswordRules,
    Stored,
    Tree,
    secret_name,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.motion_tables import (
    BINDINGS,
    COMMANDS,
    LOGINS,
    SET,
    STREAM,
    config_rest,
    key_of,
    masked,
)
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

LIST, CONNECTION, START = "/0/config/list", "/0/detection/connection", "/"
RESTART_SECONDS = 30.0  # five were seen
POLL_SECONDS = 0.2
_NOT_DONE = "Bad Request"
# In force only after motion has started again (section 1; the lock-out: tried on motion itself).
_AT_START = frozenset("webcontrol_localhost stream_localhost stream_port webcontrol_lock_attempts "
                      "webcontrol_lock_minutes".split())  # fmt: skip
_LINE = re.compile(r"^  (\w+) = (.*)$", re.M)
_STATE = re.compile(r"^Camera (\d+)(?: -- (.*?))? (Connection OK|Lost connection)\s*$")
_NUMBER = re.compile(r"^(\d+)\s*$", re.M)
_VERSION = re.compile(r"Motion (\S+) Running \[(\d+)\] Camera")
_PARMS = "Its webcontrol_parms, in its own file, says how much can be seen and set over the network: 3 is everything."


class MotionContext(Context):
    """An open motion. `scheme` is how it asks for a login: "digest", "basic" or "" (it does not)."""

    scheme = ""

    @property
    def name(self) -> str:
        return self.transport.target.name


def text_of(answer: Answer) -> str:
    return answer.body.decode("utf-8", "replace")


def _auth(scheme: str, credential: Credential) -> Digest | Basic:
    kind = Basic if scheme == "basic" else Digest
    return kind(credential.username, credential.password)


def _start(transport: Any) -> Answer:
    """The start page without a login. WrongFamily when it is not motion's, in text mode."""
    answer, name = transport.request("GET", START, login=False), transport.target.name
    text, where = text_of(answer)[:4000], f"{name}: no motion web control"
    if answer.status == 401 and 'realm="Motion"' in answer.headers.get("www-authenticate", ""):
        return answer
    if answer.status == 200 and (_VERSION.match(text) or text.startswith(_NOT_DONE)):
        return answer
    if answer.status in (429, 503):
        raise Busy(f"{name}: it is busy (HTTP {answer.status}).")
    if answer.status == 200 and "<html" in text.lower() and "Motion " in text:
        raise WrongFamily(f"{where} for programs: it gives web pages.", "Set webcontrol_interface 1 in its file.")
    raise WrongFamily(f"{where} at {transport.target.place} (HTTP {answer.status}).")


def _scheme(answer: Answer) -> str:
    if answer.status != 401:
        return ""
    return "digest" if any("digest" in scheme for scheme in schemes(answer)) else "basic"


def _refused(transport: Any, credential: Credential, locked: bool = False) -> LoginRefused:
    who = f"{transport.target.name}: the login as {credential.username!r} is refused"
    if locked:
        return LoginRefused(f"{who}: motion ignores this address after too many failures.",
                            "Wait webcontrol_lock_minutes without any try.", locked=True)  # fmt: skip
    return LoginRefused(f"{who}.")


# -- asking and storing ------------------------------------------------------------------------------------------------
def ask(ctx: MotionContext, path: str, write: bool = False) -> str:
    """One question; its text. Refused for motion's "Bad Request"; a login that is not taken is a LoginRefused."""
    answer = ctx.transport.request("GET", path, idempotent=not write)
    text, what = text_of(answer), path.partition("?")[0]
    if answer.status == 401:
        raise _refused(ctx.transport, ctx.credential)
    if answer.status != 200:
        raise BadAnswer(f"{ctx.name}: {what}: HTTP {answer.status}.")
    if text.startswith(_NOT_DONE):
        raise Refused(f"{ctx.name}: {what}: motion answers {_NOT_DONE!r}.", _PARMS)
    return text


def _store(ctx: MotionContext, old: Tree, new: Tree) -> Stored | None:
    """Key by key, written to motion's file, and started again where only that puts it in force."""
    names = [name for name in new if new[name] != old.get(name)]
    # A login before the switch that asks for it; what moves our own way in at the end.
    names.sort(key=lambda name: (key_of(name) in _AT_START, name.endswith("_auth_method"), name))
    for name in names:
        if name.endswith("_password"):
            continue
        _set(ctx, name, new)
    for setting, mark in LOGINS.items():
        if new.get(mark) == SET and setting not in names:
            _set(ctx, setting, new)
    if "Done" not in ask(ctx, "/0/config/write", write=True):
        raise Refused(f"{ctx.name}: motion did not write its file.", "May it write there?")
    if _AT_START & set(map(key_of, names)):
        ctx.facts["stream_port"] = _port(new.get("stream_port"))  # one that was moved or is off now is not waited for
        restart(ctx)
    return None


def _set(ctx: MotionContext, name: str, new: Tree) -> None:
    value, key, number = new[name], key_of(name), name.rpartition("/")[0] or "0"
    if name in LOGINS:
        account = value + (STREAM if name.startswith("stream") else "")
        password = ctx.secret(secret_name(account))
        text = f"{value}:{password}"
    else:
        text = " " if value is None or (key in COMMANDS and not value) else str(value)
    said = ask(ctx, f"/{number}/config/set?{key}={quote(text, safe='')}", write=True)
    if "Done" not in said:
        raise Refused(f"{ctx.name}: motion did not take {name}.")
    if name == "webcontrol_authentication":  # in force at once
        ctx.transport.auth = _auth(ctx.scheme or "digest", Credential(value, password))
    elif name == "webcontrol_auth_method":
        ctx.scheme = {"1": "basic", "2": "digest"}.get(str(value), "")


def restart(ctx: MotionContext) -> None:
    """Start motion again and wait until it answers, its streams as well. Unreachable when it does not come back."""
    ask(ctx, "/0/action/restart", write=True)
    deadline, gone = time.monotonic() + RESTART_SECONDS, False
    while time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        try:
            answer = ctx.transport.request("GET", START, login=False)
        except DeviceError:
            gone = True
            continue
        if gone and answer.status in (200, 401) and _streams_answer(ctx):
            return
    raise Unreachable(f"{ctx.name}: motion was told to start again and " +
                      ("did not come back whole" if gone else "went on as before") + f" within {RESTART_SECONDS:g} s.")


def _port(word: str | None) -> int:
    """0: switched off, or no port."""
    return int(word) if word and word.isdecimal() and int(word) < 65536 else 0


def _streams_answer(ctx: MotionContext) -> bool:
    """They come a moment after the web control: a look from outside at once would see nothing."""
    port = ctx.facts.get("stream_port")
    if not port:
        return True
    stream = ctx.transport.via(ctx.transport.target.scheme, port)
    try:
        return stream.request("GET", "/0/current", login=False).status != 0
    except Unreachable as error:
        return getattr(error, "reason", "") != "refused"  # filtered, perhaps: not ours to wait for
    except DeviceError:
        return False
    finally:
        stream.close()


# -- reading -----------------------------------------------------------------------------------------------------------
def parse_config(text: str) -> Tree:
    """`  key = value ` lines; "(null)" is None. Passwords are left out: of user:password only the user stays."""
    tree: Tree = {}
    for line in text.splitlines():
        if found := _LINE.match(line):
            value = found[2].removesuffix(" ")
            tree[found[1]] = masked(found[1], None if value == "(null)" or not value.strip() else value)
    return tree


def parse_cameras(text: str) -> Tree:
    """{"0 cam-01": "Connection OK"} from the lines of detection/connection."""
    found = [match for line in text.splitlines() if (match := _STATE.match(line))]
    return {f"{match[1]} {match[2] or ''}".strip(): match[3] for match in found}


class MotionDriver(Driver):
    family = "motion"
    kind = "recorder"
    documents = (
        Document("config", fetch=LIST, store=_store, rest=config_rest, affects=("cameras",)),
        Document("cameras", fetch=CONNECTION),
        Document("start", fetch=START, rest=lambda tree: tree),
    )
    bindings = BINDINGS
    default_ports = {"https": 8080, "http": 8080}

    def __init__(self) -> None:
        # (host, port of the web control) -> port of the streams, as last read: a login of a stream account needs it.
        self._streams: dict[tuple[str, int], int] = {}

    def identify(self, transport: Any) -> Identity:
        found = _VERSION.match(text_of(_start(transport)))
        return Identity("Motion", "motion", firmware=found[1] if found else "")

    def open(self, transport: Any, credential: Credential, secrets: Mapping[str, str]) -> MotionContext:
        if credential.username.endswith(STREAM):
            raise LoginRefused(f"{transport.target.name}: {credential.username!r} may only look at the streams.")
        ctx = MotionContext(transport, credential, secrets)
        first = _start(transport)
        if text_of(first).startswith(_NOT_DONE):
            raise _refused(transport, credential, locked=True)
        ctx.scheme = _scheme(first)
        transport.auth = _auth(ctx.scheme or "digest", credential)
        answer = first
        if ctx.scheme:
            answer = transport.request("GET", START)
            if answer.status == 401 or text_of(answer).startswith(_NOT_DONE):
                raise _refused(transport, credential, locked=answer.status != 401)
        else:
            ctx.facts["anonymous"] = True
            ctx.notes.append("motion asks for no login: everybody who reaches it may see and change its settings.")
        found = _VERSION.match(text_of(answer))
        if found is None:
            raise BadAnswer(f"{ctx.name}: the start page is not motion's.")
        ctx.identity = Identity("Motion", "motion", firmware=found[1])
        ctx.facts["start"] = {"version": found[1], "cameras": int(found[2])}
        # Cameras with files of their own; one without has no number here, or 0.
        ctx.facts["own"] = [number for number in _NUMBER.findall(text_of(answer)) if int(number)]
        return ctx

    def login(self, transport: Any, credential: Credential) -> None:
        """Unsupported when motion asks nobody for a login: then no password proves anything."""
        try:
            if credential.username.endswith(STREAM):
                self._login_stream(transport, credential)
            elif self.open(transport, credential, {}).facts.get("anonymous"):
                raise Unsupported(f"{transport.target.name}: motion asks for no login, so no password can be proven.")
        finally:
            transport.close()

    def _login_stream(self, transport: Any, credential: Credential) -> None:
        target = transport.target
        port = self._streams.get((target.host, target.port))
        if port is None:
            raise Unsupported(f"{target.name}: the port of the streams is not known.")
        stream = transport.via(target.scheme, port)
        try:
            scheme = _scheme(stream.request("GET", "/0/current", login=False))
            if not scheme:
                raise Unsupported(f"{target.name}: the streams ask for no login, so no password can be proven.")
            stream.auth = _auth(scheme, Credential(credential.username.removesuffix(STREAM), credential.password))
            if stream.request("GET", "/0/current").status == 401:
                raise _refused(transport, credential)
        finally:
            stream.close()

    def fetch(self, ctx: MotionContext, names: Sequence[str]) -> dict[str, Tree | Exception]:
        found: dict[str, Tree | Exception] = {}
        for name in names:
            try:
                found[name] = self._document(ctx, name)
            except (Refused, BadAnswer) as error:
                if getattr(error, "reason", ""):
                    raise  # the connection broke
                found[name] = Unsupported(error.message, error.advice) if isinstance(error, Refused) else error
        return found

    def _document(self, ctx: MotionContext, name: str) -> Tree:
        if name == "start":
            return dict(ctx.facts["start"])
        if name == "cameras":
            return parse_cameras(ask(ctx, CONNECTION))
        tree = parse_config(ask(ctx, LIST))
        if "webcontrol_port" not in tree:
            raise Refused(f"{ctx.name}: motion shows only part of its settings.", _PARMS)
        for number in ctx.facts["own"]:
            own = parse_config(ask(ctx, f"/{number}/config/list"))
            if not own:
                raise BadAnswer(f"{ctx.name}: motion does not tell the settings of its camera {number}.")
            tree.update({f"{number}/{key}": value for key, value in own.items()})
        port = ctx.facts["stream_port"] = _port(tree.get("stream_port"))
        self._streams[ctx.transport.target.host, ctx.transport.target.port] = port
        return tree

    def endpoints(self, ctx: MotionContext, trees: Mapping[str, Tree]) -> list[Endpoint]:
        target = ctx.transport.target
        found = [Endpoint("manage", target.scheme, target.port, LIST, target.scheme, judge=judge_settings),
                 Endpoint("web", target.scheme, target.port, START, target.scheme)]  # fmt: skip
        tree = trees.get("config")
        if not isinstance(tree, dict):
            return found
        scheme = "https" if tree.get("stream_tls") == "on" else "http"
        shared = tree.get("stream_port")
        places = [(shared, f"/{number}/current") for number in ctx.facts["own"] or ["0"]]
        places += [(tree.get(f"{number}/stream_port"), "/current") for number in ctx.facts["own"]]
        ports = [(_port(word), path) for word, path in places]
        return found + [Endpoint("snapshot", scheme, port, path, "stream") for port, path in ports if port]

    def own_accounts(self, ctx: Context) -> tuple[str, ...]:
        return () if ctx.facts.get("anonymous") or ctx.credential is None else (ctx.credential.username,)

    def password_rules(self, ctx: Context) -> PasswordRules:
        return PasswordRules(8, 64, None, "motion asks for nothing (fact sheet 1); the limits are ours")

    def lock_rules(self, ctx: Context) -> LockRules:
        return LockRules(None, None, "per source address, by webcontrol_lock_attempts and _minutes", locks=True)

    def restart(self, ctx: MotionContext) -> None:
        ask(ctx, "/0/action/restart", write=True)

    def factory_new(self, ctx: Context, trees: Mapping[str, Tree]) -> bool | None:
        """Debian's file: no account of any kind."""
        tree = trees.get("config")
        if not isinstance(tree, dict):
            return None
        return bool(ctx.facts.get("anonymous")) and not any(tree.get(name) for name in LOGINS)


def judge_settings(answer: Answer) -> bool | None:
    """Are the settings given without a login? The error that motion calls good is no setting."""
    if answer.status in (401, 403):
        return False
    if answer.status != 200:
        return None
    text = text_of(answer)
    return False if text.startswith(_NOT_DONE) else True if _LINE.search(text) else None

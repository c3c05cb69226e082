# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""motionEye 0.44 over its own web interface: two accounts, and the cameras that it lets motion record.

Facts: fact sheet "software recorders", section 2. The mask "*****" that it shows for a password is a password like any
other when it is sent back: unchanged passwords are left out. /power/ switches the machine off and is never called.
"""

from __future__ import annotations

import datetime
import email.utils
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import decode
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    Answer,
    Binding,
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
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    LoginRefused,
    Refused,
    Unsupported,
    WrongFamily,
)

NEW, SET = "new", "set"
ROLES = {"admin": "administrator", "normal": "viewer"}
_JSON = {"Content-Type": "application/json"}
_SERVER = re.compile(r"motionEye/([\w.+-]{1,20})")
_COOKIE = re.compile(r"(?:^|\n)(user=[^;\r\n]+)")
_IN_URL = re.compile(r"(?<=://)[^/@\s]*@")
_SECRET = re.compile(r".*(password|secret|_key|_token|authorization|username|url)$")
_VOLATILE = {"disk_used", "disk_total", "available_disks", "id"}
SERVICES = {
    "stream": ("video_streaming",), "upload": ("upload_enabled",), "smb": ("smb_shares",),
    "commands": ("command_storage_enabled", "command_notifications_enabled", "command_end_notifications_enabled"),
    "web_hooks": ("web_hook_storage_enabled", "web_hook_notifications_enabled", "web_hook_end_notifications_enabled"),
    "mail": ("email_notifications_enabled",), "telegram": ("telegram_notifications_enabled",),
}  # fmt: skip
_MODELLED = {"name", "streaming_auth_mode", *(name for names in SERVICES.values() for name in names)}


class MotionEyeContext(Context):
    """An open motionEye. `cookie` is the session."""

    cookie = ""

    @property
    def name(self) -> str:
        return self.transport.target.name

    def login(self, credential: Credential) -> dict[str, Any]:
        self.credential = credential
        self.cookie, said = _session(self.transport, credential)
        return said

    def ask(self, path: str, send: Any = None, again: bool = True) -> Any:
        """A reading, or with `send` a write; decoded, None for an empty answer."""
        method, body = ("GET", b"") if send is None else ("POST", json.dumps(send).encode())
        # A reading that says it is JSON, and is empty, is an internal error there.
        headers = {"Cookie": self.cookie, **(_JSON if body else {})}
        answer = self.transport.request(method, path, body=body, headers=headers)
        where = f"{self.name}: {method} {path}"
        if answer.status in (401, 403):
            if again and answer.status == 403 and self.credential and self.facts.get("role") == "admin":
                self.login(self.credential)  # a change of a password ends the sessions
                return self.ask(path, send, False)
            raise Refused(f"{where}: this login may not.", "It needs the account of the administrator.")
        if answer.status == 404:
            raise Unsupported(f"{where}: motionEye does not know it.")
        if answer.status in (429, 502, 503, 504):
            raise Busy(f"{where}: HTTP {answer.status}.")
        if answer.status != 200:
            raise BadAnswer(f"{where}: HTTP {answer.status}.")
        tree = decode.json(answer.body, self.transport.target.limits) if answer.body.strip() else None
        if isinstance(tree, dict) and tree.get("error"):
            raise Refused(f"{where}: motionEye answers with an error.")
        return tree


def _session(transport: Any, credential: Credential) -> tuple[str, dict[str, Any]]:
    body = json.dumps({"username": credential.username, "password": credential.password}).encode()
    answer = transport.request("POST", "/login", body=body, headers=_JSON)
    name = transport.target.name
    if answer.status in (400, 401, 403):
        raise LoginRefused(f"{name}: the login as {credential.username!r} is refused.")
    if answer.status in (429, 502, 503, 504):
        raise Busy(f"{name}: POST /login: HTTP {answer.status}.")
    cookie = _COOKIE.search(answer.headers.get("set-cookie", ""))
    said = decode.json(answer.body, transport.target.limits) if answer.status == 200 else None
    if cookie is None or not isinstance(said, dict) or str(said.get("user")) not in ROLES:
        raise BadAnswer(f"{name}: POST /login: HTTP {answer.status} without a session.")
    return cookie[1], said


# -- storing -----------------------------------------------------------------------------------------------------------
def _store_main(ctx: MotionEyeContext, old: Tree, new: Tree) -> Stored | None:
    """The whole object, without the passwords that stay."""
    send = {name: new[name] for name in ("admin_username", "normal_username", "lang") if new.get(name)}
    for role in ROLES:
        if new.get(f"{role}_password") == NEW:
            send[f"{role}_password"] = ctx.secret(secret_name(new[f"{role}_username"]))
    ctx.ask("/config/main/set", send)
    if "admin_password" in send and ctx.facts.get("role") == "admin":
        ctx.login(Credential(new["admin_username"], send["admin_password"], "pending"))
    return None


def _store_cameras(ctx: MotionEyeContext, old: Tree, new: Tree) -> Stored | None:
    for number, camera in new.items():
        changed = {name: value for name, value in camera.items() if value != old.get(number, {}).get(name)}
        if not changed:
            continue
        whole = ctx.ask(f"/config/{int(number)}/get")
        if not isinstance(whole, dict) or "name" not in whole:
            raise BadAnswer(f"{ctx.name}: camera {number} is not told whole.")
        whole.pop("streaming_password", None)  # a mask, which would become the password
        ctx.ask(f"/config/{int(number)}/set", {**whole, **changed})
    return None


# -- what each setting is ---------------------------------------------------------------------------------------------
def main_tree(data: Mapping[str, Any]) -> Tree:
    tree = {name: str(data[name]) for name in ("admin_username", "normal_username")}
    tree["lang"] = str(data.get("lang") or "")
    return tree | {f"{role}_password": SET if data[f"{role}_password"] else "" for role in ROLES}


def camera_tree(cameras: Sequence[Mapping[str, Any]]) -> Tree:
    return {str(int(row["id"])): {name: _masked(name, value) for name, value in row.items()} for row in cameras}


def _masked(name: str, value: Any) -> Any:
    if _SECRET.fullmatch(name):
        return SET if value else ""
    return _IN_URL.sub("", value) if isinstance(value, str) else value


def _camera_rest(tree: Tree) -> Any:
    hidden = _VOLATILE | _MODELLED
    return {n: {f: v for f, v in sorted(row.items()) if f not in hidden} for n, row in sorted(tree.items())}


def _accounts(main: Tree) -> dict[str, str]:
    """name -> admin or normal."""
    return {main[f"{role}_username"]: role for role in reversed(ROLES) if main[f"{role}_username"]}


def _role(main: Tree, item: str) -> Any:
    role = _accounts(main).get(item)
    return ROLES[role] if role else ABSENT


def _role_limit(_ctx: Any, main: Tree, item: str, value: str) -> str | None:
    if _role(main, item) == value:
        return None
    return f"motionEye has two accounts, one administrator and one viewer: {', '.join(map(repr, _accounts(main)))}"


def _put_password(main: Tree, item: str, _value: str) -> None:
    main[f"{_accounts(main)[item]}_password"] = NEW


def _password_limit(_ctx: Any, main: Tree, item: str, _value: Any) -> str | None:
    return None if item in _accounts(main) else "there is no such account"


def _service(cameras: Tree, item: str) -> Any:
    return any(row.get(name) is True for row in cameras.values() for name in SERVICES[item])


def _put_service(cameras: Tree, item: str, value: bool) -> None:
    for row in cameras.values():
        for name in SERVICES[item]:
            if not value and row.get(name) is True:
                row[name] = False


def _service_limit(_ctx: Any, cameras: Tree, item: str, value: bool) -> str | None:
    if value and not _service(cameras, item):
        return "it is switched on per camera, with what it needs, on motionEye's own page"
    return None


def _streams(cameras: Tree) -> list[dict[str, Any]]:
    return [row for row in cameras.values() if row.get("video_streaming") is True]


def _video(main: Tree, cameras: Tree) -> bool:
    """An account without a password lets everybody look; so does a stream that asks for none."""
    named = all(main[f"{role}_password"] for role in ROLES)
    return named and not any(map(_open, _streams(cameras)))


def _open(camera: Mapping[str, Any]) -> bool:
    """A stream with a way to log in and no password is as open as one without."""
    return camera.get("streaming_auth_mode") not in ("basic", "digest") or not camera.get("streaming_password")


def _put_video(_main: Tree, cameras: Tree, _value: bool) -> None:
    for row in _streams(cameras):
        if row.get("streaming_auth_mode") not in ("basic", "digest"):
            row["streaming_auth_mode"] = "digest"


def _video_limit(_ctx: Any, main: Tree, cameras: Tree, _item: str, value: bool) -> str | None:
    if _video(main, cameras) is value:
        return None
    if not value:
        return "logins are not switched off from here"
    if empty := [main[f"{role}_username"] for role in ROLES if not main[f"{role}_password"]]:
        return f"first give {' and '.join(map(repr, empty))} a password"
    if any(not row.get("streaming_username") or not row.get("streaming_password") for row in _streams(cameras)):
        return "a stream has no user and password: give it some on motionEye's own page, or switch services.stream off"
    return None


def _basic(cameras: Tree) -> bool:
    return any(row.get("streaming_auth_mode") == "basic" for row in cameras.values())


def _put_basic(cameras: Tree, value: bool) -> None:
    for row in cameras.values():
        if not value and row.get("streaming_auth_mode") == "basic":
            row["streaming_auth_mode"] = "digest"


def _basic_limit(_ctx: Any, cameras: Tree, _item: str, value: bool) -> str | None:
    return "a login in clear text is not switched on from here" if value and not _basic(cameras) else None


def _only(cameras: Tree) -> dict[str, Any]:
    return next(iter(cameras.values()))


def _name_limit(_ctx: Any, _cameras: Tree, _item: str, value: str) -> str | None:
    good = 0 < len(value) <= 64 and value == value.strip() and all(ord(char) >= 32 for char in value)
    return None if good else "one line of 1 to 64 characters without blanks at its ends"


def row(path: str, documents: str, get: Callable[..., Any], put: Any = None, **more: Any) -> Binding:
    return Binding(tuple(path.split(".")), tuple(documents.split()), get, put, source="software recorders 2", **more)


BINDINGS = (
    row("facts.manufacturer", "version", lambda t: "motionEye"),
    row("facts.model", "version", lambda t: "motionEye"),
    row("facts.firmware", "version", lambda t: t["version"] or ABSENT),
    row("firmware.version", "version", lambda t: t["version"] or ABSENT),
    # Several cameras have a name each; motionEye itself has none.
    row("identity.name", "cameras", lambda t: _only(t)["name"], lambda t, v: _only(t).update(name=v),
        when=lambda ctx, t: len(t) == 1, limits=_name_limit),
    row("accounts.*.role", "main", _role, lambda t, i, v: None, items=lambda t: list(_accounts(t)), limits=_role_limit),
    row("accounts.*.password", "main", lambda t, i: ABSENT, _put_password, items=lambda t: list(_accounts(t)),
        secret=True, proof="login", limits=_password_limit,
        needs=lambda ctx, item, old, new: (secret_name(item),), restorable="nobody knows the old password any more"),
    row("auth.basic_login", "cameras", _basic, _put_basic, limits=_basic_limit),
    row("video.authentication", "main cameras", _video, _put_video, limits=_video_limit),
    row("services.*.enabled", "cameras", _service, _put_service, items=lambda t: list(SERVICES),
        domain=tuple(SERVICES), limits=_service_limit, restorable="which cameras had it is not kept"),
)  # fmt: skip


class MotionEyeDriver(Driver):
    family = "motioneye"
    kind = "recorder"
    documents = (
        Document("main", fetch="/config/main/get", store=_store_main, rest=lambda tree: {"lang": tree["lang"]}),
        Document("cameras", fetch="/config/list", store=_store_cameras, rest=_camera_rest),
        Document("version", fetch="", rest=lambda tree: tree),
    )
    bindings = BINDINGS
    default_ports = {"https": 443, "http": 8765}

    def identify(self, transport: Any) -> Identity:
        """By what it says to a stranger who asks who he is."""
        answer, name = transport.request("GET", "/login", login=False), transport.target.name
        if answer.status in (429, 502, 503, 504):
            raise Busy(f"{name}: it is busy (HTTP {answer.status}).")
        try:
            tree = decode.json(answer.body, transport.target.limits)
        except BadAnswer:
            tree = None
        if answer.status == 403 and isinstance(tree, dict) and tree.get("error") == "unauthorized" and "prompt" in tree:
            return _identity(answer)
        advice = "Versions before 0.44 have no such login." if _SERVER.search(answer.headers.get("server", "")) else ""
        raise WrongFamily(f"{name}: no motionEye at {transport.target.place} (HTTP {answer.status}).", advice)

    def open(self, transport: Any, credential: Credential, secrets: Mapping[str, str]) -> MotionEyeContext:
        ctx = MotionEyeContext(transport, credential, secrets)
        before = datetime.datetime.now(datetime.UTC)
        first = transport.request("GET", "/login", login=False)
        ctx.facts["clock"] = clock_of(first, before)
        ctx.identity = _identity(first)
        said = ctx.login(credential)
        ctx.facts["role"] = said["user"]
        if transport.target.scheme != "https":
            ctx.notes.append("The login went over plain HTTP: the password travelled in clear.")
        if credential.password == "":
            ctx.facts["empty"] = True
            ctx.notes.append("At login the account had no password.")
        return ctx

    def login(self, transport: Any, credential: Credential) -> None:
        try:
            _session(transport, credential)
        finally:
            transport.close()

    def fetch(self, ctx: MotionEyeContext, names: Sequence[str]) -> dict[str, Tree | Exception]:
        found: dict[str, Tree | Exception] = {}
        for name in names:
            try:
                if name == "version":
                    found[name] = {"version": ctx.identity.firmware}
                elif name == "main":
                    found[name] = main_tree(ctx.ask("/config/main/get"))
                else:
                    found[name] = camera_tree(ctx.ask("/config/list")["cameras"])
            except (Refused, Unsupported, Busy) as error:
                found[name] = error
            except BadAnswer as error:
                if getattr(error, "reason", ""):
                    raise
                found[name] = error
            except (KeyError, TypeError, ValueError, AttributeError):
                found[name] = BadAnswer(f"{ctx.name}: {name}: the answer has another shape.")
        return found

    def endpoints(self, ctx: MotionEyeContext, trees: Mapping[str, Tree]) -> list[Endpoint]:
        scheme, port = ctx.transport.target.scheme, ctx.transport.target.port
        found = [Endpoint("manage", scheme, port, "/config/main/get", scheme),
                 Endpoint("web", scheme, port, "/", scheme, open_ok=True)]  # fmt: skip
        cameras = trees.get("cameras")
        for number, camera in cameras.items() if isinstance(cameras, dict) else ():
            found.append(Endpoint("snapshot", scheme, port, f"/picture/{number}/current", scheme))
            stream = camera.get("streaming_port")
            if camera.get("video_streaming") is True and isinstance(stream, int) and 0 < stream < 65536:
                found.append(Endpoint("stream", "http", stream, "/", "stream"))
        return found

    def clock(
        self, ctx: Context, trees: Mapping[str, Tree]
    ) -> tuple[datetime.datetime, datetime.datetime] | None:
        return ctx.facts.get("clock")

    def password_rules(self, ctx: Context) -> PasswordRules:
        return PasswordRules(8, 64, None, "motionEye asks for nothing (fact sheet 2); the limits are ours")

    def lock_rules(self, ctx: Context) -> LockRules:
        return LockRules(None, None, "motionEye has no lock-out (fact sheet 2)", locks=False)

    def restart(self, ctx: Context) -> None:
        raise Unsupported(f"{ctx.transport.target.name}: motionEye can only restart its whole machine: not done.")

    def factory_new(self, ctx: Context, trees: Mapping[str, Tree]) -> bool | None:
        tree = trees.get("main")
        return not tree["admin_password"] if isinstance(tree, dict) else None


def _identity(answer: Answer) -> Identity:
    found = _SERVER.search(answer.headers.get("server", ""))
    return Identity("motionEye", "motionEye", firmware=found[1] if found else "")


def clock_of(answer: Answer, before: datetime.datetime) -> tuple[datetime.datetime, datetime.datetime] | None:
    """The clock of the machine by the Date header (RFC 9110), against ours in the middle of the request."""
    try:
        told = email.utils.parsedate_to_datetime(answer.headers.get("date", "")).astimezone(datetime.UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return told, before + (datetime.datetime.now(datetime.UTC) - before) / 2

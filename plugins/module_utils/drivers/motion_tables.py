# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bindings of motion: what each setting is among its keys. Fact sheet "software recorders", section 1.

The tree is {key: value as text, None where it is not set}. Passwords are never in it: of "user:password" the user
stays, and "…_password": "set" asks the store operation for a new one. A camera with a file of its own has values of its
own, as "NUMBER/key": they count for it whatever the main ones say, also at the port that all share.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, Binding, secret_name

Tree = dict[str, Any]

SET = "set"
STREAM = "@stream"  # behind the name of the account that may only look at the streams
# the key that holds user and password -> the mark for a new password
LOGINS = {"webcontrol_authentication": "webcontrol_password", "stream_authentication": "stream_password"}
_NONE = (None, "0")
COMMANDS = tuple(f"on_{event}" for event in (
    "event_start", "event_end", "picture_save", "area_detected", "motion_detected", "movie_start", "movie_end",
    "camera_lost", "camera_found"))  # fmt: skip
_SECRETS = frozenset(["database_password", "netcam_userpass", "webcontrol_key"])
_MODELLED = frozenset([*LOGINS, *COMMANDS, *"camera_name text_left webcontrol_auth_method stream_auth_method "
                       "webcontrol_lock_attempts webcontrol_lock_minutes webcontrol_localhost stream_localhost "
                       "webcontrol_port stream_port webcontrol_tls".split()])  # fmt: skip
_IN_URL = re.compile(r"(?<=://)[^/@\s]*@")


def masked(name: str, value: str | None) -> str | None:
    if value is None:
        return None
    if name in LOGINS:
        return value.partition(":")[0] or None
    return SET if name in _SECRETS else _IN_URL.sub("", value)


def key_of(name: str) -> str:
    """motion's own key: that of a camera stands behind its number."""
    return name.rpartition("/")[2]


def everywhere(tree: Tree, key: str) -> list[str]:
    """The names of a key: the main one first, then those of the cameras that have files of their own."""
    return [name for name in tree if name == key] + [name for name in tree if name.endswith(f"/{key}")]


def _values(tree: Tree, key: str) -> list[str | None]:
    return [tree[name] for name in everywhere(tree, key)]


def config_rest(tree: Tree) -> Any:
    return {name: value for name, value in sorted(tree.items()) if key_of(name) not in _MODELLED}


def row(path: str, documents: str, get: Callable[..., Any], put: Any = None, **more: Any) -> Binding:
    return Binding(tuple(path.split(".")), tuple(documents.split()), get, put, source="software recorders 1", **more)


# -- plain keys --------------------------------------------------------------------------------------------------------
def _text(name: str) -> tuple[Any, Any]:
    def get(tree: Tree) -> Any:
        return (tree[name] or "") if name in tree else ABSENT

    def put(tree: Tree, value: str) -> None:
        tree[name] = value or None

    return get, put


def _overlay(tree: Tree) -> Any:
    """The main text, unless a camera shows another one."""
    texts = [text or "" for text in _values(tree, "text_left")]
    return next((text for text in texts if text != texts[0]), texts[0]) if texts else ABSENT


def _put_overlay(tree: Tree, value: str) -> None:
    tree.update(dict.fromkeys(everywhere(tree, "text_left"), value or None))


def _text_limit(_ctx: Any, tree: Tree, _item: str, value: str) -> str | None:
    if value == "(null)" or value != value.strip() or any(ord(char) < 32 for char in value) or len(value) > 200:
        return "one line without blanks at its ends, at most 200 characters"
    return None


def _number(name: str, more: int = 0) -> tuple[Any, Any]:
    """`more`: how far our number is above motion's."""

    def get(tree: Tree) -> Any:
        return int(tree[name]) + more if tree.get(name) else ABSENT

    def put(tree: Tree, value: int) -> None:
        tree[name] = str(value - more)

    return get, put


def _at_least(least: int) -> Callable[..., str | None]:
    def limit(_ctx: Any, _tree: Tree, _item: str, value: int) -> str | None:
        return None if least <= value <= 1000 else f"a number from {least} to 1000"

    return limit


# -- accounts ----------------------------------------------------------------------------------------------------------
def _key(item: str) -> str:
    return "stream_authentication" if item.endswith(STREAM) else "webcontrol_authentication"


def accounts(tree: Tree) -> list[str]:
    """One for the web control, one for the streams; more motion has not."""
    both = tree.get("webcontrol_authentication"), tree.get("stream_authentication")
    return [*([both[0]] if both[0] else []), *([both[1] + STREAM] if both[1] else [])]


def _role(tree: Tree, item: str) -> Any:
    if item not in accounts(tree):
        return ABSENT
    return "viewer" if item.endswith(STREAM) else "administrator"


def _put_role(tree: Tree, item: str, _value: str) -> None:
    if item not in accounts(tree):
        _put_password(tree, item, SET)


def _put_password(tree: Tree, item: str, _value: str) -> None:
    key = _key(item)
    tree[key], tree[LOGINS[key]] = item.removesuffix(STREAM), SET
    _ask(tree, key.replace("authentication", "auth_method"))  # an account that nobody is asked for is none


def _ask(tree: Tree, method: str) -> None:
    tree.update({name: "2" for name in everywhere(tree, method) or [method] if tree.get(name) in _NONE})


def _role_limit(_ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    name = item.removesuffix(STREAM)
    if value != ("viewer" if item.endswith(STREAM) else "administrator"):
        return f"motion knows one administrator, and one viewer whose name here ends in {STREAM}"
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name):
        return "letters, digits, dot, hyphen and underscore only"
    if tree.get(_key(item)) not in (None, name):
        return f"motion has one account of this kind, and it is called {tree[_key(item)]!r}"
    return None


def _role_needs(_ctx: Any, item: str, old: Any, _new: Any) -> Sequence[str]:
    return (secret_name(item),) if old is ABSENT else ()


# -- logins asked for --------------------------------------------------------------------------------------------------
def _video(tree: Tree) -> bool:
    """motion lets everybody in where it is told to ask for a login and has no account to compare with."""
    asked = all(method not in _NONE for method in _values(tree, "stream_auth_method") or [None])
    return asked and bool(tree.get("stream_authentication"))


def _put_video(tree: Tree, value: bool) -> None:
    if value:
        _ask(tree, "stream_auth_method")
    else:
        tree.update(dict.fromkeys(everywhere(tree, "stream_auth_method"), "0"))


def _put_video_account(tree: Tree, value: bool) -> None:
    if value:
        _put_password(tree, f"viewer{STREAM}", SET)
    _put_video(tree, value)


def _basic(tree: Tree) -> Any:
    if "webcontrol_auth_method" not in tree:
        return ABSENT
    return "1" in (tree["webcontrol_auth_method"], *_values(tree, "stream_auth_method"))


def _put_basic(tree: Tree, value: bool) -> None:
    for name in ("webcontrol_auth_method", *everywhere(tree, "stream_auth_method")):
        if not value and tree.get(name) == "1":
            tree[name] = "2"


def _basic_limit(_ctx: Any, tree: Tree, _item: str, value: bool) -> str | None:
    return "a login in clear text is not switched on from here" if value and not _basic(tree) else None


# -- services ----------------------------------------------------------------------------------------------------------
_SERVICES = {"http": "webcontrol", "stream": "stream"}
_WHERE = {"on": "localhost", "off": "all"}


def _enabled(tree: Tree, item: str) -> Any:
    if item == "commands":
        return any(value for name in COMMANDS for value in _values(tree, name))
    if item == "stream":
        return any(port not in _NONE for port in _values(tree, "stream_port"))
    return (tree.get("webcontrol_tls") == "on") is (item == "https")


def _put_enabled(tree: Tree, item: str, value: bool) -> None:
    if item == "stream" and not value:
        tree.update(dict.fromkeys(everywhere(tree, "stream_port") or ["stream_port"], "0"))
    elif item == "commands" and not value:
        tree.update({name: None for command in COMMANDS for name in everywhere(tree, command)})


def _enabled_limit(_ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    if _enabled(tree, item) is value:
        return None
    if item in ("http", "https"):
        return "HTTP and HTTPS share one port: set webcontrol_tls in motion's own file, and restart it"
    return f"it needs values that only motion's own file should give: {item}" if value else None


def _ports(tree: Tree, item: str) -> Any:
    key = f"{_SERVICES[item]}_port"
    names = everywhere(tree, key) if item == "stream" else [key]
    return sorted({int(tree[name]) for name in names if tree.get(name) not in _NONE})


def _interfaces(tree: Tree, item: str) -> list[str]:
    """The names of where it listens. A camera has a say in it where it has a port of its own."""
    key = f"{_SERVICES[item]}_localhost"
    own = [name for name in everywhere(tree, key) if name != key and item == "stream"]
    return [key, *(name for name in own if tree.get(name.replace("_localhost", "_port")) not in _NONE)]


def _interface(tree: Tree, item: str) -> Any:
    found = [_WHERE.get(tree.get(name), ABSENT) for name in _interfaces(tree, item)]
    return "all" if "all" in found else found[0]


def _put_interface(tree: Tree, item: str, value: str) -> None:
    """Only "on" and "off": motion takes every other word for off, which is the open one (H13)."""
    tree.update(dict.fromkeys(_interfaces(tree, item), {word: raw for raw, word in _WHERE.items()}[value]))


def _interface_limit(ctx: Any, _tree: Tree, item: str, value: str) -> str | None:
    if value not in _WHERE.values():
        return "localhost or all"
    local = ctx.transport.local_address() if ctx is not None else None
    if item == "http" and value == "localhost" and not (local and ipaddress.ip_address(local).is_loopback):
        return "motion would listen for its own machine only, and we come from another one"
    return None


# -- what runs ---------------------------------------------------------------------------------------------------------
def _recorded(cameras: Tree, config: Tree, item: str) -> str:
    """A lost camera is an error; one that is there is recorded when films or pictures are written at all."""
    if cameras.get(item) != "Connection OK":
        return "error"
    own = f"{item.partition(' ')[0]}/"
    keys = ("movie_output", "picture_output", "movie_output_motion")
    written = "on" in [config.get(own + key, config.get(key)) for key in keys]
    return "active" if written else "idle"


def _recording(cameras: Tree, config: Tree) -> Any:
    states = {_recorded(cameras, config, item) for item in cameras}
    return ABSENT if not states else states.pop() if len(states) == 1 else "partial"


BINDINGS = (
    row("facts.manufacturer", "start", lambda t: "Motion"),
    row("facts.model", "start", lambda t: "motion"),
    row("facts.firmware", "start", lambda t: t["version"]),
    row("firmware.version", "start", lambda t: t["version"]),
    row("identity.name", "config", *_text("camera_name"), limits=_text_limit),
    row("identity.overlay_text", "config", _overlay, _put_overlay, limits=_text_limit),
    row("accounts.*.role", "config", _role, _put_role, items=accounts, create=True, limits=_role_limit,
        needs=_role_needs),
    row("accounts.*.password", "config", lambda t, i: ABSENT, _put_password, items=accounts, secret=True,
        proof="login", needs=lambda ctx, item, old, new: (secret_name(item),),
        restorable="nobody knows the old password any more"),
    # webcontrol_lock_attempts 2 lets three wrong tries pass, and ignores the fourth.
    row("auth.lockout_attempts", "config", *_number("webcontrol_lock_attempts", 1), limits=_at_least(2)),
    row("auth.lockout_minutes", "config", *_number("webcontrol_lock_minutes"), limits=_at_least(1)),
    row("auth.basic_login", "config", _basic, _put_basic, limits=_basic_limit),
    row("video.authentication", "config", _video, _put_video,
        when=lambda ctx, t: bool(t.get("stream_authentication"))),
    row("video.authentication", "config", _video, _put_video_account,
        needs=lambda ctx, item, old, new: (secret_name(f"viewer{STREAM}"),) if new else ()),
    row("services.*.enabled", "config", _enabled, _put_enabled, limits=_enabled_limit,
        items=lambda t: ["http", "https", "stream", "commands"], domain=("http", "https", "stream", "commands"),
        restorable="the port or the commands are not kept"),
    row("services.*.ports", "config", _ports, items=lambda t: list(_SERVICES), domain=tuple(_SERVICES)),
    row("services.*.interface", "config", _interface, _put_interface, items=lambda t: list(_SERVICES),
        domain=tuple(_SERVICES), limits=_interface_limit),
    row("recording.state", "cameras config", _recording),
    row("recording.jobs.*.state", "cameras config", _recorded, items=lambda t, _config: list(t)),
)  # fmt: skip

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bindings of ZoneMinder. Fact sheet "software recorders", section 3.

configs   {name: value as text}; secrets are "set", "" or, for the key that tokens are signed with, Debian's "default"
users     {name: {field: value}} without passwords; "Password": "set" asks the store operation for a new one
monitors  {name: {"Id", "Function", "Status", "settings"}} without logins
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import zones
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, Binding, secret_name

Tree = dict[str, Any]

SET, DEFAULT, NEW = "set", "default", "new"
UNIQUE = "ZM_AUTH_HASH_SECRET"
_SECRETS = re.compile(r"ZM_(DB_\w+|UPLOAD_(USER|PASS)|\w*(SECRETKEY|ACCESS_TOKEN|PASSWORD)|AUTH_HASH_SECRET)")
_VOLATILE = re.compile(r"ZM_(DYN_\w+|TELEMETRY_(UUID|LAST_UPLOAD))")
AREAS = ("Stream", "Events", "Control", "Monitors", "Groups", "Devices", "Snapshots", "System")
_ROLES = {
    "administrator": {area: "Edit" for area in AREAS} | {"Stream": "View"},
    "operator": {"Stream": "View", "Events": "Edit", "Control": "Edit", "Monitors": "View", "Groups": "View",
                 "Devices": "View", "Snapshots": "Edit", "System": "None"},
    "viewer": {"Stream": "View", "Events": "View", "Control": "None", "Monitors": "View", "Groups": "None",
               "Devices": "None", "Snapshots": "View", "System": "None"},
}  # fmt: skip
# our word for a service -> the switch
SERVICES = {
    "triggers": "ZM_OPT_TRIGGERS", "x10": "ZM_OPT_X10", "upload": "ZM_OPT_UPLOAD", "mail": "ZM_OPT_EMAIL",
    "messages": "ZM_OPT_MESSAGE", "notifications": "ZM_OPT_USE_EVENTNOTIFICATION", "api": "ZM_OPT_USE_API",
    "update_check": "ZM_CHECK_FOR_UPDATES",
}  # fmt: skip
_LOG_LEVELS = ("ZM_LOG_LEVEL_SYSLOG", "ZM_LOG_LEVEL_FILE", "ZM_LOG_LEVEL_DATABASE")
_MODELLED = {*SERVICES.values(), *_LOG_LEVELS, UNIQUE, "ZM_OPT_USE_AUTH", "ZM_OPT_USE_LEGACY_API_AUTH", "ZM_WEB_TITLE",
             "ZM_AUTH_RELAY", "ZM_TIMEZONE", "ZM_TELEMETRY_DATA"}  # fmt: skip
_ZONES = ("Asia/Tokyo", "UTC", "Europe/London", "Europe/Paris", "Europe/Helsinki", "America/New_York",
          "America/Chicago", "America/Denver", "America/Los_Angeles", "Australia/Sydney")  # fmt: skip
_IN_URL = re.compile(r"(?<=://)[^/@\s]*@")
_NOT_SHOWN = {"User", "Pass", "ONVIF_Username", "ONVIF_Password", "ONVIF_Options", "Options", "Id", "Sequence",
              "AnalysisFPS", "CaptureFPS", "Path", "SubPath", "ControlAddress", "ONVIF_URL", "Host"}  # fmt: skip


# -- trees -------------------------------------------------------------------------------------------------------------
def config_tree(rows: Any) -> Tree:
    return {str(row["Config"]["Name"]): _masked(str(row["Config"]["Name"]), row["Config"].get("Value")) for row in rows}


def _masked(name: str, value: Any) -> str:
    text = "" if value is None else str(value)
    if name == UNIQUE:
        return DEFAULT if not text or "Change me" in text else SET
    return (SET if text else "") if _SECRETS.fullmatch(name) else _IN_URL.sub("", text)


def config_rest(tree: Tree) -> Any:
    rest = {n: value for n, value in sorted(tree.items()) if n not in _MODELLED and not _VOLATILE.fullmatch(n)}
    return rest | {UNIQUE: tree.get(UNIQUE)}


def user_rest(tree: Tree) -> Any:
    """Areas one by one, and what else an account may: the role is only their sum."""
    hidden = {"Id", "Username", "Enabled", "TokenMinExpiry", "Password"}
    return {name: {f: v for f, v in sorted(user.items()) if f not in hidden} for name, user in sorted(tree.items())}


def monitor_tree(rows: Any) -> Tree:
    """By number and name: names may come twice."""
    found: Tree = {}
    for row in rows:
        monitor, status = row["Monitor"], row.get("Monitor_Status") or {}
        settings = {name: value for name, value in monitor.items() if name not in _NOT_SHOWN}
        settings["Path"] = _IN_URL.sub("", str(monitor.get("Path") or "")).partition("?")[0]
        if settings.get("SecondPath"):
            settings["SecondPath"] = _IN_URL.sub("", str(settings["SecondPath"])).partition("?")[0]
        settings["Login"] = bool(monitor.get("User") or _IN_URL.search(str(monitor.get("Path") or "")))
        found[f"{monitor['Id']} {monitor['Name']}"] = {
            "Id": int(monitor["Id"]), "Function": str(monitor.get("Function")), "Status": status.get("Status"),
            "settings": settings,
        }  # fmt: skip
    return found


def row(path: str, documents: str, get: Callable[..., Any], put: Any = None, **more: Any) -> Binding:
    return Binding(tuple(path.split(".")), tuple(documents.split()), get, put, source="software recorders 3", **more)


# -- asking for logins -------------------------------------------------------------------------------------------------
def _asks(configs: Tree) -> Any:
    return configs["ZM_OPT_USE_AUTH"] == "1" if "ZM_OPT_USE_AUTH" in configs else ABSENT


def _put_asks(configs: Tree, _users: Tree, value: bool) -> None:
    if value and configs.get("ZM_OPT_USE_AUTH") != "1":
        configs["ZM_OPT_USE_AUTH"] = "1"
        if configs.get(UNIQUE) == DEFAULT:
            configs[UNIQUE] = NEW  # else everybody who has read the source makes a login of his own


def locks_out(ctx: Any, users: Tree) -> str | None:
    """H48: from the switch on the API is for accounts with APIEnabled=1 only, and a fresh install has none."""
    name = ctx.credential.username if ctx is not None and ctx.credential else ""
    user = users.get(name)
    if user is None:
        return f"nobody could log in any more: ZoneMinder has no account {name!r}, the one that we have a login for"
    if str(user.get("APIEnabled")) != "1" or str(user.get("Enabled")) != "1" or user.get("System") != "Edit":
        return (
            f"from then on {name!r} could not use the API (APIEnabled={user.get('APIEnabled')}, "
            f"Enabled={user.get('Enabled')}, System={user.get('System')}), and nobody logged in could change that: "
            f"first tick API Enabled for it on ZoneMinder's web page (Options, Users) or run in its database: "
            f"UPDATE Users SET APIEnabled=1 WHERE Username='{name}'"
        )
    return None


def _asks_limit(ctx: Any, configs: Tree, users: Tree, _item: str, value: bool) -> str | None:
    if _asks(configs) is value:
        return None
    return locks_out(ctx, users) if value else "logins are not switched off from here"


def _inverse(limit: Callable[..., str | None]) -> Callable[..., str | None]:
    def turned(ctx: Any, configs: Tree, users: Tree, item: str, value: bool) -> str | None:
        return limit(ctx, configs, users, item, not value)

    return turned


def _clear_login(configs: Tree) -> Any:
    if "ZM_OPT_USE_LEGACY_API_AUTH" not in configs:
        return ABSENT
    return configs["ZM_OPT_USE_LEGACY_API_AUTH"] == "1" or configs.get("ZM_AUTH_RELAY") == "plain"


def _put_clear_login(configs: Tree, value: bool) -> None:
    if value != _clear_login(configs):
        configs["ZM_OPT_USE_LEGACY_API_AUTH"] = "1" if value else "0"
        if not value and configs.get("ZM_AUTH_RELAY") == "plain":
            configs["ZM_AUTH_RELAY"] = "hashed"


# -- accounts ----------------------------------------------------------------------------------------------------------
def _role(_configs: Tree, users: Tree, name: str) -> Any:
    """In 1.36 an account that may use the API may change every setting (section 3, fact 3): no viewer nor operator."""
    user = users.get(name)
    if user is None:
        return ABSENT
    if user.get("System") == "Edit":
        return "administrator"
    if str(user.get("APIEnabled")) == "1":
        return "other"
    rights = [user.get(area) for area in AREAS]
    return "operator" if "Edit" in rights else "viewer" if "View" in rights else "other"


def _put_role(configs: Tree, users: Tree, name: str, value: str | None) -> None:
    if value is None:
        users.pop(name, None)
        return
    if name not in users:
        # Only administrators may use the API: see _role.
        users[name] = {"Enabled": 1, "APIEnabled": int(value == "administrator"), "Password": SET}
    if _role(configs, users, name) != value:
        users[name].update(_ROLES[value], **({} if value == "administrator" else {"APIEnabled": 0}))
    _put_asks(configs, users, True)


def _role_limit(ctx: Any, configs: Tree, users: Tree, name: str, value: str | None) -> str | None:
    ours = ctx.credential.username if ctx is not None and ctx.credential else None
    if value is None:
        return "this is the login in use" if name == ours else None if _asks(configs) else _NOBODY
    if value not in _ROLES and _role(configs, users, name) != value:
        return "administrator, operator or viewer"
    if not 1 <= len(name) <= 32 or any(ord(char) < 32 for char in name):
        return "a name has 1 to 32 characters"
    return None if _asks(configs) else locks_out(ctx, users)


_NOBODY = "ZoneMinder changes accounts only for somebody logged in, and it asks nobody for a login yet"


def _put_password(configs: Tree, users: Tree, name: str, _value: str) -> None:
    users[name]["Password"] = SET
    _put_asks(configs, users, True)


def _password_limit(ctx: Any, configs: Tree, users: Tree, name: str, _value: Any) -> str | None:
    if name not in users:
        return "there is no such account"
    return None if _asks(configs) else locks_out(ctx, users)


def _enabled_limit(ctx: Any, configs: Tree, users: Tree, name: str, value: bool) -> str | None:
    ours = ctx.credential.username if ctx is not None and ctx.credential else None
    if name not in users:
        return "there is no such account"
    if name == ours and not value:
        return "this is the login in use"
    return None if _asks(configs) else _NOBODY


def _needs(_ctx: Any, item: str, old: Any, _new: Any) -> Sequence[str]:
    return (secret_name(item),) if old is ABSENT else ()


# -- switches, names, log ----------------------------------------------------------------------------------------------
def _service(configs: Tree, item: str) -> Any:
    return configs[SERVICES[item]] == "1" if SERVICES[item] in configs else ABSENT


def _put_service(configs: Tree, item: str, value: bool) -> None:
    configs[SERVICES[item]] = "1" if value else "0"


def _service_limit(_ctx: Any, configs: Tree, item: str, value: bool) -> str | None:
    if item == "api" and not value:
        return "the API is the way that we come in by"
    if value and not _service(configs, item):
        return "it needs settings of its own: switch it on in ZoneMinder's options"
    return None


def _text_limit(_ctx: Any, _configs: Tree, _item: str, value: str) -> str | None:
    good = 0 < len(value) <= 64 and value == value.strip() and all(ord(char) >= 32 for char in value)
    return None if good else "one line of 1 to 64 characters without blanks at its ends"


def _put(name: str) -> Callable[..., None]:
    def put(configs: Tree, value: Any) -> None:
        configs[name] = value

    return put


def zone_name(value: str) -> str | None:
    """A name of the zone data for a zone in POSIX form; PHP takes no other, and stops at one that it does not know."""
    for name in _ZONES:
        if zones.same(name, value):
            return name
    offsets = zones.key(value)
    if offsets is None or offsets[1] is not None or offsets[0] % 3600:
        return None
    hours = offsets[0] // 3600
    return f"Etc/GMT{-hours:+d}" if hours and -12 <= hours <= 14 else None


def _zone_limit(_ctx: Any, _configs: Tree, _host: Tree, _item: str, value: str) -> str | None:
    return None if zone_name(value) else "no zone that PHP is sure to know"


def _put_zone(configs: Tree, host: Tree, value: str) -> None:
    if not zones.same(configs.get("ZM_TIMEZONE") or host["zone"], value):
        configs["ZM_TIMEZONE"] = zone_name(value)


def _level(configs: Tree, name: str) -> int:
    try:
        return int(configs.get(name, "-5"))
    except ValueError:
        return -5


def _put_log(least: int) -> Callable[..., None]:
    def put(configs: Tree, value: bool) -> None:
        if value and not any(_level(configs, name) >= least for name in _LOG_LEVELS):
            configs["ZM_LOG_LEVEL_SYSLOG"] = str(least)

    return put


def _log_limit(least: int) -> Callable[..., str | None]:
    def limit(_ctx: Any, configs: Tree, _item: str, value: bool) -> str | None:
        there = any(_level(configs, name) >= least for name in _LOG_LEVELS)
        return "a log is not switched off from here" if there and not value else None

    return limit


def _logs(least: int) -> Callable[..., bool]:
    return lambda configs: any(_level(configs, name) >= least for name in _LOG_LEVELS)


# -- cameras -----------------------------------------------------------------------------------------------------------
def _recorded(monitors: Tree, item: str) -> str:
    """Function None and Monitor keep nothing; Modect and Nodect only what moves."""
    row_ = monitors[item]
    if row_["Function"] in ("None", "Monitor"):
        return "idle"
    if row_["Status"] != "Connected":
        return "error"
    return "active" if row_["Function"] in ("Record", "Mocord") else "partial"


def _recording(monitors: Tree) -> Any:
    states = {_recorded(monitors, item) for item in monitors}
    return ABSENT if not states else states.pop() if len(states) == 1 else "partial"


def _names(_configs: Tree, users: Mapping[str, Any]) -> list[str]:
    return list(users)


BINDINGS = (
    row("facts.manufacturer", "start", lambda t: "ZoneMinder"),
    row("facts.model", "start", lambda t: "ZoneMinder"),
    row("facts.firmware", "start", lambda t: t["version"]),
    row("firmware.version", "start", lambda t: t["version"]),
    row("identity.name", "configs", lambda t: t.get("ZM_WEB_TITLE", ABSENT), _put("ZM_WEB_TITLE"), limits=_text_limit),
    row("accounts.*.role", "configs users", _role, _put_role, items=_names, create=True, removes=True,
        limits=_role_limit, needs=_needs),
    row("accounts.*.enabled", "configs users", lambda c, u, i: str(u[i]["Enabled"]) == "1" if i in u else ABSENT,
        lambda c, u, i, v: u[i].update(Enabled=int(v)), items=_names, limits=_enabled_limit),
    row("accounts.*.password", "configs users", lambda c, u, i: ABSENT, _put_password, items=_names, secret=True,
        proof="login", limits=_password_limit, needs=lambda ctx, item, old, new: (secret_name(item),),
        restorable="nobody knows the old password any more"),
    row("accounts.anonymous_view", "configs users", lambda c, u: not _asks(c),
        lambda c, u, v: _put_asks(c, u, not v), limits=_inverse(_asks_limit)),
    row("video.authentication", "configs users", lambda c, u: _asks(c), _put_asks, limits=_asks_limit),
    row("auth.basic_login", "configs", _clear_login, _put_clear_login),
    row("services.*.enabled", "configs", _service, _put_service, items=lambda t: list(SERVICES),
        domain=tuple(SERVICES), limits=_service_limit),
    row("cloud.enabled", "configs", lambda t: t["ZM_TELEMETRY_DATA"] == "1" if "ZM_TELEMETRY_DATA" in t else ABSENT,
        lambda t, v: t.update(ZM_TELEMETRY_DATA="1" if v else "0")),
    row("time.zone", "configs host", lambda c, h: c.get("ZM_TIMEZONE") or h["zone"], _put_zone, limits=_zone_limit),
    row("log.local", "configs", _logs(-4), _put_log(-1), limits=_log_limit(-4)),
    row("log.auth_events", "configs", _logs(0), _put_log(0), limits=_log_limit(0)),
    row("recording.state", "monitors", _recording),
    row("recording.jobs.*.state", "monitors", _recorded, items=list),
)  # fmt: skip

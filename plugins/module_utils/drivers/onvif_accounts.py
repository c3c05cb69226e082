# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of an ONVIF device (onvif.md 2.4: SetUser, CreateUsers, DeleteUsers; H03, H10, H11, H35).

Tree: {"users": {item: {"name", "level", "password"?}}, "more"}. `item` is the name byte for byte; a second account of
the very same name is item "name#2" and cannot be written. "password": "set" is the mark that one is to be sent.
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Stored, Tree, secret_name
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif_soap import (
    el,
    exact,
    integer,
    kid,
    kids,
    more,
    text,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    Refused,
    Unreachable,
    Unsupported,
)

ROLE_OF = {"Administrator": "administrator", "Operator": "operator", "User": "viewer"}  # others: "other"
LEVEL_OF = {role: level for level, role in ROLE_OF.items()}
# Factory names are no sign of a factory state (every configured camera may keep its "admin"), but another one is a
# sign of the opposite.
FACTORY_NAMES = frozenset(
    ("admin", "administrator", "root", "user", "operator", "guest", "service", "live", "default", "888888", "666666")
)


def decode(response: Element) -> Tree:
    users: dict[str, dict[str, str]] = {}
    for user in kids(response, "User"):
        name = exact(user, "Username")
        item, count = name, 1
        while item in users:
            count += 1
            item = f"{name}#{count}"
        users[item] = {"name": name, "level": text(user, "UserLevel")}
    return {"users": users, "more": more(response, ("Username", "UserLevel"))}


def credible(ctx: Any, tree: Tree) -> str | None:
    """The list must hold the account that we are logged in with; else it says nothing about the others (H03)."""
    own = ctx.credential.username if ctx.credential and ctx.mode else ""
    if own and own not in (user["name"] for user in tree["users"].values()):
        return f"the list of accounts lacks {own!r}, the account in use; it says nothing about the others"
    return None


def names(tree: Tree) -> list[str]:
    return list(tree["users"])


def get_role(tree: Tree, item: str) -> str:
    return ROLE_OF.get(tree["users"][item]["level"], "other")


def put_role(tree: Tree, item: str, value: str | None) -> None:
    if value is None:
        tree["users"].pop(item, None)
    else:
        tree["users"].setdefault(item, {"name": item})["level"] = LEVEL_OF[value]


def put_password(tree: Tree, item: str, value: str) -> None:
    tree["users"].setdefault(item, {"name": item, "level": ""})["password"] = value


def limits(ctx: Any, tree: Tree, item: str, value: str | None) -> str | None:
    """What can never work. That the account in use and the last administrator stay is checked when storing."""
    user = tree["users"].get(item)
    if user and user["name"] != item:
        return "two accounts have this very name; the device cannot tell them apart"
    if item in ctx.facts.get("oddities", {}).get("fixed_users", ()):
        return "this account is built in on this model"
    if value is not None and value not in LEVEL_OF:
        return "ONVIF has the levels Administrator, Operator and User only"
    if value is not None and user is None:
        longest, most = ctx.limit("MaxUserNameLength"), ctx.limit("MaxUsers")
        if longest and len(item) > longest:
            return f"the device takes account names of at most {longest} characters"
        if most and len(tree["users"]) >= most:
            return f"the device has room for {most} accounts only"
    return None


def needs(ctx: Any, item: str, old: Any, new: Any) -> list[str]:
    """SetUser without a password may clear it (H10), so every change of an account needs its secret."""
    return [secret_name(item)]


def store(ctx: Any, old: Tree, new: Tree) -> Stored:
    """Create, then set, then delete; one account per request. A refused one does not stop the others."""
    before, after = old["users"], new["users"]
    gone = [item for item in before if item not in after]
    made = [item for item in after if item not in before]
    changed = [item for item in after if item in before and after[item] != before[item]]
    _guard(ctx, before, after, gone, made, changed)
    restart = False
    refused: list[DeviceError] = []
    for operation, items in (("tds:CreateUsers", made), ("tds:SetUser", changed), ("tds:DeleteUsers", gone)):
        for item in items:
            password = "" if items is gone else ctx.secret(secret_name(item))
            content = el("tds:Username", item) if items is gone else _user(after[item], password)
            try:
                restart |= ctx.send(operation, content).restart
            except (Refused, Unsupported, Busy) as error:
                error.message = f"account {item!r}: {error.message}"
                refused.append(error)
                continue
            if items is changed:
                ctx.own_password_changed(item, password)
            elif items is made and after[item]["level"] == "Administrator":
                ctx.account_created(item, password)
    if refused:
        error = refused[0]
        raise type(error)(" ".join(one.message for one in refused), error.advice)
    return Stored(restart=restart)


def _guard(ctx: Any, before: dict, after: dict, gone: list, made: list, changed: list) -> None:
    """Nothing is sent unless all of it is safe (H10, H11)."""
    own = ctx.credential.username if ctx.credential else ""
    for item in (*gone, *changed):
        if before[item]["name"] != item:
            raise Refused(f"{ctx.name}: two accounts are named {before[item]['name']!r}; neither is changed.")
    for item in made:
        if after[item].get("level") not in ROLE_OF:
            raise Refused(f"{ctx.name}: there is no account {item!r} whose password could be set.")
    for item in changed:
        if after[item]["level"] not in ROLE_OF:
            raise Refused(f"{ctx.name}: account {item!r} has the level {after[item]['level']!r}, which cannot be sent.")
        if item == own and after[item]["level"] != before[item]["level"]:
            raise Refused(f"{ctx.name}: the level of the account in use ({own!r}) is not changed.")
    if own in gone:
        raise Refused(f"{ctx.name}: the account in use ({own!r}) is not removed.")
    if any(before[item]["level"] == "Administrator" for item in (*gone, *changed)) and not any(
        user["level"] == "Administrator" for user in after.values()
    ):
        raise Refused(f"{ctx.name}: no administrator would be left.")
    for item in (*made, *changed):
        if not ctx.secret(secret_name(item)):
            raise Refused(f"{ctx.name}: account {item!r} is never given an empty password.")


def _user(user: dict[str, str], password: str) -> Element:
    return el(
        "tds:User",
        el("tt:Username", user["name"]),
        el("tt:Password", password),
        el("tt:UserLevel", user["level"]),
    )


# -- what passwords must be like (onvif.md 2.2, 2.3; ONVIF 21.12) ------------------------------------------------------
_CLASSES = {"Uppercase": "upper", "Number": "digit", "SpecialChars": "special"}


def password_policy(ctx: Any) -> tuple[int, dict[str, int], str]:
    """(least length, least number of characters by kind, a sentence for the source; "" where there is no policy).

    Asked whatever the capabilities say, they are wrong too often (H08); one request. Whether the account's name is
    blocked (BlockUsernameOccurrence) does not matter: passwords made here never hold it.
    """
    try:
        response = ctx.call("tds:GetPasswordComplexityConfiguration")
        rules = [name for name in ("MinLen", *_CLASSES) if kid(response, name) is not None]
        told = {name: integer(response, name, high=128) for name in rules}
    except (Unsupported, Refused, Busy, BadAnswer, Unreachable) as error:
        promised = "PasswordComplexity" in ctx.security().get("SecurityPolicies", "").split()
        return 0, {}, f"its password policy could not be read ({error.message})" if promised else ""
    classes = {kind: told[name] for name, kind in _CLASSES.items() if told.get(name)}
    source = "its password complexity configuration" if any(told.values()) else ""
    return told.get("MinLen", 0), classes, source

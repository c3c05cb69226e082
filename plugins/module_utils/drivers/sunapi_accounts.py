# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of a SUNAPI device (hanwha-sunapi.md: users view, add, update, delete; H03, H10, H11, H35).

Tree: {"users": {item: {"name", "index", "role", "enabled", "password"?}}, "free": [index], "kind", "factory", "more"}.
Cameras have fixed slots (user1, user2, …), switched off until one is used: an unused slot is no account. To add is to
use a free slot, to remove is to give it its old name back, switched off, with a password that nobody has.
Recorders put accounts into groups, which are not changed from here: only passwords are.
"""

from __future__ import annotations

import re
import secrets
import string
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Stored, Tree, secret_name
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_answers as answers
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.sunapi_session import FIRST_ACCOUNT
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    Refused,
    Unsupported,
)

PATH = "security/users"
_CONTROL = ("PTZAccess", "AudioOutAccess", "AlarmOutputAccess")  # on PTZ models the three must be equal
_VIEW = ("VideoProfileAccess", "AudioInAccess")
_SETUP = ("PrivacyAreaAccess", "VideoProfileSettingAccess", "ImageSettingAccess", "VideoSetupAccess",
          "FocusSetupAccess")  # fmt: skip
_PLAYBACK = "PlayBackAccess"
_ALL = (*_VIEW, *_CONTROL, *_SETUP, _PLAYBACK, "AdminAccess")
FLAGS = {  # a role in the rights that a camera knows
    "administrator": dict.fromkeys(_ALL, "True"),
    "operator": {**dict.fromkeys(_ALL, "False"), **dict.fromkeys((*_VIEW, *_CONTROL, _PLAYBACK), "True")},
    "viewer": {**dict.fromkeys(_ALL, "False"), "VideoProfileAccess": "True"},
}


def fetch(ctx: Any) -> Tree:
    if ctx.factory:  # nobody may look at the list yet; the account that gets the first password is known
        first = {"name": FIRST_ACCOUNT, "index": "0", "role": "administrator", "enabled": True}
        return {"users": {FIRST_ACCOUNT: first}, "free": [], "kind": "camera", "factory": True, "more": []}
    return decode(ctx.view(PATH))


def decode(tree: answers.Parsed) -> Tree:
    """BadAnswer where a row is not understood, and where there is none: a device always has its administrator."""
    rows = _rows(tree)
    if not rows or not all(row.get("UserID") for row in rows):
        raise BadAnswer(f"{PATH}: the answer has no list of accounts.")
    recorder = any("UserLevel" in row or "GroupID" in row for row in rows)
    users: dict[str, dict[str, Any]] = {}
    free, more = [], []
    for row in rows:
        name, index = row["UserID"], str(row.get("Index", ""))
        enabled = row.get("Enable", "True") == "True"
        if not enabled and name == f"user{index}":
            free.append(index)
            continue
        item, count = name, 1
        while item in users:
            count += 1
            item = f"{name}#{count}"
        users[item] = {"name": name, "index": index, "role": _role(row, index, recorder), "enabled": enabled}
        more.append([name, sorted((k, v) for k, v in row.items() if k.endswith("Access") or k == "GroupID")])
    return {"users": users, "free": free, "kind": "recorder" if recorder else "camera", "factory": False, "more": more}


def _rows(tree: answers.Parsed) -> list[dict[str, Any]]:
    """JSON objects, or `Users.1=user1//False/…` under a heading that names the fields. Passwords are left out."""
    fields = tree.get("#", {}).get("Users") if isinstance(tree.get("#"), dict) else None
    if not fields:
        found = [{**row} for row in answers.rows(tree, "Users", "Index")]
        return [_switches(row) for row in found] if any("UserID" in row for row in found) else []
    found = []
    for name, value in tree.items():
        match = re.fullmatch(r"Users\.([0-9]+)", name)
        if match and isinstance(value, str):
            if value.count("/") + 1 != len(fields):  # a "/" in a password that is told moves what follows
                raise BadAnswer(f"{PATH}: a row has not the fields of its heading.")
            row = dict(zip(fields, value.split("/"), strict=True))
            row.pop("Password", None)
            found.append(_switches({**row, "Index": match[1]}))
    return found


def _switches(row: dict[str, Any]) -> dict[str, Any]:
    """True and False in whatever case they are told."""
    row = {name: value.capitalize() if str(value).lower() in ("true", "false") and name != "UserID" else value
           for name, value in row.items()}  # fmt: skip
    if row.get("Enable", "True") not in ("True", "False"):
        raise BadAnswer(f"{PATH}: a row does not tell whether it is on.")
    return row


def _role(row: dict[str, Any], index: str, recorder: bool) -> str:
    if recorder:
        return "administrator" if row.get("UserLevel") == "Admin" else "other"
    if row.get("AdminAccess") == "True" or index == "0":
        return "administrator"
    if any(row.get(name) == "True" for name in _SETUP):
        return "other"
    return "operator" if any(row.get(name) == "True" for name in _CONTROL) else "viewer"


def credible(ctx: Any, tree: Tree) -> str | None:
    """The list must hold the account that we are logged in with; else it says nothing about the others (H03)."""
    own = ctx.credential.username if ctx.credential and not ctx.facts.get("anonymous") else ""
    if own and not tree["factory"] and own not in (user["name"] for user in tree["users"].values()):
        return f"the list of accounts lacks {own!r}, the account in use; it says nothing about the others"
    return None


def names(tree: Tree) -> list[str]:
    return list(tree["users"])


def get_role(tree: Tree, item: str) -> str:
    return tree["users"][item]["role"]


def put_role(tree: Tree, item: str, value: str | None) -> None:
    if value is None:
        tree["users"].pop(item, None)
    else:
        tree["users"].setdefault(item, {"name": item, "enabled": True})["role"] = value


def get_enabled(tree: Tree, item: str) -> bool:
    return tree["users"][item]["enabled"]


def put_enabled(tree: Tree, item: str, value: bool) -> None:
    tree["users"][item]["enabled"] = value


def put_password(tree: Tree, item: str, value: str) -> None:
    tree["users"].setdefault(item, {"name": item, "role": "", "enabled": True})["password"] = value


def limits(ctx: Any, tree: Tree, item: str, value: Any) -> str | None:
    """What can never work. That the account in use and the last administrator stay is checked when storing."""
    user = tree["users"].get(item)
    if tree["factory"]:
        return None if user and value == user["role"] else "the device has no administrator password yet"
    if user and user["name"] != item:
        return "two accounts have this very name; the device cannot tell them apart"
    if tree["kind"] == "recorder":
        return "a recorder gives rights by groups, which are not changed from here"
    if user and user.get("index") == "0" and value != "administrator":
        return "this account is built in"
    if value is None:
        return None
    if value not in FLAGS:
        return "the device has rights that make an administrator, an operator or a viewer only"
    action = "update" if user or tree["free"] else "add"
    if why := ctx.refuses(PATH, action, {"UserID": item}):
        return why if action == "update" else f"no account is free, and {why}"
    if value == "administrator" and not (user and user.get("index") == "0"):
        return ctx.refuses(PATH, action, {"AdminAccess": "True"})
    return None


def enabled_limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    user = tree["users"].get(item)
    if user is None or tree["factory"] or user.get("index") == "0":
        return "this account is built in" if user and value is False else None
    return ctx.refuses(PATH, "update", {"Enable": str(value)})


def needs(ctx: Any, item: str, old: Any, new: Any) -> list[str]:
    """An update needs Index, UserID and Password together, so every change of an account needs its secret (H10)."""
    return [secret_name(item)]


def store(ctx: Any, old: Tree, new: Tree) -> Stored:
    """Create, then set, then delete; one account per request. A refused one does not stop the others."""
    before, after = old["users"], new["users"]
    gone = [item for item in before if item not in after]
    made = [item for item in after if item not in before]
    changed = [item for item in after if item in before and after[item] != before[item]]
    if old["factory"]:
        return _first(ctx, after, made, gone)
    _guard(ctx, before, after, gone, made, changed)
    refused: dict[str, DeviceError] = {}
    free = list(old["free"])
    for item in (*made, *changed, *gone):
        try:
            if item in gone:
                _remove(ctx, before[item], bool(old["free"]))
            elif item in made:
                _make(ctx, after[item], free)
            else:
                _change(ctx, before[item], after[item])
        except (Refused, Unsupported, Busy) as error:
            error.message = f"account {item!r}: {error.message}"
            refused[item] = error
    if refused:
        error = next(iter(refused.values()))
        raised = type(error)(" ".join(one.message for one in refused.values()), error.advice)
        raised.items = refused  # whose it was, for who asks for passwords that were refused
        raise raised
    return Stored()


def _first(ctx: Any, after: Tree, made: list[str], gone: list[str]) -> Stored:
    if made or gone or after[FIRST_ACCOUNT].get("password") is None:
        raise Refused(f"{ctx.name}: before anything else the account {FIRST_ACCOUNT!r} gets its first password.")
    ctx.set_first_password(ctx.secret(secret_name(FIRST_ACCOUNT)))
    return Stored(note="the first password was set")


def _guard(ctx: Any, before: dict, after: dict, gone: list, made: list, changed: list) -> None:
    """Nothing is sent unless all of it is safe (H10, H11)."""
    own = ctx.credential.username if ctx.credential else ""
    for item in (*gone, *changed):
        if before[item]["name"] != item:
            raise Refused(f"{ctx.name}: two accounts are named {before[item]['name']!r}; neither is changed.")
        if before[item]["index"] == "0" and (item in gone or after[item]["role"] != before[item]["role"]):
            raise Refused(f"{ctx.name}: the account {item!r} is built in.")
    for item in made:
        if after[item].get("role") not in FLAGS:
            raise Refused(f"{ctx.name}: there is no account {item!r} whose password could be set.")
    lost = [item for item in changed if not after[item]["enabled"] or after[item]["role"] != before[item]["role"]]
    if own in gone or own in lost:
        raise Refused(f"{ctx.name}: the account in use ({own!r}) keeps its rights.")
    if any(before[item]["role"] == "administrator" for item in (*gone, *changed)) and not any(
        user["role"] == "administrator" and user["enabled"] for user in after.values()
    ):
        raise Refused(f"{ctx.name}: no administrator would be left.")
    for item in (*made, *changed):
        if not ctx.secret(secret_name(item)):
            raise Refused(f"{ctx.name}: account {item!r} is never given an empty password.")


def _rights(ctx: Any, action: str, role: str) -> dict[str, str]:
    """The rights of a role, as far as this model has them."""
    return {name: value for name, value in FLAGS[role].items() if not ctx.refuses(PATH, action, {name: value})}


def _make(ctx: Any, user: dict[str, Any], free: list[str]) -> None:
    action, values = "add", {"UserID": user["name"]}
    if free:
        action, values = "update", {"Index": free.pop(0), "UserID": user["name"]}
    if not ctx.refuses(PATH, action, {"Enable": "True"}):
        values["Enable"] = "True"
    ctx.send_account(action, {**values, **_rights(ctx, action, user["role"])}, ctx.secret(secret_name(user["name"])),
                     own=False)  # fmt: skip


def _change(ctx: Any, old: dict[str, Any], new: dict[str, Any]) -> None:
    values = {"Index": old["index"], "UserID": old["name"]}
    if new["enabled"] != old["enabled"]:
        values["Enable"] = str(new["enabled"])
    if new["role"] != old["role"]:
        values.update(_rights(ctx, "update", new["role"]))
    password = ctx.secret(secret_name(old["name"]))
    own = ctx.credential is not None and old["name"] == ctx.credential.username
    ctx.send_account("update", values, password, own)
    if own:
        ctx.own_password_changed(old["name"], password)


def _remove(ctx: Any, user: dict[str, Any], slots: bool) -> None:
    if not slots and not ctx.refuses(PATH, "remove", {"Index": user["index"]}):
        ctx.send(PATH, "remove", {"Index": user["index"]})
        return
    index = user["index"]
    kinds = (string.ascii_uppercase, string.digits, string.ascii_lowercase)
    nobody = "".join(secrets.choice(kind) for _unused in range(4) for kind in kinds)
    rights = dict.fromkeys(_rights(ctx, "update", "viewer"), "False")
    values = {"Index": index, "UserID": f"user{index}", "Enable": "False", **rights}
    ctx.send_account("update", values, nobody, own=False)

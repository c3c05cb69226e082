# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts by pwdgrp.cgi (fact sheet section 6), and the first administrator of a factory-new device (section 2).

Tree: {"users": {name: {"groups": [...], "password"?}}, "other": [names of unix groups' members that are no accounts]}.
Accounts of ONVIF and of SSH are kept elsewhere on the device and are not in here. "password": "set" is a mark.
"""

from __future__ import annotations

import re
import urllib.parse
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    Credential,
    Stored,
    Tree,
    secret_name,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.vapix_http import PWDGRP
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import BadAnswer, DeviceError, Refused

GROUPS = {
    "administrator": ("admin", "operator", "viewer", "ptz"),
    "operator": ("operator", "viewer", "ptz"),
    "viewer": ("viewer",),
}
ANY_FIRST_NAME = (11, 5)  # before, the first account must be root, and root can never be removed
_RANK = (("admin", "administrator"), ("operator", "operator"), ("viewer", "viewer"))
_ROLES = ("admin", "operator", "viewer", "ptz")
_LINE = re.compile(r'([A-Za-z0-9_-]+)="([^"]*)"?')
_NAME = re.compile(r"[A-Za-z0-9]{1,14}")
# Unix accounts that old firmware lists in the groups, for combinations of rights, and those of services.
_SERVICES = frozenset(
    """wwwa wwwao wwwaov wwwaovp wwwaop wwwap wwwav wwwavp wwwo wwwov wwwovp wwwop wwwv wwwvp wwwp
    sdk streamer bin daemon""".split()
)
_DONE = {"add": "Created", "update": "Modified", "remove": "Removed"}
_STRICT = re.compile(r"[ -~]{1,64}")


# -- reading -----------------------------------------------------------------------------------------------------------
def fetch(ctx: Any) -> Tree:
    if ctx.factory:
        ctx.users = frozenset()
        return {"users": {}, "other": []}
    tree = parse(ctx.text(PWDGRP, {"action": "get"}))
    if tree is None:
        raise BadAnswer(f"{ctx.name}: {PWDGRP} get: the answer lists no group.")
    ctx.users = frozenset(tree["users"])
    return tree


def parse(text: str) -> Tree | None:
    """Lines `group="a,b"` as a tree; None when none of the role groups is there."""
    groups: dict[str, list[str]] = {}
    for line in re.split(r"\r\n|\n|\r", text):
        if found := _LINE.match(line.lstrip()):
            names = found[2].split(",") if found[2] else []
            groups.setdefault(found[1], []).extend(name for name in names if name)
    if not {"admin", "operator", "viewer"} & set(groups):
        return None
    members = [name for group in _ROLES for name in groups.get(group, ())]
    known = {*groups.get("digusers", ()), *groups.get("users", ())}
    # Those with a password are listed where the firmware tells; a name that looks like a service's is one only if not.
    listed = [name for name in [*members, *groups.get("digusers", ()), *groups.get("users", ())]
              if name in known or not (name in _SERVICES or name.startswith("acap-"))]  # fmt: skip
    users = {
        name: {"groups": [group for group in _ROLES if name in groups.get(group, ())]} for name in dict.fromkeys(listed)
    }
    return {"users": users, "other": sorted({name for name in members if name not in users})}


def credible(ctx: Any, tree: Tree) -> str | None:
    """The list must hold the account that we are logged in with (H03)."""
    own = ctx.credential.username if ctx.credential and not ctx.factory else ""
    if own and own not in tree["users"]:
        return f"the list of accounts lacks {own!r}, the account in use; it says nothing about the others"
    return None


def role_of(user: Any) -> str:
    return next((role for group, role in _RANK if group in user["groups"]), "other")


def names(tree: Tree) -> list[str]:
    return list(tree["users"])


def get_role(tree: Tree, item: str) -> Any:
    return role_of(tree["users"][item])


def put_role(tree: Tree, item: str, value: str | None) -> None:
    if value is None:
        tree["users"].pop(item, None)
        return
    user = tree["users"].setdefault(item, {"groups": []})
    if role_of(user) != value:
        # Whoever may move the camera keeps that right.
        user["groups"] = [g for g in _ROLES if g in GROUPS[value] or (g == "ptz" and "ptz" in user["groups"])]


def get_password(tree: Tree, item: str) -> Any:
    return ABSENT


def put_password(tree: Tree, item: str, value: str) -> None:
    tree["users"].setdefault(item, {"groups": []})["password"] = value


def limits(ctx: Any, tree: Tree, item: str, value: str | None) -> str | None:
    if value is None:
        fixed = item == "root" and ctx.version < ANY_FIRST_NAME
        return "this firmware never lets go of the account root" if fixed else None
    if value not in GROUPS:
        return "AXIS has the roles administrator, operator and viewer only"
    if ctx.factory and not any(role_of(user) == "administrator" for user in tree["users"].values()):
        if value != "administrator":
            return "the first account of a factory-new device is an administrator"
    return name_limits(ctx, tree, item, value)


def name_limits(ctx: Any, tree: Tree, item: str, value: Any) -> str | None:
    fits = item in tree["users"] or _NAME.fullmatch(item)
    return None if fits else "AXIS takes account names of 1 to 14 letters and digits only"


def needs(ctx: Any, item: str, old: Any, new: Any) -> list[str]:
    """A change of the role is sent without a password; who is made needs one."""
    return [] if item in ctx.users else password_needs(ctx, item, old, new)


def password_needs(ctx: Any, item: str, old: Any, new: Any) -> list[str]:
    """Older firmware makes root first, whoever is wanted."""
    first = ctx.factory and item != "root" and ctx.version < ANY_FIRST_NAME
    return [secret_name(item), *([secret_name("root")] if first else [])]


# -- storing -----------------------------------------------------------------------------------------------------------
def store(ctx: Any, old: Tree, new: Tree) -> Stored | None:
    """Create, then change, then remove; one account per request. A refused one does not stop the others."""
    before, after = old["users"], new["users"]
    made = [item for item in after if item not in before]
    changed = [item for item in after if item in before and after[item] != before[item]]
    gone = [item for item in before if item not in after]
    _guard(ctx, before, after, made, changed, gone)
    notes = ""
    if ctx.factory and made:
        first = next(item for item in made if role_of(after[item]) == "administrator")
        notes = _first(ctx, first, made, after)
    refused: list[DeviceError] = []
    for action, items in (("add", made), ("update", changed), ("remove", gone)):
        for item in items:
            try:
                _send(ctx, action, item, _fields(ctx, action, item, before.get(item), after.get(item)))
            except Refused as error:
                refused.append(error)
                continue
            if action == "update" and "password" in after[item] and ctx.credential.username == item:
                ctx.use(Credential(item, ctx.secret(secret_name(item)), ctx.credential.label))
    if refused:
        raise Refused(" ".join(error.message for error in refused), refused[0].advice)
    return Stored(note=notes) if notes else None


def _guard(ctx: Any, before: Any, after: Any, made: list[str], changed: list[str], gone: list[str]) -> None:
    """Nothing is sent unless all of it is safe (H10, H11)."""
    own = ctx.credential.username if ctx.credential and not ctx.factory else ""
    if own in gone:
        raise Refused(f"{ctx.name}: the account in use ({own!r}) is not removed.")
    if own in changed and after[own]["groups"] != before[own]["groups"]:
        raise Refused(f"{ctx.name}: the role of the account in use ({own!r}) is not changed.")
    if not any(role_of(user) == "administrator" for user in after.values()):
        raise Refused(f"{ctx.name}: no administrator would be left.")
    for item in made:
        if role_of(after[item]) == "other":
            raise Refused(f"{ctx.name}: there is no account {item!r} whose password could be set.")
    for item in (*made, *(item for item in changed if "password" in after[item])):
        if not _STRICT.fullmatch(ctx.secret(secret_name(item))):
            raise Refused(f"{ctx.name}: the password of {item!r} is not 1 to 64 printable ASCII characters.")


def _fields(ctx: Any, action: str, item: str, before: Any, after: Any) -> dict[str, str]:
    """What is sent: of an update only what changes. Firmware before the autumn of 2019 wants a comment."""
    if action == "remove":
        return {}
    fields: dict[str, str] = {}
    if action == "add" or "password" in after:
        fields["pwd"] = ctx.secret(secret_name(item))
    if action == "add":
        fields.update(grp="users", comment=role_of(after))
    if before is None or after["groups"] != before["groups"]:
        fields["sgrp"] = ":".join(group for group in _ROLES if group in after["groups"])
    return fields


def _first(ctx: Any, first: str, made: list[str], after: Any) -> str:
    """The first administrator, without a login; it is our login from here on."""
    name = first if ctx.version >= ANY_FIRST_NAME else "root"
    password = ctx.secret(secret_name(name))
    fields = {"pwd": password, "grp": "root" if name == "root" else "users", "sgrp": "admin:operator:viewer:ptz"}
    _send(ctx, "add", name, fields | {"comment": ""}, login=False)
    ctx.facts["factory"] = False
    ctx.setup = None
    ctx.use(Credential(name, password, "pending"))
    if name == first:
        made.remove(first)
        return ""
    if name in made:
        made.remove(name)
    said = "The first account of this firmware is root; it was made with a password of its own (accounts.root)."
    ctx.notes.append(said)
    return said


def _send(ctx: Any, action: str, item: str, fields: dict[str, str], login: bool = True) -> None:
    """Success only when the answer says the verb; everything else, also with HTTP 200, is none (H12)."""
    body = ctx.text(PWDGRP, {"action": action, "user": item, **fields}, write=True, login=login)
    if _DONE[action] in body and "Error" not in body:
        return
    if "Error" in body:
        sent = fields.get("pwd", "")
        for word in filter(None, (sent, urllib.parse.quote_plus(sent), item)):  # it may repeat what it does not take
            body = body.replace(word, "…")
        found = re.search(r"Error:[^\r\n<]{0,120}", body)
        said = found.group() if found else "an error"
        raise Refused(f"{ctx.name}: {PWDGRP} {action} of account {item!r}: {said}",
                      "The device's system log says why.")  # fmt: skip
    raise BadAnswer(f"{ctx.name}: {PWDGRP} {action}: the answer says neither success nor an error.")

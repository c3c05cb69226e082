# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of a Dahua device (dahua-cgi.md: userManager.cgi).

Tree: {account: {"group", "reserved", "rights"?, "password"?}}, names byte for byte. "password": "set" marks one to be
sent. Cameras have the groups admin and user; a recorder may have more, which are shown as "other". The group user is
live and replay; an account of it with rights of its own beyond these is no viewer.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, Stored, Tree, secret_name
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import dahua_text as text
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import BadAnswer, DeviceError, Refused, Unsupported

ROLE_OF = {"admin": "administrator", "user": "viewer"}
GROUP_OF = {role: group for group, role in ROLE_OF.items()}
SET = "set"
_VIEWING = re.compile(r"(Auth)?(Monitor|Live|Replay|Playback)", re.I)
_CGI = "userManager"


def fetch(ctx: Any) -> Tree:
    rows = text.rows(ctx.ask(_CGI, "getUserInfoAll"), "users")
    tree: Tree = {}
    for row in rows:
        name = row.get("Name", "")
        tree[name] = {"group": row.get("Group", ""), "reserved": row.get("Reserved", "false").lower() == "true"}
        rights = [v for k, v in row.items() if re.fullmatch(r"Auth(ority)?List\[\d+\]", k)]
        if beyond := sorted(right for right in rights if not _VIEWING.match(right)):
            tree[name]["rights"] = beyond
    if not tree or "" in tree:  # who has no name could be anybody
        what = "an account without a name" if tree else "no account"
        raise BadAnswer(f"{ctx.name}: getUserInfoAll: {what} in the answer.")
    return tree


def credible(ctx: Any, tree: Tree) -> str | None:
    """The list must hold the account that we are logged in with (H03)."""
    own = ctx.credential.username if ctx.credential and not ctx.facts.get("anonymous") else ""
    if own and own not in tree:
        return f"the list of accounts lacks {own!r}, the account in use; it says nothing about the others"
    return None


def get_role(tree: Tree, item: str) -> str:
    row = tree[item]
    if row["group"] == "user" and row.get("rights"):
        return "operator"
    return ROLE_OF.get(row["group"], "other")


def put_role(tree: Tree, item: str, value: str | None) -> None:
    if value is None:
        tree.pop(item, None)
    elif item not in tree or get_role(tree, item) != value:
        tree.setdefault(item, {"group": "", "reserved": False})["group"] = GROUP_OF[value]


def put_password(tree: Tree, item: str, value: str) -> None:
    tree.setdefault(item, {"group": "", "reserved": False})["password"] = SET


def limits(ctx: Any, tree: Tree, item: str, value: str | None) -> str | None:
    row = tree.get(item)
    if value is None:
        return "this account is built in; the device does not delete it" if row and row["reserved"] else None
    if value not in GROUP_OF and (row is None or get_role(tree, item) != value):
        return "this family has the groups admin and user only; finer rights are not modelled"
    if row and row["group"] == GROUP_OF.get(value) and get_role(tree, item) != value:
        return (
            f"this account has rights of its own ({', '.join(row['rights'][:5])}); take them away in the device's page"
        )
    if row and row["reserved"] and get_role(tree, item) != value:
        return "this account is built in; its group stays"
    if row is None and (not item.isprintable() or len(item) > 31 or any(mark in item for mark in " &=?#/\\'\"")):
        return "the device takes account names of at most 31 letters and digits"
    return None


def needs(ctx: Any, item: str, old: Any, new: Any) -> list[str]:
    return [secret_name(item)] if old is ABSENT else []


def needs_password(ctx: Any, item: str, old: Any, new: Any) -> list[str]:
    return [secret_name(item)]


def store(ctx: Any, old: Tree, new: Tree) -> Stored:
    """Create, then groups, passwords (our own last), then delete; a refused account does not stop the others."""
    gone = [item for item in old if item not in new]
    made = [item for item in new if item not in old]
    regrouped = [item for item in new if item in old and new[item]["group"] != old[item]["group"]]
    own = ctx.credential.username if ctx.credential else ""
    changed = sorted((item for item in new if item in old and new[item].get("password") == SET), key=lambda i: i == own)
    _guard(ctx, old, new, gone, made, regrouped)
    refused: dict[str, DeviceError] = {}
    steps = [(_add, made), (_regroup, regrouped), (_password, changed), (_delete, gone)]
    for step, items in steps:
        for item in items:
            try:
                step(ctx, item, new.get(item, {}))
            except (Refused, Unsupported) as error:
                error.message = f"account {item!r}: {error.message}"
                refused.setdefault(item, error)
    if refused:
        advice = " ".join(dict.fromkeys(one.advice for one in refused.values() if one.advice))
        first = next(iter(refused.values()))
        raised = type(first)(" ".join(one.message for one in refused.values()), advice)
        raised.items = refused  # type: ignore[attr-defined]  # which account, for whoever tells of each by itself
        raise raised
    return Stored()


def _guard(ctx: Any, old: Tree, new: Tree, gone: list, made: list, regrouped: list) -> None:
    """Nothing is sent unless all of it is safe."""
    own = ctx.credential.username if ctx.credential else ""
    for item in made:
        if new[item]["group"] not in ROLE_OF:
            raise Refused(f"{ctx.name}: there is no account {item!r} whose password could be set.")
    if own in gone or own in regrouped:
        raise Refused(f"{ctx.name}: the account in use ({own!r}) is neither removed nor put into another group.")
    if any(old[item]["group"] == "admin" for item in (*gone, *regrouped)) and not any(
        row["group"] == "admin" for row in new.values()
    ):
        raise Refused(f"{ctx.name}: no administrator would be left.")


def _secret(ctx: Any, item: str) -> str:
    password = ctx.secret(secret_name(item))
    if not password:
        raise Refused(f"{ctx.name}: an account is never given an empty password.")
    if ctx.transport.target.scheme != "https":
        note = "A new password travelled in the address of a request over plain HTTP: anybody on the way could read it."
        if note not in ctx.notes:
            ctx.notes.append(note)
    return password


def _add(ctx: Any, item: str, row: Tree) -> None:
    values = [("user.Name", item), ("user.Password", _secret(ctx, item)), ("user.Group", row["group"]),
              ("user.Sharable", "true"), ("user.Reserved", "false")]  # fmt: skip
    ctx.send(_CGI, "addUser", values, "addUser")


def _regroup(ctx: Any, item: str, row: Tree) -> None:
    ctx.send(_CGI, "modifyUser", [("name", item), ("user.Group", row["group"])], "modifyUser")


def _password(ctx: Any, item: str, row: Tree) -> None:
    """The own one with the old one beside it; that of another account in the administrator's name, which older devices
    do not have."""
    password, credential = _secret(ctx, item), ctx.credential
    if credential is None:
        raise Refused(f"{ctx.name}: nobody is logged in who could set a password.")
    if item == credential.username:
        values = [("name", item), ("pwd", password), ("pwdOld", credential.password)]
        ctx.send(_CGI, "modifyPassword", values, "modifyPassword")
        ctx.own_password_changed(item, password)
        return
    values = [("name", item), ("pwd", password), ("managerName", credential.username),
              ("managerPwd", credential.password)]  # fmt: skip
    try:
        ctx.send(_CGI, "modifyPasswordByManager", values, "modifyPasswordByManager")
    except Unsupported as error:
        advice = "This firmware changes a password only for who knows the old one: remove the account and make it anew."
        if row.get("reserved"):
            advice = ("This firmware changes a password only for who knows the old one, and the account is built in; "
                      "change it in the device's own pages.")  # fmt: skip
        raise Unsupported(error.message, advice) from None


def _delete(ctx: Any, item: str, _row: Tree) -> None:
    ctx.send(_CGI, "deleteUser", [("name", item)], "deleteUser")

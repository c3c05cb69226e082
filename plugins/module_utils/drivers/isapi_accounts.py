# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of an ISAPI device, and its activation as the making of the first one (fact sheet 4, 5).

Tree: {"users": {item: {"id", "name", "level", "xml", "password"?}}, "head"}. `xml` is the account's own element as it
came, so that what we do not know goes back with it. A second account of the same name is item "name#2" and is not
written. "password": "set" is the mark that one is to be sent. `head`: an empty document to make new elements in.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import PasswordRules, Stored, secret_name
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_xml as xml
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi_answers import BadContent
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi_session import (
    FIRST_ACCOUNT,
    IsapiContext,
    Source,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import Busy, DeviceError, Refused, Unsupported

PATH = "Security/users"
ROLE_OF = {"administrator": "administrator", "operator": "operator", "viewer": "viewer"}
LEVEL_OF = {"administrator": "Administrator", "operator": "Operator", "viewer": "Viewer"}
BUILT_IN = "1"  # the account of the activation; it is never deleted, and stays administrator (sheet 5)
MOST_CHARACTERS = 32
USERS = 32  # supportUserNums in every capture


def fetch(ctx: IsapiContext, name: str) -> Any:
    """Before activation the list is known without asking: the built-in account, which has no password yet."""
    if ctx.activated is False:
        first = {"id": BUILT_IN, "name": FIRST_ACCOUNT, "level": "Administrator", "xml": ""}
        return {"users": {FIRST_ACCOUNT: first}, "head": ""}
    return decode(ctx, Source(PATH)(ctx, name))


def decode(ctx: IsapiContext, tree: dict[str, str]) -> dict[str, Any]:
    users: dict[str, dict[str, str]] = {}
    for node in xml.every(tree, "User"):
        name = xml.child(tree, node, "userName")
        item, count = name, 1
        while item in users:
            count += 1
            item = f"{name}#{count}"
        row = {"id": xml.child(tree, node, "id"), "name": name, "level": xml.child(tree, node, "userLevel")}
        users[item] = {**row, "xml": xml.as_document(tree, node)["text"]}
    root = xml.parse(tree["text"])
    head = {"text": tree["text"][root.start : root.inner].rstrip("/> \t\r\n") + ">"}
    ctx.names = [user["name"] for user in users.values()]
    return {"users": users, "head": head["text"]}


def credible(ctx: IsapiContext, tree: Any) -> str | None:
    """The list must hold the account in use; else it says nothing about the others (H03)."""
    own = ctx.credential.username if ctx.credential and ctx.logged_in else ""
    if own and own not in (user["name"] for user in tree["users"].values()):
        return f"the list of accounts lacks {own!r}, the account in use; it says nothing about the others"
    return None


def rest(tree: Any) -> Any:
    """What an account holds beside name and level."""
    found = []
    for item, user in sorted(tree["users"].items()):
        beyond = xml.rest_of("userName", "userLevel")({"text": user["xml"]}) if user.get("xml") else []
        found.append([item, beyond])
    return found


def names(tree: Any) -> list[str]:
    return list(tree["users"])


def get_role(tree: Any, item: str) -> str:
    return ROLE_OF.get(tree["users"][item]["level"].lower(), "other")


def put_role(tree: Any, item: str, value: str | None) -> None:
    if value is None:
        tree["users"].pop(item, None)
        return
    user = tree["users"].setdefault(item, {"id": "", "name": item, "level": "", "xml": ""})
    if ROLE_OF.get(user["level"].lower()) != value:
        user["level"] = LEVEL_OF[value]


def put_password(tree: Any, item: str, value: str) -> None:
    user = tree["users"].setdefault(item, {"id": "", "name": item, "level": "", "xml": ""})
    user["password"] = value


def limits(ctx: IsapiContext, tree: Any, item: str, value: str | None) -> str | None:
    user = tree["users"].get(item)
    if user and user["name"] != item:
        return "two accounts have this very name; the device cannot tell them apart"
    if user and user["id"] == BUILT_IN and value != "administrator":
        return "this account is built in: it stays, as an administrator"
    if value is not None and value not in LEVEL_OF:
        return "the device has the levels Administrator, Operator and Viewer only"
    if value is not None and user is None:
        if not item or len(item) > MOST_CHARACTERS or not xml.storable(item) or not item.isprintable():
            return f"the device takes account names of 1 to {MOST_CHARACTERS} characters without control characters"
        most = ctx.told("supportUserNums") or USERS
        if len(tree["users"]) >= most:
            return f"the device has room for {most} accounts only"
    return None


def needs(ctx: IsapiContext, item: str, old: Any, new: Any) -> list[str]:
    """A PUT replaces the whole account, so its password goes with every change (H10). Activation comes before all."""
    first = [secret_name(FIRST_ACCOUNT)] if ctx.activated is False else []
    return list(dict.fromkeys([*first, secret_name(item)]))


# -- storing -----------------------------------------------------------------------------------------------------------
def store(ctx: IsapiContext, old: Any, new: Any) -> Stored:
    """Activate where that is still to be done; create, then set, then delete; one account per request."""
    before, after = old["users"], new["users"]
    gone = [item for item in before if item not in after]
    made = [item for item in after if item not in before]
    changed = [item for item in after if item in before and after[item] != before[item]]
    _guard(ctx, before, after, gone, made, changed)
    if ctx.activated is False:
        ctx.activate(ctx.secret(secret_name(FIRST_ACCOUNT)))
        changed = []
        listed = fetch(ctx, "users")
        before, head = listed["users"], listed["head"]
    else:
        head = old["head"]
    restart = False
    refused: list[DeviceError] = []
    taken = {user["id"] for user in before.values()}
    for items, send in ((made, _create), (changed, _change), (gone, _delete)):
        for item in items:
            if item in after and _in_force(ctx, item, before.get(item), after[item]):
                continue
            user = dict(after.get(item) or before[item])
            user["id"] = user["id"] or _free(taken)
            try:
                restart |= send(ctx, head, user, before.get(item)).restart
            except (Refused, Unsupported, Busy) as error:
                error.message = f"account {item!r}: {error.message}"
                refused.append(error)
                continue
            taken.add(user["id"])
            if items is changed:
                ctx.own_password_changed(item, ctx.secret(secret_name(item)))
    if refused:
        error = refused[0]
        raise type(error)(" ".join(one.message for one in refused), error.advice)
    return Stored(restart=restart)


def _guard(ctx: IsapiContext, before: dict, after: dict, gone: list, made: list, changed: list) -> None:
    """Nothing is sent unless all of it is safe (H10, H11)."""
    own = ctx.credential.username if ctx.credential and ctx.activated is not False else ""
    for item in (*gone, *changed):
        if before[item]["name"] != item:
            raise Refused(f"{ctx.name}: two accounts are named {before[item]['name']!r}; neither is changed.")
    for item in made:
        if after[item].get("level", "").lower() not in ROLE_OF:
            raise Refused(f"{ctx.name}: there is no account {item!r} whose password could be set.")
    for item in changed:
        if item == own and after[item]["level"] != before[item]["level"]:
            raise Refused(f"{ctx.name}: the level of the account in use ({own!r}) is not changed.")
    if own in gone:
        raise Refused(f"{ctx.name}: the account in use ({own!r}) is not removed.")
    if any(before[item]["id"] == BUILT_IN for item in gone):
        raise Refused(f"{ctx.name}: the built-in account is not removed.")
    if before and not any(user["level"].lower() == "administrator" for user in after.values()):
        raise Refused(f"{ctx.name}: no administrator would be left.")
    for item in (*made, *changed):
        if not ctx.secret(secret_name(item)):
            raise Refused(f"{ctx.name}: account {item!r} is never given an empty password.")


def _in_force(ctx: IsapiContext, item: str, was: Any, user: dict[str, str]) -> bool:
    """Our own password as it is already: some devices refuse the same one once more."""
    own = ctx.credential
    same = own is not None and own.username == item and own.password == ctx.secret(secret_name(item))
    return same and was is not None and was["level"] == user["level"]


def _create(ctx: IsapiContext, head: str, user: dict[str, str], _was: Any) -> Stored:
    fields = ("id", user["id"]), ("userName", user["name"]), ("password", ctx.secret(secret_name(user["name"])))
    tree = {"text": _user_element(head)}
    for name, word in (*fields, ("userLevel", user["level"])):
        xml.append(tree, "", xml.element(tree, name, xml.escape(word)))
    return _with_or_without_login(ctx, "POST", PATH, tree, confirm_first=False)


def _change(ctx: IsapiContext, _head: str, user: dict[str, str], was: Any) -> Stored:
    """The account as it came, with its new level, and always with its password."""
    tree = {"text": was["xml"]}
    if user["level"] != was["level"]:
        xml.put(tree, "userLevel", user["level"])
    secret = xml.element(tree, "password", xml.escape(ctx.secret(secret_name(user["name"]))))
    if there := xml.find(tree, "password"):
        xml.replace(tree, there[0], secret)
    else:
        after = xml.find(tree, "userName")[0]
        xml.replace(tree, after, tree["text"][after.start : after.end] + secret)
    return _with_or_without_login(ctx, "PUT", f"{PATH}/{user['id']}", tree, confirm_first=True)


def _delete(ctx: IsapiContext, _head: str, user: dict[str, str], _was: Any) -> Stored:
    return ctx.send("DELETE", f"{PATH}/{user['id']}")


def _with_or_without_login(
    ctx: IsapiContext, method: str, path: str, tree: dict[str, str], confirm_first: bool
) -> Stored:
    """Newer firmware wants the password of the account in use confirmed (loginPassword), older does not know the
    element: the other form is tried once when the device does not take the body."""
    confirmed = dict(tree)
    if ctx.credential is not None:
        for node in xml.find(confirmed, "loginPassword")[:1]:
            xml.replace(confirmed, node, "")
        xml.append(confirmed, "", xml.element(confirmed, "loginPassword", xml.escape(ctx.credential.password)))
    first, second = (confirmed, tree) if confirm_first else (tree, confirmed)
    try:
        return ctx.send(method, path, first)
    except BadContent as error:
        try:
            return ctx.send(method, path, second)
        except BadContent:
            raise error from None


def _user_element(head: str) -> str:
    """An empty User in the namespace of the list that came."""
    root = xml.parse(f"{head}</x>")
    prefix = root.raw[: -len(root.name)]
    name = f"{prefix}User"
    return f"<{name}{head[1 + len(root.raw) :]}</{name}>"


def _free(taken: set[str]) -> str:
    return next(str(number) for number in range(2, 1000) if str(number) not in taken)


# -- what passwords must be like (sheet 4, 5) --------------------------------------------------------------------------
def password_rules(ctx: IsapiContext) -> PasswordRules:
    """8 to 16 characters of at least two kinds, without an account's name forwards or backwards. The capability's
    minimum (1 in every capture) understates the rule and is not believed."""
    most = min(ctx.told("LoginPasswordLenLimit", "max") or 16, 16)
    return PasswordRules(
        min_length=8,
        max_length=max(8, most),
        source="ISAPI fact sheet 4: 8 to 16 characters of at least two kinds",
        forbidden=tuple(name for name in dict.fromkeys([FIRST_ACCOUNT, *ctx.names]) if len(name) > 2),
        classes={"upper": 1, "lower": 1, "digit": 1},
    )

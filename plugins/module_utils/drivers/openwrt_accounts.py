# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bindings of accounts: logins of rpcd, system accounts, SSH keys. Fact sheet sections 3 and 8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    secret_name,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_uci import (
    SET,
    Section,
    Tree,
    add,
    items,
    of_type,
    put_items,
    row,
    text,
)


def _logins(tree: Tree, name: str) -> list[str]:
    return [key for key, section in of_type(tree, "login") if text(section, "username") == name]


def _role(tree: Tree, name: str) -> Any:
    """By the widest of its sections: every right to write is an administrator, none but reading a viewer."""
    found = [_role_of(tree[key]) for key in _logins(tree, name)]
    if name == "root" and not found:
        return "administrator"  # no login over the API, but SSH and the console know it
    order = ("administrator", "operator", "viewer", "other")
    return min(found, key=order.index) if found else ABSENT


def _role_of(section: Section) -> str:
    write = [group for group in items(section, "write") if not group.startswith("!")]
    if any("*" in group or group == "superuser" for group in write):
        return "administrator"
    return "operator" if write else "viewer" if items(section, "read") else "other"


def _put_role(tree: Tree, name: str, value: str | None) -> None:
    keys = _logins(tree, name)
    if value is None:
        for key in keys:
            del tree[key]
        return
    section = tree[keys[0]] if keys else add(tree, "login", {"username": name, "password": SET})
    if _role_of(section) != value:
        put_items(section, "read", ["*"])
        put_items(section, "write", ["*"] if value == "administrator" else [])
    for key in keys[1:]:
        del tree[key]  # a second section with the same name could hold more rights


def _role_limit(ctx: Any, tree: Tree, name: str, value: str | None) -> str | None:
    if value is None:
        if name == "root":
            return "root is the system's own account and stays"
        if ctx is not None and ctx.credential and ctx.credential.username == name:
            return "this is the login in use"
        return None
    if value not in ("administrator", "viewer") and _role(tree, name) != value:
        return "this router knows administrator (all groups) and viewer (none to write); others need ACL groups"
    if name == "root" and value != "administrator":
        return "root is the administrator of the system"
    return None


def _password_limit(_ctx: Any, tree: Tree, name: str, _value: Any) -> str | None:
    for key in _logins(tree, name):
        reference = text(tree[key], "password")
        if reference.startswith("$p$") and reference != f"$p${name}":
            return f"this login uses the password of the system account {reference[3:]!r}"
    return None


def _put_login_password(tree: Tree, name: str, _value: str) -> None:
    for key in _logins(tree, name):
        tree[key]["password"] = SET


def _needs(_ctx: Any, item: str, old: Any, _new: Any) -> Sequence[str]:
    return (secret_name(item),) if old is ABSENT else ()


def _system_accounts(passwd: dict[str, Any]) -> list[str]:
    """System accounts that can log in by SSH, in their own realm; root is listed as itself."""
    return [f"{n}@system" for n, r in passwd.items()
            if n != "root" and not r["shell"].endswith(("/false", "/nologin"))]  # fmt: skip


ACCOUNTS = (
    row("accounts.root.role", "rpcd", lambda t: _role(t, "root")),
    row(
        "accounts.*.role", "rpcd", _role, _put_role, create=True, removes=True, limits=_role_limit, needs=_needs,
        items=lambda t: [n for n in dict.fromkeys(text(s, "username") for _k, s in of_type(t, "login")) if n],
    ),
    row("accounts.*.role", "passwd", lambda p, i: "administrator" if p[i[:-7]]["uid"] == "0" else "other",
        items=_system_accounts),
    row("accounts.root.password", "password", lambda t: ABSENT, lambda t, v: t.update(root=SET), secret=True,
        proof="login", needs=lambda ctx, item, old, new: (secret_name("root"),)),
    row(
        "accounts.*.password", "rpcd", lambda t, i: ABSENT, _put_login_password, secret=True, proof="login",
        limits=_password_limit, needs=lambda ctx, item, old, new: (secret_name(item),),
        items=lambda t: [n for n in dict.fromkeys(text(s, "username") for _k, s in of_type(t, "login"))
                         if n and n != "root"],
    ),
    row("auth.ssh_keys", "authorized_keys", lambda t: t["keys"]),
)  # fmt: skip

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of a simulated AXIS device and pwdgrp.cgi (fact sheet 2 and 6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

ROLES = ("viewer", "operator", "admin")  # each contains those before it
LEVELS = {"": 0, "viewer": 1, "operator": 4, "admin": 6}
NAME = re.compile(r"[A-Za-z0-9]{1,14}")
CONSULT = "Error: consult the system log file."
MUST_SET_UP = "Error: initial admin user must be created first."
WRONG_FIRST = "Error: not a valid initial admin user."
# What old firmware lists beside the accounts: its unix groups
NOISE = {
    "admin": ("wwwa", "wwwaop", "wwwaovp", "wwwao", "wwwap", "wwwaov"),
    "operator": ("sdk", "wwwo", "wwwaovp", "wwwaop", "wwwao", "wwwop", "wwwaov"),
    "viewer": ("sdk", "wwwaovp", "wwwaov", "wwwov", "wwwovp", "wwwav", "wwwv"),
    "ptz": ("wwwop", "wwwaop", "wwwaovp", "wwwap", "wwwp", "wwwovp", "wwwvp", "wwwavp"),
}
OTHER_GROUPS = ('anonymous=""', 'api-discovery=""', 'audio="streamer,sdk,audiocontrol"', 'basic-device-info=""')


@dataclass
class User:
    password: str
    role: str  # the highest of viewer, operator, admin
    ptz: bool = True
    comment: str = ""

    @classmethod
    def of(cls, given: dict[str, Any]) -> User:
        role = str(given.get("role", "viewer"))
        if role not in ROLES:
            raise ValueError(f"role {role!r} is none of {', '.join(ROLES)}")
        return cls(str(given["password"]), role, bool(given.get("ptz", True)), str(given.get("comment", "")))

    @property
    def groups(self) -> list[str]:
        """As usergroup.cgi names them."""
        return [*reversed(ROLES[: ROLES.index(self.role) + 1]), *(["ptz"] if self.ptz else [])]


def read_groups(text: str) -> tuple[str, bool] | None:
    """(role, ptz) of an `sgrp`, or None when it is none that the device knows."""
    given = {word for word in text.split(":") if word} - {"onvif"}
    ptz = "ptz" in given
    for role in ROLES:
        if given - {"ptz"} == set(ROLES[: ROLES.index(role) + 1]):
            return role, ptz
    return None


class Accounts:
    """The accounts of the web interface and its APIs."""

    def __init__(self, model: dict[str, Any]) -> None:
        self.model = model
        self.users = {str(name): User.of(row) for name, row in (model.get("users") or {}).items()}
        self.complexity = str(model.get("passphrase_policy", "none"))  # none, length, complex (OS 12)

    @property
    def any_first_name(self) -> bool:
        """OS 11.5 and later take any name for the first administrator and have no built-in root."""
        return bool(self.model.get("first_admin_any_name"))

    @property
    def needs_setup(self) -> bool:
        return not self.users

    def password(self, name: str) -> str | None:
        return self.users[name].password if name in self.users else None

    def level(self, name: str) -> int:
        return LEVELS[self.users[name].role] if name in self.users else 0

    def good_password(self, text: str, strict: bool) -> bool:
        if not text or (strict and (len(text) > 64 or not re.fullmatch(r"[\x20-\x7e]+", text))):
            return False
        if self.complexity == "length":
            return len(text) >= 15
        if self.complexity == "complex":
            kinds = (r"[A-Z]", r"[a-z]", r"[0-9]", r"[^A-Za-z0-9]")
            return len(text) >= 12 and all(re.search(kind, text) for kind in kinds)
        return True

    def listing(self) -> str:
        """The answer to `action=get`."""
        lines, noisy = [], bool(self.model.get("unix_groups"))
        for group in (*reversed(ROLES), "ptz"):
            names = [name for name, user in self.users.items() if group in user.groups]
            lines.append(f'{group}="{",".join([*names, *(NOISE[group] if noisy else ())])}"')
        if noisy:
            names = [name for name in self.users if name != "root"]
            lines += [*OTHER_GROUPS, 'root="root"', f'users="{",".join(names)}"']
        lines.append(f'digusers="{",".join(self.users)}"')
        if not noisy:
            lines.append('users=""')
        end = "\r\n" if self.model.get("crlf") else "\n"
        return "".join(line + end for line in lines)

    def act(self, fields: dict[str, str]) -> tuple[str, bool]:
        """Do what pwdgrp.cgi is asked; returns (its text, did something change)."""
        action = fields.get("action", "")
        if not action:
            return "Error: action operation type.", False
        if action == "get":
            return self.listing(), False
        if action not in ("add", "update", "remove"):
            return f"Error: malformed action operation, {action}.", False
        name = fields.get("user", "")
        if not name:
            return "Error: account user name.", False
        done = getattr(self, f"_{action}")(name, fields)
        verb = {"add": "Created", "update": "Modified", "remove": "Removed"}[action]
        return (f"{verb} account {name}.", True) if done else (CONSULT, False)

    def first(self, fields: dict[str, str]) -> tuple[str, bool]:
        """The first administrator of a factory-new device; the only thing it does without a login."""
        if fields.get("action") != "add":
            return MUST_SET_UP, False
        wanted = read_groups(fields.get("sgrp", ""))
        right_name = self.any_first_name or (fields.get("user") == "root" and fields.get("grp") == "root")
        if wanted != ("admin", True) or not right_name:
            return WRONG_FIRST, False
        return self.act(fields)

    def _add(self, name: str, fields: dict[str, str]) -> bool:
        wanted = read_groups(fields.get("sgrp", ""))
        strict = fields.get("strict_pwd") == "1"
        if name in self.users or not NAME.fullmatch(name) or wanted is None or not fields.get("grp"):
            return False
        if self.model.get("comment_mandatory") and "comment" not in fields:
            return False
        if not self.good_password(fields.get("pwd", ""), strict):
            return False
        self.users[name] = User(fields["pwd"], *wanted, fields.get("comment", ""))
        return True

    def _update(self, name: str, fields: dict[str, str]) -> bool:
        user = self.users.get(name)
        wanted = read_groups(fields["sgrp"]) if "sgrp" in fields else None
        if user is None or ("sgrp" in fields and wanted is None):
            return False
        if "pwd" in fields:
            if not self.good_password(fields["pwd"], fields.get("strict_pwd") == "1"):
                return False
            user.password = fields["pwd"]
        if wanted is not None:
            user.role, user.ptz = wanted
        user.comment = fields.get("comment", user.comment)
        return True

    def _remove(self, name: str, _unused_fields: dict[str, str]) -> bool:
        if name not in self.users or (name == "root" and not self.any_first_name):
            return False
        del self.users[name]
        return True

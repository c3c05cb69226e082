# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts, groups and what they may do, as CGI and JSON see them."""

from __future__ import annotations

import copy
from typing import Any

GROUPS = ("admin", "user")
# The fine rights of each group; one account may have fewer.
RIGHTS = {
    "admin": ["AuthUserMag", "AuthSysCfg", "AuthSysInfo", "AuthManuCtr", "AuthBackup", "AuthStoreCfg", "AuthEventCfg",
              "AuthNetCfg", "AuthMaintence", "Monitor_01", "Replay_01"],
    "user": ["Monitor_01", "Replay_01"],
}  # fmt: skip
_SHOWN = ("Id", "Name", "Group", "Memo", "Reserved", "Sharable", "AuthorityList")
MAX_NAME, MAX_PASSWORD = 31, 32


class Refused(Exception):
    """The device does not do it; the family says no more than `Error`."""


class Users:
    """The account list. Passwords stand in it in clear text: digest needs them; they are never shown."""

    def __init__(self, rows: list[dict[str, Any]], min_password: int = 0, limit: int = 20) -> None:
        self.all: list[dict[str, Any]] = []
        self.min_password = min_password
        self.limit = limit
        for row in rows:
            self._enter(str(row["Name"]), str(row["Password"]), str(row.get("Group", "user")), row)
        self.stored = copy.deepcopy(self.all)

    def keep(self) -> None:
        """What is in force is what a power cycle brings back."""
        self.stored = copy.deepcopy(self.all)

    def find(self, name: str) -> dict[str, Any] | None:
        return next((user for user in self.all if user["Name"] == name), None)

    def password(self, name: str) -> str | None:
        user = self.find(name)
        return user["Password"] if user else None

    def shown(self, user: dict[str, Any]) -> dict[str, Any]:
        """One account without its password."""
        return {field: copy.deepcopy(user[field]) for field in _SHOWN}

    @staticmethod
    def groups() -> list[dict[str, Any]]:
        return [
            {"Id": index, "Name": name, "Memo": f"{name} group", "AuthorityList": list(RIGHTS[name])}
            for index, name in enumerate(GROUPS, 1)
        ]

    def is_admin(self, name: str) -> bool:
        user = self.find(name)
        return user is not None and user["Group"] == "admin"

    # -- writes ------------------------------------------------------------------------------------------------------
    def add(self, fields: dict[str, Any]) -> None:
        """A new account; raises Refused."""
        name, group = str(fields.get("Name", "")), str(fields.get("Group", ""))
        if not name or len(name) > MAX_NAME or self.find(name) or len(self.all) >= self.limit:
            raise Refused
        if group not in GROUPS:
            raise Refused
        password = self._new_password(fields.get("Password"), name)
        self._enter(name, password, group, {**fields, "Reserved": False})

    def remove(self, name: str) -> None:
        user = self.find(name)
        if user is None or user["Reserved"]:
            raise Refused
        self.all.remove(user)

    def modify(self, name: str, fields: dict[str, Any]) -> None:
        """Other fields of an account; its password is not among them."""
        user = self.find(name)
        group = fields.get("Group", user["Group"] if user else "")
        if user is None or group not in GROUPS or (user["Reserved"] and group != "admin"):
            raise Refused
        new_name = str(fields.get("Name", name))
        if new_name != name and (user["Reserved"] or self.find(new_name) or not new_name or len(new_name) > MAX_NAME):
            raise Refused
        if group != user["Group"]:
            user["AuthorityList"] = list(RIGHTS[group])
        user |= {"Group": group, "Name": new_name}
        for field in ("Memo", "Sharable", "AuthorityList"):
            if field in fields:
                user[field] = fields[field]

    def change_password(self, name: str, new: Any, old: Any) -> None:
        """With the old password of the account itself."""
        user = self.find(name)
        if user is None or user["Password"] != old:
            raise Refused
        user["Password"] = self._new_password(new, name)

    def set_password(self, name: str, new: Any) -> None:
        """By an administrator who has shown his own password."""
        user = self.find(name)
        if user is None:
            raise Refused
        user["Password"] = self._new_password(new, name)

    def force(self, name: str, password: str, group: str) -> None:
        """An account as an intruder leaves it."""
        self.all = [user for user in self.all if user["Name"] != name]
        self._enter(name, password, group, {})
        self.keep()

    def _new_password(self, given: Any, name: str) -> str:
        if not isinstance(given, str) or not self.min_password <= len(given) <= MAX_PASSWORD:
            raise Refused
        kinds = [str.isdigit, str.islower, str.isupper, lambda one: not one.isalnum()]
        if self.min_password and sum(any(kind(one) for one in given) for kind in kinds) < 2:
            raise Refused  # two kinds of characters, as the makers' manuals ask
        return given

    def _enter(self, name: str, password: str, group: str, row: dict[str, Any]) -> None:
        self.all.append(
            {
                "Id": max((user["Id"] for user in self.all), default=0) + 1,
                "Name": name,
                "Password": password,
                "Group": group,
                "Memo": str(row.get("Memo", "")),
                "Reserved": bool(row.get("Reserved", False)),
                "Sharable": row.get("Sharable", True),
                "AuthorityList": list(row.get("AuthorityList") or RIGHTS[group]),
            }
        )

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts of an ISAPI device: /ISAPI/Security/users, UserPermission and the password rule."""

from __future__ import annotations

from typing import Any

from .answers import Refused
from .xmldoc import VER20, Element, clean, dump, find, local, make, parse, text

LEVELS = ("Administrator", "Operator", "Viewer")
MAX_USERS = 32
RIGHTS = (
    "record", "playBack", "preview", "videoChannelPermissionList", "ptzControl", "upgrade", "parameterConfig",
    "restartOrShutdown", "logOrStateCheck", "voiceTalk", "transParentChannel", "contorlLocalOut", "alarmOutOrUpload",
)  # fmt: skip


def weak(user: str, password: str) -> bool:
    """Below the rule of the maker: 8 characters, two kinds of them, not the name in it or it in the name."""
    kinds = (str.isupper, str.islower, str.isdigit, lambda c: not c.isalnum())
    many = sum(any(kind(char) for char in password) for kind in kinds)
    name, word = user.lower(), password.lower()
    return len(password) < 8 or many < 2 or (bool(name) and (name in word or word in name))


class Users:
    """Rows `{id, userName, userLevel, password}`; `password` is never shown."""

    def __init__(self, rows: list[dict[str, Any]], length: int = 16, needs_old: bool = False) -> None:
        self.rows = [
            {"id": str(row.get("id", index)), "userName": str(row["userName"]), "password": str(row["password"]),
             "userLevel": row.get("userLevel", "Viewer")}
            for index, row in enumerate(rows, 1)
        ]  # fmt: skip
        self.length = length  # longest password
        self.needs_old = needs_old  # a new password needs `loginPassword`

    def by_name(self, name: str) -> dict[str, Any] | None:
        return next((row for row in self.rows if row["userName"] == name), None)

    def by_id(self, number: str) -> dict[str, Any]:
        for row in self.rows:
            if row["id"] == number:
                return row
        raise Refused("invalidID")

    def level(self, name: str) -> str:
        row = self.by_name(name)
        return row["userLevel"] if row else ""

    def document(self, empty: bool = False) -> Element:
        root = parse(f'<UserList version="2.0" xmlns="{VER20}"></UserList>')
        for row in () if empty else self.rows:
            user = make(root, "User")
            user.set("version", "2.0")
            for key in ("id", "userName", "userLevel"):
                make(user, key, clean(row[key]))
        return root

    def create(self, sent: Element) -> dict[str, Any]:
        """The new row; raises Refused."""
        name, password, level = self._read(sent)
        if find(sent, "password") is None or find(sent, "userLevel") is None or not name:
            raise Refused("badXmlContent")
        if len(self.rows) >= MAX_USERS or self.by_name(name):
            raise Refused("badParameters")
        self._acceptable(name, password)
        taken = {int(row["id"]) for row in self.rows}
        free = next(number for number in range(1, MAX_USERS + 2) if number not in taken)
        return {"id": str(free), "userName": name, "userLevel": level, "password": password}

    def change(self, number: str, sent: Element, caller: str) -> dict[str, Any]:
        """What the row will be; `caller` may have to give the own password once more (`loginPassword`)."""
        row = self.by_id(number)
        name, password, level = self._read(sent)
        if text(sent, "id", number) != number or not name:
            raise Refused("badXmlContent")
        other = self.by_name(name)
        if other is not None and other is not row:
            raise Refused("badParameters")
        level = level or row["userLevel"]
        if number == "1" and (name != row["userName"] or level != row["userLevel"]):
            raise Refused("invalidOperation")
        made = {**row, "userName": name, "userLevel": level}
        if find(sent, "password") is not None:
            self._acceptable(name, password)
            given, own = find(sent, "loginPassword"), self.by_name(caller)
            if given is not None or self.needs_old:
                if own is None or given is None or (given.text or "") != own["password"]:
                    raise Refused("badAuthorization")
            made["password"] = password
        return made

    def delete(self, number: str) -> None:
        row = self.by_id(number)
        if number == "1":
            raise Refused("invalidOperation")
        self.rows.remove(row)

    def store(self, row: dict[str, Any]) -> None:
        same = next((one for one in self.rows if one["id"] == row["id"]), None)
        if same is None:
            self.rows.append(row)
            self.rows.sort(key=lambda one: int(one["id"]))
        else:
            same |= row

    @staticmethod
    def _read(sent: Element) -> tuple[str, str, str]:
        if local(sent) != "User":
            raise Refused("badXmlFormat")
        known = {"id", "userName", "password", "loginPassword", "userLevel", "bondIpAddressList", "bondMacAddressList"}
        if any(local(child) not in known for child in sent):
            raise Refused("badXmlContent")
        level = text(sent, "userLevel")
        if find(sent, "userLevel") is not None and level not in LEVELS:
            raise Refused("badXmlContent")
        name, password = (find(sent, key) for key in ("userName", "password"))
        return (
            (name.text or "") if name is not None else "",
            (password.text or "") if password is not None else "",
            level,
        )

    def _acceptable(self, name: str, password: str) -> None:
        if len(name) > 32 or len(password) > self.length:
            raise Refused("badParameters")
        if weak(name, password):
            raise Refused("riskPassword")


def permission(number: str, level: str) -> str:
    """The rights of a level, as UserPermission document."""
    rights = {right: level == "Administrator" for right in RIGHTS}
    if level in ("Operator", "Viewer"):
        rights |= {"preview": True, "playBack": True, "logOrStateCheck": level == "Operator", "ptzControl": True}
    lines = "".join(f"<{name}>{str(on).lower()}</{name}>" for name, on in rights.items())
    return dump(
        parse(
            f'<UserPermission version="2.0" xmlns="{VER20}"><id>{number}</id><userID>{number}</userID><userType>'
            f"{level.lower()}</userType><localPermission>{lines}</localPermission><remotePermission>{lines}"
            "</remotePermission></UserPermission>"
        )
    )

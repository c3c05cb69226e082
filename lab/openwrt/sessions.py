# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rpcd's sessions and access lists."""

from __future__ import annotations

import fnmatch
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from . import crypt
from .uci import Package, Section

NULL_SID = "0" * 32
DEFAULT_TIMEOUT = 300


@dataclass
class Session:
    sid: str
    timeout: int
    deadline: float | None  # None: never expires
    data: dict[str, Any] = field(default_factory=dict)
    grants: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  # scope -> (object, function)

    def grant(self, scope: str, obj: str, function: str) -> None:
        rows = self.grants.setdefault(scope, [])
        if (obj, function) not in rows:
            rows.append((obj, function))

    def allows(self, scope: str, obj: str, function: str) -> bool:
        return any(_glob(o, obj) and _glob(f, function) for o, f in self.grants.get(scope, ()))

    def acls(self) -> dict[str, dict[str, list[str]]]:
        """Scopes sorted; objects sorted by the text before their first wildcard, ties in the order of granting."""
        out: dict[str, dict[str, list[str]]] = {}
        for scope in sorted(self.grants):
            objects: dict[str, list[str]] = {}
            for obj, function in sorted(self.grants[scope], key=lambda row: re.split(r"[*?[]", row[0])[0]):
                objects.setdefault(obj, []).append(function)
            out[scope] = objects
        return out


class Sessions:
    """All sessions of one rpcd. `forget` is called with the id of every session that ends."""

    def __init__(self, clock: Any, forget: Any) -> None:
        self.clock = clock
        self.forget = forget
        self.by_id: dict[str, Session] = {}

    def start(self, acl_files: dict[str, Any]) -> None:
        """A fresh rpcd: no sessions but the null session with the group `unauthenticated`."""
        for sid in list(self.by_id):
            self.destroy(sid)
        null = self.by_id[NULL_SID] = Session(NULL_SID, 0, None)
        grant_groups(null, None, acl_files)

    def create(self, timeout: int) -> Session:
        session = Session(secrets.token_hex(16), timeout, None)
        self.by_id[session.sid] = session
        self.touch(session)
        return session

    def touch(self, session: Session) -> None:
        if session.timeout > 0:
            session.deadline = self.clock.time() + session.timeout

    def get(self, sid: Any) -> Session | None:
        """The living session; using it renews its idle time."""
        self.expire()
        session = self.by_id.get(sid) if isinstance(sid, str) else None
        if session:
            self.touch(session)
        return session

    def destroy(self, sid: str) -> None:
        self.by_id.pop(sid, None)
        self.forget(sid)

    def expire(self) -> None:
        now = self.clock.time()
        for session in list(self.by_id.values()):
            if session.deadline is not None and session.deadline <= now:
                self.destroy(session.sid)

    def dump(self, session: Session) -> dict[str, Any]:
        left = 0 if session.deadline is None else int(session.deadline - self.clock.time())
        return {
            "ubus_rpc_session": session.sid,
            "timeout": session.timeout,
            "expires": left,
            "acls": session.acls(),
            "data": dict(sorted(session.data.items())),
        }


def find_login(rpcd: Package, shadow: dict[str, str], username: str, password: str) -> Section | None:
    """The `login` section that takes this password. An empty hash takes any password (H47)."""
    for section in rpcd.of_type("login"):
        stored = section.options.get("password")
        if section.options.get("username") != username or not isinstance(stored, str):
            continue
        while stored.startswith("$p$"):
            if stored[3:] not in shadow:
                break
            stored = shadow[stored[3:]]
        if not stored or crypt.verify(password, stored):
            return section
    return None


def grant_groups(session: Session, login: Section | None, acl_files: dict[str, Any]) -> None:
    """Give the session the ACL groups its login section names; no section means the null session."""
    for name in sorted(acl_files):
        for group, body in acl_files[name].items():
            for permission in ("read", "write"):
                if permission not in body or not _permitted(login, permission, group):
                    continue
                for scope, objects in body[permission].items():
                    if isinstance(objects, dict):
                        for obj, functions in objects.items():
                            for function in functions:
                                session.grant(scope, obj, function)
                    else:
                        for obj in objects:
                            session.grant(scope, obj, permission)
                    session.grant("access-group", group, permission)


def _permitted(login: Section | None, permission: str, group: str) -> bool:
    if login is None:
        return group == "unauthenticated"
    patterns = login.options.get(permission, [])
    if isinstance(patterns, list):  # rpcd looks at lists only
        if any(p.startswith("!") and p[1:].strip() and _glob(p[1:].strip(), group) for p in patterns):
            return False
        if any(p and not p.startswith("!") and _glob(p, group) for p in patterns):
            return True
    return permission == "read" and _permitted(login, "write", group)  # write implies read


def _glob(pattern: str, text: str) -> bool:
    return pattern == "*" or fnmatch.fnmatchcase(text, pattern)

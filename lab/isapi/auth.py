# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins of ISAPI devices: HTTP digest with nonces that wear out, Basic on old ones, and the illegal-login lock."""

from __future__ import annotations

import base64
import binascii
import hmac
import math
import time

from ..onvif.auth import Digest, Login, Passwords, _Nonce

PER = ("address", "account", "both")


class IsapiDigest(Digest):
    """As ONVIF's digest, with the family's headers and its ways of wearing out a nonce.

    `uses`: how often a nonce is good, 0 for ever. One that is worn out is answered as `worn` says: "stale" (a new
    challenge), "mute" (401 without a challenge) or "invalid" (ResponseStatus invalidOperation) - fact sheet 1.
    """

    def __init__(self, realm: str, algorithms: list[str], uses: int = 0, worn: str = "stale", domain: str = "") -> None:
        super().__init__(realm, algorithms)
        if worn not in ("stale", "mute", "invalid"):
            raise ValueError(f"nonce_worn {worn!r} is none of stale, mute, invalid")
        self.uses = uses
        self.worn = worn
        self.domain = domain

    def challenges(self, stale: bool = False) -> list[tuple[str, str]]:
        rows = super().challenges(stale)
        if not self.domain:
            return rows
        return [(name, value.replace(", nonce=", f', domain="{self.domain}", nonce=', 1)) for name, value in rows]

    def _count(self, nonce: _Nonce, given: dict[str, str], user: str, key: str) -> Login:
        login = super()._count(nonce, given, user, key)
        if login.outcome == "ok" and self.uses:
            nonce.spent = nonce.last_count >= self.uses
        return login


def basic(header: str, passwords: Passwords) -> Login:
    """Check an `Authorization: Basic` header."""
    try:
        user, _unused, given = base64.b64decode(header.partition(" ")[2], validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return Login("", "refused")
    password = passwords(user)
    right = password is not None and hmac.compare_digest(password.encode(), given.encode())
    return Login(user, "ok" if right else "refused")


class IllegalLoginLock:
    """Counts wrong logins. Limits are given at each call: they stand in a document that may be written."""

    def __init__(self, per: str = "address") -> None:
        if per not in PER:
            raise ValueError(f"lockout_per {per!r} is none of {', '.join(PER)}")
        self.per = per
        self._failed: dict[str, int] = {}
        self._until: dict[str, float] = {}

    def keys(self, peer: str, user: str) -> list[str]:
        """What is counted and locked."""
        return {"address": [peer], "account": [user], "both": [peer, user]}[self.per]

    def left(self, peer: str, user: str) -> int:
        """Seconds until this client may log in again; 0 when it may now."""
        now = time.monotonic()
        return max(0, *(math.ceil(self._until.get(key, 0.0) - now) for key in self.keys(peer, user)))

    def tries(self, peer: str, user: str, attempts: int) -> int:
        """Wrong logins that are left before the lock."""
        return max(0, attempts - max(self._failed.get(key, 0) for key in self.keys(peer, user)))

    def judge(self, peer: str, user: str, outcome: str, attempts: int, seconds: float) -> str:
        """Count one login: "ok" and "refused" stay so, or become "locked"; "" is no login. `attempts` 0 is no lock."""
        if not outcome or not attempts:
            return outcome
        if self.left(peer, user):
            return "locked"
        for key in self.keys(peer, user):
            if outcome == "ok":
                self._failed.pop(key, None)
                continue
            self._failed[key] = self._failed.get(key, 0) + 1
            if self._failed[key] >= attempts:
                self._until[key] = time.monotonic() + seconds
                self._failed[key] = 0
        return outcome

    def locked(self) -> dict[str, float]:
        now = time.monotonic()
        return {key: round(until - now, 3) for key, until in self._until.items() if until > now}

    def forget(self) -> None:
        """The counters live in memory."""
        self._failed.clear()
        self._until.clear()

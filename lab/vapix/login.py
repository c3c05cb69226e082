# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins of a simulated AXIS device: which scheme it wants where, and the throttle (fact sheet 2 and 7)."""

from __future__ import annotations

import base64
import binascii
import hmac
import math
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from ..onvif.auth import Digest, Login
from .tree import Tree

Passwords = Callable[[str], str | None]
# Network.HTTP.AuthenticationPolicy -> schemes wanted on (HTTP, HTTPS)
SCHEMES = {
    "basic": (("Basic",), ("Basic",)),
    "digest": (("Digest",), ("Digest",)),
    "basic_digest": (("Digest",), ("Digest",)),
    "recommended": (("Digest",), ("Basic",)),
}


@dataclass(frozen=True)
class Door:
    """Checks logins by the policy in force."""

    digest: Digest

    @staticmethod
    def schemes(policy: str, secure: bool) -> tuple[str, ...]:
        return SCHEMES.get(policy, SCHEMES["digest"])[secure]

    def challenges(self, policy: str, secure: bool, stale: bool = False) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for scheme in self.schemes(policy, secure):
            if scheme == "Digest":
                found += self.digest.challenges(stale)
            else:
                found.append(("WWW-Authenticate", f'Basic realm="{self.digest.realm}"'))
        return found

    def check(self, header: str, method: str, path: str, policy: str, secure: bool, passwords: Passwords) -> Login:
        """What came of an Authorization header; a scheme that is not wanted here is a refused login."""
        scheme, _unused, rest = header.partition(" ")
        if scheme.capitalize() not in self.schemes(policy, secure):
            return Login("", "refused")
        if scheme.lower() == "digest":
            return self.digest.check(header, method, path, passwords)
        try:
            user, mark, given = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return Login("", "refused")
        right = passwords(user)
        good = bool(mark) and right is not None and hmac.compare_digest(right.encode(), given.encode())
        return Login(user, "ok" if good else "refused")


class Throttle:
    """System.PreventDoSAttack: too many failures on one page or the whole site block an address for a while.

    There is no lock-out of accounts and nothing is cumulative: failures older than the interval do not count.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._failed: dict[tuple[str, str], deque[float]] = defaultdict(lambda: deque(maxlen=1001))
        self._until: dict[str, float] = {}

    def _number(self, name: str) -> int:
        return int(self.tree.get(f"System.PreventDoSAttack.{name}", "0") or 0)

    @property
    def active(self) -> bool:
        return self.tree.is_on("System.PreventDoSAttack.ActivatePasswordThrottling")

    def left(self, peer: str) -> float:
        return max(0.0, self._until.get(peer, 0.0) - time.monotonic()) if self.active else 0.0

    def judge(self, peer: str, page: str, outcome: str) -> str:
        """Count one login: "ok" and "refused" stay so, or become "locked"."""
        if not outcome or not self.active:
            return outcome
        if self.left(peer):
            return "locked"
        if outcome == "refused":
            now = time.monotonic()
            for key, kind in ((page, "Page"), ("", "Site")):
                failed = self._failed[peer, key]
                failed.append(now)
                interval = self._number(f"DoS{kind}Interval") or math.inf
                count = self._number(f"DoS{kind}Count")
                if count and sum(now - at <= interval for at in failed) > count:
                    self._until[peer] = now + self._number("DoSBlockingPeriod")
        return outcome

    def locked(self) -> dict[str, float]:
        return {peer: round(self.left(peer), 3) for peer in self._until if self.left(peer)}

    def forget(self) -> None:
        self._failed.clear()
        self._until.clear()

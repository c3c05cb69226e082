# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock-out of simulated cameras (H21, H44), and what a cut, a move and RTSP are to them."""

from __future__ import annotations

import math
import time
from typing import Any

from ..cuts import Sight
from ..device import Request
from .soap import Fault, q, read_call
from .table import OPERATIONS, PRE_AUTH

PER = ("address", "account")


class Lockout:
    """Failed logins per source address or per account. `attempts` 0 switches it off.

    Model keys: lockout_attempts, lockout_seconds, lockout_per (address, account), lockout_told (the refusal says so,
    with the seconds that are left), lockout_rtsp (failures of RTSP count too; default true).
    """

    def __init__(self, attempts: int, seconds: float, per: str = "address", told: bool = False) -> None:
        if per not in PER:
            raise ValueError(f"lockout_per {per!r} is none of {', '.join(PER)}")
        self.attempts = attempts
        self.seconds = seconds
        self.per = per
        self.told = told
        self._failed: dict[str, int] = {}
        self._until: dict[str, float] = {}

    def key(self, peer: str, user: str) -> str:
        """What is counted and locked."""
        return peer if self.per == "address" else user

    def left(self, key: str) -> float:
        """Seconds until `key` may log in again; 0.0 when it may now."""
        return max(0.0, self._until.get(key, 0.0) - time.monotonic())

    def is_locked(self, key: str) -> bool:
        return self.left(key) > 0.0

    def failed(self, key: str) -> None:
        self._failed[key] = self._failed.get(key, 0) + 1
        if self.attempts and self._failed[key] >= self.attempts:
            self._until[key] = time.monotonic() + self.seconds
            self._failed[key] = 0

    def succeeded(self, key: str) -> None:
        self._failed.pop(key, None)

    def judge(self, key: str, outcome: str) -> str:
        """Count one login: "ok" and "refused" stay so, or become "locked"; "" is no login."""
        if outcome and self.is_locked(key):
            return "locked"
        if outcome == "refused":
            self.failed(key)
        elif outcome == "ok":
            self.succeeded(key)
        return outcome

    def locked(self) -> dict[str, float]:
        return {key: round(self.left(key), 3) for key in self._until if self.is_locked(key)}

    def sentence(self, key: str) -> str:
        """What a device that tells says in its refusal."""
        return f"Account locked. Try again in {math.ceil(self.left(key))} seconds."

    def forget(self) -> None:
        """The counters live in memory: a restart clears them."""
        self._failed.clear()
        self._until.clear()


class OnvifPresence:
    """Mixed into the device; needs its attributes."""

    model: dict[str, Any]
    lockout: Lockout

    def new_lockout(self, attempts: int, seconds: float) -> Lockout:
        model = self.model
        return Lockout(
            int(model.get("lockout_attempts") or attempts), float(model.get("lockout_seconds", seconds)),
            str(model.get("lockout_per", "address")), bool(model.get("lockout_told")),
        )  # fmt: skip

    def locked(self) -> dict[str, float]:
        return self.lockout.locked()

    def rtsp_attempt(self, user: str, peer: str, outcome: str) -> str:
        if not self.model.get("lockout_rtsp", True):
            return outcome
        return self.lockout.judge(self.lockout.key(peer, user), outcome)

    def sight(self, request: Request) -> Sight:
        """The operation in the body; a login is in the HTTP or SOAP header, or is not asked for."""
        device: Any = self
        path = request.path.partition("?")[0]
        in_http = "authorization" in request.headers or device.rtsp_open()
        if request.method != "POST" or not path.startswith("/onvif/"):
            return Sight((path,), False, in_http)
        try:
            call = read_call(request.body)
        except Fault:
            return Sight()
        meant = OPERATIONS.get((call.service, call.operation))
        operation = device._find(call)
        write = operation.writes if operation else not call.operation.startswith("Get")
        in_soap = call.header is not None and call.header.find(q("wsse:Security")) is not None
        free = meant is not None and meant.access == PRE_AUTH
        return Sight((call.operation,), write, in_http or in_soap or free)

    def moved_to(self, address: str) -> None:
        super().moved_to(address)  # type: ignore[misc]
        device: Any = self
        for state in (device.state, device.stored, device.factory):
            state["interface"]["Address"] = address

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every simulated device is to the rest of the lab.

A device is a state machine without sockets: it gets requests and says which sockets should be open. `server.py`
opens and closes them. A device keeps its state in its family's own form and knows nothing of the toolkit's keys.
"""

from __future__ import annotations

import datetime
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from .cuts import Cuttable


@dataclass
class Request:
    """One HTTP request as the device sees it. Header names are lower case; `path` includes the query."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    peer: str  # source address the device sees
    scheme: str = "http"
    port: int = 80
    connection: int = 0  # the same number for all requests of one TCP connection


@dataclass
class Response:
    """One answer. `cut` is how it is broken on the wire: "" (not), close, reset, short, long, endless, slow, silent."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    cut: str = ""
    chunked: bool = False


@dataclass(frozen=True)
class Listener:
    """A socket that should be open. kind: http, https, rtsp, rtsps, banner (TCP, sends `banner`), discovery (UDP)."""

    kind: str
    port: int
    banner: bytes = b""


@dataclass
class LogEntry:
    """One line of a device's request log; never holds a secret, a nonce or a session id."""

    at: float
    peer: str
    scheme: str
    method: str
    path: str  # without the query
    operation: str  # the family's word: "GetUsers", "uci.apply", "DESCRIBE"
    write: bool  # would this change the device's configuration (logins and reads do not)
    status: int
    user: str = ""  # who it was authenticated as; "" is nobody
    login: str = ""  # "" (none tried), "ok", "refused", "locked"
    count: int = 1  # operations answered in this request (a batch counts its members)


# Faults that the server plays on the wire for every family; a device lists its own beside them.
WIRE_FAULTS = {
    "H31-close": "the connection is closed without a byte",
    "H31-short": "the body is shorter than Content-Length",
    "H31-long": "the body is longer than Content-Length",
    "H31-endless": "chunked without an end",
    "H31-silent": "accepts the request and says nothing for 40 s",
    "H31-slow": "one byte per second",
    "H32-large": "a body of 200 MB",
    "H33-redirect": "a redirect to another host",
    "H33-downgrade": "a redirect from HTTPS to HTTP",
    "down": "no socket answers",
}


class Device(Cuttable):
    """Base of all simulated devices. Subclasses set `family`, `faults_known`, `attacks` and implement handle()."""

    family = ""
    faults_known: dict[str, str] = {}  # name -> what it does
    attacks: dict[str, str] = {}  # name -> what an intruder does

    def __init__(self, name: str, address: str, model: dict[str, Any], ports: dict[str, int] | None = None) -> None:
        super().__init__()
        self.name = name
        self.address = address
        self.model = model
        # Real devices use 80, 443, 554…; the lab moves them up so that it needs no root: {"http": 8080, ...}
        self.ports = {"http": 8080, "https": 8443, "rtsp": 8554, **(ports or {})}
        self.faults: set[str] = set(model.get("faults", ()))
        self.log: list[LogEntry] = []
        self.clock_offset = float(model.get("clock_offset", 0))  # seconds the device's clock is ahead
        self.beside: Device | None = None  # a second API on this address (beside.py)
        self.down_until = 0.0  # restarting until then (time.monotonic)

    # -- what the server asks ---------------------------------------------------------------------------------
    def listeners(self) -> set[Listener]:
        """The sockets that should be open now (an empty set while the device is down)."""
        raise NotImplementedError

    def admits(self, peer: str) -> bool:
        """False when the device's own filter drops connections from `peer`."""
        return True

    def admits_port(self, peer: str, port: int) -> bool:
        """The same for one of the device's sockets, for filters that know ports."""
        return self.admits(peer)

    def keeps_port(self, peer: str, port: int) -> bool:
        """False when the filter also ends connections that are established already."""
        return self.admits_port(peer, port)

    async def handle(self, request: Request) -> Response:
        """Answer one HTTP request and append to `log`."""
        raise NotImplementedError

    def rtsp_login(self, user: str) -> str | None:
        """The password of `user` for RTSP digest, None when there is no such user."""
        return None

    def rtsp_attempt(self, user: str, peer: str, outcome: str) -> str:
        """What the device makes of a login by RTSP ("ok", "refused"): a lockout counts it and may say "locked"."""
        return outcome

    def rtsp_open(self) -> bool:
        """True when the video stream is given without a login."""
        return False

    def discovery_answer(self, probe: bytes, peer: str) -> bytes | None:
        """The answer to a WS-Discovery probe, or None."""
        return None

    # -- what the lab's user asks ------------------------------------------------------------------------------
    def attack(self, name: str) -> str:
        """Play one intrusion; returns one sentence that says what was done."""
        raise NotImplementedError

    def fault(self, name: str, on: bool = True) -> None:
        known = WIRE_FAULTS | self.faults_known
        if name not in known:
            raise KeyError(f"{self.name}: no fault {name!r}; known: {', '.join(sorted(known))}")
        (self.faults.add if on else self.faults.discard)(name)

    def restart(self, seconds: float | None = None) -> None:
        """Power-cycle: sockets close for `seconds` (default: the model's); then what waited for it is in force."""
        self.boots += 1
        self.down_until = time.monotonic() + (self.model.get("restart_seconds", 0.5) if seconds is None else seconds)
        self.restarted()

    def restarted(self) -> None:
        """Volatile things are lost here and pending values come into force."""

    def is_down(self) -> bool:
        return "down" in self.faults or not self.has_power() or time.monotonic() < self.down_until

    # -- shared helpers ----------------------------------------------------------------------------------------
    def now(self) -> datetime.datetime:
        """The device's own clock, in UTC."""
        return datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.clock_offset)

    @staticmethod
    def token() -> str:
        return secrets.token_hex(16)

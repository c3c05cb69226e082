# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What simulated programs (motion, ZoneMinder, motionEye) share: one HTTP port, the machine's clock, the log.

`front` true: a reverse proxy with HTTPS stands before the program, at the port "https". Model key `bootstrap_login` is
who may come in at first.
"""

from __future__ import annotations

import copy
import email.utils
import time
from typing import Any

from .device import Device, Listener, LogEntry, Request, Response

FAULTS = {
    "H01": "a write is answered well and changes nothing",
    "H12": "a write is answered with an error inside a good status",
    "H16": "a write is in force until the next start only",
    "H34": "names that people with bad intentions would choose",
}
HOSTILE = "{{ 7*7 }}\"<&;$(id)'\u202e"


class Program(Device):
    """`state` is in force, `stored` what the next start brings back; both in the program's own form."""

    faults_known = FAULTS

    def __init__(self, name: str, address: str, model: dict[str, Any], ports: dict[str, int] | None = None) -> None:
        super().__init__(name, address, model, {**model.get("ports", {}), **(ports or {})})
        self.state: dict[str, Any] = self.at_first()
        self.stored = copy.deepcopy(self.state)
        for fault in sorted(self.faults):
            self.prepare(fault)

    def at_first(self) -> dict[str, Any]:
        """The state as it was installed."""
        raise NotImplementedError

    def answer(self, request: Request, entry: LogEntry) -> Response:
        """One answer; fills the entry's operation, write, login and user."""
        raise NotImplementedError

    def prepare(self, fault: str) -> None:
        """What a fault changes in the state, once."""

    def force(self, **changes: Any) -> None:
        """Into force and into memory, as somebody at the machine does it."""
        for state in (self.state, self.stored):
            state.update(copy.deepcopy(changes))

    def keep(self) -> None:
        if "H16" not in self.faults:
            self.stored = copy.deepcopy(self.state)

    def fault(self, name: str, on: bool = True) -> None:
        super().fault(name, on)
        if on:
            self.prepare(name)

    def restarted(self) -> None:
        self.state = copy.deepcopy(self.stored)

    @property
    def bootstrap_login(self) -> tuple[str, str] | None:
        user, password = self.model["bootstrap_login"]
        return str(user), str(password)

    def listeners(self) -> set[Listener]:
        if self.is_down():
            return set()
        front = {Listener("https", self.ports["https"])} if self.model.get("front") else set()
        return {Listener("http", self.ports["http"])} | front

    async def handle(self, request: Request) -> Response:
        path = request.path.partition("?")[0]
        entry = LogEntry(time.time(), request.peer, request.scheme, request.method, path, path, False, 0)
        response = self.answer(request, entry)
        if not any(name == "Date" for name, _value in response.headers):
            response.headers.append(("Date", email.utils.format_datetime(self.now(), usegmt=True)))
        entry.status = response.status
        self.log.append(entry)
        return response

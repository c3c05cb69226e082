# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tiny device for the tests of the lab's core: sockets as it is told, one page, one write."""

from __future__ import annotations

import time

from ansible_collections.nwcs.hardening.lab.device import Device, Listener, LogEntry, Request, Response

BODY = b"<answer>SIMULATED box, forty bytes or more</answer>"
PASSWORD = "Planted-Secret-7731"


class Box(Device):
    family = "box"
    faults_known = {"H01-lies": "accepts and stores nothing"}
    attacks = {"new-name": "the intruder renames the device"}

    def __init__(self, name, address, model=None, ports=None):
        super().__init__(name, address, model or {"family": "box", "restart_seconds": 0.4}, ports)
        self.services = {"http", "https", "rtsp", "telnet", "discovery"}
        self.refused: set[str] = set()
        self.admin_password = PASSWORD
        self.title = name
        self.hits = 0
        self.connections_seen: list[int] = []
        self.restarts = 0
        self.open_video = False

    def listeners(self):
        known = {
            "http": Listener("http", self.ports["http"]),
            "https": Listener("https", self.ports["https"]),
            "rtsp": Listener("rtsp", self.ports["rtsp"]),
            "telnet": Listener("banner", 2323, b"SIMULATED login: "),
            "discovery": Listener("discovery", 3702),
        }
        return {known[name] for name in self.services}

    def admits(self, peer):
        return peer not in self.refused

    async def handle(self, request: Request) -> Response:
        self.hits += 1
        self.connections_seen.append(request.connection)
        path = request.path.partition("?")[0]
        write = request.method == "POST"
        self.log.append(
            LogEntry(time.time(), request.peer, request.scheme, request.method, path, path.strip("/"), write, 200)
        )
        if path == "/off":
            self.services.discard("http")
        elif path == "/restart":
            self.restart()
        elif path == "/block":
            self.refused.add(request.peer)
        elif path == "/crash":
            raise RuntimeError("a mistake in the device")
        elif path == "/echo":
            return Response(200, [("Content-Type", "text/plain"), ("X-Mixed-CASE", "kept")], request.body)
        elif path == "/chunked":
            return Response(200, [], BODY, chunked=True)
        elif path == "/reset":
            return Response(200, [], BODY, cut="reset")
        return Response(200, [("Content-Type", "text/xml")], BODY)

    def restarted(self):
        self.restarts += 1

    def rtsp_login(self, user):
        return self.admin_password if user == "admin" else None

    def rtsp_open(self):
        return self.open_video

    def discovery_answer(self, probe, peer):
        return b"SIMULATED " + self.name.encode() if b"Probe" in probe else None

    def attack(self, name):
        self.title = "hacked"
        return "the device was renamed to 'hacked'"


def box(network: str) -> list[Device]:
    return [Box("box", f"{network}.11")]


def two(network: str) -> list[Device]:
    return [Box("box", f"{network}.11"), Box("other", f"{network}.12")]

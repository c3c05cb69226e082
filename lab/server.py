# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens and closes the sockets of all simulated devices in one asyncio process.

Each device has its own loopback address. After each request, and every few tenths of a second, the sockets that are
open are made equal to what `device.listeners()` says; a socket that goes takes its established connections with it.
Nothing is ever bound outside 127.0.0.0/8.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import itertools
import logging
import resource
import time
import traceback
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from .base import LabError, check_loopback
from .certs import CertStore
from .cuts import Cut, PowerLost
from .device import Device, Listener, LogEntry, Request, Response
from .mitm import Mitm
from .sockets import PROTOCOLS, TLS_KINDS, DiscoveryEndpoint, Endpoint, HttpConnection
from .wire import FAULT_CUTS, WireAnswer

RECONCILE = 0.15  # seconds between two looks at what should be open
MAX_BODY = 4 * 1024 * 1024
_log = logging.getLogger("nwcs.lab")


class LabServer:
    """Serves `devices` until stop(). All methods are for the event loop's thread."""

    def __init__(self, devices: Iterable[Device], certs: CertStore, site: Any = None) -> None:
        self.devices = {device.name: device for device in devices}
        self.certs = certs
        self.site = site
        self.problems: list[str] = []  # what went wrong in the lab itself, newest last
        self.numbers = itertools.count(1)
        self.started = 0.0
        self.moved: dict[tuple[str, int], int] = {}  # (device, its port) -> where it is while somebody is in the middle
        self.middle: dict[str, Mitm] = {}  # device -> who is in the middle
        self._endpoints: dict[str, dict[Listener, Any]] = {name: {} for name in self.devices}
        self._tasks: set[asyncio.Task] = set()
        self._order = list(self.devices)
        self._stopped = False

    async def start(self) -> None:
        """Open everything; raises LabError in one sentence when an address cannot be had."""
        for device in self.devices.values():
            check_loopback(device.address)
        _raise_file_limit()
        self.loop = asyncio.get_running_loop()
        self.manager = web.Server(self._handle)
        # Devices do not decompress; a lost client ends what is being dripped to it.
        self.http_options = {
            "loop": self.loop,
            "access_log": None,
            "auto_decompress": False,
            "keepalive_timeout": 75.0,
            "lingering_time": 0.0,
            "logger": _log,
            "max_line_size": 65536,
            "max_field_size": 65536,
        }
        self.started = time.time()
        try:
            for device in self.devices.values():
                self.reconcile(device, strict=True)
        except BaseException:
            await self.stop()
            raise
        self.spawn(self._keep())
        for device in self.devices.values():
            background = getattr(device, "background", None)
            if background is not None:
                self.spawn(self._background(device, background))

    async def stop(self) -> None:
        """Close all sockets and connections and end all tasks."""
        self._stopped = True
        for mitm in self.middle.values():
            mitm.close()
        for endpoints in self._endpoints.values():
            for endpoint in endpoints.values():
                endpoint.close()
            endpoints.clear()
        tasks = [task for task in self._tasks if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.manager.shutdown(0.1)

    def spawn(self, job: Any) -> asyncio.Task:
        task = self.loop.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def open_sockets(self, device: Device) -> list[tuple[str, int]]:
        """(kind, port) of the sockets open now, sorted by port."""
        return sorted(
            ((item.kind, item.port) for item in self._endpoints[device.name]), key=lambda pair: (pair[1], pair[0])
        )

    def connections(self, device: Device) -> int:
        return sum(len(endpoint.connections) for endpoint in self._endpoints[device.name].values())

    def report(self, problem: str) -> None:
        if problem not in self.problems[-20:]:
            self.problems.append(problem)
            _log.error("%s", problem)

    def failed(self, device: Device, error: BaseException) -> None:
        """A mistake in a simulated device itself: kept for status and tests."""
        where = traceback.extract_tb(error.__traceback__)
        last = f" ({where[-1].filename.rsplit('/', 1)[-1]}:{where[-1].lineno})" if where else ""
        self.report(f"{device.name}: {type(error).__name__}: {error}{last}")
        _log.debug("%s", device.name, exc_info=error)

    # -- sockets as the devices want them ------------------------------------------------------------------------
    def reconcile(self, device: Device, current: Any = None, strict: bool = False) -> None:
        """Make the open sockets of one device what it wants; the connection `current` is only marked as doomed."""
        if self._stopped:
            return
        have = self._endpoints[device.name]
        try:
            down, silent = device.is_down(), device.silent()
            want = frozenset() if down else device.listeners()  # without a network its timers run all the same
        except Exception as error:
            if strict:
                raise
            self.failed(device, error)
            return
        for endpoint in have.values():
            endpoint.mute(silent)
        if silent:
            return  # whatever the device does, nobody sees it
        if device.link != "up":
            want = frozenset()
        if have.keys() != want:
            for listener in have.keys() - want:
                have.pop(listener).close(current)
            for listener in want - have.keys():
                self._open(device, listener, strict)
        for endpoint in have.values():
            renewed = endpoint.listener.kind in TLS_KINDS and endpoint.generation != device.certificate_generation
            if renewed:
                endpoint.generation = device.certificate_generation
                endpoint.drop_handshakes()
            for connection in tuple(endpoint.connections):
                if renewed or not device.keeps_port(connection.peer, endpoint.listener.port):
                    if connection is current or connection.late:
                        connection.doomed = True
                    else:
                        connection.cut(flush=False)

    def _open(self, device: Device, listener: Listener, strict: bool) -> None:
        if listener.kind not in (*PROTOCOLS, "discovery"):
            known = ", ".join((*PROTOCOLS, "discovery"))
            raise LabError(f"{device.name}: no listener kind {listener.kind!r}; known: {known}")
        kind = DiscoveryEndpoint if listener.kind == "discovery" else Endpoint
        try:
            self._endpoints[device.name][listener] = kind(self, device, listener)
        except OSError as error:
            problem = (
                f"{device.name}: cannot listen on {device.address}:{listener.port} ({listener.kind}): {error.strerror}"
            )
            if error.errno == errno.EADDRINUSE:
                problem += "; another lab may be running: choose another --network or end it with `nwcs-lab down`"
            elif error.errno == errno.EACCES:
                problem += "; ports below 1024 need rights the lab does without"
            if strict:
                raise LabError(problem) from None
            self.report(problem)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(RECONCILE)
            for device in self.devices.values():
                self.reconcile(device)

    async def _background(self, device: Device, job: Any) -> None:
        try:
            await job(self.site)
        except Exception as error:
            self.failed(device, error)

    def swap(self, first: Device, second: Device) -> None:
        """Each of two devices answers at the other's address from now on (H60)."""
        for device in (first, second):
            for endpoint in self._endpoints[device.name].values():
                endpoint.close()
            self._endpoints[device.name].clear()
        one, other = first.address, second.address
        first.moved_to(other)
        second.moved_to(one)
        for device in (first, second):
            self.reconcile(device)

    def intercept(self, device: Device, kind: str = "https", certificate: str = "self-signed") -> Mitm:
        """Put somebody into the middle of all connections to one socket of a device; see mitm.py."""
        listener = next((item for item in self._endpoints[device.name] if item.kind == kind), None)
        if listener is None:
            raise LabError(f"{device.name}: no {kind} socket is open now")
        if device.name in self.middle:
            raise LabError(f"{device.name}: somebody is in the middle already")
        mitm = Mitm(self, device, listener, certificate)
        self._endpoints[device.name].pop(listener).close()
        self.moved[device.name, listener.port] = mitm.hidden
        self._open(device, listener, strict=True)
        mitm.listen()
        self.middle[device.name] = mitm
        return mitm

    def leave(self, device: Device) -> None:
        """End what intercept() began."""
        mitm = self.middle.pop(device.name, None)
        if mitm is None:
            return
        mitm.close()
        self.moved.pop((device.name, mitm.listener.port), None)
        endpoint = self._endpoints[device.name].pop(mitm.listener, None)
        if endpoint is not None:
            endpoint.close()
        self.reconcile(device)

    async def hush(self, device: Device, connection: Any) -> None:
        """Wait while nothing comes back from the device."""
        while device.silent() and await connection.pause(0.03):
            pass

    # -- HTTP ----------------------------------------------------------------------------------------------------
    async def _handle(self, request: web.BaseRequest) -> _Written:
        connection: HttpConnection = request.protocol  # type: ignore[assignment]
        listener, device = connection.endpoint.listener, connection.endpoint.device
        headers: dict[str, str] = {}
        for name, value in request.headers.items():
            name = name.lower()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        if headers.get("expect", "").lower() == "100-continue" and connection.transport is not None:
            connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        response, way, cut = None, "", None
        old = request.version < (1, 1)
        asked = headers.get("connection", "").lower()
        keep = "keep-alive" in asked if old else "close" not in asked
        body = bytearray()
        if request.body_exists:
            async for part in request.content.iter_any():
                body += part
                if len(body) > MAX_BODY:
                    response, keep = Response(413), False
                    break
        if response is None:
            asking = Request(
                request.method, request.raw_path, headers, bytes(body), connection.peer, listener.kind, listener.port,
                connection.number,
            )  # fmt: skip
            sight = device.sight(asking) if device.watched else None
            before = device.due_before(sight) if sight else None
            if before is not None:
                device.strike(before)
                self.reconcile(device)
                await self.hush(device, connection)  # what was sent is lost; this client hears no more
                connection.cut(flush=False)
                return _Written(False)
            seen = len(device.log)
            response, way = await self._ask(device, asking)
            if sight:
                cut = device.due_after(sight, device.log[-1] if len(device.log) > seen else None)
            if cut is not None and (cut.when == "after" or way):  # an answer that is broken already has no middle
                await self._cut_after(device, connection, cut)
        answer = WireAnswer(connection, response, method=request.method, keep=keep, old=old, cut=way)
        if cut is not None and cut.when == "during" and not way:
            answer.cut, answer.interrupt = "half", functools.partial(self._cut_after, device, connection, cut)
        # Sockets follow the settings before the answer is written, so that whoever has read it finds them so; only this
        # connection lives on until its answer is out.
        self.reconcile(device, current=connection)
        await self.hush(device, connection)
        try:
            await answer.send()
        except ConnectionError:
            answer.keep_alive = False  # the client went away; what it asked for has happened all the same
        connection.late = False
        if connection.doomed:
            connection.cut(flush=True)
        return _Written(answer.keep_alive)

    async def _cut_after(self, device: Device, connection: Any, cut: Cut) -> None:
        """The device has acted; its answer is late, cut, or waits for the network."""
        if cut.what == "late":
            connection.late = True
            await connection.pause(cut.back_after)
            return
        device.strike(cut)
        self.reconcile(device)
        await self.hush(device, connection)

    async def _ask(self, device: Device, request: Request) -> tuple[Response, str]:
        target = self._redirect(device, request)
        if target:
            path = request.path.partition("?")[0]
            device.log.append(
                LogEntry(time.time(), request.peer, request.scheme, request.method, path, "redirect", False, 307)
            )
            return Response(307, [("Location", target)]), ""
        try:
            response = await device.handle(request)
        except PowerLost:
            return Response(), "reset"
        except Exception as error:  # a mistake in one device must not stop the others; it is reported
            self.failed(device, error)
            return Response(500, [("Content-Type", "text/plain")], b"SIMULATED device failed\n"), ""
        cut = next((way for fault, way in FAULT_CUTS.items() if fault in device.faults), "") if device.faults else ""
        return response, cut or response.cut

    def _redirect(self, device: Device, request: Request) -> str:
        """Where H33 sends the client: another device of the lab, whose log then shows what was sent to it."""
        if "H33-redirect" in device.faults:
            follower = self._order[(self._order.index(device.name) + 1) % len(self._order)]
            other = self.devices[follower]
            address = other.address if other is not device else "127.255.255.254"
            return f"{request.scheme}://{address}:{other.ports.get(request.scheme, request.port)}{request.path}"
        if "H33-downgrade" in device.faults and request.scheme == "https":
            return f"http://{device.address}:{device.ports['http']}{request.path}"
        return ""


class _Written:
    """Tells aiohttp that the answer has been written already."""

    def __init__(self, keep_alive: bool) -> None:
        self.keep_alive = keep_alive

    async def prepare(self, request: Any) -> None:
        """Done before."""

    async def write_eof(self) -> None:
        """Done before."""


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            _log.debug("the limit of open files stays at %d", soft)

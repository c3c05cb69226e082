# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sockets and connections of the simulated devices; `server.py` says when they open and close."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from typing import TYPE_CHECKING, Any

from aiohttp.web_protocol import RequestHandler

from .base import check_loopback
from .cuts import Sight
from .device import Device, Listener, Response
from .discovery import DiscoveryProtocol
from .rtsp import RtspSession
from .wire import WireAnswer, reset

if TYPE_CHECKING:
    from .server import LabServer

BANNER_SECONDS = 5.0
HANDSHAKE_SECONDS = 10.0
BACKLOG = 256
TLS_KINDS = frozenset({"https", "rtsps"})
_log = logging.getLogger("nwcs.lab")


class Connection:
    """What all TCP connections to devices have in common; each is in the set of its endpoint while it lasts."""

    endpoint: Endpoint
    peer: str
    gone: asyncio.Event | None
    doomed = False  # ends with the answer that is being written
    late = False  # its answer is being held back

    @staticmethod
    def _over(transport: Any) -> bool:
        """A TLS connection that is closed already has no socket left to reset."""
        return getattr(transport, "_ssl_protocol", transport) is None

    def cut(self, flush: bool) -> None:
        """End the connection: after what was written (flush) or at once with a reset."""
        transport = self.transport  # type: ignore[attr-defined]
        if transport is None or self._over(transport):
            return
        if flush:
            transport.close()
        else:
            reset(transport.get_extra_info("socket"))
            transport.abort()


class HttpConnection(Connection, RequestHandler):
    """One HTTP connection; aiohttp parses, `WireAnswer` writes."""

    def __init__(self, server: LabServer, endpoint: Endpoint, peer: str) -> None:
        super().__init__(server.manager, **server.http_options)
        self.server = server
        self.endpoint = endpoint
        self.peer = peer
        self.number = next(server.numbers)
        self.gone = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.endpoint.connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.endpoint.connections.discard(self)
        if self.gone is not None:
            self.gone.set()
        super().connection_lost(exc)

    def cut(self, flush: bool) -> None:
        super().cut(flush)
        self.force_close()

    def handle_error(self, request: Any, status: int = 500, exc: Any = None, message: str | None = None) -> Any:
        """What is not HTTP is refused shortly; aiohttp would name itself and write the request into the log."""
        if status >= 500 and exc is not None:
            self.server.failed(self.endpoint.device, exc)
        response = Response(status, [("Content-Type", "text/html")], b"Bad Request" if status < 500 else b"")
        return Refusal(WireAnswer(self, response, method="GET", keep=False, old=False, cut=""))

    async def pause(self, seconds: float) -> bool:
        """Wait; False as soon as the connection has gone."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return False
        if self.gone is None:
            self.gone = asyncio.Event()
        try:
            await asyncio.wait_for(self.gone.wait(), seconds)
        except TimeoutError:
            return self.transport is not None and not self.transport.is_closing()
        return False


class Refusal:
    """An answer of the lab itself in the form aiohttp wants."""

    keep_alive = False

    def __init__(self, answer: WireAnswer) -> None:
        self.answer = answer

    async def prepare(self, request: Any) -> None:
        await self.answer.send()

    async def write_eof(self) -> None:
        """Nothing is left to write."""


class RtspConnection(Connection, asyncio.Protocol):
    def __init__(self, server: LabServer, endpoint: Endpoint, peer: str) -> None:
        self.server = server
        self.endpoint = endpoint
        self.peer = peer
        self.session = RtspSession(endpoint.device, peer, endpoint.listener.kind)
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.endpoint.connections.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.endpoint.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        device = self.endpoint.device
        if device.watched:
            self._watched(data)
            return
        self._answer(data)

    def _answer(self, data: bytes) -> None:
        device = self.endpoint.device
        try:
            answer, stays = self.session.feed(data)
        except Exception as error:  # a mistake in one device must not stop the others; it is reported
            self.server.failed(device, error)
            answer, stays = b"", False
        self.server.reconcile(device, current=self)
        self.transport.write(answer)
        if self.doomed or not stays:
            self.transport.close()

    def _watched(self, data: bytes) -> None:
        """A request that is counted, and that a cut may fall on. Cut in the middle of its answer, none comes."""
        device, seen = self.endpoint.device, len(self.endpoint.device.log)
        sight = Sight((data.partition(b" ")[0].decode("latin-1"),), False, b"authorization:" in data.lower())
        cut = device.due_before(sight)
        if cut is None:
            answer, stays = self.session.feed(data)
            cut = device.due_after(sight, device.log[-1] if len(device.log) > seen else None)
            if cut is None or cut.what == "late":
                wait = cut.back_after if cut else 0
                self.server.loop.call_later(wait, self._send, answer, stays)
                return
        device.strike(cut)
        self.server.reconcile(device)
        if not device.silent():
            self.cut(flush=False)

    def _send(self, answer: bytes, stays: bool) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)
            if not stays:
                self.transport.close()


class BannerConnection(Connection, asyncio.Protocol):
    """Telnet, FTP, SSH as far as anyone sees before a login: the banner, then the end."""

    def __init__(self, server: LabServer, endpoint: Endpoint, peer: str) -> None:
        self.endpoint = endpoint
        self.peer = peer
        self.transport: Any = None
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.endpoint.connections.add(self)
        self.transport.write(self.endpoint.listener.banner)
        self.timer = asyncio.get_running_loop().call_later(BANNER_SECONDS, self.transport.close)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.endpoint.connections.discard(self)
        if self.timer is not None:
            self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        self.transport.close()


PROTOCOLS = {
    "http": HttpConnection,
    "https": HttpConnection,
    "rtsp": RtspConnection,
    "rtsps": RtspConnection,
    "banner": BannerConnection,
}


class Endpoint:
    """One open TCP socket of one device, with its connections."""

    def __init__(self, server: LabServer, device: Device, listener: Listener) -> None:
        self.server = server
        self.device = device
        self.listener = listener
        self.connections: set[Any] = set()
        self.handshakes: dict[asyncio.Task, socket.socket] = {}
        self.closed = False
        self.generation = device.certificate_generation
        self.boots: int | None = None  # of the device when it fell silent; None while it is heard
        self.fillers: list[socket.socket] = []
        self.port = server.moved.get((device.name, listener.port), listener.port)
        check_loopback(device.address)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self.sock.setblocking(False)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.bind((device.address, self.port))
            self.sock.listen(BACKLOG)
        except BaseException:
            self.sock.close()
            raise
        server.loop.add_reader(self.sock, self._accept)

    def close(self, current: Any = None) -> None:
        self.closed = True
        self.server.loop.remove_reader(self.sock)
        self.sock.close()
        for sock in self.fillers:
            sock.close()
        lives = not self.device.is_down() and self.device.link == "up"
        for connection in tuple(self.connections):
            if connection is current or (connection.late and lives):
                connection.doomed = True
            else:
                connection.cut(flush=False)
        self.drop_handshakes()

    def drop_handshakes(self) -> None:
        for task, sock in tuple(self.handshakes.items()):
            reset(sock)  # a task that has not begun leaves its socket to whoever frees it
            task.cancel()

    def mute(self, silent: bool) -> None:
        """Fall silent, as behind a pulled cable, or be heard again.

        A listening socket whose queue is full lets the system drop each further SYN, so that a client's connect runs
        into its own time limit; what is sent on established connections is not read. Connections that outlast the
        silence go on, unless the device has restarted meanwhile and knows nothing of them.
        """
        if silent == (self.boots is not None):
            return
        if silent:
            self.boots = self.device.boots
            self.server.loop.remove_reader(self.sock)
            self.sock.listen(0)
            for _unused in range(2):
                sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                sock.setblocking(False)
                sock.connect_ex((self.device.address, self.port))
                self.fillers.append(sock)
            for connection in tuple(self.connections):
                connection.transport.pause_reading()
            return
        forgotten, self.boots = self.boots != self.device.boots, None
        for sock in self.fillers:
            reset(sock)
            sock.close()
        self.fillers.clear()
        self.sock.listen(BACKLOG)
        self.server.loop.add_reader(self.sock, self._accept)
        for connection in tuple(self.connections):
            if forgotten:
                connection.cut(flush=False)
            else:
                connection.transport.resume_reading()

    def _accept(self) -> None:
        for _unused in range(64):
            try:
                sock, peer = self.sock.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self.server.report("too many open files; raise the limit (ulimit -n)")
                return
            if self.device.is_down() or not self.device.admits_port(peer[0], self.listener.port):
                reset(sock)
                sock.close()
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = self.server.spawn(self._serve(sock, peer[0]))
            self.handshakes[task] = sock
            task.add_done_callback(lambda done: self.handshakes.pop(done, None))

    async def _serve(self, sock: socket.socket, peer: str) -> None:
        kind = self.listener.kind
        try:
            context = self.server.certs.context(self.device) if kind in TLS_KINDS else None
        except Exception as error:
            self.server.failed(self.device, error)
            sock.close()
            return
        protocol = PROTOCOLS[kind](self.server, self, peer)
        try:
            await self.server.loop.connect_accepted_socket(
                lambda: protocol, sock, ssl=context, ssl_handshake_timeout=HANDSHAKE_SECONDS if context else None
            )
        except (TimeoutError, OSError, ssl.SSLError):
            sock.close()  # the client went away or refused the certificate
            return
        except asyncio.CancelledError:
            sock.close()  # the socket was switched off during the handshake
            raise
        if self.closed:
            protocol.cut(flush=False)


class DiscoveryEndpoint:
    """The UDP socket of one device; several may use one port on different loopback addresses."""

    def __init__(self, server: LabServer, device: Device, listener: Listener) -> None:
        self.server = server
        self.listener = listener
        self.connections: set[Any] = set()
        self.protocol = DiscoveryProtocol(device, server.failed)
        check_loopback(device.address)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.sock.setblocking(False)
            self.sock.bind((device.address, listener.port))
        except BaseException:
            self.sock.close()
            raise
        self.generation = 0
        server.loop.add_reader(self.sock, self._receive)
        self.protocol.transport = self  # type: ignore[assignment]

    def _receive(self) -> None:
        for _unused in range(64):
            try:
                data, peer = self.sock.recvfrom(65535)
            except OSError:
                return
            self.protocol.datagram_received(data, peer)

    def mute(self, silent: bool) -> None:
        """The protocol asks the device itself."""

    def sendto(self, data: bytes, peer: tuple) -> None:
        try:
            self.sock.sendto(data, peer)
        except OSError as error:
            _log.debug("no discovery answer to %s: %s", peer, error)

    def close(self, current: Any = None) -> None:
        self.server.loop.remove_reader(self.sock)
        self.sock.close()

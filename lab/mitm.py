# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A man in the middle: takes a device's place on the wire, shows a certificate of his own, forwards all and notes it.

The device itself moves to a hidden port of its address; the proxy listens where the device was, and connects onward
from the client's own address, so that the device's source filter sees what it always sees.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from typing import TYPE_CHECKING

from .device import Device, Listener

if TYPE_CHECKING:
    from .server import LabServer

TLS = ("https", "rtsps")
_HIDDEN = 20000  # added to the device's port
_SECRETS = {
    "authorization header": re.compile(rb"^authorization:[^\r\n]*", re.I | re.M),
    "UsernameToken": re.compile(rb"<[^>]*UsernameToken\b"),
    "password of a login": re.compile(rb'"password"\s*:\s*"[^"]+"'),
    "session id": re.compile(rb'"params"\s*:\s*\[\s*"(?!0{32})[0-9a-f]{32}"'),
    "cookie": re.compile(rb"^cookie:[^\r\n]*", re.I | re.M),
}


class Mitm:
    """One proxy. `seen` is everything that clients told it (in the clear), `answers` what the device said.

    `connections` counts TCP connections, `handshakes` those that went on after they saw the certificate.
    """

    def __init__(self, server: LabServer, device: Device, listener: Listener, certificate: str) -> None:
        self.device, self.listener = device, listener
        self.hidden = listener.port + _HIDDEN
        self.seen = b""
        self.answers = b""
        self.connections = 0
        self.handshakes = 0
        tls = listener.kind in TLS
        self.context = server.certs.foreign(device.address, certificate) if tls else None
        self._server = server
        self._tasks: set[asyncio.Task] = set()
        self._sock: socket.socket | None = None

    def listen(self) -> None:
        """Take the device's place; connections that come before the loop runs wait in the socket."""
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._sock.bind((self.device.address, self.listener.port))
        self._sock.listen(64)
        self._server.loop.add_reader(self._sock, self._accept)

    def close(self) -> None:
        if self._sock is not None:
            self._server.loop.remove_reader(self._sock)
            self._sock.close()
            self._sock = None
        for task in tuple(self._tasks):
            task.cancel()

    def credentials(self) -> list[str]:
        """Which kinds of credentials reached it, by name; empty when none did."""
        return [name for name, pattern in _SECRETS.items() if pattern.search(self.seen)]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            sock, peer = self._sock.accept()  # type: ignore[union-attr]
            sock.setblocking(False)
            self.connections += 1
            task = self._server.spawn(self._serve(sock, peer[0]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, sock: socket.socket, peer: str) -> None:
        writers: list[asyncio.StreamWriter] = []
        try:
            loop = self._server.loop
            reader = asyncio.StreamReader(loop=loop)
            protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
            transport, _unused = await loop.connect_accepted_socket(lambda: protocol, sock, ssl=self.context)
            writers.append(asyncio.StreamWriter(transport, protocol, reader, loop))
            self.handshakes += 1
            onward = None
            if self.context is not None:
                onward = ssl.create_default_context()
                onward.check_hostname, onward.verify_mode = False, ssl.CERT_NONE
            back, there = await asyncio.open_connection(
                self.device.address, self.hidden, ssl=onward, local_addr=(peer, 0)
            )
            writers.append(there)
            ways = [asyncio.ensure_future(self._pump(reader, there, True))]
            ways.append(asyncio.ensure_future(self._pump(back, writers[0], False)))
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, ssl.SSLError):
            sock.close()  # the client refused the certificate, or the device is not there
        finally:
            for writer in writers:
                writer.close()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, asked: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if asked:
                    self.seen += data
                else:
                    self.answers += data
                target.write(data)
                await target.drain()

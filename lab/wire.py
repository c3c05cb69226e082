# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one HTTP answer goes over the wire: whole, or broken the way the fault says (H31, H32)."""

from __future__ import annotations

import asyncio
import http
import socket
import struct
from typing import Any

from .device import Response

LARGE = 200 * 1024 * 1024
SILENCE = 40.0  # seconds, H31
ENDLESS = 300.0  # seconds a chunked answer without end drips before the connection is cut
FAULT_CUTS = {
    "H31-close": "close",
    "H31-short": "short",
    "H31-long": "long",
    "H31-endless": "endless",
    "H31-silent": "silent",
    "H31-slow": "slow",
    "H32-large": "large",
}
_PHRASES = {status.value: status.phrase for status in http.HTTPStatus}
_BODILESS = (204, 304)
_JUNK = b"SIMULATED surplus " * 4


def reset(sock: Any) -> None:
    """Make closing this socket send RST instead of FIN; nothing when a TLS connection has let go of it already."""
    if sock is None:
        return
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass


def head(response: Response, *, length: int | None, keep: bool, old: bool = False) -> bytes:
    """Status line and headers; `length` None means chunked. The device's own Content-Length is kept if it gave one."""
    lines = [f"HTTP/1.1 {response.status} {_PHRASES.get(response.status, 'Unknown')}"]
    named = set()
    for name, value in response.headers:
        named.add(name.lower())
        lines.append(f"{name}: " + value.replace("\r", "").replace("\n", " "))
    if length is None:
        lines.append("Transfer-Encoding: chunked")
    elif "content-length" not in named and not (response.status in _BODILESS or response.status < 200):
        lines.append(f"Content-Length: {length}")
    if "connection" not in named:
        if not keep:
            lines.append("Connection: close")
        elif old:
            lines.append("Connection: keep-alive")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "replace")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class WireAnswer:
    """Writes the device's bytes exactly as they are, or breaks them.

    `connection` needs `transport` and `pause(seconds) -> bool` (False when the peer has gone).
    """

    def __init__(self, connection: Any, response: Response, *, method: str, keep: bool, old: bool, cut: str) -> None:
        self.connection = connection
        self.response = response
        self.method = method
        self.keep_alive = keep and not any(
            name.lower() == "connection" and value.strip().lower() == "close" for name, value in response.headers
        )
        self.old = old
        self.cut = cut
        self.interrupt: Any = None  # awaited in the middle of an answer that is cut "half"

    async def send(self) -> None:
        """Write the answer; raises ConnectionResetError when the client has gone."""
        transport = self.connection.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the connection is gone")
        if self.cut and self.cut != "half":
            await self._broken(transport)
            return
        response = self.response
        body = b"" if self.method == "HEAD" or response.status in _BODILESS else response.body
        if response.chunked and not self.old:
            data = head(response, length=None, keep=self.keep_alive)
            if self.method != "HEAD":
                data += (chunk(body) if body else b"") + b"0\r\n\r\n"
        else:
            data = head(response, length=len(response.body), keep=self.keep_alive, old=self.old) + body
        if self.cut == "half":
            middle = len(data) - (len(body) + 1) // 2
            transport.write(data[:middle])
            await self.interrupt()
            if transport.is_closing():
                raise ConnectionResetError("the connection is gone")
            data = data[middle:]
        transport.write(data)

    async def _broken(self, transport: Any) -> None:
        self.keep_alive = self.cut == "long"
        response, body = self.response, self.response.body
        plain = Response(
            response.status, [pair for pair in response.headers if pair[0].lower() != "content-length"], body
        )
        if self.cut == "short":
            transport.write(head(plain, length=len(body) or 64, keep=True) + body[: len(body) // 2])
        elif self.cut == "long":
            transport.write(head(plain, length=len(body) // 2, keep=True) + (body or _JUNK))
        elif self.cut == "silent":
            await self.connection.pause(SILENCE)
        elif self.cut == "slow":
            for byte in head(plain, length=len(body), keep=False) + body:
                transport.write(bytes([byte]))
                if not await self.connection.pause(1.0):
                    return
        elif self.cut == "endless":
            transport.write(head(plain, length=None, keep=True) + chunk(body or b" "))
            deadline = asyncio.get_running_loop().time() + ENDLESS
            while asyncio.get_running_loop().time() < deadline and await self.connection.pause(0.5):
                transport.write(chunk(b" "))
        elif self.cut == "large":
            await self._large(transport, plain)
        elif self.cut == "reset":
            reset(transport.get_extra_info("socket"))
            transport.abort()
            return
        elif self.cut != "close":
            raise ValueError(f"no way {self.cut!r} to break an answer")
        if not self.keep_alive and not transport.is_closing():
            transport.close()

    async def _large(self, transport: Any, plain: Response) -> None:
        transport.write(head(plain, length=LARGE, keep=False) + plain.body)
        left, block = LARGE - len(plain.body), b" " * 65536
        while left > 0:
            if transport.get_write_buffer_size() > 1 << 20:
                if not await self.connection.pause(0.01):
                    return
                continue
            transport.write(block[:left])
            left -= len(block)
            if not await self.connection.pause(0):
                return

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connected socket for http.client.HTTPResponse, with limits on time and size at every single read."""

from __future__ import annotations

import io
import select
import socket
import ssl
import time
from typing import Any

PIECE = 1 << 16
HEAD_BYTES = 1 << 20  # more than this around a body (status line, headers, chunk sizes) is no answer


class TimeUp(Exception):
    """`total`: the whole request took too long; else the device fell silent."""

    def __init__(self, total: bool) -> None:
        super().__init__()
        self.total = total


class TooLarge(Exception):
    """More bytes than the limits allow."""


class _Raw(io.RawIOBase):
    """The reading side of a connection. Every single read obeys both time limits and the byte budget."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.deadline = self.silence = 0.0
        self.budget = self.received = 0
        self.hold = False  # True: give only what is buffered already

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.hold:
            return None
        if self.received > self.budget:
            raise TooLarge
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeUp(total=True)
        self.sock.settimeout(min(self.silence, left))
        try:
            count = self.sock.recv_into(buffer)
        except TimeoutError:
            raise TimeUp(total=left <= self.silence) from None
        self.received += count
        return count


class _Reader(io.BufferedReader):
    """One buffer for all answers of a connection, so what follows an answer is seen; http.client cannot close it."""

    last_line = b""

    def readline(self, size: int | None = -1) -> bytes:
        """Remembers the line: after the head of an answer it must be a blank one, not the end of the connection."""
        self.last_line = super().readline(size)
        return self.last_line

    def close(self) -> None:
        pass


class Wire:
    """A connected socket as http.client.HTTPResponse wants it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.raw = _Raw(sock)
        self.reader = _Reader(self.raw, PIECE)
        self.used = time.monotonic()

    def makefile(self, mode: str = "rb") -> _Reader:
        return self.reader

    def start(self, deadline: float, silence: float, body_bytes: int) -> None:
        """Begin an exchange: `deadline` in time.monotonic(), `silence` in seconds for each single read."""
        self.raw.deadline, self.raw.silence = deadline, silence
        self.raw.received, self.raw.budget = 0, body_bytes + HEAD_BYTES

    def send(self, data: bytes) -> None:
        left = self.raw.deadline - time.monotonic()
        if left <= 0:
            raise TimeUp(total=True)
        self.sock.settimeout(min(left, self.raw.silence))
        try:
            self.sock.sendall(data)
        except TimeoutError:
            raise TimeUp(total=left <= self.raw.silence) from None

    def surplus(self) -> bytes:
        """What the device sent behind the answer, as far as it is here."""
        self.raw.hold = True
        data = self.reader.peek(1)
        self.raw.hold = False
        return data

    def idle(self) -> bool:
        """True while the connection is open and nothing waits in it. TLS: also a pending close is 'something'."""
        if self.surplus() or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()):
            return False
        return not _poll(self.sock)

    def close(self) -> None:
        try:
            self.sock.close()
        except OSError:
            pass


def _poll(sock: socket.socket) -> bool:
    poller = select.poll()
    poller.register(sock, select.POLLIN | select.POLLERR | select.POLLHUP)
    return bool(poller.poll(0))

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiny servers on free loopback ports that send exactly the bytes a test wants."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator


def read_request(conn: socket.socket) -> bytes:
    """One request with its body; b"" when the client closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = conn.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _sep, body = data.partition(b"\r\n\r\n")
    need = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            need = int(line.split(b":")[1])
    while len(body) < need:
        body += conn.recv(65536)
    return head + b"\r\n\r\n" + body


class RawServer:
    """Each connection runs `serve(conn, number)` in a thread, number counts connections from 0. `requests` is for
    the test's own notes; `stop` is set at the end, so that a server that stays silent can wait for it."""

    def __init__(self, serve: Callable[[socket.socket, int], None], context: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.stop = threading.Event()
        self._serve, self._context = serve, context
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []

    def __enter__(self) -> RawServer:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._threads[0].join(5)  # accepts no more
        for conn in self._open:
            with contextlib.suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def _start(self, run: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=run, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stop.is_set():
            try:
                conn, _peer = self._socket.accept()
            except OSError:
                return
            self._open.append(conn)
            number, self.connections = self.connections, self.connections + 1  # counted before anybody is answered
            self._start(self._run, conn, number)

    def _run(self, conn: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), conn:
            if self._context:
                conn = self._context.wrap_socket(conn, server_side=True)
                self._open.append(conn)
            with conn:
                self._serve(conn, number)


def answering(*answers: bytes, close: bool = False) -> RawServer:
    """Answers request after request with these bytes (the last one again and again), on kept-alive connections."""
    count = [0]

    def serve(conn: socket.socket, _number: int) -> None:
        while request := read_request(conn):
            server.requests.append(request)
            answer = answers[min(count[0], len(answers) - 1)]
            count[0] += 1
            conn.sendall(answer)
            if close:
                return

    server = RawServer(serve)
    return server


def http(body: bytes = b"", status: str = "200 OK", *headers: str) -> bytes:
    """A well-formed answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses: bound, so that nobody else gets it, but not listening."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def certificate(*names: str, days: int = 30) -> tuple[str, str]:
    """(certificate, key) as PEM, self-signed, for these names or addresses, valid until `days` from now."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cam.test")])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=60))
        .not_valid_after(now + datetime.timedelta(days=days))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_name(x509, name) for name in names]), False)
    cert = builder.sign(key, hashes.SHA256())
    return (
        cert.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )


def _name(x509: object, name: str) -> object:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def server_context(tmp_path: object, cert: str, key: str) -> ssl.SSLContext:
    path = tmp_path / "server.pem"
    path.write_text(cert + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context

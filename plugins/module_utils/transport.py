# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to one device: one kept-alive connection, limits on time and size, no redirects, no proxies, no surprises.

An HTTP status is a result; only network, TLS and broken answers raise (errors.py). No exception holds a query, a header
value, a body or a password, and none has a cause or context that does. Each has an attribute `reason`: refused, name,
timeout, network (Unreachable) · certificate, tls, scheme (TlsError) · closed, truncated, surplus, slow, size, protocol
(BadAnswer); `status` is the HTTP status when the head of the answer came. After `closed`, `slow`, `timeout` or
`truncated` the fate of a write is unknown and the next reading decides.

Built on http.client, measured on loopback, CPU per kept-alive POST: requests.Session 1.6 ms, its adapter alone 0.7 ms,
urllib3's pool 0.5 ms, http.client 0.3 ms. The two others also log addresses with their query (urllib3 warns with the
whole URL when a header is malformed, which goes to standard error without any logging set up; H36).

Sent again by itself is only: a request answered 401 that the auth object wants to answer (once), and a request declared
`idempotent` (default: GET and HEAD) whose reused connection was closed without a byte (once). Anything else never goes
over a connection that was idle for more than IDLE_SECONDS, so that it hardly meets a device that just closes it.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import tls
from ansible_collections.nwcs.hardening.plugins.module_utils.auth import Auth
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    DeviceError,
    InputError,
    NwcsError,
    TlsError,
    Unreachable,
    WrongCertificate,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.wire import PIECE, TimeUp, TooLarge, Wire

IDLE_SECONDS = 1.0
_USE_HTTPS = "Set nwcs_scheme to https."
_PORTS = {"http": 80, "https": 443}
# What nginx, Apache and Go answer (with 400) to plain HTTP on a TLS port.
_WANTS_TLS = re.compile(rb"plain HTTP (request was sent )?to (an? )?(HTTPS|SSL)|HTTP request to an HTTPS server", re.I)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_NOT_IN_PATH = re.compile(r"[\x00-\x20\x7f]")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True)
class Limits:
    """How long and how much. `read_seconds` is silence, `total_seconds` one request() from connect to last byte."""

    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    total_seconds: float = 60.0
    body_bytes: int = 4 << 20
    depth: int = 64

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
                raise InputError(f"limit {name} must be a number above 0.")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | None) -> Limits:
        known = {item.name for item in fields(cls)}
        for name in data or {}:
            if name not in known:
                raise InputError(f"unknown limit {str(name)!r}.", f"Known are {', '.join(sorted(known))}.")
        return cls(**(data or {}))


@dataclass(frozen=True)
class Target:
    """Where a device is and how to talk to it; plain data, no secrets.

    name        inventory name, for messages          tls_verify  True | False | PEM text of CA certificates
    tls_min     "1.2"; "1.0" and "1.1" also allow the weak keys and ciphers of such devices
    basic_over_http   allow Basic login over plain HTTP
    pins        SHA-256 (hex) of the certificates that may answer where nothing verifies them; empty: any
    """

    name: str
    host: str
    port: int
    scheme: str = "https"
    tls_verify: bool | str = True
    limits: Limits = field(default_factory=Limits)
    basic_over_http: bool = False
    source_address: str = ""
    tls_min: str = "1.2"
    pins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.scheme not in _PORTS:
            raise InputError(f"{self.name}: nwcs_scheme must be http or https.")
        if isinstance(self.port, bool) or not isinstance(self.port, int) or not 0 < self.port < 65536:
            raise InputError(f"{self.name}: nwcs_port must be a number from 1 to 65535.")
        if not self.host or re.search(r"[\s/@?#\x00-\x1f\x7f]", self.host):
            raise InputError(f"{self.name}: nwcs_host must be a name or an address.")
        if self.tls_min not in tls.VERSIONS:
            raise InputError(f"{self.name}: tls_min must be one of {', '.join(tls.VERSIONS)}.")
        if not isinstance(self.tls_verify, (bool, str)):
            raise InputError(f"{self.name}: nwcs_tls_verify must be true, false or PEM text.")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Target:
        pins = tuple(data.get("pins") or ())
        return cls(**{**data, "limits": Limits.from_dict(data.get("limits")), "pins": pins})

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def place(self) -> str:
        return f"{_bracket(self.host)}:{self.port}"


class Transport:
    """HTTP to one device, for one thread at a time. `auth` is set by the driver; `requests` counts what was sent."""

    def __init__(self, target: Target, auth: Auth | None = None) -> None:
        self.target = target
        self.auth = auth
        self.requests = 0
        self._wire: Wire | None = None
        self._local: str | None = None
        self._der: bytes | None = None
        self._trusted = False
        self._answered = False

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        login: bool = True,
        idempotent: bool | None = None,
    ) -> Answer:
        """One exchange; any HTTP status is an Answer, also 3xx. `path` begins with "/" and may have a query.

        login=False never sends credentials. idempotent=True: a reading, may be sent again (see the module's text).
        Raises Unreachable, TlsError, BadAnswer; InputError for what cannot be sent.
        """
        if idempotent is None:
            idempotent = method in ("GET", "HEAD")
        where = f"{_clean(self.target.name)}: {_clean(method)} {_clean(path.partition('?')[0])[:200]}"
        auth = self.auth if login else None
        if auth and auth.clear_text and self.target.scheme != "https" and not self.target.basic_over_http:
            raise InputError(
                f"{where}: Basic login over plain HTTP would send the password in clear, nothing was sent.",
                "Use https, or allow it with basic_over_http.",
            )
        deadline = time.monotonic() + self.target.limits.total_seconds
        try:
            for again in (False, True):
                answer = self._exchange(where, method, path, body, headers or {}, auth, idempotent, deadline)
                if auth is None or not auth.challenged(answer) or again:
                    break
            return answer
        except NwcsError as error:
            error.__context__ = None  # whatever came before it may hold an address or a header
            raise
        except BaseException:
            self.close()
            raise

    def via(self, scheme: str | None = None, port: int | None = None, keep_pins: bool = False) -> Transport:
        """A new Transport (own connection, no auth) to the same host; with a scheme alone, at its usual port.

        At the same scheme and port it expects the same certificate, if nothing verifies it. At another one there may be
        another certificate: pins are kept only where a login will go there.
        """
        scheme = scheme or self.target.scheme
        if port is None:
            port = self.target.port if scheme == self.target.scheme else _PORTS.get(scheme, 0)
        data = {item.name: getattr(self.target, item.name) for item in fields(Target)}
        if (scheme, port) != (self.target.scheme, self.target.port) and not keep_pins:
            data["pins"] = ()
        other = Transport(Target(**{**data, "scheme": scheme, "port": port}))
        if other.target == self.target:
            other.expect_same(self)
        return other

    def expect_same(self, other: Transport) -> None:
        """Where nothing verifies it, the certificate must be the one that `other` has seen."""
        if self.target.tls_verify is False and other._der is not None:
            self._der = other._der

    def local_address(self) -> str | None:
        """Our own address on the last connection: what the device sees, unless something translates addresses."""
        return self._local

    def certificate(self) -> dict[str, Any] | None:
        """Of the last TLS connection: subject, issuer, san (list), not_after (UTC, ISO), sha256 (hex), trusted.

        trusted: the handshake was verified (chain and name). With tls_verify False nobody vouches: False.
        """
        return None if self._der is None else {**tls.describe(self._der), "trusted": self._trusted}

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        if self._wire:
            self._wire.close()
            self._wire = None

    # -- one exchange --------------------------------------------------------------------------------------------------
    def _exchange(
        self,
        where: str,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        auth: Auth | None,
        idempotent: bool,
        deadline: float,
    ) -> Answer:
        for last in (False, True):
            login = auth.headers(method, path, body) if auth else {}
            data = _request_bytes(where, self.target, method, path, body, {**headers, **login})
            reused = self._reusable(idempotent)
            if not reused:
                self._connect(where, deadline)
            self.requests += 1
            try:
                return self._talk(where, method, path, data, deadline)
            except DeviceError as error:
                closed = getattr(error, "reason", "") == "closed"
                if closed and not self._answered and self._speaks_tls(where, deadline):
                    text = f"{where}: {self.target.place} speaks TLS, not plain HTTP."
                    raise _error(TlsError, text, "scheme", _USE_HTTPS) from None
                if last or not (closed and reused and idempotent):
                    raise
        raise AssertionError("unreachable")

    def _reusable(self, idempotent: bool) -> bool:
        wire = self._wire
        if wire and wire.idle() and (idempotent or time.monotonic() - wire.used <= IDLE_SECONDS):
            return True
        self.close()
        return False

    def _talk(self, where: str, method: str, path: str, data: bytes, deadline: float) -> Answer:
        wire, limits = self._wire, self.target.limits
        wire.start(deadline, limits.read_seconds, limits.body_bytes)
        keep, status = False, None
        try:
            try:
                wire.send(data)
            except ConnectionError:
                pass  # an early answer (401, 413) may explain it
            response = http.client.HTTPResponse(wire, method=method)
            response.begin()
            if not wire.reader.last_line:  # http.client takes the end of the connection for the end of the head
                raise http.client.IncompleteRead(b"")
            status = response.status
            content = self._body(where, response)
            surplus = wire.surplus()
            if surplus.strip():
                raise _error(BadAnswer, f"{where}: the answer is longer than it says.", "surplus")
            keep = not response.will_close and not surplus
        except NwcsError:
            raise
        except (TimeUp, TooLarge, http.client.HTTPException, OSError, ValueError) as exc:
            error = self._explain(where, exc)
            error.status = status
            raise error from None
        finally:
            if not keep:
                self.close()
        wire.used, self._answered = time.monotonic(), True
        if response.status == 400 and self.target.scheme == "http" and _WANTS_TLS.search(content[:2000]):
            raise _error(TlsError, f"{where}: {self.target.place} speaks HTTPS, not plain HTTP.", "scheme", _USE_HTTPS)
        return Answer(response.status, _joined(response), content, path.partition("?")[0])

    def _body(self, where: str, response: http.client.HTTPResponse) -> bytes:
        limit = self.target.limits.body_bytes
        announced = response.length
        if announced is not None and announced > limit:
            raise TooLarge
        pieces, size = [], 0
        while piece := response.read(min(PIECE, limit + 1 - size)):
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise TooLarge
        if announced is not None and size < announced:
            raise http.client.IncompleteRead(b"")
        content = b"".join(pieces)
        coding = (response.getheader("Content-Encoding") or "identity").strip().lower()
        if content and coding != "identity":
            content = _unpack(where, content, coding, limit)
        return content

    def _explain(self, where: str, exc: Exception) -> DeviceError:
        limits, place = self.target.limits, self.target.place
        received = self._wire.raw.received if self._wire else 0
        if isinstance(exc, TooLarge):
            text = f"{where}: the answer is larger than {limits.body_bytes} bytes."
            return _error(BadAnswer, text, "size", "Raise the limit body_bytes if that is right.")
        if isinstance(exc, TimeUp):
            if exc.total:
                return _error(BadAnswer, f"{where}: no complete answer within {limits.total_seconds:g} s.", "slow")
            if received:
                text = f"{where}: the answer stopped in the middle for {limits.read_seconds:g} s."
                return _error(BadAnswer, text, "slow")
            text = f"{where}: {place} took the connection but does not answer within {limits.read_seconds:g} s."
            return _error(Unreachable, text, "timeout")
        if not received and isinstance(exc, (http.client.RemoteDisconnected, ConnectionError, ssl.SSLError)):
            text = f"{where}: the device closed the connection without an answer."
            return _error(BadAnswer, text, "closed")
        line = str(getattr(exc, "line", "")).lstrip("'\"")
        if self.target.scheme == "http" and line.startswith(("\x15\x03", "\\x15\\x03")):  # a TLS alert
            return _error(TlsError, f"{where}: {place} speaks TLS, not plain HTTP.", "scheme", _USE_HTTPS)
        if isinstance(exc, (http.client.IncompleteRead, ConnectionError)):
            return _error(BadAnswer, f"{where}: the answer is cut off.", "truncated")
        if isinstance(exc, OSError) and not isinstance(exc, ssl.SSLError):
            return _error(Unreachable, f"{where}: the connection broke ({_strerror(exc)}).", "network")
        text = f"{where}: what answers at {place} is not HTTP."
        return _error(BadAnswer, text, "protocol", "Wrong port, or another service.")

    # -- connecting ----------------------------------------------------------------------------------------------------
    def _connect(self, where: str, deadline: float) -> None:
        if time.monotonic() >= deadline:
            raise self._explain(where, TimeUp(total=True))
        sock = self._dial(where, deadline)
        self._local = sock.getsockname()[0]
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.target.scheme == "https":
                sock = self._secure(where, sock, deadline)
        except BaseException:
            sock.close()
            raise
        self._wire = Wire(sock)

    def _dial(self, where: str, deadline: float) -> socket.socket:
        target, source = self.target, (self.target.source_address, 0) if self.target.source_address else None
        seconds = max(0.001, min(target.limits.connect_seconds, deadline - time.monotonic()))
        try:
            return socket.create_connection((target.host, target.port), seconds, source)
        except socket.gaierror as exc:
            if exc.errno == socket.EAI_AGAIN:
                text = f"{where}: the name {target.host} cannot be looked up now, no name server answers."
            else:
                text = f"{where}: the name {target.host} is not known."
            raise _error(Unreachable, text, "name", "Check nwcs_host.") from None
        except ConnectionRefusedError:
            text = f"{where}: nothing listens on {target.place}: wrong port, or the service is off."
            raise _error(Unreachable, text, "refused") from None
        except TimeoutError:
            text = f"{where}: no connection to {target.place} within {seconds:g} s: off, wrong address, or filtered."
            raise _error(Unreachable, text, "timeout") from None
        except (OSError, UnicodeError, OverflowError) as exc:
            text = f"{where}: no connection to {target.place} ({_strerror(exc)})."
            raise _error(Unreachable, text, "network") from None

    def _secure(self, where: str, sock: socket.socket, deadline: float) -> ssl.SSLSocket:
        target = self.target
        context = tls.context(target.tls_verify, target.tls_min)
        seconds = max(0.001, min(target.limits.read_seconds, deadline - time.monotonic()))
        try:
            secured = tls.handshake(context, sock, target.host, seconds)
        except ssl.SSLCertVerificationError as exc:
            sock.close()
            raise self._distrust(where, exc, deadline) from None
        except TimeoutError:
            text = f"{where}: {target.place} does not finish the TLS handshake within {seconds:g} s."
            raise _error(TlsError, text, "timeout", "Is it an HTTPS port?") from None
        except (OSError, ValueError) as exc:
            reason, text, advice = tls.handshake_failure(exc, target.place, target.tls_min)
            raise _error(TlsError, f"{where}: {text}", reason, advice) from None
        seen = secured.getpeercert(True)
        if target.tls_verify is False and self._der not in (None, seen):
            secured.close()  # what was checked on the first connection (a pin) must hold for every further one
            text = (
                f"{where}: {target.place} shows another certificate than before in the same session: "
                "somebody may stand between. [guard: pin]"
            )
            advice = "Nothing was sent over this connection. Find out who answers there."
            raise _error(WrongCertificate, text, "certificate", advice)
        digest = hashlib.sha256(seen).hexdigest()
        if target.tls_verify is False and target.pins and digest not in target.pins:
            secured.close()
            text = (
                f"{where}: {target.place} shows another certificate ({digest}) than the pinned one "
                f"({', '.join(target.pins)}): somebody may stand between. [guard: pin]"
            )
            advice = "Nothing was sent to it. If it was renewed on purpose, add the new fingerprint to nwcs_pins."
            raise _error(WrongCertificate, text, "certificate", advice)
        self._der, self._trusted = seen, target.tls_verify is not False
        return secured

    def _speaks_tls(self, where: str, deadline: float) -> bool:
        """Many TLS ports close without a word when they get plain HTTP: a handshake tells. Nothing is sent in it."""
        if self.target.scheme != "http":
            return False
        try:
            with self._dial(where, deadline) as sock:
                seconds = max(0.001, min(self.target.limits.connect_seconds, deadline - time.monotonic()))
                with tls.handshake(tls.context(False, self.target.tls_min), sock, self.target.host, seconds):
                    return True
        except (OSError, ValueError, NwcsError):
            return False

    def _distrust(self, where: str, exc: ssl.SSLCertVerificationError, deadline: float) -> TlsError:
        """What is wrong with the certificate. It is fetched again without verification; nothing is sent."""
        try:
            with self._dial(where, deadline) as sock:
                seconds = max(0.001, min(self.target.limits.read_seconds, deadline - time.monotonic()))
                with tls.handshake(tls.context(False, self.target.tls_min), sock, self.target.host, seconds) as secured:
                    self._der, self._trusted = secured.getpeercert(True), False
        except (OSError, NwcsError):
            self._der = None
        text, advice = tls.distrust(exc, self.target.host, self.certificate() or {})
        return _error(TlsError, f"{where}: {_clean(text)}", "certificate", advice)


# -- small things ------------------------------------------------------------------------------------------------------
def _error(cls: type[DeviceError], message: str, reason: str, advice: str = "") -> Any:
    error = cls(message, advice)
    error.reason, error.status = reason, None
    return error


def _request_bytes(
    where: str, target: Target, method: str, path: str, body: bytes, headers: Mapping[str, str]
) -> bytes:
    host = target.host.partition("%")[0]
    named = _bracket(host) if target.port == _PORTS[target.scheme] else f"{_bracket(host)}:{target.port}"
    lines = [f"{method} {path} HTTP/1.1", f"Host: {named}"]
    bad = not _TOKEN.fullmatch(method) or not path.startswith("/") or _NOT_IN_PATH.search(path)
    for name, value in headers.items():
        bad = bad or not _TOKEN.fullmatch(name) or any(char in value for char in "\r\n\0")
        lines.append(f"{name}: {value}")
    if bad:
        raise InputError(f"{where}: the address or a header holds characters that cannot be sent.")
    if body or method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
        lines.append(f"Content-Length: {len(body)}")
    try:
        return "\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape") + body
    except UnicodeError:
        raise InputError(f"{where}: the address or a header holds characters that cannot be sent.") from None


def _unpack(where: str, content: bytes, coding: str, limit: int) -> bytes:
    """Some devices compress without being asked."""
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise _error(BadAnswer, f"{where}: the answer comes in a coding that nobody asked for.", "protocol")
    for bits in (47, -15):  # gzip or zlib by its header; then raw deflate
        unpacker = zlib.decompressobj(bits)
        try:
            plain = unpacker.decompress(content, limit + 1)
        except zlib.error:
            continue
        if len(plain) > limit:
            raise TooLarge
        if not unpacker.eof:
            raise http.client.IncompleteRead(b"")
        return plain
    raise _error(BadAnswer, f"{where}: the compressed answer is broken.", "truncated")


def _joined(response: http.client.HTTPResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        name = name.lower()
        # http.client reads latin-1. Realms are UTF-8 in practice and go back byte for byte, whatever they are
        errors = "surrogateescape" if name == "www-authenticate" else "replace"
        value = str(value).replace("\r", "").replace("\n", " ").encode("latin-1", "replace").decode("utf-8", errors)
        headers[name] = f"{headers[name]}\n{value}" if name in headers else value
    return headers


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _clean(text: str) -> str:
    return _CONTROL.sub("?", text)


def _strerror(exc: BaseException) -> str:
    return (getattr(exc, "strerror", None) or "not possible").lower() if isinstance(exc, OSError) else "not possible"

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What anybody on the network sees of a device: open sockets, what is given without a login, the certificate.

Generic: no maker's name, never a credential, always new connections. Every Reading's source says what was seen.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import selectors
import socket
import ssl
import time
import urllib.parse
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import contract, tls
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer, Endpoint, Key, Reading
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import NwcsError
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Limits, Target, Transport

SECONDS = 1.5  # a lost SYN is sent again after 1 s: shorter would call a busy port closed
DISCOVERY_SECONDS = 0.5  # WS-Discovery 1.1, APP_MAX_DELAY: so long may a device wait before it answers
_PICTURE_BYTES = 64 << 10  # enough of a picture or stream to know that it is given
_RTSP_BYTES = 64 << 10
ONVIF_PATH = "/onvif/device_service"  # the one address that every ONVIF device has
OPEN, REFUSED, SILENT = "open", "refused", "no answer"

# A standard WS-Discovery 2005/04 Probe without types: every device on the port may answer.
_PROBE = (
    '<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><e:Header><w:MessageID>urn:uuid:{id}</w:MessageID>'
    "<w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>"
    "<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>"
    "<e:Body><d:Probe/></e:Body></e:Envelope>"
)


def look(
    transport: Transport, endpoints: Sequence[Endpoint], ports: Mapping[str, Iterable[int]], seconds: float = SECONDS,
    http_off: bool = False,
) -> dict[Key, Reading]:  # fmt: skip
    """Look at a device from outside; keys services.*.open, auth.anonymous_api, accounts.anonymous_view,
    tls.certificate.* as far as `endpoints` and `ports` ({"telnet": [23, 2323]}) concern them.

    seconds: for all TCP connections together; each request after that has as long again. Raises nothing for what a
    device does: what could not be seen is UNVERIFIABLE with the reason.
    http_off: the device says that HTTP is off. Some leave the port open then, and answer nothing on it but the way to
    HTTPS: that counts as off.
    """
    target = transport.target
    sockets: dict[str, list[int]] = {name: list(numbers) for name, numbers in ports.items()}
    for endpoint in endpoints:
        if endpoint.service and endpoint.scheme != "udp":
            sockets.setdefault(endpoint.service, []).append(endpoint.port)
    numbers = {number for listed in sockets.values() for number in listed}
    numbers |= {endpoint.port for endpoint in endpoints if endpoint.scheme != "udp"}
    found: dict[Key, Reading] = {}
    try:
        place = _resolve(target)
    except OSError:
        return _nothing(sockets, endpoints, f"the name {target.host} cannot be looked up")
    probes = [_Discovery(place, endpoint) for endpoint in endpoints if endpoint.scheme == "udp"]
    try:
        seen = connect_all(place, numbers, seconds)
        alive = any(state in (OPEN, REFUSED) for state in seen.values())
        for name, listed in sockets.items():
            found["services", name, "open"] = _opened(listed, seen, seconds, alive)
        http = found.get(("services", "http", "open"))
        if http_off and http is not None and http.value is True:
            found["services", "http", "open"] = _leads_to_https(target, endpoints, seconds) or http
        found.update(_given(target, place, endpoints, seen, seconds))
        found.update(_certificate(transport, place, endpoints, seen, seconds))
        for probe in probes:
            found["services", probe.service, "open"] = probe.collect()
    finally:
        for probe in probes:
            probe.close()
    return found


# -- TCP ---------------------------------------------------------------------------------------------------------------
@dataclasses.dataclass(frozen=True)
class Place:
    """A resolved host: address family, address as sockets take it (port 0), our own address to use."""

    family: int
    address: tuple[Any, ...]
    source: str = ""

    def at(self, port: int) -> tuple[Any, ...]:
        return (self.address[0], port, *self.address[2:])

    def socket(self, kind: int) -> socket.socket:
        sock = socket.socket(self.family, kind)
        try:
            sock.setblocking(False)
            if self.source:
                sock.bind((self.source, 0))
        except OSError:
            sock.close()
            raise
        return sock


def _resolve(target: Target) -> Place:
    try:
        family, _kind, _proto, _name, address = socket.getaddrinfo(target.host, 0, type=socket.SOCK_STREAM)[0]
    except UnicodeError:
        raise OSError(errno.EINVAL, "not a host name") from None
    return Place(family, address, target.source_address)


def connect_all(place: Place, ports: Iterable[int], seconds: float) -> dict[int, str]:
    """Connect to all ports at the same time and close again: OPEN, REFUSED, SILENT, or the error in words."""
    seen: dict[int, str] = {}
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
        for port in sorted(set(ports)):
            try:
                sock = stack.enter_context(place.socket(socket.SOCK_STREAM))
                code = sock.connect_ex(place.at(port))
            except (OSError, OverflowError) as exc:
                seen[port] = _words(getattr(exc, "errno", None))
                continue
            if code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
                selector.register(sock, selectors.EVENT_WRITE, port)
            else:
                seen[port] = _state(sock, code)
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _events in selector.select(left):
                seen[key.data] = _state(key.fileobj, key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
                selector.unregister(key.fileobj)
        for key in selector.get_map().values():
            seen[key.data] = SILENT
    return seen


def _state(sock: Any, code: int) -> str:
    if code in (errno.ECONNREFUSED, errno.ECONNRESET):
        return REFUSED
    if code == errno.ETIMEDOUT:
        return SILENT
    if code:
        return _words(code)
    try:
        # On our own machine a connection to a free port can meet itself.
        return REFUSED if sock.getsockname() == sock.getpeername() else OPEN
    except OSError:
        return REFUSED  # accepted and reset at once


def _words(code: int | None) -> str:
    return os.strerror(code).lower() if code else "not possible"


def _opened(listed: Iterable[int], seen: Mapping[int, str], seconds: float, alive: bool) -> Reading:
    """Open when one of the ports is. Silence means filtered, so closed, but only if the device is there at all."""
    states = {port: seen.get(port, SILENT) for port in sorted(set(listed))}
    source = ", ".join(f"tcp {port} {state}" for port, state in states.items())
    if OPEN in states.values():
        return Reading.of(True, source)
    strange = [state for state in states.values() if state not in (REFUSED, SILENT)]
    if strange or not states:
        return Reading(contract.UNVERIFIABLE, None, strange[0] if strange else "no port is known", source)
    if SILENT in states.values():
        if not alive:
            return Reading(contract.UNVERIFIABLE, None, f"no port at all answered within {seconds:g} s", source)
        return Reading(contract.VALUE, False, f"no answer within {seconds:g} s: filtered", source)
    return Reading.of(False, source)


# -- what is given without a login -------------------------------------------------------------------------------------
def _given(
    target: Target, place: Place, endpoints: Sequence[Endpoint], seen: Mapping[int, str], seconds: float
) -> dict[Key, Reading]:
    groups: dict[Key, tuple[str, ...]] = {
        ("auth", "anonymous_api"): ("manage", "users"),
        ("accounts", "anonymous_view"): ("snapshot", "stream"),
    }
    found: dict[Key, Reading] = {}
    with contextlib.ExitStack() as stack:
        clients: dict[tuple[str, int, bool], Transport] = {}
        for key, purposes in groups.items():
            verdicts = []
            for endpoint in endpoints:
                if endpoint.purpose not in purposes or endpoint.open_ok or endpoint.scheme in ("udp", "tcp"):
                    continue
                state = seen.get(endpoint.port, SILENT)
                if state != OPEN:
                    verdicts.append((False if state == REFUSED else None, f"tcp {endpoint.port} {state}"))
                elif endpoint.scheme in ("rtsp", "rtsps"):
                    verdicts.append(_ask_rtsp(target, place, endpoint, seconds))
                else:
                    verdicts.append(_ask_http(target, endpoint, seconds, clients, stack))
            if verdicts:
                found[key] = _verdict(verdicts)
    return found


def _leads_to_https(target: Target, endpoints: Sequence[Endpoint], seconds: float) -> Reading | None:
    """Off, where every answer on the HTTP port is the way to HTTPS on the same device; None where it is not."""
    ports = {endpoint.port for endpoint in endpoints if endpoint.service == "http" and endpoint.scheme != "udp"}
    # What HTTPS offers as well: a page may lead on where the programs behind it still ask for a login in clear.
    paths = {"/", ONVIF_PATH, *(one.path for one in endpoints if one.scheme in ("http", "https") and one.path)}
    for port in sorted(ports):
        with contextlib.closing(Transport(_outside(target, "http", port, seconds, False))) as client:
            for path in sorted(paths):
                try:
                    answer = client.request("GET", path, login=False)
                except NwcsError:
                    return None
                there = urllib.parse.urlsplit(answer.headers.get("location", ""))
                if answer.status not in (301, 302, 303, 307, 308) or there.scheme != "https":
                    return None
                if there.hostname != target.host.strip("[]").lower():
                    return None
    told = ", ".join(f"tcp {port} leads to HTTPS and gives nothing else" for port in sorted(ports))
    return Reading.of(False, told) if ports else None


def _verdict(verdicts: Sequence[tuple[bool | None, str]]) -> Reading:
    source = ", ".join(dict.fromkeys(said for _given, said in verdicts))
    given = [verdict for verdict, _said in verdicts]
    if True in given:
        return Reading.of(True, source)
    if None not in given:
        return Reading.of(False, source)
    unclear = ", ".join(dict.fromkeys(said for verdict, said in verdicts if verdict is None))
    return Reading(contract.UNVERIFIABLE, None, f"cannot tell from: {unclear}", source)


def _ask_http(
    target: Target,
    endpoint: Endpoint,
    seconds: float,
    clients: dict[tuple[str, int, bool], Transport],
    stack: contextlib.ExitStack,
) -> tuple[bool | None, str]:
    picture = endpoint.purpose in ("snapshot", "stream") and endpoint.judge is None
    where = (endpoint.scheme, endpoint.port, picture)
    if where not in clients:
        client = Transport(_outside(target, endpoint.scheme, endpoint.port, seconds, picture))
        stack.callback(client.close)
        clients[where] = client
    said = f"{endpoint.method} {endpoint.scheme} {endpoint.port} {endpoint.path.partition('?')[0]}"
    try:
        answer = clients[where].request(
            endpoint.method, endpoint.path, body=endpoint.body, headers=dict(endpoint.headers), login=False
        )
    except NwcsError as error:
        status, reason = getattr(error, "status", None), getattr(error, "reason", "")
        if picture and status == 200 and reason in ("size", "slow"):
            return True, f"{said} 200"  # a picture larger than we want, or a stream without end
        return None, f"{said} {reason or 'failed'}"
    return _judge(endpoint, answer), f"{said} {answer.status}"


def _outside(target: Target, scheme: str, port: int, seconds: float, picture: bool) -> Target:
    """A stranger does not care for certificates, and does not wait long."""
    limits: Limits = dataclasses.replace(
        target.limits,
        connect_seconds=min(target.limits.connect_seconds, seconds),
        read_seconds=min(target.limits.read_seconds, max(seconds, 5.0)),
        total_seconds=min(target.limits.total_seconds, max(seconds, 5.0)),
        body_bytes=min(target.limits.body_bytes, _PICTURE_BYTES) if picture else target.limits.body_bytes,
    )
    return dataclasses.replace(target, scheme=scheme, port=port, tls_verify=False, limits=limits)


def _judge(endpoint: Endpoint, answer: Answer) -> bool | None:
    if endpoint.judge is not None:
        try:
            return endpoint.judge(answer)
        except NwcsError:  # the body is not what it should be
            return None
    if answer.status in (401, 403):
        return False
    if answer.status != 200:
        return None
    html = answer.headers.get("content-type", "").lower().startswith("text/html")
    if html and endpoint.purpose in ("snapshot", "stream"):
        return None  # a login page, not a picture
    return True


def _ask_rtsp(target: Target, place: Place, endpoint: Endpoint, seconds: float) -> tuple[bool | None, str]:
    said = f"DESCRIBE {endpoint.scheme} {endpoint.port} {endpoint.path.partition('?')[0]}"
    try:
        answer = describe_rtsp(target, place, endpoint, seconds)
    except (OSError, ValueError):
        return None, f"{said} failed"
    return _judge(endpoint, answer), f"{said} {answer.status}"


def describe_rtsp(target: Target, place: Place, endpoint: Endpoint, seconds: float) -> Answer:
    """One RTSP DESCRIBE without a login over TCP (RFC 2326). OSError or ValueError when no RTSP answer comes."""
    deadline = time.monotonic() + seconds
    if any(char <= " " or char == "\x7f" for char in endpoint.path):
        raise ValueError("path")
    host = f"[{target.host}]" if ":" in target.host else target.host
    lines = [f"DESCRIBE {endpoint.scheme}://{host}:{endpoint.port}{endpoint.path} RTSP/1.0", "CSeq: 1"]
    lines += ["Accept: application/sdp", "", ""]
    with place.socket(socket.SOCK_STREAM) as plain:
        plain.settimeout(seconds)
        plain.connect(place.at(endpoint.port))
        with contextlib.ExitStack() as stack:
            sock: socket.socket = plain
            if endpoint.scheme == "rtsps":
                context = tls.context(False, target.tls_min)
                sock = stack.enter_context(tls.handshake(context, plain, target.host, _left(deadline)))
            sock.settimeout(_left(deadline))
            sock.sendall("\r\n".join(lines).encode())
            return _read_rtsp(sock, deadline, endpoint.path.partition("?")[0])


def _read_rtsp(sock: socket.socket, deadline: float, path: str) -> Answer:
    data, need = b"", None
    while need is None or len(data) < need:
        if need is None and b"\r\n\r\n" in data:
            status, headers, start = _rtsp_head(data)
            length = headers.get("content-length", "0")
            need = start + (int(length) if length.isdecimal() and len(length) < 7 else 0)
            continue
        sock.settimeout(_left(deadline))
        piece = sock.recv(8192)
        if not piece and need is None:
            raise ValueError("no answer")
        data += piece
        if not piece or len(data) > _RTSP_BYTES:
            break
    if need is None:
        raise ValueError("no end")
    return Answer(status, headers, data[start:need], path)


def _rtsp_head(data: bytes) -> tuple[int, dict[str, str], int]:
    head, _sep, _rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("utf-8", "replace").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("RTSP/") or not (len(words[1]) == 3 and words[1].isdecimal()):
        raise ValueError("not RTSP")
    headers: dict[str, str] = {}
    for line in lines:
        name, _colon, value = line.partition(":")
        name = name.strip().lower()
        headers[name] = f"{headers[name]}\n{value.strip()}" if name in headers else value.strip()
    return int(words[1]), headers, len(head) + 4


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


# -- certificate -------------------------------------------------------------------------------------------------------
def _certificate(
    transport: Transport, place: Place, endpoints: Sequence[Endpoint], seen: Mapping[int, str], seconds: float
) -> dict[Key, Reading]:
    """From the connection in use if it is HTTPS, else from the first open TLS endpoint, management first."""
    target, data = transport.target, None
    source = f"tls {target.port}"
    if target.scheme == "https":
        data = transport.certificate()
    if data is None:
        secure = [endpoint for endpoint in endpoints if endpoint.scheme in ("https", "rtsps")]
        secure.sort(key=lambda endpoint: (endpoint.purpose != "manage", endpoint.scheme != "https"))
        port = next((endpoint.port for endpoint in secure if seen.get(endpoint.port) == OPEN), None)
        if port is None:
            return {}
        source = f"tls {port}"
        data = look_at_certificate(target, place, port, seconds)
    names = ("subject", "issuer", "san", "not_after", "sha256", "trusted")
    if data is None:
        failed = Reading(contract.UNREADABLE, None, "no TLS handshake", source)
        return {("tls", "certificate", name): failed for name in names}
    return {("tls", "certificate", name): Reading.of(data[name], source) for name in names}


def look_at_certificate(target: Target, place: Place, port: int, seconds: float) -> dict[str, Any] | None:
    """The certificate at `port`, whatever it is; trusted when target.tls_verify accepts it. None: no handshake."""
    deadline = time.monotonic() + 2 * seconds
    for verify in [target.tls_verify, False] if target.tls_verify is not False else [False]:
        try:
            with place.socket(socket.SOCK_STREAM) as plain:
                plain.settimeout(min(seconds, _left(deadline)))
                plain.connect(place.at(port))
                context = tls.context(verify, target.tls_min)
                with tls.handshake(context, plain, target.host, _left(deadline)) as sock:
                    return {**tls.describe(sock.getpeercert(True)), "trusted": verify is not False}
        except ssl.SSLCertVerificationError:
            continue
        except (OSError, ValueError):
            return None
    return None


# -- WS-Discovery ------------------------------------------------------------------------------------------------------
class _Discovery:
    """A probe over UDP to the device itself: sent at once, collected last, so that waiting costs nothing."""

    def __init__(self, place: Place, endpoint: Endpoint) -> None:
        self.service = endpoint.service or "ws_discovery"
        self._name = f"udp {endpoint.port}"
        self._data = endpoint.body or _PROBE.format(id=uuid.uuid4()).encode()
        self._sock: socket.socket | None = None
        self._error = ""
        self._refused = False
        try:
            self._sock = place.socket(socket.SOCK_DGRAM)
            self._sock.connect(place.at(endpoint.port))  # only the device's own answers, and its "port unreachable"
            self._sock.send(self._data)
        except (OSError, OverflowError) as exc:
            self._error = _words(getattr(exc, "errno", None))
        self._until = time.monotonic() + DISCOVERY_SECONDS

    def collect(self) -> Reading:
        answered = self._wait()
        if answered is None and not self._refused and not self._error:
            self._until = time.monotonic() + DISCOVERY_SECONDS / 2
            self._send()  # datagrams get lost; once more
            answered = self._wait()
        if answered:
            return Reading.of(True, f"{self._name} answered")
        if self._error:
            return Reading(contract.UNVERIFIABLE, None, self._error, f"{self._name} failed")
        if self._refused:
            return Reading.of(False, f"{self._name} refused")
        why = f"no answer within {DISCOVERY_SECONDS:g} s"
        return Reading(contract.VALUE, False, why, f"{self._name} no answer")

    def _send(self) -> None:
        try:
            self._sock.send(self._data)
        except ConnectionRefusedError:
            self._refused = True
        except OSError as exc:
            self._error = _words(exc.errno)

    def _wait(self) -> bool | None:
        if self._sock is None or self._error:
            return None
        try:
            self._sock.settimeout(max(0.001, self._until - time.monotonic()))
            return bool(self._sock.recv(65535))
        except ConnectionRefusedError:
            self._refused = True
        except (TimeoutError, BlockingIOError):
            pass
        except OSError as exc:
            self._error = _words(exc.errno)
        return None

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()


def _nothing(sockets: Mapping[str, Any], endpoints: Sequence[Endpoint], why: str) -> dict[Key, Reading]:
    names = list(sockets) + [endpoint.service or "ws_discovery" for endpoint in endpoints if endpoint.scheme == "udp"]
    return {("services", name, "open"): Reading(contract.UNVERIFIABLE, None, why) for name in names}

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
from raw_server import RawServer, answering, certificate, closed_port, http, read_request, server_context

from ansible_collections.nwcs.hardening.plugins.module_utils import probes
from ansible_collections.nwcs.hardening.plugins.module_utils.auth import Digest
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import UNREADABLE, UNVERIFIABLE, Endpoint
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import BadAnswer
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Limits, Target, Transport

API = ("auth", "anonymous_api")
VIEW = ("accounts", "anonymous_view")


def device(port: int = 80, **more) -> Transport:
    limits = Limits(connect_seconds=1, read_seconds=1, total_seconds=2)
    return Transport(
        Target(**{"name": "cam", "host": "127.0.0.1", "port": port, "scheme": "http", "limits": limits} | more)
    )


def look(*endpoints: Endpoint, transport: Transport | None = None, seconds: float = 1.0, **ports: list[int]):
    return probes.look(transport or device(), endpoints, ports, seconds)


@contextlib.contextmanager
def silent_port():
    """A listener whose queue is full drops what comes: like a port that a firewall filters."""
    with socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _unused in range(4):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        yield full.getsockname()[1]


@contextlib.contextmanager
def udp(answer: bytes | None, skip: int = 0):
    """A UDP socket that answers each datagram but the first `skip`; yields (port, datagrams that came)."""
    came: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(5)
        port = sock.getsockname()[1]

        def run() -> None:
            while True:
                try:
                    data, peer = sock.recvfrom(65535)
                except OSError:
                    return
                if data == b"stop":
                    return
                came.append(data)
                if answer is not None and len(came) > skip:
                    sock.sendto(answer, peer)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield port, came
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.sendto(b"stop", ("127.0.0.1", port))
            thread.join(5)


# -- TCP ---------------------------------------------------------------------------------------------------------------
def test_open_and_refused_ports():
    with answering(http()) as server, closed_port() as closed:
        found = look(Endpoint("web", "http", server.port, service="http"), telnet=[closed], ftp=[closed, server.port])
        assert found["services", "http", "open"].value is True
        assert found["services", "telnet", "open"].value is False
        assert found["services", "telnet", "open"].source == f"tcp {closed} refused"
        assert found["services", "ftp", "open"].value is True
        assert f"tcp {server.port} open" in found["services", "ftp", "open"].source
        assert server.requests == []  # connects only: nobody asked for more


def test_silence_is_closed_when_the_device_is_there():
    with silent_port() as silent, closed_port() as closed:
        begin = time.monotonic()
        found = look(ssh=[silent], telnet=[closed, silent], seconds=0.3)
        assert time.monotonic() - begin < 0.6  # all at the same time
        for name in ("ssh", "telnet"):
            reading = found["services", name, "open"]
            assert reading.value is False and "filtered" in reading.why and f"tcp {silent} no answer" in reading.source


def test_silence_of_everything_proves_nothing():
    with silent_port() as silent:
        reading = look(ssh=[silent], seconds=0.2)["services", "ssh", "open"]
        assert reading.state == UNVERIFIABLE and "no port at all" in reading.why


def test_no_route_and_unknown_names_prove_nothing():
    found = look(Endpoint("service", "udp", 3702), transport=device(source_address="192.0.2.1"), ssh=[22])
    assert {reading.state for reading in found.values()} == {UNVERIFIABLE}
    found = look(Endpoint("service", "udp", 3702), transport=device(host="no-such-name.invalid"), ssh=[22])
    assert {reading.state for reading in found.values()} == {UNVERIFIABLE}
    assert set(found) == {("services", "ssh", "open"), ("services", "ws_discovery", "open")}


def test_many_ports_need_no_more_time_than_one():
    with contextlib.ExitStack() as stack:
        listed = [stack.enter_context(closed_port()) for _unused in range(200)]
        begin = time.process_time()
        assert look(telnet=listed)["services", "telnet", "open"].value is False
        assert time.process_time() - begin < 0.3


# -- without a login ---------------------------------------------------------------------------------------------------
def given(key, *answers: tuple[bytes, str], judge=None):
    """The reading of `key` when endpoints of these purposes answer like this, each on its own port."""
    with contextlib.ExitStack() as stack:
        endpoints = []
        for answer, purpose in answers:
            server = stack.enter_context(answering(answer))
            endpoints.append(Endpoint(purpose, "http", server.port, "/x?token=secret", judge=judge))
        return look(*endpoints)[key]


NO, YES, ODD = http(b"", "401 No"), http(b"data"), http(b"", "404 No")


@pytest.mark.parametrize(
    "answers, value",
    [
        ([(NO, "manage"), (http(b"", "403 No"), "users")], False),
        ([(NO, "manage"), (YES, "users")], True),
        ([(ODD, "manage"), (YES, "users")], True),
        ([(NO, "manage"), (ODD, "users")], None),
        ([(b"", "manage")], None),
    ],
)
def test_anonymous_api(answers, value):
    reading = given(API, *answers)
    assert reading.value is value and (reading.state == UNVERIFIABLE) == (value is None)
    assert "secret" not in reading.source + reading.why
    assert "http" in reading.source


def test_judge_decides_and_may_fail():
    assert given(API, (YES, "manage"), judge=lambda answer: answer.body != b"data").value is False

    def broken(_answer):
        raise BadAnswer("no")

    assert given(API, (YES, "manage"), judge=broken).state == UNVERIFIABLE


def test_no_credentials_are_ever_sent_and_the_path_in_use_is_not_touched():
    with answering(http(b"", "401 No", 'WWW-Authenticate: Digest realm="r", nonce="n"')) as server:
        transport = device(server.port)
        transport.auth = Digest("ops", "pw")
        assert look(Endpoint("manage", "http", server.port), transport=transport)[API].value is False
        assert len(server.requests) == 1 and b"Authorization" not in server.requests[0]
        assert transport.requests == 0


def test_start_pages_and_other_purposes_are_not_judged():
    with answering(YES) as server:
        found = look(Endpoint("manage", "http", server.port, open_ok=True), Endpoint("web", "http", server.port))
        assert API not in found and VIEW not in found and server.requests == []


def test_closed_port_gives_nothing_and_a_filtered_one_proves_nothing():
    with closed_port() as closed, silent_port() as silent:
        assert look(Endpoint("stream", "rtsp", closed))[VIEW].value is False
        assert look(Endpoint("stream", "rtsp", silent), seconds=0.2)[VIEW].state == UNVERIFIABLE


@pytest.mark.parametrize(
    "answer, value",
    [
        (http(b"\xff\xd8\xff", "200 OK", "Content-Type: image/jpeg"), True),
        (http(bytes(1 << 20), "200 OK", "Content-Type: image/jpeg"), True),  # larger than we want to load
        (http(b"<html>", "200 OK", "Content-Type: text/html"), None),  # a login page
        (NO, False),
    ],
)
def test_snapshot(answer, value):
    assert given(VIEW, (answer, "snapshot")).value is value


def test_stream_without_end_is_given():
    def serve(conn, _number):
        read_request(conn)
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace\r\n\r\n")
        while True:
            conn.sendall(bytes(10000))

    with RawServer(serve) as server:
        assert look(Endpoint("stream", "http", server.port))[VIEW].value is True


# -- RTSP --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "answer, value",
    [
        (b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest\r\nWWW-Authenticate: Basic\r\n\r\n", False),
        (b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 4\r\n\r\nv=0\n", True),
        (b"RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\n\r\n", None),
        (b"RTSP/1.0 two OK\r\n\r\n", None),
        (b"RTSP/1.0 200 OK\r\n", None),
        (b"x" * 100_000, None),
        (b"", None),
    ],
)
def test_rtsp(answer, value):
    with answering(answer, close=True) as server:
        reading = look(Endpoint("stream", "rtsp", server.port, "/live?x=secret", service="rtsp"))[VIEW]
        assert reading.value is value
        assert reading.source.startswith(f"DESCRIBE rtsp {server.port} /live ")
        assert b"DESCRIBE rtsp://127.0.0.1:%d/live?x=secret RTSP/1.0" % server.port in server.requests[0]
        assert b"Authorization" not in server.requests[0]


def test_silent_rtsp_ends_in_time():
    with RawServer(lambda conn, number: server.stop.wait(5)) as server:
        begin = time.monotonic()
        assert look(Endpoint("stream", "rtsp", server.port), seconds=0.3)[VIEW].state == UNVERIFIABLE
        assert time.monotonic() - begin < 0.8


def test_rtsp_path_cannot_smuggle_lines():
    with answering(b"RTSP/1.0 401 No\r\n\r\n") as server:
        assert look(Endpoint("stream", "rtsp", server.port, "/a\r\nX: y"))[VIEW].state == UNVERIFIABLE
        assert server.requests == []


def test_rtsps(tmp_path):
    cert, key = certificate("127.0.0.1")
    server = answering(b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
    server._context = server_context(tmp_path, cert, key)
    with server:
        found = look(Endpoint("stream", "rtsps", server.port), transport=device(tls_verify=False))
        assert found[VIEW].value is True
        assert found["tls", "certificate", "subject"].value == "CN=cam.test"


# -- certificate -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("trusted", [True, False])
def test_certificate_of_another_port(tmp_path, trusted):
    cert, key = certificate("127.0.0.1")
    server = answering(NO)
    server._context = server_context(tmp_path, cert, key)
    verify = cert if trusted else certificate("127.0.0.1")[0]
    with server:
        found = look(Endpoint("manage", "https", server.port), transport=device(tls_verify=verify))
        assert found["tls", "certificate", "trusted"].value is trusted
        assert found["tls", "certificate", "san"].value == ["127.0.0.1"]
        assert found["tls", "certificate", "sha256"].source == f"tls {server.port}"
        assert found[API].value is False  # a stranger does not care for the certificate


def test_certificate_of_the_connection_in_use_needs_no_other(tmp_path):
    cert, key = certificate("127.0.0.1")
    server = answering(NO)
    server._context = server_context(tmp_path, cert, key)
    with server:
        transport = device(server.port, scheme="https", tls_verify=cert)
        transport.request("GET", "/")
        found = look(transport=transport)
        assert found["tls", "certificate", "trusted"].value is True
        assert server.connections == 1


def test_no_certificate_where_nothing_speaks_tls():
    with answering(NO, close=True) as server:
        found = look(Endpoint("web", "https", server.port), transport=device(tls_verify=False), seconds=0.3)
        assert found["tls", "certificate", "sha256"].state == UNREADABLE
    with closed_port() as closed:
        assert not any(key[0] == "tls" for key in look(Endpoint("web", "https", closed)))


# -- WS-Discovery ------------------------------------------------------------------------------------------------------
DISCOVERY = ("services", "ws_discovery", "open")


def test_discovery_answers():
    with udp(b"<ProbeMatches/>") as (port, came):
        assert look(Endpoint("service", "udp", port))[DISCOVERY].value is True
        assert len(came) == 1 and came[0].startswith(b"<?xml") and b"discovery/Probe" in came[0]


def test_discovery_is_asked_twice_because_datagrams_get_lost():
    with udp(b"<ProbeMatches/>", skip=1) as (port, came):
        assert look(Endpoint("service", "udp", port))[DISCOVERY].value is True
        assert len(came) == 2


def test_discovery_silent_or_refused_is_closed():
    with udp(None) as (port, _came):
        begin = time.monotonic()
        reading = look(Endpoint("service", "udp", port, service="ws_discovery"))[DISCOVERY]
        assert reading.value is False and "no answer" in reading.why
        assert time.monotonic() - begin < 1.2
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    reading = look(Endpoint("service", "udp", port))[DISCOVERY]
    assert reading.value is False and reading.source == f"udp {port} refused"


def test_discovery_sends_what_the_driver_says():
    with udp(b"x") as (port, came):
        look(Endpoint("service", "udp", port, service="sdk", body=b"hello"))
        assert came == [b"hello"]

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import socket
import struct
import time
import traceback

import pytest
from raw_server import RawServer, answering, certificate, closed_port, http, read_request, server_context

from ansible_collections.nwcs.hardening.plugins.module_utils import tls
from ansible_collections.nwcs.hardening.plugins.module_utils.auth import Basic, Digest
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    InputError,
    NwcsError,
    TlsError,
    Unreachable,
    WrongCertificate,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Limits, Target, Transport

SECRET = "s3cret-query"
QUICK = Limits(connect_seconds=1, read_seconds=0.3, total_seconds=0.8, body_bytes=100_000)


def transport(port: int, limits: Limits = QUICK, auth=None, **more) -> Transport:
    return Transport(
        Target(**{"name": "cam-07", "host": "127.0.0.1", "port": port, "scheme": "http"} | more | {"limits": limits}),
        auth,
    )


def fails(device: Transport, cls: type[NwcsError], reason: str, method: str = "POST", **more) -> NwcsError:
    """The request fails with this class and reason, says who and what, and holds no secret anywhere."""
    headers = {"X-Secret": SECRET}
    with pytest.raises(cls) as caught:
        device.request(method, f"/api/x?pwd={SECRET}", body=SECRET.encode(), headers=headers, **more)
    error = caught.value
    assert error.reason == reason, error
    assert str(error).startswith(f"cam-07: {method} /api/x: ")
    assert error.__cause__ is None and error.__context__ is None
    assert SECRET not in "".join(traceback.format_exception(error))
    return error


# -- plain exchanges ---------------------------------------------------------------------------------------------------
def test_answer_and_kept_alive_connection():
    with answering(http(b"one", "200 OK", "X-A: 1", "x-a: 2"), http(b"two", "500 Oops")) as server:
        device = transport(server.port)
        first = device.request("POST", "/api?secret=1", body=b"hello", headers={"Content-Type": "text/xml"})
        second = device.request("GET", "/b")
        assert (first.status, first.body, first.headers["x-a"], first.path) == (200, b"one", "1\n2", "/api")
        assert (second.status, second.body) == (500, b"two")
        assert (server.connections, device.requests) == (1, 2)
        head, _sep, body = server.requests[0].partition(b"\r\n\r\n")
        assert body == b"hello"
        assert head.split(b"\r\n") == [
            b"POST /api?secret=1 HTTP/1.1",
            b"Host: 127.0.0.1:%d" % server.port,
            b"Content-Type: text/xml",
            b"Content-Length: 5",
        ]
        assert device.local_address() == "127.0.0.1"
        assert device.certificate() is None
        device.close()


def test_empty_post_says_its_length():
    with answering(http()) as server:
        transport(server.port).request("POST", "/")
        assert b"Content-Length: 0\r\n" in server.requests[0]


def test_redirect_is_an_answer_and_not_followed():
    with closed_port() as other, answering(http(b"", "302 Found", f"Location: http://127.0.0.1:{other}/")) as server:
        answer = transport(server.port).request("GET", "/")
        assert answer.status == 302
        assert answer.headers["location"].endswith(f":{other}/")
        assert len(server.requests) == 1


def test_proxy_of_the_environment_is_not_used(monkeypatch):
    with closed_port() as proxy, answering(http(b"direct")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        assert transport(server.port).request("GET", "/").body == b"direct"


def test_chunked_and_until_close_and_compressed():
    import gzip
    import zlib

    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with answering(chunked) as server:
        device = transport(server.port)
        assert [device.request("GET", "/").body for _unused in range(2)] == [b"abcde"] * 2
        assert server.connections == 1
    with answering(b"HTTP/1.0 200 OK\r\n\r\nuntil the end", close=True) as server:
        assert transport(server.port).request("GET", "/").body == b"until the end"
    for packed, coding in ((gzip.compress(b"plain"), "gzip"), (zlib.compress(b"plain"), "deflate")):
        with answering(http(packed, "200 OK", f"Content-Encoding: {coding}")) as server:
            assert transport(server.port).request("GET", "/").body == b"plain"


def test_early_answer_while_the_request_is_being_sent():
    def serve(conn, _number):
        conn.recv(100)
        conn.sendall(http(b"too large", "413 Too Large", "Connection: close"))
        conn.shutdown(socket.SHUT_WR)
        while conn.recv(65536):
            pass

    with RawServer(serve) as server:
        assert transport(server.port).request("POST", "/", body=b"x" * 3_000_000).status == 413


# -- broken answers (H31, H32) -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "answer, reason",
    [
        (b"", "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "truncated"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "truncated"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "truncated"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "truncated"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n", "truncated"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", "surplus"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "protocol"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3000000000\r\n\r\n", "size"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", "truncated"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc", "protocol"),
    ],
)
def test_broken_answer(answer, reason):
    with answering(answer, close=True) as server:
        fails(transport(server.port), BadAnswer, reason)


def test_cut_inside_the_headers_is_no_answer():
    """Headers without the blank line: http.client takes what came. It must not pass as a complete answer."""
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", close=True) as server:
        fails(transport(server.port), BadAnswer, "truncated")


def test_long_body_does_not_poison_the_next_request():
    def serve(conn, number):
        while request := read_request(conn):
            server.requests.append(request)
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
            if number == 0:  # the rest comes when the client believes that all is read
                time.sleep(0.05)
                conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")

    with RawServer(serve) as server:
        device = transport(server.port)
        assert device.request("GET", "/").body == b"abc"
        server.stop.wait(0.15)
        assert device.request("GET", "/").body == b"abc"
        assert server.connections == 2


def test_line_break_behind_the_body_is_forgiven():
    with answering(http(b"abc") + b"\r\n") as server:
        device = transport(server.port)
        assert [device.request("GET", "/").body for _unused in range(2)] == [b"abc"] * 2


@pytest.mark.parametrize("head", [b"Transfer-Encoding: chunked", b"Content-Length: 209715200", b"X: y"])
def test_huge_body_is_stopped_at_the_limit(head):
    sent = [0]

    def serve(conn, _number):
        read_request(conn)
        conn.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
        piece = b"x" * 65536
        if b"chunked" in head:
            piece = b"10000\r\n" + piece + b"\r\n"
        while sent[0] < 200 << 20:
            conn.sendall(piece)
            sent[0] += len(piece)

    with RawServer(serve) as server:
        fails(transport(server.port, Limits(body_bytes=1 << 20, total_seconds=10)), BadAnswer, "size")
    assert sent[0] < 40 << 20


def test_compressed_bomb_is_stopped_at_the_limit():
    import gzip

    with answering(http(gzip.compress(bytes(50 << 20)), "200 OK", "Content-Encoding: gzip")) as server:
        fails(transport(server.port), BadAnswer, "size")


def slow(piece: bytes, every: float, head: bytes = b""):
    def serve(conn, _number):
        read_request(conn)
        conn.sendall(head)
        while piece and not server.stop.wait(every):
            conn.sendall(piece)
        server.stop.wait(5)

    server = RawServer(serve)
    return server


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


@pytest.mark.parametrize(
    "piece, head, cls, reason, seconds",
    [
        (b"", b"", Unreachable, "timeout", QUICK.read_seconds),  # silence
        (b"", HEAD, BadAnswer, "slow", QUICK.read_seconds),  # silence in the middle
        (b"x", HEAD, BadAnswer, "slow", QUICK.total_seconds),  # drips, body
        (
            b"1\r\nx\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            BadAnswer,
            "slow",
            QUICK.total_seconds,
        ),
        (b"X", b"HTTP/1.1 200 OK\r\n", BadAnswer, "slow", QUICK.total_seconds),  # drips, header
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"", BadAnswer, "slow", QUICK.total_seconds),
    ],
)
def test_slow_device_ends_in_time(piece, head, cls, reason, seconds):
    with slow(piece, 0.05, head) as server:
        begin = time.monotonic()
        fails(transport(server.port), cls, reason)
        assert seconds - 0.01 <= time.monotonic() - begin < seconds + 0.4


def test_limits_hold_while_sending():
    with RawServer(lambda conn, number: server.stop.wait(5)) as server:
        begin = time.monotonic()
        with pytest.raises(Unreachable):
            transport(server.port).request("POST", "/", body=b"x" * (32 << 20))
        assert time.monotonic() - begin < 1.5


# -- connections that end ----------------------------------------------------------------------------------------------
def closing_after(answers: int, wait: bool) -> RawServer:
    """Closes the first connection: when idle (wait=False), or only after it has read one more request."""

    def serve(conn, number):
        count = 0
        while request := read_request(conn):
            server.requests.append(request)
            if number == 0 and count == answers:
                return
            conn.sendall(http(b"ok"))
            count += 1
            if number == 0 and count == answers and not wait:
                return

    server = RawServer(serve)
    return server


def test_connection_closed_while_idle_is_opened_again_also_for_a_write():
    with closing_after(1, wait=False) as server:
        device = transport(server.port)
        device.request("POST", "/")
        server.stop.wait(0.1)
        assert device.request("POST", "/").body == b"ok"
        assert len(server.requests) == 2 and server.connections == 2


def test_reading_is_sent_again_once_and_a_write_never():
    for more in ({"method": "GET"}, {"method": "POST", "idempotent": True}):
        with closing_after(1, wait=True) as server:
            device = transport(server.port)
            method = more.pop("method")
            device.request(method, "/", **more)
            assert device.request(method, "/", **more).body == b"ok"
            assert len(server.requests) == 3 and device.requests == 3
    with closing_after(1, wait=True) as server:
        device = transport(server.port)
        device.request("POST", "/")
        fails(device, BadAnswer, "closed")
        assert len(server.requests) == 2


def test_new_connection_that_dies_is_not_tried_again():
    with answering(http(), b"", close=True) as server:
        device = transport(server.port)
        device.request("GET", "/")
        device.close()
        fails(device, BadAnswer, "closed", method="GET")
        assert server.connections == 2


def test_reset_without_a_byte():
    def serve(conn, _number):
        read_request(conn)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with RawServer(serve) as server:
        fails(transport(server.port), BadAnswer, "closed")


def test_write_uses_no_connection_that_was_idle_for_long(monkeypatch):
    with answering(http()) as server:
        device = transport(server.port)
        device.request("POST", "/")
        device.request("POST", "/")
        assert server.connections == 1
        monkeypatch.setattr("ansible_collections.nwcs.hardening.plugins.module_utils.transport.IDLE_SECONDS", -1.0)
        device.request("GET", "/")
        assert server.connections == 1
        device.request("POST", "/")
        assert server.connections == 2


# -- no connection -----------------------------------------------------------------------------------------------------
def test_refused_port_says_so():
    with closed_port() as port:
        error = fails(transport(port), Unreachable, "refused")
        assert f"nothing listens on 127.0.0.1:{port}: wrong port, or the service is off." in str(error)


def test_unknown_name_says_so():
    assert "no-such-name.invalid" in str(fails(transport(80, host="no-such-name.invalid"), Unreachable, "name"))
    fails(transport(80, host="a" * 70 + ".example"), Unreachable, "network")


def test_no_connection_within_the_time():
    with socket.socket() as full:  # a listener whose queue is full drops what comes
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _unused in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        error = fails(transport(port, Limits(connect_seconds=0.3)), Unreachable, "timeout")
        assert "within 0.3 s" in str(error)
        for sock in waiting:
            sock.close()


def test_source_address():
    with answering(http()) as server:
        device = transport(server.port, source_address="127.0.0.9")
        device.request("GET", "/")
        assert device.local_address() == "127.0.0.9"
        fails(transport(server.port, source_address="192.0.2.1"), Unreachable, "network")


# -- what cannot be sent -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "method, path, headers",
    [
        ("GET", "/a b", {}),
        ("GET", "/a\r\nX: y", {}),
        ("GET", "no-slash", {}),
        ("GE T", "/", {}),
        ("GET", "/", {"A": "b\r\nC: d"}),
        ("GET", "/", {"A b": "c"}),
        ("GET", "/\ud800", {}),
    ],
)
def test_request_that_cannot_be_sent(method, path, headers):
    with answering(http()) as server:
        with pytest.raises(InputError) as caught:
            transport(server.port).request(method, path, headers=headers)
        assert "\n" not in str(caught.value) and "C: d" not in str(caught.value)
        assert server.requests == []


@pytest.mark.parametrize(
    "wrong",
    [{"port": 0}, {"port": "80"}, {"port": True}, {"scheme": "ftp"}, {"host": ""}, {"host": "a/b"}, {"tls_min": "3"},
     {"tls_verify": None}, {"limits": {"read_seconds": 0}}, {"limits": {"depth": "many"}}, {"limits": {"speed": 1}}],
)  # fmt: skip
def test_target_says_what_is_wrong(wrong):
    with pytest.raises(InputError):
        Target.from_dict({"name": "a", "host": "h", "port": 80} | wrong)


def test_ipv6_address_is_bracketed():
    assert Target("a", "fe80::1%eth0", 8080).place == "[fe80::1%eth0]:8080"


def test_target_is_plain_data():
    target = Target("a", "h", 443, limits=Limits(depth=3))
    assert Target.from_dict(target.to_dict()) == target
    assert target.to_dict()["limits"]["depth"] == 3


# -- login -------------------------------------------------------------------------------------------------------------
CHALLENGE = 'WWW-Authenticate: Digest realm="cam", nonce="abc", qop="auth"'


def test_digest_is_asked_once_and_the_nonce_used_again():
    with answering(http(b"", "401 No", CHALLENGE), http(b"in")) as server:
        device = transport(server.port, auth=Digest("ops", "pw"))
        assert [device.request("POST", "/x?q=1", body=b"b").status for _unused in range(2)] == [200, 200]
        assert [b"Authorization" in request for request in server.requests] == [False, True, True]
        assert b'uri="/x?q=1"' in server.requests[1] and b"nc=00000001" in server.requests[1]
        assert b"nc=00000002" in server.requests[2]


def test_refused_login_is_one_attempt():
    with answering(http(b"", "401 No", CHALLENGE)) as server:
        device = transport(server.port, auth=Digest("ops", "wrong"))
        assert device.request("GET", "/").status == 401
        assert len(server.requests) == 2


def test_login_false_sends_no_credentials():
    with answering(http(b"", "401 No", CHALLENGE)) as server:
        device = transport(server.port, auth=Digest("ops", "pw"))
        assert device.request("GET", "/", login=False).status == 401
        assert len(server.requests) == 1
        assert device.via().auth is None


def test_realm_goes_back_byte_for_byte():
    realm = "カメラ".encode() + b" \xff"
    challenge = (
        b'HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: Digest realm="%s", nonce="n"\r\n\r\n' % realm
    )
    with answering(challenge, http()) as server:
        transport(server.port, auth=Digest("ops", "pw")).request("GET", "/")
        assert b'realm="%s"' % realm in server.requests[1]


def test_basic_never_over_plain_http_unless_allowed():
    with answering(http()) as server:
        with pytest.raises(InputError) as caught:
            transport(server.port, auth=Basic("ops", "pw")).request("GET", "/")
        assert "in clear" in str(caught.value) and server.requests == []
        transport(server.port, auth=Basic("ops", "pw"), basic_over_http=True).request("GET", "/")
        assert b"Authorization: Basic b3BzOnB3" in server.requests[0]


def test_via_changes_scheme_and_port_only():
    device = transport(8080, auth=Digest("a", "b"), tls_verify=False)
    assert device.via(scheme="https").target.port == 443
    assert device.via(port=81).target.port == 81 and device.via(port=81).target.scheme == "http"
    assert device.via().target == device.target


# -- TLS ---------------------------------------------------------------------------------------------------------------
def secure_server(tmp_path, *names, days=30):
    cert, key = certificate(*names, days=days)
    server = answering(http(b"secure"))
    server._context = server_context(tmp_path, cert, key)
    return server, cert


def test_verified_against_pem_text(tmp_path):
    server, pem = secure_server(tmp_path, "127.0.0.1")
    with server:
        device = transport(server.port, scheme="https", tls_verify=pem)
        assert [device.request("GET", "/").body for _unused in range(2)] == [b"secure"] * 2
        assert server.connections == 1
        seen = device.certificate()
        assert seen["trusted"] is True
        assert seen["subject"] == seen["issuer"] == "CN=cam.test"
        assert seen["san"] == ["127.0.0.1"]
        assert seen["not_after"].endswith("Z") and len(seen["sha256"]) == 64


def test_unverified_is_used_but_not_trusted(tmp_path):
    server, _pem = secure_server(tmp_path, "other.test")
    with server:
        device = transport(server.port, scheme="https", tls_verify=False)
        assert device.request("GET", "/").body == b"secure"
        assert device.certificate()["trusted"] is False


def test_another_certificate_in_the_same_session_gets_nothing(tmp_path):
    server, _pem = secure_server(tmp_path, "127.0.0.1")
    with server:
        device = transport(server.port, scheme="https", tls_verify=False)
        device.request("GET", "/")
        first = device.certificate()
        server._context = server_context(tmp_path, *certificate("127.0.0.1"))
        device.close()
        assert "another certificate than before" in str(fails(device, WrongCertificate, "certificate"))
        assert device.certificate() == first
        assert len(server.requests) == 1
        fails(device.via(), WrongCertificate, "certificate")
        assert Transport(device.target).request("GET", "/").body == b"secure"  # a new session may look again


def test_name_mismatch_says_the_names(tmp_path):
    server, pem = secure_server(tmp_path, "cam.test", "192.0.2.7")
    with server:
        device = transport(server.port, scheme="https", tls_verify=pem)
        error = fails(device, TlsError, "certificate")
        assert "not for 127.0.0.1, it names cam.test, 192.0.2.7" in str(error)
        assert device.certificate()["trusted"] is False
        assert server.requests == []


def test_unknown_issuer_and_expiry_say_so(tmp_path):
    server, _pem = secure_server(tmp_path, "127.0.0.1")
    other, _key = certificate("127.0.0.1")
    with server:
        for verify in (other, True):
            error = fails(transport(server.port, scheme="https", tls_verify=verify), TlsError, "certificate")
            assert "not signed by a trusted CA (issuer CN=cam.test)" in str(error)
    server, pem = secure_server(tmp_path, "127.0.0.1", days=-2)
    with server:
        error = fails(transport(server.port, scheme="https", tls_verify=pem), TlsError, "certificate")
        assert "has expired (20" in str(error)


def test_pem_that_is_none():
    with answering(http()) as server, pytest.raises(InputError):
        transport(server.port, scheme="https", tls_verify="not a certificate").request("GET", "/")


def test_https_to_a_plain_port_says_so():
    with RawServer(lambda conn, number: conn.recv(9999)) as server:
        error = fails(transport(server.port, scheme="https", tls_verify=False), TlsError, "tls")
        assert "closes the connection during the TLS handshake" in str(error)

    def serve(conn, _number):
        conn.recv(1000)
        conn.sendall(http(b"", "400 Bad Request"))

    with RawServer(serve) as server:
        error = fails(transport(server.port, scheme="https", tls_verify=False), TlsError, "scheme")
        assert "looks like plain HTTP" in str(error) and "nwcs_scheme to http" in str(error)


def test_http_to_a_tls_port_says_so(tmp_path):
    server, _pem = secure_server(tmp_path, "127.0.0.1")
    with server:
        error = fails(transport(server.port), TlsError, "scheme")
        assert "speaks TLS, not plain HTTP. Set nwcs_scheme to https." in str(error)
    with answering(b"\x15\x03\x01\x00\x02\x02\x46", close=True) as server:  # an alert in the open
        assert "speaks TLS" in str(fails(transport(server.port), TlsError, "scheme"))
    text = b"<html>The plain HTTP request was sent to HTTPS port</html>"
    with answering(http(text, "400 Bad Request")) as server:
        assert "nwcs_scheme to https" in str(fails(transport(server.port), TlsError, "scheme"))


def test_silent_tls_port_ends_in_time():
    with RawServer(lambda conn, number: server.stop.wait(5)) as server:
        begin = time.monotonic()
        fails(transport(server.port, scheme="https", tls_verify=False), TlsError, "timeout")
        assert time.monotonic() - begin < 1.0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_only_when_allowed(tmp_path):
    import ssl

    server, _pem = secure_server(tmp_path, "127.0.0.1")
    server._context.minimum_version = ssl.TLSVersion.TLSv1
    server._context.maximum_version = ssl.TLSVersion.TLSv1_1
    server._context.set_ciphers("ALL:@SECLEVEL=0")
    with server:
        error = fails(transport(server.port, scheme="https", tls_verify=False), TlsError, "tls")
        assert "1.2" in str(error)
        old = transport(server.port, scheme="https", tls_verify=False, tls_min="1.0")
        assert old.request("GET", "/").body == b"secure"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_one_context_per_way_of_verifying():
    assert tls.context(False) is tls.context(False)
    assert tls.context(False) is not tls.context(False, "1.1")


def test_certificate_that_no_library_reads_has_its_fingerprint():
    import hashlib

    assert tls.describe(b"junk") == {
        "subject": "", "issuer": "", "san": [], "not_after": "", "sha256": hashlib.sha256(b"junk").hexdigest(),
    }  # fmt: skip


def test_a_certificate_that_is_not_pinned_gets_nothing(tmp_path):
    server, _pem = secure_server(tmp_path, "127.0.0.1")
    with server:
        device = transport(server.port, scheme="https", tls_verify=False)
        device.request("GET", "/")
        digest = device.certificate()["sha256"]
        asked = server.connections
        pinned = transport(server.port, scheme="https", tls_verify=False, pins=("00" * 32, digest))
        assert pinned.request("GET", "/").body == b"secure"
        wrong = transport(server.port, scheme="https", tls_verify=False, pins=("00" * 32,))
        said = str(fails(wrong, WrongCertificate, "certificate"))
        assert digest in said and "[guard: pin]" in said and "nwcs_pins" in said
        assert wrong.requests == 0 and len(server.requests) == 2, (asked, server.requests)
        # A service at another port may have a certificate of its own; a copy for the same place keeps the pins.
        assert wrong.via("https", 1).target.pins == () and wrong.via().target.pins == ("00" * 32,)

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets, restarts, filters and wire faults of the lab's core, seen with raw clients."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import ssl
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from core_box import BODY, Box, box, two

from ansible_collections.nwcs.hardening.lab.base import LabError, check_loopback
from ansible_collections.nwcs.hardening.lab.certs import CertStore
from ansible_collections.nwcs.hardening.lab.server import LabServer
from ansible_collections.nwcs.hardening.lab.testing import is_open, running_lab


@pytest.fixture
def lab():
    with running_lab(box) as running:
        yield running


def get(device, path="/", method="GET", body=None, timeout=5.0):
    connection = http.client.HTTPConnection(device.address, device.ports["http"], timeout=timeout)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def raw(device, seconds=2.0, path="/", until=None):
    """Everything the device sends to one request within `seconds`, and whether it closed."""
    data, deadline = b"", time.monotonic() + seconds
    with socket.create_connection((device.address, device.ports["http"])) as sock:
        sock.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
        while (left := deadline - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                part = sock.recv(65536)
            except TimeoutError:
                break
            if not part:
                return data, True
            data += part
            if until and len(data) >= until:
                break
    return data, False


def test_starts_fast_and_leaves_nothing(tmp_path):
    start = time.monotonic()
    with running_lab(box) as lab:
        assert time.monotonic() - start < 0.3
        device = lab.device("box")
        directory = lab.directory
        assert get(device) == (200, BODY)
    assert not is_open(device.address, device.ports["http"])
    assert not directory.exists()


def test_one_connection_carries_many_requests_and_has_one_number(lab):
    device = lab.device("box")
    connection = http.client.HTTPConnection(device.address, 8080, timeout=5)
    for body in (b"one", b"", b"x" * 100_000):
        connection.request("POST", "/echo?a=1", body)
        answer = connection.getresponse()
        assert answer.read() == body
        assert ("X-Mixed-CASE", "kept") in answer.getheaders()
        assert answer.getheader("Server") is None and answer.getheader("Date") is None
    connection.close()
    get(device)
    first, second, third, fourth = device.connections_seen
    assert first == second == third != fourth
    assert [entry.path for entry in lab.writes("box")] == ["/echo"] * 3


def test_chunked_head_and_http_1_0(lab):
    device = lab.device("box")
    assert get(device, "/chunked") == (200, BODY)
    assert get(device, "/", "HEAD") == (200, b"")
    with socket.create_connection((device.address, 8080), 5) as sock:
        sock.sendall(b"GET /chunked HTTP/1.0\r\n\r\n")
        data = sock.makefile("rb").read()
    assert b"chunked" not in data.lower().split(b"\r\n\r\n")[0] and data.endswith(BODY)


def test_service_switched_off_closes_socket_and_established_connections_after_its_answer(lab):
    device = lab.device("box")
    idle = socket.create_connection((device.address, 8080), 5)
    half = socket.create_connection((device.address, 8080), 5)
    half.sendall(b"GET / HTTP/1.1\r\nHos")
    assert get(device, "/off") == (200, BODY)
    assert not is_open(device.address, 8080)
    assert is_open(device.address, 8554)
    for sock in (idle, half):
        with pytest.raises(ConnectionError):
            assert sock.recv(10), "closed with FIN"
            raise AssertionError
        sock.close()
    device.services.add("http")  # from outside: the lab sees it by itself
    lab.wait(lambda: is_open(device.address, 8080), 0.5)
    assert ("http", 8080) in lab.sockets("box")


def test_restart_cuts_all_and_refuses_until_it_is_over(lab):
    device = lab.device("box")
    others = [socket.create_connection((device.address, port), 5) for port in (8080, 8443, 8554, 2323)]
    assert others[3].recv(100) == b"SIMULATED login: "
    start = time.monotonic()
    assert get(device, "/restart") == (200, BODY)
    assert not any(is_open(device.address, port) for port in (8080, 8443, 8554, 2323))
    for sock in others:
        try:
            assert sock.recv(10) == b""
        except ConnectionError:
            pass
        sock.close()
    lab.wait(lambda: is_open(device.address, 8080), 1.0)
    assert 0.3 < time.monotonic() - start < 1.0
    assert device.restarts == 1


def test_down_fault_answers_on_no_socket(lab):
    device = lab.device("box")
    lab.fault("box", "down")
    assert lab.sockets("box") == [] and not is_open(device.address, 8080)
    lab.fault("box", "down", False)
    assert get(device)[0] == 200


def test_filter_cuts_at_connect_and_established_ones(lab):
    device = lab.device("box")
    assert get(device, "/block")[0] == 200  # the answer still comes
    for port in (8080, 8443, 8554, 2323):
        with pytest.raises(ConnectionError), socket.create_connection((device.address, port), 2) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            sock.recv(10)
    assert device.hits == 1
    # another source address is still let in
    with socket.create_connection((device.address, 8080), 2, source_address=(f"{lab.network}.99", 0)) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert sock.makefile("rb").read().endswith(BODY)
    assert lab.log("box")[-1].peer == f"{lab.network}.99"


def test_a_request_beyond_the_limit_is_refused_and_the_device_does_not_see_it(lab):
    device = lab.device("box")
    assert get(device, "/echo", "POST", b"x" * (4 * 1024 * 1024 + 1))[0] == 413
    assert device.hits == 0


@pytest.mark.parametrize(
    "data",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: " + b"Planted" * 12_000 + b"\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused_without_a_trace(lab, data, caplog):
    device = lab.device("box")
    with socket.create_connection((device.address, 8080), 5) as sock:
        sock.sendall(data)
        answer = sock.recv(1000)
    assert answer.startswith(b"HTTP/1.1 400 ") and b"aiohttp" not in answer and b"Planted" not in answer
    assert device.hits == 0 and not caplog.records
    assert get(device)[0] == 200


def test_a_mistake_in_a_device_is_500_and_fails_the_test(lab):
    with pytest.raises(AssertionError, match="a mistake in the device"), running_lab(box) as broken:
        assert get(broken.device("box"), "/crash")[0] == 500
        assert get(broken.device("box"))[0] == 200


# -- wire faults ------------------------------------------------------------------------------------------------
def test_fault_close_sends_nothing(lab):
    lab.fault("box", "H31-close")
    assert raw(lab.device("box")) == (b"", True)
    with pytest.raises(http.client.RemoteDisconnected):
        get(lab.device("box"))
    lab.fault("box", "H31-close", False)
    assert get(lab.device("box")) == (200, BODY)


def test_fault_short_ends_before_the_length(lab):
    lab.fault("box", "H31-short")
    data, closed = raw(lab.device("box"))
    assert closed and b"Content-Length: %d\r\n" % len(BODY) in data
    assert 0 < len(data.partition(b"\r\n\r\n")[2]) < len(BODY)
    with pytest.raises(http.client.IncompleteRead):
        get(lab.device("box"))


def test_fault_long_sends_more_than_the_length(lab):
    lab.fault("box", "H31-long")
    data, closed = raw(lab.device("box"), 0.5)
    assert not closed and data.endswith(BODY)
    assert b"Content-Length: %d\r\n" % (len(BODY) // 2) in data


def test_fault_endless_never_ends(lab):
    lab.fault("box", "H31-endless")
    data, closed = raw(lab.device("box"), 1.3)
    assert not closed and BODY in data and data.count(b"1\r\n \r\n") >= 2 and b"\r\n0\r\n" not in data


def test_fault_silent_accepts_and_says_nothing(lab):
    lab.fault("box", "H31-silent")
    assert raw(lab.device("box"), 0.5) == (b"", False)
    assert lab.device("box").hits == 1


def test_fault_slow_drips(lab):
    lab.fault("box", "H31-slow")
    data, closed = raw(lab.device("box"), 2.5)
    assert not closed and data == b"HTT"


def test_fault_large_has_200_mb(lab):
    lab.fault("box", "H32-large")
    with socket.create_connection((lab.device("box").address, 8080), 10) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        total, begin = 0, b""
        while part := sock.recv(1 << 20):
            total += len(part)
            begin = begin or part
    assert total - len(begin.partition(b"\r\n\r\n")[0]) - 4 == 200 * 1024 * 1024


def test_response_reset(lab):
    with pytest.raises(ConnectionResetError):
        raw(lab.device("box"), path="/reset")


def test_fault_redirect_goes_to_another_host_that_would_see_it():
    with running_lab(two) as lab:
        lab.fault("box", "H33-redirect")
        connection = http.client.HTTPConnection(lab.device("box").address, 8080, timeout=5)
        connection.request("GET", "/page?q=1")
        answer = connection.getresponse()
        assert answer.status == 307
        assert answer.getheader("Location") == f"http://{lab.network}.12:8080/page?q=1"
        assert lab.device("box").hits == 0 and lab.log("box")[0].path == "/page"
        connection.close()


def test_unknown_fault_is_refused(lab):
    with pytest.raises(KeyError, match="H99"):
        lab.fault("box", "H99-none")


# -- TLS --------------------------------------------------------------------------------------------------------
def tls(lab, device, ca=None):
    context = ssl.create_default_context(cafile=str(ca or lab.ca))
    if hasattr(ssl, "VERIFY_X509_STRICT"):
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    connection = http.client.HTTPSConnection(device.address, 8443, timeout=5, context=context)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.getheader("Location")
    finally:
        connection.close()


def test_tls_chain_verifies_against_the_labs_authority(lab, tmp_path):
    assert tls(lab, lab.device("box")) == (200, BODY, None)
    assert lab.log("box")[0].scheme == "https"
    with pytest.raises(ssl.SSLCertVerificationError):
        tls(lab, lab.device("box"), CertStore(tmp_path).ca)


@pytest.mark.parametrize(
    "kind, complaint",
    [("name-mismatch", "IP address mismatch"), ("expired", "expired"), ("self-signed", "self.signed")],
)
def test_bad_certificates_fail(lab, kind, complaint):
    lab.device("box").model["certificate"] = kind
    with pytest.raises(ssl.SSLCertVerificationError, match=complaint):
        tls(lab, lab.device("box"))


def test_lab_ends_cleanly_while_tls_connections_come_and_go():
    context = ssl._create_unverified_context()
    with running_lab(two) as lab:
        for _unused in range(5):
            for device in lab.devices:
                sock = socket.create_connection((device.address, 8443), 5)
                context.wrap_socket(sock).close()
                socket.create_connection((device.address, 8443), 5).close()  # gone before the handshake
        half = socket.create_connection((lab.devices[0].address, 8443), 5)
    with contextlib.suppress(ConnectionError):
        assert half.recv(10) == b""
    half.close()
    assert lab.problems == []


def test_downgrade_redirects_https_only(lab):
    lab.fault("box", "H33-downgrade")
    assert tls(lab, lab.device("box"))[::2] == (307, f"http://{lab.network}.11:8080/")
    assert get(lab.device("box")) == (200, BODY)


def test_certificate_is_kept_until_the_device_renews_it(lab):
    device = lab.device("box")
    first = ssl.get_server_certificate((device.address, 8443))
    assert ssl.get_server_certificate((device.address, 8443)) == first
    device.certificate_generation = 1
    assert ssl.get_server_certificate((device.address, 8443)) != first


# -- addresses, background ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.10", "128.0.0.1", "::1", "localhost", ""])
def test_only_loopback(address, tmp_path):
    with pytest.raises(LabError, match="loopback"):
        check_loopback(address)
    with pytest.raises(LabError, match="loopback"):
        asyncio.run(LabServer([Box("box", address)], CertStore(tmp_path)).start())


def test_address_in_use_is_one_sentence_and_nothing_stays_open():
    with running_lab(two) as lab:
        with pytest.raises(LabError, match=r"box: cannot listen on .*already in use.*--network"):
            with running_lab(lambda network: [Box("free", f"{lab.network}.13"), Box("box", f"{lab.network}.12")]):
                raise AssertionError("started")
        assert not is_open(f"{lab.network}.13", 8080)


def test_background_job_runs_and_ends_with_the_lab():
    class Puller(Box):
        ended = ""

        async def background(self, site):
            try:
                reader, writer = await asyncio.open_connection(
                    site.device("box").address, 8080, local_addr=(self.address, 0)
                )
                writer.write(b"GET /pull HTTP/1.1\r\nHost: x\r\n\r\n")
                await reader.readline()
                writer.close()
                await asyncio.Event().wait()
            finally:
                self.ended = "yes"

    with running_lab(lambda network: [Box("box", f"{network}.11"), Puller("nvr", f"{network}.50")]) as lab:
        lab.wait(lambda: lab.log("box"))
        assert lab.log("box")[0].peer == f"{lab.network}.50"
        assert lab.device("nvr").ended == ""
    assert lab.device("nvr").ended == "yes"

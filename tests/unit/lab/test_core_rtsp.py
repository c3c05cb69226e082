# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RTSP with a hand-written digest client, WS-Discovery and banners."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import hashlib
import re
import socket
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from core_box import PASSWORD, box, two

from ansible_collections.nwcs.hardening.lab.testing import running_lab


@pytest.fixture
def lab():
    with running_lab(box) as running:
        yield running


class Client:
    """As RFC 2326 and RFC 2617 have it, written without the lab's code."""

    def __init__(self, device):
        self.url = f"rtsp://{device.address}:8554/stream1"
        self.sock = socket.create_connection((device.address, 8554), 5)
        self.file = self.sock.makefile("rb")
        self.number = 0

    def ask(self, method, headers=(), url=None):
        self.number += 1
        lines = [f"{method} {url or self.url} RTSP/1.0", f"CSeq: {self.number}", *headers, "", ""]
        self.sock.sendall("\r\n".join(lines).encode())
        status = int(self.file.readline().split()[1])
        got = {}
        while line := self.file.readline().strip().decode():
            name, _unused, value = line.partition(": ")
            got[name.lower()] = value
        assert got["cseq"] == str(self.number)
        return status, got, self.file.read(int(got.get("content-length", 0)))

    def login(self, challenge, user, password, qop=False, url=None):
        realm = re.search(r'realm="([^"]*)"', challenge)[1]
        nonce = re.search(r'nonce="([^"]*)"', challenge)[1]
        url = url or self.url

        def md5(*parts):
            return hashlib.md5(":".join(parts).encode()).hexdigest()

        first, second = md5(user, realm, password), md5("DESCRIBE", url)
        answer = md5(first, nonce, "00000001", "abc", "auth", second) if qop else md5(first, nonce, second)
        more = ', qop=auth, nc=00000001, cnonce="abc"' if qop else ""
        return [
            f'Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{url}", '
            f'response="{answer}"{more}'
        ]

    def close(self):
        self.file.close()
        self.sock.close()


@pytest.fixture
def client(lab):
    made = Client(lab.device("box"))
    yield made
    made.close()


def test_describe_without_login_is_refused(lab, client):
    status, headers, body = client.ask("DESCRIBE")
    assert status == 401 and headers["www-authenticate"].startswith("Digest ") and body == b""
    (entry,) = lab.log("box")
    assert (entry.operation, entry.status, entry.login, entry.user, entry.write) == ("DESCRIBE", 401, "", "", False)


@pytest.mark.parametrize("qop", [False, True])
def test_describe_with_digest(lab, client, qop):
    challenge = client.ask("DESCRIBE")[1]["www-authenticate"]
    status, headers, body = client.ask("DESCRIBE", client.login(challenge, "admin", PASSWORD, qop))
    assert status == 200 and headers["content-type"] == "application/sdp"
    assert body.startswith(b"v=0\r\n") and b"SIMULATED" in body and b"m=video" in body
    assert (lab.log("box")[-1].login, lab.log("box")[-1].user) == ("ok", "admin")
    assert PASSWORD not in repr(lab.log("box")) and challenge.split('nonce="')[1][:8] not in repr(lab.log("box"))


@pytest.mark.parametrize("user, password", [("admin", "wrong"), ("nobody", PASSWORD), ("", "")])
def test_wrong_login_is_refused(lab, client, user, password):
    challenge = client.ask("DESCRIBE")[1]["www-authenticate"]
    assert client.ask("DESCRIBE", client.login(challenge, user, password))[0] == 401
    assert lab.log("box")[-1].login == "refused" and lab.log("box")[-1].user == ""


def test_a_login_for_another_url_or_connection_is_refused(lab, client):
    challenge = client.ask("DESCRIBE")[1]["www-authenticate"]
    right = client.login(challenge, "admin", PASSWORD)
    assert client.ask("DESCRIBE", right, url=client.url + "x")[0] == 401
    other = Client(lab.device("box"))
    assert other.ask("DESCRIBE", right)[0] == 401
    other.close()
    assert client.ask("DESCRIBE", right)[0] == 200


def test_open_stream_and_paths(lab, client):
    lab.device("box").open_video = True
    assert client.ask("DESCRIBE")[0] == 200
    lab.device("box").model["rtsp_paths"] = ["/live"]
    assert client.ask("DESCRIBE")[0] == 404
    assert client.ask("DESCRIBE", url=client.url.replace("stream1", "live"))[0] == 200


def test_other_methods(lab, client):
    status, headers, _unused = client.ask("OPTIONS")
    assert status == 200 and "DESCRIBE" in headers["public"]
    assert client.ask("SETUP")[0] == 405
    assert client.ask("FLY")[0] == 501
    assert client.ask("DESCRIBE", url="rtsp://[::bad")[0] == 400
    client.sock.sendall(b"nonsense\r\n\r\n")
    assert b"400" in client.file.readline()


def test_rtsp_ends_when_switched_off(lab, client):
    assert client.ask("OPTIONS")[0] == 200
    lab.device("box").services.discard("rtsp")
    lab.settle()
    with pytest.raises((ConnectionError, IndexError)):
        client.ask("OPTIONS")


def test_discovery_answers_on_each_address_until_switched_off():
    with running_lab(two) as lab, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(2)
        for name in ("box", "other"):
            device = lab.device(name)
            sock.sendto(b"<Probe/>", (device.address, 3702))
            assert sock.recvfrom(9999) == (b"SIMULATED " + name.encode(), (device.address, 3702))
        lab.device("box").services.discard("discovery")
        lab.settle()
        sock.connect((lab.device("box").address, 3702))
        sock.send(b"<Probe/>")
        with pytest.raises(ConnectionRefusedError):
            sock.recv(9999)


def test_discovery_says_nothing_to_strangers_and_nonsense(lab):
    device = lab.device("box")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.3)
        sock.sendto(b"nonsense", (device.address, 3702))
        device.refused.add("127.0.0.1")
        sock.sendto(b"<Probe/>", (device.address, 3702))
        with pytest.raises(TimeoutError):
            sock.recvfrom(9999)


def test_banner_then_the_end(lab):
    with socket.create_connection((lab.device("box").address, 2323), 5) as sock:
        assert sock.recv(100) == b"SIMULATED login: "
        sock.sendall(b"root\r\n")
        assert sock.recv(100) == b""

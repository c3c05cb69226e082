# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power, network and answers that fail at a named moment, seen with raw clients."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import http.client
import socket
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from core_box import BODY, box, two

from ansible_collections.nwcs.hardening.lab.testing import is_open, running_lab


@pytest.fixture
def lab():
    with running_lab(box) as running:
        running.device("box").boot_seconds = 0.1
        yield running


def post(device, path="/write", timeout=3.0, method="POST"):
    connection = http.client.HTTPConnection(device.address, device.ports["http"], timeout=timeout)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def fails(device, *errors, **arguments):
    with pytest.raises(errors or (ConnectionError, http.client.HTTPException)):
        post(device, **arguments)


def back(lab, device):
    lab.wait(lambda: is_open(device.address, 8080), 3)


def test_power_off_cuts_what_is_open_and_power_on_boots(lab):
    device = lab.device("box")
    idle = socket.create_connection((device.address, 8080), 5)
    lab.power("box", False)
    with pytest.raises(ConnectionResetError):
        idle.recv(1)
    idle.close()
    assert device.restarts == 1, "what was in memory is lost at once"
    assert not is_open(device.address, 8080) and not is_open(device.address, 8554)
    time.sleep(0.3)
    assert not is_open(device.address, 8080), "nobody gave the power back"
    device.boot_seconds = 0.5
    start = time.monotonic()
    lab.power("box", True)
    assert not is_open(device.address, 8080), "it boots"
    back(lab, device)
    assert time.monotonic() - start >= 0.45
    assert post(device) == (200, BODY)


def test_power_may_come_back_by_itself(lab):
    lab.power("box", False, back_after=0.3)
    assert not is_open(lab.device("box").address, 8080)
    back(lab, lab.device("box"))


@pytest.mark.parametrize("what", ["power", "network"])
def test_silent_is_no_answer_at_all(lab, what):
    device = lab.device("box")
    kept = http.client.HTTPConnection(device.address, 8080, timeout=0.5)
    kept.request("POST", "/one")
    kept.getresponse().read()
    (lab.power if what == "power" else lab.link)("box", False, how="silent")
    with socket.socket() as sock:
        sock.settimeout(0.5)
        with pytest.raises(TimeoutError):  # not refused: no answer to the SYN
            sock.connect((device.address, 8080))
    kept.request("POST", "/two")
    with pytest.raises(TimeoutError):
        kept.getresponse()
    assert [entry.path for entry in lab.log("box")] == ["/one"], "nothing reached it"
    (lab.power if what == "power" else lab.link)("box", True)
    back(lab, device)
    assert post(device) == (200, BODY)
    kept.close()


def test_a_connection_outlives_a_silent_network_but_not_a_restart_behind_it(lab):
    device = lab.device("box")
    for restarts in (False, True):
        with socket.create_connection((device.address, 8080), 3) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            sock.recv(65536)
            lab.link("box", False)
            sock.sendall(b"GET /late HTTP/1.1\r\nHost: x\r\n\r\n")
            if restarts:
                lab.restart("box", 0.0)
            lab.link("box", True)
            if restarts:
                with pytest.raises(ConnectionResetError):
                    sock.recv(10)
            else:
                assert sock.recv(65536).startswith(b"HTTP/1.1 200")


def test_network_reset_refuses_while_the_device_lives_on(lab):
    device = lab.device("box")
    lab.link("box", False, how="reset")
    assert not is_open(device.address, 8080) and not device.is_down() and device.restarts == 0
    lab.link("box", True)
    assert post(device) == (200, BODY)


@pytest.mark.parametrize("what", ["power", "network", "restart"])
@pytest.mark.parametrize(("when", "done"), [("before", 2), ("during", 3), ("after", 3)])
def test_a_cut_at_the_nth_request(lab, what, when, done):
    device = lab.device("box")
    lab.cut_at("box", nth=3, when=when, what=what, back_after=0.3)
    assert [post(device)[0] for _unused in range(2)] == [200, 200]
    assert not lab.has_struck("box")
    fails(device)
    assert lab.has_struck("box")
    assert device.hits == done, "before: not done; after and during: done"
    assert not is_open(device.address, 8080)
    assert device.restarts == (what != "network")
    back(lab, device)
    assert post(device) == (200, BODY), "once only"


def test_a_cut_during_the_answer_leaves_half_of_it(lab):
    device = lab.device("box")
    lab.cut_at("box", when="during", what="network", how="silent", back_after=0.5)
    with socket.create_connection((device.address, 8080), 5) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        first = sock.recv(65536)
        assert b"\r\n\r\n" in first and not first.endswith(BODY)
        assert first.endswith(BODY[: len(BODY) // 2])
        rest = sock.recv(65536)
        assert (first + rest).endswith(BODY), "the network came back and brought the rest"


def test_an_answer_after_a_silent_cut_comes_when_the_network_is_back(lab):
    device = lab.device("box")
    lab.cut_at("box", when="after", what="network", how="silent")
    fails(device, TimeoutError, timeout=0.4)
    assert device.hits == 1, "it did what was asked"
    lab.link("box", True)
    assert post(device) == (200, BODY)


def test_what_is_lost_before_the_device_is_never_done(lab):
    device = lab.device("box")
    lab.cut_at("box", when="before", what="network", how="silent", back_after=0.2)
    fails(device)
    assert device.hits == 0
    back(lab, device)
    assert device.hits == 0


def test_writes_and_named_operations_are_counted_apart(lab):
    device = lab.device("box")
    lab.cut_at("box", nth=2, of="writes", when="before", back_after=0.1)
    lab.cut_at("box", operation="named", when="after", what="restart", back_after=0.1)
    for _unused in range(3):
        assert post(device, method="GET")[0] == 200
    assert post(device, "/one")[0] == 200
    fails(device, path="/two")
    back(lab, device)
    assert post(device, "/three")[0] == 200
    fails(device, path="/named")
    assert lab.log("box")[-1].operation == "named"
    back(lab, device)
    assert post(device, "/named")[0] == 200


def test_steps_tell_what_there_is_to_cut(lab):
    device = lab.device("box")
    post(device, "/before")
    lab.count("box")
    post(device, "/a", method="GET")
    post(device, "/b")
    with socket.create_connection((device.address, 8554), 3) as sock:
        sock.sendall(b"OPTIONS rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        assert sock.recv(999).startswith(b"RTSP/1.0 200")
    assert [(step.operation, step.write, step.scheme) for step in lab.steps("box")] == [
        ("a", False, "http"), ("b", True, "http"), ("OPTIONS", False, "rtsp"),
    ]  # fmt: skip


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_cut_may_fall_on_rtsp(lab, when):
    device = lab.device("box")
    lab.cut_at("box", when=when, what="restart", back_after=0.1)
    with socket.create_connection((device.address, 8554), 3) as sock:
        sock.sendall(b"OPTIONS rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            sock.recv(10)
    assert len(lab.log("box")) == (when == "after")


def test_a_late_answer_comes_after_the_limit_and_the_change_is_done(lab):
    device = lab.device("box")
    lab.answer_late("box", 0.6, of="writes")
    assert post(device, method="GET", timeout=0.3)[0] == 200
    fails(device, TimeoutError, path="/off", timeout=0.3)
    assert "http" not in device.services, "done before the answer"
    device.services.add("http")
    back(lab, device)
    lab.answer_late("box", 0.4)
    start = time.monotonic()
    assert post(device) == (200, BODY)
    assert time.monotonic() - start >= 0.4


def test_silence_of_a_wire_fault_comes_after_the_act(lab):
    device = lab.device("box")
    lab.fault("box", "H31-silent")
    fails(device, TimeoutError, timeout=0.3)
    assert device.hits == 1


@pytest.mark.parametrize(
    "moment", [{"when": "never"}, {"what": "fire"}, {"of": "reads"}, {"how": "loud"}, {"nth": 0}, {"what": "late"}]
)
def test_a_cut_that_cannot_be_is_refused(lab, moment):
    with pytest.raises((KeyError, ValueError)):
        lab.cut_at("box", **moment)
    assert lab.has_struck("box")


def test_swapped_devices_answer_at_each_others_address_with_their_own_keys():
    import ssl

    with running_lab(two) as lab:
        first, second = lab.devices
        keys = [ssl.get_server_certificate((device.address, 8443)) for device in lab.devices]
        lab.swap("box", "other")
        assert (first.address, second.address) == (f"{lab.network}.12", f"{lab.network}.11")
        post(second)
        assert [len(lab.log(name)) for name in ("box", "other")] == [0, 1]
        assert ssl.get_server_certificate((second.address, 8443)) not in keys
        lab.swap("box", "other")
        assert ssl.get_server_certificate((first.address, 8443)) == keys[0]

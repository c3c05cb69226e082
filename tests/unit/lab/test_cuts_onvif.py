# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras that lose power, lock people out, show other certificates, and somebody in the middle of their traffic."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import ssl
import time

import pytest
import requests
from onvif_raw import PATH, envelope
from requests.auth import HTTPDigestAuth

from ansible_collections.nwcs.hardening.lab.testing import is_open, running_lab

pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
GET_USERS = "<tds:GetUsers/>"
SET_USER = (
    "<tds:SetUser><tds:User><tt:Username>admin</tt:Username><tt:Password>{}</tt:Password>"
    "<tt:UserLevel>Administrator</tt:UserLevel></tds:User></tds:SetUser>"
)
NEW = "Planted-New-4711"
HTTPS = [{"Name": "HTTP", "Enabled": True}, {"Name": "HTTPS", "Enabled": True}, {"Name": "RTSP", "Enabled": True}]


def camera(**overrides):
    return [{"name": "cam", "model": "onvif-complete", "overrides": {"boot_seconds": 0.1} | overrides}]


def ask(device, body=GET_USERS, password="12345", scheme="http", source="", **options) -> requests.Response:
    """One operation with a digest client that is not ours; requests sends it once without and once with the login."""
    url = f"{scheme}://{device.address}:{device.ports[scheme]}{PATH}"
    with requests.Session() as session:
        session.trust_env = False
        if source:
            adapter = requests.adapters.HTTPAdapter()
            adapter.init_poolmanager(1, 1, source_address=(source, 0))
            session.mount("http://", adapter)
        auth = HTTPDigestAuth("admin", password) if password else None
        return session.post(url, envelope(body), auth=auth, **{"timeout": 3} | options)


def password_of(device) -> str:
    return next(user["Password"] for user in device.state["users"] if user["Username"] == "admin")


def describe(device, password="12345") -> bytes:
    """RTSP by hand: the status line of DESCRIBE with a digest login."""

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    uri = f"rtsp://{device.address}:{device.ports['rtsp']}/profile_1"
    with socket.create_connection((device.address, device.ports["rtsp"]), 3) as sock:
        sock.sendall(f"DESCRIBE {uri} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
        realm, nonce = re.search(rb'realm="(.*?)", nonce="(.*?)"', sock.recv(9999)).groups()
        key = md5(f"admin:{realm.decode()}:{password}")
        answer = md5(f"{key}:{nonce.decode()}:{md5(f'DESCRIBE:{uri}')}")
        sock.sendall(
            f'DESCRIBE {uri} RTSP/1.0\r\nCSeq: 2\r\nAuthorization: Digest username="admin", realm="{realm.decode()}", '
            f'nonce="{nonce.decode()}", uri="{uri}", response="{answer}"\r\n\r\n'.encode()
        )
        return sock.recv(9999).partition(b"\r\n")[0]


# -- cuts ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("what", ["power", "network", "restart"])
@pytest.mark.parametrize(("when", "stored"), [("before", "12345"), ("during", NEW), ("after", NEW)])
def test_a_cut_around_a_password_change(what, when, stored):
    with running_lab(camera()) as lab:
        cam = lab.device("cam")
        lab.cut_at("cam", operation="SetUser", when=when, what=what, back_after=0.2)
        with pytest.raises(requests.RequestException):
            ask(cam, SET_USER.format(NEW))
        assert password_of(cam) == stored
        lab.wait(lambda: is_open(cam.address, 8080))
        assert ask(cam, password=stored).status_code == 200
        other = "12345" if stored == NEW else NEW
        assert ask(cam, password=other).status_code == 401


def test_the_challenge_round_of_a_named_operation_is_not_the_operation():
    with running_lab(camera()) as lab:
        cam = lab.device("cam")
        lab.count("cam")
        lab.cut_at("cam", operation="SetUser", nth=2, when="after", back_after=0.1)
        assert ask(cam, SET_USER.format("Planted-One-1")).status_code == 200
        with pytest.raises(requests.RequestException):
            ask(cam, SET_USER.format("Planted-Two-2"), password="Planted-One-1")
        assert [step.acted for step in lab.steps("cam")] == [False, True, False, True]
        assert password_of(cam) == "Planted-Two-2"


def test_power_off_loses_what_was_not_saved_and_keeps_what_was():
    for fault, stays in (("", NEW), ("H16", "12345")):
        with running_lab([camera()[0] | {"faults": [fault] if fault else []}]) as lab:
            cam = lab.device("cam")
            assert ask(cam, SET_USER.format(NEW)).status_code == 200 and password_of(cam) == NEW
            lab.power("cam", False)
            lab.power("cam", True)
            lab.wait(lambda device=cam: is_open(device.address, 8080))
            assert ask(cam, password=stays).status_code == 200


def test_old_nonces_are_gone_with_the_power():
    with running_lab(camera()) as lab:
        cam = lab.device("cam")
        url = f"http://{cam.address}:8080{PATH}"
        with requests.Session() as session:
            session.trust_env = False
            session.auth = HTTPDigestAuth("admin", "12345")
            for _unused in range(2):
                assert session.post(url, envelope(GET_USERS), timeout=3).status_code == 200
            lab.power("cam", False)
            lab.power("cam", True)
            lab.wait(lambda: is_open(cam.address, 8080))
            answer = session.post(url, envelope(GET_USERS), timeout=3)
            assert answer.status_code == 200 and [one.status_code for one in answer.history] == [401]
        assert not lab.logins("cam"), "a used-up nonce is no failed attempt"


# -- lock-out --------------------------------------------------------------------------------------------------------
def lock(lab, attempts: int = 2, **arguments) -> None:
    for _unused in range(attempts):
        assert ask(lab.device("cam"), password="wrong", **arguments).status_code == 401


@pytest.mark.parametrize("told", [False, True])
def test_a_lock_of_the_address_refuses_the_right_password_and_others_get_in(told):
    with running_lab(camera(lockout_attempts=2, lockout_seconds=1.0, lockout_told=told)) as lab:
        cam = lab.device("cam")
        assert lab.locked("cam") == {}
        lock(lab)
        answer = ask(cam)
        assert answer.status_code == 401
        assert bool(re.search(r"locked\. Try again in 1 seconds", answer.text)) is told
        assert set(lab.locked("cam")) == {"127.0.0.1"} and 0 < lab.locked("cam")["127.0.0.1"] <= 1.0
        assert [entry.login for entry in lab.log("cam") if entry.login] == ["refused", "refused", "locked"]
        assert len(lab.logins("cam")) == 2
        assert ask(cam, source=f"{lab.network}.99").status_code == 200
        lab.wait(lambda: not lab.locked("cam"))
        assert ask(cam).status_code == 200


def test_a_lock_of_the_account_holds_from_everywhere():
    with running_lab(camera(lockout_attempts=2, lockout_seconds=30, lockout_per="account")) as lab:
        lock(lab)
        assert ask(lab.device("cam"), source=f"{lab.network}.99").status_code == 401
        assert list(lab.locked("cam")) == ["admin"]
        lab.power("cam", False)
        assert lab.locked("cam") == {}, "the counter was in memory"


@pytest.mark.parametrize("counts", [True, False])
def test_failures_of_rtsp_count_and_are_refused_while_locked(counts):
    overrides = {"lockout_attempts": 2, "lockout_seconds": 30, "lockout_rtsp": counts}
    with running_lab(camera(**overrides)) as lab:
        cam = lab.device("cam")
        assert describe(cam) == b"RTSP/1.0 200 OK"
        for _unused in range(2):
            assert describe(cam, "wrong") == b"RTSP/1.0 401 Unauthorized"
        assert bool(lab.locked("cam")) is counts
        assert describe(cam) == (b"RTSP/1.0 401 Unauthorized" if counts else b"RTSP/1.0 200 OK")
        assert ask(cam).status_code == (401 if counts else 200)


def test_a_right_login_clears_the_count():
    with running_lab(camera(lockout_attempts=2)) as lab:
        for _unused in range(3):
            lock(lab, 1)
            assert ask(lab.device("cam")).status_code == 200
        assert lab.locked("cam") == {}


# -- certificates ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "complaint"),
    [("renewed", ""), ("other-ca", "signature|verify failed"), ("self-signed", "self.signed"), ("expired", "expired"),
     ("wrong-name", "match")],
)  # fmt: skip
def test_another_certificate_at_the_same_address(kind, complaint):
    with running_lab(camera(protocols=HTTPS)) as lab:
        cam = lab.device("cam")
        context = ssl.create_default_context(cafile=str(lab.ca))
        before = ssl.get_server_certificate((cam.address, 8443))
        kept = context.wrap_socket(socket.create_connection((cam.address, 8443), 3), server_hostname=cam.address)
        lab.certificate("cam", kind)
        with contextlib.suppress(ConnectionResetError):  # OpenSSL tells a reset as an end
            assert kept.recv(1) == b""
        kept.close()
        assert ssl.get_server_certificate((cam.address, 8443)) != before
        if complaint:
            with pytest.raises(requests.exceptions.SSLError, match=complaint):
                ask(cam, scheme="https", verify=str(lab.ca))
            assert ask(cam, scheme="https", verify=False).status_code == 200
        else:
            assert ask(cam, scheme="https", verify=str(lab.ca)).status_code == 200


def test_a_client_that_verifies_gives_somebody_in_the_middle_nothing():
    with running_lab(camera(protocols=HTTPS)) as lab:
        cam = lab.device("cam")
        with lab.mitm("cam") as mitm:
            with pytest.raises(requests.exceptions.SSLError):
                ask(cam, scheme="https", verify=str(lab.ca))
            lab.wait(lambda: mitm.connections)
            assert (mitm.handshakes, mitm.seen, mitm.credentials()) == (0, b"", [])
            assert not lab.log("cam")
        assert ask(cam, scheme="https", verify=str(lab.ca)).status_code == 200, "he has gone"


@pytest.mark.parametrize("certificate", ["self-signed", "good"])
def test_a_client_that_does_not_is_read_and_served(certificate):
    with running_lab(camera(protocols=HTTPS)) as lab:
        cam = lab.device("cam")
        own = ssl.get_server_certificate((cam.address, 8443))
        with lab.mitm("cam", certificate=certificate) as mitm:
            assert ssl.get_server_certificate((cam.address, 8443)) != own
            verify = str(lab.ca) if certificate == "good" else False
            assert ask(cam, scheme="https", verify=verify, source="").status_code == 200
            assert mitm.credentials() == ["authorization header"]
            assert b"GetUsers" in mitm.seen and b"admin" in mitm.answers
            assert {entry.peer for entry in lab.log("cam")} == {"127.0.0.1"}, "forwarded from the client's address"
        assert ssl.get_server_certificate((cam.address, 8443)) == own


# -- many ------------------------------------------------------------------------------------------------------------
def test_a_hundred_cameras_are_up_in_seconds_and_some_of_them_fail():
    entries = [{"name": "cam", "host": 1, "count": 100, "model": "onvif-complete"}]
    start = time.monotonic()
    with running_lab(entries) as lab:
        assert time.monotonic() - start < 10, "a few seconds on an idle machine"
        assert [lab.devices[0].name, lab.devices[99].name] == ["cam-001", "cam-100"]
        assert len({device.state["information"]["SerialNumber"] for device in lab.devices}) == 100
        chosen = lab.break_some(0.1, writes=1, seed=7)
        assert len(chosen) == 10 and {cut.nth for cut in chosen.values()} == {1}
        broken = next(iter(chosen))
        with pytest.raises(requests.RequestException):
            ask(lab.device(broken), SET_USER.format(NEW))
        whole = next(device for device in lab.devices if device.name not in chosen)
        assert ask(whole, SET_USER.format(NEW)).status_code == 200
        told = {name: str(cut) for name, cut in chosen.items()}
    with running_lab(entries) as lab:
        again = {name: str(cut) for name, cut in lab.break_some(0.1, writes=1, seed=7).items()}
        assert again == told
        assert {name: str(cut) for name, cut in lab.break_some(0.1, writes=1, seed=8).items()} != told

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins, locks, accounts and activation of simulated ISAPI devices."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from isapi_lab_box import BASIC, CAMERA, OLD, RECORDER, ask, change, get, one, put, said, user, word

from ansible_collections.nwcs.hardening.lab.testing import RunningLab

TIME = "System/time"
USERS = "Security/users"
LOCK = "Security/illegalLoginLock"
WRONG = ("admin", "Planted-Wrong-1")
PASSWORD = "N3w-Passw0rd"


class Client:
    """Digest by hand: one nonce may be used as often as the test wants."""

    def __init__(self, device: Any, login: tuple[str, str] = CAMERA) -> None:
        self.base = f"http://{device.address}:{device.ports['http']}"
        self.login, self.count, self.challenge = login, 0, {}
        self.session = requests.Session()
        self.session.trust_env = False

    def fresh(self) -> requests.Response:
        answer = self.session.get(f"{self.base}/ISAPI/{TIME}", timeout=5)
        self.challenge = dict(re.findall(r'(\w+)="?([^",]+)"?', answer.headers["www-authenticate"]))
        self.count = 0
        return answer

    def get(self, path: str = f"/ISAPI/{TIME}", password: str = "") -> requests.Response:
        self.count += 1
        given, user_ = self.challenge, self.login[0]

        def hashed(*parts: str) -> str:
            return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()

        first, second = hashed(user_, given["realm"], password or self.login[1]), hashed("GET", path)
        nc = f"{self.count:08x}"
        response = hashed(first, given["nonce"], nc, "abc", "auth", second)
        header = (
            f'Digest username="{user_}", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{path}", qop=auth,'
            f' nc={nc}, cnonce="abc", response="{response}"'
        )
        return self.session.get(self.base + path, headers={"Authorization": header}, timeout=5)


# -- digest and Basic --------------------------------------------------------------------------------------------------
def test_the_first_leg_is_a_page_on_cameras_and_xml_on_recorders_and_counts_as_no_attempt() -> None:
    with one() as (lab, device):
        for _number in range(10):
            answer = ask(device, "GET", TIME, login=None)
        assert answer.status_code == 401 and "Document Error: Unauthorized" in answer.text
        assert 'realm="IP Camera(83813)"' in answer.headers["www-authenticate"]
        assert lab.locked("dev") == {} and ask(device, "GET", TIME).status_code == 200
    with one("isapi-nvr") as (_lab, device):
        answer = ask(device, "GET", TIME, login=None)
        assert answer.text.startswith("<?xml") and word(answer.text, "statusValue") == "401"
        assert 'domain="::"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("overrides", "good"),
    [({}, 9), ({"nonce_uses": 1}, 1), ({"nonce_uses": 2, "nonce_worn": "mute"}, 2),
     ({"nonce_uses": 1, "nonce_worn": "invalid"}, 1)],
    ids=["kept", "single", "mute", "invalid"],
)  # fmt: skip
def test_nonces_wear_out_as_the_model_says(overrides: dict[str, Any], good: int) -> None:
    with one(**overrides) as (lab, device):
        client = Client(device)
        client.fresh()
        answers = [client.get() for _number in range(9)]
        assert [answer.status_code for answer in answers] == [200] * good + [401] * (9 - good)
        if good < 9:
            last = answers[-1]
            worn = overrides.get("nonce_worn", "stale")
            assert ("www-authenticate" in last.headers) == (worn == "stale")
            if worn == "stale":
                assert "stale=true" in last.headers["www-authenticate"]
            else:
                assert ("<userCheck" if worn == "mute" else "invalidOperation") in last.text
        assert lab.logins("dev", "refused") == [], "a right password on an old nonce is no wrong login"
        client.fresh()
        assert client.get().status_code == 200


@pytest.mark.parametrize("fault", ["H24-single-use", "H24-mute", "H24-invalid"])
def test_h24_faults_go_on_and_off(fault: str) -> None:
    with one() as (lab, device):
        lab.fault("dev", fault)
        client = Client(device)
        client.fresh()
        assert [client.get().status_code for _number in range(3)][-1] == 401
        lab.fault("dev", fault, on=False)
        client.fresh()
        assert {client.get().status_code for _number in range(5)} == {200}


def test_basic_is_for_old_devices_and_for_those_that_are_told_so() -> None:
    with one(OLD) as (_lab, device):
        assert ask(device, "GET", TIME, auth=BASIC).status_code == 200
        assert "Basic realm" in ask(device, "GET", TIME, login=None).headers["www-authenticate"]
    with one() as (lab, device):
        assert ask(device, "GET", TIME, auth=BASIC).status_code == 401
        assert len(lab.logins("dev", "refused")) == 1, "a try by Basic costs one of the attempts"
        assert change(device, "Security/webCertificate", ">digest<", ">digest/basic<") == (200, "ok")
        assert ask(device, "GET", TIME, auth=BASIC).status_code == 200
        assert change(device, "Security/webCertificate", ">MD5<", ">SHA256<") == (200, "ok")
        assert "algorithm=SHA-256" in ask(device, "GET", TIME, login=None).headers["www-authenticate"]
        assert ask(device, "GET", TIME).status_code == 200


# -- the lock ----------------------------------------------------------------------------------------------------------
def test_wrong_logins_count_down_to_the_lock_and_then_the_right_one_is_refused_too() -> None:
    with one() as (lab, device):
        assert change(device, LOCK, "Times>7<", "Times>3<") == (200, "ok")
        told = [ask(device, "GET", TIME, login=WRONG).text for _number in range(3)]
        assert [word(text, "retryLoginTime") for text in told] == ["2", "1", "0"]
        assert [word(text, "lockStatus") for text in told] == ["unlock", "unlock", "lock"]
        locked = ask(device, "GET", TIME)
        assert locked.status_code == 401 and word(locked.text, "lockStatus") == "lock"
        assert int(word(locked.text, "unlockTime")) == pytest.approx(1800, abs=5), "the document says minutes"
        assert list(lab.locked("dev")) == ["127.0.0.1"] and lab.log("dev")[-1].login == "locked"
        lab.restart("dev", 0.0)
        assert ask(device, "GET", TIME).status_code == 200


def test_a_right_login_forgives_and_the_lock_can_be_off() -> None:
    with one(lockout_attempts=3) as (lab, device):
        for _number in range(4):
            assert word(ask(device, "GET", TIME, login=WRONG).text, "retryLoginTime") == "2"
            assert ask(device, "GET", TIME).status_code == 200
        assert change(device, LOCK, "<enabled>true", "<enabled>false") == (200, "ok")
        for _number in range(5):
            ask(device, "GET", TIME, login=WRONG)
        assert lab.locked("dev") == {} and ask(device, "GET", TIME).status_code == 200


@pytest.mark.parametrize(("per", "key"), [("address", "127.0.0.1"), ("account", "admin")])
def test_the_lock_is_for_an_address_or_for_an_account_and_ends(per: str, key: str) -> None:
    with one(lockout_attempts=3, lockout_seconds=0.5, lockout_per=per) as (lab, device):
        for _number in range(3):
            ask(device, "GET", TIME, login=WRONG)
        assert list(lab.locked("dev")) == [key]
        other = ask(device, "GET", TIME, login=("service", "Service-12345"))
        assert other.status_code == (401 if per == "address" else 200)
        lab.wait(lambda: not lab.locked("dev"))
        assert ask(device, "GET", TIME).status_code == 200


def test_an_old_camera_locks_and_says_nothing_and_a_recorder_counts_seconds() -> None:
    with one(OLD, lockout_attempts=3) as (lab, device):
        for _number in range(3):
            answer = ask(device, "GET", TIME, login=WRONG)
        assert "Document Error" in answer.text and list(lab.locked("dev")) == ["127.0.0.1"]
        assert ask(device, "GET", TIME).status_code == 401
    with one("isapi-nvr") as (lab, device):
        for _number in range(5):
            answer = ask(device, "GET", TIME, login=("admin", "Planted-Wrong-1"))
        assert int(word(answer.text, "unlockTime")) == pytest.approx(1800, abs=5)
        assert "issupIllegalLoginLock" not in device_capabilities(lab, device)


def device_capabilities(lab: RunningLab, device: Any) -> str:
    lab.call(device.lock.forget)
    return get(device, "System/capabilities", RECORDER)


def test_wrong_logins_by_rtsp_count_too() -> None:
    with one(lockout_attempts=3) as (lab, device):
        for _number in range(3):
            lab.call(lambda: device.rtsp_attempt("admin", "127.0.0.1", "refused"))
        assert list(lab.locked("dev")) == ["127.0.0.1"]


# -- accounts ----------------------------------------------------------------------------------------------------------
def test_accounts_are_made_changed_and_deleted_and_log_in() -> None:
    with one() as (_lab, device):
        assert said(ask(device, "POST", USERS, user("ops", PASSWORD, "Operator"))) == (200, "ok")
        number = device.users.by_name("ops")["id"]
        assert word(get(device, f"{USERS}/{number}"), "userName") == "ops" and PASSWORD not in get(device, USERS)
        assert ask(device, "GET", TIME, login=("ops", PASSWORD)).status_code == 200
        body = f"<User><id>{number}</id><userName>ops</userName><password>An0ther-Word</password></User>"
        assert put(device, f"{USERS}/{number}", body) == (200, "ok")
        assert device.users.by_name("ops")["userLevel"] == "Operator", "the level stays when it is not sent"
        assert ask(device, "GET", TIME, login=("ops", PASSWORD)).status_code == 401
        rights = get(device, f"Security/UserPermission/{number}")
        assert word(rights, "ptzControl") == "true" and word(rights, "parameterConfig") == "false"
        assert said(ask(device, "DELETE", f"{USERS}/{number}")) == (200, "ok")
        assert said(ask(device, "GET", f"Security/UserPermission/{number}")) == (403, "notSupport")
        assert said(ask(device, "DELETE", f"{USERS}/{number}")) == (400, "invalidID")


@pytest.mark.parametrize(
    ("name", "password", "level", "told"),
    [("ops", "short1", "Viewer", (200, "riskPassword")), ("ops", "alllowercase", "Viewer", (200, "riskPassword")),
     ("ops", "xOps12345", "Viewer", (200, "riskPassword")), ("ops", PASSWORD * 2, "Viewer", (400, "badParameters")),
     ("admin", PASSWORD, "Viewer", (400, "badParameters")), ("ops", PASSWORD, "Root", (400, "badXmlContent")),
     ("", PASSWORD, "Viewer", (400, "badXmlContent"))],
)  # fmt: skip
def test_accounts_that_are_refused(name: str, password: str, level: str, told: tuple[int, str]) -> None:
    with one() as (_lab, device):
        before = get(device, USERS)
        assert said(ask(device, "POST", USERS, user(name, password, level))) == told
        assert get(device, USERS) == before


def test_the_built_in_administrator_stays_and_the_list_is_full_at_32() -> None:
    with one() as (_lab, device):
        assert said(ask(device, "DELETE", f"{USERS}/1")) == (403, "invalidOperation")
        assert put(device, f"{USERS}/1", user("root", PASSWORD, "Administrator", "1")) == (403, "invalidOperation")
        for number in range(30):
            assert said(ask(device, "POST", USERS, user(f"ops{number}", PASSWORD))) == (200, "ok")
        assert said(ask(device, "POST", USERS, user("more", PASSWORD))) == (400, "badParameters")


def test_a_new_password_may_need_the_old_one() -> None:
    body = user("admin", PASSWORD, "Administrator", "1")
    more = user("admin", PASSWORD, "Administrator", "1", f"<loginPassword>{CAMERA[1]}</loginPassword>")
    with one(needs_old_password=True) as (_lab, device):
        assert put(device, f"{USERS}/1", body) == (403, "badAuthorization")
        assert put(device, f"{USERS}/1", more.replace(CAMERA[1], "wrong")) == (403, "badAuthorization")
        assert put(device, f"{USERS}/1", more) == (200, "ok")
        assert ask(device, "GET", TIME, login=("admin", PASSWORD)).status_code == 200


def test_lower_levels_read_little_and_write_nothing_unless_h09() -> None:
    operator = ("service", "Service-12345")
    with one() as (lab, device):
        assert ask(device, "GET", "Streaming/channels", login=operator).status_code == 200
        assert said(ask(device, "GET", USERS, login=operator)) == (403, "lowPrivilege")
        body = get(device, TIME)
        assert put(device, TIME, body.replace("manual", "NTP"), login=operator) == (403, "lowPrivilege")
        lab.fault("dev", "H09")
        assert put(device, TIME, body.replace("manual", "NTP"), login=operator) == (200, "ok")


@pytest.mark.parametrize(("fault", "status"), [("", 401), ("H42", 200)])
def test_h42_a_nonce_in_use_survives_the_new_password(fault: str, status: int) -> None:
    with one() as (lab, device):
        if fault:
            lab.fault("dev", fault)
        client = Client(device)
        client.fresh()
        assert client.get().status_code == 200
        assert put(device, f"{USERS}/1", user("admin", PASSWORD, "Administrator", "1")) == (200, "ok")
        assert client.get().status_code == status


def test_h03_the_list_is_empty_and_the_login_works() -> None:
    with one() as (lab, device):
        lab.fault("dev", "H03")
        assert "<userName>" not in get(device, USERS)


def test_logins_stand_in_the_devices_own_log() -> None:
    search = (
        "<CMSearchDescription><searchID>1</searchID><metaId>log.std-cgi.com/Exception</metaId><timeSpanList><timeSpan>"
        "<startTime>2000-01-01T00:00:00Z</startTime><endTime>2100-01-01T00:00:00Z</endTime></timeSpan></timeSpanList>"
        "<maxResults>100</maxResults><searchResultPostion>0</searchResultPostion></CMSearchDescription>"
    )
    path = "ContentMgmt/logSearch"
    with one() as (lab, device):
        assert word(ask(device, "POST", path, search).text, "responseStatusStrg") == "NO MATCHES"
        ask(device, "GET", TIME, login=WRONG)
        text = ask(device, "POST", path, search).text
        assert word(text, "responseStatusStrg") == "OK" and "illegalAccess" in text
        wrong = search.replace("Postion", "Position")
        assert said(ask(device, "POST", path, wrong)) == (400, "badXmlContent"), "spelled as on the wire"
        assert lab.writes("dev") == []


def test_the_stream_asks_for_a_login_unless_security_is_off() -> None:
    with one() as (_lab, device):
        assert not device.rtsp_open()
        path = "Streaming/channels/101"
        assert change(device, path, "<Security>\n<enabled>true", "<Security>\n<enabled>false") == (200, "ok")
        assert device.rtsp_open()


# -- activation --------------------------------------------------------------------------------------------------------
def sealed(device: Any, password: str, key: rsa.RSAPrivateKey) -> str:
    """The password for a device as its legacy challenge wants it."""
    modulus = f"{key.public_key().public_numbers().n:0{key.key_size // 4}x}"
    body = f"<PublicKey><key>{base64.b64encode(modulus.encode()).decode()}</key></PublicKey>"
    answer = ask(device, "POST", "Security/challenge", body, login=None)
    assert answer.status_code == 200, answer.text
    raw = bytes.fromhex(base64.b64decode(word(answer.text, "key")).decode())
    random = key.decrypt(raw, padding.PKCS1v15()).decode()
    plain = (random[:16] + password).encode()
    plain += b"\0" * (-len(plain) % 16)
    encryptor = Cipher(algorithms.AES(bytes.fromhex(random)), modes.ECB()).encryptor()
    return base64.b64encode((encryptor.update(plain) + encryptor.finalize()).hex().encode()).decode()


def test_a_device_out_of_the_box_is_activated_the_legacy_way() -> None:
    key = rsa.generate_private_key(65537, 1024)
    with one("isapi-factory") as (_lab, device):
        assert word(ask(device, "GET", "/SDK/activateStatus", login=None).text, "Activated") == "false"
        assert said(ask(device, "GET", TIME)) == (403, "notActivated")

        def activate(value: str) -> tuple[int, str]:
            body = f"<ActivateInfo><password>{value}</password></ActivateInfo>"
            return said(ask(device, "PUT", "System/activate", body, login=None))

        assert activate("bm90IGhleA==") == (400, "badXmlContent")
        assert activate(sealed(device, "admin123", key)) == (200, "riskPassword")
        assert not device.activated
        value = sealed(device, PASSWORD, key)
        assert activate(value) == (200, "ok")
        assert activate(value) == (403, "invalidOperation"), "once only"
        assert get(device, TIME, ("admin", PASSWORD)) and PASSWORD not in str(device.public_state())
        assert word(ask(device, "GET", "/SDK/activateStatus", login=None).text, "Activated") == "true"


def test_a_device_of_the_third_generation_refuses_the_legacy_way() -> None:
    key = rsa.generate_private_key(65537, 3072)
    modulus = base64.b64encode(f"{key.public_key().public_numbers().n:x}".encode()).decode()
    with one("isapi-factory", state="v3") as (_lab, device):
        status = ask(device, "GET", "/SDK/activateStatus", login=None).text
        assert word(status, "supportVersion") == "3" and word(status, "Activated") == "false"
        body = f"<PublicKey><key>{modulus}</key></PublicKey>"
        assert said(ask(device, "POST", "Security/challenge", body, login=None)) == (400, "badParameters")
        path = "System/activate/GetChallengeV3"
        answer = ask(device, "POST", path, f'{{"publicKey": "{modulus}"}}', login=None)
        raw = bytes.fromhex(base64.b64decode(answer.json()["challenge"]).decode())
        assert len(key.decrypt(raw, padding.PKCS1v15())) == 32
        assert ask(device, "POST", path, '{"publicKey": "x"}', login=None).json()["subStatusCode"] == "badParameters"
        start = ask(device, "POST", "System/activate/StartActivateV3", '{"password": "x", "iv": "00"}', login=None)
        assert start.status_code == 400 and not device.activated


def test_h50_a_device_that_was_reset_by_somebody() -> None:
    with one() as (lab, device):
        lab.fault("dev", "H50")
        assert said(ask(device, "GET", TIME)) == (403, "notActivated") and device.bootstrap_login is None

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins of the simulated ONVIF devices: digest, UsernameToken, levels, lockout."""

from __future__ import annotations

import datetime

import pytest
from onvif_raw import Raw, make, token

from ansible_collections.nwcs.hardening.lab.onvif.auth import Digest, _Nonce

GET_USERS, GET_INFO = "<tds:GetUsers/>", "<tds:GetDeviceInformation/>"
USER = "<tt:Username>{}</tt:Username><tt:Password>{}</tt:Password><tt:UserLevel>{}</tt:UserLevel>"
VECTORS = [  # RFC 2617 section 3.5 and RFC 7616 section 3.9.1
    (
        "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "Circle Of Life", "0a4f113b", "MD5",
        "6629fae49393a05397450978507c4ef1",
    ),
    (
        "http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "Circle of Life",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "SHA-256",
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("realm", "nonce", "password", "client", "algorithm", "response"), VECTORS)
def test_digest_takes_the_published_vectors(realm, nonce, password, client, algorithm, response) -> None:
    def login(answer: str, known: str = password):
        server = Digest(realm, [algorithm])
        server._nonces[nonce] = _Nonce(issued=float("inf"))
        header = (
            f'Digest username="Mufasa", realm="{realm}", nonce="{nonce}", uri="/dir/index.html", qop=auth, '
            f'algorithm={algorithm}, nc=00000001, cnonce="{client}", response="{answer}"'
        )
        return server.check(header, "GET", "/dir/index.html", {"Mufasa": known}.get).outcome

    assert login(response) == "ok"
    assert login(response[:-1] + "0") == "refused"
    assert login(response, known="another") == "refused"


def test_without_credentials_both_schemes_give_401_and_a_token_device_400() -> None:
    answer = Raw(make()).ask(GET_USERS)
    assert (answer.status, answer.codes) == (401, ["Sender", "NotAuthorized"])
    assert [challenge.partition(" ")[0] for challenge in answer.challenges] == ["Digest"]
    answer = Raw(make("onvif-strict")).ask(GET_USERS)
    assert (answer.status, answer.codes, answer.challenges) == (400, ["Sender", "NotAuthorized"], [])


@pytest.mark.parametrize("operation", ["GetSystemDateAndTime", "GetServices", "GetHostname", "GetCapabilities"])
def test_operations_before_the_login(operation: str) -> None:
    assert Raw(make()).ask(f"<tds:{operation}/>").status == 200


def test_nonce_is_reused_with_a_rising_count_and_a_replay_is_stale() -> None:
    device = make()
    raw = Raw(device)
    assert [raw.call(GET_USERS).status for _unused in range(3)] == [200, 200, 200]
    assert len(device.log) == 4, "one challenge for three requests"
    raw.count -= 1
    replay = raw.call(GET_USERS)
    assert replay.status == 401 and "stale=true" in replay.challenges[0]
    raw.take(replay)
    assert raw.call(GET_USERS).status == 200
    assert "refused" not in [entry.login for entry in device.log]


def test_a_restart_makes_nonces_stale() -> None:
    device = make()
    raw = Raw(device)
    raw.call(GET_USERS)
    device.restart(0)
    assert "stale=true" in raw.call(GET_USERS).challenges[0]


def test_wrong_password_is_refused_and_not_stale() -> None:
    device = make()
    answer = Raw(device, password="54321").call(GET_USERS)
    assert answer.status == 401 and "stale" not in answer.challenges[0]
    assert [entry.login for entry in device.log] == ["", "refused"]
    assert Raw(device, user="nobody").call(GET_USERS).status == 401


def test_sha256_comes_first_and_each_nonce_is_good_once() -> None:
    raw = Raw(make("onvif-sha256"))
    first = raw.ask(GET_USERS)
    assert ["SHA-256" in challenge for challenge in first.challenges] == [True, False]
    for index in (0, 1):
        raw.take(raw.ask(GET_USERS), index)
        assert raw.call(GET_USERS).status == 200
        assert "stale=true" in raw.call(GET_USERS).challenges[0]


def stamp(device, seconds: float) -> str:
    return f"{device.now() + datetime.timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def test_strict_token_by_the_devices_own_clock() -> None:
    device = make("onvif-strict")
    raw = Raw(device)
    assert raw.ask(GET_USERS, token("admin", "12345")).status == 400, "signed with the controller's clock"
    for seconds, status in ((0, 200), (-4, 200), (3, 200), (-30, 400), (30, 400)):
        assert raw.ask(GET_USERS, token("admin", "12345", stamp(device, seconds))).status == status, seconds


def test_strict_token_once_and_only_with_z() -> None:
    device = make("onvif-strict", lockout_attempts=0)
    raw = Raw(device)
    header = token("admin", "12345", stamp(device, 0))
    assert [raw.ask(GET_USERS, header).status for _unused in range(2)] == [200, 400]
    numeric = stamp(device, 0).replace("Z", "+00:00")
    assert raw.ask(GET_USERS, token("admin", "12345", numeric)).status == 400
    assert Raw(make()).ask(GET_USERS, token("admin", "12345", numeric)).status == 200, "others take it"


def test_token_needs_nonce_type_and_password() -> None:
    raw = Raw(make())
    assert raw.ask(GET_USERS, token("admin", "12345")).status == 200
    assert raw.ask(GET_USERS, token("admin", "12345", nonce=b"")).status == 401
    assert raw.ask(GET_USERS, token("admin", "12345", kind="PasswordText")).status == 401
    assert raw.ask(GET_USERS, token("admin", "wrong")).status == 401


@pytest.mark.parametrize(("model", "status"), [("onvif-complete", 400), ("onvif-sha256", 403)])
def test_levels(model: str, status: int) -> None:
    users = [
        {"Username": "admin", "Password": "12345", "UserLevel": "Administrator"},
        {"Username": "viewer", "Password": "12345", "UserLevel": "User"},
    ]
    viewer = Raw(make(model, users=users), user="viewer")
    assert viewer.call(GET_INFO).status == 200
    viewer.challenge = {}
    assert viewer.call(GET_USERS).status == status
    viewer.challenge = {}
    assert viewer.call("<tds:SetHostname><tds:Name>x</tds:Name></tds:SetHostname>").status == status


def test_lockout_is_per_source_address_and_also_refuses_the_right_password() -> None:
    device = make(lockout_attempts=3, lockout_seconds=60)
    for _unused in range(3):
        Raw(device, password="wrong").call(GET_USERS)
    assert Raw(device).call(GET_USERS).status == 401
    assert device.log[-1].login == "locked"
    assert Raw(device, peer="127.0.0.9").call(GET_USERS).status == 200


def test_lockout_ends_and_a_success_clears_the_count() -> None:
    device = make(lockout_attempts=2, lockout_seconds=0.05)
    for _unused in range(3):  # never two failures in a row
        Raw(device, password="wrong").call(GET_USERS)
        assert Raw(device).call(GET_USERS).status == 200
    for _unused in range(2):
        Raw(device, password="wrong").call(GET_USERS)
    assert device.lockout.is_locked("127.0.0.1")
    device.lockout._until["127.0.0.1"] -= 1
    assert Raw(device).call(GET_USERS).status == 200


def test_snapshot_and_logs_want_a_login_and_the_system_log_holds_no_secret() -> None:
    device = make()
    for path in ("/snapshot.jpg", "/onvif/log/system", "/onvif/log/access", "/"):
        assert Raw(device).ask(method="GET", path=path).status == 401, path
        assert Raw(device).call("", path, "GET").status == 200, path
    Raw(device, password="hunter2-wrong").call(GET_USERS)
    log = Raw(device).call("<tds:GetSystemLog><tds:LogType>Access</tds:LogType></tds:GetSystemLog>")
    assert b"login of admin from 127.0.0.1 failed" in log.bytes and b"hunter2" not in log.bytes
    assert Raw(make(snapshot_open=True)).ask(method="GET", path="/snapshot.jpg").status == 200


def test_password_change_is_in_force_at_once_for_new_and_old_nonces() -> None:
    device = make()
    raw = Raw(device)
    user = USER.format("admin", "Correct-Horse-7", "Administrator")
    assert raw.call(f"<tds:SetUser><tds:User>{user}</tds:User></tds:SetUser>").status == 200
    assert raw.call(GET_USERS).status == 401
    assert Raw(device, password="Correct-Horse-7").call(GET_USERS).status == 200
    assert device.rtsp_login("admin") == "Correct-Horse-7"

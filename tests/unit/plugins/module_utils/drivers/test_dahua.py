# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Dahua devices answer: lines, errors, the hash of RPC2, verbs without a device."""

from __future__ import annotations

import datetime
import hashlib
import json
from types import SimpleNamespace

import pytest

from ansible_collections.nwcs.hardening.plugins.module_utils import auth
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer, Credential
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import dahua_accounts as accounts
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import dahua_recorder as recorder
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import dahua_rpc as rpc
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import dahua_session as session
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import dahua_text as text
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.dahua import DahuaDriver, judge_anonymous
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.dahua_tables import (
    fetch_information,
    is_old,
    version,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    LoginRefused,
    Refused,
    Unsupported,
)


def answer(status: int = 200, body: bytes = b"", path: str = "") -> Answer:
    return Answer(status, {}, body, path)


# -- lines -------------------------------------------------------------------------------------------------------------
def test_lines_become_tables_and_secrets_are_masked_at_once() -> None:
    body = (b"table.Email.Enable=true\r\ntable.Email.Password=a=b\r\ntable.Email.Title=x = y\r\n"
            b"table.DDNS[0].Address=\r\ntable.WLan.eth0.Keys[0]=k\r\nnoise\r\n=\r\n")  # fmt: skip
    found = text.tables(body)
    assert found["Email"] == {"Enable": "true", "Password": text.MASK, "Title": "x = y"}
    assert found["DDNS"] == {"[0].Address": ""}
    assert found["WLan"] == {"eth0.Keys[0]": text.MASK}
    assert set(found) == {"Email", "DDNS", "WLan"}


def test_everything_at_once_has_the_same_tables_as_one_after_the_other() -> None:
    one = b"table.NTP.Enable=true\ntable.VideoColor[0][1].Brightness=50\n"
    assert text.tables(one.replace(b"table.", b"table.All.")) == text.tables(one)
    assert text.tables(one)["VideoColor"] == {"[0][1].Brightness": "50"}


def test_a_backup_has_the_same_form() -> None:
    tree = {"Enable": True, "Server": [{"Port": 80, "Password": "x"}], "Empty": None, "Name": ""}
    assert text.flat(tree) == {"Enable": "true", "Server[0].Port": "80", "Server[0].Password": text.MASK, "Name": ""}
    assert text.flat([{"Enable": False}]) == {"[0].Enable": "false"}


@pytest.mark.parametrize(
    ("key", "secret"),
    [("Password", True), ("[0].UserPasswd", True), ("pwd", True), ("eth0.Keys[1]", True), ("ReadCommon", True),
     ("Key", True), ("KeepAlive", False), ("Keyboard", False), ("Enable", False), ("MachineName", False)],
)  # fmt: skip
def test_what_counts_as_a_secret(key: str, secret: bool) -> None:
    assert text.is_secret(key) is secret


def test_rows_come_in_the_order_of_their_numbers() -> None:
    body = b"users[1].Name=b\nusers[0].Name=a\nusers[0].Group=admin\nother=1\nusers[0].AuthList[0]=Live\n"
    assert text.rows(body, "users") == [{"Name": "a", "Group": "admin", "AuthList[0]": "Live"}, {"Name": "b"}]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"OK\r\n", None), (200, b"type=IPC", None), (200, b"Error\r\nBad Request!", Refused),
        (200, b"Error: Error -1 getting param in name=X", Unsupported), (200, b"<html>login</html>", BadAnswer),
        (401, b"", Refused), (403, b"Authority:check failure.", Refused), (403, b"", Refused),
        (400, b"Error\r\nBad Request!", Unsupported), (404, b"", Unsupported), (501, b"", Unsupported),
        (503, b"", Busy), (500, b"", BadAnswer),
    ],
)  # fmt: skip
def test_an_answer_is_classified(status: int, body: bytes, kind: type[Exception] | None) -> None:
    why = text.failure("dev: x", answer(status, body))
    assert (why is None) if kind is None else isinstance(why, kind)
    if status == 403 and body:
        assert "not there, or this login may not use it" in str(why)  # H23: the two cannot be told apart


def test_ok_is_ok_and_nothing_else_is() -> None:
    assert text.is_ok(answer(200, b"OK\r\n")) and text.is_ok(answer(200, b"OK"))
    assert not text.is_ok(answer(200, b"")) and not text.is_ok(answer(200, b"Error")) and not text.is_ok(answer(500))


def test_a_path_holds_brackets_as_they_are_and_values_quoted() -> None:
    path = session.path_of("configManager", "setConfig", [("VideoColor[0][0].Name", "a b&c=%")])
    assert path == "/cgi-bin/configManager.cgi?action=setConfig&VideoColor[0][0].Name=a%20b%26c%3D%25"


def test_the_build_date_is_part_of_the_version() -> None:
    assert version({"version": "2.880.0.R,build:2023-11-15"}) == "2.880.0.R build:2023-11-15"
    assert version({"version": "2.880"}) == "2.880"


def test_firmware_with_a_known_login_bypass_is_told_by_its_build_date() -> None:
    assert is_old({"version": "2.210.0000.6.R,build:2013-07-18"}) == "2013-07-18"
    assert is_old({"version": "4.001.0000000.17.R,build:2021-12-30 21:09:34"}) == ""
    assert is_old({"version": "2.880"}) == ""


# -- RPC2 --------------------------------------------------------------------------------------------------------------
def test_the_answer_to_a_challenge_is_two_hashes_deep() -> None:
    inner = hashlib.md5(b"admin:Login to 1:secret", usedforsecurity=False).hexdigest().upper()
    outer = hashlib.md5(f"admin:42:{inner}".encode(), usedforsecurity=False).hexdigest().upper()
    assert rpc.answer_hash("admin", "secret", "Login to 1", "42") == outer


class Device:
    """Answers RPC2 in turn; keeps what was sent."""

    def __init__(self, *replies: object) -> None:
        self.replies, self.sent = list(replies), []
        self.target = SimpleNamespace(name="dev", limits=SimpleNamespace(body_bytes=1 << 20, depth=64))

    def request(self, method: str, path: str, body: bytes = b"", **_more: object) -> Answer:
        self.sent.append((path, body.decode()))
        reply = self.replies.pop(0)
        if isinstance(reply, Answer):
            return reply
        return Answer(200, {"set-cookie": "WebClientHttpSessionID=c; Path=/"}, json.dumps(reply).encode())


CHALLENGE = {"result": False, "session": 7, "error": {"code": 268632079},
             "params": {"realm": "Login to 1", "random": "42", "encryption": "Default"}}  # fmt: skip


def test_rpc2_uses_the_second_session_and_the_cookie_and_no_password() -> None:
    device = Device(CHALLENGE, {"result": True, "session": "second"}, {"result": True, "params": {"table": 1}})
    client = rpc.Rpc(device)
    client.login(Credential("admin", "top-secret"))
    assert client.call("configManager.getConfig", {"name": "NTP"}) == {"table": 1}
    assert [path for path, _body in device.sent] == ["/RPC2_Login", "/RPC2_Login", "/RPC2"]
    assert '"session": "second"' in device.sent[2][1]
    assert not any("top-secret" in body for _path, body in device.sent)
    assert rpc.answer_hash("admin", "top-secret", "Login to 1", "42") in device.sent[1][1]


@pytest.mark.parametrize(
    ("replies", "kind", "locked", "words"),
    [
        ([{"result": False, "error": {"code": 268632081}}], LoginRefused, True, "locked"),
        ([CHALLENGE, {"result": False, "error": {"code": 268632081}}], LoginRefused, True, "locked"),
        ([CHALLENGE, {"result": False, "error": {"code": 268632086}}], LoginRefused, False, "no administrator"),
        ([CHALLENGE, {"result": False, "error": {"code": 1}}], LoginRefused, False, "refused"),
        ([{**CHALLENGE, "params": {**CHALLENGE["params"], "encryption": "Plain"}}], Refused, None, "weaker"),
        ([{**CHALLENGE, "params": {}}], BadAnswer, None, "no challenge"),
        ([[1]], BadAnswer, None, "no usable answer"),
        ([answer(404)], Unsupported, None, "no RPC2"),
        ([answer(200, b"<html>")], BadAnswer, None, "HTML"),
    ],
)  # fmt: skip
def test_how_rpc2_refuses(replies: list, kind: type, locked: bool | None, words: str) -> None:
    device = Device(*replies)
    with pytest.raises(kind) as caught:
        rpc.Rpc(device).login(Credential("admin", "top-secret"))
    assert words in str(caught.value) and "top-secret" not in str(caught.value)
    assert locked is None or caught.value.locked is locked


# -- the login of the CGI ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("offered", "kind"),
    [('Digest realm="x", nonce="n", qop="auth"\nBasic realm="x"', auth.Digest), ('Basic realm="x"', auth.Basic)],
)
def test_digest_wherever_it_is_offered(offered: str, kind: type) -> None:
    device = Device(answer(200, b"serialNumber=1\ndeviceType=IPC\n"))
    device.dahua_challenge = Answer(401, {"www-authenticate": offered}, b"")
    ctx = session.DahuaContext(device, Credential("admin", "x"))
    ctx.open()
    assert isinstance(device.auth, kind) and ctx.information["serialNumber"] == "1"
    assert any("Basic" in note for note in ctx.notes) is (kind is auth.Basic)


@pytest.mark.parametrize(
    ("status", "body", "locked"),
    [(401, b"Error\r\nUser Locked! Please try again", True), (403, b"User Locked!", True), (403, b"", False),
     (401, b"Error\r\nInvalid Authority!", False)],
)  # fmt: skip
def test_a_refused_login_is_tried_once_and_says_whether_it_is_locked(status: int, body: bytes, locked: bool) -> None:
    device = Device(answer(status, body), answer(404))
    device.dahua_challenge = Answer(401, {"www-authenticate": 'Digest realm="x", nonce="n"'}, b"")
    with pytest.raises(LoginRefused) as caught:
        session.DahuaContext(device, Credential("admin", "top-secret")).open()
    assert caught.value.locked is locked and "top-secret" not in str(caught.value)
    assert [path for path, _body in device.sent] == [session.INFO, rpc.LOGIN_PATH], "one attempt, then a question"


def test_a_model_that_is_a_number_is_asked_for_by_another_word() -> None:
    asked: list[str] = []

    def ask(cgi: str, action: str) -> bytes:
        asked.append(action)
        return b"type=IPC-HDW2849\n"

    ctx = context(information={"deviceType": "31", "serialNumber": "1"}, ask=ask, identity=SimpleNamespace(model="31"))
    assert fetch_information(ctx)["deviceType"] == "IPC-HDW2849" == ctx.identity.model
    ctx = context(information={"deviceType": "IPC-1"}, ask=ask, identity=SimpleNamespace(model="IPC-1"))
    assert fetch_information(ctx)["deviceType"] == "IPC-1" and asked == ["getDeviceType"]


def test_a_broken_connection_is_not_asked_table_by_table() -> None:
    def get(_path: str) -> Answer:
        error = BadAnswer("dev: cut off.")
        error.reason = "truncated"
        raise error

    ctx = session.DahuaContext(Device(), Credential("admin", "x"))
    ctx.get = get
    with pytest.raises(BadAnswer):
        ctx.tables(["General", "NTP"])
    ctx.get = lambda _path: answer(503)
    assert isinstance(ctx.tables(["General"])["General"], Busy)


# -- cameras of a recorder ---------------------------------------------------------------------------------------------
STATES = {"states": [{"channel": 0, "connectionState": "Connected"}, {"channel": 1, "connectionState": "Connecting"},
                     {"channel": 2, "connectionState": "Empty"}, {"channel": "x"}, 7]}  # fmt: skip


def recorder_context(*replies: object) -> session.DahuaContext:
    ctx = session.DahuaContext(Device(*replies), Credential("admin", "x"))
    ctx.recorder = True
    return ctx


def test_what_a_recorder_says_of_its_cameras() -> None:
    tree = recorder.fetch_cameras(recorder_context(STATES))
    assert {item: recorder.camera_state(tree, item) for item in tree["states"]} == {
        "channel-1": "active", "channel-2": "error", "channel-3": "idle"}  # fmt: skip
    assert recorder.recording_state(tree) == "error"
    assert recorder.recording_state({"states": {}}) == "idle"
    assert recorder.recording_state({"states": {"channel-1": "Unconnect", "channel-2": "Connected"}}) == "error"


def test_rpc2_is_asked_where_the_cgi_does_not_tell() -> None:
    done = {"result": True, "session": "s", "params": STATES}
    ctx = recorder_context(answer(501), CHALLENGE, {"result": True, "session": "s"}, done, {"result": True})
    assert set(recorder.fetch_cameras(ctx)["states"]) == {"channel-1", "channel-2", "channel-3"}
    assert [path for path, _body in ctx.transport.sent][-1] == "/RPC2" and "logout" in ctx.transport.sent[-1][1]


def test_a_camera_is_not_asked_for_its_cameras() -> None:
    ctx = session.DahuaContext(Device(), Credential("admin", "x"))
    ctx.recorder = False
    with pytest.raises(Unsupported, match="no recorder"):
        recorder.fetch_cameras(ctx)
    assert ctx.transport.sent == []
    with pytest.raises(BadAnswer):
        recorder.fetch_cameras(recorder_context({"states": None}))


# -- accounts ----------------------------------------------------------------------------------------------------------
def context(**more: object) -> SimpleNamespace:
    base = {
        "name": "dev",
        "credential": Credential("admin", "x"),
        "facts": {},
        "notes": [],
        "secret": lambda name: "S3",
    }
    return SimpleNamespace(**{**base, **more})


USERS = {"admin": {"group": "admin", "reserved": True}, "second": {"group": "admin", "reserved": False}}


def test_nothing_is_sent_that_would_lock_us_out() -> None:
    ctx = context(send=lambda *args: pytest.fail("sent"), credential=Credential("second", "x"))
    with pytest.raises(Refused, match="in use"):
        accounts.store(ctx, USERS, {"admin": USERS["admin"]})
    with pytest.raises(Refused, match="in use"):
        accounts.store(ctx, USERS, {**USERS, "second": {"group": "user", "reserved": False}})
    with pytest.raises(Refused, match="no account"):
        accounts.store(ctx, USERS, {**USERS, "new": {"group": "", "reserved": False, "password": "set"}})
    ctx = context(send=lambda *args: pytest.fail("sent"), credential=Credential("viewer", "x"))
    with pytest.raises(Refused, match="no administrator"):
        accounts.store(ctx, USERS, {})


def test_a_list_without_the_account_in_use_is_not_believed() -> None:
    assert accounts.credible(context(), USERS) is None
    assert "admin" in accounts.credible(context(), {"other": USERS["second"]})
    assert accounts.credible(context(facts={"anonymous": True}), {"other": USERS["second"]}) is None


def test_rights_of_its_own_make_more_of_an_account_than_its_group_says() -> None:
    body = (b"users[0].Name=admin\nusers[0].Group=admin\nusers[0].AuthorityList[0]=AuthUserMag\n"
            b"users[1].Name=view\nusers[1].Group=user\nusers[1].AuthorityList[0]=Monitor_01\n"
            b"users[1].AuthorityList[1]=Replay_01\nusers[2].Name=tech\nusers[2].Group=user\n"
            b"users[2].AuthList[0]=Monitor_01\nusers[2].AuthList[1]=AuthUserMag\n")  # fmt: skip
    tree = accounts.fetch(context(ask=lambda *args: body))
    assert {name: accounts.get_role(tree, name) for name in tree} == {
        "admin": "administrator", "view": "viewer", "tech": "operator"}  # fmt: skip
    assert "AuthUserMag" in accounts.limits(None, tree, "tech", "viewer")
    assert accounts.limits(None, tree, "tech", "operator") is None, "it is so already"
    assert accounts.limits(None, tree, "tech", "administrator") is None
    assert accounts.limits(None, tree, "view", "operator"), "nobody knows which rights that would be"
    with pytest.raises(BadAnswer):
        accounts.fetch(context(ask=lambda *args: b"noise"))


def test_an_empty_password_is_never_sent() -> None:
    ctx = context(send=lambda *args: pytest.fail("sent"), secret=lambda name: "",
                  transport=SimpleNamespace(target=SimpleNamespace(scheme="https")))  # fmt: skip
    with pytest.raises(Refused, match="empty"):
        accounts.store(ctx, USERS, {**USERS, "ops": {"group": "user", "reserved": False}})


# -- verbs -------------------------------------------------------------------------------------------------------------
def test_the_clock_needs_a_zone_and_a_time() -> None:
    driver, ctx = DahuaDriver(), context()
    received = datetime.datetime(2026, 1, 1, 0, 0, 5, tzinfo=datetime.UTC).timestamp()
    trees = {"clock": {"result": "2026-01-01 09:00:00", "received": received}, "NTP": {"TimeZone": "14"}}
    device, controller = driver.clock(ctx, trees)
    assert (device.hour, (controller - device).total_seconds()) == (0, 5.0)
    summer = {
        **trees,
        "Locales": {"DSTEnable": "true"},
        "clock": {"result": "2026-01-01 10:00:00", "received": received},
    }
    assert driver.clock(ctx, summer)[0] == device
    assert driver.clock(ctx, {**trees, "NTP": {}}) is None
    assert driver.clock(ctx, {**trees, "clock": {"result": "2026-13-01 09:00:00", "received": received}}) is None
    assert driver.clock(ctx, {**trees, "clock": {"result": "soon", "received": received}}) is None


def test_lock_rules_come_from_table_general() -> None:
    driver = DahuaDriver()
    rules = driver.lock_rules(
        context(lock={"LockLoginEnable": "true", "LockLoginTimes": "3", "LoginFailLockTime": "60"})
    )
    assert (rules.attempts, rules.seconds, rules.locks) == (3, 60, True)
    assert driver.lock_rules(context(lock={"LockLoginEnable": "false"})).locks is False
    assert driver.lock_rules(context(lock={}, tables=lambda names: {})).locks is None


@pytest.mark.parametrize(
    ("status", "body", "given"),
    [(200, b"serialNumber=1", True), (200, b"Error", None), (200, b"<html>", None), (401, b"", False),
     (403, b"", False), (302, b"", False), (500, b"", None)],
)  # fmt: skip
def test_what_a_stranger_was_given(status: int, body: bytes, given: bool | None) -> None:
    assert judge_anonymous(answer(status, body)) is given


def test_passwords_that_are_made_go_through_an_address_unharmed() -> None:
    rules = DahuaDriver().password_rules(context())
    assert rules.alphabet is not None and not set("&=?#%+ '\"\\/:;") & set(rules.alphabet)
    assert rules.max_length <= 32 and rules.min_length >= 8

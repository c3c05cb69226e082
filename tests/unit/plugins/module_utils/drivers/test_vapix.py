# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VAPIX driver over recorded and made-up answers: parsers, errors in every form, logging in, stores."""

from __future__ import annotations

import copy
import json
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer, Credential
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_accounts as accounts
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_apis as apis
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_firewall as firewall
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_param as param
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.vapix import VapixDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.vapix_http import (
    EitherAuth,
    VapixContext,
    email_date,
    version_of,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    LoginRefused,
    NwcsError,
    Refused,
    Unsupported,
    WrongFamily,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Target

CAPTURES = Path(__file__).parents[4] / "captures" / "axis"
OWN = Credential("root", "Our-Secret-1")
NO_ADMIN = b"Error: initial admin user must be created first."


class FakeTransport:
    """Answers by path; a list of answers is used up, its last one stays. Keeps what was sent."""

    def __init__(self, answers: dict[str, Any], scheme: str = "https") -> None:
        self.target = Target("cam", "192.0.2.7", 443 if scheme == "https" else 80, scheme)
        self.answers, self.auth, self.requests = answers, None, 0
        self.sent: list[tuple[str, str, bytes]] = []

    def request(self, method: str, path: str, *, body: bytes = b"", headers: Any = None, login: bool = True,
                idempotent: Any = None) -> Answer:  # fmt: skip
        self.sent.append((method, path, body))
        plain = path.partition("?")[0]
        made = self.answers.get(f"{method} {plain}", self.answers.get(plain, (404, b"<HTML>404</HTML>")))
        if isinstance(made, list):
            made = made.pop(0) if len(made) > 1 else made[0]
        status, content, *more = made if isinstance(made, tuple) else (200, made)
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        return Answer(status, dict(more[0]) if more else {}, content, path)

    def close(self) -> None:
        """Nothing to close."""

    def forms(self) -> list[dict[str, str]]:
        return [dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True)) for _m, _p, body in self.sent]

    def bodies(self) -> list[Any]:
        return [json.loads(body) for _m, _p, body in self.sent if body]


def context(answers: dict[str, Any], version: str = "12.11.77", **secrets: str) -> VapixContext:
    ctx = VapixContext(FakeTransport(answers), OWN, {f"accounts.{k}": v for k, v in secrets.items()})
    ctx.apis = {}
    ctx.version, ctx.json_age = version_of(version), True
    ctx.use(OWN)
    return ctx


def recorded(name: str) -> bytes:
    return (CAPTURES / name).read_bytes()


# -- param.cgi ---------------------------------------------------------------------------------------------------------
def test_recorded_parameters_are_read_with_their_values_and_without_secrets() -> None:
    for firmware, count in (("9.80", 180), ("5.51", 150)):
        values, errors = param.parse(recorded(f"{firmware}-parameters.txt").decode())
        assert errors == [] and len(values) > count
        assert values["Network.UPnP.FriendlyName"].startswith("AXIS ")
        assert values["SNMP.V1ReadCommunity"] == values["SNMP.Trap.T0.Community"] == param.MASK
        assert values["SNMP.InitialUserPasswd"] == param.MASK and values["System.RootPwdSet"] == "yes"


def test_a_group_that_is_not_there_is_an_error_line_and_the_next_one_may_lack_its_root() -> None:
    text = ("root.Brand.Brand=AXIS\r\n# Error: Error -1 getting param in group 'Network.Filter'\r\n"
            "Time.NTP.Server=a=b\r\n\r\n")  # fmt: skip
    values, errors = param.parse(text)
    assert values == {"Brand.Brand": "AXIS", "Time.NTP.Server": "a=b"} and len(errors) == 1


@pytest.mark.parametrize(("body", "error"), [(b"# Error: Error -1 getting param in group 'X'\n", Refused),
                                             (b"<html>hello</html>", BadAnswer), (b"", BadAnswer)])  # fmt: skip
def test_a_list_without_a_parameter_is_no_empty_list(body: bytes, error: type[NwcsError]) -> None:
    with pytest.raises(error):
        param.fetch(context({param.PARAM: body}))


def test_firmware_that_drops_the_list_at_an_unknown_group_is_asked_for_everything() -> None:
    error = b"root.Brand.Brand=AXIS\n# Error: Error -1 getting param in group 'SOCKS'\n"
    everything = recorded("5.51-parameters.txt") + b"root.Audio.A0.Enabled=yes\n"
    ctx = context({param.PARAM: [error, everything]})
    values = param.fetch(ctx)
    assert values["Network.FTP.Enabled"] == "yes" and "Audio.A0.Enabled" not in values
    assert [path.partition("?")[2] for _m, path, _b in ctx.transport.sent][1] == "action=list"
    ctx = context({param.PARAM: recorded("9.80-parameters.txt") + b"# Error: Error -1 getting param in group 'Log'\n"})
    param.fetch(ctx)
    assert len(ctx.transport.sent) == 1, "one group that is not there is no reason to ask again"


def test_only_what_changed_is_sent_in_the_body_and_never_a_mask() -> None:
    ctx = context({param.PARAM: b"OK\r\n"})
    ctx.fresh["users"] = {}
    old = {"Network.UPnP.Enabled": "yes", "SNMP.V1ReadCommunity": param.MASK, "Time.SyncSource": "NTP"}
    param.store(ctx, old, {**old, "Network.UPnP.Enabled": "no"})
    assert ctx.transport.forms() == [{"action": "update", "Network.UPnP.Enabled": "no"}]
    assert ctx.transport.sent[0][:2] == ("POST", param.PARAM) and ctx.fresh == {}
    param.store(ctx, {"SNMP.V1ReadCommunity": "x"}, {"SNMP.V1ReadCommunity": param.MASK})
    assert len(ctx.transport.sent) == 1


def test_h12_one_refused_parameter_does_not_keep_the_others_back() -> None:
    error = b"# Error: Error setting 'root.Network.HostName' to 'x'!"
    ctx = context({param.PARAM: [error, b"OK", error]})
    old = {"A.B": "1", "Network.HostName": "a"}
    with pytest.raises(Refused, match=r"did not take Network.HostName") as caught:
        param.store(ctx, old, {"A.B": "2", "Network.HostName": "x"})
    assert "A.B" not in caught.value.message
    assert [set(form) for form in ctx.transport.forms()] == [
        {"action", "A.B", "Network.HostName"}, {"action", "A.B"}, {"action", "Network.HostName"}
    ]  # fmt: skip


@pytest.mark.parametrize("body", [b"", b"<html>OK</html>", b"Fine"])
def test_what_does_not_say_ok_leaves_the_fate_to_the_next_reading(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        param.store(context({param.PARAM: body}), {"A.B": "1"}, {"A.B": "2"})


# -- accounts ----------------------------------------------------------------------------------------------------------
NOISY = ('admin="joe,wwwa,wwwaop,root"\noperator="joe,ed,sdk,wwwo,root"\nptz="joe,wwwop,root"\n'
         'viewer="joe,ed,vi,sdk,wwwv,root"\nusers="joe,ed,vi"\nroot="root"\naudio="streamer,sdk"\n')  # fmt: skip


def test_unix_groups_of_old_firmware_are_no_accounts() -> None:
    tree = accounts.parse(NOISY)
    assert {name: accounts.role_of(user) for name, user in tree["users"].items()} == {
        "joe": "administrator", "root": "administrator", "ed": "operator", "vi": "viewer"
    }  # fmt: skip
    assert tree["other"] == ["sdk", "wwwa", "wwwaop", "wwwo", "wwwop", "wwwv"]


def test_an_intruder_does_not_hide_behind_the_name_of_a_service() -> None:
    tree = accounts.parse('admin="root,sdk"\r\noperator="root"\r\nviewer="root"\r\ndigusers="root,sdk,lonely"\r\n')
    assert {name: accounts.role_of(user) for name, user in tree["users"].items()} == {
        "root": "administrator", "sdk": "administrator", "lonely": "other"
    }  # fmt: skip
    assert "www2" in accounts.parse('admin="root,www2"\nviewer=""\n')["users"]


@pytest.mark.parametrize("body", [b"", b"<html></html>", b"Error: something", b'audio="x"'])
def test_h03_an_answer_without_groups_is_no_empty_list(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        accounts.fetch(context({accounts.PWDGRP: body}))


def test_h03_a_list_without_ourselves_says_nothing() -> None:
    ctx = context({})
    assert "root" in accounts.credible(ctx, {"users": {"joe": {"groups": ["admin"]}}, "other": []})
    assert accounts.credible(ctx, {"users": {"root": {"groups": ["admin"]}}, "other": []}) is None


def _users(**roles: str) -> dict[str, Any]:
    return {"users": {name: {"groups": list(accounts.GROUPS[role])} for name, role in roles.items()}, "other": []}


def test_accounts_are_made_changed_and_removed_in_this_order() -> None:
    ctx = context({accounts.PWDGRP: [b"Created account ops.", b"Modified the account vi.", b"Removed account old."]},
                  ops="Ops-Pass-1")  # fmt: skip
    old, new = _users(root="administrator", vi="viewer", old="viewer"), _users(root="administrator")
    accounts.put_role(new, "ops", "operator")
    accounts.put_role(new, "vi", "operator")
    accounts.store(ctx, old, new)
    add, update, remove = ctx.transport.forms()
    assert add == {"action": "add", "user": "ops", "pwd": "Ops-Pass-1", "grp": "users", "comment": "operator",
                   "sgrp": "operator:viewer:ptz"}  # fmt: skip
    assert update == {"action": "update", "user": "vi", "sgrp": "operator:viewer:ptz"}, "no password goes along"
    assert remove == {"action": "remove", "user": "old"}
    assert all(path == accounts.PWDGRP for _m, path, _b in ctx.transport.sent), "nothing in the query (H36)"


def test_h12_an_error_in_a_good_status_is_refused_and_tells_no_password() -> None:
    ctx = context({accounts.PWDGRP: b"Error: consult the system log file."}, ops="Ops-Pass-1")
    new = _users(root="administrator", ops="viewer")
    with pytest.raises(Refused, match="consult the system log") as caught:
        accounts.store(ctx, _users(root="administrator"), new)
    assert "Ops-Pass-1" not in str(caught.value)


@pytest.mark.parametrize("told", ["Ops Pass&1", "Ops+Pass%261", "x" * 100 + "Ops Pass&1"])
def test_h36_an_error_that_repeats_the_password_does_not_get_further(told: str) -> None:
    ctx = context({accounts.PWDGRP: f"Error: malformed action operation, {told}.".encode()}, ops="Ops Pass&1")
    with pytest.raises(Refused, match="malformed action operation") as caught:
        accounts.store(ctx, _users(root="administrator"), _users(root="administrator", ops="viewer"))
    assert "Pass" not in str(caught.value)


def test_our_own_new_password_is_used_from_then_on() -> None:
    ctx = context({accounts.PWDGRP: b"Modified account root."}, root="New-Secret-2")
    new = _users(root="administrator")
    accounts.put_password(new, "root", "set")
    accounts.store(ctx, _users(root="administrator"), new)
    assert ctx.credential.password == "New-Secret-2"
    assert ctx.transport.forms() == [{"action": "update", "user": "root", "pwd": "New-Secret-2"}]


GUARDS = {
    "ourselves": (_users(root="administrator", joe="administrator"), _users(joe="administrator")),
    "our role": (_users(root="administrator", joe="administrator"), _users(root="viewer", joe="administrator")),
    "the last administrator": (_users(joe="administrator", root="viewer"), _users(root="viewer")),
}


@pytest.mark.parametrize("what", GUARDS)
def test_h11_nothing_is_sent_that_could_lock_us_out(what: str) -> None:
    ctx = context({accounts.PWDGRP: b"Removed account x."})
    old, new = copy.deepcopy(GUARDS[what])
    with pytest.raises(Refused):
        accounts.store(ctx, old, new)
    assert ctx.transport.sent == []


def test_a_password_that_cannot_be_typed_is_not_sent() -> None:
    ctx = context({accounts.PWDGRP: b"Created account ops."}, ops="パスワード")
    with pytest.raises(Refused, match="ASCII"):
        accounts.store(ctx, _users(root="administrator"), _users(root="administrator", ops="viewer"))
    assert ctx.transport.sent == []


# -- factory-new -------------------------------------------------------------------------------------------------------
BASIC = {"apiVersion": "1.3", "data": {"propertyList": {
    "Brand": "AXIS", "ProdShortName": "AXIS P3265-V", "ProdNbr": "P3265-V", "SerialNumber": "ACCC8E000001",
    "Version": "12.11.77"}}}  # fmt: skip


def _ready(**data: str) -> dict[str, Any]:
    return {"apiVersion": "1.4", "method": "systemready", "data": {"systemready": "yes", **data}}


def test_a_factory_new_device_gets_its_first_administrator_without_a_login() -> None:
    transport = FakeTransport({"/axis-cgi/basicdeviceinfo.cgi": BASIC, apis.READY: _ready(needsetup="yes"),
                               accounts.PWDGRP: b"Created account nwcs."})  # fmt: skip
    driver = VapixDriver()
    ctx = driver.open(transport, OWN, {"accounts.nwcs": "First-Secret-1"})
    trees = driver.fetch(ctx, ["param", "users", "setup", "apis"])
    assert trees["users"] == {"users": {}, "other": []} and isinstance(trees["param"], Refused)
    assert driver.factory_new(ctx, trees) is True and driver.own_accounts(ctx) == ()
    assert accounts.limits(ctx, trees["users"], "eve", "viewer") and accounts.needs(ctx, "nwcs", None, "x") == [
        "accounts.nwcs"]  # fmt: skip
    new = _users(nwcs="administrator")
    accounts.store(ctx, trees["users"], new)
    assert not ctx.factory and ctx.credential.username == "nwcs" and isinstance(transport.auth, EitherAuth)
    assert transport.forms()[-1] == {"action": "add", "user": "nwcs", "pwd": "First-Secret-1", "grp": "users",
                                     "sgrp": "admin:operator:viewer:ptz", "comment": ""}  # fmt: skip


def test_before_11_5_the_first_account_is_root_whoever_is_wanted() -> None:
    ctx = context({accounts.PWDGRP: [b"Created account root.", b"Created account nwcs."]}, "9.80.2",
                  root="Root-Secret-1", nwcs="Our-Secret-2")  # fmt: skip
    ctx.facts["factory"] = True
    assert accounts.needs(ctx, "nwcs", None, "administrator") == ["accounts.nwcs", "accounts.root"]
    accounts.store(ctx, {"users": {}, "other": []}, _users(nwcs="administrator"))
    first, second = ctx.transport.forms()
    assert (first["user"], first["grp"], first["comment"]) == ("root", "root", "")
    assert second["user"] == "nwcs" and ctx.credential.username == "root"
    assert any("root" in note for note in ctx.notes)
    assert accounts.limits(ctx, _users(root="administrator"), "root", None), "it can never be removed"


def test_a_device_without_systemready_says_in_the_refusal_that_nobody_is_there() -> None:
    transport = FakeTransport({"/axis-cgi/basicdeviceinfo.cgi": (404, b""), param.PARAM: (401, NO_ADMIN),
                               accounts.PWDGRP: (401, NO_ADMIN)})  # fmt: skip
    ctx = VapixDriver().open(transport, OWN, {})
    assert ctx.factory


# -- who is there, and logging in --------------------------------------------------------------------------------------
def test_a_modern_device_tells_who_it_is_before_the_login() -> None:
    identity = VapixDriver().identify(FakeTransport({"/axis-cgi/basicdeviceinfo.cgi": BASIC}))
    assert (identity.manufacturer, identity.model, identity.firmware) == ("AXIS", "AXIS P3265-V", "12.11.77")
    assert identity.endpoint == identity.serial == "ACCC8E000001" and identity.mac == "ac:cc:8e:00:00:01"


CHALLENGE = {"www-authenticate": 'Digest realm="AXIS_ACCC8E000001", nonce="1", algorithm=MD5'}
NOT_AXIS = {
    "404": {},
    "page": {"/axis-cgi/basicdeviceinfo.cgi": b"<html></html>"},
    "other json": {"/axis-cgi/basicdeviceinfo.cgi": {"jsonrpc": "2.0"}},
    "redirect": {"/axis-cgi/basicdeviceinfo.cgi": (302, b"", {"location": "https://192.0.2.7/"})},
    "401 without a challenge": {"/axis-cgi/basicdeviceinfo.cgi": (404, b""), param.PARAM: (401, b"")},
    "500": {"/axis-cgi/basicdeviceinfo.cgi": (500, b"")},
}


@pytest.mark.parametrize("what", NOT_AXIS)
def test_something_else_is_the_wrong_family(what: str) -> None:
    with pytest.raises(WrongFamily):
        VapixDriver().identify(FakeTransport(NOT_AXIS[what]))


@pytest.mark.parametrize("what", [(503, b""), (429, b"")])
def test_a_busy_device_is_busy(what: Any) -> None:
    with pytest.raises(Busy):
        VapixDriver().identify(FakeTransport({"/axis-cgi/basicdeviceinfo.cgi": what}))


def _answers(**more: Any) -> dict[str, Any]:
    return {"/axis-cgi/basicdeviceinfo.cgi": BASIC, apis.READY: _ready(needsetup="no", passphrasepolicy="complex"),
            accounts.PWDGRP: b'admin="root"\r\noperator="root"\r\nviewer="root"\r\ndigusers="root"\r\n',
            param.PARAM: recorded("9.80-parameters.txt"), apis.DISCOVERY: recorded("9.80-apis.json"), **more}


def test_what_the_login_has_read_is_not_asked_again() -> None:
    transport = FakeTransport(_answers())
    driver = VapixDriver()
    driver.identify(transport)
    ctx = driver.open(transport, OWN, {})
    assert len(ctx.apis) == 33 and ctx.has("ntp") and not ctx.has("remote-syslog")
    sent = len(transport.sent)
    found = driver.fetch(ctx, ["param", "users", "apis", "setup"])
    assert len(transport.sent) == sent and found["param"]["Time.SyncSource"] == "NTP"
    assert driver.fetch(ctx, ["users"])["users"]["users"] and len(transport.sent) == sent + 1
    rules = driver.password_rules(ctx)
    assert rules.min_length == 12 and rules.classes["special"] == 1
    assert driver.lock_rules(ctx).locks is False and "never locks" in driver.lock_rules(ctx).source


def test_one_list_asks_for_all_groups() -> None:
    transport = FakeTransport(_answers())
    VapixDriver().open(transport, OWN, {})
    paths = [path for _m, path, _b in transport.sent if path.startswith(param.PARAM)]
    assert len(paths) == 1
    asked = dict(urllib.parse.parse_qsl(paths[0].partition("?")[2]))["group"].split(",")
    needed = {name for name in param.BOUND if not any(name == g or name.startswith(f"{g}.") for g in asked)}
    assert needed == set()


def test_firmware_without_the_list_has_no_apis_and_an_error_is_not_taken_for_that() -> None:
    ctx = VapixDriver().open(FakeTransport(_answers(**{apis.DISCOVERY: (404, b"<HTML>")})), OWN, {})
    assert ctx.apis == {} and VapixDriver().fetch(ctx, ["apis"])["apis"] == {}
    ctx = VapixDriver().open(FakeTransport(_answers(**{apis.DISCOVERY: (503, b"")})), OWN, {})
    assert ctx.apis is None and isinstance(VapixDriver().fetch(ctx, ["apis"])["apis"], Busy)


def test_a_login_is_proven_by_its_own_name_also_where_everyone_may_look() -> None:
    """usergroup.cgi of a device with an open viewer answers without asking: then only an administrator is proven."""
    ask = [(401, b"", CHALLENGE), b"root\r\nroot admin operator ptz viewer\r\n"]
    transport = FakeTransport({"/axis-cgi/usergroup.cgi": list(ask), accounts.PWDGRP: (401, b"", CHALLENGE)})
    with pytest.raises(LoginRefused):
        VapixDriver().login(transport, OWN)  # the fake asks nobody: no login was tried
    assert [path for _m, path, _b in transport.sent][:1] == ["/axis-cgi/usergroup.cgi"]


def _refused(header: str) -> Answer:
    return Answer(401, {"www-authenticate": header}, b"", "/")


DIGEST, BASIC_ONLY = 'Digest realm="AXIS", nonce="abc", algorithm=MD5, qop="auth"', 'Basic realm="AXIS"'


def test_digest_is_preferred_and_basic_is_taken_inside_tls_only() -> None:
    auth = EitherAuth(OWN, may_basic=True)
    assert auth.headers("GET", "/", b"") == {} and auth.challenged(_refused(f"{BASIC_ONLY}\n{DIGEST}"))
    assert auth.headers("GET", "/", b"")["Authorization"].startswith("Digest ") and not auth.clear_text
    inside = EitherAuth(OWN, may_basic=True)
    assert inside.challenged(_refused(BASIC_ONLY)) and inside.clear_text
    assert inside.headers("GET", "/", b"")["Authorization"].startswith("Basic ")
    assert not inside.challenged(_refused(BASIC_ONLY)), "a refused password is not sent a second time"
    outside = EitherAuth(OWN, may_basic=False)
    assert not outside.challenged(_refused(BASIC_ONLY)) and outside.basic_only
    assert outside.headers("GET", "/", b"") == {} and not outside.tried


def test_a_wrong_digest_password_is_tried_once_and_a_changed_policy_is_followed() -> None:
    auth = EitherAuth(OWN, may_basic=True)
    assert auth.challenged(_refused(DIGEST))
    auth.headers("GET", "/", b"")
    assert not auth.challenged(_refused(DIGEST))
    assert auth.challenged(_refused(BASIC_ONLY)), "the device now offers Basic only"


# -- JSON, REST, and the errors of both --------------------------------------------------------------------------------
ERRORS: list[tuple[Any, type[NwcsError]]] = [
    ({"error": {"code": 4000, "message": "unknown"}}, Unsupported),
    ({"error": {"code": 2002, "message": "missing"}}, Refused),
    ({"error": {"code": 423, "message": "busy"}}, Busy),
    ({"error": "text"}, Refused), (b"[]", BadAnswer), ({}, BadAnswer), (b"<html>", BadAnswer),
    ((404, b"<HTML>"), Unsupported), ((503, b""), Busy), ((403, b""), Refused), ((401, b""), Refused),
    ((302, b""), Refused), ((500, b""), BadAnswer),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "error"), ERRORS, ids=[str(row[0])[:30] for row in ERRORS])
def test_a_json_error_is_classified(answer: Any, error: type[NwcsError]) -> None:
    with pytest.raises(error):
        context({apis.NTP: answer}).json(apis.NTP, "getNTPInfo")


def test_a_401_of_a_main_resource_is_the_login_and_of_another_one_the_right() -> None:
    ctx = context({param.PARAM: (401, b""), apis.NTP: (401, b"")})
    with pytest.raises(LoginRefused, match="slows repeated failures"):
        param.fetch(ctx)
    with pytest.raises(Refused):
        ctx.json(apis.NTP, "getNTPInfo")


def test_rest_writes_by_the_verb_of_the_firmware() -> None:
    for version, verb in (("12.11.77", "PATCH"), ("11.8.61", "PUT")):
        ctx = context({"/config/rest/x/v1/a": {"status": "success"}}, version)
        ctx.rest("PATCH", "/x/v1/a", True)
        assert ctx.transport.sent == [(verb, "/config/rest/x/v1/a", b'{"data": true}')]
    ctx = context({"/config/rest/x/v1": (405, b""), "PUT /config/rest/x/v1": {"status": "success"}})
    ctx.rest("PATCH", "/x/v1", {})
    assert [method for method, _p, _b in ctx.transport.sent] == ["PATCH", "PUT"]


@pytest.mark.parametrize(("answer", "error"), [
    ((400, {"status": "error", "error": {"code": 103, "message": "not activated"}}), Refused),
    ((404, {"status": "error", "error": {"code": 1, "message": "Resource not found: x"}}), Unsupported),
    ({"data": 1}, BadAnswer), (b"", BadAnswer), ((400, b""), BadAnswer),
])  # fmt: skip
def test_a_rest_error_is_classified(answer: Any, error: type[NwcsError]) -> None:
    with pytest.raises(error):
        context({"/config/rest/x/v1": answer}).rest("GET", "/x/v1")


# -- documents ---------------------------------------------------------------------------------------------------------
NTP = {"data": {"client": {"enabled": True, "NTSEnabled": False, "serversSource": "DHCP", "staticServers": [],
                           "advertisedServers": ["192.0.2.5"], "synced": True, "timeOffset": 12}}}  # fmt: skip


def test_time_servers_by_json_and_only_what_changed_goes_back() -> None:
    ctx = context({apis.NTP: NTP})
    with pytest.raises(Unsupported):
        apis.fetch_ntp(ctx)
    ctx.apis = {"ntp": "1.5"}
    tree = apis.fetch_ntp(ctx)
    assert tree["dhcp"] and tree["advertised"] == ["192.0.2.5"] and ctx.transport.bodies()[0]["apiVersion"] == "1.5"
    ctx.transport.answers[apis.NTP] = {"data": {}}
    apis.store_ntp(ctx, tree, {**tree, "dhcp": False, "static": ["a", "b"]})
    sent = ctx.transport.bodies()[-1]
    assert sent["method"] == "setNTPClientConfiguration"
    assert sent["params"] == {"serversSource": "static", "staticServers": ["a", "b"]}


def test_without_a_list_of_apis_the_parameter_does_not_speak_for_the_time_servers() -> None:
    """The list was refused or broken: what ntp.cgi holds may be more than the one server that the parameter shows."""
    ctx = context({apis.NTP: NTP})
    row = next(b for b in VapixDriver.bindings if b.key == ("time", "servers") and b.documents == ("param",))
    assert row.when(ctx, {}) is True
    ctx.apis = None
    assert row.when(ctx, {}) is False and apis.fetch_ntp(ctx)["dhcp"] is True


def test_the_clock_is_the_date_header_or_time_cgi() -> None:
    ctx = context({apis.TIME: {"data": {"dateTime": "2026-01-02T03:04:05Z"}}})
    with pytest.raises(Unsupported):
        apis.fetch_clock(ctx)
    ctx.apis = {"time-service": "1.0"}
    assert apis.fetch_clock(ctx)["device"] == "2026-01-02T03:04:05+00:00"
    ctx = context({param.PARAM: (200, b"root.Brand.Brand=AXIS", {"date": "Fri, 02 Jan 2026 03:04:05 GMT"})})
    param.fetch(ctx)
    tree = apis.fetch_clock(ctx)
    assert tree["device"] == "2026-01-02T03:04:05+00:00" and len(ctx.transport.sent) == 1
    device, controller = VapixDriver().clock(ctx, {"clock": tree})
    assert controller > device
    assert email_date("nonsense") is None


def test_log_servers_are_set_up_and_then_switched_on() -> None:
    params = {"API.RemoteSyslog1.Enabled": "false", "API.RemoteSyslog1.Server1.Address": "",
              "API.RemoteSyslog1.Server1.Port": "6514"}  # fmt: skip
    tree = apis.syslog_of(params)
    assert tree == {"enabled": False, "servers": []} and apis.syslog_of({}) is None
    ctx = context({apis.SYSLOG: {"data": {}}})
    row = {"Address": "192.0.2.9", "Port": "6514", "Protocol": "TLS", "Severity": "", "SyslogFormat": ""}
    apis.store_syslog(ctx, tree, {"enabled": True, "servers": [row]})
    setup, enable = ctx.transport.bodies()
    assert setup["method"] == "setup" and enable["method"] == "enable"
    assert setup["params"]["servers"] == [{"address": "192.0.2.9", "port": 6514, "protocol": "TLS",
                                           "syslogFormat": "RFC5424", "severity": "Warning"}]  # fmt: skip


def test_disks_are_read_and_an_answer_without_a_list_is_none() -> None:
    ctx = context({apis.DISKS: recorded("9.80-disks.xml")})
    assert {name: disk["status"] for name, disk in apis.fetch_disks(ctx).items()} == {
        "SD_DISK": "OK", "NetworkShare": "OK"}  # fmt: skip
    ctx.params = {"Storage.S0.Enabled": "no"}
    assert apis.fetch_disks(ctx) == {}, "not asked: the slot is off"
    with pytest.raises(BadAnswer):
        apis.fetch_disks(context({apis.DISKS: b"<root></root>"}))


def test_802_1x_is_asked_by_json_only_where_no_parameter_tells_it() -> None:
    network = {"data": {"devices": [{"deviceName": "eth0", "wired": {"8021X": {"enabled": True}}}]}}
    ctx = context({apis.NETWORK: network})
    ctx.apis = {"network-settings": "1.30"}
    assert apis.fetch_wired(ctx) == {"device": "eth0", "enabled": True}
    apis.store_wired(ctx, {"device": "eth0", "enabled": True}, {"device": "eth0", "enabled": False})
    assert ctx.transport.bodies()[-1]["params"] == {"deviceName": "eth0", "enabled": False}
    ctx.params = {"Network.Interface.I0.dot1x.Enabled": "no"}
    with pytest.raises(Unsupported):
        apis.fetch_wired(ctx)


def test_ssh_is_asked_by_json_only_where_no_parameter_tells_it_and_an_unknown_answer_is_none() -> None:
    ctx = context({apis.SSH: {"data": {"enabled": True}}})
    ctx.apis = {"ssh": "1.0"}
    assert apis.fetch_ssh(ctx) == {"enabled": True}
    apis.store_ssh(ctx, {"enabled": True}, {"enabled": False})
    assert ctx.transport.bodies()[-1]["method"] == "setSshConfiguration"
    ctx.transport.answers[apis.SSH] = {"data": {"sshd": "on"}}
    with pytest.raises(BadAnswer):
        apis.fetch_ssh(ctx)
    ctx.params = {"Network.SSH.Enabled": "no"}
    with pytest.raises(Unsupported):
        apis.fetch_ssh(ctx)


def test_accounts_for_ssh_only_are_looked_at_where_ssh_is_on() -> None:
    ctx = context({"/config/rest" + apis.SSH_USERS: {"status": "success", "data": [{"username": "b"},
                                                                                   {"username": "a"}]}})  # fmt: skip
    ctx.params = {"Network.SSH.Enabled": "no"}
    assert apis.fetch_ssh_users(ctx) == [] and ctx.transport.sent == []
    ctx.params = {"Network.SSH.Enabled": "yes"}
    assert apis.fetch_ssh_users(ctx) == ["a", "b"]
    ctx.transport.answers["/config/rest" + apis.SSH_USERS] = {"status": "success", "data": {"x": 1}}
    with pytest.raises(BadAnswer):
        apis.fetch_ssh_users(ctx)
    ctx.version = (9, 80)
    with pytest.raises(Unsupported):
        apis.fetch_ssh_users(ctx)


def test_lldp_has_one_switch_where_its_api_is_released() -> None:
    place = "/config/rest/lldp/v1/activated"
    answers: dict[str, Any] = {f"GET {place}": {"status": "success", "data": True}, place: {"status": "success"}}
    ctx = context(answers)
    tree = apis.fetch_lldp(ctx)
    apis.store_lldp(ctx, tree, dict(tree))
    assert tree == {"activated": True} and [method for method, _path, _body in ctx.transport.sent] == ["GET"]
    apis.store_lldp(ctx, tree, {"activated": False})
    method, path, body = ctx.transport.sent[-1]
    assert (method, path, json.loads(body)) == ("PATCH", place, {"data": False})
    with pytest.raises(Unsupported):
        apis.fetch_lldp(context(answers, "11.8"))
    answers[f"GET {place}"] = {"status": "success", "data": "on"}
    with pytest.raises(BadAnswer):
        apis.fetch_lldp(context(answers))


def test_snmp_by_rest_where_the_parameters_have_gone() -> None:
    place = "/config/rest" + apis.SNMP
    parts = {"snmpV1": {"enabled": True}, "snmpV2": {"enabled": False}, "snmpV3": {"enabled": False}}
    answers: dict[str, Any] = {f"GET {place}": {"status": "success", "data": {"enabled": True, **parts}},
                               place: {"status": "success"}}  # fmt: skip
    answers |= {f"{place}/snmpV{number}/enabled": {"status": "success"} for number in (1, 2, 3)}
    ctx = context(answers)
    tree = apis.fetch_snmp(ctx)
    assert tree == {"enabled": True, "V1": True, "V2": False, "V3": False}
    apis.store_snmp(ctx, tree, {**tree, "enabled": False, "V1": False})
    assert [(method, path.removeprefix(place)) for method, path, _b in ctx.transport.sent[1:]] == [
        ("PATCH", ""), ("PATCH", "/snmpV1/enabled")]  # fmt: skip
    with pytest.raises(Unsupported):
        apis.fetch_snmp(context(answers, "9.80"))
    ctx.params = {"SNMP.Enabled": "no"}
    with pytest.raises(Unsupported):
        apis.fetch_snmp(ctx)


def test_the_password_policy_is_read_without_a_login_and_set_by_rest() -> None:
    ctx = context({apis.READY: _ready(needsetup="no", passphrasepolicy="none"),
                   "/config/rest" + apis.PASSPHRASE: {"status": "success"}})  # fmt: skip
    tree = apis.fetch_setup(ctx)
    assert tree == {"needsetup": "no", "passphrasepolicy": "none"}
    apis.store_setup(ctx, tree, {**tree, "passphrasepolicy": "complex"})
    assert ctx.transport.sent[-1][0] == "PATCH" and ctx.transport.bodies()[-1] == {"data": {"policy": "complex"}}


# -- the firewall and its own rollback ---------------------------------------------------------------------------------
class FakeFirewall(FakeTransport):
    """Holds rules and a trial as the fact sheet says; `expire()` is the end of the trial's time."""

    def __init__(self, activated: bool = False, policy: str = "ACCEPT", rules: Any = ()) -> None:
        super().__init__({})
        self.activated, self.active, self.trial = activated, (policy, list(rules)), None
        self.ignore = False

    def expire(self) -> None:
        self.trial = None

    def request(self, method: str, path: str, *, body: bytes = b"", **more: Any) -> Answer:
        self.sent.append((method, path, body))
        data = json.loads(body)["data"] if body else None
        operation = path.rpartition("/")[2]
        if method == "GET":
            return self._say(self._tree() if operation == "v1" else self._tree()["conf"]["rules"])
        if operation == "activated":
            self.activated = data
        elif operation == "setRules":
            if data["fallbackTime"] and not self.activated:
                error = {"status": "error", "error": {"code": 103, "message": "not activated"}}
                return Answer(400, {}, json.dumps(error).encode())
            value = (data["defaultPolicy"], data["rules"])
            if data["fallbackTime"]:
                self.trial = value
            elif not self.ignore:
                self.active, self.trial = value, None
        elif operation == "confirmRules" and self.trial:
            self.active, self.trial = self.trial, None
        elif operation == "clearPendingRules":
            self.trial = None
        return self._say({})

    def _tree(self) -> dict[str, Any]:
        pending = self.trial or (self.active[0], [])
        return {"activated": str(self.activated).lower(), "conf": {"rules": {
            "activeDefaultPolicy": self.active[0], "activeRules": self.active[1], "pendingRules": pending[1],
            "pendingDefaultPolicy": pending[0], "testTimeLeft": 50 if self.trial else 0}}}  # fmt: skip

    @staticmethod
    def _say(data: Any) -> Answer:
        return Answer(200, {}, json.dumps({"status": "success", "data": data}).encode())


def _staged(fake: FakeFirewall, mode: str = "allow", sources: Any = ("192.0.2.1",)) -> tuple[VapixContext, Any, Any]:
    ctx = VapixContext(fake, OWN)
    ctx.version = (12, 11)
    firewall.prepare(ctx)
    old = firewall.fetch(ctx)
    new = copy.deepcopy(old)
    firewall.put_mode(new, mode)
    firewall.put_sources(new, list(sources))
    firewall.store(ctx, old, new)
    return ctx, old, new


def test_rules_are_tried_then_confirmed() -> None:
    fake = FakeFirewall()
    ctx, _old, new = _staged(fake)
    firewall.apply(ctx, 60)
    assert fake.trial == ("DROP", new["rules"]) and fake.active == ("ACCEPT", [])
    assert firewall.get_mode(firewall.fetch(ctx)) == "allow", "while on trial, they are in force"
    firewall.confirm(ctx)
    assert fake.active == ("DROP", new["rules"]) and fake.trial is None and ctx.stage is None


def test_a_trial_that_ran_out_is_told_at_confirm() -> None:
    fake = FakeFirewall()
    ctx, _old, _new = _staged(fake)
    firewall.apply(ctx, 60)
    fake.expire()
    with pytest.raises(DeviceError, match="took the firewall rules back"):
        firewall.confirm(ctx)


@pytest.mark.parametrize("expired", [False, True])
@pytest.mark.parametrize("start", [(False, "ACCEPT", []), (True, "DROP", [
    {"ruleType": "FILTER", "ip": "10.0.0.1", "filter": {"policy": "ACCEPT"}}])])  # fmt: skip
def test_abandon_brings_back_what_was(start: Any, expired: bool) -> None:
    fake = FakeFirewall(*start)
    ctx, old, _new = _staged(fake)
    firewall.apply(ctx, 60)
    if expired:
        fake.expire()
    firewall.abandon(ctx)
    ctx.version = (12, 11)
    assert firewall.fetch(ctx) == old


def test_rules_that_were_dormant_never_come_into_force_alone() -> None:
    """Switching a firewall on with forgotten rules in it could shut us out before the trial begins."""
    dormant = [{"ruleType": "FILTER", "ip": "10.0.0.1", "filter": {"policy": "ACCEPT"}}]
    fake = FakeFirewall(False, "DROP", dormant)
    ctx, _old, _new = _staged(fake)
    firewall.apply(ctx, 60)
    on = next(i for i, (_m, path, _b) in enumerate(fake.sent) if path.endswith("/activated"))
    assert fake.sent[on - 1][0] == "GET", "read again"
    assert json.loads(fake.sent[on - 2][2])["data"] == {"rules": [], "defaultPolicy": "ACCEPT", "fallbackTime": 0}


def test_switching_off_is_one_write_and_comes_back_too() -> None:
    rule = {"ruleType": "FILTER", "ip": "10.0.0.1", "filter": {"policy": "ACCEPT"}}
    fake = FakeFirewall(True, "DROP", [rule])
    ctx, old, _new = _staged(fake, "off", ["10.0.0.1"])
    firewall.apply(ctx, 60)
    assert fake.activated is False
    firewall.abandon(ctx)
    assert fake.activated is True and firewall.fetch(ctx) == old


def test_somebody_elses_trial_is_in_the_way() -> None:
    fake = FakeFirewall(True)
    fake.trial = ("DROP", [])
    ctx = VapixContext(fake, OWN)
    with pytest.raises(Busy):
        firewall.prepare(ctx)


def test_a_device_that_does_not_take_it_back_is_told() -> None:
    fake = FakeFirewall(True, "DROP", [])
    ctx, _old, _new = _staged(fake)
    firewall.apply(ctx, 60)
    fake.active, fake.trial, fake.ignore = fake.trial, None, True  # it kept the trial for good
    with pytest.raises(DeviceError, match="did not take"):
        firewall.abandon(ctx)


@pytest.mark.parametrize("rule", [
    {"ruleType": "FILTER", "ip": "10.0.0.1", "tcpPort": 80, "filter": {"policy": "ACCEPT"}},
    {"ruleType": "FILTER", "mac": "00:00:00:00:00:01", "filter": {"policy": "ACCEPT"}},
    {"ruleType": "FILTER", "ip": "10.0.0.1", "filter": {"policy": "DROP"}},
])  # fmt: skip
def test_rules_without_a_word_in_the_model_are_neither_told_nor_lost(rule: Any) -> None:
    tree = {"activated": True, "policy": "DROP", "rules": [rule], "pending": False}
    assert firewall.get_mode(tree).state == "unverifiable" and firewall.limits(None, tree, "", "allow")
    limit = {"ruleType": "LIMIT", "ip": "10.0.0.2", "limit": {"amount": 5}}
    kept = {"activated": True, "policy": "DROP", "rules": [limit], "pending": False}
    firewall.put_sources(kept, ["192.0.2.1"])
    assert kept["rules"][0] == limit and firewall.get_sources(kept) == ["192.0.2.1"]


def test_a_rule_is_the_same_with_null_members_and_a_shape_that_is_not_known_is_no_rule() -> None:
    rule = {"ruleType": "FILTER", "ip": "10.0.0.1", "mac": None, "port": None, "filter": {"policy": "ACCEPT"}}
    rules = {"activeDefaultPolicy": "DROP", "activeRules": [rule], "pendingRules": [], "testTimeLeft": 0}
    tree = firewall.parse({"activated": True}, rules)
    assert firewall.get_mode(tree) == "allow" and firewall.get_sources(tree) == ["10.0.0.1"]
    for broken in ({"activeRules": "x"}, {"activeDefaultPolicy": "MAYBE"}, {"activeRules": ["x"]}):
        assert firewall.parse({"activated": True}, rules | broken) is None
    assert firewall.parse({"activated": "perhaps"}, rules) is None


def test_before_11_11_the_firewall_is_a_beta_and_not_touched() -> None:
    with pytest.raises(Unsupported, match="11.11"):
        firewall.fetch(context({}, "11.8.61"))


# -- restart -----------------------------------------------------------------------------------------------------------
def test_a_restart_goes_by_what_the_device_lists() -> None:
    for listed, path in (({"fwmgr": "1.5"}, "/axis-cgi/firmwaremanagement.cgi"), ({}, "/axis-cgi/restart.cgi")):
        ctx = context({"/axis-cgi/firmwaremanagement.cgi": {"data": {}}, "/axis-cgi/restart.cgi": b"<html>"})
        ctx.apis = listed
        VapixDriver().restart(ctx)
        assert ctx.transport.sent[0][1] == path

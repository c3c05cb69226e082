# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hazards of SUNAPI devices: first password, errors inside status 200, schema, slots, address filter, secrets."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from change_box import site
from driver_cases import FAMILIES, Rig, rig, short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_session
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import Busy, LoginRefused

SUNAPI = FAMILIES["sunapi"]
EVERYTHING = [settings.key_text(binding.key) for binding in SUNAPI.driver.bindings]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sunapi_session, "BUSY_PAUSE", 0.01)


def bootstrap(run: Rig, **more: Any) -> dict[str, Any]:
    user, password = run.login
    return {"credentials": [{"username": user, "password": password, "label": "bootstrap"}], "manage_accounts": True,
            **more}  # fmt: skip


def filtered(run: Rig) -> tuple[str, list[str]]:
    table = run.device.state["security"]["ipfilter"]
    return table["AccessType"], [f"{row['Address']}/{row['Mask']}" for row in table["IPv4"] if row["Enable"]]


# -- factory-new -------------------------------------------------------------------------------------------------------
def test_h50_a_new_unit_gets_its_first_password_encrypted_and_is_hardened_by_the_next_run() -> None:
    with rig(SUNAPI, model="sunapi-factory") as run:
        run.login = ("admin", "no-password-yet")
        snapshot = run.read()["snapshot"]
        assert snapshot["factory_new"] is True and run.logins("refused") == 0
        assert any("no administrator password" in note for note in snapshot["notes"])
        assert snapshot["readings"]["time.sync"]["state"] == "unreadable", "closed is not off"
        result = run.harden({"identity": {"name": "cam-7"}}, **bootstrap(run))
        assert result["outcomes"]['accounts."admin".password']["outcome"] == "changed", result["outcomes"]
        assert result["outcomes"]["identity.name"]["outcome"] == "not_checked"
        assert SUNAPI.has_password(run.device, "admin", "N3w-Passw0rd-0") and run.logins("refused") == 0
        assert run.writes() == [entry.operation for entry in run.log() if "setinitpassword" in entry.operation]
        run.login = ("admin", "N3w-Passw0rd-0")
        assert run.read()["snapshot"]["factory_new"] is False
        assert run.harden({"identity": {"name": "cam-7"}})["outcomes"]["identity.name"]["outcome"] == "changed"


def test_h50_before_the_first_password_nothing_else_is_written() -> None:
    with rig(SUNAPI, model="sunapi-factory") as run:
        run.login = ("admin", "no-password-yet")
        result = run.harden({"accounts": {"ops": {"role": "viewer"}}})
        assert result["outcomes"]['accounts."ops".role']["outcome"] == "refused"
        assert run.device.initialised is False and run.writes() == []


@pytest.mark.parametrize(("fault", "initialised"), [("H50", False), ("closed", True)])
@pytest.mark.parametrize("model", ["sunapi-old", "sunapi-modern"])
def test_h50_closed_counts_as_factory_new_only_where_the_device_says_so(
    fault: str, initialised: bool, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """403 without a challenge is also what a locked address gets; an older unit has no page that tells which it is."""
    wanted = [{"username": "admin", "password": "x", "label": label} for label in ("pending", "current")]
    with rig(SUNAPI, *(["H50"] if fault == "H50" else []), model=model) as run:
        if fault == "closed":
            from ansible_collections.nwcs.hardening.lab.device import Response

            closed = Response(403, [("Content-Type", "text/html")], b"Forbidden")
            monkeypatch.setattr(type(run.device), "_refuse", lambda self, login: closed)
        if model == "sunapi-modern" and not initialised:
            assert run.read(credentials=wanted)["snapshot"]["factory_new"] is True
            return
        with pytest.raises(LoginRefused, match="not set up yet, or locked") as caught:
            run.read(credentials=wanted)
        assert caught.value.locked and run.logins("refused") == 0


@pytest.mark.parametrize("status", [404, 490, 503])
def test_h50_a_status_page_that_does_not_answer_says_nothing(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.nwcs.hardening.lab.device import Response
    from ansible_collections.nwcs.hardening.lab.sunapi import first_password

    monkeypatch.setattr(first_password, "answer", lambda device, request, as_json: Response(status, [], b""))
    with rig(SUNAPI, "H50") as run, pytest.raises(LoginRefused, match="not set up yet, or locked"):
        run.read()


# -- errors ------------------------------------------------------------------------------------------------------------
def test_h12_ng_inside_status_200_is_refused_with_the_devices_own_code() -> None:
    with rig(SUNAPI, "H12") as run:
        line = run.harden({"identity": {"name": "cam-7"}})["outcomes"]["identity.name"]
        assert line["outcome"] == "refused" and "602" in line["why"]
    with rig(SUNAPI, "H12", model="sunapi-old") as run:
        line = run.harden({"identity": {"name": "cam-7"}})["outcomes"]["identity.name"]
        assert line["outcome"] == "refused" and "602" in line["why"]


def test_h02_an_unknown_submenu_that_answers_ok_has_no_value() -> None:
    with rig(SUNAPI, "H02", "no-attributes", without=["security.guest"]) as run:
        assert run.readings()["accounts.anonymous_view"]["state"] in ("unsupported", "unreadable")


def test_h23_too_many_sessions_is_asked_again_and_ends_as_busy() -> None:
    with rig(SUNAPI, "H23") as run:
        assert run.readings()["identity.name"]["state"] == "value"
        assert run.harden({"identity": {"name": "cam-7"}})["outcomes"]["identity.name"]["outcome"] == "changed"


def test_h23_always_busy_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    with rig(SUNAPI, model="sunapi-old") as run:
        monkeypatch.setattr(type(run.device), "_respond", lambda self, request, path, entry: _busy())
        with pytest.raises(Busy, match="490"):
            run.read()


def _busy() -> Any:
    from ansible_collections.nwcs.hardening.lab.device import Response

    return Response(490, [], b"")


@pytest.mark.parametrize("fault", ["H20-403", "H20-200"])
def test_h20_a_refused_login_is_one_whatever_its_status(fault: str) -> None:
    with rig(SUNAPI, fault) as run:
        with pytest.raises(LoginRefused) as caught:
            run.read(credentials=[{"username": "admin", "password": "Wr0ng-Secret-77", "label": "current"}])
        assert run.logins("refused") == 1 and "'admin'" in str(caught.value) and "Wr0ng" not in str(caught.value)


def test_h21_a_locked_client_makes_no_second_guess() -> None:
    wrong = [{"username": "admin", "password": "Wr0ng-Secret-77", "label": "current"}]
    with rig(SUNAPI, "H21", lockout_attempts=1, lockout_seconds=60) as run:
        with pytest.raises(LoginRefused):
            run.read(credentials=wrong)
        run.forget()
        with pytest.raises(LoginRefused):
            run.read()
        assert run.logins("locked") <= 1 and run.logins("refused") == 0


def test_h21_a_page_whose_style_says_block_is_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second login that is known is still tried after the first one was refused."""
    from ansible_collections.nwcs.hardening.lab.sunapi import device

    refuse = device.SunapiDevice._refuse

    def page(self: Any, login: Any) -> Any:
        answer = refuse(self, login)
        return type(answer)(answer.status, answer.headers, b"<style>.m{display:block}</style>Unauthorized")

    monkeypatch.setattr(device.SunapiDevice, "_refuse", page)
    with rig(SUNAPI) as run:
        user, password = run.login
        logins = [{"username": user, "password": "old-pass-1x", "label": "current"},
                  {"username": user, "password": password, "label": "pending"}]  # fmt: skip
        assert run.read(credentials=logins)["login"] == "pending"


def test_h24_a_nonce_for_each_request_costs_requests_not_logins() -> None:
    with rig(SUNAPI, "H24-single-use") as run:
        assert run.harden({"identity": {"name": "cam-7"}})["outcomes"]["identity.name"]["outcome"] == "changed"
        assert run.logins("refused") == 0


# -- the schema --------------------------------------------------------------------------------------------------------
def test_what_the_schema_does_not_have_is_unsupported_and_costs_no_request() -> None:
    gone = ["security.guest", "network.snmp.Version1", "network.upnpdiscovery"]
    with rig(SUNAPI, without=gone) as run:
        readings = run.readings(wanted=EVERYTHING)
        for key in ("accounts.anonymous_view", "services.upnp.enabled", "services.snmp_v1.enabled"):
            assert readings[key]["state"] == "unsupported", key
        asked = {entry.operation for entry in run.log()}
        assert not any("guest" in name or "upnpdiscovery" in name for name in asked)
        design = {"services": {"snmp_v1": {"enabled": False}, "upnp": {"enabled": False}}}
        plan = run.plan(design)
        assert {line["outcome"] for line in plan["outcomes"].values()} == {"unsupported"} and plan["changes"] == []


def test_without_a_schema_nothing_is_written() -> None:
    with rig(SUNAPI, "no-attributes") as run:
        assert run.readings()["services.snmp_v2c.enabled"]["value"] is True, "it is read all the same"
        result = run.harden({"services": {"snmp_v2c": {"enabled": False}}, "identity": {"name": "x"}})
        assert {line["outcome"] for line in result["outcomes"].values()} == {"refused"} and run.writes() == []
        assert all("attributes.cgi" in line["why"] for line in result["outcomes"].values())


@pytest.mark.parametrize(
    ("design", "word"),
    [
        ({"services": {"https": {"ports": [443, 8443]}}}, "one port"),
        ({"tls": {"min_version": "0.9"}}, "versions"),
        ({"accounts": {"x" * 200: {"role": "viewer"}}}, "characters"),
        ({"identity": {"name": "n" * 2000}}, "characters"),
        ({"dot1x": {"enabled": True}}, "802.1X"),
    ],
)
def test_values_outside_of_what_it_takes_are_refused_before_anything_is_sent(design: dict, word: str) -> None:
    with rig(SUNAPI) as run:
        plan = run.plan(design)
        (line,) = plan["outcomes"].values()
        assert line["outcome"] == "refused" and word in line["why"], line
        assert plan["changes"] == [] and run.writes() == []


def test_a_zone_that_the_device_only_shows_is_not_written() -> None:
    with rig(SUNAPI, model="sunapi-old") as run:
        plan = run.plan({"time": {"zone": "Asia/Tokyo"}})
        assert plan["outcomes"]["time.zone"]["outcome"] == "refused" and run.writes() == []


# -- what is read on demand --------------------------------------------------------------------------------------------
def test_what_nobody_names_is_told_as_not_read_and_what_is_named_is_read_and_written() -> None:
    with rig(SUNAPI) as run:
        snapshot = run.read()["snapshot"]
        assert "services.mdns.enabled" not in snapshot["readings"], "neither a value nor a failure"
        assert any("services.mdns.enabled" in note for note in snapshot["notes"])
        assert run.readings(wanted=["services.mdns.enabled"])["services.mdns.enabled"]["value"] is True
        result = run.harden({"services": {"mdns": {"enabled": False}, "zeroconf": {"enabled": False}}})
        assert {line["outcome"] for line in result["outcomes"].values()} == {"changed"}
        assert run.device.state["network"]["bonjour"]["Enable"] is False
        assert result["snapshot"]["readings"]["services.mdns.enabled"]["value"] is False
        run.forget()
        assert run.harden({"services": {"*": {"enabled": False}}})["plan"]["changes"] != [], "an item for all names all"


def test_the_controller_names_the_keys_of_design_and_profiles(tmp_path: Path) -> None:
    with site(tmp_path, "onvif-complete", nwcs_design={"services": {"mdns": {"enabled": False}}}) as place:
        place.do("info")
        assert "services.mdns.enabled" in place.work._spec()["wanted"]


@pytest.mark.parametrize("channels", [2, 1], ids=["told", "refused"])
def test_tamper_detection_that_one_channel_lacks_is_off_and_switched_on(channels: int) -> None:
    """A channel that the schema does not take is not left out: the device would take another one."""
    with rig(SUNAPI, schema={"eventsources": {"tamperingdetection": {"Channel": f"int 0 {channels - 1}"}}}) as run:
        row = run.device.state["eventsources"]["tamperingdetection"][0]
        rows = [row | {"Enable": True}, row | {"Channel": 1, "Enable": False}]
        run.device.force("eventsources", "tamperingdetection", rows)
        assert run.readings(wanted=["events.tamper"])["events.tamper"]["value"] is False
        outcome = run.harden({"events": {"tamper": True}})["outcomes"]["events.tamper"]["outcome"]
        assert outcome == ("changed" if channels == 2 else "unsupported")
        assert run.writes() == ["eventsources.tamperingdetection.set"] * (channels - 1)
        assert all(one["Enable"] for one in run.device.state["eventsources"]["tamperingdetection"]) is (channels == 2)


# -- accounts ----------------------------------------------------------------------------------------------------------
def test_an_account_takes_a_free_place_and_gives_it_back() -> None:
    with rig(SUNAPI) as run:
        before = [(row["Index"], row["UserID"], row["Enable"]) for row in run.device.state["security"]["users"]]
        run.harden({"accounts": {"ops": {"role": "operator"}}})
        assert "ops" in SUNAPI.users(run.device)
        line = run.harden({"accounts": {"ops": "absent"}})["outcomes"]['accounts."ops".role']
        assert line["outcome"] == "changed", line
        assert [(r["Index"], r["UserID"], r["Enable"]) for r in run.device.state["security"]["users"]] == before
        assert not any(name.startswith("user") for name in SUNAPI.users(run.device))


def test_unused_places_are_no_accounts() -> None:
    with rig(SUNAPI) as run:
        names = {settings.parse_key(key)[1] for key in run.readings() if key.startswith('accounts."')}
        assert names == {"admin", "viewer"}


def test_where_accounts_come_and_go_they_are_added_and_removed() -> None:
    with rig(SUNAPI, model="sunapi-old") as run:
        result = run.harden({"accounts": {"ops": {"role": "viewer"}}})
        assert result["outcomes"]['accounts."ops".role']["outcome"] == "changed"
        assert SUNAPI.users(run.device)["ops"] == "view"
        result = run.harden({"accounts": {"ops": "absent"}})
        assert result["outcomes"]['accounts."ops".role']["outcome"] == "changed"
        assert "ops" not in SUNAPI.users(run.device)
        assert any(name.endswith("users.add") for name in run.writes())


def test_rights_change_with_the_password_sent_along() -> None:
    """Also H10: no account is left with an empty password."""
    with rig(SUNAPI) as run:
        known = {"secrets": {"accounts.viewer": "N3w-V13w-Pass"}}
        result = run.harden({"accounts": {"viewer": {"role": "operator"}}}, **known)
        assert result["outcomes"]['accounts."viewer".role']["outcome"] == "changed", result["outcomes"]
        assert SUNAPI.users(run.device)["viewer"] == "control"
        assert SUNAPI.has_password(run.device, "viewer", "N3w-V13w-Pass")
        off = run.harden({"accounts": {"viewer": {"enabled": False}}}, **known)
        assert off["outcomes"]['accounts."viewer".enabled']["outcome"] == "changed", off["outcomes"]
        assert run.readings()['accounts."viewer".enabled']["value"] is False


def test_h01_a_password_that_is_not_taken_leaves_the_old_one() -> None:
    with rig(SUNAPI, "keeps-password") as run:
        result = run.harden({}, **bootstrap(run))
        assert result["outcomes"]['accounts."admin".password']["outcome"] == "failed"
        assert SUNAPI.has_password(run.device, *run.login) and run.logins("refused") <= 1
        assert run.read()["login"] == "current"


@pytest.mark.parametrize("asked", ["Optional", "Mandatory", ""])
def test_the_present_password_is_sent_where_the_device_asks_for_it(asked: str) -> None:
    with rig(SUNAPI, current_password=asked) as run:
        result = run.harden({}, **bootstrap(run), negative_test=True)
        assert result["outcomes"]['accounts."admin".password']["outcome"] == "changed"


def test_h36_an_old_device_gets_it_in_the_url_and_no_message_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with rig(SUNAPI, model="sunapi-old") as run:
        result = run.harden({}, **bootstrap(run, secrets={"accounts.admin": "Pl4nted-Secr3t"}), negative_test=True)
        assert result["outcomes"]['accounts."admin".password']["outcome"] == "changed"
        assert SUNAPI.has_password(run.device, "admin", "Pl4nted-Secr3t") and result["clear_text"] is True
        assert "Pl4nted" not in json.dumps(result, default=repr) + caplog.text
    with rig(SUNAPI, model="sunapi-old") as run:
        plan = run.plan({}, **bootstrap(run))

        def cut(name: str) -> None:
            if name.startswith("store:users") and name.endswith(":before"):
                run.fault("H31-close")

        result = run.apply(plan, cut, **bootstrap(run, secrets={"accounts.admin": "Pl4nted-Secr3t"}))
        assert "Pl4nted" not in json.dumps(result, default=repr) + caplog.text


def test_h36_a_device_that_repeats_the_refused_request_gives_no_password_away(monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.nwcs.hardening.lab.sunapi import menus, schema

    users = menus.SPECIAL[("security", "users")]

    def telling(device: Any, call: Any) -> Any:
        if call.action != "view":
            raise schema.Refused(602, f"Invalid Parameter(s): {call.given.get('Password')} for {call.given['UserID']}")
        return users(device, call)

    monkeypatch.setitem(menus.SPECIAL, ("security", "users"), telling)
    for form in ({}, {"json": True}):
        with rig(SUNAPI, model="sunapi-old", **form) as run:
            result = run.harden({"accounts": {"ops": {"role": "viewer"}}}, secrets={"accounts.ops": "Pl4nted-Secr3t"})
            line = result["outcomes"]['accounts."ops".role']
            assert line["outcome"] == "refused" and "602" in line["why"], line
            assert "Pl4nted" not in json.dumps(result, default=repr)


# -- the address filter (H41) ------------------------------------------------------------------------------------------
def test_h41_the_filter_holds_us_and_the_recorders_and_changes_without_a_gap() -> None:
    with rig(SUNAPI) as run:
        design = {"access": {"mode": "allow", "sources": ["192.0.2.0/24"]}}
        result = run.harden(design, recorders=["198.51.100.50"])
        assert {line["outcome"] for line in result["outcomes"].values()} == {"changed"}, result["outcomes"]
        kind, held = filtered(run)
        assert kind == "Allow" and {"192.0.2.0/24", "198.51.100.50/32"} < set(held)
        assert any(source.startswith("127.") for source in held) and run.read()["login"] == "current"
        run.forget()
        assert run.harden(design, recorders=["198.51.100.50"])["plan"]["changes"] == [] and run.writes() == []
        result = run.harden({"access": {"mode": "deny", "sources": ["203.0.113.9"]}}, recorders=["198.51.100.50"])
        assert {line["outcome"] for line in result["outcomes"].values()} == {"changed"}, result["outcomes"]
        assert filtered(run) == ("Deny", ["203.0.113.9/32"])
        assert run.harden({"access": {"mode": "off"}})["outcomes"]["access.mode"]["outcome"] == "changed"
        assert filtered(run)[1] == []


def test_h41_the_address_by_which_the_device_sees_us_is_asked_of_the_device() -> None:
    with rig(SUNAPI, "H41") as run:
        result = run.harden({"access": {"mode": "allow", "sources": ["192.0.2.0/24"]}}, seen_as=[])
        assert result["outcomes"]["access.mode"]["outcome"] == "changed" and result["error"] is None
        assert run.read()["login"] == "current"
        assert f"{run.device.address.rpartition('.')[0]}.254/32" in filtered(run)[1]


def test_h41_a_deny_list_never_holds_us() -> None:
    with rig(SUNAPI) as run:
        result = run.harden({"access": {"mode": "deny", "sources": ["127.0.0.0/8"]}})
        assert {line["outcome"] for line in result["outcomes"].values()} == {"guarded"}
        assert run.read()["login"] == "current" and filtered(run) == ("Deny", [])


DENY_RULE = {"IPIndex": 1, "Address": "192.0.2.66", "Mask": 32, "Enable": True}
READINGS = pytest.mark.parametrize("faults", [[], ["H41-literal"]], ids=["empty-is-open", "empty-is-closed"])


def deny_list(run: Rig, **more: Any) -> None:
    run.device.force("security", "ipfilter", {"AccessType": "Deny", "IPv4": [DENY_RULE | more], "IPv6": []})


@READINGS
@pytest.mark.parametrize("model", ["sunapi-modern", "sunapi-old"])
def test_h41_no_reading_of_an_empty_allow_list_shuts_us_out(faults: list[str], model: str) -> None:
    with rig(SUNAPI, *faults, model=model) as run:
        run.login = run.device.bootstrap_login or run.login
        for access in ({"mode": "allow", "sources": ["127.0.0.1", "192.0.2.9"]}, {"mode": "off"},
                       {"mode": "allow", "sources": ["127.0.0.0/8"]}, {"mode": "deny", "sources": ["203.0.113.9"]},
                       {"mode": "allow", "sources": ["127.0.0.1", "192.0.2.8"]}):  # fmt: skip
            result = run.harden({"access": access})
            assert result["error"] is None
            assert {line["outcome"] for line in result["outcomes"].values()} <= {"changed", "ok"}, result["outcomes"]
        assert sorted(filtered(run)[1]) == ["127.0.0.1/32", "192.0.2.8/32"]


@READINGS
@pytest.mark.parametrize("kept", [{}, {"Enable": False}], ids=["deny", "off"])
def test_h41_an_allow_list_is_put_back_to_what_was_there(faults: list[str], kept: dict[str, Any]) -> None:
    from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session

    (document,) = [one for one in SUNAPI.driver.documents if one.name == "ipfilter"]
    with rig(SUNAPI, *faults) as run:
        deny_list(run, **kept)
        with Session(run.spec()) as session:
            before = document.fetch(session.ctx)
            after = {**before, "mode": "allow", "sources": ["127.0.0.1", "192.0.2.9"]}
            document.store(session.ctx, before, after)
            assert filtered(run)[0] == "Allow"
            document.store(session.ctx, after, before)
            now = document.fetch(session.ctx)
        assert (now["mode"], now["sources"]) == (before["mode"], before["sources"]) and run.read()["login"] == "current"


@READINGS
@pytest.mark.parametrize("action", ["add", "update", "set"])
def test_h41_a_step_that_is_refused_leaves_the_filter_as_it_was(
    faults: list[str], action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.nwcs.hardening.lab.sunapi import menus, schema

    handler = menus.SPECIAL[("security", "ipfilter")]

    def refusing(device: Any, call: Any) -> Any:
        if call.action == action and (action == "add" or "AccessType" in call.given):
            raise schema.invalid("AccessType")
        return handler(device, call)

    monkeypatch.setitem(menus.SPECIAL, ("security", "ipfilter"), refusing)
    with rig(SUNAPI, *faults) as run:
        deny_list(run)
        before = json.dumps(run.device.state["security"]["ipfilter"])
        outcomes = run.harden({"access": {"mode": "allow", "sources": ["127.0.0.1", "192.0.2.9"]}})["outcomes"]
        if action == "set":  # a camera does not need it
            assert {line["outcome"] for line in outcomes.values()} == {"changed"}
            return
        assert {line["outcome"] for line in outcomes.values()} == {"refused"}, outcomes
        assert json.dumps(run.device.state["security"]["ipfilter"]) == before
        assert action == "add" or all("put back" in line["why"] for line in outcomes.values())


@READINGS
def test_h41_where_kind_and_rule_are_two_requests_the_kind_is_left_to_a_person(faults: list[str]) -> None:
    with rig(SUNAPI, *faults, only={"security.ipfilter": {"AccessType": ["set"]}}) as run:
        plan = run.plan({"access": {"mode": "allow", "sources": ["127.0.0.1"]}})
        assert plan["outcomes"]["access.mode"]["outcome"] == "refused"
        assert "one request" in plan["outcomes"]["access.mode"]["why"] and run.writes() == []
        run.device.force("security", "ipfilter", {"AccessType": "Allow", "IPv6": [], "IPv4": [
            DENY_RULE | {"Address": "127.0.0.1"}]})  # fmt: skip
        assert run.harden({"access": {"sources": ["127.0.0.1", "192.0.2.9"]}})["error"] is None
        assert "192.0.2.9/32" in filtered(run)[1] and run.read()["login"] == "current"


@READINGS
def test_h41_a_kind_that_is_overlooked_is_set_on_the_connection_that_is_still_open(
    faults: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with rig(SUNAPI, "type-overlooked", *faults) as run:
        monkeypatch.setattr(type(run.device), "keeps_port", lambda self, peer, port: True)
        result = run.harden({"access": {"mode": "allow", "sources": ["127.0.0.1", "192.0.2.9"]}})
        assert {line["outcome"] for line in result["outcomes"].values()} == {"changed"}, result["outcomes"]
        assert filtered(run)[0] == "Allow" and run.read()["login"] == "current"


def test_h40_https_that_does_not_listen_keeps_http_open() -> None:
    with rig(SUNAPI, "H40") as run:
        result = run.harden({"services": {"https": {"enabled": True}, "http": {"enabled": False}}})
        assert result["outcomes"]["services.http.enabled"]["outcome"] == "guarded"
        assert run.read()["login"] == "current"


def test_the_order_to_restart_is_the_word_of_the_schema() -> None:
    with rig(SUNAPI) as run:
        from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session

        boots = run.device.boots
        with Session(run.spec()) as session:
            session.driver.restart(session.ctx)
        assert run.device.boots == boots + 1

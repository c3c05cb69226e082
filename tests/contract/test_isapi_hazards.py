# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hazards that only ISAPI devices have: activation, counting locks, nonces, errors in good answers, whole documents."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

import json
from typing import Any

import pytest
from driver_cases import FAMILIES, Rig, rig, short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.lab.testing import running_lab
from ansible_collections.nwcs.hardening.plugins.module_utils import jobs
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import LoginRefused, Unsupported
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session

ISAPI = FAMILIES["isapi"]
WRONG = [{"username": "admin", "password": "Wr0ng-Secret-77", "label": "current"}]
NEW = "N3w-Passw0rd-0"


def first(password: str = "not-in-force") -> dict[str, Any]:
    login = [{"username": "admin", "password": password, "label": "bootstrap"}]
    return {"credentials": login, "manage_accounts": True, "own_account": "admin"}


def outcome(result: dict[str, Any], key: str) -> dict[str, Any]:
    return result["outcomes"][key]


# -- activation --------------------------------------------------------------------------------------------------------
def test_a_device_that_is_not_activated_says_so_and_gives_no_value() -> None:
    with rig(ISAPI, model="isapi-factory") as run:
        snapshot = run.read(**first())["snapshot"]
        assert snapshot["factory_new"] is True and any("not activated" in note for note in snapshot["notes"])
        assert snapshot["readings"]["identity.name"]["state"] == "unreadable"
        assert "not activated" in snapshot["readings"]["identity.name"]["why"]
        assert run.logins() == 0 and run.writes() == []


def test_the_first_password_activates_and_is_proven() -> None:
    with rig(ISAPI, model="isapi-factory") as run:
        result = run.harden({}, **first())
        assert outcome(result, 'accounts."admin".password')["outcome"] == "changed", result["outcomes"]
        assert ISAPI.has_password(run.device, "admin", NEW) and result["proved"] == ["accounts.admin"]
        assert run.logins("refused") == 0 and result["error"] is None
        assert NEW not in json.dumps(result)
        run.login = ("admin", NEW)
        assert run.read()["snapshot"]["factory_new"] is False


def test_an_account_of_our_own_is_made_after_the_activation() -> None:
    with rig(ISAPI, model="isapi-factory") as run:
        result = run.harden({}, **{**first(), "own_account": "nwcs"})
        assert outcome(result, 'accounts."nwcs".role')["outcome"] == "changed", result["outcomes"]
        assert ISAPI.users(run.device) == {"admin": "Administrator", "nwcs": "Administrator"}
        assert "accounts.admin" in result["proved"] and "accounts.nwcs" in result["proved"]
        assert run.logins("refused") == 0
        assert "side_effect" not in {line["outcome"] for line in result["outcomes"].values()}


def test_what_else_is_wanted_waits_for_the_activation_and_is_set_by_the_next_run() -> None:
    with rig(ISAPI, model="isapi-factory") as run:
        design = {"identity": {"name": "cam-7"}}
        line = outcome(run.harden(design, **first()), "identity.name")
        assert line["outcome"] == "not_checked" and "run again" in line["why"]
        run.login = ("admin", NEW)
        assert outcome(run.harden(design), "identity.name")["outcome"] == "changed"


def test_the_unpublished_exchange_is_refused_with_what_to_do() -> None:
    overrides = {"activation": "v3"}
    with rig(ISAPI, model="isapi-factory", **overrides) as run:
        line = outcome(run.harden({}, **first()), 'accounts."admin".password')
        assert line["outcome"] == "unsupported" and "SADP" in line["why"], line
        assert not run.device.activated and run.logins() == 0


# -- logins ------------------------------------------------------------------------------------------------------------
def test_the_last_attempt_before_the_lock_is_never_used() -> None:
    """retryLoginTime counts down; with one left nothing more is tried, not even the right password."""
    with rig(ISAPI, lockout_attempts=3) as run:
        for _attempt in range(2):
            with pytest.raises(LoginRefused) as caught:
                run.read(credentials=WRONG)
        assert caught.value.locked and "one more" in str(caught.value)
        assert run.logins("locked") == 0 and run.read()["login"] == "current"


def test_a_lock_is_told_with_its_seconds() -> None:
    with rig(ISAPI, lockout_attempts=3, lockout_seconds=90) as run:
        for _attempt in range(3):
            with pytest.raises(LoginRefused):
                run.read(credentials=WRONG)
        with pytest.raises(LoginRefused) as caught:
            run.read()
        assert caught.value.locked and 80 <= caught.value.seconds <= 90


@pytest.mark.parametrize("fault", ["H24-single-use", "H24-mute", "H24-invalid", "H20-403"])
def test_nonces_that_wear_out_cost_no_login(fault: str) -> None:
    with rig(ISAPI, fault) as run:
        result = run.harden({"identity": {"name": "cam-7"}})
        assert outcome(result, "identity.name")["outcome"] == "changed"
        assert run.logins("refused") == 0


def test_an_old_camera_that_offers_basic_is_found_and_never_logged_in_to_by_basic() -> None:
    with rig(ISAPI, model="isapi-camera-old") as run:
        readings = run.readings()
        assert readings["auth.basic_login"]["value"] is True and "basic" in readings["auth.http_schemes"]["value"]
        assert readings["services.telnet.enabled"]["value"] is True, "asked where there is no SSH"
        plan = run.plan({"auth": {"basic_login": False}})
        assert plan["outcomes"]["auth.basic_login"]["outcome"] == "read_only"


def test_the_password_rule_of_the_device_is_told_and_a_weak_one_is_refused() -> None:
    with rig(ISAPI) as run:
        rules = run.plan({}, **first("Camera-12345"))["password_rules"]
        assert (rules["min_length"], rules["max_length"]) == (8, 16) and "admin" in rules["forbidden"]
        result = run.harden({}, **first("Camera-12345"), secrets={"accounts.admin": "aaaaaaaaaaa"})
        line = outcome(result, 'accounts."admin".password')
        assert line["outcome"] in ("refused", "failed") and ISAPI.has_password(run.device, "admin", "Camera-12345")
        assert run.read()["login"] == "current"


def test_firmware_that_wants_the_old_password_confirmed_gets_it() -> None:
    with rig(ISAPI, needs_old_password=True) as run:
        result = run.harden({"accounts": {"service": {"role": "viewer"}}}, **first("Camera-12345"))
        assert outcome(result, 'accounts."service".role')["outcome"] == "changed"
        assert ISAPI.has_password(run.device, "admin", NEW) or result["proved"]
        assert outcome(result, 'accounts."admin".password')["outcome"] == "changed"


def test_the_built_in_account_stays_an_administrator_when_another_one_takes_over() -> None:
    with rig(ISAPI) as run:
        more = {**first("Camera-12345"), "own_account": "nwcs"}
        result = run.harden({"accounts": {"admin": "absent"}}, **more)
        assert outcome(result, 'accounts."admin".role')["outcome"] in ("refused", "guarded")
        assert ISAPI.users(run.device)["admin"] == "Administrator" and "nwcs" in ISAPI.users(run.device)


# -- documents ---------------------------------------------------------------------------------------------------------
def test_h05_reboot_required_is_pending_restart() -> None:
    with rig(ISAPI, "reboot") as run:
        result = run.harden({"services": {"websocket": {"enabled": False}}})
        line = outcome(result, "services.websocket.enabled")
        assert line["outcome"] == "pending_restart" and "still answers" in line["why"]
        assert run.device.protocol("WebSocket")["enabled"] == "true", "not in force yet"
        run.lab.restart("dev", 0.0)
        assert outcome(run.harden({"services": {"websocket": {"enabled": False}}}), line["key"])["outcome"] == "ok"


def test_a_whole_document_goes_back_as_it_came() -> None:
    """Everything but the one value is byte for byte what was read, also what nobody knows, order and declarations."""
    extra = '<vendorThing xmlns="http://www.hikvision.com/ver10/XMLSchema"><b/>&lt;x&gt;</vendorThing>'
    with rig(ISAPI) as run:
        seen: dict[str, bytes] = {}
        honest = run.device.act

        def act(request: Any, path: str, query: str, user: str) -> Any:
            response = honest(request, path, query, user)
            if path.endswith("System/deviceInfo"):
                seen[request.method] = request.body or response.body
            return response

        run.device.act = act
        before = run.device.shown("System/deviceInfo").replace("</DeviceInfo>", f"{extra}</DeviceInfo>")
        run.lab.call(lambda: run.device.put_raw("System/deviceInfo", before))
        plan = run.plan({"identity": {"name": "cam-7"}})
        read = seen["GET"]
        run.apply(plan)
        assert b"vendorThing" in read and read.count(b"xmlns") == 2
        assert seen["PUT"] == read.replace(b"<deviceName>IP CAMERA<", b"<deviceName>cam-7<")


def test_secrets_in_documents_stay_out_of_trees_and_go_back() -> None:
    with rig(ISAPI) as run:
        with Session(run.spec()) as session:
            tree = session.driver.fetch(session.ctx, ["snmp"])["snmp"]
            assert "private" not in tree["text"] and "nwcs-kept" in tree["text"]
        result = run.harden({"services": {"snmp_v1": {"enabled": True}}})
        assert outcome(result, "services.snmp_v1.enabled")["outcome"] == "changed"
        assert run.device.value("System/Network/SNMP", "SNMPv1c/writeCommunity") == "private"
        assert '"private"' not in json.dumps(result)


def test_protocols_are_found_by_name_not_by_id() -> None:
    """HTTPS is row 3 of a recorder and row 2 of a camera."""
    for model in ("isapi-camera", "isapi-nvr"):
        with rig(ISAPI, model=model, **({} if model == ISAPI.model else {"channels": []})) as run:
            run.login = (run.login[0], run.device.users.rows[0]["password"])
            result = run.harden({"services": {"websocket": {"enabled": False}}})
            assert outcome(result, "services.websocket.enabled")["outcome"] == "changed", result["outcomes"]
            assert run.device.protocol("WebSocket")["enabled"] == "false"
            assert run.device.protocol("HTTPS")["enabled"] == "true"


@pytest.mark.parametrize("form", ["mask", "plain"])
def test_the_filter_is_written_in_the_form_that_the_device_takes_and_armed_last(form: str) -> None:
    with rig(ISAPI, filter_form=form) as run:
        design = {"access": {"mode": "allow", "sources": ["192.0.2.7"]}}
        result = run.harden(design)
        assert outcome(result, "access.sources")["outcome"] == "changed", result["outcomes"]
        assert run.device.value("System/Network/ipFilter", "enabled") == "true" and result["error"] is None
        assert run.read()["login"] == "current"
        run.forget()
        assert run.harden(design)["plan"]["changes"] == [] and run.writes() == []


def test_a_network_is_refused_where_its_form_is_not_known() -> None:
    with rig(ISAPI) as run:
        line = outcome(run.harden({"access": {"mode": "allow", "sources": ["192.0.2.0/24"]}}), "access.sources")
        assert (
            line["outcome"] in ("refused", "guarded")
            and run.device.value("System/Network/ipFilter", "enabled") == "false"
        )


# -- recorders ---------------------------------------------------------------------------------------------------------
def recorder(**more: Any) -> Any:
    channels = [{"camera": "cam-1", "address": "192.0.2.21", "username": "admin", "password": "Old-Camera-1"}]
    return rig(ISAPI, model="isapi-nvr", channels=channels, **more)


def test_a_recorder_is_told_the_login_of_one_camera() -> None:
    with recorder() as run, Session(run.spec()) as session:
        tell = session.driver.tell_camera_login
        assert tell(session.ctx, "192.0.2.99", "ops", "New-Camera-2") is None and run.writes() == []
        assert tell(session.ctx, "192.0.2.21", "ops", "New-Camera-2") == ["1"]
        channel = run.device.channels[0]
        assert (channel["username"], channel["password"]) == ("ops", "New-Camera-2")
        assert set(run.writes()) == {"PUT ContentMgmt/InputProxy/channels/1"}


TWO_PLACES = [
    {"camera": f"cam-{port}", "address": "192.0.2.21", "http": port, "username": "admin", "password": f"Old-{port}"}
    for port in (8001, 8002)
]


def test_of_two_cameras_at_one_address_the_one_that_is_meant_is_told() -> None:
    with rig(ISAPI, model="isapi-nvr", channels=TWO_PLACES) as run, Session(run.spec()) as session:
        tell = session.driver.tell_camera_login
        assert tell(session.ctx, "192.0.2.21", "admin", "New-Camera-2", 8002) == ["2"]
        assert [channel["password"] for channel in run.device.channels] == ["Old-8001", "New-Camera-2"]


@pytest.mark.parametrize("port", [0, 443])
def test_of_two_cameras_at_one_address_none_is_told_where_nothing_tells_them_apart(port: int) -> None:
    login = {"address": "192.0.2.21", "port": port, "username": "admin", "password": "New-Camera-2"}
    with rig(ISAPI, model="isapi-nvr", channels=TWO_PLACES) as run:
        answer = jobs.tell(run.spec(), [login])
        assert "several cameras at 192.0.2.21" in answer["told"][0]["why"] and not answer["told"][0]["done"]
        assert run.writes() == [] and answer["clear_text"] is False and answer["writes"] == 0


@pytest.mark.parametrize("fault", ["", "H01"])
def test_a_recorder_that_ignores_a_new_login_is_found_out_by_its_channel(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "RECORDING_SECONDS", 0.5 if fault else 15.0)
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.1)
    nvr = {"name": "dev", "model": "isapi-nvr", "overrides": {"pull_seconds": 0.2}}
    with running_lab([nvr, {"name": "cam-entrance", "model": "isapi-camera"}]) as lab:
        run, camera = Rig(lab, ISAPI), lab.device("cam-entrance")
        lab.call(lambda: camera.users.rows[0].update(password="New-Camera-2"))
        lab.wait(lambda: run.device.channels[0]["state"] == "Error")
        run.fault(*filter(None, [fault]))
        login = {"address": camera.address, "username": "admin", "password": "New-Camera-2"}
        answer = jobs.tell(run.spec(), [login])
        line = answer["told"][0]
        assert line["done"] is line["seen"] is (not fault), answer
        assert not fault or "does not come in with it" in line["why"] and "refused" in line["why"]
        assert answer["clear_text"] is True, "the recorder was reached over plain HTTP"
        assert "New-Camera-2" not in repr(answer)


def test_a_camera_cannot_be_told_anything() -> None:
    with rig(ISAPI) as run, Session(run.spec()) as session, pytest.raises(Unsupported):
        session.driver.tell_camera_login(session.ctx, "192.0.2.21", "ops", "New-Camera-2")


def test_a_broken_disk_and_a_camera_that_is_gone_are_told() -> None:
    with recorder() as run:
        assert run.readings()["storage.state"]["value"] == "ok"
        run.fault("disk-error")
        readings = run.readings()
        assert readings["storage.state"]["value"] in ("error", "degraded")
        assert readings['recording.jobs."1".state']["value"] == "error"
        assert readings["storage.array_state"]["value"] == "none"


def test_video_loss_notifies_and_a_missing_trigger_is_asked_once() -> None:
    with recorder() as run:
        assert run.readings(wanted=["events.video_loss"])["events.video_loss"]["value"] is False
        line = outcome(run.harden({"events": {"video_loss": True}}), "events.video_loss")
        assert line["outcome"] == "changed", line
        assert outcome(run.harden({"events": {"video_loss": True}}), "events.video_loss")["outcome"] == "ok"


def test_the_lock_time_of_a_recorder_in_seconds_is_told_in_minutes() -> None:
    with recorder() as run:
        assert run.readings()["auth.lockout_minutes"]["value"] == 30
        line = outcome(run.harden({"auth": {"lockout_minutes": 20}}), "auth.lockout_minutes")
        assert line["outcome"] == "changed", line
        assert run.device.value("Security/illegalLoginLock", "maxIllegalLoginLockTime") == "1200"


def test_a_refused_login_under_another_status_counts_as_one() -> None:
    with rig(ISAPI, "H20-403") as run:
        with pytest.raises(LoginRefused):
            run.read(credentials=WRONG)
        assert run.logins("refused") == 1


def test_what_a_stranger_is_given_is_told_and_a_redirection_gives_nothing() -> None:
    with rig(ISAPI) as run:
        assert run.readings()["auth.anonymous_api"]["value"] is False
        run.fault("open")
        assert run.readings()["auth.anonymous_api"]["value"] is True
    with rig(ISAPI) as run:
        run.device.edit("Security/adminAccesses", "redirectToHttps", "true", "2")
        readings = jobs.read(run.https())["snapshot"]["readings"]
        assert readings["auth.anonymous_api"]["value"] is False


def test_setting_the_zone_of_a_manual_clock_does_not_move_it() -> None:
    with rig(ISAPI, clock_offset=600) as run:
        result = run.harden({"time": {"zone": "Europe/Berlin"}})
        assert outcome(result, "time.zone")["outcome"] == "changed"
        assert abs(run.device.clock_offset - 600) <= 2


def test_what_stands_in_for_a_document_is_asked_only_where_that_is_not_offered() -> None:
    """An answer that failed says nothing: Ehome is off, but the cloud that could not be read may be on."""
    with rig(ISAPI) as run:
        honest = run.device.act

        def act(request: Any, path: str, query: str, user: str) -> Any:
            response = honest(request, path, query, user)
            if path.endswith(("EZVIZ", "ssh", "webCertificate")):
                response.status = 503
            return response

        run.device.act = act
        readings = run.readings()
        for key in ("cloud.enabled", "services.ssh.enabled", "auth.basic_login"):
            assert readings[key]["state"] == "unreadable", (key, readings[key])
        assert readings["services.telnet.enabled"]["state"] == "unsupported"
        asked = {entry.operation for entry in run.log()}
        assert not asked & {"GET System/Network/Ehome", "GET System/Network/telnetd"}


@pytest.mark.parametrize(
    ("lock", "expected"),
    [
        ({"maxIllegalLoginTimes": "4", "maxIllegalLoginLockTime": "10"}, (True, 4, 600)),
        ({"enabled": "false"}, (False, None, None)),
    ],
)
def test_the_lock_of_the_device_is_told_to_the_lock_budget(lock: dict[str, str], expected: tuple[Any, ...]) -> None:
    with rig(ISAPI) as run:
        for name, value in lock.items():
            run.device.edit("Security/illegalLoginLock", name, value)
        rules = run.plan({}, **first("Camera-12345"))["lock_rules"]
        assert (rules["locks"], rules["attempts"], rules["seconds"]) == expected and rules["source"]

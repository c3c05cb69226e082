# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""i-PRO: what cameras and recorders tell, the named manual checks, browsers' headers, error pages, ONVIF beside it."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import pytest
from driver_cases import FAMILIES, Rig, rig, short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.plugins.module_utils import reading, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import ipro_session
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.ipro_tables import MENUS
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import Busy, LoginRefused, Refused
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Transport

IPRO = FAMILIES["ipro"]
RECORDER = "ipro-recorder"
BESIDE = {"beside": {"onvif": {}}}
WRONG = [{"username": "admin", "password": "Wr0ng-Secret-77", "label": "current"}]


@pytest.fixture(autouse=True)
def no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorder's pause between two calls; test_a_recorder_gets_its_pause has it."""
    monkeypatch.setattr(ipro_session, "GAP_SECONDS", 0.0)


READ: dict[str, dict[str, Any]] = {
    "ipro-camera": {
        "facts.model": "WV-S1536L", "facts.firmware": "2.90", "firmware.version": "2.90",
        "storage.edge_recording": True, "identity.overlay_text": "WV-S1536L", "auth.basic_login": True,
        "auth.http_schemes": ["basic", "digest-md5"], "auth.anonymous_api": False, "accounts.anonymous_view": False,
        "cloud.enabled": "manual", "storage.state": "unsupported", "log.local": "unsupported",
        "recording.state": "unsupported",
    },
    "ipro-camera-old": {
        "facts.model": "WV-S1111", "facts.firmware": "1.20", "storage.edge_recording": False,
        "auth.basic_login": "unsupported", "auth.anonymous_api": True, "accounts.anonymous_view": True,
    },
    RECORDER: {
        "auth.basic_login": False, "auth.http_schemes": ["digest-md5"], "auth.anonymous_api": False,
        "storage.state": "ok", "log.local": True, "recording.state": "error", 'recording.jobs."01".state': "error",
        "facts.model": "unsupported", "identity.overlay_text": "unsupported",
    },
}  # fmt: skip


@pytest.mark.parametrize(("first", "second", "told"), [
    (False, False, False), (True, False, True), (False, True, True), (True, True, True)])  # fmt: skip
def test_a_camera_that_records_either_of_its_streams_records(first: bool, second: bool, told: bool) -> None:
    with rig(IPRO, web={"sd_recording": first, "sd_recording_2": second}) as run:
        assert run.readings()["storage.edge_recording"]["value"] is told


@pytest.mark.parametrize("model", READ)
def test_what_the_device_tells_is_read(model: str) -> None:
    with rig(IPRO, model=model) as run:
        found = run.readings()
        told = {key: found[key].get("value", found[key]["state"]) for key in READ[model]}
        assert told == READ[model]
        if model != RECORDER:
            assert found["facts.serial"]["value"] == run.device.state["information"]["SerialNumber"]
            assert found["facts.mac"]["value"] == run.device.state["interface"]["HwAddress"].lower()


def test_the_tables_of_this_test_hold_every_row() -> None:
    looked = {settings.parse_key(key) for rows in READ.values() for key in rows}
    looked |= {("facts", "serial"), ("facts", "mac")}
    looked |= {settings.pattern_of(key) for key in looked} | {settings.parse_key(key) for key in MENUS}
    assert {binding.key for binding in IPRO.driver.bindings} <= looked


# -- manual checks -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("model", "index"), [("ipro-camera", 0), (RECORDER, 1)])
def test_what_no_call_reaches_names_what_a_person_must_look_at(model: str, index: int) -> None:
    with rig(IPRO, model=model) as run:
        found = run.readings()
        for key, places in MENUS.items():
            told, place = found[key], places[index]
            assert told["state"] in ("manual", "unsupported") and "value" not in told, key
            assert place in told["why"] and (not place or "no documented call reaches it" in told["why"]), key
            assert place or told["state"] == "unsupported", key


def test_a_wish_for_it_is_not_checked_and_says_where_and_nothing_is_sent() -> None:
    with rig(IPRO) as run:
        plan = run.plan({"access": {"mode": "allow"}, "dot1x": {"enabled": True}, "cloud": {"enabled": False}})
        for line in plan["outcomes"].values():
            assert line["outcome"] == "not_checked" and "no documented call reaches it" in line["why"], line
        plan = run.plan({"services": {"snmp_v1": {"enabled": False}}})
        assert plan["outcomes"]["services.snmp_v1.enabled"]["outcome"] == "unsupported"
        assert run.writes() == [] and plan["changes"] == []


def test_a_camera_without_the_cloud_service_does_not_offer_it() -> None:
    with rig(IPRO) as run:
        run.lab.call(lambda: [state["web"].pop("cloud") for state in (run.device.state, run.device.stored)])
        assert run.readings()["cloud.enabled"]["state"] == "not_offered"


def answered(monkeypatch: pytest.MonkeyPatch, path: str, change: Callable[[bytes], bytes]) -> None:
    """Something changes what the device answers at `path`."""
    honest = Transport.request

    def request(self: Transport, method: str, at: str, **more: Any) -> Any:
        answer = honest(self, method, at, **more)
        fits = at.startswith(f"/cgi-bin/{path}") and answer.status == 200
        return dataclasses.replace(answer, body=change(answer.body)) if fits else answer

    monkeypatch.setattr(Transport, "request", request)


@pytest.mark.parametrize(("word", "state"), [(b"", "value"), (b"maybe", "unverifiable")])
def test_h51_a_second_stream_of_which_nobody_knows_whether_it_is_recorded(
    word: bytes, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rig(IPRO, web={"sd_recording": False}) as run:
        answered(monkeypatch, "getinfo", lambda body: body.replace(b"SDrec2=disable", b"SDrec2=" + word))
        told = run.readings()["storage.edge_recording"]
        assert told["state"] == state and told.get("value", False) is False


@pytest.mark.parametrize(("word", "state"), [("", "manual"), ("maybe", "manual"), ("No", "not_offered")])
def test_h51_a_camera_that_does_not_say_whether_it_has_a_cloud_service_is_not_one_without(
    word: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = b"nwservice.miemasunet.newservice.supported="

    def change(body: bytes) -> bytes:
        rows = [row for row in body.split(b"\r\n") if not row.startswith(name)]
        return b"\r\n".join([*rows, name + word.encode()] if word else rows)

    with rig(IPRO) as run:
        answered(monkeypatch, "get_capability", change)
        told = run.readings()["cloud.enabled"]
        assert told["state"] == state
        assert state != "manual" or ("no documented call reaches it" in told["why"] and "does not say" in told["why"])


# -- requests ----------------------------------------------------------------------------------------------------------
def test_h24_no_request_looks_like_that_of_a_browser() -> None:
    with rig(IPRO) as run:
        run.harden({"identity": {"overlay_text": "cam-7"}})
        assert not [entry for entry in run.log() if entry.status == 400]


@pytest.mark.parametrize("fault", ["", "randomnum-once"])
def test_h24_a_camera_that_asks_for_its_number_gets_it(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something on the way adds the header of a browser."""
    honest = Transport.request

    def request(self: Transport, method: str, path: str, **more: Any) -> Any:
        browser = {"Accept": "*/*"} if path.startswith(("/cgi-bin/getdata", "/cgi-bin/set_basic")) else {}
        return honest(self, method, path, **{**more, "headers": {**(more.get("headers") or {}), **browser}})

    with rig(IPRO, *filter(None, [fault])) as run:
        monkeypatch.setattr(Transport, "request", request)
        line = run.harden({"identity": {"overlay_text": "cam-7"}})["outcomes"]["identity.overlay_text"]
        assert line["outcome"] == "changed" and run.device.state["cam_title"] == "cam-7"


def test_h12_an_error_page_inside_status_200_is_a_refusal() -> None:
    with rig(IPRO, "H12") as run:
        line = run.harden({"identity": {"overlay_text": "cam-7"}})["outcomes"]["identity.overlay_text"]
        assert line["outcome"] == "refused" and "403" in line["why"]


@pytest.mark.parametrize("title", ["x" * 21, 'with "quotes"'])
def test_a_title_that_it_does_not_take_is_refused_before_it_is_sent(title: str) -> None:
    with rig(IPRO) as run:
        line = run.plan({"identity": {"overlay_text": title}})["outcomes"]["identity.overlay_text"]
        assert line["outcome"] == "refused" and run.writes() == []


@pytest.mark.parametrize("title", ["", "北門 1F & more?", "100%"])
def test_a_title_of_any_letters_is_written_as_it_is(title: str) -> None:
    with rig(IPRO) as run:
        result = run.harden({"identity": {"overlay_text": title}})
        assert result["outcomes"]["identity.overlay_text"]["outcome"] == "changed"
        assert run.device.state["cam_title"] == title


def test_a_change_of_capabilities_or_applications_changes_a_digest() -> None:
    with rig(IPRO) as run:
        before = run.read()["snapshot"]["documents"]
        assert all("digest" in before[name] for name in ("info", "capability", "applications"))
        run.lab.call(lambda: run.device.model.update(old=True))
        after = run.read()["snapshot"]["documents"]
        assert [name for name in before if before[name] != after[name]] == ["capability"]


# -- logins ------------------------------------------------------------------------------------------------------------
def test_a_camera_that_is_open_is_told_and_its_login_is_still_proven() -> None:
    with rig(IPRO, "user-auth-off") as run:
        snapshot = run.read()["snapshot"]
        assert snapshot["readings"]["auth.anonymous_api"]["value"] is True
        assert any("without a login" in note for note in snapshot["notes"])
        with Session(run.spec()) as session:
            session.prove()
        with pytest.raises(LoginRefused):
            with Session(run.spec(credentials=WRONG)) as session:
                session.prove()
        assert run.logins("refused") == 1


def test_a_camera_without_its_first_administrator_says_what_to_do() -> None:
    with rig(IPRO, registered=False) as run:
        with pytest.raises(LoginRefused, match="first administrator"):
            run.read()


def test_h21_a_locked_camera_gets_no_second_guess() -> None:
    with rig(IPRO, lockout_attempts=1, lockout_seconds=60) as run:
        with pytest.raises(LoginRefused):
            run.read(credentials=WRONG)
        run.forget()
        with pytest.raises(LoginRefused):
            run.read()
        assert run.logins("locked") <= 1


def test_h21_an_open_camera_that_refuses_the_login_for_one_call_is_read_and_asked_once() -> None:
    with rig(IPRO, "user-auth-off") as run:
        with Session(run.spec(credentials=WRONG)) as session:
            found = reading.fetch(session)
            again = reading.fetch(session, ["applications"])
            with pytest.raises(Refused):
                session.ctx.call("set_basic", {"cam_title": "x"}, write=True)
            logins = list(session.logins)
        assert isinstance(found["applications"], Refused) and isinstance(again["applications"], Refused)
        assert isinstance(found["info"], dict) and isinstance(found["capability"], dict)
        assert run.logins("refused") == 1
        assert [(line["username"], line["label"]) for line in logins if line["refused"]] == [("admin", "current")]
        assert WRONG[0]["password"] not in repr((found, logins))


# -- recorders ---------------------------------------------------------------------------------------------------------
def recorder(*faults: str, **more: Any) -> Any:
    return rig(IPRO, *faults, model=RECORDER, **more)


def test_a_recorder_ends_its_session_and_no_number_of_it_is_told() -> None:
    with recorder() as run:
        told = run.read()
        assert run.device.uids == {} and "UID" not in repr(told)
        assert [entry.operation for entry in run.log()][-1] == "logout.cgi" and run.logins("refused") == 0


def test_a_recorder_that_gives_the_number_in_a_page() -> None:
    with recorder(uid_in_html=True) as run:
        assert run.readings()["log.local"]["value"] is True and run.device.uids == {}


def test_a_recorder_gets_its_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipro_session, "GAP_SECONDS", 0.15)
    with recorder(gap_seconds=0.1) as run:
        began = time.monotonic()
        assert run.readings()["storage.state"]["value"] == "ok"
        assert time.monotonic() - began > 0.4 and not [entry for entry in run.log() if entry.status == 503]


def test_h23_a_busy_recorder_is_no_missing_function() -> None:
    with recorder("H23") as run:
        try:
            found = run.readings()
            states = {found[key]["state"] for key in ("log.local", "storage.state")}
        except Busy:
            return
        assert states <= {"value", "unreadable"}


@pytest.mark.parametrize(("faults", "state"), [((), "ok"), (("disk-failed",), "degraded")])
def test_a_disk_without_a_size_is_one_that_is_gone(faults: tuple[str, ...], state: str) -> None:
    with recorder(*faults) as run:
        assert run.readings()["storage.state"]["value"] == state


@pytest.mark.parametrize("row", ["Main-3,---,---,", "EXT1-1,----,--,-", "MAIN-2"])
def test_a_disk_that_is_told_in_another_shape_is_not_passed_over(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with recorder() as run:
        answered(monkeypatch, "recordedtime.cgi", lambda body: body.rstrip() + b"\r\n" + row.encode() + b"\r\n")
        told = run.readings()["storage.state"]
        assert told["state"] == "unreadable" and "another shape" in told["why"]


def test_a_recorder_that_tells_nothing_of_its_cameras_is_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    with recorder() as run:
        answered(monkeypatch, "as_getinfo.cgi", lambda body: body.replace(b"CAM_CONNECT", b"CONNECTION"))
        assert run.readings()["recording.state"]["state"] == "unreadable"


@pytest.mark.parametrize(
    ("states", "whole"), [(["Active", "Active"], "active"), (["Active", "Error"], "partial"), ([], "idle")]
)
def test_the_cameras_of_a_recorder(states: list[str], whole: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with recorder() as run:
        monkeypatch.setattr(run.device, "channels", [{"state": state} for state in states])
        found = run.readings()
        assert found["recording.state"]["value"] == whole
        words = {"Active": "active", "Error": "error"}
        for number, state in enumerate(states, 1):
            told = found[f'recording.jobs."{number:02d}".state']
            assert told["value"] == words[state]
            assert state == "Error" or "not told" in told["why"], "connected is not recorded"


def test_h12_refusals_of_a_recorder_inside_status_200_are_no_values() -> None:
    with recorder("H12") as run:
        assert run.readings()["facts.model"]["state"] == "unsupported"


# -- with ONVIF beside it ----------------------------------------------------------------------------------------------
def both(run: Rig, design: dict[str, Any], **more: Any) -> dict[str, Any]:
    return run.harden(design, **BESIDE, **more)


def test_onvif_beside_it_reads_and_writes_what_the_calls_cannot() -> None:
    with rig(IPRO) as run:
        found = run.readings(**BESIDE)
        assert found["facts.manufacturer"]["value"] == "i-PRO" and found["facts.model"]["value"] == "WV-S1536L"
        assert found['accounts."live".role']["value"] == "viewer" and found["time.sync"]["state"] == "value"
        assert not [key for key in found if key.startswith("conflicts.")]
        assert found["access.mode"]["state"] == "manual" and found["auth.basic_login"]["value"] is True
        design = {"identity": {"overlay_text": "cam-7"}, "time": {"sync": "ntp"}, "accounts": {"live": "absent"}}
        result = both(run, design)
        assert {line["outcome"] for line in result["outcomes"].values()} == {"changed"}, result["outcomes"]
        assert run.device.state["cam_title"] == "cam-7" and run.device.state["datetime"]["DateTimeType"] == "NTP"
        assert [user["Username"] for user in run.device.state["users"]] == ["admin"]
        assert run.logins("refused") == 0


def test_the_password_is_changed_by_onvif_and_both_go_on_with_it() -> None:
    with rig(IPRO) as run:
        bootstrap = [{"username": "admin", "password": "Factory-1234", "label": "bootstrap"}]
        design = {"identity": {"overlay_text": "cam-7"}}
        result = both(run, design, credentials=bootstrap, manage_accounts=True, negative_test=True)
        assert result["outcomes"]['accounts."admin".password']["outcome"] == "changed", result["outcomes"]
        assert result["outcomes"]["identity.overlay_text"]["outcome"] == "changed" and result["error"] is None
        assert run.device.state["users"][0]["Password"].startswith("N3w-Passw0rd")

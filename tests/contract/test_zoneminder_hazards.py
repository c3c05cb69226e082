# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only ZoneMinder has: a switch that locks the only administrator out, tokens, monitors with logins."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

from typing import Any

import pytest
from driver_cases import FAMILIES, Rig, rig, short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.plugins.module_utils import jobs
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import LoginRefused
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session

MINDER = FAMILIES["zoneminder"]
ADMIN = {"Username": "admin", "Password": "Minder-Old-1", "System": "Edit"}
FRESH: dict[str, Any] = {
    "configs": {"ZM_OPT_USE_AUTH": "0", "ZM_AUTH_HASH_SECRET": "...Change me to something unique..."},
    "users": [ADMIN],
}


def bootstrap(run: Rig) -> dict[str, Any]:
    user, password = run.login
    return {"credentials": [{"username": user, "password": password, "label": "bootstrap"}], "manage_accounts": True}


CHANGES: list[dict[str, Any]] = [
    {"APIEnabled": 0},
    {"APIEnabled": 1, "Enabled": 0},
    {"APIEnabled": 1, "System": "View"},
    {"Username": "root", "APIEnabled": 1},
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("key", ["video.authentication", "accounts.anonymous_view", 'accounts."ops".role'])
def test_h48_logins_are_not_turned_on_where_nobody_could_log_in(change: dict[str, Any], key: str) -> None:
    with rig(MINDER, **FRESH | {"users": [ADMIN | change]}) as run:
        design = {"video.authentication": {"video": {"authentication": True}},
                  "accounts.anonymous_view": {"accounts": {"anonymous_view": False}},
                  'accounts."ops".role': {"accounts": {"ops": {"role": "viewer"}}}}[key]  # fmt: skip
        result = run.harden(design)
        assert result["outcomes"][key]["outcome"] == "refused", result["outcomes"][key]
        assert run.writes() == [] and not run.device.asks
        assert run.harden({}, **bootstrap(run))["outcomes"]  # nor by a password of our own
        assert not run.device.asks and run.device.user(run.device.state["users"][0]["Username"])


@pytest.mark.parametrize("design", [{"video": {"authentication": True}}, {"accounts": {"anonymous_view": False}}])
def test_h48_with_an_account_for_the_api_logins_are_turned_on_with_a_key_of_its_own(design: dict[str, Any]) -> None:
    with rig(MINDER, **FRESH | {"users": [ADMIN | {"APIEnabled": 1}]}) as run:
        snapshot = run.read()["snapshot"]
        assert snapshot["factory_new"] is True and snapshot["readings"]["auth.anonymous_api"]["value"] is True
        result = run.harden(design)
        assert {line["outcome"] for line in result["outcomes"].values()} <= {"changed", "side_effect"}
        assert result["error"] is None and run.device.asks
        secret = run.device.state["configs"]["ZM_AUTH_HASH_SECRET"]
        assert len(secret) == 64 and secret not in repr(result)
        assert run.readings()["auth.anonymous_api"]["value"] is False
        assert run.device.has_password("admin", "Minder-Old-1")


def test_a_key_of_the_site_is_kept() -> None:
    own = FRESH["configs"] | {"ZM_AUTH_HASH_SECRET": "the-sites-own"}
    with rig(MINDER, configs=own, users=[ADMIN | {"APIEnabled": 1}]) as run:
        run.harden({"video": {"authentication": True}})
        assert run.device.state["configs"]["ZM_AUTH_HASH_SECRET"] == "the-sites-own"


def test_only_administrators_may_use_the_api_and_all_passwords_are_proven() -> None:
    with rig(MINDER) as run:
        result = run.harden({"accounts": {"ops": {"role": "operator"}, "boss": {"role": "administrator"}}})
        for name in ("ops", "boss"):
            line = result["outcomes"][f'accounts."{name}".role']
            assert line["outcome"] == "changed" and "login" in line["proof"], line
        assert int(run.device.user("ops")["APIEnabled"]) == 0 and int(run.device.user("boss")["APIEnabled"]) == 1
        with pytest.raises(LoginRefused, match="APIEnabled=0"):
            run.read(credentials=[{"username": "ops", "password": "N3w-Passw0rd-1", "label": "current"}])


def test_who_may_use_the_api_is_no_viewer_and_becomes_one_by_losing_it() -> None:
    """Every account that may use the API of 1.36 may change all settings, whatever its rights say."""
    dashboard = {"Username": "wall", "Password": "Wall-Old-1", "Stream": "View", "Monitors": "View", "APIEnabled": 1}
    boss = {"Username": "boss", "Password": "Boss-Old-1", "System": "Edit", "APIEnabled": 1}
    with rig(MINDER, users=[ADMIN | {"APIEnabled": 1}, dashboard, boss]) as run:
        readings = run.readings()
        assert readings['accounts."wall".role']["value"] == "other"
        assert readings['accounts."admin".role']["value"] == "administrator"
        design = {"accounts": {"wall": {"role": "viewer"}, "boss": {"role": "operator"}}}
        result = run.harden(design)
        outcomes = result["outcomes"]
        assert not {"accounts.wall", "accounts.boss"} & set(result["sent"]), "no password was sent"
        for name in ("wall", "boss"):
            assert outcomes[f'accounts."{name}".role']["outcome"] == "changed"
            assert int(run.device.user(name)["APIEnabled"]) == 0
        assert run.plan(design)["changes"] == []


def test_the_camera_logins_of_monitors_are_never_read_and_can_be_told() -> None:
    with rig(MINDER) as run:
        assert "Camera-Old-1" not in repr(run.read())
        with Session(run.spec()) as session:
            assert session.driver.tell_camera_login(session.ctx, "192.0.2.7", "nvr", "N3w/Camera") == ["1 gate"]
            assert session.driver.tell_camera_login(session.ctx, "192.0.2.99", "nvr", "N3w/Camera") is None
        gate, yard = run.device.state["monitors"]
        assert gate["Path"] == "rtsp://nvr:N3w%2FCamera@192.0.2.7:554/h264" and gate["Pass"] == "N3w/Camera"
        assert yard["Path"] == "rtsp://192.0.2.8:554/h264" and yard["Pass"] is None


def test_every_way_of_a_monitor_to_its_camera_gets_the_new_login() -> None:
    """A second stream or the ONVIF events that go on with the old password lock the account at the camera."""
    gate = {"Name": "gate", "Path": "rtsp://nvr:Camera-Old-1@192.0.2.7:554/h264",
            "SecondPath": "rtsp://nvr:Camera-Old-1@192.0.2.7:554/audio", "ONVIF_URL": "http://192.0.2.7/onvif",
            "ONVIF_Username": "nvr", "ONVIF_Password": "Camera-Old-1"}  # fmt: skip
    yard = {**gate, "Name": "yard", "SecondPath": "rtsp://nvr:Other-1@192.0.2.8/audio", "ONVIF_Username": "events",
            "ONVIF_Password": "Events-1"}  # fmt: skip
    with rig(MINDER, monitors=[gate, yard]) as run:
        assert "Camera-Old-1" not in repr(run.read())
        with Session(run.spec()) as session:
            assert "Camera-Old-1" not in repr(session.driver.fetch(session.ctx, ["monitors"]))
            assert session.driver.tell_camera_login(session.ctx, "192.0.2.7", "nvr", "N3w/Camera")
        gate, yard = run.device.state["monitors"]
        assert gate["SecondPath"] == "rtsp://nvr:N3w%2FCamera@192.0.2.7:554/audio"
        assert gate["ONVIF_Password"] == "N3w/Camera"
        assert yard["SecondPath"] == "rtsp://nvr:Other-1@192.0.2.8/audio" and yard["ONVIF_Password"] == "Events-1"


@pytest.mark.parametrize(("changes", "done", "seen"), [
    ({}, True, True),
    ({"Function": "Modect"}, True, True),
    ({"Function": "None"}, True, False),  # not looked at: nobody sees
    ({"Status": "NotRunning"}, False, False),
])  # fmt: skip
def test_whether_a_told_monitor_comes_in_is_seen_by_what_runs(
    changes: dict[str, str], done: bool, seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "RECORDING_SECONDS", 0.1)
    with rig(MINDER) as run:
        run.lab.call(lambda: run.device.state["monitors"][0].update(changes))
        line = jobs.tell(run.spec(), [{"address": "192.0.2.7", "username": "nvr", "password": "N3w/Camera"}])["told"][0]
        assert (line["done"], line["seen"], bool(line["why"])) == (done, seen, not done), line


def test_what_is_recorded_is_told_by_what_runs() -> None:
    with rig(MINDER) as run:
        readings = run.readings()
        assert readings['recording.jobs."1 gate".state']["value"] == "active"
        assert readings['recording.jobs."2 yard".state']["value"] == "idle"
        assert readings["recording.state"]["value"] == "partial"
        run.lab.call(lambda: run.device.state["monitors"][0].update(Status="NotRunning"))
        assert run.readings()['recording.jobs."1 gate".state']["value"] == "error"


def test_a_token_that_is_void_is_renewed_once() -> None:
    with rig(MINDER) as run, Session(run.spec()) as session:
        run.lab.call(lambda: setattr(run.device, "tokens", dict.fromkeys(run.device.tokens, "")))
        assert session.driver.fetch(session.ctx, ["configs"])["configs"]["ZM_WEB_TITLE"] == "ZoneMinder"
        assert run.logins("ok") == 2


@pytest.mark.parametrize(("zone", "name"), [("UTC", "UTC"), ("Asia/Tokyo", "Asia/Tokyo"),
                                            ("Asia/Singapore", "Etc/GMT-8"),
                                            ("America/New_York", "America/New_York")])  # fmt: skip
def test_zones_are_written_as_php_knows_them(zone: str, name: str) -> None:
    with rig(MINDER, configs={"ZM_TIMEZONE": "Europe/London"}) as run:
        run.harden({"time": {"zone": zone}})
        assert run.device.state["configs"]["ZM_TIMEZONE"] == name


@pytest.mark.parametrize(("attack", "key"), [("new-account", 'accounts."support".role'), ("rename", "identity.name"),
                                             ("triggers", "services.triggers.enabled")])  # fmt: skip
def test_what_an_intruder_does_is_read(attack: str, key: str) -> None:
    with rig(MINDER, configs={"ZM_OPT_TRIGGERS": "0"}) as run:
        before = run.readings().get(key)
        run.lab.attack("dev", attack)
        assert run.readings()[key] != before


def test_a_log_is_never_switched_off_from_here() -> None:
    with rig(MINDER) as run:
        plan = run.plan({"log": {"local": False}})
        assert plan["outcomes"]["log.local"]["outcome"] == "refused"

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only motion has: errors that are called good, words that switch things open, one account of each kind."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

import time
from typing import Any

import pytest
from driver_cases import FAMILIES, Rig, rig, short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import motion
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import LoginRefused

MOTION = FAMILIES["motion"]
WRONG = [{"username": "admin", "password": "Wr0ng-Secret", "label": "current"}]


def bootstrap(run: Rig, **more: Any) -> dict[str, Any]:
    user, password = run.login
    return {"credentials": [{"username": user, "password": password, "label": "bootstrap"}], "manage_accounts": True,
            **more}  # fmt: skip


def unset(run: Rig) -> None:
    """As Debian installs it: no account of any kind."""
    run.lab.call(lambda: run.device.force(webcontrol_auth_method="0", webcontrol_authentication=None,
                                          stream_auth_method="0", stream_authentication=None))  # fmt: skip


def test_h12_a_refused_key_is_refused_and_says_where_it_can_be_set() -> None:
    with rig(MOTION, "H12") as run:
        line = run.harden({"identity": {"name": "cam-8"}})["outcomes"]["identity.name"]
        assert line["outcome"] == "refused" and "webcontrol_parms" in line["why"]
        assert run.device.state["camera_name"] == "cam-01"


@pytest.mark.parametrize("word", ["banana", "on", "true", "0.0.0.0"])
def test_h13_no_word_but_ours_is_sent_for_where_it_listens(word: str) -> None:
    with rig(MOTION) as run:
        plan = run.plan({"services": {"stream": {"interface": word}}})
        assert plan["outcomes"]["services.stream.interface"]["outcome"] == "refused" and plan["changes"] == []


def test_h13_a_word_that_motion_takes_for_off_reads_as_all() -> None:
    with rig(MOTION) as run:
        run.harden({"services": {"stream": {"interface": "localhost"}}})
        run.lab.call(lambda: run.device._set("stream_localhost", "banana"))
        assert run.readings()["services.stream.interface"]["value"] == "all"


def test_a_motion_without_any_account_gets_one_that_is_asked_for() -> None:
    with rig(MOTION) as run:
        unset(run)
        snapshot = run.read()["snapshot"]
        assert snapshot["factory_new"] is True and snapshot["readings"]["auth.anonymous_api"]["value"] is True
        result = run.harden({}, **bootstrap(run))
        assert result["outcomes"]['accounts."admin".role']["outcome"] == "changed" and result["error"] is None
        assert run.device.state["webcontrol_auth_method"] == "2"
        assert run.device.has_password("webcontrol_authentication", "admin", "N3w-Passw0rd-0")
        assert run.device.stored["webcontrol_authentication"] == "admin:N3w-Passw0rd-0", "in its file, too"
        assert "N3w-Passw0rd" not in repr(result)


def test_our_password_is_changed_and_the_old_one_refused() -> None:
    with rig(MOTION) as run:
        result = run.harden({}, **bootstrap(run, negative_test=True))
        line = result["outcomes"]['accounts."admin".password']
        assert line["outcome"] == "changed" and "old login is refused" in line["proof"]
        assert run.device.has_password("webcontrol_authentication", "admin", "N3w-Passw0rd-0")


def test_the_account_of_the_streams_is_proven_at_the_streams() -> None:
    with rig(MOTION) as run:
        unset(run)
        run.harden({}, **bootstrap(run))
        run.login = ("admin", "N3w-Passw0rd-0")
        line = run.harden({"accounts": {"nvr@stream": {"role": "viewer"}}})["outcomes"]['accounts."nvr@stream".role']
        assert line["outcome"] == "changed" and "login" in line["proof"]
        assert run.device.state["stream_authentication"].startswith("nvr:")
        assert run.device.state["stream_auth_method"] == "2"
        refused = run.plan({"accounts": {"other@stream": {"role": "viewer"}, "second": {"role": "administrator"},
                                         "nvr@stream": {"role": "operator"}}})["outcomes"]  # fmt: skip
        assert {line["outcome"] for line in refused.values()} == {"refused"}


def test_streams_ask_for_a_login_with_the_account_there_is_or_one_whose_password_is_known() -> None:
    with rig(MOTION) as run:
        run.lab.call(lambda: run.device.force(stream_auth_method="0"))
        design = {"video": {"authentication": True}}
        assert run.harden(design)["outcomes"]["video.authentication"]["outcome"] == "changed"
        assert run.device.state["stream_authentication"] == "viewer:View-Old-1"
        run.lab.call(lambda: run.device.force(stream_auth_method="0", stream_authentication=None))
        plan = run.plan(design)
        blind = run.apply({**plan, "needs": []})["outcomes"]["video.authentication"]
        assert blind["outcome"] == "not_checked" and "accounts.viewer@stream" in blind["why"]
        result = run.harden(design, secrets={"accounts.viewer@stream": "Str3am-Passw0rd"})
        assert result["outcomes"]["video.authentication"]["outcome"] == "changed"
        assert run.device.has_password("stream_authentication", "viewer", "Str3am-Passw0rd")


def test_streams_with_a_way_to_log_in_and_no_account_are_open_to_everybody() -> None:
    """motion has nobody to compare with, and lets in whoever comes (seen on motion itself)."""
    design, secrets = {"video": {"authentication": True}}, {"accounts.viewer@stream": "Str3am-Passw0rd"}
    with rig(MOTION) as run:
        run.lab.call(lambda: run.device.force(stream_auth_method="2", stream_authentication=None))
        assert run.readings()["video.authentication"]["value"] is False
        assert run.harden(design, secrets=secrets)["outcomes"]["video.authentication"]["outcome"] == "changed"
        assert run.device.has_password("stream_authentication", "viewer", "Str3am-Passw0rd")
        assert run.readings()["accounts.anonymous_view"]["value"] is False


OPEN = {"camera_name": "yard", "stream_auth_method": "0", "on_event_start": "touch /x", "movie_output": "on"}


def test_a_camera_with_settings_of_its_own_counts_as_much_as_the_main_ones() -> None:
    """Its own values hold for it at the shared port of the streams, too, and no main value reaches them."""
    design = {"video": {"authentication": True}, "services": {"commands": {"enabled": False}},
              "identity": {"overlay_text": "gate"}}  # fmt: skip
    secure = {"stream_auth_method": "2", "on_motion_detected": "x"}
    with rig(MOTION, own={"101": {"camera_name": "gate"}, "102": OPEN | {"text_left": "Sato's house"}}) as run:
        run.lab.call(lambda: run.device.force(**secure))
        readings = run.readings()
        assert readings["video.authentication"]["value"] is False
        assert readings["accounts.anonymous_view"]["value"] is True and "102/current" in str(
            readings["accounts.anonymous_view"])  # fmt: skip
        assert readings["services.commands.enabled"]["value"] is True
        assert readings["identity.overlay_text"]["value"] == "Sato's house"
        assert readings['recording.jobs."101 gate".state']["value"] == "idle"
        assert readings['recording.jobs."102 yard".state']["value"] == "active"
        outcomes = run.harden(design)["outcomes"]
        assert {outcomes[key]["outcome"] for key in ("video.authentication", "services.commands.enabled",
                                                     "identity.overlay_text")} == {"changed"}  # fmt: skip
        assert run.device.stored["102/stream_auth_method"] == "2"
        assert not (run.device.stored["102/on_event_start"] or "").strip()
        assert run.readings()["accounts.anonymous_view"]["value"] is False and run.plan(design)["changes"] == []


def test_a_port_of_one_camera_is_a_way_to_the_streams(free_port: int) -> None:
    port = free_port
    own = {"101": {"stream_port": str(port), "stream_localhost": "off", "stream_auth_method": "0"}}
    with rig(MOTION, own=own) as run:
        run.lab.call(lambda: run.device.force(stream_localhost="on"))
        readings = run.readings()
        assert readings["services.stream.interface"]["value"] == "all"
        assert port in readings["services.stream.ports"]["value"]
        assert readings["accounts.anonymous_view"]["value"] is True
        start = time.monotonic()
        result = run.harden({"services": {"stream": {"enabled": False}}})
        assert time.monotonic() - start < motion.RESTART_SECONDS, "a stream that is off is not waited for"
        assert result["outcomes"]["services.stream.enabled"]["outcome"] == "changed"
        assert run.device.stored["101/stream_port"] == run.device.stored["stream_port"] == "0"


def test_h44_after_the_lock_out_the_right_password_is_told_as_locked() -> None:
    with rig(MOTION) as run:
        run.harden({"auth": {"lockout_attempts": 3}})
        for _try in range(3):
            with pytest.raises(LoginRefused) as caught:
                run.read(credentials=WRONG)
            assert not caught.value.locked
        with pytest.raises(LoginRefused) as caught:
            run.read()
        assert caught.value.locked and run.login[1] not in str(caught.value)


def test_a_lost_camera_is_an_error_and_an_unrecorded_one_idle() -> None:
    with rig(MOTION) as run:
        assert run.readings()['recording.jobs."0 cam-01".state']["value"] == "idle"
        run.lab.call(lambda: run.device.force(movie_output="on"))
        assert run.readings()["recording.state"]["value"] == "active"
        run.fault("camera-lost")
        readings = run.readings()
        assert readings["recording.state"]["value"] == "error"


def test_what_motion_hides_is_unsupported_and_says_how_to_see_it() -> None:
    with rig(MOTION) as run:
        run.device.model["hides_all"] = True
        readings = run.readings()
        assert readings["auth.lockout_attempts"]["state"] == "unsupported"
        assert "webcontrol_parms" in readings["auth.lockout_attempts"]["why"]


@pytest.mark.parametrize(("attack", "key"), [("commands", "services.commands.enabled"), ("rename", "identity.name"),
                                             ("stream-open", "video.authentication")])  # fmt: skip
def test_what_an_intruder_does_is_read(attack: str, key: str) -> None:
    with rig(MOTION) as run:
        run.harden({"services": {"commands": {"enabled": False}}})
        before = run.readings()[key]["value"]
        run.lab.attack("dev", attack)
        assert run.readings()[key]["value"] != before

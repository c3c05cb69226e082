# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only motionEye has: a mask that becomes the password, whole objects, two accounts and no lock-out."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

from typing import Any

import pytest
from driver_cases import FAMILIES, Rig, rig, short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import Unsupported
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session

EYE = FAMILIES["motioneye"]


def bootstrap(run: Rig, **more: Any) -> dict[str, Any]:
    user, password = run.login
    return {"credentials": [{"username": user, "password": password, "label": "bootstrap"}], "manage_accounts": True,
            **more}  # fmt: skip


def camera(run: Rig) -> dict[str, Any]:
    return run.device.state["cameras"]["1"]


def test_the_mask_of_a_password_is_never_sent_back() -> None:
    """Also where the same object is written for another reason."""
    with rig(EYE) as run:
        run.harden({"services": {"upload": {"enabled": False}}, "identity": {"name": "cam-7"}})
        assert camera(run)["streaming_password"] == "Stream-Old-1" and camera(run)["upload_password"] == "Upload-Old-1"
        run.harden({}, **bootstrap(run))
        assert run.device.state["passwords"] == {"admin": "N3w-Passw0rd-0", "normal": "View-Old-1"}


def test_our_password_ends_our_session_and_the_run_goes_on() -> None:
    with rig(EYE) as run:
        result = run.harden({"identity": {"name": "cam-7"}}, **bootstrap(run, negative_test=True))
        line = result["outcomes"]['accounts."admin".password']
        assert line["outcome"] == "changed" and "old login is refused" in line["proof"]
        assert result["outcomes"]["identity.name"]["outcome"] == "changed" and result["error"] is None
        assert run.logins("refused") == 1, "the deliberate one"


def test_an_account_that_cannot_be_removed_gets_another_password() -> None:
    with rig(EYE) as run:
        result = run.harden({}, **bootstrap(run, undeclared_accounts="remove"))
        assert result["outcomes"]['accounts."user".password']["outcome"] == "changed"
        assert run.device.state["passwords"]["normal"].startswith("N3w-") and result["error"] is None


@pytest.mark.parametrize("design", [{"ops": {"role": "viewer"}}, {"user": {"role": "administrator"}},
                                    {"ops": {"role": "administrator"}}])  # fmt: skip
def test_there_are_two_accounts_and_no_more(design: dict[str, Any]) -> None:
    with rig(EYE) as run:
        result = run.harden({"accounts": design})
        assert {line["outcome"] for line in result["outcomes"].values()} <= {"refused", "unsupported"}
        assert run.writes() == []


def test_an_empty_password_is_told_as_open_video_and_as_factory_state() -> None:
    with rig(EYE, passwords={"admin": "", "normal": ""}) as run:
        run.login = ("admin", "")
        snapshot = run.read()["snapshot"]
        assert snapshot["factory_new"] is True and any("no password" in note for note in snapshot["notes"])
        assert snapshot["readings"]["video.authentication"]["value"] is False
        line = run.plan({"video": {"authentication": True}})["outcomes"]["video.authentication"]
        assert line["outcome"] == "refused" and "'user'" in line["why"]


def test_a_stream_without_a_login_is_seen_and_gets_one_where_it_has_a_password() -> None:
    with rig(EYE) as run:
        run.lab.attack("dev", "stream-open")
        readings = run.readings()
        assert readings["video.authentication"]["value"] is False
        assert readings["accounts.anonymous_view"]["value"] is True
        result = run.harden({"video": {"authentication": True}})
        assert result["outcomes"]["video.authentication"]["outcome"] == "changed"
        assert camera(run)["streaming_auth_mode"] == "digest"
        run.lab.call(lambda: run.device.force_camera(streaming_auth_mode="disabled", streaming_password=""))
        assert run.plan({"video": {"authentication": True}})["outcomes"]["video.authentication"]["outcome"] == "refused"
        run.lab.call(lambda: run.device.force_camera(streaming_auth_mode="digest"))
        assert run.readings()["video.authentication"]["value"] is False, "a way to log in, and no password"


def test_several_cameras_have_no_one_name() -> None:
    with rig(EYE, cameras=[{"name": "gate"}, {"name": "yard"}]) as run:
        assert run.readings()["identity.name"]["state"] == "unsupported"


def test_the_machine_is_never_restarted() -> None:
    with rig(EYE) as run, Session(run.spec()) as session:
        with pytest.raises(Unsupported):
            session.driver.restart(session.ctx)
        assert not [entry for entry in run.log() if "power" in entry.path]


def test_the_key_for_other_motioneyes_is_not_read() -> None:
    with rig(EYE) as run:
        told = repr(run.read())
        assert run.device.state["secret"] not in told and "Stream-Old-1" not in told and "Upload-Old-1" not in told


@pytest.mark.parametrize(("attack", "key"), [("commands", "services.commands.enabled"), ("rename", "identity.name"),
                                             ("no-password", "video.authentication")])  # fmt: skip
def test_what_an_intruder_does_is_read(attack: str, key: str) -> None:
    with rig(EYE) as run:
        run.harden({"services": {"commands": {"enabled": False}}})
        before = run.readings()[key]["value"]
        run.lab.attack("dev", attack)
        assert run.readings()[key]["value"] != before

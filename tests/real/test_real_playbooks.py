# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""harden.yml, record.yml and drift.yml over the three programs at once, as a site runs them."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from e2e_box import Run, Workplace, every_secret
from programs import Motion, MotionEye, ZoneMinder, status
from real_rig import note

NAMES = {"motion", "zoneminder", "motioneye"}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    with contextlib.ExitStack() as stack:
        motion, eye, minder = (stack.enter_context(kind()) for kind in (Motion, MotionEye, ZoneMinder))
        minder.sql("UPDATE Users SET APIEnabled=1 WHERE Username='admin'")
        place = Workplace(tmp_path_factory.mktemp("real"))
        common: dict[str, Any] = {"nwcs_host": "127.0.0.1", "nwcs_scheme": "http", "nwcs_username": "admin",
                                  "nwcs_simulated": False, "nwcs_seen_as": ["127.0.0.1"],
                                  "nwcs_undeclared_accounts": "remove"}  # fmt: skip
        place.write_inventory({
            "motion": {"nwcs_family": "motion", "nwcs_port": motion.port, "nwcs_password": "",
                       "nwcs_design": {"auth": {"lockout_attempts": 3},
                                       "services": {"http": {"interface": "localhost"}}}},
            "zoneminder": {"nwcs_family": "zoneminder", "nwcs_port": minder.port, "nwcs_password": "admin",
                           "nwcs_design": {"video": {"authentication": True}, "auth": {"basic_login": False}}},
            "motioneye": {"nwcs_family": "motioneye", "nwcs_port": eye.port, "nwcs_password": ""},
        }, **common)  # fmt: skip
        told = SimpleNamespace(place=place, motion=motion, minder=minder, eye=eye)
        told.harden = place.play("harden")
        told.again = place.play("harden")
        told.record = place.play("record")
        told.clean = place.play("drift")
        minder.sql("UPDATE Config SET Value='1' WHERE Name='ZM_OPT_TRIGGERS'")
        minder.sql("INSERT INTO Users (Username, Password, System) VALUES ('support', 'x', 'Edit')")
        told.drift = place.play("drift")
        yield told


def test_every_program_is_hardened(story: SimpleNamespace) -> None:
    run: Run = story.harden
    assert {device["host"] for device in run.result["devices"]} == NAMES, run.said()
    assert not [device["error"] for device in run.result["devices"] if device["error"]], run.said()
    for name in NAMES:
        line = run.outcomes(name)['accounts."admin".password']
        assert line["outcome"] == "changed" and "login" in line["proof"], (name, line)
    assert run.outcomes("zoneminder")["video.authentication"]["outcome"] == "changed"
    assert run.outcomes("motion")["services.http.interface"]["outcome"] == "changed"


def test_by_effect_strangers_get_nothing(story: SimpleNamespace) -> None:
    assert status(story.motion.port, "/0/config/list") == 401
    assert status(story.minder.port, "/zm/api/users.json") == 401
    assert status(story.eye.port, "/config/list") == 403
    for name in NAMES:
        note(name, "proven", "auth.anonymous_api")


def test_a_second_run_changes_nothing(story: SimpleNamespace) -> None:
    for name in NAMES:
        changed = [key for key, line in story.again.outcomes(name).items() if line["outcome"] == "changed"]
        assert changed == [], (name, changed, story.again.said())


def test_sheets_are_written_and_nothing_drifts(story: SimpleNamespace) -> None:
    assert {path.stem for path in (story.place.work / "sheets").rglob("*.yml")} >= NAMES, story.record.said()
    assert _found(story.clean) == set(), story.clean.said()


def test_a_change_by_hand_is_found(story: SimpleNamespace) -> None:
    assert {("zoneminder", "services.triggers.enabled"), ("zoneminder", 'accounts."support".role')} <= _found(
        story.drift
    ), story.drift.said()
    assert story.drift.code != 0, "drift is told to whoever waits for the run"


def _found(run: Run) -> set[tuple[str, str]]:
    kinds = ("added", "changed", "removed", "new_account", "undeclared_account", "appeared", "gone")
    return {
        (device["host"], found["key"])
        for device in run.result["devices"]
        for found in device["findings"]
        if found["key"] and found["explained"] is None and found["kind"] not in _OTHER or found["kind"] in kinds
    }


_OTHER = ("not_reached", "no_baseline", "not_readable", "still_not_readable", "not_recorded", "clock_not_judged")


def test_no_secret_is_in_the_files(story: SimpleNamespace) -> None:
    secrets = every_secret(story.place.secrets())
    assert len(secrets) >= 3
    for path in story.place.files():
        if "secrets" not in path.parts:
            text = path.read_text(errors="replace")
            assert not [secret for secret in secrets if secret in text], path.name

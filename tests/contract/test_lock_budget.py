# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras that lock after three wrong logins, whether they say so or not (H21, H44), over many runs of every job."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

import datetime
import re
import time
from pathlib import Path
from typing import Any

import pytest
from change_box import Site, site
from driver_cases import short_pauses  # noqa: F401

pytestmark = pytest.mark.long

JOBS = ("harden", "record", "drift", "rotate", "undo", "info")
WRONG = "Planted-Wrong-Guess-3"
PER = ("address", "account")


def locking(told: bool, per: str = "address", seconds: int = 60) -> dict[str, Any]:
    return {"lockout_attempts": 3, "lockout_seconds": seconds, "lockout_per": per, "lockout_told": told}


def play(place: Site, job: str, **variables: Any) -> dict[str, Any]:
    return place.do(job, *((place.runs[0],) if job == "undo" else ()), **variables)


def forget_the_password(place: Site) -> None:
    """Somebody else has changed it on the device; nobody told us."""
    for users in (place.device.state["users"], place.device.stored["users"]):
        users[0]["Password"] = "Foreign-Password-6204"


@pytest.mark.parametrize("per", PER)
@pytest.mark.parametrize("told", [True, False], ids=["told", "silent"])
def test_ten_runs_of_every_job_with_a_wrong_stored_password_never_lock_it(tmp_path: Path, told: bool, per: str) -> None:
    with site(tmp_path, "onvif-complete", locking(told, per), nwcs_password=None) as place:
        place.variables["nwcs_password"] = "Planted-Factory-7319"
        place.do("harden")
        forget_the_password(place)
        place.variables["nwcs_password"] = WRONG  # the inventory is no help either
        before = len(place.lab.logins("dev"))
        for number in range(10):
            for job in JOBS:
                done = play(place, job)
                assert done["error"]["code"] == "login_refused", done["error"]
                assert done["writes"] == 0 and done["status"] != "ok"
                assert place.lab.locked("dev") == {}, (number, job, "locked out by us")
        assert len(place.lab.logins("dev")) <= 2, "the deliberate one of harden, and one of the sixty runs"
        assert before <= 1 and place.lab.logins("dev", "locked") == []
        assert "[guard: lock-budget]" in done["error"]["message"] and re.search(r"until 20\d\d-", str(done["error"]))
        place.shows_no_secret()


@pytest.mark.parametrize("told", [True, False], ids=["told", "silent"])
def test_a_first_login_that_is_wrong_never_locks_it(tmp_path: Path, told: bool) -> None:
    with site(tmp_path, "onvif-complete", locking(told), nwcs_password=WRONG) as place:
        for _number in range(10):
            for job in ("harden", "record", "drift", "rotate"):
                assert place.do(job)["error"]["code"] == "login_refused"
        assert len(place.lab.logins("dev")) == 1 and place.lab.locked("dev") == {}
        assert "nwcs_retry" in place.do("drift")["error"]["advice"]
        assert place.do("drift", nwcs_password="Planted-Factory-7319")["error"] is None


def test_a_device_found_locked_is_left_alone_until_its_time_is_over(tmp_path: Path) -> None:
    """Somebody else has locked our address; the device says for how long."""
    with site(tmp_path, "onvif-complete", locking(True, seconds=3)) as place:
        place.do("harden")

        def lock() -> None:
            lockout = place.device.lockout
            for _number in range(3):
                lockout.failed("127.0.0.1")

        place.lab.call(lock)
        assert place.lab.locked("dev")
        found = time.time()
        first = place.do("drift")
        assert first["error"]["code"] == "login_refused"
        requests = len(place.lab.log("dev"))
        for job in JOBS:
            done = play(place, job)
            assert done["error"]["code"] == "login_refused" and "locked us out" in done["error"]["message"], done[
                "error"
            ]
            until = re.search(r"until (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", done["error"]["message"])
            when = datetime.datetime.strptime(until[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=datetime.UTC)
            assert -1.0 < when.timestamp() - found < 5.0, "the device's own time"
        assert len(place.lab.log("dev")) == requests, "nothing was sent meanwhile"
        place.lab.wait(lambda: time.time() > when.timestamp() + 1.0 and not place.lab.locked("dev"), 8)
        assert place.do("drift")["error"] is None
        assert place.do("rotate")["status"] in ("changed", "attention")
        place.comes_in()


def test_a_camera_that_locks_silently_is_not_tried_again_when_it_refuses_the_right_login(tmp_path: Path) -> None:
    """It refuses what worked before without saying why: one try, then its lock time is waited for (H21)."""
    with site(tmp_path, "onvif-complete", locking(False)) as place:
        place.do("harden")

        def lock() -> None:
            for _number in range(3):
                place.device.lockout.failed("127.0.0.1")

        place.lab.call(lock)
        tried = len(place.lab.logins("dev", "locked"))
        for job in JOBS:
            done = play(place, job)
            assert done["error"]["code"] == "login_refused", done["error"]
        assert len(place.lab.logins("dev", "locked")) - tried <= 1
        assert "[guard: lock-budget]" in done["error"]["message"]
        place.lab.call(place.device.lockout.forget)
        assert place.do("drift", nwcs_retry=True)["error"] is None
        place.comes_in()

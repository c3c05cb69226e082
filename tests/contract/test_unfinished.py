# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account that a run made and could not prove any more: the next run proves its password, whatever came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from change_box import Site, site
from driver_cases import short_pauses  # noqa: F401  # pylint: disable=unused-import

DESIGN = {"accounts": {"nvr": {"role": "viewer"}}}
SECRET = "accounts.nvr"
KEY = 'accounts."nvr".password'


class Killed(BaseException):
    """The process ends here."""


def kill_at(place: Site, boundary: str, **variables: Any) -> None:
    """Harden up to the boundary after the password of nvr was marked as sent."""
    sent = []

    def hook(name: str) -> None:
        sent.extend([name] if name == f"send:{SECRET}" else [])
        if sent and name == boundary:
            raise Killed

    with pytest.raises(Killed):
        place.do("harden", hook=hook, nwcs_design=DESIGN, **variables)


def in_force(place: Site, password: str) -> bool:
    if place.family == "openwrt":
        return place.lab.call(lambda: place.device.password_fits("nvr", password))
    if place.family == "dahua":
        return place.device.users.password("nvr") == password
    return password in [user["Password"] for user in place.device.state["users"] if user["Username"] == "nvr"]


@pytest.mark.parametrize("given", [None, "Planted-Given-2093-xkqv"], ids=["made", "given"])
@pytest.mark.parametrize("boundary", ["store:users:before", "store:users:after"])
def test_it_is_set_once_more_and_proven(tmp_path: Path, boundary: str, given: str | None) -> None:
    variables = {"nwcs_passwords": {"nvr": given}} if given else {}
    with site(tmp_path, "onvif-complete") as place:
        kill_at(place, boundary, **variables)
        place.do_nothing()
        assert place.work.store.value(SECRET) is None and place.work.store.value(SECRET, "pending")
        done = place.do("harden", nwcs_design=DESIGN, **variables)
        assert done["error"] is None
        place.do_nothing()
        current = place.work.store.value(SECRET)
        assert current and place.work.store.value(SECRET, "pending") is None and given in (None, current)
        assert in_force(place, current)
        again = place.do("harden", nwcs_design=DESIGN, **variables)
        assert again["writes"] == 0 and KEY not in {line["key"] for line in again["outcomes"]}
        place.shows_no_secret()


def test_an_account_that_nobody_wants_any_more_is_left_to_the_design(tmp_path: Path) -> None:
    with site(tmp_path, "onvif-complete") as place:
        kill_at(place, "store:users:after")
        done = place.do("harden", nwcs_design={"accounts": {"nvr": "absent"}})
        assert done["error"] is None
        assert "nvr" not in [user["Username"] for user in place.device.state["users"]]


@pytest.mark.parametrize("boundary", ["store:users:before", "store:users:after"])
def test_one_that_cannot_be_set_again_is_proven_as_it_is(tmp_path: Path, boundary: str) -> None:
    """Old Dahua firmware sets a password of another account only while it makes the account."""
    given = {"nwcs_passwords": {"nvr": "Given-Pad-44726-xkqv"}}
    with site(tmp_path, "dahua-camera-old", nwcs_password="admin") as place:
        kill_at(place, boundary, **given)
        done = place.do("harden", nwcs_design=DESIGN, **given)
        said = {line["key"]: line["outcome"] for line in done["outcomes"]}
        assert done["error"] is None and said[KEY] == "changed", done["outcomes"]
        place.do_nothing()
        assert place.work.store.value(SECRET) == given["nwcs_passwords"]["nvr"]
        assert in_force(place, given["nwcs_passwords"]["nvr"])


def test_one_that_somebody_else_set_is_told_as_what_cannot_be_set(tmp_path: Path) -> None:
    given = {"nwcs_passwords": {"nvr": "Given-Pad-44726-xkqv"}}
    with site(tmp_path, "dahua-camera-old", nwcs_password="admin") as place:
        kill_at(place, "store:users:after", **given)
        place.lab.call(lambda: place.device.users.force("nvr", "Somebody-Else-77", "user"))
        (line,) = (one for one in place.do("harden", nwcs_design=DESIGN, **given)["outcomes"] if one["key"] == KEY)
        assert line["outcome"] == "unsupported" and "remove the account" in line["why"], line
        place.do_nothing()
        assert place.work.store.value(SECRET) is None, "never proven, so not the current one"

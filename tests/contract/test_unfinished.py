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

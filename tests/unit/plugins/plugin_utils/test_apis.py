# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nwcs_apis and nwcs_manual: every mistake is one sentence that names host, place and remedy."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import apis

DAY = datetime.date(2026, 1, 10)
GOOD = {"by": "Sato", "on": DAY, "until": "2027-01-10", "settings": {"services": {"telnet": {"enabled": "no"}}}}


def test_apis_are_taken_with_their_way_or_that_of_the_main_one() -> None:
    found = apis.beside("cam", ["onvif", "vapix"], {"onvif": {"scheme": "http", "username": "u", "password": "p"}})
    assert found["onvif"] == {"way": {"scheme": "http", "port": 80}, "username": "u", "password": "p"}
    assert found["vapix"] == {"way": None, "username": "", "password": None}


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ([], "not a table"),
        ({"onvfi": {}}, "'onvfi'"),
        ({"onvif": {"user": "x"}}, "nwcs_apis.onvif"),
        ({"onvif": {"password": 12345}}, "quotes"),
        ({"onvif": {"port": 70000}}, "70000"),
        ({"onvif": {"scheme": "ftp"}}, "ftp"),
    ],
)
def test_a_mistake_in_apis_is_told(given: Any, word: str) -> None:
    with pytest.raises(InputError) as caught:
        apis.beside("cam", ["onvif"], given)
    assert "cam: nwcs_apis" in caught.value.message and word in str(caught.value)


def test_typed_in_values_are_normalised_and_dated() -> None:
    assert apis.typed_in("hub", [GOOD], True) == {
        "services.telnet.enabled": {"value": False, "by": "Sato", "on": "2026-01-10", "until": "2027-01-10"}
    }
    assert apis.typed_in("hub", [], False) == {}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"by": " "}, "by is empty"),
        ({"on": "soon"}, "'soon'"),
        ({"on": "2999-01-01", "until": "2999-01-02"}, "not yet"),
        ({"until": "2025-01-10"}, "before"),
        ({"extra": 1}, "exactly"),
        ({"settings": {"services": {"telnet": {"enabld": False}}}}, "Did you mean"),
        ({"settings": {"services": {"telnet": {"enabled": "perhaps"}}}}, "services.telnet.enabled"),
        ({"settings": {"accounts": {"ops": {"password": "x"}}}}, "never stands here"),
    ],
)
def test_a_mistake_in_what_was_typed_in_is_told(change: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError) as caught:
        apis.typed_in("hub", [{**GOOD, **change}], True)
    assert "hub: nwcs_manual, entry 1" in caught.value.message and word in str(caught.value)


def test_one_key_is_typed_in_once_and_only_for_a_device_that_says_so() -> None:
    with pytest.raises(InputError, match="typed in before, by Sato"):
        apis.typed_in("hub", [GOOD, {**GOOD, "by": "Abe"}], True)
    with pytest.raises(InputError, match="does not list manual"):
        apis.typed_in("hub", [GOOD], False)

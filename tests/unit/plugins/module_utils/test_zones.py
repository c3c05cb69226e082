# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.nwcs.hardening.plugins.module_utils import zones


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("JST-9", (9 * 3600, None, "")),
        ("Asia/Tokyo", (9 * 3600, None, "")),
        ("<+0530>-5:30", (19800, None, "")),
        ("UTC", (0, None, "")),
        ("EST5EDT,M3.2.0,M11.1.0", (-5 * 3600, -4 * 3600, ",M3.2.0,M11.1.0")),
        ("America/New_York", (-5 * 3600, -4 * 3600, ",M3.2.0,M11.1.0")),
        ("NST3:30NDT2:30,M3.2.0,M11.1.0", (-12600, -9000, ",M3.2.0,M11.1.0")),
        ("Nowhere/City", None),
        ("../../etc/passwd", None),
        ("", None),
    ],
)
def test_key(text, expected):
    assert zones.key(text) == expected


def test_offset_and_rule_count_not_the_name():
    assert zones.same("JST-9", "KST-9")
    assert not zones.same("EST5", "EST5EDT,M3.2.0,M11.1.0")
    assert not zones.same("JST-9", "JST9")
    assert zones.same("banana", " banana")
    assert not zones.same("banana", "apple")


@pytest.mark.parametrize("name", sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})[::7])
def test_every_city_has_a_key_and_is_itself(name):
    assert zones.key(name) is not None
    assert zones.same(name, zones.canonical(name))


@given(st.text(max_size=40))
def test_any_text_is_data(text):
    assert zones.same(text, text)
    assert zones.canonical(zones.canonical(text)) == zones.canonical(text)

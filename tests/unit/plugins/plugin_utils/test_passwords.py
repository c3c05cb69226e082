# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated passwords keep to what a device accepts, and are refused where that is too little."""

from __future__ import annotations

import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import passwords

ASCII = "".join(map(chr, range(0x21, 0x7F)))


@given(
    minimum=st.one_of(st.none(), st.integers(1, 40)),
    maximum=st.one_of(st.none(), st.integers(1, 64)),
    alphabet=st.one_of(st.none(), st.sets(st.sampled_from(ASCII), min_size=1).map("".join)),
)
def test_every_password_keeps_to_the_rules_or_there_is_none(
    minimum: int | None, maximum: int | None, alphabet: str | None
) -> None:
    try:
        password, bits = passwords.generate({"min_length": minimum, "max_length": maximum, "alphabet": alphabet})
    except InputError:
        # Only where even the whole alphabet at full length is weak.
        length = min(max(minimum or 8, passwords.LENGTH), maximum or 1000)
        assert length * math.log2(len(alphabet) if alphabet else len(passwords.ALPHABET)) < passwords.MIN_BITS
        return
    assert bits >= passwords.MIN_BITS
    assert len(password) <= (maximum or 1000)
    if not maximum or maximum >= (minimum or 8):
        assert len(password) >= (minimum or 8)
    assert set(password) <= set(alphabet or ASCII)


def test_without_rules_it_is_long_and_easy_to_type() -> None:
    password, bits = passwords.generate({})
    assert len(password) == 24
    assert bits > 128
    assert not set(password) & set("O0Il1\"'<>&\\ $`%")


@pytest.mark.parametrize("rules", [{}, {"max_length": 12}, {"max_length": 9}])
def test_every_class_that_devices_ask_for_is_present(rules: dict) -> None:
    for _unused in range(50):
        password, _bits = passwords.generate(rules)
        assert password[0] in string.ascii_letters
        for group in (string.ascii_lowercase, string.ascii_uppercase, string.digits, passwords.SYMBOLS):
            assert set(password) & set(group), password


def test_a_device_of_digits_only_gets_digits() -> None:
    password, bits = passwords.generate({"alphabet": string.digits, "max_length": 15})
    assert len(password) == 15
    assert password.isdigit()
    assert bits == pytest.approx(15 * math.log2(10))


@pytest.mark.parametrize(
    "rules", [{"max_length": 4}, {"max_length": 4, "min_length": 8}, {"alphabet": string.digits, "max_length": 14}]
)
def test_a_device_that_accepts_weak_ones_only_is_told(rules: dict) -> None:
    with pytest.raises(InputError, match=r"at most \d+ bits"):
        passwords.generate(rules)


def test_a_repeated_character_adds_no_strength() -> None:
    with pytest.raises(InputError):
        passwords.generate({"alphabet": "ab" * 40, "max_length": 10})


def test_no_two_are_alike() -> None:
    assert len({passwords.generate({})[0] for _unused in range(50)}) == 50

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated passwords keep to what a device accepts, and are refused where that is too little; weak ones are known."""

from __future__ import annotations

import itertools
import math
import string
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import passwords

ASCII = "".join(map(chr, range(0x21, 0x7F)))
GROUPS = {"lower": string.ascii_lowercase, "upper": string.ascii_uppercase, "digit": string.digits}
WORDS = st.lists(st.text(st.sampled_from("adminAD1-nvr "), min_size=0, max_size=8), max_size=3)
RULES = st.fixed_dictionaries(
    {
        "min_length": st.one_of(st.none(), st.integers(1, 40)),
        "max_length": st.one_of(st.none(), st.integers(1, 64)),
        "alphabet": st.one_of(st.none(), st.sets(st.sampled_from(ASCII), min_size=1).map("".join)),
        "forbidden": WORDS,
        "classes": st.dictionaries(st.sampled_from(passwords.KINDS), st.integers(0, 4)),
    }
)


def count(password: str, kind: str) -> int:
    if kind == "special":
        return sum(not c.isalnum() for c in password)
    return sum(c in GROUPS[kind] for c in password)


# -- making one --------------------------------------------------------------------------------------------------------
@settings(deadline=None)
@given(rules=RULES, words=WORDS)
def test_every_password_keeps_to_the_rules(rules: dict, words: list[str]) -> None:
    try:
        password, bits = passwords.generate(rules, words)
    except InputError:
        return
    minimum, maximum, alphabet = rules["min_length"] or 8, rules["max_length"] or 1000, rules["alphabet"] or ASCII
    assert minimum <= len(password) <= maximum
    assert set(password) <= set(alphabet)
    assert all(count(password, kind) >= least for kind, least in rules["classes"].items())
    for word in (*rules["forbidden"], *words):
        if word:
            assert word.lower() not in password.lower() and word.lower()[::-1] not in password.lower()
    assert passwords.MIN_BITS <= bits <= len(password) * math.log2(len(set(alphabet)))
    assert passwords.misfit(password, rules, words) is None


@settings(deadline=None)
@given(rules=RULES)
def test_it_is_refused_only_where_little_is_possible(rules: dict) -> None:
    """With nothing forbidden and no kind asked for: when even the whole alphabet at full length is weak."""
    rules = {**rules, "forbidden": [], "classes": {}}
    minimum, maximum = rules["min_length"] or 8, rules["max_length"] or 1000
    length = min(max(minimum, passwords.LENGTH), maximum)
    size = len(set(rules["alphabet"] or passwords.WIDE))
    possible = length * math.log2(size) >= passwords.MIN_BITS and minimum <= maximum
    try:
        passwords.generate(rules)
    except InputError:
        assert not possible
    else:
        assert possible


@settings(deadline=None)
@given(maximum=st.integers(8, 64), words=st.lists(st.sampled_from(["admin", "IPC-1000", "ops", "Maker"]), max_size=4))
def test_none_of_ours_is_weak(maximum: int, words: list[str]) -> None:
    password, _bits = passwords.generate({"max_length": maximum}, words)
    assert passwords.weakness(password, words) is None
    assert password[0] in string.ascii_letters
    assert all(count(password, kind) for kind in passwords.KINDS)


SMALL = st.text(st.sampled_from("abcAB12-"), min_size=1, max_size=6).map(lambda text: "".join(dict.fromkeys(text)))


@settings(deadline=None, max_examples=60)
@given(
    alphabet=SMALL,
    length=st.integers(1, 5),
    needs=st.dictionaries(st.sampled_from(passwords.KINDS), st.integers(0, 2)),
    words=st.lists(st.text(st.sampled_from("abc12-"), min_size=1, max_size=3), max_size=3),
    tidy=st.booleans(),
)
def test_bits_are_never_more_than_what_counting_gives(
    alphabet: str, length: int, needs: dict, words: list[str], tidy: bool
) -> None:
    """All strings are made and counted; what is claimed is at most that, and exact where nothing is forbidden."""
    every = ["".join(chars) for chars in itertools.product(alphabet, repeat=length)]
    enough = [text for text in every if all(count(text, kind) >= least for kind, least in needs.items())]
    plain = passwords._Space(alphabet, length, needs, (), False)
    assert plain.bits == pytest.approx(math.log2(len(enough)) if enough else 0)
    space = passwords._Space(alphabet, length, needs, passwords._forbidden({}, words), tidy)
    left = [text for text in enough if space._accepts(text)]
    if tidy:
        there = [kind for kind in passwords.KINDS if count(alphabet, kind)]
        letters = any(c.isalpha() for c in alphabet)
        left = [
            text for text in left
            if all(count(text, kind) for kind in there) and (text[0].isalpha() or not letters)
        ]  # fmt: skip
    assert space.bits <= (math.log2(len(left)) if left else 0) + 1e-9
    if space.bits:
        assert space.draw() in left


@pytest.mark.parametrize("tidy", [True, False])
def test_all_are_equally_likely(tidy: bool) -> None:
    """Chi-squared over all 3-character passwords; far beyond chance only where drawing is skewed."""
    space = passwords._Space("abC1", 3, {"digit": 1}, ("ab",), tidy)
    left = [t for t in map("".join, itertools.product("abC1", repeat=3)) if space._accepts(t) and "1" in t]
    if tidy:
        left = [t for t in left if t[0] != "1" and "C" in t and set(t) & set("ab")]
    drawn = Counter(space._drawn() for _unused in range(6000))
    drawn = Counter({text: n for text, n in drawn.items() if space._accepts(text)})
    assert set(drawn) == set(left)
    expected = sum(drawn.values()) / len(left)
    chi = sum((drawn[text] - expected) ** 2 / expected for text in left)
    assert chi < len(left) + 6 * math.sqrt(2 * len(left)) + 10


def test_without_rules_it_is_long_and_easy_to_type() -> None:
    password, bits = passwords.generate({})
    assert len(password) == 24
    assert bits > 128
    assert not set(password) & set("O0Il1\"'<>&\\ $`%")


@pytest.mark.parametrize("rules", [{}, {"max_length": 12}, {"max_length": 8}, {"classes": {"digit": 3, "special": 3}}])
def test_every_kind_that_devices_ask_for_is_present(rules: dict) -> None:
    for _unused in range(30):
        password, _bits = passwords.generate(rules)
        assert password[0] in string.ascii_letters
        assert all(count(password, kind) >= rules.get("classes", {}).get(kind, 1) for kind in passwords.KINDS)


def test_a_device_of_digits_only_gets_digits() -> None:
    password, bits = passwords.generate({"alphabet": string.digits, "max_length": 15})
    assert len(password) == 15
    assert password.isdigit()
    assert 15 * math.log2(10) - 1 < bits < 15 * math.log2(10)


def test_strength_goes_before_looks() -> None:
    """Eight digits and letters are enough only with those that people mix up."""
    password, bits = passwords.generate({"alphabet": "0O1lI" + string.digits + "abcdefgh", "max_length": 12})
    assert len(password) == 12 and bits >= passwords.MIN_BITS


@pytest.mark.parametrize(
    "rules", [{"max_length": 4}, {"max_length": 4, "min_length": 8}, {"alphabet": string.digits, "max_length": 13}]
)
def test_a_device_that_accepts_weak_ones_only_is_told(rules: dict) -> None:
    with pytest.raises(InputError, match=r"at most \d+ bits") as error:
        passwords.generate({**rules, "source": "MaxPasswordLength"})
    assert f"{rules['max_length']} characters" in error.value.message and "MaxPasswordLength" in error.value.message


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"min_length": 20, "max_length": 16}, "20 characters and takes at most 16"),
        ({"classes": {"special": 1}, "alphabet": string.ascii_letters}, "1 or more special"),
        ({"classes": {"digit": 20}, "max_length": 16}, "20 or more digit"),
    ],
)
def test_rules_that_contradict_each_other_are_told(rules: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        passwords.generate(rules)


def test_a_repeated_character_adds_no_strength() -> None:
    with pytest.raises(InputError):
        passwords.generate({"alphabet": "ab" * 40, "max_length": 10})


def test_words_of_one_letter_and_long_lists_do_not_end_it() -> None:
    password, bits = passwords.generate({"forbidden": ["a", "7"]}, ["-", "x" * 100, ""])
    assert not set(password) & set("aA7-") and bits > 120


def test_no_two_are_alike() -> None:
    assert len({passwords.generate({})[0] for _unused in range(50)}) == 50


# -- judging one -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "short"), ("Xk3-vQ9", "short"), ("12345", "factory"), ("ADMIN", "factory"), ("tlJwpbo6", "factory"),
        ("admin2024!", "factory"), ("Meinsm", "factory"), ("Passw0rd!", "factory"), ("p4ssw0rd1234", "factory"),
        ("Football99", "common"), ("H4rdening!!", "common"), ("xy-gate-keeper-7", "name"), ("7-REPEEK-xyq", "name"),
        ("aaaaaaaaaaaa", "sequence"), ("abcdefgh1234", "sequence"), ("qwertyuiop", "sequence"),
        ("vQ9-vQ9-vQ9-", "sequence"), ("99887766", "sequence"), ("zxcvbnm,1234", "sequence"),
        ("kdmtwzvbrp", "one_kind"), ("8315702694", "one_kind"),
    ],
)  # fmt: skip
def test_weak_ones_are_known(password: str, why: str) -> None:
    told = passwords.weakness(password, ("keeper", "ab", ""))
    assert told == passwords.WEAKNESSES[why]
    assert not password or password not in told


@pytest.mark.parametrize(
    "password",
    ["Correct-Horse-7", "Lab-Configured-1", "xk3-vQ9=tWm2", "kdmtwzvbrpkqhnsd", "correct horse battery staple",
     "ab-Xk3vQ9"],
)  # fmt: skip
def test_others_are_not_called_weak(password: str) -> None:
    assert passwords.weakness(password, ("keeper", "ab", "")) is None


def test_rules_of_the_device_count() -> None:
    assert passwords.weakness("83157026945", rules={"alphabet": string.digits}) is None, "it takes nothing else"
    assert passwords.weakness("xk3-vQ9=tWm2", rules={"min_length": 16}) == passwords.WEAKNESSES["short"]


@pytest.mark.parametrize(
    ("password", "rules", "words"),
    [
        ("short", {"min_length": 8}, "5 characters, the device asks for 8"),
        ("x" * 17, {"max_length": 16}, "17 characters, the device takes at most 16"),
        ("abc-1", {"alphabet": string.ascii_letters}, "does not take"),
        ("カメラ", {}, "does not take"),
        ("a\nb", {}, "does not take"),
        ("abc", {"classes": {"digit": 2}}, "2 or more"),
        ("xADMINx", {}, "forbids"),
        ("xNIMDAx", {}, "forbids"),
        ("xkeeper", {"forbidden": ["Keeper"]}, "forbids"),
    ],
)
def test_what_a_device_refuses_is_known_before(password: str, rules: dict, words: str) -> None:
    why = passwords.misfit(password, rules, ("admin",))
    assert why and words in why and password not in why
    assert passwords.misfit("Correct-Horse-77", {**rules, "alphabet": None}, ("admin",)) is None

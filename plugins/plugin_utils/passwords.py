# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords: from the system's generator, within what the maker accepts, as strong as that allows (H54).

`generate` makes one, `misfit` says why a device would refuse a given one, `weakness` why a given one is weak.
Rules are plain data as a plan gives them (contract.PasswordRules): min_length, max_length, alphabet, forbidden and
classes.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math
import secrets
import string
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError
from ansible_collections.nwcs.hardening.plugins.plugin_utils.vault_strength import COMMON, ROWS

LENGTH = 24  # characters, where the device accepts as many
MIN_LENGTH = 8  # characters
MIN_BITS = 45.0  # eight characters of 64 with every kind among them: below that a device is not worth one of ours
# Left out: what people cannot tell apart when they type it, and what shells, URLs and XML make something else of.
SYMBOLS = "-_.:+=,"
WIDE = string.ascii_letters + string.digits + SYMBOLS
ALPHABET = "".join(c for c in WIDE if c not in "O0Il1")
KINDS = ("lower", "upper", "digit", "special")
RUN = 4  # characters that go on from each other ("abcd", "7777", "qwer") from this many on are a sequence

# Passwords that devices left, or leave, the factory with. All are printed in the makers' own manuals and in public
# lists of default logins. To find them in use, never to try them.
FACTORY = frozenset(
    # cameras and recorders
    "pass camera admin administrator admin123 admin1234 12345 123456 1234567 12345678 123456789 1234 4321 1111 0000 "
    "1111111 000000 111111 666666 888888 54321 9999 service supervisor operator user live viewer system wbox123 "
    "meinsm ikwb jvc ms1234 fliradmin smcadmin tljwpbo6 hikvision hik12345 hik12345+ dahua jvbzd xmhdipc xc3511 vizxv "
    "juantech klv123 klv1234 anko 7ujmko0admin 7ujmko0vizxv zlxx. "
    # routers, switches, bridges
    "root default password ubnt mikrotik openwrt public private cisco changeme super support guest toor raspberry "
    "motorola netgear1 alpine epicrouter sysadmin netman conexant smc tech 3ware".split()
)
# What a masked letter stands for: p4ssw0rd is password.
_UNMASK = str.maketrans("0134578@$!", "oleastbasi")

# Why a password is weak. None of these tells a part of it.
WEAKNESSES = {
    "short": f"it has fewer than {MIN_LENGTH} characters, or than the device asks for",
    "factory": "it is a password that devices leave the factory with",
    "common": "it is a common word with something hung on",
    "name": "the name of the account, of the model or of the maker is in it",
    "sequence": "it repeats itself, or is a sequence",
    "one_kind": "it is short for being of one kind of characters only",
}


# -- making one --------------------------------------------------------------------------------------------------------
def generate(rules: Mapping[str, Any], words: Iterable[str] = ()) -> tuple[str, float]:
    """(password, bits). `words` must not occur in it: the account's name, model, manufacturer. InputError if too weak.

    Every password that keeps to the rules is equally likely; bits = log2 of a lower bound of how many there are.
    """
    lowest, highest = int(rules.get("min_length") or MIN_LENGTH), rules.get("max_length")
    length = max(lowest, LENGTH)
    if highest:  # never longer: some devices cut without a word (H54)
        length = min(length, int(highest))
    words = _forbidden(rules, words)
    most = 0.0
    for space in _spaces(rules, words, length):
        if space.bits >= MIN_BITS and length >= lowest:
            return space.draw(), space.bits
        most = max(most, space.most)
    asked = "".join(f", {n} or more {kind}" for kind, n in _asked(rules).items())
    limit = f"{length} characters out of {len(_alphabets(rules, words)[-1])}{asked}"
    if rules.get("source"):
        limit += f"; {rules['source']}"
    advice = "Replace the device, or keep it behind one that asks for a real login."
    if most < MIN_BITS:
        problem = f"this device accepts passwords of at most {most:.0f} bits, {MIN_BITS:.0f} are needed ({limit})."
    elif length < lowest:
        problem = f"this device asks for passwords of {lowest} characters and takes at most {length} ({limit})."
    else:
        problem = f"too few strong passwords are left by what this device asks for and forbids ({limit})."
    raise InputError(problem, advice)


class _Space:
    """All passwords of one length over one alphabet that hold enough of each kind and nothing forbidden.

    tidy  also: a letter in front, every kind present, no sequence, nothing that weakness() finds. Many devices ask for
          some of this without telling.
    """

    def __init__(self, alphabet: str, length: int, needs: Mapping[str, int], words: tuple[str, ...], tidy: bool):
        kinds = [(kind, "".join(c for c in alphabet if _kind(c) == kind)) for kind in KINDS]
        self.alphabet, self.length, self.words, self.tidy = alphabet, length, words, tidy
        self.possible = all(chars or not needs.get(kind) for kind, chars in kinds)
        self.kinds = [chars for _kind_name, chars in kinds if chars]
        self.needs = [max(needs.get(kind, 0), int(tidy)) for kind, chars in kinds if chars]
        self.heads = [i for i, chars in enumerate(self.kinds) if tidy and _kind(chars[0]) in ("lower", "upper")]
        every = sum(self._starts()) if self.possible and self.kinds else 0
        left = every - self._bad() if every else 0
        self.most = math.log2(every) if every else 0.0
        # 0 also where drawing would be in vain more often than not.
        self.bits = math.log2(left) if left > 0 and 2 * left >= every else 0.0

    # Exact numbers: strings of j characters of the kinds from k on with as many of each as needed.
    def _ways(self, needs: list[int], length: int) -> list[list[int]]:
        ways = [[1] + [0] * length]
        for chars, need in zip(reversed(self.kinds), reversed(needs), strict=True):
            after, size = ways[0], len(chars)
            ways.insert(0, [
                sum(math.comb(j, i) * size**i * after[j - i] for i in range(need, j + 1)) for j in range(length + 1)
            ])  # fmt: skip
        return ways

    def _after(self, head: int) -> list[int]:
        """What is still needed behind a first letter of this kind."""
        return [max(0, need - 1) if index == head else need for index, need in enumerate(self.needs)]

    def _starts(self) -> list[int]:
        """How many there are by the kind of the first letter; one number where anything may stand in front."""
        if not self.heads:
            return [self._ways(self.needs, self.length)[0][self.length]]
        rest = self.length - 1
        return [len(self.kinds[head]) * self._ways(self._after(head), rest)[0][rest] for head in self.heads]

    def _bad(self) -> int:
        """At least as many as the strings with something forbidden: each place of each word counted by itself."""
        size, length, bad = len(self.alphabet), self.length, 0
        of = {c: sum(other.lower() == c for other in self.alphabet) for c in {c.lower() for c in self.alphabet}}
        for word in self.words:
            here, rest = math.prod(of.get(c, 0) for c in word), length - len(word)
            if here and rest >= 0:
                bad += (rest + 1) * here * self._ways(self._beside(word), rest)[0][rest]
        if not self.tidy:
            return bad
        plain = sum(not c.isalpha() for c in self.alphabet)
        for word in FACTORY | COMMON:  # a letter has at most four forms: A a 4 @
            if len(word) == length or (len(word) < length and plain < size):
                bad += 4 ** len(word) * plain ** (length - len(word))
        if length >= RUN:
            bad += (length - RUN + 1) * _shortest_runs(self.alphabet) * size ** (length - RUN)
        return bad + sum(size**part for part in range(1, length) if length % part == 0)

    def _beside(self, word: str) -> list[int]:
        """What is still needed beside this word, in whatever case it stands."""
        forms = word + word.upper()
        return [
            max(0, need - sum(c in chars for c in forms)) for chars, need in zip(self.kinds, self.needs, strict=True)
        ]

    def _accepts(self, password: str) -> bool:
        if _holds(password, self.words):
            return False
        return not self.tidy or (not _has_run(password) and not _known(password) and not _repeats(password))

    def draw(self) -> str:
        while True:
            password = self._drawn()
            if self._accepts(password):
                return password

    def _drawn(self) -> str:
        """Any of the strings with enough of each kind, all equally likely: first how many of each, then which."""
        first, needs, length = "", self.needs, self.length
        if self.heads:
            head = self.heads[_weighted(self._starts())]
            first, needs, length = secrets.choice(self.kinds[head]), self._after(head), length - 1
        ways = self._ways(needs, length)
        chosen: list[str] = []
        for index, (chars, need) in enumerate(zip(self.kinds, needs, strict=True)):
            left = length - len(chosen)
            weights = [math.comb(left, i) * len(chars) ** i * ways[index + 1][left - i] for i in range(need, left + 1)]
            chosen += [secrets.choice(chars) for _unused in range(need + _weighted(weights))]
        secrets.SystemRandom().shuffle(chosen)
        return first + "".join(chosen)


def _spaces(rules: Mapping[str, Any], words: tuple[str, ...], length: int) -> Iterable[_Space]:
    """Looks before strength while that is strong enough; then strength before looks."""
    needs = _asked(rules)
    for tidy in (True, False):
        for alphabet in _alphabets(rules, words):
            yield _Space(alphabet, length, needs, words, tidy)


def _alphabets(rules: Mapping[str, Any], words: tuple[str, ...]) -> list[str]:
    allowed = rules.get("alphabet")
    without = {word for word in words if len(word) == 1}
    pleasant = [c for c in ALPHABET if allowed is None or c in allowed]
    every = WIDE if allowed is None else dict.fromkeys(allowed)
    return ["".join(c for c in chars if c.lower() not in without) for chars in (pleasant, every)]


def _asked(rules: Mapping[str, Any]) -> dict[str, int]:
    return {kind: int(n) for kind, n in (rules.get("classes") or {}).items() if n and int(n) > 0}


def _forbidden(rules: Mapping[str, Any], words: Iterable[str]) -> tuple[str, ...]:
    """In lower case, forwards and backwards: at least one maker refuses an account's name read backwards, too."""
    found = [word.lower() for word in (*(rules.get("forbidden") or ()), *words) if word]
    return tuple(dict.fromkeys(both for word in found for both in (word, word[::-1])))


def _weighted(weights: list[int]) -> int:
    """An index, as likely as its weight."""
    sums = list(itertools.accumulate(weights))
    return bisect.bisect_right(sums, secrets.randbelow(sums[-1]))


# -- judging one -------------------------------------------------------------------------------------------------------
def misfit(password: str, rules: Mapping[str, Any], words: Iterable[str] = ()) -> str | None:
    """Why the device would refuse this password, or cut it without a word (H54), as part of a sentence; else None.

    `words`: the account's name, where the device forbids it. Tells numbers and kinds, never a part of the password.
    """
    lowest, highest = int(rules.get("min_length") or 0), int(rules.get("max_length") or 0)
    if len(password) < lowest:
        return f"it has {len(password)} characters, the device asks for {lowest}"
    if highest and len(password) > highest:
        return f"it has {len(password)} characters, the device takes at most {highest}"
    allowed = rules.get("alphabet")
    if not all((" " <= c <= "~") if allowed is None else c in allowed for c in password):
        return "it has characters that the device does not take"
    for kind, least in _asked(rules).items():
        if sum(_kind(c) == kind for c in password) < least:
            return f"the device asks for {least} or more characters of the kind {kind}"
    return "a word that the device forbids is in it" if _holds(password, _forbidden(rules, words)) else None


def weakness(password: str, words: Iterable[str] = (), rules: Mapping[str, Any] | None = None) -> str | None:
    """Why a password that a person chose is weak: a sentence of WEAKNESSES; None where nothing is found.

    `words`: names of the account, the model and the maker; shorter ones than three characters say nothing. That nothing
    is found proves no strength: how a password was chosen cannot be seen from it.
    """
    found = _weakness(password, words, rules or {})
    return WEAKNESSES[found] if found else None


def _weakness(password: str, words: Iterable[str], rules: Mapping[str, Any]) -> str | None:
    if _known(password) == "factory":
        return "factory"
    if len(password) < max(MIN_LENGTH, int(rules.get("min_length") or 0)):
        return "short"
    if _known(password):
        return "common"
    if _holds(password, _forbidden({}, (word for word in words if len(word) > 2))):
        return "name"
    if _repeats(password) or 2 * _without_runs(password) <= len(password):
        return "sequence"
    several = len({_kind(c) for c in rules.get("alphabet") or WIDE}) > 1
    if several and len(password) < 16 and len({_kind(c) for c in password}) == 1:
        return "one_kind"
    return None


def _known(password: str) -> str | None:
    """"factory" or "common": as it is, or what is left without digits and signs around it and masks in it."""
    plain = password.lower()
    core = plain.strip("".join(c for c in plain if not c.isalpha())).translate(_UNMASK)
    if {plain, core} & FACTORY:
        return "factory"
    return "common" if {plain, core} & COMMON else None


def _holds(password: str, words: Iterable[str]) -> bool:
    plain = password.lower()
    return any(word in plain for word in words)


def _repeats(password: str) -> bool:
    """The same part again and again: abcabcabc."""
    return any(
        password == password[:part] * (len(password) // part)
        for part in range(1, len(password) // 2 + 1)
        if len(password) % part == 0
    )


def _linked(one: str, other: str) -> bool:
    one, other = one.lower(), other.lower()
    return one == other or any(one + other in row or other + one in row for row in ROWS)


def _runs(password: str) -> list[int]:
    """Lengths of the parts in which each character goes on from the one before."""
    lengths = [1] if password else []
    for before, after in zip(password, password[1:], strict=False):
        if _linked(before, after):
            lengths[-1] += 1
        else:
            lengths.append(1)
    return lengths


def _has_run(password: str) -> bool:
    return any(length >= RUN for length in _runs(password))


def _without_runs(password: str) -> int:
    """How many characters are left when a sequence counts as one."""
    return sum(1 if length >= RUN else length for length in _runs(password))


@functools.lru_cache(maxsize=64)
def _shortest_runs(alphabet: str) -> int:
    """How many strings of RUN characters are one run."""
    after = {one: [other for other in alphabet if _linked(one, other)] for one in alphabet}
    ways = dict.fromkeys(alphabet, 1)
    for _unused in range(RUN - 1):
        ways = {one: sum(ways[other] for other in after[one]) for one in alphabet}
    return sum(ways.values())


def _kind(char: str) -> str:
    if char in string.ascii_lowercase:
        return "lower"
    if char in string.ascii_uppercase:
        return "upper"
    return "digit" if char in string.digits else "special"

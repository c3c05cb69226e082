# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How strong the vault password is. It guards every password of the site, and who has the files can guess offline.

The estimate is an upper bound from what can be seen: no look at a password can tell that it was chosen at random. It
finds the weak ones (short, of words, repeated, sequences), and cannot vouch for the others.
"""

from __future__ import annotations

import functools
import math
import re
import zlib

MIN_BITS = 60.0  # at some 10^5 guesses per second and device (PBKDF2, 10000 rounds): far beyond any offline search
MAKE_ONE = (
    "Make a strong one: (umask 077; openssl rand -base64 24 > FILE), or a phrase of at least six words "
    "drawn by dice; keep a copy on paper in a safe."
)

WORD_BITS = 11.0  # of a word in a phrase: drawn by dice from a list of 2048 and more
KNOWN_BITS = 6.0  # of a word that stands in every list of guesses
DIGIT_RUN = "01234567890"
ROWS = (DIGIT_RUN, "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop")
# What people build passwords of, beside the names of what it guards.
COMMON = frozenset(
    "password passwort passwd pass secret geheim ansible vault admin administrator root user guest test demo example "
    "default change changeme change-me letmein welcome login master key camera cameras cam recorder router network "
    "nwcs onvif openwrt hardening school site plant office company correct horse battery staple love monkey dragon "
    "sunshine princess football baseball summer winter spring autumn hello world system server linux ubuntu debian "
    "the and for with this that from your mine our not any new old my is it of to in on at".split()
)


@functools.lru_cache(maxsize=16)
def weakness(password: bytes) -> str | None:
    """Why this vault password is refused for writing, as a part of a sentence; None when it is not."""
    text = password.decode("utf-8", "replace").strip()
    if not text:
        return "it is empty"
    bits = estimate(text)
    if bits >= MIN_BITS:
        return None
    return f"{_reason(text)} (about {bits:.0f} bits, at least {MIN_BITS:.0f} are needed)"


def estimate(text: str) -> float:
    """Bits an attacker needs at most who knows how people choose: words, repetition and sequences count little."""
    each = math.log2(_alphabet(text))
    bits, seen = 0.0, set()
    for token in re.findall(r"[\w@$!]+|[^\w@$!]+", text):
        stem = token.rstrip("0123456789@$!_") or token
        plain = _unmasked(token.lower()) if _unmasked(token.lower()) in COMMON else _unmasked(stem.lower())
        if plain in seen and (len(token) > 2 or not token.isalnum()):  # a separator too is chosen once
            bits += 1.0
        elif plain in COMMON:
            bits += KNOWN_BITS + _by_characters(token[len(stem) :], each)
        else:
            for part in re.findall(r"[^\W\d_]{4,}|(?:(?![^\W\d_]{4,}).)+", token, re.DOTALL):
                free = _by_characters(part, each)
                if part.lower() in COMMON:
                    bits += KNOWN_BITS
                else:
                    bits += min(free, WORD_BITS) if _looks_like_word(part) else free
        seen.add(plain)
    # No text has more than its different characters allow, nor than a compressor leaves of it (8 bytes are its frame).
    packed = 8.0 * (len(zlib.compress(text.encode("utf-8", "replace"), 9)) - 8)
    kinds = len(set(text))
    return min(bits, _by_characters(text, each), len(text) * math.log2(max(2, kinds)), packed, 8.0 * kinds)


def _alphabet(text: str) -> int:
    if re.fullmatch(r"[0-9a-f]*|[0-9A-F]*", text):
        return 16 if re.search("(?i)[a-f]", text) else 10
    kinds = ((r"[a-z]", 26), (r"[A-Z]", 26), (r"\d", 10), (r"[^A-Za-z0-9]", 20))
    return sum(size for pattern, size in kinds if re.search(pattern, text)) or 2


def _by_characters(text: str, each: float) -> float:
    """`each` bits for a character; those that repeat or go on in a row count one bit."""
    bits, lower = 0.0, text.lower()
    for place, char in enumerate(lower):
        before = lower[place - 1] if place else ""
        three = lower[max(0, place - 2) : place + 1]
        goes_on = before and (char == before or any(before + char in row or char + before in row for row in ROWS))
        repeats = len(three) == 3 and three in lower[:place]
        bits += 1.0 if goes_on or repeats else each
    return bits


def _looks_like_word(word: str) -> bool:
    """Lower case, capitalised or all capitals, of at most 15 letters with vowels: dictionaries have such."""
    if not word.isalpha() or not (word.islower() or word.isupper() or word.istitle()) or len(word) > 15:
        return False
    vowels = sum(c in "aeiouyäöü" for c in word.lower())
    return 0.2 <= vowels / len(word) <= 0.7 or not word.isascii()


def _unmasked(word: str) -> str:
    """p4ssw0rd is password."""
    return word.translate(str.maketrans("0134578@$!", "oleastbasi"))


def _reason(text: str) -> str:
    parts = {_unmasked(part) for part in re.findall(r"[a-z0-9@$!]+", text.lower())}
    if len(text) < 12:
        return f"it has only {len(text)} characters"
    if len(set(text)) <= len(text) // 3:
        return "it repeats itself"
    if any(part in COMMON for part in parts):
        return "it is made of common words"
    return "it is made of few words, sequences or kinds of characters"

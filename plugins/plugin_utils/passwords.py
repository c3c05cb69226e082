# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords: from the system's generator, within what the maker accepts, as strong as that allows (H54)."""

from __future__ import annotations

import math
import secrets
import string
from collections.abc import Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError

LENGTH = 24  # characters, where the device accepts as many
MIN_BITS = 47.0  # eight characters of 62: below that a device is not worth a password of ours
# Left out: what people cannot tell apart when they type it, and what shells, URLs and XML make something else of.
SYMBOLS = "-_.:+=,"
ALPHABET = "".join(c for c in string.ascii_letters + string.digits + SYMBOLS if c not in "O0Il1")


def generate(rules: Mapping[str, Any]) -> tuple[str, float]:
    """(password, bits). rules: min_length, max_length (characters), alphabet (str or None). InputError if too weak."""
    allowed = rules.get("alphabet")
    length = max(int(rules.get("min_length") or 8), LENGTH)
    if rules.get("max_length"):  # never longer: some devices cut without a word (H54)
        length = min(length, int(rules["max_length"]))
    alphabet = "".join(c for c in ALPHABET if allowed is None or c in allowed)
    if allowed and length * math.log2(len(alphabet) or 1) < MIN_BITS:
        alphabet = "".join(dict.fromkeys(allowed))  # strength before looks
    bits = length * math.log2(len(alphabet) or 1)
    if bits < MIN_BITS:
        raise InputError(
            f"this device accepts passwords of at most {bits:.0f} bits ({length} characters of {len(alphabet)}).",
            "Replace the device, or keep it behind one that asks for a real login.",
        )
    classes = [group for group in _classes(alphabet) if group]
    letters = [c for c in alphabet if c in string.ascii_letters]
    while True:
        password = "".join(secrets.choice(alphabet) for _unused in range(length))
        # Many devices ask for every class, some for a letter in front; at these lengths rejection costs a bit or two.
        if (not letters or password[0] in letters) and all(any(c in group for c in password) for group in classes):
            return password, bits


def _classes(alphabet: str) -> list[str]:
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, SYMBOLS)
    return ["".join(c for c in alphabet if c in kind) for kind in kinds]

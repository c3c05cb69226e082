# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SHA-512 crypt ("$6$"), the form in which rpcd logins and musl's shadow file hold passwords.

Algorithm: "Unix crypt using SHA-256 and SHA-512", U. Drepper, version 0.6 (public domain specification).
Python's own crypt module is gone since 3.13.
"""

from __future__ import annotations

import hashlib
import secrets

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ROUNDS = 5000


def _sha(data: bytes) -> bytes:
    return hashlib.sha512(data).digest()


def _repeat(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def sha512_crypt(password: str, salt: str = "") -> str:
    """The hash of `password` with 5000 rounds and a salt of up to 16 characters (random when empty)."""
    salt = (salt or "".join(secrets.choice(_ALPHABET) for _unused in range(16)))[:16]
    key, salty = password.encode(), salt.encode()
    second = _sha(key + salty + key)
    data = key + salty + _repeat(second, len(key))
    bits = len(key)
    while bits:
        data += second if bits & 1 else key
        bits >>= 1
    digest = _sha(data)
    p = _repeat(_sha(key * len(key)), len(key))
    s = _repeat(_sha(salty * (16 + digest[0])), len(salty))
    for i in range(_ROUNDS):
        digest = _sha(
            (p if i & 1 else digest) + (s if i % 3 else b"") + (p if i % 7 else b"") + (digest if i & 1 else p)
        )
    order = [(i * 22 % 63, (i * 22 + 21) % 63, (i * 22 + 42) % 63) for i in range(21)]
    text = "".join(_encode(digest[a] << 16 | digest[b] << 8 | digest[c], 4) for a, b, c in order)
    return f"$6${salt}${text}{_encode(digest[63], 2)}"


def _encode(value: int, length: int) -> str:
    return "".join(_ALPHABET[value >> 6 * i & 63] for i in range(length))

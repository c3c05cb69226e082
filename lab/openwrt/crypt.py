# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""crypt(3) with SHA-256 and SHA-512, as the router's shadow file uses it.

Written after the public description of the algorithm (U. Drepper, "Unix crypt using SHA-256 and SHA-512"); Python
3.13 has no crypt module any more.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ROUNDS = 5000  # the default of both algorithms


def sha_crypt(password: str, setting: str) -> str | None:
    """The crypt(3) string of `password` under `setting` ("$5$salt..." or "$6$salt..."); None for any other kind."""
    parts = setting.split("$")
    if len(parts) < 3 or parts[0] or parts[1] not in ("5", "6"):
        return None
    new = hashlib.sha256 if parts[1] == "5" else hashlib.sha512
    rounds, prefix, salt_text = ROUNDS, "", parts[2]
    if salt_text.startswith("rounds=") and len(parts) > 3:
        rounds = min(max(int(salt_text[7:]), 1000), 999_999_999)
        prefix, salt_text = f"rounds={rounds}$", parts[3]
    salt_text = salt_text[:16]
    key, salt = password.encode(), salt_text.encode()
    size = new().digest_size

    alternate = new(key + salt + key).digest()
    mixed = new(key + salt + _stretch(alternate, len(key)))
    bits = len(key)
    while bits:
        mixed.update(alternate if bits & 1 else key)
        bits >>= 1
    digest = mixed.digest()
    p = _stretch(new(key * len(key)).digest(), len(key))
    s = _stretch(new(salt * (16 + digest[0])).digest(), len(salt))
    for i in range(rounds):
        step = new(p if i & 1 else digest)
        if i % 3:
            step.update(s)
        if i % 7:
            step.update(p)
        step.update(digest if i & 1 else p)
        digest = step.digest()
    return f"${parts[1]}${prefix}{salt_text}${_encode(digest, size)}"


def new_hash(password: str) -> str:
    """A fresh "$5$..." hash with a random salt, as the passwd of the router makes it."""
    salt = "".join(secrets.choice(ALPHABET) for _unused in range(16))
    value = sha_crypt(password, f"$5${salt}")
    assert value is not None
    return value


def verify(password: str, stored: str) -> bool:
    """True when crypt(password, stored) gives stored; a stored plain text or an unknown kind never matches."""
    value = sha_crypt(password, stored)
    return value is not None and hmac.compare_digest(value, stored)


def _stretch(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _encode(digest: bytes, size: int) -> str:
    """crypt's own base 64: three bytes at a time in the order the algorithm prescribes."""
    third = size // 3
    out = []
    a, b, c = 0, third, 2 * third
    for _unused in range(third):
        out.append(_b64(digest[a] << 16 | digest[b] << 8 | digest[c], 4))
        # SHA-256 rotates the three columns one way, SHA-512 the other
        a, b, c = (c + 1, a + 1, b + 1) if size == 32 else (b + 1, c + 1, a + 1)
    out.append(_b64(digest[31] << 8 | digest[30], 3) if size == 32 else _b64(digest[63], 2))
    return "".join(out)


def _b64(value: int, count: int) -> str:
    return "".join(ALPHABET[value >> 6 * i & 63] for i in range(count))

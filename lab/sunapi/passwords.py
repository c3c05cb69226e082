# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords as SUNAPI cameras take them: the RSA key they hand out, and the rule of their own web page."""

from __future__ import annotations

import base64
import binascii
import functools
import json
from typing import Any

# Rows of a keyboard, for "no three neighbours".
_ROWS = ("`1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./")
_EXCLUDED = frozenset(":\\,")


@functools.cache
def _key() -> Any:
    """One key for all devices of this process: making one takes long, and none of them keeps a secret."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_key(form: str = "PKCS1") -> str:
    """The public key as PEM, PKCS#1 (`BEGIN RSA PUBLIC KEY`) or X509."""
    from cryptography.hazmat.primitives import serialization

    kind = serialization.PublicFormat.SubjectPublicKeyInfo if form == "X509" else serialization.PublicFormat.PKCS1
    return _key().public_key().public_bytes(serialization.Encoding.PEM, kind).decode()


def decrypt(body: bytes) -> str | None:
    """The text of Base64(RSA PKCS#1 v1.5(text)); None when it is none."""
    from cryptography.hazmat.primitives.asymmetric import padding

    try:
        text = _key().decrypt(base64.b64decode(body, validate=False), padding.PKCS1v15()).decode()
    except (binascii.Error, ValueError):
        return None
    # OpenSSL answers a wrong padding with random bytes; those that are text are as unlikely as a guess.
    return text if text.isprintable() else None


def split(text: str) -> tuple[str, str | None]:
    """(new password, current password or None): a user who changes the own one sends both as JSON."""
    try:
        pair = json.loads(text)
    except ValueError:
        return text, None
    if isinstance(pair, dict) and "NewPassword" in pair:
        return str(pair["NewPassword"]), str(pair.get("CurrentPassword", ""))
    return text, None


def is_allowed(password: str, longest: int = 64) -> bool:
    """8 or 9 characters of three classes, from 10 on two; no run of three, no three neighbours of the keyboard."""
    if not 8 <= len(password) <= longest or _EXCLUDED & set(password):
        return False
    classes = sum(
        any(test(letter) for letter in password)
        for test in (str.islower, str.isupper, str.isdigit, lambda letter: not letter.isalnum())
    )
    if classes < (3 if len(password) < 10 else 2):
        return False
    return not any(_is_run(password[i : i + 3]) for i in range(len(password) - 2))


def _is_run(three: str) -> bool:
    codes = [ord(letter) for letter in three]
    steps = {codes[1] - codes[0], codes[2] - codes[1]}
    if three.isalnum() and steps in ({1}, {-1}) or steps == {0}:
        return True
    low = three.lower()
    return any(low in row or low[::-1] in row for row in _ROWS)

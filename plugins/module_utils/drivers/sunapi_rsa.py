# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RSA with PKCS#1 v1.5 padding (RFC 8017, 7.2.1) for passwords on their way: encryption only, no third party.

Only the public key is used, and the device decides its padding and size: this hides a password from somebody who only
listens. It is no replacement for HTTPS, because nothing says whose key it is.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import BadAnswer

_PEM = re.compile(r"-{3,5}\s*BEGIN (?:RSA )?PUBLIC KEY\s*-{3,5}(.*?)-{3,5}\s*END", re.S)
_INTEGER, _BITS, _SEQUENCE = 0x02, 0x03, 0x30


def encrypt(pem: str, text: str) -> bytes:
    """Base64 of the encrypted text, as SUNAPI takes it in a POST body. BadAnswer when the key is of no use."""
    modulus, exponent = public_key(pem)
    size = (modulus.bit_length() + 7) // 8
    data = text.encode("utf-8")
    if len(data) > size - 11:
        raise BadAnswer("the device's key is too short for this password.")
    padding = bytes(1 + secrets.randbelow(255) for _unused in range(size - 3 - len(data)))
    number = int.from_bytes(b"\x00\x02" + padding + b"\x00" + data, "big")
    return base64.b64encode(pow(number, exponent, modulus).to_bytes(size, "big"))


def public_key(pem: str) -> tuple[int, int]:
    """(modulus, exponent) of a PEM key: "RSA PUBLIC KEY" (PKCS#1) or "PUBLIC KEY" (X.509)."""
    found = _PEM.search(pem)
    try:
        der = base64.b64decode(re.sub(r"\\[nr]|\\|\s", "", found[1] if found else ""), validate=True)
        inner = _read(der, _SEQUENCE)[0]
        if inner[:1] == bytes([_SEQUENCE]):  # X.509: algorithm, then a bit string that holds the PKCS#1 key
            _algorithm, rest = _read(inner, _SEQUENCE)
            inner = _read(_read(rest, _BITS)[0][1:], _SEQUENCE)[0]
        modulus, rest = _read(inner, _INTEGER)
        exponent, _rest = _read(rest, _INTEGER)
    except (binascii.Error, ValueError, IndexError):
        raise BadAnswer("the device's public key cannot be read.") from None
    n, e = int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")
    if not 1024 <= n.bit_length() <= 8192 or not 3 <= e < 2**32 or not n % 2 or not e % 2:
        raise BadAnswer("the device's public key is none that hides anything.")
    return n, e


def _read(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """(content, what follows) of the first element (DER)."""
    if data[0] != tag:
        raise ValueError("tag")
    length, start = data[1], 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 3:
            raise ValueError("length")
        length, start = int.from_bytes(data[2 : 2 + count], "big"), 2 + count
    if len(data) < start + length:
        raise ValueError("length")
    return data[start : start + length], data[start + length :]

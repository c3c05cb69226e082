# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exchange by which a factory-new device is given its first password (fact sheet 4, "Legacy").

1024-bit RSA and AES-128-ECB, as the device asks for: they hide a password once, from somebody who only listens. Pure
Python, because no library may be asked for here: primes by Miller-Rabin, PKCS #1 v1.5 (RFC 8017), AES (FIPS 197).
"""

from __future__ import annotations

import base64
import binascii
import math
import secrets
from collections.abc import Iterator

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import BadAnswer

BITS = 1024
_PUBLIC = 65537
_SMALL = [n for n in range(3, 1000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]


class KeyPair:
    """An RSA key for one activation; the private part is never stored."""

    def __init__(self, bits: int = BITS) -> None:
        self.size = bits // 8
        while True:
            p, q = _prime(bits // 2), _prime(bits // 2)
            phi = (p - 1) * (q - 1)
            if p != q and math.gcd(_PUBLIC, phi) == 1:
                break
        self.modulus = p * q
        self._private = pow(_PUBLIC, -1, phi)

    def public_text(self) -> str:
        """base64 of the modulus in hexadecimal digits."""
        return base64.b64encode(f"{self.modulus:0{2 * self.size}x}".encode()).decode()

    def decrypt(self, challenge: str) -> bytes:
        """The message in a challenge: base64 of the hexadecimal digits of an RSA block. BadAnswer when it is none."""
        try:
            digits = base64.b64decode(challenge.strip(), validate=True).decode("ascii")
            number = int(digits, 16)
        except (ValueError, binascii.Error):
            number = -1
        block = pow(number, self._private, self.modulus).to_bytes(self.size, "big") if number >= 0 else b""
        if block[:2] != b"\x00\x02" or b"\x00" not in block[10:]:
            raise BadAnswer("the challenge of the activation cannot be read.")
        return block[block.index(b"\x00", 10) + 1 :]


def sealed_password(random: bytes, password: str) -> str:
    """What goes into ActivateInfo. `random` is the decrypted challenge: 32 hexadecimal digits.

    The key is what the digits stand for; the message is the first 16 digits and the password, filled up with zeros.
    """
    try:
        key = bytes.fromhex(random.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != 16:
        raise BadAnswer("the challenge of the activation has another form than 32 hexadecimal digits.")
    message = random[:16] + password.encode("utf-8")
    message += bytes(-len(message) % 16)
    cipher = b"".join(aes128(key, message[at : at + 16]) for at in range(0, len(message), 16))
    return base64.b64encode(cipher.hex().encode()).decode()


# -- numbers -----------------------------------------------------------------------------------------------------------
def _prime(bits: int) -> int:
    while True:
        number = secrets.randbits(bits) | (3 << (bits - 2)) | 1
        if all(number % small for small in _SMALL) and _probably_prime(number):
            return number


def _probably_prime(number: int, rounds: int = 20) -> bool:
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _round in range(rounds):
        x = pow(2 + secrets.randbelow(number - 3), odd, number)
        if x in (1, number - 1):
            continue
        for _square in range(twos - 1):
            x = x * x % number
            if x == number - 1:
                break
        else:
            return False
    return True


# -- AES ---------------------------------------------------------------------------------------------------------------
def _double(byte: int) -> int:
    return ((byte << 1) ^ 0x11B) & 0xFF if byte & 0x80 else byte << 1


def _sbox() -> Iterator[int]:
    """Inverse in GF(2^8), then the affine map."""
    powers, logs, x = [0] * 255, {}, 1
    for exponent in range(255):
        powers[exponent], logs[x] = x, exponent
        x ^= _double(x)  # 3 generates the group
    for byte in range(256):
        b = powers[-logs[byte] % 255] if byte else 0
        yield b ^ 0x63 ^ _turn(b, 1) ^ _turn(b, 2) ^ _turn(b, 3) ^ _turn(b, 4)


def _turn(byte: int, places: int) -> int:
    return ((byte << places) | (byte >> (8 - places))) & 0xFF


_SBOX = list(_sbox())
_SHIFTED = [(index + 4 * (index % 4)) % 16 for index in range(16)]  # ShiftRows, column by column


def _round_keys(key: bytes) -> list[list[int]]:
    words, constant = [list(key[at : at + 4]) for at in range(0, 16, 4)], 1
    for index in range(4, 44):
        word = words[-1]
        if index % 4 == 0:
            word = [_SBOX[byte] for byte in word[1:] + word[:1]]
            word[0] ^= constant
            constant = _double(constant)
        words.append([one ^ other for one, other in zip(words[index - 4], word, strict=True)])
    return [sum(words[at : at + 4], []) for at in range(0, 44, 4)]


def aes128(key: bytes, block: bytes) -> bytes:
    """One block of 16 bytes, encrypted."""
    keys = _round_keys(key)
    state = [one ^ other for one, other in zip(block, keys[0], strict=True)]
    for number, round_key in enumerate(keys[1:], 1):
        state = [_SBOX[state[place]] for place in _SHIFTED]
        if number < 10:
            state = [byte for at in range(0, 16, 4) for byte in _mixed(state[at : at + 4])]
        state = [one ^ other for one, other in zip(state, round_key, strict=True)]
    return bytes(state)


def _mixed(column: list[int]) -> list[int]:
    whole = column[0] ^ column[1] ^ column[2] ^ column[3]
    return [byte ^ whole ^ _double(byte ^ column[(at + 1) % 4]) for at, byte in enumerate(column)]

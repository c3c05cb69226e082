# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a device that has no password yet answers: the legacy and the third generation of activation (fact sheet 4)."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from typing import Any

from ..device import Request, Response
from .answers import HTML, XML, Refused, response_status
from .users import weak
from .xmldoc import HEAD, VER20, BadXml, local, parse, text

JSON = ("Content-Type", "application/json")


class Activation:
    """Mixed into the device. Model key `activation`: legacy or v3; without it the device is activated."""

    def pre_auth(self, request: Request, path: str) -> Response | None:
        """The answer to what needs no login, None for everything else."""
        device: Any = self
        kind = device.model.get("activation", "legacy")
        if path == "/":
            return Response(200, [HTML], b"<html><body>SIMULATED</body></html>")
        if path == "/SDK/activateStatus" and request.method == "GET":
            version = "<supportVersion>3</supportVersion>\n" if kind == "v3" else ""
            flag = str(device.activated).lower()
            body = f'{HEAD}<ActivateStatus version="1.0" xmlns="{VER20}">\n<Activated>{flag}</Activated>\n{version}'
            return Response(200, [XML], (body + "</ActivateStatus>\n").encode())
        if path in ("/ISAPI/Security/challenge", "/ISAPI/System/activate") and kind == "v3":
            raise Refused("badParameters")
        if path == "/ISAPI/Security/challenge" and request.method == "POST":
            return self._challenge(request)
        if path == "/ISAPI/System/activate" and request.method == "PUT":
            return self._activate(request, path)
        if path == "/ISAPI/System/activate/GetChallengeV3" and kind == "v3":
            return self._challenge_v3(request)
        if path == "/ISAPI/System/activate/StartActivateV3" and kind == "v3":
            # How the key is made of the challenge is not known to us: nothing can be decrypted here.
            return response_status(path, "badParameters", status=400, as_json=True)
        return None

    def _challenge(self, request: Request) -> Response:
        """Send a random word under the client's public key."""
        device: Any = self
        try:
            root = parse(request.body)
            sealed = _seal(text(root, "key"), 1024, word := secrets.token_hex(16))
        except (BadXml, ValueError):
            raise Refused("badXmlContent") from None
        if local(root) not in ("PublicKey", "Challenge"):
            raise Refused("badXmlFormat")
        device.challenge = word
        body = f'{HEAD}<Challenge version="2.0" xmlns="{VER20}">\n<key>{sealed}</key>\n</Challenge>\n'
        return Response(200, [XML], body.encode())

    def _activate(self, request: Request, path: str) -> Response:
        device: Any = self
        if device.activated:
            raise Refused("invalidOperation")
        try:
            root = parse(request.body)
            found = text(root, "password") or text(root, "ActivateInfo/password")
            plain = _open(found, device.challenge)
        except (BadXml, ValueError):
            raise Refused("badXmlContent") from None
        word, password = plain[:16], plain[16:]
        if not device.challenge or word != device.challenge[:16]:
            raise Refused("badParameters")
        device.challenge = ""
        if weak("admin", password) or len(password) > device.users.length:
            raise Refused("riskPassword")
        row = {"id": "1", "userName": "admin", "userLevel": "Administrator", "password": password}
        device.users.store(row)
        device.give_rights(row)
        device.keep_users()
        return response_status(path, "ok", device.namespace)

    def _challenge_v3(self, request: Request) -> Response:
        try:
            sealed = _seal(str(json.loads(request.body)["publicKey"]), 3072, secrets.token_hex(16))
        except (ValueError, KeyError, TypeError, RecursionError):
            return response_status(request.path.partition("?")[0], "badParameters", as_json=True)
        return Response(200, [JSON], json.dumps({"challenge": sealed}).encode())


def _seal(key: str, bits: int, word: str) -> str:
    """base64(hex(RSA(word))) for a key given as base64(hex(modulus)); ValueError when it is no such key."""
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    try:
        modulus = int(base64.b64decode(key, validate=True).decode("ascii"), 16)
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("no key") from error
    if modulus.bit_length() != bits:
        raise ValueError("another length")
    sealed = rsa.RSAPublicNumbers(65537, modulus).public_key().encrypt(word.encode(), padding.PKCS1v15())
    return base64.b64encode(sealed.hex().encode()).decode()


def _open(sealed: str, word: str) -> str:
    """The plain text of base64(hex(AES-128-ECB)) under the challenge; ValueError when it is none."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    try:
        raw = bytes.fromhex(base64.b64decode(sealed, validate=True).decode("ascii"))
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("no password") from error
    # The maker's mode: each block for itself.
    decryptor = Cipher(algorithms.AES(bytes.fromhex(word or "00" * 16)), modes.ECB()).decryptor()  # noqa: S305
    return (decryptor.update(raw) + decryptor.finalize()).rstrip(b"\0").decode("utf-8", "replace")

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in: small state machines without I/O.

The transport asks `headers` before each request and tells every answer to `challenged`; True means: send this request
once more. Digest by RFC 7616 and RFC 2617 (MD5, SHA-256, their -sess forms, qop auth or none), several challenges in
one or more headers. `SHA-1` is no registered algorithm and not answered (H24). A refusal with a new challenge that is
not stale is final: a second guess costs lock budget (H44). Only a nonce that had worked before, refused with another
nonce, is answered again: such a device wants a new challenge for each request (H24).
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import os
import re
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer

WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
SOAP = "http://www.w3.org/2003/05/soap-envelope"
_TOKEN_PROFILE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
_BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"

# Strongest first. Plain before -sess: as strong, and more devices get it right.
_HASHES = {"sha-256": "sha256", "sha-256-sess": "sha256", "md5": "md5", "md5-sess": "md5"}
_HEADER_CHARS = 16384
_PARAM = re.compile(r'([^\s=",]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]*))', re.S)
_SCHEME = re.compile(r'[^\s=",]+')
_GAP = re.compile(r"[\s,]+")

Challenge = tuple[str, dict[str, str]]


def challenges(header: str) -> list[Challenge]:
    """All challenges of a WWW-Authenticate value (several headers joined by newline): (scheme in lower case,
    parameters with names in lower case and values unquoted). Skips what it cannot read; never raises."""
    found: list[Challenge] = []
    for line in header[:_HEADER_CHARS].split("\n"):
        current: dict[str, str] | None = None
        at = 0
        while at < len(line):
            if match := _GAP.match(line, at):
                pass
            elif current is not None and (match := _PARAM.match(line, at)):
                name, quoted, plain = match.groups()
                value = plain.strip('"') if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.S)
                current.setdefault(name.lower(), value)
            elif match := _SCHEME.match(line, at):
                current = {}
                found.append((match.group().lower(), current))
            at = match.end() if match else at + 1
    return found


def schemes(answer: Answer) -> list[str]:
    """The ways to log in that an answer offers, in its order: "digest-md5", "digest-sha-256", "basic", …"""
    names = []
    for scheme, params in challenges(answer.headers.get("www-authenticate", "")):
        name = f"digest-{params.get('algorithm') or 'md5'}" if scheme == "digest" else scheme
        name = re.sub(r"[^a-z0-9-]", "", name.lower())[:40]
        if name and name not in names:
            names.append(name)
    return names


class Auth:
    """Nothing to log in with: sends nothing, answers no challenge. `clear_text`: the password itself travels."""

    clear_text = False

    def headers(self, method: str, path: str, body: bytes) -> dict[str, str]:
        """What to add to this request; `path` with its query, exactly as in the request line."""
        return {}

    def challenged(self, answer: Answer) -> bool:
        """Told every answer. True: send the request once more, with new headers()."""
        return False


class Basic(Auth):
    """Basic login. The transport sends it over HTTPS only, unless the target says otherwise."""

    clear_text = True

    def __init__(self, username: str, password: str) -> None:
        self._value = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")

    def headers(self, method: str, path: str, body: bytes) -> dict[str, str]:
        return {"Authorization": self._value}


class Digest(Auth):
    """Digest login. Keeps the nonce and counts up, so that one challenge serves many requests."""

    def __init__(self, username: str, password: str) -> None:
        self.username = username
        self._password = password
        self._params: dict[str, str] = {}
        self._hash = ""
        self._count = 0
        self._cnonce = ""
        self._ha1 = ""
        self._sent = False  # the last request carried credentials
        self._proven = False  # the current nonce was accepted
        self._one_time = False  # this device takes each nonce once

    @property
    def algorithm(self) -> str:
        """The algorithm in use ("md5", "sha-256", …); empty before the first challenge."""
        return self._params.get("algorithm", "md5").lower() if self._params else ""

    def challenged(self, answer: Answer) -> bool:
        sent, self._sent = self._sent, False
        if answer.status != 401:
            self._proven = self._proven or (sent and answer.status < 400)
            return False
        params = self._pick(answer)
        if params is None:
            return False
        worked = sent and self._proven and params["nonce"] != self._params.get("nonce")
        stale = params.get("stale", "").lower() == "true"
        self._adopt(params)
        if not sent or stale:
            return True
        if worked and not self._one_time:
            self._one_time = True
            return True
        self._one_time = False
        return False

    def headers(self, method: str, path: str, body: bytes) -> dict[str, str]:
        self._sent = False
        if not self._params or (self._one_time and self._count):
            return {}
        self._sent = True
        self._count += 1
        params, count = self._params, f"{self._count:08x}"
        ha2 = self._digest(f"{method}:{path}")
        if params["qop"]:
            response = self._digest(f"{self._ha1}:{params['nonce']}:{count}:{self._cnonce}:auth:{ha2}")
        else:
            response = self._digest(f"{self._ha1}:{params['nonce']}:{ha2}")
        parts = [
            f"username={_quote(self.username)}",
            f"realm={_quote(params.get('realm', ''))}",
            f"nonce={_quote(params['nonce'])}",
            f"uri={_quote(path)}",
            f'response="{response}"',
        ]
        if params.get("algorithm"):
            parts.append(f"algorithm={params['algorithm']}")
        if "opaque" in params:
            parts.append(f"opaque={_quote(params['opaque'])}")
        if params["qop"]:
            parts.append(f"qop=auth, nc={count}, cnonce={_quote(self._cnonce)}")
        elif params.get("algorithm", "").lower().endswith("-sess"):
            parts.append(f"cnonce={_quote(self._cnonce)}")  # without it nobody can compute the session key
        return {"Authorization": "Digest " + ", ".join(parts)}

    def _pick(self, answer: Answer) -> dict[str, str] | None:
        """The strongest challenge that we can answer, `qop` reduced to "auth" or ""."""
        best: tuple[int, dict[str, str]] | None = None
        order = list(_HASHES)
        for scheme, params in challenges(answer.headers.get("www-authenticate", "")):
            algorithm = (params.get("algorithm") or "md5").lower()
            offered = [word.strip().lower() for word in params.get("qop", "").split(",") if word.strip()]
            if scheme != "digest" or algorithm not in _HASHES or not params.get("nonce"):
                continue
            if offered and "auth" not in offered:  # only auth-int
                continue
            rank = order.index(algorithm)
            if best is None or rank < best[0]:
                best = rank, {**params, "qop": "auth" if offered else ""}
        return best[1] if best else None

    def _adopt(self, params: dict[str, str]) -> None:
        self._params, self._count, self._proven = params, 0, False
        algorithm = (params.get("algorithm") or "md5").lower()
        self._hash = _HASHES[algorithm]
        self._cnonce = self._new_cnonce()
        self._ha1 = self._digest(f"{self.username}:{params.get('realm', '')}:{self._password}")
        if algorithm.endswith("-sess"):
            self._ha1 = self._digest(f"{self._ha1}:{params['nonce']}:{self._cnonce}")

    def _new_cnonce(self) -> str:
        return os.urandom(16).hex()

    def _digest(self, text: str) -> str:
        return hashlib.new(self._hash, text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


def wsse_header(username: str, password: str, created: datetime.datetime, nonce: bytes | None = None) -> Any:
    """An ONVIF UsernameToken as Element `Security`, for the SOAP header of one single request.

    `created` is the device's time with a time zone. Written as most clients in the field do: no prefixes, default
    `xmlns` on Security and Created (apis/onvif.md 1.6); so `xmlns` is set as an attribute, and the tags have no
    namespace before they are written out. Devices keep used nonces: make a new one for every request.
    """
    nonce = os.urandom(16) if nonce is None else nonce
    stamp = created.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hashlib.sha1(nonce + stamp.encode() + password.encode(), usedforsecurity=False).digest()
    security = Element("Security", {f"{{{SOAP}}}mustUnderstand": "1", "xmlns": WSSE})
    token = SubElement(security, "UsernameToken")
    SubElement(token, "Username").text = username
    SubElement(token, "Password", {"Type": _TOKEN_PROFILE}).text = base64.b64encode(digest).decode("ascii")
    SubElement(token, "Nonce", {"EncodingType": _BASE64}).text = base64.b64encode(nonce).decode("ascii")
    SubElement(token, "Created", {"xmlns": WSU}).text = stamp
    return security


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

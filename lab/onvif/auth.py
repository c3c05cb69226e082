# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins as ONVIF devices check them: HTTP digest (RFC 2617, RFC 7616) and WS-UsernameToken."""

from __future__ import annotations

import base64
import binascii
import datetime
import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.etree import ElementTree

from .soap import q

PASSWORD_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    # No registered digest algorithm, yet some devices announce it (H24-sha1).
    "SHA-1": lambda data: hashlib.sha1(data, usedforsecurity=False).hexdigest(),
}
Passwords = Callable[[str], str | None]  # user -> password, None when there is no such user


@dataclass(frozen=True)
class Login:
    """What came of a request's credentials. outcome: "" (none sent), "ok", "refused", "locked"."""

    user: str = ""
    outcome: str = ""
    stale: bool = False  # the digest was right but its nonce is used up: no failed attempt
    told: str = ""  # what the device says of a lock-out, if it says something


@dataclass
class _Nonce:
    issued: float
    last_count: int = 0
    spent: bool = False
    first_keys: dict[str, str] = field(default_factory=dict)  # user -> HA1 at his first login on this nonce


def parse_header(value: str) -> dict[str, str]:
    """Parameters of an `Authorization: Digest` header, names in lower case."""
    found = re.finditer(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', value)
    return {m[1].lower(): re.sub(r"\\(.)", r"\1", m[2]) if m[2] is not None else m[3] for m in found}


class Digest:
    """Server side of HTTP digest. One instance per device; nonces live in it."""

    def __init__(self, realm: str, algorithms: list[str], qop: bool = True, lifetime: float = 300.0) -> None:
        self.realm = realm
        self.algorithms = algorithms  # in the order of preference, one challenge header for each
        self.qop = qop
        self.lifetime = lifetime  # seconds a nonce is good
        self.single_use = False
        self.hides_stale = False
        self.keeps_old_keys = False  # a nonce in use survives the change of the password (H42)
        self._nonces: OrderedDict[str, _Nonce] = OrderedDict()
        self._opaque = secrets.token_hex(8)

    def challenges(self, stale: bool = False) -> list[tuple[str, str]]:
        """The WWW-Authenticate headers with a fresh nonce."""
        nonce = secrets.token_hex(16)
        self._nonces[nonce] = _Nonce(time.monotonic())
        while len(self._nonces) > 4096:
            self._nonces.popitem(last=False)
        end = (', qop="auth"' if self.qop else "") + f', opaque="{self._opaque}"'
        end += ", stale=true" if stale and not self.hides_stale else ""
        return [
            ("WWW-Authenticate", f'Digest realm="{self.realm}", nonce="{nonce}", algorithm={name}{end}')
            for name in self.algorithms
        ]

    def forget(self) -> None:
        """A restart: old nonces are known but used up, so the client hears `stale`."""
        for nonce in self._nonces.values():
            nonce.spent = True

    def check(self, header: str, method: str, path: str, passwords: Passwords) -> Login:
        """Check an Authorization header; computes the digest for real."""
        scheme, _unused, rest = header.partition(" ")
        if scheme.lower() != "digest":
            return Login("", "refused")
        given = parse_header(rest)
        user, algorithm = given.get("username", ""), given.get("algorithm", "MD5")
        digest = HASHES.get(algorithm.removesuffix("-sess"))
        password, nonce = passwords(user), self._nonces.get(given.get("nonce", ""))
        if digest is None or algorithm.removesuffix("-sess") not in self.algorithms or given.get("uri") != path:
            return Login(user, "refused")
        key = digest(f"{user}:{self.realm}:{password or ''}".encode())
        if nonce and self.keeps_old_keys and user in nonce.first_keys:
            key, password = nonce.first_keys[user], password or ""
        session = digest(f"{key}:{given.get('nonce')}:{given.get('cnonce')}".encode()) if "-sess" in algorithm else key
        target = digest(f"{method}:{path}".encode())
        if "qop" in given:
            middle = f"{given.get('nonce')}:{given.get('nc')}:{given.get('cnonce')}:{given['qop']}"
        else:
            middle = given.get("nonce", "")
        right = digest(f"{session}:{middle}:{target}".encode())
        if password is None or not hmac.compare_digest(right, given.get("response", "").lower()):
            return Login(user, "refused")
        if given.get("realm") != self.realm or (self.qop and given.get("qop") != "auth"):
            return Login(user, "refused")
        if nonce is None:
            return Login(user, "", stale=True)
        return self._count(nonce, given, user, key)

    def _count(self, nonce: _Nonce, given: dict[str, str], user: str, key: str) -> Login:
        try:
            count = int(given.get("nc", "0" if self.qop else "1"), 16)
        except ValueError:
            return Login(user, "refused")
        old = time.monotonic() - nonce.issued > self.lifetime
        replayed = "nc" in given and count <= nonce.last_count
        if nonce.spent or old or replayed:
            return Login(user, "", stale=True)
        nonce.last_count = count
        nonce.spent = self.single_use
        nonce.first_keys.setdefault(user, key)
        return Login(user, "ok")


class UsernameToken:
    """Server side of WS-UsernameToken with a password digest (SHA-1 of nonce, Created and password)."""

    def __init__(self, window: float | None, nonce_cache: bool, zulu: bool = False) -> None:
        self.window = window  # seconds that Created may differ from the device's clock; None: not looked at
        self.nonce_cache = nonce_cache
        self.zulu = zulu  # Created must end in Z; `+00:00` is refused
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def check(self, header: ElementTree.Element | None, now: datetime.datetime, passwords: Passwords) -> Login:
        """Check a SOAP header. A time without a zone counts as UTC."""
        token = None if header is None else header.find(f"{q('wsse:Security')}/{q('wsse:UsernameToken')}")
        if token is None:
            return Login()
        user = token.findtext(q("wsse:Username"), "")
        given, nonce64 = token.find(q("wsse:Password")), token.findtext(q("wsse:Nonce"), "")
        created = token.findtext(q("wsu:Created"), "").strip()
        password = passwords(user)
        try:
            nonce = base64.b64decode(nonce64, validate=True)
            moment = datetime.datetime.fromisoformat(created)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
        except (binascii.Error, ValueError):
            return Login(user, "refused")
        if given is None or given.get("Type") != PASSWORD_DIGEST or not nonce:
            return Login(user, "refused")
        if self.zulu and not created.endswith("Z"):
            return Login(user, "refused")
        digest = hashlib.sha1(nonce + created.encode() + (password or "").encode(), usedforsecurity=False).digest()
        right = base64.b64encode(digest).decode()
        if password is None or not hmac.compare_digest(right, (given.text or "").strip()):
            return Login(user, "refused")
        if self.window is not None and abs((now - moment).total_seconds()) > self.window:
            return Login(user, "refused")
        if self.nonce_cache and nonce in self._seen:
            return Login(user, "refused")
        self._seen[nonce] = None
        if len(self._seen) > 4096:
            self._seen.popitem(last=False)
        return Login(user, "ok")

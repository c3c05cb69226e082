# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redaction of single values: what is not known to be harmless gets a pseudonym, the same one everywhere.

Kept are booleans, small numbers, dates, time zones, net masks, and words of a list (redact_words.py); never the other
way round: no pattern of "what looks private" decides. A pseudonym has the shape of what it stands for, so that parsers
still read it: addresses of documentation networks (RFC 5737, RFC 3849), MACs 02:00:00:00:00:xx, NAME-1, SERIAL-1.
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import quote, unquote

from ansible_collections.nwcs.hardening.plugins.plugin_utils.redact_words import (
    CIPHER,
    folded_words,
    holds_login,
    is_place,
    is_secret,
    is_strong,
    is_weak,
    known_words,
)

REDACTED = "REDACTED"
SMALL = 65535  # a port; larger numbers are serials, sizes, times, telephone numbers
DIGITS = 5  # at most, of all numbers that stay in one composed text

_NUMBER = re.compile(r"[+-]?\d{1,5}(?:\.\d{1,2})?")
_LONG_NUMBER = re.compile(r"(-?)(\d{5,40})")
_VERSION = re.compile(r"(?:[vV]|TLSv|SSLv)?\d{1,3}\.\d{1,3}(?:\.\d{1,3})?")
_TIME = re.compile(
    r"\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?(?:Z|[+-]\d\d:?\d\d)?|\d\d:\d\d(?::\d\d)?"
)
_ZONE = re.compile(
    r"[A-Z]{3,4}[+-]?\d{1,2}(?::\d\d){0,2}"
    r"(?:[A-Z]{3,4}(?:[+-]?\d{1,2}(?::\d\d){0,2})?(?:,M\d\d?\.\d\.\d(?:/\d{1,2}(?::\d\d){0,2})?){0,2})?"
)
_MAC = re.compile(
    r"[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}"
)
_BARE_MAC = re.compile(r"(?=.*[A-Fa-f])[0-9A-Fa-f]{12}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_MAIL = re.compile(r"[^@\s/]+@[^@\s/]+\.[^@\s/]+")
_HOST = re.compile(r"(?:[A-Za-z0-9_-]{1,63}\.)+[A-Za-z][A-Za-z0-9-]{0,62}\.?")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,15})://([^/?#\s]*)([^\s]*)")
_SCRAMBLED = re.compile(r"\$[0-9a-z]{1,8}\$\S+|[0-9A-Fa-f]{16,}|(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9+/_-]{24,}={0,2}")
_PLACE = re.compile(r"([^/?#\s]*)([^\s]*)")
_LOGIN = re.compile(r"(\s*)([^\s:/]+):([^\s/]\S*)(\s*)")
_RANGE = re.compile(r"([0-9A-Fa-f.:]+)-([0-9A-Fa-f.:]+)")
_LISTS = re.compile(r"([,;|\n\r\t]+)")
_JOINS = re.compile(r"([/:=&?@#()\[\]{}<>\"'!*]+)")
_ONE_CHARACTER = re.compile(r"(.)\1*")
_SCHEMA_NAME = re.compile(r"[A-Za-z_$.@#-][A-Za-z0-9_$.@#:\[\]{} -]{0,119}")
_SWITCHES = frozenset(("true", "false", "yes", "no", "on", "off", "none"))
_MASKS = frozenset(str(ipaddress.ip_network(f"0.0.0.0/{n}").netmask) for n in range(33))
_OPEN_ADDRESSES = _MASKS | {"127.0.0.1", "239.255.255.250", "224.0.0.251", "::", "::1"}


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


class Redactor:
    """One fixture's pseudonyms. Run it over everything twice: the first run learns what the second one must find.

    keep     texts that stay, whatever they look like (model, firmware)
    secrets  texts known to be secret: replaced wherever they stand
    counts   how many values of each kind were replaced
    """

    def __init__(self, keep: Iterable[str] = (), secrets: Iterable[str] = ()) -> None:
        self.words, self.common = known_words(), folded_words()
        self.kept = {text for text in keep if text}
        self.secrets: set[str] = set()
        self.names: dict[str, str] = {}  # text -> pseudonym
        self.counts: Counter[str] = Counter()
        self._numbers: Counter[str] = Counter()
        self._addresses: dict[str, str] = {}
        for text in secrets:
            self.learn(text)

    def learn(self, secret: str) -> None:
        """From now on `secret` is replaced everywhere; a word of the list, or a short number, cannot be."""
        if len(secret) >= 4 and not self._common(secret) and secret not in self.words:
            self.secrets.add(secret)

    # -- values --------------------------------------------------------------------------------------------------------
    def value(self, key: str, text: str) -> str:
        """The text of a value; `key` is the last part of its name."""
        if is_secret(key):
            return text if is_weak(key) and text in self.words else self._secret(text)
        if is_place(key) and text.strip():
            return self._count("place", "0")
        core = text.strip()
        if holds_login(key) and (login := _LOGIN.fullmatch(text)) and not (self.keeps(core) or self._special(core)):
            return login[1] + self.text(login[2]) + ":" + self._secret(login[3]) + login[4]
        return self.text(text)

    def number(self, key: str, value: int | float) -> int | float:
        if is_secret(key) or is_place(key):
            return self._count("secret" if is_secret(key) else "place", 0)
        if isinstance(value, float):
            return float(self.number(key, int(value))) if math.isfinite(value) and abs(value) < 1e18 else 0.0
        return value if abs(value) <= SMALL else int(self._long_number(str(value)))

    def text(self, text: str) -> str:
        """A value whose name says nothing about it."""
        core = text.strip()
        if not core or self.keeps(core):
            return text
        before, after = text[: text.index(core)], text[text.index(core) + len(core) :]
        if core[0] in "{[" and (inner := self._json(core)) is not None:
            return inner
        if "-----BEGIN" in core or core[0] == "<":
            return before + self._name(core, "REMOVED") + after
        if not _LISTS.search(core):
            return before + self._piece(core) + after
        parts = _LISTS.split(core)
        return before + "".join(part if index % 2 else self._padded(part) for index, part in enumerate(parts)) + after

    def keeps(self, text: str) -> bool:
        """Is the text one that may stay?"""
        if text in self.secrets:
            return False
        if text in self.kept or text in self.words or self._common(text) or text in _OPEN_ADDRESSES:
            return True
        if _NUMBER.fullmatch(text):
            return abs(float(text)) <= SMALL
        if _TIME.fullmatch(text) or _VERSION.fullmatch(text) or _ZONE.fullmatch(text) or text in _zones():
            return True
        if "." in text and re.search(r"[A-Za-z]", text) and sum(c.isdigit() for c in text) <= DIGITS:
            if all(part in self.words or part.isdigit() for part in text.split(".")):
                return True
        if all(part in CIPHER or part.casefold() in self.common for part in re.split(r"[-_]", text)):
            return True
        return bool(_ONE_CHARACTER.fullmatch(text)) and not text.isalpha()

    def key(self, name: str) -> str:
        """The name of a value: schema names stay; names that a device or a person chose do not."""
        if name in self.secrets:
            return self._count("secret", REDACTED)
        if name in self.words or name in self.kept or self._common(name):
            return name
        if name in self.names:
            return self.names[name]
        if special := self._special(name, in_key=True):
            return special
        if not _SCHEMA_NAME.fullmatch(name) or re.search(r"\d{5}", name):
            return self._name(name, "KEY")
        return re.sub(r"[A-Za-z0-9_-]{3,}", lambda match: self._key_part(match.group()), name)

    def item(self, name: str) -> str:
        """The name of one of several alike things, where a name of a field would stand: no schema name."""
        if self.keeps(name):
            return name
        return self.names.get(name) or self._special(name, in_key=True) or self._name(name, "NAME")

    def _key_part(self, part: str) -> str:
        return part if part in self.words or self._common(part) else self.names.get(part, part)

    def _common(self, text: str) -> bool:
        """A word in any case of letters, also with a short number as devices name the places they fill: "User2"."""
        text = text.casefold()
        return text in self.common or (text[-1:].isdigit() and text.rstrip("0123456789") in self.common
                                       and len(text) - len(text.rstrip("0123456789")) <= 2)  # fmt: skip

    # -- pieces --------------------------------------------------------------------------------------------------------
    def _padded(self, text: str) -> str:
        core = text.strip()
        return text.replace(core, self._piece(core), 1) if core else text

    def _piece(self, text: str) -> str:
        """One member of a list."""
        if text in self.secrets:
            return self._count("secret", REDACTED)
        if self.keeps(text):
            return text
        if text in self.names:
            return self._count(_kind(self.names[text]), self.names[text])
        if special := self._special(text):
            return special
        words = text.split()
        if len(words) > 1:
            bare = [word.strip("[]():") for word in words]
            plain = all(self.keeps(word) for word in bare) and sum(c.isdigit() for c in text) <= DIGITS
            plain = plain and not any(told_before(words, index) for index in range(len(words)))
            return text if plain else self._name(text, "NAME")
        if len(parts := _JOINS.split(text)) > 1:
            return self._joined(text, parts)
        return self._name(text, "NAME")

    def _joined(self, text: str, parts: list[str]) -> str:
        """Texts put together with / : = and the like. Many digits in it could be one number cut into pieces."""
        digits = sum(len(part) for part in parts[::2] if part.isdigit())
        if digits > DIGITS:
            return self._name(text, "NAME")
        made = []
        for index, part in enumerate(parts):
            told = index > 1 and parts[index - 1].strip("\"'{[(") in ("=", ":") and is_strong(parts[index - 2])
            told = told or (index > 3 and parts[index - 1].strip("\"'") + parts[index - 3].strip("\"'") in ("=", ":")
                            and not parts[index - 2] and is_strong(parts[index - 4]))  # fmt: skip
            told = told or (index > 1 and parts[index - 1 : index + 2 : 2] == [":", "@"])  # name:password@place
            made.append(part if index % 2 or not part else self._secret(part) if told else self._piece(part))
        return "".join(made)

    def _special(self, text: str, in_key: bool = False) -> str | None:
        """Texts of a known shape get a pseudonym of the same shape."""
        if _MAC.fullmatch(text) or _BARE_MAC.fullmatch(text):
            return self._mac(text)
        if _UUID.fullmatch(text):
            number = self._number_of(text.lower(), "UUID")
            return self._count("uuid", f"00000000-0000-4000-8000-{number:012d}")
        if found := self._address(text):
            return found
        if _LONG_NUMBER.fullmatch(text):
            return self._long_number(text)
        if _MAIL.fullmatch(text) and not in_key:
            return self._count("mail", f"mail-{self._number_of(text, 'MAIL')}@mail.example")
        if _SCRAMBLED.fullmatch(text):
            return self._name(text, "REMOVED")
        if in_key:
            return None
        if match := _URL.fullmatch(text):
            return self._url(*match.groups())
        if _HOST.fullmatch(text):
            return self._count("host", f"host-{self._number_of(text.lower().rstrip('.'), 'HOST')}.example")
        if match := _RANGE.fullmatch(text):
            first, last = self._address(match[1]), self._address(match[2])
            return f"{first}-{last}" if first and last else None
        return None

    def _url(self, scheme: str, place: str, rest: str) -> str:
        """scheme://place and path; logins in it go, the port stays."""
        if re.match(r"[^?]*@|\?[^/&=]*@", rest):  # a password may hold what else ends the place: "/", "#"
            found = _PLACE.fullmatch((place + rest).rpartition("@")[2])
            place, rest = found.groups() if found else ("", "")
        place = place.rpartition("@")[2]
        host, colon, port = place.rpartition(":") if re.search(r":\d{1,5}$", place) else (place, "", "")
        scheme = scheme if self.keeps(scheme) or scheme in ("onvif", "mailto", "urn") else self._name(scheme, "NAME")
        bare = host.strip("[]")
        host = host if not bare or self.keeps(bare) else self._piece(bare)
        if ":" in host:
            host = f"[{host}]"
        return f"{scheme}://{host}{colon}{port}{self.path(rest)}"

    def path(self, text: str) -> str:
        """A path, or what follows the host of a URL: segment by segment; in a query value by value."""
        path, mark, query = text.partition("?")
        done = [self._segment(segment) for segment in path.split("/")]
        pairs = [pair.partition("=") for pair in query.split("&")] if query else []
        asked = [self.key(unquote(name)) + equals + self._asked(unquote(name), value) for name, equals, value in pairs]
        return "/".join(done) + mark + "&".join(asked)

    def _asked(self, name: str, value: str) -> str:
        """A value of a query. What stays is left as it was sent: devices differ in what they want encoded."""
        plain = unquote(value.replace("+", " "))
        shown = self.value(name, plain)
        return value if shown == plain else quote(shown, safe=",.:/-")

    def _segment(self, text: str) -> str:
        return text if not text or self.keeps(text) else self._piece(unquote(text)).replace(" ", "%20")

    def _address(self, text: str) -> str | None:
        """An IP address, with or without a prefix length or mask, mapped into the documentation networks."""
        host, slash, prefix = text.partition("/")
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return None
        if slash and not self.keeps(prefix):
            return None
        if str(address) in _OPEN_ADDRESSES:
            return f"{address}{slash}{prefix}"
        name = str(address)
        if name not in self._addresses:
            number = len(self._addresses) + 1
            if address.version == 6:
                made = ipaddress.ip_address("2001:db8::") + number
            else:
                made = ipaddress.ip_address("192.0.2.0" if number < 255 else "198.18.0.0") + number
            self._addresses[name] = str(made)
        made_text = self._addresses[name]
        if slash:
            try:
                if ipaddress.ip_interface(f"{address}/{prefix}").network.network_address == address:
                    made_text = str(ipaddress.ip_interface(f"{made_text}/{prefix}").network.network_address)
            except ValueError:
                return None
        return self._count("address", f"{made_text}{slash}{prefix}")

    def _mac(self, text: str) -> str:
        plain = re.sub(r"[^0-9a-f]", "", text.lower())
        if len(set(plain)) == 1 and plain[0] in "0f":
            return text
        number = self._number_of(plain, "MAC")
        digits = iter(f"02{number:010x}" if text == text.lower() else f"02{number:010X}")
        return self._count("mac", "".join(next(digits) if c in "0123456789abcdefABCDEF" else c for c in text))

    def _long_number(self, text: str) -> str:
        sign, digits = _LONG_NUMBER.fullmatch(text).groups() if _LONG_NUMBER.fullmatch(text) else ("", "0" * 9)
        number = self._number_of(digits, f"NUMBER{len(digits)}")
        return self._count("number", f"{sign}{10 ** (len(digits) - 1) + number}")

    def _secret(self, text: str) -> str:
        if not text.strip() or text.strip().casefold() in _SWITCHES:
            return text
        self.learn(text.strip())
        return self._count("secret", REDACTED)

    def _json(self, text: str) -> str | None:
        from ansible_collections.nwcs.hardening.plugins.plugin_utils import redact_bodies

        try:
            inner = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return json.dumps(redact_bodies.plain(self, "", inner))

    # -- pseudonyms ----------------------------------------------------------------------------------------------------
    def seed(self, text: str, kind: str) -> None:
        """Give a text that is known beforehand a pseudonym of its kind: SERIAL, NAME."""
        if text and not self.keeps(text) and not self._special_shape(text):
            self.names.setdefault(text, f"{kind}-{self._next(kind)}")

    @staticmethod
    def _special_shape(text: str) -> bool:
        return bool(_MAC.fullmatch(text) or _BARE_MAC.fullmatch(text) or _UUID.fullmatch(text))

    def _name(self, text: str, kind: str) -> str:
        if text not in self.names:
            self.names[text] = f"{kind}-{self._next(kind)}"
        return self._count(_kind(self.names[text]), self.names[text])

    def _number_of(self, text: str, kind: str) -> int:
        found = self.names.setdefault(f"\0{kind}\0{text}", "")
        if not found:
            found = self.names[f"\0{kind}\0{text}"] = str(self._next(kind))
        return int(found)

    def _next(self, kind: str) -> int:
        self._numbers[kind] += 1
        return self._numbers[kind]

    def _count(self, kind: str, result: object) -> object:
        self.counts[kind] += 1
        return result


def told_before(words: Sequence[str], index: int) -> bool:
    """Does a sentence say that a word is a secret: "password 12345", "pin = root", but not "password or name"?"""
    marks, at = "", index - 1
    while at >= 0 and not words[at].strip("=:\"'"):
        marks, at = words[at] + marks, at - 1
    before = words[at] if at >= 0 else ""
    told = any(char.isdigit() for char in words[index]) or (before + marks).rstrip("\"'").endswith(("=", ":"))
    return told and is_strong(before.strip("=:,\"'"))


def _kind(pseudonym: str) -> str:
    return pseudonym.partition("-")[0].lower()

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words that redaction keeps, and the keys whose values it never does.

A text of a device is kept only when it is a word of this list. The list is what the drivers themselves understand: the
string constants of their source. What no driver knows changes no reading, so nothing is lost by taking it away.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from ansible_collections.nwcs.hardening.plugins.module_utils import settings

# Values that every API has, in any case of letters.
COMMON = frozenset(
    """yes no on off true false enable enabled disable disabled ok none null auto manual static dynamic dhcp dhcpv6 ntp
    utc gmt http https rtsp rtsps tcp udp icmp any all ipv4 ipv6 allow deny accept drop reject permit admin
    administrator operator viewer user anonymous extended root guest digest basic read write rw ro success error fail
    failed invalid unknown unsupported denied refused not found unauthorized forbidden bad request active inactive idle
    tkip ccmp aes eap sae personal enterprise websocket websockets open closed normal mjpeg jpeg h264 h265 wpa wpa2 wpa3
    wep psk tls md5 sha sha256 sha-256""".split()
)
_SPLIT = re.compile(r"[^A-Za-z0-9_.+-]+")
_LONGEST = 48

# Parts of the names of TLS ciphers (RFC 5246, RFC 8446, and as OpenSSL writes them).
CIPHER = frozenset(
    """ECDHE DHE EDH RSA ECDSA AES AES128 AES256 128 256 GCM CCM CCM8 CBC CBC3 SHA SHA256 SHA384 CHACHA20 POLY1305 TLS
    WITH PSK DES 3DES RC4 MD5""".split()
)

# Parts of a key's name that make its value a secret. "key" and the like only as a whole word: "monkey" is none.
_SECRET_PART = re.compile(
    r"passw|passphrase|passcode|userpass|(user|admin|login)pw|secret|psk|credential|pwd|cookie|nonce|token|"
    r"apikey|wepkey|privkey|authkey|community|sessionid|salt|hash|privatekey|sharedkey|encrypt(ed|ion)?key",
    re.I,
)
_SECRET_WORDS = frozenset(
    "key keys pin pass pw psw session sessions auth response digest signature cnonce opaque sid".split()
)
# Names of other things as well: what a driver knows as a word stays under them.
_WEAK_WORDS = frozenset("session sessions auth response digest signature".split())
# ... but for what such a name says about secrets: lengths, rules, switches.
_ABOUT = frozenset(
    """min max minimum maximum length len policy complexity strength expire expiry age attempts retry retries count
    enabled enable supported support type mode method algorithm protocol interval timeout throttle throttling""".split()
)
# A text "NAME:PASSWORD" is the value of such a key.
_LOGIN_WORDS = frozenset("authentication auth login logins account accounts user users".split())
# Fields that tell what the field beside them is: {"Name": "FTP_PASS", "Value": "12345"}.
NAME_FIELDS = frozenset("name key id param parameter field option".split())
VALUE_FIELDS = frozenset("value val values text #text content data default defaultvalue current".split())
_PLACE = re.compile(r"latitude|longitude|^lat$|^lon$|^lng$|coordinate|gps|geo", re.I)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def name_words(key: str) -> set[str]:
    """The words of a name, in lower case: "maxPasswordLength" -> {"max", "password", "length"}."""
    return {word.lower() for word in _WORD.findall(key)}


def is_secret(key: str) -> bool:
    """Does a key's name say that its value is a secret? `key` is the last part of a dotted name."""
    words = name_words(key)
    if words & _ABOUT:
        return False
    return bool(_SECRET_PART.search(key) or words & _SECRET_WORDS)


def is_strong(key: str) -> bool:
    """Does a key's name say so without doubt? `key` may be dotted."""
    key = key.strip().rpartition(".")[2]
    return len(key) <= _LONGEST and is_secret(key) and not is_weak(key)


def holds_login(key: str) -> bool:
    """Is a key's value perhaps NAME:PASSWORD?"""
    return bool(name_words(key) & _LOGIN_WORDS)


def is_weak(key: str) -> bool:
    """Is a secret key one whose values may be words of the API, too?"""
    return not _SECRET_PART.search(key) and name_words(key) & _SECRET_WORDS <= _WEAK_WORDS


def is_place(key: str) -> bool:
    """Does a key hold where the device stands on earth?"""
    return bool(_PLACE.search(key))


@lru_cache(maxsize=1)
def folded_words() -> frozenset[str]:
    """Words that stay in any case of letters: those that every API has, and ours for services, states and roles."""
    ours = {word for setting in settings.SETTINGS.values() for word in setting.choices} | set(settings.SERVICES)
    return COMMON | {word.casefold() for word in ours}


@lru_cache(maxsize=1)
def known_words() -> frozenset[str]:
    """Every word that a driver compares with, sends or asks for, and the words of the settings model."""
    found: set[str] = set(settings.SERVICES) | {part for key in settings.SETTINGS for part in key}
    for setting in settings.SETTINGS.values():
        found.update(setting.choices)
    folder = Path(settings.__file__).parent
    for path in (*sorted((folder / "drivers").glob("*.py")), folder / "probes.py"):
        for text in _constants(ast.parse(path.read_text(encoding="utf-8"))):
            found.update(_words_of(text))
    return frozenset(word for word in found if len(word) <= _LONGEST * 2)


def _words_of(text: str) -> Iterator[str]:
    yield text.lstrip()
    if text.startswith(" "):
        return
    for word in _SPLIT.split(text):
        if 1 <= len(word) <= _LONGEST:
            yield word
            yield from word.split(".")


def _constants(tree: ast.AST) -> Iterator[str]:
    """String constants, without docstrings and sentences; lists of words and patterns count as words."""
    lists: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "split":
                lists.add(id(node.func.value))
            elif node.func.attr == "compile" and node.args:
                lists.add(id(node.args[0]))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
            text = (node.value if isinstance(node.value, str) else node.value.decode("ascii", "replace")).strip()
            if id(node) in lists:
                yield from text.split()
            elif text and (not re.search(r"\s", text) or text.startswith("<")):
                yield text
            elif len(text) <= _LONGEST:
                yield f" {text}"  # a sentence is known as a whole, its words are not

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Dahua's CGI answers: lines `key=value`, OK, and several ways to say no (dahua-cgi.md, Transport).

A table is kept flat, as the device tells and takes it: {"LockLoginEnable": "true", "[0].Enable": "false"}; the keys are
what follows the table's name. Values that are secrets are masked here, before anything else sees them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    Refused,
    Unsupported,
)

MASK = "***"
Table = dict[str, str]

_SECRET = re.compile(r"passw|pwd|Keys?\[|\bKey\b|PrivKey|AuthKey|Secret|Token|Community|ReadCommon|WriteCommon", re.I)
_LINE = re.compile(r"(?:table\.)?(?:All\.)?([A-Za-z0-9_-]+)((?:[.\[]|=).*)", re.S)
_LINES, _CHARS = 100_000, 4000
ALL = "All"


def is_secret(key: str) -> bool:
    """Does this key of a table hold a password or a key (fact sheet, Driver notes)?"""
    return bool(_SECRET.search(key))


def pairs(body: bytes) -> list[tuple[str, str]]:
    """(key, value) of each line with a `=`; others are passed over."""
    found = []
    for line in body.decode("utf-8", "replace").lstrip("\ufeff").split("\n")[:_LINES]:
        key, mark, value = line.rstrip("\r").partition("=")
        if mark and key.strip() and len(key) < 300:
            found.append((key.strip(), value[:_CHARS]))
    return found


def tables(body: bytes) -> dict[str, Table]:
    """{table: {rest of the key: value}} of an answer to getConfig, secrets masked. Asked for everything (name=All), the
    device puts `All.` before each table."""
    found: dict[str, Table] = {}
    for key, value in pairs(body):
        match = _LINE.fullmatch(f"{key}=")
        if match is None:
            continue
        rest = match[2][:-1].removeprefix(".")
        secret = value != "" and is_secret(rest)
        found.setdefault(match[1], {})[rest] = MASK if secret else value
    return found


def rows(body: bytes, name: str) -> list[dict[str, str]]:
    """The rows of a list such as users[0].Name=…, in the order of their numbers."""
    pattern = re.compile(re.escape(name) + r"\[(\d{1,4})\]\.(.+)")
    found: dict[int, dict[str, str]] = {}
    for key, value in pairs(body):
        if match := pattern.fullmatch(key):
            found.setdefault(int(match[1]), {})[match[2]] = value
    return [found[number] for number in sorted(found)]


def flat(tree: Any, head: str = "") -> Table:
    """A table as RPC2 tells it (JSON), in the flat form of the CGI."""
    found: Table = {}
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            found.update(flat(value, f"{head}.{name}" if head else str(name)))
    elif isinstance(tree, list):
        for number, value in enumerate(tree[:512]):
            found.update(flat(value, f"{head}[{number}]"))
    elif tree is not None:
        text = str(tree).lower() if isinstance(tree, bool) else str(tree)
        found[head] = MASK if text and is_secret(head) else text[:_CHARS]
    return found


def failure(what: str, answer: Answer) -> DeviceError | None:
    """What is wrong with an answer, in our terms; None when it is 200 and does not begin with an error.

    403 "Authority:check failure" means that there is no such table as well as that it may not be read: the two cannot
    be told apart (H23).
    """
    text = answer.body[:200].decode("utf-8", "replace").strip()
    low = text.lower()
    if answer.status == 200:
        if low.startswith("error") or low.startswith("<!doctype") or low.startswith("<html"):
            if low.startswith("<"):
                return BadAnswer(f"{what}: a web page answers.")
            if "getting param" in low or "not support" in low or "invalid" in low:
                return Unsupported(f"{what}: the device does not know it.")
            return Refused(f"{what}: the device says Error.")
        return None
    if answer.status == 401:
        return Refused(f"{what}: the login was not accepted (HTTP 401).")
    if answer.status == 403:
        if "authority" in low:
            return Refused(f"{what}: not there, or this login may not use it.",
                           "The device says the same for both; an account of the group admin tells more.")  # fmt: skip
        return Refused(f"{what}: forbidden (HTTP 403).")
    if answer.status in (400, 404, 405, 501):
        return Unsupported(f"{what}: not on this device (HTTP {answer.status}).")
    if answer.status in (429, 503):
        return Busy(f"{what}: the device is busy (HTTP {answer.status}).")
    return BadAnswer(f"{what}: HTTP {answer.status}.")


def is_ok(answer: Answer) -> bool:
    """Is it the OK of a write? That proves nothing: what was written is read again."""
    return answer.status == 200 and answer.body.strip()[:3].upper() == b"OK"

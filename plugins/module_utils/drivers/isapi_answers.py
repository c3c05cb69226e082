# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the answers of an ISAPI device mean, whatever their HTTP status: ResponseStatus, userCheck (fact sheet 3, 6)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_xml as xml
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    LoginRefused,
    Refused,
    Unsupported,
)

_JSON_NOT_SUPPORTED = 1073741825
_MISSING = {"notsupport", "notsupported", "methodnotallowed", "invalidurl"}
_BODY = {"badxmlformat", "badxmlcontent", "badparameters"}  # what is said to an element that is not known, too


class BadContent(Refused):
    """The device does not take an element of the body, or its value."""


@dataclass(frozen=True)
class Status:
    """A ResponseStatus (or userCheck) as words; `sub` in lower case."""

    code: int
    text: str
    sub: str

    @property
    def good(self) -> bool:
        return self.code in (0, 1)


def status_of(answer: Answer) -> Status | None:
    """The ResponseStatus of an answer, XML or JSON; None when it holds none."""
    body = answer.body.lstrip(b"\xef\xbb\xbf \t\r\n")
    fields: dict[str, str] = {}
    if body.startswith(b"<") and b"ResponseStatus" in body[:4000]:
        try:
            tree = xml.tree_of(body)
            root = xml.parse(tree["text"])
        except ValueError:
            return None
        if root.name != "ResponseStatus":
            return None
        fields = {child.name: xml.value(tree["text"], child) for child in root.children}
    elif body.startswith(b"{"):
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            return None
        if not isinstance(data, dict) or "statusCode" not in data:
            return None
        fields = {name: str(value) for name, value in data.items()}
        if fields.get("errorCode") == str(_JSON_NOT_SUPPORTED):
            fields["subStatusCode"] = "notSupport"
    else:
        return None
    code = fields.get("statusCode", "")
    # Whole or not at all: of what a device says back, a part would not be known again as a password's.
    sub = _told(fields.get("subStatusCode", ""), r"[A-Za-z0-9_]{1,60}")
    text = _told(fields.get("statusString", ""), r"[A-Za-z _-]{1,60}")
    return Status(int(code) if re.fullmatch(r"[0-9]{1,3}", code) else -1, sub or text or "no reason given", sub.lower())


def _told(word: str, shape: str) -> str:
    return word.strip() if re.fullmatch(shape, word.strip()) else ""


def user_check(answer: Answer) -> dict[str, str]:
    """The fields of a userCheck body ({} when it is none): lockStatus, unlockTime, retryLoginTime, isActivated…"""
    if b"userCheck" not in answer.body[:4000]:
        return {}
    try:
        tree = xml.tree_of(answer.body)
        root = xml.parse(tree["text"])
    except ValueError:
        return {}
    return {child.name: xml.value(tree["text"], child) for child in root.children} if root.name == "userCheck" else {}


def number(word: Any) -> int | None:
    return int(word) if isinstance(word, str) and re.fullmatch(r"[0-9]{1,6}", word) else None


def refused_login(name: str, user: str, answer: Answer) -> LoginRefused:
    """What a 401 (or a userCheck) says: locked, how long, how many attempts are left (sheet 6)."""
    told = user_check(answer)
    state = status_of(answer)
    words = f"{told.get('lockStatus', '')} {told.get('statusString', '')} {state.sub if state else ''}".lower()
    left, seconds = number(told.get("retryLoginTime")), number(told.get("unlockTime"))
    if told.get("isActivated", "").lower() == "false":
        return LoginRefused(f"{name}: the device is not activated, so it has no account {user!r} yet.",
                            "Run harden once with nwcs_username: admin.")  # fmt: skip
    if re.search(r"(^|\s)lock(ed)?(\s|$)|lockedipfailed|userfloor", words):
        return LoginRefused(f"{name}: the login of {user!r} is locked by the device.", "Wait until the lock is over.",
                            locked=True, seconds=seconds or None)  # fmt: skip
    if left is not None and left <= 1:
        return LoginRefused(
            f"{name}: one more refused login of {user!r} would lock it ({left} left).",
            "Nothing more is tried. Check nwcs_username and nwcs_password.", locked=True,
        )  # fmt: skip
    advice = "Check nwcs_username and nwcs_password; the toolkit does not try again by itself."
    if left is not None:
        advice += f" {left} attempts are left before the device locks."
    return LoginRefused(f"{name}: account {user!r} was refused.", advice)


def failure(where: str, path: str, answer: Answer) -> DeviceError | None:
    """Why an answer is no success; None when it is one. statusCode 7 (restart needed) is a success."""
    status = answer.status
    said = status_of(answer)
    text = f"{where}: HTTP {status}" + (f", {said.text}" if said else "")
    if said is not None and (said.good or said.code == 7) and 200 <= status < 300:
        return None
    trigger = "/Event/triggers/" in path
    if trigger and (status == 503 or (said and said.code == 2)):
        return Unsupported(f"{where}: the device has no such trigger (it says: busy).")  # sheet 3: never asked again
    if said is not None:
        if said.sub in _MISSING:
            return Unsupported(f"{where}: the device does not offer this ({said.text}).")
        if said.sub == "lowprivilege":
            return Refused(f"{where}: this account has too few rights.", "Use an account of level Administrator.")
        if said.sub == "riskpassword":
            return Refused(f"{where}: the device finds this password too weak.",
                           "8 to 16 characters of at least two kinds, without the account's name.")  # fmt: skip
        if said.sub == "notactivated":
            return Refused(f"{where}: the device is not activated.")
        if said.code == 2:
            return Busy(f"{where}: the device is busy.", "Run again in a few minutes.")
        if said.code in (5, 6) or said.sub in _BODY:
            return BadContent(f"{where}: the device does not take this ({said.text}).")
        return Refused(f"{text}.")
    if status in (404, 405, 501):
        return Unsupported(f"{where}: the device does not offer this (HTTP {status}).")
    if status in (429, 503):
        return Busy(f"{where}: the device is busy (HTTP {status}).", "Run again in a few minutes.")
    if 300 <= status < 400:
        return BadAnswer(f"{where}: it points elsewhere (HTTP {status}).")
    return None if 200 <= status < 300 else Refused(f"{text}.")

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of SUNAPI in one form, and what a failure is (hanwha-sunapi.md, Transport).

A camera answers JSON when it is asked for it, an older one `Key=Value` lines. Both become one tree: every scalar is the
text that the API itself uses ("True", "False", "80"), scalars of a list are joined by commas, objects stay a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from ansible_collections.nwcs.hardening.plugins.module_utils import decode
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    LoginRefused,
    Refused,
    Unsupported,
)

BUSY = (429, 490, 503)  # 490: too many CGI sessions at the same time
_CODE = re.compile(r"Error Code\s*[:=]\s*([0-9]{1,5})", re.I)
_SECRET = re.compile(r"pass(word|phrase)?$|community|privatekey|secret", re.I)
_MARKUP = re.compile(r"<(style|script)\b.*?(</\1\s*>|\Z)|<!--.*?(-->|\Z)|<[^>]*>", re.I | re.S)
_LOCK_WORDS = re.compile(r"\block(ed|out)?\b", re.I)
_UNCLEAN = re.compile(r"[^ -~]+")
Parsed = dict[str, Any]


def parse(answer: Answer, limits: Any) -> Parsed:
    """The tree of an answer with status 200. Passwords that some recorders give out do not get past here.

    BadAnswer when it is neither a JSON object nor lines with "=", "OK" or "NG".
    """
    text = answer.body.decode("utf-8-sig", "replace").strip()
    if text.startswith(("{", "[")):
        found = decode.json(answer.body, limits)
        if not isinstance(found, dict):
            raise BadAnswer("the answer is JSON, but no object.")
        return _object(found)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or text.startswith("<") or not (lines[0] in ("OK", "NG") or any("=" in line for line in lines)):
        raise BadAnswer("the answer is neither JSON nor lines of text.")
    tree: Parsed = {}
    for line in lines:
        if line in ("OK", "NG"):
            tree["Response"] = {"OK": "Success", "NG": "Fail"}[line]
        elif line.startswith('"') and "=" in line:  # a heading: "Users.Index=UserID/Password/…"
            name, _equals, fields = line.strip('"').partition("=")
            tree.setdefault("#", {})[name.partition(".")[0]] = fields.split("/")
        elif "=" in line:
            name, _equals, value = line.partition("=")
            if not _SECRET.search(name.strip()):
                tree[name.strip()] = value.strip()
    if tree.get("Response") == "Fail" and (code := _CODE.search(text)):
        tree["Code"], tree["Details"] = code[1], lines[-1] if "=" not in lines[-1] else ""
    return tree


def _object(found: Mapping[str, Any]) -> Parsed:
    tree: Parsed = {}
    for name, value in found.items():
        if _SECRET.search(name):
            continue
        if isinstance(value, list) and any(isinstance(item, dict) for item in value):
            tree[name] = [_object(item) for item in value if isinstance(item, dict)]
        elif isinstance(value, list):
            tree[name] = ",".join(_text(item) for item in value)
        elif isinstance(value, dict):
            inner = _object(value)
            if name == "Error":
                tree.update({key: inner[key] for key in ("Code", "Details") if isinstance(inner.get(key), str)})
            else:
                tree[name] = [inner]
        else:
            tree[name] = _text(value)
    return tree


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def clean(text: Any, secrets: Iterable[str] = ()) -> str:
    """A device's words for a message: short, without control characters, without what it repeats of our request."""
    said = str(text)
    for secret in sorted((secret for secret in secrets if secret), key=len, reverse=True):
        for form in (secret, quote(secret, safe=""), quote(secret), quote_plus(secret)):
            said = said.replace(form, "?")
    return _UNCLEAN.sub("?", said.partition("=")[0]).strip()[:120]


def rows(tree: Parsed, prefix: str, field: str) -> list[dict[str, Any]]:
    """The like pieces of an answer: objects of a JSON list, `Prefix.NAME.Field=…` lines (NAME goes to `field`), or the
    answer itself when it is about one piece only."""
    for value in tree.values():
        if isinstance(value, list):
            return [dict(row) for row in value]
    found: dict[str, dict[str, Any]] = {}
    for name, value in tree.items():
        parts = name.split(".", 2)
        if len(parts) == 3 and parts[0] == prefix and isinstance(value, str):
            found.setdefault(parts[1], {field: parts[1]})[parts[2]] = value
    return list(found.values()) or [{name: value for name, value in tree.items() if isinstance(value, str)}]


def failure(where: str, answer: Answer, tree: Parsed | None, secrets: Iterable[str] = ()) -> DeviceError | None:
    """What an answer says is wrong; None when nothing is. `tree` of a 200, None where there was none.

    secrets: what no message may repeat, for devices that tell the refused request back (H36).
    """
    status = answer.status
    if status == 200:
        if tree is None or tree.get("Response") != "Fail":
            return None
        code, details = tree.get("Code", ""), clean(tree.get("Details", ""), secrets)
        said = f"{where}: error {code or 'without a code'}{f' ({details})' if details else ''}."
        return Unsupported(said) if code == "601" else Refused(said)
    if status in BUSY:
        return Busy(f"{where}: the device is busy (HTTP {status}).")
    if status == 401:
        return LoginRefused(f"{where}: the login was not accepted.", locked=locked(answer))
    if status == 403:
        return Refused(f"{where}: not allowed (HTTP 403).")
    if status in (404, 405, 501):
        return Unsupported(f"{where}: not there (HTTP {status}).")
    return BadAnswer(f"{where}: unexpected HTTP status {status}.")


def locked(answer: Answer) -> bool:
    """No lock-out answer is documented: only a device that says so in words is believed, not its page's style."""
    text = _MARKUP.sub(" ", answer.body[:65536].decode("utf-8", "replace"))
    return _LOCK_WORDS.search(text) is not None

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redaction of whole bodies: JSON, XML, lines of Key=Value, other text. Names and structure stay, values do not.

HTML is dropped (it is for people, no driver reads values from it), and so is what is no text: only its size is told.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any
from urllib.parse import parse_qsl

from ansible_collections.nwcs.hardening.plugins.plugin_utils.redact import DIGITS, REDACTED, Redactor, told_before
from ansible_collections.nwcs.hardening.plugins.plugin_utils.redact_words import NAME_FIELDS, VALUE_FIELDS, is_strong

_LINE = re.compile(r"^(\s*)([A-Za-z0-9_.$\[\]:/{}#-]{1,160})(\s*=\s*)(\"?)(.*?)(\"?)(\s*)$")
_TAG = re.compile(
    r"<!--.*?-->|<!\[CDATA\[(?P<cdata>.*?)\]\]>|<\?(?P<pi>.*?)\?>"
    r"|<(?P<close>/?)(?P<name>[^\s<>/!?\"'=]+)(?P<attributes>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*?)(?P<empty>/?)>"
    r"|(?P<text>[^<]+)",
    re.S,
)
_ATTRIBUTE = re.compile(r"(\s+)([^\s=<>/\"']+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_STANDARDS = re.compile(
    r"https?://((www|schemas|docs)\.)?(w3|onvif|xmlsoap|oasis-open|axis|hikvision|isapi|std-cgi|psia|psialliance)"
    r"\.(org|com|net)(/[A-Za-z0-9._/-]*(#\w*)?)?|urn:psialliance-org|urn:selfextension:psiaext-ver10-xsd"
)
_BARE_HTML = re.compile(r"\s*<html>\s*?[\r\n]+[^<>]*=[^<>]*</html>\s*$", re.I)
_TITLE = re.compile(r"<title>([^<>]{1,200})</title>", re.I)
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def body(redactor: Redactor, content: bytes, kind: str = "") -> dict[str, Any]:
    """A body as it stands in a fixture: {"text": …} redacted, or {"dropped": why, "bytes": size}; {} when it is empty.

    kind  the Content-Type, as far as the other side said one
    """
    if not content:
        return {}
    if _NO_TEXT.search(content):
        return _dropped("binary", content)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _dropped("binary", content)
    start = text.lstrip()[:200].lower()
    if _BARE_HTML.match(text):  # lines of Key=Value, put between <HTML> and </HTML> by an older generation of devices
        return {"text": lines(redactor, text)}
    page = "html" in kind.lower() and start.startswith("<") and xml(redactor, text) is None
    if page or start.startswith(("<!doctype html", "<html")):
        title = _TITLE.search(text)  # error pages: some devices are known by them
        return _dropped("html", content) | ({"title": redactor.text(title[1].strip())} if title else {})
    if start.startswith("<"):
        redacted = xml(redactor, text)
        return {"text": redacted} if redacted is not None else _dropped("not well-formed", content)
    if start.startswith(("{", "[")):
        try:
            return {"text": json.dumps(plain(redactor, "", json.loads(text)), ensure_ascii=True)}
        except (ValueError, RecursionError):
            pass
    if "urlencoded" in kind.lower():
        return {"text": redactor.path("?" + text)[1:]}
    return {"text": lines(redactor, text)}


def _dropped(why: str, content: bytes) -> dict[str, Any]:
    return {"dropped": why, "bytes": len(content)}


# -- JSON --------------------------------------------------------------------------------------------------------------
def plain(redactor: Redactor, key: str, value: Any) -> Any:
    """JSON data; what stands in a list is judged by the name of the list."""
    if isinstance(value, dict):
        made: dict[str, Any] = {}
        named = redactor.item if _are_items(value) else redactor.key
        told = [inner for name, inner in value.items() if name.lower() in NAME_FIELDS and isinstance(inner, str)]
        said_to_be = next(filter(is_strong, [*told, key]), "")
        for name, inner in value.items():
            shown = named(name)
            while shown in made:  # two names that only their letters' case told apart
                shown += "+"
            is_it = said_to_be and name.lower() in VALUE_FIELDS
            made[shown] = plain(redactor, said_to_be if is_it else name.rpartition(".")[2] or name, inner)
        return made
    if isinstance(value, list):
        return [plain(redactor, key, inner) for inner in value]
    if isinstance(value, str):
        return redactor.value(key, value)
    if isinstance(value, bool) or value is None:
        return value
    return redactor.number(key, value)


def _are_items(value: dict[str, Any]) -> bool:
    """Do the names of a map name things (accounts, networks) rather than fields? Then the things are alike."""
    inner = list(value.values())
    if len(inner) < 2 or not all(isinstance(one, dict) and one for one in inner):
        return False
    shared, whole = set(inner[0]), set(inner[0])
    for one in inner[1:]:
        shared, whole = shared & set(one), whole | set(one)
    return len(shared) * 2 >= len(whole)


# -- Key=Value ---------------------------------------------------------------------------------------------------------
def lines(redactor: Redactor, text: str) -> str:
    """Lines NAME=VALUE (quotes around the value stay), comments of the form "# Error: …", and other lines."""
    return "".join(_line(redactor, line) for line in re.split(r"(?<=\n)", text))


def _line(redactor: Redactor, line: str) -> str:
    end = line[len(line.rstrip("\r\n")) :]
    line = line[: len(line) - len(end)]
    if match := _LINE.match(line):
        indent, name, equals, opened, value, closed, rest = match.groups()
        last = re.split(r"[.\[\]/]", name.rstrip("]."))[-1]
        last = name.rstrip("0123456789[]").rpartition(".")[2] if last.isdigit() else last
        return indent + redactor.key(name) + equals + opened + redactor.value(last, value) + closed + rest + end
    if re.fullmatch(r"\s*</?html>\s*", line, re.I):
        return line + end
    mark = re.match(r"[#\s]*(?:Error|OK|ERROR)?[:\s]*", line).group()
    return mark + said(redactor, line[len(mark) :]) + end


def said(redactor: Redactor, text: str) -> str:
    """A line that is no value of anything: what a program says, word by word. Many digits stay hidden as a whole."""
    if redactor.keeps(text.strip()):
        return text
    digits = sum(len(word) for word in re.findall(r"\S+", text) if re.fullmatch(r"\W*\d+\W*", word))
    if digits > DIGITS:
        return redactor.text(text)
    found = re.split(r"(\s+)", text)
    words = found[::2]
    found[::2] = [REDACTED if told_before(words, i) else redactor.text(word) for i, word in enumerate(words)]
    return "".join(found)


# -- XML ---------------------------------------------------------------------------------------------------------------
def xml(redactor: Redactor, text: str) -> str | None:
    """XML with its elements and attributes as they are and every text and attribute value redacted.

    None when it is not well-formed, or has a document type (nothing of it would be safe to keep).
    """
    if not _parses(text):
        return None
    made: list[str] = []
    stack: list[list[str]] = []  # of each open element: its name, and what an element in it says that it is
    at = 0
    while at < len(text):
        match = _TAG.match(text, at)
        if match is None:
            return None
        at = match.end()
        made.append(_token(redactor, match, stack))
    result = "".join(made)
    return result if _parses(result) else None


def _parses(text: str) -> bool:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        fromstring(text.encode(), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return False
    return True


def _token(redactor: Redactor, match: re.Match[str], stack: list[list[str]]) -> str:
    if match["name"]:
        name = match["name"]
        prefix, colon, local = name.rpartition(":")
        shown = prefix + colon + _name(redactor, local)
        if match["close"]:
            if stack:
                stack.pop()
            return f"</{shown}>"
        if not match["empty"]:
            stack.append([local, ""])
        return f"<{shown}{_attributes(redactor, match['attributes'], local)}{match['empty']}>"
    key = stack[-1][0] if stack else ""
    if len(stack) > 1 and key.lower() in NAME_FIELDS:
        stack[-2][1] = html.unescape(match["text"] or "").strip()
    elif len(stack) > 1 and key.lower() in VALUE_FIELDS:
        key = next(filter(is_strong, reversed(stack[-2])), key)
    if match["text"] is not None:
        value = match["text"]
        return value if not value.strip() else html.escape(_value(redactor, key, html.unescape(value)), quote=False)
    if match["cdata"] is not None:
        return html.escape(_value(redactor, key, match["cdata"]), quote=False)
    if match["pi"] is not None and match["pi"].startswith("xml "):
        return '<?xml version="1.0" encoding="UTF-8"?>'
    return ""  # comments, processing instructions


def _name(redactor: Redactor, local: str) -> str:
    shown = redactor.key(local)
    return shown if re.fullmatch(r"[A-Za-z_][\w.-]*", shown) else "REDACTED"


def _attributes(redactor: Redactor, text: str, element: str) -> str:
    made = []
    found = [(space, name, html.unescape(quoted[1:-1])) for space, name, quoted in _ATTRIBUTE.findall(text)]
    told = [value for _space, name, value in found if name.lower() in NAME_FIELDS]
    said_to_be = next(filter(is_strong, [*told, element]), "")
    for space, name, value in found:
        local = name.rpartition(":")[2]
        if said_to_be and local.lower() in VALUE_FIELDS:
            local = said_to_be
        if name == "xmlns" or name.startswith("xmlns:"):
            shown = value if _STANDARDS.fullmatch(value) else redactor.text(value)
            name = name if name == "xmlns" else "xmlns:" + local
        else:
            shown = _value(redactor, local, value)
        made.append(f'{space}{name}="{html.escape(shown)}"')
    return "".join(made) + (" " if text.endswith(" ") else "")


def _value(redactor: Redactor, key: str, value: str) -> str:
    """In XML "token" names things, and other elements refer to it: it gets a pseudonym, not one word for all."""
    if key.lower().endswith("token"):
        return redactor.text(value)
    if _STANDARDS.fullmatch(value.strip()):
        return value
    return redactor.value(key, value)


def query(redactor: Redactor, path: str) -> str:
    """The path of a request with its query."""
    return redactor.path(path)


def pairs(text: str) -> list[tuple[str, str]]:
    """Names and values of a query, for comparing requests."""
    return parse_qsl(text, keep_blank_values=True)

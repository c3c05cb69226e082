# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies to trees, within limits: XML without DTD (H32), tolerant of what devices really send (H30), and JSON.

Raises BadAnswer only, and never with a piece of the body in the message.
"""

from __future__ import annotations

import codecs
import functools
import json as _json
import re
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import BadAnswer, InputError

try:
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser
except ImportError:  # said when it is needed
    DefusedXMLParser = None
    DefusedXmlException = ValueError

TAGS = 200_000  # an empty element takes 4 bytes to send and 100 to hold
_XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>", re.S)
_ENCODING = re.compile(rb"^[^<]{0,8}<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ROOT = re.compile(r"<([A-Za-z_][^\s/>]*)")
_USED = re.compile(r"(?:</?|\s)([A-Za-z_][\w.-]*):[A-Za-z_]")
_DECLARED = re.compile(r"\sxmlns:([A-Za-z_][\w.-]*)\s*=\s*(\"[^\"<]*\"|'[^'<]*')")
_STEP = re.compile(r"(?:\{[^}]*\})?[^/{}]+")
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.S)


def xml(body: bytes, limits: Any) -> Element:
    """The root element. `limits` has body_bytes and depth. A body that is not well-formed gets one second try after
    mending: byte order mark, wrong encoding name, invalid UTF-8, control characters, undeclared prefixes."""
    if DefusedXMLParser is None:
        raise InputError("the Python library defusedxml is missing.", "Install it with pip.")
    _check_size(body, limits)
    if body.count(b"<") > TAGS:
        raise BadAnswer(f"the answer has more than {TAGS} tags.")
    error = None
    for attempt in (lambda: body, lambda: _mended(body)):
        try:
            parser = DefusedXMLParser(target=TreeBuilder(), forbid_dtd=True)  # its own target is slow, pure Python
            parser.feed(attempt())
            root = parser.close()
            if not _deeper(root, limits.depth):
                return root
            error = BadAnswer(f"the answer nests deeper than {limits.depth}.")
            break
        except DefusedXmlException:
            error = BadAnswer("the answer has a document type or entities, which are not allowed.")
            break
        except (ParseError, ValueError, LookupError, AssertionError):  # pylint: disable=duplicate-except
            error = BadAnswer("the answer is an HTML page, not XML." if _is_html(body) else "the answer is not XML.")
    raise error


def json(body: bytes, limits: Any) -> Any:
    """The value. Invalid UTF-8 and control characters inside strings are tolerated; NaN and Infinity are not JSON."""
    _check_size(body, limits)
    value, error = None, None
    try:
        if body.count(b"[") + body.count(b"{") > limits.depth and _json_depth(body) > limits.depth:
            error = BadAnswer(f"the answer nests deeper than {limits.depth}.")
        else:
            text = body.decode("utf-8-sig", "replace")
            value = _json.loads(text, strict=False, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        error = BadAnswer("the answer is an HTML page, not JSON." if _is_html(body) else "the answer is not JSON.")
    if error:
        raise error
    return value


# -- looking things up -------------------------------------------------------------------------------------------------
def local(tag: Any) -> str:
    """The name without its namespace."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def children(element: Element | None, path: str) -> list[Element]:
    """All elements at `path`, steps separated by "/": "{ns}a/{ns}b". At each step the children with exactly this
    name; if there are none, those with this local name (whole answers come in one default namespace). A step without
    namespace means the local name. None has no children."""
    found = [] if element is None else [element]
    for step in _steps(path):
        found = [child for parent in found for child in _named(parent, step)]
    return found


def child(element: Element | None, path: str) -> Element | None:
    """The first element at `path`, or None."""
    found = children(element, path)
    return found[0] if found else None


def text(element: Element | None, path: str = "", default: str | None = None) -> str | None:
    """The text at `path`, stripped; `default` when it is missing or nil. An empty element has the text ""."""
    found = child(element, path) if path else element
    if found is None or found.get(_XSI_NIL, "").strip().lower() in ("true", "1"):
        return default
    return (found.text or "").strip()


@functools.lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[str, ...]:
    return tuple(_STEP.findall(path))


def _named(parent: Element, name: str) -> list[Element]:
    exact = parent.findall(name) if name.startswith("{") else []
    if exact:
        return exact
    wanted = local(name)
    return [item for item in parent if local(item.tag) == wanted]


# -- mending -----------------------------------------------------------------------------------------------------------
def _check_size(body: bytes, limits: Any) -> None:
    if not body.strip():
        raise BadAnswer("the answer is empty.")
    if len(body) > limits.body_bytes:
        raise BadAnswer(f"the answer is larger than {limits.body_bytes} bytes.")


def _is_html(body: bytes) -> bool:
    return re.match(rb"\s*<(!doctype\s+html|html)\b", body[:200], re.I) is not None


def _mended(body: bytes) -> bytes:
    text = _DECLARATION.sub("", _NOT_XML.sub("", _decoded(body)).lstrip("\ufeff"), count=1).lstrip()
    text = text[: text.rfind(">") + 1] if text.startswith("<") else ""
    root = _ROOT.search(text)
    if root is None or "<!DOCTYPE" in text:
        return text.encode("utf-8")
    declared = dict(reversed(_DECLARED.findall(text)))
    head = text[root.end() : text.find(">", root.end())]
    at_root = {name for name, _uri in _DECLARED.findall(head)}
    # xmlns:x of an inner element looks like a prefix; so does "a:b" in a text: declaring too many does no harm
    missing = sorted(set(_USED.findall(text)) - at_root - {"xml", "xmlns"})
    added = "".join(f" xmlns:{name}={declared.get(name) or _urn(name)}" for name in missing)
    return (text[: root.end()] + added + text[root.end() :]).encode("utf-8")


def _urn(prefix: str) -> str:
    return f'"urn:undeclared:{prefix}"'


def _decoded(body: bytes) -> str:
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace")
    named = _ENCODING.match(body)
    for encoding in ("utf-8-sig", named.group(1).decode("ascii") if named else "utf-8"):
        try:
            return body.decode(encoding)
        except (UnicodeError, LookupError, ValueError):
            continue
    return body.decode("utf-8", "replace")


def _deeper(root: Element, limit: int) -> bool:
    """Level by level after parsing: counting while parsing costs ten times as much."""
    level = [root]
    for _depth in range(limit):
        level = [item for parent in level for item in parent]
        if not level:
            return False
    return True


def _json_depth(body: bytes) -> int:
    depth = deepest = 0
    for match in _BRACKETS.finditer(body):
        sign = match.group()
        if sign in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif sign in (b"]", b"}"):
            depth -= 1
    return deepest


def _no_constant(name: str) -> Any:
    raise ValueError(name)

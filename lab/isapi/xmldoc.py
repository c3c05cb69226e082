# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""XML documents as ISAPI devices read and write them: by local name, with namespaces that are mixed in one document."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
VER20 = "http://www.hikvision.com/ver20/XMLSchema"
ISAPI20 = "http://www.isapi.org/ver20/XMLSchema"
VER10 = "http://www.hikvision.com/ver10/XMLSchema"
Element = ElementTree.Element
_PREFIX = re.compile(rb"<[A-Za-z_][\w.-]*:")
DEPTH = 40  # more than any document of the family has
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class BadXml(ValueError):
    """The body is no XML that such a device reads."""


def parse(body: bytes | str) -> Element:
    """The root; raises BadXml for a broken body, a document type, or elements with a prefix (devices refuse them)."""
    raw = body.encode() if isinstance(body, str) else body
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw or _PREFIX.search(raw):
        raise BadXml("document type or prefix")
    try:
        root = ElementTree.fromstring(raw)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise BadXml("not well-formed") from error
    level, depth = list(root), 1
    while level:
        level, depth = [child for one in level for child in one], depth + 1
        if depth > DEPTH:
            raise BadXml("too deep")
    return root


def local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def space(element: Element) -> str:
    """The namespace, "" for none."""
    return element.tag[1:].partition("}")[0] if element.tag.startswith("{") else ""


def find_all(element: Element, path: str) -> list[Element]:
    """All elements at a path of local names: "hddList/hdd"."""
    found = [element]
    for step in path.split("/"):
        found = [child for one in found for child in one if local(child) == step]
    return found


def find(element: Element, path: str) -> Element | None:
    return next(iter(find_all(element, path)), None)


def text(element: Element, path: str, default: str = "") -> str:
    """The text at a path of local names, `default` when there is no such element."""
    found = find(element, path)
    return default if found is None else (found.text or "").strip()


def by_id(element: Element, number: str) -> Element | None:
    """The child whose `id` is `number`."""
    return next((child for child in element if text(child, "id", "\0") == number), None)


def make(parent: Element, name: str, value: str | None = None) -> Element:
    """A new last child in the parent's namespace."""
    tag = f"{{{space(parent)}}}{name}" if space(parent) else name
    child = ElementTree.SubElement(parent, tag)
    child.text = value
    return child


def in_space(element: Element, name: str) -> Element:
    """A copy in which every element has the namespace `name`."""
    made = copy.deepcopy(element)
    for one in made.iter():
        one.tag = f"{{{name}}}{local(one)}" if name else local(one)
    return made


def clean(value: str) -> str:
    """The text without what XML cannot hold."""
    return _NOT_XML.sub("", value)


def dump(element: Element, head: bool = True) -> str:
    """As these devices write: no prefixes, one leaf per line, xmlns again on every element that has a version."""
    return (HEAD if head else "") + "".join(_lines(element, "")) + "\n"


def _lines(element: Element, outer: str) -> Iterator[str]:
    name, own = local(element), space(element)
    start = f"<{name}" + "".join(f" {key}={quoteattr(value)}" for key, value in element.attrib.items())
    if own != outer or "version" in element.attrib:
        start += f" xmlns={quoteattr(own)}"
    if len(element):
        yield start + ">\n"
        for child in element:
            yield from _lines(child, own)
            yield "\n"
        yield f"</{name}>"
    elif element.text and element.text.strip():
        yield f"{start}>{escape(element.text)}</{name}>"
    else:
        yield f"{start}></{name}>"

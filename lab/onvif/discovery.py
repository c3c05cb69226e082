# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device's side of WS-Discovery: a ProbeMatches message for a Probe that asks for it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from .soap import Node, envelope, q
from .state import endpoint

if TYPE_CHECKING:
    from .device import OnvifDevice

TYPES = ("NetworkVideoTransmitter", "Device")
ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"


def answer(device: OnvifDevice, probe: bytes) -> bytes | None:
    """The answer, or None when this is no probe or one for other types or scopes."""
    if b"<!DOCTYPE" in probe:
        return None
    try:
        root = ElementTree.fromstring(probe)
    except (ElementTree.ParseError, ValueError):
        return None
    asked = root.find(f"{q('s:Body')}/{q('d:Probe')}")
    message = root.findtext(f"{q('s:Header')}/{q('wsa:MessageID')}")
    if asked is None or not message:
        return None
    types = (asked.findtext(q("d:Types")) or "").split()
    scopes = [scope["ScopeItem"] for scope in device.state["scopes"]]
    wanted = (asked.findtext(q("d:Scopes")) or "").split()
    if any(name.rpartition(":")[2] not in TYPES for name in types):
        return None
    if not all(any(scope == item or scope.startswith(f"{item.rstrip('/')}/") for scope in scopes) for item in wanted):
        return None
    addresses = [
        f"{protocol['Name'].lower()}://{device.address}:{port}/onvif/device_service"
        for protocol in device.state["protocols"]
        if protocol["Enabled"] and protocol["Name"] in ("HTTP", "HTTPS")
        for port in protocol["Port"]
    ]
    header = [
        Node("wsa:MessageID", f"urn:uuid:{uuid.uuid4()}"),
        Node("wsa:RelatesTo", message.strip()),
        Node("wsa:To", ANONYMOUS),
        Node("wsa:Action", "http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches"),
        Node("d:AppSequence", MessageNumber=1, InstanceId=1),
    ]
    match = Node(
        "d:ProbeMatch",
        Node("wsa:EndpointReference", Node("wsa:Address", endpoint(device.name))),
        Node("d:Types", "dn:NetworkVideoTransmitter tds:Device"),
        Node("d:Scopes", " ".join(scopes)),
        Node("d:XAddrs", " ".join(addresses)),
        Node("d:MetadataVersion", 1),
    )
    data = envelope(Node("d:ProbeMatches", match), device.soap_prefix, header=header)
    return data.replace(b":Envelope ", f":Envelope {_TEXT_PREFIXES} ".encode(), 1)


# Prefixes that occur only inside the text of d:Types.
_TEXT_PREFIXES = 'xmlns:dn="http://www.onvif.org/ver10/network/wsdl" xmlns:tds="http://www.onvif.org/ver10/device/wsdl"'

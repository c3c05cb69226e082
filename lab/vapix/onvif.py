# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ONVIF side of a simulated AXIS device, as far as its accounts and discovery go (fact sheet 6 and 9).

Its accounts are a list of its own: those of pwdgrp.cgi cannot log in here, and there is none from the start.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from ..device import Response
from ..onvif import discovery
from ..onvif.auth import UsernameToken
from ..onvif.soap import Call, Fault, Node, all_of, envelope, needed, raw, read_call
from .ask import ANYONE, Ask, Route

if TYPE_CHECKING:
    from .device import VapixDevice

SOAP_TYPE = "application/soap+xml; charset=utf-8"
LEVELS = ("Administrator", "Operator", "User")
FREE = ("GetSystemDateAndTime", "GetCapabilities", "GetServices")
READS = ("GetUsers", "GetDeviceInformation", "GetScopes", "GetHostname", *FREE)
WRITES = ("CreateUsers", "DeleteUsers", "SetUser")


def new_door() -> UsernameToken:
    return UsernameToken(300.0, True)


def route(device: VapixDevice, ask: Ask) -> Route | None:
    if ask.path != "/onvif/device_service" or not device.tree.is_on("Properties.API.WebService.ONVIF.ONVIF"):
        return None
    return Route(ANYONE, _answer, _operation, lambda asked: _operation(asked) in WRITES, _refused, _taken)


def _operation(ask: Ask) -> str:
    try:
        return read_call(ask.request.body).operation
    except Fault:
        return ""


def _reply(node: Node, status: int = 200) -> Response:
    return Response(status, [("Content-Type", SOAP_TYPE)], envelope(node, "SOAP-ENV"))


def _fault(fault: Fault) -> Response:
    return Response(fault.status, [("Content-Type", SOAP_TYPE)], fault.message("SOAP-ENV"))


def _refused(_unused_device: VapixDevice, _unused_ask: Ask) -> Response:
    return _fault(Fault("Receiver", "ActionNotSupported", status=200))


def _taken(_unused_device: VapixDevice, ask: Ask) -> Response:
    return _reply(Node(f"tds:{_operation(ask)}Response"))


def _answer(device: VapixDevice, ask: Ask) -> Response:
    try:
        call = read_call(ask.request.body)
        if call.service != "tds" or call.operation not in (*READS, *WRITES):
            raise Fault("Receiver", "ActionNotSupported", "NoSuchService")
        if call.operation not in FREE:
            _admit(device, call)
        children = globals()[f"_{call.operation.lower()}"](device, call)
        return _reply(Node(f"tds:{call.operation}Response", children))
    except Fault as fault:
        return _fault(fault)


def _admit(device: VapixDevice, call: Call) -> None:
    users = device.onvif_users
    login = device.onvif_door.check(call.header, device.now(), lambda name: users.get(name, {}).get("password"))
    writes = call.operation in WRITES
    if login.outcome != "ok" or (writes and users[login.user]["level"] != "Administrator"):
        raise Fault("Sender", "NotAuthorized", reason="Sender not authorized")


def _getusers(device: VapixDevice, _unused_call: Call) -> list[Node]:
    return [
        Node("tds:User", Node("tt:Username", name), Node("tt:UserLevel", row["level"]))
        for name, row in device.onvif_users.items()
    ]


def _given(element: ElementTree.Element) -> tuple[str, dict[str, str]]:
    name, level = needed(element, "tt:Username"), needed(element, "tt:UserLevel")
    if level not in LEVELS or not name:
        raise Fault("Sender", "InvalidArgVal")
    return name, {"level": level, "password": raw(element, "tt:Password") or ""}


def _createusers(device: VapixDevice, call: Call) -> None:
    rows = [_given(element) for element in all_of(call.element, "tds:User")]
    if any(name in device.onvif_users for name, _unused in rows):
        raise Fault("Sender", "OperationProhibited", "UsernameClash")
    if any(not row["password"] for _unused, row in rows):
        raise Fault("Sender", "OperationProhibited", "PasswordTooWeak")
    device.onvif_users |= dict(rows)


def _setuser(device: VapixDevice, call: Call) -> None:
    for name, row in [_given(element) for element in all_of(call.element, "tds:User")]:
        if name not in device.onvif_users:
            raise Fault("Sender", "InvalidArgVal", "UsernameMissing")
        row["password"] = row["password"] or device.onvif_users[name]["password"]
        device.onvif_users[name] = row


def _deleteusers(device: VapixDevice, call: Call) -> None:
    names = [(element.text or "") for element in all_of(call.element, "tds:Username")]
    if any(name not in device.onvif_users for name in names):
        raise Fault("Sender", "InvalidArgVal", "UsernameMissing")
    for name in names:
        del device.onvif_users[name]


def _getdeviceinformation(device: VapixDevice, _unused_call: Call) -> list[Node]:
    facts = {
        "Manufacturer": "AXIS",
        "Model": device.tree.get("Brand.ProdNbr"),
        "FirmwareVersion": device.firmware,
        "SerialNumber": device.serial,
        "HardwareId": device.tree.get("Properties.System.HardwareID"),
    }
    return [Node(f"tds:{name}", value) for name, value in facts.items()]


def _getscopes(device: VapixDevice, _unused_call: Call) -> list[Node]:
    return [Node("tds:Scopes", Node("tt:ScopeDef", "Fixed"), Node("tt:ScopeItem", item)) for item in scopes(device)]


def _gethostname(device: VapixDevice, _unused_call: Call) -> Node:
    name = device.tree.rows["Network.HostName"].shown()
    return Node("tds:HostnameInformation", Node("tt:FromDHCP", False), Node("tt:Name", name))


def _getsystemdateandtime(device: VapixDevice, _unused_call: Call) -> Node:
    now = device.now()
    clock = Node("tt:Time", *(Node(f"tt:{name}", getattr(now, name.lower())) for name in ("Hour", "Minute", "Second")))
    date = Node("tt:Date", *(Node(f"tt:{name}", getattr(now, name.lower())) for name in ("Year", "Month", "Day")))
    kind = "NTP" if device.tree.get("Time.SyncSource") == "NTP" else "Manual"
    summer = Node("tt:DaylightSavings", device.tree.is_on("Time.DST.Enabled"))
    zone = Node("tt:TimeZone", Node("tt:TZ", device.tree.get("Time.POSIXTimeZone")))
    utc = Node("tt:UTCDateTime", clock, date)
    return Node("tds:SystemDateAndTime", Node("tt:DateTimeType", kind), summer, zone, utc)


def _uri(device: VapixDevice) -> str:
    return f"http://{device.address}:{device.lab_port(device.own_port('System.BoaPort', 80))}/onvif/device_service"


def _getcapabilities(device: VapixDevice, _unused_call: Call) -> Node:
    return Node("tds:Capabilities", Node("tt:Device", Node("tt:XAddr", _uri(device))))


def _getservices(device: VapixDevice, _unused_call: Call) -> Node:
    version = Node("tds:Version", Node("tt:Major", 1), Node("tt:Minor", 2))
    name = Node("tds:Namespace", "http://www.onvif.org/ver10/device/wsdl")
    return Node("tds:Service", name, Node("tds:XAddr", _uri(device)), version)


def scopes(device: VapixDevice) -> list[str]:
    front = "onvif://www.onvif.org"
    product = device.tree.get("Brand.ProdNbr").replace(" ", "%20")
    return [f"{front}/type/Network_Video_Transmitter", f"{front}/hardware/{product}", f"{front}/name/AXIS%20{product}",
            f"{front}/location/"]  # fmt: skip


def probe_match(device: VapixDevice, probe: bytes) -> bytes | None:
    """The answer to a WS-Discovery probe."""
    protocols = [
        {"Name": item.kind.upper(), "Enabled": True, "Port": [item.port]}
        for item in device.listeners()
        if item.kind in ("http", "https")
    ]
    state = {"scopes": [{"ScopeItem": item} for item in scopes(device)], "protocols": protocols}
    seen: Any = SimpleNamespace(name=device.name, address=device.address, state=state, soap_prefix="SOAP-ENV")
    return discovery.answer(seen, probe)

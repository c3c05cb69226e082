# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON CGIs of a simulated AXIS device: their envelope and which there are (fact sheet 1 and 4).

Errors of an API come in HTTP 200 with a number of the API's own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..device import Response
from .ask import ADMIN, ANYONE, VIEWER, Ask, Route

if TYPE_CHECKING:
    from .device import VapixDevice

NAMES = {
    "api-discovery": "API Discovery Service",
    "basic-device-info": "Basic Device Information",
    "capture-mode": "Capture Mode",
    "custom-firmware-certificate": "Custom Firmware Certificate",
    "customhttpheader": "Custom HTTP header",
    "disk-management": "Edge storage Disk management",
    "disk-network-share": "Edge storage Network share",
    "disk-properties": "Edge storage Disk properties",
    "dynamicoverlay": "Dynamic Overlay",
    "fwmgr": "Firmware Management",
    "guard-tour": "Guard Tour",
    "io-port-management": "IO Port Management",
    "light-control": "Light Control",
    "mdnssd": "mDNS-SD",
    "mqtt-client": "MQTT Client API",
    "network-settings": "Network Settings",
    "ntp": "NTP",
    "oak": "OAK",
    "onscreencontrols": "On-Screen Controls",
    "overlayimage": "Overlay image API",
    "packagemanager": "Package Manager",
    "param-cgi": "Legacy Parameter Handling",
    "privacy-mask": "Privacy Masking",
    "ptz-control": "PTZ Control",
    "recording": "Edge Recording",
    "recording-export": "Export edge recording",
    "recording-storage-limit": "Edge Recording storage limit",
    "remote-syslog": "Remote Syslog",
    "shuttergain-cgi": "Shuttergain CGI",
    "ssh": "SSH",
    "stream-profiles": "Stream Profiles",
    "systemready": "Systemready",
    "time-service": "Time API",
    "upnp": "UPnP",
    "user-management": "User Management",
}
LINK = "https://www.axis.com/partner_pages/vapix_library/#/"
INVALID_REQUEST, UNKNOWN_METHOD, UNKNOWN_VERSION = 2000, 4000, 4001


class ApiError(Exception):
    """An error of the API itself."""

    def __init__(self, code: int, message: str, details: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.details = details

    def body(self) -> dict[str, Any]:
        error: dict[str, Any] = {"code": self.code, "message": str(self)}
        return error | ({"details": self.details} if self.details is not None else {})


VIEWER_LEVEL = VIEWER
Method = Callable[["VapixDevice", dict[str, Any]], dict[str, Any]]
# CGI -> (id in the API list, method -> (function, changes something, level))
CGIS: dict[str, tuple[str, dict[str, tuple[Method, bool, int]]]] = {}


def api(cgi: str, identity: str) -> Callable[..., Callable[[Method], Method]]:
    """Registers the methods of one CGI: `@method("getX")`, `@method("setX", writes=True)`."""
    CGIS.setdefault(cgi, (identity, {}))

    def method(name: str, writes: bool = False, level: int = ADMIN) -> Callable[[Method], Method]:
        def register(function: Method) -> Method:
            CGIS[cgi][1][name] = (function, writes, level)
            return function

        return register

    return method


def route(device: VapixDevice, name: str) -> Route | None:
    """The route of a JSON CGI that this device has."""
    if name not in CGIS or CGIS[name][0] not in (device.model.get("json") or {}):
        return None
    return _Cgi(name).route()


class _Cgi:
    def __init__(self, name: str) -> None:
        self.name = name
        self.identity, self.methods = CGIS[name]

    def route(self) -> Route:
        free = any(level == ANYONE for _unused, _unused, level in self.methods.values())
        levels = [level for _unused, _unused, level in self.methods.values()]
        level = ANYONE if free and all(one == ANYONE for one in levels) else min(filter(None, levels), default=ADMIN)
        return JsonRoute(self, level)

    def read(self, ask: Ask) -> dict[str, Any] | None:
        """The envelope, or None when the request is none."""
        kind = ask.request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if ask.request.method != "POST" or kind != "application/json":
            return None
        try:
            message = json.loads(ask.request.body)
        except (ValueError, RecursionError):
            return None
        return message if isinstance(message, dict) and isinstance(message.get("method"), str) else None

    def known(self, ask: Ask) -> tuple[Method, bool, int] | None:
        message = self.read(ask)
        return self.methods.get(message["method"]) if message else None

    def operation(self, ask: Ask) -> str:
        message = self.read(ask)
        return f"{self.name} {message['method'][:60] if message else ''}".strip()

    def writes(self, ask: Ask) -> bool:
        found = self.known(ask)
        return bool(found and found[1])

    def answer(self, device: VapixDevice, ask: Ask) -> Response:
        message = self.read(ask)
        version = device.model["json"][self.identity]
        if message is None:
            return _reply({"apiVersion": version, "error": {"code": INVALID_REQUEST, "message": "Invalid request"}})
        head = {"apiVersion": message.get("apiVersion", version)}
        head |= {"context": message["context"]} if "context" in message else {}
        head["method"] = message["method"]
        try:
            return _reply(head | {"data": self.call(device, message, version)})
        except ApiError as error:
            return _reply(head | {"error": error.body()})

    def call(self, device: VapixDevice, message: dict[str, Any], version: str) -> dict[str, Any]:
        if message["method"] == "getSupportedVersions":
            return {"apiVersions": [version]}
        found = self.methods.get(message["method"])
        if found is None:
            raise ApiError(UNKNOWN_METHOD, "Method not supported")
        if str(message.get("apiVersion", "")).partition(".")[0] != version.partition(".")[0]:
            raise ApiError(UNKNOWN_VERSION, "Version not supported")
        params = message.get("params", {})
        if not isinstance(params, dict):
            raise ApiError(INVALID_REQUEST, "Invalid request")
        return found[0](device, params)

    def refusal(self, device: VapixDevice, ask: Ask) -> Response:
        message = self.read(ask) or {}
        error = {"code": 1000, "message": "Internal error"}
        return _reply({"apiVersion": message.get("apiVersion"), "method": message.get("method"), "error": error})

    def taken(self, device: VapixDevice, ask: Ask) -> Response:
        message = self.read(ask) or {}
        return _reply({"apiVersion": message.get("apiVersion"), "method": message.get("method"), "data": {}})


class JsonRoute(Route):
    """A route whose level depends on the method: some methods need no login."""

    def __init__(self, cgi: _Cgi, level: int) -> None:
        super().__init__(level, cgi.answer, cgi.operation, cgi.writes, cgi.refusal, cgi.taken)
        object.__setattr__(self, "cgi", cgi)

    def needs(self, ask: Ask) -> int:
        found = self.cgi.known(ask)  # type: ignore[attr-defined]
        return found[2] if found else self.level


def _reply(body: dict[str, Any]) -> Response:
    return Response(200, [("Content-Type", "application/json;charset=utf8")], json.dumps(body).encode())


# -- identity ----------------------------------------------------------------------------------------------------
_discovery = api("apidiscovery.cgi", "api-discovery")
_info = api("basicdeviceinfo.cgi", "basic-device-info")
_ready = api("systemready.cgi", "systemready")


@_discovery("getApiList", level=VIEWER)
def _api_list(device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    rows = []
    for identity, version in device.model["json"].items():
        row = {"id": identity, "version": version, "name": NAMES.get(identity, identity)}
        row |= {"status": "official" if identity != "param-cgi" else ""} if device.model.get("api_status") else {}
        rows.append(row | {"docLink": "" if identity == "packagemanager" else LINK})
    return {"apiList": rows}


def properties(device: VapixDevice) -> dict[str, str]:
    tree = device.tree
    rows = {key: tree.get(f"Brand.{key}") for key in ("Brand", "ProdNbr", "ProdFullName", "ProdShortName", "ProdType",
                                                      "ProdVariant", "WebURL")}  # fmt: skip
    rows |= {key: tree.get(f"Properties.System.{key}") for key in ("Architecture", "HardwareID", "SerialNumber", "Soc")}
    rows |= {"Version": tree.get("Properties.Firmware.Version"), "BuildDate": tree.get("Properties.Firmware.BuildDate")}
    return rows | {"SocSerialNumber": ""}


@_info("getAllProperties", level=VIEWER)
def _all_properties(device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    return {"propertyList": properties(device)}


@_info("getAllUnrestrictedProperties", level=ANYONE)
def _unrestricted(device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    hidden = ("Architecture", "Soc", "SocSerialNumber")
    return {"propertyList": {key: value for key, value in properties(device).items() if key not in hidden}}


@_ready("systemready", level=ANYONE)
def _systemready(device: VapixDevice, _unused_params: dict[str, Any]) -> dict[str, Any]:
    data = {"systemready": "yes", "needsetup": "yes" if device.accounts.needs_setup else "no"}
    version = tuple(map(int, device.model["json"]["systemready"].split(".")))
    if version >= (1, 4):
        data |= {"uptime": str(int(time.monotonic() - device.booted)), "bootid": device.bootid, "previewmode": "0",
                 "passphrasepolicy": device.accounts.complexity}  # fmt: skip
    return data


def ntp_state(device: VapixDevice) -> dict[str, Any]:
    """What ntp.cgi knows beside the parameters."""
    given = device.model.get("ntp") or {}
    server = device.tree.get("Time.NTP.Server")
    own = [server] if server not in ("", "0.0.0.0") else []
    return {
        "serversSource": "DHCP" if device.tree.is_on("Time.ObtainFromDHCP") else "static",
        "staticServers": own,
        "advertisedServers": [],
        "NTSEnabled": False,
        "staticNTSKEServers": [],
    } | given

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Intrusions that change a simulated Hanwha camera behind its owner's back."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from .state import user

if TYPE_CHECKING:
    from .device import SunapiDevice

ATTACKS = {
    "new-account": "an administrator `support` appears",
    "rename": "the device name and the location change",
    "ddns-on": "the dynamic DNS client is switched on",
    "dns-changed": "the DNS servers are replaced by a foreign one",
    "service-opened": "HTTP is switched on again, or UPnP or SNMP when HTTP is on already",
    "open-filter": "the source filter lets everybody in",
    "open-stream": "the video stream is given without a login",
    "firmware-changed": "the firmware is another one",
}


def play(device: SunapiDevice, name: str) -> str:
    """Change the state directly (no request, no line in the request log); one sentence says what was done."""
    state = device.state
    if name == "new-account":
        rows = [row for row in copy.deepcopy(state["security"]["users"]) if row["UserID"] != "support"]
        places = [row for row in rows if not row["Enable"] and row["Index"]]
        index = places[0]["Index"] if places else min(set(range(1, 11)) - {row["Index"] for row in rows})
        rows = [row for row in rows if row["Index"] != index] + [user(index, "support", "support", admin=True)]
        device.force("security", "users", sorted(rows, key=lambda row: row["Index"]))
        return "The administrator account support was created."
    if name == "rename":
        _lay(device, "system", "deviceinfo", DeviceName="owned", DeviceLocation="owned")
        return "The device was renamed to owned."
    if name == "ddns-on":
        _lay(device, "network", "dynamicdns", Type="PublicDDNS", PublicServiceEntry="ddns.example",
             PublicHostName="backdoor.ddns.example", Status="Success")  # fmt: skip
        return "The dynamic DNS client was switched on for backdoor.ddns.example."
    if name == "dns-changed":
        _lay(device, "network", "dns", Type="Manual", PrimaryDNS="203.0.113.53")
        return "The DNS server was changed to 203.0.113.53."
    if name == "service-opened":
        return _open_service(device)
    if name == "open-filter":
        device.force("security", "ipfilter", {"AccessType": "Deny", "IPv4": [], "IPv6": []})
        return "The source filter was opened for everybody."
    if name == "open-stream":
        _lay(device, "security", "rtsp", RTSPAuthentication="Anonymous")
        return "The video stream was opened for everybody."
    if name == "firmware-changed":
        version = f"{state['system']['deviceinfo']['FirmwareVersion']}-mod"
        _lay(device, "system", "deviceinfo", FirmwareVersion=version)
        return f"The firmware was changed to {version}."
    raise KeyError(f"{device.name}: no attack {name!r}; known: {', '.join(ATTACKS)}")


def _lay(device: SunapiDevice, cgi: str, menu: str, **values: object) -> None:
    device.force(cgi, menu, device.state[cgi][menu] | values)


def _open_service(device: SunapiDevice) -> str:
    policy = device.state["security"]["ssl"]["Policy"]
    if policy in ("HTTPSProprietary", "HTTPSPublic"):
        _lay(device, "security", "ssl", Policy=policy.replace("HTTPS", "HTTPandHTTPS"))
        return f"HTTP was switched on again at port {device.state['network']['http']['Port']}."
    if not device.state["network"]["upnpdiscovery"]["Enable"]:
        _lay(device, "network", "upnpdiscovery", Enable=True)
        return "UPnP was switched on."
    _lay(device, "network", "snmp", Version1=True, Version2=True)
    return "SNMP versions 1 and 2 were switched on."

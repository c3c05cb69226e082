# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Intrusions that change a simulated ONVIF device behind its owner's back."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .device import OnvifDevice

ATTACKS = {
    "new-account": "an administrator `support` appears",
    "rename": "the host name and the name scope change",
    "ddns-on": "the dynamic DNS client is switched on",
    "dns-changed": "the DNS servers are replaced by a foreign one",
    "service-opened": "HTTP is switched on again, or telnet or FTP opened when HTTP is on already",
    "open-filter": "the source filter lets everybody in",
    "weaken-account": "the lowest account becomes an administrator, or a lone administrator gets the factory password",
    "firmware-changed": "the firmware is another one",
}


def play(device: OnvifDevice, name: str) -> str:
    """Change the state directly (no request, no log line of the request log); one sentence says what was done."""
    state = device.state
    if name == "new-account":
        user = {"Username": "support", "Password": "support", "UserLevel": "Administrator", "fixed": False}
        _force(device, "users", [u for u in state["users"] if u["Username"] != "support"] + [user])
        return "The administrator account support was created."
    if name == "rename":
        _force(device, "hostname", {"FromDHCP": False, "Name": "owned"})
        scopes = copy.deepcopy(state["scopes"])
        for scope in scopes:
            if "/name/" in scope["ScopeItem"]:
                scope["ScopeItem"] = "onvif://www.onvif.org/name/owned"
        _force(device, "scopes", scopes)
        return "The device was renamed to owned."
    if name == "ddns-on":
        _force(device, "dynamic_dns", {"Type": "ClientUpdates", "Name": "backdoor.ddns.example", "TTL": "PT1H"})
        return "The dynamic DNS client was switched on for backdoor.ddns.example."
    if name == "dns-changed":
        _force(device, "dns", state["dns"] | {"DNSManual": [{"Type": "IPv4", "IPv4Address": "203.0.113.53"}]})
        return "The DNS server was changed to 203.0.113.53."
    if name == "service-opened":
        return _open_service(device)
    if name == "open-filter":
        _force(device, "ip_filter", {"Type": "Deny", "IPv4Address": [], "IPv6Address": []})
        return "The source filter was opened for everybody."
    if name == "weaken-account":
        return _weaken(device)
    if name == "firmware-changed":
        version = f"{state['information']['FirmwareVersion']}-mod"
        _force(device, "information", state["information"] | {"FirmwareVersion": version})
        return f"The firmware was changed to {version}."
    raise KeyError(f"{device.name}: no attack {name!r}; known: {', '.join(ATTACKS)}")


def _force(device: OnvifDevice, key: str, value: object) -> None:
    """Into force and into memory, whatever faults the device has."""
    device.state[key] = copy.deepcopy(value)
    device.stored[key] = copy.deepcopy(value)


def _open_service(device: OnvifDevice) -> str:
    protocols = copy.deepcopy(device.state["protocols"])
    http = next((protocol for protocol in protocols if protocol["Name"] == "HTTP"), None)
    if http is not None and not http["Enabled"]:
        http["Enabled"] = True
        _force(device, "protocols", protocols)
        return f"HTTP was switched on again at port {http['Port'][0]}."
    services = device.state["extra_services"]
    name = next((name for name in ("telnet", "ftp", "ssh") if not services.get(name)), "telnet")
    _force(device, "extra_services", services | {name: True})
    return f"{name} was opened at port {device.service_port(name)}."


def _weaken(device: OnvifDevice) -> str:
    users = copy.deepcopy(device.state["users"])
    lowest = [user for user in users if user["UserLevel"] in ("User", "Operator")]
    if lowest:
        lowest[-1]["UserLevel"] = "Administrator"
        _force(device, "users", users)
        return f"The account {lowest[-1]['Username']!r} was made an administrator."
    users[0]["Password"] = device.factory["users"][0]["Password"] if device.factory["users"] else "12345"
    _force(device, "users", users)
    return f"The account {users[0]['Username']!r} got the factory password."

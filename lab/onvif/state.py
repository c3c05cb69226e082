# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The starting state of a simulated ONVIF device, in ONVIF's own words and types.

A model file gives what differs from the values here; each top-level key of the state may stand in the model.
"""

from __future__ import annotations

import copy
import hashlib
import uuid
from typing import Any

# Strings that break consoles, templates, pages, spreadsheets and file names (H34, H37).
HOSTILE = [
    "{{ 7*7 }}",
    "{{ lookup('pipe','id') }}",
    "</td><script>alert(1)</script>",
    "=cmd|'/c calc'!A1",
    "../../etc/cron.d/x",
    "a\x00b",
    "line one\nline two",
    "\u202egnp.exe",
    "\u30ab\u30e1\u30e9\U0001f4f7",
    "\x1b]0;owned\x07\x1b[31mred",
    "A" * 10_000,
]
# Accounts that look like `admin` and are others (H35).
LOOKALIKES = ["admin ", "\u0430dmin", "admin\u200b", "Admin"]


def serial(model: dict[str, Any], name: str) -> str:
    return f"{model.get('serial_prefix', 'SIM')}{int(hashlib.sha256(name.encode()).hexdigest()[:10], 16):013d}"


def hardware_address(name: str) -> str:
    """A locally administered address made from the device's name, `02:..`."""
    return ":".join(["02", *(f"{byte:02x}" for byte in hashlib.sha256(name.encode()).digest()[:5])])


def endpoint(name: str) -> str:
    """The device's WS-Discovery endpoint reference, the same after every start."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_DNS, f'{name}.simulated.invalid')}"


def factory_state(model: dict[str, Any], name: str, address: str, ports: dict[str, int]) -> dict[str, Any]:
    """The state of a device fresh from the factory; a deep copy, so that devices share nothing."""
    label = model.get("model", "IPC-1000")
    hardware = hardware_address(name)
    gateway = address.rpartition(".")[0] + ".1"
    state: dict[str, Any] = {
        "information": {
            "Manufacturer": model.get("manufacturer", "SIMULATED Optics"),
            "Model": label,
            "FirmwareVersion": str(model.get("firmware", "1.0.0")),
            "SerialNumber": serial(model, name),
            "HardwareId": str(model.get("hardware", "HW-1.0")),
        },
        "users": [{"Username": "admin", "Password": "12345", "UserLevel": "Administrator", "fixed": True}],
        "protocols": [
            {"Name": "HTTP", "Enabled": True, "Port": [ports["http"]]},
            {"Name": "HTTPS", "Enabled": False, "Port": [ports["https"]]},
            {"Name": "RTSP", "Enabled": True, "Port": [ports["rtsp"]]},
        ],
        "hostname": {"FromDHCP": False, "Name": f"{label}-{hardware[-5:].replace(':', '')}"},
        "scopes": [
            {"ScopeDef": "Fixed", "ScopeItem": "onvif://www.onvif.org/type/Network_Video_Transmitter"},
            {"ScopeDef": "Fixed", "ScopeItem": "onvif://www.onvif.org/Profile/Streaming"},
            {"ScopeDef": "Fixed", "ScopeItem": f"onvif://www.onvif.org/hardware/{label}"},
            {"ScopeDef": "Configurable", "ScopeItem": f"onvif://www.onvif.org/name/{label}"},
            {"ScopeDef": "Configurable", "ScopeItem": "onvif://www.onvif.org/location/hangzhou"},
        ],
        "ntp": {"FromDHCP": False, "NTPManual": [{"Type": "DNS", "DNSname": "pool.ntp.example"}]},
        "datetime": {"DateTimeType": "Manual", "DaylightSavings": False, "TZ": "CST-8"},
        "discovery_mode": "Discoverable",
        "zero_configuration": {"InterfaceToken": "eth0", "Enabled": True, "Addresses": ["169.254.17.5"]},
        "dynamic_dns": {"Type": "NoUpdate", "Name": "", "TTL": ""},
        "dns": {"FromDHCP": False, "SearchDomain": [], "DNSManual": [{"Type": "IPv4", "IPv4Address": gateway}]},
        "gateway": {"IPv4Address": [gateway], "IPv6Address": []},
        "interface": {
            "token": "eth0",
            "Enabled": True,
            "Name": "eth0",
            "HwAddress": hardware,
            "MTU": 1500,
            "Address": address,
            "PrefixLength": 24,
            "DHCP": False,
        },
        "ip_filter": {"Type": "Deny", "IPv4Address": [], "IPv6Address": []},
        # Listeners that ONVIF has no switch for: name -> open
        "extra_services": {},
    }
    for key in state:
        if key in model:
            given = copy.deepcopy(model[key])
            state[key] = state[key] | given if isinstance(state[key], dict) and isinstance(given, dict) else given
    for protocol in state["protocols"]:  # a model names no port: the lab gives them
        protocol.setdefault("Port", [ports[protocol["Name"].lower()]])
    for user in state["users"]:
        user.setdefault("fixed", False)
        user["Password"] = str(user["Password"])
    return state

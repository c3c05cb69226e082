# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The starting state of a simulated Hanwha camera, in SUNAPI's own form: cgi > submenu > parameter."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

# Strings that break consoles, templates, pages, spreadsheets and file names (H34, H37).
HOSTILE = [
    "{{ 7*7 }}",
    "{{ lookup('pipe','id') }}",
    "</td><script>alert(1)</script>",
    "=cmd|'/c calc'!A1",
    "../../etc/cron.d/x",
    "line one\nline two",
    "\u202egnp.exe",
    "\x1b]0;owned\x07\x1b[31mred",
]
# Accounts that look like `admin` and are others (H35).
LOOKALIKES = ["admin ", "\u0430dmin", "admin\u200b", "Admin"]
RIGHTS = (
    "VideoProfileAccess", "PTZAccess", "AudioInAccess", "AudioOutAccess", "AlarmOutputAccess", "AdminAccess",
    "PrivacyAreaAccess",
)  # fmt: skip
# Index -> zone. 33 and 83 were seen on devices (fact sheet, date); the others are the lab's own.
ZONES = {
    0: "STWT12",
    33: "STWT0STWST,M3.5.0/1,M10.5.0",
    36: "STWT-1STWST,M3.5.0/2,M10.5.0/3",
    71: "STWT-8",
    83: "STWT-9",
}
TLS = ("TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3")
SECRET_NAMES = ("Password", "PublicPassword", "UserPassword", "EAPOLPassword", "ReadCommunity", "WriteCommunity",
                "Community")  # fmt: skip


def serial(name: str) -> str:
    return f"SIMZ{int(hashlib.sha256(name.encode()).hexdigest()[:8], 16):010d}"


def hardware_address(name: str) -> str:
    """A locally administered address made from the device's name."""
    return ":".join(["02", *(f"{byte:02X}" for byte in hashlib.sha256(name.encode()).digest()[:5])])


def user(index: int, name: str, password: str = "", enable: bool = True, admin: bool = False) -> dict[str, Any]:
    """One row of security.users; a right that is not named is off."""
    rights = dict.fromkeys(RIGHTS, admin)
    return {"Index": index, "UserID": name, "Password": password, "Enable": enable, **rights}


def factory_state(model: dict[str, Any], name: str, address: str, ports: dict[str, int]) -> dict[str, Any]:
    """Fresh from the factory, with what the model's `menus` lay over it; devices share nothing."""
    hardware = hardware_address(name)
    gateway = address.rpartition(".")[0] + ".1"
    label = str(model.get("model", "SIM-6082R"))
    state: dict[str, Any] = {
        "security": {
            "users": _users(model),
            "guest": {"Enable": False},
            "rtsp": {"RTSPAuthentication": "Protected"},
            "ipfilter": {"AccessType": "Deny", "IPv4": [], "IPv6": []},
            "ssl": {
                "Policy": "HTTP",
                "CertificateInUse": "",
                "PublicCertificateInstalled": False,
                "ClientCertificateAuthenticationEnable": False,
                "Certificates": [_certificate(address)],
            },
            "tlsversion": {f"Version.{version}.Enable": True for version in TLS} | {"CipherMode": "Compatible"},
            "802Dot1x": {
                "InterfaceName": "NetworkInterface1",
                "Enable": False,
                "EAPOLVersion": "1",
                "EAPOLId": "",
                "EAPOLPassword": "",
                "EAPOLType": "EAP-TLS",
                "Status": "Stopped",
            },
        },
        "network": {
            "http": {"Port": ports["http"]},
            "https": {"Port": ports["https"]},
            "rtsp": {"Port": ports["rtsp"], "Timeout": 60},
            "interface": {
                "InterfaceName": "Network1",
                "MACAddress": hardware,
                "HostName": f"{label}-{hardware.replace(':', '')}",
                "IPv4Type": "Manual",
                "IPv4Address": address,
                "IPv4SubnetMask": "255.255.255.0",
                "IPv4PrefixLength": 24,
                "IPv4Gateway": gateway,
            },
            "dns": {"InterfaceName": "Network1", "Type": "Manual", "PrimaryDNS": gateway, "SecondaryDNS": "0.0.0.0"},
            "snmp": {
                "Version1": False,
                "Version2": True,
                "Version3": False,
                "ReadCommunity": "public",
                "WriteCommunity": "write",
                "UserName": "",
                "UserPassword": "",
            },
            "snmptrap": {"Enable": False, "Address": "", "Community": "public"},
            "upnpdiscovery": {"Enable": True, "FriendlyName": f"WISENET-{label}-{hardware.replace(':', '')}"},
            "bonjour": {"Enable": True, "FriendlyName": f"WISENET-{label}-{hardware.replace(':', '')}"},
            "zeroconf": {"Enable": True, "IPAddress": "169.254.20.7", "SubnetMask": "255.255.0.0"},
            "dynamicdns": {
                "Type": "Off",
                "SamsungServerName": "www.ddns.example",
                "SamsungProductID": "",
                "SamsungQuickConnect": False,
                "PublicServiceEntry": "",
                "PublicHostName": "",
                "PublicUserName": "",
                "PublicPassword": "",
                "Status": "Off",
            },
        },
        "system": {
            "deviceinfo": {
                "Model": label,
                "SerialNumber": serial(name),
                "FirmwareVersion": str(model.get("firmware", "1.41.18_20250318_R100")),
                "BuildDate": "2025.03.18",
                "WebURL": "http://vendor.example/",
                "DeviceType": "NWC",
                "ConnectedMACAddress": hardware,
                "BootloaderVersion": "    ",
                "CGIVersion": str(model.get("cgi_version", "2.6.3")),
                "ONVIFVersion": "20.12",
                "DeviceName": "Camera",
                "DeviceLocation": "Location",
                "DeviceDescription": "Description",
                "Memo": "Memo",
                "Language": "English",
                "PasswordStrength": "Strong",
                "OpenSDKVersion": "4.02_220405",
            },
            "date": {
                "SyncType": "Manual",
                "NTPURLList": ["pool.ntp.example", "asia.pool.ntp.example"],
                "DSTEnable": False,
                "TimeZoneIndex": 33,
                "POSIXTimeZone": ZONES[33],
            },
            "storageinfo": [
                {"Storage": 1, "Type": "DAS", "Enable": True, "Status": "Normal", "TotalSpace": 29813,
                 "UsedSpace": 1204},
            ],
        },
        "eventsources": {
            "tamperingdetection": [
                {"Channel": 0, "Enable": False, "ThresholdLevel": 50, "SensitivityLevel": 80, "Duration": 3}
            ]
        },
        "recording": {"storage": {"Enable": True, "OverWrite": True}},
        "transfer": {
            "ftp": {"Host": "", "Port": 21, "Username": "", "Password": "", "Path": "", "Encryption": "None"},
            "smtp": {"Host": "", "Port": 25, "Username": "", "Password": "", "Authentication": False,
                     "Encryption": "None"},
        },
        "opensdk": {"apps": [{"AppID": "WiseAI", "AppName": "WiseAI", "Version": "1.2.0", "Status": "Running"}]},
    }  # fmt: skip
    for cgi, menus in model.get("menus", {}).items():
        for menu, values in menus.items():
            given = copy.deepcopy(values)
            old = state[cgi][menu]
            state[cgi][menu] = old | given if isinstance(old, dict) and isinstance(given, dict) else given
    return state


def _users(model: dict[str, Any]) -> list[dict[str, Any]]:
    """The accounts the model names, each at its place, and disabled places where the model has `user_slots`."""
    password = str(model.get("password", ""))
    rows = [user(0, "admin", password, admin=True)]
    for index, given in enumerate(model.get("users", ()), 1):
        row = user(index, str(given["UserID"]), str(given.get("Password", "")), admin=bool(given.get("AdminAccess")))
        rows.append(row | {key: value for key, value in given.items() if key not in ("UserID", "Password")})
    if model.get("user_slots"):
        rows += [user(index, f"user{index}", "", enable=False) for index in range(len(rows), 11)]
    return rows


def _certificate(address: str) -> dict[str, Any]:
    return {
        "CertificateName": "HTW_default",
        "Type": "Unique",
        "Subject": f"/C=KR/O=SIMULATED/CN={address}",
        "SubjectAlternativeName": "-",
        "Issuer": "/C=KR/O=SIMULATED/CN=SIMULATED Device CA",
        "IssueDate": "Jan  1 00:00:00 2024 GMT",
        "ExpiryDate": "Jan  1 00:00:00 2044 GMT",
        "Version": "V3",
        "Thumbprint": hashlib.sha256(address.encode()).hexdigest(),
        "IsRemovable": False,
    }

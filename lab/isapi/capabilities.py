# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Capability documents: what a device says it has, and which values it takes."""

from __future__ import annotations

from typing import Any

from .xmldoc import ISAPI20, VER20, dump, find, make, parse

# Flag of NetworkCap -> the document it speaks of
NETWORK = {
    "isSupportIPFilter": "System/Network/ipFilter",
    "isSupportUpnp": "System/Network/UPnP",
    "isSupportDdns": "System/Network/DDNS",
    "isSupportFtp": "System/Network/ftp",
    "isSupportEZVIZ": "System/Network/EZVIZ",
    "isSupportEhome": "System/Network/Ehome",
    "isSupportIntegrate": "System/Network/Integrate",
    "isSupportPPPoE": "System/Network/PPPoE",
}


def _flag(device: Any, on: bool) -> str:
    return str(on != ("H08" in device.faults)).lower()


def system_capabilities(device: Any) -> str:
    """DeviceCap: flags follow the documents the device has; `flags` of the model adds or replaces some."""
    have = device.documents
    root = parse(f'<DeviceCap version="2.0" xmlns="{VER20}"><SysCap></SysCap><SecurityCap></SecurityCap></DeviceCap>')
    system, security = root
    network = make(system, "NetworkCap")
    protocols = {row["protocol"] for row in device.rows("Security/adminAccesses", "AdminAccessProtocol")}
    flags = {"isSupportHttps": "HTTPS" in protocols, "isSupport802_1x": False, "isSupportMACFilter": False}
    flags |= {name: path in have for name, path in NETWORK.items()}
    flags |= {"isSupportWebSocket": "WebSocket" in protocols, "isSupportWebSocketS": "WebSocketS" in protocols}
    for name, on in {**flags, **(device.model.get("flags") or {})}.items():
        make(network, name, _flag(device, bool(on)))
    make(make(network, "SnmpCap"), "isSupport", _flag(device, "System/Network/SNMP" in have))
    make(security, "supportUserNums", "32")
    make(security, "userBondIpNums", "1")
    if "Security/illegalLoginLock" in have and device.model.get("lock_flag", True):
        make(security, "issupIllegalLoginLock", _flag(device, True))
    make(security, "isSupportUserCheck", _flag(device, True))
    make(security, "isSupportConfigFileExport", _flag(device, True))
    make(security, "isSupportConfigFileImport", _flag(device, True))
    if "Security/UserPermission/anonymouslogin" in have:
        make(security, "isSupportAnonymous", "false")
    if "Security/webCertificate" in have:
        cap = make(security, "WebCertificateCap")
        make(cap, "CertificateType").set("opt", "digest,digest/basic")
        if device.value("Security/webCertificate", "SecurityAlgorithm/algorithmType"):
            make(make(cap, "SecurityAlgorithm"), "algorithmType").set("opt", "MD5,SHA256,MD5/SHA256")
    length = make(security, "LoginPasswordLenLimit")
    length.set("min", "1")
    length.set("max", str(device.users.length))
    make(root, "EventCap")
    event = root[-1]
    make(event, "isSupportMotionDetection", "true")
    make(event, "isSupportTamperDetection", _flag(device, any("tamperDetection" in path for path in have)))
    make(root, "RacmCap")
    make(root[-1], "isSupportRaid", _flag(device, bool(device.model.get("raid"))))
    return dump(root)


def capabilities(device: Any, path: str) -> str | None:
    """The capability document of one path; None when the device has none."""
    given = (device.model.get("capabilities") or {}).get(path)
    if given is not None:
        return dump(parse(given))
    if path not in device.documents or path in device.model.get("without_capabilities", ()):
        return None
    if path == "Security/illegalLoginLock":
        root = parse(f'<IllegalLoginLock version="2.0" xmlns="{ISAPI20}"></IllegalLoginLock>')
        make(root, "enabled").set("opt", "true,false")
        for name, (low, high) in device.model.get("lock_limits", device.lock_ranges).items():
            if not device.value(path, name):
                continue
            element = make(root, name)
            for key, value in (("min", low), ("max", high), ("def", 7 if name == "maxIllegalLoginTimes" else 30)):
                element.set(key, str(value))
        return dump(root)
    if path == "System/Network/ipFilter":
        root = parse(device.documents[path])
        entries = find(root, "IPFilterAddressList")
        if entries is not None and not len(entries):
            entries.append(device.validator.filter_entry(entries))
        return dump(root)
    return device.documents[path]

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Intrusions that change a simulated ISAPI device behind its owner's back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .device import IsapiDevice

ATTACKS = {
    "new-account": "an administrator `support` appears",
    "rename": "the device name changes",
    "ddns-on": "the dynamic DNS client is switched on for a foreign name",
    "dns-changed": "the DNS server is replaced by a foreign one",
    "service-opened": "HTTP is switched on again; when it is on already, SSH, telnet or SNMP",
    "cloud-on": "the maker's cloud is switched on",
    "open-filter": "the address filter lets everybody in",
    "weaken-account": "the lowest account becomes an administrator",
    "firmware-changed": "the firmware is another one",
}
NAMESERVER = "203.0.113.53"


def play(device: IsapiDevice, name: str) -> str:
    """Change the state directly (no request, no line of the request log); one sentence says what was done."""
    if name == "new-account":
        device.users.rows[:] = [row for row in device.users.rows if row["userName"] != "support"]
        taken = {int(row["id"]) for row in device.users.rows}
        number = str(next(free for free in range(2, 40) if free not in taken))
        row = {"id": number, "userName": "support", "userLevel": "Administrator", "password": "support"}
        device.users.store(row)
        device.give_rights(row)
        device.keep_users()
        return "The administrator account support was created."
    if name == "rename":
        device.edit("System/deviceInfo", "deviceName", "owned")
        return "The device was renamed to owned."
    if name == "ddns-on":
        device.edit("System/Network/DDNS", "enabled", "true", "1")
        device.edit("System/Network/DDNS", "deviceDomainName", "backdoor.ddns.example", "1")
        return "The dynamic DNS client was switched on for backdoor.ddns.example."
    if name == "dns-changed":
        device.edit("System/Network/interfaces", "IPAddress/PrimaryDNS/ipAddress", NAMESERVER, "1")
        return f"The DNS server was changed to {NAMESERVER}."
    if name == "service-opened":
        http = device.protocol("HTTP")
        if http.get("enabled") == "false":
            device.edit("Security/adminAccesses", "enabled", "true", http["id"])
            return f"HTTP was switched on again at port {http['portNo']}."
        for path, word in (("System/Network/ssh", "SSH"), ("System/Network/telnetd", "telnet")):
            if device.value(path, "enabled") == "false":
                device.edit(path, "enabled", "true")
                return f"{word} was opened."
        device.edit("System/Network/SNMP", "SNMPv1c/notificationEnabled", "true")
        return "SNMP was switched on."
    if name == "cloud-on":
        path = next(path for path in ("System/Network/EZVIZ", "System/Network/Ehome") if path in device.documents)
        device.edit(path, "enabled", "true")
        device.edit(path, "registerStatus", "true")
        return f"The maker's cloud ({path.rpartition('/')[2]}) was switched on, and the device is registered there."
    if name == "open-filter":
        device.edit("System/Network/ipFilter", "enabled", "false")
        return "The address filter was opened for everybody."
    if name == "weaken-account":
        low = [row for row in device.users.rows if row["userLevel"] != "Administrator"]
        row = low[-1] if low else device.users.rows[0]
        row |= {"userLevel": "Administrator"} if low else {"password": "Admin12345"}
        device.keep_users()
        done = "was made an administrator" if low else "got a password from the list of known ones"
        return f"The account {row['userName']!r} {done}."
    if name == "firmware-changed":
        version = device.value("System/deviceInfo", "firmwareVersion") + "-mod"
        device.edit("System/deviceInfo", "firmwareVersion", version)
        return f"The firmware was changed to {version}."
    raise KeyError(f"{device.name}: no attack {name!r}; known: {', '.join(ATTACKS)}")

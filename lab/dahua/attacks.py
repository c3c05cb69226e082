# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Intrusions that change a simulated Dahua device behind its owner's back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .device import DahuaDevice

ATTACKS = {
    "new-account": "an administrator `support` appears",
    "rename": "the device and its first channel get another name",
    "ddns-on": "the dynamic DNS client is switched on",
    "dns-changed": "the first DNS server is replaced by a foreign one",
    "service-opened": "telnet is switched on, or SSH where there is no telnet",
    "cloud-on": "the connection to the maker's cloud (P2P) is switched on",
    "open-filter": "the source filter lets everybody in",
    "weaken-account": "the last account of the group user becomes an administrator",
    "firmware-changed": "the firmware is another one",
}


def play(device: DahuaDevice, name: str) -> str:
    """Change the state directly (no request, no line of the request log); one sentence says what was done."""
    if name not in ATTACKS:
        raise KeyError(f"{device.name}: no attack {name!r}; known: {', '.join(ATTACKS)}")
    return _PLAYS[name](device)


def _new_account(device: DahuaDevice) -> str:
    device.users.force("support", "support", "admin")
    return "The administrator account support was created."


def _rename(device: DahuaDevice) -> str:
    device.force("General.MachineName", "owned")
    device.force("ChannelTitle[0].Name", "owned")
    return "The device was renamed to owned."


def _ddns(device: DahuaDevice) -> str:
    device.force("DDNS[0].Enable", True)
    device.force("DDNS[0].HostName", "backdoor.ddns.example")
    return "The dynamic DNS client was switched on for backdoor.ddns.example."


def _dns(device: DahuaDevice) -> str:
    card = device.tables["Network"]["DefaultInterface"]
    device.force(f"Network.{card}.DnsServers[0]", "203.0.113.53")
    return "The DNS server was changed to 203.0.113.53."


def _service(device: DahuaDevice) -> str:
    name = next((name for name in ("Telnet", "SSHD") if name in device.tables), None)
    if name is None:
        device.force("UPnP.Enable", True)
        return "UPnP was switched on."
    device.force(f"{name}.Enable", True)
    return f"{name} was switched on."


def _cloud(device: DahuaDevice) -> str:
    shape = device.tables["T2UServer"]
    device.force("T2UServer[0].Enable" if isinstance(shape, list) else "T2UServer.Enable", True)
    return "The connection to the maker's cloud was switched on."


def _open_filter(device: DahuaDevice) -> str:
    device.force("AccessFilter.Enable", False)
    return "The source filter was switched off."


def _weaken(device: DahuaDevice) -> str:
    low = [user for user in device.users.all if user["Group"] != "admin"]
    if not low:
        device.users.force("service", "service", "admin")
        return "The administrator account service was created."
    low[-1]["Group"] = "admin"
    device.users.keep()
    return f"The account {low[-1]['Name']!r} was made an administrator."


def _firmware(device: DahuaDevice) -> str:
    device.identity["version"] += ".M"
    return f"The firmware was changed to {device.identity['version']}."


_PLAYS: dict[str, Callable[[DahuaDevice], str]] = dict(
    zip(
        ATTACKS,
        (_new_account, _rename, _ddns, _dns, _service, _cloud, _open_filter, _weaken, _firmware),
        strict=True,
    )
)

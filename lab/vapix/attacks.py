# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Intrusions that change a simulated AXIS device behind its owner's back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .accounts import User

if TYPE_CHECKING:
    from .device import VapixDevice

ATTACKS = {
    "new-account": "an administrator `support` appears",
    "rename": "host name and friendly names change",
    "ddns-on": "dynamic DNS update is switched on",
    "dns-changed": "the DNS servers are replaced by a foreign one",
    "service-opened": "FTP or SSH is switched on, or HTTP where there is neither",
    "port": "the HTTP server answers at a second port",
    "open-video": "video is given without a login",
    "open-filter": "the source filter and the firewall let everybody in",
    "cloud-on": "the remote service is switched on for good",
    "weaken-account": "the lowest account becomes an administrator, or a lone one gets a known password",
    "firmware-changed": "the firmware is another one",
}


def play(device: VapixDevice, name: str) -> str:
    """Change the state directly (no request, no line in the request log); one sentence says what was done."""
    if name not in ATTACKS:
        raise KeyError(f"{device.name}: no attack {name!r}; known: {', '.join(ATTACKS)}")
    told = globals()[f"_{name.replace('-', '_')}"](device)
    device.keep(force=True)
    return told


def _new_account(device: VapixDevice) -> str:
    device.accounts.users["support"] = User("support", "admin")
    return "The administrator account support was created."


def _rename(device: VapixDevice) -> str:
    for parameter in ("Network.HostName", "Network.VolatileHostName.HostName", "Network.Bonjour.FriendlyName",
                      "Network.UPnP.FriendlyName"):  # fmt: skip
        device.tree.put(parameter, "owned")
    return "The device was renamed to owned."


def _ddns_on(device: VapixDevice) -> str:
    for parameter, value in (("Enabled", "yes"), ("DNSName", "backdoor.ddns.example")):
        device.tree.put(f"Network.DNSUpdate.{parameter}", value)
    return "Dynamic DNS update was switched on for backdoor.ddns.example."


def _dns_changed(device: VapixDevice) -> str:
    for parameter, value in (
        ("Network.Resolver.ObtainFromDHCP", "no"), ("Network.DNSServer1", "203.0.113.53"),
        ("Network.DNSServer2", "0.0.0.0"),
    ):  # fmt: skip
        device.tree.put(parameter, value)
    device.apply_resolver()
    return "The DNS server was changed to 203.0.113.53."


def _service_opened(device: VapixDevice) -> str:
    for service in ("SSH", "FTP"):
        parameter = f"Network.{service}.Enabled"
        if parameter in device.tree.rows and not device.tree.is_on(parameter):
            device.tree.put(parameter, "yes")
            return f"{service} was switched on at port {device.ports[service.lower()]}."
    if set(device.policies().values()) == {"https"}:
        for role in device.policies():
            device.tree.put(f"System.BoaGroupPolicy.{role}", "both")
        return "HTTP was switched on again."
    if not device.tree.is_on("Network.UPnP.Enabled"):
        device.tree.put("Network.UPnP.Enabled", "yes")
        return "UPnP was switched on."
    return _port(device)


def _port(device: VapixDevice) -> str:
    device.tree.put("System.AlternateBoaPort", "8099")
    return "The HTTP server answers at port 8099 too."


def _open_video(device: VapixDevice) -> str:
    for parameter in ("System.BoaProtViewer", "Network.RTSP.ProtViewer"):
        device.tree.put(parameter, "anonymous")
    return "Video is given without a login."


def _open_filter(device: VapixDevice) -> str:
    device.tree.put("Network.Filter.Enabled", "no")
    device.firewall.activated = False
    return "The source filter and the firewall were opened for everybody."


def _cloud_on(device: VapixDevice) -> str:
    device.tree.put("RemoteService.Enabled", "yes")
    return "The remote service was switched on for good."


def _weaken_account(device: VapixDevice) -> str:
    users = device.accounts.users
    low = [name for name, user in users.items() if user.role != "admin"]
    if low:
        users[low[-1]].role = "admin"
        return f"The account {low[-1]!r} was made an administrator."
    name = next(iter(users))
    users[name].password = "1234" if users[name].password == "pass" else "pass"
    return f"The account {name!r} got a known password."


def _firmware_changed(device: VapixDevice) -> str:
    device.tree.put("Properties.Firmware.Version", f"{device.firmware}-mod")
    return f"The firmware was changed to {device.firmware}."

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of simulated Dahua devices by name, and what they change in the state when they begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..onvif.state import HOSTILE, LOOKALIKES

if TYPE_CHECKING:
    from .device import DahuaDevice

FAULTS = {
    "H01": "writes answer OK and change nothing",
    "H05": "configuration writes answer OK and show only after a restart",
    "H09": "an account of any group may do anything",
    "H12": "configuration writes answer status 200 with `Error` in the body, and nothing changes",
    "H13": "values out of range are accepted: numbers are clamped, any text switches a true/false value off",
    "H16": "configuration changes read back and are lost at power-off",
    "H21": "three failed logins lock the account for 60 s, whatever the table General says",
    "H23": "a table that is not there answers `Authority:check failure.`, as a denied one does",
    "H24-plain": "the JSON login asks for the password in clear text",
    "H34": "names carry hostile strings (model: hostile)",
    "H35": "accounts exist that look like admin",
    "H36-log": "the device's own log keeps the whole address of each request, with the passwords in it",
    "H41": "the device sees every caller under another address (…254 of its network)",
    "H42": "a client that is logged in stays so after its password was changed or its account deleted",
    "H49": "after a restart the device is in factory state",
}


def prepare(device: DahuaDevice, fault: str) -> None:
    """What a fault changes in the state at the moment it begins."""
    if fault == "H35":
        for name in LOOKALIKES:
            if device.users.find(name) is None:
                device.users.force(name, "12345", "admin")
    elif fault == "H34":
        hostile = [str(name) for name in device.model.get("hostile", HOSTILE)]

        def nth(index: int) -> str:
            return hostile[index % len(hostile)]

        device.identity |= {"type": nth(0), "vendor": nth(1)}
        device.force("General.MachineName", nth(2))
        device.force("Network.Hostname", nth(3))
        for index, row in enumerate(device.tables["ChannelTitle"]):
            row["Name"] = nth(index)
        # The line form has no way to write a line break inside a value: such names would be other lines.
        for name in dict.fromkeys(hostile):
            if not set(name) & set("\r\n\0") and device.users.find(name) is None:
                device.users.force(name, "12345", "user")

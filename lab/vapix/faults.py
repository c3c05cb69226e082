# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of simulated AXIS devices, by name."""

from __future__ import annotations

from typing import Any

FAULTS = {
    "H01": "writes answer as if done (OK, Modified account, data, success) and change nothing",
    "H03": "pwdgrp.cgi lists no account",
    "H04": "pwdgrp.cgi gives the accounts without a login",
    "H07-closed": "RTSP is reported as enabled and has no socket",
    "H07-open": "SSH and FTP answer although they are switched off",
    "H09": "every account may change settings",
    "H12": "writes answer 200 with the family's own error text and change nothing",
    "H13": "values outside their range are answered OK and stored clamped; a wrong word switches off",
    "H16": "changes live in memory only: read back fine, gone after a power cycle",
    "H34": "hostile texts as host name, friendly names, profile and image names",
    "H40": "HTTPS switched on is not listening before a restart",
    "H41": "the source filter sees another address than the caller's own",
    "H42": "a digest session that is in use survives the change of its password",
    "H49": "a restart brings the factory state back",
    "firewall-lost-confirm": "confirmRules is done, its answer is lost",
}
HOSTILE = (
    "{{ 7*7 }}{{ lookup('pipe','id') }}",
    "</td><script>alert(1)</script>",
    "=cmd|'/c calc'!A1",
    "../../etc/cron.d/x",
    "\x1b]0;owned\x07\x1b[31mred",
    "\u202egnp.exe \U0001f4f7",
)
NAMES = (
    "Network.HostName",
    "Network.Bonjour.FriendlyName",
    "Network.UPnP.FriendlyName",
    "Image.I0.Name",
    "StreamProfile.S0.Name",
    "StreamProfile.S0.Description",
)


class VapixFaults:
    """Mixed into the device; needs its attributes."""

    faults: set[str]

    def fault(self, name: str, on: bool = True) -> None:
        super().fault(name, on)  # type: ignore[misc]
        self.fault_switched(name, on)

    def fault_switched(self, name: str, on: bool) -> None:
        device: Any = self
        if name == "H34" and on:
            for parameter, text in zip(NAMES, HOSTILE, strict=True):
                device.tree.put(parameter, text)
            device.tree.put("Network.VolatileHostName.HostName", HOSTILE[0])
        elif name == "H42":
            device.door.digest.keeps_old_keys = on
        elif name == "H16":
            device.keep(force=True)

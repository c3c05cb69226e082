# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all parts of the lab's core share."""

from __future__ import annotations

import ipaddress

MARK = "SIMULATED"
_LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


class LabError(Exception):
    """What is wrong, in one sentence for the lab's user."""


def check_loopback(address: str) -> None:
    """Raises LabError unless `address` is an IPv4 address inside 127.0.0.0/8."""
    try:
        inside = ipaddress.ip_address(address) in _LOOPBACK
    except ValueError:
        inside = False
    if not inside:
        raise LabError(f"the lab binds loopback addresses (127.0.0.0/8) only, not {address!r}")

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of drivers. To add a family: one driver, one line here, one simulated device; nothing generic changes.

Imports are explicit, because only statically imported files travel to a gateway.
"""

from __future__ import annotations

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Driver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif import OnvifDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt import OpenWrtDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError

DRIVERS: dict[str, Driver] = {driver.family: driver for driver in (OnvifDriver(), OpenWrtDriver())}


def driver_for(family: str) -> Driver:
    """The driver of a family; InputError names the known ones."""
    try:
        return DRIVERS[family]
    except KeyError:
        raise InputError(
            f"nwcs_family {family!r} is not known.", f"Known families: {', '.join(sorted(DRIVERS))}."
        ) from None

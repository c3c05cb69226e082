# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of drivers. To add a family: one driver, one line here, one simulated device; nothing generic changes.

Imports are explicit, because only statically imported files travel to a gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Driver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.combined import CombinedDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.dahua import DahuaDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.ipro import IproDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi import IsapiDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.manual import ManualDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.motion import MotionDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.motioneye import MotionEyeDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif import OnvifDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt import OpenWrtDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.sunapi import SunapiDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.vapix import VapixDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.zoneminder import ZoneMinderDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError

DRIVERS: dict[str, Driver] = {
    driver.family: driver
    for driver in (
        OnvifDriver(),
        OpenWrtDriver(),
        IsapiDriver(),
        DahuaDriver(),
        SunapiDriver(),
        IproDriver(),
        VapixDriver(),
        MotionDriver(),
        ZoneMinderDriver(),
        MotionEyeDriver(),
    )
}

_MANUAL = ManualDriver()  # no API at all: not in the list that has a simulated device for every family


def driver_for(family: str, spec: Mapping[str, Any] | None = None) -> Driver:
    """The driver of a family; InputError names the known ones.

    spec  of a device (session.Session): with other APIs `beside`, the driver is one for all of them
    """
    spec = spec or {}
    main = _one(family, spec)
    beside = [_one(name, spec) for name in spec.get("beside") or ()]
    return CombinedDriver(main, beside, spec["beside"]) if beside else main


def _one(family: str, spec: Mapping[str, Any]) -> Driver:
    known = {**DRIVERS, "manual": _MANUAL}
    if family not in known:
        raise InputError(f"nwcs_family {family!r} is not known.", f"Known families: {', '.join(sorted(known))}.")
    return known[family].for_device(spec)

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated ONVIF devices. `FAMILIES` names the classes as model files do (`family:`)."""

from __future__ import annotations

from .device import OnvifDevice
from .recorder import OnvifRecorder

FAMILIES = {"onvif": OnvifDevice, "onvif-recorder": OnvifRecorder}

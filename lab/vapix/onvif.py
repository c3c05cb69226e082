# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ONVIF side of a simulated AXIS device: another world of accounts (fact sheet 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..onvif.auth import UsernameToken
from .ask import Ask, Route

if TYPE_CHECKING:
    from .device import VapixDevice


def new_door() -> UsernameToken:
    return UsernameToken(300.0, True)


def route(device: VapixDevice, ask: Ask) -> Route | None:
    return None


def probe_match(device: Any, probe: bytes) -> bytes | None:
    return None

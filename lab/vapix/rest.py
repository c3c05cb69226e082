# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The REST "Device Configuration" APIs of AXIS OS 11 and 12 (fact sheet 5)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..device import Response
from .ask import Ask, Route

if TYPE_CHECKING:
    from .device import VapixDevice


def reply(status: int, body: dict[str, Any]) -> Response:
    return Response(status, [("Content-Type", "application/json")], json.dumps(body).encode())


def not_there(ask: Ask) -> Response:
    return reply(404, {"status": "error", "error": {"code": 1, "message": f"Resource not found: {ask.path[:200]}"}})


def start_state(device: VapixDevice) -> dict[str, Any]:
    return {}


def route(device: VapixDevice, ask: Ask) -> Route | None:
    return None

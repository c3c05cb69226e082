# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorded exchanges of OpenWrt's daemons, as answers for tests."""

from __future__ import annotations

import json
from pathlib import Path

CAPTURES = Path(__file__).parents[1] / "captures" / "openwrt-ubus"


def exchanges(number):
    """Exchanges of one file ("04"), without the remarks about the server's side."""
    (path,) = CAPTURES.glob(f"{number}-*.json")
    return [exchange for exchange in json.loads(path.read_text())["exchanges"] if "request" in exchange]


def recorded(package):
    """The `values` of a whole uci package in factory state."""
    for exchange in exchanges("04"):
        if exchange["name"] == f"get whole config {package}":
            return exchange["response"]["body"]["result"][1]["values"]
    raise LookupError(package)

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A row for other items is no way to write this one."""

# pylint: disable=unused-import
from __future__ import annotations

from driver_cases import OPENWRT, rig, short_pauses  # noqa: F401


def test_a_service_that_is_shown_and_has_no_switch_is_read_only() -> None:
    with rig(OPENWRT) as run:
        assert run.readings()["services.dhcp.enabled"]["value"] is True
        result = run.harden({"services": {"dhcp": {"enabled": False}}})
        assert result["outcomes"]["services.dhcp.enabled"]["outcome"] == "read_only" and run.writes() == []

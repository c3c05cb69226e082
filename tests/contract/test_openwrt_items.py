# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which row of the OpenWrt tables speaks.

A row for other items is no way to write this one, and what the rights leave out is answered by the next.
"""

# pylint: disable=unused-import
from __future__ import annotations

import pytest
from driver_cases import OPENWRT, rig, short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.plugins.module_utils import reading
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import Refused
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session


def test_a_service_that_is_shown_and_has_no_switch_is_read_only() -> None:
    with rig(OPENWRT) as run:
        assert run.readings()["services.dhcp.enabled"]["value"] is True
        result = run.harden({"services": {"dhcp": {"enabled": False}}})
        assert result["outcomes"]["services.dhcp.enabled"]["outcome"] == "read_only" and run.writes() == []


@pytest.mark.parametrize(
    ("key", "without", "whole", "rest"),
    [
        ("services.ssh.enabled", "rc", ("dropbear", "rc"), ("dropbear",)),
        ("services.upnp.enabled", "rc", ("upnpd", "rc"), ("upnpd",)),
        ("nat.upnp", "rc", ("upnpd", "rc"), ("upnpd",)),
        ("nat.wan_admin", "uhttpd", ("firewall", "uhttpd", "dropbear", "network"), ("firewall",)),
        ("accounts.*.role", "rpcd", ("rpcd",), ("passwd",)),
    ],
)
def test_what_the_rights_leave_out_is_answered_by_the_next_row(
    key: str, without: str, whole: tuple[str, ...], rest: tuple[str, ...]
) -> None:
    with rig(OPENWRT) as run, Session(run.https()) as session:
        trees = reading.fetch(session)
        pattern = tuple(key.split("."))
        chosen = reading.fitting(session.driver, session.ctx, trees, pattern)
        assert chosen is not None and chosen.documents == whole
        chosen = reading.fitting(session.driver, session.ctx, {**trees, without: Refused("not granted")}, pattern)
        assert chosen is not None and chosen.documents == rest


def test_the_clock_is_read_by_the_call_that_knows_no_zone() -> None:
    with rig(OPENWRT, model="openwrt-factory", clock_offset=500) as run, Session(run.spec()) as session:
        trees = reading.fetch(session)
        trees["info"].pop("localtime")
        told = session.driver.clock(session.ctx, trees)
        assert told is not None
        device, controller = told
        assert abs((device - controller).total_seconds() - 500) < 3

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of ZoneMinder in the driver contract suite: HTTPS is the web server's, not ours to switch.

The raw looks take the program's own tables: nothing of the toolkit takes part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from family_row import Family, Write


def _config(name: str) -> Callable[[Any], Any]:
    return lambda device: device.state["configs"][name]


def _beyond(device: Any) -> None:
    device.force_config("ZM_COOKIE_LIFETIME", "99999")


def _rights(name: str) -> Callable[[Any], Any]:
    def look(device: Any) -> Any:
        user = device.user(name)
        return [user[area] for area in ("System", "Events", "Monitors")] if user else None

    return look


ROW = Family(
    name="zoneminder",
    model="zoneminder-1.36",
    login=("admin", "Minder-Old-1"),
    reading=7,
    paths=("/zm/api",),
    beyond=_beyond,
    has=frozenset(["accounts", "clock", "names"]),
    users=lambda device: device.roles(),
    has_password=lambda device, name, password: device.has_password(name, password),
    https_at_start=False,
    with_https={"front": True},
    ports={"telnet": [23, 2323]},
    cosmetic=("identity.name", "nvr-7", lambda device: [device.state["configs"]["ZM_WEB_TITLE"]]),
    unsupported={"time": {"servers": ["192.0.2.1"]}},
    liar="H01",
    forgetful="H16",
    intruder="new-account",
    keeps_password="keeps-password",
    error_in_ok=("H12", {"identity": {"name": "nvr-8"}}, "identity.name"),
    writes=(
        Write("bool", {"auth": {"basic_login": False}}, "auth.basic_login", _config("ZM_OPT_USE_LEGACY_API_AUTH"), "0"),
        Write("str", {"identity": {"name": "North Gate"}}, "identity.name", _config("ZM_WEB_TITLE"), "North Gate"),
        Write("zone", {"time": {"zone": "Asia/Tokyo"}}, "time.zone", _config("ZM_TIMEZONE"), "Asia/Tokyo"),
        Write("service", {"services": {"triggers": {"enabled": False}}}, "services.triggers.enabled",
              _config("ZM_OPT_TRIGGERS"), "0"),
        Write("account", {"accounts": {"ops": {"role": "viewer"}}}, 'accounts."ops".role', _rights("ops"),
              ["None", "View", "View"]),
        Write("enabled", {"accounts": {"guard": {"enabled": False}}}, 'accounts."guard".enabled',
              lambda device: str(device.user("guard")["Enabled"]), "0"),
        Write("log", {"log": {"auth_events": True}}, "log.auth_events", _config("ZM_LOG_LEVEL_SYSLOG"), "0"),
    ),
)  # fmt: skip

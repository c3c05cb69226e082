# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of motion in the driver contract suite: two fixed accounts, HTTPS and HTTP at one port, no clock.

The raw looks take the program's own keys: nothing of the toolkit takes part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from family_row import Family, Write


def _key(name: str) -> Callable[[Any], Any]:
    return lambda device: device.state[name]


def _beyond(device: Any) -> None:
    device.force(threshold="9999")


ROW = Family(
    name="motion",
    pauses={"motion.POLL_SECONDS": 0.05},
    model="motion-4",
    login=("admin", "Motion-Old-1"),
    reading=6,
    paths=("/",),
    beyond=_beyond,
    has=frozenset(["names"]),
    users=None,
    has_password=None,
    https_at_start=False,
    with_https={"front": True},
    ports={"telnet": [23, 2323]},
    cosmetic=("identity.overlay_text", "cam-7", lambda device: [device.state["text_left"]]),
    unsupported={"time": {"servers": ["192.0.2.1"]}},
    liar="H01",
    forgetful="H16",
    intruder="",
    keeps_password="",
    error_in_ok=("H12", {"identity": {"overlay_text": "cam-8"}}, "identity.overlay_text"),
    walled=True,
    writes=(
        Write("bool", {"auth": {"basic_login": False}}, "auth.basic_login", _key("stream_auth_method"), "2"),
        Write("str", {"identity": {"overlay_text": "north gate"}}, "identity.overlay_text", _key("text_left"),
              "north gate"),
        Write("str", {"identity": {"name": "cam-7"}}, "identity.name", _key("camera_name"), "cam-7"),
        Write("int", {"auth": {"lockout_attempts": 3}}, "auth.lockout_attempts", _key("webcontrol_lock_attempts"), "2"),
        Write("minutes", {"auth": {"lockout_minutes": 30}}, "auth.lockout_minutes", _key("webcontrol_lock_minutes"),
              "30"),
        Write("service", {"services": {"commands": {"enabled": False}}}, "services.commands.enabled",
              lambda device: (device.state["on_motion_detected"] or "").strip(), ""),
        Write("interface", {"services": {"stream": {"interface": "localhost"}}}, "services.stream.interface",
              _key("stream_localhost"), "on"),
    ),
)  # fmt: skip

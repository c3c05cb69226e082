# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of motionEye in the driver contract suite: two fixed accounts, HTTPS only by a proxy before it.

The raw looks take the program's own objects: nothing of the toolkit takes part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from family_row import Family, Write


def _camera(name: str) -> Callable[[Any], Any]:
    return lambda device: device.state["cameras"]["1"][name]


def _beyond(device: Any) -> None:
    device.force_camera(framerate=99)


ROW = Family(
    name="motioneye",
    model="motioneye-0.44",
    login=("admin", "Eye-Old-1"),
    reading=4,
    paths=("/config", "/login"),
    beyond=_beyond,
    has=frozenset(["clock"]),
    users=None,
    has_password=None,
    https_at_start=False,
    with_https={"front": True},
    ports={"telnet": [23, 2323]},
    cosmetic=("identity.name", "cam-7", lambda device: [_camera("name")(device)]),
    unsupported={"time": {"servers": ["192.0.2.1"]}},
    liar="H01",
    forgetful="H16",
    intruder="",
    keeps_password="",
    error_in_ok=("H12", {"identity": {"name": "cam-8"}}, "identity.name"),
    writes=(
        Write("bool", {"auth": {"basic_login": False}}, "auth.basic_login", _camera("streaming_auth_mode"), "digest"),
        Write("str", {"identity": {"name": "North Gate"}}, "identity.name", _camera("name"), "North Gate"),
        Write("service", {"services": {"commands": {"enabled": False}}}, "services.commands.enabled",
              _camera("command_storage_enabled"), False),
        Write("upload", {"services": {"upload": {"enabled": False}}}, "services.upload.enabled",
              _camera("upload_enabled"), False),
        Write("stream", {"services": {"stream": {"enabled": False}}}, "services.stream.enabled",
              _camera("video_streaming"), False),
    ),
)  # fmt: skip

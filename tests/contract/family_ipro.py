# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of i-PRO in the driver contract suite: its calls know no accounts, no HTTPS switch, no clock and no zone.

The raw looks take the device's own state: nothing of the toolkit takes part.
"""

from __future__ import annotations

from typing import Any

from family_row import Family, Write


def _title(device: Any) -> list[str]:
    return [device.state["cam_title"]]


def _beyond(device: Any) -> None:
    device.model["applications"] = [{"funcId": 2, "appInfo": {"installId": "EVIL", "version": "1"}}]


ROW = Family(
    name="ipro",
    model="ipro-camera",
    login=("admin", "Factory-1234"),
    reading=8,
    paths=("/cgi-bin",),
    beyond=_beyond,
    has=frozenset(),
    speaks=("onvif",),
    users=None,
    has_password=None,
    https_at_start=False,
    with_https={"protocols": [{"Name": name, "Enabled": True} for name in ("HTTP", "HTTPS", "RTSP")]},
    ports={"telnet": [23, 2323], "ftp": [21, 2121]},
    cosmetic=("identity.overlay_text", "cam-7", _title),
    unsupported={"nat": {"upnp": True}},
    characters=("ipro-camera-old",),
    liar="H01",
    forgetful="H16",
    intruder="",
    keeps_password="",
    error_in_ok=("H12", {"identity.overlay_text": "cam-8"}, "identity.overlay_text"),
    writes=(
        Write("str", {"identity": {"overlay_text": "cam-7"}}, "identity.overlay_text", _title, ["cam-7"]),
    ),
)  # fmt: skip

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated ONVIF recorder: pulls its cameras with the login it was given and says how that goes (H61)."""

from __future__ import annotations

import asyncio
from typing import Any

from ..pulling import PATIENCE, Puller, PullError, ask
from .device import OnvifDevice

_STREAM = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    '<GetStreamUri xmlns="http://www.onvif.org/ver10/media/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema">'
    "<StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport>"
    "</StreamSetup><ProfileToken>profile_1</ProfileToken></GetStreamUri></s:Body></s:Envelope>"
)


class OnvifRecorder(Puller, OnvifDevice):
    """Recorder with one channel for each entry of the model's `channels`.

    Entry: `{camera, username, password, address, scheme, http, https, rtsp}`; only `camera` is needed. `address` and
    the ports are those of the camera when the lab starts: like a real recorder it is not told when they change.
    Model key `pull_seconds`: time between two rounds.
    """

    services = ("tds", "trt", "trc")

    def __init__(self, name: str, address: str, model: dict[str, Any], ports: dict[str, int] | None = None) -> None:
        super().__init__(name, address, model, ports)
        for number, given in enumerate(model.get("channels", ()), 1):
            fixed = {"recording": f"recording_{number}", "job": f"job_{number}", "receiver": f"receiver_{number}"}
            self.channels.append(
                {"username": "admin", "password": "", "address": "", "scheme": "http"}
                | given
                | fixed
                | {"state": "Idle", "error": "", "source": "", "pulls": 0}
            )

    def set_channel(self, camera: str, **changes: Any) -> None:
        """What an installer does at the recorder's screen: username, password, scheme, ports of one channel."""
        channel = next(channel for channel in self.channels if channel["camera"] == camera)
        channel |= changes

    def public_state(self) -> dict[str, Any]:
        shown = [{key: value for key, value in one.items() if key != "password"} for one in self.channels]
        return super().public_state() | {"channels": shown}

    def _learn(self, channel: dict[str, Any], site: Any) -> None:
        """Address and ports the model leaves open, from the site as it is now."""
        found = next((device for device in site.devices if device.name == channel["camera"]), None)
        if found is not None:
            channel["address"] = channel["address"] or found.address
            for name in ("http", "https", "rtsp"):
                channel.setdefault(name, found.ports[name])
        channel["source"] = f"rtsp://{channel['address']}:{channel.get('rtsp', self.ports['rtsp'])}/profile_1"

    async def pull(self, channel: dict[str, Any]) -> None:
        """One round on one camera: the stream's address by ONVIF, then the stream's description by RTSP."""
        try:
            await asyncio.wait_for(self._pull(channel), 2 * PATIENCE)
            channel["state"], channel["error"] = "Active", ""
        except PullError as error:
            channel["state"], channel["error"] = "Error", str(error)
        except (TimeoutError, OSError, asyncio.IncompleteReadError, ValueError):
            channel["state"], channel["error"] = "Error", "camera does not answer"
        channel["pulls"] += 1

    async def _pull(self, channel: dict[str, Any]) -> None:
        scheme, login = channel["scheme"], (channel["username"], channel["password"])
        target = (channel["address"], channel.get(scheme, self.ports[scheme]))
        head = "Content-Type: application/soap+xml; charset=utf-8\r\n"
        line = ("HTTP/1.1", "POST", "/onvif/media_service")
        await ask(self.address, target, login, line, head, _STREAM, tls=scheme == "https")
        target = (channel["address"], channel.get("rtsp", self.ports["rtsp"]))
        await ask(self.address, target, login, ("RTSP/1.0", "DESCRIBE", channel["source"]), "CSeq: 1\r\n")

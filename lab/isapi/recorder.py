# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated HIKVISION recorder: logs in at its cameras with what its InputProxy channels say (H61)."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from ..pulling import PATIENCE, Puller, PullError, ask
from .answers import Refused
from .device import IsapiDevice
from .rules import address as is_address
from .xmldoc import ISAPI20, Element, by_id, clean, find, local, make, parse, text

CHANNELS = "ContentMgmt/InputProxy/channels"
_STATUS = re.compile(rf"{CHANNELS}(/(?P<id>\d+))?/status")
# channel -> chanDetectResult; only `connect` is in our sources
DETECTED = {"Active": "connect", "login refused": "errorUserNameOrPasswd"}


class IsapiRecorder(Puller, IsapiDevice):
    """Recorder with one channel for each entry of the model's `channels`.

    Entry: `{camera, username, password, address, scheme, http, https, rtsp, protocol}`; only `camera` is needed. What
    is left open is the camera's when the lab starts; then the recorder is told nothing more. `managePortNo` is the port
    of the HTTP or HTTPS interface, by which the simulated recorder tries the login (a real one uses the SDK's).
    Model key `pull_seconds`: time between two rounds.
    """

    def __init__(self, name: str, address: str, model: dict[str, Any], ports: dict[str, int] | None = None) -> None:
        super().__init__(name, address, model, ports)
        self.channels = [
            {"username": "admin", "password": "", "address": "", "scheme": "http", "name": given["camera"]}
            | given
            | {"id": str(number), "state": "Unknown", "error": "", "pulls": 0}
            for number, given in enumerate(model.get("channels", ()), 1)
        ]

    def set_channel(self, camera: str, **changes: Any) -> None:
        """What an installer does at the recorder's screen: username, password, scheme, ports of one channel."""
        channel = next(channel for channel in self.channels if channel["camera"] == camera)
        channel |= changes

    def public_state(self) -> dict[str, Any]:
        shown = [{key: value for key, value in one.items() if key != "password"} for one in self.channels]
        return super().public_state() | {"channels": shown}

    # -- documents -------------------------------------------------------------------------------------------------
    def live_document(self, path: str) -> Element | None:
        if path == CHANNELS:
            root = parse(f'<InputProxyChannelList version="1.0" xmlns="{ISAPI20}"></InputProxyChannelList>')
            for channel in self.channels:
                row = make(root, "InputProxyChannel")
                make(row, "id", channel["id"])
                make(row, "name", clean(channel["name"]))
                self._descriptor(row, channel)
            return root
        status = _STATUS.fullmatch(path)
        if status is None:
            return None
        root = parse(f'<InputProxyChannelStatusList version="1.0" xmlns="{ISAPI20}"></InputProxyChannelStatusList>')
        for channel in self.channels:
            row = make(root, "InputProxyChannelStatus")
            make(row, "id", channel["id"])
            self._descriptor(row, channel)
            make(row, "online", str(channel["state"] == "Active").lower())
            word = channel["state"] if channel["state"] == "Active" else channel["error"]
            make(row, "chanDetectResult", DETECTED.get(word, "netUnreachable"))
            security = make(row, "SecurityStatus")
            make(security, "PasswordStatus", "invalid" if channel["error"] == "login refused" else "valid")
        return root if status["id"] is None else by_id(root, status["id"])

    def _descriptor(self, row: Element, channel: dict[str, Any]) -> None:
        source = make(row, "sourceInputPortDescriptor")
        for name, value in (
            ("proxyProtocol", channel.get("protocol", "HIKVISION")),
            ("addressingFormatType", "ipaddress"),
            ("ipAddress", channel["address"] or "0.0.0.0"),
            ("managePortNo", str(channel.get(channel["scheme"], self.ports[channel["scheme"]]))),
            ("srcInputPort", "1"),
            ("userName", clean(channel["username"])),
            ("streamType", "auto"),
        ):
            make(source, name, value)

    def write_live(self, path: str, steps: list[str], sent: Element) -> str:
        """Take channels, or one: name, address, port, user name, and the password (which is never shown)."""
        if path != CHANNELS:
            raise Refused("methodNotAllowed")
        if local(sent) != ("InputProxyChannel" if steps else "InputProxyChannelList"):
            raise Refused("badXmlFormat")
        changes = []
        for row in [sent] if steps else list(sent):
            number = text(row, "id")
            channel = next((one for one in self.channels if one["id"] == number), None)
            source = find(row, "sourceInputPortDescriptor")
            if channel is None or (steps and steps != [number]):
                raise Refused("invalidID")
            shown = by_id(self.live_document(CHANNELS) or sent, number)
            names = (
                {local(child) for child in find(shown, "sourceInputPortDescriptor") or ()}
                if shown is not None
                else set()
            )
            given = {local(child) for child in source} if source is not None else set()
            if not names <= given <= names | {"password"} or find(row, "name") is None:
                raise Refused("badXmlContent")
            port = text(row, "sourceInputPortDescriptor/managePortNo")
            address = text(row, "sourceInputPortDescriptor/ipAddress")
            if not is_address(address) or not port.isdigit() or not 1 <= int(port) <= 65535:
                raise Refused("badXmlContent")
            change = {"name": text(row, "name"), "address": address, channel["scheme"]: int(port)}
            change["username"] = text(row, "sourceInputPortDescriptor/userName")
            if "password" in given:
                change["password"] = text(row, "sourceInputPortDescriptor/password")
            changes.append((channel, change))
        for channel, change in changes:
            channel |= change
        return "ok"

    # -- pulling ---------------------------------------------------------------------------------------------------
    @staticmethod
    def _learn(channel: dict[str, Any], site: Any) -> None:
        """What the model leaves open, from the site as it is now."""
        found = next((device for device in site.devices if device.name == channel["camera"]), None)
        if found is None:
            return
        channel["address"] = channel["address"] or found.address
        for name in ("http", "https", "rtsp"):
            channel.setdefault(name, found.ports[name])
        channel.setdefault("protocol", "HIKVISION" if found.family == "isapi" else "ONVIF")

    async def pull(self, channel: dict[str, Any]) -> None:
        """One round on one camera: its document by ISAPI (when it is one), then the stream's description by RTSP."""
        try:
            await asyncio.wait_for(self._pull(channel), 2 * PATIENCE)
            channel["state"], channel["error"] = "Active", ""
        except PullError as error:
            channel["state"], channel["error"] = "Error", str(error)
        except (TimeoutError, OSError, asyncio.IncompleteReadError, ValueError):
            channel["state"], channel["error"] = "Error", "camera does not answer"
        channel["pulls"] += 1

    async def _pull(self, channel: dict[str, Any]) -> None:
        host, scheme = channel["address"], channel["scheme"]
        if not host:
            raise PullError("no such camera")
        login = (channel["username"], channel["password"])
        if channel.get("protocol", "HIKVISION") == "HIKVISION":
            target = (host, channel.get(scheme, self.ports[scheme]))
            line = ("HTTP/1.1", "GET", "/ISAPI/System/deviceInfo")
            await ask(self.address, target, login, line, tls=scheme == "https")
        port = channel.get("rtsp", self.ports["rtsp"])
        line = ("RTSP/1.0", "DESCRIBE", f"rtsp://{host}:{port}/Streaming/Channels/101")
        await ask(self.address, (host, port), login, line, "CSeq: 1\r\n")

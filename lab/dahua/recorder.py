# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated Dahua recorder: logs in at its cameras with what its table RemoteDevice says (H61)."""

from __future__ import annotations

import asyncio
from typing import Any

from ..onvif.state import hardware_address
from ..pulling import PATIENCE, Puller, PullError, ask
from . import tables
from .device import DahuaDevice

ENTRY = "uuid:System_CONFIG_NETCAMERA_INFO_"


class DahuaRecorder(Puller, DahuaDevice):
    """Recorder with one RemoteDevice entry for each of the model's `channels`.

    Entry: `{camera, username, password, address, http, https, rtsp, scheme}`; only `camera` is needed. Address and
    ports are those of the camera when the lab starts; then the table alone counts.
    Model key `pull_seconds`: time between two rounds.
    """

    def __init__(self, name: str, address: str, model: dict[str, Any], ports: dict[str, int] | None = None) -> None:
        super().__init__(name, address, model, ports)
        self.channels = [
            {"camera": given["camera"], "scheme": given.get("scheme", "http")}
            | {"state": "Unknown", "error": "", "pulls": 0}
            for given in model.get("channels", ())
        ]

    def _factory_tables(self) -> dict[str, Any]:
        found = super()._factory_tables()
        found["RemoteDevice"] = {
            f"{ENTRY}{index}": {
                "Address": given.get("address", ""),
                "DeviceClass": "IPC",
                "DeviceType": "",
                "Enable": True,
                "HttpPort": given.get("http", 0),
                "HttpsPort": given.get("https", 0),
                "Mac": hardware_address(given["camera"]),
                "Name": given["camera"],
                "Password": str(given.get("password", "")),
                "PoEPort": -1,
                "ProtocolType": "Private",
                "RtspPort": given.get("rtsp", 0),
                "SerialNo": "",
                "UserName": str(given.get("username", "admin")),
                "Version": "",
            }
            for index, given in enumerate(self.model.get("channels", ()))
        }
        return found

    def entry(self, channel: dict[str, Any]) -> dict[str, Any]:
        """The RemoteDevice entry of one channel as it is now."""
        return self.tables["RemoteDevice"][f"{ENTRY}{self.channels.index(channel)}"]

    def set_channel(self, camera: str, **changes: Any) -> None:
        """What an installer does at the recorder's screen: fields of RemoteDevice, and `scheme`."""
        channel = next(channel for channel in self.channels if channel["camera"] == camera)
        channel["scheme"] = changes.pop("scheme", channel["scheme"])
        for field, value in changes.items():
            self.force(f"RemoteDevice.{ENTRY}{self.channels.index(channel)}.{field}", value)

    def public_state(self) -> dict[str, Any]:
        return super().public_state() | {"channels": [dict(channel) for channel in self.channels]}

    # -- what the interfaces ask -------------------------------------------------------------------------------------
    def camera_list(self) -> list[dict[str, Any]]:
        rows = []
        for index, channel in enumerate(self.channels):
            entry = self.entry(channel)
            shown = {name: entry[name] for name in ("Enable", "Address", "Mac", "DeviceType", "SerialNo")}
            rows.append({"Type": "Remote", "UniqueChannel": index, "DeviceInfo": shown})
        return rows

    def camera_states(self, wanted: list[int]) -> list[dict[str, Any]]:
        """`wanted` are channel numbers from 0; -1 is all."""
        names = {"Active": "Connected", "Error": "Disconnect"}
        return [
            {"channel": index, "connectionState": names.get(channel["state"], "Connecting")}
            for index, channel in enumerate(self.channels)
            if -1 in wanted or index in wanted
        ]

    # -- pulling -----------------------------------------------------------------------------------------------------
    def _learn(self, channel: dict[str, Any], site: Any) -> None:
        """What the model leaves open, from the site as it is now; it is the factory state too."""
        found = next((device for device in site.devices if device.name == channel["camera"]), None)
        name = f"RemoteDevice.{ENTRY}{self.channels.index(channel)}"
        for field, port in (("HttpPort", "http"), ("HttpsPort", "https"), ("RtspPort", "rtsp"), ("Address", "")):
            for held in (self.factory, self.tables, self.stored):
                if found is not None and not tables.find(held, f"{name}.{field}"):
                    tables.put(held, f"{name}.{field}", found.ports[port] if port else found.address)

    async def pull(self, channel: dict[str, Any]) -> None:
        """One round on one camera: its model by CGI, then the stream's description by RTSP."""
        try:
            await asyncio.wait_for(self._pull(channel), 2 * PATIENCE)
            channel["state"], channel["error"] = "Active", ""
        except PullError as error:
            channel["state"], channel["error"] = "Error", str(error)
        except (TimeoutError, OSError, asyncio.IncompleteReadError, ValueError):
            channel["state"], channel["error"] = "Error", "camera does not answer"
        channel["pulls"] += 1

    async def _pull(self, channel: dict[str, Any]) -> None:
        entry = self.entry(channel)
        if not entry["Enable"] or not entry["Address"]:
            raise PullError("not enabled" if entry["Address"] else "no such camera")
        tls, login = channel["scheme"] == "https", (entry["UserName"], entry["Password"])
        port = entry["HttpsPort" if tls else "HttpPort"]
        line = ("HTTP/1.1", "GET", "/cgi-bin/magicBox.cgi?action=getDeviceType")
        await ask(self.address, (entry["Address"], port), login, line, tls=tls)
        stream = f"rtsp://{entry['Address']}:{entry['RtspPort']}/cam/realmonitor?channel=1&subtype=0"
        line = ("RTSP/1.0", "DESCRIBE", stream)
        await ask(self.address, (entry["Address"], entry["RtspPort"]), login, line, "CSeq: 1\r\n")

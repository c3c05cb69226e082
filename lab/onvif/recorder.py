# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated ONVIF recorder: pulls its cameras with the login it was given and says how that goes (H61)."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import ssl
from typing import Any

from .auth import parse_header
from .device import OnvifDevice

PATIENCE = 3.0  # seconds for one exchange with a camera
_STREAM = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    '<GetStreamUri xmlns="http://www.onvif.org/ver10/media/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema">'
    "<StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport>"
    "</StreamSetup><ProfileToken>profile_1</ProfileToken></GetStreamUri></s:Body></s:Envelope>"
)


class PullError(Exception):
    """Why a camera could not be recorded, in a few words."""


class OnvifRecorder(OnvifDevice):
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

    async def background(self, site: Any) -> None:
        """Pull all cameras again and again, as long as the lab runs."""
        for channel in self.channels:
            self._learn(channel, site)
        while True:
            if not self.is_down() and self.link == "up":
                await asyncio.gather(*(self.pull(channel) for channel in self.channels))
            await asyncio.sleep(float(self.model.get("pull_seconds", 3)))

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
        scheme = channel["scheme"]
        port = channel.get(scheme, self.ports[scheme])
        head = "Content-Type: application/soap+xml; charset=utf-8\r\n"
        path = "/onvif/media_service"
        await self._ask(channel, port, "HTTP/1.1", "POST", path, head, _STREAM, tls=scheme == "https")
        port = channel.get("rtsp", self.ports["rtsp"])
        await self._ask(channel, port, "RTSP/1.0", "DESCRIBE", channel["source"], "CSeq: 1\r\n", "")

    async def _ask(
        self, channel: dict[str, Any], port: int, protocol: str, method: str, target: str, head: str, body: str,
        tls: bool = False,
    ) -> None:  # fmt: skip
        """One exchange with digest, in a connection from the recorder's own address; raises PullError unless 200."""
        context = None
        if tls:  # recorders take any certificate
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(
            channel["address"], port, local_addr=(self.address, 0), ssl=context
        )
        try:
            login = ""
            for _unused in range(2):
                writer.write(
                    f"{method} {target} {protocol}\r\nHost: {channel['address']}:{port}\r\n{head}{login}"
                    f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
                )
                status, headers = await asyncio.wait_for(_read(reader), PATIENCE)
                challenge = headers.get("www-authenticate", "")
                if status != 401 or login or not challenge.startswith("Digest"):
                    break
                login = _authorization(challenge, method, target, channel["username"], channel["password"])
        finally:
            writer.close()
        if status != 200:
            raise PullError("login refused" if status in (400, 401, 403) else f"status {status}")


async def _read(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers (lower case; the first of each name) of one answer; its body is read and dropped."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _unused, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    await reader.readexactly(int(headers.get("content-length", "0")))
    return int(lines[0].split()[1]), headers


def _authorization(challenge: str, method: str, target: str, user: str, password: str) -> str:
    given = parse_header(challenge.partition(" ")[2])
    digest = hashlib.sha256 if given.get("algorithm") == "SHA-256" else hashlib.md5

    def hashed(*parts: str) -> str:
        return digest(":".join(parts).encode(), usedforsecurity=False).hexdigest()

    key, goal = hashed(user, given.get("realm", ""), password), hashed(method, target)
    nonce, client = given.get("nonce", ""), secrets.token_hex(8)
    fields = f'username="{user}", realm="{given.get("realm", "")}", nonce="{nonce}", uri="{target}"'
    if "algorithm" in given:
        fields += f", algorithm={given['algorithm']}"
    if "opaque" in given:
        fields += f', opaque="{given["opaque"]}"'
    if "qop" in given:
        response = hashed(key, nonce, "00000001", client, "auth", goal)
        fields += f', qop=auth, nc=00000001, cnonce="{client}"'
    else:
        response = hashed(key, nonce, goal)
    return f'Authorization: Digest {fields}, response="{response}"\r\n'

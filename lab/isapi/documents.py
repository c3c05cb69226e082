# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents of a device fresh from the factory: a base (camera.yml, recorder.yml) with the model's laid over it.

Words in documents: $model $serial $mac $uuid $firmware $released $address $gateway, a port by its name ($http $https
$rtsp $sdk $sdk_tls $websocket $websockets $srtp $iot), $stream101 (one streaming channel), $trigger:ID:TYPE.
"""

from __future__ import annotations

import functools
import hashlib
import re
import uuid
from pathlib import Path
from typing import Any

import yaml

from .xmldoc import VER20, dump, parse

HERE = Path(__file__).parent
# Where the lab opens the family's ports: below 1024 they are moved up, and 8443 is the lab's own HTTPS.
PORTS = {
    "sdk": 8000, "sdk_tls": 18443, "websocket": 7681, "websockets": 7682, "srtp": 10322, "iot": 30999, "modbus": 10502,
    "ssh": 2222, "telnet": 2323,
}  # fmt: skip
_WORD = re.compile(r"\$([a-z_]+?)(\d*)((?::[A-Za-z0-9-]+)*)(?![a-z_0-9])")
_STREAM = """<StreamingChannel version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">
<id>{number}</id>
<channelName>Camera {channel:02d}</channelName>
<enabled>true</enabled>
<Transport>
<maxPacketSize>1000</maxPacketSize>
<ControlProtocolList>
<ControlProtocol>
<streamingTransport>RTSP</streamingTransport>
</ControlProtocol>
</ControlProtocolList>
{security}</Transport>
<Video>
<enabled>true</enabled>
<videoCodecType>H.264</videoCodecType>
</Video>
</StreamingChannel>"""
# `stream_security` of a model: digest (modern), basic (2443G0), enabled (2532F), none (recorders) - fact sheet 11
_SECURITY = {
    "digest": "<enabled>true</enabled><certificateType>digest</certificateType>"
    "<SecurityAlgorithm><algorithmType>MD5</algorithmType></SecurityAlgorithm>",
    "basic": "<enabled>true</enabled><certificateType>digest/basic</certificateType>",
    "enabled": "<enabled>true</enabled>",
    "none": "",
}
_TRIGGER = """<EventTrigger>
<id>{0}</id>
<eventType>{1}</eventType>
<EventTriggerNotificationList>
</EventTriggerNotificationList>
</EventTrigger>"""


def factory_documents(model: dict[str, Any], name: str, address: str, ports: dict[str, int]) -> dict[str, str]:
    """Path below /ISAPI/ -> XML text. A document that the model gives as null is not there."""
    given = {**base(model.get("base", "camera")), **(model.get("documents") or {})}
    words = facts(model, name, address) | {key: str(port) for key, port in ports.items()}
    security = _SECURITY[model.get("stream_security", "digest")]
    security = f"<Security>{security}</Security>\n" if security else ""

    def fill(match: re.Match[str]) -> str:
        word, number, rest = match.groups()
        if word == "stream":
            return _STREAM.format(number=number, channel=int(number) // 100, security=security)
        if word == "trigger":
            return _TRIGGER.format(*rest[1:].split(":"))
        return words[word] + number + rest

    other = model.get("document_namespace", VER20)
    # In the device's own form from the start: a write that changes nothing must leave the same text.
    return {
        path: dump(parse(_WORD.sub(fill, xml).replace(VER20, other))) for path, xml in given.items() if xml is not None
    }


def facts(model: dict[str, Any], name: str, address: str) -> dict[str, str]:
    """What tells this unit from others of its model; always the same for one name."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    kind = str(model.get("model", "DS-2CD2146G2-ISU"))
    return {
        "model": kind,
        "serial": f"{kind}20220811AAWR{int.from_bytes(digest[:4]) % 10**9:09d}",
        "mac": ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5])),
        "uuid": str(uuid.UUID(bytes=digest[:16])),
        "firmware": str(model.get("firmware", "V5.7.17")),
        "released": str(model.get("released", "build 220623")),
        "address": address,
        "gateway": address.rpartition(".")[0] + ".254",
    }


@functools.cache
def base(name: str) -> dict[str, str | None]:
    """The documents of `camera`, or of `recorder`, which says only what it has in another form."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    own = yaml.load((HERE / f"{name}.yml").read_text(encoding="utf-8"), loader)  # noqa: S506 (a safe loader)
    return own if name == "camera" else {**base("camera"), **own}

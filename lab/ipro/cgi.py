# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain-text calls of a simulated i-PRO camera under /cgi-bin/.

Only what the public interface texts and captures show: identity, capabilities, streams in use, title. Users, HTTPS,
SNMP, UPnP, FTP and the lock-out have no public call; they are set on the web page (`IproCamera.set_web`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..device import Response
from .answers import page, text

if TYPE_CHECKING:
    from .device import IproCamera

ADMIN, CONTROL, LIVE = 1, 2, 3  # access levels; a lower one may more
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
MAX_TITLE = 40  # bytes: twenty characters of two bytes
Handler = Callable[["IproCamera", dict[str, str]], Response]


@dataclass(frozen=True)
class Cgi:
    handler: Handler
    level: int
    write: bool = False


CALLS: dict[str, Cgi] = {}


def cgi(name: str, level: int, write: bool = False) -> Callable[[Handler], Handler]:
    def enter(handler: Handler) -> Handler:
        CALLS[name] = Cgi(handler, level, write)
        return handler

    return enter


def _switch(on: object) -> str:
    return "enable" if on else "disable"


@cgi("getinfo", LIVE)
def getinfo(device: IproCamera, args: dict[str, str]) -> Response:
    if args.get("FILE") != "1":
        return page(403)
    about, web = device.state["information"], device.state["web"]
    mac = device.state["interface"]["HwAddress"].replace(":", "-").upper()
    return text(
        [
            f"MAC={mac}",
            f"SERIAL={about['SerialNumber']}",
            f"VERSION={about['FirmwareVersion']}",
            f"NAME={about['Model']}",
            f"PRODUCT_NAME={about['Model']}",
            "DESTINATION=J",
            f"SDrec={_switch(web['sd_recording'])}",
            f"SDrec2={_switch(web['sd_recording_2'])}",
            "sAlarm=1",
            "sRtspMode_h264=1",
            "iTransmit_h264=1",
        ],
        head=b"",
        html=True,
    )


@cgi("get_capability", LIVE)
def get_capability(device: IproCamera, args: dict[str, str]) -> Response:
    if device.model.get("without_capability"):
        return page(404)

    def yes(on: object) -> str:
        return "yes" if on else "no"

    web = device.state["web"]
    return text(
        [
            "common.capability_version=1.00",
            f"video_server.network.https.supported={yes(device.has_protocol('HTTPS'))}",
            "video_server.network.ipv6.supported=yes",
            "video_server.onvif.supported=yes",
            "video_server.sdcard.supported=yes",
            "video_server.sdcard.slot_num=1",
            "video_server.sdcard.pwlock.supported=yes",
            f"video_server.sdcard.integrity_check.supported={yes(not device.model.get('old'))}",
            "video_server.vmd.supported=yes",
            f"nwservice.miemasunet.newservice.supported={yes('cloud' in web)}",
            "hardware.poe=yes",
        ]
    )


@cgi("get_randomnum", ADMIN)
def get_randomnum(device: IproCamera, args: dict[str, str]) -> Response:
    return text([f"randomnum={device.random_number()}"])


@cgi("getuid", LIVE)
def getuid(device: IproCamera, args: dict[str, str]) -> Response:
    if args.get("FILE") != "2":
        return page(403)
    codec = args.get("vcodec", "jpeg")
    if not codec.startswith(("h264", "h265", "jpeg")):
        return text(["UID=-2"])
    if args.get("ch", "1") != "1":
        return text(["UID=-4"])
    uid = device.new_uid()
    port = next(p["Port"][0] for p in device.state["protocols"] if p["Name"] == "HTTP")
    return text([f"UID={uid}", f"iHttpPort={port}", f"iBaseVideoPort={port}"])


@cgi("keep_alive", LIVE)
def keep_alive(device: IproCamera, args: dict[str, str]) -> Response:
    if device.model.get("old"):
        return page(500)  # seen on firmware 1.20
    return text([f"UID={args.get('UID', '')}"]) if args.get("UID") in device.uids else page(403)


@cgi("man_session", LIVE)
def man_session(device: IproCamera, args: dict[str, str]) -> Response:
    return text([f"session={len(device.uids)}", "Used UID:", *device.uids])


@cgi("getdata", CONTROL)
def getdata(device: IproCamera, args: dict[str, str]) -> Response:
    return text([f"CAMTITLE={device.state['cam_title']}"])


@cgi("set_basic", ADMIN, write=True)
def set_basic(device: IproCamera, args: dict[str, str]) -> Response:
    title = args.get("cam_title")
    if title is None:
        return page(403)
    if len(title) > MAX_TITLE // 2:
        if "H13" not in device.faults:
            return page(403)
        title = title[: MAX_TITLE // 2]
    if "H01" not in device.faults:
        device.put("cam_title", title)
    return text([f"cam_title={title}"])


@cgi("set_rtsp", ADMIN, write=True)
@cgi("set_jpeg", ADMIN, write=True)
@cgi("set_ext2_schedule", ADMIN, write=True)
def set_unknown(device: IproCamera, args: dict[str, str]) -> Response:
    return page(403)  # there, but no source names their parameters: every one is a wrong one here


@cgi("camera", LIVE)
def camera(device: IproCamera, args: dict[str, str]) -> Response:
    if not args.get("resolution", "").isdigit():
        return page(403)
    return Response(200, [("Content-Type", "image/jpeg")], JPEG)


@cgi("adam.cgi", ADMIN)
def adam(device: IproCamera, args: dict[str, str]) -> Response:
    if args.get("methodName") != "getApplicationList":
        return page(403)
    apps = list(device.model.get("applications", ()))
    body = {"appCount": len(apps), "maxAppCount": 2, "limitationMode": 0, "appList": apps}
    return text([f"ResponseData={json.dumps(body)}"], head=b"")

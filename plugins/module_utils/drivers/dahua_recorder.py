# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Dahua recorder and the logins of its cameras (dahua-cgi.md: RemoteDevice, LogicDeviceManager).

Of table RemoteDevice only a few keys are documented; name and password of a camera are written only where the recorder
shows such keys, and the name is read again. The password cannot be: whether the camera is connected tells.
"""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.dahua_rpc import Rpc
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import NwcsError, Refused, Unsupported

CONNECT_SECONDS = 8.0  # how long the recorder may take to come in with the new login
POLL_SECONDS = 0.5
_TABLE = "RemoteDevice"


def tell_camera_login(ctx: Any, address: str, username: str, password: str) -> bool:
    """False: the recorder has no camera at that address. A name that stays is not sent again."""
    found = _read(ctx)
    heads = [key[: -len("Address")] for key, value in found.items() if key.endswith(".Address") and value == address]
    if not heads:
        return False
    for head in heads:
        if f"{head}UserName" not in found or f"{head}Password" not in found:
            raise Unsupported(f"{ctx.name}: the recorder shows no login of the camera at {address}.")
    for head in heads:
        login = [(f"{_TABLE}.{head}Password", password)]
        if found[f"{head}UserName"] != username:
            login.insert(0, (f"{_TABLE}.{head}UserName", username))
        _send(ctx, login)
    again = _read(ctx)
    if any(again.get(f"{head}UserName") != username for head in heads):
        raise Refused(f"{ctx.name}: the recorder said OK and did not take the login of the camera at {address}.")
    if ctx.transport.target.scheme != "https":
        ctx.notes.append("The camera's password travelled in the address of a request over plain HTTP.")
    if not connected(ctx, address):
        ctx.notes.append(f"The recorder did not say within {CONNECT_SECONDS:g} s that the camera at {address} is "
                         "connected; look at it.")  # fmt: skip
    return True


def _send(ctx: Any, login: list[tuple[str, str]]) -> None:
    """Both in one request, so that the camera sees no half of it (a failed login there); else one by one."""
    try:
        ctx.send("configManager", "setConfig", login, f"setConfig {_TABLE}")
    except (Refused, Unsupported):
        if len(login) == 1:
            raise
        for pair in login:
            ctx.send("configManager", "setConfig", [pair], f"setConfig {_TABLE}")


def _read(ctx: Any) -> dict[str, str]:
    found = ctx.tables([_TABLE])[_TABLE]
    if isinstance(found, Exception):
        raise found
    return found


def connected(ctx: Any, address: str) -> bool:
    """Does the recorder say, over RPC2, that the camera at an address is connected? Polls until the time is over.

    The first answers may still be of the old login, so a recorder that was connected before says so here too.
    """
    rpc = Rpc(ctx.transport)
    try:
        rpc.login(ctx.credential)
        cameras = rpc.call("LogicDeviceManager.getCameraAll").get("camera")
        channels = {
            row.get("UniqueChannel")
            for row in (cameras if isinstance(cameras, list) else [])
            if isinstance(row, dict) and isinstance(info := row.get("DeviceInfo"), dict)
            and info.get("Address") == address
        }  # fmt: skip
        deadline = time.monotonic() + CONNECT_SECONDS
        while channels:
            told = rpc.call("LogicDeviceManager.getCameraState", {"uniqueChannels": [-1]}).get("states")
            states = [row for row in (told if isinstance(told, list) else []) if isinstance(row, dict)]
            if any(row.get("channel") in channels and row.get("connectionState") == "Connected" for row in states):
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
    except NwcsError:
        pass
    finally:
        rpc.logout()
    return False

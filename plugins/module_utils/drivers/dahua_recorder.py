# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Dahua recorder and the logins of its cameras (dahua-cgi.md: RemoteDevice, LogicDeviceManager).

Of table RemoteDevice only a few keys are documented; name and password of a camera are written only where the recorder
shows such keys, and the name is read again. The password cannot be: whether the camera is connected afterwards tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.camera_rows import one_camera
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import BadAnswer, Refused, Unsupported

_TABLE = "RemoteDevice"
_PORTS = ("Port", "HttpPort", "HttpsPort", "RtspPort")


def tell_camera_login(ctx: Any, address: str, username: str, password: str, port: int = 0) -> Sequence[str] | None:
    """None: the recorder has no camera at that address. A name that stays is not sent again."""
    found = _read(ctx)
    heads = [key[: -len("Address")] for key, value in found.items() if key.endswith(".Address") and value == address]
    rows = {head: tuple(found.get(head + name, "") for name in _PORTS) for head in heads}
    heads = one_camera(ctx.name, address, rows, port)
    if not heads:
        return None
    items = _items(ctx, address, {found.get(f"{head}Mac", "").lower() for head in heads})
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
    return items


def _items(ctx: Any, address: str, macs: set[str]) -> list[str]:
    """The channels of the camera, by its MAC address where the recorder knows it; [] where it does not tell."""
    try:
        rows = _ask(ctx, "getCameraAll", {}).get("camera")
    except (Unsupported, Refused, BadAnswer):
        return []
    found = []
    for row in rows if isinstance(rows, list) else []:
        shown, number = (row.get("DeviceInfo"), row.get("UniqueChannel")) if isinstance(row, dict) else (None, None)
        if not isinstance(shown, dict) or shown.get("Address") != address:
            continue
        if not isinstance(number, int) or isinstance(number, bool):
            continue
        if "" in macs or str(shown.get("Mac") or "").lower() in macs | {""}:
            found.append(f"channel-{number + 1}")
    return found


def _send(ctx: Any, login: list[tuple[str, str]]) -> None:
    """Both in one request, so that the camera sees no half of it (a failed login there); else one by one."""
    try:
        ctx.send("configManager", "setConfig", login, f"setConfig {_TABLE}")
    except (Refused, Unsupported) as error:
        if len(login) == 1:
            raise Refused(error.message) from None  # Unsupported would say that nothing was sent
        for pair in login:
            ctx.send("configManager", "setConfig", [pair], f"setConfig {_TABLE}")


def _read(ctx: Any) -> dict[str, str]:
    found = ctx.tables([_TABLE])[_TABLE]
    if isinstance(found, Exception):
        raise found
    return found


# -- its cameras -------------------------------------------------------------------------------------------------------
_STATES = {"connected": "active", "empty": "idle", "disable": "idle"}


def fetch_cameras(ctx: Any) -> dict[str, Any]:
    """{"states": {"channel-1": word of the device}}: by the CGI, else by RPC2. Unsupported on what is no recorder."""
    if ctx.recorder is None:
        ctx.tables([_TABLE])
    if not ctx.recorder:
        raise Unsupported(f"{ctx.name}: the device is no recorder.")
    rows = _ask(ctx, "getCameraState", {"uniqueChannels": [-1]}).get("states")
    if not isinstance(rows, list):
        raise BadAnswer(f"{ctx.name}: getCameraState: no states in the answer.")
    states = {}
    for row in rows:
        number = row.get("channel") if isinstance(row, dict) else None
        if isinstance(number, int) and not isinstance(number, bool):
            states[f"channel-{number + 1}"] = str(row.get("connectionState", ""))[:40]
    return {"states": states}


def _ask(ctx: Any, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """A question to LogicDeviceManager; {} for an answer of another shape."""
    try:
        told = ctx.api(f"LogicDeviceManager/{method}", params, method)
    except (Unsupported, Refused):
        told = ctx.rpc(f"LogicDeviceManager.{method}", params)
    return told if isinstance(told, dict) else {}


def camera_state(tree: dict[str, Any], item: str) -> str:
    """Connected, and several words for "not connected": a recorder with a wrong login stays at Connecting."""
    return _STATES.get(tree["states"][item].lower(), "error")


def recording_state(tree: dict[str, Any]) -> str:
    """The worst of all channels that are in use."""
    found = {camera_state(tree, item) for item in tree["states"]}
    return next((state for state in ("error", "partial", "active") if state in found), "idle")

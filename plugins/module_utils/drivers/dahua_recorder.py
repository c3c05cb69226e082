# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Dahua recorder and the logins of its cameras (dahua-cgi.md: RemoteDevice, LogicDeviceManager).

Of table RemoteDevice only a few keys are documented; name and password of a camera are written only where the recorder
shows such keys, and the name is read again. The password cannot be: whether the camera is connected afterwards tells.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.dahua_rpc import Rpc
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import BadAnswer, Refused, Unsupported

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


# -- its cameras -------------------------------------------------------------------------------------------------------
_STATES = {"connected": "active", "connecting": "partial", "empty": "idle", "disable": "idle"}
_METHOD, _ALL = "LogicDeviceManager.getCameraState", {"uniqueChannels": [-1]}


def fetch_cameras(ctx: Any) -> dict[str, Any]:
    """{"states": {"channel-1": word of the device}}: by the CGI, else by RPC2. Unsupported on what is no recorder."""
    if ctx.recorder is None:
        ctx.tables([_TABLE])
    if not ctx.recorder:
        raise Unsupported(f"{ctx.name}: the device is no recorder.")
    try:
        told = ctx.api("LogicDeviceManager/getCameraState", _ALL, "getCameraState")
    except (Unsupported, Refused):
        rpc = Rpc(ctx.transport)
        try:
            rpc.login(ctx.credential)
            told = rpc.call(_METHOD, _ALL)
        finally:
            rpc.logout()
    rows = told.get("states") if isinstance(told, dict) else None
    if not isinstance(rows, list):
        raise BadAnswer(f"{ctx.name}: getCameraState: no states in the answer.")
    states = {}
    for row in rows:
        number = row.get("channel") if isinstance(row, dict) else None
        if isinstance(number, int) and not isinstance(number, bool):
            states[f"channel-{number + 1}"] = str(row.get("connectionState", ""))[:40]
    return {"states": states}


def camera_state(tree: dict[str, Any], item: str) -> str:
    """Connected, Connecting, and several words for "not connected"."""
    return _STATES.get(tree["states"][item].lower(), "error")


def recording_state(tree: dict[str, Any]) -> str:
    """The worst of all channels that are in use."""
    found = {camera_state(tree, item) for item in tree["states"]}
    return next((state for state in ("error", "partial", "active") if state in found), "idle")

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated i-PRO recorder: its public calls only read (logs, disks, cameras), and it pulls its cameras (H61).

Nothing can be set over the network; a person at its screen uses set_channel() and set_password(). It has no ONVIF.
Model keys: `channels` ({camera, username, password, address, scheme, http, https, rtsp}; only `camera` is needed),
`pull_seconds`, `gap_seconds` (the least time between two calls; a quicker one is answered 503), `protocols` (http,
https, rtsp), `lockout_attempts`, `lockout_seconds`, `lockout_window`.
"""

from __future__ import annotations

import asyncio
import datetime
import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ..cuts import Sight
from ..device import Device, Listener, LogEntry, Request, Response
from ..onvif.auth import Digest
from ..onvif.state import HOSTILE
from ..pulling import PATIENCE, PullError, ask
from .answers import WindowLockout, arguments, page, text

MAX_UIDS, UID_SECONDS, LOG_ROWS = 16, 90.0, 1000
LOG_KINDS = {"ERR": ("as_errorlog.html", "ERROR_LOG"), "EVENT": ("as_eventlog.html", "EVENT_LOG")}
ATTACKS = {"new-account": "an account `support` appears; no public call shows it"}
FAULTS = {
    "H12": "refusals have status 200 and the page of the error",
    "H23": "every third call is answered with 503",
    "H34": "the event log carries hostile strings (model: hostile)",
    "disk-failed": "the first disk is shown without its size",
}


class IproRecorder(Device):
    family = "ipro"
    faults_known = FAULTS
    attacks = ATTACKS

    def __init__(self, name: str, address: str, model: dict[str, Any], ports: dict[str, int] | None = None) -> None:
        super().__init__(name, address, model, {**model.get("ports", {}), **(ports or {})})
        self.users = [dict(user) for user in model.get("users", ({"Username": "ADMIN", "Password": "12345"},))]
        self.digest = Digest(model.get("realm", "WJ-NX400"), ["MD5"])
        attempts = int(model.get("lockout_attempts", 5))
        seconds, window = float(model.get("lockout_seconds", 30)), float(model.get("lockout_window", 10))
        self.lockout = WindowLockout(attempts, seconds, window)
        self.uids: dict[str, float] = {}  # number -> alive until
        self.logs: dict[str, deque[tuple[str, str]]] = {kind: deque(maxlen=LOG_ROWS) for kind in LOG_KINDS}
        self._last_call, self._calls = 0.0, 0
        self.channels = [
            {"username": "admin", "password": "", "address": "", "scheme": "http"}
            | dict(given)
            | {"state": "Idle", "error": "", "pulls": 0}
            for given in model.get("channels", ())
        ]
        for fault in sorted(self.faults):
            self._prepare(fault)

    # -- what the lab's user does ------------------------------------------------------------------------------------
    @property
    def bootstrap_login(self) -> tuple[str, str]:
        user = (self.model.get("users") or self.users)[0]
        return str(user["Username"]), str(user["Password"])

    def set_channel(self, camera: str, **changes: Any) -> None:
        """What an installer does at the recorder's screen: username, password, scheme, ports of one channel."""
        next(channel for channel in self.channels if channel["camera"] == camera).update(changes)

    def set_password(self, user: str, password: str) -> None:
        """What a person does at the recorder's screen."""
        next(one for one in self.users if one["Username"] == user)["Password"] = password

    def public_state(self) -> dict[str, Any]:
        shown = [{key: value for key, value in one.items() if key != "password"} for one in self.channels]
        return {"users": [user["Username"] for user in self.users], "channels": shown}

    def attack(self, name: str) -> str:
        if name == "new-account":
            self.users.append({"Username": "support", "Password": "support"})
            return "The administrator account support was created."
        raise KeyError(f"{self.name}: no attack {name!r}; known: {', '.join(ATTACKS)}")

    def fault(self, name: str, on: bool = True) -> None:
        super().fault(name, on)
        if on:
            self._prepare(name)

    def _prepare(self, fault: str) -> None:
        if fault == "H34":
            for one in self.model.get("hostile", HOSTILE):
                self.note("EVENT", str(one))

    def note(self, kind: str, what: str) -> None:
        """A row of the device's error or event log, in its local time (Japan's, as such recorders are set)."""
        self.logs[kind].append((f"{self.local_time():%Y/%m/%d %H:%M:%S}", what))

    def local_time(self) -> datetime.datetime:
        return self.now() + datetime.timedelta(hours=float(self.model.get("zone_hours", 9)))

    def restarted(self) -> None:
        self.uids.clear()
        self.digest.forget()
        self.lockout.forget()

    # -- sockets -----------------------------------------------------------------------------------------------------
    def listeners(self) -> set[Listener]:
        if self.is_down():
            return set()
        return {Listener(kind, self.ports[kind]) for kind in self.model.get("protocols", ("http", "https", "rtsp"))}

    def rtsp_login(self, user: str) -> str | None:
        return next((str(one["Password"]) for one in self.users if one["Username"] == user), None)

    def rtsp_attempt(self, user: str, peer: str, outcome: str) -> str:
        return self.lockout.judge(peer, outcome)

    def locked(self) -> dict[str, float]:
        return self.lockout.locked()

    def sight(self, request: Request) -> Sight:
        path = request.path.partition("?")[0]
        return Sight((path.removeprefix("/cgi-bin/"),), False, "authorization" in request.headers)

    # -- requests ----------------------------------------------------------------------------------------------------
    async def handle(self, request: Request) -> Response:
        path, _unused, query = request.path.partition("?")
        name = path.removeprefix("/cgi-bin/")
        entry = LogEntry(time.time(), request.peer, request.scheme, request.method, path, name, False, 0)
        response = self._answer(request, path, name, arguments(query), entry)
        if "H12" in self.faults and response.status in (403, 404, 500):
            response = page(200, shown=response.status)
        entry.status = response.status
        self.log.append(entry)
        return response

    def _answer(self, request: Request, path: str, name: str, args: dict[str, str], entry: LogEntry) -> Response:
        if path == "/":
            return Response(200, [("Content-Type", "text/html")], b"<html><body>SIMULATED</body></html>")
        call = CALLS.get(name) if path.startswith("/cgi-bin/") else None
        if call is None:
            return page(404)
        given = request.headers.get("authorization", "")
        login = self.digest.check(given, request.method, request.path, self.rtsp_login)
        outcome = login.outcome if given else ""
        entry.login = self.lockout.judge(request.peer, outcome)
        if entry.login != "ok":
            response = page(401)
            response.headers += self.digest.challenges(login.stale)
            return response
        entry.user = login.user
        now, gap = time.monotonic(), float(self.model.get("gap_seconds", 0))
        too_soon, self._last_call = now - self._last_call < gap, now
        self._calls += 1
        if too_soon or ("H23" in self.faults and self._calls % 3 == 0):
            return Response(503, [("Content-Type", "text/html")], b"<HTML><TITLE>503 Busy</TITLE></HTML>\r\n")
        return call(self, args)

    def alive(self, args: dict[str, str]) -> bool:
        """True when the request's UID lives; using it renews its time."""
        now = time.monotonic()
        self.uids = {uid: until for uid, until in self.uids.items() if until > now}
        uid = args.get("UID", "")
        if uid in self.uids:
            self.uids[uid] = now + float(self.model.get("uid_seconds", UID_SECONDS))
        return uid in self.uids

    # -- pulling -----------------------------------------------------------------------------------------------------
    async def background(self, site: Any) -> None:
        """Pull all cameras again and again, as long as the lab runs."""
        for channel in self.channels:
            found = next((device for device in site.devices if device.name == channel["camera"]), None)
            if found is not None:
                channel["address"] = channel["address"] or found.address
                for port in ("http", "https", "rtsp"):
                    channel.setdefault(port, found.ports[port])
        while True:
            if not self.is_down() and self.link == "up":
                await asyncio.gather(*(self.pull(number) for number in range(1, len(self.channels) + 1)))
            await asyncio.sleep(float(self.model.get("pull_seconds", 3)))

    async def pull(self, number: int) -> None:
        """One round on one camera: who it is by CGI, then the stream's description by RTSP."""
        channel = self.channels[number - 1]
        before = channel["state"]
        try:
            await asyncio.wait_for(self._pull(channel), 2 * PATIENCE)
            channel["state"], channel["error"] = "Active", ""
        except PullError as error:
            channel["state"], channel["error"] = "Error", str(error)
        except (TimeoutError, OSError, asyncio.IncompleteReadError, ValueError):
            channel["state"], channel["error"] = "Error", "camera does not answer"
        channel["pulls"] += 1
        if channel["state"] == "Error" and before != "Error":
            self.note("ERR", f"CAM {number} COMMUNICATION ERROR")

    async def _pull(self, channel: dict[str, Any]) -> None:
        if not channel["address"]:
            raise PullError("no such camera")
        scheme, login = channel["scheme"], (channel["username"], channel["password"])
        target = (channel["address"], channel[scheme])
        line = ("HTTP/1.1", "GET", "/cgi-bin/getinfo?FILE=1")
        await ask(self.address, target, login, line, tls=scheme == "https")
        stream = f"rtsp://{channel['address']}:{channel['rtsp']}/MediaInput/h264"
        await ask(self.address, (target[0], channel["rtsp"]), login, ("RTSP/1.0", "DESCRIBE", stream), "CSeq: 1\r\n")


# -- calls -------------------------------------------------------------------------------------------------------------
def _login(device: IproRecorder, args: dict[str, str]) -> Response:
    device.alive(args)  # forgets what is too old
    if args.get("UID") != "-1" or len(device.uids) >= MAX_UIDS:
        return page(403)
    uid = str(secrets.randbelow(9 * 10**17) + 10**17)
    device.uids[uid] = time.monotonic() + float(device.model.get("uid_seconds", UID_SECONDS))
    if device.model.get("uid_in_html"):  # WJ-NU101
        body = f'<HTML><BODY><A HREF="hdrctl.cgi?UID={uid}"></A></BODY></HTML>\r\n'
        return Response(200, [("Content-Type", "text/html")], body.encode())
    return text([f"UID={uid}"], head=b"")


def _status(device: IproRecorder, args: dict[str, str]) -> Response:
    if not device.alive(args) or args.get("PC") != "AS60":
        return page(403)
    return text(["STATUS=0"], head=b"")


def _logout(device: IproRecorder, args: dict[str, str]) -> Response:
    return text(["RESULT=0"], head=b"") if device.uids.pop(args.get("UID", ""), None) is not None else page(403)


def _log_list(device: IproRecorder, args: dict[str, str]) -> Response:
    form, name = LOG_KINDS.get(args.get("KIND", ""), ("", ""))
    if not device.alive(args) or args.get("HTML") != form:
        return page(403)
    rows = list(device.logs[args["KIND"]])
    zone = f"GMT{float(device.model.get('zone_hours', 9)):+03.0f}:00"
    fields = [f'"{number:03d}","{at}","0","{what}","{zone}"' for number, (at, what) in enumerate(rows, 1)]
    return text([f"FILENAME={form}", f"{name}_NO={len(rows)}", f"{name}={','.join(fields)}"], head=b"")


def _disks(device: IproRecorder, args: dict[str, str]) -> Response:
    rows = ["Disk,Capacity,Remain capacity,Recorded time range"]
    for index, disk in enumerate(device.model.get("disks", ({"capacity": 4001, "remaining": 1529},)), 1):
        failed = "disk-failed" in device.faults and index == 1
        size = "-" if failed else f"{disk['capacity']}GB(R)"
        since = f"{device.local_time():%Y/%m/%d} 00:00:00 - "
        rows.append(
            f"MAIN-{index},{size},{'-' if failed else str(disk['remaining']) + 'GB'},{'-' if failed else since}"
        )
    return text(rows, head=b"")


def _info(device: IproRecorder, args: dict[str, str]) -> Response:
    if args.get("FILE") != "2":
        return page(403)
    device.alive(args)
    states = {"Active": 1, "Error": 2}
    rows = [
        f"CAM_CONNECT_{number:02d}CH={states.get(channel['state'], 0)}"
        for number, channel in enumerate(device.channels, 1)
    ]
    rows += [f"CAM_CONNECT_{number:02d}CH=0" for number in range(len(device.channels) + 1, 17)]
    return text([*rows, f"MAXUID={MAX_UIDS}", f"USEDUID={len(device.uids)}"], head=b"")


CALLS: dict[str, Callable[[IproRecorder, dict[str, str]], Response]] = {
    "dlogin.cgi": _login,
    "status.cgi": _status,
    "logout.cgi": _logout,
    "loglist.cgi": _log_list,
    "recordedtime.cgi": _disks,
    "as_getinfo.cgi": _info,
}

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as a process: its files and its control port (`client.py` is the other end).

A running lab holds the lock on DIR/lab.lock (so a left-over DIR/lab.json is known to be stale) and answers one JSON
line per request on a loopback TCP port. DIR/lab.json (0600) holds {simulated, pid, port, token, network, site}.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import fcntl
import hmac
import json
import os
import re
import secrets
import signal
import time
from pathlib import Path
from typing import Any

from .base import LabError
from .certs import CertStore
from .device import WIRE_FAULTS, Device
from .disturb import Disturbances
from .server import LabServer
from .site import Site

_SECRET = re.compile(r"pass|hash|secret|nonce|session|cookie|psk|community|(^|_)keys?$|pwd|shadow", re.I)
_HASH = re.compile(r"\$(p|\d\w?|y|sha1|apr1)\$")  # crypt(3) hashes, and uhttpd's `$p$user`
_CAMERAS = ("dahua", "ipro", "isapi", "onvif", "sunapi", "vapix")
# family of the model -> group
_ROLES = {"openwrt": "routers"}
_ROLES |= dict.fromkeys(_CAMERAS, "cameras") | {f"{name}-recorder": "recorders" for name in _CAMERAS}
_MAX_LINE = 1 << 20


class Lab(Disturbances):
    """A site being served out of one directory until stopped, forgotten or without its directory."""

    def __init__(self, directory: Path, site: Site, lifetime: float) -> None:
        self.directory = directory
        self.site = site
        self.lifetime = lifetime
        self.server = LabServer(site.devices, CertStore(directory), site)
        self.token = secrets.token_hex(24)
        self.started = time.time()
        self._lock: int | None = None

    async def run(self, ready: Any) -> None:
        """Serve until the end; calls `ready()` once everything answers. Raises LabError when it cannot start."""
        self._take_lock()
        try:
            self._end = asyncio.Event()
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self._end.set)
            self.server.certs.ca  # noqa: B018 (made now, so that DIR/ca.pem is there when `up` returns)
            await self.server.start()
            control = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_MAX_LINE)
            try:
                self._write_description(control.sockets[0].getsockname()[1])
                ready()
                await self._until_end()
            finally:
                control.close()
                await self.server.stop()
        finally:
            with contextlib.suppress(OSError):
                if self._described():
                    (self.directory / "lab.json").unlink()
            os.close(self._lock)

    def _take_lock(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(self.directory / "lab.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + 1.0  # a client that looks whether a lab runs holds the lock for a moment
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                if time.monotonic() > deadline:
                    os.close(self._lock)
                    raise LabError(f"the lab in {self.directory} is already running") from None
            time.sleep(0.01)

    def _write_description(self, port: int) -> None:
        description = {
            "simulated": True,
            "pid": os.getpid(),
            "port": port,
            "token": self.token,
            "network": self.site.network,
            "site": self.site.name,
        }
        scratch = self.directory / f".lab.json.{os.getpid()}"
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(description, file)
        os.replace(scratch, self.directory / "lab.json")

    def _described(self) -> bool:
        try:
            return json.loads((self.directory / "lab.json").read_text()).get("token") == self.token
        except (OSError, ValueError, AttributeError):
            return False

    async def _until_end(self) -> None:
        """Stop was asked, the lifetime is over, or the description (with its directory) has gone."""
        deadline = time.monotonic() + self.lifetime
        while not self._end.is_set() and time.monotonic() < deadline and self._described():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._end.wait(), 0.5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError):
            pass
        finally:
            writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            asked = json.loads(line)
            token, command, args = asked["token"], asked["command"], dict(asked.get("args") or {})
            if not hmac.compare_digest(str(token).encode(), self.token.encode()):
                return {"error": "wrong token"}
        except (ValueError, KeyError, TypeError, AttributeError):
            return {"error": "not a request"}
        method = getattr(self, f"do_{command}", None)
        if method is None:
            return {"error": f"no command {command!r}"}
        try:
            return {"result": method(**args)}
        except LabError as error:
            return {"error": str(error)}
        except KeyError as error:
            return {"error": str(error.args[0]) if error.args else "not known"}
        except Exception as error:  # the lab goes on whatever a device does
            return {"error": f"{command}: {type(error).__name__}: {error}"}

    # commands; every one returns JSON data
    def do_status(self) -> dict[str, Any]:
        return {
            "simulated": True,
            "site": self.site.name,
            "network": self.site.network,
            "pid": os.getpid(),
            "directory": str(self.directory),
            "seconds_left": max(0, round(self.started + self.lifetime - time.time())),
            "problems": self.server.problems[-20:],
            "devices": [self._device_status(device) for device in self.site.devices],
        }

    def _device_status(self, device: Device) -> dict[str, Any]:
        return {
            "name": device.name,
            "address": device.address,
            "family": device.family,
            "model": str(device.model.get("model", "")),
            "character": str(device.model.get("character", "")),
            "up": not device.is_down(),
            "sockets": [list(pair) for pair in self.server.open_sockets(device)],
            "ports": device.ports,
            "faults": sorted(device.faults),
            "requests": len(device.log),
            "writes": sum(entry.write for entry in device.log),
        } | self.presence(device)

    def do_stop(self) -> str:
        self._end.set()
        return "stopping"

    def do_log(self, device: str | None = None, writes: bool = False) -> list[dict[str, Any]]:
        chosen = [self.site.device(device)] if device else self.site.devices
        entries = [
            {"device": one.name} | dataclasses.asdict(entry)
            for one in chosen
            for entry in one.log
            if entry.write or not writes
        ]
        return sorted(entries, key=lambda entry: entry["at"])

    def do_clear_log(self) -> int:
        cleared = sum(len(device.log) for device in self.site.devices)
        for device in self.site.devices:
            device.log.clear()
        return cleared

    def do_attack(self, device: str | None = None, name: str | None = None) -> list[dict[str, str]]:
        if device is None:
            if not self.site.attack:
                raise LabError(f"site {self.site.name!r} has no attack of its own; name a device and an attack")
            plays = self.site.attack
        elif name is None:
            plays = [pair for pair in self.site.attack if pair[0] == self.site.device(device).name]
            if not plays:
                raise LabError(f"name an attack on {device}: {', '.join(sorted(self.site.device(device).attacks))}")
        else:
            plays = [(device, name)]
        played = []
        for target, attack in plays:
            victim = self.site.device(target)
            if attack not in victim.attacks:
                known = ", ".join(sorted(victim.attacks)) or "none"
                raise LabError(f"{target}: no attack {attack!r}; known: {known}")
            played.append({"device": target, "attack": attack, "done": victim.attack(attack)})
            self.server.reconcile(victim)
        return played

    def do_fault(self, device: str, name: str, on: bool = True) -> list[str]:
        target = self.site.device(device)
        target.fault(name, on)
        self.server.reconcile(target)
        return sorted(target.faults)

    def do_restart(self, device: str, seconds: float | None = None) -> float:
        target = self.site.device(device)
        target.restart(seconds)
        self.server.reconcile(target)
        return max(0.0, round(target.down_until - time.monotonic(), 3))

    def do_state(self, device: str) -> Any:
        return masked_state(self.site.device(device))

    def do_list_faults(self) -> dict[str, dict[str, str]]:
        return {"(every device)": WIRE_FAULTS} | {device.name: device.faults_known for device in self.site.devices}

    def do_list_attacks(self) -> dict[str, dict[str, str]]:
        return {device.name: device.attacks for device in self.site.devices}

    def do_inventory(self) -> dict[str, Any]:
        return inventory(self.site)


def inventory(site: Site) -> dict[str, Any]:
    """The site as Ansible inventory: cameras, recorders, routers; the bootstrap login of each device that has one."""
    groups: dict[str, Any] = {}
    for device in site.devices:
        sockets = {item.kind: item.port for item in device.listeners()}
        scheme = "http" if "http" in sockets or "https" not in sockets else "https"
        host: dict[str, Any] = {
            "ansible_host": device.address,
            "nwcs_family": getattr(device, "speaks", device.family),
            "nwcs_host": device.address,
            "nwcs_port": sockets.get(scheme, device.ports[scheme]),
            "nwcs_scheme": scheme,
        }
        login = getattr(device, "bootstrap_login", None) or device.model.get("bootstrap_login")
        if login:
            user, password = login.values() if isinstance(login, dict) else login
            host |= {"nwcs_username": user, "nwcs_password": password}
        family = str(device.model.get("family") or device.family)
        groups.setdefault(_ROLES.get(family, family), {"hosts": {}})["hosts"][device.name] = host
    return {"all": {"vars": {"nwcs_site": site.name, "nwcs_simulated": True}, "children": groups}}


def masked_state(device: Device) -> Any:
    """The device's state as JSON data without secrets: its own `public_state()` if it has one, else its attributes."""
    own = getattr(device, "public_state", None)
    if own is not None:
        return _plain(own())
    return _plain({key: value for key, value in vars(device).items() if key not in ("log", "model") and key[0] != "_"})


def _plain(value: Any, name: str = "", depth: int = 0) -> Any:
    if name and _SECRET.search(name) and not isinstance(value, bool):
        return "***" if value else value
    if depth > 12:
        return "..."
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item, str(key), depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [_plain(item, "", depth + 1) for item in value]
        return sorted(items, key=repr) if isinstance(value, (set, frozenset)) else items
    if isinstance(value, str):
        return "***" if _HASH.match(value) else value
    if value is None or isinstance(value, (int, float, bool)):
        return value
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if hasattr(value, "__dict__") and not callable(value):
        return _plain({key: item for key, item in vars(value).items() if not key.startswith("_")}, "", depth + 1)
    return type(value).__name__

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The families are imported here, before threads need them at the same time.
# The yielded bench is closed where its generator ends.
# pylint: disable=unused-import,contextmanager-generator-missing-cleanup
"""Devices that come and go in one lab, and runs in processes of their own that are watched from here."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fault_makers import MAKERS
from fault_worker import quick_vault

from ansible_collections.nwcs.hardening.lab.onvif import OnvifDevice, OnvifRecorder  # noqa: F401
from ansible_collections.nwcs.hardening.lab.openwrt.sessions import find_login
from ansible_collections.nwcs.hardening.lab.site import Site, device_class
from ansible_collections.nwcs.hardening.lab.testing import RunningLab, running_lab

WORKER = Path(__file__).with_name("fault_worker.py")
RUN_SECONDS = 90.0  # a run that takes longer hangs


class Workers:
    """The process that forks the runs."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "worker")
        command = [sys.executable, str(WORKER), self.path]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None and self.process.stdout.readline() == b"ready\n"

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def run(self, order: dict[str, Any], at: Callable[[], None] | None = None) -> dict[str, Any]:
        """Do one run; {"killed": boundary} when SIGKILL ended it. `at` is called while it waits at a boundary."""
        reached = ""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(RUN_SECONDS)
            link.connect(self.path)
            with link.makefile("rw", encoding="utf-8") as wire:
                wire.write(json.dumps(order) + "\n")
                wire.flush()
                pid = json.loads(wire.readline())["pid"]
                for line in wire:
                    message = json.loads(line)
                    if "at" not in message:
                        _wait_for_end(pid)
                        return message | {"reached": reached}
                    reached = message["at"]
                    if not order.get("kill"):
                        if at is not None:
                            at()
                        wire.write("go\n")
                        wire.flush()
        _wait_for_end(pid)
        return {"killed": reached, "reached": reached}


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}"):
        assert time.monotonic() < deadline, "a killed run is still there"
        time.sleep(0.002)


class Bench:
    """A lab into which devices are plugged, one per case."""

    def __init__(self, lab: RunningLab, workers: Workers) -> None:
        self.lab, self.workers = lab, workers
        self.ca = str(lab.ca)

    @contextlib.contextmanager
    def device(self, number: int, model: str, overrides: dict[str, Any]) -> Iterator[Any]:
        """A fresh device of a model at the address with this number, until the block ends."""
        entry = {"name": f"bench-{number}", "host": number, "model": model, "overrides": overrides}
        device = Site.build({"name": "bench", "devices": [entry]}, network=self.lab.network).devices[0]
        server = self.lab.server

        def plug() -> None:
            server.devices[device.name] = device
            server._endpoints[device.name] = {}
            server.reconcile(device, strict=True)

        def unplug() -> None:
            for endpoint in server._endpoints.pop(device.name).values():
                endpoint.close()
            del server.devices[device.name]

        self.lab.call(plug)
        try:
            yield device
        finally:
            self.lab.call(unplug)

    def act(self, device: Any, action: Callable[[], Any]) -> Any:
        """Do something to a device in the lab's thread; its sockets follow at once."""

        def both() -> Any:
            done = action()
            self.lab.server.reconcile(device)
            return done

        return self.lab.call(both)

    def bring_back(self, device: Any) -> None:
        """Power and network are there again, and the device has started."""

        def whole() -> None:
            device.cuts.clear()
            device.power(True)
            device.network(True)

        self.act(device, whole)
        self.lab.wait(lambda: self.act(device, lambda: not device.is_down()), 10)


@contextlib.contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    for maker in MAKERS.values():
        for character in maker.characters:
            device_class(character)
    workers = Workers(folder)  # before the lab's thread
    try:
        with quick_vault(), running_lab(lambda _network: []) as lab:
            yield Bench(lab, workers)
    finally:
        workers.close()


# -- what the device holds, seen from inside ---------------------------------------------------------------------------
def held(device: Any) -> dict[str, str]:
    """{account: password in force} of a device that keeps passwords; a router keeps hashes."""
    if device.family in MAKERS:
        return MAKERS[device.family].held(device)
    return {user["Username"]: user["Password"] for user in device.state["users"]}


def accepts(device: Any, account: str, password: str) -> bool:
    """Does the device take this login?"""
    if device.family == "openwrt":
        return find_login(device.live["rpcd"], device.shadow, account, password) is not None
    return held(device).get(account) == password


def accounts(device: Any) -> list[str]:
    if device.family == "openwrt":
        return sorted({section.get("username") for section in device.live["rpcd"].of_type("login")})
    return sorted(held(device))


def waits_for_restart(device: Any) -> bool:
    """Does it show values that are in force only after a restart?"""
    if device.family in MAKERS:
        return MAKERS[device.family].waits(device)
    return device.family != "openwrt" and device.waits_for_restart()


def settled(device: Any) -> str:
    """Everything the device is set to as text, without passwords and what belongs to this one device only."""
    if device.family == "openwrt":
        state = device.public_state()
        state = {name: state[name] for name in ("packages", "accounts", "access_groups")}
        # UPnP is off when its service does not run, or when its configuration says so: either way is what was wanted.
        state["packages"].get("upnpd", {}).get("config", {}).pop("enabled", None)
        state["packages"] = {config: _unnamed(rows) for config, rows in state["packages"].items()}
        state["running"] = [name for name in device.services if device.running(name)]
    elif device.family in MAKERS:
        state = MAKERS[device.family].settled(device)
    else:
        state = copy.deepcopy(device.stored)
        for user in state["users"]:
            del user["Password"]
        state["users"].sort(key=lambda user: user["Username"])
        for name in ("information", "interface"):
            state.pop(name, None)
    text = json.dumps(state, sort_keys=True, default=str)
    for own in MAKERS[device.family].own(device) if device.family in MAKERS else ():
        text = text.replace(own, "OWN")
    if device.family == "onvif":
        text = text.replace(device.factory["hostname"]["Name"], "FACTORY-NAME")
    return text.replace(device.address, "ADDRESS").replace(device.address.rpartition(".")[0], "NETWORK")


def _unnamed(rows: dict[str, Any]) -> list[Any]:
    """Sections without their made-up names."""
    named = [[None if name.startswith("cfg") else name, row] for name, row in rows.items()]
    return sorted(json.dumps(pair, sort_keys=True) for pair in named)

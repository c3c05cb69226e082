# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab inside a test: a thread of this process serves the devices.

    with running_lab(["onvif-complete", {"name": "cam", "model": "onvif-complete"}]) as lab:
        lab.device("cam").fault("H31-close")
        http.client.HTTPConnection(lab.device("cam").address, lab.device("cam").ports["http"])

Leaving the block closes every socket, removes the scratch directory and raises AssertionError when a simulated device
itself failed (a traceback inside the lab would otherwise look like a device that answers 500).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .base import LabError
from .certs import CertStore
from .cuts import Cut, Step
from .device import Device, LogEntry
from .disturb import Disturbances, random_cut
from .mitm import Mitm
from .server import LabServer
from .site import Site

_RESERVED_PORT = 39997  # bound on .254 of the network for as long as the lab runs: tests side by side do not meet
DeviceList = list[Device] | list[dict] | list[str] | Callable[[str], list[Device]]


class RunningLab(Disturbances):
    """The lab seen from the test's thread."""

    def __init__(self, site: Site, server: LabServer, loop: asyncio.AbstractEventLoop, directory: Path) -> None:
        self.site = site
        self.server = server
        self.loop = loop
        self.directory = directory
        self.network = site.network
        self.devices = site.devices
        self.expect_problems = False  # set True in a test that breaks a device on purpose

    @property
    def ca(self) -> Path:
        """The lab's certificate authority as PEM file."""
        return self.call(lambda: self.server.certs.ca)

    @property
    def problems(self) -> list[str]:
        return self.server.problems

    def device(self, name: str) -> Any:
        return self.site.device(name)

    def call(self, function: Callable[[], Any]) -> Any:
        """Run a plain function in the lab's thread and return its result."""

        async def job() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(job(), self.loop).result(10)

    def settle(self) -> None:
        """Bring all sockets up to date now (the lab does it by itself within 0.2 s)."""
        self.call(lambda: [self.server.reconcile(device) for device in self.devices])

    def fault(self, name: str, fault: str, on: bool = True) -> None:
        self.call(lambda: self.device(name).fault(fault, on))
        self.settle()

    def attack(self, name: str, attack: str) -> str:
        sentence = self.call(lambda: self.device(name).attack(attack))
        self.settle()
        return sentence

    def restart(self, name: str, seconds: float | None = None) -> None:
        self.call(lambda: self.device(name).restart(seconds))
        self.settle()

    # -- power, network, certificates: as in cuts.py, done in the lab's thread and in force when these return ----------
    def power(self, name: str, on: bool, how: str = "reset", back_after: float | None = None) -> None:
        self.call(lambda: self.do_power(name, on, how, back_after))

    def link(self, name: str, on: bool, how: str = "silent", back_after: float | None = None) -> None:
        """Pull or plug the network cable of a device."""
        self.call(lambda: self.do_network(name, on, how, back_after))

    def certificate(self, name: str, kind: str) -> None:
        self.call(lambda: self.do_certificate(name, kind))

    def cut_at(self, name: str, **moment: Any) -> Cut:
        """Arguments as for Device.cut_at."""
        return self.call(lambda: self.device(name).cut_at(**moment))

    def answer_late(self, name: str, seconds: float, **moment: Any) -> Cut:
        return self.call(lambda: self.device(name).answer_late(seconds, **moment))

    def has_struck(self, name: str) -> bool:
        """True when no cut of this device is left to happen."""
        return not self.device(name).cuts

    def count(self, name: str) -> None:
        """Count the requests to a device from now on; steps() tells them."""
        self.call(lambda: self.device(name).count())

    def steps(self, name: str) -> list[Step]:
        return list(self.device(name).steps or ())

    def swap(self, name: str, other: str) -> None:
        """Each of the two answers at the other's address from now on (H60); the same again undoes it."""
        self.call(lambda: self.do_swap(name, other))

    def locked(self, name: str) -> dict[str, float]:
        """Source address or account that is locked out -> seconds left."""
        return self.call(lambda: self.do_locked(name))

    def logins(self, name: str, outcome: str = "refused") -> list[LogEntry]:
        """Login attempts that came out so: ok, refused, locked."""
        return [entry for entry in self.log(name) if entry.login == outcome]

    @contextlib.contextmanager
    def mitm(self, name: str, kind: str = "https", certificate: str = "self-signed") -> Iterator[Mitm]:
        """Somebody sits between a device and its clients while the block runs (see mitm.py).

        `certificate` is one of certs.KINDS; "good" is a false one that the lab's own authority signed.
        """
        device = self.device(name)
        mitm = self.call(lambda: self.server.intercept(device, kind, certificate))
        try:
            yield mitm
        finally:
            self.call(lambda: self.server.leave(device))

    def break_some(self, share: float, writes: int, seed: int = 1, back_after: float = 0.3) -> dict[str, Cut]:
        """Let `share` (0…1) of the devices fail once at a random one of their first `writes` writes.

        The same seed breaks the same devices at the same moments, whatever the network is.
        """
        names = sorted(device.name for device in self.devices)
        chosen = random.Random(seed).sample(names, max(1, round(share * len(names))))
        return {name: self.cut_at(name, **random_cut(f"{seed}:{name}", writes, back_after)) for name in sorted(chosen)}

    def log(self, name: str) -> list[LogEntry]:
        return list(self.device(name).log)

    def writes(self, name: str) -> list[LogEntry]:
        """Requests that would change the configuration of the device."""
        return [entry for entry in self.log(name) if entry.write]

    def sockets(self, name: str) -> list[tuple[str, int]]:
        return self.call(lambda: self.server.open_sockets(self.device(name)))

    def wait(self, true: Callable[[], Any], seconds: float = 5.0) -> Any:
        """Poll until `true()` is true and return it; AssertionError after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            result = true()
            if result:
                return result
            assert time.monotonic() < deadline, f"not so within {seconds} s: {true}"
            time.sleep(0.01)


def is_open(address: str, port: int) -> bool:
    """True when a TCP connection is accepted."""
    with contextlib.closing(socket.socket()) as sock:
        sock.settimeout(2)
        return sock.connect_ex((address, port)) == 0


@contextlib.contextmanager
def free_network() -> Iterator[str]:
    """A loopback network "127.a.b" that no other test uses while the block runs."""
    for _unused in range(200):
        network = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}"
        with contextlib.closing(socket.socket()) as guard:
            try:
                guard.bind((f"{network}.254", _RESERVED_PORT))
            except OSError:
                continue
            yield network
            return
    raise LabError("no free loopback network found")


@contextlib.contextmanager
def running_lab(
    devices: DeviceList | None = None, *, site: str | Path | dict | None = None, network: str | None = None
) -> Iterator[RunningLab]:
    """Serve `devices` or a `site` (name, file or content) until the block ends.

    `devices`: Device instances with their addresses, or entries as in a site file (`host` is given when missing),
    or model names, or a function of the network that returns Device instances.
    """
    with contextlib.ExitStack() as stack:
        network = network or stack.enter_context(free_network())
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nwcs-lab-")))
        built = _site(devices, site, network)
        lab = stack.enter_context(_served(built, directory))
        yield lab
    if lab.problems and not lab.expect_problems:
        raise AssertionError("the lab itself failed: " + "; ".join(lab.problems))


def _site(devices: DeviceList | None, site: str | Path | dict | None, network: str) -> Site:
    if devices is None:
        return Site.build(site or "demo", network=network)
    made = devices(network) if callable(devices) else list(devices)
    if all(isinstance(item, Device) for item in made):
        return Site("test", network, made)  # type: ignore[arg-type]
    entries = [{"model": item} if isinstance(item, str) else dict(item) for item in made]  # type: ignore[arg-type]
    for number, entry in enumerate(entries, 11):
        entry.setdefault("name", entry["model"] if len(entries) == 1 else f"{entry['model']}-{number}")
        entry.setdefault("host", number)
    return Site.build({"name": "test", "devices": entries}, network=network)


@contextlib.contextmanager
def _served(site: Site, directory: Path) -> Iterator[RunningLab]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="nwcs-lab", daemon=True)
    thread.start()
    try:
        server = LabServer(site.devices, CertStore(directory), site)
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(30)
        try:
            yield RunningLab(site, server, loop, directory)
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()

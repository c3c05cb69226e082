# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Harden ends at the worst moments: a password stored but not sent, plain HTTP just closed, many devices under way.

test_interrupt.py cuts inside a write; here the moments are those between two files or two programs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from e2e_box import SECONDS, Workplace, device_login, every_secret, processes, wait

from ansible_collections.nwcs.hardening.lab.device import Device, Request, Response
from ansible_collections.nwcs.hardening.lab.testing import RunningLab, running_lab

pytestmark = pytest.mark.long

DESIGN = {"time": {"sync": "ntp", "servers": ["ntp.example.jp"]}}


class Hold:
    """Holds a device's answers back from the moment that `when(request)` is true until `go()`."""

    def __init__(self, device: Device, when: Callable[[Request], bool]) -> None:
        self.reached, self.released = threading.Event(), threading.Event()
        handle = device.handle

        async def held(request: Request) -> Response:
            if not self.released.is_set() and (self.reached.is_set() or when(request)):
                self.reached.set()
                while not self.released.is_set():
                    await asyncio.sleep(0.02)
            return await handle(request)

        device.handle = held  # type: ignore[method-assign]

    def go(self) -> None:
        self.released.set()


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    (tmp_path / "place").mkdir()
    return Workplace(tmp_path / "place")


def declare(place: Workplace, lab: RunningLab) -> None:
    hosts = {device.name: device_login(device.address) for device in lab.devices}
    place.write_inventory(hosts, nwcs_tls_verify=str(lab.ca), nwcs_profiles=["d"], nwcs_design=DESIGN)


def worker_of(place: Workplace, name: str) -> int:
    """The process that holds the lease of a device, as the lease says."""
    lease = place.work / "state" / place.site / name / "lease"
    return int(re.search(r"process (\d+)", lease.read_text())[1])  # type: ignore[index]


def stored(place: Workplace, name: str) -> bool:
    return (place.work / "secrets" / place.site / f"{name}.vault.yml").exists()


def kill(numbers: list[int]) -> None:
    for number in numbers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def in_force(device: Any) -> str:
    return next(user["Password"] for user in device.state["users"] if user["Username"] == "admin")


def check_files(place: Workplace) -> None:
    """Every file is whole: what its name promises can be read."""
    for path in place.files():
        if path.name.startswith(".tmp-"):
            continue  # what was being written; nothing ever reads it
        text = path.read_text()
        if path.suffix == ".json":
            json.loads(text)
        elif path.name.endswith(".vault.yml"):
            assert text.startswith("$ANSIBLE_VAULT")
        elif path.suffix == ".yml":
            assert isinstance(yaml.safe_load(text), dict)
    place.secrets()  # every store can be decrypted


def check_finished(place: Workplace, lab: RunningLab) -> None:
    """The next run finishes what was begun, and the one after it has nothing to do."""
    again = place.play("harden")
    for device in lab.devices:
        assert again.device(device.name)["error"] is None, again.said()
        lines = again.outcomes(device.name)
        assert {lines[key]["outcome"] for key in ("time.servers", "services.http.enabled")} <= {"changed", "ok"}
        assert in_force(device) == place.password(device.name)
        assert place.secrets()[device.name]["accounts.admin"]["pending"] is None
        assert again.device(device.name)["way"]["scheme"] == "https"
    writes = [len(lab.writes(device.name)) for device in lab.devices]
    place.play("harden")
    assert [len(lab.writes(device.name)) for device in lab.devices] == writes
    # One lock-out would need several wrong logins; finding out which password is in force needs one at most.
    for device in lab.devices:
        wrong = [entry for entry in lab.log(device.name) if entry.status in (400, 401) and entry.login == "refused"]
        assert len(wrong) <= 3, wrong


def interrupted(place: Workplace, cut: Callable[[int], None], reached: threading.Event, go: Callable[[], None]) -> None:
    process = place.start(place.command("harden"))
    try:
        assert reached.wait(SECONDS)
        cut(process.pid)
        go()
        process.communicate(timeout=SECONDS)
    finally:
        go()
        if process.poll() is None:
            kill(processes(place))
            process.communicate(timeout=SECONDS)
    assert process.returncode != 0
    wait(lambda: not processes(place), 30)  # nobody is left behind


@pytest.mark.parametrize("victim", ["worker", "all"])
def test_killed_between_storing_a_password_and_sending_it(place: Workplace, loopback_network: str, victim: str) -> None:
    with running_lab([{"name": "cam", "model": "onvif-complete"}], network=loopback_network) as lab:
        declare(place, lab)
        hold = Hold(lab.device("cam"), lambda _request: stored(place, "cam"))

        def cut(_parent: int) -> None:
            kill([worker_of(place, "cam")] if victim == "worker" else processes(place))

        interrupted(place, cut, hold.reached, hold.go)
        assert in_force(lab.device("cam")) == "12345"  # it was not sent
        assert place.secrets()["cam"]["accounts.admin"]["pending"]["value"] != "12345"
        check_files(place)
        check_finished(place, lab)


def test_killed_when_plain_http_was_closed(place: Workplace, loopback_network: str) -> None:
    """The inventory names plain HTTP, which is gone, and nobody has written down yet what there is instead."""
    with running_lab([{"name": "cam", "model": "onvif-complete"}], network=loopback_network) as lab:
        device = lab.device("cam")
        declare(place, lab)
        hold = Hold(device, lambda _request: not _http_is_on(device))
        interrupted(place, lambda _parent: kill(processes(place)), hold.reached, hold.go)
        assert not _http_is_on(device)
        check_files(place)
        check_finished(place, lab)


def _http_is_on(device: Any) -> bool:
    return any(entry["Name"] == "HTTP" and entry["Enabled"] for entry in device.state["protocols"])


def test_ctrl_c_lets_what_was_begun_come_to_its_proof(place: Workplace, loopback_network: str) -> None:
    """With several devices under way: each is as it was, or done, or known to be in between."""
    names = [f"cam-{number}" for number in range(6)]
    with running_lab([{"name": name, "model": "onvif-complete"} for name in names], network=loopback_network) as lab:
        declare(place, lab)
        holds = [Hold(lab.device(name), lambda _request, name=name: stored(place, name)) for name in names[:2]]

        def cut(parent: int) -> None:
            assert worker_of(place, names[0]) in processes(place)
            wait(lambda: holds[1].reached.is_set(), SECONDS)  # pylint: disable=unnecessary-lambda
            os.killpg(parent, signal.SIGINT)  # as the terminal does it

        interrupted(place, cut, holds[0].reached, lambda: [hold.go() for hold in holds])
        check_files(place)
        secrets = every_secret(place.secrets()) | {"12345"}
        assert {in_force(device) for device in lab.devices} <= secrets
        # These two had begun: they are done, not half done.
        for name in names[:2]:
            assert in_force(lab.device(name)) == place.password(name)
            assert place.secrets()[name]["accounts.admin"]["pending"] is None
            assert not _http_is_on(lab.device(name))
        check_finished(place, lab)

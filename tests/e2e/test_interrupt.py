# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C and worse in the middle of harden: no process stays, the way in is kept, the next run finishes the work."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from e2e_box import SECONDS, Workplace, device_login, every_secret, processes, wait

from ansible_collections.nwcs.hardening.lab.device import Device, Request, Response
from ansible_collections.nwcs.hardening.lab.testing import running_lab

pytestmark = pytest.mark.slow


class SlowAt:
    """Makes a device slow, and still slower in the answer to one operation, which is done before the answer comes."""

    def __init__(self, device: Device, operation: bytes) -> None:
        self.reached = threading.Event()
        self.slow = True
        handle = device.handle

        async def slowly(request: Request) -> Response:
            response = await handle(request)
            if self.slow:
                there = operation in request.body
                if there:
                    self.reached.set()
                await asyncio.sleep(1.5 if there else 0.02)
            return response

        device.handle = slowly  # type: ignore[method-assign]


def passwords_of(device: Any) -> dict[str, str]:
    return {user["Username"]: user["Password"] for user in device.state["users"]}


def kill_all(place: Workplace) -> None:
    for process in processes(place):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


# Where it is cut: the password, the first harmless write, the closing of HTTP.
@pytest.mark.parametrize(
    ("operation", "how"),
    [(b"SetUser", signal.SIGINT), (b"SetUser", signal.SIGKILL), (b"SetNetworkProtocols", signal.SIGINT)],
    ids=["password-ctrl-c", "password-kill", "protocols-ctrl-c"],
)
def test_harden_cut_in_the_middle(tmp_path: Path, loopback_network: str, operation: bytes, how: signal.Signals) -> None:
    (tmp_path / "place").mkdir()
    place = Workplace(tmp_path / "place")
    with running_lab([{"name": "cam", "model": "onvif-complete"}], network=loopback_network) as lab:
        device = lab.device("cam")
        place.write_inventory(
            {"cam": device_login(device.address)}, nwcs_tls_verify=str(lab.ca), nwcs_profiles=["d"],
            nwcs_design={"time": {"sync": "ntp", "servers": ["ntp.example.jp"]}},
        )  # fmt: skip
        slow = SlowAt(device, operation)
        process = place.start(place.command("harden"))
        try:
            assert slow.reached.wait(SECONDS)
            assert len(processes(place)) >= 2  # ansible-playbook and a worker
            if how is signal.SIGINT:
                os.killpg(process.pid, how)  # as the terminal does it
            else:
                kill_all(place)  # as when the power fails
            out, err = process.communicate(timeout=SECONDS)
        finally:
            kill_all(place) if process.poll() is None else None
        assert process.returncode != 0
        assert how is signal.SIGKILL or "interrupted" in (out + err).lower()
        wait(lambda: not processes(place), 20)  # nobody is left
        assert "Traceback" not in out + err

        # The password that is in force is known: the factory's, or one in the store.
        in_force = passwords_of(device)["admin"]
        assert in_force == "12345" or in_force in every_secret(place.secrets())

        slow.slow = False
        again = place.play("harden")
        assert again.device("cam")["error"] is None, again.said()
        lines = again.outcomes("cam")
        assert {lines[key]["outcome"] for key in ("time.servers", "services.http.enabled")} <= {"changed", "ok"}
        assert passwords_of(device)["admin"] == place.password("cam")
        assert place.secrets()["cam"]["accounts.admin"]["pending"] is None

        writes = len(lab.writes("cam"))
        third = place.play("harden")
        assert third.device("cam")["error"] is None
        assert len(lab.writes("cam")) == writes


def test_two_runs_at_once(tmp_path: Path, loopback_network: str) -> None:
    """The second run says who holds the device, and leaves it alone (DESIGN 6)."""
    (tmp_path / "place").mkdir()
    place = Workplace(tmp_path / "place")
    with running_lab([{"name": "cam", "model": "onvif-complete"}], network=loopback_network) as lab:
        device = lab.device("cam")
        place.write_inventory({"cam": device_login(device.address)}, nwcs_tls_verify=str(lab.ca), nwcs_profiles=["d"])
        slow = SlowAt(device, b"SetUser")
        hold = threading.Event()
        handle = device.handle

        async def held(request: Request) -> Response:
            response = await handle(request)
            while b"SetUser" in request.body and not hold.is_set():
                await asyncio.sleep(0.05)
            return response

        device.handle = held  # type: ignore[method-assign]
        first = place.start(place.command("harden"))
        try:
            assert slow.reached.wait(SECONDS)
            second = place.play("harden")
            hold.set()
            first.communicate(timeout=SECONDS)
        finally:
            hold.set()
            kill_all(place) if first.poll() is None else None
    assert second.code != 0
    assert second.device("cam")["error"]["code"] == "locked" or "process" in second.device("cam")["error"]["message"]
    assert second.device("cam")["writes"] == 0

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How programs and the command line talk to a running lab."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

from .base import LabError


class LabClient:
    """Talks to the lab that runs out of `directory`; every method raises LabError in one sentence."""

    def __init__(self, directory: Path | str, timeout: float = 30.0) -> None:
        self.directory = Path(directory)
        self.timeout = timeout

    def running(self) -> bool:
        """True while a process holds the lab's lock; a left-over lab.json alone is not a running lab."""
        try:
            descriptor = os.open(self.directory / "lab.lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def description(self) -> dict[str, Any]:
        if not self.running():
            raise LabError(f"no lab is running in {self.directory}; start one with `nwcs-lab up`")
        try:
            return json.loads((self.directory / "lab.json").read_text())
        except (OSError, ValueError):
            raise LabError(f"the lab in {self.directory} is starting or ending: it has no lab.json") from None

    def call(self, command: str, **args: Any) -> Any:
        about = self.description()
        line = json.dumps({"token": about["token"], "command": command, "args": args}).encode() + b"\n"
        try:
            with socket.create_connection(("127.0.0.1", about["port"]), self.timeout) as sock:
                sock.sendall(line)
                answer = json.loads(sock.makefile("rb").readline() or b'{"error": "the lab ended"}')
        except (OSError, ValueError) as error:
            raise LabError(f"the lab in {self.directory} does not answer: {error}") from None
        if "error" in answer:
            raise LabError(answer["error"])
        return answer["result"]

    def status(self) -> dict[str, Any]:
        return self.call("status")

    def log(self, device: str | None = None, writes: bool = False) -> list[dict[str, Any]]:
        return self.call("log", device=device, writes=writes)

    def clear_log(self) -> int:
        return self.call("clear_log")

    def attack(self, device: str | None = None, name: str | None = None) -> list[dict[str, str]]:
        return self.call("attack", device=device, name=name)

    def fault(self, device: str, name: str, on: bool = True) -> list[str]:
        return self.call("fault", device=device, name=name, on=on)

    def restart(self, device: str, seconds: float | None = None) -> float:
        return self.call("restart", device=device, seconds=seconds)

    def power(self, device: str, on: bool, how: str = "reset", back_after: float | None = None) -> dict[str, Any]:
        return self.call("power", device=device, on=on, how=how, back_after=back_after)

    def network(self, device: str, on: bool, how: str = "silent", back_after: float | None = None) -> dict[str, Any]:
        return self.call("network", device=device, on=on, how=how, back_after=back_after)

    def certificate(self, device: str, kind: str) -> dict[str, Any]:
        return self.call("certificate", device=device, kind=kind)

    def cut_at(self, device: str, **moment: Any) -> dict[str, Any]:
        """Arguments as for Device.cut_at."""
        return self.call("cut", device=device, **moment)

    def swap(self, device: str, other: str) -> dict[str, str]:
        """Each answers at the other's address from now on; returns the addresses by name."""
        return self.call("swap", device=device, other=other)

    def mitm(self, device: str, on: bool, kind: str = "https", certificate: str = "self-signed") -> dict[str, Any]:
        return self.call("mitm", device=device, on=on, kind=kind, certificate=certificate)

    def locked(self, device: str) -> dict[str, float]:
        """Source address or account that is locked out -> seconds left."""
        return self.call("locked", device=device)

    def count(self, device: str) -> None:
        self.call("count", device=device)

    def steps(self, device: str) -> list[dict[str, Any]]:
        """The requests since count(): {operation, write, acted, scheme}."""
        return self.call("steps", device=device)

    def state(self, device: str) -> Any:
        return self.call("state", device=device)

    def inventory(self) -> dict[str, Any]:
        return self.call("inventory")

    def stop(self, seconds: float = 10.0) -> bool:
        """End the lab and wait until its process has let go; False when none was running. LabError if it stays."""
        if not self.running():
            (self.directory / "lab.json").unlink(missing_ok=True)
            return False
        pid = None
        with contextlib.suppress(LabError):
            pid = self.description().get("pid")
            self.call("stop")
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if number is not None and pid and self.running():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + (seconds if number is None else 3.0)
            while time.monotonic() < deadline:
                if not self.running():
                    (self.directory / "lab.json").unlink(missing_ok=True)
                    return True
                time.sleep(0.02)
        raise LabError(f"the lab in {self.directory} did not end")

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CPU, time and memory of a command with all its children."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.2


@dataclass
class Measured:
    """cpu_s: user + system of the command and of every child it waited for. peak_mb: see `memory`."""

    status: int
    cpu_s: float
    wall_s: float
    peak_mb: float


def run(command: Sequence[str], env: Mapping[str, str], cwd: Path, log: Path, seconds: float) -> Measured:
    """Run to the end, output into `log`. Ended with all its children after `seconds` (TimeoutError) or on Ctrl-C."""
    start = time.monotonic()
    peak = 0.0
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        following = start
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            now = time.monotonic()
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                return Measured(process.returncode, usage.ru_utime + usage.ru_stime, now - start, peak)
            if now - start > seconds:
                raise TimeoutError(f"{Path(command[0]).name} did not end within {seconds:g} s")
            if now >= following:
                peak = max(peak, memory(process.pid))
                following = time.monotonic() + SAMPLE_SECONDS
            time.sleep(0.01)  # the clock of the measurement itself
    except BaseException:
        for one in tree(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        process.wait()
        raise


def tree(root: int) -> list[int]:
    """`root` and all its descendants, whatever sessions they have made for themselves."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                stat = Path("/proc", entry, "stat").read_text(errors="replace")
                children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
    found = [root]
    for pid in found:
        found += children.get(pid, ())
    return found


def memory(root: int) -> float:
    """MB that the tree takes now: the sum of PSS, in which a page shared by n processes counts 1/n for each."""
    total = 0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            for line in Path("/proc", str(pid), "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
                    break
    return total / 1024

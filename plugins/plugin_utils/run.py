# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a playbook: its id, its folder, and what each device left there.

RUN is made when this module is imported. Ansible's parent process imports the action plugin before it forks its
workers, so it is the same in all of them.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import signal
import threading
import time
from collections.abc import Iterator

from ansible_collections.nwcs.hardening.plugins.plugin_utils import files

_STARTED = datetime.datetime.now(datetime.UTC)
RUN = _STARTED.strftime("%Y%m%dT%H%M%SZ") + f"-{os.getpid()}"
STARTED = _STARTED.strftime("%Y-%m-%dT%H:%M:%SZ")
RUN_FILE = "NWCS_RUN_FILE"  # environment variable: the file in which nwcs-drift wants to be told where the result lies


def id_of(text: str) -> str:
    """The id in what a person copies: the id itself, or the name of the run's folder (harden-20260102T030405Z-77)."""
    match = re.fullmatch(r"(?:[a-z_-]+-)?([0-9]{8}T[0-9]{6}Z-[0-9]+)/?", text.strip())
    return match[1] if match else text.strip()


def folder(report_dir: str, job: str) -> str:
    """<report dir>/<job>-<UTC time>-<process>: made when first used, 0700."""
    path = os.path.join(report_dir, f"{files.safe_name(job)}-{RUN}")
    files.private_folder(os.path.join(path, "devices"))
    return path


def tell(result_path: str) -> None:
    """Tell nwcs-drift, if it started this run, where result.json lies."""
    note = os.environ.get(RUN_FILE)
    if note:
        files.write_private(note, os.path.abspath(result_path))


def clock_state() -> str:
    """synchronised | unsynchronised | unknown: what the kernel says of the controller's own clock (H63)."""
    try:
        import ctypes

        class _Timex(ctypes.Structure):
            _fields_ = [("modes", ctypes.c_uint), ("fields", ctypes.c_byte * 512)]

        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(_Timex()))
    except (OSError, AttributeError):
        return "unknown"
    if state == 5:  # TIME_ERROR: the kernel has not been told that the clock is right
        return "unsynchronised" if _kernel_rules_the_clock() else "unknown"
    return "synchronised" if 0 <= state < 5 else "unknown"


def _kernel_rules_the_clock() -> bool:
    """In a container the host rules the clock, and the answer says nothing."""
    return not (os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"))


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """While this lasts, Ctrl-C and SIGTERM wait: a change is followed to its proof (DESIGN 5). Then they take effect.

    Ansible hands the signal on to its workers and then waits for them, so that this ends in order.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers; it alone receives signals
        return
    came: list[int] = []
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in kept:
        signal.signal(number, lambda received, _frame: came.append(received))
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        for number in came[:1]:
            os.kill(os.getpid(), number)


def seconds_since(start: float) -> float:
    return round(time.monotonic() - start, 2)

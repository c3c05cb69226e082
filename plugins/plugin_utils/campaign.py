# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many devices in one run: when to stop, and how many of one recorder change at a time.

Workers share nothing but the run's folder, so both rest on small files there: a mark per failed device, and lock files
as slots. The kernel frees a slot when its process dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Sequence

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import files

SLOT_SECONDS = 1800.0  # how long a device waits for its turn: longer than a change with a restart takes
POLL_SECONDS = 0.1


class Stopped(StateError):
    """Not tried: the run was ended by its own stop rule."""

    code = "stopped"


def note_failure(folder: str, device: str) -> None:
    """This device failed, or could not be reached: it counts for the stop rule."""
    if folder:
        files.private_folder(os.path.join(folder, "failures"))
        files.write_private(os.path.join(folder, "failures", files.safe_name(device)), "")


def check_stop(folder: str, device: str, most: int) -> None:
    """Stopped when more than `most` other devices have failed in this run; 0: no such rule."""
    if not folder or not most:
        return
    with contextlib.suppress(FileNotFoundError):
        failed = [name for name in os.listdir(os.path.join(folder, "failures")) if not name.startswith(".")]
        if len(failed) > most:
            raise Stopped(
                f"{device}: not tried, because {len(failed)} devices have failed in this run (limit {most}) "
                "[guard: stop-rule].",
                "Look at the failed ones first; then run again, with -e nwcs_stop_after=N for another limit.",
            )


@contextlib.contextmanager
def slot(folder: str, device: str, recorders: Sequence[str], most: int) -> Iterator[None]:
    """Wait until fewer than `most` other devices of each of these recorders are being changed; 0: no limit."""
    with contextlib.ExitStack() as held:
        for recorder in sorted(set(recorders)) if folder and most else ():  # one order for all: no two wait in a circle
            held.enter_context(_slot_of(os.path.join(folder, "slots", files.safe_name(recorder)), device, most))
        yield


@contextlib.contextmanager
def _slot_of(folder: str, device: str, most: int) -> Iterator[None]:
    files.private_folder(folder)
    deadline = time.monotonic() + SLOT_SECONDS
    while True:
        for number in range(most):
            handle = os.open(os.path.join(folder, str(number)), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(handle)
                continue
            try:
                yield
            finally:
                os.close(handle)
            return
        if time.monotonic() > deadline:
            raise StateError(
                f"{device}: not tried, other devices of the same recorder took longer than {SLOT_SECONDS:g} s.",
                "Run again; nwcs_per_recorder sets how many may change at a time.",
            )
        time.sleep(POLL_SECONDS)

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller remembers of a device between runs: lease, ledger, memory, way. No secret is kept here.

One folder per device in nwcs_state_dir. The ledger and the lease are shared by all processes that share the folder.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import files

LOCK_SECONDS = 1800  # how long a deliberate wrong login counts, where the device does not tell its own lock time


class DeviceState:
    """The memory of one device. All reading and writing is of whole small files."""

    def __init__(self, folder: str, site: str, device: str) -> None:
        self.folder = os.path.join(folder, files.safe_name(site or "default"), files.safe_name(device))
        self.device = device

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    # -- lease: one writer per device ----------------------------------------------------------------------------------
    @contextlib.contextmanager
    def lease(self, job: str) -> Iterator[None]:
        """Hold the device for writing; StateError says who else does. The kernel frees it when a process dies."""
        import fcntl

        files.private_folder(self.folder)
        handle = os.open(self._path("lease"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                holder = os.read(handle, 500).decode("utf-8", "replace").strip()
                raise StateError(
                    f"{self.device} is being changed by another run ({holder or 'unknown'}).",
                    "Wait for it to end; reading is possible meanwhile.",
                ) from None
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{job} on {socket.gethostname()}, process {os.getpid()}, since {_now()}\n".encode(), 0)
            yield
        finally:
            os.close(handle)

    # -- ledger: deliberate wrong logins -----------------------------------------------------------------------------
    def may_test_refusal(self, lock_seconds: int | None) -> bool:
        """True, and written down, when no deliberate wrong login was made within the device's lock time (H44, H62)."""
        ledger = files.read_json(self._path("ledger.json")) or {}
        last = ledger.get("wrong_login_at")
        if isinstance(last, (int, float)) and 0 <= time.time() - last < (lock_seconds or LOCK_SECONDS):
            return False
        files.private_folder(self.folder)
        files.write_json(self._path("ledger.json"), {**ledger, "wrong_login_at": time.time()})
        return True

    def refused_any(self) -> bool:
        return bool((files.read_json(self._path("ledger.json")) or {}).get("refused"))

    def refused(self, mark: str) -> bool:
        """Was the login with this mark refused before? A refused secret is not tried again until it changes."""
        return (files.read_json(self._path("ledger.json")) or {}).get("refused") == mark

    def note_refused(self, mark: str | None) -> None:
        files.private_folder(self.folder)
        ledger = files.read_json(self._path("ledger.json")) or {}
        files.write_json(self._path("ledger.json"), {**ledger, "refused": mark})

    def salt(self) -> bytes:
        """A random salt of this device's own, made once."""
        ledger = files.read_json(self._path("ledger.json")) or {}
        if "salt" not in ledger:
            files.private_folder(self.folder)
            ledger["salt"] = os.urandom(16).hex()
            files.write_json(self._path("ledger.json"), ledger)
        return bytes.fromhex(ledger["salt"])

    # -- memory: what did not take, and the way that was proven ------------------------------------------------------
    def memory(self) -> dict[str, Any]:
        """{"keys": {key text: {wanted, firmware, outcome, why, since}}, "way": {scheme, port}}"""
        data = files.read_json(self._path("memory.json"))
        return data if isinstance(data, dict) else {}

    def remember(self, **parts: Any) -> None:
        memory = self.memory()
        new = {**memory, **parts}
        if new != memory:
            files.private_folder(self.folder)
            files.write_json(self._path("memory.json"), new)


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

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
        try:
            handle = os.open(self._path("lease"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            problem = f"cannot open {self._path('lease')}: {error.strerror}."
            raise StateError(problem, "Check its owner and rights.") from None
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(handle, 500).decode("utf-8", "replace").strip()
                raise StateError(
                    f"{self.device} is being changed by another run ({holder or 'unknown'}).",
                    "Wait for it to end; reading is possible meanwhile.",
                ) from None
            except OSError as error:
                raise StateError(
                    f"cannot lock {self._path('lease')}: {error.strerror}.",
                    "Give nwcs_state_dir a folder on a file system with locks.",
                ) from None
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{job} on {socket.gethostname()}, process {os.getpid()}, since {_now()}\n".encode(), 0)
            yield
        finally:
            os.close(handle)

    # -- ledger: deliberate wrong logins -----------------------------------------------------------------------------
    def may_test_refusal(self, lock_seconds: int | None) -> bool:
        """True, and written down, when no deliberate wrong login was made within the device's lock time (H44, H62)."""
        ledger = self._ledger()
        last = ledger.get("wrong_login_at")
        # A time in the near future counts too: the clock was set back meanwhile.
        if isinstance(last, (int, float)) and abs(time.time() - last) < (lock_seconds or LOCK_SECONDS):
            return False
        files.private_folder(self.folder)
        files.write_json(self._path("ledger.json"), {**ledger, "wrong_login_at": time.time()})
        return True

    def refused_any(self) -> bool:
        return bool(self._ledger().get("refused"))

    def refused(self, mark: str) -> bool:
        """Was the login with this mark refused before? A refused secret is not tried again until it changes."""
        return self._ledger().get("refused") == mark

    def note_refused(self, mark: str | None) -> None:
        files.private_folder(self.folder)
        files.write_json(self._path("ledger.json"), {**self._ledger(), "refused": mark})

    def salt(self) -> bytes:
        """A random salt of this device's own, made once."""
        ledger = self._ledger()
        if "salt" not in ledger:
            files.private_folder(self.folder)
            ledger["salt"] = os.urandom(16).hex()
            files.write_json(self._path("ledger.json"), ledger)
        return str(ledger["salt"]).encode()

    def _ledger(self) -> dict[str, Any]:
        """What the ledger holds. One that cannot be read is no empty one: it guards against lock-outs."""
        ledger = files.read_json(self._path("ledger.json"))
        if ledger is not None and not isinstance(ledger, dict):
            raise StateError(f"{self._path('ledger.json')} is no ledger.", "Delete it after the device's lock time.")
        return ledger or {}

    # -- memory: what did not take, and the way that was proven ------------------------------------------------------
    def memory(self) -> dict[str, Any]:
        """{"keys": {key text: {wanted, firmware, outcome, why, since}}, "way": {scheme, port}, "coming": [way], …}"""
        data = files.read_json(self._path("memory.json"))
        return data if isinstance(data, dict) else {}

    def remember(self, **parts: Any) -> None:
        memory = self.memory()
        new = {**memory, **parts}
        if new != memory:
            files.private_folder(self.folder)
            files.write_json(self._path("memory.json"), new)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller remembers of a device between runs: lease, ledger, memory, way. No secret is kept here.

One folder per device in nwcs_state_dir. The ledger and the lease are shared by all processes that share the folder.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import Any

from ansible_collections.nwcs.hardening.plugins.plugin_utils import files
from ansible_collections.nwcs.hardening.plugins.plugin_utils.lease import lock_device


class DeviceState:
    """The memory of one device. All reading and writing is of whole small files."""

    def __init__(self, folder: str, site: str, device: str) -> None:
        self.folder = os.path.join(folder, files.safe_name(site or "default"), files.safe_name(device))
        self.device = device

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    # -- lease: one writer per device ----------------------------------------------------------------------------------
    def lease(self, job: str) -> AbstractContextManager[None]:
        """The file lock of the device for writing (lease.py)."""
        return lock_device(self.folder, self.device, job)

    # -- memory: what did not take, and the way that was proven ------------------------------------------------------
    def memory(self) -> dict[str, Any]:
        """{"keys": {key text: {wanted, firmware, outcome, why, since}}, "way": {scheme, port}, "coming": [way],
        "login": label that worked last, "pin": {sha256, state}}"""
        data = files.read_json(self._path("memory.json"))
        return data if isinstance(data, dict) else {}

    def remember(self, **parts: Any) -> None:
        memory = self.memory()
        new = {**memory, **parts}
        if new != memory:
            files.private_folder(self.folder)
            files.write_json(self._path("memory.json"), new)

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The router's files: those it keeps, and those that show its configuration and state."""

from __future__ import annotations

import json
from typing import Any

from . import network
from .uci import Store


class RouterFiles:
    """Mixed into the device, which sets these."""

    store: Store
    flash: dict[str, str]  # what a power cycle brings back of /etc/config
    files: dict[str, str]
    shadow: dict[str, str]  # user -> crypt(3) hash, "" is none
    acl_files: dict[str, Any]
    live: dict[str, Any]
    model: dict[str, Any]
    hostname: str
    faults: set[str]

    def paths(self) -> list[str]:
        made = ["/etc/shadow", "/tmp/resolv.conf.d/resolv.conf.auto", "/proc/sys/kernel/hostname"]
        configs = [f"/etc/config/{name}" for name in self.store.files]
        acls = [f"/usr/share/rpcd/acl.d/{name}" for name in self.acl_files]
        return [*made, *configs, *acls, *(p for p in self.files if p not in made)]

    def exists(self, path: str) -> bool:
        return any(p == path or p.startswith(path.rstrip("/") + "/") for p in self.paths())

    def read(self, path: str) -> str | None:
        """A file's text; None for a directory and for what is not there."""
        folder, _unused, name = path.rpartition("/")
        if folder == "/etc/config":
            return self.store.files.get(name)
        if folder == "/usr/share/rpcd/acl.d" and name in self.acl_files:
            return json.dumps(self.acl_files[name], indent="\t") + "\n"
        if path == "/etc/shadow":
            return "".join(f"{user}:{hashed}:0:0:99999:7:::\n" for user, hashed in self.shadow.items())
        if path == "/tmp/resolv.conf.d/resolv.conf.auto":
            return network.resolv_conf(self.live["network"], self.model)
        if path == "/proc/sys/kernel/hostname":
            return self.hostname + "\n"
        return self.files.get(path)

    def write(self, path: str, text: str) -> None:
        folder, _unused, name = path.rpartition("/")
        if folder == "/etc/config":
            self.store.files[name] = text  # in force after the next reload, as on the router
            if "H16" not in self.faults:
                self.flash[name] = text
        elif folder == "/usr/share/rpcd/acl.d":
            self.acl_files[name] = json.loads(text)
        elif path == "/etc/shadow":
            self.shadow = {row.split(":")[0]: row.split(":")[1] for row in text.splitlines() if ":" in row}
        else:
            self.files[path] = text

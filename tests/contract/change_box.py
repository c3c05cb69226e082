# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole changing jobs (harden, rotate, undo) and readings of a simulated device, in this process and with real files.

A Site is one device of a lab with the inventory, store, sheets and memory of a controller. Each job is a run of its
own, as a playbook makes it.
"""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.nwcs.hardening.lab.testing import RunningLab, running_lab
from ansible_collections.nwcs.hardening.plugins.module_utils import jobs
from ansible_collections.nwcs.hardening.plugins.plugin_utils import changing, controller, inventory, result, run

VAULT_PASSWORD = b"k7Qz-mP2x-Lw9v-Rt4b"
FACTORY = {"onvif": ("admin", "Planted-Factory-7319"), "openwrt": ("root", "Planted-Factory-7319"),
           "vapix": ("admin", "Axis-Old-1"), "dahua": ("admin", "Factory-1234")}  # fmt: skip
LIMITS = {"connect_seconds": 1, "read_seconds": 1, "total_seconds": 4}
_READING = ("info", "record", "drift")


def family_of(model: str) -> str:
    return model.partition("-")[0]


def planted(model: str) -> dict[str, Any]:
    """Model overrides that give the device a factory password which can be searched for."""
    user, password = FACTORY[family_of(model)]
    if family_of(model) == "openwrt":
        return {"passwords": {user: password}}
    if family_of(model) != "onvif":
        return {}
    return {"users": [{"Username": user, "Password": password, "UserLevel": "Administrator", "fixed": True},
                      {"Username": "service", "Password": "service", "UserLevel": "Operator"}]}  # fmt: skip


class Site:
    """One device and its controller. `runs` holds the id of every run so far, oldest first."""

    def __init__(self, folder: Path, lab: RunningLab, model: str, **variables: Any) -> None:
        self.folder, self.lab, self.family = folder, lab, family_of(model)
        self.name = "dev"
        user, password = FACTORY[self.family]
        self.variables: dict[str, Any] = {
            "nwcs_family": self.family, "nwcs_host": self.device.address, "nwcs_scheme": "http",
            "nwcs_port": self.device.ports["http"], "nwcs_username": user, "nwcs_password": password,
            "nwcs_tls_verify": str(lab.ca), "nwcs_seen_as": ["127.0.0.1"], "nwcs_timeouts": LIMITS,
            "nwcs_simulated": True, "nwcs_design": {}, **variables,
        }  # fmt: skip
        self.runs: list[str] = []
        self.told: list[str] = []  # everything that results said, as text
        self.work: Any = None

    @property
    def device(self) -> Any:
        return self.lab.device(self.name)

    def describe(self, **more: Any) -> Any:
        given = {name: value for name, value in {**self.variables, **more}.items() if value is not None}
        device = inventory.describe(self.name, given.get, list(given), {}, str(self.folder))
        device.options["local"] = True
        return device

    def do(
        self, job: str, *arguments: Any, check: bool = False, hook: Any = None, called: str = "", **more: Any
    ) -> dict[str, Any]:
        """Do one job; keyword arguments that begin with nwcs_ are inventory variables of this run alone.

        called: the name that a playbook gives to the job, where it is another one
        """
        variables = {name: more.pop(name) for name in list(more) if name.startswith("nwcs_")}
        kept, run.RUN = run.RUN, f"20260101T0000{len(self.runs):02d}Z-{len(self.runs)}"
        self.runs.append(run.RUN)
        vault = VaultLib([("default", VaultSecret(VAULT_PASSWORD))])
        kind = controller.DeviceRun if job in _READING else changing.ChangeRun
        try:
            send = self._send if kind is changing.ChangeRun else jobs.run
            work = kind(self.describe(**variables), send, vault, called or job, check)
            if hook is not None:
                work.hook = hook
            self.work = work
            done = getattr(work, job)(*arguments, **more)
        finally:
            run.RUN = kept
        self.told.append(json.dumps(done))
        return done

    def _send(self, asked: dict[str, Any]) -> dict[str, Any]:
        return jobs.run(asked, self.work.on_event)

    def exit_code(self, done: dict[str, Any], job: str) -> int:
        return result.exit_code([done], job)

    # -- what must be so afterwards ------------------------------------------------------------------------------------
    def comes_in(self, **variables: Any) -> dict[str, Any]:
        """Read the device with nothing but the store and the inventory: the login works, or the test fails."""
        done = self.do("info", **variables)
        assert done["error"] is None, done["error"]
        return done

    def password(self, account: str = "") -> str | None:
        """What the store holds as in force."""
        self.do_nothing()
        name = account or FACTORY[self.family][0]
        return self.work.store.value(f"accounts.{name}")

    def do_nothing(self) -> None:
        vault = VaultLib([("default", VaultSecret(VAULT_PASSWORD))])
        self.work = controller.DeviceRun(self.describe(), jobs.run, vault, "info", True)

    def secrets(self) -> set[str]:
        """Every password that was ever in force, or given."""
        self.do_nothing()
        return {FACTORY[self.family][1], *self.work.store.values()}

    def shows_no_secret(self) -> None:
        """No result, and no file but the encrypted store's, holds a password in clear."""
        secrets = self.secrets()
        files = {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        for secret in secrets:
            assert not any(secret in text for text in self.told), "a result shows a password"
            for path, content in files.items():
                assert secret.encode() not in content, path

    def fault(self, *names: str, on: bool = True) -> None:
        for name in names:
            self.lab.fault(self.name, name, on)
        self.lab.settle()


@contextlib.contextmanager
def site(folder: Path, model: str, overrides: dict[str, Any] | None = None, **variables: Any) -> Iterator[Site]:
    """A fresh device of a model, in a lab of its own, beside a second one of the same model ("other")."""
    entries = [{"name": name, "model": model, "overrides": {**planted(model), **(overrides or {})}}
               for name in ("dev", "other")]  # fmt: skip
    with running_lab(entries) as lab:
        yield Site(folder, lab, model, **variables)

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver contract suite: the rows of all families, and the rig that runs jobs on a simulated device.

A new family brings a module family_NAME.py with its ROW (family_row.py says what it holds); the tests of the suite name
no family, except where a hazard exists in one family only.
"""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup,unused-import
from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from family_onvif import ROW as ONVIF  # noqa: F401
from family_openwrt import ROW as OPENWRT  # noqa: F401
from family_openwrt import uci  # noqa: F401
from family_row import Family, Write  # noqa: F401

from ansible_collections.nwcs.hardening.lab.device import LogEntry
from ansible_collections.nwcs.hardening.lab.site import device_class
from ansible_collections.nwcs.hardening.lab.testing import RunningLab, running_lab
from ansible_collections.nwcs.hardening.plugins.module_utils import compare, drivers, jobs, judging, proving, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.design import parse_design
from ansible_collections.nwcs.hardening.plugins.module_utils.planning import want_to_plain
from ansible_collections.nwcs.hardening.plugins.module_utils.registry import DRIVERS

REMEMBERED = ("failed", "pending_restart", "unsupported", "refused", "undone")  # as the controller does
LIMITS = {"connect_seconds": 1.0, "read_seconds": 1.0, "total_seconds": 3.0}
NEW_PASSWORD = "N3w-Passw0rd-%d"

# Each family has a module of its own with its ROW; a driver without one fails here.
FAMILIES: dict[str, Family] = {name: importlib.import_module(f"family_{name}").ROW for name in DRIVERS}
# Other characters of the lab; read and written with the same tests.
CHARACTERS = {model: family for family in FAMILIES.values() for model in family.characters}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's pauses, short: simulated devices are quick. Import it into every file of the suite."""
    monkeypatch.setattr(judging, "SETTLE", (0.0, 0.1, 0.25))
    monkeypatch.setattr(proving, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(proving, "RESTART_SECONDS", 5.0)
    for family in FAMILIES.values():
        for name, seconds in family.pauses.items():
            monkeypatch.setattr(f"{drivers.__name__}.{name}", seconds)


def every_family(function: Callable[..., Any]) -> Any:
    """Run a test once for each family, as argument `family`."""
    return pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)(function)


def families_with(*needs: str) -> Callable[[Callable[..., Any]], Any]:
    """Like every_family, for those whose API has what a test is about (Family.has)."""
    rows = {name: family for name, family in FAMILIES.items() if set(needs) <= family.has}
    return pytest.mark.parametrize("family", rows.values(), ids=list(rows))


def every_model(function: Callable[..., Any]) -> Any:
    """Run a test for each family and for each other character of the lab, as `family` and `model`."""
    rows = [(family, family.model) for family in FAMILIES.values()]
    rows += [(family, model) for model, family in CHARACTERS.items()]
    return pytest.mark.parametrize(("family", "model"), rows, ids=[model for _f, model in rows])(function)


def known(family: Family, *faults: str) -> list[str]:
    """Those of the faults that the family's simulated device has."""
    have = device_class(family.model).faults_known
    return [fault for fault in faults if fault in have]


# -- the rig -----------------------------------------------------------------------------------------------------------
class Rig:
    """One simulated device and the jobs of the toolkit on it."""

    def __init__(self, lab: RunningLab, family: Family, name: str = "dev") -> None:
        self.lab, self.family, self.name = lab, family, name
        self.memory: dict[str, Any] = {}
        self.ca = lab.ca.read_text()
        self.login: tuple[str, str] = self.device.bootstrap_login or family.login

    @property
    def device(self) -> Any:
        return self.lab.device(self.name)

    def spec(self, **more: Any) -> dict[str, Any]:
        """As the action plugin makes it; `target`, `ways` and all others may be replaced."""
        user, password = self.login
        target = {"name": self.name, "host": self.device.address, "port": 0, "scheme": "http", "tls_verify": self.ca,
                  "limits": LIMITS, **more.pop("target", {})}  # fmt: skip
        return {
            "name": self.name, "family": self.family.name, "target": target,
            "ways": [{"scheme": "http", "port": self.device.ports["http"]}],
            "credentials": [{"username": user, "password": password, "label": "current"}],
            "secrets": {}, "expected": {}, "oddities": [], "ports": dict(self.family.ports), "recorders": [],
            "seen_as": ["127.0.0.1"], "undeclared_accounts": "report", "own_account": user, "manage_accounts": False,
            "negative_test": False,
            **more,
        }  # fmt: skip

    def https(self, **more: Any) -> dict[str, Any]:
        return self.spec(ways=[{"scheme": "https", "port": self.device.ports["https"]}], **more)

    def read(self, **more: Any) -> dict[str, Any]:
        return jobs.read(self.spec(**more))

    def readings(self, **more: Any) -> dict[str, Any]:
        return self.read(**more)["snapshot"]["readings"]

    def plan(self, design: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        wanted = {settings.key_text(key): want_to_plain(want) for key, want in parse_design(design).items()}
        return jobs.plan(self.spec(**more), wanted, self.memory)

    def apply(self, plan: Mapping[str, Any], hook: Any = None, **more: Any) -> dict[str, Any]:
        """Secrets that the plan needs and nobody named are made up."""
        made = {need["name"]: NEW_PASSWORD % index for index, need in enumerate(plan["needs"])}
        return jobs.apply(self.spec(**{**more, "secrets": made | more.get("secrets", {})}), plan, hook)

    def harden(self, design: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Plan, then apply: the outcomes of both. Keeps the memory as the controller does."""
        plan = self.plan(design, **more)
        result = self.apply(plan, **more)
        outcomes = plan["outcomes"] | result["outcomes"]
        for change in plan["changes"]:
            said = outcomes[change["key"]]
            if said["outcome"] in REMEMBERED and result["error"] is None:
                self.memory[change["key"]] = {
                    "wanted": compare.digest(change["new"]),
                    "firmware": plan["snapshot"]["identity"]["firmware"], "outcome": said["outcome"],
                    "why": said.get("why", ""), "since": "2026-01-01",
                }  # fmt: skip
        return {**result, "outcomes": outcomes, "plan": plan}

    # -- what the lab saw ----------------------------------------------------------------------------------------------
    def log(self) -> list[LogEntry]:
        return self.lab.log(self.name)

    def writes(self) -> list[str]:
        """Operations that would change the device, in order, as the lab logged them."""
        return [entry.operation for entry in self.lab.writes(self.name)]

    def logins(self, word: str = "") -> int:
        return sum(entry.login == word if word else bool(entry.login) for entry in self.log())

    def fault(self, *names: str, on: bool = True) -> None:
        for name in names:
            self.lab.fault(self.name, name, on)

    def forget(self) -> None:
        self.lab.call(self.device.log.clear)


@contextmanager
def rig(family: Family, *faults: str, model: str = "", **overrides: Any) -> Iterator[Rig]:
    """A fresh device of the family (or of another model of it) with faults, in a lab of its own."""
    given = {} if model and model != family.model else dict(family.overrides)
    entry = {"name": "dev", "model": model or family.model, "overrides": {**given, **overrides}}
    with running_lab([entry]) as lab:
        made = Rig(lab, family)
        made.fault(*faults)
        lab.settle()
        yield made

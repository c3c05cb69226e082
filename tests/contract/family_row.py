# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One row of the driver contract suite: what its tests must know of a family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.registry import driver_for


@dataclass(frozen=True)
class Write:
    """One setting to write: `design` as a site has it, and how the device itself shows it (`look` -> `raw`)."""

    kind: str  # bool, str, enum, list, account, password
    design: Mapping[str, Any]
    key: str
    look: Callable[[Any], Any]
    raw: Any


# accounts: lists and changes them, and passwords; https: switches HTTP and HTTPS; clock: tells its time;
# names: has two texts or more that can be set
EVERYTHING = frozenset(("accounts", "https", "clock", "names"))


def _nothing(device: Any) -> None:
    raise NotImplementedError("the row says no change beyond the model")


@dataclass(frozen=True, eq=False)
class Family:
    name: str
    model: str
    login: tuple[str, str]
    writes: tuple[Write, ...]
    users: Callable[[Any], dict[str, str]] | None  # account -> the family's word for its role
    has_password: Callable[[Any, str, str], bool] | None
    # Faults of the family's simulated device, by name:
    liar: str  # it answers every write with ok and changes nothing
    intruder: str  # attack that makes an administrator called "support"
    keeps_password: str  # a new password is not taken
    # (fault, design, key): a write that is answered with an error inside a good status, and changes nothing
    error_in_ok: tuple[str, Mapping[str, Any], str]
    reading: int  # answered requests that one reading of everything may take
    cosmetic: tuple[str, Any, Callable[[Any], Any]]  # a harmless key, another value, a raw look
    overrides: Mapping[str, Any] = field(default_factory=dict)
    ports: Mapping[str, list[int]] = field(default_factory=dict)
    https_at_start: bool = True
    with_https: Mapping[str, Any] = field(default_factory=dict)  # what makes the model have HTTPS from the start
    volatile: tuple[str, ...] = ()
    characters: tuple[str, ...] = ()  # other models of the lab
    slower: Mapping[str, int] = field(default_factory=dict)  # `reading` of models that need more requests
    forgetful: str = ""  # fault: a change is in force, reads back, and is gone after a power cycle
    unsupported: Mapping[str, Any] = field(default_factory=dict)  # a design this family has no switch for
    # What the API can do at all (EVERYTHING). Tests of what it cannot are not made for it (driver_cases.families_with).
    has: frozenset[str] = EVERYTHING
    paths: tuple[str, ...] = ("/",)  # how the paths of the API begin: only these count in `reading`
    # It asks for a login at every path, or closes: another family's driver cannot tell what it is without one.
    walled: bool = False
    speaks: tuple[str, ...] = ()  # other families whose API its devices have as well
    pauses: Mapping[str, float] = field(default_factory=dict)  # "module.NAME" in drivers: seconds that are enough here
    beyond: Callable[[Any], None] = _nothing  # changes something on the device that no binding models

    @property
    def driver(self) -> Any:
        return driver_for(self.name)

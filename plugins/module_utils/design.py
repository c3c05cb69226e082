# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted: a design as people write it, as {key: Want}. Mistakes name origin, key and the nearest one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, Key
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError
from ansible_collections.nwcs.hardening.plugins.module_utils.settings import (
    SETTINGS,
    key_text,
    nearest,
    normalise,
    parse_key,
    pattern_of,
    setting_of,
)


@dataclass(frozen=True)
class Want:
    """A wanted value. mode: strict (exactly this) or at_least (a list may hold more). ABSENT: the item must not be."""

    value: Any
    mode: str = "strict"
    origin: str = field(default="", compare=False)  # "profile a", "design of cam-07": for the parameter sheet


def parse_design(design: Any, origin: str = "nwcs_design") -> dict[Key, Want]:
    """Flatten a design (nested maps, or dotted keys) into {key: Want}.

    `accounts: {guest: absent}` wants an item away. A list may be given as {at_least: [...]} or {strict: [...]}.
    InputError names the origin, the key, and the nearest known one.
    """
    wanted: dict[Key, Want] = {}
    for key, value in flatten(design, origin):
        if value is ABSENT:
            wanted[key] = Want(ABSENT, "strict", origin)
            continue
        setting = setting_of(key)
        if key[0] == "accounts" and "*" in key:
            raise InputError(f"{origin}: accounts are named one by one, '*' is not possible.")
        mode = "strict"
        if setting.type == "list" and isinstance(value, Mapping) and set(value) <= {"at_least", "strict"} and value:
            mode, value = next(iter(value.items()))
        if setting.observed:
            raise InputError(f"{origin}: {key_text(key)} is observed on the device and cannot be set.")
        if setting.secret:
            raise InputError(f"{origin}: {key_text(key)}: a password never stands in a design.",
                             "Give it in nwcs_passwords (encrypted), or let the toolkit generate it.")  # fmt: skip
        try:
            wanted[key] = Want(normalise(key, value), mode, origin)
        except ValueError as error:
            raise InputError(f"{origin}: {key_text(key)}: {error}, got {value!r}.") from None
        if setting.normal == "port" and not all(0 < port < 65536 for port in wanted[key].value):
            raise InputError(f"{origin}: {key_text(key)}: a port is 1 to 65535, got {value!r}.")
    return wanted


def flatten(design: Any, origin: str) -> list[tuple[Key, Any]]:
    """(key, value as written) of nested maps or dotted keys; ABSENT for an item that is to be away."""
    found: list[tuple[Key, Any]] = []

    def walk(prefix: Key, value: Any) -> None:
        if prefix and pattern_of(prefix):
            found.append((prefix, value))
            return
        if value == "absent" and len(prefix) == 2 and any(p[0] == prefix[0] and "*" in p for p in SETTINGS):
            first = next(p for p in SETTINGS if p[0] == prefix[0] and p[1] == "*")
            found.append(((prefix[0], prefix[1], first[2]), ABSENT))
            return
        if not isinstance(value, Mapping):
            raise InputError(f"{origin}: unknown setting {'.'.join(prefix)!r}.", nearest(".".join(prefix)))
        for name, inner in value.items():
            text = str(name)
            dotted = not prefix and "." in text
            walk(parse_key(text) if dotted else (*prefix, text), inner)

    if design in (None, ""):
        return []
    if not isinstance(design, Mapping):
        raise InputError(f"{origin}: expected a map of settings, got {type(design).__name__}.")
    walk((), design)
    return found

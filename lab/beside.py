# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One device that speaks two APIs on one address.

Real cameras have their maker's own API and ONVIF, often with two lists of accounts that know nothing of each other.

A model says so with `beside: {prefix: /onvif/, model: NAME, overrides: {...}}`. Requests below the prefix go to the
second API, all others to the first; log, power, restarts, faults and sockets are the first one's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .device import Device, Request, Response


def join(main: Device, other: Device, prefix: str) -> Device:
    """`main`, which answers below `prefix` as `other` does. Attacks on `other` are called beside-NAME."""
    other.log = main.log
    answer, restarted, fault, attack = main.handle, main.restarted, main.fault, main.attack

    async def handle(request: Request) -> Response:
        return await (other.handle if request.path.startswith(prefix) else answer)(request)

    def both_restarted() -> None:
        restarted()
        other.restarted()

    def fault_of_either(name: str, on: bool = True) -> None:
        if name in other.faults_known and name not in main.faults_known:
            other.fault(name, on)
        else:
            fault(name, on)

    def attack_of_either(name: str) -> str:
        return attack(name) if name in main.attacks else other.attack(name.removeprefix("beside-"))

    main.beside = other
    main.attacks = {**{f"beside-{name}": what for name, what in other.attacks.items()}, **main.attacks}
    main.handle, main.restarted = handle, both_restarted  # type: ignore[method-assign]
    main.fault, main.attack = fault_of_either, attack_of_either  # type: ignore[method-assign]
    return main


def described(model: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]] | None:
    """(prefix, model name, overrides) of the second API of a model, None where it has one only."""
    beside = model.get("beside")
    return (str(beside["prefix"]), beside["model"], dict(beside.get("overrides") or {})) if beside else None

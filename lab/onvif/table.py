# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of operations: which exist, who may call them, and which of them change the configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .soap import Call, Node

if TYPE_CHECKING:
    from .device import OnvifDevice

PRE_AUTH, READ_SYSTEM, READ_SYSTEM_SECRET, WRITE_SYSTEM, UNRECOVERABLE, READ_MEDIA, ACTUATE = (
    "PRE_AUTH",
    "READ_SYSTEM",
    "READ_SYSTEM_SECRET",
    "WRITE_SYSTEM",
    "UNRECOVERABLE",
    "READ_MEDIA",
    "ACTUATE",
)
# Default access policy of the Core specification (fact sheet 1.9): class -> levels that may.
ALLOWED = {
    READ_SYSTEM: {"Administrator", "Operator", "User"},
    READ_MEDIA: {"Administrator", "Operator", "User"},
    ACTUATE: {"Administrator", "Operator"},
    READ_SYSTEM_SECRET: {"Administrator"},
    WRITE_SYSTEM: {"Administrator"},
    UNRECOVERABLE: {"Administrator"},
}
Handler = Callable[["OnvifDevice", Call], Node | list[Node] | None]


@dataclass(frozen=True)
class Operation:
    service: str  # our prefix of the service's namespace
    name: str
    access: str
    handler: Handler
    needs: str = ""  # part of a model without which a device does not have this operation

    @property
    def writes(self) -> bool:
        return self.access in (WRITE_SYSTEM, UNRECOVERABLE, ACTUATE)


OPERATIONS: dict[tuple[str, str], Operation] = {}


def operation(service: str, access: str, needs: str = "") -> Callable[[Handler], Handler]:
    """Enter a function as an operation of `service`; the first word of its docstring is the operation's name.

    The function gives the children of the response element (a node, a list, or None for an empty response) and
    raises Fault.
    """

    def enter(handler: Handler) -> Handler:
        name = handler.__doc__.split()[0].rstrip(".:,") if handler.__doc__ else ""
        OPERATIONS[service, name] = Operation(service, name, access, handler, needs)
        return handler

    return enter

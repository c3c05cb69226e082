# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the ONVIF driver share: simulated devices, and the way the engine reads and writes."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.nwcs.hardening.lab.testing import RunningLab, running_lab
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Binding, Credential, Stored
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif import OnvifDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Limits, Target, Transport

DRIVER = OnvifDriver()
ADMIN = Credential("admin", "12345", "bootstrap")
SECRET = "Correct-Horse-7"


def transport(lab: RunningLab, name: str = "cam", port: int | None = None) -> Transport:
    device = lab.device(name)
    limits = Limits(connect_seconds=2, read_seconds=3, total_seconds=10)
    return Transport(Target(name, device.address, port or device.ports["http"], "http", limits=limits))


@contextmanager
def device(model: str, *faults: str, **more: Any) -> Iterator[tuple[RunningLab, Any]]:
    with running_lab([{"name": "cam", "model": model, **more}]) as lab:
        for fault in faults:
            lab.fault("cam", fault)
        yield lab, lab.device("cam")


def opened(lab: RunningLab, credential: Credential = ADMIN, **secrets: str) -> Any:
    connection = transport(lab)
    DRIVER.identify(connection)
    return DRIVER.open(connection, credential, {f"accounts.{name}": value for name, value in secrets.items()})


def document(name: str) -> Any:
    return next(document for document in DRIVER.documents if document.name == name)


def binding(key: str) -> Binding:
    return next(row for row in DRIVER.bindings if ".".join(row.key) == key)


def read(ctx: Any, name: str) -> Any:
    tree = DRIVER.fetch(ctx, [name])[name]
    if isinstance(tree, Exception):
        raise tree
    return tree


def write(ctx: Any, name: str, edit: Callable[[Any], Any]) -> Stored | None:
    old = read(ctx, name)
    new = copy.deepcopy(old)
    edit(new)
    return document(name).store(ctx, old, new)


def logins(lab: RunningLab, word: str) -> int:
    return sum(entry.login == word for entry in lab.log("cam"))

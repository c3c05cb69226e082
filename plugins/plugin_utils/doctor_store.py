# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `nwcs-doctor -i` looks at in the secret store: can it be read and written, is the second copy equal, what is
pending, on hold, or locked by a run. Names and counts, never a value. Nothing is written.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import NwcsError, StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import cli_secrets, hold, lease
from ansible_collections.nwcs.hardening.plugins.plugin_utils.secret_store import SecretStore, only_in_copy

OK, PROBLEM, UNKNOWN = "ok", "problem", "unknown"
SHOWN = 20  # names in one line
Part = tuple[str, str, str, dict[str, Any]]  # topic, state, outcome, facts: as in cli_doctor.Finding


def examine(inventories: Sequence[str]) -> list[Part]:
    """All parts, for the stores that these inventories name."""
    options = argparse.Namespace(inventory=list(inventories), vault_password_file=[], vault_id=[], language="en")
    try:
        places, _language = cli_secrets.places(options)
    except (NwcsError, OSError) as error:
        return [("store", UNKNOWN, "unknown", {"reason": error})]
    except SystemExit:  # Ansible's way to say that it cannot start: other lines tell why
        return [("store", UNKNOWN, "unknown", {"reason": "ansible-core"})]
    checks = (check_store, check_copy, check_pending, check_hold, check_lease)
    return [part for check in checks for part in check(places)]


def check_store(places: Sequence[cli_secrets.Place]) -> list[Part]:
    """Can new secrets be kept, and can those of each device be read?"""
    parts: list[Part] = []
    refusals = {error.message: error for place in places if (error := place.documents.refuses()) is not None}
    for error in refusals.values():
        parts.append(("store", PROBLEM, "refuses", {"reason": error.message, "advice": error.advice}))
    for place in places:
        try:
            SecretStore(place.documents, place.device).entries()
        except StateError as error:
            parts.append(("store", PROBLEM, "unreadable", {"device": place.device, "reason": error.message}))
    return parts or [("store", OK, "ok", {"count": len(places)})]


def check_copy(places: Sequence[cli_secrets.Place]) -> list[Part]:
    """Does the second copy hold what the store holds? What the store itself cannot read is told elsewhere."""
    parts: list[Part] = []
    differing, asked = [], False
    for place in places:
        if place.documents.copy is None:
            continue
        asked = True
        try:
            entries = SecretStore(place.documents, place.device).entries()
        except StateError:
            continue
        try:
            if lost := only_in_copy(place.documents, place.device, entries):
                parts.append(("copy", PROBLEM, "lost", {"device": place.device, "names": _names(lost)}))
            elif entries and cli_secrets.copy_problem(place):
                differing.append(place.device)
        except StateError as error:
            parts.append(("copy", PROBLEM, "unreadable", {"device": place.device, "reason": error.message}))
    if differing:
        parts.append(("copy", PROBLEM, "differs", {"names": _names(differing)}))
    return parts or [("copy", OK, "ok" if asked else "none", {})]


def check_pending(places: Sequence[cli_secrets.Place]) -> list[Part]:
    """Passwords that were made, perhaps sent, and never proven: a run was cut off."""
    pending = [
        f"{place.device} ({name.removeprefix('accounts.')})"
        for place in places
        for name, entry in sorted(_entries(place).items())
        if entry["pending"]
    ]
    if not pending:
        return [("pending", OK, "ok", {})]
    return [("pending", PROBLEM, "left", {"count": len(pending), "names": _names(pending)})]


def check_hold(places: Sequence[cli_secrets.Place]) -> list[Part]:
    """A hold is no problem, it is somebody's wish; one that cannot be read is."""
    parts: list[Part] = []
    held = []
    for place in places:
        found = hold.state(place.documents, place.device)
        if found.unreadable:
            parts.append(("hold", PROBLEM, "unreadable", {"device": place.device, "reason": found.unreadable}))
        elif found.held is not None:
            held.append(f"{place.device} ({found.held['by']}, {found.held['at']}: {found.held['reason']})")
    if held:
        parts.append(("hold", OK, "some", {"names": _names(held)}))
    return parts or [("hold", OK, "ok", {})]


def check_lease(places: Sequence[cli_secrets.Place], now: float | None = None) -> list[Part]:
    """Run locks of others. One whose process is gone here is no problem: the next run takes it."""
    parts: list[Part] = []
    live = []
    here = lease.Place()
    for place in places:
        name = ("leases", place.device)
        try:
            content, _version = place.documents.read(name)
            known = None if content is None else lease.Lease.from_plain(content, place.documents.where(name))
        except StateError as error:
            parts.append(("lease", PROBLEM, "unreadable", {"device": place.device, "reason": error.message}))
            continue
        if known is None:
            continue
        judged = known.judged(here, time.time() if now is None else now)
        if judged == lease.STALE:
            parts.append(("lease", PROBLEM, "stale", {"device": place.device, "holder": known.holder()}))
        elif judged == lease.LIVE:
            live.append(f"{place.device} ({known.holder()})")
    if live:
        parts.append(("lease", OK, "live", {"names": _names(live)}))
    return parts or [("lease", OK, "ok", {})]


def _entries(place: cli_secrets.Place) -> dict[str, Any]:
    try:
        return SecretStore(place.documents, place.device).entries()
    except StateError:
        return {}  # check_store tells it


def _names(names: Sequence[str]) -> str:
    more = f" +{len(names) - SHOWN}" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recorder is told the new logins of its cameras (H61).

A camera whose recorder account got another password leaves it in the recorder's own encrypted document, as pending
secret `cameras.ADDRESS/ACCOUNT`. The recorder's own turn tells them where its API can, and a login that it took becomes
current. What it cannot be told stays pending: that is the list for the person who types it in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Driver
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import NwcsError, StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import drift
from ansible_collections.nwcs.hardening.plugins.plugin_utils.secret_store import SecretStore

PREFIX = "cameras."
_TRIES = 20  # cameras of one recorder that leave theirs at the same moment


def can_be_told(driver: Driver) -> bool:
    return type(driver).tell_camera_login is not Driver.tell_camera_login


def leave(documents: Any, recorder: str, camera: str, address: str, account: str, password: str) -> None:
    """Keep a camera's login for the recorder's turn. StateError when it cannot be kept."""
    name = f"{PREFIX}{address}/{account}"
    for left in reversed(range(_TRIES)):
        store = SecretStore(documents, recorder)
        if store.value(name, "pending") == password:
            return
        if store.value(name) == password and store.value(name, "pending") is None:
            return  # it has that one already
        try:
            store.prepare({name: password}, f"login at {camera}", sent=False)
            return
        except StateError:
            if not left:
                raise


def waiting(store: SecretStore) -> dict[str, dict[str, str]]:
    """{secret name: {"camera", "address", "username", "password"}} of what the recorder was not told yet."""
    found = {}
    for name, entry in store.entries().items():
        if name.startswith(PREFIX) and entry["pending"]:
            address, _slash, account = name.removeprefix(PREFIX).partition("/")
            camera = str(entry["pending"].get("why") or "").removeprefix("login at ")
            told = {"camera": camera or address, "address": address, "username": account}
            found[name] = {**told, "password": entry["pending"]["value"]}
    return found


def tell(
    store: SecretStore, send: Callable[[list[dict[str, Any]]], Mapping[str, Any]] | None, recorder: str, typed: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    """Tell what waits: (findings on what is still open, notes on what was done).

    send   rows as in `waiting` -> the answer of jobs.tell; None: it cannot be told
    typed  a person says that all of it has been typed in
    """
    open_ends = waiting(store)
    if typed:
        store.promote(list(open_ends))
        return [], []
    why = dict.fromkeys(open_ends, "its API cannot be told")
    done: list[str] = []
    notes: list[str] = []
    if send is not None and open_ends:
        try:
            answer = send([{n: v for n, v in row.items() if n != "camera"} for row in open_ends.values()])
            said = dict(zip(open_ends, answer["told"], strict=True))  # in the order of what was sent
            notes = list(_notes(answer, [(open_ends[name]["camera"], line) for name, line in said.items()]))
        except NwcsError as error:
            said = {name: {"done": False, "why": error.message} for name in open_ends}
        done = [name for name, line in said.items() if line["done"]]
        why = {name: line["why"] for name, line in said.items()}
        store.promote(done)
    return list(_open(recorder, {n: row for n, row in open_ends.items() if n not in done}, why)), notes


def _notes(answer: Mapping[str, Any], said: list[tuple[str, Mapping[str, Any]]]) -> Iterable[str]:
    done = [camera for camera, line in said if line["done"]]
    unseen = [camera for camera, line in said if line["done"] and not line["seen"]]
    if done:
        yield f"The recorder was given the new logins of {len(done)} cameras."
    if unseen:
        yield f"Nobody could see whether it comes in with the new login of {', '.join(unseen)}: it does not tell."
    if answer.get("clear_text"):
        yield "The new password travelled over plain HTTP: the recorder that was told it offers no proven HTTPS."


def _open(recorder: str, rows: Mapping[str, Mapping[str, str]], why: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    for name, row in sorted(rows.items()):
        args = {"item": row["username"], "recorder": recorder, "camera": row["camera"], "secret": name,
                "why": why[name]}  # fmt: skip
        yield drift.finding("recorder_login_waits", severity="high", **args)

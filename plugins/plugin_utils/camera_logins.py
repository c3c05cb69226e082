# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recorder is told the new logins of its cameras (H61).

A camera whose recorder account got another password leaves it in the recorder's own encrypted document, as pending
secret `cameras.ADDRESS/ACCOUNT`, with `:PORT` after the address where the inventory names one. Of a camera one waits: a
recorder logs in with one account, and the newest is meant. The recorder's own turn tells them where its API can, and a
login that it took becomes current. What it cannot be told stays pending: the list for the person who types it in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Driver
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import NwcsError, StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import drift
from ansible_collections.nwcs.hardening.plugins.plugin_utils.secret_store import SecretStore

PREFIX = "cameras."
_WITH_PORT = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<name>[^:]+)):(?P<port>\d+)")
_TRIES = 20  # cameras of one recorder that leave theirs at the same moment


def can_be_told(driver: Driver) -> bool:
    return type(driver).tell_camera_login is not Driver.tell_camera_login


def bare(account: str, families: Iterable[str]) -> str:
    """The name as the camera knows it: accounts of another API of a device carry its family (nvr@onvif)."""
    name, _at, family = account.rpartition("@")
    return name if name and family in families else account


def account_of(named: str, store: SecretStore, families: Iterable[str]) -> str:
    """The camera's account that its recorders log in with; "" where the inventory names none, or it may be several."""
    known = [name.partition(".")[2] for name in store.entries() if name.startswith("accounts.")]
    if named in known:
        return named
    mine = [account for account in known if bare(account, families) == named]
    return mine[0] if named and len(mine) == 1 else ""


def leave(documents: Any, recorder: str, camera: str, address: str, account: str, password: str, port: int = 0) -> None:
    """Keep a camera's login for the recorder's turn, instead of an older one. StateError when it cannot be kept.

    port  of the camera, where the inventory names one; else 0
    """
    place = (f"[{address}]:{port}" if ":" in address else f"{address}:{port}") if port else address
    name = f"{PREFIX}{place}/{account}"
    for left in reversed(range(_TRIES)):
        store = SecretStore(documents, recorder)
        try:
            if not _has(store, name, password):
                store.prepare({name: password}, f"login at {camera}", sent=False)
            mine = {"camera": camera, "place": place}
            store.drop_pending([n for n, row in _pending(store).items() if n != name and _same(row, mine)])
            return
        except StateError:
            if not left:
                raise


def _has(store: SecretStore, name: str, password: str) -> bool:
    """Does this login wait already, or was it the last one that the recorder was told?"""
    if waits := store.value(name, "pending"):
        return waits == password
    place = name.rpartition("/")[0]
    others = [n for n, entry in store.entries().items() if n != name and n.startswith(f"{place}/") and entry["current"]]
    return store.value(name) == password and not others


def _pending(store: SecretStore) -> dict[str, dict[str, Any]]:
    """All that wait, newest last."""
    found = {}
    for name, entry in store.entries().items():
        if name.startswith(PREFIX) and entry["pending"]:
            place, _slash, account = name.removeprefix(PREFIX).partition("/")
            at = _WITH_PORT.fullmatch(place)
            address, port = (at["six"] or at["name"], int(at["port"])) if at else (place, 0)
            camera = str(entry["pending"].get("why") or "").removeprefix("login at ") or address
            row = {"camera": camera, "place": place, "address": address, "port": port, "username": account}
            found[name] = {**row, "password": entry["pending"]["value"], "at": str(entry["pending"].get("at") or "")}
    return dict(sorted(found.items(), key=lambda item: item[1]["at"]))


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """One camera, by its name (it got another address, port or account) or by its place (it got another name)."""
    return one["camera"] == other["camera"] or one["place"] == other["place"]


def waiting(store: SecretStore) -> dict[str, dict[str, Any]]:
    """{secret name: {"camera", "address", "port", "username", "password"}} of what the recorder was not told yet."""
    rows = list(_pending(store).items())
    newest = [(name, row) for number, (name, row) in enumerate(rows) if not _newer(row, rows[number + 1 :])]
    return {name: {n: v for n, v in row.items() if n not in ("place", "at")} for name, row in sorted(newest)}


def _newer(row: Mapping[str, Any], later: Iterable[tuple[str, Mapping[str, Any]]]) -> bool:
    return any(_same(row, other) for _name, other in later)


def tell(
    store: SecretStore, send: Callable[[list[dict[str, Any]]], Mapping[str, Any]] | None, recorder: str, typed: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    """Tell what waits: (findings on what is still open, notes on what was done).

    send   rows as in `waiting` -> the answer of jobs.tell; None: it cannot be told
    typed  a person says that all of it has been typed in
    """
    open_ends = waiting(store)
    if typed:
        _told(store, list(open_ends))
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
        _told(store, done)
    return list(_open(recorder, {n: row for n, row in open_ends.items() if n not in done}, why)), notes


def _told(store: SecretStore, names: list[str]) -> None:
    """They are the recorder's logins now: what waited longer for the same cameras is out of date."""
    rows = _pending(store)
    store.promote(names)
    out = [n for n, row in rows.items() if n in names or any(_same(row, rows[name]) for name in names)]
    # Only what was known then: a camera may have left a newer one meanwhile.
    store.drop_pending([n for n in out if store.value(n, "pending") == rows[n]["password"]])


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

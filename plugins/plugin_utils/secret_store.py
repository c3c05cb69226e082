# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets of one device, in a document of their own (documents.py; DESIGN 6).

An account's entry keeps the current password, a pending one (made, perhaps sent, not yet proven) and the last five,
each with its time (UTC) and reason. What was sent last is never lost: it is the pending one, the current one, or the
first of the older ones.
"""

from __future__ import annotations

import copy
import datetime
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import Conflict, Documents

KEEP = 5  # older passwords of an account that stay readable
SCHEMA = 1
TRIES = 5  # of a change that only confirms what is known, when another process writes at the same moment

Entries = dict[str, dict[str, Any]]


class SecretStore:
    """One device's secrets. `notes`: what the user should be told of writes that went well so far."""

    def __init__(self, documents: Documents, device: str) -> None:
        self.documents, self.device = documents, device
        self.name = ("secrets", device)
        self.notes: list[str] = []
        self._entries: Entries | None = None
        self._version = ""

    @property
    def path(self) -> str:
        """Where the document is, for messages."""
        return self.documents.where(self.name)

    # -- reading -----------------------------------------------------------------------------------------------------
    def entries(self) -> Entries:
        """{secret name: {"current": …, "pending": …, "previous": […]}}; {} where there is no document yet."""
        if self._entries is None:
            content, self._version = self.documents.read(self.name)
            self._entries = {} if content is None else entries_of(content, self.path)
        return self._entries

    def value(self, name: str, which: str = "current") -> str | None:
        """The password called `name`, or None. A pending one also when it was not sent yet."""
        entry = self.entries().get(name, {}).get(which)
        return entry["value"] if entry else None

    def candidates(self, name: str) -> list[tuple[str, str]]:
        """[(label, password)]: a pending one that was sent first, then the current one (DESIGN 5)."""
        entry = self.entries().get(name, {})
        pending, current = entry.get("pending"), entry.get("current")
        found = []
        if pending and pending.get("sent"):
            found.append(("pending", pending["value"]))
        if current:
            found.append(("current", current["value"]))
        return found

    def values(self) -> list[str]:
        """Every secret text in the store, for scrubbing what leaves."""
        return [part["value"] for entry in self.entries().values() for part in parts_of(entry)]

    # -- writing -----------------------------------------------------------------------------------------------------
    def can_write(self) -> bool:
        return self.documents.refuses() is None

    def prepare(
        self, passwords: Mapping[str, str], why: str, bits: Mapping[str, float] | None = None, sent: bool = True
    ) -> None:
        """Keep new passwords as pending, before they are sent anywhere; with a verified second copy, where one is set.

        `sent` is False when mark_sent() will be called before the first byte leaves. StateError: nothing may be sent.
        """
        if not passwords:
            return
        before = self.entries()
        self._check_copy(before)
        entries = copy.deepcopy(before)
        for name, password in passwords.items():
            entry = entries.setdefault(name, {"current": None, "pending": None, "previous": []})
            old = entry["pending"]
            same = bool(old) and old["value"] == password
            if old and not same and old.get("sent"):
                entry["previous"] = _with(old, entry["previous"])
            was_sent = same and bool(old.get("sent"))
            entry["pending"] = {"value": password, "at": now(), "why": why, "sent": sent or was_sent}
            if bits and name in bits:
                entry["pending"]["bits"] = round(bits[name], 1)
        existed = self._version
        self._write(entries)
        try:
            self._copy()
        except StateError as error:
            self._take_back(before, existed)
            raise self._copy_failed(error) from None

    def mark_sent(self, names: Iterable[str]) -> None:
        """From now on the pending passwords of `names` may be in force. StateError: they must not be sent."""
        own = self._own_pending(names)

        def change(entries: Entries) -> bool:
            for name, part in own.items():
                pending = entries.get(name, {}).get("pending")
                if not pending or pending["value"] != part["value"]:
                    raise Conflict(self.path)
            changed = False
            for name in own:
                changed |= not entries[name]["pending"].get("sent")
                entries[name]["pending"]["sent"] = True
            return changed

        self._confirm(change)

    def promote(self, names: Iterable[str]) -> None:
        """The pending passwords of `names` are proven: they become current."""
        own = self._own_pending(names)

        def change(entries: Entries) -> bool:
            changed = False
            for name, part in own.items():
                entry = entries.setdefault(name, {"current": None, "pending": None, "previous": []})
                waits = bool(entry["pending"]) and entry["pending"]["value"] == part["value"]
                proven = [p for p in parts_of(entry) if p["value"] == part["value"] and p.get("proven")]
                # Another process may have proven ours already, and even have replaced it. One that was in force before,
                # and that the site gives again, is not ours.
                if not waits and any(str(p.get("at", "")) >= str(part.get("at", "")) for p in proven):
                    continue
                if waits:
                    entry["pending"] = None
                older = [p for p in (entry["current"], *entry["previous"]) if p and p["value"] != part["value"]]
                entry["previous"] = older[:KEEP]
                entry["current"] = {**part, "sent": True, "proven": now()}
                changed = True
            return changed

        self._confirm(change)

    def drop_pending(self, names: Iterable[str]) -> None:
        """Pending passwords that were certainly never sent, or were proven not to be in force."""
        own = self._own_pending(names)

        def change(entries: Entries) -> bool:
            changed = False
            for name, part in own.items():
                entry = entries.get(name)
                if entry and entry["pending"] and entry["pending"]["value"] == part["value"]:
                    if entry["pending"].get("sent"):  # one that never left would only push out those that did
                        entry["previous"] = _with(entry["pending"], entry["previous"])
                    entry["pending"] = None
                    changed = True
            return changed

        self._confirm(change)

    def _own_pending(self, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The pending parts as this object knows them: they are what was sent and proven, whatever others write."""
        entries = self.entries()
        return {name: dict(entries[name]["pending"]) for name in names if entries.get(name, {}).get("pending")}

    def _confirm(self, change: Callable[[Entries], bool]) -> None:
        """Apply `change` to the newest state; it may be applied again. A failed second copy is a note here: the
        secret is in the first one, and the next write copies the whole document again."""
        for attempt in range(TRIES):
            entries = copy.deepcopy(self.entries())
            if not change(entries):
                return
            try:
                self._write(entries)
                break
            except Conflict:
                if attempt == TRIES - 1:
                    raise
        try:
            self._refuse_loss(entries)
            self._copy()
        except StateError as error:
            self.notes.append(
                f"The second copy of the secrets is behind: {error.message} {error.advice}".strip()
                + " It is tried again with the next change, or now with: nwcs-secrets copy."
            )

    def _write(self, entries: Entries) -> None:
        """The document first: what this object then gives is what the document holds."""
        content = {"schema": SCHEMA, "device": self.device, "secrets": entries}
        try:
            self._version = self.documents.write(self.name, content, self._version)
        except Conflict:
            self._entries = None  # what was read is no longer true
            raise Conflict(f"{self.device}: {self.path}") from None
        self._entries = entries

    def _copy(self) -> None:
        if self.documents.copy is not None:
            self.documents.copy.bring(self.documents, self.name)

    def _check_copy(self, entries: Entries) -> None:
        """Before anything is written: an empty store (lost, not mounted) must not go over the last copy."""
        try:
            self._refuse_loss(entries)
        except StateError as error:
            raise self._copy_failed(error) from None

    def _refuse_loss(self, entries: Entries) -> None:
        if lost := only_in_copy(self.documents, self.device, entries):
            where = self.documents.copy.where(self.name)
            raise StateError(
                f"the store lacks secrets that the second copy holds ({', '.join(lost)}); they would be lost.",
                f"Is the store mounted? Bring them back with: nwcs-secrets restore {self.device}. If nobody needs them "
                f"any more, move the copy aside first: {where}",
            )

    def _copy_failed(self, error: StateError) -> StateError:
        told = f"{self.device}: the second copy of the secrets failed, so nothing was sent: {error.message}"
        return StateError(told, error.advice)

    def _take_back(self, before: Entries, existed: str) -> None:
        """Nothing was sent, so the next run must not try it: one attempt; where it fails, the pending one stays."""
        try:
            if existed:
                self._write(before)
            else:
                self.documents.delete(self.name, self._version)
        except StateError:
            pass
        self._entries, self._version = None, ""


def _with(newest: dict[str, Any], older: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The older passwords with one more. One that the site gave again stands there once: it pushes no other out."""
    return [newest, *(part for part in older if part["value"] != newest["value"])][:KEEP]


def parts_of(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All passwords of an account's entry, newest first."""
    return [part for part in (entry.get("pending"), entry.get("current"), *(entry.get("previous") or ())) if part]


def only_in_copy(documents: Documents, device: str, entries: Entries) -> list[str]:
    """Accounts that the second copy has secrets of, and `entries`, what the store holds, has none at all of; sorted.

    What the copy merely has older is no loss, nor is a password that never left. StateError when that cannot be told.
    """
    name = ("secrets", device)
    data = None if documents.copy is None else documents.copy.get(name)
    if data is None:
        return []
    here = {key for key, entry in entries.items() if parts_of(entry)}
    try:
        kept = entries_of(documents.unsealed(name, data), documents.copy.where(name))
    except StateError as error:
        if here:  # a broken copy is what the next write repairs
            return []
        raise StateError(
            f"the store has no secrets of {device}, and the second copy, which may hold the only ones, cannot be read: "
            f"{error.message}",
            "Give the vault password it was written with. If it is of no use, move it aside: "
            f"{documents.copy.where(name)}",
        ) from None
    lost = [key for key, entry in kept.items() if key not in here and _may_be_in_force(entry)]
    return sorted(key.removeprefix("accounts.") for key in lost)


def _may_be_in_force(entry: Mapping[str, Any]) -> bool:
    pending = entry["pending"]
    return bool(entry["current"] or entry["previous"] or (pending and pending.get("sent")))


def entries_of(content: Mapping[str, Any], where: str) -> Entries:
    """The entries of a document's content. StateError for another shape."""
    try:
        if content.get("schema", SCHEMA) != SCHEMA:
            raise StateError(f"{where}: this was written by a newer version of nwcs.hardening.", "Update it here too.")
        return {str(name): _entry(entry) for name, entry in content["secrets"].items()}
    except (KeyError, TypeError, AttributeError, ValueError):
        raise StateError(f"{where}: the decrypted file has another shape than expected.") from None


def _entry(data: Any) -> dict[str, Any]:
    """An account's entry with all its parts; ValueError for another shape."""
    entry = {"current": None, "pending": None, "previous": [], **data}
    for part in (entry["current"], entry["pending"], *entry["previous"]):
        if part is not None and not isinstance(part["value"], str):
            raise ValueError("a password that is no text")
    return entry


def now() -> str:
    """The time as it stands in documents: UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

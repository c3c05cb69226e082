# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of devices, encrypted at rest: one ansible-vault file per device (DESIGN 6).

An account's entry keeps the current password, a pending one (made, perhaps sent, not yet proven) and the last five.
Nothing is written without a vault password. `ansible-vault view FILE` reads the files.
"""

from __future__ import annotations

import copy
import datetime
import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import files

KEEP = 5  # older passwords of an account that stay readable


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class SecretStore:
    """One device's secrets. `vault` is the VaultLib that Ansible set up (its secrets may be empty)."""

    def __init__(self, folder: str, site: str, device: str, vault: Any, vault_id: str | None = None) -> None:
        self.path = os.path.join(folder, files.safe_name(site or "default"), files.safe_name(device) + ".vault.yml")
        self.device = device
        self.vault = vault
        self.vault_id = vault_id
        self._entries: dict[str, dict[str, Any]] | None = None

    # -- reading -----------------------------------------------------------------------------------------------------
    def entries(self) -> dict[str, dict[str, Any]]:
        """{secret name: {"current": …, "pending": …, "previous": […]}}; {} where there is no file yet."""
        if self._entries is None:
            self._entries = self._load()
        return self._entries

    def _load(self) -> dict[str, dict[str, Any]]:
        try:
            with open(self.path, "rb") as file:
                data = file.read(files.MAX_BYTES)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StateError(f"{self.path}: the secret store cannot be read: {error.strerror}.") from None
        return self._decoded(data)

    def _decoded(self, data: bytes) -> dict[str, dict[str, Any]]:
        import yaml
        from ansible.errors import AnsibleError

        try:
            if self.vault is None:
                raise AnsibleError("no vault")
            text = self.vault.decrypt(data)
        except (AnsibleError, ValueError):  # ValueError: a broken envelope
            raise StateError(
                f"{self.path}: the secret store of {self.device} cannot be decrypted.",
                "Give the vault password it was written with (--vault-password-file, --vault-id).",
            ) from None
        try:
            content = yaml.safe_load(text)
            return {str(name): _entry(entry) for name, entry in content["secrets"].items()}
        except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError):
            raise StateError(f"{self.path}: the decrypted secret store has another shape than expected.") from None

    def value(self, name: str, which: str = "current") -> str | None:
        """The password called `name`, or None."""
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
        found = []
        for entry in self.entries().values():
            for part in (entry.get("current"), entry.get("pending"), *(entry.get("previous") or ())):
                if part:
                    found.append(part["value"])
        return found

    # -- writing -----------------------------------------------------------------------------------------------------
    def can_write(self) -> bool:
        return bool(self.vault is not None and self.vault.secrets)

    def prepare(self, passwords: Mapping[str, str], why: str) -> None:
        """Keep new passwords as pending, before they are sent anywhere."""
        entries = copy.deepcopy(self.entries())
        for name, password in passwords.items():
            entry = entries.setdefault(name, {"current": None, "pending": None, "previous": []})
            old = entry.get("pending")
            if old and old["value"] != password and old.get("sent"):
                entry["previous"] = [old, *entry["previous"]][:KEEP]
            entry["pending"] = {"value": password, "at": _now(), "why": why, "sent": True}
        if passwords:
            self._save(entries)

    def promote(self, names: list[str]) -> None:
        """The pending passwords of `names` are proven: they become current."""
        changed, entries = False, copy.deepcopy(self.entries())
        for name in names:
            entry = entries.get(name)
            if not entry or not entry.get("pending"):
                continue
            if entry.get("current"):
                entry["previous"] = [entry["current"], *entry["previous"]][:KEEP]
            entry["current"], entry["pending"] = {**entry["pending"], "proven": _now()}, None
            changed = True
        if changed:
            self._save(entries)

    def drop_pending(self, names: list[str]) -> None:
        """Pending passwords that were certainly never sent, or were proven not to be in force."""
        changed, entries = False, copy.deepcopy(self.entries())
        for name in names:
            entry = entries.get(name)
            if entry and entry.get("pending"):
                entry["previous"] = [entry["pending"], *entry["previous"]][:KEEP]
                entry["pending"] = None
                changed = True
        if changed:
            self._save(entries)

    def _save(self, entries: dict[str, dict[str, Any]]) -> None:
        """Keep `entries`, in the file first: what this object then gives is what the file holds."""
        import yaml
        from ansible.errors import AnsibleError
        from ansible.parsing.vault import match_encrypt_secret

        if not self.can_write():
            raise StateError(
                f"{self.device}: there is no vault password, so no new password is made or sent.",
                "Give one: --vault-password-file FILE, or ANSIBLE_VAULT_PASSWORD_FILE.",
            )
        content = {"schema": 1, "device": self.device, "secrets": entries}
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=True)
        try:
            vault_id, secret = match_encrypt_secret(self.vault.secrets, encrypt_vault_id=self.vault_id)
        except AnsibleError:
            raise StateError(
                f"{self.device}: there is no vault password with the id {self.vault_id!r} (nwcs_vault_id).",
                "Give it with --vault-id ID@FILE.",
            ) from None
        data = self.vault.encrypt(text, secret=secret, vault_id=None if vault_id == "default" else vault_id)
        # What cannot be read back would be lost the moment it is sent: tried before the old file goes, and after.
        if self._decoded(data) == entries:
            files.private_folder(os.path.dirname(self.path))
            files.write_private(self.path, data)
            if self._load() == entries:
                self._entries = entries
                return
        raise StateError(f"{self.path}: the secret store could not be read back; nothing was sent.")


def _entry(data: Any) -> dict[str, Any]:
    """An account's entry with all its parts; ValueError for another shape."""
    entry = {"current": None, "pending": None, "previous": [], **data}
    for part in (entry["current"], entry["pending"], *entry["previous"]):
        if part is not None and not isinstance(part["value"], str):
            raise ValueError("a password that is no text")
    return entry

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents in memory, for tests of what is built on them."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping
from typing import Any

import yaml

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import Conflict, Documents, Name


class MemoryDocuments(Documents):
    """One site. `damaged`: names that cannot be read; `refusal`: why none is written; `broken`: no disk, no net."""

    def __init__(self) -> None:
        self.held: dict[Name, tuple[dict[str, Any], str]] = {}
        self.damaged: set[Name] = set()
        self.refusal: StateError | None = None
        self.broken: StateError | None = None
        self.writes = 0

    def _check(self, refusal: StateError | None = None) -> None:
        for error in (refusal, self.broken):
            if error is not None:
                raise error

    def read(self, name: Name) -> tuple[dict[str, Any] | None, str]:
        self._check()
        if name in self.damaged:
            raise StateError(
                f"{self.where(name)}: this file cannot be decrypted, or was altered.", "Give the password."
            )
        content, version = self.held.get(name, (None, ""))
        return copy.deepcopy(content), version

    def write(self, name: Name, content: Mapping[str, Any], version: str) -> str:
        self._check(self.refusal)
        if self.version(name) != version:
            raise Conflict(self.where(name))
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # what real documents are written with
        if yaml.safe_load(yaml.dump(dict(content), Dumper=dumper, allow_unicode=True)) != content:
            raise StateError(f"{self.where(name)}: this could not be read back; nothing was sent.")
        self.writes += 1
        new = uuid.uuid4().hex
        self.held[name] = (copy.deepcopy(dict(content)), new)
        self.damaged.discard(name)
        return new

    def delete(self, name: Name, version: str) -> None:
        self._check()
        if not version or self.version(name) != version:
            raise Conflict(self.where(name))
        del self.held[name]

    def names(self, *prefix: str) -> list[Name]:
        return sorted(name for name in self.held if name[: len(prefix)] == prefix)

    def where(self, name: Name) -> str:
        return "memory/" + "/".join(name)

    def refuses(self) -> StateError | None:
        return self.refusal

    def version(self, name: Name) -> str:
        self._check()
        return self.held.get(name, (None, ""))[1]

    def sealed(self, name: Name) -> bytes | None:
        raise NotImplementedError

    def unsealed(self, name: Name, data: bytes) -> dict[str, Any]:
        raise NotImplementedError

    def put_back(self, name: Name, content: Mapping[str, Any]) -> str:
        kept = f"{self.where(name)}.replaced" if name in self.held else ""
        self.write(name, content, self.version(name))
        return kept

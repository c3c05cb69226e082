# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Family `manual`: what a person has looked up and typed in, for devices or settings that no API tells.

It asks nobody anything over the network. A value counts until its day of expiry; after that it is not checked until
somebody looks again. Nothing can be written: a wish that differs is read_only, and stays open until a person acts.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    MANUAL,
    Binding,
    Context,
    Credential,
    Document,
    Driver,
    Identity,
    LockRules,
    Reading,
    Tree,
)

_DOCUMENT = "typed in"


class ManualDriver(Driver):
    """`typed` is {key text: {"value", "by", "on" (ISO day), "until" (ISO day)}}, checked by the inventory."""

    family = "manual"
    kind = "other"
    needs_login = False
    documents = (Document(_DOCUMENT, fetch=_DOCUMENT),)

    def __init__(self, typed: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.typed = {settings.parse_key(text): dict(entry) for text, entry in (typed or {}).items()}
        self.bindings = tuple(
            Binding(key, (_DOCUMENT,), functools.partial(_get, key=key), source="typed in by a person")
            for key in self.typed
        )

    def for_device(self, spec: Mapping[str, Any]) -> Driver:
        return ManualDriver(spec.get("manual"))

    def identify(self, transport: Any) -> Identity:
        return Identity()

    def open(self, transport: Any, credential: Credential, secrets: Mapping[str, str]) -> Context:
        ctx = Context(transport, credential, {})
        names = {field: self.typed.get(("facts", field), {}) for field in ("manufacturer", "model", "serial", "mac")}
        ctx.identity = Identity(**{field: str(entry.get("value") or "") for field, entry in names.items()})
        ctx.identity.firmware = str(self.typed.get(("facts", "firmware"), {}).get("value") or "")
        return ctx

    def fetch(self, ctx: Context, names: Sequence[str]) -> dict[str, Tree | Exception]:
        return {name: dict(self.typed) for name in names}

    def lock_rules(self, ctx: Context) -> LockRules:
        return LockRules(None, None, "nobody is asked for a login", locks=False)


def _get(tree: Mapping[Any, Any], key: Any) -> Reading:
    entry = tree[key]
    source = f"typed in by {entry['by']} on {entry['on']}"
    if datetime.datetime.now(datetime.UTC).date().isoformat() > entry["until"]:
        return Reading(MANUAL, None, f"{source}, valid until {entry['until']}: look at the device again", source)
    return Reading.of(settings.normalise(key, entry["value"]), source)

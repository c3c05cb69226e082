# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The i-PRO (Panasonic) driver: the documented calls of cameras and recorders, and named manual checks (ipro-cgi.md).

On a camera it is meant beside ONVIF (nwcs_family: [ipro, onvif]), which writes what these calls cannot: accounts,
HTTPS, time. The accounts are the same. Recorders have no ONVIF, and only read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    Answer,
    Credential,
    Driver,
    Endpoint,
    Identity,
    LockRules,
    Tree,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.ipro_session import (
    CAMERA,
    CAMERA_PROOF,
    RECORDER_PROOF,
    IproContext,
    code_of,
    kind_of,
    path_of,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.ipro_tables import BINDINGS, DOCUMENTS
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.one_by_one import each
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    Busy,
    Unsupported,
    WrongFamily,
)


class IproDriver(Driver):
    family = "ipro"
    documents = DOCUMENTS
    bindings = BINDINGS
    shares_accounts = ("onvif",)
    default_ports = {"https": 443, "http": 80}

    def identify(self, transport: Any) -> Identity:
        """Without credentials: the plain error page and the Digest challenge of the one or the other kind."""
        transport.ipro_kind = self._kind(transport)
        return Identity()

    @staticmethod
    def _kind(transport: Any) -> tuple[str, Answer]:
        kind, answer = kind_of(transport)
        where = f"{transport.target.name}: no i-PRO device at {transport.target.host}:{transport.target.port}"
        if code_of(answer) in (429, 503):
            raise Busy(f"{where}: it is busy (HTTP {answer.status}).")
        if not kind:
            raise WrongFamily(f"{where}: another device answers (HTTP {answer.status}).",
                              "Is nwcs_family right, and nwcs_port?")  # fmt: skip
        return kind, answer

    def open(self, transport: Any, credential: Credential, secrets: Mapping[str, str]) -> IproContext:
        """Log in with exactly one attempt, or note that nobody need log in."""
        ctx = IproContext(transport, credential, secrets)
        kind, first = getattr(transport, "ipro_kind", None) or self._kind(transport)
        transport.ipro_kind = None  # a challenge is good for one login
        ctx.open(kind, first)
        found, identity = ctx.information or {}, ctx.identity
        identity.model, identity.serial = found.get("NAME", ""), found.get("SERIAL", "")
        identity.firmware = found.get("VERSION", "")
        mac = found.get("MAC", "").lower().replace("-", ":")
        identity.mac = mac if len(mac) == 17 else ""
        return ctx

    def login(self, transport: Any, credential: Credential) -> None:
        """Where the settings are open to anybody, a call for administrators proves the login."""
        ctx = self.open(transport, credential, {})
        try:
            if ctx.facts["anonymous"] and ctx.kind == CAMERA:
                ctx.prove("get_randomnum", {})
            elif ctx.facts["anonymous"]:
                raise Unsupported(f"{ctx.name}: the device answers without a login, so no password can be proven.")
        finally:
            ctx.close()

    def fetch(self, ctx: IproContext, names: Sequence[str]) -> dict[str, Tree | Exception]:
        """Each document on its own; an error of one is its value. Two silences in a row: the device is gone."""
        known = {document.name: document for document in self.documents}
        return each(names, lambda name: known[name].fetch(ctx))

    def endpoints(self, ctx: IproContext, trees: Mapping[str, Tree]) -> list[Endpoint]:
        target = ctx.transport.target
        name, mark = (CAMERA_PROOF, b"MAC=") if ctx.kind == CAMERA else (RECORDER_PROOF, b"MAXUID=")
        found = [Endpoint("manage", target.scheme, target.port, path_of(*name), judge=_judge(mark))]
        if ctx.kind == CAMERA:
            picture = path_of("camera", {"resolution": "1280"})
            found.append(Endpoint("snapshot", target.scheme, target.port, picture))
        return found

    def lock_rules(self, ctx: IproContext) -> LockRules:
        return LockRules(5, 30, "the maker's default (5 failures within 10 s, then 30 s); the web page can change it",
                         True)  # fmt: skip

    def restart(self, ctx: IproContext) -> None:
        raise Unsupported(f"{ctx.name}: no documented call restarts the device.")


def _judge(mark: bytes) -> Any:
    def judge(answer: Answer) -> bool | None:
        """True: the settings were given to a stranger. None when the answer says neither."""
        code = code_of(answer)
        if code in (401, 403):
            return False
        return True if code == 200 and mark in answer.body else None

    return judge

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is open on a device with several APIs (combined.py): one context for each, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Context, Identity
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import DeviceError, Refused, WrongDevice


class Asked(dict[str, str]):
    """Secrets of one API; remembers which were asked for: they may be in force now."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        super().__init__(secrets)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        value = super().__getitem__(name)
        self.names.add(name)
        return value


class CombinedContext(Context):
    """The contexts of all APIs: `apis` holds a context, or the error that kept it closed. To the outside it is that of
    the main family."""

    def __init__(self, main: Context, family: str, secrets: Mapping[str, str]) -> None:
        super().__init__(main.transport, main.credential, secrets)
        self.identity, self.facts, self.rights, self.notes = main.identity, main.facts, main.rights, main.notes
        self.apis: dict[str, Context | DeviceError] = {family: main}

    def api(self, family: str) -> Context:
        """The context of one API; the error that kept it closed is raised."""
        found = self.apis[family]
        if isinstance(found, DeviceError):
            raise Refused(f"{family}: {found.message}", found.advice)
        return found

    def opened(self) -> list[tuple[str, Context]]:
        return [(family, api) for family, api in self.apis.items() if isinstance(api, Context)]

    def scheme_of(self, api: str) -> str:
        found = self.apis.get(api) if api else self
        return found.transport.target.scheme if isinstance(found, Context) else ""

    @property
    def requests(self) -> int:
        return sum(api.requests for _family, api in self.opened())

    def close(self) -> None:
        for _family, api in self.opened():
            api.close()


def check_same_device(ctx: CombinedContext, family: str, identity: Identity) -> None:
    """Another port of one address may lead to another device. The MAC address is what all APIs write alike (H60)."""
    if identity.mac and ctx.identity.mac and identity.mac != ctx.identity.mac:
        why = f"another device answers there: MAC address {identity.mac!r}, here {ctx.identity.mac!r}"
        raise WrongDevice(f"{family}: {why}. [guard: identity]", "Nothing was written to it; correct nwcs_apis.")

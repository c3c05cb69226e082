# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an ISAPI device reports itself to: the maker's cloud (EZVIZ) and Ehome, also called ISUP (fact sheet 13).

A device may have both, each with a switch of its own; it is off only where both are. Tree: {"EZVIZ": document,
"Ehome": document}, without the one that the device does not offer.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, UNVERIFIABLE, Reading, Stored
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_xml as xml
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi_session import IsapiContext, Source
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import Refused, Unsupported

Trees = dict[str, dict[str, str]]
SERVICES = {
    "EZVIZ": Source("System/Network/EZVIZ", flag="isSupportEZVIZ"),
    "Ehome": Source("System/Network/Ehome", flag="isSupportEhome"),
}
_rest = xml.rest_of("enabled", "registerStatus", "bindStatus")


def fetch(ctx: IsapiContext, name: str) -> Trees:
    """Both; one that could not be read leaves it unknown, whatever the other one says."""
    if ctx.activated is not False:
        ctx.ask_capabilities()
    found: Trees = {}
    missing: list[Unsupported] = []
    for service, source in SERVICES.items():
        try:
            found[service] = source(ctx, service)
        except Unsupported as error:
            missing.append(error)
    if not found:
        raise missing[0]
    return found


def enabled(trees: Trees) -> Any:
    """Off only where each of them says so (H51)."""
    states = {service: xml.flag(tree, "enabled") for service, tree in trees.items()}
    on = xml.any_on(states.values())
    silent = [service for service, state in states.items() if state is ABSENT]
    if on is not False or not silent:
        return on
    return Reading(UNVERIFIABLE, None, f"the device does not tell whether {silent[0]} is on", "cloud")


def put_enabled(trees: Trees, value: bool) -> None:
    """Off in all of them; on in the first one."""
    if enabled(trees) is value:
        return
    switches = [tree for tree in trees.values() if xml.has(tree, "enabled")]
    for tree in switches[: 1 if value else None]:
        xml.put_flag(tree, "enabled", value)


def limits(ctx: Any, trees: Trees, item: str, value: bool) -> str | None:
    without = [service for service, tree in trees.items() if not xml.has(tree, "enabled")]
    return f"the device does not list this switch for {' and '.join(without)}" if without else None


def store(ctx: IsapiContext, old: Trees, new: Trees) -> Stored:
    """What the device refuses for one does not keep the other one on."""
    restart = False
    said: Refused | None = None
    for service, tree in new.items():
        if tree == old.get(service):
            continue
        try:
            restart |= ctx.send("PUT", SERVICES[service].path, tree, service).restart
        except Refused as error:
            said = said or error
    if said:
        raise said
    return Stored(restart)


def rest(trees: Trees) -> Any:
    return {service: _rest(tree) for service, tree in trees.items()}

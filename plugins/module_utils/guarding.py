# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would cut us off is not planned: the ways in that a change must leave (DESIGN 6, H40, H41, H61).

Every refusal names its guard: way-in, own-account, seen-address. Those of other places: commit-confirm and proof
(applying), identity and pin (session, transport), lock-budget, hold, lease and weaker (controller).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import VALUE, Key
from ansible_collections.nwcs.hardening.plugins.module_utils.design import Want


class Guards:
    """Mixed into the planner: needs its session, driver, ctx, readings and changes, and _note()."""

    session: Any
    driver: Any
    ctx: Any
    readings: Any
    changes: list[Any]
    _note: Any

    def _with_ways_in(self, wanted: dict[Key, Want]) -> dict[Key, Want]:
        """A list of who is let in always holds the address the device sees us by, and the recorders (H41, H61)."""
        mode, sources = wanted.get(("access", "mode")), wanted.get(("access", "sources"))
        if sources is None or (mode.value if mode else self._after(("access", "mode"))) != "allow":
            return wanted
        ours = [*self._seen_as(), *(self.session.spec.get("recorders") or ())]
        both = settings.normalise(("access", "sources"), [*sources.value, *ours])
        wanted[("access", "sources")] = Want(both, sources.mode, sources.origin)
        return wanted

    def _seen_as(self) -> list[str]:
        """The addresses by which the device sees us, as far as that is known: what the device says, what a person
        has declared, or our own address where no router lies between. Empty: nobody knows (H41)."""
        told = self.driver.seen_address(self.ctx)
        if told:
            return [told]
        local = self.ctx.transport.local_address()
        if declared := list(self.session.spec.get("seen_as") or ()):
            return [*declared, local] if local else declared
        theirs = self.readings.get(("network", "address"))
        addresses = theirs.value if theirs is not None and theirs.state == VALUE else []
        return [local] if local and any(_same_network(local, address) for address in addresses) else []

    def _guard(self) -> None:
        """Changes to the way in use that nothing proves a replacement for are not made (H40, H41)."""
        scheme = self.session.way["scheme"]
        shuts_out = self._filter_shuts_out()
        for change in list(self.changes):
            why, guard = "", "way-in"
            if settings.closes_http(change.key, change.new):
                if scheme == "http" and not self._will_be("https"):
                    why = "this is the only way in: the device has no HTTPS to go on with"
            elif change.key == ("services", "https", "enabled") and change.new is False:
                if scheme == "https" and not (self.session.spec.get("plain_http") and self._will_be("http")):
                    why = "we are connected by HTTPS, and no other way in remains that the inventory allows"
            elif change.key[0] == "network" and change.key[1] in ("address", "addressing", "gateway"):
                why = "changing the address of a device is not done from here"
            elif change.key[0] == "services" and change.key[-1] == "ports" and self._goes_by(change.key[1], scheme):
                why = "this is the port that this run is, or goes on, connected to"
            elif change.key[0] == "access" and shuts_out:
                why, guard = shuts_out, "seen-address"
            if why:
                self.changes.remove(change)
                self._note(change.key, "guarded", change.want, change.old, why, guard)

    def _after(self, key: Key) -> Any:
        """The value of a key when this plan is done, None where that is not known."""
        planned = [change.new for change in self.changes if change.key == key]
        there = self.readings.get(key)
        return planned[-1] if planned else there.value if there is not None and there.state == VALUE else None

    def _will_be(self, service: str) -> bool:
        """Is this way to us open now, or opened by this very plan, and not closed by it?"""
        return self._after(("services", service, "enabled")) is True

    def _goes_by(self, service: str, scheme: str) -> bool:
        """Does this run come in by a service, or go over to it as soon as that works (HTTPS)?"""
        return service == scheme or (service == "https" and self._will_be("https"))

    def _filter_shuts_out(self) -> str:
        """Why the filter, as this plan leaves it, may shut out us or a recorder (H41, H61); "" when it does not."""
        mode, sources = self._after(("access", "mode")), self._after(("access", "sources"))
        if mode == "off":
            return ""
        seen = self._seen_as()
        if not seen:
            return (
                "the device may see us under another address than our own (a router lies between): name it in "
                "nwcs_seen_as, else this filter could lock us out"
            )
        if mode not in ("allow", "deny") or not isinstance(sources, (list, tuple)):
            return "it is not known whom the filter would let in: the device does not tell all of it"
        judge = _not_let_in if mode == "allow" else _kept_out
        found = [judge(f"the address {name}, by which the device sees us,", name, sources) for name in seen]
        found += [judge(f"the recorder {name}", name, sources) for name in self.session.spec.get("recorders") or ()]
        return "; ".join(why for why in found if why)


def _same_network(local: str, address: str) -> bool:
    """Is `local` an address in the network of `address` ("192.0.2.10/24")?"""
    try:
        return ipaddress.ip_address(local) in ipaddress.ip_interface(address).network
    except ValueError:
        return False


def _not_let_in(who: str, name: str, sources: Iterable[str]) -> str:
    """What is wrong with a list of who is let in, for an address or network; "" when it holds all of it."""
    theirs = _network(name)
    if theirs is None:
        return f"nobody can tell whether the filter would let in {who}: that is no address"
    listed = [network for source in sources if (network := _network(source)) and network.version == theirs.version]
    inside = any(theirs.subnet_of(network) for network in ipaddress.collapse_addresses(listed))
    return "" if inside else f"the filter would shut out {who}: access.sources does not hold it"


def _kept_out(who: str, name: str, sources: Iterable[str]) -> str:
    """What is wrong with a list of who stays out, for an address or network; "" when it holds nothing of it."""
    theirs = _network(name)
    if theirs is None:
        return f"nobody can tell whether the filter would shut out {who}: that is no address"
    for source in sources:
        network = _network(source)
        if network is None:
            return f"nobody can tell whether the filter would shut out {who}: {str(source)[:80]!r} is no address"
        if network.version == theirs.version and network.overlaps(theirs):
            return f"the filter would shut out {who}: access.sources holds {network}"
    return ""


def _network(text: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """An address or a network; None for a name. Names are not looked up: the address that a name has here and now
    proves nothing of what the device will see."""
    try:
        return ipaddress.ip_network(str(text).strip(), strict=False)
    except ValueError:
        return None

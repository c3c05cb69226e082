# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running lab can do to its devices and their network, for the control port and for tests alike."""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING, Any

from .base import LabError
from .device import Device

if TYPE_CHECKING:
    from .server import LabServer
    from .site import Site


class Disturbances:
    """Commands as the control port takes them: each returns JSON data. For the event loop's thread."""

    server: LabServer
    site: Site

    def do_power(self, device: str, on: bool, how: str = "reset", back_after: float | None = None) -> dict[str, Any]:
        return self._done(device, lambda target: target.power(on, how, back_after))

    def do_network(self, device: str, on: bool, how: str = "silent", back_after: float | None = None) -> dict[str, Any]:
        return self._done(device, lambda target: target.network(on, how, back_after))

    def do_certificate(self, device: str, kind: str) -> dict[str, Any]:
        return self._done(device, lambda target: target.certificate(kind))

    def do_cut(self, device: str, **moment: Any) -> dict[str, Any]:
        """Arguments as for Device.cut_at."""
        try:
            return self._done(device, lambda target: target.cut_at(**moment))
        except (TypeError, ValueError) as error:
            raise LabError(str(error)) from None

    def do_uncut(self, device: str) -> dict[str, Any]:
        """Forget the cuts that have not happened."""
        return self._done(device, lambda target: target.cuts.clear())

    def do_swap(self, device: str, other: str) -> dict[str, str]:
        first, second = self.site.device(device), self.site.device(other)
        if first is second:
            raise LabError(f"{device} cannot be swapped with itself")
        self.server.swap(first, second)
        return {first.name: first.address, second.name: second.address}

    def do_mitm(self, device: str, on: bool, kind: str = "https", certificate: str = "self-signed") -> dict[str, Any]:
        target = self.site.device(device)
        if on:
            self.server.intercept(target, kind, certificate)
        else:
            self.server.leave(target)
        return self.presence(target)

    def do_locked(self, device: str) -> dict[str, float]:
        return self.site.device(device).locked()

    def do_count(self, device: str) -> str:
        self.site.device(device).count()
        return "counting"

    def do_steps(self, device: str) -> list[dict[str, Any]]:
        return [dataclasses.asdict(step) for step in self.site.device(device).steps or ()]

    def presence(self, device: Device) -> dict[str, Any]:
        """How a device is there: for status."""
        mitm = self.server.middle.get(device.name)
        return {
            "power": "on" if device.has_power() else "off",
            "network": device.link,
            "certificate": str(device.model.get("certificate") or "good"),
            "certificate_changes": device.certificate_generation,
            "cuts": [str(cut) for cut in device.cuts],
            "locked": device.locked(),
            "mitm": None
            if mitm is None
            else {
                "kind": mitm.listener.kind,
                "connections": mitm.connections,
                "handshakes": mitm.handshakes,
                "credentials": mitm.credentials(),
            },
        }

    def _done(self, name: str, act: Any) -> dict[str, Any]:
        target = self.site.device(name)
        try:
            act(target)
        except KeyError as error:
            raise LabError(f"{name}: {error.args[0]}") from None
        self.server.reconcile(target)
        return self.presence(target)


def words(presence: dict[str, Any]) -> str:
    """What is unusual about a device's presence, in a few words; "" when nothing is."""
    said = []
    if presence["power"] == "off":
        said.append("power off")
    if presence["network"] != "up":
        said.append(f"network {presence['network']}")
    if presence["certificate"] != "good" or presence["certificate_changes"]:
        said.append(f"certificate {presence['certificate']}, changed {presence['certificate_changes']} times")
    said += [f"will fail: {cut}" for cut in presence["cuts"]]
    said += [f"locked {who} {left:.0f} s" for who, left in presence["locked"].items()]
    if presence["mitm"]:
        told = ", ".join(presence["mitm"]["credentials"]) or "no credentials"
        said.append(f"man in the middle of {presence['mitm']['kind']} saw {told}")
    return "; ".join(said)


def random_cut(seed: str, writes: int, back_after: float = 0.3) -> dict[str, Any]:
    """Arguments for cut_at: one of the first `writes` writes fails in one of all ways; the same for the same seed."""
    pick = random.Random(seed)
    what = pick.choice(("power", "network", "restart"))
    return {
        "nth": pick.randint(1, writes),
        "of": "writes",
        "when": pick.choice(("before", "during", "after")),
        "what": what,
        "back_after": back_after,
        "how": "reset",
    }

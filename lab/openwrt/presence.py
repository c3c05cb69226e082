# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches the router, what it keeps without power, and what a cut and a move are to it."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from ..cuts import PowerLost, Sight
from ..device import LogEntry, Request
from .firewall import lets_in
from .network import lan_address
from .sessions import NULL_SID


class RouterPresence:
    """Mixed into the device; needs its attributes."""

    faults: set[str]
    shadow: dict[str, str]
    _kept: dict[str, dict[str, Any]] | None = None

    # -- firewall --------------------------------------------------------------------------------------------------
    def admits(self, peer: str) -> bool:
        return self.admits_port(peer, 0)

    def admits_port(self, peer: str, port: int) -> bool:
        """The firewall's word on a new connection; `port` is the lab's port, 0 asks for any port at all.

        Sources in `wan_clients` are the internet side, all others the LAN.
        """
        device: Any = self
        if not device.running("firewall"):
            return True
        rules, rows = device.live["firewall"], list(device._services_open())
        if ipaddress.ip_address(peer) in device.wan_clients:
            return any(
                lets_in(rules, peer, own_port)
                for _unused, own_port, _unused, bound in rows
                if port in (0, device.lab_port(own_port)) and bound in ("", "wan")
            )
        own = next((own_port for _unused, own_port, *_unused in rows if device.lab_port(own_port) == port), port)
        return lets_in(rules, peer, own, "lan")

    def keeps_port(self, peer: str, port: int) -> bool:
        """firewall4 lets established connections pass whatever the rules have become."""
        return True

    # -- flash -------------------------------------------------------------------------------------------------------
    def keep(self) -> None:
        """Accounts and enabled services are in flash now, unless they live in memory only (H16)."""
        device: Any = self
        if "H16" not in self.faults or self._kept is None:
            enabled = {name: row["enabled"] for name, row in device.services.items()}
            self._kept = {"shadow": dict(self.shadow), "enabled": enabled}

    def bring_kept(self) -> None:
        """Power on: what was not kept is gone."""
        device: Any = self
        if "H16" in self.faults and self._kept is not None:
            self.shadow = dict(self._kept["shadow"])
            for name, enabled in self._kept["enabled"].items():
                device.services[name]["enabled"] = enabled

    # -- cuts --------------------------------------------------------------------------------------------------------
    async def wait(self, seconds: float) -> None:
        """Raises PowerLost when the router restarted meanwhile: what was under way is not finished."""
        device: Any = self
        boots = device.boots
        await device.clock.sleep(seconds)
        if device.boots != boots:
            raise PowerLost

    def sight(self, request: Request) -> Sight:
        """The ubus calls in the body, all members of a batch; a login is a session id, or the login itself."""
        device: Any = self
        path = request.path.partition("?")[0]
        try:
            body = json.loads(request.body) if request.method == "POST" else None
        except (ValueError, RecursionError):
            body = None
        operations: list[str] = []
        login = False
        for message in body if isinstance(body, list) else [body]:
            params = message.get("params") if isinstance(message, dict) else None
            if not isinstance(params, list) or len(params) < 3 or not all(isinstance(p, str) for p in params[:3]):
                continue
            operations.append(f"{params[1]}.{params[2]}")
            login = login or params[0] != NULL_SID or operations[-1] == "session.login"
        if not operations:
            return Sight((path,), False, True)
        return Sight(tuple(dict.fromkeys(operations)), any(map(device.is_write, operations)), login)

    def acted(self, entry: LogEntry) -> bool:
        """False for a refused login and for a session that is not known (any more)."""
        if entry.login:
            return entry.login == "ok"
        return bool(entry.user) or "." not in entry.operation or entry.operation.startswith("session.")

    def moved_to(self, address: str) -> None:
        device: Any = self
        if lan_address(device.live["network"]) == device.address:
            with device.edit("network") as stage:
                stage.set(stage.package.section("lan"), "ipaddr", address)
            device.home = address
        super().moved_to(address)  # type: ignore[misc]

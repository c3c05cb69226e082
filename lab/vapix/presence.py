# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets of a simulated AXIS device, who reaches them, and what the lab shows of it."""

from __future__ import annotations

import ipaddress
import re
import time
from typing import Any

from ..cuts import Sight
from ..device import Listener, LogEntry, Request, Response
from . import onvif
from .ask import Ask

PRIVILEGED = {80: "http", 443: "https", 554: "rtsp", 322: "rtsps", 22: "ssh", 21: "ftp"}
SSH_BANNER = b"SSH-2.0-OpenSSH_9.6\r\n"
FTP_BANNER = b"220 AXIS SIMULATED FTP Network Camera (Linux) ready.\r\n"


class VapixPresence:
    """Mixed into the device; needs its attributes."""

    faults: set[str]
    model: dict[str, Any]
    ports: dict[str, int]

    # -- sockets ---------------------------------------------------------------------------------------------------
    def lab_port(self, port: int) -> int:
        """Where the lab opens a port of the device: privileged ones are moved up."""
        if port in PRIVILEGED:
            return self.ports[PRIVILEGED[port]]
        return port if port >= 1024 else 10000 + port

    def own_port(self, parameter: str, default: int) -> int:
        device: Any = self
        text = device.tree.get(parameter, str(default))
        return int(text) if text.isdigit() else default

    def policies(self) -> dict[str, str]:
        device: Any = self
        return {role: device.tree.get(f"System.BoaGroupPolicy.{role}", "both")
                for role in ("admin", "operator", "viewer")}  # fmt: skip

    def listeners(self) -> set[Listener]:
        device: Any = self
        self.tick()
        if device.is_down():
            return set()
        tree, faults = device.tree, self.faults
        if self.moved_away():
            return set()
        found = set()
        policies = set(self.policies().values())
        if policies != {"https"} or self.model.get("https_only", "close") == "redirect":
            found.add(Listener("http", self.lab_port(self.own_port("System.BoaPort", 80))))
            if self.own_port("System.AlternateBoaPort", 0):
                found.add(Listener("http", self.lab_port(self.own_port("System.AlternateBoaPort", 0))))
        late = "H40" in faults and not device.https_at_start
        if tree.is_on("HTTPS.Enabled") and policies != {"http"} and not late:
            found.add(Listener("https", self.lab_port(self.own_port("HTTPS.Port", 443))))
        if tree.is_on("Network.RTSP.Enabled") and "H07-closed" not in faults:
            found.add(Listener("rtsp", self.lab_port(self.own_port("Network.RTSP.Port", 554))))
        if tree.is_on("Network.RTSPS.Enabled"):
            found.add(Listener("rtsps", self.lab_port(self.own_port("Network.RTSPS.Port", 322))))
        if tree.is_on("Network.SSH.Enabled") or "H07-open" in faults:
            found.add(Listener("banner", self.ports["ssh"], SSH_BANNER))
        if tree.is_on("Network.FTP.Enabled") or "H07-open" in faults:
            found.add(Listener("banner", self.ports["ftp"], FTP_BANNER))
        if tree.is_on("Network.UPnP.Enabled"):
            found.add(Listener("banner", self.ports["upnp"], b""))
        if tree.is_on("WebService.DiscoveryMode.Discoverable"):
            found.add(Listener("discovery", self.ports["discovery"]))
        return found

    def moved_away(self) -> bool:
        """True when a static address other than the lab's was set: nothing answers here any more."""
        device: Any = self
        return device.tree.get("Network.eth0.IPAddress", device.address) != device.address

    def tick(self) -> None:
        """What time brings: the end of a firewall's trial, a restart that was asked for."""
        device: Any = self
        device.firewall.tick()
        if device.restart_at and time.monotonic() >= device.restart_at:
            device.restart_at = 0.0
            device.restart()

    # -- who is let in ---------------------------------------------------------------------------------------------
    def admits(self, peer: str) -> bool:
        return self.admits_port(peer, 0)

    def admits_port(self, peer: str, port: int) -> bool:
        """The word of the parameter filter (old) and of the firewall (new); port 0 asks for any port at all."""
        device: Any = self
        self.tick()
        if "H41" in self.faults:
            peer = device.address.rpartition(".")[0] + ".254"
        return self._filter_admits(peer) and device.firewall.admits(peer, port)

    def _filter_admits(self, peer: str) -> bool:
        tree = self.tree  # type: ignore[attr-defined]
        if not tree.is_on("Network.Filter.Enabled"):
            return True
        listed = False
        for word in re.split(r"[\s,]+", tree.get("Network.Filter.Input.AcceptAddresses")):
            try:
                listed = listed or ipaddress.ip_address(peer) in ipaddress.ip_network(word, strict=False)
            except ValueError:
                continue
        return listed == (tree.get("Network.Filter.Input.Policy") == "allow")

    # -- HTTP or HTTPS ---------------------------------------------------------------------------------------------
    def scheme_allowed(self, secure: bool, role: str = "") -> bool:
        """The connection policy of an account's group; without a role: whether any group may come this way."""
        policies = self.policies()
        wanted = {policies[role]} if role else set(policies.values())
        return bool(wanted & {"both", "https" if secure else "http"})

    def wrong_scheme(self, ask: Ask) -> Response:
        device: Any = self
        if ask.request.scheme == "http" and device.tree.is_on("HTTPS.Enabled"):
            port = self.lab_port(self.own_port("HTTPS.Port", 443))
            return Response(301, [("Location", f"https://{device.address}:{port}{ask.request.path}")])
        return Response(403, [("Content-Type", "text/html")], b"<html><body>403 Forbidden</body></html>\n")

    # -- video and discovery ---------------------------------------------------------------------------------------
    def rtsp_login(self, user: str) -> str | None:
        device: Any = self
        return device.accounts.password(user)

    def rtsp_attempt(self, user: str, peer: str, outcome: str) -> str:
        device: Any = self
        return device.throttle.judge(peer, "rtsp", outcome)

    def rtsp_open(self) -> bool:
        device: Any = self
        return device.tree.get("Network.RTSP.ProtViewer") == "anonymous"

    def discovery_answer(self, probe: bytes, peer: str) -> bytes | None:
        device: Any = self
        if device.is_down() or not device.admits(peer):
            return None
        return onvif.probe_match(device, probe)

    # -- what the lab asks -----------------------------------------------------------------------------------------
    def locked(self) -> dict[str, float]:
        device: Any = self
        return device.throttle.locked()

    @property
    def bootstrap_login(self) -> tuple[str, str] | None:
        given = self.model.get("bootstrap_login")
        return (str(given[0]), str(given[1])) if given else None

    def sight(self, request: Request) -> Sight:
        device: Any = self
        ask = Ask.of(request)
        route = device.route(ask)
        if route is None:
            return Sight((ask.path,), False, "authorization" in request.headers)
        free = route.level == 0 or device.accounts.needs_setup
        return Sight((route.operation(ask),), route.writes(ask), free or "authorization" in request.headers)

    def acted(self, entry: LogEntry) -> bool:
        return entry.login not in ("refused", "locked") and entry.status not in (301, 401, 403)

    def public_state(self) -> dict[str, Any]:
        """The state without secrets."""
        device: Any = self
        users = device.accounts.users.items()
        return {
            "params": {name: row.shown() for name, row in device.tree.rows.items()},
            "users": {name: {"role": user.role, "ptz": user.ptz, "comment": user.comment} for name, user in users},
            "onvif_users": {name: row["level"] for name, row in device.onvif_users.items()},
            "firewall": device.firewall.public(),
            "ntp": device.ntp,
            "rest": device.rest,
            "recordings": device.recordings,
            "ssh_users": {name: row["comment"] for name, row in device.ssh_users.items()},
        }

    def moved_to(self, address: str) -> None:
        device: Any = self
        old = device.address
        super().moved_to(address)  # type: ignore[misc]
        for row in device.tree.rows.values():
            if row.value == old:
                row.value = address

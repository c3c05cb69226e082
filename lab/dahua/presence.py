# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a simulated Dahua device is not its interface: sockets, source filter, logins, clock, cuts."""

from __future__ import annotations

import base64
import binascii
import datetime
import hmac
import ipaddress
import time
from typing import Any

from ..cuts import Sight
from ..device import Listener, Request
from ..onvif.auth import Digest, Login
from ..onvif.lockout import Lockout
from . import cgi, rpc, tables
from .users import Users

# Hours ahead of UTC by the family's own index (14 is GMT+9).
ZONES = (0, 1, 2, 3, 3.5, 4, 4.5, 5, 5.5, 5.75, 6, 6.5, 7, 8, 9, 9.5, 10, 11, 12, 13, -1, -2, -3, -3.5, -4, -5, -6, -7,
         -8, -9, -10, -11, -12)  # fmt: skip
BANNERS = {
    "Telnet": ("telnet", 2323, b"\xff\xfd\x01\xff\xfd\x1fIPC login: "),
    "SSHD": ("ssh", 2222, b"SSH-2.0-dropbear\r\n"),
}
LAB_PORTS = {80: "http", 443: "https", 554: "rtsp"}
QUIET = 60.0  # seconds in which another login of the same account from the same place makes no new log line


class DahuaPresence:
    """Mixed into the device; needs its attributes."""

    model: dict[str, Any]
    faults: set[str]
    ports: dict[str, int]
    tables: dict[str, Any]
    stored: dict[str, Any]
    factory: dict[str, Any]
    users: Users
    digest: Digest
    lockout: Lockout
    rpc: rpc.Rpc
    realm: str
    address: str

    # -- sockets -----------------------------------------------------------------------------------------------------
    def value(self, key: str, default: Any = None) -> Any:
        """What the configuration says at `key`, e.g. "RTSP.Enable"; `default` where there is no such key."""
        try:
            return tables.find(self.tables, key)
        except tables.NoSuchKey:
            return default

    def lab_port(self, port: int) -> int:
        """Where the lab opens a port of the device: privileged ones are moved up."""
        if port in LAB_PORTS:
            return self.ports[LAB_PORTS[port]]
        return port if port >= 1024 else 10000 + port

    def listeners(self) -> set[Listener]:
        if self.is_down():  # type: ignore[attr-defined]
            return set()
        found = {Listener("http", self.ports["http"])}
        if self.value("Https.Enable"):
            found.add(Listener("https", self.lab_port(self.value("Https.Port", 443))))
        if self.value("RTSP.Enable"):
            found.add(Listener("rtsp", self.lab_port(self.value("RTSP.Port", 554))))
        for table, (name, port, banner) in BANNERS.items():
            if self.value(f"{table}.Enable"):
                found.add(Listener("banner", self.ports.get(name, port), banner))
        return found

    def admits(self, peer: str) -> bool:
        if not self.value("AccessFilter.Enable"):
            return True
        if "H41" in self.faults:
            peer = self.address.rpartition(".")[0] + ".254"
        kind = self.value("AccessFilter.Type", "TrustList")
        listed = any(self._covers(entry, peer) for entry in self.value(f"AccessFilter.{kind}", []))
        return listed == (kind == "TrustList")

    def _covers(self, entry: str, peer: str) -> bool:
        """Model key `filter_networks` (default true): the filter knows 192.0.2.0/24 beside single addresses."""
        if "/" in entry and not self.model.get("filter_networks", True):
            return False
        try:
            return ipaddress.ip_address(peer) in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False

    def rtsp_login(self, user: str) -> str | None:
        return self.users.password(user) if self.initialised else None

    def rtsp_open(self) -> bool:
        return bool(self.model.get("stream_open"))

    def rtsp_attempt(self, user: str, peer: str, outcome: str) -> str:
        return self.judge(user, peer, outcome)

    # -- logins ------------------------------------------------------------------------------------------------------
    @property
    def initialised(self) -> bool:
        """False while nobody has given the device its first password."""
        return bool(self.model.get("initialised", True))

    def new_lockout(self) -> Lockout:
        return Lockout(0, 0, str(self.model.get("lockout_per", "account")))

    def judge(self, user: str, peer: str, outcome: str) -> str:
        """Count a login as the table General says; "locked" for whoever has failed too often."""
        if "H21" in self.faults:
            self.lockout.attempts, self.lockout.seconds = 3, 60.0
        else:
            on = self.value("General.LockLoginEnable", False)
            self.lockout.attempts = self.value("General.LockLoginTimes", 0) if on else 0
            self.lockout.seconds = float(self.value("General.LoginFailLockTime", 0))
        seconds = self.model.get("lockout_seconds")  # for tests that cannot wait half an hour
        self.lockout.seconds = min(self.lockout.seconds, seconds) if seconds else self.lockout.seconds
        return self.lockout.judge(self.lockout.key(peer, user), outcome)

    def tries_left(self, user: str, peer: str) -> int:
        key = self.lockout.key(peer, user)
        if not self.lockout.attempts:
            return -1
        return 0 if self.lockout.is_locked(key) else self.lockout.attempts - self.lockout._failed.get(key, 0)

    def locked(self) -> dict[str, float]:
        return self.lockout.locked()

    def check_login(self, request: Request) -> Login:
        """What the Authorization header is worth; a scheme that the device does not take is no login at all."""
        header = request.headers.get("authorization", "")
        schemes = self.model.get("auth", ("digest",))
        scheme = header.partition(" ")[0].lower()
        if scheme not in schemes or not self.initialised:
            return Login()
        self.digest.keeps_old_keys = "H42" in self.faults
        if scheme == "basic":
            login = self._basic(header)
        else:
            login = self.digest.check(header, request.method, request.path, self.users.password)
        outcome = self.judge(login.user, request.peer, login.outcome)
        return Login(login.user, outcome, login.stale)

    def _basic(self, header: str) -> Login:
        try:
            user, _unused, given = base64.b64decode(header.partition(" ")[2]).decode().partition(":")
        except (binascii.Error, ValueError):
            return Login("", "refused")
        known = self.users.password(user)
        right = known is not None and hmac.compare_digest(known.encode(), given.encode())
        return Login(user, "ok" if right else "refused")

    def challenges(self, stale: bool = False) -> list[tuple[str, str]]:
        found = self.digest.challenges(stale)
        if "basic" in self.model.get("auth", ("digest",)):
            found.append(("WWW-Authenticate", f'Basic realm="{self.realm}"'))
        return found

    def may_all(self, user: str) -> bool:
        """True for the group admin."""
        gone = "H42" in self.faults and self.users.find(user) is None
        return self.users.is_admin(user) or "H09" in self.faults or gone

    def may_read(self, user: str, name: str) -> bool:
        """The group `user` sees what belongs to live pictures only."""
        table = name.partition(".")[0].partition("[")[0]
        if table in self.model.get("withheld", ()):
            return False
        return self.may_all(user) or table in ("ChannelTitle", "VideoWidget", "Encode", "RTSP", "Locales")

    def everything(self) -> list[str]:
        """The lines of as many tables as the model tells at once; most models tell none."""
        told = list(self.tables.items())[: int(self.model.get("everything", 0))]
        return [line for name, table in told for line in tables.lines(f"table.All.{name}", table)]

    # -- clock -------------------------------------------------------------------------------------------------------
    def _zone(self) -> datetime.timedelta:
        index = self.value("NTP.TimeZone", 0)
        return datetime.timedelta(hours=ZONES[index] if 0 <= index < len(ZONES) else 0)

    def local_time(self) -> datetime.datetime:
        """The device's clock as it shows it, without a zone."""
        return (self.now() + self._zone()).replace(tzinfo=None)  # type: ignore[attr-defined]

    def set_local_time(self, wanted: datetime.datetime) -> None:
        moment = (wanted - self._zone()).replace(tzinfo=datetime.UTC)
        self.clock_offset = (moment - datetime.datetime.now(datetime.UTC)).total_seconds()

    def synchronise(self) -> None:
        """With NTP on the clock becomes right (unless the model says no server answers)."""
        if self.value("NTP.Enable") and self.value("NTP.Address") and self.model.get("ntp_answers", True):
            self.clock_offset = 0.0

    # -- cuts, moves -------------------------------------------------------------------------------------------------
    def sight(self, request: Request) -> Sight:
        path = request.path.partition("?")[0]
        if path in ("/RPC2", "/RPC2_Login"):
            names = rpc.methods_of(request.body)
            return Sight(tuple(names), any(name in rpc.WRITES for name in names), True)
        if path.startswith("/cgi-bin/"):
            call = cgi.read_call(request)
            found = cgi.ROUTES.get(call.operation)
            return Sight((call.operation,), found is not None and found.write, "authorization" in request.headers)
        return Sight((path,), False, False)

    def moved_to(self, address: str) -> None:
        super().moved_to(address)  # type: ignore[misc]
        card = self.value("Network.DefaultInterface")
        for held in (self.tables, self.stored, self.factory):
            tables.put(held, f"Network.{card}.IPAddress", address)

    def seen_lately(self, seen: dict[tuple[str, str, str], float], who: tuple[str, str, str]) -> bool:
        """True when `who` has a log line of the last minute already; else he is noted."""
        now = time.monotonic()
        lately = now - seen.get(who, -QUIET) < QUIET
        seen[who] = now if not lately else seen[who]
        return lately

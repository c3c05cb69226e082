# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated Dahua camera: configuration tables in the family's own form behind CGI and JSON.

What no source tells is model data: how an unknown table is refused (`unknown_table`: bad, denied; `unknown_set`: ok,
bad, denied), the status of an error (`error_status`), tables whose keys go one by one (`one_key`) or cannot be written
(`unsettable`), what is not there (`without`, `without_calls`), the login of the JSON side (`rpc`, `rpc_encryption`,
`rpc_cookie`, `keepalive_seconds`), tables that no login may use (`withheld`), how many getConfig name=All tells
(`everything`), `log_count`, `redirect_https`, `locked_status`, `filter_networks`, `ranges`.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import math
import re
import time
from pathlib import Path
from typing import Any

import yaml

from ..device import Device, LogEntry, Request, Response
from ..onvif.auth import Digest
from ..onvif.state import hardware_address
from . import attacks, cgi, faults, tables
from .logs import DeviceLog
from .presence import DahuaPresence
from .rpc import Rpc
from .users import Users

HERE = Path(__file__).parent
IDENTITY = {
    "type": "IPC-HDW1000",
    "vendor": "SIMULATED",
    "version": "2.800.0000000.16.R",
    "build": "2022-03-30",
    "hardware": "1.00",
    "class": "IPC",
    "cgi": "3.26",
    "onvif": "19.06",
}
# Numbers from and to, or the words that a key takes ([] stands for any place of a list).
RANGES: dict[str, list[Any]] = {
    "General.LockLoginTimes": [1, 30],
    "General.LoginFailLockTime": [30, 86400],
    "NTP.TimeZone": [0, 32],
    "NTP.Port": [1, 65535],
    "NTP.UpdatePeriod": [0, 43200],
    "RTSP.Port": [1, 65535],
    "Https.Port": [1, 65535],
    "BlindDetect[].Level": [1, 6],
    "RecordMode[].Mode": [0, 2],
    "AutoMaintain.AutoRebootDay": [-1, 7],
    "AccessFilter.Type": ["TrustList", "BannedList"],
}
MAX_TEXT = 255


class DahuaDevice(DahuaPresence, Device):
    """One device. `tables` are in force, `stored` is what power-on brings back, `pending` waits for a restart (H05)."""

    family = "dahua"
    faults_known = faults.FAULTS
    attacks = attacks.ATTACKS

    def __init__(self, name: str, address: str, model: dict[str, Any], ports: dict[str, int] | None = None) -> None:
        super().__init__(name, address, model, {**model.get("ports", {}), **(ports or {})})
        self.realm = model.get("realm") or f"Login to {hashlib.sha256(name.encode()).hexdigest()[:32]}"
        self.identity = IDENTITY | {"sn": hashlib.sha256(name.encode()).hexdigest()[:15].upper()}
        self.identity |= {key: str(value) for key, value in model.get("identity", {}).items()}
        self.factory = self._factory_tables()
        self.channels: list[dict[str, Any]] = []  # a recorder's
        self.storage: list[dict[str, Any]] = copy.deepcopy(model.get("storage", []))
        self.digest = Digest(self.realm, list(model.get("digest_algorithms", ("MD5",))))
        self.lockout = self.new_lockout()
        self.rpc = Rpc(self)
        self.device_log = DeviceLog()
        self._seen: dict[tuple[str, str, str], float] = {}
        self.reset_to_factory()

    # -- state -------------------------------------------------------------------------------------------------------
    def _factory_tables(self) -> dict[str, Any]:
        found = tables.merged(_base_tables(), self.model.get("tables", {}))
        for name in self.model.get("without", ()):
            found.pop(name, None)
        own = {f"@{name}": port for name, port in self.ports.items()}
        own |= {"@address": self.address, "@gateway": self.address.rpartition(".")[0] + ".1"}
        own["@mac"] = hardware_address(self.name)
        return _filled(found, own)

    def _factory_users(self) -> Users:
        rows = self.model.get("users") or [{"Name": "admin", "Password": "admin", "Group": "admin", "Reserved": True}]
        return Users(rows, int(self.model.get("min_password_length", 0)))

    def reset_to_factory(self, keep: list[str] | None = None) -> None:
        """As it was delivered, but the tables in `keep`."""
        kept = {name: self.tables[name] for name in keep or () if name in self.tables}
        self.tables = copy.deepcopy(self.factory) | kept
        self.users = self._factory_users()
        self.stored: dict[str, Any] = copy.deepcopy(self.tables)
        self.pending: dict[str, Any] | None = None
        for fault in sorted(self.faults):
            faults.prepare(self, fault)
        self.in_force()

    @property
    def beside(self) -> Device | None:
        """The ONVIF side, with accounts of its own; `UserGlobal.OnvifLoginCheck` says if it asks for a login."""
        return self._beside

    @beside.setter
    def beside(self, other: Device | None) -> None:
        self._beside = other
        if other is not None:
            self.in_force()

    def in_force(self) -> None:
        """What follows from the tables outside of them: the clock, and who gets in by ONVIF."""
        self.synchronise()
        if self._beside is not None:
            asks = self.value("UserGlobal.OnvifLoginCheck", True)
            (self._beside.faults.discard if asks else self._beside.faults.add)("open")

    def reset_tables(self, names: list[str]) -> None:
        for name in names:
            self.tables[name] = copy.deepcopy(self.factory[name])
        self.stored = copy.deepcopy(self.tables)
        self.in_force()

    def restarted(self) -> None:
        self.digest.forget()
        self.lockout.forget()
        self.rpc.sessions.alive.clear()
        self.tables = copy.deepcopy(self.pending or self.stored)
        self.stored, self.pending = copy.deepcopy(self.tables), None
        self.users.all = copy.deepcopy(self.users.stored)
        if "H49" in self.faults:
            self.reset_to_factory()
        self.in_force()

    def waits_for_restart(self) -> bool:
        return self.pending is not None and self.pending != self.tables

    def fault(self, name: str, on: bool = True) -> None:
        super().fault(name, on)
        if on:
            faults.prepare(self, name)

    def attack(self, name: str) -> str:
        return attacks.play(self, name)

    def force(self, key: str, value: Any) -> None:
        """Into force and into memory, whatever faults the device has; nothing where there is no such key."""
        for held in (self.tables, self.stored):
            try:
                tables.put(held, key, copy.deepcopy(value))
            except tables.NoSuchKey:
                continue
        self.in_force()

    @property
    def bootstrap_login(self) -> tuple[str, str] | None:
        """The model's, else the first administrator as the device left the factory."""
        if "bootstrap_login" in self.model:
            user, password = self.model["bootstrap_login"]
            return str(user), str(password)
        admin = next((user for user in self._factory_users().all if user["Group"] == "admin"), None)
        return (admin["Name"], admin["Password"]) if admin and self.initialised else None

    def public_state(self) -> dict[str, Any]:
        """The state without passwords."""
        shown = [self.users.shown(user) for user in self.users.all]
        return {"tables": tables.masked(self.tables), "users": shown, "waiting": self.waits_for_restart()}

    # -- configuration -----------------------------------------------------------------------------------------------
    def configure(self, pairs: list[tuple[str, str]]) -> None:
        """Write keys of the line form, all or none; raises cgi.Denied, BadValue. A key nobody knows is passed over:
        the answer is OK all the same."""
        heads = [key.partition(".")[0].partition("[")[0] for key, _unused in pairs]
        if "H12" in self.faults or (len(pairs) > 1 and set(heads) & set(self.model.get("one_key", ()))):
            raise cgi.Denied
        if set(heads) & set(self.model.get("unsettable", ())):
            raise cgi.Denied(cgi.ABSENT)
        work = self._base()
        lenient = "H13" in self.faults
        for head, (key, given) in zip(heads, pairs, strict=True):
            unknown = self.model.get("unknown_set", "ok")
            if head not in work and "H23" in self.faults:
                unknown = cgi.DENIED
            try:
                old = tables.current(work, key)
            except tables.NoSuchKey:
                if unknown != "ok":
                    raise cgi.Denied(unknown) from None
                continue
            tables.put(work, key, self._checked(key, tables.fitted(old, given, lenient)))
        self._take(work)

    def replace_table(self, name: str, tree: Any) -> None:
        """Write one table as a whole, as the JSON side does."""
        if "H12" in self.faults or name not in self.tables or name in self.model.get("unsettable", ()):
            raise cgi.Denied
        work = self._base()
        new = tables.replaced(work[name], tree, name)
        work[name] = self._all_checked(name, new)
        self._take(work)

    def _base(self) -> dict[str, Any]:
        waits = "H05" in self.faults and self.pending is not None
        return copy.deepcopy(self.pending if waits else self.tables)

    def _take(self, work: dict[str, Any]) -> None:
        if "H05" in self.faults:
            self.pending = work
            return
        self.tables = work
        if "H16" not in self.faults:
            self.stored = copy.deepcopy(work)
        self.in_force()

    def _all_checked(self, path: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._all_checked(f"{path}.{name}", inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._all_checked(f"{path}[{index}]", inner) for index, inner in enumerate(value)]
        return self._checked(path, value)

    def _checked(self, key: str, value: Any) -> Any:
        """The value as it is stored; raises BadValue outside the key's range (H13 clamps it)."""
        limits = (RANGES | self.model.get("ranges", {})).get(re.sub(r"\[\d+\]", "[]", key))
        clamps = "H13" in self.faults
        if isinstance(value, str) and len(value) > MAX_TEXT:
            if not clamps:
                raise tables.BadValue(key)
            return value[:MAX_TEXT]
        if limits is None or isinstance(value, bool):
            return value
        if isinstance(limits[0], str):
            if value not in limits:
                raise tables.BadValue(key)
        elif not limits[0] <= value <= limits[1]:
            if not clamps:
                raise tables.BadValue(key)
            return min(max(value, limits[0]), limits[1])
        return value

    # -- what the interfaces ask -------------------------------------------------------------------------------------
    def system_info(self) -> dict[str, str]:
        shown = self.identity
        found = {"deviceType": shown["type"], "processor": "S3LM", "serialNumber": shown["sn"]}
        return found | {"updateSerial": shown["type"]}

    def active_users(self, call: cgi.Call) -> list[dict[str, Any]]:
        live = {(session.user, "Web") for session in self.rpc.sessions.alive.values() if session.ready}
        found = sorted(live | {(call.user, "CGI")})
        return [
            {"name": user, "ip": call.request.peer, "group": (self.users.find(user) or {}).get("Group", ""),
             "clienttype": kind, "logintime": f"{self.local_time():%Y-%m-%d %H:%M:%S}"}
            for user, kind in found
        ]  # fmt: skip

    def camera_list(self) -> list[dict[str, Any]]:
        return []

    def camera_states(self, wanted: list[int]) -> list[dict[str, Any]]:
        return []

    def note(self, kind: str, call: cgi.Call, detail: dict[str, str]) -> None:
        """A line of the device's own log."""
        detail = {"Address": call.request.peer, **detail}
        if "H36-log" in self.faults:
            detail["Url"] = call.request.path
        self.device_log.add(self.local_time(), kind, call.user, detail)

    def logged_in(self, user: str, peer: str, kind: str, failed: bool = False) -> None:
        what = "LoginFailure" if failed else "Login"
        if not self.seen_lately(self._seen, (what, user, peer)):
            self.device_log.add(self.local_time(), what, user, {"Address": peer, "Type": kind})

    def accounts_changed(self, kind: str, call: cgi.Call, name: str) -> None:
        """An account has changed: it is kept, noted, and its sessions end (unless H42)."""
        self.users.keep()
        self.note(kind, call, {"Name": name})
        if "H42" not in self.faults and kind != "AddUser":
            self.rpc.sessions.end(name)

    # -- requests ----------------------------------------------------------------------------------------------------
    async def handle(self, request: Request) -> Response:
        path = request.path.partition("?")[0]
        entry = LogEntry(time.time(), request.peer, request.scheme, request.method, path, path, False, 0)
        if self.model.get("redirect_https") and request.scheme == "http" and self.value("Https.Enable"):
            port = self.lab_port(self.value("Https.Port", 443))
            response = Response(302, [("Location", f"https://{self.address}:{port}{request.path}")])
        elif path in ("/RPC2", "/RPC2_Login"):
            response = self.rpc.handle(request, entry)
        elif path.startswith("/cgi-bin/"):
            response = self._cgi(request, entry)
        elif path == "/":
            response = Response(200, [("Content-Type", "text/html")], b"<html><body>SIMULATED</body></html>")
        else:
            response = Response(404, [("Content-Type", "text/html")], b"Not Found")
        entry.status = response.status
        self.log.append(entry)
        return response

    def _cgi(self, request: Request, entry: LogEntry) -> Response:
        call = cgi.read_call(request)
        known = cgi.ROUTES.get(call.operation)
        entry.operation, entry.write = call.operation, known is not None and known.write
        login = self.check_login(request)
        entry.login = login.outcome
        if login.outcome != "ok":
            return self._refuse(login.user, login.outcome, login.stale, request)
        entry.user = call.user = login.user
        self.logged_in(login.user, request.peer, "CGI")
        return cgi.answer(self, call)

    def _refuse(self, user: str, outcome: str, stale: bool, request: Request) -> Response:
        if outcome == "locked":
            minutes = math.ceil(self.lockout.left(self.lockout.key(request.peer, user)) / 60)
            said = f"Error\r\nUser Locked! Please try again after {minutes} minutes."
            response = cgi.plain(said, int(self.model.get("locked_status", 401)))
        else:
            response = cgi.plain("Error\r\nInvalid Authority!", 401)
        if outcome == "refused":
            self.logged_in(user, request.peer, "CGI", failed=True)
        if response.status == 401:
            response.headers += self.challenges(stale)
        return response


@functools.cache
def _base_tables() -> dict[str, Any]:
    return yaml.safe_load((HERE / "base.yml").read_text())


def _filled(value: Any, own: dict[str, Any]) -> Any:
    """The tree with the device's own address, ports and hardware address in place of their marks."""
    if isinstance(value, dict):
        return {key: _filled(inner, own) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, own) for inner in value]
    return own.get(value, value) if isinstance(value, str) else value

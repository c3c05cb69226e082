# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated Hanwha camera: /stw-cgi with its digest login, the first password, sockets that follow the settings."""

from __future__ import annotations

import copy
import ipaddress
import time
from collections import deque
from typing import Any
from urllib.parse import parse_qsl

from ..cuts import Sight
from ..device import Device, Listener, LogEntry, Request, Response
from ..onvif.auth import Digest, Login
from ..onvif.lockout import Lockout
from . import answers, attacks, first_password, schema
from .faults import FAULTS
from .menus import SPECIAL, Call
from .schema import Refused, Submenu, invalid
from .state import HOSTILE, LOOKALIKES, SECRET_NAMES, factory_state, user

UPNP_PORT = 49152
INIT = "/init-cgi/pw_init.cgi"
ROOT = "/stw-cgi/"
BUSY_STATUS = 490  # too many sessions at once


class SunapiDevice(Device):
    """One camera. `state` is in force and shown, `stored` is what power-on brings back, `factory` what a reset does."""

    family = "sunapi"
    faults_known = FAULTS
    attacks = attacks.ATTACKS

    def __init__(self, name: str, address: str, model: dict[str, Any], ports: dict[str, int] | None = None) -> None:
        super().__init__(name, address, model, {**model.get("ports", {}), **(ports or {})})
        self.schema = schema.build(model)
        self.factory = factory_state(model, name, address, self.ports)
        self.state = copy.deepcopy(self.factory)
        self.stored = copy.deepcopy(self.factory)
        self.initialised = bool(model.get("initialised", True))
        self.logs: dict[str, deque[dict[str, str]]] = {
            kind: deque(maxlen=200) for kind in ("accesslog", "systemlog", "eventlog")
        }
        self.digest = Digest(str(model.get("realm", "iPolis")), list(model.get("digest_algorithms", ("MD5",))))
        self.lockout = self._new_lockout(0, 30)
        self._requests = 0
        self._https_at_boot = self._policy_has("HTTPS")
        for fault in sorted(self.faults):
            self._prepare(fault)

    # -- state -----------------------------------------------------------------------------------------------------
    def change(self, cgi: str, menu: str, value: Any) -> None:
        """Keep a written value, as far as the faults let it."""
        if self.lies():
            return
        if "keeps-password" in self.faults and menu == "users":
            old = {row["Index"]: row["Password"] for row in self.state["security"]["users"]}
            value = [row | {"Password": old.get(row["Index"]) or row["Password"]} for row in value]
        self.state[cgi][menu] = copy.deepcopy(value)
        if "H16" not in self.faults:
            self.stored[cgi][menu] = copy.deepcopy(value)

    def force(self, cgi: str, menu: str, value: Any) -> None:
        """Into force and into memory, whatever faults the device has."""
        for state in (self.state, self.stored):
            state[cgi][menu] = copy.deepcopy(value)

    def lies(self) -> bool:
        return "H01" in self.faults

    def merge(self, call: Call) -> Response:
        """The usual `set`: what was sent is laid over what there is; rows are found by their number."""
        cgi, menu = call.menu.cgi, call.menu.name
        values = copy.deepcopy(self.state[cgi][menu])
        if isinstance(values, list):
            number = call.given.get(call.menu.row, values[0][call.menu.row])
            rows = [row for row in values if row[call.menu.row] == number]
            if not rows:
                raise invalid(call.menu.row)
            rows[0].update(call.given)
        else:
            values.update(call.given)
        self.change(cgi, menu, values)
        return call.done()

    def generic(self, call: Call) -> Response:
        if call.action != "view":
            return self.merge(call)
        return call.view(self.told(call.menu, self.state[call.menu.cgi][call.menu.name]))

    def told(self, menu: Submenu, values: Any) -> Any:
        """What an answer names of the values, in the schema's order."""
        if isinstance(values, list):
            return [self.told(menu, row) for row in values]
        return {name: values[name] for name, one in menu.parameters.items() if one.response and name in values}

    def synchronise(self) -> None:
        date = self.state["system"]["date"]
        if date["SyncType"] == "NTP" and date["NTPURLList"] and self.model.get("ntp_answers", True):
            self.clock_offset = 0.0

    def reset_to_factory(self, keep_network: bool = False) -> None:
        kept = {"network": copy.deepcopy(self.state["network"])} if keep_network else {}
        self.state = copy.deepcopy(self.factory) | kept
        self.state["security"]["users"][0]["Password"] = ""
        self.stored = copy.deepcopy(self.state)
        self.initialised = False

    def restarted(self) -> None:
        self.digest.forget()
        self.lockout.forget()
        self.state = copy.deepcopy(self.stored)
        self._https_at_boot = self._policy_has("HTTPS")
        self._note("systemlog", "Power", "System started")

    def fault(self, name: str, on: bool = True) -> None:
        super().fault(name, on)
        if on:
            self._prepare(name)
        elif name == "H50":
            self.initialised = True

    def _prepare(self, fault: str) -> None:
        if fault == "H21" and not self.lockout.attempts:
            self.lockout = self._new_lockout(3, 60)
        elif fault == "H50":
            self.initialised = False
        elif fault == "H35":
            self._fill_slots(LOOKALIKES, admin=True)
        elif fault == "H34":
            names = list(self.model.get("hostile", HOSTILE))
            for state in (self.state, self.stored):
                fields = ("DeviceName", "DeviceLocation", "DeviceDescription", "Memo", "Model")
                state["system"]["deviceinfo"] |= dict(zip(fields, names, strict=False))
                state["network"]["upnpdiscovery"]["FriendlyName"] = names[-1]
            self._fill_slots(names, admin=False)

    def _fill_slots(self, names: list[str], admin: bool) -> None:
        """More accounts, in disabled places first; ten besides admin are all there is room for."""
        rows = copy.deepcopy(self.state["security"]["users"])
        have = {row["UserID"] for row in rows}
        used = {row["Index"] for row in rows if row["Enable"] or row["Index"] == 0}
        free = [index for index in range(1, 11) if index not in used]
        new = [name for name in dict.fromkeys(names) if name not in have]
        made = [user(index, name, "12345", admin=admin) for index, name in zip(free, new, strict=False)]
        taken = {row["Index"] for row in made}
        rows = [row for row in rows if row["Index"] not in taken] + made
        self.force("security", "users", sorted(rows, key=lambda row: row["Index"]))

    def attack(self, name: str) -> str:
        return attacks.play(self, name)

    @property
    def bootstrap_login(self) -> tuple[str, str] | None:
        """The login as the device was delivered; None while no password was set."""
        password = self.factory["security"]["users"][0]["Password"]
        return ("admin", password) if self.initialised and password else None

    def public_state(self) -> dict[str, Any]:
        """The state without secrets."""
        state = copy.deepcopy(self.state)
        for menus in state.values():
            for values in menus.values():
                for row in values if isinstance(values, list) else [values]:
                    for name in SECRET_NAMES:
                        row.pop(name, None)
        return state | {"initialised": self.initialised}

    # -- sockets ---------------------------------------------------------------------------------------------------
    def _policy_has(self, scheme: str) -> bool:
        policy = self.state["security"]["ssl"]["Policy"]
        return policy == "HTTP" or policy.startswith("HTTPand") if scheme == "HTTP" else "HTTPS" in policy

    def listeners(self) -> set[Listener]:
        if self.is_down():
            return set()
        network = self.state["network"]
        found = {Listener("rtsp", network["rtsp"]["Port"])}
        if self._policy_has("HTTP") or "H07-open" in self.faults:
            found.add(Listener("http", network["http"]["Port"]))
        if self._policy_has("HTTPS") and ("H40" not in self.faults or self._https_at_boot):
            found.add(Listener("https", network["https"]["Port"]))
        if network["upnpdiscovery"]["Enable"]:
            found.add(Listener("banner", self.ports.get("upnp", UPNP_PORT)))
        return found

    def seen_as(self, peer: str) -> str:
        return self.address.rpartition(".")[0] + ".254" if "H41" in self.faults else peer

    def admits(self, peer: str) -> bool:
        table = self.state["security"]["ipfilter"]
        try:
            source = ipaddress.ip_address(self.seen_as(peer))
        except ValueError:
            return True
        rows = [row for row in table[f"IPv{source.version}"] if row["Enable"]]
        if not rows:  # nothing to filter by; whether Allow without a row shuts everybody out is UNVERIFIED
            return not ("H41-literal" in self.faults and table["AccessType"] == "Allow")
        listed = any(source in ipaddress.ip_network(f"{row['Address']}/{row['Mask']}", strict=False) for row in rows)
        return listed == (table["AccessType"] == "Allow")

    def passwords(self, name: str) -> str | None:
        """The password of an account that may log in now."""
        if name == "guest" and self.state["security"]["guest"]["Enable"]:
            return "guest"
        rows = self.state["security"]["users"]
        return next((row["Password"] for row in rows if row["UserID"] == name and row["Enable"]), None)

    def rtsp_login(self, user: str) -> str | None:
        return self.passwords(user) if self.initialised else None

    def rtsp_open(self) -> bool:
        return self.state["security"]["rtsp"]["RTSPAuthentication"] == "Anonymous"

    def rtsp_attempt(self, user: str, peer: str, outcome: str) -> str:
        return self.lockout.judge(self.lockout.key(peer, user), outcome)

    def moved_to(self, address: str) -> None:
        super().moved_to(address)
        for state in (self.state, self.stored, self.factory):
            state["network"]["interface"]["IPv4Address"] = address

    # -- requests --------------------------------------------------------------------------------------------------
    def sight(self, request: Request) -> Sight:
        path, operation = _operation(request)
        write = operation.rpartition(".")[2] in schema.WRITING
        return Sight((operation,), write, "authorization" in request.headers or path.startswith(INIT))

    async def handle(self, request: Request) -> Response:
        path, operation = _operation(request)
        write = operation.rpartition(".")[2] in schema.WRITING
        entry = LogEntry(time.time(), request.peer, request.scheme, request.method, path, operation, write, 0)
        response = self._respond(request, path, entry)
        entry.status = response.status
        self.log.append(entry)
        return response

    def _respond(self, request: Request, path: str, entry: LogEntry) -> Response:
        self._requests += 1
        if "H23" in self.faults and self._requests % 3 == 0:
            return Response(BUSY_STATUS, [("Content-Type", "text/plain")], b"")
        as_json = answers.wants_json(request) and self.model.get("json", True)
        try:
            if path.startswith(INIT) and self.model.get("pw_init", True):
                return first_password.answer(self, request, as_json)
            if not path.startswith(ROOT):
                return Response(404, [("Content-Type", "text/html")], b"Not Found")
            refused = self._admit(request, path, entry)
            return refused or self._stw(request, path, entry, as_json)
        except Refused as error:
            if "H13" in self.faults and error.code == 602 and entry.write:
                return answers.done(as_json)
            return answers.refused(as_json, error)

    def _stw(self, request: Request, path: str, entry: LogEntry, as_json: bool) -> Response:
        rest = path[len(ROOT) :]
        if rest.startswith("attributes.cgi") and "no-attributes" not in self.faults:
            return self._attributes(rest.partition("/")[2])
        cgi = rest.removesuffix(".cgi")
        if cgi not in self.schema or not rest.endswith(".cgi"):
            return Response(404, [("Content-Type", "text/html")], b"Not Found")
        given = dict(parse_qsl(request.path.partition("?")[2], keep_blank_values=True))
        name, action = given.pop("msubmenu", ""), given.pop("action", "")
        menu = self.schema[cgi].get(name)
        if menu is None or action not in menu.actions:
            if "H02" in self.faults:
                return answers.done(as_json)
            raise schema.not_found()
        if entry.write and "H12" in self.faults:
            raise invalid()
        call = Call(menu, action, self._read(menu, action, given), request, entry.user)
        call.json = as_json
        response = SPECIAL.get((cgi, name), SunapiDevice.generic)(self, call)
        if entry.write:
            self._note("systemlog", "ConfigChange", f"{cgi}.cgi {name}")
        return response

    @staticmethod
    def _read(menu: Submenu, action: str, given: dict[str, str]) -> dict[str, Any]:
        """The parameters by the schema; a device refuses those it does not know and those it only tells."""
        read = {}
        for name, text in given.items():
            known = menu.parameters.get(name)
            if known is None or not menu.takes(known, action):
                raise invalid(name)
            read[name] = known.read(text)
        return read

    def _attributes(self, part: str) -> Response:
        if part == "attributes":
            return answers.xml(schema.attributes_xml(first_password.capabilities(self.model)))
        if part in ("", "cgis"):
            return answers.xml(schema.cgis_xml(self.schema))
        if part in self.schema:
            return answers.xml(schema.cgis_xml(self.schema, part))
        return Response(404, [("Content-Type", "text/html")], b"Not Found")

    # -- logins ----------------------------------------------------------------------------------------------------
    def _admit(self, request: Request, path: str, entry: LogEntry) -> Response | None:
        """None when the caller may do this, else the answer that refuses him."""
        if not self.initialised:
            return Response(403, [("Content-Type", "text/html")], b"Forbidden")
        login = self._login(request, entry)
        if login.outcome != "ok":
            return self._refuse(login)
        rows = self.state["security"]["users"]
        admin = any(row["AdminAccess"] for row in rows if row["UserID"] == login.user)
        reading = not entry.write and not path.startswith(ROOT + "security.")
        stays = "H42" in self.faults and self.passwords(login.user) is None
        if admin or reading or stays:
            return None
        # Not the 403 of a device without a password: this one has a challenge.
        return Response(403, [("Content-Type", "text/html"), *self.digest.challenges()], b"Forbidden")

    def _login(self, request: Request, entry: LogEntry) -> Login:
        self.digest.single_use = "H24-single-use" in self.faults
        self.digest.keeps_old_keys = "H42" in self.faults
        header = request.headers.get("authorization", "")
        login = self.digest.check(header, request.method, request.path, self.passwords) if header else Login()
        key = self.lockout.key(request.peer, login.user)
        outcome = self.lockout.judge(key, login.outcome)
        if outcome == "locked":
            login = Login(login.user, "locked")
        elif outcome == "refused":
            self._note("accesslog", "LoginFail", f"from {request.peer}")
        elif outcome == "ok":
            if entry.operation == "system.deviceinfo.view":
                self._note("accesslog", "LoginSuccess", f"from {request.peer}")
            entry.user = login.user
        entry.login = login.outcome
        return login

    def _refuse(self, login: Login) -> Response:
        if login.outcome and "H20-200" in self.faults:
            return answers.refused(False, Refused(603, "Unauthorized"))
        if login.outcome and "H20-403" in self.faults:
            return Response(403, [("Content-Type", "text/html")], b"Forbidden")
        status = int(self.model.get("lockout_status", 401)) if login.outcome == "locked" else 401
        headers = self.digest.challenges(login.stale) if status == 401 else []
        return Response(status, [("Content-Type", "text/html"), *headers], b"Unauthorized")

    def _new_lockout(self, attempts: int, seconds: float) -> Lockout:
        model = self.model
        return Lockout(
            int(model.get("lockout_attempts") or attempts), float(model.get("lockout_seconds", seconds)),
            str(model.get("lockout_per", "address")), bool(model.get("lockout_told")),
        )  # fmt: skip

    def locked(self) -> dict[str, float]:
        return self.lockout.locked()

    def _note(self, kind: str, word: str, text: str) -> None:
        self.logs[kind].append({"Date": f"{self.now():%Y-%m-%d %H:%M:%S}", "Type": word, "Description": text})


def _operation(request: Request) -> tuple[str, str]:
    """(path without query, "security.users.view"): the words of a request, which hold no secret."""
    path, _unused, query = request.path.partition("?")
    given = dict(parse_qsl(query))
    last = path.rsplit("/", 1)[-1]
    if path.startswith(ROOT + "attributes.cgi"):
        return path, f"attributes.{last.removesuffix('.cgi')}"
    words = [last.removesuffix(".cgi"), given.get("msubmenu", ""), given.get("action", "")]
    return path, ".".join(word[:40] for word in words if word) or path

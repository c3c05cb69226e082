# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated ONVIF camera: HTTP and SOAP front, logins, state with what waits for a restart, sockets."""

from __future__ import annotations

import copy
import ipaddress
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ..device import Device, Listener, LogEntry, Request, Response
from . import attacks, discovery, network, services, system  # noqa: F401  pylint: disable=unused-import
from .auth import Digest, Login, UsernameToken
from .faults import FAULTS, damage, unsupported
from .lockout import OnvifPresence
from .soap import Call, Fault, Node, check_namespaces, envelope, q, read_call
from .state import HOSTILE, LOOKALIKES, factory_state
from .table import ALLOWED, OPERATIONS, PRE_AUTH, READ_SYSTEM, Operation

SOAP_TYPE = "application/soap+xml; charset=utf-8"
RESTART_FOR = ("protocols", "hostname", "ntp", "zero_configuration", "dynamic_dns")
LIMITS = {"MaxUsers": 20, "MaxUserNameLength": 32, "MaxPasswordLength": 32, "NTP": 2}
# Listeners that ONVIF cannot switch: name -> (port in the lab, what a client is greeted with)
EXTRA = {
    "telnet": (2323, b"\xff\xfd\x18\xff\xfd\x20\r\nlogin: "),
    "ftp": (2121, b"220 FTP server ready.\r\n"),
    "ssh": (2222, b"SSH-2.0-dropbear_2012.55\r\n"),
}
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")


class OnvifDevice(OnvifPresence, Device):
    """One ONVIF device.

    `state` is what the device shows and obeys; `stored` is what it finds after power-on. A normal write goes into
    both; with H05 only into `stored`, with H16 only into `state`. `factory` is what a reset brings back.
    """

    family = "onvif"
    faults_known = FAULTS
    attacks = attacks.ATTACKS
    services: tuple[str, ...] = ("tds", "trt")

    def __init__(self, name: str, address: str, model: dict[str, Any], ports: dict[str, int] | None = None) -> None:
        super().__init__(name, address, model, {**model.get("ports", {}), **(ports or {})})
        self.factory = factory_state(model, name, address, self.ports)
        self.state = copy.deepcopy(self.factory)
        self.stored = copy.deepcopy(self.factory)
        self.system_log: dict[str, deque[str]] = {kind: deque(maxlen=200) for kind in ("System", "Access")}
        self.schemes: list[str] = list(model.get("auth", ("digest", "token")))
        self.digest = Digest(
            model.get("realm", "ONVIF"),
            list(model.get("digest_algorithms", ("MD5",))),
            model.get("digest_qop", True),
            float(model.get("nonce_seconds", 300)),
        )
        self.digest.single_use = bool(model.get("nonce_single_use"))
        self.usertoken = UsernameToken(
            model.get("token_window", 300), bool(model.get("token_nonce_cache")), bool(model.get("token_zulu"))
        )
        self.lockout = self.new_lockout(0, 1800)
        self.soap_prefix = model.get("soap_prefix", "SOAP-ENV")
        self.snapshot_path = model.get("snapshot_path", "/snapshot.jpg")
        self.channels: list[dict[str, Any]] = []  # a recorder's
        self._request_port = ("http", self.ports["http"])
        for fault in sorted(self.faults):
            self._prepare(fault)
        self.listening_at_start = self._enabled()

    # -- state -----------------------------------------------------------------------------------------------------
    def base(self, key: str) -> Any:
        """A copy of what a write starts from: the stored value when changes of this key wait for a restart."""
        return copy.deepcopy(self.stored[key] if self._waits(key) else self.state[key])

    def put(self, key: str, value: Any) -> None:
        """Keep a written value, as far as the faults let it."""
        if "H16" not in self.faults:
            self.stored[key] = copy.deepcopy(value)
        if not self._waits(key):
            self.state[key] = copy.deepcopy(value)

    def _waits(self, key: str) -> bool:
        return "H05" in self.faults and key in self.model.get("restart_for", RESTART_FOR)

    def waits_for_restart(self) -> bool:
        """True when a stored value is not in force yet."""
        return any(self._waits(key) and self._differs(key) for key in self.state)

    def limit(self, name: str) -> int:
        """A limit of the device by its capability name."""
        return int(self.model.get("limits", {}).get(name, LIMITS[name]))

    def synchronise(self) -> None:
        """With NTP on and a server known the clock becomes right (unless the model says no server answers)."""
        ntp = self.state["ntp"]
        has_server = bool(ntp["NTPManual"] or ntp["FromDHCP"])
        if self.state["datetime"]["DateTimeType"] == "NTP" and has_server and self.model.get("ntp_answers", True):
            self.clock_offset = 0.0

    def reset_to_factory(self) -> None:
        self.state, self.stored = copy.deepcopy(self.factory), copy.deepcopy(self.factory)
        for fault in sorted(self.faults):
            self._prepare(fault)

    def restarted(self) -> None:
        self.digest.forget()
        self.lockout.forget()
        self.state = copy.deepcopy(self.stored)
        if "H49" in self.faults:
            self.reset_to_factory()
        if "H49-gone" in self.faults:
            self.down_until = float("inf")
        self.listening_at_start = self._enabled()
        self._note("System", "System started")

    def fault(self, name: str, on: bool = True) -> None:
        super().fault(name, on)
        if on:
            self._prepare(name)

    def _prepare(self, fault: str) -> None:
        """What a fault changes in the state or the login at the moment it begins."""
        if fault == "H21" and not self.lockout.attempts:
            self.lockout = self.new_lockout(3, 60)
        elif fault == "H50":
            self.state["users"], self.stored["users"] = [], []
        elif fault == "H35":
            have = {user["Username"] for user in self.state["users"]}
            account = {"Password": "12345", "UserLevel": "Administrator", "fixed": False}
            for state in (self.state, self.stored):
                state["users"] += [account | {"Username": name} for name in LOOKALIKES if name not in have]
        elif fault == "H34":
            self._take_hostile_names(list(self.model.get("hostile", HOSTILE)))

    def _take_hostile_names(self, names: list[str]) -> None:
        def nth(index: int) -> str:
            return names[index % len(names)]

        for state in (self.state, self.stored):
            state["information"] |= {"Manufacturer": nth(0), "Model": nth(1)}
            state["hostname"]["Name"] = nth(2)
            scopes = [{"ScopeDef": "Configurable", "ScopeItem": f"onvif://www.onvif.org/name/{nth(i)}"} for i in (0, 1)]
            state["scopes"] += [scope for scope in scopes if scope not in state["scopes"]]
            have = {user["Username"] for user in state["users"]}
            state["users"] += [
                {"Username": name, "Password": "12345", "UserLevel": "User", "fixed": False}
                for name in dict.fromkeys(names)
                if name not in have
            ]

    def attack(self, name: str) -> str:
        done = attacks.play(self, name)
        self.listening_at_start = self._enabled()
        return done

    # -- what the lab shows of it ----------------------------------------------------------------------------------
    @property
    def bootstrap_login(self) -> tuple[str, str] | None:
        """The model's, else the first administrator as the device left the factory; None when there is none."""
        if "bootstrap_login" in self.model:
            user, password = self.model["bootstrap_login"]
            return str(user), str(password)
        admins = [user for user in self.factory["users"] if user["UserLevel"] == "Administrator"]
        return (admins[0]["Username"], admins[0]["Password"]) if admins and "H50" not in self.faults else None

    def public_state(self) -> dict[str, Any]:
        """The state without passwords; `waiting` are keys whose stored value needs a restart."""
        state = copy.deepcopy(self.state)
        for user in state["users"]:
            del user["Password"]
        return state | {"waiting": [key for key in self.state if self._waits(key) and self._differs(key)]}

    def _differs(self, key: str) -> bool:
        return self.stored[key] != self.state[key]

    # -- sockets ---------------------------------------------------------------------------------------------------
    def _enabled(self) -> set[str]:
        return {protocol["Name"] for protocol in self.state["protocols"] if protocol["Enabled"]}

    def service_port(self, name: str) -> int:
        return self.ports.get(name, EXTRA[name][0])

    def listeners(self) -> set[Listener]:
        if self.is_down():
            return set()
        found = set()
        for protocol in self.state["protocols"]:
            name = protocol["Name"]
            open_now = protocol["Enabled"] or "H07-open" in self.faults
            if name == "HTTPS" and "H40" in self.faults and "HTTPS" not in self.listening_at_start:
                open_now = False
            if name == "RTSP" and "H07-closed" in self.faults:
                open_now = False
            if open_now:
                found |= {Listener(name.lower(), port) for port in protocol["Port"]}
        for name, is_open in self.state["extra_services"].items():
            if is_open:
                found.add(Listener("banner", self.service_port(name), EXTRA[name][1]))
        if self._discoverable():
            found.add(Listener("discovery", self.ports.get("discovery", 3702)))
        return found

    def admits(self, peer: str) -> bool:
        rules = self.state["ip_filter"]
        if "H41" in self.faults:
            peer = self.address.rpartition(".")[0] + ".254"
        try:
            source = ipaddress.ip_address(peer)
        except ValueError:
            return True
        listed = any(
            source in ipaddress.ip_network(f"{entry['Address']}/{entry['PrefixLength']}", strict=False)
            for entry in rules[f"IPv{source.version}Address"]
        )
        return listed == (rules["Type"] == "Allow")

    def _discoverable(self) -> bool:
        return self.state["discovery_mode"] == "Discoverable" or "H07-open" in self.faults

    def discovery_answer(self, probe: bytes, peer: str) -> bytes | None:
        if self.is_down() or not self._discoverable() or not self.admits(peer):
            return None
        return discovery.answer(self, probe)

    def rtsp_login(self, user: str) -> str | None:
        return next((found["Password"] for found in self.state["users"] if found["Username"] == user), None)

    def rtsp_open(self) -> bool:
        return self._open() or bool(self.model.get("stream_open"))

    def _open(self) -> bool:
        return "open" in self.faults or ("H50" in self.faults and not self.state["users"])

    # -- addresses the device gives out ----------------------------------------------------------------------------
    def uri(self, path: str) -> str:
        """An address of this device, by the scheme and port the request came in."""
        scheme, port = self._request_port
        return f"{scheme}://{self._host()}:{port}{path}"

    def stream_uri(self, profile: str) -> str:
        port = next((p["Port"][0] for p in self.state["protocols"] if p["Name"] == "RTSP"), self.ports["rtsp"])
        return f"rtsp://{self._host()}:{port}/{profile}"

    def _host(self) -> str:
        return "192.0.2.99" if "xaddr-elsewhere" in self.faults else self.address

    # -- requests --------------------------------------------------------------------------------------------------
    async def handle(self, request: Request) -> Response:
        self._request_port = (request.scheme, request.port)
        path = request.path.partition("?")[0]
        entry = LogEntry(time.time(), request.peer, request.scheme, request.method, path, "", False, 0)
        if "H24-accept" in self.faults and "accept" in request.headers:
            response = Response(400, [("Content-Type", "text/html")], b"Bad Request")
        elif path.startswith("/onvif/") and not path.startswith("/onvif/log/"):
            response = self._soap(request, entry)
        else:
            response = self._page(request, path, entry)
        entry.status = response.status
        self.log.append(entry)
        return response

    def _page(self, request: Request, path: str, entry: LogEntry) -> Response:
        """Everything but SOAP: the snapshot, the logs, the web interface. Only HTTP digest is a login here."""
        pages: dict[str, Callable[[], tuple[str, bytes]]] = {
            self.snapshot_path: lambda: ("image/jpeg", JPEG),
            "/": lambda: ("text/html; charset=utf-8", b"<html><body>SIMULATED</body></html>"),
            "/onvif/log/system": lambda: ("text/plain", "\n".join(self.system_log["System"]).encode()),
            "/onvif/log/access": lambda: ("text/plain", "\n".join(self.system_log["Access"]).encode()),
        }
        entry.operation = path
        if path not in pages or request.method not in ("GET", "HEAD"):
            return Response(404, [("Content-Type", "text/html")], b"Not Found")
        is_open = self._open() or (path == self.snapshot_path and self.model.get("snapshot_open"))
        if not is_open:
            login = self._login(request, None, entry)
            if login.outcome != "ok":
                headers = self.digest.challenges(login.stale)
                return Response(401, [("Content-Type", "text/html"), *headers], b"Unauthorized")
        kind, body = pages[path]()
        return Response(200, [("Content-Type", kind)], body)

    def _soap(self, request: Request, entry: LogEntry) -> Response:
        if request.method != "POST":
            return Response(405, [("Content-Type", "text/html")], b"Method Not Allowed")
        try:
            call = read_call(request.body)
        except Fault as fault:
            return self._fault(fault)
        entry.operation = call.operation
        operation = self._find(call)
        entry.write = operation.writes if operation else not call.operation.startswith("Get")
        try:
            refused = self._admit(request, call, operation, entry)
            if refused is not None:
                return refused
            if operation is None:
                return self._unsupported(call)
            check_namespaces(call)
            return self._answer(call, operation)
        except Fault as fault:
            return self._fault(fault)

    def _find(self, call: Call) -> Operation | None:
        operation = OPERATIONS.get((call.service, call.operation))
        known = self.model.get("operations")
        if operation is None or call.service not in self.services or call.operation in self.model.get("without", ()):
            return None
        if operation.needs and not self.model.get(operation.needs):
            return None
        return None if known is not None and call.operation not in known else operation

    def _unsupported(self, call: Call) -> Response:
        dialects = self.model.get("unsupported", {"default": "action"})
        dialect = dialects.get(call.operation, dialects.get("default", "action"))
        if "H02" in self.faults:
            dialect = "empty"
        if dialect == "close":
            return Response(cut="close")
        status, kind, body = unsupported(dialect, call.service, call.operation)
        return self._finish(status, body, kind)

    def _answer(self, call: Call, operation: Operation) -> Response:
        children: Node | list[Node] | None = None
        if not (operation.writes and "H01" in self.faults):
            children = operation.handler(self, call)
        elif operation.name == "SystemReboot":
            children = Node("tds:Message", "Rebooting")
        response = Node(f"{call.service}:{call.operation}Response", children)
        if operation.writes:
            self._note("System", f"{call.operation} done")
            announced = self.model.get("announce_restart") and self.waits_for_restart()
            if announced and not any(child.tag == "tds:RebootNeeded" for child in response.children):
                # ONVIF has this word in two answers only; a device that tells it elsewhere extends the answer.
                response.children.append(Node("tds:RebootNeeded", True))
        if "H30-order" in self.faults:
            response = response.reversed_children()
        body = envelope(response, self.soap_prefix, flat=bool(self.model.get("one_namespace")))
        return self._finish(200, body, wrote=operation.writes)

    def _finish(self, status: int, body: bytes, kind: str = "", wrote: bool = False) -> Response:
        kind = kind or self.model.get("content_type", SOAP_TYPE)
        if "empty-body" in self.faults:
            status = 200
        return Response(status, [("Content-Type", kind)], damage(self.faults, body, wrote))

    def _fault(self, fault: Fault) -> Response:
        return self._finish(200 if "H12" in self.faults else fault.status, fault.message(self.soap_prefix))

    # -- logins ----------------------------------------------------------------------------------------------------
    def _accepted_schemes(self) -> list[str]:
        return ["token"] if self.faults & {"H25", "H24-nochallenge"} else self.schemes

    def _admit(self, request: Request, call: Call, operation: Operation | None, entry: LogEntry) -> Response | None:
        """None when the caller may do this, else the answer that refuses him."""
        # An operation this device lacks is refused as the one it would be; one ONVIF does not know wants a login.
        meant = operation or OPERATIONS.get((call.service, call.operation))
        access = meant.access if meant else READ_SYSTEM
        if access == PRE_AUTH and call.operation not in self.model.get("login_for", ()):
            return None
        if self._open() or (call.operation == "GetUsers" and "H04" in self.faults):
            return None
        login = self._login(request, call, entry)
        if login.outcome != "ok":
            return self._refuse(login)
        level = next((user["UserLevel"] for user in self.state["users"] if user["Username"] == login.user), "")
        if level in ALLOWED.get(access, ALLOWED[READ_SYSTEM]) or "H09" in self.faults:
            return None
        if "H42" in self.faults and not level:
            return None
        if self.model.get("low_level_status") == 403:
            raise Fault("Sender", "OperationProhibited", reason="Not permitted for this user", status=403)
        raise Fault("Sender", "NotAuthorized", reason="Sender not authorized")

    def _login(self, request: Request, call: Call | None, entry: LogEntry) -> Login:
        """Check what the request carries. HTTP first, then the SOAP header (Core 5.9.1)."""
        schemes = self._accepted_schemes() if call else ["digest"]
        self._adjust_login()
        header = request.headers.get("authorization")
        login = Login()
        if header and "digest" in schemes:
            login = self.digest.check(header, request.method, request.path, self.rtsp_login)
        elif call and "token" in schemes:
            login = self.usertoken.check(call.header, self.now(), self.rtsp_login)
        elif call and call.header is not None and call.header.find(q("wsse:Security")) is not None:
            if self.model.get("must_understand"):
                raise Fault("MustUnderstand", reason="Header not understood")
        key = self.lockout.key(request.peer, login.user)
        outcome = self.lockout.judge(key, login.outcome)
        if outcome == "locked":
            login = Login(login.user, "locked", told=self.lockout.sentence(key) if self.lockout.told else "")
        elif outcome == "refused":
            self._note("Access", f"login of {login.user} from {request.peer} failed")
        elif outcome == "ok":
            entry.user = login.user
        entry.login = login.outcome
        return login

    def _adjust_login(self) -> None:
        once = self.faults & {"H24-single-use", "H24-replay"}
        self.digest.single_use = bool(once or self.model.get("nonce_single_use"))
        self.digest.hides_stale = "H24-replay" in self.faults
        self.digest.keeps_old_keys = "H42" in self.faults
        self.digest.algorithms = (
            ["SHA-1"] if "H24-sha1" in self.faults else list(self.model.get("digest_algorithms", ("MD5",)))
        )
        self.usertoken.window = 5.0 if "H25" in self.faults else self.model.get("token_window", 300)

    def _refuse(self, login: Login) -> Response:
        """401 with challenges where HTTP digest is spoken, 400 from a device that knows only the token."""
        schemes = self._accepted_schemes()
        reason = login.told or "Sender not authorized"
        if self.model.get("tells_attempts") and login.outcome == "refused":
            reason = "Invalid username or password!"
        subcodes = () if self.model.get("bare_401") else ("NotAuthorized",)
        status = 401 if "digest" in schemes or "H24-nochallenge" in self.faults else 400
        for name in self.faults & {"H20-400", "H20-403", "H20-200"}:
            # Only a wrong login: without the challenge for an empty one nobody could ever log in by digest.
            status = int(name[4:]) if login.outcome or "digest" not in schemes else status
        fault = Fault("Sender", *subcodes, reason=reason)
        response = self._finish(status, fault.message(self.soap_prefix))
        if "digest" in schemes and response.status == 401:
            response.headers += self.digest.challenges(login.stale)
        return response

    def _note(self, kind: str, text: str) -> None:
        self.system_log[kind].append(f"{self.now():%Y-%m-%dT%H:%M:%SZ} {text}")

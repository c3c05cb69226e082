# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated AXIS device: front door (logins, routes, faults), state, restart and reset."""

from __future__ import annotations

import asyncio
import copy
import email.utils
import hashlib
import time
import uuid
from collections import deque
from typing import Any

from ..device import Device, LogEntry, Request, Response
from ..onvif.auth import Digest, Login
from . import attacks, cgi, jsoncgi, jsonnetwork, jsonsettings, onvif, rest, restapis, soap  # noqa: F401  pylint: disable=unused-import
from .accounts import MUST_SET_UP, Accounts
from .ask import ADMIN, ANYONE, Ask, Route, merged, not_found, page
from .faults import FAULTS, VapixFaults
from .firewall import Firewall
from .login import Door, Throttle
from .presence import VapixPresence
from .tree import Tree

RESTART_DELAY = 0.2  # seconds between the answer to a restart request and the restart
# What a soft factory default keeps (fact sheet 21)
SOFT_KEEPS = (
    "Network.IPAddress", "Network.BootProto", "Network.SubnetMask", "Network.Broadcast", "Network.DefaultRouter",
    "Network.Interface.I0.dot1x", "Time",
)  # fmt: skip

ADDRESS_PARAMETERS = ("Network.BootProto", "Network.IPAddress", "Network.DefaultRouter")


class VapixDevice(VapixFaults, VapixPresence, Device):
    """One AXIS device. `tree` holds the parameters, `accounts` the accounts of the web API, `onvif_users` those of
    ONVIF; `ntp`, `recordings`, `rest` and `firewall` what is no parameter. Everything lives in flash at once, unless
    the fault H16 holds."""

    family = "vapix"
    faults_known = FAULTS
    attacks = attacks.ATTACKS

    def __init__(self, name: str, address: str, model: dict[str, Any], ports: dict[str, int] | None = None) -> None:
        model = with_base(model)
        own = {"ssh": 2222, "ftp": 2121, "rtsps": 8322, "upnp": 49153, "discovery": 3702}
        super().__init__(name, address, model, {**own, **(model.get("ports") or {}), **(ports or {})})
        self.clock = time.monotonic
        self.serial = str(model.get("serial") or "02" + hashlib.sha256(name.encode()).hexdigest()[:10]).upper()
        self.model["rtsp_realm"] = f"AXIS_{self.serial}"
        self.restart_at = 0.0
        self.lose_answer = False
        self._load()

    # -- state -----------------------------------------------------------------------------------------------------
    @property
    def firmware(self) -> str:
        return self.tree.get("Properties.Firmware.Version")

    @property
    def mac(self) -> str:
        return ":".join(self.serial[i : i + 2] for i in range(0, 12, 2))

    def _load(self) -> None:
        """Everything as the model says."""
        model = copy.deepcopy(self.model)
        front = self.address.rpartition(".")[0]
        places = {
            "serial": self.serial, "serial_lower": self.serial.lower(), "mac": self.mac, "address": self.address,
            "broadcast": f"{front}.255", "gateway": f"{front}.1",
        }  # fmt: skip
        self.tree = Tree.load(str(model["tree"]), places)
        self.tree.atomic = bool(model.get("update_atomic"))
        for pattern in model.get("without") or ():
            self.tree.remove(pattern)
        for line in model.get("parameters") or ():
            self.tree.add(line, places)
        self.tree.sort()
        self._identify(model)
        if model.get("moved_ports", True):  # the device says itself where the lab has moved its privileged ports to
            for parameter, port in (
                ("System.BoaPort", "http"), ("HTTPS.Port", "https"), ("Network.RTSP.Port", "rtsp"),
                ("Network.RTSPS.Port", "rtsps"),
            ):  # fmt: skip
                self.tree.put(parameter, str(self.ports[port]))
        for parameter, value in (model.get("values") or {}).items():
            if parameter not in self.tree.rows:
                raise KeyError(f"values: no parameter {parameter!r} in tree {model['tree']}")
            self.tree.put(parameter, str(value))
        self.accounts = Accounts(model)
        self.onvif_users = dict(model.get("onvif_users") or {})
        self.recordings: list[dict[str, Any]] = list(model.get("recordings") or ())
        self.ntp = jsoncgi.ntp_state(self)
        self.time_zone = str(model.get("time_zone", ""))  # an IANA name, "" where a POSIX zone was set
        self.ssh_users: dict[str, dict[str, str]] = {}
        self.rest: dict[str, Any] = merged(rest.start_state(self), model.get("rest_state") or {})
        self.firewall = Firewall(self.seconds, model.get("firewall") or {})
        self._mark_setup()
        realm = self.model["rtsp_realm"]
        self.door = Door(Digest(realm, ["MD5"], self.tree.is_on("Network.HTTP.AuthenticationWithQop")))
        self.throttle = Throttle(self.tree)
        self.onvif_door = onvif.new_door()
        self.system_log: deque[str] = deque(maxlen=300)
        self.access_log: deque[str] = deque(maxlen=300)
        self.https_at_start = self.tree.is_on("HTTPS.Enabled")
        self.booted, self.bootid = time.monotonic(), str(uuid.uuid4())
        self._flash: dict[str, Any] | None = None
        self.note("SIMULATED system started")
        for fault in sorted(self.faults):
            self.fault_switched(fault, True)

    def _identify(self, model: dict[str, Any]) -> None:
        """Names and versions where the model is another product than the recorded one."""
        old = {key: self.tree.get(f"Brand.{key}") for key in ("ProdFullName", "ProdShortName", "ProdNbr", "ProdType")}
        for key, value in (model.get("brand") or {}).items():
            self.tree.put(f"Brand.{key}", str(value))
        facts = {
            "Properties.Firmware.Version": "firmware", "Properties.Firmware.BuildDate": "build_date",
            "Properties.System.HardwareID": "hardware", "Properties.System.Architecture": "architecture",
            "Properties.System.Soc": "soc",
        }  # fmt: skip
        for parameter, key in facts.items():
            if key in model:
                self.tree.put(parameter, str(model[key]))
        for parameter in ("Network.Bonjour.FriendlyName", "Network.UPnP.FriendlyName"):
            friendly = self.tree.get(parameter).replace(old["ProdShortName"], self.tree.get("Brand.ProdShortName"))
            self.tree.put(parameter, friendly)

    def _mark_setup(self) -> None:
        word = "no" if self.accounts.needs_setup else "yes"
        self.tree.put("System.RootPwdSet", word)
        self.tree.put("Properties.API.Browser.RootPwdSetValue", word)

    def keep(self, force: bool = False) -> None:
        """Write everything into flash; with H16 only `force` does."""
        if force or "H16" not in self.faults:
            state = [getattr(self, name) for name in _KEPT]
            self._flash = None if "H16" not in self.faults else copy.deepcopy(dict(zip(_KEPT, state, strict=True)))

    def seconds(self) -> float:
        """What the firewall's trial counts by; a test puts another clock in its place."""
        return self.clock()

    def note(self, text: str) -> None:
        """A line of the system log."""
        host = self.tree.get("Network.HostName")
        self.system_log.append(f"{self.now():%Y-%m-%dT%H:%M:%S.000+00:00} {host} [ INFO    ] {text}")

    def params_changed(self, names: list[str], before: dict[str, str]) -> None:
        """The daemons take the new values of these parameters."""
        for name in names:
            if name == "Network.HTTP.AuthenticationWithQop":
                self.door.digest.qop = self.tree.is_on(name)
            elif name in ("Network.HostName", "Network.VolatileHostName.HostName"):
                self.tree.put("Network.VolatileHostName.HostName", self.tree.get("Network.HostName"))
            elif name in ADDRESS_PARAMETERS:
                self.apply_address()
            elif name == "Time.POSIXTimeZone":
                self.time_zone = ""
            elif name == "Time.ObtainFromDHCP":
                self.ntp["serversSource"] = "DHCP" if self.tree.is_on(name) else "static"
            elif name == "Time.NTP.Server":
                server = self.tree.get(name)
                self.ntp["staticServers"] = [server] if server not in ("", "0.0.0.0") else []
            elif name.startswith(("Network.DNSServer", "Network.Resolver.")):
                self.apply_resolver()
        if names:
            self.synchronise()

    def apply_resolver(self) -> None:
        """Network.Resolver.* shows what is in force."""
        if not self.tree.is_on("Network.Resolver.ObtainFromDHCP"):
            servers = [self.tree.get(f"Network.DNSServer{i}") for i in (1, 2)]
            servers = ["" if server == "0.0.0.0" else server for server in servers]
            for number, server in enumerate(servers, 1):
                self.tree.put(f"Network.Resolver.NameServer{number}", server)
            self.tree.put("Network.Resolver.NameServerList", " ".join(filter(None, servers)))

    def apply_address(self) -> None:
        """A static address is in force; with DHCP the lab's own is."""
        static = self.tree.get("Network.BootProto") != "dhcp"
        self.tree.put("Network.eth0.IPAddress", self.tree.get("Network.IPAddress") if static else self.address)
        if static:
            self.tree.put("Network.Routing.DefaultRouter", self.tree.get("Network.DefaultRouter"))

    def synchronise(self) -> None:
        """With NTP on and a server known the clock becomes right (unless the model says no server answers)."""
        if self.tree.get("Time.SyncSource") == "NTP" and self.ntp_servers() and self.model.get("ntp_answers", True):
            self.clock_offset = 0.0

    def ntp_servers(self) -> list[str]:
        if self.ntp["serversSource"] == "DHCP" and self.ntp["advertisedServers"]:
            return self.ntp["advertisedServers"]
        return self.ntp["staticServers"]

    # -- requests --------------------------------------------------------------------------------------------------
    async def handle(self, request: Request) -> Response:
        self.tick()
        ask = Ask.of(request)
        route = self.route(ask)
        entry = LogEntry(time.time(), request.peer, request.scheme, request.method, ask.path, "", False, 0)
        entry.operation = route.operation(ask) if route else ask.path
        entry.write = bool(route and route.writes(ask))
        response = self._front(ask, route, entry)
        # A server with a clock says the time with each answer (RFC 9110 6.6.1).
        response.headers.append(("Date", email.utils.format_datetime(self.now(), usegmt=True)))
        if self.lose_answer:
            self.lose_answer, response.cut = False, "close"
        entry.status = response.status
        self.log.append(entry)
        if self.tree.is_on("System.AccessLog") and entry.login:
            outcome = "authenticated" if entry.login == "ok" else "authentication failure"
            self.access_log.append(f"{self.now():%Y-%m-%dT%H:%M:%SZ} {request.peer} {outcome} {ask.path}")
        await asyncio.sleep(0)
        return response

    def route(self, ask: Ask) -> Route | None:
        """Who answers this path; None when this device has nothing there."""
        if ask.path.startswith("/axis-cgi/"):
            name = ask.path.removeprefix("/axis-cgi/")
            if name in self.model.get("without_cgis", ()):
                return None
            return jsoncgi.route(self, name) or cgi.TEXT_CGIS.get(name)
        if ask.path.startswith("/config/"):
            return rest.route(self, ask)
        if ask.path == "/vapix/services":
            return soap.ROUTE
        if ask.path.startswith("/onvif/"):
            return onvif.route(self, ask)
        if ask.path in ("/", "/index.html") and not self.tree.is_on("System.WebInterfaceDisabled"):
            return Route(ANYONE, lambda device, asked: page("<html><body>SIMULATED</body></html>\n", "text/html"),
                         lambda asked: asked.path)  # fmt: skip
        return None

    def _front(self, ask: Ask, route: Route | None, entry: LogEntry) -> Response:
        secure = ask.request.scheme == "https"
        if not self.scheme_allowed(secure):
            return self.wrong_scheme(ask)
        if route is None and not ask.path.startswith(("/axis-cgi/", "/config/", "/vapix/")):
            return not_found(ask.path)
        level = route.needs(ask) if isinstance(route, jsoncgi.JsonRoute) else route.level if route else ADMIN
        if route is not None and level == ANYONE:
            return self._act(ask, route)
        if self.accounts.needs_setup:
            return self._set_up(ask, entry)
        if route is not None and self._open(ask):
            ask.level = level
            return self._act(ask, route)
        login = self._login(ask, entry)
        if login.outcome != "ok":
            return self._refuse(ask, login)
        if not self.scheme_allowed(secure, self.accounts.users[login.user].role):
            return self.wrong_scheme(ask)
        ask.user, ask.level = login.user, ADMIN if "H09" in self.faults else self.accounts.level(login.user)
        if route is None:
            return rest.not_there(ask) if ask.path.startswith("/config/") else not_found(ask.path)
        if ask.level < level:
            return self._refuse(ask, Login(login.user, "refused"))
        return self._act(ask, route)

    def _open(self, ask: Ask) -> bool:
        if ask.path == "/axis-cgi/jpg/image.cgi":
            return self.tree.get("System.BoaProtViewer") == "anonymous"
        return "H04" in self.faults and ask.path == "/axis-cgi/pwdgrp.cgi" and ask.fields.get("action") == "get"

    def _act(self, ask: Ask, route: Route) -> Response:
        if route.writes(ask):
            if "H12" in self.faults and route.refusal:
                return route.refusal(self, ask)
            if "H01" in self.faults and route.taken:
                return route.taken(self, ask)
            response = route.answer(self, ask)
            self.keep()
            self._mark_setup()
            return response
        return route.answer(self, ask)

    def _set_up(self, ask: Ask, entry: LogEntry) -> Response:
        """Factory-new: one call works without a login, everything else is refused with this text."""
        if ask.path != "/axis-cgi/pwdgrp.cgi":
            return page(MUST_SET_UP, status=401)
        text, done = self.accounts.first(ask.fields)
        self._mark_setup()
        entry.user = ""
        return page(text, "text/html" if done else "text/plain", 200 if done or text.startswith("Error: c") else 401)

    # -- logins ----------------------------------------------------------------------------------------------------
    @property
    def policy(self) -> str:
        return self.tree.get("Network.HTTP.AuthenticationPolicy", "digest")

    def _login(self, ask: Ask, entry: LogEntry) -> Login:
        request = ask.request
        header = request.headers.get("authorization", "")
        if not header:
            return Login()
        secure = request.scheme == "https"
        login = self.door.check(
            header, request.method, request.path, self.policy, secure, self.accounts.password
        )  # fmt: skip
        outcome = self.throttle.judge(request.peer, ask.path, login.outcome)
        entry.login = outcome
        if outcome == "ok":
            entry.user = login.user
        elif outcome == "refused":
            self.note(f"SIMULATED: a login from {request.peer} failed")
        return Login(login.user, outcome, login.stale)

    def _refuse(self, ask: Ask, login: Login) -> Response:
        if login.outcome == "locked" and self.model.get("throttle_answer") == "close":
            return Response(cut="close")
        body = "<HTML><HEAD><TITLE>401 Unauthorized</TITLE></HEAD>\n<BODY><H1>401 Unauthorized</H1>\n</BODY></HTML>\n"
        response = page(body, "text/html", 401)
        response.headers += self.door.challenges(self.policy, ask.request.scheme == "https", login.stale)
        return response

    # -- restart and reset -----------------------------------------------------------------------------------------
    def restart_soon(self) -> None:
        """The answer goes out first."""
        self.restart_at = time.monotonic() + RESTART_DELAY

    def restarted(self) -> None:
        if self._flash is not None:
            for key, value in copy.deepcopy(self._flash).items():
                setattr(self, key, value)
            self.throttle.tree = self.tree
        self.restart_at = 0.0
        self.door.digest.forget()
        self.throttle.forget()
        self.firewall.forget()
        if "H49" in self.faults:
            self._load()
        self.https_at_start = self.tree.is_on("HTTPS.Enabled")
        self.booted, self.bootid = time.monotonic(), str(uuid.uuid4())
        self.note("SIMULATED system started")

    def factory_default(self, hard: bool) -> None:
        """No account is left; a soft default keeps addresses, time and 802.1X."""
        kept = {} if hard else {n: v for n, v in self.tree.values().items() if n.startswith(SOFT_KEEPS)}
        self.model["users"], self.model["values"] = None, None
        self._load()
        for name, value in kept.items():
            self.tree.put(name, value)
        self.restart_soon()

    def rest_verb(self, verb: str) -> str:
        """Up to OS 11.10 setting and acting were PUT."""
        return "PUT" if self.model.get("rest_put") and verb in ("PATCH", "POST") else verb

    def attack(self, name: str) -> str:
        return attacks.play(self, name)


_KEPT = ("tree", "accounts", "recordings", "ntp", "rest", "time_zone")


def with_base(model: dict[str, Any]) -> dict[str, Any]:
    """The model laid over the one that its key `base` names."""
    if "base" not in model:
        return copy.deepcopy(model)
    from ..site import resolve_model

    own = {key: value for key, value in model.items() if key != "base"}
    whole = merged(with_base(resolve_model(model["base"], "127.77.0")), copy.deepcopy(own))
    for key in ("json", "rest"):  # null takes an API away
        if whole.get(key):
            whole[key] = {name: version for name, version in whole[key].items() if version is not None}
    return whole

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated i-PRO camera: ONVIF and the maker's plain-text calls over one list of accounts.

Administrator, camera control and live only are ONVIF's Administrator, Operator and User. What only the web page sets is
in `state["web"]`; set_web() is the person at that page. Model keys beside ONVIF's: `web` (what differs there),
`enhanced_security` (an Accept header wants a random number), `randomnum_seconds`, `lockout_window`, `registered`
(false: nobody has made the first administrator), `https_key` (false: HTTPS cannot be switched on), `applications`,
`old`.
"""

from __future__ import annotations

import base64
import binascii
import copy
import secrets
import time
from typing import Any

from ..cuts import Sight
from ..device import LogEntry, Request, Response
from ..onvif import attacks as onvif_attacks
from ..onvif.auth import Login
from ..onvif.device import OnvifDevice
from ..onvif.lockout import Lockout
from ..onvif.soap import Call, Fault
from ..onvif.state import HOSTILE
from ..onvif.table import ACTUATE, READ_MEDIA, READ_SYSTEM, Operation
from .answers import WindowLockout, arguments, page
from .cgi import CALLS, LIVE, Cgi

LEVELS = {"Administrator": 1, "Operator": 2, "User": 3}
# What the web page alone sets. Cameras come with user authentication on (the first account is forced).
WEB = {
    "user_auth": True,
    "auth_method": "digest_basic",  # or "digest"
    "unregistered_users": False,
    "cloud": True,
    "upnp": False,
    "snmp": True,
    "ftp": False,
    "srtp": False,
    "alteration_detection": False,
    "sd_recording": True,
    "sd_recording_2": False,
}
MAX_UIDS = 16


class IproCamera(OnvifDevice):
    family = "ipro"
    faults_known = OnvifDevice.faults_known | {
        "randomnum-once": "a random number is good for one request only",
        "user-auth-off": "user authentication is off: what operators and viewers may do is open to anybody",
    }
    attacks = OnvifDevice.attacks | {
        "auth-off": "user authentication is switched off on the web page",
        "cloud-on": "the connection to the maker's cloud service is switched on on the web page",
    }

    def __init__(self, name: str, address: str, model: dict[str, Any], ports: dict[str, int] | None = None) -> None:
        super().__init__(name, address, model, ports)
        own = {
            "web": WEB | copy.deepcopy(model.get("web", {})),
            "cam_title": str(model.get("cam_title", model.get("model", ""))),
        }
        for state in (self.factory, self.state, self.stored):
            state.update(copy.deepcopy(own))
        if not model.get("registered", True):
            for state in (self.factory, self.state, self.stored):
                state["users"] = []
        self.uids: dict[str, None] = {}
        self._random, self._random_since = "", 0.0
        for fault in sorted(self.faults):
            self._prepare(fault)

    # -- state -------------------------------------------------------------------------------------------------------
    def set_web(self, **changes: Any) -> None:
        """What somebody does on the camera's own web page."""
        unknown = changes.keys() - WEB.keys()
        if unknown:
            raise KeyError(f"{self.name}: the web page has no {', '.join(sorted(unknown))}")
        for state in (self.state, self.stored):
            state["web"] |= changes

    def register(self, user: str, password: str) -> None:
        """Make the first administrator, as the web page demands at the first visit."""
        account = {"Username": user, "Password": password, "UserLevel": "Administrator", "fixed": False}
        for state in (self.state, self.stored):
            state["users"] = [dict(account)]

    def has_protocol(self, name: str) -> bool:
        return any(protocol["Name"] == name for protocol in self.state["protocols"])

    def new_lockout(self, attempts: int, seconds: float) -> Lockout:
        model = self.model
        window = float(model.get("lockout_window", 10))
        attempts = int(model.get("lockout_attempts") or attempts)
        return WindowLockout(attempts, float(model.get("lockout_seconds", seconds)), window)

    def reset_to_factory(self) -> None:
        """Nobody is registered any more: the web page asks for the first administrator again."""
        super().reset_to_factory()
        for state in (self.state, self.stored):
            state["users"] = []

    def restarted(self) -> None:
        self.uids.clear()
        super().restarted()

    def _prepare(self, fault: str) -> None:
        super()._prepare(fault)
        if "web" not in self.state:
            return  # not made yet
        if fault == "H34":
            for state in (self.state, self.stored):
                state["cam_title"] = list(self.model.get("hostile", HOSTILE))[0]
        elif fault == "user-auth-off":
            self.set_web(user_auth=False)

    def attack(self, name: str) -> str:
        if name == "auth-off":
            self.set_web(user_auth=False)
            return "User authentication was switched off."
        if name == "cloud-on":
            self.set_web(cloud=True)
            return "The connection to the maker's cloud was switched on."
        done = super().attack(name)
        if name == "rename":
            onvif_attacks._force(self, "cam_title", "owned")
        return done

    # -- who may what ------------------------------------------------------------------------------------------------
    def _open_to_all(self, level: int) -> bool:
        return level > 1 and not self.state["web"]["user_auth"] and bool(self.state["users"])

    def rtsp_open(self) -> bool:
        return super().rtsp_open() or self._open_to_all(LIVE)

    def _admit(self, request: Request, call: Call, operation: Operation | None, entry: LogEntry) -> Response | None:
        if not self.state["users"] and "H50" not in self.faults:
            raise Fault("Sender", "NotAuthorized", reason="No administrator is registered")
        access = operation.access if operation else ""
        if access in (READ_SYSTEM, READ_MEDIA, ACTUATE) and self._open_to_all(2 if access == ACTUATE else LIVE):
            return None
        return super()._admit(request, call, operation, entry)

    def _answer(self, call: Call, operation: Operation) -> Response:
        if call.operation == "SetNetworkProtocols":
            self._check_protocols(call)
        return super()._answer(call, operation)

    def _check_protocols(self, call: Call) -> None:
        """HTTP and HTTPS must not both be off, and HTTPS needs a key that the web page has made."""
        wanted = {protocol["Name"]: protocol["Enabled"] for protocol in self.base("protocols")}
        for element in call.element:
            named = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in element}
            wanted[named.get("Name", "")] = named.get("Enabled") in ("true", "1")
        if not wanted.get("HTTP") and not wanted.get("HTTPS"):
            raise Fault("Sender", "InvalidArgVal", reason="HTTP and HTTPS cannot both be disabled")
        if wanted.get("HTTPS") and not self.model.get("https_key", True):
            raise Fault("Receiver", "Action", reason="No key for HTTPS")

    # -- random number and stream numbers ----------------------------------------------------------------------------
    def random_number(self) -> str:
        """The number of now; another one after `randomnum_seconds`."""
        if not self._random or time.monotonic() - self._random_since > float(self.model.get("randomnum_seconds", 60)):
            self._random, self._random_since = secrets.token_hex(8).upper(), time.monotonic()
        return self._random

    def new_uid(self) -> str:
        if len(self.uids) >= MAX_UIDS:
            return "-1"
        uid = str(secrets.randbelow(9000) + 1000)
        self.uids[uid] = None
        return uid

    # -- requests ----------------------------------------------------------------------------------------------------
    def sight(self, request: Request) -> Sight:
        path = request.path.partition("?")[0]
        if not path.startswith("/cgi-bin/"):
            return super().sight(request)
        name = path.removeprefix("/cgi-bin/")
        return Sight((name,), name in CALLS and CALLS[name].write, "authorization" in request.headers)

    def _page(self, request: Request, path: str, entry: LogEntry) -> Response:
        if not path.startswith("/cgi-bin/"):
            return super()._page(request, path, entry)
        name = path.removeprefix("/cgi-bin/")
        found = CALLS.get(name)
        entry.operation, entry.write = name, found is not None and found.write
        if found is None or request.method not in ("GET", "POST"):
            return page(404)
        query = request.path.partition("?")[2]
        if request.method == "POST" and request.body:
            query += "&" + request.body.decode("utf-8", "replace")
        args = arguments(query)
        if name != "get_randomnum" and self._looks_like_a_browser(request, args):
            return page(400)
        if not self._open_to_all(found.level):
            refused = self._cgi_login(request, found, entry)
            if refused is not None:
                return refused
        if found.write and "H12" in self.faults:
            return page(200, shown=403)
        return found.handler(self, args)

    def _looks_like_a_browser(self, request: Request, args: dict[str, str]) -> bool:
        """Cross-site requests come with an Accept header and without the number of now."""
        if not self.model.get("enhanced_security") or "accept" not in request.headers:
            return False
        right = bool(self._random) and args.get("Randomnum") == self.random_number()
        if right and "randomnum-once" in self.faults:
            self._random = ""
        return not right

    def _cgi_login(self, request: Request, found: Cgi, entry: LogEntry) -> Response | None:
        """None when the caller may do this, else the answer that refuses him."""
        login = self._basic(request, entry) or self._login(request, None, entry)
        if login.outcome != "ok":
            response = page(401)
            response.headers += self.digest.challenges(login.stale)
            if self.state["web"]["auth_method"] == "digest_basic":
                response.headers.append(("WWW-Authenticate", f'Basic realm="{self.digest.realm}"'))
            return response
        user = next((one for one in self.state["users"] if one["Username"] == login.user), None)
        level = LEVELS.get(user["UserLevel"], 4) if user else (1 if "H42" in self.faults else 4)
        return None if level <= found.level or "H09" in self.faults else page(403)

    def _basic(self, request: Request, entry: LogEntry) -> Login | None:
        """A Basic login, where the web page allows it; None when the request has none."""
        kind, _unused, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        if self.state["web"]["auth_method"] != "digest_basic":
            return Login()  # not a login that counts
        try:
            user, _unused, password = base64.b64decode(given).decode().partition(":")
        except (binascii.Error, ValueError):
            user, password = "", ""
        known = self.rtsp_login(user)
        right = known is not None and secrets.compare_digest(known.encode(), password.encode())
        outcome = self.lockout.judge(self.lockout.key(request.peer, user), "ok" if right else "refused")
        entry.login, entry.user = outcome, user if outcome == "ok" else ""
        return Login(user, outcome)

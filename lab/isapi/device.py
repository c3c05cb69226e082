# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated HIKVISION device: documents and accounts, logins, sockets."""

from __future__ import annotations

import copy
import functools
import time
from collections import deque
from typing import Any

from ..device import Device, Listener, LogEntry, Request, Response
from ..onvif.auth import Login
from . import attacks
from .answers import HTML, XML, Refused, error_page, response_status, user_check
from .auth import IllegalLoginLock, IsapiDigest, basic
from .documents import PORTS, factory_documents, facts
from .faults import FAULTS, damage
from .presence import IsapiPresence
from .resources import Resources
from .rules import Validator
from .sessions import SessionLogin, WebSessions
from .users import Users, permission
from .xmldoc import VER20, Element, dump, find, find_all, local, parse, text

_parsed = functools.lru_cache(8192)(parse)
SOCKETS = ("Security/adminAccesses", "System/Network/interfaces", "System/Network/ssh", "System/Network/telnetd")
RIGHTS = "Security/UserPermission/"


class IsapiDevice(IsapiPresence, Resources, SessionLogin, Device):
    """One device.

    `documents` is what the device shows and obeys, path below /ISAPI/ -> XML text; `flash` is what it finds after
    power-on; `pending` is written, shown, and in force only after a restart (statusCode 7).
    """

    family = "isapi"
    faults_known = FAULTS
    attacks = attacks.ATTACKS
    lock_ranges = {"maxIllegalLoginTimes": (3, 20), "maxIllegalLoginLockTime": (1, 120)}

    def __init__(self, name: str, address: str, model: dict[str, Any], ports: dict[str, int] | None = None) -> None:
        super().__init__(name, address, model, {**PORTS, **model.get("ports", {}), **(ports or {})})
        self.facts = facts(model, name, address)
        self.namespace = str(model.get("response_namespace", VER20))
        self.system_log: deque[tuple[str, str, str]] = deque(maxlen=500)  # (UTC time, major, minor) type
        self.validator = Validator(
            model.get("filter_form", "mask"),
            model.get("strict_namespace", True),
            model.get("lock_limits", self.lock_ranges),
        )
        self.digest = IsapiDigest(
            model.get("realm", "IP Camera(83813)"), ["MD5"], int(model.get("nonce_uses", 0)),
            model.get("nonce_worn", "stale"), model.get("digest_domain", ""),
        )  # fmt: skip
        self.web = WebSessions(str(model["session_login"])) if model.get("session_login") else None
        self.lock = IllegalLoginLock(model.get("lockout_per", "address"))
        self.channels: list[dict[str, Any]] = []  # a recorder's
        self.booted = time.monotonic()
        self._decided: tuple = ()
        self._open: set[Listener] = set()
        self.load()

    # -- state -----------------------------------------------------------------------------------------------------
    def load(self) -> None:
        """Everything as it left the factory."""
        model = self.model
        self.documents = factory_documents(model, self.name, self.address, self.ports)
        rows = [] if model.get("activation") else model.get("users", [])
        self.users = Users(copy.deepcopy(rows), model.get("password_max", 16), bool(model.get("needs_old_password")))
        self.secrets: dict[str, str] = {}  # "path|element" -> a write-only value
        self.pending: dict[str, str] = {}
        self.challenge: str = ""
        if "lockout_attempts" in model and self.value("Security/illegalLoginLock", "maxIllegalLoginTimes"):
            self.edit("Security/illegalLoginLock", "maxIllegalLoginTimes", str(model["lockout_attempts"]))
        for row in self.users.rows:
            self.give_rights(row)
        for fault in sorted(self.faults):
            self.prepare(fault)
        self.keep()
        self.open_at_start = self.protocols_on()

    def keep(self) -> None:
        """All there is now is in flash."""
        self.flash = (dict(self.documents), copy.deepcopy(self.users.rows), dict(self.secrets))

    def keep_users(self) -> None:
        """The accounts and their rights are in flash, unless they live in memory only (H16)."""
        if "H16" in self.faults:
            return
        rights = {path: xml for path, xml in self.documents.items() if path.startswith(RIGHTS)}
        rest = {path: xml for path, xml in self.flash[0].items() if not path.startswith(RIGHTS)}
        self.flash = (rest | rights, copy.deepcopy(self.users.rows), self.flash[2])

    def give_rights(self, row: dict[str, Any]) -> None:
        """The UserPermission document of an account, as its level says."""
        self.documents[f"{RIGHTS}{row['id']}"] = permission(row["id"], row["userLevel"])

    def uptime(self) -> float:
        return time.monotonic() - self.booted

    @property
    def activated(self) -> bool:
        return bool(self.users.rows)

    def shown(self, path: str) -> str:
        """A document as a reader gets it."""
        return self.pending.get(path, self.documents[path])

    def tree(self, path: str) -> Element:
        """A document in force, parsed; it is shared, and only read."""
        return _parsed(self.documents[path])

    def value(self, path: str, inner: str, default: str = "") -> str:
        """The text of one element of a document in force: value("System/time", "timeMode")."""
        return text(self.tree(path), inner, default) if path in self.documents else default

    def rows(self, path: str, inner: str) -> list[dict[str, str]]:
        """The members of a list as name -> text: rows("Security/adminAccesses", "AdminAccessProtocol")."""
        if path not in self.documents:
            return []
        return [{local(one): (one.text or "").strip() for one in member} for member in find_all(self.tree(path), inner)]

    def protocol(self, name: str) -> dict[str, str]:
        """One row of adminAccesses, {} when the device has none of that name."""
        rows = self.rows("Security/adminAccesses", "AdminAccessProtocol")
        return next((row for row in rows if row["protocol"] == name), {})

    def edit(self, path: str, inner: str, value: str, member: str = "") -> None:
        """Change one element as somebody with other means does: in force and in flash. `member`: id of a list row."""
        root = parse(self.documents[path])
        start = root if not member else next(one for one in root if text(one, "id") == member)
        found = find(start, inner)
        if found is None:
            raise KeyError(f"{self.name}: {path} has no {inner}")
        found.text = value
        self.put_raw(path, dump(root))

    def put_raw(self, path: str, xml: str) -> None:
        self.documents[path] = xml
        self.pending.pop(path, None)
        if hasattr(self, "flash"):
            self.flash[0][path] = xml

    def put(self, path: str, xml: str) -> str:
        """Keep a written document as far as the faults let it; the subStatusCode of the answer."""
        if xml == self.shown(path):
            return "ok"
        if "H16" not in self.faults:
            self.flash[0][path] = xml
        if "H05" in self.faults:
            return "ok"
        if "reboot" in self.faults and path == "Security/adminAccesses" or self.moves(path, xml):
            self.pending[path] = xml
            return "rebootRequired"
        self.documents[path] = xml
        return "ok"

    def moves(self, path: str, xml: str) -> bool:
        """Would this write take the device to another address? That waits for a restart (fact sheet 13)."""
        if path != "System/Network/interfaces":
            return False
        inner = ("addressingType", "ipAddress", "subnetMask")
        old, new = self.tree(path), parse(xml)
        return any(text(old, f"NetworkInterface/IPAddress/{k}") != text(new, f"NetworkInterface/IPAddress/{k}")
                   for k in inner)  # fmt: skip

    # -- requests --------------------------------------------------------------------------------------------------
    async def handle(self, request: Request) -> Response:
        path, _unused, query = request.path.partition("?")
        operation = f"{request.method} {path.removeprefix('/ISAPI/').strip('/')}"
        write = self.is_write(request.method, path)
        entry = LogEntry(time.time(), request.peer, request.scheme, request.method, path, operation, write, 0)
        response = self._redirect(request) or self._answer(request, path, query, entry)
        entry.status = response.status
        self.log.append(entry)
        return damage(self.faults, response, entry.write)

    def _redirect(self, request: Request) -> Response | None:
        https = self.protocol("HTTPS")
        wanted = https.get("redirectToHttps") == "true" and https.get("enabled", "true") == "true"
        if request.scheme != "http" or not wanted:
            return None
        return Response(301, [HTML, ("Location", f"https://{self.address}:{https['portNo']}{request.path}")])

    def _answer(self, request: Request, path: str, query: str, entry: LogEntry) -> Response:
        as_json = "format=json" in query
        try:
            free = self.pre_auth(request, path)
            if free is not None:
                return free
            if not path.startswith("/ISAPI/"):
                return Response(404, [HTML], error_page(404, "Not Found"))
            if not self.activated:
                raise Refused("notActivated")
            page = self.session_pages(request, path, query, entry)
            if page is not None:
                return page
            listed = path == "/ISAPI/Security/users" and request.method == "GET" and "H04" in self.faults
            if listed:
                return self.act(request, path, query, "")
            if "open" not in self.faults:
                login = self.login(request, entry)
                if login.outcome != "ok":
                    return self.refuse(login, request.peer)
            self.may(entry.user, request.method, path)
            return self.act(request, path, query, entry.user)
        except Refused as error:
            status = 200 if "H12" in self.faults else error.status
            return response_status(path, error.sub, self.namespace, status, as_json)

    # -- logins ----------------------------------------------------------------------------------------------------
    def password_of(self, user: str) -> str | None:
        row = self.users.by_name(user)
        return row["password"] if row else None

    def schemes(self) -> set[str]:
        """As webCertificate says; a device without that document does what its model says."""
        kind = self.value("Security/webCertificate", "CertificateType", self.model.get("auth", "digest"))
        return set(kind.split("/"))

    def lock_limits(self) -> tuple[int, float]:
        """Wrong logins until the lock (0: no lock), and its seconds."""
        path = "Security/illegalLoginLock"
        model = self.model
        if self.value(path, "enabled", "true" if "lockout_attempts" in model else "false").lower() != "true":
            return 0, 0.0
        times = int(self.value(path, "maxIllegalLoginTimes") or model.get("lockout_attempts", 7))
        unit = 60 if model.get("lock_unit", "minutes") == "minutes" else 1
        seconds = float(self.value(path, "maxIllegalLoginLockTime") or 30) * unit
        return times, float(model.get("lockout_seconds", seconds))

    def login(self, request: Request, entry: LogEntry) -> Login:
        """Check what the request carries. A request without a login is no attempt; each wrong one is."""
        header = request.headers.get("authorization", "")
        user = "" if header else self.session_user(request)
        if user:
            entry.user = user
            return Login(user, "ok")
        self.digest.keeps_old_keys = "H42" in self.faults
        algorithm = self.value("Security/webCertificate", "SecurityAlgorithm/algorithmType", "MD5")
        names = {"MD5": ["MD5"], "SHA256": ["SHA-256"], "MD5/SHA256": ["SHA-256", "MD5"]}
        self.digest.algorithms = names.get(algorithm, ["MD5"])
        login = Login()
        if header.lower().startswith("basic ") and "basic" in self.schemes():
            login = basic(header, self.password_of)
        elif header:
            login = self.digest.check(header, request.method, request.path, self.password_of)
        outcome = self.lock.judge(request.peer, login.user, login.outcome, *self.lock_limits())
        if outcome in ("refused", "locked"):
            self.note("Exception", "illegalAccess")
        elif outcome == "ok":
            self.note("Operation", "remoteLogin")
            entry.user = login.user
        entry.login = outcome
        return Login(login.user, outcome, login.stale)

    def refuse(self, login: Login, peer: str) -> Response:
        """401: the web server's page or a bare userCheck at the first leg, the lock's countdown after a wrong login."""
        if login.stale and self.digest.worn == "invalid":
            raise Refused("invalidOperation", 401)
        challenges = [] if login.stale and self.digest.worn == "mute" else self.digest.challenges(login.stale)
        if "basic" in self.schemes():
            challenges.append(("WWW-Authenticate", f'Basic realm="{self.digest.realm}"'))
        status = 403 if login.outcome and "H20-403" in self.faults else 401
        if login.outcome in ("refused", "locked") and self.model.get("lockout_told", True):
            attempts, _unused = self.lock_limits()
            left = self.lock.left(peer, login.user) if attempts else 0
            tries = 0 if left else self.lock.tries(peer, login.user, attempts)
            body = user_check(
                401, self.namespace, isActivated="true", lockStatus="lock" if left else "unlock", unlockTime=left,
                retryLoginTime=tries,
            )  # fmt: skip
            return Response(status, [XML, *challenges], body)
        if self.model.get("bare_401", "html") == "xml" or (login.stale and self.digest.worn == "mute"):
            return Response(status, [XML, *challenges], user_check(401, self.namespace))
        return Response(status, [HTML, *challenges], error_page(401, "Unauthorized"))

    # -- sockets ---------------------------------------------------------------------------------------------------
    def protocols_on(self) -> set[str]:
        rows = self.rows("Security/adminAccesses", "AdminAccessProtocol")
        return {row["protocol"] for row in rows if row.get("enabled", "true") == "true"}

    def listeners(self) -> set[Listener]:
        """Asked for several times a second: found anew only when something that decides it has changed."""
        if self.is_down():
            return set()
        held = (*map(self.documents.get, SOCKETS), frozenset(self.faults), self.address, frozenset(self.open_at_start))
        if held != self._decided:
            self._decided, self._open = held, self._listeners()
        return self._open

    def _listeners(self) -> set[Listener]:
        own = self.value("System/Network/interfaces", "NetworkInterface/IPAddress/ipAddress", self.address)
        if own != self.address:
            return set()  # it went to another address; nothing answers here any more (H49)
        found = set()
        kinds = {"HTTP": "http", "HTTPS": "https", "RTSP": "rtsp"}
        on = self.protocols_on()
        for row in self.rows("Security/adminAccesses", "AdminAccessProtocol"):
            name = row["protocol"]
            wanted = name in on or "H07-open" in self.faults
            if name == "HTTPS" and "H40" in self.faults and name not in self.open_at_start:
                wanted = False
            if name == "RTSP" and "H07-closed" in self.faults:
                wanted = False
            if wanted and row.get("portNo"):
                found.add(Listener(kinds.get(name, "banner"), int(row["portNo"])))
        for path, name, banner in (
            ("System/Network/ssh", "ssh", b"SSH-2.0-dropbear_2018.76\r\n"),
            ("System/Network/telnetd", "telnet", b"\xff\xfd\x01\r\nlogin: "),
        ):
            if self.value(path, "enabled") == "true":
                found.add(Listener("banner", self.ports[name], banner))
        return found

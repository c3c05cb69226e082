# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated OpenWrt router: state in uci's own form, daemons rpcd, uhttpd, procd and netifd as far as seen over
/ubus, and the sockets that follow from the configuration in force."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import datetime
import functools
import hashlib
import ipaddress
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ..device import Device, Listener, LogEntry, Request, Response
from . import attacks, crypt, network
from .faults import FAULTS, OpenWrtFaults
from .filesystem import RouterFiles
from .objects import Objects, Reply
from .presence import RouterPresence
from .rpc import Call, Options, Uhttpd
from .sessions import Sessions
from .uci import Package, Section, Stage, Store, is_true
from .ucirpc import UciObject

HERE = Path(__file__).parent
RPCD_OBJECTS = {"session", "uci", "rc", "file", "rpc-sys", "luci", "luci-rpc"}
MERGED = ("packages", "files", "services", "acl_files", "pages", "netdevs", "shadow")  # model keys laid over base.yml's
PORT_NAMES = {22: "ssh", 23: "telnet", 80: "http", 443: "https"}
MOVED_PORTS = (("uhttpd", ":80'", ":8080'"), ("uhttpd", ":443'", ":8443'"), ("dropbear", "Port '22'", "Port '2222'"))
PORT_DEFAULTS = {"ssh": 2222, "telnet": 2323}
SECRET = re.compile(r"password|secret|(^|_)key(\d|$)|psk")
WRITES = {
    "uci": {"set", "add", "delete", "rename", "order", "apply", "commit", "confirm", "revert", "rollback"},
    "rc": {"init"},
    "service": {"set", "add", "delete", "signal"},
    "file": {"write", "remove", "exec"},
    "system": {"reboot", "sysupgrade", "signal"},
    "rpc-sys": {"password_set", "factory", "reboot", "upgrade_start"},
    "luci": {"setPassword", "setInitAction", "setLocaltime"},
    "network.interface": {"up", "down"},
}


class Clock:
    """Time as the router meets it; tests put a clock in its place that jumps."""

    def time(self) -> float:
        return time.monotonic()

    def utc(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class OpenWrtDevice(OpenWrtFaults, RouterFiles, RouterPresence, Device):
    family = "openwrt"
    faults_known = FAULTS
    attacks = attacks.ATTACKS

    def __init__(
        self,
        name: str,
        address: str,
        model: dict[str, Any],
        ports: dict[str, int] | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(name, address, with_base(model, address), ports)
        self.clock = clock or Clock()
        self.stub_scripts = bool(self.model.get("stub_scripts"))  # config changes reach no running daemon
        default_wan = ".".join(address.split(".")[:2]) + ".200.0/24"
        self.wan_clients = ipaddress.ip_network(self.model.get("wan_clients", default_wan))
        self.signatures = _signatures()
        self.uhttpd = Uhttpd(self, self.model["pages"])
        self._load()

    def _load(self) -> None:
        """Everything as the model says: the factory state."""
        model = copy.deepcopy(self.model)
        self.store = Store(model["packages"])
        self.files: dict[str, str] = model["files"]
        self.shadow: dict[str, str] = model["shadow"]
        self.services: dict[str, dict[str, Any]] = model["services"]
        self._kept = None
        for user, password in model.get("passwords", {}).items():  # the model's own, only its hash is kept
            self.set_password(user, password)
        self.acl_files: dict[str, Any] = model["acl_files"]
        self.installed: dict[str, str] | None = model.get("installed")
        for row in self.services.values():
            row.setdefault("running", row["enabled"])
        for entry in self.model["netdevs"].values():
            if entry.get("mac") == "own":
                entry["mac"] = self.mac()
        self.flash = dict(self.store.files)  # what a power cycle brings back
        self.keep()
        self.sessions = Sessions(self.clock, self._forget)
        self.uci = UciObject(self.store, self.sessions, self.clock, self._changed)
        self.objects_impl = Objects(self)
        self.rpcd_up = True
        self.live: dict[str, Package] = {}
        self.booted = self.clock.time()
        self._boot()
        self.home = network.lan_address(self.live["network"])
        for fault in tuple(self.faults):
            self.fault_switched(fault, True)

    def _boot(self) -> None:
        self.live = {config: self._in_force(config) for config in self.store.files}
        self.hostname = self._configured_hostname()
        self._sockets: set[Listener] | None = None
        self.sessions.start(self.acl_files)

    def _in_force(self, config: str) -> Package:
        return self.store.load(config) or Package(config)

    def _configured_hostname(self) -> str:
        return next((s.get("hostname", "OpenWrt") for s in self.live["system"].of_type("system")), "OpenWrt")

    # -- what the server asks ----------------------------------------------------------------------------------
    def listeners(self) -> set[Listener]:
        self.uci.tick()
        if self.is_down():
            return set()
        if self._sockets is None:
            self._sockets = {Listener(kind, self.lab_port(port), b) for kind, port, b, _unused in self._services_open()}
        return self._sockets

    def _services_open(self) -> Iterator[tuple[str, int, bytes, str]]:
        """(kind, the router's own port, banner, address it is bound to or "" for all)."""
        if network.lan_address(self.live["network"]) != self.home:
            return  # it went to another address; nothing answers here any more (H49)
        if self.running("uhttpd"):
            for section in self.live["uhttpd"].of_type("uhttpd"):
                for option, kind in (("listen_http", "http"), ("listen_https", "https")):
                    for text in section.list(option):
                        host, _unused, port = text.rpartition(":")
                        if port.isdigit() and not host.startswith("["):  # the lab has IPv4 only
                            yield kind, int(port), b"", "" if host in ("", "0.0.0.0") else host
        if self.running("dropbear"):
            for section in self.live.get("dropbear", Package("")).of_type("dropbear"):
                if self.truth(section, "enable", default=True):
                    bound = section.get("DirectInterface") or section.get("Interface")
                    yield "banner", int(section.get("Port", "22")), b"SSH-2.0-dropbear_2022.83\r\n", bound
        if self.running("miniupnpd"):
            config = self.live["upnpd"].section("config")
            yield "banner", int(config.get("port", "5000") if config else "5000"), b"", "lan"
        if self.running("telnet"):
            yield "banner", 23, b"\xff\xfd\x01OpenWrt login: ", ""

    def _forget(self, sid: str) -> None:
        self.uci.forget(sid)

    def lab_port(self, port: int) -> int:
        """Where the lab opens a port of the router: privileged ones are moved up."""
        name = PORT_NAMES.get(port)
        if name:
            return self.ports.get(name, PORT_DEFAULTS.get(name, port))
        return port if port >= 1024 else 10000 + port

    async def handle(self, request: Request) -> Response:
        self.uci.tick()
        if not request.connection and not self.admits_port(request.peer, request.port):
            return Response(cut="reset")
        spoiled = self.spoil_request(request)
        response, calls = spoiled or await self.uhttpd.handle(request, self.uhttpd_options())
        self._note(request, response, calls)
        if not spoiled:
            self.spoil_response(response, calls)
        return response

    def _note(self, request: Request, response: Response, calls: list[Call]) -> None:
        logins = [c for c in calls if c.operation == "session.login"]
        sessions = [self.sessions.by_id.get(c.session) for c in calls]
        user = next((s.data["username"] for s in sessions if s and "username" in s.data), "")
        login = ""
        if logins:
            login = "ok" if logins[-1].status == 0 else "refused"
            user = logins[-1].username if login == "ok" else user
        operations = ",".join(dict.fromkeys(c.operation for c in calls))
        write = any(self.is_write(c.operation) for c in calls)
        path = request.path.partition("?")[0]
        self.log.append(
            LogEntry(
                at=time.time(),
                peer=request.peer,
                scheme=request.scheme,
                method=request.method,
                path=path,
                operation=operations,
                write=write,
                status=response.status,
                user=user,
                login=login,
                count=len(calls),
            )
        )

    @staticmethod
    def is_write(operation: str) -> bool:
        obj, _unused, method = operation.rpartition(".")
        return method in WRITES.get(obj, ())

    def uhttpd_options(self) -> Options:
        """The web server's settings in force (the first section, as the first process reads it)."""
        section = next(iter(self.live["uhttpd"].of_type("uhttpd")), Section("uhttpd", "main", False))
        https = [port for kind, port, _unused, _unused in self._services_open() if kind == "https"]
        return Options(
            prefix=section.get("ubus_prefix"),
            redirect_https=bool(https) and self.truth(section, "redirect_https", default=False),
            https_port=self.lab_port(https[0]) if https else 443,
            no_ubusauth=self.truth(section, "no_ubusauth", default=False),
            cors=self.truth(section, "ubus_cors", default=False),
            script_timeout=self.script_timeout(section),
            keepalive=int(section.get("http_keepalive", "20")),
        )

    def script_timeout(self, section: Section) -> float:
        """Seconds; the fault `timeout` may be shortened by the model for tests that cannot wait a minute."""
        seconds = float(section.get("script_timeout", "60"))
        return min(seconds, self.model.get("fault_timeout_seconds", seconds)) if "timeout" in self.faults else seconds

    # -- the bus -----------------------------------------------------------------------------------------------
    def objects(self) -> dict[str, dict[str, dict[str, str]]]:
        """All ubus objects with their methods' signatures, sorted by name."""
        out = {k: v for k, v in self.signatures.items() if k not in RPCD_OBJECTS or self.rpcd_up}
        for name in self.model.get("absent_objects", ()):
            out.pop(name, None)
        for section in network.interfaces(self.live["network"]):
            out[f"network.interface.{section.name}"] = self.signatures["network.interface"]
        return dict(sorted(out.items()))

    def granted(self, sid: str, obj: str, method: str) -> bool:
        session = self.sessions.get(sid) if self.rpcd_up else None  # without rpcd nobody can be asked
        return bool(session and session.allows("ubus", obj, method))

    def invoke(self, sid: str, obj: str, method: str, args: dict[str, Any]) -> Reply:
        args = self.spoil_call(sid, obj, method, args)
        if isinstance(args, tuple):
            return args
        if obj == "uci":
            handler: Any = getattr(self.uci, method, None)
        elif obj.startswith("network.interface.") and method in ("status", "dump"):
            handler = getattr(self.objects_impl, f"network_interface_{method}")
            args = {"interface": obj.removeprefix("network.interface.")}
        else:
            handler = getattr(self.objects_impl, f"{obj}_{method}".replace(".", "_").replace("-", "_"), None)
        if handler is None:
            return 8, None  # declared, but not simulated
        return handler(sid, args)

    # -- state -------------------------------------------------------------------------------------------------
    def now(self) -> datetime.datetime:
        return self.clock.utc() + datetime.timedelta(seconds=self.clock_offset)

    def zone_offset(self) -> int:
        """Seconds that procd adds to UTC in `localtime` (system.c fills it from the kernel's local time)."""
        sections = self.live["system"].of_type("system")
        match = re.fullmatch(r"[A-Za-z<>+0-9-]*?[A-Za-z>]([+-]?\d{1,2})(?::?[A-Za-z,./0-9]*)?",
                             (sections[0].get("timezone") if sections else "") or "UTC0")  # fmt: skip
        return -3600 * int(match[1]) if match else 0

    def uptime(self) -> int:
        return int(self.clock.time() - self.booted)

    def mac(self) -> str:
        """A MAC address of its own, always the same for this name (locally administered)."""
        digest = hashlib.sha256(self.name.encode()).digest()
        return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))

    def truth(self, section: Section, option: str, default: bool) -> bool:
        return is_true(section.get(option), default)

    def set_password(self, user: str, password: str) -> None:
        self.shadow[user] = crypt.new_hash(password)
        self.keep()

    def running(self, name: str) -> bool:
        """Whether the service's process is there: it was started, and its configuration lets it run."""
        row = self.services.get(name)
        if row is None or not row["running"]:
            return False
        if self.stub_scripts:
            return True
        if name == "dropbear":
            rows = self.live.get("dropbear", Package("")).of_type("dropbear")
            return any(self.truth(s, "enable", default=True) for s in rows)
        if name == "miniupnpd":
            config = self.live.get("upnpd", Package("")).section("config")
            return config is not None and self.truth(config, "enabled", default=True)  # absent means on (H51)
        if name == "ddns":
            return any(self.truth(s, "enabled", default=False) for s in self.live["ddns"].of_type("service"))
        return True

    def service(self, name: str, action: str) -> None:
        """What /etc/init.d/<name> <action> does."""
        row = self.services.get(name)
        if row is None:
            return
        if action in ("enable", "disable"):
            row["enabled"] = action == "enable"
            self.keep()
        elif action != "reload" or row["running"]:
            row["running"] = action != "stop"
        self._sockets = None

    @contextlib.contextmanager
    def edit(self, config: str) -> Iterator[Stage]:
        """Change a config as somebody with a shell does: committed and in force at once."""
        stage = Stage(self.store.load(config) or Package(config))
        yield stage
        self.store.files[config] = stage.package.export()
        self._changed(config)

    def ensure(self, config: str) -> None:
        self.store.files.setdefault(config, "")

    def _changed(self, config: str) -> None:
        """procd's config.change: the daemons of this config take the committed values."""
        if "H16" not in self.faults:
            self.flash[config] = self.store.files[config]
        if self.stub_scripts:
            return
        self.live[config] = self._in_force(config)
        self._sockets = None
        if config == "system":
            self.hostname = self._configured_hostname()

    # -- what the lab's user asks ------------------------------------------------------------------------------
    def attack(self, name: str, **arguments: Any) -> str:
        if name not in attacks.ATTACKS:
            raise KeyError(f"{self.name}: no attack {name!r}; known: {', '.join(sorted(attacks.ATTACKS))}")
        return attacks.play(self, name, **arguments)

    @property
    def bootstrap_login(self) -> tuple[str, str] | None:
        """User and password at factory state; None when the model's root has a password."""
        password = self.model.get("passwords", {}).get("root", "")
        return None if not password and self.model["shadow"].get("root") else ("root", password)

    def public_state(self) -> dict[str, Any]:
        """The state without passwords, keys, hashes and session ids."""
        packages = {}
        for config in sorted(self.store.files):
            rows = {s.name: {".type": s.type} | s.options for s in self.store.peek(config).sections}
            packages[config] = {n: {k: "***" if SECRET.search(k) else v for k, v in r.items()} for n, r in rows.items()}
        return {
            "packages": packages,
            "services": {name: row | {"running": self.running(name)} for name, row in self.services.items()},
            "accounts": {user: {"password_set": bool(hashed)} for user, hashed in self.shadow.items()},
            "access_groups": sorted(group for body in self.acl_files.values() for group in body),
            "apply_pending": self.uci.pending is not None,
            "sessions": len(self.sessions.by_id) - 1,
        }

    def restarted(self) -> None:
        """A power cycle: what flash holds comes back; sessions, stages and a pending rollback are gone (H45)."""
        self.store.files = dict(self.flash)
        self.bring_kept()
        self.uci.pending = None
        for row in self.services.values():
            row["running"] = row["enabled"]
        self.booted = self.clock.time()
        self._boot()

    def factory_reset(self) -> None:
        self._load()
        self.restart()

    def rpcd_hangup(self) -> None:
        """SIGHUP to rpcd (`service rpcd reload`): sessions stay, a pending rollback is forgotten."""
        self.uci.hangup()

    def rpcd_stop(self) -> None:
        self.rpcd_up = False
        self.uci.hangup()

    def rpcd_start(self) -> None:
        self.rpcd_up = True
        self.sessions.start(self.acl_files)


def with_base(model: dict[str, Any], address: str = "127.77.0.1") -> dict[str, Any]:
    """The model laid over base.yml; in the keys of MERGED entry by entry, where null takes an entry away.

    `{network}` in files is the first three numbers of the address.
    """
    base = _base()
    out = {**copy.deepcopy(base), **copy.deepcopy(model)}
    for key in MERGED:
        rows = {**(base.get(key) or {}), **(model.get(key) or {})}
        out[key] = copy.deepcopy({k: v for k, v in rows.items() if v is not None})
    for key in ("packages", "files"):
        out[key] = {k: v.replace("{network}", address.rpartition(".")[0]) for k, v in out[key].items()}
    if out.get("moved_ports"):  # the router says itself where the lab has moved its privileged ports to
        for config, old, new in MOVED_PORTS:
            out["packages"][config] = out["packages"][config].replace(old, new)
    return out


@functools.cache
def _base() -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load((HERE / "base.yml").read_text(encoding="utf-8"), loader)  # noqa: S506 (a safe loader)


@functools.cache
def _signatures() -> dict[str, Any]:
    return json.loads((HERE / "signatures.json").read_text(encoding="utf-8"))

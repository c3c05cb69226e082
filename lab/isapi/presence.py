# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches an ISAPI device, what it keeps without power, and what the lab shows and does to it."""

from __future__ import annotations

import copy
import datetime
import functools
import re
import time
from typing import Any

from ..cuts import Sight
from ..device import Request, Response
from . import attacks
from .activation import Activation
from .answers import Refused
from .users import Users
from .xmldoc import HEAD, VER20, Element, clean, find_all, parse, text

HOSTILE = (
    "{{ 7*7 }}", "{{ lookup('pipe','id') }}", "</td><script>alert(1)</script>", "=cmd|'/c calc'!A1",
    "../../etc/cron.d/x", "a\nb", "\u202eevil", "x" * 10_000, "\U0001f4f7",
)  # fmt: skip
LOOKALIKES = ("admin ", "\u0430dmin", "admin\u200b", "Admin")


@functools.lru_cache(1024)
def _rules(xml: str) -> tuple[str, frozenset[str]] | None:
    """(allow or deny, the addresses) of an address filter, None when it is off."""
    root = parse(xml) if xml else None
    if root is None or text(root, "enabled") != "true":
        return None
    kind = text(root, "permissionType")
    entries = find_all(root, "IPFilterAddressList/IPFilterAddress")
    listed = [text(one, "AddressMask/ipAddress") or text(one, "ipAddress") for one in entries
              if text(one, "permissionType", kind) == kind]  # fmt: skip
    return kind, frozenset(listed)


class IsapiPresence(Activation):
    """Mixed into the device."""

    # -- who gets in -----------------------------------------------------------------------------------------------
    def admits(self, peer: str) -> bool:
        """The address filter: `allow` lets only the listed in, `deny` everybody but those (fact sheet 9)."""
        device: Any = self
        rules = _rules(device.documents.get("System/Network/ipFilter", ""))
        if rules is None:
            return True
        if "H41" in device.faults:
            peer = device.address.rpartition(".")[0] + ".254"
        kind, listed = rules
        return (peer in listed) == (kind == "allow")

    def locked(self) -> dict[str, float]:
        device: Any = self
        return device.lock.locked()

    def rtsp_login(self, user: str) -> str | None:
        device: Any = self
        return device.password_of(user)

    def rtsp_attempt(self, user: str, peer: str, outcome: str) -> str:
        device: Any = self
        if not device.model.get("lockout_rtsp", True):
            return outcome
        return device.lock.judge(peer, user, outcome, *device.lock_limits())

    def rtsp_open(self) -> bool:
        """Without a login when the main stream's Security is off, or anonymous login is on."""
        device: Any = self
        if "open" in device.faults or device.value("Security/UserPermission/anonymouslogin", "enabled") == "true":
            return True
        for channel in device.tree("Streaming/channels") if "Streaming/channels" in device.documents else ():
            return text(channel, "Transport/Security/enabled", "true") == "false"
        return False

    # -- cuts ------------------------------------------------------------------------------------------------------
    def sight(self, request: Request) -> Sight:
        device: Any = self
        path = request.path.partition("?")[0]
        operation = f"{request.method} {path.removeprefix('/ISAPI/').strip('/')}"
        free = (
            bool({"authorization", "cookie"} & set(request.headers))
            or "open" in device.faults
            or not path.startswith("/ISAPI/")
        )
        return Sight((operation,), device.is_write(request.method, path), free or not device.activated)

    def moved_to(self, address: str) -> None:
        super().moved_to(address)  # type: ignore[misc]
        device: Any = self
        device.edit("System/Network/interfaces", "IPAddress/ipAddress", address, "1")

    # -- faults, attacks, restarts -----------------------------------------------------------------------------------
    def fault(self, name: str, on: bool = True) -> None:
        super().fault(name, on)  # type: ignore[misc]
        if on:
            self.prepare(name)
            device: Any = self
            device.keep_users()
        self._tune()

    def prepare(self, fault: str) -> None:
        """What a fault changes in the state at the moment it begins."""
        device: Any = self
        if fault == "H34":
            hostile = [clean(name) for name in device.model.get("hostile", HOSTILE)]
            device.edit("System/deviceInfo", "deviceName", hostile[0])
            device.edit("System/deviceInfo", "deviceLocation", hostile[1 % len(hostile)])
            self._more_users(hostile, "Viewer")
        elif fault == "H35":
            self._more_users(list(LOOKALIKES), "Administrator")
        elif fault == "H50":
            device.users.rows.clear()
        elif fault == "disk-error":
            device.edit("ContentMgmt/Storage", "hddList/hdd/status", "error")
        self._tune()

    def _tune(self) -> None:
        device: Any = self
        model, faults = device.model, device.faults
        digest = device.digest
        digest.uses, digest.worn = int(model.get("nonce_uses", 0)), model.get("nonce_worn", "stale")
        for fault, uses, worn in (
            ("H24-single-use", 1, "stale"),
            ("H24-mute", 2, "mute"),
            ("H24-invalid", 1, "invalid"),
        ):
            if fault in faults:
                digest.uses, digest.worn = uses, worn

    def _more_users(self, names: list[str], level: str) -> None:
        device: Any = self
        for name in dict.fromkeys(names):
            if device.users.by_name(name) is None:
                number = str(max((int(row["id"]) for row in device.users.rows), default=0) + 1)
                row = {"id": number, "userName": name, "userLevel": level, "password": "Camera-12345"}
                device.users.store(row)

    def attack(self, name: str) -> str:
        device: Any = self
        done = attacks.play(device, name)
        device.open_at_start = device.protocols_on()
        return done

    def restarted(self) -> None:
        device: Any = self
        documents, rows, secrets = device.flash
        device.documents, device.users.rows, device.secrets = dict(documents), copy.deepcopy(rows), dict(secrets)
        device.pending.clear()
        device.booted = time.monotonic()
        device.digest.forget()
        device.lock.forget()
        if device.web is not None:
            device.web.forget()
        if "H49" in device.faults:
            self.reset("full")
        if "H49-gone" in device.faults:
            device.down_until = float("inf")
        device.open_at_start = device.protocols_on()

    def restart_after_answer(self) -> None:
        """The order is answered before the sockets close."""
        device: Any = self
        device.restart()

    def reset(self, mode: str) -> None:
        """basic keeps the network and the accounts (UNVERIFIED); after full the device wants activation again."""
        device: Any = self
        kept = {
            path: xml for path, xml in device.documents.items() if path.startswith(("System/Network/", "Security/"))
        }
        rows = device.users.rows
        device.load()
        device.users.rows = rows if mode == "basic" else []
        if mode == "basic":
            device.documents |= kept
        device.keep()

    # -- what the device itself says ---------------------------------------------------------------------------------
    def note(self, major: str, minor: str) -> None:
        device: Any = self
        device.system_log.append((f"{device.now():%Y-%m-%dT%H:%M:%SZ}", major, minor))

    @staticmethod
    def zone_offset(zone: str) -> datetime.timedelta:
        """What is added to UTC; POSIX: CST-9:00:00 is nine hours ahead."""
        found = re.match(r"[A-Z]+([+-]?)(\d+):(\d\d)", zone)
        if found is None:
            return datetime.timedelta()
        ahead = datetime.timedelta(hours=int(found[2]), minutes=int(found[3]))
        return ahead if found[1] == "-" else -ahead

    def local_time(self) -> str:
        device: Any = self
        offset = self.zone_offset(device.value("System/time", "timeZone"))
        moment = device.now().replace(tzinfo=None) + offset
        tail = ""
        if device.model.get("local_time_offset", True):
            minutes = int(offset.total_seconds() // 60)
            tail = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
        return f"{moment:%Y-%m-%dT%H:%M:%S}{tail}"

    def synchronise(self) -> None:
        """With NTP on the clock becomes right (unless the model says that no server answers)."""
        device: Any = self
        if device.value("System/time", "timeMode") == "NTP" and device.model.get("ntp_answers", True):
            device.clock_offset = 0.0

    def status_document(self) -> str:
        device: Any = self
        return (
            f'{HEAD}<DeviceStatus version="2.0" xmlns="{VER20}">\n<currentDeviceTime>{self.local_time()}'
            f"</currentDeviceTime>\n<deviceUpTime>{int(device.uptime())}</deviceUpTime>\n<CPUList>\n<CPU>\n"
            "<cpuUtilization>20</cpuUtilization>\n</CPU>\n</CPUList>\n</DeviceStatus>\n"
        )

    def live_document(self, path: str) -> Element | None:
        """A document that is made at the moment of reading; a recorder has some."""
        return None

    def write_live(self, path: str, steps: list[str], sent: Element) -> str:
        raise Refused("methodNotAllowed")

    def refuses(self, path: str, old: Element, new: Element) -> bool:
        """A last word of a model on a write that is well-formed."""
        return False

    def export(self, query: str) -> Response:
        """The configuration under a key; without one it is refused (fact sheet 19)."""
        device: Any = self
        key = re.search(r"secretkey=([^&]*)", query)
        if key is None or not 1 <= len(key[1]) <= 16:
            raise Refused("badParameters")
        head = b"SIMULATED configuration\0"
        return Response(200, [("Content-Type", "application/octet-stream")], head + device.facts["serial"].encode())

    # -- what the lab shows ----------------------------------------------------------------------------------------
    @property
    def bootstrap_login(self) -> tuple[str, str] | None:
        """The model's, else the first administrator as the device left the factory; None before activation."""
        device: Any = self
        if "bootstrap_login" in device.model:
            user, password = device.model["bootstrap_login"]
            return str(user), str(password)
        if device.model.get("activation") or "H50" in device.faults:
            return None
        rows = Users(device.model.get("users", [])).rows
        first = next((row for row in rows if row["userLevel"] == "Administrator"), None)
        return (first["userName"], first["password"]) if first else None

    def public_state(self) -> dict[str, Any]:
        """The documents and accounts without passwords; `pending`: written, waits for a restart."""
        device: Any = self
        users = [{k: v for k, v in row.items() if k != "password"} for row in device.users.rows]
        shown = {path: re.sub(r"(?<=Community>)[^<]+", "***", xml) for path, xml in sorted(device.documents.items())}
        return {"documents": shown, "users": users, "pending": sorted(device.pending), "activated": device.activated}

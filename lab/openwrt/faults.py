# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the router, by name, and where they take hold."""

from __future__ import annotations

import time
from typing import Any

from ..device import Request, Response
from .rpc import Call, Late

FAULTS = {
    "H12": "a write answers ok with an error text in its data, and nothing changes",
    "H13": "a true/false value is stored as `banana`, which switches the protection off",
    "H16": "changes live in memory only: read back fine, gone after a power cycle",
    "H22": "the session is forgotten once, at the next call; switches itself off",
    "H22-denied": "logging in works, every other call answers `Access denied`",
    "H23": "every third request to /ubus is answered with 503",
    "H34": "hostile texts as host name, rule names and wireless names",
    "H45-foreign-apply": "another session applies without rollback right after ours, which wipes our snapshot",
    "H45-sighup": "rpcd is reloaded right after an apply and forgets its timer",
    "H45-lost-confirm": "confirm is done, its answer is lost",
    "lan-address": "the router has moved to another LAN address",
    "reverted-by-device": "apply and commit answer ok and nothing changes",
    "rpcd-down": "rpcd is not running",
    "timeout": "every ubus call but the login runs into the web server's time limit",
    "uhttpd-restart": "the web server restarts after every apply and cuts all connections",
}
HOSTILE = {
    "hostname": "{{ 7*7 }}{{ lookup('pipe','id') }}",
    "rules": (
        "</td><script>alert(1)</script>",
        "=cmd|'/c calc'!A1",
        "../../etc/cron.d/x",
        "line\nbreak \u202e\U0001f600",
    ),
    "ssid": "\x1b]52;c;bHM=\x07+SUM(1)",
}


class OpenWrtFaults:
    """Mixed into the device; needs its attributes."""

    faults: set[str]
    _requests = 0

    def fault(self, name: str, on: bool = True) -> None:
        super().fault(name, on)  # type: ignore[misc]
        self.fault_switched(name, on)

    def fault_switched(self, name: str, on: bool) -> None:
        device: Any = self
        device.uci.dead_apply = "reverted-by-device" in self.faults
        if name == "rpcd-down":
            (device.rpcd_stop if on else device.rpcd_start)()
        elif name == "lan-address":
            with device.edit("network") as stage:
                stage.set(stage.package.section("lan"), "ipaddr", "192.168.99.1" if on else device.home)
        elif name == "H34" and on:
            self._plant()
        elif name == "H16" and not on:
            device.flash = dict(device.store.files)
            device.keep()

    def _plant(self) -> None:
        device: Any = self
        with device.edit("system") as stage:
            stage.set(stage.package.of_type("system")[0], "hostname", HOSTILE["hostname"])
        with device.edit("firewall") as stage:
            for section, text in zip(stage.package.of_type("rule"), HOSTILE["rules"], strict=False):
                stage.set(section, "name", text)
        with device.edit("wireless") as stage:
            for section in stage.package.of_type("wifi-iface"):
                stage.set(section, "ssid", HOSTILE["ssid"])

    def spoil_request(self, request: Request) -> tuple[Response, list[Call]] | None:
        """An answer in place of the true one."""
        if request.path.startswith("/ubus") and "H23" in self.faults:
            self._requests += 1
            if self._requests % 3 == 0:
                headers = [("Connection", "close"), ("Content-Type", "text/html")]
                return Response(503, headers, b"<h1>Service Unavailable</h1>"), [Call("busy")]
        return None

    def spoil_call(self, sid: str, obj: str, method: str, args: dict[str, Any]) -> Any:
        """The arguments as the device takes them, or a reply (a tuple) in place of the call."""
        device: Any = self
        if (obj, method) == ("session", "login"):
            return args
        if "timeout" in self.faults:
            raise Late(float("inf"), (7, None))
        if obj == "uci" and method in ("set", "add") and "H12" in self.faults:
            return 0, {"error": "Read-only file system"}
        if (obj, method) in (("luci", "setPassword"), ("rpc-sys", "password_set")) and "H12" in self.faults:
            return 0, {"result": False, "error": "passwd: cannot update password file"}
        if obj == "uci" and method in ("set", "add") and "H13" in self.faults:
            values = {k: "banana" if v in ("0", "1", True, False) else v for k, v in args.get("values", {}).items()}
            return args | {"values": values}
        if (obj, method) == ("uci", "commit") and device.uci.dead_apply and "config" in args:
            device.uci.staged.get(sid, {}).pop(args["config"], None)
        return args

    def access(self, sid: str, obj: str, method: str) -> bool:
        device: Any = self
        if obj != "session":
            if "H22" in self.faults:
                self.faults.discard("H22")
                device.sessions.destroy(sid)
            if "H22-denied" in self.faults:
                return False
        return device.granted(sid, obj, method)

    def spoil_response(self, response: Response, calls: list[Call]) -> None:
        """What happens right after an answer was made."""
        device: Any = self
        done = {call.operation for call in calls if call.status == 0}
        if "uci.apply" in done:
            if "H45-foreign-apply" in self.faults and device.uci.pending:
                device.uci.apply("another session", {})
            if "H45-sighup" in self.faults:
                device.rpcd_hangup()
            if "uhttpd-restart" in self.faults:
                device.down_until = time.monotonic() + 0.5
        if "uci.confirm" in done and "H45-lost-confirm" in self.faults:
            response.cut = "close"

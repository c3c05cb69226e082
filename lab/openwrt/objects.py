# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ubus objects beside `uci`: session, system, network.*, rc, service, file, rpc-sys, luci, luci-rpc.

Each method has the name `<object>_<method>` with dots and dashes as underscores, takes (sid, args) and returns
(ubus status, data or None).
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import TYPE_CHECKING, Any

from . import network
from .rpc import Late
from .sessions import NULL_SID, find_login, grant_groups

if TYPE_CHECKING:
    from .device import OpenWrtDevice

OK, INVALID, METHOD_NOT_FOUND, NOT_FOUND, NO_DATA, DENIED, TIMED_OUT, UNKNOWN = 0, 2, 3, 4, 5, 6, 7, 9
Reply = tuple[int, Any]
RC_ACTIONS = ("disable", "enable", "stop", "start", "restart", "reload")
EXEC_TIMEOUT = 30  # seconds, rpcd's own


class Objects:
    def __init__(self, device: OpenWrtDevice) -> None:
        self.device = device
        self.procd: dict[str, Any] = {}  # services set by ubus callers

    # -- session -----------------------------------------------------------------------------------------------
    def session_login(self, sid: str, args: dict[str, Any]) -> Reply:
        device = self.device
        if "username" not in args or "password" not in args:
            return INVALID, None
        rpcd = device.store.peek("rpcd")
        login = find_login(rpcd, device.shadow, args["username"], args["password"])
        if login is None:
            return DENIED, None
        pending = device.uci.pending
        session = device.sessions.get(pending.sid) if pending else None
        if session is None or session.data.get("username") != args["username"]:
            session = device.sessions.create(args.get("timeout", 300))  # else: the applying session is reclaimed
        grant_groups(session, login, device.acl_files)
        session.data["username"] = args["username"]
        return OK, device.sessions.dump(session)

    def session_access(self, sid: str, args: dict[str, Any]) -> Reply:
        session = self.device.sessions.get(sid)
        if session is None:
            return NOT_FOUND, None
        if "object" in args and "function" in args:
            return OK, {"access": session.allows(args.get("scope", "ubus"), args["object"], args["function"])}
        return OK, session.acls()

    def session_list(self, sid: str, args: dict[str, Any]) -> Reply:
        session = self.device.sessions.get(sid)
        return (OK, self.device.sessions.dump(session)) if session else (NOT_FOUND, None)

    def session_get(self, sid: str, args: dict[str, Any]) -> Reply:
        session = self.device.sessions.get(sid)
        if session is None:
            return NOT_FOUND, None
        keys = args.get("keys", sorted(session.data))
        return OK, {"values": {k: session.data[k] for k in keys if k in session.data}}

    def session_set(self, sid: str, args: dict[str, Any]) -> Reply:
        session = self.device.sessions.get(sid)
        if "values" not in args:
            return INVALID, None
        if session is None:
            return NOT_FOUND, None
        session.data.update({k: v for k, v in args["values"].items() if k})
        return OK, None

    def session_unset(self, sid: str, args: dict[str, Any]) -> Reply:
        session = self.device.sessions.get(sid)
        if session is None:
            return NOT_FOUND, None
        for key in args.get("keys", list(session.data)):
            session.data.pop(key, None)
        return OK, None

    def session_destroy(self, sid: str, args: dict[str, Any]) -> Reply:
        if sid == NULL_SID:
            return DENIED, None
        if self.device.sessions.get(sid) is None:
            return NOT_FOUND, None
        self.device.sessions.destroy(sid)
        return OK, None

    # -- system ------------------------------------------------------------------------------------------------
    def system_board(self, sid: str, args: dict[str, Any]) -> Reply:
        board = self.device.model["board"]
        release = board["release"]
        head = {k: board[k] for k in ("kernel",)} | {"hostname": self.device.hostname}
        return OK, head | {k: v for k, v in board.items() if k not in ("kernel", "release")} | {"release": release}

    def system_info(self, sid: str, args: dict[str, Any]) -> Reply:
        device, memory = self.device, 512 * 1024 * 1024
        disk = {"total": 102400, "free": 81920, "used": 20480, "avail": 81920}
        return OK, {
            "localtime": int(device.now().timestamp()) + device.zone_offset(),
            "uptime": device.uptime(), "load": [1024, 2048, 2048],
            "memory": {"total": memory, "free": memory // 2, "shared": 1 << 20, "buffered": 1 << 16,
                       "available": memory // 2, "cached": 1 << 24},
            "root": disk, "tmp": dict(disk), "swap": {"total": 0, "free": 0},
        }  # fmt: skip

    def system_reboot(self, sid: str, args: dict[str, Any]) -> Reply:
        self.device.restart()
        return OK, None

    # -- network -----------------------------------------------------------------------------------------------
    def network_get_proto_handlers(self, sid: str, args: dict[str, Any]) -> Reply:
        return OK, {"static": network.STATIC_HANDLER}

    def network_interface_dump(self, sid: str, args: dict[str, Any]) -> Reply:
        device = self.device
        live, uptime = device.live["network"], device.uptime()
        rows = [{"interface": s.name} | network.status(s, live, device.model, uptime) for s in network.interfaces(live)]
        return OK, {"interface": rows}

    def network_interface_status(self, sid: str, args: dict[str, Any]) -> Reply:
        device = self.device
        for section in network.interfaces(device.live["network"]):
            if section.name == args.get("interface"):
                return OK, network.status(section, device.live["network"], device.model, device.uptime())
        return NOT_FOUND, None

    def network_device_status(self, sid: str, args: dict[str, Any]) -> Reply:
        devices = self.device.model.get("netdevs", {})
        if "name" not in args:
            return OK, {name: network.device_status(entry) for name, entry in sorted(devices.items())}
        entry = devices.get(args["name"])
        return (INVALID, None) if entry is None else (OK, network.device_status(entry))

    def network_wireless_status(self, sid: str, args: dict[str, Any]) -> Reply:
        live, device = self.device.live.get("wireless"), self.device
        if live is None or not device.model.get("radios"):
            return OK, None
        out = {}
        for radio in live.of_type("wifi-device"):
            disabled = device.truth(radio, "disabled", default=False)
            ifaces = [s for s in live.of_type("wifi-iface") if s.get("device") == radio.name]
            out[radio.name] = {
                "up": not disabled, "pending": False, "autostart": True, "disabled": disabled,
                "retry_setup_failed": False, "config": dict(radio.options),
                "interfaces": [] if disabled else [
                    {"section": s.name, "ifname": f"phy{i}-ap0", "config": dict(s.options), "vlans": [], "stations": []}
                    for i, s in enumerate(ifaces) if not device.truth(s, "disabled", default=False)
                ],
            }  # fmt: skip
        return OK, out

    # -- rc, service -------------------------------------------------------------------------------------------
    def rc_list(self, sid: str, args: dict[str, Any]) -> Reply:
        out: dict[str, Any] = {}
        for name, row in self.device.services.items():
            if args.get("name", name) != name:
                continue
            out[name] = {"start": row["start"], "stop": row["stop"], "enabled": row["enabled"]}
            if not args.get("skip_running_check"):
                out[name]["running"] = self.device.running(name)
        return OK, out or None

    def rc_init(self, sid: str, args: dict[str, Any]) -> Reply:
        name, action = args.get("name"), args.get("action")
        if name is None or "/" in name or action not in RC_ACTIONS:
            return INVALID, None
        if name not in self.device.services:
            return NOT_FOUND, None
        self.device.service(name, action)
        return OK, None

    def service_list(self, sid: str, args: dict[str, Any]) -> Reply:
        rows: dict[str, Any] = {}
        if not self.device.stub_scripts:
            for name, row in self.device.services.items():
                if self.device.running(name) and row.get("command"):
                    instance = {"running": True, "pid": _pid(name), "command": row["command"], "term_timeout": 5}
                    rows[name] = {"instances": {"instance1": instance}}
        for name, body in self.procd.items():
            instances = {
                key: {"running": True, "pid": _pid(name), "command": value.get("command", []), "term_timeout": 5}
                for key, value in body.items()
            }
            rows[name] = {"instances": instances}
        rows = {name: row for name, row in rows.items() if args.get("name", name) == name}
        return OK, rows or None

    def service_set(self, sid: str, args: dict[str, Any]) -> Reply:
        if "name" not in args:
            return INVALID, None
        self.procd[args["name"]] = {k: v for k, v in args.get("instances", {}).items() if isinstance(v, dict)}
        return OK, None

    def service_delete(self, sid: str, args: dict[str, Any]) -> Reply:
        return (OK if self.procd.pop(args.get("name"), None) is not None else NOT_FOUND), None

    # -- file --------------------------------------------------------------------------------------------------
    def _file(self, sid: str, args: dict[str, Any], function: str) -> tuple[int, str]:
        """(status, path): path missing is 2, refused by the access list 6, not there 4."""
        path = args.get("path")
        session = self.device.sessions.get(sid)
        if path is None:
            return INVALID, ""
        if session is None or not session.allows("file", path, function):
            return DENIED, ""
        return (OK if self.device.exists(path) else NOT_FOUND), path

    def file_read(self, sid: str, args: dict[str, Any]) -> Reply:
        status, path = self._file(sid, args, "read")
        if status:
            return status, None
        text = self.device.read(path)
        if text is None:
            return NO_DATA, None  # a directory
        return OK, {"data": base64.b64encode(text.encode()).decode() if args.get("base64") else text}

    def file_write(self, sid: str, args: dict[str, Any]) -> Reply:
        status, path = self._file(sid, args, "write")
        if status not in (OK, NOT_FOUND) or "data" not in args:
            return status or INVALID, None
        try:
            data = base64.b64decode(args["data"]).decode() if args.get("base64") else args["data"]
        except ValueError:
            return INVALID, None
        self.device.write(args["path"], (self.device.read(path) or "" if args.get("append") else "") + data)
        return OK, None

    def file_remove(self, sid: str, args: dict[str, Any]) -> Reply:
        status, path = self._file(sid, args, "write")
        if status:
            return status, None
        return (OK if self.device.files.pop(path, None) is not None else NOT_FOUND), None

    def file_md5(self, sid: str, args: dict[str, Any]) -> Reply:
        status, path = self._file(sid, args, "read")
        text = None if status else self.device.read(path)
        if text is None:
            return status or NO_DATA, None
        return OK, {"md5": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}

    def file_stat(self, sid: str, args: dict[str, Any]) -> Reply:
        status, path = self._file(sid, args, "list")
        return (status, None) if status else (OK, {"path": path} | self._stat(path))

    file_lstat = file_stat

    def file_list(self, sid: str, args: dict[str, Any]) -> Reply:
        status, path = self._file(sid, args, "list")
        if status:
            return status, None
        below = path.rstrip("/") + "/"
        names = dict.fromkeys(p[len(below) :].split("/")[0] for p in self.device.paths() if p.startswith(below))
        return OK, {"entries": [{"name": name} | self._stat(below + name) for name in names]}

    def _stat(self, path: str) -> dict[str, Any]:
        text, at = self.device.read(path), int(self.device.now().timestamp()) - self.device.uptime()
        kind = {"type": "directory", "size": 4096, "mode": 16877}
        if text is not None:
            private = path in ("/etc/shadow",)
            kind = {"type": "file", "size": len(text.encode()), "mode": 33152 if private else 33188}
        owner = {"uid": 0, "gid": 0, "user": "root", "group": "root"}
        return kind | {"atime": at, "mtime": at, "ctime": at, "inode": zlib.crc32(path.encode()) >> 8} | owner

    def file_exec(self, sid: str, args: dict[str, Any]) -> Reply:
        command, params = args.get("command"), [str(p) for p in args.get("params", [])]
        session = self.device.sessions.get(sid)
        if command is None:
            return INVALID, None
        line = " ".join([command, *params])
        known: dict[str, Any] = {"/bin/false": {"code": 1}, "/bin/true": {"code": 0}, "/bin/cat": {}, "/bin/sleep": {}}
        known |= self.device.model["exec"]
        if command not in known and line not in known:
            return NOT_FOUND, None
        if session is None or not (session.allows("file", command, "exec") or session.allows("file", line, "exec")):
            return DENIED, None
        if command == "/bin/sleep":
            seconds = float(params[0])
            done = (OK, {"code": 0})
            raise Late(min(seconds, EXEC_TIMEOUT), done if seconds <= EXEC_TIMEOUT else (TIMED_OUT, None))
        if command == "/bin/cat":
            text = self.device.read(params[0]) if params else ""
            return OK, ({"code": 1} if text is None else {"code": 0, "stdout": text})
        return OK, known.get(line, known.get(command))

    # -- rpc-sys -----------------------------------------------------------------------------------------------
    def rpc_sys_password_set(self, sid: str, args: dict[str, Any]) -> Reply:
        if "user" not in args or "password" not in args:
            return INVALID, None
        if args["user"] not in self.device.shadow:
            return UNKNOWN, None
        self.device.set_password(args["user"], args["password"])  # no policy: one letter will do
        return OK, None

    def rpc_sys_packagelist(self, sid: str, args: dict[str, Any]) -> Reply:
        installed = self.device.installed
        if installed is None:
            return NOT_FOUND, None
        # a name with "*" behind its version is there only as somebody's dependency
        rows = {n: v.rstrip("*") for n, v in installed.items() if args.get("all") or not v.endswith("*")}
        return OK, {"packages": rows}

    def rpc_sys_upgrade_test(self, sid: str, args: dict[str, Any]) -> Reply:
        return OK, {"code": 0}

    def rpc_sys_upgrade_clean(self, sid: str, args: dict[str, Any]) -> Reply:
        return NOT_FOUND, None  # there never is an image

    def rpc_sys_reboot(self, sid: str, args: dict[str, Any]) -> Reply:
        return self.system_reboot(sid, args)

    def rpc_sys_factory(self, sid: str, args: dict[str, Any]) -> Reply:
        self.device.factory_reset()
        return OK, None

    # -- luci --------------------------------------------------------------------------------------------------
    def luci_setPassword(self, sid: str, args: dict[str, Any]) -> Reply:  # noqa: N802
        if args.get("username") not in self.device.shadow or "password" not in args:
            return OK, {"result": False}
        self.device.set_password(args["username"], args["password"])
        return OK, {"result": True}

    def luci_getInitList(self, sid: str, args: dict[str, Any]) -> Reply:  # noqa: N802
        rows = self.device.services.items()
        wanted = args.get("name")
        names = {n: {"index": r["start"], "stop": r["stop"], "enabled": r["enabled"]} for n, r in rows}
        return OK, {n: row for n, row in names.items() if wanted in (None, n)}

    def luci_setInitAction(self, sid: str, args: dict[str, Any]) -> Reply:  # noqa: N802
        if args.get("name") not in self.device.services or args.get("action") not in RC_ACTIONS:
            return OK, {"error": "Invalid argument"}
        self.device.service(args["name"], args["action"])
        return OK, {"result": True}

    def luci_getFeatures(self, sid: str, args: dict[str, Any]) -> Reply:  # noqa: N802
        return OK, {"firewall": True, "firewall4": True, "opkg": True, "dropbear": True, "ipv6": True, "dnsmasq": {}}

    def luci_getUnixtime(self, sid: str, args: dict[str, Any]) -> Reply:  # noqa: N802
        return OK, {"result": int(self.device.now().timestamp())}

    luci_getLocaltime = luci_getUnixtime  # noqa: N815

    def luci_setLocaltime(self, sid: str, args: dict[str, Any]) -> Reply:  # noqa: N802
        if "localtime" in args:
            self.device.clock_offset += args["localtime"] - self.device.now().timestamp()
        return OK, {"result": args.get("localtime")}

    def luci_getVersion(self, sid: str, args: dict[str, Any]) -> Reply:  # noqa: N802
        return OK, {"branch": "LuCI openwrt-23.05 branch", "revision": "git-25.000.00000"}

    def luci_rpc_getDHCPLeases(self, sid: str, args: dict[str, Any]) -> Reply:  # noqa: N802
        now = int(self.device.now().timestamp())
        leases = []
        for line in (self.device.read("/tmp/dhcp.leases") or "").splitlines():
            until, mac, address, name, _client = line.split(" ", 4)
            row = {"expires": int(until) - now if int(until) else False, "macaddr": mac.upper(), "ipaddr": address}
            leases.append(row | ({} if name == "*" else {"hostname": name}))
        family = args.get("family", 0)
        return OK, ({"dhcp_leases": leases} if family in (0, 4) else {}) | (
            {"dhcp6_leases": []} if family in (0, 6) else {}
        )

    def luci_rpc_getHostHints(self, sid: str, args: dict[str, Any]) -> Reply:  # noqa: N802
        leases = self.luci_rpc_getDHCPLeases(sid, {})[1]["dhcp_leases"]
        return OK, {
            row["macaddr"]: {"ipaddrs": [row["ipaddr"]], "ip6addrs": []}
            | ({"name": row["hostname"]} if "hostname" in row else {})
            for row in leases
        }

    def luci_rpc_getNetworkDevices(self, sid: str, args: dict[str, Any]) -> Reply:  # noqa: N802
        out = {}
        for name, entry in sorted(self.device.model.get("netdevs", {}).items()):
            full = network.device_status(entry)
            out[name] = {"name": name, "up": full["up"], "mtu": full.get("mtu", 1500), "stats": full["statistics"]}
            out[name] |= {"mac": full.get("macaddr", ""), "bridge": full["type"] == "bridge"}
        return OK, out

    def luci_rpc_getWirelessDevices(self, sid: str, args: dict[str, Any]) -> Reply:  # noqa: N802
        return self.network_wireless_status(sid, args)

    def luci_rpc_getBoardJSON(self, sid: str, args: dict[str, Any]) -> Reply:  # noqa: N802
        board = self.device.model["board"]
        return OK, {"model": {"id": board["board_name"], "name": board["model"]}}


def _pid(name: str) -> int:
    return 1000 + zlib.crc32(name.encode()) % 4000

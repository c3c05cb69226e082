# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All exchanges recorded against the real OpenWrt daemons, replayed against the simulated router and compared."""

from __future__ import annotations

import asyncio
import datetime
import fnmatch
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.nwcs.hardening.lab.device import Request
from ansible_collections.nwcs.hardening.lab.openwrt.device import Clock, OpenWrtDevice
from ansible_collections.nwcs.hardening.lab.openwrt.sessions import NULL_SID

ROOT = Path(__file__).parents[3]
CAPTURES = ROOT / "tests" / "captures" / "openwrt-ubus"
FILES = sorted(p.name for p in CAPTURES.glob("[0-9]*.json") if not p.name.startswith("00-"))
EXCHANGES, SERVER_SIDE = 355, 29
ROOT_PASSWORD = "Corr3ct-Horse!"
HTTPS_PORT = 39544  # of the recording's third uhttpd
AUDITOR_HASH = "$6$abcdefgh$FSHaNs23y/xoyQ8Hjbs6oNYqFghQlSuAH7D3.xkuTN0khyS7VXmrxdovWymgyjQzCUdE0X23SchdtmRn9Mt.W0"

# (file, exchange name, path in the body or "header:<name>") with wildcards -> why this figure cannot be the same.
# A masked value must still be there and have the same type.
MASKS = {
    ("*", "*", "result.1.kernel"): "kernel of the recording machine",
    ("*", "*", "result.1.system"): "CPU of the recording machine",
    ("*", "system info", "result.1.localtime"): "wall clock of the recording",
    ("*", "system info", "result.1.uptime"): "uptime of the recording machine",
    ("*", "system info", "result.1.load.*"): "load of the recording machine",
    ("*", "system info", "result.1.memory.*"): "memory of the recording machine",
    ("*", "system info", "result.1.root.*"): "disk of the recording machine",
    ("*", "system info", "result.1.tmp.*"): "disk of the recording machine",
    ("*", "system info", "result.1.swap.*"): "memory of the recording machine",
    ("*", "*", "result.1.uptime"): "seconds since netifd was started for the recording",
    ("*", "*", "result.1.interface.*.uptime"): "seconds since netifd was started for the recording",
    ("07*", "network.device status*", "*macaddr"): "random addresses of the recording's veth pairs",
    ("07*", "network.device status*", "*.statistics.*"): "traffic on the recording's veth pairs",
    ("07*", "service list*", "*.pid"): "process number",
    ("07*", "file *", "*.atime"): "time of the recording",
    ("07*", "file *", "*.mtime"): "time of the recording",
    ("07*", "file *", "*.ctime"): "time of the recording",
    ("07*", "file *", "*.inode"): "file system of the recording machine",
    ("07*", "file list", "result.1.entries.2.size"): "the recording's upnpd file had comments",
    ("07*", "file list", "result.1.entries.5.size"): "the recording's ddns file had comments",
    ("07*", "file list", "result.1.entries.8.size"): "the recording's firewall file had comments",
    ("03*", "index", "header:ETag"): "inode and time of the recording's index page",
    ("03*", "index", "header:Last-Modified"): "time of the recording's index page",
}
CANNOT: dict[tuple[str, str], str] = {}  # (file, exchange name) -> why it cannot be reproduced at all


class JumpClock(Clock):
    """Waits by jumping."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def time(self) -> float:
        return self.seconds

    def utc(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(1795225392 + self.seconds, datetime.UTC)

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def load(name: str) -> dict[str, Any]:
    return json.loads((CAPTURES / name).read_text(encoding="utf-8"))


def router(name: str, context: dict[str, Any]) -> OpenWrtDevice:
    """A router in the state in which the recording of this file began."""
    model = yaml.safe_load((ROOT / "lab" / "models" / "openwrt-full-acl.yml").read_text(encoding="utf-8"))
    ether = {"speed": "10000F"}
    model |= {
        "moved_ports": False,  # the recordings were made on the real ports
        "stub_scripts": True,
        "radios": False,
        "interface_device": {"lan": "lan1"},
        "pages": {"/": [200, "<html><body>OpenWrt test root</body></html>\n"]},
        "netdevs": {
            "br-lan": {"kind": "bridge", "up": False, "members": ["lan1", "lan2", "lan3"]},
            "lan1": ether, "lan1p": ether, "wan": ether, "wanp": ether,
            "lan2": ether | {"up": False}, "lan3": ether | {"up": False},
        },
    }  # fmt: skip
    model["acl_files"] = {"superuser.json": None} if "acl_files" in context else {}
    groups = dict(context.get("acl", {}))
    if name.startswith("08"):
        groups.pop("drift-read")  # placed in the middle of the recording
    if name.startswith("03"):  # still there from the recording before; the context does not name it, the answers do
        groups["drift-read"] = drift_group()
    model["acl_files"] |= {f"{group}.json": {group: body} for group, body in groups.items()}
    device = OpenWrtDevice("router", "127.0.0.1", model, {"https": HTTPS_PORT}, clock=JumpClock())
    device.model["board"].pop("rootfs_type")
    if not name.startswith(("01", "08")):
        device.set_password("root", ROOT_PASSWORD)
    if name.startswith("06"):
        with device.edit("rpcd") as stage:
            login = stage.add("login", "auditor")
            stage.set(login, "username", "auditor")
            stage.set(login, "password", AUDITOR_HASH)
            stage.add_list(login, "read", "unauthenticated")
            stage.add_list(login, "read", "drift-read")
    if name.startswith("09"):
        device.installed = PACKAGES
    return device


def drift_group() -> dict[str, Any]:
    return load("06-uci-apply-confirm-rollback.json")["context"]["acl"]["drift-read"]


PACKAGES = {"dropbear": "2025.88-r1", "luci-app-upnp": "25.1-r1", "libubox": "2024.03.29-r1*"}


# -- what was done or seen on the device between two exchanges ---------------------------------------------------------
def hostname(device: OpenWrtDevice) -> str:
    return device.store.peek("system").of_type("system")[0].get("hostname")


def check_hostname(wanted: str, wait: float = 0.0) -> Any:
    def run(device: OpenWrtDevice, _seen: Any) -> None:
        device.clock.seconds += wait  # type: ignore[attr-defined]
        device.uci.tick()
        assert hostname(device) == wanted

    return run


def contains_new_hostname(wanted: bool) -> Any:
    def run(device: OpenWrtDevice, _seen: Any) -> None:
        assert ("site-a-router" in device.read("/etc/config/system")) is wanted  # type: ignore[operator]

    return run


def uhttpd_with(**options: str) -> Any:
    def run(device: OpenWrtDevice, _seen: Any) -> None:
        section = device.live["uhttpd"].of_type("uhttpd")[0]
        for option in ("script_timeout", "redirect_https", "no_ubusauth", "ubus_cors"):
            section.options.pop(option, None)
        section.options.update(options)

    return run


def hangup(device: OpenWrtDevice, _seen: Any) -> None:
    uhttpd_with()(device, None)  # the recording goes on with its first uhttpd
    device.rpcd_hangup()


def wait(seconds: float) -> Any:
    def run(device: OpenWrtDevice, _seen: Any) -> None:
        device.clock.seconds += seconds  # type: ignore[attr-defined]

    return run


def place_drift_acl(device: OpenWrtDevice, _seen: Any) -> None:
    device.acl_files["drift.json"] = {"drift-read": drift_group()}


def check_timed_out_both(device: OpenWrtDevice, _seen: Any) -> None:
    check_hostname("hup-1", 5)(device, None)
    main = device.store.peek("dropbear").of_type("dropbear")[0]
    assert (main.get("PasswordAuth"), main.get("RootPasswordAuth")) == ("on", "on")


def check_hash(device: OpenWrtDevice, _seen: Any) -> None:
    assert device.shadow["root"].startswith("$5$")


def check_same_id(device: OpenWrtDevice, seen: list[str]) -> None:
    assert seen[-1] == seen[0]


def check_fresh_id(device: OpenWrtDevice, seen: list[str]) -> None:
    assert seen[-1] not in seen[:-1]


def install(device: OpenWrtDevice, _seen: Any) -> None:
    device.installed = PACKAGES


def nothing_to_do(device: OpenWrtDevice, _seen: Any) -> None:
    """A remark on the device."""


SERVER: dict[tuple[str, int], Any] = {  # (file, index in exchanges)
    ("02", 8): wait(3.2),
    ("05", 8): contains_new_hostname(False),
    ("05", 10): contains_new_hostname(True),
    ("06", 8): check_hostname("applied-1"),
    ("06", 18): check_hostname("applied-1", 6),
    ("06", 21): check_hostname("applied-2"),
    ("06", 22): check_hostname("applied-1", 5.5),
    ("06", 31): check_hostname("applied-1"),
    ("06", 37): check_same_id,
    ("06", 39): check_fresh_id,
    ("06", 41): check_hostname("applied-4"),
    ("06", 44): check_hostname("applied-5"),
    ("06", 50): nothing_to_do,
    ("06", 56): check_hostname("applied-6", 5.5),
    ("06", 62): check_hostname("applied-8"),
    ("06", 67): check_hostname("applied-9", 5.5),
    ("07", 41): install,
    ("08", 2): check_hash,
    ("08", 11): place_drift_acl,
    ("09", 2): uhttpd_with(script_timeout="3"),
    ("09", 4): uhttpd_with(redirect_https="1"),
    ("09", 7): uhttpd_with(no_ubusauth="1", ubus_cors="1"),
    ("09", 13): hangup,
    ("09", 15): lambda device, _seen: device.rpcd_stop(),
    ("09", 19): lambda device, _seen: device.rpcd_start(),
    ("11", 3): hangup,
    ("11", 6): check_hostname("hup-1", 5),
    ("11", 11): check_timed_out_both,
    ("11", 17): check_hostname("hup-1", 0.5),
}


# -- the replay --------------------------------------------------------------------------------------------------------
class Replay:
    def __init__(self, name: str) -> None:
        self.name = name
        self.data = load(name)
        self.device = router(name, self.data["context"])
        self.ids: dict[str, str] = {}  # recorded session id -> the simulated router's
        self.seen: list[str] = []  # ids of logins, in order
        self.compared = 0

    def run(self) -> None:
        for index, exchange in enumerate(self.data["exchanges"]):
            if "server_side" in exchange:
                SERVER[self.name[:2], index](self.device, self.seen)
            elif (self.name, exchange["name"]) not in CANNOT:
                self.exchange(exchange)
                self.compared += 1

    def exchange(self, exchange: dict[str, Any]) -> None:
        recorded, wanted = exchange["request"], exchange["response"]
        body = recorded["body"]
        text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        headers = {key.lower(): self.translate(value) for key, value in recorded["headers"].items()}
        headers["host"] = "127.0.0.1:39543"
        scheme = "https" if exchange["name"] == "over TLS" else "http"
        request = Request(
            recorded["method"], recorded["path"], headers, self.translate(text).encode(), "127.0.0.1", scheme
        )
        response = asyncio.run(self.device.handle(request))
        got = response.body.decode()
        try:
            parsed = json.loads(got)
        except ValueError:
            parsed = got
        self.learn(wanted["body"], parsed)
        parsed = json.loads(self.translate(json.dumps(parsed), back=True))
        got_headers = dict(response.headers) | ({"Transfer-Encoding": "chunked"} if response.chunked else {})
        where = f"{self.name}: {exchange['name']}"
        assert response.status == wanted["status"], where
        assert not response.cut, where
        self.same(where, exchange["name"], "header:", wanted["headers"], got_headers)
        self.same(where, exchange["name"], "", wanted["body"], parsed)

    def translate(self, text: str, back: bool = False) -> str:
        for recorded, own in self.ids.items():
            text = text.replace(own, recorded) if back else text.replace(recorded, own)
        return text

    def learn(self, wanted: Any, got: Any) -> None:
        """Pair the session ids of two login answers."""
        rows = [find_key(value, "ubus_rpc_session") for value in (wanted, got)]
        if all(isinstance(row, str) for row in rows):
            if rows[0] not in self.ids:
                assert rows[1] not in self.ids.values(), "one session where the recording has two"
                self.ids[rows[0]] = rows[1]
            self.seen.append(rows[1])

    def same(self, where: str, name: str, path: str, wanted: Any, got: Any) -> None:
        if any(
            fnmatch.fnmatchcase(self.name, f) and fnmatch.fnmatchcase(name, n) and fnmatch.fnmatchcase(path, p)
            for f, n, p in MASKS
        ):
            assert type(got) is type(wanted), f"{where}: {path}"
        elif isinstance(wanted, dict) and isinstance(got, dict):
            # the order of members counts too, except of headers and of what a mask's owner made up
            assert sorted(got) == sorted(wanted), f"{where}: {path}"
            if not path.startswith("header:"):
                assert list(got) == list(wanted), f"{where}: order in {path}"
            for key in wanted:
                self.same(where, name, f"{path}{'.' if path and path[-1] != ':' else ''}{key}", wanted[key], got[key])
        elif isinstance(wanted, list) and isinstance(got, list):
            assert len(got) == len(wanted), f"{where}: {path}: {wanted!r} {got!r}"
            for index, (one, other) in enumerate(zip(wanted, got, strict=True)):
                self.same(where, name, f"{path}{'.' if path else ''}{index}", one, other)
        else:
            assert (type(got), got) == (type(wanted), wanted), f"{where}: {path}"


def find_key(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        if isinstance(value.get(key), str) and "data" in value:  # a session dump, not a signature
            return value[key]
        value = list(value.values())
    if isinstance(value, list):
        return next((found for found in (find_key(item, key) for item in value) if found), None)
    return None


@pytest.mark.parametrize("name", FILES)
def test_replay(name: str) -> None:
    Replay(name).run()


def test_nothing_is_left_out() -> None:
    exchanges = [(name, i, e) for name in FILES for i, e in enumerate(load(name)["exchanges"])]
    assert len(FILES) == 11
    assert sum("request" in e for _unused, _unused, e in exchanges) == EXCHANGES
    remarks = {(name[:2], i) for name, i, e in exchanges if "server_side" in e}
    assert len(remarks) == SERVER_SIDE
    assert remarks == set(SERVER)
    assert CANNOT == {}


def test_every_mask_has_a_reason_and_hits_something(monkeypatch: pytest.MonkeyPatch) -> None:
    hit: set[Any] = set()
    plain = fnmatch.fnmatchcase
    for name in ("03-protocol-errors.json", "07-system-network-services.json"):
        replay = Replay(name)
        original = replay.same

        def same(where: str, label: str, path: str, wanted: Any, got: Any, r: Any = replay, o: Any = original) -> None:
            for mask in MASKS:
                if plain(r.name, mask[0]) and plain(label, mask[1]) and plain(path, mask[2]):
                    hit.add(mask)
            o(where, label, path, wanted, got)

        monkeypatch.setattr(replay, "same", same)
        replay.run()
    assert hit == set(MASKS)
    assert all(MASKS.values())


def test_the_comparison_notices_a_difference() -> None:
    replay = Replay("04-uci-read.json")
    replay.data["exchanges"][15]["response"]["body"]["result"][1]["value"] = "Openwrt"
    with pytest.raises(AssertionError, match="get option string"):
        replay.run()
    assert replay.device.sessions.by_id[NULL_SID]

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated router beyond the recordings: models, sockets, firewall, faults, attacks, log."""

from __future__ import annotations

import asyncio
import datetime
import http.client
import json
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.nwcs.hardening.lab.device import Request
from ansible_collections.nwcs.hardening.lab.openwrt import crypt
from ansible_collections.nwcs.hardening.lab.openwrt.attacks import ATTACKS, FOREIGN_DNS
from ansible_collections.nwcs.hardening.lab.openwrt.device import Clock, OpenWrtDevice
from ansible_collections.nwcs.hardening.lab.openwrt.faults import FAULTS
from ansible_collections.nwcs.hardening.lab.openwrt.uci import Package
from ansible_collections.nwcs.hardening.lab.testing import is_open, running_lab

MODELS = Path(__file__).parents[3] / "lab" / "models"
NULL = "0" * 32
WAN = "127.77.200.9"


class JumpClock(Clock):
    def __init__(self) -> None:
        self.seconds = 1000.0

    def time(self) -> float:
        return self.seconds

    def utc(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(1795225392 + self.seconds, datetime.UTC)

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Client:
    """One client of one router, without sockets."""

    def __init__(self, model: str = "openwrt-factory", **overrides: Any) -> None:
        content = yaml.safe_load((MODELS / f"{model}.yml").read_text(encoding="utf-8"))
        self.clock = JumpClock()
        self.device = OpenWrtDevice("router", "127.77.0.1", content | overrides, clock=self.clock)
        self.sid = NULL
        self.last: Any = None

    def post(self, body: Any, port: int = 8443, peer: str = "127.0.0.1") -> Any:
        request = Request("POST", "/ubus", {}, json.dumps(body).encode(), peer, "https", port)
        self.last = asyncio.run(self.device.handle(request))
        return json.loads(self.last.body) if self.last.body and self.last.status == 200 else None

    def call(self, obj: str, method: str, sid: str | None = None, **args: Any) -> Any:
        """The ubus result (a list), or uhttpd's negative error code."""
        params = [self.sid if sid is None else sid, obj, method, args]
        answer = self.post({"jsonrpc": "2.0", "id": 1, "method": "call", "params": params})
        return answer["result"] if "result" in answer else answer["error"]["code"]

    def login(self, password: str = "", user: str = "root") -> Client:
        status, data = self.call("session", "login", NULL, username=user, password=password)
        assert status == 0
        self.sid = data["ubus_rpc_session"]
        return self

    def set(self, config: str, section: str, **values: Any) -> Any:
        return self.call("uci", "set", config=config, section=section, values=values)

    def option(self, config: str, section: str, option: str) -> Any:
        return self.call("uci", "get", config=config, section=section, option=option)

    def put(self, config: str, section: str, **values: Any) -> None:
        """Set, apply without a net: in force."""
        assert self.set(config, section, **values) == [0]
        assert self.call("uci", "apply", rollback=False) == [0]

    def ports(self) -> set[int]:
        return {item.port for item in self.device.listeners()}


# -- models ------------------------------------------------------------------------------------------------------------
def test_factory_root_has_no_password_and_the_rights_of_luci() -> None:
    client = Client().login("any string at all")
    for config in ("system", "dropbear", "uhttpd", "firewall", "upnpd", "ddns", "network", "dhcp", "wireless"):
        assert client.call("uci", "get", config=config)[0] == 0, config
    assert client.call("uci", "get", config="rpcd") == [6]
    for method in ("commit", "revert", "rollback", "configs"):
        assert client.call("uci", method, config="system") == -32002
    assert client.call("system", "board")[1]["release"]["version"] == "23.05.5"
    assert client.call("rpc-sys", "password_set", user="root", password="x") == -32000
    leases = client.call("luci-rpc", "getDHCPLeases")[1]["dhcp_leases"]
    assert leases[0]["ipaddr"] == "127.77.0.11"
    dump = {row["interface"]: row for row in client.call("network.interface", "dump")[1]["interface"]}
    assert dump["lan"]["ipv4-address"] == [{"address": "127.77.0.1", "mask": 24}]
    assert dump["wan"]["dns-server"] == ["192.0.2.53", "192.0.2.54"]


def test_bare_root_can_do_nothing() -> None:
    client = Client("openwrt-bare").login()
    assert client.call("uci", "get", config="system") == -32002
    assert client.call("system", "board") == -32002


def test_password_set_is_a_hash_and_counts() -> None:
    client = Client().login("x")
    assert client.call("luci", "setPassword", username="root", password="Str0ng-one") == [0, {"result": True}]
    stored = client.device.shadow["root"]
    assert stored.startswith("$5$") and "Str0ng" not in stored
    assert client.call("session", "login", NULL, username="root", password="x") == [6]
    assert client.call("uci", "changes")[0] == 0  # the old session lives on
    client.login("Str0ng-one")


def test_full_acl_model_commits_and_sets_passwords() -> None:
    client = Client("openwrt-full-acl").login()
    assert client.set("system", "@system[0]", hostname="r1") == [0]
    assert client.call("uci", "commit", config="system") == [0]
    assert client.device.hostname == "r1"
    assert client.call("rpc-sys", "password_set", user="root", password="a") == [0]
    client.login("a")


def test_a_model_may_come_with_a_password() -> None:
    client = Client(passwords={"root": "0wner-pass"})
    assert client.device.bootstrap_login == ("root", "0wner-pass")
    assert client.call("session", "login", NULL, username="root", password="") == [6]
    client.login("0wner-pass")


def test_crypt_known_answers() -> None:
    assert (
        crypt.sha_crypt("Hello world!", "$5$saltstring") == "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"
    )
    long_salt = "$6$rounds=10000$saltstringsaltstring"
    wanted = "$6$rounds=10000$saltstringsaltst$"
    wanted += "OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."
    assert crypt.sha_crypt("Hello world!", long_salt) == wanted
    assert not crypt.verify("plaintext", "plaintext")
    assert not crypt.verify("x", "*")


# -- sessions ----------------------------------------------------------------------------------------------------------
def test_each_call_renews_the_session_and_silence_ends_it() -> None:
    client = Client().login()
    for _unused in range(3):
        client.clock.seconds += 200
        assert client.call("uci", "changes")[0] == 0
    client.clock.seconds += 301
    assert client.call("uci", "changes") == -32002


def test_a_pending_apply_is_reclaimed_by_the_same_user_and_rolls_back_alone() -> None:
    client = Client().login()
    client.set("system", "@system[0]", hostname="new")
    assert client.call("uci", "apply", rollback=True, timeout=10) == [0]
    first = client.sid
    assert client.login().sid == first
    assert client.device.hostname == "new"
    client.clock.seconds += 10
    client.device.listeners()  # nobody asks over the network
    assert client.device.hostname == "OpenWrt"
    assert client.call("uci", "confirm") == [5]
    assert client.call("uci", "changes")[1]["changes"] == {"system": [["set", "cfg01e48a", "hostname", "new"]]}


# -- sockets and firewall ----------------------------------------------------------------------------------------------
def test_sockets_follow_the_configuration_in_force() -> None:
    client = Client().login()
    assert client.ports() == {8080, 8443, 2222, 5000}
    client.set("dropbear", "main", enable="0")
    assert 2222 in client.ports()  # only staged
    client.call("uci", "apply", rollback=False)
    assert client.ports() == {8080, 8443, 5000}
    client.put("uhttpd", "main", listen_http=["0.0.0.0:8081"])
    assert client.ports() == {8081, 8443, 5000}
    client.put("upnpd", "config", enabled="0")
    assert client.ports() == {8081, 8443}
    client.put("upnpd", "config", enabled="")  # absent means on
    assert client.ports() == {8081, 8443, 5000}
    assert client.call("rc", "init", name="miniupnpd", action="stop") == [0]
    assert client.ports() == {8081, 8443}


def test_redirect_to_https() -> None:
    client = Client().login()
    client.put("uhttpd", "main", redirect_https="1")
    request = Request("POST", "/ubus", {"host": "127.77.0.1:8080"}, b"{}", "127.0.0.1", "http", 8080)
    answer = asyncio.run(client.device.handle(request))
    assert (answer.status, answer.body) == (307, b"")
    assert dict(answer.headers) == {"Connection": "close", "Location": "https://127.77.0.1:8443/ubus"}


def test_another_lan_address_is_gone_until_the_rollback() -> None:
    client = Client().login()
    client.set("network", "lan", ipaddr="127.77.0.2")
    client.call("uci", "apply", rollback=True, timeout=20)
    assert client.ports() == set()
    client.clock.seconds += 21
    assert 8443 in client.ports()


def wan_rule(client: Client, **values: str) -> None:
    rule = {"src": "wan", "proto": "tcp", "dest_port": "8443", "target": "ACCEPT"} | values
    client.call("uci", "add", config="firewall", type="rule", name="t", values=rule)
    client.call("uci", "apply", rollback=False)


def test_the_internet_side_is_refused_and_the_lan_is_not() -> None:
    device = Client().device
    assert device.admits_port("127.0.0.1", 8443)
    assert device.admits_port("127.77.0.50", 8443)
    assert not device.admits_port(WAN, 8443)
    assert not device.admits(WAN)


@pytest.mark.parametrize(
    ("rule", "opened"),
    [
        ({}, True),
        ({"dest_port": "8400-8500"}, True),
        ({"proto": "udp"}, False),
        ({"dest_port": "2222"}, False),
        ({"enabled": "0"}, False),
        ({"enabled": "banana"}, False),  # firewall4 leaves such a rule out
        ({"src": "lan"}, False),
        ({"dest": "lan"}, False),
        ({"target": "DROP"}, False),
        ({"src_ip": "127.77.200.0/28"}, True),
        ({"src_ip": "198.51.100.7"}, False),
    ],
)
def test_wan_rules(rule: dict[str, str], opened: bool) -> None:
    client = Client().login()
    wan_rule(client, **rule)
    assert client.device.admits_port(WAN, 8443) is opened


def test_an_open_wan_zone_and_a_web_server_bound_to_the_lan() -> None:
    client = Client().login()
    client.put("firewall", "@zone[1]", input="ACCEPT")
    assert client.device.admits_port(WAN, 8443)
    assert client.device.admits_port(WAN, 2222)
    assert not client.device.admits_port(WAN, 5000)  # UPnP serves the LAN only
    client.put("uhttpd", "main", listen_https=["127.77.0.1:443"], listen_http=["127.77.0.1:80"])
    client.put("dropbear", "main", Interface="lan")
    assert not client.device.admits_port(WAN, 8443)
    assert not client.device.admits_port(WAN, 2222)
    assert client.device.admits_port("127.77.0.9", 8443)
    client.post([], peer=WAN)
    assert client.last.cut == "reset"


# -- the log -----------------------------------------------------------------------------------------------------------
def test_log_counts_batches_marks_writes_and_holds_no_secret() -> None:
    client = Client().login("planted-password")
    client.call("luci", "setPassword", username="root", password="planted-second")
    member = {"jsonrpc": "2.0", "id": 1, "method": "call"}
    client.post([member | {"params": [client.sid, "uci", "get", {"config": c}]} for c in ("system", "dhcp", "network")])
    client.set("system", "@system[0]", hostname="x")
    client.call("session", "login", NULL, username="root", password="wrong")
    log = client.device.log
    assert [(e.operation, e.write, e.count, e.login, e.user) for e in log] == [
        ("session.login", False, 1, "ok", "root"),
        ("luci.setPassword", True, 1, "", "root"),
        ("uci.get", False, 3, "", "root"),
        ("uci.set", True, 1, "", "root"),
        ("session.login", False, 1, "refused", ""),
    ]
    text = repr(log) + json.dumps(client.device.public_state())
    for secret in ("planted", client.sid, client.device.shadow["root"]):
        assert secret not in text


# -- faults ------------------------------------------------------------------------------------------------------------
def on(name: str) -> Client:
    client = Client().login()
    client.device.fault(name)
    return client


def apply_name(client: Client, timeout: int = 10) -> Any:
    client.set("system", "@system[0]", hostname="new")
    return client.call("uci", "apply", rollback=True, timeout=timeout)


def fault_h12() -> None:
    client = on("H12")
    assert client.set("system", "@system[0]", hostname="new")[0] == 0
    assert client.call("uci", "changes") == [0, {"changes": {}}]


def fault_h13() -> None:
    client = on("H13")
    client.put("uhttpd", "main", redirect_https="1")
    assert client.option("uhttpd", "main", "redirect_https") == [0, {"value": "banana"}]
    assert not client.device.uhttpd_options().redirect_https


def fault_h16() -> None:
    client = on("H16")
    client.put("system", "@system[0]", hostname="new")
    assert client.option("system", "@system[0]", "hostname") == [0, {"value": "new"}]
    client.device.restart(0)
    assert client.login().option("system", "@system[0]", "hostname") == [0, {"value": "OpenWrt"}]


def fault_h22() -> None:
    client = on("H22")
    assert client.call("uci", "changes") == -32002
    assert client.login().call("uci", "changes")[0] == 0


def fault_h22_denied() -> None:
    client = on("H22-denied")
    assert client.call("uci", "changes") == -32002
    assert client.login().call("uci", "changes") == -32002


def fault_h23() -> None:
    client = on("H23")
    statuses = [client.post([]) is not None and client.last.status for _unused in range(3)]
    assert statuses[:2] == [200, 200] and client.last.status == 503


def fault_h34() -> None:
    client = on("H34")
    assert "{{" in client.option("system", "@system[0]", "hostname")[1]["value"]
    assert "<script>" in client.option("firewall", "@rule[0]", "name")[1]["value"]
    assert "\n" in client.option("firewall", "@rule[3]", "name")[1]["value"]
    assert client.option("wireless", "default_radio0", "ssid")[1]["value"].startswith("\x1b]52")


def fault_h45_foreign_apply() -> None:
    client = on("H45-foreign-apply")
    assert apply_name(client) == [0]
    client.clock.seconds += 11
    assert client.call("uci", "confirm") == [5]
    assert client.device.hostname == "new"  # the net was gone


def fault_h45_sighup() -> None:
    client = on("H45-sighup")
    assert apply_name(client) == [0]
    assert client.call("uci", "confirm") == [5]
    client.clock.seconds += 11
    client.device.listeners()
    assert client.device.hostname == "new"


def fault_h45_lost_confirm() -> None:
    client = on("H45-lost-confirm")
    apply_name(client)
    client.call("uci", "confirm")
    assert client.last.cut == "close"
    assert client.call("uci", "confirm") == [5]
    assert client.device.hostname == "new"


def fault_lan_address() -> None:
    client = on("lan-address")
    assert client.ports() == set()
    client.device.fault("lan-address", False)
    assert 8443 in client.ports()


def fault_reverted_by_device() -> None:
    client = on("reverted-by-device")
    assert apply_name(client) == [0]
    assert client.call("uci", "confirm") == [0]
    assert client.call("uci", "changes") == [0, {"changes": {}}]
    assert client.option("system", "@system[0]", "hostname") == [0, {"value": "OpenWrt"}]


def fault_rpcd_down() -> None:
    client = on("rpcd-down")
    assert client.call("session", "login", NULL, username="root", password="") == -32000
    client.device.fault("rpcd-down", False)
    assert client.call("uci", "changes") == -32002  # sessions are gone
    client.login()


def fault_timeout() -> None:
    client = on("timeout")
    before = client.clock.seconds
    assert client.call("system", "board") == -32003
    assert client.clock.seconds == before + 60
    client.login()


def fault_uhttpd_restart() -> None:
    client = on("uhttpd-restart")
    assert apply_name(client) == [0]
    assert client.device.is_down() and client.ports() == set()


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_fault(name: str) -> None:
    globals()["fault_" + name.lower().replace("-", "_")]()


def test_unknown_fault_and_attack_are_named() -> None:
    device = Client().device
    with pytest.raises(KeyError, match="no fault 'nosuch'"):
        device.fault("nosuch")
    with pytest.raises(KeyError, match="no attack 'nosuch'"):
        device.attack("nosuch")


# -- natural hazards ---------------------------------------------------------------------------------------------------
def test_an_inserted_section_renames_the_later_ones() -> None:
    client = Client().login()
    client.call("uci", "add", config="firewall", type="rule", name="first", values={"name": "first"})
    client.call("uci", "order", config="firewall", sections=["first"])
    before = client.device.store.peek("firewall").of_type("forwarding")[0].name
    client.call("uci", "apply", rollback=False)
    after = client.device.store.peek("firewall").of_type("forwarding")[0].name
    assert (before, after) == ("cfg04ad58", "cfg05ad58")


def test_rollback_as_integer_is_no_net() -> None:
    client = Client().login()
    client.set("system", "@system[0]", hostname="new")
    assert client.call("uci", "apply", rollback=1, timeout=5) == [0]
    client.clock.seconds += 6
    client.device.listeners()
    assert client.device.hostname == "new"


def test_odd_texts_are_kept_as_data() -> None:
    client = Client().login()
    for sent, kept in (("a\0b", "a"), ("x" * 10_000, "x" * 10_000), ("it's\n\u202e\U0001f600", None), ("\ud800", "?")):
        client.put("system", "@system[0]", hostname=sent)
        assert client.option("system", "@system[0]", "hostname") == [0, {"value": sent if kept is None else kept}]


# -- attacks -----------------------------------------------------------------------------------------------------------
CHANGED = {
    "port-forward": {"firewall"}, "dns-changed": {"network", "dhcp"}, "ddns-on": {"ddns"}, "upnp-on": {"upnpd"},
    "new-login": {"rpcd"}, "wan-admin": {"firewall"}, "ssh-on": {"dropbear"}, "wifi-open": {"wireless"},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_attack_changes_what_it_says_and_survives_a_restart(name: str) -> None:
    client = Client().login()
    client.put("dropbear", "main", enable="0")
    client.put("upnpd", "config", enabled="0")
    before = dict(client.device.store.files)
    sentence = client.device.attack(name)
    after = client.device.store.files
    assert {c for c in after if after[c] != before.get(c)} == CHANGED[name]
    assert sentence.startswith("router: ") and sentence.endswith(".")
    client.device.restart(0)
    assert client.device.store.files == after
    assert not any(e.write for e in client.device.log[-1:] if e.operation.startswith("attack"))


def test_what_attacks_open() -> None:
    client = Client().login()
    client.put("dropbear", "main", enable="0")
    client.put("upnpd", "config", enabled="0")
    assert client.ports() == {8080, 8443}
    client.device.attack("ssh-on")
    client.device.attack("upnp-on")
    assert client.ports() == {8080, 8443, 2222, 5000}
    client.device.attack("wan-admin")
    assert client.device.admits_port(WAN, 8443) and client.device.admits_port(WAN, 2222)
    client.device.attack("dns-changed")
    wan = client.call("network.interface", "dump")[1]["interface"][-2]
    assert (wan["interface"], wan["dns-server"]) == ("wan", [FOREIGN_DNS])
    client.device.attack("new-login")
    intruder = client.login("support", "support")
    assert intruder.call("uci", "get", config="firewall")[0] == 0
    assert client.device.attack("port-forward").count("127.77.0.11") == 1
    assert len(client.device.store.peek("firewall").of_type("redirect")) == 3


# -- uci files ---------------------------------------------------------------------------------------------------------
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)


@given(st.lists(st.tuples(names, st.none() | names, st.dictionaries(names, words | st.lists(words, min_size=1)))))
def test_what_is_written_is_read_back(rows: list[Any]) -> None:
    package = Package("t")
    for section_type, name, options in rows:
        package.new(section_type, name).options.update(options)
    again = Package.parse("t", package.export())
    assert [(s.type, s.options, s.anonymous) for s in again.sections] == [
        (s.type, s.options, s.anonymous) for s in package.sections
    ]


# -- over real sockets -------------------------------------------------------------------------------------------------
def test_over_sockets() -> None:
    with running_lab([{"name": "router", "model": "openwrt-factory", "host": 1}]) as lab:
        device = lab.device("router")
        connection = http.client.HTTPConnection(device.address, device.ports["http"], timeout=5)

        def call(sid: str, obj: str, method: str, **args: Any) -> Any:
            body = {"jsonrpc": "2.0", "id": 1, "method": "call", "params": [sid, obj, method, args]}
            connection.request("POST", "/ubus", json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            headers = dict(answer.getheaders())
            assert headers == {
                "Connection": "Keep-Alive", "Keep-Alive": "timeout=20", "Content-Type": "application/json",
                "Transfer-Encoding": "chunked",
            }  # fmt: skip
            return json.loads(answer.read())["result"]

        sid = call(NULL, "session", "login", username="root", password="")[1]["ubus_rpc_session"]
        assert call(sid, "uci", "get", config="network", section="lan", option="ipaddr") == [
            0,
            {"value": device.address},
        ]
        assert is_open(device.address, 2222)
        call(sid, "uci", "set", config="dropbear", section="main", values={"enable": "0"})
        assert call(sid, "uci", "apply", rollback=True, timeout=1) == [0]
        lab.wait(lambda: not is_open(device.address, 2222))
        lab.wait(lambda: is_open(device.address, 2222))  # rolled back by itself
        connection.close()

        outside = lab.network.rsplit(".", 1)[0] + ".200.9"
        lab.attack("router", "ssh-on")
        assert not reaches(outside, device.address, 2222)
        lab.attack("router", "wan-admin")
        assert reaches(outside, device.address, 2222)
        assert reaches(outside, device.address, 8443)
        assert not reaches(outside, device.address, 5000)


def reaches(source: str, address: str, port: int) -> bool:
    """True when a connection from `source` is kept open (a filtered one is reset right after it was made)."""
    try:
        with socket.create_connection((address, port), 2, (source, 0)) as sock:
            sock.settimeout(0.3)
            return sock.recv(1) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False

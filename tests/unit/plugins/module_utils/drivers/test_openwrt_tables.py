# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bindings over the recorded factory configuration: what is put reads back, and only that."""

from __future__ import annotations

import copy
import json

import pytest
from openwrt_captures import recorded

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, NOT_OFFERED, Reading
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import openwrt_firewall as fw
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import openwrt_uci as uci
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt import PACKAGES, OpenWrtDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_rest import REST

BINDINGS = OpenWrtDriver.bindings
RC = {
    name: {"start": 1, "stop": 1, "enabled": True, "running": True}
    for name in ("dnsmasq", "dropbear", "uhttpd", "miniupnpd", "firewall", "telnet", "vsftpd")
}


def factory():
    trees = {name: uci.parse(name, recorded(name)) for name in PACKAGES}
    # The recorded internet side has a fixed address; a provider's one shows more.
    trees["network"]["wan6"] = {".type": "interface", ".anonymous": False, "proto": "dhcpv6"}
    trees["wireless"]["default_radio0"]["key"] = uci.MASK
    return {**trees, "rc": copy.deepcopy(RC), "board": {}, "password": {}}


def run(key, value, trees, item=""):
    """Put through the first binding, as the engine does, and read back, both normalised."""
    key = tuple(key.split("."))
    binding = next(b for b in BINDINGS if b.put and b.key in (key, settings.pattern_of(key)))
    found = [trees[name] for name in binding.documents]
    item = [key[binding.key.index("*")]] if binding.has_items else []
    if binding.limits:
        assert binding.limits(None, *found, *(item or [""]), value) is None
    binding.put(*found, *item, value)
    return settings.normalise(key, binding.get(*found, *item))


FORWARD = {"protocol": "tcp", "port": "8080", "to": "192.168.1.64", "to_port": "80", "name": "cam"}
RULE = {"protocol": "tcp+udp", "ports": ["5000", "6000-6010"], "sources": ["198.51.100.7"], "name": "vpn"}
CASES = [
    ("identity.hostname", "site-router"), ("identity.name", "Router 1F"),
    ("auth.ssh_password_login", False), ("auth.ssh_password_login", True),
    ("services.ssh.enabled", False), ("services.ssh.ports", [2222]), ("services.ssh.interface", "lan"),
    ("services.ssh.interface", "any"), ("services.http.enabled", False), ("services.https.ports", [8443]),
    ("services.https.interface", "192.168.1.1"), ("services.http.interface", "any"),
    ("services.upnp.enabled", False), ("nat.upnp", True), ("services.telnet.enabled", False),
    ("services.ftp.enabled", False), ("tls.https_only", True), ("tls.https_only", False),
    ("time.sync", "manual"), ("time.servers", ["ntp.nict.jp", "192.168.1.10"]), ("time.servers", []),
    ("time.servers_from_provider", False), ("time.servers_from_provider", True),
    ("time.serve", True), ("time.zone", "JST-9"), ("time.zone", "CET-1CEST,M3.5.0,M10.5.0/3"),
    ("log.local", True), ("log.remote", ["192.168.1.10"]), ("log.remote", ["tcp://192.168.1.10:1514"]),
    ("log.remote", ["[fd00::1]:1514"]), ("log.remote", []), ("ddns.enabled", False),
    ("nat.forwards", [FORWARD]), ("nat.forwards", [{**FORWARD, "sources": ["203.0.113.9"]}]), ("nat.forwards", []),
    ("nat.wan_open", [RULE]),
    ("nat.wan_open", [{"protocol": "udp", "ports": ["500"], "to": "lan", "name": "Allow-ISAKMP"}]),
    ("nat.wan_open", []), ("nat.wan_admin", False), ("nat.wan_input", "drop"), ("nat.forwarding", ["lan>wan"]),
    ("nat.forwarding", ["wan>lan"]), ("nat.forwarding", []),
    ("network.dns_servers", ["9.9.9.9", "192.0.2.53"]), ("network.dns_servers", []),
    ("network.dns_from_provider", False), ("network.dns_from_provider", True),
    ("network.dns_handed_out", ["192.168.1.53", "fd00::53"]), ("network.dns_handed_out", []),
    ("network.static_names", ["nvr.lan=192.168.1.10", "/ads.example/", "cam=nvr.lan"]), ("network.static_names", []),
    ("wireless.default_radio0.enabled", True), ("wireless.default_radio0.enabled", False),
    ("wireless.default_radio0.ssid", "設備-1"), ("wireless.default_radio0.hidden", True),
    *(("wireless.default_radio0.security", word)
      for word in ("none", "wpa", "wpa-mixed", "wpa2", "wpa2-wpa3", "wpa3", "owe")),
    ("wireless.default_radio0.mac_filter", ["00:00:5e:00:53:01"]), ("wireless.default_radio0.mac_filter", []),
    ("wireless.default_radio0.wps", True), ("wireless.default_radio0.wps", False),
    ("accounts.ops.role", "administrator"), ("accounts.ops.role", "viewer"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), CASES, ids=[f"{k}={json.dumps(v)[:40]}" for k, v in CASES])
def test_what_is_put_reads_back(key, value):
    trees = factory()
    assert run(key, value, trees) == settings.normalise(tuple(key.split(".")), value)
    once = copy.deepcopy(trees)
    run(key, value, trees)
    assert trees == once  # a second time changes nothing


def test_every_writable_binding_has_a_case():
    tried = {settings.pattern_of(tuple(key.split("."))) or tuple(key.split(".")) for key, _value in CASES}
    writable = {settings.pattern_of(b.key) or b.key for b in BINDINGS if b.put and not b.secret}
    assert writable - tried == {("wireless", "*", "tkip")}


def test_tkip_goes_and_the_rest_of_the_encryption_stays():
    trees = factory()
    trees["wireless"]["default_radio0"]["encryption"] = "psk-mixed+tkip+ccmp"
    assert run("wireless.default_radio0.tkip", False, trees) is False
    assert trees["wireless"]["default_radio0"]["encryption"] == "psk-mixed+ccmp"
    assert run("wireless.default_radio0.tkip", True, trees) is True


LIMITS = [
    ("identity.hostname", "", "a b"), ("nat.wan_admin", "", True), ("log.local", "", False),
    ("log.remote", "", ["a", "b"]), ("log.remote", "", ["a b"]), ("ddns.enabled", "", True),
    ("nat.forwards", "", [{**FORWARD, "sources": ["192.0.2.1", "192.0.2.2"]}]), ("nat.forwarding", "", ["lan>nowhere"]),
    ("network.static_names", "", ["no equals sign"]), ("services.ssh.ports", "", [22, 2222]),
    ("wireless.*.security", "default_radio0", "enterprise"), ("wireless.*.security", "default_radio1", "wpa2"),
    ("wireless.*.ssid", "default_radio0", "x" * 33), ("wireless.*.tkip", "default_radio0", True),
    ("accounts.*.role", "root", None), ("accounts.*.role", "root", "viewer"), ("accounts.*.role", "ops", "operator"),
    ("time.zone", "", "nowhere"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "item", "value"), LIMITS)
def test_what_cannot_be_kept_is_refused_before_it_is_sent(key, item, value):
    trees = factory()
    binding = next(b for b in BINDINGS if b.put and b.key == tuple(key.split(".")))
    assert binding.limits(None, *[trees[name] for name in binding.documents], item, value)


# -- absent means ------------------------------------------------------------------------------------------------------
def get(key, trees, *items):
    binding = next(b for b in BINDINGS if b.key == tuple(key.split(".")))
    return binding.get(*[trees[name] for name in binding.documents], *items)


def test_upnp_without_the_option_is_on_and_off_is_written():
    trees = factory()
    trees["rc"]["miniupnpd"]["running"] = False
    assert get("nat.upnp", trees) is False
    del trees["upnpd"]["config"]["enabled"]
    assert get("nat.upnp", trees) is True
    run("nat.upnp", False, trees)
    assert trees["upnpd"]["config"]["enabled"] == "0"
    assert (trees["rc"]["miniupnpd"]["enabled"], trees["rc"]["miniupnpd"]["running"]) == (False, False)


def test_a_running_daemon_is_on_whatever_the_file_says():
    assert get("nat.upnp", factory()) is True  # the file says 0, the daemon runs


def test_a_service_that_is_not_installed_is_not_offered():
    trees = {**factory(), "upnpd": {}, "rc": {}, "ddns": {}, "dropbear": {}}
    for key in ("nat.upnp", "ddns.enabled", "services.ssh.enabled"):
        binding = next(b for b in BINDINGS if b.key == tuple(key.split(".")))
        assert get(key, trees) is ABSENT
        assert isinstance(binding.absent, Reading) and binding.absent.state == NOT_OFFERED


def test_ssh_takes_passwords_when_one_of_two_servers_does():
    trees = factory()
    run("auth.ssh_password_login", False, trees)
    uci.add(trees["dropbear"], "dropbear", {"Port": "2222"})
    assert get("auth.ssh_password_login", trees) is True


def test_new_scripts_are_services_by_name_and_base_ones_are_not():
    binding = next(b for b in BINDINGS if b.key == ("services", "*", "enabled"))
    assert set(binding.items({**RC, "transmission": {}, "boot": {}})) == {"telnet", "ftp", "transmission"}


# -- accounts ----------------------------------------------------------------------------------------------------------
def test_roles_follow_the_rights_to_write():
    tree = {
        "a": {".type": "login", ".anonymous": True, "username": "root", "read": ["*"], "write": ["*"]},
        "b": {".type": "login", ".anonymous": True, "username": "see", "read": ["drift-read"]},
        "c": {".type": "login", ".anonymous": True, "username": "some", "read": ["*"], "write": ["luci-app-ddns"]},
        "d": {".type": "login", ".anonymous": True, "username": "none"},
        "e": {".type": "login", ".anonymous": True, "username": "see", "write": ["superuser"]},
    }
    binding = next(b for b in BINDINGS if b.key == ("accounts", "*", "role"))
    assert {n: binding.get(tree, n) for n in binding.items(tree)} == {
        "root": "administrator", "see": "administrator", "some": "operator", "none": "other"
    }  # fmt: skip
    binding.put(tree, "see", "viewer")  # also the second section with the same name loses its rights
    assert binding.get(tree, "see") == "viewer"
    binding.put(tree, "see", None)
    assert "see" not in list(binding.items(tree))
    assert get("accounts.root.role", {"rpcd": {}}) == "administrator"  # SSH knows root without a login section


def test_a_new_login_always_gets_a_password():
    trees = factory()
    run("accounts.ops.role", "viewer", trees)
    assert next(s for s in trees["rpcd"].values() if s.get("username") == "ops")["password"] == uci.SET


def test_system_accounts_with_a_shell_are_listed_in_their_own_realm():
    passwd = {"root": {"uid": "0", "shell": "/bin/ash"}, "eve": {"uid": "0", "shell": "/bin/ash"},
              "nobody": {"uid": "65534", "shell": "/bin/false"}}  # fmt: skip
    binding = [b for b in BINDINGS if b.key == ("accounts", "*", "role")][1]
    assert [(n, binding.get(passwd, n)) for n in binding.items(passwd)] == [("eve@system", "administrator")]


# -- firewall ----------------------------------------------------------------------------------------------------------
ADMIN_HOLES = [
    ("rule", {"src": "wan", "proto": "tcp", "dest_port": "22 80 443", "target": "ACCEPT"}),
    ("rule", {"src": "wan", "proto": "tcp", "dest_port": ["443"], "target": "accept"}),
    ("rule", {"src": "*", "dest_port": "1-65535", "target": "ACCEPT"}),
    ("rule", {"src": "wan", "proto": "all", "target": "ACCEPT"}),
    ("rule", {"src": "wan", "proto": "tcpudp", "dest_port": "80", "target": "ACCEPT", "enabled": "enabled"}),
    ("redirect", {"src": "wan", "proto": "tcp", "src_dport": "8443", "dest_ip": "192.168.1.1", "dest_port": "443"}),
    ("redirect", {"src": "wan", "src_dport": "443"}),
]
NO_HOLES = [
    ("rule", {"src": "wan", "proto": "tcp", "dest_port": "443", "target": "ACCEPT", "enabled": "0"}),
    ("rule", {"src": "wan", "proto": "udp", "dest_port": "443", "target": "ACCEPT"}),
    ("rule", {"src": "lan", "proto": "tcp", "dest_port": "443", "target": "ACCEPT"}),
    ("rule", {"src": "wan", "dest": "lan", "proto": "tcp", "dest_port": "443", "target": "ACCEPT"}),
    ("rule", {"src": "wan", "proto": "tcp", "dest_port": "443", "target": "DROP"}),
    ("redirect", {"src": "wan", "proto": "tcp", "src_dport": "443", "dest_ip": "192.168.1.64", "dest_port": "443"}),
    ("redirect", {"src": "lan", "proto": "tcp", "src_dport": "443", "target": "DNAT"}),
]


@pytest.mark.parametrize(("type_", "options"), ADMIN_HOLES)
def test_every_way_to_an_admin_port_is_seen_and_closed(type_, options):
    trees = factory()
    uci.add(trees["firewall"], type_, options)
    assert get("nat.wan_admin", trees) is True
    assert run("nat.wan_admin", False, trees) is False


@pytest.mark.parametrize(("type_", "options"), NO_HOLES)
def test_what_does_not_reach_an_admin_port_stays(type_, options):
    trees = factory()
    uci.add(trees["firewall"], type_, options)
    before = copy.deepcopy(trees)
    assert get("nat.wan_admin", trees) is False
    run("nat.wan_admin", False, trees)
    assert trees == before


def test_closing_admin_ports_leaves_the_other_ports_of_the_rule():
    trees = factory()
    rule = uci.add(
        trees["firewall"], "rule", {"src": "wan", "proto": "tcp", "dest_port": "22 5000", "target": "ACCEPT"}
    )
    run("nat.wan_admin", False, trees)
    assert rule["dest_port"] == "5000" and fw.enabled(rule)


def test_an_open_internet_zone_is_management_from_outside():
    trees = factory()
    zone = next(s for s in trees["firewall"].values() if s.get("name") == "wan")
    zone["input"] = "ACCEPT"
    assert get("nat.wan_admin", trees) is True
    run("nat.wan_admin", False, trees)
    assert zone["input"] == "REJECT"
    del zone["input"]  # then the defaults count
    assert get("nat.wan_input", trees) == "reject"


def test_a_forward_is_switched_off_and_on_again_with_all_it_had():
    trees = factory()
    old = uci.add(trees["firewall"], "redirect", {
        "src": "wan", "src_dport": "8080", "dest_ip": "192.168.1.64", "dest_port": "80", "proto": "tcp", "name": "cam",
        "reflection": "0",
    })  # fmt: skip
    before = copy.deepcopy(old)
    assert run("nat.forwards", [], trees) == []
    assert old["enabled"] == "0"
    run("nat.forwards", [FORWARD], trees)
    assert {**before, "enabled": "1"} == old
    assert len(list(uci.of_type(trees["firewall"], "redirect"))) == 1


def test_other_sections_and_their_order_are_untouched():
    trees = factory()
    before = copy.deepcopy(trees["firewall"])
    run("nat.forwards", [FORWARD], trees)
    assert list(trees["firewall"])[: len(before)] == list(before)
    assert all(trees["firewall"][name] == section for name, section in before.items())


def test_internet_zones_are_found_by_name_network_and_masquerading():
    def zone(**options):
        return {".type": "zone", ".anonymous": True, **options}

    tree = {"a": zone(name="lan", masq="1"), "b": zone(name="uplink", masq="1"), "c": zone(name="out", network="wwan"),
            "d": zone(name="guest"),
            "e": {".type": "forwarding", ".anonymous": True, "src": "lan", "dest": "uplink"}}  # fmt: skip
    assert fw.wan_zones(tree) == ["uplink", "out"]


# -- what is beyond the model ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("package", PACKAGES)
def test_rest_sees_a_foreign_option_and_no_id(package):
    tree = factory()[package]
    renamed = {f"x{i}" if s[".anonymous"] else n: s for i, (n, s) in enumerate(tree.items())}
    assert REST[package](tree) == REST[package](renamed)
    changed = copy.deepcopy(tree)
    next(iter(changed.values()))["foreign_option"] = "1"
    assert REST[package](tree) != REST[package](changed)


def test_rest_does_not_see_what_a_binding_models():
    trees = factory()
    before = {name: REST[name](trees[name]) for name in PACKAGES}
    for key, value in CASES:
        if key.startswith(("identity", "time.s", "auth", "tls", "network.dns_h", "wireless.default_radio0.hidden")):
            run(key, value, trees)
    after = {name: REST[name](trees[name]) for name in PACKAGES}
    assert [name for name in PACKAGES if before[name] != after[name]] == [
        "system"
    ]  # use_dhcp, written with the servers

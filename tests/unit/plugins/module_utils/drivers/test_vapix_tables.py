# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every binding over recorded parameters: what it reads, and what exactly it changes."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, NOT_OFFERED, UNSUPPORTED, Reading
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_accounts as accounts
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_param as param
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.vapix import VapixDriver

CAPTURES = Path(__file__).parents[4] / "captures" / "axis"
BINDINGS = VapixDriver.bindings
OTHERS = {
    "users": {"users": {"root": {"groups": ["admin", "operator", "viewer", "ptz"]}, "eve": {"groups": ["viewer"]}},
              "other": []},
    "apis": {"ntp": "1.2"},
    "setup": {"needsetup": "no", "passphrasepolicy": "none"},
    "ntp": {"enabled": False, "dhcp": True, "static": [], "advertised": ["192.0.2.5"], "nts": False,
            "nts_servers": []},
    "clock": {"device": "2026-01-01T00:00:00+00:00", "controller": "2026-01-01T00:00:05+00:00"},
    "syslog": {"enabled": False, "servers": []},
    "wired": {"device": "eth0", "enabled": False},
    "ssh": {"enabled": True},
    "snmp": {"enabled": False, "V1": True, "V2": True, "V3": False},
    "lldp": {"activated": True},
    "disks": {"SD_DISK": {"status": "OK", "group": "S0", "encrypted": "false"}},
    "firewall": {"activated": False, "policy": "ACCEPT", "rules": [], "pending": False, "left": 0},
}  # fmt: skip


def parameters(firmware: str) -> dict[str, str]:
    return param.parse((CAPTURES / f"{firmware}-parameters.txt").read_text(encoding="utf-8"))[0]


def trees(firmware: str = "9.80") -> dict[str, Any]:
    return {"param": parameters(firmware), **copy.deepcopy(OTHERS)}


def context(*apis: str) -> Any:
    return SimpleNamespace(name="cam", version=(9, 80), factory=False, has=lambda name: name in apis,
                           users=frozenset(("root", "eve")))  # fmt: skip


def binding(key: str, document: str, write: bool = False) -> Any:
    parts = tuple(settings.parse_key(key))
    rows = [b for b in BINDINGS if b.key in (parts, settings.pattern_of(parts)) and b.documents == (document,)]
    assert len(rows) == 1, f"{key} is bound {len(rows)} times to {document}"
    assert not write or rows[0].put is not None
    return rows[0]


def read(key: str, document: str, found: dict[str, Any]) -> Any:
    row = binding(key, document)
    item = [settings.item_of(settings.parse_key(key))] if row.has_items else []
    value = row.get(found[document], *item)
    if value is ABSENT:
        return row.absent.state if isinstance(row.absent, Reading) else row.absent or UNSUPPORTED
    return value if isinstance(value, Reading) else settings.normalise(settings.parse_key(key), value)


# key, document, what the recorded device holds, another value, what changes in the tree
ROWS: list[tuple[str, str, Any, Any, dict[str, Any]]] = [
    ("identity.hostname", "param", "axis-accc8e000001", "cam-7",
     {"Network.HostName": "cam-7", "Network.VolatileHostName.ObtainFromDHCP": "no"}),
    ("identity.name", "param", "AXIS Companion Bullet LE - ACCC8E000001", "cam-7",
     {"Network.Bonjour.FriendlyName": "cam-7", "Network.UPnP.FriendlyName": "cam-7"}),
    ("identity.location", "param", "View Area 1", "View", {"Image.I0.Name": "View"}),
    ("identity.overlay_text", "param", "", "North", {"Image.I0.Text.String": "North",
                                                     "Image.I0.Text.TextEnabled": "yes"}),
    ("accounts.anonymous_view", "param", False, True, {"System.BoaProtViewer": "anonymous",
                                                       "Network.RTSP.ProtViewer": "anonymous"}),
    ("video.authentication", "param", True, False, {"Network.RTSP.ProtViewer": "anonymous"}),
    ("auth.basic_login", "param", False, True, {"Network.HTTP.AuthenticationPolicy": "basic_digest"}),
    ("auth.throttle", "param", False, True, {"System.PreventDoSAttack.ActivatePasswordThrottling": "On"}),
    ("auth.password_complexity", "setup", False, True, {"passphrasepolicy": "complex"}),
    ("services.http.enabled", "param", True, False, dict.fromkeys(
        ("System.BoaGroupPolicy.admin", "System.BoaGroupPolicy.operator", "System.BoaGroupPolicy.viewer"), "https")),
    ("services.http.ports", "param", [80], [8080], {"System.BoaPort": "8080"}),
    ("services.https.enabled", "param", True, False, {"HTTPS.Enabled": "no"}),
    ("services.https.ports", "param", [443], [8443], {"HTTPS.Port": "8443"}),
    ("services.rtsp.enabled", "param", True, False, {"Network.RTSP.Enabled": "no"}),
    ("services.rtsp.ports", "param", [554], [8554], {"Network.RTSP.Port": "8554"}),
    ("services.rtsps.enabled", "param", False, True, {"Network.RTSPS.Enabled": "yes"}),
    ("services.rtsps.ports", "param", [322], [8322], {"Network.RTSPS.Port": "8322"}),
    ("video.encryption", "param", False, True, {"Network.RTSPS.Enabled": "yes"}),
    ("services.upnp.enabled", "param", False, True, {"Network.UPnP.Enabled": "yes"}),
    ("services.mdns.enabled", "param", False, True, {"Network.Bonjour.Enabled": "yes"}),
    ("services.ws_discovery.enabled", "param", True, False, {"WebService.DiscoveryMode.Discoverable": "No"}),
    ("services.zeroconf.enabled", "param", True, False, {"Network.ZeroConf.Enabled": "no"}),
    ("services.web_interface.enabled", "param", True, False, {"System.WebInterfaceDisabled": "yes"}),
    ("services.socks.enabled", "param", False, True, {"SOCKS.Enabled": "yes"}),
    ("services.snmp_v1.enabled", "param", False, True, {"SNMP.Enabled": "yes", "SNMP.V1": "yes"}),
    ("services.snmp_v2c.enabled", "param", False, True, {"SNMP.Enabled": "yes", "SNMP.V2c": "yes"}),
    ("services.snmp_v3.enabled", "param", False, True, {"SNMP.Enabled": "yes", "SNMP.V3": "yes"}),
    ("services.snmp_v1.enabled", "snmp", False, True, {"enabled": True, "V2": False}),
    ("services.lldp.enabled", "lldp", True, False, {"activated": False}),
    ("services.snmp_v2c.enabled", "snmp", False, True, {"enabled": True, "V1": False}),
    ("services.snmp_v3.enabled", "snmp", False, True, {"enabled": True, "V1": False, "V2": False, "V3": True}),
    ("services.ssh.enabled", "ssh", True, False, {"enabled": False}),
    ("access.mode", "param", "off", "allow", {"Network.Filter.Enabled": "yes"}),
    ("access.sources", "param", [], ["10.0.0.0/24", "192.0.2.1"],
     {"Network.Filter.Input.AcceptAddresses": "10.0.0.0/24 192.0.2.1"}),
    ("access.mode", "firewall", "off", "allow", {"activated": True, "policy": "DROP"}),
    ("access.sources", "firewall", [], ["192.0.2.1"],
     {"rules": [{"ruleType": "FILTER", "ip": "192.0.2.1", "filter": {"policy": "DROP"}}]}),
    ("time.sync", "ntp", "manual", "ntp", {"enabled": True}),
    ("time.sync", "param", "ntp", "manual", {"Time.SyncSource": "None"}),
    ("time.servers", "ntp", ["192.0.2.5"], ["ntp.nict.jp"], {"static": ["ntp.nict.jp"], "dhcp": False}),
    ("time.servers", "param", ["192.0.2.5"], ["ntp.nict.jp"], {"Time.NTP.Server": "ntp.nict.jp",
                                                               "Time.ObtainFromDHCP": "no"}),
    ("time.servers_from_provider", "ntp", True, False, {"dhcp": False}),
    ("time.servers_from_provider", "param", True, False, {"Time.ObtainFromDHCP": "no"}),
    ("time.zone", "param", "CST6CDT,M3.2.0,M11.1.0", "JST-9", {"Time.POSIXTimeZone": "JST-9",
                                                               "Time.DST.Enabled": "no"}),
    ("log.auth_events", "param", False, True, {"System.AccessLog": "On"}),
    ("log.remote", "syslog", [], ["tls://192.0.2.9:6514"], {"enabled": True, "servers": [
        {"Address": "192.0.2.9", "Port": "6514", "Protocol": "TLS", "Severity": "", "SyslogFormat": ""}]}),
    ("tls.https_only", "param", False, True, dict.fromkeys(
        ("System.BoaGroupPolicy.admin", "System.BoaGroupPolicy.operator", "System.BoaGroupPolicy.viewer"), "https")),
    ("tls.min_version", "param", "1.0", "1.2", {"HTTPS.AllowTLS1": "no", "HTTPS.AllowTLS11": "no"}),
    ("tls.ciphers", "param", ["AES128-SHA", "AES256-SHA", "DHE-RSA-AES128-SHA", "DHE-RSA-AES256-SHA"],
     ["AES256-SHA", "DHE-RSA-AES256-SHA", "X"], {"HTTPS.Ciphers": "DHE-RSA-AES256-SHA:AES256-SHA:X"}),
    ("network.dns_servers", "param", ["192.0.2.1"], ["192.0.2.53"],
     {"Network.DNSServer1": "192.0.2.53", "Network.Resolver.ObtainFromDHCP": "no"}),
    ("network.dns_from_provider", "param", True, False, {"Network.Resolver.ObtainFromDHCP": "no"}),
    ("dot1x.enabled", "param", False, True, {"Network.Interface.I0.dot1x.Enabled": "yes"}),
    ("dot1x.enabled", "wired", False, True, {"enabled": True}),
    ("ddns.enabled", "param", False, True, {"Network.DNSUpdate.Enabled": "yes"}),
    ("ddns.hostname", "param", "", "cam.example", {"Network.DNSUpdate.DNSName": "cam.example"}),
    ("cloud.enabled", "param", True, False, {"RemoteService.Enabled": "no"}),
    ("nat.upnp", "param", False, True, {"Network.UPnP.NATTraversal.Enabled": "yes"}),
    ("storage.edge_recording", "param", True, False, {"Storage.S0.Enabled": "no"}),
    ("events.tamper", "param", True, False, {"Tampering.T0.DarkDetectionEnabled": "no"}),
]  # fmt: skip
# What is only read.
READ: list[tuple[str, str, Any]] = [
    ("facts.manufacturer", "param", "AXIS"),
    ("facts.model", "param", "AXIS Companion Bullet LE"),
    ("facts.serial", "param", "ACCC8E000001"),
    ("facts.mac", "param", "ac:cc:8e:00:00:01"),
    ("facts.firmware", "param", "9.80.2.2"),
    ("firmware.version", "param", "9.80.2.2"),
    ("facts.api", "apis", "VAPIX (param.cgi, JSON)"),
    ("auth.http_schemes", "param", ["digest-md5"]),
    ("auth.lockout_attempts", "param", UNSUPPORTED),
    ("auth.lockout_minutes", "param", UNSUPPORTED),
    ("auth.password_min_length", "setup", 1),
    ("services.telnet.enabled", "param", NOT_OFFERED),
    ("services.ftp.enabled", "param", NOT_OFFERED),
    ("services.arp_ping.enabled", "param", NOT_OFFERED),
    ("services.ssh.enabled", "param", UNSUPPORTED),
    ("network.addressing", "param", "dhcp"),
    ("network.address", "param", ["192.0.2.30/24"]),
    ("network.gateway", "param", ["192.0.2.1"]),
    ("ddns.provider", "param", ""),
    ("storage.state", "disks", "ok"),
    ('accounts."eve".role', "users", "viewer"),
]
# 5.51: what is there and not in 9.80, and what came only later.
OLD: list[tuple[str, Any]] = [
    ("services.ftp.enabled", True), ("services.arp_ping.enabled", True), ("services.upnp.enabled", True),
    ("services.mdns.enabled", True), ("services.rtsps.enabled", UNSUPPORTED),
    ("services.ws_discovery.enabled", UNSUPPORTED), ("auth.throttle", UNSUPPORTED), ("auth.basic_login", True),
    ("tls.min_version", UNSUPPORTED), ("log.auth_events", UNSUPPORTED), ("storage.edge_recording", UNSUPPORTED),
    ("events.tamper", UNSUPPORTED), ("time.zone", "GMT0"), ("video.authentication", True),
    ("tls.ciphers", ["AES128-SHA", "AES256-SHA", "DES-CBC3-SHA"]), ("network.dns_servers", ["192.0.2.1"]),
    ("time.servers", ["192.0.2.1"]), ("services.web_interface.enabled", UNSUPPORTED),
]  # fmt: skip


def test_the_documents_and_what_goes_with_them() -> None:
    named = {document.name: document for document in VapixDriver.documents}
    assert set(named) == {"param", "clock", "ssh_users", *OTHERS}
    assert all(document.fetch for document in named.values())
    reading = {name for name, document in named.items() if document.store is None}
    assert reading == {"apis", "clock", "disks", "ssh_users"}
    assert named["users"].credible is accounts.credible and named["firewall"].transaction == "firewall"
    assert [transaction.name for transaction in VapixDriver.transactions] == ["firewall"]


def test_every_binding_has_a_row() -> None:
    """Removing one fails here or there."""
    known = {(settings.pattern_of(settings.parse_key(key)) or settings.parse_key(key), document)
             for key, document, *_more in [*ROWS, *READ]}  # fmt: skip
    known |= {(("accounts", "*", "password"), "users")}
    for row in BINDINGS:
        pattern = settings.pattern_of(row.key) or row.key
        assert (pattern, *row.documents) in known, row.key
        assert row.source, row.key


@pytest.mark.parametrize(("key", "document", "held", "value", "changed"), ROWS, ids=[f"{r[0]}-{r[1]}" for r in ROWS])
def test_a_row_reads_and_writes_just_that(key: str, document: str, held: Any, value: Any, changed: Any) -> None:
    found = trees()
    assert read(key, document, found) == settings.normalise(settings.parse_key(key), held)
    row, before = binding(key, document, write=True), copy.deepcopy(found[document])
    if row.limits:
        assert row.limits(context("ntp"), before, "", value) is None
    row.put(found[document], value)
    after = found[document]
    assert {name: after[name] for name in after if before.get(name) != after[name]} == changed
    assert read(key, document, found) == settings.normalise(settings.parse_key(key), value)
    row.put(found[document], settings.normalise(settings.parse_key(key), held))
    row.put(found[document], settings.normalise(settings.parse_key(key), held))
    again = read(key, document, found)
    assert again == settings.normalise(settings.parse_key(key), held) or key in ("time.servers", "time.zone")


@pytest.mark.parametrize(("key", "document", "held"), READ, ids=[row[0] for row in READ])
def test_what_is_only_read(key: str, document: str, held: Any) -> None:
    assert read(key, document, trees()) == held


@pytest.mark.parametrize(("key", "held"), OLD, ids=[row[0] for row in OLD])
def test_the_same_bindings_over_firmware_5_51(key: str, held: Any) -> None:
    assert read(key, "param", trees("5.51")) == held


def test_a_modern_device_lists_ssh() -> None:
    found = trees()
    found["param"]["Network.SSH.Enabled"] = "yes"
    assert read("services.ssh.enabled", "param", found) is True
    binding("services.ssh.enabled", "param").put(found["param"], False)
    assert found["param"]["Network.SSH.Enabled"] == "no"


def test_words_are_those_of_the_definitions_of_both_firmwares() -> None:
    seen = 0
    for line in (CAPTURES / "definitions.txt").read_text(encoding="utf-8").splitlines():
        _firmware, name, kind, read_only, *words = line.split("\t")
        if kind == "bool":
            seen += 1
            assert param.WORDS.get(name, param.YES_NO) == tuple(words), name
        elif set(words) == {"password", "anonymous"}:
            assert set(param.WORDS[name]) == set(words)
        assert name in param.BOUND
    assert seen > 50


READ_ONLY = ("Network.VolatileHostName.HostName", "Network.Resolver.NameServerList", "Time.NTP.VolatileServer",
             "Network.eth0.IPAddress", "Network.Routing.DefaultRouter")  # fmt: skip


def test_no_row_writes_a_read_only_parameter() -> None:
    assert all(name not in changed for *_row, changed in ROWS for name in READ_ONLY)


@pytest.mark.parametrize("word", ["banana", "1", "enabled", ""])
def test_h13_a_word_that_a_parameter_does_not_know_is_no_value(word: str) -> None:
    tree = parameters("9.80") | {"System.AccessLog": word}
    found = read("log.auth_events", "param", {"param": tree})
    assert isinstance(found, Reading) and found.state == "unverifiable" and "On or Off" in found.why


LIMITS = [
    ("time.servers", "param", ["a", "b"]), ("time.servers", "ntp", ["a"] * 6), ("time.servers", "ntp", ["a b"]),
    ("identity.hostname", "param", "a b"), ("identity.name", "param", "x" * 64), ("time.zone", "param", "Nowhere/X"),
    ("services.rtsp.ports", "param", [600]), ("services.http.ports", "param", []),
    ("services.https.ports", "param", [1, 2]), ("services.http.ports", "param", [1, 2, 3]),
    ("tls.min_version", "param", "1.3"), ("tls.ciphers", "param", []), ("tls.ciphers", "param", ["a:b"]),
    ("log.remote", "syslog", ["udp://a:1", "udp://b:1", "udp://c:1"]), ("log.remote", "syslog", ["http://a:80"]),
    ("network.dns_servers", "param", ["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
    ("identity.overlay_text", "param", "x" * 81), ('accounts."a b".role', "users", "viewer"),
    ('accounts."abcdefghijklmno".role', "users", "viewer"), ('accounts."eve".role', "users", "other"),
    ('accounts."a-b".password', "users", "managed"), ('accounts."root".role', "users", None),
]  # fmt: skip


@pytest.mark.parametrize(("key", "document", "value"), LIMITS, ids=[f"{row[0]}={str(row[2])[:20]}" for row in LIMITS])
def test_what_the_device_cannot_take_is_said_before(key: str, document: str, value: Any) -> None:
    row, item = binding(key, document), settings.item_of(settings.parse_key(key))
    assert row.limits(context(), trees()[document], item, value)


@pytest.mark.parametrize("https", [{}, {"HTTPS.Enabled": "perhaps"}, {"HTTPS.Enabled": "no"}, {"HTTPS.Enabled": "yes"}])
def test_https_only_is_never_told_while_plain_http_is_there(https: dict[str, str]) -> None:
    """Also where nothing, or nothing known, is told of HTTPS."""
    there = {f"System.BoaGroupPolicy.{group}": "both" for group in ("admin", "operator", "viewer")}
    row = binding("tls.https_only", "param")
    assert row.get(there | https) is False
    closed = {name: "https" for name in there}
    assert row.get(closed) is ABSENT and row.get(closed | {"HTTPS.Enabled": "yes"}) is True
    assert isinstance(row.get(closed | {"HTTPS.Enabled": "perhaps"}), Reading)


def test_ssl_3_of_older_firmware_counts_for_the_lowest_version_and_goes_with_the_others() -> None:
    """Two switches told nothing of it (AXIS M1065-LW and AxisPowershell list HTTPS.AllowSSLV3)."""
    row = binding("tls.min_version", "param", write=True)
    tree = {"HTTPS.AllowSSLV3": "yes", "HTTPS.AllowTLS1": "no", "HTTPS.AllowTLS11": "no"}
    assert row.get(tree) == "SSL 3.0"
    assert isinstance(row.get({**tree, "HTTPS.AllowSSLV3": "banana"}), Reading)
    row.put(tree, "1.2")
    assert tree == dict.fromkeys(tree, "no") and row.get(tree) == "1.2"


@pytest.mark.parametrize("name", ["Network.ZeroConf.Enabled", "System.AccessLog", "Network.HostName"])
def test_a_parameter_that_is_not_there_is_never_made(name: str) -> None:
    key = {"Network.ZeroConf.Enabled": "services.zeroconf.enabled", "System.AccessLog": "log.auth_events",
           "Network.HostName": "identity.hostname"}[name]  # fmt: skip
    tree = parameters("9.80")
    del tree[name]
    assert binding(key, "param").limits(context(), tree, "", True if "enabled" in key else "x")


def test_roles_keep_the_right_to_move_the_camera() -> None:
    tree = copy.deepcopy(OTHERS["users"])
    accounts.put_role(tree, "root", "operator")
    assert tree["users"]["root"]["groups"] == ["operator", "viewer", "ptz"]
    accounts.put_role(tree, "eve", "administrator")
    assert tree["users"]["eve"]["groups"] == ["admin", "operator", "viewer", "ptz"]
    accounts.put_role(tree, "new", "viewer")
    assert tree["users"]["new"]["groups"] == ["viewer"]
    accounts.put_role(tree, "new", None)
    assert "new" not in tree["users"]


def test_the_whole_agent_of_snmp_comes_with_one_version_and_goes_with_the_last() -> None:
    tree = {"SNMP.Enabled": "no", "SNMP.V1": "yes", "SNMP.V2c": "yes", "SNMP.V3": "no"}
    row = binding("services.snmp_v3.enabled", "param")
    assert read("services.snmp_v1.enabled", "param", {"param": tree}) is False, "the agent is off"
    row.put(tree, True)
    assert tree == {"SNMP.Enabled": "yes", "SNMP.V1": "no", "SNMP.V2c": "no", "SNMP.V3": "yes"}
    row.put(tree, False)
    assert tree["SNMP.Enabled"] == "no"


def test_two_names_on_the_network_are_both_told() -> None:
    tree = parameters("9.80") | {"Network.UPnP.FriendlyName": "Exterior Cam 1"}
    assert read("identity.name", "param", {"param": tree}).endswith("ACCC8E000001 / Exterior Cam 1")


def test_what_no_binding_models_is_in_the_digest_and_what_moves_by_itself_is_not() -> None:
    tree = parameters("9.80")
    before = param.rest(tree)
    for name in ("Network.ZeroConf.IPAddress", "Time.NTP.VolatileServer", "SNMP.EngineBoots", "Network.HostName"):
        assert param.rest(tree | {name: "x"}) == before, name
    assert param.rest(tree | {"Network.RTP.StartPort": "1"}) != before

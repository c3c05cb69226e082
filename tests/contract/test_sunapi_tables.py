# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row of the SUNAPI tables: what a simulated camera holds is read, and what is written is on the device."""

# Pytest finds fixtures by their imported names.
# pylint: disable=contextmanager-generator-missing-cleanup,unused-import
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from driver_cases import FAMILIES, rig, short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.design import parse_design

SUNAPI = FAMILIES["sunapi"]
EVERYTHING = [settings.key_text(binding.key) for binding in SUNAPI.driver.bindings]
UNSUPPORTED = "unsupported"

READ: dict[str, Any] = {
    "facts.manufacturer": "Hanwha Vision", "facts.model": "SIM-Q6082R", "facts.firmware": "1.41.18_20250318_R100",
    "firmware.version": "1.41.18_20250318_R100", "facts.api": "SUNAPI 2.6.3",
    "identity.name": "Camera", "identity.location": "Location",
    "auth.http_schemes": ["digest-md5"], "auth.lockout_attempts": UNSUPPORTED, "auth.lockout_minutes": UNSUPPORTED,
    'accounts."admin".role': "administrator", 'accounts."viewer".role': "viewer", 'accounts."viewer".enabled': True,
    'accounts."viewer".password': "write_only", "accounts.anonymous_view": False,
    "services.http.enabled": True, "services.https.enabled": False, "services.http.ports": [8080],
    "services.https.ports": [8443], "services.rtsp.ports": [8554],
    "services.snmp_v1.enabled": False, "services.snmp_v2c.enabled": True, "services.snmp_v3.enabled": False,
    "services.upnp.enabled": True, "services.mdns.enabled": True, "services.zeroconf.enabled": True,
    "tls.https_only": False, "tls.min_version": "1.0", "video.authentication": False,
    "access.mode": "off", "access.sources": [],
    "time.sync": "manual", "time.servers": ["pool.ntp.example", "asia.pool.ntp.example"],
    "time.zone": "STWT0STWST,M3.5.0/1,M10.5.0",
    "ddns.enabled": True, "ddns.provider": "www.ddns.example", "ddns.hostname": "simcam", "nat.upnp": True,
    "dot1x.enabled": False, "events.tamper": False, "storage.edge_recording": True,
    "network.addressing": "static", "log.local": True, "log.auth_events": True, "log.remote": UNSUPPORTED,
    "cloud.enabled": UNSUPPORTED, 'recording.jobs."*".state': UNSUPPORTED,
}  # fmt: skip
OF_THE_DEVICE = ("facts.serial", "facts.mac", "network.address", "network.gateway", "network.dns_servers",
                 "identity.hostname")  # fmt: skip

# (design, key, cgi, submenu, parameter, what the device holds afterwards)
WRITE: list[tuple[dict[str, Any], str, str, str, str, Any]] = [
    ({"identity": {"name": "cam-7"}}, "identity.name", "system", "deviceinfo", "DeviceName", "cam-7"),
    ({"identity": {"location": "B1"}}, "identity.location", "system", "deviceinfo", "DeviceLocation", "B1"),
    ({"services": {"https": {"enabled": True}}}, "services.https.enabled", "security", "ssl", "Policy",
     "HTTPandHTTPSProprietary"),
    ({"services": {"https": {"enabled": True}}, "tls": {"https_only": True}}, "tls.https_only", "security", "ssl",
     "Policy", "HTTPSProprietary"),
    ({"services": {"https": {"ports": [9443]}}}, "services.https.ports", "network", "https", "Port", 9443),
    ({"services": {"rtsp": {"ports": [9554]}}}, "services.rtsp.ports", "network", "rtsp", "Port", 9554),
    ({"services": {"snmp_v1": {"enabled": True}}}, "services.snmp_v1.enabled", "network", "snmp", "Version1", True),
    ({"services": {"snmp_v2c": {"enabled": False}}}, "services.snmp_v2c.enabled", "network", "snmp", "Version2",
     False),
    ({"services": {"snmp_v3": {"enabled": True}}}, "services.snmp_v3.enabled", "network", "snmp", "Version3", True),
    ({"services": {"upnp": {"enabled": False}}}, "services.upnp.enabled", "network", "upnpdiscovery", "Enable", False),
    ({"services": {"mdns": {"enabled": False}}}, "services.mdns.enabled", "network", "bonjour", "Enable", False),
    ({"services": {"zeroconf": {"enabled": False}}}, "services.zeroconf.enabled", "network", "zeroconf", "Enable",
     False),
    ({"tls": {"min_version": "1.2"}}, "tls.min_version", "security", "tlsversion", "Version.TLSv1_1.Enable", False),
    ({"video": {"authentication": True}}, "video.authentication", "security", "rtsp", "RTSPAuthentication",
     "Protected"),
    ({"accounts": {"anonymous_view": True}}, "accounts.anonymous_view", "security", "guest", "Enable", True),
    ({"access": {"mode": "allow", "sources": ["127.0.0.0/8"]}}, "access.mode", "security", "ipfilter", "AccessType",
     "Allow"),
    ({"time": {"sync": "ntp"}}, "time.sync", "system", "date", "SyncType", "NTP"),
    ({"time": {"servers": ["192.0.2.1"]}}, "time.servers", "system", "date", "NTPURLList", ["192.0.2.1"]),
    ({"time": {"zone": "Asia/Tokyo"}}, "time.zone", "system", "date", "POSIXTimeZone", "JST-9"),
    ({"ddns": {"enabled": False}}, "ddns.enabled", "network", "dynamicdns", "Type", "Off"),
    ({"nat": {"upnp": False}}, "nat.upnp", "network", "dynamicdns", "SamsungQuickConnect", False),
    ({"storage": {"edge_recording": False}}, "storage.edge_recording", "recording", "storage", "Enable", False),
]


@pytest.fixture(scope="module")
def readings() -> Iterator[tuple[Any, dict[str, Any]]]:
    with rig(SUNAPI) as run:
        yield run.device, run.readings(wanted=EVERYTHING)


def test_the_tables_of_this_test_hold_every_row() -> None:
    patterns = {settings.pattern_of(settings.parse_key(key)) for key in (*READ, *OF_THE_DEVICE)}
    items = {settings.parse_key(key) for key in (*READ, *OF_THE_DEVICE)}
    assert {b.key for b in SUNAPI.driver.bindings if b.key not in patterns | items} == set()


@pytest.mark.parametrize("key", READ)
def test_what_the_camera_holds_is_read(readings: tuple[Any, dict[str, Any]], key: str) -> None:
    _device, found = readings
    assert found[key].get("value", found[key]["state"]) == READ[key], found[key]


def test_what_is_the_devices_own_is_read(readings: tuple[Any, dict[str, Any]]) -> None:
    device, found = readings
    info, face = device.state["system"]["deviceinfo"], device.state["network"]["interface"]
    assert found["facts.serial"]["value"] == info["SerialNumber"]
    assert found["facts.mac"]["value"] == info["ConnectedMACAddress"].lower()
    assert found["network.address"]["value"] == [f"{face['IPv4Address']}/24"]
    assert found["network.gateway"]["value"] == [face["IPv4Gateway"]]
    assert found["network.dns_servers"]["value"] == [device.state["network"]["dns"]["PrimaryDNS"]], "0.0.0.0 is none"
    assert found["identity.hostname"]["value"] == face["HostName"]


@pytest.mark.parametrize(("design", "key", "cgi", "menu", "field", "raw"), WRITE, ids=[row[1] for row in WRITE])
def test_what_is_written_is_on_the_device(
    design: dict[str, Any], key: str, cgi: str, menu: str, field: str, raw: Any
) -> None:
    with rig(SUNAPI) as run:
        assert run.device.state[cgi][menu][field] != raw, "the case must start from another state"
        result = run.harden(design)
        assert result["outcomes"][key]["outcome"] == "changed", result["outcomes"]
        assert run.device.state[cgi][menu][field] == raw
        assert not [k for k, line in result["outcomes"].items() if line["outcome"] == "side_effect"]


def test_tamper_detection_and_dot1x_are_written_for_every_piece() -> None:
    with rig(SUNAPI, menus={"security": {"802Dot1x": {"Enable": True, "EAPOLPassword": "x"}}}) as run:
        result = run.harden({"events": {"tamper": True}, "dot1x": {"enabled": False}})
        assert {line["outcome"] for line in result["outcomes"].values()} == {"changed"}, result["outcomes"]
        assert all(row["Enable"] for row in run.device.state["eventsources"]["tamperingdetection"])
        assert run.device.state["security"]["802Dot1x"]["Enable"] is False


def test_the_address_list_and_the_sources_are_written() -> None:
    with rig(SUNAPI) as run:
        result = run.harden({"access": {"mode": "allow", "sources": ["127.0.0.0/8", "192.0.2.7"]}})
        assert result["outcomes"]["access.sources"]["outcome"] == "changed", result["outcomes"]
        held = {row["Address"] for row in run.device.state["security"]["ipfilter"]["IPv4"] if row["Enable"]}
        assert {"127.0.0.0", "192.0.2.7"} <= held


@pytest.mark.parametrize("model", ["sunapi-modern", "sunapi-old"])
@pytest.mark.parametrize(
    ("cgi", "menu", "field", "value", "document"),
    [
        ("system", "deviceinfo", "Memo", "something else", "device"),
        ("system", "date", "DSTEnable", True, "date"),
        ("security", "ssl", "CertificateInUse", "another", "ssl"),
        ("network", "snmp", "UserName", "someone", "snmp"),
        ("network", "dynamicdns", "PublicUserName", "someone", "ddns"),
        ("network", "upnpdiscovery", "FriendlyName", "another", "upnp"),
        ("network", "bonjour", "FriendlyName", "another", "bonjour"),
        ("network", "zeroconf", "SubnetMask", "255.0.0.0", "zeroconf"),
        ("network", "dns", "Type", "DHCP", "dns"),
        ("security", "802Dot1x", "EAPOLId", "someone", "dot1x"),
        ("recording", "storage", "OverWrite", False, "storage"),
    ],
)
def test_a_change_beyond_the_model_changes_the_digest(
    model: str, cgi: str, menu: str, field: str, value: Any, document: str
) -> None:
    with rig(SUNAPI, model=model) as run:
        before = run.read(wanted=EVERYTHING)["snapshot"]["documents"]
        run.lab.call(lambda: run.device.force(cgi, menu, run.device.state[cgi][menu] | {field: value}))
        after = run.read(wanted=EVERYTHING)["snapshot"]["documents"]
        assert [name for name in before if before[name] != after[name]] == [document]


def test_every_document_is_read_and_says_what_is_beyond_the_model(readings: tuple[Any, dict[str, Any]]) -> None:
    with rig(SUNAPI) as run:
        documents = run.read(wanted=EVERYTHING)["snapshot"]["documents"]
        assert documents.pop("cameras")["state"] == "unsupported", "only a recorder has them"
        assert all("digest" in told for told in documents.values()), documents
        assert {"device", "users", "date", "ssl", "snmp", "ddns", "rtsp", "guest", "upnp", "bonjour", "zeroconf", "tls",
                "dot1x", "tamper", "storage", "interface", "dns", "schema"} == set(documents)  # fmt: skip


def test_the_cases_are_designs_of_their_keys() -> None:
    for design, key, *_rest in WRITE:
        assert settings.parse_key(key) in parse_design(design)

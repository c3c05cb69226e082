# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row of the ISAPI tables: what it reads from a simulated device, and what stands on the device after a write."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.nwcs.hardening.lab.testing import running_lab
from ansible_collections.nwcs.hardening.plugins.module_utils import jobs, judging, reading, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi import IsapiDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session

ADMIN = {"isapi-camera": "Camera-12345", "isapi-camera-old": "Camera-12345", "isapi-nvr": "Recorder-12345"}
CHANNELS = [{"camera": "cam-1", "address": "192.0.2.21", "password": "x"}]
UNSUPPORTED, NOT_OFFERED = "unsupported", "not_offered"
# Keys and what the camera of the lab holds; "*" stands in a value for something that is only there.
CAMERA: dict[str, Any] = {
    "facts.manufacturer": "hikvision", "facts.model": "DS-2CD2146G2-ISU", "facts.serial": "*", "facts.mac": "*",
    "facts.firmware": "V5.7.17 build 220623", "firmware.version": "V5.7.17 build 220623", "facts.api": "ISAPI",
    "identity.name": "IP CAMERA", "identity.location": "hangzhou", "auth.http_schemes": ["digest-md5"],
    'accounts."service".role': "operator", 'accounts."admin".role': "administrator", "auth.lockout_attempts": 7,
    "auth.lockout_minutes": 30, "auth.basic_login": False, "services.http.enabled": True, "services.mdns.enabled": True,
    "services.rtsp.ports": [8554], "tls.https_only": False, "tls.min_version": "1.2", "services.upnp.enabled": True,
    "nat.upnp": True, "services.snmp_v1.enabled": False, "services.ssh.enabled": False,
    "services.onvif.enabled": False, "services.zeroconf.enabled": True, "ddns.enabled": True,
    "ddns.provider": "DynDNS", "ddns.hostname": "camera.ddns.example", "cloud.enabled": True, "access.mode": "off",
    "access.sources": [], "time.sync": "manual", "time.zone": "CST-8", "time.servers": ["time.windows.com"],
    "log.remote": [], "network.addressing": "static", "network.address": "*", "network.gateway": "*",
    "network.dns_servers": "*", "events.tamper": False, "video.authentication": True, "storage.edge_recording": True,
}  # fmt: skip
RECORDER: dict[str, Any] = {
    "video.authentication": True, "events.video_loss": False, "storage.state": "ok", "storage.array_level": "none",
    "storage.array_state": "none", "recording.state": "error", 'recording.jobs."1".state': "error",
    "auth.lockout_minutes": 30,
}  # fmt: skip
OLD: dict[str, Any] = {"auth.basic_login": True, "services.telnet.enabled": True, "cloud.enabled": False}
STATES = {  # (model, key): state of what has no value
    ("isapi-camera", "services.snmp_v2c.enabled"): UNSUPPORTED,
    ("isapi-camera", "services.snmp_v3.enabled"): UNSUPPORTED,
    ("isapi-camera", "dot1x.enabled"): UNSUPPORTED,
    ("isapi-camera", "services.iot.enabled"): NOT_OFFERED,
    ("isapi-camera", 'accounts."admin".password'): "write_only",
    ("isapi-camera-old", "dot1x.enabled"): NOT_OFFERED,
    ("isapi-camera-old", "auth.lockout_attempts"): "unverifiable",
    ("isapi-camera-old", "auth.lockout_minutes"): UNSUPPORTED,
    ("isapi-camera-old", "log.remote"): UNSUPPORTED,
    ("isapi-camera-old", "tls.min_version"): UNSUPPORTED,
}
# (key, value, document, element, what stands there then). Written in one run.
ROWS = "Security/adminAccesses"
WRITES: list[tuple[str, Any, str, str, str]] = [
    ("identity.name", "cam-7", "System/deviceInfo", "deviceName", "cam-7"),
    ("identity.location", "north", "System/deviceInfo", "deviceLocation", "north"),
    ("auth.lockout_attempts", 3, "Security/illegalLoginLock", "maxIllegalLoginTimes", "3"),
    ("auth.lockout_minutes", 60, "Security/illegalLoginLock", "maxIllegalLoginLockTime", "60"),
    ("auth.basic_login", True, "Security/webCertificate", "CertificateType", "digest/basic"),
    ("services.websocket.enabled", False, ROWS, "WebSocket/enabled", "false"),
    ("services.mdns.enabled", False, ROWS, "Bonjour/enabled", "false"),
    ("services.rtsp.ports", [10554], ROWS, "RTSP/portNo", "10554"),
    ("tls.min_version", "1.1", ROWS, "HTTPS/TLS1_1Enable", "true"),
    ("services.upnp.enabled", False, "System/Network/UPnP", "enabled", "false"),
    ("nat.upnp", False, "System/Network/UPnP", "ports/enabled", "false"),
    ("services.snmp_v1.enabled", True, "System/Network/SNMP", "SNMPv1c/notificationEnabled", "true"),
    ("services.ssh.enabled", True, "System/Network/ssh", "enabled", "true"),
    ("services.onvif.enabled", True, "System/Network/Integrate", "ONVIF/enable", "true"),
    ("services.zeroconf.enabled", False, "System/Network/interfaces",
     "NetworkInterface/Discovery/Zeroconf/enabled", "false"),
    ("ddns.enabled", False, "System/Network/DDNS", "DDNS/enabled", "false"),
    ("cloud.enabled", False, "System/Network/EZVIZ", "enabled", "false"),
    ("time.sync", "ntp", "System/time", "timeMode", "NTP"),
    ("time.zone", "CET-1CEST,M3.5.0,M10.5.0/3", "System/time", "timeZone",
     "CST-1:00:00DST01:00:00,M3.5.0/02:00:00,M10.5.0/03:00:00"),
    ("time.servers", ["192.0.2.1"], "System/time/ntpServers", "NTPServer/ipAddress", "192.0.2.1"),
    ("log.remote", ["tls://log.example.jp:6514"], "System/logServer", "transmissionEncryption", "true"),
    ("network.dns_servers", ["192.0.2.53", "192.0.2.54"], "System/Network/interfaces",
     "NetworkInterface/IPAddress/SecondaryDNS/ipAddress", "192.0.2.54"),
    ("access.mode", "allow", "System/Network/ipFilter", "permissionType", "allow"),
    ("events.tamper", True, "System/Video/inputs/channels/1/tamperDetection", "enabled", "true"),
    ("video.authentication", False, "Streaming/channels", "StreamingChannel/Transport/Security/enabled", "false"),
    ("storage.edge_recording", False, "ContentMgmt/record/tracks", "Track/Enable", "false"),
]  # fmt: skip


@contextmanager
def device(model: str, **overrides: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A running device and the spec of a job on it."""
    if model == "isapi-nvr":
        overrides.setdefault("channels", CHANNELS)
    with running_lab([{"name": "dev", "model": model, "overrides": overrides}]) as lab:
        found = lab.device("dev")
        target = {"name": "dev", "host": found.address, "port": 0, "scheme": "http", "tls_verify": lab.ca.read_text()}
        yield found, {
            "wanted": ["events.tamper", "events.video_loss"], "name": "dev", "family": "isapi", "target": target,
            "seen_as": ["127.0.0.1"],
            "ways": [{"scheme": "http", "port": found.ports["http"]}],
            "credentials": [{"username": "admin", "password": ADMIN[model], "label": "current"}], "secrets": {},
        }  # fmt: skip


@pytest.fixture(scope="module", params=list(ADMIN))
def readings(request: pytest.FixtureRequest) -> Any:
    with device(request.param) as (_device, spec):
        return request.param, jobs.read(spec)["snapshot"]["readings"]


def test_every_row_reads_what_the_device_holds(readings: Any) -> None:
    model, found = readings
    expected = {"isapi-camera": CAMERA, "isapi-nvr": RECORDER, "isapi-camera-old": OLD}[model]
    for key, value in expected.items():
        assert found[key]["state"] == "value", (key, found[key])
        assert found[key]["value"] == value or (value == "*" and found[key]["value"]), (key, found[key])
    for (other, key), state in STATES.items():
        if other == model:
            assert found[key]["state"] == state and found[key]["why"], (key, found[key])


def test_every_key_of_the_tables_is_in_these_lists() -> None:
    listed = {settings.pattern_of(settings.parse_key(key)) for key in (*CAMERA, *RECORDER, *OLD)}
    listed |= {settings.pattern_of(settings.parse_key(key)) for _model, key in STATES}
    missing = {binding.key for binding in IsapiDriver.bindings if settings.pattern_of(binding.key) not in listed}
    assert missing == set()
    written = {settings.pattern_of(settings.parse_key(row[0])) for row in WRITES}
    done_elsewhere = {("accounts", "*", "role"), ("accounts", "*", "password"), ("tls", "https_only"),
                      ("access", "sources"), ("events", "video_loss")}  # fmt: skip
    puts = {settings.pattern_of(binding.key) for binding in IsapiDriver.bindings if binding.put}
    assert puts == written | done_elsewhere, "contract suite: accounts, HTTPS only, filter, video loss"


def wanted(rows: Any) -> dict[str, Any]:
    return {row[0]: {"value": settings.normalise(settings.parse_key(row[0]), row[1]), "mode": "strict", "origin": ""}
            for row in rows}  # fmt: skip


def stands(found: Any, path: str, element: str) -> str:
    if path == ROWS:
        protocol, _slash, field = element.partition("/")
        return found.protocol(protocol)[field]
    return found.value(path, element)


def test_every_write_stands_on_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "SETTLE", (0.0, 0.1, 0.25))
    rows = [row for row in WRITES if row[0] != "access.mode"]
    with device("isapi-camera") as (found, spec):
        for _key, _value, path, element, raw in rows:
            assert stands(found, path, element) != raw, (path, element)
        done = jobs.apply(spec, jobs.plan(spec, wanted(rows), {}))
        bad = {key: line for key, line in done["outcomes"].items() if line["outcome"] != "changed"}
        assert bad == {} and done["error"] is None
        for _key, _value, path, element, raw in rows:
            assert stands(found, path, element) == raw, (path, element)
        assert jobs.plan(spec, wanted(rows), {})["changes"] == []


@pytest.mark.parametrize(
    ("key", "path"),
    [("services.telnet.enabled", "System/Network/telnetd"), ("cloud.enabled", "System/Network/Ehome")],
)
def test_what_an_old_camera_has_instead_is_written_there(key: str, path: str) -> None:
    with device("isapi-camera-old") as (found, spec):
        now = found.value(path, "enabled") == "true"
        row = (key, not now)
        done = jobs.apply(spec, jobs.plan(spec, wanted([row]), {}))
        assert done["outcomes"][key]["outcome"] == "changed", done["outcomes"]
        assert found.value(path, "enabled") == str(not now).lower()


def test_each_document_beyond_the_model_has_a_digest() -> None:
    """Removing a `rest` would hide a change there; what is volatile is no change."""
    with device("isapi-camera") as (_found, spec):
        with Session(spec) as session:  # noqa: SIM117 - nested, because pylint does not see that spec is set
            trees = reading.fetch(session)
            digests = reading.digests(session.driver, trees)
            again = reading.digests(session.driver, reading.fetch(session))
            assert digests == again
            with_digest = {name for name, row in digests.items() if "digest" in row}
            assert {"device_info", "users", "admin_accesses", "capabilities", "interfaces", "streams"} <= with_digest

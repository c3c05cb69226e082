# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of real devices through the ONVIF decoders, mutations of them, and the judgement of faults (no network)."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.nwcs.hardening.plugins.module_utils import decode, errors, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, Answer, Credential, Reading
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import onvif_session as session
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import onvif_soap as soap
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif import OnvifDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif_tables import (
    BINDINGS,
    DOCUMENTS,
    oddities_of,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import NwcsError
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Limits, Target

CAPTURES = Path(__file__).parents[4] / "captures" / "onvif"
DRIVER = OnvifDriver()
DOCUMENT = {document.name: document for document in DOCUMENTS}
FILES = {
    "device_information": "ex_onvif/get_device_information.xml",
    "users": "agsh/device.GetUsers.xml",
    "protocols": "ex_onvif/get_network_protocols.xml",
    "hostname": "ex_onvif/get_hostname.xml",
    "scopes": "ex_onvif/get_scopes.xml",
    "ntp": "ex_onvif/get_ntp.xml",
    "clock": "ex_onvif/get_system_date_and_time.xml",
    "zero_configuration": "agsh/device.GetZeroConfiguration.xml",
    "dns": "agsh/device.GetDNS.xml",
    "gateway": "agsh/device.GetNetworkDefaultGateway.xml",
    "interfaces": "agsh/device.GetNetworkInterfaces.xml",
    "services": "agsh/GetServices.xml",
}


def capture(name: str) -> bytes:
    content = (CAPTURES / name).read_bytes()
    return json.loads(content)["response_body"].encode() if name.endswith(".json") else content


class Canned:
    """A transport that gives one answer to everything."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        self.target, self.auth, self.requests = Target("cam", "192.0.2.9", 80, "http"), None, 0
        self.answer = Answer(status, {}, body)

    def request(self, *_args: Any, **_options: Any) -> Answer:
        self.requests += 1
        return self.answer

    def close(self) -> None:
        pass


def tree_of(name: str, body: bytes, status: int = 200) -> Any:
    ctx = session.OnvifContext(Canned(body, status), Credential("admin", "x"))
    ctx.mode = "digest"
    return DRIVER.fetch(ctx, [name])[name]


def readings(name: str, tree: Any) -> dict[str, Any]:
    """What the bindings of this document read, as the engine would."""
    found = {}
    for row in BINDINGS:
        if row.documents != (name,) or row.secret:
            continue
        for item in row.items(tree) if row.items else [None]:
            key = tuple(item if part == "*" else part for part in row.key)
            value = row.get(tree, item) if item is not None else row.get(tree)
            if value is not ABSENT and not isinstance(value, Reading):
                found[settings.key_text(key)] = settings.normalise(key, value)
    return found


def test_real_answers_are_read() -> None:
    trees = {name: tree_of(name, capture(file)) for name, file in FILES.items()}
    assert {name: str(tree) for name, tree in trees.items() if isinstance(tree, Exception)} == {}
    assert readings("users", trees["users"]) == {
        'accounts."admin".role': "administrator",
        'accounts."operator".role': "operator",
    }
    found = readings("protocols", trees["protocols"])
    assert found["services.http.ports"] == [80] and found["services.https.enabled"] is False  # AXIS: Port 80 and Port 0
    by_hand = {"time.servers": ["time.windows.com"], "time.servers_from_provider": False}
    assert readings("ntp", trees["ntp"]) == by_hand
    assert readings("clock", trees["clock"])["time.zone"] == "BRT3" and trees["clock"]["dst"] is True
    assert trees["clock"]["device"] == "2024-07-09T19:49:06+00:00"
    assert readings("dns", trees["dns"])["network.dns_servers"] == ["4.4.4.4", "8.8.8.8"]
    found = readings("interfaces", trees["interfaces"])
    assert found["facts.mac"] == "28:57:be:65:7d:d5" and found["network.address"] == ["192.168.68.111/24"]
    assert readings("zero_configuration", trees["zero_configuration"]) == {"services.zeroconf.enabled": True}


def test_a_bosch_camera() -> None:
    tree = tree_of("device_information", capture("bosch-onvif-go/capture_001.json"))
    assert readings("device_information", tree)["facts.model"] == "FLEXIDOME indoor 5100i IR"
    assert [oddity.name for oddity in oddities_of(tree["model"], tree["firmware"])] == ["old_tokens"]
    assert oddities_of("FLEXIDOME indoor 5100i IR", "9.00") == []
    tree = tree_of("clock", capture("bosch-onvif-go/capture_002.json"))
    assert (tree["zone"], tree["type"], tree["device"]) == ("UTC5:0", "Manual", "2023-05-24T21:25:05+00:00")


def test_secrets_and_volatile_values_are_in_no_digest() -> None:
    for name, file in FILES.items():
        rest = DOCUMENT[name].rest
        text = json.dumps(rest(tree_of(name, capture(file))) if rest else None)
        assert "REDACTED" not in text and "Password" not in text and "2024" not in text
    inside = "<tds:User><tt:Username>a</tt:Username><tt:UserLevel>User</tt:UserLevel>{}</tds:User>"
    one, two, three = (
        DOCUMENT["users"].rest(tree_of("users", message("GetUsers", inside.format(extra))))
        for extra in ("", "<tt:Password>x</tt:Password>", "<tt:Extension><tt:Roles>r</tt:Roles></tt:Extension>")
    )
    assert one == two != three


def body_of(content: bytes) -> Any:
    return soap.body_of(decode.xml(content, Limits()))


def message(operation: str, inside: str) -> bytes:
    declared = "".join(f' xmlns:{key}="{value}"' for key, value in soap.NAMESPACES.items())
    response = f"<tds:{operation}Response>{inside}</tds:{operation}Response>"
    return f'<s:Envelope xmlns:s="{soap.SOAP}"{declared}><s:Body>{response}</s:Body></s:Envelope>'.encode()


@pytest.mark.parametrize("name", [n for n, d in DOCUMENT.items() if hasattr(d.fetch, "operation") and n != "users"])
def test_an_empty_response_means_unsupported(name: str) -> None:
    operation = DOCUMENT[name].fetch.operation.partition(":")[2]
    assert isinstance(tree_of(name, message(operation, "")), errors.Unsupported)


def test_an_empty_list_of_accounts_is_not_believed() -> None:
    ctx = session.OnvifContext(Canned(message("GetUsers", "")), Credential("admin", "x"))
    ctx.mode = "digest"
    tree = DRIVER.fetch(ctx, ["users"])["users"]
    assert tree["users"] == {} and "admin" in DOCUMENT["users"].credible(ctx, tree)


def test_values_that_are_none_are_not_taken_for_one() -> None:
    switch = "<tt:Name>HTTP</tt:Name><tt:Enabled>{}</tt:Enabled><tt:Port>{}</tt:Port>"
    switch = f"<tds:NetworkProtocols>{switch}</tds:NetworkProtocols>"
    for enabled, port in (("banana", "80"), ("", "80"), ("true", "http"), ("true", "70000"), ("true", "")):
        tree = tree_of("protocols", message("GetNetworkProtocols", switch.format(enabled, port)))
        assert isinstance(tree, errors.BadAnswer), (enabled, port)
    ntp = "<tds:NTPInformation><tt:FromDHCP>0</tt:FromDHCP>{}</tds:NTPInformation>"
    server = "<tt:NTPManual><tt:Type>IPv4</tt:Type><tt:{0}>{1}</tt:{0}></tt:NTPManual>"
    for child, value, found in (
        ("DNSname", "ntp.x", ["ntp.x"]),
        ("IPv4Address", "0.0.0.0", []),
        ("IPv4Address", "", []),
    ):
        tree = tree_of("ntp", message("GetNTP", ntp.format(server.format(child, value))))
        assert tree["manual"] == found
    nil = '<tds:DynamicDNSInformation xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:nil="true"/>'
    assert isinstance(tree_of("dynamic_dns", message("GetDynamicDNS", nil)), errors.Unsupported)


def test_the_filter_has_an_off_of_its_own() -> None:
    entry = "<tt:IPv4Address><tt:Address>192.0.2.7</tt:Address><tt:PrefixLength>32</tt:PrefixLength></tt:IPv4Address>"
    shape = "<tds:IPAddressFilter><tt:Type>{}</tt:Type>{}</tds:IPAddressFilter>"
    seen = {}
    for kind in ("Allow", "Deny"):
        for entries in ("", entry):
            tree = tree_of("ip_filter", message("GetIPAddressFilter", shape.format(kind, entries)))
            seen[kind, bool(entries)] = readings("ip_filter", tree)
    assert {key: value["access.mode"] for key, value in seen.items()} == {
        ("Allow", False): "allow", ("Allow", True): "allow", ("Deny", False): "off", ("Deny", True): "deny",
    }  # fmt: skip
    assert seen["Allow", True]["access.sources"] == ["192.0.2.7"]


JAPAN = "<tt:TimeZone><tt:TZ>JST-9</tt:TZ></tt:TimeZone>"


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("<tt:UTCDateTime>{}</tt:UTCDateTime>", "2026-11-21T01:02:03+00:00"),
        (f"{JAPAN}<tt:LocalDateTime>{{}}</tt:LocalDateTime>", "2026-11-20T16:02:03+00:00"),
        ("", None),
    ],
)
def test_the_clock_is_read_as_far_as_it_is_told(inside: str, expected: str | None) -> None:
    time = "<tt:Time><tt:Hour>1</tt:Hour><tt:Minute>2</tt:Minute><tt:Second>3</tt:Second></tt:Time>"
    date = "<tt:Date><tt:Year>2026</tt:Year><tt:Month>11</tt:Month><tt:Day>21</tt:Day></tt:Date>"
    inside = inside.format(time + date)
    body = f"<tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType>{inside}</tds:SystemDateAndTime>"
    root = body_of(message("GetSystemDateAndTime", body))
    found = session.device_time(soap.kid(root, "GetSystemDateAndTimeResponse"))
    assert (found.isoformat() if found else None) == expected
    broken = body.replace("<tt:Minute>2<", "<tt:Minute>61<")
    assert tree_of("clock", message("GetSystemDateAndTime", broken))["device"] is None


@pytest.mark.parametrize(
    ("operation", "status", "codes", "reason", "kind"),
    [
        ("tds:GetNTP", 401, [], "", soap.NotAuthorized),
        ("tds:GetNTP", 400, ["Sender", "NotAuthorized"], "", soap.NotAuthorized),
        ("tds:GetNTP", 200, ["Sender", "NotAuthorized"], "", soap.NotAuthorized),
        ("tds:GetNTP", 401, ["Sender"], "HTTP Error: 401 Unauthorized", soap.NotAuthorized),
        ("tds:GetNTP", 500, ["Receiver", "ActionNotSupported", "InvalidOperation"], "", errors.Unsupported),
        ("tds:GetNTP", 400, ["Sender"], "Error", errors.Unsupported),
        ("tds:SetNTP", 400, ["Sender"], "Error", errors.Refused),
        ("tds:SetNTP", 500, ["Sender"], "Method 'tds:SetNTP' not implemented: method name", errors.Unsupported),
        ("tds:GetDynamicDNS", 500, ["Sender", "InvalidArgVal", "InvalidParameter"], "is err!", errors.Unsupported),
        ("tds:SetNTP", 400, ["Sender", "InvalidArgVal", "TimeSyncedToNtp"], "", errors.Refused),
        ("tds:SetNetworkProtocols", 500, ["Receiver", "ActionNotSupported", "EnablingTlsFailed"], "", errors.Refused),
        ("tds:CreateUsers", 500, ["Receiver", "Action", "TooManyUsers"], "", errors.Refused),
        ("tds:SetUser", 500, ["Receiver", "OutofMemory"], "", errors.Busy),
        ("tds:GetUsers", 403, ["Sender", "OperationProhibited"], "", errors.Refused),
        ("tds:GetNTP", 500, ["MustUnderstand"], "", errors.Unsupported),
    ],
)
def test_faults_are_judged_by_code_then_text_then_status(
    operation: str, status: int, codes: list[str], reason: str, kind: type
) -> None:
    inner = ""
    for code in reversed(codes[1:]):
        inner = f"<s:Subcode><s:Value>ter:{code}</s:Value>{inner}</s:Subcode>"
    outer = f"<s:Code><s:Value>s:{codes[0]}</s:Value>{inner}</s:Code>" if codes else ""
    fault = f"<s:Fault>{outer}<s:Reason><s:Text>{reason}</s:Text></s:Reason></s:Fault>"
    text = f'<s:Envelope xmlns:s="{soap.SOAP}"><s:Body>{fault}</s:Body></s:Envelope>'
    body = body_of(text.encode()) if codes else None
    found = soap.failure("cam", operation, Answer(status, {}, b""), body)
    assert type(found) is kind and str(found).startswith(f"cam: {operation[4:]}")  # pylint: disable=unidiomatic-typecheck


@pytest.mark.parametrize(
    ("operation", "status", "kind"),
    [
        ("tds:GetNTP", 200, errors.Unsupported),
        ("tds:GetNTP", 404, errors.Unsupported),
        ("tds:GetNTP", 503, errors.Busy),
        ("tds:GetNTP", 403, errors.Refused),
        ("tds:SetNTP", 200, errors.BadAnswer),
        ("tds:SetNTP", 501, errors.Unsupported),
        ("tds:SetNTP", 500, errors.BadAnswer),
    ],
)
def test_answers_without_soap(operation: str, status: int, kind: type) -> None:
    assert type(soap.failure("cam", operation, Answer(status, {}, b""), None)) is kind  # pylint: disable=unidiomatic-typecheck


def test_attempts_left_and_locks_are_told() -> None:
    text = "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text>Invalid username or password! You " \
           "still have 0 attempt(s)</s:Text></s:Reason></s:Fault>"  # fmt: skip
    envelope = f'<s:Envelope xmlns:s="{soap.SOAP}"><s:Body>{text}</s:Body></s:Envelope>'.encode()
    body = body_of(envelope)
    found = soap.failure("cam", "tds:GetNTP", Answer(400, {}, b""), body)
    assert isinstance(found, soap.NotAuthorized) and found.locked and "0 attempts" in str(found)


@pytest.mark.parametrize(
    ("said", "locked", "seconds"),
    [
        ("Account locked. Try again in 90 seconds.", True, 90),
        ("User is locked for 5 minutes", True, 300),
        ("account locked", True, None),
        ("Try again in 90 seconds", False, None),  # busy, not locked
    ],
)
def test_how_long_a_lock_lasts_is_understood(said: str, locked: bool, seconds: int | None) -> None:
    code = '<s:Value>s:Sender</s:Value><s:Subcode><s:Value xmlns:ter="x">ter:NotAuthorized</s:Value></s:Subcode>'
    text = f"<s:Fault><s:Code>{code}</s:Code><s:Reason><s:Text>{said}</s:Text></s:Reason></s:Fault>"
    body = body_of(f'<s:Envelope xmlns:s="{soap.SOAP}"><s:Body>{text}</s:Body></s:Envelope>'.encode())
    found = soap.failure("cam", "tds:GetNTP", Answer(400, {}, b""), body)
    assert isinstance(found, soap.NotAuthorized) and (found.locked, found.seconds) == (locked, seconds)


def test_a_captured_fault_of_a_missing_profile() -> None:
    body = body_of(capture("ex_onvif/soap_fault.xml"))
    found = soap.failure("cam", "tds:SetNTP", Answer(400, {}, b""), body)
    assert type(found) is errors.Refused and "NoProfile" in str(found)  # pylint: disable=unidiomatic-typecheck


# -- whatever a device sends -------------------------------------------------------------------------------------------
@given(name=st.sampled_from(sorted(FILES)), data=st.data())
def test_any_mutation_ends_as_a_reading_or_an_error_of_ours(name: str, data: st.DataObject) -> None:
    body = bytearray(capture(FILES[name]))
    start = body.find(b"Body>")
    for _unused in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(start, len(body) - 1))
        kind = data.draw(st.sampled_from(("cut", "byte", "drop", "text")))
        if kind == "cut":
            del body[at:]
            break
        if kind == "byte":
            body[at] = data.draw(st.integers(0, 255))
        elif kind == "drop":
            del body[at : at + data.draw(st.integers(1, 60))]
        else:
            words = (b"-1", b"\xff", b"99999999999", b"<x/>", b"&amp;", b"[", b"//", b"\xe3\x82\xab")
            word = data.draw(st.sampled_from(words))
            body[at:at] = word
        if start >= len(body):
            break
    try:
        tree = tree_of(name, bytes(body))
    except NwcsError:
        return
    if isinstance(tree, Exception):
        assert isinstance(tree, NwcsError)
        return
    json.dumps(tree)
    if DOCUMENT[name].rest:
        json.dumps(DOCUMENT[name].rest(tree))
    try:
        readings(name, tree)
    except ValueError:
        pass  # normalise says that the device holds something else: unverifiable


@given(st.text(max_size=60))
def test_addresses_of_services_never_leave_the_host(uri: str) -> None:
    path = session.path_of(uri)
    assert path == "" or (path.startswith("/") and not any(c.isspace() for c in path))
    session.port_of(uri)


def test_service_addresses() -> None:
    for uri, path, port in (
        ("http://192.0.2.1/onvif/media?x=1", "/onvif/media?x=1", None),
        ("http://:80/onvif/media", "/onvif/media", 80),
        ("http://192.0.2.1:8106:8106/onvif/media", "/onvif/media", None),
        ("http://192.0.2.1/a\r\nHost: x", "", None),
        ("http://[bad/onvif", "", None),
    ):
        assert (session.path_of(uri), session.port_of(uri)) == (path, port), uri


def test_moments_keep_their_zone() -> None:
    assert datetime.datetime.fromisoformat(tree_of("clock", capture(FILES["clock"]))["controller"]).tzinfo is not None


def test_every_binding_is_a_known_setting_and_of_a_known_document() -> None:
    for row in BINDINGS:
        setting = settings.setting_of(row.key)
        assert all(name in DOCUMENT for name in row.documents), row.key
        assert row.put is None or DOCUMENT[row.documents[0]].store is not None, row.key
        assert row.put is None or not setting.observed, row.key
        assert row.secret == setting.secret, row.key
        assert row.source, row.key


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Invalid argument", "Invalid argument"),
        ("OptionalActionNotImplemented, IPC-1000 (2.4.1)", "OptionalActionNotImplemented, IPC-1000 (2.4.1)"),
        ("nonce 5f2ab8c1d09e4477aa10 is stale", "nonce … is stale"),
        ("digest tuOSpGlFlIXsozq4HFNeeGeFLEI= is wrong", "digest … is wrong"),
        ("a" * 300_000, "…"),
        ("refused JHi47=h.gQx7mTn2Rb9vKc4LpZ as it is", "refused … as it is"),
        ("refused " + "-" * 185 + " Half-a-Password-77", "refused " + "-" * 185 + "…"),
    ],
)
def test_what_a_device_says_back_is_not_told_and_no_word_is_cut(said: str, told: str) -> None:
    text = f"<s:Fault><s:Reason><s:Text>{said}</s:Text></s:Reason></s:Fault>"
    body = body_of(f'<s:Envelope xmlns:s="{soap.SOAP}"><s:Body>{text}</s:Body></s:Envelope>'.encode())
    assert soap.fault_text(body[0]) == told

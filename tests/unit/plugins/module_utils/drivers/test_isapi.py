# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ISAPI without a device: documents as text, what answers mean, zones, the activation's cipher, parts of the tables."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, UNVERIFIABLE, Answer, Reading
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_accounts as accounts
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_answers as answers
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_crypt as crypt
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_filter as ip_filter
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_network as network
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_system as system
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_time as clock
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_xml as xml
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi_session import IsapiContext
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    Refused,
    Unsupported,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Limits

CAPTURES = Path(__file__).parents[5] / "tests" / "captures" / "isapi" / "pyHik"
NS = 'xmlns="http://www.hikvision.com/ver20/XMLSchema"'


def doc(text: str) -> dict[str, str]:
    return {"text": text}


def recorded(name: str) -> dict[str, str]:
    return xml.tree_of((CAPTURES / f"{name}.xml").read_bytes())


# -- documents ---------------------------------------------------------------------------------------------------------
ODD = (
    '\ufeff<?xml version="1.0" encoding="UTF-8"?>\r\n<!-- <enabled>no</enabled> --><a:List a:v="x>y" '
    "xmlns:a='urn:a'>\r\n\t<a:Row><a:id>1</a:id><a:name><![CDATA[one & <two>]]></a:name><a:empty/></a:Row>"
    "<a:Row><a:id>2</a:id><a:name>a &lt;b&gt; &#x41;&amp;</a:name><a:on>TRUE</a:on></a:Row></a:List>\n"
)


def test_everything_but_the_value_stays_as_it_came() -> None:
    tree = xml.tree_of(ODD.encode())
    whole = tree["text"]
    assert xml.get(tree, "Row/name") == "one & <two>" and xml.get(tree, "Row[2]/name") == "a <b> A&"
    assert xml.get(tree, "Row[id=2]/on") == "TRUE" and xml.flag(tree, "Row[id=2]/on") is True
    xml.put_flag(tree, "Row[2]/on", True)
    assert tree["text"] == whole, "TRUE says the same as true"
    xml.put(tree, "Row/empty", "x&y")
    assert tree["text"] == whole.replace("<a:empty/>", "<a:empty>x&amp;y</a:empty>")
    xml.put(tree, "Row/empty", "")
    xml.put(tree, "Row[2]/id", 3)
    assert tree["text"] == whole.replace("<a:empty/>", "<a:empty></a:empty>").replace("<a:id>2<", "<a:id>3<")
    assert xml.element(tree, "Row", "") == "<a:Row></a:Row>"
    with pytest.raises(KeyError):
        xml.put(tree, "Row/missing", "x")


def test_bytes_that_are_no_utf8_go_back_as_they_came() -> None:
    body = b"<D><name>caf\xe9</name><x>1</x></D>"
    tree = xml.tree_of(body)
    assert xml.get(tree, "name") == "caf\ufffd"
    xml.put(tree, "x", 2)
    assert xml.body_of(tree) == body.replace(b"<x>1", b"<x>2")


@given(st.text(max_size=300))
def test_no_text_breaks_the_parser(text: str) -> None:
    for body in (text, f"<a>{text}</a>", f"<a {text}><b></a>"):
        try:
            root = xml.parse(body)
        except ValueError:
            continue
        assert 0 <= root.start <= root.inner <= root.close <= root.end <= len(body)


def test_secrets_are_cut_out_and_put_back() -> None:
    tree = doc(f"<S {NS}><v1><readCommunity>pub&amp;lic</readCommunity><key></key></v1>"
               "<isRiskPassword>true</isRiskPassword><password>one</password>"
               "<PasswordStatus>ok</PasswordStatus></S>")  # fmt: skip
    whole = copy.deepcopy(tree)
    kept = xml.mask(tree, "x")
    assert sorted(kept.values()) == ["one", "pub&amp;lic"] and "one" not in tree["text"]
    assert xml.unmask(tree, kept) == whole
    with pytest.raises(KeyError):
        xml.unmask(tree, {})


def test_a_part_of_a_document_takes_its_declarations_along() -> None:
    tree = doc(f"<L {NS} xmlns:p='urn:p'><User><id>1</id></User><User {NS}><id>2</id></User></L>")
    one, two = (xml.as_document(tree, node)["text"] for node in xml.every(tree, "User"))
    assert one == f"<User {NS} xmlns:p='urn:p'><id>1</id></User>"
    assert two == f"<User xmlns:p='urn:p' {NS}><id>2</id></User>"


def test_captured_documents_are_read() -> None:
    assert xml.get(recorded("device_info"), "firmwareVersion").startswith("V5")
    assert system.storage_state(recorded("storage")) == "ok"
    assert system.keep_triggers(None, recorded("event_triggers"))["all"] == ["1", "2", "3", "4", "5"]
    assert system.stream_login(recorded("streaming_channels")) is ABSENT


# -- answers -----------------------------------------------------------------------------------------------------------
def status(code: int, sub: str = "", http: int = 200) -> Answer:
    body = (f"<ResponseStatus {NS}><requestURL>/x</requestURL><statusCode>{code}</statusCode><statusString>s"
            f"</statusString><subStatusCode>{sub}</subStatusCode></ResponseStatus>")  # fmt: skip
    return Answer(http, {}, body.encode())


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (status(1, "ok"), None), (status(0), None), (status(7, "rebootRequired"), None),
        (status(6, "riskPassword"), Refused), (status(4, "notSupport"), Unsupported),
        (status(4, "notSupport", 403), Unsupported), (status(4, "notSupport", 500), Unsupported),
        (status(4, "lowPrivilege", 403), Refused), (status(2, "", 503), Busy), (status(2), Busy),
        (status(3), Refused), (status(5, "badXmlFormat"), answers.BadContent),
        (status(6, "badParameters", 400), answers.BadContent), (status(1, "ok", 500), Refused),
        (Answer(404, {}, b""), Unsupported), (Answer(503, {}, b"<html>"), Busy), (Answer(302, {}, b""), BadAnswer),
        (Answer(403, {}, b""), Refused), (Answer(500, {}, b""), Refused), (Answer(200, {}, b"<Time/>"), None),
        (Answer(200, {}, b'{"statusCode":4,"errorCode":1073741825}'), Unsupported),
        (Answer(200, {}, b'{"statusCode":1,"statusString":"OK"}'), None),
    ],
)  # fmt: skip
def test_what_an_answer_means(answer: Answer, kind: Any) -> None:
    why = answers.failure("cam: PUT x", "/ISAPI/x", answer)
    assert why is None if kind is None else isinstance(why, kind), why


@pytest.mark.parametrize(
    ("sub", "said", "told"),
    [
        ("badParameters", "Invalid XML Content", "badParameters"), ("", "Invalid XML Content", "Invalid XML Content"),
        ("", "refused JHi47=h.gQx7mT", "no reason given"), ("JHi47=h.gQx7mT", "Invalid Operation", "Invalid Operation"),
    ],
)  # fmt: skip
def test_what_a_device_says_back_is_told_whole_or_not_at_all(sub: str, said: str, told: str) -> None:
    body = json.dumps({"statusCode": 6, "statusString": said, "subStatusCode": sub}).encode()
    found = answers.status_of(Answer(200, {}, body))
    assert found is not None and found.text == told and "JHi47" not in f"{found.text}{found.sub}"


def test_busy_means_absent_for_triggers_and_only_there() -> None:
    """H23: a trigger that does not exist answers 503 (sheet 3)."""
    busy = status(2, "deviceBusy", 503)
    assert isinstance(answers.failure("cam", "/ISAPI/Event/triggers/videoloss-9", busy), Unsupported)
    assert isinstance(answers.failure("cam", "/ISAPI/Security/users", busy), Busy)


def check(**fields: Any) -> Answer:
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return Answer(401, {}, f"<userCheck {NS}>{inner}</userCheck>".encode())


@pytest.mark.parametrize(
    ("answer", "locked", "seconds"),
    [
        (check(lockStatus="unlock", retryLoginTime=4, unlockTime=0), False, None),
        (check(lockStatus="unlock", retryLoginTime=1, unlockTime=0), True, None),
        (check(lockStatus="lock", retryLoginTime=0, unlockTime=1800), True, 1800),
        (check(statusValue=401, statusString="lockedIpFailed"), True, None),
        (check(statusValue=401, statusString="Unauthorized"), False, None),
        (status(4, "userFloor", 401), True, None),
        (Answer(401, {}, b"<html>Document Error: Unauthorized</html>"), False, None),
    ],
)
def test_what_a_refused_login_says(answer: Answer, locked: bool, seconds: int | None) -> None:
    error = answers.refused_login("cam", "admin", answer)
    assert (error.locked, error.seconds) == (locked, seconds) and "'admin'" in str(error)


# -- activation --------------------------------------------------------------------------------------------------------
def test_aes_as_in_the_standard() -> None:
    """FIPS 197, appendix C.1."""
    cipher = crypt.aes128(bytes(range(16)), bytes.fromhex("00112233445566778899aabbccddeeff"))
    assert cipher.hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"


def test_the_challenge_is_read_by_the_key_that_was_sent() -> None:
    keys = crypt.KeyPair()
    sent = int(base64.b64decode(keys.public_text()), 16)
    assert sent == keys.modulus and sent.bit_length() == 1024 and len(base64.b64decode(keys.public_text())) == 256
    random = b"00112233445566778899aabbccddeeff"
    block = b"\x00\x02" + b"\x07" * (128 - 3 - len(random)) + b"\x00" + random
    sealed = pow(int.from_bytes(block, "big"), 65537, sent)
    text = base64.b64encode(f"{sealed:0256x}".encode()).decode()
    assert keys.decrypt(text) == random
    for broken in ("", "no base64!", base64.b64encode(b"zz").decode(), base64.b64encode(b"12").decode()):
        with pytest.raises(BadAnswer):
            keys.decrypt(broken)


def test_the_password_is_sealed_in_the_published_form() -> None:
    random = b"000102030405060708090a0b0c0d0e0f"
    digits = base64.b64decode(crypt.sealed_password(random, "Passw0rd")).decode()
    assert len(bytes.fromhex(digits)) == 32
    first = crypt.aes128(bytes(range(16)), random[:16])
    assert bytes.fromhex(digits)[:16] == first
    with pytest.raises(BadAnswer):
        crypt.sealed_password(b"short", "x")


# -- time --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("device", "posix"),
    [
        ("CST-9:00:00", "CST-9"), ("CST+0:00:00", "CST0"), ("CST-5:30:00", "CST-5:30:00"), ("CST+5:00:00", "CST5"),
        ("CST-1:00:00DST01:00:00,M3.5.0/02:00:00,M10.5.0/03:00:00", "CST-1DST,M3.5.0,M10.5.0/3"),
        ("CST-10:00:00DST00:30:00,M10.1.0/02:00:00,M4.1.0/02:00:00", "CST-10DST-10:30:00,M10.1.0,M4.1.0"),
        ("nonsense", "nonsense"),
    ],
)  # fmt: skip
def test_zones_of_devices(device: str, posix: str) -> None:
    assert clock.zone_from_device(device) == posix
    assert clock.zone_to_device(posix) == (None if device == "nonsense" else device)


@pytest.mark.parametrize(
    ("told", "zone", "utc"),
    [
        ("2026-01-01T12:00:00", "CST-9:00:00", "2026-01-01T03:00:00+00:00"),
        ("2026-01-01T12:00:00+08:00", "CST-9:00:00", "2026-01-01T03:00:00+00:00"),  # the wall clock counts
        ("2026-07-01T12:00:00+02:00", "CST-1:00:00DST01:00:00,M3.5.0/02:00:00,M10.5.0/03:00:00",
         "2026-07-01T10:00:00+00:00"),
        ("2026-01-01T12:00:00+09:00", "", "2026-01-01T03:00:00+00:00"),
    ],
)  # fmt: skip
def test_the_moment_of_a_device(told: str, zone: str, utc: str) -> None:
    assert clock.device_moment(told, zone).isoformat() == utc
    assert clock.device_moment("banana", zone) is None


def test_time_servers_come_and_go_as_rows() -> None:
    row = "<NTPServer><id>1</id><addressingFormatType>hostname</addressingFormatType>"
    row += "<hostName>a.example</hostName><x/></NTPServer>"
    tree = doc(f"<NTPServerList {NS}>{row}</NTPServerList>")
    for value in (["192.0.2.1", "b.example"], ["c.example"], ["192.0.2.1", "192.0.2.2", "d.example"]):
        clock.put_servers(tree, value)
        assert clock.servers(tree) == value and tree["text"].count("<x/>") == len(value)
    assert [xml.get(tree, f"NTPServer[{n}]/id") for n in (1, 2, 3)] == ["1", "2", "3"]
    assert clock.servers_limits(None, tree, "", []) and clock.servers_limits(None, tree, "", ["a b"])


# -- lock --------------------------------------------------------------------------------------------------------------
def lock(attempts: str, time: str, most: str = "", kind: str = "camera") -> dict[str, str]:
    inner = f"<enabled>true</enabled><{system.ATTEMPTS}>{attempts}</{system.ATTEMPTS}>"
    text = f"<IllegalLoginLock {NS}>{inner}<{system.DURATION}>{time}</{system.DURATION}></IllegalLoginLock>"
    return {**doc(text), "most": most, "kind": kind}


@pytest.mark.parametrize(
    ("time", "most", "kind", "minutes"),
    [
        ("30", "120", "camera", 30), ("1800", "", "camera", 30), ("1800", "7200", "recorder", 30),
        ("30", "", "camera", 30), ("60", "7200", "recorder", 1), ("1800", "", "recorder", 30),
        ("30", "120", "recorder", 30),
    ],
)  # fmt: skip
def test_the_unit_of_the_lock_time(time: str, most: str, kind: str, minutes: int) -> None:
    assert system.minutes(lock("3", time, most, kind)) == minutes


@pytest.mark.parametrize(("time", "kind"), [("200", "camera"), ("60", "recorder")])
def test_a_lock_time_that_could_be_both_is_no_value(time: str, kind: str) -> None:
    tree = lock("3", time, "", kind)
    found = system.minutes(tree)
    assert isinstance(found, Reading) and found.state == UNVERIFIABLE
    assert system.minutes_limits(None, tree, "", 30)


def test_switching_the_lock_off_is_zero_attempts() -> None:
    tree = lock("3", "30")
    system.put_attempts(tree, 0)
    assert system.attempts(tree) == 0
    system.put_attempts(tree, 5)
    assert system.attempts(tree) == "5" and xml.flag(tree, "enabled") is True


# -- protocols and filter ----------------------------------------------------------------------------------------------
def accesses(*rows: str) -> dict[str, str]:
    inner = "".join(f"<AdminAccessProtocol>{row}</AdminAccessProtocol>" for row in rows)
    return doc(f"<AdminAccessProtocolList {NS}>{inner}</AdminAccessProtocolList>")


HTTP = "<id>1</id><enabled>true</enabled><protocol>HTTP</protocol><portNo>80</portNo>"
HTTPS = "<id>3</id><enabled>true</enabled><protocol>HTTPS</protocol><portNo>443</portNo>"
HTTPS += "<redirectToHttps>false</redirectToHttps>"
FIXED = "<id>4</id><protocol>DEV_MANAGE</protocol><portNo>8000</portNo>"


def test_a_protocol_without_a_switch_is_on_and_cannot_be_switched_off() -> None:
    tree = accesses(HTTP, HTTPS, FIXED)
    assert network.get_enabled(tree, "sdk") is True and "no switch" in network.limits_enabled(None, tree, "sdk", False)
    assert (
        network.limits_enabled(None, tree, "sdk", True) is None
        and network.limits_enabled(None, tree, "http", False) is None
    )
    assert network.get_enabled(tree, "mdns") is ABSENT


def test_where_http_has_no_switch_its_redirection_counts() -> None:
    tree = accesses(HTTP.replace("<enabled>true</enabled>", ""), HTTPS)
    assert network.https_only(tree) is False
    network.put_https_only(tree, True)
    assert network.https_only(tree) is True and "<redirectToHttps>true<" in tree["text"]
    both = accesses(HTTP, HTTPS)
    network.put_https_only(both, True)
    assert "<redirectToHttps>false<" in both["text"] and network.get_enabled(both, "http") is False
    assert network.limits_https_only(None, accesses(HTTP), "", True)


PLAIN = "<IPFilterAddress><id>1</id><ipAddress>192.0.2.1</ipAddress></IPFilterAddress>"
LONG = ("<IPFilterAddress><id>1</id><permissionType>allow</permissionType><addressFilterType>mask</addressFilterType>"
        "<AddressMask><ipAddress>192.0.2.1</ipAddress></AddressMask></IPFilterAddress>")  # fmt: skip


@pytest.mark.parametrize("entry", [PLAIN, LONG])
def test_the_filter_keeps_the_form_that_came(entry: str) -> None:
    tree = doc(f'<IPFilter {NS}><enabled>false</enabled><permissionType>allow</permissionType>'
               f'<IPFilterAddressList size="2">'
               f"{entry}</IPFilterAddressList></IPFilter>")  # fmt: skip
    assert ip_filter.filter_sources(tree) == ["192.0.2.1"]
    ip_filter.put_filter_sources(tree, ["192.0.2.1", "192.0.2.2"])
    second = entry.replace("<id>1<", "<id>2<").replace("192.0.2.1", "192.0.2.2")
    assert entry + second in tree["text"]
    ip_filter.put_filter_mode(tree, "deny")
    assert ip_filter.filter_mode(tree) == "deny" and "allow" not in tree["text"]
    assert ip_filter.filter_limits(None, tree, "", ["192.0.2.1"] * 3)
    assert ip_filter.filter_limits(None, tree, "", ["2001:db8::1"]) and ip_filter.filter_limits(None, tree, "", ["x"])


RANGE = ("<addressFilterType>range</addressFilterType><AddressRange><startIPAddress>10.0.0.0</startIPAddress>"
         "<endIPAddress>10.9.9.9</endIPAddress></AddressRange>")  # fmt: skip


@pytest.mark.parametrize(("entry", "told"), [
    (RANGE, "range"),
    ("<AddressMask><ipAddress>192.0.2.10</ipAddress><subnetMask>255.255.0.0</subnetMask></AddressMask>", "subnetMask"),
    ("<AddressMask><ipAddress>192.0.2.10</ipAddress><ipv6Address>2001:db8::1</ipv6Address></AddressMask>", "two"),
    ("<addressFilterType>mask</addressFilterType><AddressRange><startIPAddress>0.0.0.0</startIPAddress></AddressRange>"
     "<AddressMask><ipAddress>192.0.2.10</ipAddress><subnetMask>255.255.255.255</subnetMask>"
     "<ipv6Address>::</ipv6Address></AddressMask>", ""),
])  # fmt: skip
def test_h41_an_entry_that_lets_in_more_than_one_address_is_not_told_as_one_or_as_none(entry: str, told: str) -> None:
    tree = doc(f"<IPFilter {NS}><enabled>true</enabled><permissionType>allow</permissionType><IPFilterAddressList>"
               f"{PLAIN}<IPFilterAddress><id>2</id><permissionType>allow</permissionType>{entry}</IPFilterAddress>"
               "</IPFilterAddressList></IPFilter>")  # fmt: skip
    found = ip_filter.filter_sources(tree)
    if told:
        assert isinstance(found, Reading) and found.state == "unverifiable" and told in found.why
    else:
        assert found == ["192.0.2.1", "192.0.2.10"]


@pytest.mark.parametrize(("on", "state"), [("true", "unverifiable"), ("false", None)])
def test_h41_an_armed_entry_with_another_permission_than_the_filter_is_not_told(on: str, state: Any) -> None:
    """Which of the two counts is not published; where the filter is off, arming gives all entries the same."""
    tree = doc(f"<IPFilter {NS}><enabled>{on}</enabled><permissionType>deny</permissionType><IPFilterAddressList>"
               f"{LONG}</IPFilterAddressList></IPFilter>")  # fmt: skip
    found = ip_filter.filter_sources(tree)
    assert found == ["192.0.2.1"] if state is None else found.state == state and "'allow'" in found.why
    ip_filter.put_filter_mode(tree, "deny")
    assert ip_filter.filter_sources(tree) == ["192.0.2.1"]


class Stubborn:
    """A device that takes every filter and keeps its list."""

    name = "cam"

    def __init__(self, held: dict[str, str]) -> None:
        self.held, self.sent, self.notes = held, [], []

    def send(self, _method: str, _path: str, tree: dict[str, str], _name: str) -> Any:
        self.sent.append(tree["text"])
        return SimpleNamespace(restart=False)

    def fetch(self, _path: str, _name: str) -> dict[str, str]:
        return self.held


def test_a_filter_that_does_not_hold_what_was_written_is_never_armed() -> None:
    old = doc(
        f"<IPFilter {NS}><enabled>false</enabled><permissionType>allow</permissionType>"
        "<IPFilterAddressList/></IPFilter>"
    )
    new = copy.deepcopy(old)
    ip_filter.put_filter_sources(new, ["192.0.2.7"])
    ip_filter.put_filter_mode(new, "allow")
    device = Stubborn(old)
    with pytest.raises(Refused, match="not armed"):
        ip_filter.store_filter(device, old, new)
    assert all("<enabled>false</enabled>" in text for text in device.sent) and device.sent[-1] == old["text"]
    assert len(device.sent) == 3, "both forms, then as it was"


# -- events, storage, accounts -----------------------------------------------------------------------------------------
def test_tamper_needs_a_region_too() -> None:
    region = "<TamperDetectionRegion><id>{0}</id><enabled>false</enabled></TamperDetectionRegion>"
    tree = doc(f"<TamperDetection {NS}><enabled>true</enabled><TamperDetectionRegionList>"
               f"{region.format(1)}{region.format(2)}"
               "</TamperDetectionRegionList></TamperDetection>")  # fmt: skip
    assert system.tamper(tree) is False
    system.put_tamper(tree, True)
    assert system.tamper(tree) is True and tree["text"].count("<enabled>true<") == 2
    system.put_tamper(tree, False)
    assert system.tamper(tree) is False


@pytest.mark.parametrize(
    ("states", "expected"), [([], "none"), (["ok"], "ok"), (["ok", "error"], "degraded"), (["error"], "error")]
)
def test_the_state_of_disks(states: list[str], expected: str) -> None:
    disks = "".join(f"<hdd><id>{n}</id><status>{state}</status></hdd>" for n, state in enumerate(states))
    assert system.storage_state(doc(f"<storage {NS}><hddList>{disks}</hddList></storage>")) == expected


def test_an_account_goes_back_with_what_nobody_knows() -> None:
    """Also its namespace, when only the list declared it."""
    row = "<id>2</id><userName>ops</userName><userLevel>Operator</userLevel>"
    row += "<bondIpAddressList><x>1</x></bondIpAddressList>"
    ctx: Any = SimpleNamespace(names=[], secret=lambda name: "N3w-Passw0rd", credential=None)
    tree = accounts.decode(ctx, doc(f"<UserList {NS}><User>{row}</User></UserList>"))
    sent: list[Any] = []
    ctx.send = lambda *args: sent.append(args)
    new = copy.deepcopy(tree)
    accounts.put_role(new, "ops", "viewer")
    accounts._change(ctx, tree["head"], new["users"]["ops"], tree["users"]["ops"])
    method, path, body = sent[0]
    assert (method, path) == ("PUT", "Security/users/2")
    assert body["text"] == (
        f"<User {NS}><id>2</id><userName>ops</userName><password>N3w-Passw0rd</password>"
        "<userLevel>Viewer</userLevel><bondIpAddressList><x>1</x></bondIpAddressList></User>"
    )


def test_the_old_password_is_left_out_where_the_device_does_not_know_it() -> None:
    sent: list[str] = []

    def send(_method: str, _path: str, tree: dict[str, str]) -> Any:
        sent.append(tree["text"])
        if "loginPassword" in tree["text"]:
            raise answers.BadContent("cam: badXmlContent")
        return SimpleNamespace(restart=False)

    ctx: Any = SimpleNamespace(send=send, credential=SimpleNamespace(password="Old-1"))
    accounts._with_or_without_login(ctx, "PUT", "Security/users/2", doc("<User><id>2</id></User>"), True)
    assert "Old-1" in sent[0] and sent[1] == "<User><id>2</id></User>"

    def no(*_args: Any) -> None:
        raise answers.BadContent("no")

    ctx.send = no
    with pytest.raises(Refused):
        accounts._with_or_without_login(ctx, "PUT", "Security/users/2", doc("<User><id>2</id></User>"), True)


def test_a_list_without_end_is_refused_and_the_longest_taken_is_read_in_time() -> None:
    ctx = IsapiContext(SimpleNamespace(target=SimpleNamespace(name="cam", limits=Limits())), None)
    rows = "<User><id>1</id></User>" * 9_000
    tree = ctx.checked("cam: GET x", Answer(200, {}, f"<UserList>{rows}</UserList>".encode()))
    assert len(list(xml.every(tree, "User"))) == 9_000
    with pytest.raises(BadAnswer, match="tags"):
        ctx.checked("cam: GET x", Answer(200, {}, f"<UserList>{rows * 2}</UserList>".encode()))


def test_a_list_of_streams_that_no_device_has_is_no_value() -> None:
    row = "<StreamingChannel><Transport><Security><enabled>true</enabled></Security></Transport></StreamingChannel>"
    assert system.stream_login(doc(f"<L>{row * xml.ROWS}</L>")) is True
    with pytest.raises(ValueError, match="rows"):
        system.stream_login(doc(f"<L>{row * (xml.ROWS + 1)}</L>"))

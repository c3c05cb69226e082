# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations of the simulated ONVIF devices and what really follows from them."""

from __future__ import annotations

import copy
import datetime

import pytest
from onvif_raw import Raw, make

USER = "<tt:Username>{}</tt:Username><tt:Password>{}</tt:Password><tt:UserLevel>{}</tt:UserLevel>"
GOOD = "Correct-Horse-7"
PROTOCOL = (
    "<tds:NetworkProtocols><tt:Name>{}</tt:Name><tt:Enabled>{}</tt:Enabled><tt:Port>{}</tt:Port></tds:NetworkProtocols>"
)


def kinds(device) -> set[tuple[str, int]]:
    return {(item.kind, item.port) for item in device.listeners()}


def users(raw: Raw) -> list[str]:
    return raw.call("<tds:GetUsers/>").texts("tds:User/tt:Username")


def create(raw: Raw, *names: str, password: str = GOOD, level: str = "User"):
    inside = "".join(f"<tds:User>{USER.format(name, password, level)}</tds:User>" for name in names)
    return raw.call(f"<tds:CreateUsers>{inside}</tds:CreateUsers>")


def delete(raw: Raw, name: str):
    return raw.call(f"<tds:DeleteUsers><tds:Username>{name}</tds:Username></tds:DeleteUsers>")


def test_users_round_trip() -> None:
    device = make()
    raw = Raw(device)
    assert create(raw, "guard", level="Administrator").status == 200
    guard = Raw(device, "guard", GOOD)
    assert users(guard) == ["admin", "service", "guard"]
    assert delete(guard, "service").status == 200
    assert users(raw) == ["admin", "guard"]
    assert not raw.call("<tds:GetUsers/>").texts("tds:User/tt:Password")


@pytest.mark.parametrize(
    ("name", "password", "codes"),
    [
        ("admin", GOOD, ["Sender", "OperationProhibited", "UsernameClash"]),
        ("guard", "short", ["Sender", "OperationProhibited", "Password"]),
        ("guard", "x" * 33, ["Sender", "OperationProhibited", "PasswordTooLong"]),
        ("g" * 33, GOOD, ["Sender", "OperationProhibited", "UsernameTooLong"]),
    ],
)
def test_create_users_is_all_or_none(name: str, password: str, codes: list[str]) -> None:
    raw = Raw(make())
    before = users(raw)
    inside = f"<tds:User>{USER.format('first', GOOD, 'User')}</tds:User>"
    inside += f"<tds:User>{USER.format(name, password, 'User')}</tds:User>"
    answer = raw.call(f"<tds:CreateUsers>{inside}</tds:CreateUsers>")
    assert (answer.status, answer.codes) == (400, codes)
    assert users(raw) == before


def test_user_limits_and_protected_users() -> None:
    raw = Raw(make(limits={"MaxUsers": 3}))
    assert create(raw, "a", "b").codes == ["Receiver", "Action", "TooManyUsers"]
    assert delete(raw, "admin").codes == ["Sender", "InvalidArgVal", "FixedUser"]
    assert delete(raw, "nobody").codes == ["Sender", "InvalidArgVal", "UsernameMissing"]
    lone = Raw(make(users=[{"Username": "admin", "Password": "12345", "UserLevel": "Administrator"}]))
    assert delete(lone, "admin").codes == ["Sender", "InvalidArgVal", "FixedUser"], "the last administrator"
    level_only = "<tt:Username>service</tt:Username><tt:UserLevel>User</tt:UserLevel>"
    answer = raw.call(f"<tds:SetUser><tds:User>{level_only}</tds:User></tds:SetUser>")
    assert answer.codes == ["Sender", "OperationProhibited", "PasswordTooWeak"]


def test_children_in_the_wrong_namespace_are_refused() -> None:
    raw = Raw(make())
    wrong = "<tds:User><tds:Username>x</tds:Username></tds:User>"
    assert raw.call(f"<tds:CreateUsers>{wrong}</tds:CreateUsers>").codes == ["Sender", "TagMismatch"]
    assert raw.call("<tds:DeleteUsers><tt:Username>x</tt:Username></tds:DeleteUsers>").codes[-1] == "TagMismatch"


@pytest.mark.parametrize("body", [b"", b"<", b"<!DOCTYPE x><x/>", b"<x/>", b"\xff\xfe\x00"])
def test_what_is_no_soap_is_a_fault(body: bytes) -> None:
    import asyncio

    from ansible_collections.nwcs.hardening.lab.device import Request

    device = make()
    response = asyncio.run(device.handle(Request("POST", "/onvif/device_service", {}, body, "127.0.0.1")))
    assert response.status == 400
    assert Raw(device).ask(method="GET").status == 405


def test_listeners_follow_the_protocols() -> None:
    device = make()
    raw = Raw(device)
    assert kinds(device) == {("http", 8080), ("rtsp", 8554), ("banner", 2323), ("discovery", 3702)}
    change = PROTOCOL.format("HTTPS", "true", 9443) + PROTOCOL.format("RTSP", "false", 8554)
    assert raw.call(f"<tds:SetNetworkProtocols>{change}</tds:SetNetworkProtocols>").status == 200
    assert kinds(device) == {("http", 8080), ("https", 9443), ("banner", 2323), ("discovery", 3702)}
    read = raw.call("<tds:GetNetworkProtocols/>")
    assert read.texts("tds:NetworkProtocols/tt:Name") == ["HTTP", "HTTPS", "RTSP"]
    assert read.texts("tds:NetworkProtocols/tt:Enabled") == ["true", "true", "false"]
    clash = raw.call(f"<tds:SetNetworkProtocols>{PROTOCOL.format('HTTPS', 'true', 8080)}</tds:SetNetworkProtocols>")
    assert clash.codes[-1] == "PortAlreadyInUse"
    poor = make("onvif-recorder", protocols=[{"Name": "HTTP", "Enabled": True}])
    answer = Raw(poor).call(f"<tds:SetNetworkProtocols>{change}</tds:SetNetworkProtocols>")
    assert answer.codes[-1] == "ServiceNotSupported"


def test_source_filter_decides_who_may_connect() -> None:
    device = make()
    raw = Raw(device)
    entry = "<tt:IPv4Address><tt:Address>{}</tt:Address><tt:PrefixLength>{}</tt:PrefixLength></tt:IPv4Address>"

    def send(word: str, kind: str, *entries: tuple[str, int]):
        inside = "".join(entry.format(*each) for each in entries)
        name = f"tds:{word}IPAddressFilter"
        return raw.call(
            f"<{name}><tds:IPAddressFilter><tt:Type>{kind}</tt:Type>{inside}</tds:IPAddressFilter></{name}>"
        )

    def admitted() -> list[bool]:
        return [device.admits(peer) for peer in ("127.0.0.1", "127.0.0.50", "127.0.1.1")]

    assert admitted() == [True, True, True]
    send("Set", "Allow", ("127.0.0.1", 32))
    assert admitted() == [True, False, False]
    send("Add", "Deny", ("127.0.1.0", 24))
    assert admitted() == [True, False, True], "the type of Add is not looked at"
    assert send("Remove", "Allow", ("127.0.9.9", 32)).codes[-1] == "NoIPv4Address"
    send("Remove", "Allow", ("127.0.0.1", 32))
    assert admitted() == [False, False, True]
    send("Set", "Deny", ("127.0.0.50", 32))
    assert admitted() == [True, False, True]
    send("Set", "Allow")
    assert admitted() == [False, False, False], "Allow with nobody in it is a lock-out"
    assert send("Set", "Allow", ("nonsense", 32)).codes[-1] == "InvalidIPv4Address"


PROBE = (
    '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
    'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl">'
    "<e:Header><w:MessageID>uuid:abc</w:MessageID></e:Header><e:Body><d:Probe><d:Types>dn:{}</d:Types></d:Probe>"
    "</e:Body></e:Envelope>"
)


def test_discovery_follows_its_mode() -> None:
    device = make()
    probe = PROBE.format("NetworkVideoTransmitter").encode()
    answer = device.discovery_answer(probe, "127.0.0.1")
    assert answer and b"uuid:abc" in answer and b"http://127.0.0.11:8080/onvif/device_service" in answer
    assert b"onvif://www.onvif.org/location/hangzhou" in answer
    assert device.discovery_answer(PROBE.format("Printer").encode(), "127.0.0.1") is None
    assert device.discovery_answer(b"garbage", "127.0.0.1") is None
    mode = "<tds:DiscoveryMode>NonDiscoverable</tds:DiscoveryMode>"
    Raw(device).call(f"<tds:SetDiscoveryMode>{mode}</tds:SetDiscoveryMode>")
    assert device.discovery_answer(probe, "127.0.0.1") is None
    assert ("discovery", 3702) not in kinds(device)


def set_time(raw: Raw, kind: str, zone: str = "JST-9", utc: str = ""):
    return raw.call(
        f"<tds:SetSystemDateAndTime><tds:DateTimeType>{kind}</tds:DateTimeType>"
        "<tds:DaylightSavings>false</tds:DaylightSavings>"
        f"<tds:TimeZone><tt:TZ>{zone}</tt:TZ></tds:TimeZone>{utc}</tds:SetSystemDateAndTime>"
    )


def test_time_is_set_by_hand_and_by_ntp() -> None:
    device = make(clock_offset=600)
    raw = Raw(device)
    time = "<tt:Time><tt:Hour>{}</tt:Hour><tt:Minute>0</tt:Minute><tt:Second>0</tt:Second></tt:Time>"
    date = "<tt:Date><tt:Year>2030</tt:Year><tt:Month>1</tt:Month><tt:Day>2</tt:Day></tt:Date>"
    assert set_time(raw, "Manual", utc=f"<tds:UTCDateTime>{time.format(3)}{date}</tds:UTCDateTime>").status == 200
    assert abs(device.now() - datetime.datetime(2030, 1, 2, 3, tzinfo=datetime.UTC)) < datetime.timedelta(seconds=5)
    read = raw.ask("<tds:GetSystemDateAndTime/>")
    assert read.texts("tds:SystemDateAndTime/tt:LocalDateTime/tt:Time/tt:Hour") == ["12"], "JST is UTC+9"
    bad = f"<tds:UTCDateTime>{time.format(25)}{date}</tds:UTCDateTime>"
    assert set_time(raw, "Manual", utc=bad).codes[-1] == "InvalidDateTime"
    assert set_time(raw, "Manual", zone="Asia/Tokyo").codes[-1] == "InvalidTimeZone"
    assert set_time(raw, "NTP").status == 200
    assert device.clock_offset == 0
    assert raw.ask("<tds:GetSystemDateAndTime/>").texts("tds:SystemDateAndTime/tt:DateTimeType") == ["NTP"]


def test_ntp_needs_a_server_first_and_may_not_answer() -> None:
    device = make(ntp={"FromDHCP": False, "NTPManual": []})
    assert set_time(Raw(device), "NTP").codes[-1] == "NtpServerUndefined"
    strict = make("onvif-strict", auth=["digest"])
    assert set_time(Raw(strict), "NTP").status == 200
    assert strict.clock_offset == 90


def test_scopes_keep_the_fixed_ones() -> None:
    raw = Raw(make())
    raw.call("<tds:SetScopes><tds:Scopes>onvif://www.onvif.org/name/yard</tds:Scopes></tds:SetScopes>")
    scopes = raw.call("<tds:GetScopes/>").texts("tds:Scopes/tt:ScopeItem")
    assert scopes[-1].endswith("/name/yard") and not any("location" in scope for scope in scopes)
    assert len(scopes) == 4
    item = f"<tds:ScopeItem>{scopes[0]}</tds:ScopeItem>"
    assert raw.call(f"<tds:RemoveScopes>{item}</tds:RemoveScopes>").codes[-1] == "FixedScope"
    assert (
        raw.call(f"<tds:SetScopes><tds:Scopes>{scopes[0]}</tds:Scopes></tds:SetScopes>").codes[-1] == "ScopeOverwrite"
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<tds:SetHostname><tds:Name>a b</tds:Name></tds:SetHostname>", "InvalidHostname"),
        (
            "<tds:SetNTP><tds:FromDHCP>false</tds:FromDHCP><tds:NTPManual><tt:Type>IPv4</tt:Type>"
            "<tt:IPv4Address>pool.example</tt:IPv4Address></tds:NTPManual></tds:SetNTP>",
            "InvalidIPv4Address",
        ),
        ("<tds:SetDiscoveryMode><tds:DiscoveryMode>Off</tds:DiscoveryMode></tds:SetDiscoveryMode>", "InvalidArgs"),
        (
            "<tds:SetZeroConfiguration><tds:InterfaceToken>eth0</tds:InterfaceToken><tds:Enabled>banana</tds:Enabled>"
            "</tds:SetZeroConfiguration>",
            "InvalidArgs",
        ),
        ("<trt:GetSnapshotUri><trt:ProfileToken>none</trt:ProfileToken></trt:GetSnapshotUri>", "NoProfile"),
    ],
)
def test_wrong_values_are_refused(body: str, code: str) -> None:
    assert Raw(make()).call(body).codes[-1] == code


def test_poor_device_refuses_in_many_ways() -> None:
    device = make("onvif-poor")
    answers = {}
    for name in ("GetServices", "GetNTP", "GetDNS", "GetDynamicDNS", "GetZeroConfiguration", "GetIPAddressFilter"):
        answers[name] = Raw(device).call(f"<tds:{name}/>")
    assert (answers["GetServices"].status, answers["GetServices"].codes) == (500, ["Receiver", "ActionNotSupported"])
    assert (answers["GetNTP"].status, answers["GetNTP"].codes) == (400, ["Sender"])
    assert (answers["GetDNS"].status, answers["GetDNS"].bytes) == (200, b"")
    assert answers["GetDynamicDNS"].codes == ["Sender", "InvalidArgVal", "InvalidParameter"]
    assert answers["GetZeroConfiguration"].status == 404
    assert (answers["GetIPAddressFilter"].status, len(answers["GetIPAddressFilter"].body)) == (200, 0)
    other = Raw(device).call("<tds:GetGeoLocation/>")
    assert b"Method 'GetGeoLocation' not implemented: method name or namespace" in other.bytes
    assert Raw(device).call("<tds:GetNetworkDefaultGateway/>").cut == "close"
    assert Raw(device).call("<tds:GetUsers/>").status == 200
    assert Raw(device).ask("<tds:GetUsers/>").codes == ["Sender"], "401 without a subcode"


def test_media_addresses_and_one_namespace() -> None:
    raw = Raw(make())
    uri = raw.call("<trt:GetSnapshotUri><trt:ProfileToken>profile_1</trt:ProfileToken></trt:GetSnapshotUri>")
    assert uri.texts("trt:MediaUri/tt:Uri") == ["http://127.0.0.11:8080/snapshot.jpg"]
    flat = Raw(make("onvif-one-namespace")).call("<tds:GetUsers/>")
    assert flat.texts("tds:User/tds:Username") == ["admin"] and flat.texts("tds:User/tt:Username") == []


def test_devices_differ_and_are_the_same_each_time() -> None:
    def serial(name: str) -> str:
        return make(name=name).state["information"]["SerialNumber"]

    assert serial("cam-1") == serial("cam-1") != serial("cam-2")
    one, other = make(), make()
    create(Raw(one), "guard")
    assert len(other.state["users"]) == 2, "devices share no state"
    assert "Password" not in str(one.public_state())


def test_log_names_operations_and_marks_writes() -> None:
    device = make()
    create(Raw(device), "guard")
    assert [(entry.operation, entry.write, entry.user, entry.login) for entry in device.log] == [
        ("CreateUsers", True, "", ""),
        ("CreateUsers", True, "admin", "ok"),
    ]
    assert GOOD not in str(device.log)


def test_factory_default_brings_everything_back() -> None:
    device = make()
    raw = Raw(device)
    create(raw, "guard")
    raw.call("<tds:SetSystemFactoryDefault><tds:FactoryDefault>Hard</tds:FactoryDefault></tds:SetSystemFactoryDefault>")
    assert device.state == device.factory


ATTACKS = ["new-account", "rename", "ddns-on", "dns-changed", "service-opened", "weaken-account", "firmware-changed"]


@pytest.mark.parametrize("name", [*ATTACKS, "open-filter"])
def test_every_attack_changes_what_it_says_and_survives_a_restart(name: str) -> None:
    allow = [{"Address": "127.0.0.1", "PrefixLength": 32}]
    device = make("onvif-restart-silent", ip_filter={"Type": "Allow", "IPv4Address": allow, "IPv6Address": []})
    for state in (device.state, device.stored):
        state["users"][0]["Password"] = "changed by the owner"
    before = copy.deepcopy(device.state)
    assert sorted([*ATTACKS, "open-filter"]) == sorted(device.attacks)
    assert device.attack(name).endswith(".")
    assert device.state != before
    after = copy.deepcopy(device.state)
    device.restart(0)
    assert device.state == after
    assert device.log == []
    with pytest.raises(KeyError):
        device.attack("coffee")


def test_weaken_account_and_service_opened() -> None:
    device = make()
    assert "'service'" in device.attack("weaken-account")
    assert {user["UserLevel"] for user in device.state["users"]} == {"Administrator"}
    assert "ftp" in device.attack("service-opened") and ("banner", 2121) in kinds(device)
    device.state["protocols"][0]["Enabled"] = False
    assert "HTTP" in device.attack("service-opened") and ("http", 8080) in kinds(device)

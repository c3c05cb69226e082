# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault of the simulated ONVIF devices, shown with raw requests: the same device without it behaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from onvif_raw import Raw, make, token

from ansible_collections.nwcs.hardening.lab.onvif.faults import FAULTS

GOOD = "Correct-Horse-7"
GET_USERS, GET_INFO = "<tds:GetUsers/>", "<tds:GetDeviceInformation/>"
SNAPSHOT = "<trt:GetSnapshotUri><trt:ProfileToken>profile_1</trt:ProfileToken></trt:GetSnapshotUri>"
SHOWN: dict[str, Callable[..., None]] = {}


def shows(*names: str):
    """Enter a function that must hold with the fault and must not hold without it."""

    def enter(check: Callable[..., None]) -> Callable[..., None]:
        SHOWN.update(dict.fromkeys(names, check))
        return check

    return enter


def hostname(raw: Raw, name: str = "yard-1"):
    return raw.call(f"<tds:SetHostname><tds:Name>{name}</tds:Name></tds:SetHostname>")


def read_hostname(raw: Raw) -> str:
    return raw.ask("<tds:GetHostname/>").texts("tds:HostnameInformation/tt:Name")[0]


def user(name: str, password: str | None = GOOD, level: str = "User") -> str:
    secret = "" if password is None else f"<tt:Password>{password}</tt:Password>"
    return f"<tds:User><tt:Username>{name}</tt:Username>{secret}<tt:UserLevel>{level}</tt:UserLevel></tds:User>"


def protocols(raw: Raw, *wanted: tuple[str, bool, int]):
    inside = "".join(
        f"<tds:NetworkProtocols><tt:Name>{name}</tt:Name><tt:Enabled>{str(on).lower()}</tt:Enabled>"
        f"<tt:Port>{port}</tt:Port></tds:NetworkProtocols>"
        for name, on, port in wanted
    )
    return raw.call(f"<tds:SetNetworkProtocols>{inside}</tds:SetNetworkProtocols>")


def names(raw: Raw) -> list[str]:
    return raw.call(GET_USERS).texts("tds:User/tt:Username")


def sockets(device) -> set[str]:
    return {item.kind for item in device.listeners()}


@shows("open")
def anonymous_requests_are_answered(raw: Raw) -> None:
    assert raw.ask(GET_USERS).status == 200
    assert raw.ask(method="GET", path="/snapshot.jpg").status == 200
    assert raw.device.rtsp_open()


@shows("empty-body")
def answers_are_empty(raw: Raw) -> None:
    answer = raw.ask("<tds:GetHostname/>")
    assert (answer.status, answer.bytes) == (200, b"")


@shows("xaddr-elsewhere")
def addresses_point_to_another_host(raw: Raw) -> None:
    addresses = raw.ask("<tds:GetServices/>").texts("tds:Service/tds:XAddr")
    addresses += raw.call(SNAPSHOT).texts("trt:MediaUri/tt:Uri")
    assert len(addresses) == 3 and all("//192.0.2.99:" in address for address in addresses)


@shows("H01")
def a_write_says_yes_and_changes_nothing(raw: Raw) -> None:
    before = read_hostname(raw)
    answer = hostname(raw)
    assert answer.status == 200 and answer.body.tag.endswith("}SetHostnameResponse")
    assert read_hostname(raw) == before
    assert raw.device.log[-2].write


@shows("H02")
def unknown_operations_are_answered(raw: Raw) -> None:
    answer = raw.call("<tds:GetGeoLocation/>")
    assert (answer.status, len(answer.body)) == (200, 0)
    assert answer.body.tag.endswith("}GetGeoLocationResponse")


@shows("H03")
def the_user_list_is_empty(raw: Raw) -> None:
    answer = raw.call(GET_USERS)
    assert answer.status == 200 and names(raw) == []


@shows("H04")
def the_user_list_needs_no_login(raw: Raw) -> None:
    assert raw.ask(GET_USERS).status == 200
    assert raw.ask(GET_INFO).status == 401


@shows("H05")
def a_write_waits_for_the_restart(raw: Raw) -> None:
    before = read_hostname(raw)
    assert hostname(raw).status == 200
    assert read_hostname(raw) == before
    assert raw.device.public_state()["waiting"] == ["hostname"]
    raw.device.restart(0)
    assert read_hostname(raw) == "yard-1"


@shows("H06-merge")
def list_writes_add(raw: Raw) -> None:
    scope = "onvif://www.onvif.org/name/yard"
    raw.call(f"<tds:SetScopes><tds:Scopes>{scope}</tds:Scopes></tds:SetScopes>")
    scopes = raw.call("<tds:GetScopes/>").texts("tds:Scopes/tt:ScopeItem")
    assert scope in scopes and any("location" in item for item in scopes)


@shows("H06-replace")
def protocols_not_sent_are_gone(raw: Raw) -> None:
    protocols(raw, ("HTTPS", True, 8443))
    assert raw.call("<tds:GetNetworkProtocols/>").texts("tds:NetworkProtocols/tt:Name") == ["HTTPS"]
    assert "http" not in sockets(raw.device)


@shows("H07-open")
def a_disabled_service_still_listens(raw: Raw) -> None:
    protocols(raw, ("RTSP", False, 8554))
    assert "false" in raw.call("<tds:GetNetworkProtocols/>").texts("tds:NetworkProtocols/tt:Enabled")
    assert "rtsp" in sockets(raw.device)


@shows("H07-closed")
def an_enabled_service_does_not_listen(raw: Raw) -> None:
    assert raw.call("<tds:GetNetworkProtocols/>").texts("tds:NetworkProtocols/tt:Enabled")[2] == "true"
    assert "rtsp" not in sockets(raw.device)


@shows("H08")
def flags_are_inverted(raw: Raw) -> None:
    body = raw.ask("<tds:GetServiceCapabilities/>").body
    network = body.find(".//{http://www.onvif.org/ver10/device/wsdl}Network")
    assert network.get("IPFilter") == "false"
    assert raw.call("<tds:GetIPAddressFilter/>").status == 200


@shows("H09")
def the_lowest_level_may_write(raw: Raw) -> None:
    raw.call(f"<tds:CreateUsers>{user('viewer')}</tds:CreateUsers>")
    assert hostname(Raw(raw.device, "viewer", GOOD)).status == 200


@shows("H10")
def a_missing_password_is_an_empty_one(raw: Raw) -> None:
    raw.call(f"<tds:SetUser>{user('service', None, 'User')}</tds:SetUser>")
    assert Raw(raw.device, "service", "").call(GET_INFO).status == 200


@shows("H11")
def unknown_users_are_taken(raw: Raw) -> None:
    assert raw.call(f"<tds:SetUser>{user('new')}</tds:SetUser>").status == 200
    assert "new" in names(raw)
    assert raw.call("<tds:DeleteUsers><tds:Username>nobody</tds:Username></tds:DeleteUsers>").status == 200


@shows("H12")
def faults_have_status_200(raw: Raw) -> None:
    answer = hostname(raw, "not a name")
    assert (answer.status, answer.codes[-1]) == (200, "InvalidHostname")


@shows("H13")
def wild_values_are_taken_and_clamped(raw: Raw) -> None:
    assert protocols(raw, ("HTTPS", False, 70000)).status == 200
    assert "65535" in raw.call("<tds:GetNetworkProtocols/>").texts("tds:NetworkProtocols/tt:Port")
    assert hostname(raw, "not_a_name_of_a_host").status == 200
    assert read_hostname(raw) == "not_a_name_of_a"


@shows("H14")
def addresses_of_servers_are_dropped(raw: Raw) -> None:
    kinds = (("IPv4", "IPv4Address", "192.0.2.1"), ("DNS", "DNSname", "ntp.example"))
    inside = "".join(f"<tds:NTPManual><tt:Type>{a}</tt:Type><tt:{b}>{c}</tt:{b}></tds:NTPManual>" for a, b, c in kinds)
    assert raw.call(f"<tds:SetNTP><tds:FromDHCP>false</tds:FromDHCP>{inside}</tds:SetNTP>").status == 200
    assert raw.call("<tds:GetNTP/>").texts("tds:NTPInformation/tt:NTPManual/tt:Type") == ["DNS"]


@shows("H15")
def values_have_odd_forms(raw: Raw) -> None:
    zone = raw.ask("<tds:GetSystemDateAndTime/>").texts("tds:SystemDateAndTime/tt:TimeZone/tt:TZ")[0]
    mac = raw.call("<tds:GetNetworkInterfaces/>").texts("tds:NetworkInterfaces/tt:Info/tt:HwAddress")[0]
    assert zone == "CST5:00:00EDT4:00:00,M3" and mac.count("-") == 5


@shows("H16")
def changes_live_in_memory_only(raw: Raw) -> None:
    before = read_hostname(raw)
    hostname(raw)
    assert read_hostname(raw) == "yard-1"
    raw.device.restart(0)
    assert read_hostname(raw) == before


@shows("H20-400", "H20-403", "H20-200")
def a_wrong_login_has_another_status(raw: Raw) -> None:
    wanted = {int(name[4:]) for name in raw.device.faults if name.startswith("H20")}
    wrong = Raw(raw.device, password="wrong").call(GET_USERS)
    assert {wrong.status} == wanted and wrong.codes[-1] == "NotAuthorized"
    assert raw.call(GET_USERS).status == 200


@shows("H21")
def the_address_is_locked(raw: Raw) -> None:
    for _unused in range(3):
        Raw(raw.device, password="wrong").call(GET_USERS)
    assert raw.call(GET_USERS).status == 401


@shows("H24-sha1")
def the_challenge_names_sha1(raw: Raw) -> None:
    raw.take(raw.ask(GET_USERS))
    assert raw.challenge["algorithm"] == "SHA-1"
    assert raw.call(GET_USERS).status == 200


@shows("H24-nochallenge")
def there_is_no_challenge(raw: Raw) -> None:
    answer = raw.ask(GET_USERS)
    assert (answer.status, answer.challenges) == (401, [])
    assert raw.ask(GET_USERS, token("admin", "12345")).status == 200


@shows("H24-single-use")
def a_nonce_is_good_once(raw: Raw) -> None:
    assert raw.call(GET_USERS).status == 200
    second = raw.call(GET_USERS)
    assert second.status == 401 and "stale=true" in second.challenges[0]


@shows("H24-replay")
def a_nonce_is_good_once_without_a_hint(raw: Raw) -> None:
    assert raw.call(GET_USERS).status == 200
    second = raw.call(GET_USERS)
    assert second.status == 401 and "stale" not in second.challenges[0]
    assert raw.device.log[-1].login == ""


@shows("H24-accept")
def an_accept_header_is_a_bad_request(raw: Raw) -> None:
    assert raw.ask("<tds:GetHostname/>", accept="*/*").status == 400
    assert raw.ask("<tds:GetHostname/>").status == 200


@shows("H25")
def a_minute_is_too_much(raw: Raw) -> None:
    raw.device.clock_offset = 60
    assert raw.ask(GET_USERS, token("admin", "12345")).status == 400
    right = f"{raw.device.now():%Y-%m-%dT%H:%M:%SZ}"
    assert raw.ask(GET_USERS, token("admin", "12345", right)).status == 200


@shows("H30-prefix")
def a_good_write_is_not_well_formed(raw: Raw) -> None:
    answer = hostname(raw)
    assert answer.status == 200
    with pytest.raises(ElementTree.ParseError, match="prefix"):
        ElementTree.fromstring(answer.bytes)
    assert read_hostname(raw) == "yard-1"


@shows("H30-bom")
def answers_begin_with_a_mark(raw: Raw) -> None:
    body = raw.ask("<tds:GetHostname/>").bytes
    assert body.startswith(b"\xef\xbb\xbf<?xml") and b"GB2312" in body


@shows("H30-utf8")
def the_maker_is_not_utf8(raw: Raw) -> None:
    with pytest.raises(UnicodeDecodeError):
        raw.call(GET_INFO).bytes.decode()


@shows("H30-order")
def children_are_in_the_opposite_order(raw: Raw) -> None:
    assert raw.call(GET_INFO).body[0].tag.endswith("}HardwareId")


@shows("H32-nesting")
def answers_are_deep(raw: Raw) -> None:
    assert raw.ask("<tds:GetHostname/>").bytes.count(b"<x>") == 100_000


@shows("H32-entities")
def answers_have_a_document_type(raw: Raw) -> None:
    body = raw.ask("<tds:GetHostname/>").bytes
    assert b"<!DOCTYPE" in body and b"file:///etc/passwd" in body


@shows("H34")
def names_are_hostile(raw: Raw) -> None:
    assert raw.call(GET_INFO).texts("tds:Manufacturer") == ["{{ 7*7 }}"]
    assert read_hostname(raw) == "</td><script>"
    assert "=cmd|'/c calc'!A1" in names(raw)
    assert "onvif://www.onvif.org/name/{{ 7*7 }}" in raw.call("<tds:GetScopes/>").texts("tds:Scopes/tt:ScopeItem")


@shows("H35")
def accounts_look_alike(raw: Raw) -> None:
    assert {"admin", "admin ", "\u0430dmin", "admin\u200b", "Admin"} <= set(names(raw))


@shows("H40")
def https_listens_after_the_restart(raw: Raw) -> None:
    protocols(raw, ("HTTPS", True, 8443))
    assert "https" not in sockets(raw.device)
    raw.device.restart(0)
    assert "https" in sockets(raw.device)


@shows("H41")
def callers_have_another_address(raw: Raw) -> None:
    entry = {"Address": "127.0.0.1", "PrefixLength": 32}
    raw.device.state["ip_filter"] = {"Type": "Allow", "IPv4Address": [entry], "IPv6Address": []}
    assert not raw.device.admits("127.0.0.1")


@shows("H42")
def a_login_outlives_its_account(raw: Raw) -> None:
    raw.call(f"<tds:CreateUsers>{user('second', GOOD, 'Administrator')}</tds:CreateUsers>")
    second = Raw(raw.device, "second", GOOD)
    second.call(GET_USERS)
    raw.call("<tds:DeleteUsers><tds:Username>second</tds:Username></tds:DeleteUsers>")
    assert second.call(GET_USERS).status == 200
    assert Raw(raw.device, "second", GOOD).call(GET_USERS).status == 401, "a new login is refused"


@shows("H49")
def a_restart_is_a_reset(raw: Raw) -> None:
    hostname(raw)
    raw.device.restart(0)
    assert read_hostname(raw) == raw.device.factory["hostname"]["Name"]


@shows("H49-gone")
def a_restart_is_the_end(raw: Raw) -> None:
    raw.device.restart(0)
    assert raw.device.is_down() and not raw.device.listeners()


@shows("H50")
def nobody_is_known_until_the_first_account(raw: Raw) -> None:
    assert raw.ask(GET_USERS).texts("tds:User/tt:Username") == []
    first = user("owner", GOOD, "Administrator")
    assert raw.ask(f"<tds:CreateUsers>{first}</tds:CreateUsers>").status == 200
    assert raw.ask(GET_USERS).status == 401
    assert names(Raw(raw.device, "owner", GOOD)) == ["owner"]


def device_for(name: str, faults: list[str]):
    extra = {}
    if name == "H34":
        extra["hostile"] = ["{{ 7*7 }}", "=cmd|'/c calc'!A1", "</td><script>"]
    return make(faults=faults, lockout_attempts=0, users=USERS, **extra)


USERS = [
    {"Username": "admin", "Password": "12345", "UserLevel": "Administrator", "fixed": True},
    {"Username": "service", "Password": "service", "UserLevel": "Operator"},
]


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_fault_from_the_model(name: str) -> None:
    SHOWN[name](Raw(device_for(name, [name])))


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_fault_switched_on_later(name: str) -> None:
    device = device_for(name, [])
    device.fault(name)
    SHOWN[name](Raw(device))


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_without_the_fault_it_is_not_so(name: str) -> None:
    with pytest.raises((AssertionError, IndexError, pytest.fail.Exception)):
        SHOWN[name](Raw(device_for(name, [])))


def test_unknown_faults_are_refused_and_faults_end() -> None:
    device = make()
    with pytest.raises(KeyError):
        device.fault("H99")
    device.fault("H03")
    device.fault("H03", on=False)
    assert names(Raw(device)) == ["admin", "service"]


def test_announced_restart_says_so_while_something_waits() -> None:
    raw = Raw(make("onvif-restart"))
    announced = hostname(raw)
    assert announced.texts("tds:RebootNeeded") == ["true"]
    silent = Raw(make("onvif-restart-silent"))
    assert hostname(silent).texts("tds:RebootNeeded") == []
    assert silent.device.waits_for_restart()
    again = raw.call("<tds:SetHostnameFromDHCP><tds:FromDHCP>false</tds:FromDHCP></tds:SetHostnameFromDHCP>")
    assert again.texts("tds:RebootNeeded") == ["true"], "the answer where ONVIF has it"
    raw.device.restart(0)
    assert read_hostname(raw) == "yard-1" and not raw.device.waits_for_restart()


def test_a_second_change_builds_on_the_one_that_waits() -> None:
    raw = Raw(make("onvif-restart-silent"))
    protocols(raw, ("HTTPS", True, 8443))
    protocols(raw, ("RTSP", False, 8554))
    assert "https" not in sockets(raw.device)
    raw.device.restart(0)
    assert sockets(raw.device) == {"http", "https", "discovery"}


def test_lying_model() -> None:
    raw = Raw(make("onvif-lying"))
    assert raw.call(f"<tds:CreateUsers>{user('guard')}</tds:CreateUsers>").status == 200
    assert names(raw) == [] and len(raw.device.state["users"]) == 1
    assert len(raw.call("<tds:GetIPAddressFilter/>").body) == 0


@pytest.mark.parametrize("name", ["a\x00b", "\x1b]0;x\x07", "\u202eabc", "A" * 10_000, "\U0001f4f7"])
def test_hostile_names_go_out_byte_for_byte(name: str) -> None:
    raw = Raw(make(faults=["H34"], hostile=[name]))
    assert name.encode() in raw.call(GET_INFO).bytes
    assert name.encode() in raw.ask("<tds:GetHostname/>").bytes


def test_reboot_answers_first_and_then_goes_down() -> None:
    async def play() -> tuple[int, bool, bool]:
        device = make(faults=["open"], reboot_delay=0.01, restart_seconds=60)
        from onvif_raw import PATH, envelope

        from ansible_collections.nwcs.hardening.lab.device import Request

        response = await device.handle(Request("POST", PATH, {}, envelope("<tds:SystemReboot/>"), "127.0.0.1"))
        before = device.is_down()
        await asyncio.sleep(0.05)
        return response.status, before, device.is_down()

    assert asyncio.run(play()) == (200, False, True)

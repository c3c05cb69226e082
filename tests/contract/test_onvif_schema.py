# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of the simulated ONVIF devices are valid against the official schemas."""

from __future__ import annotations

import pytest
from onvif_raw import PATH, Raw, envelope, make
from onvif_schema import errors_of

from ansible_collections.nwcs.hardening.lab.onvif.table import OPERATIONS

PROFILE = "<trt:ProfileToken>profile_1</trt:ProfileToken>"
STREAM = (
    "<trt:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport>"
    f"</trt:StreamSetup>{PROFILE}"
)
ENTRY = "<tt:IPv4Address><tt:Address>127.0.0.1</tt:Address><tt:PrefixLength>32</tt:PrefixLength></tt:IPv4Address>"
FILTER = f"<tds:IPAddressFilter><tt:Type>Allow</tt:Type>{ENTRY}</tds:IPAddressFilter>"
USER = "<tt:Username>{}</tt:Username><tt:Password>long enough 1</tt:Password><tt:UserLevel>User</tt:UserLevel>"
SERVER = "<tds:{}><tt:Type>{}</tt:Type><tt:{}>{}</tt:{}></tds:{}>"
SCOPE = "onvif://www.onvif.org/name/yard"
TIME = (
    "<tt:Time><tt:Hour>1</tt:Hour><tt:Minute>2</tt:Minute><tt:Second>3</tt:Second></tt:Time>"
    "<tt:Date><tt:Year>2026</tt:Year><tt:Month>7</tt:Month><tt:Day>9</tt:Day></tt:Date>"
)
# What each operation is sent; an operation that is not here is sent empty. Order matters: Add before Remove.
REQUESTS: dict[tuple[str, str], str] = {
    ("tds", "GetServices"): "<tds:IncludeCapability>true</tds:IncludeCapability>",
    ("tds", "CreateUsers"): f"<tds:User>{USER.format('guard')}</tds:User>",
    ("tds", "SetUser"): f"<tds:User>{USER.format('service')}</tds:User>",
    ("tds", "DeleteUsers"): "<tds:Username>service</tds:Username>",
    ("tds", "SetNetworkProtocols"): "<tds:NetworkProtocols><tt:Name>HTTPS</tt:Name><tt:Enabled>true</tt:Enabled>"
    "<tt:Port>9443</tt:Port></tds:NetworkProtocols>",
    ("tds", "SetHostname"): "<tds:Name>cam-1</tds:Name>",
    ("tds", "SetHostnameFromDHCP"): "<tds:FromDHCP>false</tds:FromDHCP>",
    ("tds", "SetScopes"): f"<tds:Scopes>{SCOPE}</tds:Scopes>",
    ("tds", "AddScopes"): f"<tds:ScopeItem>{SCOPE}</tds:ScopeItem>",
    ("tds", "RemoveScopes"): "<tds:ScopeItem>onvif://www.onvif.org/name/NVR-8</tds:ScopeItem>",
    ("tds", "SetDiscoveryMode"): "<tds:DiscoveryMode>NonDiscoverable</tds:DiscoveryMode>",
    ("tds", "SetNTP"): "<tds:FromDHCP>false</tds:FromDHCP>"
    + SERVER.format("NTPManual", "IPv4", "IPv4Address", "192.0.2.1", "IPv4Address", "NTPManual"),
    ("tds", "SetDNS"): "<tds:FromDHCP>false</tds:FromDHCP><tds:SearchDomain>example.org</tds:SearchDomain>"
    + SERVER.format("DNSManual", "IPv4", "IPv4Address", "192.0.2.2", "IPv4Address", "DNSManual"),
    ("tds", "SetDynamicDNS"): "<tds:Type>NoUpdate</tds:Type>",
    ("tds", "SetNetworkDefaultGateway"): "<tds:IPv4Address>192.0.2.3</tds:IPv4Address>",
    ("tds", "SetZeroConfiguration"): "<tds:InterfaceToken>eth0</tds:InterfaceToken><tds:Enabled>true</tds:Enabled>",
    ("tds", "SetNetworkInterfaces"): "<tds:InterfaceToken>eth0</tds:InterfaceToken><tds:NetworkInterface>"
    "<tt:MTU>1400</tt:MTU></tds:NetworkInterface>",
    ("tds", "SetIPAddressFilter"): FILTER,
    ("tds", "AddIPAddressFilter"): FILTER,
    ("tds", "SetSystemDateAndTime"): "<tds:DateTimeType>Manual</tds:DateTimeType>"
    "<tds:DaylightSavings>false</tds:DaylightSavings><tds:TimeZone><tt:TZ>JST-9</tt:TZ></tds:TimeZone>"
    f"<tds:UTCDateTime>{TIME}</tds:UTCDateTime>",
    ("tds", "SetSystemFactoryDefault"): "<tds:FactoryDefault>Soft</tds:FactoryDefault>",
    ("tds", "GetSystemLog"): "<tds:LogType>System</tds:LogType>",
    ("trt", "GetStreamUri"): STREAM,
    ("trt", "GetSnapshotUri"): PROFILE,
    ("trc", "GetRecordingJobState"): "<trc:JobToken>job_1</trc:JobToken>",
}
EVERY = sorted(OPERATIONS)


def request(service: str, name: str) -> str:
    return f"<{service}:{name}>{REQUESTS.get((service, name), '')}</{service}:{name}>"


@pytest.mark.parametrize(("service", "name"), EVERY, ids=[f"{service}-{name}" for service, name in EVERY])
def test_request_and_answer_of_every_operation_are_valid(service: str, name: str) -> None:
    device = make("onvif-recorder", faults=["open"])
    device.state["users"].append({"Username": "service", "Password": "x", "UserLevel": "User", "fixed": False})
    if name == "RemoveIPAddressFilter":
        entry = {"Address": "127.0.0.1", "PrefixLength": 32}
        device.state["ip_filter"] = {"Type": "Allow", "IPv4Address": [entry], "IPv6Address": []}
        body = request(service, name).replace(f"<tds:{name}></tds:{name}>", f"<tds:{name}>{FILTER}</tds:{name}>")
    else:
        body = request(service, name)
    assert errors_of(envelope(body)) == [], "the test's own request"
    answer = Raw(device).ask(body)
    assert (answer.status, answer.codes) == (200, [])
    assert answer.body.tag.endswith(f"}}{name}Response")
    assert errors_of(answer.bytes) == []


READS = [pair for pair in EVERY if pair[1].startswith("Get") and pair[0] != "trc" and not OPERATIONS[pair].needs]


@pytest.mark.parametrize("model", ["onvif-complete", "onvif-restart", "onvif-strict", "onvif-sha256", "onvif-filtered"])
def test_answers_of_other_models_are_valid(model: str) -> None:
    raw = Raw(make(model, faults=["open", "H35"]))
    for service, name in READS:
        assert errors_of(raw.ask(request(service, name)).bytes) == [], name


@pytest.mark.parametrize("model", ["onvif-strict", "onvif-recorder"])
def test_password_policies_are_valid_and_others_have_none(model: str) -> None:
    raw, poor = Raw(make(model, faults=["open"])), Raw(make("onvif-complete", faults=["open"]))
    few = [pair for pair in EVERY if OPERATIONS[pair].needs]
    assert len(few) == 4
    for service, name in few:
        answer = raw.ask(request(service, name))
        assert (answer.status, errors_of(answer.bytes)) == (200, []), name
        assert len(answer.body), name
        assert poor.ask(request(service, name)).codes[-1] == "ActionNotSupported", name
    told = raw.ask(request("tds", "GetServiceCapabilities")).bytes
    assert errors_of(told) == [] and b"PasswordComplexity AuthFailureWarnings" in told


def test_after_every_change_the_reads_are_still_valid() -> None:
    raw = Raw(make(faults=["open"]))
    for service, name in EVERY:
        if name.startswith("Set") and name != "SetSystemFactoryDefault":
            assert raw.ask(request(service, name)).codes == [], name
    for service, name in READS:
        assert errors_of(raw.ask(request(service, name)).bytes) == [], name


def test_the_schema_check_finds_wrong_answers() -> None:
    """The check itself: wrong order, everything in one namespace, and the announcement outside its two answers."""
    reversed_order = Raw(make(faults=["open", "H30-order"])).ask(request("tds", "GetDeviceInformation"))
    assert errors_of(reversed_order.bytes)
    one_namespace = Raw(make("onvif-one-namespace", faults=["open"])).ask(request("tds", "GetUsers"))
    assert errors_of(one_namespace.bytes)
    announced = Raw(make("onvif-restart", faults=["open", "H05"])).ask(request("tds", "SetHostname"))
    assert errors_of(announced.bytes)
    assert errors_of(envelope("<tds:GetUserz/>")) == [
        "GetUserz is no element of http://www.onvif.org/ver10/device/wsdl"
    ]


def test_path_of_the_device_service_is_the_fixed_one() -> None:
    answer = Raw(make()).ask(request("tds", "GetServices"))
    assert answer.texts("tds:Service/tds:XAddr")[0] == f"http://127.0.0.11:8080{PATH}"

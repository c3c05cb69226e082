# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every request that the ONVIF driver can send is valid against the official schemas.

A device that says yes to everything is read and written once through every document; what was sent is validated, and
the operations that appear in the driver's source are compared with the ones that were sent.
"""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import onvif_schema
import pytest
from onvif_schema import errors_of

from ansible_collections.nwcs.hardening.plugins.module_utils import drivers
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer, Credential
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif import OnvifDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif_soap import NAMESPACES, el, envelope
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Target

onvif_schema.FILES.setdefault(NAMESPACES["tr2"], "ver20/media/wsdl/media.wsdl")
DRIVER = OnvifDriver()
SOAP, TT = onvif_schema.SOAP, NAMESPACES["tt"]
HOSTS = "<tt:{0}><tt:Type>IPv4</tt:Type><tt:IPv4Address>192.0.2.1</tt:IPv4Address></tt:{0}>"

# What the device answers: the inside of the response element, tt for its types. Others get an empty one.
ANSWERS = {
    "GetDeviceInformation": "<tds:Manufacturer>M</tds:Manufacturer><tds:Model>m</tds:Model>",
    "GetSystemDateAndTime": "<tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false"
    "</tt:DaylightSavings><tt:TimeZone><tt:TZ>JST-9</tt:TZ></tt:TimeZone></tds:SystemDateAndTime>",
    "GetUsers": "<tds:User><tt:Username>admin</tt:Username><tt:UserLevel>Administrator</tt:UserLevel></tds:User>"
    "<tds:User><tt:Username>old</tt:Username><tt:UserLevel>User</tt:UserLevel></tds:User>",
    "GetNetworkProtocols": "<tds:NetworkProtocols><tt:Name>HTTP</tt:Name><tt:Enabled>true</tt:Enabled><tt:Port>80"
    "</tt:Port></tds:NetworkProtocols><tds:NetworkProtocols><tt:Name>RTSP</tt:Name><tt:Enabled>true</tt:Enabled>"
    "<tt:Port>0</tt:Port></tds:NetworkProtocols>",
    "GetHostname": "<tds:HostnameInformation><tt:FromDHCP>true</tt:FromDHCP></tds:HostnameInformation>",
    "GetScopes": "<tds:Scopes><tt:ScopeDef>Configurable</tt:ScopeDef><tt:ScopeItem>onvif://www.onvif.org/name/x"
    "</tt:ScopeItem></tds:Scopes>",
    "GetNTP": "<tds:NTPInformation><tt:FromDHCP>true</tt:FromDHCP></tds:NTPInformation>",
    "GetDNS": f"<tds:DNSInformation><tt:FromDHCP>true</tt:FromDHCP><tt:SearchDomain>example.net</tt:SearchDomain>"
    f"{HOSTS.format('DNSFromDHCP')}</tds:DNSInformation>",
    "GetDiscoveryMode": "<tds:DiscoveryMode>Discoverable</tds:DiscoveryMode>",
    "GetZeroConfiguration": "<tds:ZeroConfiguration><tt:InterfaceToken>eth0</tt:InterfaceToken><tt:Enabled>true"
    "</tt:Enabled></tds:ZeroConfiguration>",
    "GetDynamicDNS": "<tds:DynamicDNSInformation><tt:Type>ClientUpdates</tt:Type><tt:Name>n</tt:Name><tt:TTL>PT1H"
    "</tt:TTL></tds:DynamicDNSInformation>",
    "GetIPAddressFilter": "<tds:IPAddressFilter><tt:Type>Deny</tt:Type></tds:IPAddressFilter>",
    "GetNetworkDefaultGateway": "<tds:NetworkGateway/>",
    "GetNetworkInterfaces": '<tds:NetworkInterfaces token="eth0"/>',
    "GetProfiles": '<{0}:Profiles token="p1"/>',
    "GetStreamUri": "<{0}:Uri>rtsp://192.0.2.9/s</{0}:Uri>",
    "GetSnapshotUri": "<{0}:Uri>http://192.0.2.9/i</{0}:Uri>",
    "GetRecordingJobs": "<trc:JobItem><trc:JobToken>j1</trc:JobToken></trc:JobItem>",
    "GetRecordingJobState": "<trc:State><tt:RecordingToken>r</tt:RecordingToken><tt:State>Idle</tt:State></trc:State>",
}


class Device:
    """A transport whose device accepts everything and keeps nothing. `refuse`: operation -> subcode, once each."""

    def __init__(self, services: tuple[str, ...], login: str = "") -> None:
        self.target = Target("cam", "192.0.2.9", 80, "http")
        self.services, self.login = services, login
        self.auth: Any = None
        self.requests = 0
        self.sent: list[bytes] = []
        self.refuse: dict[str, str] = {}

    def request(self, method: str, path: str, *, body: bytes = b"", headers: Any = None, login: bool = True,
                idempotent: bool | None = None) -> Answer:  # fmt: skip
        self.sent.append(body)
        root = ElementTree.fromstring(body)
        tag = root.find(f"{{{SOAP}}}Body")[0].tag  # type: ignore[index]
        namespace, _brace, name = tag[1:].partition("}")
        prefix = next(key for key, value in NAMESPACES.items() if value == namespace)
        pre_auth = name in ("GetSystemDateAndTime", "GetServices", "GetEndpointReference")
        if self.login and not pre_auth and root.find(f"{{{SOAP}}}Header") is None:
            return Answer(401, {}, b"")
        if name in self.refuse:
            return self._answer(prefix, self._fault(self.refuse.pop(name)), 400)
        inside = ANSWERS.get(name, "").replace("{0}", prefix)
        if name == "GetServices":
            inside = "".join(
                f"<tds:Service><tds:Namespace>{NAMESPACES[p]}</tds:Namespace><tds:XAddr>http://192.0.2.9/onvif/{p}"
                "</tds:XAddr></tds:Service>"
                for p in self.services
            )
        return self._answer(prefix, f"<{prefix}:{name}Response>{inside}</{prefix}:{name}Response>")

    @staticmethod
    def _fault(subcode: str) -> str:
        return (
            "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:InvalidArgVal</s:Value><s:Subcode>"
            f"<s:Value>ter:{subcode}</s:Value></s:Subcode></s:Subcode></s:Code></s:Fault>"
        )

    @staticmethod
    def _answer(prefix: str, inside: str, status: int = 200) -> Answer:
        declared = "".join(f' xmlns:{key}="{value}"' for key, value in NAMESPACES.items())
        text = f'<s:Envelope xmlns:s="{SOAP}"{declared}><s:Body>{inside}</s:Body></s:Envelope>'
        return Answer(status, {}, text.encode())

    def local_address(self) -> str:
        return "192.0.2.20"

    def close(self) -> None:
        pass


EDITS: dict[str, list[Any]] = {
    "users": [
        lambda t: t["users"].update(ops={"name": "ops", "level": "Operator"}),
        lambda t: t["users"]["old"].update(password="set"),
        lambda t: t["users"].pop("old"),
    ],
    "protocols": [lambda t: t["protocols"]["HTTP"].update(enabled=False, ports=[80, 8080])],
    "hostname": [lambda t: t.update(name="cam-1", from_dhcp=False)],
    "scopes": [
        lambda t: t["scopes"].append({"uri": "onvif://www.onvif.org/location/a%20b", "fixed": False}),
        lambda t: t["scopes"].clear(),
    ],
    "ntp": [
        lambda t: t.update(from_dhcp=False, manual=["192.0.2.1", "2001:db8::1", "ntp.example.net"]),
        lambda t: t.update(from_dhcp=False, manual=[]),
    ],
    "clock": [lambda t: t.update(type="Manual"), lambda t: t.update(zone="EST5EDT,M3.2.0,M11.1.0")],
    "discovery_mode": [lambda t: t.update(mode="NonDiscoverable")],
    "zero_configuration": [lambda t: t["interfaces"].update(eth0=False)],
    "dynamic_dns": [lambda t: t.update(type="NoUpdate"), lambda t: t.update(type="NoUpdate", name="", ttl="")],
    "dns": [lambda t: t.update(from_dhcp=False, manual=["192.0.2.53", "2001:db8::53"])],
    "ip_filter": [
        lambda t: t.update(mode="allow", sources=["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"]),
        lambda t: t.update(mode="deny", sources=["203.0.113.0/24"]),
    ],
}


@pytest.fixture(scope="module")
def sent() -> list[bytes]:
    """All requests of two devices: read, written through every document, restarted; one with tokens and Media2."""
    messages: list[bytes] = []
    for services, login in ((("tds", "trt", "trc"), ""), (("tds", "tr2"), "token")):
        device = Device(services, login)
        DRIVER.identify(device)
        secrets = {f"accounts.{name}": "p&w<1 enough" for name in ("admin", "ops", "old")}
        ctx = DRIVER.open(device, Credential("admin", "secret"), secrets)
        names = [document.name for document in DRIVER.documents]
        trees = DRIVER.fetch(ctx, names)
        stores = {document.name: document.store for document in DRIVER.documents if document.store}
        assert set(stores) == set(EDITS), "every document that can be written is written here"
        for name, edits in EDITS.items():
            for edit in edits:
                new = copy.deepcopy(trees[name])
                edit(new)
                stores[name](ctx, trees[name], new)
        device.refuse = {"SetNTP": "TimeSyncedToNtp"}
        stores["ntp"](ctx, trees["ntp"], trees["ntp"])
        device.refuse = {"SetSystemDateAndTime": "InvalidTimeZone"}
        stores["clock"](ctx, trees["clock"], {**trees["clock"], "type": "NTP"})
        DRIVER.password_rules(ctx)
        DRIVER.restart(ctx)
        messages += device.sent + [endpoint.body for endpoint in DRIVER.endpoints(ctx, trees) if endpoint.body]
    old = Device((), "")
    DRIVER.identify(old)  # a device without a service list: GetCapabilities
    return messages + old.sent


def operation_of(message: bytes) -> str:
    namespace, _brace, name = ElementTree.fromstring(message).find(f"{{{SOAP}}}Body")[0].tag[1:].partition("}")  # type: ignore[index]
    return f"{next(key for key, value in NAMESPACES.items() if value == namespace)}:{name}"


def test_every_request_is_valid(sent: list[bytes]) -> None:
    wrong = {operation_of(message): errors_of(message) for message in sent}
    assert {operation: found for operation, found in wrong.items() if found} == {}


def test_every_operation_of_the_driver_was_sent(sent: list[bytes]) -> None:
    """What the source names as an argument of a call is what was sent."""
    folder = Path(drivers.__file__).parent
    source = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("onvif*.py"))
    named = set(re.findall(r'"((?:tds|trc):(?:Get|Set|Create|Delete|Remove|Add|System)\w+)"', source))
    named |= {f"{p}:{name}" for p in ("trt", "tr2") for name in re.findall(r'f"\{prefix\}:(Get\w+)"', source)}
    assert named == {operation_of(message) for message in sent}


def test_a_wrong_request_is_noticed() -> None:
    assert errors_of(envelope(el("tds:SetHostname", el("tds:Hostname", "x"))))
    assert errors_of(envelope(el("tds:SetNTP", el("tds:NTPManual"), el("tds:FromDHCP", True))))


def test_no_request_depends_on_one_prefix_and_tokens_are_well_formed(sent: list[bytes]) -> None:
    tokens = 0
    for message in sent:
        assert b'xmlns=""' not in message and b"ns0:" not in message
        security = ElementTree.fromstring(message).find(f"{{{SOAP}}}Header/*")
        if security is not None:
            tokens += 1
            assert security.tag.endswith("wssecurity-secext-1.0.xsd}Security")
            assert security.get(f"{{{SOAP}}}mustUnderstand") == "1"
    assert tokens > 10


def test_no_set_user_goes_without_a_password(sent: list[bytes]) -> None:
    for message in sent:
        if operation_of(message) in ("tds:SetUser", "tds:CreateUsers"):
            assert ElementTree.fromstring(message).findtext(f".//{{{TT}}}Password") == "p&w<1 enough"

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a device accepts in a document that is written: the whole document, its elements, their order and values."""

from __future__ import annotations

import copy
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from .answers import Refused
from .xmldoc import Element, find, in_space, local, parse, space, text

Check = Callable[[str], bool]


def one_of(*words: str) -> Check:
    return lambda value: value in words


def number(low: int, high: int) -> Check:
    return lambda value: value.isascii() and value.isdigit() and low <= int(value) <= high


def matches(pattern: str) -> Check:
    return lambda value: re.fullmatch(pattern, value) is not None


def address(value: str) -> bool:
    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Rule:
    """What is known of one element beyond the document as it is."""

    check: Check | None = None
    optional: bool = False  # may be left out, and may be given where it is not
    readonly: bool = False  # what is sent is ignored
    secret: bool = False  # write-only: kept, never shown
    grows: str = ""  # members may be added and taken away; the XML of one


FLAG = one_of("true", "false")
PORT = number(1, 65535)
NAME = matches(r".{0,32}")
HOST = matches(r"[A-Za-z0-9._:-]{0,64}")
RULES: dict[str, dict[str, Rule]] = {
    "System/deviceInfo": {
        "deviceName": Rule(matches(r".{1,32}")),
        "deviceLocation": Rule(NAME),
        "systemContact": Rule(NAME),
        "telecontrolID": Rule(number(1, 255)),
        **{
            name: Rule(readonly=True)
            for name in (
                "deviceID deviceDescription model serialNumber macAddress firmwareVersion firmwareReleasedDate"
                " encoderVersion encoderReleasedDate bootVersion bootReleasedDate hardwareVersion deviceType"
                " supportBeep supportVideoLoss firmwareVersionInfo manufacturer OEMCode subSerialNumber customizedInfo"
            ).split()
        },
    },
    "System/time": {
        "timeMode": Rule(one_of("NTP", "manual", "platform")),
        "localTime": Rule(matches(r"20[0-3]\d-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)?"), optional=True),
        "timeZone": Rule(matches(r"[A-Z]{3,4}[+-]?\d{1,2}:\d\d:\d\d(DST[\d:A-Z./,+-]*)?")),
    },
    "System/time/ntpServers": {
        "NTPServer/addressingFormatType": Rule(one_of("hostname", "ipaddress")),
        "NTPServer/hostName": Rule(matches(r"[A-Za-z0-9._-]{1,64}"), optional=True),
        "NTPServer/ipAddress": Rule(address, optional=True),
        "NTPServer/portNo": Rule(PORT),
        "NTPServer/synchronizeInterval": Rule(number(1, 10080)),
    },
    "System/discoveryMode": {
        "PcapMode": Rule(one_of("discoverable", "nonDiscoverable")),
        "SADP": Rule(one_of("discoverable", "nonDiscoverable")),
    },
    "System/logServer": {
        "addressingFormatType": Rule(one_of("hostname", "ipaddress")),
        "hostName": Rule(HOST, optional=True),
        "ipAddress": Rule(address, optional=True),
        "portNo": Rule(PORT),
        "uploadInterval": Rule(number(1, 1440)),
    },
    "System/Network/interfaces": {
        "NetworkInterface/IPAddress/ipVersion": Rule(one_of("v4", "v6", "dual")),
        "NetworkInterface/IPAddress/addressingType": Rule(one_of("static", "dynamic", "apipa")),
        "NetworkInterface/IPAddress/ipAddress": Rule(address),
        "NetworkInterface/IPAddress/subnetMask": Rule(address),
        "NetworkInterface/IPAddress/DefaultGateway/ipAddress": Rule(address),
        "NetworkInterface/IPAddress/PrimaryDNS/ipAddress": Rule(address),
        "NetworkInterface/IPAddress/SecondaryDNS/ipAddress": Rule(address),
        "NetworkInterface/Link/MACAddress": Rule(readonly=True),
        "NetworkInterface/Link/MTU": Rule(number(500, 9676)),
    },
    "System/Network/ipFilter": {"permissionType": Rule(one_of("deny", "allow"))},
    "System/Network/SNMP": {
        "SNMPv1c/readCommunity": Rule(NAME),
        "SNMPv1c/writeCommunity": Rule(NAME),
    },
    "System/Network/ftp": {
        "FTPNotification/ipAddress": Rule(address),
        "FTPNotification/portNo": Rule(PORT),
        "FTPNotification/password": Rule(optional=True, secret=True),
    },
    "System/Network/Integrate": {
        "CGI/certificateType": Rule(one_of("digest", "digest/basic")),
        "ONVIF/certificateType": Rule(one_of("digest", "wsse", "digest/wsse")),
    },
    "System/Network/EZVIZ": {
        "registerStatus": Rule(readonly=True),
        "verificationCode": Rule(matches(r"[A-Za-z0-9]{6,12}"), optional=True, secret=True),
        "serverAddress/hostName": Rule(HOST),
    },
    "System/Network/Ehome": {
        "registerStatus": Rule(readonly=True),
        "addressingFormatType": Rule(one_of("hostname", "ipaddress")),
        "ipAddress": Rule(address, optional=True),
        "hostName": Rule(HOST, optional=True),
        "deviceID": Rule(matches(r"[A-Za-z0-9]{0,32}")),
        "key": Rule(NAME, optional=True, secret=True),
    },
    "System/Network/DDNS": {
        "DDNS/provider": Rule(one_of("DynDNS", "IPServer", "NO-IP", "EZVIZ")),
        "DDNS/serverAddress/hostName": Rule(HOST),
        "DDNS/deviceDomainName": Rule(matches(r"[A-Za-z0-9._-]{0,64}")),
        "DDNS/password": Rule(optional=True, secret=True),
    },
    "System/Network/mailing": {
        "mailing/sender/smtp/portNo": Rule(PORT),
        "mailing/sender/smtp/password": Rule(optional=True, secret=True),
    },
    "Security/adminAccesses": {
        "AdminAccessProtocol/protocol": Rule(readonly=True),
        "AdminAccessProtocol/portNo": Rule(PORT),
    },
    "Security/illegalLoginLock": {},
    "Security/webCertificate": {
        "CertificateType": Rule(one_of("digest", "digest/basic")),
        "SecurityAlgorithm/algorithmType": Rule(one_of("MD5", "SHA256", "MD5/SHA256")),
    },
    "Security/RTSPCertificate": {"certificateType": Rule(one_of("digest", "digest/basic"))},
    "Streaming/channels": {
        "StreamingChannel/Transport/Security/certificateType": Rule(one_of("digest", "digest/basic")),
        "StreamingChannel/Transport/Security/SecurityAlgorithm/algorithmType": Rule(
            one_of("MD5", "SHA256", "MD5/SHA256")
        ),
    },
    "System/Video/inputs/channels/1/tamperDetection": {
        "tampersensitivityLevel": Rule(number(0, 100)),
        "TamperDetectionRegionList/TamperDetectionRegion/sensitivityLevel": Rule(number(0, 100)),
    },
    "Event/triggers": {
        "EventTrigger/eventType": Rule(readonly=True),
        "EventTrigger/EventTriggerNotificationList/EventTriggerNotification": Rule(
            grows="<EventTriggerNotification><id>center</id><notificationMethod>center</notificationMethod>"
            "</EventTriggerNotification>"
        ),
        "EventTrigger/EventTriggerNotificationList/EventTriggerNotification/notificationMethod": Rule(
            one_of("email", "beep", "center", "record", "IO")
        ),
    },
    "Event/notification/httpHosts": {
        "HttpHostNotification/addressingFormatType": Rule(one_of("hostname", "ipaddress")),
        "HttpHostNotification/protocolType": Rule(one_of("HTTP", "HTTPS")),
        "HttpHostNotification/ipAddress": Rule(address, optional=True),
        "HttpHostNotification/hostName": Rule(HOST, optional=True),
        "HttpHostNotification/portNo": Rule(PORT),
        "HttpHostNotification/password": Rule(optional=True, secret=True),
    },
}
FILTER_ENTRY = {  # the two forms in which devices keep an address (fact sheet 9)
    "mask": "<IPFilterAddress><id>1</id><permissionType>allow</permissionType><addressFilterType>mask"
    "</addressFilterType><AddressMask><ipAddress>0.0.0.0</ipAddress></AddressMask></IPFilterAddress>",
    "plain": "<IPFilterAddress><id>1</id><ipAddress>0.0.0.0</ipAddress></IPFilterAddress>",
}


class Validator:
    """Compares a document that is written with the one it replaces.

    `strict_space`: elements must have the namespaces of the document as it is read (writes from tools that lose the
    default namespace break, fact sheet 2).
    """

    def __init__(self, filter_form: str = "mask", strict_space: bool = True, lock_limits: dict | None = None) -> None:
        self.strict_space = strict_space
        self.filter_form = filter_form
        entry = "IPFilterAddressList/IPFilterAddress"
        limits = lock_limits or {}
        self.rules = RULES | {
            "System/Network/ipFilter": {
                **RULES["System/Network/ipFilter"],
                entry: Rule(grows=FILTER_ENTRY[filter_form]),
                f"{entry}/permissionType": Rule(one_of("deny", "allow")),
                f"{entry}/addressFilterType": Rule(one_of("mask")),
                f"{entry}/ipAddress": Rule(address),
                f"{entry}/AddressMask/ipAddress": Rule(address),
            },
            "Security/illegalLoginLock": {name: Rule(number(*pair)) for name, pair in limits.items()},
        }

    def filter_entry(self, parent: Element) -> Element:
        """One entry of the address filter in this device's form."""
        return in_space(parse(FILTER_ENTRY[self.filter_form]), space(parent))

    def check(self, path: str, old: Element, new: Element) -> tuple[Element, dict[str, str]]:
        """The document to keep, and the write-only values taken out of it. Raises Refused."""
        if local(old) != local(new):
            raise Refused("badXmlFormat")
        secrets: dict[str, str] = {}
        return self._element(self.rules.get(path, {}), "", old, new, secrets), secrets

    def _element(self, rules: dict[str, Rule], where: str, old: Element, new: Element, secrets: dict) -> Element:
        if self.strict_space and space(new) != space(old):
            raise Refused("badXmlFormat" if not where else "badXmlContent")
        rule = rules.get(where, Rule())
        if not len(old) and not len(new) and not self._grown(rules, where):
            return self._leaf(rule, old, new)
        if (new.text or "").strip():
            raise Refused("badXmlContent")
        kept = copy.copy(old)
        for child in list(kept):
            kept.remove(child)
        known = [local(child) for child in old]
        last, seen = 0, set()
        for child in new:
            name = local(child)
            inner = f"{where}/{name}".lstrip("/")
            about = rules.get(inner, Rule())
            if name in known:
                if known.index(name) < last:
                    raise Refused("badXmlContent")
                last = known.index(name)
            elif not (about.optional or about.grows):
                raise Refused("badXmlContent")
            number_ = text(child, "id", "") if find(child, "id") is not None else None
            if (name, number_) in seen:
                raise Refused("badXmlContent")
            seen.add((name, number_))
            if about.secret:
                secrets[f"{inner}#{number_}" if number_ else inner] = child.text or ""
                if about.check and not about.check(child.text or ""):
                    raise Refused("badXmlContent")
                continue
            kept.append(self._element(rules, inner, self._counterpart(old, child, number_, about), child, secrets))
        for child in old:
            name = local(child)
            about = rules.get(f"{where}/{name}".lstrip("/"), Rule())
            pair = (name, text(child, "id", "") if find(child, "id") is not None else None)
            if pair not in seen and not (about.optional or about.grows):
                raise Refused("badXmlContent")
        return kept

    @staticmethod
    def _grown(rules: dict[str, Rule], where: str) -> bool:
        return any(rule.grows and inner.rpartition("/")[0] == where for inner, rule in rules.items())

    @staticmethod
    def _counterpart(old: Element, child: Element, number_: str | None, about: Rule) -> Element:
        """The element as it is now; for a member that is new, the pattern of one."""
        same = [one for one in old if local(one) == local(child)]
        for one in same:
            if number_ is None or text(one, "id") == number_:
                return one
        if about.grows:
            return in_space(parse(about.grows), space(old))
        if about.optional:
            template = in_space(child, space(old))
            template.text = ""
            return template
        raise Refused("badXmlContent")

    @staticmethod
    def _leaf(rule: Rule, old: Element, new: Element) -> Element:
        kept = copy.copy(old)
        value, before = new.text or "", old.text or ""
        if rule.readonly:
            return kept
        flag = before.lower() in ("true", "false")
        if value == before:
            return kept
        if rule.check and not rule.check(value):
            raise Refused("badXmlContent")
        if not rule.check and flag and value not in (("TRUE", "FALSE") if before.isupper() else ("true", "false")):
            raise Refused("badXmlContent")
        if len(value) > 512:
            raise Refused("badXmlContent")
        kept.text = value
        return kept

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protocols, TLS, address filter, interfaces and network services of an ISAPI device (fact sheet 7 to 10, 13)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, Reading
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_xml as xml
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi_answers import number

Tree = dict[str, str]

# -- protocols: rows are found by their protocol, ids move between families (sheet 7) ----------------------------------
ADMIN_ACCESSES = "Security/adminAccesses"
WORD_OF = {
    "HTTP": "http", "HTTPS": "https", "RTSP": "rtsp", "DEV_MANAGE": "sdk", "SDK_OVER_TLS": "sdk_tls", "SRTP": "rtsps",
    "WEBSOCKET": "websocket", "WEBSOCKETS": "websocket_tls", "MODBUSTCP": "modbus_tcp", "BONJOUR": "mdns", "IOT": "iot",
}  # fmt: skip
PROTOCOLS = tuple(WORD_OF.values())


def protocols(tree: Tree) -> dict[str, str]:
    """{our word: path of the row}. A protocol that we have no word for is called as the device calls it."""
    found: dict[str, str] = {}
    for index, node in enumerate(xml.find(tree, "AdminAccessProtocol")[: xml.ROWS], 1):
        name = xml.child(tree, node, "protocol")
        word = WORD_OF.get(name.upper()) or re.sub(r"[^a-z0-9_-]", "_", name.lower())[:40]
        if word:
            found.setdefault(word, f"AdminAccessProtocol[{index}]")
    return found


def protocol_items(tree: Tree) -> list[str]:
    return list(protocols(tree))


def get_enabled(tree: Tree, item: str) -> Any:
    """A row without `enabled` has no switch: it is on (sheet 7: DEV_MANAGE of older devices)."""
    row = protocols(tree).get(item)
    if row is None:
        return ABSENT
    on = xml.flag(tree, f"{row}/enabled")
    return True if on is ABSENT else on


def put_enabled(tree: Tree, item: str, value: bool) -> None:
    path = f"{protocols(tree)[item]}/enabled"
    if xml.has(tree, path):
        xml.put_flag(tree, path, value)


def limits_enabled(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    row = protocols(tree).get(item)
    if row is None:
        return "the device does not list this protocol"
    if value is not True and not xml.has(tree, f"{row}/enabled"):
        return "this device has no switch for it: it is always on"
    return None


def get_ports(tree: Tree, item: str) -> Any:
    port = number(xml.get(tree, f"{protocols(tree)[item]}/portNo"))
    return ABSENT if port is None else [port]


def put_ports(tree: Tree, item: str, value: list[int]) -> None:
    xml.put(tree, f"{protocols(tree)[item]}/portNo", value[0])


def limits_ports(ctx: Any, tree: Tree, item: str, value: list[int]) -> str | None:
    row = protocols(tree).get(item)
    if row is None or not xml.has(tree, f"{row}/portNo"):
        return "the device does not list a port for it"
    if len(value) != 1 or not 0 < value[0] < 65536:
        return "the device has one port per protocol, from 1 to 65535"
    return None


def ports_of(tree: Tree) -> list[tuple[str, int]]:
    return [(word, port) for word, row in protocols(tree).items() if (port := number(xml.get(tree, f"{row}/portNo")))]


def https_only(tree: Tree) -> bool | Reading:
    """HTTPS on and HTTP off; where HTTP has no switch, its redirection counts."""
    rows = protocols(tree)
    if "https" not in rows:
        return False
    https = xml.flag(tree, f"{rows['https']}/enabled")
    safe: Any = "nothing"  # where HTTP is not listed it may be there all the same
    if "http" in rows:
        on = xml.flag(tree, f"{rows['http']}/enabled")
        safe = not on if on in (True, False) else on
        if on is ABSENT:
            safe = xml.flag(tree, f"{rows['https']}/redirectToHttps")
    if https is False or safe in (False, ABSENT):
        return False
    for word in (https, safe):
        if word not in (True, ABSENT):
            return xml.odd("HTTP or HTTPS", word)
    return True


def put_https_only(tree: Tree, value: bool) -> None:
    """That HTTPS works before HTTP goes is proven by the engine, which closes HTTP in its last phase (H40)."""
    rows = protocols(tree)
    if value:
        put_enabled(tree, "https", True)
    if "http" in rows and xml.has(tree, f"{rows['http']}/enabled"):
        put_enabled(tree, "http", not value)
    elif "https" in rows and xml.has(tree, f"{rows['https']}/redirectToHttps"):
        xml.put_flag(tree, f"{rows['https']}/redirectToHttps", value)


def limits_https_only(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    rows = protocols(tree)
    if "https" not in rows:
        return "the device lists no HTTPS"
    if "http" not in rows:
        return None if value else "the device lists no HTTP"
    switch = xml.has(tree, f"{rows['http']}/enabled") or xml.has(tree, f"{rows['https']}/redirectToHttps")
    return None if switch else "HTTP has neither a switch nor a redirection on this device"


_TLS = ("1.1", "1.2", "1.3")


def _tls_path(tree: Tree, version: str) -> str:
    return f"{protocols(tree)['https']}/TLS{version.replace('.', '_')}Enable"


def tls_min(tree: Tree) -> Any:
    """The lowest version that is on; ABSENT where the device has no switches for them."""
    if "https" not in protocols(tree):
        return ABSENT
    states = {version: xml.flag(tree, _tls_path(tree, version)) for version in _TLS}
    if states["1.1"] is ABSENT:
        return ABSENT  # whether older versions are taken is not told
    for version, state in states.items():
        if state is True:
            return version
        if state not in (False, ABSENT):
            return xml.odd(f"TLS {version}", state)
    return ABSENT


def put_tls_min(tree: Tree, value: str) -> None:
    for version in _TLS:
        if xml.has(tree, _tls_path(tree, version)) and (version < value or version == value):
            xml.put_flag(tree, _tls_path(tree, version), version == value)


def limits_tls_min(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    if value not in _TLS or not xml.has(tree, _tls_path(tree, value)):
        return "this device has no switch for this version of TLS"
    return None


# -- switches that are one element -------------------------------------------------------------------------------------
def switch(path: str) -> tuple[Callable[[Tree], Any], Callable[[Tree, bool], None]]:
    """get and put of a boolean at `path`."""

    def get(tree: Tree) -> Any:
        return xml.flag(tree, path)

    def put(tree: Tree, value: bool) -> None:
        xml.put_flag(tree, path, value)

    return get, put


def snmp(block: str) -> tuple[Callable[[Tree], Any], Callable[[Tree, bool], None]]:
    """One version of SNMP. Its on/off word is notificationEnabled where it was read (sheet 8)."""

    def path(tree: Tree) -> str:
        return f"{block}/enabled" if xml.has(tree, f"{block}/enabled") else f"{block}/notificationEnabled"

    def get(tree: Tree) -> Any:
        return xml.flag(tree, path(tree))

    def put(tree: Tree, value: bool) -> None:
        xml.put_flag(tree, path(tree), value)

    return get, put


def has_switch(path: str) -> Callable[..., str | None]:
    def limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
        return None if xml.has(tree, path) else "the device does not list this switch"

    return limits


def snmp_limits(block: str) -> Callable[..., str | None]:
    def limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
        there = xml.has(tree, f"{block}/enabled") or xml.has(tree, f"{block}/notificationEnabled")
        return None if there else "the device does not list this version of SNMP"

    return limits


# -- dynamic DNS -------------------------------------------------------------------------------------------------------
def _ddns_rows(tree: Tree) -> list[str]:
    return xml.rows(tree, "DDNS") or [""]


def ddns_enabled(tree: Tree) -> Any:
    states = [state for row in _ddns_rows(tree) if (state := xml.flag(tree, f"{row}enabled")) is not ABSENT]
    return next((s for s in states if s not in (True, False)), any(states)) if states else ABSENT


def put_ddns(tree: Tree, value: bool) -> None:
    for row in _ddns_rows(tree)[: 1 if value else None]:
        if xml.has(tree, f"{row}enabled"):
            xml.put_flag(tree, f"{row}enabled", value)


def ddns_limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    rows = [row for row in _ddns_rows(tree) if xml.has(tree, f"{row}enabled")]
    if not rows:
        return "the device does not list this switch"
    return "there is not exactly one service to switch on" if value and len(rows) != 1 else None


def ddns_text(*names: str) -> Callable[[Tree], str]:
    """The first of these elements in each service, on or off; "" where none is filled."""

    def get(tree: Tree) -> str:
        rows = _ddns_rows(tree)
        found = {next((word for name in names if (word := xml.get(tree, f"{row}{name}", ""))), "") for row in rows}
        return ", ".join(sorted(filter(None, found)))

    return get


# -- interfaces --------------------------------------------------------------------------------------------------------
def _interfaces(tree: Tree) -> list[str]:
    return xml.rows(tree, "NetworkInterface") or [""]


def _places(tree: Tree, *names: str) -> list[str]:
    found = (f"{row}IPAddress/{name}/ipAddress" for row in _interfaces(tree) for name in names)
    return [path for path in found if xml.has(tree, path)]


def _used(word: str) -> bool:
    return word not in ("", "0.0.0.0", "::")


def addresses(tree: Tree) -> list[str]:
    found = []
    for row in _interfaces(tree):
        address, mask = (xml.get(tree, f"{row}IPAddress/{name}", "") for name in ("ipAddress", "subnetMask"))
        if _used(address):
            found.append(f"{address}/{mask}" if _used(mask) else address)
    return found


def gateways(tree: Tree) -> list[str]:
    return [word for path in _places(tree, "DefaultGateway") if _used(word := xml.get(tree, path, ""))]


def addressing(tree: Tree) -> Any:
    words = {xml.get(tree, f"{row}IPAddress/addressingType", "").lower() for row in _interfaces(tree)} - {""}
    if not words:
        return ABSENT
    return "dhcp" if "dynamic" in words else "static" if words == {"static"} else sorted(words)[0]


def dns_servers(tree: Tree) -> Any:
    places = _places(tree, "PrimaryDNS", "SecondaryDNS")
    return [word for path in places if _used(word := xml.get(tree, path, ""))] if places else ABSENT


def put_dns(tree: Tree, value: list[str]) -> None:
    for index, path in enumerate(_places(tree, "PrimaryDNS", "SecondaryDNS")):
        xml.put(tree, path, value[index] if index < len(value) else "0.0.0.0")


def dns_limits(ctx: Any, tree: Tree, item: str, value: list[str]) -> str | None:
    if addressing(tree) != "static":
        return "the device takes its addresses by DHCP"
    if len(value) > len(_places(tree, "PrimaryDNS", "SecondaryDNS")):
        return "the device has no room for that many name servers"
    try:
        good = all(ipaddress.ip_address(word).version == 4 for word in value)
    except ValueError:
        good = False
    return None if good else "a name server is an IPv4 address here"


def zeroconf(tree: Tree) -> Any:
    return xml.any_on(xml.flag(tree, f"{row}Discovery/Zeroconf/enabled") for row in _interfaces(tree))


def put_zeroconf(tree: Tree, value: bool) -> None:
    for row in _interfaces(tree):
        if xml.has(tree, f"{row}Discovery/Zeroconf/enabled"):
            xml.put_flag(tree, f"{row}Discovery/Zeroconf/enabled", value)


def zeroconf_limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    return None if zeroconf(tree) is not ABSENT else "the device does not list this switch"

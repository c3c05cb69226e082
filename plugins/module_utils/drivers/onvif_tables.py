# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ONVIF offers, as tables: documents (Get/Set pairs), bindings of our keys, named oddities of models.

Sections in `source` are those of the ONVIF Core specification 26.06 and its device service.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from ansible_collections.nwcs.hardening.plugins.module_utils import zones
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    NOT_OFFERED,
    UNSUPPORTED,
    Binding,
    Document,
    Key,
    Reading,
    Tree,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import onvif_accounts as accounts
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import onvif_network as network
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import onvif_system as system


@dataclass(frozen=True)
class Get:
    """A document read by one operation without arguments."""

    operation: str
    decode: Callable[[Element], Tree]

    def __call__(self, ctx: Any) -> Tree:
        return self.decode(ctx.call(self.operation))


def _more(tree: Tree) -> Any:
    return tree["more"]


def _unknown_protocols(tree: Tree) -> Any:
    return {name: row for name, row in tree["protocols"].items() if name.lower() not in PROTOCOLS}


def _dhcp_and_more(tree: Tree) -> Any:
    return [tree["from_dhcp"], tree["more"]]


def _fetch_interfaces(ctx: Any) -> Tree:
    tree = network.interfaces(ctx.call("tds:GetNetworkInterfaces"))
    ctx.identity.mac = ctx.identity.mac or mac(tree)
    return tree


def mac(tree: Tree) -> str:
    """The first hardware address as aa:bb:…; "" when there is none (H15: dashes, upper case, none)."""
    for row in tree["interfaces"].values():
        digits = re.sub(r"[^0-9a-f]", "", row["mac"].lower())
        if len(digits) == 12:
            return ":".join(digits[i : i + 2] for i in range(0, 12, 2))
    return ""


def _document(name: str, fetch: Any, store: Any = None, rest: Any = _more, **more: Any) -> Document:
    return Document(name, fetch, store, rest=rest, restart="reply" if store else "never", **more)


DOCUMENTS: tuple[Document, ...] = (
    _document("device_information", system.fetch_information, rest=lambda tree: tree["hardware"]),
    _document("services", system.fetch_services, rest=lambda tree: tree),
    _document("login", system.fetch_login, rest=None),
    _document("users", Get("tds:GetUsers", accounts.decode), accounts.store, credible=accounts.credible),
    _document("protocols", Get("tds:GetNetworkProtocols", network.protocols), network.store_protocols,
              rest=lambda tree: [_unknown_protocols(tree), tree["more"]]),
    _document("hostname", Get("tds:GetHostname", network.hostname), network.store_hostname, rest=_dhcp_and_more),
    _document("scopes", Get("tds:GetScopes", system.scopes), system.store_scopes, rest=system.scopes_rest),
    _document("ntp", Get("tds:GetNTP", system.ntp), system.store_ntp, rest=_dhcp_and_more, affects=("clock",)),
    _document("clock", system.fetch_clock, system.store_clock, after=("ntp",),
              rest=lambda tree: [tree["dst"], tree["more"]]),
    _document("discovery_mode", Get("tds:GetDiscoveryMode", network.discovery), network.store_discovery, rest=None),
    _document("zero_configuration", Get("tds:GetZeroConfiguration", network.zero_configuration),
              network.store_zero_configuration),
    _document("dynamic_dns", Get("tds:GetDynamicDNS", network.dynamic_dns), network.store_dynamic_dns),
    _document("dns", Get("tds:GetDNS", network.dns), network.store_dns),
    _document("gateway", Get("tds:GetNetworkDefaultGateway", network.gateway)),
    _document("interfaces", _fetch_interfaces),
    _document("ip_filter", Get("tds:GetIPAddressFilter", network.ip_filter), network.store_ip_filter),
    _document("media", system.fetch_media, rest=lambda tree: tree["profiles"]),
    _document("recording", system.fetch_recording, rest=lambda tree: tree["modes"]),
)  # fmt: skip

# -- bindings ----------------------------------------------------------------------------------------------------------
PROTOCOLS = ("http", "https", "rtsp")  # all that SetNetworkProtocols knows; it never makes another one
_NO_PROTOCOL = Reading(NOT_OFFERED, why="the device does not list this protocol", source="protocols")
_EMPTY = Reading(UNSUPPORTED, why="the device leaves it empty")


def _row(tree: Tree, item: str) -> dict[str, Any] | None:
    return next((row for name, row in tree["protocols"].items() if name.lower() == item), None)


def _protocol_items(tree: Tree) -> list[str]:
    return [item for item in PROTOCOLS if _row(tree, item) is not None]


def _get_protocol(field: str) -> Callable[..., Any]:
    def get(tree: Tree, item: str) -> Any:
        row = _row(tree, item)
        return ABSENT if row is None else row[field]

    return get


def _put_protocol(field: str) -> Callable[..., None]:
    def put(tree: Tree, item: str, value: Any) -> None:
        row = _row(tree, item)
        if row is None:
            raise KeyError(item)  # limits() has said so before
        row[field] = value

    return put


def _protocol_limits(ctx: Any, tree: Tree, item: str, value: Any) -> str | None:
    if _row(tree, item) is None:
        return "the device does not list this protocol"
    if isinstance(value, list) and not all(0 < port < 65536 for port in value):
        return "a port is a number from 1 to 65535"
    return "at least one port is needed" if value == [] else None


def _https_only(tree: Tree) -> bool:
    http, https = _row(tree, "http"), _row(tree, "https")
    return bool(https and https["enabled"] and not (http and http["enabled"]))


def _put_https_only(tree: Tree, value: bool) -> None:
    """That HTTPS works before HTTP goes is proven by the engine, which closes HTTP in its last phase (H40)."""
    http, https = _row(tree, "http"), _row(tree, "https")
    if value and https is not None:
        https["enabled"] = True
    if http is not None:
        http["enabled"] = not value


def _https_limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    if value and _row(tree, "https") is None:
        return "the device lists no HTTPS"
    return "the device lists no HTTP" if not value and _row(tree, "http") is None else None


def _text(field: str) -> Callable[[Tree], Any]:
    return lambda tree: tree[field] or ABSENT


def _put(field: str, **more: Any) -> Callable[[Tree, Any], None]:
    """Sets a field, and what goes with it (a value of our own is not one from DHCP)."""

    def put(tree: Tree, value: Any) -> None:
        tree.update(more)
        tree[field] = value

    return put


def _effective(tree: Tree) -> list[str]:
    return tree["dhcp"] if tree["from_dhcp"] else tree["manual"]


def _put_all(tree: Tree, value: bool) -> None:
    tree["interfaces"] = dict.fromkeys(tree["interfaces"], value)


_HOSTNAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*")


def _hostname_limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    return None if _HOSTNAME.fullmatch(value) and len(value) <= 253 else "a host name has letters, digits and hyphens"


def _limits_scope(kind: str) -> Callable[..., str | None]:
    return lambda ctx, tree, item, value: system.scope_limits(tree, kind, value)


def _discovery(tree: Tree) -> Any:
    return {"Discoverable": True, "NonDiscoverable": False}.get(tree["mode"], tree["mode"])


def _sync(tree: Tree) -> str:
    return tree["type"].lower()


def _put_sync(tree: Tree, value: str) -> None:
    tree["type"] = "NTP" if value == "ntp" else "Manual"


def _put_zone(tree: Tree, value: str) -> None:
    tree["zone"] = zones.posix(value) or value


def _put_ddns(tree: Tree, value: bool) -> None:
    tree["type"] = "ClientUpdates" if value else "NoUpdate"


# Switched on again, the camera itself would send the updates, which it did not do before.
_SERVER_UPDATES = "the DHCP server sent the updates; the API switches on those of the device itself"


def _addressing(tree: Tree) -> str:
    return "dhcp" if any(row["dhcp"] for row in tree["interfaces"].values()) else "static"


def _version(tree: Tree) -> Any:
    version = tree.get("http://www.onvif.org/ver10/device/wsdl")
    return f"ONVIF {version}" if version else ABSENT


def _read(key: str, document: str, get: Callable[..., Any], **more: Any) -> Binding:
    return Binding(tuple(key.split(".")), (document,), get, source=more.pop("source", "Core 8.3"), **more)


def _write(key: str, document: str, get: Callable[..., Any], put: Callable[..., None], **more: Any) -> Binding:
    return _read(key, document, get, put=put, source=more.pop("source", "Core 8.2"), **more)


def _protocol(field: str) -> Binding:
    key: Key = ("services", "*", field)
    return Binding(
        key, ("protocols",), _get_protocol(field), _put_protocol(field), items=_protocol_items, domain=PROTOCOLS,
        absent=_NO_PROTOCOL, limits=_protocol_limits, source="Core 8.2.8",
    )  # fmt: skip


BINDINGS: tuple[Binding, ...] = (
    _read("facts.manufacturer", "device_information", _text("manufacturer"), absent=_EMPTY),
    _read("facts.model", "device_information", _text("model"), absent=_EMPTY),
    _read("facts.serial", "device_information", _text("serial"), absent=_EMPTY),
    _read("facts.firmware", "device_information", _text("firmware"), absent=_EMPTY),
    _read("firmware.version", "device_information", _text("firmware"), absent=_EMPTY),
    _read("facts.mac", "interfaces", lambda tree: mac(tree) or ABSENT, absent=_EMPTY),
    _read("facts.api", "services", _version, absent=_EMPTY),
    _read("auth.http_schemes", "login", lambda tree: tree["schemes"], source="Core 5.9.1"),
    _write("identity.name", "scopes", lambda tree: system.get_scope(tree, "name"),
           lambda tree, value: system.put_scope(tree, "name", value), limits=_limits_scope("name"),
           source="Core 7.3.3"),
    _write("identity.location", "scopes", lambda tree: system.get_scope(tree, "location"),
           lambda tree, value: system.put_scope(tree, "location", value), limits=_limits_scope("location"),
           source="Core 7.3.3"),
    _write("identity.hostname", "hostname", _text("name"), _put("name", from_dhcp=False), absent=_EMPTY,
           limits=_hostname_limits),
    Binding(("accounts", "*", "role"), ("users",), accounts.get_role, accounts.put_role, items=accounts.names,
            create=True, removes=True, limits=accounts.limits, needs=accounts.needs, source="Core 8.4"),
    Binding(("accounts", "*", "password"), ("users",), lambda tree, item: ABSENT, accounts.put_password,
            items=accounts.names, create=True, needs=accounts.needs, secret=True, proof="login",
            restorable="the old password is set again only where it is known", source="Core 8.4"),
    _protocol("enabled"),
    _protocol("ports"),
    _write("tls.https_only", "protocols", _https_only, _put_https_only, limits=_https_limits, source="Core 8.2.8"),
    _write("services.ws_discovery.enabled", "discovery_mode", _discovery,
           lambda tree, value: tree.update(mode="Discoverable" if value else "NonDiscoverable"), source="Core 7"),
    _write("services.zeroconf.enabled", "zero_configuration", lambda tree: any(tree["interfaces"].values()), _put_all),
    _write("ddns.enabled", "dynamic_dns", lambda tree: tree["type"] != "NoUpdate", _put_ddns,
           restorable=lambda tree: tree["type"] in ("ClientUpdates", "NoUpdate") or _SERVER_UPDATES),
    _write("ddns.hostname", "dynamic_dns", _text("name"), _put("name"), absent=""),
    _write("time.sync", "clock", _sync, _put_sync, source="Core 8.3.5"),
    _write("time.zone", "clock", _text("zone"), _put_zone, absent=_EMPTY, source="Core 8.3.5"),
    _write("time.servers", "ntp", _effective, _put("manual", from_dhcp=False),
           moves=(("time", "servers_from_provider"),)),
    _write("time.servers_from_provider", "ntp", lambda tree: tree["from_dhcp"], _put("from_dhcp")),
    _write("network.dns_servers", "dns", _effective, _put("manual", from_dhcp=False),
           moves=(("network", "dns_from_provider"),)),
    _write("network.dns_from_provider", "dns", lambda tree: tree["from_dhcp"], _put("from_dhcp")),
    _read("network.gateway", "gateway", lambda tree: tree["gateways"], source="Core 8.2.10"),
    _read("network.address", "interfaces",
          lambda tree: [a for row in tree["interfaces"].values() for a in row["addresses"]], source="Core 8.2.5"),
    _read("network.addressing", "interfaces", _addressing, source="Core 8.2.5"),
    _write("access.mode", "ip_filter", lambda tree: tree["mode"], _put("mode"), source="Core 8.2.16"),
    _write("access.sources", "ip_filter", lambda tree: tree["sources"], _put("sources"), source="Core 8.2.16"),
    _read("recording.state", "recording", system.recording_state, source="Recording Control 5"),
    Binding(("recording", "jobs", "*", "state"), ("recording",), lambda tree, item: tree["jobs"][item],
            items=lambda tree: list(tree["jobs"]), source="Recording Control 5"),
)  # fmt: skip


# -- named oddities ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Oddity:
    """What a model is known for. Patterns search in what GetDeviceInformation says; firmware "" means any.

    say             one sentence for the result, so that nobody looks for the fault elsewhere
    fixed_users     built-in accounts          max_password    used where the device tells no limit
    """

    name: str
    model: str
    firmware: str = ""
    say: str = ""
    fixed_users: tuple[str, ...] = ()
    max_password: int | None = None
    source: str = ""


ODDITIES: tuple[Oddity, ...] = (
    Oddity("accounts_without_effect", r"\bTapo\b|\bC200\b", say="This model accepts account changes without effect.",
           source="EdgeX device matrix: Tapo C200"),
    Oddity("created_elsewhere", r"DINION IP starlight 6000", say="This model sets passwords only of accounts that were "
           "made in its web page.", source="edgexfoundry/device-onvif-camera#30 #31"),
    Oddity("addressing_lost", r"DS-2DE2A404IW", say="This model refuses scopes and forgets a change to DHCP.",
           source="EdgeX device matrix; edgexfoundry/device-onvif-camera#26"),
    Oddity("short_passwords", r"ENP1A14-IR", max_password=16, source="easy_onvif captures: Hikvision OEM"),
    Oddity("old_tokens", r"FLEXIDOME.*5100i", r"^8\.71", say="This firmware accepts ONVIF tokens that are years old.",
           source="onvif-go capture: Bosch FLEXIDOME 5100i IR 8.71.0066"),
)  # fmt: skip


def oddities_of(model: str, firmware: str) -> list[Oddity]:
    return [
        oddity
        for oddity in ODDITIES
        if re.search(oddity.model, model) and (not oddity.firmware or re.search(oddity.firmware, firmware))
    ]

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SUNAPI, as tables: documents (submenus) and bindings of our keys. Sections are those of hanwha-sunapi.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    NOT_OFFERED,
    UNREADABLE,
    UNSUPPORTED,
    VALUE,
    Binding,
    Document,
    Reading,
    Tree,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_accounts as accounts
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_filter as filters
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_network as net
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.sunapi_network import Flat, Pieces, rest_of

INFO = Flat("system/deviceinfo")
SNMP = Flat("network/snmp")
DDNS = Flat("network/dynamicdns")
RTSP = Flat("security/rtsp")
GUEST = Flat("security/guest")
UPNP = Flat("network/upnpdiscovery")
BONJOUR = Flat("network/bonjour")
ZEROCONF = Pieces("network/zeroconf", "Interface", "InterfaceName")
STORAGE = Flat("recording/storage")
DOT1X = Pieces("security/802Dot1x", "Interface", "InterfaceName")
TAMPER = Pieces("eventsources/tamperingdetection", "Channel", "Channel")
INTERFACE = Pieces("network/interface", "Interface", "InterfaceName")
DNS = Pieces("network/dns", "DNS", "InterfaceName")


def _fetch_info(ctx: Any) -> Tree:
    tree = INFO.fetch(ctx)
    maker = ctx.status.get("Manufacturer")
    return {**tree, "Manufacturer": maker} if isinstance(maker, str) else tree


def _fetch_login(ctx: Any) -> Tree:
    return {"schemes": list(ctx.facts.get("http_schemes", ()))}


_MODELLED = ("Manufacturer", "Model", "SerialNumber", "FirmwareVersion", "ConnectedMACAddress", "DeviceName",
             "DeviceLocation", "CGIVersion", "RequestedClientIPAddress")  # fmt: skip


def _costly(name: str, *more: Any, **named: Any) -> Document:
    """SUNAPI has no request for several submenus: these are read where a design or profile names their keys."""
    return Document(name, *more, on_demand=True, **named)


DOCUMENTS: tuple[Document, ...] = (
    Document("login", _fetch_login),
    Document("schema", net.fetch_schema, rest=lambda tree: tree["submenus"]),
    Document("device", _fetch_info, INFO.store, rest=rest_of(*_MODELLED)),
    Document("users", accounts.fetch, accounts.store, credible=accounts.credible,
             rest=lambda tree: tree["more"]),
    Document("date", net.fetch_date, net.store_date,
             rest=rest_of("SyncType", "NTPURLList", "POSIXTimeZone", "TimeZoneIndex", *net.VOLATILE)),
    Document("ssl", net.SSL.fetch, net.SSL.store, rest=rest_of("Policy")),
    Document("ports", net.fetch_ports, net.store_ports),
    Document("ipfilter", filters.fetch_filter, filters.store_filter),
    Document("snmp", SNMP.fetch, SNMP.store, rest=rest_of("Version1", "Version2", "Version3")),
    Document("ddns", DDNS.fetch, DDNS.store,
             rest=rest_of("Type", "PublicServiceEntry", "PublicHostName", "SamsungProductID",
                          "SamsungServerName", "SamsungQuickConnect")),
    Document("rtsp", RTSP.fetch, RTSP.store, rest=rest_of("RTSPAuthentication")),
    Document("guest", GUEST.fetch, GUEST.store, rest=rest_of("Enable")),
    _costly("upnp", UPNP.fetch, UPNP.store, rest=rest_of("Enable")),
    _costly("bonjour", BONJOUR.fetch, BONJOUR.store, rest=rest_of("Enable")),
    _costly("zeroconf", ZEROCONF.fetch, ZEROCONF.store, rest=rest_of("Enable", "IPAddress")),
    _costly("tls", net.fetch_tls, net.store_tls, rest=lambda tree: tree["ciphers"]),
    _costly("dot1x", DOT1X.fetch, DOT1X.store, rest=rest_of("Enable", "Status")),
    _costly("tamper", TAMPER.fetch, TAMPER.store, rest=rest_of("Enable")),
    _costly("storage", STORAGE.fetch, STORAGE.store, rest=rest_of("Enable")),
    _costly("cameras", net.fetch_cameras, rest=lambda tree: sorted(tree["how"].items())),
    _costly("interface", INTERFACE.fetch,
            rest=rest_of("IPv4Type", "IPv4Address", "IPv4SubnetMask", "IPv4PrefixLength", "IPv4Gateway", "HostName")),
    _costly("dns", DNS.fetch, rest=rest_of("PrimaryDNS", "SecondaryDNS")),
)  # fmt: skip

# -- bindings ----------------------------------------------------------------------------------------------------------
_EMPTY = Reading(UNSUPPORTED, why="the device leaves it empty")
_NO_SUBMENU = "the device's own schema has nothing for it"
_LOCK = Reading(UNSUPPORTED, why="built into the firmware, not configurable; neither number nor time is documented")


def _text(field: str) -> Callable[[Tree], Any]:
    return lambda tree: tree.get(field) or ABSENT


def _read(key: str, document: str, get: Callable[..., Any], source: str, **more: Any) -> Binding:
    return Binding(tuple(key.split(".")), (document,), get, source=source, **more)


def _field(key: str, document: str, menu: Flat, field: str, source: str, **more: Any) -> Binding:
    """A text or a True/False of a plain submenu; absent: this model does not have it."""

    def put(tree: Tree, value: Any) -> None:
        tree[field] = str(value)

    def limits(ctx: Any, tree: Tree, item: str, value: Any) -> str | None:
        return menu.refuses(ctx, field, str(value))

    def get(tree: Tree) -> Any:
        return tree.get(field, ABSENT)

    return Binding(tuple(key.split(".")), (document,), get, put, limits=limits, source=source,
                   absent=more.pop("absent", Reading(UNSUPPORTED, why=f"the device does not show {field}")),
                   **more)  # fmt: skip


def _each(
    key: str, document: str, menu: Pieces, source: str, alone: Callable[[Tree], str | None] | None = None,
    together: Callable[[list[bool]], bool] = any,
) -> Binding:  # fmt: skip
    """Enable of every channel or interface; all are set. `together`: any (a service is on when one of them is) or all
    (a protection is on when none lacks it). `alone` says why it cannot be switched on."""

    def get(tree: Tree) -> Any:
        found = [row.get("Enable") for row in tree["rows"]]
        if all(value is None for value in found):
            return ABSENT
        if any(value not in ("True", "False") for value in found):
            return Reading(UNREADABLE, why=f"the device does not tell of each {menu.prefix.lower()} whether it is on",
                           source=document)  # fmt: skip
        on = [value == "True" for value in found]
        if any(on) == all(on):
            return all(on)
        why = f"it is on for a part of what there is ({on.count(True)} of {len(on)})"
        return Reading(VALUE, together(on), why, document)

    def put(tree: Tree, value: bool) -> None:
        for row in tree["rows"]:
            if "Enable" in row:
                row["Enable"] = str(value)

    def limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
        if not any("Enable" in row for row in tree["rows"]):
            return "the device does not show Enable"
        if value and alone and (why := alone(tree)):
            return why
        return menu.refuses(ctx, "Enable", str(value))

    return Binding(tuple(key.split(".")), (document,), get, put, limits=limits, source=source,
                   absent=Reading(UNSUPPORTED, why="the device does not show Enable"))  # fmt: skip


# -- HTTP, HTTPS and their ports ---------------------------------------------------------------------------------------
@net.of_policy
def _get_service(tree: Tree, item: str) -> bool:
    return net.https_on(tree) if item == "https" else net.http_on(tree)


def _switches(tree: Tree, item: str, value: bool) -> tuple[bool, bool]:
    """HTTP and HTTPS afterwards. Without HTTP there is only HTTPS: whether it can be used is proven before (H40)."""
    return (net.http_on(tree), value) if item == "https" else (value, not value or net.https_on(tree))


def _put_service(tree: Tree, item: str, value: bool) -> None:
    tree["Policy"] = net.policy(tree, *_switches(tree, item, value))


def _service_limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    if item not in ("http", "https"):
        return "the device has no switch for it"
    return net.policy_limits(ctx, tree, *_switches(tree, item, value))


@net.of_policy
def _https_only(tree: Tree) -> bool:
    return net.https_on(tree) and not net.http_on(tree)


def _put_https_only(tree: Tree, value: bool) -> None:
    tree["Policy"] = net.policy(tree, not value, True if value else net.https_on(tree))


def _port_items(tree: Tree) -> list[str]:
    return [name for name, field in net.PORTS.items() if field in tree]


def _get_ports(tree: Tree, item: str) -> list[str]:
    return [tree[net.PORTS[item]]]


def _put_ports(tree: Tree, item: str, value: list[int]) -> None:
    tree[net.PORTS[item]] = str(value[0])


def _port_limits(ctx: Any, tree: Tree, item: str, value: list[int]) -> str | None:
    if item not in _port_items(tree):
        return "the device does not show this port"
    if len(value) != 1 or not 0 < value[0] < 65536:
        return "the device has one port, from 1 to 65535, for each service"
    return ctx.refuses(f"network/{item}", "set", {"Port": str(value[0])})


# -- others ------------------------------------------------------------------------------------------------------------
def _sync(tree: Tree) -> str:
    return tree["SyncType"].lower()


def _put_sync(tree: Tree, value: str) -> None:
    tree["SyncType"] = {"ntp": "NTP", "manual": "Manual"}[value]


def _sync_limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    return net.DATE.refuses(ctx, "SyncType", {"ntp": "NTP", "manual": "Manual"}[value])


def _servers(tree: Tree) -> Any:
    text = tree.get("NTPURLList")
    return ABSENT if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _put_servers(tree: Tree, value: list[str]) -> None:
    tree["NTPURLList"] = ",".join(value)


def _server_limits(ctx: Any, tree: Tree, item: str, value: list[str]) -> str | None:
    if any("," in server for server in value):
        return "a name has no comma"
    return net.DATE.refuses(ctx, "NTPURLList", ",".join(value))


def _ddns_on(tree: Tree) -> bool:
    return tree["Type"] != "Off"


def _ddns_type(tree: Tree) -> str:
    """What to switch on again: the kind of service whose data are there."""
    return "PublicDDNS" if tree.get("PublicHostName") else "SamsungDDNS" if tree.get("SamsungProductID") else ""


def _put_ddns(tree: Tree, value: bool) -> None:
    tree["Type"] = (tree["Type"] if _ddns_on(tree) else _ddns_type(tree)) if value else "Off"


def _ddns_limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    if value and not _ddns_on(tree) and not _ddns_type(tree):
        return "the device holds no dynamic DNS account that could be switched on"
    kind = (tree["Type"] if _ddns_on(tree) else _ddns_type(tree)) if value else "Off"
    return DDNS.refuses(ctx, "Type", kind)


def _ddns_data(*fields: str) -> Callable[[Tree], str]:
    """The names that are there, whether the service is on or not."""
    return lambda tree: ", ".join(tree[field] for field in fields if tree.get(field))


def _protected(tree: Tree) -> Any:
    return {"Protected": True, "Anonymous": False}.get(tree["RTSPAuthentication"], tree["RTSPAuthentication"])


def _put_protected(tree: Tree, value: bool) -> None:
    tree["RTSPAuthentication"] = "Protected" if value else "Anonymous"


def _rtsp_limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    return RTSP.refuses(ctx, "RTSPAuthentication", "Protected" if value else "Anonymous")


def _dot1x_alone(tree: Tree) -> str | None:
    ready = any(row.get("IsPasswordSet") == "True" or row.get("ClientCertificateInUse") for row in tree["rows"])
    return None if ready else "the device has neither a password nor a client certificate for 802.1X"


def _manual(words: tuple[str, ...], what: str) -> Callable[[Tree], Any]:
    """For what has no documented submenu: a submenu that sounds like it is a thing to look at, none is none."""

    def get(tree: Tree) -> Any:
        found = [path for path in tree["submenus"] if any(word in path.lower() for word in words)]
        if not found:
            return Reading(UNSUPPORTED, why=_NO_SUBMENU, source="schema")
        why = f"the device has {', '.join(found)}, which is not documented: look at {what} in its web page"
        return Reading(UNREADABLE, why=why, source="schema")

    return get


def _has(*paths: str) -> Callable[[Tree], Any]:
    return lambda tree: any("view" in tree["submenus"].get(path, ()) for path in paths)


def _camera_state(tree: Tree, item: str) -> Any:
    connected = tree["cameras"][item]
    if connected not in ("True", "False"):
        return Reading(UNREADABLE, why="the recorder gives a state that is not documented", source="cameras")
    why = "the recorder is connected to the camera; whether it records is not told here" if connected == "True" else ""
    return Reading(VALUE, "active" if connected == "True" else "error", why, "cameras")


def _addresses(tree: Tree) -> list[str]:
    return [
        f"{row['IPv4Address']}/{row.get('IPv4PrefixLength') or row.get('IPv4SubnetMask') or 32}"
        for row in tree["rows"] if row.get("IPv4Address")
    ]  # fmt: skip


def _addressing(tree: Tree) -> Any:
    kinds = [row["IPv4Type"] for row in tree["rows"] if row.get("IPv4Type")]
    return ("static" if all(kind == "Manual" for kind in kinds) else "dhcp") if kinds else ABSENT


def _host_name(tree: Tree) -> Any:
    names = {row["HostName"] for row in tree["rows"] if row.get("HostName")}
    return names.pop() if len(names) == 1 else ABSENT


def _dns_servers(tree: Tree) -> Any:
    if not any("PrimaryDNS" in row for row in tree["rows"]):
        return ABSENT
    told = [row.get(name, "") for row in tree["rows"] for name in ("PrimaryDNS", "SecondaryDNS")]
    return list(dict.fromkeys(text for text in told if text not in ("", "0.0.0.0", "::")))


USERS, TIME, PORT, NAME = "table: users", "table: time / NTP", "table: ports", "table: names"

BINDINGS: tuple[Binding, ...] = (
    _read("facts.manufacturer", "device", _text("Manufacturer"), "First password", absent=_EMPTY),
    _read("facts.model", "device", _text("Model"), "table: version", absent=_EMPTY),
    _read("facts.serial", "device", _text("SerialNumber"), "table: version", absent=_EMPTY),
    _read("facts.firmware", "device", _text("FirmwareVersion"), "table: version", absent=_EMPTY),
    _read("firmware.version", "device", _text("FirmwareVersion"), "table: version", absent=_EMPTY),
    _read("facts.mac", "device", _text("ConnectedMACAddress"), "table: version", absent=_EMPTY),
    _read("facts.api", "device", lambda t: f"SUNAPI {t['CGIVersion']}" if t.get("CGIVersion") else ABSENT,
          "table: version", absent=_EMPTY),
    _field("identity.name", "device", INFO, "DeviceName", NAME),
    _field("identity.location", "device", INFO, "DeviceLocation", NAME),
    _read("auth.http_schemes", "login", lambda tree: tree["schemes"], "Transport"),
    _read("auth.lockout_attempts", "login", lambda tree: _LOCK, "Passwords: lockout"),
    _read("auth.lockout_minutes", "login", lambda tree: _LOCK, "Passwords: lockout"),
    Binding(("accounts", "*", "role"), ("users",), accounts.get_role, accounts.put_role, items=accounts.names,
            create=True, removes=True, limits=accounts.limits, needs=accounts.needs, source=USERS),
    Binding(("accounts", "*", "enabled"), ("users",), accounts.get_enabled, accounts.put_enabled,
            items=accounts.names, limits=accounts.enabled_limits, needs=accounts.needs, source=USERS),
    Binding(("accounts", "*", "password"), ("users",), lambda tree, item: ABSENT, accounts.put_password,
            items=accounts.names, create=True, needs=accounts.needs, secret=True, proof="login",
            restorable="the old password is set again only where it is known", source="Passwords"),
    _field("accounts.anonymous_view", "guest", GUEST, "Enable", "table: guest login"),
    Binding(("services", "*", "enabled"), ("ssl",), _get_service, _put_service, items=lambda tree: ["http", "https"],
            domain=("http", "https"), limits=_service_limits, source="table: HTTPS only"),
    Binding(("services", "*", "ports"), ("ports",), _get_ports, _put_ports, items=_port_items,
            domain=("http", "https", "rtsp"), limits=_port_limits, source=PORT,
            absent=Reading(UNSUPPORTED, why="the device does not show this port")),
    _field("services.snmp_v1.enabled", "snmp", SNMP, "Version1", "table: SNMP"),
    _field("services.snmp_v2c.enabled", "snmp", SNMP, "Version2", "table: SNMP"),
    _field("services.snmp_v3.enabled", "snmp", SNMP, "Version3", "table: SNMP"),
    _field("services.upnp.enabled", "upnp", UPNP, "Enable", "table: UPnP"),
    _field("services.mdns.enabled", "bonjour", BONJOUR, "Enable", "table: Bonjour"),
    _each("services.zeroconf.enabled", "zeroconf", ZEROCONF, "table: zeroconf"),
    _read("tls.https_only", "ssl", _https_only, "table: HTTPS only", put=_put_https_only,
          limits=lambda ctx, tree, item, value: net.policy_limits(ctx, tree, not value, value or net.https_on(tree))),
    _read("tls.min_version", "tls", lambda tree: min((v for v, on in tree["versions"].items() if on), default=ABSENT),
          "table: TLS versions", put=net.put_tls, limits=net.tls_limits),
    _read("video.authentication", "rtsp", _protected, "table: RTSP without login", put=_put_protected,
          limits=_rtsp_limits),
    _read("access.mode", "ipfilter", filters.mode, "table: IP filter",
          put=lambda tree, value: tree.update(mode=value), limits=filters.mode_limits),
    _read("access.sources", "ipfilter", lambda tree: tree["sources"], "table: IP filter",
          put=lambda tree, value: tree.update(sources=list(value)), limits=filters.sources_limits),
    _read("time.sync", "date", _sync, TIME, put=_put_sync, limits=_sync_limits),
    _read("time.servers", "date", _servers, TIME, put=_put_servers, limits=_server_limits, absent=_EMPTY),
    _field("time.zone", "date", net.DATE, "POSIXTimeZone", TIME),
    _read("ddns.enabled", "ddns", _ddns_on, "table: DDNS", put=_put_ddns, limits=_ddns_limits),
    _read("ddns.provider", "ddns", _ddns_data("PublicServiceEntry", "SamsungServerName"), "table: DDNS"),
    _read("ddns.hostname", "ddns", _ddns_data("PublicHostName", "SamsungProductID"), "table: DDNS"),
    _field("nat.upnp", "ddns", DDNS, "SamsungQuickConnect", "table: DDNS",
           absent=Reading(NOT_OFFERED, why="this model has no QuickConnect")),
    _each("dot1x.enabled", "dot1x", DOT1X, "table: 802.1X", _dot1x_alone, together=all),
    _each("events.tamper", "tamper", TAMPER, "table: tampering", together=all),
    _field("storage.edge_recording", "storage", STORAGE, "Enable", "table: SD recording off"),
    Binding(("recording", "jobs", "*", "state"), ("cameras",), _camera_state, items=lambda tree: list(tree["cameras"]),
            source="table: video loss / disconnect (NVR)"),
    _read("network.address", "interface", _addresses, "table: interface"),
    _read("network.gateway", "interface",
          lambda tree: [row["IPv4Gateway"] for row in tree["rows"] if row.get("IPv4Gateway")], "table: interface"),
    _read("network.addressing", "interface", _addressing, "table: interface"),
    _read("network.dns_servers", "dns", _dns_servers, "UI: IP and ports (dns)",
          absent=Reading(UNSUPPORTED, why="the device does not show PrimaryDNS")),
    _read("identity.hostname", "interface", _host_name, "UI: IP and ports (interface)",
          absent=Reading(UNSUPPORTED, why="the device does not show one HostName")),
    _read("log.local", "schema", _has("system/systemlog", "system/accesslog", "system/eventlog"), "table: logs"),
    _read("log.auth_events", "schema", _has("system/accesslog"), "table: logs"),
    _read("log.remote", "schema", _manual(("syslog",), "the log server"), "table: syslog (UNVERIFIED)"),
    _read("cloud.enabled", "schema", _manual(("p2p", "cloud", "wisenet"), "P2P and cloud"),
          "table: P2P/cloud (UNVERIFIED)"),
)  # fmt: skip

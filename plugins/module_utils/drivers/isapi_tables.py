# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ISAPI offers, as tables: documents and the bindings of our keys. Sections are those of the fact sheet.

A whole reading asks for 20 documents at most, so some are read from cameras only and some from recorders only: a camera
is asked for Integrate, streams and its own recording; a recorder for RTSPCertificate, storage and its channels. Telnet
is asked for where there is no SSH. EZVIZ and Ehome are two documents, so tamper detection and triggers are asked for
only where design or profile names their keys. Nobody is asked for SADP, FTP and the rights of single accounts.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    NOT_OFFERED,
    UNSUPPORTED,
    Binding,
    Document,
    Reading,
    Stored,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_accounts as accounts
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_cloud as cloud
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_filter as ip_filter
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_network as network
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_system as system
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_time as clock
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_xml as xml
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi_session import (
    CAPABILITIES,
    DEVICE_INFO,
    IsapiContext,
    Source,
    plain_text,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import BadAnswer

Tree = dict[str, str]


# -- documents ---------------------------------------------------------------------------------------------------------
def _fetch_information(ctx: IsapiContext, name: str) -> Any:
    """The answer that proved the login serves the first reading."""
    tree, ctx.information = ctx.information, None
    if tree is None:
        tree = Source(DEVICE_INFO)(ctx, name)
        ctx.learn_information(tree)
        ctx.information = None
    return tree


def _fetch_login(ctx: IsapiContext, name: str) -> Any:
    return {"schemes": list(ctx.facts.get("http_schemes") or [])}


def _keep_capabilities(ctx: IsapiContext, tree: Tree) -> Any:
    ctx.learn_capabilities(tree)
    names = {path.rpartition("/")[2] for path, word in xml.leaves(tree) if word.lower() in ("true", "false")}
    return {name.lower(): str(ctx.offers(name)).lower() for name in names}


def _stored(store: Any, ctx: IsapiContext, old: Any, new: Any) -> Stored:
    """A document that came in another shape on the way to its write is an answer that makes no sense."""
    try:
        return store(ctx, old, new)
    except (KeyError, IndexError, ValueError, AttributeError, TypeError) as error:
        raise BadAnswer(f"{ctx.name}: the document has another shape ({type(error).__name__}).") from None


def _store_whole(path: str, name: str, ctx: IsapiContext, old: Tree, new: Tree) -> Stored:
    return ctx.send("PUT", path, new, name)


def _document(name: str, path: str, *modelled: str, store: Any = None, writes: bool = True, rest: Any = None,
              on_demand: bool = False, **where: Any) -> Document:  # fmt: skip
    """One document at `path`, sent back whole; `modelled` are the ends of paths that bindings read. `where`: Source."""
    put = store or (functools.partial(_store_whole, path, name) if writes else None)
    put = put and functools.partial(_stored, put)
    return Document(name, Source(path, **where), put, restart="reply" if put else "never",
                    rest=rest or xml.rest_of(*modelled), on_demand=on_demand)  # fmt: skip


_KNOWN_ROWS = ("AdminAccessProtocol/enabled", "AdminAccessProtocol/portNo", "AdminAccessProtocol/id",
               "TLS1_1Enable", "TLS1_2Enable", "TLS1_3Enable")  # fmt: skip
DOCUMENTS: tuple[Document, ...] = (
    Document("device_info", _fetch_information, functools.partial(_store_whole, DEVICE_INFO, "device_info"),
             restart="reply",
             rest=xml.rest_of("deviceName", "deviceLocation", "model", "serialNumber", "macAddress", "firmwareVersion",
                              "firmwareReleasedDate", "manufacturer")),
    Document("login", _fetch_login, rest=None),
    Document("capabilities", Source(CAPABILITIES, keep=_keep_capabilities), rest=lambda tree: sorted(tree.items())),
    Document("users", accounts.fetch, functools.partial(_stored, accounts.store), restart="reply",
             credible=accounts.credible, rest=accounts.rest),
    _document("admin_accesses", network.ADMIN_ACCESSES, *_KNOWN_ROWS),
    _document("lock", "Security/illegalLoginLock", "enabled", system.ATTEMPTS, system.DURATION, keep=system.keep_lock),
    _document("web_certificate", "Security/webCertificate", "CertificateType"),
    _document("upnp", "System/Network/UPnP", "enabled", flag="isSupportUpnp"),
    _document("snmp", "System/Network/SNMP", *(f"{block}/{word}" for block in ("SNMPv1c", "SNMPv2c", "SNMPv3")
                                               for word in ("enabled", "notificationEnabled"))),
    _document("ddns", "System/Network/DDNS", "enabled", "provider", "deviceDomainName", "domainName", "hostName",
              flag="isSupportDdns"),
    Document("cloud", cloud.fetch, functools.partial(_stored, cloud.store), restart="reply", rest=cloud.rest),
    _document("ip_filter", ip_filter.IP_FILTER, "IPFilter/enabled", rest=lambda tree: None,
              store=ip_filter.store_filter, flag="isSupportIPFilter"),
    _document("time", "System/time", "timeMode", "localTime", "timeZone", keep=clock.keep_time,
              store=clock.store_time),
    _document("ntp", "System/time/ntpServers", "hostName", "ipAddress", "addressingFormatType", "NTPServer/id"),
    _document("log_server", "System/logServer", "enabled", "hostName", "ipAddress", "portNo", "addressingFormatType",
              "transmissionEncryption"),
    _document("interfaces", "System/Network/interfaces", "IPAddress/ipAddress", "subnetMask", "addressingType",
              "DefaultGateway/ipAddress", "PrimaryDNS/ipAddress", "SecondaryDNS/ipAddress", "Zeroconf/enabled"),
    _document("ssh", "System/Network/ssh", "enabled"),
    _document("telnet", "System/Network/telnetd", "enabled", instead="ssh"),
    _document("integrate", "System/Network/Integrate", "ONVIF/enable", only="camera"),
    _document("tamper", "System/Video/inputs/channels/1/tamperDetection", "enabled", only="camera",
              on_demand=True),
    _document("streams", "Streaming/channels", "Transport/Security/enabled", only="camera", store=system.store_streams),
    _document("tracks", "ContentMgmt/record/tracks", "Track/Enable", only="camera", store=system.store_tracks),
    _document("rtsp_certificate", "Security/RTSPCertificate", only="recorder", writes=False),
    _document("triggers", "Event/triggers", only="recorder", keep=system.keep_triggers, store=system.store_triggers,
              rest=lambda tree: tree["all"], on_demand=True),
    _document("storage", "ContentMgmt/Storage", only="recorder", writes=False, rest=system.storage_rest),
    _document("channels", "ContentMgmt/InputProxy/channels/status", "online", "chanDetectResult", "PasswordStatus",
              only="recorder", writes=False),
)  # fmt: skip

# -- bindings ----------------------------------------------------------------------------------------------------------
_EMPTY = Reading(UNSUPPORTED, why="the device leaves it empty")
_NO_SWITCH = Reading(UNSUPPORTED, why="the device does not list this switch")
_NOT_TOLD = Reading(UNSUPPORTED, why="the device has no such setting, and does not offer Basic by itself")
_NO_PROTOCOL = Reading(NOT_OFFERED, why="the device does not list this protocol", source="admin_accesses")
_NO_PORT = Reading(UNSUPPORTED, why="the device lists no port for it", source="admin_accesses")


def _text(path: str) -> Callable[[Tree], Any]:
    return lambda tree: plain_text(xml.get(tree, path))


def _put(path: str) -> Callable[[Tree, Any], None]:
    return lambda tree, value: xml.put(tree, path, value)


def _firmware(tree: Tree) -> Any:
    words = (xml.get(tree, "firmwareVersion", ""), xml.get(tree, "firmwareReleasedDate", ""))
    return " ".join(filter(None, words)) or ABSENT


def _name_limits(path: str) -> Callable[..., str | None]:
    def limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
        if not xml.has(tree, path):
            return "the device does not list it"
        good = xml.storable(value) and value.isprintable() and 0 < len(value.encode()) <= 32
        return None if good else "the device takes 1 to 32 bytes without control characters"

    return limits


def _basic(tree: Tree) -> Any:
    kind = xml.get(tree, "CertificateType", xml.get(tree, "certificateType"))
    return kind if kind is ABSENT else {"digest": False, "digest/basic": True, "basic": True}.get(kind.lower(), kind)


def _put_basic(tree: Tree, value: bool) -> None:
    if _basic(tree) is not value:
        path = "CertificateType" if xml.has(tree, "CertificateType") else "certificateType"
        xml.put(tree, path, "digest/basic" if value else "digest")


def _basic_limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    return _NO_SWITCH.why if _basic(tree) is ABSENT else None


def _dot1x(tree: dict[str, str]) -> Reading:
    if tree.get("issupport802_1x") == "true":
        return Reading(UNSUPPORTED, None, "the device has it, but its document is not published; set it by its pages")
    return Reading(NOT_OFFERED, None, "the capabilities of the device do not name it")


def _read(key: str, document: str, get: Callable[..., Any], sheet: str, **more: Any) -> Binding:
    return Binding(tuple(key.split(".")), (document,), get, source=f"ISAPI sheet {sheet}", **more)


def _write(key: str, document: str, pair: tuple[Any, Any], sheet: str, **more: Any) -> Binding:
    return _read(key, document, pair[0], sheet, put=pair[1], **more)


def _switch(key: str, document: str, path: str, sheet: str) -> Binding:
    return _write(key, document, network.switch(path), sheet, absent=_NO_SWITCH, limits=network.has_switch(path))


def _snmp(word: str, block: str) -> Binding:
    return _write(f"services.{word}.enabled", "snmp", network.snmp(block), "8", absent=_NO_SWITCH,
                  limits=network.snmp_limits(block))  # fmt: skip


_PASSWORD_BACK = "the old password is set again only where it is known"
BINDINGS: tuple[Binding, ...] = (
    _read("facts.manufacturer", "device_info", lambda tree: plain_text(xml.get(tree, "manufacturer")) or "Hikvision",
          "17"),
    _read("facts.model", "device_info", _text("model"), "17", absent=_EMPTY),
    _read("facts.serial", "device_info", _text("serialNumber"), "17", absent=_EMPTY),
    _read("facts.mac", "device_info", _text("macAddress"), "17", absent=_EMPTY),
    _read("facts.firmware", "device_info", _firmware, "17", absent=_EMPTY),
    _read("firmware.version", "device_info", _firmware, "17", absent=_EMPTY),
    _read("facts.api", "device_info", lambda tree: "ISAPI", "17"),
    _write("identity.name", "device_info", (_text("deviceName"), _put("deviceName")), "17", absent=_EMPTY,
           limits=_name_limits("deviceName")),
    _write("identity.location", "device_info", (_text("deviceLocation"), _put("deviceLocation")), "17", absent=_EMPTY,
           limits=_name_limits("deviceLocation")),
    _read("auth.http_schemes", "login", lambda tree: tree["schemes"], "1"),
    Binding(("accounts", "*", "role"), ("users",), accounts.get_role, accounts.put_role, items=accounts.names,
            create=True, removes=True, limits=accounts.limits, needs=accounts.needs, source="ISAPI sheet 5"),
    Binding(("accounts", "*", "password"), ("users",), lambda tree, item: ABSENT, accounts.put_password,
            items=accounts.names, create=True, needs=accounts.needs, secret=True, proof="login",
            restorable=_PASSWORD_BACK, source="ISAPI sheet 5"),
    _write("auth.lockout_attempts", "lock", (system.attempts, system.put_attempts), "6",
           limits=system.attempts_limits),
    _write("auth.lockout_minutes", "lock", (system.minutes, system.put_minutes), "6", absent=_NO_SWITCH,
           limits=system.minutes_limits),
    _write("auth.basic_login", "web_certificate", (_basic, _put_basic), "1", absent=_NO_SWITCH, limits=_basic_limits),
    _read("auth.basic_login", "login", lambda tree: "basic" in tree["schemes"] or ABSENT, "1", absent=_NOT_TOLD,
          when=lambda ctx, tree: "web_certificate" in ctx.missing),
    Binding(("services", "*", "enabled"), ("admin_accesses",), network.get_enabled, network.put_enabled,
            items=network.protocol_items, domain=network.PROTOCOLS, absent=_NO_PROTOCOL,
            limits=network.limits_enabled, source="ISAPI sheet 7"),
    Binding(("services", "*", "ports"), ("admin_accesses",), network.get_ports, network.put_ports,
            items=network.protocol_items, domain=network.PROTOCOLS, absent=_NO_PORT, limits=network.limits_ports,
            source="ISAPI sheet 7"),
    _write("tls.https_only", "admin_accesses", (network.https_only, network.put_https_only), "7",
           limits=network.limits_https_only),
    _write("tls.min_version", "admin_accesses", (network.tls_min, network.put_tls_min), "7", absent=_NO_SWITCH,
           limits=network.limits_tls_min),
    _switch("services.upnp.enabled", "upnp", "enabled", "8"),
    _switch("nat.upnp", "upnp", "ports/enabled", "8"),
    _snmp("snmp_v1", "SNMPv1c"),
    _snmp("snmp_v2c", "SNMPv2c"),
    _snmp("snmp_v3", "SNMPv3"),
    _switch("services.ssh.enabled", "ssh", "enabled", "8"),
    _switch("services.telnet.enabled", "telnet", "enabled", "8"),
    _switch("services.onvif.enabled", "integrate", "ONVIF/enable", "5"),
    _write("services.zeroconf.enabled", "interfaces", (network.zeroconf, network.put_zeroconf), "10",
           absent=_NO_SWITCH, limits=network.zeroconf_limits),
    _write("ddns.enabled", "ddns", (network.ddns_enabled, network.put_ddns), "13", absent=_NO_SWITCH,
           limits=network.ddns_limits),
    _read("ddns.provider", "ddns", network.ddns_text("provider"), "13"),
    _read("ddns.hostname", "ddns", network.ddns_text("deviceDomainName", "domainName", "hostName"), "13"),
    _write("cloud.enabled", "cloud", (cloud.enabled, cloud.put_enabled), "13", absent=_NO_SWITCH, limits=cloud.limits),
    _write("access.mode", "ip_filter", (ip_filter.filter_mode, ip_filter.put_filter_mode), "9",
           limits=ip_filter.mode_limits),
    _write("access.sources", "ip_filter", (ip_filter.filter_sources, ip_filter.put_filter_sources), "9",
           limits=ip_filter.filter_limits),
    _write("time.sync", "time", (clock.sync, clock.put_sync), "12", limits=network.has_switch("timeMode")),
    _write("time.zone", "time", (lambda tree: clock.zone_from_device(xml.get(tree, "timeZone")), clock.put_zone),
           "12", limits=clock.zone_limits),
    _write("time.servers", "ntp", (clock.servers, clock.put_servers), "12", limits=clock.servers_limits),
    _write("log.remote", "log_server", (clock.log_servers, clock.put_log_servers), "15", absent=_NO_SWITCH,
           limits=clock.log_limits),
    _read("network.addressing", "interfaces", network.addressing, "13", absent=_EMPTY),
    _read("network.address", "interfaces", network.addresses, "13"),
    _read("network.gateway", "interfaces", network.gateways, "13"),
    _write("network.dns_servers", "interfaces", (network.dns_servers, network.put_dns), "13", absent=_EMPTY,
           limits=network.dns_limits),
    _read("dot1x.enabled", "capabilities", _dot1x, "13"),
    _write("events.tamper", "tamper", (system.tamper, system.put_tamper), "16", absent=_NO_SWITCH,
           limits=network.has_switch("enabled")),
    _write("events.video_loss", "triggers", (system.video_loss, system.put_video_loss), "20", absent=_NO_SWITCH,
           limits=system.video_loss_limits),
    _write("video.authentication", "streams", (system.stream_login, system.put_stream_login), "11", absent=_NO_SWITCH,
           limits=system.stream_limits),
    _read("video.authentication", "rtsp_certificate", system.rtsp_login, "11", absent=_NO_SWITCH),
    _write("storage.edge_recording", "tracks", (system.edge_recording, system.put_edge_recording), "18",
           absent=_NO_SWITCH, limits=system.edge_limits),
    _read("storage.state", "storage", system.storage_state, "18"),
    Binding(("storage", "array_level"), ("capabilities", "storage"), lambda flags, tree: system.array(flags),
            source="ISAPI sheet 18"),
    Binding(("storage", "array_state"), ("capabilities", "storage"), lambda flags, tree: system.array(flags),
            source="ISAPI sheet 18"),
    _read("recording.state", "channels", system.recording_state, "18"),
    Binding(("recording", "jobs", "*", "state"), ("channels",), system.job_state,
            items=lambda tree: list(system.channels(tree)), source="ISAPI sheet 18"),
)  # fmt: skip

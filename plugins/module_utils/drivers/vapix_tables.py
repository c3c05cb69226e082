# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What VAPIX offers, as tables: documents, and bindings of our keys (fact sheet, section in `source`)."""

from __future__ import annotations

from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    NOT_OFFERED,
    UNSUPPORTED,
    Binding,
    Document,
    Reading,
    Transaction,
    Tree,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_accounts as accounts
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_apis as apis
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_filter as old_filter
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_firewall as firewall
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_network as net
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_param as param
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_settings as s
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.vapix_param import flag_row, row, text_row


def _all(tree: Tree) -> Any:
    return tree


DOCUMENTS: tuple[Document, ...] = (
    Document("param", param.fetch, old_filter.store, rest=param.rest, affects=("syslog",)),
    Document("users", accounts.fetch, accounts.store, credible=accounts.credible, rest=lambda tree: tree["other"]),
    Document("apis", apis.fetch_apis, rest=_all),
    Document("setup", apis.fetch_setup, apis.store_setup),
    Document("ntp", apis.fetch_ntp, apis.store_ntp, rest=lambda tree: [tree["nts"], tree["nts_servers"]]),
    Document("clock", apis.fetch_clock),
    Document("syslog", apis.fetch_syslog, apis.store_syslog, affects=("param",),
             rest=lambda tree: [[row["Severity"], row["SyslogFormat"]] for row in tree["servers"]]),
    Document("wired", apis.fetch_wired, apis.store_wired),
    Document("ssh", apis.fetch_ssh, apis.store_ssh),
    Document("ssh_users", apis.fetch_ssh_users, rest=_all),
    Document("snmp", apis.fetch_snmp, apis.store_snmp),
    Document("lldp", apis.fetch_lldp, apis.store_lldp, on_demand=True),
    Document("disks", apis.fetch_disks, rest=lambda tree: {name: disk["encrypted"] for name, disk in tree.items()}),
    Document("firewall", firewall.fetch, firewall.store, transaction="firewall",
             rest=lambda tree: [rule for rule in tree["rules"] if rule.get("ruleType") == "LIMIT"]),
)  # fmt: skip

TRANSACTIONS = (
    Transaction("firewall", firewall.apply, firewall.confirm, firewall.abandon, firewall.prepare),
)  # fmt: skip

_GONE = Reading(NOT_OFFERED, why="this firmware has no such switch any more (fact sheet 1)", source="param")
_UNLISTED = Reading(UNSUPPORTED, why="the device does not list the parameter for it", source="param")
_THROTTLE = Reading(
    UNSUPPORTED, why="AXIS slows repeated failures down and never locks an account (auth.throttle)", source="param"
)
_TELNET = Reading(NOT_OFFERED, why="AXIS offers no Telnet; its port is looked at from outside", source="fact sheet 9")
_OLD = Reading(UNSUPPORTED, why="the device does not tell it", source="")


def _other(key: str, document: str, get: Any, put: Any = None, source: str = "", **more: Any) -> Binding:
    return Binding(tuple(key.split(".")), (document,), get, put, source=f"fact sheet {source}", **more)


def _service(name: str, parameter: str, source: str, absent: Reading = _UNLISTED, **more: Any) -> Binding:
    return flag_row(f"services.{name}.enabled", parameter, source, absent=absent, **more)


_IDENTITY = (
    text_row("facts.manufacturer", "Brand.Brand", "21"),
    row("facts.model", ("Brand.ProdShortName", "Brand.ProdNbr", "Brand.ProdFullName"), s.model, None, "21"),
    text_row("facts.serial", "Properties.System.SerialNumber", "17"),
    row("facts.mac", "Network.eth0.MACAddress", s.mac, None, "17"),
    text_row("facts.firmware", "Properties.Firmware.Version", "21"),
    text_row("firmware.version", "Properties.Firmware.Version", "21"),
)
# Facts are observed: nothing is ever written to them.
_READ_ONLY = tuple(Binding(b.key, b.documents, b.get, absent=_OLD, source=b.source) for b in _IDENTITY)

BINDINGS: tuple[Binding, ...] = (
    *_READ_ONLY,
    _other("facts.api", "apis", s.generation, source="1"),
    # names
    row("identity.hostname", s.HOSTNAME, s.get_hostname, s.put_hostname, "17", limits=s.hostname_limits),
    row("identity.name", s.FRIENDLY, s.get_name, s.put_name, "17", limits=s.name_limits),
    text_row("identity.location", "Image.I0.Name", "17"),
    row("identity.overlay_text", s.OVERLAY, s.get_overlay, s.put_overlay, "17", limits=s.overlay_limits),
    # accounts and logging in
    Binding(("accounts", "*", "role"), ("users",), accounts.get_role, accounts.put_role, items=accounts.names,
            create=True, removes=True, limits=accounts.limits, needs=accounts.needs, source="fact sheet 6"),
    Binding(("accounts", "*", "password"), ("users",), accounts.get_password, accounts.put_password,
            items=accounts.names, create=True, limits=accounts.name_limits, needs=accounts.password_needs, secret=True,
            proof="login",
            restorable="the old password is set again only where it is known", source="fact sheet 6"),
    row("accounts.anonymous_view", s.ANONYMOUS, s.get_anonymous, s.put_anonymous, "10", limits=s.anonymous_limits,
        moves=(("video", "authentication"),)),
    row("video.authentication", s.RTSP_LOGIN, s.get_video_login, s.put_video_login, "10",
        limits=param.present("Network.RTSP.ProtViewer"), moves=(("accounts", "anonymous_view"),)),
    row("auth.http_schemes", s.POLICY, s.schemes, None, "2"),
    row("auth.basic_login", s.POLICY, s.get_basic, s.put_basic, "2", limits=param.present(s.POLICY)),
    row("auth.lockout_attempts", s.THROTTLE, lambda tree: ABSENT, None, "7", absent=_THROTTLE),
    row("auth.lockout_minutes", s.THROTTLE, lambda tree: ABSENT, None, "7", absent=_THROTTLE),
    flag_row("auth.throttle", s.THROTTLE, "7", absent=_UNLISTED),
    _other("auth.password_complexity", "setup", s.get_complexity, s.put_complexity, "6", limits=s.complexity_limits),
    _other("auth.password_min_length", "setup", s.min_length, source="6"),
    # services
    row("services.http.enabled", s.HTTPS_ONLY, s.get_http, s.put_http, "8", limits=s.http_limits,
        moves=(("tls", "https_only"),)),
    row("services.http.ports", ("System.BoaPort", "System.AlternateBoaPort"), s.get_http_ports, s.put_http_ports, "8",
        limits=s.http_ports_limits),
    _service("https", "HTTPS.Enabled", "8"),
    row("services.https.ports", "HTTPS.Port", *s.port("HTTPS.Port"), "8", limits=s.port_limits("HTTPS.Port")),
    _service("rtsp", "Network.RTSP.Enabled", "10"),
    row("services.rtsp.ports", "Network.RTSP.Port", *s.port("Network.RTSP.Port"), "10",
        limits=s.port_limits("Network.RTSP.Port", 554)),
    _service("rtsps", "Network.RTSPS.Enabled", "10", _UNLISTED, moves=(("video", "encryption"),)),
    row("services.rtsps.ports", "Network.RTSPS.Port", *s.port("Network.RTSPS.Port"), "10",
        limits=s.port_limits("Network.RTSPS.Port", 322)),
    flag_row("video.encryption", "Network.RTSPS.Enabled", "10", moves=(("services", "rtsps", "enabled"),)),
    _service("ftp", "Network.FTP.Enabled", "9", _GONE),
    row("services.telnet.enabled", (), lambda tree: ABSENT, None, "9", absent=_TELNET),
    _service("ssh", "Network.SSH.Enabled", "11", when=param.has("Network.SSH.Enabled")),
    _other("services.ssh.enabled", "ssh", lambda tree: tree["enabled"], lambda tree, value: tree.update(enabled=value),
           "11"),
    _service("upnp", "Network.UPnP.Enabled", "9"),
    _service("mdns", "Network.Bonjour.Enabled", "9"),
    _service("ws_discovery", "WebService.DiscoveryMode.Discoverable", "9"),
    _service("zeroconf", "Network.ZeroConf.Enabled", "9"),
    _service("arp_ping", "Network.ARPPingIPAddress.Enabled", "9", _GONE),
    _other("services.lldp.enabled", "lldp", lambda tree: tree["activated"],
           lambda tree, value: tree.update(activated=value), "9"),
    flag_row("services.web_interface.enabled", "System.WebInterfaceDisabled", "9", inverted=True, absent=_UNLISTED),
    _service("socks", "SOCKS.Enabled", "9"),
    *(row(f"services.{name}.enabled", ("SNMP.Enabled", f"SNMP.{version}"), s.snmp_get(version), s.snmp_put(version),
          "15", limits=param.present(f"SNMP.{version}"), when=param.has("SNMP.Enabled"))
      for name, version in (("snmp_v1", "V1"), ("snmp_v2c", "V2c"), ("snmp_v3", "V3"))),
    *(_other(f"services.{name}.enabled", "snmp", s.snmp_rest_get(version), s.snmp_rest_put(version), "15")
      for name, version in (("snmp_v1", "V1"), ("snmp_v2c", "V2"), ("snmp_v3", "V3"))),
    # who may come in
    Binding(("access", "mode"), ("firewall",), firewall.get_mode, firewall.put_mode, limits=firewall.limits,
            source="fact sheet 12"),
    row("access.mode", old_filter.FILTER, old_filter.get_mode, old_filter.put_mode, "12", when=old_filter.speaks),
    Binding(("access", "sources"), ("firewall",), firewall.get_sources, firewall.put_sources, limits=firewall.limits,
            source="fact sheet 12"),
    row("access.sources", old_filter.FILTER, old_filter.get_sources, old_filter.put_sources, "12",
        when=old_filter.speaks),
    # time
    _other("time.sync", "ntp", net.get_sync, net.put_sync, "14"),
    row("time.sync", "Time.SyncSource", net.get_old_sync, net.put_old_sync, "14", when=net.without_ntp,
        limits=param.present("Time.SyncSource")),
    _other("time.servers", "ntp", net.get_servers, net.put_servers, "14", limits=net.servers_limits,
           moves=(("time", "servers_from_provider"),)),
    row("time.servers", net.OLD_NTP, net.get_old_servers, net.put_old_servers, "14", when=net.without_ntp,
        limits=net.old_servers_limits, moves=(("time", "servers_from_provider"),)),
    _other("time.servers_from_provider", "ntp", lambda tree: tree["dhcp"],
           lambda tree, value: tree.update(dhcp=value), "14"),
    flag_row("time.servers_from_provider", "Time.ObtainFromDHCP", "14", when=net.without_ntp),
    row("time.zone", ("Time.POSIXTimeZone", "Time.DST.Enabled"), net.get_zone, net.put_zone, "14",
        limits=net.zone_limits),
    # log
    flag_row("log.auth_events", "System.AccessLog", "16", absent=_UNLISTED),
    _other("log.remote", "syslog", net.get_log_servers, net.put_log_servers, "16", limits=net.log_limits),
    # TLS
    row("tls.https_only", s.HTTPS_ONLY, s.get_https_only, s.put_https_only, "8", limits=s.http_limits,
        moves=(("services", "http", "enabled"), ("services", "https", "enabled"))),
    row("tls.min_version", (*s.OLD_TLS, s.SSL3), s.get_tls, s.put_tls, "8", limits=s.tls_limits, absent=_UNLISTED),
    row("tls.ciphers", "HTTPS.Ciphers", s.get_ciphers, s.put_ciphers, "8", limits=s.cipher_limits),
    # network
    row("network.addressing", "Network.BootProto", net.addressing, None, "22"),
    row("network.address", ("Network.eth0.IPAddress", "Network.eth0.SubnetMask"), net.address, None, "22"),
    row("network.gateway", "Network.Routing.DefaultRouter", net.gateway, None, "22"),
    row("network.dns_servers", net.DNS, net.get_dns, net.put_dns, "22", limits=net.dns_limits,
        moves=(("network", "dns_from_provider"),)),
    flag_row("network.dns_from_provider", "Network.Resolver.ObtainFromDHCP", "22"),
    flag_row("dot1x.enabled", "Network.Interface.I0.dot1x.Enabled", "13",
             when=param.has("Network.Interface.I0.dot1x.Enabled")),
    _other("dot1x.enabled", "wired", lambda tree: tree["enabled"], lambda tree, value: tree.update(enabled=value),
           "13"),
    # what reaches out, or lets in
    row("ddns.enabled", net.DDNS, net.get_ddns, net.put_ddns, "18", limits=net.ddns_limits, absent=_UNLISTED),
    text_row("ddns.hostname", "Network.DNSUpdate.DNSName", "18"),
    row("ddns.provider", net.DDNS, net.ddns_provider, None, "18"),
    row("cloud.enabled", "RemoteService.Enabled", net.get_cloud, net.put_cloud, "18",
        limits=param.present("RemoteService.Enabled"), absent=_UNLISTED),
    flag_row("nat.upnp", "Network.UPnP.NATTraversal.Enabled", "18", absent=_GONE),
    # recording and events
    flag_row("storage.edge_recording", "Storage.S0.Enabled", "19", absent=_UNLISTED),
    _other("storage.state", "disks", net.storage_state, source="19"),
    flag_row("events.tamper", "Tampering.T0.DarkDetectionEnabled", "20", absent=_UNLISTED),
)  # fmt: skip

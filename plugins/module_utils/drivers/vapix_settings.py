# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Getting and putting where a key is more than one parameter, or has other words (fact sheet 2 and 6 to 19)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import zones
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, UNVERIFIABLE, Reading, Tree
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.vapix_apis import (
    MOST_LOG_SERVERS,
    MOST_TIME_SERVERS,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.vapix_param import flag, number, put_flag

_MISSING = "the device does not have this parameter"
_UNSET = ("", "0.0.0.0")


def present(*names: str) -> Callable[..., str | None]:
    """limits: all these parameters must be there."""
    return lambda ctx, tree, item, value: None if all(name in tree for name in names) else _MISSING


# -- identity ----------------------------------------------------------------------------------------------------------
HOSTNAME = ("Network.HostName", "Network.VolatileHostName.HostName", "Network.VolatileHostName.ObtainFromDHCP")
FRIENDLY = ("Network.Bonjour.FriendlyName", "Network.UPnP.FriendlyName")
OVERLAY = ("Image.I0.Text.String", "Image.I0.Text.TextEnabled")
_HOSTNAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")


def model(tree: Tree) -> Any:
    return next((tree[name] for name in ("Brand.ProdShortName", "Brand.ProdNbr") if tree.get(name)), ABSENT)


def mac(tree: Tree) -> Any:
    return tree.get("Network.eth0.MACAddress") or ABSENT


def generation(tree: Tree) -> str:
    return "VAPIX (param.cgi, JSON)" if tree else "VAPIX (param.cgi)"


def get_hostname(tree: Tree) -> Any:
    if flag(tree, HOSTNAME[2]) is True and tree.get(HOSTNAME[1]):
        return tree[HOSTNAME[1]]
    return tree.get(HOSTNAME[0], ABSENT)


def put_hostname(tree: Tree, value: str) -> None:
    tree[HOSTNAME[0]] = value
    put_flag(tree, HOSTNAME[2], False)


def hostname_limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    if HOSTNAME[0] not in tree:
        return _MISSING
    return None if _HOSTNAME.fullmatch(value) else "a host name has 1 to 63 letters, digits and hyphens"


def get_name(tree: Tree) -> Any:
    """Bonjour and UPnP each tell a name; two different ones are both told."""
    found = [tree[name] for name in FRIENDLY if name in tree]
    return " / ".join(dict.fromkeys(found)) if found else ABSENT


def put_name(tree: Tree, value: str) -> None:
    tree.update({name: value for name in FRIENDLY if name in tree})


def name_limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    if not any(name in tree for name in FRIENDLY):
        return _MISSING
    return "the device takes at most 63 characters" if len(value.encode()) > 63 else None


def get_overlay(tree: Tree) -> Any:
    on = flag(tree, OVERLAY[1])
    return tree.get(OVERLAY[0], ABSENT) if on is True else "" if on is False else on


def put_overlay(tree: Tree, value: str) -> None:
    if value:
        tree[OVERLAY[0]] = value
    put_flag(tree, OVERLAY[1], bool(value))


def overlay_limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    if not all(name in tree for name in OVERLAY):
        return _MISSING
    return "the device takes at most 80 characters" if len(value) > 80 else None


# -- logging in --------------------------------------------------------------------------------------------------------
ANONYMOUS = ("System.BoaProtViewer", "PTZ.BoaProtPTZOperator", "Network.RTSP.ProtViewer")
RTSP_LOGIN = ("Network.RTSP.ProtViewer", "Network.RTSP.AuthenticateRTSPOverHTTP")
POLICY = "Network.HTTP.AuthenticationPolicy"
THROTTLE = "System.PreventDoSAttack.ActivatePasswordThrottling"
_SCHEMES = {"basic": ["basic"], "digest": ["digest-md5"], "basic_digest": ["digest-md5"],
            "recommended": ["digest-md5", "basic"]}  # fmt: skip
_POLICIES = ("none", "length", "complex")


def get_anonymous(tree: Tree) -> Any:
    """Anyone may look, or move the camera, over HTTP or RTSP."""
    found = [flag(tree, name) for name in ANONYMOUS if name in tree]
    odd = next((value for value in found if isinstance(value, Reading)), None)
    return odd or (True in found if found else ABSENT)


def put_anonymous(tree: Tree, value: bool) -> None:
    for name in ANONYMOUS:
        if not value or name != "PTZ.BoaProtPTZOperator":
            put_flag(tree, name, value)


def anonymous_limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    return None if ANONYMOUS[0] in tree else _MISSING


def get_video_login(tree: Tree) -> Any:
    """RTSP asks for a login, also where it is wrapped in HTTP (the switch for that came later)."""
    open_ = flag(tree, RTSP_LOGIN[0])
    wrapped = flag(tree, RTSP_LOGIN[1])
    if not isinstance(open_, bool) or isinstance(wrapped, Reading):
        return open_ if not isinstance(open_, bool) else wrapped
    return not open_ and wrapped is not False


def put_video_login(tree: Tree, value: bool) -> None:
    put_flag(tree, RTSP_LOGIN[0], not value)
    if value:
        put_flag(tree, RTSP_LOGIN[1], True)


def schemes(tree: Tree) -> Any:
    if POLICY not in tree:
        return ABSENT
    return _SCHEMES.get(tree[POLICY]) or _unknown(POLICY, tree[POLICY])


def get_basic(tree: Tree) -> Any:
    """`recommended` is Digest over HTTP and Basic inside TLS: nothing in clear. `basic_digest` is Basic for RTSP."""
    if POLICY not in tree:
        return ABSENT
    return tree[POLICY] in ("basic", "basic_digest") if tree[POLICY] in _SCHEMES else _unknown(POLICY, tree[POLICY])


def put_basic(tree: Tree, value: bool) -> None:
    if get_basic(tree) is not value:
        tree[POLICY] = "basic_digest" if value else "digest"  # both are known to every firmware that was read


def _unknown(name: str, value: str) -> Reading:
    return Reading(UNVERIFIABLE, None, f"the device holds {value[:40]!r} for {name}, which is not known", "param")


def get_complexity(tree: Tree) -> Any:
    policy = tree.get("passphrasepolicy")
    return ABSENT if policy is None else policy == "complex" if policy in _POLICIES else _unknown("passphrase", policy)


def put_complexity(tree: Tree, value: bool) -> None:
    if get_complexity(tree) is not value:
        tree["passphrasepolicy"] = "complex" if value else "none"


def complexity_limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    return None if tree.get("passphrasepolicy") in _POLICIES else "this firmware has no password policy of its own"


def min_length(tree: Tree) -> Any:
    return {"none": 1, "length": 15, "complex": 12}.get(tree.get("passphrasepolicy", ""), ABSENT)


# -- HTTP, HTTPS, ports ------------------------------------------------------------------------------------------------
GROUPS = ("System.BoaGroupPolicy.admin", "System.BoaGroupPolicy.operator", "System.BoaGroupPolicy.viewer")
HTTPS_ONLY = (*GROUPS, "HTTPS.Enabled")
OLD_TLS = ("HTTPS.AllowTLS1", "HTTPS.AllowTLS11")


def get_http(tree: Tree) -> Any:
    """Plain HTTP is there for whoever is not told to use HTTPS."""
    words = [tree[name].lower() for name in GROUPS if name in tree]
    if odd := next((word for word in words if word not in ("http", "https", "both")), ""):
        return _unknown(GROUPS[0], odd)
    return any(word != "https" for word in words) if words else ABSENT


def put_http(tree: Tree, value: bool) -> None:
    if get_http(tree) is not value:
        tree.update({name: "both" if value else "https" for name in GROUPS if name in tree})


def get_https_only(tree: Tree) -> Any:
    http, https = get_http(tree), flag(tree, "HTTPS.Enabled")
    return (not http) and https if isinstance(http, bool) and isinstance(https, bool) else http


def put_https_only(tree: Tree, value: bool) -> None:
    """That HTTPS works before HTTP goes is proven by the engine (H40)."""
    if value:
        put_flag(tree, "HTTPS.Enabled", True)
    put_http(tree, not value)


def http_limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    return None if GROUPS[0] in tree and "HTTPS.Enabled" in tree else _MISSING


def port(name: str) -> tuple[Callable[..., Any], Callable[..., None]]:
    """(get, put) of a key that is a list of one port."""

    def get(tree: Tree) -> Any:
        return ABSENT if name not in tree else [tree[name]]

    def put(tree: Tree, value: list[int]) -> None:
        if number(tree, name) != value[0]:
            tree[name] = str(value[0])

    return get, put


def port_limits(name: str, usual: int = 0) -> Callable[..., str | None]:
    """One port; with `usual` that one, or one from 1024 on (as the definitions of RTSP have it)."""

    def limits(ctx: Any, tree: Tree, item: str, value: list[int]) -> str | None:
        if name not in tree:
            return _MISSING
        if len(value) != 1 or not 0 < value[0] < 65536:
            return "exactly one port from 1 to 65535 is needed"
        fits = not usual or value[0] == usual or value[0] >= 1024
        return None if fits else f"the device takes port {usual}, or one from 1024 on"

    return limits


def get_http_ports(tree: Tree) -> Any:
    if "System.BoaPort" not in tree:
        return ABSENT
    other = number(tree, "System.AlternateBoaPort")
    return [tree["System.BoaPort"], *([other] if other else [])]


def put_http_ports(tree: Tree, value: list[int]) -> None:
    now = [number(tree, "System.BoaPort"), number(tree, "System.AlternateBoaPort") or 0]
    if sorted(port for port in now if port) == sorted(value):
        return
    first, second = (value[0], 0) if len(value) == 1 else (value[0], value[1])
    tree["System.BoaPort"] = str(first)
    if "System.AlternateBoaPort" in tree:
        tree["System.AlternateBoaPort"] = str(second)


def http_ports_limits(ctx: Any, tree: Tree, item: str, value: list[int]) -> str | None:
    most = 2 if "System.AlternateBoaPort" in tree else 1
    fits = 0 < len(value) <= most and all(0 < number_ < 65536 for number_ in value)
    return None if "System.BoaPort" in tree and fits else f"the device takes one to {most} ports from 1 to 65535"


def get_tls(tree: Tree) -> Any:
    one, eleven = flag(tree, OLD_TLS[0]), flag(tree, OLD_TLS[1])
    for found in (one, eleven):
        if not isinstance(found, bool):
            return found
    return "1.0" if one else "1.1" if eleven else "1.2"


def put_tls(tree: Tree, value: str) -> None:
    if get_tls(tree) != value:
        put_flag(tree, OLD_TLS[0], value == "1.0")
        put_flag(tree, OLD_TLS[1], value in ("1.0", "1.1"))


def tls_limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    if not all(name in tree for name in OLD_TLS):
        return _MISSING
    return None if value in ("1.0", "1.1", "1.2") else "the lowest version can be 1.0, 1.1 or 1.2 here"


def get_ciphers(tree: Tree) -> Any:
    return [name for name in tree["HTTPS.Ciphers"].split(":") if name] if "HTTPS.Ciphers" in tree else ABSENT


def put_ciphers(tree: Tree, value: list[str]) -> None:
    """The device's order is its preference: what stays keeps it."""
    now = get_ciphers(tree)
    wanted = [name for name in now if name in value] + [name for name in value if name not in now]
    if wanted != now:
        tree["HTTPS.Ciphers"] = ":".join(wanted)


def cipher_limits(ctx: Any, tree: Tree, item: str, value: list[str]) -> str | None:
    if "HTTPS.Ciphers" not in tree:
        return _MISSING
    fits = value and all(re.fullmatch(r"[A-Za-z0-9_-]+", name) for name in value)
    return None if fits else "ciphers are OpenSSL names, at least one"


# -- SNMP --------------------------------------------------------------------------------------------------------------
_SNMP = ("V1", "V2c", "V3")


def snmp_get(version: str) -> Callable[[Tree], Any]:
    def get(tree: Tree) -> Any:
        on, mine = flag(tree, "SNMP.Enabled"), flag(tree, f"SNMP.{version}")
        return on and mine if isinstance(on, bool) and isinstance(mine, bool) else mine

    return get


def snmp_put(version: str) -> Callable[..., None]:
    def put(tree: Tree, value: bool) -> None:
        """The whole agent goes with its last version, and comes with this version alone."""
        if value and flag(tree, "SNMP.Enabled") is not True:
            for other in _SNMP:
                put_flag(tree, f"SNMP.{other}", False)
        put_flag(tree, f"SNMP.{version}", value)
        put_flag(tree, "SNMP.Enabled", any(flag(tree, f"SNMP.{other}") is True for other in _SNMP)
                 and (value or flag(tree, "SNMP.Enabled") is True))  # fmt: skip

    return put


# -- time --------------------------------------------------------------------------------------------------------------
OLD_NTP = ("Time.NTP.Server", "Time.NTP.VolatileServer", "Time.ObtainFromDHCP")
_HOST = re.compile(r"[A-Za-z0-9.:-]{1,253}")


def without_ntp(ctx: Any, tree: Tree) -> bool:
    """Where ntp.cgi is listed it holds all servers; the parameter shows one of them at most."""
    return not ctx.has("ntp")


def get_sync(tree: Tree) -> str:
    return "ntp" if tree["enabled"] else "manual"


def put_sync(tree: Tree, value: str) -> None:
    tree["enabled"] = value == "ntp"


def get_servers(tree: Tree) -> list[str]:
    return tree["advertised"] if tree["dhcp"] and tree["advertised"] else tree["static"]


def put_servers(tree: Tree, value: list[str]) -> None:
    tree.update(static=list(value), dhcp=False)


def _hosts(value: list[str], most: int) -> str | None:
    if len(value) > most:
        return f"the device takes at most {most} time server{'s' if most > 1 else ''}"
    return None if all(_HOST.fullmatch(host) for host in value) else "a time server is a name or an address"


def servers_limits(ctx: Any, tree: Tree, item: str, value: list[str]) -> str | None:
    return _hosts(value, MOST_TIME_SERVERS)


def get_old_sync(tree: Tree) -> Any:
    word = tree.get("Time.SyncSource")
    known = {"NTP": "ntp", "None": "manual", "PC": "manual"}
    return ABSENT if word is None else known.get(word) or _unknown("Time.SyncSource", word)


def put_old_sync(tree: Tree, value: str) -> None:
    if get_old_sync(tree) != value:
        tree["Time.SyncSource"] = "NTP" if value == "ntp" else "None"


def get_old_servers(tree: Tree) -> Any:
    if OLD_NTP[0] not in tree:
        return ABSENT
    lease = tree.get(OLD_NTP[1], "").strip()
    server = lease if flag(tree, OLD_NTP[2]) is True and lease not in _UNSET else tree[OLD_NTP[0]].strip()
    return [] if server in _UNSET else [server]


def put_old_servers(tree: Tree, value: list[str]) -> None:
    tree[OLD_NTP[0]] = value[0] if value else "0.0.0.0"
    put_flag(tree, OLD_NTP[2], False)


def old_servers_limits(ctx: Any, tree: Tree, item: str, value: list[str]) -> str | None:
    return _hosts(value, 1) if OLD_NTP[0] in tree else _MISSING


def get_zone(tree: Tree) -> Any:
    """Where summer time is switched off, only the standard offset of the zone counts."""
    zone = tree.get("Time.POSIXTimeZone", "")
    standard = re.match(r"(<[^>]+>|[A-Za-z]+)[+-]?[\d:]+", zone)
    if standard and flag(tree, "Time.DST.Enabled") is False:
        return standard.group().rstrip(":")
    return zone or ABSENT


def put_zone(tree: Tree, value: str) -> None:
    text = zones.posix(value) or value
    tree["Time.POSIXTimeZone"] = text
    known = zones.key(text)
    put_flag(tree, "Time.DST.Enabled", bool(known and known[1] is not None))


def zone_limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    if "Time.POSIXTimeZone" not in tree:
        return _MISSING
    return None if zones.key(value) is not None else "a time zone is a name (Asia/Tokyo) or a POSIX rule (JST-9)"


# -- log servers -------------------------------------------------------------------------------------------------------
_LOG = re.compile(r"(udp|tcp|tls)://(\[[0-9a-f:.]+\]|[a-z0-9.-]+):(\d{1,5})")


def get_log_servers(tree: Tree) -> list[str]:
    """What is switched off sends nowhere."""
    rows = tree["servers"] if tree["enabled"] else []
    return [f"{row['Protocol'].lower() or 'udp'}://{_bracket(row['Address'])}:{row['Port'] or 514}" for row in rows]


def put_log_servers(tree: Tree, value: list[str]) -> None:
    before = {_place(row): row for row in tree["servers"]}
    if value:
        rows = []
        for text in value:
            protocol, host, number_ = _LOG.fullmatch(text).groups()  # type: ignore[union-attr]  # limits() has looked
            row = {"Address": host.strip("[]"), "Port": number_, "Protocol": protocol.upper(),
                   "Severity": "", "SyslogFormat": ""}  # fmt: skip
            rows.append(before.get(_place(row), row))
        tree["servers"] = rows
    tree["enabled"] = bool(value)


def _place(row: dict[str, str]) -> tuple[str, str, str]:
    return row["Protocol"].upper(), row["Address"].lower(), row["Port"]


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def log_limits(ctx: Any, tree: Tree, item: str, value: list[str]) -> str | None:
    if len(value) > MOST_LOG_SERVERS:
        return f"the device takes at most {MOST_LOG_SERVERS} log servers"
    fits = all((found := _LOG.fullmatch(text)) and 0 < int(found[3]) < 65536 for text in value)
    return None if fits else "a log server is udp://, tcp:// or tls:// with a host and a port"


# -- network -----------------------------------------------------------------------------------------------------------
DNS = ("Network.DNSServer1", "Network.DNSServer2", "Network.Resolver.ObtainFromDHCP", "Network.Resolver.NameServerList")
DDNS = ("Network.DNSUpdate.Enabled", "Network.AxisNS.Enabled")


def addressing(tree: Tree) -> Any:
    word = tree.get("Network.BootProto")
    return ABSENT if word is None else {"dhcp": "dhcp", "none": "static"}.get(word) or _unknown("BootProto", word)


def address(tree: Tree) -> Any:
    found = tree.get("Network.eth0.IPAddress", "")
    if found in _UNSET:
        return ABSENT
    mask = tree.get("Network.eth0.SubnetMask", "")
    try:
        return [str(ipaddress.ip_interface(f"{found}/{mask}" if mask else found))]
    except ValueError:
        return [found]


def gateway(tree: Tree) -> Any:
    found = tree.get("Network.Routing.DefaultRouter")
    return ABSENT if found is None else [] if found in _UNSET else [found]


def get_dns(tree: Tree) -> Any:
    if flag(tree, DNS[2]) is True and DNS[3] in tree:
        return re.split(r"[\s,]+", tree[DNS[3]].strip()) if tree[DNS[3]].strip() else []
    return [tree[name] for name in DNS[:2] if tree.get(name, "") not in _UNSET] if DNS[0] in tree else ABSENT


def put_dns(tree: Tree, value: list[str]) -> None:
    for name, server in zip(DNS[:2], [*value, "0.0.0.0", "0.0.0.0"], strict=False):
        tree[name] = server
    put_flag(tree, DNS[2], False)


def dns_limits(ctx: Any, tree: Tree, item: str, value: list[str]) -> str | None:
    if not all(name in tree for name in DNS[:2]):
        return _MISSING
    return "the device takes at most 2 DNS servers" if len(value) > 2 else None


def has_dot1x(ctx: Any, tree: Tree) -> bool:
    return "Network.Interface.I0.dot1x.Enabled" in tree


def get_ddns(tree: Tree) -> Any:
    found = [flag(tree, name) for name in DDNS if name in tree]
    odd = next((value for value in found if isinstance(value, Reading)), None)
    return odd or (True in found if found else ABSENT)


def put_ddns(tree: Tree, value: bool) -> None:
    if get_ddns(tree) is value:
        return
    for name in DDNS[:1] if value else DDNS:
        put_flag(tree, name, value)


def ddns_limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    return None if DDNS[0] in tree or (not value and DDNS[1] in tree) else _MISSING


def ddns_provider(tree: Tree) -> Any:
    if flag(tree, DDNS[1]) is True:
        return "axis"
    return "rfc2136" if flag(tree, DDNS[0]) is True else "" if get_ddns(tree) is False else ABSENT


def get_cloud(tree: Tree) -> Any:
    """`oneclick` waits for a press of the button: it is on."""
    word = tree.get("RemoteService.Enabled")
    known = {"oneclick": True, "yes": True, "no": False}
    return ABSENT if word is None else known.get(word, _unknown("RemoteService.Enabled", word))


def put_cloud(tree: Tree, value: bool) -> None:
    if get_cloud(tree) is not value:
        tree["RemoteService.Enabled"] = "yes" if value else "no"


# -- storage -----------------------------------------------------------------------------------------------------------
def storage_state(tree: Tree) -> Any:
    """Of the cards and shares that are there; a slot without one says so with its status."""
    words = {disk["status"].lower() for disk in tree.values()} - {"disconnected", "notpresent", ""}
    if not words:
        return "none"
    return "ok" if words == {"ok"} else "error" if words & {"failed", "error", "corrupt"} else "degraded"

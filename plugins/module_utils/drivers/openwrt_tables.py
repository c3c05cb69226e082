# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bindings of OpenWrt: what each setting is in uci, with the consumer's own default. Fact sheet section 8.

`get` and `put` work on trees alone (openwrt_uci.py); defaults stand beside the option they belong to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import zones
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    NOT_OFFERED,
    UNREADABLE,
    Binding,
    Reading,
    secret_name,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import openwrt_firewall as fw
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_network import NETWORK, WIRELESS
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_uci import (
    SET,
    Section,
    Tree,
    add,
    first,
    flag,
    items,
    of_type,
    put_flag,
    put_items,
    put_text,
    text,
)

_SOURCE = "fact sheet 8"


def row(path: str, documents: str, get: Any, put: Any = None, **more: Any) -> Binding:
    return Binding(tuple(path.split(".")), tuple(documents.split()), get, put, source=_SOURCE, **more)


def _not_installed(what: str) -> Reading:
    return Reading(NOT_OFFERED, None, f"{what} is not installed", "uci")


# -- facts and names ---------------------------------------------------------------------------------------------------
def _release(board: dict[str, Any], *parts: str) -> Any:
    release = board.get("release") or {}
    return " ".join(str(release[part]) for part in parts if release.get(part)) or ABSENT


def _system(tree: Tree) -> Section:
    return first(tree, "system") or {}


def _system_option(option: str, default: str = "") -> tuple[Any, Any]:
    def get(tree: Tree) -> Any:
        return text(first(tree, "system"), option, default) if first(tree, "system") else ABSENT

    def put(tree: Tree, value: str) -> None:
        put_text(first(tree, "system") or add(tree, "system", {}), option, value)

    return get, put


def _hostname_limit(_ctx: Any, _tree: Tree, _item: str, value: str) -> str | None:
    good = re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9-]{1,63})*", value or "", re.I)
    return None if good and len(value) <= 253 else "a host name has letters, digits, hyphens and dots only"


# -- accounts ----------------------------------------------------------------------------------------------------------
def _logins(tree: Tree, name: str) -> list[str]:
    return [key for key, section in of_type(tree, "login") if text(section, "username") == name]


def _role(tree: Tree, name: str) -> Any:
    """By the widest of its sections: every right to write is an administrator, none but reading a viewer."""
    found = [_role_of(tree[key]) for key in _logins(tree, name)]
    if name == "root" and not found:
        return "administrator"  # no login over the API, but SSH and the console know it
    order = ("administrator", "operator", "viewer", "other")
    return min(found, key=order.index) if found else ABSENT


def _role_of(section: Section) -> str:
    write = [group for group in items(section, "write") if not group.startswith("!")]
    if any("*" in group or group == "superuser" for group in write):
        return "administrator"
    return "operator" if write else "viewer" if items(section, "read") else "other"


def _put_role(tree: Tree, name: str, value: str | None) -> None:
    keys = _logins(tree, name)
    if value is None:
        for key in keys:
            del tree[key]
        return
    section = tree[keys[0]] if keys else add(tree, "login", {"username": name, "password": SET})
    if _role_of(section) != value:
        put_items(section, "read", ["*"])
        put_items(section, "write", ["*"] if value == "administrator" else [])
    for key in keys[1:]:
        del tree[key]  # a second section with the same name could hold more rights


def _role_limit(ctx: Any, tree: Tree, name: str, value: str | None) -> str | None:
    if value is None:
        if name == "root":
            return "root is the system's own account and stays"
        if ctx is not None and ctx.credential and ctx.credential.username == name:
            return "this is the login in use"
        return None
    if value not in ("administrator", "viewer") and _role(tree, name) != value:
        return "this router knows administrator (all groups) and viewer (none to write); others need ACL groups"
    if name == "root" and value != "administrator":
        return "root is the administrator of the system"
    return None


def _password_limit(_ctx: Any, tree: Tree, name: str, _value: Any) -> str | None:
    for key in _logins(tree, name):
        reference = text(tree[key], "password")
        if reference.startswith("$p$") and reference != f"$p${name}":
            return f"this login uses the password of the system account {reference[3:]!r}"
    return None


def _put_login_password(tree: Tree, name: str, _value: str) -> None:
    for key in _logins(tree, name):
        tree[key]["password"] = SET


def _needs(_ctx: Any, item: str, old: Any, _new: Any) -> Sequence[str]:
    return (secret_name(item),) if old is ABSENT else ()


def _system_accounts(passwd: dict[str, Any]) -> list[str]:
    """System accounts that can log in by SSH, in their own realm; root is listed as itself."""
    return [f"{n}@system" for n, r in passwd.items()
            if n != "root" and not r["shell"].endswith(("/false", "/nologin"))]  # fmt: skip


# -- services ----------------------------------------------------------------------------------------------------------
# Init scripts that are part of the system or have their own row here; every other one is a service of its own.
_BASE = frozenset(
    "boot bootcount cron ddns dnsmasq done dropbear firewall gpio_switch led log miniupnpd mdadm network odhcpd "
    "packet_steering procd rpcd sysctl sysfixtime sysntpd system uhttpd ucitrack umount urandom_seed urngd wpad "
    "hostapd ubox usbmode fstab dmesgbackup".split()
)
_WORDS = {
    "telnetd": "telnet", "vsftpd": "ftp", "pure-ftpd": "ftp", "proftpd": "ftp", "samba": "smb", "samba4": "smb",
    "ksmbd": "smb", "umdns": "mdns", "avahi-daemon": "mdns", "lldpd": "lldp",
}  # fmt: skip


def _scripts(rc: dict[str, Any]) -> dict[str, str]:
    """{our word: init script}; a second script for the same word keeps its own name."""
    found: dict[str, str] = {}
    for script in sorted(rc):
        if script not in _BASE:
            word = _WORDS.get(script, script)
            found[script if word in found else word] = script
    return found


def _script_on(rc: dict[str, Any], script: str) -> bool:
    return bool(rc.get(script, {}).get("enabled")) or bool(rc.get(script, {}).get("running"))


def _switch_script(rc: dict[str, Any], script: str, on: bool) -> None:
    if script in rc:
        rc[script]["enabled"] = on
        rc[script]["running"] = on


def _boots(rc: dict[str, Any] | None, script: str) -> bool:
    return rc is None or script not in rc or bool(rc[script].get("enabled", True))


def _ssh(tree: Tree, rc: dict[str, Any] | None = None) -> Any:
    if not tree or (rc is not None and "dropbear" not in rc):
        return ABSENT
    return _boots(rc, "dropbear") and any(flag(s, "enable", True) for _n, s in of_type(tree, "dropbear"))


def _put_ssh(tree: Tree, rc: dict[str, Any], value: bool) -> None:
    for _name, section in of_type(tree, "dropbear"):
        put_flag(section, "enable", value)
    if value and not _boots(rc, "dropbear"):
        _switch_script(rc, "dropbear", True)


def _ssh_ports(tree: Tree) -> Any:
    ports = [text(s, "Port", "22") for _n, s in of_type(tree, "dropbear")]
    return [int(port) for port in ports if port.isdigit()] or ABSENT


def _put_ssh_ports(tree: Tree, value: list[int]) -> None:
    for _name, section in of_type(tree, "dropbear"):
        put_text(section, "Port", str(value[0]))


def _ssh_interface(tree: Tree) -> Any:
    names = {text(s, "DirectInterface") or text(s, "Interface") or "any" for _n, s in of_type(tree, "dropbear")}
    return ", ".join(sorted(names)) or ABSENT


def _put_ssh_interface(tree: Tree, value: str) -> None:
    for _name, section in of_type(tree, "dropbear"):
        section.pop("DirectInterface", None)
        put_text(section, "Interface", "" if value == "any" else value)


def _ssh_passwords(tree: Tree) -> Any:
    sections = [s for _n, s in of_type(tree, "dropbear")]
    options = ("PasswordAuth", "RootPasswordAuth")
    return any(flag(s, o, True) for s in sections for o in options) if sections else ABSENT


def _put_ssh_passwords(tree: Tree, value: bool) -> None:
    for _name, section in of_type(tree, "dropbear"):
        for option in ("PasswordAuth", "RootPasswordAuth"):
            put_flag(section, option, value)


def _upnp(tree: Tree, rc: dict[str, Any] | None = None) -> Any:
    """The shipped file says 0, but the init script starts the daemon where the option is absent."""
    if rc is not None and "miniupnpd" not in rc or rc is None and not tree:
        return ABSENT
    section = first(tree, "upnpd")
    wanted = flag(section, "enabled", True) and _boots(rc, "miniupnpd")
    return wanted or bool(rc and rc["miniupnpd"].get("running"))


def _put_upnp(tree: Tree, rc: dict[str, Any], value: bool) -> None:
    put_flag(first(tree, "upnpd") or add(tree, "upnpd", {}, "config"), "enabled", value)
    _switch_script(rc, "miniupnpd", value)


# -- web server --------------------------------------------------------------------------------------------------------
_DEFAULT_PORT = {"http": 80, "https": 443}


def listens(tree: Tree, scheme: str) -> list[tuple[str, int]]:
    """(host, port) of every listen of the web server; host "" is any address."""
    found = []
    for _name, section in of_type(tree, "uhttpd"):
        for listen in items(section, f"listen_{scheme}"):
            host, _colon, port = listen.rpartition(":")
            if port.isdigit():
                found.append(("" if host in ("", "0.0.0.0", "[::]") else host, int(port)))
    return found


def _web(scheme: str) -> tuple[Any, Any]:
    option = f"listen_{scheme}"

    def get(tree: Tree) -> Any:
        return bool(listens(tree, scheme)) if tree else ABSENT

    def put(tree: Tree, value: bool) -> None:
        for _name, section in of_type(tree, "uhttpd"):
            if not value:
                put_items(section, option, [])
        section = first(tree, "uhttpd")
        if value and section is not None and not listens(tree, scheme):
            # On the addresses that the other scheme listens on: never wider than what is there.
            hosts = [h for h, _p in listens(tree, "http" if scheme == "https" else "https")] or [""]
            port = _DEFAULT_PORT[scheme]
            places = [f"{a}:{port}" for h in dict.fromkeys(hosts) for a in ([h] if h else ["0.0.0.0", "[::]"])]
            put_items(section, option, places)

    return get, put


def _web_ports(scheme: str) -> tuple[Any, Any]:
    def get(tree: Tree) -> Any:
        return sorted({port for _host, port in listens(tree, scheme)})

    def put(tree: Tree, value: list[int]) -> None:
        section = first(tree, "uhttpd")
        hosts = list(dict.fromkeys(h for h, _p in listens(tree, scheme))) or [""]
        for _name, other in of_type(tree, "uhttpd"):
            put_items(other, f"listen_{scheme}", [])
        places = [f"{a}:{p}" for p in value for h in hosts for a in ([h] if h else ["0.0.0.0", "[::]"])]
        if section is not None:
            put_items(section, f"listen_{scheme}", places)

    return get, put


def _web_interface(scheme: str) -> tuple[Any, Any]:
    def get(tree: Tree) -> Any:
        return ", ".join(sorted({host or "any" for host, _port in listens(tree, scheme)})) or ABSENT

    def put(tree: Tree, value: str) -> None:
        hosts = [h for h in re.split(r"[,\s]+", value) if h]
        for _name, section in of_type(tree, "uhttpd"):
            ports = list(dict.fromkeys(listen.rpartition(":")[2] for listen in items(section, f"listen_{scheme}")))
            places = [f"{a}:{p}" for p in ports for h in hosts for a in (["0.0.0.0", "[::]"] if h == "any" else [h])]
            put_items(section, f"listen_{scheme}", places)

    return get, put


def _https_only(tree: Tree) -> Any:
    """No plain listen at all, or each server that has one redirects (and has somewhere to redirect to)."""
    plain = [s for _n, s in of_type(tree, "uhttpd") if items(s, "listen_http")]
    return all(flag(s, "redirect_https", False) and bool(items(s, "listen_https")) for s in plain) if tree else ABSENT


def _put_https_only(tree: Tree, value: bool) -> None:
    for _name, section in of_type(tree, "uhttpd"):
        put_flag(section, "redirect_https", value)


def _https_only_limit(_ctx: Any, tree: Tree, _item: str, value: bool) -> str | None:
    plain = [s for _n, s in of_type(tree, "uhttpd") if items(s, "listen_http")]
    if value and any(not items(s, "listen_https") for s in plain):
        return "the web server does not listen for HTTPS; switch services.https on first"
    return "the web server has no plain HTTP at all" if not value and not plain else None


# -- time, log ---------------------------------------------------------------------------------------------------------
_ZONE_NAMES = {"JST-9": "Asia/Tokyo", "UTC0": "UTC", "UTC": "UTC", "GMT0": "UTC"}


def _ntp(tree: Tree) -> Section:
    section = tree.get("ntp")
    return section if section is not None and section[".type"] == "timeserver" else first(tree, "timeserver") or {}


def _ntp_to_edit(tree: Tree) -> Section:
    return _ntp(tree) or add(tree, "timeserver", {}, "ntp")


def _put_servers(tree: Tree, value: list[str]) -> None:
    section = _ntp_to_edit(tree)
    put_items(section, "server", value)
    put_flag(section, "use_dhcp", False)  # else the provider's DHCP adds servers to the list


def _put_zone(tree: Tree, value: str) -> None:
    section = _system(tree)
    posix = zones.canonical(value)
    put_text(section, "timezone", posix)
    old = text(section, "zonename")
    if not zones.same(zones.canonical(old) if old else "", posix):
        put_text(section, "zonename", value if "/" in value else _ZONE_NAMES.get(posix, ""))


def _log_servers(tree: Tree) -> Any:
    section = _system(tree)
    host, port = text(section, "log_ip"), text(section, "log_port", "514")
    if not host or not flag(section, "log_remote", True):
        return []
    place = host if port == "514" else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return [place if text(section, "log_proto", "udp") != "tcp" else f"tcp://{place}"]


def _put_log_servers(tree: Tree, value: list[str]) -> None:
    section = _system(tree)
    if not value:
        put_text(section, "log_ip", "")
        return
    host, port, proto = _log_place(value[0]) or (value[0], "514", "udp")
    put_text(section, "log_ip", host)
    for option, word, default in (("log_port", port, "514"), ("log_proto", proto, "udp")):
        if text(section, option, default) != word:
            put_text(section, option, word)
    if not flag(section, "log_remote", True):
        put_flag(section, "log_remote", True)


def _log_place(value: str) -> tuple[str, str, str] | None:
    match = re.fullmatch(r"(?:(tcp|udp)://)?(?:\[([0-9A-Fa-f:]+)\]|([^:\s/\[\]]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:]*))"
                         r"(?::(\d{1,5}))?", value)  # fmt: skip
    return (match[2] or match[3], match[4] or "514", match[1] or "udp") if match else None


def _log_limit(_ctx: Any, _tree: Tree, _item: str, value: list[str]) -> str | None:
    if len(value) > 1:
        return "this router sends its log to one server only"
    return None if not value or _log_place(value[0]) else "expected host, host:port or tcp://host:port"


# -- dynamic DNS -------------------------------------------------------------------------------------------------------
def _ddns_on(tree: Tree) -> list[Section]:
    return [section for _n, section in of_type(tree, "service") if flag(section, "enabled", False)]


def _put_ddns(tree: Tree, value: bool) -> None:
    for _name, section in of_type(tree, "service"):
        if value or flag(section, "enabled", False):
            put_flag(section, "enabled", value)


def _ddns_limit(_ctx: Any, tree: Tree, _item: str, value: bool) -> str | None:
    if value and len(list(of_type(tree, "service"))) != 1:
        return "there is not exactly one service to switch on"
    return None


def _ddns_provider(tree: Tree) -> str:
    def server(section: Section) -> str:
        return text(section, "update_url").partition("://")[2].partition("/")[0]

    names = {text(section, "service_name") or server(section) for section in _ddns_on(tree)}
    return ", ".join(sorted(names))


_NO_DDNS, _NO_UPNP = _not_installed("the dynamic DNS client"), _not_installed("UPnP (miniupnpd)")
_NO_SSH, _NO_WEB = _not_installed("dropbear"), Reading(UNREADABLE, None, "uhttpd has no settings", "uhttpd")
_host_get, _host_put = _system_option("hostname", "OpenWrt")
_name_get, _name_put = _system_option("description")

_FACTS = (
    row("facts.manufacturer", "board", lambda b: _release(b, "distribution")),
    row("facts.model", "board", lambda b: b.get("model") or ABSENT),
    row("facts.firmware", "board", lambda b: _release(b, "version", "revision")),
    row("firmware.version", "board", lambda b: _release(b, "version", "revision")),
    row("facts.api", "board", lambda b: "ubus over HTTP"),
    row("identity.hostname", "system", _host_get, _host_put, limits=_hostname_limit),
    row("identity.name", "system", _name_get, _name_put),
)
_ACCOUNTS = (
    row("accounts.root.role", "rpcd", lambda t: _role(t, "root")),
    row(
        "accounts.*.role", "rpcd", _role, _put_role, create=True, removes=True, limits=_role_limit, needs=_needs,
        items=lambda t: [n for n in dict.fromkeys(text(s, "username") for _k, s in of_type(t, "login")) if n],
        restorable="the password of a removed login is not known",
    ),
    row("accounts.*.role", "passwd", lambda p, i: "administrator" if p[i[:-7]]["uid"] == "0" else "other",
        items=_system_accounts),
    row("accounts.root.password", "password", lambda t: ABSENT, lambda t, v: t.update(root=SET), secret=True,
        proof="login", needs=lambda ctx, item, old, new: (secret_name("root"),)),
    row(
        "accounts.*.password", "rpcd", lambda t, i: ABSENT, _put_login_password, secret=True, proof="login",
        limits=_password_limit, needs=lambda ctx, item, old, new: (secret_name(item),),
        items=lambda t: [n for n in dict.fromkeys(text(s, "username") for _k, s in of_type(t, "login"))
                         if n and n != "root"],
    ),
    row("auth.ssh_password_login", "dropbear", _ssh_passwords, _put_ssh_passwords, absent=_NO_SSH),
    row("auth.ssh_keys", "authorized_keys", lambda t: t["keys"]),
)  # fmt: skip
_SERVICES = (
    row("services.ssh.enabled", "dropbear rc", _ssh, _put_ssh, absent=_NO_SSH),
    row("services.ssh.enabled", "dropbear", _ssh, lambda t, v: _put_ssh(t, {}, v), absent=_NO_SSH),
    row("services.ssh.ports", "dropbear", _ssh_ports, _put_ssh_ports, absent=_NO_SSH,
        limits=lambda ctx, t, i, v: None if len(v) == 1 else "one port only"),
    row("services.ssh.interface", "dropbear", _ssh_interface, _put_ssh_interface, absent=_NO_SSH),
    row("services.upnp.enabled", "upnpd rc", _upnp, _put_upnp, absent=_NO_UPNP),
    row("services.upnp.enabled", "upnpd", _upnp, lambda t, v: _put_upnp(t, {}, v), absent=_NO_UPNP),
    row("nat.upnp", "upnpd rc", _upnp, _put_upnp, absent=_NO_UPNP),
    row("nat.upnp", "upnpd", _upnp, lambda t, v: _put_upnp(t, {}, v), absent=_NO_UPNP),
    *(
        binding
        for scheme in ("http", "https")
        for binding in (
            row(f"services.{scheme}.enabled", "uhttpd", *_web(scheme), absent=_NO_WEB),
            row(f"services.{scheme}.ports", "uhttpd", *_web_ports(scheme)),
            row(f"services.{scheme}.interface", "uhttpd", *_web_interface(scheme), absent="none",
                limits=lambda ctx, t, i, v: None if v.strip() and v != "none" else "switch the service off instead"),
        )
    ),
    row("services.*.enabled", "rc", lambda rc, i: _script_on(rc, _scripts(rc)[i]),
        lambda rc, i, v: _switch_script(rc, _scripts(rc)[i], v), items=_scripts),
    row("tls.https_only", "uhttpd", _https_only, _put_https_only, limits=_https_only_limit, absent=_NO_WEB),
)  # fmt: skip
_TIME_LOG = (
    row("time.sync", "system", lambda t: "ntp" if _ntp(t) and flag(_ntp(t), "enabled", True) else "manual",
        lambda t, v: put_flag(_ntp_to_edit(t), "enabled", v == "ntp")),
    row("time.servers", "system", lambda t: items(_ntp(t), "server"), _put_servers),
    row("time.serve", "system", lambda t: flag(_ntp(t), "enable_server", False),
        lambda t, v: put_flag(_ntp_to_edit(t), "enable_server", v)),
    row("time.zone", "system", lambda t: text(_system(t), "timezone", "UTC"), _put_zone,
        limits=lambda ctx, t, i, v: None if zones.key(v) else "not a time zone known here"),
    row("log.local", "system", lambda t: text(_system(t), "log_size", "64") != "0",
        lambda t, v: put_text(_system(t), "log_size", "128"),
        limits=lambda ctx, t, i, v: None if v else "the log in memory cannot be switched off"),
    row("log.remote", "system", _log_servers, _put_log_servers, limits=_log_limit),
    row("ddns.enabled", "ddns", lambda t: bool(_ddns_on(t)) if t else ABSENT, _put_ddns, limits=_ddns_limit,
        absent=_NO_DDNS),
    row("ddns.hostname", "ddns", lambda t: ", ".join(sorted(text(s, "domain") or text(s, "lookup_host")
                                                            for s in _ddns_on(t))) if t else ABSENT, absent=_NO_DDNS),
    row("ddns.provider", "ddns", lambda t: _ddns_provider(t) if t else ABSENT, absent=_NO_DDNS),
)  # fmt: skip
_NAT = (
    row("nat.forwards", "firewall", fw.get_forwards, fw.put_forwards, limits=fw.limit_forwards),
    # Before nat.wan_open: what is wanted open by name is opened again after the general closing.
    row("nat.wan_admin", "firewall uhttpd dropbear network", fw.get_wan_admin, fw.put_wan_admin,
        limits=fw.limit_wan_admin, restorable="only closed here, never opened"),
    row("nat.wan_admin", "firewall", lambda t: fw.get_wan_admin(t, {}, {}, {}),
        lambda t, v: fw.put_wan_admin(t, {}, {}, {}, v), limits=fw.limit_wan_admin,
        restorable="only closed here, never opened"),
    row("nat.wan_open", "firewall", fw.get_wan_open, fw.put_wan_open, limits=fw.limit_wan_open),
    row("nat.wan_input", "firewall", fw.get_wan_input, fw.put_wan_input),
    row("nat.forwarding", "firewall", fw.get_forwarding, fw.put_forwarding, limits=fw.limit_forwarding),
)  # fmt: skip
BINDINGS: tuple[Binding, ...] = (*_FACTS, *_ACCOUNTS, *_SERVICES, *_TIME_LOG, *_NAT, *NETWORK, *WIRELESS)

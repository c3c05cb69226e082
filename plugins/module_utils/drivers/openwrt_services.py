# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bindings of services: SSH, UPnP, the web server, and every other init script. Fact sheet section 8."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    NOT_OFFERED,
    UNREADABLE,
    Reading,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_uci import (
    Tree,
    add,
    first,
    flag,
    items,
    of_type,
    put_flag,
    put_items,
    put_text,
    row,
    text,
)


def _not_installed(what: str) -> Reading:
    return Reading(NOT_OFFERED, None, f"{what} is not installed", "uci")


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


_NO_UPNP, _NO_SSH = _not_installed("UPnP (miniupnpd)"), _not_installed("dropbear")
_NO_WEB = Reading(UNREADABLE, None, "uhttpd has no settings", "uhttpd")
SERVICES = (
    row("auth.ssh_password_login", "dropbear", _ssh_passwords, _put_ssh_passwords, absent=_NO_SSH),
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

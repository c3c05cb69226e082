# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Dahua device offers, as tables: documents are its own tables and a few questions (dahua-cgi.md).

A table that the device does not show is unsupported, never "off". Keys that the fact sheet does not vouch for are used
only where the device itself shows them, and what was written is read again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    UNREADABLE,
    UNSUPPORTED,
    UNVERIFIABLE,
    Binding,
    Document,
    Reading,
    Stored,
    Tree,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import dahua_accounts as accounts
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import dahua_edit as edit
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import dahua_recorder as recorder
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import dahua_text as text
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import Refused, Unsupported

CGI, DRIVER_NOTES = "dahua-cgi.md, IPA item table", "dahua-cgi.md, Driver notes"
_ENABLE = r"(\[\d+\]\.)?Enable"
_CARD = r"[A-Za-z0-9]+\.(IPAddress|SubnetMask|DefaultGateway|DhcpEnable|PhysicalAddress|DnsServers\[\d+\])"

_MODE, _MODES, _NEVER = r"\[\d+\]\.Mode(Extra[12])?", frozenset("012"), "2"  # of table RecordMode

MENDED = "2021-09-01"  # firmware of autumn 2021 and later (fact sheet, RPC2)
# Table -> the keys that bindings speak for, or that change by themselves; what else it holds is digested.
TABLES: dict[str, str] = {
    "General": "MachineName|MachineAddress|LockLoginEnable|LockLoginTimes|LoginFailLockTime",
    "Network": f"Hostname|{_CARD}",
    "NTP": "Enable|Address|TimeZone",
    "Locales": r"DSTEnable|DST(Start|End)\..*",  # dates of one year (H57)
    "RTSP": "Enable|Port",
    "UserGlobal": "OnvifLoginCheck",
    "UPnP": r"Enable|MapTable\[\d+\]\.Enable",
    "DDNS": rf"{_ENABLE}|\[\d+\]\.(HostName|Protocol)",
    "Email": "Enable",
    "T2UServer": _ENABLE,
    "VSP_PaaS": "Enable|Online",
    "Bonjour": "Enable",
    "Multicast": r"(RTP|DHII)\[\d+\]\.Enable",
    "Telnet": "Enable",
    "SSHD": "Enable",
    "SNMP": "Enable",
    "Https": "Enable|Port",
    "WLan": r"[^.]+\.(Enable|SSID|Encryption)",
    "AutoUpgrade": "Enable",
    "CloudUpgrade": "Enable",
    "LoginAuthCtrl": "",
    "LoginFailureAlarm": "Enable",
    "RecordMode": r"\[\d+\]\.Mode(Extra[12])?",
    "RecordStoragePoint": "",
    "BlindDetect": r"\[\d+\]\.Enable",
    "MovedDetect": "",
    "LossDetect": r"\[\d+\]\.Enable",
    "StorageNotExist": "",
    "StorageFailure": "",
    "StorageLowSpace": "",
    "StorageGroup": "",
    "NetAbort": "",
    "IPConflict": "",
    "AutoMaintain": "",
    "ChannelTitle": r"\[\d+\]\.Name",
    "VideoWidget": "",
    "RemoteDevice": "",  # the cameras of a recorder
}


# -- documents ---------------------------------------------------------------------------------------------------------
def _store(table: str) -> Callable[[Any, Tree, Tree], Stored]:
    """Switches that go on come last, so that what they switch on is right by then."""

    def store(ctx: Any, old: Tree, new: Tree) -> Stored:
        changes = [(key, value) for key, value in new.items() if old.get(key) != value]
        changes.sort(key=lambda pair: pair[0].endswith("Enable") and pair[1] == "true")
        return ctx.set_table(table, changes)

    return store


def _rest(modelled: str) -> Callable[[Tree], Any]:
    pattern = re.compile(modelled) if modelled else None
    return lambda tree: {key: value for key, value in tree.items() if not (pattern and pattern.fullmatch(key))}


def _filter_rest(tree: Tree) -> Any:
    other = "TrustList" if tree["list"] == "BannedList" else "BannedList"
    return {k: v for k, v in tree["raw"].items() if k.startswith(other) or not re.match(r"Enable|Type|\w+List\[", k)}


def fetch_information(ctx: Any) -> Tree:
    """What the login brought, or the same again. A model that is only a number has another word on the device."""
    found, ctx.information = ctx.information, None
    if found is None:
        found = dict(text.pairs(ctx.ask("magicBox", "getSystemInfo")))
    if not found.get("deviceType", "").strip("0123456789"):
        try:
            found["deviceType"] = dict(text.pairs(ctx.ask("magicBox", "getDeviceType"))).get("type", "")
        except (Unsupported, Refused):
            found["deviceType"] = ""
        ctx.identity.model = found["deviceType"]
    return found


def fetch_version(ctx: Any) -> Tree:
    return dict(text.pairs(ctx.ask("magicBox", "getSoftwareVersion")))


def fetch_clock(ctx: Any) -> Tree:
    before = ctx.now()
    told = dict(text.pairs(ctx.ask("global", "getCurrentTime")))
    return {"result": told.get("result", ""), "received": (before + ctx.now()) / 2}


def fetch_storage(ctx: Any) -> Tree:
    body = ctx.ask("storageDevice", "getDeviceAllInfo")
    rows = text.rows(body, "list.info")
    if body.strip() and not rows:
        raise Refused(f"{ctx.name}: getDeviceAllInfo: the list of media has another shape.")
    return {"rows": rows}


def fetch_login(ctx: Any) -> Tree:
    return {"schemes": ctx.facts.get("http_schemes", [])}


QUESTIONS: dict[str, Callable[[Any], Tree]] = {
    "information": fetch_information,
    "version": fetch_version,
    "clock": fetch_clock,
    "storage": fetch_storage,
    "login": fetch_login,
    "users": accounts.fetch,
    "cameras": recorder.fetch_cameras,
}
DOCUMENTS: tuple[Document, ...] = (
    Document("information", fetch="information", rest=lambda tree: tree.get("processor", "")),
    Document("version", fetch="version"),
    Document("login", fetch="login"),
    Document("users", fetch="users", store=accounts.store, credible=accounts.credible),
    *(Document(name, fetch=name, store=_store(name), rest=_rest(keys), affects=("clock",) if name == "NTP" else ())
      for name, keys in TABLES.items()),
    Document("AccessFilter", fetch="AccessFilter", store=edit.store_filter, rest=_filter_rest),
    Document("clock", fetch="clock"),
    Document("storage", fetch="storage"),
    Document("cameras", fetch="cameras"),
)  # fmt: skip


# -- what bindings need ------------------------------------------------------------------------------------------------
def version(tree: Tree) -> Any:
    """version=2.880.0000000.18.R,build:2023-11-15 -> both; the build date counts for known weaknesses."""
    number, _comma, build = tree.get("version", "").partition(",")
    return f"{number.strip()} {build.strip()}".strip() or ABSENT


def is_old(tree: Tree) -> str:
    """The build date of firmware from before the login bypasses CVE-2021-33044 and -33045 were mended; "" if not so."""
    match = re.search(r"build:\s*(\d{4}-\d{2}-\d{2})", tree.get("version", ""))
    return match[1] if match and match[1] < MENDED else ""


def _model(tree: Tree) -> Any:
    return tree.get("deviceType") or ABSENT


def _ddns_on(tree: Tree, name: str) -> Any:
    if doubt := [tree[key] for key in edit.matching(tree, _ENABLE) if edit.truth(tree[key]) is None]:
        return edit.unknown(doubt[0])
    rows = [key[: -len("Enable")] for key in edit.matching(tree, _ENABLE) if edit.truth(tree[key])]
    return ", ".join(sorted({tree.get(f"{row}{name}", "") for row in rows} - {""}))


def _title(tree: Tree) -> Any:
    return ", ".join(tree[key] for key in edit.matching(tree, r"\[\d+\]\.Name")) or ABSENT


def _put_title(tree: Tree, value: str) -> None:
    for key in edit.matching(tree, r"\[\d+\]\.Name"):
        tree[key] = value


def _title_limit(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    if len(edit.matching(tree, r"\[\d+\]\.Name")) != 1:
        return "the device has several channels; their names are set one by one"
    return edit.text_limit(ctx, tree, item, value)


def _records(tree: Tree) -> Any:
    """Mode 0 records by schedule, 1 always, 2 never; each of the extra streams, where there are any, has its own."""
    modes = {tree[key].strip() for key in edit.matching(tree, _MODE)}
    if modes - _MODES:
        return Reading(UNVERIFIABLE, why=f"the device holds {min(modes - _MODES)[:60]!r} as a mode of recording")
    return bool(modes - {_NEVER}) if modes else ABSENT


def _put_records(tree: Tree, value: bool) -> None:
    """Off is off for every stream; an extra one is not switched on."""
    for key in edit.matching(tree, r"\[\d+\]\.Mode" if value else _MODE):
        if (tree[key].strip() != _NEVER) != value:
            tree[key] = "0" if value else _NEVER


def _servers(tree: Tree) -> Any:
    address = tree.get("Address", ABSENT)
    return ABSENT if address is ABSENT else [address] if address.strip() not in edit.NOTHING else []


def _put_servers(tree: Tree, value: list[str]) -> None:
    tree["Address"] = value[0]


def _storage(tree: Tree) -> Any:
    rows = tree["rows"]
    if not rows:
        return "none"
    errors = [[edit.truth(v) for k, v in row.items() if k.endswith("IsError")] for row in rows]
    states = {row.get("State", "") for row in rows}
    if any(True in row for row in errors) or states - {"Success", "Initializing", "Running", "Active", ""}:
        return "error"
    silent = any(not row.get("State") and not told for row, told in zip(rows, errors, strict=True))
    if silent or any(None in row for row in errors):
        return Reading(UNREADABLE, why="the device does not say of each medium whether it is in order")
    return "ok"


def _port(tree: Tree) -> Any:
    number = tree.get("Port", "")
    return [int(number)] if number.isdecimal() and len(number) < 6 and 0 < int(number) < 65536 else ABSENT


def _put_port(tree: Tree, value: list[int]) -> None:
    tree["Port"] = str(value[0])


def _port_limit(_ctx: Any, _tree: Tree, _item: str, value: list[int]) -> str | None:
    return None if len(value) == 1 and 0 < value[0] < 65536 else "one port from 1 to 65535"


def _wireless(name: str) -> Callable[[Tree, str], Any]:
    return lambda tree, item: tree.get(f"{item}.{name}", ABSENT)


def _cards(tree: Tree) -> list[str]:
    """Also one without a switch: it may be on all the same (H51)."""
    return list(dict.fromkeys(key.partition(".")[0] for key in edit.matching(tree, TABLES["WLan"])))


def _cipher(tree: Tree, item: str) -> Any:
    said = tree.get(f"{item}.Encryption", "").upper()
    for mark, is_ in (("WPA2", "wpa2"), ("WPA", "wpa"), ("WEP", "wep"), ("OFF", "none")):
        if said.startswith(mark):
            return is_
    return ABSENT


def _tkip(tree: Tree, item: str) -> Any:
    """`On`, and WPA without the name of a cipher, leave it open."""
    said = tree.get(f"{item}.Encryption", ABSENT)
    if said is ABSENT or "TKIP" in said.upper():
        return said if said is ABSENT else True
    known = re.match(r"OFF$|WEP|WPA.*(CCMP|AES)", said.upper())
    return False if known else Reading(UNVERIFIABLE, why=f"{said[:60]!r} does not tell the cipher")


def _addressing(tree: Tree) -> Any:
    said = edit.of_card("DhcpEnable")(tree)
    return ABSENT if said is ABSENT else _either_word(said, "dhcp", "static")


def _either_word(said: str, on: str, off: str) -> Any:
    told = edit.truth(said)
    return edit.unknown(said) if told is None else on if told else off


def _put_card(tree: Tree, item: str, value: bool) -> None:
    tree[f"{item}.Enable"] = edit.word(value)


# -- bindings ----------------------------------------------------------------------------------------------------------
_NOT_SHOWN = Reading(UNSUPPORTED, why="the device does not show it", source="configManager")


def _row(key: str, documents: str, get: Callable[..., Any], put: Any = None, **more: Any) -> Binding:
    more.setdefault("absent", _NOT_SHOWN)
    return Binding(tuple(key.split(".")), tuple(documents.split()), get, put, source=more.pop("source", CGI), **more)


def _switch(key: str, documents: str, pattern: str = _ENABLE, together: Any = any, **more: Any) -> Binding:
    get, put = edit.switch(pattern, together)
    return _row(key, documents, get, put, when=edit.has(pattern), **more)


def _text(key: str, document: str, name: str, **more: Any) -> Binding:
    get, put = edit.field(name)
    return _row(key, document, get, put, when=edit.shown(name), limits=edit.text_limit, **more)


def _either(key: str, first: str, second: str, **more: Any) -> tuple[Binding, ...]:
    """One switch in two tables, of which a device may have one only."""
    get, put = edit.switch(_ENABLE)
    singles = ((first, second), (second, first))
    return (
        _switch(key, f"{first} {second}", **more),
        *(_row(key, one, get, put, when=edit.alone(other, _ENABLE), **more) for one, other in singles),
    )


BINDINGS: tuple[Binding, ...] = (
    _row("facts.model", "information", _model, source="dahua-cgi.md, Read-only identity"),
    _row("facts.serial", "information", lambda tree: tree.get("serialNumber") or ABSENT,
         source="dahua-cgi.md, Read-only identity"),
    _row("facts.firmware", "version", version, source="dahua-cgi.md, Read-only identity"),
    _row("firmware.version", "version", version, source="dahua-cgi.md, Read-only identity"),
    _row("facts.mac", "Network", lambda tree: edit.mac(tree) or ABSENT),
    _row("auth.http_schemes", "login", lambda tree: tree["schemes"], source="dahua-cgi.md, Transport"),
    _row("auth.basic_login", "login", lambda tree: "basic" in tree["schemes"], source="dahua-cgi.md, Transport"),
    _text("identity.name", "General", "MachineName"),
    _text("identity.location", "General", "MachineAddress"),
    _text("identity.hostname", "Network", "Hostname"),
    _row("identity.overlay_text", "ChannelTitle", _title, _put_title, limits=_title_limit),
    _row("accounts.*.role", "users", accounts.get_role, accounts.put_role, items=list, create=True, removes=True,
         limits=accounts.limits, needs=accounts.needs),
    _row("accounts.*.password", "users", lambda tree, item: ABSENT, accounts.put_password, items=list, create=True,
         needs=accounts.needs_password, secret=True, proof="login", absent=None,
         restorable="the old password is set again only where it is known"),
    _row("auth.lockout_attempts", "General", edit.attempts, edit.put_attempts, limits=edit.attempts_limit),
    _row("auth.lockout_minutes", "General", edit.minutes, edit.put_minutes, limits=edit.minutes_limit),
    _switch("auth.onvif_login", "UserGlobal", "OnvifLoginCheck"),
    _switch("events.login_failure", "LoginFailureAlarm"),
    _switch("services.telnet.enabled", "Telnet"),
    _switch("services.ssh.enabled", "SSHD"),
    _switch("services.upnp.enabled", "UPnP", "Enable"),
    _switch("services.mdns.enabled", "Bonjour"),
    _switch("services.snmp.enabled", "SNMP", source="dahua-cgi.md: table name only, key seen on the device"),
    _switch("services.multicast.enabled", "Multicast", r"(RTP|DHII)\[\d+\]\.Enable"),
    _switch("services.smtp.enabled", "Email"),
    _switch("services.rtsp.enabled", "RTSP"),
    _row("services.rtsp.ports", "RTSP", _port, _put_port, when=edit.shown("Port"), limits=_port_limit),
    _switch("services.https.enabled", "Https"),
    _row("services.https.ports", "Https", _port),
    *_either("cloud.enabled", "T2UServer", "VSP_PaaS"),
    _switch("ddns.enabled", "DDNS"),
    _row("ddns.hostname", "DDNS", lambda tree: _ddns_on(tree, "HostName")),
    _row("ddns.provider", "DDNS", lambda tree: _ddns_on(tree, "Protocol")),
    _row("time.sync", "NTP", lambda tree: _either_word(tree.get("Enable", ""), "ntp", "manual"),
         lambda tree, value: tree.update(Enable=edit.word(value == "ntp")), when=edit.shown("Enable")),
    _row("time.servers", "NTP", _servers, _put_servers,
         limits=lambda ctx, tree, item, value: None if len(value) == 1 else "the device has one time server"),
    _row("time.zone", "NTP Locales", edit.zone, edit.put_zone, limits=edit.zone_limit),
    _row("time.zone", "NTP", edit.zone, edit.put_zone, when=edit.alone("Locales", "TimeZone"), limits=edit.zone_limit),
    _row("access.mode", "AccessFilter", lambda tree: tree["mode"], edit.put_mode),
    _row("access.sources", "AccessFilter", lambda tree: tree["sources"], edit.put_sources, limits=edit.sources_limit),
    _row("network.address", "Network", edit.address),
    _row("network.gateway", "Network", lambda tree: [a] if (a := edit.of_card("DefaultGateway")(tree)) else ABSENT),
    _row("network.addressing", "Network", _addressing),
    _row("network.dns_servers", "Network", edit.dns, edit.put_dns, limits=edit.dns_limit),
    _row("wireless.*.enabled", "WLan", lambda tree, item: edit.on(tree[f"{item}.Enable"]), _put_card, items=_cards),
    _row("wireless.*.ssid", "WLan", _wireless("SSID"), items=_cards),
    _row("wireless.*.security", "WLan", _cipher, items=_cards),
    _row("wireless.*.tkip", "WLan", _tkip, items=_cards),
    _row("storage.edge_recording", "RecordMode", _records, _put_records),
    _row("storage.state", "storage", _storage),
    _row("recording.state", "cameras", recorder.recording_state, source="dahua-cgi.md: camera disconnect"),
    _row("recording.jobs.*.state", "cameras", recorder.camera_state, items=lambda tree: list(tree["states"]),
         source="dahua-cgi.md: camera disconnect"),
    _switch("events.tamper", "BlindDetect", together=all),
    _switch("events.video_loss", "LossDetect", together=all),
    *_either("firmware.auto_update", "AutoUpgrade", "CloudUpgrade"),
)  # fmt: skip

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings model: every key once, in words that no maker owns (DESIGN 3).

A key is a tuple, because names contain dots; in text the item is quoted: accounts."ops".role, services.telnet.enabled.
Values are bool, int, str, enum (str), list, map; they are normalised at the driver's border and in the design.
"""

from __future__ import annotations

import difflib
import enum
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import normal
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, Key
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError

ROLES = ("administrator", "operator", "viewer", "other")


class Phase(enum.IntEnum):
    """When a change happens within a run (DESIGN 6): open the new ways, prove them, close the old, the path last."""

    TRANSPORT = 0  # encrypted transport, so that the final secrets do not travel in clear
    OPEN = 1  # new accounts, new ways in
    ORDINARY = 2  # names, time, log
    CLOSE = 3  # services off, accounts away
    PATH = 4  # what our own way in depends on


@dataclass(frozen=True)
class Setting:
    """One key. `type` is bool, int, str, enum, list, map or secret; `of` the type of list members.

    severity  when it drifts: critical, high, medium, low, info
    rows      guideline rows (REQUIREMENTS) that rest on it
    volatile  changes by itself: recorded, never a finding (H56)
    observed  seen from outside, never written
    ordered   the order of a list matters
    """

    key: Key
    type: str
    en: str
    ja: str
    severity: str = "medium"
    rows: tuple[str, ...] = ()
    unit: str = ""
    choices: tuple[str, ...] = ()
    of: str = "str"
    fields: tuple[str, ...] = ()  # of a map, in the order of their meaning
    volatile: bool = False
    observed: bool = False
    ordered: bool = False
    normal: str = ""  # host, address, mac, zone, port, text: a special normaliser
    phase: Phase = Phase.ORDINARY

    @property
    def secret(self) -> bool:
        return self.type == "secret"


def _keys() -> Iterator[Setting]:
    def s(path: str, type_: str, en: str, ja: str, severity: str = "medium", rows: str = "", **more: Any) -> Setting:
        return Setting(tuple(path.split(".")), type_, en, ja, severity, tuple(rows.split()), **more)

    path, close, opening, transport = Phase.PATH, Phase.CLOSE, Phase.OPEN, Phase.TRANSPORT
    yield s("facts.manufacturer", "str", "manufacturer", "メーカー", "high", "g01-2", observed=True)
    yield s("facts.model", "str", "model", "機種", "high", "g01-2", observed=True)
    yield s("facts.serial", "str", "serial number", "製造番号", "critical", "g01-2", observed=True)
    yield s("facts.mac", "str", "MAC address", "MACアドレス", "high", "g01-2", observed=True, normal="mac")
    yield s("facts.firmware", "str", "firmware version", "ファームウェア版", "high", "a05-1 cp-4", observed=True)
    yield s("facts.api", "str", "API generation", "API世代", "info", observed=True)

    yield s("identity.name", "str", "device name", "機器名", "high", "d02 cp-2")
    yield s("identity.hostname", "str", "host name", "ホスト名", "medium", "d02 cp-2", normal="name")
    yield s("identity.location", "str", "location text", "設置場所の文字列", "medium", "d02 p01")
    yield s("identity.overlay_text", "str", "overlay text", "画面表示文字", "low", "d02")

    yield s(
        "accounts.*.role", "enum", "role of the account", "アカウントの権限", "critical", "a03-2 a03-5 cp-2",
        choices=ROLES, phase=opening,
    )
    yield s("accounts.*.enabled", "bool", "account may log in", "アカウントの有効", "high", "a03-5", phase=opening)
    yield s(
        "accounts.*.password", "secret", "password of the account", "アカウントのパスワード", "critical",
        "a03-3 ciaj-1.2 tokyo-2", phase=opening,
    )
    yield s(
        "accounts.anonymous_view", "bool", "video without a login", "未認証での映像閲覧", "critical",
        "a03-1 ciaj-5a", phase=close,
    )

    yield s("auth.anonymous_api", "bool", "settings readable without a login", "未認証での設定閲覧", "critical",
            "a03-1", observed=True)
    yield s("auth.lockout_attempts", "int", "failures until lock-out", "ロックまでの失敗回数", "high", "a03-4",
            unit="attempts")
    yield s("auth.lockout_minutes", "int", "lock-out time", "ロック時間", "medium", "a03-4", unit="minutes")
    yield s("auth.throttle", "bool", "repeated failures are slowed down", "失敗の繰り返しの抑制", "medium", "a03-4")
    yield s("auth.password_min_length", "int", "minimum password length", "パスワード最小長", "medium", "a03-4",
            unit="characters")
    yield s("auth.password_complexity", "bool", "password complexity asked for", "パスワード複雑性の要求", "medium",
            "a03-4")
    yield s("auth.http_schemes", "list", "HTTP login schemes", "HTTP認証方式", "medium", "a03-1", observed=True)
    yield s("auth.basic_login", "bool", "HTTP login in clear text (Basic)", "HTTP平文認証（Basic）", "high", "a03-1",
            phase=path)
    yield s("auth.onvif_login", "bool", "ONVIF asks for a login", "ONVIFの認証", "critical", "a03-1", phase=close)
    yield s("auth.ssh_password_login", "bool", "SSH login by password", "SSHパスワード認証", "high", "a02-1",
            phase=close)
    yield s("auth.ssh_keys", "list", "SSH keys that may log in", "SSH公開鍵", "critical", "a03-5 cp-2", observed=True)

    yield s("services.*.enabled", "bool", "service", "サービス", "high", "a02-1 a11-1 mext-b3 cp-2", phase=close)
    yield s("services.*.ports", "list", "ports of the service", "サービスのポート", "medium", "a02-1", of="int",
            normal="port", phase=path)
    yield s("services.*.open", "bool", "service answers on the network", "サービスの応答", "high",
            "a02-1 mext-b3", observed=True)
    yield s("services.*.interface", "str", "where the service listens", "待ち受け先", "high", "a02-2 p02", phase=path)

    yield s("access.mode", "enum", "source address filter", "接続元制限", "critical", "a02-2 a11-2 mext-b1",
            choices=("off", "allow", "deny"), phase=path)
    yield s("access.sources", "list", "addresses of the filter", "接続元アドレス", "high", "a02-2 mext-b1",
            normal="address", phase=path)

    yield s("time.sync", "enum", "time source", "時刻源", "high", "a04-3 a04-4", choices=("ntp", "manual"))
    yield s("time.servers", "list", "time servers", "時刻サーバ", "high", "a04-4", normal="host", ordered=True)
    yield s("time.servers_from_provider", "bool", "takes time servers from the provider", "時刻サーバの自動取得",
            "medium", "a04-4")
    yield s("time.serve", "bool", "serves time to others", "時刻の配信", "low", "a02-1")
    yield s("time.zone", "str", "time zone", "タイムゾーン", "medium", "a04-3", normal="zone")
    yield s("time.skew_seconds", "int", "clock error", "時計のずれ", "medium", "a04-4", unit="seconds", volatile=True,
            observed=True)

    yield s("log.local", "bool", "keeps a log", "ログ保存", "medium", "ciaj-1.4")
    yield s("log.auth_events", "bool", "logs log-ins", "認証ログ", "medium", "a13-1")
    yield s("log.remote", "list", "log servers", "ログ転送先", "medium", "ciaj-1.4 a04-2", normal="log_server")

    yield s("tls.https_only", "bool", "management by HTTPS only", "HTTPS限定", "high", "d01-1 b01-1", phase=path)
    yield s("tls.min_version", "str", "lowest TLS version", "最低TLS版", "medium", "d-audit", phase=transport)
    yield s("tls.ciphers", "list", "TLS ciphers", "TLS暗号", "medium", "d-audit", phase=transport)
    yield s("tls.certificate.subject", "str", "certificate subject", "証明書の主体", "medium", "d01-3", observed=True)
    yield s("tls.certificate.issuer", "str", "certificate issuer", "証明書の発行者", "medium", "d01-3", observed=True)
    yield s("tls.certificate.san", "list", "names in the certificate", "証明書の名前", "medium", "d01-3", observed=True)
    yield s("tls.certificate.not_after", "str", "certificate valid until (UTC)", "証明書の期限", "medium", "d01-3",
            observed=True)
    yield s("tls.certificate.sha256", "str", "certificate fingerprint", "証明書の指紋", "critical", "d01-3",
            observed=True)
    yield s("tls.certificate.trusted", "bool", "certificate trusted by the site", "証明書の信頼", "high", "d01-3 b02-1",
            observed=True)

    yield s("video.authentication", "bool", "video asks for a login", "映像の認証", "critical", "a03-1 a12-2",
            phase=close)
    yield s("video.encryption", "bool", "video can be encrypted", "映像の暗号化", "medium", "d01-2")

    yield s("network.addressing", "enum", "addressing", "アドレス取得方法", "medium", "cp-2",
            choices=("dhcp", "static"), phase=path)
    yield s("network.address", "list", "addresses of the device", "機器のアドレス", "high", "cp-2", normal="interface",
            phase=path)
    yield s("network.gateway", "list", "default gateway", "ゲートウェイ", "high", "cp-2", normal="address", phase=path)
    yield s("network.dns_servers", "list", "DNS servers", "DNSサーバ", "critical", "cp-2 ciaj-3", normal="address",
            ordered=True)
    yield s("network.dns_from_provider", "bool", "takes DNS servers from the provider", "DNSの自動取得", "high",
            "ciaj-3")
    yield s("network.dns_handed_out", "list", "DNS servers handed out by DHCP", "配布DNSサーバ", "critical",
            "cp-2 ciaj-3", normal="address", ordered=True)
    yield s("network.static_names", "list", "names the router answers itself", "静的な名前解決", "high", "ciaj-3")
    yield s("network.wan_address", "list", "addresses of the internet side", "インターネット側アドレス", "info", "cp-3",
            normal="interface", observed=True, volatile=True)
    yield s("network.leases", "list", "devices with a DHCP lease", "DHCPリース", "info", "g01-2", of="map",
            fields=("mac", "address", "name"), observed=True, volatile=True)

    yield s("ddns.enabled", "bool", "dynamic DNS", "ダイナミックDNS", "critical", "a02-1 ssaj-3 cp-2", phase=close)
    yield s("ddns.provider", "str", "dynamic DNS provider", "DDNS事業者", "high", "ssaj-3 cp-2")
    yield s("ddns.hostname", "str", "dynamic DNS name", "DDNS名", "high", "ssaj-3 cp-2", normal="host")
    yield s("cloud.enabled", "bool", "maker's cloud", "クラウド接続", "high", "a02-1", phase=close)

    yield s("nat.upnp", "bool", "ports opened on request (UPnP, NAT-PMP)", "UPnPポート開放", "critical", "a02-1 ssaj-3",
            phase=close)
    yield s("nat.forwards", "list", "port forwards from the internet", "ポート転送", "critical", "ssaj-3 mext-b3 cp-2",
            of="map", fields=("protocol", "port", "to", "to_port", "sources", "name"), phase=close)
    yield s("nat.wan_open", "list", "rules that accept from the internet", "インターネット側許可規則", "critical",
            "ssaj-3 p02", of="map", fields=("protocol", "ports", "to", "sources", "name"), phase=close)
    yield s("nat.wan_admin", "bool", "management from the internet side", "インターネット側からの管理", "critical",
            "p02 ssaj-3", phase=path)
    yield s("nat.wan_input", "enum", "default for unasked connections from the internet", "インターネット側の既定動作",
            "critical", "ssaj-3", choices=("accept", "reject", "drop"), phase=path)
    yield s("nat.forwarding", "list", "zone to zone forwarding", "ゾーン間転送", "high", "b00 ssaj-3", of="str",
            phase=path)

    yield s("wireless.*.enabled", "bool", "wireless network", "無線LAN", "high", "e01-1", phase=close)
    yield s("wireless.*.ssid", "str", "network name", "SSID", "medium", "e01-2", phase=path)
    yield s("wireless.*.hidden", "bool", "network name hidden", "SSID隠蔽", "low", "e01-2", phase=path)
    yield s("wireless.*.security", "enum", "wireless encryption", "無線暗号", "critical", "e01-1 e-audit",
            choices=("none", "wep", "wpa", "wpa-mixed", "wpa2", "wpa2-wpa3", "wpa3", "enterprise", "owe"), phase=path)
    yield s("wireless.*.tkip", "bool", "old TKIP cipher allowed", "TKIP許可", "high", "e01-1", phase=path)
    yield s("wireless.*.mac_filter", "list", "wireless MAC filter", "MACフィルタ", "low", "e01-2", normal="mac",
            phase=path)
    yield s("wireless.*.wps", "bool", "WPS", "WPS", "high", "e01-3", phase=close)
    yield s("dot1x.enabled", "bool", "802.1X", "802.1X", "medium", "ssaj-5", phase=path)

    yield s("storage.edge_recording", "bool", "recording in the camera", "カメラ内録画", "high", "a01-2")
    yield s("storage.state", "enum", "storage", "記録媒体の状態", "high", "a04-1 f01-2",
            choices=("ok", "degraded", "error", "none"), observed=True)
    yield s("storage.array_level", "str", "disk array", "ディスクアレイ構成", "medium", "f01-2 f21-1", observed=True)
    yield s("storage.array_state", "enum", "state of the disk array", "ディスクアレイの状態", "high", "f01-2 f21-1",
            choices=("ok", "degraded", "rebuilding", "error", "none"), observed=True)
    yield s("recording.state", "enum", "recording", "録画状態", "high", "a04-1 g01-1",
            choices=("active", "partial", "idle", "error"), observed=True, volatile=True)
    yield s("recording.jobs.*.state", "enum", "recording of one source", "録画ソースの状態", "high", "a04-1 a21-1",
            choices=("active", "partial", "idle", "error"), observed=True, volatile=True)
    yield s("events.tamper", "bool", "tamper detection", "妨害検知", "medium", "c01-1")
    yield s("events.login_failure", "bool", "alarm on failed log-ins", "ログイン失敗警報", "medium", "a13-1")
    yield s("events.video_loss", "bool", "video loss detection", "映像断検知", "medium", "a31-1 a04-1")

    yield s("apis.*.open", "bool", "API beside the main one", "併用API", "high", observed=True)
    yield s("apis.*.accounts", "str", "accounts of the API beside", "併用APIのアカウント", "critical", observed=True)
    yield s("conflicts.*", "str", "what another API of the device says instead", "別APIとの矛盾", "high", observed=True)

    yield s("firmware.version", "str", "firmware version", "ファームウェア版", "high", "a05-1", observed=True)
    yield s("firmware.auto_update", "bool", "automatic update", "自動更新", "medium", "ssaj-4")


SETTINGS: dict[Key, Setting] = {setting.key: setting for setting in _keys()}

# Words for services; a driver uses these and may add its own for what has no word here.
SERVICES = (
    "http", "https", "rtsp", "rtsps", "onvif", "ftp", "telnet", "ssh", "snmp_v1", "snmp_v2c", "snmp_v3", "upnp", "mdns",
    "ws_discovery", "lldp", "arp_ping", "zeroconf", "websocket", "sdk", "cloud", "ntp", "dns", "dhcp", "smb",
)  # fmt: skip

_PLAIN = re.compile(r"^[A-Za-z0-9_-]+$")


# -- keys as text ------------------------------------------------------------------------------------------------------
def key_text(key: Key) -> str:
    """("accounts", "ops", "role") -> accounts."ops".role; items of free choice are always quoted."""
    pattern = pattern_of(key)
    parts = []
    for index, part in enumerate(key):
        free = pattern is not None and pattern[index] == "*" and pattern[0] != "services"
        parts.append(json.dumps(part, ensure_ascii=False) if free or not _PLAIN.match(part) else part)
    return ".".join(parts)


@lru_cache(maxsize=8192)
def parse_key(text: str) -> Key:
    """The inverse of key_text. InputError when the quoting is broken."""
    parts: list[str] = []
    rest = text
    while True:
        if rest.startswith('"'):
            try:
                part, end = json.JSONDecoder().raw_decode(rest)
            except ValueError:
                raise InputError(f"key {text!r}: the quotes do not close") from None
            rest = rest[end:]
        else:
            part, dot, tail = rest.partition(".")
            rest = dot + tail
            if not part:  # a quoted name may be empty: devices have such accounts
                raise InputError(f"key {text!r}: an empty part")
        parts.append(part)
        if not rest:
            return tuple(parts)
        if not rest.startswith("."):
            raise InputError(f"key {text!r}: a dot is missing after {part!r}")
        rest = rest[1:]


@lru_cache(maxsize=4096)
def pattern_of(key: Key) -> Key | None:
    """The key of SETTINGS that `key` is an instance of, or None."""
    if key in SETTINGS:
        return key
    for index in range(len(key)):
        pattern = (*key[:index], "*", *key[index + 1 :])
        if pattern in SETTINGS:
            return pattern
    return None


def setting_of(key: Key) -> Setting:
    """The Setting of a concrete key. InputError names the nearest known key."""
    pattern = pattern_of(key)
    if pattern is None:
        raise InputError(f"unknown setting {'.'.join(key)!r}", nearest(".".join(key)))
    return SETTINGS[pattern]


def item_of(key: Key) -> str:
    """The item name of a concrete key ("ops"), "" when it has none."""
    pattern = pattern_of(key)
    return key[pattern.index("*")] if pattern and "*" in pattern else ""


def nearest(text: str) -> str:
    known = [".".join(key) for key in SETTINGS]
    close = difflib.get_close_matches(text, known, 1, 0.5)
    return f"Did you mean {close[0]!r}?" if close else "See docs/settings.md for all keys."


def normalise(key: Key, value: Any) -> Any:
    """`value` in the one form of its setting (normal.py). ValueError says what was expected. ABSENT stays ABSENT."""
    return ABSENT if value is ABSENT else normal.value_of(setting_of(key), value)


# -- what moves together -----------------------------------------------------------------------------------------------
# Two sides of one thing: when one is changed on purpose, the other follows, and nobody need ask for it.
_TOGETHER = (
    (("tls", "https_only"), ("services", "http")),
    (("tls", "https_only"), ("services", "https")),
    (("tls", "certificate"), ("services", "https")),
    (("nat", "upnp"), ("services", "upnp")),
    (("nat", "wan_admin"), ("nat", "wan_open")),
    (("time", "servers"), ("time", "servers_from_provider")),
    (("network", "dns_servers"), ("network", "dns_from_provider")),
    (("accounts", "anonymous_view"), ("video", "authentication")),
    (("video", "encryption"), ("services", "rtsps")),
    (("ddns", "enabled"), ("ddns", "provider")),
    (("auth", "password_complexity"), ("auth", "password_min_length")),
    (("storage", "edge_recording"), ("storage", "state")),
)


def together(left: Key, right: Key) -> bool:
    """Does a change of one bring a change of the other along? Also True for keys of one item."""
    pattern = pattern_of(left)
    if pattern is not None and "*" in pattern and pattern.index("*") == 1 and left[:2] == right[:2] and len(right) > 2:
        return True
    return any({left[:2], right[:2]} == {one, two} for one, two in _TOGETHER)


# -- the order of changes ----------------------------------------------------------------------------------------------
_WAYS_IN = ("http", "https", "onvif")  # services that we ourselves come in by


def closes_http(key: Key, new: Any) -> bool:
    """Does setting `key` to `new` end management over plain HTTP?"""
    if key == ("services", "http", "enabled"):
        return new is False
    return key == ("tls", "https_only") and new is True


def phase_of(key: Key, old: Any, new: Any) -> Phase:
    """When the change old -> new belongs (DESIGN 6). `old` is None when unknown, ABSENT when there was none."""
    setting = setting_of(key)
    if key[0] == "accounts" and len(key) == 3:
        if new is ABSENT or new is False:
            return Phase.CLOSE
        rank = {role: index for index, role in enumerate(ROLES)}
        if key[2] == "role" and old in rank and rank[new] > rank[old]:
            return Phase.CLOSE  # taking rights away
        return Phase.OPEN
    if key[0] == "services" and key[-1] == "enabled":
        if new:
            return Phase.TRANSPORT if key[1] == "https" else Phase.OPEN
        return Phase.PATH if key[1] in _WAYS_IN else Phase.CLOSE
    return setting.phase

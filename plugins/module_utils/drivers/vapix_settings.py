# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Getting and putting where a key is more than one parameter, or has other words (fact sheet 2, 6 to 10, 15 and 17)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, Reading, Tree
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.vapix_param import (
    MISSING,
    POLICY,
    flag,
    number,
    put_flag,
    unknown,
)

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
        return MISSING
    return None if _HOSTNAME.fullmatch(value) else "a host name has 1 to 63 letters, digits and hyphens"


def get_name(tree: Tree) -> Any:
    """Bonjour and UPnP each tell a name; two different ones are both told."""
    found = [tree[name] for name in FRIENDLY if name in tree]
    return " / ".join(dict.fromkeys(found)) if found else ABSENT


def put_name(tree: Tree, value: str) -> None:
    tree.update({name: value for name in FRIENDLY if name in tree})


def name_limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    if not any(name in tree for name in FRIENDLY):
        return MISSING
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
        return MISSING
    return "the device takes at most 80 characters" if len(value) > 80 else None


# -- logging in --------------------------------------------------------------------------------------------------------
ANONYMOUS = ("System.BoaProtViewer", "PTZ.BoaProtPTZOperator", "Network.RTSP.ProtViewer")
RTSP_LOGIN = ("Network.RTSP.ProtViewer", "Network.RTSP.AuthenticateRTSPOverHTTP")
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
    return None if ANONYMOUS[0] in tree else MISSING


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
    return _SCHEMES.get(tree[POLICY]) or unknown(POLICY, tree[POLICY])


def get_basic(tree: Tree) -> Any:
    """`recommended` is Digest over HTTP and Basic inside TLS: nothing in clear. `basic_digest` is Basic for RTSP."""
    if POLICY not in tree:
        return ABSENT
    return tree[POLICY] in ("basic", "basic_digest") if tree[POLICY] in _SCHEMES else unknown(POLICY, tree[POLICY])


def put_basic(tree: Tree, value: bool) -> None:
    if get_basic(tree) is not value:
        tree[POLICY] = "basic_digest" if value else "digest"  # both are known to every firmware that was read


def get_complexity(tree: Tree) -> Any:
    policy = tree.get("passphrasepolicy")
    return ABSENT if policy is None else policy == "complex" if policy in _POLICIES else unknown("passphrase", policy)


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
SSL3 = "HTTPS.AllowSSLV3"  # of older firmware, beside those two


def get_http(tree: Tree) -> Any:
    """Plain HTTP is there for whoever is not told to use HTTPS."""
    words = [tree[name].lower() for name in GROUPS if name in tree]
    if odd := next((word for word in words if word not in ("http", "https", "both")), ""):
        return unknown(GROUPS[0], odd)
    return any(word != "https" for word in words) if words else ABSENT


def put_http(tree: Tree, value: bool) -> None:
    if get_http(tree) is not value:
        tree.update({name: "both" if value else "https" for name in GROUPS if name in tree})


def get_https_only(tree: Tree) -> Any:
    http = get_http(tree)
    return False if http is True else flag(tree, "HTTPS.Enabled") if http is False else http


def put_https_only(tree: Tree, value: bool) -> None:
    """That HTTPS works before HTTP goes is proven by the engine (H40)."""
    if value:
        put_flag(tree, "HTTPS.Enabled", True)
    put_http(tree, not value)


def http_limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
    return None if GROUPS[0] in tree and "HTTPS.Enabled" in tree else MISSING


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
            return MISSING
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
    three = flag(tree, SSL3)
    if three is True or isinstance(three, Reading):
        return "SSL 3.0" if three is True else three
    one, eleven = flag(tree, OLD_TLS[0]), flag(tree, OLD_TLS[1])
    for found in (one, eleven):
        if not isinstance(found, bool):
            return found
    return "1.0" if one else "1.1" if eleven else "1.2"


def put_tls(tree: Tree, value: str) -> None:
    if get_tls(tree) != value:
        put_flag(tree, SSL3, False)
        put_flag(tree, OLD_TLS[0], value == "1.0")
        put_flag(tree, OLD_TLS[1], value in ("1.0", "1.1"))


def tls_limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    if not all(name in tree for name in OLD_TLS):
        return MISSING
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
        return MISSING
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


def snmp_rest_get(version: str) -> Callable[[Tree], bool]:
    return lambda tree: tree["enabled"] and tree[version]


def snmp_rest_put(version: str) -> Callable[..., None]:
    def put(tree: Tree, value: bool) -> None:
        if value and not tree["enabled"]:
            tree.update(V1=False, V2=False, V3=False)
        tree[version] = value
        tree["enabled"] = (value or tree["enabled"]) and any(tree[name] for name in ("V1", "V2", "V3"))

    return put

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One form per value. Normalisers may run twice without harm; a device's own words are its driver's business."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import zones

_TRUE = {"1", "on", "yes", "true", "enabled"}
_FALSE = {"0", "off", "no", "false", "disabled"}


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("expected true or false")  # H13: "banana" must never become a value


def _int(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError("expected a whole number")
    if isinstance(value, int):
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,18}\s*", value):
        return int(value)
    raise ValueError("expected a whole number")


def _str(value: Any) -> str:
    if isinstance(value, (dict, list, bool)) or value is None:
        raise ValueError("expected text")
    return str(value)


def _host(value: Any) -> str:
    return _str(value).strip().rstrip(".").lower()


def _name(value: Any) -> str:
    """A host's own name: its letters stay as they are, so that an undo brings back exactly these."""
    return _str(value).strip().rstrip(".")


def _address(value: Any) -> str:
    """10.0.0.1/32 is 10.0.0.1; a network keeps its prefix with the host bits cleared; names stay names."""
    text = _host(value)
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return text
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _interface(value: Any) -> str:
    """An address with its prefix: 192.168.1.1/24 (the host bits stay)."""
    text = _host(value)
    try:
        return str(ipaddress.ip_interface(text))
    except ValueError:
        return text


def _mac(value: Any) -> str:
    digits = re.sub(r"[^0-9a-fA-F]", "", _str(value))  # dashes, dots, none (H15)
    if len(digits) != 12:
        return _str(value).strip().lower()
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2)).lower()


def _log_server(value: Any) -> str:
    """host, host:port or proto://host:port in full: udp://192.0.2.10:514. IPv6 addresses stand in brackets."""
    text = _host(value)
    protocol, mark, place = text.partition("://")
    protocol, place = (protocol, place) if mark else ("udp", text)
    if place.count(":") > 1 and not place.startswith("["):
        place = f"[{place}]"
    if not re.search(r":\d{1,5}$", place):
        place += ":514"
    return f"{protocol}://{place}"


_SPECIAL = {
    "log_server": _log_server,
    "": _str, "text": _str, "host": _host, "name": _name, "address": _address, "interface": _interface, "mac": _mac,
    "zone": lambda value: zones.canonical(_str(value)),
}  # fmt: skip


def _map(setting: Any, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"expected a map with {', '.join(setting.fields)}")
    unknown = sorted(set(value) - set(setting.fields))
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}; known: {', '.join(setting.fields)}")
    result: dict[str, Any] = {}
    for name in setting.fields:
        if name not in value or value[name] in (None, "", []):
            continue
        member = value[name]
        if name in ("port", "to_port"):
            member = _str(member).strip().replace(":", "-")
        elif name == "ports":
            member = sorted({_str(m).strip().replace(":", "-") for m in _listed(member)})
        elif name == "sources":
            member = sorted({_address(m) for m in _listed(member)})
        elif name == "mac":
            member = _mac(member)
        elif name in ("to", "address"):
            member = _address(member)
        else:
            member = _str(member)
        result[name] = member
    return result


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _list(setting: Any, value: Any) -> list[Any]:
    members = _listed(value)
    if setting.of == "map":
        result: list[Any] = [_map(setting, member) for member in members]
    elif setting.of == "int":
        result = [_int(member) for member in members]
    else:
        special = _SPECIAL[setting.normal]
        result = [special(member) for member in members]
    if setting.ordered:
        return list({json.dumps(m, sort_keys=True): m for m in result}.values())
    return [m for _text, m in sorted({json.dumps(m, sort_keys=True): m for m in result}.items())]


def value_of(setting: Any, value: Any) -> Any:
    """`value` in the one form of `setting`; ValueError says what was expected."""
    if setting.type == "bool":
        return _bool(value)
    if setting.type == "int":
        return _int(value)
    if setting.type == "enum":
        word = _str(value).strip().lower()
        if word not in setting.choices:
            raise ValueError(f"expected one of {', '.join(setting.choices)}")
        return word
    if setting.type == "list":
        return _list(setting, value)
    if setting.type == "map":
        return _map(setting, value)
    return _SPECIAL[setting.normal](value)

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small edits of flat tables: switches, lists, the source filter, time zones (dahua-cgi.md)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import zones
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    UNVERIFIABLE,
    Reading,
    Stored,
    Tree,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import Refused
from ansible_collections.nwcs.hardening.plugins.module_utils.normal import value_of
from ansible_collections.nwcs.hardening.plugins.module_utils.settings import setting_of

_TRUTH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
NOTHING = frozenset({"", "0.0.0.0", "::", "null"})
# The vendor's numbers of time zones in minutes east of Greenwich; 0, 14, 25 and 27 agree with devices that were seen
# (fact sheet, NTP), the others are the rest of the same list, so what was written is read again.
ZONES = dict(enumerate((
    0, 60, 120, 180, 210, 240, 270, 300, 330, 345, 360, 390, 420, 480, 540, 570, 600, 660, 720, 780,
    -60, -120, -180, -210, -240, -300, -360, -420, -480, -540, -600, -660, -720,
)))  # fmt: skip


def truth(value: str) -> bool | None:
    """None: a word that is neither on nor off, which must never be told as off (H51)."""
    return _TRUTH.get(value.strip().lower())


def on(value: str) -> bool | Reading:
    """A switch in the device's word."""
    return unknown(value) if (told := truth(value)) is None else told


def unknown(value: str) -> Reading:
    return Reading(UNVERIFIABLE, why=f"the device holds {value[:60]!r}, which is known as neither on nor off")


def word(value: bool) -> str:
    return "true" if value else "false"


def matching(tree: Tree, pattern: str) -> list[str]:
    """The keys of a table that a pattern describes as a whole, in the order of the device."""
    return [key for key in tree if re.fullmatch(pattern, key)]


def switch(pattern: str = r"(\[\d+\]\.)?Enable", together: Callable[[Iterator[bool]], bool] = any) -> tuple[Any, Any]:
    """(get, put) of one switch in a table, or of one in each row: on when any (or all) of them are.

    A word that is not known counts as what it could be: on and off.
    """

    def get(*trees: Tree) -> Any:
        rows = [[tree[key] for key in matching(tree, pattern)] for tree in trees]
        words = [word for row in rows for word in row]
        if not words:
            return ABSENT
        told = [truth(word) for word in words] + [None for row in rows if not row]
        least, most = together(one is True for one in told), together(one is not False for one in told)
        if least == most:
            return least
        doubt = [word for word in words if truth(word) is None]
        return unknown(doubt[0]) if doubt else Reading(UNVERIFIABLE, why="one of its tables shows no switch")

    def put(*trees_and_value: Any) -> None:
        *trees, value = trees_and_value
        for tree in trees:
            for key in matching(tree, pattern):
                if truth(tree[key]) != value:
                    tree[key] = word(value)

    return get, put


def has(pattern: str) -> Callable[..., bool]:
    """`when`: the device shows such a key in one of the tables."""
    return lambda _ctx, *trees: any(matching(tree, pattern) for tree in trees)


def alone(other: str, pattern: str) -> Callable[..., bool]:
    """`when`: the device shows such a key, and has no table `other` beside it. One that was refused may be there (H23),
    and could say otherwise."""
    return lambda ctx, tree: bool(matching(tree, pattern)) and other not in getattr(ctx, "withheld", ())


def field(key: str) -> tuple[Any, Any]:
    """(get, put) of one text."""

    def put(tree: Tree, value: str) -> None:
        tree[key] = value

    return (lambda tree: tree.get(key, ABSENT)), put


def shown(key: str) -> Callable[..., bool]:
    return lambda _ctx, tree, *_more: key in tree


def text_limit(_ctx: Any, _tree: Tree, _item: str, value: str) -> str | None:
    if any(ord(letter) < 32 for letter in value) or len(value) > 63:
        return "the device takes names of at most 63 characters in one line"
    return None


# -- lock-out ----------------------------------------------------------------------------------------------------------
def attempts(tree: Tree) -> Any:
    """Failures until the lock; 0 where it is switched off."""
    if "LockLoginEnable" not in tree:
        return ABSENT
    switched = on(tree["LockLoginEnable"])
    if switched is not True:
        return 0 if switched is False else switched
    number = tree.get("LockLoginTimes", "")
    return int(number) if number.isdecimal() and len(number) < 6 else ABSENT


def put_attempts(tree: Tree, value: int) -> None:
    if value:
        tree["LockLoginTimes"] = str(value)
    tree["LockLoginEnable"] = word(value > 0)


def attempts_limit(_ctx: Any, tree: Tree, _item: str, value: int) -> str | None:
    if "LockLoginEnable" not in tree:
        return "the device shows no lock-out in its table General"
    return None if 0 <= value <= 30 else "the device locks after 1 to 30 failures; 0 switches it off"


def minutes(tree: Tree) -> Any:
    seconds = tree.get("LoginFailLockTime", "")
    return int(seconds) // 60 if seconds.isdecimal() and len(seconds) < 8 else ABSENT


def put_minutes(tree: Tree, value: int) -> None:
    tree["LoginFailLockTime"] = str(value * 60)


def minutes_limit(_ctx: Any, tree: Tree, _item: str, value: int) -> str | None:
    if "LoginFailLockTime" not in tree:
        return "the device shows no lock time in its table General"
    return None if 1 <= value <= 1440 else "expected 1 to 1440 minutes"


# -- time --------------------------------------------------------------------------------------------------------------
def zone(ntp: Tree, locales: Tree | None = None) -> Any:
    """POSIX, fixed: summer time is a switch of its own here, with dates of one year (table Locales)."""
    number = ntp.get("TimeZone", "")
    if not number.isdecimal() or len(number) > 3 or int(number) not in ZONES:
        return ABSENT
    if locales and truth(locales.get("DSTEnable", "false")) is None:
        return unknown(locales["DSTEnable"])
    east = ZONES[int(number)]
    text = _posix(east)
    return text + _name(east + 60) if locales and truth(locales.get("DSTEnable", "")) else text


def put_zone(ntp: Tree, *more: Any) -> None:
    """`more` is (table Locales, value), or the value alone."""
    *locales, value = more
    known = zones.key(value)
    east = known[0] // 60 if known else 0
    ntp["TimeZone"] = next(str(number) for number, minutes_ in ZONES.items() if minutes_ == east)
    for tree in locales:
        if truth(tree.get("DSTEnable", "")):
            tree["DSTEnable"] = "false"


def zone_limit(_ctx: Any, ntp: Tree, *more: Any) -> str | None:
    known = zones.key(more[-1])
    if known is None:
        return "not a time zone known here"
    if known[1] is not None:
        return "summer time has dates of one year only on this device; use a zone without it"
    if "TimeZone" not in ntp:
        return "the device shows no time zone in its table NTP"
    return None if known[0] % 60 == 0 and known[0] // 60 in ZONES.values() else "the device has no such zone"


def _name(east: int) -> str:
    hours, rest = divmod(abs(east), 60)
    return f"<{'-' if east < 0 else '+'}{hours:02d}{f'{rest:02d}' if rest else ''}>"


def _posix(east: int) -> str:
    if east == 0:
        return "UTC0"
    hours, rest = divmod(abs(east), 60)
    return f"{_name(east)}{'-' if east > 0 else ''}{hours}{f':{rest:02d}' if rest else ''}"


# -- source filter -----------------------------------------------------------------------------------------------------
_LISTS = {"allow": "TrustList", "deny": "BannedList"}


def filter_tree(table: Tree) -> Tree:
    """{"mode", "list", "sources", "raw"}: `list` is the one that counts when the filter is on.

    Refused where it is not clear whether it is on, or which list counts.
    """
    name, switched = table.get("Type", ""), truth(table.get("Enable", ""))
    if switched is None or name not in _LISTS.values():
        told = ", ".join(f"{key} {table[key][:20]!r}" for key in ("Enable", "Type") if key in table)
        raise Refused(f"the source filter has another shape ({told or 'neither Enable nor Type'}).")
    slots = _slots(table, name)
    mode = next(mode for mode, held in _LISTS.items() if held == name) if switched else "off"
    return {"mode": mode, "list": name, "sources": list(slots.values()), "raw": dict(table)}


def _slots(table: Tree, name: str) -> dict[int, str]:
    found = {}
    for key in matching(table, rf"{name}\[\d+\]"):
        if table[key].strip() not in NOTHING:
            found[int(key[len(name) + 1 : -1])] = table[key].strip()
    return found


def put_mode(tree: Tree, value: str) -> None:
    tree["mode"] = value
    tree["list"] = _LISTS.get(value, tree["list"])


def put_sources(tree: Tree, value: list[str]) -> None:
    tree["sources"] = list(value)


def sources_limit(_ctx: Any, tree: Tree, _item: str, value: list[str]) -> str | None:
    """Whether the lists take networks is not documented, and one that is not understood could shut us out. So they
    are written only where the device holds one already."""
    held = [text for key, text in tree["raw"].items() if "List[" in key]
    if any("/" in source for source in value) and not any("/" in text for text in held):
        return "its lists are known to take single addresses only; name the addresses instead of a network"
    return None if len(value) <= 256 else "the list has room for 256 addresses"


def store_filter(ctx: Any, old: Tree, new: Tree) -> Stored:
    """The list first, then its kind, Enable last; switched off first where that is wanted. Addresses that stay keep
    their place, so that nobody is shut out in between. An OK proves nothing: what is to let us in is read again before
    the request that relies on it."""
    raw, on, was_on = old["raw"], new["mode"] != "off", old["mode"] != "off"
    slots = _slots(raw, new["list"])
    wanted = [source for source in new["sources"] if source not in slots.values()]
    places = [number for number in range(256) if number not in slots]
    places += [number for number, source in slots.items() if source not in new["sources"]]
    added = [(f"{new['list']}[{places.pop(0)}]", source) for source in wanted]
    taken = {key for key, _source in added}
    gone = [(f"{new['list']}[{number}]", "") for number, source in slots.items() if source not in new["sources"]]
    gone = [change for change in gone if change[0] not in taken]
    kind = [("Type", new["list"])] if new["list"] != old["list"] else []
    if not on:
        return ctx.set_table("AccessFilter", [*([("Enable", "false")] if was_on else []), *added, *gone, *kind])
    if was_on and not kind:  # this list is in force: who comes is let in before who goes
        first, then = added, gone
    elif was_on:
        first, then = [*added, *gone], kind
    else:
        first, then = [*added, *gone, *kind], [("Enable", "true")]
    ctx.set_table("AccessFilter", first)
    if then:
        _check_list(ctx, new, whole=then is not gone, kind=not was_on)
    return ctx.set_table("AccessFilter", then)


def _check_list(ctx: Any, new: Tree, whole: bool, kind: bool) -> None:
    """Refused unless the device holds the addresses that were written (`whole`: no others; `kind`: as the list that
    counts). What it does not hold could shut us out."""
    table = ctx.tables(["AccessFilter"])["AccessFilter"]
    if isinstance(table, Exception):
        raise table
    held, wanted = (_addresses(found) for found in (_slots(table, new["list"]).values(), new["sources"]))
    fits = held == wanted if whole else wanted <= held
    if not fits or (kind and table.get("Type") != new["list"]):
        raise Refused(f"{ctx.name}: the device said OK, and its source filter does not hold what was written; what was "
                      "in force stays.", "Look at the address filter in the device's own pages.")  # fmt: skip


def _addresses(sources: Iterable[str]) -> set[str]:
    return set(value_of(setting_of(("access", "sources")), list(sources)))


# -- network cards -----------------------------------------------------------------------------------------------------
def card(tree: Tree) -> str:
    """The network card in use."""
    named = tree.get("DefaultInterface", "")
    cards = [key.partition(".")[0] for key in matching(tree, r"[A-Za-z0-9]+\.IPAddress")]
    return named if named in cards else (cards or [""])[0]


def of_card(name: str) -> Callable[[Tree], Any]:
    def get(tree: Tree) -> Any:
        value = tree.get(f"{card(tree)}.{name}", "")
        return ABSENT if value.strip() in NOTHING else value

    return get


def address(tree: Tree) -> Any:
    """The address of the card in use with the length of its network, where the device tells the mask."""
    own, mask = of_card("IPAddress")(tree), of_card("SubnetMask")(tree)
    if own is ABSENT:
        return ABSENT
    try:
        return [str(ipaddress.ip_interface(f"{own}/{mask}" if mask else own))]
    except ValueError:
        return [own]


def mac(tree: Tree) -> str:
    digits = re.sub(r"[^0-9a-f]", "", tree.get(f"{card(tree)}.PhysicalAddress", "").lower())
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2)) if len(digits) == 12 else ""


def dns_keys(tree: Tree) -> list[str]:
    return matching(tree, rf"{re.escape(card(tree))}\.DnsServers\[\d+\]")


def dns(tree: Tree) -> Any:
    keys = dns_keys(tree)
    return [tree[key] for key in keys if tree[key].strip() not in NOTHING] if keys else ABSENT


def put_dns(tree: Tree, value: list[str]) -> None:
    for number, key in enumerate(dns_keys(tree)):
        wanted = value[number] if number < len(value) else "0.0.0.0"
        if tree[key].strip() != wanted:
            tree[key] = wanted


def dns_limit(_ctx: Any, tree: Tree, _item: str, value: list[str]) -> str | None:
    room = len(dns_keys(tree))
    if any(":" in address for address in value):
        return "this table takes IPv4 addresses"
    return None if len(value) <= room else f"the device has room for {room} DNS servers"

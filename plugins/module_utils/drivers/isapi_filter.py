# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter by source address of an ISAPI device, in the form that the device itself uses (fact sheet 9)."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, UNVERIFIABLE, Reading, Stored
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_xml as xml
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi_answers import number
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi_session import IsapiContext
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import DeviceError, LoginRefused, Refused

Tree = dict[str, str]
IP_FILTER = "System/Network/ipFilter"
_LIST = "IPFilterAddressList"
_KNOWN = re.compile(r"id|permissionType|addressFilterType|(AddressMask/)?(ipAddress|ipv6Address|bitMask|bitMaskIPV6)")
_NOTHING_MORE = ("", "0.0.0.0", "::", "255.255.255.255")  # of an element beside the address
_LEFT = "The address filter could not be brought back to what it was; it may be open. Look at it."


def filter_mode(tree: Tree) -> Any:
    on = xml.flag(tree, "enabled")
    if on is not True:
        return "off" if on is False else on
    return xml.get(tree, "permissionType").lower()


def put_filter_mode(tree: Tree, value: str) -> None:
    xml.put_flag(tree, "enabled", value != "off")
    if value == "off":
        return
    xml.put(tree, "permissionType", value)
    for index in range(1, len(xml.find(tree, f"{_LIST}/IPFilterAddress")) + 1):
        if xml.has(tree, path := f"{_LIST}/IPFilterAddress[{index}]/permissionType"):
            xml.put(tree, path, value)


def mode_limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    there = xml.has(tree, "enabled") and (value == "off" or xml.has(tree, "permissionType"))
    return None if there else "the device does not list this switch"


def filter_sources(tree: Tree) -> Any:
    """UNVERIFIABLE where an entry says more than one address or network: nobody would know whom else it lets in."""
    if odd := _odd(tree, armed=xml.flag(tree, "enabled") is not False):
        why = f"an entry of the address filter has {odd}, which is not known here; look at it in the device's own pages"
        return Reading(UNVERIFIABLE, None, why, "ip_filter")
    return _sources(tree)


def _odd(tree: Tree, armed: bool) -> str:
    """What an entry says beyond its address (ranges, masks by other names, while armed a permission of its own); or
    ""."""
    whole = _kind(tree) if armed else ""
    for node in xml.find(tree, f"{_LIST}/IPFilterAddress"):
        own = xml.child(tree, node, "permissionType").lower()
        if whole and own not in ("", whole):
            return f"the permission {own[:40]!r}"
        entry = xml.as_document(tree, node)
        filled = {path: word for path, word in xml.leaves(entry) if word not in _NOTHING_MORE}
        if xml.child(tree, node, "addressFilterType").lower() not in ("", "mask"):
            return f"the kind {filled['addressFilterType'][:40]!r}"
        if odd := next((path for path in filled if not _KNOWN.fullmatch(path)), ""):
            return odd[:80]
        if len([path for path in filled if path.endswith(("ipAddress", "ipv6Address"))]) > 1:
            return "two addresses"
    return ""


def _kind(tree: Tree) -> str:
    return xml.get(tree, "permissionType", "").lower()


def _sources(tree: Tree) -> list[str]:
    found = []
    for node in xml.find(tree, f"{_LIST}/IPFilterAddress"):
        v4 = xml.child(tree, node, "AddressMask/ipAddress") or xml.child(tree, node, "ipAddress")
        v6 = xml.child(tree, node, "AddressMask/ipv6Address") or xml.child(tree, node, "ipv6Address")
        bits = xml.child(tree, node, "AddressMask/bitMaskIPV6" if v6 and not v4 else "AddressMask/bitMask")
        if v4 or v6:
            found.append(f"{v4 or v6}/{bits}" if bits else v4 or v6)
    return found


def put_filter_sources(tree: Tree, value: list[str]) -> None:
    """In the form of the entries that are there, else in the long form; storing finds out whether that was right."""
    if sorted(_sources(tree)) != sorted(value):
        _rewrite(tree, value, plain=_is_plain(tree))


def filter_limits(ctx: Any, tree: Tree, item: str, value: list[str]) -> str | None:
    if not xml.has(tree, _LIST):
        return "the device does not list a place for addresses"
    room = number(xml.attributes(tree, xml.find(tree, _LIST)[0]).get("size", "")) or 32
    if len(value) > room:
        return f"the device has room for {room} addresses"
    for word in value:
        try:
            network = ipaddress.ip_network(word, strict=False)
        except ValueError:
            return f"{word[:60]!r} is no address"
        if network.num_addresses > 1:
            return "the device takes single addresses; how it wants a network is not published"
        if network.version != 4:
            return "IPv4 addresses only: how a device wants others differs"
    return None


def _is_plain(tree: Tree) -> bool:
    """Entries with the address in themselves, without AddressMask."""
    there = xml.find(tree, f"{_LIST}/IPFilterAddress")
    return bool(there) and not any(kid.name == "AddressMask" for node in there for kid in node.children)


def _rewrite(tree: Tree, value: list[str], plain: bool) -> None:
    permission = xml.get(tree, "permissionType", "allow")
    entries = []
    for index, word in enumerate(value, 1):
        address = xml.element(tree, "ipAddress", xml.escape(word))
        inner = xml.element(tree, "id", str(index))
        if plain:
            inner += address
        else:
            inner += xml.element(tree, "permissionType", xml.escape(permission))
            inner += xml.element(tree, "addressFilterType", "mask") + xml.element(tree, "AddressMask", address)
        entries.append(xml.element(tree, "IPFilterAddress", inner))
    xml.set_children(tree, _LIST, entries)


def store_filter(ctx: IsapiContext, old: Tree, new: Tree) -> Stored:
    """List and kind are written unarmed and read back; only what then stands there is armed. Nothing is left half done:
    the new filter is in force, or the old one. One that shall be off stays off, whatever becomes of its list."""
    armed, back = xml.flag(new, "enabled") not in (False, ABSENT), dict(old)  # a word that nobody knows may be on
    if _same_list(old, new) and (not armed or (xml.flag(old, "enabled") is True and _kind(old) == _kind(new))):
        return Stored(_put(ctx, new))
    if not armed and xml.has(back, "enabled"):
        xml.put_flag(back, "enabled", False)
    try:
        staged, restart = _stage(ctx, old, new)
        if armed:
            xml.put(staged, "enabled", xml.get(new, "enabled"))
            restart |= _arm(ctx, staged)
        return Stored(restart)
    except DeviceError as error:
        # One refused login is enough: the device counts them.
        if isinstance(error, LoginRefused) or not _brought_back(ctx, back):
            error.message = f"{error.message} {_LEFT}"
        raise


def _same_list(one: Tree, other: Tree) -> bool:
    return sorted(_sources(one)) == sorted(_sources(other))


def _stage(ctx: IsapiContext, old: Tree, new: Tree) -> tuple[Tree, bool]:
    """Write the list unarmed, in the form that the device takes. What now stands there, and whether it says restart."""
    restart = False
    forms = [_is_plain(new)] if xml.find(old, f"{_LIST}/IPFilterAddress") or not _sources(new) else [False, True]
    for plain in forms:
        staged = dict(new)
        if not _same_list(old, new):
            _rewrite(staged, _sources(new), plain)
        xml.put_flag(staged, "enabled", False)
        try:
            restart |= _put(ctx, staged)
        except Refused:
            if plain is forms[-1]:
                raise
            continue
        held = ctx.fetch(IP_FILTER, "ip_filter")
        if _same_list(held, new) and _kind(held) == _kind(staged) and not _odd(held, armed=True):
            return staged, restart
    raise Refused(f"{ctx.name}: the filter does not hold the addresses that were written, so it was not armed.")


def _arm(ctx: IsapiContext, tree: Tree) -> bool:
    """Twice, if need be: what stands there now lets everybody in."""
    try:
        return _put(ctx, tree)
    except LoginRefused:
        raise
    except DeviceError:
        return _put(ctx, tree)


def _put(ctx: IsapiContext, tree: Tree) -> bool:
    return ctx.send("PUT", IP_FILTER, tree, "ip_filter").restart


def _brought_back(ctx: IsapiContext, old: Tree) -> bool:
    try:
        _put(ctx, old)
        held = ctx.fetch(IP_FILTER, "ip_filter")
    except DeviceError:
        return False
    return xml.flag(held, "enabled") == xml.flag(old, "enabled") and _sources(held) == _sources(old)

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address filter of a SUNAPI device (hanwha-sunapi.md: IP filter; H41).

Its kind is `Allow` (only listed) or `Deny` (all but listed). Under `Deny` a rule in force that holds our address shuts
us out; under `Allow` the lack of one does, taken literally (whether a list without a rule in force lets everybody in is
UNVERIFIED). So between the two there is no safe order of two requests: kind and our own rule change in one, which the
camera's own page does too (`AccessType` with `update`). A device whose schema has no such parameter is left as it is.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    UNVERIFIABLE,
    Reading,
    Stored,
    Tree,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_answers as answers
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    Refused,
    Unsupported,
)

FILTER = "security/ipfilter"
_ONE_REQUEST = (
    "the device does not take the kind of filter and our own rule in one request, and either order of two could shut "
    "us out: set the kind in its own page, then run again"
)


# -- reading -----------------------------------------------------------------------------------------------------------
def fetch_filter(ctx: Any) -> Tree:
    """{"mode", "types": {"IPv4": "Deny"}, "rules": [{"type", "index", "source", "on"}], "sources", "one", "open"}.

    Without a rule in force nothing is filtered, whatever the type of access says: we are being answered. `one`: the
    type is one for both. `open`: what an allow list leaves unfiltered. BadAnswer where a rule is not understood.
    """
    found = ctx.view(FILTER)
    rules, types = _rules(f"{ctx.name}: {FILTER}", found)
    if "AccessType" in found:
        types = dict.fromkeys(("IPv4", "IPv6"), found["AccessType"])
    on = [rule for rule in rules if rule["on"]]
    words = {types.get(rule["type"], "") for rule in on}
    if not types or set(types.values()) - {"Allow", "Deny"} or len(words) > 1 or "" in words:
        raise Unsupported(f"{ctx.name}: {FILTER}: the filter is of a kind that is not documented.")
    mode = words.pop().lower() if words else "off"
    if mode == "off" and "Allow" in types.values():
        ctx.facts["filter_empty_is_open"] = True
    unfiltered = [kind for kind, word in types.items() if mode == "allow" and word == "Deny"]
    if "IPv6" in unfiltered and _without_ipv6(ctx):
        unfiltered.remove("IPv6")
    return {
        "mode": mode, "types": types, "rules": rules, "one": "AccessType" in found, "open": unfiltered,
        "sources": sorted(rule["source"] for rule in (on or rules)),
    }  # fmt: skip


def _rules(where: str, found: answers.Parsed) -> tuple[list[dict[str, Any]], dict[str, str]]:
    rules, types = [], {}
    headings = found.get("#") if isinstance(found.get("#"), dict) else {}
    told = "IPFilters" in found or "ipfilter" in headings
    for group in found.get("IPFilters") or []:
        kind, rows = group.get("IPType", "") if isinstance(group, dict) else "", None
        if kind:
            rows = group.get("Filters")
        if rows is None or (rows and not isinstance(rows, list)):
            raise BadAnswer(f"{where}: the list of rules has another shape.")
        if "AccessType" in group:
            types[kind] = group["AccessType"]
        fields = ("IPIndex", "Address", "Mask", "Enable")
        rules += [_rule(where, kind, *(row.get(name, "") for name in fields)) for row in rows or []]
    for name, value in found.items():
        if name.startswith("ipfilter."):
            match = re.fullmatch(r"ipfilter\.(IPv[46])\.([0-9]+)", name)
            if not match or not isinstance(value, str) or value.count("/") != 2:
                raise BadAnswer(f"{where}: a rule has another shape.")
            rules.append(_rule(where, match[1], match[2], *value.split("/")))
            told = True
    if not told:
        raise BadAnswer(f"{where}: the answer has no list of rules.")
    return rules, types


def _rule(where: str, kind: str, index: str, address: str, mask: str, on: str) -> dict[str, Any]:
    try:
        network = ipaddress.ip_network(f"{address}/{int(mask)}", strict=False)
    except (TypeError, ValueError):
        network = None
    known = {"true": True, "false": False}.get(str(on).lower())
    if network is None or f"IPv{network.version}" != kind or known is None or not re.fullmatch("[0-9]{1,4}", index):
        raise BadAnswer(f"{where}: a rule of {kind or 'no kind'} is not understood.")
    return {"type": kind, "index": index, "source": _source(str(network)), "on": known}


def _source(text: str) -> str:
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return text.strip()
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _without_ipv6(ctx: Any) -> bool:
    """IPv6Enable of every interface, as the camera's own page has it; whatever is not told counts as on."""
    try:
        found = answers.rows(ctx.view("network/interface"), "Interface", "InterfaceName")
    except (Unsupported, Refused, Busy, BadAnswer):
        return False
    return bool(found) and all(str(row.get("IPv6Enable")).lower() == "false" for row in found)


def mode(tree: Tree) -> Any:
    """Recorders have one kind for IPv4 and one for IPv6: an allow list of one of them lets the other in."""
    if tree["open"]:
        why = f"the allow list is not for {' and '.join(tree['open'])}, which is not filtered"
        return Reading(UNVERIFIABLE, None, why, "ipfilter")
    return tree["mode"]


# -- limits ------------------------------------------------------------------------------------------------------------
def sources_limits(ctx: Any, tree: Tree, item: str, value: list[str]) -> str | None:
    for source in value:
        try:
            ipaddress.ip_network(source, strict=False)
        except ValueError:
            return "the device filters by addresses and networks, not by names"
        if why := ctx.refuses(FILTER, "add", _values(source, True)):
            return why
    return None


def mode_limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    if why := ctx.refuses(FILTER, "update", {"Enable": "False"}):
        return why
    if value != "off" and (why := ctx.refuses(FILTER, "set", {"AccessType": value.capitalize()})):
        return why
    return _cannot_turn(ctx, tree, value)


def _cannot_turn(ctx: Any, tree: Tree, mode: str) -> str | None:
    """Why the kind cannot be changed without a moment that may shut us out."""
    on = {rule["type"] for rule in tree["rules"] if rule["on"]}
    to_allow = mode == "allow" and "Deny" in tree["types"].values()
    from_allow = mode != "allow" and any(tree["types"].get(kind) == "Allow" for kind in on)
    if from_allow and ctx.facts.get("filter_empty_is_open"):
        return None
    if (to_allow or from_allow) and ctx.refuses(FILTER, "update", {"AccessType": "Allow" if to_allow else "Deny"}):
        return _ONE_REQUEST
    return None


# -- writing -----------------------------------------------------------------------------------------------------------
def store_filter(ctx: Any, old: Tree, new: Tree) -> Stored:
    """What is missing is added out of force, the kind is turned, rules go into force, the others are removed.

    What the device holds now decides, not `old`. A step that is refused takes those before it back.
    """
    ours = client_address(ctx) or ctx.transport.local_address()
    wanted = list(dict.fromkeys(_source(source) for source in new["sources"]))
    mine = next((source for source in wanted if _holds(source, ours)), None)
    tree = fetch_filter(ctx)
    if new["mode"] != "off" and not wanted:
        raise Refused(f"{ctx.name}: a filter without an address is not switched on.")
    if new["mode"] == "allow" and mine is None:
        raise Refused(f"{ctx.name}: an allow list has to hold the address by which the device sees us.")
    if new["mode"] == "deny" and mine is not None:
        raise Refused(f"{ctx.name}: a deny list must not hold the address by which the device sees us.")
    if why := _cannot_turn(ctx, tree, new["mode"]):
        raise Refused(f"{ctx.name}: {why}.")
    there = {rule["source"] for rule in tree["rules"]}
    with _taken_back(ctx) as back:
        for source in wanted:
            if source not in there:
                ctx.send(FILTER, "add", _values(source, False))
                back.append(("remove", source))
        if set(wanted) - there:
            tree = fetch_filter(ctx)
        kept = {rule["source"]: rule for rule in sorted(tree["rules"], key=lambda r: r["on"])}
        if set(wanted) - set(kept):
            raise BadAnswer(f"{ctx.name}: {FILTER} add: the device said yes, and the rule is not there.")
        if new["mode"] == "allow":
            _to_allow(ctx, tree, kept[mine], back)
            _switch(ctx, [kept[source] for source in wanted if source != mine], True, back)
        else:
            _from_allow(ctx, tree, ours, back)
            _switch(ctx, tree["rules"] if new["mode"] == "off" else (), False, back)
            _switch(ctx, [kept[source] for source in wanted] if new["mode"] == "deny" else (), True, back)
    gone = [rule for rule in tree["rules"] if rule["source"] not in wanted]
    for rule in sorted(gone, key=lambda rule: (rule["type"], -int(rule["index"]))):  # indices may move up
        ctx.send(FILTER, "remove", {"IPType": rule["type"], "IPIndex": rule["index"]})
    return Stored()


@contextmanager
def _taken_back(ctx: Any) -> Iterator[list[tuple[str, Any]]]:
    """A list of what brings each step back. After a clear no it is played, newest first, and the error says so."""
    back: list[tuple[str, Any]] = []
    try:
        yield back
    except (Refused, Unsupported, Busy, BadAnswer) as error:
        if not back:
            raise
        try:
            for action, what in reversed(back):
                if action == "remove":
                    rules = [rule for rule in fetch_filter(ctx)["rules"] if rule["source"] == what]
                    for rule in rules:
                        ctx.send(FILTER, action, {"IPType": rule["type"], "IPIndex": rule["index"]})
                else:
                    ctx.send(FILTER, action, what)
            error.message += " The filter was put back as it was."
        except DeviceError as second:
            error.message += f" The filter could not be put back as it was: {second.message}"
        raise


def _switch(ctx: Any, rules: Iterable[Tree], on: bool, back: list[tuple[str, Any]]) -> None:
    for rule in rules:
        if rule["on"] != on:
            ctx.send(FILTER, "update", _update(rule, on))
            back.append(("update", _update(rule, not on)))
            rule["on"] = on


def _to_allow(ctx: Any, tree: Tree, mine: Tree, back: list[tuple[str, Any]]) -> None:
    """Our own rule goes into force in the request that makes it an allow list. The kind by which we do not come in
    goes first: it cannot shut us out."""
    for kind in () if tree["one"] else tree["types"]:
        if kind != mine["type"] and tree["types"][kind] != "Allow":
            ctx.send(FILTER, "set", {"AccessType": "Allow", "IPType": kind})
            back.append(("set", {"AccessType": "Deny", "IPType": kind}))
    if tree["types"][mine["type"]] == "Allow":
        _switch(ctx, [mine], True, back)
        return
    ctx.send(FILTER, "update", {**_update(mine, True), "AccessType": "Allow"})
    now = fetch_filter(ctx)
    if now["types"].get(mine["type"]) != "Allow":
        if not any(rule["on"] and rule["source"] == mine["source"] for rule in now["rules"]):
            raise BadAnswer(f"{ctx.name}: {FILTER} update: the device said yes, and nothing changed.")
        # It overlooked the kind: the rule now denies us, and only this connection may still be open.
        ctx.send(FILTER, "set", {"AccessType": "Allow", **({} if tree["one"] else {"IPType": mine["type"]})})
    back.append(("update", {**_update(mine, False), "AccessType": "Deny"}))
    mine["on"] = True


def _from_allow(ctx: Any, tree: Tree, ours: str | None, back: list[tuple[str, Any]]) -> None:
    """To `Deny` without a rule in force, which filters nobody. The rule by which we come in is the last to go."""
    kinds = [kind for kind, word in tree["types"].items() if word == "Allow"]
    for group in [kinds] if tree["one"] and kinds else [[kind] for kind in kinds]:
        which = {} if tree["one"] else {"IPType": group[0]}
        on = [rule for rule in tree["rules"] if rule["on"] and rule["type"] in group]
        on.sort(key=lambda rule: _holds(rule["source"], ours))
        if tree["one"] and on and not _holds(on[-1]["source"], ours) and not ctx.facts.get("filter_empty_is_open"):
            raise Refused(f"{ctx.name}: which rule lets us in is not known, so none is put out of force.")
        _switch(ctx, on[:-1], False, back)
        if on and not ctx.refuses(FILTER, "update", {"AccessType": "Deny"}):
            ctx.send(FILTER, "update", {**_update(on[-1], False), "AccessType": "Deny"})
            back.append(("update", {**_update(on[-1], True), "AccessType": "Allow"}))
            on[-1]["on"] = False
            continue
        _switch(ctx, on, False, back)  # a list without a rule in force was seen to let us in
        ctx.send(FILTER, "set", {"AccessType": "Deny", **which})
        back.append(("set", {"AccessType": "Allow", **which}))


def _values(source: str, on: bool) -> dict[str, str]:
    network = ipaddress.ip_network(source, strict=False)
    return {"IPType": f"IPv{network.version}", "Address": str(network.network_address),
            "Mask": str(network.prefixlen), "Enable": str(on)}  # fmt: skip


def _update(rule: Tree, on: bool) -> dict[str, str]:
    return {"IPIndex": rule["index"], **_values(rule["source"], on)}


def client_address(ctx: Any) -> str | None:
    """By which address the device sees us: `getclientip` tells it. The name of its field is not documented, so the one
    address in the answer counts."""
    try:
        found = ctx.view("system/getclientip")
    except (Unsupported, Refused, Busy, BadAnswer):
        return None
    addresses = set()
    for value in found.values():
        try:
            addresses.add(str(ipaddress.ip_address(str(value).strip())))
        except ValueError:
            continue
    return addresses.pop() if len(addresses) == 1 else None


def _holds(source: str, address: str | None) -> bool:
    try:
        return address is not None and ipaddress.ip_address(address) in ipaddress.ip_network(source, strict=False)
    except ValueError:
        return False

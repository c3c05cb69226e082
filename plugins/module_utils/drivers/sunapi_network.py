# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents of a SUNAPI device other than its accounts: answer to tree, changed tree to requests (hanwha-sunapi.md)."""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Callable
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Stored, Tree
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_answers as answers
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    Refused,
    Unsupported,
)

_UNMODELLED = re.compile(r"pass|pwd|community|key$|token", re.I)


class Flat:
    """A submenu of plain `Key=Value` settings: the tree is the answer; a changed key is sent by `set`."""

    def __init__(self, path: str) -> None:
        self.path = path

    def fetch(self, ctx: Any) -> Tree:
        found = ctx.view(self.path)
        tree = {name: value for name, value in found.items() if isinstance(value, str)}
        lists = [value for value in found.values() if isinstance(value, list)]
        if not tree and len(lists) == 1 and len(lists[0]) == 1:  # some submenus wrap their one row in a list
            tree = {name: value for name, value in lists[0][0].items() if isinstance(value, str)}
        if not tree:
            raise Unsupported(f"{ctx.name}: {self.path}: the answer is of a kind that is not documented.")
        return tree

    def store(self, ctx: Any, old: Tree, new: Tree) -> Stored:
        changed = {name: value for name, value in new.items() if old.get(name) != value}
        return ctx.send(self.path, "set", changed)

    def refuses(self, ctx: Any, field: str, value: str) -> str | None:
        return ctx.refuses(self.path, "set", {field: value})


class Pieces(Flat):
    """A submenu with one piece for each channel or interface: {"rows": [{field: text}]}, set one by one."""

    def __init__(self, path: str, prefix: str, field: str) -> None:
        super().__init__(path)
        self.prefix, self.field = prefix, field

    def fetch(self, ctx: Any) -> Tree:
        rows = answers.rows(ctx.view(self.path), self.prefix, self.field)
        return {"rows": [{name: text for name, text in row.items() if isinstance(text, str)} for row in rows]}

    def store(self, ctx: Any, old: Tree, new: Tree) -> Stored:
        for before, after in zip(old["rows"], new["rows"], strict=True):
            changed = {name: value for name, value in after.items() if before.get(name) != value}
            if changed:
                which = {self.field: before[self.field]} if self.field in before else {}
                if ctx.refuses(self.path, "set", which):
                    which = {}  # cameras have one interface, and do not take its name
                ctx.send(self.path, "set", {**which, **changed})
        return Stored()


def rest_of(*modelled: str) -> Callable[[Tree], Any]:
    """What is beyond the model, without secrets and without what changes by itself."""

    def rest(tree: Tree) -> Any:
        rows = tree["rows"] if isinstance(tree.get("rows"), list) else [tree]
        return [
            sorted((name, text) for name, text in row.items() if name not in modelled and not _UNMODELLED.search(name))
            for row in rows
        ]

    return rest


# -- HTTPS -------------------------------------------------------------------------------------------------------------
SSL = Flat("security/ssl")


def http_on(tree: Tree) -> bool:
    return tree["Policy"].startswith("HTTP") and not tree["Policy"].startswith("HTTPS")


def https_on(tree: Tree) -> bool:
    return "HTTPS" in tree["Policy"]


def policy(tree: Tree, http: bool, https: bool) -> str:
    """The policy for two switches. A certificate kind that is in use stays; else the one built into the device."""
    kind = "Public" if tree["Policy"].endswith("Public") else "Proprietary"
    return "HTTP" if not https else f"HTTPandHTTPS{kind}" if http else f"HTTPS{kind}"


def policy_limits(ctx: Any, tree: Tree, http: bool, https: bool) -> str | None:
    if not http and not https:
        return "one of HTTP and HTTPS has to stay"
    return SSL.refuses(ctx, "Policy", policy(tree, http, https))


# -- ports -------------------------------------------------------------------------------------------------------------
PORTS = {"http": "HTTPPort", "https": "HTTPSPort", "rtsp": "RTSPPort"}


def fetch_ports(ctx: Any) -> Tree:
    """All at once where the device has `portconf`, else those of HTTP and HTTPS by themselves."""
    try:
        found = ctx.view("network/portconf")
        return {name: found[name] for name in PORTS.values() if isinstance(found.get(name), str)}
    except Unsupported:
        return {PORTS[name]: ctx.view(f"network/{name}")["Port"] for name in ("http", "https")}


def store_ports(ctx: Any, old: Tree, new: Tree) -> Stored:
    for name, field in PORTS.items():
        if old.get(field) != new.get(field):
            ctx.send(f"network/{name}", "set", {"Port": new[field]})
    return Stored()


# -- TLS versions ------------------------------------------------------------------------------------------------------
TLS = "security/tlsversion"
TLS_WORDS = {"TLSv1_0": "1.0", "TLSv1_1": "1.1", "TLSv1_2": "1.2", "TLSv1_3": "1.3"}


def fetch_tls(ctx: Any) -> Tree:
    found = ctx.view(TLS)
    rows = {row.get("Version"): row.get("Enable") for row in answers.rows(found, "Version", "Version")}
    versions = {word: rows[name] == "True" for name, word in TLS_WORDS.items() if name in rows}
    if not versions:
        raise Unsupported(f"{ctx.name}: {TLS}: the device lists no version.")
    return {"versions": versions, "ciphers": found.get("CipherMode", "")}


def store_tls(ctx: Any, old: Tree, new: Tree) -> Stored:
    changed = {
        f"Version.{name}.Enable": str(new["versions"][word])
        for name, word in TLS_WORDS.items()
        if word in new["versions"] and new["versions"][word] != old["versions"].get(word)
    }
    return ctx.send(TLS, "set", changed)


def put_tls(tree: Tree, value: str) -> None:
    tree["versions"] = {word: word >= value for word in tree["versions"]}


def tls_limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    if value not in tree["versions"]:
        return f"the device has the versions {', '.join(tree['versions'])}"
    names = {word: name for name, word in TLS_WORDS.items()}
    return ctx.refuses(TLS, "set", {f"Version.{names[word]}.Enable": "True" for word in tree["versions"]})


# -- address filter (H41) ----------------------------------------------------------------------------------------------
FILTER = "security/ipfilter"


def fetch_filter(ctx: Any) -> Tree:
    """{"mode", "types": {"IPv4": "Deny"}, "rules": [{"type", "index", "source", "on"}], "sources", "one"}.

    Without a rule in force nothing is filtered, whatever the type of access says. `one`: the type is one for both.
    """
    found = ctx.view(FILTER)
    rules, types = _rules(found)
    if "AccessType" in found:
        types = dict.fromkeys(("IPv4", "IPv6"), found["AccessType"])
    on = [rule for rule in rules if rule["on"]]
    words = {types.get(rule["type"], "").lower() for rule in on}
    if not types or len(words) > 1 or words - {"allow", "deny"}:
        raise Unsupported(f"{ctx.name}: {FILTER}: the filter is of a kind that is not documented.")
    return {
        "mode": words.pop() if words else "off", "types": types, "rules": rules, "one": "AccessType" in found,
        "sources": sorted(rule["source"] for rule in (on or rules)),
    }  # fmt: skip


def _rules(found: answers.Parsed) -> tuple[list[dict[str, Any]], dict[str, str]]:
    rules, types = [], {}
    for group in found.get("IPFilters") or []:
        if "AccessType" in group:
            types[group.get("IPType", "")] = group["AccessType"]
        for row in group.get("Filters") or []:
            if isinstance(row, dict):
                rules.append(_rule(group.get("IPType", ""), row.get("IPIndex", ""), row.get("Address", ""),
                                   row.get("Mask", ""), row.get("Enable", "")))  # fmt: skip
    for name, value in found.items():
        match = re.fullmatch(r"ipfilter\.(IPv[46])\.(\d+)", name)
        if match and isinstance(value, str) and value.count("/") == 2:
            rules.append(_rule(match[1], match[2], *value.split("/")))
    return rules, types


def _rule(kind: str, index: str, address: str, mask: str, on: str) -> dict[str, Any]:
    return {"type": kind, "index": index, "source": _source(f"{address}/{mask}"), "on": on == "True"}


def _source(text: str) -> str:
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return text.strip()
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def sources_limits(ctx: Any, tree: Tree, item: str, value: list[str]) -> str | None:
    for source in value:
        try:
            network = ipaddress.ip_network(source, strict=False)
        except ValueError:
            return "the device filters by addresses and networks, not by names"
        values = {"IPType": f"IPv{network.version}", "Address": str(network.network_address),
                  "Mask": str(network.prefixlen), "Enable": "True"}  # fmt: skip
        if why := ctx.refuses(FILTER, "add", values):
            return why
    return None


def mode_limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
    if value == "off":
        return ctx.refuses(FILTER, "update", {"Enable": "False"})
    return ctx.refuses(FILTER, "set", {"AccessType": value.capitalize()})


def store_filter(ctx: Any, old: Tree, new: Tree) -> Stored:
    """No moment may shut us out: while the type changes no rule is in force; our own network comes first.

    A rule that is in force under `Deny` shuts its address out at once, so nothing is enabled before the type is right.
    """
    ours = client_address(ctx) or ctx.transport.local_address()
    # Under `Allow` the rule by which we come in is the last to go out of force.
    going = sorted((rule for rule in old["rules"] if rule["on"]), key=lambda rule: _holds(rule["source"], ours))
    if new["mode"] == "off":
        for rule in going:
            _update(ctx, rule, False)
        if new["sources"] != old["sources"]:
            raise Refused(f"{ctx.name}: the addresses are changed together with switching the filter on.")
        return Stored()
    if not new["sources"]:
        raise Refused(f"{ctx.name}: a filter without an address is not switched on.")
    wanted = list(dict.fromkeys(_source(source) for source in new["sources"]))
    kept = [rule for rule in old["rules"] if rule["source"] in wanted]
    turned = any(kind != new["mode"].capitalize() for kind in old["types"].values())
    if turned:
        for rule in going:
            _update(ctx, rule, False)
        for kind in [None] if old["one"] else list(old["types"]):
            ctx.send(FILTER, "set", {"AccessType": new["mode"].capitalize(), **({"IPType": kind} if kind else {})})
    for source in sorted(wanted, key=lambda text: not _holds(text, ours)):
        there = next((rule for rule in kept if rule["source"] == source), None)
        if there is None:
            network = ipaddress.ip_network(source, strict=False)
            ctx.send(FILTER, "add", {"IPType": f"IPv{network.version}", "Address": str(network.network_address),
                                     "Mask": str(network.prefixlen), "Enable": "True"})  # fmt: skip
        elif turned or not there["on"]:
            _update(ctx, there, True)
    gone = [rule for rule in old["rules"] if rule["source"] not in wanted]
    for rule in sorted(gone, key=lambda rule: (rule["type"], -int(rule["index"] or 0))):  # indices may move up
        ctx.send(FILTER, "remove", {"IPType": rule["type"], "IPIndex": rule["index"]})
    return Stored()


def _update(ctx: Any, rule: Tree, on: bool) -> None:
    network = ipaddress.ip_network(rule["source"], strict=False)
    values = {"IPIndex": rule["index"], "IPType": rule["type"], "Address": str(network.network_address),
              "Mask": str(network.prefixlen), "Enable": str(on)}  # fmt: skip
    ctx.send(FILTER, "update", values)


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


# -- time --------------------------------------------------------------------------------------------------------------
DATE = Flat("system/date")
VOLATILE = ("LocalTime", "UTCTime", "NTPLastUpdatedTime", "NTPStatus", "controller")


def fetch_date(ctx: Any) -> Tree:
    tree = DATE.fetch(ctx)
    return {**tree, "controller": datetime.datetime.now(datetime.UTC).isoformat()}


def moment(text: Any) -> datetime.datetime | None:
    """"2026-01-31 23:59:58" as UTC; None for anything else."""
    match = re.fullmatch(r"(\d{4})[-/](\d\d?)[-/](\d\d?)[ T](\d\d?):(\d\d?):(\d\d?)", str(text).strip())
    try:
        return datetime.datetime(*(int(part) for part in match.groups()), tzinfo=datetime.UTC) if match else None
    except (ValueError, OverflowError):
        return None


def store_date(ctx: Any, old: Tree, new: Tree) -> Stored:
    """To set the kind of time by hand needs the time as well: the device's own is given back to it."""
    names = ("SyncType", "NTPURLList", "POSIXTimeZone")
    changed = {name: new[name] for name in names if name in new and new[name] != old.get(name)}
    if new.get("SyncType") == "NTP" and "NTPURLList" in changed:
        changed["SyncType"] = "NTP"
    if changed.get("SyncType") == "Manual":
        local = moment(fetch_date(ctx).get("LocalTime"))
        if local is None:
            raise Refused(f"{ctx.name}: the device does not tell its time, so its clock cannot be left as it is.")
        parts = ("Year", "Month", "Day", "Hour", "Minute", "Second")
        changed.update({part: str(getattr(local, part.lower())) for part in parts})
    return ctx.send(DATE.path, "set", changed)


# -- cameras of a recorder ---------------------------------------------------------------------------------------------
CAMERAS = "security/cameravalidationstatus"


def fetch_cameras(ctx: Any) -> Tree:
    """{"cameras": {channel: is it connected}, "how": {channel: how its certificate was judged}}."""
    rows = [row for row in answers.rows(ctx.view(CAMERAS), "Channel", "Channel") if "Connected" in row]
    return {
        "cameras": {row["Channel"]: row["Connected"] for row in rows},
        "how": {row["Channel"]: row.get("CameraValidationStatus", "") for row in rows},
    }


# -- what the schema alone tells ---------------------------------------------------------------------------------------
def fetch_schema(ctx: Any) -> Tree:
    """{"submenus": {"network/snmp": [actions]}}: also for what has no documented submenu."""
    if ctx.factory:
        raise Refused(f"{ctx.name}: the schema is closed until the device has an administrator password.")
    found = ctx.schema_again()
    if isinstance(found, DeviceError):
        raise found
    return {"submenus": {path: sorted(actions) for path, actions in sorted(found.items())}}

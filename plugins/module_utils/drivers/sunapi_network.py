# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents of a SUNAPI device other than its accounts: answer to tree, changed tree to requests (hanwha-sunapi.md)."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import UNVERIFIABLE, Reading, Stored, Tree
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import sunapi_answers as answers
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
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
                if len(old["rows"]) == 1 and ctx.refuses(self.path, "set", which):
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
_POLICY = re.compile(r"HTTP|HTTP(andHTTP)?S[A-Za-z0-9]*")


def of_policy(get: Callable[..., bool]) -> Callable[..., Any]:
    """What a policy that nobody knows leaves open is not told as closed."""

    def told(tree: Tree, *item: str) -> Any:
        if _POLICY.fullmatch(tree["Policy"]):
            return get(tree, *item)
        return Reading(UNVERIFIABLE, None, f"the device holds the policy {tree['Policy'][:40]!r}", "ssl")

    return told


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
    told = {word: rows[name] for name, word in TLS_WORDS.items() if name in rows}
    if not told:
        raise Unsupported(f"{ctx.name}: {TLS}: the device lists no version.")
    if not set(told.values()) <= {"True", "False"}:  # one that is not known to be off may be the lowest
        raise BadAnswer(f"{ctx.name}: {TLS}: the device does not tell of each version whether it is on.")
    versions = {word: on == "True" for word, on in told.items()}
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


# -- time --------------------------------------------------------------------------------------------------------------
DATE = Flat("system/date")
VOLATILE = ("LocalTime", "UTCTime", "NTPLastUpdatedTime", "NTPStatus", "controller")


def fetch_date(ctx: Any) -> Tree:
    tree = DATE.fetch(ctx)
    return {**tree, "controller": datetime.datetime.now(datetime.UTC).isoformat()}


def moment(text: Any) -> datetime.datetime | None:
    """"2026-01-31 23:59:58" as UTC; None for anything else."""
    match = re.fullmatch(r"(\d{4})[-/](\d\d?)[-/](\d\d?)[ T](\d\d?):(\d\d?):(\d\d?)", str(text).strip(), re.A)
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

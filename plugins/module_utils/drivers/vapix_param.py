# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""param.cgi: one list of all groups that matter, and updates of what changed (fact sheet section 3).

The tree is {name without "root.": value as text}. Secret values are masked when read and never sent back. Each
parameter has its own words for true and false; WORDS is from the definitions that devices give out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    UNVERIFIABLE,
    Binding,
    Reading,
    Stored,
    Tree,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.vapix_http import PARAM
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import BadAnswer, Refused

GROUPS = (
    "Brand", "Properties.Firmware", "Properties.System", "HTTPS", "Network", "System", "WebService", "RemoteService",
    "SNMP", "Storage", "Tampering", "Time", "API.RemoteSyslog1", "PTZ.BoaProtPTZOperator", "Image.I0.Name",
    "Image.I0.Text", "SOCKS", "Log.Access",
)  # fmt: skip
_ALWAYS = {"Brand", "Properties", "Network", "System", "Time"}  # in every firmware that was read
_GROUP = re.compile("|".join(rf"{re.escape(group)}(\.|$)" for group in GROUPS))
POLICY = "Network.HTTP.AuthenticationPolicy"
MASK = "***"
MISSING = "the device does not have this parameter"
_SECRET = re.compile(r"passw(or)?d$|passwd$|community$|proxylogin$|\.password$", re.I)
_LINE = re.compile(r"(?:root\.)?([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+)=(.*)")

YES_NO, ON_OFF = ("yes", "no"), ("On", "Off")
WORDS = {
    "System.PreventDoSAttack.ActivatePasswordThrottling": ON_OFF,
    "System.AccessLog": ON_OFF,
    "WebService.DiscoveryMode.Discoverable": ("Yes", "No"),
    "API.RemoteSyslog1.Enabled": ("true", "false"),
    "System.BoaProtViewer": ("anonymous", "password"),
    "Network.RTSP.ProtViewer": ("anonymous", "password"),
    "PTZ.BoaProtPTZOperator": ("anonymous", "password"),
}
# What changes by itself, or only tells a state (H56, H57).
VOLATILE = re.compile(
    r"Time\.Server(Date|Time)|SNMP\.EngineBoots|.*\.(Status|ExternalIPAddress|Router|Active)|Network\.ZeroConf\.IPAddress"
    r"|Network\.(eth\d|IPv6|Routing|VolatileHostName|Resolver)\..*|Time\.NTP\.VolatileServer|Network\.DHCP\..*"
)


# -- reading -----------------------------------------------------------------------------------------------------------
def parse(text: str) -> tuple[dict[str, str], list[str]]:
    """(parameters, error lines). Both spellings of names, with and without "root.", occur in one answer."""
    values: dict[str, str] = {}
    errors: list[str] = []
    for line in re.split(r"\r\n|\n|\r", text):
        if line.lstrip().startswith("# Error"):
            errors.append(line.strip()[:200])
        elif found := _LINE.fullmatch(line):
            name, value = found.groups()
            values[name] = MASK if value and _SECRET.search(name) else value
    return values, errors


def fetch(ctx: Any) -> Tree:
    """All groups in one request. Groups that the device does not have are told in error lines, which is no failure.

    How old firmware takes a list with a group that it does not have is not known: where the others are missing as well,
    everything is asked for, which all of them answer.
    """
    values, errors = parse(ctx.text(PARAM, {"action": "list", "group": ",".join(GROUPS)}))
    if errors and not {name.partition(".")[0] for name in values} >= _ALWAYS:
        values, more = parse(ctx.text(PARAM, {"action": "list"}))
        values, errors = {name: value for name, value in values.items() if _GROUP.match(name)}, more
    if not values:
        if errors:
            raise Refused(f"{ctx.name}: {PARAM} list: {errors[0]}")
        raise BadAnswer(f"{ctx.name}: {PARAM} list: the answer holds no parameter.")
    ctx.params = dict(values)
    return values


def store(ctx: Any, old: Tree, new: Tree) -> Stored | None:
    """Only what changed, in one update. Whether a failing update is taken in part is not known: then each by itself.

    Parameters that must not be taken in part do not come here (vapix_filter).
    """
    changes = {name: value for name, value in new.items() if old.get(name) != value and value != MASK}
    if not changes:
        return None
    try:
        return _update_or_each(ctx, changes)
    finally:
        if POLICY in changes:
            ctx.use(ctx.credential)  # the next request asks first how to log in


def _update_or_each(ctx: Any, changes: dict[str, str]) -> None:
    if not update(ctx, changes):
        return
    refused = changes if len(changes) == 1 else {n: v for n, v in changes.items() if update(ctx, {n: v})}
    if refused:
        names = ", ".join(sorted(refused))
        raise Refused(f"{ctx.name}: {PARAM} update: the device did not take {names}.")


def update(ctx: Any, changes: dict[str, str]) -> bool:
    """True: refused. Success is `OK` and no error line; anything else is no answer of this CGI."""
    body = ctx.text(PARAM, {"action": "update", **changes}, write=True)
    if "# Error" in body or body.lstrip().startswith("Error"):
        return True
    if body.strip() != "OK":
        raise BadAnswer(f"{ctx.name}: {PARAM} update: the answer is not OK.")
    return False


def rest(tree: Tree) -> Any:
    """What no binding models."""
    return {name: value for name, value in tree.items() if name not in BOUND and not VOLATILE.fullmatch(name)}


# -- one parameter -----------------------------------------------------------------------------------------------------
def flag(tree: Tree, name: str) -> Any:
    """True, False, ABSENT; a word that this parameter does not know is not credible (H13)."""
    if name not in tree:
        return ABSENT
    yes, no = WORDS.get(name, YES_NO)
    word = tree[name].strip().lower()
    if word in (yes.lower(), no.lower()):
        return word == yes.lower()
    return Reading(UNVERIFIABLE, None, f"the device holds {tree[name][:40]!r}; {name} is {yes} or {no}", "param")


def put_flag(tree: Tree, name: str, value: bool) -> None:
    """In the parameter's own words; one that the device does not have is left away."""
    if name in tree and flag(tree, name) is not value:
        tree[name] = WORDS.get(name, YES_NO)[0 if value else 1]


def number(tree: Tree, name: str) -> int | None:
    word = tree.get(name, "").strip()
    return int(word) if re.fullmatch(r"\d{1,9}", word) else None


def present(*names: str) -> Callable[..., str | None]:
    """limits: all these parameters must be there."""
    return lambda ctx, tree, item, value: None if all(name in tree for name in names) else MISSING


def has(name: str) -> Callable[..., bool]:
    """when: the device lists this parameter."""
    return lambda ctx, tree: name in tree


def unknown(name: str, value: str) -> Reading:
    return Reading(UNVERIFIABLE, None, f"the device holds {value[:40]!r} for {name}, which is not known", "param")


# -- rows --------------------------------------------------------------------------------------------------------------
BOUND: set[str] = set()  # names that bindings model; filled by the tables


def names_of(*names: str) -> tuple[str, ...]:
    BOUND.update(names)
    return names


def row(
    key: str, names: str | Sequence[str], get: Callable[..., Any], put: Callable[..., None] | None, source: str,
    **more: Any,
) -> Binding:  # fmt: skip
    """A binding over the parameters `names`, written short."""
    names_of(*([names] if isinstance(names, str) else names))
    return Binding(tuple(key.split(".")), ("param",), get, put, source=f"fact sheet {source}", **more)


def flag_row(key: str, name: str, source: str, inverted: bool = False, **more: Any) -> Binding:
    """A key that is one parameter."""

    def get(tree: Tree) -> Any:
        found = flag(tree, name)
        return not found if inverted and isinstance(found, bool) else found

    def put(tree: Tree, value: bool) -> None:
        put_flag(tree, name, value is not inverted)

    def limits(ctx: Any, tree: Tree, item: str, value: bool) -> str | None:
        return None if name in tree else MISSING

    return row(key, name, get, put, source, limits=limits, **more)


def text_row(key: str, name: str, source: str, longest: int = 0, **more: Any) -> Binding:
    def get(tree: Tree) -> Any:
        return tree.get(name, ABSENT)

    def limits(ctx: Any, tree: Tree, item: str, value: str) -> str | None:
        if name not in tree:
            return MISSING
        return f"the device takes at most {longest} characters" if longest and len(value) > longest else None

    def put(tree: Tree, value: str) -> None:
        tree[name] = value

    return row(key, name, get, put, source, limits=limits, **more)

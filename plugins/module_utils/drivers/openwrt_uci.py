# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""uci packages as trees: reading, masking, comparing, and the fewest edits from one tree to another.

A tree is {section name: {".type": str, ".anonymous": bool, option: str | [str, ...]}} in the order of the file. Names
of anonymous sections follow from their position (H46): they address a section inside one transaction and mean nothing
else. A section that a binding adds is keyed "+1", "+2"… until the router names it. Secret values are masked when read,
and a masked value is never sent back. Facts: fact sheet sections 5, 8 and 9.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Binding
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_ubus import Call

Section = dict[str, Any]
Tree = dict[str, Section]

MASK = "***"  # a secret that is there
SET = "set"  # a secret that store has to ask for
_SECRET = re.compile(
    r"(password\d*|passwd|passphrase|key[1-4]?|private_key|preshared_key|(.*_)?secret|.*_(password|pwd|psk|key)|psk"
    r"|pincode|pin|ap_pin|token|(.*_)?token|apikey|api_key|r[01]kh)"
)
_NOT_SECRET = {("uhttpd", "key")}  # names a file
_TRUE = ("1", "on", "true", "yes", "enabled")
_FALSE = ("0", "off", "false", "no", "disabled")


def row(path: str, documents: str, get: Callable[..., Any], put: Any = None, **more: Any) -> Binding:
    """A binding, written short: key and documents as text."""
    return Binding(tuple(path.split(".")), tuple(documents.split()), get, put, source="fact sheet 8", **more)


# -- reading -----------------------------------------------------------------------------------------------------------
def is_secret(package: str, option: str) -> bool:
    return _SECRET.fullmatch(option) is not None and (package, option) not in _NOT_SECRET


def parse(package: str, values: Any) -> Tree:
    """The `values` of uci.get for a whole package as a tree; sections in file order, secrets masked."""
    if not isinstance(values, Mapping):
        return {}
    sections = [(name, body) for name, body in values.items() if isinstance(body, Mapping)]
    sections.sort(key=lambda pair: pair[1].get(".index") if isinstance(pair[1].get(".index"), int) else 0)
    tree: Tree = {}
    for name, body in sections:
        section: Section = {".type": str(body.get(".type", "")), ".anonymous": body.get(".anonymous") is True}
        for option, value in body.items():
            if not option.startswith("."):
                text = [str(v) for v in value] if isinstance(value, list) else str(value)
                section[option] = mask(package, option, text)
        tree[str(name)] = section
    return tree


def mask(package: str, option: str, value: Any) -> Any:
    """A secret becomes MASK; "$p$user" (use that system account's password) stays; URLs lose login and query."""
    if is_secret(package, option):
        if package == "rpcd" and isinstance(value, str) and value.startswith("$p$"):
            return value
        return [MASK] * len(value) if isinstance(value, list) else MASK
    if package == "ddns" and option == "update_url" and isinstance(value, str):
        return re.sub(r"\?.*", "?" + MASK, re.sub(r"(//)[^/@]*@", r"\1", value), flags=re.S)
    if package == "ddns" and option in ("param_enc", "param_opt", "username"):
        return MASK
    return value


def masked(value: Any) -> bool:
    return any(MASK in item for item in value) if isinstance(value, list) else isinstance(value, str) and MASK in value


def of_type(tree: Tree, *types: str) -> Iterator[tuple[str, Section]]:
    return ((name, section) for name, section in tree.items() if section[".type"] in types)


def first(tree: Tree, type_: str) -> Section | None:
    return next((section for _name, section in of_type(tree, type_)), None)


def flag(section: Mapping[str, Any] | None, option: str, default: bool) -> bool:
    """A boolean as the router's scripts read it; a word they do not know, like absence, means `default` (H51)."""
    word = str((section or {}).get(option, "")).strip().lower()
    return True if word in _TRUE else False if word in _FALSE else default


def items(section: Mapping[str, Any] | None, option: str) -> list[str]:
    """A list option; a string is split at blanks, as the consumers do."""
    value = (section or {}).get(option, [])
    return [str(v) for v in value] if isinstance(value, list) else str(value).split()


def text(section: Mapping[str, Any] | None, option: str, default: str = "") -> str:
    value = (section or {}).get(option, default)
    return " ".join(value) if isinstance(value, list) else str(value)


def is_dns_option(entry: str) -> bool:
    """Is this entry of dhcp_option the one that hands out name servers?"""
    return entry.startswith(("6,", "option:dns-server,"))


# -- editing a tree ----------------------------------------------------------------------------------------------------
def put_flag(section: Section, option: str, value: bool) -> None:
    """Always explicit (H51); keeps the spelling of the section (on/off), leaves what already says so."""
    old = str(section.get(option, "")).strip().lower()
    if option in section and old in (_TRUE if value else _FALSE):
        return
    section[option] = ("on" if value else "off") if old in ("on", "off") else ("1" if value else "0")


def put_items(section: Section, option: str, values: list[str]) -> None:
    if items(section, option) == list(values):
        return
    if values:
        section[option] = list(values)
    else:
        section.pop(option, None)


def put_text(section: Section, option: str, value: str) -> None:
    if value == "":
        section.pop(option, None)
    elif text(section, option) != value:
        section[option] = value


def add(tree: Tree, type_: str, options: Mapping[str, Any], name: str = "") -> Section:
    """A new section at the end; anonymous without `name`."""
    key = name or next(f"+{i}" for i in range(1, 10_000) if f"+{i}" not in tree)
    section: Section = {".type": type_, ".anonymous": not name}
    section.update({option: value for option, value in options.items() if value not in ("", [], None)})
    tree[key] = section
    return section


# -- comparing ---------------------------------------------------------------------------------------------------------
def content(tree: Tree) -> list[tuple[Any, ...]]:
    """What a tree says, sorted, without the names of anonymous sections; secrets count only as "there"."""
    result = []
    for name, section in tree.items():
        options = {k: v for k, v in section.items() if not k.startswith(".") and v not in ("", [])}
        options = {k: MASK if v == SET and _SECRET.fullmatch(k) else v for k, v in options.items()}
        label = "" if section[".anonymous"] else name
        result.append((section[".type"], label, tuple(sorted((k, str(v)) for k, v in options.items()))))
    return sorted(result)


def align(target: Tree, now: Tree) -> Tree:
    """`target` with its anonymous sections keyed as `now` names them: by equal content, then by order within a type."""
    keys: dict[str, str] = {name: name for name, section in target.items() if not section[".anonymous"]}
    free = [name for name, section in now.items() if section[".anonymous"]]
    for same in (lambda a, b: a == b, lambda a, b: a[".type"] == b[".type"]):
        for name, section in target.items():
            if name not in keys:
                match = next((other for other in free if same(section, now[other])), None)
                if match is not None:
                    keys[name] = match
                    free.remove(match)
    fresh = (f"+{i}" for i in range(1, 10_000))
    return {keys.get(name) or next(fresh): section for name, section in target.items()}


def edits(package: str, old: Tree, new: Tree, secret: Callable[[str], str] | None = None) -> list[Call]:
    """The fewest uci calls from `old` to `new`; equal lists are not sent (rpcd would stage them again).

    `secret(section name)` gives the value to store where a tree says SET.
    """
    calls = []

    def call(method: str, **args: Any) -> None:
        calls.append(Call("uci", method, {"config": package, **args}))

    def sent(name: str, option: str, value: Any) -> Any:
        return secret(name) if secret and value == SET and is_secret(package, option) else value

    for name in old:
        if name not in new:
            call("delete", section=name)
    for name, section in new.items():
        before = old.get(name, {})
        values = {
            option: sent(name, option, value)
            for option, value in section.items()
            if not option.startswith(".") and value not in ("", []) and before.get(option) != value
        }
        values = {option: value for option, value in values.items() if not masked(value)}
        if name not in old:
            call("add", type=section[".type"], values=values, **({} if section[".anonymous"] else {"name": name}))
            continue
        there = [option for option in before if not option.startswith(".") and before[option] not in ("", [])]
        gone = [option for option in there if section.get(option, "") in ("", [])]
        if gone:
            call("delete", section=name, options=gone)
        if values:
            call("set", section=name, values=values)
    return calls

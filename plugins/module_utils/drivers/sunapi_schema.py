# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device's own schema (attributes.cgi/cgis): which submenu, action and parameter exist, and what values they take.

What it does not list is never written (hanwha-sunapi.md, Transport: self-description).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from ansible_collections.nwcs.hardening.plugins.module_utils.decode import local
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import BadAnswer

Schema = dict[str, dict[str, dict[str, Any]]]  # "cgi/submenu" -> action -> parameter -> what it takes


def parse(root: Element) -> Schema:
    """{"security/users": {"update": {"UserID": {"type": "string", "max": 14, "request": True}}}}; BadAnswer: empty."""
    schema: Schema = {}
    for cgi in _named(root, "cgi"):
        for submenu in _named(cgi, "submenu"):
            key = f"{_name(cgi).removesuffix('.cgi')}/{_name(submenu)}"
            for action in _named(submenu, "action"):
                parameters = {_name(item): _parameter(item) for item in _named(action, "parameter")}
                schema.setdefault(key, {}).setdefault(_name(action), {}).update(parameters)
    if not schema:
        raise BadAnswer("the device's schema lists nothing.")
    return schema


def _named(parent: Element, name: str) -> list[Element]:
    return [item for item in parent.iter() if local(item.tag) == name and item is not parent]


def _name(element: Element) -> str:
    return element.get("name") or ""


def _parameter(item: Element) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "string", "request": (item.get("request") or "").lower() == "true"}
    for kind in (child for holder in _named(item, "dataType") for child in holder):
        name = local(kind.tag)
        if name == "enum":
            found.update(type="enum", values=[entry.get("value") or "" for entry in _named(kind, "entry")])
        elif name == "csv":
            found.update(type="csv", values=[entry.get("value") or "" for entry in _named(kind, "entry")])
        elif name == "bool":
            found.update(type="bool", values=[kind.get("true") or "True", kind.get("false") or "False"])
        elif name == "int":
            found.update(type="int", min=_number(kind.get("min")), max=_number(kind.get("max")))
        elif name == "string":
            found.update(max=_number(kind.get("maxlen")))
        break
    return found


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"-?[0-9]{1,12}", text) else None


def parameter(schema: Schema, path: str, action: str, name: str) -> Mapping[str, Any] | None:
    """What a parameter takes; names with a number or token in them are listed with "#" ("Version.#.Enable")."""
    listed = schema.get(path, {}).get(action)
    if listed is None:
        return None
    return listed.get(name) or listed.get(re.sub(r"^([^.]+)\.[^.]+\.", r"\1.#.", name))


def refusal(schema: Schema | None, path: str, action: str, values: Mapping[str, str]) -> str | None:
    """Why the device would not take this request, by its own word; None when it would."""
    if schema is None:
        return "the device does not say what it takes (attributes.cgi), so nothing is written"
    if action not in schema.get(path, {}):
        return f"the device's own schema has no action {action!r} for {path}"
    for name, value in values.items():
        takes = parameter(schema, path, action, name)
        if takes is None or not takes["request"]:
            return f"the device's own schema has no {name} to {action} in {path}"
        if takes["type"] in ("enum", "bool") and takes["values"] and value not in takes["values"]:
            return f"the device's own schema has no {value!r} for {name}; it has {', '.join(takes['values'])}"
        if takes["type"] == "int":
            low, high = takes["min"], takes["max"]
            number = _number(value)
            if number is None or (low is not None and number < low) or (high is not None and number > high):
                return f"the device's own schema takes {name} from {low} to {high}"
        if takes["type"] == "string" and takes.get("max") and len(value) > takes["max"]:
            return f"the device's own schema takes at most {takes['max']} characters for {name}"
    return None

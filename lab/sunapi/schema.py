# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema that a device publishes under /stw-cgi/attributes.cgi and checks each request against."""

from __future__ import annotations

import copy
import functools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import yaml

WRITING = frozenset({"set", "add", "update", "remove", "control", "install"})
_FILE = Path(__file__).parent / "schema.yml"


class Refused(Exception):
    """The device says NG: an error code of its own and a line of text, in an answer of status 200."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


def not_found() -> Refused:
    return Refused(601, "Action Not Found")


def invalid(name: str = "") -> Refused:
    return Refused(602, f"Invalid Parameter(s){': ' + name if name else ''}")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a submenu: `kind` is bool, int, enum, csv or string."""

    name: str
    kind: str
    words: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    request: bool = True
    response: bool = True

    def read(self, text: str) -> Any:
        """The value of a request's text; raises Refused(602) when the schema does not allow it."""
        if self.kind == "bool":
            if text not in ("True", "False"):
                raise invalid(self.name)
            return text == "True"
        if self.kind == "int":
            if not re.fullmatch(r"-?[0-9]{1,9}", text) or not self.low <= int(text) <= self.high:
                raise invalid(self.name)
            return int(text)
        if self.kind == "enum" and text not in self.words:
            raise invalid(self.name)
        if self.kind == "csv":
            return [item.strip() for item in text.split(",") if item.strip()]
        if self.kind == "string" and len(text) > self.high:
            raise invalid(self.name)
        return text

    def xml(self) -> str:
        if self.kind == "enum":
            entries = "".join(f"<entry value={quoteattr(word)}/>" for word in self.words)
            inner = f"<enum>{entries}</enum>"
        elif self.kind == "int":
            inner = f'<int min="{self.low}" max="{self.high}"/>'
        elif self.kind == "bool":
            inner = '<bool true="True" false="False"/>'
        elif self.kind == "csv":
            inner = "<csv/>"
        else:
            inner = f'<string maxlen="{self.high}"/>'
        ways = f'request="{str(self.request).lower()}" response="{str(self.response).lower()}"'
        return f"<parameter name={quoteattr(self.name)} {ways}><dataType>{inner}</dataType></parameter>"


@dataclass(frozen=True)
class Submenu:
    cgi: str
    name: str
    actions: tuple[str, ...]
    parameters: dict[str, Parameter] = field(default_factory=dict)
    wrap: str = ""  # the JSON answer holds the values in a list of this name
    row: str = ""  # parameter that numbers the rows of that list
    only: dict[str, list[str]] = field(default_factory=dict)  # the actions of a parameter that not all of them take

    def takes(self, parameter: Parameter, action: str) -> bool:
        return parameter.request and action in self.only.get(parameter.name, self.actions)

    def xml(self) -> str:
        actions = ""
        for action in self.actions:
            writes = action in WRITING
            known = self.parameters.values()
            told = [p for p in known if (self.takes(p, action) if writes else p.response or p.request)]
            inner = "".join(parameter.xml() for parameter in told)
            level = "Admin" if writes or self.cgi == "security" else "User"
            actions += f'<action name="{action}" accesslevel="{level}">{inner}</action>'
        return f"<submenu name={quoteattr(self.name)}>{actions}</submenu>"


Schema = dict[str, dict[str, Submenu]]


def build(model: dict[str, Any]) -> Schema:
    """The schema of a model: the whole of schema.yml, less its `without`, changed by its `schema` and `actions`.

    `without` names "cgi", "cgi.submenu" or "cgi.submenu.Parameter"; `schema` is laid over parameters:
    {cgi: {submenu: {Parameter: type or null}}}; `actions` gives the actions of a "cgi.submenu", `only` those of a
    parameter: {"cgi.submenu": {Parameter: [action]}}.
    """
    without = set(model.get("without", ()))
    changes = model.get("schema", {})
    made: Schema = {}
    for cgi, menus in _content().items():
        for name, entry in menus.items():
            if cgi in without or f"{cgi}.{name}" in without:
                continue
            params = copy.deepcopy(entry["params"]) | changes.get(cgi, {}).get(name, {})
            parameters = {
                key: _parameter(key, text)
                for key, text in params.items()
                if text is not None and f"{cgi}.{name}.{key}" not in without
            }
            actions = tuple(model.get("actions", {}).get(f"{cgi}.{name}", entry["actions"]))
            menu = Submenu(cgi, name, actions, parameters, entry.get("wrap", ""), entry.get("row", ""),
                           model.get("only", {}).get(f"{cgi}.{name}", {}))  # fmt: skip
            made.setdefault(cgi, {})[name] = menu
    return made


def cgis_xml(schema: Schema, only: str = "") -> str:
    """What attributes.cgi/cgis answers; `only` is the name of one cgi."""
    parts = "".join(
        f"<cgi name={quoteattr(cgi)}>{''.join(menu.xml() for menu in menus.values())}</cgi>"
        for cgi, menus in schema.items()
        if only in ("", cgi)
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<cgis>{parts}</cgis>\n'


def attributes_xml(values: dict[str, dict[str, dict[str, Any]]]) -> str:
    """What attributes.cgi/attributes answers: group > category > attribute with its type and value."""
    groups = ""
    for group, categories in values.items():
        inner = ""
        for category, attributes in categories.items():
            rows = "".join(
                f"<attribute name={quoteattr(name)} type={quoteattr(_type(value))} value={quoteattr(str(value))}/>"
                for name, value in attributes.items()
            )
            inner += f"<category name={quoteattr(category)}>{rows}</category>"
        groups += f"<group name={quoteattr(group)}>{inner}</group>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<attributes>{groups}</attributes>\n'


def _type(value: Any) -> str:
    return "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else "string"


def _parameter(name: str, text: str) -> Parameter:
    words = str(text).split()
    way = words.pop(0) if words[0] in ("r", "w") else ""
    kind, rest = words[0], tuple(words[1:])
    ways = {"request": way != "r", "response": way != "w"}
    if kind == "int":
        return Parameter(name, kind, (), int(rest[0]), int(rest[1]), **ways)
    if kind == "string":
        return Parameter(name, kind, (), 0, int(rest[0]), **ways)
    return Parameter(name, kind, rest, **ways)


@functools.cache
def _content() -> dict[str, Any]:
    return yaml.safe_load(_FILE.read_text(encoding="utf-8"))

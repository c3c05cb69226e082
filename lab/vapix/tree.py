# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parameters of a simulated AXIS device: declared types, access digits, values (fact sheet 3).

The tables in `trees/` are data of recorded devices; see SOURCES.md there.
"""

from __future__ import annotations

import fnmatch
import functools
import ipaddress
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

TREES = Path(__file__).parent / "trees"
STARS = "*****"  # what a device shows of a password
NOBODY = 7  # a write digit that no account reaches (state, not configuration)
XMLNS = "http://www.axis.com/ParameterDefinitionsSchema"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\.?|")


@dataclass(frozen=True)
class Type:
    """A declared type. `entries` are (value, name for people or None, is it a range)."""

    kind: str
    attributes: tuple[tuple[str, str], ...] = ()
    entries: tuple[tuple[str, str | None, bool], ...] = ()

    @classmethod
    @functools.cache
    def parse(cls, text: str) -> Type:
        words, _unused, tail = text.partition(":") if not text.startswith("bool ") else (text, "", "")
        kind, *rest = words.split()
        if kind == "bool":
            return cls("bool", (("true", rest[0]), ("false", rest[1])))
        entries = []
        for entry in tail.split("|") if tail else ():
            value, mark, nice = entry.lstrip("#").partition("~")
            entries.append((value, nice if mark else None, entry.startswith("#")))
        return cls(kind, tuple((n, v) for n, _unused, v in (word.partition("=") for word in rest)), tuple(entries))

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.attributes if key == name), None)

    def accepts(self, value: str) -> bool:
        """Whether the device takes this value for a parameter of this type."""
        if self.kind == "bool":
            return value in (self.get("true"), self.get("false"))
        if self.kind == "enum":
            return value in [entry[0] for entry in self.entries]
        longest = self.get("maxlen")
        if longest is not None and len(value) > int(longest):
            return False
        if self.kind == "int":
            return re.fullmatch(r"-?\d{1,10}", value) is not None and self.clamp(value) == value
        if self.kind == "ip":
            return value == "" or _is_address(value)
        if self.kind == "ipList":
            return all(_is_address(word) for word in re.split(r"[\s,]+", value.strip()) if word)
        if self.kind == "hostname":
            return _HOST.fullmatch(value) is not None or _is_address(value)
        return "\n" not in value and "\r" not in value and "\0" not in value

    def clamp(self, value: str) -> str:
        """The nearest number inside the declared range."""
        number = int(value)
        spans = [tuple(map(int, (text.partition("-")[0], text.partition("-")[2] or text.partition("-")[0])))
                 for text, _unused, _unused in self.entries]  # fmt: skip
        if spans:
            nearest = min((min(max(number, low), high) for low, high in spans), key=lambda one: abs(one - number))
            return value if nearest == number else str(nearest)
        low, high = self.get("min"), self.get("max")
        if low is not None and number < int(low):
            return low
        return high if high is not None and number > int(high) else value

    def render(self, indent: str) -> list[str]:
        words = "".join(f" {name}={quoteattr(value)}" for name, value in self.attributes)
        if not self.entries:
            return [f"{indent}<{self.kind}{words} />"]
        lines = [f"{indent}<{self.kind}{words}>"]
        for value, nice, is_range in self.entries:
            told = "" if nice is None else f" niceValue={quoteattr(nice)}"
            lines.append(f"{indent}  <{'rangeEntry' if is_range else 'entry'} value={quoteattr(value)}{told} />")
        return [*lines, f"{indent}</{self.kind}>"]


@dataclass(slots=True)
class Parameter:
    name: str  # without "root."
    digits: str
    flags: tuple[str, ...]
    type: Type
    nice: str
    value: str

    @classmethod
    def parse(cls, line: str) -> Parameter:
        name, digits, flags, kind, nice, value = line.split("\t")
        return cls(name, digits, tuple(filter(None, flags.split(","))), Type.parse(kind), nice, value)

    def readable(self, level: int) -> bool:
        return level >= int(self.digits[2])

    def writable(self, level: int) -> bool:
        digit = int(self.digits[3])
        return digit < NOBODY and level >= digit and not {"readonly", "const"} & set(self.flags)

    @property
    def secret(self) -> bool:
        return self.type.kind == "password" or "writeonly" in self.flags

    def shown(self) -> str:
        """As a reading gives it: a password as stars; whatever would end the line is left out."""
        if self.secret and self.value:
            return self.value if set(self.value) == {"*"} else STARS  # the recorded ones have five or six
        return re.sub(r"[\r\n\0]", " ", self.value)


@dataclass
class Tree:
    """All parameters in the device's order."""

    rows: dict[str, Parameter] = field(default_factory=dict)
    atomic: bool = False  # one wrong parameter of an update and none is set

    @classmethod
    def load(cls, name: str, places: dict[str, str]) -> Tree:
        """The table `trees/NAME.txt` with its placeholders filled."""
        tree = cls()
        for row in _rows(name):
            tree.put_row(replace(row), places)
        return tree

    def add(self, line: str, places: dict[str, str]) -> None:
        self.put_row(Parameter.parse(line), places)

    def put_row(self, row: Parameter, places: dict[str, str]) -> None:
        if "{" in row.value:
            for mark, text in places.items():
                row.value = row.value.replace("{" + mark + "}", text)
        self.rows[row.name] = row

    def remove(self, pattern: str) -> None:
        """Take a parameter or a whole group away."""
        for name in [name for name in self.rows if name == pattern or name.startswith(pattern + ".")]:
            del self.rows[name]

    def sort(self) -> None:
        """Newly added parameters beside the others of their group, as a device lists them."""
        groups: dict[str, dict[str, Parameter]] = {}
        for name, row in self.rows.items():
            groups.setdefault(name.partition(".")[0], {})[name] = row
        self.rows = {name: row for rows in groups.values() for name, row in rows.items()}

    def get(self, name: str, default: str = "") -> str:
        return self.rows[name].value if name in self.rows else default

    def put(self, name: str, value: str) -> None:
        """Set a value as the device's own daemons do; nothing happens when there is no such parameter."""
        if name in self.rows:
            self.rows[name].value = value

    def is_on(self, name: str, default: bool = False) -> bool:
        row = self.rows.get(name)
        return default if row is None else row.value == (row.type.get("true") or "yes")

    def values(self) -> dict[str, str]:
        return {name: row.value for name, row in self.rows.items()}

    # -- actions ------------------------------------------------------------------------------------------------
    def select(self, group: str, level: int) -> list[Parameter]:
        """The readable parameters of one group, wildcards and a leading `root.` allowed."""
        wanted = re.sub(r"^root(\.|$)", "", group.strip())
        found = [row for row in self.rows.values() if _in_group(row.name, wanted)]
        return [row for row in found if row.readable(level)]

    def update(self, wishes: list[tuple[str, str]], level: int, clamps: bool = False) -> tuple[list[str], list[str]]:
        """Set parameters; returns (error lines, names that were set). With `clamps` anything is taken (H13)."""
        errors, good = [], []
        for name, value in wishes:
            row = self.rows.get(re.sub(r"^root\.", "", name))
            if row is not None and row.writable(level) and clamps and not row.type.accepts(value):
                value = _bent(row, value)
            if row is None or not row.writable(level) or not (clamps or row.type.accepts(value)):
                full = name if name.startswith("root.") else f"root.{name}"
                errors.append(f"# Error: Error setting '{full}' to '{value}'!")
            else:
                good.append((row, value))
        if errors and self.atomic:
            return errors, []
        for row, value in good:
            row.value = value
        return errors, [row.name for row, _unused in good]

    def definitions(self, rows: list[Parameter], model: str, version: str, address: str) -> bytes:
        """The answer to listdefinitions."""
        lines = [
            '<?xml version="1.0" encoding="iso-8859-1" ?>',
            "<parameterDefinitions",
            f'xmlns="{XMLNS}"',
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"',
            f'xsi:schemaLocation="{XMLNS} http://{address}/pub/parameterdefinitions.xsd"',
            'version="1.0">',
            f"  <model>{escape(model)}</model>",
            f"  <firmwareVersion>{escape(version)}</firmwareVersion>",
            '  <group name="root">',
        ]
        open_groups: list[str] = []
        for row in rows:
            *groups, own = row.name.split(".")
            same = next((i for i, pair in enumerate(zip(groups, open_groups, strict=False)) if pair[0] != pair[1]),
                        min(len(groups), len(open_groups)))  # fmt: skip
            _close(lines, open_groups, same)
            for group in groups[same:]:
                lines.append(f"{_pad(len(open_groups))}<group name={quoteattr(group)}>")
                open_groups.append(group)
            lines += _definition(row, own, _pad(len(open_groups)))
        _close(lines, open_groups, 0)
        lines += ["  </group>", "</parameterDefinitions>", ""]
        text = "\n".join(lines)
        return re.sub(r"[\0-\x08\x0b\x0c\x0e-\x1f]", "", text).encode("iso-8859-1", "xmlcharrefreplace")


def _definition(row: Parameter, own: str, pad: str) -> list[str]:
    flags = "".join(f' {flag}="true"' for flag in row.flags)
    about = f"securityLevel={quoteattr(row.digits)} niceName={quoteattr(row.nice)}"
    return [
        f"{pad}<parameter name={quoteattr(own)} value={quoteattr(row.shown(), {chr(34): '&quot;'})} {about}>",
        f"{pad}  <type{flags}>",
        *row.type.render(f"{pad}    "),
        f"{pad}  </type>",
        f"{pad}</parameter>",
    ]


def _pad(depth: int) -> str:
    return "  " * (depth + 2)


def _close(lines: list[str], open_groups: list[str], depth: int) -> None:
    while len(open_groups) > depth:
        open_groups.pop()
        lines.append(f"{_pad(len(open_groups))}</group>")


def _in_group(name: str, wanted: str) -> bool:
    if not wanted or name == wanted or name.startswith(wanted + "."):
        return True
    if "*" not in wanted:
        return False
    parts = name.split(".")[: wanted.count(".") + 1]
    return fnmatch.fnmatchcase(".".join(parts), wanted)


def _bent(row: Parameter, value: str) -> str:
    """What a careless device stores: a number at the end of its range, a word it does not know as the weak one."""
    if row.type.kind == "int":
        return row.type.clamp(value) if re.fullmatch(r"-?\d{1,10}", value) else row.type.get("min") or "0"
    if row.type.kind == "bool":
        return row.type.get("false") or "no"
    return value[: int(row.type.get("maxlen") or 1000)]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@functools.cache
def _rows(name: str) -> list[Parameter]:
    text = (TREES / f"{name}.txt").read_text(encoding="utf-8")
    return [Parameter.parse(line) for line in text.split("\n") if line and not line.startswith("#")]

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""uci files, packages and deltas: what libuci does, without any session or network.

Behaviour as recorded in tests/captures/openwrt-ubus and as read in libuci and rpcd (see the fact sheet's commits).
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field

Value = str | list[str]
# One line of a delta, as `uci changes` tells it: ("set", section, option, value), ("remove", section), ...
Delta = tuple[str, ...]

NAME = re.compile(r"[A-Za-z0-9_]+\Z")
TYPE = re.compile(r"[!-~]+\Z")
EXTENDED = re.compile(r"@([A-Za-z0-9_-]+)\[(-?\d+)\]\Z")


def type_hash(section_type: str) -> int:
    """The four hex digits of an anonymous section's id: 16 bits of the djb2 hash of its type (libuci list.c)."""
    value = 5381
    for char in section_type.encode():
        value = (value * 33 + char) & 0xFFFFFFFF
    return value & 0xFFFF


@dataclass
class Section:
    type: str
    name: str
    anonymous: bool
    options: dict[str, Value] = field(default_factory=dict)

    def get(self, option: str, default: str = "") -> str:
        """The option as one string; a list is joined by blanks, as shell scripts of the router see it."""
        value = self.options.get(option, default)
        return " ".join(value) if isinstance(value, list) else value

    def list(self, option: str) -> list[str]:
        """The option as a list; a string is split at blanks."""
        value = self.options.get(option, [])
        return list(value) if isinstance(value, list) else value.split()


class Package:
    """One loaded config file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sections: list[Section] = []
        self.counter = 0  # sections ever made since loading; gives anonymous ids their first two digits

    @classmethod
    def parse(cls, name: str, text: str) -> Package:
        """Read a config file. Anonymous ids follow from the position: an inserted section renames all later (H46)."""
        package = cls(name)
        current: Section | None = None
        for words in _statements(text):
            keyword, *rest = words
            if keyword == "config":
                current = package.new(rest[0], rest[1] if len(rest) > 1 else None)
            elif current is None or len(rest) < 2:
                raise ValueError(f"{name}: {keyword} outside a section")
            elif keyword == "option":
                current.options[rest[0]] = rest[1]
            elif keyword == "list":
                value = current.options.setdefault(rest[0], [])
                current.options[rest[0]] = [*(value if isinstance(value, list) else [value]), rest[1]]
        return package

    def export(self) -> str:
        blocks = []
        for section in self.sections:
            lines = [f"config {section.type}" + ("" if section.anonymous else f" {_quote(section.name)}")]
            for option, value in section.options.items():
                if isinstance(value, list):
                    lines += [f"\tlist {option} {_quote(item)}" for item in value]
                else:
                    lines.append(f"\toption {option} {_quote(value)}")
            blocks.append("\n".join(lines) + "\n")
        return "\n".join(blocks)

    def new(self, section_type: str, name: str | None) -> Section:
        """Append a section, or give the existing one of that name the type."""
        found = self.section(name) if name else None
        if found:
            found.type = section_type
            return found
        self.counter += 1
        made = Section(section_type, name or f"cfg{self.counter:02x}{type_hash(section_type):04x}", not name)
        self.sections.append(made)
        return made

    def section(self, reference: str, extended: bool = False) -> Section | None:
        """By name, or (extended) by "@type[index]", where a negative index counts from the end."""
        match = EXTENDED.match(reference) if extended else None
        if match:
            index, same = int(match[2]), self.of_type(match[1])
            return same[index] if -len(same) <= index < len(same) else None
        return next((s for s in self.sections if s.name == reference), None)

    def of_type(self, section_type: str) -> list[Section]:
        return [s for s in self.sections if s.type == section_type]

    def apply(self, delta: Delta) -> None:
        """Play one delta line; a line that no longer fits (its section is gone) is passed over, as libuci does."""
        command, name, *rest = delta
        section = self.section(name)
        if command == "add" or (command == "set" and len(rest) == 1):
            made = self.new(rest[0], name)
            made.anonymous = command == "add"
        elif section is None:
            return
        elif command == "set":
            section.options[rest[0]] = rest[1]
        elif command == "list-add":
            old = section.options.get(rest[0], [])
            section.options[rest[0]] = [*(old if isinstance(old, list) else [old]), rest[1]]
        elif command == "remove" and rest:
            section.options.pop(rest[0], None)
        elif command == "remove":
            self.sections.remove(section)
        elif command == "rename" and len(rest) == 2:
            section.options = {rest[1] if k == rest[0] else k: v for k, v in section.options.items()}
        elif command == "rename":
            section.name, section.anonymous = rest[0], False
        elif command == "order":
            self.sections.remove(section)
            self.sections.insert(int(rest[0]), section)


class Stage:
    """A package as one session sees it, and the delta lines its operations add."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.added: list[Delta] = []

    def _do(self, *delta: str) -> None:
        self.package.apply(delta)
        self.added.append(delta)

    def add(self, section_type: str, name: str | None) -> Section:
        if name is None:
            made = self.package.new(section_type, None)
            self.added.append(("add", made.name, section_type))
            return made
        found = self.package.section(name)
        if found is None or found.type != section_type:
            self._do("set", name, section_type)
        return self.package.section(name)  # type: ignore[return-value]

    def set(self, section: Section, option: str, value: str) -> None:
        """libuci's uci_set: an empty value deletes, the same string again leaves no trace."""
        if not value:
            if option in section.options:
                self.remove(section, option)
        elif section.options.get(option) != value:
            self._do("set", section.name, option, value)

    def add_list(self, section: Section, option: str, value: str) -> None:
        self._do("list-add", section.name, option, value)

    def remove(self, section: Section, option: str | None = None) -> None:
        self._do("remove", section.name, *([option] if option else []))

    def rename(self, section: Section, option: str | None, name: str) -> None:
        self._do("rename", section.name, *([option] if option else []), name)

    def order(self, section: Section, position: int) -> None:
        self._do("order", section.name, str(position))


class Store:
    """/etc/config: file texts, with the parsed form kept beside."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = dict(files)
        self._parsed: dict[str, tuple[str, Package]] = {}

    def load(self, name: str, deltas: list[Delta] = ()) -> Package | None:  # type: ignore[assignment]
        """A fresh package with `deltas` played onto it; None when there is no such file."""
        if name not in self.files:
            return None
        package = copy.deepcopy(self.peek(name))
        for delta in deltas:
            package.apply(delta)
        return package

    def peek(self, name: str) -> Package:
        """The committed package, shared: for reading only; an empty one when there is no file."""
        text = self.files.get(name, "")
        cached = self._parsed.get(name)
        if cached is None or cached[0] != text:
            cached = self._parsed[name] = (text, Package.parse(name, text))
        return cached[1]

    def edit(self, name: str, deltas: list[Delta]) -> None:
        """Commit `deltas` at once (nothing is written without any)."""
        package = self.load(name, deltas)
        if package is not None and deltas:
            self.files[name] = package.export()


def is_true(value: str, default: bool) -> bool:
    """A boolean as the router's init scripts read it: an unknown word is the option's default (H13, H51)."""
    if value in ("1", "on", "true", "yes", "enabled"):
        return True
    if value in ("0", "off", "false", "no", "disabled"):
        return False
    return default


_TOKEN = re.compile(r"""'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)|([^\s'"\\]+)|(\n)|[ \t\r]+""", re.S)


def _statements(text: str) -> list[list[str]]:
    """Words of each line; quotes may span lines, neighbouring pieces make one word, # starts a comment."""
    out: list[list[str]] = [[]]
    joined = False  # the piece touches the one before
    position = 0
    while position < len(text):
        if text[position] == "#" and not joined:
            position = text.find("\n", position) if "\n" in text[position:] else len(text)
            continue
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"unbalanced quotes at {position}")
        position = match.end()
        piece = next((g for g in match.groups()[:4] if g is not None), None)
        if piece is None:
            joined = False
            if match[5]:
                out.append([])
            continue
        if joined:
            out[-1][-1] += piece
        else:
            out[-1].append(piece)
        joined = True
    return [words for words in out if words]


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"

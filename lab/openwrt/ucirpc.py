# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rpcd's `uci` object: per-session staging, and apply with its one pending rollback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .sessions import Sessions
from .uci import EXTENDED, NAME, TYPE, Delta, Package, Section, Stage, Store

OK, INVALID, NOT_FOUND, NO_DATA, DENIED = 0, 2, 4, 5, 6
Reply = tuple[int, Any]  # ubus status, data or None
DEFAULT_APPLY_TIMEOUT = 60


@dataclass
class Pending:
    """The one apply of the whole device that waits for its confirm."""

    sid: str
    deadline: float
    files: dict[str, str] = field(default_factory=dict)
    deltas: dict[str, list[Delta]] = field(default_factory=dict)


class UciObject:
    """`changed(config)` is called for every config.change event, `store` holds the committed files."""

    def __init__(self, store: Store, sessions: Sessions, clock: Any, changed: Callable[[str], None]) -> None:
        self.store = store
        self.sessions = sessions
        self.clock = clock
        self.changed = changed
        self.staged: dict[str, dict[str, list[Delta]]] = {}  # sid -> config -> delta
        self.pending: Pending | None = None
        self.dead_apply = False  # fault: apply answers ok and does nothing

    # -- life cycle --------------------------------------------------------------------------------------------
    def forget(self, sid: str) -> None:
        self.staged.pop(sid, None)

    def tick(self) -> None:
        """Roll back when the time is over."""
        self.sessions.expire()
        if self.pending and self.clock.time() >= self.pending.deadline:
            self._restore()

    def hangup(self) -> None:
        """SIGHUP: sessions and stages stay, the timer is forgotten and the applied change stays (H45)."""
        self.pending = None

    def _restore(self) -> None:
        pending, self.pending = self.pending, None
        assert pending is not None
        alive = self.sessions.by_id.get(pending.sid)
        restage = alive is not None and all(alive.allows("uci", config, "write") for config in pending.files)
        for config, text in pending.files.items():
            self.store.files[config] = text
            self.changed(config)
            if restage:  # the change is staged again, so the next apply would push it again
                self.staged.setdefault(pending.sid, {})[config] = list(pending.deltas[config])

    # -- helpers -----------------------------------------------------------------------------------------------
    def _may(self, sid: str, config: str, function: str) -> bool:
        session = self.sessions.get(sid)
        return bool(session and session.allows("uci", config, function))

    def _stage(self, sid: str, config: str) -> Stage | None:
        package = self.store.load(config, self.staged.get(sid, {}).get(config, []))
        return Stage(package) if package else None

    def _save(self, sid: str, config: str, stage: Stage) -> None:
        if stage.added:
            self.staged.setdefault(sid, {}).setdefault(config, []).extend(stage.added)

    # -- reading -----------------------------------------------------------------------------------------------
    def configs(self, sid: str, args: dict[str, Any]) -> Reply:
        return OK, {"configs": sorted(self.store.files)}

    def get(self, sid: str, args: dict[str, Any]) -> Reply:
        config = args.get("config")
        if config is None:
            return INVALID, None
        if not self._may(sid, config, "read"):
            return DENIED, None
        if config not in self.store.files:
            return NOT_FOUND, None
        deltas = self.staged.get(sid, {}).get(config)
        package = self.store.load(config, deltas) if deltas else self.store.peek(config)
        assert package is not None
        if "section" not in args:
            rows = enumerate(package.sections)
            return OK, {"values": {s.name: dump(s, i) for i, s in rows if matches(s, args)}}
        section = package.section(args["section"], extended=True)
        if section is None:
            return OK, None  # ok without data, not an error
        if "option" not in args:
            return OK, {"values": dump(section)}
        value = section.options.get(args["option"])
        return OK, (None if value is None else {"value": value})

    state = get

    def changes(self, sid: str, args: dict[str, Any]) -> Reply:
        staged = self.staged.get(sid, {})
        config = args.get("config")
        if config is not None:
            if not self._may(sid, config, "read"):
                return DENIED, None
            if config not in self.store.files:
                return NOT_FOUND, None
            return OK, {"changes": [_told(d) for d in staged.get(config, [])]}
        session = self.sessions.get(sid)
        readable = [c for c in sorted(staged) if session and session.allows("uci", c, "read")]
        return OK, {"changes": {c: [_told(d) for d in staged[c]] for c in readable if staged[c]}}

    # -- staging -----------------------------------------------------------------------------------------------
    def add(self, sid: str, args: dict[str, Any]) -> Reply:
        config, section_type, name = args.get("config"), args.get("type"), args.get("name")
        if config is None or section_type is None:
            return INVALID, None
        if not self._may(sid, config, "write"):
            return DENIED, None
        if not TYPE.match(section_type) or (name is not None and not NAME.match(name)):
            return INVALID, None
        stage = self._stage(sid, config)
        if stage is None:
            return NOT_FOUND, None
        section = stage.add(section_type, name)
        for option, value in args.get("values", {}).items():
            texts = [text_of(item) for item in value] if isinstance(value, list) else [text_of(value)]
            if not NAME.match(option) or None in texts:
                return INVALID, None
            for text in texts:
                if isinstance(value, list):
                    stage.add_list(section, option, text)  # type: ignore[arg-type]
                else:
                    stage.set(section, option, text)  # type: ignore[arg-type]
        self._save(sid, config, stage)
        return OK, {"section": section.name}

    def set(self, sid: str, args: dict[str, Any]) -> Reply:
        config, values, wanted = args.get("config"), args.get("values"), args.get("section")
        if config is None or values is None or not {"section", "type", "match"} & set(args):
            return INVALID, None
        if not self._may(sid, config, "write"):
            return DENIED, None
        if wanted is not None and not (NAME.match(wanted) or EXTENDED.match(wanted)):
            return INVALID, None
        stage = self._stage(sid, config)
        if stage is None:
            return NOT_FOUND, None
        targets = _targets(stage.package, args)
        if not targets or not values:
            return NOT_FOUND, None
        bad = [_merge(stage, section, option, value) for section in targets for option, value in values.items()]
        if any(bad):
            return [code for code in bad if code][-1], None  # nothing of the call is staged
        self._save(sid, config, stage)
        return OK, None

    def delete(self, sid: str, args: dict[str, Any]) -> Reply:
        config = args.get("config")
        if config is None or not {"section", "type", "match"} & set(args):
            return INVALID, None
        if not self._may(sid, config, "write"):
            return DENIED, None
        stage = self._stage(sid, config)
        if stage is None:
            return NOT_FOUND, None
        options = args["options"] if "options" in args else [args["option"]] if "option" in args else None
        status = NOT_FOUND
        for section in _targets(stage.package, args):
            if options is None:
                stage.remove(section)
                status = OK
                continue
            there = [o for o in options if isinstance(o, str) and o in section.options]
            for option in there:
                stage.remove(section, option)
            status = OK if there else NOT_FOUND  # the last section decides, as in rpcd
        if status == OK:
            self._save(sid, config, stage)
        return status, None

    def rename(self, sid: str, args: dict[str, Any]) -> Reply:
        config, wanted, name, option = (args.get(k) for k in ("config", "section", "name", "option"))
        if config is None or wanted is None or name is None:
            return INVALID, None
        if not self._may(sid, config, "write"):
            return DENIED, None
        if not NAME.match(name):
            return INVALID, None
        stage = self._stage(sid, config)
        section = stage.package.section(wanted) if stage else None  # no @type[index] here
        if stage is None or section is None or (option is not None and option not in section.options):
            return NOT_FOUND, None
        stage.rename(section, option, name)
        self._save(sid, config, stage)
        return OK, None

    def order(self, sid: str, args: dict[str, Any]) -> Reply:
        config, wanted = args.get("config"), args.get("sections")
        if config is None or wanted is None:
            return INVALID, None
        if not self._may(sid, config, "write"):
            return DENIED, None
        stage = self._stage(sid, config)
        if stage is None:
            return NOT_FOUND, None
        position = 0
        for name in wanted:
            if not isinstance(name, str):
                return INVALID, None
            section = stage.package.section(name)
            if section is None:
                return NOT_FOUND, None
            stage.order(section, position)
            position += 1
        self._save(sid, config, stage)
        return OK, None

    # -- committing --------------------------------------------------------------------------------------------
    def revert(self, sid: str, args: dict[str, Any]) -> Reply:
        return self._finish(sid, args, commit=False)

    def commit(self, sid: str, args: dict[str, Any]) -> Reply:
        return self._finish(sid, args, commit=True)

    def _finish(self, sid: str, args: dict[str, Any], commit: bool) -> Reply:
        if self.pending:
            return DENIED, None
        config = args.get("config")
        if config is None:
            return INVALID, None
        if not self._may(sid, config, "write"):
            return DENIED, None
        if config not in self.store.files:
            return NOT_FOUND, None
        deltas = self.staged.get(sid, {}).pop(config, [])
        if commit:
            self.store.edit(config, deltas)
            self.changed(config)
        return OK, None

    def apply(self, sid: str, args: dict[str, Any]) -> Reply:
        rollback = args.get("rollback", False)  # an integer 1 was dropped as mistyped: no net (H45)
        if self.pending and rollback:
            return DENIED, None
        if self.pending:
            # anybody's plain apply wipes the snapshot of the pending one, and applies nothing (H45)
            self.pending.files.clear()
            return OK, None
        staged = {config: deltas for config, deltas in self.staged.get(sid, {}).items() if deltas}
        if not staged:
            return NO_DATA, None
        if not all(self._may(sid, config, "write") for config in staged):
            return DENIED, None
        pending = Pending(sid, self.clock.time() + args.get("timeout", DEFAULT_APPLY_TIMEOUT))
        for config in sorted(staged):
            pending.files[config] = self.store.files[config]
            pending.deltas[config] = self.staged[sid].pop(config)
            if not self.dead_apply:
                self.store.edit(config, pending.deltas[config])
            self.changed(config)
        if rollback:
            self.pending = pending
        return OK, None

    def confirm(self, sid: str, args: dict[str, Any]) -> Reply:
        if not self.pending:
            return NO_DATA, None
        if self.pending.sid != sid:
            return DENIED, None
        self.pending = None
        return OK, None

    def rollback(self, sid: str, args: dict[str, Any]) -> Reply:
        if not self.pending:
            return NO_DATA, None
        if self.pending.sid != sid:
            return DENIED, None
        self._restore()
        return OK, None

    def reload_config(self, sid: str, args: dict[str, Any]) -> Reply:
        return OK, None


def dump(section: Section, index: int | None = None) -> dict[str, Any]:
    head = {".anonymous": section.anonymous, ".type": section.type, ".name": section.name}
    return head | ({} if index is None else {".index": index}) | section.options


def matches(section: Section, args: dict[str, Any]) -> bool:
    """rpcd's rule: options the section has must match, at least one must, and the ones it lacks do not count."""
    if "type" in args and section.type != args["type"]:
        return False
    hit, empty = False, True
    for option, value in args.get("match", {}).items():
        text = text_of(value)
        if text is None:
            continue
        empty = False
        if option in section.options:
            if text not in section.list(option):
                return False
            hit = True
    return empty or hit


def text_of(value: Any) -> str | None:
    """A JSON value as uci stores it; None when it cannot (null, object, list, fraction)."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value & (0xFFFFFFFF if -(2**31) <= value < 2**31 else 0xFFFFFFFFFFFFFFFF))
    return value.partition("\0")[0] if isinstance(value, str) else None  # C strings end at a NUL


def _targets(package: Package, args: dict[str, Any]) -> list[Section]:
    if "section" in args:
        section = package.section(args["section"], extended=True)
        return [section] if section else []
    return [s for s in package.sections if matches(s, args)]


def _merge(stage: Stage, section: Section, option: str, value: Any) -> int:
    """One option of `set`; returns a ubus status."""
    if not NAME.match(option):
        return INVALID
    if isinstance(value, list):
        texts = [text for text in map(text_of, value) if text is not None]
        if option in section.options:
            stage.remove(section, option)  # lists are never compared, always staged anew
        for text in texts:
            stage.add_list(section, option, text)
        return OK if texts else INVALID
    text = text_of(value)
    if text is None:
        return INVALID
    if isinstance(section.options.get(option), list):
        stage.remove(section, option)
    stage.set(section, option, text)
    return OK


def _told(delta: Delta) -> list[Any]:
    return [*delta[:-1], int(delta[-1])] if delta[0] == "order" else list(delta)

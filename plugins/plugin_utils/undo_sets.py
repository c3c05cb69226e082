# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Undo sets: what a run changed on a device, and what was there before, so that it can be taken back as a whole.

Kept as ("undo", device, run) in the secret store: private and authenticated, for what is in it is sent to the device.
Written before the first change ("begun"), and again with the outcomes ("done"). Passwords never stand in it: a password
that we set stays ours. What is loaded is data: every part is checked again, as if nobody had signed it.
"""

from __future__ import annotations

import contextlib
import copy
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, NOT_OFFERED, STATES, VALUE
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import WRITE_ONLY as HIDDEN
from ansible_collections.nwcs.hardening.plugins.module_utils.design import Want
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, StateError
from ansible_collections.nwcs.hardening.plugins.module_utils.planning import MANAGED, value_from_plain, want_to_plain
from ansible_collections.nwcs.hardening.plugins.module_utils.settings import Phase
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import Documents
from ansible_collections.nwcs.hardening.plugins.plugin_utils.result import OUTCOMES

SCHEMA = 1
KEEP = 20  # sets of one device
BEGUN, DONE, UNDONE = "begun", "done", "undone by "
OURS = "the password stays ours"
IDENTITY = ("serial", "mac", "model", "firmware")
MAX_ENTRIES = 2000
MAX_TEXT = 1000  # characters of a key, reason, name
MAX_VALUE = 65536  # characters of a value as JSON
# These say that the device still has what it had. All others, and none at all (the run was cut off), may have changed.
UNTOUCHED = frozenset({"ok", "would_change", "guarded", "refused", "read_only", "unsupported", "conflict"})


@dataclass
class Entry:
    """One change, in the order of the run.

    old         {"state", "value"} of the reading it was planned from; None: there was no such item
    new         {"value": …} or {"absent": True}
    outcome     as in results; "" as long as nobody knows
    restorable  True, or why the old value cannot come back
    weaker      the old value is the weaker one: going back to it has to be confirmed
    """

    key: str
    old: dict[str, Any] | None
    new: dict[str, Any]
    phase: int
    outcome: str = ""
    restorable: bool | str = True
    weaker: bool = False

    def __post_init__(self) -> None:
        if settings.setting_of(settings.parse_key(self.key)).secret:
            # Whatever was given: no secret gets in here.
            self.old = None if self.old is None else {"state": HIDDEN, "value": None}
            self.new = {"absent": True} if self.new.get("absent") else {"value": MANAGED}
            self.restorable = OURS

    @property
    def why_not(self) -> str:
        """Why the old value cannot come back; "" when it can."""
        if isinstance(self.restorable, str):
            return self.restorable
        if self.old is None:
            has_items = "*" in (settings.pattern_of(settings.parse_key(self.key)) or ())
            return "" if has_items else "it was not there before, and cannot be removed"
        if self.old["state"] == NOT_OFFERED:
            return "the device did not offer it before"
        return "" if self.old["state"] == VALUE else f"its old value was not known ({self.old['state']})"

    @property
    def touched(self) -> bool:
        return self.outcome not in UNTOUCHED


@dataclass
class UndoSet:
    """What one run did to one device. `at`: UTC; `state`: begun, done, or "undone by RUN"."""

    run: str
    job: str
    device: str
    site: str
    at: str
    family: str
    identity: dict[str, str]
    entries: list[Entry] = field(default_factory=list)
    state: str = BEGUN
    schema: int = SCHEMA
    version: str = field(default="", compare=False)  # of the document it was read from or written to

    @property
    def name(self) -> tuple[str, ...]:
        return ("undo", self.device, self.run)


def entry_of(change: Mapping[str, Any], restorable: bool | str = True, weaker: bool = False) -> Entry:
    """The entry of a change in its plain form (planning.Change.to_plain), without any secret."""
    old = change["old"]
    if old is not None:
        old = {"state": old["state"], "value": old.get("value") if old["state"] == VALUE else None}
    entry = Entry(change["key"], old, dict(change["new"]), int(change["phase"]), "", restorable, bool(weaker))
    if entry.old is not None and entry.old["state"] == VALUE and (problem := _unfit(entry.old["value"])):
        entry.old = {"state": HIDDEN, "value": None}  # a text that no file can hold must not stop the run
        entry.restorable = f"its old value cannot be kept: {problem}"
    return entry


# -- life of a set -----------------------------------------------------------------------------------------------------
def begin(documents: Documents, undo_set: UndoSet, keep: str = "") -> UndoSet:
    """Keep what is about to change, before anything is sent. StateError: it could not be kept, so send nothing.

    A second step of the same run on the same device is added to its first. keep: the run that is being undone; its set
    stays, however old it is.
    """
    known, version = documents.read(undo_set.name)
    if known is not None:
        first = from_plain(known, documents.where(undo_set.name))
        _check_own(first, undo_set.device, undo_set.run, undo_set.site, documents.where(undo_set.name))
        undo_set.entries = [*first.entries, *undo_set.entries]
    undo_set.state = BEGUN
    _write(documents, undo_set, version)
    _remove_old(documents, undo_set, keep)
    return undo_set


def finish(documents: Documents, undo_set: UndoSet, outcomes: Mapping[str, Any]) -> UndoSet:
    """Note what became of each entry. `outcomes`: key text -> line of a result, or its outcome alone."""
    for entry in undo_set.entries:
        line = outcomes.get(entry.key, "")
        said = line.get("outcome", "") if isinstance(line, Mapping) else line
        if not entry.outcome and said in OUTCOMES:  # a word we do not know leaves it open: it may have changed
            entry.outcome = said
    undo_set.state = DONE
    _write(documents, undo_set, undo_set.version)
    return undo_set


def undone(documents: Documents, undo_set: UndoSet, by_run: str) -> UndoSet:
    """Note that the run `by_run` took it back. That run has a set of its own, so it can be taken back too."""
    undo_set.state = f"{UNDONE}{by_run}"
    _write(documents, undo_set, undo_set.version)
    return undo_set


def load(documents: Documents, device: str, run: str, site: str | None = None) -> UndoSet:
    """The set of `run`. StateError: there is none (names those that are), it is another's, or it is damaged."""
    content, version = documents.read(("undo", device, run)) if run else (None, "")
    if content is None:
        known = runs(documents, device)
        advice = f"Known runs, newest first: {', '.join(known)}." if known else "No run has changed it yet."
        what = f"there is no undo set of the run {run!r}" if run else "no run is named: give -e run=RUN"
        raise StateError(f"{device}: {what}.", advice)
    where = documents.where(("undo", device, run))
    undo_set = from_plain(content, where)
    _check_own(undo_set, device, run, site, where)
    undo_set.version = version
    return undo_set


def runs(documents: Documents, device: str) -> list[str]:
    """Runs with an undo set of `device`, newest first (a run's id begins with its time)."""
    return sorted((name[2] for name in documents.names("undo", device) if len(name) == 3), reverse=True)


def fits(undo_set: UndoSet, identity: Mapping[str, Any]) -> list[str]:
    """Is this the device that was changed? StateError when serial or MAC say no; notes on another firmware or model."""
    for name in ("serial", "mac"):
        then, now = undo_set.identity.get(name), identity.get(name)
        if then and now and then != now:
            raise StateError(
                f"{undo_set.device}: the {name} is {now}, but run {undo_set.run} changed a device with {then}.",
                "It was replaced: the old values are not those of this device, nothing is sent.",
            )
    return [
        f"The {name} is {identity[name]}; when run {undo_set.run} changed it, it was {undo_set.identity[name]}."
        for name in ("model", "firmware")
        if undo_set.identity.get(name) and identity.get(name) and undo_set.identity[name] != identity[name]
    ]


# -- going back --------------------------------------------------------------------------------------------------------
def wanted(undo_set: UndoSet) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """({key text: plain want}, ["key: why it cannot come back"]), newest first. What did not change is left out."""
    want: dict[str, dict[str, Any]] = {}
    lines: list[str] = []
    for entry in _deciding(undo_set):
        if entry.why_not:
            lines.append(f"{entry.key}: {entry.why_not}")
            continue
        value = ABSENT if entry.old is None else entry.old["value"]
        want[entry.key] = want_to_plain(Want(value, "strict", f"undo of {undo_set.run}"))
    return want, lines


def weaker(undo_set: UndoSet) -> list[str]:
    """Keys of `wanted` whose old value is the weaker one: they need a confirmation."""
    return [entry.key for entry in _deciding(undo_set) if entry.weaker and not entry.why_not]


def _deciding(undo_set: UndoSet) -> list[Entry]:
    """Newest first; of several changes of one key the oldest says what was there before the run."""
    found: dict[str, Entry] = {}
    for entry in reversed(undo_set.entries):
        if entry.touched:
            found.pop(entry.key, None)
            found[entry.key] = entry
    return list(found.values())


# -- plain data --------------------------------------------------------------------------------------------------------
_TEXTS = ("run", "job", "device", "site", "at", "family", "state")
_ENTRY = ("key", "old", "new", "phase", "outcome", "restorable", "weaker")


def to_plain(undo_set: UndoSet) -> dict[str, Any]:
    data = {name: getattr(undo_set, name) for name in ("schema", *_TEXTS)}
    data["identity"] = {name: str(undo_set.identity.get(name) or "") for name in IDENTITY}
    data["entries"] = [{name: copy.deepcopy(getattr(entry, name)) for name in _ENTRY} for entry in undo_set.entries]
    return data


def from_plain(data: Mapping[str, Any], where: str) -> UndoSet:
    """StateError names the document and the entry that is not as it must be."""
    try:
        _exactly(data, ("schema", *_TEXTS, "identity", "entries"))
        if not _is_int(data["schema"]) or data["schema"] != SCHEMA:
            raise _Odd(f"its schema is {data['schema']!r}, this version reads {SCHEMA}")
        texts = {name: _text(data[name], name, empty=name in ("site", "family")) for name in _TEXTS}
        if texts["state"] not in (BEGUN, DONE) and not re.fullmatch(rf"{UNDONE}\S.*", texts["state"]):
            raise _Odd(f"its state is {texts['state']!r}")
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", texts["at"]):
            raise _Odd(f"its time is {texts['at']!r}")
        identity = data["identity"]
        _exactly(identity, IDENTITY)
        entries = data["entries"]
        if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
            raise _Odd(f"entries must be a list of at most {MAX_ENTRIES}")
        return UndoSet(
            **texts,
            identity={name: _text(identity[name], name, empty=True) for name in IDENTITY},
            entries=[_entry(entry, index) for index, entry in enumerate(entries, 1)],
        )
    except _Odd as error:
        raise StateError(f"{where} is no undo set that can be used: {error}.", "Nothing of it is sent.") from None


class _Odd(ValueError):
    """What is wrong with loaded data."""


def _entry(data: Any, index: int) -> Entry:
    try:
        _exactly(data, _ENTRY)
        text = _text(data["key"], "key")
        key = settings.parse_key(text)
        setting = settings.setting_of(key)
        if settings.key_text(key) != text or "*" in key:
            raise _Odd("its key is not written as we write it")
        if setting.observed:
            raise _Odd("this is seen on a device, never set")
        if not _is_int(data["phase"]) or data["phase"] not in list(Phase):
            raise _Odd(f"its phase is {data['phase']!r}")
        if data["outcome"] not in ("", *OUTCOMES):
            raise _Odd(f"its outcome is {data['outcome']!r}")
        if not isinstance(data["weaker"], bool):
            raise _Odd("weaker must be true or false")
        if data["restorable"] is not True:
            _text(data["restorable"], "restorable")
        return Entry(
            text, _old(key, data["old"]), _new(key, data["new"]), data["phase"], data["outcome"], data["restorable"],
            data["weaker"],
        )  # fmt: skip
    except (_Odd, InputError) as error:
        name = data.get("key") if isinstance(data, Mapping) else None
        raise _Odd(f"entry {index} ({str(name)[:100]}): {error}") from None


def _old(key: settings.Key, data: Any) -> dict[str, Any] | None:
    if data is None:
        return None
    _exactly(data, ("state", "value"))
    if data["state"] not in STATES:
        raise _Odd(f"its old state is {str(data['state'])[:50]!r}")
    if data["state"] != VALUE:
        if data["value"] is not None:
            raise _Odd(f"an old value that is {data['state']} cannot have one")
        return {"state": data["state"], "value": None}
    return {"state": VALUE, "value": _value(key, data["value"], "old")}


def _new(key: settings.Key, data: Any) -> dict[str, Any]:
    _exactly(data, ("absent",) if isinstance(data, Mapping) and "absent" in data else ("value",))
    if "absent" in data and data["absent"] is not True:
        raise _Odd("absent can only be true")
    value = value_from_plain(data)
    if value is ABSENT:
        return {"absent": True}
    return {"value": value if settings.setting_of(key).secret else _value(key, value, "new")}


def _value(key: settings.Key, value: Any, which: str) -> Any:
    if problem := _unfit(value):
        raise _Odd(f"its {which} value is {problem}")
    try:
        return settings.normalise(key, value)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise _Odd(f"its {which} value does not fit the setting ({error})") from None


def _unfit(value: Any) -> str:
    """Why a value cannot stand in a set; "" when it can."""
    try:
        text = json.dumps(value, ensure_ascii=False)
        text.encode("utf-8")
    except (ValueError, TypeError, RecursionError):
        return "no plain text or number"
    return "too large" if len(text) > MAX_VALUE else ""


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)  # True is an int for Python


def _exactly(data: Any, names: Iterable[str]) -> None:
    if not isinstance(data, Mapping) or set(data) != set(names):
        raise _Odd(f"expected exactly {', '.join(names)}")


def _text(value: Any, name: str, empty: bool = False) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or not (value or empty):
        raise _Odd(f"{name} must be a text of at most {MAX_TEXT} characters")
    return value


def _check_own(undo_set: UndoSet, device: str, run: str, site: str | None, where: str) -> None:
    """A set that was copied from elsewhere would put another device's values on this one."""
    own = {"device": device, "run": run, **({} if site is None else {"site": site})}
    for name, value in own.items():
        if (found := getattr(undo_set, name)) != value:
            advice = "Somebody copied or renamed it. Nothing of it is sent."
            raise StateError(f"{where} is of the {name} {found!r}, not of {value!r}.", advice)


def _write(documents: Documents, undo_set: UndoSet, version: str) -> None:
    """What could not be loaded again is not written."""
    plain = to_plain(undo_set)
    checked = from_plain(plain, documents.where(undo_set.name))
    undo_set.version = documents.write(undo_set.name, to_plain(checked), version)


def _remove_old(documents: Documents, newest: UndoSet, keep: str) -> None:
    with contextlib.suppress(StateError):  # one too many does no harm, and the next run tries again
        for run in [run for run in runs(documents, newest.device) if run != newest.run][KEEP - 1 :]:
            if run == keep:
                continue
            name = ("undo", newest.device, run)
            documents.delete(name, documents.version(name))

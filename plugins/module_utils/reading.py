# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From documents to readings: which binding speaks for a key, and what its answer is worth."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import compare, probes, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    UNKNOWN,
    UNREADABLE,
    UNSUPPORTED,
    UNVERIFIABLE,
    VALUE,
    WRITE_ONLY,
    Binding,
    Driver,
    Key,
    Reading,
    Tree,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import Refused, Unsupported
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session

Readings = dict[Key, Reading]
Trees = dict[str, Any]


class NotAsked(Refused):
    """The tree of a document that a reading of everything was spared (Document.on_demand)."""


NOT_ASKED = "not read: it is a request of its own on this device, and neither design nor profile names it"


def fetch(session: Session, names: Iterable[str] | None = None) -> Trees:
    """Read the named documents (default: all that can be read, but for those that nobody wants), each once."""
    known = [document.name for document in session.driver.documents if document.fetch is not None]
    if names is not None:
        return _fetched(session, [name for name in known if name in set(names)])
    spared = _spared(session)
    trees = _fetched(session, [name for name in known if name not in spared])
    return {**trees, **{name: NotAsked(NOT_ASKED) for name in known if name in spared}}


def _fetched(session: Session, names: list[str]) -> Trees:
    """Some devices ask for the login of another of their services on the way: it counts as every login does."""
    try:
        return session.driver.fetch(session.ctx, names)
    finally:
        session.logins += [*session.ctx.facts.pop("logins", ()), *session.driver.take_logins()]


def fetch_wanted(session: Session, trees: Trees, readings: Readings, wanted: Iterable[Key]) -> None:
    """What `wanted` names and the reading of everything was spared: into `trees` and `readings`."""
    if not any(isinstance(tree, NotAsked) for tree in trees.values()):
        return
    session.wanted |= set(wanted)
    names = [name for name, tree in trees.items() if isinstance(tree, NotAsked) and name not in _spared(session)]
    if not names:
        return
    trees.update(fetch(session, names))
    now = decode(session.driver, session.ctx, trees)
    for key in [key for key, reading in readings.items() if reading.why == NOT_ASKED]:
        del readings[key]
    for key, reading in now.items():
        readings.setdefault(key, reading)


def _spared(session: Session) -> set[str]:
    spared = {document.name for document in session.driver.documents if document.on_demand}
    for binding in session.driver.bindings if spared else ():
        if spared & set(binding.documents) and any(_meets(binding.key, key) for key in session.wanted):
            spared -= set(binding.documents)
    return spared


def _meets(pattern: Key, key: Key) -> bool:
    """Can a key be meant by both? "*" stands for any item on either side."""
    return len(pattern) == len(key) and all(
        one == other or "*" in (one, other) for one, other in zip(pattern, key, strict=True)
    )


def trees_of(binding: Binding, trees: Mapping[str, Any]) -> list[Tree] | Exception:
    """The trees of a binding, or the exception that one of its documents came back with."""
    found = []
    for name in binding.documents:
        tree = trees.get(name, Unsupported(f"{name} was not read"))
        if isinstance(tree, Exception):
            return tree
        found.append(tree)
    return found


def fitting(
    driver: Driver, ctx: Any, trees: Mapping[str, Any], pattern: Key, write: bool = False, api: str | None = None
) -> Binding | None:
    """The first binding of `pattern` (of those with `put` when writing) whose documents are there and that fits.

    api  only of this API ("" is the main one); None: of any
    """
    for binding in driver.bindings:
        if binding.key != pattern or (write and binding.put is None) or api not in (None, binding.api):
            continue
        found = trees_of(binding, trees)
        if not isinstance(found, Exception) and (binding.when is None or binding.when(ctx, *found)):
            return binding
    return None


def patterns_for(driver: Driver, key: Key) -> list[Key]:
    """The keys under which the driver may have bound `key`: itself, and its pattern with the item open."""
    pattern = settings.pattern_of(key)
    return [key] if pattern is None or pattern == key else [key, pattern]


def way_to_write(driver: Driver, ctx: Any, trees: Mapping[str, Any], key: Key) -> Binding | None:
    """The binding that writes `key`: of the first API that has the item, else of one that can make it."""
    found: Binding | None = None
    item = settings.item_of(key)
    for pattern in patterns_for(driver, key):
        for api in _apis(driver, pattern):
            binding = fitting(driver, ctx, trees, pattern, write=True, api=api)
            if binding is None or not _same_realm(driver, binding, key):
                continue
            if not binding.has_items or item in (binding.domain or ()):
                return binding
            if binding.items and item in binding.items(*(trees[name] for name in binding.documents)):
                return binding
            if found is None or (binding.create and not found.create):
                found = binding
    return found


def may_write(binding: Binding, trees: Mapping[str, Any], key: Key) -> bool:
    """Has the row this item, or can it make it? A row for other items may be all that there is for a key."""
    item = settings.item_of(key)
    if not binding.has_items or binding.create or item in (binding.domain or ()):
        return True
    return bool(binding.items) and item in binding.items(*(trees[name] for name in binding.documents))


def ways_to_write(driver: Driver, key: Key, api: str) -> list[Binding]:
    """Every row of one API by which `key` can be written, whatever fits now."""
    for pattern in patterns_for(driver, key):
        if rows := [b for b in driver.bindings if b.key == pattern and b.put is not None and b.api == api]:
            return rows
    return []


def _apis(driver: Driver, pattern: Key) -> list[str]:
    return list(dict.fromkeys(binding.api for binding in driver.bindings if binding.key == pattern))


def _same_realm(driver: Driver, binding: Binding, key: Key) -> bool:
    if key[0] != "accounts" or not driver.realms:
        return True
    realm = settings.item_of(key).rpartition("@")[2]
    return binding.realm == (realm if realm in driver.realms else "")


def list_unknown(key: Key, readings: Mapping[Key, Reading]) -> bool:
    """Was the list that an item belongs to not read? Then an item that is not in it may still be there."""
    whole = [readings.get(settings.pattern_of(key) or key)]
    realm = settings.item_of(key).rpartition("@")[2] if key[0] == "accounts" else ""
    for known, reading in readings.items():
        if known[0] == "apis" and (key[0] != "accounts" or known[1] == realm):
            whole.append(reading)
    return any(reading is not None and reading.state in UNKNOWN for reading in whole)


def decode(driver: Driver, ctx: Any, trees: Mapping[str, Any]) -> Readings:
    """Every key that the driver binds and whose documents are in `trees` (also as exceptions)."""
    doubts = {
        document.name: why
        for document in driver.documents
        if document.credible and document.name in trees and not isinstance(trees[document.name], Exception)
        and (why := document.credible(ctx, trees[document.name]))
    }  # fmt: skip
    readings: Readings = {}
    for pattern in dict.fromkeys(binding.key for binding in driver.bindings):
        for api in _apis(driver, pattern):
            for key, reading in _of_api(driver, ctx, trees, pattern, api, doubts):
                known = readings.setdefault(key, reading)
                if known.state == VALUE == reading.state:
                    if not _agree(key, known, reading):
                        told = json.dumps(reading.value, ensure_ascii=False)
                        item = f"{settings.key_text(key)}@{api}"
                        readings["conflicts", item] = Reading.of(told, reading.source)
                elif reading.state == VALUE or (known.state == UNSUPPORTED != reading.state):
                    readings[key] = reading  # what one API cannot tell, another can
    return readings


def _agree(key: Key, one: Reading, other: Reading) -> bool:
    """Facts are told in each API's own words, each has ways of its own to log in, and volatile values change."""
    told = key[0] in ("facts", "firmware") or key == ("auth", "http_schemes") or settings.setting_of(key).volatile
    return told or compare.same(key, one.value, other.value)


def _of_api(
    driver: Driver, ctx: Any, trees: Mapping[str, Any], pattern: Key, api: str, doubts: Mapping[str, str]
) -> Iterable[tuple[Key, Reading]]:
    """What one API says of a pattern: by its first row that fits."""
    rows = [b for b in driver.bindings if (b.key, b.api) == (pattern, api) and all(n in trees for n in b.documents)]
    if not rows:
        return
    binding = fitting(driver, ctx, trees, pattern, api=api)
    if binding is None:
        if rows[0].realm:
            yield ("apis", api, "accounts"), _not_read(rows[0], trees)
        else:
            # For items, the pattern itself says that the list is not known: nobody may take it for an empty one (H03).
            yield pattern, _not_read(rows[0], trees)
        for item in (rows[0].domain or ()) if "*" in pattern else ():
            yield _filled(pattern, item), _not_read(rows[0], trees)
        return
    doubt = next((doubts[name] for name in binding.documents if name in doubts), "")
    if doubt and binding.has_items:
        whole = ("apis", api, "accounts") if binding.realm else pattern
        yield whole, Reading(UNVERIFIABLE, None, doubt, "+".join(binding.documents))
    for key, reading in _rows(binding, [trees[name] for name in binding.documents]):
        if doubt and reading.state == VALUE:
            reading = Reading(UNVERIFIABLE, None, doubt, reading.source)
        yield key, reading


def _rows(binding: Binding, found: list[Tree]) -> Iterable[tuple[Key, Reading]]:
    source = "+".join(binding.documents)
    if not binding.has_items:
        yield binding.key, _read(binding, binding.key, source, lambda: binding.get(*found))
        return
    names = list(binding.items(*found)) if binding.items else []
    for item in names:
        yield (
            _filled(binding.key, item),
            _read(binding, _filled(binding.key, item), source, lambda item=item: binding.get(*found, item)),
        )
    for item in binding.domain or ():
        if item not in names:
            yield _filled(binding.key, item), _absent(binding, source)


def _read(binding: Binding, key: Key, source: str, get: Any) -> Reading:
    if binding.secret:
        return Reading(WRITE_ONLY, None, "the device does not give it back", source)
    try:
        value = get()
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        return Reading(UNREADABLE, None, f"the answer has another shape ({type(error).__name__})", source)
    if isinstance(value, Reading):
        return value
    if value is ABSENT:
        return _absent(binding, source)
    try:
        return Reading(VALUE, settings.normalise(key, value), "", source)
    except ValueError as error:
        return Reading(UNVERIFIABLE, None, f"the device holds {str(value)[:60]!r}: {error}", source)


def _absent(binding: Binding, source: str) -> Reading:
    if isinstance(binding.absent, Reading):
        return binding.absent
    if binding.absent is None or binding.absent is ABSENT:
        return Reading(UNSUPPORTED, None, "the device does not list it", source)
    return Reading(VALUE, settings.normalise(binding.key, binding.absent), "", source)


def _not_read(binding: Binding, trees: Mapping[str, Any]) -> Reading:
    found = trees_of(binding, trees)
    if isinstance(found, Unsupported):
        return Reading(UNSUPPORTED, None, str(found), "+".join(binding.documents))
    if isinstance(found, Exception):
        return Reading(UNREADABLE, None, str(found), "+".join(binding.documents))
    return Reading(UNSUPPORTED, None, "not on this model or firmware", "+".join(binding.documents))


def _filled(pattern: Key, item: str) -> Key:
    index = pattern.index("*")
    return (*pattern[:index], item, *pattern[index + 1 :])


# -- what is seen from outside, and the whole ------------------------------------------------------------------------
def observe(session: Session, trees: Mapping[str, Any], readings: Mapping[Key, Reading] | None = None) -> Readings:
    """Sockets, anonymous requests, certificate, clock: no credentials are sent here."""
    if not session.driver.needs_login:
        return {}  # nothing of it is on the network
    endpoints = session.driver.endpoints(session.ctx, trees)
    http = (readings or {}).get(("services", "http", "enabled"))
    off = http is not None and http.state == VALUE and http.value is False
    seen = dict(probes.look(session.ctx.transport, endpoints, session.spec.get("ports") or {}, http_off=off))
    told = session.driver.clock(session.ctx, trees)
    if told:
        device, controller = told
        skew = round((device - controller).total_seconds())
        seen[("time", "skew_seconds")] = Reading.of(skew, "the device's clock against the controller's")
    return seen


def digests(driver: Driver, trees: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """A digest of what each document holds beyond the model; a state where it could not be read."""
    found: dict[str, dict[str, str]] = {}
    for document in driver.documents:
        tree = trees.get(document.name)
        if document.rest is None or tree is None:
            continue
        if isinstance(tree, Exception):
            state = UNSUPPORTED if isinstance(tree, Unsupported) else UNREADABLE
            found[document.name] = {"state": state, "why": str(tree)}
        else:
            found[document.name] = {"digest": compare.digest(document.rest(tree))}
    return found


def snapshot(session: Session, trees: Mapping[str, Any], readings: Mapping[Key, Reading]) -> dict[str, Any]:
    """All that is known of a device as plain data (the shape that sheets and drift work on)."""
    identity = session.ctx.identity
    spared = sorted(settings.key_text(key) for key, reading in readings.items() if reading.why == NOT_ASKED)
    told = [f"Not asked for, because each costs requests of its own: {', '.join(spared)}. A design that names one has "
            "it read."] if spared else []  # fmt: skip
    return {
        "schema": 1,
        "device": session.name,
        "family": session.spec["family"],
        "at": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "identity": {
            field: getattr(identity, field)
            for field in ("manufacturer", "model", "serial", "mac", "firmware", "endpoint")
        },
        "way": dict(session.way),
        "factory_new": session.driver.factory_new(session.ctx, trees),
        # What nobody wanted to know is neither a value nor a failure.
        "readings": {
            settings.key_text(key): plain(reading)
            for key, reading in sorted(readings.items())
            if reading.why != NOT_ASKED
        },
        "documents": digests(session.driver, trees),
        "notes": list(dict.fromkeys([*session.ctx.notes, *told])),
    }


def plain(reading: Reading) -> dict[str, Any]:
    data: dict[str, Any] = {"state": reading.state}
    if reading.state == VALUE:
        data["value"] = reading.value
    if reading.why:
        data["why"] = reading.why
    if reading.source:
        data["source"] = reading.source
    return data

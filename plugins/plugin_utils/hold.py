# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A device on hold: after an incident nothing is changed on it until somebody releases it by name and with a reason.

The document ("hold", device) lies in the secret store: encrypted, authenticated, shared by all hosts of the site.
One that cannot be read counts as a hold. Jobs that change the device or what is known of it (harden, rotate, restart,
undo, accept) are refused; reading goes on.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import Documents

KEEP = 20  # holds and releases that are remembered
TEXT_LIMIT = 500  # characters of a reason or name
SCHEMA = 1
PUT, RELEASED = "hold", "release"
_LINE = ("what", "by", "at", "reason")


class OnHold(StateError):
    """The device is on hold: the job was refused before anything was sent."""

    code = "on_hold"


@dataclass(frozen=True)
class Hold:
    """What is known. `held`: the hold in force {what, by, at, reason} or None; `history`: oldest first, at most KEEP.

    unreadable  why the document cannot be read, "" when it can; the device is then on hold
    """

    held: Mapping[str, str] | None
    history: tuple[Mapping[str, str], ...] = ()
    unreadable: str = ""

    @property
    def on(self) -> bool:
        return self.held is not None or bool(self.unreadable)


def state(documents: Documents, device: str) -> Hold:
    """Never raises: what cannot be read is a hold."""
    return _read(documents, device)[0]


def check(documents: Documents, device: str, what: str) -> None:
    """OnHold when `what` (a job's name) must not be done now."""
    found = state(documents, device)
    if found.unreadable:
        raise OnHold(
            f"{device}: {what} is refused: whether it is on hold cannot be read, so it is: {found.unreadable}",
            "Give the vault password it was written with. If the document is lost: put the device on hold again "
            "(hold.yml -e nwcs_hold=…), which replaces it, and release it then (hold.yml -e nwcs_release=…).",
        )
    if found.held is not None:
        raise OnHold(
            f"{device}: {what} is refused: {_who(found.held)}. Reading goes on.",
            f"When the incident is over: hold.yml -l {device} -e \"nwcs_release='REASON' nwcs_by='NAME'\"",
        )


def put(documents: Documents, device: str, reason: str, by: str) -> str:
    """Put `device` on hold; a sentence that says what is so now. A hold in force stays the one of who put it first."""
    line = _line(PUT, reason, by)
    found, version = _read(documents, device)
    if found.unreadable:
        # Replaced knowingly: on hold before and after, whoever else writes at this moment.
        kept = documents.put_back(("hold", device), _content(line, (line,)))
        where = f" The unreadable document is kept as {kept}." if kept else ""
        return f"{device} is on hold. What was known of an earlier one could not be read.{where}"
    _write(documents, device, found.held or line, (*found.history, line), version)
    if found.held is not None:
        return f"{device} was on hold already: {_who(found.held)}. This reason is kept beside it."
    return f"{device} is on hold: harden, rotate, restart, undo and accept are refused until it is released."


def release(documents: Documents, device: str, reason: str, by: str) -> str:
    """Release `device`; a sentence that says what was. One that is not on hold is told so, and nothing is written."""
    line = _line(RELEASED, reason, by)
    found, version = _read(documents, device)
    if found.unreadable:
        raise OnHold(
            f"{device}: it cannot be released: {found.unreadable}",
            "Give the vault password it was written with, or put it on hold again (nwcs_hold=…), which replaces it.",
        )
    if found.held is None:
        return f"{device} was not on hold; nothing was changed."
    _write(documents, device, None, (*found.history, line), version)
    return f"{device} is released by {line['by']}: {line['reason']}. Before: {_who(found.held)}."


# -- the document ------------------------------------------------------------------------------------------------------
def _read(documents: Documents, device: str) -> tuple[Hold, str]:
    name = ("hold", device)
    try:
        content, version = documents.read(name)
    except StateError as error:
        return Hold(None, (), str(error)), ""
    if content is None:
        return Hold(None), version
    held, history = content.get("held"), content.get("history")
    good = set(content) == {"schema", "held", "history"} and content["schema"] == SCHEMA
    good = good and isinstance(history, list) and len(history) <= KEEP and all(map(_is_line, history))
    if not good or not (held is None or (_is_line(held) and held["what"] == PUT)):
        return Hold(None, (), f"{documents.where(name)} has another shape than expected."), ""
    return Hold(held, tuple(history)), version


def _is_line(data: Any) -> bool:
    return (
        isinstance(data, dict)
        and set(data) == set(_LINE)
        and all(isinstance(text, str) and 0 < len(text) <= TEXT_LIMIT for text in data.values())
        and data["what"] in (PUT, RELEASED)
    )


def _content(held: Mapping[str, str] | None, history: tuple[Mapping[str, str], ...]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "held": None if held is None else dict(held),
        "history": [dict(line) for line in history[-KEEP:]],
    }


def _write(documents: Documents, device: str, held: Any, history: tuple[Mapping[str, str], ...], version: str) -> None:
    documents.write(("hold", device), _content(held, history), version)


def _line(what: str, reason: str, by: str) -> dict[str, str]:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    variable = "nwcs_hold" if what == PUT else "nwcs_release"
    return {"what": what, "by": _asked(by, "nwcs_by", "who"), "at": now, "reason": _asked(reason, variable, "why")}


def _asked(text: str, name: str, word: str) -> str:
    """One line of printable text: InputError when it says nothing."""
    plain = "".join(c if c.isprintable() else " " for c in text) if isinstance(text, str) else ""
    plain = " ".join(plain.split())
    if not plain or len(plain) > TEXT_LIMIT:
        raise InputError(
            f"{name} must say {word}, in at most {TEXT_LIMIT} characters.",
            f"Give it with -e {name}=…; a hold and its release need both a name and a reason.",
        )
    return plain


def _who(held: Mapping[str, str]) -> str:
    return f"on hold by {held['by']} since {held['at']}: {held['reason']}"

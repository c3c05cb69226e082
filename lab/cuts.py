# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power and network of a device, and the moments at which they fail.

Power off: every connection is gone, what the device held in memory is lost, what is in its flash stays. Network off:
the device lives on (its timers run), but nobody reaches it. A `Cut` does one of these at a named moment, once.
`how` is what a client meets: "reset" (connections are reset, new ones refused: quick tests) or "silent" (nothing
comes back at all, which is what a real cut looks like).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .device import LogEntry, Request

WHAT = ("power", "network", "restart", "late")
WHEN = ("before", "during", "after")
OF = ("requests", "writes")
HOW = ("reset", "silent")
# What somebody who changes the certificate asks for -> the kind of certs.py
CERTIFICATES = {
    "renewed": "good",
    "good": "good",
    "other-ca": "other-ca",
    "self-signed": "self-signed",
    "expired": "expired",
    "wrong-name": "name-mismatch",
    "name-mismatch": "name-mismatch",
}


class PowerLost(Exception):
    """The device lost its power while it was working on a request."""


@dataclass(frozen=True)
class Sight:
    """What a request asks for, told before the device acts. `login`: it carries one, or none is needed."""

    operations: tuple[str, ...] = ()
    write: bool = False
    login: bool = False


@dataclass(frozen=True)
class Step:
    """One request that a counted device has answered. `acted` is False when it was refused for its login."""

    operation: str
    write: bool
    acted: bool
    scheme: str


@dataclass
class Cut:
    """One failure at one moment; see Cuttable.cut_at."""

    nth: int
    operation: str | None
    of: str
    when: str
    what: str
    back_after: float | None
    how: str
    seen: int = 0

    def __str__(self) -> str:
        of = self.operation or self.of.removesuffix("s")
        back = "" if self.back_after is None else f", {self.back_after:g} s"
        return f"{self.what} ({self.how}{back}) {self.when} {of} {self.nth}"


class Cuttable:
    """Mixed into every device."""

    name: str
    model: dict[str, Any]
    log: list[LogEntry]

    def __init__(self) -> None:
        self.powered = True
        self.link = "up"  # or "reset", "silent"
        self.boots = 0  # restarts and losses of power so far
        self.boot_seconds: float | None = None  # None: the model's boot_seconds, else its restart_seconds
        self.cuts: list[Cut] = []
        self.steps: list[Step] | None = None  # a list while requests are counted
        self.certificate_generation = 0
        self._power_how = "reset"
        self._power_back: float | None = None
        self._link_back: float | None = None

    # -- what the lab's user asks --------------------------------------------------------------------------------
    def power(self, on: bool, how: str = "reset", back_after: float | None = None) -> None:
        """Take the power away or give it back; the device answers again after its boot time (`boot_seconds`).

        With `back_after` seconds the power comes back by itself.
        """
        _known("how", how, HOW)
        if on:
            if not self.powered:
                self.powered, self._power_back = True, None
                self.restart(self._boot_time())  # type: ignore[attr-defined]
            return
        self._power_how = how
        self._power_back = None if back_after is None else time.monotonic() + back_after
        if self.powered:
            self.powered = False
            self.boots += 1
            self.restarted()  # type: ignore[attr-defined]

    def network(self, on: bool, how: str = "silent", back_after: float | None = None) -> None:
        """Pull or plug the network cable; the device itself notices nothing."""
        _known("how", how, HOW)
        self.link = "up" if on else how
        self._link_back = None if on or back_after is None else time.monotonic() + back_after

    def certificate(self, kind: str) -> None:
        """Serve another certificate and key from now on, one of CERTIFICATES; TLS connections end."""
        _known("certificate", kind, tuple(CERTIFICATES))
        self.model["certificate"] = CERTIFICATES[kind]
        self.certificate_generation += 1

    def cut_at(
        self,
        nth: int | None = None,
        operation: str | None = None,
        when: str = "before",
        what: str = "power",
        back_after: float | None = None,
        of: str = "requests",
        how: str = "reset",
    ) -> Cut:
        """Fail once, at the nth (default: the next) request counted from now.

        `operation` counts requests of that operation only, as the request log names it (one member of a batch is
        enough); `of="writes"` counts what would change the configuration. Both count only what carries a login;
        `of="requests"` counts everything, challenges and RTSP too. `when`: before the device acts, after it acted
        but before it answers, or during the answer (its head and half of its body are out). `what`: power, network,
        restart, or late (answers `back_after` seconds after it acted). `back_after`: seconds until power or network
        are back, or how long the restart takes.
        """
        for key, value, known in (("when", when, WHEN), ("what", what, WHAT), ("of", of, OF), ("how", how, HOW)):
            _known(key, value, known)
        if nth is not None and nth < 1:
            raise ValueError(f"nth counts from 1, not {nth}")
        if what == "late":
            if back_after is None:
                raise ValueError("late needs back_after: the seconds between the act and the answer")
            when = "after"
        cut = Cut(nth or 1, operation, of, when, what, back_after, how)
        self.cuts.append(cut)
        return cut

    def answer_late(self, seconds: float, nth: int | None = None, operation: str | None = None, of: str = "requests"):
        """Act, and answer only after `seconds`: once, at the moment that cut_at describes."""
        return self.cut_at(nth, operation, "after", "late", seconds, of)

    def count(self) -> None:
        """Forget the steps and keep the next ones in `steps`."""
        self.steps = []

    def locked(self) -> dict[str, float]:
        """Source address or account that is locked out -> seconds left."""
        return {}

    # -- what the server asks --------------------------------------------------------------------------------------
    @property
    def watched(self) -> bool:
        """True when somebody wants to know each request."""
        return bool(self.cuts) or self.steps is not None

    def silent(self) -> bool:
        """True while nothing at all comes back from this address."""
        self._bring_back()
        return self.link == "silent" or (not self.powered and self._power_how == "silent")

    def has_power(self) -> bool:
        self._bring_back()
        return self.powered

    def sight(self, request: Request) -> Sight:
        """What a request asks for; each family knows its own words."""
        path = request.path.partition("?")[0]
        return Sight((path.strip("/"),), request.method not in ("GET", "HEAD", "OPTIONS"), True)

    def acted(self, entry: LogEntry) -> bool:
        """False when the request was refused for its login."""
        return entry.login not in ("refused", "locked") and entry.status != 401

    def due_before(self, sight: Sight) -> Cut | None:
        """The cut that falls before this request; it is used up."""
        return self._due(sight, ("before",), sight.login)

    def due_after(self, sight: Sight, entry: LogEntry | None) -> Cut | None:
        """The cut that falls after the device acted; `entry` is its line in the log."""
        acted = entry is not None and self.acted(entry)
        if self.steps is not None:
            scheme = entry.scheme if entry else ""
            self.steps.append(Step(",".join(sight.operations), sight.write, acted, scheme))
        return self._due(sight, ("during", "after"), sight.login and acted)

    def _due(self, sight: Sight, moments: tuple[str, ...], counts: bool) -> Cut | None:
        due = None
        for cut in tuple(self.cuts):
            if cut.when not in moments:
                continue
            if cut.operation is not None:
                hit = counts and cut.operation in sight.operations
            else:
                hit = cut.of == "requests" or (counts and sight.write)
            cut.seen += hit
            if due is None and cut.seen >= cut.nth:
                self.cuts.remove(cut)
                due = cut
        return due

    def strike(self, cut: Cut) -> None:
        """Do what the cut says."""
        if cut.what == "power":
            self.power(False, cut.how, cut.back_after)
        elif cut.what == "network":
            self.network(False, cut.how, cut.back_after)
        elif cut.what == "restart":
            self.restart(cut.back_after)  # type: ignore[attr-defined]

    def moved_to(self, address: str) -> None:
        """The device answers at another address from now on."""
        self.address = address

    def _boot_time(self) -> float:
        if self.boot_seconds is not None:
            return self.boot_seconds
        return float(self.model.get("boot_seconds", self.model.get("restart_seconds", 0.5)))

    def _bring_back(self) -> None:
        now = time.monotonic()
        if not self.powered and self._power_back is not None and now >= self._power_back:
            self.power(True)
        if self.link != "up" and self._link_back is not None and now >= self._link_back:
            self.network(True)


def _known(key: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise KeyError(f"{key} {value!r} is none of {', '.join(known)}")

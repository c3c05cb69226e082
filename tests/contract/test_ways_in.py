# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every observed way to lose a device: afterwards we still come in with what store and inventory hold.

GUARD_CASES is data: what happens, what would have cut us off, and which guard (or which rule, where nothing had to be
refused) kept the way in. The documentation is made from it.
"""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from change_box import Site, site
from driver_cases import short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.lab.testing import is_open
from ansible_collections.nwcs.hardening.plugins.module_utils import applying, proving

CAMERA, ROUTER = "onvif-complete", "openwrt-full-acl"
pytestmark = pytest.mark.long

HTTPS_ONLY = {"services": {"https": {"enabled": True}, "http": {"enabled": False}}}
FILTER = {"access": {"mode": "allow", "sources": ["192.0.2.0/24"]}}
HOSTNAME = {"identity": {"hostname": "renamed"}}
BOTH = {"protocols": [{"Name": name, "Enabled": True} for name in ("HTTP", "HTTPS", "RTSP")]}
FOREIGN = "Foreign-Password-6204"


@dataclass(frozen=True)
class Case:
    """hazard, model, what happens; `guard`: named in an outcome or message, "" where `kept` alone holds the way open.

    gone   the fault itself takes the device away: what the result must say of it
    """

    hazard: str
    model: str
    happens: str
    kept: str
    guard: str = ""
    job: str = "harden"
    design: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    play: str = "change"  # a function below
    gone: str = ""

    def row(self) -> dict[str, str]:
        """For the documentation."""
        data = asdict(self)
        return {name: data[name] for name in ("hazard", "model", "job", "happens", "guard", "kept", "gone")}


# -- what is played: each gives the results in which the guard must be named -------------------------------------------
def change(place: Site, case: Case) -> list[dict[str, Any]]:
    return [place.do("harden")]


def rotate(place: Site, case: Case) -> list[dict[str, Any]]:
    place.do("harden")
    return [place.do("rotate")]


def undo(place: Site, case: Case) -> list[dict[str, Any]]:
    place.do("harden")
    return [place.do("undo", place.runs[0], weaker=True)]


def power_cycle(place: Site, case: Case) -> list[dict[str, Any]]:
    """All that we set lived in memory, or was reset: factory password, no HTTPS."""
    place.do("harden")
    place.lab.restart("dev", 0.05)
    _wait_until_back(place)
    told = [place.do("info"), place.do("info", nwcs_forget_way=True)]
    _let_time_pass(place)
    told.append(place.do("info", nwcs_forget_way=True))
    return told


def foreign_password(place: Site, case: Case) -> list[dict[str, Any]]:
    """Somebody else changes the password of our account; later he says which one."""
    place.do("harden")
    _set_password(place, FOREIGN)
    told = [place.do(job) for job in ("info", "harden", "rotate", "drift")]
    assert place.lab.locked("dev") == {}, "the device locked us out"
    told.append(place.do("record", nwcs_password=FOREIGN))
    _let_time_pass(place)
    place.variables["nwcs_password"] = FOREIGN
    place.do("info")
    return told


def broken_answers(place: Site, case: Case) -> list[dict[str, Any]]:
    """From the first write on every answer is broken; then the device is well again."""

    def spoil(name: str) -> None:
        if name.startswith("store:") and name.endswith(":after"):
            place.fault(case.hazard)

    done = place.do("harden", hook=spoil)
    assert done["error"] is not None and done["status"] in ("failed", "not_checked")
    place.fault(case.hazard, on=False)
    return [done]


def power_at_password(place: Site, case: Case) -> list[dict[str, Any]]:
    """The power fails when the device has the new password and has not answered."""
    place.lab.cut_at("dev", operation=_password_operation(place), when="after", what="power", back_after=0.2)
    done = place.do("harden")
    assert place.lab.has_struck("dev")
    _wait_until_back(place)
    return [done]


def swapped(place: Site, case: Case) -> list[dict[str, Any]]:
    """Another device of the same model answers at the address; later they are put right again."""
    place.do("harden")
    place.lab.swap("dev", "other")
    place.variables["nwcs_host"] = place.lab.device("other").address
    told = [place.do("harden"), place.do("rotate"), place.do("undo", place.runs[0]), place.do("drift")]
    assert place.lab.writes("other") == [], "written to another device"
    place.lab.swap("dev", "other")
    return told


def from_outside(place: Site, case: Case) -> list[dict[str, Any]]:
    """We reach the router from its outer side, which is open at first."""

    def open_up() -> None:
        with place.device.edit("firewall") as stage:
            zone = next(zone for zone in stage.package.of_type("zone") if zone.options["name"] == "wan")
            stage.set(zone, "input", "ACCEPT")
        place.device.wan_clients = ipaddress.ip_network("127.0.0.0/8")

    place.lab.call(open_up)
    done = place.do("harden")
    place.lab.wait(lambda: place.device.uci.pending is None)
    return [done]


def moved(place: Site, case: Case) -> list[dict[str, Any]]:
    """After it was hardened, the router is somewhere else."""
    place.do("harden")
    place.fault("lan-address")
    told = [place.do("drift")]
    place.fault("lan-address", on=False)
    return told


def _wait_until_back(place: Site) -> None:
    def back() -> bool:
        place.lab.settle()
        return any(is_open(place.device.address, place.device.ports[kind]) for kind in ("http", "https"))

    place.lab.wait(back)


def _password_operation(place: Site) -> str:
    return "SetUser" if place.family == "onvif" else "rpc-sys.password_set"


def _set_password(place: Site, password: str) -> None:
    if place.family == "onvif":
        for users in (place.device.state["users"], place.device.stored["users"]):
            next(user for user in users if user["Username"] == "admin")["Password"] = password
    else:
        place.lab.call(lambda: place.device.set_password("root", password))


def _let_time_pass(place: Site) -> None:
    """The lock time of every wrong login so far is over."""
    path = place.work.ledger.path
    with place.work.ledger._changing() as ledger:
        ledger["wrong"] = [{**wrong, "at": wrong["at"] - 7200} for wrong in ledger.get("wrong", ())]
        if "locked_until" in ledger:
            ledger["locked_until"] = time.time() - 1
    assert Path(path).exists()


# -- the table ---------------------------------------------------------------------------------------------------------
_LOST = "the next run finds what is in force: the new password is in the store before it is sent"
GUARD_CASES = [
    Case("H06-replace", CAMERA, "the device deletes every service that a write does not name",
         "the whole list is read before and written again", design=HTTPS_ONLY, faults=("H06-replace",)),
    Case("H06-replace", CAMERA, "the same when it is taken back", "the whole list is read before and written again",
         job="undo", play="undo", design=HTTPS_ONLY, faults=("H06-replace",)),
    Case("H06-merge", CAMERA, "a filter keeps its old entries", "the filter always holds us", design=FILTER,
         faults=("H06-merge",)),
    Case("H07-closed", CAMERA, "a service is reported on and has no open socket",
         "a way is used only after a login over it", design=HTTPS_ONLY, faults=("H07-closed",)),
    Case("H10", CAMERA, "an account whose password is not sent gets an empty one", "a password is always sent",
         job="rotate", play="rotate", faults=("H10",)),
    Case("H11", CAMERA, "the design removes our own account, and the device would obey", "it is not sent",
         guard="own-account", design={"accounts": {"admin": "absent"}}, faults=("H11",)),
    Case("H11", CAMERA, "the design makes our own account a viewer", "it is not sent", guard="own-account",
         design={"accounts": {"admin": {"role": "viewer"}}}, faults=("H11",)),
    Case("H11", ROUTER, "the design removes our own account", "it is not sent", guard="own-account",
         design={"accounts": {"root": "absent"}}),
    Case("H16", CAMERA, "all changes are gone after a power cycle, HTTPS and password too",
         "the inventory's login is tried when the store's is refused and the lock time is over", guard="https-kept",
         design=HTTPS_ONLY, faults=("H16",), play="power_cycle"),
    Case("H16", ROUTER, "all changes are gone after a power cycle",
         "the inventory's login is tried when the store's is refused", faults=("H16",), play="power_cycle"),
    Case("H21", CAMERA, "the device locks after three wrong logins, and somebody has changed the password",
         "a refused password is not tried again", guard="lock-budget", faults=("H21",), play="foreign_password"),
    *(Case(f"H31-{how}", model, "every answer after the first write is broken", _LOST, design=HTTPS_ONLY,
           play="broken_answers")
      for model in (CAMERA, ROUTER) for how in ("close", "short", "long", "endless", "silent", "slow")),
    Case("H40", CAMERA, "HTTPS is reported on and does not listen; the design closes HTTP", "HTTP stays open",
         guard="way-in", design=HTTPS_ONLY, faults=("H40",)),
    Case("H40", CAMERA, "the certificate of the new HTTPS does not hold; the design closes HTTP", "HTTP stays open",
         guard="way-in", design=HTTPS_ONLY, overrides={"certificate": "expired"}),
    Case("H40", ROUTER, "the certificate does not hold; the design closes HTTP", "HTTP stays open",
         guard="way-in", design=HTTPS_ONLY, overrides={"certificate": "expired"}),
    Case("H40", CAMERA, "the design closes the HTTPS in use", "it stays open", guard="way-in", overrides=BOTH,
         design={"services": {"https": {"enabled": False}}}, variables={"nwcs_scheme": "https", "nwcs_port": 8443}),
    Case("H40", CAMERA, "the design moves the port in use", "it stays", guard="way-in",
         design={"services": {"http": {"ports": [8099]}}}),
    Case("H41", CAMERA, "the device sees us under an address that nobody knows; the design filters addresses",
         "no filter is set", guard="seen-address", design=FILTER, faults=("H41",), variables={"nwcs_seen_as": None}),
    Case("H41", CAMERA, "it sees us under another address than nwcs_seen_as says",
         "nothing: a wrong nwcs_seen_as cannot be seen through", design=FILTER, faults=("H41",),
         gone="the device was lost in this step"),
    Case("H42", CAMERA, "open sessions survive the change of a password", "every proof is a new connection",
         job="rotate", play="rotate", faults=("H42",)),
    Case("H43", CAMERA, "the power fails between the new password and its answer", _LOST, play="power_at_password"),
    Case("H43", ROUTER, "the power fails between the new password and its answer", _LOST, play="power_at_password"),
    Case("H44", CAMERA, "the device locks after three wrong logins and says so; somebody has changed the password",
         "a refused password is not tried again", guard="lock-budget", play="foreign_password",
         overrides={"lockout_attempts": 3, "lockout_seconds": 60, "lockout_told": True}),
    *(Case(fault, ROUTER, what, "a new login and a reading before the confirm", design=HOSTNAME, faults=(fault,))
      for fault, what in (("H45-foreign-apply", "somebody else's apply wipes the rollback"),
                          ("H45-sighup", "a reload of the daemon forgets the rollback"),
                          ("H45-lost-confirm", "the answer to the confirm is lost"),
                          ("uhttpd-restart", "the web server restarts after each apply"))),
    Case("reverted-by-device", ROUTER, "the device takes an apply and does nothing", "the device's own rollback",
         guard="commit-confirm", design=HOSTNAME, faults=("reverted-by-device",)),
    Case("H45", ROUTER, "the design closes the firewall on the side that we come from", "the device's own rollback",
         guard="commit-confirm", design={"nat": {"wan_input": "drop"}}, play="from_outside"),
    Case("H47", "openwrt-factory", "the password is empty, any is taken", "the new one is proven, and the old refused",
         design=HTTPS_ONLY, overrides={"passwords": {}}, variables={"nwcs_password": ""}),
    Case("H49", "onvif-restart", "a restart brings the device back in factory state",
         "the inventory's login is tried when the store's is refused", faults=("H49",), play="power_cycle"),
    Case("H49-gone", "onvif-restart", "it does not come back from a restart", "nothing", faults=("H49-gone",),
         design=HTTPS_ONLY, variables={"nwcs_restart": True}, gone="nothing listens"),
    Case("H60", CAMERA, "another device answers at the address", "it is not written to, and gets no login",
         guard="identity", overrides=BOTH, play="swapped"),
    Case("H60", ROUTER, "another device answers at the address, and tells who it is only after a login",
         "it is not written to", guard="identity", play="swapped"),
    Case("H61", CAMERA, "a filter would lock out the recorder", "the filter always holds the recorders", design=FILTER,
         variables={"nwcs_recorders": ["198.51.100.50"]}),
    Case("lan-address", ROUTER, "the router has moved to another address", "nothing: it is not searched for",
         play="moved", gone="nothing listens"),
]  # fmt: skip
PLAYS: dict[str, Callable[[Site, Case], list[dict[str, Any]]]] = {
    function.__name__: function
    for function in (change, rotate, undo, power_cycle, foreign_password, broken_answers, power_at_password, swapped,
                     from_outside, moved)
}  # fmt: skip


def guards_of(results: list[dict[str, Any]]) -> set[str]:
    """Every guard that outcomes or messages name; a guard in an outcome stands in its text as well."""
    found = set()
    for done in results:
        for line in done["outcomes"]:
            if guard := line.get("guard"):
                assert f"[guard: {guard}]" in line["why"], line
                found.add(guard)
        message = (done["error"] or {}).get("message", "")
        found |= {piece.partition("]")[0] for piece in message.split("[guard: ")[1:]}
    return found


@pytest.mark.parametrize(
    "case", GUARD_CASES, ids=[f"{case.hazard}-{case.model}-{number}" for number, case in enumerate(GUARD_CASES)]
)
def test_the_way_in_is_never_lost_and_the_guard_is_named(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "ROLLBACK_SECONDS", 1)
    monkeypatch.setattr(proving, "RESTART_SECONDS", 1.5)
    quick = {"connect_seconds": 0.5, "read_seconds": 0.4, "total_seconds": 1.5}
    with site(
        tmp_path, case.model, case.overrides, nwcs_design=case.design, nwcs_timeouts=quick, **case.variables
    ) as place:
        place.fault(*case.faults)
        results = PLAYS[case.play](place, case)
        if case.guard:
            assert case.guard in guards_of(results), [(done["error"], done["outcomes"]) for done in results]
        if case.gone:
            said = place.told[-1]
            assert case.gone in said and '"status": "ok"' not in said and '"status": "changed"' not in said
            return
        place.do("info", **_again(case))
        place.comes_in(**_again(case))
        place.shows_no_secret()


def _again(case: Case) -> dict[str, Any]:
    """What the message advises: after a reset to factory state, and where a stranger has refused our login."""
    return {"power_cycle": {"nwcs_forget_way": True}, "swapped": {"nwcs_retry": True}}.get(case.play, {})


def test_the_table_holds_every_hazard_that_can_cut_the_way_in() -> None:
    told = {case.hazard.partition("-")[0] for case in GUARD_CASES}
    assert {f"H{number:02d}" for number in (6, 7, 10, 11, 16, 21, 31, 40, 41, 42, 43, 44, 45, 47, 49, 60, 61)} <= told
    assert all(case.kept and case.happens and case.play in PLAYS for case in GUARD_CASES)
    assert all(set(case.row()) >= {"hazard", "guard", "kept"} for case in GUARD_CASES)

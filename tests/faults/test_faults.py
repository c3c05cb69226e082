# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that is cut off never loses the device, and never a secret: every step boundary of every change, on every
simulated character, killed there, and with the device's power or network cut there.

With NWCS_FAULTS=all every case (`make faults`, an hour); without it of each kind of boundary and fault one per family,
and fewer of the makers'. The verdicts go to build/faults.json, from which tools/faults_doc.py makes
docs/what-can-go-wrong.md.
"""

# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import hashlib
import json
import os
import queue
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fault_sites as sites
import pytest
from fault_bench import Bench, bench
from fault_cases import FAULTS, Case, Uncut, Verdict, cases_of, run_case, uncut
from fault_makers import MAKERS

pytestmark = pytest.mark.long

ALL = os.environ.get("NWCS_FAULTS") == "all"
BUILD = Path(__file__).resolve().parents[2] / "build"
MOST_REPEATED = 40  # more than that is no busy machine
AT_ONCE = 28  # cases in flight: most of the time they wait
FIRST = 40  # last number of the first address
WITH_FILES = ("onvif-complete", "openwrt-full-acl")  # files are written alike everywhere: once per family


class Runner:
    """Cases side by side, each with an address and a folder of its own."""

    def __init__(self, place: Bench, folder: Path) -> None:
        self.place, self.folder = place, folder
        self.numbers: queue.Queue[int] = queue.Queue()
        self.known: dict[tuple[str, str], Uncut] = {}
        self.done = 0
        for number in range(FIRST, FIRST + AT_ONCE):
            self.numbers.put(number)

    def each(self, action: Callable[[Any, Path, int], Any], items: list[Any]) -> list[Any]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda pair: self._one(action, *pair), enumerate(items)))

    def _one(self, action: Callable[[Any, Path, int], Any], index: int, item: Any) -> Any:
        number = self.numbers.get()
        folder = self.folder / f"{action.__name__}-{index}"
        try:
            return action(item, folder, number)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            self.numbers.put(number)
            self.done += 1
            if self.done % 100 == 0:
                print(f"{self.done} runs done", file=sys.__stderr__, flush=True)

    def uncut(self, which: tuple[str, str], folder: Path, number: int) -> Uncut:
        return uncut(self.place, folder, number, *which)

    def case(self, case: Case, folder: Path, number: int) -> Verdict:
        try:
            return run_case(self.place, folder, number, case, self.known[case.character, case.scenario])
        except Exception:  # a case that cannot be judged is a failed one; the others go on
            return Verdict(case, wrong=[traceback.format_exc()[-1500:]])

    def cases(self, cases: list[Case]) -> tuple[list[Verdict], int]:
        """Verdicts, and how many cases were played again, one by one: waits are short here, and on a machine that is
        busy with many cases a device looks like one that does not answer. What is lost is lost, that is never repeated.
        """
        verdicts = self.each(self.case, cases)
        again = [number for number, verdict in enumerate(verdicts)
                 if verdict.wrong and not verdict.lost_way_in and not verdict.lost_secrets]  # fmt: skip
        for number in again[:MOST_REPEATED]:
            verdicts[number] = self._one(self.case, len(cases) + number, cases[number])
        return verdicts, len(again)

    def look(self, pairs: list[tuple[str, str]]) -> None:
        self.known.update(zip(pairs, self.each(self.uncut, pairs), strict=True))


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    folder = tmp_path_factory.mktemp("faults")
    with bench(folder) as place:
        yield Runner(place, folder)


def spread(cases: list[Case]) -> list[Case]:
    """Of each family, kind of boundary and fault one; which one is always the same, and spread over the characters.
    Of the makers' families one of each kind of change and fault, and of each kind of boundary and fault one together.
    """

    def kinds(case: Case) -> list[tuple[str, str, str]]:
        family = sites.family_of(case.character)
        change, going_on = sites.words(case.boundary, case.scenario)
        if family in MAKERS:
            return [("makers", going_on, case.fault), (family, change, case.fault)]
        return [(family, going_on, case.fault)]

    chosen: dict[tuple[str, str, str], Case] = {}
    for case in sorted(cases, key=lambda case: hashlib.sha256(str(case).encode()).digest()):
        for kind in kinds(case):
            chosen.setdefault(kind, case)
    return list(dict.fromkeys(chosen.values()))


def write(verdicts: list[Verdict], repeated: int) -> dict[str, Any]:
    """build/faults.json; a spread run does not replace the verdicts of a whole one."""
    rows = sorted((verdict.row() for verdict in verdicts), key=lambda row: json.dumps(row, sort_keys=True))
    told = {
        "complete": ALL,
        "cases": len(rows),
        "lost_way_in": sum(verdict.lost_way_in for verdict in verdicts),
        "lost_secrets": sum(bool(verdict.lost_secrets) for verdict in verdicts),
        "repeated": repeated,
        "unfinished": sum(bool(verdict.wrong) for verdict in verdicts),
        "rows": rows,
    }
    BUILD.mkdir(exist_ok=True)
    path = BUILD / "faults.json"
    if not ALL and path.exists() and json.loads(path.read_text(encoding="utf-8")).get("complete"):
        path = BUILD / "faults-spread.json"
    path.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return told


def test_whatever_is_cut_off_the_next_run_finishes_and_no_secret_is_lost(runner: Runner) -> None:
    pairs = [(character, scenario) for character in sites.characters(ALL) for scenario in sites.SCENARIOS
             if sites.fits(character, scenario)]  # fmt: skip
    runner.look(pairs)
    assert not {pair: known.error for pair, known in runner.known.items() if known.error}
    cases = [case for pair in pairs for case in cases_of(*pair, runner.known[pair], pair[0] in WITH_FILES)]
    assert {case.fault for case in cases} == set(FAULTS)
    chosen = cases if ALL else spread(cases)
    told = write(*runner.cases(chosen))
    counts = {name: told[name] for name in ("cases", "lost_way_in", "lost_secrets", "repeated", "unfinished")}
    print(f"\nfaults: {counts} of {len(cases)} known cases", file=sys.__stderr__, flush=True)
    bad = [f"{row['character']} {row['scenario']} {row['boundary']} {row['fault']}: {row['wrong']}"
           for row in told["rows"] if "wrong" in row]  # fmt: skip
    assert counts["cases"] == len(chosen) and not bad, "\n".join(bad[:30])
    assert counts["repeated"] <= MOST_REPEATED
    assert (counts["lost_way_in"], counts["lost_secrets"], counts["unfinished"]) == (0, 0, 0)


# -- the judgement itself: broken on purpose, the toolkit must be found out --------------------------------------------
@pytest.mark.parametrize(
    ("sabotage", "boundary", "found"),
    [
        ("forget", "store:users:after", "is known to nobody"),
        ("leak", "store:users:after", "output.txt holds a password"),
        ("guess", "prepare:before", "wrong logins reached the device"),
    ],
)
def test_a_toolkit_that_is_broken_is_found_out(runner: Runner, sabotage: str, boundary: str, found: str) -> None:
    pair = ("onvif-one-namespace", "rotate")
    if pair not in runner.known:
        runner.look([pair])
    good = Case(*pair, boundary, 1, "killed")
    bad = Case(*pair, boundary, 1, "killed", sabotage)
    as_it_is, broken = runner.each(runner.case, [good, bad])
    assert not as_it_is.wrong and not as_it_is.lost_secrets and not as_it_is.lost_way_in
    assert any(found in text for text in [*broken.wrong, *broken.lost_secrets]), broken


# family -> (the rows of accounts in force and in flash, the field of the password)
ROWS: dict[str, tuple[Callable[[Any], list[Any]], str]] = {
    "onvif": (lambda device: [*device.state["users"], *device.stored["users"]], "Password"),
    "vapix": (lambda device: [vars(user) for user in device.accounts.users.values()], "password"),
    "isapi": (lambda device: [*device.users.rows, *device.flash[1]], "password"),
    "dahua": (lambda device: [*device.users.all, *device.users.stored], "Password"),
    "sunapi": (lambda device: [row for state in (device.state, device.stored) for row in state["security"]["users"]],
               "Password"),
}  # fmt: skip


@pytest.mark.parametrize("character", ["onvif-one-namespace", *(next(iter(one.characters)) for one in MAKERS.values())])
def test_a_device_that_nobody_can_get_into_is_found_out(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, character: str
) -> None:
    """Somebody changes the password on the device while the run is cut off: the way in is lost, and that is told."""
    pair = (character, "rotate")
    if pair not in runner.known:
        runner.look([pair])
    rows, field = ROWS[sites.family_of(character)]

    def changed(device: Any) -> None:
        device.power(True)
        for row in rows(device):
            row[field] = "nobody knows this one"

    monkeypatch.setattr(Bench, "bring_back", lambda self, device: self.act(device, lambda: changed(device)))
    (verdict,) = runner.each(runner.case, [Case(*pair, "promoted", 1, "killed")])
    assert verdict.lost_way_in and verdict.lost_secrets

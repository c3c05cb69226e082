# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One case: a run that is cut off at one boundary, then the next run, and what must be true of both."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fault_sites as sites
from fault_bench import Bench, accepts, accounts, held, settled, waits_for_restart
from fault_worker import vault

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import NwcsError
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import open_documents
from ansible_collections.nwcs.hardening.plugins.plugin_utils.secret_store import SecretStore

FAULTS = {
    "killed": "the run is killed (SIGKILL)",
    "power": "the device loses its power",
    "network": "the network to the device is cut",
    "answer": "the device acts, and loses its power before it answers",
    "late": "the device acts, and answers only after our time limit",
}
MOST_WRONG_LOGINS = 2  # of both runs together (DESIGN 6)
ROLLBACK_SECONDS = 4  # of OpenWrt's own rollback; 60 in real runs
CONSTANTS = {
    "module_utils.applying.ROLLBACK_SECONDS": ROLLBACK_SECONDS,
    "module_utils.proving.POLL_SECONDS": 0.1,
    "module_utils.judging.SETTLE": (0.0, 0.05, 0.2),
    "module_utils.drivers.openwrt.POLL_SECONDS": 0.3,
    "module_utils.probes.DISCOVERY_SECONDS": 0.2,
}
GOOD = ("ok", "changed")


@dataclass(frozen=True)
class Case:
    character: str
    scenario: str
    boundary: str  # name of the hook
    occurrence: int
    fault: str
    sabotage: str = ""

    def __str__(self) -> str:
        return f"{self.character} {self.scenario} {self.boundary}#{self.occurrence} {self.fault}"


@dataclass
class Uncut:
    """What runs that nobody disturbs do on a character: the first, and a second one after it."""

    boundaries: list[str]
    file_boundaries: list[str]
    writes: int
    outcomes: dict[str, set[str]]  # key -> outcomes of both
    second: dict[str, str]
    state: str
    error: str
    wrong_logins: int


@dataclass
class Verdict:
    case: Case
    cut_said: str = ""  # "killed", or what the run that was cut off said
    next_said: str = ""
    guards: list[str] = field(default_factory=list)
    runs: int = 1  # runs after the fault until all was done
    lost_way_in: bool = False
    lost_secrets: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        change, going_on = sites.words(self.case.boundary, self.case.scenario)
        bad = self.lost_way_in or self.lost_secrets or self.wrong
        return {
            "family": sites.family_of(self.case.character),
            "character": self.case.character,
            "scenario": self.case.scenario,
            "change": change,
            "boundary": f"{self.case.boundary}#{self.case.occurrence}",
            "going_on": going_on,
            "fault": self.case.fault,
            "cut_run": self.cut_said,
            "outcome": "failed" if bad else self.next_said,
            "runs_after": self.runs,
            "guards": sorted(set(self.guards)),
            **({"wrong": self.wrong + self.lost_secrets} if bad else {}),
        }


class Play:
    """One device with a folder of its own, and runs over it."""

    def __init__(self, bench: Bench, folder: Path, number: int, case: Case) -> None:
        self.bench, self.folder, self.case = bench, folder, case
        folder.mkdir(parents=True, mode=0o700)
        self.number, self.count = number, 0

    def start(self, device: Any) -> None:
        self.device = device
        self.factory = {name: self._factory_password(name) for name in accounts(device)}
        self.variables = sites.variables(self.case.character, self.case.scenario, device.address, self.bench.ca)
        for name, below in (("sheet", "parameter_sheets"), ("state", "state"), ("report", "reports")):
            self.variables[f"nwcs_{name}_dir"] = str(self.folder / below)
        self.variables["nwcs_secret_store"] = str(self.folder / "secrets")

    def _factory_password(self, name: str) -> str | None:
        if self.device.family == "openwrt":
            return None
        return held(self.device)[name]

    def run(self, at: Any = None, **order: Any) -> dict[str, Any]:
        self.count += 1
        rotate = self.case.scenario == "rotate"
        order["sabotage"] = self.case.sabotage
        if rotate and self.count == 1:
            order["seed"] = {self.variables["nwcs_username"]: sites.KNOWN}
        if rotate:
            order["arguments"] = {"rotation": "one"}
        order |= {"folder": str(self.folder), "variables": self.variables, "job": "rotate" if rotate else "harden",
                  "constants": CONSTANTS, "run": f"20261121T0000{self.count:02d}Z-{self.number}"}  # fmt: skip
        return self.bench.workers.run(order, at)

    # -- secrets -------------------------------------------------------------------------------------------------------
    def store(self) -> SecretStore:
        return SecretStore(open_documents(str(self.folder / "secrets"), "default", vault()), sites.NAME)

    def passwords(self) -> dict[str, list[str]]:
        """{account: passwords that the store or the inventory knows, or that were there before us}"""
        store = self.store()
        known = {name.partition(".")[2]: [part["value"] for part in _parts(entry)]
                 for name, entry in store.entries().items()}  # fmt: skip
        for name, password in self.variables["nwcs_passwords"].items():
            known.setdefault(name, []).append(password)
        for name in {*self.factory, self.variables["nwcs_username"]}:
            known.setdefault(name, []).append(self.factory.get(name) or self.variables["nwcs_password"])
        return known

    def lost_secrets(self) -> list[str]:
        try:
            known = self.passwords()
            documents = open_documents(str(self.folder / "secrets"), "default", vault())
            for name in documents.names():
                documents.read(name)
        except NwcsError as error:
            return [f"the store cannot be read: {error.message}"]
        return [
            f"the password in force of {name} is known to nobody"
            for name in accounts(self.device)
            if not any(accepts(self.device, name, password) for password in known.get(name, []))
        ]

    def leaks(self) -> list[str]:
        """Files in which a password stands, and private files that others may read."""
        secrets = {sites.FACTORY, sites.GIVEN, sites.KNOWN}
        secrets |= {password for passwords in self.passwords().values() for password in passwords}
        needles = [text.encode() for text in secrets if len(text) >= 8]
        found = []
        for path in sorted(self.folder.rglob("*")):
            if not path.is_file():
                continue
            content = path.read_bytes()
            if any(needle in content for needle in needles):
                found.append(f"{path.relative_to(self.folder)} holds a password")
            if path.stat().st_mode & 0o077 and path.parts[len(self.folder.parts)] in ("secrets", "state"):
                found.append(f"{path.relative_to(self.folder)} can be read by others")
            below = path.relative_to(self.folder).parts
            if below[0] == "secrets" and path.name.endswith(".yml") and not content.startswith(b"$ANSIBLE_VAULT"):
                found.append(f"{path.relative_to(self.folder)} is not encrypted")
        return found

    def wrong_logins(self) -> int:
        return sum(entry.login in ("refused", "locked") for entry in tuple(self.device.log))


def _parts(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for part in (entry["pending"], entry["current"], *entry["previous"]) if part]


# -- runs that nobody disturbs -----------------------------------------------------------------------------------------
def uncut(bench: Bench, folder: Path, number: int, character: str, scenario: str) -> Uncut:
    case = Case(character, scenario, "", 1, "")
    play = Play(bench, folder, number, case)
    with bench.device(number, character, sites.overrides(character, scenario)) as device:
        play.start(device)
        bench.act(device, device.count)
        first = play.run(files=True)
        assert "result" in first, first
        writes = sum(step.write and step.acted for step in device.steps)
        _restarted(play)
        second = play.run()
        assert "result" in second, second
        outcomes: dict[str, set[str]] = {}
        for answer in (first, second):
            for line in answer["result"]["outcomes"]:
                outcomes.setdefault(line["key"], set()).add(line["outcome"])
        return Uncut(
            boundaries=[name for name in first["passed"] if not name.startswith("file:")],
            file_boundaries=first["passed"],
            writes=writes,
            outcomes=outcomes,
            second={line["key"]: line["outcome"] for line in second["result"]["outcomes"]},
            state=settled(device),
            error=(first["result"]["error"] or second["result"]["error"] or {}).get("message", ""),
            wrong_logins=play.wrong_logins(),
        )


def cases_of(character: str, scenario: str, known: Uncut, with_files: bool) -> list[Case]:
    """Every boundary of the uncut run: killed there, and from the plan on the device cut there too; every write of the
    device: cut and late before it answers; with_files: killed between the steps of every file as well."""
    found: list[Case] = []
    counted: Counter[str] = Counter()
    on_device = False
    for name in known.boundaries:
        counted[name] += 1
        on_device = name == "apply:before" or (on_device and name != "apply:after")
        faults = ["killed", "power", "network"] if on_device else ["killed"]
        found += [
            Case(character, scenario, name, counted[name], fault) for fault in faults if sites.belongs(name, scenario)
        ]
    for number in range(1, known.writes + 1 if scenario != "own-account" else 1):
        found += [Case(character, scenario, "write:", number, fault) for fault in ("answer", "late")]
    counted.clear()
    for name in known.file_boundaries if with_files else ():
        counted[name] += 1
        if name.startswith("file:"):
            found.append(Case(character, scenario, name, counted[name], "killed"))
    return found


# -- a case ------------------------------------------------------------------------------------------------------------
def run_case(bench: Bench, folder: Path, number: int, case: Case, known: Uncut) -> Verdict:
    verdict = Verdict(case)
    play = Play(bench, folder, number, case)
    with bench.device(number, case.character, sites.overrides(case.character, case.scenario)) as device:
        play.start(device)
        _cut_run(play, verdict)
        bench.bring_back(device)
        verdict.lost_secrets += play.lost_secrets()
        _next_runs(play, known, verdict)
        verdict.lost_secrets += [text for text in play.lost_secrets() if text not in verdict.lost_secrets]
        if verdict.wrong:
            verdict.lost_way_in = not _gets_in(play)
        wrong = play.wrong_logins()
        if wrong > max(MOST_WRONG_LOGINS, known.wrong_logins):
            verdict.wrong.append(f"{wrong} wrong logins reached the device")
        verdict.wrong += play.leaks()
    return verdict


def _cut_run(play: Play, verdict: Verdict) -> None:
    case, device, bench = play.case, play.device, play.bench
    here = [case.boundary, case.occurrence]
    files = case.boundary.startswith("file:")
    if case.fault == "killed":
        answer = play.run(kill=here, files=files)
        if "killed" not in answer:
            verdict.wrong.append(f"the boundary was not reached: {answer.get('crash') or answer['result']['error']}")
        verdict.cut_said = "killed"
        return
    if case.fault in ("answer", "late"):
        what = "power" if case.fault == "answer" else "late"
        moment = {"nth": case.occurrence, "of": "writes", "when": "after", "what": what,
                  "back_after": 0.2 if what == "power" else 4.5}  # fmt: skip
        bench.act(device, lambda: device.cut_at(**moment))
        answer = play.run()
    else:
        cut = {
            "power": lambda: device.power(False, "reset", 0.2),
            "network": lambda: device.network(False, "silent"),
        }[case.fault]
        answer = play.run(lambda: bench.act(device, cut), wait=here)
        if answer["reached"] != case.boundary:
            verdict.wrong.append("the boundary was not reached")
    if "result" not in answer:
        verdict.wrong.append(f"the run that was cut off ended with: {answer.get('crash')}")
        return
    verdict.cut_said = _said(answer["result"], verdict)


def _next_runs(play: Play, known: Uncut, verdict: Verdict) -> None:
    """The next run gets in and does all. Only a device that must be restarted first needs one more after that, as it
    does when nobody disturbs."""
    for attempt in (1, 2, 3):
        answer = play.run()
        verdict.runs = attempt
        if "result" not in answer:
            verdict.wrong.append(f"the next run ended with: {answer.get('crash')}")
            return
        result = answer["result"]
        verdict.next_said = _said(result, verdict)
        wrong = _unfinished(play, known, result)
        if not wrong or attempt == 3 or not _restarted(play):
            break
    verdict.wrong += wrong


def _restarted(play: Play) -> bool:
    """Restart a device whose values wait for that, as a person does who was told."""
    device = play.device
    if not waits_for_restart(device):
        return False
    play.bench.act(device, lambda: device.restart(0.2))
    play.bench.bring_back(device)
    return True


def _unfinished(play: Play, known: Uncut, result: dict[str, Any]) -> list[str]:
    """What is not as after runs that nobody disturbs."""
    error = (result["error"] or {}).get("message", "")
    if error and error != known.error:
        return [f"the next run failed: {error}"]
    found = []
    for line in result["outcomes"]:
        allowed = known.outcomes.get(line["key"], set()) | set(GOOD)
        if line["outcome"] not in allowed:
            found.append(f"{line['key']}: {line['outcome']}: {line.get('why', '')}")
    told = {line["key"] for line in result["outcomes"]}
    found += [f"{key}: nothing was said of it" for key in known.second if key not in told]
    if not found and (state := settled(play.device)) != known.state:
        found.append(f"the device is not as after an undisturbed run: {_first_difference(known.state, state)}")
    return found


def _first_difference(one: str, other: str) -> str:
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return f"{one[max(0, at - 60) : at + 60]!r} became {other[max(0, at - 60) : at + 60]!r}"


def _gets_in(play: Play) -> bool:
    """Could anything that we know still get in?"""
    known = play.passwords()
    return any(accepts(play.device, name, password) for name, given in known.items() for password in given)


def _said(result: dict[str, Any], verdict: Verdict) -> str:
    texts = [(result["error"] or {}).get("message", ""), *(line.get("why", "") for line in result["outcomes"])]
    verdict.guards += re.findall(r"\[guard: ([a-z-]+)\]", json.dumps(texts))
    verdict.guards += [line["guard"] for line in result["outcomes"] if line.get("guard")]
    if result["error"]:
        return re.sub(r"127\.\d+\.\d+\.\d+(:\d+)?", "ADDRESS", result["error"]["message"])[:160]
    said = {line["outcome"] for line in result["outcomes"]}
    return "finished" if said <= set(GOOD) else "finished, with " + ", ".join(sorted(said - set(GOOD)))

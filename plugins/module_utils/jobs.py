# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs as plain functions: plain data in, plain data out, no file touched (DESIGN 5).

They run in the controller's worker, or in a module on a gateway; the results are the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.applying import Applier
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Reading
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    DeviceError,
    InputError,
    NwcsError,
    Refused,
    Unsupported,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.judging import side_effects
from ansible_collections.nwcs.hardening.plugins.module_utils.planning import (
    Change,
    Planner,
    contradict,
    plan_result,
    want_from_plain,
    would_change,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.reading import decode, fetch, observe, snapshot
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session

RECORDING_SECONDS = 20.0  # how long a recorder that was told new logins may take to record again
POLL_SECONDS = 1.0


def read(spec: Mapping[str, Any]) -> dict[str, Any]:
    """All that is known of the device: {"snapshot": …, "login": which credential worked, "requests": n}."""
    with Session(spec) as session:
        trees = fetch(session)
        session.check_identity()
        readings = decode(session.driver, session.ctx, trees)
        readings |= observe(session, trees, readings)
        return {
            "snapshot": snapshot(session, trees, readings),
            "login": session.credential.label,
            "logged_in": session.logged_in(),
            "logins": session.logins,
            "requests": session.count(),
        }


def plan(spec: Mapping[str, Any], wanted: Mapping[str, Any], memory: Mapping[str, Any]) -> dict[str, Any]:
    """What has to change and what cannot (planning.plan_result), and the snapshot it rests on. Nothing is written.

    wanted  {key text: {"value": …} | {"absent": true}, "mode", "origin"}
    memory  {key text: {"wanted": digest, "firmware", "outcome", "why", "since"}} of what did not take last time
    """
    wants = {settings.parse_key(text): want_from_plain(data) for text, data in wanted.items()}
    with Session(spec) as session:
        trees = fetch(session)
        session.check_identity()
        readings = decode(session.driver, session.ctx, trees)
        readings |= observe(session, trees, readings)
        planner = Planner(session, trees, readings, memory).run(wants)
        result = plan_result(planner, snapshot(session, trees, readings))
        result["preview"] = [would_change(change) for change in planner.changes]
        result["login"] = session.credential.label
        result["logged_in"] = session.logged_in()
        result["logins"] = session.logins
        result["requests"] = session.count()
        return result


def apply(
    spec: Mapping[str, Any], planned: Mapping[str, Any], hook: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Carry out `planned["changes"]`. The result holds outcomes, the snapshot afterwards, and which secrets are proven.

    spec["secrets"] must hold what planned["needs"] names. spec["restart"]: the device may be restarted.
    spec["negative_test"]: the lock budget allows the one deliberate wrong login.
    """
    changes = [Change.from_plain(data) for data in planned["changes"]]
    spec = {**spec, "own_account": planned["own_account"]}
    with Session(spec) as session:
        first = decode(session.driver, session.ctx, fetch(session))
        session.check_identity()
        applier = Applier(session, changes, hook).run()
        if spec.get("restart"):
            _on_device(applier, applier.restart_if_pending)
        result: dict[str, Any] = {
            "outcomes": applier.outcomes,
            "proved": applier.proved,
            "sent": applier.sent,
            "clear_text": applier.clear_text,  # a new password travelled over plain HTTP
            "notes": applier.notes,
            "again": applier.again,
            "error": _error(applier.lost) if applier.lost else None,
            "snapshot": None,
        }
        if applier.lost is None:
            _on_device(applier, lambda: _look_again(session, applier, first, result))
            if spec.get("negative_test"):
                _on_device(applier, applier.refuse_old)
            elif applier.old_logins:
                why = "the lock budget has no room for a wrong login now"
                applier.notes.append(f"the refusal of the old password was not tried: {why}")
            result["error"] = _error(applier.lost) if applier.lost else None
        # What a driver noted while it wrote: the notes of the reading before stand in the plan's result already.
        result["notes"] = list(dict.fromkeys([*applier.notes, *session.ctx.notes]))
        result["logins"] = session.logins
        result["way"] = dict(session.way)
        result["login"] = {"username": session.credential.username, "label": session.credential.label}
        result["requests"] = session.count()
        result["writes"] = applier.writes
        return result


def tell(spec: Mapping[str, Any], cameras: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give a recorder the logins of its cameras: {"told": [{"done", "seen", "why"}, …] in their order, …}.

    cameras     [{"address", "port", "username", "password"}]; port 0: not known
    done        it took the login, and is not known to fail with it; `why` says why not
    seen        its camera is connected afterwards; False also where it does not tell
    clear_text  a password travelled over plain HTTP
    """
    with Session(spec) as session:
        fetch(session)
        session.check_identity()
        told = [_line("it was not tried") for _camera in cameras]
        items: dict[int, Sequence[str]] = {}
        sent = 0
        for index, camera in enumerate(cameras):
            login = camera["address"], camera["username"], camera["password"]
            try:
                found = session.driver.tell_camera_login(session.ctx, *login, int(camera.get("port") or 0))
            except DeviceError as error:
                told[index] = _line(error.message)
                sent += not isinstance(error, Unsupported)
                if not isinstance(error, (Refused, Unsupported)):
                    break  # the way or the moment is bad; the rest was not tried
                continue
            if found is None:
                told[index] = _line("it has no camera at this address")
            else:
                items[index] = found
                sent += 1
        states = _until_recording(session, list(items.values())) if items else {}
        for index, own in items.items():
            told[index] = _come_in(states, own)
        clear_text = bool(sent) and session.way["scheme"] == "http"
        count = {"logins": session.logins, "requests": session.count(), "writes": sent}
        return {"told": told, "clear_text": clear_text, **count}


def _line(why: str = "", seen: bool = False) -> dict[str, Any]:
    return {"done": not why, "seen": seen, "why": why}


def _come_in(states: Mapping[str, Reading] | DeviceError, items: Sequence[str]) -> dict[str, Any]:
    """A password is never read back: whether the recorder took it shows in whether its camera is connected (H01)."""
    if isinstance(states, DeviceError):
        return _line(f"the recorder took it, and could not be read afterwards: {states.message}")
    own = [states[item] for item in items if item in states]
    bad = next((reading for reading in own if reading.value == "error"), None)
    if bad:
        return _line("the recorder took it and does not come in with it" + (f": {bad.why}" if bad.why else ""))
    return _line(seen=bool(own) and all(reading.value in ("active", "partial") for reading in own))


def _until_recording(session: Session, told: Sequence[Sequence[str]]) -> dict[str, Reading] | DeviceError:
    """A recorder takes a while to come back to its cameras: what is judged after this should not be that moment.

    told  items of recording.jobs of every camera; where one has none, all jobs are waited for. The states at the end.
    """
    watched = {item for items in told for item in items}
    ends = time.monotonic() + RECORDING_SECONDS
    while True:
        try:
            readings = decode(session.driver, session.ctx, fetch(session))
        except DeviceError as error:
            return error
        jobs = {key[2]: one for key, one in readings.items() if key[:2] == ("recording", "jobs") and key[-1] == "state"}
        if all(told):
            waits = any(item in jobs and jobs[item].value == "error" for item in watched)
        else:
            waits = any(one.value in ("error", "partial") for one in jobs.values())
        if not waits or time.monotonic() >= ends:
            return jobs
        time.sleep(POLL_SECONDS)


def _look_again(session: Session, applier: Applier, first: Any, result: dict[str, Any]) -> None:
    trees = fetch(session)
    last = decode(session.driver, session.ctx, trees)
    contradict(applier.outcomes, last)
    for line in side_effects(first, last, (change.key for change in applier.changes)):
        applier.outcomes.setdefault(line["key"], line)
    result["snapshot"] = snapshot(session, trees, last | observe(session, trees, last))


def _on_device(applier: Applier, action: Callable[[], None]) -> None:
    try:
        action()
    except DeviceError as error:
        applier.lost = error


def _error(error: NwcsError) -> dict[str, str]:
    return {"code": error.code, "message": error.message, "advice": error.advice}


def run(job: Mapping[str, Any], hook: Callable[[str], None] | None = None) -> dict[str, Any]:
    """One job as it travels: {"what": "read" | "plan" | "apply" | "tell", "spec": …, …}.

    Errors come back as {"error": …, "logins": […]}: what was tried counts for the lock budget, whatever came of it.
    """
    try:
        if job["what"] == "read":
            return read(job["spec"])
        if job["what"] == "plan":
            return plan(job["spec"], job["wanted"], job.get("memory") or {})
        if job["what"] == "apply":
            return apply(job["spec"], job["plan"], hook)
        if job["what"] == "tell":
            return tell(job["spec"], job["cameras"])
        raise InputError(f"job {job['what']!r} is not known")
    except NwcsError as error:
        return {"error": _error(error), "logins": list(getattr(error, "logins", ()))}

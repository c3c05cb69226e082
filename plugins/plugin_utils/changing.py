# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs that change a device: harden, rotate, undo. All go the same way (DESIGN 6):

hold, stop rule, run lock → plan → new secrets into the store → undo set → apply → what is proven becomes current →
record. Whatever cuts this off, the next run finds a way in: the store holds every password that may be in force.

`hook(name)` is called at every boundary between these steps and, through the jobs, inside the engine; tests cut there.
"""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import compare, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, Reading, secret_name
from ansible_collections.nwcs.hardening.plugins.module_utils.design import Want
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, NwcsError, StateError
from ansible_collections.nwcs.hardening.plugins.module_utils.planning import (
    MANAGED,
    REVOKED,
    outcome,
    want_from_plain,
    want_to_plain,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.registry import driver_for
from ansible_collections.nwcs.hardening.plugins.plugin_utils import (
    campaign,
    drift,
    files,
    hold,
    inventory,
    report,
    run,
    undo_sets,
)
from ansible_collections.nwcs.hardening.plugins.plugin_utils import sheet as sheets
from ansible_collections.nwcs.hardening.plugins.plugin_utils.controller import error_of
from ansible_collections.nwcs.hardening.plugins.plugin_utils.lease import hold_device
from ansible_collections.nwcs.hardening.plugins.plugin_utils.new_passwords import NewPasswords

BEFORE_HARDEN = "before-harden"  # name of the snapshot that recorders leave before their cameras are changed
# Outcomes that the same write would only repeat (H01, H05): remembered, so that the next run sends nothing.
REMEMBERED = ("failed", "pending_restart", "unsupported", "refused", "undone")


# Outcomes that count for the stop rule. A rotation asks for one thing only.
FAILURES = {
    "harden": ("failed", "undone"),
    "undo": ("failed", "undone"),
    "rotate": ("failed", "undone", "refused", "unsupported", "read_only", "guarded", "not_checked"),
}


class ChangeRun(NewPasswords):
    """A DeviceRun that may write. `run_folder`: where the devices of this run leave their marks (campaign.py)."""

    run_folder = ""
    _notes_of_lease: list[str] = []  # noqa: RUF012 - replaced, never changed in place
    hook: Callable[[str], None] = staticmethod(lambda _name: None)
    undoes: undo_sets.UndoSet | None = None  # what this run takes back

    # -- the jobs ----------------------------------------------------------------------------------------------------
    def harden(self) -> dict[str, Any]:
        """Bring the device to what is wanted, prove it, and record it. In check mode only the plan."""

        def work() -> None:
            self._tell_cameras()  # first: what is recorded then, counts
            spec = self._spec(self._sheet())
            spec["manage_accounts"] = True
            sheet = self._sheet()
            if sheet and sheet["recorded"] is None:
                spec["origin"] = sheet["factory"]["origin"]  # an interrupted build-out is still one
            wanted = inventory.wanted(self.device)
            for name in self._unproven(wanted):
                wanted[("accounts", name, "password")] = Want(MANAGED, "strict", "interrupted")
            self._change(spec, wanted, self.state.memory().get("keys") or {})

        return self._guarded("harden", work)

    def _unproven(self, wanted: Mapping[Any, Want]) -> list[str]:
        """Declared accounts with a password that was sent and never proven: a run was cut off. It is set once more.

        Not our own account: which of its passwords is in force shows at the login.
        """
        sent = [name for name, entry in self.store.entries().items() if (entry["pending"] or {}).get("sent")]
        accounts = [name.partition(".")[2] for name in sent if name.startswith("accounts.")]
        roles = {name: wanted.get(("accounts", name, "role")) for name in accounts if name != self.device.own_account}
        return [name for name, role in roles.items() if role is not None and role.value is not ABSENT]

    def _perhaps_in_force(self, new: Mapping[str, str]) -> list[str]:
        """Those of the new secrets that an earlier run has sent already, and nobody has proven."""
        pending = {name: entry["pending"] or {} for name, entry in self.store.entries().items()}
        return [name for name, password in new.items()
                if (old := pending.get(name) or {}).get("sent") and old["value"] == password]  # fmt: skip

    def rotate(
        self, accounts: list[str] | None = None, revoke: str = "", suspicion: bool = False, rotation: str = ""
    ) -> dict[str, Any]:
        """New passwords, or one person gone.

        accounts   names; default: our own account, on a device without it the one by which we come in
        revoke     name of a person whose account goes everywhere, or gets a password that nobody has
        suspicion  every account of the device gets a new password, whoever knew the old ones
        rotation   a name: a device that has finished this rotation is left alone, so that it can be run again
        """

        def work() -> None:
            self._tell_cameras()
            spec = {**self._spec(self._sheet()), "rotation": "named" if accounts or revoke else "own"}
            wanted: dict[tuple[str, ...], Want] = {}
            if revoke:  # everywhere: also from the lists that other APIs of the device keep
                realms = driver_for(self.device.family, spec).realms
                for name in (revoke, *(f"{revoke}@{realm}" for realm in sorted(realms))):
                    wanted[("accounts", name, "role")] = Want(ABSENT, "strict", REVOKED)
            for name in accounts or ():
                wanted[("accounts", name, "password")] = Want(MANAGED, "strict", "rotation")
            if suspicion:
                wanted[("accounts", "*", "password")] = Want(MANAGED, "strict", "suspicion")
            self.rotation = rotation
            self._change(spec, wanted, {})

        return self._guarded("rotate", work)

    def undo(self, run_id: str, weaker: bool = False) -> dict[str, Any]:
        """Write back what the run `run_id` changed, newest first. weaker: also what the design asks to be otherwise."""
        run_id = run.id_of(run_id)

        def work() -> None:
            if run_id == run.RUN:  # its set would be that of the undo as well: neither could be told from the other
                advice = "Call undo.yml on its own, not from a playbook that imports both."
                raise InputError(f"{self.device.name}: {run_id} is this very run, it cannot undo itself.", advice)
            if self._was_left_alone(run_id):
                self.result["notes"].append(f"The run {run_id} changed nothing on this device: nothing to bring back.")
                return
            undo_set = undo_sets.load(self.documents, self.device.name, run_id, self.device.site)
            plain, _lines = undo_sets.wanted(undo_set)
            wanted = {settings.parse_key(text): want_from_plain(want) for text, want in plain.items()}
            told = {}
            for entry in undo_set.entries:
                if entry.touched and entry.why_not:
                    key = settings.parse_key(entry.key)
                    name = "ok" if settings.setting_of(key).secret else "unsupported"
                    told[entry.key] = outcome(key, name, why=entry.why_not)
            if not weaker:
                design = inventory.wanted(self.device)
                marked = {settings.parse_key(text) for text in undo_sets.weaker(undo_set)}
                for key in [k for k, want in wanted.items() if k in marked or _is_weaker(design, k, want)]:
                    why = "the design asks for something else; confirm with -e nwcs_weaker=true"
                    line = outcome(key, "guarded", wanted.pop(key).value, why=why, guard="weaker")
                    told[line["key"]] = line
            self.undoes = undo_set
            self._change(self._spec(self._sheet()), wanted, {}, told)
            open_ends = ("failed", "undone", "not_checked", "guarded")
            if not self.check and not any(line["outcome"] in open_ends for line in self.result["outcomes"]):
                undo_sets.undone(self.documents, undo_set, run.RUN)

        return self._guarded("undo", work)

    def set_hold(self, reason: str, release: str, by: str) -> dict[str, Any]:
        """Put the device on hold (reason), or release it; the device is not contacted."""
        try:
            if bool(reason) == bool(release):
                raise InputError(
                    f"{self.device.name}: neither a reason for a hold nor one for a release was given, or both.",
                    "Give one: -e \"nwcs_hold='why' nwcs_by='who'\" or -e \"nwcs_release='why' nwcs_by='who'\".",
                )
            if not self.check:
                change = hold.put if reason else hold.release
                self.result["notes"].append(change(self.documents, self.device.name, reason or release, by))
        except NwcsError as error:
            self._fail(error)
        return self._finish()

    # -- what must be so before anything is sent -----------------------------------------------------------------------
    def _guarded(self, what: str, work: Callable[[], None]) -> dict[str, Any]:
        self.job = what  # also where a playbook of somebody else calls a module without saying which job it is
        try:
            if self.check:
                work()
            else:
                hold.check(self.documents, self.device.name, what)
                # Outermost: a signal that had to wait ends the process, so first the device is given back.
                with contextlib.ExitStack() as self.shield, self._turn(), self._lease(what):
                    work()
        except NwcsError as error:
            self._fail(error)
        self.result["notes"] += self._notes_of_lease  # also of a run that failed: whose lease it took over
        return self._finish()

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Our turn within this run: too many failures end it, and few devices of one recorder change at a time."""
        options = self.device.options
        campaign.check_stop(self.run_folder, self.device.name, options.get("stop_after") or 0)
        with campaign.slot(
            self.run_folder, self.device.name, self.device.spec["recorders"], options.get("per_recorder") or 0
        ):
            campaign.check_stop(self.run_folder, self.device.name, options.get("stop_after") or 0)
            try:
                yield
            except Exception:  # a fault of ours as well: it will not be the last of its kind
                campaign.note_failure(self.run_folder, self.device.name)
                raise
            if any(line["outcome"] in FAILURES.get(self.job, ()) for line in self.result["outcomes"]):
                campaign.note_failure(self.run_folder, self.device.name)

    @contextlib.contextmanager
    def _lease(self, what: str) -> Iterator[None]:
        takeover = bool(self.device.options.get("take_over"))
        with hold_device(
            self.documents, self.device.name, what, run.RUN, folder=self.state.folder, takeover=takeover
        ) as notes:
            self._notes_of_lease = notes
            hold.check(self.documents, self.device.name, what)  # put on hold while we waited for our turn
            yield

    def _was_left_alone(self, run_id: str) -> bool:
        """Does the report of that run say that it wrote nothing to this device? Then it left no undo set either."""
        if not self.run_folder or not run_id or run_id in undo_sets.runs(self.documents, self.device.name):
            return False
        reports = os.path.dirname(self.run_folder)
        folders = [name for name in os.listdir(reports) if run.id_of(name) == run_id != name]
        for folder in folders:
            with contextlib.suppress(NwcsError, ValueError):
                told = files.read_json(report.device_file(os.path.join(reports, folder), self.device.name))
                return bool(told) and told.get("writes") == 0 and told.get("host") == self.device.name
        return False

    # -- the one way of changing ---------------------------------------------------------------------------------------
    def _change(
        self, spec: dict[str, Any], wanted: Mapping[Any, Want], memory: Mapping[str, Any],
        told: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Plan, keep the new secrets and the old values, apply, record. told: outcomes that are known before."""
        sheet = self._sheet()
        plain = {settings.key_text(key): want_to_plain(want) for key, want in wanted.items()}
        planned = self._send({"what": "plan", "spec": spec, "wanted": plain, "memory": memory})
        self.hook("planned")
        self._take(planned)
        if self.undoes:
            self.result["notes"] += undo_sets.fits(self.undoes, _who(planned["snapshot"]))
        # What the device has just refused is not tried on it again in this run.
        accepted = [c for c in spec["credentials"] if c["label"] == planned["login"]]
        spec = {**spec, "credentials": accepted or spec["credentials"]}
        if pins := self._pins(sheet):  # also of a first contact: who answered the plan must be who is changed
            spec["expected"] = {**(spec.get("expected") or {}), "sha256": pins}
        if not self.check:
            self.ledger.learn(planned["lock_rules"])
        self.result["findings"] += planned["findings"]
        outcomes: dict[str, Any] = {**(told or {}), **planned["outcomes"]}
        # A device that asks for no login proves no password: what is pending stays so.
        if planned["login"] == "pending" and planned.get("logged_in", True) and not self.check:
            self._leave_for_recorders([secret_name(planned["credential"]["username"])])
            self.store.promote([secret_name(planned["credential"]["username"])])  # an interrupted change is in force
            self._remember_login("current")
            self.hook("promoted-late")
            self._tell_recorders({}, [secret_name(planned["credential"]["username"])])
        self._keep_beside(spec, planned.get("logins") or ())
        self._leave_out(planned, outcomes)
        if self.check:
            outcomes.update({line["key"]: line for line in planned["preview"]})
        self.before = {line["key"]: line.get("old") for line in planned["preview"]}
        self.after = {line["key"]: line.get("wanted") for line in planned["preview"]}
        if not self.check and self.job == "harden":
            self._compare_recording(planned["snapshot"])
        if self.check or not planned["changes"]:
            self._outcomes(outcomes)
            if not self.check:
                self._record(sheet, planned["snapshot"], outcomes, {})
            return
        if sheet is None:
            sheet = sheets.first_contact(planned["snapshot"], self.device.site, self.device.simulated, self.job)
            self._save(sheet)  # the factory state is kept before anything is changed
            self.hook("first-contact")
        applied, keep = self._apply(spec, planned)
        outcomes.update(applied["outcomes"])
        self._outcomes(outcomes)  # the device is changed: that is told, whatever comes of our own files
        self._tell_recorders(outcomes, applied["sent"])
        self._leave_for_recorders(applied["proved"])  # first: a run that is cut off now is found by what stays pending
        keep()
        self._remember(planned, applied, memory)
        self.result["notes"] += [note for note in applied["notes"] if note not in self.result["notes"]]
        if applied.get("clear_text"):
            note = "The new password travelled over plain HTTP: the device offers no proven HTTPS."
            self.result["notes"].append(note)
        if applied["snapshot"] is not None:
            self.result["way"] = applied["way"]
            self._pin(applied["snapshot"])
            self._record(sheet, applied["snapshot"], outcomes, planned["snapshot"]["documents"])
        self.hook("recorded")
        if applied["error"]:
            raise error_of(applied["error"])

    def _keep_beside(self, spec: dict[str, Any], logins: Iterable[Mapping[str, Any]]) -> None:
        """Of the logins at other APIs of the device: a refused one is not tried again, one that was pending is kept."""
        known = {(line["username"], line["label"]): bool(line["refused"]) for line in logins}
        for entry in spec["beside"].values():
            rows = entry["credentials"]
            entry["credentials"] = [c for c in rows if known.get((c["username"], c["label"])) is False]
            names = [c["username"] for c in entry["credentials"] if c["label"] == "pending"]
            if names and not self.check:
                self.store.promote([secret_name(name) for name in names])

    def _apply(
        self, spec: dict[str, Any], planned: dict[str, Any]
    ) -> tuple[dict[str, Any], Callable[[], None]]:  # fmt: skip
        """Secrets first into the store, then to the device. The second of the result promotes what was proven (H43)."""
        self.shield.enter_context(run.uninterrupted())
        if (refusal := self.documents.refuses()) is not None:
            # Without a store there is neither an undo set nor a way back to a new password.
            raise StateError(f"{self.device.name}: {refusal.message}", refusal.advice)
        new, bits = self._new_secrets(planned)
        for name, password in new.items():  # an index that cannot be trusted is told before anything is sent
            self.reuse.others(password, self.device.name, name.partition(".")[2])
        perhaps = self._perhaps_in_force(new)
        self.hook("prepare:before")
        why = f"{self.job} {self.rotation or run.RUN}"
        # On a gateway nobody can say when a password leaves: it counts as sent from the start.
        self.store.prepare(new, why, bits, sent=not self.device.options.get("local"))
        self.hook("prepare:after")
        undo_set = self._undo_set(planned)
        undo_sets.begin(self.documents, undo_set, keep=self.undoes.run if self.undoes else "")
        self.hook("undo-set")
        # From here on only a login can tell which password is in force, and by which way: should this run be cut off
        # after it has closed plain HTTP, the next one finds the way that was to stay.
        self.state.remember(login="", coming=planned.get("https_ways") or [])
        secrets = {need["name"]: self._known_secret(need["name"]) for need in planned["needs"]}
        spec = {**spec, "secrets": {name: value for name, value in secrets.items() if value is not None}}
        spec["perhaps_in_force"] = perhaps
        spec["negative_test"] = bool(new) and self.ledger.may_test_refusal()
        self.hook("apply:before")
        applied = self._send({"what": "apply", "spec": spec, "plan": planned})
        self.hook("apply:after")
        if not self.device.options.get("local") and any(line.get("deliberate") for line in applied.get("logins") or ()):
            self.ledger.note_test()  # on a gateway it can only be written down afterwards
        self.result["requests"] += applied["requests"]
        self.result["writes"] += applied["writes"]

        def keep() -> None:
            self.store.promote(applied["proved"])
            self.hook("promoted")
            for name in applied["proved"]:
                self._note_bits(applied, name, bits)
            if applied["error"] is None:
                self.store.drop_pending([n for n in new if n not in applied["sent"] and n not in applied["proved"]])
                label = applied["login"].get("label") or ""
                self.login = "current" if label == "pending" else label
                self._remember_login(self.login)
            undo_sets.finish(self.documents, undo_set, applied["outcomes"])
            self.result["notes"] += self.store.notes
            for name in applied["proved"]:
                self.reuse.claim(self.device.name, name.partition(".")[2], self.store.value(name) or "")

        return applied, keep

    def on_event(self, name: str) -> None:
        """A boundary inside the engine (jobs.run): before a secret leaves, the store says that it may be in force."""
        if name.startswith("send:"):
            self.store.mark_sent([name.partition(":")[2]])
        elif name == "negative-test:before":
            self.ledger.note_test()
        self.hook(name)

    # -- what is kept --------------------------------------------------------------------------------------------------
    def _undo_set(self, planned: Mapping[str, Any]) -> undo_sets.UndoSet:
        snapshot = planned["snapshot"]
        # What the design of this run wanted otherwise stays so, whatever the design of the day of its undo says.
        weaker = self.job == "harden"
        entries = [
            undo_sets.entry_of(change, change.get("restorable", True), weaker and bool(change["old"]))
            for change in planned["changes"]
        ]
        for change in planned.get("moved_along") or ():  # nobody asked for it, so nobody but a person lets it come back
            entries.append(undo_sets.entry_of(change, change["restorable"], weaker=True))
        at = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return undo_sets.UndoSet(
            run=run.RUN, job=self.job, device=self.device.name, site=self.device.site, at=at,
            family=self.device.family, identity=_who(snapshot), entries=entries,
        )  # fmt: skip

    def _compare_recording(self, snapshot: Mapping[str, Any]) -> None:
        """What a recorder recorded before its cameras were changed, it must still record (H61)."""
        path = self._snapshot_path(BEFORE_HARDEN)
        before = files.read_json(path)
        if not before:
            return
        os.unlink(path)  # it counts for the run it was made in
        for text, reading in before["readings"].items():
            now = snapshot["readings"].get(text, {})
            if text.startswith("recording.jobs.") and reading.get("value") == "active" != now.get("value"):
                item = settings.item_of(settings.parse_key(text))
                self.result["findings"].append(
                    drift.finding("recording_stopped", text, "active", now.get("value") or now.get("state"), "high",
                                  item=item)
                )  # fmt: skip

    def _record(
        self, sheet: Any, snapshot: Mapping[str, Any], outcomes: Mapping[str, Any], before: Mapping[str, Any]
    ) -> None:
        proven = [key for key, line in outcomes.items() if line["outcome"] == "changed"]
        pending = {k: line["wanted"] for k, line in outcomes.items() if line["outcome"] == "pending_restart"}
        sheet, found = sheets.record(
            sheet, snapshot, site=self.device.site, job=self.job, simulated=self.device.simulated,
            wanted=inventory.wanted(self.device), proven=proven, pending=pending, before=before,
        )  # fmt: skip
        self.result["findings"] += drift.declared(found, self.device.options.get("pins") or ())
        self._save(sheet)
        self.state.remember(way=self.result["way"], coming=[])
        self._look_at_passwords()

    def _remember(self, planned: Mapping[str, Any], applied: Mapping[str, Any], memory: Mapping[str, Any]) -> None:
        keys = dict(memory) or dict(self.state.memory().get("keys") or {})
        for change in planned["changes"]:
            line = applied["outcomes"].get(change["key"])
            known = keys.pop(change["key"], None)
            if line and line["outcome"] in REMEMBERED and applied["error"] is None:
                keys[change["key"]] = {
                    "wanted": compare.digest(change["new"]),
                    "firmware": planned["snapshot"]["identity"]["firmware"],
                    "outcome": line["outcome"],
                    "why": line.get("why", ""),
                    # A bad moment says nothing of the value: written once more, and remembered when that fails too.
                    "again": change["key"] in applied.get("again", ()) and not (known or {}).get("again"),
                    "since": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                }
        self.state.remember(keys=keys)


def _is_weaker(design: Mapping[Any, Want], key: tuple[str, ...], want: Want) -> bool:
    """Does the design ask for something else than this old value?"""
    asked = design.get(key) or design.get(settings.pattern_of(key) or key)
    if asked is None:
        return key[0] == "accounts" and want.value is not ABSENT  # an account comes back that harden removed
    if want.value is ABSENT or asked.value is ABSENT:
        return want.value is not asked.value
    return compare.difference(key, asked, Reading.of(want.value)) is not None


def _who(snapshot: Mapping[str, Any]) -> dict[str, str]:
    """Which device this is, for its undo set; a device may call itself anything (H34), so at a bounded length."""
    return {name: str(snapshot["identity"].get(name, ""))[:200] for name in ("serial", "mac", "model", "firmware")}


__all__ = ["BEFORE_HARDEN", "ChangeRun"]

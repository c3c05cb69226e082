# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller does for one device: store, lease, job, sheet, memory, result. The jobs touch no file."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import compare, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import secret_name
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import CODES, NwcsError, StateError
from ansible_collections.nwcs.hardening.plugins.module_utils.planning import MANAGED, want_to_plain
from ansible_collections.nwcs.hardening.plugins.plugin_utils import drift, files, inventory, passwords, run
from ansible_collections.nwcs.hardening.plugins.plugin_utils import result as results
from ansible_collections.nwcs.hardening.plugins.plugin_utils import sheet as sheets
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import open_documents
from ansible_collections.nwcs.hardening.plugins.plugin_utils.inventory import Device
from ansible_collections.nwcs.hardening.plugins.plugin_utils.secret_store import SecretStore
from ansible_collections.nwcs.hardening.plugins.plugin_utils.state import DeviceState

BEFORE_HARDEN = "before-harden"  # name of the snapshot that recorders leave before their cameras are changed
# Outcomes that the same write would only repeat (H01, H05): remembered, so that the next run sends nothing.
REMEMBERED = ("failed", "pending_restart", "unsupported", "refused", "undone")


class DeviceRun:
    """One job on one device. `send(job)` runs it here or on a gateway and gives its plain result."""

    def __init__(
        self, device: Device, send: Callable[[dict[str, Any]], dict[str, Any]], vault: Any, job: str, check: bool
    ) -> None:
        self.device, self.send, self.job, self.check = device, send, job, check
        self.state = DeviceState(device.folders["nwcs_state_dir"], device.site, device.name)
        self.documents = open_documents(
            device.folders["nwcs_secret_store"], device.site, vault, device.options["vault_id"],
            device.options.get("store_options") or {},
        )  # fmt: skip
        self.store = SecretStore(self.documents, device.name)
        self.sheet_dir = device.folders["nwcs_sheet_dir"]
        self._loaded: tuple[dict[str, Any] | None, ...] = ()  # the sheet, once it was looked for
        self.start = time.monotonic()
        self.result: dict[str, Any] = {
            **results.empty_device(device.name, "ok"),
            "family": device.family,
            "address": device.host,
            "simulated": device.simulated,
        }
        self.shield = contextlib.ExitStack()  # holds off Ctrl-C from the first secret to the record
        self.before: dict[str, Any] = {}  # for --diff
        self.after: dict[str, Any] = {}

    # -- the jobs ----------------------------------------------------------------------------------------------------
    def info(self) -> dict[str, Any]:
        """Read the device; nothing is recorded."""
        return self._run(lambda: None)

    def record(self, accept: bool = False) -> dict[str, Any]:
        """Write the sheet when there is none; else say what differs from the accepted baseline, or accept it."""

        def work() -> None:
            sheet, found = sheets.record(
                self._sheet(), self.snapshot, site=self.device.site, job=self.job, simulated=self.device.simulated,
                wanted=inventory.wanted(self.device), accept=accept,
            )  # fmt: skip
            self.result["findings"] += found
            self._save(sheet)

        return self._run(work)

    def drift(self) -> dict[str, Any]:
        """Compare with the sheet; writes nothing to the device and nothing into the sheet."""

        def work() -> None:
            self.result["findings"] += drift.findings(
                self._sheet(),
                self.snapshot,
                skew_limit=self.device.options["clock_tolerance"],
                controller_clock=run.clock_state(),
            )

        return self._run(work)

    def keep_snapshot(self, name: str) -> dict[str, Any]:
        """Before maintenance: keep what the device holds now."""

        def work() -> None:
            if not self.check:
                files.private_folder(os.path.dirname(self._snapshot_path(name)))
                files.write_json(self._snapshot_path(name), self.snapshot)

        return self._run(work)

    def compare_snapshot(self, name: str) -> dict[str, Any]:
        """After maintenance: against the snapshot from before, and against the sheet."""

        def work() -> None:
            before = files.read_json(self._snapshot_path(name))
            if before is None:
                raise StateError(
                    f"{self.device.name}: there is no snapshot {name!r} from before the maintenance.",
                    "Run maintenance_before.yml first, or name the right one with -e nwcs_snapshot=NAME.",
                )
            against, _none = sheets.record(None, before, site=self.device.site, job="maintenance_before")
            found = drift.findings(against, self.snapshot, controller_clock=run.clock_state())
            for finding in found:
                finding["args"] = {**finding["args"], "since": "maintenance_before"}
            sheet = self._sheet()
            known = {(f["kind"], f["key"], compare.digest([f["old"], f["new"]])) for f in found}
            for finding in drift.findings(sheet, self.snapshot, controller_clock=run.clock_state()) if sheet else ():
                if (finding["kind"], finding["key"], compare.digest([finding["old"], finding["new"]])) not in known:
                    found.append(finding)
            self.result["findings"] += drift.worst_first(found)

        return self._run(work)

    def harden(self) -> dict[str, Any]:
        """Bring the device to what is wanted, prove it, and record it. In check mode only the plan."""
        try:
            wanted = inventory.wanted(self.device)
            lease = contextlib.nullcontext() if self.check else self.state.lease(self.job)
            with lease, contextlib.ExitStack() as self.shield:
                self._harden(wanted)
        except NwcsError as error:
            self._fail(error)
        return self._finish()

    # -- reading jobs --------------------------------------------------------------------------------------------------
    def _run(self, work: Callable[[], None]) -> dict[str, Any]:
        try:
            answer = self._send({"what": "read", "spec": self._spec()})
            self.snapshot = answer["snapshot"]
            self._take(answer)
            work()
        except NwcsError as error:
            self._fail(error)
        return self._finish()

    def _sheet(self) -> dict[str, Any] | None:
        """The sheet as it was when this job began: parsed once, it is the dearest file of a run."""
        if not self._loaded:
            self._loaded = (sheets.load(self.sheet_dir, self.device.site, self.device.name),)
        return self._loaded[0]

    def _save(self, sheet: dict[str, Any]) -> None:
        path = sheets.path(self.sheet_dir, self.device.site, self.device.name)
        if not self.check:
            path = sheets.save(self.sheet_dir, sheet)
        self.result["sheet"] = path

    def _snapshot_path(self, name: str) -> str:
        return os.path.join(self.state.folder, f"snapshot-{files.safe_name(name)}.json")

    # -- hardening ---------------------------------------------------------------------------------------------------
    def _harden(self, wanted: Mapping[Any, Any]) -> None:
        sheet = self._sheet()
        spec = self._spec(sheet)
        spec["manage_accounts"] = True
        if sheet and sheet["recorded"] is None:
            spec["origin"] = sheet["factory"]["origin"]  # an interrupted build-out is still one
        memory = self.state.memory().get("keys") or {}
        plain = {settings.key_text(key): want_to_plain(want) for key, want in wanted.items()}
        planned = self._send({"what": "plan", "spec": spec, "wanted": plain, "memory": memory})
        self._take(planned)
        self.result["findings"] += planned["findings"]
        outcomes: dict[str, Any] = dict(planned["outcomes"])
        if planned["login"] == "pending" and not self.check:
            self.store.promote([secret_name(planned["credential"]["username"])])  # an interrupted change is in force
        if self.check:
            outcomes.update({line["key"]: line for line in planned["preview"]})
        self.before = {line["key"]: line.get("old") for line in planned["preview"]}
        self.after = {line["key"]: line.get("wanted") for line in planned["preview"]}
        if not self.check:
            self._compare_recording(planned["snapshot"])
        if self.check or not planned["changes"]:
            self._outcomes(outcomes)
            if not self.check:
                self._record(sheet, planned["snapshot"], wanted, outcomes, {})
            return
        if sheet is None:
            sheet = sheets.first_contact(planned["snapshot"], self.device.site, self.device.simulated, self.job)
            self._save(sheet)  # the factory state is kept before anything is changed
        applied = self._apply(spec, planned)
        outcomes.update(applied["outcomes"])
        self._outcomes(outcomes)
        self._remember(planned, applied, memory)
        self.result["notes"] += [note for note in applied["notes"] if note not in self.result["notes"]]
        if applied["sent"] and applied["way"]["scheme"] == "http":
            note = "The new password travelled over plain HTTP: the device offers no proven HTTPS."
            self.result["notes"].append(note)
        if applied["snapshot"] is not None:
            self.result["way"] = applied["way"]
            self._record(sheet, applied["snapshot"], wanted, outcomes, planned["snapshot"]["documents"])
        if applied["error"]:
            raise _error(applied["error"])

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

    def _apply(self, spec: dict[str, Any], planned: dict[str, Any]) -> dict[str, Any]:
        """Secrets first into the store, then to the device; promoted when proven (H43)."""
        self.shield.enter_context(run.uninterrupted())
        new = self._new_secrets(planned)
        self.store.prepare(new, f"{self.job} {run.RUN}")
        # From here on only a login can tell which password is in force, and by which way: should this run be cut off
        # after it has closed plain HTTP, the next one finds the way that was to stay.
        self.state.remember(login=None, coming=planned.get("https_ways") or [])
        secrets = {name: self._known_secret(name) for name in self._names(planned)}
        spec = {**spec, "secrets": {name: value for name, value in secrets.items() if value is not None}}
        lock = planned["lock_rules"].get("seconds")
        spec["negative_test"] = bool(new) and self.state.may_test_refusal(lock)
        applied = self._send({"what": "apply", "spec": spec, "plan": planned})
        self.store.promote(applied["proved"])
        unused = [name for name in new if name not in applied["sent"] and name not in applied["proved"]]
        if applied["error"] is None:
            self.store.drop_pending(unused)
            self._remember_login(applied["login"].get("label"))
        self.result["requests"] += applied["requests"]
        self.result["writes"] += applied["writes"]
        return applied

    @staticmethod
    def _names(planned: Mapping[str, Any]) -> list[str]:
        return [need["name"] for need in planned["needs"]]

    def _new_secrets(self, planned: Mapping[str, Any]) -> dict[str, str]:
        new: dict[str, str] = {}
        managed = {change["key"] for change in planned["changes"] if change["new"].get("value") == MANAGED}
        for need in planned["needs"]:
            name = need["name"]
            account = name.partition(".")[2]
            given, current = self.device.passwords.get(account), self.store.value(name)
            replace = settings.key_text(("accounts", account, "password")) in managed
            if given is not None:
                if given != current:
                    new[name] = given
            elif need["generate"] and (current is None or replace):
                new[name], _bits = passwords.generate(planned["password_rules"])
        return new

    def _known_secret(self, name: str) -> str | None:
        return self.store.value(name, "pending") or self.store.value(name)

    def _record(
        self,
        sheet: Any,
        snapshot: Mapping[str, Any],
        wanted: Any,
        outcomes: Mapping[str, Any],
        before: Mapping[str, Any],
    ) -> None:
        proven = [key for key, line in outcomes.items() if line["outcome"] == "changed"]
        pending = {k: line["wanted"] for k, line in outcomes.items() if line["outcome"] == "pending_restart"}
        sheet, found = sheets.record(
            sheet, snapshot, site=self.device.site, job=self.job, simulated=self.device.simulated, wanted=wanted,
            proven=proven, pending=pending, before=before,
        )  # fmt: skip
        self.result["findings"] += found
        self._save(sheet)
        self.state.remember(way=self.result["way"], coming=[])

    def _remember(self, planned: Mapping[str, Any], applied: Mapping[str, Any], memory: Mapping[str, Any]) -> None:
        keys = dict(memory)
        for change in planned["changes"]:
            line = applied["outcomes"].get(change["key"])
            keys.pop(change["key"], None)
            if line and line["outcome"] in REMEMBERED and applied["error"] is None:
                keys[change["key"]] = {
                    "wanted": compare.digest(change["new"]),
                    "firmware": planned["snapshot"]["identity"]["firmware"],
                    "outcome": line["outcome"],
                    "why": line.get("why", ""),
                    "since": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                }
        self.state.remember(keys=keys)

    # -- what a job needs --------------------------------------------------------------------------------------------
    def _spec(self, sheet: dict[str, Any] | None = None) -> dict[str, Any]:
        sheet = sheet or self._sheet()
        spec = {**self.device.spec, "own_account": self.device.own_account}
        spec["credentials"] = self._credentials()
        if sheet:
            identity = sheet["identity"]
            spec["expected"] = {name: identity[name] for name in ("endpoint", "serial", "mac") if identity.get(name)}
            baseline = (sheet["recorded"] or {}).get("settings", {})
            if spec["target"]["tls_verify"] is False and baseline.get("tls.certificate.sha256"):
                spec["expected"]["sha256"] = baseline["tls.certificate.sha256"]
        if self.device.options["forget_way"]:
            return spec
        memory = self.state.memory()
        if proven := memory.get("way"):
            declared = spec["ways"]
            # A proven HTTPS is never left for a declared plain HTTP: the credential would go where anyone listens.
            more = [way for way in declared if proven["scheme"] == "http" or way["scheme"] == "https"]
            spec["ways"] = [dict(proven), *(way for way in more if way != proven)]
        # Of a run that was cut off: HTTPS first, so that a secret travels in clear only where it must.
        coming = memory.get("coming") or []
        spec["ways"] = [*coming, *(way for way in spec["ways"] if way not in coming)]
        return spec

    def _credentials(self) -> list[dict[str, str]]:
        own, found = self.device.own_account, []
        if own:
            for label, password in self.store.candidates(secret_name(own)):
                found.append({"username": own, "password": password, "label": label})
        if self.device.username and self.device.password is not None and all(c["label"] == "pending" for c in found):
            found.append({"username": self.device.username, "password": self.device.password, "label": "bootstrap"})
        # A pending password that was not taken stays known, and is not tried before the one that works (H62).
        last = self.state.memory().get("login")
        found.sort(key=lambda credential: credential["label"] != last)
        self._check_not_refused(found)
        return found

    def _remember_login(self, label: str | None) -> None:
        """Which of several passwords is in force, as long as one is pending."""
        if self._own_pending() and label != "pending" and not self.check:
            self.state.remember(login=label)

    def _own_pending(self) -> bool:
        own = self.device.own_account
        return bool(own) and any(label == "pending" for label, _p in self.store.candidates(secret_name(own)))

    def _check_not_refused(self, credentials: list[dict[str, str]]) -> None:
        if credentials and not self.device.spec["retry"] and self.state.refused_any():
            if self.state.refused(_mark(credentials, self.state.salt())):
                raise CODES["login_refused"](
                    f"{self.device.name}: this login was refused before and is not tried again (lock budget).",
                    "Correct nwcs_username or nwcs_password, or run once with -e nwcs_retry=true.",
                )

    # -- sending and finishing ---------------------------------------------------------------------------------------
    def _send(self, job: dict[str, Any]) -> dict[str, Any]:
        answer = self.send(job)
        if "error" in answer and isinstance(answer["error"], dict) and "outcomes" not in answer:
            error = _error(answer["error"])
            if error.code == "login_refused":
                self.state.note_refused(_mark(job["spec"]["credentials"], self.state.salt()))
            raise error
        if self.state.refused_any():
            self.state.note_refused(None)
        return answer

    def _take(self, answer: Mapping[str, Any]) -> None:
        snapshot = answer["snapshot"]
        self.result["identity"] = snapshot["identity"]
        self.result["way"] = snapshot["way"]
        self.result["notes"] += snapshot["notes"]
        self.result["requests"] += answer["requests"]
        self._remember_login(answer.get("login"))

    def _outcomes(self, outcomes: Mapping[str, Any]) -> None:
        self.result["outcomes"] = [outcomes[key] for key in sorted(outcomes)]

    def _fail(self, error: NwcsError) -> None:
        self.result["error"] = {"code": error.code, "message": error.message, "advice": error.advice}
        if self.job not in ("harden",):
            self.result["findings"].append(drift.not_reached(error.code, error.message))

    def _finish(self) -> dict[str, Any]:
        self.result["seconds"] = run.seconds_since(self.start)
        self.result["status"] = results.device_status(self.result, self.job)
        return self.result

    def secrets(self) -> list[str]:
        """Every secret text that must not leave (for scrubbing)."""
        known = [self.device.password or "", *self.device.passwords.values()]
        with contextlib.suppress(NwcsError):
            known += self.store.values()
        return [text for text in known if text]


def failed_result(host: str, error: NwcsError, job: str) -> dict[str, Any]:
    """For a host whose variables already are wrong."""
    result = results.empty_device(host, "ok", {"code": error.code, "message": error.message, "advice": error.advice})
    result["status"] = results.device_status(result, job)
    return result


def _error(data: Mapping[str, str]) -> NwcsError:
    return CODES.get(data["code"], NwcsError)(data["message"], data.get("advice", ""))


def _mark(credentials: list[dict[str, str]], salt: bytes) -> str:
    """A slow salted mark of a set of logins: enough to know it again, useless to find it out."""
    text = "\0".join(f"{c['username']}\0{c['password']}" for c in credentials)
    return hashlib.scrypt(text.encode(), salt=salt, n=2**14, r=8, p=1).hex()

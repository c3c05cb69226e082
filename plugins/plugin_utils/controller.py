# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller does for one device: store, job, sheet, memory, result. The jobs touch no file.

This module reads and records; `changing.py` adds the jobs that change a device.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import compare, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import secret_name
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    CODES,
    BehindRecorder,
    LoginRefused,
    NwcsError,
    StateError,
)
from ansible_collections.nwcs.hardening.plugins.plugin_utils import drift, files, hold, inventory, passwords, run
from ansible_collections.nwcs.hardening.plugins.plugin_utils import result as results
from ansible_collections.nwcs.hardening.plugins.plugin_utils import sheet as sheets
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import open_documents
from ansible_collections.nwcs.hardening.plugins.plugin_utils.inventory import Device
from ansible_collections.nwcs.hardening.plugins.plugin_utils.ledger import Ledger
from ansible_collections.nwcs.hardening.plugins.plugin_utils.reuse import ReuseIndex
from ansible_collections.nwcs.hardening.plugins.plugin_utils.secret_store import SecretStore
from ansible_collections.nwcs.hardening.plugins.plugin_utils.state import DeviceState


class DeviceRun:
    """One job on one device. `send(job)` runs it here or on a gateway and gives its plain result."""

    def __init__(
        self, device: Device, send: Callable[[dict[str, Any]], dict[str, Any]], vault: Any, job: str, check: bool
    ) -> None:
        self.device, self.send, self.job, self.check = device, send, job, check
        self.state = DeviceState(device.folders["nwcs_state_dir"], device.site, device.name)
        self.ledger = Ledger(self.state.folder, device.name)
        self.documents = open_documents(
            device.folders["nwcs_secret_store"], device.site, vault, device.options["vault_id"],
            device.options.get("store_options") or {},
        )  # fmt: skip
        self.store = SecretStore(self.documents, device.name)
        self.reuse = ReuseIndex(self.documents, os.path.dirname(self.state.folder))
        self.sheet_dir = device.folders["nwcs_sheet_dir"]
        self.kept_https = False  # plain HTTP is declared, but HTTPS was proven meanwhile
        self.login = ""  # label of the credential that got us in
        self.logins_beside: dict[str, str] = {}  # family of another API -> label of the credential that opened it
        self._loaded: tuple[dict[str, Any] | None, ...] = ()  # the sheet, once it was looked for
        self.start = time.monotonic()
        self.result: dict[str, Any] = {
            **results.empty_device(device.name, "ok"),
            "family": device.family,
            "address": device.host,
            "simulated": device.simulated,
        }
        self.before: dict[str, Any] = {}  # for --diff
        self.after: dict[str, Any] = {}

    # -- the jobs ----------------------------------------------------------------------------------------------------
    def info(self) -> dict[str, Any]:
        """Read the device; nothing is recorded."""
        return self._run(lambda: None)

    def record(self, accept: bool = False) -> dict[str, Any]:
        """Write the sheet when there is none; else say what differs from the accepted baseline, or accept it."""

        def work() -> None:
            if accept:
                hold.check(self.documents, self.device.name, "accept")
            self._look_at_passwords()
            sheet, found = sheets.record(
                self._sheet(), self.snapshot, site=self.device.site, job=self.job, simulated=self.device.simulated,
                wanted=inventory.wanted(self.device), accept=accept,
            )  # fmt: skip
            self.result["findings"] += drift.declared(found, self.device.options.get("pins") or ())
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
                pins=self.device.options.get("pins") or (),
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

    # -- what a job needs --------------------------------------------------------------------------------------------
    def _spec(self, sheet: dict[str, Any] | None = None) -> dict[str, Any]:
        if recorder := self.device.options.get("behind"):
            raise BehindRecorder(
                f"{self.device.name}: not looked at, it is reached only through the recorder {recorder}.",
                f"What {recorder} tells of it stands in that recorder's own result; the rest takes a person.",
            )
        sheet = sheet or self._sheet()
        spec = {**self.device.spec, "own_account": self.device.own_account}
        spec["credentials"] = self._credentials()
        # What the sheet holds is compared, so it is read as well.
        recorded = ((sheet or {}).get("recorded") or {}).get("settings") or {}
        spec["wanted"] = [*(settings.key_text(key) for key in inventory.wanted(self.device)), *recorded]
        spec["beside"] = {family: self._beside(family, way) for family, way in spec["beside"].items()}
        if sheet:
            identity = sheet["identity"]
            spec["expected"] = {name: identity[name] for name in ("endpoint", "serial", "mac") if identity.get(name)}
        if pins := self._pins(sheet):
            spec.setdefault("expected", {})["sha256"] = pins
        if self.device.options["forget_way"]:
            return spec
        memory = self.state.memory()
        if proven := memory.get("way"):
            declared = spec["ways"]
            # A proven HTTPS is never left for a declared plain HTTP: the credential would go where anyone listens.
            more = [way for way in declared if proven["scheme"] == "http" or way["scheme"] == "https"]
            spec["ways"] = [dict(proven), *(way for way in more if way != proven)]
            self.kept_https = len(more) < len(declared)
        # Of a run that was cut off: HTTPS first, so that a secret travels in clear only where it must.
        coming = memory.get("coming") or []
        spec["ways"] = [*coming, *(way for way in spec["ways"] if way not in coming)]
        return spec

    def _pins(self, sheet: Mapping[str, Any] | None) -> list[str]:
        """Fingerprints that may answer where nothing else vouches for the device: declared, or seen before."""
        if self.device.spec["target"]["tls_verify"] is not False:
            return []
        if declared := list(self.device.options.get("pins") or ()):
            return declared  # somebody has compared it on site: what was seen, or withdrawn since, does not count
        recorded = ((sheet or {}).get("recorded") or {}).get("settings", {}).get("tls.certificate.sha256")
        seen = (self.state.memory().get("pin") or {}).get("sha256") or recorded
        return [seen] if seen else []

    def _credentials(self) -> list[dict[str, str]]:
        """What could work: the store's passwords first; the inventory's only where they are none, or refused."""
        self.ledger.check_locked()
        own, found = self.device.own_account, []
        # Where our own account was not proven yet, or cannot be made, the one of the first contact is still the way in,
        # and its password may be ours already.
        proven = own and self.store.value(secret_name(own)) is not None
        for name in [own] if proven else dict.fromkeys((own, self.device.username)):
            for label, password in self.store.candidates(secret_name(name)) if name else ():
                found.append({"username": name, "password": password, "label": label})
        ours = [credential for credential in found if credential["label"] != "pending"]
        if self.device.username and self.device.password is not None:
            # Reset to factory (H49), or changed by hand and told in the inventory: ours is refused, theirs may work.
            if not ours or any(self.ledger.refused(credential) for credential in ours):
                label = "bootstrap"
                found.append({"username": self.device.username, "password": self.device.password, "label": label})
        # A pending password that was not taken stays known, and is not tried before the one that works (H62).
        last = self._last_login()
        found.sort(key=lambda credential: credential["label"] != last)
        return found

    def _beside(self, family: str, entry: Mapping[str, Any]) -> dict[str, Any]:
        """The logins of another API of the device, which may keep accounts of its own: names of its realm."""
        api = self.device.apis[family]
        if not api["username"]:
            return {**entry, "credentials": [], "why": "", "refused": []}
        name = f"{api['username']}@{family}"
        candidates = self.store.candidates(secret_name(name))
        found = [{"username": name, "password": password, "label": label} for label, password in candidates]
        ours = [credential for credential in found if credential["label"] != "pending"]
        if api["password"] is not None and (not ours or any(self.ledger.refused(credential) for credential in ours)):
            found.append({"username": name, "password": api["password"], "label": "bootstrap"})
        last = self._last_login(family)
        found.sort(key=lambda credential: credential["label"] != last)
        return {**entry, "credentials": found, "why": "", "refused": []}

    def _choose_beside(self, spec: dict[str, Any]) -> None:
        """The lock budget is one for the whole device; an API that has no room in it waits, the others do not."""
        for family, entry in spec["beside"].items():
            if not self.device.apis[family]["username"]:
                # One list of accounts for both: what was refused there is not tried there again until it changes.
                ours = [{**c, "username": f"{c['username']}@{family}"} for c in spec["credentials"]]
                entry["refused"] = [c["label"] for c in ours if not spec["retry"] and self.ledger.refused(c)]
                continue
            try:
                last = self._last_login(family)
                entry["credentials"] = self.ledger.choose(entry["credentials"], last, spec["retry"], self.check)
            except LoginRefused as error:
                entry.update(credentials=[], why=error.message)

    def _last_login(self, family: str = "") -> str:
        """The label of the login that worked last, "" where a change was cut off since."""
        return self.state.memory().get(f"login@{family}" if family else "login") or ""

    def _remember_login(self, label: str | None) -> None:
        """Which password is in force: what worked is no guess the next time."""
        if label and not self.check:
            self.state.remember(login=label)

    def _remember_beside(self, families: Iterable[str], logins: Iterable[Mapping[str, Any]]) -> None:
        for line in logins:
            family = line["username"].rpartition("@")[2]
            label = line["label"] if line["label"] == "bootstrap" else "current"  # what worked is kept as current
            if family in families and not line.get("refused"):
                self.logins_beside[family] = label
            if family in families and not line.get("refused") and self._last_login(family) != label and not self.check:
                self.state.remember(**{f"login@{family}": label})

    # -- sending and finishing ---------------------------------------------------------------------------------------
    def _send(self, job: dict[str, Any]) -> dict[str, Any]:
        spec = job["spec"]
        if job["what"] != "apply":  # that goes on with the login of its plan
            # Not before now: a guess counts from here on. In place, so that the apply tries no others.
            last = self._last_login()
            spec["credentials"][:] = self.ledger.choose(spec["credentials"], last, spec["retry"], self.check)
            self._choose_beside(spec)
        tried = [*spec["credentials"], *(c for entry in spec["beside"].values() for c in entry["credentials"])]
        known = {(c["username"], c["label"]): c["password"] for c in tried}
        for family in spec["beside"]:
            known |= {(f"{user}@{family}", label): password for (user, label), password in list(known.items())}
        answer = self.send(job)
        for name, password in (spec.get("secrets") or {}).items():  # what an apply tries beside them
            known[name.partition(".")[2], "new"] = password
        self.ledger.note(answer.get("logins") or (), known)
        self._remember_beside(spec["beside"], answer.get("logins") or ())
        if "error" in answer and isinstance(answer["error"], dict) and "outcomes" not in answer:
            raise error_of(answer["error"])
        return answer

    def _take(self, answer: Mapping[str, Any]) -> None:
        snapshot = answer["snapshot"]
        self.result["identity"] = snapshot["identity"]
        self.result["way"] = snapshot["way"]
        self.result["notes"] += [note for note in snapshot["notes"] if note not in self.result["notes"]]
        self.result["requests"] += answer["requests"]
        self.login = answer["login"] or ""
        if answer.get("logged_in", True):
            self._remember_login(self.login)
        self._pin(snapshot)

    def _pin(self, snapshot: Mapping[str, Any]) -> None:
        """Remember the certificate that answered where nothing vouches for it; unverified until somebody confirms."""
        if self.device.spec["target"]["tls_verify"] is not False or snapshot["way"]["scheme"] != "https":
            return
        digest = snapshot["readings"].get("tls.certificate.sha256", {}).get("value")
        if not digest:
            return
        confirmed = digest in (self.device.options.get("pins") or ())
        pin = {"sha256": digest, "state": "confirmed" if confirmed else "unverified"}
        if not self.check:
            self.state.remember(pin=pin)
        if not confirmed and self.job in ("harden", "record"):
            found = drift.finding("pin_unverified", "tls.certificate.sha256", None, digest, "low", "unverified")
            self.result["findings"] = [f for f in self.result["findings"] if f["kind"] != "pin_unverified"] + [found]

    # -- passwords that people made --------------------------------------------------------------------------------
    def _look_at_passwords(self) -> None:
        """What is weak, or in use elsewhere, of the passwords in force that we know (REQUIREMENTS a03-3)."""
        explained = "state" if self.job == "record" else None  # nothing has changed, so it is no drift
        for account, password in self._in_force().items():
            key = settings.key_text(("accounts", account, "password"))
            why = passwords.weakness(password, [account, *self._words()])
            if why:
                found = drift.finding("weak_password", key, None, None, "critical", explained, item=account, why=why)
                self.result["findings"].append(found)
            others = [f"{device} ({name})" for device, name in self._others(account, password)]
            if others:
                args = {"item": account, "others": others}
                found = drift.finding("password_reused", key, None, None, "high", explained, **args)
                self.result["findings"].append(found)

    def _in_force(self) -> dict[str, str]:
        """{account: password} of what we know to be in force: the store's, or the inventory's where that got us in."""
        found = {}
        for name in self.store.entries():
            password = self.store.value(name)
            if name.startswith("accounts.") and password:
                found[name.partition(".")[2]] = password
        if self.login == "bootstrap" and self.device.password is not None:
            found[self.device.username] = self.device.password
        for family, api in self.device.apis.items():
            if self.logins_beside.get(family) == "bootstrap" and api["password"] is not None:
                found[f"{api['username']}@{family}"] = api["password"]
        return found

    def _words(self) -> list[str]:
        identity = self.result["identity"] or {}
        return [text for text in (identity.get("model"), identity.get("manufacturer")) if text]

    def _others(self, account: str, password: str) -> list[tuple[str, str]]:
        """Devices with the same password, by the site's keyed digests; this one is entered as well."""
        if self.check or self.documents.refuses():
            return []
        return self.reuse.claim(self.device.name, account, password)

    def _outcomes(self, outcomes: Mapping[str, Any]) -> None:
        self.result["outcomes"] = [outcomes[key] for key in sorted(outcomes)]

    def _fail(self, error: NwcsError) -> None:
        self.result["error"] = {"code": error.code, "message": error.message, "advice": error.advice}
        if error.code == "unreachable" and self.kept_https:
            why = "HTTPS was proven before, so plain HTTP is not tried [guard: https-kept]."
            advice = "If it was reset to factory state, run once with -e nwcs_forget_way=true."
            told = {"message": f"{error.message} {why}", "advice": error.advice or advice}
            self.result["error"] |= told
        if error.code in drift.SOMEBODY_ELSE:
            self.result["findings"].append(drift.finding(error.code, severity="critical"))
        if self.job not in ("harden",):
            self.result["findings"].append(drift.not_reached(error.code, error.message))

    def _finish(self) -> dict[str, Any]:
        self.result["seconds"] = run.seconds_since(self.start)
        self.result["status"] = results.device_status(self.result, self.job)
        return self.result

    def secrets(self) -> list[str]:
        """Every secret text that must not leave (for scrubbing)."""
        known = [self.device.password or "", *self.device.passwords.values()]
        known += [api["password"] or "" for api in self.device.apis.values()]
        with contextlib.suppress(NwcsError):
            known += self.store.values()
        return [text for text in known if text]


def failed_result(host: str, error: NwcsError, job: str) -> dict[str, Any]:
    """For a host whose variables already are wrong."""
    result = results.empty_device(host, "ok", {"code": error.code, "message": error.message, "advice": error.advice})
    result["status"] = results.device_status(result, job)
    return result


def error_of(data: Mapping[str, str]) -> NwcsError:
    return CODES.get(data["code"], NwcsError)(data["message"], data.get("advice", ""))

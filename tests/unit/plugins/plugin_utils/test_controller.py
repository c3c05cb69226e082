# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller does around the jobs: when secrets are stored, what is remembered, recorded and said."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.nwcs.hardening.plugins.plugin_utils import changing, controller, inventory, ledger, sheet
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import open_documents

VAULT = VaultLib([("default", VaultSecret(b"k7Qz-mP2x-Lw9v-Rt4b"))])
OWN = 'accounts."admin".password'
IDENTITY = {"manufacturer": "M", "model": "X", "serial": "S1", "mac": "", "firmware": "1.0", "endpoint": ""}


def snapshot(**readings: Any) -> dict[str, Any]:
    values = {"services.telnet.enabled": True, **readings}
    return {
        "schema": 1, "device": "cam", "family": "onvif", "at": "2026-11-21T00:00:00Z", "identity": dict(IDENTITY),
        "way": {"scheme": "https", "port": 443}, "factory_new": None,
        "readings": {key: {"state": "value", "value": value} for key, value in values.items()}, "documents": {},
        "notes": [],
    }  # fmt: skip


def change(key: str, new: Any, phase: int = 3) -> dict[str, Any]:
    return {"key": key, "old": None, "new": {"value": new}, "want": {"value": new}, "phase": phase}


def planned(*changes: dict[str, Any], login: str = "bootstrap", **more: Any) -> dict[str, Any]:
    return {
        "snapshot": snapshot(), "own_account": "admin", "changes": list(changes), "outcomes": {}, "findings": [],
        "needs": [], "password_rules": {"min_length": 8, "max_length": 16, "alphabet": None},
        "lock_rules": {"attempts": None, "seconds": None}, "credential": {"username": "admin", "label": login},
        "clear_text": False, "preview": [], "login": login, "requests": 3, **more,
    }  # fmt: skip


def applied(outcomes: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "outcomes": {key: {"key": key, "outcome": name, "wanted": False} for key, name in outcomes.items()},
        "proved": [], "sent": [], "notes": [], "error": None, "snapshot": snapshot(),
        "way": {"scheme": "https", "port": 443}, "login": {}, "requests": 9, "writes": 1, **more,
    }  # fmt: skip


class Site:
    """A device run whose jobs are answered from a list; `asked` keeps what was sent, and the store as it was then."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.pending_when_sent: list[Any] = []

    def run(self, *answers: dict[str, Any], check: bool = False, job: str = "harden", **given: Any) -> Any:
        self.answers = list(answers)
        variables = {
            "nwcs_family": "onvif", "nwcs_username": "admin", "nwcs_password": "factory-12345",
            "nwcs_host": "192.0.2.1", "nwcs_design": {"services": {"telnet": {"enabled": False}}}, **given,
        }  # fmt: skip
        device = inventory.describe("cam", variables.get, list(variables), {}, str(self.folder))
        self.work = changing.ChangeRun(device, self._answer, VAULT, job, check)
        return self.work

    def _answer(self, job: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(job)
        self.pending_when_sent.append(self.store().value("accounts.admin", "pending"))
        return self.answers.pop(0)

    def store(self) -> Any:
        return controller.SecretStore(open_documents(str(self.folder / "secrets"), "default", VAULT), "cam")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


NEED = {"needs": [{"name": "accounts.admin", "generate": True}]}


def test_a_password_is_stored_before_it_is_sent_and_promoted_when_proven(site: Site) -> None:
    plan = planned(change(OWN, "managed", 1), **NEED)
    done = applied({OWN: "changed"}, proved=["accounts.admin"], sent=["accounts.admin"])
    result = site.run(plan, done).harden()
    sent = site.asked[1]["spec"]["secrets"]["accounts.admin"]
    assert site.pending_when_sent == [None, sent]
    assert site.store().value("accounts.admin") == sent
    assert site.store().value("accounts.admin", "pending") is None
    assert result["status"] == "changed"
    assert len(sent) == 16
    assert sent not in repr(result)


def test_a_run_does_not_undo_itself(site: Site) -> None:
    """One playbook run that imports harden and undo: both would write one undo set."""
    plan = planned(change("services.telnet.enabled", False))
    site.run(plan, applied({"services.telnet.enabled": "changed"})).harden()
    result = site.run(job="undo").undo(changing.run.RUN)
    assert result["error"]["code"] == "input" and "this very run" in result["error"]["message"]
    assert len(site.asked) == 2


def test_a_password_whose_fate_is_unknown_stays_pending_and_is_tried_first(site: Site) -> None:
    lost = {"code": "unreachable", "message": "gone", "advice": ""}
    plan = planned(change(OWN, "managed", 1), **NEED)
    result = site.run(plan, applied({}, sent=["accounts.admin"], error=lost, snapshot=None)).harden()
    pending = site.store().value("accounts.admin", "pending")
    assert pending
    assert result["error"]["message"] == "gone"
    assert result["status"] in ("failed", "not_checked")
    site.run(planned(login="pending")).harden()
    labels = [entry["label"] for entry in site.asked[-1]["spec"]["credentials"]]
    assert labels == ["pending", "bootstrap"]
    assert site.store().value("accounts.admin") == pending  # the login with it worked, so it is in force


def test_a_signal_that_had_to_wait_finds_the_device_given_back(site: Site) -> None:
    """It ends the process: a lease left behind would keep every other host away."""
    leases: dict[str, list[Any]] = {}

    def look(when: str) -> None:
        leases[when] = open_documents(str(site.folder / "secrets"), "default", VAULT).names("leases")

    def hook(name: str) -> None:
        if name == "apply:before":
            look(name)
            os.kill(os.getpid(), signal.SIGTERM)
            assert "signal" not in leases, "it waits"

    kept = signal.signal(signal.SIGTERM, lambda _number, _frame: look("signal"))
    try:
        plan = planned(change(OWN, "managed", 1), **NEED)
        work = site.run(plan, applied({OWN: "changed"}, proved=["accounts.admin"], sent=["accounts.admin"]))
        work.hook = hook
        work.harden()
    finally:
        signal.signal(signal.SIGTERM, kept)
    assert leases == {"apply:before": [("leases", "cam")], "signal": []}
    assert site.store().value("accounts.admin", "pending") is None, "the change came to its proof"


def test_a_job_that_dies_leaves_the_pending_password(site: Site) -> None:
    plan = planned(change(OWN, "managed", 1), **NEED)
    work = site.run(plan)

    def send(job: dict[str, Any]) -> dict[str, Any]:
        if job["what"] == "apply":
            raise KeyboardInterrupt
        return site._answer(job)

    work.send = send
    with pytest.raises(KeyboardInterrupt):
        work.harden()
    assert site.store().value("accounts.admin", "pending")


def test_a_password_that_was_never_sent_is_dropped(site: Site) -> None:
    plan = planned(change("services.telnet.enabled", False), **NEED)
    site.run(plan, applied({"services.telnet.enabled": "changed"})).harden()
    assert site.store().value("accounts.admin", "pending") is None


def test_a_given_password_is_used_as_it_is(site: Site) -> None:
    plan = planned(change('accounts."nvr".role', "operator", 1), needs=[{"name": "accounts.nvr", "generate": True}])
    done = applied({}, proved=["accounts.nvr"], sent=["accounts.nvr"])
    site.run(plan, done, nwcs_passwords={"nvr": "Given-pass-1"}).harden()
    assert site.asked[1]["spec"]["secrets"] == {"accounts.nvr": "Given-pass-1"}


def test_an_existing_account_gets_no_invented_password(site: Site) -> None:
    plan = planned(change('accounts."ops".role', "viewer"), needs=[{"name": "accounts.ops", "generate": False}])
    site.run(plan, applied({})).harden()
    assert site.asked[1]["spec"]["secrets"] == {}


def test_without_a_vault_password_nothing_is_sent(site: Site) -> None:
    work = site.run(planned(change(OWN, "managed", 1), **NEED))
    work.documents.seal.vault = VaultLib([])
    result = work.harden()
    assert "vault password" in result["error"]["message"]
    assert [job["what"] for job in site.asked] == ["plan"]


def test_check_mode_sends_a_plan_and_writes_no_file(site: Site) -> None:
    line = {"key": "services.telnet.enabled", "outcome": "would_change", "wanted": False, "old": True}
    result = site.run(planned(change(line["key"], False), preview=[line]), check=True).harden()
    assert [job["what"] for job in site.asked] == ["plan"]
    assert result["outcomes"] == [line]
    assert list(site.folder.iterdir()) == []


def test_the_factory_state_is_recorded_before_anything_is_changed(site: Site) -> None:
    plan = planned(change("services.telnet.enabled", False))
    seen: list[bool] = []
    work = site.run(plan, applied({"services.telnet.enabled": "changed"}))
    path = sheet.path(str(site.folder / "parameter_sheets"), "default", "cam")
    answer = work.send
    work.send = lambda job: (seen.append(os.path.exists(path)), answer(job))[1]
    work.harden()
    assert seen == [False, True]
    content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    assert content["factory"]["settings"]["services.telnet.enabled"] is True
    assert content["recorded"] is not None


def test_what_did_not_take_is_remembered_and_handed_to_the_next_plan(site: Site) -> None:
    key = "services.telnet.enabled"
    site.run(planned(change(key, False)), applied({key: "failed"})).harden()
    site.run(planned(login="current")).harden()
    memory = site.asked[-1]["memory"]
    assert memory[key]["outcome"] == "failed"
    assert memory[key]["firmware"] == "1.0"


def test_what_took_is_forgotten(site: Site) -> None:
    key = "services.telnet.enabled"
    site.run(planned(change(key, False)), applied({key: "failed"})).harden()
    site.run(planned(change(key, False)), applied({key: "changed"})).harden()
    site.run(planned()).harden()
    assert site.asked[-1]["memory"] == {}


def test_the_proven_way_is_used_next_time_and_plain_http_is_not_tried_any_more(site: Site) -> None:
    key = "services.telnet.enabled"
    site.run(planned(change(key, False)), applied({key: "changed"}), nwcs_scheme="http", nwcs_port=80).harden()
    site.run(planned(), nwcs_scheme="http", nwcs_port=80).harden()
    assert site.asked[-1]["spec"]["ways"] == [{"scheme": "https", "port": 443}]
    site.run(planned(), nwcs_scheme="http", nwcs_port=80, nwcs_forget_way=True).harden()
    assert site.asked[-1]["spec"]["ways"] == [{"scheme": "http", "port": 80}]


def test_a_run_that_was_cut_off_leaves_the_way_that_was_to_stay(site: Site) -> None:
    """Plain HTTP may be closed already: the next run must find HTTPS, and then forget what was only expected."""
    https, http = {"scheme": "https", "port": 8443}, {"scheme": "http", "port": 80}
    plan = {**planned(change("services.http.enabled", False)), "https_ways": [https]}
    lost = {"error": {"code": "error", "message": "the line went dead", "advice": ""}}
    assert site.run(plan, lost, nwcs_scheme="http", nwcs_port=80).harden()["error"] is not None
    site.run(planned(), nwcs_scheme="http", nwcs_port=80).harden()
    assert site.asked[-1]["spec"]["ways"] == [https, http]
    site.run(planned(), nwcs_scheme="http", nwcs_port=80).harden()
    assert https not in site.asked[-1]["spec"]["ways"]


def test_a_refused_login_is_not_tried_again_until_it_changes(site: Site) -> None:
    logins = [{"username": "admin", "label": "bootstrap", "refused": True}]
    refused = {"error": {"code": "login_refused", "message": "no", "advice": ""}, "logins": logins}
    assert site.run(refused, job="drift").drift()["error"]["code"] == "login_refused"
    again = site.run(job="drift").drift()
    assert "lock-budget" in again["error"]["message"]
    assert len(site.asked) == 1
    other = site.run({"snapshot": snapshot(), "login": "bootstrap", "requests": 1}, job="drift",
                     nwcs_password="another-12345").drift()  # fmt: skip
    assert other["error"] is None


def refusing_all_but(work: str, job: dict[str, Any], said: list[str]) -> dict[str, Any]:
    """What a job answers on a device that takes the login labelled `work` only; said: the refused ones."""
    lines = []
    for entry in job["spec"]["credentials"]:
        right = entry["label"] == work
        lines.append({"username": entry["username"], "label": entry["label"], "refused": not right})
        if right:
            return {"snapshot": snapshot(), "login": work, "requests": 1, "logins": lines}
        said.append(entry["label"])
    return {"error": {"code": "login_refused", "message": "no", "advice": ""}, "logins": lines}


@pytest.mark.parametrize("known_good", ["", "current"])
@pytest.mark.parametrize(("retry", "minutes"), [(False, 5), (False, 31), (True, 5), (True, 31)])
def test_a_device_that_was_reset_lets_us_in_within_the_next_lock_time(
    site: Site, monkeypatch: pytest.MonkeyPatch, retry: bool, minutes: int, known_good: str
) -> None:
    """The store knows a current and a pending password, the device knows the factory one only (H49, H44)."""
    for password in ("current-12345", "pending-12345"):
        store = site.store()
        store.prepare({"accounts.admin": password}, "test")
        if password == "current-12345":
            store.promote(["accounts.admin"])
    now, refused, began = [1_800_000_000.0], list[tuple[float, str]](), 1_800_000_000.0
    monkeypatch.setattr(ledger.time, "time", lambda: now[0])
    while True:
        said: list[str] = []
        work = site.run(job="drift", **({"nwcs_retry": True} if retry and refused else {}))
        if known_good:
            work.state.remember(login=known_good)
        work.send = lambda job, said=said: refusing_all_but("bootstrap", job, said)
        result = work.drift()
        refused += [(now[0], label) for label in said]
        recent = [label for at, label in refused if now[0] - at < ledger.LOCK_SECONDS]
        assert retry or len(recent) <= ledger.MOST_UNKNOWN, refused
        if result["error"] is None:
            break
        now[0] += 60 * minutes
        assert now[0] - began <= 2 * ledger.LOCK_SECONDS + 120, f"bootstrap was never tried: {refused}"
    assert {label for _at, label in refused} <= {"current", "pending"}


def test_a_guess_is_written_down_before_it_is_sent(site: Site) -> None:
    work = site.run(job="drift")
    counted = []

    def send(job: dict[str, Any]) -> dict[str, Any]:
        counted.append(len(work.ledger._read()["wrong"]))
        raise KeyboardInterrupt

    work.send = send
    with pytest.raises(KeyboardInterrupt):
        work.drift()
    assert counted == [1] and len(work.ledger._read()["wrong"]) == 1
    other = site.run({"snapshot": snapshot(), "login": "bootstrap", "requests": 1, "logins": []}, job="drift")
    assert other.drift()["error"] is None
    assert len(other.ledger._read()["wrong"]) == 1, "its own is settled, that of the one that died is not"


def test_what_stops_before_anything_is_sent_counts_no_guess(site: Site) -> None:
    work = site.run(nwcs_design={"services": {"telnet": {"enabled": "perhaps"}}})
    assert work.harden()["error"] is not None and site.asked == []
    assert not os.path.exists(work.ledger.path)


def test_the_ordinary_run_writes_no_ledger(site: Site) -> None:
    answer = {"snapshot": snapshot(), "login": "bootstrap", "requests": 1,
              "logins": [{"username": "admin", "label": "bootstrap", "refused": False}]}  # fmt: skip
    path = site.run(dict(answer), job="drift").ledger.path
    site.work.drift()
    before = os.stat(path).st_ino
    for _number in range(2):
        assert site.run(dict(answer), job="drift").drift()["error"] is None
    assert os.stat(path).st_ino == before, "it is replaced whole when it is written"


def test_a_new_password_that_is_refused_is_not_taken_for_the_pending_one_that_works(site: Site) -> None:
    site.store().prepare({"accounts.admin": "pending-12345"}, "test")
    lines = [("pending", False), ("new", True), ("pending", False)]
    logins = [{"username": "admin", "label": label, "refused": refused} for label, refused in lines]
    done = applied({OWN: "failed"}, sent=["accounts.admin"], logins=logins)
    site.run(planned(change(OWN, "managed", 1), login="pending", **NEED), done).rotate()
    new = site.asked[1]["spec"]["secrets"]["accounts.admin"]
    assert new != "pending-12345"
    book = site.work.ledger
    assert book.refused({"username": "admin", "password": new})
    assert not book.refused({"username": "admin", "password": "pending-12345"})
    assert len(book._read()["wrong"]) == 1


@pytest.mark.parametrize(
    ("pins", "state", "may"),
    [
        (["BB"], "confirmed", ["BB"]),  # AA was confirmed once, and is withdrawn
        (["AA", "BB"], "confirmed", ["AA", "BB"]),
        (["BB"], "unverified", ["BB"]),
        ([], "unverified", ["AA"]),
    ],
)
def test_a_fingerprint_counts_as_confirmed_while_the_inventory_says_so(
    site: Site, pins: list[str], state: str, may: list[str]
) -> None:
    work = site.run(nwcs_tls_verify=False)
    work.device.options["pins"] = pins
    work.state.remember(pin={"sha256": "AA", "state": state})
    assert work._pins(None) == may


def test_a_device_that_cannot_be_read_is_never_clean(site: Site) -> None:
    result = site.run({"error": {"code": "unreachable", "message": "down", "advice": "look"}}, job="drift").drift()
    assert result["status"] == "not_checked"
    assert [finding["kind"] for finding in result["findings"]] == ["not_reached"]


@pytest.mark.parametrize(("now", "told"), [("error", True), ("active", False)])
def test_a_recorder_that_stops_recording_is_told(site: Site, now: str, told: bool) -> None:
    key = 'recording.jobs."cam-1".state'
    before = {"snapshot": snapshot(**{key: "active"}), "login": "bootstrap", "requests": 1}
    site.run(before).keep_snapshot(changing.BEFORE_HARDEN)
    after = planned()
    after["snapshot"] = snapshot(**{key: now})
    kinds = [finding["kind"] for finding in site.run(after).harden()["findings"]]
    assert ("recording_stopped" in kinds) is told


def test_maintenance_compares_with_the_snapshot_and_with_the_sheet(site: Site) -> None:
    read = {"login": "current", "requests": 1}
    site.run({**read, "snapshot": snapshot()}, job="record").record()
    site.run({**read, "snapshot": snapshot(**{"services.ssh.enabled": False})}, job="x").keep_snapshot("m")
    changed = snapshot(**{"services.ssh.enabled": True})
    found = site.run({**read, "snapshot": changed}, job="maintenance_after").compare_snapshot("m")["findings"]
    assert ("service_on", "services.ssh.enabled") in {(f["kind"], f["key"]) for f in found}
    missing = site.run({**read, "snapshot": changed}, job="maintenance_after").compare_snapshot("other")
    assert "no snapshot 'other'" in missing["error"]["message"]


def test_a_document_that_our_own_writes_changed_is_no_drift_afterwards(site: Site) -> None:
    def with_digest(digest: str, **readings: Any) -> dict[str, Any]:
        return {**snapshot(**readings), "documents": {"firewall": {"digest": digest}}}

    key = "services.telnet.enabled"
    site.run({"snapshot": with_digest("a"), "login": "current", "requests": 1}, job="record").record()
    plan = {**planned(change(key, False)), "snapshot": with_digest("a")}
    done = applied({key: "changed"}, snapshot=with_digest("b", **{key: False}))
    assert site.run(plan, done).harden()["findings"] == []
    read = {"snapshot": with_digest("b", **{key: False}), "login": "current", "requests": 1}
    assert site.run(read, job="drift").drift()["findings"] == []
    foreign = {"snapshot": with_digest("c", **{key: False}), "login": "current", "requests": 1}
    assert [f["kind"] for f in site.run(foreign, job="drift").drift()["findings"]] == ["document_changed"]
    # Changed by somebody else before our run: hardening does not accept it.
    plan = {**planned(change(key, False)), "snapshot": with_digest("c")}
    done = applied({key: "changed"}, snapshot=with_digest("d", **{key: False}))
    assert [f["kind"] for f in site.run(plan, done).harden()["findings"]] == ["document_changed"]


def test_only_accept_replaces_a_baseline(site: Site) -> None:
    def read(value: bool) -> dict[str, Any]:
        changed = snapshot(**{"services.telnet.enabled": value})
        return {"snapshot": changed, "login": "current", "requests": 1}

    site.run(read(False), job="record").record()
    assert site.run(read(True), job="record").record()["findings"]
    assert site.run(read(True), job="drift").drift()["findings"]
    site.run(read(True), job="record").record(accept=True)
    assert site.run(read(True), job="drift").drift()["findings"] == []


def test_an_own_account_that_could_not_be_made_leaves_the_first_one_as_the_way_in(site: Site) -> None:
    """Its password is ours by then: the store's is tried, not the one of the factory."""
    done = applied({OWN: "changed"}, proved=["accounts.admin"], sent=["accounts.admin"], login={"label": "pending"})
    site.run(planned(change(OWN, "managed", 1), **NEED), done, nwcs_own_account="keeper").harden()
    site.run(planned(login="current"), nwcs_own_account="keeper").harden()
    tried = site.asked[-1]["spec"]["credentials"]
    assert [(entry["username"], entry["label"]) for entry in tried] == [("admin", "current")]
    assert tried[0]["password"] == site.store().value("accounts.admin") != "factory-12345"


@pytest.mark.parametrize(("login", "sent"), [("current", False), ("bootstrap", True)])
def test_a_built_in_account_gets_a_new_password_once_and_after_a_reset(site: Site, login: str, sent: bool) -> None:
    key = 'accounts."service".password'
    need = {"needs": [{"name": "accounts.service", "generate": True}]}
    done = applied({key: "changed"}, proved=["accounts.service"], sent=["accounts.service"])
    site.run(planned(change(key, "managed"), **need), done).harden()
    first = site.store().value("accounts.service")
    result = site.run(planned(change(key, "managed"), login=login, **need), done).harden()
    assert (site.store().value("accounts.service") != first) is sent
    assert [line["outcome"] for line in result["outcomes"]] == ["changed" if sent else "ok"]


def test_what_failed_in_a_bad_moment_is_written_once_more(site: Site) -> None:
    key = "services.telnet.enabled"
    remembered = []
    for _attempt in range(3):
        site.run(planned(change(key, False)), applied({key: "failed"}, again=[key])).harden()
        site.run(planned(login="current")).harden()
        remembered.append(site.asked[-1]["memory"][key]["again"])
    assert remembered[:2] == [True, False]

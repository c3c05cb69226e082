# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applying: steps in order, proofs, transactions, undo; each boundary is seen by the hook."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fake_family import Box, box, plan, spec  # noqa: F401

from ansible_collections.nwcs.hardening.plugins.module_utils import applying, jobs, judging
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Binding, Document, Reading, Stored
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    Refused,
    Unreachable,
    Unsupported,
)


def harden(design: dict[str, Any], hook: Any = None, **more: Any) -> dict[str, Any]:
    planned = plan(design, **more)
    secrets = {need["name"]: f"new-{need['name']}" for need in planned["needs"]}
    return jobs.apply(spec(**{"secrets": secrets, **more}), planned, hook)


def said(result: dict[str, Any]) -> dict[str, str]:
    return {key: line["outcome"] for key, line in result["outcomes"].items()}


ALL = {
    "services": {"https": {"enabled": True}, "http": {"enabled": False}, "telnet": {"enabled": False}},
    "accounts": {"ops": {"role": "viewer"}, "guest": "absent"},
    "identity": {"name": "x"},
    "nat": {"upnp": False},
    "access": {"mode": "allow", "sources": ["192.0.2.9"]},
}


# -- order -------------------------------------------------------------------------------------------------------------
def test_steps_come_by_phase_and_the_hook_sees_every_boundary(box: Box) -> None:  # noqa: F811
    steps: list[str] = []
    result = harden(ALL, steps.append)
    assert set(said(result).values()) == {"changed"}, said(result)
    begun = [step.removesuffix(":begin") for step in steps if step.endswith(":begin")]
    assert begun == ["transport", "open", "ordinary", "close:fw", "close", "path"]
    assert [s for s in steps if s.endswith(":end")] == [f"{step}:end" for step in begun]
    for document in ("ways", "users", "names", "firewall", "filter"):
        assert f"store:{document}:before" in steps and f"store:{document}:after" in steps
    for mark in ("apply:fw:before", "apply:fw:read", "confirm:fw:before"):
        assert mark in steps
    assert steps.index("apply:fw:read") < steps.index("confirm:fw:before")


def test_secrets_travel_encrypted_as_soon_as_they_can(box: Box) -> None:  # noqa: F811
    harden(ALL)
    stores = [line for line in box.log if line.startswith("store")]
    assert stores[0] == "store ways as admin by http" and all(line.endswith("by https") for line in stores[1:])


def test_documents_of_a_step_are_stored_in_their_order(box: Box) -> None:  # noqa: F811
    harden({"time": {"zone": "JST-9"}, "identity": {"name": "x"}})
    assert [line.split()[1] for line in box.log if line.startswith("store")] == ["names", "time"]
    ordered = applying._ordered([Document("a", after=("b",)), Document("b", after=("c",)), Document("c")])
    assert [document.name for document in ordered] == ["c", "b", "a"]


def test_what_a_change_moves_along_is_put_after_it(box: Box) -> None:  # noqa: F811
    """Both wanted: the explicit one has the last word, in whatever order they come."""
    rows = {("identity", "name"): Binding(("identity", "name"), ("names",), str, moves=(("identity", "hostname"),))}
    applier = applying.Applier.__new__(applying.Applier)
    applier._binding = lambda key, trees=None: rows.get(key)  # type: ignore[method-assign,assignment]
    changes = [SimpleNamespace(key=("identity", one)) for one in ("hostname", "name", "location")]
    assert [c.key[1] for c in applier._moved_last(changes, {})] == ["name", "location", "hostname"]  # type: ignore[arg-type]


# -- judgement ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "outcome", "why"),
    [("ignore", "failed", "accepted but not applied"), (Refused("box: no"), "refused", "box: no"),
     (Unsupported("box: what?"), "unsupported", "what"), (BadAnswer("box: cut"), "failed", "error: box: cut")],
)  # fmt: skip
def test_only_the_reading_and_a_clear_no_decide(box: Box, answer: Any, outcome: str, why: str) -> None:  # noqa: F811
    box.say["names"] = answer
    result = harden({"identity": {"name": "x", "hostname": "y"}, "time": {"zone": "JST-9"}})
    assert said(result) == {"identity.name": outcome, "identity.hostname": outcome, "time.zone": "changed"}
    assert why in result["outcomes"]["identity.name"]["why"]
    assert result["outcomes"]["identity.name"]["wanted"] == "x"


def test_an_error_after_a_write_that_took_is_a_change(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """H30: the answer was broken, the device did it."""
    document = next(d for d in jobs.Session(spec()).driver.documents if d.name == "names")

    def store(ctx: Any, old: Any, new: Any) -> None:
        box.trees["names"] = dict(new)
        raise BadAnswer("box: an undeclared prefix")

    monkeypatch.setitem(document.__dict__, "store", store)
    assert said(harden({"identity": {"name": "x"}})) == {"identity.name": "changed"}


def test_pending_only_when_reply_or_table_say_so(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    box.say["names"] = Stored(restart=True)
    driver = jobs.Session(spec()).driver
    honest = driver.fetch
    old = {"name": "cam", "hostname": "cam"}
    monkeypatch.setattr(driver, "fetch", lambda ctx, names: {**honest(ctx, names), "names": dict(old)})
    assert said(harden({"identity": {"name": "x"}})) == {"identity.name": "pending_restart"}
    box.say["names"] = "ignore"
    assert said(harden({"identity": {"name": "x"}})) == {"identity.name": "failed"}
    table = [{"model": "Box", "restart": ["names"]}]
    assert said(harden({"identity": {"name": "x"}}, oddities=table)) == {"identity.name": "pending_restart"}


def test_a_service_is_looked_at(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    def look(_transport: Any, _endpoints: Any, ports: Any, *_more: Any, **_named: Any) -> dict:
        return {("services", name, "open"): Reading.of(True, "tcp 23") for name in ports}

    monkeypatch.setattr(judging.probes, "look", look)
    line = harden({"services": {"telnet": {"enabled": False}}})["outcomes"]["services.telnet.enabled"]
    assert line["outcome"] == "failed" and "still answers" in line["why"] and line["read"] is False


# -- the transaction ---------------------------------------------------------------------------------------------------
def test_confirm_comes_after_reading_back_and_a_new_login(box: Box) -> None:  # noqa: F811
    assert said(harden({"nat": {"upnp": False}})) == {"nat.upnp": "changed"}
    tail = box.log[box.log.index("prepare") :]
    assert [line.split()[0] for line in tail[:5]] == ["prepare", "store", "apply", "login", "confirm"]


def test_what_is_not_in_force_is_abandoned(box: Box) -> None:  # noqa: F811
    box.say["apply"] = "ignore"
    result = harden({"nat": {"upnp": False}})
    assert said(result) == {"nat.upnp": "undone"} and "confirm" not in box.log and "abandon" in box.log
    assert box.trees["firewall"]["upnp"] is True and box.staged == {}


def test_a_login_that_no_longer_works_is_abandoned(box: Box) -> None:  # noqa: F811
    def cut(step: str) -> None:
        if step == "apply:fw:read":
            box.passwords["admin"] = "nobody knows"

    result = harden({"nat": {"upnp": False}}, cut)
    assert said(result)["nat.upnp"] == "undone" and "abandon" in box.log and "confirm" not in box.log
    assert box.trees["firewall"]["upnp"] is True


def test_with_somebody_in_the_way_nothing_is_stored(box: Box) -> None:  # noqa: F811
    box.say["prepare"] = Busy("box: somebody's apply is waiting")
    result = harden({"nat": {"upnp": False}, "identity": {"name": "x"}})
    assert said(result) == {"nat.upnp": "not_checked", "identity.name": "changed"}
    assert not any("firewall" in line for line in box.log)


def test_a_stage_that_took_nothing_is_abandoned(box: Box) -> None:  # noqa: F811
    box.say["firewall"] = Refused("box: not allowed")
    assert said(harden({"nat": {"upnp": False}})) == {"nat.upnp": "refused"}
    assert "abandon" in box.log and not any(line.startswith("apply") for line in box.log)


# -- our own ways in ---------------------------------------------------------------------------------------------------
BOOTSTRAP = {"credentials": [{"username": "admin", "password": "old", "label": "bootstrap"}], "manage_accounts": True}


def test_our_own_password_moves_last_of_its_phase_and_is_proven(box: Box) -> None:  # noqa: F811
    steps: list[str] = []
    result = harden({"accounts": {"ops": {"role": "viewer"}, "guest": {"role": "viewer"}}}, steps.append, **BOOTSTRAP,
                    negative_test=True)  # fmt: skip
    begun = [step for step in steps if step.endswith("begin")]
    assert begun == ["open:begin", "open:own:begin"]
    assert result["outcomes"]['accounts."admin".password']["proof"].endswith("the old login is refused")
    assert sorted(result["proved"]) == ["accounts.admin", "accounts.ops"]
    assert box.passwords["admin"] == "new-accounts.admin"
    assert [line for line in box.log if line.startswith("refused")] == ["refused admin by http"]
    assert box.log[-1].startswith("login admin"), "a right login comes after the wrong one"


@pytest.mark.parametrize("room", [True, False])
def test_an_old_password_that_was_not_tried_is_told(box: Box, room: bool) -> None:  # noqa: F811
    result = harden({}, **BOOTSTRAP, negative_test=room)
    refused = [line for line in box.log if line.startswith("refused")]
    told = [note for note in result["notes"] if "was not tried: the lock budget" in note]
    assert (len(refused), len(told)) == ((1, 0) if room else (0, 1))
    assert "old login is refused" in result["outcomes"]['accounts."admin".password']["proof"] or not room


def test_a_password_that_was_not_taken_leaves_the_old_login_in_use(box: Box) -> None:  # noqa: F811
    box.say["users"] = "ignore"
    result = harden({}, **BOOTSTRAP, negative_test=True)
    assert said(result) == {'accounts."admin".password': "failed"} and result["proved"] == []
    assert result["error"] is None and result["login"]["label"] == "bootstrap"
    assert len([line for line in box.log if line.startswith("refused")]) == 1


def test_a_clear_no_spends_no_login(box: Box) -> None:  # noqa: F811
    box.say["users"] = Refused("box: too weak")
    assert said(harden({}, **BOOTSTRAP)) == {'accounts."admin".password': "refused"}
    assert not any(line.startswith("refused") for line in box.log)


@pytest.mark.parametrize("say", [Refused("box: not by you"), Unsupported("box: not on this firmware")])
def test_a_clear_no_to_the_password_of_another_account_spends_no_login(box: Box, say: Exception) -> None:  # noqa: F811
    box.say["users"] = say
    asked = {'accounts."guest".password': {"value": "managed", "mode": "strict", "origin": "rotation"}}
    planned = jobs.plan(spec(rotation="named"), asked, {})
    secrets = {need["name"]: "new" for need in planned["needs"]}
    result = jobs.apply(spec(rotation="named", secrets=secrets), planned)
    assert said(result) == {'accounts."guest".password': say.code}
    assert not any("guest" in line for line in box.log if line.startswith(("login", "refused")))


def test_after_one_refused_login_no_other_is_tried(box: Box) -> None:  # noqa: F811
    box.say["users"] = "ignore"
    result = harden({"accounts": {name: {"role": "viewer"} for name in ("a", "b", "c")}}, negative_test=True)
    assert len([line for line in box.log if line.startswith("refused")]) == 1
    assert "changed" not in said(result).values() and result["proved"] == []


def test_the_old_account_goes_after_we_have_moved(box: Box) -> None:  # noqa: F811
    result = harden({}, **BOOTSTRAP, own_account="nwcs", undeclared_accounts="remove", negative_test=True)
    assert said(result)['accounts."admin".role'] == "changed" and set(box.trees["users"]) == {"nwcs"}
    assert result["login"]["username"] == "nwcs"
    assert [line for line in box.log if line.startswith("store")][-1].startswith("store users as nwcs")


def test_http_stays_when_https_cannot_be_proven(box: Box) -> None:  # noqa: F811
    box.unreachable.add("https")
    result = harden({"services": {"https": {"enabled": True}, "http": {"enabled": False}}})
    assert said(result)["services.http.enabled"] == "guarded" and box.trees["ways"]["http"] is True
    assert any("HTTPS" in note for note in result["notes"])


def shut_when(monkeypatch: pytest.MonkeyPatch, shut: Callable[[], bool]) -> None:
    """No new connection gets in while `shut`; the open one still works."""
    driver = jobs.Session(spec()).driver
    honest = driver.login

    def login(transport: Any, credential: Any) -> None:
        if shut():
            raise BadAnswer("box: the connection was closed")
        honest(transport, credential)

    monkeypatch.setattr(driver, "login", login)


def test_a_path_change_that_cuts_is_undone_where_we_still_can(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """New connections fail, the open one still works: the old filter comes back by it."""
    shut_when(monkeypatch, lambda: box.trees["filter"]["mode"] == "allow")
    result = harden({"access": {"mode": "allow", "sources": ["192.0.2.9"]}, "identity": {"name": "x"}})
    assert said(result)["access.mode"] == "undone" and box.trees["filter"] == {"mode": "off", "sources": []}
    assert said(result)["identity.name"] == "changed" and result["error"] is None


def test_a_path_change_that_cannot_be_undone_says_both(box: Box) -> None:  # noqa: F811
    def cut(step: str) -> None:
        if step == "store:filter:after":
            box.unreachable.add("http")

    result = harden({"access": {"mode": "allow", "sources": ["192.0.2.9"]}}, cut)
    assert said(result)["access.mode"] == "failed" and result["error"]["code"] == "unreachable"
    assert result["snapshot"] is None


def test_after_a_loss_the_rest_is_not_checked(box: Box) -> None:  # noqa: F811
    def cut(step: str) -> None:
        if step == "ordinary:begin":
            box.unreachable.add("http")

    result = harden({"identity": {"name": "x"}, "services": {"telnet": {"enabled": False}}}, cut)
    assert said(result) == {"identity.name": "failed", "services.telnet.enabled": "not_checked"}


# -- a proof that fails or is cut off: the lines say what is known, no more --------------------------------------------
ALLOW = {"access": {"mode": "allow", "sources": ["192.0.2.9"]}}


def stores(box: Box, name: str) -> int:  # noqa: F811
    return len([line for line in box.log if line.startswith(f"store {name} ")])


def test_what_was_done_with_an_error_is_put_back_too(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The answer is an error, the device did it (H30), and it shuts us out."""
    shut_when(monkeypatch, lambda: box.trees["filter"]["mode"] == "allow")
    box.late["filter"] = BadAnswer("box: 500")
    result = harden(ALLOW)
    assert box.trees["filter"] == {"mode": "off", "sources": []} and stores(box, "filter") == 2
    line = result["outcomes"]["access.mode"]
    assert (line["outcome"], line["read"], line["guard"]) == ("undone", "off", "proof") and result["error"] is None


def test_undone_is_what_reads_as_before(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The device says yes to putting it back, and does nothing."""
    shut_when(monkeypatch, lambda: box.trees["filter"]["mode"] == "allow")

    def deaf(step: str) -> None:
        if step == "restore:filter:before":
            box.say["filter"] = "ignore"

    result = harden(ALLOW, deaf)
    line = result["outcomes"]["access.mode"]
    assert (line["outcome"], line["read"]) == ("failed", "allow") and "does not read as it did" in line["why"]
    assert result["error"]["code"] == "bad_answer"


def test_one_document_that_cannot_be_put_back_leaves_the_others_theirs(
    box: Box,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An account that is gone needs its password, which nobody told; the service comes back all the same."""
    shut_when(monkeypatch, lambda: not box.trees["ways"]["telnet"])
    result = harden({"services": {"telnet": {"enabled": False}}, "accounts": {"guest": "absent"}}, secrets={})
    assert said(result) == {"services.telnet.enabled": "undone", 'accounts."guest".role': "failed"}
    assert box.trees["ways"]["telnet"] is True
    assert "could not be undone: no secret" in result["outcomes"]['accounts."guest".role']["why"]


def test_a_clear_no_is_not_sent_again(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    shut_when(monkeypatch, lambda: not box.trees["ways"]["telnet"])
    box.say["users"] = Refused("box: no")
    steps: list[str] = []
    result = harden({"services": {"telnet": {"enabled": False}}, "accounts": {"guest": "absent"}}, steps.append,
                    secrets={})  # fmt: skip
    assert said(result) == {"services.telnet.enabled": "undone", 'accounts."guest".role': "refused"}
    assert [step for step in steps if step.startswith("restore")] == ["restore:ways:before"]


@pytest.mark.parametrize("taken_back", [True, False])
def test_a_confirm_that_fails_leaves_no_change(box: Box, taken_back: bool) -> None:  # noqa: F811
    def timer(step: str) -> None:
        if step == "confirm:fw:before" and taken_back:
            box.trees = box.snapshot or {}

    box.say["confirm"] = DeviceError("box: the router took the change back")
    result = harden({"nat": {"upnp": False}}, timer)
    line = result["outcomes"]["nat.upnp"]
    assert (line["outcome"], line["read"]) == (("undone", True) if taken_back else ("not_checked", False))
    assert "took the change back" in line["why"] and "proof" not in line
    assert result["error"]["message"] == "box: the router took the change back"


def test_put_back_and_not_read_is_not_checked(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    shut_when(monkeypatch, lambda: box.trees["filter"]["mode"] == "allow")
    driver = jobs.Session(spec()).driver
    honest = driver.fetch

    def fetch(ctx: Any, names: Any) -> dict[str, Any]:
        if stores(box, "filter") == 2:
            raise Unreachable("box: it is gone")
        return honest(ctx, names)

    monkeypatch.setattr(driver, "fetch", fetch)
    result = harden(ALLOW)
    line = result["outcomes"]["access.mode"]
    assert line["outcome"] == "not_checked" and "it is gone" in line["why"] and "connection was closed" in line["why"]
    assert result["error"] is not None


@pytest.mark.parametrize("answer", [DeviceError("box: it did not take it back"), "ignore"])
def test_a_rollback_that_fails_is_not_undone(box: Box, answer: Any) -> None:  # noqa: F811
    def cut(step: str) -> None:
        if step == "apply:fw:read":
            box.passwords["admin"] = "nobody knows"

    box.say["abandon"] = answer
    result = harden({"nat": {"upnp": False}}, cut)
    line = result["outcomes"]["nat.upnp"]
    assert line["outcome"] == "failed" and "was refused" in line["why"] and "guard" not in line
    assert "did not take it back" in line["why"] or line["read"] is False


def test_an_account_whose_login_could_not_be_tried_is_not_checked(
    box: Box,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = jobs.Session(spec()).driver
    honest = driver.login

    def login(transport: Any, credential: Any) -> None:
        if credential.username == "b":
            raise Unreachable("box: nothing listens")
        honest(transport, credential)

    monkeypatch.setattr(driver, "login", login)
    result = harden({"accounts": {name: {"role": "viewer"} for name in ("a", "b")}, "identity": {"name": "x"}})
    assert said(result) == {
        'accounts."a".role': "changed", 'accounts."b".role': "not_checked", "identity.name": "not_checked",
    }  # fmt: skip
    assert result["proved"] == ["accounts.a"] and result["error"]["code"] == "unreachable"


def test_an_account_is_not_gone_because_the_list_cannot_be_read(
    box: Box,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = jobs.Session(spec()).driver
    honest = driver.fetch

    def fetch(ctx: Any, names: Any) -> dict[str, Any]:
        trees = honest(ctx, names)
        if "users" in trees and stores(box, "users"):
            trees["users"] = BadAnswer("box: cut")
        return trees

    box.say["users"] = "ignore"
    monkeypatch.setattr(driver, "fetch", fetch)
    result = harden({"accounts": {"guest": "absent"}})
    assert said(result)['accounts."guest".role'] == "not_checked" and "guest" in box.trees["users"]


def test_side_effects_are_told_and_what_was_not_read_is_none() -> None:
    one, two = Reading.of("cam"), Reading.of("other")
    key, unread = ("identity", "name"), Reading("unreadable", None, "cut")
    assert [line["key"] for line in judging.side_effects({key: one}, {key: two}, [])] == ["identity.name"]
    assert judging.side_effects({key: one}, {key: two}, [key]) == []
    assert judging.side_effects({key: one}, {key: unread}, []) == []
    role, listed = ("accounts", "ops", "role"), ("accounts", "*", "role")
    assert judging.side_effects({role: Reading.of("viewer")}, {listed: unread}, []) == []
    gone = judging.side_effects({role: Reading.of("viewer")}, {}, [])
    assert [line["read"] for line in gone] == ["gone"]


def test_signals_wait_while_a_step_runs(box: Box) -> None:  # noqa: F811
    import signal

    seen: list[Any] = []

    def hook(step: str) -> None:
        held = signal.pthread_sigmask(signal.SIG_BLOCK, set())
        seen.append((step, signal.SIGTERM in held))

    harden({"identity": {"name": "x"}}, hook)
    states = dict(seen)
    assert states["store:names:before"] is True and states["ordinary:begin"] is False
    assert states["ordinary:end"] is False

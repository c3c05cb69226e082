# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planning: what has to change, what cannot, what would cut us off, and what was tried before."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from fake_family import Box, box, plan  # noqa: F401

from ansible_collections.nwcs.hardening.plugins.module_utils import compare, planning, registry, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, Reading
from ansible_collections.nwcs.hardening.plugins.module_utils.design import Want

HTTPS = {"ways": [{"scheme": "https", "port": 443}]}


def changed(result: dict[str, Any]) -> dict[str, Any]:
    return {change["key"]: change["new"] for change in result["changes"]}


def said(result: dict[str, Any], key: str) -> str:
    return result["outcomes"][key]["outcome"]


def test_what_is_so_is_ok_and_what_is_not_is_a_change(box: Box) -> None:  # noqa: F811
    result = plan({"identity": {"name": "cam", "hostname": "gate"}})
    assert said(result, "identity.name") == "ok" and changed(result) == {"identity.hostname": {"value": "gate"}}
    assert result["preview"][0]["outcome"] == "would_change" and result["preview"][0]["old"] == "cam"
    assert not any(line.startswith("store") for line in box.log)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [("identity.location", "roof", "unsupported"), ("services.ftp.enabled", False, "ok"),
     ("services.ftp.enabled", True, "unsupported"), ("services.smb.enabled", False, "unsupported"),
     ("identity.hostname", "x" * 21, "refused"), ("accounts", {"nobody": "absent"}, "ok")],
)  # fmt: skip
def test_what_cannot_be_is_said_before_anything_is_sent(box: Box, key: str, value: Any, expected: str) -> None:  # noqa: F811
    result = plan({key: value})
    assert [line["outcome"] for line in result["outcomes"].values()] == [expected] and result["changes"] == []


def test_a_reading_that_is_no_value_is_never_written(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    box.trees["time"] = {"servers": "banana{", "zone": 7}
    monkeypatch.setitem(box.trees, "names", {})
    result = plan({"identity": {"name": "x"}})
    assert said(result, "identity.name") == "not_checked" and result["changes"] == []


def test_at_least_keeps_what_is_there_and_strict_does_not(box: Box) -> None:  # noqa: F811
    loose = changed(plan({"time": {"servers": {"at_least": ["b.example"]}}}))
    assert loose == {"time.servers": {"value": ["a.example", "b.example"]}}
    assert changed(plan({"time": {"servers": ["b.example"]}})) == {"time.servers": {"value": ["b.example"]}}
    assert said(plan({"time": {"servers": {"at_least": ["a.example"]}}}), "time.servers") == "ok"


# -- guards ------------------------------------------------------------------------------------------------------------
def test_http_goes_only_when_https_is_there_or_comes(box: Box) -> None:  # noqa: F811
    off = {"services": {"http": {"enabled": False}}}
    assert said(plan(off), "services.http.enabled") == "guarded"
    both = {"services": {"http": {"enabled": False}, "https": {"enabled": True}}}
    assert list(changed(plan(both))) == ["services.https.enabled", "services.http.enabled"], "opened first, closed last"
    box.trees["ways"]["https"] = True
    assert list(changed(plan(off))) == ["services.http.enabled"]


def test_https_is_not_closed_under_us(box: Box) -> None:  # noqa: F811
    box.trees["ways"]["https"] = True
    assert said(plan({"services": {"https": {"enabled": False}}}, **HTTPS), "services.https.enabled") == "guarded"
    assert changed(plan({"services": {"https": {"enabled": False}}})), "we are not on it"


def test_a_filter_holds_us_and_the_recorders(box: Box) -> None:  # noqa: F811
    design = {"access": {"mode": "allow", "sources": ["198.51.100.0/24"]}}
    sources = changed(plan(design, recorders=["192.0.2.50"]))["access.sources"]["value"]
    assert sources == ["192.0.2.200", "192.0.2.50", "198.51.100.0/24"]
    deny = changed(plan({"access": {"mode": "deny", "sources": ["198.51.100.9"]}}))
    assert deny["access.sources"]["value"] == ["198.51.100.9"], "a list of who stays out never holds us"


# The fake device sees us by 192.0.2.200, which is our own address; the recorder is 192.0.2.50 where a case has one.
NAT = {"seen_as": ["198.51.100.7"]}  # a router lies between
RECORDER = {"recorders": ["192.0.2.50"]}


def filtered(box: Box, before: dict[str, Any], design: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: F811
    """The plan for access settings where the device's filter is `before`."""
    box.trees["filter"] = {"mode": "off", "sources": [], **before}
    return plan({"access": design}, **more)


@pytest.mark.parametrize(
    ("before", "design", "more", "named"),
    [
        pytest.param({}, {"mode": "allow"}, {}, "192.0.2.200", id="allow-alone-nobody-listed"),
        pytest.param({"sources": ["198.51.100.0/24"]}, {"mode": "allow"}, {}, "192.0.2.200", id="allow-alone-not-us"),
        pytest.param({"sources": ["192.0.2.200"]}, {"mode": "allow"}, RECORDER, "192.0.2.50",
                     id="allow-alone-not-the-recorder"),
        pytest.param({"sources": ["192.0.2.0/24"]}, {"mode": "allow"}, NAT, "198.51.100.7",
                     id="allow-alone-our-own-not-the-translated"),
        pytest.param({"sources": ["2001:db8::/32", "192.0.2.200"]}, {"mode": "allow"}, {"recorders": ["2001:db9::5"]},
                     "2001:db9::5", id="allow-alone-ipv6-recorder"),
        pytest.param({"sources": ["0.0.0.0/0"]}, {"mode": "allow"}, {"recorders": ["2001:db8::5"]}, "2001:db8::5",
                     id="allow-alone-all-of-the-other-version"),
        pytest.param({"sources": ["192.0.2.0/24", "198.51.100.0/25"]}, {"mode": "allow"},
                     {"seen_as": ["198.51.100.0/24"]}, "198.51.100.0/24", id="allow-alone-half-of-the-seen-network"),
        pytest.param({"sources": ["192.0.2.0/24"]}, {"mode": "deny"}, {}, "192.0.2.200", id="deny-alone-us"),
        pytest.param({"sources": ["192.0.2.48/29"]}, {"mode": "deny"}, RECORDER, "192.0.2.50",
                     id="deny-alone-the-recorder"),
        pytest.param({"mode": "allow", "sources": ["192.0.2.200"]}, {"mode": "deny"}, {}, "192.0.2.200",
                     id="allow-becomes-deny"),
        pytest.param({"mode": "deny", "sources": ["203.0.113.9"]}, {"sources": ["192.0.2.0/24"]}, {}, "192.0.2.200",
                     id="deny-more-us"),
        pytest.param({"mode": "deny", "sources": ["203.0.113.9"]}, {"sources": ["192.0.2.50"]}, RECORDER, "192.0.2.50",
                     id="deny-more-the-recorder"),
        pytest.param({}, {"mode": "deny", "sources": ["198.51.100.0/24"]}, NAT, "198.51.100.7",
                     id="deny-the-translated"),
        pytest.param({}, {"mode": "deny", "sources": ["198.51.100.7"]}, {"seen_as": ["198.51.100.0/24"]},
                     "198.51.100.0/24", id="deny-a-part-of-the-seen-network"),
        pytest.param({"mode": "deny", "sources": ["192.0.2.50"]}, {"sources": {"at_least": ["203.0.113.9"]}}, RECORDER,
                     "192.0.2.50", id="deny-at-least-keeps-the-recorder"),
        pytest.param({}, {"mode": "allow", "sources": ["192.0.2.0/24"]}, {"recorders": ["nvr.example"]}, "nvr.example",
                     id="allow-a-recorder-without-address"),
        pytest.param({}, {"mode": "deny", "sources": ["203.0.113.9"]}, {"recorders": ["nvr.example"]}, "nvr.example",
                     id="deny-a-recorder-without-address"),
        pytest.param({}, {"mode": "deny", "sources": ["bad.example"]}, {}, "bad.example", id="deny-a-name"),
    ],
)  # fmt: skip
def test_a_filter_that_shuts_somebody_out_is_guarded(
    box: Box, before: dict, design: dict, more: dict, named: str  # noqa: F811
) -> None:
    result = filtered(box, before, design, **more)
    assert result["changes"] == []
    guarded = [line for line in result["outcomes"].values() if line["outcome"] == "guarded"]
    assert guarded and all(line["guard"] == "seen-address" and named in line["why"] for line in guarded), result


@pytest.mark.parametrize(
    ("before", "design", "more", "sources"),
    [
        pytest.param({"sources": ["192.0.2.0/24"]}, {"mode": "allow"}, RECORDER, None, id="allow-alone"),
        pytest.param({"sources": ["192.0.2.0/24", "198.51.100.7"]}, {"mode": "allow"}, NAT, None,
                     id="allow-alone-translated"),
        pytest.param({"sources": ["192.0.2.0/24", "198.51.100.0/25", "198.51.100.128/25"]}, {"mode": "allow"},
                     {"seen_as": ["198.51.100.0/24"]}, None, id="allow-alone-two-halves"),
        pytest.param({"sources": ["192.0.2.0/24", "2001:db8::/32"]}, {"mode": "allow"}, {"recorders": ["2001:db8::5"]},
                     None, id="allow-alone-both-versions"),
        pytest.param({"sources": ["203.0.113.9"]}, {"mode": "deny"}, RECORDER, None, id="deny-alone"),
        pytest.param({"mode": "deny", "sources": ["203.0.113.9"]}, {"sources": ["203.0.113.0/24"]}, RECORDER,
                     ["203.0.113.0/24"], id="deny-more-never-us"),
        pytest.param({"mode": "allow", "sources": ["192.0.2.0/24"]}, {"sources": ["203.0.113.9"]}, RECORDER,
                     ["192.0.2.200", "192.0.2.50", "203.0.113.9"], id="allow-more-and-us"),
        pytest.param({"mode": "allow", "sources": ["192.0.2.200"]}, {"mode": "deny", "sources": ["203.0.113.9"]},
                     RECORDER, ["203.0.113.9"], id="allow-becomes-deny-of-others"),
        pytest.param({"mode": "deny", "sources": ["192.0.2.50"]}, {"mode": "off", "sources": []}, RECORDER, [],
                     id="off-shuts-nobody-out"),
        pytest.param({"mode": "allow", "sources": ["192.0.2.200"]}, {"mode": "off"}, {"recorders": ["nvr.example"]},
                     None, id="off-alone"),
    ],
)  # fmt: skip
def test_a_filter_that_shuts_nobody_out_is_planned(
    box: Box, before: dict, design: dict, more: dict, sources: list[str] | None  # noqa: F811
) -> None:
    result = filtered(box, before, design, **more)
    assert not [line for line in result["outcomes"].values() if line["outcome"] == "guarded"], result["outcomes"]
    planned = changed(result)
    assert planned, "there was something to do"
    assert ("access.mode" in planned) == ("mode" in design)
    assert planned.get("access.sources", {}).get("value") == sources


def test_a_filter_that_stays_as_it_is_is_no_matter(box: Box) -> None:  # noqa: F811
    result = filtered(box, {"mode": "deny", "sources": ["192.0.2.50"]}, {"mode": "deny"}, **RECORDER)
    assert said(result, "access.mode") == "ok" and result["changes"] == []
    box.trees["filter"] = {"mode": "allow", "sources": []}
    assert list(changed(plan({"identity": {"name": "x"}}, **RECORDER))) == ["identity.name"]


@pytest.mark.parametrize(
    ("before", "design"),
    [({"sources": None}, {"mode": "allow"}), ({"sources": None}, {"mode": "deny"}),
     ({"mode": None}, {"sources": ["192.0.2.0/24"]})],
)  # fmt: skip
def test_a_filter_that_is_not_known_whole_is_guarded(box: Box, before: dict, design: dict) -> None:  # noqa: F811
    result = filtered(box, before, design)
    assert result["changes"] == [] and [line["guard"] for line in result["outcomes"].values()] == ["seen-address"]


def test_the_mode_that_counts_is_the_one_that_will_be(box: Box) -> None:  # noqa: F811
    """The device did not take "allow" on this firmware, so it stays a deny list: we are not to be put into it."""
    memory = {"access.mode": {"wanted": compare.digest({"value": "allow"}), "firmware": "1.0", "outcome": "failed",
                              "why": "accepted but not applied", "since": "2026-01-02"}}  # fmt: skip
    box.trees["filter"] = {"mode": "deny", "sources": ["203.0.113.9"]}
    result = plan({"access": {"mode": "allow", "sources": ["192.0.2.0/24"]}}, memory)
    assert result["changes"] == [] and said(result, "access.mode") == "failed"
    assert result["outcomes"]["access.sources"]["guard"] == "seen-address"


def test_order_is_by_phase(box: Box) -> None:  # noqa: F811
    services = {"telnet": {"enabled": False}, "https": {"enabled": True}}
    access = {"mode": "allow", "sources": ["192.0.2.9"]}
    accounts = {"ops": {"role": "viewer"}}
    result = plan({"services": services, "identity": {"name": "x"}, "accounts": accounts, "access": access})
    keys = [change["key"] for change in result["changes"]]
    assert keys[0] == "services.https.enabled" and keys[1] == 'accounts."ops".role' and keys[2] == "identity.name"
    assert keys[3] == "services.telnet.enabled" and set(keys[4:]) == {"access.mode", "access.sources"}


# -- memory ------------------------------------------------------------------------------------------------------------
def remembered(value: Any, firmware: str = "1.0", outcome: str = "failed") -> dict[str, Any]:
    return {"identity.name": {"wanted": compare.digest({"value": value}), "firmware": firmware, "outcome": outcome,
                              "why": "accepted but not applied", "since": "2026-01-02"}}  # fmt: skip


def test_the_same_again_is_said_not_written(box: Box) -> None:  # noqa: F811
    result = plan({"identity": {"name": "x"}}, remembered("x"))
    line = result["outcomes"]["identity.name"]
    assert result["changes"] == [] and line["outcome"] == "failed"
    assert "accepted but not applied" in line["why"] and "2026-01-02" in line["why"]


@pytest.mark.parametrize(
    ("memory", "more"),
    [(remembered("y"), {}), (remembered("x", firmware="0.9"), {}), (remembered("x"), {"retry": True}),
     (remembered("x", outcome="pending_restart"), {"restart": True})],
)  # fmt: skip
def test_another_value_firmware_or_order_is_another_try(box: Box, memory: dict, more: dict) -> None:  # noqa: F811
    assert changed(plan({"identity": {"name": "x"}}, memory, **more)) == {"identity.name": {"value": "x"}}


def test_what_is_so_by_now_is_ok_whatever_is_remembered(box: Box) -> None:  # noqa: F811
    assert said(plan({"identity": {"name": "cam"}}, remembered("cam")), "identity.name") == "ok"


# -- accounts ----------------------------------------------------------------------------------------------------------
def test_undeclared_accounts_are_reported_on_a_live_site(box: Box) -> None:  # noqa: F811
    result = plan({}, manage_accounts=True)
    assert [f["args"]["item"] for f in result["findings"]] == ["guest"] and result["changes"] == []
    assert said(result, 'accounts."admin".role') == "ok"


@pytest.mark.parametrize("why", [{"undeclared_accounts": "remove"}, {"origin": "factory"}])
def test_they_are_removed_when_the_site_says_so_or_the_device_is_new(box: Box, why: dict) -> None:  # noqa: F811
    result = plan({}, manage_accounts=True, **why)
    assert changed(result) == {'accounts."guest".role': {"absent": True}} and result["findings"] == []


def test_a_declared_account_stays(box: Box) -> None:  # noqa: F811
    result = plan({"accounts": {"guest": {"role": "viewer"}}}, manage_accounts=True, undeclared_accounts="remove")
    assert result["changes"] == []


def test_without_the_word_accounts_are_left_alone(box: Box) -> None:  # noqa: F811
    result = plan({}, undeclared_accounts="remove")
    assert result["changes"] == [] and result["findings"] == []


def test_our_own_account_is_made_and_the_old_one_goes_after_it(box: Box) -> None:  # noqa: F811
    result = plan({}, manage_accounts=True, own_account="nwcs", undeclared_accounts="remove")
    assert result["own_account"] == "nwcs"
    keys = [(change["key"], change["phase"]) for change in result["changes"]]
    assert [key for key, _phase in keys[:2]] == ['accounts."nwcs".password', 'accounts."nwcs".role']
    assert ('accounts."admin".role', int(settings.Phase.CLOSE)) in keys
    assert {need["name"] for need in result["needs"]} >= {"accounts.nwcs"}


def test_a_bootstrap_password_is_replaced_a_proven_one_is_not(box: Box) -> None:  # noqa: F811
    first = [{"username": "admin", "password": "old", "label": "bootstrap"}]
    result = plan({}, manage_accounts=True, credentials=first)
    assert changed(result) == {'accounts."admin".password': {"value": planning.MANAGED}}
    assert result["needs"] == [{"name": "accounts.admin", "generate": True}]
    assert plan({}, manage_accounts=True)["changes"] == []


@pytest.mark.parametrize("role", ["absent", {"role": "viewer"}])
def test_our_own_account_stays_an_administrator(box: Box, role: Any) -> None:  # noqa: F811
    result = plan({"accounts": {"admin": role}})
    assert said(result, 'accounts."admin".role') == "guarded" and result["changes"] == []


def test_a_new_account_needs_a_made_password_a_changed_role_does_not(box: Box) -> None:  # noqa: F811
    assert plan({"accounts": {"ops": {"role": "viewer"}}})["needs"] == [{"name": "accounts.ops", "generate": True}]
    assert plan({"accounts": {"guest": {"role": "operator"}}})["needs"] == []


def test_changes_survive_their_travel() -> None:
    for new, old in ((ABSENT, Reading.of("viewer", "users")), (["a"], None), ("x", Reading("unreadable", None, "why"))):
        want = Want(new, "strict", "design")
        change = planning.Change(("accounts", "o.ps", "role"), old, new, want, settings.Phase.CLOSE)
        assert planning.Change.from_plain(change.to_plain()) == change


def test_results_never_show_a_secret() -> None:
    line = planning.outcome(("accounts", "ops", "password"), "changed", "Secret-1")
    assert line["wanted"] == "set" and "Secret-1" not in repr(line)


# -- undo --------------------------------------------------------------------------------------------------------------
def moving(monkeypatch: pytest.MonkeyPatch, **row: Any) -> None:
    """Let the name of the fake device have a row with these fields."""
    driver = registry.DRIVERS["fake"]
    rows = tuple(dataclasses.replace(b, **row) if b.key == ("identity", "name") else b for b in driver.bindings)
    monkeypatch.setattr(driver, "bindings", rows)


def test_what_moves_along_is_kept_for_the_undo(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    moving(monkeypatch, moves=(("identity", "hostname"), ("identity", "location")))
    result = plan({"identity": {"name": "x"}})
    kept = {change["key"]: change["old"]["value"] for change in result["moved_along"]}
    assert kept == {"identity.hostname": "cam"}, "only what the device holds"
    both = plan({"identity": {"name": "x", "hostname": "y"}})
    assert both["moved_along"] == [] and set(changed(both)) == {"identity.name", "identity.hostname"}
    assert plan({"identity": {"hostname": "y"}})["moved_along"] == []


def test_whether_it_can_come_back_may_depend_on_what_was_there(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    moving(monkeypatch, restorable=lambda tree: tree["hostname"] == "cam" or "never again")
    assert [change["restorable"] for change in plan({"identity": {"name": "x"}})["changes"]] == [True]
    box.trees["names"]["hostname"] = "other"
    assert [change["restorable"] for change in plan({"identity": {"name": "x"}})["changes"]] == ["never again"]

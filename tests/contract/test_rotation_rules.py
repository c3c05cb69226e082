# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rotation must never say or leave out, on a simulated camera: "ok" for nothing done, a recorder without its
login, a change without a report; and what an undo asks before it brings back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from change_box import FACTORY, site
from driver_cases import short_pauses  # noqa: F401  # pylint: disable=unused-import

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import campaign
from ansible_collections.nwcs.hardening.plugins.plugin_utils.reuse import ReuseIndex
from ansible_collections.nwcs.hardening.plugins.plugin_utils.secret_store import SecretStore

pytestmark = pytest.mark.slow

MODELS = ("onvif-complete", "openwrt-full-acl")
RECORDERS: dict[str, Any] = {"nwcs_recorders": ["192.0.2.50"]}


class Killed(BaseException):
    """The process ends here."""


def full(*_arguments: Any) -> None:
    raise StateError("the disk is full.", "Make room.")


def lines(done: dict[str, Any]) -> dict[str, str]:
    return {line["key"]: line["outcome"] for line in done["outcomes"]}


def told(done: dict[str, Any], kind: str = "recorder_login") -> list[str]:
    return [finding["args"]["item"] for finding in done["findings"] if finding["kind"] == kind]


@pytest.mark.parametrize("model", MODELS)
def test_where_our_account_is_not_there_yet_the_one_in_use_gets_the_new_password(tmp_path: Path, model: str) -> None:
    with site(tmp_path, model, nwcs_own_account="ops") as place:
        user, factory = FACTORY[place.family]
        done = place.do("rotate")
        assert done["error"] is None and lines(done) == {f'accounts."{user}".password': "changed"}
        place.do_nothing()
        assert place.work.store.value(f"accounts.{user}") not in (None, factory)
        place.comes_in()
        named = place.do("rotate", ["ops"])
        assert lines(named) == {'accounts."ops".password': "ok"} and named["writes"] == 0, "a name is as it was given"


def test_a_given_password_that_is_in_force_is_no_new_one_whatever_the_job_is_called(tmp_path: Path) -> None:
    given = "Planted-Given-2093-xkqv"
    with site(tmp_path, "onvif-complete", nwcs_passwords={"admin": given}) as place:
        assert place.do("harden")["error"] is None and place.password() == given
        for job in ("rotate", "device_passwords"):
            done = place.do("rotate", called=job)
            assert lines(done) == {'accounts."admin".password': "refused"} and done["status"] == "failed", job


@pytest.mark.parametrize("boundary", ["store:users:after", "apply:after"])
def test_a_recorder_is_told_of_by_the_run_after_a_killed_one(tmp_path: Path, boundary: str) -> None:
    def hook(name: str) -> None:
        if name == boundary:
            raise Killed

    with site(tmp_path, "onvif-complete", **RECORDERS) as place:
        with pytest.raises(Killed):
            place.do("rotate", rotation="autumn", hook=hook)
        done = place.do("rotate", rotation="autumn")
        assert done["error"] is None and told(done) == ["admin"]
        assert told(place.do("rotate", rotation="autumn")) == [], "once"


def test_a_recorder_loses_its_login_with_the_account(tmp_path: Path) -> None:
    with site(tmp_path, "onvif-complete", **RECORDERS) as place:
        assert place.do("harden")["error"] is None
        done = place.do("rotate", revoke="service")
        assert lines(done) == {'accounts."service".role': "changed"}
        assert told(done, "recorder_login_gone") == ["service"] and told(done) == []
        other = place.do("harden", nwcs_design={"accounts": {"extra": {"role": "viewer"}}}, nwcs_recorder_account="nvr")
        assert told(other) == []


@pytest.mark.parametrize(
    ("account", "expected"), [("", []), ("nvr", ["nvr"])], ids=["not declared", "its own"]
)  # fmt: skip
def test_a_new_account_is_told_where_it_is_the_recorders(tmp_path: Path, account: str, expected: list[str]) -> None:
    with site(tmp_path, "onvif-complete", nwcs_recorder_account=account, **RECORDERS) as place:
        place.do("harden")
        done = place.do("harden", nwcs_design={"accounts": {"nvr": {"role": "viewer"}}})
        assert lines(done)['accounts."nvr".role'] == "changed" and told(done) == expected


def test_what_was_changed_is_told_when_our_own_files_fail_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site(tmp_path, "onvif-complete", **RECORDERS) as place:
        place.do("harden")
        with monkeypatch.context() as patch:
            patch.setattr(SecretStore, "promote", full)
            done = place.do("rotate")
        assert done["error"]["code"] == "state" and done["writes"] == 1
        assert lines(done)['accounts."admin".password'] == "changed" and told(done) == ["admin"]
        place.comes_in()


def test_an_index_that_cannot_be_trusted_stops_it_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site(tmp_path, "onvif-complete") as place:
        place.do("harden")
        monkeypatch.setattr(ReuseIndex, "others", full)
        done = place.do("rotate")
        assert done["error"]["code"] == "state" and done["writes"] == 0


@pytest.mark.parametrize("what", ["refused", "fault"])
def test_the_stop_rule_counts_what_hits_a_whole_site(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site(tmp_path / "site", "onvif-complete", nwcs_passwords={"admin": "Planted-Given-2093-xkqv"}) as place:
        place.do("harden")
        failures: list[str] = []
        monkeypatch.setattr(campaign, "note_failure", lambda _folder, device: failures.append(device))
        if what == "refused":
            place.do("rotate")
        else:
            def fault(name: str) -> None:
                raise RuntimeError(name)

            with pytest.raises(RuntimeError):
                place.do("rotate", hook=fault)
        assert failures == ["dev"]


def test_what_harden_changed_needs_a_confirmation_whatever_todays_design_says(tmp_path: Path) -> None:
    with site(tmp_path, "onvif-complete") as place:
        done = place.do("harden", nwcs_design={"services": {"ws_discovery": {"enabled": False}}})
        assert lines(done)["services.ws_discovery.enabled"] == "changed"
        first = place.runs[-1]
        undone = place.do("undo", first)  # the design of this day does not speak of it
        assert lines(undone)["services.ws_discovery.enabled"] == "guarded" and undone["writes"] == 0
        again = place.do("undo", first, weaker=True)
        assert lines(again)["services.ws_discovery.enabled"] == "changed"
        back = place.do("undo", place.runs[-1])
        assert lines(back)["services.ws_discovery.enabled"] == "changed", "back to the hardened value: nothing to ask"

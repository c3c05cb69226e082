# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several APIs on one device: each key by the API that can, disagreement is a finding, both account lists are watched.

The simulated device speaks ubus and ONVIF on one address, with two lists of accounts. No such router is known; what is
tested is the joining, which knows no family.
"""

# pylint: disable=unused-import,contextmanager-generator-missing-cleanup
from __future__ import annotations

import contextlib
import copy
import datetime
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from change_box import Site, site
from driver_cases import FAMILIES, rig, short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.plugins.module_utils import registry
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    Binding,
    Context,
    Credential,
    Driver,
    Identity,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.combined import CombinedDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt import OpenWrtDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import LoginRefused
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session
from ansible_collections.nwcs.hardening.plugins.plugin_utils.ledger import Ledger

ONVIF_PASSWORD = "Planted-Onvif-5512"
USERS = [{"Username": "svc", "Password": ONVIF_PASSWORD, "UserLevel": "Administrator"},
         {"Username": "viewer1", "Password": "view-4411", "UserLevel": "User"}]  # fmt: skip


@contextlib.contextmanager
def both(folder: Path, overrides: dict[str, Any] | None = None, **variables: Any) -> Iterator[Site]:
    # The picture lies below the prefix, so that the second API answers for it.
    more = {"users": USERS, "snapshot_path": "/onvif/log/snapshot.jpg", **(overrides or {})}
    beside = {"prefix": "/onvif/", "model": "onvif-complete", "overrides": more}
    given = {
        "nwcs_family": ["openwrt", "onvif"], "nwcs_apis": {"onvif": {"username": "svc", "password": ONVIF_PASSWORD}},
        **variables,
    }  # fmt: skip
    with site(folder, "openwrt-full-acl", {"beside": beside}, **given) as place:
        yield place


def readings(place: Site, **more: Any) -> dict[str, Any]:
    done = place.do("info", **more)
    assert done["error"] is None, done["error"]
    return place.work.snapshot["readings"]


def lines(done: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {line["key"]: line for line in done["outcomes"]}


def test_each_key_is_read_by_the_api_that_can(tmp_path: Path) -> None:
    with both(tmp_path) as place:
        found = readings(place)
        assert found["facts.manufacturer"]["value"] == "OpenWrt", "the main API speaks first"
        assert found["ddns.enabled"]["state"] == "value"
        assert found["identity.location"]["source"].startswith("onvif:"), "only the other one knows"
        assert found['apis."onvif".open']["value"] is True


def test_both_lists_of_accounts_are_watched(tmp_path: Path) -> None:
    with both(tmp_path) as place:
        found = readings(place)
        assert found['accounts."root".role']["value"] == "administrator"
        assert found['accounts."svc@onvif".role']["value"] == "administrator"
        assert found['accounts."viewer1@onvif".role']["value"] == "viewer"
        place.do("record")
        place.lab.call(lambda: place.device.beside.attack("new-account"))
        told = {f["args"].get("item") for f in place.do("drift")["findings"] if f["kind"] == "account_appeared"}
        assert told == {"support@onvif"}


def test_each_key_is_written_by_the_api_that_can_and_the_factory_login_of_both_goes(tmp_path: Path) -> None:
    design = {"identity": {"hostname": "gate-7"}, "accounts": {"viewer1@onvif": "absent"}}
    with both(tmp_path, nwcs_design=design) as place:
        done = place.do("harden")
        told = lines(done)
        assert told["identity.hostname"]["outcome"] in ("changed", "conflict")
        assert told['accounts."viewer1@onvif".role']["outcome"] == "changed"
        assert told['accounts."svc@onvif".password']["outcome"] == "changed", told
        users = {user["Username"]: user for user in place.device.beside.state["users"]}
        assert "viewer1" not in users and users["svc"]["Password"] == place.password("svc@onvif") != ONVIF_PASSWORD
        again = place.do("harden")
        assert not {"changed", "failed", "not_checked"} & {line["outcome"] for line in again["outcomes"]}
        assert place.comes_in()["error"] is None and readings(place)['apis."onvif".open']["value"] is True
        assert sum(entry.login in ("refused", "locked") for entry in place.device.log) <= 1, "the one deliberate test"
        place.shows_no_secret()


def test_disagreement_is_a_finding_and_no_ok(tmp_path: Path) -> None:
    with both(tmp_path, nwcs_design={"identity": {"hostname": "gate-7"}}) as place:
        told = lines(place.do("harden"))["identity.hostname"]
        assert told["outcome"] == "conflict" and "onvif says" in told["why"], told
        kept = [f for f in place.do("drift")["findings"] if f["kind"] == "conflict" and f["key"] == "identity.hostname"]
        assert [f["explained"] for f in kept] == ["recorded"], "known since the baseline"
        place.lab.call(lambda: place.device.beside.state["hostname"].update(Name="other-name"))
        new = [f for f in place.do("drift")["findings"] if f["kind"] == "conflict" and f["key"] == "identity.hostname"]
        assert [f["explained"] for f in new] == [None] and "other-name" in new[0]["new"]


def test_an_api_that_stays_closed_costs_its_own_keys_only(tmp_path: Path) -> None:
    with both(tmp_path) as place:
        place.do("record")
        assert place.exit_code(place.do("drift"), "drift") == 0
        wrong = {"onvif": {"username": "svc", "password": "Wrong-Password-1"}}
        found = readings(place, nwcs_apis={})
        assert found['apis."onvif".open']["state"] == "unreadable"
        assert "nwcs_apis.onvif.username" in found['apis."onvif".open']["why"], "it says what to do"
        assert found["identity.hostname"]["state"] == "value" and 'accounts."svc@onvif".role' not in found
        done = place.do("drift", nwcs_apis={})
        kinds = {(f["kind"], f["key"]) for f in done["findings"] if f["explained"] is None}
        assert ("not_readable", 'apis."onvif".open') in kinds, kinds
        assert not any(kind in ("account_gone", "value_gone") for kind, _key in kinds), kinds
        assert place.exit_code(done, "drift") == 3
        for _time in range(5):
            done = place.do("info", nwcs_apis=wrong)
            assert done["error"] is None
        refused = [entry for entry in place.device.log if entry.login in ("refused", "locked")]
        assert len(refused) <= 2, "a refused login is not tried again"


def test_a_wish_for_an_account_of_a_closed_api_is_not_checked(tmp_path: Path) -> None:
    with both(tmp_path, nwcs_apis={}, nwcs_design={"accounts": {"ghost@onvif": "absent"}}) as place:
        told = lines(place.do("harden"))
        assert told['accounts."ghost@onvif".role']["outcome"] == "not_checked"


def test_a_camera_of_a_maker_and_its_onvif_accounts(tmp_path: Path) -> None:
    """AXIS keeps ONVIF accounts apart: both lists are watched, and both first passwords go."""
    users = {
        "svc": {"password": ONVIF_PASSWORD, "level": "Administrator"},
        "eve": {"password": "Eve-Pass-4411", "level": "User"},
    }
    apis = {"onvif": {"username": "svc", "password": ONVIF_PASSWORD}}
    given = {"nwcs_family": ["vapix", "onvif"], "nwcs_apis": apis, "nwcs_undeclared_accounts": "remove"}
    with site(tmp_path, "vapix-modern", {"onvif_users": users}, **given) as place:
        found = readings(place)
        assert found['accounts."admin".role']["value"] == found['accounts."svc@onvif".role']["value"] == "administrator"
        assert found['apis."onvif".open']["value"] is True
        assert not [key for key in found if key.startswith("apis.") and "onvif" not in key]
        told = lines(place.do("harden"))
        assert told['accounts."eve@onvif".role']["outcome"] == "changed"
        assert (
            told['accounts."svc@onvif".password']["outcome"]
            == told['accounts."admin".password']["outcome"]
            == "changed"
        )
        assert list(place.device.onvif_users) == ["svc"]
        assert place.device.onvif_users["svc"]["password"] == place.password("svc@onvif")
        place.do("record")
        place.lab.call(lambda: place.device.onvif_users.update(mole={"password": "x", "level": "Administrator"}))
        found_now = {f["args"].get("item") for f in place.do("drift")["findings"] if f["kind"] == "account_appeared"}
        assert found_now == {"mole@onvif"}
        place.shows_no_secret()


# -- typed in by people ------------------------------------------------------------------------------------------------
TODAY = datetime.datetime.now(datetime.UTC).date()


def typed(days: int, **settings: Any) -> list[dict[str, Any]]:
    return [{"by": "Sato", "on": TODAY - datetime.timedelta(days=30), "until": TODAY + datetime.timedelta(days=days),
             "settings": settings}]  # fmt: skip


def test_manual_beside_an_api_fills_what_no_api_tells_and_contradicts_the_rest(tmp_path: Path) -> None:
    manual = typed(10, **{"firmware.auto_update": False, "identity.hostname": "not-its-name"})
    with both(tmp_path, nwcs_family=["openwrt", "onvif", "manual"], nwcs_manual=manual) as place:
        found = readings(place)
        assert found["firmware.auto_update"]["value"] is False and "Sato" in found["firmware.auto_update"]["source"]
        assert any("@manual" in key and "identity.hostname" in key for key in found)


@pytest.mark.parametrize(("days", "state"), [(0, "value"), (-1, "manual")])
def test_a_device_without_any_api_has_a_whole_sheet_until_the_day(tmp_path: Path, days: int, state: str) -> None:
    told_by_hand = {"facts.model": "HUB-8", "services.telnet.enabled": True, "accounts.admin.role": "administrator"}
    nothing: dict[str, Any] = dict.fromkeys(("nwcs_username", "nwcs_password", "nwcs_apis", "nwcs_scheme", "nwcs_port"))
    with both(tmp_path, nwcs_family="manual", nwcs_manual=typed(days, **told_by_hand), **nothing) as place:
        place.device.log.clear()
        found = readings(place)
        assert found["services.telnet.enabled"]["state"] == state and found['accounts."admin".role']["state"] == state
        assert place.work.snapshot["identity"]["model"] == "HUB-8"
        place.do("record")
        done = place.do("drift")
        assert place.exit_code(done, "drift") == (0 if days >= 0 else 3)
        told = lines(place.do("harden", nwcs_design={"services": {"telnet": {"enabled": False}}}))
        assert told["services.telnet.enabled"]["outcome"] == ("read_only" if days >= 0 else "not_checked")
        assert place.device.log == [], "nothing is asked over the network"


def test_behind_a_recorder_nothing_is_sent(tmp_path: Path) -> None:
    with both(tmp_path, nwcs_behind="nvr-1") as place:
        for job in ("info", "record", "drift", "harden"):
            done = place.do(job)
            assert done["error"]["code"] == "behind_recorder" and "nvr-1" in done["error"]["message"]
            assert done["status"] == "not_checked"
        assert place.device.log == []


# -- what must not be said or lost -------------------------------------------------------------------------------------
def test_a_list_of_the_other_api_that_was_reset_gets_a_new_password_again(tmp_path: Path) -> None:
    with both(tmp_path) as place:
        factory = copy.deepcopy(place.device.beside.state["users"])
        place.do("harden")
        place.lab.call(lambda: place.device.beside.state.update(users=factory))
        place.do("harden", nwcs_retry=True)  # ours is refused; from now on the first contact's is tried as well
        assert lines(place.do("harden", nwcs_retry=True))['accounts."svc@onvif".password']["outcome"] == "changed"
        users = {user["Username"]: user["Password"] for user in place.device.beside.state["users"]}
        assert users["svc"] == place.password("svc@onvif") != ONVIF_PASSWORD


def test_a_person_who_has_left_goes_from_every_list(tmp_path: Path) -> None:
    with both(tmp_path) as place:
        place.do("harden")
        done = place.do("rotate", None, "viewer1")
        assert lines(done)['accounts."viewer1@onvif".role']["outcome"] == "changed", lines(done)
        assert "viewer1" not in {user["Username"] for user in place.device.beside.state["users"]}
        done = place.do("rotate", None, "svc2", nwcs_apis={})
        assert lines(done)['accounts."svc2@onvif".role']["outcome"] == "not_checked", "nobody could look"


def test_a_password_that_went_over_plain_http_to_the_other_api_is_told(tmp_path: Path) -> None:
    with both(tmp_path) as place:
        ports = place.device.ports
        apis = {"onvif": {"username": "svc", "password": ONVIF_PASSWORD, "scheme": "http", "port": ports["http"]}}
        done = place.do("harden", nwcs_scheme="https", nwcs_port=ports["https"], nwcs_apis=apis)
        assert done["way"]["scheme"] == "https"
        assert lines(done)['accounts."svc@onvif".password']["outcome"] == "changed"
        assert any("plain HTTP" in note for note in done["notes"])


@pytest.mark.parametrize(("theirs", "same"), [("02:00:00:00:00:01", True), ("", True), ("02:00:00:00:00:99", False)])
def test_another_device_at_the_port_of_the_other_api_stays_closed(theirs: str, same: bool) -> None:
    class Elsewhere(Driver):
        family = "elsewhere"
        bindings = (Binding(("accounts", "*", "role"), ("users",), get=str, items=list),)

        def identify(self, transport: Any) -> Identity:
            return Identity()

        def open(self, transport: Any, credential: Credential, secrets: Any) -> Context:
            ctx = Context(transport, credential, secrets)
            ctx.identity = Identity(mac=theirs)
            return ctx

    with rig(FAMILIES["onvif"]) as run, Session(run.spec()) as session:
        session.ctx.identity = Identity(mac="02:00:00:00:00:01")
        given = {"elsewhere": {"credentials": [{"username": "u@elsewhere", "password": "p", "label": "current"}]}}
        driver = CombinedDriver(session.driver, [Elsewhere()], given)
        driver.main = SimpleNamespace(family="onvif", open=lambda *_more: session.ctx)
        opened = driver.open(session.ctx.transport, Credential("admin", "12345"), {})
        assert isinstance(opened.apis["elsewhere"], Context) is same
        if not same:
            assert "guard: identity" in str(opened.apis["elsewhere"])


def test_a_shared_list_that_cannot_be_read_is_no_empty_one() -> None:
    """i-PRO has one list for both APIs, and only ONVIF shows it."""
    with rig(FAMILIES["ipro"]) as run:
        closed = {"onvif": {"way": {"scheme": "http", "port": 9}}}
        plan = run.plan({"accounts": {"live": "absent"}}, beside=closed)
        assert plan["outcomes"]['accounts."live".role']["outcome"] == "not_checked" and plan["changes"] == []
        assert not any(entry.write for entry in run.log())


def test_a_login_refused_by_an_api_with_the_same_accounts_counts_once_and_is_not_repeated(tmp_path: Path) -> None:
    with both(tmp_path, nwcs_apis={}) as place:
        shared = SharedAccounts()
        kept = registry.DRIVERS["openwrt"]
        registry.DRIVERS["openwrt"] = shared
        try:
            for _time in range(4):
                done = place.do("info")
                assert done["error"] is None, done["error"]
        finally:
            registry.DRIVERS["openwrt"] = kept
        refused = [entry for entry in place.device.log if entry.login == "refused"]
        assert len(refused) == 1, "once, and then only when it has changed"
        assert 'apis."onvif".open' in place.work.snapshot["readings"]


class SharedAccounts(OpenWrtDriver):
    shares_accounts = ("onvif",)


def test_check_mode_has_one_lock_budget_for_all_apis(tmp_path: Path) -> None:
    def two(user: str) -> list[dict[str, str]]:
        return [
            {"username": user, "password": f"{user}-{n}", "label": label}
            for n, label in enumerate(("current", "pending"))
        ]

    for check in (False, True):
        ledger = Ledger(str(tmp_path / str(check)), "dev")
        assert len(ledger.choose(two("ops"), "", False, check)) == 2
        with pytest.raises(LoginRefused):
            ledger.choose(two("ops@onvif"), "", False, check)


def test_a_device_that_asks_for_no_login_proves_no_pending_password() -> None:
    wrong = [{"username": "admin", "password": "Never-In-Force-1", "label": "pending"}]
    with rig(FAMILIES["ipro"], "user-auth-off") as run:
        done = run.read(credentials=wrong)
        assert done["logged_in"] is False
        assert not [line for line in done["logins"] if not line["refused"]], "nothing was accepted"
    with rig(FAMILIES["ipro"]) as run:
        assert run.read()["logged_in"] is True

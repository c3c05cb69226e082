# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver contract, hazards H01 to H16: devices that lie, half lie, or understand something else."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

from typing import Any

import pytest
from driver_cases import FAMILIES, ONVIF, OPENWRT, Family, every_family, families_with, known, rig, short_pauses, uci  # noqa: F401

from ansible_collections.nwcs.hardening.plugins.module_utils import proving

KEPT = ("guarded", "refused", "unsupported")


def outcome(result: dict[str, Any], key: str) -> dict[str, Any]:
    return result["outcomes"][key]


# -- H01 ---------------------------------------------------------------------------------------------------------------
@every_family
def test_h01_a_write_that_changes_nothing_is_failed_with_wanted_and_read(family: Family) -> None:
    key, value, look = family.cosmetic
    with rig(family, family.liar) as run:
        before = look(run.device)
        line = outcome(run.harden({key: value}), key)
        assert line["outcome"] in ("failed", "undone"), line
        assert line["wanted"] == value and line["why"]
        assert look(run.device) == before
        if line["outcome"] == "failed":
            assert line["why"] == "accepted but not applied" and line["read"] != value


@every_family
def test_h01_a_liar_is_not_written_again_until_told_to(family: Family) -> None:
    key, value, _look = family.cosmetic
    with rig(family, family.liar) as run:
        first = outcome(run.harden({key: value}), key)
        run.forget()
        again = run.harden({key: value})
        assert run.writes() == [] and again["plan"]["changes"] == []
        line = outcome(again, key)
        assert line["outcome"] == first["outcome"] and "since" in line["why"]
        run.harden({key: value}, retry=True)
        assert run.writes() != [], "the site may ask for another try"
        run.forget()
        run.harden({key: "another-name"})
        assert run.writes() != [], "another wanted value is another try"


def test_h01_the_lying_character_costs_one_wrong_login_at_most() -> None:
    with rig(ONVIF, model="onvif-lying") as run:
        design = {"accounts": {name: {"role": "operator"} for name in ("one", "two", "three")}}
        bootstrap = [{"username": "admin", "password": "12345", "label": "bootstrap"}]
        result = run.harden(design, credentials=bootstrap, manage_accounts=True, negative_test=True)
        assert run.logins("refused") <= 1
        for line in result["outcomes"].values():
            assert line["outcome"] not in ("changed", "ok"), line
        assert ONVIF.has_password(run.device, "admin", "12345") and result["login"]["username"] == "admin"


# -- H02, H03, H04 -----------------------------------------------------------------------------------------------------
def test_h02_an_empty_answer_to_an_unknown_operation_is_unsupported() -> None:
    without = ["GetNTP", "GetHostname", "GetIPAddressFilter", "GetDynamicDNS", "GetUsers", "GetNetworkProtocols"]
    with rig(ONVIF, "H02", without=without) as run:
        readings = run.readings()
        for key in ("time.servers", "identity.hostname", "access.mode", "access.sources", "ddns.enabled"):
            assert readings[key]["state"] == "unsupported", (key, readings[key])
        design = {"time": {"servers": ["192.0.2.1"]}, "ddns": {"enabled": False}}
        plan = run.plan(design)
        assert {line["outcome"] for line in plan["outcomes"].values()} == {"unsupported"} and not plan["changes"]
        assert not any(key.startswith("accounts.") and r["state"] == "value" and "anonymous" not in key
                       for key, r in readings.items())  # fmt: skip


def test_h03_a_list_without_the_login_in_use_says_nothing_about_accounts() -> None:
    with rig(ONVIF, "H03") as run:
        readings = run.readings()
        assert readings['accounts."*".role']["state"] == "unverifiable"
        assert not any(k.startswith('accounts."') and r["state"] == "value" for k, r in readings.items())
        plan = run.plan({"accounts": {"ops": {"role": "operator"}, "service": "absent"}}, manage_accounts=True)
        for key in ('accounts."ops".role', 'accounts."service".role', 'accounts."admin".role'):
            assert plan["outcomes"][key]["outcome"] == "not_checked", key
        assert not [c for c in plan["changes"] if c["key"].startswith("accounts")] and run.writes() == []


def test_h03_a_router_whose_list_lacks_the_login() -> None:
    """The login in use stands in no section that can be read: the list is not believed."""
    from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt import OpenWrtDriver

    rpcd = next(document for document in OpenWrtDriver.documents if document.name == "rpcd")
    tree = {"cfg1": {".type": "login", ".anonymous": True, "username": "other"}}
    with rig(OPENWRT) as run:
        from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session

        with Session(run.spec()) as session:
            assert "root" in rpcd.credible(session.ctx, tree)
            tree["cfg1"]["username"] = "root"
            assert rpcd.credible(session.ctx, tree) is None


@pytest.mark.parametrize("fault", ["H04", "open"])
def test_h04_what_is_given_without_a_login_is_a_finding(fault: str) -> None:
    with rig(ONVIF) as run:
        assert run.readings()["auth.anonymous_api"]["value"] is False
        run.fault(fault)
        reading = run.readings()["auth.anonymous_api"]
        assert reading["state"] == "value" and reading["value"] is True, reading


def test_h04_a_router_that_answers_without_a_session_is_a_finding() -> None:
    with rig(OPENWRT) as run:
        assert run.readings()["auth.anonymous_api"]["value"] is False
        with run.device.edit("uhttpd") as stage:
            stage.set(stage.package.of_type("uhttpd")[0], "no_ubusauth", "1")
        assert run.readings()["auth.anonymous_api"]["value"] is True


# -- H05 ---------------------------------------------------------------------------------------------------------------
def test_h05_announced_is_pending_and_not_written_again() -> None:
    design = {"identity": {"hostname": "cam-7"}}
    with rig(ONVIF, model="onvif-restart") as run:
        first = run.harden(design)
        assert outcome(first, "identity.hostname")["outcome"] == "pending_restart"
        run.forget()
        again = run.harden(design)
        assert outcome(again, "identity.hostname")["outcome"] == "pending_restart"
        assert run.writes() == [] and again["plan"]["changes"] == []
        run.lab.restart("dev", 0.0)
        run.forget()
        assert outcome(run.harden(design), "identity.hostname")["outcome"] == "ok" and run.writes() == []


def test_h05_silent_is_failed_unless_the_model_table_says_otherwise() -> None:
    design = {"identity": {"hostname": "cam-7"}}
    with rig(ONVIF, model="onvif-restart-silent") as run:
        line = outcome(run.harden(design), "identity.hostname")
        assert line["outcome"] == "failed" and line["why"] == "accepted but not applied"
    known = [{"manufacturer": "SIMULATED Vision", "model": "VC-210*", "restart": ["hostname"]}]
    with rig(ONVIF, model="onvif-restart-silent") as run:
        assert outcome(run.harden(design, oddities=known), "identity.hostname")["outcome"] == "pending_restart"
        assert outcome(run.harden(design, oddities=known), "identity.hostname")["outcome"] == "pending_restart"
        assert run.writes() == ["SetHostname"], "one write, whatever the number of runs"


def test_h05_when_the_site_allows_it_the_device_is_restarted_and_judged() -> None:
    with rig(ONVIF, model="onvif-restart") as run:
        result = run.harden({"identity": {"hostname": "cam-7"}}, restart=True)
        line = outcome(result, "identity.hostname")
        assert line["outcome"] == "changed" and "restart" in line["proof"]
        assert run.device.state["hostname"]["Name"] == "cam-7"


def test_h05_a_device_that_does_not_restart_stays_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is answered, the device stays up: no verdict is made from that (short waits for the test)."""
    monkeypatch.setattr(proving, "DOWN_SECONDS", 0.5)
    with rig(ONVIF, model="onvif-restart") as run:
        monkeypatch.setattr(run.device, "restart", lambda seconds=None: None)
        line = outcome(run.harden({"identity": {"hostname": "cam-7"}}, restart=True), "identity.hostname")
        assert line["outcome"] == "pending_restart" and "stayed up" in line["why"]


# -- H06, H07, H08 -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("fault", ["", "H06-replace", "H06-merge"])
def test_h06_the_other_protocols_are_kept(fault: str) -> None:
    with rig(ONVIF, *filter(None, [fault])) as run:
        line = outcome(run.harden({"services": {"https": {"enabled": True}}}), "services.https.enabled")
        assert line["outcome"] == "changed"
        enabled = {row["Name"]: row["Enabled"] for row in run.device.state["protocols"]}
        assert enabled == {"HTTP": True, "HTTPS": True, "RTSP": True}


def test_h06_a_merging_device_that_keeps_old_servers_is_failed_not_ok() -> None:
    with rig(ONVIF, "H06-merge") as run:
        line = outcome(run.harden({"time": {"servers": ["192.0.2.1"]}}), "time.servers")
        assert line["outcome"] == "failed" and "pool.ntp.example" in line["read"]


def test_h07_reported_off_and_still_open_is_failed_and_both_are_told() -> None:
    with rig(ONVIF, "H07-open") as run:
        result = run.harden({"services": {"rtsp": {"enabled": False}}})
        line = outcome(result, "services.rtsp.enabled")
        assert line["outcome"] == "failed" and line["read"] is False and "still answers" in line["why"]
        readings = result["snapshot"]["readings"]
        assert readings["services.rtsp.enabled"]["value"] is False and readings["services.rtsp.open"]["value"] is True


def test_h07_reported_on_and_closed_is_failed_and_both_are_told() -> None:
    protocols = [{"Name": "HTTP", "Enabled": True}, {"Name": "RTSP", "Enabled": False}]
    with rig(ONVIF, "H07-closed", protocols=protocols) as run:
        result = run.harden({"services": {"rtsp": {"enabled": True}}})
        line = outcome(result, "services.rtsp.enabled")
        assert line["outcome"] == "failed" and line["read"] is True and "nothing answers" in line["why"]
        readings = result["snapshot"]["readings"]
        assert readings["services.rtsp.enabled"]["value"] is True and readings["services.rtsp.open"]["value"] is False


@every_family
def test_h07_a_service_without_a_switch_that_answers_is_failed(family: Family) -> None:
    """No switch is no excuse: what is open is told."""
    with rig(family) as run:
        port = run.device.ports["http"]
        plan = run.plan({"services": {"ftp": {"enabled": False}}}, ports={"ftp": [port]})
        line = plan["outcomes"]["services.ftp.enabled"]
        assert line["outcome"] == "failed" and "answers" in line["why"]
        plan = run.plan({"services": {"ftp": {"enabled": False}}}, ports={"ftp": [39]})
        # ok: the family's facts say that such a model never has it
        assert plan["outcomes"]["services.ftp.enabled"]["outcome"] in ("unsupported", "ok")


def test_h08_capability_flags_are_not_believed() -> None:
    with rig(ONVIF) as one, rig(ONVIF, "H08") as other:
        right, wrong = one.readings(), other.readings()
        assert {k: r["state"] for k, r in right.items()} == {k: r["state"] for k, r in wrong.items()}
        assert outcome(other.harden({"ddns": {"enabled": False}}), "ddns.enabled")["outcome"] == "changed"


# -- H10, H11 ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("fault", ["", "H10"])
def test_h10_a_password_is_always_sent(fault: str) -> None:
    with rig(ONVIF, *filter(None, [fault])) as run:
        design = {"accounts": {"service": {"role": "viewer"}, "ops": {"role": "operator"}}}
        plan = run.plan(design)
        assert {need["name"] for need in plan["needs"]} == {"accounts.ops", "accounts.service"}
        blind = run.apply({**plan, "needs": [need for need in plan["needs"] if need["name"] == "accounts.ops"]})
        assert outcome(blind, 'accounts."service".role')["outcome"] == "not_checked"
        assert ONVIF.has_password(run.device, "service", "service"), "nothing was sent without its password"
        result = run.harden(design)
        assert outcome(result, 'accounts."service".role')["outcome"] == "changed"
        assert not any(user["Password"] == "" for user in run.device.state["users"])


def test_h10_a_router_login_is_never_made_without_a_password() -> None:
    with rig(OPENWRT) as run:
        run.harden({"accounts": {"ops": {"role": "viewer"}}})
        assert all(value.startswith("$") for value in uci(run.device, "rpcd", "login", "password"))
        assert not OPENWRT.has_password(run.device, "ops", "")


@families_with("accounts")
@pytest.mark.parametrize("loose", [False, True], ids=["strict", "obeys-everything"])
def test_h11_the_account_in_use_and_the_last_administrator_stay(family: Family, loose: bool) -> None:
    user = family.login[0]
    with rig(family, *known(family, "H11" if loose else "")) as run:
        result = run.harden({"accounts": {user: "absent"}})
        assert outcome(result, f'accounts."{user}".role')["outcome"] in KEPT
        assert run.read()["login"] == "current", "we still come in"
        result = run.harden({"accounts": {user: {"role": "viewer"}}})
        assert outcome(result, f'accounts."{user}".role')["outcome"] in KEPT
        assert run.read()["login"] == "current" and run.writes() == []


def test_h11_an_unknown_account_is_not_made_by_accident() -> None:
    with rig(ONVIF, "H11") as run:
        result = run.harden({"accounts": {"ghost": "absent"}})
        assert outcome(result, 'accounts."ghost".role')["outcome"] == "ok" and run.writes() == []
        assert "ghost" not in ONVIF.users(run.device)


@families_with("accounts")
def test_h11_undeclared_accounts_go_only_when_the_site_says_so(family: Family) -> None:
    with rig(family) as run:
        run.lab.attack("dev", family.intruder)
        plan = run.plan({}, manage_accounts=True, undeclared_accounts="report")
        names = [f["args"]["item"] for f in plan["findings"] if f["kind"] == "undeclared_account"]
        assert "support" in names and not any("support" in change["key"] for change in plan["changes"])
        result = run.harden({}, manage_accounts=True, undeclared_accounts="remove")
        assert outcome(result, 'accounts."support".role')["outcome"] == "changed"
        assert "support" not in family.users(run.device) and run.read()["login"] == "current"


# -- H12 to H16 --------------------------------------------------------------------------------------------------------
@every_family
def test_h12_an_error_in_a_good_status_is_an_error(family: Family) -> None:
    fault, design, key = family.error_in_ok
    with rig(family, fault) as run:
        before = [write.look(run.device) for write in family.writes]
        line = outcome(run.harden(design), key)
        assert line["outcome"] in ("refused", "failed") and line["why"]
        assert [write.look(run.device) for write in family.writes] == before


def test_h12_an_error_of_a_router_leaves_nothing_staged() -> None:
    key, value, _look = OPENWRT.cosmetic
    with rig(OPENWRT, "H12") as run:
        line = outcome(run.harden({key: value}), key)
        assert line["outcome"] == "refused" and "error" in line["why"]
        assert run.device.uci.staged == {} or not any(run.device.uci.staged.values()), "nothing is left staged"


def test_h12_a_refused_password_of_a_router() -> None:
    with rig(OPENWRT, "H12") as run:
        result = run.harden({}, credentials=[{"username": "root", "password": "Router-Old-1", "label": "bootstrap"}],
                            manage_accounts=True)  # fmt: skip
        assert outcome(result, 'accounts."root".password')["outcome"] in ("refused", "failed")
        assert OPENWRT.has_password(run.device, "root", "Router-Old-1")


def test_h13_a_boolean_that_became_banana_is_unverifiable_and_failed() -> None:
    with rig(OPENWRT, "H13") as run:
        line = outcome(run.harden({"nat": {"upnp": True}}), "nat.upnp")
        assert line["outcome"] in ("failed", "not_checked", "undone", "refused"), line
        assert line.get("read") is not True


def test_h13_a_clamped_value_is_failed() -> None:
    with rig(ONVIF, "H13", limits={"NTP": 1}) as run:
        line = outcome(run.harden({"time": {"servers": ["192.0.2.1", "192.0.2.2"]}}), "time.servers")
        assert line["outcome"] in ("failed", "refused")
        assert line.get("read") != ["192.0.2.1", "192.0.2.2"]


def test_h14_servers_that_were_dropped_silently_are_failed_and_named() -> None:
    with rig(ONVIF, "H14") as run:
        line = outcome(run.harden({"time": {"servers": ["192.0.2.1", "ntp.example.jp"]}}), "time.servers")
        assert line["outcome"] == "failed"
        assert line["wanted"] == ["192.0.2.1", "ntp.example.jp"] and line["read"] == ["ntp.example.jp"]


def test_h15_zones_names_and_macs_of_other_shapes_compare() -> None:
    with rig(ONVIF, "H15") as odd, rig(ONVIF) as plain:
        readings = odd.readings()
        assert readings["facts.mac"]["value"] == plain.readings()["facts.mac"]["value"]
        line = outcome(odd.harden({"time": {"zone": "Asia/Tokyo"}}), "time.zone")
        assert line["outcome"] == "failed", "a text that is no zone is never taken for the wanted one"
        expected = {"mac": odd.device.state["interface"]["HwAddress"].lower()}
        odd.read(expected=expected)  # the same device, whatever it writes its address like
        odd.harden({"time": {"servers": ["192.0.2.1"]}})
        odd.forget()
        assert odd.harden({"time": {"servers": ["192.0.2.1"]}})["plan"]["changes"] == []


@pytest.mark.parametrize("family", [f for f in FAMILIES.values() if f.forgetful], ids=lambda family: family.name)
def test_h16_a_change_that_is_gone_after_power_off_is_seen(family: Family) -> None:
    key, value, look = family.cosmetic
    with rig(family, family.forgetful) as run:
        before = look(run.device)
        result = run.harden({key: value})
        assert outcome(result, key)["outcome"] == "changed", "it reads back: nobody can know better now"
        run.lab.restart("dev", 0.0)
        assert look(run.device) == before
        line = next(line for line in run.plan({key: value})["preview"] if line["key"] == key)
        assert line["outcome"] == "would_change" and line["read"] != value

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hazards of AXIS devices: first account, Digest and Basic, errors inside status 200, filter and firewall, throttle."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from driver_cases import FAMILIES, Rig, rig, short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.plugins.module_utils import jobs
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Credential
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_firewall
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import LoginRefused
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session

VAPIX = FAMILIES["vapix"]
NOBODY = {"credentials": [{"username": "nobody", "password": "not-yet", "label": "bootstrap"}],
          "manage_accounts": True, "own_account": "nwcs"}  # fmt: skip
EMPTY: dict[str, Any] = {"users": None, "bootstrap_login": None}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vapix_firewall, "POLL_SECONDS", 0.05)


def value(run: Rig, key: str) -> Any:
    return run.readings()[key].get("value")


# -- factory-new -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("model", "overrides", "accounts"), [
    ("vapix-factory", {}, {"nwcs": "admin"}),
    ("vapix-9", EMPTY, {"root": "admin", "nwcs": "admin"}),
    ("vapix-old", EMPTY, {"root": "admin", "nwcs": "admin"}),
])  # fmt: skip
def test_h50_a_new_unit_gets_its_first_administrator_and_is_hardened_by_the_next_run(
    model: str, overrides: dict[str, Any], accounts: dict[str, str]
) -> None:
    design = {"services": {"zeroconf": {"enabled": False}}}
    with rig(VAPIX, model=model, **overrides) as run:
        snapshot = jobs.read(run.spec(**NOBODY))["snapshot"]
        assert snapshot["factory_new"] is True and run.logins() == 0, "no password is tried where there is no account"
        assert snapshot["readings"]["services.zeroconf.enabled"]["state"] == "unreadable", "closed is not off"
        result = run.harden(design, **NOBODY)
        assert result["outcomes"]['accounts."nwcs".role']["outcome"] == "changed", result["outcomes"]
        assert result["outcomes"]["services.zeroconf.enabled"]["outcome"] == "not_checked"
        assert VAPIX.users(run.device) == accounts and run.logins("refused") == 0
        assert set(run.writes()) == {"pwdgrp.cgi add"}, "nothing but the accounts"
        run.login = ("nwcs", "N3w-Passw0rd-0")
        assert run.read()["snapshot"]["factory_new"] is False
        assert run.harden(design)["outcomes"]["services.zeroconf.enabled"]["outcome"] == "changed"


def test_h50_check_mode_makes_no_account() -> None:
    with rig(VAPIX, model="vapix-factory") as run:
        plan = run.plan({}, **NOBODY)
        assert {change["key"] for change in plan["changes"]} == {'accounts."nwcs".role', 'accounts."nwcs".password'}
        assert run.writes() == [] and VAPIX.users(run.device) == {}


def test_root_of_old_firmware_is_never_removed_but_gets_a_password_that_nobody_has() -> None:
    with rig(VAPIX, model="vapix-9") as run:
        bootstrap = [{"username": "root", "password": "Axis-Old-1", "label": "bootstrap"}]
        result = run.harden({}, credentials=bootstrap, manage_accounts=True, own_account="nwcs",
                            undeclared_accounts="remove")  # fmt: skip
        assert set(VAPIX.users(run.device)) == {"root", "nwcs"}, result["outcomes"]
        assert not VAPIX.has_password(run.device, "root", "Axis-Old-1")
        assert result["error"] is None


# -- logging in (H24) --------------------------------------------------------------------------------------------------
def test_h24_digest_over_http_and_basic_over_https_at_factory_state() -> None:
    with rig(VAPIX) as run:
        assert run.read()["snapshot"]["way"]["scheme"] == "http"
        run.forget()
        jobs.read(run.https())
        assert run.logins("ok") > 0 and run.logins("refused") == 0


def test_h24_basic_over_plain_http_is_not_answered() -> None:
    with rig(VAPIX, values={"Network.HTTP.AuthenticationPolicy": "basic"}) as run:
        with pytest.raises(LoginRefused, match="Basic login only"):
            run.read()
        assert run.logins() == 0
        assert jobs.read(run.https())["snapshot"]["readings"]["auth.basic_login"]["value"] is True
        result = jobs.read(run.spec(target={"basic_over_http": True}))
        assert any("in clear" in note for note in result["snapshot"]["notes"])


def test_a_policy_that_changes_under_us_is_followed() -> None:
    with rig(VAPIX, values={"Network.HTTP.AuthenticationPolicy": "basic"}) as run:
        way = {"ways": [{"scheme": "https", "port": run.device.ports["https"]}]}
        result = run.harden({"auth": {"basic_login": False}}, **way)
        assert result["outcomes"]["auth.basic_login"]["outcome"] == "changed" and result["error"] is None
        assert run.device.tree.get("Network.HTTP.AuthenticationPolicy") == "digest"
        assert run.logins("refused") == 0


def test_an_account_without_rights_is_refused_with_the_reason_and_yet_proven() -> None:
    with rig(VAPIX) as run:
        run.login = ("guest", "Look-Old-1")
        with pytest.raises(LoginRefused, match="no administrator"):
            run.read()
        run.login = ("admin", "Axis-Old-1")
        with Session(run.https()) as session:
            session.prove(credential=Credential("guest", "Look-Old-1"))
            with pytest.raises(LoginRefused):
                session.prove(credential=Credential("guest", "Look-Old-2"))


def test_an_open_viewer_hides_no_wrong_password() -> None:
    """HA #90675: with anonymous viewing on, some answers come without a login."""
    with rig(VAPIX, values={"System.BoaProtViewer": "anonymous"}) as run:
        with Session(run.https()) as session, pytest.raises(LoginRefused):
            session.prove(credential=Credential("keeper", "wrong-one"))
        readings = run.readings()
        assert readings["accounts.anonymous_view"]["value"] is True
        result = run.harden({"accounts": {"anonymous_view": False}})
        assert result["outcomes"]["accounts.anonymous_view"]["outcome"] == "changed"
        assert run.device.tree.get("System.BoaProtViewer") == "password"


def test_the_throttle_is_no_lock_and_is_told_as_what_it_is() -> None:
    with rig(VAPIX, model="vapix-9") as run:
        readings = run.readings()
        assert readings["auth.lockout_attempts"]["state"] == "unsupported"
        assert "never locks" in readings["auth.lockout_attempts"]["why"] and readings["auth.throttle"]["value"] is False
        result = run.harden({"auth": {"throttle": True, "lockout_attempts": 3}})
        assert result["outcomes"]["auth.throttle"]["outcome"] == "changed"
        assert result["outcomes"]["auth.lockout_attempts"]["outcome"] == "unsupported"
        assert run.device.tree.get("System.PreventDoSAttack.ActivatePasswordThrottling") == "On"
    with rig(VAPIX, model="vapix-old") as run:
        assert run.readings()["auth.throttle"]["state"] == "unsupported"


# -- accounts ----------------------------------------------------------------------------------------------------------
def test_h03_an_empty_list_of_accounts_is_not_credible() -> None:
    with rig(VAPIX, "H03") as run:
        assert run.readings()['accounts."*".role']["state"] == "unverifiable"


def test_h04_accounts_given_to_strangers_are_a_finding() -> None:
    with rig(VAPIX) as run:
        assert run.readings()["auth.anonymous_api"]["value"] is False
        run.fault("H04")
        assert run.readings()["auth.anonymous_api"]["value"] is True


@pytest.mark.parametrize("model", ["vapix-9", "vapix-old"])
def test_groups_of_old_firmware_are_no_accounts(model: str) -> None:
    with rig(VAPIX, model=model) as run:
        assert {key for key in run.readings() if key.startswith("accounts.") and key.endswith(".role")} == {
            f'accounts."{name}".role' for name in VAPIX.users(run.device)
        }  # fmt: skip


def test_a_role_changes_without_touching_the_password() -> None:
    with rig(VAPIX) as run:
        result = run.harden({"accounts": {"keeper": {"role": "viewer"}}})
        assert result["outcomes"]['accounts."keeper".role']["outcome"] == "changed"
        assert VAPIX.has_password(run.device, "keeper", "Keep-Old-1") and VAPIX.users(run.device)["keeper"] == "viewer"


def test_names_that_the_device_cannot_take_are_refused_before() -> None:
    with rig(VAPIX) as run:
        result = run.harden({"accounts": {"ops@onvif": {"role": "viewer"}}})
        assert result["outcomes"]['accounts."ops@onvif".role']["outcome"] == "refused" and run.writes() == []


# -- values ------------------------------------------------------------------------------------------------------------
def test_h13_a_word_that_the_parameter_does_not_know_is_no_value() -> None:
    with rig(VAPIX) as run:
        run.lab.call(lambda: run.device.tree.put("System.AccessLog", "banana"))
        reading = run.readings()["log.auth_events"]
        assert reading["state"] == "unverifiable" and "banana" in reading["why"]


def test_h34_hostile_names_are_data() -> None:
    with rig(VAPIX, "H34") as run:
        json.dumps(run.read()["snapshot"])
        assert "state" in run.readings()["identity.name"]


def test_old_firmware_is_hardened_by_the_same_design() -> None:
    design = {
        "services": {name: {"enabled": False} for name in ("ftp", "arp_ping", "upnp", "mdns", "zeroconf", "telnet")},
        "cloud": {"enabled": False}, "nat": {"upnp": False}, "auth": {"basic_login": False},
        "time": {"servers": ["192.0.2.1"], "zone": "Asia/Tokyo"}, "video": {"authentication": True},
    }  # fmt: skip
    with rig(VAPIX, model="vapix-old") as run:
        result = run.harden(design)
        bad = {key: line for key, line in result["outcomes"].items() if line["outcome"] not in ("changed", "ok")}
        assert bad == {}
        tree = run.device.tree
        assert [tree.get(f"Network.{name}.Enabled") for name in ("FTP", "ARPPingIPAddress", "UPnP", "Bonjour")] == (
            ["no"] * 4)  # fmt: skip
        assert tree.get("Time.NTP.Server") == "192.0.2.1" and tree.get("RemoteService.Enabled") == "no"
        run.forget()
        assert run.harden(design)["plan"]["changes"] == []


def test_several_time_servers_are_more_than_old_firmware_takes() -> None:
    with rig(VAPIX, model="vapix-old") as run:
        line = run.harden({"time": {"servers": ["192.0.2.1", "192.0.2.2"]}})["outcomes"]["time.servers"]
        assert line["outcome"] == "refused" and "1 time server" in line["why"] and run.writes() == []


# -- ways in -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", ["vapix-modern", "vapix-9", "vapix-old"])
def test_h40_https_only_is_proven_before_http_goes(model: str) -> None:
    with rig(VAPIX, model=model) as run:
        ways = [{"scheme": "http", "port": run.device.ports["http"]},
                {"scheme": "https", "port": run.device.ports["https"]}]  # fmt: skip
        result = run.harden({"tls": {"https_only": True}}, ways=ways)
        line = result["outcomes"]["tls.https_only"]
        assert line["outcome"] == "changed", line
        assert set(run.device.policies().values()) == {"https"}
        assert jobs.read(run.https())["snapshot"]["readings"]["services.http.enabled"]["value"] is False


def test_a_device_that_sends_http_to_https_says_so() -> None:
    with rig(VAPIX, model="vapix-9", values={f"System.BoaGroupPolicy.{role}": "https" for role in
                                             ("admin", "operator", "viewer")}) as run:  # fmt: skip
        with pytest.raises(Exception, match="nwcs_scheme"):
            run.read()
        assert run.logins() == 0


# -- the connection policy of a group ----------------------------------------------------------------------------------
@pytest.mark.parametrize("opened", [True, False], ids=["HTTPS for all groups", "HTTP only for viewers"])
def test_a_viewer_who_may_not_come_by_https_is_no_refused_login(opened: bool) -> None:
    """Firmware 5.51 lets viewers in by HTTP only: that says nothing of a password, and spends no login of others."""
    accounts = {"look": {"role": "viewer"}, "ops": {"role": "administrator"}}
    design: dict[str, Any] = {"accounts": accounts, **({"services": {"http": {"enabled": False}}} if opened else {})}
    with rig(VAPIX, model="vapix-old") as run:
        ways = [{"scheme": "https", "port": run.device.ports["https"]}]
        outcomes = run.harden(design, ways=ways)["outcomes"]
        viewer = outcomes['accounts."look".role']
        assert outcomes['accounts."ops".role']["outcome"] == "changed", outcomes
        if opened:
            assert viewer["outcome"] == "changed" and "login" in viewer["proof"], viewer
        else:
            assert viewer["outcome"] == "not_checked" and "not let in by HTTPS" in viewer["why"], viewer
        assert run.logins("refused") == 0


# -- filter and firewall -----------------------------------------------------------------------------------------------
ALLOW = {"access": {"mode": "allow", "sources": ["127.0.0.1", "192.0.2.0/24"]}}


def test_the_filter_of_older_firmware_is_parameters() -> None:
    with rig(VAPIX, model="vapix-9") as run:
        result = run.harden(ALLOW)
        assert result["outcomes"]["access.mode"]["outcome"] == result["outcomes"]["access.sources"]["outcome"] == (
            "changed")  # fmt: skip
        assert run.device.tree.get("Network.Filter.Enabled") == "yes"
        assert run.device.tree.get("Network.Filter.Input.AcceptAddresses") == "127.0.0.1 192.0.2.0/24"


def test_the_firewall_is_tried_proven_and_confirmed() -> None:
    with rig(VAPIX) as run:
        result = run.harden(ALLOW)
        assert result["outcomes"]["access.mode"]["outcome"] == "changed"
        writes = [operation.rpartition("/")[2] for operation in run.writes()]
        assert writes == ["setRules", "activated", "setRules", "confirmRules"]
        assert run.device.firewall.pending is None and run.device.firewall.policy == "DROP"


def test_h41_a_firewall_that_keeps_its_dormant_rules_is_not_switched_on() -> None:
    """The device says success to the rules that let everything in, and holds those of before (H01)."""
    dormant = [{"ruleType": "FILTER", "ip": "192.0.2.1", "filter": {"policy": "ACCEPT"}}]
    with rig(VAPIX, firewall={"activated": False, "defaultPolicy": "DROP", "rules": dormant}) as run:
        run.device.firewall.set_rules = lambda data: None
        result = run.harden(ALLOW)
        line = result["outcomes"]["access.mode"]
        assert line["outcome"] != "changed" and "not switched on" in line["why"], line
        assert run.device.firewall.activated is False and run.read()["login"] == "current"


def test_h41_a_filter_that_shuts_us_out_is_taken_back_by_the_device() -> None:
    """The device sees another address than ours; its own trial ends and the rest is put back."""
    with rig(VAPIX) as run:
        plan = run.plan(ALLOW)
        start = run.device.clock()
        honest = run.device.clock

        def hook(name: str) -> None:
            if name == "apply:firewall:before":
                run.fault("H41")

        # A minute of the trial is over in three seconds.
        run.device.clock = lambda: start + (honest() - start) * 20
        result = run.apply(plan, hook)
        line = result["outcomes"]["access.mode"]
        assert line["outcome"] == "undone" and line["guard"] == "commit-confirm", line
        assert run.device.firewall.activated is False and run.device.firewall.rules == []


def test_a_confirmation_whose_answer_is_lost_is_looked_at() -> None:
    with rig(VAPIX, "firewall-lost-confirm") as run:
        result = run.harden(ALLOW)
        assert result["outcomes"]["access.mode"]["outcome"] == "changed", result["outcomes"]
        assert run.device.firewall.policy == "DROP"


def test_somebody_elses_trial_is_left_alone() -> None:
    rules = [{"ruleType": "FILTER", "ip": "127.0.0.1", "filter": {"policy": "ACCEPT"}}]
    with rig(VAPIX, firewall={"activated": True}) as run:
        run.lab.call(lambda: run.device.firewall.set_rules({"rules": rules, "defaultPolicy": "DROP",
                                                            "fallbackTime": 300}))  # fmt: skip
        result = run.harden({"access": {"mode": "off"}})
        line = result["outcomes"]["access.mode"]
        assert line["outcome"] == "not_checked" and "somebody else" in line["why"] and run.writes() == []


@pytest.mark.parametrize("kept", [False, True], ids=["taken back", "confirmed"])
def test_rules_on_trial_are_not_taken_for_what_stays(kept: bool) -> None:
    """A run that was cut off before its confirm leaves a trial; so does a person at the device's pages."""
    rules = [{"ruleType": "FILTER", "ip": "127.0.0.1", "filter": {"policy": "ACCEPT"}}]
    with rig(VAPIX, firewall={"activated": True, "defaultPolicy": "ACCEPT"}) as run:
        firewall = run.device.firewall
        run.lab.call(lambda: firewall.set_rules({"rules": rules, "defaultPolicy": "DROP", "fallbackTime": 2}))
        if kept:
            threading.Timer(0.5, lambda: run.lab.call(firewall.confirm)).start()
        assert run.readings()["access.mode"]["value"] == ("allow" if kept else "deny")
        assert firewall.pending is None


def test_rules_for_ports_are_told_as_such_and_never_overwritten() -> None:
    rules = [{"ruleType": "FILTER", "ip": "127.0.0.1", "tcpPort": 443, "filter": {"policy": "ACCEPT"}}]
    with rig(VAPIX, firewall={"activated": True, "defaultPolicy": "ACCEPT", "rules": rules}) as run:
        assert run.readings()["access.mode"]["state"] == "unverifiable"
        result = run.harden(ALLOW)
        assert result["outcomes"]["access.mode"]["outcome"] == "not_checked" and run.writes() == []
        assert run.device.firewall.rules[0]["tcpPort"] == 443


# -- intrusions show in what is read -----------------------------------------------------------------------------------
ATTACKS = {
    "new-account": ('accounts."support".role', "administrator"), "ddns-on": ("ddns.enabled", True),
    "open-video": ("accounts.anonymous_view", True), "dns-changed": ("network.dns_servers", ["203.0.113.53"]),
    "service-opened": ("services.ssh.enabled", True),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_intrusion_shows_in_a_reading(attack: str) -> None:
    key, wanted = ATTACKS[attack]
    with rig(VAPIX) as run:
        before = run.readings().get(key, {}).get("value")
        run.lab.call(lambda: run.device.attack(attack))
        assert before != wanted and value(run, key) == wanted


TWINS = {
    "anonymous": ({"accounts": {"anonymous_view": False}},
                  {"System.BoaProtViewer": "anonymous", "Network.RTSP.ProtViewer": "anonymous"}),
    "ddns": ({"ddns": {"enabled": False}}, {"Network.DNSUpdate.Enabled": "yes"}),
    "card": ({"storage": {"edge_recording": False}}, {}),
    "policy": ({"auth": {"password_complexity": True}}, {}),
    "rtsps": ({"video": {"encryption": True}}, {}),
}  # fmt: skip


@pytest.mark.parametrize("what", TWINS)
def test_two_sides_of_one_parameter_are_no_side_effect(what: str) -> None:
    design, values = TWINS[what]
    with rig(VAPIX, values=values) as run:
        result = run.harden(design)
        assert {line["outcome"] for line in result["outcomes"].values()} == {"changed"}, result["outcomes"]


def test_an_account_for_ssh_only_changes_a_digest() -> None:
    with rig(VAPIX, values={"Network.SSH.Enabled": "yes"}) as run:
        before = run.read()["snapshot"]["documents"]
        run.lab.call(lambda: run.device.ssh_users.update(backdoor={"username": "backdoor", "comment": ""}))
        after = run.read()["snapshot"]["documents"]
        assert "digest" in before["ssh_users"], before["ssh_users"]
        assert [name for name in after if before[name] != after[name]] == ["ssh_users"]

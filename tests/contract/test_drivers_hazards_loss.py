# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver contract, hazards H40 to H63: ways to lose a device, the wrong device, factory traps."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

import http.client
import json
from typing import Any

import pytest
from driver_cases import (  # noqa: F401
    ONVIF,
    OPENWRT,
    Family,
    Rig,
    every_family,
    every_model,
    families_with,
    known,
    rig,
    short_pauses,
    uci,
)

from ansible_collections.nwcs.hardening.lab.testing import is_open
from ansible_collections.nwcs.hardening.plugins.module_utils import applying, jobs, proving
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    Busy,
    LoginRefused,
    Refused,
    Unreachable,
    WrongDevice,
)

HTTPS_ONLY = {"services": {"https": {"enabled": True}, "http": {"enabled": False}}}


def bootstrap(run: Rig) -> dict[str, Any]:
    """First contact: the login of the factory, the accounts are ours to manage."""
    user, password = run.login
    return {"credentials": [{"username": user, "password": password, "label": "bootstrap"}], "manage_accounts": True}


def outcomes(result: dict[str, Any]) -> dict[str, str]:
    return {key: line["outcome"] for key, line in result["outcomes"].items()}


def switches(family: Family, *key: str) -> bool:
    """Does the driver write this setting of a service? A family may have no switch for plain HTTP."""
    return any(binding.put and binding.key in (key, (key[0], "*", key[2])) for binding in family.driver.bindings)


# -- H40, H41: the way in ----------------------------------------------------------------------------------------------
@families_with("https")
def test_h40_https_is_proven_before_http_goes(family: Family) -> None:
    if not switches(family, "services", "http", "enabled"):
        pytest.skip("this family has no switch for HTTP")
    with rig(family) as run:
        result = run.harden(HTTPS_ONLY)
        assert outcomes(result)["services.http.enabled"] == "changed" and result["error"] is None
        assert result["way"] == {"scheme": "https", "port": run.device.ports["https"]}
        assert not is_open(run.device.address, run.device.ports["http"])
        closing = max(i for i, entry in enumerate(run.log()) if entry.write)
        assert run.log()[closing].scheme == "https", "the write that closed HTTP came over HTTPS"
        before = [entry for entry in run.log()[:closing] if entry.scheme == "https" and (entry.user or entry.login)]
        assert before, "a login over HTTPS came first"
        assert jobs.read(run.https())["login"] == "current"


def test_h40_https_that_does_not_listen_keeps_http_open() -> None:
    with rig(ONVIF, "H40") as run:
        result = run.harden(HTTPS_ONLY)
        line = result["outcomes"]["services.http.enabled"]
        assert line["outcome"] == "guarded" and "HTTP" in line["why"]
        assert outcomes(result)["services.https.enabled"] in ("failed", "pending_restart")
        assert run.read()["login"] == "current", "we still come in"


def test_h40_without_https_the_only_way_in_is_not_closed() -> None:
    with rig(ONVIF, model="onvif-lying") as run:
        plan = run.plan({"services": {"http": {"enabled": False}}})
        assert plan["outcomes"]["services.http.enabled"]["outcome"] == "guarded" and not plan["changes"]


@families_with("https")
@pytest.mark.parametrize("certificate", ["name-mismatch", "expired"])
def test_h40_a_certificate_that_does_not_hold_is_no_way_in(family: Family, certificate: str) -> None:
    if not switches(family, "services", "http", "enabled"):
        pytest.skip("this family has no switch for HTTP")
    with rig(family, certificate=certificate) as run:
        result = run.harden(HTTPS_ONLY)
        assert outcomes(result)["services.http.enabled"] == "guarded"
        assert is_open(run.device.address, run.device.ports["http"])


@families_with("https")
def test_h40_the_port_and_the_service_in_use_are_guarded(family: Family) -> None:
    with rig(family) as run:
        plan = run.plan({"services": {"http": {"ports": [8099]}}})
        wanted = ("guarded",) if switches(family, "services", "http", "ports") else ("unsupported", "read_only")
        assert plan["outcomes"]["services.http.ports"]["outcome"] in wanted and not plan["changes"]
    with rig(family, **family.with_https) as run:
        way = {"ways": [{"scheme": "https", "port": run.device.ports["https"]}]}
        plan = run.plan({"services": {"https": {"enabled": False}}}, **way)
        assert plan["outcomes"]["services.https.enabled"]["outcome"] == "guarded" and not plan["changes"]


def test_h41_our_own_address_and_the_recorders_are_always_in_the_filter() -> None:
    """Also H61: the recorder's address."""
    with rig(ONVIF) as run:
        design = {"access": {"mode": "allow", "sources": ["192.0.2.0/24"]}}
        result = run.harden(design, recorders=["198.51.100.50"])
        assert outcomes(result)["access.sources"] == "changed" and result["error"] is None
        held = {row["Address"] for row in run.device.state["ip_filter"]["IPv4Address"]}
        assert {"192.0.2.0", "198.51.100.50"} < held and any(address.startswith("127.") for address in held)
        run.forget()
        assert run.harden(design, recorders=["198.51.100.50"])["plan"]["changes"] == [] and run.writes() == []


def test_h41_no_filter_where_nobody_knows_by_which_address_the_device_sees_us() -> None:
    """The simulated camera says that it lives in another network than we do, so a router may lie between."""
    with rig(ONVIF, "H41") as run:
        result = run.harden({"access": {"mode": "allow", "sources": ["192.0.2.0/24"]}}, seen_as=[])
        for key in ("access.mode", "access.sources"):
            line = result["plan"]["outcomes"][key]
            assert line["outcome"] == "guarded" and line["guard"] == "seen-address", line
            assert "nwcs_seen_as" in line["why"] and "[guard: seen-address]" in line["why"]
        assert run.writes() == [] and run.read()["login"] == "current"
        seen = f"{run.device.address.rpartition('.')[0]}.254"  # what the fault translates every caller to
        result = run.harden({"access": {"mode": "allow", "sources": ["192.0.2.0/24"]}}, seen_as=[seen])
        assert outcomes(result)["access.mode"] == "changed" and result["error"] is None
        assert run.read()["login"] == "current"


def test_h41_a_device_that_sees_us_under_another_address_than_declared_is_told_as_lost() -> None:
    with rig(ONVIF, "H41") as run:
        result = run.harden({"access": {"mode": "allow", "sources": ["192.0.2.0/24"]}})
        assert outcomes(result)["access.mode"] in ("failed", "refused", "undone", "not_checked")
        if outcomes(result)["access.mode"] == "failed":
            assert result["error"]["code"] in ("unreachable", "bad_answer") and "dev" in result["error"]["message"]


def test_h41_a_deny_list_never_holds_us() -> None:
    with rig(ONVIF) as run:
        result = run.harden({"access": {"mode": "deny", "sources": ["127.0.0.0/8"]}})
        assert outcomes(result)["access.sources"] in ("refused", "guarded", "failed")
        assert run.read()["login"] == "current" and run.device.state["ip_filter"]["IPv4Address"] == []


# -- H42 to H44: passwords ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("fault", ["", "H42"])
@families_with("accounts")
def test_h42_a_run_goes_on_after_its_own_password_changed(family: Family, fault: str) -> None:
    key, value, look = family.cosmetic
    with rig(family, *known(family, fault)) as run:
        result = run.harden({key: value}, **bootstrap(run), negative_test=True)
        assert outcomes(result)[key] == "changed" and result["error"] is None
        proof = result["outcomes"][f'accounts."{run.login[0]}".password']["proof"]
        assert "refused" in proof and run.logins("refused") == 1


class Cut(Exception):
    """The process dies here."""


@families_with("accounts")
@pytest.mark.parametrize(("moment", "valid"), [("before", "current"), ("after", "pending")])
def test_h43_a_crash_at_the_new_password_leaves_a_way_in(family: Family, moment: str, valid: str) -> None:
    user, old = family.login
    with rig(family) as run:
        plan = run.plan({}, **bootstrap(run))

        def cut(step: str) -> None:
            if step.startswith("store:") and step.endswith(f":{moment}"):
                raise Cut

        with pytest.raises(Cut):
            run.apply(plan, cut, **bootstrap(run))
        both = [{"username": user, "password": "N3w-Passw0rd-0", "label": "pending"},
                {"username": user, "password": old, "label": "current"}]  # fmt: skip
        run.forget()
        assert run.read(credentials=both)["login"] == valid
        assert run.logins("refused") == (1 if valid == "current" else 0)


@families_with("accounts")
def test_h44_a_whole_run_makes_at_most_one_wrong_login(family: Family) -> None:
    write = next(write for write in family.writes if write.kind == "account")
    with rig(family) as run:
        run.harden(write.design, **bootstrap(run), negative_test=True)
        assert run.logins("refused") <= 1 and run.logins("locked") == 0


# -- H45: the router's apply -------------------------------------------------------------------------------------------
def ubus(run: Rig, session: str, object_: str, method: str, args: dict[str, Any] | None = None) -> Any:
    """A raw call, as somebody else at the router's own pages makes it."""
    connection = http.client.HTTPConnection(run.device.address, run.device.ports["http"], timeout=5)
    body = {"jsonrpc": "2.0", "id": 1, "method": "call", "params": [session, object_, method, args or {}]}
    connection.request("POST", "/ubus", json.dumps(body), {"Content-Type": "application/json"})
    result = json.loads(connection.getresponse().read())["result"]
    connection.close()
    return result


def somebody(run: Rig) -> str:
    login = {"username": run.login[0], "password": run.login[1], "timeout": 300}
    return ubus(run, "0" * 32, "session", "login", login)[1]["ubus_rpc_session"]


NAME = {"identity": {"hostname": "gate-7"}}


def hostname(run: Rig) -> str:
    return uci(run.device, "system", "system", "hostname")[0]


def staged(run: Rig) -> list[str]:
    return [config for one in run.device.uci.staged.values() for config, deltas in one.items() if deltas]


def test_h45_rollback_is_always_the_word_true(monkeypatch: pytest.MonkeyPatch) -> None:
    with rig(OPENWRT) as run:
        seen = []
        original = run.device.uci.apply

        def note(sid: str, args: dict[str, Any]) -> Any:
            seen.append(dict(args))
            return original(sid, args)

        monkeypatch.setattr(run.device.uci, "apply", note)
        assert outcomes(run.harden(NAME))["identity.hostname"] == "changed"
        assert seen and all(args["rollback"] is True and args["timeout"] >= 30 for args in seen)


@pytest.mark.parametrize("fault", ["H45-foreign-apply", "H45-sighup", "H45-lost-confirm", "uhttpd-restart"])
def test_h45_traps_end_with_the_truth_and_a_clean_stage(fault: str) -> None:
    with rig(OPENWRT, fault) as run:
        result = run.harden(NAME)
        line = result["outcomes"]["identity.hostname"]
        assert (line["outcome"] == "changed") == (hostname(run) == "gate-7"), line
        assert line["outcome"] in ("changed", "undone"), line
        assert staged(run) == [] and run.device.uci.pending is None
        if fault == "H45-sighup":  # a foreign apply leaves the timer, so that our confirm finds what it confirms
            assert any("timer" in note for note in result["notes"]), result["notes"]


@pytest.mark.parametrize(
    ("model", "fault"),
    [("openwrt-full-acl", ""), ("openwrt-full-acl", "H45-foreign-apply"), ("openwrt-full-acl", "H45-sighup"),
     ("openwrt-factory", ""), ("openwrt-factory", "H45-sighup")],
)  # fmt: skip
def test_h45_what_is_not_proven_is_taken_back(model: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the right to roll back, and without it (LuCI's own rights); also when the router's own net has holes."""
    monkeypatch.setattr(applying, "ROLLBACK_SECONDS", 1)
    with rig(OPENWRT, *filter(None, [fault]), model=model) as run:
        before = hostname(run)

        def fail(step: str) -> None:
            if step == "apply:uci:read":
                raise Refused("the way in is gone")

        result = run.apply(run.plan(NAME), fail)
        line = result["outcomes"]["identity.hostname"]
        assert line["outcome"] == "undone" and "the way in is gone" in line["why"]
        run.lab.wait(lambda: run.device.uci.pending is None, 3)
        assert hostname(run) == before
        assert model == "openwrt-factory" or staged(run) == []
        monkeypatch.setattr(applying, "ROLLBACK_SECONDS", 60)
        assert outcomes(run.harden({"time": {"zone": "Asia/Tokyo"}}))["time.zone"] == "changed"
        assert hostname(run) == before, "nothing that was left staged came along with the next apply"


def test_h45_an_apply_of_somebody_else_that_waits_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt.PENDING_SECONDS", 0.1)
    with rig(OPENWRT) as run:
        plan = run.plan(NAME)
        other = somebody(run)
        changed = {"config": "system", "section": "@system[0]", "values": {"description": "theirs"}}
        assert ubus(run, other, "uci", "set", changed) == [0]
        assert ubus(run, other, "uci", "apply", {"rollback": True, "timeout": 60}) == [0]
        with pytest.raises(Busy, match="waiting to be confirmed"):
            run.apply(plan)
        assert ubus(run, other, "uci", "confirm") == [0], "their change is theirs to confirm"
        assert uci(run.device, "system", "system", "description") == ["theirs"] and hostname(run) != "gate-7"


def test_h45_what_waits_for_a_confirm_is_not_taken_for_true() -> None:
    """A run that was cut off between apply and confirm: its values are in force, and are taken back soon."""
    with rig(OPENWRT) as run:
        other = somebody(run)
        assert ubus(run, other, "uci", "set", {"config": "system", "section": "@system[0]",
                                               "values": {"hostname": "gate-7"}}) == [0]  # fmt: skip
        assert ubus(run, other, "uci", "apply", {"rollback": True, "timeout": 2}) == [0]
        assert hostname(run) == "gate-7"
        plan = run.plan(NAME)
        assert hostname(run) != "gate-7"
        assert [change["key"] for change in plan["changes"]] == ["identity.hostname"]


def test_h45_changes_that_somebody_has_staged_are_neither_applied_nor_lost() -> None:
    with rig(OPENWRT) as run:
        other = somebody(run)
        changed = {"config": "system", "section": "@system[0]", "values": {"description": "theirs"}}
        assert ubus(run, other, "uci", "set", changed) == [0]
        line = run.harden(NAME)["outcomes"]["identity.hostname"]
        assert line["outcome"] in ("changed", "refused")
        assert uci(run.device, "system", "system", "description") != ["theirs"], "not ours to apply"
        assert ubus(run, other, "uci", "changes")[1]["changes"]["system"], "not ours to throw away"


def test_h46_sections_that_shift_change_no_key() -> None:
    with rig(OPENWRT, model="openwrt-factory") as run:
        before = run.readings()
        assert before["nat.forwards"]["value"], "the case needs anonymous sections"
        with run.device.edit("firewall") as stage:
            section = stage.add("include", None)
            stage.set(section, "path", "/etc/firewall.user")
            stage.order(section, 0)
        after = run.readings()
        for key in before:
            if key.startswith("nat."):
                assert after[key] == before[key], key


# -- H47 to H57: factory traps -----------------------------------------------------------------------------------------
def test_h47_an_empty_password_is_factory_state_and_ends() -> None:
    with rig(OPENWRT, model="openwrt-factory") as run:
        run.login = ("root", "")
        snapshot = run.read()["snapshot"]
        assert snapshot["factory_new"] is True and any("no password" in note for note in snapshot["notes"])
        result = run.harden({}, **bootstrap(run), negative_test=True)
        assert outcomes(result)['accounts."root".password'] == "changed"
        for wrong in ("", "x", "anything"):
            assert not OPENWRT.has_password(run.device, "root", wrong)


@every_family
def test_h47_h54_generated_passwords_know_limits_and_are_never_short(family: Family) -> None:
    with rig(family) as run:
        rules = run.plan({}, **bootstrap(run))["password_rules"]
        assert 8 <= rules["min_length"] <= rules["max_length"] and rules["source"]


@pytest.mark.parametrize("told", [10, 12, 16])
def test_h54_the_limit_that_the_device_tells_is_kept(told: int) -> None:
    with rig(ONVIF, limits={"MaxPasswordLength": told}) as run:
        assert run.plan({}, **bootstrap(run))["password_rules"]["max_length"] == told
        long = {"accounts.admin": "N3w-Passw0rd-that-is-longer"}
        result = run.harden({}, **bootstrap(run), secrets=long)
        assert outcomes(result)['accounts."admin".password'] in ("refused", "failed")
        assert run.read()["login"] == "current", "the old one is in force, and nothing is lost"


@pytest.mark.parametrize("fault", ["H49", "H49-gone"])
def test_h49_a_device_that_comes_back_another_or_never_is_told(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "RESTART_SECONDS", 1.5)
    with rig(ONVIF, fault, model="onvif-restart") as run:
        result = run.harden({"identity": {"hostname": "cam-7"}}, **bootstrap(run), restart=True)
        assert result["error"] is not None
        assert result["error"]["code"] == ("login_refused" if fault == "H49" else "unreachable")
        assert outcomes(result)["identity.hostname"] != "changed" and result["snapshot"] is None


def test_h49_a_router_that_moved_is_unreachable() -> None:
    with rig(OPENWRT, "lan-address") as run:
        with pytest.raises(Unreachable):
            run.read()


def test_h50_an_open_device_gets_its_first_administrator() -> None:
    with rig(ONVIF, "H50") as run:
        run.login = ("admin", "12345")
        snapshot = run.read()["snapshot"]
        assert snapshot["factory_new"] is True and snapshot["readings"]["auth.anonymous_api"]["value"] is True
        result = run.harden({}, **bootstrap(run), own_account="site-admin")
        assert outcomes(result)['accounts."site-admin".role'] == "changed", result["outcomes"]
        assert result["snapshot"]["readings"]["auth.anonymous_api"]["value"] is False
        assert result["login"]["username"] == "site-admin" and result["proved"] == ["accounts.site-admin"]


def test_h51_absent_means_on_and_off_is_written_in_words() -> None:
    with rig(OPENWRT, model="openwrt-factory") as run:
        with run.device.edit("upnpd") as stage:
            stage.remove(stage.package.section("config"), "enabled")
        assert uci(run.device, "upnpd", "upnpd", "enabled") == [None]
        assert run.readings()["nat.upnp"]["value"] is True
        assert outcomes(run.harden({"nat": {"upnp": False}}))["nat.upnp"] == "changed"
        assert uci(run.device, "upnpd", "upnpd", "enabled") == ["0"] and not run.device.running("miniupnpd")


def test_h53_what_is_on_by_default_is_seen() -> None:
    with rig(ONVIF) as run:
        readings = run.readings()
        for key in ("ddns.enabled", "services.ws_discovery.enabled", "services.telnet.open"):
            assert readings[key]["value"] is True, key


@families_with("accounts")
def test_h55_a_password_is_never_changed_on_every_run(family: Family) -> None:
    write = next(write for write in family.writes if write.kind == "account")
    with rig(family) as run:
        run.harden(write.design, manage_accounts=True)
        run.forget()
        for _run in range(2):
            assert run.harden(write.design, manage_accounts=True)["plan"]["changes"] == []
        assert run.writes() == []


def test_h57_another_firmware_ends_the_memory_of_a_liar() -> None:
    with rig(ONVIF, "H01") as run:
        run.harden({"identity": {"hostname": "cam-7"}})
        assert run.plan({"identity": {"hostname": "cam-7"}})["changes"] == []
        run.lab.attack("dev", "firmware-changed")
        assert [c["key"] for c in run.plan({"identity": {"hostname": "cam-7"}})["changes"]] == ["identity.hostname"]


# -- H60 to H63 --------------------------------------------------------------------------------------------------------
@every_family
@pytest.mark.parametrize("field", ["endpoint", "serial", "mac"])
@pytest.mark.parametrize("job", ["read", "apply"])
def test_h60_another_device_gets_nothing(family: Family, field: str, job: str) -> None:
    key, value, look = family.cosmetic
    with rig(family) as run:
        identity = run.read()["snapshot"]["identity"]
        if not identity[field]:
            pytest.skip(f"this family tells no {field}")
        run.read(expected={field: identity[field]})
        plan, before = run.plan({key: value}), look(run.device)
        run.forget()
        wrong = {field: {"mac": "02:00:00:00:00:01"}.get(field, "another")}
        with pytest.raises(WrongDevice) as caught:
            run.read(expected=wrong) if job == "read" else run.apply(plan, expected=wrong)
        text = str(caught.value)
        assert "dev" in text and identity[field] in text and run.device.address in text
        assert run.writes() == [] and look(run.device) == before
        if field == "endpoint":
            assert run.logins() == 0 and "Nothing was sent" in text
        else:
            assert run.logins("ok") >= 1 and "login was sent" in text, "what was sent is told as it is"


@every_family
def test_h60_another_certificate_is_seen_before_a_login(family: Family) -> None:
    with rig(family, **family.with_https, certificate="self-signed") as run:
        way = {"ways": [{"scheme": "https", "port": run.device.ports["https"]}], "target": {"tls_verify": False}}
        seen = run.readings(**way)["tls.certificate.sha256"]["value"]
        run.read(expected={"sha256": [seen]}, **way)
        run.forget()
        with pytest.raises(WrongDevice):
            run.read(expected={"sha256": ["0" * 64]}, **way)
        assert run.logins() == 0


@families_with("accounts")
def test_h61_the_recorders_account_stays_when_it_is_declared(family: Family) -> None:
    write = next(write for write in family.writes if write.kind == "account")
    with rig(family) as run:
        run.harden(write.design)
        result = run.harden(write.design, **bootstrap(run), undeclared_accounts="remove")
        assert "ops" in family.users(run.device) and outcomes(result)[write.key] == "ok"


@every_model
def test_h62_reading_makes_no_failed_login(family: Family, model: str) -> None:
    with rig(family, model=model) as run:
        run.read()
        run.plan({})
        assert run.logins("refused") == run.logins("locked") == 0


@families_with("clock")
@pytest.mark.parametrize("offset", [-7200, 600])
def test_h63_the_clock_is_told_against_the_controllers(family: Family, offset: int) -> None:
    with rig(family, clock_offset=offset) as run:
        assert abs(run.readings()["time.skew_seconds"]["value"] - offset) <= 3
        if run.harden({"time": {"zone": "Asia/Tokyo"}})["outcomes"]["time.zone"]["outcome"] == "changed":
            assert abs(run.readings()["time.skew_seconds"]["value"] - offset) <= 3


@families_with("accounts")
def test_h43_a_password_that_is_refused_by_the_device_keeps_the_old_one(family: Family) -> None:
    with rig(family, family.keeps_password) as run:
        result = run.harden({}, **bootstrap(run))
        line = result["outcomes"][f'accounts."{run.login[0]}".password']
        assert line["outcome"] in ("failed", "refused") and line["why"] and result["proved"] == []
        assert family.has_password(run.device, *run.login) and run.logins("refused") <= 1
        with pytest.raises(LoginRefused):
            run.read(credentials=[{"username": run.login[0], "password": "N3w-Passw0rd-0", "label": "x"}])

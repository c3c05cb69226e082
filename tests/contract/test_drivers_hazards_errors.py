# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver contract, hazards H20 to H36: errors that look alike, broken bodies, hostile texts."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

import json
import logging

import pytest
from driver_cases import ONVIF, OPENWRT, Family, every_family, families_with, known, rig, short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.lab.onvif.state import HOSTILE, LOOKALIKES
from ansible_collections.nwcs.hardening.plugins.module_utils import compare, jobs, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    LoginRefused,
    Refused,
    Unreachable,
)

WRONG = [{"username": "admin", "password": "Wr0ng-Secret-77", "label": "current"}]


# -- H20 to H25: logins ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("fault", ["H20-400", "H20-403", "H20-200", "H24-nochallenge", "H24-sha1", "H25"])
def test_h20_a_refused_login_is_one_whatever_its_status(fault: str) -> None:
    with rig(ONVIF, fault) as run:
        with pytest.raises(LoginRefused) as caught:
            run.read(credentials=WRONG)
        assert run.logins("refused") == 1 and "'admin'" in str(caught.value) and "Wr0ng" not in str(caught.value)


def test_h20_missing_operations_in_every_dialect_are_unsupported() -> None:
    with rig(ONVIF, model="onvif-poor") as run:
        readings = run.readings()
        for key in ("time.servers", "network.dns_servers", "ddns.enabled", "services.zeroconf.enabled", "access.mode",
                    "services.ws_discovery.enabled"):  # fmt: skip
            assert readings[key]["state"] == "unsupported", (key, readings[key])
        # a closed connection says less than a fault: not known, and never a value
        assert readings["network.gateway"]["state"] in ("unsupported", "unreadable")
        plan = run.plan({"time": {"servers": ["192.0.2.1"]}, "identity": {"hostname": "cam-7"}})
        assert plan["outcomes"]["time.servers"]["outcome"] == "unsupported"
        result = run.apply(plan)
        assert result["outcomes"]["identity.hostname"]["outcome"] in ("unsupported", "refused")


def test_h21_a_locked_client_is_told_apart_from_nothing_and_tries_no_second_time() -> None:
    """The lock answers 401 also for the right password: two credentials cost at most two refusals, then we stop."""
    with rig(ONVIF, "H21", lockout_attempts=1, lockout_seconds=60) as run:
        with pytest.raises(LoginRefused):
            run.read(credentials=WRONG)
        run.forget()
        with pytest.raises(LoginRefused) as caught:
            run.read()
        assert run.logins("locked") == 1 and "12345" not in str(caught.value)


def test_h22_a_lost_session_is_renewed_once_and_a_missing_right_is_refused() -> None:
    with rig(OPENWRT, "H22") as run:
        assert run.readings()["identity.hostname"]["state"] == "value"
        assert run.logins("ok") == 2, "one more login, once"
    with rig(OPENWRT, "H22-denied") as run:
        try:
            states = {text: reading["state"] for text, reading in run.readings().items()}
        except Refused:
            states = {}
        assert "value" not in {state for text, state in states.items() if not _observed(text)}
        assert run.logins() <= 3 and run.logins("refused") == 0


def _observed(text: str) -> bool:
    return settings.setting_of(settings.parse_key(text)).observed


def test_h22_a_low_account_reads_states_not_lies() -> None:
    users = [{"Username": "admin", "Password": "12345", "UserLevel": "Administrator"},
             {"Username": "view", "Password": "view-pass", "UserLevel": "User"}]  # fmt: skip
    with rig(ONVIF, users=users) as run:
        readings = run.readings(credentials=[{"username": "view", "password": "view-pass", "label": "current"}])
        assert readings['accounts."*".role']["state"] == "unreadable" and readings['accounts."*".role']["why"]
        assert run.logins("refused") == 0, "a missing right is no failed login"


@pytest.mark.parametrize("fault", ["H23", "timeout", "rpcd-down"])
def test_h23_busy_is_no_missing_function(fault: str) -> None:
    more = {"fault_timeout_seconds": 0.3} if fault == "timeout" else {}
    with rig(OPENWRT, fault, **more) as run:
        if fault == "H23":
            assert run.readings()["identity.hostname"]["state"] == "value", "asked again"
            return
        answer = jobs.run({"what": "read", "spec": run.spec()})
        if "error" in answer:
            assert answer["error"]["code"] in ("busy", "unreachable", "device", "bad_answer", "refused"), answer
            assert "dev" in answer["error"]["message"]
        else:
            readings = answer["snapshot"]["readings"]
            said = {text: r for text, r in readings.items() if not _observed(text) and r["state"] != "unreadable"}
            assert {r["state"] for r in said.values()} <= {"write_only", "unsupported"}, said


@pytest.mark.parametrize(
    ("fault", "schemes"),
    [("", ["digest-md5"]), ("H24-single-use", ["digest-md5"]), ("H24-replay", ["digest-md5"]),
     ("H24-accept", ["digest-md5"]), ("H24-nochallenge", ["ws-usernametoken"]), ("H24-sha1", None)],
)  # fmt: skip
def test_h24_every_way_to_log_in(fault: str, schemes: list[str] | None) -> None:
    with rig(ONVIF, *filter(None, [fault])) as run:
        readings = run.readings()
        assert run.logins("refused") == 0
        assert readings['accounts."admin".role']["value"] == "administrator"
        if schemes:
            assert readings["auth.http_schemes"]["value"] == schemes
        line = run.harden({"identity": {"hostname": "cam-7"}})["outcomes"]["identity.hostname"]
        assert line["outcome"] == "changed" and run.device.state["hostname"]["Name"] == "cam-7"


def test_h24_sha256_is_preferred_and_works_for_a_whole_run() -> None:
    with rig(ONVIF, model="onvif-sha256") as run:
        assert run.harden({"identity": {"hostname": "cam-7"}})["outcomes"]["identity.hostname"]["outcome"] == "changed"
        assert run.logins("refused") == 0
        assert any("sha-256" in scheme for scheme in run.readings()["auth.http_schemes"]["value"])


@pytest.mark.parametrize("offset", [90, -4000, 400 * 86400])
def test_h25_the_token_is_signed_with_the_devices_clock_and_the_skew_is_told(offset: float) -> None:
    with rig(ONVIF, "H25", clock_offset=offset) as run:
        skew = run.readings()["time.skew_seconds"]["value"]
        assert abs(skew - offset) <= 3 and run.logins("refused") == 0
        assert run.harden({"identity": {"hostname": "cam-7"}})["outcomes"]["identity.hostname"]["outcome"] == "changed"


# -- H30 to H34: bodies ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("fault", ["H30-prefix", "H30-bom", "H30-utf8", "H30-order"])
def test_h30_a_broken_answer_to_a_good_write_is_judged_by_the_reading(fault: str) -> None:
    with rig(ONVIF, fault) as run:
        for write in ONVIF.writes[:6]:
            if fault == "H30-order" and write.kind == "list":
                continue  # an ordered list that comes back turned round is another list
            line = run.harden(write.design)["outcomes"][write.key]
            assert line["outcome"] == "changed" and line["proof"], line
            assert write.look(run.device) == write.raw
            assert run.harden(write.design)["plan"]["changes"] == []


@pytest.mark.parametrize("fault", ["H32-nesting", "H32-entities", "empty-body"])
def test_h32_deep_bodies_and_bombs_are_errors_not_values(fault: str) -> None:
    with rig(ONVIF, fault) as run:
        with pytest.raises(DeviceError) as caught:
            run.read()
        assert "passwd" not in str(caught.value).replace("nwcs_password", "")
        assert isinstance(caught.value, (BadAnswer, DeviceError)) and run.logins("refused") == 0


def test_h33_addresses_of_services_elsewhere_are_not_followed() -> None:
    with rig(ONVIF, "xaddr-elsewhere") as run:
        readings = run.readings()
        assert readings["accounts.anonymous_view"]["state"] == "value", "looked at on the device itself"
        assert "192.0.2.99" not in json.dumps(run.read()["snapshot"]["way"])


@every_family
def test_h34_hostile_texts_are_kept_as_they_are_and_do_nothing(family: Family) -> None:
    with rig(family, "H34") as run:
        snapshot = run.read()["snapshot"]
        text = json.dumps(snapshot, ensure_ascii=False)
        assert "{{ 7*7 }}" in text and "49" not in snapshot["identity"]["model"]
        for key in snapshot["readings"]:
            assert settings.key_text(settings.parse_key(key)) == key, "keys keep names that break everything else"
        key, value, look = family.cosmetic
        result = run.harden({key: value})
        assert result["outcomes"][key]["outcome"] == "changed"
        assert result["error"] is None


def test_h34_accounts_with_hostile_names_are_removed_by_their_exact_name() -> None:
    with rig(ONVIF, "H34") as run:
        # XML has no NUL and no ESC: such names come over as others, and are never claimed to be removed.
        names = [name for name in ONVIF.users(run.device) if name in HOSTILE and not {"\0", "\x1b"} & set(name)]
        assert len(names) >= 8
        result = run.harden({}, manage_accounts=True, undeclared_accounts="remove")
        left = set(ONVIF.users(run.device))
        for name in names:
            line = result["outcomes"][settings.key_text(("accounts", name, "role"))]
            assert (line["outcome"] == "changed") == (name not in left), (name, line)
        assert "admin" in left and run.read()["login"] == "current"


@pytest.mark.parametrize("name", LOOKALIKES)
def test_h35_look_alikes_are_accounts_of_their_own(name: str) -> None:
    with rig(ONVIF, "H35") as run:
        readings = run.readings()
        mine = settings.key_text(("accounts", name, "role"))
        assert readings[mine]["value"] == "administrator" and readings['accounts."admin".role']["value"]
        names = [settings.parse_key(text)[1] for text in readings if text.endswith(".role") and '"*"' not in text]
        assert any(name in group and "admin" in group for group in compare.look_alikes(names))
        result = run.harden({}, manage_accounts=True, undeclared_accounts="remove")
        assert result["outcomes"][mine]["outcome"] == "changed"
        assert "admin" in ONVIF.users(run.device) and name not in ONVIF.users(run.device)


@families_with("accounts")
def test_h36_no_secret_in_results_errors_and_log_lines(family: Family, caplog: pytest.LogCaptureFixture) -> None:
    user, old = family.login
    secrets = {f"accounts.{name}": f"Pl4nted-{number}-Sec" for number, name in enumerate((user, "ops"))}
    caplog.set_level(logging.DEBUG)
    with rig(family, *(fault for fault in known(family, "H12", "H23") if fault != family.keeps_password)) as run:
        role = "viewer"
        result = run.harden(
            {"accounts": {"ops": {"role": role}}}, secrets=secrets, manage_accounts=True, negative_test=True,
            credentials=[{"username": user, "password": old, "label": "bootstrap"}],
        )  # fmt: skip
        text = json.dumps(result, default=repr) + caplog.text
        assert "Pl4nted" not in text and "Router-Old-1" not in text and "ubus_rpc_session" not in text
        assert family.has_password(run.device, user, "Pl4nted-0-Sec")
        run.fault("H31-close")
        with pytest.raises((Unreachable, BadAnswer, Busy)) as caught:
            run.read(secrets=secrets)
        assert "Pl4nted" not in repr(caught.value.__dict__) + str(caught.value)
        assert caught.value.__cause__ is None or "Pl4nted" not in repr(caught.value.__cause__)

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver contract: the hazards that only Dahua devices have."""

# Pytest finds fixtures by their imported names; it ends its generators, so what they hold is closed.
# pylint: disable=unused-import,contextmanager-generator-missing-cleanup
from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from driver_cases import Rig, short_pauses  # noqa: F401
from family_dahua import ROW

from ansible_collections.nwcs.hardening.lab.testing import running_lab
from ansible_collections.nwcs.hardening.plugins.module_utils import jobs, reading
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Credential
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import dahua_rpc
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.dahua import DahuaDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.dahua_rpc import Rpc
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    LoginRefused,
    NwcsError,
    Refused,
    Unsupported,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Target, Transport

SECRET = "N3w-Secret-4711"


@contextmanager
def rig(model: str = "dahua-camera", *faults: str, **overrides: Any) -> Iterator[Rig]:
    with running_lab([{"name": "dev", "model": model, "overrides": overrides}]) as lab:
        made = Rig(lab, ROW)
        made.fault(*faults)
        lab.settle()
        yield made


@contextmanager
def opened(run: Rig, **secrets: str) -> Iterator[Any]:
    device, driver = run.device, DahuaDriver()
    transport = Transport(Target("dev", device.address, device.ports["http"], "http"))
    driver.identify(transport)
    ctx = driver.open(transport, Credential(*run.login), secrets)
    try:
        yield ctx
    finally:
        ctx.close()


def keys(run: Rig) -> list[str]:
    """What configuration keys were written, in order, as the device's own log has them."""
    return [entry.operation for entry in run.log() if entry.write]


# -- H36: secrets in addresses -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("fault", ["H31-close", "H31-short", "H12", "H01", ""])
def test_h36_a_secret_in_the_address_is_in_no_message_and_no_log(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with rig() as run:
        user, password = run.login
        first = {"credentials": [{"username": user, "password": password, "label": "bootstrap"}],
                 "manage_accounts": True}  # fmt: skip
        plan = run.plan({"accounts": {"ops": {"role": "administrator"}}}, **first)
        secrets = {need["name"]: f"{SECRET}{index}" for index, need in enumerate(plan["needs"])}
        assert {"accounts.ops", "accounts.admin"} <= set(secrets)

        def cut(name: str) -> None:
            if fault and name.startswith("store:") and name.endswith(":before"):
                run.fault(fault)

        result = run.apply(plan, cut, secrets=secrets, **first)
        said = json.dumps(result) + caplog.text + repr(run.log())
        assert SECRET not in said and run.login[1] not in said
        if not fault:
            assert ROW.has_password(run.device, "ops", secrets["accounts.ops"])
            assert ROW.has_password(run.device, "admin", secrets["accounts.admin"])


def test_h36_masked_values_are_never_sent_back_and_never_shown() -> None:
    clear = ("mail-clear-text-1", "public", "private")
    with rig(tables={"SNMP": {"ReadCommon": "site-read", "WriteCommon": "site-write"}}) as run:
        shown = json.dumps(run.read())
        assert not [word for word in (*clear, "site-read", "site-write") if word in shown]
        result = run.harden({"services": {"smtp": {"enabled": False}, "snmp": {"enabled": True}}})
        assert result["outcomes"]["services.smtp.enabled"]["outcome"] == "changed"
        assert run.device.tables["Email"]["Password"] == "mail-clear-text-1"
        assert run.device.tables["SNMP"]["ReadCommon"] == "site-read"


# -- H23: not there, or not for us -------------------------------------------------------------------------------------
def test_h23_a_table_that_is_refused_is_not_told_as_off() -> None:
    with rig("dahua-nvr", without_calls=["Config.backup.All"]) as run:
        readings = run.readings()
        assert readings["services.telnet.enabled"]["state"] == "unreadable"
        assert "not there, or this login may not use it" in readings["services.telnet.enabled"]["why"]
        assert "Telnet" in readings["services.telnet.enabled"]["why"]
        assert readings["services.upnp.enabled"]["value"] is True
        assert readings["recording.state"]["state"] == "value"


def test_a_table_that_is_not_there_is_unsupported_and_never_off() -> None:
    with rig() as run:
        reading = run.readings()["services.telnet.enabled"]
        assert reading["state"] == "unsupported" and "Telnet" in reading["why"]
        result = run.harden({"services": {"telnet": {"enabled": False}}})
        assert result["outcomes"]["services.telnet.enabled"]["outcome"] == "unsupported"


def test_the_old_camera_is_read_table_by_table_with_one_login() -> None:
    with rig("dahua-camera-old") as run:
        found = run.read()
        readings = found["snapshot"]["readings"]
        assert any("CVE-2021-33044" in note and "2013-07-18" in note for note in found["snapshot"]["notes"])
        assert readings["auth.basic_login"]["value"] is True
        assert readings["services.telnet.enabled"]["value"] is True
        assert readings["auth.lockout_attempts"]["value"] == 0
        assert readings["services.ssh.enabled"]["state"] == "unsupported"
        assert run.logins("refused") == 0 and run.writes() == []
        result = run.harden({"services": {"telnet": {"enabled": False}}, "auth": {"lockout_attempts": 4},
                             "time": {"sync": "ntp", "servers": ["a.example"]}})  # fmt: skip
        assert {line["outcome"] for line in result["outcomes"].values()} == {"changed"}
        assert run.device.tables["General"]["LockLoginEnable"] is True
        assert run.device.tables["NTP"]["Address"] == "a.example"  # a table that takes one key at a time


@pytest.mark.parametrize("withheld", ["T2UServer", "VSP_PaaS"])
def test_h23_one_of_two_tables_that_is_refused_is_not_told_by_the_other(withheld: str) -> None:
    pairs = {"T2UServer": "AutoUpgrade", "VSP_PaaS": "CloudUpgrade"}
    off = {name: {"Enable": name in (withheld, pairs[withheld])} for pair in pairs.items() for name in pair}
    more = {"tables": off, "withheld": [withheld, pairs[withheld], "Locales"], "without_calls": ["Config.backup.All"]}
    with rig(**more) as run:
        found = run.readings()
        for key in ("cloud.enabled", "firmware.auto_update", "time.zone"):
            assert found[key]["state"] == "unreadable" and "may not use it" in found[key]["why"], key
        plan = run.plan({"cloud": {"enabled": False}, "firmware": {"auto_update": False}})
        assert {line["outcome"] for line in plan["outcomes"].values()} == {"not_checked"} and not plan["changes"]
    with rig(tables=off, without=[withheld, pairs[withheld]], without_calls=["Config.backup.All"]) as run:
        found = run.readings()
        assert [found[key].get("value") for key in ("cloud.enabled", "firmware.auto_update")] == [False, False]


def test_an_answer_for_everything_that_is_cut_short_hides_nothing() -> None:
    with rig() as run:
        order = list(run.device.tables)
    cut = order.index("T2UServer") + 1
    with rig(everything=cut, tables={"T2UServer": {"Enable": False}}) as run:
        found = run.readings()
        assert found["cloud.enabled"]["value"] is True, "table VSP_PaaS, which comes after the cut"
        assert found["services.multicast.enabled"]["state"] == "value"
    with rig(everything=order.index("T2UServer")) as run:
        found = run.readings()
        assert found["cloud.enabled"]["state"] == "unsupported"
        assert "answer for everything" in found["cloud.enabled"]["why"]
    with rig(everything=100, without=["VSP_PaaS"], tables={"T2UServer": {"Enable": False}}) as run:
        assert run.readings()["cloud.enabled"]["value"] is False


# -- H51: words that are not known -------------------------------------------------------------------------------------
def test_h51_a_word_that_is_neither_on_nor_off_is_not_told_as_off() -> None:
    words = {"Telnet": "enabled", "UPnP": "Enabled", "T2UServer": "2", "NTP": "auto"}
    with rig() as run:
        for table, word in words.items():
            run.device.tables.setdefault(table, {})["Enable"] = word
        run.device.tables["VSP_PaaS"]["Enable"] = False
        run.device.tables["General"]["LockLoginEnable"] = "maybe"
        run.device.tables["WLan"]["eth2"] |= {"Enable": "auto"}
        del run.device.tables["WLan"]["eth2"]["Encryption"]
        found = run.readings()
        for key in ("services.telnet.enabled", "services.upnp.enabled", "cloud.enabled", "time.sync",
                    "auth.lockout_attempts", 'wireless."eth2".enabled'):  # fmt: skip
            assert found[key]["state"] == "unverifiable" and "the device holds" in found[key]["why"], key
        assert found['wireless."eth2".tkip']["state"] == "unsupported"
        plan = run.plan({"services": {"upnp": {"enabled": False}}, "cloud": {"enabled": False}})
        assert {line["outcome"] for line in plan["outcomes"].values()} == {"not_checked"}


@pytest.mark.parametrize("shape", [{"Enable": True, "Type": "BlackList"}, {"Type": "BannedList"}])
def test_h51_a_filter_of_another_shape_is_neither_off_nor_a_list_of_friends(shape: dict[str, Any]) -> None:
    with rig() as run:
        run.device.tables["AccessFilter"] = {"BannedList": ["192.0.2.4"], "TrustList": [], **shape}
        found = run.readings()
        for key in ("access.mode", "access.sources"):
            assert found[key]["state"] == "unreadable" and "another shape" in found[key]["why"]


def test_an_extra_stream_that_records_is_recording_and_is_ended_with_the_others() -> None:
    with rig(tables={"RecordMode": [{"Mode": 2, "ModeExtra1": 0, "ModeExtra2": 2}]}) as run:
        assert run.readings()["storage.edge_recording"]["value"] is True
        result = run.harden({"storage": {"edge_recording": False}})
        assert result["outcomes"]["storage.edge_recording"]["outcome"] == "changed"
        assert run.device.tables["RecordMode"] == [{"Mode": 2, "ModeExtra1": 2, "ModeExtra2": 2}]
        run.device.tables["RecordMode"][0]["ModeExtra2"] = 7
        assert run.readings()["storage.edge_recording"]["state"] == "unverifiable"


# -- accounts ----------------------------------------------------------------------------------------------------------
def test_the_password_of_another_account_goes_in_the_administrators_name_where_that_exists() -> None:
    with rig() as run, opened(run, **{"accounts.viewer": SECRET}) as ctx:
        _set_password(ctx, "viewer")
        assert ROW.has_password(run.device, "viewer", SECRET)
    with rig("dahua-camera-old") as run, opened(run, **{"accounts.666666": SECRET}) as ctx:
        with pytest.raises(Unsupported) as caught:
            _set_password(ctx, "666666")
        assert "666666" in caught.value.message and "make it anew" in caught.value.advice
        assert list(caught.value.items) == ["666666"]


def test_of_several_accounts_each_error_is_told_by_itself_and_a_built_in_one_is_not_made_anew() -> None:
    users = [{"Name": name, "Password": name, "Group": group, "Reserved": name != "666666"}
             for name, group in (("admin", "admin"), ("888888", "admin"), ("666666", "user"))]  # fmt: skip
    with rig("dahua-camera-old", users=users) as run:
        with opened(run, **{"accounts.888888": SECRET, "accounts.666666": SECRET}) as ctx:
            with pytest.raises(Unsupported) as caught:
                _set_password(ctx, "888888", "666666")
    errors = caught.value.items
    assert set(errors) == {"888888", "666666"} and all(name in errors[name].message for name in errors)
    assert "own pages" in errors["888888"].advice and "make it anew" not in errors["888888"].advice
    assert "make it anew" in errors["666666"].advice
    assert all(one.advice in caught.value.advice for one in errors.values())


def _set_password(ctx: Any, *names: str) -> None:
    document = next(one for one in DahuaDriver.documents if one.name == "users")
    old = DahuaDriver().fetch(ctx, ["users"])["users"]
    document.store(ctx, old, old | {name: {**old[name], "password": "set"} for name in names})


def test_built_in_accounts_stay_and_groups_that_do_not_exist_are_refused_before() -> None:
    with rig() as run:
        run.login = ("admin", "Factory-1234")
        run.lab.call(lambda: run.device.users.force("second", "Second-1234", "admin"))
        second = {"credentials": [{"username": "second", "password": "Second-1234", "label": "current"}],
                  "own_account": "second"}  # fmt: skip
        plan = run.plan({"accounts": {"admin": "absent", "ops": {"role": "operator"}}}, **second)
        assert plan["changes"] == []
        assert {line["outcome"] for line in plan["outcomes"].values()} <= {"unsupported", "guarded", "refused"}


def test_a_locked_account_is_told_as_locked_and_not_tried_again() -> None:
    for model in ("dahua-camera", "dahua-nvr"):
        with rig(model, "H21") as run:
            right = run.login
            run.login = ("admin", "Wr0ng-Secret-77")
            for _unused in range(3):
                with pytest.raises(LoginRefused):
                    run.read()
            run.login = right
            with pytest.raises(LoginRefused) as caught:
                run.read()
            assert caught.value.locked and run.logins("locked") == 1


# -- the source filter -------------------------------------------------------------------------------------------------
def test_the_list_is_written_before_the_filter_is_switched_on() -> None:
    with rig() as run, opened(run) as ctx:
        driver = DahuaDriver()
        document = next(one for one in driver.documents if one.name == "AccessFilter")
        seen: list[str] = []
        real = ctx.set_table
        ctx.set_table = lambda table, changes: (seen.extend(key for key, _v in changes), real(table, changes))[1]
        old = driver.fetch(ctx, ["AccessFilter"])["AccessFilter"]
        new = {**old, "mode": "deny", "list": "BannedList", "sources": ["192.0.2.9", "192.0.2.10"]}
        document.store(ctx, old, new)
        assert seen == ["BannedList[0]", "BannedList[1]", "Type", "Enable"]
        table = run.device.tables["AccessFilter"]
        assert (table["Type"], table["Enable"]) == ("BannedList", True)
        seen.clear()
        old = driver.fetch(ctx, ["AccessFilter"])["AccessFilter"]
        document.store(ctx, old, {**old, "mode": "off"})
        assert seen == ["Enable"] and run.device.tables["AccessFilter"]["Enable"] is False


def test_addresses_that_stay_keep_their_place_so_that_nobody_is_shut_out_in_between() -> None:
    held = {"AccessFilter": {"Enable": True, "Type": "TrustList", "TrustList": ["192.0.2.1", "127.0.0.1"]}}
    with rig(tables=held) as run:
        result = run.harden({"access": {"mode": "allow", "sources": ["127.0.0.1", "192.0.2.7"]}})
        assert result["outcomes"]["access.sources"]["outcome"] == "changed" and result["error"] is None
        kept = run.device.tables["AccessFilter"]["TrustList"]
        assert kept[1] == "127.0.0.1" and sorted(filter(None, kept)) == ["127.0.0.1", "192.0.2.7"]
        assert run.read()["login"] == "current"


@pytest.mark.parametrize(("dropped", "design", "held"), [
    ("TrustList[", {"mode": "allow", "sources": ["127.0.0.1"]}, {}),
    (".Type", {"mode": "deny", "sources": ["192.0.2.9"]}, {}),
    ("TrustList[", {"mode": "allow", "sources": ["127.0.0.1"]},
     {"Enable": True, "Type": "BannedList", "BannedList": ["192.0.2.4"]}),
    ("TrustList[0]", {"mode": "allow", "sources": ["127.0.0.1"]},
     {"Enable": False, "Type": "TrustList", "TrustList": ["192.0.2.4"]}),
    ("TrustList[1]", {"mode": "allow", "sources": ["127.0.0.1"]},
     {"Enable": True, "Type": "TrustList", "TrustList": ["127.0.0.0/8"]}),
])  # fmt: skip
def test_h41_a_list_that_the_device_did_not_take_shuts_nobody_out(
    dropped: str, design: dict[str, Any], held: dict[str, Any]
) -> None:
    """The device says OK to each key, and passes over some (fact sheet: OK does not prove effect)."""
    with rig(tables={"AccessFilter": held} if held else {}) as run:
        before, take = dict(run.device.tables["AccessFilter"]), run.device.configure
        run.device.configure = lambda pairs: take([pair for pair in pairs if dropped not in pair[0]])
        result = run.harden({"access": design})
        assert result["outcomes"]["access.mode"]["outcome"] != "changed" and result["error"] is None
        table = run.device.tables["AccessFilter"]
        assert table["Enable"] is before["Enable"]
        assert not held.get("Enable") or table["Type"] == before["Type"]
        assert run.read()["login"] == "current"


# -- time --------------------------------------------------------------------------------------------------------------
def test_the_clock_is_local_time_and_summer_time_is_seen() -> None:
    with rig(tables={"NTP": {"TimeZone": 14}}) as run:
        assert abs(run.readings()["time.skew_seconds"]["value"]) < 5
    with rig(tables={"NTP": {"TimeZone": 14}, "Locales": {"DSTEnable": True}}) as run:
        zone = run.readings()["time.zone"]["value"]
        result = run.harden({"time": {"zone": "Asia/Tokyo"}})
        assert zone not in ("JST-9", "<+09>-9") and result["outcomes"]["time.zone"]["outcome"] == "changed"
        assert run.device.tables["Locales"]["DSTEnable"] is False
    with rig() as run:
        plan = run.plan({"time": {"zone": "Europe/Berlin"}})
        assert plan["outcomes"]["time.zone"]["outcome"] == "refused"


# -- RPC2 --------------------------------------------------------------------------------------------------------------
def test_rpc2_logs_in_without_sending_the_password_and_never_by_a_weaker_form() -> None:
    with rig("dahua-nvr") as run:
        transport = Transport(Target("dev", run.device.address, run.device.ports["http"], "http"))
        rpc = Rpc(transport)
        rpc.login(Credential(*run.login))
        assert rpc.call("configManager.getConfig", {"name": "General"})["table"]["MachineName"] == "NVR"
        with pytest.raises((Unsupported, Refused)):
            rpc.call("configManager.getConfig", {"name": "Nothing"})
        rpc.logout()
        with pytest.raises(NwcsError):
            rpc.call("configManager.getConfig", {"name": "General"})
        with pytest.raises(LoginRefused):
            Rpc(transport).login(Credential("admin", "Wr0ng-Secret-77"))
        run.fault("H24-plain")
        with pytest.raises(Refused) as caught:
            Rpc(transport).login(Credential(*run.login))
        assert "weaker" in caught.value.message and run.login[1] not in str(caught.value)


# -- a recorder --------------------------------------------------------------------------------------------------------
def test_a_recorder_is_told_the_new_login_of_a_camera_and_tells_whether_it_records() -> None:
    cameras = [{"name": "cam-entrance", "model": "dahua-camera"}]
    nvr = {"name": "dev", "model": "dahua-nvr", "overrides": {"pull_seconds": 0.2}}
    with running_lab([nvr, *cameras]) as lab:
        run = Rig(lab, ROW)
        camera = lab.device("cam-entrance")
        lab.wait(lambda: run.device.channels[0]["state"] == "Active")
        before = run.readings()
        assert before['recording.jobs."channel-1".state']["value"] == "active"
        assert before['recording.jobs."channel-2".state']["value"] == "error"  # not in this site
        lab.call(lambda: camera.users.force("admin", SECRET, "admin"))
        lab.wait(lambda: run.device.channels[0]["state"] == "Error")
        assert run.readings()["recording.state"]["value"] == "error"
        with opened(run) as ctx:
            driver = DahuaDriver()
            assert driver.tell_camera_login(ctx, "192.0.2.99", "admin", SECRET) is None
            assert driver.tell_camera_login(ctx, camera.address, "admin", SECRET) == ["channel-1"]
            assert SECRET not in repr(ctx.notes) + repr(lab.log("dev"))
            assert any("plain HTTP" in note for note in ctx.notes)
        lab.wait(lambda: run.device.channels[0]["state"] == "Active")
        assert run.readings()['recording.jobs."channel-1".state']["value"] == "active"
        assert SECRET not in json.dumps(run.read())


@pytest.mark.parametrize("refused", [False, True])
def test_h21_a_login_that_rpc2_refuses_costs_one_question_and_is_told(
    refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if refused:
        real = dahua_rpc.answer_hash
        monkeypatch.setattr(dahua_rpc, "answer_hash", lambda user, _password, *more: real(user, "another", *more))
    untold = [f"LogicDeviceManager.{method}" for method in ("getCameraState", "getCameraAll")]
    with rig("dahua-nvr", without_calls=untold) as run:
        with Session(run.spec()) as session:
            found = [reading.fetch(session), reading.fetch(session, ["cameras", "UPnP"])]
            logins = list(session.logins)
        assert all(isinstance(trees["UPnP"], dict) for trees in found)
        assert all(isinstance(trees["cameras"], Refused if refused else dict) for trees in found)
        assert run.logins("refused") == int(refused)
        told = [line for line in logins if line["refused"]]
        assert [(line["username"], line["label"]) for line in told] == [("admin@rpc2", "current")] * refused
        assert "another" not in repr(logins) and run.login[1] not in repr(logins)


@pytest.mark.parametrize(("username", "requests"), [("admin", 1), ("other", 1)])
def test_a_camera_never_sees_half_of_a_new_login(username: str, requests: int) -> None:
    channels = [{"camera": "cam", "address": "192.0.2.9", "http": 80, "rtsp": 554, "https": 443, "username": "admin"}]
    for one_key, wanted in ((False, requests), (True, requests if username == "admin" else 3)):
        with rig("dahua-nvr", channels=channels, one_key=["RemoteDevice"] if one_key else []) as run:
            with opened(run) as ctx:
                assert DahuaDriver().tell_camera_login(ctx, "192.0.2.9", username, SECRET) == ["channel-1"]
            assert len(run.writes()) == wanted
            entry = run.device.entry(run.device.channels[0])
            assert (entry["UserName"], entry["Password"]) == (username, SECRET)


def test_of_two_cameras_at_one_address_the_one_that_is_meant_is_told() -> None:
    row = {"address": "192.0.2.9", "rtsp": 554, "https": 443, "username": "admin", "password": "Old-Login-1"}
    channels = [{"camera": f"cam-{port}", "http": port, **row} for port in (8001, 8002)]
    with rig("dahua-nvr", channels=channels) as run, opened(run) as ctx:
        with pytest.raises(Unsupported, match="several cameras"):
            DahuaDriver().tell_camera_login(ctx, "192.0.2.9", "admin", SECRET)
        assert run.writes() == []
        assert DahuaDriver().tell_camera_login(ctx, "192.0.2.9", "admin", SECRET, 8002) == ["channel-2"]
        assert [run.device.entry(one)["Password"] for one in run.device.channels] == ["Old-Login-1", SECRET]


def test_a_recorder_that_ignores_a_new_password_is_found_out_by_its_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "RECORDING_SECONDS", 0.5)
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.1)
    nvr = {"name": "dev", "model": "dahua-nvr", "overrides": {"pull_seconds": 0.2}}
    with running_lab([nvr, {"name": "cam-entrance", "model": "dahua-camera"}]) as lab:
        run, camera = Rig(lab, ROW), lab.device("cam-entrance")
        lab.call(lambda: camera.users.force("admin", SECRET, "admin"))
        lab.wait(lambda: run.device.channels[0]["state"] == "Error")
        run.fault("H01")
        login = {"address": camera.address, "username": "admin", "password": SECRET}
        line = jobs.tell(run.spec(), [login])["told"][0]
        assert not line["done"] and "does not come in with it" in line["why"]


def test_a_camera_has_no_way_to_be_told_of_a_camera() -> None:
    with rig() as run, opened(run) as ctx, pytest.raises(Unsupported):
        DahuaDriver().tell_camera_login(ctx, "192.0.2.9", "admin", SECRET)


def test_a_recorder_that_says_ok_and_keeps_the_old_name_is_not_believed() -> None:
    channels = [{"camera": "cam", "address": "192.0.2.9", "http": 80, "rtsp": 554, "https": 443, "username": "old"}]
    with rig("dahua-nvr", "H01", channels=channels) as run, opened(run) as ctx, pytest.raises(Refused):
        DahuaDriver().tell_camera_login(ctx, "192.0.2.9", "new", SECRET)


# -- reading and proving -----------------------------------------------------------------------------------------------
def test_a_value_that_reads_back_otherwise_is_never_ok() -> None:
    with rig("dahua-camera", "H13") as run:
        result = run.harden({"auth": {"lockout_attempts": 25}})
        line = result["outcomes"]["auth.lockout_attempts"]
        held = run.device.tables["General"]["LockLoginTimes"]
        assert (line["outcome"] == "changed") is (held == 25)


def test_every_switch_is_written_alone_in_its_request() -> None:
    with rig("dahua-camera-old") as run:
        run.harden({"services": {"multicast": {"enabled": False}}})
        assert run.device.tables["Multicast"]["DHII"][0]["Enable"] is False
        assert len(run.writes()) == 1
        job = jobs.run({"what": "read", "spec": run.spec()})
        assert job["snapshot"]["readings"]["services.multicast.enabled"]["value"] is False


def test_a_filter_whose_list_cannot_be_written_is_not_switched_on() -> None:
    with rig() as run:
        result = run.harden({"access": {"mode": "allow", "sources": ["192.0.2.0/24"]}})
        line = result["outcomes"]["access.sources"]
        assert line["outcome"] == "refused" and "single addresses" in line["why"]
        assert run.device.tables["AccessFilter"]["Enable"] is False
        assert result["outcomes"]["access.mode"]["outcome"] in ("guarded", "refused")
        assert run.read()["login"] == "current"

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nwcs_snapshots import HOSTILE, snapshot, unknown, value

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT
from ansible_collections.nwcs.hardening.plugins.module_utils.design import Want
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import drift, sheet

TELNET = ("services", "telnet", "enabled")


def recorded(**changes):
    return sheet.record(None, snapshot(**changes), site="demo")[0]


def test_sheet_holds_factory_and_baseline_and_comes_back(tmp_path):
    made = recorded()
    path = sheet.save(str(tmp_path), made)
    assert path == str(tmp_path / "demo" / "cam-01.yml")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
    assert sheet.load(str(tmp_path), "demo", "cam-01") == made
    assert made["factory"]["origin"] == "factory"
    assert made["recorded"]["settings"]["services.telnet.enabled"] is False
    assert made["recorded"]["volatile"] == {"time.skew_seconds": 0}


def test_no_sheet_is_none_and_an_empty_file_is_an_error(tmp_path):
    assert sheet.load(str(tmp_path), "demo", "cam-01") is None
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "cam-01.yml").write_text("")
    with pytest.raises(InputError, match=r"cam-01\.yml"):
        sheet.load(str(tmp_path), "demo", "cam-01")


@pytest.mark.parametrize("factory_new", [False, None])
def test_origin_is_unknown_unless_the_device_was_factory_new(factory_new):
    assert recorded(factory_new=factory_new)["factory"]["origin"] == "unknown"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_device_stays_in_its_folder_and_comes_back(tmp_path, name):
    folder = tmp_path / "sheets"
    made, _none = sheet.record(
        None,
        snapshot(
            device=sheet.clean(name),
            readings={"identity.name": value(name), settings.key_text(("accounts", name, "role")): value("viewer")},
        ),
        site=sheet.clean(name),
    )
    path = sheet.save(str(folder), made)
    assert os.path.realpath(path).startswith(str(folder) + os.sep)
    assert os.path.relpath(path, folder).count(os.sep) == 1
    again = sheet.load(str(folder), made["site"], made["device"])
    assert again == made
    now = snapshot(
        device=sheet.clean(name),
        readings={"identity.name": value(name), settings.key_text(("accounts", name, "role")): value("viewer")},
    )
    assert [f for f in drift.findings(again, now) if drift.is_drift(f)] == []


@given(
    st.dictionaries(st.text(min_size=1), st.sampled_from(["administrator", "viewer"]), max_size=4),
    st.text(),
    st.lists(st.text(), max_size=3),
)
def test_any_text_survives_the_file_and_is_no_drift(tmp_path_factory, accounts, name, servers):
    readings = {settings.key_text(("accounts", account, "role")): value(role) for account, role in accounts.items()}
    readings |= {"identity.name": value(name), "log.remote": value(servers)}
    now = snapshot(readings=readings)
    folder = str(tmp_path_factory.mktemp("sheets"))
    sheet.save(folder, sheet.record(None, now, site="demo")[0])
    again = sheet.load(folder, "demo", "cam-01")
    assert all(f["explained"] or drift.is_not_checked(f) for f in drift.findings(again, now))


def test_a_secret_is_never_in_a_sheet(tmp_path):
    made = recorded(readings={'accounts."admin".password': value("Rec0gnisable")})
    path = sheet.save(str(tmp_path), made)
    assert "Rec0gnisable" not in open(path).read()
    assert made["recorded"]["without_value"]['accounts."admin".password'] == {"state": "write_only"}


def test_recording_again_keeps_the_baseline_and_says_what_differs():
    first = recorded()
    before = copy.deepcopy(first["recorded"])
    intruded = snapshot(readings={'accounts."support".role': value("administrator")})
    again, found = sheet.record(first, intruded, job="record")
    assert [f["kind"] for f in found] == ["account_appeared"]
    assert again["recorded"] == before
    assert 'accounts."support".role' in again["observed"]["settings"]
    accepted, found = sheet.record(again, intruded, accept=True)
    assert found == [] and accepted["observed"] is None
    assert 'accounts."support".role' in accepted["recorded"]["settings"]


def test_recording_the_same_again_leaves_the_sheet_as_it_was():
    first = recorded()
    before = copy.deepcopy(first)
    later = snapshot(at="2026-12-01T00:00:00Z", readings={"time.skew_seconds": value(3)})
    again, found = sheet.record(first, later)
    assert found == [] and again == before


def test_hardening_takes_over_what_it_proved_and_nothing_else():
    first = recorded(readings={"services.telnet.enabled": value(True), "services.telnet.open": value(True)})
    now = snapshot(readings={'accounts."support".role': value("administrator")})
    again, found = sheet.record(first, now, job="harden", proven=["services.telnet.enabled"])
    assert again["recorded"]["settings"]["services.telnet.enabled"] is False
    assert again["recorded"]["settings"]["services.telnet.open"] is False
    assert [f["kind"] for f in found] == ["account_appeared"]
    assert 'accounts."support".role' not in again["recorded"]["settings"]


def test_an_account_that_was_removed_on_purpose_leaves_the_baseline():
    role = 'accounts."guest".role'
    first = recorded(readings={role: value("viewer"), 'accounts."guest".enabled': value(True)})
    again, found = sheet.record(first, snapshot(), job="harden", proven=[role])
    assert found == [] and role not in again["recorded"]["settings"]


def test_pending_is_old_until_the_restart_and_baseline_after_it():
    on = {"services.telnet.enabled": value(True), "services.telnet.open": value(True)}
    made, _none = sheet.record(None, snapshot(readings=on), site="demo", pending={"services.telnet.enabled": False})
    waiting = drift.findings(made, snapshot(readings=on))
    assert [(f["kind"], f["explained"]) for f in waiting] == [("pending", "pending")]
    assert drift.findings(made, snapshot()) == []
    third = snapshot(readings={"services.telnet.enabled": value(True), "services.telnet.open": value(False)})
    assert {f["kind"] for f in drift.findings(made, third)} >= {"socket_closed_though_on"}
    after, found = sheet.record(made, snapshot())
    assert found == [] and after["pending"] == {}
    assert after["recorded"]["settings"]["services.telnet.enabled"] is False


def test_deviations_are_wanted_against_recorded():
    wanted = {
        TELNET: Want(True, origin="profile a"),
        ("network", "dns_servers"): Want(["10.0.0.1", "10.0.0.2"]),
        ("accounts", "guest", "role"): Want(ABSENT),
        ("accounts", "ops", "role"): Want("viewer"),
        ("log", "remote"): Want(["10.0.0.5"]),
        ("ddns", "enabled"): Want(False),
    }
    made, _none = sheet.record(None, snapshot(), wanted=wanted)
    assert {d["key"]: d["why"] for d in made["deviations"]} == {
        "services.telnet.enabled": "changed",
        'accounts."ops".role': "missing",
        "log.remote": "unsupported: no such operation",
    }
    assert made["wanted"]["services.telnet.enabled"] == {"value": True, "origin": "profile a"}
    assert made["wanted"]['accounts."guest".role'] == {"absent": True}
    assert sheet.wants(made) == wanted


def test_first_contact_has_no_baseline():
    made = sheet.first_contact(snapshot(), "demo")
    assert made["recorded"] is None
    assert [f["kind"] for f in drift.findings(made, snapshot())] == ["no_baseline"]


def test_two_devices_never_share_a_file(tmp_path):
    path = sheet.save(str(tmp_path), recorded(device="cam-01"))
    os.rename(path, str(tmp_path / "demo" / "CAM-01.yml"))  # what a drive without upper and lower case would show
    with pytest.raises(StateError, match="another device"):
        sheet.save(str(tmp_path), recorded(device="CAM-01"))
    with pytest.raises(InputError, match="belongs to"):
        sheet.load(str(tmp_path), "demo", "CAM-01")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.update(schema=2), "schema"),
        (lambda data: data["recorded"].update(settings=[]), r"recorded\.settings"),
        (lambda data: data["recorded"]["settings"].update({"ddns.enabled": "banana"}), r"ddns\.enabled"),
        (lambda data: data["recorded"]["settings"].update({'accounts."open': 1}), "quotes"),
        (lambda data: data["recorded"]["without_value"].update({"ddns.enabled": {"state": "fine"}}), r"ddns\.enabled"),
        (lambda data: data.update(wanted={"ddns.enabled": False}), r"wanted\.ddns\.enabled"),
        (lambda data: data["recorded"]["documents"].update(net="x"), "documents"),
    ],
)
def test_a_damaged_sheet_names_file_and_key(tmp_path, change, words):
    made = recorded()
    change(made)
    sheet.save(str(tmp_path), made)
    with pytest.raises(InputError, match=words) as error:
        sheet.load(str(tmp_path), "demo", "cam-01")
    assert "cam-01.yml" in str(error.value)


def test_simulated_is_said_at_the_top(tmp_path):
    made, _none = sheet.record(None, snapshot(), site="demo", simulated=True)
    assert "SIMULATED" in open(sheet.save(str(tmp_path), made)).read().splitlines()[1]
    assert "SIMULATED" not in open(sheet.save(str(tmp_path), recorded())).read()


def test_unknown_stays_unknown_in_a_sheet():
    made = recorded(readings={"video.authentication": unknown("unreadable", "HTTP 500")})
    assert made["recorded"]["without_value"]["video.authentication"] == {"state": "unreadable", "why": "HTTP 500"}
    assert "video.authentication" not in made["recorded"]["settings"]

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated ISAPI devices over real sockets: documents, what a write must be, faults, recorder."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import datetime
from xml.etree import ElementTree

import pytest
from isapi_lab_box import CAMERA, OLD, RECORDER, ask, change, get, one, put, row, said, user, word

from ansible_collections.nwcs.hardening.lab.control import inventory
from ansible_collections.nwcs.hardening.lab.site import model_names
from ansible_collections.nwcs.hardening.lab.testing import is_open, running_lab

pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
MODELS = [name for name in model_names() if name.startswith("isapi-")]
ACTIVE = [name for name in MODELS if name != "isapi-factory"]
TIME = "System/time"
ACCESS = "Security/adminAccesses"
FILTER = "System/Network/ipFilter"


# -- documents ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", ACTIVE)
def test_every_document_reads_and_a_write_of_what_was_read_changes_nothing(model: str) -> None:
    with one(model) as (_lab, device):
        login = device.bootstrap_login
        before = dict(device.documents)
        for path in before:
            xml = get(device, path, login)
            ElementTree.fromstring(xml)
            assert put(device, path, xml, login=login) == (200, "ok"), path
        assert device.documents == before


def test_namespaces_are_mixed_and_a_write_without_them_is_refused() -> None:
    with one() as (_lab, device):
        text = get(device, "ContentMgmt/Storage")
        assert "ver20/XMLSchema" in text and "ver10/XMLSchema" in text
        assert "www.isapi.org" in get(device, "System/Network/ssh") and "www.hikvision.com" in get(device, TIME)
        own = ' xmlns="http://www.hikvision.com/ver20/XMLSchema"'
        assert change(device, TIME, own, "") == (400, "badXmlFormat")
        assert change(device, TIME, "ver20", "ver10") == (400, "badXmlFormat")
    with one(OLD) as (_lab, device):
        assert change(device, TIME, ' xmlns="http://www.isapi.org/ver20/XMLSchema"', "") == (200, "ok")
        assert 'xmlns="http://www.isapi.org/ver20/XMLSchema"' in get(device, TIME)


@pytest.mark.parametrize(
    ("path", "old", "new", "sub"),
    [
        (TIME, "<timeMode>manual</timeMode>\n", "", "badXmlContent"),
        (TIME, "<timeMode>manual</timeMode>", "<timeMode>sundial</timeMode>", "badXmlContent"),
        (TIME, "CST-8:00:00", "Asia/Tokyo", "badXmlContent"),
        (TIME, "</Time>", "<extra>1</extra></Time>", "badXmlContent"),
        (TIME, "</Time>", "", "badXmlFormat"),
        (TIME, "<Time ", "<!DOCTYPE x><Time ", "badXmlFormat"),
        ("Security/illegalLoginLock", "Times>7<", "Times>2<", "badXmlContent"),
        ("Security/illegalLoginLock", "<enabled>true", "<enabled>banana", "badXmlContent"),
        ("Security/illegalLoginLock", "LockTime>30<", "LockTime>121<", "badXmlContent"),
        ("System/time/ntpServers", "Interval>1440<", "Interval>10081<", "badXmlContent"),
        ("System/time/ntpServers", "Type>hostname<", "Type>ipaddress<", "badXmlContent"),
        ("System/time/ntpServers", "</NTPServer>", "</NTPServer><NTPServer><id>2</id></NTPServer>", "badXmlContent"),
        (ACCESS, "<protocol>Bonjour</protocol>", "<protocol>Bonjour</protocol><portNo>5353</portNo>", "badXmlContent"),
        (ACCESS, "<id>10</id>", "<id>11</id>", "badXmlContent"),
        (ACCESS, "<portNo>8000</portNo>", "<portNo>8554</portNo>", "portError"),
        (ACCESS, "<portNo>8000</portNo>", "<portNo>70000</portNo>", "badXmlContent"),
        ("System/Network/Ehome", "<enabled>false</enabled>", "<enabled>true</enabled><x/>", "badXmlContent"),
    ],
)  # fmt: skip
def test_what_is_missing_unknown_or_out_of_range_is_refused_and_changes_nothing(
    path: str, old: str, new: str, sub: str
) -> None:
    with one() as (_lab, device):
        before = dict(device.documents)
        assert change(device, path, old, new) == (400, sub)
        assert device.documents == before


def test_children_in_another_order_are_refused() -> None:
    with one() as (_lab, device):
        swapped = "<portNo>514</portNo>\n<uploadInterval>60</uploadInterval>"
        there = "<uploadInterval>60</uploadInterval>\n<portNo>514</portNo>"
        assert change(device, "System/logServer", swapped, there) == (400, "badXmlContent")
        assert change(device, "System/logServer", "<portNo>514<", "<portNo>6514<") == (200, "ok")
        assert device.value("System/logServer", "portNo") == "6514"


def test_a_part_of_a_document_is_read_and_written_by_its_own_path() -> None:
    with one() as (_lab, device):
        assert word(get(device, f"{ACCESS}/2"), "protocol") == "HTTPS"
        assert "<NetworkInterface " not in get(device, "System/Network/interfaces/1/ipAddress")
        assert change(device, "System/Network/DDNS/1", "<enabled>true", "<enabled>false") == (200, "ok")
        assert device.rows("System/Network/DDNS", "DDNS")[0]["enabled"] == "false"
        assert said(ask(device, "GET", f"{ACCESS}/77")) == (400, "invalidID")
        tamper = "System/Video/inputs/channels/1/tamperDetection"
        assert change(device, tamper, "<enabled>false", "<enabled>true") == (200, "ok")


def test_values_that_cannot_be_read_back_are_kept_and_not_shown() -> None:
    with one() as (_lab, device):
        key = "<protocolVersion>v5.0</protocolVersion>\n</Ehome>"
        assert change(device, "System/Network/Ehome", key, key.replace("</E", "<key>Planted-6204</key></E")) == (
            200,
            "ok",
        )
        assert "Planted" not in get(device, "System/Network/Ehome") and "Planted" not in str(device.public_state())
        assert device.secrets == {"System/Network/Ehome|key": "Planted-6204"}


def test_what_a_device_lacks_is_refused_in_more_than_one_way() -> None:
    with one() as (_lab, device):
        assert said(ask(device, "GET", "System/Network/telnetd")) == (403, "notSupport")
        assert said(ask(device, "GET", "Event/triggers/scenechangedetection-1")) == (503, "deviceBusy")
        assert "<statusString>Device Busy<" in ask(device, "GET", "Event/triggers/nope").text
        assert ask(device, "GET", "System/time?format=json").json()["errorCode"] == 1073741825
        assert said(ask(device, "DELETE", TIME)) == (405, "methodNotAllowed")
        assert ask(device, "GET", "/doc/page").status_code == 404
    with one(OLD) as (_lab, device):
        found = {path: ask(device, "GET", path).status_code for path in device.model["absent"]}
        assert found == device.model["absent"] and set(found.values()) == {400, 403, 404}
        assert said(ask(device, "GET", "Nope/at/all")) == (404, "notSupport")


def test_capabilities_follow_what_there_is_and_may_be_inverted() -> None:
    with one() as (lab, device):
        text = get(device, "System/capabilities")
        assert word(text, "isSupportIPFilter") == "true" and word(text, "isSupportMACFilter") == "false"
        assert 'min="3" max="20"' in get(device, "Security/illegalLoginLock/capabilities")
        assert "<AddressMask>" in get(device, f"{FILTER}/capabilities") and "<AddressMask>" not in get(device, FILTER)
        lab.fault("dev", "H08")
        assert word(get(device, "System/capabilities"), "isSupportIPFilter") == "false"


def test_time_is_the_devices_own_and_can_be_set() -> None:
    with one() as (_lab, device):
        assert change(device, TIME, "CST-8:00:00", "CST-9:00:00") == (200, "ok")
        local = word(get(device, TIME), "localTime")
        assert local.endswith("+09:00")
        told = datetime.datetime.fromisoformat(local)
        assert abs((told - datetime.datetime.now(datetime.UTC)).total_seconds()) < 3
        body = get(device, TIME).replace(local, "2031-01-01T00:00:00")
        assert put(device, TIME, body) == (200, "ok") and device.now().year == 2030
        assert "<localTime></localTime>" in device.documents[TIME], "the moment itself is never stored"
        assert change(device, TIME, ">manual<", ">NTP<") == (200, "ok") and device.clock_offset == 0.0
        short = '<Time version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema"><timeMode>manual</timeMode>'
        assert put(device, TIME, f"{short}<timeZone>CST-9:00:00</timeZone></Time>") == (200, "ok")
        assert word(get(device, TIME), "localTime")
    with one("isapi-nvr") as (_lab, device):
        assert ask(device, "GET", f"{TIME}/timeZone", login=RECORDER).text == "CST-8:00:00"
        assert put(device, f"{TIME}/timeZone", "CST-9:00:00", login=RECORDER) == (200, "ok")
        assert device.value(TIME, "timeZone") == "CST-9:00:00"
        assert len(word(get(device, TIME, RECORDER), "localTime")) == 19, "a recorder tells no offset"


# -- restarts and faults -----------------------------------------------------------------------------------------------
def test_another_address_waits_for_a_restart() -> None:
    with one() as (lab, device):
        path = "System/Network/interfaces"
        other = device.address.rpartition(".")[0] + ".99"
        assert change(device, path, f"<ipAddress>{device.address}<", f"<ipAddress>{other}<") == (200, "rebootRequired")
        assert other in get(device, path) and device.public_state()["pending"] == [path]
        lab.restart("dev", 0.0)
        assert lab.sockets("dev") == [], "it answers at the other address now"


def test_changes_of_protocols_may_wait_for_a_restart() -> None:
    with one("isapi-camera", "reboot") as (lab, device):
        assert change(device, ACCESS, *row(device, "RTSP")) == (200, "rebootRequired")
        assert is_open(device.address, device.ports["rtsp"])
        assert ask(device, "PUT", "System/reboot").status_code == 200
        lab.wait(lambda: not device.is_down())
        lab.settle()
        assert not is_open(device.address, device.ports["rtsp"])


@pytest.mark.parametrize(("fault", "now", "later"), [("H01", "true", "true"), ("H05", "true", "false"),
                                                     ("H16", "false", "true"), ("", "false", "false")])  # fmt: skip
def test_devices_that_lie_wait_or_forget(fault: str, now: str, later: str) -> None:
    path = "System/Network/UPnP"
    with one("isapi-camera", *filter(None, [fault])) as (lab, device):
        assert change(device, path, "<enabled>true", "<enabled>false") == (200, "ok")
        assert word(get(device, path), "enabled") == now
        lab.restart("dev", 0.0)
        assert word(get(device, path), "enabled") == later


def test_an_account_that_lives_in_memory_only_is_gone_after_a_restart() -> None:
    with one("isapi-camera", "H16") as (lab, device):
        assert said(ask(device, "POST", "Security/users", user("ops", "Secret-1234"))) == (200, "ok")
        assert "<userName>ops<" in get(device, "Security/users")
        lab.restart("dev", 0.0)
        assert "<userName>ops<" not in get(device, "Security/users")


def test_h12_errors_have_a_good_status_and_change_nothing() -> None:
    with one("isapi-camera", "H12") as (_lab, device):
        before = dict(device.documents)
        assert change(device, TIME, ">manual<", ">NTP<") == (200, "badParameters")
        assert said(ask(device, "GET", "Nope/x")) == (200, "notSupport") and device.documents == before


def test_h13_what_is_refused_otherwise_is_accepted_and_not_kept() -> None:
    with one("isapi-camera", "H13") as (_lab, device):
        assert change(device, "Security/illegalLoginLock", "Times>7<", "Times>99<") == (200, "ok")
        assert device.value("Security/illegalLoginLock", "maxIllegalLoginTimes") == "7"


def test_h34_and_h35_names_are_hostile_and_still_xml() -> None:
    with one("isapi-camera", "H34", "H35") as (_lab, device):
        root = ElementTree.fromstring(get(device, "Security/users"))
        names = [found.text or "" for found in root.iter() if found.tag.endswith("userName")]
        assert "</td><script>alert(1)</script>" in names and "admin " in names and "\u0430dmin" in names
        assert "{{ 7*7 }}" in get(device, "System/deviceInfo")
        assert change(device, "System/deviceInfo", "<telecontrolID>88", "<telecontrolID>89") == (200, "ok")


@pytest.mark.parametrize("fault", ["H30-prefix", "H30-bom", "H30-utf8", "H32-nesting", "H32-entities"])
def test_damaged_answers_are_damaged_and_the_write_is_done(fault: str) -> None:
    with one() as (lab, device):
        body = get(device, TIME).replace(">manual<", ">NTP<")
        lab.fault("dev", fault)
        raw = ask(device, "PUT", TIME, body).content
        assert device.value(TIME, "timeMode") == "NTP"
        info = ask(device, "GET", "System/deviceInfo").content
        marks = {
            "H30-prefix": b"<x:extra>" in raw,
            "H30-bom": raw.startswith(b"\xef\xbb\xbf") and b"GB2312" in raw,
            "H30-utf8": b"\xff\xfe" in info,
            "H32-nesting": info.count(b"<x>") == 100_000,
            "H32-entities": b"<!ENTITY" in info and b"file:///" in info,
        }
        assert marks[fault]


def test_h40_https_listens_only_after_a_restart_when_it_was_off() -> None:
    with one() as (lab, device):
        on, off = row(device, "HTTPS")
        assert change(device, ACCESS, on, off) == (200, "ok")
        lab.restart("dev", 0.0)
        lab.fault("dev", "H40")
        assert change(device, ACCESS, off, on) == (200, "ok")
        lab.settle()
        assert not is_open(device.address, device.ports["https"])
        lab.restart("dev", 0.0)
        lab.settle()
        assert is_open(device.address, device.ports["https"])


# -- attacks, the recorder, the inventory ------------------------------------------------------------------------------
@pytest.mark.parametrize("model", ACTIVE)
def test_every_attack_shows_and_stays_over_a_restart(model: str) -> None:
    with running_lab([{"name": "dev", "model": model}]) as lab:
        device = lab.device("dev")
        login = device.bootstrap_login
        assert {"new-account", "rename", "ddns-on", "dns-changed", "service-opened", "cloud-on"} <= set(device.attacks)
        on, off = row(device, "HTTP")
        for name in sorted(device.attacks):
            if name == "open-filter":
                device.edit(FILTER, "enabled", "true")
            before = device.public_state() | {"passwords": [row_["password"] for row_ in device.users.rows]}
            assert lab.attack("dev", name).endswith(".")
            after = device.public_state() | {"passwords": [row_["password"] for row_ in device.users.rows]}
            assert after != before, name
            lab.restart("dev", 0.0)
            assert device.public_state()["documents"] == after["documents"], name
        assert device.users.by_name("support")["userLevel"] == "Administrator"
        assert "backdoor.ddns.example" in device.documents["System/Network/DDNS"] and login
        device.edit(ACCESS, "enabled", "false", device.protocol("HTTP")["id"])
        assert "HTTP" in lab.attack("dev", "service-opened") and device.protocol("HTTP")["enabled"] == "true"
        assert on and off


def test_a_recorder_loses_a_camera_whose_password_changed_and_locks_it() -> None:
    entries = [{"name": "nvr", "model": "isapi-nvr", "overrides": {"pull_seconds": 0.1}},
               {"name": "cam-entrance", "model": "isapi-camera"}, {"name": "cam-corridor", "model": OLD}]  # fmt: skip
    with running_lab(entries) as lab:
        recorder, camera = lab.device("nvr"), lab.device("cam-entrance")
        lab.wait(lambda: all(channel["state"] == "Active" for channel in recorder.channels))
        path = "ContentMgmt/InputProxy/channels"
        assert get(recorder, f"{path}/status", RECORDER).count("<online>true<") == 2
        body = "<User><id>1</id><userName>admin</userName><password>Other-12345</password></User>"
        assert put(camera, "Security/users/1", body) == (200, "ok")
        lab.wait(lambda: recorder.channels[0]["state"] == "Error")
        text = get(recorder, f"{path}/1/status", RECORDER)
        assert word(text, "online") == "false" and word(text, "PasswordStatus") == "invalid"
        lab.wait(lambda: lab.locked("cam-entrance"))
        assert lab.locked("cam-entrance") == {recorder.address: pytest.approx(1800, abs=30)}, "our own address is not"
        assert ask(camera, "GET", TIME, login=("admin", "Other-12345")).status_code == 200
        lab.call(camera.lock.forget)
        told = get(recorder, f"{path}/1", RECORDER)
        assert "Camera-12345" not in told
        told = told.replace("</streamType>", "</streamType><password>Other-12345</password>")
        # While the recorder still tries the old one it may lock the camera again.
        assert put(recorder, f"{path}/1", told, login=RECORDER) == (200, "ok")
        lab.call(camera.lock.forget)
        lab.wait(lambda: recorder.channels[0]["state"] == "Active")
        assert "Other-12345" not in str(recorder.public_state())
        assert put(recorder, f"{path}/1", told.replace("<srcInputPort>1</srcInputPort>", ""), login=RECORDER) == (
            400, "badXmlContent",
        )  # fmt: skip


def test_factory_reset_wants_activation_again() -> None:
    with one() as (lab, device):
        assert change(device, "System/Network/UPnP", "<enabled>true", "<enabled>false") == (200, "ok")
        assert said(ask(device, "PUT", "System/factoryReset")) == (400, "badParameters")
        assert said(ask(device, "PUT", "System/factoryReset?mode=basic")) == (200, "ok")
        lab.wait(lambda: not device.is_down())
        lab.settle()
        assert word(get(device, "System/Network/UPnP"), "enabled") == "false"
        assert said(ask(device, "PUT", "System/factoryReset?mode=full")) == (200, "ok")
        lab.wait(lambda: not device.is_down())
        lab.settle()
        assert said(ask(device, "GET", TIME)) == (403, "notActivated")
        assert word(ask(device, "GET", "/SDK/activateStatus", login=None).text, "Activated") == "false"


def test_the_configuration_is_given_under_a_key_only() -> None:
    with one() as (_lab, device):
        assert said(ask(device, "GET", "System/configurationData")) == (400, "badParameters")
        answer = ask(device, "GET", "System/configurationData?secretkey=abc123")
        assert answer.status_code == 200 and answer.headers["content-type"] == "application/octet-stream"
        assert "secretkey" not in str(device.log)


def test_inventory_and_status_name_no_secret_but_the_factory_login() -> None:
    with running_lab([{"name": name, "model": name} for name in MODELS]) as lab:
        made = str(inventory(lab.site))
        for name in MODELS:
            device = lab.device(name)
            shown = str(device.public_state())
            assert "12345" not in shown and name in made
            assert device.bootstrap_login == {"isapi-factory": None, "isapi-nvr": RECORDER}.get(name, CAMERA)

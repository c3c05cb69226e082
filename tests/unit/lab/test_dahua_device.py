# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated Dahua devices over real sockets: clients that are not ours, sockets, filter, recorder."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import datetime
import hashlib
import json
import time

import pytest
import requests
from onvif_raw import PATH, envelope
from requests.auth import HTTPBasicAuth, HTTPDigestAuth

from ansible_collections.nwcs.hardening.lab.control import inventory
from ansible_collections.nwcs.hardening.lab.site import model_names
from ansible_collections.nwcs.hardening.lab.testing import is_open, running_lab

MODELS = [name for name in model_names() if name.startswith("dahua-")]
ADMIN = ("admin", "Factory-1234")
OLD_ADMIN = ("admin", "admin")


def get(device, path: str, login=ADMIN, scheme: str = "http", auth=HTTPDigestAuth, **options) -> requests.Response:
    url = f"{scheme}://{device.address}:{device.ports[scheme]}/cgi-bin/{path}"
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, auth=login and auth(*login), timeout=5, **options)


def read(device, name: str, login=ADMIN) -> dict[str, str]:
    answer = get(device, f"configManager.cgi?action=getConfig&name={name}", login)
    assert answer.status_code == 200, answer.text
    return dict(line.split("=", 1) for line in answer.text.split("\r\n") if line)


def write(device, keys: str, login=ADMIN) -> requests.Response:
    return get(device, f"configManager.cgi?action=setConfig&{keys}", login)


class Web:
    """The JSON login as the web pages do it."""

    def __init__(self, device, login=ADMIN) -> None:
        self.base, self.session_id, self.number = f"http://{device.address}:{device.ports['http']}", None, 0
        self.http = requests.Session()
        self.http.trust_env = False
        user, password = login
        first = self.call("global.login", {"userName": user, "password": "", "clientType": "Web3.0"}, "/RPC2_Login")
        self.challenge = first
        if "params" not in first:
            self.answer = first
            return
        self.session_id = first["session"]
        realm, random = first["params"]["realm"], first["params"]["random"]

        def md5(*parts: str) -> str:
            return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest().upper()

        proof = md5(user, random, md5(user, realm, password))
        more = {"clientType": "Web3.0", "authorityType": "Default", "passwordType": "Default", "loginType": "Direct"}
        self.answer = self.call("global.login", {"userName": user, "password": proof} | more, "/RPC2_Login")
        self.session_id = self.answer["session"]

    def call(self, method: str, params=None, path: str = "/RPC2"):
        self.number += 1
        body = {"method": method, "id": self.number, "params": params}
        if self.session_id is not None:
            body["session"] = self.session_id
        return self.http.post(self.base + path, json=body, timeout=5).json()


@pytest.fixture
def camera():
    with running_lab([{"name": "cam", "model": "dahua-camera"}]) as lab:
        yield lab.device("cam")


@pytest.fixture
def old():
    with running_lab([{"name": "cam", "model": "dahua-camera-old"}]) as lab:
        yield lab.device("cam")


def test_every_model_answers_its_bootstrap_login() -> None:
    with running_lab(list(MODELS)) as lab:
        assert len(lab.devices) == 3
        for device in lab.devices:
            answer = get(device, "magicBox.cgi?action=getDeviceType", device.bootstrap_login)
            assert answer.text == f"type={device.identity['type']}\r\n" and device.model["character"]
            assert get(device, "magicBox.cgi?action=getDeviceType", None).status_code == 401


# -- reading and writing tables ----------------------------------------------------------------------------------------
def test_a_table_is_read_with_the_prefix_and_written_without(camera) -> None:
    assert read(camera, "General")["table.General.MachineName"] == "IPC"
    assert read(camera, "UPnP.MapTable[1].InnerPort") == {"table.UPnP.MapTable[1].InnerPort": "554"}
    assert write(camera, "General.MachineName=Gate%207&NTP.Enable=true").text == "OK\r\n"
    assert read(camera, "General")["table.General.MachineName"] == "Gate 7" and camera.value("NTP.Enable") is True
    assert write(camera, "table.General.MachineName=x").text == "OK\r\n", "it says OK and stores nothing"
    assert camera.value("General.MachineName") == "Gate 7"


def test_what_a_table_cannot_hold_is_an_error_and_nothing_of_the_request_is_stored(camera) -> None:
    answer = write(camera, "General.MachineName=x&General.LockLoginTimes=banana")
    assert (answer.status_code, answer.text) == (400, "Error\r\nBad Request!\r\n")
    assert write(camera, "AccessFilter.Type=Sometimes").status_code == 400
    assert write(camera, "General.LockLoginTimes=99").status_code == 400
    assert write(camera, "UPnP.Enable=maybe").status_code == 400
    assert camera.value("General.MachineName") == "IPC" and camera.value("UPnP.Enable") is True


def test_ok_proves_nothing_for_a_key_that_nobody_knows(camera) -> None:
    before = json.dumps(camera.tables)
    assert write(camera, "Telnet.Enable=false").text == write(camera, "General.Nonsense=1").text == "OK\r\n"
    assert json.dumps(camera.tables) == before
    missing = get(camera, "configManager.cgi?action=getConfig&name=Telnet")
    assert (missing.status_code, missing.text) == (400, "Error\r\nBad Request!\r\n")
    leaf = get(camera, "configManager.cgi?action=getConfig&name=General.Nonsense")
    assert leaf.text.startswith("Error: Error -1 getting param in name=General.Nonsense")


def test_lists_grow_by_their_next_place_only(camera) -> None:
    assert write(camera, "AccessFilter.TrustList[0]=192.0.2.1&AccessFilter.TrustList[1]=192.0.2.2").text == "OK\r\n"
    assert write(camera, "AccessFilter.TrustList[7]=192.0.2.9").text == "OK\r\n"
    assert camera.value("AccessFilter.TrustList") == ["192.0.2.1", "192.0.2.2"]
    assert write(camera, "Network.eth0.DnsServers[2]=192.0.2.9").text == "OK\r\n"
    assert len(camera.value("Network.eth0.DnsServers")) == 2


def test_the_backup_is_json_of_all_tables(camera) -> None:
    assert json.loads(get(camera, "Config.backup?action=All").text) == camera.tables
    assert get(camera, "Config.backup?action=All", ("viewer", "viewer-1234")).status_code == 403


def test_the_old_camera_takes_some_tables_one_key_at_a_time(old) -> None:
    assert write(old, "NTP.Enable=true&NTP.TimeZone=14", OLD_ADMIN).status_code == 400
    assert old.value("NTP.Enable") is False
    assert write(old, "NTP.TimeZone=14", OLD_ADMIN).text == "OK\r\n" and old.value("NTP.TimeZone") == 14
    assert write(old, "SSHD.Enable=false", OLD_ADMIN).status_code == 400, "here an unknown key is told"


def test_a_recorder_tells_absent_and_denied_alike_and_has_tables_nobody_can_write() -> None:
    with running_lab([{"name": "nvr", "model": "dahua-nvr"}]) as lab:
        nvr = lab.device("nvr")
        answer = get(nvr, "configManager.cgi?action=getConfig&name=Telnet")
        assert (answer.status_code, answer.text) == (403, "Authority:check failure.\r\n")
        assert write(nvr, "SNMP.Enable=true").status_code == 501
        assert read(nvr, "T2UServer")["table.T2UServer[0].Enable"] == "true"
        lab.attack("nvr", "cloud-on")


def test_a_table_goes_back_to_what_the_factory_gave(camera) -> None:
    write(camera, "UPnP.Enable=false&General.MachineName=gate-7")
    assert get(camera, "configManager.cgi?action=restore&names[0]=UPnP").text == "OK\r\n"
    assert camera.value("UPnP.Enable") is True and camera.value("General.MachineName") == "gate-7"
    answer = get(camera, "configManager.cgi?action=restoreExcept&names[0]=Network")
    assert answer.status_code == 400, "it says so although it has worked"
    assert camera.value("General.MachineName") == "IPC" and camera.boots == 1


def test_the_inventory_names_the_family_and_the_role() -> None:
    with running_lab(["dahua-camera", "dahua-nvr"]) as lab:
        groups = inventory(lab.site)["all"]["children"]
        hosts = {group: next(iter(content["hosts"].values())) for group, content in groups.items()}
        assert sorted(hosts) == ["cameras", "recorders"]
        assert [host["nwcs_family"] for host in hosts.values()] == ["dahua", "dahua"]
        assert hosts["cameras"]["nwcs_password"] == ADMIN[1]


# -- logins ------------------------------------------------------------------------------------------------------------
def test_digest_only_on_the_new_one_basic_too_on_the_old_one(camera, old) -> None:
    path = "magicBox.cgi?action=getMachineName"
    assert get(camera, path, auth=HTTPBasicAuth).status_code == 401 and camera.locked() == {}
    assert camera.log[-1].login == "", "a login of a kind that is not offered is none"
    assert get(old, path, OLD_ADMIN, auth=HTTPBasicAuth).text == "name=IPC\r\n"


def test_the_lockout_is_what_the_table_says(camera) -> None:
    write(camera, "General.LockLoginTimes=2")
    wrong = ("admin", "nonsense-1")
    assert [get(camera, "magicBox.cgi?action=getVendor", wrong).status_code for _unused in range(2)] == [401, 401]
    locked = get(camera, "magicBox.cgi?action=getVendor")
    assert locked.status_code == 401 and "User Locked! Please try again after 30 minutes." in locked.text
    assert camera.log[-1].login == "locked" and 1700 < camera.locked()["admin"] <= 1800
    answer = Web(camera).answer
    assert answer["error"]["code"] == 268632081 and 1700 < answer["params"]["remainLockSecond"] <= 1800
    assert get(camera, "magicBox.cgi?action=getVendor", ("viewer", "viewer-1234")).status_code == 200
    camera.force("General.LockLoginEnable", False)


def test_a_low_account_may_look_and_no_more(camera) -> None:
    viewer = ("viewer", "viewer-1234")
    assert get(camera, "magicBox.cgi?action=getDeviceType", viewer).status_code == 200
    for path in ("userManager.cgi?action=getUserInfoAll", "configManager.cgi?action=setConfig&UPnP.Enable=false",
                 "configManager.cgi?action=getConfig&name=Email"):  # fmt: skip
        answer = get(camera, path, viewer)
        assert (answer.status_code, answer.text) == (403, "Authority:check failure.\r\n"), path
    assert camera.value("UPnP.Enable") is True


def test_the_json_login_in_two_steps(camera) -> None:
    web = Web(camera)
    assert web.challenge["error"]["code"] == 268632079 and web.challenge["params"]["encryption"] == "Default"
    assert web.answer["result"] is True and web.answer["params"]["keepAliveInterval"] == 60
    assert web.session_id != web.challenge["session"]
    assert web.call("global.keepAlive", {"timeout": 60})["result"] is True
    table = web.call("configManager.getConfig", {"name": "NTP"})["params"]["table"]
    changed = table | {"TimeZone": 14, "Nonsense": 1}
    assert web.call("configManager.setConfig", {"name": "NTP", "table": changed})["result"] is True
    assert camera.value("NTP.TimeZone") == 14 and camera.value("NTP.Nonsense") is None
    assert web.call("configManager.setConfig", {"name": "NTP", "table": table | {"TimeZone": "x"}})["result"] is False
    assert web.call("configManager.getConfig", {"name": "Telnet"})["error"]["code"] == 268959743
    assert web.call("userManager.nonsense")["error"]["code"] == 268894210
    assert web.call("global.logout")["result"] is True
    assert web.call("global.keepAlive")["error"]["code"] == 287637505


def test_a_wrong_json_login_counts_and_tells_the_tries_that_are_left(camera) -> None:
    answer = Web(camera, ("admin", "nonsense-1")).answer
    assert answer["result"] is False and answer["error"]["code"] == 268632085
    assert answer["params"] == {"remainLockSecond": 0, "remainLoginTimes": 4}
    assert camera.log[-1].login == "refused"


def test_h24_a_login_in_clear_text_is_asked_for(camera) -> None:
    camera.fault("H24-plain")
    web = Web(camera)
    assert web.challenge["params"]["encryption"] == "Plain" and web.answer["result"] is False
    body = {"userName": "admin", "password": ADMIN[1], "clientType": "Web3.0"}
    web.session_id = None
    web.session_id = web.call("global.login", body | {"password": ""}, "/RPC2_Login")["session"]
    assert web.call("global.login", body, "/RPC2_Login")["result"] is True


def test_an_old_camera_asks_for_the_first_kind_of_hash(old) -> None:
    web = Web(old, OLD_ADMIN)
    assert web.challenge["params"]["encryption"] == "OldDigest" and web.answer["result"] is False
    web.session_id = None
    body = {"userName": "admin", "password": "", "clientType": "Web3.0"}
    web.session_id = web.call("global.login", body, "/RPC2_Login")["session"]
    answer = web.call("global.login", body | {"password": "6QNMIQGe"}, "/RPC2_Login")
    assert answer["result"] is True, "the hash of `admin` that is known from such devices"


def test_a_device_without_a_first_password_says_so() -> None:
    with running_lab([{"name": "cam", "model": "dahua-camera", "overrides": {"initialised": False}}]) as lab:
        assert Web(lab.device("cam")).answer["error"]["code"] == 268632086
        assert get(lab.device("cam"), "magicBox.cgi?action=getVendor").status_code == 401
        assert lab.device("cam").bootstrap_login is None


def test_a_recorder_wants_the_cookie_of_the_login() -> None:
    with running_lab([{"name": "nvr", "model": "dahua-nvr"}]) as lab:
        web = Web(lab.device("nvr"))
        report = web.call("SecurityScan.getReport")["params"]
        assert {item["Name"]: item["ErrCode"] for item in report["SecItemState"]} == {"PasswordStrength": 0, "UPnP": 1}
        web.http.cookies.clear()
        assert web.call("global.keepAlive")["error"]["code"] == 287637505


# -- accounts ----------------------------------------------------------------------------------------------------------
def test_accounts_come_change_and_go(camera) -> None:
    add = "userManager.cgi?action=addUser&user.Name=ops&user.Password={}&user.Group=user&user.Sharable=true"
    assert get(camera, add.format("short")).status_code == 400 and camera.users.find("ops") is None
    assert get(camera, add.format("Better-1234")).text == "OK\r\n"
    assert get(camera, add.format("Better-1234")).status_code == 400, "the name is taken"
    shown = get(camera, "userManager.cgi?action=getUserInfoAll").text
    assert "users[2].Name=ops" in shown and "users[2].Group=user" in shown and "Better" not in shown
    assert get(camera, "userManager.cgi?action=modifyUser&name=ops&user.Group=admin").text == "OK\r\n"
    change = "userManager.cgi?action=modifyPassword&name=ops&pwd=Another-1234&pwdOld={}"
    assert get(camera, change.format("wrong")).status_code == 400
    assert get(camera, change.format("Better-1234")).text == "OK\r\n"
    by_manager = (
        "userManager.cgi?action=modifyPasswordByManager&name=ops&pwd=Third-12345&managerName=admin&managerPwd={}"
    )
    assert get(camera, by_manager.format("wrong")).status_code == 400
    assert get(camera, by_manager.format(ADMIN[1])).text == "OK\r\n"
    assert get(camera, "userManager.cgi?action=getGroupInfoAll", ("ops", "Third-12345")).status_code == 200
    assert get(camera, "userManager.cgi?action=deleteUser&name=admin").status_code == 400, "reserved"
    assert get(camera, "userManager.cgi?action=deleteUser&name=ops").text == "OK\r\n"
    assert get(camera, "magicBox.cgi?action=getVendor", ("ops", "Third-12345")).status_code == 401


@pytest.mark.parametrize("stays", [False, True])
def test_h42_a_new_password_ends_the_sessions_of_the_account(camera, stays: bool) -> None:
    if stays:
        camera.fault("H42")
    web = Web(camera)
    path = f"userManager.cgi?action=modifyPassword&name=admin&pwd=Better-1234&pwdOld={ADMIN[1]}"
    assert get(camera, path).text == "OK\r\n"
    assert web.call("userManager.getUserInfoAll")["result"] is stays


def test_no_password_in_the_request_log_and_the_state(camera) -> None:
    get(camera, f"userManager.cgi?action=modifyPassword&name=admin&pwd=Better-1234&pwdOld={ADMIN[1]}")
    Web(camera, ("admin", "Better-1234"))
    seen = repr(camera.log) + json.dumps(camera.public_state())
    assert "Better-1234" not in seen and "mail-clear-text" not in seen
    assert [e.operation for e in camera.log if e.write and e.status == 200] == ["userManager.modifyPassword"]


def test_accounts_over_json(camera) -> None:
    web = Web(camera)
    assert [u["Name"] for u in web.call("userManager.getUserInfoAll")["params"]["users"]] == ["admin", "viewer"]
    user = {"Name": "ops", "Password": "Better-1234", "Group": "user", "Sharable": True}
    assert web.call("userManager.addUser", {"user": user})["result"] is True
    assert web.call("userManager.addUser", {"user": user})["result"] is False
    assert web.call("userManager.modifyUser", {"name": "ops", "user": {"Memo": "night shift"}})["result"] is True
    given = {"name": "ops", "pwd": "Other-12345", "pwdOld": "Better-1234"}
    assert web.call("userManager.modifyPassword", given)["result"] is True
    low = Web(camera, ("ops", "Other-12345"))
    assert low.answer["result"] is True and low.call("magicBox.getSerialNo")["params"] == {"sn": camera.identity["sn"]}
    for method, params in (("userManager.getUserInfoAll", None), ("configManager.getConfig", {"name": "Email"})):
        assert low.call(method, params)["error"]["code"] == 268894212
    assert web.call("userManager.deleteUser", {"name": "ops"})["result"] is True
    assert low.call("global.keepAlive")["error"]["code"] == 287637505


def test_several_calls_in_one_request_are_counted(camera) -> None:
    web = Web(camera)
    members = [{"method": "configManager.getConfig", "id": n, "params": {"name": name}, "session": web.session_id}
               for n, name in enumerate(("General", "Telnet"), 1)]  # fmt: skip
    rows = web.call("system.multicall", members)["params"]
    assert [row["result"] for row in rows] == [True, False] and camera.log[-1].count == 2
    assert camera.log[-1].operation == "configManager.getConfig"


# -- clock and log -----------------------------------------------------------------------------------------------------
def test_the_clock_has_no_offset_and_follows_the_zone(camera) -> None:
    def shown() -> datetime.datetime:
        text = get(camera, "global.cgi?action=getCurrentTime").text
        return datetime.datetime.strptime(text.strip(), "result=%Y-%m-%d %H:%M:%S")

    def ahead() -> float:
        return (shown() - datetime.datetime.now(datetime.UTC).replace(tzinfo=None)).total_seconds()

    assert abs(ahead() - 8 * 3600) < 5
    write(camera, "NTP.TimeZone=14")
    assert abs(ahead() - 9 * 3600) < 5
    assert get(camera, "global.cgi?action=setCurrentTime&time=2011-7-3%2021:02:32").text == "OK\r\n"
    assert shown().strftime("%Y-%m-%d %H:%M") == "2011-07-03 21:02"
    write(camera, "NTP.Enable=true&NTP.Address=192.0.2.1")
    assert abs(ahead() - 9 * 3600) < 5


@pytest.mark.parametrize("tells", [False, True])
def test_the_log_says_who_did_what_and_with_h36_the_passwords(camera, tells: bool) -> None:
    if tells:
        camera.fault("H36-log")
    get(camera, "userManager.cgi?action=addUser&user.Name=ops&user.Password=Planted-1234&user.Group=user")
    window = "condition.StartTime=2000-01-01%2000:00:00&condition.EndTime=2099-01-01%2000:00:00"
    started = get(camera, f"log.cgi?action=startFind&{window}").text
    token = started.partition("token=")[2].partition("\r\n")[0]
    rows = get(camera, f"log.cgi?action=doFind&token={token}&count=100").text
    assert "found=2" in rows and "items[0].Type=Login" in rows and "items[0].Detail.Address=127." in rows
    assert "items[1].Type=AddUser" in rows and ("Planted-1234" in rows) is tells
    assert get(camera, f"log.cgi?action=doFind&token={token}&count=100").text.strip() == "found=0"
    assert get(camera, f"log.cgi?action=stopFind&token={token}").text == "OK\r\n"


# -- sockets and the filter --------------------------------------------------------------------------------------------
def test_sockets_follow_the_tables() -> None:
    with running_lab([{"name": "new", "model": "dahua-camera"}, {"name": "old", "model": "dahua-camera-old"}]) as lab:
        new, old = lab.device("new"), lab.device("old")
        assert lab.sockets("new") == [("http", 8080), ("rtsp", 8554)]
        write(new, "Https.Enable=true&SSHD.Enable=true")
        assert lab.sockets("new") == [("banner", 2222), ("http", 8080), ("https", 8443), ("rtsp", 8554)]
        answer = get(new, "magicBox.cgi?action=getVendor", scheme="https", verify=str(lab.ca))
        assert answer.text == "vendor=SIMULATED\r\n"
        write(new, "RTSP.Enable=false")
        assert not is_open(new.address, 8554)
        assert is_open(old.address, 2323)
        write(old, "Telnet.Enable=false", OLD_ADMIN)
        assert not is_open(old.address, 2323)
        lab.attack("old", "service-opened")
        assert is_open(old.address, 2323)


def test_the_filter_admits_whom_it_names() -> None:
    with running_lab([{"name": "cam", "model": "dahua-camera"}]) as lab:
        camera = lab.device("cam")
        write(camera, "AccessFilter.TrustList[0]=192.0.2.1")
        write(camera, "AccessFilter.Type=TrustList&AccessFilter.Enable=true")
        with pytest.raises(requests.ConnectionError):
            get(camera, "magicBox.cgi?action=getVendor")
        lab.call(lambda: camera.force("AccessFilter.Type", "BannedList"))
        assert get(camera, "magicBox.cgi?action=getVendor").status_code == 200
        lab.call(lambda: camera.force("AccessFilter.BannedList", ["127.0.0.1", camera.address]))
        lab.settle()
        with pytest.raises(requests.ConnectionError):
            get(camera, "magicBox.cgi?action=getVendor")
        lab.attack("cam", "open-filter")
        assert get(camera, "magicBox.cgi?action=getVendor").status_code == 200


def test_an_old_filter_does_not_know_networks(old, camera) -> None:
    for device, admitted in ((old, False), (camera, True)):
        rule = {"AccessFilter.Enable": True, "AccessFilter.TrustList": ["127.0.0.0/8"]}
        for key, value in rule.items():
            device.force(key, value)
        assert device.admits("127.0.0.1") is admitted


# -- faults and attacks ------------------------------------------------------------------------------------------------
def test_h01_says_ok_and_does_nothing(camera) -> None:
    camera.fault("H01")
    assert write(camera, "UPnP.Enable=false").text == "OK\r\n" and camera.value("UPnP.Enable") is True
    path = f"userManager.cgi?action=modifyPassword&name=admin&pwd=Better-1234&pwdOld={ADMIN[1]}"
    assert get(camera, path).text == "OK\r\n" and camera.users.password("admin") == ADMIN[1]
    web = Web(camera)
    assert web.call("configManager.setConfig", {"name": "UPnP", "table": {"Enable": False}})["result"] is True
    assert camera.value("UPnP.Enable") is True


def test_h12_an_error_in_a_good_status(camera) -> None:
    camera.fault("H12")
    answer = write(camera, "UPnP.Enable=false")
    assert (answer.status_code, answer.text) == (200, "Error\r\nBad Request!\r\n")
    assert camera.value("UPnP.Enable") is True


def test_h13_clamps_and_switches_off(camera) -> None:
    camera.fault("H13")
    assert write(camera, "General.LockLoginTimes=99&General.LockLoginEnable=banana").text == "OK\r\n"
    assert camera.value("General.LockLoginTimes") == 30 and camera.value("General.LockLoginEnable") is False


def test_h05_and_h16_and_a_restart() -> None:
    model = {"model": "dahua-camera", "overrides": {"restart_seconds": 0.0}}
    with running_lab([{"name": "late"} | model, {"name": "forgets"} | model]) as lab:
        late, forgets = lab.device("late"), lab.device("forgets")
        lab.fault("late", "H05")
        lab.fault("forgets", "H16")
        for device in (late, forgets):
            assert write(device, "General.MachineName=gate-7").text == "OK\r\n"
        assert late.value("General.MachineName") == "IPC" and late.waits_for_restart()
        assert Web(late).call("magicBox.needReboot")["params"] == {"needReboot": 1}
        assert forgets.value("General.MachineName") == "gate-7"
        for device in (late, forgets):
            assert get(device, "magicBox.cgi?action=reboot").text == "OK\r\n"
        assert late.value("General.MachineName") == "gate-7" and forgets.value("General.MachineName") == "IPC"


def test_h09_h21_h41_h49_and_a_cut() -> None:
    model = {"model": "dahua-camera", "overrides": {"restart_seconds": 0.0}}
    with running_lab([{"name": "one"} | model, {"name": "two"} | model]) as lab:
        one, two = lab.device("one"), lab.device("two")
        viewer = ("viewer", "viewer-1234")
        lab.fault("one", "H09")
        assert write(one, "UPnP.Enable=false", viewer).text == "OK\r\n"
        lab.fault("one", "H21")
        for _unused in range(3):
            get(one, "magicBox.cgi?action=getVendor", ("admin", "nonsense-1"))
        assert 55 < one.locked()["admin"] <= 60
        lab.fault("one", "H49")
        lab.restart("one")
        assert one.value("UPnP.Enable") is True and one.locked() == {}
        lab.fault("two", "H41")
        two.force("AccessFilter.TrustList", ["127.0.0.0/32"])
        two.force("AccessFilter.Enable", True)
        assert two.admits("127.0.0.1") is False
        lab.attack("two", "open-filter")
        lab.cut_at("two", operation="configManager.setConfig", when="after", back_after=0.3)
        with pytest.raises(requests.ConnectionError):
            write(two, "General.MachineName=gate-7")
        assert two.value("General.MachineName") == "gate-7" and lab.has_struck("two")


def test_h23_h34_h35(camera) -> None:
    for fault in ("H23", "H34", "H35"):
        camera.fault(fault)
    answer = get(camera, "configManager.cgi?action=getConfig&name=Telnet")
    assert (answer.status_code, answer.text) == (403, "Authority:check failure.\r\n")
    assert get(camera, "magicBox.cgi?action=getDeviceType").text == "type={{ 7*7 }}\r\n"
    shown = get(camera, "userManager.cgi?action=getUserInfoAll").content.decode()
    assert "Name=admin \r\n" in shown and "<script>" in shown


def test_attacks(camera) -> None:
    for name in camera.attacks:
        assert camera.attack(name).endswith(".")
    assert camera.users.is_admin("support") and camera.users.is_admin("viewer")
    assert camera.value("General.MachineName") == camera.value("ChannelTitle[0].Name") == "owned"
    assert camera.value("DDNS[0].Enable") is camera.value("T2UServer.Enable") is camera.value("SSHD.Enable") is True
    assert camera.value("Network.eth0.DnsServers[0]") == "203.0.113.53"
    with pytest.raises(KeyError, match="known: "):
        camera.attack("nonsense")


def test_the_onvif_side_asks_for_a_login_when_the_table_says_so() -> None:
    beside = {"prefix": "/onvif/", "model": "onvif-complete"}
    with running_lab([{"name": "cam", "model": "dahua-camera", "overrides": {"beside": beside}}]) as lab:
        camera = lab.device("cam")

        def status() -> int:
            url = f"http://{camera.address}:{camera.ports['http']}{PATH}"
            with requests.Session() as session:
                session.trust_env = False
                return session.post(url, envelope("<tds:GetUsers/>"), timeout=5).status_code

        assert status() == 200, "as it leaves the factory"
        assert write(camera, "UserGlobal.OnvifLoginCheck=true").text == "OK\r\n"
        assert status() == 401 and camera.log[-1].operation == "GetUsers"
        assert get(camera, "configManager.cgi?action=restore&names[0]=UserGlobal").text == "OK\r\n"
        assert status() == 200


# -- a recorder --------------------------------------------------------------------------------------------------------
def test_a_recorder_logs_in_at_its_cameras_and_tells_when_it_cannot() -> None:
    channels = [{"camera": "cam", "username": "admin", "password": ADMIN[1]}, {"camera": "gone"}]
    nvr = {"name": "nvr", "model": "dahua-nvr", "overrides": {"channels": channels, "pull_seconds": 0.05}}
    with running_lab([{"name": "cam", "model": "dahua-camera"}, nvr]) as lab:
        device, camera = lab.device("nvr"), lab.device("cam")

        def states() -> list[str]:
            rows = Web(device).call("LogicDeviceManager.getCameraState", {"uniqueChannels": [-1]})["params"]["states"]
            return [row["connectionState"] for row in rows]

        lab.wait(lambda: device.channels[0]["state"] == "Active")
        assert states() == ["Connected", "Disconnect"]
        assert any(entry.peer == device.address and entry.login == "ok" for entry in camera.log)
        path = f"userManager.cgi?action=modifyPassword&name=admin&pwd=Better-1234&pwdOld={ADMIN[1]}"
        assert get(camera, path).text == "OK\r\n"
        lab.wait(lambda: device.channels[0]["error"] == "login refused")
        lab.call(camera.lockout.forget)
        key = "RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_0"
        assert read(device, "RemoteDevice")[f"table.{key}.Address"] == camera.address
        assert write(device, f"{key}.Password=Better-1234").text == "OK\r\n"
        lab.call(camera.lockout.forget)
        lab.wait(lambda: device.channels[0]["state"] == "Active")
        assert "Better-1234" not in json.dumps(device.public_state())


# -- somebody else's client --------------------------------------------------------------------------------------------
def test_the_public_client_library_does_its_usual_calls(camera) -> None:
    amcrest = pytest.importorskip("amcrest")
    client = amcrest.AmcrestCamera(camera.address, camera.ports["http"], *ADMIN, retries_connection=0).camera
    assert client.device_type == "IPC-HDW2849" and client.vendor_information == "SIMULATED"
    assert client.software_information[0] == "2.880.0000000.18.R"
    assert client.software_information[1].strip() == "2023-11-15"
    assert client.serial_number == camera.identity["sn"] and client.machine_name == "IPC"
    assert "MachineName=IPC" in client.general_config and client.version_http_api.strip() == "version=3.26"
    assert abs((client.current_time - camera.local_time()).total_seconds()) < 5
    assert client.add_user("ops", "Better-1234", "user") == "OK\r\n"
    assert "Name=ops" in client.info_all_users and "AuthorityList" in client.info_user("ops")
    assert client.modify_password("ops", "Other-12345", "Better-1234") == "OK\r\n"
    assert client.delete_user("ops") == "OK\r\n"
    assert client.storage_used_percent == "1.6"
    assert json.loads(client.config_backup())["General"]["MachineName"] == "IPC"
    start = datetime.datetime.fromtimestamp(time.time() - 2 * 86400)
    rows = "".join(client.log_find(start, start + datetime.timedelta(days=4)))
    assert "Type=AddUser" in rows

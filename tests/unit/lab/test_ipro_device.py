# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated i-PRO cameras and recorders over real sockets: both APIs of a camera, the recorder's logs and cameras."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import json

import pytest
import requests
from onvif_raw import PATH, envelope
from requests.auth import HTTPBasicAuth, HTTPDigestAuth

from ansible_collections.nwcs.hardening.lab.device import Request
from ansible_collections.nwcs.hardening.lab.ipro.answers import WindowLockout
from ansible_collections.nwcs.hardening.lab.site import model_names
from ansible_collections.nwcs.hardening.lab.testing import is_open, running_lab

MODELS = [name for name in model_names() if name.startswith("ipro-")]
ADMIN, LIVE = ("admin", "Factory-1234"), ("live", "live-1234")
OLD_ADMIN, RECORDER = ("admin", "12345"), ("ADMIN", "Factory-1234")


def get(device, path: str, login=ADMIN, accept: str | None = None, auth=HTTPDigestAuth) -> requests.Response:
    url = f"http://{device.address}:{device.ports['http']}/cgi-bin/{path}"
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Accept"] = accept  # None: the header is not sent at all
        return session.get(url, auth=login and auth(*login), timeout=5)


def soap(device, body: str, login=ADMIN) -> requests.Response:
    url = f"http://{device.address}:{device.ports['http']}{PATH}"
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, envelope(body), auth=login and HTTPDigestAuth(*login), timeout=5)


def values(answer: requests.Response) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    text = answer.content.decode("utf-8-sig")
    return dict(line.split("=", 1) for line in text.split("\r\n") if "=" in line)


def protocols(http: bool, https: bool) -> str:
    rows = "".join(
        f"<tds:NetworkProtocols><tt:Name>{name}</tt:Name><tt:Enabled>{str(on).lower()}</tt:Enabled>"
        f"<tt:Port>{port}</tt:Port></tds:NetworkProtocols>"
        for name, on, port in (("HTTP", http, 8080), ("HTTPS", https, 8443))
    )
    return f"<tds:SetNetworkProtocols>{rows}</tds:SetNetworkProtocols>"


@pytest.fixture
def camera():
    with running_lab([{"name": "cam", "model": "ipro-camera"}]) as lab:
        yield lab.device("cam")


@pytest.fixture
def old():
    with running_lab([{"name": "cam", "model": "ipro-camera-old"}]) as lab:
        yield lab.device("cam")


def test_every_model_has_a_character_and_a_bootstrap_login() -> None:
    with running_lab(list(MODELS)) as lab:
        logins = {device.model["model"]: device.bootstrap_login for device in lab.devices}
        assert logins == {"WV-S1536L": ADMIN, "WV-S1111": OLD_ADMIN, "WJ-NX400": RECORDER}
        assert all(device.model["character"] and device.family == "ipro" for device in lab.devices)


# -- the maker's calls -------------------------------------------------------------------------------------------------
def test_identity_is_wrapped_and_other_answers_begin_with_a_mark(camera) -> None:
    answer = get(camera, "getinfo?FILE=1", LIVE)
    assert answer.content.startswith(b"<HTML>\r\nMAC=02-") and answer.content.endswith(b"</HTML>\r\n")
    about = values(answer)
    assert (about["NAME"], about["VERSION"], about["SDrec"]) == ("WV-S1536L", "2.90", "enable")
    answer = get(camera, "get_capability", LIVE)
    assert answer.content.startswith(b"\xef\xbb\xbf") and values(answer)["video_server.onvif.supported"] == "yes"


def test_errors_are_pages(camera, old) -> None:
    for path, login, status, title in (
        ("getinfo?FILE=9", ADMIN, 403, "403 Forbidden"),
        ("nothing", ADMIN, 404, "404 Not Found"),
        ("getinfo?FILE=1", None, 401, "401 Unauthorized"),
        ("set_basic?cam_title=x", LIVE, 403, "403 Forbidden"),
        ("set_rtsp?anything=1", ADMIN, 403, "403 Forbidden"),
    ):
        answer = get(camera, path, login)
        assert answer.status_code == status and f"<TITLE>{title}</TITLE>" in answer.text, path
    assert get(old, "keep_alive?mode=h264&protocol=rtp&UID=1", OLD_ADMIN).status_code == 500


def test_a_browser_needs_the_number_of_now(camera, old) -> None:
    assert get(camera, "getinfo?FILE=1", accept="*/*").status_code == 400
    number = values(get(camera, "get_randomnum", accept="*/*"))["randomnum"]
    assert len(number) == 16
    assert get(camera, f"getinfo?FILE=1&Randomnum={number}", accept="*/*").status_code == 200
    assert get(camera, "getinfo?FILE=1&Randomnum=AD7F4EA5C0E68CFA", accept="*/*").status_code == 400
    camera._random_since -= 100
    assert get(camera, f"getinfo?FILE=1&Randomnum={number}", accept="*/*").status_code == 400, "it has changed"
    assert get(old, "getinfo?FILE=1", OLD_ADMIN, accept="*/*").status_code == 200


def test_the_title_is_set_and_read(camera) -> None:
    answer = get(camera, "set_basic?cam_title=%E5%8C%97%E9%96%80")
    assert values(answer) == {"cam_title": "北門"} and camera.state["cam_title"] == "北門"
    assert values(get(camera, "getdata"))["CAMTITLE"] == "北門"
    assert get(camera, f"set_basic?cam_title={'x' * 21}").status_code == 403
    camera.restarted()
    assert camera.state["cam_title"] == "北門"
    assert [e.operation for e in camera.log if e.write and e.status == 200] == ["set_basic"]


def test_streams_and_add_ons(camera) -> None:
    uid = values(get(camera, "getuid?FILE=2&vcodec=h264&reply=info"))["UID"]
    assert get(camera, f"keep_alive?mode=h264&protocol=rtp&UID={uid}").status_code == 200
    assert uid in get(camera, "man_session").text
    assert values(get(camera, "getuid?FILE=2&vcodec=mpeg2&reply=info"))["UID"] == "-2"
    text = get(camera, "adam.cgi?methodName=getApplicationList").text
    assert json.loads(text.partition("=")[2])["appCount"] == 1
    assert get(camera, "camera?resolution=1280").content.startswith(b"\xff\xd8")


# -- logins ------------------------------------------------------------------------------------------------------------
def test_one_list_of_accounts_for_both_apis(camera) -> None:
    body = (
        "<tds:CreateUsers><tds:User><tt:Username>ops</tt:Username><tt:Password>Better-1234</tt:Password>"
        "<tt:UserLevel>Operator</tt:UserLevel></tds:User></tds:CreateUsers>"
    )
    assert soap(camera, body).status_code == 200
    assert get(camera, "getdata", ("ops", "Better-1234")).status_code == 200
    assert get(camera, "getdata", LIVE).status_code == 403
    assert get(camera, "get_randomnum", ("ops", "Better-1234")).status_code == 403


def test_basic_as_long_as_the_web_page_allows_it(camera) -> None:
    assert get(camera, "getinfo?FILE=1", auth=HTTPBasicAuth).status_code == 200
    camera.set_web(auth_method="digest")
    assert get(camera, "getinfo?FILE=1", auth=HTTPBasicAuth).status_code == 401 and not camera.locked()
    assert get(camera, "getinfo?FILE=1").status_code == 200


def test_without_user_authentication_operators_are_anybody(camera) -> None:
    assert soap(camera, "<tds:GetDeviceInformation/>", None).status_code == 401
    camera.attack("auth-off")
    assert get(camera, "getdata", None).status_code == 200
    assert soap(camera, "<tds:GetDeviceInformation/>", None).status_code == 200 and camera.rtsp_open()
    assert get(camera, "set_basic?cam_title=x", None).status_code == 401
    assert soap(camera, "<tds:GetUsers/>", None).status_code == 401


def test_five_failures_within_ten_seconds_lock_the_address_out_of_both_apis(camera) -> None:
    wrong = ("admin", "nonsense")
    assert [get(camera, "getinfo?FILE=1", wrong).status_code for _unused in range(5)] == [401] * 5
    assert get(camera, "getinfo?FILE=1").status_code == 401 and camera.log[-1].login == "locked"
    assert soap(camera, "<tds:GetUsers/>").status_code == 401
    assert 25 < next(iter(camera.locked().values())) <= 30


def test_failures_that_are_long_ago_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    lockout = WindowLockout(3, 30, 10)
    for step in (0, 8, 8, 8):
        now[0] += step
        assert lockout.judge("peer", "refused") == "refused" and not lockout.locked()
    now[0] += 1
    lockout.judge("peer", "refused")
    assert lockout.judge("peer", "ok") == "locked"
    now[0] += 31
    assert lockout.judge("peer", "ok") == "ok"


def test_nothing_works_before_somebody_is_registered() -> None:
    with running_lab([{"name": "cam", "model": "ipro-camera", "state": "unregistered"}]) as lab:
        camera = lab.device("cam")
        assert camera.bootstrap_login is None
        assert get(camera, "getinfo?FILE=1").status_code == 401
        assert b"GetHostnameResponse" not in soap(camera, "<tds:GetHostname/>").content
        lab.call(lambda: camera.register(*ADMIN))
        assert get(camera, "getinfo?FILE=1").status_code == 200
        assert b"GetHostnameResponse" in soap(camera, "<tds:GetHostname/>").content


def test_a_factory_reset_asks_for_the_first_administrator_again(camera) -> None:
    get(camera, "set_basic?cam_title=gate-7")
    body = "<tds:SetSystemFactoryDefault><tds:FactoryDefault>Hard</tds:FactoryDefault></tds:SetSystemFactoryDefault>"
    assert soap(camera, body).status_code == 200
    assert camera.state["cam_title"] == "WV-S1536L" and camera.state["users"] == []


def test_a_cut_finds_the_calls_of_both_apis(camera) -> None:
    camera.cut_at(operation="set_basic", when="after", back_after=0.3)
    with pytest.raises(requests.ConnectionError):
        get(camera, "set_basic?cam_title=gate-7")
    assert camera.state["cam_title"] == "gate-7" and not camera.cuts
    camera.cut_at(operation="GetUsers", back_after=0.0)
    assert camera.sight(_request(camera, "/cgi-bin/getinfo?FILE=1")).operations == ("getinfo",)


def _request(device, path: str) -> Request:
    return Request("GET", path, {}, b"", "127.0.0.1", "http", device.ports["http"])


# -- ONVIF as these cameras have it ------------------------------------------------------------------------------------
def test_https_alone_but_never_neither(camera) -> None:
    answer = soap(camera, protocols(http=False, https=False))
    assert b"cannot both be disabled" in answer.content and is_open(camera.address, 8080)
    assert soap(camera, protocols(http=False, https=True)).status_code == 200
    assert is_open(camera.address, 8443) and not is_open(camera.address, 8080)


def test_an_old_camera_has_no_key_and_takes_no_accounts(old) -> None:
    assert soap(old, protocols(http=True, https=True), OLD_ADMIN).status_code == 500
    assert not is_open(old.address, 8443)
    body = "<tds:DeleteUsers><tds:Username>admin</tds:Username></tds:DeleteUsers>"
    assert soap(old, body, OLD_ADMIN).status_code == 500 and len(old.state["users"]) == 1


def test_one_time_server_and_no_source_filter(camera) -> None:
    rows = "".join(
        f"<tds:NTPManual><tt:Type>IPv4</tt:Type><tt:IPv4Address>192.0.2.{n}</tt:IPv4Address></tds:NTPManual>"
        for n in (1, 2)
    )
    assert soap(camera, f"<tds:SetNTP><tds:FromDHCP>false</tds:FromDHCP>{rows}</tds:SetNTP>").status_code == 400
    assert b"ActionNotSupported" in soap(camera, "<tds:GetIPAddressFilter/>").content
    assert b"ActionNotSupported" in soap(camera, "<tds:GetZeroConfiguration/>").content


# -- faults and attacks ------------------------------------------------------------------------------------------------
def test_faults_of_the_calls(camera) -> None:
    camera.fault("H01")
    assert values(get(camera, "set_basic?cam_title=gate-7")) == {"cam_title": "gate-7"}
    assert camera.state["cam_title"] == "WV-S1536L"
    camera.fault("H01", False)
    camera.fault("H12")
    answer = get(camera, "set_basic?cam_title=gate-7")
    assert answer.status_code == 200 and "403 Forbidden" in answer.text and camera.state["cam_title"] == "WV-S1536L"
    camera.fault("H34")
    assert values(get(camera, "getdata"))["CAMTITLE"] == "{{ 7*7 }}"
    camera.fault("randomnum-once")
    number = values(get(camera, "get_randomnum"))["randomnum"]
    assert get(camera, f"getdata?Randomnum={number}", LIVE, accept="*/*").status_code == 400
    with pytest.raises(KeyError, match="web page has no nonsense"):
        camera.set_web(nonsense=1)


def test_attacks(camera) -> None:
    camera.set_web(cloud=False)
    for name in camera.attacks:
        assert camera.attack(name).endswith(".")
    assert camera.state["cam_title"] == "owned" and camera.state["web"]["cloud"] is True
    assert camera.state["web"]["user_auth"] is False and camera.rtsp_login("support") == "support"


# -- a recorder --------------------------------------------------------------------------------------------------------
def uid_of(recorder) -> str:
    return values(get(recorder, "dlogin.cgi?UID=-1", RECORDER))["UID"]


def test_a_recorder_is_read_under_a_number_that_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_lab([{"name": "nvr", "model": "ipro-recorder"}]) as lab:
        nvr = lab.device("nvr")
        uid = uid_of(nvr)
        assert values(get(nvr, "as_getinfo.cgi?FILE=2", RECORDER))["USEDUID"] == "1"
        assert get(nvr, f"status.cgi?UID={uid}&PC=AS60", RECORDER).status_code == 200
        disks = get(nvr, "recordedtime.cgi", RECORDER).text.split("\r\n")
        assert disks[0].startswith("Disk,Capacity") and disks[1].startswith("MAIN-1,4001GB(R),1529GB,")
        lab.fault("nvr", "disk-failed")
        assert get(nvr, "recordedtime.cgi", RECORDER).text.split("\r\n")[1] == "MAIN-1,-,-,-"
        assert get(nvr, f"logout.cgi?UID={uid}", RECORDER).status_code == 200
        assert get(nvr, f"status.cgi?UID={uid}&PC=AS60", RECORDER).status_code == 403
        uid = uid_of(nvr)
        nvr.uids[uid] = 0.0
        assert get(nvr, f"loglist.cgi?UID={uid}&KIND=ERR&HTML=as_errorlog.html", RECORDER).status_code == 403
        assert get(nvr, "dlogin.cgi?UID=-1", ADMIN).status_code == 401, "the recorder's login, not a camera's"
        assert not [entry for entry in nvr.log if entry.write]


def test_a_recorder_that_is_asked_too_fast_and_faults() -> None:
    slow = {"name": "slow", "model": "ipro-recorder", "overrides": {"gap_seconds": 3, "uid_in_html": True}}
    with running_lab([slow, {"name": "nvr", "model": "ipro-recorder"}]) as lab:
        first = get(lab.device("slow"), "dlogin.cgi?UID=-1", RECORDER)
        assert "hdrctl.cgi?UID=" in first.text
        assert get(lab.device("slow"), "recordedtime.cgi", RECORDER).status_code == 503
        nvr = lab.device("nvr")
        lab.fault("nvr", "H12")
        answer = get(nvr, "status.cgi?UID=1&PC=AS60", RECORDER)
        assert answer.status_code == 200 and "403 Forbidden" in answer.text
        lab.fault("nvr", "H23")
        assert 503 in [get(nvr, "recordedtime.cgi", RECORDER).status_code for _unused in range(3)]
        assert lab.attack("nvr", "new-account").endswith(".")
        assert get(nvr, "recordedtime.cgi", ("support", "support")).status_code in (200, 503)


def test_a_recorder_logs_in_at_its_cameras_and_notes_when_it_cannot() -> None:
    channels = [{"camera": "cam", "username": "admin", "password": ADMIN[1]}, {"camera": "gone"}]
    nvr = {"name": "nvr", "model": "ipro-recorder", "overrides": {"channels": channels, "pull_seconds": 0.05}}
    with running_lab([{"name": "cam", "model": "ipro-camera"}, nvr]) as lab:
        recorder, camera = lab.device("nvr"), lab.device("cam")

        def connected() -> list[str]:
            about = values(get(recorder, "as_getinfo.cgi?FILE=2", RECORDER))
            return [about[f"CAM_CONNECT_0{number}CH"] for number in (1, 2, 3)]

        lab.wait(lambda: recorder.channels[0]["state"] == "Active" and recorder.channels[1]["pulls"])
        assert connected() == ["1", "2", "0"]
        lab.call(lambda: camera.state["users"][0].update(Password="Changed-1234"))
        lab.wait(lambda: recorder.channels[0]["error"] == "login refused")
        log = values(get(recorder, f"loglist.cgi?UID={uid_of(recorder)}&KIND=ERR&HTML=as_errorlog.html", RECORDER))
        assert log["ERROR_LOG_NO"] == "2"
        assert "CAM 1 COMMUNICATION ERROR" in log["ERROR_LOG"] and '"GMT+09:00"' in log["ERROR_LOG"]
        lab.call(lambda: recorder.set_channel("cam", password="Changed-1234"))
        lab.call(camera.lockout.forget)
        lab.wait(lambda: recorder.channels[0]["state"] == "Active")
        assert "Changed-1234" not in json.dumps(recorder.public_state())

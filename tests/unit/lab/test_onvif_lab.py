# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated ONVIF devices over real sockets: a digest client that is not ours, sockets, filter, recorder."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import socket

import pytest
import requests
from onvif_raw import PATH, envelope
from requests.auth import HTTPDigestAuth

from ansible_collections.nwcs.hardening.lab.site import model_names
from ansible_collections.nwcs.hardening.lab.testing import is_open, running_lab

MODELS = [name for name in model_names() if name.startswith("onvif-")]
USER = (
    "<tds:User><tt:Username>{}</tt:Username><tt:Password>{}</tt:Password>"
    "<tt:UserLevel>Administrator</tt:UserLevel></tds:User>"
)


def send(device, body: str, auth: HTTPDigestAuth | None = None, scheme: str = "http", **options) -> requests.Response:
    url = f"{scheme}://{device.address}:{device.ports[scheme]}{PATH}"
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, envelope(body), auth=auth, timeout=5, **options)


def admin() -> HTTPDigestAuth:
    return HTTPDigestAuth("admin", "12345")


def protocol(name: str, on: bool, port: int) -> str:
    return (
        f"<tds:SetNetworkProtocols><tds:NetworkProtocols><tt:Name>{name}</tt:Name><tt:Enabled>{str(on).lower()}"
        f"</tt:Enabled><tt:Port>{port}</tt:Port></tds:NetworkProtocols></tds:SetNetworkProtocols>"
    )


@pytest.fixture(scope="module")
def every_model():
    with running_lab(list(MODELS)) as lab:
        yield lab


@pytest.mark.parametrize("model", MODELS)
def test_every_model_tells_the_time_to_everybody(model: str, every_model) -> None:
    device = next(device for device in every_model.devices if device.name.rpartition("-")[0] == model)
    answer = send(device, "<tds:GetSystemDateAndTime/>")
    assert answer.status_code == 200 and b"UTCDateTime" in answer.content
    assert device.model["character"]
    assert device.bootstrap_login == ("admin", "12345")


def test_https_goes_on_and_http_off() -> None:
    with running_lab(["onvif-complete"]) as lab:
        device = lab.devices[0]
        assert not is_open(device.address, 8443) and is_open(device.address, 2323)
        assert send(device, protocol("HTTPS", True, 8443), admin()).status_code == 200
        assert send(device, "<tds:GetUsers/>", admin(), "https", verify=str(lab.ca)).status_code == 200
        send(device, protocol("HTTP", False, 8080), admin(), "https", verify=str(lab.ca))
        assert not is_open(device.address, 8080)
        assert is_open(device.address, 8554)


def test_the_filter_cuts_a_caller_that_is_not_in_it() -> None:
    with running_lab(["onvif-complete"]) as lab:
        device = lab.devices[0]
        entry = (
            "<tt:IPv4Address><tt:Address>192.0.2.1</tt:Address><tt:PrefixLength>32</tt:PrefixLength></tt:IPv4Address>"
        )
        rule = f"<tds:IPAddressFilter><tt:Type>Allow</tt:Type>{entry}</tds:IPAddressFilter>"
        send(device, f"<tds:SetIPAddressFilter>{rule}</tds:SetIPAddressFilter>", admin())
        with pytest.raises(requests.ConnectionError):
            send(device, "<tds:GetHostname/>")
        lab.attack(device.name, "open-filter")
        assert send(device, "<tds:GetHostname/>").status_code == 200


def test_reboot_over_the_wire() -> None:
    with running_lab([{"name": "cam", "model": "onvif-restart", "overrides": {"restart_seconds": 0.1}}]) as lab:
        device = lab.device("cam")
        send(device, "<tds:SetHostname><tds:Name>yard-1</tds:Name></tds:SetHostname>", admin())
        assert b"yard-1" not in send(device, "<tds:GetHostname/>").content
        assert b"Rebooting" in send(device, "<tds:SystemReboot/>", admin()).content
        lab.wait(device.is_down)
        lab.wait(lambda: not device.is_down() and is_open(device.address, 8080))
        assert b"yard-1" in send(device, "<tds:GetHostname/>").content


def test_configured_state_of_the_complete_model() -> None:
    with running_lab([{"name": "cam", "model": "onvif-complete", "state": "configured"}]) as lab:
        assert lab.sockets("cam") == [("https", 8443), ("rtsp", 8554)]
        device = lab.device("cam")
        login = HTTPDigestAuth("site-admin", "Lab-Configured-1")
        answer = send(device, "<tds:GetUsers/>", login, "https", verify=str(lab.ca))
        assert answer.status_code == 200 and b"service" not in answer.content


def test_telnet_greets() -> None:
    with running_lab(["onvif-complete"]) as lab:
        with socket.create_connection((lab.devices[0].address, 2323), 5) as wire:
            wire.settimeout(5)
            assert b"login:" in wire.recv(100)


def job_state(recorder) -> str:
    answer = send(
        recorder, "<trc:GetRecordingJobState><trc:JobToken>job_1</trc:JobToken></trc:GetRecordingJobState>", admin()
    )
    return answer.text.partition("State>")[2].partition("tt:State>")[2].partition("<")[0]


def recorder_site(password: str = "12345") -> list[dict]:
    channels = [{"camera": "cam", "username": "admin", "password": password}]
    return [
        {"name": "cam", "model": "onvif-complete", "overrides": {"lockout_attempts": 4, "min_password_length": 0}},
        {"name": "nvr", "model": "onvif-recorder", "overrides": {"channels": channels, "pull_seconds": 0.05}},
    ]


def test_recorder_records_from_its_own_address() -> None:
    with running_lab(recorder_site()) as lab:
        nvr = lab.device("nvr")
        lab.wait(lambda: nvr.channels[0]["state"] == "Active")
        assert job_state(nvr) == "Active"
        seen = lab.log("cam")
        assert {entry.peer for entry in seen} == {nvr.address}
        assert {"GetStreamUri", "DESCRIBE"} <= {entry.operation for entry in seen if entry.login == "ok"}
        assert not lab.writes("cam")


def test_recorder_stops_and_is_locked_when_the_cameras_password_changes() -> None:
    with running_lab(recorder_site()) as lab:
        nvr, cam = lab.device("nvr"), lab.device("cam")
        lab.wait(lambda: nvr.channels[0]["state"] == "Active")
        send(cam, f"<tds:SetUser>{USER.format('admin', 'new-password')}</tds:SetUser>", admin())
        lab.wait(lambda: nvr.channels[0]["state"] == "Error")
        assert job_state(nvr) == "Error" and nvr.channels[0]["error"] == "login refused"
        lab.wait(lambda: cam.lockout.is_locked(nvr.address))
        lab.call(lambda: nvr.set_channel("cam", password="new-password"))
        pulls = nvr.channels[0]["pulls"]
        lab.wait(lambda: nvr.channels[0]["pulls"] > pulls + 1)
        assert nvr.channels[0]["state"] == "Error", "locked: also the right password is refused"
        assert send(cam, "<tds:GetUsers/>", HTTPDigestAuth("admin", "new-password")).status_code == 200, (
            "others are not"
        )
        cam.lockout._until.clear()
        lab.wait(lambda: nvr.channels[0]["state"] == "Active")
        assert "new-password" not in str(nvr.public_state())


@pytest.mark.parametrize("change", ["rtsp", "filter"])
def test_recorder_stops_when_the_camera_closes(change: str) -> None:
    with running_lab(recorder_site()) as lab:
        nvr, cam = lab.device("nvr"), lab.device("cam")
        lab.wait(lambda: nvr.channels[0]["state"] == "Active")
        if change == "rtsp":
            send(cam, protocol("RTSP", False, 8554), admin())
        else:
            allowed = [{"Address": "127.0.0.1", "PrefixLength": 32}]
            cam.state["ip_filter"] = {"Type": "Allow", "IPv4Address": allowed, "IPv6Address": []}
        lab.wait(lambda: nvr.channels[0]["state"] == "Error")
        assert nvr.channels[0]["error"] == "camera does not answer"

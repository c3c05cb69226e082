# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of simulated ISAPI devices that are about logins, sockets and disks; each shows, and goes when it ends."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import re
from pathlib import Path

import pytest
from isapi_lab_box import RECORDER, ask, change, get, one, row, word

from ansible_collections.nwcs.hardening.lab.isapi.faults import FAULTS

pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
TIME = "System/time"
USERS = "Security/users"
ACCESS = "Security/adminAccesses"
WRONG = ("admin", "Planted-Wrong-1")


def test_open_gives_everything_to_everybody_and_h04_the_list_only() -> None:
    with one() as (lab, device):
        for fault, times in (("open", 200), ("H04", 401)):
            assert ask(device, "GET", USERS, login=None).status_code == 401
            lab.fault("dev", fault)
            assert "<userName>admin<" in get(device, USERS, None)
            assert ask(device, "GET", TIME, login=None).status_code == times
            assert device.rtsp_open() == (fault == "open")
            lab.fault("dev", fault, on=False)


def test_h07_sockets_do_not_do_what_the_document_says() -> None:
    with one() as (lab, device):
        kinds = {kind for kind, _port in lab.sockets("dev")}
        assert {"http", "https", "rtsp"} <= kinds
        lab.fault("dev", "H07-closed")
        assert "rtsp" not in {kind for kind, _port in lab.sockets("dev")}
        lab.fault("dev", "H07-closed", on=False)
        lab.fault("dev", "H07-open")
        assert change(device, ACCESS, *row(device, "RTSP")) == (200, "ok")
        assert device.protocol("RTSP")["enabled"] == "false"
        assert "rtsp" in {kind for kind, _port in lab.sockets("dev")}


def test_h20_a_wrong_login_may_be_403() -> None:
    with one("isapi-camera", "H20-403") as (_lab, device):
        assert ask(device, "GET", TIME, login=None).status_code == 401, "or nobody could ever log in"
        assert ask(device, "GET", TIME, login=WRONG).status_code == 403
        assert ask(device, "GET", TIME).status_code == 200


def test_a_broken_disk_shows_in_the_storage() -> None:
    with one("isapi-nvr") as (lab, device):
        path = "ContentMgmt/Storage"
        assert re.findall("<status>(.*)</status>", get(device, path, RECORDER)) == ["ok", "ok"]
        lab.fault("dev", "disk-error")
        assert re.findall("<status>(.*)</status>", get(device, path, RECORDER)) == ["error", "ok"]


def test_h49_gone_does_not_come_back() -> None:
    with one("isapi-camera", "H49-gone") as (lab, device):
        assert word(ask(device, "PUT", "System/reboot").text, "statusCode") == "1"
        lab.settle()
        assert lab.sockets("dev") == [] and device.is_down()


def test_every_fault_is_played_by_some_test() -> None:
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_isapi_*.py")]
    missing = [name for name in FAULTS if not any(f'"{name}"' in text for text in texts)]
    assert missing == []

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""motionEye 0.44.0 from PyPI on Debian's motion: from an empty password to hardened. In the order of the file.

/power/ is never called: it would switch this machine off.
"""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest
from programs import MotionEye, free_ports, listening, status, until
from real_rig import Rig, note, outcomes

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import LoginRefused

DESIGN = {
    "services": {name: {"enabled": False} for name in ("stream", "upload", "smb", "commands", "web_hooks")},
    "video": {"authentication": True},
    "auth": {"basic_login": False},
}


@pytest.fixture(scope="module")
def rig(motioneye: MotionEye) -> Rig:
    return Rig("motioneye", motioneye.port, ("admin", ""))


def post(program: MotionEye, path: str, data: Any, cookie: str = "") -> tuple[int, Any, str]:
    connection = http.client.HTTPConnection("127.0.0.1", program.port, timeout=20)
    connection.request("POST", path, json.dumps(data), {"Content-Type": "application/json", "Cookie": cookie})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, json.loads(body) if body else None, (answer.getheader("Set-Cookie") or "").partition(";")[0]


def login(program: MotionEye, user: str, password: str) -> tuple[int, str]:
    code, _body, cookie = post(program, "/login", {"username": user, "password": password})
    return code, cookie


def test_an_empty_password_and_an_open_stream_are_findings(motioneye: MotionEye, rig: Rig) -> None:
    _code, cookie = login(motioneye, "admin", "")
    code, camera, _cookie = post(motioneye, "/config/add", {
        "proto": "netcam", "scheme": "file", "host": "", "port": "", "path": "/scratch/test.mkv", "username": "",
        "password": ""}, cookie)  # fmt: skip
    assert code == 200
    (motioneye.stream,) = free_ports(1)
    open_ = {"video_streaming": True, "streaming_port": motioneye.stream, "command_storage_enabled": True,
             "command_storage_exec": "true"}  # fmt: skip
    camera.pop("streaming_password")
    assert post(motioneye, "/config/1/set", {**camera, **open_}, cookie)[1]["error"] is None
    until(lambda: status(motioneye.stream, "/") == 200, "the stream")
    assert listening(motioneye.stream) == "00000000"
    found = rig.readings()
    assert found["accounts.anonymous_view"]["value"] is True and found["video.authentication"]["value"] is False
    assert found["services.commands.enabled"]["value"] is True and found["services.stream.open"]["value"] is True
    assert found["auth.anonymous_api"]["value"] is False and found["firmware.version"]["value"] == "0.44.0"
    assert abs(found["time.skew_seconds"]["value"]) <= 1


def test_video_is_not_called_protected_while_an_account_has_no_password(rig: Rig) -> None:
    line = rig.plan({"video": {"authentication": True}})["outcomes"]["video.authentication"]
    assert line["outcome"] == "refused" and "password" in line["why"]


def test_hardened_in_two_runs(motioneye: MotionEye, rig: Rig) -> None:
    """The passwords first: with them video.authentication can be judged. An account that nobody declared stays, because
    motionEye cannot remove it, but with another password."""
    result = rig.harden({k: v for k, v in DESIGN.items() if k != "video"},
                        **rig.bootstrap(negative_test=True, undeclared_accounts="remove"))  # fmt: skip
    bad = {k: v for k, v in outcomes(result).items() if v not in ("changed", "ok", "side_effect")}
    assert bad == {} and result["error"] is None
    line = result["outcomes"]['accounts."admin".password']
    assert line["outcome"] == "changed" and "old login is refused" in line["proof"]
    assert login(motioneye, *rig.login)[0] == 200 and login(motioneye, "admin", "")[0] == 401
    assert login(motioneye, "user", "")[0] == 401 and login(motioneye, "user", rig.secrets["accounts.user"])[0] == 200
    again = rig.harden(DESIGN)
    assert set(outcomes(again).values()) == {"ok"} and again["writes"] == 0


def test_by_effect_strangers_get_nothing(motioneye: MotionEye, rig: Rig) -> None:
    until(lambda: listening(motioneye.stream) in ("", "0100007F"), "the end of the stream to the network")
    assert status(motioneye.port, "/config/list") == 403 and status(motioneye.port, "/picture/1/current") == 403
    found = rig.readings()
    assert found["accounts.anonymous_view"]["value"] is False and found["services.commands.enabled"]["value"] is False
    rig.proven("accounts.anonymous_view", "services.stream.enabled", 'accounts."admin".password')


def test_the_mask_of_a_password_never_becomes_one(motioneye: MotionEye, rig: Rig) -> None:
    """What motionEye shows for a password is a password when it is sent back; a run over other settings sends none."""
    _code, cookie = login(motioneye, *rig.login)
    connection = http.client.HTTPConnection("127.0.0.1", motioneye.port, timeout=20)
    connection.request("GET", "/config/1/get", headers={"Cookie": cookie})
    camera = json.loads(connection.getresponse().read())
    connection.close()
    camera |= {"upload_enabled": True, "streaming_username": "v", "streaming_password": "Str3am-pw",
               "streaming_auth_mode": "digest"}  # fmt: skip
    assert post(motioneye, "/config/1/set", camera, cookie)[1]["error"] is None
    assert outcomes(rig.harden(DESIGN))["services.upload.enabled"] == "changed"
    stored = (motioneye.outside / "etc/camera-1.conf").read_text()
    assert "stream_authentication v:Str3am-pw" in stored
    assert login(motioneye, *rig.login)[0] == 200 and login(motioneye, "admin", "*****")[0] == 401


def test_drift_a_change_by_hand_is_found(motioneye: MotionEye, rig: Rig) -> None:
    _code, cookie = login(motioneye, *rig.login)
    assert post(motioneye, "/config/main/set", {"admin_username": "admin", "normal_username": "guest",
                                                "normal_password": ""}, cookie)[0] == 200  # fmt: skip
    found = rig.readings()
    assert found['accounts."guest".role']["value"] == "viewer" and 'accounts."user".role' not in found
    assert found["video.authentication"]["value"] is False


def test_there_is_no_lock_out_and_nobody_claims_one(rig: Rig) -> None:
    plan = rig.plan({"auth": {"lockout_attempts": 3}})
    assert plan["outcomes"]["auth.lockout_attempts"]["outcome"] == "unsupported"
    with pytest.raises(LoginRefused):
        rig.readings(credentials=[{"username": "admin", "password": "Wr0ng", "label": "current"}])
    note("motioneye", "unsupported", "auth.lockout_attempts")

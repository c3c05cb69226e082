# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ZoneMinder 1.36.33 as Debian 12 has it, with MariaDB, PHP and nginx: from open to everybody to hardened. In the order
of the file."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from programs import ZoneMinder, status
from real_rig import Rig, outcomes

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import LoginRefused
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session

DESIGN = {
    "identity": {"name": "NVR-7"},
    "accounts": {"nvr-view": {"role": "viewer"}, "guard": {"role": "operator"}, "anonymous_view": False},
    "video": {"authentication": True},
    "auth": {"basic_login": False},
    "services": {name: {"enabled": False} for name in ("triggers", "x10", "upload", "update_check")},
    "time": {"zone": "Asia/Tokyo"},
    "log": {"auth_events": True},
}


@pytest.fixture(scope="module")
def rig(zoneminder: ZoneMinder) -> Rig:
    return Rig("zoneminder", zoneminder.port, ("admin", "admin"))


def call(program: ZoneMinder, method: str, path: str, form: dict[str, Any] | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", program.port, timeout=20)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    connection.request(method, f"/zm/api{path}", urlencode(form or {}), headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, json.loads(body) if body else None


def token(program: ZoneMinder, login: tuple[str, str]) -> str | None:
    _status, body = call(program, "POST", "/host/login.json", {"user": login[0], "pass": login[1]})
    return body.get("access_token")


def config(program: ZoneMinder, name: str) -> str:
    return program.sql(f"SELECT Value FROM Config WHERE Name='{name}'").strip()


def test_open_to_everybody_is_a_finding(zoneminder: ZoneMinder, rig: Rig) -> None:
    found = rig.readings()
    assert found["auth.anonymous_api"]["value"] is True and found["accounts.anonymous_view"]["value"] is True
    assert found["video.authentication"]["value"] is False and found["firmware.version"]["value"] == "1.36.33"
    assert found['accounts."admin".role']["value"] == "administrator"
    assert abs(found["time.skew_seconds"]["value"]) <= 1


def test_h48_logins_are_not_turned_on_where_that_locks_the_only_admin_out(zoneminder: ZoneMinder, rig: Rig) -> None:
    for design, key in (({"video": {"authentication": True}}, "video.authentication"),
                        ({"accounts": {"anonymous_view": False}}, "accounts.anonymous_view"),
                        ({"accounts": {"guard": {"role": "viewer"}}}, 'accounts."guard".role')):  # fmt: skip
        result = rig.harden(design)
        line = result["outcomes"][key]
        assert line["outcome"] == "refused" and "APIEnabled=1 WHERE Username='admin'" in line["why"], line
        assert config(zoneminder, "ZM_OPT_USE_AUTH") == "0" and result["writes"] == 0
    result = rig.harden({}, **rig.bootstrap())
    assert result["outcomes"]['accounts."admin".password']["outcome"] == "refused"
    assert call(zoneminder, "GET", "/host/getVersion.json")[0] == 200
    rig.secrets.clear()


def test_hardened_in_one_run_once_the_admin_may_use_the_api(zoneminder: ZoneMinder, rig: Rig) -> None:
    zoneminder.sql("UPDATE Users SET APIEnabled=1 WHERE Username='admin'")
    before = config(zoneminder, "ZM_AUTH_HASH_SECRET")
    result = rig.harden(DESIGN, **rig.bootstrap(negative_test=True))
    bad = {k: v for k, v in outcomes(result).items() if v not in ("changed", "ok")}
    assert bad == {} and result["error"] is None
    assert config(zoneminder, "ZM_OPT_USE_AUTH") == "1" and config(zoneminder, "ZM_OPT_USE_LEGACY_API_AUTH") == "0"
    secret = config(zoneminder, "ZM_AUTH_HASH_SECRET")
    assert "Change me" in before and len(secret) == 64 and secret not in repr(result)
    assert "old login is refused" in result["outcomes"]['accounts."admin".password']["proof"]
    assert rig.plan(DESIGN)["changes"] == []
    assert all(password not in repr(result) for password in rig.secrets.values())


def test_by_effect_strangers_get_nothing(zoneminder: ZoneMinder, rig: Rig) -> None:
    for path in ("/configs.json", "/users.json", "/monitors.json", "/host/getVersion.json"):
        assert call(zoneminder, "GET", path)[0] == 401, path
    assert status(zoneminder.port, f"/zm/api/users.json?user={rig.login[0]}&pass={rig.login[1]}") == 401
    found = rig.readings()
    assert found["auth.anonymous_api"]["value"] is False and found["accounts.anonymous_view"]["value"] is False
    rig.proven("auth.anonymous_api", "accounts.anonymous_view", "video.authentication", "auth.basic_login",
               'accounts."admin".password')  # fmt: skip


def test_roles_are_what_they_say(zoneminder: ZoneMinder, rig: Rig) -> None:
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in zoneminder.sql(
        "SELECT Username, System, Events, Monitors, Stream, APIEnabled FROM Users").splitlines()}  # fmt: skip
    assert rows["nvr-view"] == ["None", "View", "View", "View", "0"]
    assert rows["guard"] == ["None", "Edit", "View", "View", "0"] and rows["admin"][0] == "Edit"
    said = call(zoneminder, "POST", "/host/login.json", {"user": "guard", "pass": rig.secrets["accounts.guard"]})
    assert said[1]["data"]["message"] == "API disabled for: guard", "the password is right, the API is not for it"
    rig.proven('accounts."guard".role', 'accounts."nvr-view".role')
    result = rig.harden({"accounts": {"guard": "absent", "nvr-view": {"role": "viewer", "enabled": False}}})
    assert set(outcomes(result).values()) <= {"changed", "ok"}
    assert zoneminder.sql("SELECT Username, Enabled FROM Users ORDER BY Id").split() == ["admin", "1", "nvr-view", "0"]


def test_a_camera_is_told_its_new_login(zoneminder: ZoneMinder, rig: Rig) -> None:
    key = token(zoneminder, rig.login)
    for name, path in (("gate", "rtsp://old:pw@192.0.2.7:554/h264"), ("yard", "rtsp://192.0.2.8/h264")):
        form = {"Monitor[Name]": name, "Monitor[Type]": "Ffmpeg", "Monitor[Function]": "None", "Monitor[Path]": path,
                "Monitor[Width]": 320, "Monitor[Height]": 240, "Monitor[Colours]": 4,
                "Monitor[SecondPath]": path.replace("h264", "audio"), "Monitor[ONVIF_Username]": "nvr"}  # fmt: skip
        assert call(zoneminder, "POST", f"/monitors.json?token={key}", form)[0] == 200
    assert rig.value('recording.jobs."1 gate".state') == "idle"
    with Session(rig.spec()) as session:
        assert session.driver.tell_camera_login(session.ctx, "192.0.2.7", "nvr", "N&w/Pass: 7")
        assert session.driver.tell_camera_login(session.ctx, "192.0.2.9", "nvr", "x") is None
    rows = zoneminder.sql("SELECT Name, User, Pass, Path FROM Monitors ORDER BY Id").splitlines()
    assert rows[0].split("\t") == ["gate", "nvr", "N&w/Pass: 7", "rtsp://nvr:N%26w%2FPass%3A%207@192.0.2.7:554/h264"]
    assert "nvr" not in rows[1]
    more = zoneminder.sql("SELECT SecondPath, ONVIF_Password FROM Monitors ORDER BY Id").splitlines()
    assert more[0].split("\t") == ["rtsp://nvr:N%26w%2FPass%3A%207@192.0.2.7:554/audio", "N&w/Pass: 7"]
    assert more[1].split("\t") == ["rtsp://192.0.2.8/audio", ""]
    assert "N&w/Pass" not in repr(rig.readings())


def test_drift_a_change_by_hand_is_found(zoneminder: ZoneMinder, rig: Rig) -> None:
    zoneminder.sql("UPDATE Config SET Value='1' WHERE Name='ZM_OPT_TRIGGERS'")
    zoneminder.sql("UPDATE Users SET System='Edit' WHERE Username='nvr-view'")
    design = {**DESIGN, "accounts": {"nvr-view": {"role": "viewer"}}}
    keys = {change["key"] for change in rig.plan(design)["changes"]}
    assert keys == {"services.triggers.enabled", 'accounts."nvr-view".role'}
    rig.harden(design)
    assert rig.plan(design)["changes"] == []


def test_there_is_no_lock_out_and_nobody_claims_one(zoneminder: ZoneMinder, rig: Rig) -> None:
    plan = rig.plan({"auth": {"lockout_attempts": 3}})
    assert plan["outcomes"]["auth.lockout_attempts"]["outcome"] == "unsupported"
    assert plan["lock_rules"]["locks"] is False
    with pytest.raises(LoginRefused):
        rig.readings(credentials=[{"username": "admin", "password": "Wr0ng", "label": "current"}])
    assert rig.readings()["auth.anonymous_api"]["value"] is False
    from real_rig import note

    note("zoneminder", "unsupported", "auth.lockout_attempts")

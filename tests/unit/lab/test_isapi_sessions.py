# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login of the web pages of simulated ISAPI devices."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import hashlib
from typing import Any

import pytest
import requests
from isapi_lab_box import CAMERA, OLD, ask, one, put, said, user, word

TIME = "System/time"
USERS = "Security/users"
PASSWORD = "N3w-Passw0rd"


def answer_to(text: str, user_: str, password: str) -> str:
    """The value for `password` as two public clients compute it (fact sheet 1)."""

    def sha(value: str) -> str:
        return hashlib.sha256(value.encode()).hexdigest()

    challenge, rounds = word(text, "challenge"), int(word(text, "iterations"))
    if word(text, "isIrreversible") != "true":
        value = sha(password) + challenge
        for _number in range(1, rounds):
            value = sha(value)
        return value
    value = sha(user_ + word(text, "salt") + password)
    if word(text, "sessionIDVersion") != "2":
        value = sha(user_ + word(text, "salt2") + value)
    value = sha(value + challenge)
    for _number in range(2, rounds):
        value = sha(value)
    return value


def session_of(device: Any, password: str = CAMERA[1]) -> requests.Response:
    path = "Security/sessionLogin"
    text = ask(device, "GET", f"{path}/capabilities?username=admin", login=None).text
    value = answer_to(text, "admin", password)
    number = word(text, "sessionID")
    body = f"<SessionLogin><userName>admin</userName><password>{value}</password><sessionID>{number}</sessionID>"
    return ask(device, "POST", path, f"{body}</SessionLogin>", login=None)


@pytest.mark.parametrize("kind", ["2", "2.1", "reversible"])
def test_the_login_of_the_web_pages_gives_a_session(kind: str) -> None:
    with one(session_login=kind) as (lab, device):
        done = session_of(device)
        assert done.status_code == 200, done.text
        cookies = done.cookies.get_dict()
        assert ask(device, "GET", TIME, login=None, cookies=cookies).status_code == 200
        assert lab.log("dev")[-1].user == "admin" and not any(value in str(device.log) for value in cookies.values())
        wrong = session_of(device, "Planted-Wrong-1")
        assert wrong.status_code == 401 and word(wrong.text, "retryLoginTime") == "6"
        assert ask(device, "GET", TIME, login=None, cookies={"WebSession": "0" * 64}).status_code == 401
        lab.restart("dev", 0.0)
        assert ask(device, "GET", TIME, login=None, cookies=cookies).status_code == 401


@pytest.mark.parametrize(("fault", "status"), [("", 401), ("H42", 200)])
def test_a_new_password_ends_the_sessions_unless_h42(fault: str, status: int) -> None:
    with one("isapi-camera", *filter(None, [fault])) as (_lab, device):
        cookies = session_of(device).cookies.get_dict()
        assert put(device, f"{USERS}/1", user("admin", PASSWORD, "Administrator", "1")) == (200, "ok")
        assert ask(device, "GET", TIME, login=None, cookies=cookies).status_code == status


def test_an_old_camera_has_no_such_login() -> None:
    with one(OLD) as (_lab, device):
        assert said(ask(device, "GET", "Security/sessionLogin/capabilities?username=admin")) == (404, "notSupport")

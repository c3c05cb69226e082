# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated AXIS devices: accounts, logins, throttle, first setup and reset."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from vapix_box import ADD, Client

MODELS = ("vapix-modern", "vapix-11", "vapix-9", "vapix-old")


# -- accounts ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", MODELS)
def test_accounts_are_made_changed_and_removed(model: str) -> None:
    client = Client(model)
    assert client.form("pwdgrp.cgi", **ADD) == "Created account ops."
    assert client.form("usergroup.cgi", login=("ops", "Ops-1")) == "ops\nusers operator viewer ptz\n"
    assert client.form("pwdgrp.cgi", action="update", user="ops", pwd="Ops-2", sgrp="viewer") == "Modified account ops."
    assert client.form("usergroup.cgi", login=("ops", "Ops-2")) == "ops\nusers viewer\n"
    assert "401" in client.form("usergroup.cgi", login=("ops", "Ops-1"))
    assert client.form("pwdgrp.cgi", action="remove", user="ops") == "Removed account ops."
    assert "ops" not in client.form("pwdgrp.cgi", action="get")


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"user": "o ps"}, "Error: consult the system log file."),
        ({"user": "o" * 15}, "Error: consult the system log file."),
        ({"sgrp": "admin"}, "Error: consult the system log file."),
        ({"pwd": ""}, "Error: consult the system log file."),
        ({"strict_pwd": "1", "pwd": "p" * 65}, "Error: consult the system log file."),
        ({"user": "root"}, "Error: consult the system log file."),
        ({"user": ""}, "Error: account user name."),
        ({"action": ""}, "Error: action operation type."),
        ({"action": "rename"}, "Error: malformed action operation, rename."),
    ],
)
def test_what_is_wrong_with_an_account_is_told_inside_status_200(wrong: dict[str, str], text: str) -> None:
    client = Client("vapix-9")
    before = set(client.device.accounts.users)
    assert client.form("pwdgrp.cgi", **(ADD | wrong)) == text
    assert set(client.device.accounts.users) == before


def test_root_cannot_be_removed_before_11_5_and_the_comment_was_mandatory() -> None:
    client = Client("vapix-old")
    assert client.form("pwdgrp.cgi", action="remove", user="root").startswith("Error")
    without = {key: value for key, value in ADD.items() if key != "comment"}
    assert client.form("pwdgrp.cgi", **without).startswith("Error")
    assert Client("vapix-9").form("pwdgrp.cgi", **without) == "Created account ops."


def test_old_firmware_lists_its_unix_groups_and_new_one_does_not() -> None:
    old = Client("vapix-9").form("pwdgrp.cgi", action="get")
    assert 'digusers="root,operator1,viewer1"' in old and "wwwaovp" in old and "\r" not in old
    new = Client().form("pwdgrp.cgi", action="get")
    assert new.splitlines()[0] == 'admin="admin"' and "www" not in new and "\r\n" in new


def test_a_policy_of_the_device_refuses_weak_passwords() -> None:
    client = Client(passphrase_policy="complex")
    assert client.form("pwdgrp.cgi", **ADD).startswith("Error")
    assert client.form("pwdgrp.cgi", **(ADD | {"pwd": "Correct-Horse-7"})).startswith("Created")


# -- logins --------------------------------------------------------------------------------------------------------
def test_the_recommended_policy_wants_digest_on_http_and_basic_on_https() -> None:
    client = Client()
    plain = dict(client.raw("GET", "/axis-cgi/usergroup.cgi").headers)["WWW-Authenticate"]
    secure = dict(client.raw("GET", "/axis-cgi/usergroup.cgi", scheme="https").headers)["WWW-Authenticate"]
    assert plain.startswith("Digest ") and "qop" not in plain and secure.startswith("Basic ")
    digest = client.credentials(plain, "GET", "/axis-cgi/usergroup.cgi", *client.login)
    refused = client.raw("GET", "/axis-cgi/usergroup.cgi", scheme="https", authorization=digest)
    assert refused.status == 401, "a client that knows digest only fails here"
    assert client.ask("GET", "/axis-cgi/usergroup.cgi", scheme="https").status == 200


def test_basic_is_never_taken_where_digest_is_wanted() -> None:
    client = Client("vapix-9")
    basic = client.credentials("Basic", "GET", "/", *client.login)
    for scheme in ("http", "https"):
        assert client.raw("GET", "/axis-cgi/usergroup.cgi", scheme=scheme, authorization=basic).status == 401


def test_qop_comes_when_it_is_switched_on() -> None:
    client = Client("vapix-9")
    assert client.update({"Network.HTTP.AuthenticationWithQop": "yes"}) == "OK\n"
    assert 'qop="auth"' in dict(client.raw("GET", "/axis-cgi/usergroup.cgi").headers)["WWW-Authenticate"]


def test_the_throttle_blocks_for_a_while_and_locks_nobody_out() -> None:
    front = "System.PreventDoSAttack.DoS"
    client = Client(values={f"{front}PageCount": "2", f"{front}PageInterval": "60", f"{front}BlockingPeriod": "1"})
    wrong = ("admin", "wrong")
    for _unused in range(3):
        assert client.ask("GET", "/axis-cgi/usergroup.cgi", login=wrong).status == 401
    assert client.ask("GET", "/axis-cgi/usergroup.cgi").status == 401, "the right password is refused meanwhile"
    assert client.device.log[-1].login == "locked" and "127.0.0.1" in client.device.locked()
    client.peer = "127.0.0.2"
    assert client.ask("GET", "/axis-cgi/usergroup.cgi").status == 200, "another address is not blocked"
    client.peer = "127.0.0.1"
    deadline = time.monotonic() + 5
    while client.device.locked() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert client.ask("GET", "/axis-cgi/usergroup.cgi").status == 200


def test_without_the_throttle_any_number_of_wrong_passwords_is_tried() -> None:
    client = Client("vapix-9")
    for _unused in range(65):
        assert client.ask("GET", "/axis-cgi/usergroup.cgi", login=("root", "wrong")).status == 401
    assert client.ask("GET", "/axis-cgi/usergroup.cgi").status == 200


def test_logs_tell_of_logins_and_hold_no_password() -> None:
    client = Client("vapix-9")
    client.update({"System.AccessLog": "On"})
    client.ask("GET", "/axis-cgi/usergroup.cgi", login=("root", "Wrong-Secret-5"))
    client.form("pwdgrp.cgi", **(ADD | {"pwd": "Fresh-Secret-5"}))
    told = client.form("accesslog.cgi") + client.form("systemlog.cgi")
    assert "authentication failure /axis-cgi/usergroup.cgi" in told
    assert "Secret-5" not in told + repr(client.device.log) + str(client.device.public_state())


# -- first setup and reset -----------------------------------------------------------------------------------------
FIRST = {"action": "add", "user": "boss", "pwd": "Boss-1", "grp": "users", "sgrp": "admin:operator:viewer:ptz"}


def test_a_factory_new_device_takes_its_first_administrator_and_nothing_else() -> None:
    client = Client("vapix-factory")
    assert client.device.bootstrap_login is None
    assert client.json("systemready", "systemready")["data"]["needsetup"] == "yes"
    refused = client.ask("GET", "/axis-cgi/param.cgi?action=list")
    assert (refused.status, refused.body) == (401, b"Error: initial admin user must be created first.")
    assert client.form("pwdgrp.cgi", **(FIRST | {"sgrp": "viewer"})) == "Error: not a valid initial admin user."
    assert client.form("pwdgrp.cgi", **FIRST) == "Created account boss."
    client.login = ("boss", "Boss-1")
    assert client.json("systemready", "systemready")["data"]["needsetup"] == "no"
    assert client.params("System.RootPwdSet") == {"root.System.RootPwdSet": "yes"}
    assert client.raw("POST", "/axis-cgi/pwdgrp.cgi", b"").status == 401, "it works once"


def test_before_11_5_the_first_administrator_is_root() -> None:
    client = Client("vapix-factory", first_admin_any_name=False)
    assert client.form("pwdgrp.cgi", **FIRST) == "Error: not a valid initial admin user."
    assert client.form("pwdgrp.cgi", **(FIRST | {"user": "root", "grp": "root"})) == "Created account root."


@pytest.mark.parametrize(("cgi", "zone"), [("hardfactorydefault.cgi", "CST6CDT"), ("factorydefault.cgi", "JST-9")])
def test_a_reset_takes_the_accounts_and_a_soft_one_keeps_the_time(cgi: str, zone: str) -> None:
    client = Client("vapix-9")
    client.update({"Time.POSIXTimeZone": "JST-9", "Network.HostName": "cam-7"})
    client.form(cgi)
    assert client.device.accounts.needs_setup and client.device.tree.get("Network.HostName") != "cam-7"
    assert client.device.tree.get("Time.POSIXTimeZone").startswith(zone)


def test_a_restart_comes_after_its_answer() -> None:
    client = Client("vapix-9", restart_seconds=30)
    boot = client.device.bootid
    assert client.ask("GET", "/axis-cgi/restart.cgi").status == 200 and client.device.listeners()
    client.device.restart_at = time.monotonic() - 1
    assert client.device.listeners() == set() and client.device.bootid != boot

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What devices ask of a password is read where they tell it, and believed; how they lock is not guessed."""

from __future__ import annotations

from collections import Counter

import pytest
from onvif_driver_box import DRIVER, binding, device, opened, write

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import LockRules, PasswordRules
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt import OpenWrtDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import Refused
from ansible_collections.nwcs.hardening.plugins.plugin_utils import passwords

GET = "GetPasswordComplexityConfiguration"


def plain(rules: PasswordRules) -> dict:
    return {"min_length": rules.min_length, "max_length": rules.max_length, "classes": rules.classes}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("onvif-strict", {"min_length": 12, "max_length": 32, "classes": {"upper": 2, "digit": 1, "special": 2}}),
        ("onvif-recorder", {"min_length": 8, "max_length": 32, "classes": {"digit": 1, "special": 1}}),
        ("onvif-complete", {"min_length": 8, "max_length": 32, "classes": {}}),
        ("onvif-poor", {"min_length": 8, "max_length": 16, "classes": {}}),
    ],
)
def test_the_policy_is_read_where_there_is_one(model: str, expected: dict) -> None:
    with device(model) as (lab, _cam):
        ctx = opened(lab)
        rules = DRIVER.password_rules(ctx)
        assert plain(rules) == expected
        assert ("complexity configuration" in rules.source) is bool(expected["classes"])
        assert Counter(entry.operation for entry in lab.log("cam"))[GET] == 1
        assert DRIVER.lock_rules(ctx) == LockRules(None, None, DRIVER.lock_rules(ctx).source, None)
        ctx.close()


def test_reading_and_opening_do_not_ask_for_it() -> None:
    with device("onvif-strict") as (lab, _cam):
        ctx = opened(lab)
        DRIVER.fetch(ctx, [document.name for document in DRIVER.documents])
        DRIVER.lock_rules(ctx)
        asked = {entry.operation for entry in lab.log("cam")}
        assert GET not in asked and not any("AuthFailure" in name for name in asked if name)
        ctx.close()


@pytest.mark.parametrize("model", ["onvif-strict", "onvif-recorder"])
def test_what_is_made_by_the_rules_is_taken_and_what_breaks_them_is_refused(model: str) -> None:
    with device(model) as (lab, cam):
        weak = {"strict": "Long-enough-but-1", "recorder": "admin-Horse-7"}[model.partition("-")[2]]
        ctx = opened(lab, admin=weak)
        rules = DRIVER.password_rules(ctx)
        given = {**plain(rules), "forbidden": rules.forbidden}
        assert passwords.misfit(weak, given, ("admin",))
        with pytest.raises(Refused, match="PasswordTooWeak|weak"):
            write(ctx, "users", lambda tree: binding("accounts.*.password").put(tree, "admin", "set"))
        assert cam.state["users"][0]["Password"] == "12345"
        ctx.close()
        password, bits = passwords.generate(given, ("admin", cam.model["model"]))
        assert passwords.misfit(password, given, ("admin",)) is None and bits > 100
        ctx = opened(lab, admin=password)
        write(ctx, "users", lambda tree: binding("accounts.*.password").put(tree, "admin", "set"))
        assert cam.state["users"][0]["Password"] == password
        ctx.close()


@pytest.mark.parametrize(
    ("policy", "least", "classes"),
    [
        ({"MinLen": 0, "Uppercase": 0, "Number": 0, "SpecialChars": 0}, 8, {}),
        ({"MinLen": 28}, 28, {}),
        ({"BlockUsernameOccurrence": True}, 8, {}),
    ],
)
def test_rules_that_ask_for_nothing_or_for_length(policy: dict, least: int, classes: dict) -> None:
    with device("onvif-complete", overrides={"password_policy": policy}) as (lab, _cam):
        ctx = opened(lab)
        rules = DRIVER.password_rules(ctx)
        assert (rules.min_length, rules.classes) == (least, classes)
        ctx.close()


def test_a_told_minimum_lifts_a_guessed_maximum_but_no_told_one() -> None:
    with device("onvif-complete", overrides={"password_policy": {"MinLen": 40}}) as (lab, _cam):
        ctx = opened(lab)
        assert DRIVER.password_rules(ctx).max_length == 32, "told: then there is no password, and that is said"
        ctx.capabilities = {"SecurityPolicies": "PasswordComplexity"}
        rules = DRIVER.password_rules(ctx)
        assert (rules.min_length, rules.max_length) == (40, 40), "16 was our guess only"
        ctx.close()


@pytest.mark.parametrize("word", ["banana", "-1", "999", ""])
def test_a_policy_that_cannot_be_understood_breaks_nothing_and_is_told(word: str) -> None:
    policy = {"MinLen": word or None, "Number": 2}
    with device("onvif-complete", overrides={"password_policy": policy}) as (lab, _cam):
        ctx = opened(lab)
        rules = DRIVER.password_rules(ctx)
        assert (rules.min_length, rules.max_length, rules.classes) == (8, 32, {})
        assert "could not be read" in rules.source
        ctx.close()


def test_a_device_that_falls_silent_at_it_is_not_lost() -> None:
    with device("onvif-poor", overrides={"unsupported": {"default": "close"}}) as (lab, _cam):
        ctx = opened(lab)
        rules = DRIVER.password_rules(ctx)
        assert (rules.max_length, rules.classes) == (16, {})
        assert ctx.call("tds:GetDeviceInformation") is not None
        ctx.close()


def test_openwrt_is_known_not_to_lock_and_onvif_is_not_known() -> None:
    assert OpenWrtDriver().lock_rules(None).locks is False  # type: ignore[arg-type]
    assert DRIVER.lock_rules(None).locks is None  # type: ignore[arg-type]
    assert LockRules().locks is None

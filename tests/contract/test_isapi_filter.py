# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address filter of ISAPI devices: written unarmed, so it must never be left so when something fails on the way."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from driver_cases import FAMILIES, Rig, rig, short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import isapi_session
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    LoginRefused,
    Refused,
    Unreachable,
)

ISAPI = FAMILIES["isapi"]
PATH = "System/Network/ipFilter"
OLD = {"access": {"mode": "allow", "sources": ["127.0.0.1", "192.0.2.9"]}}
NEW = {"access": {"mode": "allow", "sources": ["127.0.0.1", "192.0.2.10"]}}
ERRORS = [Busy, Refused, Unreachable, BadAnswer]


def armed(run: Rig) -> tuple[str, bool]:
    """Is it on, and is the new list in it?"""
    return run.device.value(PATH, "enabled"), "192.0.2.10" in run.device.documents[PATH]


def fails(monkeypatch: pytest.MonkeyPatch, method: str, error: type[DeviceError], when: Callable[[int], bool]) -> None:
    """`send` or `fetch` of the filter's document fails at these calls, counted from 1; nothing reaches the device."""
    honest, calls = getattr(isapi_session.IsapiContext, method), [0]

    def call(self: Any, *words: Any, **more: Any) -> Any:
        if PATH in words[:2]:
            calls[0] += 1
            if when(calls[0]):
                raise error("on purpose")
        return honest(self, *words, **more)

    monkeypatch.setattr(isapi_session.IsapiContext, method, call)


def prepared(run: Rig) -> None:
    assert run.harden(OLD)["outcomes"]["access.mode"]["outcome"] == "changed"
    assert armed(run) == ("true", False)


@pytest.mark.parametrize("error", ERRORS)
def test_arming_that_fails_once_is_done_again(error: type[DeviceError], monkeypatch: pytest.MonkeyPatch) -> None:
    with rig(ISAPI) as run:
        prepared(run)
        fails(monkeypatch, "send", error, lambda call: call == 2)
        result = run.harden(NEW)
        assert result["outcomes"]["access.sources"]["outcome"] == "changed", result["outcomes"]
        assert "access.mode" not in result["outcomes"] or result["outcomes"]["access.mode"]["outcome"] == "ok"
        assert armed(run) == ("true", True)


@pytest.mark.parametrize("error", ERRORS)
def test_arming_that_fails_twice_brings_the_old_list_back_armed(
    error: type[DeviceError], monkeypatch: pytest.MonkeyPatch
) -> None:
    with rig(ISAPI) as run:
        prepared(run)
        fails(monkeypatch, "send", error, lambda call: call in (2, 3))
        line = run.harden(NEW)["outcomes"]["access.sources"]
        assert line["outcome"] == ("refused" if error is Refused else "failed"), line
        assert armed(run) == ("true", False)


@pytest.mark.parametrize("error", ERRORS)
def test_a_list_that_cannot_be_read_back_is_not_left_unarmed(
    error: type[DeviceError], monkeypatch: pytest.MonkeyPatch
) -> None:
    with rig(ISAPI) as run:
        prepared(run)
        plan = run.plan(NEW)

        def hook(name: str) -> None:
            if name == "store:ip_filter:before":
                fails(monkeypatch, "fetch", error, lambda call: call == 1)

        line = run.apply(plan, hook)["outcomes"]["access.sources"]
        assert line["outcome"] in ("refused", "failed") and armed(run) == ("true", False), line


def test_a_filter_that_cannot_be_armed_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with rig(ISAPI) as run:
        prepared(run)
        plan = run.plan({"access": {"mode": "deny", "sources": ["192.0.2.10"]}})
        fails(monkeypatch, "send", Busy, lambda call: call > 1)
        line = run.apply(plan)["outcomes"]["access.mode"]
        assert line["outcome"] == "failed" and "may be open" in line["why"] and line["read"] == "off", line


def test_a_refused_login_is_not_tried_again_for_the_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    with rig(ISAPI) as run:
        prepared(run)
        sent: list[int] = []

        def when(call: int) -> bool:
            sent.append(call)
            return call == 2

        fails(monkeypatch, "send", LoginRefused, when)
        run.harden(NEW)
        assert sent == [1, 2]


def test_a_filter_that_shall_be_off_goes_off_although_its_list_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with rig(ISAPI) as run:
        prepared(run)
        fails(monkeypatch, "send", Refused, lambda call: call == 1)
        result = run.harden({"access": {"mode": "off", "sources": ["127.0.0.1", "192.0.2.10"]}})
        assert result["outcomes"]["access.mode"]["outcome"] == "changed", result["outcomes"]
        assert result["outcomes"]["access.sources"]["outcome"] == "refused" and armed(run) == ("false", False)


def test_a_range_in_the_list_is_not_overlooked_when_the_filter_is_switched_on() -> None:
    """Our own address is in it: as a list of who stays out it would have shut us out."""
    with rig(ISAPI) as run:
        entry = ("<IPFilterAddress><id>1</id><addressFilterType>range</addressFilterType><AddressRange>"
                 "<startIPAddress>127.0.0.0</startIPAddress><endIPAddress>127.255.255.255</endIPAddress>"
                 "</AddressRange></IPFilterAddress>")  # fmt: skip
        head, mark, tail = run.device.documents[PATH].partition("</IPFilterAddressList>")
        assert mark
        run.device.documents[PATH] = head + entry + mark + tail
        assert run.readings()["access.sources"]["state"] == "unverifiable"
        result = run.harden({"access": {"mode": "deny", "sources": ["192.0.2.9"]}})
        said = {key: line["outcome"] for key, line in result["outcomes"].items()}
        assert said == {"access.mode": "guarded", "access.sources": "not_checked"}
        assert entry in run.device.documents[PATH] and armed(run)[0] == "false"


@pytest.mark.parametrize("held", [None, "127.0.0.1"])
def test_h41_a_filter_that_keeps_its_kind_is_not_armed(held: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device says OK, takes the list and stays with `deny` (fact sheet 2: it may ignore values silently)."""
    with rig(ISAPI) as run:
        if held:  # the list is there already, and off
            assert run.harden({"access": {"mode": "off", "sources": [held]}})["error"] is None
        assert (run.device.value(PATH, "enabled"), run.device.value(PATH, "permissionType")) == ("false", "deny")
        honest = isapi_session.IsapiContext.send

        def send(self: Any, method: str, path: str, tree: Any = None, *more: Any) -> Any:
            if path == PATH:
                tree = {"text": tree["text"].replace("<permissionType>allow<", "<permissionType>deny<")}
            return honest(self, method, path, tree, *more)

        monkeypatch.setattr(isapi_session.IsapiContext, "send", send)
        result = run.harden({"access": {"mode": "allow", "sources": ["127.0.0.1"]}})
        line = result["outcomes"]["access.mode"]
        assert line["outcome"] == "refused", line
        assert armed(run)[0] == "false" and run.read()["login"] == "current"

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EZVIZ and Ehome of an ISAPI device: off only where both are off, and switched off in both."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

from typing import Any

import pytest
from driver_cases import FAMILIES, Rig, rig, short_pauses  # noqa: F401

ISAPI = FAMILIES["isapi"]
PLACES = {"EZVIZ": "System/Network/EZVIZ", "Ehome": "System/Network/Ehome"}
OFF = {"cloud": {"enabled": False}}


def put(run: Rig, **words: str) -> None:
    for name, word in words.items():
        run.lab.call(lambda name=name, word=word: run.device.edit(PLACES[name], "enabled", word))


def held(run: Rig) -> list[str]:
    return [run.device.value(path, "enabled") for path in PLACES.values()]


def answer(run: Rig, name: str, status: int) -> None:
    """This status where one of them is asked for."""
    honest = run.device.act

    def act(request: Any, path: str, query: str, user: str) -> Any:
        response = honest(request, path, query, user)
        if path.endswith(PLACES[name]):
            response.status = status
        return response

    run.device.act = act


@pytest.mark.parametrize("model", ["isapi-camera", "isapi-nvr"])
@pytest.mark.parametrize(("ezviz", "ehome"), [("false", "true"), ("true", "false"), ("true", "true")])
def test_either_of_them_is_on_and_both_go_off(model: str, ezviz: str, ehome: str) -> None:
    with rig(ISAPI, model=model) as run:
        put(run, EZVIZ=ezviz, Ehome=ehome)
        assert run.readings()["cloud.enabled"]["value"] is True
        line = run.harden(OFF)["outcomes"]["cloud.enabled"]
        assert line["outcome"] == "changed" and held(run) == ["false", "false"], line
        assert run.readings()["cloud.enabled"]["value"] is False


@pytest.mark.parametrize(("status", "state"), [(503, "unreadable"), (404, "value")])
@pytest.mark.parametrize("silent", PLACES)
def test_one_that_is_off_does_not_speak_for_the_other(silent: str, status: int, state: str) -> None:
    """Busy is no answer; "not offered" is one."""
    with rig(ISAPI) as run:
        put(run, EZVIZ="false", Ehome="false")
        answer(run, silent, status)
        assert run.readings()["cloud.enabled"]["state"] == state


def test_a_word_that_nobody_knows_is_not_off() -> None:
    with rig(ISAPI) as run:
        put(run, EZVIZ="false", Ehome="banana")
        assert run.readings()["cloud.enabled"]["state"] == "unverifiable"


@pytest.mark.parametrize(("model", "key", "path"), [
    ("isapi-camera", "tamper", "tamperDetection"), ("isapi-nvr", "video_loss", "Event/triggers"),
])  # fmt: skip
def test_what_is_spared_for_it_is_read_where_a_design_names_it(model: str, key: str, path: str) -> None:
    with rig(ISAPI, model=model) as run:
        assert f"events.{key}" not in run.readings()
        assert not any(path in entry.operation for entry in run.log())
        line = run.harden({"events": {key: True}})["outcomes"][f"events.{key}"]
        assert line["outcome"] == "changed", line

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address filter of AXIS firmware before 11.11, which has no rollback: no list that was not taken is ever armed."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from driver_cases import FAMILIES, Rig, rig, short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.plugins.module_utils import reading
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import Busy

VAPIX = FAMILIES["vapix"]
ENABLED, POLICY, LIST = (
    "Network.Filter.Enabled", "Network.Filter.Input.Policy", "Network.Filter.Input.AcceptAddresses"
)  # fmt: skip
ARMED = {ENABLED: "yes", POLICY: "allow", LIST: "127.0.0.1 192.0.2.1"}
DESIGN = {"access": {"mode": "allow", "sources": ["127.0.0.1", "192.0.2.9"]}}
Wish = Callable[[str, str], "str | None"]


def bend(run: Rig, change: Wish) -> list[dict[str, str]]:
    """The device stores what `change(name, value)` makes of an update, None: refuses it. Gives the updates as sent."""
    sent: list[dict[str, str]] = []
    honest = run.device.tree.update

    def update(wishes: list[tuple[str, str]], level: int, clamps: bool = False) -> tuple[list[str], list[str]]:
        sent.append(dict(wishes))
        made = [(name, change(name, value)) for name, value in wishes]
        errors = [f"# Error: Error setting 'root.{name}' to 'x'!" for name, value in made if value is None]
        more, done = honest([(name, value) for name, value in made if value is not None], level, clamps)
        return errors + more, done

    run.device.tree.update = update
    return sent


def held(run: Rig) -> dict[str, str]:
    return {name: run.device.tree.get(name) for name in (ENABLED, POLICY, LIST)}


def no_list(name: str, value: str) -> str | None:
    return None if name == LIST else value


def short_list(name: str, value: str) -> str | None:
    return value[:12] if name == LIST else value


def dropped_list(name: str, value: str) -> str | None:
    return "" if name == LIST else value


@pytest.mark.parametrize("change", [no_list, short_list, dropped_list])
@pytest.mark.parametrize("model", ["vapix-9", "vapix-old"])
def test_h13_a_list_that_was_not_taken_as_it_was_sent_is_not_armed(model: str, change: Wish) -> None:
    with rig(VAPIX, model=model) as run:
        sent = bend(run, change)
        result = run.harden(DESIGN)
        lines = {key: result["outcomes"][key]["outcome"] for key in ("access.mode", "access.sources")}
        assert lines == {"access.mode": "refused", "access.sources": "refused"} and result["error"] is None
        assert run.device.tree.get(ENABLED) == "no" and all(update.get(ENABLED) != "yes" for update in sent)
        assert run.readings()["access.mode"]["value"] == "off", "still in"


@pytest.mark.parametrize("change", [no_list, short_list, dropped_list])
def test_an_armed_filter_whose_new_list_is_not_taken_gets_the_old_one_back_armed(change: Wish) -> None:
    with rig(VAPIX, model="vapix-9", values=ARMED) as run:
        sent = bend(run, lambda name, value: value if value == ARMED[LIST] else change(name, value))
        result = run.harden(DESIGN)
        assert result["outcomes"]["access.sources"]["outcome"] == "refused", result["outcomes"]
        assert held(run) == ARMED and result["error"] is None
        assert not any(ENABLED in update and len(update) > 1 for update in sent)
        assert run.readings()["access.mode"]["value"] == "allow"


def test_an_armed_filter_is_changed_while_it_is_off() -> None:
    with rig(VAPIX, model="vapix-9", values=ARMED) as run:
        sent = bend(run, lambda name, value: value)
        result = run.harden(DESIGN)
        assert result["outcomes"]["access.sources"]["outcome"] == "changed", result["outcomes"]
        assert sent == [{ENABLED: "no"}, {LIST: "127.0.0.1 192.0.2.9"}, {ENABLED: "yes"}]
        assert held(run) == {**ARMED, LIST: "127.0.0.1 192.0.2.9"}


def test_a_filter_that_cannot_be_armed_again_is_told() -> None:
    with rig(VAPIX, model="vapix-9", values=ARMED) as run:
        bend(run, lambda name, value: None if value == "yes" else value)
        line = run.harden(DESIGN)["outcomes"]["access.sources"]
        assert held(run)[ENABLED] == "no"
        assert line["outcome"] != "ok" and "may be open" in str(line), line


def test_a_filter_that_does_not_go_off_keeps_its_list() -> None:
    with rig(VAPIX, model="vapix-9", values=ARMED) as run:
        bend(run, lambda name, value: "yes" if name == ENABLED else value)
        line = run.harden(DESIGN)["outcomes"]["access.sources"]
        assert line["outcome"] == "refused" and "did not go off" in line["why"] and held(run) == ARMED


def test_a_filter_that_shall_be_off_goes_off_first_and_the_others_follow_whatever_becomes_of_it() -> None:
    with rig(VAPIX, model="vapix-9", values=ARMED) as run:
        sent = bend(run, no_list)
        result = run.harden({"access": {"mode": "off"}, "services": {"zeroconf": {"enabled": False}}})
        assert {line["outcome"] for line in result["outcomes"].values()} == {"changed"}, result["outcomes"]
        assert {ENABLED: "no"} in sent and held(run)[ENABLED] == "no"


@pytest.mark.parametrize(("version", "state"), [((12, 11), "unreadable"), ((11, 11), "unreadable"), ((9, 80), "value")])
def test_parameters_do_not_speak_for_a_firewall_that_could_not_be_read(version: tuple[int, ...], state: str) -> None:
    trees = {"firewall": Busy("HTTP 503"), "param": {ENABLED: "no", POLICY: "allow", LIST: ""}}
    ctx: Any = SimpleNamespace(version=version, apis=None)
    found = reading.decode(VAPIX.driver, ctx, trees)
    assert [found["access", key].state for key in ("mode", "sources")] == [state, state]

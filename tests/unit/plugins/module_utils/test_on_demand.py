# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents that are read on demand: only where a wish names one of their keys, and told as not read elsewhere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.nwcs.hardening.plugins.module_utils import reading
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Binding, Document, Driver, Key


class Told(Driver):
    family = "told"
    documents = (
        Document("always", fetch=True),
        Document("names", fetch=True, on_demand=True),
        Document("services", fetch=True, on_demand=True, rest=lambda tree: tree),
    )
    bindings = (
        Binding(("identity", "name"), ("always",), lambda tree: tree["name"]),
        Binding(("identity", "location"), ("names",), lambda tree: tree["location"]),
        Binding(("services", "*", "enabled"), ("services",), lambda tree, item: tree[item], items=list),
    )

    def __init__(self) -> None:
        self.asked: list[str] = []

    def fetch(self, ctx: Any, names: Any) -> dict[str, Any]:
        self.asked += names
        held = {"always": {"name": "cam"}, "names": {"location": "B1"}, "services": {"http": True, "ftp": False}}
        return {name: held[name] for name in names}


def session(*wanted: Key) -> Any:
    return SimpleNamespace(driver=Told(), ctx=SimpleNamespace(facts={}), wanted=set(wanted), logins=[])


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        ((), ["always"]),
        ((("identity", "name"),), ["always"]),
        ((("identity", "location"),), ["always", "names"]),
        ((("services", "ftp", "enabled"),), ["always", "services"]),
        ((("services", "*", "enabled"),), ["always", "services"]),
        ((("services", "ftp", "ports"),), ["always"]),
    ],
)
def test_a_reading_of_everything_spares_what_nobody_wants(wanted: tuple[Key, ...], asked: list[str]) -> None:
    one = session(*wanted)
    trees = reading.fetch(one)
    assert one.driver.asked == asked and set(trees) == {"always", "names", "services"}
    readings = reading.decode(one.driver, None, trees)
    for key, name in ((("identity", "location"), "names"), (("services", "*", "enabled"), "services")):
        if name not in asked:
            assert readings[key].state == "unreadable" and "not read" in readings[key].why
    told = reading.digests(one.driver, trees)["services"]
    assert ("digest" in told) == ("services" in asked)


def test_what_is_asked_by_name_is_read_whatever_it_costs() -> None:
    one = session()
    assert set(reading.fetch(one, ["names"])) == {"names"} and one.driver.asked == ["names"]


def test_a_plan_reads_what_it_wants_and_forgets_that_it_was_not_read() -> None:
    one = session()
    trees = reading.fetch(one)
    readings = reading.decode(one.driver, None, trees)
    reading.fetch_wanted(one, trees, readings, [("services", "ftp", "enabled")])
    assert one.driver.asked == ["always", "services"]
    assert readings["services", "ftp", "enabled"].value is False and ("services", "*", "enabled") not in readings
    assert readings["identity", "location"].state == "unreadable" and readings["identity", "name"].value == "cam"
    reading.fetch_wanted(one, trees, readings, [("services", "ftp", "enabled")])
    assert one.driver.asked == ["always", "services"], "once"

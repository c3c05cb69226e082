# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading: which binding speaks for a key, and what its answer is worth."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.nwcs.hardening.plugins.module_utils import reading
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    NOT_OFFERED,
    UNREADABLE,
    UNSUPPORTED,
    UNVERIFIABLE,
    VALUE,
    WRITE_ONLY,
    Binding,
    Document,
    Reading,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import Refused, Unsupported

NAME, ROLE, ON = ("identity", "name"), ("accounts", "*", "role"), ("services", "*", "enabled")


def decode(trees: dict[str, Any], *bindings: Binding, **documents: Any) -> dict[Any, Reading]:
    names = {name for binding in bindings for name in binding.documents}
    driver = SimpleNamespace(bindings=bindings, documents=[Document(n, fetch=n, **documents) for n in sorted(names)])
    return reading.decode(driver, SimpleNamespace(), trees)


def name(get: Any = lambda tree: tree["name"], *documents: str, **more: Any) -> Binding:
    return Binding(NAME, documents or ("a",), get, **more)


@pytest.mark.parametrize(
    ("tree", "binding", "state"),
    [
        ({"name": "cam"}, name(), VALUE),
        ({}, name(), UNREADABLE),
        (Unsupported("no such operation"), name(), UNSUPPORTED),
        (Refused("not allowed"), name(), UNREADABLE),
        ({"name": None}, name(), UNVERIFIABLE),
        ({"name": "x"}, name(lambda tree: ABSENT), UNSUPPORTED),
        ({"name": "x"}, name(lambda tree: ABSENT, absent=Reading(NOT_OFFERED, why="none")), NOT_OFFERED),
        ({"name": "x"}, name(lambda tree: ABSENT, absent="default"), VALUE),
        ({"name": "x"}, name(secret=True), WRITE_ONLY),
        ({"name": "x"}, name(when=lambda ctx, tree: False), UNSUPPORTED),
    ],
)
def test_every_answer_has_one_state_and_a_reason(tree: Any, binding: Binding, state: str) -> None:
    found = decode({"a": tree}, binding)[NAME]
    assert found.state == state
    assert (found.value is not None) == (state == VALUE) and (found.why or state == VALUE)


def test_the_first_binding_that_fits_reads() -> None:
    old, new = name(lambda tree: "old", when=lambda ctx, tree: tree["v"] == 1), name(lambda tree: "new")
    assert decode({"a": {"v": 1}}, old, new)[NAME].value == "old"
    assert decode({"a": {"v": 2}}, old, new)[NAME].value == "new"
    assert decode({"a": Refused("no"), "b": {}}, name(), name(lambda tree: "b", "b"))[NAME].value == "b"


def test_a_value_that_is_no_value_is_not_believed() -> None:
    """H13: "banana" for a switch."""
    on = Binding(ON, ("a",), lambda tree, item: tree[item], items=list)
    found = decode({"a": {"http": "banana", "ftp": "0"}}, on)
    assert found["services", "http", "enabled"].state == UNVERIFIABLE
    assert "banana" in found["services", "http", "enabled"].why
    assert found["services", "ftp", "enabled"].value is False


def test_a_list_that_was_not_read_is_no_empty_list() -> None:
    role = Binding(ROLE, ("a",), lambda tree, item: tree[item], items=list)
    assert decode({"a": Refused("no")}, role) == {ROLE: Reading(UNREADABLE, None, "no", "a")}
    assert decode({"a": {}}, role) == {}


def test_a_list_that_is_not_credible_says_so_for_each_and_for_the_whole() -> None:
    role = Binding(ROLE, ("a",), lambda tree, item: tree[item], items=list)
    found = decode({"a": {"x": "viewer"}}, role, credible=lambda ctx, tree: "the login in use is not in it")
    assert found[ROLE].state == UNVERIFIABLE and found["accounts", "x", "role"].state == UNVERIFIABLE
    assert found["accounts", "x", "role"].value is None


def test_members_of_a_closed_list_that_are_not_there_are_absent() -> None:
    no = Reading(NOT_OFFERED, why="not on this model")
    on = Binding(ON, ("a",), lambda tree, item: tree[item], items=list, domain=("http", "ftp"), absent=no)
    found = decode({"a": {"http": True}}, on)
    assert found["services", "http", "enabled"].value is True and found["services", "ftp", "enabled"] == no
    lost = decode({"a": Unsupported("no")}, on)
    assert {one.state for one in lost.values()} == {UNSUPPORTED} and len(lost) == 3


def test_digests_see_what_no_binding_models() -> None:
    driver = SimpleNamespace(documents=[Document("a", "a", rest=lambda tree: tree["more"]), Document("b", "b")])
    one = reading.digests(driver, {"a": {"more": 1}, "b": {}})
    assert set(one) == {"a"} and one != reading.digests(driver, {"a": {"more": 2}, "b": {}})
    assert one == reading.digests(driver, {"a": {"more": 1, "modelled": 5}})
    assert reading.digests(driver, {"a": Refused("no")})["a"] == {"state": UNREADABLE, "why": "no"}


def test_plain_never_holds_a_value_that_is_none() -> None:
    assert reading.plain(Reading(WRITE_ONLY, "secret", "kept")) == {"state": WRITE_ONLY, "why": "kept"}
    assert reading.plain(Reading.of(False, "a")) == {"state": VALUE, "value": False, "source": "a"}

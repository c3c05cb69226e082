# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.nwcs.hardening.plugins.module_utils import compare
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, Reading
from ansible_collections.nwcs.hardening.plugins.module_utils.design import Want

SOURCES = ("access", "sources")
DNS = ("network", "dns_servers")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("key", "left", "right", "expected"),
    [
        (SOURCES, ["10.0.0.1"], ["10.0.0.10"], False),
        (SOURCES, ["10.0.0.1", "10.0.0.2"], ["10.0.0.2", "10.0.0.1/32"], True),
        (DNS, ["10.0.0.1", "10.0.0.2"], ["10.0.0.2", "10.0.0.1"], False),
        (("identity", "name"), "cam", "CAM", False),
        (("identity", "hostname"), "Cam.", "cam", True),
        (("identity", "hostname"), "Cam", "cam2", False),
        (("services", "telnet", "enabled"), "on", True, True),
        (("services", "telnet", "enabled"), "banana", True, False),
        (("auth", "lockout_attempts"), 1, True, False),
        (("time", "zone"), "JST-9", "Asia/Tokyo", True),
        (("time", "zone"), "JST-9", "UTC", False),
        (("time", "zone"), "XST-9", "JST-9", True),
        (("facts", "mac"), "AA-BB-CC-DD-EE-FF", "aabbccddeeff", True),
        (("of", "tomorrow"), {"a": 1}, {"a": True}, False),
        (("accounts", "admin ", "role"), "viewer", ABSENT, False),
    ],
)
def test_same(key, left, right, expected):
    assert compare.same(key, left, right) is expected
    assert compare.same(key, right, left) is expected  # pylint: disable=arguments-out-of-order


@given(JSON, JSON)
def test_digest_tells_values_apart(left, right):
    assert (compare.digest(left) == compare.digest(right)) == (
        left == right and compare.canonical(left) == compare.canonical(right)
    )


@given(st.dictionaries(st.text(), st.integers()))
def test_digest_does_not_depend_on_order(data):
    assert compare.digest(data) == compare.digest(dict(reversed(list(data.items()))))


def test_digest_is_aware_of_types():
    values = [True, 1, 1.0, "1", [1], {"1": 1}, None, b"1", ABSENT, "true"]
    assert len({compare.digest(value) for value in values}) == len(values)


@pytest.mark.parametrize(
    ("want", "have", "kind", "missing", "extra"),
    [
        (Want(["a", "b"]), ["a", "b"], None, [], []),
        (Want(["a", "b"]), ["a"], "missing", ["b"], []),
        (Want(["a"]), ["a", "b"], "extra", [], ["b"]),
        (Want(["a"]), ["b"], "changed", ["a"], ["b"]),
        (Want(["a"], "at_least"), ["a", "b"], None, [], []),
        (Want(["a", "c"], "at_least"), ["a", "b"], "missing", ["c"], []),
        (Want([]), ["a"], "extra", [], ["a"]),
        (Want([], "at_least"), ["a"], None, [], []),
    ],
)
def test_lists_tell_missing_extra_and_changed_apart(want, have, kind, missing, extra):
    found = compare.difference(("auth", "ssh_keys"), want, Reading.of(have))
    if kind is None:
        assert found is None
    else:
        assert (found.kind, found.missing, found.extra) == (kind, missing, extra)


def test_another_order_is_a_change_only_where_order_matters():
    have = Reading.of(["10.0.0.2", "10.0.0.1"])
    assert compare.difference(DNS, Want(["10.0.0.1", "10.0.0.2"]), have).kind == "changed"
    assert compare.difference(SOURCES, Want(["10.0.0.1", "10.0.0.2"]), have) is None


def test_an_item_that_must_not_be():
    role = ("accounts", "guest", "role")
    assert compare.difference(role, Want(ABSENT), Reading.of(ABSENT)) is None
    assert compare.difference(role, Want(ABSENT), Reading.of("viewer")).kind == "extra"
    assert compare.difference(role, Want("viewer"), Reading.of(ABSENT)).kind == "missing"


@pytest.mark.parametrize("state", ["unsupported", "unreadable", "unverifiable", "manual", "write_only"])
@pytest.mark.parametrize("wanted", [False, True, ABSENT])
def test_unknown_is_never_compliant(state, wanted):
    found = compare.difference(("services", "ftp", "enabled"), Want(wanted), Reading(state, why="because"))
    assert found.kind == "unknown"
    assert state in found.why and "because" in found.why


def test_a_switch_that_does_not_exist_is_off():
    key, have = ("services", "ftp", "enabled"), Reading("not_offered")
    assert compare.difference(key, Want(False), have) is None
    assert compare.difference(key, Want(True), have).kind == "missing"
    assert compare.difference(("access", "mode"), Want("off"), have) is None
    assert compare.difference(("access", "mode"), Want("allow"), have).kind == "missing"
    assert compare.difference(SOURCES, Want(["10.0.0.1"]), have).missing == ["10.0.0.1"]


@pytest.mark.parametrize("name", ["admin ", "аdmin", "ad\u200bmin", "Admin", "\uff41dmin", "admın", "adm\u0456n"])
def test_look_alikes(name):
    assert compare.look_alikes(["admin", name, "ops"]) == [sorted(["admin", name])]


def test_names_that_differ_are_not_look_alikes():
    assert compare.look_alikes(["admin", "admins", "ops", "op", "cam-1", "cam-2", "管理者", "閲覧者"]) == []
    assert compare.look_alikes(["admin", "admin"]) == []


@given(st.lists(st.sampled_from(["a", "b", "a#2", "a#3", "", "#2"])))
def test_content_names_are_unique_and_keep_the_first(names):
    result = compare.content_names(names)
    assert len(set(result)) == len(names) == len(result)
    first = {name: names.index(name) for name in names}
    assert all(result[index] == name for name, index in first.items())

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""uci trees: parsing recorded answers, masking, and edits that lead from any tree to any other."""

from __future__ import annotations

import copy
import json

from hypothesis import given
from hypothesis import strategies as st
from openwrt_captures import recorded

from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import openwrt_uci as uci
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_crypt import sha512_crypt


def test_sections_keep_the_order_of_the_file_and_lose_their_index():
    tree = uci.parse("firewall", dict(reversed(recorded("firewall").items())))
    rules = [section["name"] for _name, section in uci.of_type(tree, "rule")]
    assert rules[0] == "Allow-DHCP-Renew" and rules[-1] == "Allow-ISAKMP"
    assert not any(".index" in section for section in tree.values())


def test_secrets_never_reach_the_tree_and_references_do():
    tree = uci.parse("ddns", recorded("ddns"))
    assert tree["myddns_ipv4"]["password"] == uci.MASK
    assert "your_password" not in json.dumps(tree)
    rpcd = uci.parse("rpcd", {
        "a": {".type": "login", ".anonymous": True, "username": "root", "password": "$p$root"},
        "b": {".type": "login", ".anonymous": True, "username": "ops", "password": "$6$salt$hash"},
    })  # fmt: skip
    assert rpcd["a"]["password"] == "$p$root"
    assert rpcd["b"]["password"] == uci.MASK


def test_names_of_files_and_switches_are_not_taken_for_secrets():
    assert uci.parse("uhttpd", recorded("uhttpd"))["main"]["key"] == "/etc/uhttpd.key"
    assert uci.parse("dropbear", recorded("dropbear"))["main"]["PasswordAuth"] == "on"
    for option in ("private_key", "preshared_key", "key", "key1", "sae_password", "auth_secret", "pincode"):
        assert uci.is_secret("wireless", option), option


def test_login_and_query_of_a_ddns_url_are_masked():
    masked = uci.mask("ddns", "update_url", "https://me:hunter2@ddns.example/nic?token=hunter3&a=1")
    assert masked == "https://ddns.example/nic?***"


def test_a_flag_reads_as_the_scripts_do():
    assert [uci.flag({"x": word}, "x", False) for word in ("1", "on", "TRUE", "yes", "enabled")] == [True] * 5
    assert [uci.flag({"x": word}, "x", True) for word in ("0", "off", "False", "no", "disabled")] == [False] * 5
    assert uci.flag({"x": "banana"}, "x", True) is True and uci.flag({}, "x", False) is False


def test_an_equal_list_is_not_sent_again():
    old = uci.parse("system", recorded("system"))
    new = copy.deepcopy(old)
    new["ntp"]["enabled"] = "0"
    assert [(c.method, dict(c.args)) for c in uci.edits("system", old, new)] == [
        ("set", {"config": "system", "section": "ntp", "values": {"enabled": "0"}})
    ]
    assert uci.edits("system", old, copy.deepcopy(old)) == []


def test_masked_secrets_are_never_sent_back():
    old = uci.parse("ddns", recorded("ddns"))
    new = copy.deepcopy(old)
    new["copy"] = dict(new["myddns_ipv4"])
    assert uci.MASK not in json.dumps([dict(call.args) for call in uci.edits("ddns", old, new)])


def test_the_secret_is_put_in_only_where_it_is_sent():
    old = {"x": {".type": "login", ".anonymous": False, "username": "ops", "password": uci.MASK}}
    new = copy.deepcopy(old)
    new["x"]["password"] = uci.SET
    (call,) = uci.edits("rpcd", old, new, lambda name: f"hash of {new[name]['username']}")
    assert call.args["values"] == {"password": "hash of ops"}
    assert new["x"]["password"] == uci.SET
    assert uci.content(new) == uci.content(old)


def test_content_does_not_see_the_ids_of_anonymous_sections():
    tree = uci.parse("firewall", recorded("firewall"))
    renamed = {f"cfg{i:02d}": section for i, section in enumerate(tree.values())}
    assert uci.content(tree) == uci.content(renamed)
    renamed["cfg05"] = {**renamed["cfg05"], "dest_port": "1-65535"}
    assert uci.content(tree) != uci.content(renamed)


def test_the_hash_is_the_one_of_crypt():
    expected = "$6$abcdefgh$FSHaNs23y/xoyQ8Hjbs6oNYqFghQlSuAH7D3.xkuTN0khyS7VXmrxdovWymgyjQzCUdE0X23SchdtmRn9Mt.W0"
    assert sha512_crypt("Aud1tor-pass!", "abcdefgh") == expected  # the recorded router accepted it
    assert sha512_crypt("x" * 100) != sha512_crypt("x" * 100)


# -- any tree ----------------------------------------------------------------------------------------------------------
_NAMES = st.sampled_from(["alpha", "beta", "gamma"])
_VALUES = st.one_of(st.text(max_size=8), st.lists(st.text(min_size=1, max_size=5), max_size=3))
_OPTIONS = st.dictionaries(st.sampled_from(["name", "proto", "ports", "enabled"]), _VALUES, max_size=4)


@st.composite
def trees(draw):
    tree = {}
    for i in range(draw(st.integers(0, 3))):
        tree[f"cfg{i}"] = {".type": draw(_NAMES), ".anonymous": True, **draw(_OPTIONS)}
    for name in draw(st.sets(_NAMES)):
        tree[name] = {".type": name, ".anonymous": False, **draw(_OPTIONS)}
    return tree


def perform(tree, calls):
    """The calls as rpcd performs them; an empty value deletes, a missing section or option is an error."""
    tree = copy.deepcopy(tree)
    for call in calls:
        args = call.args
        if call.method == "add":
            section = {".type": args["type"], ".anonymous": "name" not in args, **args["values"]}
            tree[args.get("name", f"new{len(tree)}")] = section
        elif call.method == "set":
            tree[args["section"]].update(args["values"])
        elif "options" in args:
            for option in args["options"]:
                del tree[args["section"]][option]
        else:
            del tree[args["section"]]
        assert all(value not in ("", [], None) for value in args.get("values", {}).values())
    return tree


@given(trees(), trees())
def test_edits_lead_from_any_tree_to_any_other(old, new):
    new = uci.align(new, old)
    done = perform(old, uci.edits("test", old, new))
    assert uci.content(done) == uci.content(new)
    assert uci.edits("test", new, copy.deepcopy(new)) == []


@given(trees(), trees())
def test_aligning_keeps_every_section(target, now):
    aligned = uci.align(target, now)
    assert uci.content(aligned) == uci.content(target)


_LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
_JSON = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


@given(_JSON)
def test_any_json_parses_to_a_tree_of_texts(values):
    for section in uci.parse("system", values).values():
        for option, value in section.items():
            assert option.startswith(".") or isinstance(value, str) or all(isinstance(v, str) for v in value)

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT
from ansible_collections.nwcs.hardening.plugins.module_utils.design import Want, parse_design
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError
from ansible_collections.nwcs.hardening.plugins.module_utils.settings import Phase

ROOT = Path(__file__).resolve().parents[4]
CONCRETE = st.builds(
    lambda pattern, item: tuple(item if part == "*" else part for part in pattern),
    st.sampled_from(sorted(settings.SETTINGS)),
    st.text().filter(lambda text: text != "*"),
)


@given(CONCRETE)
def test_key_text_and_parse_key_are_inverse(key):
    assert settings.parse_key(settings.key_text(key)) == key


@given(st.text(max_size=60))
def test_any_text_is_a_key_or_an_input_error(text):
    try:
        key = settings.parse_key(text)
    except InputError:
        return
    assert key and all(isinstance(part, str) for part in key)


@pytest.mark.parametrize("text", ["", ".", "a.", '"open', '"a"b', "a..b"])
def test_broken_keys_are_refused(text):
    with pytest.raises(InputError):
        settings.parse_key(text)


def test_items_of_free_choice_are_quoted():
    assert settings.key_text(("accounts", "ops", "role")) == 'accounts."ops".role'
    assert settings.key_text(("services", "telnet", "enabled")) == "services.telnet.enabled"
    assert settings.key_text(("accounts", "a.b", "role")) == 'accounts."a.b".role'
    assert settings.item_of(("accounts", "anonymous_view")) == ""


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=30)
    | st.sampled_from(
        ["on", "10.0.0.1/32", "10.0.0.5/24", "AA-BB-CC-DD-EE-FF", "JST-9", "Asia/Tokyo", "ntp.example.jp.", "80:90"]
    )
)
MAPS = st.dictionaries(
    st.sampled_from(["protocol", "port", "ports", "to", "to_port", "sources", "name", "mac", "address"]),
    SCALARS | st.lists(SCALARS, max_size=2),
    max_size=4,
)


@given(st.sampled_from(sorted(settings.SETTINGS)), SCALARS | MAPS | st.lists(SCALARS | MAPS, max_size=4))
def test_normalisers_may_run_twice_and_refuse_with_value_error(pattern, value):
    key = tuple("item" if part == "*" else part for part in pattern)
    try:
        once = settings.normalise(key, value)
    except ValueError:
        return
    assert settings.normalise(key, once) == once


@pytest.mark.parametrize("value", ["banana", None, [], 2, "", "tru"])
def test_a_boolean_is_never_guessed(value):
    with pytest.raises(ValueError, match="true or false"):
        settings.normalise(("ddns", "enabled"), value)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (("services", "http", "ports"), [80, "8080", 80], [80, 8080]),
        (("access", "sources"), ["10.0.0.5/24", "::1/128"], ["10.0.0.0/24", "::1"]),
        (("network", "address"), ["192.168.1.1/24"], ["192.168.1.1/24"]),
        (("time", "servers"), ["NTP.example.jp.", "a", "a"], ["ntp.example.jp", "a"]),
        (("facts", "mac"), "aabb.ccdd.eeff", "aa:bb:cc:dd:ee:ff"),
        (
            ("nat", "forwards"),
            [{"port": 8554, "to": "10.0.0.1/32", "protocol": "tcp", "name": ""}],
            [{"protocol": "tcp", "port": "8554", "to": "10.0.0.1"}],
        ),
    ],
)
def test_normalise(key, value, expected):
    assert settings.normalise(key, value) == expected


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_a_wanted_port_is_a_port(port):
    with pytest.raises(InputError, match="1 to 65535"):
        parse_design({"services": {"http": {"ports": [80, port]}}})


def test_design_is_flattened_with_modes_and_absence():
    wanted = parse_design(
        {
            "services": {"telnet": {"enabled": "no"}},
            "accounts": {"guest": "absent", "a.b": {"role": "Viewer"}, "anonymous_view": False},
            "time.servers": {"at_least": ["ntp.example.jp"]},
            'accounts."ops".role': "operator",
        },
        "design of cam-07",
    )
    assert wanted[("services", "telnet", "enabled")] == Want(False)
    assert wanted[("accounts", "guest", "role")] == Want(ABSENT)
    assert wanted[("accounts", "a.b", "role")] == Want("viewer")
    assert wanted[("accounts", "ops", "role")] == Want("operator")
    assert wanted[("time", "servers")] == Want(["ntp.example.jp"], "at_least")
    assert {want.origin for want in wanted.values()} == {"design of cam-07"}


@pytest.mark.parametrize(
    ("design", "words"),
    [
        ({"servces": {"telnet": {"enabled": False}}}, ["servces", "services"]),
        ({"services": {"telnet": {"enabeld": False}}}, ["enabeld", "services.*.enabled"]),
        ({"accounts": {"ops": {"password": "x"}}}, ["password never stands"]),
        ({"facts": {"serial": "1"}}, ["observed"]),
        ({"time": {"sync": "sundial"}}, ["time.sync", "ntp", "sundial"]),
        ({"ddns": {"enabled": "banana"}}, ["ddns.enabled", "banana"]),
        (["list"], ["map"]),
        ({"services": "off"}, ["services"]),
    ],
)
def test_a_wrong_design_says_what_and_where(design, words):
    with pytest.raises(InputError) as error:
        parse_design(design, "design of cam-07")
    assert "design of cam-07" in str(error.value) or "unknown setting" in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_a_password_in_a_design_is_not_repeated():
    with pytest.raises(InputError) as error:
        parse_design({"accounts": {"ops": {"password": "Rec0gnisable"}}})
    assert "Rec0gnisable" not in str(error.value)


@pytest.mark.parametrize(
    ("key", "old", "new", "phase"),
    [
        (("accounts", "ops", "role"), ABSENT, "operator", Phase.OPEN),
        (("accounts", "ops", "role"), "operator", ABSENT, Phase.CLOSE),
        (("accounts", "ops", "role"), "administrator", "viewer", Phase.CLOSE),
        (("accounts", "ops", "role"), "viewer", "administrator", Phase.OPEN),
        (("accounts", "ops", "enabled"), True, False, Phase.CLOSE),
        (("services", "https", "enabled"), False, True, Phase.TRANSPORT),
        (("services", "http", "enabled"), True, False, Phase.PATH),
        (("services", "telnet", "enabled"), True, False, Phase.CLOSE),
        (("time", "servers"), [], ["a"], Phase.ORDINARY),
    ],
)
def test_phase(key, old, new, phase):
    assert settings.phase_of(key, old, new) is phase


def test_every_setting_has_both_languages_and_a_known_severity():
    for key, setting in settings.SETTINGS.items():
        assert setting.en and setting.ja, key
        assert setting.severity in ("critical", "high", "medium", "low", "info"), key
        assert setting.type in ("bool", "int", "str", "enum", "list", "map", "secret"), key
        assert (setting.type == "enum") == bool(setting.choices), key
        assert not (setting.volatile and not setting.observed), key


def _tool():
    spec = importlib.util.spec_from_file_location("settings_doc", ROOT / "tools" / "settings_doc.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_page_is_current(tmp_path, monkeypatch):
    tool = _tool()
    assert tool.main(["--check"]) == 0, "run python tools/settings_doc.py"
    stale = tmp_path / "settings.md"
    stale.write_text("old")
    monkeypatch.setattr(tool, "PAGE", stale)
    assert tool.main(["--check"]) == 1

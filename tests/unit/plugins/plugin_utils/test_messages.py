# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nwcs_snapshots import HOSTILE

from ansible_collections.nwcs.hardening.plugins.module_utils import errors
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import STATES
from ansible_collections.nwcs.hardening.plugins.plugin_utils import console, drift, messages, passwords, result

PLUGINS = Path(messages.__file__).resolve().parent


def placeholders(template):
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("name", sorted(messages.CATALOGUE))
def test_both_languages_and_the_same_placeholders(name):
    english, japanese = messages.CATALOGUE[name]
    assert english.strip() and japanese.strip()
    assert placeholders(english) == placeholders(japanese)
    assert all(field.isidentifier() for field in placeholders(english))


def test_every_word_of_a_closed_list_is_there():
    groups = {
        "status": result.STATUSES,
        "outcome": result.OUTCOMES,
        "severity": drift.SEVERITIES,
        "state": [state for state in STATES if state != "value"],
        "error": errors.CODES,
        "role": ("administrator", "operator", "viewer", "other"),
    }
    for group, names in groups.items():
        assert [name for name in names if f"{group}.{name}" not in messages.CATALOGUE] == [], group
    assert set(console.SIGNS) == set(result.STATUSES)


def test_every_kind_that_drift_makes_has_a_sentence():
    source = (PLUGINS / "drift.py").read_text(encoding="utf-8")
    kinds = set(re.findall(r'(?:finding|_tell)\(\s*"(\w+)"', source)) | set(drift.NOT_CHECKED)
    assert len(kinds) > 15
    assert {kind for kind in kinds if f"finding.{kind}" not in messages.CATALOGUE} == set()


def say(language="en", **more):
    base = {"kind": "value_changed", "key": "", "old": None, "new": None, "severity": "high", "args": {}}
    return messages.sentence({**base, "explained": None, **more}, language)


ADMIN = {
    "kind": "account_appeared",
    "key": 'accounts."support".role',
    "new": "administrator",
    "args": {"item": "support"},
}
FORWARD = {"protocol": "tcp", "port": "8554", "to": "127.77.0.11", "to_port": "554"}


@pytest.mark.parametrize(
    ("found", "english", "japanese"),
    [
        (ADMIN, "a new administrator account `support` appeared", "新しい管理者アカウント「support」が現れました"),
        ({**ADMIN, "new": None}, "a new account `support` appeared", "新しいアカウント「support」が現れました"),
        (
            {"kind": "member_appeared", "key": "nat.forwards", "new": FORWARD},
            "port 8554/tcp from the internet is forwarded to 127.77.0.11:554",
            "インターネットからのポート8554/tcpが127.77.0.11:554に転送されています",
        ),
        (
            {"kind": "member_gone", "key": "nat.forwards", "old": {"to": "2001:db8::1"}},
            "any port from the internet is no longer forwarded to 2001:db8::1",
            "インターネットからの全ポートは2001:db8::1に転送されなくなりました",
        ),
        (
            {"key": "network.dns_servers", "old": ["10.0.0.1"], "new": ["203.0.113.66"]},
            "DNS servers changed from `10.0.0.1` to `203.0.113.66`",
            "DNSサーバが「10.0.0.1」から「203.0.113.66」に変わりました",
        ),
        (
            {
                "kind": "member_appeared",
                "key": "nat.forwards",
                "new": {**FORWARD, "to": "::1", "sources": ["192.0.2.1"]},
            },
            "port 8554/tcp from the internet is forwarded to [::1]:554 (only from 192.0.2.1)",
            "インターネットからのポート8554/tcpが[::1]:554(接続元192.0.2.1のみ)に転送されています",
        ),
        (
            {
                "kind": "member_appeared",
                "key": "nat.wan_open",
                "new": {"protocol": "tcp", "ports": ["22"], "name": "x"},
            },
            "port 22/tcp is now accepted from the internet (`x`)",
            "インターネットからのポート22/tcpが許可されました(「x」)",
        ),
        (
            {"key": "ddns.enabled", "old": False, "new": True},
            "dynamic DNS: switched on",
            "ダイナミックDNSが有効になりました",
        ),
        (
            {
                "kind": "service_on",
                "key": "services.telnet.enabled",
                "new": True,
                "args": {"item": "telnet", "answers": True},
            },
            "the service `telnet` was switched on and answers on the network",
            "サービス「telnet」が有効になり、ネットワークで応答しています",
        ),
        ({"kind": "invented", "key": "a.b", "old": 1, "new": 2}, "invented: a.b 1 → 2", "invented:a.b 1 → 2"),
        (
            {"kind": "account_role", "key": "x"},
            "account_role: x role unknown → role unknown",
            "account_role:x 権限不明 → 権限不明",
        ),
    ],
)
def test_sentences(found, english, japanese):
    assert say("en", **found) == english
    assert say("ja", **found) == japanese


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_device_text_cannot_reach_the_terminal_raw(text, language):
    for found in (
        {**ADMIN, "args": {"item": text}},
        {"key": "identity.name", "old": text, "new": [text, {"to": text}]},
        {"kind": "not_reached", "args": {"code": text, "message": text}},
        {"kind": "document_changed", "args": {"document": text}},
        {"kind": "member_appeared", "key": "nat.forwards", "new": dict.fromkeys(FORWARD, text)},
        {"kind": text, "key": text},
        {"kind": "not_readable", "key": "identity.name", "args": {"state": text, "why": text}},
    ):
        sentence = say(language, **found)
        assert sentence.isprintable() and len(sentence) < 3000
        sentence.encode("utf-8")


@given(st.text())
def test_safe_shows_everything_and_stays_the_same_when_run_twice(text):
    once = messages.safe(text)
    assert all(c.isprintable() or c == "\u3000" for c in once)
    assert messages.safe(once) == once
    if text.isprintable():
        assert once == text


def test_placeholders_in_device_text_are_text():
    assert "{old.__class__}" in say(key="identity.name", old="{old.__class__}", new="{0}")


def test_local_time(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    try:
        assert messages.local_time("2026-11-21T20:00:00Z") == "2026-11-22 05:00:00 JST"
        assert messages.local_time("2026-11-21T20:00:00Z", "ja") == "2026年11月22日 05:00:00 JST"
        assert messages.local_time("soon\x1b") == "soon\\x1b"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("why", passwords.WEAKNESSES)
def test_why_a_password_is_weak_is_told_in_both_languages(why: str) -> None:
    told = drift.finding("weak_password", 'accounts."a".password', None, None, "critical", item="a",
                         why=passwords.WEAKNESSES[why])  # fmt: skip
    english, japanese = messages.sentence(told), messages.sentence(told, "ja")
    assert english.endswith(f"is weak: {passwords.WEAKNESSES[why]}")
    assert "のパスワードは弱いものです" in japanese and japanese.isascii() is False
    assert not any(word in japanese for word in passwords.WEAKNESSES[why].split() if len(word) > 2)

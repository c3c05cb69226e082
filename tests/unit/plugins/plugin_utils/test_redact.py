# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redaction: what stays, what goes, and that nothing else stays wherever it is planted."""

from __future__ import annotations

import ipaddress
import json
import re
import string
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.nwcs.hardening.plugins.plugin_utils import redact_bodies
from ansible_collections.nwcs.hardening.plugins.plugin_utils.redact import Redactor
from ansible_collections.nwcs.hardening.plugins.plugin_utils.redact_words import is_secret, known_words


def body(content: str, kind: str = "", redactor: Redactor | None = None) -> str:
    redactor = redactor or Redactor()
    redact_bodies.body(redactor, content.encode(), kind)
    return redact_bodies.body(redactor, content.encode(), kind)["text"]


@pytest.mark.parametrize(
    "text",
    ["true", "Off", "443", "-32002", "80,443,8554", "2026-11-21T13:00:00Z", "JST-9", "Asia/Tokyo", "0.0.0.0",
     "127.0.0.1", "255.255.255.0", "Administrator", "Digest", "RTSP", "user2", "TLSv1.2", "00000000",
     "ECDHE-RSA-AES128-GCM-SHA256", "CST-8", "EST5EDT,M3.2.0,M11.1.0", "network.interface"],
)  # fmt: skip
def test_words_small_numbers_times_and_masks_stay(text: str) -> None:
    assert Redactor().value("value", text) == text


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("10.1.2.3", r"192\.0\.2\.\d+"), ("10.1.2.3/24", r"192\.0\.2\.\d+/24"), ("fd00::17", r"2001:db8::[0-9a-f]+"),
        ("10.1.2.3-10.1.2.9", r"192\.0\.2\.\d+-192\.0\.2\.\d+"),
        ("a4:14:37:5b:6c:7d", r"02:00:00:00:00:01"), ("A4-14-37-5B-6C-7D", r"02-00-00-00-00-01"),
        ("a414.375b.6c7d", r"0200\.0000\.0001"), ("a414375b6c7d", "020000000001"),
        ("tanaka", r"NAME-\d+"), ("Tanaka Ichiro", r"NAME-\d+"), ("nvr.plant.jp", r"host-\d+\.example"),
        ("tanaka@plant.jp", r"mail-\d+@mail\.example"), ("0451234567", r"\d{10}"), ("4111 1111 1111 1111", r"NAME-\d+"),
        ("http://u:p@10.1.2.3:8080/onvif/device_service", r"http://192\.0\.2\.\d+:8080/onvif/device_service"),
        ("rtsp://nvr.plant.jp/gate?user=sato&password=x1y2z3", r"rtsp://host-1\.example/NAME-\d+\?user=NAME-\d+&"
         r"password=REDACTED"),
        ("admin,tanaka", r"admin,NAME-\d+"), ("$1$abc$defghijkl", r"REMOVED-\d+"), ("6f" * 20, r"REMOVED-\d+"),
        ("-----BEGIN KEY-----\nabc\n-----END KEY-----", r"REMOVED-\d+"), ("V9.8 site build", r"NAME-\d+"),
        ("123e4567-e89b-12d3-a456-426614174000", r"00000000-0000-4000-8000-\d{12}"), ("camera 3 tanaka", r"NAME-\d+"),
        ("{\"owner\": \"tanaka\"}", r'\{"owner": "NAME-\d+"\}'),
    ],
)  # fmt: skip
def test_everything_else_gets_a_pseudonym_of_its_shape(text: str, shape: str) -> None:
    redactor = Redactor()
    shown = redactor.value("value", text)
    assert re.fullmatch(shape, shown), shown
    assert redactor.value("other", text) == shown and sum(redactor.counts.values()) >= 2


def test_one_mac_in_all_its_spellings_is_one_device() -> None:
    redactor = Redactor()
    shown = [redactor.text(text) for text in ("a4:14:37:5b:6c:7d", "A4-14-37-5B-6C-7D", "A414375B6C7D")]
    assert {re.sub("[-:]", "", text).lower() for text in shown} == {"020000000001"}
    assert redactor.text("a4:14:37:5b:6c:7e") == "02:00:00:00:00:02"


def test_a_network_stays_a_network() -> None:
    redactor = Redactor()
    assert ipaddress.ip_network(redactor.text("10.9.8.0/24")).prefixlen == 24
    assert ipaddress.ip_interface(redactor.text("10.9.8.7/255.255.255.0"))


@pytest.mark.parametrize("key", ["password", "Passwd", "adminPWD", "wpa_psk", "Key", "encryptKey", "snmp_community",
                                 "authPassword", "nonce", "sessionId", "Salt", "passphrase",
                                 "access_token", "pin", "PresharedKey"])  # fmt: skip
@pytest.mark.parametrize("value", ["12345", "admin", "a-Secret", "1234"])
def test_a_secret_by_its_name_goes_whatever_it_is(key: str, value: str) -> None:
    assert is_secret(key) and Redactor().value(key, value) == "REDACTED"
    assert Redactor().number(key, 4711) == 0


@pytest.mark.parametrize("key", ["maxPasswordLength", "passwordComplexity", "monkey", "keyboard", "tokenTimeout"])
def test_names_that_only_look_like_secrets_do_not_hide_numbers(key: str) -> None:
    assert not is_secret(key) and Redactor().value(key, "8") == "8"


def test_a_secret_seen_once_is_found_everywhere() -> None:
    redactor = Redactor()
    content = json.dumps({"echo": "corridor-81", "list": ["x", "corridor-81"], "password": "corridor-81"})
    assert "corridor-81" not in body(content, redactor=redactor)
    assert redactor.text("corridor-81") == "REDACTED"


# Passwords that people really have: a short number, a word that some API knows. No shape gives them away.
WEAK = ("12345", "4321", "admin", "root", "User2")


@pytest.mark.parametrize("secret", WEAK)
@pytest.mark.parametrize("text", [
    "netcam_userpass = op:{}\n", "  webcontrol_authentication = op:{} \n", "Service.FTP.UserPw={}\n", "psw={}\n",
    '{{"Config": {{"Name": "ZM_UPLOAD_PASS", "Value": "{}"}}}}', '{{"password": {{"value": "{}"}}}}',
    '{{"list": [{{"name": "ftpPassword", "val": "{}"}}]}}', '{{"said": "password={}"}}', '{{"said": "a;pin: {}"}}',
    '<a><SimpleItem Name="Password" Value="{}"/></a>', "<a><password><value>{}</value></password></a>",
    "<a><row><name>wpaKey</name><value>{}</value></row></a>", "x: password={} user=op\n", "cb({{password:'{}'}})\n",
    '<a password="{}"/>', "<a><url>rtsp://192.0.2.7/;user=op;password={}</url></a>",
])  # fmt: skip
def test_a_weak_password_goes_by_what_is_said_of_it(text: str, secret: str) -> None:
    redactor = Redactor()
    shown = redact_bodies.body(redactor, text.format(secret).encode())["text"]
    assert secret not in shown, shown


@pytest.mark.parametrize("text", ["rtsp://op:4321/x@192.0.2.7/y", "rtsp://op:4321#x@192.0.2.7/y", "op:4321@cam/x",
                                  "rtsp://op:43/21/4321@192.0.2.7:554/y?a=1",
                                  "rtsp://op:4321?x@192.0.2.7/y"])  # fmt: skip
def test_no_part_of_a_password_in_an_address_stays(text: str) -> None:
    assert not re.search("43|21", Redactor().text(text)), Redactor().text(text)


@pytest.mark.parametrize("text", ["wrong password 12345 for op\n", '{"said": "pin 12345"}', "var pin = 12345\n"])
def test_a_number_that_a_sentence_calls_a_password_goes(text: str) -> None:
    assert "12345" not in redact_bodies.body(Redactor(), text.encode())["text"]


@pytest.mark.parametrize("text", ["loginTime=12:30:00\n", '{"Name": "ZM_OPT_USE_AUTH", "Value": "1"}',
                                  '{"name": "video", "value": "h264"}', "password policy 8\n"])  # fmt: skip
def test_what_is_no_password_stays(text: str) -> None:
    assert redact_bodies.body(Redactor(), text.encode())["text"] == text


def test_names_of_things_go_where_names_of_fields_stay() -> None:
    content = {"accounts": {"sato": {"id": 1, "role": "x"}, "ito": {"id": 2, "role": "x"}},
               "a4:14:37:5b:6c:7d": {"ip": "10.1.1.1"}, "owner": "kondo", "kondo": 1,
               "unheardField": 3, "x12345678": 1}  # fmt: skip
    shown = json.loads(body(json.dumps(content)))
    assert "unheardField" in shown and "02:00:00:00:00:01" in shown and shown[shown["owner"]] == 1
    assert set(shown["accounts"]) & {"sato", "ito"} == set() and len(shown["accounts"]) == 2
    assert not any("12345678" in name for name in shown)


def test_xml_keeps_its_structure_and_loses_comments() -> None:
    content = """<?xml version="1.0"?><!-- by tanaka --><a:Users xmlns:a="http://www.onvif.org/ver10/schema">
      <a:User owner="tanaka"><a:Name><![CDATA[tan<aka]]></a:Name><a:Password>12345</a:Password><a:On>true</a:On>
      </a:User><?render tanaka?><a:Empty/></a:Users>"""
    shown = body(content)
    tree, before = ElementTree.fromstring(shown), ElementTree.fromstring(content)
    assert [one.tag for one in tree.iter()] == [one.tag for one in before.iter()]
    assert "tan" not in shown.lower() and "12345" not in shown and ">true<" in shown


@pytest.mark.parametrize("content", ["<a><b></a>", '<!DOCTYPE a [<!ENTITY x "tanaka">]><a>&x;</a>', "<a>&nope;</a>"])
def test_broken_and_dangerous_xml_is_dropped(content: str) -> None:
    assert redact_bodies.body(Redactor(), content.encode()) == {"dropped": "not well-formed", "bytes": len(content)}


@pytest.mark.parametrize(
    ("content", "kind", "why"),
    [(b"<html><p>tanaka</p></html>", "text/html", "html"), (b"\xff\xd8\xff\xe0", "image/jpeg", "binary"),
     (b"abc\x00tanaka", "", "binary"), (b"<!DOCTYPE html><p>x", "", "html")],
)  # fmt: skip
def test_pages_and_pictures_are_dropped_with_their_size(content: bytes, kind: str, why: str) -> None:
    assert redact_bodies.body(Redactor(), content, kind) == {"dropped": why, "bytes": len(content)}


def test_lines_keep_their_names_quotes_and_ends() -> None:
    content = 'root.Network.HostName=gate-tanaka\r\nadmin="root,tanaka"\r\n# Error: no tanaka\r\n'
    content += "root.X.Password=1234\r\n"
    shown = body(content, "text/plain")
    assert re.fullmatch(
        r'root\.Network\.HostName=NAME-\d+\r\nadmin="root,NAME-\d+"\r\n# Error: (no|NAME-\d+) NAME-\d+\r\n'
        r"root\.X\.Password=REDACTED\r\n", shown,
    ), shown  # fmt: skip


def test_a_form_is_redacted_value_by_value() -> None:
    assert re.fullmatch(r"user=NAME-1&pass=REDACTED&mode=on",
                        body("user=tanaka&pass=geheim&mode=on", "application/x-www-form-urlencoded"))  # fmt: skip


# -- properties --------------------------------------------------------------------------------------------------------
# Texts that nobody can know: no word of the list, more than a small number, no time. The mark makes each findable.
MARK = "qzx"
free = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF, blacklist_categories=("Cs", "Cc", "Cn", "Co")),
               min_size=1, max_size=20)  # fmt: skip
plain_text = st.text(string.ascii_letters + string.digits + " ._-@:/,;=+", max_size=20)
planted = st.tuples(st.one_of(plain_text, free), plain_text).map(lambda two: f"{two[0]}{MARK}{two[1]}".strip())
numbers = st.integers(10**5, 10**18).map(str)
schema = st.sampled_from("name location serialNumber password ipAddress note unheardOf id key".split())
leaves: Any = st.one_of(planted, numbers, st.booleans(), st.none(), st.integers(-9, 9))
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(schema, inner, max_size=4)),
    max_leaves=12,
)


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {"map": [shape(one) for one in value.values()]}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return type(value).__name__


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    return [value] if isinstance(value, str) else []


def gone(secrets: list[str], shown: str) -> bool:
    values = [secret for secret in secrets if secret.isdigit()]
    return MARK not in shown.lower() and not any(re.search(rf"(?<!\d){one}(?!\d)", shown) for one in values)


@settings(max_examples=150, deadline=None)
@given(trees)
def test_json_no_planted_text_survives_and_the_shape_does(tree: Any) -> None:
    content = json.dumps({"data": tree})
    shown = body(content)
    assert gone([one for one in texts(tree) if MARK in one], shown), shown
    assert shape(json.loads(shown)) == shape({"data": tree})


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(schema, planted, planted), min_size=1, max_size=4))
def test_xml_no_planted_text_survives_and_it_still_parses(rows: list[tuple[str, str, str]]) -> None:
    content = "".join(f"<{name} of={quoteattr(one)}>{escape(two)}</{name}>" for name, one, two in rows)
    shown = body(f"<root><list>{content}</list></root>")
    assert gone([], shown), shown
    assert [one.tag for one in ElementTree.fromstring(shown).iter()] == ["root", "list", *(row[0] for row in rows)]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(schema, planted), min_size=1, max_size=5))
def test_lines_no_planted_text_survives_and_the_names_do(rows: list[tuple[str, str]]) -> None:
    one_line = [(name, re.sub(r"[\x85\u2028\u2029]", "", value)) for name, value in rows]
    shown = body("".join(f"root.{name}={value}\r\n" for name, value in one_line), "text/plain")
    assert gone([], shown), shown
    assert [line.partition("=")[0] for line in shown.split("\r\n")[:-1]] == [f"root.{name}" for name, _v in rows]


@settings(max_examples=100, deadline=None)
@given(planted, schema)
def test_queries_no_planted_text_survives(text: str, name: str) -> None:
    from urllib.parse import quote

    shown = Redactor().path(f"/cgi-bin/{quote(text, safe='')}?action=get&{name}={quote(text, safe='')}")
    assert gone([], shown) and shown.startswith("/cgi-bin/")


@settings(max_examples=60, deadline=None)
@given(st.lists(planted, min_size=2, max_size=6))
def test_pseudonyms_are_the_same_for_the_same_and_differ_for_others(names: list[str]) -> None:
    redactor = Redactor()
    for name in names:
        redactor.text(name)
    shown = {name: redactor.text(name) for name in names}
    assert {name: redactor.text(name) for name in names} == shown


def test_the_word_list_holds_words_of_the_drivers_and_no_sentences_word_by_word() -> None:
    words = known_words()
    assert {"GetUsers", "Administrator", "root", "configManager", "telnet"} <= words
    assert not {"tanaka", "please", "somebody"} & words

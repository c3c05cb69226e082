# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import gc
import json
import time
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.nwcs.hardening.plugins.module_utils import decode
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import BadAnswer
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Limits

LIMITS = Limits()
SMALL = Limits(body_bytes=200, depth=5)


def test_well_formed():
    root = decode.xml(b'<?xml version="1.0" encoding="UTF-8"?><a xmlns="urn:x"><b> t </b></a>', LIMITS)
    assert type(root) is Element  # so that it can go into a tree that is sent  # pylint: disable=unidiomatic-typecheck
    assert root.tag == "{urn:x}a" and decode.text(root, "b") == "t"


@pytest.mark.parametrize(
    "body, expected",
    [
        (b"\xef\xbb\xbf<?xml version='1.0'?><a><b>x</b></a>", "x"),  # byte order mark
        (b"  \r\n<?xml version='1.0'?><a><b>x</b></a>", "x"),  # blanks before the declaration
        ("<?xml version='1.0' encoding='UTF-16'?><a><b>é</b></a>".encode(), "é"),  # says UTF-16, is UTF-8
        (b"<?xml version='1.0' encoding='no-such'?><a><b>x</b></a>", "x"),
        ("<?xml version='1.0' encoding='Shift_JIS'?><a><b>玄関</b></a>".encode("shift_jis"), "玄関"),
        ("<?xml version='1.0' encoding='GB2312'?><a><b>门</b></a>".encode("gb2312"), "门"),
        ("<a><b>é</b></a>".encode("utf-16"), "é"),
        (b"<a><b>caf\xe9 \xff</b></a>", "caf\ufffd \ufffd"),  # invalid UTF-8
        (b"<a><b>x\x00\x0by</b></a>", "xy"),  # control characters
        (b"<a><b>x</b></a>\x00\x00 trailing", "x"),
        (b"<a><w:c><ter:d/></w:c><b w:e='1'>x</b></a>", "x"),  # undeclared prefixes
        (b"<s:a><b xmlns:s='urn:late'>x</b></s:a>", "x"),  # declared too late
    ],
)
def test_mended(body, expected):
    assert decode.text(decode.xml(body, LIMITS), "b") == expected


def test_mended_prefix_has_the_meaning_it_has_elsewhere():
    root = decode.xml(b"<r><t:a>1</t:a><x xmlns:t='urn:t'><t:a>2</t:a></x></r>", LIMITS)
    assert root.findtext("{urn:t}a") == "1" and root.findtext("x/{urn:t}a") == "2"


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "http://192.0.2.1/x.dtd"><a/>',
        b"<!DOCTYPE a><a/>",
        b'\x00<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',  # mended first, still refused
        b'\xff<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'.encode("utf-16"),
        b"<?xml version='1.0' encoding='UTF-7'?>+ADwAIQ-DOCTYPE a><a/>",
    ],
)
def test_document_types_are_refused(body):
    with pytest.raises(BadAnswer):
        decode.xml(body, LIMITS)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"no",
        b"<",
        b"<a>",
        b"<a></b>",
        b"{}",
        b'{"a": "<a/>"}',
        b"<a>&nbsp;</a>",
        b"<a/><b/>",
        b"\x00",
        b"<a b=1/>",
    ],
)
def test_not_xml(body):
    with pytest.raises(BadAnswer) as caught:
        decode.xml(body, LIMITS)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_html_is_called_html_and_the_body_is_never_quoted():
    with pytest.raises(BadAnswer, match="HTML page") as caught:
        decode.xml(b"<html><body>secret<br></body>", LIMITS)
    assert "secret" not in str(caught.value)
    with pytest.raises(BadAnswer, match="HTML page"):
        decode.json(b"<!doctype html><p>", LIMITS)


def test_limits_of_size_and_depth():
    assert decode.xml(b"<a>" * 5 + b"</a>" * 5, SMALL).tag == "a"
    for body in (b"<a>" * 6 + b"</a>" * 6, b"<a>" + b" " * 200 + b"</a>"):
        with pytest.raises(BadAnswer):
            decode.xml(body, SMALL)
    with pytest.raises(BadAnswer, match="deeper"):
        decode.xml(b"<a>" * 99_000 + b"</a>" * 99_000, Limits())
    with pytest.raises(BadAnswer, match="tags"):
        decode.xml(b"<a>" * 1_000_000, Limits())
    assert decode.json(b"[[[[[1]]]]]", SMALL) == [[[[[1]]]]]
    for body in (b"[[[[[[1]]]]]]", b'{"a":' * 6 + b"1" + b"}" * 6, b"[" * 150, b'"' + b"x" * 200 + b'"'):
        with pytest.raises(BadAnswer):
            decode.json(body, SMALL)
    with pytest.raises(BadAnswer):
        decode.json(b"[" * 4_000_000, Limits())
    assert decode.json(b'"[[[[[[[[[["', SMALL) == "[[[[[[[[[["  # brackets in a string are no depth


@pytest.mark.parametrize(
    "body, value",
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'"a\xffb"', "a\ufffdb"),
        (b'"a\nb"', "a\nb"),
        (b"null", None),
        (b'{"jsonrpc":"2.0","id":null,"result":[6]}', {"jsonrpc": "2.0", "id": None, "result": [6]}),
    ],
)
def test_json(body, value):
    assert decode.json(body, LIMITS) == value


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b"[Infinity]", b"<a/>", b"{'a': 1}", b"1 2", b"1" * 5000])
def test_not_json(body):
    with pytest.raises(BadAnswer) as caught:
        decode.json(body, LIMITS)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


# -- looking things up -------------------------------------------------------------------------------------------------
TREE = fromstring(
    "<r xmlns='urn:d' xmlns:t='urn:t' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'>"
    "<u><t:n> one </t:n><n>other</n></u><u><n>two</n></u><e/><nil xsi:nil='true'>x</nil></r>"
)


def test_exact_name_first_then_the_local_name():
    assert [item.text for item in decode.children(TREE, "{urn:d}u/{urn:t}n")] == [" one ", "two"]
    assert [item.text for item in decode.children(TREE, "u/n")] == [" one ", "other", "two"]
    assert decode.text(TREE, "{urn:t}u/{urn:t}n") == "one"


def test_missing_is_none_and_empty_is_empty():
    assert decode.child(TREE, "x/y") is None and decode.children(None, "x") == [] and decode.child(None, "x") is None
    assert decode.text(TREE, "x") is None and decode.text(TREE, "x", "d") == "d" and decode.text(None) is None
    assert decode.text(TREE, "e") == "" and decode.text(TREE, "nil", "d") == "d"
    assert decode.local(TREE.tag) == "r" and decode.local(len) == ""


# -- any body at all ---------------------------------------------------------------------------------------------------
PIECES = [
    b"<a>",
    b"</a>",
    b"<x:b y:c='1'>",
    b"</x:b>",
    b"<?xml version='1.0' encoding='",
    b"utf-16",
    b"idna",
    b"'?>",
    b"\xff\xfe",
]
PIECES += [
    b"\xef\xbb\xbf",
    b"&amp;",
    b"&#0;",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"\xff",
    b"\x00",
    b"xmlns:x=''",
    b" ",
    b"t",
]
SALAD = st.one_of(
    st.binary(), st.text().map(lambda text: text.encode("utf-8")), st.lists(st.sampled_from(PIECES)).map(b"".join)
)


@given(SALAD)
def test_xml_raises_nothing_but_bad_answer(body):
    try:
        root = decode.xml(body, LIMITS)
    except BadAnswer:
        return
    assert [decode.local(item.tag) for item in root.iter()]


@given(st.one_of(SALAD, st.text(alphabet='[]{}":,\\ 0e1-').map(str.encode)))
def test_json_raises_nothing_but_bad_answer(body):
    try:
        value = decode.json(body, SMALL)
    except BadAnswer:
        return
    json.dumps(value)


def test_hostile_bodies_take_no_time():
    begin = time.process_time()
    for piece in (b"<", b"<a:", b" xmlns:a=", b" a:b", b"<?xml ", b'"\\', b"&a;", b"<a:b c:d='"):
        body = b"<r>" + piece * (500_000 // len(piece))
        for read in (decode.xml, decode.json):
            with pytest.raises(BadAnswer):
                read(body, LIMITS)
    gc.collect()
    assert time.process_time() - begin < 5

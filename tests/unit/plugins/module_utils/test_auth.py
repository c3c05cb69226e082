# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import datetime
import hashlib
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.nwcs.hardening.plugins.module_utils.auth import (
    WSSE,
    WSU,
    Auth,
    Basic,
    Digest,
    challenges,
    schemes,
    wsse_header,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer


def refused(*headers: str, status: int = 401) -> Answer:
    return Answer(status, {"www-authenticate": "\n".join(headers)}, b"")


OK = Answer(200, {}, b"")
RFC7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
RFC2617 = (
    'Digest realm="testrealm@host.com",{} nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)


def sent(auth: Digest, method: str = "GET", path: str = "/dir/index.html") -> dict[str, str]:
    """The parameters of the Authorization header."""
    headers = auth.headers(method, path, b"")
    assert list(headers) == ["Authorization"]
    [(scheme, params)] = challenges(headers["Authorization"])
    assert scheme == "digest"
    return params


def fixed(password: str, cnonce: str) -> Digest:
    auth = Digest("Mufasa", password)
    auth._new_cnonce = lambda: cnonce
    return auth


# -- vectors (RFC 7616 3.9.1, RFC 2617 3.5, apis/onvif.md 1.5 and 1.6) -------------------------------------------------
@pytest.mark.parametrize(
    "algorithm, response",
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc7616_vectors(algorithm, response):
    auth = fixed("Circle of Life", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
    assert auth.challenged(refused(RFC7616.format(algorithm)))
    params = sent(auth)
    assert params["response"] == response
    assert params["nc"] == "00000001" and params["qop"] == "auth" and params["algorithm"] == algorithm
    assert params["opaque"] == "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"


@pytest.mark.parametrize(
    "qop, response",
    [(' qop="auth",', "6629fae49393a05397450978507c4ef1"), ("", "670fd8c2df070c60b045671b8b24ff02")],
)
def test_rfc2617_vectors(qop, response):
    auth = fixed("Circle Of Life", "0a4f113b")
    assert auth.challenged(refused(RFC2617.format(qop)))
    params = sent(auth)
    assert params["response"] == response
    assert ("nc" in params) == bool(qop) and "algorithm" not in params


@pytest.mark.parametrize("algorithm, function", [("MD5-sess", hashlib.md5), ("SHA-256-sess", hashlib.sha256)])
def test_session_key(algorithm, function):
    auth = fixed("Circle of Life", "abc")
    assert auth.challenged(refused(f'Digest realm="r", nonce="n", qop="auth", algorithm={algorithm}'))

    def h(text: str) -> str:
        return function(text.encode()).hexdigest()

    key = h(h("Mufasa:r:Circle of Life") + ":n:abc")
    assert sent(auth)["response"] == h(f"{key}:n:00000001:abc:auth:" + h("GET:/dir/index.html"))
    # the key stays while the nonce stays; only nc counts
    assert sent(auth)["response"] == h(f"{key}:n:00000002:abc:auth:" + h("GET:/dir/index.html"))


def test_username_token_vector():
    nonce = base64.b64decode("LKqI6G/AikKCQrN0zqZFlg==")
    created = datetime.datetime(2010, 9, 16, 16, 50, 45, tzinfo=datetime.timezone(datetime.timedelta(hours=9)))
    element = wsse_header("user", "userpassword", created, nonce)
    text = ET.tostring(element, encoding="unicode")
    assert text.startswith("<Security ") and f' xmlns="{WSSE}"' in text and "<UsernameToken>" in text
    assert f'<Created xmlns="{WSU}">2010-09-16T07:50:45Z</Created>' in text
    token = ET.fromstring(text).find(f"{{{WSSE}}}UsernameToken")
    assert token.findtext(f"{{{WSSE}}}Password") == "tuOSpGlFlIXsozq4HFNeeGeFLEI="
    assert token.findtext(f"{{{WSSE}}}Nonce") == "LKqI6G/AikKCQrN0zqZFlg=="
    assert token.findtext(f"{{{WSSE}}}Username") == "user"
    assert ET.fromstring(text).get("{http://www.w3.org/2003/05/soap-envelope}mustUnderstand") == "1"


def test_username_token_is_new_each_time():
    now = datetime.datetime.now(datetime.UTC)
    assert len({wsse_header("u", "p", now).findtext("UsernameToken/Nonce") for _unused in range(20)}) == 20


# -- which challenge ---------------------------------------------------------------------------------------------------
MD5 = 'Digest realm="a", nonce="m", qop="auth"'
SHA = 'Digest realm="a", nonce="s", qop="auth", algorithm=SHA-256'


@pytest.mark.parametrize("headers", [(MD5, SHA), (SHA, MD5), (f"{MD5}, {SHA}",), ("Basic realm=x", f"{SHA}, {MD5}")])
def test_strongest_of_several_challenges(headers):
    auth = Digest("u", "p")
    assert auth.challenged(refused(*headers))
    assert sent(auth)["nonce"] == "s" and auth.algorithm == "sha-256"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic realm=x",
        'Digest realm="a", nonce="n", algorithm=SHA-1',
        'Digest realm="a", nonce="n", algorithm="SHA-512-256"',
        'Digest realm="a", nonce="n", qop="auth-int"',
        'Digest realm="a"',
    ],
)
def test_challenge_that_is_not_answered(header):
    auth = Digest("u", "p")
    assert not auth.challenged(refused(header))
    assert auth.headers("GET", "/", b"") == {}


def test_schemes_in_their_order():
    answer = refused(SHA, MD5, 'Digest realm="b", nonce="q", algorithm=SHA-1', 'Basic realm="x"', "Bearer", MD5)
    assert schemes(answer) == ["digest-sha-256", "digest-md5", "digest-sha-1", "basic", "bearer"]
    assert schemes(OK) == []


def test_parser_reads_what_devices_send():
    text = 'Digest realm="a, b=\\"c\\" \\\\", NONCE = abc==,qop=auth , Basic realm="no end'
    assert challenges(text) == [
        ("digest", {"realm": 'a, b="c" \\', "nonce": "abc==", "qop": "auth"}),
        ("basic", {"realm": "no"}),
        ("end", {}),
    ]
    assert challenges('Digest realm="one"\nDigest realm="two"') == [
        ("digest", {"realm": "one"}),
        ("digest", {"realm": "two"}),
    ]


def test_names_are_quoted():
    auth = Digest('a"b\\c', "p")
    auth.challenged(refused('Digest realm="x\\"y", nonce="n"'))
    assert sent(auth)["username"] == 'a"b\\c' and sent(auth)["realm"] == 'x"y'


# -- again or not (lock budget, H44) -----------------------------------------------------------------------------------
def test_nonce_is_used_again_with_rising_count():
    auth = Digest("u", "p")
    auth.challenged(refused(MD5))
    assert [sent(auth)["nc"] for _unused in range(3)] == ["00000001", "00000002", "00000003"]


def test_second_refusal_is_final():
    auth = Digest("u", "p")
    assert auth.challenged(refused(MD5))
    sent(auth)
    assert not auth.challenged(refused(MD5.replace('"m"', '"m2"')))


def test_stale_is_retried_with_the_new_nonce():
    auth = Digest("u", "p")
    auth.challenged(refused(MD5))
    sent(auth)
    assert auth.challenged(refused(MD5.replace('"m"', '"m2"') + ", stale=TRUE"))
    assert sent(auth)["nonce"] == "m2" and sent(auth)["nc"] == "00000002"


def test_device_that_takes_each_nonce_once():
    """The nonce that worked is refused, with another one: one retry, and from then on no used nonce is sent."""
    auth = Digest("u", "p")
    assert auth.challenged(refused(MD5))
    sent(auth)
    assert not auth.challenged(OK)
    sent(auth)
    assert auth.challenged(refused(MD5.replace('"m"', '"m2"')))
    assert sent(auth)["nonce"] == "m2"
    assert not auth.challenged(OK)
    for number in (3, 4):
        assert auth.headers("GET", "/", b"") == {}
        assert auth.challenged(refused(MD5.replace('"m"', f'"m{number}"')))
        assert sent(auth)["nonce"] == f"m{number}"
        assert not auth.challenged(OK)


def test_password_that_changed_meanwhile_costs_one_retry_only():
    auth = Digest("u", "p")
    auth.challenged(refused(MD5))
    sent(auth)
    auth.challenged(OK)
    sent(auth)
    assert auth.challenged(refused(MD5.replace('"m"', '"m2"')))
    sent(auth)
    assert not auth.challenged(refused(MD5.replace('"m"', '"m3"')))


def test_same_nonce_refused_is_final():
    auth = Digest("u", "p")
    auth.challenged(refused(MD5))
    sent(auth)
    auth.challenged(OK)
    sent(auth)
    assert not auth.challenged(refused(MD5))


def test_other_answers_are_no_challenge():
    auth = Digest("u", "p")
    for status in (200, 400, 403, 500):
        assert not auth.challenged(refused(MD5, status=status))
    assert Auth().headers("GET", "/", b"") == {} and not Auth().challenged(refused(MD5))


def test_basic():
    auth = Basic("ops", "pässword")
    assert (
        auth.headers("GET", "/", b"")["Authorization"] == "Basic " + base64.b64encode("ops:pässword".encode()).decode()
    )
    assert auth.clear_text and not auth.challenged(refused("Basic realm=x"))


# -- any header at all -------------------------------------------------------------------------------------------------
PIECES = [
    "Digest ",
    "Basic ",
    "realm=",
    'nonce="',
    '"',
    ",",
    " ",
    "=",
    "\\",
    "\n",
    "qop=auth",
    "algorithm=",
    "MD5",
    "é",
    "\udcff",
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)))
def test_parser_and_login_survive_any_header(text):
    for scheme, params in challenges(text):
        assert scheme and scheme == scheme.lower()
        assert all(name == name.lower() for name in params)
    answer = refused(text)
    assert all(name.isascii() for name in schemes(answer))
    auth = Digest("u", "p")
    header = auth.headers("GET", "/", b"") if auth.challenged(answer) else {}
    assert "\n" not in header.get("Authorization", "")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=30), st.booleans())
def test_realm_survives_quoting(realm, qop):
    quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
    auth = Digest("u", "p")
    assert auth.challenged(refused(f'Digest realm="{quoted}", nonce="n"' + ', qop="auth"' * qop))
    assert sent(auth)["realm"] == realm


def test_parser_is_fast_on_hostile_headers():
    import time

    begin = time.process_time()
    for piece in ('a="b', "a=\\", '"\\', "a,", "x=y ", "="):
        challenges("Digest " + piece * 60_000)
    assert time.process_time() - begin < 2

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver contract, part 3: whatever stands between us and a device is one error of the right class in one sentence."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

import socket
from typing import Any

import pytest
from driver_cases import FAMILIES, Family, Rig, every_family, rig, short_pauses  # noqa: F401
from raw_server import RawServer, read_request

from ansible_collections.nwcs.hardening.plugins.module_utils import jobs, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    LoginRefused,
    NwcsError,
    TlsError,
    Unreachable,
    WrongFamily,
)

WRONG = "Wr0ng-Secret-77"


def told(error: NwcsError, *words: str) -> None:
    """One sentence that names the device and what is wrong; nothing that must not be seen."""
    text = str(error)
    assert error.message.strip() and "\n" not in text and len(text) < 500, text
    assert "Traceback" not in text and "object at 0x" not in text
    assert WRONG not in text and "12345" not in text and "Router-Old-1" not in text
    for word in words:
        assert word in text, f"{word!r} is not in {text!r}"


def refused(run: Rig, kind: type[NwcsError] | tuple[type[NwcsError], ...], *words: str, **more: Any) -> NwcsError:
    """Read and plan and apply end the same way, and job by job nothing else happens."""
    with pytest.raises(kind) as caught:
        jobs.read(run.spec(**more))
    told(caught.value, *words)
    answer = jobs.run({"what": "read", "spec": run.spec(**more)})
    assert set(answer) == {"error", "logins"} and answer["error"]["code"] == caught.value.code
    return caught.value


def one_wrong(run: Rig, **more: Any) -> dict[str, Any]:
    return {"credentials": [{"username": run.login[0], "password": WRONG, "label": "current"}], **more}


# -- logins ------------------------------------------------------------------------------------------------------------
@every_family
@pytest.mark.parametrize("job", ["read", "plan", "apply"])
def test_a_wrong_password_is_one_attempt_in_every_job(family: Family, job: str) -> None:
    with rig(family) as run:
        good = run.plan({})
        run.forget()
        with pytest.raises(LoginRefused) as caught:
            if job == "read":
                run.read(**one_wrong(run))
            elif job == "plan":
                run.plan({"identity": {"hostname": "x"}}, **one_wrong(run))
            else:
                run.apply(good, **one_wrong(run))
        told(caught.value, run.name, repr(run.login[0]))
        assert run.logins("refused") == 1 and run.logins("ok") == 0
        assert run.writes() == []


@every_family
def test_an_unknown_account_is_a_refused_login(family: Family) -> None:
    with rig(family) as run:
        wrong = [{"username": "nobody-here", "password": WRONG, "label": "current"}]
        refused(run, LoginRefused, run.name, "'nobody-here'", credentials=wrong)


@every_family
def test_a_second_known_credential_is_tried_a_third_never(family: Family) -> None:
    """After a crash it is not known which password is in force; two are tried, no more (H43, H44)."""
    user, good = family.login
    entries = [
        {"username": user, "password": WRONG, "label": "pending"},
        {"username": user, "password": good, "label": "current"},
    ]
    with rig(family) as run:
        assert run.read(credentials=entries)["login"] == "current"
        assert run.logins("refused") == 1
        run.forget()
        three = [{**entries[0], "password": f"{WRONG}{n}"} for n in range(2)] + [entries[1]]
        with pytest.raises(LoginRefused):
            run.read(credentials=three)
        assert run.logins("refused") == 2


@every_family
def test_no_login_known_is_said_before_anything_is_sent_with_one(family: Family) -> None:
    with rig(family) as run:
        with pytest.raises(NwcsError) as caught:
            run.read(credentials=[])
        told(caught.value, run.name)
        assert run.logins() == 0


# -- the wrong place ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("other", FAMILIES.values(), ids=FAMILIES)
@every_family
def test_another_family_answers(family: Family, other: Family) -> None:
    if family is other or family.name in other.speaks:
        pytest.skip("the same family, or an API that the other one has as well")
    if other.walled:
        pytest.skip("without a login it says nothing of itself, whatever it is asked")
    with rig(other) as run:
        error = refused(run, WrongFamily, run.name, family=family.name)
        assert run.logins() == 0 and run.writes() == [], "no credential goes to a stranger"
        assert error.code == "wrong_family"


@every_family
def test_a_port_without_listener(family: Family) -> None:
    with rig(family) as run:
        refused(run, Unreachable, run.name, "39", ways=[{"scheme": "http", "port": 39}])


@every_family
def test_a_port_of_another_protocol(family: Family) -> None:
    """SSH-like greeting instead of HTTP."""

    def greet(conn: socket.socket, _number: int) -> None:
        conn.sendall(b"SSH-2.0-dropbear_2022.83\r\n")
        read_request(conn)

    with rig(family) as run, RawServer(greet) as server:
        refused(run, (BadAnswer, WrongFamily), run.name, **at(server))


def at(server: RawServer, scheme: str = "http") -> dict[str, Any]:
    return {"target": {"host": "127.0.0.1"}, "ways": [{"scheme": scheme, "port": server.port}]}


@every_family
def test_https_asked_of_an_http_port(family: Family) -> None:
    with rig(family) as run:
        port = run.device.ports["http"]
        refused(run, TlsError, run.name, ways=[{"scheme": "https", "port": port}])
        assert run.logins() == 0


@every_family
def test_http_asked_of_an_https_port(family: Family) -> None:
    with rig(family, **family.with_https) as run:
        port = run.device.ports["https"]
        refused(run, (TlsError, BadAnswer), run.name, ways=[{"scheme": "http", "port": port}])
        assert run.logins() == 0


@every_family
@pytest.mark.parametrize("certificate", ["name-mismatch", "expired", "self-signed"])
def test_a_certificate_that_does_not_hold(family: Family, certificate: str) -> None:
    with rig(family, **{**family.with_https, "certificate": certificate}) as run:
        way = {"ways": [{"scheme": "https", "port": run.device.ports["https"]}]}
        error = refused(run, TlsError, run.name, **way)
        word = {"name-mismatch": "name", "expired": "expired", "self-signed": "signed"}[certificate]
        assert word in str(error).lower() or "certificate" in str(error).lower()
        assert run.logins() == 0, "no credential over a connection that nobody verified"
        # The site may say that it does not verify; then the reading says that the certificate is not trusted.
        readings = run.readings(target={"tls_verify": False}, **way)
        assert readings["tls.certificate.trusted"]["value"] is False


@every_family
def test_the_second_way_is_used_when_the_first_does_not_answer_and_never_an_undeclared_one(family: Family) -> None:
    with rig(family) as run:
        http = {"scheme": "http", "port": run.device.ports["http"]}
        assert run.read(ways=[{"scheme": "https", "port": 39}, http])["snapshot"]["way"]["scheme"] == "http"
        run.forget()
        refused(run, Unreachable, run.name, ways=[{"scheme": "https", "port": 39}])
        assert run.log() == [], "HTTP was not declared"


# -- no answer, or a broken one ----------------------------------------------------------------------------------------
@every_family
def test_a_device_that_is_down(family: Family) -> None:
    with rig(family, "down") as run:
        refused(run, Unreachable, run.name, run.device.address)


BROKEN = ["H31-close", "H31-short", "H31-long", "H31-endless", "H31-silent", "H31-slow"]


@every_family
@pytest.mark.parametrize("fault", BROKEN)
def test_h31_broken_answers(family: Family, fault: str) -> None:
    limits = {"limits": {"connect_seconds": 0.5, "read_seconds": 0.4, "total_seconds": 0.8}}
    with rig(family, fault) as run:
        with pytest.raises(DeviceError) as caught:
            jobs.read(run.spec(target=limits))
        assert isinstance(caught.value, (Unreachable, BadAnswer)), repr(caught.value)
        told(caught.value, run.name)
        assert run.logins() == 0


@every_family
@pytest.mark.parametrize("fault", BROKEN[:2])
def test_h31_a_device_that_breaks_in_the_middle_is_lost_and_says_where(family: Family, fault: str) -> None:
    """The plan was made; now every answer breaks: an error, or `failed` for what was to be changed."""
    key, value, look = family.cosmetic
    with rig(family) as run:
        before = look(run.device)
        plan = run.plan({key: value})

        def cut(name: str) -> None:
            if name.startswith("store:") and name.endswith(":before"):
                run.fault(fault)

        result = run.apply(plan, cut)
        line = result["outcomes"][key]
        assert line["outcome"] in ("failed", "not_checked", "undone") and line["why"]
        assert look(run.device) in (before, [value])
        if result["error"] is None:  # answered in part: then nothing old is taken for the state of now
            known = [text for text, r in result["snapshot"]["readings"].items() if r["state"] == "value"]
            assert all(settings.setting_of(settings.parse_key(text)).observed for text in known), known
        assert {name["outcome"] for name in result["outcomes"].values()} <= {"failed", "not_checked", "undone"}


@every_family
@pytest.mark.parametrize("fault", ["H32-large", "H33-redirect", "H33-downgrade"])
def test_h32_h33_too_much_and_elsewhere(family: Family, fault: str) -> None:
    overrides = family.with_https if fault == "H33-downgrade" else {}
    with rig(family, fault, **overrides) as run:
        way = "https" if fault == "H33-downgrade" else "http"
        more = {"ways": [{"scheme": way, "port": run.device.ports[way]}]}
        refused(run, DeviceError, run.name, **more)
        assert run.logins() == 0, "no credential is sent on"


GARBAGE = {
    "zeros": b"\0" * 2000,
    "not-http": b"\xff\xfd\x01OpenWrt login: ",
    "html": b"HTTP/1.1 200 OK\r\nContent-Length: 26\r\nContent-Type: text/html\r\n\r\n<html><body>x</body></html",
    "json": b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"jsonrpc": "2.0"}',
    "json-list": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[[[[[1]]]]",
    "xml": b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<a><b></a></b",
    "empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "500": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
    "404": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "403": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    "503": b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
    "endless-header": b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 200_000,
}


@every_family
@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_is_one_error(family: Family, what: str) -> None:
    def serve(conn: socket.socket, _number: int) -> None:
        while read_request(conn):
            conn.sendall(GARBAGE[what])
            if not GARBAGE[what].startswith(b"HTTP/1.1") or what == "endless-header":
                return

    with rig(family) as run, RawServer(serve) as server:
        error = refused(run, (BadAnswer, WrongFamily, Busy, DeviceError), run.name, **at(server))
        assert type(error) is not DeviceError, "the class says what kind of trouble it is"  # pylint: disable=unidiomatic-typecheck


@every_family
def test_the_address_is_a_name_that_nobody_knows(family: Family) -> None:
    with rig(family) as run:
        refused(run, Unreachable, run.name, target={"host": "cam-nowhere.invalid"})

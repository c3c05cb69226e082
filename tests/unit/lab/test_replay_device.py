# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A device made of a recording: which exchange is meant, logins by their form, ports that moved."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.nwcs.hardening.lab.base import LabError
from ansible_collections.nwcs.hardening.lab.control import inventory
from ansible_collections.nwcs.hardening.lab.replay.matching import Asked, best, echoed
from ansible_collections.nwcs.hardening.lab.site import Site
from ansible_collections.nwcs.hardening.lab.testing import running_lab


def exchange(method: str, path: str, **more: Any) -> dict[str, Any]:
    made = {"scheme": "http", "port": 80, "method": method, "path": path, "login": False, "request": {}, "status": 200,
            "headers": {"content-type": "text/plain"}, "answer": {"text": "a=1\n"}}  # fmt: skip
    return made | more


CHALLENGE = {"www-authenticate": [{"scheme": "digest", "realm": "NAME-1", "algorithm": "MD5", "qop": "auth"}]}
FIXTURE = {
    "schema": 1, "kind": "nwcs-record-device", "family": "x", "sockets": [{"kind": "http", "port": 80}],
    "exchanges": [
        exchange("GET", "/info", status=401, headers=CHALLENGE, answer={}),
        exchange("GET", "/info", login=True, answer={"text": "model=NAME-2\n"}),
        exchange("GET", "/only?action=get", login=True, answer={"text": "b=2\n"}),
        exchange("GET", "/page", headers={"content-type": "text/html", "date": "now", "cookies": ["sid"]},
                 answer={"dropped": "html", "bytes": 900, "title": "401 <b>"}),
        exchange("GET", "/gone", error="closed"),
    ],
}  # fmt: skip
MODEL = {"family": "replay", "fixture": FIXTURE, "moved": {"80": 8099}}


def get(device: Any, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(device.address, 8099, timeout=3)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_its_inventory_names_the_driver_it_was_recorded_with_and_a_login() -> None:
    with running_lab([{"name": "dev", "model": MODEL}]) as lab:
        told = inventory(lab.site)["all"]
        host = told["children"]["replay"]["hosts"]["dev"]
        assert host["nwcs_family"] == "x" and host["nwcs_username"] and host["nwcs_password"]
        assert told["vars"]["nwcs_simulated"] is True, "a sheet made from it must not pass for a real device's"


def test_it_answers_what_was_recorded_and_nothing_else() -> None:
    with running_lab([{"name": "dev", "model": MODEL}]) as lab:
        device = lab.device("dev")
        assert lab.sockets("dev") == [("http", 8099)]
        status, headers, _body = get(device, "/info")
        challenge = headers["www-authenticate"]
        assert status == 401 and 'realm="NAME-1"' in challenge and "nonce=" in challenge
        assert get(device, "/info", Authorization="Digest x")[2] == b"model=NAME-2\n"
        assert get(device, "/only?action=get")[0] == 401  # never given without a login
        assert get(device, "/only?action=get", Cookie="sid=1")[2] == b"b=2\n"
        assert get(device, "/only?action=set", Authorization="Digest x")[0] == 404
        assert get(device, "/info", "PUT", Authorization="Digest x")[0] == 404
        status, headers, body = get(device, "/page")
        assert body == b"<html><head><title>401 &lt;b&gt;</title></head></html>" and "date" in headers
        assert headers["set-cookie"].startswith("sid=")
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            get(device, "/gone")
        assert lab.writes("dev") == []


def test_a_recording_in_a_file_starts_a_site(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(FIXTURE))
    site = Site.build({"devices": [{"name": "a", "host": 9, "model": {**MODEL, "fixture": str(path)}}]})
    assert site.device("a").fixture == FIXTURE


@pytest.mark.parametrize("fixture", [None, {}, "missing.json", {"kind": "nwcs-record-device", "schema": 2}])
def test_what_is_no_recording_is_told(fixture: Any) -> None:
    with pytest.raises(LabError, match="recording"):
        Site.build({"devices": [{"name": "a", "host": 9, "model": {"family": "replay", "fixture": fixture}}]})


def recorded(path: str, body: str, **more: Any) -> Asked:
    return Asked.of_recorded(exchange("POST", path, request={"text": body}, **more))


def live(path: str, body: str, login: bool = False) -> Asked:
    return Asked.of_live("POST", path, body.encode(), login, "http", 80)


def test_an_operation_in_a_body_is_never_taken_for_another() -> None:
    frame = "<E><Header><N>REDACTED</N></Header><Body><%s/></Body></E>"
    known = [recorded("/s", frame % name) for name in ("GetA", "GetB")]
    asked = live("/s", "<E><Header><N>abc</N></Header><Body><GetB/></Body></E>")
    assert best(asked, known, {}) == 1
    assert best(live("/s", "<E><Body><SetB><V>1</V></SetB></Body></E>"), known, {}) is None


def test_what_the_recording_hides_may_be_anything() -> None:
    known = [recorded("/l", '{"user": "admin", "password": "REDACTED"}'), recorded("/l", "user=admin&pass=REDACTED")]
    assert best(live("/l", '{"user": "admin", "password": "x"}'), known, {}) == 0
    assert best(live("/l", "user=admin&pass=y"), known, {}) == 1


def test_the_same_question_again_gets_the_next_answer() -> None:
    known = [recorded("/l", "a"), recorded("/l", "a")]
    assert best(live("/l", "a"), known, {}) == 0 and best(live("/l", "a"), known, {0: 1}) == 1


def test_a_login_that_was_asked_again_is_not_replayed_as_a_refusal() -> None:
    known = [recorded("/l", "", login=True, status=401), recorded("/l", "", login=True)]
    assert best(live("/l", "", login=True), known, {1: 5}) == 1
    assert best(live("/l", "", login=True), known[:1], {}) == 0  # a real refusal


def test_an_answer_says_back_what_is_asked_now() -> None:
    then, answer = '{"id": 1, "t": 307}', '{"id": 1, "result": {"t": 307, "left": 306}}'
    assert json.loads(echoed(answer, then, b'{"id": 9, "t": 400}')) == {"id": 9, "result": {"t": 400, "left": 306}}
    assert echoed(answer, then, then.encode()) == answer and echoed("a=1", "", b"x") == "a=1"

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices whose error texts, headers and pages are attacks (H34, H37), and devices that say back what they were sent.

What a device says about an error goes a way of its own: through exceptions, the console and "why" of the report.
"""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any
from xml.sax.saxutils import escape

import pytest
import yaml
from e2e_box import Workplace, device_login, every_secret, texts
from test_hostile import CONTROL, TERMINAL, _Page
from test_secrets import NOBODY, Tap, forms

from ansible_collections.nwcs.hardening.lab.device import Request, Response
from ansible_collections.nwcs.hardening.lab.testing import running_lab

pytestmark = pytest.mark.slow

FACTORY = "Planted-Factory-9417"
ATTACK = (
    "{{ 7*191 }}{{ lookup('pipe','touch MARKER') }}</td><script>document.title='broken'</script>"
    "<img src=x onerror=alert(1)> \u202egnp.exe \u200b=cmd|'/c calc'!A1"
)
STEERING = "\x1b]0;owned\x07\x1b[2J\x9b31m"  # XML 1.0 cannot hold these, headers and JSON can
SUM = str(7 * 191)
SOAP = "application/soap+xml; charset=utf-8"
Answer = Callable[[Request], Awaitable[Response]]
Change = Callable[[Request, Answer, str], Awaitable[Response]]


def _fault(reason: str, outer: str, inner: str, detail: str = "") -> bytes:
    code = f"<s:Subcode><s:Value>ter:{outer}</s:Value><s:Subcode><s:Value>ter:{inner}</s:Value></s:Subcode></s:Subcode>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:ter="http://www.onvif.org/ver10/error"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value>'
        f'{code}</s:Code><s:Reason><s:Text xml:lang="en">{escape(reason)}</s:Text></s:Reason>'
        f"<s:Detail><s:Text>{escape(detail)}</s:Text></s:Detail></s:Fault></s:Body></s:Envelope>"
    ).encode()


async def _reason(request: Request, handle: Answer, attack: str) -> Response:
    """Writes of names and time, and the reading of one list, fail with an attack as the reason."""
    if re.search(rb"<[\w:]*(SetHostname|SetNTP|SetScopes|GetDNS)\b", request.body):
        return Response(500, [("Content-Type", SOAP)], _fault(attack, "InvalidArgVal", "SomethingElse"))
    return await handle(request)


async def _subcode(request: Request, handle: Answer, attack: str) -> Response:
    if re.search(rb"<[\w:]*(SetHostname|SetNTP|GetDNS)\b", request.body):
        code = escape(attack)
        return Response(500, [("Content-Type", SOAP)], _fault("no", code, code))
    return await handle(request)


async def _realm(request: Request, handle: Answer, attack: str) -> Response:
    """Every login is refused, and the realm is an attack."""
    if b"GetSystemDateAndTime" in request.body:
        return await handle(request)
    text = (attack + STEERING).replace('"', "'")
    return Response(401, [("WWW-Authenticate", f'Digest realm="{text}", nonce="0123456789abcdef", qop="auth"')])


async def _redirect(request: Request, handle: Answer, attack: str) -> Response:
    return Response(302, [("Location", f"http://evil.example/{attack}{STEERING}")])


async def _page(request: Request, handle: Answer, attack: str) -> Response:
    page = f"<html><head><title>{attack}{STEERING}</title></head></html>"
    return Response(200, [("Content-Type", f"text/html; x={attack}{STEERING}"), ("Server", attack)], page.encode())


async def _rpc(request: Request, handle: Answer, attack: str) -> Response:
    said = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": attack + STEERING, "data": attack}}
    return Response(200, [("Content-Type", "application/json")], json.dumps(said).encode())


async def _echo(request: Request, handle: Answer, attack: str) -> Response:
    """A device in debug mode: what it refuses it says back whole, with the login. It did it all the same."""
    response = await handle(request)
    if not re.search(rb"<[\w:]*(SetUser|SetHostname|SetNTP)\b", request.body) or response.status != 200:
        return response
    sent = re.search(rb"<[\w:]*Password>([^<]+)</", request.body)
    token = b" ".join(re.findall(rb"<[\w:]*(?:Password|Nonce) [^>]*>([^<]+)<", request.body)).decode()
    login = f"{token} {request.headers.get('authorization', '')}"
    password = html.unescape(sent.group(1).decode()) if sent else ""
    # What is told of a reason is cut; one of these puts the cut into the password, the other shows all of it.
    reason = f"{'refused '.ljust(185, '-')} {password}" if b"SetUser" in request.body else f"refused {login}"
    return Response(500, [("Content-Type", SOAP)], _fault(reason, "InvalidArgVal", "SomethingElse", password))


KINDS: dict[str, tuple[Change, dict[str, Any]]] = {
    "reason": (_reason, {}),
    "subcode": (_subcode, {}),
    "realm": (_realm, {}),
    "redirect": (_redirect, {}),
    "page": (_page, {}),
    "page-router": (_page, {"nwcs_family": "openwrt"}),
    "rpc": (_rpc, {"nwcs_family": "openwrt"}),
    "echo": (_echo, {}),
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, module_loopback_network: str) -> Iterator[SimpleNamespace]:
    place = Workplace(tmp_path_factory.mktemp("answers"))
    marker = place.folder / "executed"
    attack = ATTACK.replace("MARKER", str(marker))
    users = [{"Username": "admin", "Password": FACTORY, "UserLevel": "Administrator", "fixed": True}]
    devices = [{"name": name, "model": "onvif-complete", "overrides": {"users": users}} for name in KINDS]
    tap = Tap()
    with running_lab(devices, network=module_loopback_network) as lab:
        hosts = {}
        for name, (change, variables) in KINDS.items():
            device = lab.device(name)
            _changed(device, change, attack)
            tap.put_on(device)
            hosts[name] = device_login(device.address, nwcs_password=FACTORY, **variables)
        design = {"identity": {"hostname": "cam"}, "time": {"sync": "ntp", "servers": ["ntp.example.jp"]}}
        place.write_inventory(hosts, nwcs_tls_verify=str(lab.ca), nwcs_design=design)
        told = SimpleNamespace(place=place, marker=marker, attack=attack, runs={})
        told.runs["harden"] = place.play("harden")
        told.runs["drift"] = place.play("drift", "-e", "nwcs_language=ja")
        told.runs["verbose"] = place.play("record", "-vvv", "-e", "nwcs_retry=true")
        own = place.folder / "own.yml"
        own.write_text(yaml.safe_dump(OWN))
        told.runs["own"] = place.play(str(own), "--limit", "reason,subcode")
        told.passwords = {FACTORY} | every_secret(place.secrets())
        told.wire = {text for text in tap.heard if text != NOBODY and text != "0123456789abcdef"}
        yield told


# A playbook of the site's own that works with what the devices said.
OWN = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {"name": "Look", "nwcs.hardening.device_info": {}, "register": "seen"},
            {"name": "Show", "ansible.builtin.debug": {"msg": "{{ seen.device.readings | string }}"}},
            {"name": "Keep", "ansible.builtin.set_fact": {"kept": "{{ seen.device }}"}},
            {"name": "Show again", "ansible.builtin.debug": {"var": "kept.readings"}},
        ],
    }
]


def _changed(device: Any, change: Change, attack: str) -> None:
    handle = device.handle

    async def other(request: Request) -> Response:
        return await change(request, handle, attack)

    device.handle = other


def test_the_attacks_arrived(played: SimpleNamespace) -> None:
    """What the devices said is told, as data: otherwise this file would prove nothing."""
    whole = list(texts(played.runs["harden"].device("reason")))
    assert any("{{ 7*191 }}" in text for text in whole)
    assert played.runs["harden"].outcomes("echo")["identity.hostname"]["outcome"] != "changed"
    assert not any(SUM in text for text in whole)
    assert "{{ 7*191 }}" in played.runs["own"].out


def test_nothing_was_executed(played: SimpleNamespace) -> None:
    assert not played.marker.exists()
    for run in played.runs.values():
        assert SUM not in re.sub(r"\d{4}-\d\d-\d\d\S*", "", run.out)  # times aside


@pytest.mark.parametrize("name", ["realm", "redirect", "page", "page-router", "rpc"])
def test_one_short_sentence_for_what_is_no_device(played: SimpleNamespace, name: str) -> None:
    for job in ("harden", "drift"):
        device = played.runs[job].device(name)
        assert device["status"] == "not_checked"
        message = device["error"]["message"]
        assert name in message and "\n" not in message
        assert device["error"]["code"] not in ("error", "internal"), device["error"]
        assert len(message) < 500


@pytest.mark.parametrize("job", ["harden", "drift"])
def test_the_console_gets_no_control_character(played: SimpleNamespace, job: str) -> None:
    run = played.runs[job]
    assert {match.group() for match in CONTROL.finditer(run.out + run.err)} == set()


@pytest.mark.parametrize("job", ["verbose", "own"])
def test_raw_results_do_not_steer_the_terminal(played: SimpleNamespace, job: str) -> None:
    run = played.runs[job]
    assert {match.group() for match in TERMINAL.finditer(run.out + run.err)} == set()


@pytest.mark.parametrize("job", ["harden", "drift", "verbose"])
def test_the_page_is_whole_and_holds_no_foreign_tag(played: SimpleNamespace, job: str) -> None:
    page = (played.runs[job].folder / "report.html").read_text(encoding="utf-8")
    reader = _Page()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    assert reader.tags.count("script") <= 1
    assert "img" not in reader.tags
    assert "<script>document.title" not in page
    assert not CONTROL.search(page)


def _leaks(told: SimpleNamespace, text: str) -> set[str]:
    found = set()
    for number, password in enumerate(sorted(told.passwords)):
        found |= {f"password {number}, {form}" for form, secret in forms(password).items() if secret in text}
        if password[:8] in text:  # a password that was cut is still half a password
            found.add(f"password {number}, its first half")
    return found | {f"on the wire: {secret}" for secret in told.wire if secret in text}


def test_what_a_device_says_back_is_not_told_on(played: SimpleNamespace) -> None:
    assert _leaks(played, base64.b64encode(FACTORY.encode()).decode()) and _leaks(played, f"-{FACTORY[:9]}")
    assert len(played.passwords) >= 2
    for name, run in played.runs.items():
        assert _leaks(played, run.out + run.err) == set(), name
    for path in played.place.files():
        assert _leaks(played, path.read_text(errors="replace")) == set(), path


def test_a_password_that_was_taken_and_called_refused_is_no_way_lost(played: SimpleNamespace) -> None:
    assert played.runs["harden"].device("echo")["status"] != "ok"
    assert played.runs["drift"].device("echo")["error"] is None


def test_no_traceback(played: SimpleNamespace) -> None:
    for run in played.runs.values():
        assert "Traceback" not in run.out + run.err
        assert "the toolkit itself failed" not in run.out + run.err

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recording a device and playing the recording back: every family's simulated device is the real one here.

Redaction is tried on planted secrets: every answer of the device carries them, and some devices hold them as well.
"""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from driver_cases import FAMILIES, Family, Rig, every_family, every_model, rig, short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.lab.testing import running_lab
from ansible_collections.nwcs.hardening.plugins.module_utils import jobs
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, StateError
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Target, Transport
from ansible_collections.nwcs.hardening.plugins.plugin_utils import recording
from ansible_collections.nwcs.hardening.plugins.plugin_utils.redact import Redactor

PLANTED = {
    "password": "Pl4nt-Wachtwoord", "wpaPsk": "plum tree 4471 at dawn", "community": "yokohama-ro",
    "ownerName": "Tanaka Ichiro", "userName": "tanaka-ichiro", "serialNumber": "ZX9K8812345J", "site": "Minami Depot",
    "hwAddress": "a4:14:37:5b:6c:7d", "bareAddress": "A414375B6C7E", "address": "10.77.88.99",
    "address6": "fd12:3456:789a::77", "ssid": "TanakaHome5G", "mail": "tanaka@minami-depot.jp", "phone": "0901234567",
    "stream": "rtsp://tanaka-ichiro:geheim-99x@10.77.88.98:554/north-gate-7", "host": "nvr.minami-depot.jp",
    "bearer": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ0YW5ha2EifQ.c2lnbmF0dXJl",
    "digestA1": "9f86d081884c7d659a2feaa0c55ad015", "latitude": "35.46681236",
    "crypt": "$5$Qk1zYWx0$1tq8Vd5ySaUq4o0Qx4yT9rP7GmZ3KjW2", "remark": "call 0457 889 921",
}  # fmt: skip
# What else must not survive: parts of the above, and what is a secret only by its place.
PARTS = ("geheim-99x", "north-gate-7", "minami-depot", "10.77.88.98", "Ichiro", "0457 889", "4471")
PEM = "-----BEGIN CERTIFICATE-----\nMIIBplantedcertificatebody0123456789\n-----END CERTIFICATE-----"


def forms(secret: str) -> set[str]:
    """How a text may stand in a file, in lower case where the case does not matter."""
    raw = secret.encode()
    found = {secret, quote(secret, safe=""), raw.hex(), json.dumps(secret)[1:-1], secret.replace(":", "")}
    return {form.lower() for form in found}


def encoded(secret: str) -> set[str]:
    raw = secret.encode()
    return {base64.b64encode(raw).decode().rstrip("=")[:-1], base64.urlsafe_b64encode(raw).decode().rstrip("=")[:-1]}


def survivors(text: str, secrets: list[str]) -> list[str]:
    lower = text.lower()
    return [s for s in secrets if any(f in lower for f in forms(s)) or any(f in text for f in encoded(s))]


def recorded(run: Rig) -> tuple[recording.Recording, dict[str, Any]]:
    found = recording.record(run.spec())
    return found, recording.fixture(found, run.family.name, "0.1.0")


# -- planting ----------------------------------------------------------------------------------------------------------
def _values() -> dict[str, str]:
    """The planted texts, and each of them in the forms that devices encode things in."""
    made = dict(PLANTED)
    for name, text in PLANTED.items():
        made[f"{name}B"] = base64.b64encode(text.encode()).decode()
        made[f"{name}H"] = text.encode().hex()
        made[f"{name}U"] = quote(text, safe="")
        made[f"{name}C"] = text.upper()
    return made


def plant(body: bytes) -> bytes:
    """Put the values beside those of the device, in the form of its answer."""
    values = _values()
    text = body.decode("utf-8", "replace")
    if text.startswith(("{", "[")):
        try:
            return json.dumps(_into(json.loads(text), values)).encode()
        except ValueError:
            return body
    if text.lstrip().startswith("<"):
        if re.match(r"\s*<(!doctype html|html)", text, re.I):
            return body
        more = "".join(f"<{name}>{text}</{name}>" for name, text in values.items())
        end = text.rfind("</", 0, text.rfind("</"))  # inside the last element but one, beside what is there
        return (text[:end] + f"<plantedThing owner=\"Tanaka Ichiro\">{more}</plantedThing>" + text[end:]).encode()
    if re.search(r"^\s*[\w.\[\]]+ ?=", text, re.M):
        end = "" if text.endswith("\n") else "\r\n"
        return (text + end + "".join(f"root.Planted.{name}={text}\r\n" for name, text in values.items())).encode()
    return body


def _into(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, dict):
        inner = {name: _into(one, values) for name, one in value.items()}
        return inner | {
            "plantedThing": values | {"certificate": PEM, "list": ["tanaka-ichiro", "a4:14:37:5b:6c:7d"]},
            "plantedUsers": {"tanaka-ichiro": {"id": 1, "group": "x"}, "sato-hana-k": {"id": 2, "group": "x"}},
            "plantedLeases": {"a4:14:37:5b:6c:7d": {"ip": "10.77.88.99"}},
        }  # fmt: skip
    return [_into(one, values) for one in value] if isinstance(value, list) else value


def poison(run: Rig) -> None:
    """From now on every answer of the device holds the planted values."""
    usual = run.device.handle

    async def handle(request: Any) -> Any:
        response = await usual(request)
        if response.body and not response.cut:
            response.body = plant(response.body)
        return response

    run.device.handle = handle


HOLDS: dict[str, dict[str, Any]] = {
    "onvif": {
        "users": [{"Username": "admin", "Password": "12345", "UserLevel": "Administrator", "fixed": True},
                  {"Username": "tanaka-ichiro", "Password": "Pl4nt-Wachtwoord", "UserLevel": "Operator"}],
        "hostname": {"FromDHCP": False, "Name": "TanakaHome5G"},
        "scopes": [{"ScopeDef": "Fixed", "ScopeItem": "onvif://www.onvif.org/Profile/Streaming"},
                   {"ScopeDef": "Configurable", "ScopeItem": "onvif://www.onvif.org/name/Tanaka%20Ichiro"},
                   {"ScopeDef": "Configurable", "ScopeItem": "onvif://www.onvif.org/location/Minami%20Depot"}],
        "information": {"Manufacturer": "SIMULATED Optics", "Model": "IPC-1000", "FirmwareVersion": "2.4.1",
                        "SerialNumber": "ZX9K8812345J", "HardwareId": "1"},
        "ntp": {"FromDHCP": False, "NTPManual": [{"Type": "DNS", "DNSname": "nvr.minami-depot.jp"}]},
        "dns": {"FromDHCP": False, "SearchDomain": [],
                "DNSManual": [{"Type": "IPv4", "IPv4Address": "10.77.88.99"}]},
    },
    "vapix": {
        "serial": "A414375B6C7E",
        "users": {"admin": {"password": "Axis-Old-1", "role": "admin"},
                  "tanaka-ichiro": {"password": "Pl4nt-Wachtwoord", "role": "viewer"}},
        "values": {"Network.HostName": "TanakaHome5G", "Network.UPnP.FriendlyName": "Tanaka Ichiro"},
    },
    "isapi": {"users": [{"userName": "admin", "password": "Camera-12345", "userLevel": "Administrator"},
                        {"userName": "tanaka-ichiro", "password": "Pl4nt-Wachtwoord", "userLevel": "Operator"}]},
    "dahua": {"tables": {"General": {"MachineName": "TanakaHome5G"}},
              "users": [{"Name": "admin", "Password": "Factory-1234", "Group": "admin", "Reserved": True},
                        {"Name": "tanaka-ichiro", "Password": "Pl4nt-Wachtwoord", "Group": "user"}]},
    "sunapi": {"users": [{"UserID": "tanaka-ichiro", "Password": "Pl4nt-Wachtwoord", "VideoProfileAccess": True}]},
}  # fmt: skip


def _openwrt(device: Any) -> None:
    with device.edit("system") as stage:
        stage.set(stage.package.of_type("system")[0], "hostname", "TanakaHome5G")
        stage.set(stage.package.of_type("system")[0], "description", "Tanaka Ichiro")
    with device.edit("wireless") as stage:
        for section in stage.package.of_type("wifi-iface"):
            stage.set(section, "ssid", "TanakaHome5G")
            stage.set(section, "key", "plum tree 4471 at dawn")


# -- the tests ---------------------------------------------------------------------------------------------------------
@every_model
def test_a_replayed_recording_reads_as_the_device_did(family: Family, model: str) -> None:
    with rig(family, model=model) as run:
        spec = run.spec()
        wanted = recording.states(jobs.read(spec)["snapshot"]["readings"])
        _raw, fixture = recorded(run)
        assert run.writes() == []
    with running_lab([{"name": "dev", "model": {"family": "replay", "fixture": fixture}}]) as lab:
        spec["target"] = {**spec["target"], "host": lab.device("dev").address, "tls_verify": lab.ca.read_text()}
        found = jobs.read(spec)["snapshot"]["readings"]
        assert recording.states(found) == wanted


@every_family
def test_nothing_planted_is_in_the_file(family: Family) -> None:
    with rig(family, **HOLDS.get(family.name, {})) as run:
        if family.name == "openwrt":
            run.lab.call(lambda: _openwrt(run.device))
        poison(run)
        raw, fixture = recorded(run)
        told = json.dumps(fixture, ensure_ascii=False)
        seen = b"".join(one.answer.body for one in raw.exchanges if one.answer).decode("utf-8", "replace")
        assert len(survivors(seen, list(PLANTED.values()))) > 10  # they were there
        identity = raw.snapshot["identity"]
        private = [*PLANTED.values(), *PARTS, "plantedcertificatebody", run.device.address, "sato-hana-k"]
        private += [identity[name] for name in ("serial", "mac", "endpoint") if identity[name]]
        private += [run.login[1]] if run.login[1] else []
        assert survivors(told, private) == []
        assert not re.search(r"authorization\W+(basic|digest|bearer)|set-cookie|nonce\W+[0-9a-f]{8}", told, re.I)


@every_family
def test_the_devices_own_names_get_the_same_pseudonym_everywhere(family: Family) -> None:
    with rig(family, **HOLDS.get(family.name, {})) as run:
        poison(run)
        _raw, fixture = recorded(run)
        shown = set()
        for one in fixture["exchanges"]:
            text = (one.get("answer") or {}).get("text", "")
            shown.update(re.findall(r'(?:"userName": "|<userName>|Planted\.userName=)([^"<\r\n]+)', text))
        assert len({name for name in shown if name.startswith("NAME-")}) == 1, shown


@every_family
def test_documents_lose_their_store_and_a_write_is_not_sent(family: Family) -> None:
    driver = recording._read_only(family.driver)
    assert driver.transactions == () and family.driver.documents != ()
    for document in driver.documents:
        if document.store is not None:
            with pytest.raises(InputError):
                document.store(None, {}, {})
    with rig(family) as run:
        transport = Transport(Target("dev", run.device.address, run.device.ports["http"], "http"))
        with recording.watching([], set()), pytest.raises(InputError, match="not sent"):
            transport.request("POST", "/write", body=b"<SetUser/>", login=False)
        assert run.log() == []


@pytest.mark.parametrize(("family", "change"), [
    ("motion", {"netcam_userpass": "nvr:4321", "stream_authentication": "viewer:4321"}),
    ("zoneminder", {"configs": {"ZM_UPLOAD_PASS": "4321", "ZM_DB_PASS": "4321"}}),
])  # fmt: skip
def test_a_weak_password_of_something_else_is_not_in_the_file(family: str, change: dict[str, Any]) -> None:
    """A number of four digits looks like any other: only what is said beside it tells."""
    with rig(FAMILIES[family]) as run:
        configs = run.device.state.get("configs")
        given = change if configs is None else {"configs": {**configs, **change["configs"]}}
        run.lab.call(lambda: run.device.force(**given))
        assert "4321" not in json.dumps(recorded(run)[1]["exchanges"])


def test_the_watch_ends_with_its_block() -> None:
    usual = Transport._exchange
    with pytest.raises(RuntimeError), recording.watching([], set()):
        raise RuntimeError
    assert Transport._exchange is usual


def test_a_recording_in_which_something_known_is_left_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with rig(FAMILIES["onvif"]) as run:
        raw = recording.record(run.spec())
        monkeypatch.setattr(recording.redact_bodies, "body", lambda _r, content, _k: {"text": content.decode()})
        with pytest.raises(StateError, match="nothing was written"):
            recording.fixture(raw, "onvif", "0.1.0")


@pytest.mark.parametrize(("name", "value", "shown"), [
    ("status", "403 Forbidden tanaka-ichiro", "403 Forbidden NAME-1"), ("status", "403 Forbidden", "403 Forbidden"),
    ("content-type", "text/xml; charset=utf-8; owner=tanaka", "text/xml; charset=utf-8"),
    ("content-type", "multipart/mixed; boundary=tanaka", "multipart/mixed"),
    ("server", "tanaka-ichiro", "NAME-1"),
])  # fmt: skip
def test_headers_say_nothing_of_their_own(name: str, value: str, shown: str) -> None:
    assert recording._header(Redactor(), name, value) == shown


def test_a_replay_takes_no_write_and_asks_for_the_login() -> None:
    with rig(FAMILIES["onvif"]) as run:
        _raw, fixture = recorded(run)
        spec = run.spec()
    with running_lab([{"name": "dev", "model": {"family": "replay", "fixture": fixture}}]) as lab:
        device = lab.device("dev")
        transport = Transport(Target("dev", device.address, device.ports["http"], "http"))
        place = "/onvif/device_service"

        def ask(what: str) -> Any:
            body = f"<s:Envelope><s:Body><{what}/></s:Body></s:Envelope>".encode()
            return transport.request("POST", place, body=body, login=False)

        assert ask("GetUsers").status == 401 and b"Username" not in ask("GetUsers").body
        assert ask("SetSystemFactoryDefault").status == 404
        assert ask("GetSystemDateAndTime").status == 200
        assert lab.writes("dev") == [] and spec["family"] == "onvif"

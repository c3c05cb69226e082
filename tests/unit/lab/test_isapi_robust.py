# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated ISAPI devices under nonsense, and when power or network fail in the middle of a request."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import pytest
import requests
from isapi_lab_box import CAMERA, RECORDER, ask, change, get, user

from ansible_collections.nwcs.hardening.lab.testing import running_lab

NONSENSE = (
    b"", b"\x00\xff", b"<", b"<a/>", b"<a:b/>", b"{}", b"[]", b"<User/>", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
    b"<x>" * 3000 + b"</x>" * 3000, b"<?xml version='1.0' encoding='nonsense'?><x/>", "<é/>".encode("latin-1"),
)  # fmt: skip
PATHS = ("Security/users/99999999999999999999", "Security/users/x/y", "Security/challenge", "System/activate",
         "ContentMgmt/logSearch", "Event/triggers/a/b/c", "System/time/timeZone", "a//b", "%00", "System/time/..",
         "System/activate/GetChallengeV3", "ContentMgmt/InputProxy/channels/1", "System/reboot/x")  # fmt: skip


@pytest.mark.parametrize(
    ("model", "login"), [("isapi-camera", CAMERA), ("isapi-nvr", RECORDER), ("isapi-factory", CAMERA)]
)
def test_nonsense_is_refused_and_changes_nothing(model: str, login: tuple[str, str]) -> None:
    """The lab itself reports a failure when a device raises."""
    with running_lab([{"name": "dev", "model": model, "overrides": {"lockout_attempts": 0}}]) as lab:
        device = lab.device("dev")
        before = (dict(device.documents), str(device.users.rows))
        for path in (*PATHS, *sorted(device.documents)[::3]):
            for method in ("PUT", "POST", "DELETE", "PATCH"):
                for body in NONSENSE[::2] if method != "PUT" else NONSENSE:
                    if method == "DELETE" and path.startswith("Security/users"):
                        continue
                    answer = ask(device, method, path, body, login=login)
                    assert answer.status_code >= 400 and "<statusCode>1<" not in answer.text, (method, path, body)
        assert (dict(device.documents), str(device.users.rows)) == before


@pytest.mark.parametrize(
    "header", ["Digest", "Digest x", 'Digest username="admin"', "Basic", "Basic !!", "Bearer x", "\xff"]
)
def test_broken_login_headers_are_wrong_logins(header: str) -> None:
    with running_lab(["isapi-camera-old"]) as lab:
        device = lab.device("isapi-camera-old")
        url = f"http://{device.address}:{device.ports['http']}/ISAPI/System/time"
        answer = requests.get(url, headers={"Authorization": header.encode("latin-1")}, timeout=5)
        assert answer.status_code == 401 and len(lab.logins("isapi-camera-old", "refused")) == 1


@pytest.mark.parametrize(("when", "done"), [("before", False), ("after", True), ("during", True)])
def test_power_fails_at_a_named_write(when: str, done: bool) -> None:
    with running_lab(["isapi-camera"]) as lab:
        device = lab.device("isapi-camera")
        lab.cut_at("isapi-camera", operation="POST Security/users", when=when, back_after=0.1)
        with pytest.raises(requests.RequestException):
            ask(device, "POST", "Security/users", user("ops", "Secret-1234"))
        lab.wait(lambda: not device.is_down())
        lab.settle()
        assert ("<userName>ops<" in get(device, "Security/users")) == done


def test_steps_tell_writes_reads_and_what_was_refused() -> None:
    with running_lab(["isapi-camera"]) as lab:
        device = lab.device("isapi-camera")
        lab.count("isapi-camera")
        assert change(device, "System/time", ">manual<", ">NTP<") == (200, "ok")
        seen = [(step.operation, step.write, step.acted) for step in lab.steps("isapi-camera")]
        assert seen == [("GET System/time", False, False), ("GET System/time", False, True),
                        ("PUT System/time", True, False), ("PUT System/time", True, True)]  # fmt: skip
        assert [entry.operation for entry in lab.writes("isapi-camera")] == ["PUT System/time"] * 2


def test_devices_that_change_places_keep_their_own_state() -> None:
    with running_lab([{"name": "a", "model": "isapi-camera"}, {"name": "b", "model": "isapi-camera"}]) as lab:
        one, two = lab.device("a"), lab.device("b")
        first = (one.address, one.value("System/deviceInfo", "serialNumber"))
        lab.swap("a", "b")
        assert one.address != first[0] and two.address == first[0]
        assert one.value("System/deviceInfo", "serialNumber") == first[1]
        assert f"<ipAddress>{one.address}<" in get(one, "System/Network/interfaces")
        assert first[1] not in get(two, "System/deviceInfo")


def test_a_device_at_factory_state_after_a_restart_wants_activation() -> None:
    with running_lab(["isapi-camera"]) as lab:
        lab.fault("isapi-camera", "H49")
        lab.restart("isapi-camera", 0.0)
        assert "notActivated" in ask(lab.device("isapi-camera"), "GET", "System/time").text

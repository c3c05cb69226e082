# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated ISAPI devices against what others know of real ones: captured documents, and a public client library."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
import requests
from hikvisionapi import Client
from isapi_lab_box import CAMERA, OLD, RECORDER, get, word

from ansible_collections.nwcs.hardening.lab.testing import running_lab

CAPTURES = Path(__file__).parents[2] / "captures" / "isapi" / "pyHik"
DOCUMENTS = {
    "device_info.xml": "System/deviceInfo",
    "event_triggers.xml": "Event/triggers",
    "storage.xml": "ContentMgmt/Storage",
    "streaming_channels.xml": "Streaming/channels",
    "io_outputs.xml": "System/IO/outputs",
}
SPACES = {"http://www.hikvision.com/ver20/XMLSchema", "http://www.isapi.org/ver20/XMLSchema",
          "http://www.hikvision.com/ver10/XMLSchema"}  # fmt: skip


def paths(xml: str) -> dict[str, list[str]]:
    """Path of local names -> the names of the children there, in the order of their first appearance."""
    found: dict[str, list[str]] = {}

    def walk(element: ElementTree.Element, where: str) -> None:
        space, _unused, name = element.tag[1:].rpartition("}")
        assert space in SPACES
        here = f"{where}/{name}"
        names = found.setdefault(here, [])
        for child in element:
            child_name = child.tag.rpartition("}")[2]
            if child_name not in names:
                names.append(child_name)
            walk(child, here)

    walk(ElementTree.fromstring(xml), "")
    return found


@pytest.mark.parametrize("model", ["isapi-camera", OLD, "isapi-nvr"])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_have_the_elements_of_captured_ones_in_their_order(model: str, name: str) -> None:
    captured = paths((CAPTURES / name).read_text(encoding="utf-8"))
    with running_lab([model]) as lab:
        device = lab.device(model)
        ours = paths(get(device, DOCUMENTS[name], device.bootstrap_login))
    for where, children in captured.items():
        if name == "event_triggers.xml" and not ours.get(where):
            continue  # no trigger of this model tells anybody
        assert where in ours, where
        missing = set(children) - set(ours[where]) - {"videoInputChannelID"}
        assert missing == set(), (where, missing)
        shared = [child for child in ours[where] if child in children]
        assert shared == [child for child in children if child in shared], where


def test_the_old_camera_is_the_captured_one() -> None:
    told = (CAPTURES / "device_info.xml").read_text(encoding="utf-8")
    with running_lab([OLD]) as lab:
        text = get(lab.device(OLD), "System/deviceInfo")
    for name in ("model", "firmwareVersion", "deviceType"):
        assert word(text, name) == word(told, name)


# -- the client library ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("model", "login"), [("isapi-camera", CAMERA), (OLD, CAMERA), ("isapi-nvr", RECORDER)])
def test_a_public_client_does_its_usual_calls(model: str, login: tuple[str, str]) -> None:
    with running_lab([{"name": "dev", "model": model, "overrides": {"nonce_uses": 0}}]) as lab:
        device = lab.device("dev")
        client = Client(f"http://{device.address}:{device.ports['http']}", *login)
        info = client.System.deviceInfo(method="get")
        assert info["DeviceInfo"]["deviceName"] == device.value("System/deviceInfo", "deviceName")
        assert "<DeviceInfo" in client.System.deviceInfo(method="get", present="text")
        channels = client.Streaming.channels(method="get")["StreamingChannelList"]["StreamingChannel"]
        assert [row["id"] for row in channels] == [
            row["id"] for row in device.rows("Streaming/channels", "StreamingChannel")
        ]
        assert client.Streaming.channels[101](method="get")["StreamingChannel"]["id"] == "101"
        users = client.Security.users(method="get")["UserList"]["User"]
        assert (users[0] if isinstance(users, list) else users)["userName"] == "admin"
        text = client.System.time(method="get", present="text")
        done = client.System.time(method="put", data=text.replace("manual", "NTP"))
        assert done["ResponseStatus"]["statusString"] == "OK" and device.value("System/time", "timeMode") == "NTP"


def test_it_fails_where_a_nonce_is_good_for_two_requests_only() -> None:
    with running_lab(["isapi-nvr"]) as lab:
        device = lab.device("isapi-nvr")
        client = Client(f"http://{device.address}:{device.ports['http']}", *RECORDER)
        client.System.deviceInfo(method="get")
        with pytest.raises(requests.HTTPError, match="401"):
            client.System.deviceInfo(method="get")


def test_its_first_try_by_basic_costs_an_attempt_on_a_digest_device_only() -> None:
    with running_lab(["isapi-camera", OLD]) as lab:
        for name, count in (("isapi-camera-11", 1), ("isapi-camera-old-12", 0)):
            device = lab.device(name)
            Client(f"http://{device.address}:{device.ports['http']}", *CAMERA)
            assert len(lab.logins(name, "refused")) == count

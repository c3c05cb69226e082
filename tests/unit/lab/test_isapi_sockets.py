# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets and address filter of simulated ISAPI devices."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import pytest
import requests
from isapi_lab_box import OLD, RECORDER, ask, change, one, put, row, said

from ansible_collections.nwcs.hardening.lab.testing import is_open

pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
TIME = "System/time"
ACCESS = "Security/adminAccesses"
FILTER = "System/Network/ipFilter"


@pytest.mark.parametrize(
    ("protocol", "port"), [("HTTP", "http"), ("RTSP", "rtsp"), ("DEV_MANAGE", "sdk"), ("SDK_OVER_TLS", "sdk_tls"),
                           ("WebSocket", "websocket"), ("WebSocketS", "websockets"), ("SRTP", "srtp")],
)  # fmt: skip
def test_protocols_that_are_switched_off_close_their_socket(protocol: str, port: str) -> None:
    with one() as (lab, device):
        assert is_open(device.address, device.ports[port])
        on, off = row(device, protocol)
        assert change(device, ACCESS, on, off, scheme="https") == (200, "ok")
        lab.settle()
        assert not is_open(device.address, device.ports[port])
        assert device.protocol(protocol)["enabled"] == "false"


def test_ssh_and_telnet_are_documents_of_their_own() -> None:
    with one() as (lab, device):
        assert not is_open(device.address, device.ports["ssh"])
        assert change(device, "System/Network/ssh", "false", "true") == (200, "ok")
        lab.settle()
        assert is_open(device.address, device.ports["ssh"])
    with one(OLD) as (lab, device):
        assert is_open(device.address, device.ports["telnet"])
        assert change(device, "System/Network/telnetd", "true", "false") == (200, "ok")
        lab.settle()
        assert not is_open(device.address, device.ports["telnet"])


def test_a_port_moves_and_https_takes_over() -> None:
    with one() as (_lab, device):
        assert change(device, ACCESS, "<redirectToHttps>false", "<redirectToHttps>true") == (200, "ok")
        answer = ask(device, "GET", TIME, login=None)
        assert answer.status_code == 301
        assert answer.headers["location"] == f"https://{device.address}:{device.ports['https']}/ISAPI/{TIME}"
        assert ask(device, "GET", TIME, scheme="https").status_code == 200
        old = f"<portNo>{device.ports['https']}</portNo>"
        before = ask(device, "GET", ACCESS, scheme="https").text
        assert put(device, ACCESS, before.replace(old, "<portNo>28443</portNo>"), scheme="https") == (200, "ok")
        assert device.protocol("HTTPS")["portNo"] == "28443"
        assert ask(device, "GET", TIME, scheme="https").status_code == 200


def test_without_the_word_enabled_a_row_cannot_be_switched() -> None:
    with one("isapi-nvr") as (_lab, device):
        mark = "<protocol>DEV_MANAGE</protocol>"
        assert change(device, ACCESS, mark, f"<enabled>false</enabled>\n{mark}", login=RECORDER) == (
            400,
            "badXmlContent",
        )
        assert is_open(device.address, device.ports["sdk"])


def filtered(kind: str, *addresses: str) -> str:
    rows = "".join(
        f"<IPFilterAddress><id>{number}</id><permissionType>{kind}</permissionType><addressFilterType>mask"
        f"</addressFilterType><AddressMask><ipAddress>{address}</ipAddress></AddressMask></IPFilterAddress>"
        for number, address in enumerate(addresses, 1)
    )
    return (
        '<IPFilter version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema"><enabled>true</enabled>'
        f"<permissionType>{kind}</permissionType><IPFilterAddressList>{rows}</IPFilterAddressList></IPFilter>"
    )


def test_the_filter_lets_in_whom_it_names_and_nobody_else() -> None:
    with one() as (lab, device):
        assert put(device, FILTER, filtered("allow", "127.0.0.1", "192.0.2.10")) == (200, "ok")
        assert device.admits("127.0.0.1") and device.admits("192.0.2.10") and not device.admits("192.0.2.11")
        assert ask(device, "GET", TIME).status_code == 200
        assert put(device, FILTER, filtered("deny", "192.0.2.10")) == (200, "ok")
        assert device.admits("127.0.0.1") and not device.admits("192.0.2.10")
        lab.fault("dev", "H41")
        assert put(device, FILTER, filtered("allow", "127.0.0.1")) == (200, "ok")
        lab.settle()
        with pytest.raises(requests.ConnectionError):
            ask(device, "GET", TIME)
        lab.attack("dev", "open-filter")
        assert ask(device, "GET", TIME).status_code == 200


def test_the_filter_is_written_in_the_devices_own_form_only() -> None:
    plain = (
        '<IPFilter version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema"><enabled>true</enabled>'
        "<permissionType>allow</permissionType><IPFilterAddressList><IPFilterAddress><id>1</id><ipAddress>127.0.0.1"
        "</ipAddress></IPFilterAddress></IPFilterAddressList></IPFilter>"
    )
    with one(OLD) as (_lab, device):
        assert put(device, FILTER, filtered("allow", "127.0.0.1")) == (400, "badXmlContent")
        assert put(device, FILTER, plain) == (200, "ok")
        assert device.admits("127.0.0.1") and not device.admits("192.0.2.11")
        assert said(ask(device, "GET", f"{FILTER}/capabilities")) == (404, "notSupport")
    with one() as (_lab, device):
        assert put(device, FILTER, plain.replace("www.isapi.org", "www.hikvision.com")) == (400, "badXmlContent")
        assert put(device, FILTER, filtered("allow", "not-an-address")) == (400, "badXmlContent")
        assert put(device, FILTER, filtered("allow", *[f"192.0.2.{n}" for n in range(1, 66)])) == (400, "badParameters")

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated AXIS devices over real sockets, with the public client library `axis` and by RTSP."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from vapix_box import md5

from ansible_collections.nwcs.hardening.lab.testing import is_open, running_lab

axis = pytest.importorskip("axis.device")
httpx = pytest.importorskip("httpx")
errors = pytest.importorskip("axis.errors")
configuration = pytest.importorskip("axis.models.configuration")
pwdgrp = pytest.importorskip("axis.models.pwdgrp_cgi")


def with_client(device: Any, job: Callable[[Any], Coroutine[Any, Any, None]], password: str = "") -> None:
    """Run `job` with the library's client, logged in as the model's first account."""

    async def run() -> None:
        user, right = device.bootstrap_login
        async with httpx.AsyncClient() as session:
            about = configuration.Configuration(
                session, device.address, username=user, password=password or right, port=device.ports["http"]
            )
            await job(axis.AxisDevice(about).vapix)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("model", "product", "firmware", "apis"),
    [("vapix-modern", "P3265-V", "12.11.77", 15), ("vapix-9", "C Bullet LE", "9.80.2.2", 33),
     ("vapix-old", "P5512", "5.51.7", 0)],
)  # fmt: skip
def test_a_public_client_connects_and_keeps_accounts(model: str, product: str, firmware: str, apis: int) -> None:
    async def job(vapix: Any) -> None:
        await vapix.initialize()
        if not apis:  # without the JSON CGIs the library asks the parameters
            await vapix.params.property_handler.update()
            await vapix.params.brand_handler.update()
        assert (vapix.product_number, vapix.firmware_version) == (product, firmware)
        assert vapix.serial_number == device.serial and len(vapix.api_discovery) == apis
        assert len(vapix.streaming_profiles) >= 1
        await vapix.initialize_users()
        await vapix.load_user_groups()
        assert vapix.access_rights == pwdgrp.SecondaryGroup.ADMIN_PTZ
        await vapix.users.create("ops", pwd="Ops-1", sgrp=pwdgrp.SecondaryGroup.OPERATOR, comment="x")
        await vapix.users.update()
        assert vapix.users["ops"].operator and not vapix.users["ops"].admin
        await vapix.users.modify("ops", sgrp=pwdgrp.SecondaryGroup.VIEWER)
        await vapix.users.update()
        assert vapix.users["ops"].viewer and not vapix.users["ops"].operator
        await vapix.users.delete("ops")
        await vapix.params.update()
        assert vapix.params["Brand"]["ProdNbr"] == product

    with running_lab([{"name": "cam", "model": model}]) as lab:
        device = lab.device("cam")
        with_client(device, job)
        assert "ops" not in device.accounts.users
        done = [entry.operation for entry in device.log if entry.login == "ok" and entry.write]
        assert done == ["pwdgrp.cgi add", "pwdgrp.cgi update", "pwdgrp.cgi remove"]


def test_a_public_client_hears_that_its_password_is_wrong() -> None:
    async def job(vapix: Any) -> None:
        with pytest.raises(errors.Unauthorized):
            await vapix.user_groups._update()

    with running_lab([{"name": "cam", "model": "vapix-9"}]) as lab:
        with_client(lab.device("cam"), job, password="wrong")
        assert [entry.login for entry in lab.device("cam").log] == ["", "refused"]


def describe(device: Any, user: str, password: str) -> list[str]:
    """Status words of DESCRIBE without and with a login."""
    uri = f"rtsp://{device.address}/axis-media/media.amp"
    with socket.create_connection((device.address, device.ports["rtsp"]), 5) as sock:
        sock.sendall(f"DESCRIBE {uri} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
        first = sock.recv(4096).decode()
        fields = dict(part.split("=", 1) for part in first.partition("Digest ")[2].partition("\r\n")[0].split(", "))
        realm, nonce = (fields[name].strip('"') for name in ("realm", "nonce"))
        response = md5(f"{md5(f'{user}:{realm}:{password}')}:{nonce}:{md5(f'DESCRIBE:{uri}')}")
        login = f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}"'
        sock.sendall(f"DESCRIBE {uri} RTSP/1.0\r\nCSeq: 2\r\nAuthorization: {login}\r\n\r\n".encode())
        second = sock.recv(4096).decode()
    return [text.split()[1] for text in (first, second)]


def test_sockets_follow_the_settings_and_rtsp_wants_a_login() -> None:
    with running_lab([{"name": "cam", "model": "vapix-old"}]) as lab:
        device = lab.device("cam")
        assert describe(device, "root", "pass") == ["401", "200"]
        assert describe(device, "root", "wrong") == ["401", "401"]
        assert is_open(device.address, device.ports["ftp"]) and is_open(device.address, 49153)
        lab.call(lambda: device.tree.put("Network.FTP.Enabled", "no"))
        lab.call(lambda: device.tree.put("Network.RTSP.Enabled", "no"))
        lab.settle()
        assert not is_open(device.address, device.ports["ftp"]) and not is_open(device.address, device.ports["rtsp"])


def test_a_firewalls_trial_lets_its_maker_back_in() -> None:
    with running_lab([{"name": "cam", "model": "vapix-modern"}]) as lab:
        device = lab.device("cam")

        def shut_out() -> None:
            device.firewall.activated = True
            device.firewall.set_rules({"rules": [], "defaultPolicy": "DROP", "fallbackTime": 1})

        lab.call(shut_out)
        with pytest.raises(OSError), socket.create_connection((device.address, device.ports["http"]), 2) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            if not sock.recv(10):
                raise ConnectionResetError
        deadline = time.monotonic() + 10
        while lab.call(lambda: device.firewall.pending) is not None and time.monotonic() < deadline:
            time.sleep(0.02)
        with socket.create_connection((device.address, device.ports["http"]), 2) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert sock.recv(12).startswith(b"HTTP/1.1 200")

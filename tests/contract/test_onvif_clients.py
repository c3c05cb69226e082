# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two third-party ONVIF clients do a user round trip against simulated devices over real sockets.

Both packages install a module `onvif`, so each one runs as a program of its own; onvif-zeep in an environment that is
made once and kept in `build/cache`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from ansible_collections.nwcs.hardening.lab.testing import running_lab

ZEEP = "onvif-zeep==0.2.12"
# What both programs print as JSON: who was there before, in between and after, and what the new user could read.
CLIENT_PYTHON = """
import json, sys
from onvif import CacheMode, ONVIFClient
host, port, digest = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "digest"
def login(user, password):
    return ONVIFClient(host, port, user, password, http_digest=digest, cache=CacheMode.NONE, timeout=5).devicemgmt()
def names(service):
    return sorted(user.Username for user in service.GetUsers())
admin = login("admin", "12345")
seen = {"before": names(admin)}
admin.CreateUsers(User=[{"Username": "guard", "Password": "Correct-Horse-7", "UserLevel": "Administrator"}])
guard = login("guard", "Correct-Horse-7")
seen["model"] = guard.GetDeviceInformation().Model
seen["between"] = names(guard)
admin.DeleteUsers(Username=["guard"])
seen["after"] = names(admin)
try:
    login("guard", "Correct-Horse-7").GetUsers()
    seen["refused"] = False
except Exception:
    seen["refused"] = True
print(json.dumps(seen))
"""
CLIENT_ZEEP = """
import json, pathlib, sys, sysconfig
from onvif import ONVIFCamera
host, port = sys.argv[1], int(sys.argv[2])
found = [path for path in pathlib.Path(sys.prefix).rglob("devicemgmt.wsdl")]
def login(user, password):
    return ONVIFCamera(host, port, user, password, str(found[0].parent)).devicemgmt
def names(service):
    return sorted(user.Username for user in service.GetUsers())
admin = login("admin", "12345")
seen = {"before": names(admin)}
admin.CreateUsers({"User": [{"Username": "guard", "Password": "Correct-Horse-7", "UserLevel": "Administrator"}]})
guard = login("guard", "Correct-Horse-7")
seen["model"] = guard.GetDeviceInformation().Model
seen["between"] = names(guard)
admin.DeleteUsers({"Username": ["guard"]})
seen["after"] = names(admin)
try:
    login("guard", "Correct-Horse-7").GetUsers()
    seen["refused"] = False
except Exception:
    seen["refused"] = True
print(json.dumps(seen))
"""
EXPECTED = {
    "before": ["admin", "service"],
    "model": "IPC-1000",
    "between": ["admin", "guard", "service"],
    "after": ["admin", "service"],
    "refused": True,
}


@pytest.fixture(scope="session")
def zeep_python(project_root: Path) -> Path:
    """The interpreter of an environment with onvif-zeep, made at the first use; a skip says why it cannot be had."""
    place = project_root / "build" / "cache" / "venv-onvif-zeep"
    python = place / "bin" / "python"
    if not (place / "ready").exists():
        venv.EnvBuilder(clear=True, with_pip=True).create(place)
        # setuptools: onvif-zeep comes as source and its client is old.
        done = subprocess.run(  # pylint: disable=subprocess-run-check
            [python, "-m", "pip", "install", "-q", "setuptools<80", "wheel", ZEEP],
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode:
            pytest.skip(f"{ZEEP} could not be installed: {done.stderr.strip().splitlines()[-1:]}")
        (place / "ready").touch()
    return python


def run(python: str | Path, program: str, *arguments: str) -> dict:
    done = subprocess.run([python, "-c", program, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize("scheme", ["digest", "token"])
def test_onvif_python_round_trip(scheme: str) -> None:
    with running_lab([{"name": "cam", "model": "onvif-complete", "overrides": {"auth": [scheme]}}]) as lab:
        device = lab.device("cam")
        seen = run(sys.executable, CLIENT_PYTHON, device.address, str(device.ports["http"]), scheme)
        assert seen == EXPECTED
        assert [entry.operation for entry in lab.writes("cam")] == ["CreateUsers", "DeleteUsers"]
        assert {entry.user for entry in lab.log("cam") if entry.login == "ok"} == {"admin", "guard"}


def test_onvif_zeep_round_trip(zeep_python: Path) -> None:
    with running_lab([{"name": "cam", "model": "onvif-complete"}]) as lab:
        device = lab.device("cam")
        seen = run(zeep_python, CLIENT_ZEEP, device.address, str(device.ports["http"]))
        assert seen == EXPECTED
        assert [entry.operation for entry in lab.writes("cam")] == ["CreateUsers", "DeleteUsers"]


def test_a_client_with_a_wrong_password_is_refused() -> None:
    with running_lab([{"name": "cam", "model": "onvif-complete"}]) as lab:
        device = lab.device("cam")
        program = CLIENT_PYTHON.replace('"12345"', '"54321"')
        done = subprocess.run(
            [sys.executable, "-c", program, device.address, str(device.ports["http"]), "token"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode != 0
        assert lab.writes("cam") == []
        assert any(entry.login == "refused" for entry in lab.log("cam"))

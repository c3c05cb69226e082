# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power, network, certificates, cuts, swaps and the man in the middle, from the command line and the control port."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import contextlib
import http.client
import os
import ssl
import subprocess
import sys
import time

import pytest
import yaml

from ansible_collections.nwcs.hardening.lab.base import LabError
from ansible_collections.nwcs.hardening.lab.client import LabClient
from ansible_collections.nwcs.hardening.lab.site import Site
from ansible_collections.nwcs.hardening.lab.testing import free_network, is_open

HTTPS = [{"Name": "HTTP", "Enabled": True}, {"Name": "HTTPS", "Enabled": True}, {"Name": "RTSP", "Enabled": True}]
OVERRIDES = {"boot_seconds": 0.1, "protocols": HTTPS}
SITE = {
    "name": "pair",
    "devices": [{"name": "cam", "host": 11, "count": 2, "model": "onvif-complete", "overrides": OVERRIDES}],
}


@pytest.fixture(scope="module")
def nwcs_lab(tmp_path_factory):
    place = tmp_path_factory.mktemp("lab")
    (place / "site.yml").write_text(yaml.safe_dump(SITE))
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.environ["PATH"]}

    def run(*words, code=0):
        done = subprocess.run(  # pylint: disable=subprocess-run-check
            [sys.executable, "-m", "ansible_collections.nwcs.hardening.lab.cli", *words], cwd=place, env=environment,
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    with free_network() as network:
        run("up", "--site", "site.yml", "--network", network)
        run.client = LabClient(place / "build/lab")
        run.address = f"{network}.11"
        yield run
        with contextlib.suppress(LabError):
            run.client.stop()


def of(client, name="cam-001"):
    return next(one for one in client.status()["devices"] if one["name"] == name)


def back(nwcs_lab):
    deadline = time.monotonic() + 5
    while not is_open(nwcs_lab.address, 8080):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_power_and_network(nwcs_lab):
    assert "power off" in nwcs_lab("power", "cam-001", "off")
    assert not is_open(nwcs_lab.address, 8080)
    assert "* cam-001: power off" in nwcs_lab("status")
    assert of(nwcs_lab.client)["power"] == "off" and of(nwcs_lab.client, "cam-002")["power"] == "on"
    assert "nothing unusual" in nwcs_lab("power", "cam-001", "on")
    back(nwcs_lab)
    assert "network reset" in nwcs_lab("network", "cam-001", "off", "--how", "reset", "--back-after", "60")
    assert not is_open(nwcs_lab.address, 8080) and of(nwcs_lab.client)["up"]
    assert nwcs_lab.client.network("cam-001", True)["network"] == "up"
    assert "no device 'cam'" in nwcs_lab("power", "cam", "off", code=1)
    with pytest.raises(LabError, match="how 'loud' is none of"):
        nwcs_lab.client.power("cam-001", False, how="loud")


def test_cut_count_and_forget(nwcs_lab):
    client = nwcs_lab.client
    back(nwcs_lab)
    said = nwcs_lab("cut", "cam-001", "--operation", "SetUser", "--when", "after", "--what", "restart")
    assert "restart (reset) after SetUser 1" in said
    assert "nothing unusual" in nwcs_lab("cut", "cam-001", "--forget")
    client.count("cam-001")
    client.cut_at("cam-001", nth=1, what="network", how="reset")
    connection = http.client.HTTPConnection(nwcs_lab.address, 8080, timeout=5)
    connection.request("GET", "/")
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        connection.getresponse()
    connection.close()
    assert client.steps("cam-001") == [] and of(client)["network"] == "reset" and of(client)["cuts"] == []
    client.network("cam-001", True)
    with pytest.raises(LabError, match="back_after"):
        client.cut_at("cam-001", what="late")


def test_certificate_swap_and_middle(nwcs_lab):
    client = nwcs_lab.client
    first = ssl.get_server_certificate((nwcs_lab.address, 8443))
    assert "certificate self-signed, changed 1 times" in nwcs_lab("certificate", "cam-001", "self-signed")
    second = ssl.get_server_certificate((nwcs_lab.address, 8443))
    assert "man in the middle of https saw no credentials" in nwcs_lab("mitm", "cam-001", "on")
    third = ssl.get_server_certificate((nwcs_lab.address, 8443))
    assert len({first, second, third}) == 3
    assert of(client)["mitm"]["handshakes"] == 1
    with pytest.raises(LabError, match="in the middle already"):
        client.mitm("cam-001", True)
    assert client.mitm("cam-001", False)["mitm"] is None
    assert ssl.get_server_certificate((nwcs_lab.address, 8443)) == second
    assert f"cam-002 now answers at {nwcs_lab.address}" in nwcs_lab("swap", "cam-001", "cam-002")
    assert ssl.get_server_certificate((nwcs_lab.address, 8443)) not in (first, second, third)
    client.swap("cam-002", "cam-001")
    assert client.locked("cam-001") == {}


@pytest.mark.parametrize(("entry", "complaint"), [
    ({"count": 0}, "'count' must be"), ({"count": True}, "'count' must be"), ({"count": 300}, "'host' must be"),
])  # fmt: skip
def test_a_count_that_cannot_be(entry, complaint):
    with pytest.raises(LabError, match=complaint):
        Site.build({"devices": [{"name": "cam", "host": 1, "model": "onvif-poor"} | entry]})

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line and the control port: start, status, disturb, end, and nothing left behind."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from core_box import PASSWORD, Box

from ansible_collections.nwcs.hardening.lab import site as site_module
from ansible_collections.nwcs.hardening.lab.base import LabError
from ansible_collections.nwcs.hardening.lab.cli import printable
from ansible_collections.nwcs.hardening.lab.client import LabClient
from ansible_collections.nwcs.hardening.lab.control import inventory, masked_state
from ansible_collections.nwcs.hardening.lab.site import Site
from ansible_collections.nwcs.hardening.lab.testing import free_network, is_open, running_lab

PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv.pop(1));"
    "from ansible_collections.nwcs.hardening.lab import cli, site;"
    "site.FAMILIES['box'] = ('core_box', 'Box');"
    "sys.exit(cli.main())"
)
SITE = {
    "name": "boxes",
    "devices": [
        {"name": "cam-a", "host": 11, "model": {"family": "box", "model": "Box 1", "character": "plain"}},
        {"name": "cam-\x1b[31m", "host": 12, "model": {"family": "box", "bootstrap_login": ["admin", "admin"]}},
    ],
    "attack": [{"device": "cam-a", "name": "new-name"}],
}


@pytest.fixture
def box_family(monkeypatch):
    monkeypatch.setitem(site_module.FAMILIES, "box", ("core_box", "Box"))


@pytest.fixture
def network():
    with free_network() as found:
        yield found


@pytest.fixture
def nwcs_lab(tmp_path):
    (tmp_path / "site.yml").write_text(yaml.safe_dump(SITE))
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.environ["PATH"]}

    def run(*words, code=0):
        done = subprocess.run(  # pylint: disable=subprocess-run-check
            [sys.executable, "-c", PROGRAM, str(HERE), *words], cwd=tmp_path, env=environment, capture_output=True,
            text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    yield run
    with contextlib.suppress(LabError):
        LabClient(tmp_path / "build/lab").stop()


def alive(pid: int) -> bool:
    """False also for a process that has ended and that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ended(pid: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def test_up_status_disturb_down_leaves_no_process(nwcs_lab, network, tmp_path):
    said = nwcs_lab("up", "--site", "site.yml", "--network", network)
    assert "SIMULATED" in said and network in said and "build/lab" in said
    directory = tmp_path / "build/lab"
    about = json.loads((directory / "lab.json").read_text())
    assert stat.S_IMODE((directory / "lab.json").stat().st_mode) == 0o600
    assert is_open(f"{network}.11", 8080) and (directory / "ca.pem").exists()
    assert "already running" in nwcs_lab("up", "--site", "site.yml", "--network", network)
    assert json.loads((directory / "lab.json").read_text()) == about

    table = nwcs_lab("status")
    assert re.search(rf"^cam-a +{network}\.11 +Box 1 +up .*http:8080.* - +0 +0 +plain$", table, re.M), table
    assert "\x1b" not in table and "SIMULATED" in table
    assert about["token"] not in table

    client = LabClient(directory)
    socket.create_connection((f"{network}.11", 8080)).close()
    with socket.create_connection((f"{network}.11", 8080)) as sock:
        sock.sendall(b"POST /a?pw=hidden HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        sock.makefile("rb").read()
    assert [(one["device"], one["path"], one["write"]) for one in client.log(writes=True)] == [("cam-a", "/a", True)]
    shown = nwcs_lab("log", "cam-a", "--writes")
    assert "POST /a" in shown and "hidden" not in shown
    assert json.loads(nwcs_lab("log", "--json"))["log"][0]["status"] == 200
    assert "1" in nwcs_lab("clear-log") and client.log() == []

    assert "the device was renamed to 'hacked'" in nwcs_lab("attack")
    state = nwcs_lab("state", "cam-a")
    assert json.loads(state)["state"]["title"] == "hacked" and PASSWORD not in state
    assert "known: new-name" in nwcs_lab("attack", "cam-a", "sing", code=1)

    assert "down" in nwcs_lab("fault", "cam-a", "down")
    assert not is_open(f"{network}.11", 8080) and is_open(f"{network}.12", 8080)
    nwcs_lab("fault", "cam-a", "down", "--off")
    assert is_open(f"{network}.11", 8080)
    nwcs_lab("restart", "cam-a", "--seconds", "30")
    assert not is_open(f"{network}.11", 8080)
    assert re.search(r"^cam-a .* down ", nwcs_lab("status"), re.M)
    assert "H31-close" in nwcs_lab("list-faults") and "H01-lies" in nwcs_lab("list-faults")
    assert "no device 'cam-z'" in nwcs_lab("fault", "cam-z", "down", code=1)

    text = nwcs_lab("inventory")
    hosts = yaml.safe_load(text)["all"]["children"]["box"]["hosts"]
    assert hosts["cam-a"] == {
        "ansible_host": f"{network}.11",
        "nwcs_family": "box",
        "nwcs_host": f"{network}.11",
        "nwcs_port": 8080,
        "nwcs_scheme": "http",
    }
    assert hosts["cam-\x1b[31m"]["nwcs_username"] == "admin" and "SIMULATED" in text

    assert "ended" in nwcs_lab("down")
    assert ended(about["pid"], 1.0)
    assert not is_open(f"{network}.12", 8080)
    assert not (directory / "lab.json").exists()
    assert "no SIMULATED site was running" in nwcs_lab("down")
    assert "no lab is running" in nwcs_lab("status", code=1)


def test_it_ends_by_itself(nwcs_lab, network, tmp_path):
    said = nwcs_lab("up", "--site", "site.yml", "--network", network, "--lifetime", "1")
    assert ended(int(re.search(r"process (\d+)", said)[1]))
    nwcs_lab("up", "--site", "site.yml", "--network", network)
    pid = json.loads((tmp_path / "build/lab/lab.json").read_text())["pid"]
    (tmp_path / "build/lab").rename(tmp_path / "build/gone")
    assert ended(pid) and not is_open(f"{network}.11", 8080)


def test_stale_description_is_recognised(nwcs_lab, network, tmp_path):
    nwcs_lab("up", "--site", "site.yml", "--network", network)
    pid = json.loads((tmp_path / "build/lab/lab.json").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    assert ended(pid)
    assert (tmp_path / "build/lab/lab.json").exists()
    assert "no lab is running" in nwcs_lab("status", code=1)
    assert "is up" in nwcs_lab("up", "--site", "site.yml", "--network", network)
    nwcs_lab("down")


def test_foreground_ends_on_interrupt(nwcs_lab, network, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(HERE), "up", "--foreground", "--site", "site.yml", "--network", network],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    try:
        assert "is up" in process.stdout.readline()
        assert is_open(f"{network}.11", 8080)
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0
        assert "SIMULATED site ended" in process.stdout.read()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_control_port_wants_the_token(nwcs_lab, network, tmp_path):
    nwcs_lab("up", "--site", "site.yml", "--network", network)
    about = json.loads((tmp_path / "build/lab/lab.json").read_text())
    for line in (b'{"token": "x", "command": "status"}\n', b"[]\n", b"\xff\n", b'{"command": "stop"}\n'):
        with socket.create_connection(("127.0.0.1", about["port"]), 5) as sock:
            sock.sendall(line)
            answer = json.loads(sock.makefile("rb").readline())
        assert set(answer) == {"error"}
    assert LabClient(tmp_path / "build/lab").status()["site"] == "boxes"


def test_errors_of_up_are_one_sentence(nwcs_lab, network, tmp_path):
    def sentence(*words):
        said = nwcs_lab("up", *words, code=1)
        assert len(said.strip().splitlines()) == 1 and said.startswith("nwcs-lab: "), said
        return said

    with socket.socket() as taken:
        taken.bind((f"{network}.12", 8080))
        taken.listen()
        assert f"{network}.12:8080" in sentence("--site", "site.yml", "--network", network)
        assert not is_open(f"{network}.11", 8080)
    assert "no model 'toaster'" in sentence("--count", "3", "--model", "toaster")
    assert "no site 'nowhere'" in sentence("--site", "nowhere")
    assert "loopback" in sentence("--site", "site.yml", "--network", "192.168.1")
    assert "together" in sentence("--count", "3")
    (tmp_path / "site.yml").write_text("devices: [")
    assert "site.yml: cannot be read" in sentence("--site", "site.yml")
    assert not LabClient(tmp_path / "build/lab").running()


# -- site files -------------------------------------------------------------------------------------------------
def build(devices, network="127.77.0", **more):
    return Site.build({"name": "t", "devices": devices, **more}, network=network)


BOX = {"name": "a", "host": 1, "model": {"family": "box"}}


@pytest.mark.parametrize(
    "device, complaint",
    [
        ({"nme": 1}, r"site: device a: unknown key 'nme'"),
        ({"host": 254}, r"site: device a: key 'host' must be a number from 1 to 253, not 254"),
        ({"host": "11"}, r"key 'host'"),
        ({"model": {"family": "fridge"}}, r"site: device a: key 'family': 'fridge' is none of"),
        ({"model": "fridge"}, r"site: device a: key 'model': no model 'fridge'"),
        ({"overrides": [1]}, r"key 'overrides' must be a mapping"),
        ({"faults": ["H99"]}, r"site: device a: key 'faults': a: no fault 'H99'"),
        ({"model": {"family": "box", "states": {"factory": {}}}, "state": "new"}, r"'new' is none of factory"),
    ],
)
def test_site_errors_name_file_device_and_key(box_family, device, complaint):
    with pytest.raises(LabError, match=complaint):
        build([BOX | device])


@pytest.mark.parametrize("change, complaint", [({"name": "b"}, "address"), ({"host": 2}, "name")])
def test_site_refuses_twins(box_family, change, complaint):
    with pytest.raises(LabError, match=f"{complaint} .* is taken by device a"):
        build([BOX, BOX | change])


def test_site_attack_must_exist(box_family):
    assert build([BOX], attack=[{"device": "a", "name": "new-name"}]).attack == [("a", "new-name")]
    with pytest.raises(LabError, match="no attack 'x'; known: new-name"):
        build([BOX], attack=[{"device": "a", "name": "x"}])
    with pytest.raises(LabError, match="no device 'z'"):
        build([BOX], attack=[{"device": "z", "name": "new-name"}])


def test_state_and_overrides_are_layered_and_the_network_filled_in(box_family):
    model = {"family": "box", "net": {"dns": "{network}.1", "keep": 1}, "states": {"factory": {"net": {"ntp": "x"}}}}
    site = build([BOX | {"model": model, "state": "factory", "overrides": {"net": {"keep": 2}, "t": "{{ 7*7 }}"}}],
                 network="127.9.8")  # fmt: skip
    made = site.device("a")
    assert made.address == "127.9.8.1"
    assert made.model["net"] == {"dns": "127.9.8.1", "keep": 2, "ntp": "x"}
    assert made.model["t"] == "{{ 7*7 }}" and made.model["state"] == "factory" and "states" not in made.model
    assert model["net"]["keep"] == 1


def test_many_devices_of_one_model(box_family):
    site = Site.build(network="127.77", count=400, model={"family": "box"})
    addresses = [device.address for device in site.devices]
    assert len(set(addresses)) == 400 and addresses[0] == "127.77.1.1" and addresses[-1] == "127.77.2.150"
    assert site.devices[0].model is not site.devices[1].model
    with pytest.raises(LabError, match="do not fit in 127.77.0"):
        Site.build(network="127.77.0", count=400, model={"family": "box"})
    for network in ("10.0.0", "127.0.0.1", "127.300.1", "127.x.1"):
        with pytest.raises(LabError, match="network"):
            Site.build(network=network, count=1, model={"family": "box"})


def test_demo_site_comes_up_whole_and_its_attack_can_be_played():
    with running_lab(site="demo") as lab:
        assert {name for name, _unused in lab.site.attack} <= {device.name for device in lab.devices}
        for device in lab.devices:
            assert lab.sockets(device.name), device.name
        for name, attack in lab.site.attack:
            assert lab.attack(name, attack).endswith(".")
        groups = inventory(lab.site)["all"]["children"]
        assert {group: len(groups[group]["hosts"]) for group in groups} == {"cameras": 6, "recorders": 1, "routers": 1}
        for group in groups.values():
            for name, host in group["hosts"].items():
                assert host["nwcs_username"] and is_open(host["nwcs_host"], host["nwcs_port"]), name


def test_state_is_masked_wherever_a_secret_stands():
    device = Box("box", "127.0.0.1")
    device.accounts = [{"name": "root", "Password": "Planted-1"}, {"name": "x", "line": "$1$salt$Planted-2"}]
    device.sessions = {"Planted-3": {"user": "root"}}
    shown = json.dumps(masked_state(device))
    assert "Planted" not in shown and '"root"' in shown and PASSWORD not in shown


def test_printable_shows_control_characters_as_escapes():
    assert printable("a\x1b[31m\n\u202eb\x00é😀") == "a\\x1b[31m\\n\\u202eb\\x00é😀"
    assert printable("x" * 300).endswith("…")

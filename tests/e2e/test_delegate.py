# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same job three ways: here in the worker, delegated to localhost, and as a module on a gateway.

The gateway's Python has nothing but the declared libraries of the modules. Each way gets a site of the same devices at
the same addresses, so that the results must be the same, but for times, certificates and random names.
"""

from __future__ import annotations

import json
import os
import re
import site
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from e2e_box import Workplace, device_login, every_secret

from ansible_collections.nwcs.hardening.lab.testing import RunningLab, running_lab

pytestmark = pytest.mark.slow

PLUGINS = Path(__file__).parent / "plugins" / "connection"
WAYS = ("worker", "localhost", "gateway")
# What a gateway needs beside Python: the two libraries, and what one of them stands on.
LIBRARIES = ("defusedxml", "cryptography", "cffi", "pycparser")
ONE_LETTER = "a"


@pytest.fixture(scope="module")
def gateway_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the declared libraries of the modules and nothing else."""
    folder = tmp_path_factory.mktemp("gateway") / "venv"
    venv.create(folder, symlinks=True, with_pip=False)
    target = next(folder.glob("lib/python*/site-packages"))
    for source in {*site.getsitepackages(), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for path in Path(source).glob("*"):
            if path.name in LIBRARIES or path.name.startswith("_cffi_backend"):
                link = target / path.name
                if not link.exists():
                    os.symlink(path, link)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def played(
    tmp_path_factory: pytest.TempPathFactory, module_loopback_network: str, gateway_python: Path
) -> Iterator[dict[str, SimpleNamespace]]:
    found = {}
    for way in WAYS:
        with running_lab(site=_site(), network=module_loopback_network) as lab:
            found[way] = _play(Workplace(tmp_path_factory.mktemp(way)), lab, way, gateway_python)
    yield found


def _site() -> dict[str, Any]:
    short = {"users": [{"Username": "admin", "Password": ONE_LETTER, "UserLevel": "Administrator", "fixed": True}]}
    return {
        "name": "three-ways",
        "devices": [
            {"name": "cam", "host": 11, "model": "onvif-complete", "overrides": short},
            {"name": "unset", "host": 12, "model": "onvif-complete", "overrides": short},
            {"name": "router", "host": 1, "model": "openwrt-factory"},
        ],
    }


def _add_gateway(place: Workplace, python: Path) -> None:
    variables = {
        "ansible_host": "192.0.2.99",
        "ansible_connection": "elsewhere",
        "ansible_python_interpreter": str(python),
    }
    (place.inventory / "gateway.yml").write_text(json.dumps({"all": {"hosts": {"gw": variables}}}))


def _play(place: Workplace, lab: RunningLab, way: str, python: Path) -> SimpleNamespace:
    login = {
        "nwcs_family": "onvif",
        "nwcs_scheme": "http",
        "nwcs_port": 8080,
        "nwcs_username": "admin",
        "nwcs_password": ONE_LETTER,
    }
    design = {"time": {"sync": "ntp", "servers": ["ntp.example.jp"]}}
    hosts = {
        # Under delegate_to a bare ansible_host is the gateway's: the device's own must win.
        "cam": {**login, "ansible_host": f"{lab.network}.11"},
        f"{lab.network}.12": login,  # its name is its address, nothing else is set
        "router": {
            "nwcs_family": "openwrt",
            "nwcs_host": f"{lab.network}.1",
            "nwcs_scheme": "http",
            "nwcs_port": 8080,
            "nwcs_username": "root",
            "nwcs_password": "",
        },
    }
    if way != "worker":
        for variables in hosts.values():
            variables["nwcs_gateway"] = "localhost" if way == "localhost" else "gw"
    place.write_inventory(hosts, nwcs_design=design, nwcs_tls_verify=str(lab.ca), nwcs_profiles=["d"])
    _add_gateway(place, python)
    env = {"ANSIBLE_CONNECTION_PLUGINS": str(PLUGINS)}
    told = SimpleNamespace(place=place, runs={})
    for name in ("harden", "record", "drift"):
        told.runs[name] = place.play(name, "--limit", "all:!gw", "-vvv" if way == "gateway" else "-v", env=env)
    told.writes = {device.name: len(lab.writes(device.name)) for device in lab.devices}
    told.sheets = {path.name: path.read_text() for path in sorted((place.work / "sheets").rglob("*.yml"))}
    return told


TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


def comparable(device: dict[str, Any]) -> Any:
    """A device result without what may differ between two runs: times, and what belongs to a certificate."""
    left = {name: value for name, value in device.items() if name not in ("seconds", "sheet")}
    left["outcomes"] = [line for line in left["outcomes"] if not line["key"].startswith("tls.certificate")]
    return json.loads(TIMES.sub("TIME", json.dumps(left, sort_keys=True)))


@pytest.mark.parametrize("job", ["harden", "record", "drift"])
@pytest.mark.parametrize("way", ["localhost", "gateway"])
def test_results_are_the_same_whatever_the_way(played: dict[str, SimpleNamespace], job: str, way: str) -> None:
    here, there = played["worker"].runs[job], played[way].runs[job]
    assert [device["error"] for device in there.result["devices"]] == [None] * 3, there.said()
    for one, two in zip(here.result["devices"], there.result["devices"], strict=True):
        assert comparable(one) == comparable(two)
    assert here.result["exit_code"] == there.result["exit_code"]


def test_the_job_was_done(played: dict[str, SimpleNamespace], module_loopback_network: str) -> None:
    """The three are not alike because nothing happened."""
    for told in played.values():
        for name in ("cam", f"{module_loopback_network}.12"):
            lines = told.runs["harden"].outcomes(name)
            assert lines['accounts."admin".password']["outcome"] == "changed"
            assert lines["services.http.enabled"]["outcome"] == "changed"
            assert told.runs["harden"].device(name)["address"].startswith(module_loopback_network)
        assert told.runs["harden"].outcomes("router")['accounts."root".password']["outcome"] == "changed"
        assert len(told.sheets) == 3
    assert played["worker"].writes == played["localhost"].writes == played["gateway"].writes


def test_it_really_ran_as_a_module_on_the_gateway(played: dict[str, SimpleNamespace], gateway_python: Path) -> None:
    out = played["gateway"].runs["harden"].out
    assert str(gateway_python) in out
    assert "-> gw" in out
    assert str(gateway_python) not in played["localhost"].runs["harden"].out


def test_a_one_letter_password_masks_nothing_in_results(played: dict[str, SimpleNamespace]) -> None:
    """Masking by substring would turn every `a` of every answer into asterisks."""
    for told in played.values():
        for run in told.runs.values():
            assert "****" not in json.dumps(run.result)
        assert "****" not in "".join(told.sheets.values())


def test_no_made_password_travels_visibly(played: dict[str, SimpleNamespace]) -> None:
    told = played["gateway"]
    made = {text for text in every_secret(told.place.secrets()) if len(text) > 6}
    assert len(made) == 3
    for run in told.runs.values():
        assert not [text for text in made if text in run.out + run.err]


def test_a_gateway_without_the_libraries_is_told_in_one_sentence(tmp_path: Path, loopback_network: str) -> None:
    bare = tmp_path / "bare"
    venv.create(bare, symlinks=True, with_pip=False)
    (tmp_path / "place").mkdir()
    place = Workplace(tmp_path / "place")
    place.write_inventory({"cam": device_login(f"{loopback_network}.11", nwcs_gateway="gw")})
    _add_gateway(place, bare / "bin" / "python")
    run = place.play("drift", "--limit", "cam", env={"ANSIBLE_CONNECTION_PLUGINS": str(PLUGINS)})
    error = run.device("cam")["error"]
    assert error["message"].startswith("cam: the gateway gw could not run the job")
    assert "defusedxml" in error["message"] + error["advice"]
    assert run.result["exit_code"] == 3


def test_async_is_refused_in_one_sentence(tmp_path: Path, loopback_network: str) -> None:
    (tmp_path / "place").mkdir()
    place = Workplace(tmp_path / "place")
    place.write_inventory({"cam": device_login(f"{loopback_network}.11")})
    playbook = place.folder / "async.yml"
    playbook.write_text(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - nwcs.hardening.drift:\n      async: 10\n      poll: 1\n"
    )
    run = place.play(str(playbook))
    assert run.code != 0
    assert "cannot run with async" in run.out + run.err
    assert "Traceback" not in run.out + run.err

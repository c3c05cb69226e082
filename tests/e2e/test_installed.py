# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installed as a wheel, used from another folder with an empty home: playbooks by their full names, and the commands.

The libraries of the environment that runs the tests are shared; the checkout is not visible. Whether the declared
dependencies are enough is what `make wheel` looks at.
"""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from e2e_box import ROOT, Workplace, device_login, wait

from ansible_collections.nwcs.hardening.lab.testing import running_lab

pytestmark = pytest.mark.slow

# The index is asked for the build tool: pip may use the caller's settings, which are not in the tests' home.
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
PARTS = ("lab", "meta", "playbooks", "plugins", "policies", "roles", "systemd")
DESIGN = {"time": {"sync": "ntp", "servers": ["ntp.example.jp"]}, "services": {"zeroconf": {"enabled": False}}}


def _checked(command: list[str], **more: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **more)  # pylint: disable=subprocess-run-check
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of a new environment into which the wheel was installed."""
    folder = tmp_path_factory.mktemp("installed")
    _checked([*PIP, "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)])
    wheel = next(folder.glob("*.whl"))
    environment = folder / "venv"
    venv.create(environment, symlinks=True, with_pip=False)
    packages = next(environment.glob("lib/python*/site-packages"))
    # A folder named in a .pth file is searched, but its own .pth files, the checkout among them, are not read.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    _checked(
        [
            *PIP,
            "--python",
            str(environment),
            "install",
            "-q",
            "--no-deps",
            "--no-index",
            "--ignore-installed",
            str(wheel),
        ]
    )
    commands = environment / "bin"
    for entry in importlib.metadata.distribution("ansible-core").entry_points:
        if entry.name in (
            "ansible",
            "ansible-playbook",
            "ansible-vault",
            "ansible-inventory",
            "ansible-config",
            "ansible-doc",
        ):
            text = (
                f"#!{commands}/python\nimport sys\nfrom {entry.module} import {entry.attr}\nsys.exit({entry.attr}())\n"
            )
            (commands / entry.name).write_text(text)
            (commands / entry.name).chmod(0o755)
    return commands


@pytest.fixture(scope="module")
def played(
    tmp_path_factory: pytest.TempPathFactory, module_loopback_network: str, installed: Path
) -> Iterator[SimpleNamespace]:
    place = Workplace(tmp_path_factory.mktemp("elsewhere"))
    environment = {"PATH": f"{installed}:/usr/bin:/bin", "HOME": str(place.folder / "home"), "LC_ALL": "C.UTF-8"}
    vault = ["--vault-password-file", str(place.vault_file)]

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # pylint: disable=subprocess-run-check
            [str(installed / command[0]), *command[1:]], cwd=place.folder / "cwd", env=environment,
            capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    with running_lab([{"name": "cam", "model": "onvif-complete"}], network=module_loopback_network) as lab:
        place.write_inventory(
            {"cam": device_login(lab.device("cam").address)}, nwcs_tls_verify=str(lab.ca), nwcs_profiles=["d"],
            nwcs_design=DESIGN,
        )  # fmt: skip
        told = SimpleNamespace(place=place, installed=installed)
        inventory = ["-i", str(place.inventory)]
        told.where = run("python", "-c", "import ansible_collections.nwcs.hardening as it; print(list(it.__path__))")
        told.harden = run("ansible-playbook", "nwcs.hardening.harden", *inventory, *vault)
        told.result = json.loads((place.work / "reports" / "latest" / "result.json").read_text())
        told.drift = run("ansible-playbook", "nwcs.hardening.drift", *inventory, *vault)
        told.clean = run("nwcs-drift", *inventory, *vault)
        told.nobody = run("nwcs-drift", *inventory, *vault, "--limit", "nothing-has-this-name")
        lab.attack("cam", "new-account")
        told.found = run("nwcs-drift", *inventory, *vault)
        told.japanese = run("nwcs-drift", *inventory, *vault, "--language", "ja")
        lab.fault("cam", "down")
        told.down = run("nwcs-drift", *inventory, *vault)
        told.doctor = run("nwcs-doctor")
        told.document = run("ansible-doc", "-t", "module", "nwcs.hardening.drift")
        yield told


def test_the_checkout_is_not_used(played: SimpleNamespace) -> None:
    assert played.where.returncode == 0, played.where.stderr
    assert str(ROOT) + "'" not in played.where.stdout
    assert str(played.installed.parent) in played.where.stdout


def test_harden_by_its_full_name(played: SimpleNamespace) -> None:
    assert played.result["job"] == "harden", played.harden.stdout + played.harden.stderr
    lines = {line["key"]: line["outcome"] for line in played.result["devices"][0]["outcomes"]}
    assert lines["services.http.enabled"] == lines['accounts."admin".password'] == "changed"
    assert "Hardening – demo" in played.harden.stdout


def test_drift_by_its_full_name(played: SimpleNamespace) -> None:
    assert played.drift.returncode == 0, played.drift.stdout + played.drift.stderr
    assert "cam" in played.drift.stdout


def test_nwcs_drift_has_the_exit_codes_of_the_contract(played: SimpleNamespace) -> None:
    assert played.clean.returncode == 0, played.clean.stdout + played.clean.stderr
    assert played.found.returncode == 2, played.found.stdout + played.found.stderr
    assert played.down.returncode == 3, played.down.stdout + played.down.stderr
    assert played.nobody.returncode == 3, played.nobody.stdout + played.nobody.stderr


def test_nwcs_drift_tells_in_words(played: SimpleNamespace) -> None:
    assert "`support`" in played.found.stdout
    assert "「support」" in played.japanese.stdout
    assert "cam" in played.down.stdout
    for run in (played.clean, played.found, played.down, played.nobody):
        assert "Traceback" not in run.stdout + run.stderr


def test_nothing_is_left_beside_the_site_s_folders(played: SimpleNamespace) -> None:
    assert list((played.place.folder / "cwd").iterdir()) == []
    assert {path.name for path in (played.place.folder / "home").iterdir()} <= {".ansible"}


def test_the_doctor_names_the_missing_vault_password(played: SimpleNamespace) -> None:
    assert "vault password" in played.doctor.stdout
    assert played.doctor.returncode in (0, 1)
    assert "Traceback" not in played.doctor.stderr


def test_modules_are_documented(played: SimpleNamespace) -> None:
    assert played.document.returncode == 0, played.document.stderr
    assert "nwcs.hardening.drift" in played.document.stdout.splitlines()[0]


def test_the_wheel_holds_the_data_beside_the_code(installed: Path) -> None:
    """In a checkout everything lies there anyway: what the wheel forgets shows only when it is installed."""
    wheel = next(installed.parent.parent.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        inside = {name.removeprefix("ansible_collections/nwcs/hardening/") for name in archive.namelist()}
    tracked = _checked(["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", *PARTS])
    wanted = {name for name in tracked.splitlines() if (ROOT / name).exists()}
    assert {"lab/sites/demo.yml", "lab/openwrt/signatures.json", "lab/openwrt/base.yml"} <= wanted
    assert wanted - inside == set()


def test_the_lab_of_the_wheel_starts_and_ends(installed: Path, tmp_path: Path, loopback_network: str) -> None:
    (tmp_path / "home").mkdir()
    lab = ["--dir", str(tmp_path / "lab")]
    more = {"cwd": tmp_path, "env": {"PATH": f"{installed}:/usr/bin:/bin", "HOME": str(tmp_path / "home")}}
    try:
        up = _checked([str(installed / "nwcs-lab"), "up", "--network", loopback_network, *lab], **more)
        assert "SIMULATED site demo is up" in up
        state = json.loads(_checked([str(installed / "nwcs-lab"), "status", "--json", *lab], **more))
        assert len(state["devices"]) == 8
        assert state["problems"] == []
    finally:
        down = _checked([str(installed / "nwcs-lab"), "down", *lab], **more)
    assert "ended" in down
    assert list((tmp_path / "home").iterdir()) == []
    wait(lambda: not _lives(state["pid"]), 10)


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"

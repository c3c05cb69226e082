# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the end-to-end tests share: a site of their own, real ansible-playbook processes, and their results.

A Workplace is a scratch folder with an inventory, a vault password and everything the runs write. Nothing of the user's
environment reaches the processes: they get a home of their own, and the checkout as the only collection path.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
LAB = [sys.executable, "-m", "ansible_collections.nwcs.hardening.lab.cli"]
SECONDS = 120  # no run here takes longer, whatever else the machine does


@dataclasses.dataclass
class Run:
    """One finished ansible-playbook process."""

    code: int
    out: str
    err: str
    result: dict[str, Any]  # result.json, {} when the run wrote none
    folder: Path | None  # of the run, below the report folder

    def device(self, name: str) -> dict[str, Any]:
        return next(device for device in self.result["devices"] if device["host"] == name)

    def outcomes(self, name: str) -> dict[str, dict[str, Any]]:
        return {line["key"]: line for line in self.device(name)["outcomes"]}

    def said(self) -> str:
        """For the message of a failing assertion."""
        return f"exit code {self.code}\n{self.out[-6000:]}\n{self.err[-2000:]}"


class Workplace:
    """A folder for one site's files, and the processes that work on it."""

    def __init__(self, folder: Path, site: str = "demo") -> None:
        self.folder, self.site = folder, site
        self.inventory = folder / "inventory"
        self.work = folder / "site"  # all that runs write
        self.vault_file = folder / "vault-password"
        for path in (self.inventory, self.work, folder / "home", folder / "cwd"):
            path.mkdir(mode=0o700)
        self.vault_file.write_text("cV7-end2end-Qm4x-Tz9k-Wr2p\n")
        self.vault_file.chmod(0o600)
        self.extra: list[str] = []  # arguments of every run

    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder / "home"),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.folder / "home" / ".ansible"),
            "ANSIBLE_NOCOLOR": "1",
        }

    def write_inventory(self, hosts: dict[str, dict[str, Any]], **common: Any) -> None:
        """One group per kind of device, as the playbooks expect; the folders of all runs are below `work`."""
        groups: dict[str, dict[str, Any]] = {
            "cameras": {"hosts": {}},
            "recorders": {"hosts": {}},
            "routers": {"hosts": {}},
        }
        for name, variables in hosts.items():
            kind = "routers" if variables.get("nwcs_family") == "openwrt" else "cameras"
            groups[kind]["hosts"][name] = variables
        content = {
            "all": {
                "vars": {"nwcs_site": self.site, "nwcs_simulated": True, **self.folders(), **common},
                "children": groups,
            }
        }
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=False)
        (self.inventory / "hosts.yml").write_text(text, encoding="utf-8")

    def folders(self) -> dict[str, str]:
        return {
            "nwcs_sheet_dir": str(self.work / "sheets"),
            "nwcs_report_dir": str(self.work / "reports"),
            "nwcs_state_dir": str(self.work / "state"),
            "nwcs_secret_store": str(self.work / "secrets"),
        }

    def command(self, playbook: str, *arguments: str, vault: bool = True) -> list[str]:
        path = ROOT / "playbooks" / f"{playbook}.yml"
        named = str(path) if path.exists() else playbook
        command = [str(BIN / "ansible-playbook"), named, "-i", str(self.inventory), *self.extra, *arguments]
        return [*command, "--vault-password-file", str(self.vault_file)] if vault else command

    def start(self, command: list[str], **more: Any) -> subprocess.Popen[str]:
        """In a session of its own, so that its whole process group can be looked at and interrupted."""
        environment = {**self.environment(), **more.pop("env", {})}
        return subprocess.Popen(
            command,
            cwd=self.folder / "cwd",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
            start_new_session=True,
            **more,
        )

    def play(self, playbook: str, *arguments: str, vault: bool = True, env: dict[str, str] | None = None) -> Run:
        before = set(self.run_folders())
        process = self.start(self.command(playbook, *arguments, vault=vault), env=env or {})
        try:
            out, err = process.communicate(timeout=SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
        return self.finished(process.returncode, out, err, before)

    def finished(self, code: int, out: str, err: str, before: set[Path]) -> Run:
        new = [folder for folder in self.run_folders() if folder not in before]
        folder = new[-1] if new else None
        result = folder / "result.json" if folder else None
        data = json.loads(result.read_text()) if result and result.exists() else {}
        return Run(code, out, err, data, folder)

    def run_folders(self) -> list[Path]:
        reports = self.work / "reports"
        if not reports.is_dir():
            return []
        found = [path for path in reports.iterdir() if path.is_dir() and not path.is_symlink()]
        return sorted(found, key=lambda path: path.stat().st_ctime_ns)

    def files(self) -> list[Path]:
        return sorted(path for path in self.work.rglob("*") if path.is_file())

    def secrets(self) -> dict[str, dict[str, Any]]:
        """{device file: its decrypted entries}, read from the vault files without any code of the toolkit."""
        vault = VaultLib([("default", VaultSecret(self.vault_file.read_bytes().strip()))])
        return {
            path.name.removesuffix(".vault.yml"): yaml.safe_load(vault.decrypt(path.read_bytes()))["secrets"]
            for path in sorted((self.work / "secrets").glob("*/*.vault.yml"))
        }

    def password(self, device: str, account: str = "admin") -> str:
        return self.secrets()[device][f"accounts.{account}"]["current"]["value"]


def every_secret(stores: dict[str, dict[str, Any]]) -> set[str]:
    """Each password that any store holds, old ones too."""
    found = set()
    for entries in stores.values():
        for entry in entries.values():
            for part in (entry.get("current"), entry.get("pending"), *(entry.get("previous") or ())):
                if part:
                    found.add(part["value"])
    return found


def lab_command(folder: Path, *arguments: str) -> str:
    """Run `nwcs-lab … --dir folder` as a user does; what it printed."""
    done = subprocess.run(
        [*LAB, *arguments, "--dir", str(folder)], capture_output=True, text=True, timeout=60, check=True, cwd=ROOT
    )
    return done.stdout


def lab_log(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    return json.loads(lab_command(folder, "log", "--json", *arguments))["log"]


def wait(true: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Poll until `true()` is true and give it; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, f"not so within {seconds} s: {true}"
        time.sleep(0.02)
    return found


def processes(place: Workplace) -> list[int]:
    """Processes (no zombies) that a run in `place` started and that still live. Ansible's workers leave the session and
    the process group of their parent; what they keep is the environment, with a home that is this place's alone."""
    mark = f"HOME={place.folder / 'home'}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z" and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def device_login(address: str, **more: Any) -> dict[str, Any]:
    """Inventory variables of a simulated camera as it leaves the factory."""
    return {
        "nwcs_family": "onvif",
        "nwcs_host": address,
        "nwcs_scheme": "http",
        "nwcs_port": 8080,
        "nwcs_username": "admin",
        "nwcs_password": "12345",
        **more,
    }


def texts(value: Any) -> Iterator[str]:
    """Every text inside plain data, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from texts(name)
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)

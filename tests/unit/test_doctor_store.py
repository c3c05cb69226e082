# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nwcs-doctor -i: what it says of a secret store in good and bad state; never a password."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.nwcs.hardening.plugins.plugin_utils import cli_doctor, doctor_store, hold, lease
from ansible_collections.nwcs.hardening.plugins.plugin_utils.cli_secrets import Place
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import open_documents
from ansible_collections.nwcs.hardening.plugins.plugin_utils.secret_store import SecretStore

STRONG = "k7Qz-mP2x-Lw9v-Rt4b"
NAME = "accounts.admin"
DEVICES = ("cam-1", "cam-2")


class Site:
    """Two devices with a password each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "copy").mkdir(0o700)
        for device in DEVICES:
            self.prepare(device, f"Secret-{device}", promote=True)

    def places(self, vault: str = STRONG, copy: bool = True) -> list[Place]:
        lib = VaultLib([("default", VaultSecret(vault.encode()))])
        options = {"copy": str(self.folder / "copy")} if copy else {}
        documents = open_documents(str(self.folder / "store"), "plant", lib, None, options)
        return [Place(device, "plant", documents, str(self.folder / "state")) for device in DEVICES]

    def prepare(self, device: str, password: str, promote: bool = False) -> None:
        store = SecretStore(self.places()[0].documents, device)
        store.prepare({NAME: password}, "rotate run-1", {NAME: 91.0})
        if promote:
            store.promote([NAME])

    def file(self, device: str, where: str = "store") -> Path:
        return self.folder / where / "plant" / f"{device}.vault.yml"

    def lease(self, device: str, **other: Any) -> None:
        """A lease as another machine would have left it."""
        there = dataclasses.replace(
            lease.Lease.of("harden", "run-7", lease.Place(), time.time()),
            **{"host": "laptop", "machine": "f" * 16, "boot_id": "another", **other},
        )
        self.places()[0].documents.write(("leases", device), dataclasses.asdict(there), "")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def verdicts(parts: list[doctor_store.Part]) -> list[tuple[str, str]]:
    return [(state, outcome) for _topic, state, outcome, _facts in parts]


def said(parts: list[doctor_store.Part], language: str = "en") -> str:
    return "\n".join(cli_doctor.lines([cli_doctor.Finding(*part) for part in parts], language))


ALL = (doctor_store.check_store, doctor_store.check_copy, doctor_store.check_pending, doctor_store.check_hold,
       doctor_store.check_lease)  # fmt: skip


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
def test_a_site_in_order(site: Site, check: Any) -> None:
    assert verdicts(check(site.places())) == [("ok", "ok")]


class TestStore:
    def test_a_weak_vault_password_is_told_and_reading_goes_on(self, site: Site) -> None:
        for device in DEVICES:
            site.file(device).unlink()
        parts = doctor_store.check_store(site.places("school1"))
        assert verdicts(parts) == [("problem", "refuses")]
        assert "bits" in said(parts) and "school1" not in said(parts)

    def test_another_vault_password(self, site: Site) -> None:
        parts = doctor_store.check_store(site.places("Zw4r-9kHp-Qx2m-Ln7c"))
        assert verdicts(parts) == [("problem", "unreadable")] * 2

    def test_a_damaged_file_is_named(self, site: Site) -> None:
        site.file("cam-2").write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n")
        parts = doctor_store.check_store(site.places())
        assert verdicts(parts) == [("problem", "unreadable")]
        assert "nwcs-secrets restore cam-2" in said(parts)


class TestCopy:
    def test_none_is_asked_for(self, site: Site) -> None:
        assert verdicts(doctor_store.check_copy(site.places(copy=False))) == [("ok", "none")]

    def test_missing_and_different(self, site: Site) -> None:
        site.file("cam-1", "copy").unlink()
        old = site.file("cam-2", "copy").read_bytes()
        site.prepare("cam-2", "Secret-newer", promote=True)
        site.file("cam-2", "copy").write_bytes(old)
        parts = doctor_store.check_copy(site.places())
        assert verdicts(parts) == [("problem", "differs")]
        assert "cam-1, cam-2" in said(parts)

    def test_the_store_is_lost(self, site: Site) -> None:
        site.file("cam-1").unlink()
        parts = doctor_store.check_copy(site.places())
        assert verdicts(parts) == [("problem", "lost")]
        assert "nwcs-secrets restore cam-1" in said(parts) and "admin" in said(parts, "ja")

    def test_its_drive_is_not_there(self, site: Site) -> None:
        (site.folder / "copy").rename(site.folder / "elsewhere")
        assert verdicts(doctor_store.check_copy(site.places())) == [("problem", "unreadable")] * 2


def test_pending_passwords_are_counted_and_named_never_shown(site: Site) -> None:
    site.prepare("cam-1", "Secret-pending")
    parts = doctor_store.check_pending(site.places())
    assert verdicts(parts) == [("problem", "left")]
    assert "1 change(s)" in said(parts) and "cam-1 (admin)" in said(parts) and "cam-2" not in said(parts)
    everything = [part for check in ALL for part in check(site.places())]
    for language in ("en", "ja"):
        assert "Secret" not in said(everything, language)


class TestHold:
    def test_who_holds_what(self, site: Site) -> None:
        documents = site.places()[0].documents
        hold.put(documents, "cam-1", "unknown account", "Sato")
        parts = doctor_store.check_hold(site.places())
        assert verdicts(parts) == [("ok", "some")]
        assert "cam-1 (Sato, " in said(parts) and "unknown account" in said(parts)
        hold.release(documents, "cam-1", "all clear", "Sato")
        assert verdicts(doctor_store.check_hold(site.places())) == [("ok", "ok")]

    def test_one_that_cannot_be_read(self, site: Site) -> None:
        hold.put(site.places()[0].documents, "cam-2", "unknown account", "Sato")
        (path,) = (site.folder / "store" / "plant" / ".hold").glob("*.yml")
        path.write_text("rubbish")
        assert verdicts(doctor_store.check_hold(site.places())) == [("problem", "unreadable")]


class TestLease:
    def test_of_another_machine_it_is_live_and_then_stale(self, site: Site) -> None:
        site.lease("cam-1")
        assert verdicts(doctor_store.check_lease(site.places())) == [("ok", "live")]
        parts = doctor_store.check_lease(site.places(), time.time() + lease.LEASE_SECONDS + 2)
        assert verdicts(parts) == [("problem", "stale")]
        assert "laptop" in said(parts) and "nwcs_take_over" in said(parts)

    def test_of_a_process_that_is_gone_here_it_is_no_problem(self, site: Site) -> None:
        here = lease.Place()
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        site.lease("cam-1", host=here.host, machine=here.machine, boot_id=here.boot_id, pid=gone.pid, pid_started=1)
        assert verdicts(doctor_store.check_lease(site.places())) == [("ok", "ok")]

    def test_one_that_cannot_be_read(self, site: Site) -> None:
        site.places()[0].documents.write(("leases", "cam-1"), {"pid": "x"}, "")
        assert verdicts(doctor_store.check_lease(site.places())) == [("problem", "unreadable")]


def test_many_names_are_cut() -> None:
    names = [f"cam-{number}" for number in range(doctor_store.SHOWN + 3)]
    assert doctor_store._names(names).endswith(f"cam-{doctor_store.SHOWN - 1} +3")


def run_doctor(site: Site, own_home: Path, inventory: str) -> subprocess.CompletedProcess[str]:
    (site.folder / "vault").write_text(STRONG + "\n")
    (site.folder / "vault").chmod(0o600)
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(own_home), "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": os.environ["ANSIBLE_CONFIG"], "ANSIBLE_VAULT_PASSWORD_FILE": str(site.folder / "vault"),
    }  # fmt: skip
    command = [sys.executable, "-m", cli_doctor.__name__, "-i", inventory]
    return subprocess.run(
        command, env=environment, cwd=site.folder, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_command_reads_the_inventory(site: Site, own_home: Path) -> None:
    site.prepare("cam-2", "Secret-pending")
    variables = {
        "nwcs_family": "onvif", "nwcs_site": "plant", "nwcs_secret_store": "{{ inventory_dir }}/store",
        "nwcs_secret_copy": str(site.folder / "copy"),
    }  # fmt: skip
    content = {"all": {"vars": variables, "hosts": dict.fromkeys(DEVICES, {})}}
    (site.folder / "hosts.yml").write_text(yaml.safe_dump(content))
    before = sorted(site.folder.rglob("*"))
    done = run_doctor(site, own_home, "hosts.yml")
    assert "[ok] secret store: 2 device(s), all readable" in done.stdout, done.stdout + done.stderr
    assert "[problem] passwords being changed: 1 change(s) not finished: cam-2 (admin)" in done.stdout
    assert done.returncode == 1
    assert "Secret" not in done.stdout + done.stderr
    assert sorted(site.folder.rglob("*")) == sorted({*before, site.folder / "vault"})


def test_an_inventory_that_is_not_there(site: Site, own_home: Path) -> None:
    done = run_doctor(site, own_home, "nowhere.yml")
    assert "[unknown] secret store: not looked at" in done.stdout, done.stdout + done.stderr

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nwcs-record-device as its user meets it, on a simulated camera."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import json
import re
import stat
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.vault import VaultSecretsContext

from ansible_collections.nwcs.hardening.lab.testing import RunningLab, running_lab
from ansible_collections.nwcs.hardening.plugins.plugin_utils import cli_record_device, record_texts, recording

PASSWORD = "k7Qz-mP2x-Lw9v-Rt4b"


class Site:
    """An inventory with one camera, and the command."""

    def __init__(self, folder: Path, lab: RunningLab) -> None:
        self.folder, self.lab, self.out = folder, lab, folder / "out"
        (folder / "vault").write_text(PASSWORD + "\n")
        (folder / "vault").chmod(0o600)
        (folder / "site").mkdir()
        device = lab.device("gate-cam")
        self.host: dict[str, Any] = {
            "ansible_host": device.address, "nwcs_family": "onvif", "nwcs_scheme": "http",
            "nwcs_port": device.ports["http"], "nwcs_username": "admin", "nwcs_password": "12345",
            "nwcs_simulated": True,
        }  # fmt: skip

    def run(self, *arguments: str) -> int:
        hosts = {"all": {"hosts": {"gate-cam": self.host, "shed": {"nwcs_family": "manual"}, "gateway": {}}}}
        (self.folder / "site" / "hosts.yml").write_text(yaml.safe_dump(hosts))
        VaultSecretsContext._current = None  # Ansible lets a process set it once; a real command is a process
        try:
            return cli_record_device.main(
                [*arguments, "-i", str(self.folder / "site"), "--out", str(self.out),
                 "--vault-password-file", str(self.folder / "vault")]
            )  # fmt: skip
        except SystemExit as end:
            return int(end.code or 0)
        finally:
            VaultSecretsContext._current = None

    @property
    def files(self) -> list[Path]:
        return sorted(self.out.iterdir()) if self.out.exists() else []


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_lab([{"name": "gate-cam", "model": "onvif-complete"}]) as lab:
        yield Site(tmp_path, lab)


def test_it_reads_and_writes_one_private_file(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert site.run("gate-cam") == 0
    (path,) = site.files
    assert re.fullmatch(r"onvif-IPC_1000-\d{8}\.json", path.name) and stat.S_IMODE(path.stat().st_mode) == 0o600
    fixture = json.loads(path.read_text())
    assert fixture["family"] == "onvif" and fixture["device"]["model"] == "IPC-1000" and fixture["simulated"] is True
    device = site.lab.device("gate-cam")
    assert site.lab.writes("gate-cam") == [] and site.lab.logins("gate-cam") == []
    text = path.read_text()
    assert "gate-cam" not in text and device.address not in text and "12345" not in text.replace("NAME", "")
    told = capsys.readouterr().out
    assert str(path) in told and f"{len(fixture['exchanges'])} exchanges" in told and "Look at it" in told
    assert "secret" not in fixture["redacted"] or f"secret {fixture['redacted']['secret']}" in told
    assert PASSWORD not in told and "12345" not in told


def test_a_second_recording_stands_beside_the_first(site: Site) -> None:
    assert site.run("gate-cam") == 0
    before = site.files[0].read_bytes()
    assert site.run("gate-cam") == 0
    assert len(site.files) == 2 and before in [path.read_bytes() for path in site.files]
    assert site.files[1].name.endswith(("-2.json", ".json"))


def test_the_model_can_be_replaced_too(site: Site) -> None:
    assert site.run("gate-cam", "--no-keep-model") == 0
    (path,) = site.files
    assert "IPC-1000" not in path.read_text() and "SIMULATED Optics" not in path.read_text()
    assert path.name.startswith("onvif-device-")


@pytest.mark.parametrize(
    ("host", "sentence"),
    [("nobody", "not a device of the inventory"), ("gateway", "not a device of the inventory"),
     ("shed", "no API that could be recorded")],
)  # fmt: skip
def test_what_cannot_be_recorded_is_told(
    site: Site, capsys: pytest.CaptureFixture[str], host: str, sentence: str
) -> None:
    assert site.run(host) == 1
    assert sentence in capsys.readouterr().err and site.files == []


def test_a_refused_login_leaves_nothing_and_counts_for_the_budget(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.host["nwcs_password"] = "Wr0ng-Passw0rd"
    assert site.run("gate-cam") == 1
    assert site.files == [] and len(site.lab.logins("gate-cam")) == 1
    assert "Wr0ng" not in capsys.readouterr().err
    assert site.run("gate-cam") == 1
    assert len(site.lab.logins("gate-cam")) == 1  # a password known to be wrong is not tried again


def test_an_interruption_leaves_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(recording, "fetch", interrupted)
        assert site.run("gate-cam") == 130
    with monkeypatch.context() as patch:
        patch.setattr(cli_record_device.os, "link", interrupted)
        assert site.run("gate-cam") == 130
    assert site.files == [] and "nothing was written" in capsys.readouterr().err


def test_a_full_disk_leaves_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cli_record_device.os, "fsync", full)
    assert site.run("gate-cam") == 1
    assert site.files == []


def test_it_speaks_japanese(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert site.run("gate-cam", "--language", "ja") == 0
    assert "書き出し先" in capsys.readouterr().out


def test_every_text_has_both_languages_with_the_same_facts() -> None:
    for name, (english, japanese) in record_texts.TEXTS.items():
        here, there = ({part[1] for part in string.Formatter().parse(text)} - {None} for text in (english, japanese))
        assert here == there, name


def test_a_hostile_model_makes_a_harmless_file_name() -> None:
    fixture = {"family": "onvif", "recorded": "2026-11-21", "device": {"model": "../../etc/\u202ecron d"}}
    assert cli_record_device.file_name(fixture) == "onvif-etc_cron_d-20261121"

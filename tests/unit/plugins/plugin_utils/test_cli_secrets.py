# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nwcs-secrets as its user meets it."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
from pathlib import Path

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret, VaultSecretsContext

from ansible_collections.nwcs.hardening.plugins.plugin_utils import cli_secrets, documents
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import open_documents
from ansible_collections.nwcs.hardening.plugins.plugin_utils.secret_store import SecretStore

PASSWORD = "k7Qz-mP2x-Lw9v-Rt4b"
NAME = "accounts.admin"


class Site:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "copy").mkdir(0o700)
        (folder / "vault").write_text(PASSWORD + "\n")
        (folder / "vault").chmod(0o600)
        self.variables = {
            "nwcs_family": "onvif", "nwcs_site": "plant", "nwcs_secret_store": "{{ inventory_dir }}/store",
            "nwcs_secret_copy": str(folder / "copy"), "nwcs_state_dir": "{{ inventory_dir }}/state",
        }  # fmt: skip
        self.write()
        for host in ("cam-1", "cam-2"):
            store = self.store(host)
            store.prepare({NAME: f"Secret-{host}"}, "harden run-1", {NAME: 91.0})
            store.promote([NAME])

    def write(self) -> None:
        content = {"all": {"vars": self.variables, "hosts": {"cam-1": {}, "cam-2": {}, "cam-3": {}}}}
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(content))

    def store(self, host: str = "cam-1") -> SecretStore:
        vault = VaultLib([("default", VaultSecret(PASSWORD.encode()))])
        options = {"copy": str(self.folder / "copy")}
        return SecretStore(open_documents(str(self.folder / "store"), "plant", vault, None, options), host)

    def run(self, *arguments: str) -> int:
        VaultSecretsContext._current = None  # Ansible lets a process set it once; a real command is a process
        try:
            return cli_secrets.main(
                [*arguments, "-i", str(self.folder / "hosts.yml"), "--vault-password-file", str(self.folder / "vault")]
            )
        except SystemExit as end:
            return int(end.code or 0)
        finally:
            VaultSecretsContext._current = None

    def audit(self) -> list[dict[str, object]]:
        path = self.folder / "state" / "secrets-audit.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


class TestShow:
    def test_one_password_after_an_audit_line(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        assert site.run("show", "cam-1", "admin", "--reason", "lens change", "--pipe") == 0
        assert capsys.readouterr().out == "Secret-cam-1\n"
        (line,) = site.audit()
        assert line["host"] == "cam-1" and line["account"] == "admin" and line["reason"] == "lens change"
        assert line["user"] and str(line["at"]).endswith("Z")
        assert "Secret" not in json.dumps(line)
        assert stat.S_IMODE((site.folder / "state/secrets-audit.jsonl").stat().st_mode) == 0o600
        site.run("show", "cam-2", "admin", "--reason", "again", "--pipe")
        assert [line["host"] for line in site.audit()] == ["cam-1", "cam-2"]

    @pytest.mark.parametrize("reason", [(), ("--reason", ""), ("--reason", "  ")])
    def test_no_reason_no_password(self, site: Site, capsys: pytest.CaptureFixture[str], reason: tuple[str]) -> None:
        assert site.run("show", "cam-1", "admin", "--pipe", *reason) == 1
        assert "Secret" not in "".join(capsys.readouterr())
        assert site.audit() == []

    @pytest.mark.parametrize("hindrance", ["open", "link", "folder"])
    def test_no_audit_line_no_password(self, site: Site, capsys: pytest.CaptureFixture[str], hindrance: str) -> None:
        path = site.folder / "state" / "secrets-audit.jsonl"
        path.parent.mkdir(0o700)
        if hindrance == "open":
            path.touch(0o644)
            path.chmod(0o644)
        elif hindrance == "link":
            path.symlink_to(site.folder / "victim")
        else:
            path.mkdir()
        assert site.run("show", "cam-1", "admin", "--reason", "x", "--pipe") == 1
        told = capsys.readouterr()
        assert "Secret" not in told.out + told.err and "no password is shown" in told.err
        assert not (site.folder / "victim").exists()

    def test_only_to_a_terminal_unless_wanted(
        self, site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert site.run("show", "cam-1", "admin", "--reason", "x") == 1
        assert "no terminal" in capsys.readouterr().err
        terminal = io.StringIO()
        terminal.isatty = lambda: True  # type: ignore[method-assign]
        monkeypatch.setattr(sys, "stdout", terminal)
        assert site.run("show", "cam-1", "admin", "--reason", "x") == 0
        assert terminal.getvalue() == "Secret-cam-1\n"

    def test_a_change_under_way_is_told(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        site.store().prepare({NAME: "Next-2"}, "rotate")
        assert site.run("show", "cam-1", "admin", "--reason", "x", "--pipe") == 0
        told = capsys.readouterr()
        assert told.out == "Secret-cam-1\n" and "--which pending" in told.err
        assert site.run("show", "cam-1", "admin", "--reason", "x", "--pipe", "--which", "pending") == 0
        assert capsys.readouterr().out == "Next-2\n"

    def test_what_is_not_there(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        assert site.run("show", "cam-1", "nobody", "--reason", "x", "--pipe") == 2
        assert site.run("show", "cam-9", "admin", "--reason", "x", "--pipe") == 1
        assert "cam-9 is not a device of the inventory" in capsys.readouterr().err
        assert site.audit() == []


class TestListAndCheck:
    def test_list_shows_no_password(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        assert site.run("list") == 0
        told = capsys.readouterr().out
        assert "cam-1  admin  current" in told and "91.0  harden run-1" in told and "cam-3: no secrets yet" in told
        assert "Secret" not in told

    def test_all_in_order(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        assert site.run("check") == 0
        assert "3 in order, 0 with problems" in capsys.readouterr().out

    def test_what_is_not_in_order(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        os.chmod(site.store("cam-1").path, 0o644)
        os.unlink(site.folder / "copy/plant/cam-2.vault.yml")
        assert site.run("check") == 2
        told = capsys.readouterr()
        assert "chmod 600" in told.err and "cam-2: there is no second copy" in told.out
        assert "1 in order, 2 with problems" in told.out

    def test_a_copy_that_is_behind(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        (site.folder / "copy").rename(site.folder / "away")
        store = site.store()
        store._confirm(lambda entries: bool(entries[NAME]["current"].update(why="x")) or True)
        assert len(store.notes) == 1
        (site.folder / "away").rename(site.folder / "copy")
        assert site.run("check") == 2
        assert "the second copy differs" in capsys.readouterr().out
        assert site.run("copy") == 0
        assert site.run("check") == 0

    def test_a_weak_vault_password(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        (site.folder / "vault").write_text("secret\n")
        assert site.run("check") == 2
        assert "too weak" in capsys.readouterr().out

    def test_of_another_site(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        assert site.run("check", "--site", "other") == 1
        assert "No device" in capsys.readouterr().err

    def test_japanese(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        site.variables["nwcs_language"] = "ja"
        site.write()
        assert site.run("check") == 0
        assert "正常 3 件" in capsys.readouterr().out


class TestRestore:
    def test_lost_and_damaged_ones_come_back(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        os.unlink(site.store("cam-1").path)
        Path(site.store("cam-2").path).write_bytes(b"$ANSIBLE_VAULT;1.1;AES256\n00\n")
        assert site.run("restore", "--all") == 0
        for host in ("cam-1", "cam-2"):
            assert site.store(host).value(NAME) == f"Secret-{host}"
        kept = [path for path in (site.folder / "store/plant").iterdir() if ".replaced-" in path.name]
        assert [path.read_bytes()[:14] for path in kept] == [b"$ANSIBLE_VAULT"]
        assert str(kept[0]) in capsys.readouterr().out
        assert site.run("check") == 0

    def test_never_over_a_readable_one_without_being_told(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        old = (site.folder / "copy/plant/cam-1.vault.yml").read_bytes()
        site.store().prepare({NAME: "Newer-2"}, "rotate")
        (site.folder / "copy/plant/cam-1.vault.yml").write_bytes(old)
        assert site.run("restore", "cam-1") == 2
        assert "--force" in capsys.readouterr().out
        assert site.store().value(NAME, "pending") == "Newer-2"
        assert site.run("restore", "cam-1", "--force") == 0
        assert site.store().value(NAME, "pending") is None

    def test_equal_ones_stay(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        before = Path(site.store().path).read_bytes()
        assert site.run("restore", "cam-1") == 0
        assert "nothing to do" in capsys.readouterr().out
        assert Path(site.store().path).read_bytes() == before

    def test_wrong_rights_are_no_reason(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        os.chmod(site.store().path, 0o644)
        assert site.run("restore", "cam-1") == 2
        assert "chmod 600" in capsys.readouterr().err

    def test_the_copy_of_another_device_is_refused(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        os.unlink(site.store("cam-1").path)
        os.replace(site.folder / "copy/plant/cam-2.vault.yml", site.folder / "copy/plant/cam-1.vault.yml")
        assert site.run("restore", "cam-1") == 2
        assert "somebody copied or renamed it" in capsys.readouterr().err
        assert not os.path.exists(site.store("cam-1").path)

    def test_nothing_to_restore_from(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        assert site.run("restore", "cam-3") == 2
        assert site.run("restore") == 1
        del site.variables["nwcs_secret_copy"]
        site.write()
        assert site.run("restore", "cam-1") == 1
        assert site.run("copy") == 1
        assert "nwcs_secret_copy" in capsys.readouterr().err


class TestTheStoreLacksWhatTheCopyHas:
    def lose(self, site: Site) -> None:
        store = site.store()
        store.prepare({"accounts.nvr": "Nvr-1"}, "harden")
        kept = (site.folder / "copy/plant/cam-1.vault.yml").read_bytes()
        os.unlink(store.path)
        (site.folder / "copy/plant/cam-1.vault.yml").rename(site.folder / "aside")
        site.store().prepare({NAME: "Newer-2"}, "harden")
        (site.folder / "copy/plant/cam-1.vault.yml").write_bytes(kept)

    @pytest.mark.parametrize(("language", "word"), [("en", "lacks"), ("ja", "ありません")])
    def test_copy_refuses(self, site: Site, capsys: pytest.CaptureFixture[str], language: str, word: str) -> None:
        self.lose(site)
        os.unlink(site.store("cam-2").path)
        copies = [site.folder / f"copy/plant/{host}.vault.yml" for host in ("cam-1", "cam-2")]
        before = [path.read_bytes() for path in copies]
        assert site.run("copy", "--language", language) == 2
        told = capsys.readouterr().out.splitlines()
        for line, host, names, path in zip(told, ("cam-1", "cam-2"), ("nvr", "admin"), copies, strict=True):
            assert word in line and f"nwcs-secrets restore {host}" in line and names in line and str(path) in line
        assert [path.read_bytes() for path in copies] == before
        assert site.run("check") == 2
        assert "1 in order, 2 with problems" in capsys.readouterr().out

    def test_restore_adds_them_and_takes_nothing_away(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        self.lose(site)
        assert site.run("restore", "cam-1") == 0
        assert "nvr" in capsys.readouterr().out
        assert site.store().value("accounts.nvr", "pending") == "Nvr-1"
        assert site.store().value(NAME, "pending") == "Newer-2"
        assert site.run("copy") == 0
        assert site.run("check") == 0

    def test_knowingly_by_moving_the_copy_aside(self, site: Site) -> None:
        self.lose(site)
        (site.folder / "copy/plant/cam-1.vault.yml").unlink()
        assert site.run("copy") == 0
        assert site.run("check") == 0


def test_a_kill_while_restoring_leaves_the_document(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(site.store().path)
    path.write_bytes(b"$ANSIBLE_VAULT;1.1;AES256\n00\n")

    def killed(*_given: object) -> None:
        assert path.exists()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(documents, "_replace", killed)
        with pytest.raises(KeyboardInterrupt):
            site.run("restore", "cam-1")
    assert site.run("restore", "cam-1") == 0
    assert site.store().value(NAME) == "Secret-cam-1"

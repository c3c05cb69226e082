# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nwcs-drift: exit codes, what it runs in, signals, and a real check of simulated devices."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.nwcs.hardening.lab.testing import running_lab
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import StateError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import cli_drift, drift, files
from ansible_collections.nwcs.hardening.plugins.plugin_utils import result as results

# Another playbook in place of the collection's: argv[1] is its path, the rest are the command's arguments.
START = (
    "import sys; from ansible_collections.nwcs.hardening.plugins.plugin_utils import cli_drift as c; "
    "c.playbook = lambda: sys.argv[1]; sys.exit(c.main(sys.argv[2:]))"
)
INVENTORY = {"all": {"hosts": {"cam-1": {"ansible_connection": "local"}}}}


def environment(home: Path, **more: str) -> dict[str, str]:
    """As cron gives it: no locale, no virtual environment, no HOME unless given."""
    scratch = home / "scratch"
    scratch.mkdir(exist_ok=True)
    return {"PATH": "/usr/bin:/bin", "TMPDIR": str(scratch), **more}


def leftovers(home: Path) -> list[str]:
    """What lies about, but for what Python and Ansible's own modules unpack and cannot clear when they are killed."""
    return [name for name in os.listdir(home / "scratch") if not re.match(r"pymp-|ansible_.*_payload_", name)]


def processes(mark: str) -> list[int]:
    """Live processes that carry `mark` in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def eventually(true: Callable[[], Any], seconds: float = 15) -> Any:
    deadline = time.monotonic() + seconds
    while not (answer := true()):
        assert time.monotonic() < deadline, "not so in time"
        time.sleep(0.05)
    return answer


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "a site"  # names with spaces are usual
    folder.mkdir()
    (folder / "hosts.json").write_text(json.dumps(INVENTORY))
    return folder


def play(folder: Path, *tasks: dict[str, Any]) -> str:
    path = folder / "play.yml"
    path.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": list(tasks)}]))
    return str(path)


def call(site: Path, playbook: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # pylint: disable=subprocess-run-check
        [sys.executable, "-c", START, playbook, "-i", "hosts.json", *arguments],
        cwd=site, env=environment(site.parent, **more), capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def outcome(status: str, *findings: dict[str, Any]) -> dict[str, Any]:
    return {**results.empty_device("cam-1", status), "findings": list(findings)}


def written(folder: Path, *devices: dict[str, Any], job: str = "drift", language: str = "en") -> str:
    data = results.build({"job": job, "site": "plant", "language": language}, devices, "2026-01-02T03:04:05Z")
    path = folder / "result.json"
    path.write_text(json.dumps(data))
    return str(path)


UNREAD = drift.not_reached("unreachable", "cam-1 does not answer")


class TestExitCode:
    def test_it_is_the_one_of_the_result(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli_drift._tell(written(tmp_path, outcome("ok")), False, "en") == 0
        assert cli_drift._tell(written(tmp_path, outcome("drift")), False, "en") == 2
        assert cli_drift._tell(written(tmp_path, outcome("ok", UNREAD)), False, "en") == 3
        assert cli_drift._tell(written(tmp_path, outcome("drift", UNREAD)), False, "en") == 4
        assert cli_drift._tell(written(tmp_path), False, "en") == 3  # no device at all is not clean
        assert str(tmp_path / "report.html") in capsys.readouterr().out

    @pytest.mark.parametrize("code", [1, 5, True, False, "0", None, -2])
    def test_no_other_number_is_believed(self, tmp_path: Path, code: object) -> None:
        path = written(tmp_path, outcome("ok"))
        data = json.loads(Path(path).read_text())
        Path(path).write_text(json.dumps({**data, "exit_code": code}))
        with pytest.raises(StateError, match=r"result\.json is not the result of a drift check"):
            cli_drift._tell(path, False, "en")

    @pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"exit_code": 0}'])
    def test_no_other_file_is_believed(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "result.json").write_text(text)
        with pytest.raises(StateError):
            cli_drift._tell(str(tmp_path / "result.json"), False, "en")

    def test_nor_the_result_of_another_job(self, tmp_path: Path) -> None:
        with pytest.raises(StateError):
            cli_drift._tell(written(tmp_path, outcome("ok"), job="record"), False, "en")

    def test_quiet_tells_problems_only(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        good, bad = outcome("ok"), {**outcome("drift"), "host": "cam-2"}
        assert cli_drift._tell(written(tmp_path, good), True, "en") == 0
        assert capsys.readouterr().out == ""
        assert cli_drift._tell(written(tmp_path, good, bad), True, "en") == 2
        shown = capsys.readouterr().out
        assert "cam-2" in shown
        assert "cam-1" not in shown

    def test_the_language_is_that_of_the_run(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        cli_drift._tell(written(tmp_path, outcome("ok"), language="ja"), False, "en")
        assert "報告書: " in capsys.readouterr().out


class TestArguments:
    @pytest.mark.parametrize("arguments", [[], ["-i"], ["-i", "x", "--languag", "ja"], ["-i", "x", "--language", "de"]])
    def test_a_wrong_command_line_is_1_and_never_2(self, arguments: list[str]) -> None:
        with pytest.raises(SystemExit) as caught:
            cli_drift.main(arguments)
        assert caught.value.code == 1

    def test_help_is_0(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as caught:
            cli_drift.main(["--help"])
        assert caught.value.code == 0
        assert "2 unexplained drift" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["-i", "gone.yml"], "gone.yml: there is no such inventory."),
            (["-i", "h,", "--vault-password-file", "gone"], "gone: there is no such vault password file."),
            (["-i", "h,", "--vault-id", "plant@prompt"], "--vault-id plant@prompt: nwcs-drift cannot ask"),
            (["-i", "gone.yml", "--language", "ja"], "インベントリがありません。"),
        ],
    )
    def test_what_cannot_work_is_one_sentence(
        self, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli_drift.main(arguments) == 1
        shown = capsys.readouterr()
        assert said in shown.err
        assert shown.err.count("\n") == 1
        assert shown.out == ""

    def test_what_ansible_gets(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        line = (
            "-i h --vault-password-file key --vault-id p@key --language ja --report-dir out -e a=b -e nwcs_language=en"
        )
        options = cli_drift._parser().parse_args(line.split())
        assert cli_drift.arguments(options) == [
            "--vault-password-file", str(tmp_path / "key"),
            "--vault-id", "p@key",
            "-e", json.dumps({"nwcs_language": "ja", "nwcs_report_dir": str(tmp_path / "out")}),
            "-e", "a=b",
            "-e", "nwcs_language=en",
        ]  # fmt: skip

    def test_the_playbook_is_the_collections_own(self) -> None:
        assert Path(cli_drift.playbook()).parts[-3:] == ("hardening", "playbooks", "drift.yml")
        assert Path(cli_drift.playbook()).is_file()


class TestEnvironment:
    @pytest.fixture
    def clean(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """An installed collection, an empty folder to run in, nothing chosen by anyone."""
        for name in [name for name in os.environ if name.startswith("ANSIBLE_")]:
            monkeypatch.delenv(name)
        for name in ("home", "here", "scratch"):
            (tmp_path / name).mkdir()
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.chdir(tmp_path / "here")
        module = tmp_path / "site-packages" / "hardening" / "plugins" / "plugin_utils" / "cli_drift.py"
        monkeypatch.setattr(cli_drift, "__file__", str(module))
        return tmp_path

    def test_sane_where_nobody_chose(self, clean: Path) -> None:
        env = cli_drift.environment(str(clean / "scratch"))
        assert int(env["ANSIBLE_FORKS"]) >= 20
        assert env["ANSIBLE_HOST_KEY_CHECKING"] == "True"
        assert env["ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED"] == "1"
        assert "ANSIBLE_HOME" not in env

    def test_what_somebody_chose_stays(self, clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        config = clean / "here" / "ansible.cfg"
        config.write_text("[defaults]\nforks = 7\nhost_key_checking = False\n")
        env = cli_drift.environment(str(clean / "scratch"))
        assert env["ANSIBLE_CONFIG"] == str(config)
        assert "ANSIBLE_FORKS" not in env
        assert env["ANSIBLE_HOST_KEY_CHECKING"] == "False"
        monkeypatch.setenv("ANSIBLE_HOST_KEY_CHECKING", "True")
        assert "ANSIBLE_HOST_KEY_CHECKING" not in cli_drift.environment(str(clean / "scratch"))

    def test_which_ansible_cfg(self, clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        here, home, checkout = clean / "here", clean / "home", clean / "checkout"
        installed = clean / "site-packages" / "hardening"
        installed.mkdir(parents=True)
        (installed / "ansible.cfg").touch()  # in what ansible-galaxy installs; its paths fit a checkout only
        link = checkout / "collections" / "ansible_collections" / "nwcs"
        link.mkdir(parents=True)
        (link / "hardening").symlink_to(checkout)
        (checkout / "ansible.cfg").touch()

        assert cli_drift.config_file(here, installed, home) in (None, Path("/etc/ansible/ansible.cfg"))
        (home / ".ansible.cfg").touch()
        assert cli_drift.config_file(here, installed, home) == home / ".ansible.cfg"
        assert cli_drift.config_file(here, link / "hardening", home) == checkout / "ansible.cfg"
        (here / "ansible.cfg").touch()
        assert cli_drift.config_file(here, checkout, home) == here / "ansible.cfg"
        here.chmod(0o777)  # Ansible does not trust it either
        assert cli_drift.config_file(here, checkout, home) == checkout / "ansible.cfg"
        monkeypatch.setenv("ANSIBLE_CONFIG", str(home / "other.cfg"))
        assert cli_drift.config_file(here, checkout, home) == home / "other.cfg"

    def test_our_own_commands_come_first(self, clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/usr/bin:/bin")
        assert cli_drift._search_path("en").split(os.pathsep)[0] == os.path.dirname(sys.executable)

    def test_without_ansible_there_is_a_sentence(self, clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "executable", str(clean / "python3"))
        monkeypatch.setattr(sys, "argv", [str(clean / "nwcs-drift")])
        monkeypatch.setenv("PATH", str(clean))
        with pytest.raises(StateError, match="ansible-playbook is not found"):
            cli_drift._search_path("en")

    def test_without_a_home(self, clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("HOME")
        assert os.path.isdir(cli_drift.environment(str(clean / "scratch"))["HOME"])

    def test_a_home_that_cannot_be_written(self, clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cli_drift.os, "access", lambda path, mode: False)  # a chmod does not stop root
        home = cli_drift.environment(str(clean / "scratch"))["ANSIBLE_HOME"]
        assert home.startswith(str(clean / "scratch"))

    @pytest.mark.parametrize(("locale", "changed"), [("C.UTF-8", False), ("POSIX", True), ("xx_XX.UTF-8", True)])
    def test_a_locale_ansible_can_live_with(
        self, clean: Path, monkeypatch: pytest.MonkeyPatch, locale: str, changed: bool
    ) -> None:
        monkeypatch.setenv("LC_ALL", locale)
        env = cli_drift.environment(str(clean / "scratch"))
        assert env.get("LC_ALL") == ("C.UTF-8" if changed else None)


class TestWatch:
    def told(self, *lines: str) -> cli_drift.Watch:
        watch = cli_drift.Watch()
        for line in lines:
            assert watch.event({"event": "verbose", "stdout": line}) is False  # no file of any event
        return watch

    def test_the_reason_is_the_first_error_as_one_line(self) -> None:
        watch = self.told("[WARNING]: x", "[ERROR]: the role 'a' was not", "found in b", "Origin: c:1:2", "", "more")
        assert watch.reason() == "the role 'a' was not found in b"

    def test_of_an_inventory_it_names_the_place(self) -> None:
        watch = self.told(
            "[WARNING]: Failed to parse inventory with 'yaml' plugin: YAML parsing failed: no", "end found.",
            "", "Failed to parse inventory with 'yaml' plugin.", "", "Origin: /site/h.yml:3:1", "",
            "[ERROR]: Completely failed to parse inventory source /site/h.yml",
        )  # fmt: skip
        said = watch.reason()
        assert said.startswith("Completely failed to parse inventory source /site/h.yml")
        assert said.endswith("YAML parsing failed: no end found. (/site/h.yml:3:1)")

    def test_without_an_error_the_last_lines(self) -> None:
        assert self.told("one", "two", "three", "four").reason() == "two three four"
        assert cli_drift.Watch().reason() == ""

    def test_a_sentence_over_two_lines_is_understood(self) -> None:
        watch = self.told(
            "[ERROR]: Specified inventory, host pattern and/or --limit leaves us with no", "hosts to target."
        )
        assert watch.no_hosts
        assert not self.told("ok: [cam-1]").no_hosts

    def test_memory_does_not_grow_with_the_site(self) -> None:
        watch = cli_drift.Watch()
        for number in range(5000):
            watch.event({"event": "warning", "stdout": f"Could not match supplied host pattern {number}" + "x" * 100})
        assert len(watch.reason()) + sum(map(len, watch.warnings)) < 20_000

    def test_it_kills_only_after_a_while_or_when_asked_twice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sent: list[tuple[int, int]] = []
        monkeypatch.setattr(cli_drift.os, "kill", lambda pid, number: sent.append((pid, number)))
        watch = cli_drift.Watch()
        assert not watch.must_kill()
        watch._received(signal.SIGTERM, None)
        assert sent == []  # Ansible has not said who it is
        watch.event({"pid": 4321})
        assert sent == [(4321, signal.SIGINT)]
        assert not watch.must_kill()
        monkeypatch.setattr(cli_drift.time, "monotonic", lambda: watch._deadline + 1)
        assert watch.must_kill()
        monkeypatch.undo()
        watch._received(signal.SIGTERM, None)
        assert watch.must_kill()


class TestRun:
    """With a small playbook of the test's own."""

    def test_nothing_secret_in_the_private_folder(self, site: Path) -> None:
        look = 'd=$(dirname "$NWCS_RUN_FILE"); stat -c %a "$d" > seen; grep -rl "$PLANTED" "$d" >> seen; true'
        copied = {"ansible.builtin.copy": {"dest": "{{ lookup('env', 'NWCS_RUN_FILE') }}", "content": "{{ told }}"}}
        playbook = play(site, {"ansible.builtin.shell": look, "args": {"chdir": str(site)}}, copied)
        told = f"told={written(site.parent, outcome('drift'))}"
        done = call(site, playbook, "-e", told, "-e", "x=Recognisable-1", PLANTED="Recognisable-1")
        assert (done.returncode, done.stderr) == (2, "")
        assert (site / "seen").read_text() == "700\n"
        assert leftovers(site.parent) == []

    def test_a_playbook_without_a_result_is_1(self, site: Path) -> None:
        done = call(site, play(site, {"ansible.builtin.fail": {"msg": "broken on purpose"}}))
        assert done.returncode == 1
        assert "ended without a result" in done.stderr
        assert "broken on purpose" in done.stderr
        assert done.stderr.count("\n") == 1
        assert leftovers(site.parent) == []

    def test_no_device_is_3(self, site: Path) -> None:
        playbook = play(site, {"ansible.builtin.fail": {}})
        done = call(site, playbook, "--limit", "nobody")
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr == "nwcs-drift: Nothing was checked: no device matches --limit nobody.\n"
        (site / "hosts.json").write_text('{"all": {"hosts": {}}}')
        assert call(site, playbook).returncode == 3

    def test_an_inventory_that_cannot_be_read_is_1(self, site: Path) -> None:
        """Ansible alone would warn, and go on without its devices."""
        (site / "hosts.json").write_text("all:\n  hosts: {cam-1: [\n")
        done = call(site, play(site, {"ansible.builtin.fail": {}}))
        assert done.returncode == 1
        assert "hosts.json" in done.stderr
        assert done.stderr.count("\n") == 1

    def test_a_vault_password_that_is_missing_is_no_question(self, site: Path) -> None:
        (site / "ansible.cfg").write_text("[defaults]\nask_vault_pass = true\n")
        done = call(site, play(site, {"ansible.builtin.fail": {"msg": "x"}}))
        assert done.returncode == 1

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_leaves_no_process_and_no_folder(self, site: Path, number: signal.Signals) -> None:
        mark = f"NWCS_TEST_MARK={site.parent}-{number}"
        playbook = play(site, {"ansible.builtin.shell": f"touch '{site}/started'; sleep 50"})
        name, value = mark.split("=", 1)
        child = subprocess.Popen(
            [sys.executable, "-c", START, playbook, "-i", "hosts.json"],
            cwd=site, env=environment(site.parent, **{name: value}), stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            eventually((site / "started").exists)
            child.send_signal(number)
            _out, said = child.communicate(timeout=15)
            assert child.returncode == 1
            assert "interrupted" in said
            assert said.count("\n") == 1
            eventually(lambda: not processes(mark), 5)
            assert leftovers(site.parent) == []
        finally:
            for pid in processes(mark):
                os.kill(pid, signal.SIGKILL)
            child.wait()


@pytest.mark.slow
def test_simulated_devices_from_clean_to_both(tmp_path: Path, project_root: Path) -> None:
    """Clean, drifted, down, and a limit that matches nothing: as cron would run it, from another folder."""
    devices = [{"name": "cam-1", "model": "onvif-complete"}, {"name": "cam-2", "model": "onvif-complete"}]
    with running_lab(devices) as lab:
        site = {
            "nwcs_family": "onvif", "nwcs_site": "plant", "nwcs_simulated": True, "nwcs_username": "admin",
            "nwcs_password": "12345", "nwcs_scheme": "http", "nwcs_port": lab.device("cam-1").ports["http"],
        }  # fmt: skip
        hosts = {device.name: {"nwcs_host": device.address} for device in lab.devices}
        inventory = tmp_path / "hosts.yml"
        inventory.write_text(json.dumps({"all": {"vars": site, "hosts": hosts}}))

        def check(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(  # pylint: disable=subprocess-run-check
                [sys.executable, "-m", cli_drift.__name__, "-i", str(inventory), *arguments],
                cwd="/", env=environment(tmp_path), capture_output=True, text=True, timeout=120,
            )  # fmt: skip

        recorded = subprocess.run(  # pylint: disable=subprocess-run-check
            [Path(sys.executable).parent / "ansible-playbook", "-i", inventory, project_root / "playbooks/record.yml"],
            capture_output=True, text=True, timeout=120, env={**os.environ, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        assert recorded.returncode == 0, recorded.stdout + recorded.stderr

        clean = check()
        assert (clean.returncode, clean.stderr) == (0, ""), clean.stdout
        assert "cam-2" in clean.stdout
        quiet = check("--quiet")
        assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")

        nothing = check("--limit", "cam-9")
        assert nothing.returncode == 3
        assert "no device matches --limit cam-9" in nothing.stderr

        lab.attack("cam-1", "new-account")
        drifted = check("--language", "ja", "--report-dir", str(tmp_path / "elsewhere"))
        assert drifted.returncode == 2
        assert "support" in drifted.stdout
        assert str(tmp_path / "elsewhere") in drifted.stdout
        data = files.read_json(str(tmp_path / "elsewhere" / "latest" / "result.json"))
        assert (data["exit_code"], data["language"], len(data["devices"])) == (2, "ja", 2)

        lab.restart("cam-2", 300)
        both = check("--quiet")
        assert both.returncode == 4
        assert "cam-1" in both.stdout and "cam-2" in both.stdout
        assert check("--limit", "cam-2").returncode == 3
        assert not [entry for device in ("cam-1", "cam-2") for entry in lab.writes(device)]
        assert leftovers(tmp_path) == []
        assert "12345" not in clean.stdout + drifted.stdout + both.stdout

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nwcs-doctor: each check in each of its outcomes, and what is said about it."""

from __future__ import annotations

import json
import os
import string
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.nwcs.hardening.plugins.plugin_utils import cli_doctor as doctor
from ansible_collections.nwcs.hardening.plugins.plugin_utils.doctor_texts import TEXTS


def verdict(finding: doctor.Finding) -> tuple[str, str]:
    return finding.state, finding.outcome


@pytest.mark.parametrize(
    ("found", "expected"),
    [((3, 11, 0), "ok"), ((3, 14, 1), "ok"), ((3, 10, 14), "problem"), ((2, 7, 18), "problem")],
)
def test_python(found: tuple[int, ...], expected: str) -> None:
    assert doctor.check_python(found).state == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("2.19.14", ("ok", "ok")),
        ("2.19.0rc1", ("ok", "ok")),
        ("2.100.0", ("ok", "ok")),
        ("2.9.27", ("problem", "old")),
        (None, ("problem", "missing")),
    ],
)
def test_core(found: str | None, expected: tuple[str, str]) -> None:
    assert verdict(doctor.check_core(found)) == expected


def copy_of_collection(folder: Path, sign: str = "galaxy.yml") -> Path:
    root = folder / "ansible_collections" / "nwcs" / "hardening"
    root.mkdir(parents=True)
    (root / sign).touch()
    return root


class TestCollection:
    def test_one_copy(self, tmp_path: Path) -> None:
        own = copy_of_collection(tmp_path / "here")
        assert verdict(doctor.check_collection(own, [tmp_path / "empty", tmp_path / "here"])) == ("ok", "ok")

    def test_none(self, tmp_path: Path) -> None:
        assert verdict(doctor.check_collection(tmp_path, [tmp_path])) == ("problem", "missing")

    def test_another_copy_wins(self, tmp_path: Path) -> None:
        own = copy_of_collection(tmp_path / "here")
        other = copy_of_collection(tmp_path / "home", "MANIFEST.json")
        finding = doctor.check_collection(own, [tmp_path / "home", tmp_path / "here"])
        assert verdict(finding) == ("problem", "other")
        assert finding.facts["winner"] == other

    def test_a_second_copy_would_win_elsewhere(self, tmp_path: Path) -> None:
        own = copy_of_collection(tmp_path / "here")
        other = copy_of_collection(tmp_path / "home", "MANIFEST.json")
        finding = doctor.check_collection(own, [tmp_path / "here"], [tmp_path / "home"])
        assert verdict(finding) == ("problem", "second")
        assert str(other) in str(finding.facts["others"])

    def test_a_link_to_the_same_copy_is_no_second(self, tmp_path: Path) -> None:
        own = copy_of_collection(tmp_path / "here")
        link = tmp_path / "link" / "ansible_collections" / "nwcs"
        link.mkdir(parents=True)
        (link / "hardening").symlink_to(own)
        assert doctor.check_collection(own, [tmp_path / "link", tmp_path / "here"]).state == "ok"


class TestConfig:
    def test_none(self, tmp_path: Path) -> None:
        assert verdict(doctor.check_config(tmp_path, None)) == ("ok", "none")

    @pytest.mark.parametrize(("mode", "expected"), [(0o755, "ok"), (0o775, "ok"), (0o777, "world"), (0o1777, "world")])
    def test_folder_others_may_write_to(self, tmp_path: Path, mode: int, expected: str) -> None:
        (tmp_path / "ansible.cfg").touch()
        tmp_path.chmod(mode)
        try:
            assert doctor.check_config(tmp_path, None).outcome == expected
        finally:
            tmp_path.chmod(0o700)

    def test_named_one_counts_in_any_folder(self, tmp_path: Path) -> None:
        path = tmp_path / "ansible.cfg"
        assert verdict(doctor.check_config(tmp_path, str(path))) == ("problem", "gone")
        path.touch()
        tmp_path.chmod(0o777)
        try:
            assert doctor.check_config(tmp_path, str(path)).state == "ok"
        finally:
            tmp_path.chmod(0o700)


ROOT_MOUNT = "/dev/sda1 / ext4 rw 0 0\n"
WSL = "Linux version 5.15.153.1-microsoft-standard-WSL2"


@pytest.mark.parametrize(
    ("folder", "mounts", "kernel", "expected"),
    [
        ("/mnt/c/Users/a", ROOT_MOUNT + r"C:\134 /mnt/c 9p rw,aname=drvfs;path=C:\;uid=1000 0 0", WSL, "problem"),
        ("/mnt/c/a", ROOT_MOUNT + "C: /mnt/c drvfs rw 0 0", "", "problem"),
        ("/mnt/my disk/a", ROOT_MOUNT + "D: /mnt/my\\040disk drvfs rw 0 0", WSL, "problem"),
        ("/home/a", ROOT_MOUNT + "C: /mnt/c 9p rw,aname=drvfs 0 0", WSL, "ok"),
        ("/mnt/cc/a", ROOT_MOUNT + "C: /mnt/c drvfs rw 0 0", WSL, "ok"),
        ("/shared/a", ROOT_MOUNT + "host /shared 9p rw,trans=virtio 0 0", "Linux version 6.1.0", "ok"),
        ("/home/a", None, "", "unknown"),
    ],
)
def test_drive(folder: str, mounts: str | None, kernel: str, expected: str) -> None:
    assert doctor.check_drive(Path(folder), mounts, kernel).state == expected


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"timedatectl": True, "adjtimex": True}, "ok"),
        ({"timedatectl": None, "chrony": True, "adjtimex": False}, "ok"),
        ({"timedatectl": None, "adjtimex": False}, "problem"),
        ({"timedatectl": None, "adjtimex": None}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_clock(answers: dict[str, bool | None], expected: str) -> None:
    assert doctor.check_clock(answers).state == expected


@pytest.mark.parametrize(("output", "expected"), [("yes\n", True), ("no\n", False), ("", None), (None, None)])
def test_clock_from_timedatectl(output: str | None, expected: bool | None) -> None:
    assert doctor.clock_from_timedatectl(output) is expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("Stratum         : 3\nLeap status     : Normal\n", True),
        ("Leap status     : Insert second\n", True),
        ("Leap status     : Not synchronised\n", False),
        ("506 Cannot talk to daemon\n", None),
        (None, None),
    ],
)
def test_clock_from_chrony(output: str | None, expected: bool | None) -> None:
    assert doctor.clock_from_chrony(output) is expected


def test_clock_from_kernel_answers() -> None:
    assert doctor.clock_from_kernel() in (True, False, None)


class TestVault:
    @pytest.mark.parametrize("sources", [[], [""]])
    def test_none(self, sources: list[str]) -> None:
        assert [verdict(finding) for finding in doctor.check_vault(sources)] == [("problem", "missing")]

    @pytest.mark.parametrize(
        ("content", "mode", "expected"),
        [
            (b"right horse\n", 0o600, "ok"),
            (b"right horse\n", 0o640, "ok"),
            (b"right horse\n", 0o644, "open"),
            (b"right horse\n", 0o602, "open"),
            (b"", 0o600, "empty"),
            (b" \n", 0o600, "empty"),
            (b"#!/bin/sh\necho x\n", 0o700, "ok"),
            (b"right horse\n", 0o700, "executable"),
        ],
    )
    def test_file(self, tmp_path: Path, content: bytes, mode: int, expected: str) -> None:
        path = tmp_path / "password"
        path.write_bytes(content)
        path.chmod(mode)
        for source in (str(path), f"site@{path}"):
            assert [finding.outcome for finding in doctor.check_vault([source])] == [expected]

    def test_gone(self, tmp_path: Path) -> None:
        assert doctor.check_vault([str(tmp_path / "password")])[0].outcome == "gone"

    def test_a_folder_cannot_be_read(self, tmp_path: Path) -> None:
        assert doctor.check_vault([str(tmp_path)])[0].outcome == "unreadable"

    def test_each_source_counts(self, tmp_path: Path) -> None:
        findings = doctor.check_vault(["site@prompt", str(tmp_path / "gone")])
        assert [finding.outcome for finding in findings] == ["asked", "gone"]

    def test_the_password_is_never_said(self, tmp_path: Path) -> None:
        path = tmp_path / "password"
        path.write_text("recognisable")
        path.chmod(0o777)
        assert "recognisable" not in "\n".join(doctor.lines(doctor.check_vault([str(path)]), "en"))


class TestLab:
    def test_none(self, tmp_path: Path) -> None:
        assert doctor.check_lab(tmp_path / "lab.json", lambda pid: "nwcs-lab").state == "ok"

    @pytest.mark.parametrize(
        ("command", "expected"),
        [("python .venv/bin/nwcs-lab up", "problem"), (None, "ok"), ("/usr/sbin/cron -f", "ok")],
    )
    def test_left_behind(self, tmp_path: Path, command: str | None, expected: str) -> None:
        path = tmp_path / "lab.json"
        path.write_text(json.dumps({"pid": 4711}))
        asked: list[int] = []
        finding = doctor.check_lab(path, lambda pid: asked.append(pid) or command)
        assert finding.state == expected
        assert asked == [4711]

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x"}', "{"])
    def test_file_nobody_understands(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "lab.json"
        path.write_text(text)
        assert doctor.check_lab(path, lambda pid: None).state == "unknown"


@pytest.mark.parametrize(
    ("encoding", "expected"), [("UTF-8", "ok"), ("utf8", "ok"), ("eucJP", "problem"), (None, "problem")]
)
def test_locale(encoding: str | None, expected: str) -> None:
    assert doctor.check_locale(encoding).state == expected


def test_path(tmp_path: Path) -> None:
    here, there = tmp_path / "venv" / "bin", tmp_path / "usr" / "bin"
    assert doctor.check_path(here, str(here / "ansible-playbook")).outcome == "ok"
    assert doctor.check_path(here, str(there / "ansible-playbook")).outcome == "other"
    assert doctor.check_path(here, None).outcome == "missing"


def test_libraries() -> None:
    assert doctor.check_libraries(dict(doctor.LIBRARIES).get, "python3").state == "ok"
    without = {name: version for name, version in doctor.LIBRARIES.items() if name != "openpyxl"}
    finding = doctor.check_libraries((without | {"cryptography": "2.9"}).get, "python3")
    assert finding.state == "problem"
    assert "openpyxl" in finding.facts["install"]
    assert "cryptography" in finding.facts["install"]
    assert "PyYAML" not in finding.facts["install"]


def test_disk() -> None:
    assert doctor.check_disk(doctor.DISK_MINIMUM_MB * 1_000_000).state == "ok"
    assert doctor.check_disk(doctor.DISK_MINIMUM_MB * 1_000_000 - 1).state == "problem"


@pytest.mark.parametrize(
    ("mask", "expected"), [(0o022, "ok"), (0o077, "ok"), (0o027, "ok"), (0o002, "problem"), (0o020, "problem")]
)
def test_umask(mask: int, expected: str) -> None:
    assert doctor.check_umask(mask).state == expected


class TestWords:
    @pytest.mark.parametrize("key", sorted(TEXTS))
    def test_both_languages_need_the_same_facts(self, key: str) -> None:
        english, japanese = ({part[1] for part in string.Formatter().parse(text) if part[1]} for text in TEXTS[key])
        assert english == japanese
        assert (" => " in TEXTS[key][0]) == (" => " in TEXTS[key][1])

    def test_a_problem_says_what_to_do(self) -> None:
        findings = [doctor.check_python((3, 9, 0)), doctor.check_disk(10**12)]
        text = doctor.lines(findings, "en")
        assert text[0].startswith("[problem] Python: 3.9.0")
        assert text[1].strip().startswith("do: make a virtual environment")
        assert text[2].startswith("[ok] disk:")
        assert text[-1].startswith("1 problem(s), 0 unknown")

    def test_japanese(self) -> None:
        assert doctor.lines([doctor.check_umask(0o022)], "ja") == ["[正常] umask: 0022", "すべて正常です。"]

    def test_control_characters_are_shown_not_sent(self) -> None:
        text = doctor.say("collection.ok", "en", {"winner": "/a/\x1b[2Jb\u202e"})
        assert text.isprintable()
        assert "\\x1b" in text

    def test_exit_code(self) -> None:
        ok, unknown, problem = doctor.check_umask(0o022), doctor.check_clock({}), doctor.check_umask(0)
        assert doctor.exit_code([ok, unknown]) == 0
        assert doctor.exit_code([ok, unknown, problem]) == 1


@pytest.fixture
def in_order(tmp_path: Path, own_home: Path) -> dict[str, str]:
    """An environment in which nothing but the clock and the disk can be wrong."""
    password = tmp_path / "vault-password"
    password.write_text("x\n")
    password.chmod(0o600)
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(own_home),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": os.environ["ANSIBLE_CONFIG"],
        "ANSIBLE_VAULT_PASSWORD_FILE": str(password),
    }


def run_doctor(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", doctor.__name__, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_the_whole_on_this_machine(in_order: dict[str, str], tmp_path: Path) -> None:
    done = run_doctor(in_order, "--dir", str(tmp_path))
    problems = [line for line in done.stdout.splitlines() if line.startswith("[problem]")]
    unexpected = [line for line in problems if not line.startswith(("[problem] clock", "[problem] disk"))]
    assert unexpected == [], done.stdout + done.stderr
    assert done.returncode == (1 if problems else 0)
    assert not (Path(in_order["HOME"]) / ".ansible").exists()


def test_the_whole_sees_a_missing_password_and_a_copy_in_the_home(in_order: dict[str, str], tmp_path: Path) -> None:
    del in_order["ANSIBLE_VAULT_PASSWORD_FILE"]
    copy_of_collection(Path(in_order["HOME"]) / ".ansible" / "collections", "MANIFEST.json")
    done = run_doctor(in_order, "--dir", str(tmp_path), "--language", "ja")
    assert done.returncode == 1
    assert "[問題] Vault パスワード" in done.stdout
    assert "[問題] コレクション" in done.stdout


def test_wrong_folder(in_order: dict[str, str], tmp_path: Path) -> None:
    done = run_doctor(in_order, "--dir", str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "is not a folder" in done.stderr

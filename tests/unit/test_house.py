# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The house itself: packaging agrees with the code, private files stay out of git, the floors are kept."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from ansible_collections.nwcs.hardening.plugins.plugin_utils import cli_doctor

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
COLLECTION = "ansible_collections.nwcs.hardening."


def requirement(text: str) -> tuple[str, str]:
    name, _sign, minimum = text.partition(">=")
    return name, minimum


def test_the_link_makes_the_checkout_a_collection() -> None:
    link = ROOT / "collections" / "ansible_collections" / "nwcs" / "hardening"
    assert link.is_symlink()
    assert link.resolve() == ROOT
    assert (GALAXY["namespace"], GALAXY["name"]) == ("nwcs", "hardening")


def test_wheel_and_collection_have_one_version() -> None:
    """The pattern that packaging uses finds what YAML says."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["version"]
    found = re.search(config["pattern"], (ROOT / config["path"]).read_text(encoding="utf-8"))
    assert found
    assert found["version"] == GALAXY["version"]


def test_doctor_asks_for_what_the_package_declares() -> None:
    declared = dict(map(requirement, PROJECT["dependencies"]))
    assert declared.pop("ansible-core") == cli_doctor.CORE_MINIMUM
    assert declared == cli_doctor.LIBRARIES
    assert PROJECT["requires-python"] == ">=" + ".".join(map(str, cli_doctor.PYTHON_MINIMUM))


def test_runtime_agrees_on_ansible_core() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert runtime["requires_ansible"].startswith(">=" + cli_doctor.CORE_MINIMUM)


@pytest.mark.parametrize("command", sorted(PROJECT["scripts"]))
def test_each_command_leads_to_a_function(command: str) -> None:
    module, _separator, function = PROJECT["scripts"][command].partition(":")
    path = ROOT / (module.removeprefix(COLLECTION).replace(".", "/") + ".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("parameter_sheets/site-a/cam-01.yml", True),
        ("parameter_sheets/README.md", False),
        ("inventory/customer/hosts.yml", True),
        ("inventory/example/hosts.yml", False),
        ("inventory/lab/hosts.yml", False),
        ("reports/drift/result.json", True),
        ("state/ledger.json", True),
        ("secrets/site-a/cam-01.yml", True),
        (".vault_password", True),
        ("build/lab/lab.json", True),
        ("plugins/module_utils/settings.py", False),
        ("collections/ansible_collections/nwcs/hardening", False),
    ],
)
def test_git_keeps_sites_out(path: str, ignored: bool) -> None:
    git = shutil.which("git")
    if not git or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = [git, "-c", "safe.directory=*", "check-ignore", "-q", "--no-index", path]
    assert (subprocess.run(command, cwd=ROOT, check=False).returncode == 0) is ignored


def imported(path: Path) -> set[str]:
    """Full names of what a file imports; relative imports as paths below the collection."""
    names: set[str] = set()
    package = ".".join(("ansible_collections", "nwcs", "hardening", *path.relative_to(ROOT).parts[:-1]))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join(filter(None, (package.rsplit(".", node.level - 1)[0], base)))
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [
        ("plugins/module_utils", ("plugins.plugin_utils.", "plugins.action.", "plugins.modules.", "lab.")),
        ("plugins/plugin_utils", ("plugins.action.", "plugins.modules.", "lab.")),
        ("plugins/modules", ("plugins.plugin_utils.", "plugins.action.", "lab.")),
        ("plugins/action", ("plugins.modules.", "lab.")),
        ("lab", ("plugins.",)),
    ],
)
def test_a_room_uses_only_what_lies_below_it(room: str, forbidden: tuple[str, ...]) -> None:
    wrong = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / room).rglob("*.py")
        for name in imported(path)
        if name.startswith(tuple(COLLECTION + part for part in forbidden))
    }
    assert not wrong


def test_the_floor_test_sees_both_kinds_of_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    file = tmp_path / "lab" / "onvif" / "device.py"
    file.parent.mkdir(parents=True)
    file.write_text(f"from ..wire import Answer\nfrom {COLLECTION}plugins.module_utils import errors\nimport json\n")
    assert imported(file) == {
        f"{COLLECTION}lab.wire.Answer",
        f"{COLLECTION}plugins.module_utils.errors",
        "json",
    }


@pytest.mark.parametrize("folder", ["plugins", "lab", "tests", "roles", "playbooks", "tools"])
def test_no_file_knows_the_machine_it_was_written_on(folder: str) -> None:
    here = "|".join(re.escape(str(place)) for place in (ROOT, ROOT.parent / "shared"))
    home = re.compile(rf"/(?:root|home/\w+)/\.|(?:{here})(?![\w-])")
    wrong = [
        str(path.relative_to(ROOT))
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".yml", ".sh", ".md", ".j2") and home.search(path.read_text(encoding="utf-8"))
        if path != Path(__file__)
    ]
    assert not wrong


def test_sanity_ignores_nothing() -> None:
    for path in (ROOT / "tests" / "sanity").glob("ignore-*.txt"):
        assert path.read_text(encoding="utf-8").strip() == "", path.name

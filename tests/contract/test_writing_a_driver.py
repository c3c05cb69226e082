# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/writing-a-driver.md works: its code makes a family in a copy of the project, which the contract suite judges.

The running suite is left alone. A block's first line names its file; "(continued)" appends to it; a `diff` block puts
lines behind one that is there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "writing-a-driver.md"
BLOCK = re.compile(r"^```(\w+)\n# file: (\S+)( \(continued\))?\n(.*?)^```$", re.M | re.S)
COPIED = ("plugins", "lab", "tools", "tests/contract", "tests/unit", "tests/conftest.py", "pyproject.toml",
          "ansible.cfg")  # fmt: skip
TABLES = "plugins/module_utils/drivers/example_tables.py"
SUITE = ("readings", *(f"drivers_{part}" for part in (
    "reading", "writing", "access", "tables", "hazards_truth", "hazards_errors", "hazards_loss")))  # fmt: skip
SECONDS = 300  # for one process of the copy, on a machine with much to do


def build(folder: Path) -> Path:
    """A copy of the project with what the page adds; its root."""
    root = folder / "ansible_collections" / "nwcs" / "hardening"
    for name in COPIED:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    for kind, name, more, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        path = root / name
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if kind == "diff":
            text = added(old, text, name)
        else:
            assert bool(old) == bool(more), f"{name}: (continued), or there already"
            text = f"{old}\n\n{text}" if more and not text.startswith(" ") else f"{old}\n{text}" if more else text
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def added(old: str, diff: str, name: str) -> str:
    """`old` with the lines "+…" behind the only line that is like " …"."""
    lines = diff.splitlines()
    anchor, new = f"{lines[0][1:]}\n", "".join(f"{line[1:]}\n" for line in lines[1:])
    assert lines[0][:1] == " " and all(line[:1] == "+" for line in lines[1:]), diff
    assert old.count(anchor) == 1, f"{name} has no line {anchor!r} any more: mend the page"
    return old.replace(anchor, anchor + new)


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(root.parents[2]), "PYTEST_ADDOPTS": ""}
    return subprocess.run([sys.executable, *command], cwd=root, env=env, capture_output=True, text=True, check=False,
                          timeout=SECONDS)  # fmt: skip


def suite(root: Path, *parts: str) -> subprocess.CompletedProcess[str]:
    """The contract suite's files, for the example only."""
    files = [f"tests/contract/test_{part}.py" for part in parts]
    options = ("-q", "-x", "-n", "0", "-k", "example", "-p", "no:cacheprovider", "--override-ini=cache_dir=none")
    return run(root, "-m", "pytest", *options, *files)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("page"))


def test_the_code_of_the_page_is_what_is_tested(example: Path) -> None:
    """The driver that answers is that of the copy, and no code block of the page is left out."""
    code = "from ansible_collections.nwcs.hardening.plugins.module_utils import registry as r; "
    done = run(example, "-c", f"{code}print(r.driver_for('example').documents[0].name, r.__file__)")
    assert done.stdout.split() == ["system", str(example / "plugins/module_utils/registry.py")], done.stderr
    text = PAGE.read_text(encoding="utf-8")
    assert len(BLOCK.findall(text)) == len(re.findall(r"^```\w", text, re.M)) >= 15


def test_the_code_keeps_the_style(example: Path) -> None:
    names = {name for _kind, name, _more, _text in BLOCK.findall(PAGE.read_text(encoding="utf-8"))}
    code = sorted(str(example / name) for name in names if name.endswith(".py"))
    done = run(example, "-m", "ruff", "check", "--no-cache", *code)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_the_contract_suite_passes_on_the_example(example: Path) -> None:
    done = suite(example, *SUITE)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) > 150, done.stdout[-1000:]


def test_removing_any_row_of_its_tables_is_noticed(example: Path) -> None:
    """The page's own last step, `make mutation`."""
    done = run(example, "tools/mutation.py", "example", "--jobs", "1")
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert re.search(r"a test fails for (1[5-9]|[2-9]\d) of \1 ", done.stdout), done.stdout


@pytest.mark.parametrize(
    ("old", "new", "test"),
    [
        ('row("identity.location", "settings", *field("place"), limits=_text),', "", "test_a_write_shows"),
        ("value != old.get(name)}", "False}", "test_a_write_shows_on_the_device_itself"),
        ("if user.get(\"new_password\") or name not in old:", "if name not in old:", "test_our_own_password_is_proven"),
    ],
    ids=["a-row-that-is-gone", "a-store-that-sends-nothing", "a-password-that-is-not-sent"],
)  # fmt: skip
def test_the_suite_is_a_judge(tmp_path: Path, old: str, new: str, test: str) -> None:
    """A driver that is wrong in one place fails, by the test that is about it."""
    root = build(tmp_path)
    path = root / TABLES
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    done = suite(root, "drivers_writing")
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-1000:]
    assert re.search(rf"^FAILED .*{test}", done.stdout, re.M), done.stdout[-2000:]

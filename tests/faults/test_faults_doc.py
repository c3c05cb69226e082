# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of what can go wrong tells the numbers of the last whole run, and knows words for every boundary."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import fault_sites as sites
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("faults_doc", ROOT / "tools" / "faults_doc.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(change: str, going_on: str, family: str = "onvif", fault: str = "killed") -> dict[str, Any]:
    return {"family": family, "character": "onvif-complete", "scenario": "commission", "change": change,
            "boundary": "planned#1", "going_on": going_on, "fault": fault}  # fmt: skip


def told(rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "complete": True,
        "cases": len(rows),
        "lost_way_in": 0,
        "lost_secrets": 0,
        "repeated": 0,
        "unfinished": 0,
        "rows": rows,
    } | more


def test_every_kind_of_boundary_has_its_words(tool: ModuleType) -> None:
    kinds = {(change, going_on) for _begin, change, going_on in sites.WORDS} | {
        sites.words("open:own:begin", "rotate"), sites.words("close:uci:begin")}  # fmt: skip
    text = tool.page(told([row(*kind) for kind in kinds]))
    assert all(going_on in text for _change, going_on in kinds)


def test_the_page_says_whose_devices_were_cut(tool: ModuleType) -> None:
    kind = ("filter", "the address filter is being written")
    ours = tool.page(told([row(*kind), row(*kind, "openwrt")]))
    assert "makers" not in ours and "AXIS" not in ours and "{" not in ours
    more = tool.page(told([row(*kind), row(*kind, "vapix")]))
    assert "makers" in more and "## AXIS cameras (VAPIX)" in more and "Dahua cameras" not in more and "{" not in more


def test_the_page_is_written_and_a_lost_device_changes_it(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, verdicts = tmp_path / "page.md", tmp_path / "faults.json"
    monkeypatch.setattr(tool, "PAGE", page)
    monkeypatch.setattr(tool, "VERDICTS", verdicts)
    rows = [row("filter", "the address filter is being written")]
    assert tool.main(["--check"]) == 1  # no run yet
    verdicts.write_text(json.dumps(told(rows, complete=False)))
    assert tool.main([]) == 1 and not page.exists()  # a spread run
    verdicts.write_text(json.dumps(told(rows)))
    assert tool.main(["--check"]) == 1
    assert tool.main([]) == 0 and tool.main(["--check"]) == 0
    verdicts.write_text(json.dumps(told(rows, lost_way_in=1)))
    assert tool.main(["--check"]) == 1


def test_the_committed_page_tells_of_several_hundred_cases_without_a_loss() -> None:
    text = (ROOT / "docs" / "what-can-go-wrong.md").read_text(encoding="utf-8")
    found = re.search(r"\*\*(\d+) cases: (\d+) lost the way in, (\d+) lost a secret, (\d+) did not finish", text)
    assert found is not None
    cases, *losses = map(int, found.groups())
    assert cases > 500 and losses == [0, 0, 0]
    numbers = re.findall(r"^\| [^|]+ \| [^|]+ \|((?: *(?:\d+|–) *\|){5})", text, re.M)
    assert sum(int(number) for cells in numbers for number in re.findall(r"\d+", cells)) == cases

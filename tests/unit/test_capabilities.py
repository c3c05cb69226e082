# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of capabilities: made by a tool, so no family and no model may be missing; and how the tool judges."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ansible_collections.nwcs.hardening.plugins.module_utils.registry import DRIVERS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("capabilities", ROOT / "tools" / "capabilities.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.mark.parametrize("family", DRIVERS)
def test_every_family_with_its_models_is_on_the_page(family: str) -> None:
    """`make capabilities` brings it up to date."""
    text = (ROOT / "docs" / "capabilities.md").read_text(encoding="utf-8")
    part = re.search(rf"^## {family}\n(.*?)(?=^## |\Z)", text, re.S | re.M)
    assert part, f"{family} is not on the page: run make capabilities"
    readings = {path.stem for path in (ROOT / "tests" / "contract" / "readings").glob(f"{family}-*.yml")}
    heads = re.findall(r"[\w.-]+", part[1].strip().splitlines()[0])
    assert readings <= set(heads), f"models missing: {readings - set(heads)}"
    rows = re.findall(r"^\| `([^`]+)`", part[1], re.M)
    assert len(rows) == len(set(rows)) and "facts.model" in rows or family in ("motion", "zoneminder", "motioneye")


@pytest.mark.parametrize(
    ("line", "graded"),
    [
        ({"state": "value", "outcome": "changed", "proof": "read"}, "write"),
        ({"state": "value", "outcome": "changed", "proof": "read, tcp 23 refused"}, "proven"),
        ({"state": "value", "outcome": "changed", "proof": "login on a new connection"}, "proven"),
        ({"state": "value", "outcome": "pending_restart", "proof": ""}, "write"),
        ({"state": "value", "outcome": "failed", "proof": ""}, "read"),
        ({"state": "value", "outcome": "refused", "proof": ""}, "read"),
        ({"state": "value"}, "read"),
        ({"state": "not_offered"}, "not_offered"),
        ({"state": "unsupported"}, "unsupported"),
        ({"state": "unreadable"}, "unreadable"),
        ({"state": "manual", "why": "no documented call reaches it"}, "manual"),
        ({"state": "unsupported", "why": "no documented call reaches it, look at: SNMP"}, "manual"),
    ],
)
def test_a_word_says_no_more_than_was_seen(tool: ModuleType, line: dict[str, Any], graded: str) -> None:
    assert tool.grade({"why": "", **line}, False) == graded


def test_a_secret_is_proven_by_a_login_only(tool: ModuleType) -> None:
    assert (
        tool.grade({"state": "write_only", "why": "", "outcome": "changed", "proof": "login on a new connection"}, True)
        == "proven"
    )
    assert tool.grade({"state": "write_only", "why": "", "outcome": "refused"}, True) == "read"


def test_a_key_rests_on_its_weakest_document(tool: ModuleType) -> None:
    entry = {"evidence": {"default": "document only", "documents": {"a": "capture", "b": "schema"}}}
    assert tool.rests_on(entry, ["a"]) == "capture" and tool.rests_on(entry, ["a+b"]) == "schema"
    assert tool.rests_on(entry, ["a", "c"]) == "document only"

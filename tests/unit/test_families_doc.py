# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/families.md has every family, and who copies one of its inventory blocks gets something that works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError
from ansible_collections.nwcs.hardening.plugins.module_utils.registry import DRIVERS
from ansible_collections.nwcs.hardening.plugins.plugin_utils import inventory

ROOT = Path(__file__).resolve().parents[2]
PAGES = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("families.md", "several-apis.md")}
FAMILIES = {*DRIVERS, "manual"}


def hosts(page: str) -> dict[str, dict[str, Any]]:
    """The hosts of all YAML blocks of a page."""
    found: dict[str, dict[str, Any]] = {}
    for block in re.findall(r"^```yaml\n(.*?)^```", PAGES[page], re.M | re.S):
        found.update(yaml.safe_load(block))
    return found


HOSTS = [(page, name) for page in PAGES for name in hosts(page)]


def main_family(variables: dict[str, Any]) -> str:
    family = variables["nwcs_family"]
    return family[0] if isinstance(family, list) else family


def describe(name: str, variables: dict[str, Any], all_hosts: dict[str, dict[str, Any]], folder: Path) -> Any:
    return inventory.describe(name, variables.get, list(variables), all_hosts,
                              str(folder))  # fmt: skip


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_has_its_line_section_and_block(family: str) -> None:
    page = PAGES["families.md"]
    assert re.search(rf"^\| \[{family}\]\(#", page, re.M), "no line in the table"
    assert re.search(rf"^## {family}\b", page, re.M), "no section"
    assert family in {main_family(variables) for variables in hosts("families.md").values()}


def test_the_page_names_no_family_that_is_not_there() -> None:
    assert set(re.findall(r"^\| \[(\w+)\]\(#", PAGES["families.md"], re.M)) == FAMILIES


@pytest.mark.parametrize(("page", "name"), HOSTS)
def test_every_block_is_understood(page: str, name: str, tmp_path: Path) -> None:
    everything = hosts(page)
    variables = everything[name]
    device = describe(name, variables, everything, tmp_path)
    assert device.family == main_family(variables)
    assert inventory.wanted(device)
    if page == "families.md" and device.family != "manual":
        assert device.username and device.password is not None, "no login of the first contact"


def test_a_bare_on_is_the_trap_that_the_page_says(tmp_path: Path) -> None:
    """YAML takes it for true; the blocks have it in quotes."""
    block = "{by: Sato, on: 2026-11-20, until: 2027-05-20, settings: {facts: {model: X}}}"
    variables = {"nwcs_family": "manual", "nwcs_manual": [yaml.safe_load(block)]}
    with pytest.raises(InputError, match="needs exactly") as raised:
        describe("hub-1", variables, {"hub-1": variables}, tmp_path)
    assert "quotes" in raised.value.advice
    variables["nwcs_manual"][0].pop("by")
    variables["nwcs_manual"][0]["on"] = variables["nwcs_manual"][0].pop(True)
    with pytest.raises(InputError) as raised:
        describe("hub-1", variables, {"hub-1": variables}, tmp_path)
    assert raised.value.advice == ""

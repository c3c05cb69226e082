# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tests/contract/evidence.yml speaks of every family, of documents that exist, and claims no more than is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.nwcs.hardening.plugins.module_utils import registry

ROOT = Path(__file__).resolve().parents[2]
KINDS = {"real software", "third-party client", "capture", "schema", "document only"}
FAMILIES = registry.DRIVERS
# Recorded answers of a family; without a folder there is no capture to rest on.
CAPTURES = {"onvif": "onvif", "openwrt": "openwrt-ubus", "isapi": "isapi", "vapix": "axis"}
CLIENTS = {  # where a public client library is at work
    "onvif": ("tests/contract/test_onvif_clients.py", "ONVIFClient"),
    "isapi": ("tests/unit/lab/test_isapi_replay.py", "hikvisionapi"),
    "dahua": ("tests/unit/lab/test_dahua_device.py", "amcrest"),
    "vapix": ("tests/unit/lab/test_vapix_client.py", "axis.device"),
}


@pytest.fixture(scope="module")
def evidence() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "tests" / "contract" / "evidence.yml").read_text(encoding="utf-8"))


def wrong(entries: dict[str, Any], drivers: dict[str, Any]) -> list[str]:
    """What is not right in the file; [] if nothing."""
    found = [f"{family}: not in the registry" for family in entries if family not in drivers]
    for family, driver in drivers.items():
        if family not in entries:
            found.append(f"{family}: missing")
            continue
        entry = entries[family]
        names = {document.name for document in driver.documents}
        found += [f"{family}: no document {name}" for name in entry["documents"] if name not in names]
        kinds = {entry["default"], *entry["documents"].values()}
        found += [f"{family}: unknown kind {kind}" for kind in kinds - KINDS]
        if "capture" in kinds and not _captured(family):
            found.append(f"{family}: no captures")
        if "third-party client" in kinds and not _has_client(family):
            found.append(f"{family}: no third-party client")
        if "real software" in kinds and not (ROOT / "tests" / "real" / f"test_real_{family}.py").is_file():
            found.append(f"{family}: no real software")
        if "schema" in kinds and family != "onvif":
            found.append(f"{family}: no schema")
    return found


def _captured(family: str) -> bool:
    folder = ROOT / "tests" / "captures" / CAPTURES.get(family, "none")
    return folder.is_dir() and any(path.is_file() for path in folder.rglob("*"))


def _has_client(family: str) -> bool:
    path, word = CLIENTS.get(family, ("", ""))
    return bool(path) and word in (ROOT / path).read_text(encoding="utf-8")


def test_every_family_its_documents_and_kinds(evidence: dict[str, Any]) -> None:
    assert len(FAMILIES) >= 10
    assert wrong(evidence, FAMILIES) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"vapix": None}, "vapix: missing"),
        ({"nobody": {"default": "schema", "documents": {}}}, "nobody: not in the registry"),
        ({"dahua": {"default": "document only", "documents": {"Telent": "capture"}}}, "dahua: no document Telent"),
        ({"dahua": {"default": "hearsay", "documents": {}}}, "dahua: unknown kind hearsay"),
        ({"sunapi": {"default": "capture", "documents": {}}}, "sunapi: no captures"),
        ({"ipro": {"default": "third-party client", "documents": {}}}, "ipro: no third-party client"),
        ({"isapi": {"default": "real software", "documents": {}}}, "isapi: no real software"),
        ({"dahua": {"default": "schema", "documents": {}}}, "dahua: no schema"),
    ],
)
def test_what_is_wrong_is_noticed(evidence: dict[str, Any], change: dict[str, Any], said: str) -> None:
    entries = {name: entry for name, entry in {**evidence, **change}.items() if entry is not None}
    assert said in wrong(entries, FAMILIES)

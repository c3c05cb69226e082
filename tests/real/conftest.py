# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real programs as fixtures, and the report: what was read, written, proven by effect, unsupported."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from programs import ROOT, Motion, MotionEye, ZoneMinder
from real_rig import REPORT


def _end(*_signal: object) -> None:
    """Being told to end runs the fixtures' ends as well, once and undisturbed, so that no program stays behind."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(143)


def pytest_configure() -> None:
    signal.signal(signal.SIGTERM, _end)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not (ROOT.parent / "root.ready").exists():
        pytest.exit("the real programs are not unpacked: make test-real", returncode=2)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    table = {name: {what: sorted(keys) for what, keys in row.items()} for name, row in sorted(REPORT.items())}
    (ROOT.parent.parent / "real.json").write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    terminalreporter.section("real programs")
    for name, row in table.items():
        for what, keys in row.items():
            terminalreporter.write_line(f"{name}: {what} {len(keys)}: {' '.join(keys)}")


@pytest.fixture(scope="module")
def motion() -> Iterator[Motion]:
    with Motion() as program:
        yield program


@pytest.fixture(scope="module")
def zoneminder() -> Iterator[ZoneMinder]:
    with ZoneMinder() as program:
        yield program


@pytest.fixture(scope="module")
def motioneye() -> Iterator[MotionEye]:
    with MotionEye() as program:
        yield program

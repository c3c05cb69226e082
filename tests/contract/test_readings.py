# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver contract, part 6: each driver reads exactly this on each simulated model.

`NWCS_READINGS=write pytest tests/contract/test_readings.py` writes the files anew; the difference is to be looked at.
"""

# pylint: disable=unused-import
from __future__ import annotations

import os

import pytest
import readings
from driver_cases import FAMILIES, Family, short_pauses  # noqa: F401

ROWS = [(family, model) for family in FAMILIES.values() for model in readings.models(family)]


@pytest.mark.parametrize(("family", "model"), ROWS, ids=[model for _family, model in ROWS])
def test_a_driver_reads_what_the_model_holds(family: Family, model: str) -> None:
    found = readings.now(family, model)
    if os.environ.get("NWCS_READINGS") == "write":
        readings.keep(model, found)
    assert found == readings.kept(model)


def test_no_file_is_left_of_a_model_that_is_gone() -> None:
    assert {path.stem for path in readings.FOLDER.glob("*.yml")} == {model for _family, model in ROWS}

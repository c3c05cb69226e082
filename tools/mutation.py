# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a test notice when one row of a driver's table is gone?

    python tools/mutation.py [FAMILY ...] [--jobs N] [--first N]

For every Binding and Document of every driver that one row is taken away. First the readings of the family's simulated
models are compared with what is kept of them (tests/contract/test_readings.py); where those are the same, a process of
its own runs the driver's tests and the contract suite's reading and writing until one fails. Writes the file
build/mutation.json, prints the figure, and ends with 1 when a row can go unnoticed. Pages that are generated from the
tables are not asked: they would notice anything.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UNIT = "tests/unit/plugins/module_utils/drivers"
CONTRACT = ("writing", "reading", "hazards_loss")
SECONDS = 300  # for one row

# What runs in the process of one row. The row is taken away before a test module is imported.
CHILD = """
import sys
import pytest
from ansible_collections.nwcs.hardening.plugins.module_utils.registry import DRIVERS
family, kind, index = sys.argv[1], sys.argv[2], int(sys.argv[3])
cls = type(DRIVERS[family])
whole = getattr(cls, kind)
rows = whole[:index] + whole[index + 1:]
for module in list(sys.modules.values()):
    if getattr(module, "__name__", "").startswith("ansible_collections.nwcs"):
        for name, value in list(vars(module).items()):
            if value is whole:
                setattr(module, name, rows)
setattr(cls, kind, rows)
for step in sys.argv[4].split(";"):
    code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly", "--no-header",
                        "--hypothesis-seed=0", *step.split("|")])
    if code not in (0, 5):
        sys.exit(1)
"""


def rows() -> list[tuple[str, str, int, str]]:
    """(family, "bindings" | "documents", index, name) of every row of every driver."""
    from ansible_collections.nwcs.hardening.plugins.module_utils.registry import DRIVERS

    found = []
    for family, driver in DRIVERS.items():
        found += [(family, "bindings", i, ".".join(row.key)) for i, row in enumerate(driver.bindings)]
        found += [(family, "documents", i, row.name) for i, row in enumerate(driver.documents)]
    return found


def steps(family: str) -> str:
    """The tests of a family in the order in which they are asked: the quick ones first."""
    own = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / UNIT).glob(f"test_{family}*.py"))
    own.sort(key=lambda path: "tables" not in path)
    more = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests/contract").glob(f"test_{family}*.py")]
    contract = [f"tests/contract/test_drivers_{name}.py|-k|{family}|-m|not long" for name in CONTRACT]
    return ";".join([*own, *contract[:1], *more, *contract[1:]])


def read_otherwise(family: str) -> set[tuple[str, int]]:
    """Rows of a family without which one of its models reads otherwise than it is kept."""
    sys.path[:0] = [str(ROOT / "tests" / "contract"), str(ROOT / "tests" / "unit")]
    from contextlib import ExitStack

    import readings
    from driver_cases import FAMILIES, rig

    row = FAMILIES[family]
    cls = type(row.driver)
    whole = {kind: getattr(cls, kind) for kind in ("bindings", "documents")}
    found: set[tuple[str, int]] = set()
    with ExitStack() as stack:
        open_ = {model: stack.enter_context(rig(row, model=model)) for model in readings.models(row)}
        for model, run in open_.items():
            assert readings.read(run) == readings.kept(model), f"{model} reads otherwise with its whole table"
        for kind, table in whole.items():
            for index in range(len(table)):
                setattr(cls, kind, table[:index] + table[index + 1 :])
                for model, run in open_.items():
                    try:
                        same = readings.read(run) == readings.kept(model)
                    except Exception:  # a table that does not hold together is noticed
                        same = False
                    if not same:
                        found.add((kind, index))
                        break
            setattr(cls, kind, table)
    return found


def noticed(row: tuple[str, str, int, str]) -> tuple[tuple[str, str, int, str], bool]:
    family, kind, index, _name = row
    command = [sys.executable, "-c", CHILD, family, kind, str(index), steps(family)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return row, True  # without the row something waits for ever: that is noticed as well
    return row, done.returncode != 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Take each row of the drivers' tables away; a test must fail.")
    parser.add_argument("family", nargs="*")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--first", type=int, default=0, help="only so many rows of each family")
    given = parser.parse_args()
    wanted = [row for row in rows() if not given.family or row[0] in given.family]
    if given.first:
        wanted = [row for row in wanted if row[2] < given.first]
    started = time.monotonic()
    families = list(dict.fromkeys(row[0] for row in wanted))
    with concurrent.futures.ProcessPoolExecutor(given.jobs) as pool:
        by_reading = dict(zip(families, pool.map(read_otherwise, families), strict=True))
    quick = [row for row in wanted if (row[1], row[2]) in by_reading[row[0]]]
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as threads:
        results = [(row, True) for row in quick]
        results += list(threads.map(noticed, [row for row in wanted if row not in quick]))
    told: dict[str, dict[str, object]] = {}
    for (family, kind, _index, name), seen in results:
        entry = told.setdefault(family, {"rows": 0, "noticed": 0, "unnoticed": []})
        entry["rows"] += 1  # type: ignore[operator]
        entry["noticed"] += seen  # type: ignore[operator]
        if not seen:
            entry["unnoticed"].append(f"{kind[:-1]} {name}")  # type: ignore[attr-defined]
    for family, entry in told.items():
        print(f"{family:12} {entry['noticed']} of {entry['rows']} rows noticed")
        for name in entry["unnoticed"]:  # type: ignore[attr-defined]
            print(f"    unnoticed: {name}")
    caught = sum(seen for _row, seen in results)
    print(f"Removing one row: a test fails for {caught} of {len(results)} ({time.monotonic() - started:.0f} s)")
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "mutation.json").write_text(json.dumps(told, indent=1) + "\n")
    return 0 if caught == len(results) and results else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python
# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: run_report
short_description: Judge a run and write its report
version_added: 0.1.0
description:
  - Gathers the results of all devices of the run, writes C(result.json) and a self-contained HTML report, prints a
    summary, and fails when something is wrong or could not be checked.
  - Use it once per run, in a play of its own over the same hosts.
options:
  fail:
    description:
      - Whether the task fails when the exit code is not 0. The default is the variable C(nwcs_fail), which is true.
    type: bool
extends_documentation_fragment:
  - nwcs.hardening.device
  - nwcs.hardening.device.read_only
"""

EXAMPLES = r"""
- name: Judge the run
  nwcs.hardening.run_report:
  run_once: true
"""

RETURN = r"""
exit_code:
  description: 0 nothing unexplained, 2 something is wrong, 3 something was not checked, 4 both.
  returned: always
  type: int
  sample: 0
counts:
  description: Number of devices by status.
  returned: always
  type: dict
  sample: {ok: 7, drift: 1}
result_file:
  description: Path of C(result.json).
  returned: always
  type: str
  sample: reports/drift-20261121T031500Z-4711/result.json
report:
  description: Path of the HTML report.
  returned: always
  type: str
  sample: reports/drift-20261121T031500Z-4711/report.html
"""

from ansible_collections.nwcs.hardening.plugins.module_utils.gateway import run_module

ARGUMENTS = {"fail": {"type": "bool"}}


def main() -> None:
    run_module(ARGUMENTS)


if __name__ == "__main__":
    main()

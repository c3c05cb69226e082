#!/usr/bin/python
# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: parameter_sheet
short_description: Record what a network device holds
version_added: 0.1.0
description:
  - Reads the device and writes its parameter sheet when there is none.
  - An accepted baseline is never replaced without O(accept). What differs from it is kept beside it and reported.
  - With O(snapshot) a snapshot for a maintenance is kept instead.
options:
  accept:
    description:
      - Take what is found as the new baseline, after a person has looked at what differs. The default is the variable
        C(nwcs_accept), which is false.
    type: bool
  snapshot:
    description: Name of a maintenance snapshot to keep instead of writing the sheet.
    type: str
extends_documentation_fragment:
  - nwcs.hardening.device
  - nwcs.hardening.device.read_only
"""

EXAMPLES = r"""
- name: Record the device
  nwcs.hardening.parameter_sheet:

- name: Keep what it holds before the maintenance
  nwcs.hardening.parameter_sheet:
    snapshot: maintenance
"""

RETURN = r"""
status:
  description:
    - The worst that can be said of the device. One of C(ok), C(would_change), C(changed), C(attention), C(pending),
      C(not_checked), C(drift), C(failed).
  returned: always
  type: str
  sample: changed
error:
  description: What stood in the way, or V(none).
  returned: always
  type: dict
  sample: {code: unreachable, message: "cam-07: nothing listens on 192.0.2.7:443.", advice: "Is it switched on?"}
result_file:
  description: Folder of the run, where the whole result of the device lies.
  returned: always
  type: str
  sample: reports/harden-20261121T031500Z-4711
findings:
  description: What is different or noteworthy, language-neutral; the report has the sentences.
  returned: always
  type: list
  elements: dict
  sample:
    - {kind: account_appeared, key: 'accounts."support".role', old: null, new: administrator, severity: critical}
"""

from ansible_collections.nwcs.hardening.plugins.module_utils.gateway import run_module

ARGUMENTS = {"accept": {"type": "bool"}, "snapshot": {"type": "str"}}


def main() -> None:
    run_module(ARGUMENTS)


if __name__ == "__main__":
    main()

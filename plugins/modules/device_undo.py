#!/usr/bin/python
# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: device_undo
short_description: Bring back what a run changed on a network device
version_added: 0.1.0
description:
  - Every run that changes a device leaves an undo set with the old values, encrypted and authenticated, in the secret
    store. This writes them back in a safe order and proves them, as M(nwcs.hardening.device_settings) does.
  - Passwords stay ours. What cannot be brought back is named, with the reason. An undo leaves an undo set of its own.
options:
  run:
    description:
      - Id of the run, as its report names it.
    type: str
    required: true
  weaker:
    description:
      - Whether values that the design asks to be otherwise come back too. The default is the variable C(nwcs_weaker).
    type: bool
extends_documentation_fragment:
  - nwcs.hardening.device
  - nwcs.hardening.device.attributes
"""

EXAMPLES = r"""
- name: Back to what the devices were before
  nwcs.hardening.device_undo:
    run: 20261121T031500Z-4711
    weaker: true
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
outcomes:
  description: One line per wanted key that was not right already.
  returned: always
  type: list
  elements: dict
  sample:
    - {key: identity.name, outcome: changed, wanted: CAM, old: gate-1, read: CAM, proof: read}
sheet:
  description: Path of the parameter sheet.
  returned: when one was written
  type: str
  sample: parameter_sheets/school/cam-07.yml
"""

from ansible_collections.nwcs.hardening.plugins.module_utils.gateway import run_module

ARGUMENTS = {"run": {"type": "str", "required": True}, "weaker": {"type": "bool"}}


def main() -> None:
    run_module(ARGUMENTS)


if __name__ == "__main__":
    main()

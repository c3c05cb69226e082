#!/usr/bin/python
# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: device_hold
short_description: Put a network device on hold, or release it
version_added: 0.1.0
description:
  - After an incident a device must stay as it is. On hold it is read as before, but harden, rotation, restart, undo and
    accepting a baseline are refused until somebody releases it, with name and reason.
  - The device itself is not contacted.
options:
  reason:
    description:
      - Why the device is put on hold. The default is the variable C(nwcs_hold).
    type: str
  release:
    description:
      - Why the device is released. The default is the variable C(nwcs_release).
    type: str
  by:
    description:
      - The person who says so; asked for, whatever user name the job runs under.
      - The default is the variable C(nwcs_by).
    type: str
extends_documentation_fragment:
  - nwcs.hardening.device
  - nwcs.hardening.device.attributes
"""

EXAMPLES = r"""
- name: Nothing is changed until the incident is clear
  nwcs.hardening.device_hold:
    reason: unknown account found on 21 November
    by: Sato
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
    - {key: services.ssh.enabled, outcome: changed, wanted: false, old: true, read: false, proof: tcp 22 refused}
sheet:
  description: Path of the parameter sheet.
  returned: when one was written
  type: str
  sample: parameter_sheets/school/cam-07.yml
"""

from ansible_collections.nwcs.hardening.plugins.module_utils.gateway import run_module

ARGUMENTS = {"reason": {"type": "str"}, "release": {"type": "str"}, "by": {"type": "str"}}


def main() -> None:
    run_module(ARGUMENTS)


if __name__ == "__main__":
    main()

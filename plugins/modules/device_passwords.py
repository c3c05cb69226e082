#!/usr/bin/python
# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: device_passwords
short_description: Give a network device new passwords, or remove a person from it
version_added: 0.1.0
description:
  - A new password is made within the limits of the device, stored encrypted, sent, proven by a login on a new
    connection,
    and only then becomes the current one. The old one must be refused afterwards.
  - After an interruption at any point the next run finds which password is in force and finishes.
options:
  accounts:
    description:
      - Names of the accounts that get a new password. The default is the variable C(nwcs_accounts), else our own
        account.
    type: list
    elements: str
  revoke:
    description:
      - Name of a person. The account of that name is removed; where the device keeps it, it gets a password that nobody
        has. The default is the variable C(nwcs_revoke).
    type: str
  suspicion:
    description:
      - Whether every account of the device gets a new password. The default is the variable C(nwcs_suspicion).
    type: bool
  rotation:
    description:
      - Name of this rotation. A device that has finished it is left alone, so that an interrupted rotation can be run
        again. The default is the variable C(nwcs_rotation).
    type: str
extends_documentation_fragment:
  - nwcs.hardening.device
  - nwcs.hardening.device.attributes
"""

EXAMPLES = r"""
- name: Replace our own password on every device
  nwcs.hardening.device_passwords:
    rotation: 2026-autumn

- name: A person has left
  nwcs.hardening.device_passwords:
    revoke: tanaka
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
    - {key: 'accounts."admin".password', outcome: changed, wanted: set, proof: login on a new connection, bits: 139}
sheet:
  description: Path of the parameter sheet.
  returned: when one was written
  type: str
  sample: parameter_sheets/school/cam-07.yml
"""

from ansible_collections.nwcs.hardening.plugins.module_utils.gateway import run_module

ARGUMENTS = {
    "accounts": {"type": "list", "elements": "str"},
    "revoke": {"type": "str", "no_log": False},
    "suspicion": {"type": "bool"},
    "rotation": {"type": "str"},
}


def main() -> None:
    run_module(ARGUMENTS)


if __name__ == "__main__":
    main()

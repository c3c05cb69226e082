#!/usr/bin/python
# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: device_settings
short_description: Bring a network device to the wanted settings and prove it
version_added: 0.1.0
description:
  - Compares what is wanted (shipped defaults of the IPA profiles, laid over by C(nwcs_design)) with what the device
    holds, changes what differs in a safe order, reads every key back, and proves logins and services from outside.
  - A password is made within the limits of the device and stored encrypted before it is sent.
  - The factory state is recorded first, the proven state last (see M(nwcs.hardening.parameter_sheet)).
options:
  settings:
    description:
      - Wanted settings instead of the variable C(nwcs_design). The page C(docs/settings.md) lists all keys.
    type: dict
extends_documentation_fragment:
  - nwcs.hardening.device
  - nwcs.hardening.device.attributes
"""

EXAMPLES = r"""
- name: Bring every device to the design of its site
  nwcs.hardening.device_settings:

- name: Switch telnet off, whatever the design says
  nwcs.hardening.device_settings:
    settings:
      services:
        telnet:
          enabled: false
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

ARGUMENTS = {"settings": {"type": "dict"}}


def main() -> None:
    run_module(ARGUMENTS)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: device_info
short_description: Read all that is known of a network device
version_added: 0.1.0
description:
  - Logs in and reads the settings, accounts, services and facts of a camera, recorder or router through its own API.
  - Looks at it from outside as well (sockets, requests without a login, certificate, clock). Nothing is written.
options: {}
extends_documentation_fragment:
  - nwcs.hardening.device
  - nwcs.hardening.device.read_only
"""

EXAMPLES = r"""
- name: Look at a camera
  nwcs.hardening.device_info:
  register: seen

- name: Show its firmware
  ansible.builtin.debug:
    var: seen.device.identity.firmware
"""

RETURN = r"""
device:
  description: The snapshot. Readings by key, each with a state; identity; digests of what no key covers.
  returned: when the device could be read
  type: dict
  sample:
    identity: {manufacturer: Example, model: IPC-1, serial: '0001', firmware: 2.4.1}
    readings: {services.telnet.open: {state: value, value: false, source: tcp 23 refused}}
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
"""

from ansible_collections.nwcs.hardening.plugins.module_utils.gateway import run_module

ARGUMENTS = {}


def main() -> None:
    run_module(ARGUMENTS)


if __name__ == "__main__":
    main()

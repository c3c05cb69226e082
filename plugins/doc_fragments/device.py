# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation of all device modules shares."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  job:
    description:
      - Internal. What the action plugin hands to a gateway under C(delegate_to), encoded. Never set it.
    type: str
notes:
  - The device is described by inventory variables (C(nwcs_family), C(nwcs_host), C(nwcs_username) and others), because
    secrets never stand in task arguments. The page C(docs/inventory.md) lists all of them.
  - The module works through its action plugin. Without O(ignore:delegate_to) it runs on the controller, whatever the
    connection of the host is; delegated to another host it runs there, which needs Python 3.11, defusedxml and
    cryptography.
  - A device that cannot be reached or judged never fails its host. Its result says C(not_checked) and why, and
    M(nwcs.hardening.run_report) judges the run.
author:
  - nwcs.hardening contributors (@nwcs-hardening)
"""

    ATTRIBUTES = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and tell what would change, without sending a write to the device.
    support: full
  diff_mode:
    description: Shows what changed or would change.
    support: full
"""

    READ_ONLY = r"""
options: {}
attributes:
  check_mode:
    description: Nothing is ever written to the device. In check mode no file is written either.
    support: full
  diff_mode:
    description: There is nothing to show a difference of.
    support: none
"""

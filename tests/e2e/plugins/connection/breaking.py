# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to "another" host that breaks, once, when a module has done its work and before its answer came back."""

from __future__ import annotations

import os

DOCUMENTATION = r"""
name: breaking
short_description: Run commands on this computer as if it were another, and lose an answer
description:
  - E(NWCS_TEST_BREAK) names a file that holds how many modules of a worker may answer; the next one is the last,
    and takes the file with it.
author: nwcs.hardening contributors
"""

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as LocalConnection

answered = 0


class Connection(LocalConnection):
    transport = "breaking"

    def exec_command(self, cmd, in_data=None, sudoable=True):
        global answered
        result = super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        path = os.environ["NWCS_TEST_BREAK"]
        if in_data and os.path.exists(path):  # pipelined: the module itself is the input
            with open(path) as file:
                limit = int(file.read())
            if answered == limit:
                os.unlink(path)
                raise AnsibleConnectionFailure("the line went dead")
            answered += 1
        return result

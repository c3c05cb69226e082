# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection that is not `local` by name but runs here: to Ansible, another host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: elsewhere
short_description: Run commands on this computer as if it were another
description:
  - For tests of what travels to a gateway.
author: nwcs.hardening contributors
"""

from ansible.plugins.connection.local import Connection as LocalConnection


class Connection(LocalConnection):
    transport = "elsewhere"

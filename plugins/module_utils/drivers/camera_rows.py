# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rows of a recorder belong to one camera: a camera may have several, and several cameras one address."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import Unsupported


def one_camera(name: str, address: str, rows: Mapping[str, tuple[str, ...]], port: int) -> list[str]:
    """Of the rows at one address those of the one camera that is meant; [] where there are none.

    rows  {row: the ports that the recorder keeps of its camera}. A port is looked at only where they differ: what a
          recorder keeps is often another one than that of the web interface (8000, 37777, 554)
    Unsupported, when nothing tells which camera is meant.
    """
    if len(set(rows.values())) <= 1:
        return list(rows)
    mine = [row for row, ports in rows.items() if port and str(port) in ports]
    if len({rows[row] for row in mine}) != 1:
        raise Unsupported(f"{name}: it has several cameras at {address}, and nothing tells which one is meant.")
    return mine

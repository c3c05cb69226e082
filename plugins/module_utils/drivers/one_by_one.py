# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading documents one after the other, for APIs that have no batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Tree
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    Refused,
    Unreachable,
    Unsupported,
)


def each(names: Sequence[str], read: Callable[[str], Tree]) -> dict[str, Tree | Exception]:
    """{name: read(name)}; an error of one document is its value.

    Two silences in a row, or one at the end: the device is gone, and Unreachable is raised. So is everything else: a
    refused login or certificate says nothing of a document.
    """
    trees: dict[str, Tree | Exception] = {}
    silent = False
    for index, name in enumerate(names):
        try:
            trees[name] = read(name)
        except Unreachable as error:
            if silent or index + 1 == len(names):
                raise
            trees[name], silent = Refused(error.message, "The device did not answer this request."), True
            continue
        except (Unsupported, Refused, Busy, BadAnswer) as error:
            trees[name] = error
        silent = False
    return trees

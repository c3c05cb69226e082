# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values as Ansible hands them over, with a mark of where they come from, go into encrypted documents as plain ones."""

from __future__ import annotations

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader

from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import _plain


@pytest.mark.parametrize("text", ["n: 3", "n: yes", "n: word", "n: [3, word, true]", "n: {m: 0}"])
def test_marked_values_are_written_as_plain_ones(text: str) -> None:
    marked = DataLoader().load(text)
    assert yaml.safe_load(yaml.dump(_plain(marked), Dumper=yaml.SafeDumper)) == yaml.safe_load(text)
    assert yaml.dump(_plain(marked), Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))

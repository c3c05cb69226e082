# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The strength of vault passwords: weak ones are found, random ones never."""

from __future__ import annotations

import base64
import secrets

import pytest

from ansible_collections.nwcs.hardening.plugins.plugin_utils.vault_strength import MIN_BITS, estimate, weakness


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("x7#Kq", "only 5 characters"),
        ("vault-password", "common words"),
        ("P4ssw0rd-P4ssw0rd-P4ssw0rd", "repeats itself"),
        ("a" * 60, "repeats itself"),
        ("ab" * 300, "repeats itself"),
        ("abcabcabcabcabcabcabcabcabcabcabcabcabc", "repeats itself"),
        ("correct horse battery staple", "common words"),
        ("abcdefghijklmnopqrstuvwxyz0123456789", "sequences"),
        ("qwertyuiopasdfghjkl123", "sequences"),
        ("20261121202611212026", "repeats itself"),
        ("tulip gravel ponder", "few words"),
    ],
)
def test_weak_ones(password: str, reason: str) -> None:
    assert reason in str(weakness(password.encode()))
    assert not password.strip() or password.strip() not in str(weakness(password.encode()))


@pytest.mark.parametrize(
    "password",
    ["k7Qz-mP2x-Lw9v-Rt4b", "tulip gravel ponder amber quilt walnut", "Tulip-Gravel-Ponder-Amber-Quilt-Walnut"],
)
def test_strong_ones(password: str) -> None:
    assert weakness(password.encode()) is None


def test_random_ones_always_pass() -> None:
    for _unused in range(300):
        for made in (
            base64.b64encode(secrets.token_bytes(24)).decode(),
            secrets.token_urlsafe(24),
            secrets.token_hex(16),
        ):
            assert estimate(made) >= MIN_BITS, made
    assert weakness(secrets.token_bytes(32)) is None

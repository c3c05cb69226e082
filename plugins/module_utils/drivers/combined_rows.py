# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of one API as they stand in the table of a device with several (combined.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Binding


def in_own_context(family: str, function: Callable[..., Any] | None) -> Any:
    """`function` with the context of its own API."""
    if function is None:
        return None

    def with_own_context(ctx: Any, *more: Any) -> Any:
        return function(ctx.api(family), *more)

    return with_own_context


def bare(name: str, family: str) -> str:
    return name.removesuffix(f"@{family}")


def of_realm(family: str, secrets: Mapping[str, str]) -> dict[str, str]:
    return {bare(name, family): value for name, value in secrets.items() if name.endswith(f"@{family}")}


def with_realm(family: str, binding: Binding) -> dict[str, Any]:
    """The functions of an account row, called with bare names, and seen with names of the realm."""

    def named(item: str) -> str:
        return f"{item}@{family}"

    def get(*trees: Any) -> Any:
        return binding.get(*trees[:-1], bare(trees[-1], family))

    def put(*trees: Any) -> None:
        binding.put(*trees[:-2], bare(trees[-2], family), trees[-1])

    def limits(ctx: Any, *more: Any) -> str | None:
        return binding.limits(ctx.api(family), *more[:-2], bare(more[-2], family), more[-1])

    def needs(ctx: Any, item: str, old: Any, new: Any) -> Sequence[str]:
        return [named(name) for name in binding.needs(ctx.api(family), bare(item, family), old, new)]

    return {
        "realm": family,
        "get": get,
        "put": put if binding.put else None,
        "items": (lambda *trees: [named(item) for item in binding.items(*trees)]) if binding.items else None,
        "domain": tuple(map(named, binding.domain)) if binding.domain else None,
        "limits": limits if binding.limits else None,
        "needs": needs if binding.needs else None,
        "moves": tuple((key[0], named(key[1]), *key[2:]) for key in binding.moves),
    }

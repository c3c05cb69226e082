# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter by source address before AXIS OS 11.11: three parameters (section 12).

This firmware has no rollback. An armed filter whose list is not the one that was meant shuts everybody out for good, so
the list is written while the filter is off, read back, and only what then stands there is armed.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, Stored, Tree
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers import vapix_param as param
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.vapix_http import PARAM, RELEASED_REST
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import DeviceError, LoginRefused, Refused
from ansible_collections.nwcs.hardening.plugins.module_utils.normal import value_of
from ansible_collections.nwcs.hardening.plugins.module_utils.settings import setting_of

GROUP = "Network.Filter"
ENABLED, POLICY, LIST = FILTER = param.names_of(
    "Network.Filter.Enabled", "Network.Filter.Input.Policy", "Network.Filter.Input.AcceptAddresses"
)
_OFF = param.YES_NO[1]
_LEFT = "The address filter could not be brought back to what it was; it may be open. Look at it."


# -- reading -----------------------------------------------------------------------------------------------------------
def speaks(ctx: Any, tree: Tree) -> bool:
    """From 11.11 on the firewall alone tells who may come in, also where these parameters are still listed."""
    return ENABLED in tree and ctx.version < RELEASED_REST


def get_mode(tree: Tree) -> Any:
    on = param.flag(tree, ENABLED)
    return "off" if on is False else tree.get(POLICY, ABSENT) if on is True else on


def put_mode(tree: Tree, value: str) -> None:
    if value != "off":
        tree[POLICY] = value
    param.put_flag(tree, ENABLED, value != "off")


def get_sources(tree: Tree) -> list[str]:
    return tree.get(LIST, "").split()


def put_sources(tree: Tree, value: list[str]) -> None:
    if _addresses(tree) != value_of(setting_of(("access", "sources")), list(value)):
        tree[LIST] = " ".join(value)


def _addresses(tree: Tree) -> Any:
    return value_of(setting_of(("access", "sources")), get_sources(tree))


# -- writing -----------------------------------------------------------------------------------------------------------
def store(ctx: Any, old: Tree, new: Tree) -> Stored | None:
    """All parameters: the filter goes by itself and last, whatever the device says of the others."""
    same = {name: old[name] for name in FILTER if name in old}
    said: Refused | None = None
    try:
        param.store(ctx, old, {**{name: value for name, value in new.items() if name not in FILTER}, **same})
    except Refused as error:
        said = error
    if any(old.get(name) != new.get(name) for name in FILTER):
        _store_filter(ctx, old, new)
    if said:
        raise said
    return None


def _store_filter(ctx: Any, old: Tree, new: Tree) -> None:
    """To `new`, or back to `old` as a whole. A filter that shall be off stays off, whatever becomes of its list."""
    try:
        _put(ctx, old, new)
    except DeviceError as error:
        if _armed(new) and not _brought_back(ctx, old, new, isinstance(error, LoginRefused)):
            error.message = f"{error.message} {_LEFT}"
        raise


def _put(ctx: Any, there: Tree, wanted: Tree) -> None:
    """Off, policy and list in one update, read back, on. What the device refuses is never tried piece by piece."""
    if _armed(there):
        _update(ctx, {ENABLED: _OFF})
        if not _armed(wanted) and not _lines(there, wanted):
            return
        there = _held(ctx)
        if _armed(there):
            raise Refused(f"{ctx.name}: the address filter did not go off, so its list was left alone.")
    if lines := _lines(there, wanted):
        _update(ctx, lines)
        if not _same_lines(_held(ctx), wanted):
            raise Refused(f"{ctx.name}: the filter does not hold the addresses that were written, so it was not armed.")
    if _armed(wanted):
        _update(ctx, {ENABLED: wanted[ENABLED]})


def _brought_back(ctx: Any, old: Tree, new: Tree, locked_out: bool) -> bool:
    """After a failure. Where an answer alone was lost, what was wanted is in force and stays."""
    if locked_out:  # one refused login is enough
        return False
    try:
        there = _held(ctx)
        if _same(there, new) or _same(there, old):
            return True
        _put(ctx, there, old)
        return _same(_held(ctx), old)
    except DeviceError:
        return False


def _armed(tree: Tree) -> bool:
    """A word that nobody knows may be on."""
    return param.flag(tree, ENABLED) is not False


def _lines(there: Tree, wanted: Tree) -> dict[str, str]:
    return {name: wanted[name] for name in (POLICY, LIST) if name in wanted and there.get(name) != wanted[name]}


def _same(one: Tree, other: Tree) -> bool:
    return _armed(one) is _armed(other) and _same_lines(one, other)


def _same_lines(one: Tree, other: Tree) -> bool:
    return one.get(POLICY) == other.get(POLICY) and _addresses(one) == _addresses(other)


def _held(ctx: Any) -> Tree:
    tree, _errors = param.parse(ctx.text(PARAM, {"action": "list", "group": GROUP}))
    if any(name not in tree for name in (ENABLED, LIST)):
        raise Refused(f"{ctx.name}: {PARAM} list: the device does not give its address filter.")
    return tree


def _update(ctx: Any, values: dict[str, str]) -> None:
    if param.update(ctx, values):
        raise Refused(f"{ctx.name}: {PARAM} update: the device did not take {', '.join(sorted(values))}.")

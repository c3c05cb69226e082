# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From inventory variables: the other APIs of a device (nwcs_apis), and what people have typed in (nwcs_manual)."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.design import flatten
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError

_API_KEYS = ("scheme", "port", "username", "password")
_ENTRY_KEYS = ("by", "on", "until", "settings")


def beside(host: str, families: list[str], given: Any) -> dict[str, dict[str, Any]]:
    """{family: {"way": {scheme, port} | None, "username", "password"}} of every API that nwcs_family names beside the
    main one. `given` is nwcs_apis; a way that is not given is the main API's."""
    if not isinstance(given, Mapping):
        raise InputError(f"{host}: nwcs_apis is not a table.", "Give {onvif: {username: …, password: …}}.")
    for name in given:
        if name not in families:
            listed = f"nwcs_family lists {', '.join(families)} beside the main one." if families else "It lists none."
            raise InputError(f"{host}: nwcs_apis has {name!r}, which nwcs_family does not list as another API.", listed)
    return {family: _api(host, family, given.get(family) or {}) for family in families}


def _api(host: str, family: str, given: Any) -> dict[str, Any]:
    where = f"{host}: nwcs_apis.{family}"
    if not isinstance(given, Mapping) or not set(given) <= set(_API_KEYS):
        raise InputError(f"{where} is not a table of {', '.join(_API_KEYS)}.")
    for name in ("username", "password"):
        if not isinstance(given.get(name, ""), str):
            raise InputError(f"{where}.{name} is not a text.", "Put it into quotes.")
    way = None
    if "scheme" in given or "port" in given:
        scheme, port = given.get("scheme", "https"), given.get("port") or (80 if given.get("scheme") == "http" else 443)
        if scheme not in ("http", "https"):
            raise InputError(f"{where}.scheme is {scheme!r}.", "Give http or https.")
        if isinstance(port, bool) or not str(port).isdecimal() or not 0 < int(port) < 65536:
            raise InputError(f"{where}.port is {port!r}.", "A port is a number from 1 to 65535.")
        way = {"scheme": scheme, "port": int(port)}
    return {"way": way, "username": given.get("username", ""), "password": given.get("password")}


def typed_in(host: str, entries: Any, wanted: bool) -> dict[str, dict[str, Any]]:
    """{key text: {"value", "by", "on", "until"}} of nwcs_manual; InputError names host, entry and key.

    wanted  the device lists the family `manual`
    """
    if entries and not wanted:
        raise InputError(f"{host}: nwcs_manual is given, but nwcs_family does not list manual.", "Add it to the list.")
    if not isinstance(entries, (list, tuple)):
        raise InputError(f"{host}: nwcs_manual is not a list.", f"Each entry is a table with {', '.join(_ENTRY_KEYS)}.")
    found: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(entries, 1):
        where = f"{host}: nwcs_manual, entry {number}"
        if not isinstance(entry, Mapping) or set(entry) != set(_ENTRY_KEYS):
            bare = isinstance(entry, Mapping) and {True, "True", "true"} & set(entry)
            advice = 'Put "on" into quotes: YAML takes a bare on for true.' if bare else ""
            raise InputError(f"{where}: it needs exactly {', '.join(_ENTRY_KEYS)}.", advice)
        by, on, until = str(entry["by"] or "").strip(), _day(where, entry, "on"), _day(where, entry, "until")
        if not by:
            raise InputError(f"{where}: by is empty.", "Name the person who looked.")
        if on > datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=1):
            raise InputError(f"{where}: on is {on}, which is not yet.", "Give the day on which somebody looked.")
        if until < on:
            raise InputError(f"{where}: until is {until}, before {on}.", "Give the day until which it holds.")
        for key, value in flatten(entry["settings"], where):
            if settings.setting_of(key).secret:
                raise InputError(f"{where}: {settings.key_text(key)}: a password never stands here.")
            try:
                value = settings.normalise(key, value)
            except ValueError as error:
                raise InputError(f"{where}: {settings.key_text(key)}: {error}, got {value!r}.") from None
            text = settings.key_text(key)
            if text in found:
                raise InputError(f"{where}: {text} was typed in before, by {found[text]['by']}.", "Keep one of them.")
            found[text] = {"value": value, "by": by, "on": on.isoformat(), "until": until.isoformat()}
    return found


def _day(where: str, entry: Mapping[str, Any], name: str) -> datetime.date:
    value = entry[name]
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    try:
        return datetime.date.fromisoformat(str(value))
    except ValueError:
        raise InputError(f"{where}: {name} is {value!r}.", "Give a day as 2026-11-21.") from None

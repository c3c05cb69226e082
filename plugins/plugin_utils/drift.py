# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift: what a device shows now against the accepted baseline of its sheet. Pure; language-neutral findings.

    finding = {"kind", "key", "old", "new", "severity", "args", "explained"}

`explained` is None, or a word that says why it is no unexplained drift: "recorded" (it was so in the accepted
baseline), "pending" (written by us, shows after a restart), "declared" (the site says it was meant), "unverified" (a
first certificate that nobody has confirmed yet). Kinds in NOT_CHECKED say that something could not be
compared; they are never counted as drift, and never as clean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import compare, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    NOT_OFFERED,
    UNKNOWN,
    UNSUPPORTED,
    VALUE,
    WRITE_ONLY,
    Key,
)
from ansible_collections.nwcs.hardening.plugins.plugin_utils import sheet as sheets

SEVERITIES = ("critical", "high", "medium", "low", "info")  # worst first
NOT_CHECKED = ("not_reached", "no_baseline", "not_readable", "still_not_readable", "not_recorded", "clock_not_judged")
SOMEBODY_ELSE = ("wrong_certificate", "wrong_device")  # errors that are findings too: who answers is not ours
SKEW_LIMIT = 30  # seconds
_UNKNOWN = (*UNKNOWN, UNSUPPORTED)
_IDENTITY = {  # identity field -> (kind, severity, key of the same fact)
    "serial": ("other_device", "critical", "facts.serial"),
    "mac": ("other_device", "critical", "facts.mac"),
    "endpoint": ("other_device", "critical", "identity.endpoint"),
    "manufacturer": ("other_device", "critical", "facts.manufacturer"),
    "model": ("other_device", "critical", "facts.model"),
    "firmware": ("firmware_changed", "high", "facts.firmware"),
}

Finding = dict[str, Any]
Readings = dict[str, dict[str, Any]]


def finding(
    kind: str, key: str = "", old: Any = None, new: Any = None, severity: str = "medium", explained: str | None = None,
    **args: Any,
) -> Finding:  # fmt: skip
    """One finding: plain data. `args` are what the sentence needs beside key, old and new."""
    return {
        "kind": kind, "key": key, "old": old, "new": new, "severity": severity, "args": args, "explained": explained,
    }  # fmt: skip


def is_drift(found: Mapping[str, Any]) -> bool:
    return found["explained"] is None and found["kind"] not in NOT_CHECKED


def is_not_checked(found: Mapping[str, Any]) -> bool:
    return found["kind"] in NOT_CHECKED


def rank(found: Mapping[str, Any], host: str = "") -> tuple[Any, ...]:
    """Sort key: unexplained first, then severity, device, setting."""
    severity = SEVERITIES.index(found["severity"])
    return (found["explained"] is not None, severity, host, found["key"], str(found["new"]))


def worst_first(found: Iterable[Finding]) -> list[Finding]:
    return sorted(found, key=rank)


def not_reached(code: str, message: str) -> Finding:
    """For a device that could not be read at all: never clean."""
    return finding("not_reached", severity="high", code=code, message=message)


def findings(
    sheet: Mapping[str, Any] | None,
    snapshot: Mapping[str, Any],
    *,
    skew_limit: int = SKEW_LIMIT,
    controller_clock: str = "unknown",
    pins: Collection[str] = (),
) -> list[Finding]:
    """Everything worth saying about `snapshot` against the baseline of `sheet`, worst first.

    skew_limit        seconds a clock may be wrong
    controller_clock  synchronised | unsynchronised | unknown: a clock cannot be judged by one that runs free (H63)
    pins              fingerprints that the site has declared: such a certificate was renewed on purpose
    """
    baseline = sheet["recorded"] if sheet else None
    part = sheets.part_of(snapshot)
    now = sheets.readings(part)
    found: list[Finding] = []
    if baseline is None:
        found.append(finding("no_baseline", severity="high"))
        old: Readings = {}
    else:
        old = sheets.readings(baseline)
        identity, told = _identity(sheet["identity"], part["identity"])
        found += identity
        pending = {k: w["value"] for k, w in sheet["pending"].items()}
        found += _Comparison(old, now, told, pending).findings()
        found += _documents(baseline["documents"], part["documents"])
    found += _states(old, now)
    found += _clock(baseline, snapshot, skew_limit, controller_clock)
    return worst_first(declared(found, pins))


def declared(found: list[Finding], pins: Collection[str]) -> list[Finding]:
    """The same findings; a certificate that the site has declared is explained by that."""
    for one in found:
        if one["kind"] == "certificate_changed" and one["new"] in pins:
            one["explained"] = "declared"
    return found


# -- identity, documents, clock ----------------------------------------------------------------------------------------
def _identity(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[list[Finding], set[str]]:
    """Findings, and the facts.* keys that they speak for."""
    found, told = [], set()
    for name, (kind, severity, key) in _IDENTITY.items():
        before, after = old.get(name), new.get(name)
        if not before or not after:
            continue
        told |= {key, "firmware.version"} if name == "firmware" else {key}
        if str(before).casefold() != str(after).casefold() if name == "mac" else str(before) != str(after):
            found.append(finding(kind, key, before, after, severity))
    return found, told


def _documents(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Finding]:
    found = []
    for name in sorted({*old, *new}):
        before, after = old.get(name, {}), new.get(name, {})
        if "digest" in before and "digest" in after:
            if before["digest"] != after["digest"]:
                found.append(finding("document_changed", "", severity="medium", document=name))
        elif "digest" in before:
            found.append(finding("not_readable", "", severity="medium", document=name, **_reason(after)))
        elif "digest" in after:
            found.append(finding("not_recorded", "", severity="info", document=name))
    return found


def _reason(reading: Mapping[str, Any]) -> dict[str, str]:
    return {"state": str(reading.get("state", "missing")), "why": str(reading.get("why", ""))}


def _clock(
    baseline: Mapping[str, Any] | None, snapshot: Mapping[str, Any], limit: int, controller: str
) -> list[Finding]:
    reading = snapshot.get("readings", {}).get("time.skew_seconds", {})
    skew = reading.get("value")
    if reading.get("state") != VALUE or isinstance(skew, bool) or not isinstance(skew, (int, float)):
        return []
    if abs(skew) <= limit:
        return []
    args = {"skew": skew, "limit": limit, "controller": controller}
    if controller == "unsynchronised":
        return [finding("clock_not_judged", "time.skew_seconds", None, skew, "medium", **args)]
    before = (baseline or {}).get("volatile", {}).get("time.skew_seconds")
    known = isinstance(before, (int, float)) and abs(before) > limit and abs(before - skew) <= limit
    severity = "high" if abs(skew) > 300 else "medium"
    return [finding("clock_wrong", "time.skew_seconds", before, skew, severity, "recorded" if known else None, **args)]


# -- states that are findings by themselves ----------------------------------------------------------------------------
def _states(old: Readings, now: Readings) -> list[Finding]:
    """Switch against socket (H07), access without a login, look-alike and duplicate names."""
    found: list[Finding] = []

    def value(readings: Readings, key: Key) -> Any:
        reading = readings.get(sheets.clean(settings.key_text(key)), {})
        if reading.get("state") == NOT_OFFERED:
            return False
        return reading.get("value") if reading.get("state") == VALUE else None

    def explained(*keys: Key) -> str | None:
        return "recorded" if all(value(old, key) == value(now, key) for key in keys) else None

    for text in now:
        key = settings.parse_key(text)
        if key[0] == "services" and key[-1] == "open":
            switch = (*key[:-1], "enabled")
            on, answers = value(now, switch), value(now, key)
            if on is False and answers is True:
                why = explained(key, switch)
                found.append(finding("socket_open_though_off", text, False, True, "critical", why, item=key[1]))
            elif on is True and answers is False:
                why = explained(key, switch)
                found.append(finding("socket_closed_though_on", text, True, False, "low", why, item=key[1]))
    for key in (("accounts", "anonymous_view"), ("auth", "anonymous_api")):
        if value(now, key) is True:
            found.append(finding("open_to_anyone", ".".join(key), value(old, key), True, "critical", explained(key)))
    for text, reading in now.items():
        if text.startswith("conflicts.") and reading["state"] == VALUE:
            key, _mark, api = settings.parse_key(text)[1].rpartition("@")
            why = "recorded" if old.get(text, {}).get("value") == reading["value"] else None
            here = value(now, settings.parse_key(key))
            found.append(finding("conflict", key, here, reading["value"], "high", why, api=api))
    before, present = accounts(old), accounts(now)
    for group in compare.look_alikes({*before, *present}):
        here = [name for name in group if name in present]
        if here:
            same_as_before = all((name in before) == (name in present) for name in group)
            why = "recorded" if same_as_before and len(here) > 1 else None
            found.append(finding("look_alikes", "", None, group, "high", why, names=group))
    for name in present:
        stem, mark, number = name.rpartition("#")
        if mark and number.isdigit() and stem in present:
            why = "recorded" if name in before else None
            found.append(finding("duplicate_account", "", None, name, "high", why, item=stem))
    return found


def accounts(readings: Readings) -> dict[str, dict[str, Any]]:
    """{account name: {"role", "enabled"}} of the accounts that are there."""
    result: dict[str, dict[str, Any]] = {}
    for text, reading in readings.items():
        key = settings.parse_key(text)
        if key[0] == "accounts" and len(key) == 3 and reading["state"] in (VALUE, WRITE_ONLY):
            result.setdefault(key[1], {})[key[2]] = reading["value"]
    return result


# -- key by key --------------------------------------------------------------------------------------------------------
class _Comparison:
    """Baseline against now, key by key; items (accounts, services…) first as wholes."""

    def __init__(self, old: Readings, now: Readings, told: set[str], pending: Mapping[str, Any]) -> None:
        self.old, self.now, self.pending = old, now, pending
        self.found: list[Finding] = []
        # Key texts that something else has spoken for:
        self.done = {*told, *(text for text in {*old, *now} if text.startswith("conflicts."))}

    def findings(self) -> list[Finding]:
        self._pending()
        self._unlisted_groups()
        self._accounts()
        self._services()
        self._certificate()
        for text in sorted({*self.old, *self.now}):
            if text not in self.done:
                self._key(text)
        return self.found

    def _values(self, text: str) -> tuple[Any, Any] | None:
        """(old, new) when both are values and differ."""
        old, new = self.old.get(text), self.now.get(text)
        if not old or not new or old["state"] != VALUE or new["state"] != VALUE:
            return None
        one, two = old["value"], new["value"]
        return None if compare.same(settings.parse_key(text), one, two) else (one, two)

    def _pending(self) -> None:
        for text, wanted in self.pending.items():
            old, new = self.old.get(text), self.now.get(text)
            key = settings.parse_key(text)
            if not new or new["state"] != VALUE:
                continue  # judged like any other key
            if compare.same(key, wanted, new["value"]):
                self.done.add(text)
            elif old and old["state"] == VALUE and compare.same(key, old["value"], new["value"]):
                self.done.add(text)
                if key[-1] != "open":  # its switch tells
                    self.found.append(finding("pending", text, new["value"], wanted, "info", "pending"))

    def _unlisted_groups(self) -> None:
        """An item "*" without a value: the list of items could not be read, so nothing may be said of any (H03)."""
        self._closed_apis()
        for text, reading in self.now.items():
            key = settings.parse_key(text)
            if "*" not in key or reading["state"] in (VALUE, WRITE_ONLY, NOT_OFFERED):
                continue
            group = key[0]
            before = {name for name in self.old if settings.parse_key(name)[0] == group and settings.item_of(
                settings.parse_key(name))}  # fmt: skip
            missing = {name for name in before if name not in self.now}
            self.done |= missing | {text}
            if any(f["args"].get("group") == group for f in self.found):
                continue
            known = self.old.get(text, {}).get("state") == reading["state"]
            if reading["state"] == UNSUPPORTED and known:
                continue
            kind, severity = ("still_not_readable", "info") if known else ("not_readable", "high")
            self.found.append(finding(kind, text, severity=severity, group=group, **_reason(reading)))

    def _closed_apis(self) -> None:
        """Items may have been listed by an API that cannot be read now; its own key says so."""
        keys = {text: settings.parse_key(text) for text in self.now if text.startswith("apis.")}
        closed = {key[1] for text, key in keys.items() if self.now[text]["state"] in _UNKNOWN}
        for text in self.old if closed else ():
            key = settings.parse_key(text)
            ours = key[0] != "accounts" or settings.item_of(key).rpartition("@")[2] in closed
            if text not in self.now and settings.item_of(key) and ours:
                self.done.add(text)

    def _item_keys(self, group: str, item: str) -> list[str]:
        """The key texts of one item, old and new, that nothing has spoken for yet."""
        keys = {text: settings.parse_key(text) for text in {*self.old, *self.now} if text not in self.done}
        return [text for text, key in keys.items() if len(key) > 2 and key[:2] == (group, item)]

    def _accounts(self) -> None:
        before, present = accounts(self.old), accounts(self.now)
        for name in sorted({*before, *present}):
            keys = self._item_keys("accounts", name)
            if not keys:
                continue
            role = settings.key_text(("accounts", name, "role"))
            if name not in before and not any(k in self.old for k in keys):
                is_admin = present[name].get("role") == "administrator"
                severity = "critical" if is_admin else "high"
                self._tell("account_appeared", role, None, present[name].get("role"), severity, keys, item=name)
            elif name not in present and not any(k in self.now for k in keys):
                self._tell("account_gone", role, before[name].get("role"), None, "high", keys, item=name)
            else:
                changed = self._values(sheets.clean(role))
                if changed:
                    severity = "critical" if changed[1] == "administrator" else "high"
                    self._tell("account_role", role, *changed, severity, [sheets.clean(role)], item=name)

    def _services(self) -> None:
        names = {settings.parse_key(text)[1] for text in {*self.old, *self.now} if text.startswith("services.")}
        for name in sorted(names):
            switch, socket = (settings.key_text(("services", name, part)) for part in ("enabled", "open"))
            switched, answered = self._change(switch), self._change(socket)
            if switched and switch not in self.done:
                with_socket = bool(answered) and answered[1] == switched[1]
                kind = "service_on" if switched[1] else "service_off"
                keys = [switch, socket] if with_socket else [switch]
                severity = "high" if switched[1] else "medium"
                self._tell(kind, switch, *switched, severity, keys, item=name, answers=with_socket and switched[1])
            if answered and socket not in self.done:
                kind = "socket_opened" if answered[1] else "socket_closed"
                severity = "high" if answered[1] else "medium"
                self._tell(kind, socket, *answered, severity, [socket], item=name)

    def _change(self, text: str) -> tuple[Any, bool] | None:
        """(old, new) of a switch that changed. Not there before, or not offered, counts as off."""

        def state(readings: Readings) -> Any:
            reading = readings.get(text)
            if reading is None or reading["state"] == NOT_OFFERED:
                return False
            return reading["value"] if reading["state"] == VALUE else None

        text = sheets.clean(text)
        old, new = state(self.old), state(self.now)
        if text not in self.now or not isinstance(old, bool) or not isinstance(new, bool) or old == new:
            return None
        return (old if text in self.old else None), new

    def _certificate(self) -> None:
        changed = self._values("tls.certificate.sha256")
        if not changed:
            return
        keys = [text for text in {*self.old, *self.now} if text.startswith("tls.certificate.")]

        def get(readings: Readings, field: str) -> Any:
            return readings.get(f"tls.certificate.{field}", {}).get("value")

        same_owner = all(get(self.old, f) == get(self.now, f) for f in ("subject", "issuer", "trusted"))
        renewed = same_owner and get(self.now, "trusted") is True
        trust = {"tls.certificate.trusted"} if get(self.old, "trusted") != get(self.now, "trusted") else set()
        self._tell(
            "certificate_changed", "tls.certificate.sha256", *changed, "medium" if renewed else "critical",
            [k for k in keys if k not in trust],
            subject=get(self.now, "subject") or "", issuer=get(self.now, "issuer") or "",
            not_after=get(self.now, "not_after") or "",
        )  # fmt: skip

    def _key(self, text: str) -> None:
        key = settings.parse_key(text)
        pattern = settings.pattern_of(key)
        setting = settings.SETTINGS[pattern] if pattern else None
        if setting and setting.volatile:
            return
        severity = setting.severity if setting else "medium"
        old, new = self.old.get(text), self.now.get(text)
        if old is None or new is None:
            self._one_sided(text, key, old, new, severity)
            return
        had, has = old["state"], new["state"]
        if had == has == VALUE:
            changed = self._values(text)
            if changed:
                self._changed(text, key, *changed, severity)
        elif VALUE in (had, has) and NOT_OFFERED in (had, has):
            value = old["value"] if had == VALUE else new["value"]
            if value is not False and value not in ([], "off", "none"):
                sides = (value, None) if had == VALUE else (None, value)
                self.found.append(finding("value_changed", text, *sides, severity))
        elif has in _UNKNOWN and had in (VALUE, NOT_OFFERED, WRITE_ONLY):
            self.found.append(finding("not_readable", text, old["value"], None, severity, **_reason(new)))
        elif had in _UNKNOWN and has in (VALUE, NOT_OFFERED, WRITE_ONLY):
            self.found.append(finding("not_recorded", text, None, new["value"], "info"))
        elif has in UNKNOWN:
            self.found.append(finding("still_not_readable", text, severity="info", **_reason(new)))

    def _one_sided(self, text: str, key: Key, old: Any, new: Any, severity: str) -> None:
        item = settings.item_of(key)
        if new is None:
            if old["state"] in (VALUE, WRITE_ONLY) and item and old["value"] is not False:
                self.found.append(finding("value_gone", text, old["value"], None, severity, item=item))
            elif old["state"] == VALUE and not item:
                self.found.append(finding("not_readable", text, old["value"], None, severity, state="missing", why=""))
        elif new["state"] == VALUE and not (item and new["value"] in (False, [], "")):
            if item:
                self.found.append(finding("value_appeared", text, None, new["value"], severity, item=item))
            else:
                self.found.append(finding("not_recorded", text, None, new["value"], "info"))

    def _changed(self, text: str, key: Key, old: Any, new: Any, severity: str) -> None:
        if text in ("accounts.anonymous_view", "auth.anonymous_api") and new is True:
            return  # told as "open to anyone"
        if isinstance(old, list) and isinstance(new, list):
            gone, appeared = compare.members(key, old, new)
            if any(isinstance(member, Mapping) for member in (*gone, *appeared)):
                for member in appeared:
                    self.found.append(finding("member_appeared", text, None, member, severity))
                for member in gone:
                    self.found.append(finding("member_gone", text, member, None, severity))
                return
            if not gone and not appeared:
                self.found.append(finding("order_changed", text, old, new, severity))
            elif not gone and old:
                self.found.append(finding("members_appeared", text, old, new, severity, members=appeared))
            elif not appeared and new:
                self.found.append(finding("members_gone", text, old, new, severity, members=gone))
            else:
                self.found.append(finding("value_changed", text, old, new, severity))
            return
        self.found.append(finding("value_changed", text, old, new, severity))

    def _tell(self, kind: str, key: str, old: Any, new: Any, severity: str, keys: Iterable[str], **args: Any) -> None:
        self.found.append(finding(kind, sheets.clean(key), old, new, severity, **args))
        self.done |= set(keys)

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads in the terminal: progress lines, then a table by device. Plain text, no colours needed."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.plugin_utils import drift, messages
from ansible_collections.nwcs.hardening.plugins.plugin_utils.result import STATUSES

# A sign and a word for each status: colour alone is no carrier.
SIGNS = {
    "failed": "✖", "drift": "▲", "not_checked": "?", "pending": "◷", "attention": "!", "changed": "●",
    "would_change": "○", "ok": "✔",
}  # fmt: skip
_MANY = 30  # more devices than this: the good ones are one line
_FINDINGS = 60  # lines of findings; the report has them all


def width(text: str) -> int:
    """Columns of a terminal: full-width characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in ("W", "F") else 1 for c in text
    )


def cut(text: str, columns: int) -> str:
    """At most `columns` wide, with an ellipsis where something was cut."""
    if width(text) <= columns:
        return text
    out, used = [], 0
    for c in text:
        used += width(c)
        if used > columns - 1:
            break
        out.append(c)
    return "".join(out) + "…"


def pad(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))


def progress(done: int, total: int, host: str, status: str, language: str = "en") -> str:
    """[ 3/12] ✔ cam-03  ok"""
    count = f"[{done:>{len(str(total))}}/{total}]"
    sign, word = SIGNS.get(status, "?"), messages.word("status", status, language)
    return f"{count} {sign} {cut(messages.safe(host), 40)}  {word}"


def details(device: Mapping[str, Any], language: str) -> str:
    """One line: error, else how many findings of which severity and outcomes of which kind."""
    if device["error"]:
        reason = messages.word("error", device["error"].get("code", "error"), language)
        message = messages.safe(device["error"].get("message", ""), 300)
        advice = messages.safe(device["error"].get("advice", ""), 300)
        return f"{reason}: {message} {advice}".strip() if message else reason
    if device["way"] is None and not device["outcomes"] and not device["findings"]:  # hold: nobody has looked at it
        notes = [messages.safe(note, 300) for note in device["notes"]]
        return " ".join([*notes, messages.text("report.not_contacted", language)])
    parts = []
    for severity in drift.SEVERITIES:
        count = sum(f["severity"] == severity and drift.is_drift(f) for f in device["findings"])
        if count:
            word = messages.word("severity", severity, language)
            parts.append(messages.text("report.count_findings", language, count=count, severity=word))
    outcomes = [o["outcome"] for o in device["outcomes"]]
    unread = sum(drift.is_not_checked(f) for f in device["findings"]) + outcomes.count("not_checked")
    kinds = [o for o in dict.fromkeys(outcomes) if o not in ("ok", "not_checked")]
    for outcome, count in [*((kind, outcomes.count(kind)) for kind in kinds), ("not_checked", unread)]:
        if count:
            word = messages.word("outcome", outcome, language)
            parts.append(messages.text("report.count_outcomes", language, count=count, outcome=word))
    if outcomes.count("ok"):
        parts.append(messages.text("report.keys_ok", language, count=outcomes.count("ok")))
    return ("、" if language == "ja" else ", ").join(parts) or messages.text("report.clean", language)


def summary(
    result: Mapping[str, Any], language: str, paths: Mapping[str, str] | None = None, columns: int = 110
) -> str:
    """The end of a run: verdict, table by device worst first, findings worst first, counts, where the report lies."""
    text, word = messages.text, messages.word
    devices = result["devices"]
    lines = []
    if result["simulated"]:
        lines += [text("report.simulated", language), ""]
    job, site = word("job", result["job"], language), messages.safe(result["site"], 80)
    head = text("report.title", language, job=job, site=site)
    lines += [f"{head}   {messages.local_time(result['finished'], language)}", ""]
    shown = devices if len(devices) <= _MANY else [d for d in devices if d["status"] != "ok"]
    host_columns = min(max([8, *(width(messages.safe(d["host"], 60)) for d in shown)]), 32)
    status_columns = max(width(word("status", status, language)) for status in STATUSES)
    for device in shown:
        host = pad(cut(messages.safe(device["host"], 60), host_columns), host_columns)
        status = pad(word("status", device["status"], language), status_columns)
        rest = details(device, language)
        if not device["error"] and device["way"] is not None:  # what went wrong, and what was put on hold, is never cut
            rest = cut(rest, max(20, columns - host_columns - status_columns - 8))
        lines.append(f"  {SIGNS[device['status']]} {host}  {status}  {rest}")
    if len(shown) < len(devices):
        count = len(devices) - len(shown)
        lines.append(f"  {SIGNS['ok']} {text('report.all_ok', language, count=count)}")
    lines += _failed_keys(shown, host_columns, language, result["job"])
    lines += _findings(devices, host_columns, language)
    lines += ["", *after] if (after := what_next(result, language)) else []
    counts = " · ".join(f"{SIGNS[s]} {word('status', s, language)} {n}" for s, n in result["counts"].items() if n)
    verdict = text("verdict." + str(result["exit_code"]), language)
    lines += ["", f"{verdict}  {counts}"]
    for name, path in (paths or {}).items():
        lines.append(f"{name}: {messages.safe(path, 1000)}")
    return "\n".join(lines)


NOT_TRIED = ("stopped", "on_hold", "no_result")  # codes of errors: nothing was sent to this device
_NAMES = 100  # devices that a line names


def what_next(result: Mapping[str, Any], language: str) -> list[str]:
    """How to take a run back; of a rotation what is done, open and not tried, and which recorder needs which login."""
    devices, lines = result["devices"], []
    if result["job"] == "rotate":
        hosts: dict[str, list[str]] = {"done": [], "open": [], "not_tried": []}
        for device in devices:
            hosts[_how_far(device)].append(device["host"])
        parts = [messages.text("report.rotation_done", language, count=len(hosts.pop("done")))]
        left = {name: some for name, some in hosts.items() if some}
        for name, some in left.items():
            names = _named(sorted(some), language)
            parts.append(messages.text(f"report.rotation_{name}", language, count=len(some), devices=names))
        lines = [f"{messages.text('report.rotation', language)}: {' · '.join(parts)}"]
        lines += [messages.text("report.rotation_again", language)] if left else []
        logins: dict[str, list[str]] = {}
        for found in (found for device in devices for found in device["findings"]):
            if found["kind"] == "recorder_login":
                args = {name: messages.safe(str(value), 60) for name, value in found["args"].items()}
                item = f"{args.get('camera', '?')} ({args.get('item', '?')})"
                logins.setdefault(args.get("recorder", "?"), []).append(item)
        for recorder, items in sorted(logins.items()):
            items = _named(sorted(items), language)
            lines.append(messages.text("report.recorder", language, recorder=recorder, items=items))
    elif result["job"] in ("harden", "undo") and any(device["writes"] for device in devices):
        lines = [messages.text("report.undo", language, run=result["run_id"])]
    return lines


def _how_far(device: Mapping[str, Any]) -> str:
    """How far a rotation came on this device: done, open or not_tried."""
    if device["error"]:
        return "not_tried" if device["error"]["code"] in NOT_TRIED else "open"
    return "done" if all(line["outcome"] in ("ok", "changed") for line in device["outcomes"]) else "open"


def _named(names: list[str], language: str) -> str:
    return messages.listed([messages.safe(name, 60) for name in names[:_NAMES]], len(names), language)


def _failed_keys(devices: list[Mapping[str, Any]], columns: int, language: str, job: str) -> list[str]:
    """Writes that did not do what they should: named key by key, with wanted and read value.

    Where a person was revoked, or a run undone, what could not be proven counts as well.
    """
    told = {"failed", "undone", "conflict", "side_effect", "guarded", "refused"}
    told |= {"not_checked"} if job in ("rotate", "undo") else set()
    lines = []
    for device in devices:
        for outcome in device["outcomes"]:
            if outcome["outcome"] in told:
                label = messages.label(outcome["key"], language)
                said = f"{label}: {messages.word('outcome', outcome['outcome'], language)}"
                said += f" ({messages.text('report.wanted', language)}: {messages.show(outcome['wanted'], language)}"
                if outcome["read"] is not None:
                    said += f", {messages.text('report.read', language)}: {messages.show(outcome['read'], language)}"
                said += ")"
                if outcome.get("why"):
                    said += f": {messages.safe(outcome['why'], 200)}"
                lines.append(f"  {pad(cut(messages.safe(device['host'], 60), columns), columns)}  {said}")
    if lines:
        lines = ["", messages.text("report.outcomes", language), *lines[:_FINDINGS]]
    return lines


def _findings(devices: list[Mapping[str, Any]], columns: int, language: str) -> list[str]:
    pairs = [(f, d["host"]) for d in devices for f in d["findings"]]
    if not pairs:
        return []
    pairs.sort(key=lambda pair: drift.rank(*pair))
    words = max(width(messages.word("severity", s, language)) for s in drift.SEVERITIES)
    lines = ["", messages.text("report.findings", language)]
    for found, host in pairs[:_FINDINGS]:
        why = messages.explanation(found, language)
        severity = pad(messages.word("severity", found["severity"], language), words)
        who = pad(cut(messages.safe(host, 60), columns), columns)
        lines.append(f"  {severity}  {who}  {messages.sentence(found, language)}{f' ({why})' if why else ''}")
    if len(pairs) > _FINDINGS:
        lines.append(f"  {messages.text('value.more', language, count=len(pairs) - _FINDINGS)}")
    return lines

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTML report: one file, nothing loaded from anywhere, readable on a phone and on paper.

Jinja2 escapes everything; control and direction characters are made visible before. A content security policy allows
only the style and the three lines of script that are in the page (they open all sections for printing).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError
from ansible_collections.nwcs.hardening.plugins.plugin_utils import console, drift, messages
from ansible_collections.nwcs.hardening.plugins.plugin_utils.result import OUTCOMES, STATUSES

_SCRIPT = (
    "addEventListener('beforeprint',function(){"
    "document.querySelectorAll('details').forEach(function(d){d.open=true})});"
)

_STYLE = """
:root{--ink:#1c2430;--soft:#5b6675;--line:#d9dee5;--paper:#fff;--wash:#f4f6f8;
--failed:#b42318;--drift:#b54708;--not_checked:#5925a8;--pending:#175a8c;--attention:#8a6100;--changed:#175cd3;
--would_change:#475467;--ok:#1a7340}
*{box-sizing:border-box}
body{margin:0;background:var(--wash);color:var(--ink);line-height:1.5;overflow-wrap:anywhere;
font:15px/1.5 system-ui,-apple-system,"Segoe UI","Hiragino Sans","Noto Sans CJK JP","Yu Gothic UI",Meiryo,sans-serif}
main,header>div{max-width:1080px;margin:0 auto;padding:0 20px}
header{background:#14202e;color:#fff;padding:22px 0 20px}
header h1{margin:0;font-size:24px;line-height:1.25;font-weight:650}
header p{margin:4px 0 0;color:#c3ccd8}
.simulated{background:#ffd84d;color:#2b2200;font-weight:700;text-align:center;padding:8px 16px;
border-bottom:3px dashed #8a6100}
.verdict{display:flex;gap:14px;align-items:center;background:var(--paper);border:1px solid var(--line);
border-left:8px solid var(--c);border-radius:8px;padding:14px 18px;margin:20px 0 14px;font-size:18px;font-weight:600}
.verdict b{font-size:26px;line-height:1;color:var(--c)}
.tiles{display:flex;flex-wrap:wrap;gap:10px;margin:0 0 8px;padding:0;list-style:none}
.tiles li{background:var(--paper);border:1px solid var(--line);border-top:4px solid var(--c);border-radius:8px;
padding:8px 14px;min-width:104px;flex:0 1 auto}
.tiles b{display:block;font-size:24px;line-height:1.2;font-variant-numeric:tabular-nums}
.tiles span{color:var(--c);font-weight:600;font-size:13px;white-space:nowrap}
.failed{--c:var(--failed)}.drift{--c:var(--drift)}.not_checked{--c:var(--not_checked)}.pending{--c:var(--pending)}
.attention{--c:var(--attention)}.changed{--c:var(--changed)}.would_change{--c:var(--would_change)}.ok{--c:var(--ok)}
.critical{--c:var(--failed)}.high{--c:var(--drift)}.medium{--c:var(--attention)}.low,.info{--c:var(--would_change)}
h2{font-size:18px;margin:30px 0 10px}
h3{font-size:15px;margin:18px 0 6px}
.chip{display:inline-block;white-space:nowrap;border:1px solid var(--c);color:var(--c);border-radius:20px;
padding:1px 10px;font-size:13px;font-weight:650;background:#fff}
.critical.chip,.failed.chip{background:var(--c);color:#fff}
table{width:100%;border-collapse:collapse;background:var(--paper);border:1px solid var(--line);font-size:14px}
th,td{text-align:left;vertical-align:top;padding:7px 10px;border-top:1px solid var(--line)}
thead th{background:#e9edf2;border-top:0;font-size:12.5px;color:#3b4655;white-space:nowrap}
.short{white-space:nowrap}td.key{min-width:140px}
td.key b{font-weight:600}
td.key span,.soft{color:var(--soft);font-size:12.5px}
code{font:13px/1.4 ui-monospace,Consolas,Menlo,"Noto Sans Mono CJK JP",monospace}
details{background:var(--paper);border:1px solid var(--line);border-left:6px solid var(--c);border-radius:8px;
margin:10px 0;padding:0 16px}
details[open]{padding-bottom:16px}
summary{cursor:pointer;padding:11px 0;display:flex;flex-wrap:wrap;gap:6px 12px;align-items:center}
summary b{font-size:16px}
summary .soft{flex:1 1 200px}
dl{display:grid;grid-template-columns:max-content 1fr max-content 1fr;gap:3px 14px;margin:4px 0 8px;font-size:14px}
dt{color:var(--soft)}dd{margin:0}
.error{border:1px solid var(--failed);border-radius:6px;padding:8px 12px;margin:6px 0;background:#fff5f4}
a{color:#124d94}
footer{color:var(--soft);font-size:13px;max-width:1080px;margin:30px auto;padding:0 20px}
@media (max-width:640px){
body{font-size:15px}main,header>div,footer{padding:0 12px}header h1{font-size:20px}
.tiles{gap:8px}.tiles li{padding:6px 10px;min-width:88px}
details{padding:0 10px}dl{grid-template-columns:max-content 1fr}.short{white-space:normal}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table,tbody,tr,td{display:block;width:100%}
tr{border-top:1px solid var(--line);padding:7px 0}tbody tr:first-child{border-top:0}
td{border:0;padding:2px 10px}
td[data-l]:not(.key):not(.bare){display:grid;grid-template-columns:92px 1fr;gap:8px}
td[data-l]:not(.key):not(.bare)::before{content:attr(data-l);color:var(--soft);font-size:12.5px}
td:empty{display:none!important}
}
@media print{
@page{size:A4;margin:14mm 12mm}
body{background:#fff;font-size:10pt}main,header>div,footer{max-width:none;padding:0}
header{background:#fff;color:#000;border-bottom:2px solid #000;padding:0 0 6px}header p{color:#333}
table{font-size:9pt}thead{display:table-header-group}tr,.verdict,.tiles{break-inside:avoid}h2,h3,summary,dl{break-after:avoid}
th,td{padding:4px 6px}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
details::details-content{content-visibility:visible;block-size:auto}
a{color:inherit;text-decoration:none}
}
"""

_TEMPLATE = """<!DOCTYPE html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src '{{ script_hash }}';
 base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="referrer" content="no-referrer">
<title>{{ title }}</title>
<style>{{ style }}</style>
</head>
<body>
{% if r.simulated %}<div class="simulated" role="note">{{ t("simulated") }}</div>{% endif %}
<header><div>
<h1>{{ title }}</h1>
<p>{{ t("started") }} {{ time(r.started) }} · {{ t("finished") }} {{ time(r.finished) }}</p>
</div></header>
<main>
<div class="verdict {{ verdict_class }}"><b aria-hidden="true">{{ verdict_sign }}</b><span>{{ verdict }}</span></div>
<ul class="tiles">
{% for status, count in r.counts.items() if count %}
<li class="{{ status }}"><b>{{ count }}</b><span>{{ sign[status] }} {{ word("status", status) }}</span></li>
{% endfor %}
</ul>

{% for line in what_next %}<p>{{ line }}</p>
{% endfor %}
<h2>{{ t("devices") }}</h2>
<table>
<thead><tr><th>{{ t("device") }}</th><th>{{ t("status") }}</th><th>{{ t("details") }}</th><th>{{ t("model") }}</th>
<th>{{ t("address") }}</th></tr></thead>
<tbody>
{% for d in r.devices %}
<tr><td class="key"><b><a href="#d{{ loop.index }}"><bdi>{{ d.host }}</bdi></a></b></td>
<td class="bare"><span class="chip {{ d.status }}">{{ sign[d.status] }} {{ word("status", d.status) }}</span></td>
<td data-l="{{ t("details") }}"><span>{{ details(d) }}</span></td>
<td data-l="{{ t("model") }}"{{ short(model(d)) }}>{% if model(d) %}<bdi>{{ model(d) }}</bdi>{% endif %}</td>
<td data-l="{{ t("address") }}"{{ short(d.address) }}>{% if d.address %}<bdi>{{ d.address }}</bdi>{% endif %}</td></tr>
{% endfor %}
</tbody></table>

{% macro finding_rows(pairs, with_host) %}
{% for f, host in pairs %}
<tr><td class="bare"><span class="chip {{ f.severity }}">{{ word("severity", f.severity) }}</span></td>
{% if with_host %}<td data-l="{{ t("device") }}"{{ short(host) }}><bdi>{{ host }}</bdi></td>{% endif %}
<td class="bare"><b>{{ sentence(f) }}</b>{% if f.key %}<br><span class="soft">{{ f.key }}</span>{% endif %}</td>
{% if any_explained %}<td data-l="{{ t("explanation") }}">{{ explanation(f) }}</td>{% endif %}</tr>
{% endfor %}
{% endmacro %}
<h2>{{ t("findings") }}</h2>
{% if findings %}
<table>
<thead><tr><th>{{ t("severity") }}</th><th>{{ t("device") }}</th><th>{{ t("what") }}</th>
{% if any_explained %}<th>{{ t("explanation") }}</th>{% endif %}</tr></thead>
<tbody>{{ finding_rows(findings, true) }}</tbody></table>
{% else %}<p>{{ t("no_findings") }}</p>{% endif %}

<h2>{{ t("each") }}</h2>
{% for d in r.devices %}
<details class="{{ d.status }}" id="d{{ loop.index }}"
{% if d.status != "ok" and r.devices|length <= 60 %} open{% endif %}>
<summary><b><bdi>{{ d.host }}</bdi></b>
<span class="chip {{ d.status }}">{{ sign[d.status] }} {{ word("status", d.status) }}</span>
{% if d.simulated %}<span class="chip attention">{{ t("simulated_device") }}</span>{% endif %}
<span class="soft">{{ details(d) }}</span></summary>
{% if d.error %}<div class="error"><b>{{ word("error", d.error.code) }}</b><br>{{ d.error.message }}
{% if d.error.advice %}<br>{{ t("advice") }}: {{ d.error.advice }}{% endif %}</div>{% endif %}
<dl>
{% for name, value in facts(d) %}<dt>{{ name }}</dt><dd><bdi>{{ value }}</bdi></dd>{% endfor %}
</dl>
{% if d.findings %}<h3>{{ t("findings") }}</h3>
<table><thead><tr><th>{{ t("severity") }}</th><th>{{ t("what") }}</th>
{% if any_explained %}<th>{{ t("explanation") }}</th>{% endif %}</tr></thead>
<tbody>{{ finding_rows(own(d), false) }}</tbody></table>{% endif %}
{% if d.outcomes %}<h3>{{ t("outcomes") }}</h3>
<table><thead><tr><th>{{ t("setting") }}</th><th>{{ t("outcome") }}</th><th>{{ t("wanted") }}</th>
<th>{{ t("before") }}</th><th>{{ t("read") }}</th><th>{{ t("why") }}</th></tr></thead>
<tbody>
{% for o in outcomes(d) %}
<tr><td class="key"><b>{{ label(o.key) }}</b><br>
<span>{{ o.key }}{% if rows(o.key) %} · {{ rows(o.key) }}{% endif %}</span></td>
{% set status = status_of[o.outcome] %}
<td class="bare"><span class="chip {{ status }}">{{ sign[status] }} {{ word("outcome", o.outcome) }}</span></td>
<td data-l="{{ t("wanted") }}">{% if o.wanted is not none %}<code>{{ show(o.wanted) }}</code>{% endif %}</td>
<td data-l="{{ t("before") }}">{% if o.old is not none %}<code>{{ show(o.old) }}</code>{% endif %}</td>
<td data-l="{{ t("read") }}">{% if o.read is not none %}<code>{{ show(o.read) }}</code>{% endif %}</td>
<td data-l="{{ t("why") }}">{% if o.why or o.proof %}<span>{{ o.why }}{% if o.why and o.proof %} · {% endif %}
{{ o.proof }}</span>{% endif %}{% if o.bits %} ({{ o.bits }} {{ t("bits") }}){% endif %}</td></tr>
{% endfor %}
</tbody></table>{% endif %}
{% if d.notes %}<h3>{{ t("notes") }}</h3><ul>{% for note in d.notes %}<li>{{ note }}</li>{% endfor %}</ul>{% endif %}
</details>
{% endfor %}

{% if guideline %}
<h2>{{ t("rows") }}</h2>
<p class="soft">{{ t("rows_note") }}</p>
<table><thead><tr><th>{{ t("row") }}</th><th>{{ t("good") }}</th><th>{{ t("open") }}</th>
<th>{{ t("setting") }}</th></tr></thead>
<tbody>
{% for row in guideline %}
<tr><td class="key"><b>{{ row.id }}</b></td><td data-l="{{ t("good") }}">{{ row.good }}</td>
<td data-l="{{ t("open") }}"><span>{% if row.open %}
<span class="chip attention">! {{ row.open }}</span>{% else %}0{% endif %}</span></td>
<td data-l="{{ t("setting") }}"><span class="soft">{{ row.labels }}</span></td></tr>
{% endfor %}
</tbody></table>
{% endif %}
</main>
<footer>
<p>{{ t("site") }}: {{ r.site }} · {{ t("run") }}: {{ r.run_id }} ·
{{ t("clock") }}: {{ t("clock_" ~ r.controller.clock) }} · nwcs.hardening {{ r.controller.version }}
<br>{{ t("data_utc") }}</p>
</footer>
<script>{{ script }}</script>
</body>
</html>
"""


@lru_cache(maxsize=1)
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    def finish(value: Any) -> Any:
        # Plain strings only: Markup is what the page itself brings.
        return messages.safe(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=finish, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_TEMPLATE)


def page(result: Mapping[str, Any], language: str = "en") -> str:
    """The whole page for a result.json (see result.build)."""
    from markupsafe import Markup

    script_hash = "sha256-" + base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    code = result["exit_code"]
    worst = next((status for status in STATUSES if result["counts"].get(status)), "not_checked")
    job = messages.word("job", result["job"], language)
    found = [(f, d["host"]) for d in result["devices"] for f in d["findings"]]
    return _template().render(
        r=result,
        language=language,
        title=messages.text("report.title", language, job=job, site=messages.safe(result["site"], 80)),
        style=Markup(_STYLE),  # noqa: S704 - constants of this file
        script=Markup(_SCRIPT),  # noqa: S704
        script_hash=Markup(script_hash),  # noqa: S704
        verdict=messages.text(f"verdict.{code}", language),
        verdict_class=worst if code else "ok",
        verdict_sign=console.SIGNS[worst if code else "ok"],
        sign=console.SIGNS,
        what_next=console.what_next(result, language),
        status_of=OUTCOMES,
        findings=sorted(found, key=lambda pair: drift.rank(*pair)),
        guideline=_guideline(result, language),
        any_explained=any(f["explained"] for f, _host in found),
        short=lambda value: Markup(' class="short"') if len(value) <= 24 else "",  # noqa: S704 - a constant
        own=lambda device: [(f, device["host"]) for f in device["findings"]],
        outcomes=lambda device: sorted(
            device["outcomes"], key=lambda o: (STATUSES.index(OUTCOMES[o["outcome"]]), o["key"])
        ),
        t=lambda name: messages.text(f"report.{name}", language),
        word=lambda group, name: messages.word(group, name, language),
        show=lambda value: messages.show(value, language),
        label=lambda key: messages.label(key, language),
        rows=lambda key: " ".join(_rows(key)),
        sentence=lambda f: messages.sentence(f, language),
        explanation=lambda f: messages.explanation(f, language),
        details=lambda device: console.details(device, language),
        time=lambda utc: messages.local_time(utc, language),
        model=lambda device: " ".join(str(device["identity"].get(k) or "") for k in ("manufacturer", "model")).strip(),
        facts=lambda device: _facts(device, language),
    )


def _facts(device: Mapping[str, Any], language: str) -> list[tuple[str, str]]:
    identity, way = device["identity"], device["way"] or {}
    reached = f"{way.get('scheme', '')}:{way.get('port', '')}".strip(":")
    work = messages.text("report.requests", language, requests=device["requests"], writes=device["writes"])
    seconds = messages.text("report.seconds", language, seconds=f"{float(device['seconds'] or 0):.1f}")
    values = [
        ("address", device["address"]), ("family", device["family"]), ("way", reached),
        ("serial", identity.get("serial")), ("mac", identity.get("mac")), ("firmware", identity.get("firmware")),
        ("work", f"{work} · {seconds}" if device["requests"] else ""), ("sheet", device["sheet"]),
    ]  # fmt: skip
    return [(messages.text(f"report.{name}", language), str(value)) for name, value in values if value]


def _rows(key: str) -> tuple[str, ...]:
    try:
        return settings.setting_of(settings.parse_key(key)).rows
    except InputError:
        return ()


def _guideline(result: Mapping[str, Any], language: str) -> list[dict[str, Any]]:
    """[{id, good, open, labels}]: settings of this run by the guideline rows that rest on them."""
    table: dict[str, dict[str, Any]] = {}
    for device in result["devices"]:
        for outcome in device["outcomes"]:
            for row in _rows(outcome["key"]):
                entry = table.setdefault(row, {"id": row, "good": 0, "open": 0, "keys": {}})
                entry["good" if outcome["outcome"] in ("ok", "changed") else "open"] += 1
                setting = settings.setting_of(settings.parse_key(outcome["key"]))
                entry["keys"][setting.ja if language == "ja" else setting.en] = True
    separator = "、" if language == "ja" else ", "
    return [{**entry, "labels": separator.join(entry["keys"])} for _row, entry in sorted(table.items())]

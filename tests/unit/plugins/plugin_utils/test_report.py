# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import html.parser
import json
import os
import stat
from pathlib import Path

import jsonschema
import pytest
from nwcs_snapshots import HOSTILE

from ansible_collections.nwcs.hardening.plugins.plugin_utils import console, drift, files, messages, report, result

SCHEMA = json.loads((Path(__file__).resolve().parents[4] / "docs" / "result.schema.json").read_text())


def outcome(key="services.telnet.enabled", kind="ok", **more):
    return {"key": key, "outcome": kind, "wanted": False, "old": True, "read": False, "why": "", "proof": "", **more}


def device(host="cam-01", **more):
    base = result.empty_device(host, "ok")
    base.update(family="onvif", address="192.0.2.7", way={"scheme": "https", "port": 443}, seconds=1.5, requests=9)
    return {**base, **more}


def run_folder(tmp_path, devices, job="drift", hosts=None, **more):
    folder = tmp_path / "reports" / f"{job}-20261121T030000Z"
    files.private_folder(str(folder))
    run = {
        "job": job,
        "run_id": "r1",
        "started": "2026-11-21T03:00:00Z",
        "site": "demo",
        "language": "en",
        "simulated": False,
        "controller": {"clock": "unknown", "version": "0.1.0"},
        "hosts": hosts or [d["host"] for d in devices],
        **more,
    }
    files.write_json(str(folder / "run.json"), run)
    for one in devices:
        report.write_device(str(folder), one)
    return str(folder)


NEW_ADMIN = drift.finding("account_appeared", 'accounts."x".role', None, "administrator", "critical", item="x")
UNREAD = drift.finding("not_readable", "identity.name", "a", None, "high", state="unreadable", why="")
KNOWN = drift.finding("open_to_anyone", "accounts.anonymous_view", True, True, "critical", "recorded")
WAITS = drift.finding("pending", "ddns.enabled", True, False, "info", "pending")
ERROR = {"code": "unreachable", "message": "no answer", "advice": "Is it on?"}


@pytest.mark.parametrize(
    ("job", "parts", "status", "code"),
    [
        ("drift", {}, "ok", 0),
        ("drift", {"findings": [NEW_ADMIN]}, "drift", 2),
        ("drift", {"findings": [UNREAD]}, "not_checked", 3),
        ("drift", {"findings": [NEW_ADMIN, UNREAD]}, "drift", 4),
        ("drift", {"findings": [KNOWN]}, "attention", 0),
        ("drift", {"findings": [WAITS]}, "pending", 0),
        ("drift", {"error": ERROR}, "not_checked", 3),
        ("harden", {"findings": [NEW_ADMIN]}, "attention", 0),
        ("harden", {"outcomes": [outcome(kind="changed"), outcome()]}, "changed", 0),
        ("harden", {"outcomes": [outcome(kind="failed"), outcome(kind="changed")]}, "failed", 2),
        ("harden", {"outcomes": [outcome(kind="undone")]}, "failed", 2),
        ("harden", {"outcomes": [outcome(kind="pending_restart")]}, "pending", 0),
        ("harden", {"outcomes": [outcome(kind="guarded")]}, "attention", 0),
        ("harden", {"outcomes": [outcome(kind="not_checked")]}, "not_checked", 3),
        ("harden", {"outcomes": [outcome(kind="failed")], "error": ERROR}, "failed", 4),
        ("harden", {"outcomes": [outcome(kind="would_change")]}, "would_change", 0),
        ("harden", {"status": "failed"}, "failed", 2),
    ],
)
def test_status_and_exit_code(tmp_path, job, parts, status, code):
    written = report.write_run(run_folder(tmp_path, [device(**parts)], job))
    assert written["data"]["devices"][0]["status"] == status
    assert written["exit_code"] == code == written["data"]["exit_code"]
    assert written["counts"][status] == 1 and sum(written["counts"].values()) == 1
    jsonschema.validate(written["data"], SCHEMA)


def test_a_device_without_a_file_is_not_checked_never_clean(tmp_path):
    written = report.write_run(run_folder(tmp_path, [device()], hosts=["cam-01", "cam-02"]))
    lost = next(d for d in written["data"]["devices"] if d["host"] == "cam-02")
    assert lost["status"] == "not_checked" and lost["error"]["code"] == "no_result"
    assert written["exit_code"] == 3
    jsonschema.validate(written["data"], SCHEMA)


def test_a_run_without_any_device_is_not_clean(tmp_path):
    assert report.write_run(run_folder(tmp_path, []))["exit_code"] == 3


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"host": 1}', '{"host": "cam-01", "outcomes": 5}'])
def test_a_broken_device_file_is_not_checked(tmp_path, text):
    folder = run_folder(tmp_path, [device()])
    Path(report.device_file(folder, "cam-01")).write_text(text)
    written = report.write_run(folder)
    assert [d["status"] for d in written["data"]["devices"]] == ["not_checked"]
    assert written["exit_code"] == 3
    jsonschema.validate(written["data"], SCHEMA)


def test_an_unknown_outcome_is_not_taken_for_good(tmp_path):
    written = report.write_run(run_folder(tmp_path, [device(outcomes=[outcome(kind="splendid")])], "harden"))
    assert written["data"]["devices"][0]["outcomes"][0]["outcome"] == "not_checked"
    assert written["exit_code"] == 3


def test_the_schema_refuses_what_is_no_result(tmp_path):
    good = report.write_run(run_folder(tmp_path, [device(findings=[NEW_ADMIN])]))["data"]
    for change in (
        lambda d: d.update(exit_code=1),
        lambda d: d["devices"][0].update(status="fine"),
        lambda d: d["devices"][0]["findings"][0].pop("severity"),
        lambda d: d.update(finished="yesterday"),
        lambda d: d["counts"].pop("drift"),
    ):
        bad = json.loads(json.dumps(good))
        change(bad)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, SCHEMA)


def test_files_are_private_and_latest_points_to_the_newest(tmp_path):
    first = report.write_run(run_folder(tmp_path, [device()], "record"))
    second = report.write_run(run_folder(tmp_path, [device()], "drift"))
    for path in (first["result"], second["report"], report.device_file(os.path.dirname(second["result"]), "cam-01")):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
    assert os.readlink(tmp_path / "reports" / "latest") == os.path.basename(os.path.dirname(second["result"]))


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [v for k, v in attrs if k in ("href", "src", "action", "data", "srcset") or k.startswith("on")]

    def handle_data(self, data):
        self.texts.append(data)


def hostile_device(text):
    return device(
        host=text or "empty",
        address=text,
        family=text,
        identity=dict.fromkeys(("manufacturer", "model", "serial", "mac", "firmware"), text),
        notes=[text, "</script><script>alert(2)</script>"],
        sheet=text,
        way={"scheme": text, "port": 1},
        error={"code": text, "message": text, "advice": text},
        outcomes=[
            outcome("identity.name", "failed", wanted=text, old=[text], read={"to": text}, why=text, proof=text),
            outcome(text, "refused"),
        ],
        findings=[
            {**NEW_ADMIN, "args": {"item": text}},
            drift.finding("value_changed", "identity.name", text, text, explained=text),
            drift.finding(text, text),
        ],
    )


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_hostile_text_breaks_neither_page_nor_terminal(tmp_path, language):
    texts = [text for text in HOSTILE if text != "\ud800"] + ['" onmouseover="alert(1)', "<!--", "]]>", "'\"&"]
    plain = report.write_run(run_folder(tmp_path, [hostile_device("x")], "harden", language=language, site="x"))
    tags = Page(Path(plain["report"]).read_text(encoding="utf-8")).tags
    for text in texts:
        written = report.write_run(
            run_folder(tmp_path / "h", [hostile_device(text)], "harden", language=language, site=text, run_id=text)
        )
        raw = Path(written["report"]).read_text(encoding="utf-8")
        page = Page(raw)
        assert set(page.tags) == set(tags) and page.tags.count("script") == 1
        assert all(link.startswith("#d") for link in page.links)
        assert all(c.isprintable() or c in "\n\u3000" for c in raw)
        assert all(c.isprintable() or c in "\n\u3000" for c in written["console"])
        assert "49" not in page.texts
        for path in Path(tmp_path / "h").rglob("*"):
            assert path.resolve().is_relative_to(tmp_path / "h")
        for one in Path(os.path.dirname(written["report"]), "devices").iterdir():
            one.unlink()


def test_the_page_loads_nothing_and_says_simulated(tmp_path):
    real = Path(report.write_run(run_folder(tmp_path, [device()]))["report"]).read_text()
    lab = Path(report.write_run(run_folder(tmp_path, [device(simulated=True)]))["report"]).read_text()
    for page in (real, lab):
        assert "http://" not in page and "https://" not in page and "url(" not in page and "@import" not in page
        assert "default-src 'none'" in page
    assert "SIMULATED" in lab and "SIMULATED" not in real
    assert "SIMULATED" in report.write_run(run_folder(tmp_path, [device(simulated=True)]))["console"]


def test_the_page_tells_wanted_and_read_value(tmp_path):
    lying = outcome(kind="failed", wanted=False, read=True, why="accepted but not applied")
    written = report.write_run(run_folder(tmp_path, [device(outcomes=[lying])], "harden"))
    text = " ".join(Page(Path(written["report"]).read_text()).texts)
    assert "accepted but not applied" in text and "a02-1" in text
    assert "service `telnet`: failed (Wanted: off, Read: on)" in written["console"]


def test_an_error_is_told_whole_with_what_to_do(tmp_path):
    long = {**ERROR, "message": "192.0.2.7:443 " + "x" * 200}
    written = report.write_run(run_folder(tmp_path, [device(error=long)]))
    assert f"the device does not answer: {long['message']} Is it on?" in written["console"]


def test_a_device_nobody_looked_at_is_not_called_as_recorded(tmp_path):
    held = device(way=None, notes=["cam-01 is on hold" + ", because" * 20])
    written = report.write_run(run_folder(tmp_path, [held], "hold"))
    assert "as recorded" not in written["console"] + Path(written["report"]).read_text(encoding="utf-8")
    assert held["notes"][0] + " The device was not contacted." in written["console"]
    assert "as recorded" in report.write_run(run_folder(tmp_path, [device()]))["console"]


def test_strength_and_guard_reach_the_result(tmp_path):
    lines = [outcome('accounts."a".password', "changed", bits=143), outcome(kind="guarded", guard="way-in")]
    written = report.write_run(run_folder(tmp_path, [device(outcomes=lines)], "rotate"))
    jsonschema.validate(written["data"], SCHEMA)
    told = [(line["bits"], line["guard"]) for line in written["data"]["devices"][0]["outcomes"]]
    assert sorted(told, key=str) == [(143, ""), (None, "way-in")]
    assert "(143 bits)" in Path(written["report"]).read_text(encoding="utf-8")


@pytest.mark.parametrize(("job", "told"), [("rotate", True), ("undo", True), ("harden", False)])
def test_where_a_person_could_not_be_removed_is_told_with_the_reason(tmp_path, job, told):
    line = outcome('accounts."tanaka".role', "not_checked", wanted="absent", read=None, why="the list is refused")
    shown = report.write_run(run_folder(tmp_path, [device(outcomes=[line])], job))["console"]
    assert ("the list is refused" in shown) is told
    assert "Read: nothing" not in shown


@pytest.mark.parametrize(
    ("job", "writes", "told"), [("harden", 3, True), ("undo", 1, True), ("harden", 0, False), ("drift", 0, False)]
)
def test_a_run_that_changed_something_says_how_to_take_it_back(tmp_path, job, writes, told):
    written = report.write_run(run_folder(tmp_path, [device(writes=writes)], job))
    page = Path(written["report"]).read_text(encoding="utf-8")
    for text in (written["console"], page):
        assert ("ansible-playbook undo.yml -e run=r1" in text) is told


def test_a_rotation_says_what_is_done_open_and_not_tried(tmp_path):
    login = drift.finding("recorder_login", 'accounts."nvr".password', None, None, "high",
                          recorder="nvr-1", camera="cam-2", item="nvr")  # fmt: skip
    devices = [
        device("cam-1", outcomes=[outcome('accounts."a".password', "changed")]),
        device("cam-2", outcomes=[outcome('accounts."a".password', "changed")], findings=[login]),
        device("cam-3", error=ERROR),
        device("cam-4", outcomes=[outcome('accounts."a".password', "failed")]),
        device("cam-5", error={**ERROR, "code": "stopped"}),
        device("cam-6", error={**ERROR, "code": "on_hold"}),
    ]
    shown = report.write_run(run_folder(tmp_path, devices, "rotate"))["console"]
    assert "2 devices done · 2 open: cam-3, cam-4 · 2 not tried: cam-5, cam-6" in shown
    assert "run the same command again" in shown and "nvr-1 needs the new password of cam-2 (nvr)" in shown
    clean = report.write_run(run_folder(tmp_path / "2", devices[:1], "rotate", language="ja"))["console"]
    assert "完了 1台" in clean and "未完了" not in clean and "もう一度" not in clean


def test_many_good_devices_are_one_line(tmp_path):
    devices = [device(f"cam-{n:03}") for n in range(50)] + [device("router", findings=[NEW_ADMIN])]
    shown = report.write_run(run_folder(tmp_path, devices))["console"]
    assert "50 devices: ok" in shown and "cam-007" not in shown and "router" in shown
    assert len(shown.splitlines()) < 15


def test_columns_count_full_width_characters():
    assert console.width("倉庫ab") == 6
    assert console.width("e\u0301") == 1
    assert console.cut("倉庫カメラ", 6) == "倉庫…"
    assert console.pad("倉庫", 6) == "倉庫  "
    assert console.progress(3, 12, "cam\x1b", "ok") == "[ 3/12] ✔ cam\\x1b  ok"


def test_the_table_is_aligned_with_japanese_names(tmp_path):
    devices = [device("倉庫"), device("gate-camera-01")]
    shown = report.write_run(run_folder(tmp_path, devices, language="ja"))["console"].splitlines()
    lines = [line for line in shown if "倉庫" in line or "gate-camera" in line]
    assert len({console.width(line[: line.index("正常")]) for line in lines}) == 1

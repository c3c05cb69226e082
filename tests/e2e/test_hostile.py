# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices whose every name is an attack (H34, H37): nothing is executed, no page breaks, no file leaves its folder."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import html.parser
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from e2e_box import Workplace, device_login, texts

from ansible_collections.nwcs.hardening.lab.testing import running_lab

pytestmark = pytest.mark.slow

# The list of HAZARDS H34 and H37; the commands leave a file behind when anybody runs them.
STRINGS = {
    "sum": "{{ 7*7 }}",
    "lookup": "{{ lookup('pipe','touch MARKER') }}",
    "unsafe": "!unsafe {% for x in [1] %}{{ x }}{% endfor %}",
    "script": "</td><script>document.title='broken'</script>",
    "json-end": "</script><img src=x onerror=alert(1)>",
    "formula": "=cmd|'/c calc'!A1",
    "plus": "+1+cmd|' /C calc'!A0",
    "path": "../../MARKER-path/x",
    "absolute": "/MARKER-absolute",
    "nul": "a\x00b",
    "newline": "line one\nline two: [x]\r\nSet-Cookie: a=b",
    "rtl": "\u202egnp.exe",
    "zero-width": "cam\u200bera",
    "emoji": "\u30ab\u30e1\u30e9\U0001f4f7",
    "escape": "\x1b]0;owned\x07\x1b[31mred\x1b[2J",
    "link": "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "long": "A" * 10_000,
    "yaml": "&a [*a, !!python/object/apply:os.system ['touch MARKER']]",
    "shell": "$(touch MARKER)`touch MARKER`;touch MARKER",
}
TERMINAL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, module_loopback_network: str) -> Iterator[SimpleNamespace]:
    place = Workplace(tmp_path_factory.mktemp("hostile"))
    marker = place.folder / "executed"
    strings = {name: text.replace("MARKER", str(marker)) for name, text in STRINGS.items()}
    strings["path"] = "../../" * 8 + str(marker)[1:]
    devices = [
        {
            "name": f"cam-{name}",
            "host": number,
            "model": "onvif-complete",
            "faults": ["H34"],
            "overrides": {"hostile": [text]},
        }
        for number, (name, text) in enumerate(strings.items(), 11)
    ]
    devices.append({"name": "router", "host": 1, "model": "openwrt-factory", "faults": ["H34"]})
    with running_lab(site={"name": "hostile", "devices": devices}, network=module_loopback_network) as lab:
        hosts = {f"cam-{name}": device_login(lab.device(f"cam-{name}").address) for name in strings}
        router = {"nwcs_family": "openwrt", "nwcs_username": "root", "nwcs_password": ""}
        hosts["router"] = device_login(lab.device("router").address, **router)
        place.write_inventory(
            hosts,
            nwcs_tls_verify=str(lab.ca),
            nwcs_profiles=["d"],
            nwcs_design={"time": {"sync": "ntp", "servers": ["ntp.example.jp"]}},
        )
        told = SimpleNamespace(place=place, marker=marker, strings=strings, lab=lab, runs={})
        told.runs["check"] = place.play("harden", "--check", "--diff")
        told.runs["harden"] = place.play("harden")
        told.runs["again"] = place.play("harden")
        told.runs["record"] = place.play("record")
        told.runs["clean"] = place.play("drift")
        for name in strings:  # accounts with such names that come and go are findings with such names
            lab.call(lambda name=name: _forget_account(lab.device(f"cam-{name}"), strings[name]))
        told.runs["drift"] = place.play("drift")
        told.runs["verbose"] = place.play("drift", "-vvv")
        told.runs["japanese"] = place.play("drift", "-e", "nwcs_language=ja")
        yield told


def _forget_account(device, name: str) -> None:
    """Behind everybody's back: the hostile account goes, another comes that begins like it."""
    for state in (device.state, device.stored):
        state["users"] = [user for user in state["users"] if user["Username"] != name]
        state["users"].append(
            {"Username": f"{name[:40]} 2", "Password": "x", "UserLevel": "Administrator", "fixed": False}
        )


def test_nothing_was_executed_and_no_file_left_its_folder(played: SimpleNamespace) -> None:
    assert not played.marker.exists()
    assert not list(played.place.folder.glob("executed*"))
    allowed = {"inventory", "site", "vault-password", "home", "cwd"}
    assert {path.name for path in played.place.folder.iterdir()} == allowed
    assert list((played.place.folder / "cwd").iterdir()) == []
    names = {f"cam-{name}.yml" for name in played.strings} | {"router.yml"}
    assert {path.name for path in (played.place.work / "sheets" / "demo").iterdir()} == names


def test_no_output_of_a_command_is_in_anything(played: SimpleNamespace) -> None:
    """The router's host name asks for the output of `id`; the cameras' for a sum."""
    shown = [run.out + run.err for run in played.runs.values()]
    files = [path.read_text(encoding="utf-8") for path in played.place.files() if "secrets" not in path.parts]
    assert any("lookup('pipe','id')" in text for text in files)
    assert not [text for text in (*shown, *files) if "uid=" in text]


def test_every_device_went_through(played: SimpleNamespace) -> None:
    for run in played.runs.values():
        errors = {d["host"]: d["error"]["message"] for d in run.result["devices"] if d["error"]}
        assert errors == {}, run.said()
    for name in played.strings:
        lines = played.runs["harden"].outcomes(f"cam-{name}")
        assert lines["time.servers"]["outcome"] == "changed", name
        assert lines['accounts."admin".password']["outcome"] == "changed", name


def test_a_second_run_writes_nothing(played: SimpleNamespace) -> None:
    assert {
        device["host"]: device["writes"] for device in played.runs["again"].result["devices"] if device["writes"]
    } == {}


def test_an_untouched_device_shows_no_drift(played: SimpleNamespace) -> None:
    for device in played.runs["clean"].result["devices"]:
        assert not [f for f in device["findings"] if f["explained"] is None and f["kind"] != "still_not_readable"], (
            device["host"]
        )


def test_names_arrive_as_they_are_in_result_and_sheet(played: SimpleNamespace) -> None:
    """Data is kept, not cleaned away and not evaluated."""
    for name in ("sum", "lookup", "script", "formula", "rtl", "emoji", "shell", "yaml"):
        text = played.strings[name]
        sheet = yaml.safe_load((played.place.work / "sheets" / "demo" / f"cam-{name}.yml").read_text())
        assert sheet["identity"]["manufacturer"] == text
        assert played.runs["drift"].device(f"cam-{name}")["identity"]["manufacturer"] == text
    assert "49" not in set(texts(played.runs["drift"].device("cam-sum")))


def test_the_accounts_that_changed_are_found(played: SimpleNamespace) -> None:
    for name in ("sum", "script", "rtl", "escape", "path", "emoji"):
        kinds = [found["kind"] for found in played.runs["drift"].device(f"cam-{name}")["findings"]]
        assert "account_appeared" in kinds, (name, kinds)
        assert "account_gone" in kinds, (name, kinds)


@pytest.mark.parametrize("job", ["check", "harden", "again", "record", "clean", "drift", "japanese"])
def test_the_console_gets_no_control_character(played: SimpleNamespace, job: str) -> None:
    run = played.runs[job]
    found = {match.group() for match in CONTROL.finditer(run.out + run.err)}
    assert found == set(), [line for line in run.out.splitlines() if CONTROL.search(line)][:3]


def test_not_even_the_raw_results_of_a_verbose_run_steer_the_terminal(played: SimpleNamespace) -> None:
    """With -v Ansible itself prints task results as YAML: as data, with C0 and C1 escaped."""
    run = played.runs["verbose"]
    assert {match.group() for match in TERMINAL.finditer(run.out + run.err)} == set()


class _Page(html.parser.HTMLParser):
    VOID = ("meta", "link", "br", "hr", "img", "input", "col", "wbr")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"


@pytest.mark.parametrize("job", ["check", "harden", "record", "drift", "japanese"])
def test_the_page_is_whole_and_holds_no_foreign_tag(played: SimpleNamespace, job: str) -> None:
    page = (played.runs[job].folder / "report.html").read_text(encoding="utf-8")
    reader = _Page()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    assert reader.tags.count("script") <= 1
    assert "img" not in reader.tags
    assert not [name for name, _value in reader.attributes if name.startswith("on")]
    assert "<script>document.title" not in page
    assert not CONTROL.search(page)


def test_files_on_disk_are_plain(played: SimpleNamespace) -> None:
    """A terminal that shows a sheet or a result is not steered by it."""
    for path in played.place.files():
        if path.suffix in (".yml", ".json", ".html") and "secrets" not in path.parts:
            text = path.read_text(encoding="utf-8")
            assert not CONTROL.search(text), path
            if path.suffix == ".json":
                json.loads(text)


def test_hostile_inventory_names(tmp_path: Path, loopback_network: str) -> None:
    """Names of hosts come from the site's own people; they make file names all the same."""
    (tmp_path / "place").mkdir()
    place = Workplace(tmp_path / "place")
    names = [
        "../../escape",
        "</td><script>x</script>",
        "=cmd|calc!A1",
        "\u30ab\u30e1\u30e9",
        "a b",
        "CON",
        "-rf",
        "\u202egnp.exe",
    ]
    devices = [{"name": f"cam-{n}", "host": 11 + n, "model": "onvif-complete"} for n in range(len(names))]
    with running_lab(site={"name": "names", "devices": devices}, network=loopback_network) as lab:
        hosts = {name: device_login(lab.devices[n].address) for n, name in enumerate(names)}
        place.write_inventory(hosts, nwcs_tls_verify=str(lab.ca))
        runs = [place.play("record"), place.play("drift")]
    for run in runs:
        assert {device["host"] for device in run.result["devices"]} == set(names), run.said()
        assert [device["error"] for device in run.result["devices"]] == [None] * len(names)
        page = (run.folder / "report.html").read_text()
        assert "<script>x" not in page
        assert len(list((run.folder / "devices").iterdir())) == len(names)
    assert len(list((place.work / "sheets" / "demo").iterdir())) == len(names)
    assert {path.name for path in place.work.iterdir()} <= {"sheets", "reports", "state", "secrets"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["place"]

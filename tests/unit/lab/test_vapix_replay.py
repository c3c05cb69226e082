# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated AXIS devices answer as the recorded ones did, where both hold the same."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from vapix_box import Client

from ansible_collections.nwcs.hardening.lab.vapix.tree import TREES, Parameter

CAPTURES = Path(__file__).parents[2] / "captures" / "axis"
# Parameters whose value is another one on purpose -> why
OTHER = {
    "System.BoaPort": "moved up by the lab",
    "HTTPS.Port": "moved up by the lab",
    "Network.RTSP.Port": "moved up by the lab",
    "Network.RTSPS.Port": "moved up by the lab",
}
# Groups of which the tables hold a part only
LEFT_OUT = ("Image.I", "Layout", "NetworkShare", "Storage.S2", "Network.RTP.R", "TemperatureControl",
            "StreamProfile.S1", "PTZ.", "IOPort", "SMTP")  # fmt: skip
OWN = ("Network.", "Properties.System.SerialNumber", "Notify.KnownIP", "Time.NTP.VolatileServer")  # its own addresses


def recorded(version: str) -> dict[str, str]:
    text = (CAPTURES / f"{version}-parameters.txt").read_text(encoding="utf-8")
    rows = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {name.removeprefix("root."): value for name, value in rows.items()}


@pytest.mark.parametrize(("model", "version"), [("vapix-9", "9.80"), ("vapix-old", "5.51")])
def test_the_full_list_has_the_recorded_names_and_values(model: str, version: str) -> None:
    body = Client(model).ask("GET", "/axis-cgi/param.cgi?action=list").body.decode()
    have = dict(line.removeprefix("root.").split("=", 1) for line in body.splitlines())
    want = recorded(version)
    left_out = {name for name in want if name not in have}
    assert all(name.startswith(LEFT_OUT) for name in left_out), left_out
    same = {name: value for name, value in want.items() if name in have and name not in OTHER}
    other = {name for name, value in same.items() if have[name] != value}
    assert len(same) > 100 and {name for name in other if not name.startswith(OWN)} == set()


@pytest.mark.parametrize(("model", "version"), [("vapix-9", "9.80"), ("vapix-old", "5.51")])
def test_the_declared_types_are_the_recorded_ones(model: str, version: str) -> None:
    rows = Client(model).device.tree.rows
    seen = 0
    for line in (CAPTURES / "definitions.txt").read_text(encoding="utf-8").splitlines():
        firmware, name, kind, read_only, *words = (line.split("\t") + [""])[:99]
        if firmware != version or name not in rows:
            continue
        row, words = rows[name], [word for word in words if word]
        assert row.type.kind == kind, name
        assert ("readonly" in row.flags) is (read_only == "true"), name
        if kind == "bool":
            assert [row.type.get("true"), row.type.get("false")] == words, name
        elif kind == "enum":
            assert [entry[0] for entry in row.type.entries] == words, name
        elif kind == "string" and words:
            assert row.type.get("maxlen") == words[0], name
        seen += 1
    assert seen > 40


def test_the_list_of_apis_is_the_recorded_one() -> None:
    want = json.loads((CAPTURES / "9.80-apis.json").read_text(encoding="utf-8"))["data"]
    assert Client("vapix-9").json("apidiscovery", "getApiList")["data"] == want


def test_the_disks_have_the_recorded_shape() -> None:
    have = Client("vapix-9").ask("GET", "/axis-cgi/disks/list.cgi?diskid=all").body.decode()
    want = (CAPTURES / "9.80-disks.xml").read_text(encoding="utf-8")
    assert have.partition("diskid=")[0] == want.partition("diskid=")[0]
    for word in ("totalsize=", "cleanuppolicy=", 'status="OK"', "encryptionenabled=", 'group="S0"', 'group="S1"'):
        assert word in have and word in want


def test_a_missing_page_of_old_firmware_is_the_recorded_one() -> None:
    missing = Client("vapix-old").ask("POST", "/axis-cgi/apidiscovery.cgi", b"{}", "application/json")
    assert missing.status == 404 and dict(missing.headers)["Content-Type"] == "text/html; charset=ISO-8859-1"
    assert missing.body.startswith(b"<HTML><HEAD><TITLE>404 Not Found</TITLE></HEAD>\n<BODY><H1>404 Not Found</H1>\n")


def test_the_definitions_of_a_group_are_written_as_recorded() -> None:
    client = Client("vapix-old")
    path = "/axis-cgi/param.cgi?action=listdefinitions&listformat=xmlschema&group=root.Properties.Firmware"
    lines = client.ask("GET", path).body.decode("iso-8859-1").splitlines()
    assert lines[0] == '<?xml version="1.0" encoding="iso-8859-1" ?>' and lines[1] == "<parameterDefinitions"
    assert "  <firmwareVersion>5.51.7</firmwareVersion>" in lines
    wanted = [
        '        <parameter name="Version" value="5.51.7" securityLevel="7707" niceName="Version">',
        '          <type readonly="true" const="true">',
        "            <string />",
        "          </type>",
        "        </parameter>",
    ]
    start = lines.index(wanted[0])
    assert lines[start : start + 5] == wanted


def test_every_line_of_the_tables_can_be_read() -> None:
    for path in sorted(TREES.glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert line.startswith("#") or len(Parameter.parse(line).digits) == 4

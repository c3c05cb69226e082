# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ISAPI documents with words that are neither true nor false (H13): they are never taken for off, or passed over."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.nwcs.hardening.plugins.module_utils import reading
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.isapi import IsapiDriver

NS = 'xmlns="http://www.hikvision.com/ver20/XMLSchema"'


def accesses(*rows: str) -> dict[str, str]:
    return {"text": f"<AdminAccessProtocolList {NS}>{''.join(rows)}</AdminAccessProtocolList>"}


def state(key: str, tree: dict[str, str]) -> tuple[str, Any]:
    """What the reading says of a key over this one document."""
    binding = next(b for b in IsapiDriver.bindings if ".".join(b.key) == key and len(b.documents) == 1)
    ctx: Any = SimpleNamespace(missing=set())
    found = reading.decode(IsapiDriver(), ctx, {binding.documents[0]: tree})[binding.key]
    return found.state, found.value


def several(key: str, words: tuple[str, ...]) -> dict[str, str]:
    """A document that holds the flag of `key` several times."""
    root, row = {
        "services.zeroconf.enabled": ("NetworkInterfaceList", "<NetworkInterface><Discovery><Zeroconf><enabled>{}"
                                      "</enabled></Zeroconf></Discovery></NetworkInterface>"),
        "storage.edge_recording": ("TrackList", "<Track><id>1</id><Enable>{}</Enable></Track>"),
        "events.tamper": ("TamperDetection", "<TamperDetectionRegion><enabled>{}</enabled></TamperDetectionRegion>"),
    }[key]  # fmt: skip
    inner = "".join(row.format(word) for word in words)
    if key == "events.tamper":
        inner = f"<enabled>true</enabled><TamperDetectionRegionList>{inner}</TamperDetectionRegionList>"
    return {"text": f"<{root} {NS}>{inner}</{root}>"}


@pytest.mark.parametrize("key", ["services.zeroconf.enabled", "storage.edge_recording", "events.tamper"])
@pytest.mark.parametrize(("words", "expected"), [
    (("banana",), ("unverifiable", None)), (("false", "banana"), ("unverifiable", None)),
    (("banana", "true"), ("value", True)), (("false", "1"), ("value", True)), (("false", "FALSE"), ("value", False)),
])  # fmt: skip
def test_a_word_that_nobody_knows_does_not_mean_off(key: str, words: tuple[str, ...], expected: Any) -> None:
    assert state(key, several(key, words)) == expected


@pytest.mark.parametrize(("https", "http", "expected"), [
    ("<enabled>0</enabled>", "<enabled>false</enabled>", ("unverifiable", None)),
    ("<enabled>true</enabled>", "<enabled>1</enabled>", ("unverifiable", None)),
    ("<enabled>true</enabled>", "<enabled>0</enabled>", ("unverifiable", None)),
    ("<redirectToHttps>yes</redirectToHttps>", "", ("unverifiable", None)),
    ("<enabled>banana</enabled>", "<enabled>true</enabled>", ("value", False)),
    ("<enabled>false</enabled>", "<enabled>banana</enabled>", ("value", False)),
    ("<enabled>true</enabled>", "", ("value", False)),
    ("", "<enabled>false</enabled>", ("value", True)),
    ("<enabled>TRUE</enabled><redirectToHttps>true</redirectToHttps>", "", ("value", True)),
])  # fmt: skip
def test_https_only_is_not_told_from_a_word_that_nobody_knows(https: str, http: str, expected: Any) -> None:
    tree = accesses(f"<AdminAccessProtocol><protocol>HTTPS</protocol>{https}</AdminAccessProtocol>",
                    f"<AdminAccessProtocol><protocol>HTTP</protocol>{http}</AdminAccessProtocol>")  # fmt: skip
    assert state("tls.https_only", tree) == expected


@pytest.mark.parametrize(("old", "newer", "expected"), [
    ("1", "true", ("unverifiable", None)), ("false", "on", ("unverifiable", None)),
    ("false", "true", ("value", "1.2")), ("true", "banana", ("value", "1.1")),
])  # fmt: skip
def test_a_version_of_tls_whose_switch_nobody_knows_is_not_passed_over(old: str, newer: str, expected: Any) -> None:
    tree = accesses("<AdminAccessProtocol><protocol>HTTPS</protocol><enabled>true</enabled>"
                    f"<TLS1_1Enable>{old}</TLS1_1Enable><TLS1_2Enable>{newer}</TLS1_2Enable></AdminAccessProtocol>")
    assert state("tls.min_version", tree) == expected


@pytest.mark.parametrize(("rows", "expected"), [
    ("<AdminAccessProtocol><protocol>HTTPS</protocol><enabled>true</enabled></AdminAccessProtocol>",
     ("unverifiable", None)),
    ("<AdminAccessProtocol><protocol>HTTPS</protocol><enabled>false</enabled></AdminAccessProtocol>", ("value", False)),
    ("", ("value", False)),
])  # fmt: skip
def test_a_list_without_http_does_not_tell_that_there_is_none(rows: str, expected: Any) -> None:
    assert state("tls.https_only", accesses(rows)) == expected


@pytest.mark.parametrize(("ezviz", "ehome", "expected"), [
    ("", "<enabled>false</enabled>", ("unverifiable", None)), ("<enabled>false</enabled>", "", ("unverifiable", None)),
    ("", "<enabled>true</enabled>", ("value", True)), ("", "", ("unsupported", None)),
    ("<enabled>false</enabled>", "<enabled>false</enabled>", ("value", False)),
])  # fmt: skip
def test_h51_a_cloud_service_without_a_switch_is_not_off(ezviz: str, ehome: str, expected: Any) -> None:
    trees: Any = {name: {"text": f"<{name} {NS}>{inner}<registerStatus>true</registerStatus></{name}>"}
                  for name, inner in (("EZVIZ", ezviz), ("Ehome", ehome))}  # fmt: skip
    assert state("cloud.enabled", trees) == expected


@pytest.mark.parametrize(("word", "expected"), [
    ("banana", ("unverifiable", None)), ("", ("unverifiable", None)), ("false", ("value", [])),
    ("true", ("value", ["udp://192.0.2.9:514"])),
])  # fmt: skip
def test_a_word_that_nobody_knows_is_no_log_server(word: str, expected: Any) -> None:
    tree = {"text": f"<LogServer {NS}><enabled>{word}</enabled><ipAddress>192.0.2.9</ipAddress></LogServer>"}
    assert state("log.remote", tree) == expected

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Address filters of a simulated camera (H41, H61): a plan never shuts out who must be let in.

With the fault H41 the camera sees every caller under another address, as behind address translation.
"""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

import copy
from typing import Any

import pytest
from driver_cases import ONVIF, Rig, rig, short_pauses  # noqa: F401

RECORDER = "192.0.2.50"


def rules(kind: str, *sources: str) -> dict[str, Any]:
    """The camera's own form of a filter; all sources are IPv4."""
    pairs = [source.partition("/") for source in sources]
    entries = [{"Address": address, "PrefixLength": int(length or 32)} for address, _slash, length in pairs]
    return {"Type": kind, "IPv4Address": entries, "IPv6Address": []}


def holds(run: Rig, kind: str, *sources: str) -> None:
    run.lab.call(lambda: run.device.state["ip_filter"].update(rules(kind, *sources)))


def translated(run: Rig) -> str:
    """By which address the camera sees everybody under H41."""
    return f"{run.device.address.rpartition('.')[0]}.254"


def stays(run: Rig, design: dict[str, Any], *named: str, **more: Any) -> None:
    """Every change of the filter is guarded, with all of `named` in the reason; nothing is sent, we still come in."""
    before = copy.deepcopy(run.device.state["ip_filter"])
    result = run.harden({"access": design}, **more)
    for key, line in result["outcomes"].items():
        assert line["outcome"] == "guarded" and line["guard"] == "seen-address", (key, line)
        assert all(text in line["why"] for text in named) and "[guard: seen-address]" in line["why"], (key, line)
    assert set(result["outcomes"]) == {f"access.{name}" for name in design}
    assert run.writes() == [] and run.device.state["ip_filter"] == before
    assert run.read()["login"] == "current"


def becomes(run: Rig, design: dict[str, Any], **more: Any) -> list[str]:
    """The filter is changed, we still come in; its addresses afterwards."""
    result = run.harden({"access": design}, **more)
    assert result["error"] is None, result["error"]
    assert {line["outcome"] for line in result["outcomes"].values()} <= {"changed", "ok"}, result["outcomes"]
    assert run.read()["login"] == "current"
    return [f"{row['Address']}/{row['PrefixLength']}" for row in run.device.state["ip_filter"]["IPv4Address"]]


def test_deny_of_the_translated_network_is_guarded() -> None:
    """Our own address is not in it, so only the address that the camera sees tells."""
    with rig(ONVIF, "H41") as run:
        seen = translated(run)
        network = f"{seen.rpartition('.')[0]}.0/24"
        stays(run, {"mode": "deny", "sources": [network]}, seen, seen_as=[seen])


def test_a_list_that_holds_our_own_but_not_the_translated_address_does_not_become_what_is_allowed() -> None:
    with rig(ONVIF, "H41") as run:
        seen = translated(run)
        holds(run, "Deny", "127.0.0.1", "198.51.100.0/24")
        stays(run, {"mode": "allow"}, seen, RECORDER, seen_as=[seen], recorders=[RECORDER])


def test_allow_alone_with_an_empty_list_is_guarded() -> None:
    with rig(ONVIF) as run:
        stays(run, {"mode": "allow"}, "127.0.0.1")


def test_an_allowed_list_does_not_become_who_stays_out() -> None:
    with rig(ONVIF) as run:
        holds(run, "Allow", "127.0.0.0/8")
        stays(run, {"mode": "deny"}, "127.0.0.1")


@pytest.mark.parametrize("before", ["off", "deny"])
def test_the_recorder_is_not_put_among_who_stays_out(before: str) -> None:
    with rig(ONVIF) as run:
        design: dict[str, Any] = {"mode": "deny", "sources": ["192.0.2.0/24"]}
        if before == "deny":
            holds(run, "Deny", "198.51.100.0/24")
            del design["mode"]
        stays(run, design, RECORDER, recorders=[RECORDER])


def test_a_recorder_without_an_address_is_no_reason_to_guess() -> None:
    with rig(ONVIF) as run:
        stays(run, {"mode": "allow", "sources": ["192.0.2.0/24"]}, "nvr.example", recorders=["nvr.example"])


def test_a_list_of_who_stays_out_grows_without_us() -> None:
    with rig(ONVIF) as run:
        holds(run, "Deny", "198.51.100.0/24")
        design = {"sources": ["198.51.100.0/24", "203.0.113.0/24"]}
        assert sorted(becomes(run, design, recorders=[RECORDER])) == ["198.51.100.0/24", "203.0.113.0/24"]
        assert run.device.state["ip_filter"]["Type"] == "Deny"


def test_an_allowed_list_grows_with_the_translated_address_and_the_recorder() -> None:
    with rig(ONVIF, "H41") as run:
        seen = translated(run)
        holds(run, "Allow", f"{seen}/32")
        held = becomes(run, {"sources": ["203.0.113.0/24"]}, seen_as=[seen], recorders=[RECORDER])
        assert {f"{seen}/32", f"{RECORDER}/32", "203.0.113.0/24"} < set(held), "and our own address"


def test_a_filter_that_stays_is_not_looked_at() -> None:
    """It shuts out the recorder already; that is not what this plan does."""
    with rig(ONVIF) as run:
        holds(run, "Deny", "192.0.2.0/24")
        result = run.harden({"access": {"mode": "deny"}, "identity": {"hostname": "cam-7"}}, recorders=[RECORDER])
        said = {key: line["outcome"] for key, line in result["outcomes"].items()}
        assert said == {"access.mode": "ok", "identity.hostname": "changed"} and result["error"] is None


def test_a_filter_that_shuts_a_recorder_out_can_be_switched_off() -> None:
    with rig(ONVIF) as run:
        holds(run, "Deny", "192.0.2.0/24")
        assert becomes(run, {"mode": "off", "sources": []}, recorders=[RECORDER]) == []

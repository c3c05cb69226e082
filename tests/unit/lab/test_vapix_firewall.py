# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall of simulated AXIS devices: trial, confirmation, way back, who gets in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from vapix_box import Client

from ansible_collections.nwcs.hardening.lab.vapix.firewall import Firewall, FirewallError

RULES = "rest/firewall/v1/conf"


class Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def rule(policy: str = "ACCEPT", **members: Any) -> dict[str, Any]:
    return {"ruleType": "FILTER", "filter": {"policy": policy}} | members


def test_a_trial_is_in_force_at_once_and_ends_by_itself() -> None:
    client, clock = Client(), Clock()
    client.device.clock = clock
    data = {"rules": [rule(ip="127.0.0.1", tcpPort=8080)], "defaultPolicy": "DROP", "fallbackTime": 60}
    assert client.rest("POST", f"{RULES}/setRules", data)[1]["error"]["code"] == 103
    assert client.rest("PATCH", "rest/firewall/v1/activated", True)[0] == 200
    assert client.rest("POST", f"{RULES}/setRules", data) == (200, {"status": "success"})
    told = client.rest("GET", f"{RULES}/rules")[1]["data"]
    assert told["testTimeLeft"] == 60 and told["activeRules"] == [] and told["pendingDefaultPolicy"] == "DROP"
    assert told["pendingRules"][0]["tcpPort"] == 8080 and told["pendingRules"][0]["mac"] is None
    device = client.device
    assert device.admits_port("127.0.0.1", 8080) and not device.admits_port("127.0.0.1", 8443)
    assert not device.admits("10.0.0.1")
    clock.seconds += 60
    assert device.admits("10.0.0.1") and client.rest("GET", f"{RULES}/rules")[1]["data"]["pendingRules"] == []


def test_a_confirmed_trial_stays_and_a_cleared_one_goes() -> None:
    client, clock = Client(firewall={"activated": True}), Clock()
    client.device.clock = clock
    data = {"rules": [rule(ip="127.0.0.0/8")], "defaultPolicy": "DROP", "fallbackTime": 60}
    client.rest("POST", f"{RULES}/setRules", data)
    client.rest("POST", f"{RULES}/clearPendingRules", {})
    assert client.device.admits("10.0.0.1")
    assert client.rest("POST", f"{RULES}/confirmRules", {})[0] == 400, "nothing is pending"
    client.rest("POST", f"{RULES}/setRules", data)
    assert client.rest("POST", f"{RULES}/confirmRules", {})[0] == 200
    clock.seconds += 600
    assert not client.device.admits("10.0.0.1") and client.device.admits("127.0.0.1")


def test_a_restart_ends_a_trial_and_keeps_what_was_confirmed() -> None:
    client = Client(firewall={"activated": True, "rules": [rule("DROP", ip="10.0.0.1")]})
    client.rest("POST", f"{RULES}/setRules", {"rules": [], "defaultPolicy": "ACCEPT", "fallbackTime": 60})
    assert client.device.admits("10.0.0.1")
    client.device.restart(0)
    assert not client.device.admits("10.0.0.1")


def test_the_answer_to_a_confirmation_can_be_lost() -> None:
    client = Client(firewall={"activated": True}, faults=["firewall-lost-confirm"])
    client.rest("POST", f"{RULES}/setRules", {"rules": [], "defaultPolicy": "ACCEPT", "fallbackTime": 60})
    response = client.ask("POST", f"/config/{RULES}/confirmRules", b'{"data": {}}', "application/json")
    assert response.cut == "close" and client.device.firewall.pending is None


@pytest.mark.parametrize(
    ("rules", "admitted"),
    [
        ([rule("DROP", ip="10.0.0.1"), rule(ip="10.0.0.0/8")], False),
        ([rule(ip="10.0.0.0/8"), rule("DROP", ip="10.0.0.1")], True),
        ([rule(ipRange={"start": "10.0.0.1", "end": "10.0.0.9"})], True),
        ([rule(ipRange={"start": "10.0.0.2", "end": "10.0.0.9"})], False),
        ([rule(udpPort=80)], False),
        ([rule(portRange={"portType": "TCP", "start": 1, "end": 100})], True),
        ([rule(port={"portType": "UDP", "portNum": 80})], False),
        ([rule(port={"portType": "BOTH", "portNum": 80})], True),
        ([rule(mac="02:00:00:00:00:01")], False),
        ([{"ruleType": "LIMIT", "tcpPort": 80, "limit": {"amount": 1, "period": "SECOND"}}], False),
    ],
)
def test_the_first_rule_that_fits_decides(rules: list[dict[str, Any]], admitted: bool) -> None:
    wall = Firewall(Clock(), {"activated": True, "rules": rules, "defaultPolicy": "DROP"})
    assert wall.admits("10.0.0.1", 80) is admitted


@pytest.mark.parametrize(
    "wrong",
    [
        {"rules": {}},
        {"rules": [{"ruleType": "ALLOW"}]},
        {"rules": [rule(ip="10.0.0.300")]},
        {"rules": [rule(ip="10.0.0.1", mac="02:00:00:00:00:01")]},
        {"rules": [rule(tcpPort=0)]},
        {"rules": [], "defaultPolicy": "REJECT"},
        {"rules": [], "fallbackTime": -1},
    ],
)
def test_what_is_no_rule_is_refused(wrong: dict[str, Any]) -> None:
    wall = Firewall(Clock(), {"activated": True})
    with pytest.raises(FirewallError):
        wall.set_rules(wrong)
    assert wall.rules == [] and wall.policy == "ACCEPT"

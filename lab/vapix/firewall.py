# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The REST firewall of AXIS OS 11 and 12: rules in order, a default policy, a trial with its way back
(fact sheet 12)."""

from __future__ import annotations

import copy
import ipaddress
from collections.abc import Callable
from typing import Any

ADDRESSES = ("ip", "ipRange", "mac")
PORTS = ("tcpPort", "udpPort", "port", "portRange", "pktType")


class FirewallError(Exception):
    """Code and message of the API; 103 when a trial is asked for while the firewall is off."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Firewall:
    """`clock` gives seconds; the trial counts by it."""

    def __init__(self, clock: Callable[[], float], given: dict[str, Any]) -> None:
        self.clock = clock
        self.activated = bool(given.get("activated", False))
        self.rules: list[dict[str, Any]] = copy.deepcopy(given.get("rules") or [])
        self.policy = str(given.get("defaultPolicy", "ACCEPT"))
        self.pending: tuple[list[dict[str, Any]], str] | None = None
        self.until = 0.0

    # -- the API's words -------------------------------------------------------------------------------------------
    def report(self) -> dict[str, Any]:
        """GET conf/rules."""
        self.tick()
        rules, policy = self.pending or ([], None)
        return {
            "activeDefaultPolicy": self.policy,
            "activeRules": [_whole(rule) for rule in self.rules],
            "pendingRules": [_whole(rule) for rule in rules],
            "pendingDefaultPolicy": policy,
            "testTimeLeft": max(0, round(self.until - self.clock())) if self.pending else 0,
        }

    def set_rules(self, data: Any) -> None:
        """POST conf/setRules: replaces all rules; with a fallbackTime on trial only."""
        if not isinstance(data, dict) or not isinstance(data.get("rules"), list):
            raise FirewallError(2, "Invalid data: rules must be a list")
        policy, seconds = data.get("defaultPolicy", self.policy), data.get("fallbackTime", 0)
        if policy not in ("ACCEPT", "DROP"):
            raise FirewallError(2, "Invalid data: defaultPolicy")
        if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
            raise FirewallError(2, "Invalid data: fallbackTime")
        rules = [_lean(rule) for rule in data["rules"]]
        for rule in rules:
            check_rule(rule)
        if seconds and not self.activated:
            raise FirewallError(103, "The firewall is not activated")
        if seconds:
            self.pending, self.until = (rules, policy), self.clock() + seconds
        else:
            self.rules, self.policy, self.pending = rules, policy, None

    def confirm(self) -> None:
        self.tick()
        if self.pending is None:
            raise FirewallError(104, "No pending rules")
        (self.rules, self.policy), self.pending = self.pending, None

    def forget(self) -> None:
        """clearPendingRules, the end of a trial, and a restart."""
        self.pending = None

    def tick(self) -> None:
        if self.pending is not None and self.clock() >= self.until:
            self.forget()

    def public(self) -> dict[str, Any]:
        return {"activated": self.activated} | self.report()

    # -- packets ---------------------------------------------------------------------------------------------------
    def admits(self, peer: str, port: int) -> bool:
        """Whether a TCP connection from `peer` to the lab's `port` gets in; port 0 asks for any port at all."""
        self.tick()
        if not self.activated:
            return True
        rules, policy = self.pending or (self.rules, self.policy)
        for rule in rules:
            if rule["ruleType"] != "FILTER" or not _source(rule, peer):
                continue
            verdict = rule["filter"]["policy"] == "ACCEPT"
            if _port(rule, port) or (port == 0 and verdict and "udpPort" not in rule and "pktType" not in rule):
                return verdict
        return policy == "ACCEPT"


def check_rule(rule: Any) -> None:
    """Raises FirewallError for what is no rule."""
    if not isinstance(rule, dict) or rule.get("ruleType") not in ("FILTER", "LIMIT"):
        raise FirewallError(2, "Invalid data: ruleType")
    if sum(key in rule for key in ADDRESSES) > 1 or sum(key in rule for key in PORTS) > 1:
        raise FirewallError(2, "Invalid data: one address and one port at most")
    try:
        if "ip" in rule:
            ipaddress.ip_network(rule["ip"], strict=False)
        if "ipRange" in rule:
            ipaddress.ip_address(rule["ipRange"]["start"])
            ipaddress.ip_address(rule["ipRange"]["end"])
        for key in ("tcpPort", "udpPort"):
            if key in rule and not 0 < int(rule[key]) < 65536:
                raise ValueError
        if "port" in rule:
            int(rule["port"]["portNum"])
        if "portRange" in rule:
            span = [int(rule["portRange"][key]) for key in ("start", "end")]
            if not 0 < span[0] <= span[1] < 65536:
                raise ValueError
        if rule["ruleType"] == "FILTER":
            if rule["filter"]["policy"] not in ("ACCEPT", "DROP"):
                raise ValueError
        else:
            int(rule["limit"]["amount"])
    except (ValueError, TypeError, KeyError):
        raise FirewallError(2, "Invalid data: rule") from None


def _lean(rule: Any) -> Any:
    """Without the members that are null: setting a rule they may be left out."""
    return {k: copy.deepcopy(v) for k, v in rule.items() if v is not None} if isinstance(rule, dict) else rule


def _whole(rule: dict[str, Any]) -> dict[str, Any]:
    """As the API shows a rule: what it does not say is null."""
    empty = dict.fromkeys(("ip", "mac", "tcpPort", "udpPort", "port", "portRange", "pktType"))
    return empty | copy.deepcopy(rule)


def _source(rule: dict[str, Any], peer: str) -> bool:
    try:
        source = ipaddress.ip_address(peer)
        if "ip" in rule:
            return source in ipaddress.ip_network(rule["ip"], strict=False)
        if "ipRange" in rule:
            first, last = (ipaddress.ip_address(rule["ipRange"][key]) for key in ("start", "end"))
            return source.version == first.version and first <= source <= last  # type: ignore[operator]
    except (ValueError, TypeError):
        return False
    return "mac" not in rule


def _port(rule: dict[str, Any], port: int) -> bool:
    if "tcpPort" in rule:
        return int(rule["tcpPort"]) == port
    if "port" in rule:
        return rule["port"].get("portType", "TCP").upper() != "UDP" and int(rule["port"]["portNum"]) == port
    if "portRange" in rule:
        span = rule["portRange"]
        return span.get("portType", "TCP").upper() != "UDP" and int(span["start"]) <= port <= int(span["end"])
    return "udpPort" not in rule and "pktType" not in rule

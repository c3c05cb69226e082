# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The router's net under power cuts, network cuts and a firewall that closes the caller's own way (H41, H45)."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import http.client
import json
import time

import pytest

from ansible_collections.nwcs.hardening.lab.testing import is_open, running_lab

NULL = "0" * 32


class Client:
    """JSON-RPC by hand over plain HTTP; one connection as long as it lasts, from `source`."""

    def __init__(self, device, source: str = "", timeout: float = 3.0) -> None:
        self.device, self.source, self.timeout = device, source, timeout
        self.sid = NULL
        self.connect()

    def connect(self) -> None:
        local = (self.source, 0) if self.source else None
        self.http = http.client.HTTPConnection(
            self.device.address, self.device.ports["http"], timeout=self.timeout, source_address=local
        )

    def call(self, obj: str, method: str, **args):
        body = {"jsonrpc": "2.0", "id": 1, "method": "call", "params": [self.sid, obj, method, args]}
        self.http.request("POST", "/ubus", json.dumps(body), {"Content-Type": "application/json"})
        answer = json.loads(self.http.getresponse().read())
        return answer["result"] if "result" in answer else answer["error"]["code"]

    def login(self, password: str = "") -> Client:
        self.sid = NULL
        status, data = self.call("session", "login", username="root", password=password)
        assert status == 0
        self.sid = data["ubus_rpc_session"]
        return self

    def set(self, config: str, section: str, **values) -> None:
        assert self.call("uci", "set", config=config, section=section, values=values) == [0]

    def hostname(self) -> str:
        return self.call("uci", "get", config="system", section="@system[0]", option="hostname")[1]["value"]


@pytest.fixture
def lab():
    entry = {"name": "router", "model": "openwrt-full-acl", "host": 1, "overrides": {"boot_seconds": 0.1}}
    with running_lab([entry]) as running:
        yield running


@pytest.fixture
def router(lab):
    return lab.device("router")


def lost(*errors):
    return pytest.raises(errors or (ConnectionError, http.client.HTTPException, TimeoutError))


def back(lab, router) -> None:
    lab.wait(lambda: is_open(router.address, router.ports["http"]))


def stored(router, config: str = "system") -> str:
    return router.store.files[config]


# -- power -------------------------------------------------------------------------------------------------------------
def test_what_is_staged_dies_with_the_power(lab, router):
    client = Client(router).login()
    client.set("system", "@system[0]", hostname="staged")
    lab.power("router", False)
    assert "staged" not in stored(router)
    lab.power("router", True)
    back(lab, router)
    client.connect()
    assert client.call("uci", "changes") == -32002, "the session is gone"
    assert client.login().call("uci", "changes") == [0, {"changes": {}}]


@pytest.mark.parametrize("when", ["during", "after"])
def test_a_power_cut_within_an_apply_with_rollback_makes_the_change_stay(lab, router, when):
    """apply commits to flash at once and keeps its way back in /var/run, which is memory (fact sheet 6)."""
    client = Client(router).login()
    client.set("system", "@system[0]", hostname="applied")
    lab.cut_at("router", operation="uci.apply", when=when, back_after=0.1)
    with lost():
        client.call("uci", "apply", rollback=True, timeout=1)
    assert router.uci.pending is None
    back(lab, router)
    time.sleep(1.1)
    client.connect()
    assert client.login().hostname() == "applied", "no timer is left to take it back"
    assert client.call("uci", "confirm") == [5]


def test_a_power_cut_before_the_apply_changes_nothing(lab, router):
    client = Client(router).login()
    before = client.hostname()
    client.set("system", "@system[0]", hostname="applied")
    lab.cut_at("router", operation="uci.apply", when="before", back_after=0.1)
    with lost():
        client.call("uci", "apply", rollback=True, timeout=1)
    back(lab, router)
    client.connect()
    assert client.login().hostname() == before


@pytest.mark.parametrize(("fault", "password"), [("", "Planted-1"), ("H16", "")])
def test_a_password_that_was_only_in_memory_is_gone(lab, router, fault, password):
    if fault:
        lab.fault("router", fault)
    client = Client(router).login()
    assert client.call("rpc-sys", "password_set", user="root", password="Planted-1") == [0]
    assert router.shadow["root"]
    lab.power("router", False)
    lab.power("router", True)
    back(lab, router)
    client.connect()
    client.login(password)


def test_a_batch_under_way_ends_with_the_power(lab, router):
    client = Client(router).login()
    body = [
        {"jsonrpc": "2.0", "id": 1, "method": "call", "params": [client.sid, *call]}
        for call in (("file", "exec", {"command": "/bin/sleep", "params": ["0.3"]}),
                     ("rpc-sys", "password_set", {"user": "root", "password": "Planted-2"}))
    ]  # fmt: skip
    client.http.request("POST", "/ubus", json.dumps(body))
    time.sleep(0.1)
    lab.power("router", False)
    time.sleep(0.5)
    assert not router.shadow["root"], "what came after the sleep was never done"


# -- network -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["silent", "reset"])
def test_a_network_cut_lets_the_timer_run_and_the_router_goes_back(lab, router, how):
    client = Client(router, timeout=0.5).login()
    before = client.hostname()
    client.set("system", "@system[0]", hostname="applied")
    lab.cut_at("router", operation="uci.apply", when="after", what="network", how=how)
    with lost():
        client.call("uci", "apply", rollback=True, timeout=1)
    assert "applied" in stored(router)
    lab.wait(lambda: "applied" not in stored(router), 10)
    lab.link("router", True)
    back(lab, router)
    client.timeout = 10.0  # short only for the answer that does not come
    client.connect()
    assert client.hostname() == "applied", "the session lives on, and has the change staged again"
    assert client.login().hostname() == before


def test_a_session_that_ended_is_no_step_that_acted(lab, router):
    client = Client(router)
    lab.count("router")
    client.sid = "f" * 32
    assert client.call("uci", "apply", rollback=True) == -32002
    client.login()
    client.set("system", "@system[0]", hostname="x")
    assert [(step.operation, step.write, step.acted) for step in lab.steps("router")] == [
        ("uci.apply", True, False), ("session.login", False, True), ("uci.set", True, True),
    ]  # fmt: skip


def test_a_late_apply_is_done(lab, router):
    client = Client(router, timeout=0.3).login()
    client.set("system", "@system[0]", hostname="late")
    lab.answer_late("router", 1.0, operation="uci.apply")
    with lost(TimeoutError):
        client.call("uci", "apply", rollback=False)
    assert "late" in stored(router)


# -- firewall ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("side", ["lan", "wan"])
def test_closing_our_own_zone_cuts_us_off_and_the_rollback_brings_us_back(lab, router, side):
    source = "" if side == "lan" else str(router.wan_clients[9])
    if side == "wan":
        assert not reaches(router, source)
        client = Client(router).login()
        client.set("firewall", "@zone[1]", input="ACCEPT")
        assert client.call("uci", "apply", rollback=False) == [0]
    client = Client(router, source).login()
    client.set("firewall", "@zone[0]" if side == "lan" else "@zone[1]", input="DROP")
    assert client.call("uci", "apply", rollback=True, timeout=1) == [0]
    assert not reaches(router, source), "a new connection is dropped"
    assert client.hostname(), "an established one passes: it proves nothing about the way in"
    lab.wait(lambda: reaches(router, source), 3)


def test_a_rule_lets_us_in_through_a_closed_zone(lab, router):
    client = Client(router).login()
    client.set("firewall", "@zone[0]", input="REJECT")
    values = {"src": "lan", "proto": "tcp", "dest_port": "8080", "src_ip": "127.0.0.1", "target": "ACCEPT"}
    assert client.call("uci", "add", config="firewall", type="rule", values=values)[0] == 0
    assert client.call("uci", "apply", rollback=True, timeout=2) == [0]
    assert reaches(router, "127.0.0.1") and not reaches(router, f"{lab.network}.77")


def reaches(router, source: str) -> bool:
    client = Client(router, source, timeout=1.0)
    try:
        client.login()
    except (ConnectionError, http.client.HTTPException, TimeoutError):
        return False
    finally:
        client.http.close()
    return True


def test_the_router_has_no_lock(lab, router):
    client = Client(router)
    client.login().call("rpc-sys", "password_set", user="root", password="Planted-3")
    client.sid = NULL
    for _unused in range(12):
        assert client.call("session", "login", username="root", password="wrong") == [6]
    assert lab.locked("router") == {} and len(lab.logins("router")) == 12
    client.login("Planted-3")

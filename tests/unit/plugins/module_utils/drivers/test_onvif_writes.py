# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ONVIF driver against simulated devices: what it writes, and what it refuses to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from onvif_driver_box import DRIVER, SECRET, binding, device, document, logins, opened, read, transport, write

from ansible_collections.nwcs.hardening.plugins.module_utils import errors
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Credential


# -- accounts ----------------------------------------------------------------------------------------------------------
def test_an_account_is_made_changed_and_removed() -> None:
    with device("onvif-complete") as (lab, cam):
        ctx = opened(lab, viewer1=SECRET)
        role, password = binding("accounts.*.role"), binding("accounts.*.password")
        write(ctx, "users", lambda tree: role.put(tree, "viewer1", "viewer"))
        tree = read(ctx, "users")
        assert role.get(tree, "viewer1") == "viewer"
        DRIVER.login(transport(lab), Credential("viewer1", SECRET))
        write(ctx, "users", lambda tree: role.put(tree, "viewer1", "operator"))
        assert role.get(read(ctx, "users"), "viewer1") == "operator"
        assert cam.state["users"][-1]["Password"] == SECRET, "a change of the level keeps the password (H10)"
        ctx._secrets["accounts.viewer1"] = SECRET + "b"
        write(ctx, "users", lambda tree: password.put(tree, "viewer1", "set"))
        DRIVER.login(transport(lab), Credential("viewer1", SECRET + "b"))
        write(ctx, "users", lambda tree: role.put(tree, "viewer1", None))
        assert "viewer1" not in read(ctx, "users")["users"]
        ctx.close()


def test_what_would_lose_the_device_is_not_sent() -> None:
    role, password = binding("accounts.*.role"), binding("accounts.*.password")
    with device("onvif-complete", "H11") as (lab, _cam):
        ctx = opened(lab, service=SECRET, ghost=SECRET, admin="", empty="")
        for edit, word in (
            (lambda tree: role.put(tree, "admin", None), "in use"),
            (lambda tree: role.put(tree, "admin", "viewer"), "level of the account in use"),
            (lambda tree: password.put(tree, "ghost", "set"), "no account"),
            (lambda tree: password.put(tree, "admin", "set"), "empty password"),
            (lambda tree: role.put(tree, "empty", "viewer"), "empty password"),
        ):
            with pytest.raises(errors.Refused, match=word):
                write(ctx, "users", edit)
        with pytest.raises(errors.InputError, match="stranger"):
            write(ctx, "users", lambda tree: role.put(tree, "stranger", "viewer"))
        ctx.credential = Credential("service", "service")
        with pytest.raises(errors.Refused, match="no administrator"):
            write(ctx, "users", lambda tree: role.put(tree, "admin", None))
        assert not lab.writes("cam")
        ctx.close()


def test_a_built_in_account_is_refused_in_words() -> None:
    with device("onvif-complete") as (lab, _cam):
        ctx = opened(lab, second=SECRET)
        role = binding("accounts.*.role")
        write(ctx, "users", lambda tree: role.put(tree, "second", "administrator"))
        other = opened(lab, Credential("second", SECRET))
        with pytest.raises(errors.Refused, match="built in"):
            write(other, "users", lambda tree: role.put(tree, "admin", None))
        assert "admin" in read(other, "users")["users"]
        ctx.close()
        other.close()


@pytest.mark.parametrize("model", ["onvif-complete", "onvif-strict"])
def test_our_own_password_changes_under_way(model: str) -> None:
    with device(model) as (lab, _cam):
        ctx = opened(lab, admin=SECRET)
        write(ctx, "users", lambda tree: binding("accounts.*.password").put(tree, "admin", "set"))
        assert "admin" in read(ctx, "users")["users"]
        assert logins(lab, "refused") == 0
        DRIVER.login(transport(lab), Credential("admin", SECRET))
        ctx.close()


def test_a_password_that_was_not_taken_costs_one_attempt() -> None:
    with device("onvif-complete", "H01") as (lab, _cam):
        ctx = opened(lab, admin=SECRET)
        write(ctx, "users", lambda tree: binding("accounts.*.password").put(tree, "admin", "set"))
        assert "admin" in read(ctx, "users")["users"]
        assert logins(lab, "refused") == 1 and any("old one" in note for note in ctx.notes)
        ctx.close()


def test_limits_of_accounts() -> None:
    with device("onvif-poor") as (lab, _cam):
        ctx = opened(lab)
        ctx.capabilities = {"MaxUserNameLength": "15", "MaxUsers": "2", "MaxPasswordLength": "16"}
        tree, limits = read(ctx, "users"), binding("accounts.*.role").limits
        assert limits(ctx, tree, "ops", "viewer") is None
        assert "15 characters" in limits(ctx, tree, "a" * 16, "viewer")
        assert "levels" in limits(ctx, tree, "ops", "other")
        tree["users"]["second"] = {"name": "second", "level": "User"}
        assert "2 accounts" in limits(ctx, tree, "ops", "viewer")
        assert DRIVER.password_rules(ctx).max_length == 16
        ctx.close()


# -- other documents ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("fault", ["H06-replace", "H06-merge"])
def test_protocols_are_sent_as_a_whole(fault: str) -> None:
    with device("onvif-complete", fault) as (lab, _cam):
        ctx = opened(lab)
        write(ctx, "protocols", lambda tree: binding("services.*.enabled").put(tree, "rtsp", False))
        tree = read(ctx, "protocols")
        enabled = {item: binding("services.*.enabled").get(tree, item) for item in ("http", "https", "rtsp")}
        assert enabled == {"http": True, "https": False, "rtsp": False}
        assert binding("services.*.enabled").domain == ("http", "https", "rtsp")
        ctx.close()


def test_a_protocol_that_is_not_listed_is_never_made() -> None:
    with device("onvif-poor") as (lab, _cam):
        ctx = opened(lab)
        tree, row = read(ctx, "protocols"), binding("services.*.enabled")
        assert "https" not in row.items(tree) and row.absent.state == "not_offered"
        assert "does not list" in row.limits(ctx, tree, "https", True)
        with pytest.raises(KeyError):
            row.put(tree, "telnet", True)
        ctx.close()


def test_time_follows_a_server_in_the_right_order() -> None:
    with device("onvif-complete") as (lab, cam):
        ctx = opened(lab)
        write(ctx, "ntp", lambda tree: binding("time.servers").put(tree, ["192.0.2.5", "ntp.example.net"]))
        write(ctx, "clock", lambda tree: binding("time.sync").put(tree, "ntp"))
        write(ctx, "clock", lambda tree: binding("time.zone").put(tree, "JST-9"))
        assert read(ctx, "ntp")["manual"] == ["192.0.2.5", "ntp.example.net"]
        tree = read(ctx, "clock")
        assert (tree["type"], tree["zone"], tree["dst"]) == ("NTP", "JST-9", False)
        assert {entry["Type"] for entry in cam.state["ntp"]["NTPManual"]} == {"IPv4", "DNS"}
        write(ctx, "ntp", lambda tree: binding("time.servers").put(tree, ["ntp2.example.net"]))  # while NTP is on
        assert read(ctx, "ntp")["manual"] == ["ntp2.example.net"] and read(ctx, "clock")["type"] == "NTP"
        ctx.close()


def test_names_and_places() -> None:
    with device("onvif-complete") as (lab, _cam):
        ctx = opened(lab)
        name, place = binding("identity.name"), binding("identity.location")
        before = document("scopes").rest(read(ctx, "scopes"))
        write(ctx, "scopes", lambda tree: (name.put(tree, "入口 1/2"), place.put(tree, "")))
        tree = read(ctx, "scopes")
        assert name.get(tree) == "入口 1/2" and place.get(tree) == ""
        assert document("scopes").rest(tree) == before, "scopes of others stay"
        write(ctx, "scopes", lambda tree: name.put(tree, ""))
        assert name.get(read(ctx, "scopes")) == ""
        write(ctx, "hostname", lambda tree: binding("identity.hostname").put(tree, "cam-1"))
        assert read(ctx, "hostname")["name"] == "cam-1"
        assert binding("identity.hostname").limits(ctx, {}, "", "no good_name")
        ctx.close()


def test_switches_off() -> None:
    with device("onvif-complete") as (lab, _cam):
        ctx = opened(lab)
        for name, key in (("discovery_mode", "services.ws_discovery.enabled"), ("dynamic_dns", "ddns.enabled"),
                          ("zero_configuration", "services.zeroconf.enabled")):  # fmt: skip
            assert binding(key).get(read(ctx, name)) is True
            write(ctx, name, lambda tree, key=key: binding(key).put(tree, False))
            assert binding(key).get(read(ctx, name)) is False
        write(ctx, "dns", lambda tree: binding("network.dns_servers").put(tree, ["192.0.2.53"]))
        assert binding("network.dns_servers").get(read(ctx, "dns")) == ["192.0.2.53"]
        ctx.close()


def test_the_address_filter_never_shuts_us_out() -> None:
    with device("onvif-complete") as (lab, _cam):
        ctx = opened(lab)
        mode, sources = binding("access.mode"), binding("access.sources")
        ours = ctx.transport.local_address()
        assert mode.get(read(ctx, "ip_filter")) == "off"

        def edit(word: str, addresses: list[str] | None = None) -> Callable[[Any], None]:
            def run(tree: Any) -> None:
                mode.put(tree, word)
                if addresses is not None:
                    sources.put(tree, addresses)

            return run

        for bad in (edit("allow", []), edit("allow", ["192.0.2.0/24"]), edit("deny", [ours]), edit("deny", []),
                    edit("off", ["192.0.2.1"]), edit("allow", [ours, "name.example"])):  # fmt: skip
            with pytest.raises(errors.Refused):
                write(ctx, "ip_filter", bad)
        assert not lab.writes("cam")
        write(ctx, "ip_filter", edit("allow", [ours, "192.0.2.0/24", "2001:db8::/32"]))
        tree = read(ctx, "ip_filter")
        assert mode.get(tree) == "allow" and len(sources.get(tree)) == 3
        write(ctx, "ip_filter", edit("off"))
        assert mode.get(read(ctx, "ip_filter")) == "off" and sources.get(read(ctx, "ip_filter")) == []
        ctx.close()


def test_a_restart_is_told_where_it_is_announced() -> None:
    seen = {}
    for model in ("onvif-restart", "onvif-restart-silent"):
        with device(model) as (lab, _cam):
            ctx = opened(lab)
            stored = write(ctx, "protocols", lambda tree: binding("services.*.enabled").put(tree, "rtsp", False))
            seen[model] = bool(stored and stored.restart)
            if model == "onvif-restart":
                DRIVER.restart(ctx)
                lab.wait(lambda log=lab: any(entry.operation == "SystemReboot" for entry in log.log("cam")))
            ctx.close()
    assert seen == {"onvif-restart": True, "onvif-restart-silent": False}


def test_a_refused_account_does_not_stop_the_others() -> None:
    with device("onvif-complete") as (lab, _cam):
        ctx = opened(lab, second=SECRET)
        role = binding("accounts.*.role")
        write(ctx, "users", lambda tree: role.put(tree, "second", "administrator"))
        other = opened(lab, Credential("second", SECRET))
        with pytest.raises(errors.Refused, match="'admin'"):
            write(other, "users", lambda tree: (role.put(tree, "admin", None), role.put(tree, "service", None)))
        assert set(read(other, "users")["users"]) == {"admin", "second"}
        ctx.close()
        other.close()


def test_https_only_is_a_goal_of_two_switches() -> None:
    row = binding("tls.https_only")
    with device("onvif-complete") as (lab, _cam):
        ctx = opened(lab)
        tree = read(ctx, "protocols")
        assert row.get(tree) is False and row.limits(ctx, tree, "", True) is None
        row.put(tree, True)
        assert row.get(tree) is True
        assert [name for name, entry in tree["protocols"].items() if entry["enabled"]] == ["HTTPS", "RTSP"]
        ctx.close()
    with device("onvif-poor") as (lab, _cam):
        ctx = opened(lab)
        tree = read(ctx, "protocols")
        assert row.get(tree) is False and "no HTTPS" in row.limits(ctx, tree, "", True)
        ctx.close()

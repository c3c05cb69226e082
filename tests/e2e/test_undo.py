# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""undo.yml after harden.yml: every key of every lab device, compared with what the simulated device itself holds.

The demonstration site and every other lab character are hardened until nothing is left to do, taken back run by run,
and brought forward again by undoing the undos. What is compared is the devices' own state, not what the toolkit reads.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from e2e_box import ROOT, Run, Workplace

from ansible_collections.nwcs.hardening.lab.testing import RunningLab, running_lab

# pylint: disable=contextmanager-generator-missing-cleanup

pytestmark = pytest.mark.long

# Beside the demonstration site: the other characters of the lab.
MORE = {
    "cam-filtered": "onvif-filtered",
    "cam-one": "onvif-one-namespace",
    "cam-sha": "onvif-sha256",
    "router-open": "openwrt-full-acl",
    "router-bare": "openwrt-bare",
}
RESTARTED = ("cam-corridor", "cam-garage")
# What our writes leave beside the values of the keys: spelled out, it means what was meant before.
SPELLED = {("firewall", "enabled", "1"), ("system", "use_dhcp", "1")}


# -- what a device holds, key by key -----------------------------------------------------------------------------------
def onvif_truth(device: Any) -> dict[str, Any]:
    state = device.state
    found = {f"accounts.\"{user['Username']}\".role": user["UserLevel"] for user in state["users"]}
    for protocol in state["protocols"]:
        found[f"services.{protocol['Name'].lower()}.enabled"] = protocol["Enabled"]
        found[f"services.{protocol['Name'].lower()}.ports"] = protocol["Port"]
    scopes = [scope["ScopeItem"].removeprefix("onvif://www.onvif.org/") for scope in state["scopes"]]
    for kind in ("name", "location"):
        found[f"identity.{kind}"] = sorted(scope for scope in scopes if scope.startswith(f"{kind}/"))
    return found | {
        "identity.hostname": state["hostname"]["Name"],
        "services.ws_discovery.enabled": state["discovery_mode"],
        "services.zeroconf.enabled": state["zero_configuration"]["Enabled"],
        "ddns.enabled": state["dynamic_dns"]["Type"],
        "time.sync": state["datetime"]["DateTimeType"],
        "time.zone": state["datetime"]["TZ"],
        "time.servers": [server["DNSname"] for server in state["ntp"]["NTPManual"]],
    }


def openwrt_truth(device: Any) -> dict[str, Any]:
    def of(config: str, kind: str) -> list[dict[str, Any]]:
        return [section.options for section in device.store.peek(config).of_type(kind)]

    def first(config: str, kind: str, *options: str) -> list[Any]:
        return [of(config, kind)[0].get(option) if of(config, kind) else None for option in options]

    def open_ways(kind: str, *options: str) -> list[tuple[str, ...]]:
        on = [one for one in of("firewall", kind) if one.get("enabled", "1") == "1"]
        return sorted(tuple(str(one.get(option, "")) for option in options) for one in on if one.get("src") == "wan")

    upnp = device.services.get("miniupnpd")
    return {
        "identity.hostname": first("system", "system", "hostname"),
        "time.zone": first("system", "system", "timezone", "zonename"),
        "time.servers": [*first("system", "timeserver", "server"), *spelled(first("system", "timeserver", "use_dhcp"))],
        "time.sync": first("system", "timeserver", "enabled"),
        "time.serve": first("system", "timeserver", "enable_server"),
        "log.remote": first("system", "system", "log_ip"),
        "tls.https_only": first("uhttpd", "uhttpd", "redirect_https"),
        "services.ssh.enabled": first("dropbear", "dropbear", "enable"),
        "auth.ssh_password_login": first("dropbear", "dropbear", "PasswordAuth", "RootPasswordAuth"),
        "services.upnp.enabled": [first("upnpd", "upnpd", "enabled"), upnp and upnp["enabled"]],
        "nat.upnp": [first("upnpd", "upnpd", "enabled"), upnp and upnp["enabled"]],
        "nat.forwards": open_ways("redirect", "src_dport", "dest_ip", "dest_port", "proto"),
        "nat.wan_open": open_ways("rule", "name", "dest_port", "proto"),
        "nat.wan_admin": [open_ways("rule", "name", "dest_port", "proto"), zone_inputs(of("firewall", "zone"))],
        "nat.wan_input": zone_inputs(of("firewall", "zone")),
    }


def spelled(values: list[Any]) -> list[Any]:
    """Switches that are on where nothing is said."""
    return [value or "1" for value in values]


def zone_inputs(zones: list[dict[str, Any]]) -> dict[str, str]:
    return {zone["name"]: zone.get("input", "") for zone in zones}


def truth(lab: RunningLab) -> dict[str, dict[str, Any]]:
    def look() -> dict[str, dict[str, Any]]:
        read = {"onvif": onvif_truth, "openwrt": openwrt_truth}
        return {device.name: copy.deepcopy(read[device.family](device)) for device in lab.devices}

    return lab.call(look)


def whole(lab: RunningLab) -> dict[str, Any]:
    """All that a device holds, keys of ours or not; without passwords, which stay ours."""

    def look() -> dict[str, Any]:
        found: dict[str, Any] = {}
        for device in lab.devices:
            if device.family == "onvif":
                state = device.public_state()
                state.pop("channels", None)  # what a recorder draws from its cameras just now
                state["users"].sort(key=lambda user: user["Username"])
                state["scopes"].sort(key=lambda scope: scope["ScopeItem"])
                found[device.name] = state
                continue
            sections = {}
            for config in device.store.files:
                for index, section in enumerate(device.store.peek(config).sections):
                    place = f"{config} {section.type} {index if section.anonymous else section.name}"
                    told = {(config, name, str(value)): (name, value) for name, value in section.options.items()}
                    sections[place] = dict(pair for spelled, pair in told.items() if spelled not in SPELLED)
            enabled = {name: row["enabled"] for name, row in device.services.items()}
            found[device.name] = {"uci": sections, "services": enabled}
        return copy.deepcopy(found)

    return lab.call(look)


def logins(lab: RunningLab) -> dict[str, dict[str, Any]]:
    """Passwords of cameras, hashes of routers: {device: {account: …}}."""

    def look() -> dict[str, dict[str, Any]]:
        return {
            device.name: {user["Username"]: user["Password"] for user in device.state["users"]}
            if device.family == "onvif"
            else dict(device.shadow)
            for device in lab.devices
        }

    return lab.call(look)


# -- the story ---------------------------------------------------------------------------------------------------------
def add_more(place: Workplace, network: str) -> dict[str, Any]:
    """The site with the demonstration's devices and MORE, and the inventory for it."""
    site = yaml.safe_load((ROOT / "lab" / "sites" / "demo.yml").read_text())
    hosts = yaml.safe_load((place.inventory / "hosts.yml").read_text())
    for number, (name, model) in enumerate(MORE.items(), 101):
        host = {"nwcs_host": f"{network}.{number}"}
        device: dict[str, Any] = {"name": name, "host": number, "model": model}
        if model.startswith("openwrt"):
            device["overrides"] = {"bootstrap_login": ["root", ""]}
        site["devices"].append(device)
        group = hosts["all"]["children"]["routers" if model.startswith("openwrt") else "cameras"]
        group["hosts"][name] = host
    (place.inventory / "hosts.yml").write_text(yaml.safe_dump(hosts, sort_keys=False))
    return site


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, module_loopback_network: str) -> Iterator[SimpleNamespace]:
    place = Workplace(tmp_path_factory.mktemp("undo"))
    shutil.copytree(ROOT / "inventory" / "lab", place.inventory, dirs_exist_ok=True)
    site = add_more(place, module_loopback_network)
    restart = ("-e", "nwcs_restart=true")
    with running_lab(site=site, network=module_loopback_network) as lab:
        place.extra = ["-f", "13", "-e", f"nwcs_lab_dir={lab.ca.parent}"]
        place.extra += ["-e", f"nwcs_lab_network={module_loopback_network}"]
        for name, path in place.folders().items():
            place.extra += ["-e", f"{name}={path}"]
        lab.attack("router-open", "wan-admin")  # the only one that is managed from the internet
        it = SimpleNamespace(place=place, lab=lab, factory=truth(lab), factory_whole=whole(lab), first=logins(lab))
        hardened = [place.play("harden"), place.play("harden", *restart), place.play("harden", *restart)]
        it.hardened_runs, it.hardened, it.hardened_whole = hardened, truth(lab), whole(lab)
        writes = {device.name: len(lab.writes(device.name)) for device in lab.devices}
        files = {path for path in place.files() if "reports" not in path.parts}
        ids = [run.result["run_id"] for run in hardened]
        it.checked = place.play("undo", "--check", "-e", f"run={ids[0]}", "-e", "nwcs_weaker=true")
        it.unnamed = place.play("undo", "-l", "cam-poor")
        it.unknown = place.play("undo", "-l", "cam-poor,router", "-e", "run=20200101T000000Z-1")
        it.left = ({path for path in place.files() if "reports" not in path.parts} - files, writes)
        it.same_writes = {device.name: len(lab.writes(device.name)) for device in lab.devices}
        it.guarded = place.play("undo", "-e", f"run={hardened[0].folder.name}", *restart)  # as copied from the report
        it.after_guarded = truth(lab)
        it.undone = [place.play("undo", "-e", f"run={one}", "-e", "nwcs_weaker=true", *restart) for one in ids[::-1]]
        it.back, it.back_whole, it.passwords = truth(lab), whole(lab), logins(lab)
        it.secrets = place.secrets()
        it.redone = [
            place.play("undo", "-e", f"run={run.result['run_id']}", *restart, *limited(run)) for run in it.undone[::-1]
        ]
        it.again, it.again_whole = truth(lab), whole(lab)
        yield it


def limited(run: Run) -> tuple[str, ...]:
    """Only devices that this run changed have something to take back."""
    return ("-l", ",".join(device["host"] for device in run.result["devices"] if device["writes"]))


def lines(run: Run) -> dict[tuple[str, str], dict[str, Any]]:
    return {(device["host"], line["key"]): line for device in run.result["devices"] for line in device["outcomes"]}


def touched(it: SimpleNamespace) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Every key that a harden run changed, with its outcomes."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in it.hardened_runs:
        for key, line in lines(run).items():
            if line["outcome"] in ("changed", "pending_restart"):
                found.setdefault(key, []).append(line)
    return found


def is_password(key: str) -> bool:
    return key.startswith("accounts.") and key.endswith(".password")


# -- what is asked of it -----------------------------------------------------------------------------------------------
def test_harden_changed_something_everywhere_it_can(told: SimpleNamespace) -> None:
    changed = {host for host, _key in touched(told)}
    assert changed == {device.name for device in told.lab.devices} - {"cam-lying", "router-bare"}
    assert ("router-open", "nat.wan_admin") in touched(told) and ("cam-entrance", "ddns.enabled") in touched(told)
    assert [sum(d["writes"] > 0 for d in run.result["devices"]) for run in told.hardened_runs][1:] == [2, 2]


def test_every_restorable_key_is_back_at_its_factory_value(told: SimpleNamespace) -> None:
    undone = [lines(run) for run in told.undone]
    table, wrong = [], []
    for (host, key), _lines in sorted(touched(told).items()):
        if is_password(key):
            continue
        factory, hardened, back = (at[host].get(key, "absent") for at in (told.factory, told.hardened, told.back))
        why = next((one[host, key]["why"] for one in undone[::-1] if (host, key) in one), "")
        restorable = not any((host, key) in one and one[host, key]["outcome"] == "unsupported" for one in undone)
        table.append(f"{host:14} {key:32} {factory!s:42.42} {hardened!s:32.32} {back!s:42.42} {why}")
        if back != factory:
            wrong.append(table[-1])
        assert restorable or why, (host, key)
    print("\n" + "\n".join(table))
    assert wrong == [] and len(table) > 80
    assert {run.result["exit_code"] for run in told.undone} <= {0, 3}, [run.said() for run in told.undone]


def test_nothing_else_of_a_device_is_left_changed(told: SimpleNamespace) -> None:
    """Compared as a whole, beyond the keys that we know."""
    left = []
    for host, factory in told.factory_whole.items():
        left += [f"{host}: {line}" for line in differences(factory, told.back_whole[host])]
    assert left == []


def differences(old: Any, new: Any, at: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(set(old) | set(new)):
            if old.get(name, "<none>") != new.get(name, "<none>"):
                yield from differences(old.get(name, "<none>"), new.get(name, "<none>"), f"{at}/{name}".lstrip("/"))
    elif old != new:
        yield f"{at}: {old} -> {new}"


def test_passwords_stay_ours(told: SimpleNamespace) -> None:
    changed = sorted((host, key) for host, key in touched(told) if is_password(key))
    assert len(changed) >= 10
    for host, key in changed:
        name = key.split('"')[1]
        assert told.passwords[host][name] != told.first[host][name], (host, name)
        if host.startswith(("cam", "nvr")):
            assert told.passwords[host][name] == told.secrets[host][f"accounts.{name}"]["current"]["value"]
        line = lines(told.undone[-1])[host, key]
        assert line["outcome"] == "ok" and "stays ours" in line["why"]


def test_a_removed_account_comes_back_with_a_password_of_ours(told: SimpleNamespace) -> None:
    assert told.first["cam-entrance"]["service"] == "service"
    assert told.passwords["cam-entrance"]["service"] not in ("service", "")
    kept = told.secrets["cam-entrance"]["accounts.service"]["current"]["value"]
    assert told.passwords["cam-entrance"]["service"] == kept
    assert "nvr" not in told.passwords["cam-entrance"], "an account that harden made goes again"


def test_what_cannot_come_back_is_named_with_its_reason(told: SimpleNamespace) -> None:
    line = lines(told.undone[-1])["router-open", "nat.wan_admin"]
    assert line["outcome"] == "unsupported" and "nat.wan_open" in line["why"]
    assert told.factory["router-open"]["nat.wan_admin"] == told.back["router-open"]["nat.wan_admin"]
    assert told.hardened["router-open"]["nat.wan_admin"] != told.back["router-open"]["nat.wan_admin"]


def test_nothing_weak_comes_back_without_a_confirmation(told: SimpleNamespace) -> None:
    assert told.after_guarded == told.hardened
    said = lines(told.guarded)
    done = ("changed", "pending_restart")
    first = {key for key, line in lines(told.hardened_runs[0]).items() if line["outcome"] in done}
    for host, key in first:
        line = said[host, key]
        if is_password(key) or key == "nat.wan_admin":
            continue
        assert (line["outcome"], line["guard"]) == ("guarded", "weaker") and "nwcs_weaker" in line["why"], (host, line)
    assert (said["router-open", "nat.wan_open"]["outcome"], said["router-open", "nat.wan_open"]["guard"]) == (
        "guarded", "weaker")  # fmt: skip


def test_the_undo_of_an_undo_brings_the_hardened_state_back(told: SimpleNamespace) -> None:
    assert told.again == told.hardened, [run.said() for run in told.redone]
    for host, hardened in told.hardened_whole.items():
        assert list(differences(hardened, told.again_whole[host])) == [], host
    assert [run.result["exit_code"] for run in told.redone] == [0, 0, 0]


def test_check_mode_writes_nothing(told: SimpleNamespace) -> None:
    new, writes = told.left
    assert new == set() and told.same_writes == writes
    would = {key for key, line in lines(told.checked).items() if line["outcome"] == "would_change"}
    assert ("cam-entrance", "identity.hostname") in would and ("router", "identity.hostname") in would


def test_a_run_that_is_not_known_names_those_that_are(told: SimpleNamespace) -> None:
    first = told.hardened_runs[0].result["run_id"]
    for run, host, said in ((told.unnamed, "cam-poor", "run=RUN"), (told.unknown, "router", "20200101T000000Z-1")):
        error = run.device(host)["error"]
        assert said in error["message"] and first in error["advice"] and run.code != 0
        assert run.device(host)["writes"] == 0 and run.device(host)["requests"] == 0


def test_a_run_that_left_a_device_alone_is_no_fault(told: SimpleNamespace) -> None:
    newest = told.undone[0]
    for device in newest.result["devices"]:
        if device["host"] not in RESTARTED:
            assert device["error"] is None and device["writes"] == 0, device
            assert any("changed nothing" in note for note in device["notes"])


def test_the_first_report_says_how_to_take_it_back(told: SimpleNamespace) -> None:
    run = told.hardened_runs[0]
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    for text in (run.out, page):
        assert f"undo.yml -e run={run.result['run_id']}" in text
    assert "undo.yml -e run=" not in told.checked.out

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the driver contract suite knows of each family, one row each, and the rig that runs jobs on a simulated device.

A new family adds its row to FAMILIES (and its models to CHARACTERS); the tests themselves name no family, except where
a hazard exists in one family only.
"""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from ansible_collections.nwcs.hardening.lab.device import LogEntry
from ansible_collections.nwcs.hardening.lab.testing import RunningLab, running_lab
from ansible_collections.nwcs.hardening.plugins.module_utils import compare, jobs, judging, proving, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.design import parse_design
from ansible_collections.nwcs.hardening.plugins.module_utils.planning import want_to_plain
from ansible_collections.nwcs.hardening.plugins.module_utils.registry import driver_for

REMEMBERED = ("failed", "pending_restart", "unsupported", "refused", "undone")  # as the controller does
LIMITS = {"connect_seconds": 1.0, "read_seconds": 1.0, "total_seconds": 3.0}
NEW_PASSWORD = "N3w-Passw0rd-%d"


# -- raw looks at a device's own state: nothing of the toolkit takes part ----------------------------------------------
def _protocol(device: Any, name: str) -> dict[str, Any]:
    return next(row for row in device.state["protocols"] if row["Name"] == name)


def _scope(device: Any, kind: str) -> list[str]:
    mark = f"onvif://www.onvif.org/{kind}/"
    return [row["ScopeItem"][len(mark) :] for row in device.state["scopes"] if row["ScopeItem"].startswith(mark)]


def _onvif_ntp(device: Any) -> list[str]:
    fields = ("DNSname", "IPv4Address", "IPv6Address")
    return [next(row[f] for f in fields if row.get(f)) for row in device.state["ntp"]["NTPManual"]]


def _onvif_users(device: Any) -> dict[str, str]:
    return {user["Username"]: user["UserLevel"] for user in device.state["users"]}


def _onvif_password(device: Any, name: str, password: str) -> bool:
    return any(user["Username"] == name and user["Password"] == password for user in device.state["users"])


def uci(device: Any, package: str, section_type: str, option: str) -> list[Any]:
    """The committed values of one option in all sections of a type; None where it is not set."""
    return [section.options.get(option) for section in device.store.peek(package).of_type(section_type)]


def _logins(device: Any) -> dict[str, str]:
    rows = device.store.peek("rpcd").of_type("login")
    return {row.options["username"]: "all" if "*" in row.options.get("write", ()) else "read" for row in rows}


def _router_password(device: Any, name: str, password: str) -> bool:
    from ansible_collections.nwcs.hardening.lab.openwrt.sessions import find_login

    return find_login(device.store.peek("rpcd"), device.shadow, name, password) is not None


# -- the table ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Write:
    """One setting to write: `design` as a site has it, and how the device itself shows it (`look` -> `raw`)."""

    kind: str  # bool, str, enum, list, account, password
    design: Mapping[str, Any]
    key: str
    look: Callable[[Any], Any]
    raw: Any


@dataclass(frozen=True, eq=False)
class Family:
    name: str
    model: str
    login: tuple[str, str]
    writes: tuple[Write, ...]
    users: Callable[[Any], dict[str, str]]  # account -> the family's word for its role
    has_password: Callable[[Any, str, str], bool]
    reading: int  # answered requests that one reading of everything may take
    cosmetic: tuple[str, Any, Callable[[Any], Any]]  # a harmless key, another value, a raw look
    overrides: Mapping[str, Any] = field(default_factory=dict)
    ports: Mapping[str, list[int]] = field(default_factory=dict)
    https_at_start: bool = True
    with_https: Mapping[str, Any] = field(default_factory=dict)  # what makes the model have HTTPS from the start
    volatile: tuple[str, ...] = ()
    unsupported: Mapping[str, Any] = field(default_factory=dict)  # a design this family has no switch for

    @property
    def driver(self) -> Any:
        return driver_for(self.name)


ONVIF = Family(
    name="onvif",
    model="onvif-complete",
    login=("admin", "12345"),
    reading=20,
    users=_onvif_users,
    has_password=_onvif_password,
    https_at_start=False,
    with_https={"protocols": [{"Name": name, "Enabled": True} for name in ("HTTP", "HTTPS", "RTSP")]},
    ports={"telnet": [23, 2323], "ftp": [21, 2121]},
    cosmetic=("identity.name", "cam-7", lambda d: _scope(d, "name")),
    unsupported={"cloud": {"enabled": True}},
    writes=(
        Write("bool", {"ddns": {"enabled": False}}, "ddns.enabled", lambda d: d.state["dynamic_dns"]["Type"],
              "NoUpdate"),
        Write("str", {"identity": {"hostname": "cam-7"}}, "identity.hostname", lambda d: d.state["hostname"]["Name"],
              "cam-7"),
        Write("scope", {"identity": {"name": "North Gate"}}, "identity.name", lambda d: _scope(d, "name"),
              ["North%20Gate"]),
        Write("enum", {"time": {"sync": "ntp"}}, "time.sync", lambda d: d.state["datetime"]["DateTimeType"], "NTP"),
        Write("zone", {"time": {"zone": "Asia/Tokyo"}}, "time.zone", lambda d: d.state["datetime"]["TZ"], "JST-9"),
        Write("list", {"time": {"servers": ["192.0.2.1", "ntp.example.jp"]}}, "time.servers", _onvif_ntp,
              ["192.0.2.1", "ntp.example.jp"]),
        Write("service", {"services": {"rtsp": {"enabled": False}}}, "services.rtsp.enabled",
              lambda d: _protocol(d, "RTSP")["Enabled"], False),
        Write("account", {"accounts": {"ops": {"role": "operator"}}}, 'accounts."ops".role',
              lambda d: _onvif_users(d).get("ops"), "Operator"),
        Write("removal", {"accounts": {"service": "absent"}}, 'accounts."service".role',
              lambda d: _onvif_users(d).get("service"), None),
        Write("filter", {"access": {"mode": "allow", "sources": ["192.0.2.0/24"]}}, "access.mode",
              lambda d: d.state["ip_filter"]["Type"], "Allow"),
        Write("dns", {"network": {"dns_servers": ["192.0.2.53"]}}, "network.dns_servers",
              lambda d: [row["IPv4Address"] for row in d.state["dns"]["DNSManual"]], ["192.0.2.53"]),
    ),
)  # fmt: skip

OPENWRT = Family(
    name="openwrt",
    model="openwrt-full-acl",
    login=("root", "Router-Old-1"),
    overrides={"passwords": {"root": "Router-Old-1"}},
    reading=5,
    users=_logins,
    has_password=_router_password,
    ports={"telnet": [23, 2323]},
    cosmetic=("identity.hostname", "router-7", lambda d: uci(d, "system", "system", "hostname")),
    volatile=("network.leases",),
    unsupported={"cloud": {"enabled": True}},
    writes=(
        Write("bool", {"nat": {"upnp": True}}, "nat.upnp", lambda d: uci(d, "upnpd", "upnpd", "enabled"), ["1"]),
        Write("str", {"identity": {"hostname": "gate-7"}}, "identity.hostname",
              lambda d: uci(d, "system", "system", "hostname"), ["gate-7"]),
        Write("enum", {"time": {"sync": "manual"}}, "time.sync",
              lambda d: uci(d, "system", "timeserver", "enabled"), ["0"]),
        Write("zone", {"time": {"zone": "Asia/Tokyo"}}, "time.zone",
              lambda d: uci(d, "system", "system", "timezone"), ["JST-9"]),
        Write("list", {"time": {"servers": ["192.0.2.1", "ntp.example.jp"]}}, "time.servers",
              lambda d: uci(d, "system", "timeserver", "server"), [["192.0.2.1", "ntp.example.jp"]]),
        Write("service", {"services": {"ssh": {"enabled": False}}}, "services.ssh.enabled",
              lambda d: d.running("dropbear"), False),
        Write("account", {"accounts": {"ops": {"role": "viewer"}}}, 'accounts."ops".role',
              lambda d: _logins(d).get("ops"), "read"),
        Write("log", {"log": {"remote": ["192.0.2.9"]}}, "log.remote", lambda d: uci(d, "system", "system", "log_ip"),
              ["192.0.2.9"]),
        Write("firewall", {"nat": {"wan_input": "drop"}}, "nat.wan_input",
              lambda d: [s.options["input"] for s in d.store.peek("firewall").of_type("zone")
                         if s.options["name"] == "wan"], ["DROP"]),
    ),
)  # fmt: skip

FAMILIES = {family.name: family for family in (ONVIF, OPENWRT)}
# Other characters of the lab and the login they start with; read and written with the same tests.
CHARACTERS = {
    "onvif-sha256": ONVIF,
    "onvif-strict": ONVIF,
    "onvif-one-namespace": ONVIF,
    "onvif-poor": ONVIF,
    "onvif-lying": ONVIF,
    "onvif-restart": ONVIF,
    "onvif-recorder": ONVIF,
    "openwrt-factory": OPENWRT,
}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's pauses, short: simulated devices are quick. Import it into every file of the suite."""
    monkeypatch.setattr(judging, "SETTLE", (0.0, 0.1, 0.25))
    monkeypatch.setattr(proving, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(proving, "RESTART_SECONDS", 5.0)


def every_family(function: Callable[..., Any]) -> Any:
    """Run a test once for each family, as argument `family`."""
    return pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)(function)


def every_model(function: Callable[..., Any]) -> Any:
    """Run a test for each family and for each other character of the lab, as `family` and `model`."""
    rows = [(family, family.model) for family in FAMILIES.values()]
    rows += [(family, model) for model, family in CHARACTERS.items()]
    return pytest.mark.parametrize(("family", "model"), rows, ids=[model for _f, model in rows])(function)


# -- the rig -----------------------------------------------------------------------------------------------------------
class Rig:
    """One simulated device and the jobs of the toolkit on it."""

    def __init__(self, lab: RunningLab, family: Family, name: str = "dev") -> None:
        self.lab, self.family, self.name = lab, family, name
        self.memory: dict[str, Any] = {}
        self.ca = lab.ca.read_text()
        self.login: tuple[str, str] = self.device.bootstrap_login or family.login

    @property
    def device(self) -> Any:
        return self.lab.device(self.name)

    def spec(self, **more: Any) -> dict[str, Any]:
        """As the action plugin makes it; `target`, `ways` and all others may be replaced."""
        user, password = self.login
        target = {"name": self.name, "host": self.device.address, "port": 0, "scheme": "http", "tls_verify": self.ca,
                  "limits": LIMITS, **more.pop("target", {})}  # fmt: skip
        return {
            "name": self.name, "family": self.family.name, "target": target,
            "ways": [{"scheme": "http", "port": self.device.ports["http"]}],
            "credentials": [{"username": user, "password": password, "label": "current"}],
            "secrets": {}, "expected": {}, "oddities": [], "ports": dict(self.family.ports), "recorders": [],
            "seen_as": ["127.0.0.1"], "undeclared_accounts": "report", "own_account": user, "manage_accounts": False,
            "negative_test": False,
            **more,
        }  # fmt: skip

    def https(self, **more: Any) -> dict[str, Any]:
        return self.spec(ways=[{"scheme": "https", "port": self.device.ports["https"]}], **more)

    def read(self, **more: Any) -> dict[str, Any]:
        return jobs.read(self.spec(**more))

    def readings(self, **more: Any) -> dict[str, Any]:
        return self.read(**more)["snapshot"]["readings"]

    def plan(self, design: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        wanted = {settings.key_text(key): want_to_plain(want) for key, want in parse_design(design).items()}
        return jobs.plan(self.spec(**more), wanted, self.memory)

    def apply(self, plan: Mapping[str, Any], hook: Any = None, **more: Any) -> dict[str, Any]:
        """Secrets that the plan needs and nobody named are made up."""
        made = {need["name"]: NEW_PASSWORD % index for index, need in enumerate(plan["needs"])}
        return jobs.apply(self.spec(**{**more, "secrets": made | more.get("secrets", {})}), plan, hook)

    def harden(self, design: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Plan, then apply: the outcomes of both. Keeps the memory as the controller does."""
        plan = self.plan(design, **more)
        result = self.apply(plan, **more)
        outcomes = plan["outcomes"] | result["outcomes"]
        for change in plan["changes"]:
            said = outcomes[change["key"]]
            if said["outcome"] in REMEMBERED and result["error"] is None:
                self.memory[change["key"]] = {
                    "wanted": compare.digest(change["new"]),
                    "firmware": plan["snapshot"]["identity"]["firmware"], "outcome": said["outcome"],
                    "why": said.get("why", ""), "since": "2026-01-01",
                }  # fmt: skip
        return {**result, "outcomes": outcomes, "plan": plan}

    # -- what the lab saw ----------------------------------------------------------------------------------------------
    def log(self) -> list[LogEntry]:
        return self.lab.log(self.name)

    def writes(self) -> list[str]:
        """Operations that would change the device, in order, as the lab logged them."""
        return [entry.operation for entry in self.lab.writes(self.name)]

    def logins(self, word: str = "") -> int:
        return sum(entry.login == word if word else bool(entry.login) for entry in self.log())

    def fault(self, *names: str, on: bool = True) -> None:
        for name in names:
            self.lab.fault(self.name, name, on)

    def forget(self) -> None:
        self.lab.call(self.device.log.clear)


@contextmanager
def rig(family: Family, *faults: str, model: str = "", **overrides: Any) -> Iterator[Rig]:
    """A fresh device of the family (or of another model of it) with faults, in a lab of its own."""
    given = {} if model and model != family.model else dict(family.overrides)
    entry = {"name": "dev", "model": model or family.model, "overrides": {**given, **overrides}}
    with running_lab([entry]) as lab:
        made = Rig(lab, family)
        made.fault(*faults)
        lab.settle()
        yield made

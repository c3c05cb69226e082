# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A family that exists in tests only: a device in memory, its driver, and a transport without sockets."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.nwcs.hardening.plugins.module_utils import (
    jobs,
    judging,
    planning,
    probes,
    proving,
    registry,
    session,
    settings,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import (
    ABSENT,
    NOT_OFFERED,
    Binding,
    Context,
    Document,
    Driver,
    Endpoint,
    Identity,
    Reading,
    Stored,
    Transaction,
    secret_name,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.design import parse_design
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import LoginRefused, Unreachable


class Box:
    """The device. `log` holds what happened in order; `say` answers a store of a document in place of doing it."""

    def __init__(self) -> None:
        self.trees: dict[str, Any] = {
            "names": {"name": "cam", "hostname": "cam"},
            "time": {"servers": ["a.example"], "zone": "UTC0"},
            "users": {"admin": "administrator", "guest": "viewer"},
            "ways": {"http": True, "https": False, "telnet": True},
            "filter": {"mode": "off", "sources": []},
            "firewall": {"upnp": True, "input": "accept"},
        }
        self.passwords = {"admin": "old", "guest": "guest"}
        self.identity = Identity("Maker", "Box", "S1", "02:00:00:00:00:01", "1.0", "uuid:1")
        self.log: list[str] = []
        self.say: dict[str, Any] = {}  # document -> exception to raise, "ignore", or Stored to answer
        self.late: dict[str, Exception] = {}  # document -> what a store raises after it was done
        self.unreachable: set[str] = set()  # schemes
        self.staged: dict[str, Any] = {}
        self.snapshot: dict[str, Any] | None = None

    def reach(self, scheme: str) -> None:
        if scheme in self.unreachable or not self.trees["ways"][scheme]:
            raise Unreachable(f"box: nothing listens for {scheme}")


class FakeTransport:
    box: Box

    def __init__(self, target: Any) -> None:
        self.target = target
        self.requests = 0
        self.closed = False

    def via(self, **_more: Any) -> FakeTransport:
        return type(self)(self.target)

    def certificate(self) -> Any:
        return {"sha256": "aa", "trusted": False} if self.target.scheme == "https" else None

    def expect_same(self, _other: Any) -> None:
        """All show the same certificate."""

    def local_address(self) -> str:
        return "192.0.2.200"

    def close(self) -> None:
        self.closed = True


def _store(name: str) -> Any:
    def store(ctx: Any, old: Any, new: Any) -> Stored | None:
        box = ctx.box
        box.reach(ctx.transport.target.scheme)
        box.log.append(f"store {name} as {ctx.credential.username} by {ctx.transport.target.scheme}")
        said = box.say.get(name)
        if isinstance(said, Exception):
            raise said
        if said != "ignore":
            if name == "users":
                for user in list(new):
                    if new[user] == "" or user.startswith("!"):
                        continue
                wanted = {user: role for user, role in new.items() if not user.startswith("!")}
                for user in {u.lstrip("!") for u in new if u.startswith("!")} | (set(wanted) - set(old)):
                    box.passwords[user] = ctx.secret(secret_name(user))
                box.passwords = {user: password for user, password in box.passwords.items() if user in wanted}
                box.trees[name] = wanted
            elif name == "firewall":
                box.staged[name] = copy.deepcopy(new)
            else:
                box.trees[name] = copy.deepcopy(new)
        if name in box.late:
            raise box.late[name]
        return said if isinstance(said, Stored) else None

    return store


def _field(document: str, key: str, field: str, **more: Any) -> Binding:
    return Binding(tuple(key.split(".")), (document,), lambda tree: tree[field],
                   lambda tree, value: tree.__setitem__(field, value), **more)  # fmt: skip


def _put_role(tree: Any, item: str, value: str | None) -> None:
    tree.pop(item, None) if value is None else tree.__setitem__(item, value)


BINDINGS = (
    Binding(("facts", "model"), ("names",), lambda tree: "Box"),
    _field("names", "identity.name", "name"),
    _field("names", "identity.hostname", "hostname",
           limits=lambda ctx, tree, item, value: "too long" if len(value) > 20 else None),
    _field("time", "time.servers", "servers"),
    _field("time", "time.zone", "zone"),
    Binding(("accounts", "*", "role"), ("users",), lambda tree, item: tree[item], _put_role, items=list, create=True,
            removes=True, needs=lambda ctx, item, old, new: (secret_name(item),) if old is ABSENT else ()),
    Binding(("accounts", "*", "password"), ("users",), lambda tree, item: ABSENT,
            lambda tree, item, value: tree.__setitem__(f"!{item}", ""), items=list, secret=True, proof="login",
            needs=lambda ctx, item, old, new: (secret_name(item),)),
    Binding(("services", "*", "enabled"), ("ways",), lambda tree, item: tree.get(item, ABSENT),
            lambda tree, item, value: tree.__setitem__(item, value), items=list,
            domain=("http", "https", "telnet", "ftp"), absent=Reading(NOT_OFFERED, why="no such service")),
    _field("filter", "access.mode", "mode"),
    _field("filter", "access.sources", "sources"),
    _field("firewall", "nat.upnp", "upnp"),
    _field("firewall", "nat.wan_input", "input"),
)  # fmt: skip


class FakeDriver(Driver):
    family = "fake"
    documents = tuple(
        Document(name, fetch=name, store=_store(name), transaction="fw" if name == "firewall" else "",
                 after=("names",) if name == "time" else ())
        for name in ("time", "names", "users", "ways", "filter", "firewall")
    )  # fmt: skip
    bindings = BINDINGS
    default_ports = {"https": 443, "http": 80}

    def __init__(self, box: Box) -> None:
        self.box = box
        self.transactions = (Transaction("fw", self.apply, self.confirm, self.abandon, self.prepare),)

    def identify(self, transport: Any) -> Identity:
        self.box.log.append(f"identify by {transport.target.scheme}")
        self.box.reach(transport.target.scheme)
        return Identity(endpoint=self.box.identity.endpoint)

    def open(self, transport: Any, credential: Any, secrets: Any) -> Context:
        self.box.reach(transport.target.scheme)
        if self.box.passwords.get(credential.username) != credential.password:
            self.box.log.append(f"refused {credential.username} by {transport.target.scheme}")
            raise LoginRefused(f"box: {credential.username!r} was refused")
        self.box.log.append(f"login {credential.username} by {transport.target.scheme}")
        transport.requests += 1
        ctx = Context(transport, credential, secrets)
        ctx.box = self.box
        ctx.identity = copy.copy(self.box.identity)
        return ctx

    def fetch(self, ctx: Any, names: Any) -> dict[str, Any]:
        self.box.reach(ctx.transport.target.scheme)
        ctx.transport.requests += 1
        return {name: copy.deepcopy(self.box.trees[name]) for name in names}

    def endpoints(self, ctx: Any, trees: Any) -> list[Endpoint]:
        ports = {"http": 80, "https": 443}
        ways = trees.get("ways") or {}
        return [Endpoint("manage", scheme, ports[scheme], service=scheme) for scheme in ports if ways.get(scheme)]

    # -- the transaction -----------------------------------------------------------------------------------------------
    def prepare(self, ctx: Any) -> None:
        self.box.log.append("prepare")
        if isinstance(self.box.say.get("prepare"), Exception):
            raise self.box.say["prepare"]

    def apply(self, ctx: Any, seconds: int) -> None:
        self.box.log.append(f"apply {seconds}")
        self.box.snapshot = copy.deepcopy(self.box.trees)
        if self.box.say.get("apply") != "ignore":
            self.box.trees.update(copy.deepcopy(self.box.staged))
        if self.box.say.get("apply") == "cuts us off":
            self.box.unreachable.add("new")

    def confirm(self, ctx: Any) -> None:
        self.box.log.append("confirm")
        if isinstance(self.box.say.get("confirm"), Exception):
            raise self.box.say["confirm"]
        self.box.staged, self.box.snapshot = {}, None

    def abandon(self, ctx: Any) -> None:
        self.box.log.append("abandon")
        if isinstance(self.box.say.get("abandon"), Exception):
            raise self.box.say["abandon"]
        if self.box.snapshot is not None and self.box.say.get("abandon") != "ignore":
            self.box.trees = self.box.snapshot
        self.box.staged, self.box.snapshot = {}, None

    def restart(self, ctx: Any) -> None:
        self.box.log.append("restart")


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Box:
    """A device of family "fake" at 192.0.2.1; no socket is opened and no pause is made."""
    made = Box()
    monkeypatch.setitem(registry.DRIVERS, "fake", FakeDriver(made))
    monkeypatch.setattr(session, "Transport", type("OneTransport", (FakeTransport,), {"box": made}))
    monkeypatch.setattr(judging, "SETTLE", (0.0,))
    monkeypatch.setattr(proving, "POLL_SECONDS", 0.0)

    def look(_transport: Any, endpoints: Any, ports: Any, *_more: Any, http_off: bool = False) -> dict[Any, Reading]:
        names = {endpoint.service for endpoint in endpoints} | set(ports)
        return {("services", n, "open"): Reading.of(bool(made.trees["ways"].get(n)), "looked") for n in names if n}

    monkeypatch.setattr(probes, "look", look)
    return made


def spec(**more: Any) -> dict[str, Any]:
    return {
        "name": "box", "family": "fake",
        "target": {"name": "box", "host": "192.0.2.1", "port": 0, "scheme": "http", "tls_verify": False},
        "ways": [{"scheme": "http", "port": 80}],
        "credentials": [{"username": "admin", "password": "old", "label": "current"}],
        "own_account": "admin", "undeclared_accounts": "report", "seen_as": ["192.0.2.200"], **more,
    }  # fmt: skip


def plan(design: dict[str, Any], memory: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """jobs.plan for a design as a site writes it."""
    wanted = {settings.key_text(k): planning.want_to_plain(w) for k, w in parse_design(design).items()}
    return jobs.plan(spec(**more), wanted, memory or {})

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver contract, part 5: properties of the tables, and drivers under answers that nobody foresaw."""

# Pytest finds fixtures by their imported names.
# pylint: disable=unused-import
from __future__ import annotations

import copy
import inspect
import json
import random
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from driver_cases import FAMILIES, Family, every_family, rig, short_pauses  # noqa: F401
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ansible_collections.nwcs.hardening.plugins.module_utils import (
    applying,
    compare,
    contract,
    jobs,
    judging,
    reading,
    settings,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer, Driver, Reading
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import NwcsError
from ansible_collections.nwcs.hardening.plugins.module_utils.registry import DRIVERS
from ansible_collections.nwcs.hardening.plugins.module_utils.session import Session
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Transport


# -- the tables by themselves ------------------------------------------------------------------------------------------
def test_the_suite_has_a_row_for_every_family() -> None:
    assert set(FAMILIES) == set(DRIVERS)


@every_family
def test_names_are_unique_and_every_reference_exists(family: Family) -> None:
    driver = family.driver
    names = [document.name for document in driver.documents]
    transactions = [transaction.name for transaction in driver.transactions]
    assert len(set(names)) == len(names) and len(set(transactions)) == len(transactions)
    for document in driver.documents:
        assert set(document.after) | set(document.affects) <= set(names), document.name
        assert document.name not in document.after
        assert not document.transaction or document.transaction in transactions
        assert document.restart in ("never", "reply", "always")
        assert document.fetch is not None or document.store is not None, document.name
    for binding in driver.bindings:
        assert binding.documents and set(binding.documents) <= set(names), binding.key


@every_family
def test_documents_have_no_circle(family: Family) -> None:
    after = {document.name: set(document.after) for document in family.driver.documents}
    while ready := {name for name, names in after.items() if not names}:
        after = {name: names - ready for name, names in after.items() if name not in ready}
    assert after == {}, "these wait for each other"
    ordered = [document.name for document in applying._ordered(list(family.driver.documents))]
    for document in family.driver.documents:
        assert all(ordered.index(name) < ordered.index(document.name) for name in document.after)


@every_family
def test_every_binding_is_a_known_setting_and_complete(family: Family) -> None:
    stored = {document.name for document in family.driver.documents if document.store}
    for binding in family.driver.bindings:
        setting = settings.SETTINGS.get(settings.pattern_of(binding.key) or ())
        assert setting is not None, binding.key
        assert binding.key.count("*") <= 1 and callable(binding.get)
        if binding.put is not None:
            assert not setting.observed, f"{binding.key} is observed and never written"
            assert stored & set(binding.documents), f"{binding.key} has a put and no document that is stored"
        if binding.has_items:
            assert binding.items is not None or binding.domain is not None, binding.key
        assert not (binding.create or binding.removes or binding.needs) or binding.put, binding.key
        assert binding.secret == setting.secret, binding.key
        assert not binding.secret or binding.proof == "login", "a secret is proven by a login"
        assert binding.proof in ("read", "login", "none")
        if binding.absent is not None and not isinstance(binding.absent, Reading):
            settings.normalise(binding.key, binding.absent)
        if isinstance(binding.absent, Reading):
            assert binding.absent.state in contract.STATES and binding.absent.why, binding.key


@every_family
def test_all_bindings_of_a_transaction_stay_in_it(family: Family) -> None:
    """A binding over two documents: at most one of them is in a transaction of its own name."""
    where = {document.name: document.transaction for document in family.driver.documents}
    for binding in family.driver.bindings:
        assert len({where[name] for name in binding.documents if where[name]}) <= 1, binding.key


@every_family
def test_verbs_have_the_signature_of_the_contract(family: Family) -> None:
    for name, method in inspect.getmembers(Driver, inspect.isfunction):
        if name.startswith("_"):
            continue
        mine = inspect.signature(getattr(type(family.driver), name)).parameters
        assert list(mine) == list(inspect.signature(method).parameters), name


# -- get(put(x)) == x over the trees of a simulated device -------------------------------------------------------------
@pytest.fixture(scope="module")
def opened(request: pytest.FixtureRequest) -> Iterator[SimpleNamespace]:
    """A device that is open as long as the tests run, and all its documents."""
    with rig(request.param) as run, Session(run.https() if request.param.https_at_start else run.spec()) as session:
        session.wanted |= {binding.key for binding in request.param.driver.bindings}
        trees = reading.fetch(session)
        yield SimpleNamespace(family=request.param, session=session, trees=trees)


NAMES = st.text(st.characters(codec="ascii", categories=("Lu", "Ll", "Nd")), min_size=1, max_size=12)
ADDRESSES = st.ip_addresses(v=4).map(str)
HOSTS = NAMES.map(lambda name: f"{name.lower()}.example")
ZONES = st.sampled_from(["JST-9", "UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0"])
SPECIAL = {
    "host": HOSTS,
    "address": ADDRESSES,
    "interface": ADDRESSES.map(lambda address: f"{address}/24"),
    "mac": st.integers(0, 2**48 - 1).map(lambda n: f"{n:012x}"),
    "zone": ZONES,
    "port": st.integers(1, 65535),
    "log_server": ADDRESSES,
}
FORWARDS = st.fixed_dictionaries(
    {"protocol": st.sampled_from(["tcp", "udp"]), "port": st.integers(1, 65535).map(str), "to": ADDRESSES,
     "name": NAMES},
)  # fmt: skip
RULES = st.fixed_dictionaries(
    {"protocol": st.sampled_from(["tcp", "udp"]), "ports": st.lists(st.integers(1, 65535).map(str), min_size=1,
     max_size=3), "name": NAMES},
)  # fmt: skip


def values(key: contract.Key) -> st.SearchStrategy[Any]:
    """Values of the setting's own type; what a device cannot hold its limits must refuse."""
    setting = settings.setting_of(key)
    if setting.type == "bool":
        return st.booleans()
    if setting.type == "int":
        return st.integers(0, 1000)
    if setting.type == "enum":
        return st.sampled_from(setting.choices)
    if setting.type == "list":
        if setting.of == "map":
            rows = FORWARDS if "to_port" in setting.fields else RULES
            return st.lists(rows, max_size=2, unique_by=lambda row: row["name"])
        return st.lists(SPECIAL.get(setting.normal, NAMES), max_size=3, unique=True)
    return SPECIAL.get(setting.normal, NAMES)


def cases() -> list[Any]:
    return [
        pytest.param(family, index, id=f"{family.name}-{'.'.join(binding.key)}-{index}")
        for family in FAMILIES.values()
        for index, binding in enumerate(family.driver.bindings)
        if binding.put is not None and not binding.secret
    ]


@pytest.mark.parametrize(("opened", "index"), cases(), indirect=["opened"])
@hypothesis_settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_put_reads_back_or_is_refused_before(opened: SimpleNamespace, index: int, data: st.DataObject) -> None:
    binding = opened.session.driver.bindings[index]
    found = [copy.deepcopy(opened.trees[document]) for document in binding.documents]
    if any(isinstance(tree, Exception) for tree in found):
        pytest.skip("this model does not answer it")
    if binding.when is not None and not binding.when(opened.session.ctx, *found):
        pytest.skip("this model does not have it")
    item = data.draw(st.sampled_from(sorted(binding.items(*found)) or ["none"])) if binding.has_items else ""
    if binding.create:
        item = data.draw(st.one_of(st.just(item), NAMES))
    elif item == "none":
        pytest.skip("this model has no such item")
    key = tuple(item if part == "*" else part for part in binding.key)
    value = settings.normalise(key, data.draw(values(key)))
    before = copy.deepcopy(found)
    if binding.limits and binding.limits(opened.session.ctx, *found, item, value) is not None:
        assert found == before, "limits() only looks"
        return
    items = [item] if binding.has_items else []
    binding.put(*found, *items, value)
    back = settings.normalise(key, binding.get(*found, *items))
    if compare.same(key, value, back):
        once = copy.deepcopy(found)
        binding.put(*found, *items, value)
        assert found == once, "a second put of the same changes nothing"
    else:
        pytest.fail(f"{key}: put {value!r}, got {back!r}")
    if binding.removes:
        binding.put(*found, *items, None)
        assert item not in list(binding.items(*found)) and binding.get is not None


# -- answers that nobody foresaw ---------------------------------------------------------------------------------------
JUNK: list[Any] = [None, True, -1, 0, 2**70, 1.5, "", "x", "\u202e{{ 7*7 }}", [], {}, [[]], {"a": []}, "9" * 400]


def _mutated(body: bytes, random_: random.Random) -> bytes:
    """One place of a JSON or XML answer is another; sometimes a piece is missing."""
    if random_.random() < 0.1:
        cut = random_.randrange(len(body) + 1)
        return body[:cut] if body[:1] not in b"[{" else b"null"
    if body[:1] in (b"{", b"["):
        tree = json.loads(body)
        parents: list[tuple[Any, Any]] = []

        def walk(node: Any) -> None:
            for name in list(node) if isinstance(node, dict) else range(len(node)):
                parents.append((node, name))
                if isinstance(node[name], (dict, list)):
                    walk(node[name])

        walk(tree)
        for _time in range(random_.randint(1, 3)):
            if parents:
                parent, name = random_.choice(parents)
                parent[name] = copy.deepcopy(random_.choice(JUNK))
        return json.dumps(tree).encode()
    places = list(re.finditer(rb">([^<>]*)<|<(?:\w+:)?(\w+)", body))
    if not places:
        return body
    place = random_.choice(places)
    start, end = place.span(1) if place[1] is not None else place.span(2)
    text = str(random_.choice(JUNK)).replace("<", "").replace("&", "").encode()
    return body[:start] + (text if place[1] is not None else b"Other") + body[end:]


@every_family
@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(4, 20))])
def test_every_job_ends_as_a_result_or_an_error_of_ours(
    family: Family, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some answers are changed at random: no other exception, no wrong login beyond the budget, nothing left behind."""
    random_ = random.Random(seed)
    honest = Transport.request
    monkeypatch.setattr(judging, "SETTLE", (0.0,))

    def request(self: Transport, *args: Any, **more: Any) -> Answer:
        answer = honest(self, *args, **more)
        if random_.random() < 0.3 and answer.status == 200:
            answer = Answer(answer.status, answer.headers, _mutated(answer.body, random_), answer.path)
        return answer

    with rig(family) as run:
        key, value, _look = family.cosmetic
        good = run.plan({key: value, "time": {"zone": "Asia/Tokyo"}})
        monkeypatch.setattr(Transport, "request", request)
        assert isinstance(jobs.run({"what": "read", "spec": run.spec()}), dict)
        try:
            run.plan({key: value})
        except NwcsError as error:
            assert error.message
        try:
            result = run.apply(good)
        except NwcsError as error:
            assert error.message
        else:
            assert {change["key"] for change in good["changes"]} <= set(result["outcomes"])
        assert run.logins("refused") <= 1

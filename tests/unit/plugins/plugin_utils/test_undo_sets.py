# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Undo sets: what was there comes back, nothing else; no secret is in one; what was tampered with is not sent."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from memory_documents import MemoryDocuments

from ansible_collections.nwcs.hardening.plugins.module_utils import settings
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import ABSENT, STATES, VALUE, Reading
from ansible_collections.nwcs.hardening.plugins.module_utils.design import Want
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError, StateError
from ansible_collections.nwcs.hardening.plugins.module_utils.planning import Change, want_from_plain
from ansible_collections.nwcs.hardening.plugins.module_utils.settings import Phase
from ansible_collections.nwcs.hardening.plugins.plugin_utils import undo_sets
from ansible_collections.nwcs.hardening.plugins.plugin_utils.documents import Conflict, VaultFiles
from ansible_collections.nwcs.hardening.plugins.plugin_utils.result import OUTCOMES
from ansible_collections.nwcs.hardening.plugins.plugin_utils.undo_sets import (
    KEEP,
    OURS,
    UNTOUCHED,
    Entry,
    UndoSet,
    begin,
    entry_of,
    finish,
    fits,
    load,
    runs,
    undone,
    wanted,
    weaker,
)

RUN = "20260701T120000Z-1"
PLANTED = "hunter2-planted"


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


def value(key: str, old: Any, new: Any, phase: int = 2, **more: Any) -> Entry:
    return Entry(key, {"state": VALUE, "value": old}, {"value": new}, phase, **more)


def undo_set(*entries: Entry, run: str = RUN, **more: Any) -> UndoSet:
    identity = {"serial": "S1", "mac": "aa:bb:cc:dd:ee:01", "model": "M", "firmware": "1.0"}
    data = {"job": "harden", "device": "cam-1", "site": "plant", "at": "2026-07-01T12:00:00Z", "family": "onvif"}
    return UndoSet(run=run, identity=identity, entries=list(entries), **{**data, **more})


NAME = value("identity.name", "old name", "new name")
TELNET = value("services.telnet.enabled", True, False, 3, weaker=True)
ACCOUNT = Entry('accounts."ops".role', None, {"value": "operator"}, 1)


class TestLife:
    def test_begin_finish_load(self, documents: MemoryDocuments) -> None:
        mine = begin(documents, undo_set(copy.copy(NAME), copy.copy(TELNET)))
        kept = load(documents, "cam-1", RUN)
        assert (kept.state, [entry.outcome for entry in kept.entries]) == ("begun", ["", ""])
        finish(documents, mine, {"identity.name": {"outcome": "changed"}, "services.telnet.enabled": "failed"})
        kept = load(documents, "cam-1", RUN, "plant")
        assert (kept.state, [entry.outcome for entry in kept.entries]) == ("done", ["changed", "failed"])
        assert kept == mine
        undone(documents, kept, "run-2")
        assert load(documents, "cam-1", RUN).state == "undone by run-2"

    def test_what_cannot_be_kept_is_not_begun(self, documents: MemoryDocuments) -> None:
        documents.refusal = StateError("there is no vault password.")
        with pytest.raises(StateError, match="no vault password"):
            begin(documents, undo_set(NAME))
        documents.refusal = None
        with pytest.raises(StateError, match=r"undo/cam-1/\S+ is no undo set that can be used: entry 2 \(time.zone\)"):
            begin(documents, undo_set(NAME, value("time.zone", [], "UTC")))
        assert documents.names() == []

    def test_a_second_step_of_a_run_is_added_to_the_first(self, documents: MemoryDocuments) -> None:
        first = begin(documents, undo_set(value("identity.name", "A", "B")))
        finish(documents, first, {"identity.name": "changed"})
        second = begin(documents, undo_set(value("identity.name", "B", "C"), value("time.sync", "manual", "ntp")))
        assert load(documents, "cam-1", RUN).state == "begun"
        finish(documents, second, {"identity.name": "failed", "time.sync": "changed"})
        kept = load(documents, "cam-1", RUN)
        assert [entry.outcome for entry in kept.entries] == ["changed", "failed", "changed"]
        want, _lines = wanted(kept)
        assert {key: plain["value"] for key, plain in want.items()} == {"identity.name": "A", "time.sync": "manual"}

    def test_nobody_writes_over_what_another_wrote(self, documents: MemoryDocuments) -> None:
        mine = begin(documents, undo_set(copy.copy(NAME)))
        undone(documents, load(documents, "cam-1", RUN), "run-2")
        with pytest.raises(Conflict):
            finish(documents, mine, {})
        assert load(documents, "cam-1", RUN).state == "undone by run-2"

    def test_an_unknown_outcome_leaves_it_open(self, documents: MemoryDocuments) -> None:
        mine = begin(documents, undo_set(copy.copy(NAME), copy.copy(TELNET)))
        finish(documents, mine, {"identity.name": {"outcome": "wonderful"}})
        kept = load(documents, "cam-1", RUN)
        assert [entry.outcome for entry in kept.entries] == ["", ""]
        assert len(wanted(kept)[0]) == 2

    def test_runs_newest_first_and_old_ones_go(self, documents: MemoryDocuments) -> None:
        begin(documents, undo_set(NAME, device="cam-2"))
        for number in range(KEEP + 3):
            begin(documents, undo_set(NAME, run=f"2026-{number:02}"))
        assert runs(documents, "cam-1") == [f"2026-{number:02}" for number in range(KEEP + 2, 2, -1)]
        assert runs(documents, "cam-2") == [RUN]
        assert runs(documents, "cam-3") == []

    def test_a_clock_that_was_set_back_does_not_remove_the_new_one(self, documents: MemoryDocuments) -> None:
        for number in range(KEEP):
            begin(documents, undo_set(NAME, run=f"2026-{number:02}"))
        begin(documents, undo_set(NAME, run="2001"))
        assert "2001" in runs(documents, "cam-1")
        assert len(runs(documents, "cam-1")) == KEEP

    def test_the_one_that_is_being_undone_stays(self, documents: MemoryDocuments) -> None:
        for number in range(KEEP):
            begin(documents, undo_set(NAME, run=f"2026-{number:02}"))
        oldest = load(documents, "cam-1", "2026-00")
        begin(documents, undo_set(NAME, run="2026-90"), keep="2026-00")
        assert len(runs(documents, "cam-1")) == KEEP + 1
        undone(documents, oldest, "2026-90")
        assert load(documents, "cam-1", "2026-00").state == "undone by 2026-90"
        begin(documents, undo_set(NAME, run="2026-91"))  # and goes with the next run
        assert len(runs(documents, "cam-1")) == KEEP
        assert "2026-00" not in runs(documents, "cam-1")

    def test_an_old_one_that_cannot_go_stops_nobody(
        self, documents: MemoryDocuments, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(KEEP):
            begin(documents, undo_set(NAME, run=f"2026-{number:02}"))

        def no(*_arguments: Any) -> None:
            raise StateError("no")

        monkeypatch.setattr(documents, "delete", no)
        begin(documents, undo_set(NAME))
        assert len(runs(documents, "cam-1")) == KEEP + 1


class TestLoad:
    def test_there_is_none(self, documents: MemoryDocuments) -> None:
        with pytest.raises(StateError, match="No run has changed it yet"):
            load(documents, "cam-1", RUN)
        begin(documents, undo_set(NAME))
        begin(documents, undo_set(NAME, run="20260801T120000Z-9"))
        for run in ("nonsense", "", "../../cam-2"):
            with pytest.raises(StateError, match=f"newest first: 20260801T120000Z-9, {RUN}"):
                load(documents, "cam-1", run)

    @pytest.mark.parametrize("other", [{"device": "cam-2"}, {"site": "plant-2"}, {"run": "other"}], ids=str)
    def test_a_set_of_another_is_refused(self, documents: MemoryDocuments, other: dict[str, str]) -> None:
        plain = undo_sets.to_plain(undo_set(NAME))
        version = documents.write(("undo", "cam-1", RUN), plain, "")
        assert load(documents, "cam-1", RUN, "plant").device == "cam-1"
        documents.write(("undo", "cam-1", RUN), {**plain, **other}, version)
        with pytest.raises(StateError, match="Somebody copied or renamed it"):
            load(documents, "cam-1", RUN, "plant")
        with pytest.raises(StateError, match="Somebody copied or renamed it"):
            begin(documents, undo_set(NAME))

    def test_another_device_at_this_address_gets_nothing(self) -> None:
        mine = undo_set(NAME)
        assert fits(mine, mine.identity) == []
        assert fits(mine, {}) == []
        assert "firmware is 2.0" in fits(mine, {**mine.identity, "firmware": "2.0"})[0]
        for name in ("serial", "mac"):
            with pytest.raises(StateError, match=f"cam-1: the {name} is other"):
                fits(mine, {**mine.identity, name: "other"})

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"schema": 2}, "schema"), ({"schema": True}, "schema"), ({"more": 1}, "expected exactly"),
            ({"run": ""}, "run must"), ({"job": 5}, "job must"), ({"device": "x" * 1001}, "device must"),
            ({"at": "yesterday"}, "time"), ({"state": "over"}, "state"), ({"state": "undone by "}, "state"),
            ({"identity": {}}, "expected exactly"), ({"identity": None}, "expected exactly"),
            ({"identity": {"serial": 1, "mac": "", "model": "", "firmware": ""}}, "serial must"),
            ({"entries": {}}, "entries must"), ({"entries": [None]}, "entry 1"),
        ],
    )  # fmt: skip
    def test_damage_of_the_set_is_named(self, documents: MemoryDocuments, change: dict[str, Any], says: str) -> None:
        documents.write(("undo", "cam-1", RUN), {**undo_sets.to_plain(undo_set(NAME)), **change}, "")
        with pytest.raises(StateError, match=says) as caught:
            load(documents, "cam-1", RUN)
        assert f"memory/undo/cam-1/{RUN}" in str(caught.value)

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"more": 1}, "expected exactly"), ({"key": 5}, "key must"), ({"key": "identity.nome"}, "unknown setting"),
            ({"key": 'accounts."ops'}, "quotes"), ({"key": 'identity."name"'}, "as we write it"),
            ({"key": 'services."*".enabled'}, "as we write it"), ({"key": "facts.serial"}, "never set"),
            ({"old": {"state": "value"}}, "expected exactly"), ({"old": {"state": "good", "value": 1}}, "old state"),
            ({"old": {"state": "unreadable", "value": "x"}}, "cannot have one"), ({"old": []}, "expected exactly"),
            ({"old": {"state": "value", "value": None}}, "old value"), ({"new": {"value": ["x"]}}, "new value"),
            ({"old": {"state": "value", "value": "x" * 70000}}, "too large"), ({"new": {}}, "expected exactly"),
            ({"new": {"absent": False}}, "absent"), ({"new": {"absent": True, "value": 1}}, "expected exactly"),
            ({"phase": 5}, "phase"), ({"phase": True}, "phase"), ({"phase": "2"}, "phase"),
            ({"outcome": "fine"}, "outcome"), ({"outcome": None}, "outcome"), ({"restorable": False}, "restorable"),
            ({"restorable": ""}, "restorable"), ({"restorable": 1}, "restorable"), ({"weaker": "no"}, "weaker"),
        ],
    )  # fmt: skip
    def test_damage_of_an_entry_is_named(self, documents: MemoryDocuments, change: dict[str, Any], says: str) -> None:
        plain = undo_sets.to_plain(undo_set(NAME, TELNET))
        name = ("undo", "cam-1", RUN)
        version = documents.write(name, plain, "")
        assert load(documents, "cam-1", RUN).entries == [NAME, TELNET]
        plain["entries"][0].update(change)
        documents.write(name, plain, version)
        with pytest.raises(StateError, match="entry 1") as caught:
            load(documents, "cam-1", RUN)
        assert says in str(caught.value)
        assert f"memory/undo/cam-1/{RUN}" in str(caught.value)

    def test_too_many_entries(self, documents: MemoryDocuments) -> None:
        plain = undo_sets.to_plain(undo_set(NAME))
        plain["entries"] *= undo_sets.MAX_ENTRIES + 1
        with pytest.raises(StateError, match="at most 2000"):
            undo_sets.from_plain(plain, "x")


class TestSecrets:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (None, {"value": PLANTED}),
            ({"state": "value", "value": PLANTED}, {"value": PLANTED}),
            ({"state": "write_only", "value": PLANTED}, {"value": "managed"}),
        ],
    )
    def test_no_secret_gets_in(self, documents: MemoryDocuments, old: Any, new: Any) -> None:
        begin(documents, undo_set(Entry('accounts."ops".password', old, new, 1)))
        assert PLANTED not in str(documents.held)
        want, lines = wanted(load(documents, "cam-1", RUN))
        assert want == {}
        assert lines == [f'accounts."ops".password: {OURS}']

    def test_nor_out_of_a_set_that_has_one(self, documents: MemoryDocuments) -> None:
        plain = undo_sets.to_plain(undo_set(Entry('accounts."ops".password', None, {"value": "x"}, 1)))
        plain["entries"][0].update({"new": {"value": PLANTED}, "restorable": True})
        documents.write(("undo", "cam-1", RUN), plain, "")
        loaded = load(documents, "cam-1", RUN)
        assert PLANTED not in str(loaded)
        assert wanted(loaded)[0] == {}


class TestWanted:
    def test_newest_first_as_the_planner_takes_it(self) -> None:
        want, lines = wanted(undo_set(NAME, ACCOUNT, TELNET))
        assert list(want) == ["services.telnet.enabled", 'accounts."ops".role', "identity.name"]
        assert lines == []
        origin = f"undo of {RUN}"
        assert [want_from_plain(plain) for plain in want.values()] == [
            Want(True, "strict", origin),
            Want(ABSENT, "strict", origin),
            Want("old name", "strict", origin),
        ]

    @pytest.mark.parametrize("outcome", ["", *OUTCOMES])
    def test_what_did_not_change_is_left_alone(self, outcome: str) -> None:
        mine = undo_set(value("identity.name", "a", "b", outcome=outcome))
        may_have = outcome in ("", "changed", "failed", "undone", "pending_restart", "not_checked", "side_effect")
        assert bool(wanted(mine)[0]) == may_have
        assert (outcome in UNTOUCHED) != may_have

    @pytest.mark.parametrize("state", [state for state in STATES if state != VALUE])
    def test_an_unknown_old_value_does_not_come_back(self, state: str) -> None:
        mine = undo_set(Entry("identity.name", {"state": state, "value": None}, {"value": "b"}, 2))
        want, lines = wanted(mine)
        assert want == {}
        assert len(lines) == 1
        assert lines[0].startswith("identity.name: ")

    def test_what_is_no_item_cannot_be_removed(self) -> None:
        want, lines = wanted(undo_set(Entry("identity.name", None, {"value": "b"}, 2)))
        assert (want, lines) == ({}, ["identity.name: it was not there before, and cannot be removed"])

    def test_what_the_driver_cannot_restore_is_told(self) -> None:
        reason = "the device has no empty list"
        want, lines = wanted(undo_set(value("time.servers", [], ["192.0.2.1"], restorable=reason), NAME))
        assert list(want) == ["identity.name"]
        assert lines == [f"time.servers: {reason}"]

    def test_of_two_changes_of_one_key_the_oldest_value_counts(self) -> None:
        first, second = value("identity.name", "A", "B"), value("identity.name", "B", "C")
        assert wanted(undo_set(first, second))[0]["identity.name"]["value"] == "A"
        assert list(wanted(undo_set(first, value("time.sync", "ntp", "manual"), second))[0]) == [
            "time.sync",
            "identity.name",
        ]
        first.outcome = "refused"
        assert wanted(undo_set(first, second))[0]["identity.name"]["value"] == "B"

    def test_weaker_ones_are_named(self) -> None:
        assert weaker(undo_set(NAME, TELNET)) == ["services.telnet.enabled"]
        untouched = value("services.telnet.enabled", True, False, 3, weaker=True, outcome="guarded")
        assert weaker(undo_set(NAME, untouched)) == []
        lost = value("services.telnet.enabled", True, False, 3, weaker=True, restorable="no")
        assert weaker(undo_set(lost)) == []


class TestEntryOf:
    def test_a_change_of_the_planner(self) -> None:
        old = Reading(VALUE, True, "", "GetNetworkProtocols")
        change = Change(("services", "telnet", "enabled"), old, False, Want(False), Phase.CLOSE)
        assert entry_of(change.to_plain(), weaker=True) == TELNET
        change = Change(("accounts", "ops", "role"), None, "operator", Want("operator"), Phase.OPEN)
        assert entry_of(change.to_plain()) == ACCOUNT
        change = Change(("accounts", "ops", "role"), Reading.of("viewer"), ABSENT, Want(ABSENT), Phase.CLOSE)
        assert entry_of(change.to_plain()).new == {"absent": True}

    @pytest.mark.parametrize("odd", ["\ud800", "x" * 70000, {"a": {1}}], ids=["surrogate", "long", "set"])
    def test_a_value_that_no_file_holds_does_not_stop_the_run(self, documents: MemoryDocuments, odd: Any) -> None:
        change = {"key": "identity.name", "old": {"state": VALUE, "value": odd}, "new": {"value": "b"}, "phase": 2}
        begin(documents, undo_set(entry_of(change)))
        want, lines = wanted(load(documents, "cam-1", RUN))
        assert want == {}
        assert lines[0].startswith("identity.name: its old value cannot be kept")

    def test_an_unknown_key_makes_no_entry(self) -> None:
        with pytest.raises(InputError):
            Entry("identity.nome", None, {"value": 1}, 2)


# -- round trip --------------------------------------------------------------------------------------------------------
# Text of a device: all that can be written as UTF-8.
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
CHOICES: dict[str, Any] = {
    "identity.name": TEXT,
    "services.telnet.enabled": st.booleans(),
    "auth.lockout_attempts": st.integers(-(2**40), 2**40),
    "access.mode": st.sampled_from(["off", "allow", "deny"]),
    "time.servers": st.lists(TEXT, max_size=4),
    "nat.forwards": st.lists(st.fixed_dictionaries({"name": TEXT, "port": st.sampled_from(["80", "1-2"])}), max_size=3),
}


@st.composite
def entries(draw: Any) -> Entry:
    key = draw(st.sampled_from([*CHOICES, "item", "secret"]))
    outcome, weak = draw(st.sampled_from(["", *OUTCOMES])), draw(st.booleans())
    restorable = draw(st.one_of(st.just(True), TEXT.filter(bool)))
    phase = draw(st.integers(0, 4))
    if key == "secret":
        name = settings.key_text(("accounts", draw(TEXT.filter(lambda text: text != "*")), "password"))
        return Entry(name, None, {"value": draw(TEXT)}, phase, outcome, restorable, weak)
    if key == "item":
        name = settings.key_text(("accounts", draw(TEXT.filter(lambda text: text != "*")), "role"))
        old = draw(st.sampled_from([None, {"state": VALUE, "value": "viewer"}]))
        new = draw(st.sampled_from([{"absent": True}, {"value": "operator"}]))
        return Entry(name, old, new, phase, outcome, restorable, weak)

    def normal(of: Any) -> Any:
        return settings.normalise(settings.parse_key(key), of)

    old = draw(st.one_of(
        CHOICES[key].map(lambda of: {"state": VALUE, "value": normal(of)}),
        st.sampled_from([{"state": state, "value": None} for state in STATES if state != VALUE]),
    ))  # fmt: skip
    return Entry(key, old, {"value": normal(draw(CHOICES[key]))}, phase, outcome, restorable, weak)


@given(st.lists(entries(), max_size=6), st.sampled_from([*OUTCOMES, "unheard of"]))
@hypothesis_settings(max_examples=80, deadline=None)
def test_round_trip(found: list[Entry], outcome: str) -> None:
    documents = MemoryDocuments()
    mine = undo_set(*copy.deepcopy(found))
    begin(documents, mine)
    assert load(documents, "cam-1", RUN, "plant").entries == found
    finish(documents, mine, {entry.key: {"outcome": outcome} for entry in found})
    loaded = load(documents, "cam-1", RUN, "plant")
    expected = outcome if outcome in OUTCOMES else ""
    assert [e.outcome for e in loaded.entries] == [e.outcome or expected for e in found]
    want, lines = wanted(loaded)
    keys = {entry.key for entry in loaded.entries if entry.touched}
    assert set(want) | {key for key in keys if any(line.startswith(f"{key}: ") for line in lines)} == keys
    assert len(want) + len(lines) == len(keys)
    assert not any(settings.setting_of(settings.parse_key(key)).secret for key in want)
    for plain in want.values():
        want_from_plain(plain)


JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)


@given(st.data())
@hypothesis_settings(max_examples=150, deadline=None)
def test_junk_in_any_place_is_refused_or_harmless(data: Any) -> None:
    """Never another error than StateError, and never something that the planner would not take."""
    plain = undo_sets.to_plain(undo_set(NAME, TELNET, ACCOUNT))
    place = data.draw(st.sampled_from([plain, plain["identity"], *plain["entries"], plain["entries"][0]["old"]]))
    place[data.draw(st.sampled_from([*place, "more"]))] = data.draw(JUNK)
    try:
        loaded = undo_sets.from_plain(plain, "x")
    except StateError:
        return
    for key, want in wanted(loaded)[0].items():
        parsed = want_from_plain(want)
        assert settings.normalise(settings.parse_key(key), parsed.value) == parsed.value


def test_in_real_files(tmp_path: Path) -> None:
    """Encrypted and authenticated; the set of another device under our name is refused."""
    password = VaultSecret(b"seventeen-grey-herons-read-the-tide-tables")
    documents = VaultFiles(str(tmp_path / "secrets"), "plant", VaultLib([("default", password)]))
    odd = "カメラ \x85\u2028\ufeff'\"#: ~1e3"
    for device in ("cam-1", "カメラ/1"):
        mine = begin(documents, undo_set(value("identity.name", odd, "b"), ACCOUNT, device=device))
        finish(documents, mine, {"identity.name": "changed"})
        assert load(documents, device, RUN, "plant") == mine
        assert runs(documents, device) == [RUN]
        path = Path(documents.where(mine.name))
        assert path.stat().st_mode & 0o777 == 0o600
        assert b"identity" not in path.read_bytes()
    Path(documents.where(("undo", "cam-1", RUN))).write_bytes(path.read_bytes())
    with pytest.raises(StateError, match="copied or renamed"):
        load(documents, "cam-1", RUN)
    path.write_bytes(path.read_bytes()[:-9] + b"00000000\n")
    with pytest.raises(StateError, match="was altered"):
        load(documents, "カメラ/1", RUN)

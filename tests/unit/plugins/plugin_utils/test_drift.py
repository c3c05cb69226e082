# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from nwcs_snapshots import snapshot, unknown, value

from ansible_collections.nwcs.hardening.plugins.plugin_utils import drift, sheet


def told(now, **baseline):
    """[(kind, key)] of the unexplained findings of `now` against a baseline."""
    made = sheet.record(None, snapshot(**baseline), site="demo")[0]
    return [(f["kind"], f["key"]) for f in drift.findings(made, now) if drift.is_drift(f)]


def findings(now, **baseline):
    return drift.findings(sheet.record(None, snapshot(**baseline), site="demo")[0], now)


def test_nothing_changed_is_no_finding():
    assert findings(snapshot()) == []


def test_volatile_values_are_never_a_finding():
    readings = {
        "time.skew_seconds": value(20),
        "recording.state": value("idle"),
        "network.wan_address": value(["198.51.100.7/24"]),
        "network.leases": value([{"mac": "aa:bb:cc:dd:ee:01"}]),
    }
    assert findings(snapshot(at="2027-01-01T00:00:00Z", readings=readings)) == []


def test_another_text_for_the_same_is_no_finding():
    readings = {"network.dns_servers": value(["10.0.0.1/32", "10.0.0.2"]), "time.zone": value("KST-9")}
    assert findings(snapshot(readings=readings)) == []


@pytest.mark.parametrize(
    ("readings", "expected", "severity"),
    [
        ({'accounts."support".role': value("administrator"), 'accounts."support".enabled': value(True)},
         ("account_appeared", 'accounts."support".role'), "critical"),
        ({'accounts."view".role': value("viewer")}, ("account_appeared", 'accounts."view".role'), "high"),
        ({'accounts."x".role': unknown("unreadable"), 'accounts."x".enabled': value(True)},
         ("account_appeared", 'accounts."x".role'), "high"),
        ({'accounts."admin".role': None, 'accounts."admin".enabled': None, 'accounts."admin".password': None},
         ("account_gone", 'accounts."admin".role'), "high"),
        ({'accounts."admin".role': value("viewer")}, ("account_role", 'accounts."admin".role'), "high"),
        ({'accounts."admin".enabled': value(False)}, ("value_changed", 'accounts."admin".enabled'), "high"),
        ({"services.telnet.enabled": value(True), "services.telnet.open": value(True)},
         ("service_on", "services.telnet.enabled"), "high"),
        ({"services.ssh.enabled": value(True), "services.ssh.open": value(True)},
         ("service_on", "services.ssh.enabled"), "high"),
        ({"services.https.enabled": value(False), "services.https.open": value(False)},
         ("service_off", "services.https.enabled"), "medium"),
        ({"services.9527.open": value(True)}, ("socket_opened", "services.9527.open"), "high"),
        ({"services.https.ports": value([443, 8443])}, ("members_appeared", "services.https.ports"), "medium"),
        ({"identity.name": value("gate ")}, ("value_changed", "identity.name"), "high"),
        ({"network.dns_servers": value(["203.0.113.66"])}, ("value_changed", "network.dns_servers"), "critical"),
        ({"network.dns_servers": value(["10.0.0.2", "10.0.0.1"])}, ("order_changed", "network.dns_servers"),
         "critical"),
        ({"network.dns_servers": value(["10.0.0.1"])}, ("members_gone", "network.dns_servers"), "critical"),
        ({"nat.forwards": value([{"port": "8554", "to": "10.0.0.9"}])}, ("member_appeared", "nat.forwards"),
         "critical"),
        ({"ddns.enabled": value(True)}, ("value_changed", "ddns.enabled"), "critical"),
        ({"accounts.anonymous_view": value(True)}, ("open_to_anyone", "accounts.anonymous_view"), "critical"),
        ({"tls.certificate.sha256": value("bb"), "tls.certificate.subject": value("CN=other")},
         ("certificate_changed", "tls.certificate.sha256"), "critical"),
        ({"time.skew_seconds": value(-31)}, ("clock_wrong", "time.skew_seconds"), "medium"),
        ({"time.skew_seconds": value(4000)}, ("clock_wrong", "time.skew_seconds"), "high"),
    ],
)  # fmt: skip
def test_each_change_is_exactly_one_finding(readings, expected, severity):
    found = findings(snapshot(readings=readings))
    assert [(f["kind"], f["key"]) for f in found] == [expected]
    assert found[0]["severity"] == severity and found[0]["explained"] is None


def test_a_service_that_is_not_offered_any_more_is_off():
    assert told(snapshot(readings={"services.telnet.enabled": unknown("not_offered")})) == []
    gone = {"services.https.enabled": unknown("not_offered"), "services.https.open": value(False)}
    assert told(snapshot(readings=gone)) == [("service_off", "services.https.enabled")]


def test_a_played_attack_is_listed_exactly():
    attacked = snapshot(
        readings={
            'accounts."support".role': value("administrator"),
            'accounts."support".enabled': value(True),
            "identity.name": value("hacked"),
            "ddns.enabled": value(True),
            "network.dns_servers": value(["203.0.113.66", "10.0.0.2"]),
            "nat.forwards": value([{"protocol": "tcp", "port": "8554", "to": "127.77.0.11", "to_port": "8554"}]),
            "services.telnet.enabled": value(True),
            "services.telnet.open": value(True),
        }
    )
    assert sorted(told(attacked)) == sorted(
        [
            ("account_appeared", 'accounts."support".role'),
            ("value_changed", "identity.name"),
            ("value_changed", "ddns.enabled"),
            ("value_changed", "network.dns_servers"),
            ("member_appeared", "nat.forwards"),
            ("service_on", "services.telnet.enabled"),
        ]
    )


def test_switch_and_socket_are_both_looked_at():
    lying = snapshot(readings={"services.telnet.open": value(True)})
    assert {f["kind"] for f in findings(lying)} == {"socket_open_though_off", "socket_opened"}
    deaf = snapshot(readings={"services.https.open": value(False)})
    assert {f["kind"] for f in findings(deaf)} == {"socket_closed_though_on", "socket_closed"}


def test_what_was_so_in_the_baseline_is_told_and_explained():
    readings = {"services.telnet.open": value(True), "accounts.anonymous_view": value(True)}
    found = findings(snapshot(readings=readings), readings=readings)
    assert {(f["kind"], f["explained"]) for f in found} == {
        ("socket_open_though_off", "recorded"),
        ("open_to_anyone", "recorded"),
    }
    assert not any(drift.is_drift(f) for f in found)


@pytest.mark.parametrize("name", ["admin ", "аdmin", "ad\u200bmin", "Admin"])
def test_an_account_that_looks_like_another(name):
    from ansible_collections.nwcs.hardening.plugins.module_utils.settings import key_text

    found = findings(snapshot(readings={key_text(("accounts", name, "role")): value("viewer")}))
    assert {f["kind"] for f in found} == {"account_appeared", "look_alikes"}
    assert next(f for f in found if f["kind"] == "look_alikes")["args"]["names"] == sorted(["admin", name])


def test_an_account_swapped_for_its_double():
    readings = {key: None for key in ('accounts."admin".role', 'accounts."admin".enabled', 'accounts."admin".password')}
    found = findings(snapshot(readings={**readings, 'accounts."аdmin".role': value("administrator")}))
    assert {f["kind"] for f in found} == {"account_gone", "account_appeared", "look_alikes"}


@pytest.mark.parametrize("field", ["serial", "mac", "model", "manufacturer"])
def test_another_device_is_critical(field):
    identity = {**snapshot()["identity"], field: "11:22:33:44:55:66"}
    found = findings(snapshot(identity=identity))
    assert [(f["kind"], f["severity"]) for f in found] == [("other_device", "critical")]


def test_identity_is_told_once_although_facts_say_it_too():
    identity = {**snapshot()["identity"], "firmware": "2.0"}
    old, new = {"facts.firmware": value("1.0")}, {"facts.firmware": value("2.0")}
    assert told(snapshot(identity=identity, readings=new), readings=old) == [("firmware_changed", "facts.firmware")]


def test_documents_beyond_the_model():
    assert [f["kind"] for f in findings(snapshot(documents={"network": {"digest": "cd"}}))] == ["document_changed"]
    for documents in ({"network": {"state": "unreadable", "why": "HTTP 500"}}, {}):
        found = findings(snapshot(documents=documents))
        assert [f["kind"] for f in found] == ["not_readable"] and drift.is_not_checked(found[0])


@pytest.mark.parametrize("state", ["unreadable", "unverifiable", "manual", "unsupported"])
def test_what_cannot_be_read_any_more_is_not_checked_and_not_clean(state):
    found = findings(snapshot(readings={"identity.name": unknown(state, "HTTP 500")}))
    assert [(f["kind"], f["args"]["why"]) for f in found] == [("not_readable", "HTTP 500")]
    assert drift.is_not_checked(found[0]) and not drift.is_drift(found[0])


def test_a_key_that_vanished_from_the_reading_is_not_checked():
    assert [f["kind"] for f in findings(snapshot(readings={"identity.name": None}))] == ["not_readable"]


def test_a_list_of_accounts_that_is_not_credible_says_nothing_of_any_account():
    readings = {
        'accounts."admin".role': None,
        'accounts."admin".enabled': None,
        'accounts."admin".password': None,
        'accounts."*".role': unknown("unverifiable", "the login in use is not listed"),
        'accounts."*".enabled': unknown("unverifiable", "the login in use is not listed"),
    }
    found = findings(snapshot(readings=readings))
    assert [f["kind"] for f in found] == ["not_readable"]
    again = findings(snapshot(readings=readings), readings=readings)
    assert [f["kind"] for f in again] == ["still_not_readable"] and drift.is_not_checked(again[0])


@pytest.mark.parametrize("state", ["unreadable", "unverifiable", "manual"])
def test_unsupported_then_and_now_is_silent_and_unknown_is_not(state):
    readings = {"video.authentication": unknown(state), "log.local": unknown("unsupported")}
    found = findings(snapshot(readings=readings), readings=readings)
    assert [(f["kind"], f["key"]) for f in found] == [("still_not_readable", "video.authentication")]


def test_what_the_baseline_does_not_know_cannot_be_compared():
    found = findings(snapshot(readings={"log.remote": value(["10.0.0.5"]), "log.local": value(True)}))
    assert {(f["kind"], f["key"]) for f in found} == {("not_recorded", "log.remote"), ("not_recorded", "log.local")}
    assert all(drift.is_not_checked(f) for f in found)


def test_write_only_values_are_no_drift():
    assert findings(snapshot(readings={'accounts."admin".password': unknown("write_only")})) == []


def test_a_renewed_certificate_is_not_as_bad_as_a_foreign_one():
    trusted = {"tls.certificate.trusted": value(True)}
    renewed = {**trusted, "tls.certificate.sha256": value("bb"), "tls.certificate.not_after": value("2030-01-01")}
    found = findings(snapshot(readings=renewed), readings=trusted)
    assert [(f["kind"], f["severity"]) for f in found] == [("certificate_changed", "medium")]


def test_the_clock_is_judged_only_by_a_clock_that_is_right():
    made = sheet.record(None, snapshot(), site="demo")[0]
    wrong = snapshot(readings={"time.skew_seconds": value(99)})

    def kinds(**options):
        return [f["kind"] for f in drift.findings(made, wrong, **options)]

    assert kinds(controller_clock="synchronised") == ["clock_wrong"]
    assert kinds(controller_clock="unsynchronised") == ["clock_not_judged"]
    assert kinds(skew_limit=100) == []


def test_without_a_sheet_nothing_is_clean():
    found = drift.findings(None, snapshot())
    assert [f["kind"] for f in found] == ["no_baseline"] and drift.is_not_checked(found[0])


def test_findings_come_worst_first():
    found = findings(snapshot(readings={"time.zone": value("UTC"), "ddns.enabled": value(True)}))
    assert [f["severity"] for f in found] == ["critical", "medium"]

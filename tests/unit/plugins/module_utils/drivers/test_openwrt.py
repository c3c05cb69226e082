# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenWrt driver against recorded answers (a scripted transport) and against the lab's router with its faults."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import copy
import json
import traceback
from types import SimpleNamespace

import pytest
from openwrt_captures import exchanges

from ansible_collections.nwcs.hardening.lab.testing import running_lab
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer, Credential
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt import (
    PACKAGES,
    OpenWrtContext,
    OpenWrtDriver,
    judge_anonymous,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_status import fingerprints
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.openwrt_ubus import Ubus
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    Busy,
    DeviceError,
    InputError,
    LoginRefused,
    Refused,
    Unsupported,
    WrongFamily,
)
from ansible_collections.nwcs.hardening.plugins.module_utils.reading import decode, digests
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Limits, Target, Transport

DRIVER = OpenWrtDriver()
DOCUMENTS = {document.name: document for document in DRIVER.documents}
UCI = DRIVER.transactions[0]
PASSWORD = "Corr3ct-Horse!"


class Recorded:
    """A transport that answers each call of a batch as the recorded exchange with the same object, method and
    arguments did (the session is not looked at); what was never recorded is no object here."""

    def __init__(self, *numbers, scheme="https"):
        self.target = SimpleNamespace(name="router", scheme=scheme, port=443, host="192.0.2.1", limits=Limits())
        self.requests, self.sent, self.closed = 0, [], False
        self.answers = {}
        for number in numbers:
            for exchange in exchanges(number):
                body = exchange["request"]["body"]
                if isinstance(body, dict) and isinstance(exchange["response"]["body"], dict):
                    reply = exchange["response"]["body"]
                    self.answers.setdefault(self._key(body), {k: reply[k] for k in ("result", "error") if k in reply})

    @staticmethod
    def _key(body):
        params = body.get("params")
        params = params if isinstance(params, list) else []
        args = dict(params[3]) if len(params) > 3 and isinstance(params[3], dict) else {}
        args.pop("timeout", None)
        return json.dumps([body.get("method"), params[1:3], args], sort_keys=True)

    @staticmethod
    def _fresh(asked, answer):
        """A new session has the time-out that was asked for."""
        if asked.get("params", [None] * 3)[1:3] != ["session", "login"] or len(answer.get("result", ())) < 2:
            return answer
        code, data = answer["result"]
        return {"result": [code, {**data, "timeout": asked["params"][3].get("timeout", data.get("timeout"))}]}

    def request(self, method, path, *, body=b"", headers=None, login=True, idempotent=None):
        assert (method, path) == ("POST", "/ubus")
        assert login is False  # no HTTP login ever
        self.requests += 1
        asked = json.loads(body)
        self.sent.append(asked)
        unknown = {"error": {"code": -32000, "message": "Object not found"}}
        replies = [
            {"jsonrpc": "2.0", "id": one.get("id"), **self._fresh(one, self.answers.get(self._key(one), unknown))}
            for one in (asked if isinstance(asked, list) else [asked])
        ]
        return Answer(200, {}, json.dumps(replies if isinstance(asked, list) else replies[0]).encode(), path)

    def close(self):
        self.closed = True


def opened(*numbers, **more):
    return DRIVER.open(Recorded(*numbers, **more), Credential("root", PASSWORD), {})


# -- recorded answers --------------------------------------------------------------------------------------------------
def test_a_whole_router_is_read_in_one_request_after_the_login():
    ctx = opened("04", "07")
    before = ctx.transport.requests
    trees = DRIVER.fetch(ctx, [d.name for d in DRIVER.documents if d.fetch])
    assert ctx.transport.requests == before + 1
    readings = {key: reading.value for key, reading in decode(DRIVER, ctx, trees).items()}
    assert readings["identity", "hostname"] == "OpenWrt"
    assert readings["facts", "firmware"] == "24.10.4 r28959-29397011cc"
    assert readings["accounts", "root", "role"] == "administrator"
    assert readings["network", "wan_address"] == ["203.0.113.10/24"]
    assert {"mac": "00:00:5e:00:53:aa", "address": "192.168.1.133", "name": "unknown-phone"} in readings[
        "network", "leases"
    ]
    assert len(ctx.identity.mac) == 17
    assert set(digests(DRIVER, trees)) >= set(PACKAGES)


def test_what_luci_does_not_grant_is_refused_by_name_and_not_asked():
    ctx = opened("10")
    before = ctx.transport.requests
    found = DRIVER.fetch(ctx, ["rpcd", "dropbear"])
    assert ctx.transport.requests == before
    assert isinstance(found["rpcd"], Refused) and "No LuCI group" in str(found["rpcd"])
    assert isinstance(found["dropbear"], Refused) and "luci-mod-system-ssh" in str(found["dropbear"])
    readings = decode(DRIVER, ctx, found)
    assert readings["accounts", "root", "role"].state == "unreadable"
    assert readings["auth", "ssh_password_login"].state == "unreadable"


def test_the_wrong_password_says_so_and_nothing_more():
    with pytest.raises(LoginRefused) as error:
        DRIVER.open(Recorded("01"), Credential("admin", "admin"), {})
    assert "admin'" in str(error.value) and not error.value.locked


def test_the_list_without_the_login_in_use_is_not_credible():
    ctx = opened("04")
    trees = DRIVER.fetch(ctx, ["rpcd"])
    assert DOCUMENTS["rpcd"].credible(ctx, trees["rpcd"]) is None
    for name in list(trees["rpcd"]):
        if trees["rpcd"][name][".type"] == "login":
            del trees["rpcd"][name]
    assert decode(DRIVER, ctx, trees)["accounts", "root", "role"].state == "unverifiable"


def test_a_clear_text_login_is_noted_and_hashes_are_not_asked_for():
    ctx = opened("03", "04", scheme="http")
    assert "clear" in ctx.notes[0]
    assert isinstance(DRIVER.fetch(ctx, ["shadow"])["shadow"], Refused)


def test_the_session_id_shows_nowhere():
    ctx = opened("04")
    session = ctx.ubus.session
    ctx.ubus.transport.answers.clear()
    try:
        UCI.prepare(ctx)
    except DeviceError:
        shown = traceback.format_exc()
    assert session not in shown and PASSWORD not in shown  # pylint: disable=used-before-assignment
    assert session not in repr(ctx.stage) and PASSWORD not in repr(ctx.credential)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"result": [0, {"model": "x"}]}, True),
        (200, {"error": {"code": -32002}}, False),
        (307, {}, False),
        (200, {"error": {"code": -32000}}, None),
        (200, [], None),
        (200, "x", None),
        (404, {}, None),
    ],
)
def test_an_answer_without_a_session_is_judged(status, body, expected):
    assert judge_anonymous(Answer(status, {}, json.dumps(body).encode())) is expected


def test_recorded_no_ubusauth_is_seen():
    found = next(e for e in exchanges("09") if e["name"].startswith("no_ubusauth: any object"))
    assert judge_anonymous(Answer(200, {}, json.dumps(found["response"]["body"]).encode())) is True


def test_keys_are_told_by_fingerprint():
    key = "AAAAC3NzaC1lZDI1NTE5AAAAIEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaMDEyMzQ1"
    (told,) = fingerprints(f"# comment\nno-pty ssh-ed25519 {key} eve@laptop\nssh-rsa !!!\n")
    assert told.startswith("ssh-ed25519 SHA256:") and told.endswith("eve@laptop") and key not in told


def test_the_clock_is_told_in_utc():
    ctx = opened("04")
    system = DRIVER.fetch(ctx, ["system"])["system"]
    next(iter(system.values()))["timezone"] = "JST-9"
    trees = {"info": {"localtime": 1_700_000_000 + 9 * 3600, "received": 1_700_000_005.0}, "system": system}
    device, controller = DRIVER.clock(ctx, trees)
    assert (device - controller).total_seconds() == -5
    trees["epoch"] = {"result": 1_700_000_004}
    assert (controller - DRIVER.clock(ctx, trees)[0]).total_seconds() == 1


# -- the lab's router --------------------------------------------------------------------------------------------------
@pytest.fixture(params=["openwrt-full-acl", "openwrt-factory"])
def lab(request):
    with running_lab([{"name": "router", "model": request.param}]) as running:
        yield running


@pytest.fixture
def free():
    """A router whose login may do everything."""
    with running_lab([{"name": "router", "model": "openwrt-full-acl"}]) as running:
        yield running


def transport(lab, scheme="https", name="router"):
    device = lab.device(name)
    return Transport(Target(name, device.address, device.ports[scheme], scheme, tls_verify=False))


def enter(lab, password="", **secrets):
    return DRIVER.open(transport(lab), Credential("root", password), {f"accounts.{k}": v for k, v in secrets.items()})


def put(trees, key, value, item=None):
    binding = next(b for b in DRIVER.bindings if b.put and b.key == tuple(key.split(".")))
    found = [trees[name] for name in binding.documents]
    binding.put(*found, *([item] if item else []), value)


def stage(ctx, key, value, *names, item=None):
    """Read, put, store; returns the trees before and after."""
    old = DRIVER.fetch(ctx, names)
    new = copy.deepcopy(old)
    put(new, key, value, item)
    UCI.prepare(ctx)
    for name in names:
        if DOCUMENTS[name].transaction:
            DOCUMENTS[name].store(ctx, old[name], new[name])
    return old, new


def hostname(ctx):
    return next(s["hostname"] for s in DRIVER.fetch(ctx, ["system"])["system"].values() if "hostname" in s)


def test_wrong_family(free):
    with running_lab(["onvif-complete"]) as other:
        with pytest.raises(WrongFamily):
            DRIVER.identify(transport(other, "http", "onvif-complete"))
    assert DRIVER.identify(transport(free)).manufacturer == "OpenWrt"


def test_a_change_is_applied_confirmed_and_stays(lab):
    ctx = enter(lab)
    stage(ctx, "identity.hostname", "site-router", "system")
    UCI.apply(ctx, 20)
    DRIVER.login(transport(lab), Credential("root", ""))  # the proof on a new connection ends nothing
    UCI.confirm(ctx)
    assert hostname(ctx) == "site-router"
    assert ctx.notes == ["At login the account had no password: the router took any."]
    assert DRIVER.factory_new(ctx, DRIVER.fetch(ctx, ["shadow"])) is True
    ctx.close()


def test_an_abandoned_change_is_gone_and_nothing_is_left_staged(lab):
    ctx = enter(lab)
    before = hostname(ctx)
    stage(ctx, "identity.hostname", "never", "system")
    UCI.apply(ctx, 1)
    assert hostname(ctx) == "never"
    UCI.abandon(ctx)
    assert hostname(ctx) == before
    assert ctx.ubus.call("uci", "changes").data == {"changes": {}}
    ctx.close()


def test_what_was_only_staged_is_dropped(lab):
    ctx = enter(lab)
    stage(ctx, "identity.hostname", "never", "system")
    UCI.abandon(ctx)
    assert ctx.ubus.call("uci", "changes").data == {"changes": {}}
    assert "system" in DRIVER.fetch(ctx, ["system"])
    ctx.close()


def test_nothing_is_sent_for_a_tree_that_did_not_change(free):
    ctx = enter(free)
    tree = DRIVER.fetch(ctx, ["firewall"])["firewall"]
    UCI.prepare(ctx)
    sent = ctx.transport.requests
    assert DOCUMENTS["firewall"].store(ctx, tree, copy.deepcopy(tree)) is None
    assert ctx.transport.requests == sent
    ctx.close()


def test_a_waiting_apply_of_somebody_else_is_busy(lab):
    other, ctx = enter(lab), enter(lab)
    stage(other, "identity.hostname", "other", "system")
    UCI.apply(other, 30)
    with pytest.raises(Busy):
        UCI.prepare(ctx)
    ctx.close()  # the session of the other apply must survive this
    UCI.confirm(other)
    assert hostname(other) == "other"


def test_a_file_changed_under_the_stage_is_not_applied(free):
    ctx = enter(free)
    stage(ctx, "nat.forwards", [{"protocol": "tcp", "port": "80", "to": "192.168.1.9", "name": "x"}], "firewall")
    free.attack("router", "wan-admin")  # writes the same file
    with pytest.raises(Busy, match="not what was meant"):
        UCI.apply(ctx, 20)
    UCI.abandon(ctx)
    ctx.close()


def test_a_forgotten_timer_is_told_by_confirm_and_mended_by_abandon(free):
    free.fault("router", "H45-sighup")
    ctx = enter(free)
    before = hostname(ctx)
    stage(ctx, "identity.hostname", "one", "system")
    UCI.apply(ctx, 20)
    UCI.confirm(ctx)
    assert hostname(ctx) == "one" and any("stays" in note for note in ctx.notes)
    stage(ctx, "identity.hostname", before.lower(), "system")
    UCI.apply(ctx, 20)
    UCI.abandon(ctx)
    assert hostname(ctx) == "one" and any("written back" in note for note in ctx.notes)
    ctx.close()


def test_a_wiped_snapshot_is_mended_by_abandon(free):
    free.fault("router", "H45-foreign-apply")
    ctx = enter(free)
    before = hostname(ctx)
    stage(ctx, "identity.hostname", "never", "system")
    UCI.apply(ctx, 20)
    free.fault("router", "H45-foreign-apply", False)
    UCI.abandon(ctx)
    assert hostname(ctx) == before
    ctx.close()


def test_a_lost_answer_to_confirm_is_no_failure(free):
    free.fault("router", "H45-lost-confirm")
    ctx = enter(free)
    stage(ctx, "identity.hostname", "kept", "system")
    UCI.apply(ctx, 20)
    UCI.confirm(ctx)
    free.fault("router", "H45-lost-confirm", False)
    assert hostname(ctx) == "kept"
    assert not any("stays" in note for note in ctx.notes)
    ctx.close()


def test_the_web_server_restarting_after_apply_is_waited_for(lab):
    lab.fault("router", "uhttpd-restart")
    ctx = enter(lab)
    stage(ctx, "identity.hostname", "kept", "system")
    UCI.apply(ctx, 30)
    assert hostname(ctx) == "kept"
    UCI.confirm(ctx)
    ctx.close()


def test_an_expired_session_is_renewed_once_and_a_refusal_is_a_refusal(free):
    ctx = enter(free)
    free.fault("router", "H22")
    assert hostname(ctx)
    free.fault("router", "H22-denied")
    assert isinstance(DRIVER.fetch(ctx, ["system"])["system"], Refused)
    sent = ctx.transport.requests
    assert isinstance(DRIVER.fetch(ctx, ["system"])["system"], Refused)
    assert ctx.transport.requests == sent + 1  # known by now: no login for this again


def test_a_busy_web_server_is_asked_again_for_readings_and_for_the_confirm(free):
    free.fault("router", "H23")  # every third request
    ctx = enter(free)
    assert [hostname(ctx) for _unused in range(4)] == ["OpenWrt"] * 4
    free.fault("router", "H23", False)
    for count in range(3):
        stage(ctx, "identity.hostname", f"kept-{count}", "system")
        UCI.apply(ctx, 20)
        free.fault("router", "H23")
        for _unused in range(count):  # so that the busy answer is the first, the second, the third from here
            ctx.transport.request("POST", "/ubus", body=b"{}", login=False)
        UCI.confirm(ctx)
        free.fault("router", "H23", False)
        assert hostname(ctx) == f"kept-{count}"
    ctx.close()


def test_an_error_in_the_data_of_a_write_is_refused(free):
    free.fault("router", "H12")
    ctx = enter(free)
    with pytest.raises(Refused):
        stage(ctx, "identity.hostname", "never", "system")
    UCI.abandon(ctx)
    ctx.close()


def test_the_rollback_time_must_fit_the_session(free):
    ctx = enter(free)
    stage(ctx, "identity.hostname", "never", "system")
    for seconds in (0, 600):
        with pytest.raises(InputError):
            UCI.apply(ctx, seconds)
    UCI.abandon(ctx)
    ctx.close()


def test_a_root_password_is_set_and_the_old_one_refused(lab):
    ctx = enter(lab, root=PASSWORD)
    DOCUMENTS["password"].store(ctx, {}, {"root": "set"})
    DRIVER.login(transport(lab), Credential("root", PASSWORD))
    with pytest.raises(LoginRefused):
        DRIVER.login(transport(lab), Credential("root", ""))
    ctx.close()
    fresh = enter(lab, PASSWORD)
    assert DRIVER.factory_new(fresh, DRIVER.fetch(fresh, ["shadow"])) in (False, None)
    fresh.close()


def test_a_login_is_made_with_its_hash_works_and_goes_again(free):
    ctx = enter(free, ops=PASSWORD)
    stage(ctx, "accounts.*.role", "viewer", "rpcd", item="ops")
    UCI.apply(ctx, 20)
    UCI.confirm(ctx)
    DRIVER.login(transport(free), Credential("ops", PASSWORD))
    tree = DRIVER.fetch(ctx, ["rpcd"])["rpcd"]
    assert PASSWORD not in json.dumps(tree) and "$6$" not in json.dumps(tree)
    stage(ctx, "accounts.*.role", None, "rpcd", item="ops")
    UCI.apply(ctx, 20)
    UCI.confirm(ctx)
    with pytest.raises(LoginRefused):
        DRIVER.login(transport(free), Credential("ops", PASSWORD))
    ctx.close()


def test_services_are_switched_and_read_back(lab):
    ctx = enter(lab)
    old = DRIVER.fetch(ctx, ["rc"])["rc"]
    new = copy.deepcopy(old)
    put({"rc": new, "upnpd": {}}, "nat.upnp", False)
    DOCUMENTS["rc"].store(ctx, old, new)
    row = DRIVER.fetch(ctx, ["rc"])["rc"]["miniupnpd"]
    assert (row["enabled"], row["running"]) == (False, False)
    ctx.close()


def test_every_attack_shows_in_a_key(free):
    ctx = enter(free)
    names = [d.name for d in DRIVER.documents if d.fetch]
    before = decode(DRIVER, ctx, DRIVER.fetch(ctx, names))
    expected = {
        "port-forward": ("nat", "forwards"), "dns-changed": ("network", "dns_handed_out"),
        "ddns-on": ("ddns", "enabled"),
        "upnp-on": ("nat", "upnp"), "new-login": ("accounts", "support", "role"), "wan-admin": ("nat", "wan_admin"),
        "wifi-open": ("wireless", "guest", "enabled"),
    }  # fmt: skip
    for attack, key in expected.items():
        free.attack("router", attack)
        after = decode(DRIVER, ctx, DRIVER.fetch(ctx, names))
        assert after[key] != before.get(key), attack
    assert "198.51.100.66" in after["network", "dns_servers"].value
    ctx.close()


def test_hostile_texts_are_read_as_they_are(free):
    free.fault("router", "H34")
    ctx = enter(free)
    readings = decode(DRIVER, ctx, DRIVER.fetch(ctx, [d.name for d in DRIVER.documents if d.fetch]))
    assert readings["identity", "hostname"].value.startswith("{{ 7*7 }}")
    ctx.close()


def test_a_login_that_may_call_nothing_gets_refusals_not_empty_answers():
    with running_lab([{"name": "router", "model": "openwrt-bare"}]) as lab:
        ctx = enter(lab)
        found = DRIVER.fetch(ctx, [d.name for d in DRIVER.documents if d.fetch and d.name not in ("acls", "password")])
        assert all(isinstance(tree, (Refused, Unsupported)) for tree in found.values())
        with pytest.raises(Unsupported):
            DRIVER.restart(ctx)
        ctx.close()


def test_http_that_redirects_gets_no_password(free):
    ctx = enter(free)
    stage(ctx, "tls.https_only", True, "uhttpd")
    UCI.apply(ctx, 20)
    UCI.confirm(ctx)
    sent = len(free.log("router"))
    with pytest.raises(Refused, match="HTTPS"):
        DRIVER.open(transport(free, "http"), Credential("root", PASSWORD), {})
    assert not any(entry.login for entry in free.log("router")[sent:])
    ctx.close()


def test_endpoints_name_every_way_in(free):
    ctx = enter(free)
    trees = DRIVER.fetch(ctx, [d.name for d in DRIVER.documents if d.fetch])
    found = DRIVER.endpoints(ctx, trees)
    assert {e.scheme for e in found if e.purpose == "manage"} == {"http", "https"}
    assert {"ssh", "telnet", "upnp"} <= {e.service for e in found}
    assert isinstance(ctx, OpenWrtContext) and isinstance(ctx.ubus, Ubus)
    ctx.close()

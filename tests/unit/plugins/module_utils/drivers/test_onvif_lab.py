# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ONVIF driver against simulated devices: login, reading, writing, and what it says of devices that misbehave."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.nwcs.hardening.lab.onvif.faults import FAULTS
from ansible_collections.nwcs.hardening.lab.testing import RunningLab, is_open, running_lab
from ansible_collections.nwcs.hardening.plugins.module_utils import errors
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Binding, Credential, Stored
from ansible_collections.nwcs.hardening.plugins.module_utils.drivers.onvif import OnvifDriver
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Limits, Target, Transport

DRIVER = OnvifDriver()
ADMIN = Credential("admin", "12345", "bootstrap")
SECRET = "Correct-Horse-7"


def transport(lab: RunningLab, name: str = "cam", port: int | None = None) -> Transport:
    device = lab.device(name)
    limits = Limits(connect_seconds=2, read_seconds=3, total_seconds=10)
    return Transport(Target(name, device.address, port or device.ports["http"], "http", limits=limits))


@contextmanager
def device(model: str, *faults: str, **more: Any) -> Iterator[tuple[RunningLab, Any]]:
    with running_lab([{"name": "cam", "model": model, **more}]) as lab:
        for fault in faults:
            lab.fault("cam", fault)
        yield lab, lab.device("cam")


def opened(lab: RunningLab, credential: Credential = ADMIN, **secrets: str) -> Any:
    connection = transport(lab)
    DRIVER.identify(connection)
    return DRIVER.open(connection, credential, {f"accounts.{name}": value for name, value in secrets.items()})


def document(name: str) -> Any:
    return next(document for document in DRIVER.documents if document.name == name)


def binding(key: str) -> Binding:
    return next(row for row in DRIVER.bindings if ".".join(row.key) == key)


def read(ctx: Any, name: str) -> Any:
    tree = DRIVER.fetch(ctx, [name])[name]
    if isinstance(tree, Exception):
        raise tree
    return tree


def write(ctx: Any, name: str, edit: Callable[[Any], Any]) -> Stored | None:
    old = read(ctx, name)
    new = copy.deepcopy(old)
    edit(new)
    return document(name).store(ctx, old, new)


def logins(lab: RunningLab, word: str) -> int:
    return sum(entry.login == word for entry in lab.log("cam"))


# -- identify and login ------------------------------------------------------------------------------------------------
def test_a_whole_reading_takes_at_most_twenty_requests_and_one_login() -> None:
    with device("onvif-complete") as (lab, cam):
        connection = transport(lab)
        identity = DRIVER.identify(connection)
        assert identity.endpoint.startswith("urn:uuid:") and not identity.serial
        assert all(not entry.user and not entry.login for entry in lab.log("cam")), "identify sends no credential"
        ctx = DRIVER.open(connection, ADMIN, {})
        trees = DRIVER.fetch(ctx, [d.name for d in DRIVER.documents])
        assert [name for name, tree in trees.items() if isinstance(tree, Exception)] == ["recording"]
        assert connection.requests <= 20
        assert logins(lab, "refused") == 0 and not lab.writes("cam")
        assert ctx.identity.serial and ctx.identity.mac == cam.state["interface"]["HwAddress"]
        assert ctx.identity.endpoint == identity.endpoint
        ctx.close()


@pytest.mark.parametrize("fault", ["", "H20-400", "H20-403", "H20-200", "H12", "H24-nochallenge", "H25"])
def test_a_wrong_password_is_one_attempt(fault: str) -> None:
    with device("onvif-complete", *filter(None, [fault])) as (lab, _cam):
        with pytest.raises(errors.LoginRefused) as refused:
            opened(lab, Credential("admin", "wrong-password-1"))
        assert logins(lab, "refused") == 1
        assert "wrong-password-1" not in str(refused.value) and "'admin'" in str(refused.value)


@pytest.mark.parametrize("fault", ["H24-sha1", "H24-nochallenge", "H24-single-use", "H24-replay", "H12", "H25",
                                   "H30-bom", "H30-utf8", "H30-order"])  # fmt: skip
def test_odd_devices_are_read(fault: str) -> None:
    with device("onvif-complete", fault) as (lab, _cam):
        ctx = opened(lab)
        trees = DRIVER.fetch(ctx, ["users", "protocols", "ntp", "clock"])
        assert set(trees["users"]["users"]) == {"admin", "service"}
        assert trees["ntp"]["manual"] == ["pool.ntp.example"]
        assert set(trees["protocols"]["protocols"]) == {"HTTP", "HTTPS", "RTSP"}
        ctx.close()


def test_the_token_is_signed_with_the_clock_of_the_device() -> None:
    with device("onvif-strict") as (lab, _cam):
        ctx = opened(lab)
        assert ctx.mode == "token" and logins(lab, "refused") == 0
        trees = DRIVER.fetch(ctx, ["users", "clock"])
        assert "admin" in trees["users"]["users"]
        told, ours = DRIVER.clock(ctx, trees)
        assert 85 <= (told - ours).total_seconds() <= 95
        ctx.close()


@pytest.mark.parametrize("fault", ["open", "H50"])
def test_a_device_that_is_open_is_told(fault: str) -> None:
    with device("onvif-complete", fault) as (lab, _cam):
        ctx = opened(lab)
        assert ctx.facts["anonymous"] is True and ctx.notes
        assert DRIVER.own_accounts(ctx) == ()
        trees = DRIVER.fetch(ctx, ["users"])
        assert document("users").credible(ctx, trees["users"]) is None
        assert DRIVER.factory_new(ctx, trees) is (True if fault == "H50" else None)
        with pytest.raises(errors.Unsupported, match="without a login"):
            DRIVER.login(transport(lab), Credential("admin", "anything"))
        ctx.close()


def test_an_open_device_that_closes_with_its_first_administrator_goes_on() -> None:
    with device("onvif-complete", "H50") as (lab, _cam):
        ctx = opened(lab, nwcs=SECRET)
        write(ctx, "users", lambda tree: binding("accounts.*.role").put(tree, "nwcs", "administrator"))
        assert set(read(ctx, "users")["users"]) == {"nwcs"}
        assert logins(lab, "refused") == 0 and DRIVER.own_accounts(ctx) == ("nwcs",)
        DRIVER.login(transport(lab), Credential("nwcs", SECRET))
        ctx.close()


def test_login_proves_and_refuses() -> None:
    with device("onvif-complete") as (lab, _cam):
        DRIVER.login(transport(lab), ADMIN)
        with pytest.raises(errors.LoginRefused):
            DRIVER.login(transport(lab), Credential("admin", "other-password"))
        assert logins(lab, "refused") == 1


def test_basic_is_not_sent_in_clear() -> None:
    answer = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n"
    sent: list[bytes] = []
    with _canned(answer, sent) as port:
        connection = Transport(Target("cam", "127.0.0.1", port, "http"))
        with pytest.raises(errors.Refused, match="Basic"):
            DRIVER.open(connection, ADMIN, {})
        connection.close()
    assert sent and not any(b"Authorization" in request for request in sent)


@pytest.mark.parametrize(
    ("status", "kind", "body", "word"),
    [
        ("200 OK", "text/html", b"<!DOCTYPE html><html><body>Login</body></html>", "web page"),
        ("200 OK", "application/json", b'{"error": 1}', "JSON"),
        ("404 Not Found", "text/html", b"", "404"),
        ("302 Found\r\nLocation: https://127.0.0.1/", "text/html", b"", "nwcs_scheme: https"),
    ],
)
def test_what_is_no_onvif_device_is_told(status: str, kind: str, body: bytes, word: str) -> None:
    answer = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    with _canned(answer, []) as port:
        connection = Transport(Target("cam", "127.0.0.1", port, "http"))
        with pytest.raises(errors.WrongFamily) as wrong:
            DRIVER.identify(connection)
        connection.close()
    assert word in str(wrong.value) and "cam" in str(wrong.value)


@contextmanager
def _canned(answer: bytes, sent: list[bytes]) -> Iterator[int]:
    """A socket that gives every request the same answer."""
    import http.server
    import threading

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            sent.append(bytes(self.headers))
            self.wfile.write(answer)
            self.close_connection = True

        def log_message(self, *_args: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


# -- reading -----------------------------------------------------------------------------------------------------------
def test_a_lying_device_is_not_believed() -> None:
    with device("onvif-lying") as (lab, _cam):
        ctx = opened(lab, admin=SECRET)
        trees = DRIVER.fetch(ctx, ["users", "ip_filter", "hostname"])
        assert "admin" in document("users").credible(ctx, trees["users"])
        assert isinstance(trees["ip_filter"], errors.Unsupported)
        write(ctx, "hostname", lambda tree: tree.update(name="other"))
        assert read(ctx, "hostname") == trees["hostname"], "the reading says what is, not what was sent"
        ctx.close()


def test_missing_operations_are_unsupported_in_every_dialect() -> None:
    with device("onvif-poor") as (lab, _cam):
        ctx = opened(lab)
        names = ["ntp", "dns", "dynamic_dns", "zero_configuration", "ip_filter", "discovery_mode", "gateway", "media"]
        trees = DRIVER.fetch(ctx, names)
        kinds = {name: type(tree).__name__ for name, tree in trees.items()}
        assert kinds.pop("gateway") == "BadAnswer"  # the connection was closed: nobody knows
        assert kinds.pop("media") == "dict"  # found by GetCapabilities
        assert set(kinds.values()) == {"Unsupported"}
        with pytest.raises(errors.Unsupported):
            document("discovery_mode").store(ctx, {"mode": "Discoverable"}, {"mode": "NonDiscoverable"})
        ctx.close()


def test_an_operator_reads_no_accounts_and_is_not_locked_out() -> None:
    with device("onvif-complete") as (lab, _cam):
        ctx = opened(lab, Credential("service", "service"))
        trees = DRIVER.fetch(ctx, ["users", "protocols"])
        assert isinstance(trees["users"], errors.Refused) and "Administrator" in str(trees["users"])
        assert isinstance(trees["protocols"], dict)
        ctx.close()


def test_a_recorder_tells_what_it_records() -> None:
    with running_lab([{"name": "cam", "model": "onvif-recorder"}]) as lab:
        ctx = opened(lab)
        tree = read(ctx, "recording")
        assert len(tree["jobs"]) == 3 and set(tree["jobs"].values()) <= {"active", "idle", "error", "partial"}
        assert binding("recording.state").get(tree) == "error"  # the cameras are not in this site
        ctx.close()


def test_names_are_kept_byte_for_byte() -> None:
    with device("onvif-complete", "H35") as (lab, _cam):
        ctx = opened(lab)
        assert {"admin ", "\u0430dmin", "Admin", "admin\u200b"} <= set(read(ctx, "users")["users"])
        ctx.close()


def test_a_device_that_falls_silent_is_unreachable() -> None:
    with device("onvif-complete") as (lab, _cam):
        ctx = opened(lab)
        ctx.transport.target = dataclasses.replace(ctx.transport.target, limits=Limits(read_seconds=0.2))
        lab.fault("cam", "H31-silent")
        with pytest.raises(errors.Unreachable):
            DRIVER.fetch(ctx, ["users", "protocols", "ntp"])
        ctx.close()


def test_service_addresses_on_another_host_are_not_followed() -> None:
    with device("onvif-complete", "xaddr-elsewhere") as (lab, cam):
        ctx = opened(lab)
        trees = DRIVER.fetch(ctx, ["media", "protocols"])
        assert trees["media"]["stream"]
        for endpoint in DRIVER.endpoints(ctx, trees):
            assert not hasattr(endpoint, "host") and endpoint.path.startswith("/") and "//" not in endpoint.path
        assert {entry.operation for entry in lab.log("cam")} >= {"GetProfiles", "GetStreamUri"}
        ctx.close()


def test_judges_tell_open_from_closed() -> None:
    with device("onvif-complete") as (lab, _cam):
        ctx = opened(lab)
        trees = DRIVER.fetch(ctx, ["protocols", "media"])
        users = next(e for e in DRIVER.endpoints(ctx, trees) if e.purpose == "users")

        def look() -> bool | None:
            connection = transport(lab)
            answer = connection.request("POST", users.path, body=users.body, headers=dict(users.headers), login=False)
            connection.close()
            return users.judge(answer)

        assert look() is False
        lab.fault("cam", "H04")
        assert look() is True
        lab.fault("cam", "empty-body")
        assert look() is None
        ctx.close()


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


def test_a_connection_without_identify_learns_the_endpoint_too() -> None:
    with device("onvif-complete") as (lab, _cam):
        connection = transport(lab)
        ctx = DRIVER.open(connection, ADMIN, {})
        read(ctx, "device_information")
        assert ctx.identity.endpoint.startswith("urn:uuid:")
        ctx.close()


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"H49-gone"}))
def test_no_misbehaviour_surprises_us(fault: str) -> None:
    """Whatever the device does: a reading, or an error of ours; never a write, never more than one wrong login."""
    with device("onvif-complete", fault) as (lab, _cam):
        try:
            ctx = opened(lab)
        except errors.DeviceError as error:
            assert "12345" not in str(error)
            return
        try:
            trees = DRIVER.fetch(ctx, [d.name for d in DRIVER.documents])
            for name, tree in trees.items():
                assert isinstance(tree, (dict, errors.DeviceError)), name
                if isinstance(tree, dict):
                    json.dumps(tree)
                    rest = document(name).rest
                    assert rest is None or json.dumps(rest(tree)) is not None
            DRIVER.endpoints(ctx, trees)
            DRIVER.clock(ctx, trees)
            DRIVER.factory_new(ctx, trees)
        except errors.DeviceError:
            pass
        assert not lab.writes("cam") and logins(lab, "refused") <= 1
        ctx.close()


def test_hostile_names_stay_data() -> None:
    with device("onvif-complete", "H34") as (lab, _cam):
        ctx = opened(lab)
        trees = DRIVER.fetch(ctx, ["device_information", "hostname", "scopes"])
        assert all(isinstance(tree, dict) for tree in trees.values())
        assert "49" not in ctx.identity.model
        ctx.close()


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


def test_the_driver_works_over_https() -> None:
    with device("onvif-complete") as (lab, cam):
        ctx = opened(lab)
        write(ctx, "protocols", lambda tree: binding("services.*.enabled").put(tree, "https", True))
        ctx.close()
        lab.wait(lambda: ("tcp", cam.ports["https"]) in lab.sockets("cam") or is_open(cam.address, cam.ports["https"]))
        secure = Transport(Target("cam", cam.address, cam.ports["https"], "https", tls_verify=False))
        DRIVER.identify(secure)
        ctx = DRIVER.open(secure, ADMIN, {})
        trees = DRIVER.fetch(ctx, ["protocols"])
        ways = {(e.scheme, e.port) for e in DRIVER.endpoints(ctx, trees) if e.purpose == "manage"}
        assert ways == {("https", cam.ports["https"]), ("http", cam.ports["http"])}
        ctx.close()

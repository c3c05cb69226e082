# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ONVIF driver against simulated devices: login, reading, and what it says of devices that misbehave."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from onvif_driver_box import ADMIN, DRIVER, SECRET, binding, device, document, logins, opened, read, transport, write

from ansible_collections.nwcs.hardening.lab.onvif.faults import FAULTS
from ansible_collections.nwcs.hardening.lab.testing import is_open, running_lab
from ansible_collections.nwcs.hardening.plugins.module_utils import errors
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Credential
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Limits, Target, Transport


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

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody with another certificate between us and a device, and devices that point somewhere else (H33, H60).

Whatever the job: nothing that could serve as a login reaches anybody but the device of the inventory, and the result
says what happened.
"""

# Pytest finds fixtures by their imported names, and ends its generators.
# pylint: disable=unused-import,contextmanager-generator-missing-cleanup
from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from change_box import Site, site
from driver_cases import short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.lab.device import Request, Response

MODELS = ("onvif-complete", "openwrt-full-acl")
CAMERA = {"protocols": [{"Name": name, "Enabled": True} for name in ("HTTP", "HTTPS", "RTSP")]}
HTTPS_FROM_THE_START = {"onvif-complete": CAMERA, "openwrt-full-acl": {}}
JOBS: dict[str, tuple[Any, ...]] = {"harden": (), "record": (), "drift": (), "rotate": (), "undo": ()}
NAME = {"identity": {"hostname": "renamed"}}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    return request.param


@contextlib.contextmanager
def over_https(folder: Path, model: str, **variables: Any) -> Iterator[Site]:
    """A device that has HTTPS from the start, and whose certificate nobody vouches for."""
    given = {"nwcs_scheme": "https", "nwcs_port": 8443, "nwcs_tls_verify": False, "nwcs_design": NAME, **variables}
    with site(folder, model, HTTPS_FROM_THE_START[model], **given) as place:
        yield place


def arguments(place: Site, job: str) -> tuple[Any, ...]:
    return (place.runs[0],) if job == "undo" else ()


def fingerprint(place: Site) -> str:
    return place.do("info") and place.work.snapshot["readings"]["tls.certificate.sha256"]["value"]


def kinds(done: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {found["kind"]: found for found in done["findings"]}


def is_critical(place: Site, done: dict[str, Any], job: str) -> None:
    """Who answers is not ours: told as such, never as clean, and by the exit code."""
    assert done["error"]["code"] == "wrong_certificate", done["error"]
    assert "[guard: pin]" in done["error"]["message"]
    assert kinds(done)["wrong_certificate"]["severity"] == "critical"
    assert done["status"] in ("not_checked", "failed", "drift"), done["status"]
    assert place.exit_code(done, job) in ((4,) if job in ("record", "drift") else (3, 4))


def test_a_pinned_device_gets_no_login_with_another_certificate_in_any_job(tmp_path: Path, model: str) -> None:
    with over_https(tmp_path, model) as place:
        first = place.do("harden")
        assert first["error"] is None and kinds(first)["pin_unverified"]["explained"] == "unverified"
        writes = len(place.lab.writes("dev"))
        with place.lab.mitm("dev") as middle:
            for job in JOBS:
                done = place.do(job, *arguments(place, job))
                is_critical(place, done, job)
            assert middle.connections >= len(JOBS) and middle.credentials() == []
            # Also when HTTP is declared meanwhile: a proven HTTPS is never left for it.
            done = place.do("drift", nwcs_scheme="http", nwcs_port=place.device.ports["http"])
            is_critical(place, done, "drift")
            assert middle.credentials() == []
        assert len(place.lab.writes("dev")) == writes
        place.comes_in()
        place.shows_no_secret()


def test_a_first_pin_is_unverified_until_somebody_confirms_it(tmp_path: Path, model: str) -> None:
    with over_https(tmp_path, model) as place:
        assert kinds(place.do("record"))["pin_unverified"]["severity"] == "low"
        assert "pin_unverified" in kinds(place.do("record"))
        assert place.do("record", nwcs_pins=[fingerprint(place)])["findings"] == [] or model.startswith("onvif")
        again = place.do("record", nwcs_pins=[fingerprint(place)])
        assert "pin_unverified" not in kinds(again)


def test_what_was_first_seen_does_not_count_beside_a_declared_fingerprint(tmp_path: Path, model: str) -> None:
    """The first contact went through somebody else; then a person compares on site and declares the right one."""
    with over_https(tmp_path, model) as place:
        right = fingerprint(place)
        (place.folder / ".nwcs").rename(place.folder / "forgotten")
        with place.lab.mitm("dev") as middle:
            assert place.do("record")["error"] is None
            assert middle.credentials() != [] or model.startswith("onvif"), "nothing vouches for a first contact"
            before = middle.seen
            done = place.do("drift", nwcs_pins=[right])
            is_critical(place, done, "drift")
            assert middle.seen == before
        done = place.do("drift", nwcs_pins=[right])
        assert done["error"] is None
        assert kinds(done)["certificate_changed"]["explained"] == "declared"


@pytest.mark.parametrize("moment", ["planned", "apply:before", "store", "negative-test:before"])
def test_another_certificate_in_the_middle_of_a_run_gets_nothing(tmp_path: Path, model: str, moment: str) -> None:
    """Between plan and change, and between two connections of the change; at a first contact nothing is pinned yet."""
    with over_https(tmp_path, model) as place, contextlib.ExitStack() as stack:
        middles: list[Any] = []

        def cut_in(name: str) -> None:
            if not middles and (name == moment or (moment == "store" and name.startswith("store:"))):
                middles.append(stack.enter_context(place.lab.mitm("dev")))

        done = place.do("harden", hook=cut_in)
        assert middles, "nobody came between"
        is_critical(place, done, "harden")
        assert middles[0].connections and middles[0].credentials() == []
        stack.close()
        place.do("info")
        place.comes_in()
        place.shows_no_secret()


def test_our_own_switch_to_https_is_no_finding(tmp_path: Path, model: str) -> None:
    """From plain HTTP: the certificate that shows then is pinned as unverified, and is no change to anybody."""
    design = {"services": {"https": {"enabled": True}, "http": {"enabled": False}}}
    with site(tmp_path, model, nwcs_tls_verify=False, nwcs_design=design) as place:
        place.do("record")
        done = place.do("harden")
        assert done["error"] is None and done["way"]["scheme"] == "https"
        assert "certificate_changed" not in kinds(done)
        assert kinds(done)["pin_unverified"]["explained"] == "unverified"
        found = kinds(place.do("drift"))
        assert not {name for name in found if "certificate" in name or "pin" in name}, found
        with place.lab.mitm("dev") as middle:
            is_critical(place, place.do("drift"), "drift")
            assert middle.credentials() == []


def test_a_declared_renewal_works_and_any_other_is_critical(tmp_path: Path, model: str) -> None:
    with over_https(tmp_path, model) as place:
        place.do("harden")
        old = fingerprint(place)
        place.lab.certificate("dev", "renewed")
        undeclared = place.do("drift")
        is_critical(place, undeclared, "drift")
        new = undeclared["error"]["message"].partition("certificate (")[2].partition(")")[0]
        assert len(new) == 64 and new != old
        done = place.do("drift", nwcs_pins=[new])
        assert done["error"] is None
        assert kinds(done)["certificate_changed"]["explained"] == "declared"
        certificate = [f for f in done["findings"] if f["key"].startswith("tls.certificate") and not f["explained"]]
        assert certificate == []
        for job in ("rotate", "record", "harden"):
            done = place.do(job, nwcs_pins=[new])
            assert done["error"] is None and kinds(done)["certificate_changed"]["explained"] == "declared", job
        place.lab.certificate("dev", "renewed")
        is_critical(place, place.do("drift", nwcs_pins=[new]), "drift")


@pytest.mark.parametrize("kind", ["other-ca", "self-signed", "expired", "name-mismatch"])
def test_with_a_ca_its_renewal_is_fine_and_any_other_certificate_is_refused(
    tmp_path: Path, model: str, kind: str
) -> None:
    with over_https(tmp_path, model, nwcs_tls_verify=None) as place:
        place.variables["nwcs_tls_verify"] = str(place.lab.ca)
        assert place.do("harden")["error"] is None
        place.lab.certificate("dev", "renewed")
        assert place.do("drift")["error"] is None
        with place.lab.mitm("dev", certificate=kind) as middle:
            for job in JOBS:
                done = place.do(job, *arguments(place, job))
                assert done["error"]["code"] == "tls" and "certificate" in done["error"]["message"], done["error"]
                assert place.exit_code(done, job) in (3, 4)
            done = place.do("drift", nwcs_scheme="http", nwcs_port=place.device.ports["http"])
            assert done["error"]["code"] == "tls"
            assert middle.seen == b""
        place.comes_in()


# -- credentials only ever go to the host of the inventory -------------------------------------------------------------
class Elsewhere:
    """Listens at another address of the lab's network, on every port that matters; whoever calls has gone wrong."""

    def __init__(self, address: str) -> None:
        self.address, self.heard = address, []
        self._sockets = []
        for port in (80, 443, 3128, 8080, 8443, 8554):
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((address, port))
            except PermissionError:
                listener.close()
                continue
            listener.listen(8)
            self._sockets.append(listener)
            threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, peer = listener.accept()
                connection.settimeout(0.3)
                with contextlib.suppress(OSError):
                    self.heard.append((peer, connection.recv(4096)))
                connection.close()

    def close(self) -> None:
        for listener in self._sockets:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()


@contextlib.contextmanager
def elsewhere(place: Site) -> Iterator[Elsewhere]:
    other = Elsewhere(f"{place.lab.network}.77")
    try:
        yield other
    finally:
        other.close()


def lead_away(place: Site, answer: Any) -> None:
    """Every answer of the device goes through `answer(request, response)`."""
    handle = place.device.handle

    async def changed(request: Request) -> Response:
        return answer(request, await handle(request))

    place.device.handle = changed


def all_jobs(place: Site) -> list[dict[str, Any]]:
    return [place.do(job, *arguments(place, job)) for job in JOBS]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(tmp_path: Path, model: str, status: int) -> None:
    with over_https(tmp_path, model) as place, elsewhere(place) as other:
        place.do("harden")
        where = [
            ("Location", f"http://{other.address}:8080/ubus"),
            ("Content-Location", f"http://{other.address}:8080/"),
        ]
        lead_away(place, lambda _request, _response: Response(status, where, b""))
        for done in all_jobs(place):
            assert done["error"] is not None and done["status"] != "ok"
        assert other.heard == []


def test_addresses_that_a_device_gives_are_not_gone_to(tmp_path: Path) -> None:
    """Service addresses, snapshot and stream URIs: of the device only their path and port count."""
    with over_https(tmp_path, "onvif-complete") as place, elsewhere(place) as other:
        own, there = place.device.address.encode(), other.address.encode()
        lead_away(place, lambda _request, response: Response(
            response.status, response.headers, response.body.replace(own, there)))  # fmt: skip
        done = all_jobs(place)
        assert [one["error"] for one in done] == [None] * len(JOBS)
        assert other.heard == []


def test_proxies_and_netrc_of_the_environment_do_not_count(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with over_https(tmp_path / "site", model) as place, elsewhere(place) as other:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{other.address}:3128")
            monkeypatch.setenv(name.lower(), f"http://{other.address}:3128")
        monkeypatch.setenv("NO_PROXY", "")
        planted = "Planted-Netrc-1187"
        (tmp_path / ".netrc").write_text(f"machine {place.device.address} login admin password {planted}\n")
        (tmp_path / ".netrc").chmod(0o600)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        heard: list[bytes] = []

        def listen(request: Request, response: Response) -> Response:
            heard.append(repr((request.headers, request.body)).encode())
            return response

        lead_away(place, listen)
        assert [done["error"] for done in all_jobs(place)] == [None] * len(JOBS)
        assert other.heard == [] and heard
        assert not any(planted.encode() in text for text in heard)


def test_a_name_is_looked_up_and_its_certificate_must_be_for_that_name(tmp_path: Path) -> None:
    """The lab's certificates name addresses: under a host name they hold for nobody."""
    with over_https(tmp_path, "onvif-complete", nwcs_tls_verify=None) as place:
        place.variables |= {"nwcs_tls_verify": str(place.lab.ca), "nwcs_host": "localhost"}
        port = place.device.ports["https"]
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
            done = place.do("drift", nwcs_port=listener.getsockname()[1])
        assert done["error"]["code"] in ("tls", "unreachable"), done["error"]
        assert port != listener.fileno() and place.lab.logins("dev", "ok") == []

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No password, hash, nonce or session id of a whole run with -vvv anywhere but in the encrypted store.

Recognisable passwords are planted in the inventory; the made ones are read from the vault files; what travelled on the
wire is taken down by the simulated devices themselves. Then everything that the runs wrote or showed is searched.
"""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import base64
import hashlib
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from e2e_box import ROOT, Workplace, every_secret

from ansible_collections.nwcs.hardening.lab.device import Device, Request, Response
from ansible_collections.nwcs.hardening.lab.testing import running_lab

pytestmark = pytest.mark.slow

FACTORY = "Planted-Factory-7391"  # of the cameras
RECORDER = "Planted-Recorder-5526"  # of the account that the recorder uses
WRONG = "Planted-Wrong-8842"  # of a camera that refuses it
# What passes on the wire and is a secret: values of these, in requests and answers.
ON_THE_WIRE = (
    re.compile(rb'(?:nonce|cnonce|response|opaque)="?([^",\s]{8,})'),
    re.compile(rb"<[\w:]*Nonce[^>]*>([^<]{8,})<"),
    re.compile(rb"<[\w:]*Password[^>]*>([^<]{8,})<"),
    re.compile(rb'ubus_rpc_session"?[:=]\s*"?([0-9a-f]{32})'),
    re.compile(rb'"params":\s*\[\s*"([0-9a-f]{32})"'),
    re.compile(rb"[Bb]asic ([A-Za-z0-9+/=]{8,})"),
)
NOBODY = "0" * 32  # the session id that everybody may use


class Tap:
    """Takes down what a device hears and says."""

    def __init__(self) -> None:
        self.heard: set[str] = set()

    def put_on(self, device: Device) -> None:
        handle = device.handle

        async def listening(request: Request) -> Response:
            self._take(*(f"{k}: {v}".encode() for k, v in request.headers.items()), request.body, request.path.encode())
            response = await handle(request)
            self._take(*(f"{k}: {v}".encode("latin-1", "replace") for k, v in response.headers), response.body)
            return response

        device.handle = listening  # type: ignore[method-assign]

    def _take(self, *parts: bytes) -> None:
        for part in parts:
            for pattern in ON_THE_WIRE:
                self.heard.update(found.decode("latin-1") for found in pattern.findall(part))


class Watch(threading.Thread):
    """Command lines and environments of every process that exists while the runs go on."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: dict[bytes, str] = {}
        self.samples = 0
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.wait(0.05):
            self.samples += 1
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        self.seen.setdefault((process / name).read_bytes(), f"{process.name}/{name}")
                    except OSError:
                        continue

    def stop(self) -> None:
        self._end.set()
        self.join()


def planted_site() -> dict[str, Any]:
    site = yaml.safe_load((ROOT / "lab" / "sites" / "demo.yml").read_text())
    users = [{"Username": "admin", "Password": FACTORY, "UserLevel": "Administrator", "fixed": True}]
    for device in site["devices"]:
        if device["model"].startswith("onvif"):
            device.setdefault("overrides", {})["users"] = users
        for channel in device.get("overrides", {}).get("channels", ()):
            channel["password"] = f"{RECORDER}{channel['password'].removeprefix('Mizu-Tsuru-47-')}"
    return site


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, module_loopback_network: str) -> Iterator[SimpleNamespace]:
    place = Workplace(tmp_path_factory.mktemp("secrets"))
    shutil.copytree(ROOT / "inventory" / "lab", place.inventory, dirs_exist_ok=True)
    hosts = place.inventory / "hosts.yml"
    hosts.write_text(hosts.read_text().replace('"12345"', f'"{FACTORY}"').replace("Mizu-Tsuru-47-", RECORDER))
    refused = f'cam-poor: {{nwcs_password: "{WRONG}", '
    changed = hosts.read_text().replace("cam-poor: {", refused)
    assert changed.count(FACTORY) >= 2 and RECORDER in changed and WRONG in changed
    hosts.write_text(changed)
    tap, watch = Tap(), Watch()
    with running_lab(site=planted_site(), network=module_loopback_network) as lab:
        for device in lab.devices:
            tap.put_on(device)
        place.extra = ["-e", f"nwcs_lab_dir={lab.ca.parent}", "-e", f"nwcs_lab_network={module_loopback_network}"]
        for name, path in place.folders().items():
            place.extra += ["-e", f"{name}={path}"]
        watch.start()
        told = SimpleNamespace(place=place, runs=[], log=place.folder / "ansible.log")
        env = {"ANSIBLE_LOG_PATH": str(told.log)}
        try:
            for arguments in (
                ["harden", "--check", "--diff", "-vvv"],
                ["harden", "--diff", "-vvv"],
                ["harden", "-vvv"],
                ["record", "-vvv"],
                ["drift", "-vvv"],
                ["drift", "-vvvvv", "-e", "nwcs_language=ja"],
            ):
                told.runs.append(place.play(*arguments, env=env))
        finally:
            watch.stop()
        told.passwords = {FACTORY, RECORDER, WRONG} | every_secret(place.secrets())
        told.wire = {text for text in tap.heard if text != NOBODY and len(text) >= 8}
        told.processes = watch
        yield told


def forms(password: str) -> dict[str, str]:
    """A password as it may show itself: plain, encoded, hashed."""
    raw = password.encode()
    found = {"plain": password, "base64": base64.b64encode(raw).decode()}
    for name in ("md5", "sha1", "sha256", "sha512"):
        digest = hashlib.new(name, raw)
        found[f"{name} hex"] = digest.hexdigest()
        found[f"{name} base64"] = base64.b64encode(digest.digest()).decode()
    for user in ("admin", "root", "nvr"):
        found[f"basic {user}"] = base64.b64encode(f"{user}:{password}".encode()).decode()
        for realm in ("IPC-1000", "HomeCam 2", "onvif"):
            found[f"digest {user}@{realm}"] = hashlib.md5(f"{user}:{realm}:{password}".encode()).hexdigest()
    return found


def hidden(told: SimpleNamespace) -> dict[str, str]:
    """{text that must not show: what it is}"""
    found = {
        text: f"password {number}, {form}"
        for number, password in enumerate(sorted(told.passwords))
        for form, text in forms(password).items()
    }
    return found | {text: "nonce, digest or session on the wire" for text in told.wire}


def leaks(told: SimpleNamespace, text: str) -> set[str]:
    return {what for secret, what in hidden(told).items() if secret in text}


def test_the_search_would_find_something(played: SimpleNamespace) -> None:
    """Passwords were made, the wire was heard, and the search finds a secret where there is one."""
    assert len(played.passwords) >= 9
    assert len(played.wire) > 100
    assert any(re.fullmatch("[0-9a-f]{32}", text) for text in played.wire)
    assert played.processes.samples > 20
    assert leaks(played, f"x{RECORDER}y") and leaks(played, hashlib.sha256(FACTORY.encode()).hexdigest())
    assert leaks(played, (played.place.inventory / "hosts.yml").read_text())
    assert played.runs[1].outcomes("cam-entrance")['accounts."admin".password']["outcome"] == "changed"
    assert played.runs[1].outcomes("router")['accounts."root".password']["outcome"] == "changed"
    assert played.runs[1].device("cam-poor")["error"]["code"] == "login_refused"


def test_not_on_the_console(played: SimpleNamespace) -> None:
    for run in played.runs:
        assert len(run.out) > 10_000  # it was a verbose run
        assert leaks(played, run.out + run.err) == set()


def test_not_in_ansible_s_log(played: SimpleNamespace) -> None:
    assert leaks(played, played.log.read_text()) == set()


def test_not_in_sheets_reports_state(played: SimpleNamespace) -> None:
    searched = set()
    for path in played.place.files():
        found = leaks(played, path.read_text(errors="replace"))
        assert found == set(), path
        searched.add(path.relative_to(played.place.work).parts[0])
    assert searched == {"sheets", "reports", "state", "secrets"}  # the store too: it is encrypted


def test_not_in_the_home_or_where_it_was_started(played: SimpleNamespace) -> None:
    for folder in ("home", "cwd"):
        for path in (played.place.folder / folder).rglob("*"):
            if path.is_file():
                assert leaks(played, path.read_text(errors="replace")) == set(), path


def test_not_in_any_process_list(played: SimpleNamespace) -> None:
    for content, where in played.processes.seen.items():
        assert leaks(played, content.decode(errors="replace")) == set(), where


def test_private_files_are_private(played: SimpleNamespace) -> None:
    for path in played.place.files():
        if path.relative_to(played.place.work).parts[0] != "sheets":
            assert path.stat().st_mode & 0o077 == 0, path

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the simulated ISAPI devices share: requests by a client that is not ours."""

# Pytest ends its generators, so what they hold is closed.
# pylint: disable=contextmanager-generator-missing-cleanup
from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import requests
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth

from ansible_collections.nwcs.hardening.lab.testing import RunningLab, running_lab

CAMERA = ("admin", "Camera-12345")
RECORDER = ("admin", "Recorder-12345")
OLD = "isapi-camera-old"
BASIC = HTTPBasicAuth


@contextlib.contextmanager
def one(
    model: str = "isapi-camera", *faults: str, state: str = "", **overrides: Any
) -> Iterator[tuple[RunningLab, Any]]:
    """A lab of one device, and the device."""
    entry = {"name": "dev", "model": model, "overrides": overrides} | ({"state": state} if state else {})
    with running_lab([entry]) as lab:
        for fault in faults:
            lab.fault("dev", fault)
        yield lab, lab.device("dev")


def row(device: Any, protocol: str) -> tuple[str, str]:
    """How the row of a protocol begins when it is on, and when it is off."""
    mark = f"<protocol>{protocol}</protocol>"
    return f"<enabled>true</enabled>\n{mark}", f"<enabled>false</enabled>\n{mark}"


def ask(
    device: Any, method: str, path: str, body: str | bytes = "", login: tuple[str, str] | None = CAMERA,
    scheme: str = "http", auth: type[AuthBase] = HTTPDigestAuth, **options: Any,
) -> requests.Response:  # fmt: skip
    """One request with a fresh challenge; a path without a leading slash is below /ISAPI/."""
    where = path if path.startswith("/") else f"/ISAPI/{path}"
    port = device.protocol("HTTPS" if scheme == "https" else "HTTP")["portNo"]
    raw = body.encode() if isinstance(body, str) else body
    with requests.Session() as session:
        session.trust_env = False
        session.verify = False
        return session.request(
            method, f"{scheme}://{device.address}:{port}{where}", data=raw, auth=login and auth(*login),
            timeout=5, allow_redirects=False, **options,
        )  # fmt: skip


def get(device: Any, path: str, login: tuple[str, str] | None = CAMERA, **options: Any) -> str:
    answer = ask(device, "GET", path, login=login, **options)
    assert answer.status_code == 200, answer.text
    return answer.text


def put(device: Any, path: str, body: str, **options: Any) -> tuple[int, str]:
    """(HTTP status, subStatusCode)."""
    return said(ask(device, "PUT", path, body, **options))


def said(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, word(answer.text, "subStatusCode")


def word(xml: str, name: str) -> str:
    """The text of the first element of that name."""
    found = re.search(rf"<{name}>([^<]*)</{name}>", xml)
    return found[1] if found else ""


def change(device: Any, path: str, old: str, new: str, **options: Any) -> tuple[int, str]:
    """Read a document, replace one piece of text, write it back."""
    before = get(device, path, **{key: value for key, value in options.items() if key == "login"})
    assert old in before, before
    return put(device, path, before.replace(old, new, 1), **options)


def user(name: str, password: str, level: str = "Viewer", number: str = "0", more: str = "") -> str:
    return (
        f"<User><id>{number}</id><userName>{name}</userName><password>{password}</password>"
        f"<userLevel>{level}</userLevel>{more}</User>"
    )

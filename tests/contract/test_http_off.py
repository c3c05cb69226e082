# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP that is off and still answers: the way to HTTPS and nothing else counts as off, anything more does not."""

# pylint: disable=unused-import
from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from driver_cases import FAMILIES, Rig, rig, short_pauses  # noqa: F401

from ansible_collections.nwcs.hardening.lab.device import Request, Response

VAPIX = FAMILIES["vapix"]  # from AXIS OS 7 on, HTTP that is off may answer with redirects
OFF = {"services": {"http": {"enabled": False}}}
KEY = "services.http.enabled"


def answering(run: Rig, path: str, response: Response) -> None:
    """On HTTP the device answers `path` otherwise."""
    whole: Callable[[Request], Awaitable[Response]] = run.device.handle

    async def handle(request: Request) -> Response:
        if (
            request.scheme == "http"
            and request.path.partition("?")[0] == path
            and not request.headers.get("authorization")
        ):
            return response
        return await whole(request)

    run.device.handle = handle


def test_the_way_to_https_and_nothing_else_is_off() -> None:
    with rig(VAPIX, model="vapix-9") as run:
        line = run.harden(OFF)["outcomes"][KEY]
        assert line["outcome"] == "changed" and "leads to HTTPS" in line["proof"]
        found = run.read(ways=[{"scheme": "https", "port": run.device.ports["https"]}])["snapshot"]["readings"]
        assert found[KEY]["value"] is False and found["services.http.open"]["value"] is False


@pytest.mark.parametrize(
    "response",
    [
        Response(200, [("Content-Type", "text/html")], b"<html>welcome</html>"),
        Response(301, [("Location", "https://elsewhere.example/")]),
        Response(302, [("Location", "http://127.0.0.1/next")]),
        Response(401, [("WWW-Authenticate", 'Digest realm="x", nonce="y", qop="auth"')]),
    ],
    ids=["a page", "another host", "still http", "a login"],
)
def test_anything_more_is_open(response: Response) -> None:
    with rig(VAPIX, model="vapix-9") as run:
        plan: Any = run.plan(OFF)
        answering(run, "/", response)
        line = run.apply(plan)["outcomes"][KEY]
        assert line["outcome"] in ("failed", "undone") and "still answers" in line["why"], line


@pytest.mark.parametrize("path", ["/axis-cgi/param.cgi", "/axis-cgi/jpg/image.cgi", "/onvif/device_service"])
def test_a_page_that_leads_on_before_programs_that_still_answer_is_open(path: str) -> None:
    """The start page alone proves nothing: a login would still travel in clear to the programs behind it."""
    with rig(VAPIX, model="vapix-9") as run:
        plan: Any = run.plan(OFF)
        answering(run, path, Response(401, [("WWW-Authenticate", 'Digest realm="x", nonce="y", qop="auth"')]))
        line = run.apply(plan)["outcomes"][KEY]
        assert line["outcome"] in ("failed", "undone") and "still answers" in line["why"], line

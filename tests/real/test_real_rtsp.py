# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look at a stream from outside (probes.py), against GStreamer's RTSP server: with digest logins, and without."""

from __future__ import annotations

import subprocess

from programs import ENVIRONMENT, ROOT, Rtsp, free_ports
from real_rig import note

from ansible_collections.nwcs.hardening.plugins.module_utils import probes
from ansible_collections.nwcs.hardening.plugins.module_utils.contract import UNVERIFIABLE, VALUE, Endpoint, Reading
from ansible_collections.nwcs.hardening.plugins.module_utils.transport import Target, Transport


def look(port: int, path: str = "/cam") -> Reading:
    transport = Transport(Target("cam", "127.0.0.1", port, "http"))
    try:
        found = probes.look(transport, [Endpoint("stream", "rtsp", port, path, "rtsp")], {})
    finally:
        transport.close()
    assert found[("services", "rtsp", "open")].value is (found[("services", "rtsp", "open")].state == VALUE)
    return found[("accounts", "anonymous_view")]


def frames(port: int, login: str = "") -> bool:
    """Does ffmpeg get a picture? The player's own view of the same server."""
    address = f"rtsp://{login}127.0.0.1:{port}/cam"
    done = subprocess.run(
        ["chroot", str(ROOT), "ffmpeg", "-loglevel", "error", "-rtsp_transport", "tcp", "-timeout", "10000000", "-i",
         address, "-frames:v", "1", "-f", "null", "-"],
        env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode == 0


def test_a_stream_behind_a_digest_login_is_refused_to_strangers_and_given_to_who_may() -> None:
    with Rtsp("viewer", "Vi3wer-Pass") as server:
        found = look(server.port)
        assert found.value is False and "401" in found.source
        assert not frames(server.port) and not frames(server.port, "viewer:wrong@")
        assert frames(server.port, "viewer:Vi3wer-Pass@")
    note("rtsp", "proven", "accounts.anonymous_view")


def test_a_stream_without_a_login_is_a_finding() -> None:
    with Rtsp() as server:
        found = look(server.port)
        assert found.state == VALUE and found.value is True and "200" in found.source
        assert frames(server.port)
        gone = look(server.port, "/nothing-here")
        assert gone.state == UNVERIFIABLE, "no such stream: neither given nor refused"


def test_nobody_there_gives_nothing() -> None:
    (port,) = free_ports(1)
    transport = Transport(Target("cam", "127.0.0.1", port, "http"))
    found = probes.look(transport, [Endpoint("stream", "rtsp", port, "/cam", "rtsp")], {})
    assert found[("accounts", "anonymous_view")].value is False

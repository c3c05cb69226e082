# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Device names and values that try to be something else (HAZARDS H34, H35, H37), for tests of the output."""

from __future__ import annotations

from typing import Any

HOSTILE = (
    "{{ 7*7 }}",
    "{{ lookup('pipe','id') }}",
    "</td><script>alert(1)</script>",
    "=cmd|'/c calc'!A1",
    "../../etc/cron.d/x",
    "a\x00b",
    "line\nbreak\r\n",
    "\u202eevil\u2066",
    "n" * 10_000,
    "📷 倉庫",
    "\x1b]52;c;aGk=\x07\x1b[31m",
    "..",
    ".",
    "",
    "CON",
    "nul.txt",
    "trailing.",
    " space ",
    "a: b # c",
    "- x",
    "yes",
    "null",
    "1e3",
    "2026-11-21",
    "\ud800",
    "\ufeff",
    "\x85\u2028",
    "-rf",
    "~/x",
    "a/b\\c",
)


def value(of: Any) -> dict[str, Any]:
    return {"state": "value", "value": of, "why": "", "source": "test"}


def unknown(state: str, why: str = "") -> dict[str, Any]:
    return {"state": state, "value": None, "why": why, "source": "test"}


def snapshot(device: str = "cam-01", **changes: Any) -> dict[str, Any]:
    """A snapshot as the engine gives it; `changes` are top-level fields, `readings` are merged (None takes away)."""
    readings = {
        'accounts."admin".role': value("administrator"),
        'accounts."admin".enabled': value(True),
        "accounts.anonymous_view": value(False),
        "services.telnet.enabled": value(False),
        "services.telnet.open": value(False),
        "services.https.enabled": value(True),
        "services.https.open": value(True),
        "services.https.ports": value([443]),
        "identity.name": value("gate"),
        "network.dns_servers": value(["10.0.0.1", "10.0.0.2"]),
        "nat.forwards": value([]),
        "time.zone": value("JST-9"),
        "time.skew_seconds": value(0),
        "log.remote": unknown("unsupported", "no such operation"),
        "ddns.enabled": unknown("not_offered"),
        'accounts."admin".password': unknown("write_only"),
        "tls.certificate.sha256": value("aa"),
        "tls.certificate.subject": value("CN=cam"),
        "tls.certificate.trusted": value(False),
    }
    readings.update(changes.pop("readings", {}))
    return {
        "schema": 1,
        "device": device,
        "family": "onvif",
        "at": "2026-11-21T03:00:00Z",
        "identity": {
            "manufacturer": "Lab",
            "model": "NC-1",
            "serial": "S1",
            "mac": "aa:bb:cc:dd:ee:ff",
            "firmware": "1.0",
        },
        "way": {"scheme": "https", "port": 443},
        "factory_new": True,
        "readings": {key: reading for key, reading in readings.items() if reading is not None},
        "documents": {"network": {"digest": "ab"}},
        "notes": [],
        **changes,
    }

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs of the toolkit on a real program, and what they came to: the report that build/real.json is made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils import jobs, settings
from ansible_collections.nwcs.hardening.plugins.module_utils.design import parse_design
from ansible_collections.nwcs.hardening.plugins.module_utils.planning import want_to_plain

NEW_PASSWORD = "N3w-Passw0rd-%s"
# program -> {"read", "written", "proven", "unsupported"} -> keys
REPORT: dict[str, dict[str, set[str]]] = {}


def note(program: str, what: str, *keys: str) -> None:
    """Into the report: `what` is read, written, proven (by effect) or unsupported."""
    row = REPORT.setdefault(program, {name: set() for name in ("read", "written", "proven", "unsupported")})
    row[what].update(keys)


class Rig:
    """One running program as the controller sees it; keeps the login and the passwords that were made."""

    def __init__(self, family: str, port: int, login: tuple[str, str]) -> None:
        self.family, self.port, self.login = family, port, login
        self.secrets: dict[str, str] = {}

    def spec(self, **more: Any) -> dict[str, Any]:
        user, password = self.login
        return {
            "name": self.family, "family": self.family,
            "target": {"name": self.family, "host": "127.0.0.1", "port": 0, "scheme": "http", "tls_verify": True,
                       "limits": {"read_seconds": 20.0}},
            "ways": [{"scheme": "http", "port": self.port}],
            "credentials": [{"username": user, "password": password, "label": "current"}],
            "secrets": self.secrets, "expected": {}, "oddities": [], "ports": {}, "recorders": [],
            "seen_as": ["127.0.0.1"], "undeclared_accounts": "report", "own_account": user, "manage_accounts": False,
            "negative_test": False, "plain_http": True,
            **more,
        }  # fmt: skip

    def bootstrap(self, **more: Any) -> dict[str, Any]:
        """First contact: the accounts are ours to manage."""
        user, password = self.login
        return {"credentials": [{"username": user, "password": password, "label": "bootstrap"}],
                "manage_accounts": True, **more}  # fmt: skip

    def readings(self, **more: Any) -> dict[str, Any]:
        found = jobs.read(self.spec(**more))["snapshot"]["readings"]
        for key, reading in found.items():
            word = {"value": "read", "write_only": "read", "unsupported": "unsupported"}.get(reading["state"])
            if word and "*" not in key:
                note(self.family, word, key)
        return found

    def value(self, key: str) -> Any:
        return self.readings()[key].get("value")

    def plan(self, design: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        wanted = {settings.key_text(key): want_to_plain(want) for key, want in parse_design(design).items()}
        return jobs.plan(self.spec(**more), wanted, {})

    def harden(self, design: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Plan, make what passwords it needs, apply. The login in use goes on with its new password."""
        plan = self.plan(design, **more)
        for need in plan["needs"]:
            self.secrets.setdefault(need["name"], NEW_PASSWORD % need["name"].rpartition(".")[2].replace("@", "-"))
        result = jobs.apply(self.spec(**{**more, "secrets": self.secrets}), plan)
        name = result["login"]["username"]
        if f"accounts.{name}" in result["proved"]:
            self.login = (name, self.secrets[f"accounts.{name}"])
        result["outcomes"] = plan["outcomes"] | result["outcomes"]
        note(self.family, "written", *(k for k, line in result["outcomes"].items() if line["outcome"] == "changed"))
        return result

    def proven(self, *keys: str) -> None:
        note(self.family, "proven", *keys)


def outcomes(result: Mapping[str, Any]) -> dict[str, str]:
    return {key: line["outcome"] for key, line in result["outcomes"].items()}

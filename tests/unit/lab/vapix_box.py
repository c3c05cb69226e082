# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of one simulated AXIS device, without sockets; it answers whatever challenge it gets."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from typing import Any
from urllib.parse import urlencode

from ansible_collections.nwcs.hardening.lab.device import Request, Response
from ansible_collections.nwcs.hardening.lab.site import make_device, resolve_model
from ansible_collections.nwcs.hardening.lab.vapix.ask import merged

ADDRESS = "127.77.0.9"
# A new account as pwdgrp.cgi wants it
ADD = {"action": "add", "user": "ops", "pwd": "Ops-1", "grp": "users", "sgrp": "operator:viewer:ptz", "comment": ""}
FORM = "application/x-www-form-urlencoded"


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class Client:
    def __init__(self, model: str = "vapix-modern", **overrides: Any) -> None:
        content = merged(resolve_model(model, "127.77.0"), overrides)
        self.device: Any = make_device("cam", ADDRESS, content)
        self.login = self.device.bootstrap_login
        self.peer = "127.0.0.1"
        self.first: Response | None = None  # what came before any login

    # -- one request -------------------------------------------------------------------------------------------
    def raw(self, method: str, path: str, body: bytes = b"", scheme: str = "http", **headers: str) -> Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        port = self.device.ports[scheme]
        return asyncio.run(self.device.handle(Request(method, path, names, body, self.peer, scheme, port)))

    def ask(
        self, method: str, path: str, body: bytes = b"", kind: str = "", scheme: str = "http", login: Any = None
    ) -> Response:
        headers = {"content_type": kind} if kind else {}
        self.first = self.raw(method, path, body, scheme, **headers)
        login = login or self.login
        if self.first.status != 401 or login is None:
            return self.first
        challenge = dict(self.first.headers).get("WWW-Authenticate", "")
        if not challenge:
            return self.first
        answer = self.credentials(challenge, method, path, *login)
        return self.raw(method, path, body, scheme, authorization=answer, **headers)

    @staticmethod
    def credentials(challenge: str, method: str, path: str, user: str, password: str) -> str:
        if challenge.startswith("Basic"):
            return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        first, second = md5(f"{user}:{fields['realm']}:{password}"), md5(f"{method}:{path}")
        response = md5(f"{first}:{fields['nonce']}:{second}")
        parts = {"username": user, "realm": fields["realm"], "nonce": fields["nonce"], "uri": path}
        return "Digest " + ", ".join(f'{k}="{v}"' for k, v in (parts | {"response": response}).items())

    # -- the CGIs ----------------------------------------------------------------------------------------------
    def form(self, cgi: str, login: Any = None, **fields: str) -> str:
        body = urlencode({name.replace("__", "."): value for name, value in fields.items()}).encode()
        return self.ask("POST", f"/axis-cgi/{cgi}", body, FORM, login=login).body.decode()

    def update(self, values: dict[str, str], login: Any = None) -> str:
        body = urlencode({"action": "update"} | values).encode()
        return self.ask("POST", "/axis-cgi/param.cgi", body, FORM, login=login).body.decode()

    def params(self, group: str, login: Any = None) -> dict[str, str]:
        text = self.ask("GET", f"/axis-cgi/param.cgi?action=list&group={group}", login=login).body.decode()
        return dict(line.split("=", 1) for line in text.splitlines() if not line.startswith("#"))

    def json(self, cgi: str, method: str, login: Any = None, **params: Any) -> dict[str, Any]:
        body = json.dumps({"apiVersion": "1.0", "context": "here", "method": method, "params": params}).encode()
        response = self.ask("POST", f"/axis-cgi/{cgi}.cgi", body, "application/json", login=login)
        assert response.status == 200, response.status
        return json.loads(response.body)

    def rest(self, method: str, path: str, data: Any = None) -> tuple[int, dict[str, Any]]:
        body = b"" if data is None else json.dumps({"data": data}).encode()
        response = self.ask(method, f"/config/{path}", body, "application/json")
        return response.status, json.loads(response.body)

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The REST "Device Configuration" APIs of AXIS OS 11 and 12: envelope, discovery, routing (fact sheet 1 and 5)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..device import Response
from .ask import ADMIN, Ask, Route, merged

if TYPE_CHECKING:
    from .device import VapixDevice

BASE = "/config/rest/"
VERSIONS = {"firewall": "1.1.2", "cert": "1.1.2", "ssh": "2.0.3", "snmp": "1.0.5", "user-management": "2.0.1"}
PASSPHRASE_POLICIES = (
    ("none", "No requirements"),
    ("length", "At least 15 characters"),
    ("complex", "At least 12 characters with upper and lower case, digit and special character"),
)


class RestError(Exception):
    """HTTP status, code of the API, message."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


Tree = Callable[["VapixDevice"], Any]
Patch = Callable[["VapixDevice", list[str], Any], None]
Action = Callable[["VapixDevice", list[str], Any], Any]


@dataclass
class Api:
    """`read` gives the whole entity; `patch` takes (path below it, data); actions by (verb, path with * for names)."""

    read: Tree
    patch: Patch | None = None
    actions: dict[tuple[str, str], Action] | None = None


APIS: dict[str, Api] = {}


def reply(status: int, body: dict[str, Any]) -> Response:
    return Response(status, [("Content-Type", "application/json")], json.dumps(body).encode())


def failure(status: int, code: int, message: str) -> Response:
    return reply(status, {"status": "error", "error": {"code": code, "message": message}})


def not_there(ask: Ask) -> Response:
    return failure(404, 1, f"Resource not found: {ask.path[:200]}")


def start_state(device: VapixDevice) -> dict[str, Any]:
    """What only REST knows, by API; empty where there is no REST."""
    if not device.model.get("rest"):
        return {}
    certificate = {"alias": "Axis-device-ID", "keystore": "SE0", "certificate": "SIMULATED PEM\n"}
    return {
        "lldp": {"activated": True},
        "crypto-policy": {},
        "log": {},
        "cert": {"certificates": [certificate], "ca_certificates": [], "settings": {"keystore": "SE0"}},
        "snmp": {"transportProtocol": "udp"},
        "dot1x_mode": "WPA-Enterprise-EAPTLS",
    }


def route(device: VapixDevice, ask: Ask) -> Route | None:
    known = device.model.get("rest")
    if not known:
        return None
    if ask.path == "/config/discover" or ask.path.startswith("/config/discover/apis"):
        return Route(ADMIN, _discover, lambda asked: "discover")
    if not ask.path.startswith(BASE):
        return None
    name, _unused, rest = ask.path.removeprefix(BASE).partition("/")
    version, *below = rest.strip("/").split("/")
    if name not in known or known[name] != version or name not in APIS:
        return None
    return Route(
        ADMIN,
        lambda owner, asked: _answer(owner, asked, APIS[name], [part for part in below if part]),
        lambda asked: f"{asked.request.method} {'/'.join([name, version, *below])[:80]}",
        lambda asked: asked.request.method not in ("GET", "HEAD"),
        lambda owner, asked: reply(200, {"status": "error", "error": {"code": 2, "message": "Internal error"}}),
        lambda owner, asked: reply(200, {"status": "success"}),
    )


def _discover(device: VapixDevice, ask: Ask) -> Response:
    rows: dict[str, Any] = {}
    for name, version in device.model["rest"].items():
        front = f"/config/discover/apis/{name}/{version}"
        state = "beta" if version.endswith("beta") else "alpha" if version.endswith("alpha") else "released"
        rows[name] = {
            version: {
                "doc": f"{front}/doc.md",
                "model": f"{front}/model.json",
                "rest_api": f"{BASE}{name}/{version}",
                "rest_openapi": f"{front}/openapi.json",
                "state": state,
                "version": VERSIONS.get(name, f"{version.strip('vabeltph')}.0.0"),
            }
        }
    wanted = [part for part in ask.path.removeprefix("/config/discover").split("/") if part][1:]
    found: Any = rows
    for part in wanted:
        if part not in found:
            return not_there(ask)
        found = found[part]
    return reply(200, found if wanted else {"apis": rows})


def _answer(device: VapixDevice, ask: Ask, api: Api, below: list[str]) -> Response:
    method = ask.request.method
    try:
        if method == "GET":
            return reply(200, {"status": "success", "data": _walk(api.read(device), below, ask)})
        data = _data(ask)
        for (verb, pattern), action in (api.actions or {}).items():
            if _matches(pattern, below) and method == device.rest_verb(verb):
                done = action(device, below, data)
                created = verb == "POST" and pattern.endswith("s") and "/" not in pattern
                body = {"status": "success"} | ({"data": done} if done is not None else {})
                return reply(201 if created else 200, body)
        if method == device.rest_verb("PATCH") and api.patch:
            api.patch(device, below, data)
            return reply(200, {"status": "success"})
    except RestError as error:
        return failure(error.status, error.code, str(error))
    return failure(405, 3, "Method not allowed")


def _walk(data: Any, below: list[str], ask: Ask) -> Any:
    for part in below:
        if isinstance(data, list):
            data = next((row for row in data if part in (row.get("alias"), row.get("username"))), None)
            if data is None:
                raise RestError(404, 1, f"Resource not found: {ask.path[:200]}")
        elif isinstance(data, dict) and part in data:
            data = data[part]
        else:
            raise RestError(404, 1, f"Resource not found: {ask.path[:200]}")
    return data


def _data(ask: Ask) -> Any:
    if ask.request.method == "DELETE":
        return None
    try:
        body = json.loads(ask.request.body)
    except (ValueError, RecursionError):
        raise RestError(400, 2, "Invalid JSON") from None
    if not isinstance(body, dict) or "data" not in body:
        raise RestError(400, 2, "Invalid request: data is missing")
    return body["data"]


def _matches(pattern: str, below: list[str]) -> bool:
    parts = pattern.split("/")
    return len(parts) == len(below) and all(want in ("*", have) for want, have in zip(parts, below, strict=True))


def lifted(below: list[str], data: Any) -> dict[str, Any]:
    """The data as if it had been sent to the whole entity."""
    for part in reversed(below):
        data = {part: data}
    if not isinstance(data, dict):
        raise RestError(400, 2, "Invalid data")
    return data


def mirror(fields: dict[str, str], words: tuple[str, str] = ("yes", "no")) -> Api:
    """An entity that shows parameters: "snmpV1/enabled" -> "SNMP.V1". Booleans become the parameter's own words."""

    def read(device: VapixDevice) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for path, parameter in fields.items():
            row = device.tree.rows.get(parameter)
            if row is None:
                continue
            value: Any = device.tree.is_on(parameter) if row.type.kind == "bool" else row.shown()
            value = int(value) if row.type.kind == "int" and str(value).isdigit() else value
            for part in reversed(path.split("/")):
                value = {part: value}
            out = merged(out, value)
        return out

    def patch(device: VapixDevice, below: list[str], data: Any) -> None:
        flat = dict(_flat(lifted(below, data)))
        changes = {}
        for path, value in flat.items():
            row = device.tree.rows.get(fields.get(path, ""))
            if row is None:
                raise RestError(400, 2, f"Invalid data: {path[:80]}")
            if row.type.kind == "bool":
                if not isinstance(value, bool):
                    raise RestError(400, 2, f"Invalid data: {path[:80]}")
                value = row.type.get("true" if value else "false")
            if not row.type.accepts(str(value)):
                raise RestError(400, 2, f"Invalid data: {path[:80]}")
            changes[row.name] = str(value)
        for name, value in changes.items():
            device.tree.put(name, value)

    return Api(read, patch)


def _flat(data: dict[str, Any], front: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in data.items():
        path = f"{front}/{key}" if front else key
        rows += _flat(value, path) if isinstance(value, dict) else [(path, value)]
    return rows

# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an ISAPI device answers: ResponseStatus, userCheck, and the page of its web server."""

from __future__ import annotations

import json

from ..device import Response
from .xmldoc import HEAD, VER20

XML = ("Content-Type", 'application/xml; charset="UTF-8"')
HTML = ("Content-Type", "text/html")
STRINGS = {
    1: "OK",
    2: "Device Busy",
    3: "Device Error",
    4: "Invalid Operation",
    5: "Invalid XML Format",
    6: "Invalid XML Content",
    7: "Reboot Required",
}
# subStatusCode -> (statusCode, HTTP status). A weak password is refused inside a good HTTP status (fact sheet 3).
CODES = {
    "ok": (1, 200),
    "rebootRequired": (7, 200),
    "deviceBusy": (2, 503),
    "notSupport": (4, 403),
    "lowPrivilege": (4, 403),
    "notActivated": (4, 403),
    "methodNotAllowed": (4, 405),
    "invalidOperation": (4, 403),
    "badAuthorization": (4, 403),
    "badXmlFormat": (5, 400),
    "badXmlContent": (6, 400),
    "badParameters": (6, 400),
    "invalidID": (6, 400),
    "portError": (6, 400),
    "riskPassword": (6, 200),
}
NOT_SUPPORT = 1073741825  # errorCode of JSON answers


class Refused(Exception):
    """The device answers with this subStatusCode; `status` replaces its usual HTTP status."""

    def __init__(self, sub: str, status: int = 0) -> None:
        super().__init__(sub)
        self.sub = sub
        self.status = status or CODES[sub][1]


def status_body(path: str, sub: str, namespace: str = VER20) -> bytes:
    """A ResponseStatus document. `path` is the request's, without the query."""
    code = CODES[sub][0]
    return (
        f'{HEAD}<ResponseStatus version="2.0" xmlns="{namespace}">\n<requestURL>{path}</requestURL>\n'
        f"<statusCode>{code}</statusCode>\n<statusString>{STRINGS[code]}</statusString>\n"
        f"<subStatusCode>{sub}</subStatusCode>\n</ResponseStatus>\n"
    ).encode()


def response_status(path: str, sub: str, namespace: str = VER20, status: int = 0, as_json: bool = False) -> Response:
    code, usual = CODES[sub]
    if as_json:
        body = {"requestURL": path, "statusCode": code, "statusString": STRINGS[code], "subStatusCode": sub}
        body |= {"errorCode": NOT_SUPPORT, "errorMsg": sub} if sub == "notSupport" else {}
        return Response(status or usual, [("Content-Type", "application/json")], json.dumps(body).encode())
    return Response(status or usual, [XML], status_body(path, sub, namespace))


def user_check(status: int, namespace: str = VER20, **fields: str | int) -> bytes:
    """A userCheck document with statusValue, statusString and `fields` in their order."""
    word = {200: "OK", 401: "Unauthorized"}.get(status, "")
    rows = {"statusValue": status, "statusString": word, **fields}
    lines = "".join(f"<{name}>{value}</{name}>\n" for name, value in rows.items())
    return f'{HEAD}<userCheck version="2.0" xmlns="{namespace}">\n{lines}</userCheck>\n'.encode()


def error_page(status: int, word: str) -> bytes:
    """What the web server itself says."""
    return (
        f"<!DOCTYPE html>\n<html><head><title>Document Error: {word}</title></head>\n<body><h2>Access Error: {status}"
        f" -- {word}</h2>\n<p>SIMULATED</p></body></html>\n"
    ).encode()

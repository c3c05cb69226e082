# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The floor: what the requests alone cost. Threads, http.client, digest; bodies are read and dropped.

    python floor.py PLAN.json

PLAN.json: {hosts: [address], username, password, threads, requests: [{connection, scheme, port, method, path, headers,
body, login, status}]}. `connection`: requests with the same number share one. `login`: send a digest answer made from
the latest challenge of the device (one nonce, counted up). Ends with 1 when any answer has another status than planned.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

SECONDS = 60.0
_PARAM = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


class Digest:
    """One login of RFC 7616 with MD5 or SHA-256 and qop=auth, the nonce used again and counted."""

    def __init__(self, username: str, password: str) -> None:
        self.username, self.password = username, password
        self.count = 0

    def challenged(self, header: str) -> None:
        found = {name.lower(): quoted or plain for name, quoted, plain in _PARAM.findall(header)}
        self.algorithm = found.get("algorithm", "MD5")
        self.hash = hashlib.sha256 if self.algorithm == "SHA-256" else hashlib.md5
        self.realm, self.nonce, self.opaque = found["realm"], found["nonce"], found.get("opaque")
        self.secret = self._digest(f"{self.username}:{self.realm}:{self.password}")
        self.count = 0

    def _digest(self, text: str) -> str:
        return self.hash(text.encode()).hexdigest()

    def header(self, method: str, path: str) -> str:
        self.count += 1
        number, client = f"{self.count:08x}", os.urandom(8).hex()
        asked = self._digest(f"{method}:{path}")
        answer = self._digest(f"{self.secret}:{self.nonce}:{number}:{client}:auth:{asked}")
        opaque = f', opaque="{self.opaque}"' if self.opaque is not None else ""
        return (
            f'Digest username="{self.username}", realm="{self.realm}", nonce="{self.nonce}", uri="{path}", '
            f'algorithm={self.algorithm}, response="{answer}", qop=auth, nc={number}, cnonce="{client}"{opaque}'
        )


def work(plan: dict[str, Any], host: str) -> str:
    """All requests to one device; "" or what was not as planned."""
    digest = Digest(plan["username"], plan["password"])
    connections: dict[int, http.client.HTTPConnection] = {}
    try:
        for number, step in enumerate(plan["requests"], 1):
            if step["scheme"] == "rtsp":
                status = _rtsp(host, step)
            else:
                connection = connections.get(step["connection"])
                if connection is None:
                    connection = http.client.HTTPConnection(host, step["port"], timeout=SECONDS)
                    connections[step["connection"]] = connection
                status = _http(connection, digest, step)
            if status != step["status"]:
                return f"{host}: request {number} ({step['method']} {step['path']}) gave {status}, not {step['status']}"
    except (OSError, http.client.HTTPException, KeyError, ValueError) as error:
        return f"{host}: {type(error).__name__}: {error}"
    finally:
        for connection in connections.values():
            connection.close()
    return ""


def _http(connection: http.client.HTTPConnection, digest: Digest, step: dict[str, Any]) -> int:
    headers = dict(step["headers"])
    if step["login"]:
        headers["Authorization"] = digest.header(step["method"], step["path"])
    connection.request(step["method"], step["path"], step["body"].encode() or None, headers)
    response = connection.getresponse()
    response.read()
    # The challenge that belongs to our login, not those of the anonymous requests after it.
    if response.status == 401 and not digest.count:
        chosen = response.headers.get_all("WWW-Authenticate") or []
        digest.challenged(next(line for line in chosen if line.lower().startswith("digest")))
    return response.status


def _rtsp(host: str, step: dict[str, Any]) -> int:
    with socket.create_connection((host, step["port"]), SECONDS) as sock:
        text = f"DESCRIBE rtsp://{host}:{step['port']}{step['path']} RTSP/1.0\r\nCSeq: 1\r\n\r\n"
        sock.sendall(text.encode())
        answer = b""
        while b"\r\n\r\n" not in answer and (piece := sock.recv(8192)):
            answer += piece
    return int(answer.split(b" ", 2)[1])


def main() -> int:
    with open(sys.argv[1], encoding="utf-8") as file:
        plan = json.load(file)
    with ThreadPoolExecutor(plan["threads"]) as pool:
        wrong = [text for text in pool.map(lambda host: work(plan, host), plan["hosts"]) if text]
    for text in wrong[:5]:
        print(text, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

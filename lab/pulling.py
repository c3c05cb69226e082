# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How simulated recorders talk to their cameras: one exchange of HTTP or RTSP with digest."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import ssl
from typing import Any

from .rtsp import digest_fields

PATIENCE = 3.0  # seconds for one exchange with a camera


class PullError(Exception):
    """Why a camera could not be recorded, in a few words."""


class Puller:
    """What recorders that pull have in common; mixed into a device with `channels`, `pull` and `_learn`."""

    channels: list[dict[str, Any]]
    model: dict[str, Any]
    link: str
    is_down: Any
    pull: Any
    _learn: Any

    async def background(self, site: Any) -> None:
        """Pull all cameras again and again, as long as the lab runs."""
        for channel in self.channels:
            self._learn(channel, site)
        while True:
            if not self.is_down() and self.link == "up":
                await asyncio.gather(*(self.pull(channel) for channel in self.channels))
            await asyncio.sleep(float(self.model.get("pull_seconds", 3)))


async def ask(
    source: str, target: tuple[str, int], login: tuple[str, str], line: tuple[str, str, str], head: str = "",
    body: str = "", tls: bool = False,
) -> None:  # fmt: skip
    """One exchange from the address `source` with `target`; raises PullError unless it is answered with 200.

    `login` is user and password, `line` is protocol ("HTTP/1.1", "RTSP/1.0"), method and what is asked for; `head` are
    more header lines, each with its line end. Recorders take any certificate.
    """
    protocol, method, wanted = line
    context = None
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(*target, local_addr=(source, 0), ssl=context)
    try:
        answer = ""
        for _unused in range(2):
            writer.write(
                f"{method} {wanted} {protocol}\r\nHost: {target[0]}:{target[1]}\r\n{head}{answer}"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            status, headers = await asyncio.wait_for(_read(reader), PATIENCE)
            challenge = headers.get("www-authenticate", "")
            if status != 401 or answer or not challenge.startswith("Digest"):
                break
            answer = _authorization(challenge, method, wanted, *login)
    finally:
        writer.close()
    if status != 200:
        raise PullError("login refused" if status in (400, 401, 403) else f"status {status}")


async def _read(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers (lower case; the first of each name) of one answer; its body is read and dropped."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _unused, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    await reader.readexactly(int(headers.get("content-length", "0")))
    return int(lines[0].split()[1]), headers


def _authorization(challenge: str, method: str, target: str, user: str, password: str) -> str:
    given = digest_fields(challenge.partition(" ")[2])
    digest = hashlib.sha256 if given.get("algorithm") == "SHA-256" else hashlib.md5

    def hashed(*parts: str) -> str:
        return digest(":".join(parts).encode(), usedforsecurity=False).hexdigest()

    key, goal = hashed(user, given.get("realm", ""), password), hashed(method, target)
    nonce, client = given.get("nonce", ""), secrets.token_hex(8)
    fields = f'username="{user}", realm="{given.get("realm", "")}", nonce="{nonce}", uri="{target}"'
    if "algorithm" in given:
        fields += f", algorithm={given['algorithm']}"
    if "opaque" in given:
        fields += f', opaque="{given["opaque"]}"'
    if "qop" in given:
        response = hashed(key, nonce, "00000001", client, "auth", goal)
        fields += f', qop=auth, nc=00000001, cnonce="{client}"'
    else:
        response = hashed(key, nonce, goal)
    return f'Authorization: Digest {fields}, response="{response}"\r\n'

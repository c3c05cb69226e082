# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RTSP 1.0 of the simulated cameras (RFC 2326): OPTIONS and DESCRIBE with digest (RFC 2069 and RFC 2617, MD5).

No stream is ever sent. The session description says so. Model keys: `rtsp_realm` (text), `rtsp_paths` (list of
paths; others are answered 404; without the key every path is the stream).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from urllib.parse import urlsplit

from .device import Device, LogEntry

_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    454: "Session Not Found",
    501: "Not Implemented",
}
_KNOWN = {"OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE"}
_FIELD = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
LIMIT = 65536  # bytes of one request


def digest_fields(header: str) -> dict[str, str]:
    """The fields of an `Authorization: Digest …` value, names in lower case."""
    return {name.lower(): quoted or bare for name, quoted, bare in _FIELD.findall(header)}


def digest_response(fields: dict[str, str], method: str, user: str, password: str, realm: str, nonce: str) -> str:
    """The response value that the right password gives for the fields the client sent."""

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    first, second = md5(f"{user}:{realm}:{password}"), md5(f"{method}:{fields.get('uri', '')}")
    if fields.get("qop"):
        middle = f"{nonce}:{fields.get('nc', '')}:{fields.get('cnonce', '')}:{fields['qop']}"
    else:
        middle = nonce
    return md5(f"{first}:{middle}:{second}")


class RtspSession:
    """One RTSP connection without its socket: bytes in, bytes out."""

    def __init__(self, device: Device, peer: str, scheme: str) -> None:
        self.device = device
        self.peer = peer
        self.scheme = scheme
        self.nonce = secrets.token_hex(16)
        self.buffer = b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Returns the bytes to send and whether the connection stays open."""
        self.buffer += data
        out = b""
        while b"\r\n\r\n" in self.buffer:
            raw, _unused, rest = self.buffer.partition(b"\r\n\r\n")
            lines = raw.decode("utf-8", "replace").lstrip("\r\n").split("\r\n")
            headers = {}
            for line in lines[1:]:
                name, _unused, value = line.partition(":")
                headers[name.strip().lower()] = value.strip()
            length = headers.get("content-length", "0")
            if not length.isdigit() or int(length) > LIMIT:
                return out + self._answer(400, {}), False
            if len(rest) < int(length):
                break
            self.buffer = rest[int(length) :]
            words = lines[0].split()
            if len(words) != 3 or not words[2].startswith("RTSP/"):
                return out + self._answer(400, headers), False
            out += self._request(words[0], words[1], headers)
        if len(self.buffer) > LIMIT:
            return out + self._answer(400, {}), False
        return out, True

    def _request(self, method: str, uri: str, headers: dict[str, str]) -> bytes:
        user, login = "", ""
        body = b""
        extra: list[tuple[str, str]] = []
        try:
            path = urlsplit(uri).path if "://" in uri else uri
        except ValueError:
            return self._answer(400, headers)
        if method == "OPTIONS":
            status, extra = 200, [("Public", "OPTIONS, DESCRIBE, GET_PARAMETER, TEARDOWN")]
        elif method not in _KNOWN:
            status = 501
        elif method in ("GET_PARAMETER", "TEARDOWN"):
            status = 200
        elif method != "DESCRIBE":
            status = 405
        else:
            user, login = self._login(method, uri, headers.get("authorization", ""))
            login = self.device.rtsp_attempt(user, self.peer, login) if login else ""
            paths = self.device.model.get("rtsp_paths")
            if not (login == "ok" or self.device.rtsp_open()):
                status = 401
                extra = [("WWW-Authenticate", f'Digest realm="{self._realm()}", nonce="{self.nonce}"')]
            elif paths and path not in paths:
                status = 404
            else:
                status, body = 200, self._description()
                extra = [("Content-Base", uri), ("Content-Type", "application/sdp")]
        self.device.log.append(
            LogEntry(
                time.time(), self.peer, self.scheme, method, path, method, False, status, user if login == "ok" else "",
                login,
            )
        )  # fmt: skip
        return self._answer(status, headers, extra, body)

    def _login(self, method: str, uri: str, header: str) -> tuple[str, str]:
        """(user, what came of it): "" nothing tried, "ok", "refused"."""
        if not header:
            return "", ""
        scheme, _unused, rest = header.partition(" ")
        fields = digest_fields(rest)
        user = fields.get("username", "")
        password = self.device.rtsp_login(user)
        if scheme.lower() != "digest" or password is None or fields.get("nonce") != self.nonce:
            return user, "refused"
        if fields.get("realm") != self._realm() or fields.get("uri") != uri:
            return user, "refused"
        right = digest_response(fields, method, user, password, self._realm(), self.nonce)
        return user, "ok" if hmac.compare_digest(right, fields.get("response", "").lower()) else "refused"

    def _realm(self) -> str:
        return str(self.device.model.get("rtsp_realm", "Streaming Server")).replace('"', "")

    def _description(self) -> bytes:
        lines = [
            "v=0",
            f"o=- 0 0 IN IP4 {self.device.address}",
            "s=SIMULATED",
            "i=SIMULATED device: no stream is sent",
            "c=IN IP4 0.0.0.0",
            "t=0 0",
            "m=video 0 RTP/AVP 96",
            "a=rtpmap:96 H264/90000",
            "a=control:track1",
        ]
        return "".join(line + "\r\n" for line in lines).encode()

    def _answer(
        self, status: int, headers: dict[str, str], extra: list[tuple[str, str]] | None = None, body: bytes = b""
    ) -> bytes:
        lines = [f"RTSP/1.0 {status} {_REASONS[status]}", f"CSeq: {headers.get('cseq', '0')}", "Server: SIMULATED"]
        lines += [f"{name}: {value}" for name, value in extra or ()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body

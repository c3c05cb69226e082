# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw ONVIF requests straight into a simulated device, without sockets and without the toolkit's driver."""

from __future__ import annotations

import asyncio
import base64
import datetime
import hashlib
import re
import secrets
from typing import Any
from xml.etree import ElementTree

from ansible_collections.nwcs.hardening.lab.device import Request, Response
from ansible_collections.nwcs.hardening.lab.onvif.device import OnvifDevice
from ansible_collections.nwcs.hardening.lab.onvif.recorder import OnvifRecorder
from ansible_collections.nwcs.hardening.lab.site import resolve_model

SPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "trc": "http://www.onvif.org/ver10/recording/wsdl",
    "tt": "http://www.onvif.org/ver10/schema",
}
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
DIGEST_TYPE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
PATH = "/onvif/device_service"


def make(model: str = "onvif-complete", name: str = "cam-1", host: int = 11, **overrides: Any) -> OnvifDevice:
    """A device of a model of the lab, with keys of the model replaced."""
    content = resolve_model(model, "127.0.0") | overrides
    cls = OnvifRecorder if content["family"] == "onvif-recorder" else OnvifDevice
    return cls(name, f"127.0.0.{host}", content)


def envelope(body: str, header: str = "") -> bytes:
    spaces = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in SPACES.items())
    return f"<s:Envelope{spaces}><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>".encode()


def token(
    user: str, password: str, created: str | None = None, nonce: bytes | None = None, kind: str = DIGEST_TYPE
) -> str:
    """A Security header; the default `created` is now by this machine's clock."""
    nonce = secrets.token_bytes(16) if nonce is None else nonce
    created = created or f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
    proof = base64.b64encode(hashlib.sha1(nonce + created.encode() + password.encode()).digest()).decode()
    return (
        f'<Security xmlns="{WSSE}" s:mustUnderstand="1"><UsernameToken><Username>{user}</Username>'
        f'<Password Type="{kind}">{proof}</Password><Nonce>{base64.b64encode(nonce).decode()}</Nonce>'
        f'<Created xmlns="{WSU}">{created}</Created></UsernameToken></Security>'
    )


class Answer:
    """What came back: status, headers, bytes, and the body read when it is XML."""

    def __init__(self, response: Response) -> None:
        self.status, self.bytes, self.cut = response.status, response.body, response.cut
        self.challenges = [value for name, value in response.headers if name == "WWW-Authenticate"]
        self.type = dict(response.headers).get("Content-Type", "")

    @property
    def root(self) -> ElementTree.Element:
        return ElementTree.fromstring(self.bytes)

    @property
    def body(self) -> ElementTree.Element:
        """The response element (or the fault)."""
        return self.root.find("s:Body", SPACES)[0]

    def texts(self, path: str) -> list[str]:
        return [found.text or "" for found in self.body.findall(path, SPACES)]

    @property
    def codes(self) -> list[str]:
        """Local names of the fault's codes, outermost first; [] when it is no fault."""
        if self.body.tag != f"{{{SPACES['s']}}}Fault":
            return []
        values = self.body.find("s:Code", SPACES).iter(f"{{{SPACES['s']}}}Value")
        return [value.text.rpartition(":")[2] for value in values]


class Raw:
    """A client that logs in by HTTP digest when a challenge comes (once), or sends a token when told."""

    def __init__(
        self, device: OnvifDevice, user: str = "admin", password: str = "12345", scheme: str = "digest",
        peer: str = "127.0.0.1",
    ) -> None:  # fmt: skip
        self.device, self.user, self.password, self.scheme, self.peer = device, user, password, scheme, peer
        self.challenge: dict[str, str] = {}
        self.count = 0

    def ask(self, body: str = "", header: str = "", method: str = "POST", path: str = PATH, **headers: str) -> Answer:
        """One request as it is, without a login."""
        data = envelope(body, header) if body else b""
        request = Request(method, path, headers, data, self.peer, "http", self.device.ports["http"])
        return Answer(asyncio.run(self.device.handle(request)))

    def call(self, body: str, path: str = PATH, method: str = "POST") -> Answer:
        """One operation with the login."""
        if self.scheme == "token":
            return self.ask(body, token(self.user, self.password), method, path)
        if not self.challenge:
            answer = self.ask(body, "", method, path)
            if not answer.challenges:
                return answer
            self.take(answer)
        return self.ask(body, "", method, path, authorization=self.authorization(method, path))

    def take(self, answer: Answer, index: int = 0) -> None:
        """Use the challenge of an answer from now on."""
        pairs = re.findall(r'(\w+)=(?:"([^"]*)"|([^", ]+))', answer.challenges[index].partition(" ")[2])
        self.challenge = {name: quoted or plain for name, quoted, plain in pairs}
        self.count = 0

    def authorization(self, method: str = "POST", path: str = PATH) -> str:
        given = self.challenge
        kind = {"MD5": "md5", "SHA-256": "sha256", "SHA-1": "sha1"}[given["algorithm"]]

        def hashed(text: str) -> str:
            return hashlib.new(kind, text.encode()).hexdigest()

        self.count += 1
        key = hashed(f"{self.user}:{given['realm']}:{self.password}")
        middle = f"{given['nonce']}:{self.count:08x}:c0ffee:auth"
        proof = hashed(f"{key}:{middle}:{hashed(f'{method}:{path}')}")
        return (
            f'Digest username="{self.user}", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{path}", '
            f'algorithm={given["algorithm"]}, qop=auth, nc={self.count:08x}, cnonce="c0ffee", response="{proof}", '
            f'opaque="{given["opaque"]}"'
        )

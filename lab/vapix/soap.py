# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/vapix/services: the web server's TLS settings by SOAP (fact sheet 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from ..device import Response
from .ask import ADMIN, Ask, Route

if TYPE_CHECKING:
    from .device import VapixDevice

ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
WEB = "http://www.axis.com/vapix/ws/webserver"
CERT = "http://www.axis.com/vapix/ws/cert"
WORDS = {"Https": "https", "Http": "http", "HttpAndHttps": "both"}
KINDS = {word: kind for kind, word in WORDS.items()}
NAME = "{%s}%s"


def _operation(ask: Ask) -> str:
    call = _read(ask)
    return "" if call is None else call.tag.rpartition("}")[2][:60]


def _read(ask: Ask) -> ElementTree.Element | None:
    """The element in the body, None when this is no SOAP."""
    if b"<!DOCTYPE" in ask.request.body:
        return None
    try:
        root = ElementTree.fromstring(ask.request.body)
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    body = root.find(NAME % (ENVELOPE, "Body"))
    return None if body is None else next(iter(body), None)


def _reply(inside: str, status: int = 200) -> Response:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{ENVELOPE}" xmlns:aweb="{WEB}" xmlns:acert="{CERT}">'
        f"<SOAP-ENV:Body>{inside}</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )
    return Response(status, [("Content-Type", "application/soap+xml; charset=utf-8")], text.encode())


def _fault(reason: str, status: int = 400) -> Response:
    code = "<SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:Sender</SOAP-ENV:Value></SOAP-ENV:Code>"
    told = f'<SOAP-ENV:Reason><SOAP-ENV:Text xml:lang="en">{escape(reason)}</SOAP-ENV:Text></SOAP-ENV:Reason>'
    return _reply(f"<SOAP-ENV:Fault>{code}{told}</SOAP-ENV:Fault>", status)


def _configuration(device: VapixDevice) -> str:
    ciphers = "".join(f"<acert:Cipher>{escape(one)}</acert:Cipher>" for one in _ciphers(device))
    policies = "".join(
        f"<aweb:{role.capitalize()}>{KINDS.get(word, 'HttpAndHttps')}</aweb:{role.capitalize()}>"
        for role, word in device.policies().items()
    )
    tls = str(device.tree.is_on("HTTPS.Enabled")).lower()
    alias = escape(device.rest.get("https_certificate", "Axis-device-ID"))
    bound = f"<acert:Certificates><acert:Id>{alias}</acert:Id></acert:Certificates>"
    return (
        f"<aweb:Configuration><aweb:Tls>{tls}</aweb:Tls><aweb:ConnectionPolicies>{policies}</aweb:ConnectionPolicies>"
        f"<aweb:Ciphers>{ciphers}</aweb:Ciphers><aweb:CertificateSet>{bound}<acert:CACertificates/>"
        "<acert:TrustedCertificates/></aweb:CertificateSet></aweb:Configuration>"
    )


def _ciphers(device: VapixDevice) -> list[str]:
    return [cipher for cipher in device.tree.get("HTTPS.Ciphers").split(":") if cipher]


def _answer(device: VapixDevice, ask: Ask) -> Response:
    call = _read(ask)
    if call is None or ask.request.method != "POST":
        return _fault("Well-formed Error")
    operation = _operation(ask)
    if operation == "GetWebServerTlsConfiguration":
        inside = _configuration(device)
        return _reply(f"<aweb:{operation}Response>{inside}</aweb:{operation}Response>")
    if operation == "SetWebServerTlsConfiguration":
        wrong = _set(device, call)
        return _fault(wrong) if wrong else _reply("<aweb:SetWebServerTlsConfigurationResponse/>")
    return _fault("Method not implemented")


def _set(device: VapixDevice, call: ElementTree.Element) -> str:
    """Replace the whole configuration; returns what is wrong, or ""."""
    given = call.find(NAME % (WEB, "Configuration"))
    if given is None:
        return "Configuration is missing"
    tls = given.findtext(NAME % (WEB, "Tls"), "").strip()
    policies = given.find(NAME % (WEB, "ConnectionPolicies"))
    wanted = {}
    for role in ("admin", "operator", "viewer"):
        word = "" if policies is None else policies.findtext(NAME % (WEB, role.capitalize()), "").strip()
        wanted[role] = WORDS.get(word, "")
    if tls not in ("true", "false") or not wanted["admin"]:
        return "Tls or ConnectionPolicies are not valid"
    ciphers = [element.text or "" for element in given.iter(NAME % (CERT, "Cipher"))]
    aliases = [
        element.text or "" for element in given.findall(f".//{NAME % (CERT, 'Certificates')}/{NAME % (CERT, 'Id')}")
    ]
    known = [row["alias"] for row in (device.rest.get("cert") or {}).get("certificates", ())]
    if known and aliases and aliases[0] not in known:
        return "No such certificate"
    device.tree.put("HTTPS.Enabled", "yes" if tls == "true" else "no")
    for role, word in wanted.items():
        device.tree.put(f"System.BoaGroupPolicy.{role}", word or wanted["admin"])
    device.tree.put("HTTPS.Ciphers", ":".join(ciphers))
    if aliases and aliases[0] != device.rest.get("https_certificate", "Axis-device-ID"):
        device.rest["https_certificate"] = aliases[0]
        device.certificate("renewed")
    return ""


def _refused(_unused_device: VapixDevice, _unused_ask: Ask) -> Response:
    return _fault("Internal error", 200)


def _taken(_unused_device: VapixDevice, ask: Ask) -> Response:
    return _reply(f"<aweb:{_operation(ask)}Response/>")


ROUTE = Route(ADMIN, _answer, _operation, lambda ask: _operation(ask).startswith("Set"), _refused, _taken)

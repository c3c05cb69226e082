# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of simulated ONVIF devices by name, and the ways they damage an answer."""

from __future__ import annotations

from .soap import Node, envelope

FAULTS = {
    "open": "every request is answered without a login, the stream and the snapshot too",
    "empty-body": "SOAP answers have status 200 and no body",
    "xaddr-elsewhere": "service addresses and media URIs point to another host",
    "H01": "writes answer 200 with the right empty element and change nothing",
    "H02": "unknown operations answer 200 with an empty response element",
    "H03": "the user list is empty",
    "H04": "the user list is given without a login",
    "H05": "writes of the model's restart_for keys show only after a restart",
    "H06-merge": "list writes add to the old list (scopes, NTP, DNS, filter); nothing is ever removed",
    "H06-replace": "SetNetworkProtocols deletes the protocols that were not sent",
    "H07-open": "a service reported as disabled still answers",
    "H07-closed": "RTSP has no open socket although it is reported as enabled",
    "H08": "capability flags are inverted",
    "H09": "an account of any level may do anything",
    "H10": "SetUser without a password empties it, CreateUsers without one makes an open account",
    "H11": "SetUser creates an unknown user; deleting an unknown user or the last administrator succeeds",
    "H12": "SOAP faults have HTTP status 200",
    "H13": "values out of range are accepted; a clamped or the old value is stored",
    "H14": "IPv4 entries of server lists are dropped silently",
    "H15": "the time zone is not POSIX, NTP addresses stand in DNSname, the MAC has dashes",
    "H16": "changes read back and are lost at power-off",
    "H20-400": "a refused login has status 400",
    "H20-403": "a refused login has status 403",
    "H20-200": "a refused login has status 200 and a fault in the body",
    "H21": "failed logins lock the source address (model: lockout_attempts, _seconds, _per, _told; else 3, 60 s)",
    "H24-sha1": "the digest challenge names SHA-1",
    "H24-nochallenge": "401 carries no challenge; only a UsernameToken works",
    "H24-single-use": "a nonce is good for one request; the next challenge says stale",
    "H24-replay": "a nonce is good for one request; the next challenge does not say stale",
    "H24-accept": "a request with an Accept header is answered 400",
    "H25": "only a UsernameToken works, and only within 5 s of the device's own clock",
    "H30-prefix": "the answer to a successful write uses an undeclared prefix",
    "H30-bom": "answers begin with a byte order mark and name a wrong encoding",
    "H30-utf8": "the manufacturer's name holds invalid UTF-8",
    "H30-order": "children stand in the opposite order",
    "H32-nesting": "answers hold 100,000 nested elements",
    "H32-entities": "answers begin with a document type full of entities",
    "H34": "names carry hostile strings (model: hostile)",
    "H35": "accounts exist that look like admin",
    "H40": "HTTPS is reported as enabled and listens only after a restart",
    "H41": "the device sees every caller under another address (…254 of its network)",
    "H42": "a client that is logged in stays so after its password was changed or its account deleted",
    "H49": "after a restart the device is in factory state",
    "H49-gone": "after a restart the device does not come back",
    "H50": "no account exists and everything is open until the first one is made",
}


def damage(names: set[str], body: bytes, wrote: bool) -> bytes:
    """The answer as the faults leave it; `wrote` is true for a successful write."""
    if "empty-body" in names:
        return b""
    if "H30-prefix" in names and wrote:
        body = body.replace(b"Body>", b"Body><wsa5:Action>done</wsa5:Action>", 1)
    if "H30-bom" in names:
        body = b"\xef\xbb\xbf" + body.replace(b'encoding="UTF-8"', b'encoding="GB2312"', 1)
    if "H32-nesting" in names:
        body = body.replace(b"Body>", b"Body>" + b"<x>" * 100_000 + b"</x>" * 100_000, 1)
    if "H32-entities" in names:
        bomb = b'<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
        for new, old in zip("bcdefghi", "abcdefgh", strict=True):
            bomb += f'<!ENTITY {new} "{f"&{old};" * 10}">'.encode()
        bomb += b'<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        head, mark, rest = body.partition(b"?>")
        body = head + mark + bomb + rest.replace(b"Body>", b"Body><x>&i;&x;</x>", 1)
    return body


# How a device says that it has no such operation: dialect -> (status, content type, body or None for a closed
# connection). `{name}` is the operation. All were seen on devices (fact sheet 1.10).
_BARE = (
    '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:ter="http://www.onvif.org/ver10/error"><s:Body><s:Fault><s:Code><s:Value>s:{code}</s:Value>{subcode}</s:Code>'
    '<s:Reason><s:Text xml:lang="en">{reason}</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>'
)
_SUB = "<s:Subcode><s:Value>ter:{outer}</s:Value>{inner}</s:Subcode>"
_SOAP = "application/soap+xml; charset=utf-8"


def _fault(code: str, reason: str, outer: str = "", inner: str = "") -> str:
    deeper = f"<s:Subcode><s:Value>ter:{inner}</s:Value></s:Subcode>" if inner else ""
    subcode = _SUB.format(outer=outer, inner=deeper) if outer else ""
    return _BARE.replace("{code}", code).replace("{subcode}", subcode).replace("{reason}", reason)


DIALECTS: dict[str, tuple[int, str, str]] = {
    "action": (500, _SOAP, _fault("Receiver", "Optional Action Not Implemented", "ActionNotSupported")),
    "operation": (500, _SOAP, _fault("Receiver", "Invalid operation", "ActionNotSupported", "InvalidOperation")),
    "unknown": (400, _SOAP, _fault("Sender", "Unknown Action", "UnknownAction")),
    "gsoap": (400, _SOAP, _fault("Sender", "Method '{name}' not implemented: method name or namespace not recognized")),
    "bare": (400, "text/html", _fault("Sender", "Error")),
    "argument": (500, _SOAP, _fault("Sender", "{name} is err!", "InvalidArgVal", "InvalidParameter")),
    "501": (501, _SOAP, _fault("Sender", "unsupported operation")),
    "404": (404, "text/html", "<html><body><h1>404 Not Found</h1></body></html>"),
    "blank": (200, _SOAP, ""),
}


def unsupported(dialect: str, service: str, name: str) -> tuple[int, str, bytes]:
    """Status, content type and body for an operation the device lacks. `empty` is 200 with an empty response."""
    if dialect == "empty":
        return 200, _SOAP, envelope(Node(f"{service or 'tds'}:{name}Response"))
    status, kind, body = DIALECTS[dialect]
    return status, kind, body.replace("{name}", name).encode()

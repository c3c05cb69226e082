# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SOAP 1.2 as ONVIF uses it: requests built, answers looked up with tolerance, faults judged. No I/O.

Elements are looked up by local name: some devices put a whole answer into one namespace (onvif.md 1.11).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ansible_collections.nwcs.hardening.plugins.module_utils.contract import Answer
from ansible_collections.nwcs.hardening.plugins.module_utils.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    LoginRefused,
    Refused,
    Unsupported,
)

SOAP = "http://www.w3.org/2003/05/soap-envelope"
NAMESPACES = {
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "tt": "http://www.onvif.org/ver10/schema",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tr2": "http://www.onvif.org/ver20/media/wsdl",
    "trc": "http://www.onvif.org/ver10/recording/wsdl",
}
DEVICE_PATH = "/onvif/device_service"  # the only fixed address (Core 5.1)

# Never part of a digest: secrets, and what changes by itself (H55, H56).
SECRET = frozenset(("Password", "Passphrase", "Key", "PSK", "PrivateKey"))


# -- requests ----------------------------------------------------------------------------------------------------------
def el(tag: str, *content: Any, **attributes: str) -> Element:
    """`el("tds:SetNTP", el("tds:FromDHCP", False))`. Content: elements, lists of them, None (left out), a value."""
    element = Element(tag, attributes)
    for item in content:
        if isinstance(item, Element):
            element.append(item)
        elif isinstance(item, (list, tuple)):
            element.extend(item)
        elif isinstance(item, bool):
            element.text = "true" if item else "false"
        elif item is not None:
            element.text = str(item)
    return element


def envelope(request: Element, security: Element | None = None) -> bytes:
    """The request as bytes. Every prefix in use is declared on the envelope (onvif.md 1.2)."""
    root = Element("s:Envelope", {"xmlns:s": SOAP})
    used = {element.tag.partition(":")[0] for element in request.iter()}
    for prefix, namespace in NAMESPACES.items():
        if prefix in used:
            root.set(f"xmlns:{prefix}", namespace)
    if security is not None:
        must = security.attrib.pop(f"{{{SOAP}}}mustUnderstand", None)
        if must:  # in the prefix of the envelope, the form most exercised in the field (onvif.md 1.2)
            security.attrib = {"s:mustUnderstand": must, **security.attrib}
        ElementTree.SubElement(root, "s:Header").append(security)
    ElementTree.SubElement(root, "s:Body").append(request)
    text_ = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>{text_}'.encode()


def content_type(operation: str) -> str:
    """The header with the `action` some devices ask for: namespace, slash, operation (onvif.md 1.1)."""
    prefix, _colon, name = operation.partition(":")
    return f'application/soap+xml; charset=utf-8; action="{NAMESPACES[prefix]}/{name}"'


# -- looking into answers ----------------------------------------------------------------------------------------------
def local(element: Element) -> str:
    """The local name. Comments and processing instructions have none."""
    return element.tag.rpartition("}")[2].rpartition(":")[2] if isinstance(element.tag, str) else ""


def kids(element: Element, path: str) -> list[Element]:
    """All elements at `path` ("NTPInformation/NTPManual"), without those marked xsi:nil."""
    found = [element]
    for step in path.split("/"):
        found = [child for parent in found for child in parent if local(child) == step and not _nil(child)]
    return found


def kid(element: Element, path: str) -> Element | None:
    found = kids(element, path)
    return found[0] if found else None


def text(element: Element, path: str = "") -> str:
    """The text at `path`, stripped; "" when the element is missing or empty."""
    found = kid(element, path) if path else element
    return (found.text or "").strip() if found is not None else ""


def exact(element: Element, path: str) -> str:
    """The text at `path` byte for byte: names of accounts keep their blanks (H35)."""
    found = kid(element, path)
    return (found.text or "") if found is not None else ""


def need(element: Element, name: str) -> Element:
    """The mandatory child. Missing means that the device does not have this at all (H02)."""
    found = kid(element, name)
    if found is None:
        raise Unsupported(f"{_operation(element)}: the answer lacks its {name}, so the device does not have this.")
    return found


def boolean(element: Element, path: str) -> bool:
    """BadAnswer when it is not a boolean: an unreadable switch is never taken for off (H13)."""
    word = text(element, path).lower()
    if word in ("true", "1"):
        return True
    if word in ("false", "0"):
        return False
    raise BadAnswer(f"{_operation(element)}: {path} is not a boolean: {word[:40]!r}.")


def integer(element: Element, path: str, low: int = 0, high: int = 2**31) -> int:
    word = text(element, path)
    if not re.fullmatch(r"[+-]?[0-9]{1,10}", word) or not low <= int(word) <= high:
        raise BadAnswer(f"{_operation(element)}: {path or 'a number'} is not a number in range: {word[:40]!r}.")
    return int(word)


def more(element: Element, without: Iterable[str] = ()) -> Any:
    """The content as plain data, without the elements named in `without`, secrets, and what is empty.

    Text for a leaf, else {local name or @attribute: text, map, or list}. For digests of what no binding models.
    """
    skip = SECRET.union(without)

    def walk(node: Element) -> Any:
        result: dict[str, Any] = {f"@{key.rpartition('}')[2]}": value for key, value in node.attrib.items()}
        for child in node:
            name = local(child)
            value = None if not name or name in skip else walk(child)
            if value not in (None, "", {}, []):
                result.setdefault(name, []).append(value)
        return result or (node.text or "").strip()

    return walk(element) or None


def _nil(element: Element) -> bool:
    return any(key.endswith("}nil") and value.strip() in ("true", "1") for key, value in element.attrib.items())


def _operation(element: Element) -> str:
    return local(element).removesuffix("Response")


# -- answers and faults ------------------------------------------------------------------------------------------------
def body_of(root: Element | None) -> Element | None:
    """The soap Body of a parsed answer; None when it is no SOAP."""
    if root is None or local(root) != "Envelope":
        return None
    return kid(root, "Body")


def fault_codes(fault: Element) -> list[str]:
    """Code and subcodes from the outside in, without prefixes: those are sometimes not declared (onvif.md 1.10)."""
    codes = []
    step = kid(fault, "Code")
    while step is not None:
        codes.append(text(step, "Value").rpartition(":")[2])
        step = kid(step, "Subcode")
    if not codes and text(fault, "faultcode"):  # SOAP 1.1 from very old devices
        codes.append(text(fault, "faultcode").rpartition(":")[2])
    return codes


# Devices in debug mode say back what they refused: digests, nonces, encoded logins. Words of a sentence are shorter.
# The whole word goes: what is left of a password would not be known again by who takes passwords out of messages.
_SAID_BACK = re.compile(r"(?=[A-Za-z+/=]*\d)[\w+/=]{16,}", re.ASCII)
_LOOKED_AT = 2000  # characters of a message


def fault_text(fault: Element) -> str:
    """Reason and detail in one line of at most 200 printable characters: it is the device's text, thus data.

    Never cut inside a word: half a password would not be known again by who takes passwords out of messages.
    """
    parts = [text(fault, "Reason/Text") or text(fault, "faultstring")]
    detail = kid(fault, "Detail")
    parts += [(node.text or "").strip() for node in detail.iter()] if detail is not None else []
    line = " ".join(dict.fromkeys(part for part in parts if part))
    line = _whole_words("".join(char if char.isprintable() else " " for char in line), _LOOKED_AT)
    return _whole_words(" ".join("…" if _SAID_BACK.search(word) else word for word in line.split(" ")), 200)


def _whole_words(line: str, most: int) -> str:
    return line if len(line) <= most else line[: most - 1].rpartition(" ")[0] + "…"


_UNSUPPORTED = frozenset(("ActionNotSupported", "UnknownAction", "NoSuchService", "InvalidDot11"))
_BUSY = frozenset(("OutofMemory", "CriticalError"))
_NOT_HERE = re.compile(
    r"not implemented|not recogni[sz]ed|not support|unsupported|unknown (?:action|operation|method)", re.I
)
_LEFT = re.compile(r"still have\s+(\d+)\s+attempt", re.I)  # Dahua (onvif.md 1.8)
_LOCKED = re.compile(r"\block(?:ed|out)?\b", re.I)
_LOCKED_FOR = re.compile(r"\b(?:in|for|after)\s+(\d{1,5})\s*(s|m)(?:ec|in|\b)", re.I)
# What the subcodes mean to a person; the rest is told as the device said it.
_SENTENCES = {
    "EnablingTlsFailed": "HTTPS cannot be switched on, probably because the device has no certificate",
    "PortAlreadyInUse": "the port is used by another service of the device",
    "FixedUser": "this account is built in and cannot be removed or changed",
    "UsernameClash": "an account of this name exists",
    "UsernameMissing": "there is no account of this name",
    "PasswordTooLong": "the password is too long for this device",
    "PasswordTooWeak": "the password is too weak for this device",
    "Password": "the password is too weak for this device",
    "UsernameTooLong": "the account name is too long for this device",
    "UsernameTooShort": "the account name is too short for this device",
    "TooManyUsers": "the device has no room for another account",
    "IPFilterListIsFull": "the address filter has no room for so many entries",
    "NtpServerUndefined": "the device wants a time server first",
    "TimeSyncedToNtp": "the device takes no time server while it follows one",
    "InvalidTimeZone": "the device does not take this time zone",
    "InvalidHostname": "the device does not take this host name",
    "FixedScope": "this scope is built in and cannot be changed",
    "ServiceNotSupported": "the device does not have this service",
}


class NotAuthorized(LoginRefused):
    """The device wants a login, or other rights. What that means depends on what was sent; the session decides."""


def failure(name: str, operation: str, answer: Answer, body: Element | None) -> DeviceError | None:
    """Why this answer is no success, or None. By subcodes first, then text, then HTTP status (H12, H20).

    name is the device's name for messages; body the soap Body (None: no SOAP).
    """
    short = operation.partition(":")[2]
    reading = short.startswith("Get")
    where = f"{name}: {short}"
    fault = kid(body, "Fault") if body is not None else None
    if fault is not None:
        return _fault(where, reading, answer.status, fault)
    if answer.status == 401:
        return NotAuthorized(f"{where}: the device wants a login (HTTP 401).")
    if body is not None and 200 <= answer.status < 300:
        response = kid(body, f"{short}Response")
        if response is not None:
            return None
        if len(body):
            return BadAnswer(f"{where}: the answer is a {local(body[0])[:60]!r} instead of a {short}Response.")
    if answer.status == 403:
        return Refused(f"{where}: refused (HTTP 403).", "The account probably has too few rights.")
    if answer.status in (429, 503):
        return Busy(f"{where}: the device is busy (HTTP {answer.status}).")
    if answer.status in (404, 405, 501) or (reading and answer.status not in range(300, 400)):
        return Unsupported(f"{where}: no such operation on this device (HTTP {answer.status}, no SOAP answer).")
    return BadAnswer(f"{where}: HTTP {answer.status} without a SOAP answer.")  # a write: only reading tells its fate


def _fault(where: str, reading: bool, status: int, fault: Element) -> DeviceError:
    codes, said = fault_codes(fault), fault_text(fault)
    inner = codes[1:]
    told = " / ".join(codes if said in ("", *codes) else [*codes, said])
    left = _LEFT.search(said)
    if left or "NotAuthorized" in codes or "FailedAuthentication" in codes or (status == 401 and not inner):
        locked = bool(_LOCKED.search(said)) or bool(left and int(left[1]) == 0)
        rest = f" The device says that {left[1]} attempts are left." if left else ""
        wait = _LOCKED_FOR.search(said) if locked else None
        seconds = int(wait[1]) * (60 if wait[2].lower() == "m" else 1) if wait else None
        return NotAuthorized(f"{where}: not authorised ({told}).{rest}", locked=locked, seconds=seconds)
    known = next((_SENTENCES[code] for code in reversed(inner) if code in _SENTENCES), "")
    detail = next((_SENTENCES[word] for word in re.findall(r"\w+", said) if word in _SENTENCES), "")
    if inner and "EnablingTlsFailed" not in inner and _UNSUPPORTED.intersection(inner):
        return Unsupported(f"{where}: not supported by this device ({told}).")
    if _BUSY.intersection(inner):
        return Busy(f"{where}: the device has no resources for it now ({told}).")
    if "MustUnderstand" in codes:
        return Unsupported(f"{where}: the device does not know the ONVIF login header ({told}).")
    if _NOT_HERE.search(said) or status in (404, 405, 501):
        return Unsupported(f"{where}: not supported by this device ({told}).")
    if reading and (not inner or "InvalidArgVal" in inner) and status not in (403, 503):
        # A read without arguments cannot be a wrong one: DRN-3282R, EZVIZ DS-2DE2C400IG-W (onvif.md 1.10).
        return Unsupported(f"{where}: not supported by this device ({told}).")
    if status == 503:
        return Busy(f"{where}: the device is busy ({told}).")
    return Refused(f"{where}: {known or detail or 'refused by the device'} ({told}).")


def is_fault(error: Exception, *codes: str) -> bool:
    """Does the message of a classified fault name one of these subcodes?"""
    words = re.findall(r"\w+", str(error))
    return any(code in words for code in codes)


def announces_restart(root: Element) -> bool:
    """RebootNeeded anywhere in an answer: where it stands differs by operation and maker (H05)."""
    told = (node.text or "" for node in root.iter() if local(node) == "RebootNeeded")
    return any(word.strip().lower() in ("true", "1") for word in told)

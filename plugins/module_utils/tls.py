# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS as far as the transport needs it: contexts, the handshake, and plain words for what goes wrong."""

from __future__ import annotations

import functools
import hashlib
import socket
import ssl
from collections.abc import Mapping
from typing import Any

from ansible_collections.nwcs.hardening.plugins.module_utils.errors import InputError

VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
# OpenSSL's names for what a port that speaks plain HTTP looks like to a TLS client.
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
_TOO_OLD = ("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION")
_TOO_WEAK = ("DH_KEY_TOO_SMALL", "EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "UNSAFE_LEGACY_RENEGOTIATION_DISABLED")


@functools.lru_cache(maxsize=64)
def context(verify: bool | str = True, tls_min: str = "1.2") -> ssl.SSLContext:
    """The process's one context for this way of verifying: True (the system's CAs), False, or PEM text.

    With True it loads the system's CAs, about 75 ms of CPU: a process that forks workers calls it before.
    PEM: each certificate in it is trusted, also a device's own one. InputError when it cannot be read.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if verify is False:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
        made.set_ciphers("DEFAULT:@SECLEVEL=1")  # 1024-bit keys: unverified anyway, and old devices have them
    elif verify is True:
        made.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        try:
            made.load_verify_locations(cadata=verify)
        except (ssl.SSLError, ValueError):
            raise InputError("nwcs_tls_verify: the CA file holds no readable PEM certificate.") from None
        made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if tls_min in ("1.0", "1.1"):
        made.set_ciphers("DEFAULT:@SECLEVEL=0")
        made.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)  # has a name from Python 3.12 on
    made.minimum_version = VERSIONS[tls_min]
    return made


def handshake(made: ssl.SSLContext, sock: socket.socket, host: str, seconds: float) -> ssl.SSLSocket:
    """The encrypted socket, after a handshake of at most `seconds`. Raises OSError (also ssl.SSLError), ValueError."""
    sock.settimeout(seconds)
    secured = made.wrap_socket(sock, server_hostname=host.partition("%")[0], do_handshake_on_connect=False)
    try:
        secured.do_handshake()  # the time-out counts for the whole handshake
    except BaseException:
        secured.close()
        raise
    return secured


def handshake_failure(exc: Exception, place: str, tls_min: str) -> tuple[str, str, str]:
    """(reason, sentence, advice) for a handshake that failed for another cause than the certificate."""
    name = str(getattr(exc, "reason", None) or "")
    words = name.lower().replace("_", " ")
    if name in _NOT_TLS:
        advice = "Set nwcs_scheme to http, or use the HTTPS port."
        return "scheme", f"{place} does not speak TLS, it looks like plain HTTP.", advice
    if name in _TOO_OLD:
        return "tls", f"{place} offers no TLS version from {tls_min} on.", "Lower tls_min if it cannot be updated."
    if name in _TOO_WEAK:
        text = f"{place} uses TLS too weak for this computer ({words})."
        return "tls", text, "Set tls_min to 1.0 if the device cannot be updated."
    # OSError 0 is how some Python and OpenSSL versions tell an end of file in the handshake.
    ended = isinstance(exc, OSError) and exc.errno == 0 and not name
    if ended or isinstance(exc, (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return "tls", f"{place} closes the connection during the TLS handshake.", "Is it an HTTPS port?"
    return "tls", f"the TLS handshake with {place} failed ({words or 'reason unknown'}).", ""


def distrust(exc: ssl.SSLCertVerificationError, host: str, seen: Mapping[str, Any]) -> tuple[str, str]:
    """(sentence, advice) for a certificate that is not accepted; `seen` is describe() of it, or empty.

    Codes: openssl/x509_vfy.h.
    """
    code = exc.verify_code
    if code in (62, 64):  # host name mismatch, IP address mismatch
        names = [name[:80] for name in (*seen.get("san", ()), seen.get("subject", "")) if name][:8]
        text = f"the certificate is not for {host}, it names {', '.join(names) or 'nobody'}."
        return text, "Use such a name as nwcs_host, or replace the certificate."
    if code == 10:
        text = f"the certificate has expired ({seen.get('not_after') or 'date unknown'})."
        return text, "Replace it, and check the clock of this computer."
    if code == 9:
        return "the certificate is not valid yet.", "Check the clocks of the device and of this computer."
    advice = "Give the right CA in nwcs_tls_verify, or replace the certificate."
    if code in (18, 19, 20, 21):  # self-signed, or an issuer that is not known
        issuer = str(seen.get("issuer") or "unknown")[:200]
        return f"the certificate is not signed by a trusted CA (issuer {issuer}).", advice
    return f"the certificate is not accepted ({exc.verify_message or 'unknown reason'}).", advice


def describe(der: bytes) -> dict[str, Any]:
    """A DER certificate as plain data: subject, issuer (RFC 4514), san, not_after (UTC, ISO), sha256 (hex).

    Devices make certificates that no library takes: then all but the fingerprint is empty.
    """
    subject, issuer, san, after = _read(der)
    digest = hashlib.sha256(der).hexdigest()
    return {"subject": subject, "issuer": issuer, "san": list(san), "not_after": after, "sha256": digest}


@functools.lru_cache(maxsize=128)
def _read(der: bytes) -> tuple[str, str, tuple[str, ...], str]:
    try:
        from cryptography import x509
    except ImportError:
        raise InputError("the Python library cryptography is missing.", "Install it with pip.") from None
    try:
        cert = x509.load_der_x509_certificate(der)
        after = cert.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
        subject, issuer = cert.subject.rfc4514_string(), cert.issuer.rfc4514_string()
    except ValueError:
        return "", "", (), ""
    try:
        names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        san = tuple(str(name.value) for name in names if isinstance(name, (x509.DNSName, x509.IPAddress)))
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        san = ()
    return subject, issuer, san, after

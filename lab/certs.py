# Copyright: (c) 2026, nwcs.hardening contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of the simulated devices, signed by the lab's own certificate authority.

Made only when the first TLS connection to a device comes, so devices without HTTPS cost nothing. A device's
certificate is good unless its model says `certificate: name-mismatch`, `expired`, `self-signed` or `other-ca`. A
device that renews its certificate (H57) counts up its attribute `certificate_generation`. Keys belong to the device,
not to its address: another device at the same address has another key.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import os
import ssl
from pathlib import Path

from .device import Device

KINDS = ("good", "name-mismatch", "expired", "self-signed", "other-ca")
_ORGANISATION = "SIMULATED nwcs lab"
_DAY = datetime.timedelta(days=1)


class CertStore:
    """Keys and certificates below one directory; `ca` is the authority's certificate as PEM file."""

    def __init__(self, directory: Path | str) -> None:
        self.directory = Path(directory)
        self._contexts: dict[tuple[str, str, str, int], ssl.SSLContext] = {}
        self._authority: tuple | None = None

    @property
    def ca(self) -> Path:
        """The authority's certificate (PEM), made now if there is none yet."""
        self._load_authority()
        return self.directory / "ca.pem"

    def context(self, device: Device) -> ssl.SSLContext:
        """The TLS context of one device; raises ValueError for an unknown `certificate` in its model."""
        kind = device.model.get("certificate") or "good"
        if kind not in KINDS:
            raise ValueError(f"{device.name}: certificate {kind!r} is none of {', '.join(KINDS)}")
        return self._context(device.name, device.address, kind, device.certificate_generation)

    def foreign(self, address: str, kind: str = "self-signed") -> ssl.SSLContext:
        """The TLS context of somebody else who poses as `address`; "good" is one the lab's authority fell for."""
        if kind not in KINDS:
            raise ValueError(f"certificate {kind!r} is none of {', '.join(KINDS)}")
        return self._context("somebody else", address, kind, 0)

    def _context(self, owner: str, address: str, kind: str, generation: int) -> ssl.SSLContext:
        key = (hashlib.sha256(owner.encode("utf-8", "surrogatepass")).hexdigest()[:8], address, kind, generation)
        if key not in self._contexts:
            path = self.directory / "certs" / f"{key[1]}-{kind}-{generation}-{key[0]}.pem"
            self._load_authority()
            if not path.exists():
                _write(path, self._make(address, kind))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(path)
            self._contexts[key] = context
        return self._contexts[key]

    def _load_authority(self) -> tuple:
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization

        if self._authority is None:
            cert_path, key_path = self.directory / "ca.pem", self.directory / "ca.key"
            if not (cert_path.exists() and key_path.exists()):
                key, cert = _authority()
                _write(key_path, _key_pem(key))
                _write(cert_path, cert.public_bytes(serialization.Encoding.PEM))
            self._authority = (
                serialization.load_pem_private_key(key_path.read_bytes(), None),
                x509.load_pem_x509_certificate(cert_path.read_bytes()),
            )
        return self._authority

    def _make(self, address: str, kind: str) -> bytes:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID

        # Another authority has the same name: only its key tells the two apart.
        ca_key, ca_cert = _authority() if kind == "other-ca" else self._load_authority()
        key = ec.generate_private_key(ec.SECP256R1())
        # RFC 5737 address and RFC 2606 name: nobody's
        shown = "192.0.2.1" if kind == "name-mismatch" else address
        subject = _name(shown)
        self_signed = kind == "self-signed"
        now = datetime.datetime.now(datetime.UTC)
        start, end = (now - 400 * _DAY, now - _DAY) if kind == "expired" else (now - _DAY, now + 365 * _DAY)
        issuer_key = key if self_signed else ca_key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if self_signed else ca_cert.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(shown))]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        )
        cert = builder.sign(issuer_key, hashes.SHA256())
        return _key_pem(key) + cert.public_bytes(serialization.Encoding.PEM)


def _authority() -> tuple:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    usage = dict.fromkeys(
        (
            "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
            "key_cert_sign crl_sign encipher_only decipher_only"
        ).split(),
        False,
    ) | {"key_cert_sign": True, "crl_sign": True}
    cert = (
        x509.CertificateBuilder()
        .subject_name(_name("certificate authority"))
        .issuer_name(_name("certificate authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 500 * _DAY)
        .not_valid_after(now + 3650 * _DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key, cert


def _name(common: str):
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANISATION), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _key_pem(key) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    os.replace(scratch, path)

"""Certificates and keys as files: what is in them, whether they belong together, how long they are good for.

For `gateway check`, and for SIP when it takes them and whenever they are renewed.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from gateway.core.errors import GatewayError

MAX_FILE_BYTES = 4 * 1024 * 1024
SOON_DAYS = 30
"""A certificate that ends within so many days is warned about."""


class BadCertificate(GatewayError):
    """A file that cannot be used; `part` is `certificate`, `key` or `ca`."""

    def __init__(self, part: str, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.part = part
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key, in PEM, which belong together."""

    certificate: bytes
    key: bytes
    names: tuple[str, ...]
    """Host names and addresses that it is for; its common name where there are none."""
    begins_at: datetime
    ends_at: datetime

    def days_left(self, now: datetime | None = None) -> float:
        """Until it ends; negative once it has."""
        return (self.ends_at - (now or datetime.now(UTC))).total_seconds() / 86_400


def read_identity(certificate: str, key: str) -> Identity:
    """Read both files and hold them against each other and against OpenSSL. Raises `BadCertificate`."""
    chain_pem, key_pem = _read("certificate", certificate), _read("key", key)
    leaf = _certificates("certificate", certificate, chain_pem)[0]
    private = _private_key(key, key_pem)
    if _public(leaf.public_key()) != _public(private.public_key()):
        hint = "the certificate of this key must stand first in the file, those that vouch for it behind it"
        raise BadCertificate("key", f"found {key}; it is not the key of the certificate {certificate}", hint)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError) as error:
        raise BadCertificate(
            "certificate", f"found {certificate}; OpenSSL does not take it: {error}"
        ) from None
    return Identity(chain_pem, key_pem, _names(leaf), leaf.not_valid_before_utc, leaf.not_valid_after_utc)


def read_authorities(ca: str) -> bytes:
    """The certificates of the authorities in a file, in PEM. Raises `BadCertificate`."""
    pem = _read("ca", ca)
    _certificates("ca", ca, pem)
    return pem


def _read(part: str, path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        hint = "it must be readable by the gateway's own user" if isinstance(error, PermissionError) else ""
        raise BadCertificate(part, f"{path} cannot be read: {error.strerror or error}", hint) from None
    if len(data) > MAX_FILE_BYTES:
        raise BadCertificate(part, f"{path} is larger than 4 MiB")
    return data


def _certificates(part: str, path: str, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        hint = "openssl x509 -inform DER -in FILE -out FILE.pem makes PEM of the binary form"
        raise BadCertificate(part, f"found {path}; there is no certificate in PEM in it", hint) from None


def _private_key(path: str, pem: bytes) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(pem, None)
    except TypeError:
        hint = "openssl pkey -in FILE -out FILE.plain takes the passphrase off"
        raise BadCertificate("key", f"found {path}; the key is encrypted", hint) from None
    except Exception:
        raise BadCertificate("key", f"found {path}; there is no private key in PEM in it") from None


def _public(key: object) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_bytes(serialization.Encoding.DER, form))  # type: ignore[attr-defined]


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return tuple(str(name.value) for name in common)
    addresses = (str(ip) for ip in found.get_values_for_type(x509.IPAddress))
    return (*found.get_values_for_type(x509.DNSName), *addresses)

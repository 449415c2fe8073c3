"""An authority of our own for tests of TLS: certificates that are good, and such as must be refused."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@dataclass(frozen=True)
class Papers:
    """The files of a certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """Writes into `folder`."""

    def __init__(self, folder: Path, name: str = "Lab CA") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self.file = folder / f"{name.replace(' ', '-')}.pem"
        ca = x509.BasicConstraints(ca=True, path_length=0)
        self._certificate = _builder(self._name, self._name, self._key, 0, 3650).add_extension(
            ca, critical=True
        )
        self._signed = self._certificate.sign(self._key, hashes.SHA256())
        self.file.write_bytes(self._signed.public_bytes(Encoding.PEM))

    def issue(
        self,
        *names: str,
        common: str = "",
        begins: float = -1,
        ends: float = 365,
        file: str = "",
        uris: tuple[str, ...] = (),
    ) -> Papers:
        """A certificate for host names and addresses, from and until so many days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_named(common or (names[0] if names else "nobody")), self._name, key, begins, ends)
        found: list[x509.GeneralName] = [_general(name) for name in names]
        found += [x509.UniformResourceIdentifier(uri) for uri in uris]
        if found:
            builder = builder.add_extension(x509.SubjectAlternativeName(found), critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        stem = file or f"{(common or names[0]).replace('*', 'any')}-{signed.serial_number:x}"
        papers = Papers(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        papers.certificate.write_bytes(signed.public_bytes(Encoding.PEM))
        papers.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        papers.key.chmod(0o600)
        return papers


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begins: float, ends: float
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=begins - 0.01))
        .not_valid_after(now + datetime.timedelta(days=ends))
    )


def _named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)

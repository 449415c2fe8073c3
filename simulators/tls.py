"""TLS for phones and PBX (RFC 3261 §26.2): whose certificate is shown, whose is believed."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from .errors import WrongUsage


@dataclass(frozen=True)
class Tls:
    """Files in PEM. Without a certificate nobody can connect to us; without `ca` everybody is believed.

    `wants_certificate`: who connects must have one of `ca`.
    """

    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    wants_certificate: bool = False
    maximum_version: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED

    def server(self) -> ssl.SSLContext:
        """For who connects to us. Raises `WrongUsage` for files of no use."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._fill(context)
        if self.wants_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client(self) -> ssl.SSLContext:
        """For whom we connect to: by address, so that its host name is not looked at."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED if self.ca else ssl.CERT_NONE
        self._fill(context)
        return context

    def _fill(self, context: ssl.SSLContext) -> None:
        if (
            self.maximum_version < ssl.TLSVersion.TLSv1_2
        ):  # only to be refused; OpenSSL has to be asked for it
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.maximum_version = self.maximum_version
        try:
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key)
            if self.ca:
                context.load_verify_locations(self.ca)
        except (OSError, ssl.SSLError) as error:
            raise WrongUsage(f"the certificate, key or CA cannot be used: {error}") from error

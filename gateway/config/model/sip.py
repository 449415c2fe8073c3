"""`[sip]`: where signalling is spoken."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from gateway.config.fields import Bind, Ip
from gateway.config.model.section import AbsolutePath, Section


class SipTls(Section):
    """`[sip.tls]`: who we are by TLS, and whom we believe (RFC 5922)."""

    certificate: AbsolutePath
    """File of our certificate in PEM, those between it and the authority behind it."""
    key: AbsolutePath
    """File of its private key in PEM, not encrypted."""
    ca: AbsolutePath | None = None
    """File of the authorities that peers' certificates are verified by; None: the system's for those that we
    connect to, nobody for those that connect to us."""
    verify_client: StrictBool = False
    """Must who connects to us have a certificate of `ca`?"""
    port: Annotated[int, Field(strict=True, ge=0, le=65535)] = 5061
    """Listened on at the address of `[sip] bind`; 0 lets the system choose (tests)."""
    minimum_version: Literal["1.2", "1.3"] = "1.2"


class Sip(Section):
    """Where SIP is spoken (RFC 3261)."""

    bind: Bind = ("127.0.0.1", 5060)
    """Address to listen on; port 0 lets the system choose (tests)."""
    transports: tuple[Literal["udp", "tcp", "tls"], ...] = Field(default=("udp", "tcp"), min_length=1)
    advertised_address: Ip | None = None
    """IP written into Contact and Via; None: the bind address. Needed where bind is a wildcard."""
    tls: SipTls | None = None
    """Needed where `transports` has `tls`."""

    @property
    def advertised(self) -> str:
        return self.advertised_address or self.bind[0]

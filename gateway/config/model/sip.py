"""`[sip]`: where signalling is spoken."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.config.fields import Bind, Ip
from gateway.config.model.section import Section


class Sip(Section):
    """Where SIP is spoken (RFC 3261)."""

    bind: Bind = ("127.0.0.1", 5060)
    """Address to listen on; port 0 lets the system choose (tests)."""
    transports: tuple[Literal["udp", "tcp"], ...] = Field(default=("udp", "tcp"), min_length=1)
    advertised_address: Ip | None = None
    """IP written into Contact and Via; None: the bind address. Needed where bind is a wildcard."""

    @property
    def advertised(self) -> str:
        return self.advertised_address or self.bind[0]

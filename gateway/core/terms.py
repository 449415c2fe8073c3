"""On what terms a leg's media is agreed: what its trunk's configuration says of SRTP and RTCP."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.core.mediasecurity import Security


class Mux(StrEnum):
    """RTCP on the port of the audio (RFC 5761)."""

    OFF = "off"
    """Two ports, whatever is offered."""
    FOLLOW = "follow"
    """Accepted where it is offered, and offered to whom a party calls that has offered it."""
    OFFER = "offer"
    """Offered always; who does not answer it has two ports."""


class Rtcp(StrEnum):
    """Whose reports a leg's far side is sent (RFC 3550 §6.4)."""

    TERMINATE = "terminate"
    """The gateway's own: what the line between the two is like."""
    RELAY = "relay"
    """The other party's, while their packets are relayed untouched: what the whole way is like."""


@dataclass(frozen=True, slots=True)
class Terms:
    security: Security = Security.OFF
    mux: Mux = Mux.FOLLOW
    rtcp: Rtcp = Rtcp.TERMINATE

    def offers_mux(self, asked: bool) -> bool:
        """In the first offer on a leg. asked: the party that it is made for has offered it."""
        return self.mux is Mux.OFFER or (self.mux is Mux.FOLLOW and asked)


USUAL = Terms()
"""Where nothing is configured."""

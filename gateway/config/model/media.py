"""`[media]`: where RTP goes, and what is made of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.config.fields import Ip
from gateway.config.model.section import Section
from gateway.core.model import Encoding

Port = Annotated[int, Field(strict=True, ge=1, le=65535)]


class Media(Section):
    """Where RTP goes (RFC 3550)."""

    bind: Ip = "127.0.0.1"
    advertised_address: Ip | None = None
    """IP written into our SDP; None: the bind address. Needed where bind is a wildcard."""
    port_range: tuple[Port, Port] = (16384, 32767)
    """First and last UDP port; the first is even. Each leg takes an even port for RTP and the next for
    RTCP."""
    port_quarantine_ms: Annotated[int, Field(strict=True, ge=0, le=60_000)] = 2000
    """How long a port rests after its leg has ended, so that late packets do not reach another call."""
    workers: Annotated[int, Field(strict=True, ge=1, le=64)] = 1
    """Media threads. A call's legs are all on one; a new call goes to the one with the fewest legs."""
    cpus: tuple[Annotated[int, Field(strict=True, ge=0)], ...] = ()
    """The core to pin each worker to; empty: wherever the kernel puts them."""
    codecs: tuple[Encoding, ...] = Field(default=(Encoding.PCMA, Encoding.PCMU), min_length=1)
    """Offered and accepted, best first: PCMA, PCMU, G722, opus, L16."""
    transcode: bool = Field(default=False, strict=True)
    """Where caller and advisor have no codec in common: each their own, recoded in between; else 488."""
    keepalive_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """A leg that we have sent nothing to for so long gets an empty packet, to keep a NAT open (RFC 6263); 0:
    never."""
    rtp_timeout_ms: Annotated[int, Field(strict=True, ge=200, le=3_600_000)] = 5000
    """Silence on a leg that had been sending, before `StreamSilent` tells of it."""
    latching: Literal["any", "nat"] = "any"
    """Whose packets a leg takes but those of the host that its SDP names (RFC 7362): those of any host that
    keeps one stream going, or only where a NAT hides the address that SDP names."""
    history_s: Annotated[float, Field(strict=True, ge=0, le=300)] = 30
    """So much of each call is kept in memory, 16,000 bytes a second; 0: nothing."""

    @property
    def advertised(self) -> str:
        return self.advertised_address or self.bind

    @property
    def reachable_here(self) -> str:
        """Where RTP can be sent to from this machine itself."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind, self.bind)

    @property
    def legs(self) -> int:
        """How many legs the port range has room for, one even/odd pair each."""
        return max(0, self.port_range[1] - self.port_range[0] + 1) // 2

"""`[[trunk]]`, `[[route]]`: where calls come from and where they go."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from gateway.config.fields import Name, Peer, Source, split_host_port
from gateway.config.model.section import Section
from gateway.core.mediasecurity import Security
from gateway.core.model import Address, KeysBy
from gateway.core.terms import Mux, Rtcp


class Trunk(Section):
    """A SIP peer that calls come from and go to: PBX, SBC, registrar."""

    name: Name
    uri: Peer
    """`sip:host:port`; port 5060 where it is left out, 5061 by TLS."""
    transport: Literal["udp", "tcp", "tls"] = "udp"
    verify: StrictBool = True
    """By TLS: must its certificate be valid and for the host of `uri`? False: whoever answers is believed."""
    srtp: Security = Security.OFF
    """Secure media with its phones: off, optional (with those that speak it), required."""
    rtcp_mux: Mux = Mux.FOLLOW
    """RTCP on the audio's port: off, follow (where either side asks for it), offer."""
    rtcp: Rtcp = Rtcp.TERMINATE
    """Whose reports its phones are sent: terminate (ours), relay (the other party's where there are any)."""
    identify_by: tuple[Source, ...] = ()
    """Source addresses of this trunk, and as `tls:NAME` names of its verified certificate. Once any trunk has
    some, packets from elsewhere are refused with 403."""
    dtmf: KeysBy = KeysBy.RFC4733
    """How its phones send keys."""
    priority: Annotated[int, Field(strict=True, ge=0, le=65_535)] = 0
    """Among the trunks of one route those with the lowest are tried first."""
    weight: Annotated[int, Field(strict=True, ge=0, le=65_535)] = 1
    """Its share of the calls among those of the same priority."""
    options_interval: Annotated[float, Field(strict=True, ge=0, le=3600)] = 30.0
    """It is asked by OPTIONS so often whether it is there [s], at most once a second; 0: never."""

    @property
    def certified(self) -> frozenset[str]:
        """Whom its peers' certificates may be for."""
        named = {source.removeprefix("tls:") for source in self.identify_by if isinstance(source, str)}
        return frozenset(named | {self.address[0].lower()})

    @property
    def address(self) -> Address:
        """Host (IP or name) and port."""
        return split_host_port(self.uri.partition(":")[2], 5061 if self.transport == "tls" else 5060)


class RouteTo(Section):
    trunk: str | Annotated[tuple[str, ...], Field(min_length=1)]
    """One, or several: the next is tried where one cannot be reached."""
    uri: str = "sip:{number}@{trunk}"
    """Template of the URI to call: `{number}` is the number called, `{trunk}` the trunk's host:port, and
    every named group of `match` may be used by its name."""

    @property
    def trunks(self) -> tuple[str, ...]:
        return (self.trunk,) if isinstance(self.trunk, str) else self.trunk


class Route(Section):
    """One rule; the first whose `match` fits the whole called number is taken."""

    match: str
    """Regular expression (Python's `re`) on the called number, the user part of the Request-URI."""
    to: RouteTo

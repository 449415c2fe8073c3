"""What a peer's description says of its audio stream: the one stream of it that the gateway takes (RFC 8866,
RFC 3264 §5, §6).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.core import codecs, mediasecurity, sdp
from gateway.core.codecs import Codec, Events
from gateway.core.direction import meet
from gateway.core.errors import NotAcceptable, SdpError
from gateway.core.model import Address, Direction, Encoding

ANYWHERE = ("0.0.0.0", "::")
_RTCP = re.compile(r"(\d{1,5})(?: IN IP[46] (\S+))?", re.ASCII)
_DIRECTIONS = frozenset(direction.value for direction in Direction)

Judge = Callable[[sdp.Media], mediasecurity.Answer]
"""What to make of one stream's profile and `a=crypto`. Raises `NotAcceptable`."""


@dataclass(frozen=True, slots=True)
class Audio:
    """The one audio stream of a peer's offer or answer."""

    index: int
    """Which `m=` line it is."""
    remote: Address
    codecs: tuple[Codec, ...]
    """What we can use of what the peer named, in the peer's order; never empty."""
    events: Events | None
    noise: int | None
    """Payload type of comfort noise at 8 kHz (RFC 3389)."""
    direction: Direction
    """As the peer means it. The old hold by `c=0.0.0.0` (RFC 3264 §8.4) is read as the peer no longer
    receiving what it did.
    """
    ptime_ms: int
    max_ptime_ms: int | None
    secured: mediasecurity.Answer
    """What we answer, or have read in an answer, about SRTP."""
    rtcp: Address | None = None
    """Where RTCP goes; None: to the port above."""
    rtcp_mux: bool = False

    @property
    def event_payload_type(self) -> int | None:
        return self.events.payload_type if self.events else None


def read(session: sdp.Session, own_host: str, allowed: Iterable[Encoding], judge: Judge) -> Audio:
    """The first audio stream that is secured, or not, as it may be, and has a codec of `allowed`. own_host:
    our address, of whose IP version the peer's has to be. Raises `SdpError` or `NotAcceptable`.
    """
    why = "no audio stream"
    for index, media in enumerate(session.media):
        if media.kind != "audio" or media.port == 0:
            continue
        try:
            secured = judge(media)
        except NotAcceptable as error:
            why = str(error)
            continue
        named = codecs.usable(media, allowed)
        if not named.codecs:
            why = f"no codec in common; accepted: {', '.join(allowed)}"
            continue
        host = _host(media.address or session.address, own_host)
        direction = direction_of(session, media)
        if host in ANYWHERE:
            direction = meet(direction, Direction.SENDONLY)
        return Audio(
            index,
            (host, media.port),
            named.codecs,
            named.events,
            named.noise,
            direction,
            codecs.ptime_ms(media),
            codecs.max_ptime_ms(media),
            secured,
            _rtcp(media, host, own_host),
            ("rtcp-mux", None) in media.attributes,
        )
    raise NotAcceptable(why)


def _rtcp(media: sdp.Media, host: str, own_host: str) -> Address | None:
    """`a=rtcp` (RFC 3605); None where there is none that can be used."""
    for value in media.values("rtcp"):
        match = _RTCP.fullmatch(value.strip())
        if match and 0 < int(match[1]) <= 65535:
            try:
                return (_host(match[2], own_host) if match[2] else host, int(match[1]))
            except (SdpError, NotAcceptable):
                return None
    return None


def _host(text: str | None, own_host: str) -> str:
    """The peer's media address: one of our own IP version, and a single machine's (no multicast, no
    broadcast).
    """
    if text is None:
        raise SdpError("SDP has no c= line for the audio stream")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise SdpError(f"SDP c= address is not an IP address: {text[:60]!r}") from None
    version = ipaddress.ip_address(own_host).version
    if address.version != version:
        raise NotAcceptable(f"media over IPv{address.version}; this leg uses IPv{version}")
    if address.is_multicast or str(address) == "255.255.255.255":
        raise NotAcceptable(f"media address {address} is not a single machine's")
    return str(address)


def direction_of(session: sdp.Session, media: sdp.Media) -> Direction:
    """The stream's direction: its own attribute, else the session's, else sendrecv (RFC 8866 §6.7)."""
    for attributes in (media.attributes, session.attributes):
        for name, value in attributes:
            if value is None and name in _DIRECTIONS:
                return Direction(name)
    return Direction.SENDRECV

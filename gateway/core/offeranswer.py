"""One leg's offers and answers (RFC 3264): what the peer said, what we say, and the `LegMedia` that follows.

The gateway anchors media, so every description that it sends is its own: its address, its origin line, one
audio stream. The order in which a call uses this keeps transcoding away: the second leg is offered the first
leg's codecs, the first is answered with what the second chose.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gateway.core import codecs, mediasecurity, sdp
from gateway.core.codecs import Codec, Events
from gateway.core.direction import meet, reverse
from gateway.core.errors import NotAcceptable, SdpError
from gateway.core.mediasecurity import PLAIN, Keys, Security
from gateway.core.model import Address, Direction, Encoding, LegMedia

ANYWHERE = ("0.0.0.0", "::")
_RTCP = re.compile(r"(\d{1,5})(?: IN IP[46] (\S+))?", re.ASCII)
_DIRECTIONS = frozenset(direction.value for direction in Direction)


@dataclass(frozen=True, slots=True)
class Audio:
    """The one audio stream of a peer's offer or answer."""

    index: int
    """Which `m=` line it is."""
    remote: Address
    codecs: tuple[Codec, ...]
    """What we can use of what the peer named, in the peer's order; never empty."""
    events: Events | None
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


_Judge = Callable[[sdp.Media], mediasecurity.Answer]
"""What to make of one stream's profile and `a=crypto`. Raises `NotAcceptable`."""


class LegSession:
    """What has been said on one leg. An offer that is refused leaves what was agreed before untouched."""

    def __init__(
        self,
        own: Address,
        session_id: int,
        security: Security = Security.OFF,
        allowed: tuple[Encoding, ...] = (Encoding.PCMA, Encoding.PCMU),
    ) -> None:
        """`own`: where the media engine listens for this leg. security: the policy of its trunk. allowed: the
        codecs that we take, best first.
        """
        self.own = own
        self.allowed = allowed
        self.stated = Direction.SENDRECV
        """What our last description said, as we mean it."""
        self.wish = Direction.SENDRECV
        """What the peer wants, as the peer means it: its last offer, or its answer to an unrestricted offer
        of ours.
        """
        self.media: LegMedia | None = None
        """What is agreed; None before the first answer."""
        self._origin = sdp.Origin("-", session_id, 0, own[0])
        self._sent: sdp.Session | None = None
        self._offered: tuple[sdp.Session, Audio] | None = None
        self._event_payload_type: int | None = None
        self._numbers: dict[Encoding, int] = {}
        """The payload types that were used on this leg."""
        self._encodings: frozenset[Encoding] = frozenset()
        self._spare: frozenset[Encoding] = frozenset()
        self._stated_before = Direction.SENDRECV
        self._security = security
        self._said = mediasecurity.Offer(PLAIN, ())
        """What our last description said of SRTP."""
        self._assumed = False
        self._muxed = False
        """Our last description said `a=rtcp-mux` (RFC 5761 §5.1): only what a peer has offered is said."""

    def offer(
        self,
        offered: Sequence[Codec],
        direction: Direction = Direction.SENDRECV,
        *,
        event_payload_type: int | None = None,
        ptime_ms: int = codecs.DEFAULT_PTIME_MS,
        max_ptime_ms: int | None = None,
        spare: Sequence[Codec] = (),
    ) -> str:
        """Our offer. Then `take_answer`. A payload type once used on this leg is kept (RFC 3264 §8.3.2).
        spare: offered last, and chosen only where the answer has nothing else.
        """
        known = self._event_payload_type
        offered = codecs.renumbered(
            [*offered, *spare], self._numbers, {known} if known is not None else set()
        )
        self._numbers |= {codec.encoding: codec.payload_type for codec in offered}
        taken = {codec.payload_type for codec in offered}
        event = self._event_payload_type or event_payload_type or codecs.DEFAULT_EVENT_PAYLOAD_TYPE
        if event in taken:
            event = next(number for number in range(96, 128) if number not in taken)
        self._encodings = frozenset(codec.encoding for codec in offered)
        self._spare = frozenset(codec.encoding for codec in spare)
        self._stated_before, self.stated = self.stated, direction
        self._said, self._assumed = self._secured_offer(), False
        self._muxed = self.media is not None and self.media.rtcp_mux
        events = Events(event, codecs.CLOCK_RATE)
        return self._send((self._audio(offered, events, direction, ptime_ms, max_ptime_ms),))

    def _secured_offer(self) -> mediasecurity.Offer:
        """Within a call, what is in force: the same suite, key and profile; plain where plain was agreed
        and may stay.
        """
        if self.media is None:
            return mediasecurity.offer(self._security)
        keys = self.media.keys
        if keys is None:
            required = self._security is Security.REQUIRED
            return mediasecurity.offer(Security.REQUIRED if required else Security.OFF)
        again = mediasecurity.offer(self._security, (keys.suite,), before=keys)
        return replace(again, profile=self._said.profile)

    def take_answer(self, text: str) -> LegMedia:
        """Read the peer's answer to our `offer`. Raises `SdpError` or `NotAcceptable`."""
        audio = self._read(sdp.parse(text), self._judge_answer)
        chosen = [codec.encoding for codec in audio.codecs if codec.encoding in self._encodings]
        encoding = next((wanted for wanted in chosen if wanted not in self._spare), next(iter(chosen), None))
        if encoding is None:
            raise NotAcceptable("the answer has none of the codecs offered")
        own = meet(self.stated, reverse(audio.direction))
        if self.stated is Direction.SENDRECV:
            self.wish = audio.direction
        muxed = self._muxed and (audio.rtcp_mux or self._assumed)
        return self._agree(replace(audio, rtcp_mux=muxed), encoding, own)

    def withdraw(self) -> None:
        """Our offer was refused: what was agreed before stays in force."""
        self.stated = self._stated_before

    def assume_offer(self) -> None:
        """The signalling adapter gave the peer our session as it stands as an offer, with audio both ways.
        Then `take_answer`.
        """
        self._stated_before, self.stated = self.stated, Direction.SENDRECV
        self._assumed = True
        if self.media is not None:
            self._encodings = frozenset({self.media.encoding})

    def _judge_answer(self, media: sdp.Media) -> mediasecurity.Answer:
        lines = media.values("crypto")
        if (
            self._assumed and not lines and self.media is not None
        ):  # its text is not handed on: only what PJSIP read in it
            return mediasecurity.Answer(self._said.profile, None, self.media.keys)
        return mediasecurity.Answer(
            media.protocol, None, mediasecurity.read_answer(self._said, media.protocol, lines, self._security)
        )

    def _judge_offer(self, media: sdp.Media) -> mediasecurity.Answer:
        before: Keys | None = self.media.keys if self.media is not None else None
        return mediasecurity.answer(media.protocol, media.values("crypto"), self._security, before=before)

    def take_offer(self, text: str) -> Audio:
        """Read the peer's offer. Then `answer`, or nothing where it is refused. Raises `SdpError` or
        `NotAcceptable`.
        """
        session = sdp.parse(text)
        audio = self._read(session, self._judge_offer)
        self._offered = session, audio
        return audio

    @property
    def offered_encodings(self) -> list[Encoding]:
        """The codecs of the offer last taken, in its order."""
        return [codec.encoding for codec in self._offered[1].codecs] if self._offered else []

    def answer(
        self,
        encoding: Encoding,
        direction: Direction = Direction.SENDRECV,
        *,
        events: bool = True,
        ptime_ms: int = codecs.DEFAULT_PTIME_MS,
        max_ptime_ms: int | None = None,
        parameters: str | None = None,
    ) -> str:
        """Our answer to the offer last taken, with one of its codecs; `direction` is narrowed to what the
        offer allows. parameters: the `fmtp` of who will have to decode what the peer sends; None: our own.

        Streams other than the chosen one are refused with port 0, in their order. Raises `NotAcceptable`
        where `encoding` was not offered.
        """
        if self._offered is None:
            raise SdpError("no offer to answer")
        session, audio = self._offered
        codec = next((codec for codec in audio.codecs if codec.encoding is encoding), None)
        if codec is None:
            raise NotAcceptable(f"{encoding.value} was not offered")
        own = meet(direction, reverse(audio.direction))
        event = audio.events if events else None
        self.stated, self.wish = own, audio.direction
        self._agree(replace(audio, events=event), encoding, own)
        crypto = audio.secured.crypto
        self._said = mediasecurity.Offer(audio.secured.profile, () if crypto is None else (crypto,))
        self._muxed = audio.rtcp_mux
        if parameters is None:
            parameters = codecs.FORMATS[encoding].parameters
        codec = replace(codec, parameters=parameters)
        ours = self._audio((codec,), event, own, ptime_ms, max_ptime_ms)
        refused = (sdp.Media(other.kind, 0, other.protocol, other.formats) for other in session.media)
        return self._send(tuple(ours if at == audio.index else other for at, other in enumerate(refused)))

    def _agree(self, audio: Audio, encoding: Encoding, direction: Direction) -> LegMedia:
        codec = next(codec for codec in audio.codecs if codec.encoding is encoding)
        remote = audio.remote
        if remote[0] in ANYWHERE and self.media is not None:
            remote = self.media.remote
        self._event_payload_type = audio.event_payload_type or self._event_payload_type
        self._numbers |= {codec.encoding: codec.payload_type for codec in audio.codecs}
        self.media = LegMedia(
            encoding,
            codec.payload_type,
            audio.event_payload_type,
            remote,
            audio.ptime_ms,
            direction,
            None if audio.rtcp_mux else audio.rtcp,
            audio.rtcp_mux,
            audio.secured.keys,
            audio.events.clock_hz if audio.events else codecs.CLOCK_RATE,
            codec.parameters,
        )
        return self.media

    def _audio(
        self,
        offered: Sequence[Codec],
        events: Events | None,
        direction: Direction,
        ptime_ms: int,
        max_ptime_ms: int | None,
    ) -> sdp.Media:
        formats = [str(codec.payload_type) for codec in offered]
        attributes: list[tuple[str, str | None]] = []
        for codec in offered:
            attributes.append(("rtpmap", codec.rtpmap()))
            if codec.parameters:
                attributes.append(("fmtp", f"{codec.payload_type} {codec.parameters}"))
        if events is not None:
            formats.append(str(events.payload_type))
            attributes.append(("rtpmap", f"{events.payload_type} {codecs.EVENT_NAME}/{events.clock_hz}"))
            attributes.append(("fmtp", f"{events.payload_type} {codecs.EVENT_FMTP}"))
        attributes.append(("ptime", str(ptime_ms)))
        if max_ptime_ms is not None:
            attributes.append(("maxptime", str(max_ptime_ms)))
        if self._muxed:
            attributes.append(("rtcp-mux", None))
        attributes += [("crypto", line) for line in self._said.lines]
        attributes.append((direction.value, None))
        return sdp.Media("audio", self.own[1], self._said.profile, tuple(formats), None, tuple(attributes))

    def _send(self, media: tuple[sdp.Media, ...]) -> str:
        """Our next description: the same origin version as the last one where nothing changed, else one more
        (RFC 3264 §8).
        """
        described = sdp.Session(self._origin, media, self.own[0])
        if described != self._sent:
            self._origin = replace(self._origin, version=self._origin.version + 1)
            described = self._sent = replace(described, origin=self._origin)
        return str(described)

    def _read(self, session: sdp.Session, judge: _Judge) -> Audio:
        """The first audio stream that is secured, or not, as it may be, and has a codec of ours."""
        why = "no audio stream"
        for index, media in enumerate(session.media):
            if media.kind != "audio" or media.port == 0:
                continue
            try:
                secured = judge(media)
            except NotAcceptable as error:
                why = str(error)
                continue
            usable, events = codecs.usable(media, self.allowed)
            if not usable:
                why = f"no codec in common; accepted: {', '.join(self.allowed)}"
                continue
            host = self._host(media.address or session.address)
            direction = _direction(session, media)
            if host in ANYWHERE:
                direction = meet(direction, Direction.SENDONLY)
            return Audio(
                index,
                (host, media.port),
                usable,
                events,
                direction,
                codecs.ptime_ms(media),
                codecs.max_ptime_ms(media),
                secured,
                self._rtcp(media, host),
                ("rtcp-mux", None) in media.attributes,
            )
        raise NotAcceptable(why)

    def _rtcp(self, media: sdp.Media, host: str) -> Address | None:
        """`a=rtcp` (RFC 3605); None where there is none that can be used."""
        for value in media.values("rtcp"):
            match = _RTCP.fullmatch(value.strip())
            if match and 0 < int(match[1]) <= 65535:
                try:
                    return (self._host(match[2]) if match[2] else host, int(match[1]))
                except (SdpError, NotAcceptable):
                    return None
        return None

    def _host(self, text: str | None) -> str:
        """The peer's media address: one of our own IP version, and a single machine's (no multicast, no
        broadcast).
        """
        if text is None:
            raise SdpError("SDP has no c= line for the audio stream")
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            raise SdpError(f"SDP c= address is not an IP address: {text[:60]!r}") from None
        version = ipaddress.ip_address(self.own[0]).version
        if address.version != version:
            raise NotAcceptable(f"media over IPv{address.version}; this leg uses IPv{version}")
        if address.is_multicast or str(address) == "255.255.255.255":
            raise NotAcceptable(f"media address {address} is not a single machine's")
        return str(address)


def _direction(session: sdp.Session, media: sdp.Media) -> Direction:
    """The stream's direction: its own attribute, else the session's, else sendrecv (RFC 8866 §6.7)."""
    for attributes in (media.attributes, session.attributes):
        for name, value in attributes:
            if value is None and name in _DIRECTIONS:
                return Direction(name)
    return Direction.SENDRECV

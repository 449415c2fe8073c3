"""One leg's offers and answers (RFC 3264): what the peer said, what we say, and the `LegMedia` that follows.

The gateway anchors media, so every description that it sends is its own: its address, its origin line, one
audio stream. The order in which a call uses this keeps transcoding away: the second leg is offered the first
leg's codecs, the first is answered with what the second chose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.core import codecs, mediasecurity, peeraudio, sdp
from gateway.core.codecs import Codec, Events
from gateway.core.direction import meet, reverse
from gateway.core.errors import NotAcceptable, SdpError
from gateway.core.mediasecurity import PLAIN, Keys, Security
from gateway.core.model import Address, Direction, Encoding, LegMedia
from gateway.core.peeraudio import ANYWHERE, Audio
from gateway.core.terms import USUAL, Mux, Rtcp, Terms


class LegSession:
    """What has been said on one leg. An offer that is refused leaves what was agreed before untouched."""

    def __init__(
        self,
        own: Address,
        session_id: int,
        terms: Terms = USUAL,
        allowed: tuple[Encoding, ...] = (Encoding.PCMA, Encoding.PCMU),
    ) -> None:
        """`own`: where the media engine listens for this leg. terms: its trunk's. allowed: the codecs that we
        take, best first.
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
        self._terms = terms
        self._said = mediasecurity.Offer(PLAIN, ())
        """What our last description said of SRTP."""
        self._muxed = False
        """Our last description said `a=rtcp-mux` (RFC 5761 §5.1)."""
        self._noise: int | None = None
        """The payload type under which it named comfort noise."""

    def offer(
        self,
        offered: Sequence[Codec],
        direction: Direction = Direction.SENDRECV,
        *,
        event_payload_type: int | None = None,
        ptime_ms: int = codecs.DEFAULT_PTIME_MS,
        max_ptime_ms: int | None = None,
        spare: Sequence[Codec] = (),
        noise: bool = False,
        mux: bool = False,
    ) -> str:
        """Our offer. Then `take_answer`. A payload type once used on this leg is kept (RFC 3264 §8.3.2).
        spare: offered last, and chosen only where the answer has nothing else. noise: the other party may
        send comfort noise. mux: it has offered to have RTCP on one port, which counts in the first offer
        alone: once agreed it stays.
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
        self._said = self._secured_offer()
        self._muxed = self._terms.offers_mux(mux) if self.media is None else self.media.rtcp_mux
        self._noise = self._noise_number() if noise and any(map(_has_noise, offered)) else None
        events = Events(event, codecs.CLOCK_RATE)
        return self._send((self._audio(offered, events, direction, ptime_ms, max_ptime_ms),))

    def _noise_number(self) -> int:
        agreed = self.media.noise_payload_type if self.media else None
        return codecs.NOISE_PAYLOAD_TYPE if agreed is None else agreed

    def _secured_offer(self) -> mediasecurity.Offer:
        """Within a call, what is in force: the same suite, key and profile; plain where plain was agreed
        and may stay.
        """
        if self.media is None:
            return mediasecurity.offer(self._terms.security)
        keys = self.media.keys
        if keys is None:
            required = self._terms.security is Security.REQUIRED
            return mediasecurity.offer(Security.REQUIRED if required else Security.OFF)
        again = mediasecurity.offer(self._terms.security, (keys.suite,), before=keys)
        return replace(again, profile=self._said.profile)

    def take_answer(self, text: str) -> LegMedia:
        """Read the peer's answer to our `offer`. Raises `SdpError` or `NotAcceptable`."""
        audio = peeraudio.read(sdp.parse(text), self.own[0], self.allowed, self._judge_answer)
        chosen = [codec.encoding for codec in audio.codecs if codec.encoding in self._encodings]
        encoding = next((wanted for wanted in chosen if wanted not in self._spare), next(iter(chosen), None))
        if encoding is None:
            raise NotAcceptable("the answer has none of the codecs offered")
        own = meet(self.stated, reverse(audio.direction))
        if self.stated is Direction.SENDRECV:
            self.wish = audio.direction
        noise = audio.noise if self._noise is not None else None
        return self._agree(
            replace(audio, rtcp_mux=self._muxed and audio.rtcp_mux, noise=noise), encoding, own
        )

    def withdraw(self) -> None:
        """Our offer was refused: what was agreed before stays in force."""
        self.stated = self._stated_before

    def assume_offer(self) -> None:
        """The signalling adapter gave the peer our session as it stands as an offer, with audio both ways.
        Then `take_answer`.
        """
        self._stated_before, self.stated = self.stated, Direction.SENDRECV
        if self.media is not None:
            self._encodings = frozenset({self.media.encoding})

    def _judge_answer(self, media: sdp.Media) -> mediasecurity.Answer:
        lines, security = media.values("crypto"), self._terms.security
        keys = mediasecurity.read_answer(self._said, media.protocol, lines, security)
        return mediasecurity.Answer(media.protocol, None, keys)

    def _judge_offer(self, media: sdp.Media) -> mediasecurity.Answer:
        before: Keys | None = self.media.keys if self.media is not None else None
        return mediasecurity.answer(
            media.protocol, media.values("crypto"), self._terms.security, before=before
        )

    def take_offer(self, text: str) -> Audio:
        """Read the peer's offer. Then `answer`, or nothing where it is refused. Raises `SdpError` or
        `NotAcceptable`.
        """
        session = sdp.parse(text)
        audio = peeraudio.read(session, self.own[0], self.allowed, self._judge_offer)
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
        noise: bool = False,
    ) -> str:
        """Our answer to the offer last taken, with one of its codecs; `direction` is narrowed to what the
        offer allows. parameters: the `fmtp` of who will have to decode what the peer sends; None: our own.
        noise: take comfort noise where it is offered.

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
        self._noise = audio.noise if noise and codecs.may_have_noise(encoding) else None
        self._muxed = audio.rtcp_mux and self._terms.mux is not Mux.OFF
        self.stated, self.wish = own, audio.direction
        self._agree(replace(audio, events=event, noise=self._noise, rtcp_mux=self._muxed), encoding, own)
        crypto = audio.secured.crypto
        self._said = mediasecurity.Offer(audio.secured.profile, () if crypto is None else (crypto,))
        if parameters is None:
            parameters = codecs.FORMATS[encoding].parameters
        codec = replace(codec, parameters=parameters)
        ours = self._audio((codec,), event, own, ptime_ms, max_ptime_ms)
        refused = (sdp.Media(other.kind, 0, other.protocol, other.formats) for other in session.media)
        return self._send(tuple(ours if at == audio.index else other for at, other in enumerate(refused)))

    def answered(self, text: str) -> LegMedia:
        """The signalling adapter has answered the offer last taken with this text: of our session as it stood
        what the offer had of it, under keys of `core.standing`. Raises `SdpError` or `NotAcceptable`.
        """
        if self._offered is None or self.media is None:
            raise SdpError("no offer to answer, or nothing agreed before")
        session, audio = self._offered
        described = sdp.parse(text)
        if audio.index >= len(described.media):
            raise NotAcceptable("the answer given refuses the stream")
        ours = described.media[audio.index]
        named = [codec.encoding for codec in codecs.usable(ours, self.allowed).codecs]
        encoding = next((codec for codec in named if codec in self.offered_encodings), None)
        if encoding is None:
            raise NotAcceptable("the answer given has none of the codecs offered")
        own = meet(peeraudio.direction_of(described, ours), reverse(audio.direction))
        secured = mediasecurity.given(
            ours.protocol, ours.values("crypto"), session.media[audio.index].values("crypto")
        )
        self._said = mediasecurity.Offer(ours.protocol, () if secured.crypto is None else (secured.crypto,))
        self.stated, self.wish = own, audio.direction
        events = audio.events if self.media.event_payload_type is not None else None
        noise = audio.noise if self._noise is not None else None
        muxed = self._muxed and audio.rtcp_mux
        agreed = replace(audio, events=events, noise=noise, rtcp_mux=muxed, secured=secured)
        return self._agree(agreed, encoding, own)

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
            audio.noise if codecs.may_have_noise(encoding) else None,
            self._terms.rtcp is Rtcp.RELAY,
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
        if self._noise is not None:
            formats.append(str(self._noise))
            attributes.append(("rtpmap", f"{self._noise} {codecs.NOISE_NAME}/{codecs.CLOCK_RATE}"))
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


def _has_noise(codec: Codec) -> bool:
    return codecs.may_have_noise(codec.encoding)

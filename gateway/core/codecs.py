"""Which codecs an SDP audio stream names, and which of them the gateway carries: G.711, G.722, Opus, L16,
telephone-event, and comfort noise beside those with a clock of 8 kHz.

Static payload types: RFC 3551 §6; `rtpmap`, `fmtp`, `ptime`: RFC 8866 §6; telephone-event: RFC 4733 §7; Opus:
RFC 7587 §7; comfort noise: RFC 3389 §4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from gateway.core.model import Encoding
from gateway.core.sdp import Media

CLOCK_RATE = 8000
EVENT_NAME = "telephone-event"
NOISE_NAME, NOISE_PAYLOAD_TYPE = "CN", 13
EVENT_FMTP = "0-16"
DEFAULT_EVENT_PAYLOAD_TYPE = 101
DEFAULT_PTIME_MS = 20
DYNAMIC = range(96, 128)
_RTPMAP = re.compile(r"(\d{1,3}) +([^\s/]+)/(\d{1,9})(?:/(\d{1,3}))? *")
_MOST_BITS = re.compile(r"(?:^|[;\s])maxaveragebitrate=(\d{1,7})(?:$|[;\s])")


@dataclass(frozen=True, slots=True)
class Format:
    """How SDP names a codec."""

    name: str
    clock_hz: int
    channels: int
    payload_type: int
    """The static one; of a dynamic one what we propose."""
    parameters: str = ""
    """Our own `fmtp`."""


FORMATS = {
    Encoding.PCMA: Format("PCMA", 8000, 1, 8),
    Encoding.PCMU: Format("PCMU", 8000, 1, 0),
    Encoding.G722: Format("G722", 8000, 1, 9),
    Encoding.OPUS: Format("opus", 48000, 2, 111, "useinbandfec=1"),
    Encoding.L16: Format("L16", 16000, 1, 112),
}
WIDEBAND = frozenset({Encoding.G722, Encoding.OPUS, Encoding.L16})
"""Those that carry what is above 4 kHz; their RTP clocks do not tell (RFC 3551 §4.5.2)."""
_BY_NAME = {(of.name.upper(), of.clock_hz, of.channels): encoding for encoding, of in FORMATS.items()}
_STATIC = {of.payload_type: encoding for encoding, of in FORMATS.items() if of.payload_type < 96}


@dataclass(frozen=True, slots=True)
class Codec:
    """One encoding under the payload type that a leg gives it."""

    encoding: Encoding
    payload_type: int
    parameters: str = ""
    """`fmtp` of who named it; empty: none."""

    def rtpmap(self) -> str:
        of = FORMATS[self.encoding]
        channels = f"/{of.channels}" if of.channels > 1 else ""
        return f"{self.payload_type} {of.name}/{of.clock_hz}{channels}"


@dataclass(frozen=True, slots=True)
class Events:
    """Telephone-event, as a peer names it."""

    payload_type: int
    clock_hz: int


@dataclass(frozen=True, slots=True)
class Noise:
    """Comfort noise with a clock of 8 kHz, as a peer names it."""

    payload_type: int


_Meaning = Encoding | Events | Noise | None


class Usable(NamedTuple):
    """What can be used of what a stream names."""

    codecs: tuple[Codec, ...]
    """In the stream's order of preference."""
    events: Events | None
    noise: int | None
    """Payload type of comfort noise."""


def usable(media: Media, allowed: Iterable[Encoding]) -> Usable:
    """The codecs of `allowed` that `media` names, its telephone-event (the one at 8 kHz where there are
    several) and its comfort noise.

    An unreadable `rtpmap` is passed over like an unknown codec.
    """
    named: dict[str, _Meaning] = {str(number): encoding for number, encoding in _STATIC.items()}
    named[str(NOISE_PAYLOAD_TYPE)] = Noise(NOISE_PAYLOAD_TYPE)
    for value in media.values("rtpmap"):
        match = _RTPMAP.fullmatch(value)
        if match:
            named[match[1]] = _meaning(int(match[1]), match[2], int(match[3]), int(match[4] or 1))
    parameters = _parameters(media)
    codecs: list[Codec] = []
    events: Events | None = None
    noise: int | None = None
    for format_ in media.formats:
        if not re.fullmatch(r"\d{1,3}", format_, re.ASCII) or int(format_) > 127:
            continue
        meant = named.get(format_)
        if isinstance(meant, Encoding):
            if meant in allowed and all(codec.encoding is not meant for codec in codecs):
                codecs.append(Codec(meant, int(format_), parameters.get(format_, "")))
        elif isinstance(meant, Noise):
            noise = meant.payload_type if noise is None else noise
        elif meant is not None and (events is None or (meant.clock_hz == CLOCK_RATE != events.clock_hz)):
            events = meant
    return Usable(tuple(codecs), events, noise)


def may_have_noise(encoding: Encoding) -> bool:
    """Comfort noise goes by the clock of the codec beside it, and ours is at 8 kHz."""
    return FORMATS[encoding].clock_hz == CLOCK_RATE


def _meaning(number: int, name: str, clock_hz: int, channels: int) -> _Meaning:
    if name.upper() == NOISE_NAME:
        return Noise(number) if (clock_hz, channels) == (CLOCK_RATE, 1) else None
    if name.lower() == EVENT_NAME:
        return Events(number, clock_hz) if channels == 1 and clock_hz in (8000, 16000, 48000) else None
    return _BY_NAME.get((name.upper(), clock_hz, channels))


def _parameters(media: Media) -> dict[str, str]:
    split = (value.partition(" ") for value in media.values("fmtp"))
    return {number: text.strip() for number, _, text in split}


def standard(encodings: Iterable[Encoding], heard: Iterable[Codec] = ()) -> tuple[Codec, ...]:
    """The encodings under the payload types that we propose. `heard`: what the other party named; its
    parameters are passed on, because its packets are.
    """
    theirs = {codec.encoding: codec.parameters for codec in heard}
    return tuple(
        Codec(encoding, FORMATS[encoding].payload_type, theirs.get(encoding, FORMATS[encoding].parameters))
        for encoding in encodings
    )


def renumbered(codecs: Iterable[Codec], used: dict[Encoding, int], taken: set[int]) -> tuple[Codec, ...]:
    """The codecs under the payload types that they had before on this leg (`used`), else under their own, or
    a free one where that is `taken`: a number never changes its meaning (RFC 3264 §8.3.2).
    """
    result: list[Codec] = []
    occupied = taken | set(used.values())
    for codec in codecs:
        number = used.get(codec.encoding)
        if number is None:
            number = codec.payload_type
            if number in occupied and number >= DYNAMIC.start:
                number = next(free for free in DYNAMIC if free not in occupied)
        occupied.add(number)
        result.append(replace(codec, payload_type=number))
    return tuple(result)


def most_bits_per_second(parameters: str) -> int:
    """The `maxaveragebitrate` of an `fmtp` of Opus (RFC 7587 §6.1); 0: no limit."""
    match = _MOST_BITS.search(parameters)
    return int(match[1]) if match and 6000 <= int(match[1]) <= 510_000 else 0


def ptime_ms(media: Media) -> int:
    """The packet time that the sender of `media` asks for [ms]; 20 where it says nothing that can be used."""
    for value in media.values("ptime"):
        if (
            re.fullmatch(r"\d{1,3}", value.strip(), re.ASCII)
            and 10 <= int(value) <= 60
            and int(value) % 10 == 0
        ):
            return int(value)
    return DEFAULT_PTIME_MS


def max_ptime_ms(media: Media) -> int | None:
    """`maxptime` [ms]; None where it is not given or absurd."""
    for value in media.values("maxptime"):
        if re.fullmatch(r"\d{1,4}", value.strip(), re.ASCII) and int(value) >= 10:
            return int(value)
    return None

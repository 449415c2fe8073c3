"""The wire format of a feed: what is asked for, the JSON header, the binary frames, the notices. No I/O.

A feed is one text message (the header), then one binary message per 20 ms of audio. Between frames a text
message may say that something is missing; the last message says why the feed ended. Everything in a frame is
in network byte order:

    0          4               8              16
    | sequence | media_time_ms | wall_time_us | samples, interleaved by channel ...

`l16` is 16-bit linear as in RFC 3551 §4.5.11 (big-endian); `pcmu` is G.711 mu-law, one byte a sample
(§4.5.14).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gateway.feeds.g711 import decode_ulaw, encode_ulaw

SCHEMA = 1
FRAME_MS = 20
RATE_HZ = 8000
FRAME_SAMPLES = RATE_HZ * FRAME_MS // 1000
_HEADER = struct.Struct("!IIQ")
HEADER_BYTES = _HEADER.size


class Channels(StrEnum):
    """Which of the parties, and how they are laid out."""

    BOTH = "caller,advisor"
    """Two channels, interleaved: caller first."""
    CALLER = "caller"
    ADVISOR = "advisor"
    MIX = "mix"
    """One channel: the sum of both, saturated."""

    @property
    def names(self) -> list[str]:
        return self.value.split(",")

    @property
    def parties(self) -> tuple[int, ...]:
        """Whose voice is in it: 0 the caller's, 1 the advisor's."""
        return {"caller": (0,), "advisor": (1,)}.get(self.value, (0, 1))


class Encoding(StrEnum):
    L16 = "l16"
    PCMU = "pcmu"
    OPUS = "opus"
    """One packet (RFC 6716) a frame and channel; see `encoders`."""


RATES_HZ = (RATE_HZ, 16_000)


@dataclass(frozen=True, slots=True)
class Format:
    """What a listener asked for. Listeners of one call with the same format share the encoded frames."""

    channels: Channels = Channels.BOTH
    encoding: Encoding = Encoding.L16
    rate_hz: int = RATE_HZ
    """Beyond 8000: see `encoders`."""

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Format:
        """From the query string's parameters; what is left out has its default.

        Raises ValueError, whose text names the parameter, what came and what is allowed.
        """
        for name in query.keys() - {"channels", "encoding", "rate"}:
            raise ValueError(f"{name}: unknown parameter; allowed: channels, encoding, rate")
        rates = {str(rate): rate for rate in RATES_HZ}
        rate = query.get("rate", str(RATE_HZ))
        if rate not in rates:
            raise ValueError(f"rate={rate}: allowed: {' | '.join(rates)}")
        return cls(_choice(Channels, "channels", query), _choice(Encoding, "encoding", query), rates[rate])

    def choose(self, pair: NDArray[np.int16]) -> NDArray[np.int16]:
        """int16 of shape (2, n), caller and advisor → the channels that are wanted, (channels, n)."""
        match self.channels:
            case Channels.BOTH:
                return pair
            case Channels.CALLER:
                return pair[:1]
            case Channels.ADVISOR:
                return pair[1:]
            case Channels.MIX:
                total = pair[:1].astype(np.int32) + pair[1:]
                mix: NDArray[np.int16] = np.clip(total, -32768, 32767).astype(np.int16)
                return mix

    def encode(self, pair: NDArray[np.int16]) -> bytes:
        """int16 of shape (2, n), caller and advisor → the samples as they go on the wire, for 8000 Hz and no
        Opus.
        """
        chosen = np.ascontiguousarray(self.choose(pair).T)
        if self.encoding is Encoding.PCMU:
            return encode_ulaw(chosen).tobytes()
        return chosen.astype(">i2").tobytes()


E = TypeVar("E", bound=StrEnum)


def _choice(kind: type[E], name: str, query: Mapping[str, str]) -> E:
    found = query.get(name)
    if found is None:
        return next(iter(kind))
    try:
        return kind(found)
    except ValueError:
        allowed = " | ".join(kind)
        raise ValueError(f"{name}={found}: allowed: {allowed}") from None


@dataclass(frozen=True, slots=True)
class Frame:
    """One binary message, taken apart."""

    sequence: int
    """Counts the call's frames; a step of more than 1 is a gap, told of just before by a `missed` notice."""
    media_time_ms: int
    """Of the first sample, since the call's media began."""
    wall_time_us: int
    """When the first sample was received by the gateway: microseconds since 1970-01-01 UTC."""
    samples: NDArray[np.int16]
    """Shape (channels, n)."""


def pack_frame(sequence: int, media_time_ms: int, wall_time_us: int, payload: bytes) -> bytes:
    """The binary message for `payload`, which `Format.encode` made."""
    return _HEADER.pack(sequence & 0xFFFFFFFF, media_time_ms & 0xFFFFFFFF, wall_time_us) + payload


def parse_frame(message: bytes, wanted: Format) -> Frame:
    """The listener's side of `pack_frame`. Raises ValueError for a message that is too short or not whole
    samples.
    """
    channels = len(wanted.channels.names)
    width = 1 if wanted.encoding is Encoding.PCMU else 2
    payload = memoryview(message)[HEADER_BYTES:]
    if wanted.encoding is Encoding.OPUS:
        raise ValueError("Opus takes a decoder: see `encoders.split_opus`")
    if len(message) < HEADER_BYTES or len(payload) % (channels * width):
        raise ValueError(f"{len(message)} bytes are not a frame of {wanted.channels} in {wanted.encoding}")
    if wanted.encoding is Encoding.PCMU:
        samples = decode_ulaw(np.frombuffer(payload, dtype=np.uint8))
    else:
        samples = np.frombuffer(payload, dtype=">i2").astype(np.int16)
    sequence, media_time_ms, wall_time_us = _HEADER.unpack_from(message)
    return Frame(sequence, media_time_ms, wall_time_us, samples.reshape(-1, channels).T)


def start_message(
    call: str, wanted: Format, media_time_ms: int | None, *, catchup: float | None = None
) -> str:
    """The first message. media_time_ms: where the feed stands; None when no frame of this call has been read
    yet. catchup: it begins in the past and is played so much faster until it is live; None: it is live.
    """
    past = {} if catchup is None else {"live": False, "catchup": catchup}
    return _text(
        type="start",
        schema=SCHEMA,
        call=call,
        encoding=wanted.encoding.value,
        byte_order="big",
        rate=wanted.rate_hz,
        channels=wanted.channels.names,
        frame_ms=FRAME_MS,
        frame_header=["sequence:uint32", "media_time_ms:uint32", "wall_time_us:uint64"],
        frame_header_bytes=HEADER_BYTES,
        media_time_ms=media_time_ms,
        **past,
    )


def live_message(media_time_ms: int) -> str:
    """What stands before the first frame that comes as it is said, after a beginning in the past."""
    return _text(type="live", media_time_ms=media_time_ms)


def missed_message(missed_ms: int) -> str:
    """What stands before the next frame where `missed_ms` of audio are missing."""
    return _text(type="missed", ms=missed_ms, text=f"{missed_ms / 1000:.1f} s missing here")


def end_message(reason: str) -> str:
    """The last message of a feed, as JSON; `reason` is for people to read."""
    return _text(type="end", reason=reason)


def _text(**fields: Any) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))

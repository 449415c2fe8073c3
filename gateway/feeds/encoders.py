"""What a format needs beyond a table: a resampler to 16 kHz for who is not heard at that rate, an Opus
encoder. They remember what came before, so each belongs to one call and format, and its listeners share what
it makes. No I/O.

The codecs themselves are the media engine's; they are given in as `AudioTools`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.feeds.frames import Encoding, Format
from gateway.feeds.g711 import encode_ulaw

Samples = NDArray[np.int16]
WIDE_HZ = 16_000
LENGTH = struct.Struct("!H")


class AudioTools(Protocol):
    """Implemented by `gateway.media.tools`."""

    def widener(self) -> Callable[[Samples], Samples]:
        """A new resampler from 8 to 16 kHz for one channel: n samples in, 2n out."""

    def opus(self) -> Callable[[Samples], bytes]:
        """A new Opus encoder for one channel: 20 ms at 16 kHz in, one packet (RFC 6716) out."""


class Encoder:
    """One call's, in one format. Give it every frame."""

    def __init__(self, wanted: Format, tools: AudioTools | None) -> None:
        """Raises ValueError for a format that needs tools that are not there."""
        self._wanted = wanted
        self._tools: AudioTools | None = None
        """None: as the tap has it."""
        self._wideners: dict[int, Callable[[Samples], Samples]] = {}
        """Of the parties who are heard at 8 kHz."""
        self._opus: list[Callable[[Samples], bytes]] = []
        opus = wanted.encoding is Encoding.OPUS
        if not (opus or wanted.rate_hz == WIDE_HZ):
            return
        if tools is None:
            raise ValueError(f"encoding={wanted.encoding}, rate={wanted.rate_hz}: not available here")
        self._tools = tools
        self._opus = [tools.opus() for _ in wanted.channels.names] if opus else []

    def encode(self, pair: NDArray[Any], wide: Callable[[], list[Any]]) -> bytes:
        """int16 of shape (2, n), caller and advisor → the frame's samples as they go on the wire. wide: gives
        each of them at 16 kHz, None for one who was not heard at that rate.
        """
        if self._tools is None:
            return self._wanted.encode(pair)
        heard = wide()
        rows = [
            self._widened(party, pair[party], heard[party], self._tools)
            for party in self._wanted.channels.parties
        ]
        channels = self._wanted.choose(np.array(rows)) if len(rows) == 2 else rows
        if self._opus:
            packets = [
                encode(np.ascontiguousarray(row)) for encode, row in zip(self._opus, channels, strict=True)
            ]
            return packets[0] if len(packets) == 1 else b"".join(LENGTH.pack(len(p)) + p for p in packets)
        interleaved = np.ascontiguousarray(np.array(channels).T)
        if self._wanted.encoding is Encoding.PCMU:
            return encode_ulaw(interleaved).tobytes()
        return interleaved.astype(">i2").tobytes()

    def _widened(self, party: int, row: Samples, heard: Samples | None, tools: AudioTools) -> Samples:
        if heard is not None:
            self._wideners.pop(party, None)
            return heard
        if party not in self._wideners:
            self._wideners[party] = tools.widener()
        return self._wideners[party](np.ascontiguousarray(row))


def split_opus(payload: bytes, channels: int) -> list[bytes]:
    """The listener's side: one packet a channel. Raises ValueError."""
    if channels == 1:
        return [payload]
    packets, at = [], 0
    for _ in range(channels):
        if at + LENGTH.size > len(payload):
            raise ValueError(f"{len(payload)} bytes are not {channels} Opus packets")
        (length,) = LENGTH.unpack_from(payload, at)
        packets.append(payload[at + LENGTH.size : at + LENGTH.size + length])
        at += LENGTH.size + length
    if at != len(payload):
        raise ValueError(f"{len(payload)} bytes are not {channels} Opus packets")
    return packets

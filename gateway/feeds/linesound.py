"""How a headset's leg speaks with the media engine: A-law at 8 kHz, or linear at 16 kHz where the call is
wideband (RFC 3551 §4.5.14, §4.5.11). No I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.feeds.frames import FRAME_MS
from gateway.feeds.g711 import ALAW_SILENCE, decode_alaw, encode_alaw

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class LineSound:
    name: str
    """As in an `rtpmap`."""
    rate_hz: int
    payload_type: int
    encode: Callable[[Samples], bytes]
    decode: Callable[[bytes], Samples]
    """A whole number of samples."""
    silence: bytes
    """20 ms of it."""

    @property
    def frame_samples(self) -> int:
        return self.rate_hz * FRAME_MS // 1000


def _to_linear(samples: Samples) -> bytes:
    return samples.astype(">i2").tobytes()


def _from_linear(payload: bytes) -> Samples:
    return np.frombuffer(payload, ">i2", len(payload) // 2).astype(np.int16)


NARROW = LineSound(
    "PCMA",
    8000,
    8,
    lambda samples: encode_alaw(samples).tobytes(),
    lambda payload: decode_alaw(np.frombuffer(payload, np.uint8)),
    bytes([ALAW_SILENCE]) * (8000 * FRAME_MS // 1000),
)
WIDE = LineSound("L16", 16_000, 112, _to_linear, _from_linear, bytes(2 * 16_000 * FRAME_MS // 1000))

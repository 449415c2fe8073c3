"""The audio core's codecs for listeners outside of it: implements `feeds.encoders.AudioTools`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from native.resample import RateChange
from native.transcoder import Transcoder

OPUS_BITS_PER_SECOND = 24_000


class CodecTools:
    """Each thing it makes is for one channel of one stream, one thread at a time."""

    def widener(self) -> Callable[[Any], Any]:
        change = RateChange(8000, 16000)
        process: Callable[[Any], Any] = change.process
        return process

    def opus(self) -> Callable[[Any], bytes]:
        encoder = Transcoder("opus", OPUS_BITS_PER_SECOND)

        def encode(samples: Any) -> bytes:
            packet: bytes | None = encoder.encode(samples)
            if packet is None:
                raise ValueError(f"no Opus packet of {len(samples)} samples")
            return packet

        return encode

"""The wire format of a headset's audio, both ways: header, frames, notices. No I/O.

Towards the browser it is that of a feed (`frames`), one channel: what this supervisor hears. From the browser
comes one binary message per 20 ms, in network byte order:

    0          4      8
    | sequence | mode | samples: 16-bit linear, mono ...

`mode` says in which mode the words were spoken, as the speaker believed: `MODE_NUMBERS`. What was spoken in
another mode than the one that holds now is not carried. So neither can the end of a whisper, late on its way,
come after the barge that followed it, nor can the beginning of a whisper reach the patient before the wish to
whisper has reached the gateway.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.core.model import Mode
from gateway.feeds.frames import FRAME_MS, HEADER_BYTES, SCHEMA

MODE_NUMBERS = {Mode.LISTEN: 0, Mode.WHISPER: 1, Mode.BARGE: 2, Mode.TAKEOVER: 3}
_MODES = {number: mode for mode, number in MODE_NUMBERS.items()}
_UP = struct.Struct("!II")
UP_HEADER_BYTES = _UP.size


@dataclass(frozen=True, slots=True)
class Spoken:
    """One message from the browser, taken apart."""

    sequence: int
    mode: Mode
    samples: NDArray[np.int16]


def frame_bytes(rate_hz: int) -> int:
    """How long a message from the browser is."""
    return UP_HEADER_BYTES + 2 * rate_hz * FRAME_MS // 1000


def parse_spoken(message: bytes, rate_hz: int) -> Spoken:
    """Raises ValueError, whose text says what came and what is wanted."""
    wanted = frame_bytes(rate_hz)
    if len(message) != wanted:
        raise ValueError(f"a frame has {wanted} bytes at {rate_hz} Hz, this one {len(message)}")
    sequence, number = _UP.unpack_from(message)
    if number not in _MODES:
        raise ValueError(f"mode {number} in a frame; allowed: {_named_modes()}")
    samples = np.frombuffer(message, dtype=">i2", offset=UP_HEADER_BYTES).astype(np.int16)
    return Spoken(sequence, _MODES[number], samples)


def pack_spoken(spoken: Spoken) -> bytes:
    """The browser's side of `parse_spoken`."""
    header = _UP.pack(spoken.sequence & 0xFFFFFFFF, MODE_NUMBERS[spoken.mode])
    return header + spoken.samples.astype(">i2").tobytes()


def start_message(facts: Mapping[str, str], rate_hz: int, media_time_ms: int) -> str:
    """The first message. facts: `leg`, `call`, `user`, `mode`. media_time_ms: of the next frame."""
    return _text(
        type="start",
        schema=SCHEMA,
        **facts,
        encoding="l16",
        byte_order="big",
        rate=rate_hz,
        channels=["mix"],
        frame_ms=FRAME_MS,
        frame_header=["sequence:uint32", "media_time_ms:uint32", "wall_time_us:uint64"],
        frame_header_bytes=HEADER_BYTES,
        media_time_ms=media_time_ms,
        up={
            "encoding": "l16",
            "byte_order": "big",
            "rate": rate_hz,
            "channels": ["supervisor"],
            "frame_ms": FRAME_MS,
            "frame_header": ["sequence:uint32", "mode:uint32"],
            "frame_header_bytes": UP_HEADER_BYTES,
            "frame_bytes": frame_bytes(rate_hz),
            "modes": {mode.value: number for mode, number in MODE_NUMBERS.items()},
        },
    )


def mode_message(mode: Mode) -> str:
    """From here on this mode holds; frames with another are not carried."""
    return _text(type="mode", mode=mode.value)


def _named_modes() -> str:
    return ", ".join(f"{number} ({mode.value})" for mode, number in MODE_NUMBERS.items())


def _text(**fields: Any) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))

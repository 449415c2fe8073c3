"""G.711 A-law and mu-law by plain tables (ITU-T G.711), for int16 mono audio at 8,000 Hz.

Written from the recommendation's segments, apart from any other code here, so that it can judge that code.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Audio = npt.NDArray[np.int16]

SILENCE = {"PCMA": 0xD5, "PCMU": 0xFF}
"The code of the smallest positive step: what a quiet line sends."


def _alaw_to_linear(code: int) -> int:
    code ^= 0x55
    segment, step = (code >> 4) & 7, code & 15
    value = (step << 4) + 8 if segment == 0 else ((step << 4) + 0x108) << (segment - 1)
    return value if code & 0x80 else -value


def _ulaw_to_linear(code: int) -> int:
    code = ~code & 0xFF
    segment, step = (code >> 4) & 7, code & 15
    value = (((step << 3) + 0x84) << segment) - 0x84
    return -value if code & 0x80 else value


def _decode_table(decode: Callable[[int], int]) -> Audio:
    return np.array([decode(code) for code in range(256)], dtype=np.int16)


def _encode_table(decoded: Audio, *, to_negative_zero: int | None = None) -> npt.NDArray[np.uint8]:
    """For each of the 65,536 inputs the code whose value is nearest; a tie goes to the smaller magnitude,
    between ±8 to +8.
    """
    values = decoded.astype(np.int32)
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    inputs = np.arange(-32_768, 32_768, dtype=np.int32)
    above = np.clip(np.searchsorted(ranked, inputs), 1, 255)
    low, high = ranked[above - 1], ranked[above]
    down, up = inputs - low, high - inputs
    take_low = (down < up) | ((down == up) & (np.abs(low) < np.abs(high)))
    codes = order[np.where(take_low, above - 1, above)].astype(np.uint8)
    if to_negative_zero is not None:
        codes[codes == to_negative_zero] = 0xFF
    return codes


DECODE = {"PCMA": _decode_table(_alaw_to_linear), "PCMU": _decode_table(_ulaw_to_linear)}
# mu-law has two codes for zero; the positive one (0xFF) is what encoders send.
ENCODE = {
    "PCMA": _encode_table(DECODE["PCMA"]),
    "PCMU": _encode_table(DECODE["PCMU"], to_negative_zero=0x7F),
}


def decode(payload: bytes, codec: str) -> Audio:
    """One sample a byte. `codec` is "PCMA" or "PCMU"."""
    samples: Audio = DECODE[codec][np.frombuffer(payload, dtype=np.uint8)]
    return samples


def encode(audio: Audio, codec: str) -> bytes:
    """One byte a sample."""
    return bytes(ENCODE[codec][audio.astype(np.int32) + 32_768].tobytes())

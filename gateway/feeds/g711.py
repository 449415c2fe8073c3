"""G.711 on numpy arrays, by table (ITU-T G.711; rounding as in the reference code of ITU-T G.191).

Only for feeds: the media engine has its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BIAS = 33
_CLIP = 8192 - 1


def _encoding_table() -> NDArray[np.uint8]:
    """The code of every 16-bit sample, indexed by the sample's bits as uint16."""
    sample = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.minimum((np.where(sample < 0, ~sample, sample) >> 2) + _BIAS, _CLIP)
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    code = (segment << 4) | ((magnitude >> (segment + 1)) & 0x0F)
    table: NDArray[np.uint8] = (~np.where(sample < 0, code | 0x80, code)).astype(np.uint8)
    return table


def _decoding_table() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.uint8) & 0xFF
    segment = (code >> 4).astype(np.int32) & 0x07
    magnitude = ((((code & 0x0F).astype(np.int32) << 1) + _BIAS) << segment) - _BIAS
    return (np.where(code & 0x80, -magnitude, magnitude) << 2).astype(np.int16)


def _alaw_decoding_table() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    segment = (code >> 4).astype(np.int32) & 0x07
    magnitude = ((code & 0x0F).astype(np.int32) << 4) + 8
    magnitude = np.where(segment > 0, (magnitude + 256) << np.maximum(segment - 1, 0), magnitude)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _alaw_encoding_table() -> NDArray[np.uint8]:
    """The code of every 16-bit sample, indexed by the sample's bits as uint16."""
    sample = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.where(sample < 0, ~sample, sample) >> 4
    segment = np.floor(np.log2(np.maximum(magnitude, 16))).astype(np.int32) - 3
    segment = np.where(magnitude < 16, 0, segment)
    code = (segment << 4) | ((magnitude >> np.maximum(segment - 1, 0)) & 0x0F)
    table: NDArray[np.uint8] = (np.where(sample < 0, code, code | 0x80) ^ 0x55).astype(np.uint8)
    return table


_ENCODING = _encoding_table()
_DECODING = _decoding_table()
_ALAW_ENCODING = _alaw_encoding_table()
_ALAW_DECODING = _alaw_decoding_table()
ALAW_SILENCE = 0xD5
"""The code of sample 0."""


def encode_ulaw(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    """int16 samples of any shape → mu-law codes of the same shape."""
    codes: NDArray[np.uint8] = _ENCODING[samples.view(np.uint16)]
    return codes


def decode_ulaw(codes: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Mu-law codes of any shape → int16 samples of the same shape."""
    samples: NDArray[np.int16] = _DECODING[codes]
    return samples


def encode_alaw(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    """int16 samples of any shape → A-law codes of the same shape."""
    codes: NDArray[np.uint8] = _ALAW_ENCODING[samples.view(np.uint16)]
    return codes


def decode_alaw(codes: NDArray[np.uint8]) -> NDArray[np.int16]:
    """A-law codes of any shape → int16 samples of the same shape."""
    samples: NDArray[np.int16] = _ALAW_DECODING[codes]
    return samples

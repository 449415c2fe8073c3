"""The codecs by others: G.711 by the simulators' tables, G.722 by spandsp, Opus by libopus as it comes (complexity and all)."""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache

import numpy as np

from simulators import g711

APPLICATION_VOIP, SET_BITRATE = 2048, 4002  # opus_defines.h
FRAME, TICKS = 320, 3  # 20 ms at 16 kHz; of 48 kHz in a sample (RFC 7587 §4.1)
MOST_BYTES = 1500


def round_trip(codec: str, samples: np.ndarray, bits_per_second: int) -> np.ndarray:
    """What a far side hears of int16 samples at the codec's sample rate. bits_per_second: of Opus."""
    if codec == "G722":
        return _g722(samples)
    if codec == "opus":
        coder, decoder = OpusCoder(bits_per_second), _OpusDecoder()
        pieces = [samples[at : at + FRAME] for at in range(0, len(samples) - FRAME + 1, FRAME)]
        return np.concatenate([decoder.decode(coder.encode(piece)) for piece in pieces])
    return g711.decode(g711.encode(samples, codec), codec)


class OpusCoder:
    """A phone's; in a CodecPhone it takes the place of our own."""

    def __init__(self, bits_per_second: int) -> None:
        self._opus = _library("opus")
        self._opus.opus_encoder_create.restype = ctypes.c_void_p
        self._state = ctypes.c_void_p(self._opus.opus_encoder_create(16000, 1, APPLICATION_VOIP, None))
        assert self._opus.opus_encoder_ctl(self._state, SET_BITRATE, ctypes.c_int(bits_per_second)) == 0

    def encode(self, samples: np.ndarray) -> bytes:
        said, payload = np.ascontiguousarray(samples), np.zeros(MOST_BYTES, np.uint8)
        length = self._opus.opus_encode(self._state, _place(said), len(said), _place(payload), MOST_BYTES)
        assert length > 0
        return payload[:length].tobytes()

    def ticks(self, samples: int) -> int:
        return TICKS * samples

    def __del__(self) -> None:
        self._opus.opus_encoder_destroy(self._state)


class _OpusDecoder:
    def __init__(self) -> None:
        self._opus = _library("opus")
        self._opus.opus_decoder_create.restype = ctypes.c_void_p
        self._state = ctypes.c_void_p(self._opus.opus_decoder_create(16000, 1, None))

    def decode(self, payload: bytes) -> np.ndarray:
        heard = np.zeros(FRAME, np.int16)
        assert self._opus.opus_decode(self._state, payload, len(payload), _place(heard), FRAME, 0) == FRAME
        return heard

    def __del__(self) -> None:
        self._opus.opus_decoder_destroy(self._state)


@cache
def _library(name: str) -> ctypes.CDLL:
    found = ctypes.util.find_library(name)
    assert found is not None, f"lib{name} is not installed"
    return ctypes.CDLL(found)


def _place(array: np.ndarray) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


def _g722(samples: np.ndarray) -> np.ndarray:
    spandsp = _library("spandsp")
    for make in (spandsp.g722_encode_init, spandsp.g722_decode_init):
        make.restype = ctypes.c_void_p
    encoder = ctypes.c_void_p(spandsp.g722_encode_init(None, 64000, 0))
    decoder = ctypes.c_void_p(spandsp.g722_decode_init(None, 64000, 0))
    said, heard = np.ascontiguousarray(samples), np.zeros(len(samples), np.int16)
    payload = np.zeros(len(samples) // 2, np.uint8)
    spandsp.g722_encode(encoder, _place(payload), _place(said), len(said))
    spandsp.g722_decode(decoder, _place(heard), _place(payload), len(payload))
    spandsp.g722_encode_free(encoder)
    spandsp.g722_decode_free(decoder)
    return heard

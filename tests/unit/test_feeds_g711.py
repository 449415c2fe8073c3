"""Both laws by table, against their definitions and the simulators' own tables."""

from __future__ import annotations

import numpy as np

from gateway.feeds.g711 import ALAW_SILENCE, decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from simulators import g711

EVERY_CODE = np.arange(256, dtype=np.uint8)
EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)


def test_known_values() -> None:
    assert decode_ulaw(np.array([0x00, 0x80, 0xFF, 0x7F, 0xF0], np.uint8)).tolist() == [
        -32124,
        32124,
        0,
        0,
        120,
    ]
    assert encode_ulaw(np.array([0, 32767, -32768, 120, -1], np.int16)).tolist() == [
        0xFF,
        0x80,
        0x00,
        0xF0,
        0x7F,
    ]


def test_every_code_survives_the_way_there_and_back() -> None:
    back = encode_ulaw(decode_ulaw(EVERY_CODE))
    assert EVERY_CODE[back != EVERY_CODE].tolist() == [0x7F]  # minus zero


def test_error_is_at_most_half_a_step() -> None:
    error = np.abs(decode_ulaw(encode_ulaw(EVERY_SAMPLE)).astype(int) - EVERY_SAMPLE.astype(int))
    loudest = np.abs(EVERY_SAMPLE.astype(int))
    inside = loudest < 32124
    assert np.all(error[inside] <= np.maximum(4, (loudest[inside] + 132) / 32 + 4))


def test_shape_is_kept() -> None:
    assert encode_ulaw(np.zeros((160, 2), np.int16)).shape == (160, 2)


def test_a_law_is_that_of_the_simulators() -> None:
    assert np.array_equal(decode_alaw(EVERY_CODE), g711.decode(EVERY_CODE.tobytes(), "PCMA"))
    assert np.array_equal(encode_alaw(decode_alaw(EVERY_CODE)), EVERY_CODE)
    assert encode_alaw(np.zeros(1, np.int16))[0] == ALAW_SILENCE


def test_a_law_keeps_the_sign_and_errs_by_half_a_step_at_most() -> None:
    back = decode_alaw(encode_alaw(EVERY_SAMPLE)).astype(int)
    error = np.abs(back - EVERY_SAMPLE.astype(int))
    assert np.all((back > 0) == (EVERY_SAMPLE >= 0))
    assert np.all(error <= np.maximum(16, np.abs(EVERY_SAMPLE.astype(int)) / 32 + 8))

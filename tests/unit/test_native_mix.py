"""Sums of voices: integers at unity gain, ramps over 10 ms, saturation."""

from __future__ import annotations

import numpy as np
import pytest
from native.mix import mix_arrays

RAMP = 80


def test_one_voice_at_unity_comes_out_as_it_went_in() -> None:
    voice = np.arange(-32768, 32768, 7).astype(np.int16)
    assert np.array_equal(mix_arrays([voice], [1.0]), voice)


def test_voices_at_unity_add_up_exactly() -> None:
    rng = np.random.default_rng(1)
    voices = [rng.integers(-8000, 8000, 160).astype(np.int16) for _ in range(4)]
    assert np.array_equal(mix_arrays(voices, [1.0] * 4), sum(v.astype(int) for v in voices))


def test_what_is_too_loud_saturates() -> None:
    loud = np.array([32767, -32768, 20000, -20000], np.int16)
    assert mix_arrays([loud, loud], [1.0, 1.0]).tolist() == [32767, -32768, 32767, -32768]


def test_a_gain_of_zero_is_silence() -> None:
    assert not mix_arrays([np.full(160, 9000, np.int16)], [0.0]).any()


@pytest.mark.parametrize(("start", "end"), [(0.0, 1.0), (1.0, 0.0), (0.25, 0.75), (1.0, 0.5)])
def test_a_ramp_takes_ten_milliseconds_and_is_straight(start: float, end: float) -> None:
    level = 16000
    out = mix_arrays([np.full(160, level, np.int16)], [start], [end]).astype(float)
    expected = (
        np.concatenate((start + (end - start) * np.arange(1, RAMP + 1) / RAMP, np.full(160 - RAMP, end)))
        * level
    )
    assert np.max(np.abs(out - expected)) <= 2
    assert np.all(out[RAMP:] == end * level)


def test_a_ramp_that_ends_at_unity_is_exact_behind_it() -> None:
    voice = np.random.default_rng(2).integers(-30000, 30000, 400).astype(np.int16)
    assert np.array_equal(mix_arrays([voice], [0.0], [1.0])[RAMP:], voice[RAMP:])


def test_voices_of_different_length_are_an_error() -> None:
    with pytest.raises(ValueError, match="voices of 3 and 4 samples"):
        mix_arrays([np.zeros(3, np.int16), np.zeros(4, np.int16)], [1.0, 1.0])

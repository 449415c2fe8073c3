"""Changing the sample rate: flat where a telephone carries speech, clean, and as late as it says."""

from __future__ import annotations

import numpy as np
import pytest
from native.resample import RateChange

RATES = (8000, 16000, 48000)
PAIRS = [(a, b) for a in RATES for b in RATES if a != b]
PEAK = 8000


def tone(hz: float, rate_hz: int, seconds: float = 1.0) -> np.ndarray:
    return np.round(PEAK * np.sin(2 * np.pi * hz * np.arange(int(rate_hz * seconds)) / rate_hz)).astype(
        np.int16
    )


def judged(audio: np.ndarray, hz: float, rate_hz: int) -> tuple[float, float]:
    """(gain in dB, how far below it all the rest is in dB) of a tone; the beginning is left out."""
    piece = audio[rate_hz // 4 :].astype(float)
    t = np.arange(len(piece)) / rate_hz
    waves = np.stack((np.sin(2 * np.pi * hz * t), np.cos(2 * np.pi * hz * t)), axis=1)
    parts, *_ = np.linalg.lstsq(waves, piece, rcond=None)
    rest = piece - waves @ parts
    gain = float(np.hypot(*parts)) / PEAK
    return 20 * np.log10(gain), 20 * np.log10(gain * PEAK / np.sqrt(2) / np.sqrt(np.mean(rest**2)))


@pytest.mark.parametrize("hz", [100, 300, 1000, 2000, 3000])
@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_speech_comes_through_as_it_is(before: int, after: int, hz: int) -> None:
    gain, rest = judged(RateChange(before, after).process(tone(hz, before)), hz, after)
    assert abs(gain) < 0.05
    assert rest > 75


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_the_upper_end_of_a_telephone_band(before: int, after: int) -> None:
    gain, rest = judged(RateChange(before, after).process(tone(3400, before)), 3400, after)
    assert -1.2 < gain < 0.05
    assert rest > 75


@pytest.mark.parametrize(("before", "after"), [(16000, 8000), (48000, 8000), (48000, 16000)])
def test_what_the_new_rate_cannot_carry_is_gone(before: int, after: int) -> None:
    for hz in (0.55 * after, 0.6 * after, 0.75 * after, 0.9 * after):
        left = RateChange(before, after).process(tone(hz, before))[after // 4 :].astype(float)
        assert 20 * np.log10(max(left.std(), 0.1) / (PEAK / np.sqrt(2))) < -75


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_it_is_as_late_as_it_says(before: int, after: int) -> None:
    change = RateChange(before, after)
    impulse = np.zeros(before // 10, np.int16)
    impulse[before // 100] = 20000
    out = change.process(impulse).astype(float)
    at = int(np.argmax(np.abs(out)))
    assert abs(at - after // 100 - change.latency) <= 1
    assert change.latency <= 3 * after // 1000


@pytest.mark.parametrize(("before", "after"), PAIRS)
@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 60])
def test_packets_come_out_as_long_as_they_went_in_and_seamless(
    before: int, after: int, ptime_ms: int
) -> None:
    audio = np.random.default_rng(1).normal(0, 3000, before).astype(np.int16)
    size = before * ptime_ms // 1000
    pieces = [audio[at : at + size] for at in range(0, len(audio) - size + 1, size)]
    change = RateChange(before, after)
    out = [change.process(piece) for piece in pieces]
    assert {len(piece) for piece in out} == {after * ptime_ms // 1000}
    whole = RateChange(before, after).process(audio[: len(pieces) * size])
    assert np.array_equal(np.concatenate(out), whole)


def test_loud_audio_is_limited() -> None:
    square = np.where(np.arange(8000) // 20 % 2, 32767, -32768).astype(np.int16)
    out = RateChange(8000, 16000).process(square).astype(int)
    assert np.abs(np.diff(out)).max() < 60000
    assert out.max() == 32767


def test_the_same_rate_is_no_change() -> None:
    audio = np.arange(-500, 500, dtype=np.int16)
    change = RateChange(16000, 16000)
    assert change.latency == 0
    assert np.array_equal(change.process(audio), audio)


def test_reset_forgets() -> None:
    change, fresh = RateChange(8000, 16000), RateChange(8000, 16000)
    change.process(tone(1000, 8000))
    change.reset()
    piece = tone(500, 8000, 0.02)
    assert np.array_equal(change.process(piece), fresh.process(piece))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="44100"):
        RateChange(44100, 8000)
    with pytest.raises(ValueError, match="161"):
        RateChange(16000, 8000).process(np.zeros(161, np.int16))
    assert len(RateChange(16000, 8000).process(np.zeros(0, np.int16))) == 0

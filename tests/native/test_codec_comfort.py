"""Comfort noise is as loud and as coloured as its description says (RFC 3389 §3)."""

from __future__ import annotations

import numpy as np
import pytest
from native.comfort import make_noise
from voices import level_db

FFMPEG_OF_LOW_PASS_NOISE = bytes([37, 10, 118, 118, 117, 112, 125, 125, 107, 125, 138])
"""What FFmpeg's comfort noise encoder says of y[n] = 0.9 y[n-1] + noise at -37 dBFS."""


def settled(description: bytes, seconds: float = 4) -> np.ndarray:
    return make_noise([description], int(8000 * seconds))[2000:]


def likeness_of_neighbours(audio: np.ndarray) -> float:
    x = audio.astype(float)
    return float((x[1:] * x[:-1]).mean() / (x * x).mean())


@pytest.mark.parametrize("level", [20, 30, 37, 50, 60])
def test_level(level: int) -> None:
    assert abs(level_db(settled(bytes([level]))) + level) < 0.5


def test_white_without_coefficients() -> None:
    spectrum = np.abs(np.fft.rfft(settled(bytes([30]), 8).astype(float))) ** 2
    bands = [20 * np.log10(band.mean()) / 2 for band in np.array_split(spectrum, 16)]
    assert max(bands) - min(bands) < 0.5
    assert abs(likeness_of_neighbours(settled(bytes([30])))) < 0.02


@pytest.mark.parametrize("quantised", [20, 60, 127, 190, 230])
def test_colour(quantised: int) -> None:
    """One coefficient k: neighbouring samples are alike by -k; the level stays."""
    audio = settled(bytes([30, quantised]), 8)
    assert likeness_of_neighbours(audio) == pytest.approx(-(quantised - 127) * 258 / 32768, abs=0.03)
    assert abs(level_db(audio) + 30) < 1


def test_another_implementations_description() -> None:
    audio = settled(FFMPEG_OF_LOW_PASS_NOISE, 8)
    assert abs(level_db(audio) + 37) < 1
    assert likeness_of_neighbours(audio) == pytest.approx(0.9, abs=0.05)


def test_silence_before_the_first_description_and_an_empty_one_changes_nothing() -> None:
    noise = make_noise([b"", bytes([40]), b"", b""], 8000)
    assert not noise[:8000].any()
    assert abs(level_db(noise[16000:]) + 40) < 0.5


def test_another_level_is_reached_without_a_step() -> None:
    noise = make_noise([bytes([70]), bytes([30])], 8000).astype(float)
    assert np.abs(noise[8000:8008]).max() < 200  # -30 dBFS is 1036
    assert abs(level_db(noise[10000:]) + 30) < 0.5


@pytest.mark.parametrize("quantised", [0, 255])
def test_coefficients_at_their_limit_are_stable(quantised: int) -> None:
    audio = settled(bytes([40]) + bytes([quantised]) * 12, 10).astype(float)
    assert np.abs(audio).max() < 32767
    assert level_db(audio[-8000:]) < -20


def test_the_reserved_bit_is_ignored() -> None:
    assert np.array_equal(make_noise([bytes([40])], 800), make_noise([bytes([40 | 0x80])], 800))


def test_more_coefficients_than_are_used() -> None:
    assert len(make_noise([bytes([40] + [120] * 60)], 800)) == 800

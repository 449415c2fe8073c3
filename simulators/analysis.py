"""Judging audio: is this what was said, how loud, how late, does it click. Arrays are int16 mono at 8,000 Hz.

Levels are dBFS as root mean square against 32,768: a full-scale sine is -3.0 dB.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FULL_SCALE = 32_768.0

AnyAudio = npt.NDArray[np.int16] | npt.NDArray[np.float64]


class Match(NamedTuple):
    """How well something heard is something sent."""

    corr: float
    "-1 … 1, over the overlapping section."
    lag_samples: int
    "How much later it is in `heard` than in `sent`; 8 samples are a millisecond."
    gain_db: float
    "Level of the sent signal within `heard`, against its level in `sent`; -inf for none."


def level_db(audio: AnyAudio) -> float:
    """Root mean square in dBFS; -inf for silence or nothing."""
    if len(audio) == 0:
        return -math.inf
    mean_square = float(np.mean(np.square(audio.astype(np.float64))))
    return 10 * math.log10(mean_square / FULL_SCALE**2) if mean_square > 0 else -math.inf


def best_lag_correlation(
    sent: AnyAudio, heard: AnyAudio, *, max_lag_samples: int | None = None, least_overlap: float = 0.5
) -> Match:
    """Find `sent` in `heard` by cross-correlation (FFT), normalised on the section where they overlap.

    Lags from `-len(sent)` to `len(heard)` are tried, within ±`max_lag_samples` where given, as long as the
    overlap is at least `least_overlap` of the shorter of the two. Silence in either gives a correlation of 0.
    """
    a, b = sent.astype(np.float64), heard.astype(np.float64)
    shorter = min(len(a), len(b))
    if shorter == 0:
        return Match(0.0, 0, -math.inf)
    size = 1 << (len(a) + len(b)).bit_length()
    products = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)
    lags = np.arange(-len(a) + 1, len(b))
    products = products[lags]
    overlaps = np.minimum(len(b), lags + len(a)) - np.maximum(0, lags)
    power_a = _power(a, np.maximum(0, -lags), overlaps)
    power_b = _power(b, np.maximum(0, lags), overlaps)
    allowed = overlaps >= max(1, least_overlap * shorter)
    if max_lag_samples is not None:
        allowed &= np.abs(lags) <= max_lag_samples
    # Sections of near silence would turn rounding errors of the FFT into perfect correlations.
    floor = 1e-9 * max(float(power_a.max()), 1.0) * max(float(power_b.max()), 1.0)
    energy = power_a * power_b
    usable = allowed & (energy > floor)
    if not usable.any():
        return Match(0.0, 0, -math.inf)
    correlation = np.where(usable, products / np.sqrt(np.where(usable, energy, 1.0)), -1.0)
    best = int(np.argmax(correlation))
    gain = float(products[best] / power_a[best])
    return Match(
        corr=float(correlation[best]),
        lag_samples=int(lags[best]),
        gain_db=20 * math.log10(gain) if gain > 0 else -math.inf,
    )


def _power(
    signal: npt.NDArray[np.float64], starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Sum of squares of each section."""
    total = np.concatenate([[0.0], np.cumsum(np.square(signal))])
    sums: npt.NDArray[np.float64] = total[starts + lengths] - total[starts]
    return sums


def aligned(
    sent: AnyAudio, heard: AnyAudio, lag_samples: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The sections of both that belong together at a lag, equally long."""
    start = max(0, lag_samples)
    length = min(len(heard), lag_samples + len(sent)) - start
    a = sent[start - lag_samples : start - lag_samples + length].astype(np.float64)
    return a, heard[start : start + length].astype(np.float64)


def share_of(sources: list[AnyAudio], heard: AnyAudio, *, max_lag_samples: int | None = None) -> list[Match]:
    """For each source how it is found in a mixture: the loudest first taken out, then the next, and so on."""
    remaining = heard.astype(np.float64)
    found: dict[int, Match] = {}
    while len(found) < len(sources):
        tried = {
            number: best_lag_correlation(source, remaining, max_lag_samples=max_lag_samples)
            for number, source in enumerate(sources)
            if number not in found
        }
        number, match = max(tried.items(), key=lambda item: item[1].corr)
        found[number] = match
        if match.corr > 0:
            start = max(0, match.lag_samples)
            a, b = aligned(sources[number], remaining, match.lag_samples)
            remaining[start : start + len(b)] -= a * 10 ** (match.gain_db / 20)
    return [found[number] for number in range(len(sources))]


def largest_step(audio: AnyAudio) -> int:
    """The largest difference between two neighbouring samples."""
    return int(np.abs(np.diff(audio.astype(np.int64))).max()) if len(audio) > 1 else 0


def clicks(audio: AnyAudio, bound: float) -> list[int]:
    """Positions of samples that differ from the one before by more than `bound`: steps that the signal cannot
    make.
    """
    return [int(at) + 1 for at in np.flatnonzero(np.abs(np.diff(audio.astype(np.int64))) > bound)]


def jitter_ms(times_ns: list[int], ptime_ms: float) -> tuple[float, float]:
    """The median and the greatest deviation [ms] of packet times from an even spacing of `ptime_ms`."""
    if len(times_ns) < 2:
        return 0.0, 0.0
    late = np.array(times_ns, dtype=np.float64) / 1e6 - np.arange(len(times_ns)) * ptime_ms
    deviation = np.abs(late - np.median(late))
    return float(np.median(deviation)), float(deviation.max())

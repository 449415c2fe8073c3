"""Codecs and resampling: microseconds for a frame of 20 ms, nanoseconds a sample."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from native.resample import RateChange
from native.transcoder import KINDS_BY_NAME, Transcoder, kind_facts, measure

pytestmark = pytest.mark.bench

rng = np.random.default_rng(1)
ROUNDS = 9


def voice(rate_hz: int) -> np.ndarray:
    """Two seconds of harmonics and noise that come and go as speech does."""
    t = np.arange(2 * rate_hz) / rate_hz
    sound = sum(np.sin(2 * np.pi * 140 * k * t + k * k) / k for k in range(1, 24)) * np.abs(
        np.sin(2 * np.pi * 3 * t)
    )
    return np.round(4000 * sound + rng.normal(0, 60, len(t))).clip(-32768, 32767).astype(np.int16)


@pytest.mark.parametrize("loss", [0, 5])
@pytest.mark.parametrize("name", list(KINDS_BY_NAME))
def test_frame(figure, name: str, loss: int) -> None:
    if loss and name != "opus":
        pytest.skip("only Opus protects itself")
    audio = voice(kind_facts(name)["rate_hz"])
    encoder, decoder = Transcoder(name), Transcoder(name)
    encoder.tell_loss(loss)
    runs = [measure(encoder, decoder, audio, 1) for _ in range(ROUNDS)]
    encode, decode, lost, overlay = (statistics.median(run[what] for run in runs) / 1000 for what in range(4))
    title = name + (" on a lossy line" if loss else "")
    figure(
        f"{title}: encode, decode 20 ms",
        f"{encode:.2f}  {decode:.2f} µs",
        f"made up {lost:.2f} µs" + (f", overlay {overlay:.2f} µs" if overlay else ""),
    )


@pytest.mark.parametrize(("before", "after"), [(8000, 16000), (16000, 8000), (8000, 48000), (48000, 16000)])
def test_resample(benchmark, figure, before: int, after: int) -> None:
    audio = voice(before)
    change = RateChange(before, after)
    benchmark(lambda: change.process(audio))
    took = benchmark.stats.stats.median
    most = max(len(audio), len(audio) * after // before)
    figure(
        f"resample {before} to {after} Hz",
        f"{took / most * 1e9:.2f} ns/sample",
        f"of the higher rate; {change.latency * 1000 / after:.1f} ms late",
    )

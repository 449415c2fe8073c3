"""G.711 and mixing kernels, in nanoseconds per sample."""

from __future__ import annotations

import numpy as np
import pytest
from native.g711 import decode_array, encode_array
from native.mix import mix_arrays

pytestmark = pytest.mark.bench

SAMPLES = 160_000
"""A thousand frames at once, so that what Python adds to a call is nothing beside them."""
speech = (np.random.default_rng(1).laplace(0, 2000, SAMPLES)).clip(-32768, 32767).astype(np.int16)


def per_sample(benchmark, figure, name: str, work) -> None:
    benchmark(work)
    figure(name, f"{benchmark.stats.stats.median / SAMPLES * 1e9:.2f} ns/sample", "median")


@pytest.mark.parametrize("law", ["PCMA", "PCMU"])
def test_decode(benchmark, figure, law: str) -> None:
    payload = encode_array(law, speech)
    per_sample(benchmark, figure, f"G.711 decode {law}", lambda: decode_array(law, payload))


@pytest.mark.parametrize("law", ["PCMA", "PCMU"])
def test_encode(benchmark, figure, law: str) -> None:
    per_sample(benchmark, figure, f"G.711 encode {law}", lambda: encode_array(law, speech))


@pytest.mark.parametrize("gains", [(1.0, 1.0), (1.0, 0.5)], ids=["unity", "scaled"])
def test_mix_two_voices(benchmark, figure, gains: tuple[float, float]) -> None:
    other = speech[::-1].copy()
    per_sample(
        benchmark, figure, f"mix two voices, gains {gains}", lambda: mix_arrays([speech, other], list(gains))
    )

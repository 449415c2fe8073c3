"""What the telephones say in these tests, and how what they hear is judged."""

from __future__ import annotations

import numpy as np
from native.g711 import decode_array, encode_array

FRAME = 160
"""Samples of 20 ms at 8 kHz."""


def payloads(rng: np.random.Generator, count: int, size: int = FRAME) -> list[bytes]:
    """Random bytes: every one is a G.711 sample, no two payloads are alike."""
    return [rng.bytes(size) for _ in range(count)]


def noise(rng: np.random.Generator, samples: int, level: float = 5000) -> np.ndarray:
    """White noise, int16; level: standard deviation."""
    return np.clip(np.round(rng.normal(0, level, samples)), -20000, 20000).astype(np.int16)


def coded(samples: np.ndarray, law: str = "PCMA") -> np.ndarray:
    """Samples as they are after one pass through the codec: what a perfect listener would hear."""
    return decode_array(law, encode_array(law, samples))


def frames(samples: np.ndarray, size: int = FRAME) -> list[np.ndarray]:
    return [samples[at : at + size] for at in range(0, len(samples) - size + 1, size)]


def best_match(heard: np.ndarray, said: np.ndarray, most_lag: int = 4000) -> tuple[float, int, float]:
    """Where `said` stands in `heard`: (correlation there, lag in samples, level of it in `heard` as a
    factor).
    """
    size = 1 << int(np.ceil(np.log2(len(heard) + len(said))))
    a, b = heard.astype(float), said.astype(float)
    cross = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    lag = int(np.argmax(cross[: min(most_lag, len(heard))]))
    n = min(len(heard) - lag, len(said))
    x, y = a[lag : lag + n], b[:n]
    both = float(np.dot(x, y))
    return (
        both / max(1.0, float(np.sqrt(np.dot(x, x) * np.dot(y, y)))),
        lag,
        both / max(1.0, float(np.dot(y, y))),
    )


def leak(heard: np.ndarray, said: np.ndarray) -> float:
    """The largest correlation of the short piece `heard` with any piece of `said`: near 0 when it holds none
    of it.

    For n samples of unrelated noise it stays below about 5 / √n.
    """
    n = len(heard)
    x = heard.astype(float)
    power = np.sqrt(np.dot(x, x))
    if len(said) < n or power == 0:
        return 0.0
    y = said.astype(float)
    cross = np.correlate(y, x, mode="valid")
    total = np.concatenate(([0.0], np.cumsum(y * y)))
    energy = np.sqrt(np.maximum(total[n:] - total[:-n], 1.0))
    return float(np.max(np.abs(cross) / (energy * power)))


def speech(rng: np.random.Generator, samples: int, level: float = 4000) -> np.ndarray:
    """Noise in the band of a voice (300 … 2,500 Hz), swelling four times a second; int16, `level` RMS. Never
    repeats.
    """
    spectrum = np.fft.rfft(rng.normal(size=samples))
    hz = np.fft.rfftfreq(samples, 1 / 8000)
    spectrum[(hz < 300) | (hz > 2500)] = 0
    voice = np.fft.irfft(spectrum, samples) * (1 + 0.6 * np.sin(2 * np.pi * 4 * np.arange(samples) / 8000))
    return np.clip(np.round(voice * level / np.sqrt(np.mean(voice**2))), -32767, 32767).astype(np.int16)


def db(factor: float) -> float:
    return float(20 * np.log10(max(factor, 1e-9)))


def likeness(
    heard: np.ndarray, said: np.ndarray, *, start: int = 0, window: int = 1600
) -> list[tuple[float, float]]:
    """(correlation, level in dB) of `said` in each window of `heard` from `start` on; it may slip a little
    against it.
    """
    heard, start = np.concatenate((np.zeros(1600, np.int16), heard)), start + 1600  # its begin may be missing
    _, lag, _ = best_match(heard, said)
    found = []
    for at in range(max(lag, start), len(heard) - window, window):
        begin = max(0, at - lag - 480)
        piece = said[begin : at - lag + window + 480].astype(float)
        x = heard[at : at + window].astype(float)
        if len(piece) < window or np.dot(piece, piece) < 1e6:
            continue
        cross = np.correlate(piece, x, mode="valid")
        y = piece[int(np.argmax(cross)) :][:window]
        both = float(np.dot(x, y))
        found.append((both / float(np.sqrt(np.dot(x, x) * np.dot(y, y)) + 1), db(both / float(np.dot(y, y)))))
    return found

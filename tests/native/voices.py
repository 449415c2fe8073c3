"""Speech for the codecs' tests: the simulators' phrases at 8 kHz, and the same ones at 16 kHz with all that they have up to 7.6 kHz."""

from __future__ import annotations

import subprocess
import tempfile
import wave
from functools import cache
from pathlib import Path

import numpy as np

from simulators.speech import PHRASES, VOICES, normalised, phrase

PATIENT, ADVISOR, FLOORWALKER = "patient-chest-pain", "advisor-questions", "floorwalker-whisper"
TOP_HZ = 7600


@cache
def speech(name: str, rate_hz: int) -> np.ndarray:
    """A phrase of `simulators.speech`, int16 at 8,000 or 16,000 Hz, -20 dBFS; a whole number of seconds' fiftieths."""
    samples = phrase(name) if rate_hz == 8000 else normalised(_wide(name))
    samples = samples[: len(samples) // (rate_hz // 50) * (rate_hz // 50)].copy()
    samples.flags.writeable = False
    return samples


def frames(samples: np.ndarray, rate_hz: int, ptime_ms: int = 20) -> list[np.ndarray]:
    size = rate_hz * ptime_ms // 1000
    return [samples[at : at + size] for at in range(0, len(samples) - size + 1, size)]


def _wide(name: str) -> np.ndarray:
    said = PHRASES[name]
    voice = VOICES[said.voice]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "said.wav"
        options = ["-v", voice.name, "-s", str(voice.words_per_minute), "-p", str(voice.pitch)]
        subprocess.run(["espeak-ng", *options, "-w", str(file), "--", said.text], check=True, timeout=60)
        with wave.open(str(file), "rb") as spoken:
            rate_hz = spoken.getframerate()
            samples = np.frombuffer(spoken.readframes(-1), "<i2").astype(float)
    samples = np.pad(samples, (0, -len(samples) % 441))
    spectrum = np.fft.rfft(samples)
    spectrum[np.fft.rfftfreq(len(samples), 1 / rate_hz) > TOP_HZ] = 0
    length = len(samples) * 16000 // rate_hz
    return np.fft.irfft(spectrum[: length // 2 + 1], length) * length / len(samples)


def snr_db(signal: np.ndarray, other: np.ndarray) -> float:
    """How far below `signal` its difference to `other` is."""
    a, b = signal.astype(float), other.astype(float)
    return float(10 * np.log10((np.dot(a, a) + 1e-9) / (np.dot(a - b, a - b) + 1e-9)))


def level_db(samples: np.ndarray) -> float:
    """RMS, dBFS."""
    return float(20 * np.log10(np.sqrt(np.mean(samples.astype(float) ** 2)) / 32768 + 1e-9))

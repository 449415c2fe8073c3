"""Changing the sample rate of a whole recording by Fourier transform, band-limited to what a telephone
carries.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

PASS_HZ = (200.0, 3_400.0)
STOP_HZ = (80.0, 3_900.0)
"Between pass and stop the response falls as a raised cosine."


def to_telephone(
    audio: npt.NDArray[np.int16], rate_hz: int, wanted_hz: int = 8_000
) -> npt.NDArray[np.float64]:
    """The same sound at `wanted_hz`, nothing above 3.9 kHz (so nothing folds back) nor below 80 Hz, in
    float64.

    The signal is padded to where both rates have whole samples, so that neither pitch nor length changes.
    """
    divisor = math.gcd(rate_hz, wanted_hz)
    step_in, step_out = rate_hz // divisor, wanted_hz // divisor
    wanted = math.ceil(len(audio) * wanted_hz / rate_hz)
    # A stretch of silence at the end keeps the filter's ringing from wrapping round to the start.
    blocks = math.ceil((len(audio) + rate_hz // 10) / step_in)
    padded = np.zeros(blocks * step_in)
    padded[: len(audio)] = audio
    spectrum = np.fft.rfft(padded)
    frequencies = np.fft.rfftfreq(len(padded), 1 / rate_hz).astype(np.float64)
    kept = blocks * step_out // 2 + 1
    shaped = np.zeros(kept, dtype=np.complex128)
    count = min(kept, len(spectrum))
    shaped[:count] = spectrum[:count] * response(frequencies[:count])
    result: npt.NDArray[np.float64] = np.fft.irfft(shaped, blocks * step_out) * step_out / step_in
    return result[:wanted]


def response(frequencies: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The gain at each frequency [Hz], 0 … 1."""
    low = np.clip((frequencies - STOP_HZ[0]) / (PASS_HZ[0] - STOP_HZ[0]), 0, 1)
    high = np.clip((STOP_HZ[1] - frequencies) / (STOP_HZ[1] - PASS_HZ[1]), 0, 1)
    gain: npt.NDArray[np.float64] = 0.25 * (1 - np.cos(np.pi * low)) * (1 - np.cos(np.pi * high))
    return gain

"""Voices told apart by sign, so that one sample of the wrong one shows.

The advisor and whoever may be heard by the patient say positive samples only, whoever whispers or listens
says loud negative ones. Sums, ramps and fades of positive samples are never negative: a negative sample at
the patient's ear is a whispered one, however short and however soft.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulators import Recording, g711

PACKET_SAMPLES = 160
LOUD = 12_000


def codes(law: str, *, negative: bool = False, loud: bool = False) -> npt.NDArray[np.uint8]:
    """The G.711 codes of one sign; `loud`: of large magnitude only."""
    values = g711.decode(bytes(range(256)), law).astype(np.int32)
    wanted = values < 0 if negative else values > 0
    if loud:
        wanted &= np.abs(values) >= LOUD
    return np.flatnonzero(wanted).astype(np.uint8)


def payloads(
    law: str, seconds: float, seed: int, *, negative: bool = False, loud: bool = False
) -> list[bytes]:
    """Random samples of one sign, no packet like another."""
    count = round(seconds * 50)
    chosen = np.random.default_rng(seed).choice(
        codes(law, negative=negative, loud=loud), (count, PACKET_SAMPLES)
    )
    return [row.tobytes() for row in chosen]


def negative_samples(recording: Recording) -> int:
    """How many samples of the wrong sign were heard."""
    return int((recording.audio() < 0).sum())

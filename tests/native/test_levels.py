"""The level that the board shows: the mean square of what a leg said in the last tenth of a second, within 1 dB (5 dB for a pure tone
within 20 Hz of 1, 2 or 3 kHz).

Of G.711 that is only relayed every fourth sample is looked at; of what is decoded, all are.
"""

from __future__ import annotations

import numpy as np
import pytest
from codecphones import CODECS, CodecRig, in_real_time
from native.g711 import decode_array, encode_array, power_of
from native.legmemory import lines

FRAME = 160
WINDOW = 5
"""Packets in a tenth of a second."""


def metered_db(law: str, samples: np.ndarray) -> np.ndarray:
    """What the meter makes of each five packets in a row, less what they are [dB]."""
    payloads = [encode_array(law, frame) for frame in samples.reshape(-1, FRAME)]
    metered = np.array([power_of(law, payload, number) for number, payload in enumerate(payloads)])
    real = np.array([np.mean(decode_array(law, payload).astype(float) ** 2) for payload in payloads])
    over = np.ones(WINDOW) / WINDOW
    return 10 * np.log10(np.convolve(metered, over, "valid") / np.convolve(real, over, "valid"))


@pytest.mark.parametrize("law", ["PCMA", "PCMU"])
@pytest.mark.parametrize("level", [200, 30_000])
def test_tones_are_metered_within_1_db(law: str, level: int) -> None:
    """Whatever their pitch and phase: also those of which every fourth sample is at one point of the wave."""
    at = np.arange(FRAME * 24) / 8000
    for hz in range(100, 3900, 50):
        for phase in np.arange(0, np.pi, np.pi / 8):
            tone = (level * np.sin(2 * np.pi * hz * at + phase)).astype(np.int16)
            assert np.abs(metered_db(law, tone)).max() <= 1, (hz, phase)


def test_tones_within_20_hz_of_whole_kilohertz_are_metered_within_5_db() -> None:
    """There every fourth sample is nearly at one point of the wave, and which packet begins with which of them turns with it."""
    at = np.arange(FRAME * 24) / 8000
    for hz in (whole + off for whole in (1000, 2000, 3000) for off in range(-20, 21, 2)):
        for phase in np.arange(0, np.pi, np.pi / 4):
            tone = (8000 * np.sin(2 * np.pi * hz * at + phase)).astype(np.int16)
            assert np.abs(metered_db("PCMA", tone)).max() <= 5, (hz, phase)


@pytest.mark.parametrize("law", ["PCMA", "PCMU"])
def test_noise_is_metered_within_2_db_and_in_the_middle_right(law: str) -> None:
    """Every fourth sample of noise is a sample of it: 200 in a tenth of a second."""
    noise = np.random.default_rng(7).normal(0, 3000, FRAME * 1000).astype(np.int16)
    error = metered_db(law, noise)
    assert np.abs(error).max() <= 2
    assert abs(error.mean()) <= 0.1


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 12, 13, 15, 16, 17, 80, 959, 960])
def test_packets_of_any_length(n: int) -> None:
    """The loudest sample all through: no sum is too large, none is looked at that is not there."""
    loudest = bytes([0xAA]) * n
    expected = float(decode_array("PCMA", bytes([0xAA]))[0]) ** 2
    for number in range(8):
        first = (number & 3) ^ (number & 3) >> 1
        assert power_of("PCMA", loudest, number) == pytest.approx(expected if first < n else 0, rel=1e-5)


@pytest.mark.parametrize(
    ("codec", "mixed"), [("PCMA", False), ("PCMU", False), *((codec, True) for codec in CODECS)]
)
def test_a_leg_s_level(codec: str, mixed: bool) -> None:
    """Relayed, and listened to."""
    with CodecRig(laws=(codec, codec)) as rig:
        rig.talk()
        if mixed:
            rig.supervisor(codec)
            rig.path(
                *[(source, ear) for source in rig.phones()[:2] for ear in rig.phones() if source is not ear]
            )
        n = rig.caller.rate_hz // 50
        at = np.arange(n * 50) / rig.caller.rate_hz
        voice = (8000 * np.sin(2 * np.pi * 440 * at)).astype(np.int16)
        in_real_time(rig, [(rig.caller, voice)])
        expected = 20 * np.log10(8000 / 32768) - 3.01
        assert rig.caller.stats()["level_db"] == pytest.approx(expected, abs=1)
        assert rig.engine.levels() == {rig.caller.leg: rig.caller.stats()["level_db"]}


def test_a_relayed_packet_needs_four_cache_lines_of_a_leg() -> None:
    assert lines() == {
        "call": 0,
        "role": 0,
        "ssrc": 1,
        "last_timestamp": 1,
        "reception": 2,
        "reception.restarts": 2,
        "secure": 4,
        "media.muxed": 4,
    }

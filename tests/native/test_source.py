"""A source of any codec heard at both rates: its clock drifts, its packets get lost, swapped and doubled; no delay gathers."""

from __future__ import annotations

import numpy as np
import pytest
from native.source import SourceProbe
from native.transcoder import kind_facts
from voices import PATIENT, frames, speech

CODECS = ["PCMA", "G722", "opus", "L16/16000"]
RATES_KHZ = (8, 16)


class Heard:
    """What became of so many minutes of a source whose clock is off by `ppm`, read every 20 ms at either rate."""

    def __init__(
        self,
        codec: str,
        minutes: float,
        *,
        ppm: float = 0,
        loss: float = 0,
        swaps: float = 0,
        doubles: float = 0,
    ) -> None:
        rng = np.random.default_rng(1)
        facts = kind_facts(codec)
        self.probe = SourceProbe(codec)
        packets = [
            self.probe.encode(np.ascontiguousarray(f))
            for f in frames(speech(PATIENT, facts["rate_hz"]), facts["rate_hz"])
        ]
        ticks = facts["clock_hz"] // 50
        reads = round(minutes * 60 * 50)
        period_ms = 20 / (1 + ppm / 1e6)
        self.delays_ms = {khz: np.empty(reads) for khz in RATES_KHZ}
        sent = 0
        held: tuple[int, bytes] | None = None
        for number in range(reads):
            now_ms = 20.0 * number + 7
            while sent * period_ms <= now_ms:
                packet = (sent * ticks, packets[sent % len(packets)])
                at_ms = sent * period_ms
                sent += 1
                if rng.random() < loss:
                    continue
                if held is None and rng.random() < swaps:
                    held = packet
                    continue
                self.probe.write(*packet, at_ms)
                if rng.random() < doubles:
                    self.probe.write(*packet, at_ms)
                if held is not None:
                    self.probe.write(*held, at_ms)
                    held = None
            for khz in RATES_KHZ:
                self.delays_ms[khz][number] = self.probe.delay_ms(khz)
                self.probe.read(khz, 20 * khz, now_ms)


def assert_no_delay_gathers(heard: Heard) -> None:
    for khz, delays in heard.delays_ms.items():
        settled = delays[500:]
        fifth = len(settled) // 5
        assert settled.max() <= 130, khz
        assert np.median(settled) <= 45, khz
        assert np.median(settled[-fifth:]) <= np.median(settled[:fifth]) + 25, khz


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("ppm", [-300, 300])
def test_a_drifting_clock_leaves_no_delay(codec: str, ppm: float) -> None:
    minutes = 3
    heard = Heard(codec, minutes, ppm=ppm)
    assert_no_delay_gathers(heard)
    crossings = minutes * 60 * abs(ppm) / 1e6 / 0.020
    for khz in RATES_KHZ:
        assert heard.probe.underruns(khz) <= crossings + 2


@pytest.mark.thorough
@pytest.mark.timeout(600)
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("ppm", [-300, 300])
def test_a_drifting_clock_leaves_no_delay_in_an_hour(codec: str, ppm: float) -> None:
    assert_no_delay_gathers(Heard(codec, 60, ppm=ppm))


@pytest.mark.parametrize("codec", CODECS)
def test_neither_do_loss_swapped_and_doubled_packets(codec: str) -> None:
    heard = Heard(codec, 1.5, ppm=100, loss=0.3, swaps=0.05, doubles=0.05)
    assert_no_delay_gathers(heard)
    assert heard.probe.made_up > 0


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_lost_is_made_up_for_listeners_of_either_rate(codec: str) -> None:
    """A voice goes on over one lost packet in ten: nowhere 20 ms of silence in the middle of speech."""
    facts = kind_facts(codec)
    probe = SourceProbe(codec)
    tone = np.round(8000 * np.sin(2 * np.pi * 200 * np.arange(facts["rate_hz"]) / facts["rate_hz"])).astype(
        np.int16
    )
    out: dict[int, list[np.ndarray]] = {8: [], 16: []}
    for number, frame in enumerate(frames(tone, facts["rate_hz"])):
        payload = probe.encode(np.ascontiguousarray(frame))
        if number % 10 != 5:
            probe.write(number * facts["clock_hz"] // 50, payload, 20.0 * number)
        for khz in RATES_KHZ:
            if number > 1:
                out[khz].append(probe.read(khz, 20 * khz, 20.0 * number + 5))
    for khz in RATES_KHZ:
        audio = np.concatenate(out[khz]).astype(float)
        level = np.sqrt(np.mean(audio[: len(audio) // (5 * khz) * 5 * khz].reshape(-1, 5 * khz) ** 2, axis=1))
        assert np.mean(level[20:-20] > 1500) > 0.85
    assert probe.made_up >= 3 * facts["rate_hz"] // 50


@pytest.mark.parametrize(
    ("leap_s", "ssrc"), [(600, 1), (-600, 1), (-0.4, 2)], ids=["later", "earlier", "another source"]
)
@pytest.mark.parametrize("codec", CODECS)
def test_a_clock_that_is_set_anew_is_heard_on_at_either_rate(codec: str, leap_s: float, ssrc: int) -> None:
    facts = kind_facts(codec)
    probe = SourceProbe(codec)
    tone = np.round(8000 * np.sin(2 * np.pi * 400 * np.arange(facts["rate_hz"]) / facts["rate_hz"])).astype(
        np.int16
    )
    loud: dict[int, int] = {8: 0, 16: 0}
    for number, frame in enumerate(frames(tone, facts["rate_hz"])):
        payload = probe.encode(np.ascontiguousarray(frame))
        leap, source = (round(leap_s * facts["clock_hz"]), ssrc) if number >= 25 else (0, 1)
        probe.write(number * facts["clock_hz"] // 50 + leap, payload, 20.0 * number, source)
        for khz in RATES_KHZ:
            heard = probe.read(khz, 20 * khz, 20.0 * number + 5).astype(float)
            loud[khz] += number >= 30 and np.sqrt(np.mean(heard**2)) > 4000
            assert number < 30 or probe.delay_ms(khz) <= 40
    assert loud == {8: 20, 16: 20}


def test_what_breaks_off_at_once_does_not_fade_into_what_was_said_before_the_way_opened() -> None:
    """A listener paced in ever longer packets: the fade is as long as a packet, the sound before it is not."""
    probe = SourceProbe("PCMA")
    probe.write(0, probe.encode(np.full(160, 20_000, np.int16)), 0)
    probe.open()
    probe.write(160, probe.encode(np.zeros(16, np.int16)), 20)
    heard = np.concatenate([probe.read(8, 8, 20), probe.read(8, 160, 21)])
    assert np.abs(heard).max() < 100

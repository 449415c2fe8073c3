"""Everybody's clock is off by its own amount, for long: what a supervisor and an advisor hear of a third voice is as late at the end as it was
at the beginning. On the engine itself, by what comes out of it; `test_playout` and `test_source` look at the part that sees to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from codecphones import CodecPhone, CodecRig, at_rate, likeness, voice

from native import clock

MARK_S = 0.06
MOST_LATER_MS = 25
"""At the end than at the beginning: a packet, and what playout lets its slack swing."""


@dataclass
class Party:
    phone: CodecPhone
    ppm: float
    due_s: float = 0.0
    saying: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int16))
    heard: list[tuple[float, bytes]] = field(default_factory=list)
    """When each payload came."""

    def send(self) -> None:
        n = self.phone.rate_hz // 50
        samples, self.saying = self.saying[:n], self.saying[n:]
        self.phone.say(np.concatenate([samples, np.zeros(n - len(samples), np.int16)]))
        self.due_s += 0.020 / (1 + self.ppm / 1e6)


class Drifting:
    """A whispered call whose parties' clocks go wrong."""

    def __init__(self, rig: CodecRig, codec: str, ppm: tuple[float, float, float]) -> None:
        self.rig = rig
        rig.whisper(rig.supervisor(codec))
        phones = (rig.caller, rig.advisor, rig.supervisors[0])
        self.caller, self.advisor, self.supervisor = self.parties = [
            Party(phone, off, clock.now_s() + 0.003 * number)
            for number, (phone, off) in enumerate(zip(phones, ppm, strict=True))
        ]

    def passes(self, seconds: float) -> None:
        end_s = clock.now_s() + seconds
        while (party := min(self.parties, key=lambda each: each.due_s)).due_s < end_s:
            clock.let_pass((party.due_s - clock.now_s()) * 1000)
            party.send()
            self.rig.done()
            for each in self.parties:
                each.heard += [(clock.now_s(), packet.payload) for packet in each.phone.listen()]
                each.phone.heard.clear()
                each.phone.said.clear()

    def delay_ms(self, source: Party, listener: Party) -> float:
        """From a sound's leaving the one to its coming to the other, as they speak now."""
        words = voice(7, MARK_S, source.phone.rate_hz)
        self.passes(0.1)
        said_s, source.saying = source.due_s, words
        for each in self.parties:
            each.heard.clear()
        self.passes(MARK_S + 0.5)
        heard = listener.phone.decoded([payload for _, payload in listener.heard])
        rate_hz = listener.phone.rate_hz
        wanted = at_rate(words, source.phone.rate_hz, rate_hz)
        correlation, lag_ms, _ = likeness(heard, wanted, 400, rate_hz)
        assert correlation > 0.5, "it is not heard"
        return lag_ms + (listener.heard[0][0] - said_s) * 1000


def stays_prompt(codec: str, minutes: float, ppm: tuple[float, float, float]) -> None:
    with CodecRig(laws=(codec, codec)) as rig:
        call = Drifting(rig, codec, ppm)
        ways = {
            "advisor to supervisor": (call.advisor, call.supervisor),
            "caller to supervisor": (call.caller, call.supervisor),
            "whisper to advisor": (call.supervisor, call.advisor),
        }
        call.passes(5)
        before = {name: call.delay_ms(*way) for name, way in ways.items()}
        call.passes(60 * minutes)
        after = {name: call.delay_ms(*way) for name, way in ways.items()}
        print(f"\n{codec} {ppm}: " + ", ".join(f"{n} {before[n]:.1f} -> {after[n]:.1f} ms" for n in ways))
        for name in ways:
            assert after[name] - before[name] < MOST_LATER_MS, (name, before, after)
            assert after[name] < 80, (name, after)


OFF = [(300, -300, -300), (-300, 300, 300)]
"""Of caller, advisor and supervisor [ppm]."""


@pytest.mark.parametrize("ppm", OFF, ids=str)
@pytest.mark.parametrize("codec", ["PCMA", "G722"])
def test_nobody_is_heard_later_in_the_end(codec: str, ppm: tuple[float, float, float]) -> None:
    """Two minutes: uncorrected, 600 ppm would be 72 ms."""
    stays_prompt(codec, 2, ppm)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("ppm", OFF, ids=str)
@pytest.mark.parametrize("codec", ["PCMA", "G722", "opus"])
def test_nobody_is_heard_later_after_an_hour(codec: str, ppm: tuple[float, float, float]) -> None:
    stays_prompt(codec, 60, ppm)

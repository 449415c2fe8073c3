"""No click when what is heard changes: no step between two samples that the tones and the ramps cannot
explain.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from conversation import converse
from rig import Rig, Telephone, tone
from sounds import coded

from gateway.core.model import LegId, Mode
from gateway.core.talkpath import talk_path

PEAK = 32767 * 10 ** (-12 / 20)
"""-12 dBFS."""
RAMP = 40
"""The shortest ramp of all, in samples: 5 ms, over which playout fades what breaks off (changes of mode take
80).
"""
HZ = {"caller": 300.0, "advisor": 240.0, "supervisor": 200.0}


def bound(*hz: float) -> float:
    """The largest step that these tones together can take.

    Each tone of peak A moves by at most A · 2 sin(π f / 8000) in a sample, and a ramp over n samples adds at
    most A / n; where playout hands over to the packets themselves, two phases of one tone are crossed: 2 A /
    n. The codec rounds every sample, on the phone and again in the engine, each time by at most half a step
    of the segment that the sum's peak lies in (1/32 of it, A-law), at both samples of a pair.
    """
    steepest = sum(PEAK * 2 * np.sin(np.pi * f / 8000) for f in hz)
    ramps = sum(2 * PEAK / RAMP for _ in hz)
    rounding = 2 * (len(hz) * PEAK) / 32 * 2
    return steepest + ramps + rounding


class Tones:
    """Each phone's own tone, going on without a break from call to call."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.said = rig, {}

    def __call__(self, frames: int, *phones: Telephone, real_time: bool = False) -> None:
        voices = []
        for phone in phones:
            start = self.said.get(phone.leg, 0)
            role = (
                "caller"
                if phone is self.rig.caller
                else "advisor"
                if phone is self.rig.advisor
                else "supervisor"
            )
            voices.append((phone, tone(HZ[role], 20 * frames, level=PEAK, start=start)))
            self.said[phone.leg] = start + 160 * frames
        converse(self.rig, voices, real_time=real_time)


def modes(rig: Rig, *these: Mode) -> None:
    names = {LegId(str(phone.leg)): mode for phone, mode in zip(rig.supervisors, these, strict=True)}
    gains = talk_path(LegId(str(rig.caller.leg)), LegId(str(rig.advisor.leg)), names)
    rig.engine.set_talk_path(rig.call, {(int(a), int(b)): gain for (a, b), gain in gains.items()})
    rig.sync()


def assert_no_click(phone: Telephone, *hz: float) -> None:
    audio = phone.audio().astype(int)
    steps = np.abs(np.diff(audio))
    at = int(np.argmax(steps))
    assert steps[at] <= bound(*hz), f"a step of {steps[at]} at sample {at}: {audio[max(0, at - 4) : at + 6]}"


def test_the_bound_tells_a_click_from_a_tone() -> None:
    """A test of the test: a tone that is cut off goes beyond it."""
    whole = tone(200, 100, level=PEAK)
    assert np.abs(np.diff(coded(whole).astype(int))).max() < bound(200)
    cut = whole.copy()
    cut[410:] = 0
    assert np.abs(np.diff(coded(cut).astype(int))).max() > bound(200)


@pytest.mark.parametrize("to", list(Mode))
@pytest.mark.parametrize("was", list(Mode))
def test_no_click_on_any_change_of_mode(was: Mode, to: Mode) -> None:
    with Rig() as rig:
        tones, supervisor = Tones(rig), rig.supervisor()
        modes(rig, was)
        tones(8, supervisor, rig.caller, rig.advisor)
        for _ in range(4):
            modes(rig, to)
            tones(3, supervisor, rig.caller, rig.advisor)
            modes(rig, was)
            tones(3, supervisor, rig.caller, rig.advisor)
        assert_no_click(rig.caller, HZ["advisor"], HZ["supervisor"])
        assert_no_click(rig.advisor, HZ["caller"], HZ["supervisor"])
        assert_no_click(supervisor, HZ["caller"], HZ["advisor"])


def test_no_click_when_modes_change_faster_than_a_ramp() -> None:
    with Rig() as rig:
        tones, supervisor = Tones(rig), rig.supervisor()
        rng = np.random.default_rng(2)
        for _ in range(60):
            for _ in range(rng.integers(1, 4)):
                modes(rig, Mode(rng.choice(list(Mode))))
            tones(1, supervisor, rig.caller, rig.advisor)
        # what ends in mid-ramp leaves its echo beside the next ramp: three voices at the most
        assert_no_click(rig.caller, HZ["advisor"], HZ["supervisor"], HZ["supervisor"])
        assert_no_click(rig.advisor, HZ["caller"], HZ["supervisor"], HZ["supervisor"])


@pytest.mark.parametrize("mode", [Mode.WHISPER, Mode.BARGE, Mode.TAKEOVER])
def test_no_click_when_a_supervisor_leaves(mode: Mode) -> None:
    with Rig() as rig:
        tones, supervisor = Tones(rig), rig.supervisor()
        modes(rig, mode)
        tones(10, supervisor, rig.caller, rig.advisor)
        rig.dismiss(supervisor)
        modes(rig)
        tones(10, rig.caller, rig.advisor)
        assert_no_click(rig.caller, HZ["advisor"], HZ["supervisor"])
        assert_no_click(rig.advisor, HZ["caller"], HZ["supervisor"])


@pytest.mark.parametrize("mode", [Mode.WHISPER, Mode.BARGE])
def test_no_click_when_a_supervisors_rtp_stops_and_comes_back(mode: Mode) -> None:
    with Rig() as rig:
        tones, supervisor = Tones(rig), rig.supervisor()
        modes(rig, mode)
        for _ in range(4):
            tones(7, supervisor, rig.caller, rig.advisor)
            tones(9, rig.caller, rig.advisor)
        assert_no_click(rig.caller, HZ["advisor"], HZ["supervisor"])
        assert_no_click(rig.advisor, HZ["caller"], HZ["supervisor"])
        assert rig.advisor.stats()["underruns"] >= 3


@pytest.mark.parametrize("mode", [Mode.LISTEN, Mode.WHISPER, Mode.BARGE])
def test_no_click_when_a_party_falls_silent_and_comes_back(mode: Mode) -> None:
    """The clock stands in and gives the pace back; in real time, as it must."""
    with Rig() as rig:
        tones, supervisor = Tones(rig), rig.supervisor()
        modes(rig, mode)
        everybody = (supervisor, rig.caller, rig.advisor)
        tones(6, *everybody, real_time=True)
        tones(8, supervisor, rig.advisor, real_time=True)
        tones(9, *everybody, real_time=True)
        assert_no_click(supervisor, HZ["caller"], HZ["advisor"])
        assert_no_click(rig.advisor, HZ["caller"], HZ["supervisor"])
        assert not supervisor.stats()["paced_by_clock"]


@pytest.mark.parametrize("change", ["whisper ends", "takeover", "supervisor leaves"])
def test_no_click_when_the_mode_changes_while_the_clock_sets_the_pace(change: str) -> None:
    def end(rig: Rig) -> None:
        if change == "supervisor leaves":
            rig.dismiss(rig.supervisors[0])
            modes(rig)
        else:
            modes(rig, Mode.LISTEN if change == "whisper ends" else Mode.TAKEOVER)

    _across_the_clock(end)


def _across_the_clock(change: Callable[[Rig], None]) -> None:
    with Rig() as rig:
        tones, supervisor = Tones(rig), rig.supervisor()
        modes(rig, Mode.BARGE)
        tones(5, supervisor, rig.caller, rig.advisor, real_time=True)
        tones(6, supervisor, real_time=True)
        tones(2, supervisor, rig.caller, rig.advisor, real_time=True)
        assert rig.caller.stats()["paced_by_clock"]
        change(rig)
        remaining = [*rig.supervisors, rig.caller, rig.advisor]
        tones(8, *remaining, real_time=True)
        assert_no_click(rig.caller, HZ["advisor"], HZ["supervisor"])
        assert_no_click(rig.advisor, HZ["caller"], HZ["supervisor"])

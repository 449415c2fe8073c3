"""Who hears whom, and how well: every mode, both laws, packet times of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from conversation import converse
from rig import Rig, Telephone
from sounds import best_match, coded, likeness, speech

from gateway.core.model import LegId, Mode
from gateway.core.talkpath import talk_path

SECOND = 8000


def set_modes(rig: Rig, modes: list[Mode]) -> set[tuple[int, int]]:
    """Put the supervisors into these modes; returns who is to be heard by whom, as (source, listener)."""
    names = {LegId(str(phone.leg)): mode for phone, mode in zip(rig.supervisors, modes, strict=True)}
    gains = talk_path(LegId(str(rig.caller.leg)), LegId(str(rig.advisor.leg)), names)
    heard = {(int(source), int(listener)): gain for (source, listener), gain in gains.items()}
    rig.engine.set_talk_path(rig.call, heard)
    rig.sync()
    return set(heard)


def everybody_talks(rig: Rig, seconds: float, seed: int) -> dict[int, np.ndarray]:
    """All talk at once; returns what each said, by leg."""
    rng = np.random.default_rng(seed)
    said = [
        (phone, speech(rng, int(seconds * SECOND), 2500))
        for phone in [*rig.supervisors, rig.caller, rig.advisor]
    ]
    converse(rig, said)
    return {phone.leg: samples for phone, samples in said}


def assert_heard_well(
    heard: np.ndarray, said: np.ndarray, *, from_s: float = 0.1, stretched: int = 0
) -> None:
    """In every fifth of a second: correlation above 0.95, level within 1 dB.

    stretched: so many of them may be at another speed, by a sample a packet, while playout finds its slack
    of 2 ms.
    """
    windows = likeness(heard, said, start=int(from_s * SECOND))
    assert len(windows) >= 3
    assert sum(correlation < 0.95 or abs(level) > 1 for correlation, level in windows) <= stretched, windows


@pytest.mark.parametrize(
    "modes",
    [
        [Mode.LISTEN],
        [Mode.WHISPER],
        [Mode.BARGE],
        [Mode.TAKEOVER],
        [Mode.WHISPER, Mode.LISTEN],
        [Mode.WHISPER, Mode.BARGE, Mode.LISTEN],
        [Mode.TAKEOVER, Mode.WHISPER, Mode.LISTEN],
        [Mode.LISTEN] * 6,
        [Mode.WHISPER] * 6,
    ],
    ids=lambda modes: "+".join(modes),
)
def test_everybody_hears_those_they_should_and_nobody_else(modes: list[Mode]) -> None:
    with Rig() as rig:
        for _ in modes:
            rig.supervisor()
        paths = set_modes(rig, modes)
        said = everybody_talks(rig, 1.0, seed=len(modes))
        for listener in rig.phones():
            audio = listener.audio()
            assert len(audio) == SECOND
            for source in rig.phones():
                correlation, lag, level = best_match(audio, said[source.leg], 800)
                if (source.leg, listener.leg) in paths:
                    assert correlation > 0.3
                    assert lag <= 400, "a third voice is at most two packets late"
                    assert level == pytest.approx(1, abs=0.12)
                else:
                    assert correlation < 0.15


@pytest.mark.parametrize("supervisor_law", ["PCMA", "PCMU"])
@pytest.mark.parametrize("laws", [("PCMA", "PCMA"), ("PCMU", "PCMU"), ("PCMU", "PCMA")], ids="-".join)
def test_the_advisor_hears_the_whisper_true(laws: tuple[str, str], supervisor_law: str) -> None:
    rng = np.random.default_rng(8)
    with Rig(laws=laws) as rig:
        supervisor = rig.supervisor(supervisor_law)
        set_modes(rig, [Mode.WHISPER])
        whisper, voice = speech(rng, SECOND), speech(rng, SECOND)
        converse(rig, [(supervisor, whisper), (rig.caller, voice), (rig.advisor, np.zeros(SECOND, np.int16))])
        heard = rig.advisor.audio().astype(int)
        assert_heard_well(heard - coded(voice, laws[0]), whisper)
        assert np.max(np.abs(rig.caller.audio())) <= 8, "the caller hears the advisor's silence"
        assert_heard_well(supervisor.audio(), voice)


@pytest.mark.parametrize("listener", ["caller", "advisor"])
def test_both_hear_a_barge_true(listener: str) -> None:
    rng = np.random.default_rng(9)
    with Rig() as rig:
        supervisor = rig.supervisor()
        set_modes(rig, [Mode.BARGE])
        barge, one, other = speech(rng, SECOND), speech(rng, SECOND), speech(rng, SECOND)
        converse(rig, [(supervisor, barge), (rig.caller, one), (rig.advisor, other)])
        phone: Telephone = getattr(rig, listener)
        assert_heard_well(phone.audio().astype(int) - coded(one if phone is rig.advisor else other), barge)


def test_in_a_takeover_the_patient_hears_the_floorwalker_untouched_and_the_advisor_not_at_all() -> None:
    rng = np.random.default_rng(10)
    with Rig() as rig:
        supervisor = rig.supervisor()
        set_modes(rig, [Mode.WHISPER])
        everybody_talks(rig, 0.2, seed=1)
        set_modes(rig, [Mode.TAKEOVER])
        everybody_talks(rig, 0.1, seed=2)
        rig.caller.forget()
        voice, advisor = speech(rng, SECOND), speech(rng, SECOND)
        converse(rig, [(supervisor, voice), (rig.caller, speech(rng, SECOND)), (rig.advisor, advisor)])
        assert np.array_equal(rig.caller.audio(), coded(voice)), "relayed packet by packet"
        assert best_match(rig.caller.audio(), advisor)[0] < 0.15


@pytest.mark.parametrize("source_ms", [10, 20, 30, 60])
@pytest.mark.parametrize("pace_ms", [10, 20, 30, 60])
def test_packet_times_of_every_kind_mix(source_ms: int, pace_ms: int) -> None:
    """What others got wrong: speech at the wrong speed where a supervisor's packets are not as long as the
    party's.
    """
    rng = np.random.default_rng(source_ms + pace_ms)
    with Rig() as rig:
        supervisor = rig.supervisor()
        set_modes(rig, [Mode.WHISPER])
        n = 2 * SECOND // 480 * 480
        whisper = speech(rng, n)
        times = {supervisor.leg: source_ms, rig.caller.leg: pace_ms, rig.advisor.leg: 20}
        converse(rig, [(supervisor, whisper), (rig.caller, np.zeros(n, np.int16))], ptime_ms=times)
        assert len(rig.advisor.audio()) == n
        assert rig.advisor.stats()["underruns"] <= 1, (
            "at most once, before the slack that these lengths need has been found"
        )
        assert_heard_well(rig.advisor.audio(), whisper, from_s=0.3, stretched=2)
        assert best_match(rig.advisor.audio(), whisper)[1] <= 8 * (source_ms + pace_ms) + 40


def test_the_level_is_kept_up_to_full_scale_and_two_loud_voices_saturate() -> None:
    with Rig() as rig:
        supervisor = rig.supervisor()
        set_modes(rig, [Mode.WHISPER])
        loud = np.tile(np.array([30000] * 40 + [-30000] * 40, np.int16), 40)
        converse(rig, [(supervisor, loud), (rig.caller, loud)])
        heard = rig.advisor.audio()
        assert heard.max() == coded(np.array([32767], np.int16))[0]
        assert heard.min() == coded(np.array([-32768], np.int16))[0]


def test_the_patient_has_the_advisor_back_at_once_when_the_floorwalkers_leg_dies() -> None:
    rng = np.random.default_rng(11)
    with Rig() as rig:
        supervisor = rig.supervisor()
        set_modes(rig, [Mode.TAKEOVER])
        everybody_talks(rig, 0.2, seed=1)
        rig.dismiss(supervisor)
        set_modes(rig, [])
        rig.caller.forget()
        voice = speech(rng, SECOND // 2)
        converse(rig, [(rig.advisor, voice), (rig.caller, voice)])
        assert np.array_equal(rig.caller.audio()[160:], coded(voice)[160:]), (
            "all but the packet that fades in"
        )
        assert len(rig.caller.audio()) == SECOND // 2

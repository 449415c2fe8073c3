"""When the party that sets a listener's pace falls silent, the clock stands in; when it comes back it has
the pace again.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from conversation import converse
from rig import Rig, Telephone, tone
from sounds import coded, likeness, speech

VOICE = b"\x12" * 160


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig() as rig:
        rig.supervisor()
        yield rig


def whisper(rig: Rig) -> None:
    everybody(rig, (rig.supervisors[0], rig.advisor))


def everybody(rig: Rig, *more: tuple[Telephone, Telephone]) -> None:
    supervisor = rig.supervisors[0]
    both = [(rig.caller, rig.advisor), (rig.advisor, rig.caller)]
    rig.path(*both, (rig.caller, supervisor), (rig.advisor, supervisor), *more)
    rig.sync()


def quiet(ms: int) -> np.ndarray:
    return np.zeros(8 * ms, np.int16)


def assert_follows(heard: np.ndarray, said: np.ndarray, *, start: int = 1600) -> None:
    """It is heard throughout, at its level; in real time it may miss once and go on a little later."""
    windows = likeness(heard, said, start=start, window=800)
    good = sum(correlation > 0.95 and abs(level) < 1 for correlation, level in windows)
    assert good >= max(2, len(windows) - 2), windows


def assert_unbroken(phone: Telephone) -> None:
    """Every sequence number once and in order; timestamps that only go forward."""
    phone.listen()
    numbers = [(p.sequence - phone.heard[0].sequence) & 0xFFFF for p in phone.heard]
    assert numbers == list(range(len(numbers)))
    stamps = [(p.timestamp - phone.heard[0].timestamp) & 0xFFFFFFFF for p in phone.heard]
    assert all(earlier < later for earlier, later in pairwise(stamps))


def test_a_whisper_goes_on_while_the_caller_is_silent(rig: Rig) -> None:
    whisper(rig)
    said = speech(np.random.default_rng(1), 6400)
    converse(rig, [(rig.supervisors[0], said), (rig.caller, quiet(100))], real_time=True)
    assert rig.advisor.stats()["paced_by_clock"]
    assert_follows(rig.advisor.audio(), said)
    assert_unbroken(rig.advisor)


@pytest.mark.parametrize(
    "then", ["the whisper goes on", "the whisper has ended", "the supervisor has left", "taken over"]
)
def test_what_the_caller_says_after_a_silence_is_heard_at_once_and_whole(rig: Rig, then: str) -> None:
    """Behind the clock's numbers: a number of the past would make the advisor's phone drop the patient's
    words.
    """
    supervisor = rig.supervisors[0]
    whisper(rig)
    converse(rig, [(supervisor, quiet(100)), (rig.caller, quiet(100))], real_time=True)
    converse(rig, [(supervisor, quiet(240))], real_time=True)
    assert rig.advisor.stats()["paced_by_clock"]
    if then == "the whisper has ended":
        everybody(rig)
    elif then == "the supervisor has left":
        rig.dismiss(supervisor)
        rig.talk()
        rig.sync()
    elif then == "taken over":
        rig.path(
            (rig.caller, rig.advisor),
            (supervisor, rig.advisor),
            (supervisor, rig.caller),
            (rig.caller, supervisor),
        )
        rig.sync()
    before = len(rig.advisor.audio())
    words = speech(np.random.default_rng(2), 4000)
    converse(rig, [*[(phone, quiet(500)) for phone in rig.supervisors], (rig.caller, words)], real_time=True)
    assert_unbroken(rig.advisor)
    heard = rig.advisor.audio()[before:]
    if then in ("the whisper has ended", "the supervisor has left"):
        assert np.array_equal(heard[-4000 + 320 :], coded(words)[320:]), (
            "relayed again, after the frames that fade"
        )
    else:
        assert_follows(heard, words, start=800)


def test_the_pacer_has_the_pace_again_after_five_packets(rig: Rig) -> None:
    whisper(rig)
    supervisor = rig.supervisors[0]
    converse(rig, [(supervisor, quiet(300)), (rig.caller, quiet(60))], real_time=True)
    assert rig.advisor.stats()["paced_by_clock"]
    converse(rig, [(supervisor, quiet(160)), (rig.caller, quiet(160))], real_time=True)
    assert not rig.advisor.stats()["paced_by_clock"]
    assert_unbroken(rig.advisor)


def test_a_whisper_that_begins_in_a_long_silence_does_not_begin_with_a_burst(rig: Rig) -> None:
    """What nobody said while nobody listened is not made up for: it would only fill the advisor's jitter
    buffer.
    """
    everybody(rig)
    rig.step((rig.caller, VOICE), (rig.advisor, VOICE))
    rig.passes(400)
    rig.advisor.forget()
    whisper(rig)
    rig.passes(52)
    assert 1 <= len(rig.advisor.listen()) <= 4
    said = tone(300, 200)
    converse(rig, [(rig.supervisors[0], said)], real_time=True)
    assert_unbroken(rig.advisor)


@pytest.mark.parametrize("ptime_ms", [40, 60])
def test_long_packets_are_not_silence(rig: Rig, ptime_ms: int) -> None:
    """A party whose packets are longer than those the listener asked for still sets the pace."""
    whisper(rig)
    times = {rig.caller.leg: ptime_ms}
    said = [(rig.supervisors[0], quiet(480)), (rig.caller, quiet(480))]
    converse(rig, said, ptime_ms=times, real_time=True)
    rig.advisor.listen()
    assert {len(p.payload) for p in rig.advisor.heard[1:]} == {8 * ptime_ms}
    assert not rig.advisor.stats()["paced_by_clock"]


def test_a_held_party_does_not_stop_what_a_barge_says_to_the_other(rig: Rig) -> None:
    supervisor = rig.supervisors[0]
    everybody(rig, (supervisor, rig.advisor), (supervisor, rig.caller))
    rig.advisor.connect(sends=False, receives=False)
    rig.sync()
    said = speech(np.random.default_rng(3), 6400)
    everyone = [
        (supervisor, said),
        (rig.caller, quiet(800)),
        (rig.advisor, speech(np.random.default_rng(4), 6400)),
    ]
    converse(rig, everyone, real_time=True)
    assert_follows(rig.caller.audio(), said)
    assert rig.advisor.listen() == []
    assert_unbroken(rig.caller)


def test_a_supervisor_hears_one_party_while_the_other_is_silent(rig: Rig) -> None:
    everybody(rig)
    said = speech(np.random.default_rng(5), 6400)
    converse(rig, [(rig.advisor, said), (rig.caller, quiet(60))], real_time=True)
    assert_follows(rig.supervisors[0].audio(), said)
    assert_unbroken(rig.supervisors[0])


def test_nobody_at_all_keeps_the_listener_in_silence(rig: Rig) -> None:
    everybody(rig)
    rig.passes(300)
    supervisor = rig.supervisors[0]
    assert 8 <= len(supervisor.listen()) <= 15
    assert np.max(np.abs(supervisor.audio())) <= 8
    assert rig.caller.listen() == rig.advisor.listen() == []

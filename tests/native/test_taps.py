"""Taps: the parties' own streams on the call's timeline, for any number of readers, never with a whisper in
them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from conversation import converse
from native.g711 import encode_array
from native.tap import TapReader
from rig import Rig, wait_until
from sounds import coded, leak, speech

from native import clock


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig() as rig:
        rig.talk()
        rig.sync()
        yield rig


def listen_in(rig: Rig) -> TapReader:
    """A reader opened so long ago that the next packet was spoken after it."""
    tap = rig.engine.open_tap(rig.call)
    rig.sync()
    rig.passes(25)
    return tap


def read_all(rig: Rig, tap: TapReader, until_ms: int) -> tuple[np.ndarray, list[int], list[int]]:
    """What a reader gets until that media time: (samples (2, n), media times, missed)."""
    parts, times, missed = [], [], []
    while not times or times[-1] + 20 < until_ms:
        frame = tap.read()
        if frame is None:
            rig.passes(2)
            continue
        times.append(frame[0])
        parts.append(frame[1])
        missed.append(frame[2])
    return np.concatenate(parts, axis=1), times, missed


def position(channel: np.ndarray, said: np.ndarray) -> int:
    """Where `said` begins in the channel, exactly; fails where it is not there whole."""
    said = coded(said)
    for at in range(len(channel) - len(said) + 1):
        if channel[at] == said[0] and np.array_equal(channel[at : at + len(said)], said):
            return at
    raise AssertionError("it is not there, or not whole")


def test_both_channels_hold_what_was_said_to_the_sample_and_at_its_time(rig: Rig) -> None:
    rng = np.random.default_rng(1)
    caller, advisor = speech(rng, 1600), speech(rng, 1600)
    tap = listen_in(rig)
    converse(rig, [(rig.caller, caller), (rig.advisor, advisor)], real_time=True)
    audio, times, missed = read_all(rig, tap, 300)
    assert times == list(range(times[0], times[0] + 20 * len(times), 20))
    assert not any(missed)
    assert abs(position(audio[0], caller) - position(audio[1], advisor)) <= 24, (
        "they spoke at once: within 3 ms"
    )


def test_two_readers_get_the_same_and_one_may_leave(rig: Rig) -> None:
    one = rig.engine.open_tap(rig.call)
    other = listen_in(rig)
    said = speech(np.random.default_rng(2), 1600)
    converse(rig, [(rig.caller, said)], real_time=True)
    first, _, _ = read_all(rig, one, 160)
    one.close()
    assert one.read() is None
    second, _, _ = read_all(rig, other, 300)
    position(second[0], said)
    assert len(first[0]) <= len(second[0])
    one.close()


def test_a_slow_reader_is_told_what_it_missed_and_disturbs_nobody(rig: Rig) -> None:
    slow, quick = rig.engine.open_tap(rig.call), rig.engine.open_tap(rig.call)
    rig.sync()
    frames = []
    for _ in range(115):
        rig.caller.send(b"\x12" * 160)
        rig.caller.listen()
        rig.advisor.listen()
        while (frame := quick.read()) is not None:
            frames.append(frame)
        rig.passes(20)
    assert not any(missed for _, _, missed in frames)
    frame = slow.read()
    assert frame is not None
    media_time, _, missed = frame
    assert missed >= 1900
    assert media_time == missed
    assert rig.caller.stats()["lost"] == rig.caller.stats()["out_of_order"] == 0
    following = slow.read()
    while following is not None:
        assert following[0] == media_time + 20
        assert following[2] == 0
        media_time = following[0]
        following = slow.read()


@pytest.mark.parametrize("to_both", [False, True], ids=["whisper", "barge"])
def test_no_supervisor_is_ever_in_a_tap(rig: Rig, to_both: bool) -> None:
    rng = np.random.default_rng(3)
    supervisor = rig.supervisor()
    both = [
        (rig.caller, rig.advisor),
        (rig.advisor, rig.caller),
        (rig.caller, supervisor),
        (rig.advisor, supervisor),
    ]
    rig.path(*both, (supervisor, rig.advisor), *([(supervisor, rig.caller)] if to_both else []))
    tap = listen_in(rig)
    caller, advisor, loud = speech(rng, 1600, 1500), speech(rng, 1600, 1500), speech(rng, 1600, 8000)
    converse(rig, [(supervisor, loud), (rig.caller, caller), (rig.advisor, advisor)], real_time=True)
    audio, _, _ = read_all(rig, tap, 300)
    position(audio[0], caller)
    position(audio[1], advisor)
    for channel in audio:
        heard = channel[np.abs(channel) > 8]
        for at in range(0, len(heard) - 400, 400):
            assert leak(heard[at : at + 400], loud) < 0.6


def test_what_is_lost_or_not_sent_is_silence_and_keeps_its_time(rig: Rig) -> None:
    tap = listen_in(rig)
    loud = np.full(160, 8000, np.int16)
    for number in range(14):
        if number in (4, 9, 10):
            rig.caller.sequence += 1
            rig.caller.timestamp += 160
        else:
            rig.caller.say(loud)
        rig.passes(20)
    audio, _, _ = read_all(rig, tap, 320)
    spoken = np.abs(audio[0]) > 1000
    begin = int(np.argmax(spoken))
    shape = [bool(np.all(spoken[at : at + 160])) for at in range(begin, begin + 14 * 160, 160)]
    assert shape == [number not in (4, 9, 10) for number in range(14)]
    assert not np.any(spoken[begin + 4 * 160 : begin + 5 * 160])


@pytest.mark.parametrize("how", ["a clock that stood", "a clock set on", "another source"])
def test_who_begins_anew_is_heard_on_at_the_time_of_it(rig: Rig, how: str) -> None:
    """By who listens now, and in what is kept of the call: both go by one timeline."""
    tap = listen_in(rig)
    before, after = speech(np.random.default_rng(5), 1600), speech(np.random.default_rng(6), 1600)
    converse(rig, [(rig.caller, before)], real_time=True)
    if how == "another source":
        rig.caller.ssrc, rig.caller.timestamp = 77, rig.caller.timestamp - 800  # not far enough to tell by it
    else:
        rig.caller.timestamp += {"a clock that stood": -40_000, "a clock set on": 40_000}[how]
    converse(rig, [(rig.caller, after)], real_time=True)
    audio, _, _ = read_all(rig, tap, 480)
    assert position(audio[0], after) - position(audio[0], before) == pytest.approx(1600, abs=80)


def test_a_reader_is_never_ahead_of_time(rig: Rig) -> None:
    tap = rig.engine.open_tap(rig.call)
    began_s = clock.now_s()
    _, times, _ = read_all(rig, tap, 200)
    assert (clock.now_s() - began_s) * 1000 >= times[-1] + 20
    assert tap.read() is None


def test_packets_late_by_less_than_the_readers_delay_are_in_their_place(rig: Rig) -> None:
    tap = listen_in(rig)
    said = speech(np.random.default_rng(4), 1920)
    packets = []
    for at in range(0, 1920, 160):
        packets.append(rig.caller.packet(encode_array("PCMA", said[at : at + 160])))
        rig.caller.sequence += 1
        rig.caller.timestamp += 160
    for number in [0, 1, 3, 2, 4, 6, 7, 5, 8, 9, 10, 11]:
        rig.caller.post(packets[number])
        rig.passes(20)
    audio, _, _ = read_all(rig, tap, 320)
    position(audio[0], said)


def test_a_tap_changes_nothing_for_the_parties_and_outlives_the_call(rig: Rig) -> None:
    rng = np.random.default_rng(5)
    tap = listen_in(rig)
    said = [rng.bytes(160) for _ in range(20)]
    for payload in said:
        rig.step((rig.caller, payload))
    assert [p.payload for p in rig.advisor.listen()] == said
    assert rig.advisor.stats()["overlaid"] == 0
    rig.engine.remove_call(rig.call)
    wait_until(lambda: rig.engine.counters()["legs"] == 1, "the call to go")
    rig.passes(100)
    assert tap.read() is not None
    tap.close()

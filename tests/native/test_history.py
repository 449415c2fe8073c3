"""History: what the parties just said, on the call's timeline, whole, in bounded memory, and how one gets from there to the present."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from conversation import converse
from native.g711 import decode_array, encode_array
from native.history import HistoryRing
from native.past import PastReader
from native.tempo import play_faster
from rig import Rig, wait_until
from sounds import coded, leak, speech

from native import clock

HISTORY_S = 3.0


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig(history_s=HISTORY_S) as rig:
        rig.talk()
        rig.sync()
        yield rig


def start(rig: Rig) -> None:
    """The call's media begins; the packet that does it is before its time zero."""
    rig.caller.say(np.zeros(160, np.int16))
    rig.passes(30)
    rig.caller.timestamp += 8 * 30 - 160


def find(channel: np.ndarray, said: np.ndarray, law: str = "PCMA") -> int:
    """Where `said` stands, whole and exact as A-law keeps it."""
    kept = coded(decode_array(law, encode_array(law, said)))
    for at in np.flatnonzero(channel[: len(channel) - len(kept) + 1] == kept[0]):
        if np.array_equal(channel[at : at + len(kept)], kept):
            return int(at)
    raise AssertionError("it is not there, or not whole")


def past(rig: Rig) -> np.ndarray:
    """All that is kept, once what was said last is old enough to be read."""
    rig.passes(70)
    _, samples = rig.engine.read_history(rig.call, HISTORY_S)
    return samples


@pytest.mark.parametrize("law", ["PCMA", "PCMU"])
def test_both_parties_are_kept_whole_and_at_one_time_while_the_call_is_only_relayed(law: str) -> None:
    rng = np.random.default_rng(1)
    with Rig(laws=(law, law), history_s=HISTORY_S) as rig:
        rig.talk()
        rig.sync()
        start(rig)
        caller, advisor = speech(rng, 3200), speech(rng, 3200)
        rig.advisor.say(advisor[:160])
        rig.taken()
        converse(rig, [(rig.caller, caller), (rig.advisor, advisor[160:])], real_time=True)
        samples = past(rig)
        assert rig.advisor.stats()["overlaid"] == rig.caller.stats()["overlaid"] == 0
    apart = find(samples[0], caller, law) - find(samples[1], advisor[160:], law)
    assert abs(apart) / 8 <= 23, "they said this at once"


def test_only_the_last_seconds_are_kept_and_what_was_lost_is_silence() -> None:
    """Two seconds in a ring of one; the ring's end falls in the middle of packets."""
    codes = [bytes([code]) for code in range(256) if decode_array("PCMA", bytes([code]))[0] > 500]
    with Rig(history_s=1.0) as rig:
        rig.talk()
        start(rig)
        for number in range(100):
            if number % 10 == 3:
                rig.caller.sequence += 1
                rig.caller.timestamp += 160
            else:
                rig.caller.send(codes[number % len(codes)] * 160)
            rig.passes(20)
        rig.passes(70)
        media_ms, samples = rig.engine.read_history(rig.call, 60)
    assert 0.8 <= samples.shape[1] / 8000 <= 1.2
    assert media_ms + samples.shape[1] // 8 >= 1950
    steps = np.flatnonzero(np.diff(samples[0].astype(int)))
    steps = steps[: np.argmax(steps)]  # behind the last packet nothing has come yet
    assert set(np.diff(steps)) == {160}
    assert np.any(np.abs(samples[0][steps[0] : steps[-1]]) < 10), "a lost packet's place is empty"


def test_nothing_is_kept_of_supervisors_nor_of_the_call_before(rig: Rig) -> None:
    rng = np.random.default_rng(3)
    supervisor = rig.supervisor()
    rig.path(
        (rig.caller, rig.advisor),
        (rig.advisor, rig.caller),
        (supervisor, rig.advisor),
        (supervisor, rig.caller),
    )
    start(rig)
    caller, loud = speech(rng, 3200, 1500), speech(rng, 3200, 8000)
    converse(rig, [(supervisor, loud), (rig.caller, caller)], real_time=True)
    samples = past(rig)
    find(samples[0], caller)
    for channel in samples:
        heard = channel[np.abs(channel) > 8]
        for at in range(0, len(heard) - 400, 400):
            assert leak(heard[at : at + 400], loud) < 0.6
    rig.engine.remove_call(rig.call)
    wait_until(lambda: rig.engine.counters()["legs"] == 1, "the call to go")
    for _ in range(20):
        call = rig.engine.add_call()
        assert rig.engine.read_history(call, 10)[1].size == 0
        leg, _ = rig.engine.add_leg(call, "caller", False)
        rig.engine.remove_leg(leg)
        rig.engine.remove_call(call)


def test_a_call_without_history_has_none_and_its_tap_begins_now() -> None:
    with Rig() as rig:
        rig.talk()
        start(rig)
        assert rig.engine.read_history(rig.call, 10)[1].shape == (2, 0)
        tap = rig.engine.open_tap(rig.call, 10.0, 1.5)
        assert tap.live


def read_until_live(rig: Rig, tap: PastReader, seconds: float) -> list[tuple[int, np.ndarray, int]]:
    """Frames, a few of them after it has become live."""
    frames, live, end_s = [], 0, clock.now_s() + seconds
    while live < 10:
        assert clock.now_s() < end_s, "it does not become live"
        frame = tap.read()
        if frame is None:
            rig.passes(2)
            continue
        frames.append(frame)
        live += tap.live
    return frames


def keep_talking(rig: Rig, said: np.ndarray, seconds: float) -> Iterator[None]:
    """The caller says it, packet by packet in real time; between two packets it is the test's turn."""
    for at in range(0, int(seconds * 8000), 160):
        rig.caller.say(said[at : at + 160])
        for _ in range(4):
            rig.passes(5)
            yield


def follow(rig: Rig, seconds: float, history_s: float, speed: float) -> tuple[np.ndarray, list, np.ndarray]:
    """A caller talks for `seconds`; in the middle somebody begins in the past: (said, frames, was live by frame)."""
    said = speech(np.random.default_rng(5), int(seconds * 8000))
    start(rig)
    tap, frames, live = None, [], []
    opened_s = clock.now_s() + history_s + 0.5
    for _ in keep_talking(rig, said, seconds):
        if tap is None and clock.now_s() >= opened_s:
            tap = rig.engine.open_tap(rig.call, history_s, speed)
            assert not tap.live
        while tap is not None and (frame := tap.read()) is not None:
            frames.append(frame)
            live.append(tap.live)
    return said, frames, np.array(live)


def test_the_past_untouched_is_one_whole_with_the_present(rig: Rig) -> None:
    said, frames, live = follow(rig, 3.0, 1.0, 1.0)
    times = [frame[0] for frame in frames]
    assert times == list(range(times[0], times[0] + 20 * len(times), 20))
    assert not any(frame[2] for frame in frames)
    assert live[-1]
    assert not live[0]
    audio = np.concatenate([frame[1] for frame in frames], axis=1)[0]
    assert len(audio) > 2 * 8000
    middle = coded(said)[8000:20000]
    assert find(audio, middle) >= 0, "across the joint from history to tap, to the sample"


def test_catching_up_ends_live_in_order_and_at_the_right_times(rig: Rig) -> None:
    said, frames, live = follow(rig, 5.0, 1.2, 1.5)
    times = np.array([frame[0] for frame in frames])
    assert (np.diff(times) > 0).all()
    assert live[-1]
    assert not any(frame[2] for frame in frames)
    caught = int(np.argmax(live))
    assert (np.diff(times[caught:]) == 20).all()
    hurried = np.diff(times[: caught - 3])
    assert 28 < hurried.mean() < 32, "30 ms of the call in each 20 ms"
    assert hurried.min() >= 10
    kept = coded(said)
    found = []
    for frame in frames[:caught]:
        tail = frame[1][0][100:160]  # after the overlap a frame is what was said, untouched
        if np.abs(tail).max() > 300:
            at = (frame[0] * 8 + 100) + np.arange(-600, 600)
            places = [p for p in at if p >= 0 and np.array_equal(kept[p : p + 60], tail)]
            found.append(min(places, key=lambda p: abs(p - frame[0] * 8 - 100)) if places else None)
    assert len(found) > 20
    assert sum(place is None for place in found) <= len(found) // 10
    places = np.array([place for place in found if place is not None])
    assert (np.diff(places) > 0).all()


def test_faster_speech_keeps_its_pitch() -> None:
    hz = 190.0
    n = np.arange(8000 * 4)
    voice = sum(np.sin(2 * np.pi * hz * k * n / 8000 + k) / k for k in range(1, 9))
    said = np.stack([np.round(voice * 4000), np.zeros(len(n))]).astype(np.int16)
    positions, played = play_faster(said, 1.5)
    assert played.shape[1] == pytest.approx(len(n) / 1.5, rel=0.02)
    assert (np.diff(positions) > 0).all()
    assert positions[-1] + 160 == len(n)
    spectrum = np.abs(np.fft.rfft(played[0] * np.hanning(played.shape[1])))
    fundamental = np.argmax(spectrum[: int(300 * played.shape[1] / 8000)]) * 8000 / played.shape[1]
    assert fundamental == pytest.approx(hz, rel=0.01)
    harmonics = [
        spectrum[int((k * hz - 8) * played.shape[1] / 8000) : int((k * hz + 8) * played.shape[1] / 8000)]
        for k in range(1, 9)
    ]
    assert sum((part**2).sum() for part in harmonics) > 0.9 * (spectrum**2).sum()
    assert np.abs(np.diff(played[0].astype(int))).max() <= 1.1 * np.abs(np.diff(said[0].astype(int))).max(), (
        "no click"
    )


def test_a_reader_that_sleeps_is_told_what_was_overwritten() -> None:
    with Rig(history_s=1.0) as rig:
        rig.talk()
        start(rig)
        for _ in range(25):
            rig.caller.say(np.full(160, 3000, np.int16))
            rig.passes(20)
        tap = rig.engine.open_tap(rig.call, 10, 1.0)
        first = tap.media_time_ms
        for _ in range(75):
            rig.caller.say(np.full(160, 3000, np.int16))
            rig.passes(20)
        media_ms, _, missed_ms = tap.read()
    assert missed_ms >= 300
    assert media_ms == first + missed_ms


def test_it_reads_on_after_the_call(rig: Rig) -> None:
    said = speech(np.random.default_rng(6), 8000)
    start(rig)
    converse(rig, [(rig.caller, said)], real_time=True)
    tap = rig.engine.open_tap(rig.call, 10, 1.0)
    rig.engine.remove_call(rig.call)
    wait_until(lambda: rig.engine.counters()["legs"] == 1, "the call to go")
    rig.passes(70)
    frames = read_until_live(rig, tap, 5)
    audio = np.concatenate([frame[1] for frame in frames], axis=1)
    find(audio[0], said)
    tap.close()
    assert tap.read() is None


def test_who_has_gone_hears_nothing_more_of_the_past_either(rig: Rig) -> None:
    start(rig)
    converse(rig, [(rig.caller, speech(np.random.default_rng(6), 8000))], real_time=True)
    tap = rig.engine.open_tap(rig.call, 10, 1.0)
    assert tap.read() is not None
    tap.close()
    assert tap.read() is None


@pytest.mark.parametrize("speed", [0.9, 3.1, float("nan")])
def test_a_speed_that_cannot_be_is_refused(rig: Rig, speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        rig.engine.open_tap(rig.call, 1.0, speed)


def test_memory_of_a_history_is_what_it_says() -> None:
    assert HistoryRing(30).size_bytes <= 484_000

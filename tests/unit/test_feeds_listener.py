"""What a slow listener loses, and what it is told, as transcripts of the sink."""

from __future__ import annotations

import json

import pytest
from feed_fakes import FakeSink

from gateway.feeds.listener import Listener, State


def transcript(sink: FakeSink) -> list[str]:
    """Frames by their content, notices as `missed 40` and `end why`."""
    told = []
    for message in sink.taken:
        if isinstance(message, bytes):
            told.append(message.decode())
        elif message == "header":
            told.append(message)
        else:
            notice = json.loads(message)
            told.append(f"{notice['type']} {notice.get('ms', notice.get('reason'))}")
    return told


def offer(listener: Listener, *frames: int, missing_ms: int = 0, now_s: float = 0.0) -> None:
    for frame in frames:
        listener.offer(str(frame).encode(), missing_ms, now_s)


def started(sink: FakeSink, queue_frames: int = 3) -> Listener:
    listener = Listener(sink, queue_frames)
    listener.start("header", 0.0)
    return listener


def test_quick_listener_gets_everything_at_once() -> None:
    sink = FakeSink()
    listener = started(sink)
    offer(listener, 1, 2, 3)
    assert transcript(sink) == ["header", "1", "2", "3"]
    assert (listener.state, listener.sent_frames, listener.missed_ms) == (State.LIVE, 3, 0)


def test_short_stall_loses_nothing() -> None:
    sink = FakeSink(room=2)
    listener = started(sink)
    offer(listener, 1, 2, 3, 4)
    assert listener.state is State.BEHIND
    sink.room = 10
    listener.resume(0.1)
    offer(listener, 5)
    assert transcript(sink) == ["header", "1", "2", "3", "4", "5"]
    assert listener.state is State.LIVE


def test_long_stall_loses_the_oldest_and_is_told() -> None:
    sink = FakeSink(room=2)
    listener = started(sink)
    offer(listener, *range(1, 8))
    sink.room = 10
    listener.resume(0.2)
    assert transcript(sink) == ["header", "1", "missed 60", "5", "6", "7"]
    assert (listener.sent_frames, listener.missed_ms) == (4, 60)


def test_gap_of_the_tap_is_told_to_everyone_where_it_is() -> None:
    sink = FakeSink()
    listener = started(sink)
    offer(listener, 1)
    offer(listener, 2, missing_ms=100)
    offer(listener, 3)
    assert transcript(sink) == ["header", "1", "missed 100", "2", "3"]
    assert listener.missed_ms == 100


def test_gap_of_the_tap_and_own_loss_add_up() -> None:
    sink = FakeSink(room=1)
    listener = started(sink)
    offer(listener, 1)
    offer(listener, 2, missing_ms=100)
    offer(listener, 3, 4, 5)
    sink.room = 10
    listener.resume(0.1)
    assert transcript(sink) == ["header", "missed 140", "3", "4", "5"]


def test_header_comes_first_even_into_a_full_sink() -> None:
    sink = FakeSink(room=0)
    listener = started(sink)
    offer(listener, 1, 2)
    sink.room = 10
    listener.resume(0.1)
    assert transcript(sink) == ["header", "1", "2"]


def test_sink_that_takes_only_the_notice() -> None:
    sink = FakeSink(room=1)
    listener = started(sink, queue_frames=1)
    offer(listener, 1, 2)
    sink.room = 1
    listener.resume(0.1)
    offer(listener, 3)
    sink.room = 10
    listener.resume(0.2)
    assert transcript(sink) == ["header", "missed 20", "missed 20", "3"]
    assert listener.missed_ms == 40


def test_stall_is_timed_from_the_last_progress() -> None:
    sink = FakeSink(room=1)
    listener = started(sink)
    offer(listener, 1, 2, now_s=10.0)
    assert listener.behind_for_s(15.0) == 5.0
    sink.room = 1
    listener.resume(16.0)
    assert listener.behind_for_s(17.0) == 1.0
    sink.room = 10
    listener.resume(18.0)
    assert listener.behind_for_s(99.0) == 0.0


def test_end_says_why_and_closes() -> None:
    sink = FakeSink()
    listener = started(sink)
    offer(listener, 1)
    listener.end("call ended", 1000, 0.1)
    listener.end("again", 1000, 0.2)
    offer(listener, 2)
    assert transcript(sink) == ["header", "1", "end call ended"]
    assert sink.closed == (1000, "call ended")


def test_end_of_a_stalled_listener_writes_nothing_past_the_full_sink() -> None:
    sink = FakeSink(room=1)
    listener = started(sink)
    offer(listener, 1, 2)
    listener.end("listener too slow", 4408, 30.0)
    assert transcript(sink) == ["header"]
    assert sink.closed == (4408, "listener too slow")


def test_gone_listener_is_left_in_peace() -> None:
    sink = FakeSink()
    listener = started(sink)
    listener.gone(0.1)
    offer(listener, 1)
    listener.resume(0.2)
    listener.end("call ended", 1000, 0.3)
    assert transcript(sink) == ["header"]
    assert sink.closed is None


def test_illegal_move_names_both_states() -> None:
    listener = started(FakeSink())
    listener.gone(0.0)
    with pytest.raises(RuntimeError, match="listener is ended, cannot become behind; allowed: "):
        listener._enter(State.BEHIND, 0.0)

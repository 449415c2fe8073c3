"""One call's feed: read once, shared by all, the reader's seat handed on."""

from __future__ import annotations

import json

import numpy as np
from feed_fakes import ADVISOR, AUDITOR, FLOORWALKER, FakeSink, FakeTap, pair_at

from gateway.core.model import CallId
from gateway.feeds.feed import FRAMES_A_TURN, Feed, Seat
from gateway.feeds.frames import Channels, Encoding, Format, Frame, parse_frame


def frames(sink: FakeSink, wanted: Format = Format()) -> list[Frame]:  # noqa: B008 (frozen)
    return [parse_frame(message, wanted) for message in sink.taken if isinstance(message, bytes)]


def notices(sink: FakeSink) -> list[dict]:
    return [json.loads(message) for message in sink.taken if isinstance(message, str)]


def join(feed: Feed, wanted: Format = Format(), user=AUDITOR) -> tuple[Seat, FakeTap, FakeSink]:  # noqa: B008
    tap, sink = FakeTap(), FakeSink()
    return feed.seat(user, tap, wanted, sink, 0.0), tap, sink


def test_frames_go_to_everyone_in_their_own_format() -> None:
    feed = Feed(CallId("c-1"))
    mix = Format(Channels.MIX, Encoding.PCMU)
    _, tap, first = join(feed)
    _, idle, second = join(feed, mix, FLOORWALKER)
    tap.put(0, 20, 40)
    idle.put(0, 20, 40)
    assert feed.turn(1.0, 0) is False
    assert [(f.sequence, f.media_time_ms) for f in frames(first)] == [(1, 0), (2, 20), (3, 40)]
    assert np.array_equal(frames(first)[1].samples, pair_at(20))
    assert [f.sequence for f in frames(second, mix)] == [1, 2, 3]
    assert len(idle.due) == 3


def test_same_format_is_encoded_once() -> None:
    feed = Feed(CallId("c-1"))
    _, tap, first = join(feed)
    _, _, second = join(feed)
    tap.put(0)
    feed.turn(1.0, 0)
    assert first.taken[1] is second.taken[1]


def test_gap_in_the_tap_steps_the_sequence_and_is_told() -> None:
    feed = Feed(CallId("c-1"))
    _, tap, sink = join(feed)
    tap.put(0)
    tap.put(1220, missed_ms=1200)
    feed.turn(2.0, 0)
    assert [f.sequence for f in frames(sink)] == [1, 62]
    assert notices(sink)[1] == {"type": "missed", "ms": 1200, "text": "1.2 s missing here"}


def test_seat_of_the_reader_is_handed_on_without_a_gap_or_a_repetition() -> None:
    feed = Feed(CallId("c-1"))
    leaver, tap, _ = join(feed)
    _, heir, sink = join(feed)
    tap.put(0, 20)
    heir.put(0, 20, 40)
    feed.turn(1.0, 0)
    feed.leave(leaver)
    feed.turn(1.02, 0)
    assert [f.media_time_ms for f in frames(sink)] == [0, 20, 40]
    assert [f.sequence for f in frames(sink)] == [1, 2, 3]
    assert len(notices(sink)) == 1


def test_heir_whose_tap_had_overflowed_misses_nothing_that_was_read() -> None:
    feed = Feed(CallId("c-1"))
    leaver, tap, _ = join(feed)
    _, heir, sink = join(feed)
    tap.put(*range(0, 100, 20))
    feed.turn(1.0, 0)
    heir.put(60, missed_ms=60)
    heir.put(80, 100)
    feed.leave(leaver)
    feed.turn(1.1, 0)
    assert [f.media_time_ms for f in frames(sink)] == [0, 20, 40, 60, 80, 100]
    assert len(notices(sink)) == 1


def test_latecomer_is_told_where_the_feed_stands() -> None:
    feed = Feed(CallId("c-1"))
    _, tap, first = join(feed)
    tap.put(0, 20)
    feed.turn(1.0, 0)
    _, _, second = join(feed)
    assert notices(first)[0]["media_time_ms"] is None
    assert notices(second)[0]["media_time_ms"] == 40


def test_wall_time_follows_media_time_through_a_hiccup() -> None:
    feed = Feed(CallId("c-1"))
    _, tap, sink = join(feed)
    tap.put(0)
    feed.turn(10.08, 1_000_000)
    tap.put(20, 40, 60)
    feed.turn(10.50, 1_000_000)
    walls = [f.wall_time_us for f in frames(sink)]
    assert walls[0] == 11_000_000
    assert all(abs(wall - 11_000_000 - 20_000 * n) < 100 for n, wall in enumerate(walls))


def test_a_turn_is_bounded() -> None:
    feed = Feed(CallId("c-1"))
    _, tap, sink = join(feed)
    tap.put(*range(0, 20 * (FRAMES_A_TURN + 5), 20))
    assert feed.turn(9.0, 0) is True
    assert len(frames(sink)) == FRAMES_A_TURN
    assert feed.turn(9.0, 0) is False


def test_end_of_the_call_lets_the_last_frames_out() -> None:
    feed = Feed(CallId("c-1"))
    _, tap, sink = join(feed, user=ADVISOR)
    feed.call_ended("call ended", 5.0)
    assert feed.over(5.02) is None
    tap.put(0)
    feed.turn(5.02, 0)
    assert len(frames(sink)) == 1
    assert feed.over(5.2) == "call ended"

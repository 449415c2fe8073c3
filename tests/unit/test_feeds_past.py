"""A listener who begins in the past: what may be asked for, what is sent while catching up, how it joins the others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from feed_fakes import AUDITOR, FLOORWALKER, FakeSink, FakeTap

from gateway.core.model import CallId
from gateway.feeds.feed import Feed, Seat
from gateway.feeds.frames import Format, Frame, parse_frame
from gateway.feeds.past import Past, take_past


@pytest.mark.parametrize(
    ("query", "past"),
    [
        ({}, Past()),
        ({"history": "30"}, Past(30, 1.5)),
        ({"history": "2.5", "catchup": "2"}, Past(2.5, 2)),
        ({"history": "30", "catchup": "off"}, Past(30, 1)),
    ],
)
def test_what_may_be_asked_for(query: dict[str, str], past: Past) -> None:
    assert take_past({**query, "channels": "mix"}) == (past, {"channels": "mix"})


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"history": "-1"}, "history=-1: allowed"),
        ({"history": "nan"}, "history=nan: allowed"),
        ({"history": "all"}, "history=all: allowed"),
        ({"history": "30", "catchup": "3"}, "catchup=3: allowed: 1.1 to 2.0 | off"),
        ({"catchup": "1.5"}, "catchup: allowed only with history"),
    ],
)
def test_nonsense_is_refused_by_name(query: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("|", "[|]")):
        take_past(query)


def frames(sink: FakeSink) -> list[Frame]:
    return [parse_frame(message, Format()) for message in sink.taken if isinstance(message, bytes)]


def told(sink: FakeSink) -> list[dict[str, Any]]:
    return [json.loads(message) for message in sink.taken if isinstance(message, str)]


def join(feed: Feed, past: Past | None = None, room: int = 10**9) -> tuple[Seat, FakeTap, FakeSink]:
    tap, sink = FakeTap(), FakeSink(room)
    if past is not None:
        tap.live, tap.media_time_ms, tap.began_us = False, 0, 70_000_000
    return feed.seat(FLOORWALKER if past else AUDITOR, tap, Format(), sink, 100.0, past or Past()), tap, sink


def test_catching_up_and_going_on_with_the_others() -> None:
    feed = Feed(CallId("c-1"))
    _, tap, other = join(feed)
    _, own, sink = join(feed, Past(30, 1.5))
    tap.put(1000)
    own.put(0, 30, 60)
    feed.turn(100.0, 5_000_000)
    assert told(sink)[0] | {"media_time_ms": 0, "live": False, "catchup": 1.5} == told(sink)[0]
    assert "live" not in told(other)[0]
    assert [(f.sequence, f.media_time_ms) for f in frames(sink)] == [(1, 0), (2, 30), (3, 60)]
    assert [f.wall_time_us for f in frames(sink)] == [75_000_000, 75_030_000, 75_060_000]
    own.put(1000)
    own.live = True
    feed.turn(100.02, 5_000_000)
    assert told(sink)[1] == {"type": "live", "media_time_ms": 1020}
    tap.put(1020, 1040)
    feed.turn(100.06, 5_000_000)
    assert [(f.sequence, f.media_time_ms) for f in frames(sink)[3:]] == [(4, 1000), (5, 1020), (6, 1040)]
    assert [(f.sequence, f.media_time_ms) for f in frames(other)] == [(1, 1000), (2, 1020), (3, 1040)]


def test_who_stands_elsewhere_than_the_others_waits_until_they_meet() -> None:
    feed = Feed(CallId("c-1"))
    _, tap, _ = join(feed)
    _, own, sink = join(feed, Past(30, 1.5))
    tap.put(1000, 1020)
    own.put(1000)
    own.live = True
    feed.turn(100.0, 0)
    tap.put(1040)
    own.put(1020, 1040)
    feed.turn(100.02, 0)
    tap.put(1060)
    own.put(1060)
    feed.turn(100.04, 0)
    assert [f.media_time_ms for f in frames(sink)] == [1000, 1020, 1040, 1060]
    assert [f.sequence for f in frames(sink)] == [1, 2, 3, 4]


def test_alone_it_is_served_from_its_own_tap_and_a_later_one_shares_it() -> None:
    feed = Feed(CallId("c-1"))
    _, own, sink = join(feed, Past(5, 1.0))
    own.put(0, 20)
    own.live = True
    feed.turn(100.0, 0)
    _, _, later = join(feed)
    own.put(40)
    feed.turn(100.02, 0)
    assert [(f.sequence, f.media_time_ms) for f in frames(sink)] == [(1, 0), (2, 20), (3, 40)]
    assert [f.media_time_ms for f in frames(later)] == [40]


def test_the_past_waits_for_a_connection_that_is_full() -> None:
    feed = Feed(CallId("c-1"))
    seat, own, sink = join(feed, Past(5, 1.0), room=3)
    own.put(*range(0, 200, 20))
    feed.turn(100.0, 0)
    assert len(frames(sink)) == 2
    sink.room = 100
    seat.listener.resume(100.1)
    feed.turn(100.1, 0)
    assert [f.media_time_ms for f in frames(sink)] == list(range(0, 200, 20))
    assert seat.listener.missed_ms == 0


def test_after_the_call_it_is_heard_to_its_end() -> None:
    feed = Feed(CallId("c-1"))
    now, _, _ = join(feed)
    late, own, sink = join(feed, Past(30, 1.5))
    own.put(0, 30)
    feed.turn(100.0, 0)
    feed.call_ended("call ended", 70.1)
    assert feed.over(70.3) == "call ended"
    assert feed.finished() == [now]
    own.put(60, 90, 120)
    feed.turn(100.1, 0)
    assert feed.finished() == [now, late]
    assert frames(sink)[-1].media_time_ms == 120

"""What a slow watcher of events is told, as transcripts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from feed_fakes import FakeSink

from gateway.web.watcher import State, Watcher


class Desk:
    """Counts the snapshots that were asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def snapshot(self) -> dict[str, Any]:
        self.asked += 1
        return {"calls": [self.asked], "alerts": []}


def told(sink: FakeSink) -> list[str]:
    result = []
    for text in sink.taken:
        message = json.loads(text) if text.startswith("{") else text
        if isinstance(message, dict):
            result.append(f"{message['type']} {message.get('events', message.get('calls'))}")
        else:
            result.append(message)
    return result


def started(sink: FakeSink, limit: int = 3) -> Watcher:
    watcher = Watcher(sink, Desk().snapshot, limit)
    watcher.start()
    return watcher


def test_quick_watcher() -> None:
    sink = FakeSink()
    watcher = started(sink)
    for event in "abc":
        watcher.tell(event)
    assert told(sink) == ["snapshot [1]", "a", "b", "c"]


def test_short_stall_loses_nothing() -> None:
    sink = FakeSink(room=2)
    watcher = started(sink)
    for event in "abc":
        watcher.tell(event)
    sink.room = 9
    watcher.resume()
    assert told(sink) == ["snapshot [1]", "a", "b", "c"]
    assert watcher.state is State.LIVE


def test_long_stall_gets_the_number_missed_and_a_fresh_snapshot() -> None:
    sink = FakeSink(room=2)
    watcher = started(sink)
    for event in "abcdefgh":
        watcher.tell(event)
    assert watcher.state is State.LOST
    sink.room = 9
    watcher.resume()
    watcher.tell("i")
    assert told(sink) == ["snapshot [1]", "a", "missed 7", "snapshot [2]", "i"]
    assert watcher.missed == 0


def test_snapshot_that_does_not_fit_yet_keeps_its_place() -> None:
    sink = FakeSink(room=1)
    watcher = started(sink, limit=2)
    for event in "abc":
        watcher.tell(event)
    sink.room = 1
    watcher.resume()
    watcher.tell("d")
    assert watcher.state is State.BEHIND
    sink.room = 9
    watcher.resume()
    assert told(sink) == ["snapshot [1]", "missed 3", "snapshot [2]", "d"]


def test_illegal_move_names_both_states() -> None:
    with pytest.raises(RuntimeError, match="watcher is live, cannot become lost"):
        started(FakeSink())._enter(State.LOST)

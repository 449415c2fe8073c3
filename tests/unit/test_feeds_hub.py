"""The hub on a loop of paper time: its ticker, its listeners' ends, its bookkeeping with the call logic."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from feed_fakes import ADVISOR, AUDITOR, FLOORWALKER, FakeControl, FakeSink

from gateway.core.errors import NoRoute, NotPermitted
from gateway.core.model import CallId
from gateway.feeds import hub as hub_module
from gateway.feeds.hub import Hub

C1 = CallId("c-1")


class PaperLoop:
    """`time`, `call_at`, and `run_for` in place of waiting."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self._timers: list[tuple[float, Any, Any]] = []

    def time(self) -> float:
        return self.now_s

    def call_at(self, when_s: float, call: Any) -> Any:
        timer = SimpleNamespace(cancel=lambda: self._timers.remove(entry) if entry in self._timers else None)
        entry = (when_s, call, timer)
        self._timers.append(entry)
        return timer

    @property
    def timers(self) -> int:
        return len(self._timers)

    def run_for(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while due := [entry for entry in self._timers if entry[0] <= end_s + 1e-9]:
            entry = min(due, key=lambda timer: timer[0])
            self._timers.remove(entry)
            self.now_s = max(self.now_s, entry[0])
            entry[1]()
        self.now_s = end_s


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> PaperLoop:
    paper = PaperLoop()
    monkeypatch.setattr(hub_module.asyncio, "get_running_loop", lambda: paper)
    return paper


@pytest.fixture
def control(loop: PaperLoop) -> FakeControl:
    return FakeControl(loop.time)


def frames(sink: FakeSink) -> int:
    return sum(isinstance(message, bytes) for message in sink.taken)


def last_text(sink: FakeSink) -> dict:
    return json.loads([message for message in sink.taken if isinstance(message, str)][-1])


def test_one_ticker_serves_all_and_stops_with_the_last(loop: PaperLoop, control: FakeControl) -> None:
    hub = Hub(control)
    sinks = [FakeSink() for _ in range(3)]
    attachments = [
        hub.attach(FLOORWALKER, CallId(call), {}, sink)
        for call, sink in zip(("c-1", "c-1", "c-2"), sinks, strict=True)
    ]
    assert loop.timers == 1
    loop.run_for(1.0)
    assert [frames(sink) for sink in sinks] == [50, 50, 50]
    assert loop.timers == 1
    assert (hub.listeners(), hub.listeners(C1)) == (3, 2)
    for attachment in attachments:
        attachment.gone()
        attachment.gone()
    loop.run_for(0.1)
    assert loop.timers == 0
    assert [entry[0] for entry in control.asked] == ["close_feed"] * 3
    assert all(tap.closed for tap in control.taps)


@pytest.mark.parametrize(
    ("user", "call", "query", "error"),
    [
        (ADVISOR, "c-1", {}, NotPermitted),
        (AUDITOR, "c-2", {}, NotPermitted),
        (AUDITOR, "c-9", {}, NoRoute),
        (AUDITOR, "c-1", {"rate": "44100"}, ValueError),
    ],
)
def test_refused_listener_leaves_nothing_behind(
    loop: PaperLoop, control: FakeControl, user: Any, call: str, query: dict, error: type[Exception]
) -> None:
    hub = Hub(control)
    sink = FakeSink()
    with pytest.raises(error):
        hub.attach(user, CallId(call), query, sink)
    assert (sink.taken, hub.listeners(), loop.timers, control.taps) == ([], 0, 0, [])


def test_end_of_the_call_ends_its_listeners_only(loop: PaperLoop, control: FakeControl) -> None:
    hub = Hub(control)
    ended, other = FakeSink(), FakeSink()
    hub.attach(FLOORWALKER, C1, {}, ended)
    hub.attach(FLOORWALKER, CallId("c-2"), {}, other)
    loop.run_for(0.5)
    control.publish("call.ended", "c-1")
    loop.run_for(0.5)
    assert last_text(ended) == {"type": "end", "reason": "call ended"}
    assert ended.closed == (1000, "call ended")
    assert other.closed is None
    assert frames(other) == 50
    assert control.asked[0][:3] == ("close_feed", "fw1", "c-1")


def test_stalled_listener_is_cut_off_and_others_notice_nothing(loop: PaperLoop, control: FakeControl) -> None:
    hub = Hub(control, stall_limit_s=5.0)
    stalled, quick = FakeSink(room=11), FakeSink()
    hub.attach(AUDITOR, C1, {}, stalled)
    hub.attach(FLOORWALKER, C1, {}, quick)
    loop.run_for(4.9)
    assert stalled.closed is None
    loop.run_for(1.0)
    assert stalled.closed == (4408, "listener too slow")
    loop.run_for(4.1)
    assert frames(quick) == 500
    assert [last_text(quick)["type"]] == ["start"]
    kind, who, _, missed_ms, sent = control.asked[0]
    assert (kind, who, sent) == ("close_feed", "aud1", 10)
    assert missed_ms > 3500


def test_tap_that_fails_closes_its_feed_only(loop: PaperLoop, control: FakeControl) -> None:
    hub = Hub(control)
    failing, healthy = FakeSink(), FakeSink()
    hub.attach(FLOORWALKER, C1, {}, failing)
    hub.attach(FLOORWALKER, CallId("c-2"), {}, healthy)
    control.taps[0].error = RuntimeError("boom")
    loop.run_for(1.0)
    assert failing.closed == (1011, "the feed failed")
    assert frames(healthy) == 50


def test_loop_that_was_held_up_catches_up_without_loss(loop: PaperLoop, control: FakeControl) -> None:
    hub = Hub(control)
    sink = FakeSink()
    hub.attach(FLOORWALKER, C1, {}, sink)
    loop.run_for(0.2)
    loop.now_s += 5.0
    loop.run_for(0.2)
    assert frames(sink) == pytest.approx(270, abs=1)
    assert last_text(sink)["type"] == "start"


def test_stop_says_goodbye_and_leaves_nothing_on_the_loop(loop: PaperLoop, control: FakeControl) -> None:
    hub = Hub(control)
    sink = FakeSink()
    hub.attach(FLOORWALKER, C1, {}, sink)
    hub.stop()
    assert last_text(sink) == {"type": "end", "reason": "the gateway is stopping"}
    assert sink.closed == (1001, "the gateway is stopping")
    assert (loop.timers, control.watchers, hub.listeners()) == (0, [], 0)

"""Every feed of the process: who listens to which call, and one 20 ms ticker that serves them all.

Runs on the asyncio loop's thread; nothing here blocks or awaits. The ticker stops when nobody listens.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from gateway.core.control import Control
from gateway.core.events import News
from gateway.core.model import CallId
from gateway.core.permissions import User
from gateway.feeds.analysis import OnSpeech
from gateway.feeds.encoders import AudioTools, Encoder
from gateway.feeds.feed import Feed, Seat
from gateway.feeds.frames import FRAME_MS, Format
from gateway.feeds.listener import Sink
from gateway.feeds.past import take_past
from gateway.feeds.twilio import take_protocol
from gateway.log import get_logger

log = get_logger(__name__)

TICK_S = FRAME_MS / 1000
NORMAL = 1000
GOING_AWAY = 1001
INTERNAL_ERROR = 1011
TOO_SLOW = 4408
"""The listener read nothing for longer than `stall_limit_s`."""


class Hub:
    """Serves listeners from construction to `stop`. stall_limit_s: a listener that reads nothing for so long
    is cut off.
    """

    def __init__(
        self,
        control: Control,
        *,
        stall_limit_s: float = 30.0,
        on_speech: OnSpeech | None = None,
        tools: AudioTools | None = None,
    ) -> None:
        """on_speech: told who speaks in each call that somebody listens to. tools: see `encoders`; None: no
        Opus and 8 kHz only.
        """
        self._tools = tools
        self._control = control
        self._on_speech = on_speech
        self._stall_limit_s = stall_limit_s
        self._loop = asyncio.get_running_loop()
        self._feeds: dict[CallId, Feed] = {}
        self._next_tick: asyncio.TimerHandle | None = None
        self._tick_at_s = 0.0
        self._unsubscribe = control.subscribe(self._on_news)

    def attach(self, user: User, call: CallId, query: Mapping[str, str], sink: Sink) -> Attachment:
        """Start a feed of `call` into `sink`; the header is written before this returns.

        Raises ValueError for a query that cannot be served, `NotPermitted`, `NoRoute`. Afterwards call the
        attachment's `resume` when the sink has room again, and `gone` when the connection is.
        """
        sink, query = take_protocol(sink, query, call)
        past, query = take_past(query)
        wanted = Format.parse(query)
        Encoder(wanted, self._tools)
        tap = self._control.open_feed(user, call, history_s=past.seconds, speed=past.speed)
        feed = self._feeds.get(call)
        if feed is None:
            feed = self._feeds[call] = Feed(call, self._on_speech, self._tools)
        attachment = Attachment(self, feed, feed.seat(user, tap, wanted, sink, self._loop.time(), past))
        if self._next_tick is None:
            self._tick_at_s = self._loop.time() + TICK_S
            self._next_tick = self._loop.call_at(self._tick_at_s, self._tick)
        return attachment

    def listeners(self, call: CallId | None = None) -> int:
        """How many listen, to `call` or in all."""
        return sum(len(feed.seats) for feed in self._feeds.values() if call is None or feed.call == call)

    def stop(self) -> None:
        """End every feed; then nothing of the hub is left on the loop."""
        self._unsubscribe()
        for feed in tuple(self._feeds.values()):
            self._close(feed, "the gateway is stopping", GOING_AWAY)
        if self._next_tick is not None:
            self._next_tick.cancel()
            self._next_tick = None

    def _on_news(self, news: News) -> None:
        if news.kind == "call.ended" and news.call in self._feeds:
            self._feeds[news.call].call_ended("call ended", self._loop.time())

    def _tick(self) -> None:
        now_s = self._loop.time()
        wall_offset_us = time.time_ns() // 1000 - int(now_s * 1e6)
        more = False
        for feed in tuple(self._feeds.values()):
            # Its own time: what others' turns took would date this feed's frames too early, for good.
            now_s = self._loop.time()
            try:
                more |= feed.turn(now_s, wall_offset_us)
            except Exception:
                log.exception("feed.failed", call=feed.call)
                self._close(feed, "the feed failed", INTERNAL_ERROR)
                continue
            for seat in feed.stalled(now_s, self._stall_limit_s):
                log.warning("feed.stalled", call=feed.call, user=seat.user.id, limit_s=self._stall_limit_s)

                self._dismiss(feed, seat, "listener too slow", TOO_SLOW)
            reason = feed.over(now_s)
            if reason is not None:
                for seat in feed.finished():
                    self._dismiss(feed, seat, reason, NORMAL)
        self._next_tick = None
        if not self._feeds:
            return
        # After a hiccup of the loop the ticks that were due are not made up: one turn reads all that is
        # there.
        self._tick_at_s = now_s if more else max(self._tick_at_s + TICK_S, now_s)
        self._next_tick = self._loop.call_at(self._tick_at_s, self._tick)

    def _close(self, feed: Feed, reason: str, code: int) -> None:
        for seat in tuple(feed.seats):
            self._dismiss(feed, seat, reason, code)

    def _dismiss(self, feed: Feed, seat: Seat, reason: str, code: int) -> None:
        try:
            seat.listener.end(reason, code, self._loop.time())
        except Exception:
            log.exception("feed.farewell_failed", call=feed.call, user=seat.user.id)
        self.leave(feed, seat)

    def leave(self, feed: Feed, seat: Seat) -> None:
        """Take a listener off its feed; safe twice."""
        if seat not in feed.seats:
            return
        feed.leave(seat)
        if not feed.seats and self._feeds.get(feed.call) is feed:
            del self._feeds[feed.call]
        listener = seat.listener
        self._control.close_feed(
            seat.user, feed.call, seat.tap, missed_ms=listener.missed_ms, sent_frames=listener.sent_frames
        )


class Attachment:
    """A listener's side of the hub."""

    def __init__(self, hub: Hub, feed: Feed, seat: Seat) -> None:
        self._hub = hub
        self._feed = feed
        self._seat = seat

    def resume(self) -> None:
        """The sink has room again."""
        self._seat.listener.resume(asyncio.get_running_loop().time())

    def gone(self) -> None:
        """The connection is closed or lost; `close_feed` is told. Safe twice."""
        self._seat.listener.gone(asyncio.get_running_loop().time())
        self._hub.leave(self._feed, self._seat)

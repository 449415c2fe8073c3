"""One tapped call: read once, encoded once per format, given to every listener. No I/O of its own; clocks are
given in.

All listeners of a call are served from the tap of the one that came first. The other taps are cursors that
cost nothing until their turn comes; then they skip what was already read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.core.model import CallId
from gateway.core.permissions import User
from gateway.core.ports import Tap
from gateway.feeds.frames import FRAME_MS, Format, pack_frame, start_message
from gateway.feeds.listener import Listener, Sink

FRAMES_A_TURN = 25
"""Read at most so many before other work on the loop has its turn: after a hiccup the sockets drain between
two turns.
"""
LINGER_S = 0.1
"""After the call has ended its last frames may still become due."""
TAP_DELAY_MS = 60
"""A tap gives a frame out so long after its end, so that late packets are in their place."""
DRIFT_US = 4
"""How much later a frame the media clock may be found to run, against the machine's: 200 ppm."""


@dataclass(eq=False, slots=True)
class Seat:
    """A listener with what it came with."""

    user: User
    tap: Tap
    wanted: Format
    listener: Listener


class Feed:
    """Give it `turn` every 20 ms while it has seats."""

    def __init__(self, call: CallId) -> None:
        self.call = call
        self.seats: list[Seat] = []
        self._sequence = 0
        self._last_media_ms: int | None = None
        self._started_us: int | None = None
        """Monotonic time at which the call's media time was 0, as the least delayed frame so far showed it.
        """
        self._ending: tuple[float, str] | None = None
        """When to say goodbye, and why."""

    def seat(self, user: User, tap: Tap, wanted: Format, sink: Sink, now_s: float) -> Seat:
        """Take in a listener; its header is sent at once, and frames from the next one on."""
        seat = Seat(user, tap, wanted, Listener(sink))
        self.seats.append(seat)
        standing_ms = None if self._last_media_ms is None else self._last_media_ms + FRAME_MS
        seat.listener.start(start_message(self.call, wanted, standing_ms), now_s)
        return seat

    def leave(self, seat: Seat) -> None:
        self.seats.remove(seat)

    def call_ended(self, reason: str, now_s: float) -> None:
        """Read on to the tap's end for a moment, then end every listener with `reason`."""
        if self._ending is None:
            self._ending = (now_s + LINGER_S, reason)

    def over(self, now_s: float) -> str | None:
        """The reason, once every last frame is out; None while the feed goes on."""
        if self._ending is None or now_s < self._ending[0]:
            return None
        return self._ending[1]

    def turn(self, now_s: float, wall_offset_us: int) -> bool:
        """Read what is due and give it out. Returns True when more is due already.

        wall_offset_us: what to add to the monotonic clock (`now_s`) for the wall clock.
        """
        for _ in range(FRAMES_A_TURN):
            if not self.seats:
                return False
            due = self.seats[0].tap.read()
            if due is None:
                return False
            media_ms, pair, missed_ms = due
            if self._last_media_ms is not None:
                if media_ms <= self._last_media_ms:
                    continue
                missed_ms = max(0, media_ms - self._last_media_ms - FRAME_MS)
            self._last_media_ms = media_ms
            self._sequence += 1 + missed_ms // FRAME_MS
            frames: dict[Format, bytes] = {}
            wall_us = self._captured_us(media_ms, now_s) + wall_offset_us
            for seat in tuple(self.seats):
                frame = frames.get(seat.wanted)
                if frame is None:
                    frame = pack_frame(self._sequence, media_ms, wall_us, seat.wanted.encode(pair))
                    frames[seat.wanted] = frame
                seat.listener.offer(frame, missed_ms, now_s)
        return True

    def _captured_us(self, media_ms: int, now_s: float) -> int:
        """Monotonic time of the frame's first sample: its end was at the latest now, and the least delayed
        frame sets the scale.
        """
        seen_us = int(now_s * 1e6) - (media_ms + FRAME_MS + TAP_DELAY_MS) * 1000
        self._started_us = seen_us if self._started_us is None else min(self._started_us + DRIFT_US, seen_us)
        return self._started_us + media_ms * 1000

    def stalled(self, now_s: float, limit_s: float) -> Iterable[Seat]:
        """Seats whose sink has taken nothing for `limit_s`."""
        return [seat for seat in self.seats if seat.listener.behind_for_s(now_s) >= limit_s]

"""One listener of a feed: what goes to it, and what it loses when it is slow. No I/O, no clock.

The listener writes straight to its `Sink` while that takes messages. When it does not, up to a second of
frames waits here; then the oldest go, counted, and the listener is told in-band before the next frame that it
does get. Nobody else is touched by that.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import Protocol

from gateway.feeds.frames import FRAME_MS, end_message, missed_message

QUEUE_FRAMES = 1000 // FRAME_MS


class Sink(Protocol):
    """A message connection whose own buffers are bounded. Loop's thread only; nothing blocks."""

    def try_write(self, message: str | bytes) -> bool:
        """Take the whole message (text or binary), or none of it and return False: then `resume` is called
        once there is room.
        """

    def close(self, code: int, reason: str) -> None:
        """Say goodbye with a WebSocket close code (RFC 6455 §7.4); a peer that does not read it is cut off
        soon after.
        """


class State(StrEnum):
    LIVE = "live"
    """Every frame so far was taken by the sink at once."""
    BEHIND = "behind"
    """The sink is full; frames wait or are lost."""
    ENDED = "ended"


_ALLOWED = {
    State.LIVE: frozenset({State.BEHIND, State.ENDED}),
    State.BEHIND: frozenset({State.LIVE, State.ENDED}),
    State.ENDED: frozenset[State](),
}


class Listener:
    """Back-pressure for one connection. After `start`, give it every frame by `offer` and every change of the
    sink by `resume`.
    """

    def __init__(self, sink: Sink, queue_frames: int = QUEUE_FRAMES) -> None:
        self._sink = sink
        self._queue: deque[tuple[int, str | bytes]] = deque()
        """Waiting frames, each with the ms missing before it, and notices."""
        self._queue_frames = queue_frames
        self._header: str | None = None
        """The first message, until it is sent."""
        self.state = State.LIVE
        self.behind_since_s: float | None = None
        self.sent_frames = 0
        self.missed_ms = 0
        """In all: what this listener never got."""

    def _enter(self, state: State, now_s: float) -> None:
        if state not in _ALLOWED[self.state]:
            raise RuntimeError(
                f"listener is {self.state}, cannot become {state}; allowed: {sorted(_ALLOWED[self.state])}"
            )
        self.state = state
        self.behind_since_s = now_s if state is State.BEHIND else None

    def start(self, header: str, now_s: float) -> None:
        """Send the header; no frame goes before it."""
        self._header = header
        self._drain(now_s)

    def offer(self, frame: bytes, missing_before_ms: int, now_s: float) -> None:
        """The feed's next frame. Sent, queued, or at the cost of the oldest queued one."""
        if self.state is State.ENDED:
            return
        self.missed_ms += missing_before_ms
        self._queue.append((missing_before_ms, frame))
        if len(self._queue) > self._queue_frames:
            self._drop_oldest()
        if self.state is State.LIVE:
            self._drain(now_s)

    def say(self, notice: str, now_s: float) -> None:
        """A text between two frames."""
        if self.state is not State.ENDED:
            self._queue.append((0, notice))
            if self.state is State.LIVE:
                self._drain(now_s)

    def resume(self, now_s: float) -> None:
        """The sink has room again."""
        if self.state is State.BEHIND:
            self._drain(now_s)

    def end(self, reason: str, code: int, now_s: float) -> None:
        """Say why, then close. What still waits is sent first if the sink takes it. Safe twice."""
        if self.state is State.ENDED:
            return
        self._drain(now_s)
        if not self._queue:
            self._sink.try_write(end_message(reason))
        self._enter(State.ENDED, now_s)
        self._queue.clear()
        self._sink.close(code, reason)

    def gone(self, now_s: float) -> None:
        """The connection is lost or was closed by the peer: nothing more is sent."""
        if self.state is not State.ENDED:
            self._enter(State.ENDED, now_s)
            self._queue.clear()

    def behind_for_s(self, now_s: float) -> float:
        """How long the sink has taken nothing; 0 while it does."""
        return 0.0 if self.behind_since_s is None else now_s - self.behind_since_s

    def _drop_oldest(self) -> None:
        missing_ms, oldest = self._queue.popleft()
        gone_ms = missing_ms + FRAME_MS * isinstance(oldest, bytes)
        next_missing_ms, frame = self._queue[0]
        self._queue[0] = (next_missing_ms + gone_ms, frame)
        self.missed_ms += gone_ms - missing_ms

    def _drain(self, now_s: float) -> None:
        """Write until nothing waits or the sink is full."""
        progress = False
        while self._write_next():
            progress = True
        if self._header is None and not self._queue:
            if self.state is State.BEHIND:
                self._enter(State.LIVE, now_s)
        elif self.state is State.LIVE:
            self._enter(State.BEHIND, now_s)
        elif progress:
            self.behind_since_s = now_s

    def _write_next(self) -> bool:
        """Hand one message to the sink; False when nothing waits or the sink is full."""
        if self._header is not None:
            if not self._sink.try_write(self._header):
                return False
            self._header = None
            return True
        if not self._queue:
            return False
        missing_ms, frame = self._queue[0]
        if missing_ms:
            if not self._sink.try_write(missed_message(missing_ms)):
                return False
            self._queue[0] = (0, frame)
            return True
        if not self._sink.try_write(frame):
            return False
        self._queue.popleft()
        self.sent_frames += isinstance(frame, bytes)
        return True

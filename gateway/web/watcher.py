"""One watcher of `WS /api/events`: snapshot first, then every event; a slow one is told what it missed and
starts afresh. No I/O.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Protocol

SCHEMA = 1
QUEUE_EVENTS = 256


class Writes(Protocol):
    def try_write(self, message: str | bytes) -> bool: ...


class State(StrEnum):
    LIVE = "live"
    """Every event so far was written at once."""
    BEHIND = "behind"
    """The connection is full; events wait."""
    LOST = "lost"
    """Too many waited: they were dropped, and a fresh snapshot follows as soon as the connection takes it."""


_ALLOWED = {
    State.LIVE: frozenset({State.BEHIND}),
    State.BEHIND: frozenset({State.LIVE, State.LOST}),
    State.LOST: frozenset({State.LIVE, State.BEHIND}),
}


class Watcher:
    """After `start`, give it every event by `tell` and every change of the connection by `resume`."""

    def __init__(
        self, sink: Writes, snapshot: Callable[[], Mapping[str, Any]], limit: int = QUEUE_EVENTS
    ) -> None:
        self._sink = sink
        self._snapshot = snapshot
        self._limit = limit
        self._queue: deque[str] = deque()
        self._snapshot_waits = False
        """Is a snapshot first in the queue?"""
        self.state = State.LIVE
        self.missed = 0
        """Events dropped since the last snapshot."""
        self.dropped = 0
        """Events dropped since the beginning."""

    def _enter(self, state: State) -> None:
        if state not in _ALLOWED[self.state]:
            raise RuntimeError(
                f"watcher is {self.state}, cannot become {state}; allowed: {sorted(_ALLOWED[self.state])}"
            )
        self.state = state

    def start(self) -> None:
        self._queue_snapshot()
        self._drain()

    def tell(self, event: str) -> None:
        """The next event, as JSON text."""
        if self.state is State.LOST:
            self.missed += 1
            self.dropped += 1
            return
        self._queue.append(event)
        if self.state is State.LIVE:
            self._drain()
        elif len(self._queue) > self._limit:
            self.missed = len(self._queue) - self._snapshot_waits
            self.dropped += self.missed
            self._queue.clear()
            self._enter(State.LOST)

    def resume(self) -> None:
        """The connection has room again."""
        if self.state is State.LOST:
            if not self._sink.try_write(encode({"type": "missed", "events": self.missed})):
                return
            self.missed = 0
            self._queue_snapshot()
            self._enter(State.BEHIND)
        if self.state is State.BEHIND:
            self._drain()

    def _drain(self) -> None:
        while self._queue:
            if not self._sink.try_write(self._queue[0]):
                if self.state is State.LIVE:
                    self._enter(State.BEHIND)
                return
            self._queue.popleft()
            self._snapshot_waits = False
        if self.state is State.BEHIND:
            self._enter(State.LIVE)

    def _queue_snapshot(self) -> None:
        self._queue.append(encode({"type": "snapshot", "schema": SCHEMA, **self._snapshot()}))
        self._snapshot_waits = True


def encode(message: Mapping[str, Any]) -> str:
    """One message as compact JSON; what JSON has no word for is written as text."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"), default=str)

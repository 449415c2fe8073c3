"""Deadlines by name, on whatever clock the caller reads; no clock of its own.

The protocol core is told the time (seconds, any monotonic origin) with each input. It sets deadlines here;
the shell asks for the `next` one, sleeps until then, and hands back what is due. Tests move time by hand.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class TimerQueue(Generic[Key]):
    """Named deadlines. Setting a name again moves it; cancelling one that is not set does nothing."""

    def __init__(self) -> None:
        self._deadlines: dict[Key, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._count = itertools.count()

    def __len__(self) -> int:
        return len(self._deadlines)

    def set(self, key: Key, deadline: float) -> None:
        entry = (deadline, next(self._count))
        self._deadlines[key] = entry
        heapq.heappush(self._heap, (*entry, key))

    def cancel(self, key: Key) -> None:
        self._deadlines.pop(key, None)

    def next(self) -> float | None:
        """The earliest deadline, or None when nothing is set."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> Key | None:
        """Remove and return one name whose deadline is at or before `now`, earliest first; None when there is
        none.
        """
        self._drop_stale()
        if not self._heap or self._heap[0][0] > now:
            return None
        _, _, key = heapq.heappop(self._heap)
        del self._deadlines[key]
        return key

    def _drop_stale(self) -> None:
        while self._heap:
            deadline, count, key = self._heap[0]
            if self._deadlines.get(key) == (deadline, count):
                return
            heapq.heappop(self._heap)

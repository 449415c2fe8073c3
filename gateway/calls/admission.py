"""How much is taken on: calls a second, calls at once. What is too much is refused with 503 so that the PBX
takes its other route.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from gateway.core.errors import Overloaded

BURST_S = 1.0
"""An empty second may be made up for: this many seconds' worth of calls may come at once."""
SUPERVISORS_PER_CALL = 2
"""Legs beyond the two parties that are allowed for before the adapter refuses by itself."""


class Admission:
    """`refuse_when` may be called on any thread; the rest on the loop's."""

    def __init__(
        self,
        max_calls: int,
        calls_per_second: float,
        retry_after_s: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.retry_after_s = retry_after_s
        self.draining = False
        self._max_calls = max_calls
        self._rate = calls_per_second
        self._burst = max(1.0, calls_per_second * BURST_S)
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens = self._burst
        self._filled_at_s = clock()

    def refuse_when(self, active_legs: int) -> int | None:
        """Asked with each INVITE before anything is made of it: Retry-After [s] for a 503, None to take it.
        Counts what it takes.
        """
        if self.draining or active_legs >= self._max_calls * (2 + SUPERVISORS_PER_CALL):
            return self.retry_after_s
        with self._lock:
            now_s = self._clock()
            self._tokens = min(self._burst, self._tokens + (now_s - self._filled_at_s) * self._rate)
            self._filled_at_s = now_s
            if self._tokens < 1.0:
                return self.retry_after_s
            self._tokens -= 1.0
        return None

    def require_room(self, live_calls: int) -> None:
        """Room for one more call? A supervisor joining a call needs none. Raises `Overloaded`."""
        if self.draining:
            raise Overloaded("the gateway is stopping", retry_after_s=self.retry_after_s)
        if live_calls >= self._max_calls:
            raise Overloaded(
                f"{live_calls} calls; max_calls is {self._max_calls}", retry_after_s=self.retry_after_s
            )

"""INVITEs from addresses that are no trunk's: refused, told one by one up to a rate, counted past it.

They do not go through `[limits]`: whoever floods the gateway from outside uses up nothing that a real call
needs, neither the budget of calls a second nor the loop's time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from gateway.calls.runner import Runner
from gateway.config.people import identity_of
from gateway.core.errors import NotPermitted
from gateway.core.events import StrangerRefused
from gateway.core.ports import Door
from gateway.core.progress import masked

TOLD_PER_S = 5.0
TOLD_BURST = 20.0
"""So many may be told at once [# INVITEs]."""
LATER_S = 2.0
"""The count of those that were not told follows at most so long after the last that was [s]."""


class StrangerDoor(Door):
    """`identify` raises `NotPermitted` for a stranger's address. Any thread."""

    def __init__(
        self,
        identify: Callable[[str, Iterable[str]], object],
        clock: Callable[[], float] = time.monotonic,
        *,
        anybody_may_connect: bool = False,
    ) -> None:
        self._identify = identify
        self._anybody_may_connect = anybody_may_connect
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens = TOLD_BURST
        self._filled_at_s = clock()
        self._untold = 0

    def knows(self, host: str, names: Iterable[str] = ()) -> bool:
        try:
            self._identify(host, names)
        except NotPermitted:
            return False
        return True

    def may_connect(self, host: str) -> bool:
        return self._anybody_may_connect or self.knows(host)

    def turned_away(self) -> int | None:
        with self._lock:
            now_s = self._clock()
            self._tokens = min(TOLD_BURST, self._tokens + (now_s - self._filled_at_s) * TOLD_PER_S)
            self._filled_at_s = now_s
            if self._tokens < 1.0:
                self._untold += 1
                return None
            self._tokens -= 1.0
            return self._take_untold()

    def take_untold(self) -> int:
        """How many were refused untold; they count as told now."""
        with self._lock:
            return self._take_untold()

    def _take_untold(self) -> int:
        untold, self._untold = self._untold, 0
        return untold


class StrangersLog:
    """Tells the watchers. Loop's thread only."""

    def __init__(self, runner: Runner, door: StrangerDoor) -> None:
        self._runner = runner
        self._door = door
        self._waiting = False

    def refused(self, stranger: StrangerRefused) -> None:
        host, port = stranger.source
        self._tell(
            f"{host} belongs to no trunk",
            stranger.others,
            source=f"{host}:{port}",
            caller=masked(identity_of(stranger.from_uri)[0]),
            to=stranger.to_user,
        )
        if not self._waiting:
            self._waiting = True
            self._runner.later(LATER_S, self._tell_the_rest)

    def _tell_the_rest(self) -> None:
        self._waiting = False
        untold = self._door.take_untold()
        if untold:
            self._tell("strangers: their addresses belong to no trunk", untold - 1)
            self._waiting = True
            self._runner.later(LATER_S, self._tell_the_rest)

    def _tell(self, why: str, others: int, **facts: str) -> None:
        """`others`: how many more this one stands for."""
        self._runner.publish("call.refused", None, {"code": 403, "why": why, "others": others, **facts})

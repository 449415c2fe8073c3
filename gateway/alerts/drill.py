"""A drill once a minute: a raise that rings nobody goes the way of an alert, from the call logic by the
outbox to the broker and back, and must be seen again. Pure.

It tells that the way is open before somebody needs it. What fails is told in `/readyz`, `/api/system`, the
metrics and the log; calls are not refused for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

FIRST_S = 20.0
"""After the start [s]: the broker is given a moment."""
EVERY_S = 60.0
TOO_LATE_S = 10.0
"""A drill that is not back by then has failed [s]."""


class Drill:
    """`begin`, then `seen` or `failed`; `verdict` at any time.

    now_s: a monotonic clock [s]. at: the present as RFC 3339.
    """

    def __init__(self, now_s: Callable[[], float], at: Callable[[], str]) -> None:
        self._now_s = now_s
        self._at = at
        self._under_way: str | None = None
        self._begun_s = 0.0
        self.returned: Callable[[], None] = lambda: None
        """Told when the drill under way came back."""
        self._facts: dict[str, Any] = {
            "ok": None,
            "at": None,
            "round_trip_ms": None,
            "failing_since": None,
            "why": None,
        }

    def begin(self, drill: str) -> None:
        self._under_way, self._begun_s = drill, self._now_s()

    def seen(self, drill: str) -> bool:
        """It came back. False: it is not the one under way, but an older one."""
        if drill != self._under_way:
            return False
        self._under_way = None
        took_ms = round((self._now_s() - self._begun_s) * 1000, 1)
        self._facts = {
            "ok": True, "at": self._at(), "round_trip_ms": took_ms, "failing_since": None, "why": None,
        }  # fmt: skip
        return True

    def came(self, payload: bytes) -> None:
        """A message on the drill's topic: ours, or anything."""
        try:
            facts = json.loads(payload)
        except (ValueError, RecursionError):
            return
        if isinstance(facts, dict) and self.seen(str(facts.get("drill"))):
            self.returned()

    def failed(self, why: str) -> None:
        """It did not come back, or could not be sent."""
        self._under_way = None
        at = self._at()
        since = self._facts["failing_since"] or at
        self._facts = {"ok": False, "at": at, "round_trip_ms": None, "failing_since": since, "why": why}

    def verdict(self) -> dict[str, Any]:
        """`ok` None: none was held yet. Ready for JSON."""
        return dict(self._facts)

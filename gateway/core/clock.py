"""Time as the pure parts see it: given with every event, never read."""

from __future__ import annotations

from typing import NamedTuple


class Moment(NamedTuple):
    """One instant on both clocks."""

    s: float
    """Seconds of a monotonic clock, for timers."""
    at: str
    """RFC 3339 UTC with milliseconds, for people."""

"""How long to wait before the next try at the broker: doubling, bounded, and spread so that gateways do not
come in step. Pure.
"""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_S = 0.25
LONGEST_S = 2.0
"""An alert may be waiting for the broker to come back: never wait longer."""


class Backoff:
    def __init__(self, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._uniform = uniform
        self._next_s = FIRST_S

    def next_s(self) -> float:
        """The wait after one more failure [s]."""
        wait_s = self._uniform(self._next_s / 2, self._next_s)
        self._next_s = min(self._next_s * 2, LONGEST_S)
        return wait_s

    def reset(self) -> None:
        """The connection held."""
        self._next_s = FIRST_S

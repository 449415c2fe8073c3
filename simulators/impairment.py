"""A bad network on the way out: a settable pattern of loss, reordering and jitter. No I/O, and the same for a
seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

Pattern = float | Callable[[int], bool] | Collection[int]
"""Which packets are meant: a share (0.0 … 1.0), a function of the packet's index, or the indices themselves.
The index counts packets from 0 since the impairment was set."""


@dataclass
class Impairment:
    """What happens to each packet before it is sent."""

    drop: Pattern = 0.0
    reorder: Pattern = 0.0
    "A packet meant by this is held back until just after its successor."
    jitter_ms: float = 0.0
    "Each packet is held back by a random time of 0 … jitter_ms."
    duplicate: Pattern = 0.0
    seed: int = 1
    ptime_ms: float = 20.0
    dropped: int = field(default=0, init=False)
    _index: int = field(default=0, init=False)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def delays_ms(self) -> list[float]:
        """For the next packet: after how long to send each copy. Empty: drop it."""
        index = self._index
        self._index += 1
        if self._meant(self.drop, index):
            self.dropped += 1
            return []
        delay_ms = self._random.uniform(0.0, self.jitter_ms) if self.jitter_ms else 0.0
        if self._meant(self.reorder, index):
            delay_ms += 1.5 * self.ptime_ms
        return [delay_ms, delay_ms] if self._meant(self.duplicate, index) else [delay_ms]

    def _meant(self, pattern: Pattern, index: int) -> bool:
        if callable(pattern):
            return bool(pattern(index))
        if isinstance(pattern, int | float):
            return pattern > 0 and self._random.random() < pattern
        return index in pattern

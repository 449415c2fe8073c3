"""How loud it is: what each person says and hears, since it was last asked."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from gateway.demo.auditor import Auditor
from gateway.demo.cast import Cast
from simulators import Recording
from simulators.analysis import level_db

QUIETEST_DB = -60.0
LOUDEST_DB = -6.0
KEPT_PACKETS = 5_000
"""Longest recording while people try things out; forgotten then."""


@dataclass
class Levels:
    """dBFS by person; -inf for silence and for someone who is not there."""

    says: dict[str, float] = field(default_factory=dict)
    hears: dict[str, float] = field(default_factory=dict)


class Meter:
    """Reads recordings as they grow."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._marks: WeakKeyDictionary[Recording | Auditor, int] = WeakKeyDictionary()
        """How far each recording was read."""
        self.trim = False
        """Forget what was read: for an open-ended demonstration, where nobody will judge the recordings."""

    def read(self) -> Levels:
        levels = Levels()
        cast = self._cast
        for who, call in (("patient", cast.patient), ("advisor", cast.tom), ("floorwalker", cast.sarah)):
            if call is None or call.state.over:
                continue
            levels.says[who] = self._level(call.sent)
            levels.hears[who] = self._level(call.received)
        auditor = cast.auditor
        if auditor is not None and not auditor.farewell:
            audio = auditor.since(self._marks.get(auditor, 0))
            self._marks[auditor] = len(auditor)
            # Both channels as one would hear them together.
            power = sum(10 ** (level_db(channel) / 10) for channel in audio)
            levels.hears["auditor"] = 10 * math.log10(power) if power > 0 else -math.inf
            if self.trim and len(auditor) > KEPT_PACKETS:
                auditor.forget()
                self._marks[auditor] = 0
        return levels

    def _level(self, recording: Recording) -> float:
        mark = self._marks.get(recording, 0)
        fresh = recording.since(mark)
        self._marks[recording] = mark + len(fresh)
        if self.trim and mark > KEPT_PACKETS:
            recording.clear()
            self._marks[recording] = 0
        return fresh.level_db()


def bar(level: float, width: int) -> str:
    """A level as a bar of `width` characters."""
    share = (level - QUIETEST_DB) / (LOUDEST_DB - QUIETEST_DB)
    filled = 0 if math.isinf(level) else max(0, min(width, round(width * share)))
    return "█" * filled + "·" * (width - filled)

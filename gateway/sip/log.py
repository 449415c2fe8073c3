"""PJSIP's own log into Python's, at the level that it means."""

from __future__ import annotations

import contextlib
import logging
import time

import pjsua2 as pj

log = logging.getLogger("gateway.sip.pjsip")

LEVELS = {0: logging.CRITICAL, 1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO}
"""PJSIP's level to Python's; what is not here is DEBUG."""
TOLD_PER_S = 10.0
TOLD_BURST = 100.0
"""Errors and warnings [# lines]: a stranger, whose messages many are about, must not fill up the log."""


class PjLog(pj.LogWriter):  # type: ignore[misc]
    """Given away to the library (`__disown__`), which frees it in `libDestroy`."""

    def __init__(self) -> None:
        super().__init__()
        self._brake = Brake()

    def write(self, entry: pj.LogEntry) -> None:
        with contextlib.suppress(Exception):  # one out of a director would end the process
            level = LEVELS.get(entry.level, logging.DEBUG)
            if level < logging.WARNING:
                log.log(level, "%s", entry.msg.strip())
            elif (left_out := self._brake.take(time.monotonic())) is not None:
                rest = f" ({left_out} lines before it were left out)" if left_out else ""
                log.log(level, "%s%s", entry.msg.strip(), rest)


class Brake:
    """So many a second, and a burst."""

    def __init__(self) -> None:
        self._tokens = TOLD_BURST
        self._filled_at_s = 0.0
        self._left_out = 0

    def take(self, now_s: float) -> int | None:
        """May this one be told? How many were not since the last that was; None: no."""
        self._tokens = min(TOLD_BURST, self._tokens + max(0.0, now_s - self._filled_at_s) * TOLD_PER_S)
        self._filled_at_s = now_s
        if self._tokens < 1.0:
            self._left_out += 1
            return None
        self._tokens -= 1.0
        left_out, self._left_out = self._left_out, 0
        return left_out

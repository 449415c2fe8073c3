"""PJSIP's own log into Python's, at the level that it means."""

from __future__ import annotations

import contextlib
import logging

import pjsua2 as pj

log = logging.getLogger("gateway.sip.pjsip")

LEVELS = {0: logging.CRITICAL, 1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO}
"""PJSIP's level to Python's; what is not here is DEBUG."""


class PjLog(pj.LogWriter):  # type: ignore[misc]
    """Given away to the library (`__disown__`), which frees it in `libDestroy`."""

    def write(self, entry: pj.LogEntry) -> None:
        with contextlib.suppress(Exception):  # one out of a director would end the process
            log.log(LEVELS.get(entry.level, logging.DEBUG), "%s", entry.msg.strip())

"""Who speaks in each live call, told to whoever watches the board: at most four times a second, and only what
has changed.

For all calls the media engine's own meters are read, ten times a second; where a call is tapped, a voice
detector says more (`heard`) and the meters only give the level. Not in the log: it is no event, but weather.
Loop's thread only.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from gateway.calls.newsroom import Newsroom
from gateway.calls.runner import Runner
from gateway.core.call import Call
from gateway.core.model import CallId, LegId
from gateway.core.ports import Media
from gateway.core.talk import Talk
from gateway.log import get_logger

log = get_logger(__name__)

LOOK_S = 0.1
LOOKS_A_TELLING = 3
"""So 3.3 times a second."""
SPEECH_DB = -45.0
"""A level above which audio counts as speech where no voice detector says better: well above a quiet room's
noise, well below soft speech.
"""
SILENCE_DB = -96
DETECTED_S = 0.5
"""So long a voice detector's word holds after its last."""


@dataclass(eq=False, slots=True)
class Board:
    """What is known of one call, and of that, what was told."""

    talk: Talk = field(default_factory=Talk)
    levels: tuple[int, int] = (SILENCE_DB, SILENCE_DB)
    told_levels: tuple[int, int] = (SILENCE_DB, SILENCE_DB)
    untold: bool = False
    detected_until_s: float = 0.0


class TalkDesk:
    def __init__(self, runner: Runner, media: Media) -> None:
        self.newsroom = Newsroom(quiet=True)
        self._runner = runner
        self._media = media
        self._boards: dict[CallId, Board] = {}
        self._timer: asyncio.TimerHandle | None = None
        """None: no call is live, and nobody looks."""
        self._looked_at_s = 0.0
        self._looks = 0

    def begin(self, call: CallId) -> None:
        """A call was answered."""
        self._boards[call] = Board()
        if self._timer is None:
            self._looked_at_s = self._runner.now().s
            self._timer = self._runner.later(LOOK_S, self._look)

    def shown(self, call: CallId) -> dict[str, Any] | None:
        """The figures of a call for its snapshot; None: not answered."""
        board = self._boards.get(call)
        return board.talk.facts() if board else None

    def forget(self, call: CallId) -> None:
        self._boards.pop(call, None)
        if not self._boards and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def heard(self, call: CallId, seconds: float, caller: bool, advisor: bool) -> None:
        """A voice detector's word on the next `seconds` of a call that is tapped."""
        board, live = self._boards.get(call), self._runner.calls.get(call)
        if board is not None and live is not None:
            board.detected_until_s = self._runner.now().s + DETECTED_S
            board.untold |= board.talk.hear(seconds, caller=caller, advisor=advisor, on_hold=live.on_hold)

    def _look(self) -> None:
        now_s = self._runner.now().s
        elapsed_s, self._looked_at_s = min(1.0, now_s - self._looked_at_s), now_s
        self._timer = self._runner.later(LOOK_S, self._look)
        try:
            levels = self._media.levels()
            for call in self._runner.calls.values():
                board = self._boards.get(call.id)
                if board is not None and call.live:
                    _measure(board, call, levels, elapsed_s, now_s)
            self._looks += 1
            if self._looks % LOOKS_A_TELLING == 0:
                self._tell()
        except Exception:
            log.exception("talk.fault")

    def _tell(self) -> None:
        by_team: dict[str, dict[CallId, list[int]]] = {}
        at = self._runner.now().at
        for name, board in self._boards.items():
            call = self._runner.calls.get(name)
            if call is None:
                continue
            if board.untold:
                board.untold = False
                self.newsroom.publish("call.talk", at, name, {"team": call.team, **board.talk.facts()})
            if board.levels != board.told_levels:
                board.told_levels = board.levels
                by_team.setdefault(call.team, {})[name] = list(board.levels)
        for team, levels in by_team.items():
            self.newsroom.publish("talk.levels", at, None, {"team": team, "levels": levels})


def _measure(board: Board, call: Call, levels: dict[LegId, float], elapsed_s: float, now_s: float) -> None:
    caller, advisor = (levels.get(leg, SILENCE_DB) for leg in call.party_legs)
    board.levels = round(caller), round(advisor)
    if now_s >= board.detected_until_s:
        heard = {"caller": caller > SPEECH_DB, "advisor": advisor > SPEECH_DB}
        board.untold |= board.talk.hear(elapsed_s, **heard, on_hold=call.on_hold)

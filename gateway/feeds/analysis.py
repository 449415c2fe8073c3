"""Talk analysis of every call, whether anybody listens or not (`[audit] talk_analysis`): its own tap on each,
read a few times a second, judged, and thrown away.

Runs on the asyncio loop's thread; nothing here blocks or awaits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.core.control import Control
from gateway.core.errors import NoRoute
from gateway.core.events import News
from gateway.core.model import CallId
from gateway.core.ports import Tap
from gateway.feeds.frames import FRAME_MS
from gateway.feeds.speech import Detector
from gateway.log import get_logger

log = get_logger(__name__)

LOOK_S = 0.1
FRAMES_A_LOOK = 25
"""After a hiccup the rest has to wait: other work comes first."""
OnSpeech = Callable[[CallId, float, bool, bool], None]
"""(call, seconds, does the caller speak, does the advisor)."""


@dataclass(eq=False, slots=True)
class Subject:
    tap: Tap
    detector: Detector = field(default_factory=Detector)


class Analyst:
    """From construction to `stop`."""

    def __init__(self, control: Control, on_speech: OnSpeech) -> None:
        self._control = control
        self._on_speech = on_speech
        self._loop = asyncio.get_running_loop()
        self._subjects: dict[CallId, Subject] = {}
        self._timer = self._loop.call_later(LOOK_S, self._look)
        self._unsubscribe = control.subscribe(self._on_news)

    def stop(self) -> None:
        self._unsubscribe()
        self._timer.cancel()
        for subject in self._subjects.values():
            subject.tap.close()
        self._subjects.clear()

    def _on_news(self, news: News) -> None:
        if news.call is None:
            return
        if news.kind == "call.answered":
            try:
                self._subjects[news.call] = Subject(self._control.open_analysis(news.call))
            except NoRoute:
                return
        elif news.kind == "call.ended" and news.call in self._subjects:
            self._subjects.pop(news.call).tap.close()

    def _look(self) -> None:
        self._timer = self._loop.call_later(LOOK_S, self._look)
        for call, subject in tuple(self._subjects.items()):
            try:
                self._judge(call, subject)
            except Exception:
                log.exception("analysis.failed", call=call)
                self._subjects.pop(call).tap.close()

    def _judge(self, call: CallId, subject: Subject) -> None:
        for _ in range(FRAMES_A_LOOK):
            due = subject.tap.read()
            if due is None:
                return
            self._on_speech(call, FRAME_MS / 1000, *subject.detector.judge(due[1]))

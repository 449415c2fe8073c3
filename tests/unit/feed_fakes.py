"""A tap, a sink and a call logic of paper, for the tests of feeds, web and MQTT."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import numpy as np

from gateway.core.errors import NoRoute, NotPermitted
from gateway.core.events import News
from gateway.core.model import CallId, LegId, Mode
from gateway.core.permissions import Action, User, decide

AUDITOR = User("aud1", "An Auditor", None, frozenset({"auditor"}), frozenset({"north"}))
FLOORWALKER = User("fw1", "A Floorwalker", "fw1", frozenset({"floorwalker"}), frozenset({"*"}))
ADVISOR = User("adv1", "An Advisor", "2001", frozenset({"advisor"}), frozenset({"north"}))
TOKENS = {"tok-auditor": AUDITOR, "tok-floorwalker": FLOORWALKER, "tok-advisor": ADVISOR}
AT = "2026-11-22T10:00:00.000Z"


def pair_at(media_ms: int) -> np.ndarray:
    """Two different ramps, so that a sample tells its channel and frame."""
    base = (media_ms // 20) % 100
    return np.array([np.arange(160) + base, -np.arange(160) - base], dtype=np.int16)


class FakeTap:
    """Frames are due when the test puts them in, or on their own every 20 ms of `clock`."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self.due: deque[tuple[int, Any, int]] = deque()
        self.closed = False
        self._clock = clock
        self._opened_s = clock() if clock else 0.0
        self._next_ms = 0
        self.error: Exception | None = None
        self.live = True
        self.media_time_ms = 0
        self.began_us = 0

    def put(self, *media_ms: int, missed_ms: int = 0) -> None:
        self.due.extend((at, pair_at(at), missed_ms) for at in media_ms)

    def read(self) -> tuple[int, Any, int] | None:
        if self.error:
            raise self.error
        if self._clock and (self._clock() - self._opened_s) * 1000 >= self._next_ms + 20 - 1e-3:
            self.put(self._next_ms)
            self._next_ms += 20
        return self.due.popleft() if self.due else None

    def wide(self) -> list[Any]:
        return [None, None]

    def close(self) -> None:
        self.closed = True


class FakeSink:
    """Takes `room` messages, then none until the test gives more."""

    def __init__(self, room: int = 10**9) -> None:
        self.room = room
        self.taken: list[str | bytes] = []
        self.closed: tuple[int, str] | None = None

    def try_write(self, message: str | bytes) -> bool:
        if self.room <= 0:
            return False
        self.room -= 1
        self.taken.append(message)
        return True

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


class FakeControl:
    """Two calls of two teams; says what was asked of it in `asked`."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self.call_list: list[dict[str, Any]] = [
            {"id": "c-1", "state": "talking", "advisor": {"id": "adv1", "team": "north"}},
            {"id": "c-2", "state": "ringing", "advisor": {"id": "adv2", "team": "south"}},
        ]
        self.alert_list: list[dict[str, Any]] = []
        self.asked: list[tuple[Any, ...]] = []
        self.taps: list[FakeTap] = []
        self.watchers: list[Callable[[News], None]] = []
        self._clock = clock
        self._numbers = count(1)

    def raise_drill(self) -> str:
        drill = f"d-{len(self.asked)}"
        self.asked.append(("drill", drill))
        for watcher in list(self.watchers):
            watcher(News("drill.raised", AT, None, {"drill": drill}))
        return drill

    def publish(self, kind: str, call: str | None = None, /, **data: Any) -> None:
        for watcher in tuple(self.watchers):
            watcher(News(kind, AT, None if call is None else CallId(call), data))

    def calls(self) -> list[dict[str, Any]]:
        return list(self.call_list)

    def alerts(self) -> list[dict[str, Any]]:
        return list(self.alert_list)

    def subscribe(self, watcher: Callable[[News], None]) -> Callable[[], None]:
        self.watchers.append(watcher)
        return lambda: self.watchers.remove(watcher) if watcher in self.watchers else None

    def subscribe_talk(self, watcher: Callable[[News], None]) -> Callable[[], None]:
        return lambda: None

    def _check(self, user: User | None, action: Action, call: str | None) -> None:
        known = next((c for c in self.call_list if c["id"] == call), None)
        if call is not None and known is None:
            raise NoRoute(f"no live call {call}")
        decision = decide(user, action, known["advisor"]["team"] if known else None)
        if not decision.allowed:
            raise NotPermitted(decision.why)

    def open_feed(
        self, user: User | None, call: CallId, *, history_s: float = 0.0, speed: float = 1.0
    ) -> FakeTap:
        self._check(user, Action.STREAM, call)
        self.taps.append(FakeTap(self._clock))
        return self.taps[-1]

    def close_feed(self, user: User, call: CallId, tap: Any, *, missed_ms: int, sent_frames: int) -> None:
        tap.close()
        self.asked.append(("close_feed", user.id, call, missed_ms, sent_frames))

    def set_mode(self, user: User | None, call: CallId, supervisor: LegId, mode: Mode) -> None:
        self._check(user, Action.of(mode), call)
        self.asked.append(("set_mode", user and user.id, call, supervisor, mode))

    def dismiss(self, user: User | None, call: CallId, supervisor: LegId) -> None:
        self._check(user, Action.LISTEN, call)
        self.asked.append(("dismiss", user and user.id, call, supervisor))

    def raise_alert(
        self, user: User | None, call: CallId | None, via: str, reason: str = ""
    ) -> dict[str, Any]:
        self._check(user, Action.RAISE, call)
        alert = {
            "id": f"a-{next(self._numbers)}",
            "state": "raised",
            "call": call,
            "advisor": {"id": "adv1", "extension": "2001", "team": "north"},
            "via": via,
            "reason": reason,
            "raised_by": user and user.id,
        }
        self.asked.append(("raise", user and user.id, call, via, reason))
        self.alert_list.append(alert)
        self.publish("alert.raised", call, **alert)
        return dict(alert)

    def _advance(self, user: User | None, alert: str, state: str) -> dict[str, Any]:
        self._check(user, Action.ACKNOWLEDGE, None)
        found = next((a for a in self.alert_list if a["id"] == alert), None)
        if found is None:
            raise NoRoute(f"no open alert {alert}")
        found.update(state=state)
        self.asked.append((state, user and user.id, alert))
        if state == "resolved":
            self.alert_list.remove(found)
        self.publish(f"alert.{state}", found["call"], **found)
        return dict(found)

    def acknowledge_alert(self, user: User | None, alert: str) -> dict[str, Any]:
        return self._advance(user, alert, "acknowledged")

    def resolve_alert(self, user: User | None, alert: str) -> dict[str, Any]:
        return self._advance(user, alert, "resolved")


def texts(messages: list[Mapping[str, Any] | str | bytes]) -> list[str]:
    return [message for message in messages if isinstance(message, str)]

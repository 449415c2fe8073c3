"""`WS /api/events`: a snapshot, then every event that the user may see."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, WebSocket

from gateway.core.control import Control, Floor
from gateway.core.events import News
from gateway.core.permissions import User
from gateway.log import get_logger
from gateway.web.auth import Authenticate
from gateway.web.connection import accept, wait_for_goodbye
from gateway.web.errors import refusal_for
from gateway.web.floor import help_for
from gateway.web.socket import SocketSink
from gateway.web.visible import Teams, alerts_for, calls_for, may_see
from gateway.web.watcher import State, Watcher, encode

log = get_logger(__name__)

TOO_SLOW = 4408
GOING_AWAY = 1001


@dataclass(eq=False, slots=True)
class Seat:
    user: User
    sink: SocketSink
    watcher: Watcher
    sweep: asyncio.TimerHandle | None = field(default=None)
    """Runs out when a watcher that is behind takes nothing."""


class Events:
    """One subscription to the call logic, fanned out: each event is encoded once, and given to those who may
    see it.
    """

    def __init__(self, control: Control, floor: Floor | None = None, *, stall_limit_s: float) -> None:
        self._control = control
        self._floor = floor
        self._stall_limit_s = stall_limit_s
        self._seats: list[Seat] = []
        self._dropped_by_gone = 0
        self._teams = Teams(control.calls)
        self._unsubscribe = control.subscribe(self._on_news), control.subscribe_talk(self._on_news)

    def add(self, user: User, sink: SocketSink) -> Seat:
        """Send the snapshot and, from now on, events. Raises NotPermitted."""

        def snapshot() -> dict[str, Any]:
            shown = {"calls": calls_for(user, self._control), "alerts": alerts_for(user, self._control)}
            if self._floor is None:
                return shown
            return {**shown, "duty": self._floor.duty(), "help": help_for(user, self._floor)}

        snapshot()
        seat = Seat(user, sink, Watcher(sink, snapshot))
        sink.on_writable(lambda: self._resume(seat))
        self._seats.append(seat)
        seat.watcher.start()
        self._watch_over(seat)
        return seat

    def remove(self, seat: Seat) -> None:
        """Safe twice."""
        if seat in self._seats:
            self._seats.remove(seat)
            self._dropped_by_gone += seat.watcher.dropped
        if seat.sweep is not None:
            seat.sweep.cancel()
        seat.sink.on_writable(None)

    @property
    def watchers(self) -> list[User]:
        """Who watches; one entry for each connection."""
        return [seat.user for seat in self._seats]

    @property
    def dropped(self) -> int:
        """Events that watchers were too slow for, since the start."""
        return self._dropped_by_gone + sum(seat.watcher.dropped for seat in self._seats)

    def stop(self) -> None:
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        for seat in tuple(self._seats):
            seat.sink.close(GOING_AWAY, "the gateway is stopping")
            self.remove(seat)

    def _on_news(self, news: News) -> None:
        team = self._teams.of(news.call, news.data, last=news.kind == "call.ended")
        text: str | None = None
        for seat in self._seats:
            if not may_see(seat.user, team):
                continue
            if text is None:
                text = encode(
                    {
                        "type": "event",
                        "kind": news.kind,
                        "at": news.at,
                        "call": news.call,
                        "data": dict(news.data),
                    }
                )
            seat.watcher.tell(text)
            self._watch_over(seat)

    def _resume(self, seat: Seat) -> None:
        seat.watcher.resume()
        if seat.sweep is not None:
            seat.sweep.cancel()
            seat.sweep = None
        self._watch_over(seat)

    def _watch_over(self, seat: Seat) -> None:
        if seat.sweep is None and seat.watcher.state is not State.LIVE:
            seat.sweep = asyncio.get_running_loop().call_later(self._stall_limit_s, self._cut_off, seat)

    def _cut_off(self, seat: Seat) -> None:
        log.warning(
            "events.stalled", user=seat.user.id, limit_s=self._stall_limit_s, missed=seat.watcher.missed
        )
        self.remove(seat)
        seat.sink.close(TOO_SLOW, "watcher too slow")


def events_router(events: Events, authenticate: Authenticate) -> APIRouter:
    router = APIRouter()

    @router.websocket("/api/events")
    async def watch(websocket: WebSocket) -> None:
        accepted = await accept(websocket, authenticate)
        if accepted is None:
            return
        user, sink = accepted
        try:
            seat = events.add(user, sink)
        except Exception as error:
            refusal = refusal_for(error)
            if refusal is None:
                raise
            sink.close(refusal.close_code, refusal.error)
            return
        try:
            await wait_for_goodbye(websocket, sink, user)
        finally:
            events.remove(seat)

    return router

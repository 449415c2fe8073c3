"""Keeps the live calls going: each event to its call, what it decides carried out, one timer a call.

What goes wrong inside one call is logged and costs at most the supervision of that call; other calls never
notice. Loop's thread only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from gateway.calls.carrying import Hands
from gateway.calls.newsroom import Newsroom
from gateway.calls.quality import rated
from gateway.core import actions as act
from gateway.core.call import Call
from gateway.core.clock import Moment
from gateway.core.errors import NoRoute
from gateway.core.events import LegEnded, MediaEvent, SignallingEvent, StreamQuality
from gateway.core.model import CallId, LegId, Role
from gateway.core.ports import Media, Signalling
from gateway.log import get_logger, rfc3339

log = get_logger(__name__)

NO_CALL = CallId("")


class Loop(Protocol):
    """What is needed of the asyncio loop; tests give a fake clock."""

    def time(self) -> float: ...
    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle: ...


class AlertsOfCalls(Protocol):
    """What a call's doings mean for its alert; implemented by `alarms.AlertDesk` behind the exchange."""

    def panicked(self, call: Call) -> None: ...
    def answered(self, alert: str, user: str) -> None: ...
    def failed(self, alert: str, user: str, code: int) -> None: ...
    def call_ended(self, call: CallId) -> None: ...
    def shown(self, call: CallId) -> dict[str, str] | None: ...


class TalkOfCalls(Protocol):
    """Who speaks; implemented by `talkdesk.TalkDesk`."""

    def begin(self, call: CallId) -> None: ...
    def shown(self, call: CallId) -> dict[str, Any] | None: ...
    def forget(self, call: CallId) -> None: ...


class Runner:
    def __init__(
        self,
        signalling: Signalling,
        media: Media,
        loop: Loop,
        wall: Callable[[], datetime],
        newsroom: Newsroom,
    ) -> None:
        self.calls: dict[CallId, Call] = {}
        self.alerts: AlertsOfCalls
        self.talk: TalkOfCalls
        """Both set by the exchange before the first event."""
        self.on_end: Callable[[CallId], None] = lambda _: None
        """Told of each call that has ended, after its alert."""
        self._call_of: dict[LegId, CallId] = {}
        self._timers: dict[CallId, asyncio.TimerHandle] = {}
        self._quality: dict[CallId, dict[str, Any]] = {}
        self._loop = loop
        self._wall = wall
        self._newsroom = newsroom
        self._hands = Hands(signalling, media, self.later)

    # ── the registry ──

    def add(self, call: Call) -> None:
        """A new call, started; what it has decided so far is carried out."""
        self.calls[call.id] = call
        for leg in call.leg_ids():
            self.adopt(call, leg)
        self.carry(call)

    def adopt(self, call: Call, leg: LegId) -> None:
        """Events of `leg` go to `call` from now on."""
        self._call_of[leg] = call.id

    def of_leg(self, leg: LegId) -> Call | None:
        return self.calls.get(self._call_of.get(leg, NO_CALL))

    def live(self, call: CallId) -> Call:
        """Raises `NoRoute` for a call that is unknown or over."""
        found = self.calls.get(call)
        if found is None or found.over:
            raise NoRoute(f"no live call {call}")
        return found

    def count(self) -> int:
        """How many calls are not over."""
        return sum(not call.over for call in self.calls.values())

    def on_extension(self, extension: str) -> Call | None:
        """The advisor's conversation; of several the one where they still are, then the newest."""
        found = [call for call in self.calls.values() if call.live and call.extension == extension]
        return max(found, key=lambda call: (call.advisor_present, call.answered_at or ""), default=None)

    def snapshot(self, call: Call) -> dict[str, Any]:
        return {
            **call.snapshot(),
            "alert": self.alerts.shown(call.id),
            "talk": self.talk.shown(call.id),
            "quality": self._quality.get(call.id, {}),
        }

    def measured(self, event: StreamQuality) -> None:
        """A leg's line was measured: told, and kept in the call's snapshot where it is a party's."""
        call = self.of_leg(event.leg)
        part = call.part(event.leg) if call else None
        if call is None or part is None:
            return
        role, media = part
        facts = rated(event, media) if media else None
        if facts is None:
            return
        if role is not Role.SUPERVISOR:
            self._quality.setdefault(call.id, {})[role.value] = facts
        self.publish(
            "stream.quality", call.id, {"team": call.team, "leg": event.leg, "role": role.value, **facts}
        )

    # ── running ──

    def give(self, event: SignallingEvent | MediaEvent) -> None:
        """An event of one of the legs; one of a leg that nobody knows (any more) is passed over."""
        call = self.of_leg(event.leg)
        if call is not None:
            self.run(call, lambda: call.handle(event, self.now()), event)

    def run(
        self, call: Call, step: Callable[[], object], event: SignallingEvent | MediaEvent | None = None
    ) -> None:
        """One step of a call's logic, then what it decided. Never raises."""
        try:
            step()
        except Exception:
            log.exception("call.fault", call=call.id, on=type(event).__name__)
            self._salvage(call, event)
        self.carry(call)

    def carry(self, call: Call) -> None:
        """Carry out what was decided, and what follows from that, until nothing is left."""
        while actions := call.take_actions():
            for action in actions:
                mine, consequence = self._hands.carry(call.id, action)
                try:
                    if not mine:
                        self._do(call, action)
                    if consequence is not None:
                        call.handle(consequence, self.now())
                except Exception:
                    log.exception("call.fault", call=call.id, on=type(action).__name__)
        self._arm(call)

    def _do(self, call: Call, action: act.Action) -> None:
        match action:
            case act.Publish():
                self.publish(action.kind, call.id, {"team": call.team, **action.data})
            case act.PublishCall():
                why = {"why": action.why} if action.why else {}
                if action.kind == "call.answered":
                    self.talk.begin(call.id)
                self.publish(action.kind, call.id, {**self.snapshot(call), **why})
                if action.kind == "call.ended":
                    self.alerts.call_ended(call.id)
                    self.on_end(call.id)
                    self.talk.forget(call.id)
            case act.CountPackets():
                call.counted({leg: self._hands.packets(leg) for leg in action.legs}, self.now())
            case act.Panic():
                self.alerts.panicked(call)
            case act.SummonsAnswered():
                self.alerts.answered(action.alert, action.user)
            case act.SummonsFailed():
                self.alerts.failed(action.alert, action.user, action.code)
            case act.Gone():
                self._forget(call)

    def _salvage(self, call: Call, event: SignallingEvent | MediaEvent | None) -> None:
        """After a defect: a party's hang-up must still end the call, a supervisor's trouble ends with
        them.
        """
        if event is None or call.id not in self.calls:
            return
        if not call.is_party(event.leg):
            self.hang_up(event.leg)
            try:
                call.dismiss(event.leg, "fault", self.now())
            except Exception:
                log.exception("call.fault", call=call.id, on="dismiss")
        elif isinstance(event, LegEnded):
            self.carry(call)
            for leg in call.leg_ids():
                self.hang_up(leg)
            self._hands.carry(call.id, act.RemoveMedia())
            self._forget(call)
            self.publish("call.ended", call.id, {**self.snapshot(call), "state": "ended", "why": "fault"})
            self.alerts.call_ended(call.id)
            self.on_end(call.id)
            self.talk.forget(call.id)

    def _forget(self, call: Call) -> None:
        self.calls.pop(call.id, None)
        self._quality.pop(call.id, None)
        for leg in [leg for leg, of in self._call_of.items() if of == call.id]:
            del self._call_of[leg]

    def hang_up(self, leg: LegId, code: int = 0, retry_after_s: int | None = None) -> None:
        """End a leg, whether it belongs to a call or not."""
        self._hands.carry(NO_CALL, act.HangUp(leg, code, retry_after_s))

    def publish(self, kind: str, call: CallId | None, data: Mapping[str, Any]) -> None:
        self._newsroom.publish(kind, self.now().at, call, data)

    # ── time ──

    def now(self) -> Moment:
        return Moment(self._loop.time(), rfc3339(self._wall()))

    def later(self, delay_s: float, step: Callable[[], None]) -> asyncio.TimerHandle:
        """Run `step` after that time."""
        return self._loop.call_at(self._loop.time() + delay_s, step)

    def stop(self) -> None:
        """Run no timer any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _arm(self, call: Call) -> None:
        """One timer a call, for its next deadline."""
        timer = self._timers.pop(call.id, None)
        due_s = call.deadline_s() if call.id in self.calls else None
        if timer is not None and due_s is not None and timer.when() == due_s:
            self._timers[call.id] = timer
            return
        if timer is not None:
            timer.cancel()
        if due_s is not None:
            self._timers[call.id] = self._loop.call_at(due_s, lambda: self._tick(call))

    def _tick(self, call: Call) -> None:
        self._timers.pop(call.id, None)
        self.run(call, lambda: call.tick(self.now()))

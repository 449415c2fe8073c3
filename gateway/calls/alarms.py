"""The alerts of this gateway: the book of open ones, and each one's ladder (`core.escalation`) climbed until
somebody comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from gateway.core.alert import Alert, AlertState
from gateway.core.clock import Moment
from gateway.core.errors import NoRoute
from gateway.core.escalation import Escalation, Tier
from gateway.core.model import CallId
from gateway.log import get_logger

log = get_logger(__name__)


RESTORE_S = 2.0
"""After a restart, until what is open rings again [s]: telephones can be called only once everything runs."""


class Timer(Protocol):
    def cancel(self) -> None: ...


class AlertDesk:
    """Loop's thread only.

    `ring(alert, target)`: call this user or URI about it; False where that cannot be done now. Later
    `summons_answered` or `summons_failed`. `hush(alert, target)`: let their phone be silent again.
    `on_duty(team)`: who is on duty for a team. `attended(alert)`: is the one who acknowledged it on its call?
    """

    def __init__(
        self,
        tiers: Sequence[Tier],
        standing: Sequence[str],
        *,
        ring: Callable[[Alert, str], bool],
        hush: Callable[[Alert, str], None],
        on_duty: Callable[[str], Sequence[str]],
        attended: Callable[[Alert], bool],
        publish: Callable[[str, CallId | None, Mapping[str, Any]], None],
        later: Callable[[float, Callable[[], None]], Timer],
        now: Callable[[], Moment],
        new_id: Callable[[], str],
    ) -> None:
        self._tiers = tiers
        self._standing = standing
        self._ring = ring
        self._hush = hush
        self._on_duty = on_duty
        self._attended = attended
        self._publish = publish
        self._later = later
        self._now = now
        self._new_id = new_id
        self._open: dict[str, Alert] = {}
        self._ladders: dict[str, Escalation] = {}
        self._timers: dict[str, Timer] = {}

    def snapshots(self) -> list[dict[str, Any]]:
        """The alerts not yet resolved, oldest first."""
        return [alert.snapshot() for alert in self._open.values()]

    def of_call(self, call: CallId) -> Alert | None:
        """The call's open alert."""
        return next((alert for alert in self._open.values() if alert.call == call), None)

    def find(self, alert: str) -> Alert:
        """Raises `NoRoute` for one that is unknown or resolved."""
        if alert not in self._open:
            raise NoRoute(f"no open alert {alert}")
        return self._open[alert]

    def of_person(self, person: str) -> Alert | None:
        """The newest open alert that is about this advisor, or that this person has raised."""
        mine = [alert for alert in self._open.values() if person in (alert.advisor_id, alert.raised_by)]
        return mine[-1] if mine else None

    def raise_(self, call: CallId | None, advisor: dict[str, str], by: str, via: str, reason: str) -> Alert:
        """A new alert, or the open one of the same call (of the same person where no call is concerned),
        counted.
        """
        same = self.of_call(call) if call else self._callless(by)
        if same is not None:
            same.raise_again()
            if same.state is AlertState.ACKNOWLEDGED and call is not None and not self._attended(same):
                same.reopen()
                same.reach(1, self._tiers[0].name, self._now().at)
            self._publish("alert.repeated", call, same.snapshot())
            self._summon(same)
            return same
        alert = Alert(self._new_id(), call, advisor, by, via, reason, self._now().at)
        self._open[alert.id] = alert
        alert.on_duty = len(self._on_duty(alert.team))
        alert.reach(1, self._tiers[0].name, self._now().at)
        self._publish("alert.raised", call, alert.snapshot())
        self._summon(alert)
        return alert

    def acknowledge(self, alert: Alert, by: str) -> None:
        """The first wins, and all the others' phones fall silent. A later one changes nothing; both are told
        of it.
        """
        at = self._now().at
        if alert.acknowledge(by, at):
            self._publish("alert.acknowledged", alert.call, alert.snapshot())
            self._settle(alert, came=by)
        elif alert.also_acknowledge(by, at):
            self._publish("alert.also_acknowledged", alert.call, alert.snapshot())

    def resolve(self, alert: Alert, by: str) -> None:
        if alert.resolve(by, self._now().at):
            self._forget(alert)

    def call_ended(self, call: CallId) -> None:
        """An acknowledged alert is over with its call. Another one goes on ringing until somebody has seen
        it: only now there is no call that they could be put on.
        """
        alert = self.of_call(call)
        if alert is not None:
            alert.call_ended = True
            self._settle(alert)

    def restore(self, kept: Iterable[Mapping[str, Any]]) -> None:
        """Take up what was open when the gateway ended: the escalation goes on where it would be by now."""
        for facts in kept:
            if facts["id"] in self._open:
                continue
            alert, now = Alert.restored(facts), self._now()
            self._open[alert.id] = alert
            self._publish("alert.restored", alert.call, alert.snapshot())
            self._settle(alert)
            if alert.state is AlertState.RAISED:
                begun_s = now.s - max(0.0, _seconds(alert.raised_at, now.at))
                self._ladders[alert.id] = Escalation(self._tiers, self._standing, begun_s)
                self._arm(alert.id, RESTORE_S)

    def duty_changed(self) -> None:
        """Somebody came or went: who is rung now may differ."""
        for alert in list(self._open.values()):
            self._step(alert.id)

    def summons_answered(self, alert: str, target: str) -> None:
        if alert in self._open:
            self.acknowledge(self._open[alert], target)

    def summons_failed(self, alert: str, target: str, code: int) -> None:
        """They did not come: the next one, after a pause."""
        ladder = self._ladders.get(alert)
        if ladder is not None and target in ladder.ringing:
            log.info("alert.unanswered", alert=alert, target=target, code=code)
            ladder.failed(target, self._now().s, self._on_duty(self._open[alert].team))
            # Not at once: this is told in the middle of what has just ended.
            self._arm(alert, 0.0)

    def _callless(self, by: str) -> Alert | None:
        return next(
            (alert for alert in self._open.values() if alert.call is None and alert.raised_by == by), None
        )

    def _summon(self, alert: Alert) -> None:
        """Begin to ring about an alert, unless that is under way."""
        if alert.state is AlertState.RAISED and alert.id not in self._ladders:
            self._ladders[alert.id] = Escalation(self._tiers, self._standing, self._now().s)
            self._step(alert.id)

    def _step(self, alert_id: str) -> None:
        """Climb as far as time says, ring whom there is to ring, and come back when there is more to do."""
        ladder = self._ladders.get(alert_id)
        if ladder is None:
            return
        alert, now = self._open[alert_id], self._now()
        on_duty = self._on_duty(alert.team)
        for number, tier in ladder.advance(now.s, on_duty):
            if number > alert.tier:
                alert.reach(number, tier.name, now.at)
                self._publish("alert.escalated", alert.call, alert.snapshot())
        while alert.state is AlertState.RAISED and (target := ladder.next(now.s, on_duty)) is not None:
            # First: it may fail, and tell so, while it is being carried out.
            ladder.started(target, on_duty)
            if not self._ring(alert, target):
                ladder.unrung(target, now.s, on_duty)
        if ladder.newly_in_vain(on_duty):
            log.error("alert.nobody_came", alert=alert_id, tier=alert.snapshot()["tier"])
        due_s = ladder.due_s(on_duty)
        if due_s is not None and alert.state is AlertState.RAISED:
            self._arm(alert_id, max(0.0, due_s - now.s))

    def _arm(self, alert_id: str, delay_s: float) -> None:
        self._disarm(alert_id)
        self._timers[alert_id] = self._later(delay_s, lambda: self._step(alert_id))

    def _disarm(self, alert_id: str) -> None:
        if timer := self._timers.pop(alert_id, None):
            timer.cancel()

    def _stop(self, alert: Alert, came: str | None = None) -> None:
        """Ring no more. came: whose phone may go on ringing, since they are coming."""
        self._disarm(alert.id)
        ladder = self._ladders.pop(alert.id, None)
        for target in ladder.ringing - {came} if ladder else ():
            self._hush(alert, target)

    def _settle(self, alert: Alert, came: str | None = None) -> None:
        if alert.state is not AlertState.RAISED:
            self._stop(alert, came)
        if alert.settled() and alert.resolve("call ended", self._now().at):
            self._forget(alert)

    def _forget(self, alert: Alert) -> None:
        self._stop(alert)
        del self._open[alert.id]
        self._publish("alert.resolved", alert.call, alert.snapshot())


def _seconds(since: str, until: str) -> float:
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()

"""The alerts of this gateway: the book of open ones, and the ringing of floorwalkers about each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.core.alert import Alert, AlertState, RingList
from gateway.core.errors import NoRoute
from gateway.core.model import CallId
from gateway.log import get_logger

log = get_logger(__name__)

PAUSE_S = 3.0
"""Between one attempt that failed and the next [s]: a phone that is busy now is given a moment."""
LONG_PAUSE_S = 15.0
"""The same once everyone has been rung several times [s]. It never ends before somebody comes."""


class AlertDesk:
    """Loop's thread only.

    `ring(alert, user)`: call this user about it; False where that cannot be done now. Later
    `summons_answered` or `summons_failed`. `attended(alert)`: is the one who acknowledged it on its call?
    """

    def __init__(
        self,
        ring_users: Sequence[str],
        *,
        ring: Callable[[Alert, str], bool],
        attended: Callable[[Alert], bool],
        publish: Callable[[str, CallId | None, Mapping[str, Any]], None],
        later: Callable[[float, Callable[[], None]], object],
        now: Callable[[], str],
        new_id: Callable[[], str],
    ) -> None:
        self._ring_users = ring_users
        self._ring = ring
        self._attended = attended
        self._publish = publish
        self._later = later
        self._now = now
        self._new_id = new_id
        self._open: dict[str, Alert] = {}
        self._lists: dict[str, RingList] = {}

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

    def raise_(self, call: CallId | None, advisor: dict[str, str], by: str, via: str, reason: str) -> Alert:
        """A new alert, or the open one of the same call (of the same person where no call is concerned),
        counted.
        """
        same = self.of_call(call) if call else self._callless(by)
        if same is not None:
            same.raise_again()
            if same.state is AlertState.ACKNOWLEDGED and call is not None and not self._attended(same):
                same.reopen()
            self._publish("alert.repeated", call, same.snapshot())
            self._summon(same)
            return same
        alert = Alert(self._new_id(), call, advisor, by, via, reason, self._now())
        self._open[alert.id] = alert
        self._publish("alert.raised", call, alert.snapshot())
        self._summon(alert)
        return alert

    def acknowledge(self, alert: Alert, by: str) -> None:
        """The first wins; later ones change nothing."""
        if alert.acknowledge(by, self._now()):
            self._publish("alert.acknowledged", alert.call, alert.snapshot())
            self._settle(alert)

    def resolve(self, alert: Alert, by: str) -> None:
        if alert.resolve(by, self._now()):
            self._forget(alert)

    def call_ended(self, call: CallId) -> None:
        """An acknowledged alert is over with its call; another one stays until somebody has seen it."""
        alert = self.of_call(call)
        if alert is not None:
            alert.call_ended = True
            self._lists.pop(alert.id, None)
            self._settle(alert)

    def summons_answered(self, alert: str, user: str) -> None:
        if alert in self._open:
            self.acknowledge(self._open[alert], user)

    def summons_failed(self, alert: str, user: str, code: int) -> None:
        """They did not come: the next one, after a pause."""
        if alert in self._lists:
            log.info("alert.unanswered", alert=alert, user=user, code=code)
            self._ring_later(alert)

    def _callless(self, by: str) -> Alert | None:
        return next(
            (alert for alert in self._open.values() if alert.call is None and alert.raised_by == by), None
        )

    def _summon(self, alert: Alert) -> None:
        """Begin to ring about an alert on a call, unless that is under way."""
        if alert.call is not None and alert.state is AlertState.RAISED and alert.id not in self._lists:
            self._lists[alert.id] = RingList(self._ring_users)
            self._ring_next(alert)

    def _ring_later(self, alert: str) -> None:
        pause_s = LONG_PAUSE_S if self._lists[alert].exhausted else PAUSE_S
        self._later(pause_s, lambda: self._ring_again(alert))

    def _ring_again(self, alert: str) -> None:
        if alert in self._lists:
            self._ring_next(self._open[alert])

    def _ring_next(self, alert: Alert) -> None:
        """Ring the next one who can be rung; with nobody to be rung now, try again after a pause."""
        ring_list = self._lists[alert.id]
        for _ in range(len(ring_list)):
            if alert.state is not AlertState.RAISED:
                return
            exhausted = ring_list.exhausted
            rung = self._ring(alert, ring_list.next())
            if ring_list.exhausted and not exhausted:
                log.error("alert.nobody_came", alert=alert.id, rang=list(self._ring_users))
            if rung:
                return
        if len(ring_list):
            self._ring_later(alert.id)
        else:
            log.error("alert.nobody_to_ring", alert=alert.id)

    def _settle(self, alert: Alert) -> None:
        if alert.state is not AlertState.RAISED:
            self._lists.pop(alert.id, None)
        if alert.settled() and alert.resolve("call ended", self._now()):
            self._forget(alert)

    def _forget(self, alert: Alert) -> None:
        self._lists.pop(alert.id, None)
        del self._open[alert.id]
        self._publish("alert.resolved", alert.call, alert.snapshot())

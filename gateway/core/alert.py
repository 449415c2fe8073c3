"""An advisor's alert: raised, acknowledged, resolved; and whom to ring about it next.

    RAISED ─acknowledge─► ACKNOWLEDGED ─resolve─► RESOLVED        (RAISED may be resolved at once, too)

Raising again on a call whose alert is still open is the same alert, counted. An acknowledged alert resolves
itself when its call ends; one that nobody has acknowledged outlives its call, and is resolved by the
acknowledgement. Nothing here is forgotten by a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from gateway.core.errors import GatewayError
from gateway.core.model import CallId

RING_ROUNDS = 5
"""How often everyone on the list is rung before ringing ends; the alert stays raised."""


class AlertState(StrEnum):
    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


_ALLOWED = {
    AlertState.RAISED: {AlertState.ACKNOWLEDGED, AlertState.RESOLVED},
    AlertState.ACKNOWLEDGED: {AlertState.RESOLVED},
    AlertState.RESOLVED: set[AlertState](),
}


class WrongAlertState(GatewayError):
    """A change that the alert's state does not allow; names both."""


class Alert:
    """One alert. Times are RFC 3339 text, given."""

    def __init__(
        self,
        alert: str,
        call: CallId | None,
        advisor: dict[str, str],
        by: str,
        via: str,
        reason: str,
        at: str,
    ) -> None:
        self.id = alert
        self.call = call
        self.team = advisor.get("team", "")
        self.state = AlertState.RAISED
        self.call_ended = False
        self.raised_by = by
        self._facts: dict[str, Any] = {
            "id": alert,
            "call": call,
            "advisor": advisor,
            "team": self.team,
            "raised_by": by,
            "via": via,
            "reason": reason,
            "raised_at": at,
            "raised_times": 1,
            "acknowledged_by": None,
            "acknowledged_at": None,
            "resolved_by": None,
            "resolved_at": None,
        }

    @property
    def open(self) -> bool:
        return self.state is not AlertState.RESOLVED

    def raise_again(self) -> None:
        """The same trouble, keyed once more."""
        self._facts["raised_times"] += 1

    def acknowledge(self, by: str, at: str) -> bool:
        """Someone takes care of it; the first one wins. False: somebody had already."""
        if self.state is not AlertState.RAISED:
            return False
        self._enter(AlertState.ACKNOWLEDGED)
        self._facts.update(acknowledged_by=by, acknowledged_at=at)
        return True

    def resolve(self, by: str, at: str) -> bool:
        """It is over. False: it was before."""
        if self.state is AlertState.RESOLVED:
            return False
        self._enter(AlertState.RESOLVED)
        self._facts.update(resolved_by=by, resolved_at=at)
        return True

    def settled(self) -> bool:
        """Is nothing left to be done: acknowledged, and its call over?"""
        return self.state is AlertState.ACKNOWLEDGED and self.call_ended

    def snapshot(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**self._facts, "state": self.state.value}

    def _enter(self, state: AlertState) -> None:
        if state not in _ALLOWED[self.state]:
            raise WrongAlertState(f"alert {self.id} is {self.state.value}: {state.value} cannot follow")
        self.state = state


class RingList:
    """Whom to ring about one alert: each in turn, round after round, up to `RING_ROUNDS`."""

    def __init__(self, users: Sequence[str], rounds: int = RING_ROUNDS) -> None:
        self._users = tuple(users)
        self._left = len(self._users) * rounds
        self._next = 0

    def next(self) -> str | None:
        """The next user's id; None: everyone has been rung often enough."""
        if self._left <= 0:
            return None
        self._left -= 1
        user = self._users[self._next % len(self._users)]
        self._next += 1
        return user

"""An advisor's alert: raised, acknowledged, resolved. Whom it rings: `core.escalation`.

    RAISED ─acknowledge─► ACKNOWLEDGED ─resolve─► RESOLVED        (RAISED may be resolved at once, too)
       ◄────reopen────────

Raising again on a call whose alert is still open is the same alert, counted; where whoever acknowledged it
has gone again, it is reopened. An acknowledged alert resolves
itself when its call ends; one that nobody has acknowledged outlives its call, and is resolved by the
acknowledgement. Nothing here is forgotten by a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from gateway.core.errors import GatewayError
from gateway.core.model import CallId


class AlertState(StrEnum):
    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


_ALLOWED = {
    AlertState.RAISED: {AlertState.ACKNOWLEDGED, AlertState.RESOLVED},
    AlertState.ACKNOWLEDGED: {AlertState.RAISED, AlertState.RESOLVED},
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
        self.advisor_id = advisor.get("id", "")
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
            "also_acknowledged": [],
            "on_duty": 0,
            "tier": None,
            "resolved_by": None,
            "resolved_at": None,
            "restarts": 0,
        }

    @classmethod
    def restored(cls, facts: Mapping[str, Any]) -> Alert:
        """One from before a restart of the gateway, from what `snapshot` told; its call ended with that.
        Raises KeyError or ValueError.
        """
        found = cls(
            str(facts["id"]),
            None if facts["call"] is None else CallId(facts["call"]),
            dict(facts["advisor"]),
            str(facts["raised_by"]),
            str(facts["via"]),
            str(facts["reason"]),
            str(facts["raised_at"]),
        )
        found.state = AlertState(facts["state"])
        found.call_ended = found.call is not None
        found._facts.update({name: facts[name] for name in found._facts if name in facts})
        found._facts["restarts"] += 1
        return found

    @property
    def raised_at(self) -> str:
        at: str = self._facts["raised_at"]
        return at

    @property
    def tier(self) -> int:
        """The number of the tier that it has reached; 0: none yet."""
        return int(self._facts["tier"]["number"]) if self._facts["tier"] else 0

    @property
    def open(self) -> bool:
        return self.state is not AlertState.RESOLVED

    def raise_again(self) -> None:
        """The same trouble, keyed once more."""
        self._facts["raised_times"] += 1

    def reopen(self) -> None:
        """Help is needed anew: nobody is there who acknowledged it."""
        self._enter(AlertState.RAISED)
        self._facts.update(acknowledged_by=None, acknowledged_at=None, also_acknowledged=[])

    @property
    def acknowledged_by(self) -> str | None:
        by: str | None = self._facts["acknowledged_by"]
        return by

    def acknowledge(self, by: str, at: str) -> bool:
        """Someone takes care of it; the first one wins. False: somebody had already."""
        if self.state is not AlertState.RAISED:
            return False
        self._enter(AlertState.ACKNOWLEDGED)
        self._facts.update(acknowledged_by=by, acknowledged_at=at)
        return True

    def also_acknowledge(self, by: str, at: str) -> bool:
        """Someone else comes, too: told to both, and nothing else changes. False: they are known to come."""
        others: list[dict[str, str]] = self._facts["also_acknowledged"]
        if self.state is not AlertState.ACKNOWLEDGED or by in {
            self.acknowledged_by,
            *(one["by"] for one in others),
        }:
            return False
        self._facts["also_acknowledged"] = [*others, {"by": by, "at": at}]
        return True

    def reach(self, number: int, name: str, at: str) -> None:
        """A tier of the escalation is reached; number from 1."""
        self._facts["tier"] = {"number": number, "name": name, "at": at}

    @property
    def on_duty(self) -> int:
        """How many were on duty for the team when it was raised."""
        count: int = self._facts["on_duty"]
        return count

    @on_duty.setter
    def on_duty(self, count: int) -> None:
        self._facts["on_duty"] = count

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

"""Which calls, alerts and events a user may see: those of their teams, by `core.permissions`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gateway.core.control import Control
from gateway.core.errors import NoRoute, NotPermitted
from gateway.core.permissions import Action, User, decide


def require_watch(user: User) -> None:
    """Raises NotPermitted unless one of the user's roles may watch at all."""
    decision = decide(user, Action.WATCH, None)
    if not decision.allowed:
        raise NotPermitted(decision.why)


def may_see(user: User, team: str | None) -> bool:
    """Is what belongs to this team shown to `user`? None: to whoever may watch at all."""
    return decide(user, Action.WATCH, team).allowed


def team_of(facts: Mapping[str, Any]) -> str | None:
    """The team that a call, an alert or an event's data belongs to; None: it does not say."""
    if "team" in facts:
        return str(facts["team"])
    advisor = facts.get("advisor")
    return str(advisor["team"]) if isinstance(advisor, Mapping) and "team" in advisor else None


def calls_for(user: User, control: Control) -> list[dict[str, Any]]:
    """Snapshots of the calls of the user's teams. Raises NotPermitted."""
    require_watch(user)
    return [call for call in control.calls() if may_see(user, team_of(call))]


def call_for(user: User, control: Control, call: str) -> dict[str, Any]:
    """One call's snapshot. Raises NotPermitted, and NoRoute also for a call of another team: its existence is
    not told.
    """
    for snapshot in calls_for(user, control):
        if snapshot.get("id") == call:
            return snapshot
    raise NoRoute(f"no live call {call}")


def alerts_for(user: User, control: Control) -> list[dict[str, Any]]:
    """Snapshots of the open alerts of the user's teams. Raises NotPermitted."""
    require_watch(user)
    return [alert for alert in control.alerts() if may_see(user, team_of(alert))]


class Teams:
    """Remembers which team a call belongs to, for events that do not say so themselves."""

    def __init__(self, calls: Callable[[], list[dict[str, Any]]]) -> None:
        self._calls = calls
        self._team_by_call: dict[str, str] = {}

    def of(self, call: str | None, data: Mapping[str, Any], *, last: bool) -> str | None:
        """The team of an event; `last`: nothing more comes for this call.

        Empty for a call whose team is not known: only people of all teams see it. None: it concerns no call.
        """
        team = team_of(data)
        if call is None:
            return team
        if team is None:
            if call not in self._team_by_call:
                self._team_by_call.update((known["id"], team_of(known) or "") for known in self._calls())
            team = self._team_by_call.get(call, "")
        if last:
            self._team_by_call.pop(call, None)
        elif call in self._team_by_call or team_of(data) is not None:
            self._team_by_call[call] = team
        return team

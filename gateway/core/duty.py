"""Who is on duty: floorwalkers who have said that they are here to help, for which teams. Pure.

A person is on duty until they say otherwise: nothing here is forgotten by a clock, since a clock that ends a
shift would take help away unseen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.core.permissions import User

ALL_TEAMS = "*"


@dataclass(frozen=True, slots=True)
class Shift:
    """One person's duty."""

    user: str
    name: str
    clinical: bool
    """May they give clinical advice?"""
    teams: frozenset[str]
    """Whose alerts and questions they take; `*` stands for all."""
    since: str
    """RFC 3339 UTC."""

    def covers(self, team: str) -> bool:
        return bool(self.teams & {team, ALL_TEAMS})

    def snapshot(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "user": self.user,
            "name": self.name,
            "on": True,
            "clinical": self.clinical,
            "teams": sorted(self.teams),
            "since": self.since,
        }


def off(user: User) -> dict[str, Any]:
    """What is told of somebody who is not on duty; the same fields as of one who is."""
    return {"user": user.id, "name": user.name, "on": False, "clinical": False, "teams": [], "since": None}


class Roster:
    """The shifts under way, in the order in which they began."""

    def __init__(self) -> None:
        self._shifts: dict[str, Shift] = {}

    def begin(self, user: User, clinical: bool, teams: Iterable[str] | None, at: str) -> Shift:
        """Put `user` on duty, or change what they are on duty for; `since` stays where they were already.

        teams None: all those that they may act on. Raises ValueError for none, and for a team that is not
        theirs.
        """
        wanted = frozenset(user.teams if teams is None else teams)
        if not wanted:
            raise ValueError("teams: at least one is needed; leave it out for all of yours")
        if ALL_TEAMS not in user.teams and (foreign := wanted - user.teams):
            yours = ", ".join(sorted(user.teams)) or "none"
            raise ValueError(f"teams: {', '.join(sorted(foreign))} is not yours; allowed: {yours}")
        before = self._shifts.get(user.id)
        shift = Shift(user.id, user.name, clinical, wanted, before.since if before else at)
        self._shifts[user.id] = shift
        return shift

    def end(self, user: str) -> bool:
        """False: they were not on duty."""
        return self._shifts.pop(user, None) is not None

    def restore(self, facts: Mapping[str, Any], user: User) -> bool:
        """Take up a shift from before a restart, as `snapshot` told of it. False: they may no longer."""
        teams = frozenset(str(team) for team in facts["teams"])
        allowed = teams if ALL_TEAMS in user.teams else teams & user.teams
        if not allowed:
            return False
        self._shifts[user.id] = Shift(
            user.id, user.name, bool(facts["clinical"]), allowed, str(facts["since"])
        )
        return True

    def of(self, user: str) -> Shift | None:
        return self._shifts.get(user)

    def for_team(self, team: str) -> tuple[str, ...]:
        """Ids of those on duty for a team: the clinical ones first, then by how long they have been there.

        A team of "" is that of an advisor who is not configured: those of all teams take it.
        """
        found = [shift for shift in self._shifts.values() if shift.covers(team)]
        return tuple(shift.user for shift in sorted(found, key=lambda shift: not shift.clinical))

    def snapshot(self) -> list[dict[str, Any]]:
        """Ready for JSON."""
        return [shift.snapshot() for shift in self._shifts.values()]

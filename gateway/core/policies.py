"""What a team has decided about being listened to: the one place where it is asked.

* *private*: its calls may not be heard by anybody, in no mode and by no stream. Alerts ring all the same, and
  say where they come from; who answers is not put on the call.
* *shown*: an advisor sees who supervises their own call, or listens to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.core.permissions import Action, Decision

HEARING = frozenset({Action.LISTEN, Action.WHISPER, Action.BARGE, Action.TAKEOVER, Action.STREAM})
"""What lets somebody hear a call."""


@dataclass(frozen=True, slots=True)
class TeamPolicy:
    shown: bool = False
    private: bool = False


PLAIN = TeamPolicy()


class Policies:
    def __init__(self, teams: Iterable[tuple[str, TeamPolicy]] = ()) -> None:
        self._teams = dict(teams)

    def of(self, team: str) -> TeamPolicy:
        """What holds for a team; nothing special where nothing is configured."""
        return self._teams.get(team, PLAIN)

    def judge(self, action: Action, team: str) -> Decision:
        """May anybody at all do `action` on a call of `team`? Who may is the business of
        `core.permissions`.
        """
        if action in HEARING and self.of(team).private:
            return Decision(False, f"calls of team {team} are private: nobody may hear them")
        return Decision(True, "")

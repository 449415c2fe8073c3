"""What a team has decided about being listened to: the one place where it is asked.

* *private*: its calls may not be heard by anybody, in no mode and by no stream. Alerts ring all the same, and
  say where they come from; who answers is not put on the call.
* *shown*: an advisor sees who supervises their own call, or listens to it.
* *join_tone*: an advisor hears a short tone when a supervisor joins or changes mode; the patient never does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.core.model import Mode
from gateway.core.permissions import Action, Decision

HEARING = frozenset({Action.LISTEN, Action.WHISPER, Action.BARGE, Action.TAKEOVER, Action.STREAM})
"""What lets somebody hear a call."""


@dataclass(frozen=True, slots=True)
class TeamPolicy:
    shown: bool = False
    private: bool = False
    join_tone: bool = False


PLAIN = TeamPolicy()


class Policies:
    def __init__(self, teams: Iterable[tuple[str, TeamPolicy]] = (), usual: TeamPolicy = PLAIN) -> None:
        """`usual`: what holds where nothing is configured."""
        self._teams = dict(teams)
        self._usual = usual

    def of(self, team: str) -> TeamPolicy:
        """What holds for a team."""
        return self._teams.get(team, self._usual)

    def judge(self, action: Action, team: str) -> Decision:
        """May anybody at all do `action` on a call of `team`? Who may is the business of
        `core.permissions`.
        """
        if action in HEARING and self.of(team).private:
            return Decision(False, f"calls of team {team} are private: nobody may hear them")
        return Decision(True, "")

    def tone(self, team: str, previous: Mode | None, mode: Mode) -> bool:
        """Is an advisor of `team` to hear that a supervisor is on the call in `mode` now? previous: None for
        one who joins.
        """
        return self.of(team).join_tone and mode is not previous and Action.of(mode) in HEARING

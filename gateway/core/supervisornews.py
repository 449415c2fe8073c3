"""What is told about the supervisors of one call: one News for each thing that happens, and a tone in the
advisor's ear where their team wants one.
"""

from __future__ import annotations

from typing import Any

from gateway.core.actions import PlayTone
from gateway.core.conversation import Conversation, Supervisor
from gateway.core.model import Mode
from gateway.core.permissions import User
from gateway.core.policies import Policies


class SupervisorNews:
    def __init__(self, conversation: Conversation, policies: Policies) -> None:
        self._talk = conversation
        self._policies = policies

    def rung(self, supervisor: Supervisor) -> None:
        self._talk.publish("supervisor.rung", self._facts(supervisor))

    def joined(self, supervisor: Supervisor) -> None:
        shown = self._policies.of(self._talk.team).shown
        tone = self._tone(supervisor, None)
        self._talk.publish("supervisor.joined", {**self._facts(supervisor), "shown": shown, "tone": tone})

    def mode(self, supervisor: Supervisor, previous: Mode, by: User | None, via: str, why: str) -> None:
        """`by`: who asked for it; None: nobody, it had to be."""
        tone = self._tone(supervisor, previous)
        self._talk.publish(
            "supervisor.mode",
            {
                **self._facts(supervisor),
                "previous": previous.value,
                "by": by.id if by else None,
                "via": via,
                "why": why,
                "tone": tone,
            },
        )

    def refused(self, supervisor: Supervisor, by: User | None, mode: Mode, why: str, via: str) -> None:
        facts = {
            **self._facts(supervisor),
            "asked": mode.value,
            "by": by.id if by else None,
            "via": via,
            "why": why,
        }
        self._talk.publish("supervision.refused", facts)

    def past(self, supervisor: Supervisor, seconds: float) -> None:
        self._talk.publish("supervisor.past", {**self._facts(supervisor), "history_s": seconds})

    def silent(self, supervisor: Supervisor) -> None:
        self._talk.publish("stream.silent", self._facts(supervisor))

    def left(self, supervisor: Supervisor, why: str) -> None:
        self._talk.publish("supervisor.left", {**self._facts(supervisor), "why": why})

    def missed(self, supervisor: Supervisor, code: int) -> None:
        """A phone that was rung did not bring them."""
        self._talk.publish("supervisor.missed", {**self._facts(supervisor), "code": code})

    def _tone(self, supervisor: Supervisor, previous: Mode | None) -> bool:
        """Let the advisor hear of it where that is wanted; was it?"""
        advisor = self._talk.advisor
        wanted = self._policies.tone(self._talk.team, previous, supervisor.mode)
        if not (wanted and advisor.alive and advisor.connected):
            return False
        self._talk.do(PlayTone(advisor.id))
        return True

    def _facts(self, supervisor: Supervisor) -> dict[str, Any]:
        return {
            "leg": supervisor.leg.id,
            "user": supervisor.user.id,
            "name": supervisor.user.name,
            "mode": supervisor.mode.value,
            "via": supervisor.via,
            "source": supervisor.source,
            "alert": supervisor.alert,
        }

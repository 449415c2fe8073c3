"""Whether a call lives: its states from the INVITE to the end of its last dialog, and what ends it.

    OFFERED ─start─► RINGING ─183─► EARLY ─200─► TALKING ─advisor left during a takeover─► TAKEN
       └────────────────┴────────────┴─────────────┴──────── hang-up, failure ──────────────┴──► ENDING ─last
       leg gone─► ENDED

A part of `core.call`, whose other parts report here what bears on it.
"""

from __future__ import annotations

from gateway.core.actions import Gone, RemoveMedia
from gateway.core.callstate import ALLOWED, State, WrongCallState
from gateway.core.conversation import Conversation
from gateway.core.events import LegEnded
from gateway.core.leg import Leg, LegState
from gateway.core.model import Role
from gateway.core.progress import UNAVAILABLE, carried_back
from gateway.core.reoffers import Reoffers
from gateway.core.supervision import Supervision

ENDING_S = 70.0
"""Longest wait for the dialogs' ends: over 64·T1 twice [s]."""
UNUSABLE = 488


class Life:
    def __init__(
        self, conversation: Conversation, calling: Leg, reoffers: Reoffers, supervision: Supervision
    ) -> None:
        self.state = State.OFFERED
        self.answered_at: str | None = None
        """RFC 3339; None: not answered."""
        self._talk = conversation
        self._calling = calling
        self._reoffers = reoffers
        self._supervision = supervision
        self.due_s: float | None = None
        """When `tick` is next wanted [s, monotonic]: the other party did not answer, or the dialogs do not
        end."""

    @property
    def live(self) -> bool:
        """May people join it?"""
        return self.state in (State.TALKING, State.TAKEN)

    @property
    def setting_up(self) -> bool:
        """Is the other party called, and has not answered?"""
        return self.state in (State.RINGING, State.EARLY)

    @property
    def over(self) -> bool:
        return self.state in (State.ENDING, State.ENDED)

    # ── coming about ──

    def called(self, ring_timeout_s: float) -> None:
        """The other party is called, and given so long to answer."""
        self._enter(State.RINGING, "called")
        self.due_s = self._talk.now.s + ring_timeout_s
        self._talk.publish_call("call.ringing")

    def early(self, why: str) -> None:
        """Media flows before the answer; told again, nothing changes."""
        if self.state is State.RINGING:
            self._enter(State.EARLY, why)

    def answered(self) -> None:
        self._enter(State.TALKING, "answered")
        self.due_s = None
        self.answered_at = self._talk.now.at

    # ── ending ──

    def leg_ended(self, leg: Leg, event: LegEnded) -> None:
        """A dialog is over: a party's ends the call, unless somebody else has the patient."""
        if leg.state is LegState.ENDED:
            return
        leg.enter(LegState.ENDED)
        supervisor = self._supervision.find(leg.id)
        if supervisor is not None:
            self._supervision.ended(supervisor, event.code, event.reason)
        elif leg.role is Role.SUPERVISOR:
            self._talk.leaving.pop(leg.id, None)
        elif self.over:
            pass
        elif self.state is State.TALKING and leg is self._talk.advisor and self._talk.taken_over_by:
            self.advisor_left(event.reason)
        elif self.state is State.TAKEN and leg is self._talk.advisor:
            pass  # they were released before; this is only the end of their dialog
        elif self.live or leg is self._calling:
            self.end(f"{leg.role.value}: {event.code} {event.reason}".strip(), 487)
        else:
            code = carried_back(event.code)
            self.end(f"{leg.role.value}: {event.code} {event.reason}".strip(), code, event.retry_after_s)

    def advisor_left(self, why: str) -> None:
        """During a takeover: the patient stays with the floorwalker."""
        self._enter(State.TAKEN, why)
        self._talk.remove(self._talk.advisor)
        self._reoffers.partner_left(self._talk.caller)
        self._reoffers.align()
        self._talk.publish_call("call.changed", "the advisor left; the patient stays with the supervisor")

    def end(self, why: str, code: int, retry_after_s: int | None = None) -> None:
        """Hang up every leg, the parties before all else; then give the media back; then tell."""
        for leg in self._talk.parties:
            self._talk.hang_up(leg, code, retry_after_s)
        for supervisor in self._talk.supervisors.values():
            self._talk.hang_up(supervisor.leg)
        self._talk.do(RemoveMedia())
        self._enter(State.ENDING, why)
        self.due_s = self._talk.now.s + ENDING_S
        self._supervision.call_ended()
        self._talk.publish_call("call.ended", why)

    def tick(self) -> None:
        """End a call that nobody answers; forget dialogs that do not end."""
        if self.due_s is None or self._talk.now.s < self.due_s:
            return
        self.due_s = None
        if self.state is State.ENDING:
            for leg in self._talk.legs():
                leg.state = LegState.ENDED
        elif not self.live:
            self.end("no answer", UNAVAILABLE)

    def settle(self) -> None:
        """What holds after every event: a patient with nobody to hear ends, and a call without legs is
        forgotten.
        """
        if self.state is State.TAKEN and not self._talk.speaking_to_caller:
            self.end("the supervisor left, and the advisor before", 0)
        if self.state is State.ENDING and all(leg.state is LegState.ENDED for leg in self._talk.legs()):
            self._enter(State.ENDED, "no leg is left")
            self.due_s = None
            self._talk.do(Gone())

    def _enter(self, state: State, why: str) -> None:
        if state not in ALLOWED[self.state]:
            raise WrongCallState(self._talk.id, self.state, state, why)
        self.state = state

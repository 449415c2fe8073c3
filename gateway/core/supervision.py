"""The supervisors of one call: who may join, in which mode, and what becomes of the patient when they leave.

Rules:
* Permission is `core.permissions`' to give; every change of mode, allowed or refused, is one News.
* One takeover at a time: the second is refused while the first lasts, so that nobody takes a patient out of a
  colleague's mouth unawares.
* A taking-over supervisor who leaves, or whose stream falls silent, gives the patient back to an advisor who
  is still there, at once.
* With the advisor gone, the last one who speaks with the patient cannot step back to listening: the patient
  would hear nobody. When they leave or fall silent, somebody else on the call who may take over has the
  patient (`core.succession`); the call ends only where there is nobody.
* Whoever came by a browser may be silent as long as they like, because its connection tells when they are
  gone, and listening needs no microphone; not so while they have taken over.
"""

from __future__ import annotations

from typing import Any

from gateway.core.actions import HearPast, SummonsFailed
from gateway.core.conversation import Conversation, Presence, Supervisor
from gateway.core.model import LegId, Mode
from gateway.core.permissions import Action, Decision, User, decide
from gateway.core.policies import Policies
from gateway.core.reoffers import Reoffers
from gateway.core.succession import heir
from gateway.core.supervisornews import SupervisorNews

WEB = "web"
CATCH_UP = 2.0
"""What was said is heard at one and a half times its speed while the call goes on: it takes twice as long."""
LONE_TIMEOUT_S = 300.0
"""How long a supervisor may be silent who is all that the patient has [s]: their phone may only be muted."""


class Supervision:
    def __init__(
        self,
        conversation: Conversation,
        reoffers: Reoffers,
        news: SupervisorNews,
        *,
        timeout_s: float,
        policies: Policies,
    ) -> None:
        """`timeout_s`: a supervisor's stream silent for so long is hung up."""
        self._policies = policies
        self._talk = conversation
        self._reoffers = reoffers
        self._news = news
        self._timeout_s = timeout_s

    # ── who may ──

    def judge(self, user: User | None, mode: Mode, supervisor: Supervisor | None = None) -> Decision:
        """May `user` be on this call in `mode`? `supervisor`: the one who changes mode; None: someone who
        would join.
        """
        decision = decide(user, Action.of(mode), self._talk.team)
        if (
            decision.allowed
            and not (policy := self._policies.judge(Action.of(mode), self._talk.team)).allowed
        ):
            return policy
        if not decision.allowed:
            return decision
        holder = self._talk.taken_over_by
        if mode is Mode.TAKEOVER and holder is not None and holder is not supervisor:
            return Decision(False, f"the call is already taken over by {holder.user.id}")
        alone = supervisor is not None and self.is_all_that_the_patient_has(supervisor)
        if alone and mode not in (Mode.BARGE, Mode.TAKEOVER):
            return Decision(False, "the advisor has left: the patient would hear nobody")
        return decision

    def is_all_that_the_patient_has(self, supervisor: Supervisor) -> bool:
        """The advisor has left, and nobody else speaks to the patient."""
        return not self._talk.advisor.alive and self._talk.speaking_to_caller == [supervisor]

    # ── changing mode ──

    def set_mode(self, supervisor: Supervisor, mode: Mode, by: User | None, via: str) -> Decision:
        """Change mode where permitted; refused, the present mode stays. One News either way."""
        decision = decide(by, Action.of(mode), self._talk.team)
        if decision.allowed:
            decision = self.judge(supervisor.user, mode, supervisor)
        if decision.allowed and supervisor.presence is not Presence.ON_CALL:
            decision = Decision(False, f"{supervisor.user.id} has not answered yet")
        if not decision.allowed:
            self._news.refused(supervisor, by, mode, decision.why, via)
            return decision
        self._come_back(supervisor)
        previous, supervisor.mode = supervisor.mode, mode
        self._talk.open_paths()
        self._mode_changed(supervisor, previous, by, via, decision.why)
        return decision

    def hear_past(self, supervisor: Supervisor, seconds: float) -> None:
        """Let them hear the last `seconds`, faster until they are live, and be heard by nobody: they listen
        from now on. Asked again before that, they are live at once. Where nothing is kept, nothing.
        """
        now_s = self._talk.now.s
        if seconds <= 0:
            return
        if now_s < supervisor.past_until_s:
            self._come_back(supervisor)
        elif self.set_mode(supervisor, Mode.LISTEN, supervisor.user, "keys").allowed:
            supervisor.past_until_s = now_s + seconds * CATCH_UP
            self._talk.do(HearPast(supervisor.leg.id, seconds))
            self._news.past(supervisor, seconds)

    def _come_back(self, supervisor: Supervisor) -> None:
        if self._talk.now.s < supervisor.past_until_s:
            self._talk.do(HearPast(supervisor.leg.id, 0))
        supervisor.past_until_s = 0.0

    def silent(self, supervisor: Supervisor) -> None:
        """Their stream stopped: an advisor who is still there has the patient back, else another supervisor
        who is heard; see `tick` for the rest.
        """
        self._news.silent(supervisor)
        successor = self._successor(supervisor, audible=True)
        if successor is not None:
            previous, successor.mode = successor.mode, Mode.TAKEOVER
            if supervisor.mode is Mode.TAKEOVER:
                self._step_back(
                    supervisor, f"no audio from the supervisor: {successor.user.id} has the patient"
                )
            self._talk.open_paths()
            self._succeeded(successor, previous, supervisor)
        elif supervisor.mode is Mode.TAKEOVER and self._talk.advisor.alive:
            self._step_back(supervisor, "no audio from the supervisor: the patient is back with the advisor")

    def _step_back(self, supervisor: Supervisor, why: str) -> None:
        """Who was to speak with the patient and is not heard listens from now on."""
        previous, supervisor.mode = supervisor.mode, Mode.LISTEN
        self._talk.open_paths()
        self._mode_changed(supervisor, previous, supervisor.user, "silence", why)

    def _successor(self, supervisor: Supervisor, *, audible: bool = False) -> Supervisor | None:
        """Who is to have the patient in the place of this one, who is all that they have."""
        if not self.is_all_that_the_patient_has(supervisor):
            return None
        others = [other for other in self._talk.present if other is not supervisor]
        return heir(others, self._talk.team, audible=audible)

    def _mode_changed(
        self, supervisor: Supervisor, previous: Mode, by: User | None, via: str, why: str
    ) -> None:
        self._news.mode(supervisor, previous, by, via, why)
        self.changed()

    def _succeeded(self, successor: Supervisor, previous: Mode, left: Supervisor) -> None:
        why = f"{left.user.id} is gone, and the advisor before: the patient would have nobody"
        self._mode_changed(successor, previous, None, "succession", why)

    # ── leaving ──

    def leave(self, supervisor: Supervisor, why: str) -> None:
        """Take a supervisor off the call: the patient's path first, then their BYE."""
        if supervisor.presence is Presence.RUNG:
            self.failed(supervisor, 487)
            return
        self._release(supervisor, why)
        self._talk.hang_up(supervisor.leg)

    def ended(self, supervisor: Supervisor, code: int, reason: str) -> None:
        """Their dialog is over."""
        if supervisor.presence is Presence.RUNG:
            self.failed(supervisor, code)
        else:
            self._release(supervisor, f"{code} {reason}".strip())

    def call_ended(self) -> None:
        """The call is over and every leg hung up already: forget and tell."""
        for supervisor in list(self._talk.supervisors.values()):
            del self._talk.supervisors[supervisor.leg.id]
            self._talk.leaving[supervisor.leg.id] = supervisor.leg
            if supervisor.presence is Presence.RUNG:
                self._missed(supervisor, 487)
            else:
                self._news.left(supervisor, "the call ended")

    def _release(self, supervisor: Supervisor, why: str) -> None:
        successor = self._successor(supervisor)
        previous = successor.mode if successor else Mode.LISTEN
        if successor is not None:
            successor.mode = Mode.TAKEOVER  # before the table is set anew: the patient is not without anybody
        self._talk.release(supervisor)
        self._news.left(supervisor, why)
        if successor is not None:
            self._succeeded(successor, previous, supervisor)
        else:
            self.changed()

    def failed(self, supervisor: Supervisor, code: int) -> None:
        """A phone that was rung does not bring them."""
        self._talk.hang_up(supervisor.leg)
        self._talk.release(supervisor)
        self._missed(supervisor, code)

    def _missed(self, supervisor: Supervisor, code: int) -> None:
        self._news.missed(supervisor, code)
        if supervisor.alert is not None:
            self._talk.do(SummonsFailed(supervisor.alert, supervisor.user.id, code))

    # ── time ──

    def deadline_s(self) -> float | None:
        """When `tick` is next wanted [s, monotonic]."""
        return min(
            (at for supervisor in self._talk.supervisors.values() if (at := self._due(supervisor))),
            default=None,
        )

    def tick(self) -> None:
        for supervisor in list(self._talk.supervisors.values()):
            due = self._due(supervisor)
            if due is None or due > self._talk.now.s:
                continue
            if supervisor.presence is Presence.RUNG:
                self.failed(supervisor, 408)
            else:
                self.leave(supervisor, f"no audio for {self._timeout_s:g} s")

    def _due(self, supervisor: Supervisor) -> float | None:
        if supervisor.presence is Presence.RUNG:
            return supervisor.deadline_s
        silent_since_s = supervisor.leg.silent_since_s
        if silent_since_s is None or supervisor.leg.held:
            return None
        timeout_s = self._timeout_s
        if self.is_all_that_the_patient_has(supervisor):
            timeout_s = max(timeout_s, LONE_TIMEOUT_S)
        elif supervisor.via == WEB:
            return None
        return silent_since_s + timeout_s

    # ── facts ──

    def find(self, leg: LegId) -> Supervisor | None:
        return self._talk.supervisors.get(leg)

    def snapshot(self) -> list[dict[str, Any]]:
        return [
            {
                "leg": supervisor.leg.id,
                "user": supervisor.user.id,
                "name": supervisor.user.name,
                "mode": supervisor.mode.value,
                "via": supervisor.via,
                "since": supervisor.since,
            }
            for supervisor in self._talk.present
        ]

    def changed(self) -> None:
        """Who supervises, or how, is another than before."""
        self._reoffers.align()
        self._talk.publish_call("call.changed")

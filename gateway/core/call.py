"""One call from INVITE to BYE, without I/O: events, commands and ticks in, actions out (RFC 3261 as a
back-to-back user agent).

The owner gives each event to one method together with the present `Moment`, then carries out `take_actions()`
in order; it asks `deadline_s()` when to call `tick`. Here the parts are put together: `core.life` says
whether the call lives, `core.legevents` gives each event to whom it concerns, `core.setup` brings the parties
together, `core.reoffers` holds and resumes, `core.arrivals` brings supervisors in, `core.supervision` is
about those who are there, `core.keypresses` about keys, `core.vigil` about silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.core.actions import Action, Invite
from gateway.core.arrivals import Arrivals
from gateway.core.callstate import State
from gateway.core.clock import Moment
from gateway.core.codecs import WIDEBAND
from gateway.core.conversation import Conversation
from gateway.core.events import LegAnswered, LegEnded, LegOffered, MediaEvent, SignallingEvent
from gateway.core.keypresses import Keypresses
from gateway.core.leg import Leg, LegState
from gateway.core.legevents import LegEvents
from gateway.core.life import Life
from gateway.core.model import Address, CallId, Encoding, LegId, LegMedia, Mode, Role
from gateway.core.offeranswer import LegSession
from gateway.core.permissions import Decision, User
from gateway.core.progress import advisor_facts, masked
from gateway.core.reoffers import Reoffers
from gateway.core.setup import CallSetup, Policy, Setup
from gateway.core.supervision import Supervision
from gateway.core.supervisornews import SupervisorNews
from gateway.core.terms import USUAL, Terms
from gateway.core.vigil import Vigil

HEADSET = (Encoding.L16, Encoding.PCMA)
"""What a browser's leg may have, whatever phones may: its far end is this gateway."""


class Call:
    def __init__(self, call: CallId, setup: Setup, policy: Policy, now: Moment) -> None:
        self.id = call
        self.started_at = now.at
        self.advisor = setup.advisor
        self.extension = setup.extension
        self.team = setup.advisor.team if setup.advisor else ""
        """The advisor's; empty where none is configured, so that only people of all teams may act."""
        self._number = setup.number
        self.policy = policy.teams.of(self.team)
        self._ring_timeout_s = policy.ring_timeout_s
        self._encodings = policy.encodings
        calling = self._leg(
            setup.offered.leg,
            setup.calling_role,
            setup.calling_address,
            LegState.OFFERED,
            setup.session_id,
            setup.calling_terms,
        )
        called_role = Role.ADVISOR if setup.calling_role is Role.CALLER else Role.CALLER
        called = self._leg(
            setup.called,
            called_role,
            setup.called_address,
            LegState.INVITED,
            setup.session_id,
            setup.called_terms,
        )
        caller, advisor = (calling, called) if calling.role is Role.CALLER else (called, calling)
        self._talk = Conversation(call, self.team, caller, advisor, now)
        self._reoffers = Reoffers(self._talk, transcode=policy.transcode)
        self._setup = CallSetup(self._talk, self._reoffers, setup, policy)
        news = SupervisorNews(self._talk, policy.teams)
        self._supervision = Supervision(
            self._talk, self._reoffers, news, timeout_s=policy.supervisor_timeout_s, policies=policy.teams
        )
        self._arrivals = Arrivals(self._talk, self._supervision, news)
        self._vigil = Vigil(self._talk, dead_call_s=policy.dead_call_s)
        self._life = Life(self._talk, self._setup.calling, self._reoffers, self._supervision)
        keys = Keypresses(self._talk, self._supervision, policy)
        self._events = LegEvents(
            self._talk,
            self._life,
            self._setup,
            self._reoffers,
            self._supervision,
            self._arrivals,
            self._vigil,
            keys,
        )

    # ── for the owner ──

    def take_actions(self) -> list[Action]:
        """What is to be done, in order; taken once."""
        actions, self._talk.actions = self._talk.actions, []
        return actions

    def deadline_s(self) -> float | None:
        """When `tick` is next wanted [s, monotonic]; None: not before another event."""
        due = [self._life.due_s, self._setup.attempts.due_s if self._calling else None]
        if self.live:
            due += [self._supervision.deadline_s(), self._vigil.due_s(on_hold=self._reoffers.on_hold)]
        return min((at for at in due if at is not None), default=None)

    @property
    def state(self) -> State:
        return self._life.state

    @property
    def answered_at(self) -> str | None:
        """RFC 3339; None: not answered."""
        return self._life.answered_at

    @property
    def live(self) -> bool:
        """May people join it?"""
        return self._life.live

    @property
    def over(self) -> bool:
        return self._life.over

    @property
    def _calling(self) -> bool:
        """Is the other party called, and nothing heard of them yet?"""
        return self.state is State.RINGING and self._setup.called.state is LegState.INVITED

    @property
    def advisor_present(self) -> bool:
        return self._talk.advisor.alive

    def leg_ids(self) -> list[LegId]:
        return [leg.id for leg in self._talk.legs()]

    @property
    def on_hold(self) -> bool:
        return self._reoffers.on_hold

    @property
    def party_legs(self) -> tuple[LegId, LegId]:
        """Caller, advisor."""
        return self._talk.caller.id, self._talk.advisor.id

    def is_party(self, leg: LegId) -> bool:
        return any(party.id == leg for party in self._talk.parties)

    def snapshot(self) -> dict[str, Any]:
        """Ready for JSON; the exchange adds the alert."""
        media = self._talk.caller.session.media or self._talk.advisor.session.media
        return {
            "id": self.id,
            "state": State.ENDED.value if self.over else self.state.value,
            "caller": masked(self._number),
            "advisor": advisor_facts(self.advisor, self.extension),
            "advisor_present": self.advisor_present,
            "team": self.team,
            "private": self.policy.private,
            "started_at": self.started_at,
            "answered_at": self.answered_at,
            "on_hold": self._reoffers.on_hold,
            "supervisors": self._supervision.snapshot(),
            "codec": media.encoding.value if media else None,
            "wideband": self._talk.widest in WIDEBAND,
        }

    # ── events ──

    def start(self, now: Moment) -> None:
        """Call the other party. Raises `SdpError` or `NotAcceptable` for an offer of no use, with nothing
        begun.
        """
        self._talk.now = now
        self._setup.start()
        self._life.called(self._ring_timeout_s)

    def handle(self, event: SignallingEvent | MediaEvent, now: Moment) -> None:
        """Take in what happened on one of this call's legs. An event that has come too late to matter changes
        nothing.
        """
        self._talk.now = now
        leg = self._talk.leg(event.leg)
        if leg is None:
            return
        if isinstance(event, LegEnded):
            if not (
                leg is self._setup.called and self._calling and self._setup.goes_on(event.code, event.reason)
            ):
                self._life.leg_ended(leg, event)
        elif leg.alive and not self.over:
            self._events.handle(leg, event)
        elif isinstance(event, LegAnswered) and leg.state is LegState.ENDING:
            self._talk.repeat_hang_up(leg)  # a 200 that crossed our CANCEL (RFC 3261 §9.1)
        self._life.settle()

    # ── people ──

    def judge(self, user: User | None, mode: Mode) -> Decision:
        """May `user` join in `mode`?"""
        return self._supervision.judge(user, mode)

    def join(
        self,
        offered: LegOffered,
        user: User,
        mode: Mode,
        own: Address,
        session_id: int,
        now: Moment,
        via: str = "feature-code",
        terms: Terms = USUAL,
    ) -> None:
        """A supervisor whom `judge` allowed called in, `via` a phone or a browser. Raises `SdpError` or
        `NotAcceptable` with nothing changed.
        """
        self._talk.now = now
        leg = self._leg(
            *(offered.leg, Role.SUPERVISOR, own, LegState.OFFERED, session_id, terms),
            allowed=HEADSET if via == "web" else None,
        )
        self._arrivals.join(leg, offered, user, mode, via)

    def summon(
        self,
        invite: Invite,
        user: User,
        alert: str | None,
        own: Address,
        session_id: int,
        ring_s: float,
        now: Moment,
        mode: Mode = Mode.WHISPER,
        terms: Terms = USUAL,
    ) -> None:
        """Ring a user, about an alert or (None) because they asked for it; where there is an alert, then
        `SummonsAnswered` or `SummonsFailed` among the actions.
        """
        self._talk.now = now
        leg = self._leg(invite.leg, Role.SUPERVISOR, own, LegState.INVITED, session_id, terms)
        self._arrivals.summon(invite, leg, user, mode, alert, now.s + ring_s)

    def part(self, leg: LegId) -> tuple[Role, LegMedia | None] | None:
        """What a leg is to this call, and its media; None: it is none of this call's."""
        found = self._talk.leg(leg)
        return (found.role, found.session.media) if found else None

    def releasable(self) -> list[LegId]:
        """The advisor's leg, while somebody else has the patient: it may be dismissed like a supervisor's."""
        return [self._talk.advisor.id] if self._talk.taken_over_by and self._talk.advisor.alive else []

    def supervisor(self, leg: LegId) -> User | None:
        """Who supervises on this leg; None: nobody."""
        supervisor = self._supervision.find(leg)
        return supervisor.user if supervisor else None

    def set_mode(self, leg: LegId, mode: Mode, by: User | None, via: str, now: Moment) -> Decision:
        """Change a supervisor's mode for someone who asks by another way than the supervisor's keys."""
        self._talk.now = now
        supervisor = self._supervision.find(leg)
        if supervisor is None:
            return Decision(False, f"no supervisor {leg} on this call")
        decision = self._supervision.set_mode(supervisor, mode, by, via)
        self._life.settle()
        return decision

    def is_all_that_the_patient_has(self, leg: LegId) -> bool:
        """Would the patient hear nobody without this supervisor?"""
        supervisor = self._supervision.find(leg)
        return supervisor is not None and self._supervision.is_all_that_the_patient_has(supervisor)

    def dismiss(self, leg: LegId, why: str, now: Moment) -> None:
        """Take a supervisor off the call; the advisor's leg too, while the call is taken over."""
        self._talk.now = now
        supervisor = self._supervision.find(leg)
        if supervisor is not None:
            self._supervision.leave(supervisor, why)
        elif leg in self.releasable():
            self._talk.hang_up(self._talk.advisor)
            self._life.advisor_left(why)
        self._life.settle()

    def hang_up(self, why: str, now: Moment, code: int = 503) -> None:
        """End the whole call, for the gateway's own reasons."""
        self._talk.now = now
        if not self.over:
            self._life.end(why, code)
        self._life.settle()

    # ── time ──

    def tick(self, now: Moment) -> None:
        """Something of `deadline_s` is due."""
        self._talk.now = now
        due_s = self._setup.attempts.due_s
        if self._calling and due_s is not None and now.s >= due_s:
            self._setup.went_silent()
        self._life.tick()
        if self.live:
            self._supervision.tick()
            self._vigil.tick(on_hold=self._reoffers.on_hold)
        self._life.settle()

    def counted(self, packets: Mapping[LegId, int], now: Moment) -> None:
        """The answer to `CountPackets`."""
        self._talk.now = now
        if self.live and self._vigil.counted(packets):
            self._life.end("both parties silent", 0)
        self._life.settle()

    def _leg(
        self,
        leg: LegId,
        role: Role,
        own: Address,
        state: LegState,
        session_id: int,
        terms: Terms,
        allowed: tuple[Encoding, ...] | None = None,
    ) -> Leg:
        """allowed: the codecs that it may have; None: those of the policy."""
        if allowed is None:
            allowed = self._encodings
            if role is Role.SUPERVISOR:  # what they hear is made here anyway, and any phone has G.711
                allowed += tuple(g711 for g711 in (Encoding.PCMA, Encoding.PCMU) if g711 not in allowed)
        return Leg(leg, role, LegSession(own, session_id, terms, allowed), state)

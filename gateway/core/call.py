"""One call from INVITE to BYE, without I/O: events, commands and ticks in, actions out (RFC 3261 as a
back-to-back user agent).

    OFFERED ─start─► RINGING ─183─► EARLY ─200─► TALKING ─advisor left during a takeover─► TAKEN
       └────────────────┴────────────┴─────────────┴──────── hang-up, failure ──────────────┴──► ENDING ─last
       leg gone─► ENDED

The owner gives each event to one method together with the present `Moment`, then carries out `take_actions()`
in order; it asks `deadline_s()` when to call `tick`. Life and death are here; `core.setup` brings the parties
together, `core.reoffers` holds and resumes, `core.supervision` is about supervisors, `core.vigil` about
silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.core.actions import Action, Gone, Invite, Panic, RemoveMedia
from gateway.core.callstate import ALLOWED, State, WrongCallState
from gateway.core.clock import Moment
from gateway.core.conversation import Conversation, Presence, Supervisor
from gateway.core.errors import NotAcceptable, SdpError
from gateway.core.events import (
    Digit,
    LegAnswered,
    LegConfirmed,
    LegEnded,
    LegInfoDigit,
    LegOffered,
    LegProgress,
    LegReanswered,
    LegReoffered,
    LegReofferRefused,
    MediaEvent,
    SignallingEvent,
    StreamLatched,
    StreamResumed,
    StreamSilent,
)
from gateway.core.featurecodes import LEAVE, PAST, PanicKeyReader, SupervisorKeyReader
from gateway.core.leg import Leg, LegState
from gateway.core.mediasecurity import Security
from gateway.core.model import Address, CallId, Encoding, LegId, LegMedia, Mode, Role
from gateway.core.offeranswer import LegSession
from gateway.core.permissions import Decision, User
from gateway.core.progress import RINGING_CODES, UNAVAILABLE, advisor_facts, carried_back, masked
from gateway.core.reoffers import Reoffers
from gateway.core.setup import CallSetup, Policy, Setup
from gateway.core.supervision import Supervision
from gateway.core.vigil import Vigil

ENDING_S = 70.0
"""Longest wait for the dialogs' ends: over 64·T1 twice [s]."""
UNUSABLE = 488


class Call:
    def __init__(self, call: CallId, setup: Setup, policy: Policy, now: Moment) -> None:
        self.id = call
        self.state = State.OFFERED
        self.started_at = now.at
        self.answered_at: str | None = None
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
            setup.calling_security,
        )
        called_role = Role.ADVISOR if setup.calling_role is Role.CALLER else Role.CALLER
        called = self._leg(
            setup.called,
            called_role,
            setup.called_address,
            LegState.INVITED,
            setup.session_id,
            setup.called_security,
        )
        caller, advisor = (calling, called) if calling.role is Role.CALLER else (called, calling)
        self._talk = Conversation(call, self.team, caller, advisor, now)
        self._reoffers = Reoffers(self._talk, transcode=policy.transcode)
        self._setup = CallSetup(self._talk, self._reoffers, setup, policy)
        self._supervision = Supervision(
            self._talk, self._reoffers, timeout_s=policy.supervisor_timeout_s, policies=policy.teams
        )
        self._vigil = Vigil(self._talk, dead_call_s=policy.dead_call_s)
        self._keys = SupervisorKeyReader(**policy.keys)
        self._history_s = policy.history_s
        # One reader for each way that a key may come: a phone that sends both would otherwise key every digit
        # twice.
        self._panic = {kind: PanicKeyReader(policy.panic_code) for kind in (Digit, LegInfoDigit)}
        self._deadline_s: float | None = None

    # ── for the owner ──

    def take_actions(self) -> list[Action]:
        """What is to be done, in order; taken once."""
        actions, self._talk.actions = self._talk.actions, []
        return actions

    def deadline_s(self) -> float | None:
        """When `tick` is next wanted [s, monotonic]; None: not before another event."""
        due = [self._deadline_s]
        if self.live:
            due += [self._supervision.deadline_s(), self._vigil.due_s(on_hold=self._reoffers.on_hold)]
        return min((at for at in due if at is not None), default=None)

    @property
    def live(self) -> bool:
        """May people join it?"""
        return self.state in (State.TALKING, State.TAKEN)

    @property
    def over(self) -> bool:
        return self.state in (State.ENDING, State.ENDED)

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
        }

    # ── events ──

    def start(self, now: Moment) -> None:
        """Call the other party. Raises `SdpError` or `NotAcceptable` for an offer of no use, with nothing
        begun.
        """
        self._talk.now = now
        self._setup.start()
        self._enter(State.RINGING, "called")
        self._deadline_s = now.s + self._ring_timeout_s
        self._talk.publish_call("call.ringing")

    def handle(self, event: SignallingEvent | MediaEvent, now: Moment) -> None:
        """Take in what happened on one of this call's legs. An event that has come too late to matter changes
        nothing.
        """
        self._talk.now = now
        leg = self._talk.leg(event.leg)
        if leg is None:
            return
        if isinstance(event, LegEnded):
            self._leg_ended(leg, event)
        elif leg.alive and not self.over:
            self._leg_event(leg, event)
        elif isinstance(event, LegAnswered) and leg.state is LegState.ENDING:
            self._talk.repeat_hang_up(leg)  # a 200 that crossed our CANCEL (RFC 3261 §9.1)
        self._settle()

    def _leg_event(self, leg: Leg, event: SignallingEvent | MediaEvent) -> None:
        supervisor = self._supervision.find(leg.id)
        match event:
            case LegProgress() if leg is self._setup.called:
                self._progress(event)
            case LegAnswered() if leg is self._setup.called:
                self._answered(event)
            case LegAnswered() if supervisor and supervisor.presence is Presence.RUNG:
                self._supervision.answered(supervisor, event.sdp)
            case LegConfirmed() if leg.state is LegState.ANSWERED:
                self._confirmed(leg, supervisor, event.sdp)
            case LegConfirmed():
                self._reoffers.confirmed(leg, event.sdp)
            case LegReoffered():
                self._reoffers.offered(leg, event.sdp)
            case LegReanswered():
                self._reoffers.answered(leg, event.sdp)
                self._agree_on_codec()
            case LegReofferRefused():
                self._reoffers.refused(leg, event.code)
                self._agree_on_codec(refused=leg is self._setup.called)
            case Digit() | LegInfoDigit():
                self._key(leg, supervisor, event)
            case StreamSilent():
                self._silent(leg, supervisor, event)
            case StreamResumed() | StreamLatched():
                self._heard(leg, supervisor, event)

    def _progress(self, event: LegProgress) -> None:
        if self.state in (State.RINGING, State.EARLY) and event.code in RINGING_CODES:
            early = self._setup.progress(event.code, event.sdp)
            if early and self.state is State.RINGING:
                self._enter(State.EARLY, f"{event.code} with media")

    def _answered(self, event: LegAnswered) -> None:
        if self.state not in (State.RINGING, State.EARLY):
            return
        self._setup.called.enter(LegState.CONFIRMED)
        try:
            self._setup.answered(event.sdp)
        except (SdpError, NotAcceptable) as error:
            self._end(f"unusable answer: {error}", UNUSABLE)
            return
        self._enter(State.TALKING, "answered")
        self._deadline_s = None
        self.answered_at = self._talk.now.at
        self._agree_on_codec()
        self._talk.publish_call("call.answered")

    def _confirmed(self, leg: Leg, supervisor: Supervisor | None, sdp: str | None) -> None:
        leg.enter(LegState.CONFIRMED)
        if supervisor is not None:
            self._supervision.confirmed(supervisor, sdp)
            return
        try:
            self._setup.confirmed(sdp)
        except (SdpError, NotAcceptable) as error:
            self._end(f"unusable answer in ACK: {error}", UNUSABLE)

    def _agree_on_codec(self, *, refused: bool = False) -> None:
        if self.state is State.TALKING:
            try:
                self._setup.agree_on_codec(refused=refused)
            except NotAcceptable as error:
                self._end(str(error), UNUSABLE)

    def _key(self, leg: Leg, supervisor: Supervisor | None, event: Digit | LegInfoDigit) -> None:
        if supervisor is not None:
            if isinstance(event, Digit):
                self._talk.hushed(supervisor)
            meaning = self._keys.press(event.digit)
            if meaning is LEAVE:
                self._supervision.leave(supervisor, "left by key")
            elif meaning is PAST:
                self._supervision.hear_past(supervisor, self._history_s)
            elif isinstance(meaning, Mode):
                self._supervision.set_mode(supervisor, meaning, supervisor.user, "keys")
            if supervisor in self._talk.present:
                self._talk.open_paths()
        elif leg.role is Role.ADVISOR and self._panic[type(event)].press(event.digit, self._talk.now.s):
            self._talk.do(Panic(leg.id))

    def _silent(self, leg: Leg, supervisor: Supervisor | None, event: StreamSilent) -> None:
        self._vigil.silent(leg, event.silent_ms / 1000)
        if supervisor is not None:
            self._supervision.silent(supervisor)
        else:
            self._talk.publish("stream.silent", {"leg": leg.id, "role": leg.role.value})

    def _heard(self, leg: Leg, supervisor: Supervisor | None, event: StreamResumed | StreamLatched) -> None:
        self._vigil.heard(leg)
        media = leg.session.media
        if isinstance(event, StreamLatched) and media is not None and event.source[0] != media.remote[0]:
            where = {"announced": media.remote[0], "source": f"{event.source[0]}:{event.source[1]}"}
            self._talk.publish("stream.elsewhere", {"leg": leg.id, "role": leg.role.value, **where})
        if isinstance(event, StreamResumed):
            user = {"user": supervisor.user.id} if supervisor else {}
            self._talk.publish("stream.resumed", {"leg": leg.id, "role": leg.role.value, **user})

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
        security: Security = Security.OFF,
    ) -> None:
        """A supervisor whom `judge` allowed called in, `via` a phone or a browser. Raises `SdpError` or
        `NotAcceptable` with nothing changed.
        """
        self._talk.now = now
        leg = self._leg(offered.leg, Role.SUPERVISOR, own, LegState.OFFERED, session_id, security)
        self._supervision.join(leg, offered, user, mode, via)

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
        security: Security = Security.OFF,
    ) -> None:
        """Ring a user, about an alert or (None) because they asked for it; where there is an alert, then
        `SummonsAnswered` or `SummonsFailed` among the actions.
        """
        self._talk.now = now
        leg = self._leg(invite.leg, Role.SUPERVISOR, own, LegState.INVITED, session_id, security)
        self._supervision.summon(invite, leg, user, mode, alert, now.s + ring_s)

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
        self._settle()
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
            self._advisor_left(why)
        self._settle()

    def hang_up(self, why: str, now: Moment, code: int = 503) -> None:
        """End the whole call, for the gateway's own reasons."""
        self._talk.now = now
        if not self.over:
            self._end(why, code)
        self._settle()

    # ── time ──

    def tick(self, now: Moment) -> None:
        """Something of `deadline_s` is due."""
        self._talk.now = now
        if self._deadline_s is not None and now.s >= self._deadline_s:
            self._deadline_s = None
            if self.state is State.ENDING:
                for leg in self._talk.legs():
                    leg.state = LegState.ENDED
            elif not self.live:
                self._end("no answer", UNAVAILABLE)
        if self.live:
            self._supervision.tick()
            self._vigil.tick(on_hold=self._reoffers.on_hold)
        self._settle()

    def counted(self, packets: Mapping[LegId, int], now: Moment) -> None:
        """The answer to `CountPackets`."""
        self._talk.now = now
        if self.live and self._vigil.counted(packets):
            self._end("both parties silent", 0)
        self._settle()

    # ── ending ──

    def _leg_ended(self, leg: Leg, event: LegEnded) -> None:
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
            self._advisor_left(event.reason)
        elif self.state is State.TAKEN and leg is self._talk.advisor:
            pass  # they were released before; this is only the end of their dialog
        elif self.live or leg is self._setup.calling:
            self._end(f"{leg.role.value}: {event.code} {event.reason}".strip(), 487)
        else:
            code = carried_back(event.code)
            self._end(f"{leg.role.value}: {event.code} {event.reason}".strip(), code, event.retry_after_s)

    def _advisor_left(self, why: str) -> None:
        """During a takeover: the patient stays with the floorwalker."""
        self._enter(State.TAKEN, why)
        self._talk.remove(self._talk.advisor)
        self._reoffers.partner_left(self._talk.caller)
        self._reoffers.align()
        self._talk.publish_call("call.changed", "the advisor left; the patient stays with the supervisor")

    def _end(self, why: str, code: int, retry_after_s: int | None = None) -> None:
        """Hang up every leg, the parties before all else; then give the media back; then tell."""
        for leg in self._talk.parties:
            self._talk.hang_up(leg, code, retry_after_s)
        for supervisor in self._talk.supervisors.values():
            self._talk.hang_up(supervisor.leg)
        self._talk.do(RemoveMedia())
        self._enter(State.ENDING, why)
        self._deadline_s = self._talk.now.s + ENDING_S
        self._supervision.call_ended()
        self._talk.publish_call("call.ended", why)

    def _settle(self) -> None:
        """What holds after every event: a patient with nobody to hear ends, and a call without legs is
        forgotten.
        """
        if self.state is State.TAKEN and not self._talk.speaking_to_caller:
            self._end("the supervisor left, and the advisor before", 0)
        if self.state is State.ENDING and all(leg.state is LegState.ENDED for leg in self._talk.legs()):
            self._enter(State.ENDED, "no leg is left")
            self._deadline_s = None
            self._talk.do(Gone())

    def _enter(self, state: State, why: str) -> None:
        if state not in ALLOWED[self.state]:
            raise WrongCallState(self.id, self.state, state, why)
        self.state = state

    def _leg(
        self, leg: LegId, role: Role, own: Address, state: LegState, session_id: int, security: Security
    ) -> Leg:
        allowed = self._encodings
        if role is Role.SUPERVISOR:  # what they hear is made here anyway, and any phone has G.711
            allowed += tuple(g711 for g711 in (Encoding.PCMA, Encoding.PCMU) if g711 not in allowed)
        return Leg(leg, role, LegSession(own, session_id, security, allowed), state)

"""One call from INVITE to BYE, without I/O: events, commands and ticks in, actions out (RFC 3261 as a back-to-back user agent).

    OFFERED ─start─► RINGING ─183─► EARLY ─200─► TALKING ─advisor left during a takeover─► TAKEN
       └────────────────┴────────────┴─────────────┴──────── hang-up, failure ──────────────┴──► ENDING ─last leg gone─► ENDED

The owner gives each event to one method together with the present `Moment`, then carries out `take_actions()` in order; it asks
`deadline_s()` when to call `tick`. Set-up and ending are here; holding is `core.reoffers`, supervisors are `core.supervision`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from gateway.core.actions import Action, Answer, CountPackets, Gone, Invite, Panic, Progress, RemoveMedia
from gateway.core.clock import Moment
from gateway.core.codecs import standard
from gateway.core.conversation import Conversation, Presence, Supervisor
from gateway.core.direction import reverse
from gateway.core.errors import GatewayError, NotAcceptable, SdpError
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
from gateway.core.featurecodes import LEAVE, PanicKeyReader, SupervisorKeyReader
from gateway.core.leg import Leg, LegState
from gateway.core.model import Address, CallId, Direction, Law, LegId, Mode, Role
from gateway.core.offeranswer import LegSession
from gateway.core.permissions import Decision, User
from gateway.core.progress import RINGING_CODES, UNAVAILABLE, advisor_facts, carried_back, masked
from gateway.core.reoffers import Reoffers
from gateway.core.supervision import Supervision

HELD_CALL_DEAD_S = 3600.0
"""A call on hold may rightly be silent for long; silent both ways for so long it is dead [s]."""
RECOUNT_S = 10.0
"""Between the two counts that prove a silent call dead [s]."""
ENDING_S = 70.0
"""Longest wait for the dialogs' ends: over 64·T1 twice [s]."""


class State(Enum):
    OFFERED = "offered"
    RINGING = "ringing"
    EARLY = "early"
    TALKING = "talking"
    TAKEN = "taken"
    ENDING = "ending"
    ENDED = "ended"


_ALLOWED: dict[State, frozenset[State]] = {
    State.OFFERED: frozenset({State.RINGING, State.ENDING}),
    State.RINGING: frozenset({State.EARLY, State.TALKING, State.ENDING}),
    State.EARLY: frozenset({State.TALKING, State.ENDING}),
    State.TALKING: frozenset({State.TAKEN, State.ENDING}),
    State.TAKEN: frozenset({State.ENDING}),
    State.ENDING: frozenset({State.ENDED}),
    State.ENDED: frozenset(),
}


class WrongCallState(GatewayError):
    """A move that the table does not have: a defect, never a peer's doing."""


class AdvisorLike(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def extension(self) -> str: ...
    @property
    def team(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration says about calls."""

    laws: tuple[Law, ...] = (Law.PCMA, Law.PCMU)
    ring_timeout_s: float = 60.0
    supervisor_timeout_s: float = 10.0
    dead_call_s: float = 300.0
    """Both parties silent for so long: the call is dead and ended."""
    panic_code: str = "*99"
    keys: Mapping[str, str] = field(default_factory=dict)
    """`listen`, `whisper`, `barge`, `leave`: the supervisor's keys; the reader's defaults where absent."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the exchange found out about an INVITE before a call is made of it."""

    offered: LegOffered
    called: LegId
    """The leg that we call; chosen by the exchange."""
    calling_role: Role
    """CALLER; ADVISOR where the advisor dials out."""
    advisor: AdvisorLike | None
    number: str
    """The patient's number, unmasked; shown masked only."""
    extension: str
    """What was dialled, or dialled from, on the advisor's side."""
    uri: str
    trunk: str | None
    calling_address: Address
    called_address: Address
    headers: Mapping[str, str] = field(default_factory=dict)
    session_id: int = 1


class Call:
    def __init__(self, call: CallId, setup: Setup, policy: Policy, now: Moment) -> None:
        self.id = call
        self.state = State.OFFERED
        self.started_at = now.at
        self.answered_at: str | None = None
        self.advisor = setup.advisor
        self._setup = setup
        self._policy = policy
        calling = self._leg(setup.offered.leg, setup.calling_role, setup.calling_address, LegState.OFFERED)
        called_role = Role.ADVISOR if setup.calling_role is Role.CALLER else Role.CALLER
        called = self._leg(setup.called, called_role, setup.called_address, LegState.INVITED)
        self._calling, self._called = calling, called
        caller, advisor = (calling, called) if calling.role is Role.CALLER else (called, calling)
        team = setup.advisor.team if setup.advisor else ""
        self._talk = Conversation(call, team, caller, advisor, now)
        self._reoffers = Reoffers(self._talk)
        self._supervision = Supervision(self._talk, self._reoffers, timeout_s=policy.supervisor_timeout_s)
        self._keys = SupervisorKeyReader(**policy.keys)
        self._panic = {kind: PanicKeyReader(policy.panic_code) for kind in (Digit, LegInfoDigit)}
        self._deadline_s: float | None = None
        self._counted: Mapping[LegId, int] | None = None
        self._recount_s: float | None = None

    # ── for the owner ──

    def take_actions(self) -> list[Action]:
        """What is to be done, in order; taken once."""
        actions, self._talk.actions = self._talk.actions, []
        return actions

    def deadline_s(self) -> float | None:
        """When `tick` is next wanted [s, monotonic]; None: not before another event."""
        due = (self._deadline_s, self._supervision.deadline_s(), self._dead_s())
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

    @property
    def team(self) -> str:
        return self._talk.team

    @property
    def extension(self) -> str:
        return self._setup.extension

    def leg_ids(self) -> list[LegId]:
        return [leg.id for leg in self._talk.legs()]

    def is_party(self, leg: LegId) -> bool:
        return any(party.id == leg for party in self._talk.parties)

    def snapshot(self) -> dict[str, Any]:
        """Ready for JSON; the exchange adds the alert."""
        media = self._talk.caller.session.media or self._talk.advisor.session.media
        return {
            "id": self.id,
            "state": State.ENDED.value if self.over else self.state.value,
            "caller": masked(self._setup.number),
            "advisor": advisor_facts(self.advisor, self._setup.extension),
            "advisor_present": self.advisor_present,
            "started_at": self.started_at,
            "answered_at": self.answered_at,
            "on_hold": self._reoffers.on_hold,
            "supervisors": self._supervision.snapshot(),
            "codec": media.law.value if media else None,
        }

    # ── set-up ──

    def start(self, now: Moment) -> None:
        """Call the other party with the calling party's codecs. Raises `SdpError` or `NotAcceptable` for an offer of no use."""
        self._talk.now = now
        setup, offer = self._setup, self._setup.offered.sdp
        if offer is None:
            text = self._called.session.offer(standard(self._policy.laws))
        else:
            audio = self._calling.session.take_offer(offer)
            laws = [codec.law for codec in audio.codecs if codec.law in self._policy.laws]
            if not laws:
                raise NotAcceptable(f"no codec in common; accepted: {', '.join(self._policy.laws)}")
            text = self._called.session.offer(
                standard(laws),
                audio.direction,
                event_payload_type=audio.event_payload_type,
                ptime_ms=audio.ptime_ms,
                max_ptime_ms=audio.max_ptime_ms,
            )
        self._enter(State.RINGING, "called")
        self._deadline_s = now.s + self._policy.ring_timeout_s
        offered = setup.offered
        invite = Invite(self._called.id, setup.uri, text, offered.from_uri, offered.from_name, setup.headers, setup.trunk)
        self._talk.do(invite)
        self._talk.publish_call("call.ringing")

    def handle(self, event: SignallingEvent | MediaEvent, now: Moment) -> None:
        """Take in what happened on one of this call's legs. An event that has come too late to matter changes nothing."""
        self._talk.now = now
        leg = self._talk.leg(event.leg)
        if leg is None:
            return
        if isinstance(event, LegEnded):
            self._leg_ended(leg, event)
        elif not leg.alive or self.over:
            self._too_late(leg, event)
        else:
            self._leg_event(leg, event)
        self._settle()

    def _leg_event(self, leg: Leg, event: SignallingEvent | MediaEvent) -> None:
        supervisor = self._supervision.find(leg.id)
        match event:
            case LegProgress() if leg is self._called:
                self._progress(event)
            case LegAnswered() if leg is self._called:
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
                self._agree_on_codec(final=True)
            case Digit() | LegInfoDigit():
                self._key(leg, supervisor, event)
            case StreamSilent():
                self._silent(leg, supervisor, event.silent_ms / 1000)
            case StreamResumed() | StreamLatched():
                self._heard(leg, supervisor, event)
            case _:
                pass

    def _progress(self, event: LegProgress) -> None:
        """The called party rings; early media flows both ways as soon as there is an answer to it."""
        if self.state not in (State.RINGING, State.EARLY) or event.code not in RINGING_CODES:
            return
        text = None
        if event.sdp is not None and self._setup.offered.sdp is not None:
            text = self._early_answer(event.sdp)
        if text is not None and self.state is State.RINGING:
            self._enter(State.EARLY, f"{event.code} with media")
        self._talk.do(Progress(self._calling.id, event.code, text))

    def _early_answer(self, sdp: str) -> str | None:
        """Connect both legs for early media; returns the answer for the calling leg, None where this one cannot be used.

        Another branch of a forked call may answer with another codec: the calling leg has its answer already, so that
        branch's early media is passed over.
        """
        before = self._calling.session.media
        try:
            media = self._called.session.take_answer(sdp)
        except (SdpError, NotAcceptable):
            return None
        if before is not None and media.law is not before.law:
            return None
        text = self._answer_for_calling()
        self._connect_parties()
        return text

    def _answer_for_calling(self) -> str:
        """Our answer to the calling party, from what the called party chose; its direction as the called party wants it."""
        media, calling = self._called.session.media, self._calling.session
        assert media is not None
        law = calling.media.law if calling.media is not None else media.law
        # Key presses are for whoever can take them: the advisor's for us, the caller's for an advisor who negotiated them.
        events = calling.media is None or calling.media.event_payload_type is not None
        if calling.media is None and self._calling.role is Role.CALLER:
            events = media.event_payload_type is not None
        return calling.answer(law, reverse(media.direction), events=events, ptime_ms=media.ptime_ms)

    def _answered(self, event: LegAnswered) -> None:
        """The called party picked up: answer the calling party with what they chose."""
        if self.state not in (State.RINGING, State.EARLY):
            return
        self._called.enter(LegState.CONFIRMED)
        try:
            if event.sdp is not None:
                self._called.session.take_answer(event.sdp)
            elif self._called.session.media is None:
                raise SdpError("answered without SDP")
            text = self._final_answer()
        except (SdpError, NotAcceptable) as error:
            self._end(f"unusable answer: {error}", 488)
            return
        self._calling.enter(LegState.ANSWERED)
        self._enter(State.TALKING, "answered")
        self._deadline_s = None
        self.answered_at = self._talk.now.at
        self._connect_parties()  # before the 200, so that no packet finds its leg unconnected
        self._talk.do(Answer(self._calling.id, text))
        self._agree_on_codec()
        self._talk.publish_call("call.answered")

    def _final_answer(self) -> str:
        if self._setup.offered.sdp is not None:
            return self._answer_for_calling()
        media = self._called.session.media
        assert media is not None
        return self._calling.session.offer(standard([media.law]), reverse(media.direction), ptime_ms=media.ptime_ms)

    def _confirmed(self, leg: Leg, supervisor: Supervisor | None, sdp: str | None) -> None:
        """The ACK; with an answer in it where the INVITE had no offer."""
        leg.enter(LegState.CONFIRMED)
        if supervisor is not None:
            self._supervision.confirmed(supervisor, sdp)
        elif leg.session.media is None:
            try:
                leg.session.take_answer(sdp or "")
            except (SdpError, NotAcceptable) as error:
                self._end(f"unusable answer in ACK: {error}", 488)
                return
            self._connect_parties()

    def _connect_parties(self) -> None:
        laws = {leg.session.media.law for leg in self._talk.parties if leg.session.media}
        if len(laws) == 1:  # a leg of another codec waits for the re-INVITE that `_agree_on_codec` sent
            for leg in self._talk.parties:
                self._talk.connect(leg)
        self._talk.open_paths()

    def _agree_on_codec(self, *, final: bool = False) -> None:
        """Where a forked call was answered with another codec than its early media, ask the called party for the first.

        `final`: they have just refused a re-INVITE; with still no common codec the call cannot be carried.
        """
        calling, called = self._calling.session.media, self._called.session.media
        if not self.live or calling is None or called is None or not self._talk.advisor.alive:
            return
        if calling.law is called.law:
            self._connect_parties()  # nothing is done twice
        elif final:
            self._end("no common codec", 488)
        else:
            self._reoffers.reoffer(self._called, calling.law, Direction.SENDRECV)

    # ── keys and silence ──

    def _key(self, leg: Leg, supervisor: Supervisor | None, event: Digit | LegInfoDigit) -> None:
        if supervisor is not None:
            meaning = self._keys.press(event.digit)
            if meaning is LEAVE:
                self._supervision.leave(supervisor, "left by key")
            elif isinstance(meaning, Mode):
                self._supervision.set_mode(supervisor, meaning, supervisor.user, "keys")
        elif leg.role is Role.ADVISOR and self._panic[type(event)].press(event.digit, self._talk.now.s):
            self._talk.do(Panic(leg.id))

    def _silent(self, leg: Leg, supervisor: Supervisor | None, silent_s: float) -> None:
        leg.silent_since_s = self._talk.now.s - silent_s
        if supervisor is not None:
            self._supervision.silent(supervisor)
        else:
            self._talk.publish("stream.silent", {"leg": leg.id, "role": leg.role.value})

    def _heard(self, leg: Leg, supervisor: Supervisor | None, event: StreamResumed | StreamLatched) -> None:
        leg.silent_since_s, self._counted, self._recount_s = None, None, None
        if isinstance(event, StreamResumed):
            user = {"user": supervisor.user.id} if supervisor else {}
            self._talk.publish("stream.resumed", {"leg": leg.id, "role": leg.role.value, **user})

    # ── people ──

    def judge(self, user: User | None, mode: Mode) -> Decision:
        """May `user` join in `mode`?"""
        return self._supervision.judge(user, mode)

    def join(self, offered: LegOffered, user: User, mode: Mode, own: Address, session_id: int, now: Moment) -> None:
        """A supervisor whom `judge` allowed called in. Raises `SdpError` or `NotAcceptable` with nothing changed."""
        self._talk.now = now
        leg = self._leg(offered.leg, Role.SUPERVISOR, own, LegState.OFFERED, session_id)
        self._supervision.join(leg, offered, user, mode)

    def summon(self, invite: Invite, user: User, alert: str, own: Address, session_id: int, ring_s: float, now: Moment) -> None:
        """Ring a user about an alert; then `SummonsAnswered` or `SummonsFailed` among the actions."""
        self._talk.now = now
        leg = self._leg(invite.leg, Role.SUPERVISOR, own, LegState.INVITED, session_id)
        self._supervision.summon(invite, leg, user, alert, now.s + ring_s)

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
            dead_s = self._dead_s()
            if dead_s is not None and now.s >= dead_s:
                self._recount_s = now.s + RECOUNT_S
                self._talk.do(CountPackets(tuple(leg.id for leg in self._talk.parties if leg.alive)))
        self._settle()

    def counted(self, packets: Mapping[LegId, int], now: Moment) -> None:
        """The answer to `CountPackets`: two equal counts in a row prove that nobody is there."""
        self._talk.now = now
        if self._counted == packets and self.live:
            self._end("both parties silent", 0)
        elif self._counted is not None:
            for leg in self._talk.parties:
                leg.silent_since_s = None
            self._counted = self._recount_s = None
        else:
            self._counted = packets
        self._settle()

    def _dead_s(self) -> float | None:
        """When a call whose parties are all silent is to be counted [s, monotonic]."""
        parties = [leg for leg in self._talk.parties if leg.alive]
        since = [leg.silent_since_s for leg in parties if leg.silent_since_s is not None]
        if not self.live or not parties or len(since) < len(parties):
            return None
        limit_s = self._policy.dead_call_s
        if self._reoffers.on_hold:
            limit_s = max(limit_s, HELD_CALL_DEAD_S)
        return max(since) + limit_s if self._recount_s is None else self._recount_s

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
        elif self.live or leg is self._calling:
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

    def _too_late(self, leg: Leg, event: SignallingEvent | MediaEvent) -> None:
        """An event on a leg that is being hung up: a 200 that crossed our CANCEL is hung up again (RFC 3261 §9.1)."""
        if isinstance(event, LegAnswered) and leg.state is LegState.ENDING:
            self._talk.repeat_hang_up(leg)

    def _settle(self) -> None:
        """What holds after every event: a patient with nobody to hear ends, and a call without legs is forgotten."""
        if self.state is State.TAKEN and not self._talk.speaking_to_caller:
            self._end("the supervisor left, and the advisor before", 0)
        if self.state is State.ENDING and all(leg.state is LegState.ENDED for leg in self._talk.legs()):
            self._enter(State.ENDED, "no leg is left")
            self._deadline_s = None
            self._talk.do(Gone())

    def _enter(self, state: State, why: str) -> None:
        if state not in _ALLOWED[self.state]:
            allowed = ", ".join(sorted(other.value for other in _ALLOWED[self.state])) or "nothing"
            raise WrongCallState(f"call {self.id} is {self.state.value}: {why}: {state.value} cannot follow; allowed: {allowed}")
        self.state = state

    def _leg(self, leg: LegId, role: Role, own: Address, state: LegState, session_id: int | None = None) -> Leg:
        return Leg(leg, role, LegSession(own, session_id or self._setup.session_id), state)

"""How a call comes about: from the calling party's offer to an agreed codec on both legs (RFC 3261 §13, RFC
3264, RFC 3960).

The called party is offered the calling party's codecs, the calling party is answered with what the called one
chose, so both legs carry the same codec and packets can be relayed as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.core.actions import Answer, HangUp, Invite, Progress
from gateway.core.attempts import Attempts
from gateway.core.codecs import Codec, standard
from gateway.core.conversation import Conversation
from gateway.core.direction import reverse
from gateway.core.errors import NotAcceptable, SdpError
from gateway.core.events import LegOffered
from gateway.core.leg import Leg, LegState
from gateway.core.model import Address, Direction, Encoding, LegId, Role
from gateway.core.peeraudio import Audio
from gateway.core.policies import Policies
from gateway.core.reoffers import Reoffers
from gateway.core.routing import Target
from gateway.core.terms import USUAL, Terms


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

    encodings: tuple[Encoding, ...] = (Encoding.PCMA, Encoding.PCMU)
    transcode: bool = False
    """May the parties have a codec each where they have none in common?"""
    ring_timeout_s: float = 60.0
    supervisor_timeout_s: float = 60.0
    dead_call_s: float = 300.0
    """Both parties silent for so long: the call is looked at, and ended where it is dead."""
    panic_code: str = "*99"
    keys: Mapping[str, str] = field(default_factory=dict)
    """`listen`, `whisper`, `barge`, `leave`, `past`: the supervisor's keys; the reader's defaults where
    absent.
    """
    history_s: float = 30.0
    """What is kept of a call to be heard again; 0: nothing."""
    teams: Policies = field(default_factory=Policies)


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
    """The advisor's; what was dialled where nobody is configured."""
    uri: str
    trunk: str | None
    calling_address: Address
    called_address: Address
    headers: Mapping[str, str] = field(default_factory=dict)
    session_id: int = 1
    calling_terms: Terms = USUAL
    called_terms: Terms = USUAL
    others: tuple[Target, ...] = ()
    """Where else, if nobody can be reached there."""


class CallSetup:
    """Moves offer and answers between the two parties. What cannot be used raises `SdpError` or
    `NotAcceptable`.
    """

    def __init__(self, conversation: Conversation, reoffers: Reoffers, setup: Setup, policy: Policy) -> None:
        self._talk = conversation
        self._reoffers = reoffers
        self._setup = setup
        self._policy = policy
        dialling_out = setup.calling_role is Role.ADVISOR
        self.calling: Leg = conversation.advisor if dialling_out else conversation.caller
        self.called: Leg = conversation.partner(self.calling)
        first = Target(setup.uri, setup.trunk)
        self.attempts = Attempts([first, *setup.others], conversation.now.s)
        self._offered: Audio | None = None

    def start(self) -> None:
        """Call the other party with the calling party's codecs."""
        if self._setup.offered.sdp is not None:
            self._offered = self.calling.session.take_offer(self._setup.offered.sdp)
        self._call(self.attempts.target)

    def went_silent(self) -> None:
        """Give up on a trunk that does not respond: when its leg has ended, the next one is tried."""
        self.attempts.silent()
        self._talk.do(HangUp(self.called.id))

    def goes_on(self, code: int, reason: str) -> bool:
        """The called leg has ended before anything came of it: is the called party tried by another trunk?"""
        before, why = self.attempts.target, "no response" if self.attempts.abandoned else f"{code} {reason}"
        target = self.attempts.next(code, self._talk.now.s)
        if target is None:
            return False
        facts = {"trunk": target.trunk, "instead_of": before.trunk, "why": why.strip()}
        self._talk.publish("call.rerouted", facts)
        self._call(target)
        return True

    def _call(self, target: Target) -> None:
        """Send an INVITE with an offer of its own: no trunk sees the keys that another one had."""
        setup, audio = self._setup, self._offered
        if audio is None:
            text = self.called.session.offer(standard(self._policy.encodings))
        else:
            encodings = [codec.encoding for codec in audio.codecs if codec.encoding in self._policy.encodings]
            if not encodings:
                raise NotAcceptable(f"no codec in common; accepted: {', '.join(self._policy.encodings)}")
            spare = [other for other in self._policy.encodings if other not in encodings]
            text = self.called.session.offer(
                standard(encodings, audio.codecs),
                audio.direction,
                event_payload_type=audio.event_payload_type,
                ptime_ms=audio.ptime_ms,
                max_ptime_ms=audio.max_ptime_ms,
                spare=standard(spare) if self._policy.transcode else (),
                noise=audio.noise is not None,
                mux=audio.rtcp_mux,
            )
        who = setup.offered
        self._talk.do(
            Invite(self.called.id, target.uri, text, who.from_uri, who.from_name, setup.headers, target.trunk)
        )

    def progress(self, code: int, sdp: str | None) -> bool:
        """The called party rings. True: early media flows from now on."""
        text = None
        if sdp is not None and self._setup.offered.sdp is not None:
            text = self._early_answer(sdp)
        self._talk.do(Progress(self.calling.id, code, text))
        return text is not None

    def answered(self, sdp: str | None) -> None:
        """The called party picked up: answer the calling party with what they chose."""
        if sdp is not None:
            self.called.session.take_answer(sdp)
        elif self.called.session.media is None:
            raise SdpError("answered without SDP")
        text = self._answer() if self._setup.offered.sdp is not None else self._late_offer()
        self.calling.enter(LegState.ANSWERED)
        self._connect()  # before the 200, so that no packet finds its leg unconnected
        self._talk.do(Answer(self.calling.id, text))

    def confirmed(self, sdp: str | None) -> None:
        """The calling party's ACK; with their answer in it where the INVITE had no offer."""
        if self.calling.session.media is None:
            self.calling.session.take_answer(sdp or "")
            self._connect()

    def agree_on_codec(self, *, refused: bool = False) -> None:
        """Where a forked call was answered with another codec than its early media, ask the called party for
        the first.

        refused: they have just refused a re-INVITE, so that another codec on each leg is final. Raises
        `NotAcceptable`.
        """
        calling, called = self.calling.session.media, self.called.session.media
        if calling is None or called is None:
            return
        if calling.encoding is called.encoding or self._policy.transcode:
            self._connect()
        elif refused:
            raise NotAcceptable("the parties have no codec in common")
        else:
            self._reoffers.reoffer(self.called, calling.encoding, Direction.SENDRECV)

    def _early_answer(self, sdp: str) -> str | None:
        """Connect both legs for early media; returns the answer for the calling leg, None where this one
        cannot be used.

        Another branch of a forked call may answer with another codec: the calling leg has its answer already,
        so that branch's early media is passed over.
        """
        before = self.calling.session.media
        try:
            media = self.called.session.take_answer(sdp)
        except (SdpError, NotAcceptable):
            return None
        if before is not None and media.encoding is not before.encoding and not self._policy.transcode:
            return None
        text = self._answer()
        self._connect()
        return text

    def _answer(self) -> str:
        """Our answer to the calling party: the codec and direction that the called party chose.

        Telephone-event is agreed with an advisor always, because we read their keys; with a caller only where
        the advisor takes it, because nobody else would. Comfort noise only where the called party takes it:
        the calling one's goes to them.
        """
        media, session = self.called.session.media, self.calling.session
        assert media is not None
        noise = media.noise_payload_type is not None
        if session.media is not None:  # the early answer cannot be changed any more
            encoding, events = session.media.encoding, session.media.event_payload_type is not None
            noise = session.media.noise_payload_type is not None
        else:
            encoding, events = (
                media.encoding,
                media.event_payload_type is not None or self.calling.role is Role.ADVISOR,
            )
        if self._policy.transcode and encoding not in session.offered_encodings:
            encoding = session.offered_encodings[0]
        return session.answer(
            encoding,
            reverse(media.direction),
            events=events,
            ptime_ms=media.ptime_ms,
            parameters=media.parameters if encoding is media.encoding else None,
            noise=noise,
        )

    def _late_offer(self) -> str:
        """Our offer to a calling party who made none: what the called party chose."""
        media = self.called.session.media
        assert media is not None
        return self.calling.session.offer(
            standard([media.encoding], [Codec(media.encoding, media.payload_type, media.parameters)]),
            reverse(media.direction),
            ptime_ms=media.ptime_ms,
        )

    def _connect(self) -> None:
        encodings = {leg.session.media.encoding for leg in self._talk.parties if leg.session.media}
        if len(encodings) == 1 or self._policy.transcode:  # a leg of another codec waits for `agree_on_codec`
            for leg in self._talk.parties:
                self._talk.connect(leg)
        self._talk.open_paths()

"""How a supervisor comes onto a call: they dialled in, their browser asks, or their phone was rung (RFC 3261
§13, RFC 3264). Who may, and what becomes of them afterwards, is `core.supervision`'s.
"""

from __future__ import annotations

from gateway.core.actions import Answer, Invite, SummonsAnswered
from gateway.core.codecs import WIDEBAND, standard
from gateway.core.conversation import Conversation, Presence, Supervisor
from gateway.core.errors import NotAcceptable, SdpError
from gateway.core.events import LegOffered
from gateway.core.leg import Leg, LegState
from gateway.core.model import Encoding, Mode
from gateway.core.permissions import Decision, User
from gateway.core.supervision import Supervision
from gateway.core.supervisornews import SupervisorNews


class Arrivals:
    def __init__(self, conversation: Conversation, supervision: Supervision, news: SupervisorNews) -> None:
        self._talk = conversation
        self._supervision = supervision
        self._news = news

    def join(self, leg: Leg, offered: LegOffered, user: User, mode: Mode, via: str) -> None:
        """Answer a supervisor whom `judge` allowed. Raises `NotAcceptable` or `SdpError` with nothing
        changed.

        Prefers the call's codec where their phone offers it; the engine decodes supervisors anyway.
        """
        source = f"{offered.source[0]}:{offered.source[1]}"
        supervisor = Supervisor(leg, user, mode, self._talk.now.at, via, source, Presence.ON_CALL)
        if offered.sdp is None:
            text = leg.session.offer(standard(self._encodings(leg)))
            supervisor.presence = Presence.JOINING
        else:
            leg.session.take_offer(offered.sdp)
            encoding = next(
                (encoding for encoding in self._encodings(leg) if encoding in leg.session.offered_encodings),
                None,
            )
            text = leg.session.answer(encoding or leg.session.offered_encodings[0], noise=True)
        self._talk.supervisors[leg.id] = supervisor
        leg.enter(LegState.ANSWERED)
        self._talk.do(Answer(leg.id, text))
        if supervisor.presence is Presence.ON_CALL:
            self._entered(supervisor)

    def summon(
        self, invite: Invite, leg: Leg, user: User, mode: Mode, alert: str | None, deadline_s: float
    ) -> None:
        """Ring a user, about an alert or because they asked for it; when they answer they are on the call in
        `mode`. `invite.sdp` is filled in here.
        """
        via = "sip" if alert is None else "alert"
        supervisor = Supervisor(
            leg, user, mode, self._talk.now.at, via, invite.uri, Presence.RUNG, alert, deadline_s
        )
        self._talk.supervisors[leg.id] = supervisor
        offer = leg.session.offer(standard(self._encodings(leg)))
        self._talk.do(
            Invite(leg.id, invite.uri, offer, invite.from_uri, invite.from_name, invite.headers, invite.trunk)
        )
        self._news.rung(supervisor)

    def answered(self, supervisor: Supervisor, sdp: str | None) -> None:
        """A rung user picked up."""
        supervisor.leg.enter(LegState.CONFIRMED)
        decision = self._supervision.judge(supervisor.user, supervisor.mode)
        try:
            supervisor.leg.session.take_answer(sdp or "")
        except (SdpError, NotAcceptable) as error:
            decision = Decision(False, str(error))
        if not decision.allowed:
            self._news.refused(supervisor, supervisor.user, supervisor.mode, decision.why, supervisor.via)
            self._supervision.failed(supervisor, 488)
            return
        supervisor.presence = Presence.ON_CALL
        supervisor.since = self._talk.now.at
        self._entered(supervisor)
        if supervisor.alert is not None:
            self._talk.do(SummonsAnswered(supervisor.alert, supervisor.user.id))

    def confirmed(self, supervisor: Supervisor, sdp: str | None) -> None:
        """The ACK of a supervisor who joined without an offer: their answer."""
        if supervisor.presence is not Presence.JOINING:
            return
        try:
            supervisor.leg.session.take_answer(sdp or "")
        except (SdpError, NotAcceptable) as error:
            self._news.refused(supervisor, supervisor.user, supervisor.mode, str(error), supervisor.via)
            self._supervision.leave(supervisor, str(error))
            return
        supervisor.presence = Presence.ON_CALL
        self._entered(supervisor)

    def _entered(self, supervisor: Supervisor) -> None:
        """Their media is agreed: only now does the mode open a path. A takeover that came first stays; this
        one then listens.
        """
        holder = next(
            (
                other
                for other in self._talk.present
                if other.mode is Mode.TAKEOVER and other is not supervisor
            ),
            None,
        )
        if supervisor.mode is Mode.TAKEOVER and holder is not None:
            supervisor.mode = Mode.LISTEN
        self._talk.connect(supervisor.leg)
        self._talk.open_paths()
        self._news.joined(supervisor)
        self._supervision.changed()

    def _encodings(self, leg: Leg) -> list[Encoding]:
        """Those that this leg may have, first the call's own or else one that is as wide."""
        own, allowed = self._talk.widest, leg.session.allowed
        alike = (encoding for encoding in allowed if (encoding in WIDEBAND) is (own in WIDEBAND))
        first = own if own in allowed else next(alike, allowed[0])
        return [first, *(encoding for encoding in allowed if encoding is not first)]

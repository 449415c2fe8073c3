"""What happened on a leg of a call that lives, given to the part of the call that it concerns."""

from __future__ import annotations

from gateway.core.arrivals import Arrivals
from gateway.core.callstate import State
from gateway.core.conversation import Conversation, Presence, Supervisor
from gateway.core.errors import NotAcceptable, SdpError
from gateway.core.events import (
    Digit,
    LegAnswered,
    LegConfirmed,
    LegInfoDigit,
    LegProgress,
    LegReanswered,
    LegReoffered,
    LegReofferRefused,
    LegTrying,
    MediaEvent,
    SignallingEvent,
    StreamLatched,
    StreamResumed,
    StreamSilent,
)
from gateway.core.keypresses import Keypresses
from gateway.core.leg import Leg, LegState
from gateway.core.life import UNUSABLE, Life
from gateway.core.progress import RINGING_CODES
from gateway.core.reoffers import Reoffers
from gateway.core.setup import CallSetup
from gateway.core.supervision import Supervision
from gateway.core.vigil import Vigil


class LegEvents:
    def __init__(
        self,
        conversation: Conversation,
        life: Life,
        setup: CallSetup,
        reoffers: Reoffers,
        supervision: Supervision,
        arrivals: Arrivals,
        vigil: Vigil,
        keys: Keypresses,
    ) -> None:
        self._talk = conversation
        self._life = life
        self._setup = setup
        self._reoffers = reoffers
        self._supervision = supervision
        self._arrivals = arrivals
        self._vigil = vigil
        self._keys = keys

    def handle(self, leg: Leg, event: SignallingEvent | MediaEvent) -> None:
        """`leg` is alive, and so is the call. An event that comes too late to matter changes nothing."""
        supervisor = self._supervision.find(leg.id)
        given_up = leg is self._setup.called and self._setup.attempts.abandoned
        match event:
            case LegTrying() | LegProgress() | LegAnswered() if given_up:
                pass  # it was under way when we hung up
            case LegTrying() if leg is self._setup.called:
                self._setup.attempts.heard(rings=False)
            case LegProgress() if leg is self._setup.called:
                self._setup.attempts.heard(rings=event.code in RINGING_CODES)
                self._progress(event)
            case LegAnswered() if leg is self._setup.called:
                self._answered(event)
            case LegAnswered() if supervisor and supervisor.presence is Presence.RUNG:
                self._arrivals.answered(supervisor, event.sdp)
            case LegConfirmed() if leg.state is LegState.ANSWERED:
                self._confirmed(leg, supervisor, event.sdp)
            case LegConfirmed():
                self._reoffers.confirmed(leg, event.sdp)
            case LegReoffered(sdp=str(offer), answered=str(answered)):
                self._reoffers.updated(leg, offer, answered)
                self._agree_on_codec()
            case LegReoffered():
                self._reoffers.offered(leg, event.sdp)
            case LegReanswered():
                self._reoffers.answered(leg, event.sdp)
                self._agree_on_codec()
            case LegReofferRefused():
                self._reoffers.refused(leg, event.code)
                self._agree_on_codec(refused=leg is self._setup.called)
            case Digit() | LegInfoDigit():
                self._keys.pressed(leg, supervisor, event)
            case StreamSilent():
                self._silent(leg, supervisor, event)
            case StreamResumed() | StreamLatched():
                self._heard(leg, supervisor, event)

    # ── the parties come together ──

    def _progress(self, event: LegProgress) -> None:
        if not self._life.setting_up or event.code not in RINGING_CODES:
            return
        if self._setup.progress(event.code, event.sdp):
            self._life.early(f"{event.code} with media")

    def _answered(self, event: LegAnswered) -> None:
        if not self._life.setting_up:
            return
        self._setup.called.enter(LegState.CONFIRMED)
        try:
            self._setup.answered(event.sdp)
        except (SdpError, NotAcceptable) as error:
            self._life.end(f"unusable answer: {error}", UNUSABLE)
            return
        self._life.answered()
        self._agree_on_codec()
        self._talk.publish_call("call.answered")

    def _confirmed(self, leg: Leg, supervisor: Supervisor | None, sdp: str | None) -> None:
        leg.enter(LegState.CONFIRMED)
        if supervisor is not None:
            self._arrivals.confirmed(supervisor, sdp)
            return
        try:
            self._setup.confirmed(sdp)
        except (SdpError, NotAcceptable) as error:
            self._life.end(f"unusable answer in ACK: {error}", UNUSABLE)

    def _agree_on_codec(self, *, refused: bool = False) -> None:
        if self._life.state is State.TALKING:
            try:
                self._setup.agree_on_codec(refused=refused)
            except NotAcceptable as error:
                self._life.end(str(error), UNUSABLE)

    # ── what the media engine sees of their streams ──

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

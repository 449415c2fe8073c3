"""One dialog as states and events: what the peer did goes in, `core.events` come out as the state allows.

Knows nothing of pjsua2 (`call` translates), so that every order of events can be tested without a socket.
SIP thread only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from gateway.core.events import (
    LegAnswered,
    LegConfirmed,
    LegEnded,
    LegInfoDigit,
    LegProgress,
    LegReanswered,
    LegReoffered,
    LegReofferRefused,
    LegTrying,
    SignallingEvent,
)
from gateway.core.model import LegId
from gateway.sip.states import LEG_MOVES, OFFER_MOVES, IllegalMove, LegState, OfferState

log = logging.getLogger(__name__)


class Leg:
    """States of one dialog. `emit` takes each event; nothing is emitted after `LegEnded`."""

    def __init__(self, leg: LegId, state: LegState, emit: Callable[[SignallingEvent], None]) -> None:
        self.id = leg
        self.state = state
        self.offer_state = OfferState.STABLE
        self.moot_answers = 0
        """Answers still to come from the call logic to re-INVITEs that PJSIP has refused by itself."""
        self._emit = emit
        self._tried = False
        self._early_sdp: dict[str, str] = {}
        """Early answers by To tag: one per fork (RFC 3261 §12.1.2)."""

    def _enter(self, state: LegState, why: str) -> None:
        if state not in LEG_MOVES[self.state]:
            raise IllegalMove(self.state, state, LEG_MOVES[self.state], why)
        log.debug("leg %s: %s to %s: %s", self.id, self.state, state, why)
        self.state = state

    def _enter_offer(self, state: OfferState, why: str) -> None:
        if state not in OFFER_MOVES[self.offer_state]:
            raise IllegalMove(self.offer_state, state, OFFER_MOVES[self.offer_state], why)
        log.debug("leg %s: offer %s to %s: %s", self.id, self.offer_state, state, why)
        self.offer_state = state

    # ── our INVITE ──

    def trying(self) -> None:
        """Any provisional response came; told once."""
        if self.state is LegState.CALLING and not self._tried:
            self._tried = True
            self._emit(LegTrying(self.id))

    def progressed(self, code: int, reason: str, sdp: str | None, tag: str) -> None:
        """A provisional response but 100 came."""
        if self.state is not LegState.CALLING:
            return
        if sdp:
            self._early_sdp[tag] = sdp
        self._emit(LegProgress(self.id, code, reason, sdp))

    def answered(self, sdp: str | None, tag: str) -> None:
        """A 2xx came. Where it has no SDP, the early answer of the same fork stands (RFC 3261 §13.2.1)."""
        if self.state is not LegState.CALLING:
            return
        self._enter(LegState.ESTABLISHED, "200 received")
        self._emit(LegAnswered(self.id, sdp or self._early_sdp.get(tag)))
        self._early_sdp.clear()

    # ── the peer's INVITE ──

    def we_answered(self) -> None:
        self._enter(LegState.ANSWERED, "200 sent")

    def confirmed(self, sdp: str | None) -> None:
        """The ACK came."""
        if self.state is not LegState.ANSWERED:
            return
        self._enter(LegState.ESTABLISHED, "ACK received")
        self._emit(LegConfirmed(self.id, sdp))

    # ── re-INVITE and UPDATE ──

    def may_reoffer(self) -> bool:
        return self.state is LegState.ESTABLISHED and self.offer_state is OfferState.STABLE

    def we_reoffered(self) -> None:
        self._enter_offer(OfferState.WE_OFFERED, "re-INVITE sent")

    def reanswered(self, sdp: str | None) -> None:
        if self.state is LegState.ESTABLISHED and self.offer_state is OfferState.WE_OFFERED:
            self._enter_offer(OfferState.STABLE, "re-INVITE accepted")
            self._emit(LegReanswered(self.id, sdp))

    def late_reanswered(self, sdp: str | None) -> None:
        """The ACK to a re-INVITE without offer brought the peer's answer to the offer in our 200."""
        if self.state is LegState.ESTABLISHED:
            self._emit(LegReanswered(self.id, sdp))

    def reoffer_refused(self, code: int) -> None:
        """Our re-INVITE got a final response but 2xx, or none in time, or could not be sent."""
        if self.state is LegState.ESTABLISHED and self.offer_state is OfferState.WE_OFFERED:
            self._enter_offer(OfferState.STABLE, f"re-INVITE refused with {code}")
            self._emit(LegReofferRefused(self.id, code))

    def reoffer_not_possible(self) -> None:
        """A re-offer of ours came while an exchange is under way or before the dialog is established."""
        if self.state is not LegState.ENDED:
            self._emit(LegReofferRefused(self.id, 491))

    def reoffered(self, sdp: str | None) -> None:
        """A re-INVITE with an offer came; PJSIP lets no second one through while it waits."""
        if self.state is not LegState.ESTABLISHED:
            return
        self._enter_offer(OfferState.PEER_OFFERED, "re-INVITE received")
        self._emit(LegReoffered(self.id, sdp))

    def updated(self, sdp: str, answered: str) -> None:
        """An UPDATE with an offer came and was accepted (RFC 3311 §5.2)."""
        if self.state is LegState.ESTABLISHED:
            self._emit(LegReoffered(self.id, sdp, answered))

    def takes_reanswer(self) -> bool:
        """Is the call logic's answer or refusal for a re-INVITE that still waits? Counts off moot ones."""
        if self.moot_answers:
            self.moot_answers -= 1
            return False
        return self.offer_state is OfferState.PEER_OFFERED

    def reoffer_closed(self, why: str) -> None:
        """The peer's re-INVITE has its final response: ours, or 487 after its CANCEL."""
        if self.offer_state is OfferState.PEER_OFFERED:
            self._enter_offer(OfferState.STABLE, why)

    def reoffer_refused_already(self, code: int) -> None:
        """PJSIP gave the peer's re-INVITE its final response: the call logic's, still to come, is moot."""
        self.moot_answers += 1
        self.reoffer_closed(f"refused with {code} by PJSIP")

    # ── either ──

    def digit(self, digit: str) -> None:
        if self.state is not LegState.ENDED:
            self._emit(LegInfoDigit(self.id, digit))

    def ended(self, code: int, reason: str, retry_after_s: int | None = None) -> bool:
        """The dialog is over; False if it was before."""
        if self.state is LegState.ENDED:
            return False
        self._enter(LegState.ENDED, f"{code} {reason}")
        self._emit(LegEnded(self.id, code, reason, retry_after_s))
        return True

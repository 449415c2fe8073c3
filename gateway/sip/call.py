"""One dialog as pjsua2 sees it: PJSIP's callbacks become facts for `leg`, commands become PJSIP calls.

Life of these objects, where pjsua2 in Python is easily made to crash: made and freed on the SIP thread only;
the stack holds the one reference until the dialog is over, then keeps it one poll longer, so that C++ never
returns into a freed object. Nothing handed to a callback is kept beyond it. Everything here runs on the SIP
thread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Protocol

import pjsua2 as pj

from gateway.core.errors import NotAcceptable, SdpError
from gateway.core.standing import answer_update
from gateway.sip import library, sdptext, way
from gateway.sip.errors import sip_status
from gateway.sip.guard import guarded
from gateway.sip.leg import Leg
from gateway.sip.messages import info_digit, parse_message, wire_text
from gateway.sip.parameters import (
    bare_parameters,
    call_parameters,
    header_vector,
    how_it_ended,
)
from gateway.sip.states import LegState, OfferState


class Owner(Protocol):
    def bury(self, call: DialogCall) -> None:
        """The dialog is over: forget it now, free it once PJSIP has returned from the callback."""


class DialogCall(pj.Call):  # type: ignore[misc]
    """`call_id` is PJSIP's number of an incoming call; `peer_wants_offer`: its INVITE had no SDP; `route`: as
    `way.route_of`.
    """

    def __init__(
        self,
        account: pj.Account,
        leg: Leg,
        owner: Owner,
        call_id: int = pj.PJSUA_INVALID_ID,
        peer_wants_offer: bool = False,
        route: str = "",
    ) -> None:
        super().__init__(account, call_id)
        self.leg = leg
        self._owner = owner
        self._local_sdp = ""
        """What we last sent or are about to send."""
        self._local_was_offer = False
        self._peer_wants_offer = peer_wants_offer
        self._route = route
        self._gave_early_answer = False
        self._late_offer_given = False
        self._update: tuple[str, str] | None = None
        """The offer of an UPDATE and our answer to it, until PJSIP has accepted or refused them."""
        self._negotiated = False
        self._buried = False

    # ── commands ──

    def invite(self, uri: str, sdp: str, from_header: str | None, headers: Mapping[str, str]) -> None:
        """Send the INVITE; failing at once ends the leg with the status that fits."""
        self._set_local(sdp, offer=True)
        prm = call_parameters()
        prm.txOption.headers = header_vector(headers)
        if from_header:
            prm.txOption.localUri = from_header
        try:
            self.makeCall(wire_text(uri), prm)
        except pj.Error as error:
            self._end(sip_status(error.status), error.reason or "cannot be called")

    def progress(self, code: int, sdp: str | None) -> None:
        """Send a provisional response. PJSIP puts SDP in 183 only, so a 180 with an answer goes out as 183.

        An INVITE without offer is told of ringing only: an offer of ours needs a reliable response (RFC 3262
        §5).
        """
        if self.leg.state is not LegState.OFFERED:
            return
        if self._peer_wants_offer:
            self._respond(bare_parameters(180))
        elif sdp and not self._gave_early_answer:
            self._gave_early_answer = True
            self._respond(self._with_answer(183, sdp))
        else:
            self._respond(call_parameters(code))

    def accept(self, sdp: str) -> None:
        """Send 200: `sdp` is our answer, or our offer where the INVITE had none.

        After an early answer the 200 repeats that one (RFC 3261 §13.3.1.1), whatever `sdp` says.
        """
        if self.leg.state is not LegState.OFFERED:
            return
        self.leg.we_answered()
        if self._peer_wants_offer:
            self._set_local(sdp, offer=True)  # onCallSdpCreated puts it in
            self._respond(call_parameters(200))
        elif self._gave_early_answer:
            self._respond(call_parameters(200))
        else:
            self._respond(self._with_answer(200, sdp))

    def finish(self, code: int, retry_after_s: int | None = None) -> None:
        """Refuse, CANCEL or BYE as the state demands. The leg has ended on return; PJSIP sees to the rest."""
        state = self.leg.state
        if state is LegState.ENDED:
            return
        prm = call_parameters(code or (603 if state is LegState.OFFERED else 0))
        if state is not LegState.OFFERED:
            prm.statusCode = 0
        if retry_after_s is not None:
            prm.txOption.headers = header_vector({"Retry-After": str(retry_after_s)})
        if state is LegState.OFFERED:
            ended = (prm.statusCode, "refused by the gateway")
        elif state is LegState.CALLING:
            ended = (487, "cancelled by the gateway")
        else:
            ended = (200, "ended by the gateway")
        self._end(*ended)
        self._quietly_hang_up(prm)

    def fail(self, why: str) -> None:
        """Our own fault: 500 to the peer where it still waits, else CANCEL or BYE."""
        if self.leg.state is LegState.ENDED:
            return
        offered = self.leg.state is LegState.OFFERED
        self._end(500, why)
        self._quietly_hang_up(call_parameters(500 if offered else 0))

    def reoffer(self, sdp: str) -> None:
        if not self.leg.may_reoffer():
            self.leg.reoffer_not_possible()
            return
        previous, self._local_sdp = self._local_sdp, wire_text(sdp)
        self.leg.we_reoffered()
        try:
            self.reinvite(call_parameters())
        except pj.Error:
            self._local_sdp = previous
            self.leg.reoffer_refused(491)
        else:
            self._local_was_offer = True

    def answer_reoffer(self, sdp: str) -> None:
        if not self.leg.takes_reanswer():
            return
        self.leg.reoffer_closed("accepted")
        try:
            self.answer(self._with_answer(200, sdp))
        except pj.Error as error:
            self._refuse_reinvite(sip_status(error.status))

    def refuse_reoffer(self, code: int) -> None:
        if self.leg.takes_reanswer():
            self.leg.reoffer_closed(f"refused with {code}")
            self._refuse_reinvite(code)

    # ── PJSIP's callbacks ──

    @guarded
    def onCallSdpCreated(self, prm: pj.OnCallSdpCreatedParam) -> None:
        if self._local_sdp:
            prm.sdp.wholeSdp = self._update[1] if self._update else self._local_sdp

    @guarded
    def onCallState(self, prm: pj.OnCallStateParam) -> None:
        if not self.isActive():
            if self.leg.state is not LegState.ENDED:
                self.leg.ended(*how_it_ended(prm.e))
            self._bury()
        elif self.leg.state is LegState.ANSWERED and prm.e.type == pj.PJSIP_EVENT_RX_MSG:
            ack = parse_message(prm.e.body.rxMsg.rdata.wholeMsg)
            self.leg.confirmed(sdptext.sdp_of(ack))

    @guarded
    def onCallTsxState(self, prm: pj.OnCallTsxStateParam) -> None:
        event = prm.e.body.tsxState
        tsx = event.tsx
        incoming = tsx.role == pj.PJSIP_ROLE_UAS and tsx.state == pj.PJSIP_TSX_STATE_TRYING
        if incoming and tsx.method not in ("BYE", "CANCEL"):
            way.keep_to(self.getId(), event.src.rdata, parse_message(event.src.rdata.wholeMsg), self._route)
        match tsx.method, tsx.role == pj.PJSIP_ROLE_UAC:
            case "INVITE", True if event.prevState < pj.PJSIP_TSX_STATE_COMPLETED:
                self._invite_moved(event, tsx)
            case "INVITE", False if tsx.statusCode >= 300 and event.prevState < pj.PJSIP_TSX_STATE_COMPLETED:
                if self.leg.offer_state is OfferState.PEER_OFFERED:  # by PJSIP itself: of no use to it
                    self.leg.reoffer_refused_already(tsx.statusCode)
                    self._forget_refused_media()
            case "UPDATE", False if tsx.statusCode >= 300:
                self._update = None
            case "BYE", True:
                self._pjsip_hung_up()
            case "CANCEL", False if incoming and self.leg.offer_state is OfferState.PEER_OFFERED:
                # PJSIP would answer 487 without withdrawing the offer, then refuse every re-INVITE with 491.
                self.leg.reoffer_closed("cancelled by the peer")
                self._refuse_reinvite(487)
            case "OPTIONS", False if incoming:  # is the dialog alive? (RFC 3261 §11)
                library.respond(event.src.rdata, 200)
            case "INFO", False if incoming:
                digit = info_digit(parse_message(event.src.rdata.wholeMsg))
                if digit:
                    self.leg.digit(digit)

    @guarded
    def onCallRxReinvite(self, prm: pj.OnCallRxReinviteParam) -> None:
        prm.isAsync = True
        prm.statusCode = 200
        self.leg.reoffered(sdptext.sdp_of(parse_message(prm.rdata.wholeMsg)))

    @guarded
    def onCallRxOffer(self, prm: pj.OnCallRxOfferParam) -> None:
        """UPDATE. PJSIP wants the answer at once: our session as it stands, in the direction offered and,
        where their key is new, under a new key of ours.
        """
        offer, ours = prm.offer.wholeSdp, self._local_sdp
        if not self._local_was_offer:
            ours = sdptext.without_direction(ours)
        try:
            theirs = library.agreed_description(self.getId(), remote=True)
            answer = answer_update(ours, theirs, offer)
        except (SdpError, NotAcceptable):
            prm.statusCode = 488
            return
        prm.statusCode = 200
        self._update = offer, answer

    @guarded
    def onCallTxOffer(self, prm: pj.OnCallTxOfferParam) -> None:
        """A re-INVITE without offer. PJSIP wants ours at once: the session as it stands (RFC 6337 §5.2.5)."""
        if self.leg.state is LegState.ESTABLISHED and self.leg.offer_state is OfferState.STABLE:
            self._late_offer_given = True
            if not self._local_was_offer:
                self._local_sdp = sdptext.without_direction(self._local_sdp)
            self._local_was_offer = True

    @guarded
    def onCallTransferRequest(self, prm: pj.OnCallTransferRequestParam) -> None:
        """REFER: refused. PJSIP would call whomever it names on this leg's media, past all permissions."""
        prm.statusCode = 603

    @guarded
    def onCallReplaceRequest(self, prm: pj.OnCallReplaceRequestParam) -> None:
        """INVITE with Replaces (RFC 3891): refused. PJSIP would put whoever sends it in this leg's place."""
        prm.statusCode = 488

    @guarded
    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:
        self._negotiated = True
        if self._late_offer_given:
            self._late_offer_given = False
            self.leg.late_reanswered(library.agreed_description(self.getId(), remote=True))
        elif self._update:
            offer, answer = self._update
            self._update = None
            self._set_local(library.agreed_description(self.getId(), remote=False) or answer, offer=False)
            self.leg.updated(offer, self._local_sdp)

    # ── inside ──

    def _invite_moved(self, event: pj.TsxStateEvent, tsx: pj.SipTransaction) -> None:
        """Our INVITE or re-INVITE got a response, or gave up waiting for one."""
        code = tsx.statusCode
        if event.type != pj.PJSIP_EVENT_RX_MSG:
            if code >= 300:
                self.leg.reoffer_refused(code)
            return
        message = parse_message(event.src.rdata.wholeMsg)
        sdp = sdptext.sdp_of(message)
        if sdp and 200 <= code < 300 and self._local_was_offer:
            self._local_sdp = sdptext.agreed_keys(self._local_sdp, sdp)
        if self.leg.state is not LegState.CALLING:
            if 200 <= code < 300:
                self.leg.reanswered(sdp)
            elif code >= 300 and code != 422:  # which PJSIP retries by itself (RFC 4028 §7.4)
                self.leg.reoffer_refused(code)
        elif code < 200:
            self.leg.trying()
            if code > 100:
                self.leg.progressed(code, message.reason, sdp, message.to_tag)
        elif 200 <= code < 300 and self._negotiated:
            self.leg.answered(sdp, message.to_tag)
        elif 200 <= code < 300:
            self._pjsip_hung_up()

    def _pjsip_hung_up(self) -> None:
        """PJSIP ends the dialog by itself; its callback for the end comes with the answer to its BYE."""
        if self.leg.state is LegState.ESTABLISHED:
            self.leg.ended(408, "the peer no longer refreshes or answers the session")
        else:
            self.leg.ended(488, "the peer's SDP cannot be used")

    def _respond(self, prm: pj.CallOpParam) -> None:
        try:
            self.answer(prm)
        except pj.Error as error:
            if self.leg.state is not LegState.ENDED:
                self._end(500, f"PJSIP would not send {prm.statusCode}: {error.reason}")
                self._quietly_hang_up(call_parameters(500))

    def _refuse_reinvite(self, code: int) -> None:
        with contextlib.suppress(pj.Error):  # its CANCEL or BYE came first
            self.answer(call_parameters(code))
        self._forget_refused_media()

    def _forget_refused_media(self) -> None:
        if self.leg.state is LegState.ESTABLISHED and self.isActive():
            library.forget_refused_media(self.getId())

    def _quietly_hang_up(self, prm: pj.CallOpParam) -> None:
        with contextlib.suppress(pj.Error):  # it is gone already
            self.hangup(prm)

    def _end(self, code: int, reason: str, retry_after_s: int | None = None) -> None:
        if self.leg.ended(code, reason, retry_after_s):
            self._bury()

    def _bury(self) -> None:
        if not self._buried:
            self._buried = True
            self._owner.bury(self)

    def _with_answer(self, code: int, sdp: str) -> pj.CallOpParam:
        self._set_local(sdp, offer=False)
        prm = call_parameters(code)
        prm.sdp.wholeSdp = self._local_sdp
        return prm

    def _set_local(self, sdp: str, *, offer: bool) -> None:
        self._local_sdp = wire_text(sdp)
        self._local_was_offer = offer

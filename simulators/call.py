"""One call at a phone: state, requests inside its dialog, hold, hang-up. `OutgoingCall` and `IncomingCall`
begin it.

Every method runs on the event loop's thread. Coroutines that wait take a `timeout` in seconds and raise
TimeoutError.
"""

# ruff: noqa: ASYNC109 - waiting with a timeout is what these methods are for

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from sipmessage import Request, Response

from . import callstate
from .callmedia import CallMedia
from .callstate import CallState, Ended
from .errors import CallFailed, IllegalMove, MalformedSdp, RequestFailed
from .indialog import InDialog
from .media import Media
from .message import REASONS, set_body
from .rtp import KEYS
from .sdp import Agreed, Direction
from .session import CustomSdp, Session
from .transaction import Hop, ServerTransaction
from .useragent import UserAgent

log = logging.getLogger(__name__)

HANG_UP_TIMEOUT_S = 15.0
OFFER_TIMEOUT_S = 15.0
"For the answer to an offer of ours within a call."
LINGER_S = 0.2
"How long the RTP port stays open past the end, for what is still under way."


class Call(CallMedia, InDialog):
    """What both kinds of call share. Made by `Phone.call` and `Phone.incoming`, not by hand."""

    def __init__(self, agent: UserAgent, call_id: str, state: CallState) -> None:
        CallMedia.__init__(self)
        InDialog.__init__(self, agent, call_id)
        self.ending: Ended | None = None
        self.requests: list[Request] = []
        "Every request of the other end in this call, in order."
        self.info_digits = ""
        "Keys that came by SIP INFO."
        self.on_reinvite: Callable[[Request], int] | None = None
        "Asked for each re-INVITE or UPDATE with an offer: 200, or the code to refuse it with. None: accept."
        self._media = Media(agent.host, agent.ptime_ms, agent.srtp)
        self._session = Session(
            agent.host, self._media.local[1], agent.codecs, agent.ptime_ms, agent.srtp, agent.rtcp_mux
        )
        self._state = state
        self._offering = False
        self._late_offer_in_ack = False

    @property
    def state(self) -> CallState:
        return self._state

    @property
    def remote_sdp(self) -> str | None:
        """The other end's latest description, as understood here; None before any."""
        return str(self._session.remote) if self._session.remote else None

    @property
    def remote_direction(self) -> Direction | None:
        """What the other end last said of its own streams: SENDONLY or INACTIVE is being held. None before
        any.
        """
        return self._session.remote.direction if self._session.remote else None

    @property
    def direction(self) -> Direction | None:
        """What was agreed, seen from this end."""
        return self._session.agreed.direction if self._session.agreed else None

    async def ended(self, timeout: float | None = None) -> Ended:
        """Wait until the call is over."""
        await self._until(lambda: self.ending is not None, timeout, lambda: f"{self} did not end")
        assert self.ending is not None
        return self.ending

    async def established(self, timeout: float | None = None) -> None:
        """Wait for the answer and its ACK. Raises `CallFailed` when the call ends instead."""
        await self._until(
            lambda: self._state is CallState.ESTABLISHED or self.ending is not None,
            timeout,
            lambda: f"{self} was not answered",
        )
        self._raise_if_over()

    async def held(self, timeout: float | None = None) -> None:
        """Wait until the other end holds us: it said sendonly or inactive."""
        await self._until(
            lambda: self.remote_direction in (Direction.SENDONLY, Direction.INACTIVE),
            timeout,
            lambda: f"{self} was not held",
        )

    async def resumed(self, timeout: float | None = None) -> None:
        """Wait until the other end does not hold us (any more)."""
        await self._until(
            lambda: self.remote_direction is Direction.SENDRECV, timeout, lambda: f"{self} was not resumed"
        )

    async def hang_up(
        self, *, headers: Mapping[str, str] | None = None, timeout: float = HANG_UP_TIMEOUT_S
    ) -> Ended:
        """End the call as its state asks: BYE, CANCEL, or a refusal with 603. Does nothing when it is over.

        Waits until the call has ended; a BYE that is not answered within `timeout` counts as ended.
        """
        if self._state.over or self._state in (CallState.ENDING, CallState.CANCELLING):
            return await self.ended(timeout)
        if self.dialog is None or self._state in (CallState.CALLING, CallState.INCOMING, CallState.RINGING):
            return await self._give_up(timeout)
        return await self._bye(headers, timeout)

    def vanish(self) -> None:
        """Be gone without a word, as after a power cut: no RTP, no BYE, no answer to anything. The port stays
        bound.
        """
        self.agent.endpoint.silence(self.call_id)
        self._media.stop()
        self._finish(CallState.VANISHED, Ended("local", 0, "vanished"))

    async def hold(
        self, direction: Direction | str = Direction.SENDONLY, timeout: float = OFFER_TIMEOUT_S
    ) -> None:
        """Hold the other end by re-INVITE; silence is sent while on hold, nothing if `direction` is
        "inactive".
        """
        self._media.talker.on_hold = True
        await self._offer_direction(Direction(direction), timeout)

    async def resume(self, timeout: float = OFFER_TIMEOUT_S) -> None:
        """Take the other end back."""
        await self._offer_direction(Direction.SENDRECV, timeout)
        self._media.talker.on_hold = False

    async def reinvite(self, sdp: CustomSdp | None = None, timeout: float = OFFER_TIMEOUT_S) -> Response:
        """Send a re-INVITE with this description, or our own. Raises `RequestFailed` (491 for glare) when
        refused.
        """
        return await self._offer("INVITE", sdp, timeout)

    async def rekey(self, how: str = "INVITE", timeout: float = OFFER_TIMEOUT_S) -> Response:
        """Other SRTP keys of ours by "INVITE", by "UPDATE", or by "ACK": the answer to an offer that a
        re-INVITE without one asks for. Raises as `reinvite`.
        """
        self._session.renew_keys()
        return await (self.ask_for_offer(timeout) if how == "ACK" else self._offer(how, None, timeout))

    async def ask_for_offer(self, timeout: float = OFFER_TIMEOUT_S) -> Response:
        """Re-INVITE without an offer: theirs comes with the 200, our answer goes with the ACK (RFC 3261
        §14.1).
        """
        self._must_be(CallState.ESTABLISHED)
        return await self.request("INVITE", timeout=timeout)

    def _answer_in_ack(self, response: Response) -> str:
        if self._offering or not response.body:
            return ""
        text, agreed = self._session.answer(response.body)
        self._agree(agreed)
        return text

    async def update(self, sdp: CustomSdp | None = None, timeout: float = OFFER_TIMEOUT_S) -> Response:
        """Send an UPDATE with an offer (RFC 3311); otherwise as `reinvite`."""
        return await self._offer("UPDATE", sdp, timeout)

    async def _offer(self, method: str, sdp: CustomSdp | None, timeout: float) -> Response:
        self._must_be(CallState.ESTABLISHED)
        if self._offering:
            raise IllegalMove("an offer of ours is still waiting for its answer")
        self._offering = True
        try:
            response = await self.request(method, body=self._session.offer(sdp), timeout=timeout)
            self._agree(self._session.take_answer(response.body))
            return response
        finally:
            self._session.withdraw()
            self._offering = False

    async def press(self, keys: str, *, method: str = "rfc4733", ms: int = 100, gap_ms: int = 60) -> None:
        """Press keys one after the other; returns when the last is out, or the call is over.

        `method`: "rfc4733" for telephone-events, "info" for SIP INFO (application/dtmf-relay), "inband" for
        tones.
        """
        if unknown := [key for key in keys.upper() if key not in KEYS]:
            raise ValueError(f"no such key: {unknown[0]!r}; keys are {KEYS}")
        if method == "info":
            for key in keys.upper():
                if self._state.over:
                    return
                body = f"Signal={key}\r\nDuration={ms}\r\n"
                await self.request("INFO", body=body, content_type="application/dtmf-relay")
                await asyncio.sleep((ms + gap_ms) / 1_000)
        elif method in ("rfc4733", "inband"):
            await self._press_as_rtp(keys.upper(), ms, gap_ms, inband=method == "inband")
        else:
            raise ValueError(f"method {method!r} is none of rfc4733, info, inband")

    async def _bye(self, headers: Mapping[str, str] | None, timeout: float) -> Ended:
        self._enter(CallState.ENDING, "hung up here")
        self._media.stop()
        try:
            await self.request("BYE", headers=headers, timeout=timeout)
        except (RequestFailed, TimeoutError) as error:
            log.info("%s: BYE: %s", self, error)
        self._finish(CallState.ENDED, Ended("local", 200, "hung up"))
        assert self.ending is not None
        return self.ending

    async def _give_up(self, timeout: float) -> Ended:
        """End a call that was never answered."""
        raise NotImplementedError

    async def _offer_direction(self, direction: Direction, timeout: float) -> None:
        before, self._session.wanted = self._session.wanted, direction
        try:
            await self.reinvite(timeout=timeout)
        except BaseException:
            self._session.wanted = before
            self._media.talker.on_hold = not before.receives
            raise

    def on_request(self, request: Request, source: Hop, transaction: ServerTransaction | None) -> None:
        """A request of the other end inside this call; the phone hands it on."""
        if self._state is CallState.VANISHED:
            return
        self.last_message = request
        self.requests.append(request)
        if transaction is None:
            self._on_ack(request)
        elif self.dialog is None or not self.dialog.in_order(request):
            self._respond(transaction, 500 if self.dialog else 481)
        elif request.method == "BYE":
            self._on_bye(request, transaction)
        elif self._state is CallState.ENDED:
            self._respond(transaction, 481)
        elif request.method in ("INVITE", "UPDATE"):
            self._on_offer(request, transaction)
        else:
            self._on_other(request, transaction)
        self._changed()

    def _on_ack(self, ack: Request) -> None:
        self._acknowledged(ack.cseq.sequence)
        if self._late_offer_in_ack and ack.body:
            self._late_offer_in_ack = False
            try:
                self._agree(self._session.take_answer(ack.body))
            except MalformedSdp as error:
                log.warning("%s: unusable answer in ACK: %s", self, error)
        if self._state is CallState.ANSWERING:
            self._enter(CallState.ESTABLISHED, "ACK received")

    def _on_bye(self, request: Request, transaction: ServerTransaction) -> None:
        self._respond(transaction, 200)
        self._finish(CallState.ENDED, Ended("remote", 200, request.headers.get("Reason") or "hung up"))

    def _on_offer(self, request: Request, transaction: ServerTransaction) -> None:
        """A re-INVITE (§14.2) or UPDATE (RFC 3311 §5.2)."""
        if self._offering:
            self._respond(transaction, 491)
            return
        code = self.on_reinvite(request) if self.on_reinvite is not None and request.body else 200
        if code != 200:
            self._respond(transaction, code)
            return
        assert self.dialog is not None
        response = self._response(request, 200)
        try:
            self._put_description(request, response)
        except MalformedSdp as error:
            log.info("%s: offer refused: %s", self, error)
            self._respond(transaction, 488)
            return
        self.dialog.refresh_target(request)
        self.agent.endpoint.respond(transaction, response)
        if request.method == "INVITE":
            self._repeat_until_acknowledged(response, transaction.hop)

    def _put_description(self, request: Request, response: Response, custom: CustomSdp | None = None) -> None:
        """Answer the offer in `request`; make an offer where an INVITE had none (§13.2.1). Raises
        `MalformedSdp`.
        """
        if request.body:
            text, agreed = self._session.answer(request.body, custom)
            set_body(response, text)
            self._agree(agreed)
        elif request.method == "INVITE":
            set_body(response, self._session.offer(custom))
            self._late_offer_in_ack = True

    def _on_other(self, request: Request, transaction: ServerTransaction) -> None:
        if request.method == "INFO":
            for line in request.body.decode(errors="replace").splitlines():
                name, _, value = line.partition("=")
                if name.strip().lower() == "signal":
                    self.info_digits += value.strip()
        known = request.method in ("INFO", "OPTIONS", "MESSAGE", "NOTIFY")
        self._respond(transaction, 200 if known else 405)

    def _not_acknowledged(self) -> None:
        if not self._state.over:
            self._finish(CallState.ENDED, Ended("network", 408, "no ACK"))

    def _agree(self, agreed: Agreed) -> None:
        self._media.agree(agreed)
        self._changed()

    def _enter(self, state: CallState, why: str) -> None:
        callstate.check(self._state, state)
        log.debug("%s: %s → %s: %s", self.call_id, self._state.value, state.value, why)
        self._state = state
        self._changed()

    def _finish(self, state: CallState, ending: Ended) -> None:
        """Be over; the first reason counts."""
        if self._state.over:
            return
        self.ending = ending
        self._stop_repeating()
        self._enter(state, ending.reason)
        self._media.stop()
        if state is CallState.ENDED:
            asyncio.get_running_loop().call_later(LINGER_S, self.release)

    def release(self) -> None:
        """Close the RTP port; recordings stay readable."""
        self._media.close()

    def _must_be(self, *states: CallState) -> None:
        if self._state not in states:
            allowed = ", ".join(state.value for state in states)
            raise IllegalMove(f"{self} is {self._state.value}; this needs {allowed}")

    def _raise_if_over(self) -> None:
        if self.ending is not None:
            headers = self.headers if self.ending.by == "remote" else {}
            code = self.ending.code
            raise CallFailed(code, self.ending.reason or REASONS.get(code, ""), headers)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.agent.user}, {self._state.value}>"

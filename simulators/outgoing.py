"""A call that this phone makes: INVITE, progress, early media, answer, CANCEL (RFC 3261 §13.2, §9.1)."""

# ruff: noqa: ASYNC109 - waiting with a timeout is what these methods are for

from __future__ import annotations

import logging
from collections.abc import Mapping

from sipmessage import URI, Address, CSeq, Request, Response

from .call import Call
from .callstate import CallState, Ended
from .dialog import Dialog
from .errors import CallFailed, IllegalMove, MalformedSdp
from .message import make_request, new_call_id, new_tag, set_body, tag, with_tag
from .session import CustomSdp
from .transaction import ClientTransaction
from .useragent import UserAgent, authorised

log = logging.getLogger(__name__)


class OutgoingCall(Call):
    """Made by `Phone.call`, which sends the INVITE at once."""

    def __init__(
        self,
        agent: UserAgent,
        target: URI,
        *,
        identity: Address,
        headers: Mapping[str, str],
        sdp: CustomSdp | None,
        late_offer: bool,
        routes: list[Address],
    ) -> None:
        super().__init__(agent, new_call_id(agent.host), CallState.CALLING)
        self.target = target
        self.provisional: list[Response] = []
        "Every provisional response, repeated ones too."
        self.early_media = False
        "Whether a provisional response carried a session description."
        self._codes: list[int] = []
        self._read_codes = 0
        self._transaction: ClientTransaction | None = None
        self._late_offer = late_offer
        self._routes = routes
        self._invite = make_request(
            "INVITE",
            target,
            sender=with_tag(identity, new_tag()),
            recipient=Address(uri=target),
            call_id=self.call_id,
            sequence=1,
        )
        self._invite.contact = [agent.contact]
        self._invite.route = routes
        self._invite.headers.set("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE")
        if not late_offer:
            set_body(self._invite, self._session.offer(sdp))
        for name, value in headers.items():
            self._invite.headers.set(name, value)

    def start(self) -> None:
        """Send the INVITE. Raises `TransportFailed` for a host that is not known."""
        first = self._routes[0].uri if self._routes else self.target
        hop = self.agent.hop(first)
        invite = self._invite
        self._transaction = self.agent.endpoint.request(
            invite, hop, lambda response: self._on_response(invite, response), self._on_failure
        )

    async def progress(self, timeout: float | None = None) -> int:
        """The code of the next response, provisional (100 left out) or final, each told once.

        Raises `CallFailed` when there will be no more.
        """
        await self._until(
            lambda: len(self._codes) > self._read_codes or self.ending is not None,
            timeout,
            lambda: f"no further response to {self}",
        )
        if len(self._codes) > self._read_codes:
            self._read_codes += 1
            return self._codes[self._read_codes - 1]
        self._raise_if_over()
        raise CallFailed(487, "Request Terminated")

    async def answered(self, timeout: float | None = None) -> None:
        """Wait for the answer. Raises `CallFailed` with code, words and headers when it is refused or
        fails.
        """
        await self.established(timeout)

    async def cancel(self, timeout: float = 20.0) -> Ended:
        """Give up before the answer (§9.1): CANCEL goes out as soon as a provisional response is here.

        Should the answer come first, it is acknowledged and hung up at once. Waits for the end.
        """
        self._must_be(CallState.CALLING, CallState.RINGING)
        return await self._give_up(timeout)

    async def _give_up(self, timeout: float) -> Ended:
        self._enter(CallState.CANCELLING, "cancelled here")
        self._media.stop()
        if self._transaction is not None:
            self.agent.endpoint.cancel(self._transaction)
        return await self.ended(timeout)

    def _on_response(self, invite: Request, response: Response) -> None:
        if invite is not self._invite or self._state is CallState.VANISHED:
            return
        self.last_message = response
        if response.code < 200:
            self._on_provisional(response)
        elif response.code < 300:
            self._on_answer(response)
        elif response.code in (401, 407) and not self._state.over and self._state is not CallState.CANCELLING:
            self._on_challenge(response)
        else:
            self._on_refusal(response)
        self._changed()

    def _on_provisional(self, response: Response) -> None:
        self.provisional.append(response)
        if response.code == 100 or self._state.over or self._state is CallState.CANCELLING:
            return
        self._codes.append(response.code)
        if tag(response.to_address):
            self.dialog = Dialog.as_caller(self._invite, response)
        self._enter(CallState.RINGING, f"{response.code} received")
        if response.body and self._session.offering:
            try:
                self._agree(self._session.peek_answer(response.body))
                self.early_media = True
            except MalformedSdp as error:
                log.warning("%s: unusable early answer: %s", self, error)

    def _on_answer(self, response: Response) -> None:
        sequence = self._invite.cseq.sequence
        if (
            self._state is CallState.ESTABLISHED
            and self.dialog
            and tag(response.to_address) == self.dialog.remote_tag
        ):
            self._acknowledge(self.dialog, sequence)
            return
        dialog = Dialog.as_caller(self._invite, response)
        if self._state not in (CallState.CALLING, CallState.RINGING, CallState.CANCELLING):
            self._drop_fork(dialog, sequence)
            return
        given_up = self._state is CallState.CANCELLING
        self.dialog = dialog
        self._codes.append(response.code)
        problem = None
        body = ""
        try:
            if self._late_offer:
                body, agreed = self._session.answer(response.body)
                self._media.agree(agreed) if not given_up else None
            elif not given_up:
                self._media.agree(self._session.take_answer(response.body))
        except (MalformedSdp, IllegalMove) as error:
            problem = str(error)
        self._acknowledge(dialog, sequence, body)
        if given_up or problem is not None:
            self._hang_up_at_once(dialog, problem)
            return
        self._enter(CallState.ESTABLISHED, "answered")

    def _hang_up_at_once(self, dialog: Dialog, problem: str | None) -> None:
        """An answer that comes too late, or cannot be used, is followed by BYE (§15)."""
        self._send_bye(dialog)
        ending = (
            Ended("local", 487, "cancelled after the answer")
            if problem is None
            else Ended("local", 488, problem)
        )
        self._finish(CallState.ENDED, ending)

    def _drop_fork(self, dialog: Dialog, sequence: int) -> None:
        """A second answer from another branch of a forking proxy (§13.2.2.4): acknowledge and hang up."""
        if self.dialog is not None and dialog.remote_tag == self.dialog.remote_tag:
            self._acknowledge(dialog, sequence)
            return
        hop = self.agent.hop(dialog.next_uri)
        self.agent.endpoint.send(dialog.request("ACK", sequence), hop)
        self._send_bye(dialog)

    def _send_bye(self, dialog: Dialog) -> None:
        hop = self.agent.hop(dialog.next_uri)
        self.agent.endpoint.request(dialog.request("BYE"), hop, lambda _: None, lambda _: None)

    def _on_challenge(self, response: Response) -> None:
        again = self._invite
        if not authorised(self.agent, again, response):
            self._on_refusal(response)
            return
        again = Request("INVITE", again.uri, again.body)
        for name in self._invite.headers.keys():  # noqa: SIM118
            if name.lower() != "via":
                again.headers.setlist(name, list(self._invite.headers.getlist(name)))
        again.cseq = CSeq(self._invite.cseq.sequence + 1, "INVITE")
        self._invite = again
        self.start()

    def _on_refusal(self, response: Response) -> None:
        self._codes.append(response.code)
        by = "local" if self._state is CallState.CANCELLING else "remote"
        self._finish(CallState.ENDED, Ended(by, response.code, response.phrase))

    def _on_failure(self, why: str) -> None:
        """No response: as if 408 had come (§8.1.3.1); 503 where there was no connection."""
        if self._state.over:
            return
        code = 503 if "connect" in why else 408
        self._codes.append(code)
        self._finish(CallState.ENDED, Ended("network", code, why))
        self._changed()

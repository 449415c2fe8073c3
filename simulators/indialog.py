"""Requests and responses inside a call's dialog: credentials, ACK of a 2xx, repetition of our own 2xx."""

# ruff: noqa: ASYNC109 - waiting with a timeout is what these methods are for

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from sipmessage import CSeq, Request, Response

from .dialog import Dialog
from .errors import IllegalMove, RequestFailed
from .message import flat_headers, make_response, set_body
from .transaction import Hop, ServerTransaction
from .useragent import UserAgent, authorised, send_in_dialog
from .waiting import Changing


class InDialog(Changing):
    """The part of a call that speaks SIP inside its dialog; `Call` decides what is said."""

    def __init__(self, agent: UserAgent, call_id: str) -> None:
        super().__init__()
        self.agent = agent
        self.call_id = call_id
        self.dialog: Dialog | None = None
        self.last_message: Request | Response | None = None
        "The latest message of the other end that belongs to this call."
        self._acks: dict[int, tuple[Request, Hop]] = {}
        self._resending: dict[int, asyncio.TimerHandle] = {}

    @property
    def headers(self) -> dict[str, str]:
        """The headers of `last_message`, several of one name joined by commas."""
        return flat_headers(self.last_message) if self.last_message is not None else {}

    async def request(
        self,
        method: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: str | bytes = b"",
        content_type: str = "application/sdp",
        timeout: float = 20.0,
    ) -> Response:
        """Send any request inside the dialog and return its final response, credentials added when asked for.

        Raises `RequestFailed` for a response past 2xx (408 where none came), TimeoutError after `timeout`.
        """
        if self.dialog is None:
            raise IllegalMove(f"{method} needs a dialog, which {self} has not yet")
        request = self.dialog.request(method)
        for name, value in (headers or {}).items():
            request.headers.set(name, value)
        if body:
            set_body(request, body, content_type)
        response = await self._exchange(self.dialog, request, timeout)
        if response.code in (401, 407) and authorised(self.agent, request, response):
            self.dialog.local_sequence += 1
            request.cseq = CSeq(self.dialog.local_sequence, method)
            request.headers.remove("Via")
            response = await self._exchange(self.dialog, request, timeout)
        if response.code >= 300:
            raise RequestFailed(response.code, response.phrase, flat_headers(response))
        return response

    async def _exchange(self, dialog: Dialog, request: Request, timeout: float) -> Response:
        """One request, one final response; the ACK of a re-INVITE's 2xx goes out here."""
        hop = send_in_dialog(self.agent, dialog, request)

        def on_response(response: Response) -> None:
            self.last_message = response
            if request.method == "INVITE" and 200 <= response.code < 300:
                dialog.refresh_target(response)
                self._acknowledge(dialog, request.cseq.sequence, self._answer_in_ack(response))

        async with asyncio.timeout(timeout):
            return await self.agent.endpoint.exchange(request, hop, on_response)

    def _answer_in_ack(self, response: Response) -> str:
        """Our answer to an offer that a re-INVITE without one has brought; empty: it has brought none."""
        raise NotImplementedError

    def _acknowledge(self, dialog: Dialog, sequence: int, body: str = "") -> None:
        """Send the ACK of a 2xx, the same one again for a repeated 2xx (RFC 3261 §13.2.2.4)."""
        if sequence not in self._acks:
            ack = dialog.request("ACK", sequence)
            set_body(ack, body)
            self._acks[sequence] = ack, self.agent.hop(dialog.next_uri)
            self.agent.endpoint.send(*self._acks[sequence])
        else:
            self.agent.endpoint.send_again(*self._acks[sequence])

    def _response(self, request: Request, code: int, reason: str | None = None) -> Response:
        response = make_response(request, code, reason, to_tag=self.dialog.local_tag if self.dialog else None)
        if request.method in ("INVITE", "UPDATE") and 100 < code < 300:
            response.contact = [self.agent.contact]
        return response

    def _respond(self, transaction: ServerTransaction, code: int, reason: str | None = None) -> None:
        self.agent.endpoint.respond(transaction, self._response(transaction.request, code, reason))

    def _repeat_until_acknowledged(self, response: Response, hop: Hop) -> None:
        """Send a 2xx again and again until its ACK comes, 64·T1 at most (§13.3.1.4)."""
        timing = self.agent.endpoint.timing
        loop = asyncio.get_running_loop()
        sequence, give_up_at = response.cseq.sequence, loop.time() + timing.patience

        def repeat(interval: float) -> None:
            if loop.time() >= give_up_at:
                self._resending.pop(sequence, None)
                self._not_acknowledged()
                return
            self.agent.endpoint.send(response, hop)
            following = min(2 * interval, timing.t2)
            self._resending[sequence] = loop.call_later(following, repeat, following)

        self._resending[sequence] = loop.call_later(timing.t1, repeat, timing.t1)

    def _acknowledged(self, sequence: int) -> None:
        """The ACK came: stop repeating."""
        if (timer := self._resending.pop(sequence, None)) is not None:
            timer.cancel()

    def _stop_repeating(self) -> None:
        for timer in self._resending.values():
            timer.cancel()
        self._resending.clear()

    def _not_acknowledged(self) -> None:
        """No ACK came for a 2xx of ours."""
        raise NotImplementedError

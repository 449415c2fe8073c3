"""A call that this phone receives: ring, early media, answer, refuse, being cancelled (RFC 3261 §13.3,
§9.2).
"""

# ruff: noqa: ASYNC109 - waiting with a timeout is what these methods are for

from __future__ import annotations

from collections.abc import Mapping

from sipmessage import Request, Response

from .call import Call
from .callstate import CallState, Ended
from .dialog import Dialog
from .errors import MalformedSdp
from .message import REASONS, new_tag
from .session import CustomSdp
from .transaction import InviteServer, ServerTransaction
from .useragent import UserAgent


class IncomingCall(Call):
    """Made by the phone for each new INVITE, which it has answered with 100."""

    def __init__(self, agent: UserAgent, invite: Request, transaction: InviteServer) -> None:
        super().__init__(agent, invite.call_id, CallState.INCOMING)
        self.invite = invite
        self.last_message = invite
        self.requests.append(invite)
        self.dialog = Dialog.as_callee(invite, new_tag())
        self._transaction = transaction

    @property
    def from_uri(self) -> str:
        """Who calls, by the From header."""
        return str(self.invite.from_address.uri)

    @property
    def from_user(self) -> str:
        return self.invite.from_address.uri.user or ""

    def began_with(self, transaction: ServerTransaction) -> bool:
        """Whether this is the call of that INVITE transaction."""
        return transaction is self._transaction

    async def ring(self, code: int = 180, headers: Mapping[str, str] | None = None) -> None:
        """Send a provisional response without a session description."""
        self._must_be(CallState.INCOMING, CallState.RINGING)
        self._send(code, headers=headers)
        self._enter(CallState.RINGING, f"{code} sent")

    async def early(self, code: int = 183, sdp: CustomSdp | None = None) -> None:
        """Send a provisional response with our answer, and begin to send audio. Raises `MalformedSdp`."""
        self._must_be(CallState.INCOMING, CallState.RINGING)
        self._send(code, with_sdp=True, sdp=sdp)
        self._enter(CallState.RINGING, f"{code} sent")

    async def answer(self, sdp: CustomSdp | None = None, headers: Mapping[str, str] | None = None) -> None:
        """Send 200 and begin to send audio; it is repeated until the ACK comes (`established` waits for
        that).

        An offer with no codec in common is refused with 488 and raised as `MalformedSdp`.
        """
        self._must_be(CallState.INCOMING, CallState.RINGING)
        try:
            response = self._send(200, with_sdp=True, sdp=sdp, headers=headers)
        except MalformedSdp as error:
            await self.refuse(488, str(error))
            raise
        self._enter(CallState.ANSWERING, "200 sent")
        self._repeat_until_acknowledged(response, self._transaction.hop)

    async def refuse(
        self, code: int = 486, reason: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Refuse with a final response of 300 or more."""
        self._must_be(CallState.INCOMING, CallState.RINGING)
        self._send(code, reason, headers=headers)
        self._finish(CallState.ENDED, Ended("local", code, reason or REASONS.get(code, "refused")))

    def on_cancel(self, cancel: Request) -> None:
        """The caller gave up; the phone has answered the CANCEL itself. Too late after an answer (§9.2)."""
        if self._state not in (CallState.INCOMING, CallState.RINGING):
            return
        self.last_message = cancel
        self._send(487)
        self._finish(CallState.ENDED, Ended("remote", 487, cancel.headers.get("Reason") or "cancelled"))

    def _on_bye(self, request: Request, transaction: ServerTransaction) -> None:
        if self._state in (CallState.INCOMING, CallState.RINGING):
            self._send(487)
        super()._on_bye(request, transaction)

    async def _give_up(self, timeout: float) -> Ended:
        await self.refuse(603)
        return await self.ended(timeout)

    def _send(
        self,
        code: int,
        reason: str | None = None,
        *,
        with_sdp: bool = False,
        sdp: CustomSdp | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Respond to the INVITE."""
        response = self._response(self.invite, code, reason)
        if with_sdp:
            self._put_description(self.invite, response, sdp)
        for name, value in (headers or {}).items():
            response.headers.set(name, value)
        self.agent.endpoint.respond(self._transaction, response)
        return response

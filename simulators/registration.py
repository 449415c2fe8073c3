"""Registering a phone (RFC 3261 §10.2): first REGISTER, credentials, refresh, removal."""

# ruff: noqa: ASYNC109 - waiting with a timeout is what these methods are for

from __future__ import annotations

import asyncio
import contextlib
import logging

from sipmessage import URI, Address, CSeq, Request, Response

from .errors import RegistrationFailed, RequestFailed, SimulatorError
from .message import flat_headers, make_request, new_call_id, new_tag, with_tag
from .useragent import UserAgent, authorised

log = logging.getLogger(__name__)


class Registration:
    """Keeps one contact registered while `start` … `stop`."""

    def __init__(self, agent: UserAgent, registrar: URI, identity: Address) -> None:
        self.registered = False
        self._agent = agent
        self._registrar = URI(
            scheme="sip", host=registrar.host, port=registrar.port, parameters=registrar.parameters
        )
        self._identity = identity
        self._call_id = new_call_id(agent.host)
        self._tag = new_tag()
        self._sequence = 0
        self._expires_s = 300
        self._refreshing: asyncio.Task[None] | None = None

    async def start(self, expires_s: int, timeout: float) -> int:
        """Register, and refresh from then on in good time. Returns the seconds granted. Raises
        `RegistrationFailed`.
        """
        self._expires_s = expires_s
        granted = await self._register(expires_s, timeout)
        if self._refreshing is not None:
            self._refreshing.cancel()
        self._refreshing = asyncio.create_task(self._refresh(granted, timeout))
        return granted

    async def stop(self, timeout: float) -> None:
        """Remove the contact; failure to is only logged."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
            self._refreshing = None
        if self.registered:
            with contextlib.suppress(SimulatorError, TimeoutError):
                await self._register(0, timeout)
        self.registered = False

    async def _refresh(self, granted_s: int, timeout: float) -> None:
        while True:
            await asyncio.sleep(max(1.0, granted_s * 0.5 if granted_s < 60 else granted_s - 30))
            try:
                granted_s = await self._register(self._expires_s, timeout)
            except (SimulatorError, TimeoutError) as error:
                self.registered = False
                log.warning("registration lost: %s", error)
                granted_s = 10

    async def _register(self, expires_s: int, timeout: float) -> int:
        request = self._request(expires_s)
        response = await self._exchange(request, timeout)
        if response.code in (401, 407) and authorised(self._agent, request, response):
            self._sequence += 1
            request.cseq = CSeq(self._sequence, "REGISTER")
            request.headers.remove("Via")
            response = await self._exchange(request, timeout)
        if response.code == 423 and response.min_expires and expires_s:
            return await self._register(response.min_expires, timeout)
        if response.code >= 300:
            raise RegistrationFailed(response.code, response.phrase, flat_headers(response))
        self.registered = expires_s > 0
        return self._granted(response, expires_s)

    def _granted(self, response: Response, asked_s: int) -> int:
        own = self._agent.contact.uri
        for contact in response.contact:
            if (contact.uri.user, contact.uri.host, contact.uri.port) == (own.user, own.host, own.port):
                expires = contact.parameters.get("expires")
                return int(expires) if expires else response.expires or asked_s
        return response.expires or asked_s

    def _request(self, expires_s: int) -> Request:
        self._sequence += 1
        request = make_request(
            "REGISTER",
            self._registrar,
            sender=with_tag(self._identity, self._tag),
            recipient=self._identity,
            call_id=self._call_id,
            sequence=self._sequence,
        )
        request.contact = [self._agent.contact]
        request.expires = expires_s
        return request

    async def _exchange(self, request: Request, timeout: float) -> Response:
        try:
            async with asyncio.timeout(timeout):
                return await self._agent.endpoint.exchange(request, self._agent.hop(self._registrar))
        except RequestFailed as error:
            raise RegistrationFailed(408, f"{error.reason} from {self._registrar}") from None
        except TimeoutError:
            why = f"registrar {self._registrar} did not answer within {timeout} s"
            raise RegistrationFailed(408, why) from None

"""A SIP phone: makes, receives and registers for calls. The entrance to this package for tests and the demo.

async with Phone(user="patient") as phone:
    call = await phone.call("sip:2001@127.0.0.1:5060")
    await call.answered(timeout=10)
    call.say("patient-chest-pain")
    await call.said()
    await call.hang_up()
"""

# ruff: noqa: ASYNC109 - waiting with a timeout is what these methods are for

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType

from sipmessage import URI, Address, Parameters, Request, Response

from .call import Call
from .callstate import CallState
from .endpoint import Endpoint, Traced
from .errors import IllegalMove
from .incoming import IncomingCall
from .message import (
    ALLOW,
    flat_headers,
    make_request,
    make_response,
    new_call_id,
    new_tag,
    tag,
    uri,
    with_tag,
)
from .outgoing import OutgoingCall
from .registration import Registration
from .session import CustomSdp
from .tls import Tls
from .transaction import Hop, InviteServer, ServerTransaction, Timing

log = logging.getLogger(__name__)

Handler = Callable[[IncomingCall], Awaitable[None] | None]
OnIncoming = str | Handler | None

GOODBYE_S = 2.0
"How long closing a phone may take over hanging up and unregistering."


class Phone:
    """One SIP endpoint; use as an async context manager. All methods belong to the event loop's thread.

    `port` 0 takes any free one. `transport` is "udp", "tcp", or "tls" by `tls`. `proxy` is a URI that every
    request goes through first. `registrar` is the URI of the domain that `register` speaks to and that bare
    numbers are called at. `on_incoming`: "answer", "ring", "busy", or a function of the call, plain or async;
    None leaves it to `incoming`. `codecs`: PCMA, PCMU, and CN where it can describe silence. `srtp`: "off",
    "optional" (offered in RTP/AVP) or "required" (RTP/SAVP). `rtcp_mux`: it offers and takes one port for RTP
    and RTCP.
    """

    def __init__(
        self,
        user: str,
        host: str = "127.0.0.1",
        port: int = 0,
        transport: str = "udp",
        display_name: str | None = None,
        proxy: str | None = None,
        registrar: str | None = None,
        password: str | None = None,
        on_incoming: OnIncoming = None,
        codecs: tuple[str, ...] = ("PCMA", "PCMU"),
        ptime_ms: int = 20,
        srtp: str = "off",
        rtcp_mux: bool = False,
        timing: Timing | None = None,
        tls: Tls | None = None,
    ) -> None:
        if transport not in ("udp", "tcp", "tls"):
            raise ValueError(f"transport {transport!r} is neither 'udp', 'tcp' nor 'tls'")
        self.user = user
        self.host = host
        self.transport = transport
        self.display_name = display_name or ""
        self.password = password
        self.on_incoming = on_incoming
        self.codecs = tuple(codecs)
        self.ptime_ms = ptime_ms
        self.srtp = srtp
        self.rtcp_mux = rtcp_mux
        self.calls: list[Call] = []
        "Every call since the start, those that are over too."
        self.endpoint = Endpoint(host, self._on_request, self._on_stray, timing, tls)
        self._proxy = uri(proxy) if proxy else None
        self._registrar = uri(registrar) if registrar else None
        self._wanted_port = port
        self._port = port
        self._arrived: asyncio.Queue[IncomingCall] = asyncio.Queue()
        self._registration: Registration | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Phone:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Bind the SIP socket. Raises `TransportFailed`."""
        self._port = await self.endpoint.open(self._wanted_port, (self.transport,))

    async def close(self) -> None:
        """Hang up what is still up, unregister, and close every socket."""
        live = [call for call in self.calls if not call.state.over]
        farewells = [call.hang_up(timeout=GOODBYE_S) for call in live]
        await asyncio.gather(*farewells, return_exceptions=True)
        if self._registration is not None:
            await self._registration.stop(GOODBYE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for call in self.calls:
            call.release()
        await self.endpoint.close()

    def vanish(self) -> None:
        """Cut the power: every call, and the registration, goes without a word."""
        for call in self.calls:
            if not call.state.over:
                call.vanish()
        if self._registration is not None:
            self._registration.registered = False

    @property
    def address(self) -> tuple[str, int]:
        """Where SIP is received."""
        return self.host, self._port

    @property
    def contact(self) -> Address:
        parameters = Parameters() if self.transport == "udp" else Parameters(transport=self.transport)
        return Address(
            URI(scheme="sip", user=self.user, host=self.host, port=self._port, parameters=parameters)
        )

    @property
    def uri(self) -> str:
        """Dial this to reach the phone directly."""
        return str(self.contact.uri)

    @property
    def identity(self) -> Address:
        """Who the phone says it is: its user at the registrar's domain, else at its own address."""
        domain = self._registrar
        if domain is None:
            return Address(
                URI(scheme="sip", user=self.user, host=self.host, port=self._port), self.display_name
            )
        return Address(
            URI(scheme="sip", user=self.user, host=domain.host, port=domain.port), self.display_name
        )

    @property
    def trace(self) -> list[Traced]:
        """The latest SIP messages sent and received, oldest first."""
        return list(self.endpoint.trace)

    @property
    def can_register(self) -> bool:
        """Whether a registrar was given."""
        return self._registrar is not None

    @property
    def registered(self) -> bool:
        return self._registration is not None and self._registration.registered

    async def register(
        self, expires_s: int = 300, *, registrar: str | None = None, timeout: float = 20.0
    ) -> int:
        """Register and keep it refreshed until the phone closes; returns the seconds granted.

        Raises `RegistrationFailed` with the registrar's code, 408 where it did not answer.
        """
        if registrar is not None:
            self._registrar = uri(registrar)
        if self._registrar is None:
            raise IllegalMove("no registrar: give registrar= to Phone or register")
        if self._registration is None:
            self._registration = Registration(self, self._registrar, self.identity)
        return await self._registration.start(expires_s, timeout)

    async def unregister(self, timeout: float = 20.0) -> None:
        if self._registration is not None:
            await self._registration.stop(timeout)

    async def call(
        self,
        target: str,
        *,
        headers: Mapping[str, str] | None = None,
        sdp: CustomSdp | None = None,
        late_offer: bool = False,
    ) -> OutgoingCall:
        """Send an INVITE and return the call at once; wait with its `progress` or `answered`.

        `target` is a SIP URI, or a bare number or code for the registrar or proxy to route. `headers` are
        added to the INVITE or replace its own. `sdp` replaces our offer (see `session.CustomSdp`);
        `late_offer` sends none.
        """
        call = OutgoingCall(
            self,
            self._target(target),
            identity=self.identity,
            headers=headers or {},
            sdp=sdp,
            late_offer=late_offer,
            routes=self._routes,
        )
        self.calls.append(call)
        call.start()
        return call

    async def incoming(self, timeout: float | None = None) -> IncomingCall:
        """The next call that came in, each told once. Raises TimeoutError."""
        try:
            async with asyncio.timeout(timeout):
                return await self._arrived.get()
        except TimeoutError:
            raise TimeoutError(f"no call came in for {self.user} within {timeout} s") from None

    async def request(
        self, method: str, target: str, *, headers: Mapping[str, str] | None = None, timeout: float = 20.0
    ) -> Response:
        """Send a request outside any call, such as OPTIONS, and return its final response, whatever its code.

        Raises `RequestFailed` (408) where none came.
        """
        to = self._target(target)
        request = make_request(
            method,
            to,
            sender=with_tag(self.identity, new_tag()),
            recipient=Address(to),
            call_id=new_call_id(self.host),
            sequence=1,
        )
        request.contact = [self.contact]
        request.route = self._routes
        for name, value in (headers or {}).items():
            request.headers.set(name, value)

        async with asyncio.timeout(timeout):
            return await self.endpoint.exchange(request, self.hop(self._proxy or to))

    async def options(self, target: str, timeout: float = 20.0) -> int:
        """Ask whether someone is there; returns the code."""
        return (await self.request("OPTIONS", target, timeout=timeout)).code

    def send_bytes(self, data: bytes, host: str, port: int) -> None:
        """Send any bytes from the SIP socket."""
        self.endpoint.send_bytes(data, Hop(self.transport, host, port))

    def hop(self, target: URI) -> Hop:
        return self.endpoint.hop_to(target, self.transport)

    @property
    def _routes(self) -> list[Address]:
        if self._proxy is None:
            return []
        proxy = self._proxy
        loose = URI(proxy.scheme, proxy.host, proxy.user, None, proxy.port, proxy.parameters.replace(lr=None))
        return [Address(loose)]

    def _target(self, target: str) -> URI:
        if "@" in target or ":" in target:
            return uri(target)
        domain = self._registrar or self._proxy
        if domain is None:
            raise IllegalMove(f"{target!r} names no host, and this phone has neither registrar nor proxy")
        return URI(
            scheme="sip", user=target, host=domain.host, port=domain.port, parameters=domain.parameters
        )

    def _on_request(self, request: Request, source: Hop, transaction: ServerTransaction | None) -> None:
        if request.method == "CANCEL":
            self._on_cancel(request, transaction)
        elif (call := self._call_of(request)) is not None:
            call.on_request(request, source, transaction)
        elif transaction is None:
            return
        elif request.method == "INVITE" and tag(request.to_address) is None:
            self._on_invite(request, transaction)
        elif request.method in ("OPTIONS", "NOTIFY", "MESSAGE") and tag(request.to_address) is None:
            response = make_response(request, 200, to_tag=new_tag())
            response.headers.set("Allow", ALLOW)
            response.headers.set("Accept", "application/sdp")
            self.endpoint.respond(transaction, response)
        else:
            code = 481 if tag(request.to_address) else 405
            self.endpoint.respond(transaction, make_response(request, code, to_tag=new_tag()))

    def _call_of(self, request: Request) -> Call | None:
        for call in reversed(self.calls):
            if call.dialog is not None and call.dialog.matches(request):
                return call
        return None

    def _on_cancel(self, cancel: Request, transaction: ServerTransaction | None) -> None:
        if transaction is None:
            return
        invite = self.endpoint.cancelled_invite(cancel)
        code = 481 if invite is None else 200
        self.endpoint.respond(transaction, make_response(cancel, code, to_tag=new_tag()))
        for call in self.calls:
            if isinstance(call, IncomingCall) and invite is not None and call.began_with(invite):
                call.on_cancel(cancel)

    def _on_invite(self, invite: Request, transaction: ServerTransaction) -> None:
        assert isinstance(transaction, InviteServer)
        if invite.require:
            response = make_response(invite, 420, to_tag=new_tag())
            response.unsupported = invite.require
            self.endpoint.respond(transaction, response)
            return
        self.endpoint.respond(transaction, make_response(invite, 100))
        call = IncomingCall(self, invite, transaction)
        self.calls.append(call)
        self._arrived.put_nowait(call)
        task = asyncio.get_running_loop().create_task(self._handle(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, call: IncomingCall) -> None:
        if self.on_incoming is None:
            return
        if call.state is not CallState.INCOMING:
            return
        if callable(self.on_incoming):
            waiting = self.on_incoming(call)
            if waiting is not None:
                await waiting
        elif self.on_incoming == "answer":
            await call.answer()
        elif self.on_incoming == "ring":
            await call.ring()
        elif self.on_incoming == "busy":
            await call.refuse(486)
        else:
            raise ValueError(
                f"on_incoming {self.on_incoming!r} is none of 'answer', 'ring', 'busy', a function"
            )

    def _on_stray(self, response: Response, source: Hop) -> None:
        log.debug(
            "%s: stray %s from %s: %s", self.user, response.code, source, flat_headers(response).get("CSeq")
        )

    def __repr__(self) -> str:
        return f"<Phone {self.uri}>"

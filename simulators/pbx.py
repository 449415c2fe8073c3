"""A small telephone exchange: registrar in memory and proxy that stays in the path (RFC 3261 §10, §16), UDP
and TCP.

So that the gateway can be tried and tested without any other PBX: phones register here, numbers matched by a
route go to the gateway, and what comes back from there reaches the phones.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType

from sipmessage import URI, Request, Response

from .endpoint import Endpoint
from .errors import TransportFailed
from .forwarding import Forwarding, copied
from .message import ALLOW, make_response, new_tag, tag
from .registrar import Registrar
from .routing import Route, drop_own_routes, has_looped, is_own
from .transaction import Hop, ServerTransaction, Timing

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Notice:
    """Something worth a line of commentary."""

    kind: str
    '"registered", "unregistered", "routed", "refused", "answered", "failed".'
    who: str
    detail: str


class Pbx:
    """Use as an async context manager.

    `routes` are `Route`s or texts `REGEX=sip:HOST:PORT`, tried in order before registered phones. `passwords`
    by user makes it ask for digest, from registrations and from those users' calls; None trusts everyone.
    `transports` are bound to one port. `ring_s`: how long a call may ring before 408.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        routes: Iterable[Route | str] = (),
        passwords: Mapping[str, str] | None = None,
        transports: tuple[str, ...] = ("udp", "tcp"),
        ring_s: float = 180.0,
        on_notice: Callable[[Notice], None] | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.host = host
        self.routes = [Route.parse(route) if isinstance(route, str) else route for route in routes]
        self.registrar = Registrar("pbx", passwords)
        self.endpoint = Endpoint(host, self._on_request, self._on_stray, timing)
        self._wanted_port = port
        self._port = port
        self._transports = transports
        self._ring_s = ring_s
        self._on_notice = on_notice
        self._forwardings: dict[ServerTransaction, Forwarding] = {}

    async def __aenter__(self) -> Pbx:
        self._port = await self.endpoint.open(self._wanted_port, self._transports)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for forwarding in self._forwardings.values():
            forwarding.close()
        await self.endpoint.close()

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self._port

    @property
    def uri(self) -> str:
        return f"sip:{self.host}:{self._port}"

    def contacts(self, user: str) -> list[str]:
        """Where a user is registered now."""
        return [str(contact) for contact in self.registrar.contacts(user, self._now())]

    def _on_request(self, request: Request, source: Hop, transaction: ServerTransaction | None) -> None:
        if transaction is None:
            self._forward_ack(request)
        elif request.method == "CANCEL":
            self._cancel(request, transaction)
        elif request.method == "REGISTER":
            self._register(request, transaction)
        elif has_looped(request, *self.address):
            self._refuse(request, transaction, 482)
        elif request.max_forwards == 0:
            self._refuse(request, transaction, 483)
        elif request.method == "OPTIONS" and is_own(request.uri, *self.address) and not request.uri.user:
            self._answer_options(request, transaction)
        else:
            self._proxy(request, source, transaction)

    def _proxy(self, request: Request, source: Hop, transaction: ServerTransaction) -> None:
        original = copied(request)
        drop_own_routes(original, *self.address)
        if self._wants_credentials(original, source):
            self.endpoint.respond(transaction, self.registrar.challenge(request, 407))
            return
        original.headers.remove("Proxy-Authorization")
        targets = self._targets(original, source)
        if isinstance(targets, int):
            self._refuse(request, transaction, targets)
            return
        if request.method == "INVITE":
            self.endpoint.respond(transaction, make_response(request, 100))
        number = request.uri.user or ""
        opening = request.method == "INVITE" and tag(request.to_address) is None
        if opening:
            self._notice(
                "routed", request.from_address.uri.user or "?", f"{number} → {', '.join(map(str, targets))}"
            )

        def done(code: int) -> None:
            self._forwardings.pop(transaction, None)
            if opening:
                self._notice("answered" if code < 300 else "failed", number, str(code))

        forwarding = Forwarding(self.endpoint, original, transaction, done, self._ring_s)
        self._forwardings[transaction] = forwarding
        forwarding.forward(targets, default_transport="udp")

    def _targets(self, request: Request, source: Hop) -> list[URI] | int:
        """The Request-URIs to forward to, or the code to refuse with."""
        if request.route or not is_own(request.uri, *self.address):
            return [request.uri]
        number = request.uri.user or ""
        for route in self.routes:
            target = route.apply(number)
            if target is not None and not route.came_from(request, source):
                return [target]
        if contacts := self.registrar.contacts(number, self._now()):
            return contacts
        return 480 if self.registrar.knows(number) else 404

    def _wants_credentials(self, request: Request, source: Hop) -> bool:
        """Calls of users with a password must prove it; what the routes' targets send is trusted, as a trunk
        is.
        """
        user = request.from_address.uri.user or ""
        if request.method != "INVITE" or tag(request.to_address) is not None:
            return False
        if user not in (self.registrar.passwords or {}) or any(
            route.came_from(request, source) for route in self.routes
        ):
            return False
        return not self.registrar.allows(request, user, "Proxy-Authorization")

    def _forward_ack(self, ack: Request) -> None:
        """The ACK of a 2xx goes on without a transaction (§16.6)."""
        copy = copied(ack)
        drop_own_routes(copy, *self.address)
        route = copy.route
        if copy.max_forwards == 0 or (not route and is_own(copy.uri, *self.address)):
            return
        copy.max_forwards = (70 if copy.max_forwards is None else copy.max_forwards) - 1
        try:
            self.endpoint.send(copy, self.endpoint.hop_to(route[0].uri if route else copy.uri, "udp"))
        except TransportFailed as error:
            log.warning("ACK dropped: %s", error)

    def _cancel(self, cancel: Request, transaction: ServerTransaction) -> None:
        invite = self.endpoint.cancelled_invite(cancel)
        forwarding = self._forwardings.get(invite) if invite is not None else None
        code = 481 if invite is None else 200
        self.endpoint.respond(transaction, make_response(cancel, code, to_tag=new_tag()))
        if forwarding is not None:
            forwarding.cancel()

    def _register(self, request: Request, transaction: ServerTransaction) -> None:
        user = request.to_address.uri.user or ""
        response = self.registrar.register(request, self._now())
        self.endpoint.respond(transaction, response)
        if response.code == 200:
            contacts = self.contacts(user)
            self._notice("registered" if contacts else "unregistered", user, ", ".join(contacts))
        elif response.code != 401 or "Authorization" in request.headers.keys():  # noqa: SIM118
            self._notice("refused", user, f"registration: {response.code} {response.phrase}")

    def _answer_options(self, request: Request, transaction: ServerTransaction) -> None:
        response = make_response(request, 200, to_tag=new_tag())
        response.headers.set("Allow", ALLOW)
        self.endpoint.respond(transaction, response)

    def _refuse(self, request: Request, transaction: ServerTransaction, code: int) -> None:
        response = make_response(request, code, to_tag=new_tag())
        self.endpoint.respond(transaction, response)
        self._notice("refused", request.uri.user or str(request.uri), f"{code} {response.phrase}")

    def _on_stray(self, response: Response, source: Hop) -> None:
        """A 2xx whose transaction is gone is still passed back (§16.7 step 5)."""
        vias = response.via
        if len(vias) < 2 or response.cseq.method != "INVITE" or not 200 <= response.code < 300:
            return
        response.via = vias[1:]
        back = vias[1]
        host = back.parameters.get("received") or back.host
        port = int(back.parameters.get("rport") or back.port or 5060)
        self.endpoint.send(response, Hop(back.transport.lower(), host, port))

    def _notice(self, kind: str, who: str, detail: str) -> None:
        if self._on_notice is not None:
            self._on_notice(Notice(kind, who, detail))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

"""The thin asyncio shell around the transaction layer: sockets in, callbacks out, one timer for the next
deadline.

Used by phones and by the PBX. All of it runs on the event loop's thread; no method blocks, save the look-up
of a host name that is no address (from the hosts file, as a rule).
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sipmessage import URI, Parameters, Request, Response, Via

from .errors import MalformedMessage, RequestFailed, TransportFailed
from .message import make_response, make_via, new_branch, parse, serialise
from .tls import Tls
from .transaction import ClientTransaction, Hop, InviteClient, ServerTransaction, State, Timing, Transaction
from .transactions import RequestArrived, ResponseArrived, TransactionFailed, TransactionLayer
from .transport import TcpTransport, UdpTransport

log = logging.getLogger(__name__)

OnRequest = Callable[[Request, Hop, ServerTransaction | None], None]
OnResponse = Callable[[Response], None]
OnFailure = Callable[[str], None]


@dataclass(frozen=True)
class Traced:
    """One SIP message on the wire, for commentary and tests."""

    at: float
    "Seconds of the event loop's clock."
    direction: str
    '"sent" or "received".'
    hop: Hop
    data: bytes

    @property
    def first_line(self) -> str:
        return self.data.split(b"\r\n", 1)[0].decode(errors="replace")


class Endpoint:
    """A place that sends and receives SIP.

    Give `on_request` to be told of new requests (its transaction is None for an ACK of a 2xx; otherwise it
    must be answered with `respond`) and `on_stray` for responses that belong to no transaction (repeated 2xx,
    mostly).
    """

    def __init__(
        self,
        host: str,
        on_request: OnRequest,
        on_stray: Callable[[Response, Hop], None],
        timing: Timing | None = None,
        tls: Tls | None = None,
    ) -> None:
        self.host = host
        self._tls = tls
        self.trace: deque[Traced] = deque(maxlen=2_000)
        self.on_trace: Callable[[Traced], None] | None = None
        self.malformed = 0
        "Datagrams and messages dropped because they could not be read."
        self.deaf_to: set[str] = set()
        "Call-IDs whose messages are neither answered nor sent any more."
        self._layer = TransactionLayer(timing)
        self._on_request = on_request
        self._on_stray = on_stray
        self._listeners: dict[Transaction, tuple[OnResponse, OnFailure]] = {}
        self._transports: dict[str, UdpTransport | TcpTransport] = {}
        self._wake: asyncio.TimerHandle | None = None
        self._pumping = False

    @property
    def timing(self) -> Timing:
        return self._layer.timing

    async def open(self, port: int, transports: tuple[str, ...] = ("udp",)) -> int:
        """Bind each transport to the same port (0: any free one) and return it. Raises `TransportFailed`."""
        for attempt in range(20):
            bound = port
            try:
                for transport in transports:
                    self._transports[transport] = await self._open_one(transport, bound)
                    bound = self._transports[transport].port
                return bound
            except TransportFailed:
                await self.close()
                if port or attempt == 19:
                    raise
        raise AssertionError("unreachable")

    async def _open_one(self, transport: str, port: int) -> UdpTransport | TcpTransport:
        if transport == "udp":
            return await UdpTransport.open(self.host, port, self._received)
        tls = (self._tls or Tls()) if transport == "tls" else None
        return await TcpTransport.open(self.host, port, self._received, self._hop_failed, tls)

    async def close(self) -> None:
        """Close every socket and forget every transaction."""
        if self._wake is not None:
            self._wake.cancel()
        transports, self._transports = self._transports, {}
        for transport in transports.values():
            await transport.close()
        self._listeners.clear()
        await asyncio.sleep(0)

    def cut(self, transport: str) -> None:
        """Break its connections; see `TcpTransport.cut`."""
        connections = self._transports[transport]
        if isinstance(connections, TcpTransport):
            connections.cut()

    def port(self, transport: str) -> int:
        return self._transports[transport].port

    def request(
        self,
        request: Request,
        hop: Hop,
        on_response: OnResponse,
        on_failure: OnFailure,
        branch: str | None = None,
    ) -> ClientTransaction:
        """Send a request in a new transaction, a Via with this branch or a new one on top. Callbacks run on
        the loop.
        """
        own = make_via(hop.transport, self.host, self.port(hop.transport), branch or new_branch())
        request.headers.setlist("Via", [str(own), *request.headers.getlist("Via")])
        transaction = self._layer.request(request, hop, self._now())
        self._listeners[transaction] = (on_response, on_failure)
        self._pump()
        return transaction

    async def exchange(self, request: Request, hop: Hop, on_response: OnResponse | None = None) -> Response:
        """Send a request and return its final response, whatever its code; `on_response` hears of all.

        Raises `RequestFailed` (408) where none came in time.
        """
        final: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def responded(response: Response) -> None:
            if on_response is not None:
                on_response(response)
            if response.code >= 200 and not final.done():
                final.set_result(response)

        def failed(why: str) -> None:
            if not final.done():
                final.set_exception(RequestFailed(408, why))

        self.request(request, hop, responded, failed)
        return await final

    def cancel(self, transaction: ClientTransaction) -> None:
        """Send a CANCEL for an INVITE, as soon as it has had a provisional response (§9.1)."""
        if isinstance(transaction, InviteClient):
            self._layer.cancel(transaction, self._now())
            self._pump()

    def respond(self, transaction: ServerTransaction, response: Response) -> None:
        self._layer.respond(transaction, response, self._now())
        self._pump()

    def cancelled_invite(self, cancel: Request) -> ServerTransaction | None:
        return self._layer.cancelled_invite(cancel)

    def send(self, message: Request | Response, hop: Hop) -> None:
        """Send outside any transaction: the ACK of a 2xx, or a repeated 2xx. A request gets a Via with a new
        branch.
        """
        if isinstance(message, Request):
            own = make_via(hop.transport, self.host, self.port(hop.transport), new_branch())
            message.headers.setlist("Via", [str(own), *message.headers.getlist("Via")])
        self._put(message, hop)

    def send_again(self, message: Request | Response, hop: Hop) -> None:
        """Repeat what was sent before, as it was."""
        self._put(message, hop)

    def send_bytes(self, data: bytes, hop: Hop) -> None:
        """Send any bytes at all, for tests of what must be refused."""
        self._transports[hop.transport].send(data, hop)

    def silence(self, call_id: str) -> None:
        """Neither answer nor repeat anything of this call any more, as after a power cut."""
        self.deaf_to.add(call_id)
        for transaction in self._layer.of_call(call_id):
            self._layer.forget(transaction)
            self._listeners.pop(transaction, None)

    def hop_to(self, uri: URI, default_transport: str) -> Hop:
        """Where a request for this URI is sent (RFC 3263, less DNS records). Raises `TransportFailed`."""
        transport = (uri.parameters.get("transport") or default_transport).lower()
        if uri.scheme == "sips":
            transport = "tls"
        if transport not in self._transports:
            raise TransportFailed(f"{uri} asks for {transport}, which this endpoint does not speak")
        host = uri.parameters.get("maddr") or uri.host
        return Hop(transport, _address(host.strip("[]")), uri.port or (5061 if transport == "tls" else 5060))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _received(self, data: bytes, source: Hop) -> None:
        if not data.strip(b"\r\n\0 "):
            return
        try:
            message = parse(data)
        except MalformedMessage as error:
            self.malformed += 1
            log.warning("dropped %d bytes from %s: %s", len(data), source, error)
            return
        self._note("received", source, data)
        if message.call_id in self.deaf_to:
            return
        if isinstance(message, Request):
            _mark_source(message, source)
        self._layer.receive(message, source, self._now())
        self._pump()

    def _hop_failed(self, hop: Hop, why: str) -> None:
        self._layer.hop_failed(hop, why)
        self._pump()

    def _pump(self) -> None:
        """Send and tell everything that waits; not from inside a callback, which the outer call sees to."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._layer.output or self._layer.events:
                output, self._layer.output = self._layer.output, []
                for message, hop in output:
                    self._put(message, hop)
                events, self._layer.events = self._layer.events, []
                for event in events:
                    self._tell(event)
        finally:
            self._pumping = False
        self._arm()

    def _tell(self, event: RequestArrived | ResponseArrived | TransactionFailed) -> None:
        try:
            if isinstance(event, RequestArrived):
                self._on_request(event.request, event.source, event.transaction)
            elif isinstance(event, ResponseArrived):
                listener = self._listeners.get(event.transaction) if event.transaction else None
                if listener is not None:
                    listener[0](event.response)
                elif event.transaction is None:
                    self._on_stray(event.response, event.source)
            elif (listener := self._listeners.pop(event.transaction, None)) is not None:
                listener[1](event.why)
        except Exception:
            log.exception("a callback failed on %s", event)
            if isinstance(event, RequestArrived) and event.transaction is not None:
                self._layer.respond(event.transaction, make_response(event.request, 500), self._now())

    def _arm(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        deadline = self._layer.next_deadline()
        if deadline is not None and self._transports:
            self._wake = asyncio.get_running_loop().call_at(deadline, self._expire)

    def _expire(self) -> None:
        self._layer.expire(self._now())
        self._pump()
        self._listeners = {
            known: listener
            for known, listener in self._listeners.items()
            if known.state is not State.TERMINATED
        }

    def _put(self, message: Request | Response, hop: Hop) -> None:
        transport = self._transports.get(hop.transport)
        if transport is None or message.call_id in self.deaf_to:
            return
        data = serialise(message)
        self._note("sent", hop, data)
        transport.send(data, hop)

    def _note(self, direction: str, hop: Hop, data: bytes) -> None:
        traced = Traced(self._now(), direction, hop, data)
        self.trace.append(traced)
        if self.on_trace is not None:
            self.on_trace(traced)


def _mark_source(request: Request, source: Hop) -> None:
    """Write into the topmost Via where the request really came from (§18.2.1, RFC 3581 §4)."""
    vias = request.via
    marks = {"received": source.host}
    if "rport" in vias[0].parameters:
        marks["rport"] = str(source.port)
    elif vias[0].host == source.host:
        return
    top = Via(vias[0].transport, vias[0].host, vias[0].port, Parameters(**{**vias[0].parameters, **marks}))
    request.via = [top, *vias[1:]]


def _address(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return socket.gethostbyname(host)
    except OSError as error:
        raise TransportFailed(
            f"the host name {host!r} is not known here; give an address such as 127.0.0.1"
        ) from error

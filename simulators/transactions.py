"""All transactions of one endpoint: which message belongs to which (RFC 3261 §17.1.3, §17.2.3), and their
timers.

No I/O: the shell puts in messages and the time, and takes out messages to send and events for its user.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from sipmessage import Request, Response

from .message import MAGIC_COOKIE, cancel_for, tag
from .timers import TimerQueue
from .transaction import (
    ClientTransaction,
    Hop,
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    Outcome,
    ServerTransaction,
    State,
    Timing,
    Transaction,
)


@dataclass(frozen=True)
class RequestArrived:
    """A new request. `transaction` is None for an ACK of a 2xx, which has none; otherwise the user must
    respond.
    """

    request: Request
    source: Hop
    transaction: ServerTransaction | None


@dataclass(frozen=True)
class ResponseArrived:
    """A response. `transaction` is None for a stray one: late, or to something another element sent."""

    response: Response
    source: Hop
    transaction: ClientTransaction | None


@dataclass(frozen=True)
class TransactionFailed:
    """A transaction gave up: no response, or no ACK of a refusal. `why` is in words."""

    transaction: Transaction
    why: str


Event = RequestArrived | ResponseArrived | TransactionFailed


class TransactionLayer:
    """Every method that takes `now` wants seconds of one monotonic clock."""

    def __init__(self, timing: Timing | None = None) -> None:
        self.timing = timing or Timing()
        self.output: list[tuple[Request | Response, Hop]] = []
        "Messages to send, oldest first; the shell empties it."
        self.events: list[Event] = []
        "News for the user, oldest first; the shell empties it."
        self._clients: dict[Hashable, ClientTransaction] = {}
        self._servers: dict[Hashable, ServerTransaction] = {}
        self._timers: TimerQueue[tuple[Transaction, str]] = TimerQueue()

    def __len__(self) -> int:
        return len(self._clients) + len(self._servers)

    def next_deadline(self) -> float | None:
        return self._timers.next()

    def request(self, request: Request, hop: Hop, now: float) -> ClientTransaction:
        """Open a client transaction; the topmost Via must carry a new branch."""
        key = _client_key(request)
        machine: type[InviteClient] | type[NonInviteClient]
        machine, initial = (
            (InviteClient, State.CALLING) if request.method == "INVITE" else (NonInviteClient, State.TRYING)
        )
        transaction = machine(key, request, hop, self.timing, initial)
        self._clients[key] = transaction
        self._apply(transaction, transaction.start(), now)
        return transaction

    def respond(self, transaction: ServerTransaction, response: Response, now: float) -> None:
        """Send a response in its transaction; after a final one this does nothing."""
        self._apply(transaction, transaction.respond(response), now)

    def cancel(self, transaction: InviteClient, now: float) -> None:
        """Send a CANCEL for an INVITE: now, or once it has had a provisional response (§9.1); too late after
        a final.
        """
        if transaction.state is State.CALLING:
            transaction.cancel_wanted = True
        elif transaction.state is State.PROCEEDING:
            transaction.cancel_wanted = False
            self.request(cancel_for(transaction.request), transaction.hop, now)
            self._apply(transaction, transaction.cancelled(), now)

    def forget(self, transaction: Transaction) -> None:
        """Drop a transaction at once, as a power cut would."""
        transaction.state = State.TERMINATED
        self._clients.pop(transaction.key, None)
        self._servers.pop(transaction.key, None)

    def of_call(self, call_id: str) -> list[Transaction]:
        every: list[Transaction] = [*self._clients.values(), *self._servers.values()]
        return [transaction for transaction in every if transaction.request.call_id == call_id]

    def cancelled_invite(self, cancel: Request) -> InviteServer | None:
        """The INVITE transaction that a CANCEL is meant for (§9.2), or None."""
        found = self._servers.get(_server_key(cancel, "INVITE"))
        return found if isinstance(found, InviteServer) else None

    def receive(self, message: Request | Response, source: Hop, now: float) -> None:
        if isinstance(message, Response):
            self._receive_response(message, source, now)
        else:
            self._receive_request(message, source, now)

    def hop_failed(self, hop: Hop, why: str) -> None:
        """Every client transaction over this hop has failed (§17.1.4)."""
        for client in [client for client in self._clients.values() if client.hop == hop]:
            self.forget(client)
            self.events.append(TransactionFailed(client, why))

    def expire(self, now: float) -> None:
        """Run every timer that is due."""
        while (due := self._timers.pop_due(now)) is not None:
            transaction, timer = due
            if transaction.state is not State.TERMINATED:
                self._apply(transaction, transaction.expire(timer), now)  # type: ignore[attr-defined]

    def _receive_response(self, response: Response, source: Hop, now: float) -> None:
        client = self._clients.get(_client_key(response))
        if client is None:
            self.events.append(ResponseArrived(response, source, None))
            return
        self._apply(client, client.receive(response), now, source)
        if isinstance(client, InviteClient) and client.cancel_wanted:
            self.cancel(client, now)

    def _receive_request(self, request: Request, source: Hop, now: float) -> None:
        key = _server_key(request, "INVITE" if request.method == "ACK" else request.method)
        server = self._servers.get(key)
        if server is not None and not (request.method == "ACK" and server.state is State.ACCEPTED):
            self._apply(server, server.receive(request), now)
            return
        if request.method == "ACK":
            self.events.append(RequestArrived(request, source, None))
            return
        hop = response_hop(request, source)
        transaction: ServerTransaction
        if request.method == "INVITE":
            transaction = InviteServer(key, request, hop, self.timing, State.PROCEEDING)
        else:
            transaction = NonInviteServer(key, request, hop, self.timing, State.TRYING)
        self._servers[key] = transaction
        self.events.append(RequestArrived(request, source, transaction))

    def _apply(
        self, transaction: Transaction, outcome: Outcome, now: float, source: Hop | None = None
    ) -> None:
        self.output += [(message, transaction.hop) for message in outcome.send]
        if isinstance(transaction, InviteClient | NonInviteClient):
            self.events += [
                ResponseArrived(told, source or transaction.hop, transaction) for told in outcome.tell
            ]
        if outcome.failed is not None:
            self.events.append(TransactionFailed(transaction, outcome.failed))
        for timer in outcome.stop:
            self._timers.cancel((transaction, timer))
        for timer, seconds in outcome.start.items():
            self._timers.set((transaction, timer), now + seconds)
        if transaction.state is State.TERMINATED:
            self.forget(transaction)


def _client_key(message: Request | Response) -> Hashable:
    """§17.1.3: the branch of the topmost Via, and the method of CSeq."""
    return message.via[0].parameters.get("branch"), message.cseq.method


def _server_key(request: Request, method: str) -> Hashable:
    """§17.2.3: branch, sent-by and method; for elements of RFC 2543 what identifies a request there."""
    via = request.via[0]
    branch = via.parameters.get("branch") or ""
    if branch.startswith(MAGIC_COOKIE):
        return branch, via.host.lower(), via.port, method
    return (
        str(request.uri),
        request.call_id,
        tag(request.from_address),
        request.cseq.sequence,
        via.host,
        via.port,
        method,
    )


def response_hop(request: Request, source: Hop) -> Hop:
    """Where responses go (§18.2.2, RFC 3581): the same connection; over UDP the source, at Via's port unless
    rport.
    """
    if source.reliable:
        return source
    via = request.via[0]
    port = source.port if "rport" in via.parameters else (via.port or 5060)
    return Hop(source.transport, source.host, port)

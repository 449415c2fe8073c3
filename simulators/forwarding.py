"""One request on its way through a proxy: copies to each target, responses back (RFC 3261 §16.6, §16.7,
§16.10).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sipmessage import URI, Request, Response

from .endpoint import Endpoint
from .errors import TransportFailed
from .message import make_response, new_branch, new_tag
from .routing import best, loop_mark, own_route
from .transaction import ClientTransaction, Hop, ServerTransaction

TIMER_C_S = 180.0
"How long an INVITE may ring (§16.6 step 11)."


@dataclass
class Branch:
    """One copy of the request."""

    target: URI
    transaction: ClientTransaction | None = None
    final: Response | None = None


class Forwarding:
    """What §16.7 calls a response context. `done` is told the final code when the caller has been
    answered.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        request: Request,
        transaction: ServerTransaction,
        done: Callable[[int], None],
        ring_s: float = TIMER_C_S,
    ) -> None:
        self._endpoint = endpoint
        self._request = request
        self._transaction = transaction
        self._done = done
        self._branches: list[Branch] = []
        self._answered = False
        self._timer: asyncio.TimerHandle | None = None
        if request.method == "INVITE":
            self._timer = asyncio.get_running_loop().call_later(ring_s, self._rang_out)

    def forward(self, targets: list[URI], *, default_transport: str) -> None:
        """Send a copy to every target at once."""
        self._branches = [Branch(target) for target in targets]
        for branch in self._branches:
            copy = copied(self._request)
            copy.max_forwards = (70 if copy.max_forwards is None else copy.max_forwards) - 1
            copy.uri = branch.target
            route = copy.route
            try:
                hop = self._endpoint.hop_to(route[0].uri if route else branch.target, default_transport)
            except TransportFailed as error:
                self._failed(branch, str(error))
                continue
            self._record_route(copy, hop)
            branch.transaction = self._endpoint.request(
                copy,
                hop,
                lambda response, branch=branch: self._responded(branch, response),  # type: ignore[misc]
                lambda why, branch=branch: self._failed(branch, why),  # type: ignore[misc]
                f"{new_branch()}.{loop_mark(self._request)}",
            )

    def cancel(self) -> None:
        """The caller gave up: cancel every copy that is not answered yet (§16.10)."""
        for branch in self._branches:
            if branch.final is None and branch.transaction is not None:
                self._endpoint.cancel(branch.transaction)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _record_route(self, copy: Request, hop: Hop) -> None:
        """Stay in the path of the dialog; with two entries where it changes transport (RFC 5658 §3)."""
        if copy.method != "INVITE":
            return
        arrived_by = self._transaction.hop.transport
        entries = [own_route(self._endpoint.host, self._endpoint.port(hop.transport), hop.transport)]
        if arrived_by != hop.transport:
            entries.append(own_route(self._endpoint.host, self._endpoint.port(arrived_by), arrived_by))
        copy.headers.setlist("Record-Route", entries + copy.headers.getlist("Record-Route"))

    def _responded(self, branch: Branch, response: Response) -> None:
        if response.code == 100:
            return
        response.via = response.via[1:]
        if response.code < 200:
            self._endpoint.respond(self._transaction, response)
        elif response.code < 300:
            branch.final = response
            self._accept(response)
        else:
            branch.final = response
            self._refuse_when_all_did()

    def _accept(self, response: Response) -> None:
        if self._answered:
            # A repeated 2xx, or one of another branch: the caller's own affair (§16.7 step 5).
            self._endpoint.send(response, self._transaction.hop)
            return
        self._answered = True
        self.close()
        self._endpoint.respond(self._transaction, response)
        self.cancel()
        self._done(response.code)

    def _failed(self, branch: Branch, why: str) -> None:
        code = 503 if "connect" in why or "host name" in why else 408
        branch.final = make_response(self._request, code, to_tag=new_tag())
        self._refuse_when_all_did()

    def _refuse_when_all_did(self) -> None:
        finals = [branch.final for branch in self._branches if branch.final is not None]
        if self._answered or len(finals) < len(self._branches):
            return
        self._answered = True
        self.close()
        chosen = finals[best([final.code for final in finals])]
        self._endpoint.respond(self._transaction, chosen)
        self._done(chosen.code)

    def _rang_out(self) -> None:
        """Timer C (§16.8): nobody answers."""
        if self._answered:
            return
        self._answered = True
        self._endpoint.respond(self._transaction, make_response(self._request, 408, to_tag=new_tag()))
        self.cancel()
        self._done(408)


def copied(request: Request) -> Request:
    """A request that can be changed without changing the original."""
    copy = Request(request.method, request.uri, request.body)
    for name in request.headers.keys():  # noqa: SIM118 - no mapping
        copy.headers.setlist(name, list(request.headers.getlist(name)))
    return copy

"""The HTTP connection, with an end to every wait: nobody holds the gateway's sockets by being slow.

A request, its headers and its body, must have come within `REQUEST_S` of its first byte (of the connection,
for the first one). At most `WAITING` connections may be without a whole request; one more and the one that
has waited longest is cut off. An honest request is whole within milliseconds, so whoever keeps connections
half open only takes them away from themselves. Calls need sockets, too: `gateway.serving` raises the
process's limit, and this keeps the web's share of it bounded. Between requests uvicorn's own keep-alive time
holds.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S = 10.0
WAITING = 200
MAX_HEADER_BYTES = 16 * 1024


class GatewayHttp(H11Protocol):
    """uvicorn's connection with the bounds above."""

    waiting: ClassVar[OrderedDict[GatewayHttp, asyncio.TimerHandle]] = OrderedDict()
    """Connections without a whole request, the oldest first."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        unfinished = self.conn.their_state in (h11.IDLE, h11.SEND_BODY)
        if not unfinished or self.transport.get_protocol() is not self:
            self._done()
        elif self not in self.waiting:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._done()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self.waiting[self] = self.loop.call_later(REQUEST_S, self._cut_off)
        if len(self.waiting) > WAITING:
            next(iter(self.waiting))._cut_off()

    def _done(self) -> None:
        timer = self.waiting.pop(self, None)
        if timer is not None:
            timer.cancel()

    def _cut_off(self) -> None:
        self._done()
        self.transport.abort()

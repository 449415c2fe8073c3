"""The WebSocket connection, with buffers that cannot grow: uvicorn's protocol on `websockets`, and a
`SocketSink` on it.

Audio is written from a 20 ms ticker straight into the connection, without a task per listener. Three bounds
hold whatever the peer does: the transport takes nothing more once `HIGH_WATER_BYTES` wait in the process; the
kernel holds at most `SEND_BUFFER_BYTES` of which `UNSENT_BYTES` not yet on the wire, so that a backlog is
lost and told of, not delivered late; a peer that does not take its close frame is cut off after `FAREWELL_S`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from gateway.web.errors import close_reason

HIGH_WATER_BYTES = 16 * 1024
LOW_WATER_BYTES = 4 * 1024
SEND_BUFFER_BYTES = 64 * 1024
UNSENT_BYTES = 16 * 1024
FAREWELL_S = 2.0
EXTENSION = "gateway.sink"
"""Under this name the connection's `SocketSink` stands in the ASGI scope's extensions."""


class SocketSink:
    """Messages into one WebSocket, from the loop's thread, at once or not at all."""

    def __init__(self, connection: GatewayWebSocket) -> None:
        self._connection = connection

    def try_write(self, message: str | bytes) -> bool:
        """Take the whole message, or none of it and return False: `on_writable`'s function is called once
        there is room.
        """
        return self._connection.try_write(message)

    def on_writable(self, resume: Callable[[], None] | None) -> None:
        """Call `resume` whenever there is room again after a refused write."""
        self._connection.resume_feed = resume

    def close(self, code: int, reason: str) -> None:
        """Send a close frame, its reason cut to what it holds, and wait `FAREWELL_S` for the peer's, then
        cut the connection. Safe twice.
        """
        self._connection.say_goodbye(code, close_reason(reason))

    @property
    def open(self) -> bool:
        """Is the connection neither over nor said goodbye to?"""
        connection = self._connection
        return not (connection.close_sent or connection.disconnected or connection.transport.is_closing())


class GatewayWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's connection with the bounds above; ASGI goes on working as ever."""

    resume_feed: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER_BYTES, low=LOW_WATER_BYTES)
        raw: socket.socket | None = self.transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
            # asyncio does it for sockets that name their protocol, which accepted ones do not: without it a
            # frame waits for the ACK of the one before, which a listener's kernel puts off for up to 200 ms.
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            # The application's task was created just now and has not run yet.
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions[EXTENSION] = SocketSink(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.resume_feed is not None:
            self.resume_feed()

    def connection_lost(self, exc: Exception | None) -> None:
        self.resume_feed = None
        super().connection_lost(exc)

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self._cut_off_soon()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._cut_off_soon()

    def _cut_off_soon(self) -> None:
        """A transport that is closing waits for its buffer to drain: for a peer that does not read, without
        end.
        """
        self.close_timer = self.loop.call_later(FAREWELL_S, self.transport.abort)

    def try_write(self, message: str | bytes) -> bool:
        if not self.writable.is_set() or self.close_sent or self.disconnected or self.transport.is_closing():
            return False
        if isinstance(message, str):
            self.conn.send_text(message.encode())
        else:
            self.conn.send_binary(message)
        self.transport.write(b"".join(self.conn.data_to_send()))
        return True

    def say_goodbye(self, code: int, reason: str) -> None:
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        # The peer's own close frame ends the wait early (RFC 6455 §7.1.1).
        self._cut_off_soon()

"""`WS /api/supervisors/{leg}/audio`: a supervisor's browser, both ways. What goes over it is the business of
feeds.

A message that is no frame closes the connection, in words; the call does not notice, and the browser has a
moment to connect again.
"""

from __future__ import annotations

from typing import Protocol

from fastapi import APIRouter, WebSocket

from gateway.core.model import LegId
from gateway.core.permissions import User
from gateway.log import get_logger
from gateway.web.auth import Authenticate
from gateway.web.connection import UNSUPPORTED_DATA, accept, refuse
from gateway.web.socket import SocketSink

log = get_logger(__name__)

LEFT_FOR_GOOD = 1000
"""The close code (RFC 6455 §7.4.1) by which a browser leaves the call; by any other it may come back."""


class Attachment(Protocol):
    """A browser's side of its headset."""

    def said(self, message: bytes, /) -> None: ...
    def resume(self) -> None: ...
    def gone(self, *, for_good: bool) -> None: ...


class Headsets(Protocol):
    """Implemented by `gateway.feeds.headsets.HeadsetDesk`."""

    def attach(self, user: User, leg: LegId, sink: SocketSink, /) -> Attachment:
        """Raises `NotPermitted`, `NoRoute`."""


def headset_router(headsets: Headsets, authenticate: Authenticate) -> APIRouter:
    router = APIRouter()

    @router.websocket("/api/supervisors/{leg}/audio")
    async def audio(websocket: WebSocket, leg: str) -> None:
        accepted = await accept(websocket, authenticate)
        if accepted is None:
            return
        user, sink = accepted
        try:
            attachment = headsets.attach(user, LegId(leg), sink)
        except Exception as error:
            refuse(sink, error, "headset.refused", leg=leg, user=user.id)
            return
        sink.on_writable(attachment.resume)
        for_good = False
        try:
            for_good = await _converse(websocket, sink, attachment, user)
        finally:
            sink.on_writable(None)
            attachment.gone(for_good=for_good)

    return router


async def _converse(websocket: WebSocket, sink: SocketSink, attachment: Attachment, user: User) -> bool:
    """Take frames until the connection is over; True: the browser has left for good."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return message.get("code") == LEFT_FOR_GOOD
        frame = message.get("bytes")
        if frame is None:
            log.warning("web.message_refused", path=websocket.url.path, user=user.id, why="text message")
            sink.close(UNSUPPORTED_DATA, "text messages are not taken here: frames are binary")
            continue
        try:
            attachment.said(frame)
        except ValueError as error:
            refuse(sink, error, "web.message_refused", path=websocket.url.path, user=user.id)

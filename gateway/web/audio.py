"""`WS /api/calls/{call}/audio`: a connection for one listener. What goes over it is the business of feeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fastapi import APIRouter, WebSocket

from gateway.core.model import CallId
from gateway.core.permissions import User
from gateway.web.auth import Authenticate
from gateway.web.connection import accept, refuse, wait_for_goodbye
from gateway.web.recorded import recorded
from gateway.web.socket import SocketSink


class Attachment(Protocol):
    """A listener's side of the feed."""

    def resume(self) -> None: ...
    def gone(self) -> None: ...


class Feeds(Protocol):
    """Implemented by `gateway.feeds.hub.Hub`."""

    def attach(self, user: User, call: CallId, query: Mapping[str, str], sink: SocketSink, /) -> Attachment:
        """Raises ValueError for a query that cannot be served, `NotPermitted`, `NoRoute`."""


def audio_router(feeds: Feeds, authenticate: Authenticate) -> APIRouter:
    router = APIRouter()

    @router.websocket("/api/calls/{call}/audio")
    async def audio(websocket: WebSocket, call: str) -> None:
        accepted = await accept(websocket, authenticate)
        if accepted is None:
            return
        user, sink = accepted
        query = {name: value for name, value in websocket.query_params.items() if name != "token"}
        try:
            await recorded(websocket, "feed.asked", call, user)
            attachment = feeds.attach(user, CallId(call), query, sink)
        except Exception as error:
            refuse(sink, error, "feed.refused", call=call, user=user.id)
            return
        sink.on_writable(attachment.resume)
        try:
            await wait_for_goodbye(websocket, sink, user)
        finally:
            sink.on_writable(None)
            attachment.gone()

    return router

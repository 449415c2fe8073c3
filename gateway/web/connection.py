"""What both WebSockets share: who it is, the accepting, and that a watcher or listener has nothing to say."""

from __future__ import annotations

from starlette.websockets import WebSocket

from gateway.core.permissions import User
from gateway.log import get_logger
from gateway.web.auth import Authenticate, choose_subprotocol, identify
from gateway.web.errors import Refusal, refusal_for
from gateway.web.socket import EXTENSION, SocketSink

log = get_logger(__name__)

UNSUPPORTED_DATA = 1003


async def accept(websocket: WebSocket, authenticate: Authenticate) -> tuple[User, SocketSink] | None:
    """Complete the handshake; None when the user is unknown: the socket is then closed with 4401.

    The handshake is completed even then, since a browser shows its script neither status nor text of a
    refused one.
    """
    found = await identify(websocket, authenticate)
    await websocket.accept(subprotocol=choose_subprotocol(websocket.scope["subprotocols"]))
    sink: SocketSink = websocket.scope["extensions"][EXTENSION]
    if isinstance(found, Refusal):
        log.info("web.refused", path=websocket.url.path, peer=_peer(websocket), why=found.error)
        sink.close(found.close_code, f"{found.error}; {found.hint}")
        return None
    session = getattr(websocket.state, "session", None)
    if session is not None:
        websocket.app.state.revocation.watch(session.digest, sink)
    return found, sink


async def wait_for_goodbye(websocket: WebSocket, sink: SocketSink, user: User) -> None:
    """Return when the connection is over. A message from the peer is refused: text and binary with 1003.

    One that is longer than `MAX_MESSAGE_BYTES` was already refused with 1009 below us.
    """
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            log.debug("web.closed", path=websocket.url.path, user=user.id, code=message.get("code"))
            if message.get("code") == 1009:
                log.warning("web.message_refused", path=websocket.url.path, user=user.id, why="too long")
            return
        kind = "text" if message.get("text") is not None else "binary"
        log.warning("web.message_refused", path=websocket.url.path, user=user.id, why=f"{kind} message")
        sink.close(UNSUPPORTED_DATA, f"{kind} messages are not taken here: this socket only sends")


def refuse(sink: SocketSink, error: Exception, event: str, **who: str) -> None:
    """Close in the words of a refusal, logged as `event` with `who`. A fault of ours is raised again."""
    refusal = refusal_for(error)
    if refusal is None:
        raise error
    log.warning(event, **who, why=refusal.error)
    sink.close(refusal.close_code, refusal.error)


def _peer(websocket: WebSocket) -> str:
    return f"{websocket.client.host}:{websocket.client.port}" if websocket.client else "unknown"

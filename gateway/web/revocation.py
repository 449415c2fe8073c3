"""WebSockets that were opened with a cookie end with its session: signed out, disabled, past.

An open socket counts as use of the session: whoever listens for an hour is not signed out for having sent no
request.
"""

from __future__ import annotations

import asyncio

from gateway.core.errors import GatewayError
from gateway.log import get_logger
from gateway.web.auth import Sessions
from gateway.web.errors import BAD_SESSION
from gateway.web.socket import SocketSink

log = get_logger(__name__)

EVERY_S = 5.0
"""How long a socket may outlive its session [s]."""


class Revocation:
    """Loop's thread only. `start`, then `stop`."""

    def __init__(self, sessions: Sessions | None, every_s: float = EVERY_S) -> None:
        self._sessions = sessions
        self._every_s = every_s
        self._sockets: dict[SocketSink, bytes] = {}
        self._task: asyncio.Task[None] | None = None

    def watch(self, digest: bytes, sink: SocketSink) -> None:
        """From now on the socket ends with this session."""
        self._sockets[sink] = digest

    def start(self) -> None:
        if self._sessions is not None:
            self._task = asyncio.create_task(self._for_ever(self._sessions), name="revocation")

    async def stop(self) -> None:
        """Safe twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _for_ever(self, sessions: Sessions) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self._sweep(sessions)
            except GatewayError as error:
                # Those who are in stay in while the store is down: it cannot be told that they should not.
                log.warning("web.sessions_unknown", why=str(error))
            except Exception:
                log.exception("web.fault", doing="revocation")

    async def _sweep(self, sessions: Sessions) -> None:
        self._sockets = {sink: digest for sink, digest in self._sockets.items() if sink.open}
        for digest in set(self._sockets.values()):
            if await sessions.look(digest) is None:
                for sink in [sink for sink, of in self._sockets.items() if of == digest]:
                    sink.close(BAD_SESSION.close_code, BAD_SESSION.error)

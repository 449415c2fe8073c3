"""Start and stop: uvicorn in the gateway's own loop, on a socket that was bound here, without signal
handlers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Generator, Sequence

import uvicorn
from fastapi import APIRouter, FastAPI

from gateway.core.control import Control, Floor
from gateway.core.model import Address
from gateway.core.permissions import User
from gateway.web.audio import Feeds, audio_router
from gateway.web.auth import Authenticate, HideTokens
from gateway.web.docs import Api, add_docs
from gateway.web.events import Events, events_router
from gateway.web.faults import Faults
from gateway.web.floor import floor_router
from gateway.web.headset import Headsets, headset_router
from gateway.web.http import MAX_HEADER_BYTES, GatewayHttp
from gateway.web.limits import BodyLimit
from gateway.web.pages import add_console
from gateway.web.recorded import Record
from gateway.web.revocation import Revocation
from gateway.web.routes import Drill, Ready, Stored, add_routes, at_once
from gateway.web.session import SignIns, session_router
from gateway.web.socket import FAREWELL_S, GatewayWebSocket

MAX_MESSAGE_BYTES = 4096
"""Of what a listener or watcher may send in one WebSocket message; past it the socket is closed with 1009."""
GRACE_S = int(FAREWELL_S) + 1
"""For open requests when stopping."""


class WebServer:
    """A running server; `serve_web` makes it."""

    def __init__(
        self,
        server: uvicorn.Server,
        listening: socket.socket,
        events: Events,
        revocation: Revocation,
        app: FastAPI,
    ) -> None:
        self.app = app
        self._server = server
        self._revocation = revocation
        self._listening = listening
        self._events = events
        self._task = asyncio.create_task(server.serve(sockets=[listening]), name="web")
        self.host, self.port = listening.getsockname()[:2]

    @property
    def url(self) -> str:
        """`http://host:port`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def watchers(self) -> list[User]:
        """Who watches `/api/events`; one entry for each connection."""
        return self._events.watchers

    @property
    def events_dropped(self) -> int:
        """Events that watchers were too slow for, since the start."""
        return self._events.dropped

    async def started(self) -> None:
        """Wait until requests are answered. Raises what the server failed with."""
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError("the web server ended while starting")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Close every connection and wait for the end, at most a few seconds. Safe twice.

        Stop the feeds first: then listeners are told why.
        """
        self._events.stop()
        await self._revocation.stop()
        self._server.should_exit = True
        await asyncio.wait([self._task])
        for connection in tuple(self._server.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        self._listening.close()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals are the gateway's business, not the web server's."""
        yield


async def serve_web(
    bind: Address,
    control: Control,
    authenticate: Authenticate,
    feeds: Feeds,
    *,
    headsets: Headsets | None = None,
    floor: Floor | None = None,
    ready: Ready = lambda: None,
    drill: Drill = lambda: None,
    stored: Stored | None = None,
    stall_limit_s: float = 30.0,
    sign_ins: SignIns | None = None,
    trusted_proxies: Sequence[str] = (),
    record: Record | None = None,
    routers: Sequence[APIRouter] = (),
) -> WebServer:
    """Listen on `bind` (port 0: the system chooses) and answer from when this returns.

    authenticate: token → User, None for an unknown token; must compare in constant time.
    feeds: the `gateway.feeds.hub.Hub`. headsets: the `gateway.feeds.headsets.HeadsetDesk`; None: nobody can
    supervise from a browser. floor: duty and help; None: there are none. ready, drill: what `/readyz` says.
    stored: awaited before an alert is answered.
    stall_limit_s: a watcher that reads nothing for so long is cut off (a listener: see `Hub`).
    sign_ins: whose sessions cookies stand for; None: bearer tokens alone. record: the trail; None: there is
    none.
    trusted_proxies: addresses whose X-Forwarded-For and X-Forwarded-Proto are believed.
    routers: whatever else there is, such as audits. Raises OSError.
    """
    listening = _listen(bind)
    events = Events(control, floor, stall_limit_s=stall_limit_s)
    app = Api(
        title="Supervision gateway",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    add_console(app)
    add_docs(app)
    add_routes(app, control, authenticate, ready, drill, stored or at_once)
    revocation = Revocation(sign_ins)
    app.state.sessions, app.state.revocation, app.state.record = sign_ins, revocation, record
    if sign_ins is not None:
        app.include_router(session_router(sign_ins))
    app.include_router(audio_router(feeds, authenticate))
    app.include_router(events_router(events, authenticate))
    if headsets is not None:
        app.include_router(headset_router(headsets, authenticate))
    if floor is not None:
        app.include_router(floor_router(floor))
    for router in routers:
        app.include_router(router)
    logging.getLogger("uvicorn.error").addFilter(_HIDE_TOKENS)
    config = uvicorn.Config(
        Faults(BodyLimit(app)),
        http=GatewayHttp,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        ws=GatewayWebSocket,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=20.0,
        # Later than the stall limit, which says more: this one finds the watcher whose host has gone.
        ws_ping_timeout=stall_limit_s + 20.0,
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
    )
    revocation.start()
    server = WebServer(_Server(config), listening, events, revocation, app)
    await server.started()
    return server


_HIDE_TOKENS = HideTokens()


def _listen(bind: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind[0] else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(bind)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening

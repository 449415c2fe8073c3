"""Feeds that the gateway starts by itself: each call of the teams that are named, to a configured URL
(`[[audit.stream]]`).

A stream is a listener like any other, with the configured name as who it is: permitted, told and shown as
such. A peer that is down is tried again, ever more seldom, as long as the call lasts; one that is slow loses
audio and nothing else. One task a call and stream; loop's thread only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import websockets
from websockets.asyncio.client import ClientConnection

from gateway.core.control import Control
from gateway.core.errors import GatewayError
from gateway.core.events import News
from gateway.core.model import CallId
from gateway.core.permissions import User
from gateway.feeds.hub import Hub
from gateway.log import get_logger

log = get_logger(__name__)

WAITING_MESSAGES = 64
"""What is taken for a peer before it counts as full: 0.6 s of both tracks."""
FIRST_WAIT_S = 0.5
MOST_WAIT_S = 30.0
FAREWELL_S = 2.0
NORMAL = 1000


class StreamLike(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def teams(self) -> tuple[str, ...]: ...
    @property
    def token_env(self) -> str | None: ...
    @property
    def query(self) -> Mapping[str, str]: ...


@dataclass(eq=False)
class OutboundSink:
    """`listener.Sink` on a client's connection: a bounded queue and what empties it."""

    connection: ClientConnection

    def __post_init__(self) -> None:
        self.resume: Callable[[], None] = lambda: None
        self.closing: tuple[int, str] | None = None
        self._waiting: deque[str | bytes] = deque()
        self._there = asyncio.Event()
        self._was_full = False

    def try_write(self, message: str | bytes) -> bool:
        if self.closing is not None or len(self._waiting) >= WAITING_MESSAGES:
            self._was_full = True
            return False
        self._waiting.append(message)
        self._there.set()
        return True

    def close(self, code: int, reason: str) -> None:
        self.closing = code, reason
        self._there.set()

    async def run(self) -> None:
        """Send until it is closed or the connection is gone. Raises `ConnectionClosed`."""
        while True:
            await self._there.wait()
            while self._waiting:
                await self.connection.send(self._waiting.popleft())
                if self._was_full and len(self._waiting) < WAITING_MESSAGES // 2:
                    self._was_full = False
                    self.resume()
            if self.closing is not None:
                code, reason = self.closing
                await self.connection.close(code, reason[:120])
                return
            self._there.clear()


class Outbound:
    """From construction to `stop`."""

    def __init__(self, control: Control, hub: Hub, streams: tuple[StreamLike, ...]) -> None:
        self._control = control
        self._hub = hub
        self._streams = streams
        self._live: set[CallId] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsubscribe = control.subscribe(self._on_news)

    async def stop(self) -> None:
        """End every stream; the hub has said why before."""
        self._unsubscribe()
        self._live.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_news(self, news: News) -> None:
        if news.call is None:
            return
        if news.kind == "call.answered":
            self._live.add(news.call)
            for stream in self._streams:
                if "*" in stream.teams or news.data.get("team") in stream.teams:
                    task = asyncio.create_task(self._serve(stream, news.call), name=f"stream {stream.name}")
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
        elif news.kind == "call.ended":
            self._live.discard(news.call)

    async def _serve(self, stream: StreamLike, call: CallId) -> None:
        wait_s = FIRST_WAIT_S
        person = User(stream.name, stream.name, None, frozenset({"auditor"}), frozenset(stream.teams))
        token = os.environ.get(stream.token_env, "") if stream.token_env else ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        while call in self._live:
            try:
                async with websockets.connect(
                    stream.url, additional_headers=headers, compression=None, close_timeout=FAREWELL_S
                ) as connection:
                    if call not in self._live:
                        return
                    wait_s = FIRST_WAIT_S
                    await self._feed(stream, person, call, connection)
                why = "the peer closed the connection"
            except GatewayError as error:
                log.warning("stream.refused", stream=stream.name, call=call, why=str(error))
                return
            except (OSError, websockets.WebSocketException, TimeoutError) as error:
                why = str(error) or type(error).__name__
            if call in self._live:
                log.warning("stream.lost", stream=stream.name, call=call, why=why, again_in_s=wait_s)
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, MOST_WAIT_S)

    async def _feed(
        self, stream: StreamLike, person: User, call: CallId, connection: ClientConnection
    ) -> None:
        sink = OutboundSink(connection)
        attachment = self._hub.attach(person, call, stream.query, sink)
        sink.resume = attachment.resume
        reading = asyncio.create_task(_discard(connection))
        sending = asyncio.create_task(sink.run())
        try:
            await asyncio.wait((reading, sending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            attachment.gone()
            for task in (reading, sending):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                    await task


async def _discard(connection: ClientConnection) -> None:
    """A peer may answer; nothing it says changes a call."""
    async for _ in connection:
        pass

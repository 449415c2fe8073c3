"""A watcher of `WS /api/events`: what the gateway says of itself, and waiting for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection, connect

from gateway.demo.errors import DemoFailed
from simulators.waiting import Changing

PATIENCE_S = 10.0
"""How long the story waits for what should take milliseconds: room for a machine that is busy otherwise."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event with its arrival on the monotonic clock [ns]."""

    at_ns: int
    kind: str
    call: str | None
    data: dict[str, Any]


class Watch(Changing):
    """`open`, then `close`."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.calls: dict[str, dict[str, Any]] = {}
        """The latest snapshot of each live call, by id."""
        self._url = url.replace("http", "ws", 1) + "/api/events"
        self._token = token
        self._connection: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect and take the snapshot. Raises `DemoFailed`."""
        try:
            self._connection = await connect(
                self._url, additional_headers={"Authorization": f"Bearer {self._token}"}, proxy=None
            )
            first = json.loads(await self._connection.recv())
        except (OSError, websockets.WebSocketException) as error:
            raise DemoFailed(f"cannot watch {self._url}: {error}") from error
        self.calls = {call["id"]: call for call in first["calls"]}
        self._task = asyncio.create_task(self._read(self._connection), name="watch")

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
        if self._task is not None:
            await self._task

    def mark(self) -> int:
        """How many events there were so far, for `until`."""
        return len(self.events)

    async def until(
        self, kind: str, since: int = 0, *, timeout_s: float = PATIENCE_S, **facts: object
    ) -> Event:
        """The first event of `kind` after `since` whose data hold `facts`. Raises `DemoFailed`."""

        def found() -> Event | None:
            for event in self.events[since:]:
                if event.kind == kind and all(event.data.get(key) == value for key, value in facts.items()):
                    return event
            return None

        try:
            await self._until(lambda: found() is not None, timeout_s, lambda: kind)
        except TimeoutError:
            wanted = " ".join([kind, *(f"{key}={value}" for key, value in facts.items())])
            came = ", ".join(event.kind for event in self.events[since:]) or "nothing"
            raise DemoFailed(
                f"the gateway did not tell {wanted} within {timeout_s:g} s; it told: {came}"
            ) from None
        event = found()
        assert event is not None
        return event

    async def _read(self, connection: ClientConnection) -> None:
        """Until the connection ends, in whichever way: who waits for an event then waits in vain."""
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in connection:
                message = json.loads(text)
                if message["type"] == "event":
                    self._take(Event(time.monotonic_ns(), message["kind"], message["call"], message["data"]))

    def _take(self, event: Event) -> None:
        if event.call is not None and event.kind == "call.ended":
            self.calls.pop(event.call, None)
        elif event.call is not None and "supervisors" in event.data:  # a snapshot; `call.talk`, say, is none
            self.calls[event.call] = event.data
        self.events.append(event)
        self._changed()

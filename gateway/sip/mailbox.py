"""The two queues between the SIP thread and the asyncio loop: bounded, and neither side waits."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from gateway.core.events import FromSignalling, LegInfoDigit, LegProgress, StrangerRefused
from gateway.sip.errors import CommandQueueFull
from gateway.sip.guard import log_failure

log = logging.getLogger(__name__)

Command = Callable[[], None]


class CommandQueue:
    """From the loop to the SIP thread. `wake` is called for a command that finds the queue empty."""

    def __init__(self, limit: int, wake: Callable[[], None]) -> None:
        self._commands: deque[Command] = deque()
        self._limit = limit
        self._wake = wake

    def __len__(self) -> int:
        return len(self._commands)

    def put(self, command: Command) -> None:
        """Take a command, in order. Raises `CommandQueueFull`."""
        if len(self._commands) >= self._limit:
            raise CommandQueueFull(
                f"{self._limit} commands wait for the SIP thread; it is stalled or overloaded"
            )
        idle = not self._commands
        self._commands.append(command)
        if idle:
            self._wake()

    def run_all(self) -> None:
        """Run what is there, on the SIP thread. A command that raises is logged and does not stop the
        next.
        """
        while self._commands:
            command = self._commands.popleft()
            try:
                command()
            except Exception:
                log_failure(log, "a SIP command")


class EventMailbox:
    """From the SIP thread to the loop: one wake-up for as many events as wait."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, deliver: Callable[[FromSignalling], None], limit: int
    ) -> None:
        self._loop = loop
        self._deliver = deliver
        self._limit = limit
        self._events: deque[FromSignalling] = deque()
        self._scheduled = False
        self.dropped = 0
        """Provisional responses and key presses given up because the loop did not keep up."""

    def __len__(self) -> int:
        return len(self._events)

    @property
    def full(self) -> bool:
        return len(self._events) >= self._limit

    def post(self, event: FromSignalling) -> None:
        """Queue an event, from the SIP thread. Past the limit, what a call can do without is dropped,
        counted.
        """
        if self.full and isinstance(event, LegProgress | LegInfoDigit | StrangerRefused):
            self.dropped += 1
            return
        self._events.append(event)
        if not self._scheduled:
            self._scheduled = True
            try:
                self._loop.call_soon_threadsafe(self._drain)
            except RuntimeError:
                log.warning("the event loop is closed; %s is lost", type(event).__name__)

    def _drain(self) -> None:
        self._scheduled = False
        for _ in range(len(self._events)):
            event = self._events.popleft()
            try:
                self._deliver(event)
            except Exception:
                log.exception("delivering %s failed", type(event).__name__)

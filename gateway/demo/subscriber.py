"""A wallboard: a subscriber at the broker that sees calls and alerts come and go."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiomqtt

from gateway.demo.errors import DemoFailed
from gateway.demo.settings import SITE, TOPIC_ROOT
from simulators.waiting import Changing

BASE = f"{TOPIC_ROOT}/{SITE}"


@dataclass(frozen=True, slots=True)
class Message:
    """One message with its arrival on the monotonic clock [ns]."""

    at_ns: int
    topic: str
    facts: dict[str, Any]
    """The payload; empty where it clears a retained message."""
    qos: int
    retained: bool


class Subscriber(Changing):
    """`open`, then `close`. Sees everything of the demonstration's site."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self.messages: list[Message] = []
        self._host = host
        self._port = port
        self._task: asyncio.Task[None] | None = None

    async def open(self, timeout_s: float = 10.0) -> None:
        """Connect and subscribe. Raises `DemoFailed`."""
        subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._read(subscribed), name="subscriber")
        try:
            async with asyncio.timeout(timeout_s):
                await subscribed
        except (TimeoutError, aiomqtt.MqttError, OSError) as error:
            raise DemoFailed(f"cannot subscribe at the broker {self._host}:{self._port}: {error}") from error

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def mark(self) -> int:
        """How many messages there were so far, for `until`."""
        return len(self.messages)

    async def until(
        self, what: str, wanted: Callable[[Message], bool], since: int = 0, timeout_s: float = 10.0
    ) -> Message:
        """The first message after `since` that is `wanted`; `what` names it where it does not come."""

        def found() -> Message | None:
            return next((message for message in self.messages[since:] if wanted(message)), None)

        try:
            await self._until(lambda: found() is not None, timeout_s, lambda: what)
        except TimeoutError:
            raise DemoFailed(f"{what} did not come over MQTT within {timeout_s:g} s") from None
        message = found()
        assert message is not None
        return message

    async def retained(self, topic: str, timeout_s: float = 5.0) -> Message | None:
        """What someone who subscribes only now is told of `topic`; None: nothing."""
        async with aiomqtt.Client(self._host, self._port) as client:
            await client.subscribe(topic, qos=1)
            try:
                async with asyncio.timeout(timeout_s):
                    async for message in client.messages:
                        return _understood(message)
            except TimeoutError:
                pass
        return None

    async def _read(self, subscribed: asyncio.Future[None]) -> None:
        try:
            async with aiomqtt.Client(self._host, self._port) as client:
                await client.subscribe(f"{BASE}/#", qos=1)
                subscribed.set_result(None)
                async for message in client.messages:
                    self.messages.append(_understood(message))
                    self._changed()
        except aiomqtt.MqttError as error:
            if not subscribed.done():
                subscribed.set_exception(error)


def is_alert(message: Message, state: str | None = None) -> bool:
    """Does it tell an alert's state (that `state`)?"""
    parts = message.topic.split("/")
    about = parts[2:3] == ["alert"] and parts[-1] == "state"
    return about and (state is None or message.facts.get("state") == state)


def _understood(message: aiomqtt.Message) -> Message:
    payload = message.payload if isinstance(message.payload, bytes | bytearray) else b""
    facts = json.loads(payload) if payload else {}
    return Message(time.monotonic_ns(), str(message.topic), facts, message.qos, bool(message.retain))

"""A wallboard that subscribes to the broker."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiomqtt

ROOT_TOPIC = "gateway/leeds/"


class Wallboard:
    """A subscriber that stays through everything, with a session that the broker keeps. An async context manager."""

    def __init__(self, port: int) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self._port = port

    async def __aenter__(self) -> Wallboard:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except aiomqtt.MqttError:
                await asyncio.sleep(0.05)

    async def _listen(self) -> None:
        async with aiomqtt.Client(
            "127.0.0.1", self._port, identifier="wallboard", clean_session=False, timeout=5
        ) as client:
            await client.subscribe(f"{ROOT_TOPIC}#", qos=1)
            async for message in client.messages:
                facts = json.loads(message.payload) if message.payload else {}
                self.seen.append((str(message.topic).removeprefix(ROOT_TOPIC), facts))

    def alerts(self, **facts: Any) -> list[dict[str, Any]]:
        """The states of alerts that came, with these facts."""
        return [
            told
            for topic, told in self.seen
            if topic.startswith("alert/") and all(told.get(name) == value for name, value in facts.items())
        ]

"""Mosquitto as a site runs it, and a wallboard that subscribes to it."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from e2e_gateway import PATIENCE_S, until

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
needs_mosquitto = pytest.mark.skipif(
    MOSQUITTO is None, reason="mosquitto is not installed; on Debian: apt-get install mosquitto"
)
ROOT_TOPIC = "gateway/leeds/"


class Mosquitto:
    """A broker on its own port with a memory of its own; may be killed and started again. An async context manager."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {folder}/\n"
            "autosave_on_changes true\nautosave_interval 1\nuser root\n"
        )
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Mosquitto:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def start(self) -> None:
        assert MOSQUITTO is not None
        quiet = asyncio.subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(
            MOSQUITTO, "-c", str(self._configuration), stdout=quiet, stderr=quiet
        )
        await until(self._listens, bool, PATIENCE_S, "mosquitto does not listen")

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def kill(self) -> None:
        """As `kill -9`: without a goodbye to anybody."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None


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

"""Mosquitto as a site runs it, on a port of its own."""

from __future__ import annotations

import asyncio
import shutil
import signal
from pathlib import Path

import pytest

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
START_S = 20.0
needs_mosquitto = pytest.mark.skipif(
    MOSQUITTO is None, reason="mosquitto is not installed; on Debian: apt-get install mosquitto"
)


class Mosquitto:
    """A broker with a memory of its own; may be frozen, killed, and started again. An async context manager."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.url = f"mqtt://127.0.0.1:{port}"
        self.memory = folder / "mosquitto.db"
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
        """Returns when it listens."""
        assert MOSQUITTO is not None
        quiet = asyncio.subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(
            MOSQUITTO, "-c", str(self._configuration), stdout=quiet, stderr=quiet
        )
        async with asyncio.timeout(START_S):
            while not await self._listens():  # noqa: ASYNC110 (another process is waited for)
                await asyncio.sleep(0.02)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """As `kill -9`: without a goodbye to anybody."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

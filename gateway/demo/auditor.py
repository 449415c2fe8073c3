"""An auditor: a WebSocket client that hears a live call, knowing nothing but the format's description.

The first message is JSON and describes the rest; every binary message is a header and 20 ms of samples.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import websockets
from websockets.asyncio.client import ClientConnection, connect

from gateway.demo.errors import DemoFailed

RATE_HZ = 8_000
HEADER = struct.Struct("!IIQ")
SAMPLES_PER_MS = RATE_HZ // 1_000

Audio = npt.NDArray[np.int16]


class Auditor:
    """`open`, then `close`. Two channels: caller, advisor."""

    def __init__(self, url: str, token: str, call: str) -> None:
        self.url = f"{url.replace('http', 'ws', 1)}/api/calls/{call}/audio"
        self.header: dict[str, Any] = {}
        """The first message."""
        self.missed_ms = 0
        """What the feed said was missing."""
        self.farewell = ""
        """The reason in the last message; empty while the feed goes on."""
        self._token = token
        self._frames: list[tuple[int, int, Audio]] = []
        """Arrival [ns, monotonic], media time [ms], samples of shape (2, n)."""
        self._connection: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._heard = asyncio.Event()

    async def open(self, timeout_s: float = 10.0) -> None:
        """Connect, and wait for the first frame of sound. Raises `DemoFailed`."""
        try:
            async with asyncio.timeout(timeout_s):
                self._connection = await connect(
                    f"{self.url}?channels=caller,advisor&encoding=l16",
                    additional_headers={"Authorization": f"Bearer {self._token}"},
                    proxy=None,
                )
                self.header = json.loads(await self._connection.recv())
                self._task = asyncio.create_task(self._read(self._connection), name="auditor")
                await self._heard.wait()
        except TimeoutError:
            raise DemoFailed(f"the auditor heard nothing within {timeout_s:g} s") from None
        except (OSError, ValueError, websockets.WebSocketException) as error:
            raise DemoFailed(f"the auditor cannot hear {self.url}: {error}") from error

    async def close(self) -> None:
        """Safe twice."""
        if self._connection is not None:
            await self._connection.close()
        if self._task is not None:
            await self._task

    async def ended(self, timeout_s: float = 5.0) -> bool:
        """Wait for the feed's end; False where it does not come."""
        if self._task is None:
            return False
        done, _ = await asyncio.wait({self._task}, timeout=timeout_s)
        return bool(done)

    def __len__(self) -> int:
        return len(self._frames)

    def since(self, mark: int) -> Audio:
        """Both channels, shape (2, n), of the frames after an earlier `len()`."""
        frames = [samples for _, _, samples in self._frames[mark:]]
        return np.concatenate(frames, axis=1) if frames else np.zeros((2, 0), dtype=np.int16)

    def forget(self) -> None:
        """Drop what was recorded."""
        self._frames.clear()

    def between(self, start_ns: int, end_ns: int) -> tuple[int, Audio]:
        """What arrived in that time: arrival of its first sample [ns], and both channels, gaps as zeros."""
        chosen = [frame for frame in self._frames if start_ns <= frame[0] < end_ns]
        if not chosen:
            return start_ns, np.zeros((2, 0), dtype=np.int16)
        first_ms = chosen[0][1]
        length = (chosen[-1][1] - first_ms) * SAMPLES_PER_MS + chosen[-1][2].shape[1]
        audio = np.zeros((2, length), dtype=np.int16)
        for _, media_ms, samples in chosen:
            at = (media_ms - first_ms) * SAMPLES_PER_MS
            audio[:, at : at + samples.shape[1]] = samples
        return chosen[0][0], audio

    def save_wav(self, path: Path) -> None:
        """Everything, as a stereo WAV file."""
        _, audio = self.between(0, time.monotonic_ns() + 1)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(audio.T.astype("<i2").tobytes())

    async def _read(self, connection: ClientConnection) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in connection:
                if isinstance(message, bytes):
                    self._take(message)
                else:
                    self._note(json.loads(message))

    def _note(self, notice: dict[str, Any]) -> None:
        if notice["type"] == "missed":
            self.missed_ms += notice["ms"]
        elif notice["type"] == "end":
            self.farewell = notice["reason"]

    def _take(self, message: bytes) -> None:
        _, media_ms, _ = HEADER.unpack_from(message)
        samples = np.frombuffer(message, dtype=">i2", offset=HEADER.size).astype(np.int16)
        self._frames.append((time.monotonic_ns(), media_ms, samples.reshape(-1, 2).T))
        self._heard.set()

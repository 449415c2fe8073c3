"""Listeners over WebSocket: one that reads, checks the order of what comes and keeps the audio, and one that
never reads.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import websockets
from e2e_gateway import Gateway

FRAME_MS = 20
HEADER_BYTES = 16


class Auditor:
    """Hears a call to its end; an async context manager. What comes out of order raises in `failed`."""

    def __init__(self, gateway: Gateway, call: str, query: str = "", who: str = "fiona") -> None:
        self._url = gateway.websocket_url(f"/api/calls/{call}/audio{query}", who)
        self.header: dict[str, Any] = {}
        self.frames: list[tuple[int, int, int, bytes]] = []
        """(sequence, media time [ms], wall time [us], samples as they came)."""
        self.missed_ms = 0
        self.live_at_ms: int | None = None
        """Media time from which on a feed that began in the past was live."""
        self.end: str | None = None
        self.complaints: list[str] = []

    async def __aenter__(self) -> Auditor:
        self._socket = await websockets.connect(self._url, max_size=None)
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._socket.close()
        await asyncio.gather(self._task, return_exceptions=True)

    async def over(self, timeout_s: float = 30) -> None:
        """Wait for the end of the feed."""
        async with asyncio.timeout(timeout_s):
            await asyncio.shield(self._task)

    async def _listen(self) -> None:
        try:
            async for message in self._socket:
                self._text(json.loads(message)) if isinstance(message, str) else self._frame(message)
        except websockets.ConnectionClosed:
            return

    def _text(self, told: dict[str, Any]) -> None:
        kind = told.get("type")
        if kind == "start":
            if self.header or self.frames:
                self.complaints.append("the header is not the first message")
            self.header = told
        elif kind == "missed":
            self.missed_ms += told["ms"]
        elif kind == "live":
            self.live_at_ms = told["media_time_ms"]
        elif kind == "end":
            self.end = told["reason"]
        else:
            self.complaints.append(f"unknown message {told}")

    def _frame(self, message: bytes) -> None:
        sequence, media_ms = (int.from_bytes(message[at : at + 4], "big") for at in (0, 4))
        wall_us = int.from_bytes(message[8:16], "big")
        if not self.header:
            self.complaints.append("audio before the header")
        if self.frames:
            steps, elapsed = sequence - self.frames[-1][0], media_ms - self.frames[-1][1]
            hurried = self.header.get("live") is False and self.live_at_ms is None
            if steps < 1 or (elapsed != 20 * steps and not (hurried and elapsed > 0)):
                self.complaints.append(f"frame {sequence} at {media_ms} ms follows {self.frames[-1][:2]}")
        self.frames.append((sequence, media_ms, wall_us, message[HEADER_BYTES:]))

    def audio(self) -> npt.NDArray[np.int16]:
        """What was heard, (channels, samples); what is missing is silence. For `l16`."""
        channels = len(self.header["channels"])
        first, khz = self.frames[0][1], self.header["rate"] // 1000
        total = np.zeros((channels, (self.frames[-1][1] - first + FRAME_MS) * khz), dtype=np.int16)
        for _, media_ms, _, data in self.frames:
            samples = np.frombuffer(data, dtype=">i2").reshape(-1, channels).T
            at = (media_ms - first) * khz
            total[:, at : at + samples.shape[1]] = samples
        return total


class Stalled:
    """A listener whose host takes nothing any more: the handshake is done, then not one byte is read."""

    def __init__(self, gateway: Gateway, path: str, who: str = "fiona") -> None:
        self._url = urlsplit(gateway.websocket_url(path, who))
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)

    async def __aenter__(self) -> Stalled:
        loop = asyncio.get_running_loop()
        self._socket.setblocking(False)
        await loop.sock_connect(self._socket, (self._url.hostname, self._url.port))
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {self._url.path}?{self._url.query} HTTP/1.1",
            f"Host: {self._url.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        await loop.sock_sendall(self._socket, "\r\n".join([*lines, "", ""]).encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += await loop.sock_recv(self._socket, 1)
        assert answer.startswith(b"HTTP/1.1 101"), answer
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()

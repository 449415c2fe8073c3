"""A supervisor at a browser: joins by HTTP, hears and speaks over the WebSocket, one frame each 20 ms."""

from __future__ import annotations

import asyncio
import json
import time
from types import TracebackType
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import websockets
from e2e_gateway import PATIENCE_S, TOKENS, Gateway, until

Audio = npt.NDArray[np.int16]
FRAME_S = 0.02


class Browser:
    """One person at one call; an async context manager that joins and leaves."""

    def __init__(
        self, gateway: Gateway, call: str, mode: str, who: str = "fiona", *, rate_hz: int | None = None
    ) -> None:
        """rate_hz: what it asks for; None: nothing, as the first pages did."""
        self._asks = {} if rate_hz is None else {"rate": rate_hz}
        self.gateway = gateway
        self.who = who
        self.believes = mode
        """The mode that the page shows: what each frame is marked with."""
        self.told: list[dict[str, Any]] = []
        self.sent_frames = 0
        self.late_ms = 0.0
        """The latest that a frame was sent against its own beat."""
        self.close_code: int | None = None
        self._call = call
        self._heard: list[tuple[int, Audio]] = []
        self._script: list[Audio] = []
        self._loop_audio: Audio | None = None
        self._sequence = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Browser:
        await self.join()
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # ── HTTP ──

    async def ask(self, verb: str, path: str, **body: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {TOKENS[self.who]}"}
        async with httpx.AsyncClient(
            base_url=self.gateway.url, headers=headers, timeout=PATIENCE_S
        ) as client:
            return await client.request(verb, path, json=body or None)

    async def join(self) -> None:
        answer = await self.ask(
            "POST", f"/api/calls/{self._call}/supervisors", mode=self.believes, via="web", **self._asks
        )
        assert answer.status_code == 201, answer.text
        self.leg, self.audio_path = answer.json()["leg"], answer.json()["audio"]

    async def change(self, mode: str) -> None:
        """The button: what is said from here on is marked with it, before the gateway knows."""
        self.believes = mode
        answer = await self.ask("PATCH", f"/api/calls/{self._call}/supervisors/{self.leg}", mode=mode)
        assert answer.status_code == 200, answer.text

    # ── the socket ──

    async def open(self) -> None:
        self._socket = await websockets.connect(self.gateway.websocket_url(self.audio_path, self.who))
        self.header = json.loads(await self._socket.recv())
        self._sequence = 0
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._speak())]

    async def close(self) -> None:
        """Leave for good."""
        self._cancel()
        await self._socket.close(1000)

    def kill(self) -> None:
        """The browser crashes: the connection is reset."""
        self._cancel()
        self._socket.transport.abort()

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _listen(self) -> None:
        try:
            async for message in self._socket:
                if isinstance(message, str):
                    self.told.append(json.loads(message))
                    if self.told[-1]["type"] == "mode":
                        self.believes = self.told[-1]["mode"]
                else:
                    samples = np.frombuffer(message, ">i2", offset=16).astype(np.int16)
                    self._heard.append((time.monotonic_ns(), samples))
        except websockets.ConnectionClosed:
            pass
        self.close_code = self._socket.close_code

    async def _speak(self) -> None:
        """As an AudioWorklet does: a frame each 20 ms, of silence where nothing is said."""
        due_s = time.monotonic()
        try:
            while True:
                await self._socket.send(self._frame())
                self.sent_frames += 1
                due_s += FRAME_S
                now_s = time.monotonic()
                self.late_ms = max(self.late_ms, (now_s - due_s) * 1000)
                await asyncio.sleep(max(0.0, due_s - now_s))
        except websockets.ConnectionClosed:
            return

    def _frame(self) -> bytes:
        if not self._script and self._loop_audio is not None:
            self._script = self._frames(self._loop_audio)
        samples = self._script.pop(0) if self._script else np.zeros(self._frame_samples, np.int16)
        self._sequence += 1
        up = self.header["up"]
        head = self._sequence.to_bytes(4, "big") + up["modes"][self.believes].to_bytes(4, "big")
        return head + samples.astype(">i2").tobytes()

    async def send_raw(self, message: bytes | str) -> None:
        await self._socket.send(message)

    # ── voice ──

    @property
    def _frame_samples(self) -> int:
        return round(self.header["up"]["rate"] * FRAME_S)

    def _frames(self, audio: Audio) -> list[Audio]:
        whole = len(audio) // self._frame_samples * self._frame_samples
        return list(audio[:whole].reshape(-1, self._frame_samples))

    def say(self, audio: Audio, *, loop: bool = False) -> None:
        """At the rate that the header tells."""
        self._script = self._frames(audio)
        self._loop_audio = audio if loop else None

    async def said(self, timeout_s: float = 60.0) -> None:
        """Wait until all of it has been sent."""
        await until(lambda: len(self._script), lambda left: left == 0, timeout_s, "nothing more is said")

    def mark(self) -> int:
        return len(self._heard)

    def heard(self, since: int = 0) -> Audio:
        frames = [samples for _, samples in self._heard[since:]]
        return np.concatenate(frames) if frames else np.empty(0, np.int16)

    def heard_at_ns(self, since: int = 0) -> list[int]:
        return [at for at, _ in self._heard[since:]]

    async def heard_more(self, frames: int = 10) -> None:
        mark = self.mark()
        await until(lambda: self.mark() - mark, lambda count: count >= frames, complaint="no audio")

    async def sent_for(self, seconds: float) -> None:
        mark, frames = self.sent_frames, round(seconds / FRAME_S)
        await until(
            lambda: self.sent_frames - mark,
            lambda count: count >= frames,
            PATIENCE_S + 3 * seconds,
            "the browser does not send",
        )

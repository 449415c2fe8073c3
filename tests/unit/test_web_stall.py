"""A listener that never reads: what it costs the gateway and the others, what it is told when it wakes."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from feed_fakes import TOKENS, FakeControl
from websockets.asyncio.client import connect

from gateway.feeds.frames import Format, parse_frame
from gateway.feeds.hub import Hub
from gateway.feeds.listener import QUEUE_FRAMES
from gateway.web.server import WebServer, serve_web
from gateway.web.socket import FAREWELL_S, HIGH_WATER_BYTES

FRAME_BYTES = 16 + 2 * 160 * 2 + 4
FAST = 20
"""So many seconds of audio in one second of the test."""


@asynccontextmanager
async def house(speed: float, stall_limit_s: float) -> AsyncIterator[tuple[FakeControl, Hub, WebServer]]:
    loop = asyncio.get_running_loop()
    control = FakeControl(lambda: loop.time() * speed)
    hub = Hub(control, stall_limit_s=stall_limit_s)
    web = await serve_web(("127.0.0.1", 0), control, TOKENS.get, hub, stall_limit_s=stall_limit_s)
    try:
        yield control, hub, web
    finally:
        hub.stop()
        await web.stop()


class RawListener:
    """A TCP client that completes the handshake by hand; reads only when told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int, path: str) -> RawListener:
        # A small limit: the client's own loop must not read ahead.
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            "Authorization: Bearer tok-auditor\r\n\r\n".encode()
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        return cls(reader, writer)

    def wake(self) -> None:
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]

    async def message(self) -> str | bytes:
        head = await self._reader.readexactly(2)
        length = head[1]
        if length == 126:
            length = int.from_bytes(await self._reader.readexactly(2))
        body = await self._reader.readexactly(length)
        if head[0] & 0x0F == 8:
            raise EOFError(int.from_bytes(body[:2]), body[2:].decode())
        return body.decode() if head[0] & 0x0F == 1 else body

    def close(self) -> None:
        self._writer.transport.abort()


async def listen(port: int, frames: int) -> list[int]:
    """The sequence numbers that a well-behaved listener gets."""
    headers = {"Authorization": "Bearer tok-floorwalker"}
    url = f"ws://127.0.0.1:{port}/api/calls/c-1/audio"
    got: list[int] = []
    async with connect(url, additional_headers=headers, compression=None, max_queue=None) as socket:
        while len(got) < frames:
            message = await socket.recv()
            if isinstance(message, bytes):
                got.append(parse_frame(message, Format()).sequence)
            else:
                assert json.loads(message)["type"] == "start"
    return got


def in_order(sequences: list[int]) -> bool:
    return sequences == list(range(sequences[0], sequences[0] + len(sequences)))


def buffered_bytes(web: WebServer) -> int:
    """The most that waits in this process for any connection."""
    connections = web._server.server_state.connections
    return max(connection.transport.get_write_buffer_size() for connection in connections)


async def test_stalled_listener_costs_a_bounded_queue_and_nobody_else_a_frame() -> None:
    async with house(FAST, stall_limit_s=60) as (_, hub, web):
        stalled = await RawListener.connect(web.port, "/api/calls/c-1/audio")
        healthy = asyncio.create_task(listen(web.port, 3000))
        seat = hub._feeds["c-1"].seats[0]
        async with asyncio.timeout(10):
            while not seat.listener.missed_ms:  # noqa: ASYNC110 (until the kernel's buffers are full)
                await asyncio.sleep(0.01)
        gc.collect()
        tracemalloc.start()
        worst = 0
        async with asyncio.timeout(20):
            while not healthy.done():
                worst = max(worst, buffered_bytes(web))
                assert len(seat.listener._queue) <= QUEUE_FRAMES
                await asyncio.sleep(0.005)
        gc.collect()
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert in_order(await healthy)
        assert worst <= HIGH_WATER_BYTES + FRAME_BYTES
        assert grown < 300_000
        assert seat.listener.missed_ms > 10_000

        stalled.wake()
        frames, missed_ms, last = 0, 0, 0
        async with asyncio.timeout(10):
            while last == 0 or last < 3000:
                message = await stalled.message()
                if isinstance(message, bytes):
                    sequence = parse_frame(message, Format()).sequence
                    assert sequence == last + 1
                    last = sequence
                    frames += 1
                elif (notice := json.loads(message))["type"] == "missed":
                    missed_ms += notice["ms"]
                    last += notice["ms"] // 20
        assert missed_ms > 10_000
        assert frames * 20 + missed_ms == last * 20
        stalled.close()


@pytest.mark.parametrize("path", ["/api/calls/c-1/audio", "/api/events"])
async def test_stalled_socket_is_cut_off(path: str) -> None:
    async with house(FAST, stall_limit_s=0.5) as (control, hub, web):
        stalled = await RawListener.connect(web.port, path)
        connections = web._server.server_state.connections
        async with asyncio.timeout(10 + FAREWELL_S):
            number = 0
            while connections:
                control.publish("call.changed", "c-1", number=number, text="x" * 20_000)
                number += 1
                await asyncio.sleep(0.005)
        assert hub.listeners() == 0
        stalled.close()


async def test_slow_watcher_of_events_is_told_how_many_it_missed() -> None:
    async with house(1, stall_limit_s=60) as (control, _, web):
        stalled = await RawListener.connect(web.port, "/api/events")
        for number in range(3000):
            control.publish("call.changed", "c-1", number=number, text="x" * 500)
            if number % 50 == 0:
                await asyncio.sleep(0)
        assert buffered_bytes(web) <= HIGH_WATER_BYTES + 1000
        stalled.wake()
        seen: list[int] = []
        missed = 0
        async with asyncio.timeout(10):
            while len(seen) + missed < 3000:  # in several notices, where the kernel took some meanwhile
                message = json.loads(await stalled.message())
                if message["type"] == "event":
                    seen.append(message["data"]["number"])
                elif message["type"] == "missed":
                    missed += message["events"]
                    assert json.loads(await stalled.message())["type"] == "snapshot"
        assert missed > 0
        assert seen == sorted(set(seen))
        control.publish("call.changed", "c-1", number=3000)
        assert json.loads(await stalled.message())["data"]["number"] == 3000
        stalled.close()


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.thorough
async def test_sixty_seconds_of_stall() -> None:
    async with house(1, stall_limit_s=120) as (_, hub, web):
        stalled = [await RawListener.connect(web.port, "/api/calls/c-1/audio") for _ in range(20)]
        healthy = asyncio.create_task(listen(web.port, 3000))
        await asyncio.sleep(15)
        before = resident_bytes()
        sequences = await healthy
        assert in_order(sequences)
        assert resident_bytes() - before < 2_000_000
        assert hub.listeners() == 20
        assert all(seat.listener.missed_ms > 30_000 for seat in hub._feeds["c-1"].seats)
        for listener in stalled:
            listener.close()


async def test_a_frame_does_not_wait_for_the_ack_of_the_one_before() -> None:
    async with house(1, stall_limit_s=60) as (_, _, web):
        listener = await RawListener.connect(web.port, "/api/calls/c-1/audio")
        sockets = [c.transport.get_extra_info("socket") for c in web._server.server_state.connections]
        assert sockets and all(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for one in sockets)
        listener.close()

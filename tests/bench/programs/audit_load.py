"""The load of the audit benchmark: both parties of each call talk, listeners hear, some of them never read.

python audit_load.py PORTS_JSON WEB_PORT LISTENERS STALLED SECONDS; prints one JSON line of what the reading ones saw.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import socket
import struct
import sys
import time

TOKEN = "tok-auditor"


def talk(ports: list[list[int]], until_s: float) -> None:
    """A packet of noise each 20 ms to every port."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    noise = [os.urandom(160) for _ in range(50)]
    targets = [("127.0.0.1", port) for pair in ports for port in pair]
    due_s, number = time.monotonic(), 0
    while time.monotonic() < until_s:
        head = struct.pack("!BBHII", 0x80, 8, number & 0xFFFF, number * 160 & 0xFFFFFFFF, 7)
        packet = head + noise[number % 50]
        for target in targets:
            sender.sendto(packet, target)
        number += 1
        due_s += 0.02
        time.sleep(max(0.0, due_s - time.monotonic()))


class Ear(asyncio.Protocol):
    """A listener that costs little, so that the load does not measure itself: it knows just what the gateway sends."""

    def __init__(self, host: str, path: str) -> None:
        self.delays_ms: list[float] = []
        self.frames = 0
        self.missed_ms = 0
        self.counts = False
        self._ask = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + ("Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n")
        )
        self._data = b""
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._ask.encode())

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._open:
            answer, mark, self._data = self._data.partition(b"\r\n\r\n")
            if not mark:
                self._data = answer
                return
            assert answer.startswith(b"HTTP/1.1 101"), answer
            self._open = True
        at = 0
        while len(self._data) - at >= 4:
            kind, length, head = self._data[at] & 0x0F, self._data[at + 1], 2
            if length == 126:
                length, head = int.from_bytes(self._data[at + 2 : at + 4], "big"), 4
            if len(self._data) - at < head + length:
                break
            self._message(kind, self._data[at + head : at + head + length])
            at += head + length
        self._data = self._data[at:]

    def _message(self, kind: int, message: bytes) -> None:
        if kind == 1:
            told = json.loads(message)
            self.missed_ms += told.get("ms", 0) if told["type"] == "missed" else 0
        elif kind == 2 and self.counts:
            self.frames += 1
            if self.frames % 10 == 0:
                (wall_us,) = struct.unpack_from("!Q", message, 8)
                self.delays_ms.append(time.time() * 1000 - wall_us / 1000)


async def main() -> None:
    ports, web, count, stalled, seconds = (
        json.loads(sys.argv[1]),
        sys.argv[2],
        *(int(arg) for arg in sys.argv[3:6]),
    )
    begin_s = time.monotonic() + 3.0
    until_s = begin_s + seconds
    talker = multiprocessing.Process(target=talk, args=(ports, until_s + 1), daemon=True)
    talker.start()
    await asyncio.sleep(0.5)
    query = f"audio?channels=caller,advisor&encoding=pcmu&token={TOKEN}"
    loop, ears, stalls = asyncio.get_running_loop(), [], []
    for number in range(count):
        ear = Ear(f"127.0.0.1:{web}", f"/api/calls/c-{number % len(ports)}/{query}")
        await loop.create_connection(lambda ear=ear: ear, "127.0.0.1", int(web))
        (stalls if number < stalled else ears).append(ear)
    await asyncio.sleep(begin_s - 1 - time.monotonic())
    for ear in stalls:
        ear.transport.pause_reading()  # from here on not one byte is read
    await asyncio.sleep(begin_s - time.monotonic())
    for ear in ears:
        ear.counts = True
    await asyncio.sleep(until_s - time.monotonic())
    for ear in ears:
        ear.counts = False
    delays = sorted(delay for ear in ears for delay in ear.delays_ms)
    print(
        json.dumps(
            {
                "frames": sum(ear.frames for ear in ears),
                "fewest": min(ear.frames for ear in ears),
                "missed_ms": sum(ear.missed_ms for ear in ears),
                "p50_ms": delays[len(delays) // 2],
                "p99_ms": delays[len(delays) * 99 // 100],
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    asyncio.run(main())

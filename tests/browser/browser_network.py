"""The network between a browser and the gateway: a TCP relay that can stop carrying what the gateway sends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from types import TracebackType

CHUNK_BYTES = 2048
KERNEL_BYTES = 4096
"""What the system holds of what the gateway sent: little, so that the gateway feels a stall soon."""


class Network:
    """An async context manager; open pages at `url`. Everything flows until `stall`."""

    def __init__(self, gateway_url: str) -> None:
        host, _, port = gateway_url.removeprefix("http://").partition(":")
        self._gateway = host, int(port)
        self._clear = asyncio.Event()
        self._clear.set()
        self._carrying: set[asyncio.Task[None]] = set()
        self.url = ""

    async def __aenter__(self) -> Network:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=CHUNK_BYTES)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def stall(self) -> None:
        """Nothing that the gateway sends arrives any more; nothing is lost, either."""
        self._clear.clear()

    def flow(self) -> None:
        """What was held back arrives, then everything as it comes."""
        self._clear.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = socket.socket()
        upstream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)
        upstream.setblocking(False)
        await asyncio.get_running_loop().sock_connect(upstream, self._gateway)
        answers, requests = await asyncio.open_connection(sock=upstream, limit=CHUNK_BYTES)
        for source, sink, held in ((reader, requests, False), (answers, writer, True)):
            task = asyncio.create_task(self._carry(source, sink, held))
            self._carrying.add(task)
            task.add_done_callback(self._carrying.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, held: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await source.read(CHUNK_BYTES):
                if held:
                    await self._clear.wait()
                sink.write(chunk)
                await sink.drain()
        sink.close()

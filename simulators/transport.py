"""UDP, TCP and TLS sockets that carry SIP (RFC 3261 §18): thin adapters that hand up bytes with the hop they
came over.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine

from .errors import MalformedMessage, TransportFailed
from .stream import StreamReader
from .tls import Tls
from .transaction import Hop

Received = Callable[[bytes, Hop], None]
HopFailed = Callable[[Hop, str], None]

CONNECT_TIMEOUT_S = 20.0


class UdpTransport(asyncio.DatagramProtocol):
    """One bound UDP socket."""

    def __init__(self, received: Received) -> None:
        self._received = received
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, host: str, port: int, received: Received) -> UdpTransport:
        """Bind; port 0 means any free one. Raises `TransportFailed`."""
        try:
            _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: cls(received), local_addr=(host, port)
            )
        except OSError as error:
            raise TransportFailed(_cannot_bind("UDP", host, port, error)) from error
        return protocol

    @property
    def port(self) -> int:
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._received(data, Hop("udp", addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """An ICMP error names no transaction: retransmission and timeout deal with it (§18.4)."""

    def send(self, data: bytes, hop: Hop) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, (hop.host, hop.port))

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class TcpTransport:
    """A listening socket, and every connection made or accepted, each known by its far address. With TLS
    where it is given.
    """

    def __init__(self, host: str, received: Received, hop_failed: HopFailed, tls: Tls | None = None) -> None:
        self._host = host
        self._kind = "tls" if tls else "tcp"
        self._client = tls.client() if tls else None
        self._received = received
        self._hop_failed = hop_failed
        self._server: asyncio.Server | None = None
        self._writers: dict[Hop, asyncio.StreamWriter] = {}
        self._waiting: dict[Hop, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls, host: str, port: int, received: Received, hop_failed: HopFailed, tls: Tls | None = None
    ) -> TcpTransport:
        """Listen; port 0 means any free one. Raises `TransportFailed`."""
        self = cls(host, received, hop_failed, tls)
        try:
            self._server = await asyncio.start_server(
                self._accepted, host, port, ssl=tls.server() if tls else None
            )
        except OSError as error:
            raise TransportFailed(_cannot_bind(self._kind.upper(), host, port, error)) from error
        return self

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def send(self, data: bytes, hop: Hop) -> None:
        """Send on the connection to `hop`, opening it first where there is none; failure is told by
        `hop_failed`.
        """
        if (writer := self._writers.get(hop)) is not None and not writer.is_closing():
            writer.write(data)
        elif hop in self._waiting:
            self._waiting[hop].append(data)
        else:
            self._waiting[hop] = [data]
            self._spawn(self._connect(hop))

    @property
    def connected(self) -> int:
        """[# connections]."""
        return len(self._writers)

    def cut(self) -> None:
        """Break every connection, as when a wire is pulled; new ones can be made."""
        for writer in list(self._writers.values()):
            writer.transport.abort()
        self._writers.clear()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        for writer in self._writers.values():
            writer.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._writers.clear()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, hop: Hop) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(
                    hop.host, hop.port, local_addr=(self._host, 0), ssl=self._client
                )
        except (OSError, TimeoutError) as error:
            self._waiting.pop(hop, None)
            self._hop_failed(hop, f"cannot connect to {hop}: {error or 'no answer'}")
            return
        self._writers[hop] = writer
        for data in self._waiting.pop(hop):
            writer.write(data)
        await self._read(reader, writer, hop)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        host, port = writer.get_extra_info("peername")[:2]
        hop = Hop(self._kind, host, port)
        self._writers[hop] = writer
        with contextlib.suppress(asyncio.CancelledError):
            await self._read(reader, writer, hop)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hop: Hop) -> None:
        with contextlib.suppress(OSError):
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = StreamReader()
        try:
            while data := await reader.read(65_536):
                for message in stream.feed(data):
                    self._received(message, hop)
        except (OSError, MalformedMessage):
            pass
        finally:
            if self._writers.get(hop) is writer:
                del self._writers[hop]
            writer.close()


def _cannot_bind(kind: str, host: str, port: int, error: OSError) -> str:
    if isinstance(error, OSError) and error.errno == 98:
        return (
            f"{kind} {host}:{port} is in use by another program; choose another port, or 0 for any free one"
        )
    return f"cannot bind {kind} {host}:{port}: {error.strerror or error}"

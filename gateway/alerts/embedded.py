"""A broker in this process (amqtt), for the demo and the tests: nothing to install, nothing kept after it
ends.
"""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType

_LISTENER = "default"


class EmbeddedBroker:
    """`async with EmbeddedBroker() as broker:` then `broker.url`. Anyone on this machine may connect: for
    loopback only.
    """

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        self._bind = (host, port)
        self.host = host
        self.port = port
        """The real port once entered; port 0 lets the system choose."""

    @property
    def url(self) -> str:
        return f"mqtt://{self.host}:{self.port}"

    async def __aenter__(self) -> EmbeddedBroker:
        for chatty in ("amqtt", "transitions"):
            logging.getLogger(chatty).setLevel(logging.ERROR)
        # The broker takes connections that are accepted here: a listener of its own does not tell which port
        # it was given.
        self._broker = Broker(
            BrokerConfig(
                listeners={_LISTENER: ListenerConfig(type=ListenerType.EXTERNAL)},
                plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            )
        )
        await self._broker.start()
        self._connections: set[asyncio.StreamWriter] = set()
        self._server = await asyncio.start_server(self._connected, *self._bind)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._broker.shutdown()
        for writer in tuple(self._connections):
            writer.close()
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            await self._broker.external_connected(
                StreamReaderAdapter(reader), StreamWriterAdapter(writer), _LISTENER
            )
        finally:
            self._connections.discard(writer)
            writer.close()
